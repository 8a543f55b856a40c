# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""
Floods at the speed of the kernel beside transfers: those finish with the right content, the tables
stay as large as they are, and counters tell what became of each packet of the flood.
"""
import contextlib
import hashlib
import http.client
import socket

import pytest
from scapy.all import IP, TCP, Ether

from bypass import FAMILIES, HTTP, Server, address, pattern, vip
from conftest import adds_up, row, verdicts
from lb import MANY, Echo, await_true, backend_address, fleets, service_of, since

SLOT = 6
CONNS = 4096  # that the table has room for
SOURCES = 131072  # 198.18.0.0/15, in an order that looks random
ENOUGH = 100000  # packets of a flood, or it was none
HELD = 200  # connections that are there before
TRANSFERS, BYTES = 6, 200000
PORTS = iter(range(10000, 30000, HELD))  # of those

fleet_fixture = pytest.fixture(fleets, scope="module", name="fleet")


@pytest.fixture(scope="module", name="lb")
def lb_fixture(fleet):
    fleet.servers = [Server(fleet.rs[number], b"rs%d" % (number + 1)) for number in range(2)]
    fleet.route(1)
    fleet.rt.ip(["route add blackhole 198.18.0.0/15"])
    with fleet.lb(1, conns=CONNS) as lb:
        for port in HTTP, MANY:
            service = service_of(4, "direct", port)
            lb("vip", "add", service, "--mode", "direct")
            lb("backend", "add", service, backend_address(4, "direct", 1),
               backend_address(4, "direct", 2))
        lb.await_ways()
        yield lb


def transfer(fleet, number):
    client = http.client.HTTPConnection(vip(4, "direct"), HTTP, timeout=120)
    client.sock = fleet.cl.socket(FAMILIES[4])
    client.sock.settimeout(120)
    client.sock.connect((vip(4, "direct"), HTTP))
    data = pattern(BYTES)
    if number % 2:
        client.request("PUT", "/", data)
        assert client.getresponse().read().decode() == hashlib.sha256(data).hexdigest()
    else:
        client.request("GET", f"/{BYTES}")
        assert client.getresponse().read() == data
    client.close()


def device(fleet):
    """Frames that the flood's interface has handed over, and those that found no room."""
    found = {}
    for line in fleet.rt.run("ethtool", "-S", "lb1").splitlines():
        name, _, value = line.strip().partition(": ")
        if "_xdp_xmit" in name:
            found["errors" if name.endswith("_errors") else "sent"] = int(value)
    return found


class Flood:
    """While the `with` lasts, and until there was enough of it."""

    def __init__(self, fleet, lb, flags):
        self.fleet, self.lb = fleet, lb
        self.frame = Ether(src=fleet.mac("rt", "lb1"), dst=fleet.mac("lb1", "eth0")) / IP(
            src="198.18.0.0", dst=vip(4, "direct")) / TCP(sport=1024, dport=HTTP, flags=flags)

    def __enter__(self):
        self.before, self.device = self.lb.stats(), device(self.fleet)
        self.process = self.fleet.flood(self.frame, 0, SOURCES, dev="lb1", idle=False)
        self.await_seen(1000)
        return self

    def seen(self):
        return (row(self.lb.stats(), "root")["seen"]["packets"] -
                row(self.before, "root")["seen"]["packets"])

    def await_seen(self, packets):
        await_true(lambda: self.seen() >= packets, self.seen, seconds=60)

    def __exit__(self, *exc):
        if exc[0] is None:
            self.await_seen(ENOUGH)
        self.count = int(self.process.communicate()[0])
        self.sent = since(device(self.fleet), self.device)
        await_true(lambda: self.seen() >= self.sent["sent"], self.seen)

    def reasons(self):
        return since(self.lb.reasons(), self.before["reasons"])


@contextlib.contextmanager
def held(fleet):
    """Connections that are there before, and all of them afterwards."""
    with contextlib.ExitStack() as stack:
        for host in fleet.rs[:2]:
            stack.enter_context(Echo(host, "serve", host.name, MANY))
        holder = stack.enter_context(Echo(fleet.cl, "hold"))
        port = next(PORTS)
        told = holder.ask("open", address(4, 1, 2), port, HELD, vip(4, "direct"), MANY)
        assert sum(told["kept"].values()) == HELD
        holder.ask("round")
        yield
        assert holder.ask("round") == told


def is_explained(fleet, lb, flood):
    """Frames that were sent came or found no room; those that came went on, or to the stack."""
    assert flood.count == flood.sent["sent"] + flood.sent.get("errors", 0)
    stats = lb.stats()
    adds_up(stats)
    did, seen = verdicts(stats, SLOT), row(stats, SLOT)["seen"]["packets"]
    assert set(did) <= {"tx", "next"}
    assert sum(packets for packets, _ in did.values()) == seen
    assert sum(flood.reasons().values()) <= flood.seen()


def test_syn_flood(fleet, lb):
    """A SYN enters nothing."""
    with held(fleet):
        with Flood(fleet, lb, "S") as flood:
            for number in range(TRANSFERS):
                transfer(fleet, number)
        reasons = flood.reasons()
        print(f"{flood.count} SYNs, {flood.sent}: {reasons}")
        is_explained(fleet, lb, flood)
        assert reasons["lb-new"] >= TRANSFERS
        assert 0 <= reasons["lb-hashed"] - flood.sent["sent"] - TRANSFERS < 100  # SYNs sent again
        assert lb("conns", "count", "src", "198.18.0.0/15") == "0\n"


@pytest.mark.parametrize("limit", [0, 1000])
def test_ack_flood(fleet, lb, limit):
    """
    Packets of connections that nobody has fill the table, and take nobody's place but their own;
    with a limit, most do not even do that.
    """
    lb("vip", "set", service_of(4, "direct", HTTP), "--new-pps", limit)
    with held(fleet):
        with Flood(fleet, lb, "A") as flood:
            for number in range(TRANSFERS):
                transfer(fleet, number)
        reasons = flood.reasons()
        print(f"{flood.count} ACKs, {flood.sent}: {reasons}")
        is_explained(fleet, lb, flood)
        # some are known from the flood before
        assert sum(reasons.values()) >= flood.sent["sent"] + TRANSFERS
        assert ("lb-limited" in reasons) == bool(limit)
        assert not limit or reasons["lb-limited"] > reasons["lb-new"]
        assert int(lb("conns", "count")) <= CONNS
        assert lb.json("conns", "src", "198.18.0.0/15", "limit", 1)["conns"]
