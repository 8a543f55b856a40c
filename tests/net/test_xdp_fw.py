# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Which rule a packet meets, what that does to it, and what is counted."""
import struct
import time

import pytest
from scapy.all import Dot1AD, Dot1Q, GRE, ICMP, IP, IPOption_NOP, IPv6, IPv6ExtHdrDestOpt
from scapy.all import ICMPv6EchoRequest, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop
from scapy.all import IPv6ExtHdrRouting, PadN, Raw, TCP, UDP

from fw import Wall, eth, rule, size, sized

V4 = {"src": "10.0.0.1", "dst": "10.0.0.2"}
V6 = {"src": "fd00::1", "dst": "fd00::2"}


@pytest.fixture(scope="module")
def wall(module_pair):
    return Wall(module_pair)


def ip(**fields):
    return eth() / IP(**V4 | fields)


def ip6(**fields):
    return eth() / IPv6(**V6 | fields)


def dns(link=None, **fields):
    return (link or eth()) / IP(**V4 | fields) / UDP(sport=999, dport=53)


def test_each_of_130_rules_has_its_own_packet(wall):
    """Also rules that are 32, 64 or 128 apart, and whichever dimension tells them apart."""
    kinds = [
        lambda i: (f"udp dport {1000 + i}", ip() / UDP(sport=9, dport=1000 + i)),
        lambda i: (f"ip from 10.9.0.{i}", ip(src=f"10.9.0.{i}") / UDP(sport=9, dport=9)),
        lambda i: (f"ip6 to fd00::9:{i:x}", ip6(dst=f"fd00::9:{i:x}", hlim=200) / UDP()),
        lambda i: (f"ip tcp sport {2000 + i}", ip() / TCP(sport=2000 + i, dport=9)),
        lambda i: (f"ip6 ttl {i}", ip6(hlim=i) / TCP(sport=9, dport=9)),
    ]
    cases = [kinds[i % len(kinds)](i) for i in range(1, 131)]
    assert len({text for text, _ in cases}) == 130
    wall.rules(*(f"drop {text}" for text, _ in cases))
    judged = wall.judge(*(frame for _, frame in cases))
    assert judged.verdicts == [f"drop fw-rule {i}" for i in range(1, 131)]
    assert judged.reasons == {"fw-rule": 130}
    assert judged.hits == {rule(i): size(cases[i - 1][1]) for i in range(1, 131)}
    beside = [ip() / UDP(sport=9, dport=1000 + i) for i in (1, 31, 32, 63, 64, 128, 131, 256)]
    judged = wall.judge(*beside)
    assert (judged.verdicts, judged.hits, judged.reasons) == (["next"] * len(beside), {}, {})


def test_130_rules_that_count_the_same_packet(wall):
    """Port k meets rules 1 .. k, which go on, and then the last one."""
    wall.rules(*(f"count udp dport {i}-200" for i in range(1, 131)), "drop udp dport 131-200")
    for port in 1, 32, 64, 65, 130:
        frame = ip() / UDP(sport=9, dport=port)
        judged = wall.judge(frame)
        assert judged.verdicts == ["next"]
        assert judged.hits == {rule(i): size(frame) for i in range(1, port + 1)}
        assert judged.reasons == {"fw-count": 1}
    judged = wall.judge(ip() / UDP(sport=9, dport=131))
    assert judged.verdicts == ["drop fw-rule 131"] and len(judged.hits) == 131
    assert judged.reasons == {"fw-rule": 1}


def test_a_narrow_prefix_does_not_hide_a_wide_one(wall):
    inside, outside = ip(src="1.2.3.4"), ip(src="1.2.3.5")
    inside6, outside6 = ip6(src="2001:db8::4"), ip6(src="2001:db8::5")
    narrow = ["drop udp from 1.2.3.4/32", "drop udp from 2001:db8::4/128"]
    frames = [base / upper for base in (inside, inside6, outside, outside6)
              for upper in (TCP(sport=9, dport=9), UDP(sport=9, dport=9))]
    wall.rules(*narrow, "drop tcp from any")
    tcp = "drop fw-rule 3"
    assert wall.judge(*frames).verdicts == [tcp, "drop fw-rule 1", tcp, "drop fw-rule 2",
                                            tcp, "next", tcp, "next"]
    wall.rules("drop tcp from any", *narrow)
    tcp = "drop fw-rule 1"
    assert wall.judge(*frames).verdicts == [tcp, "drop fw-rule 2", tcp, "drop fw-rule 3",
                                            tcp, "next", tcp, "next"]


