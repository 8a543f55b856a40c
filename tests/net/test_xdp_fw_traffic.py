# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""
The firewall changes while packets pass at the kernel's full rate: every packet is judged, by the
rules before a change or by those after it, and every counter is exact.
"""
import collections
import json
import os
import random
import re
import signal
import subprocess
import time

from scapy.all import IP, UDP

from conftest import BUILD, adds_up, row, verdicts
from fw import SLOT, TALLY, Wall, eth, sized

LOADS = int(os.environ.get("ECBPF_FW_LOADS", "100"))
KILLS = int(os.environ.get("ECBPF_FW_KILLS", "100"))
FRAME = bytes(sized(eth() / IP(src="10.9.0.0", dst="10.0.0.2") / UDP(sport=1, dport=9), 60))
STEP = 0x9E3779B1  # tests/tools/live.bpf.c


def source(kind):
    return f"10.9.0.{kind}"


def nsenter(netns, *argv):
    return ["nsenter", f"--net=/run/netns/{netns.name}", *map(str, argv)]


def packets(stats, slot):
    return {verdict: count for verdict, (count, _) in verdicts(stats, slot).items()}


class Traffic:
    """
    Frames from 10.9.0.0, 10.9.0.1 ... in turn while the `with` lasts; then how many of each there
    were, and the root's counters, which are of these frames alone.
    """

    def __init__(self, wall, kinds):
        self.pair, self.kinds = wall.pair, kinds
        assert row(self.pair.stats(), "root")["seen"]["packets"] == 0

    def __enter__(self):
        self.live = subprocess.Popen(
            nsenter(self.pair.a, BUILD / "tests/tools/live", "va", FRAME.hex(), 0, self.kinds),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.pair.await_seen(10000)
        return self

    def __exit__(self, *_):
        self.sent = int(self.live.communicate(timeout=60)[0])
        self.stats = self.pair.await_seen(self.sent)
        rest = collections.Counter(n * STEP % self.kinds for n in range(self.sent % self.kinds))
        self.of = [self.sent // self.kinds + rest[kind] for kind in range(self.kinds)]
        print(f"{self.sent} frames")

    def judged(self):
        """What the firewall did with them; nothing got past it, nothing was counted twice."""
        root = row(self.stats, "root")
        assert root["seen"] == {"packets": self.sent, "bytes": self.sent * len(FRAME)}
        assert packets(self.stats, "root") == {"next": self.sent}
        adds_up(self.stats)
        assert verdicts(self.stats, TALLY) == verdicts(self.stats, "end") == {}
        did = packets(self.stats, SLOT)
        assert set(did) <= {"drop", "pass"} and sum(did.values()) == self.sent
        codes = {"fw-rule": did.get("drop", 0), "fw-pass": did.get("pass", 0)}
        assert self.stats["reasons"] == {code: count for code, count in codes.items() if count}
        return did.get("drop", 0), did.get("pass", 0)


def hits(wall):
    """{name of a rule: packets}"""
    return {entry["name"]: entry["packets"] for entry in wall.stats()["rules"]}


def entry_hits(wall, name):
    return {entry["prefix"]: entry["hits"] for entry in json.loads(wall("set", "-j", "list", name))}


# Two rulesets that have the same names at other places, in other dimensions. Each packet meets the
# rule of its kind and no other: whoever mixed them would count for another kind, or decide nothing.
PADDING = [f"drop from 10.77.0.{i}" for i in range(100)]
A = ['count packet name "every"', 'count packet name "only a"',
     *(f'{action} from {source(kind)} name "{kind}"'
       for kind, action in enumerate(["drop", "pass", "pass", "drop"]))]
B = ['count packet name "every"', *PADDING,
     *(f'{action} from {source(kind)} udp dport 9 name "{kind}"'
       for kind, action in [(3, "drop"), (2, "pass"), (1, "drop"), (0, "pass")])]


def test_rulesets_change_as_one(pair):
    wall = Wall(pair)
    wall.load(*A)
    with Traffic(wall, 4) as traffic:
        for turn in range(LOADS):
            wall.load(*(A if turn % 2 else B))
    drops, passes = traffic.judged()
    # kinds 0 and 1 take turns, 2 and 3 do not
    assert traffic.of[3] < drops < traffic.sent - traffic.of[2]
    assert traffic.of[2] < passes < traffic.sent - traffic.of[3]
    counted = hits(wall)
    del counted["only a"]  # of the last load only
    assert counted == {"every": traffic.sent,
                       **{str(kind): traffic.of[kind] for kind in range(4)}}
    wall.load(*B)
    wall.load(*A)
    assert hits(wall) == {"every": traffic.sent, "only a": 0,
                          **{str(kind): traffic.of[kind] for kind in range(4)}}


def neighbours(rng, count):
    """Prefixes close to 10.9.0.0/30, none of which has an address of it."""
    found = set()
    while len(found) < count:
        found.add(rng.choice([f"10.9.{rng.randrange(256)}.{rng.randrange(4, 256)}",
                              f"10.{rng.randrange(10, 256)}.{rng.randrange(256)}.0/24",
                              f"10.9.0.{rng.randrange(8, 256, 8)}/29",
                              f"2001:db8::{rng.randrange(1, 65536):x}"]))
    return sorted(found)


def test_sets_change_and_members_stay(pair):
    """100,000 entries come and go beside one that stays and one that never was."""
    wall = Wall(pair)
    wall("set", "create", "blocked", "--counts")
    wall("set", "add", "blocked", source(1))
    wall.load('drop from @blocked name "blocked"', 'pass packet name "rest"')
    rng, changes, round_of = random.Random(3), 0, 0
    with Traffic(wall, 2) as traffic:
        while changes < 100000:
            lines = neighbours(rng, 2500) + [source(1)]
            rng.shuffle(lines)
            told = wall("set", "load", "blocked", "-f", "-", input="\n".join(lines))
            added, removed, kept = map(int, re.fullmatch(
                r"set blocked: (\d+) added, (\d+) removed, (\d+) kept\n", told).groups())
            assert added + kept == len(lines) and kept >= 1
            changes += added + removed
            for address in "10.9.0.2", "10.9.0.3":
                wall("set", "add", "blocked", address)
                wall("set", "del", "blocked", address)
            round_of += 1
    assert traffic.judged() == (traffic.of[1], traffic.of[0])
    assert hits(wall) == {"blocked": traffic.of[1], "rest": traffic.of[0]}
    counted = entry_hits(wall, "blocked")
    assert counted.pop(f"{source(1)}/32") == traffic.of[1]
    assert not any(counted.values())
    print(f"{changes} changes in {round_of} rounds")


def test_single_entries_come_and_go(pair):
    """The commands for one entry, right beside the member: 600 of them."""
    wall = Wall(pair)
    wall("set", "create", "blocked")
    wall("set", "add", "blocked", source(1))
    wall.load('drop from @blocked name "blocked"', 'pass packet name "rest"')
    others = [f"10.9.0.{last}" for last in range(4, 14)] + ["10.9.0.8/29", "2001:db8::/32"]
    with Traffic(wall, 2) as traffic:
        for turn in range(300):
            wall("set", "add", "blocked", others[turn % len(others)])
            wall("set", "del", "blocked", others[turn % len(others)])
    assert traffic.judged() == (traffic.of[1], traffic.of[0])
    assert hits(wall) == {"blocked": traffic.of[1], "rest": traffic.of[0]}
    assert wall("set", "list", "blocked") == f"{source(1)}\n"


def fill(wall, name, count):
    lines = [f"10.{100 + i // 65536}.{i // 256 % 256}.{i % 256}" for i in range(count)]
    wall("set", "load", name, "-f", "-", input="\n".join(lines))


def capacity(wall):
    return int(re.search(r"entries: \d+ of (\d+)", wall("status"))[1])


def test_pool_grows_and_restores_lose_nothing(pair):
    wall = Wall(pair, "--set-entries", 4096)
    wall("set", "create", "blocked", "--counts")
    wall("set", "create", "other")
    wall("set", "add", "blocked", source(0))
    wall("set", "add", "blocked", f"{source(0)}/31")
    wall.load('drop from @blocked name "blocked"', 'pass packet name "rest"')
    assert capacity(wall) == 4096
    with Traffic(wall, 4) as traffic:
        for count in 3000, 6000, 30000, 2000:
            fill(wall, "other", count)
        assert capacity(wall) == 65536
        fill(wall, "other", capacity(wall) - 3)
        for last in 4, 5, 6:
            wall("set", "add", "blocked", source(last))
        assert capacity(wall) == 131072
        for turn in range(5):
            wall("set", "load", "blocked", "-f", "-",
                 input=f"{source(0)}\n{source(0)}/31\n10.9.1.{turn}\n")
        fill(wall, "other", 5000)
        saved = wall("save")
        for _ in range(10):
            wall("restore", input=saved)
    assert wall("save") == saved
    blocked = traffic.of[0] + traffic.of[1]
    assert traffic.judged() == (blocked, traffic.of[2] + traffic.of[3])
    assert hits(wall) == {"blocked": blocked, "rest": traffic.of[2] + traffic.of[3]}
    # each entry that has the address counts the packet
    assert entry_hits(wall, "blocked") == {
        f"{source(0)}/32": traffic.of[0], f"{source(0)}/31": blocked, "10.9.1.4/32": 0}


def alive(name):
    """Processes of this name that share our mounts: those of this test."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/comm") as comm:
                same = os.readlink(f"/proc/{pid}/ns/mnt") == os.readlink("/proc/self/ns/mnt")
                if same and comm.read().strip() == name:
                    found.append(int(pid))
        except OSError:
            pass  # it ended meanwhile
    return found


