# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""
What is left of a service under a flood of more than ten times its packets: connections that are
asked for at a fixed rate, answered in time or lost. The rate is modest, so that the figure tells
what the firewall lets through, not who gets the CPU; the flood is bounded for the same reason.
"""
import asyncio
import contextlib
import json
import shutil
import socket
import statistics
import subprocess

import pytest
from scapy.all import IP, TCP, UDP, Ether

from conftest import BUILD, Pair, row
from fw import Wall

RATE, SECONDS, ROUNDS = 50, 2, 3
IN_TIME_S = 1
QUESTION, ANSWER = b"q" * 200, b"a" * 8000
CLIENT, SERVER, PORT = "10.8.0.1", "10.8.0.2", 80
BLOCKED, LOUD = "100.64.0.0", "198.18.0.0"  # first sources of the two floods
UDP_SOURCES, SYN_SOURCES = 65536, 1024  # the latter in four networks
FLOOD_PPS = 6000  # each
# SYNs a second of a network: the client stays below, and what four may send does not fill the
# backlog, which takes new ones while it is filled to three quarters
LIMIT, BURST, BACKLOG = 60, 30, 1024

FW_RULES = ['drop from @blocked name "blocked"',
            f"limit {LIMIT} pps burst {BURST} per source/24 tcp flags syn mask {{syn ack}} "
            'name "syns"']
NFT_RULES = f"""
table netdev flood {{
    set blocked {{ type ipv4_addr; flags interval; elements = {{ {BLOCKED}/16 }} }}
    set syns {{ type ipv4_addr; size 65536; flags dynamic,timeout; timeout 10s; }}
    chain in {{
        type filter hook ingress device vb priority 0; policy accept;
        ip saddr @blocked counter drop
        tcp flags & (syn | ack) == syn \
            update @syns {{ ip saddr & 255.255.255.0 limit rate over {LIMIT}/second \
            burst {BURST} packets }} counter drop
    }}
}}
"""


class Service:
    """A server in b, a client in a, in one loop: each request is a connection of its own."""

    def __init__(self, pair):
        self.pair = pair
        addresses(pair)
        with pair.b:
            self.listener = socket.create_server((SERVER, PORT), backlog=BACKLOG)
        self.listener.setblocking(False)

    def goodput(self):
        """Requests that are answered in time, of RATE * SECONDS."""
        with self.pair.a:
            self.clients = [socket.socket() for _ in range(RATE * SECONDS)]
        return asyncio.run(self.work())

    async def work(self):
        server = asyncio.create_task(self.serve())
        asked = [asyncio.create_task(self.ask(number, client))
                 for number, client in enumerate(self.clients)]
        answered = sum(await asyncio.gather(*asked))
        server.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await server
        return answered

    async def serve(self):
        loop = asyncio.get_running_loop()
        tasks = set()
        while True:
            task = asyncio.create_task(self.answer((await loop.sock_accept(self.listener))[0]))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

    @staticmethod
    async def answer(connection):
        loop = asyncio.get_running_loop()
        with connection, contextlib.suppress(OSError):
            if await loop.sock_recv(connection, len(QUESTION)) == QUESTION:
                await loop.sock_sendall(connection, ANSWER)

    async def ask(self, number, client):
        await asyncio.sleep(number / RATE)
        with client:
            client.setblocking(False)
            try:
                return await asyncio.wait_for(self.talk(client), IN_TIME_S)
            except (OSError, asyncio.TimeoutError):
                return 0

    @staticmethod
    async def talk(client):
        loop = asyncio.get_running_loop()
        await loop.sock_connect(client, (SERVER, PORT))
        await loop.sock_sendall(client, QUESTION)
        told = b""
        while len(told) < len(ANSWER):
            more = await loop.sock_recv(client, 65536)
            if not more:
                return 0
            told += more
        return int(told == ANSWER)


def addresses(pair):
    """
    The server answers whoever asks, and remembers each for a second, and nobody for longer: a
    flood of SYNs that gets through fills its backlog.
    """
    macs = {}
    for netns, dev, address in (pair.a, "va", CLIENT), (pair.b, "vb", SERVER):
        netns.run("ip", "addr", "add", f"{address}/24", "dev", dev)
        netns.run("ip", "link", "set", "lo", "up")
        macs[dev] = json.loads(netns.run("ip", "-j", "link", "show", dev))[0]["address"]
    pair.a.run("ip", "neigh", "replace", SERVER, "lladdr", macs["vb"], "dev", "va")
    pair.b.run("ip", "neigh", "replace", CLIENT, "lladdr", macs["va"], "dev", "vb")
    pair.b.run("ip", "route", "add", "default", "via", CLIENT)
    pair.b.run("sysctl", "-qw", "net.ipv4.tcp_syncookies=0", "net.ipv4.tcp_synack_retries=0",
               "net.ipv4.tcp_no_metrics_save=1",
               f"net.ipv4.tcp_max_syn_backlog={BACKLOG}", f"net.core.somaxconn={BACKLOG}",
               "net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.vb.rp_filter=0")
    # veth takes XDP frames if its end has NAPI, with a program or without
    pair.b.run("ethtool", "-K", "vb", "gro", "on")
    pair.mac = macs["vb"]


@contextlib.contextmanager
def flood(pair):
    """Both floods while the `with` lasts; yields the list that then has their packet counts."""
    eth = Ether(dst=pair.mac, src="02:00:00:00:00:66")
    frames = [(eth / IP(src=BLOCKED, dst=SERVER) / UDP(sport=53, dport=PORT) / (b"u" * 64),
               UDP_SOURCES),
              (eth / IP(src=LOUD, dst=SERVER) / TCP(sport=1024, dport=PORT, flags="S"),
               SYN_SOURCES)]
    running = [subprocess.Popen(
        ["nsenter", f"--net=/run/netns/{pair.a.name}", BUILD / "tests/tools/live", "va",
         bytes(frame).hex(), "0", str(sources), str(FLOOD_PPS)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for frame, sources in frames]
    sent = []
    try:
        yield sent
    finally:
        sent += [int(live.communicate(timeout=30)[0]) for live in running]


def received(pair):
    return json.loads(pair.b.run("ip", "-j", "-s", "link", "show", "vb"))[0][
        "stats64"]["rx"]["packets"]


def measure(pair, name):
    """Goodput without a flood and with one, in rounds; the median ratio."""
    service, ratios = Service(pair), []
    for _ in range(ROUNDS):
        before = received(pair)
        calm = service.goodput()
        legitimate = received(pair) - before
        with flood(pair) as sent:
            stormy = service.goodput()
        ratios.append(stormy / calm)
        print(f"{name}: {calm} requests answered unloaded, {stormy} under the flood "
              f"({stormy / calm:.0%}); legitimate packets {legitimate}, UDP {sent[0]}, "
              f"SYN {sent[1]}: {sum(sent) / legitimate:.0f} times as many")
        assert calm >= 0.9 * RATE * SECONDS, "this machine does not do it unloaded"
        assert sum(sent) >= 10 * legitimate
    service.listener.close()
    return statistics.median(ratios)


@pytest.fixture
def bare(bpffs):
    """Two hosts without a root."""
    pair = Pair()
    yield pair
    pair.delete()


def test_goodput_behind_the_firewall(pair):
    wall = Wall(pair)
    wall("set", "create", "blocked")
    wall("set", "add", "blocked", f"{BLOCKED}/16")
    wall.load(*FW_RULES)
    ratio = measure(pair, "xdp_fw")
    rules = {entry["name"]: entry for entry in wall.stats()["rules"]}
    assert rules["blocked"]["packets"] > 0 and rules["syns"]["packets"] > 0
    assert row(pair.stats(), "root")["seen"]["packets"] > 0
    print(f"xdp_fw: median {ratio:.0%}; {rules}")
    assert ratio >= 0.8


def test_goodput_behind_nftables(bare):
    """The same job, for comparison: nothing is asked of the figure."""
    nft = shutil.which("nft", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if not nft:
        pytest.skip("nft is not installed")
    done = subprocess.run(["nsenter", f"--net=/run/netns/{bare.b.name}", nft, "-f", "-"],
                          input=NFT_RULES, text=True, capture_output=True)
    if done.returncode:
        pytest.skip(f"nft does not load these rules: {done.stderr.splitlines()[0]}")
    ratio = measure(bare, "nftables")
    print(f"nftables: median {ratio:.0%}")
    dropped = [int(words.split()[0]) for words in bare.b.run(
        nft, "list", "chain", "netdev", "flood", "in").split("counter packets ")[1:]]
    assert len(dropped) == 2 and min(dropped) > 0, "it ran"


def test_goodput_of_a_bare_server(bare):
    """What the flood does to a server that nobody protects, for comparison."""
    service = Service(bare)
    calm = service.goodput()
    with flood(bare) as sent:
        stormy = service.goodput()
    service.listener.close()
    print(f"unprotected: {calm} requests answered unloaded, {stormy} under {sent}")
    assert stormy < 0.8 * calm, "no flood worth the name"