def test_nested_prefixes_first_match_wins(wall):
    rules = ["pass from 10.1.2.3", "drop from 10.1.2.0/24", "pass from 10.1.0.0/16",
             "drop from 10.0.0.0/8", "pass to 10.1.2.0/24", "drop ip from 0.0.0.0/0",
             "pass from 2001:db8:1:2::3", "drop from 2001:db8:1:2::/64",
             "pass from 2001:db8:1::/48", "drop from 2001:db8::/33", "drop ip6 from ::/0"]
    cases = [
        (ip(src="10.1.2.3"), "pass fw-pass 1"), (ip(src="10.1.2.2"), "drop fw-rule 2"),
        (ip(src="10.1.3.3"), "pass fw-pass 3"), (ip(src="10.255.0.0"), "drop fw-rule 4"),
        (ip(src="11.0.0.0", dst="10.1.2.255"), "pass fw-pass 5"),
        (ip(src="11.0.0.0", dst="10.1.3.0"), "drop fw-rule 6"),
        (ip6(src="2001:db8:1:2::3"), "pass fw-pass 7"),
        (ip6(src="2001:db8:1:2::2"), "drop fw-rule 8"),
        (ip6(src="2001:db8:1:3::3"), "pass fw-pass 9"),
        (ip6(src="2001:db8:7fff::"), "drop fw-rule 10"),
        (ip6(src="2001:db8:8000::"), "drop fw-rule 11"),
    ]
    wall.rules(*rules)
    frames = [frame / UDP(sport=9, dport=9) for frame, _ in cases]
    judged = wall.judge(*frames)
    assert judged.verdicts == [what for _, what in cases]
    assert judged.hits == {rule(i + 1): size(frame) for i, frame in enumerate(frames)}
    wall.rules(*reversed(rules))
    wide = {4: "drop fw-rule 6", 6: "drop fw-rule 1"}
    assert wall.judge(*frames).verdicts == [wide[4]] * 6 + [wide[6]] * 5


def syn(flags="S", **fields):
    return TCP(**{"sport": 1025, "dport": 80, "window": 512, "flags": flags} | fields)


def frames_of_selectors():
    """One of each, all of different lengths: bytes of a rule tell which ones it has seen."""
    cut = bytes(ip() / syn())[:-4]
    frames = {
        "null": ip() / syn(flags=0),
        "syn": ip() / syn(),
        "synack": ip() / syn("SA"),
        "ack": ip() / syn("A", window=64240),
        "fin": ip(ttl=119) / syn("FPU"),
        "tcp0": ip() / syn(sport=0, dport=0, window=0),
        "udp0": ip() / UDP(sport=0, dport=53),
        "udp": ip(tos=0xb8) / UDP(sport=53, dport=65535),
        "echo": ip() / ICMP(type=8),
        "port": ip() / ICMP(type=3, code=3),
        "gre": ip() / GRE() / Raw(b"g" * 8),
        "gre6": ip6() / GRE() / Raw(b"g" * 8),
        "first": ip(flags="MF") / UDP(sport=7, dport=53, len=3000) / Raw(b"f" * 16),
        "later": ip(proto=17, frag=4) / Raw(b"f" * 16),
        "first6": ip6() / IPv6ExtHdrFragment(m=1, nh=6) / syn(),
        "later6": ip6() / IPv6ExtHdrFragment(offset=4, nh=6) / Raw(b"f" * 20),
        "atomic6": ip6() / IPv6ExtHdrFragment(nh=17) / UDP(sport=7, dport=53),
        "vlan5": eth() / Dot1Q(vlan=5) / IP(**V4) / UDP(sport=7, dport=53),
        "qinq": eth() / Dot1AD(vlan=5) / Dot1Q(vlan=6) / IPv6(**V6) / UDP(sport=7, dport=53),
        "vlan0": eth() / Dot1Q(vlan=0) / IPv6(**V6) / syn(),
        "options": ip(options=[IPOption_NOP()] * 4) / syn(),
        "hop": ip6(hlim=1, tc=0x28) / IPv6ExtHdrHopByHop(options=[PadN(optdata=b"\0" * 4)]) / syn(),
        "echo6": ip6() / ICMPv6EchoRequest(),
        "big6": ip6() / Raw(struct.pack("!BBHI", 2, 0, 0, 1280)),
        "cut": Raw(cut[:16] + struct.pack("!H", len(cut) - 14) + cut[18:]),
    }
    frames["big6"].nh = 58
    # 100 + triangular numbers: no two of them have the sum of two others of the same rank
    return {name: sized(frame, 100 + 2 * i * i + i) for i, (name, frame) in
            enumerate(frames.items())}


