# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""
A fleet: backends that come and go under ten thousand open connections, and directors that do, with
the same configuration behind a router that spreads packets.
"""
import contextlib
import hashlib
import http.client
import math
import socket
import subprocess

import pytest

from bypass import FAMILIES, HTTP, Server, address, pattern, vip
from conftest import BUILD
from lb import (FLEET_SERVERS, MANY, Echo, await_true, backend_address, fleets, service_of,
                table)

ENTRIES = 65537
WEIGHTS = {1: 1, 2: 2, 3: 1, 4: 1, 5: 1}
# Entries that move beyond those that must: for some backends in a table of this size, at most these
SURPLUS = ENTRIES * 3 // 200
WEB_SERVERS, TRANSFERS, BYTES = (1, 2, 3), 24, 2000000
CHECK = "interval 500ms timeout 450ms rise 1 fall 3"

fleet_fixture = pytest.fixture(fleets, scope="module", name="fleet")


class Crowd:
    """Connections by the thousand from the client to a VIP, and what is done to that."""

    def __init__(self, fleet, lb, pins, family, kind):
        self.fleet, self.lb, self.pins, self.family, self.kind = fleet, lb, pins, family, kind
        self.service, self.vip = service_of(family, kind), vip(family, kind)
        self.holder, self.ports = None, iter(range(10000, 30000, 500))
        self.open = {}

    def backend(self, server):
        return backend_address(self.family, self.kind, server)

    def servers(self, host):
        return Echo(host, "serve", host.name, MANY)

    def more(self, count):
        """So many new ones; by the server that they have."""
        by = {}
        for _ in range(count // 500):
            told = self.holder.ask("open", address(self.family, 1, 2), next(self.ports), 500,
                                   self.vip, MANY)
            assert told["broken"] == {}
            for server, connections in told["kept"].items():
                by[server] = by.get(server, 0) + connections
        for server, connections in by.items():
            self.open[server] = self.open.get(server, 0) + connections
        return by

    def round(self, lost=()):
        """Each connection is asked: broken are all of the lost servers, and no others."""
        told = self.holder.ask("round")
        assert told["broken"] == {server: self.open.pop(server) for server in lost
                                  if server in self.open}
        assert told["kept"] == self.open

    def table(self):
        return table(self.pins, self.vip, MANY, ENTRIES)

    def change(self, *words, lost=()):
        """
        A change: as many entries and connections move as was said before, the entries no more than
        Maglev promises, and no connection is broken but those of the lost servers.
        """
        said, before = self.lb.json("what-if", *words), self.table()
        known, gone = self.known(), sum(self.known(server) for server in lost)
        self.lb(*words)
        self.has_moved(before, said)
        assert said["connections"] == {"stay": known - gone, "move": gone, "lost": 0}
        self.round(lost)

    def has_moved(self, before, said):
        moved = sum(old != new for old, new in zip(before, self.table()))
        vip_said, = said["vips"]
        assert moved == said["moved"] == vip_said["moved"]
        assert vip_said["unavoidable"] <= moved <= vip_said["unavoidable"] + SURPLUS

    def known(self, server=None):
        """
        Connections in the balancer's table, of all backends or one. A connection that broke may
        have another entry: what its client sent last went to another server.
        """
        backend = ["backend", self.backend(int(server[2:]))] if server else []
        known = int(self.lb("conns", "count", *backend))
        assert known >= (self.open[server] if server else sum(self.open.values()))
        return known

    def backend_change(self, verb, server, *words, lost=()):
        return self.change("backend", verb, self.service, self.backend(server), *words, lost=lost)


def share(server, servers):
    """Of a server among these."""
    return WEIGHTS[server] / sum(WEIGHTS[each] for each in servers)


def is_spread(by, servers):
    """The servers' connections are binomial in their shares: within six standard deviations."""
    total = sum(by.values())
    assert set(by) == {f"rs{server}" for server in servers}
    for server in servers:
        chance = share(server, servers)
        deviation = math.sqrt(total * chance * (1 - chance))
        assert abs(by[f"rs{server}"] - total * chance) < 6 * deviation


@contextlib.contextmanager
def crowd(fleet, lb, pins, family, kind):
    it = Crowd(fleet, lb, pins, family, kind)
    lb("vip", "add", it.service, "--mode", kind)
    with contextlib.ExitStack() as stack:
        it.running = {server: stack.enter_context(it.servers(fleet.rs[server - 1]))
                      for server in FLEET_SERVERS}
        it.holder = stack.enter_context(Echo(fleet.cl, "hold"))
        for server in FLEET_SERVERS[:4]:
            lb("backend", "add", it.service, it.backend(server), "--weight", WEIGHTS[server])
        lb.await_ways()
        yield it


