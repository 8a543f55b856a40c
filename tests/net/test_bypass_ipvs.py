# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""
IPVS with the bypass beside IPVS alone: the same traffic through both, and the same comes out, for
clients, for servers, and for who looks at IPVS. Most of it goes past IPVS.
"""
import collections
import hashlib
import http.client
import subprocess
import time

import pytest
from scapy.all import IP, TCP, UDP, Dot1Q, Ether, IPv6, Raw

from bypass import (HTTP, KINDS, PORTS, Capture, Connection, Director, address, comparable,
                    ipvs_lines, needs_ipvs, pattern, topology, vip)

pytestmark = needs_ipvs
net = pytest.fixture(topology, scope="module", name="net")

DOWN, UP, DATAGRAMS = 3000000, 1000000, 60
SAMPLE_S = 1
CASES = [(kind, family) for kind in KINDS for family in (4, 6)]

# contents: is what curl got right; servers: that answered; hits, seen: packets of the clients
Outcome = collections.namedtuple("Outcome", "contents servers conns hits seen timers")


def curl(net, family, kind, path, *options):
    """One transfer by curl; what came back."""
    host = vip(family, kind)
    host = f"[{host}]" if family == 6 else host
    return subprocess.run(
        ["nsenter", "--net=/run/netns/cl", "curl", "-sS", "-g", "--max-time", "30", "--local-port",
         str(next(PORTS)), *options, f"http://{host}/{path}"], check=True, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE).stdout


def transfers(net, family, kind):
    """Down and up; is the content what it should be?"""
    got = curl(net, family, kind, DOWN)
    body = pattern(UP)
    told = subprocess.run(
        ["nsenter", "--net=/run/netns/cl", "curl", "-sS", "-g", "--max-time", "30", "-T", "-",
         "-H", "Transfer-Encoding:", "-H", f"Content-Length: {UP}", "-H", "Expect:",
         "--local-port", str(next(PORTS)),
         f"http://{'[%s]' % vip(family, kind) if family == 6 else vip(family, kind)}/up"],
        input=body, check=True, stdout=subprocess.PIPE).stdout
    return [got == pattern(DOWN), told == hashlib.sha256(body).hexdigest().encode()]


def datagrams(net, family, kind):
    with Connection(net, family, "udp", kind) as client:
        return [client.exchange(b"datagram %d" % number) for number in range(DATAGRAMS)]


def timers(net, director):
    """
    What IPVS has of a connection while it works, once it has ended, and of a UDP flow: state, and
    seconds left.
    """
    found = {}
    client = http.client.HTTPConnection(vip(4, "direct"), HTTP, timeout=10)
    port = next(PORTS)
    client.sock = net.cl.socket()
    client.sock.settimeout(10)
    client.sock.bind((address(4, 1, 2), port))
    client.sock.connect((vip(4, "direct"), HTTP))
    with Connection(net, 4, "udp", "direct") as udp:
        end = time.monotonic() + 2.5 * SAMPLE_S
        while time.monotonic() < end:
            client.request("GET", "/20000")
            assert client.getresponse().read() == pattern(20000)
            udp.exchange(b"on and on")
        entries = net.connections()
        found["working"] = entries["TCP", port]
        found["udp"] = entries["UDP", udp.port]
    client.close()
    deadline = time.monotonic() + 5
    while net.connections()["TCP", port][0] == "ESTABLISHED":
        assert time.monotonic() < deadline
    found["closed"] = net.connections()["TCP", port]
    return found


def run(net, bypass):
    lines = [line for kind, family in CASES for line in ipvs_lines(kind, family)]
    with Director(net, lines, bypass) as director:
        director.params(sample=f"{SAMPLE_S}s")
        contents, servers, hits, seen = {}, {}, {}, {}
        for case in CASES:
            for proto, work in ("tcp", transfers), ("udp", datagrams):
                before = director.stats()
                result = work(net, case[1], case[0])
                (contents if proto == "tcp" else servers)[case] = result
                reasons, packets = director.since(before)
                hits[case + (proto,)], seen[case + (proto,)] = reasons.get("bypass-hit", 0), packets
        found = timers(net, director)
        return Outcome(contents, servers, director.await_conns(3 * len(CASES) + 2), hits, seen,
                       found)


@pytest.fixture(scope="module", name="plain")
def plain_outcome(net):
    return run(net, False)


@pytest.fixture(scope="module", name="bypassed")
def bypassed_outcome(net):
    return run(net, True)


def test_plain_ipvs_does_it(plain):
    """Else there would be nothing to compare with."""
    assert all(content == [True, True] for content in plain.contents.values()), plain.contents
    assert all(len(set(names)) == 1 and names[0] in ("rs1", "rs2")
               for names in plain.servers.values()), plain.servers
    assert not any(plain.hits.values())
    assert plain.timers["working"][0] == "ESTABLISHED"


@pytest.mark.parametrize("kind, family", CASES, ids=lambda value: str(value))
def test_transfers(plain, bypassed, kind, family):
    """The content is right, and most packets of the client went past IPVS."""
    case = kind, family
    assert bypassed.contents[case] == [True, True]
    assert bypassed.servers[case] == plain.servers[case]
    for proto in "tcp", "udp":
        hits, seen = bypassed.hits[case + (proto,)], bypassed.seen[case + (proto,)]
        print(f"{kind} IPv{family} {proto}: {hits} of {seen} packets bypassed ({hits / seen:.0%})")
        assert seen >= DATAGRAMS
        assert hits > 0.5 * seen


def test_connection_counts(plain, bypassed):
    """As ipvsadm tells them, of each service and of each server."""
    assert sum(plain.conns.values()) == 2 * (3 * len(CASES) + 2), plain.conns
    assert bypassed.conns == plain.conns


def test_timers(plain, bypassed):
    """Entries of IPVS are in the same state, and are kept as long but for the sample interval."""
    for when, (state, left) in plain.timers.items():
        print(f"{when}: {state} {left} s, with the bypass {bypassed.timers[when]}")
        assert bypassed.timers[when][0] == state, when
        assert abs(bypassed.timers[when][1] - left) <= SAMPLE_S + 1, when


def test_entries_expire(net):
    """With a UDP timeout of 3 s and packets all the while: there until the end, and 3 s longer."""
    with Director(net, ipvs_lines("direct", 4), True) as director:
        director.params(sample="500ms", retry="500ms")
        director.ipvsadm("--set", "0", "0", "3")
        try:
            with Connection(net, 4, "udp", "direct") as client:
                start = time.monotonic()
                while time.monotonic() < start + 4:
                    client.exchange(b"still here")
                    assert ("UDP", client.port) in net.connections()
                last = time.monotonic()
            assert director.hits() > 0
            while ("UDP", client.port) in net.connections():
                assert time.monotonic() < last + 6
                time.sleep(0.05)
            took = time.monotonic() - last
        finally:
            director.ipvsadm("--set", "0", "0", "300")
    print(f"the entry of IPVS was gone after {took:.1f} s")
    assert 2 <= took <= 4.5


# Frames of one flow, sent one by one to a port that no server listens on.

QUIET_PORT = 7777
FLOWS_OF_FRAMES = [(kind, family, proto, 100 if kind == "vlan" else None)
                   for kind in KINDS for family in (4, 6) for proto in ("udp", "tcp")] + [
                       ("direct", 4, "udp", 100), ("vlan", 4, "udp", None),
                       ("direct", 4, "tcp", 0), ("redirect", 6, "udp", 100)]
# The server says nothing, and does not unpack what is captured: that would show in the capture.
DEAF = [f"tc qdisc add dev {dev} clsact" for dev in ("eth0", "eth1")] + [
    f"tc filter add dev {dev} ingress protocol {match} action drop"
    for dev in ("eth0", "eth1")
    for match in ("ip matchall", *(f"ipv6 prio {number} u32 match ip6 protocol {number} 0xff"
                                   for number in (4, 6, 17, 41)))]

# sent: frames; plain, bypassed: what the server got of each; hits: how many were bypassed
Flow = collections.namedtuple("Flow", "sent plain bypassed hits")


class Frames:
    """Frames of one flow, as they arrive at the director."""

    def __init__(self, net, kind, family, proto, tag):
        self.net, self.kind, self.family, self.proto, self.tag = net, kind, family, proto, tag
        self.port = next(PORTS)
        self.macs = {"src": net.mac("rt", "lb0"), "dst": net.mac("lb", "eth0")}

    def frame(self, size=32, padding=0, prio=0, udp_sum=None, flags="A", options=(), **fields):
        ends = {"src": address(self.family, 1, 2), "dst": vip(self.family, self.kind)}
        if self.family == 4:
            ip = IP(**ends, **{"flags": "DF", "id": 4711, **fields})
        else:
            names = {"tos": "tc", "ttl": "hlim"}
            ip = IPv6(**ends, **{names.get(name, name): value for name, value in fields.items()
                                 if name not in ("id", "flags")})
        ports = {"sport": self.port, "dport": QUIET_PORT}
        if self.proto == "udp":
            head = UDP(**ports, **({} if udp_sum is None else {"chksum": udp_sum}))
        else:
            head = TCP(**ports, flags=flags, seq=1000, ack=5000, options=list(options))
        link = Ether(**self.macs)
        if self.tag is not None:
            link /= Dot1Q(vlan=self.tag, prio=prio)
        return bytes(link / ip / head / Raw(pattern(size) if size else b"")) + bytes(padding)

    def opening(self):
        return [self.frame(flags="S")] if self.proto == "tcp" else []

    def warm_up(self):
        return [self.frame(size=size) for size in range(20, 26)]

    def variants(self):
        made = [self.frame(size=size) for size in (0, 1, 2, 3, 17, 18, 333, 1380)]
        made += [self.frame(ttl=ttl) for ttl in (2, 3, 63, 128, 255)]
        made += [self.frame(tos=tos) for tos in (1, 2, 3, 0x28, 0xb8, 0xff)]
        made += [self.frame(padding=padding, size=4) for padding in (1, 6, 40)]
        if self.family == 4:
            made += [self.frame(id=number) for number in (0, 1, 0xffff)]
            made += [self.frame(id=number, ttl=ttl, tos=tos)
                     for number, ttl, tos in ((77, 9, 9), (0xfffe, 0x80, 0x80))]
        else:
            made += [self.frame(fl=label) for label in (1, 0x12345, 0xfffff)]
        if self.proto == "tcp":
            made += [self.frame(flags=flags) for flags in ("PA", "PAU", "AEC", "PAEC")]
            made += [self.frame(options=[("NOP", None), ("NOP", None), ("Timestamp", (1, 2))]),
                     self.frame(size=0, options=[("SAck", (5001, 6000)), ("NOP", None),
                                                 ("NOP", None)])]
        elif self.family == 4:
            made += [self.frame(udp_sum=0)]
        if self.tag is not None:
            made += [self.frame(prio=prio) for prio in (1, 7)]
        return made

    def capture(self):
        ports = self.port.to_bytes(2, "big") + QUIET_PORT.to_bytes(2, "big")
        dev = KINDS[self.kind].dev
        return Capture(self.net.rs[0], dev, lambda data: ports in data)

    def received(self, frames):
        """What the server gets for each of them; None: nothing."""
        got = []
        with self.capture() as capture:
            for frame in frames:
                capture.clear()
                self.net.wire([frame])
                seen = capture.await_frames(1, 1)
                got.append(seen[0].bytes if seen else None)
        return got


@pytest.fixture(scope="module", name="frames")
def flows_of_frames(net):
    """Each flow's frames through IPVS alone, and then with the bypass."""
    ports = {"t": QUIET_PORT, "u": QUIET_PORT}
    lines = [line for kind in KINDS for family in (4, 6)
             for line in ipvs_lines(kind, family, servers=(1,), ports=ports)]
    found = {}
    net.rs[0].shell("\n".join(DEAF))
    with Director(net, lines, False) as director:
        makers = {case: Frames(net, *case) for case in FLOWS_OF_FRAMES}
        plain = {case: maker.received(maker.opening() + maker.warm_up() + maker.variants())
                 for case, maker in makers.items()}
    with Director(net, lines, True) as director:
        director.params(sample="60s", inactive="90s")
        for case, maker in makers.items():
            opening = maker.received(maker.opening() + maker.warm_up())
            before, variants = director.stats(), maker.variants()
            bypassed = opening + maker.received(variants)
            found[case] = Flow(maker.opening() + maker.warm_up() + variants, plain[case], bypassed,
                               director.hits(before))
    net.rs[0].shell("tc qdisc del dev eth0 clsact; tc qdisc del dev eth1 clsact")
    return found


@pytest.mark.parametrize("case", FLOWS_OF_FRAMES, ids=lambda case: "-".join(map(str, case)))
def test_frames_are_the_same(frames, case):
    flow = frames[case]
    lost = [sent.hex() for sent, plain in zip(flow.sent, flow.plain) if plain is None]
    assert not lost, "IPVS alone forwards them"
    differing = [f"sent {sent.hex()}, IPVS {plain.hex()}, bypass {bypassed and bypassed.hex()}"
                 for sent, plain, bypassed in zip(flow.sent, flow.plain, flow.bypassed)
                 if bypassed is None or comparable(bypassed) != comparable(plain)]
    kind = KINDS[case[0]]
    print(f"{case}: {flow.hits} of {len(flow.sent)} frames bypassed")
    assert not differing, "\n".join(differing)
    assert flow.hits >= 0.8 * (len(flow.sent) - 7), "else these were IPVS's own"
    assert (comparable(flow.plain[-1]) != flow.plain[-1]) == ("-i" in kind.options
                                                              and case[1] == 4)
