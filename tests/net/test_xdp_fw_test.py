# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Packets through rules: `xdp_fw test` without an interface, `xdp_fw explain` beside a live one."""
import csv
import hashlib
import io
import json
import os
import shutil
import struct
import subprocess

import pytest
from scapy.all import (ARP, GRE, ICMP, IP, TCP, UDP, Dot1Q, Ether, ICMPv6EchoRequest, IPv6,
                       IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop)

from conftest import BUILD

TOOL = BUILD / "bin/xdp_fw"
SECOND = 10**9
BEGIN = 1700000000 * SECOND  # a capture's first packet; in 2^-6 ns it would not fit into 64 bits

ETH = Ether(dst="02:00:00:00:00:02", src="02:00:00:00:00:01")
V4 = {"src": "10.0.0.1", "dst": "10.1.0.2", "id": 7}
V6 = {"src": "fd00::1", "dst": "fd00::2"}
UPPER = {"sport": 5353, "dport": 53}

PACKETS = {name: bytes(packet) for name, packet in {
    "syn": ETH / IP(**V4) / TCP(sport=1000, dport=80, flags="S", window=8192),
    "ack": ETH / IP(**V4, ttl=1, tos=184) / TCP(sport=1000, dport=80, flags="A", window=501),
    "null": ETH / IP(**V4) / TCP(sport=4000, dport=4000, flags=0, window=8192),
    "port0": ETH / IP(**V4) / TCP(sport=0, dport=80, flags="S", window=8192),
    "short": ETH / IP(**V4, proto=6) / (b"\x03\xe8\x00\x50" + bytes(6)),
    "udp": ETH / IP(**V4) / UDP(**UPPER),
    "icmp": ETH / IP(**V4) / ICMP(type=8),
    "gre": ETH / IP(**V4) / GRE(),
    "vlan": ETH / Dot1Q(vlan=5, prio=3) / IP(**V4) / TCP(sport=1000, dport=80, flags="S"),
    "first": ETH / IP(**V4, flags="MF") / UDP(**UPPER, len=100) / bytes(16),
    "later": ETH / IP(**V4, frag=3, proto=17) / bytes(24),
    "syn6": ETH / IPv6(**V6) / TCP(sport=1000, dport=80, flags="S", window=8192),
    "icmp6": ETH / IPv6(**V6) / ICMPv6EchoRequest(),
    "ext6": ETH / IPv6(**V6) / IPv6ExtHdrHopByHop() / IPv6ExtHdrDestOpt() / UDP(**UPPER),
    "later6": ETH / IPv6(**V6) / IPv6ExtHdrFragment(offset=2, nh=17) / bytes(16),
    "arp": ETH / ARP(),
}.items()}

TCP4 = {"syn", "ack", "null", "port0", "short", "vlan"}
ALL4 = TCP4 | {"udp", "icmp", "gre", "first", "later"}
ALL6 = {"syn6", "icmp6", "ext6", "later6"}


def sha1(frame):
    return hashlib.sha1(frame).hexdigest()


def pcap(path, frames, linktype=1, magic=0xa1b23c4d):
    """frames: bytes, or (nanoseconds since BEGIN, bytes[, length on the wire])"""
    unit = 1 if magic == 0xa1b23c4d else 1000
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", magic, 2, 4, 0, 0, 262144, linktype))
        for frame in frames:
            at, data, *wire = frame if isinstance(frame, tuple) else (0, frame)
            seconds, ns = divmod(BEGIN + at, SECOND)
            file.write(struct.pack("<IIII", seconds, ns // unit, len(data),
                                   wire[0] if wire else len(data)) + data)
    return path


def pcapng(path, frames, linktype=1):
    """Microseconds, the format's default."""
    def block(kind, body):
        size = struct.pack("<I", len(body) + 12)
        return struct.pack("<I", kind) + size + body + size

    with open(path, "wb") as file:
        file.write(block(0x0a0d0d0a, struct.pack("<IHHq", 0x1a2b3c4d, 1, 0, -1)))
        file.write(block(1, struct.pack("<HHI", linktype, 0, 0)))
        for at, data in frames:
            time_us = (BEGIN + at) // 1000
            file.write(block(6, struct.pack("<IIIII", 0, time_us >> 32, time_us & 0xffffffff,
                                            len(data), len(data)) + data + bytes(-len(data) % 4)))
    return path