def fails_and_returns(it, lb, tmp_path, server):
    """Its process ends: the health check finds out. Then it is back, and the table as before."""
    backend, before = it.backend(server), it.table()
    said = lb.json("what-if", "backend", "set", it.service, backend, "--state", "down")
    known, gone = it.known(), it.known(f"rs{server}")
    checks = tmp_path / "checks"
    checks.write_text(f"check {it.service} tcp {CHECK}\n", encoding="ascii")
    lb("monitor", "--background", "-f", checks)
    it.running[server].kill()
    await_state(it, lb, backend, "down")
    it.has_moved(before, said)
    assert said["connections"] == {"stay": known - gone, "move": gone, "lost": 0}
    it.round(lost=[f"rs{server}"])
    with it.servers(it.fleet.rs[server - 1]):
        await_state(it, lb, backend, "active")
        assert it.table() == before
        it.round()
        assert f"rs{server}" in it.more(500)
        it.round()
    lb("monitor", "--background")


def await_state(it, lb, backend, state):
    await_true(lambda: lb.states(it.service)[backend][1] == state,
               lambda: lb.states(it.service), seconds=30)


def program_is_replaced(it, lb):
    """While the connections work: attach is all that is needed for another version."""
    before = lb.json("status")["interfaces"][0]["program_id"]
    attach = subprocess.Popen([BUILD / "bin/xdp_lb", "attach", "--netns", lb.host, "eth0"],
                              stdout=subprocess.DEVNULL)
    while attach.poll() is None:
        it.round()
    assert attach.returncode == 0
    it.round()
    assert lb.json("status")["interfaces"][0]["program_id"] != before


def restored(it, lb):
    """The saved configuration after another one: its table again, and all connections stay."""
    saved, before = lb("save"), it.table()
    it.backend_change("set", 2, "--weight", WEIGHTS[2] + 2)
    lb("restore", input=saved)
    assert it.table() == before and lb("save") == saved
    it.round()


@pytest.mark.parametrize("family,kind,count", [(4, "direct", 10000), (6, "ipip", 2000)])
def test_changes_under_open_connections(fleet, bpffs, tmp_path, family, kind, count):
    fleet.route(1)
    with fleet.lb(1) as lb:
        pins, = (bpffs / "ecbpf").glob(":xdp_lb*")
        with crowd(fleet, lb, pins, family, kind) as it:
            is_spread(it.more(count), FLEET_SERVERS[:4])
            assert lb("conns", "count") == f"{count}\n"
            it.backend_change("add", 5)
            assert "rs5" in it.more(500)
            it.backend_change("set", 1, "--state", "draining")
            assert set(it.more(500)) == {"rs2", "rs3", "rs4", "rs5"}
            program_is_replaced(it, lb)
            it.backend_change("set", 1, "--state", "active")
            assert "rs1" in it.more(500)
            restored(it, lb)
            it.backend_change("del", 3, lost=["rs3"])
            fails_and_returns(it, lb, tmp_path, 4)
            assert lb.reasons().get("lb-full", 0) == 0


# --- directors

class Web:
    """Two directors with the same VIP, entered in another order; HTTP servers behind."""

    def __init__(self, fleet, lbs, family, kind):
        self.fleet, self.lbs, self.family, self.kind = fleet, lbs, family, kind
        self.service = service_of(family, kind, HTTP)

    def configure(self):
        backends = [backend_address(self.family, self.kind, server) for server in WEB_SERVERS]
        for lb, some in zip(self.lbs, (backends, reversed(backends))):
            lb("vip", "add", self.service, "--mode", self.kind)
            for backend in some:
                lb("backend", "add", self.service, backend)
            lb.await_ways()

    def known(self):
        """Ports of the clients whose connections each director knows."""
        return [{conn["sport"] for conn in lb.json("conns")["conns"]} for lb in self.lbs]


