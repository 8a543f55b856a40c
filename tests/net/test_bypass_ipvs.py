# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""
IPVS with the bypass beside IPVS alone: the same traffic through both, and the same comes out, for
clients, for servers, and for who looks at IPVS. Most of it goes past IPVS.
"""
import collections
import hashlib
import http.client
import itertools
import subprocess
import time

import pytest

from bypass import (ECHO, HTTP, KINDS, PORTS, Connection, Director, address, ipvs_lines, joined,
                    needs_ipvs, pattern, topology, vip)
from flow_frames import DEAF, QUIET_PORT, Frames
from frames import comparable

pytestmark = needs_ipvs
net = pytest.fixture(topology, scope="module", name="net")

DOWN, UP, DATAGRAMS = 300000, 200000, 30
BIG_DOWN, BIG_UP = 8000000, 3000000  # of the first kind
SAMPLE_S = 1
CASES = [(kind, family) for kind in KINDS for family in (4, 6)]

# contents: is what curl got right; servers: that answered; balanced: what IPVS counts of each service
Outcome = collections.namedtuple("Outcome", "contents servers balanced timers")


def sizes(kind):
    return (BIG_DOWN, BIG_UP) if kind == "direct" else (DOWN, UP)


def service(kind, family, proto):
    if kind == "mark":
        return f"fwmark{'' if family == 4 else 6}:{KINDS['mark'].number}"
    return f"{proto}:{joined(vip(family, kind), HTTP if proto == 'tcp' else ECHO)}"


def curl_words(case, directory):
    """Down and up, for a command line of many."""
    kind, family = case
    down, up = sizes(kind)
    host = joined(vip(family, kind), HTTP)
    for words in ([f"http://{host}/{down}"],
                  ["-T", directory / str(up), "-H", "Expect:", f"http://{host}/up"]):
        yield ["-sSgf", "--max-time", "60", "--local-port", str(next(PORTS)), *words]


def transfers(directory):
    """
    {case: [content that came down, and what the server says of that which went up, is right]}. One
    curl does all: in a guest its start takes longer than its work.
    """
    for _, up in map(sizes, KINDS):
        (directory / str(up)).write_bytes(pattern(up))
    words = [word for case in CASES for each in curl_words(case, directory)
             for word in ("--next", *each)]
    got = subprocess.run(["nsenter", "--net=/run/netns/cl", "curl", *words[1:]], check=True,
                         stdout=subprocess.PIPE).stdout
    contents, at = {}, 0
    for case in CASES:
        down, up = map(pattern, sizes(case[0]))
        told = hashlib.sha256(up).hexdigest().encode()
        end = at + len(down)
        contents[case] = [got[at:end] == down, got[end:end + len(told)] == told]
        at = end + len(told)
    assert at == len(got)
    return contents


def datagrams(net, family, kind):
    with Connection(net, family, "udp", kind) as client:
        return [client.exchange(b"datagram %d" % number) for number in range(DATAGRAMS)]


def timers(net, director):
    """
    What IPVS has of a connection while it works, once it has ended, and of a UDP flow: state, and
    seconds left.
    """
    found = {}
    client = http.client.HTTPConnection(vip(4, "direct"), HTTP, timeout=10)
    port = next(PORTS)
    client.sock = net.cl.socket()
    client.sock.settimeout(10)
    client.sock.bind((address(4, 1, 2), port))
    client.sock.connect((vip(4, "direct"), HTTP))
    with Connection(net, 4, "udp", "direct") as udp:
        end = time.monotonic() + 2.5 * SAMPLE_S
        while time.monotonic() < end:
            client.request("GET", "/20000")
            assert client.getresponse().read() == pattern(20000)
            udp.exchange(b"on and on")
        entries = net.connections()
        found["working"] = entries["TCP", port]
        found["udp"] = entries["UDP", udp.port]
    client.close()
    deadline = time.monotonic() + 5
    while net.connections()["TCP", port][0] == "ESTABLISHED":
        assert time.monotonic() < deadline
    found["closed"] = net.connections()["TCP", port]
    return found


def run(net, bypass, directory):
    lines = [line for kind, family in CASES for line in ipvs_lines(kind, family)]
    with Director(net, lines, bypass) as director:
        director.params(sample=f"{SAMPLE_S}s")
        contents = transfers(directory)
        servers = {case: datagrams(net, case[1], case[0]) for case in CASES}
        found = timers(net, director)
        return Outcome(contents, servers, director.await_balanced(3 * len(CASES) + 2), found)


@pytest.fixture(scope="module", name="plain")
def plain_outcome(net, tmp_path_factory):
    return run(net, False, tmp_path_factory.mktemp("plain"))


@pytest.fixture(scope="module", name="bypassed")
def bypassed_outcome(net, tmp_path_factory):
    return run(net, True, tmp_path_factory.mktemp("bypassed"))


def test_plain_ipvs_does_it(plain):
    """Else there would be nothing to compare with."""
    assert all(content == [True, True] for content in plain.contents.values()), plain.contents
    assert all(len(set(names)) == 1 and names[0] in ("rs1", "rs2")
               for names in plain.servers.values()), plain.servers
    assert not any(entry["bypassed_packets"] for entry in plain.balanced.values())
    assert plain.timers["working"][0] == "ESTABLISHED"


@pytest.mark.parametrize("kind, family", CASES, ids=lambda value: str(value))
def test_transfers(plain, bypassed, kind, family):
    """The content is right, and most packets of the client went past IPVS."""
    case = kind, family
    assert bypassed.contents[case] == [True, True]
    assert bypassed.servers[case] == plain.servers[case]
    for name in {service(kind, family, proto) for proto in ("tcp", "udp")}:
        entry = bypassed.balanced[name]
        hits, seen = entry["bypassed_packets"], entry["in_packets"]
        print(f"{kind} {name}: {hits} of {seen} packets bypassed ({hits / seen:.0%})")
        assert seen >= DATAGRAMS
        assert hits > 0.5 * seen


def conns(outcome):
    """{service or (service, server): connections}"""
    found = {name: entry["conns"] for name, entry in outcome.balanced.items()}
    for name, entry in outcome.balanced.items():
        for server in entry["destinations"]:
            found[name, server["address"]] = server["conns"]
    return found


def test_connection_counts(plain, bypassed):
    """Of each service and of each server."""
    assert sum(conns(plain).values()) == 2 * (3 * len(CASES) + 2), plain.balanced
    assert conns(bypassed) == conns(plain)


def test_packet_counts(bypassed):
    """What went past IPVS is told of the server that it went to."""
    for name, entry in bypassed.balanced.items():
        assert entry["unknown"]["bypassed_packets"] == 0, name
        assert entry["bypassed_packets"] == sum(server["bypassed_packets"]
                                                for server in entry["destinations"]), name


def test_timers(plain, bypassed):
    """Entries of IPVS are in the same state, and are kept as long but for the sample interval."""
    for when, (state, left) in plain.timers.items():
        print(f"{when}: {state} {left} s, with the bypass {bypassed.timers[when]}")
        assert bypassed.timers[when][0] == state, when
        assert abs(bypassed.timers[when][1] - left) <= SAMPLE_S + 1, when


def test_entries_expire(net):
    """With a UDP timeout of 2 s and packets all the while: there until the end, and 2 s longer."""
    with Director(net, ipvs_lines("direct", 4), True) as director:
        director.params(sample="500ms", retry="500ms")
        director.ipvsadm("--set", "0", "0", "2")
        try:
            with Connection(net, 4, "udp", "direct") as client:
                start = time.monotonic()
                while time.monotonic() < start + 3:
                    client.exchange(b"still here")
                    assert ("UDP", client.port) in net.connections()
                last = time.monotonic()
            assert director.hits() > 0
            while ("UDP", client.port) in net.connections():
                assert time.monotonic() < last + 5
                time.sleep(0.05)
            took = time.monotonic() - last
        finally:
            director.ipvsadm("--set", "0", "0", "300")
    print(f"the entry of IPVS was gone after {took:.1f} s")
    assert 1 <= took <= 3.5


VIDS = {"vlan": (100,), "qinq": (300, 301)}
FLOWS_OF_FRAMES = [(kind, family, proto, VIDS.get(kind, ()))
                   for kind in KINDS for family in (4, 6) for proto in ("udp", "tcp")
                   if proto == "udp" or kind in ("direct", "ipip", "gue")] + [
                       ("direct", 4, "udp", (100,)), ("vlan", 4, "udp", ()),
                       ("direct", 4, "tcp", (0,)), ("redirect", 6, "udp", (100,)),
                       ("ipip", 4, "udp", (300, 301)), ("qinq", 6, "udp", ())]
# sent: frames; plain, bypassed: what the server got of them; hits: how many were bypassed
Flow = collections.namedtuple("Flow", "sent plain bypassed hits")


@pytest.fixture(scope="module", name="flows")
def flows_of_frames(net):
    """Each flow's frames through IPVS alone, and then with the bypass."""
    ports = {"t": QUIET_PORT, "u": QUIET_PORT}
    lines = [line for kind in KINDS for family in (4, 6)
             for line in ipvs_lines(kind, family, servers=(1,), ports=ports)]
    net.rs[0].shell("\n".join(DEAF))
    makers = {case: Frames(net, *case) for case in FLOWS_OF_FRAMES}
    with Director(net, lines, False):
        plain = {case: maker.received() for case, maker in makers.items()}
    with Director(net, lines, True) as director:
        director.params(sample="60s", inactive="90s")
        bypassed = {case: maker.received() for case, maker in makers.items()}
        hits = {(flow["proto"], flow["sport"]): flow["packets"] for flow in director.flows()}
    net.rs[0].shell("tc qdisc del dev eth0 clsact; tc qdisc del dev eth1 clsact")
    return {case: Flow(maker.first + maker.rest, plain[case], bypassed[case],
                       hits.get((maker.proto, maker.port), 0)) for case, maker in makers.items()}


@pytest.mark.parametrize("case", FLOWS_OF_FRAMES, ids=lambda case: "-".join(map(str, case[:3] + case[3])))
def test_frames_are_the_same(flows, case):
    flow = flows[case]
    assert len(flow.plain) == len(flow.sent), "IPVS alone forwards them"
    plain, bypassed = (sorted(map(comparable, got)) for got in (flow.plain, flow.bypassed))
    differing = [f"IPVS {one and one.hex()}, bypass {other and other.hex()}"
                 for one, other in itertools.zip_longest(plain, bypassed) if one != other]
    kind = KINDS[case[0]]
    print(f"{case}: {flow.hits} of {len(flow.sent)} frames bypassed")
    assert not differing, "\n".join(differing)
    assert flow.hits >= 0.8 * (len(flow.sent) - 7), "else these were IPVS's own"
    assert (comparable(flow.plain[-1]) != flow.plain[-1]) == ("-i" in kind.options
                                                              and case[1] == 4)