def test_trial_ends_by_itself(pair):
    wall = Wall(pair)
    wall.load(*(f'pass from {source(kind)} name "{kind}"' for kind in (0, 1)))
    watch = wall.start("stats", "--watch", "1h", stdout=subprocess.DEVNULL)
    assert alive("xdp_fw") == [watch.pid]
    watch.kill()
    watch.wait()
    with Traffic(wall, 2) as traffic:
        told = wall.load(*(f'drop from {source(kind)} name "{kind}"' for kind in (1, 0)),
                         options=("--confirm", "2s"))
        assert told == "vb: the rules before come back in 2 s, unless: xdp_fw confirm vb\n"
        during = packets(pair.stats(), SLOT)
        assert alive("xdp_fw") == []
        pair.await_stats(lambda stats: packets(stats, SLOT)["pass"] > during["pass"] + 10000)
        assert alive("xdp_fw") == []
        ended = packets(pair.stats(), SLOT)
        pair.await_stats(lambda stats: packets(stats, SLOT)["pass"] > ended["pass"] + 10000)
    drops, passes = traffic.judged()
    assert drops == ended["drop"], "the trial came back"
    assert drops > 0 and passes > 0
    assert hits(wall) == {str(kind): traffic.of[kind] for kind in (0, 1)}
    assert wall.lines() == ["default next",
                            *(f'pass from {source(kind)} name "{kind}"' for kind in (0, 1))]
    assert wall.status()["trial"] == "over"
    wall("insert", "drop", "from", "10.77.0.1")
    assert wall.status()["trial"] == "none"
    assert packets(pair.stats(), SLOT) == {"drop": drops, "pass": passes}