TCPS = "null syn synack ack fin tcp0 first6 vlan0 options hop"  # with a header
UDPS = "udp0 udp first atomic6 vlan5 qinq"
SELECTORS = {
    "packet": "all",
    "tcp": TCPS + " later6 cut",
    "tcp sport 0-65535": TCPS,
    "tcp flags {}": TCPS,
    "tcp flags {} mask {syn}": "null ack fin",
    "tcp flags {} mask 0xff": "null",
    "tcp flags 0x12": "synack",
    "tcp flags {syn} mask {syn,ack}": "syn tcp0 first6 vlan0 options hop",
    "tcp flags not {syn} mask {syn}": "null ack fin",
    "tcp flags {fin psh urg}": "fin",
    "tcp sport 0": "tcp0",
    "tcp dport not 80": "tcp0",
    "tcp window 64240": "ack",
    "tcp window not {512, 0}": "ack",
    "udp sport 0": "udp0",
    "udp": UDPS + " later",
    "udp dport 53": "udp0 first atomic6 vlan5 qinq",
    "udp dport {1-52, 54-65535}": "udp",
    "udp sport not {0, 53}": "first atomic6 vlan5 qinq",
    "tcp dport 80 udp dport 65535": "null syn synack ack fin first6 vlan0 options hop udp",
    "icmp": "echo port",
    "icmp type 3 code 3": "port",
    "icmp code 0": "echo",
    "icmp type not 8": "port",
    "icmp6 type 128": "echo6",
    "icmp6 type 2 code 0": "big6",
    "proto gre": "gre gre6",
    "ip6 proto 47": "gre6",
    "proto not {tcp, udp, icmp, icmp6}": "gre gre6",
    "proto 58": "echo6 big6",
    "fragment first": "first first6",
    "fragment later": "later later6",
    "ip fragment any": "first later",
    "fragment not none udp": "first later",
    "ip6 fragment none tcp": "vlan0 hop",
    "dscp ef": "udp",
    "dscp {1-63}": "udp hop",
    "ttl 119": "fin",
    "ttl {0-63}": "hop",
    "vlan 5": "vlan5 qinq",
    "vlan any": "vlan5 qinq vlan0",
    "vlan not {none, 5}": "vlan0",
    "vlan 6": "",
    "options": "options hop atomic6",
    "ip options": "options",
    "malformed": "cut",
    "length 100-160": "null syn synack ack fin tcp0",
    "from not fd00::/120 vlan none tcp window 512": "null syn synack fin options",
    "to {10.0.0.2, fd00::/16} icmp icmp6": "echo port echo6 big6",
    "from 10.0.0.2": "",
}


def test_selectors(wall):
    frames = frames_of_selectors()
    wall.rules(*(f"count {text}" for text in SELECTORS))
    judged = wall.judge(*frames.values())
    assert judged.verdicts == ["next"] * len(frames)
    assert judged.reasons == {"fw-count": len(frames)}
    for number, (text, names) in enumerate(SELECTORS.items(), 1):
        wanted = frames if names == "all" else names.split()
        found = judged.hits.get(rule(number), (0, 0))
        assert found == size(*(frames[name] for name in wanted)), text


