# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""
What IPVS is told while connections are at work: servers and services come and go. The script is the
same with the bypass and without, and so are the connections that live on. Whoever is removed gets
nothing any more.
"""
import collections
import selectors
import time

import pytest

from bypass import (ECHO, KINDS, Connection, Director, ipvs_lines, joined, needs_ipvs,
                    server_address, topology, vip)
from frames import Capture, binary

pytestmark = needs_ipvs
net = pytest.fixture(topology, scope="module", name="net")

STORY_KINDS = "direct", "ipip", "gue"
EACH = 2  # connections of each kind, family and protocol
ROUND_S = 0.1
# Nothing may come to a removed server later than this, unless the machine is so busy that the
# follower has not compared services for the second time since: it may have begun before the change.
REMOVED_S = 1
BACK_S = 6  # what is not alive so long after it could be is dead

CASES = [(kind, family, proto) for kind in STORY_KINDS for family in (4, 6)
         for proto in ("tcp", "udp")]

# alive: {step: connections that were answered}; late: {step: [seconds]} after it was due;
# unanswered: {step: datagrams}; before: hits until the first change; hits: {step: bypassed}
Story = collections.namedtuple("Story", "servers alive late unanswered hits fresh")


class Talk:
    """Connections that all say a number each round; who was answered what."""

    def __init__(self, net):
        self.net, self.selector, self.number = net, selectors.DefaultSelector(), 0
        self.clients, self.answered, self.broken = {}, collections.defaultdict(set), set()
        self.servers = {}
        for kind, family, proto in CASES:
            for _ in range(EACH):
                self.add(kind, family, proto)

    def add(self, kind, family, proto):
        client = Connection(self.net, family, proto, kind)
        name = f"{proto}{family}-{kind}-{len(self.clients)}"
        self.clients[name] = client
        self.servers[name] = client.exchange(b"0")
        client.sock.setblocking(False)
        self.selector.register(client.sock, selectors.EVENT_READ, name)
        return name

    def round(self):
        """One message of each; then answers, also to earlier ones, until it is time for the next."""
        self.number += 1
        end = time.monotonic() + ROUND_S
        for name, client in self.clients.items():
            if name not in self.broken:
                try:
                    client.sock.send(b"%d\n" % self.number)
                except BlockingIOError:
                    pass
                except OSError:
                    self.broken.add(name)
        while (left := end - time.monotonic()) > 0:
            for key, _ in self.selector.select(left):
                self.read(key)
        return self.number

    def read(self, key):
        try:
            data = key.fileobj.recv(65536)
        except OSError:
            data = b""
        if not data:
            self.broken.add(key.data)
            self.selector.unregister(key.fileobj)
        for line in data.split(b"\n"):
            if line[3:].isdigit():
                self.answered[key.data].add(int(line[3:]))

    def rounds(self, seconds, meanwhile=lambda: None):
        """Talk so long; numbers that were said."""
        end, said = time.monotonic() + seconds, []
        while time.monotonic() < end:
            said.append(self.round())
            meanwhile()
        return said

    def alive(self, said):
        return {name for name in self.clients if self.answered[name] & set(said)}

    def until_alive(self, wanted):
        """Talk until all of these have been answered, or it takes too long; who has been."""
        end, said = time.monotonic() + BACK_S, [self.round()]
        while not wanted <= self.alive(said) and time.monotonic() < end:
            said.append(self.round())
        return self.alive(said) & wanted

    def unanswered(self, said):
        """Datagrams. The network loses none."""
        return {name: sorted(set(said) - self.answered[name]) for name in self.clients
                if name.startswith("udp") and set(said) - self.answered[name]}

    def close(self):
        for client in self.clients.values():
            client.close()
        self.selector.close()


def services():
    return [line for kind in STORY_KINDS for family in (4, 6)
            for line in ipvs_lines(kind, family, ports={"t": ECHO, "u": ECHO})]


def service(kind, family, proto):
    return f"-{proto[0]} {joined(vip(family, kind), ECHO)}"


def each_service(change):
    return [change.format(service(*case)) for case in CASES]


def each_server(verb, number, weight=None):
    """A line about this server of each service."""
    return [f"{verb} {service(kind, family, proto)} "
            f"-r {joined(server_address(family, kind, number), ECHO)}" +
            ("" if weight is None else f" {KINDS[kind].options} -w {weight}")
            for kind, family, proto in CASES]


# Behind the Ethernet header, and of an inner header behind IPv6, UDP and GUE: where addresses are.
HEADERS = slice(14, 14 + 40 + 12 + 40)


class Watch:
    """Packets to the services that come in at the servers, in tunnels or not."""

    def __init__(self, net):
        wanted = [binary(vip(family, kind)) for kind in STORY_KINDS for family in (4, 6)]
        self.captures = [Capture(host, "eth0", lambda data: any(
            addr in data[HEADERS] for addr in wanted)) for host in net.rs]

    def since(self, server, start):
        """Seconds after @start of each packet that came then."""
        frames = self.captures[server - 1].read()
        assert any(frame.time < start for frame in frames), "it would be seen"
        return [frame.time - start for frame in frames if frame.time > start]

    def close(self):
        for capture in self.captures:
            capture.raw.close()


class Comparisons:
    """When the follower has done what was changed before."""

    def __init__(self, director):
        self.director, self.since, self.ends = director, time.time(), []

    def look(self):
        if not self.director.bypass or len(self.ends) > 1:
            return
        ago = self.director.status()["follower"]["compared_s"]
        end = time.time() - ago  # or a little earlier; they are 250 ms apart
        if end - max([self.since] + self.ends) > 0.2:
            self.ends.append(end)

    def due(self):
        """From here on nothing may come."""
        return max([self.since + REMOVED_S] + self.ends)


def tell(director, talk, watch):
    """The story: each step, and who has lived through it."""
    net = talk.net
    story = Story(dict(talk.servers), {}, {}, {}, {}, {})
    everybody = set(talk.clients)
    at_second = {name for name, server in talk.servers.items() if server == "rs2"}

    def step(name, lines, seconds, wanted, without=()):
        before = director.stats()
        director.restore(lines)
        comparisons = Comparisons(director)
        said = talk.rounds(seconds, comparisons.look if without else lambda: None)
        story.alive[name] = talk.alive(said[-3:]) | talk.until_alive(wanted)
        for server in without:
            story.late[name, server] = watch.since(server, comparisons.due())
        story.hits[name] = director.hits(before)

    def newcomers(name):
        """Who serves new connections now?"""
        story.fresh[name] = {case: fresh(net, *case) for case in CASES}

    step("calm", [], 0.5, everybody)
    step("scheduler", each_service("-E {} -s wrr"), 0.5, everybody)
    step("removed", each_server("-d", 2), 1.5, everybody - at_second, without=[2])
    newcomers("removed")
    step("added", each_server("-a", 2, weight=1), 0.5, everybody)
    step("quiesced", each_server("-e", 1, weight=0), 1, everybody)
    newcomers("quiesced")
    step("deleted", each_service("-D {}"), 1.5, set(), without=[1, 2])
    step("restored", services(), 0.5, set())
    newcomers("restored")
    return story


def fresh(net, kind, family, proto):
    with Connection(net, family, proto, kind) as client:
        return client.exchange(b"new")


def play(net, bypass, script):
    with Director(net, services(), bypass) as director:
        talk, watch = Talk(net), Watch(net)
        try:
            return script(director, talk, watch)
        finally:
            talk.close()
            watch.close()


@pytest.fixture(scope="module", name="stories")
def both_stories(net):
    return play(net, False, tell), play(net, True, tell)


def test_the_story_of_plain_ipvs(stories):
    """What there is to compare with."""
    plain, _ = stories
    everybody = set(plain.servers)
    assert collections.Counter(plain.servers.values()) == {"rs1": 2 * len(everybody) // 4,
                                                           "rs2": 2 * len(everybody) // 4}
    assert plain.alive["calm"] == plain.alive["scheduler"] == everybody
    assert plain.alive["removed"] == {name for name in everybody if plain.servers[name] == "rs1"}
    assert plain.alive["quiesced"] == everybody
    assert set(plain.fresh["removed"].values()) == {"rs1"}
    assert set(plain.fresh["quiesced"].values()) == {"rs2"}
    assert plain.alive["deleted"] == set()
    assert set(plain.fresh["restored"].values()) <= {"rs1", "rs2"}
    assert not any(plain.late.values())


def test_the_same_connections_live_on(stories):
    plain, bypassed = stories
    assert bypassed.servers == plain.servers
    for step, alive in plain.alive.items():
        print(f"{step}: {len(alive)} of {len(plain.servers)} connections alive, with the bypass "
              f"{len(bypassed.alive[step])}; {bypassed.hits[step]} packets bypassed")
    assert bypassed.alive == plain.alive
    assert bypassed.fresh == plain.fresh


def test_nothing_comes_to_a_removed_server(stories):
    _, bypassed = stories
    assert bypassed.late == {key: [] for key in bypassed.late}
    assert len(bypassed.late) == 3


def test_the_bypass_was_at_work(stories):
    """In the steps that leave somebody to bypass."""
    plain, bypassed = stories
    assert not any(plain.hits.values())
    for step in "calm", "scheduler", "removed", "added", "quiesced":
        assert bypassed.hits[step] > 0, step


def test_the_tool_comes_and_goes(net):
    """
    Attached, upgraded, detached, attached: no connection ends, no datagram is lost. An upgrade keeps
    the flows.
    """
    with Director(net, services(), False) as director:
        talk = Talk(net)
        try:
            everybody, worked, flows = set(talk.clients), {}, {}
            for name, change in (("attached", director.attach), ("upgraded", director.attach),
                                 ("detached", director.detach), ("again", director.attach)):
                talk.rounds(0.3)
                change()
                if name == "upgraded":
                    flows["after"] = packets_of(director)
                before = director.stats()
                said = talk.rounds(1)
                worked[name] = director.hits(before)
                if name == "attached":
                    flows["before"] = packets_of(director)
                talk.round()
                assert talk.alive(said) == everybody, name
                assert not talk.unanswered(range(1, said[-1])), name
        finally:
            talk.close()
            director.command("detach", ok=None)
    print(f"packets bypassed: {worked}")
    assert worked["attached"] > 0 and worked["upgraded"] > 0 and worked["again"] > 0
    assert worked["detached"] == 0
    assert set(flows["before"]) == set(flows["after"]) == {
        client.port for client in talk.clients.values()}
    assert all(flows["after"][port] >= packets > 0 for port, packets in flows["before"].items())


def packets_of(director):
    """{client's port: packets that went past IPVS}"""
    return {flow["sport"]: flow["packets"] for flow in director.flows()}
