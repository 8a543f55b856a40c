# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""
Limits for packets of unknown flows, on the wire: a burst of datagrams, and segments that the machine
answers with RST. Needs no IPVS: the services are added by hand, and nobody listens.
"""
import json
import selectors
import socket
import subprocess
import time

import pytest
from scapy.all import IP, TCP, UDP, Ether, IPv6

from conftest import BUILD, row

SLOT = 7
SERVICE, OTHER = {4: "192.0.2.1", 6: "fd09::1"}, "192.0.2.2"
CLIENT = {4: "198.18.0.1", 6: "fd01::1"}
TARGET, PPS, SECONDS = 500, 8000, 2
ETH_P_ALL = 3


class Bypass:
    """b answers for SERVICE and OTHER. A root on va, too, or veth has no ring for what XDP answers."""

    def __init__(self, pair):
        self.pair, run = pair, pair.b.run
        pair.xdp_root("attach", "vb")
        pair.tool("xdp_root", "attach", "--netns", pair.a.name, "va")
        run("sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=0", "net.ipv6.conf.vb.disable_ipv6=0",
            "net.ipv6.conf.vb.accept_dad=0", "net.ipv4.conf.all.rp_filter=0",
            "net.ipv4.conf.vb.rp_filter=0", "net.ipv4.icmp_ratelimit=0")
        pair.wait_up()
        self.macs = [json.loads(ns.run("ip", "-j", "link", "show", dev))[0]["address"]
                     for ns, dev in ((pair.a, "va"), (pair.b, "vb"))]
        run("ip", "link", "set", "lo", "up")
        for addr in (SERVICE[4], SERVICE[6], OTHER, "10.0.0.2/24", "fd01::2/64"):
            run("ip", "addr", "add", addr, "dev", "vb" if "/" in addr else "lo", "nodad")
        for router in "10.0.0.1", CLIENT[6]:
            run("ip", "neigh", "replace", router, "lladdr", self.macs[0], "dev", "vb", "nud",
                "permanent")
        run("ip", "route", "add", "default", "via", "10.0.0.1")
        self("attach", "--inbound", "vb", "--no-follow", "--flows", 64, "--service",
             f"udp:{SERVICE[4]}:53", "--service", f"tcp:{SERVICE[4]}:80", "--service",
             f"tcp:[{SERVICE[6]}]:80")

    def __call__(self, *argv):
        return self.pair.tool("xdp_bypass_ipvs", *argv)

    def params(self, *words):
        self("params", *words)

    def stats(self):
        """Reasons, actions and counters of egress that are not 0; packets that the slot has seen."""
        stats, by = self.pair.stats(), json.loads(self("stats", "-j"))
        told = dict(stats["reasons"])
        for name, count in row(stats, SLOT)["by"].items():
            told[name] = count["packets"]
        told.update(by["egress"])
        return ({name: count for name, count in told.items() if count},
                row(stats, SLOT)["seen"]["packets"])

    def ethernet(self):
        return Ether(src=self.macs[0], dst=self.macs[1])

    def burst(self, dst):
        """Datagrams of as many flows as there are datagrams; how many the slot has seen."""
        frame = bytes(self.ethernet() / IP(src="198.18.0.0", dst=dst) / UDP(sport=9, dport=53))
        before = self.stats()[1]
        sent = int(subprocess.run(
            ["nsenter", f"--net=/run/netns/{self.pair.a.name}", BUILD / "tests/tools/live", "va",
             frame.hex(), str(PPS * SECONDS), "65536", str(PPS)],
            check=True, stdout=subprocess.PIPE, text=True).stdout)
        assert sent == PPS * SECONDS
        # the ring of a veth may lose some of a burst
        self.pair.await_stats(lambda stats: row(stats, SLOT)["seen"]["packets"] - before > sent / 2)
        deadline, last = time.monotonic() + 10, -1
        while last != (last := self.stats()[1]):
            assert time.monotonic() < deadline
        return last - before

    def received(self):
        """Datagrams that came as far as the stack: nobody listens."""
        udp = self.pair.b.run("cat", "/proc/net/snmp").splitlines()
        names, values = [line.split() for line in udp if line.startswith("Udp:")]
        return int(dict(zip(names, values))["NoPorts"])


@pytest.fixture(name="bypass")
def bypass_fixture(pair):
    it = Bypass(pair)
    yield it
    it("detach")
    pair.tool("xdp_root", "detach", "--netns", pair.a.name, "va")


# --- a burst of unknown flows

def test_unknown_flows_have_a_limit(bypass):
    bypass.params(f"unknown-pps={TARGET}", f"unknown-max-pps={TARGET}")
    seen = bypass.burst(SERVICE[4])
    told, _ = bypass.stats()
    print(f"{seen} datagrams of unknown flows, {told}")
    assert told["bypass-limit"] == told["drop"] and told["drop"] + told["next"] == seen
    # the first windows measure; and a share is of the rate before, which varies
    assert TARGET * SECONDS / 2 < told["next"] < TARGET * SECONDS * 3 < seen / 2
    assert bypass.received() == told["next"]


def test_other_destinations_have_none(bypass):
    bypass.params("unknown-pps=1", "unknown-max-pps=1")
    seen = bypass.burst(OTHER)
    assert bypass.stats()[0] == {"next": seen}
    assert bypass.received() == seen


def test_no_limit_in_monitor_mode(bypass):
    bypass.params("unknown-pps=1", "unknown-max-pps=1", "monitor=on")
    seen = bypass.burst(SERVICE[4])
    told, _ = bypass.stats()
    assert set(told) == {"bypass-limit", "next"} and told["next"] == seen
    assert seen / 2 < told["bypass-limit"] < seen
    assert bypass.received() == seen


# --- answers of the machine

class Client:
    """Sends segments out of va and takes what comes back."""

    def __init__(self, bypass):
        self.bypass = bypass
        with bypass.pair.a:
            self.raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        with bypass.pair.a:
            self.raw.bind(("va", ETH_P_ALL))
        self.raw.setblocking(False)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.raw.close()

    def segment(self, family, **tcp):
        layer = (IP if family == 4 else IPv6)(src=CLIENT[family], dst=SERVICE[family])
        return self.bypass.ethernet() / layer / TCP(dport=80, **tcp)

    def send(self, *frames):
        """What came back, once all frames have been seen."""
        before = self.bypass.stats()[1]
        for frame in frames:
            self.raw.send(bytes(frame))
        self.bypass.pair.await_stats(
            lambda stats: row(stats, SLOT)["seen"]["packets"] == before + len(frames))

    def read(self):
        """Segments from b that are there."""
        found = []
        while True:
            try:
                data, sender = self.raw.recvfrom(2048)
            except BlockingIOError:
                return found
            if sender[2] != socket.PACKET_OUTGOING and TCP in Ether(data):
                found.append(data)

    def answers(self, count):
        """Segments from b, so many; there are no more."""
        found, deadline = self.read(), time.monotonic() + 5
        with selectors.DefaultSelector() as selector:
            selector.register(self.raw, selectors.EVENT_READ)
            while len(found) < count and selector.select(max(0, deadline - time.monotonic())):
                found += self.read()
        assert len(found) == count, found
        return found

    def wanted(self, family, **tcp):
        """The RST that XDP makes, all of it."""
        layer = (IP(src=SERVICE[4], dst=CLIENT[4], ttl=64, id=0, flags="DF") if family == 4 else
                 IPv6(src=SERVICE[6], dst=CLIENT[6], hlim=64))
        return bytes(Ether(src=self.bypass.macs[1], dst=self.bypass.macs[0]) / layer /
                     TCP(sport=80, window=0, **tcp))


@pytest.fixture(name="client")
def client_fixture(bypass):
    with Client(bypass) as it:
        yield it


@pytest.mark.parametrize("family", (4, 6))
def test_answers_of_xdp(bypass, client, family):
    """The stack answers the first segment of a flow, XDP those that follow, as RFC 9293 has it."""
    bypass.params("reset-per-flow=4")
    ack = client.segment(family, sport=1000, seq=5, ack=77, flags="A")
    client.send(ack)
    stack, = client.answers(1)
    rst = Ether(stack)[TCP]
    assert (rst.flags, rst.seq, rst.ack, rst.dport) == ("R", 77, 0, 1000)
    assert bypass.stats()[0] == {"next": 1, "reset-sent": 1}
    client.send(ack, client.segment(family, sport=1000, seq=5, flags="F") / b"seven..",
                ack / bytes(1000))
    assert client.answers(3) == [
        client.wanted(family, dport=1000, seq=77, flags="R"),
        client.wanted(family, dport=1000, seq=0, ack=13, flags="RA"),
        client.wanted(family, dport=1000, seq=77, flags="R")]
    assert bypass.stats()[0] == {"next": 1, "reset-sent": 1, "bypass-reset": 3, "tx": 3}
    # that was all of them; another flow's are counted for themselves
    client.send(ack, client.segment(family, sport=1001, seq=5, ack=78, flags="A"))
    assert [Ether(data)[TCP].dport for data in client.answers(1)] == [1001]
    assert bypass.stats()[0] == {"next": 2, "reset-sent": 2, "bypass-reset": 3, "tx": 3,
                                 "bypass-reset-limit": 1, "drop": 1}


def test_answers_in_a_second(bypass, client):
    """Each of these is the first of its flow: the stack answers, egress drops what is too much."""
    bypass.params("reset-pps=3")
    client.send(*(client.segment(4, sport=port, seq=5, ack=77, flags="A")
                  for port in range(2000, 2020)))
    told, _ = bypass.stats()
    assert told["reset-sent"] + told["reset-rate"] == told["next"] == 20
    # they may have come within two seconds
    assert 3 <= told["reset-sent"] <= 6
    assert {Ether(data)[TCP].dport for data in client.answers(told["reset-sent"])} <= set(
        range(2000, 2020))


def test_all_answers_in_monitor_mode(bypass, client):
    bypass.params("reset-per-flow=1", "monitor=on")
    ack = client.segment(4, sport=1000, seq=5, ack=77, flags="A")
    client.send(ack)
    client.answers(1)
    client.send(ack, ack)
    assert [Ether(data)[TCP].flags for data in client.answers(2)] == ["R", "R"]
    assert bypass.stats()[0] == {"next": 3, "reset-sent": 1, "reset-flow": 2,
                                 "bypass-reset-limit": 2}
