# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""
What is none of the bypass's business, in numbers: floods beside a transfer, packets that are routed,
not marked, for the director itself or excluded, and monitor mode.
"""
import contextlib
import http.client
import random
import threading
import time

import pytest
from scapy.all import (IP, TCP, UDP, Dot1Q, Ether, IPv6, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop,
                       Raw, fragment)

from bypass import (ECHO, FAMILIES, HTTP, PORTS, SLOT, Capture, Director, address, comparable,
                    ipvs_lines, needs_ipvs, pattern, topology, vip)
from conftest import adds_up, row

pytestmark = needs_ipvs
net = pytest.fixture(topology, scope="module", name="net")

PIECE = 200000  # of a transfer
FLOOD = 16384  # packets, from as many clients
FLOOD_PPS = 8000
# Packets of each kind that are left alone: sent, and at least received. A loaded machine's veth
# loses some: what matters is that the others are not touched.
OTHERS, OTHERS_RECEIVED = 100000, 50000
STRAY = 10  # neighbours that look for each other meanwhile
BLIND = 300
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


def ethernet(net):
    return Ether(src=net.mac("rt", "lb0"), dst=net.mac("lb", "eth0"))


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


@pytest.fixture(name="director")
def director_with_bypass(net):
    with Director(net, ipvs_lines("direct", 4, servers=(1,)) +
                  ipvs_lines("direct", 6, servers=(1,)), True) as director:
        yield director


def seen_since(director, before, packets):
    """Until the slot has seen so many more."""
    wanted = row(before, SLOT)["seen"]["packets"] + packets
    return await_stats(director, lambda stats: row(stats, SLOT)["seen"]["packets"] >= wanted)


def entered(director):
    return {(flow["proto"], flow["sport"]) for flow in director.flows()}


def test_syn_flood(net, director):
    frame = ethernet(net) / IP(src="198.18.0.0", dst=vip(4, "direct")) / TCP(
        sport=1024, dport=HTTP, flags="S")
    with settled(net, director) as transfer:
        before = director.stats()
        assert int(net.flood(frame, FLOOD, FLOOD, FLOOD_PPS).communicate(timeout=60)[0]) == FLOOD
        seen_since(director, before, FLOOD // 4)  # veth's ring loses some beside the transfer
        flows, counts = entered(director), director.counts()
    print(f"{FLOOD} SYNs: {len(flows)} flow entered, {counts}")
    assert flows == {("tcp", transfer.port)}
    assert counts["evicted"] == 0 and counts["table-full"] == 0
    assert counts["pending"] >= FLOOD // 4
    assert director.paths() == 1


def test_ack_flood(net, director):
    """Connections that nobody has: IPVS does not forward these, so nothing is entered."""
    frame = ethernet(net) / IP(src="198.19.0.0", dst=vip(4, "direct")) / TCP(
        sport=1024, dport=HTTP, flags="A", seq=1, ack=1)
    with settled(net, director) as transfer:
        before = director.stats()
        assert int(net.flood(frame, FLOOD, FLOOD, FLOOD_PPS).communicate(timeout=60)[0]) == FLOOD
        seen_since(director, before, FLOOD // 4)  # veth's ring loses some beside the transfer
        flows = entered(director)
    assert flows == {("tcp", transfer.port)}
    assert director.counts()["evicted"] == 0
    assert director.paths() == 1


def test_blind_resets(net, director):
    """On the transfer's tuple, with numbers that are not the expected one."""
    with settled(net, director) as transfer:
        before = director.stats()
        net.wire(ethernet(net) / IP(src=address(4, 1, 2), dst=vip(4, "direct")) / TCP(
            sport=transfer.port, dport=HTTP, flags=flags, seq=random.getrandbits(32))
            for flags in ("R", "RA") for _ in range(BLIND // 2))
        await_stats(director, lambda stats: stats["reasons"].get("bypass-rst-blind", 0) -
                    before["reasons"].get("bypass-rst-blind", 0) >= BLIND)
        assert [flow["state"] for flow in director.flows()] == ["active"]
    assert director.since(before)[0]["bypass-rst-blind"] == BLIND


def malformed(net, transfer):
    """On the transfer's tuple, as far as that can be told."""
    link = ethernet(net)
    ends = {"src": address(4, 1, 2), "dst": vip(4, "direct")}
    tcp = TCP(sport=transfer.port, dport=HTTP, flags="A", seq=1, ack=1)
    good = bytes(link / IP(**ends) / tcp / Raw(b"x" * 40))
    frames = [good[:size] for size in (14, 15, 20, 33, 34, 35, 37, 38, 46, 53)]
    ip = {"ihl": (0, 4, 6, 15), "version": (0, 5, 6), "len": (0, 19, 20, 39, 2000)}
    frames += [link / IP(**ends, **{name: value}) / tcp for name, values in ip.items()
               for value in values]
    frames += [link / IP(**ends) / TCP(sport=transfer.port, dport=HTTP, flags="A", dataofs=offset)
               for offset in (0, 4, 15)]
    frames += [link / IP(**ends) / UDP(sport=1, dport=ECHO, len=length) / Raw(b"x" * 8)
               for length in (0, 7, 8, 200)]
    frames += [link / IP(**ends, chksum=1) / tcp, link / IP(**ends, ttl=0) / tcp,
               link / IP(**ends, ttl=1) / tcp, link / Dot1Q(vlan=4095) / Raw(b""),
               link / Dot1Q(vlan=1, type=0x8100) / Raw(b"\0"), link / Raw(b"\xff" * 60)]
    v6 = {"src": address(6, 1, 2), "dst": vip(6, "direct")}
    frames += [bytes(link / IPv6(**v6) / UDP(sport=1, dport=ECHO) / Raw(b"x" * 8))[:size]
               for size in (53, 54, 61)]
    frames += [link / IPv6(**v6, plen=length) / UDP(sport=1, dport=ECHO) / Raw(b"x" * 8)
               for length in (0, 7, 2000)]
    frames += [link / IPv6(**v6) / IPv6ExtHdrHopByHop() / UDP(sport=1, dport=ECHO),
               link / IPv6(**v6, nh=59), link / IPv6(**v6, nh=0) / Raw(b"\x11\xff")]
    return frames


def fragments(net, transfer):
    link = ethernet(net)
    whole = IP(src=address(4, 1, 2), dst=vip(4, "direct")) / TCP(
        sport=transfer.port, dport=HTTP, flags="A", seq=1, ack=1) / Raw(pattern(3000))
    frames = [link / part for part in fragment(whole, 1000)]
    frames += [link / IP(src=address(4, 1, 2), dst=vip(4, "direct"), flags="MF", proto=6,
                         frag=offset) / Raw(b"x" * 64) for offset in (0, 1, 2, 8000, 8191)]
    frames += [link / IPv6(src=address(6, 1, 2), dst=vip(6, "direct")) /
               IPv6ExtHdrFragment(nh=17, offset=offset, m=more, id=offset) / Raw(b"x" * 64)
               for offset, more in ((0, 1), (1, 0), (100, 1))]
    return frames


def test_malformed_and_fragmented(net, director):
    with settled(net, director) as transfer:
        before = director.stats()
        bad, parts = malformed(net, transfer), fragments(net, transfer)
        rounds = 3
        for _ in range(rounds):
            net.wire(bad + parts)
        after = seen_since(director, before, rounds * len(parts))
        reasons = director.since(before)[0]
        flows = entered(director)
    print(f"{rounds} times {len(bad)} malformed frames and {len(parts)} fragments: {reasons}")
    assert row(after, SLOT)["seen"]["packets"] > row(before, SLOT)["seen"]["packets"]
    assert reasons["bypass-fragment"] >= rounds
    # IPVS does not look at the length in a UDP header, and balances that flow
    assert {("tcp", transfer.port)} <= flows <= {("tcp", transfer.port), ("udp", 1)}


def quiet_service():
    return ipvs_lines("direct", 4, servers=(1,), protos="u", ports={"u": QUIET_PORT})


def udp_frame(net, dst, payload=b"left alone", **fields):
    return ethernet(net) / IP(src="198.18.0.0", dst=dst, id=1, ttl=60, **fields) / UDP(
        sport=1024, dport=QUIET_PORT) / Raw(payload)


def received(net, host, dev, frame, count, wanted):
    """
    Frames that the host gets for so many, each from another client; and a capture of some to
    compare, sorted.
    """
    with Capture(net.hosts[host], dev, lambda data: wanted in data) as capture:
        for number in range(8):
            some = frame.copy()
            some[IP].src = f"198.18.1.{number}"
            net.wire([bytes(some)])
        samples = sorted(comparable(seen.bytes) for seen in capture.await_frames(8))
    before = counter(net, host, dev)
    assert int(net.flood(frame, count, 4096).communicate(timeout=120)[0]) == count
    return samples, counter(net, host, dev) - before


def counter(net, host, dev):
    """Packets that came in, as the device says."""
    for line in net.hosts[host].read("dev").splitlines():
        name, _, words = line.partition(":")
        if name.strip() == dev:
            return int(words.split()[1])
    raise KeyError(dev)


OTHER = {
    # destination, host and interface that sees it
    "routed": ("10.7.0.1", "rs1", "eth0"),
    "local": ("10.9.9.99", "lb", "eth0"),
    "unmarked": (vip(4, "mark"), "lb", "eth0"),
    "excluded": (vip(4, "direct"), "rs1", "eth0"),
}


@pytest.mark.parametrize("what", OTHER)
def test_others_are_left_alone(net, what):
    """Receivers get the same packets as without the bypass, and it remembers nothing of them."""
    dst, host, dev = OTHER[what]
    payload = b"left alone: %s" % what.encode()
    lines = quiet_service() + ipvs_lines("mark", 4, servers=(1,))
    if what == "unmarked":  # other packets to this address are
        net.lb.shell("tc filter del dev eth0 ingress")
    frame = udp_frame(net, dst, payload)
    try:
        with Director(net, lines, False):
            plain, _ = received(net, host, dev, frame, 64, payload)
        with Director(net, lines, True) as director:
            if what == "excluded":
                director.command("exclude", "add", f"{dst}/32")
            samples, packets = received(net, host, dev, frame, OTHERS, payload)
            reasons, seen = director.since()
            assert director.flows() == [] and director.paths() == 0
            counts = director.counts()
    finally:
        if what == "unmarked":
            net.mark_services()
    print(f"{what}: {packets} of {OTHERS} packets received; reasons {reasons}; egress "
          f"{ {name: count for name, count in counts.items() if count} }")
    assert len(samples) == 8 and samples == plain
    assert seen + STRAY >= packets >= OTHERS_RECEIVED
    assert not [reason for reason in reasons if reason.startswith("bypass")]
    assert counts["learned"] == counts["pending"] == 0
    if what in ("excluded", "routed"):
        assert counts["excluded" if what == "excluded" else "unrelated"] + STRAY >= packets


def test_monitor_mode(net):
    """Nothing is changed: the server gets what IPVS sends, and all that would be done is counted."""
    payload = b"only watched"
    frame = udp_frame(net, vip(4, "direct"), payload)
    lines = quiet_service()
    with Director(net, lines, False):
        plain, _ = received(net, "rs1", "eth0", frame, 64, payload)
    with Director(net, lines, True, options=("--monitor",)) as director:
        samples, packets = received(net, "rs1", "eth0", frame, OTHERS, payload)
        reasons, seen = director.since()
        flows = director.flows()
        actions = director.actions(SLOT)
    print(f"monitor: {packets} of {OTHERS} packets received; {len(flows)} flows, reasons {reasons}")
    assert samples == plain and len(samples) == 8
    assert "bypass-hit" not in reasons
    assert reasons["bypass-monitor"] > 0.5 * OTHERS_RECEIVED
    assert len(flows) > 1000 and all(flow["packets"] == 0 for flow in flows)
    assert set(actions) == {"next"}
    assert seen + STRAY >= packets >= OTHERS_RECEIVED