def test_headers_on_the_way_to_the_port(wall):
    """Tags, options and extension headers do not hide the ports from a rule."""
    v6, udp, pad = IPv6(**V6), UDP(sport=999, dport=53), [PadN(optdata=b"\0" * 4)]
    chain = v6
    for _ in range(8):
        chain = chain / IPv6ExtHdrDestOpt(options=pad)
    wall.rules("drop udp dport 53", "drop malformed")
    one, two = "drop fw-rule 1", "drop fw-rule 2"
    cases = [
        (dns(), one),
        (dns(eth() / Dot1Q(vlan=9)), one),
        (dns(eth() / Dot1AD(vlan=9)), one),
        (dns(eth() / Dot1AD(vlan=9) / Dot1Q(vlan=8)), one),
        (dns(eth() / Dot1Q(vlan=9) / Dot1Q(vlan=8)), one),
        (dns(eth() / Dot1Q(vlan=9) / Dot1Q(vlan=8) / Dot1Q(vlan=7)), "next"),
        (eth() / Dot1AD(vlan=9) / Dot1Q(vlan=8) / v6 / udp, one),
        (eth() / v6 / IPv6ExtHdrHopByHop(options=pad) / udp, one),
        (eth() / v6 / IPv6ExtHdrDestOpt(options=pad) / udp, one),
        (eth() / v6 / IPv6ExtHdrRouting(addresses=["fd00::9"]) / udp, one),
        (eth() / v6 / IPv6ExtHdrFragment(m=1) / udp / Raw(b"x" * 8), one),
        (eth() / v6 / IPv6ExtHdrFragment() / udp, one),
        (eth() / v6 / IPv6ExtHdrFragment(offset=1, m=1) / udp, "next"),
        (eth() / v6 / IPv6ExtHdrHopByHop(options=pad) / IPv6ExtHdrRouting(addresses=["fd00::9"]) /
         IPv6ExtHdrDestOpt(options=pad) / udp, one),
        (eth() / chain / udp, one),
        (eth() / chain / IPv6ExtHdrDestOpt(options=pad) / udp, two),
        (dns(options=[IPOption_NOP()] * 40), one),
        (sized(dns(), 60), one),
        (sized(eth() / v6 / udp, 1500), one),
        (dns(frag=1), "next"),
        (dns(flags="MF"), one),
    ]
    judged = wall.judge(*(frame for frame, _ in cases))
    assert judged.verdicts == [what for _, what in cases]
    assert judged.reasons == {"fw-rule": 18, "ipv6-extension-limit": 1}  # of the root
    assert judged.hits == {rule(1): size(*(frame for frame, what in cases if what == one)),
                           rule(2): size(cases[15][0])}


def test_truncated_headers(wall):
    """Cut in the transport header: malformed, met by rules without ports; in IP: the root's."""
    def cut(frame, keep):
        """Of an IPv4 packet, the header and so many bytes."""
        raw = bytes(frame)
        return raw[:16] + struct.pack("!H", 20 + keep) + raw[18:34 + keep]

    tcp, udp = ip() / syn(), ip() / UDP(sport=1, dport=53)
    cases = [
        (cut(tcp, 19), "drop fw-rule 2"), (cut(udp, 7), "drop fw-rule 3"),
        (cut(udp, 0), "drop fw-rule 3"), (cut(ip() / ICMP(), 7), "drop fw-rule 4"),
        (bytes(ip() / TCP(dport=80, dataofs=4)), "drop fw-rule 2"),
        (bytes(ip() / UDP(dport=53, len=7)), "drop fw-rule 3"),
        (bytes(ip() / UDP(dport=53, len=9)), "drop fw-rule 3"),
        (bytes(ip6() / TCP(dport=80, dataofs=6)), "drop fw-rule 2"),
        (bytes(tcp), "drop fw-rule 1"), (bytes(udp), "drop fw-rule 1"),
        (bytes(tcp)[:33], "root aborted ipv4-truncated"),
        (bytes(tcp)[:53], "root aborted ipv4-length-beyond-frame"),
        (bytes(ip6())[:53], "root aborted ipv6-truncated"),
    ]
    wall.rules("drop tcp dport 80 udp dport 53", "drop malformed tcp", "drop malformed udp",
               "drop malformed")
    judged = wall.judge(*(frame for frame, _ in cases))
    assert judged.verdicts == [what for _, what in cases]
    assert judged.reasons == {"fw-rule": 10, "ipv4-truncated": 1, "ipv6-truncated": 1,
                              "ipv4-length-beyond-frame": 1}


