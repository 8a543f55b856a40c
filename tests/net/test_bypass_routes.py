# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""
The follower tells the paths of tunnels what the routes to their other ends let through; needs no
IPVS: the paths are written into the map.
"""
import json
import signal
import socket
import struct
import subprocess
import time

import pytest
from scapy.all import ICMP, IP, UDP, Ether, ICMPv6PacketTooBig, IPv6

from conftest import BUILD, sh

TOOL = "xdp_bypass_ipvs"
# number: (other end, bytes of outer headers); 3 has the other end of 1
PATHS = {1: ("10.8.0.9", 20), 2: ("fd08::9", 52), 3: ("10.8.0.9", 32), 4: ("10.99.0.1", 20),
         5: (None, 0)}
ROUTER, OWN = {4: "10.7.0.2", 6: "fd07::2"}, {4: "10.7.0.1", 6: "fd07::1"}
FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}
LINK_MTU = 1500


def hexadecimal(data):
    return ["hex", *data.hex(" ").split()]


def path_bytes(end, outer_bytes):
    """A path through a tunnel, or past it, whose limit is that of the link."""
    v6, outer = bool(end) and ":" in end, b""
    if end:
        packed = socket.inet_pton(FAMILIES[6 if v6 else 4], end)
        outer = (bytes(24 if v6 else 16) + packed).ljust(outer_bytes, b"\0")
    value = struct.pack("=IHBBBB2x22s2x52s", 1, 0, bool(end), v6, 14, len(outer), bytes(22), outer)
    return value + struct.pack("=IIQQ16x", 0, LINK_MTU - outer_bytes, 0, 0)


class Router:
    """b has the bypass and a follower that looks often; a is the router behind its link."""

    def __init__(self, pair, bpffs):
        self.pair, run = pair, pair.b.run
        pair.xdp_root("attach", "vb")
        pair.wait_up()
        pair.tool(TOOL, "attach", "--inbound", "vb", "--no-follow", "--flows", "64", "--paths", "16")
        self.dir, = (bpffs / "ecbpf").glob(":bypass_ipvs*")
        self.addr = {side: json.loads(ns.run("ip", "-j", "link", "show", dev))[0]["address"]
                     for side, ns, dev in (("a", pair.a, "va"), ("b", pair.b, "vb"))}
        run("sysctl", "-qw", "net.ipv6.conf.vb.disable_ipv6=0", "net.ipv6.conf.vb.accept_dad=0")
        for family, length, end in (4, 24, "10.8.0.0/24"), (6, 64, "fd08::/64"):
            run("ip", "addr", "add", f"{OWN[family]}/{length}", "dev", "vb")
            run("ip", "neigh", "replace", ROUTER[family], "lladdr", self.addr["a"], "dev", "vb",
                "nud", "permanent")
            run("ip", "route", "add", end, "via", ROUTER[family])
        for number, (end, outer_bytes) in PATHS.items():
            self.map("update", number, "value", *hexadecimal(path_bytes(end, outer_bytes)))
        self.process = subprocess.Popen([BUILD / "bin" / TOOL, "follow", "--netns", pair.b.name,
                                         "--interval", "20"])

    def map(self, verb, number, *words):
        return sh("bpftool", "-j", "map", verb, "pinned", self.dir / "path_map", "key",
                  *hexadecimal(struct.pack("=I", number)), *words)

    def path(self, number):
        """(limit, MTU of the route)"""
        value = bytes(int(byte, 16) for byte in json.loads(self.map("lookup", number))["value"])
        return struct.unpack_from("=I", value, 92)[0], struct.unpack_from("=I", value, 112)[0]

    def await_paths(self, wanted):
        deadline = time.monotonic() + 10
        while {number: self.path(number) for number in wanted} != wanted:
            assert time.monotonic() < deadline, {number: self.path(number) for number in PATHS}

    def route(self, *words):
        self.pair.b.run("ip", "route", "replace", *words)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(10) == 0
        self.pair.tool(TOOL, "detach")


@pytest.fixture(name="router")
def router_fixture(pair, bpffs):
    it = Router(pair, bpffs)
    yield it
    it.stop()


WIDE = {1: (1480, 1500), 2: (1448, 1500), 3: (1468, 1500), 4: (1480, 0), 5: (1500, 0)}


def test_mtu_of_the_route(router):
    router.await_paths(WIDE)
    router.route("10.8.0.0/24", "via", ROUTER[4], "mtu", "1400")
    router.await_paths({**WIDE, 1: (1380, 1400), 3: (1368, 1400)})
    router.route("fd08::/64", "via", ROUTER[6], "mtu", "1300")
    router.await_paths({**WIDE, 1: (1380, 1400), 2: (1248, 1300), 3: (1368, 1400)})
    # wider again: the next packet that leaves tells how wide
    router.route("10.8.0.0/24", "via", ROUTER[4])
    router.await_paths({**WIDE, 1: (1380, 1500), 2: (1248, 1300), 3: (1368, 1500)})
    router.pair.b.run("ip", "route", "del", "10.8.0.0/24")
    router.await_paths({**WIDE, 1: (1380, 0), 2: (1248, 1300), 3: (1368, 0)})


def test_mtu_of_the_interface(router):
    router.await_paths(WIDE)
    router.pair.b.run("ip", "link", "set", "vb", "mtu", "1450")
    router.await_paths({1: (1430, 1450), 2: (1398, 1450), 3: (1418, 1450), 4: (1480, 0),
                        5: (1500, 0)})


def too_big(router, family, end, sport, mtu):
    """What a router says of a packet of this socket."""
    ether = Ether(src=router.addr["a"], dst=router.addr["b"])
    if family == 4:
        return (ether / IP(src=ROUTER[4], dst=OWN[4]) / ICMP(type=3, code=4, nexthopmtu=mtu) /
                IP(src=OWN[4], dst=end, flags="DF", len=1500) / UDP(sport=sport, dport=9))
    return (ether / IPv6(src=ROUTER[6], dst=OWN[6]) / ICMPv6PacketTooBig(mtu=mtu) /
            IPv6(src=OWN[6], dst=end, plen=1460) / UDP(sport=sport, dport=9))


@pytest.mark.parametrize("family, wanted", (
    (4, {**WIDE, 1: (1290, 1310), 3: (1278, 1310)}), (6, {**WIDE, 2: (1268, 1320)})))
def test_what_routers_on_the_way_say(router, family, wanted):
    """Their word is kept beside the route, whose own MTU stays."""
    router.await_paths(WIDE)
    end, mtu = (PATHS[1][0], 1310) if family == 4 else (PATHS[2][0], 1320)
    with router.pair.b:
        client = socket.socket(FAMILIES[family], socket.SOCK_DGRAM)
    with client:
        client.connect((end, 9))
        client.send(b"x")
        router.pair.send([too_big(router, family, end, client.getsockname()[1], mtu)])
        router.await_paths(wanted)
    router.pair.b.run("ip", f"-{family}", "route", "flush", "cache")
    router.await_paths({number: (wanted[number][0], WIDE[number][1]) for number in PATHS})