RULES = [f'drop from {source(0)} name "0"', f'pass from {source(1)} name "1"']
SET_RULES = ['drop from @blocked name "0"', RULES[1]]


def finish(running):
    """Wait for commands started at once; which of them succeeded. The others say why, in a line."""
    done = []
    for key, process in running:
        told = process.communicate(timeout=120)[1]
        assert process.returncode in (0, 1), (key, told)
        assert len(told.splitlines()) == process.returncode, (key, told)
        if process.returncode == 0:
            done.append(key)
    return done


def quiet(wall, command, *argv):
    return wall.start(command, *argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                      stderr=subprocess.PIPE, text=True)


def test_twenty_commands_at_once(pair, tmp_path):
    """Each is a change of its own; none undoes another's."""
    wall = Wall(pair, "--set-entries", 4096)
    wall("set", "create", "blocked")
    wall("set", "create", "other")
    wall.load(*RULES, *(f'drop from 10.78.0.{i} name "old {i}"' for i in range(4)))
    entries = tmp_path / "entries"
    entries.write_text("\n".join(f"10.80.{i // 256}.{i % 256}" for i in range(9000)))
    commands = [("insert", f'drop from 10.77.0.{i}') for i in range(8)]
    commands += [("delete", f"old {i}") for i in range(4)] + [("delete", "nobody")]
    commands += [("set", "add", "blocked", f"10.79.0.{i}") for i in range(5)]
    commands += [("set", "load", "other", "-f", entries)] * 2
    random.Random(5).shuffle(commands)
    with Traffic(wall, 2) as traffic:
        done = finish([(command, quiet(wall, *command)) for command in commands])
    assert len(commands) == 20
    assert sorted(map(str, set(commands) - set(done))) == [str(("delete", "nobody"))]
    lines = wall.lines()
    assert lines[:3] == ["default next", *RULES]
    assert sorted(lines[3:]) == [f"drop from 10.77.0.{i}" for i in range(8)]
    assert wall("set", "list", "blocked").split() == [f"10.79.0.{i}" for i in range(5)]
    assert wall("set", "list") == "blocked: 5 entries\nother: 9000 entries\n"
    assert traffic.judged() == (traffic.of[0], traffic.of[1])
    assert hits(wall) == {"0": traffic.of[0], "1": traffic.of[1], None: 0}