def test_frames_that_are_not_ip_go_on(wall):
    wall.rules("default drop", "drop packet")
    frames = [eth() / Raw(b"x" * 46), Raw(bytes(eth())[:12] + b"\x08\x06" + b"a" * 28),
              Raw(bytes(eth())[:12] + b"\x00\x20" + b"l" * 32)]
    judged = wall.judge(*frames)
    assert (judged.verdicts, judged.hits, judged.reasons) == (["next"] * 3, {}, {})
    assert judged.default == (0, 0)


def test_actions(wall):
    """pass and drop end the chain: the slot behind sees neither (Wall.judge() compares)."""
    wall.rules("count packet", "pass udp dport 1", "drop udp dport 2", "pass udp dport 2")
    frames = [ip() / UDP(dport=port, sport=9) / Raw(b"x" * port) for port in (1, 2, 3)]
    judged = wall.judge(*frames)
    assert judged.verdicts == ["pass fw-pass 2", "drop fw-rule 3", "next"]
    assert judged.reasons == {"fw-pass": 1, "fw-rule": 1, "fw-count": 1}
    assert judged.hits == {rule(1): size(*frames), rule(2): size(frames[0]),
                           rule(3): size(frames[1])}
    wall("default", "drop")
    judged = wall.judge(*frames)
    assert judged.verdicts == ["pass fw-pass 2", "drop fw-rule 3", "drop fw-default 0"]
    assert judged.reasons == {"fw-pass": 1, "fw-rule": 1, "fw-default": 1}
    assert judged.default == size(frames[2])
    wall("default", "pass")
    judged = wall.judge(*frames)
    assert judged.verdicts == ["pass fw-pass 2", "drop fw-rule 3", "pass fw-count 1"]
    assert judged.default == (0, 0)
    assert wall.lines()[0] == "default pass"
    wall("default", "next")
    assert wall.judge(*frames).verdicts == ["pass fw-pass 2", "drop fw-rule 3", "next"]


def test_protections_come_first_and_stay(wall):
    wall.rules("default drop")
    wall("protect", "add", "from", "192.0.2.0/24")
    wall("protect", "add", "ip6", "tcp", "dport", "22", "name", '"ssh"')
    assert wall("protect", "list").splitlines() == [
        "protect from 192.0.2.0/24", 'protect ip6 tcp dport 22 name "ssh"']
    frames = [ip(src="192.0.2.9") / UDP(), ip6() / syn(dport=22), ip() / syn(dport=22)]
    want = {("protect", 1): size(frames[0]), ("protect", 2): size(frames[1])}
    for change in (lambda: None, lambda: wall("insert", "drop packet"),
                   lambda: wall("hygiene", "on", "malformed"),
                   lambda: wall.load("drop packet", "default drop"), lambda: wall("flush")):
        change()
        judged = wall.judge(*frames)
        assert judged.verdicts[:2] == ["next", "next"]
        assert judged.verdicts[2] in ("drop fw-rule 1", "drop fw-default 0")
        assert judged.reasons["fw-protected"] == 2
        assert {key: hit for key, hit in judged.hits.items() if key[0] == "protect"} == want
    wall("protect", "del", "ssh")
    wall("protect", "del", "1")
    assert wall("protect", "list") == ""
    assert wall.judge(*frames).verdicts == ["drop fw-default 0"] * 3


def test_limit(wall):
    """A burst goes on and what the rate allows meanwhile; the rest is dropped."""
    frames = [dns() / Raw(b"x" * 58)] * 50
    assert len(frames[0]) == 100
    wall.rules("limit 1 pps burst 10 udp dport 53")
    judged, verdict, took = wall.flood(frames)
    on = judged.within[1]
    assert 10 <= on <= 10 + took + 1, took
    assert verdict == {"next": (on, 100 * on), "drop": (50 - on, 100 * (50 - on))}
    assert judged.hits == {rule(1): (50 - on, 100 * (50 - on))}
    assert judged.reasons == {"fw-limit": 50 - on}
    judged = wall.judge(ip() / UDP(sport=9, dport=54))
    assert (judged.verdicts, judged.hits, judged.within) == (["next"], {}, {})


