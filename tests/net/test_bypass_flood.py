# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""
What is none of the bypass's business, in numbers: floods beside a transfer, packets that are routed,
not marked, for the director itself or excluded, and monitor mode.
"""
import collections
import contextlib
import http.client
import random
import struct
import threading
import time

import pytest

import frames
from bypass import (ECHO, FAMILIES, HTTP, PORTS, SLOT, Director, address, ipvs_lines, needs_ipvs, pattern, topology, vip)
from conftest import adds_up, row
from frames import Capture, comparable

pytestmark = needs_ipvs
net = pytest.fixture(topology, scope="module", name="net")

PIECE = 200000  # of a transfer
FLOOD = 16384  # packets, from as many clients
FLOOD_PPS = 8000
# Packets of each kind that are left alone: sent, and at least received. A loaded machine's veth
# loses some: what matters is that the others are not touched.
OTHERS, OTHERS_RECEIVED = 100000, 50000
STRAY = 10  # neighbours that look for each other meanwhile
BLIND = 80  # of each kind; veth's ring holds all
QUIET_PORT = 7777  # nobody listens


class Transfer:
    """Pieces of a file over one connection, as fast as they come, while the `with` lasts."""

    def __init__(self, net, kind="direct", family=4):
        self.port, self.pieces, self.wrong, self.stopping = next(PORTS), 0, [], False
        self.client = http.client.HTTPConnection(vip(family, kind), HTTP, timeout=30)
        self.client.sock = net.cl.socket(FAMILIES[family])
        self.client.sock.settimeout(30)
        self.client.sock.bind((address(family, 1, 2), self.port))
        self.client.sock.connect((vip(family, kind), HTTP))
        self.thread = threading.Thread(target=self.work)

    def work(self):
        while not self.stopping:
            try:
                self.client.request("GET", f"/{PIECE}")
                if self.client.getresponse().read() != pattern(PIECE):
                    self.wrong.append("other content")
            except (OSError, http.client.HTTPException) as error:
                self.wrong.append(error)
                return
            self.pieces += 1

    def await_pieces(self, count):
        deadline = time.monotonic() + 30
        while self.pieces < count:
            assert not self.wrong and time.monotonic() < deadline, (self.pieces, self.wrong)
            time.sleep(0.02)

    def __enter__(self):
        self.thread.start()
        self.await_pieces(1)
        return self

    def __exit__(self, *_):
        self.stopping = True
        self.thread.join()
        self.client.close()


def macs(net):
    return net.mac("rt", "lb0"), net.mac("lb", "eth0")


def segment(net, source, sport, *, target=None, **fields):
    """One of TCP to the web service, or to another destination."""
    ends = source, target or vip(4, "direct")
    return frames.packet(macs(net), ends, frames.TCP, frames.tcp(ends, (sport, HTTP), **fields))


def await_stats(director, good):
    deadline = time.monotonic() + 20
    while True:
        stats = director.stats()
        if good(stats):
            return stats
        assert time.monotonic() < deadline, stats
        time.sleep(0.05)


def explained(director):
    """
    Every packet: what the root handed on the slot has seen; what the slot has seen has an action;
    what it forwarded is hits.
    """
    stats = await_stats(director, lambda stats: sum(
        director.actions(SLOT, after=stats).values()) == director.actions("root", after=stats)["next"])
    adds_up(stats)
    did = director.actions(SLOT, after=stats)
    assert set(did) <= {"next", "tx", "redirect"}
    assert did["tx"] + did.get("redirect", 0) == director.hits()


@contextlib.contextmanager
def settled(net, director):
    """A transfer at work in the `with`; afterwards it is whole, and all packets are accounted for."""
    with Transfer(net) as transfer:
        before = director.stats()
        yield transfer
        transfer.await_pieces(transfer.pieces + 2)
        assert director.hits(before) > 100, "the transfer goes on past IPVS"
    assert not transfer.wrong
    explained(director)


# host, dev: interface that sees packets to @dst
Other = collections.namedtuple("Other", "dst host dev")
OTHER = {
    "routed": Other("10.7.0.1", "rs1", "eth0"),
    "local": Other("10.9.9.99", "lb", "eth0"),
    "unmarked": Other(vip(4, "mark"), "lb", "eth0"),
    "excluded": Other(vip(4, "direct"), "rs1", "eth0"),
}
LINES = [line for family in (4, 6) for line in ipvs_lines("direct", family, servers=(1,))] + [
    line for kind in ("direct", "mark")
    for line in ipvs_lines(kind, 4, servers=(1,), protos="u", ports={"u": QUIET_PORT})]


@pytest.fixture(name="plain", scope="module")
def plain_samples(net):
    """What IPVS alone does with packets of other kinds; those for the mark's service have none."""
    net.lb.shell("tc filter del dev eth0 ingress")
    with Director(net, LINES, False):
        found = {what: some(net, case) for what, case in OTHER.items()}
    yield found
    net.mark_services()


@pytest.fixture(name="attached", scope="module")
def attached_director(net, plain):
    with Director(net, LINES, True) as director:
        yield director