def run(*argv, code=0, prefix=()):
    done = subprocess.run([*prefix, TOOL, *map(str, argv)], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True)
    assert done.returncode == code, done
    return done


@pytest.fixture
def rules(tmp_path):
    def write(text):
        path = tmp_path / "file.rules"
        path.write_text(text)
        return path
    return write


def judged(path, capture):
    """What became of each packet."""
    done = run("test", "-j", "-f", path, capture)
    assert done.stderr == ""
    return json.loads(done.stdout)


def verdicts(path, capture):
    return [(packet["action"], packet["code"], packet["rule"]) for packet in judged(path, capture)]


# --- files of the older language: a rule drops just these packets

OLDER = [
    ('packet length any name "all"', ALL4 | ALL6),
    ("ip from any to any", ALL4),
    ("ip6 from any to {any} ttl any", ALL6),
    ("ip from {10.0.0.0/16} to {8.8.8.8/16, 10.1.0.2/32} ttl 64 "
     "tcp sport any window any flags {syn} mask {syn, ack}", {"syn", "port0", "vlan"}),
    ("ip from any to any ttl 1", {"ack"}),
    ("packet length 54", {"syn", "ack", "null", "port0"}),
    ("tcp", TCP4 | {"syn6"}),
    ("tcp flags {}", TCP4 - {"short"} | {"syn6"}),
    ("tcp flags {} mask {fin, syn, rst, ack}", {"null"}),
    ("tcp flags {syn, ack}", set()),
    ("tcp sport {0, 4000}", {"port0", "null"}),
    ("tcp window 501", {"ack"}),
    ("udp", {"udp", "first", "later", "ext6", "later6"}),
    ("udp dport 53", {"udp", "first", "ext6"}),
    ("icmp type 8", {"icmp"}),
    ("icmp6 type any", {"icmp6"}),
    ("icmp type 0\nicmp6 type 128\nip dst 10.1.0.3 ttl any icmp type 8", {"icmp6"}),
]


@pytest.mark.parametrize("text, dropped", OLDER, ids=[text.split("\n")[0] for text, _ in OLDER])
def test_older_files(rules, tmp_path, text, dropped):
    lines = [text] + [
        f"test sha1 {sha1(frame)} xdp_action XDP_{'DROP' if name in dropped else 'PASS'}"
        for name, frame in PACKETS.items()]
    capture = pcap(tmp_path / "pcap", PACKETS.values())
    done = run("test", "-f", rules("\n".join(lines) + "\n"), capture)
    assert done.stderr == ""
    got = [line.split() for line in done.stdout.splitlines()]
    assert len(got) == len(PACKETS)
    for number, (name, frame) in enumerate(PACKETS.items(), 1):
        row = got[number - 1]
        low, mean, high = map(int, row[6:9])
        assert 0 < low <= mean <= high, row
        drop = ["XDP_DROP", "fw-rule"] if name in dropped else ["XDP_PASS", "none", "0"]
        assert row[:3] == [str(number), sha1(frame), str(len(frame))]
        assert row[3:3 + len(drop)] == drop, (name, row)
        assert row[9:] == ["ok"], (name, row)


