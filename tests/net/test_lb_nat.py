# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""
Modes nat and full-nat: real transfers whose replies come back through the balancer. The hosts are those of
test_lb_traffic.py; servers know nothing of VIPs, and have ports of their own. Clients and servers leave
checksums to their cards, which are none.
"""
import collections
import hashlib
import json
import selectors
import socket
import threading

import pytest

from bypass import ECHO, FAMILIES, HTTP, Connection, address, pattern, vip
from conftest import sh
from test_lb_traffic import Balancer, LbNet, bracketed, request, since

MODES = ("nat", "full-nat")
CASES = [(mode, family) for mode in MODES for family in FAMILIES]
OWN_PORT = 7007  # of the servers' UDP


class Echo:
    """UDP on a server's own address, at another port than the VIP's."""

    def __init__(self, host, name):
        self.selector = selectors.DefaultSelector()
        for family, domain in FAMILIES.items():
            sock = host.socket(domain, socket.SOCK_DGRAM)
            if family == 6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            sock.bind(("", OWN_PORT))
            self.selector.register(sock, selectors.EVENT_READ)
        self.end, self.wake = socket.socketpair()
        self.selector.register(self.end, selectors.EVENT_READ)
        self.name, self.clients = name, []
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while True:
            for key, _ in self.selector.select():
                if key.fileobj is self.end:
                    return
                data, client = key.fileobj.recvfrom(65536)
                self.clients.append(client[:2])
                key.fileobj.sendto(self.name + data, client)

    def stop(self):
        self.wake.send(b".")
        self.thread.join()
        for key in list(self.selector.get_map().values()):
            key.fileobj.close()
        self.wake.close()


class NatNet(LbNet):
    """Servers answer by way of lb. The checksums of clients and servers are left to their cards."""

    def addresses(self):
        super().addresses()
        self.cl.shell("ethtool -K eth0 tx on")
        for host in self.rs:
            host.shell("ethtool -K eth0 tx on")
            self.way_out(host, 10)
        self.echos = [Echo(host, f"rs{number}".encode()) for number, host in enumerate(self.rs, 1)]

    @staticmethod
    def way_out(host, router):
        for family in FAMILIES:
            host.run("ip", f"-{family}", "route", "replace", "default", "via",
                     address(family, 2, router))

    def delete(self):
        for echo in self.echos:
            echo.stop()
        super().delete()


@pytest.fixture(scope="module", name="net")
def net_fixture(bpffs):
    it = NatNet()
    yield it
    it.delete()
    assert not (bpffs / "ecbpf").exists(), "pins are left over"


@pytest.fixture(scope="module", name="attached")
def attached_fixture(net):
    it = Balancer(net)
    yield it
    it("detach")


@pytest.fixture(name="lb")
def lb_fixture(attached):
    yield attached
    attached.clear()


def backend(family, server, port=None):
    host = bracketed(address(family, 2, 10 + server))
    return f"{host}:{port}" if port else host


def add(lb, mode, family, proto="tcp", port=None, own=None, servers=(1, 2)):
    """A VIP and its backends, with a port of their own or the VIP's; its name."""
    service = lb.service(family, "direct", proto, port)
    lb("vip", "add", service, "--mode", mode)
    lb("backend", "add", service, *(backend(family, server, own) for server in servers))
    lb.await_ways()
    return service


@pytest.fixture(name="route", params=["kernel", "learned"])
def route_fixture(request, net):
    """How replies find the client: by the kernel's routes, or as its packets came."""
    forwarding = int(request.param == "kernel")
    net.lb.sysctl({"ipv4/ip_forward": forwarding, "ipv6/conf/all/forwarding": forwarding})
    yield request.param
    net.lb.sysctl({"ipv4/ip_forward": 0, "ipv6/conf/all/forwarding": 0})


@pytest.mark.parametrize("mode,family", CASES)
def test_http(net, lb, route, mode, family):
    """Large ones in both directions, from both servers."""
    add(lb, mode, family)
    if mode == "full-nat":
        for host in net.rs:
            net.way_out(host, 99)  # nobody's: replies must not need it
    before, servers = lb.reasons(), collections.Counter()
    for _ in range(12):
        server, answer = request(net, family, "direct", "GET", "/100000")
        assert answer == pattern(100000)
        servers[server] += 1
    data = pattern(300000)
    for _ in range(4):
        server, answer = request(net, family, "direct", "PUT", "/", data)
        assert answer.decode() == hashlib.sha256(data).hexdigest()
        servers[server] += 1
    for host in net.rs:
        net.way_out(host, 10)
    assert set(servers) == {"rs1", "rs2"}
    reasons = since(lb.reasons(), before)
    assert reasons["lb-new"] == 16, reasons
    assert reasons["lb-reply"] > 16 * 4
    assert set(reasons) <= {"lb-new", "lb-forward", "lb-reply"}, reasons


@pytest.mark.parametrize("mode,family", CASES)
def test_udp_to_another_port(net, lb, mode, family):
    add(lb, mode, family, "udp", own=OWN_PORT)
    servers = set()
    for _ in range(16):
        with Connection(net, family, "udp", "direct") as connection:
            answers = {connection.exchange(str(number).encode()) for number in range(4)}
            assert len(answers) == 1
            servers |= answers
    assert servers == {"rs1", "rs2"}
