# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""What rules and sets have counted: packets, bytes, when, how many a second; and for how long."""
import json
import subprocess
import time

import pytest
from scapy.all import IP, IPv6, TCP, UDP

from fw import Wall, eth, rule, size


@pytest.fixture(scope="module")
def wall(module_pair):
    return Wall(module_pair, "--set-entries", 4096)


def to(src, dst="192.0.2.1", payload=b""):
    return eth() / IP(src=src, dst=dst) / UDP(sport=9, dport=9) / payload


def to6(src, dst="fd00::1"):
    return eth() / IPv6(src=src, dst=dst) / UDP(sport=9, dport=9)


def counted(wall):
    """{set: (packets, bytes)}; the time of the last one is there if there was one."""
    sets = wall.stats()["sets"]
    for entry in sets:
        assert (entry["last_s"] is None) == (entry["packets"] == 0), entry
    return {entry["name"]: (entry["packets"], entry["bytes"]) for entry in sets}


NONE = (0, 0)


def test_a_set_counts_what_rules_match_by_it(wall):
    """Of a rule with one set the same as the rule; of one with several each set its own."""
    wall.rules("set one {", "10.1.0.0/16", "fd01::/16", "}", "set two {", "10.0.0.0/8", "}",
               "set three counts {", "10.1.1.1", "192.0.2.0/24", "}", "set idle {", "10.0.0.0/8", "}",
               "drop from @one tcp", "drop from {@one, @two, 172.16.0.0/12} to @three udp")
    udp = to("10.1.1.1")                     # in one and two, and to three
    plain = to("172.16.0.1", payload=b"x")   # by the prefix: only three
    tcp = eth() / IP(src="10.1.2.3", dst="192.0.2.1") / TCP()
    missed = to("10.1.1.1", "8.8.8.8")       # no rule matches: in sets, but no hit
    six = to6("fd01::1")                     # not to three
    judged = wall.judge(udp, plain, tcp, missed, six, udp)
    assert judged.verdicts == ["drop fw-rule 2", "drop fw-rule 2", "drop fw-rule 1", "next", "next",
                               "drop fw-rule 2"]
    assert counted(wall) == {"one": size(udp, udp, tcp), "two": size(udp, udp),
                             "three": size(udp, udp, plain), "idle": NONE}
    assert judged.hits == {rule(1): size(tcp), rule(2): size(udp, udp, plain)}


def test_a_packet_counts_once(wall):
    """However many rules, directions and lists it meets the set in; also within a limit."""
    wall.rules("set s {", "10.0.0.0/8", "}", "set not-in {", "10.0.0.0/8", "}",
               "count from @s", "limit 1M pps from @s to @s", "pass to not @not-in from @s",
               "drop from {@s, @not-in}")
    both, out = to("10.1.1.1", "10.2.2.2"), to("10.1.1.1")
    assert wall.judge(both, out).verdicts == ["drop fw-rule 4", "pass fw-pass 3"]
    assert counted(wall) == {"s": size(both, out), "not-in": size(both)}
    wall.rules("set s {", "10.0.0.0/8", "}", "limit 1 pps burst 1 from @s")
    assert wall.judge(both, both).within == {1: 1}
    assert counted(wall)["s"] == tuple(a + b for a, b in zip(size(both, out), size(both, both)))


def test_protections_count_for_sets(wall):
    wall.rules("set friends {", "10.0.0.0/8", "}", "protect from @friends", "drop packet")
    frame = to("10.1.1.1")
    assert wall.judge(frame).verdicts == ["next"]
    assert counted(wall) == {"friends": size(frame)}


def test_counters_stay_with_the_set(wall, tmp_path):
    """Whatever becomes of rules, entries and the pool; a new set of that name begins at zero."""
    wall.rules("set s {", "10.1.1.1", "}", "drop from @s")
    frame = to("10.1.1.1")
    wall.judge(frame)
    seen = {"s": size(frame)}
    wall("replace", "1", "drop from @s udp")
    assert (wall.hits(), counted(wall)) == ({rule(1): NONE}, seen)
    wall("set", "create", "other")
    wall.load("drop from {@other, @s}")
    wall("set", "flush", "s")
    wall("set", "add", "s", "10.1.1.1")
    path = tmp_path / "many"
    path.write_text("".join(f"10.{i >> 8}.{i & 255}.0/24\n" for i in range(5000)))
    program = wall.status()["program_id"]
    wall("set", "load", "other", "-f", path)
    assert wall.status()["program_id"] != program, "a larger pool"
    assert counted(wall) == {**seen, "other": NONE}
    wall.judge(frame)
    assert counted(wall) == {"s": size(frame, frame), "other": size(frame)}
    wall("restore", input=wall("save"))
    assert counted(wall) == {"s": size(frame, frame), "other": size(frame)}
    wall("flush")
    for name in "s", "other":
        wall("set", "destroy", name)
        wall("set", "create", name)
    wall.load("drop from {@other, @s}")
    assert counted(wall) == {"s": NONE, "other": NONE}
    wall("restore", input="set x {\n10.1.1.1\n}\ndrop from @x\n")
    wall.judge(frame)
    assert counted(wall) == {"x": size(frame)}
    for _ in range(4):  # as often as it takes to come back to counters that were used
        wall("restore", input="set y {\n10.1.1.1\n}\ndrop from @y\n")
        wall("restore", input="set x {\n10.1.1.1\n}\ndrop from @x\n")
        assert counted(wall) == {"x": NONE}
        wall.judge(frame)