def test_rule_that_decides_is_told(rules, tmp_path):
    path = rules("default drop\nhygiene drop fragments\nhygiene drop options\n"
                 "hygiene drop malformed\nprotect from 10.0.0.1 proto gre\ncount ip\n"
                 "pass tcp flags {syn} mask {syn} sport 1-65535\nproto icmp\n")
    got = dict(zip(PACKETS, verdicts(path, pcap(tmp_path / "pcap", PACKETS.values()))))
    assert got == {
        "syn": ("XDP_PASS", "fw-pass", 2),
        "ack": ("XDP_DROP", "fw-default", 0),
        "null": ("XDP_DROP", "fw-default", 0),
        "port0": ("XDP_DROP", "fw-default", 0),
        "short": ("XDP_DROP", "fw-malformed", 3),
        "udp": ("XDP_DROP", "fw-default", 0),
        "icmp": ("XDP_DROP", "fw-rule", 3),
        "gre": ("XDP_PASS", "fw-protected", 1),
        "vlan": ("XDP_PASS", "fw-pass", 2),
        "first": ("XDP_DROP", "fw-fragment", 1),
        "later": ("XDP_DROP", "fw-fragment", 1),
        "syn6": ("XDP_PASS", "fw-pass", 2),
        "icmp6": ("XDP_DROP", "fw-default", 0),
        "ext6": ("XDP_DROP", "fw-options", 2),
        "later6": ("XDP_DROP", "fw-fragment", 1),
        "arp": ("XDP_PASS", "none", 0),
    }


def test_counting_rule_and_reply(rules, tmp_path):
    path = rules("hygiene drop fragments ptb 5\ncount tcp\n")
    capture = pcap(tmp_path / "pcap", [PACKETS["syn"], PACKETS["first"], PACKETS["later"]])
    assert verdicts(path, capture) == [("XDP_PASS", "fw-count", 1), ("XDP_TX", "fw-ptb", 1),
                                       ("XDP_DROP", "fw-fragment", 1)]


def test_sets_of_the_file(rules, tmp_path):
    path = rules('set bad counts {\n10.0.0.0/24 tag "x"\nfd00::/64 timeout 1h\n}\n'
                 "set other {\n10.9.0.0/16\n}\n"
                 "from @other\nfrom @bad tcp\nfrom not { @bad, @other }\n")
    foreign = bytes(ETH / IP(src="10.0.1.1", dst="10.0.0.1") / TCP())
    capture = pcap(tmp_path / "pcap", [PACKETS["syn"], PACKETS["udp"], PACKETS["syn6"], foreign])
    assert verdicts(path, capture) == [("XDP_DROP", "fw-rule", 2), ("XDP_PASS", "none", 0),
                                       ("XDP_DROP", "fw-rule", 2), ("XDP_DROP", "fw-rule", 3)]


# --- tests that fail

def test_failures_are_all_told(rules, tmp_path):
    absent = "0123456789abcdef0123456789abcdef01234567"
    path = rules(f"tcp\n"
                 f"test sha1 {sha1(PACKETS['syn'])} xdp_action XDP_PASS\n"
                 f"test sha1 {sha1(PACKETS['udp'])} xdp_action XDP_PASS\n"
                 f"test sha1 {absent} xdp_action XDP_DROP\n"
                 f"test sha1 {sha1(PACKETS['arp'])} xdp_action XDP_ABORTED\n")
    capture = pcap(tmp_path / "pcap", [PACKETS[name] for name in ("syn", "udp", "icmp", "arp", "syn")])
    done = run("test", "-f", path, capture, code=1)
    lines = done.stdout.splitlines()
    assert [" ".join(line.split()[9:]) for line in lines[:5]] == [
        "FAIL expected XDP_PASS", "ok", "", "FAIL expected XDP_ABORTED", "FAIL expected XDP_PASS"]
    assert lines[5:] == [f"FAIL line 4: no packet has SHA-1 {absent}"]
    assert done.stderr == f"xdp_fw: {path}: test: 3 of 4 tests failed\n"

    done = run("test", "--csv", "-f", path, capture, code=1)
    assert len(done.stdout.splitlines()) == 5
    assert done.stderr == (
        f"xdp_fw: {path}: line 2: packet 1: expected XDP_PASS, met XDP_DROP\n"
        f"xdp_fw: {path}: line 5: packet 4: expected XDP_ABORTED, met XDP_PASS\n"
        f"xdp_fw: {path}: line 2: packet 5: expected XDP_PASS, met XDP_DROP\n"
        f"xdp_fw: {path}: line 4: no packet has SHA-1 {absent}\n"
        f"xdp_fw: {path}: test: 3 of 4 tests failed\n")

    done = run("test", "-j", "-f", path, capture, code=1)
    assert [(packet.get("ok"), packet.get("expected")) for packet in json.loads(done.stdout)] == [
        (False, "XDP_PASS"), (True, None), (None, None), (False, "XDP_ABORTED"), (False, "XDP_PASS")]


