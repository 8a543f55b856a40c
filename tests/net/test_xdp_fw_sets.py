# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Named sets: what is in them, what that does to packets, and how they are changed and kept."""
import ipaddress
import json
import random
import time

import pytest
from scapy.all import IP, IPv6, TCP, UDP

from conftest import Pair
from fw import Wall, eth, rule, size


@pytest.fixture(scope="module")
def wall(module_pair):
    return Wall(module_pair)


def to(src, dst="192.0.2.1"):
    return eth() / IP(src=src, dst=dst) / UDP(sport=9, dport=9)


def to6(src, dst="fd00::1"):
    return eth() / IPv6(src=src, dst=dst) / UDP(sport=9, dport=9)


def verdicts(wall, *frames):
    return wall.judge(*frames).verdicts


def members(wall, name):
    return json.loads(wall("set", "-j", "list", name))


def test_entries_come_and_go(wall):
    wall.rules()
    wall("set", "create", "bad")
    wall("insert", "drop from @bad")
    frames = [to("1.2.3.4"), to("1.2.3.5"), to("1.3.0.0"), to6("2001:db8::1"), to6("2001:db9::1")]
    drop = "drop fw-rule 1"
    assert verdicts(wall, *frames) == ["next"] * 5
    program = wall.status()["program_id"]
    wall("set", "add", "bad", "1.2.3.4")
    wall("set", "add", "bad", "2001:db8::/32", "tag", 'lab "six" \\')
    assert verdicts(wall, *frames) == [drop, "next", "next", drop, "next"]
    wall("set", "add", "bad", "1.0.0.0/8", "tag", "one")
    wall("set", "add", "bad", "1.2.0.0/16", "timeout", "1h", "tag", "two")
    assert wall("set", "list", "bad").splitlines()[0] == '1.0.0.0/8 tag "one"'
    assert [entry["prefix"] for entry in members(wall, "bad")] == [
        "1.0.0.0/8", "1.2.0.0/16", "1.2.3.4/32", "2001:db8::/32"]
    assert [entry.get("tag") for entry in members(wall, "bad")] == [
        "one", "two", None, 'lab "six" \\']
    assert 3590 <= members(wall, "bad")[1]["timeout_s"] <= 3600
    assert wall("set", "list") == "bad: 4 entries\n"
    assert json.loads(wall("set", "-j", "list")) == [
        {"name": "bad", "entries": 4, "counts": False}]
    assert verdicts(wall, *frames) == [drop] * 4 + ["next"]
    for prefix in "1.0.0.0/8", "1.2.3.4", "2001:db8::/32":
        wall("set", "del", "bad", prefix)
    assert verdicts(wall, *frames) == [drop, drop, "next", "next", "next"]
    assert wall("set", "flush", "bad") == "set bad: 0 added, 1 removed, 0 kept\n"
    assert verdicts(wall, *frames) == ["next"] * 5
    assert wall.status()["program_id"] == program, "changes of sets need no new generation"
    wall("flush")
    wall("set", "destroy", "bad")
    assert wall("set", "list") == ""


def test_is_it_in_the_set(wall):
    wall.rules("set x {", "10.0.0.0/8", "2001:db8:1::/48", "}")
    assert wall("set", "test", "x", "10.255.0.1") == "10.255.0.1 is in set x\n"
    assert wall("set", "test", "x", "2001:db8:1:ffff::") == "2001:db8:1:ffff:: is in set x\n"
    for address in "11.0.0.0", "2001:db8:2::":
        wall.refuse("set", "test", "x", address, told=f"vb: set: {address} is not in set x")


def test_ipv6_lengths(wall):
    base = ipaddress.ip_address("2a0b:4bff:7777:1234:5678:9abc:def0:1234")
    lengths = [12, 31, 32, 33, 47, 48, 49, 63, 64, 65, 96, 127, 128]
    inside, outside = [], []
    for number, length in enumerate(lengths):  # of each length a prefix of its own
        first = int(base) ^ number << 117
        inside.append(first)
        outside.append(first ^ 1 << (128 - length))
    lines = [str(ipaddress.ip_network((first, length), strict=False))
             for first, length in zip(inside, lengths)]
    wall.rules("set six {", *lines, "}", "drop to @six")
    frames = [to6("fd00::1", str(ipaddress.ip_address(addr))) for addr in inside + outside]
    judged = wall.judge(*frames)
    assert judged.verdicts == ["drop fw-rule 1"] * len(lengths) + ["next"] * len(lengths)
    assert judged.hits == {rule(1): size(*frames[:len(lengths)])}