def test_loads_and_inserts_at_once(pair, tmp_path):
    """In some order: what was inserted before the last load is gone with it, the rest is there."""
    wall = Wall(pair)
    wall.load(*RULES)
    files = []
    for number in range(4):
        files.append(tmp_path / f"rules{number}")
        files[-1].write_text("\n".join([*RULES, f'drop from 10.78.0.{number}']))
    commands = [("load", "-f", file) for file in files]
    commands += [("insert", "drop", "from", f"10.77.0.{i}") for i in range(16)]
    random.Random(6).shuffle(commands)
    with Traffic(wall, 2) as traffic:
        done = finish([(command, quiet(wall, *command)) for command in commands])
    assert len(commands) == 20 and set(done) == set(commands)
    lines = wall.lines()
    assert lines[:3] == ["default next", *RULES]
    assert lines[3] in [f"drop from 10.78.0.{i}" for i in range(4)]
    assert len(set(lines)) == len(lines)
    assert set(lines[4:]) <= {f"drop from 10.77.0.{i}" for i in range(16)}
    wall("insert", "drop", "from", "10.77.0.16")
    assert wall.lines() == [*lines, "drop from 10.77.0.16"]
    assert traffic.judged() == (traffic.of[0], traffic.of[1])
    assert hits(wall) == {"0": traffic.of[0], "1": traffic.of[1], None: 0}


def cut(process, took, key, rng):
    """
    Kill it at any instant, most likely near the end, where the change is; was it? Those that come
    to their end tell how long that takes, the first of each kind among them.
    """
    start = time.monotonic()
    try:
        process.wait(rng.triangular(0, 1.4 * took[key], took[key]) if key in took else 60)
        took[key] = time.monotonic() - start
        assert process.returncode == 0
        return False
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        return process.wait() == -signal.SIGKILL


def members(wall):
    return set(wall("set", "list", "blocked").split())


class Cuts:
    """Commands to be killed, and what there is when they are done."""

    def __init__(self, wall, directory):
        self.wall, self.directory, self.number = wall, directory, 0

    def file(self, lines):
        path = self.directory / "text"
        path.write_text("\n".join(lines))
        return path

    def insert(self, rules, entries):
        rule = f"drop from 10.77.0.{self.number}"
        return ("insert", "-a", 1, rule), [rules[0], rule, *rules[1:]], entries

    def load(self, rules, entries):
        new = [*PADDING[:self.number % 100], *reversed(SET_RULES)]
        return ("load", "-f", self.file(new)), [rules[0], *new], entries

    def set_load(self, rules, entries):
        new = [source(0), *neighbours(random.Random(self.number), 1000)]
        return ("set", "load", "blocked", "-f", self.file(new)), rules, set(new)

    def next(self, rng, rules, entries):
        self.number += 1
        make = rng.choice([self.insert, self.load, self.set_load])
        return make.__name__, *make(rules, entries)


def test_killed_at_any_instant(pair, tmp_path):
    """kill -9 in mid-command: old rules or new ones, and members that stay are never missed."""
    wall = Wall(pair)
    wall("set", "create", "blocked")
    wall("set", "add", "blocked", source(0))
    wall.load(*SET_RULES)
    rng, took = random.Random(int(os.environ.get("ECBPF_SEED", "7"))), {}
    seen, kills, turn = collections.Counter(), 0, 0
    cuts, rules, entries = Cuts(wall, tmp_path), wall.lines(), members(wall)
    with Traffic(wall, 2) as traffic:
        while kills < KILLS:
            name, command, new_rules, new_entries = cuts.next(rng, rules, entries)
            killed = cut(wall.start(*command, stdout=subprocess.DEVNULL), took, name, rng)
            kills += killed
            found, present = wall.lines(), members(wall)
            assert found in (rules, new_rules), name
            assert entries & new_entries <= present <= entries | new_entries, name
            is_new = (found, present) == (new_rules, new_entries)
            assert killed or is_new, name
            seen[f"{name} {'killed' if killed else 'done'} {'new' if is_new else 'old'}"] += 1
            rules, entries = found, present
            turn += 1
            # others too that it may have prepared
            for entry in [f"10.9.200.{turn % 256}", *sorted(new_entries - present)[:2]]:
                wall("set", "add", "blocked", entry)
                entries.add(entry)
            if turn % 10 == 0:  # the next command that changes rules tidies up
                wall("default", "next")
                assert pair.status()["pins"] == "ok"
    wall("default", "next")
    assert pair.status()["pins"] == "ok"
    assert wall.lines() == rules and members(wall) == entries
    assert traffic.judged() == (traffic.of[0], traffic.of[1])
    counted = hits(wall)
    assert (counted["0"], counted["1"]) == (traffic.of[0], traffic.of[1])
    print(dict(seen))
    for name in "insert", "load", "set_load":
        assert seen[f"{name} killed old"] > 0, "every kill came too late"