@pytest.fixture(name="director")
def director_anew(attached):
    """Counted from here on."""
    attached.start = attached.stats()
    return attached


def seen_since(director, before, packets):
    """Until the slot has seen so many more."""
    wanted = row(before, SLOT)["seen"]["packets"] + packets
    return await_stats(director, lambda stats: row(stats, SLOT)["seen"]["packets"] >= wanted)


def entered(director):
    return {(flow["proto"], flow["sport"]) for flow in director.flows()}


def flooded(net, director, flags):
    """A flood of segments from as many clients; the transfer beside it, and flows that are new."""
    frame = segment(net, "198.18.0.0", 1024, flags=flags, seq=1, ack=1)
    before = entered(director)
    with settled(net, director) as transfer:
        start = director.stats()
        assert int(net.flood(frame, FLOOD, FLOOD, FLOOD_PPS).communicate(timeout=60)[0]) == FLOOD
        seen_since(director, start, FLOOD // 4)  # veth's ring loses some beside the transfer
        return transfer, entered(director) - before


def test_syn_flood(net, director):
    before = director.counts()
    transfer, flows = flooded(net, director, "S")
    counts = director.counts()
    print(f"{FLOOD} SYNs: {len(flows)} flow entered, {counts}")
    assert flows == {("tcp", transfer.port)}
    assert counts["evicted"] == 0 and counts["table-full"] == 0
    assert counts["pending"] - before["pending"] >= FLOOD // 4
    assert director.paths() == 1


def test_ack_flood(net, director):
    """Connections that nobody has: IPVS does not forward these, so nothing is entered."""
    transfer, flows = flooded(net, director, "A")
    assert flows == {("tcp", transfer.port)}
    assert director.counts()["evicted"] == 0
    assert director.paths() == 1


def state_of(director, port):
    return [flow["state"] for flow in director.flows() if flow["sport"] == port]


def test_blind_segments(net, director):
    """RST and SYN on the transfer's tuple, with numbers that are not the expected one."""
    with settled(net, director) as transfer:
        before = director.stats()
        net.wire(segment(net, address(4, 1, 2), transfer.port, flags=flags,
                         seq=random.getrandbits(32))
                 for flags in ("R", "RA", "S") for _ in range(BLIND))
        seen_since(director, before, 3 * BLIND)
        reasons = director.since(before)[0]
        assert state_of(director, transfer.port) == ["active"]
        transfer.await_pieces(transfer.pieces + 2)
        assert state_of(director, transfer.port) == ["active"]
    assert (reasons["bypass-rst-blind"], reasons["bypass-syn"]) == (2 * BLIND, BLIND)


def lying(frame, offset, values):
    """Frames that differ there."""
    return [frames.patched(frame, offset, value) for value in values]


def halves(*numbers):
    return [struct.pack("!H", number) for number in numbers]


def octets(*numbers):
    return [bytes([number]) for number in numbers]


IP, PORTS4 = 14, 34  # offsets in a frame


def malformed(net, transfer):
    """On the transfer's tuple, as far as that can be told."""
    ends4, ends6 = ((address(family, 1, 2), vip(family, "direct")) for family in (4, 6))
    tcp = segment(net, ends4[0], transfer.port, seq=1, ack=1)
    good = segment(net, ends4[0], transfer.port, seq=1, ack=1, payload=b"x" * 40)
    udp = frames.packet(macs(net), ends4, frames.UDP, frames.udp(ends4, (1, ECHO), b"x" * 8))
    made = [good[:size] for size in (14, 15, 20, 33, 34, 35, 37, 38, 46, 53)]
    made += lying(tcp, IP, octets(0x40, 0x44, 0x46, 0x4f, 0x05, 0x55, 0x65))  # version, length
    made += lying(tcp, IP + 2, halves(0, 19, 20, 39, 2000))
    made += lying(tcp, PORTS4 + 12, octets(0, 0x40, 0xf0))
    made += lying(udp, PORTS4 + 4, halves(0, 7, 8, 200))
    made += lying(tcp, IP + 10, halves(1)) + lying(tcp, IP + 8, octets(0, 1))  # checksum, TTL
    made += [frames.ethernet(macs(net), proto, payload, tags) for tags, proto, payload in (
        ([(0x8100, 4095)], 0x9000, b""), ([(0x8100, 1)], 0x8100, b"\0"), ([], 0x9000, b"\xff" * 60))]
    six = frames.packet(macs(net), ends6, frames.UDP, frames.udp(ends6, (1, ECHO), b"x" * 8))
    made += [six[:size] for size in (53, 54, 61)]
    made += lying(six, IP + 4, halves(0, 7, 2000))
    for proto, payload in (0, b"\x11\0" + bytes(6) + six[IP + 40:]), (59, b""), (0, b"\x11\xff"):
        made.append(frames.packet(macs(net), ends6, proto, payload))
    return made


def fragments(net, transfer):
    ends4, ends6 = ((address(family, 1, 2), vip(family, "direct")) for family in (4, 6))
    whole = frames.tcp(ends4, (transfer.port, HTTP), pattern(3000), seq=1, ack=1)
    parts = [(at // 8 | (frames.MF if at + 1000 < len(whole) else 0), whole[at:at + 1000])
             for at in range(0, len(whole), 1000)]
    parts += [(frames.MF | offset, b"x" * 64) for offset in (0, 1, 2, 8000, 8191)]
    made = [frames.packet(macs(net), ends4, frames.TCP, part, fragment=fragment)
            for fragment, part in parts]
    made += [frames.packet(macs(net), ends6, 44, struct.pack(
        "!BBHI", frames.UDP, 0, offset << 3 | more, offset) + b"x" * 64)
        for offset, more in ((0, 1), (1, 0), (100, 1))]
    return made


def test_malformed_and_fragmented(net, director):
    known = entered(director)
    with settled(net, director) as transfer:
        before = director.stats()
        bad, parts = malformed(net, transfer), fragments(net, transfer)
        rounds = 3
        for _ in range(rounds):
            net.wire(bad + parts)
        after = seen_since(director, before, rounds * len(parts))
        reasons = director.since(before)[0]
        flows = entered(director) - known
    print(f"{rounds} times {len(bad)} malformed frames and {len(parts)} fragments: {reasons}")
    assert row(after, SLOT)["seen"]["packets"] > row(before, SLOT)["seen"]["packets"]
    assert reasons["bypass-fragment"] >= rounds
    # IPVS does not look at the length in a UDP header, and balances that flow
    assert {("tcp", transfer.port)} <= flows <= {("tcp", transfer.port), ("udp", 1)}


# --- packets that are none of ours, and monitor mode

def payload_of(case):
    return b"left alone: " + case.dst.encode()


def udp_frame(net, dst, payload, source="198.18.0.0"):
    ends = source, dst
    segment_ = frames.udp(ends, (1024, QUIET_PORT), payload)
    return frames.packet(macs(net), ends, frames.UDP, segment_, ident=1, ttl=60, fragment=0)


def some(net, case):
    """What the host gets for eight frames, to compare: sorted."""
    payload = payload_of(case)
    with Capture(net.hosts[case.host], case.dev, lambda data: payload in data) as capture:
        net.wire(udp_frame(net, case.dst, payload, f"198.18.1.{number}") for number in range(8))
        return sorted(comparable(seen.bytes) for seen in capture.await_frames(8))


def flood(net, case):
    """Packets that the host gets for OTHERS from 4096 clients."""
    frame = udp_frame(net, case.dst, payload_of(case))
    before = counter(net, case.host, case.dev)
    assert int(net.flood(frame, OTHERS, 4096).communicate(timeout=120)[0]) == OTHERS
    return counter(net, case.host, case.dev) - before


def counter(net, host, dev):
    """Packets that came in, as the device says."""
    for line in net.hosts[host].read("dev").splitlines():
        name, _, words = line.partition(":")
        if name.strip() == dev:
            return int(words.split()[1])
    raise KeyError(dev)


@pytest.mark.parametrize("what", OTHER)
def test_others_are_left_alone(net, plain, director, what):
    """Receivers get the same packets as without the bypass, and it remembers nothing of them."""
    case, flows, paths = OTHER[what], entered(director), director.paths()
    if what == "excluded":
        director.command("exclude", "add", f"{case.dst}/32")
    before = director.counts()
    samples, packets = some(net, case), flood(net, case)
    reasons, seen = director.since()
    counts = {name: count - before[name] for name, count in director.counts().items()}
    if what == "excluded":
        director.command("exclude", "del", f"{case.dst}/32")
    print(f"{what}: {packets} of {OTHERS} packets received; reasons {reasons}; egress "
          f"{ {name: count for name, count in counts.items() if count} }")
    assert len(samples) == 8 and samples == plain[what]
    assert seen + STRAY >= packets >= OTHERS_RECEIVED
    assert not [reason for reason in reasons if reason.startswith("bypass")]
    assert entered(director) == flows and director.paths() == paths
    assert counts["learned"] == counts["pending"] == 0
    if what in ("excluded", "routed"):
        assert counts["excluded" if what == "excluded" else "unrelated"] + STRAY >= packets


def test_monitor_mode(net, plain, director):
    """Nothing is changed: the server gets what IPVS sends, and all that would be done is counted."""
    director.params(monitor="on")
    case = OTHER["excluded"]  # but now it is not
    samples, packets = some(net, case), flood(net, case)
    reasons, seen = director.since()
    flows = [flow for flow in director.flows() if flow["dport"] == QUIET_PORT]
    actions = director.actions(SLOT)
    director.params(monitor="off")
    print(f"monitor: {packets} of {OTHERS} packets received; {len(flows)} flows, reasons {reasons}")
    assert samples == plain["excluded"] and len(samples) == 8
    assert "bypass-hit" not in reasons
    assert reasons["bypass-monitor"] > 0.5 * OTHERS_RECEIVED
    assert len(flows) > 1000 and all(flow["packets"] == 0 for flow in flows)
    assert set(actions) == {"next"}
    assert seen + STRAY >= packets >= OTHERS_RECEIVED