def test_two_sets_two_directions(wall):
    """The same prefix in both; each rule asks its own set in its own direction."""
    wall.rules("set a {", "10.1.0.0/16", "fd01::/16", "}", "set b {", "10.1.0.0/16", "10.2.0.0/16",
               "}", "drop from @a udp", "pass to @a udp", "drop tcp from @b", "count to not @b ip")
    tcp = [eth() / IP(src=src, dst="192.0.2.1") / TCP() for src in ("10.1.0.1", "10.2.0.1")]
    cases = [
        (to("10.1.2.3"), "drop fw-rule 1"), (to("192.0.2.2", "10.1.0.9"), "pass fw-pass 2"),
        (to("10.1.9.9", "10.1.9.9"), "drop fw-rule 1"), (to6("fd01::1"), "drop fw-rule 1"),
        (to6("fd00::2", "fd01::1"), "pass fw-pass 2"), (to("10.2.0.0"), "next"),
        (tcp[0], "drop fw-rule 3"), (tcp[1], "drop fw-rule 3"),
        (to("192.0.2.2", "10.2.0.1"), "next"),
    ]
    judged = wall.judge(*(frame for frame, _ in cases))
    assert judged.verdicts == [what for _, what in cases]
    assert judged.hits[rule(4)] == size(cases[5][0]), "of IPv4, and not to a member of b"
    wall("set", "del", "a", "10.1.0.0/16")
    assert verdicts(wall, *(frame for frame, _ in cases)) == [
        "next", "next", "next", "drop fw-rule 1", "pass fw-pass 2", "next",
        "drop fw-rule 3", "drop fw-rule 3", "next"]


def test_allow_before_block(wall):
    wall.rules("set allow {", "10.1.2.3", "2001:db8::1", "}", "set block {", "10.0.0.0/8",
               "2001:db8::/32", "}", "pass from @allow", "drop from @block")
    frames = [to("10.1.2.3"), to("10.1.2.4"), to6("2001:db8::1"), to6("2001:db8::2")]
    one, two = "pass fw-pass 1", "drop fw-rule 2"
    assert verdicts(wall, *frames) == [one, two, one, two]
    wall("set", "add", "allow", "10.1.2.0/24")
    assert verdicts(wall, *frames) == [one, one, one, two]
    wall("set", "flush", "allow")
    assert verdicts(wall, *frames) == [two] * 4


def test_timeouts(wall):
    """An entry that has expired matches nothing, and is gone with the next change."""
    wall.rules("set x {", "}", "drop from @x")
    wall("set", "add", "x", "1.2.3.4", "timeout", "1000s")
    wall("set", "add", "x", "2001:db8::/64", "timeout", "1s")
    start = time.monotonic()
    wall("set", "add", "x", "1.2.3.4", "timeout", "1s")  # takes the new one
    assert list(wall.flood([to("1.2.3.4")])[1]) == ["drop"]
    wall.await_verdict(to("1.2.3.4"), "next")
    assert 0.6 < time.monotonic() - start < 5  # in units of 64 ticks of the kernel's clock
    wall.await_verdict(to6("2001:db8::9"), "next")
    wall.refuse("set", "test", "x", "1.2.3.4", told="vb: set: 1.2.3.4 is not in set x")
    assert "1.2.3.4" not in wall("save")
    wall("set", "add", "x", "1.2.3.5")
    assert wall("set", "list", "x") == "1.2.3.5\n"
    wall("set", "add", "x", "1.2.3.4", "timeout", "1s")
    wall("set", "add", "x", "1.2.3.4")  # for good
    assert wall("set", "list", "x") == "1.2.3.4\n1.2.3.5\n"


