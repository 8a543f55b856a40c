# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""
Where the bypass and a real IPVS meet: packets that are too long for the way, decisions that are no
longer IPVS's, tunnels that nobody else can make.
"""
import collections
import contextlib
import time

import pytest

from bypass import (ECHO, Connection, Director, ipvs_lines, joined, needs_ipvs, server_address,
                    topology, vip)
from flow_frames import DEAF, QUIET_PORT, Frames
from frames import MF, Capture, comparable, layers

pytestmark = needs_ipvs
net = pytest.fixture(topology, scope="module", name="net")

QUIET = {"t": QUIET_PORT, "u": QUIET_PORT}
NARROW_MTU = 1400  # of lb's eth1
# longest packet of a client that takes the way
LIMITS = {("redirect", 4): NARROW_MTU, ("redirect", 6): NARROW_MTU, ("ipip", 4): 1500 - 20,
          ("ipip", 6): 1500 - 40, ("gue", 4): 1500 - 32, ("gue-csum", 6): NARROW_MTU - 52}
IPV4_UDP, IPV6_UDP = 28, 48  # bytes of headers
IP_TYPES = b"\x08\0", b"\x86\xdd"


def lines_of(cases, servers=(1,)):
    return [line for kind, family in cases
            for line in ipvs_lines(kind, family, servers=servers, protos="u", ports=QUIET)]


@contextlib.contextmanager
def deaf(net):
    """The servers do not answer, nor unpack what is in tunnels."""
    for host in net.rs:
        host.shell("\n".join(DEAF))
    try:
        yield
    finally:
        for host in net.rs:
            host.shell("tc qdisc del dev eth0 clsact; tc qdisc del dev eth1 clsact")


# --- longer than the way

# servers: frames that it got; client: ICMP messages, from their type on; reasons: of the slot
Long = collections.namedtuple("Long", "server client reasons")


class TooLong(Frames):
    """Up to the limit, and beyond it."""

    def variants(self):
        most = LIMITS[self.kind, self.family] - (IPV4_UDP if self.family == 4 else IPV6_UDP)
        made = [self.frame(most - 1), self.frame(most), self.frame(most + 1), self.frame(most + 19)]
        if self.family == 4:  # these are sent in pieces
            made += [self.frame(most, fragment=0), self.frame(most + 1, fragment=0)]
        return made

    def beyond(self):
        return 2 if self.family == 6 else 3

    def arrive(self):
        """What is not refused, one of them in two fragments."""
        return 2 if self.family == 6 else 5

    def capture(self):
        """All that IPVS sends to the server, fragments too."""
        dev = "eth1" if self.kind in ("redirect", "gue-csum") else "eth0"
        mac = bytes.fromhex(self.net.mac("lb", dev).replace(":", ""))

        def wanted(data):
            return data[6:12] == mac and data[12:14] in IP_TYPES and data[20] != 58

        return Capture(self.net.rs[0], dev, wanted)


def icmp(data):
    """The message in a frame: "fragmentation needed" or "packet too big", and what it quotes; or None"""
    if data[12:14] not in IP_TYPES:
        return None
    at, version, length = layers(data)
    begin = at + (20 if version == 4 else 40)
    proto, kind = data[at + (9 if version == 4 else 6)], data[begin]
    if (version, proto, kind) in ((4, 1, 3), (6, 58, 2)):
        return data[begin:at + length]
    return None


def sent_long(net, director, maker):
    with maker.capture() as server, Capture(net.cl, "eth0", icmp) as client:
        net.wire(maker.first)
        server.await_frames(len(maker.first))
        server.clear()
        before = director.stats()
        net.wire(maker.rest)
        told = client.await_frames(2)
        got = server.await_frames(maker.arrive())
        return Long(sorted(comparable(frame.bytes) for frame in got),
                    [icmp(frame.bytes) for frame in told], director.since(before)[0])


def test_longer_than_the_way(net):
    """IPVS's answer and its fragments, bypass or not; up to the limit it is not asked."""
    net.lb.ip([f"link set eth1 mtu {NARROW_MTU}"])
    net.lb.sysctl({"ipv4/icmp_ratelimit": 0, "ipv6/icmp/ratelimit": 0})
    makers = {case: TooLong(net, *case) for case in LIMITS}
    with deaf(net):
        with Director(net, lines_of(LIMITS), False) as director:
            plain = {case: sent_long(net, director, maker) for case, maker in makers.items()}
        with Director(net, lines_of(LIMITS), True) as director:
            director.params(sample="60s", inactive="90s")
            bypassed = {case: sent_long(net, director, maker) for case, maker in makers.items()}
    net.lb.ip(["link set eth1 mtu 1500"])
    for case, maker in makers.items():
        print(f"{case}: {len(plain[case].client)} messages, "
              f"{[len(frame) for frame in plain[case].server]} bytes, {bypassed[case].reasons}")
        assert len(plain[case].client) == 2 and len(plain[case].server) == maker.arrive(), case
        assert bypassed[case].client == plain[case].client, case
        assert list(map(unnumbered, bypassed[case].server)) == list(
            map(unnumbered, plain[case].server)), case
        assert bypassed[case].reasons == {"bypass-hit": len(maker.rest) - maker.beyond(),
                                          "bypass-mtu": maker.beyond()}, case


def unnumbered(data):
    """The frame without the number that its fragments have in common."""
    at, version, _ = layers(data)
    if version == 6 or not int.from_bytes(data[at + 6:at + 8], "big") & (MF | 0x1fff):
        return data
    return data[:at + 4] + data[at + 6:at + 10] + data[at + 12:]