def test_a_trial_that_fails_leaves_the_old_counters(wall):
    wall.rules("set s {", "10.1.1.1", "}", "drop from @s")
    frame = to("10.1.1.1")
    wall.judge(frame)
    wall.load("set t {", "10.1.1.1", "}", "set s counts {", "}", "drop from @t",
              options=["--confirm", "1h"])
    wall.judge(frame)
    assert counted(wall) == {"s": NONE, "t": size(frame)}
    wall("rollback")
    assert counted(wall) == {"s": size(frame)}
    wall.judge(frame)
    assert counted(wall) == {"s": size(frame, frame)}


def test_reset_of_the_root_leaves_rules_and_limits(wall):
    """Counters and buckets are different things: who counts from here has no fresh burst."""
    wall.rules("set s {", "10.1.1.1", "}", "limit 1 pps burst 10 from @s")
    frame, start = to("10.1.1.1"), time.monotonic()
    assert wall.flood([frame] * 20)[0].hits[rule(1)][0] >= 5
    before = wall.hits(), counted(wall)
    wall.pair.xdp_root("reset", "vb")
    assert (wall.hits(), counted(wall)) == before
    within = wall.flood([frame] * 20)[0].within.get(1, 0)
    assert within <= time.monotonic() - start + 1


def test_the_table(wall):
    wall.rules("set counts-entries counts {", "10.1.1.1", "10.1.0.0/16", "}", "set empty {", "}",
               'drop from @counts-entries name "bad"', "count from @empty", "limit 9 pps tcp")
    frame = to("10.1.1.1")
    wall.judge(frame, frame)
    packets, length = size(frame, frame)
    rules, sets = (part.splitlines() for part in wall("stats").split("default "))
    assert rules[0].split() == ["KIND", "NUMBER", "ACTION", "PACKETS", "BYTES", "WITHIN", "LAST",
                                "RULE"]
    last = rules[1].split()
    assert last[:6] == ["rule", "1", "drop", str(packets), str(length), "-"]
    assert 0 <= float(last[6]) < 600 and " ".join(last[7:]) == 'drop from @counts-entries name "bad"'
    assert [line.split()[3:7] for line in rules[2:]] == [["0", "0", "-", "never"],
                                                         ["0", "0", "0", "never"]]
    assert sets[2].split() == ["KIND", "ENTRIES", "PACKETS", "BYTES", "ENTRY", "HITS", "LAST", "SET"]
    last = sets[3].split()
    assert last[:5] == ["set", "2", str(packets), str(length), str(2 * packets)]
    assert 0 <= float(last[5]) < 600 and last[6] == "counts-entries"
    assert sets[4].split() == ["set", "0", "0", "0", "-", "never", "empty"]


def test_rates(wall):
    """In each report: something a second if something was added, for rules as for sets."""
    wall.rules("set s {", "10.1.1.1", "}", "set idle {", "}", "drop from @s", "drop from @idle")
    frames = [to("10.1.1.1")] * 20
    watch = wall.start("stats", "-j", "-w", "100ms", stdout=subprocess.PIPE, text=True)
    try:
        before = json.loads(watch.stdout.readline())
        assert all("packets_per_second" not in entry for entry in before["rules"] + before["sets"])
        wall.pair.send(frames)
        rates = {"packets": 0, "bytes": 0}
        while before["sets"][0]["packets"] < len(frames):
            now = json.loads(watch.stdout.readline())
            for kind in "rules", "sets":
                hit, idle = now[kind]
                for what in rates:
                    added = hit[what] - before[kind][0][what]
                    assert (hit[f"{what}_per_second"] > 0) == (added > 0), (before, now)
                    assert (idle[what], idle[f"{what}_per_second"]) == (0, 0)
                    rates[what] += added
            before = now
        assert (rates["packets"], rates["bytes"]) == tuple(2 * n for n in size(*frames))
    finally:
        watch.kill()
        watch.wait()
    text = wall("stats", "-w", "10ms", "-c", "2")
    first, second = text.split("\n\n")
    titles = [line for line in second.splitlines() if line.startswith("KIND")]
    assert "PKT/S" not in first and len(titles) == 2
    assert all("PACKETS             BYTES      PKT/S        BYTE/S" in line for line in titles)