def test_hits_of_entries(wall):
    wall.rules("set seen counts {", "1.2.3.0/24", '1.2.3.4 tag "host"', "2001:db8::/64", "}",
               "set blind {", "1.2.3.4", "}", "count from @seen", "drop from @blind")
    wall.judge(to("1.2.3.4"), to("1.2.3.4"), to("1.2.3.5"), to6("2001:db8::5"), to("9.9.9.9"))
    assert [(entry["prefix"], entry["hits"]) for entry in members(wall, "seen")] == [
        ("1.2.3.0/24", 3), ("1.2.3.4/32", 2), ("2001:db8::/64", 1)]
    assert wall("set", "list", "seen").splitlines()[1] == '1.2.3.4 tag "host" # hits 2'
    assert "hits" not in members(wall, "blind")[0]
    assert [(entry["name"], entry["entries"], entry.get("hits"))
            for entry in wall.stats()["sets"]] == [("seen", 3, 6), ("blind", 1, None)]
    wall("set", "add", "seen", "1.2.3.4", "tag", "kept")
    wall.load("drop from @seen")
    wall.judge(to("1.2.3.4"))
    assert [(entry["hits"], entry.get("tag")) for entry in members(wall, "seen")] == [
        (4, None), (3, "kept"), (1, None)]


def thousands(seed, count):
    """Different prefixes in 20.0.0.0/8 .. 23.0.0.0/8 and 2001:db8::/32, one in ten of IPv6."""
    rng, found = random.Random(seed), set()
    while len(found) < count:
        if len(found) % 10:
            length = rng.choice([32] * 8 + [24, 28])
            addr = (20 << 24 | rng.getrandbits(26)) >> (32 - length) << (32 - length)
            found.add(f"{ipaddress.IPv4Address(addr)}/{length}")
        else:
            found.add(f"2001:db8:{rng.getrandbits(16):x}:{rng.getrandbits(16):x}::/64")
    return sorted(found)


def test_hundred_thousand_entries_by_difference(wall, tmp_path):
    """The pool grows under the packets; a file that is loaded again costs its differences."""
    wall.rules("set few counts {", "1.2.3.4", "}", "set many {", "30.1.2.3", "}",
               "drop from @many", "pass from @few")
    few = [to("1.2.3.4")] * 3
    assert verdicts(wall, *few) == ["pass fw-pass 2"] * 3
    entries, path = thousands(1, 110000), tmp_path / "many"
    old, new = entries[:100000], entries[5000:105000]
    path.write_text("# a feed\n" + "\n".join(old) + "\n")
    before = wall.status()["entries_max"]
    assert wall("set", "load", "many", "-f", path) == "set many: 100000 added, 1 removed, 0 kept\n"
    status = wall.status()
    assert status["entries"] == 100001 and status["entries_max"] > before
    assert verdicts(wall, *few) == ["pass fw-pass 2"] * 3
    assert members(wall, "few") == [{"prefix": "1.2.3.4/32", "hits": 6}]
    program = status["program_id"]
    assert wall("set", "load", "many", "-f", path) == "set many: 0 added, 0 removed, 100000 kept\n"
    check_members(wall, old, 2)
    path.write_text("\n".join(new))
    assert wall("set", "load", "many", "-f", path) == (
        "set many: 5000 added, 5000 removed, 95000 kept\n")
    check_members(wall, new, 3)
    assert wall.status()["program_id"] == program
    assert sorted(entry["prefix"] for entry in members(wall, "many")) == sorted(
        prefix if "/" in prefix else f"{prefix}/32" for prefix in new)
    assert members(wall, "few") == [{"prefix": "1.2.3.4/32", "hits": 6}]
    assert wall("set", "flush", "many") == "set many: 0 added, 100000 removed, 0 kept\n"


def check_members(wall, entries, seed):
    """Addresses in some of the prefixes are dropped, others only if another prefix has them."""
    rng = random.Random(seed)
    networks = [ipaddress.ip_network(entry) for entry in entries]
    have = set(networks)
    frames, want = [], []
    for network in rng.sample(networks, 40):
        addr = network[rng.randrange(min(network.num_addresses, 1 << 30))]
        for some in addr, addr + 1, addr + 256:
            length = range(1, some.max_prefixlen + 1)
            inside = any(ipaddress.ip_network((some, bits), strict=False) in have
                         for bits in length)
            frames.append(to(str(some)) if some.version == 4 else to6(str(some)))
            want.append("drop fw-rule 1" if inside else "next")
    assert want.count("next") > 20
    assert verdicts(wall, *frames) == want


