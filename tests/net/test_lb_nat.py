# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""
Modes nat and full-nat: real transfers whose replies come back through the balancer. The hosts are those of
LbNet; servers know nothing of VIPs, and have ports of their own. Clients and servers leave
checksums to their cards, which are none.
"""
import collections
import hashlib
import json
import selectors
import socket
import threading

import pytest
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether

from bypass import ECHO, FAMILIES, Connection, address, pattern, vip
from lb import LbNet, await_true, balancers, bracketed, cleared, request, since, until_done

MODES = ("nat", "full-nat")
CASES = [(mode, family) for mode in MODES for family in FAMILIES]
OWN_PORT = 7007  # of the servers' UDP
SOURCES = 1 << 18  # of a flood


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
    yield from until_done(NatNet(), bpffs)


attached_fixture = pytest.fixture(balancers, scope="module", name="attached")
lb_fixture = pytest.fixture(cleared, name="lb")


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


# --- changes under open connections

def opened(net, family, count=16):
    by = collections.defaultdict(list)
    for _ in range(count):
        connection = Connection(net, family, "tcp", "direct")
        by[connection.exchange(b"first")].append(connection)
    assert set(by) == {"rs1", "rs2"}
    return by


@pytest.mark.parametrize("mode,family", CASES)
def test_a_backend_drains_and_goes(net, lb, mode, family):
    """Those of the other stay, whatever is done; those of one that is gone are not answered for any more."""
    service = add(lb, mode, family, port=ECHO)
    by = opened(net, family)
    lb("backend", "set", service, backend(family, 1), "--state", "draining")
    for server, connections in by.items():
        assert {connection.exchange(b"again") for connection in connections} == {server}
    with Connection(net, family, "tcp", "direct") as connection:
        assert connection.exchange(b"new") == "rs2"
    lb("attach", "--no-monitor", "eth0", "eth1")  # another program, the same tables
    lb("backend", "del", service, backend(family, 1))
    assert {connection.exchange(b"more") for connection in by["rs2"]} == {"rs2"}
    for connection in by["rs1"]:
        with pytest.raises(ConnectionResetError):
            connection.exchange(b"more")


# --- what is told

@pytest.mark.parametrize("mode,family", CASES)
def test_conns_stats_explain(net, lb, mode, family):
    service = add(lb, mode, family, "udp", own=OWN_PORT, servers=[1])
    with Connection(net, family, "udp", "direct") as connection:
        for number in range(3):
            assert connection.exchange(str(number).encode()) == "rs1"
        conn, = json.loads(lb("conns", "-j"))["conns"]
        seen = net.echos[0].clients[-1]
        assert (conn["sport"], conn["state"], conn["packets"]) == (connection.port, "established", 3)
        host = address(family, 2, 10) if mode == "full-nat" else address(family, 1, 2)
        assert seen[0] == host and conn["nat"] == {
            "from": f"{bracketed(host)}:{seen[1]}", "to": backend(family, 1, OWN_PORT),
            "reply_packets": 3, "reply_bytes": conn["bytes"] + 3 * len("rs1")}
        assert (seen[1] == connection.port) == (mode == "nat")
        line, = lb("conns").splitlines()
        assert f" as {bracketed(host)}:{seen[1]} > {backend(family, 1, OWN_PORT)} replies 3 " in line
        found, = json.loads(lb("stats", "-j"))["vips"]
        assert (found["service"], found["replies"], found["reply_packets"], found["hits"],
                found["entered"]) == (service, 3, 3, 2, 1)
        reply = frame(net, family, address(family, 2, 11), OWN_PORT, *seen)
        told = lb("explain", reply.hex())
        assert f"  reply of {bracketed(address(family, 1, 2))}:{connection.port} > " in told, told
        assert "  verdict lb-reply: " in told, told


def frame(net, family, source, sport, dest, dport):
    """An empty UDP packet, to lb."""
    ip = IP(src=source, dst=dest) if family == 4 else IPv6(src=source, dst=dest)
    return bytes(Ether(dst=net.mac("lb", "eth0"), src=net.mac("rs1", "eth0")) / ip /
                 UDP(sport=sport, dport=dport))


@pytest.mark.parametrize("family", FAMILIES)
def test_a_source_of_its_own(net, lb, family):
    """An address that the balancer has beside the interface's."""
    own = "10.2.0.77" if family == 4 else "fd02::77"
    net.lb.ip([f"addr add {own}/{32 if family == 4 else 128} dev eth0"])
    service = add(lb, "full-nat", family, "udp", own=OWN_PORT, servers=[2])
    lb("vip", "set", service, f"--source{family}", own)
    lb.await_ways()
    with Connection(net, family, "udp", "direct") as connection:
        assert connection.exchange(b"one") == "rs2"
    assert net.echos[1].clients[-1][0] == own
    saved = lb("save")
    lb("restore", input='{ "version": 1 }')
    lb("restore", input=saved)
    assert lb("save") == saved
    lb.await_ways()
    with Connection(net, family, "udp", "direct") as connection:
        assert connection.exchange(b"two") == "rs2"
    net.lb.ip([f"addr del {own}/{32 if family == 4 else 128} dev eth0"])


# --- errors on the way

@pytest.mark.parametrize("mode,family", CASES)
def test_a_smaller_mtu_is_told_to_the_server(net, lb, mode, family):
    """The router before the client says so to the VIP."""
    client = f"{address(family, 1, 2)}/{32 if family == 4 else 128}"
    add(lb, mode, family, servers=[1])
    net.rt.ip([f"route add {client} dev cl mtu lock 1300"])
    before = lb.reasons()
    try:
        assert request(net, family, "direct", "GET", "/100000") == ("rs1", pattern(100000))
    finally:
        net.rt.ip([f"route del {client}"])
        for host in net.rs:
            host.shell("ip route flush cache\nip -6 route flush cache")
    assert since(lb.reasons(), before)["lb-icmp"] > 0


@pytest.mark.parametrize("mode", MODES)
def test_a_port_that_nobody_listens_at(net, lb, mode):
    """The server's error reaches the client, about the packet that it sent."""
    add(lb, mode, 4, "udp", own=9, servers=[1])
    with Connection(net, 4, "udp", "direct") as connection:
        with pytest.raises(ConnectionRefusedError):
            connection.exchange(b"nobody")


def test_a_flood_of_syns(net, lb):
    """Open connections stay: what is never acknowledged goes first."""
    add(lb, "full-nat", 4, port=ECHO)
    by = opened(net, 4)
    syn = bytes(Ether(dst=net.mac("lb", "eth0"), src=net.mac("rt", "lb0")) /
                IP(src="198.18.0.1", dst=vip(4, "direct")) /
                TCP(sport=1024, dport=ECHO, flags="S"))
    before = lb.reasons()

    def new():
        return since(lb.reasons(), before).get("lb-new", 0)

    flood = net.flood(syn, 0, sources=SOURCES, idle=False)
    try:
        for server, connections in by.items():
            assert {connection.exchange(b"again") for connection in connections} == {server}
        await_true(lambda: new() > 65536, new, seconds=120)  # more than the tables take
    finally:
        flood.communicate()
    for server, connections in by.items():
        assert {connection.exchange(b"again") for connection in connections} == {server}