# --- a tunnel that nobody else can make

REMOTE = [line.replace("--tun-nocsum", "--tun-remcsum") for family in (4, 6)
          for line in ipvs_lines("gue", family, ports={"t": ECHO, "u": ECHO})]
TOLD = 12


def said(net, family, proto):
    with Connection(net, family, proto, "gue") as client:
        return {client.exchange(b"%d" % number) for number in range(TOLD)}


def test_remote_checksum(net):
    """
    Where the client's card is to make the checksum, IPVS has the server make it, by an option of GUE:
    these services are left to it.
    """
    cases = [(family, proto) for family in (4, 6) for proto in ("tcp", "udp")]
    net.cl.run("ethtool", "-K", "eth0", "tx", "on")
    try:
        with Director(net, REMOTE, False):
            plain = {case: said(net, *case) for case in cases}
        with Director(net, REMOTE, True) as director:
            bypassed = {case: said(net, *case) for case in cases}
            reasons, counts = director.since()[0], director.counts()
    finally:
        net.cl.run("ethtool", "-K", "eth0", "tx", "off")
    assert bypassed == plain
    print(f"{reasons}, {counts}")
    assert counts["strange"] >= len(cases) * TOLD and counts["learned"] == 0
    assert not [reason for reason in reasons if reason.startswith("bypass")]


# --- decisions that are no longer IPVS's, and nobody says so

CHECKED = [("direct", 4), ("ipip", 6)]
MANY = 40


def counted(director, before):
    return {name: count - before[name] for name, count in director.counts().items()
            if count != before[name]}


def sent_many(net, director, maker, count=MANY):
    """(reasons, what egress has counted, frames that each server got) of so many more"""
    ports = maker.port.to_bytes(2, "big") + QUIET_PORT.to_bytes(2, "big")
    before, counts = director.stats(), director.counts()
    with contextlib.ExitStack() as stack:
        captures = [stack.enter_context(Capture(host, "eth0", lambda data: ports in data))
                    for host in net.rs]
        net.wire([maker.frame()] * count)
        deadline = time.monotonic() + 5
        while sum(len(capture.read()) for capture in captures) < count:
            assert time.monotonic() < deadline
        return (director.since(before)[0], counted(director, counts),
                [len(capture.frames) for capture in captures])


@pytest.fixture(name="alone", scope="module")
def unfollowed(net):
    """Nobody tells the bypass what changes."""
    options = [word for kind, family in CHECKED for word in (
        "--service", f"udp:{joined(vip(family, kind), QUIET_PORT)}")]
    with deaf(net), Director(net, lines_of(CHECKED), True, ("--no-follow", *options)) as director:
        yield director


@pytest.mark.parametrize("kind, family", CHECKED)
def test_shadow(net, alone, kind, family):
    """A share of the packets shows that IPVS decides as before; or that it does not, and heals that."""
    server = server_address(family, kind, 1)
    maker = Frames(net, kind, family)
    alone.params(sample="60s", inactive="90s", shadow=2)
    assert len(maker.received(maker.first)) == len(maker.first)
    reasons, counts, got = sent_many(net, alone, maker)
    shadows = reasons["bypass-shadow"]
    assert reasons == {"bypass-hit": MANY - shadows, "bypass-shadow": shadows}
    assert counts == {"confirmed": shadows} and got == [MANY, 0]
    mac = net.mac("rs2", "eth0")
    net.lb.ip([f"neigh replace {server} lladdr {mac} dev eth0 nud permanent"])
    try:
        reasons, counts, got = sent_many(net, alone, maker)
        print(f"{kind} IPv{family}: {shadows} of {MANY} packets compared; then {counts}, {got}")
        shadows = reasons["bypass-shadow"]
        assert reasons == {"bypass-hit": MANY - shadows, "bypass-shadow": shadows}
        # the first that is compared does not go where the others have gone
        assert counts == {"moved": 1, "confirmed": shadows - 1}
        assert sum(got) == MANY and got[1] >= shadows
        alone.params(shadow=0)
        reasons, counts, got = sent_many(net, alone, maker, 10)
        assert (reasons, counts, got) == ({"bypass-hit": 10}, {}, [0, 10])
    finally:
        net.lb.ip([f"neigh del {server} dev eth0"])


def test_decisions_that_ipvs_does_not_confirm(net, alone):
    """A service goes and nobody says so: what is sampled does not leave, and the flow is given up."""
    maker = Frames(net, "direct", 4)
    alone.params(sample="200ms", retry="50ms", tries=3, shadow=0)
    assert len(maker.received(maker.first)) == len(maker.first)
    before = alone.stats()
    service, = (line for line in lines_of(CHECKED[:1]) if line.startswith("-A"))
    alone.restore([service.replace("-A", "-D").partition(" -s ")[0]])
    deadline = time.monotonic() + 10
    while "bypass-given-up" not in alone.since(before)[0]:
        assert time.monotonic() < deadline
        net.wire([maker.frame()])
    assert alone.since(before)[0]["bypass-sample"] >= 3
    assert maker.port not in [flow["sport"] for flow in alone.flows()]
    seen = alone.stats()
    with maker.capture() as capture:
        net.wire([maker.frame()] * 10)
        while alone.since(seen)[1] < 10:
            assert time.monotonic() < deadline
        assert capture.read() == []