def test_errors(wall, tmp_path):
    wall.rules("set x counts {", "1.2.3.4", "}", "set spare {", "}", "drop to @x")
    path = tmp_path / "entries"
    for text, told in [("1.2.3.4\n\n1.2.3.400\n", 'vb: set: 3:1: not an address near "1.2.3.400"'),
                       ("# x\n1.2.3.4 tag x\n", 'vb: set: 2:13: a tag is in quotes near "x"'),
                       ("1.2.3.4/33\n", 'vb: set: 1:1: not a prefix length near "1.2.3.4/33"'),
                       ("::/0\n", 'vb: set: 1:1: a set cannot hold /0 near "::/0"'),
                       ("1.2.3.4/24\n", "vb: set: 1:1: bits set behind the prefix length near .*"),
                       ("1.2.3.4 timeout 0s\n",
                        'vb: set: 1:17: a timeout is 1 second to 10 years near "0s"')]:
        path.write_text(text)
        wall.refuse("set", "load", "x", "-f", path, told=told)
    path.write_text("1.2.3.5\n")
    for argv, told in [
            (["load", "x", "-f", "/nosuch/file"], "/nosuch/file: No such file or directory"),
            (["load", "nosuch", "-f", path], "no set nosuch"),
            (["add", "nosuch", "1.2.3.4"], "no set nosuch"),
            (["add", "x", "1.2.3"], '1:1: not an address near "1.2.3"'),
            (["add", "x", "1.2.3.4", "tag", "t" * 64], "1:13: a tag has at most 63 bytes near .*"),
            (["add", "x", "1.2.3.4", "colour", "red"],
             '1:9: neither tag nor timeout near "colour"'),
            (["add", "x", "0.0.0.0/0"], '1:1: a set cannot hold /0 near "0.0.0.0/0"'),
            (["del", "x", "1.2.3.5"], "set x has no entry 1.2.3.5"),
            (["del", "nosuch", "1.2.3.5"], "no set nosuch"),
            (["del", "x", "house"], 'not an address or prefix: "house"'),
            (["destroy", "x"], "set x: rules use it"),
            (["destroy", "nosuch"], "no set nosuch"), (["flush", "nosuch"], "no set nosuch"),
            (["list", "nosuch"], "no set nosuch"), (["test", "nosuch", "1.2.3.4"], "no set nosuch"),
            (["test", "x", "1.2.3.0/24"], "1.2.3.0/24: an address, not a prefix"),
            (["create", "x"], "set x is there already"),
            (["create", "a/b"], "a/b: a set's name has 1 to 31 letters, digits, _ . or -"),
            (["create", "n" * 32], "n{32}: a set's name has 1 to 31 letters, digits, _ . or -"),
            (["load", "x"], "say which entries: -f FILE")]:
        wall.refuse("set", *argv, told=f"vb: set: {told}")
    for argv in (["fill", "x"], ["add", "x"], ["create"], ["test", "x"]):
        wall.refuse("set", *argv, told="vb: set: it is create.*", code=2)
    for number in range(62):
        wall("set", "create", f"s{number}")
    wall.refuse("set", "create", "one-more", told="vb: set: there are 64 sets already")
    wall.rules()


def test_listing_loads_again(wall):
    wall.rules("tcp dport {22} ip", "count from {10.0.0.7/8, 2001:db8::} name \"a \\\"b\\\\\"",
               "limit 10k pps burst 5 per source/24 icmp type {8,0}",
               "hygiene drop fragments ptb 9",
               "hygiene allow local", "protect udp sport 53", "default pass",
               "udp dport {1-3,7}", "tcp flags {} mask {syn}")
    once = wall("list")
    assert "drop ip tcp dport 22\n" in once and "10.0.0.0/8" in once
    wall("restore", input=once)
    assert wall("list") == once
    wall("load", "-f", "-", input=once)
    assert wall("list") == once


