# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""
Clients and servers of QUIC behind the balancer, as far as it looks at them: packets have headers and
connection ids of RFC 9000, servers know the ids that they have given out, and nothing is encrypted.
"""
import contextlib
import ipaddress
import itertools
import json
import os
import selectors
import socket
import threading

import pytest
from scapy.all import Ether, IP, IPv6, UDP

from bypass import FAMILIES, PORTS, address, joined, vip
from lb import SERVERS, backend_address, balancers, cleared, lb_nets, since

PORT, KIND, ROTATION = 4433, "ipip", 5
LONG, SHORT = 0xc3, 0x43

net_fixture = pytest.fixture(lb_nets, scope="module", name="net")
attached_fixture = pytest.fixture(balancers, scope="module", name="attached")
lb_fixture = pytest.fixture(cleared, name="lb")


def server_id(family, server):
    """What the balancer takes from the address."""
    return ipaddress.ip_address(address(family, 2, 10 + server)).packed[-4:]


class QuicServer:
    """
    One server: an Initial begins a connection, and is answered with an id of its own; whoever comes
    with one that it did not give out is reset.
    """

    def __init__(self, host, family, number, ident=None):
        self.name, self.ident = b"rs%d" % number, ident or server_id(family, number)
        self.given, self.sockets = set(), selectors.DefaultSelector()
        self.sock = host.socket(FAMILIES[family], socket.SOCK_DGRAM)
        self.sock.bind((vip(family, KIND), PORT))
        self.end, self.wake = socket.socketpair()
        self.sockets.register(self.sock, selectors.EVENT_READ)
        self.sockets.register(self.end, selectors.EVENT_READ)
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while self.end not in [key.fileobj for key, _ in self.sockets.select()]:
            data, client = self.sock.recvfrom(2000)
            self.sock.sendto(self.name + self.answer(data), client)

    def answer(self, data):
        if data[0] & 0x80:
            cid = data[6:6 + data[5]]
            if cid not in self.given:
                cid = bytes([ROTATION << 5 | os.urandom(1)[0] & 31]) + self.ident + os.urandom(7)
                self.given.add(cid)
            return cid
        return b"known" if data[1:13] in self.given else b"reset"

    def stop(self):
        self.wake.send(b".")
        self.thread.join()
        for sock in self.sock, self.end, self.wake:
            sock.close()


class QuicClient:
    """A connection, which outlives its sockets: it may have another port, and another address."""

    def __init__(self, net, family):
        self.net, self.family, self.sock = net, family, None
        self.initial = os.urandom(8)
        while self.initial[0] >> 5 == ROTATION:
            self.initial = os.urandom(8)
        self.move()
        self.server, self.cid = self.handshake(self.initial)

    def move(self, host=2, port=None):
        self.close()
        self.sock = self.net.cl.socket(FAMILIES[self.family], socket.SOCK_DGRAM)
        self.sock.settimeout(10)
        self.sock.bind((address(self.family, 1, host), port or next(PORTS)))
        self.sock.connect((vip(self.family, KIND), PORT))

    def exchange(self, data):
        self.sock.send(data)
        said = self.sock.recv(2000)
        return said[:3].decode(), said[3:]

    def handshake(self, cid):
        """A long header of version 1, with an id of its own, in a datagram of 1200 bytes."""
        return self.exchange((bytes([LONG, 0, 0, 0, 1, len(cid)]) + cid + b"\4mine").ljust(1200))

    def ask(self):
        """The server that answered a packet with a short header, and whether it knows the connection."""
        return self.exchange(bytes([SHORT]) + self.cid + os.urandom(20))

    def close(self):
        if self.sock:
            self.sock.close()


@pytest.fixture(name="addresses", scope="module")
def addresses_fixture(net):
    net.cl.ip([f"address add {address(4, 1, 3)}/24 dev eth0",
               f"address add {address(6, 1, 3)}/64 dev eth0 nodad"])


@pytest.fixture(name="quic", params=FAMILIES)
def quic_fixture(net, lb, request, addresses):  # pylint: disable=unused-argument
    it = Quic(net, lb, request.param)
    yield it
    it.stop()


class Quic:
    """A VIP and its servers."""

    def __init__(self, net, lb, family):
        self.net, self.lb, self.family = net, lb, family
        self.service = f"udp:{joined(vip(family, KIND), PORT)}"
        self.servers = [QuicServer(host, family, number)
                        for number, host in enumerate(net.rs, 1)]
        lb("vip", "add", self.service, "--hash", "quic", "--config-rotation", str(ROTATION))
        lb("backend", "add", self.service, *map(self.backend, SERVERS))
        lb.await_ways()

    def backend(self, server):
        return backend_address(self.family, KIND, server)

    @contextlib.contextmanager
    def opened(self):
        clients = [QuicClient(self.net, self.family) for _ in range(16)]
        assert {client.server for client in clients} == {"rs1", "rs2"}
        yield clients
        for client in clients:
            client.close()

    def set(self, server, state):
        self.lb("backend", "set", self.service, self.backend(server), "--state", state)

    def stop(self):
        for server in self.servers:
            server.stop()


def all_known(clients):
    for client in clients:
        assert client.ask() == (client.server, b"known")


def test_clients_move(quic):
    """Another port, another address, the one that another connection had: the same server answers."""
    before = quic.lb.reasons()
    with quic.opened() as clients:
        all_known(clients)
        for host in 2, 3:
            for client in clients:
                client.move(host)
            all_known(clients)
        assert {client.handshake(client.cid) for client in clients} == {
            (client.server, client.cid) for client in clients}
        assert since(quic.lb.reasons(), before) == {"lb-new": 16, "lb-quic": 4 * 16}
        ports = [client.sock.getsockname()[1] for client in clients]
        for client in clients:
            client.close()
        for client, port in zip(clients, ports[1:] + ports[:1]):
            client.move(3, port)
        all_known(clients)


def test_ids_before_the_table(quic):
    """Two connections of one socket, to two servers: each packet gets where its id says."""
    with quic.opened() as clients:
        one, other = (next(client for client in clients if client.server == name)
                      for name in ("rs1", "rs2"))
        for _ in range(3):
            other.cid, one.cid = one.cid, other.cid
            one.server, other.server = other.server, one.server
            all_known([one, other])
        # an id that it chose, of the same socket: where the table says
        assert one.handshake(one.initial)[0] == "rs1"


def test_server_drained(quic):
    """It keeps its connections, wherever they come from, and gets no new ones."""
    with quic.opened() as clients:
        quic.set(1, "draining")
        for client in clients:
            client.move(3)
        all_known(clients)
        assert {QuicClient(quic.net, quic.family).server for _ in range(12)} == {"rs2"}


@pytest.mark.parametrize("how", ["down", "removed"])
def test_server_goes(quic, how):
    """Its connections meet the other server, which does not know them; those of the other stay."""
    with quic.opened() as clients:
        if how == "down":
            quic.set(1, "down")
        else:
            quic.lb("backend", "del", quic.service, quic.backend(1))
        for client, host in zip(clients, itertools.cycle((2, 3))):
            client.move(host)
            assert client.ask() == ("rs2", b"known" if client.server == "rs2" else b"reset")


def test_another_id(quic):
    """Servers that are told ids: only the one that has it gets the packets."""
    quic.lb("backend", "set", quic.service, quic.backend(1), "--server-id", "c0ffee01")
    quic.servers[0].ident = bytes.fromhex("c0ffee01")
    with quic.opened() as clients:
        for client in clients:
            client.move()
        all_known(clients)


def test_what_is_told(quic):
    """The same id in stats, show and explain."""
    ident = server_id(quic.family, 2)
    with quic.opened() as clients:
        client = next(client for client in clients if client.server == "rs2")
        client.move(3)
        assert client.ask() == ("rs2", b"known")
        layer = IP if quic.family == 4 else IPv6
        frame = (Ether(dst="02:00:00:00:00:01") /
                 layer(src=address(quic.family, 1, 77), dst=vip(quic.family, KIND)) /
                 UDP(sport=1000, dport=PORT) / (bytes([SHORT]) + client.cid + bytes(20)))
        said = quic.lb("explain", bytes(frame).hex())
    assert (f"  connection unknown\n  server id {ident.hex()}\n  backend {quic.backend(2)} by the "
            "server id in its connection id\n") in said
    assert "  verdict lb-quic: " in said
    stats, = (entry for entry in json.loads(quic.lb("stats", "-j"))["vips"]
              if entry["service"] == quic.service)
    assert (stats["quic"], stats["entered"], stats["hits"], stats["packets"]) == (1, 16, 0, 17)
    assert f" server-id {ident.hex()}\n" in quic.lb("show")
    assert f" server-id {ident.hex()}\n" in quic.lb("backend", "list", quic.service)
    assert f" hash quic table 65537 tcp-idle 900s udp-idle 60s id-length 4 config-rotation {ROTATION} " \
        in quic.lb("vip", "list")