def test_contradicting_tests_fail(rules, tmp_path):
    line = f"test sha1 {sha1(PACKETS['syn'])} xdp_action "
    path = rules(f"tcp\n{line}XDP_DROP\n{line}XDP_PASS\n")
    done = run("test", "-f", path, pcap(tmp_path / "pcap", [PACKETS["syn"]]), code=1)
    assert done.stdout.endswith(" FAIL expected XDP_PASS\n")
    assert done.stderr == f"xdp_fw: {path}: test: 1 of 2 tests failed\n"


def test_no_packets(rules, tmp_path):
    empty = pcap(tmp_path / "pcap", [])
    done = run("test", "-f", rules("tcp\n"), empty)
    assert (done.stdout, done.stderr) == ("", "")
    path = rules(f"tcp\ntest sha1 {'0' * 40} xdp_action XDP_PASS\n")
    assert run("test", "-f", path, empty, code=1).stdout == (
        f"FAIL line 2: no packet has SHA-1 {'0' * 40}\n")


def test_csv(tmp_path):
    path = tmp_path / 'a "quoted", file'
    path.write_text("default drop\nudp\n")
    capture = pcap(tmp_path / "pcap", [PACKETS["udp"], PACKETS["syn"], PACKETS["arp"]])
    rows = list(csv.reader(io.StringIO(run("test", "--csv", "-f", path, capture).stdout)))
    assert [(row[0], row[1], row[2], row[6], row[7]) for row in rows] == [
        (str(path), sha1(PACKETS["udp"]), "XDP_DROP", "fw-rule", "1"),
        (str(path), sha1(PACKETS["syn"]), "XDP_DROP", "fw-default", "0"),
        (str(path), sha1(PACKETS["arp"]), "XDP_PASS", "none", "0")]
    for row in rows:
        assert len(row) == 8
        assert 0 < int(row[3]) <= int(row[4]) <= int(row[5])


# --- limits follow the capture's clock

def drops(path, capture):
    return [index for index, verdict in enumerate(verdicts(path, capture))
            if verdict == ("XDP_DROP", "fw-limit", 1)]


@pytest.mark.parametrize("step_ns, dropped", [
    (100_000, [3, 4, 5, 6, 7, 8, 9]),  # 10 packets in one millisecond: a burst of 3
    (50_000_000, [5, 7, 9]),           # twice the rate: the burst lasts for five, then every other
    (100_000_000, []),                 # the rate itself
    (5 * SECOND, []),
])
def test_limit(rules, tmp_path, step_ns, dropped):
    path = rules("limit 10 pps burst 3 udp\n")
    frames = [(number * step_ns, PACKETS["udp"]) for number in range(10)]
    assert drops(path, pcap(tmp_path / "pcap", frames)) == dropped
    assert drops(path, pcap(tmp_path / "us", frames, magic=0xa1b2c3d4)) == dropped
    assert drops(path, pcapng(tmp_path / "pcapng", frames)) == dropped


def test_limit_per_source(rules, tmp_path):
    path = rules("limit 1 pps burst 2 per source udp\n")
    other = bytes(ETH / IP(**(V4 | {"src": "10.0.0.9"})) / UDP(**UPPER))
    frames = [(at * SECOND, frame) for at in (0, 0, 0, 1) for frame in (PACKETS["udp"], other)]
    frames.append((1 * SECOND, PACKETS["syn"]))
    assert drops(path, pcap(tmp_path / "pcap", frames)) == [4, 5]