def test_listing_as_json(wall):
    wall.rules("default pass", "hygiene drop fragments ptb 9", "hygiene drop malformed",
               "protect icmp type 8", 'count tcp name "a \\"b\\""', "ip udp dport {53}")
    assert json.loads(wall("list", "-j")) == {
        "interface": "vb", "default": "pass",
        "hygiene": {"fragments": True, "ptb_pps": 9, "options": False, "malformed": True,
                    "local": False},
        "protect": [{"number": 1, "action": "protect", "text": "protect icmp type 8",
                     "name": None}],
        "rules": [{"number": 1, "action": "count", "text": 'count tcp name "a \\"b\\""',
                   "name": 'a "b"'},
                  {"number": 2, "action": "drop", "text": "drop ip udp dport 53", "name": None}]}


SAVED = """\
default drop
hygiene drop fragments ptb 7
hygiene drop options
hygiene drop malformed
hygiene allow local
protect ip from 192.0.2.0/24 name "office"
pass from @good udp dport {53, 5353} name "a \\"b\\" \\\\"
limit 1000 pps burst 50 per source/24/48 udp to not @bad
drop ip6 to @bad
set bad counts {
1.2.3.0/24 tag "a"
1.2.3.4 tag "b \\"c\\""
2001:db8::/32
}
set empty {
}
set good {
10.0.0.1
}
"""


def test_save_and_restore(wall):
    wall.rules("set before {", "9.9.9.9", "}", "drop from @before")
    wall("restore", input=SAVED)
    once = wall("save")
    assert once.splitlines()[:5] == SAVED.splitlines()[:5]
    assert once.splitlines()[9:] == SAVED.splitlines()[9:]
    assert "before" not in wall("set", "list")
    wall("restore", input=once)
    assert wall("save") == once
    assert once.startswith(wall("list"))
    assert [entry["counts"] for entry in json.loads(wall("set", "-j", "list"))
            if entry["name"] == "bad"] == [True]
    wall("restore", input="")
    assert wall("save") == "default next\n"
    wall("restore", input=once)
    assert wall("save") == once
    fresh = Pair()
    try:
        other = Wall(fresh)
        other("restore", input=once)
        assert other("save") == once
        frames = [to("10.0.0.1"), to6("fd00::1", "2001:db8::1"), to("192.0.2.9"), to("8.8.8.8")]
        frames[0]["UDP"].dport = 53
        want = ["pass fw-pass 1", "drop fw-rule 3", "next", "drop fw-default 0"]
        assert verdicts(other, *frames) == verdicts(wall, *frames) == want
    finally:
        fresh.xdp_root("detach", "vb", ok=None)
        fresh.delete()


def test_restore_keeps_what_stays(wall):
    """Counters of rules, hits of entries, and sets that are in use are not begun anew."""
    wall("restore", input=SAVED)
    wall.judge(to6("fd00::1", "2001:db8::1"))
    before = wall.hits()[rule(3)], members(wall, "bad")
    assert before[1][2]["hits"] >= 1
    wall("restore", input=SAVED.replace("default drop", "default next"))
    assert (wall.hits()[rule(3)], members(wall, "bad")) == before


def test_restore_of_garbage(wall):
    wall("restore", input=SAVED)
    for text, told in [
            ("drop udp\ngarbage\n", 'vb: restore: 2:1: .* near "garbage"'),
            ("\x7fELF\x01\0\0\n", "vb: restore: 1:1: .*"),
            (SAVED + "set good {\n}\n", "vb: restore: 20:5: a second block of this set .*"),
            (SAVED[:-2], "vb: restore: 17:1: a block without its closing brace .*"),
            (SAVED.replace("1.2.3.4 tag", "1.2.3.4.5 tag"),
             "vb: restore: 12:1: not an address near .*"),
            ("drop from @nowhere\n", "vb: restore: there is no set named nowhere"),
            ("set other {\n}\ndrop from @bad\n", "vb: restore: there is no set named bad"),
            ("test sha1 x\n", "vb: restore: 1:.*")]:
        wall.refuse("restore", told=told, input=text)
    assert wall("save").splitlines()[9:] == SAVED.splitlines()[9:]