def test_limit_then_the_rules_behind(wall):
    """Within the limit the packet goes on to the later rules."""
    wall.rules("limit 1 pps burst 5 udp", "count udp", "drop udp dport 53")
    judged, verdict, took = wall.flood([dns()] * 20)
    on = judged.within[1]
    assert 5 <= on <= 5 + took + 1
    assert verdict == {"drop": (20, 20 * len(dns()))}
    assert judged.hits == {rule(1): (20 - on, (20 - on) * len(dns())),
                           rule(2): (on, on * len(dns())), rule(3): (on, on * len(dns()))}
    assert judged.reasons == {"fw-limit": 20 - on, "fw-rule": on}


def test_limit_per_source(wall):
    """Each /24 and each /48 has a burst of its own."""
    wall.rules("limit 1 pps burst 3 per source/24/48 udp")
    sources = [ip(src=f"198.51.{net}.{host}") for net in range(10) for host in range(5)]
    sources += [ip6(src=f"2001:db8:{net}:{host}::1") for net in range(10) for host in range(5)]
    judged, _, took = wall.flood([frame / UDP() for frame in sources])
    assert 60 <= judged.within[1] <= 20 * (3 + took + 1)
    assert judged.within[1] + judged.hits[rule(1)][0] == 100
    wall.rules("limit 1 pps burst 1 per source udp")
    sources = [ip(src=f"203.0.113.{host}") for host in range(50)]
    sources += [ip6(src=f"2001:db8:a:{host:x}::1") for host in range(50)]
    judged, _, took = wall.flood([frame / UDP() for frame in sources])
    assert judged.within == {1: 100} and judged.hits == {}  # one packet a source


def test_sources_of_two_limits_are_told_apart(wall):
    """Neighbouring IPv6 networks, neighbouring rules: each pair has a bucket of its own."""
    wall.rules(*(f"limit 1 pps burst 1 per source udp dport {port}" for port in (1, 2)))
    for number in 1, 2:
        frames = [ip6(src=f"2001:db8:b:{net:x}::1") / UDP(dport=number) for net in range(256)]
        assert wall.flood(frames)[0].within == {number: 256}


def test_limit_of_bytes(wall):
    """65,535 bytes is the least burst: 65 frames of 1,000 bytes, and 8 bytes more a second."""
    frame = sized(dns(), 1000)
    wall.rules("limit 64 bps burst 65535 udp")
    judged, verdict, took = wall.flood([frame] * 100)
    assert 65 <= judged.within[1] <= 65 + (535 + 8 * (took + 1)) // 1000
    assert verdict["next"] == (judged.within[1], 1000 * judged.within[1])


def test_bucket_is_kept_over_a_change(wall):
    wall.rules('limit 1 pps burst 10 udp name "dns"')
    start = time.monotonic()
    first = wall.flood([dns()] * 20)[0].within[1]
    wall("insert", "--at", "1", "count", "packet")
    second = wall.flood([dns()] * 20)[0].within.get(2, 0)
    assert 10 <= first <= first + second <= 10 + time.monotonic() - start + 1


def numbered(wall):
    return [line for line in wall.lines() if not line.startswith(("default", "hygiene", "protect"))]


def test_insert_delete_replace(wall):
    wall.rules()
    for words in (["udp dport 1"], ["pass", "udp", "dport", "3", "name", '"three"'],
                  ["--at", "2", "drop udp dport 2"], ["--at", "1", "count packet"]):
        wall("insert", *words)
    assert numbered(wall) == ["count packet", "drop udp dport 1", "drop udp dport 2",
                              'pass udp dport 3 name "three"']
    assert wall.judge(ip() / UDP(dport=2)).verdicts == ["drop fw-rule 3"]
    wall("delete", "2")
    wall("replace", "three", "drop udp dport 3 name \"drei\"")
    wall("replace", "1", "count", "ip")
    assert numbered(wall) == ["count ip", "drop udp dport 2", 'drop udp dport 3 name "drei"']
    frames = [ip() / UDP(dport=port) for port in (1, 2, 3)]
    judged = wall.judge(*frames)
    assert judged.verdicts == ["next", "drop fw-rule 2", "drop fw-rule 3"]
    wall("delete", "drei")
    assert wall.judge(*frames).verdicts == ["next", "drop fw-rule 2", "next"]
    wall("flush")
    assert wall("list") == "default next\n"
    assert wall.judge(*frames).verdicts == ["next"] * 3
    wall.refuse("delete", "1", told="vb: delete: number 1: there are 0")
    wall.refuse("delete", "drei", told='vb: delete: none is named "drei"')
    wall.refuse("replace", "7", "drop packet", told="vb: replace: number 7: there are 0")
    wall.refuse("insert", "--at", "2", "packet",
                told="vb: insert: there are 0 rules: --at is 1 at most")