def test_time_does_not_go_back(rules, tmp_path):
    path = rules("limit 1 pps burst 2 udp\n")
    frames = [(at * SECOND, PACKETS["udp"]) for at in (5, 0, 20, 10, 20, 21)]
    assert drops(path, pcap(tmp_path / "pcap", frames)) == [4]


def test_decades_between_packets(rules, tmp_path):
    path = rules("limit 1 pps burst 1 udp\n")
    frames = [(at * SECOND, PACKETS["udp"]) for at in (-BEGIN // SECOND, 0, 0, 10**9)]
    # the clock has room for nine years: what comes later comes at once
    assert drops(path, pcap(tmp_path / "pcap", frames)) == [2, 3]


# --- frames that are not whole

def test_frames_that_are_not_whole(rules, tmp_path):
    udp = ETH / IP(**V4) / UDP(**UPPER)
    longest, longer = bytes(udp / bytes(3478)), bytes(udp / bytes(3479))
    capture = pcap(tmp_path / "pcap", [
        bytes(13), (0, PACKETS["udp"][:30], 42), (0, PACKETS["arp"][:20], 42), longest, longer])
    path = rules(f"packet length 20-4000\ntest sha1 {sha1(longer)} xdp_action XDP_DROP\n"
                 f"test sha1 {sha1(bytes(13))} xdp_action XDP_ABORTED\n")
    done = run("test", "-f", path, capture, code=1)
    lines = done.stdout.splitlines()
    assert lines[0] == f"1 {sha1(bytes(13))} 13 XDP_ABORTED eth-truncated 0 - - - ok"
    assert lines[1] == "note: packet 1: shorter than an Ethernet header"
    assert lines[2].startswith(f"2 {sha1(PACKETS['udp'][:30])} 30 XDP_ABORTED ipv4-truncated 0 ")
    assert lines[3] == "note: packet 2: 30 of 42 bytes captured, judged by these"
    assert lines[4].startswith(f"3 {sha1(PACKETS['arp'][:20])} 20 XDP_PASS none 0 ")
    assert lines[5] == "note: packet 3: 20 of 42 bytes captured, judged by these"
    assert lines[6].startswith(f"4 {sha1(longest)} 3520 XDP_DROP fw-rule 1 ")
    assert lines[7:] == [
        f"5 {sha1(longer)} 3521 - - 0 - - - FAIL expected XDP_DROP",
        "note: packet 5: not run: 3521 bytes are more than XDP sees of a frame (3520)"]
    assert done.stderr == f"xdp_fw: {path}: test: 1 of 2 tests failed\n"


# --- errors

def test_errors(rules, tmp_path):
    capture = pcap(tmp_path / "pcap", [PACKETS["syn"]])
    good, bad = rules("tcp\n"), tmp_path / "bad.rules"
    bad.write_text("tcp\nudp sport 70000\n")

    def error(*argv, code=1):
        done = run(*argv, code=code)
        assert done.stdout == ""
        return done.stderr.removeprefix("xdp_fw: ")

    assert error("test", capture, code=2) == f"{capture}: test: say which rules: -f FILE\n"
    assert error("test", "-f", good, "/nosuch") == "/nosuch: test: No such file or directory\n"
    assert error("test", "-f", good, good) == f"{good}: test: not a capture: unknown file format\n"
    assert error("test", "-f", bad, capture) == (
        f'{bad}: test: 2:11: port 70000 is above 65535 near "70000"\n')
    bad.write_text("from @nosuch\n")
    assert error("test", "-f", bad, capture).startswith(f"{bad}: test: ")
    raw = pcap(tmp_path / "raw", [PACKETS["syn"][14:]], linktype=101)
    assert error("test", "-f", good, raw) == (
        f"{raw}: test: frames of link type RAW (12); only Ethernet is judged\n")


def test_damaged_capture(rules, tmp_path):
    capture = pcap(tmp_path / "pcap", [PACKETS["syn"], PACKETS["udp"]])
    os.truncate(capture, os.path.getsize(capture) - 1)
    done = run("test", "-f", rules("tcp\n"), capture, code=1)
    assert done.stdout.startswith(f"1 {sha1(PACKETS['syn'])} 54 XDP_DROP fw-rule 1 ")
    assert len(done.stdout.splitlines()) == 1
    assert done.stderr.startswith(f"xdp_fw: {capture}: test: damaged after packet 1: ")
    assert len(done.stderr.splitlines()) == 1


def test_without_privileges(bpffs, tmp_path):
    directory = "/run/netns/xdp_fw"  # of this test run alone, and anybody may enter
    os.mkdir(directory)
    try:
        shutil.copy(TOOL, directory)
        pcap(f"{directory}/pcap", [PACKETS["syn"]])
        with open(f"{directory}/rules", "w") as file:
            file.write("tcp\n")
        os.chmod(directory, 0o755)
        done = subprocess.run(
            ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all",
             f"{directory}/xdp_fw", "test", "-f", f"{directory}/rules", f"{directory}/pcap"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    finally:
        shutil.rmtree(directory)
    assert (done.returncode, done.stdout, done.stderr) == (
        1, "", f"xdp_fw: {directory}/rules: test: running packets in the kernel: "
               "Operation not permitted: be root\n")


# --- explain

LIVE = """\
default drop
hygiene drop fragments ptb 7
hygiene drop options
protect from 10.9.0.0/16 name "ours"
set bad {
10.0.0.0/24
fd00::1
}
count ip from @bad
pass vlan 5
drop ttl not 64
limit 5 pps burst 1 per source udp
pass not malformed from not @bad
pass ip6 tcp dport not { 22, 81 }
"""

RULES = """\
protect 1: protect from 10.9.0.0/16 name "ours": no: from
hygiene 1: drop fragment any: no: fragment
hygiene 2: drop options: no: options
"""


@pytest.fixture
def live(pair, rules):
    pair.xdp_root("attach", "vb")
    run("attach", "--netns", pair.b.name, "-f", rules(LIVE), "vb")
    return pair


def explain(pair, what, *options, code=0):
    return run("explain", "--netns", pair.b.name, *options, "vb", what, code=code)


@pytest.mark.parametrize("name, text", [
    ("syn", """\
packet 1: 54 bytes, ip 10.0.0.1 > 10.1.0.2, ttl 64, dscp 0, tcp 1000 > 80, flags { syn }, window 8192
""" + RULES + """\
rule 1: count ip from @bad: matches: count (fw-count), goes on
rule 2: pass vlan 5: no: vlan
rule 3: drop ttl not 64: no: ttl
rule 4: limit 5 pps burst 1 per source udp: no: udp
rule 5: pass from not @bad not malformed: no: from
rule 6: pass ip6 tcp dport not { 22, 81 }: no: ip6
verdict: drop (fw-default)
"""),
    ("ack", """\
packet 1: 54 bytes, ip 10.0.0.1 > 10.1.0.2, ttl 1, dscp 46, tcp 1000 > 80, flags { ack }, window 501
""" + RULES + """\
rule 1: count ip from @bad: matches: count (fw-count), goes on
rule 2: pass vlan 5: no: vlan
rule 3: drop ttl not 64: matches: drop (fw-rule)
verdict: drop (fw-rule), rule 3
"""),
    ("vlan", """\
packet 1: 58 bytes, vlan 5, ip 10.0.0.1 > 10.1.0.2, ttl 64, dscp 0, tcp 1000 > 80, flags { syn }, window 8192
""" + RULES + """\
rule 1: count ip from @bad: matches: count (fw-count), goes on
rule 2: pass vlan 5: matches: pass (fw-pass)
verdict: pass (fw-pass), rule 2
"""),
    ("udp", """\
packet 1: 42 bytes, ip 10.0.0.1 > 10.1.0.2, ttl 64, dscp 0, udp 5353 > 53
""" + RULES + """\
rule 1: count ip from @bad: matches: count (fw-count), goes on
rule 2: pass vlan 5: no: vlan
rule 3: drop ttl not 64: no: ttl
rule 4: limit 5 pps burst 1 per source udp: matches: drop over the limit (fw-limit), within it goes on
rule 5: pass from not @bad not malformed: no: from
rule 6: pass ip6 tcp dport not { 22, 81 }: no: ip6
verdict: drop (fw-default), unless over a limit
"""),
    ("first", """\
packet 1: 58 bytes, ip 10.0.0.1 > 10.1.0.2, ttl 64, dscp 0, first fragment, udp 5353 > 53
protect 1: protect from 10.9.0.0/16 name "ours": no: from
hygiene 1: drop fragment any: matches: drop (fw-fragment), or an answer (fw-ptb): 7 a second
verdict: drop (fw-fragment), hygiene 1
"""),
    ("later6", """\
packet 1: 78 bytes, ip6 fd00::1 > fd00::2, ttl 64, dscp 0, later fragment, udp
protect 1: protect from 10.9.0.0/16 name "ours": no: from
hygiene 1: drop fragment any: matches: drop (fw-fragment)
verdict: drop (fw-fragment), hygiene 1
"""),
    ("ext6", """\
packet 1: 78 bytes, ip6 fd00::1 > fd00::2, ttl 64, dscp 0, extension headers, udp 5353 > 53
protect 1: protect from 10.9.0.0/16 name "ours": no: from
hygiene 1: drop fragment any: no: fragment
hygiene 2: drop options: matches: drop (fw-options)
verdict: drop (fw-options), hygiene 2
"""),
    ("syn6", """\
packet 1: 74 bytes, ip6 fd00::1 > fd00::2, ttl 64, dscp 0, tcp 1000 > 80, flags { syn }, window 8192
""" + RULES + """\
rule 1: count ip from @bad: no: ip
rule 2: pass vlan 5: no: vlan
rule 3: drop ttl not 64: no: ttl
rule 4: limit 5 pps burst 1 per source udp: no: udp
rule 5: pass from not @bad not malformed: no: from
rule 6: pass ip6 tcp dport not { 22, 81 }: matches: pass (fw-pass)
verdict: pass (fw-pass), rule 6
"""),
    ("short", """\
packet 1: 44 bytes, ip 10.0.0.1 > 10.1.0.2, ttl 64, dscp 0, tcp, malformed
""" + RULES + """\
rule 1: count ip from @bad: matches: count (fw-count), goes on
rule 2: pass vlan 5: no: vlan
rule 3: drop ttl not 64: no: ttl
rule 4: limit 5 pps burst 1 per source udp: no: udp
rule 5: pass from not @bad not malformed: no: from
rule 6: pass ip6 tcp dport not { 22, 81 }: no: ip6
verdict: drop (fw-default)
"""),
    ("arp", "packet 1: 42 bytes, not IP\nverdict: next\n"),
])
def test_explain(live, name, text):
    assert explain(live, PACKETS[name].hex()).stdout == text


def test_explain_other_frames(live, tmp_path):
    ours = bytes(ETH / IP(**(V4 | {"src": "10.9.0.1"}), ttl=9) / TCP())
    assert explain(live, ours.hex(":")).stdout.splitlines()[1:] == [
        'protect 1: protect from 10.9.0.0/16 name "ours": matches: next (fw-protected)',
        "verdict: next (fw-protected), protect 1"]
    foreign = bytes(ETH / IP(src="10.0.1.1", dst="10.0.0.1") / ICMP(type=3, code=1))
    lines = explain(live, foreign.hex(" ")).stdout.splitlines()
    assert lines[0] == ("packet 1: 42 bytes, ip 10.0.1.1 > 10.0.0.1, ttl 64, dscp 0, "
                        "icmp type 3 code 1")
    assert lines[-2:] == ["rule 5: pass from not @bad not malformed: matches: pass (fw-pass)",
                          "verdict: pass (fw-pass), rule 5"]
    cut = pcap(tmp_path / "pcap", [(0, PACKETS["udp"][:40], 42), bytes(13)])
    assert explain(live, cut).stdout == (
        "packet 1: 40 bytes, malformed: total length beyond the frame\n"
        "note: 40 of 42 bytes captured, judged by these\n"
        "verdict: aborted (ipv4-length-beyond-frame), by the root\n"
        "packet 2: 13 bytes, malformed: shorter than an Ethernet header\n"
        "verdict: aborted (eth-truncated), by the root\n")


def test_explain_follows_sets(live):
    packet = PACKETS["icmp"].hex()
    assert explain(live, packet).stdout.endswith("verdict: drop (fw-default)\n")
    run("set", "--netns", live.b.name, "vb", "del", "bad", "10.0.0.0/24")
    lines = explain(live, packet).stdout.splitlines()
    assert "rule 1: count ip from @bad: no: from" in lines
    assert lines[-1] == "verdict: pass (fw-pass), rule 5"


def test_explain_does_not_take_from_limits(live):
    for _ in range(3):
        assert "over the limit" in explain(live, PACKETS["udp"].hex()).stdout
    live.send([PACKETS["udp"]])
    stats = live.await_seen(1)
    assert "fw-limit" not in stats["reasons"], stats


def test_explain_json(live):
    [got] = json.loads(explain(live, PACKETS["vlan"].hex(), "-j").stdout)
    assert got["packet"] == {
        "number": 1, "bytes": 58, "wire_bytes": 58, "family": 4, "from": "10.0.0.1",
        "to": "10.1.0.2", "ttl": 64, "dscp": 0, "proto": 6, "vlan": 5, "fragment": "none",
        "options": False, "malformed": False, "sport": 1000, "dport": 80, "flags": ["syn"],
        "window": 8192}
    assert got["steps"][2:] == [
        {"kind": "hygiene", "number": 2, "text": "drop options", "matches": False,
         "failed": "options"},
        {"kind": "rule", "number": 1, "text": "count ip from @bad", "matches": True,
         "failed": None},
        {"kind": "rule", "number": 2, "text": "pass vlan 5", "matches": True, "failed": None}]
    assert (got["verdict"], got["code"], got["rule"]) == ("pass", "fw-pass", 2)
    [got] = json.loads(explain(live, PACKETS["arp"].hex(), "-j").stdout)
    assert got == {"packet": {"number": 1, "bytes": 42, "wire_bytes": 42}, "steps": [],
                   "verdict": "next", "code": None, "rule": None}


def test_explain_and_the_kernel_agree(live, rules, tmp_path):
    """But for fragments that are answered, which explain leaves open, and what a limit drops."""
    words = {"pass": "XDP_PASS", "next": "XDP_PASS", "drop": "XDP_DROP"}
    frames = [(number * SECOND, frame) for number, frame in enumerate(PACKETS.values())]
    capture = pcap(tmp_path / "pcap", frames)
    explained = json.loads(explain(live, capture, "-j").stdout)
    got = dict(zip(PACKETS, verdicts(rules(LIVE), capture)))
    assert got.pop("first") == ("XDP_TX", "fw-ptb", 1)
    assert got == {name: (words[entry["verdict"]], entry["code"] or "none", entry["rule"] or 0)
                   for name, entry in zip(PACKETS, explained) if name != "first"}


def test_explain_errors(live, tmp_path):
    assert explain(live, "0", code=2).stderr == (
        "xdp_fw: packet: explain: 1 hexadecimal digits: half a byte is missing\n")
    assert explain(live, " : ", code=2).stderr == "xdp_fw: packet: explain: no frame\n"
    assert explain(live, "nosuch", code=1).stderr == (
        "xdp_fw: nosuch: explain: No such file or directory\n")
    done = run("explain", "--netns", live.a.name, "va", "00", code=1)
    assert done.stderr == "xdp_fw: va: explain: no root is attached: xdp_root attach va\n"
    live.xdp_root("detach", "vb")
    live.xdp_root("attach", "vb")
    assert explain(live, "00", code=1).stderr == "xdp_fw: vb: explain: no firewall is attached\n"
