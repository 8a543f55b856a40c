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

from bypass import (ECHO, Capture, Connection, Director, binary, ipvs_lines, joined, needs_ipvs,
                    server_address, topology, vip)

pytestmark = needs_ipvs
net = pytest.fixture(topology, scope="module", name="net")

KIND = "direct"
EACH = 4  # connections of each family and protocol
ROUND_S = 0.1
REMOVED_S = 1  # nothing may come to a removed server later than this
BACK_S = 6  # what is not alive so long after it could be is dead

# alive: {step: connections that were answered}; late: {step: [seconds after the change]};
# unanswered: {step: datagrams}; before: hits until the first change; hits: {step: bypassed}
Story = collections.namedtuple("Story", "servers alive late unanswered hits fresh")


class Talk:
    """Connections that all say a number each round; who was answered what."""

    def __init__(self, net):
        self.net, self.selector, self.number = net, selectors.DefaultSelector(), 0
        self.clients, self.answered, self.broken = {}, collections.defaultdict(set), set()
        self.servers = {}
        for family in (4, 6):
            for proto in ("tcp", "udp"):
                for _ in range(EACH):
                    self.add(family, proto)

    def add(self, family, proto):
        client = Connection(self.net, family, proto, KIND)
        name = f"{proto}{family}-{len(self.clients)}"
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

    def rounds(self, seconds):
        """Talk so long; numbers that were said."""
        end, said = time.monotonic() + seconds, []
        while time.monotonic() < end:
            said.append(self.round())
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
    return [line for family in (4, 6)
            for line in ipvs_lines(KIND, family, ports={"t": ECHO, "u": ECHO})]


def each_service():
    return [f"-{proto} {joined(vip(family, KIND), ECHO)}" for family in (4, 6) for proto in "tu"]


def each_server(number):
    return [f"-{proto} {joined(vip(family, KIND), ECHO)} "
            f"-r {joined(server_address(family, KIND, number), ECHO)}"
            for family in (4, 6) for proto in "tu"]


class Watch:
    """Packets to the services that come in at the servers."""

    def __init__(self, net):
        wanted = [binary(vip(family, KIND)) for family in (4, 6)]
        self.captures = [Capture(host, "eth0", lambda data: any(
            addr in data[24:54] for addr in wanted)) for host in net.rs]

    def since(self, server, start):
        """Seconds after @start of each packet that came then."""
        return [frame.time - start for frame in self.captures[server - 1].read()
                if frame.time > start]

    def close(self):
        for capture in self.captures:
            capture.raw.close()


def tell(director, talk, watch):
    """The story: each step, and who has lived through it."""
    net = talk.net
    story = Story(dict(talk.servers), {}, {}, {}, {}, {})
    everybody = set(talk.clients)
    at_second = {name for name, server in talk.servers.items() if server == "rs2"}

    def step(name, lines, seconds, wanted, without=()):
        before = director.stats()
        director.restore(lines)
        changed = time.time()
        said = talk.rounds(seconds)
        story.alive[name] = talk.alive(said[-3:]) | talk.until_alive(wanted)
        for server in without:
            story.late[name, server] = [after for after in watch.since(server, changed)
                                        if after > REMOVED_S]
        story.hits[name] = director.hits(before)

    def newcomers(name):
        """Who serves new connections now?"""
        story.fresh[name] = {(family, proto): fresh(net, family, proto)
                             for family in (4, 6) for proto in ("tcp", "udp")}

    step("calm", [], 1, everybody)
    step("scheduler", [f"-E {service} -s wrr" for service in each_service()], 1, everybody)
    step("removed", [f"-d {server}" for server in each_server(2)], 2, everybody - at_second,
         without=[2])
    newcomers("removed")
    step("added", [f"-a {server} -g -w 1" for server in each_server(2)], 0.5, everybody)
    step("quiesced", [f"-e {server} -g -w 0" for server in each_server(1)], 1.5, everybody)
    newcomers("quiesced")
    step("deleted", [f"-D {service}" for service in each_service()], 2, set(), without=[1, 2])
    step("restored", services(), 0.5, set())
    newcomers("restored")
    return story


def fresh(net, family, proto):
    with Connection(net, family, proto, KIND) as client:
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
    assert set(plain.fresh["restored"].values()) == {"rs1"}, "rr begins anew"
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
    """Attached, upgraded, detached, attached: no connection ends, no datagram is lost."""
    with Director(net, services(), False) as director:
        talk = Talk(net)
        try:
            everybody = set(talk.clients)
            worked = {}
            for name, change in (("attached", director.attach), ("upgraded", director.attach),
                                 ("detached", director.detach), ("again", director.attach)):
                talk.rounds(0.3)
                change()
                before = director.stats()
                said = talk.rounds(1)
                worked[name] = director.hits(before)
                talk.round()
                assert talk.alive(said) == everybody, name
                assert not talk.unanswered(range(1, said[-1])), name
        finally:
            talk.close()
            director.command("detach", ok=None)
    print(f"packets bypassed: {worked}")
    assert worked["attached"] > 0 and worked["upgraded"] > 0 and worked["again"] > 0
    assert worked["detached"] == 0


def test_flows_survive_an_upgrade(net):
    with Director(net, services(), True) as director:
        with Connection(net, 4, "udp", KIND) as client:
            for number in range(10):
                client.exchange(b"%d" % number)
            before = director.flows()
            director.attach()
            after = director.flows()
            hits = director.stats()
            for number in range(10):
                client.exchange(b"%d" % number)
            assert director.hits(hits) >= 9
    assert len(before) == len(after) == 1
    assert before[0]["packets"] > 0
    assert after[0]["packets"] >= before[0]["packets"]
    assert [flow["sport"] for flow in after] == [client.port]