def test_counters_of_rules_that_stay(wall):
    """By name with another text; by text; of several alike the first stays the first."""
    frames = [sized(ip() / UDP(dport=port), 60 + port) for port in (1, 2, 3, 4)]
    wall.rules('count udp dport 1 name "one"', "count udp dport 2", "count udp dport 3",
               "count udp dport 3", "drop udp dport 9", "pass udp dport 4", 'pass ip6 name "x"')
    assert all(hits == (0, 0) for key, hits in wall.hits().items() if key == rule(5))
    before = wall.hits()
    wall.judge(*frames, frames[0], frames[2])
    kept = wall.hits()
    assert kept[rule(3)][0] - before[rule(3)][0] == 2
    wall("insert", "--at", "4", "drop udp dport 3")
    wall.judge(frames[2])
    now = wall.hits()
    assert now[rule(3)][0] == kept[rule(3)][0] + 1 and now[rule(5)] == kept[rule(4)]
    assert now[rule(4)] == size(frames[2])
    wall.load("count udp dport 3", "count udp dport 3", 'count udp dport 7-9 name "one"',
              "count udp dport 4", "count udp dport 2", "count udp dport 2")
    then = wall.hits()
    assert then == {rule(1): now[rule(3)], rule(2): now[rule(5)], rule(3): now[rule(1)],
                    rule(4): (0, 0), rule(5): now[rule(2)], rule(6): (0, 0)}
    assert then[rule(3)] == (2, 2 * 61) and then[rule(5)] == size(frames[1])


OLDER = """\
# what an operator had
ip from any to any ttl 119 tcp
packet length any ip dst any ttl any tcp window 64240
udp dport 53 name "dns \\"flood\\""
tcp flags {syn} mask {syn,ack} dport 8443
ip tcp sport {1-1024,50633} dport 7
ip dst 10.0.0.2/32 icmp type 8
ip6 src any dst fd00::2 icmp6 type 128
ip src 192.0.2.0/24 dst any
"""


def test_the_older_language(wall):
    wall.rules()
    wall("load", "-f", "-", input=OLDER)
    cases = [
        (ip(ttl=119) / syn("A"), 1), (ip(ttl=118) / syn("A"), 0), (ip(ttl=119) / UDP(dport=9), 0),
        (ip() / syn("A", window=64240), 2), (ip() / syn("A", window=64241), 0),
        (ip6() / syn("A", window=64240), 0),
        (ip() / UDP(dport=53), 3), (ip6() / UDP(dport=53), 3), (ip() / UDP(dport=54), 0),
        (ip() / syn(dport=8443), 4), (ip() / syn("SA", dport=8443), 0),
        (ip() / syn("SP", dport=8443), 4), (ip() / syn("A", dport=8443), 0),
        (ip() / syn(sport=1024, dport=7), 5), (ip() / syn(sport=50633, dport=7), 5),
        (ip() / syn(sport=1025, dport=7), 0), (ip() / syn(sport=0, dport=7), 0),
        (ip() / ICMP(type=8), 6), (ip() / ICMP(type=0), 0), (ip(dst="10.0.0.3") / ICMP(type=8), 0),
        (ip6() / ICMPv6EchoRequest(), 7), (ip6(dst="fd00::3") / ICMPv6EchoRequest(), 0),
        (ip(src="192.0.2.255") / GRE(), 8), (ip(src="192.0.3.0") / GRE(), 0),
    ]
    judged = wall.judge(*(frame for frame, _ in cases))
    assert judged.verdicts == [f"drop fw-rule {number}" if number else "next"
                               for _, number in cases]
    assert wall.lines()[3] == 'drop udp dport 53 name "dns \\"flood\\""'
