# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""
Transfers that reach the balancer with one tag or two, and leave it as the way to the backend wants
them. The router's tags are those of tag.bpf.c. Ways with tags need VLAN devices: test_lb_kernel.py.
"""
import hashlib
import socket

import pytest

from bypass import ECHO, FAMILIES, HTTP, TAGS_STAY, Server, address, joined, pattern, vip
from conftest import obj
from frames import Capture
from lb import backend_address, fleets, request, service_of

TAGS = {"one": [100], "two": [200, 100]}
CASES = [(tags, family, kind) for tags in TAGS for family in FAMILIES
         for kind in ("direct", "ipip", "gue")]
BYTES = 500000

fleet_fixture = pytest.fixture(fleets, scope="module", name="fleet")


@pytest.fixture(scope="module", name="lb")
def lb_fixture(fleet):
    fleet.servers = [Server(fleet.rs[number], b"rs%d" % (number + 1)) for number in range(2)]
    fleet.route(1)
    fleet.rt.shell(f"ethtool -K lb1 {TAGS_STAY}\n"
                   "tc qdisc add dev lb1 clsact\n"
                   f"tc filter add dev lb1 ingress bpf direct-action object-file {obj('tag')} "
                   "section tc/none")
    # a packet of 1,500 bytes and two tags, and what a tunnel makes of that
    wide = (fleet.lbs[0], *fleet.rs[:2])
    fleet.rt.ip([f"link set {host.name} mtu 1504" for host in wide])
    for host in wide:
        host.ip(["link set eth0 mtu 1504"])
    with fleet.lb(1) as lb:
        yield lb


def asked(fleet, family, kind):
    """Of an echo server; which has answered."""
    with fleet.cl.socket(FAMILIES[family], socket.SOCK_DGRAM) as sock:
        sock.settimeout(30)
        sock.sendto(b"tagged", (vip(family, kind), ECHO))
        answer = sock.recv(100)
    assert answer.endswith(b"tagged")
    return answer[:3].decode()


def add(lb, family, kind):
    """VIPs of HTTP and UDP, with both servers."""
    for service in service_of(family, kind, HTTP), f"udp:{joined(vip(family, kind), ECHO)}":
        lb("vip", "add", service, "--mode", kind)
        lb("backend", "add", service, *(backend_address(family, kind, server) for server in (1, 2)))
    lb.await_ways()


@pytest.mark.parametrize("tags,family,kind", CASES)
def test_tagged(fleet, lb, tags, family, kind):
    add(lb, family, kind)
    fleet.rt.shell("tc filter del dev lb1 egress\n"
                   f"tc filter add dev lb1 egress bpf direct-action object-file {obj('tag')} "
                   f"section tc/{tags}")
    # what the client was told of the path in another mode
    fleet.cl.shell("ip route flush cache\nip -6 route flush cache")
    data, servers = pattern(BYTES), set()
    with Capture(fleet.rs[0], "eth0", lambda frame: True) as capture:
        for _ in range(4):
            server, digest = request(fleet, family, kind, "PUT", "/", data)
            assert digest.decode() == hashlib.sha256(data).hexdigest()
            servers.add(server)
            server, got = request(fleet, family, kind, "GET", f"/{BYTES}")
            assert got == data
            servers |= {server, asked(fleet, family, kind)}
        assert servers == {"rs1", "rs2"}
        came = [frame.bytes[12:14] for frame in capture.read()]
        assert came and not {b"\x81\x00", b"\x88\xa8"} & set(came)
    conns = lb.json("conns")["conns"]
    assert conns and {tuple(conn["vlans"]) for conn in conns} == {tuple(TAGS[tags])}
    assert {conn["src"] for conn in conns} == {address(family, 1, 2)}
    lb.clear()