class Upload:
    """A file that is sent in parts; the server says at the end what it has got."""

    def __init__(self, fleet, family, kind):
        self.data, self.at = pattern(BYTES), 0
        self.client = http.client.HTTPConnection(vip(family, kind), HTTP, timeout=60)
        self.client.sock = connected(fleet, family, kind)
        self.client.putrequest("PUT", "/")
        self.client.putheader("Content-Length", str(BYTES))
        self.client.endheaders()

    def advance(self, count):
        self.client.send(self.data[self.at:self.at + count])
        self.at += count

    def finish(self):
        self.advance(BYTES - self.at)
        assert self.client.getresponse().read().decode() == hashlib.sha256(self.data).hexdigest()
        self.client.close()


class Download:
    """A file that is read in parts; the small window makes the server wait."""

    def __init__(self, fleet, family, kind):
        self.got = b""
        self.client = http.client.HTTPConnection(vip(family, kind), HTTP, timeout=60)
        self.client.sock = connected(fleet, family, kind)
        self.client.request("GET", f"/{BYTES}")
        self.answer = self.client.getresponse()

    def advance(self, count):
        self.got += self.answer.read(count)

    def finish(self):
        assert self.got + self.answer.read() == pattern(BYTES)
        self.client.close()


def connected(fleet, family, kind):
    sock = fleet.cl.socket(FAMILIES[family])
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
    sock.settimeout(60)
    sock.connect((vip(family, kind), HTTP))
    return sock


@contextlib.contextmanager
def two(fleet, family, kind):
    fleet.route(1, 2)
    with fleet.lb(1) as one, fleet.lb(2) as other:
        yield Web(fleet, (one, other), family, kind)


@contextlib.contextmanager
def dead(fleet, number):
    """The director's cable is cut, and nobody knows yet."""
    fleet.rt.ip([f"link set lb{number} down"])
    try:
        yield
    finally:
        fleet.rt.ip([f"link set lb{number} up"])
        fleet.await_up()


@pytest.mark.parametrize("family,kind", [(4, "direct"), (6, "ipip")])
def test_director_dies_in_mid_transfer(fleet, family, kind):
    """What it had goes on by way of the other one, and back when it is there again."""
    servers = [Server(fleet.rs[number - 1], b"rs%d" % number) for number in WEB_SERVERS]
    with two(fleet, family, kind) as web:
        web.configure()
        transfers = [what(fleet, family, kind) for _ in range(TRANSFERS // 2)
                     for what in (Upload, Download)]
        for transfer in transfers:
            transfer.advance(BYTES // 4)
        ports = {transfer.client.sock.getsockname()[1] for transfer in transfers}
        one, other = web.known()
        assert one | other == ports and one < ports and other < ports
        with dead(fleet, 1):
            for transfer in transfers:  # half of it is lost
                transfer.advance(1000)
            fleet.route(2)
            for transfer in transfers:
                transfer.advance(BYTES // 4)
            assert web.known() == [one, ports]
        fleet.route(1, 2)
        for transfer in transfers:
            transfer.finish()
    for server in servers:
        server.stop()


def test_after_a_change_the_hash_alone_decides(fleet, tmp_path):
    """
    Connections that a director has kept through a change are known to it alone: when it dies, those
    break that what-if said would move by the hash alone, and no others.
    """
    with two(fleet, 4, "direct") as web, contextlib.ExitStack() as stack:
        for server in FLEET_SERVERS[:4]:
            stack.enter_context(Echo(fleet.rs[server - 1], "serve", f"rs{server}", MANY))
        holder = stack.enter_context(Echo(fleet.cl, "hold"))
        service, backends = service_of(4, "direct"), [backend_address(4, "direct", server)
                                                      for server in FLEET_SERVERS]
        for lb in web.lbs:
            lb("vip", "add", service, "--mode", "direct")
            lb("backend", "add", service, *backends[:3])
            lb.await_ways()
        told = holder.ask("open", address(4, 1, 2), 30000, 600, vip(4, "direct"), MANY)
        assert sum(told["kept"].values()) == 600
        for lb in web.lbs:
            lb("backend", "add", service, backends[3])
            lb.await_ways()
        assert holder.ask("round") == told
        saved = tmp_path / "saved"
        saved.write_text(web.lbs[0]("save"), encoding="ascii")
        said = web.lbs[0].json("what-if", "restore", saved)["hashed"]
        assert said["stay"] + said["move"] == int(web.lbs[0]("conns", "count"))
        assert said["stay"] > 0 and said["move"] > 0
        with dead(fleet, 1):
            fleet.route(2)
            told = holder.ask("round")
        assert sum(told["broken"].values()) == said["move"]
        assert sum(told["kept"].values()) == 600 - said["move"]
