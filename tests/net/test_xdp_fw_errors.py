# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""What goes wrong is told on one line and changes nothing; trials that nobody confirms end."""
import json
import os
import random
import re
import shutil
import signal
import subprocess
import time

import pytest
from scapy.all import IP, TCP, UDP

from conftest import BUILD, Pair, obj
from fw import Wall, eth, rule, size, sized


@pytest.fixture
def wall(pair):
    return Wall(pair)


def udp(port):
    return eth() / IP(src="10.0.0.1", dst="10.0.0.2") / UDP(sport=9, dport=port)


def fails(pair, argv, told, code=1, **kwargs):
    done = pair.xdp_fw(*argv, ok=None, **kwargs)
    assert re.fullmatch(f"xdp_fw: {told}\n", done.stderr), done
    assert (done.returncode, done.stdout) == (code, ""), done


IN_PLACE = [["list"], ["status"], ["stats"], ["save"], ["detach"], ["flush"], ["insert", "packet"],
            ["delete", "1"], ["replace", "1", "packet"], ["default", "drop"], ["confirm"],
            ["rollback"], ["hygiene", "on", "options"], ["protect", "list"],
            ["protect", "add", "packet"], ["set", "list"], ["set", "create", "x"], ["restore"],
            ["load", "-f", "-"]]


def test_without_root_or_firewall(pair):
    for told in "no root is attached: xdp_root attach vb", "no firewall is attached":
        for command, *rest in IN_PLACE:
            fails(pair, [command, "vb", *rest], f"vb: {command}: {told}", input="")
        if told.startswith("no root"):
            fails(pair, ["attach", "vb"], f"vb: attach: {told}")
            pair.xdp_root("attach", "vb")
    assert pair.xdp_fw("status") == "no interface of this network namespace has a firewall\n"
    for command, *rest in IN_PLACE:
        fails(pair, [command, "nosuch", *rest], f"nosuch: {command}: no such interface", input="")
    fails(pair, ["attach", "nosuch"], "nosuch: attach: no such interface")
    fails(pair, ["list", "vb", "--netns", "nosuch"], "nosuch: list: no such network namespace")


def test_usage(wall):
    for argv, told in [
            (["launch"], "launch is no command; see xdp_fw --help"),
            (["list", "vc"], "list: vc is too much; see xdp_fw list --help"),
            (["insert"], "insert: what is missing: IF RULE; see xdp_fw insert --help"),
            (["insert", "--at", "0", "packet"], "insert: --at: 0 is not in 1 to 4096"),
            (["default", "reject"], r"vb: default: reject is none of next\|pass\|drop"),
            (["hygiene", "maybe", "options"], "vb: hygiene: it is on or off"),
            (["hygiene", "on", "dirt"],
             "vb: hygiene: dirt: it is fragments, options, malformed or local"),
            (["hygiene", "on", "options", "ptb", "1"],
             "vb: hygiene: only `on fragments` takes more: ptb N"),
            (["hygiene", "on", "fragments", "ptb", "1000001"],
             "vb: hygiene: 1000001 is not in 0 to 1000000"),
            (["protect", "sub", "1"], "vb: protect: it is list, add SELECTORS, or del N.NAME"),
            (["load", "-f", "-", "--confirm", "0s"],
             "load: --confirm: 0s is not in 1 to 86400 seconds"),
            (["stats", "-w", "never"],
             "stats: --watch: never is not a duration, such as 1.5s or 200ms")]:
        wall.refuse(*argv, told=told, code=2, input="")
    for argv, told in [(["insert", "drop", "udp", "dport", "70000"],
                        'vb: insert: 1:16: port 70000 is above 65535 near "70000"'),
                       (["insert", "default", "drop"],
                        'vb: insert: 1:1: a rule expected near "default"'),
                       (["insert", ""],
                        "vb: insert: 1:1: a rule expected at the end of the line"),
                       (["insert", "drop udp\ndrop tcp"],
                        'vb: insert: 2:1: one rule expected, here is another near "drop"'),
                       (["protect", "add", "from", "10.0.0.256"],
                        'vb: protect: 1:14: 10.0.0.256 is not an address near "10.0.0.256"'),
                       (["protect", "del", "3"], "vb: protect: number 3: there are 0")]:
        wall.refuse(*argv, told=told)


def test_options_that_only_tell_more(wall):
    """Wherever they stand, the command does what it does without them."""
    for number, options in enumerate([["-v"], ["--verbose"], ["-v", "-v"], ["-vv"]]):
        for argv in ([*options, "vb"], ["vb", *options]):
            before = len(wall.lines())
            wall.pair.xdp_fw("insert", *argv, "udp", "dport", str(number + 1))
            assert wall.lines()[before:] == [f"drop udp dport {number + 1}"]
    wall("flush", "--verbose")
    assert wall.lines() == ["default next"]


def test_failed_loads_change_nothing(wall):
    wall.rules("set have {", "1.2.3.4", "}", "drop from @have", 'drop udp dport 5 name "five"',
               "hygiene drop malformed", "protect from 9.9.9.9", "default next")
    frames = [udp(5), eth() / IP(src="1.2.3.4") / TCP(), eth() / IP(src="9.9.9.9") / UDP(dport=5)]
    want = wall.judge(*frames).verdicts
    assert want == ["drop fw-rule 2", "drop fw-rule 1", "next"]
    many = "\n".join(f"drop from 10.{i >> 8}.{i & 255}.1" for i in range(4097))
    wide = ["from {" + ",".join(f"10.{k}.{i >> 8}.{i & 255}" for i in range(4096)) + "}"
            for k in range(3)]
    for text, told in [
            ("drop udp dport 70000\n", 'vb: -: 1:16: port 70000 .*'),
            ("drop udp\n\ndrop upd\n", 'vb: -: 3:6: unknown word near "upd"'),
            ("drop from @nosuch\n", "vb: load: there is no set named nosuch"),
            (many, 'vb: -: 4097:1: more than 4096 rules near "drop"'),
            ("\n".join(wide),
             "vb: load: the rules have 12289 IPv4 source prefixes, and at most 8192 fit"),
            ("default drop\ndefault drop\n", 'vb: -: 2:.* given twice.*'),
            ("set have {\n1.2.3.4\n5.6.7.0.9\n}\n", "vb: -: 3:1: not an address near .*"),
            ("set new {\n1.2.3.4\n}\ndrop from @other\n", "vb: load: there is no set named other"),
            ("packet\0\n", 'vb: -: 1:7: a NUL byte near .*')]:
        wall.refuse("load", "-f", "-", told=told, input=text)
    wall.refuse("load", "-f", "/nosuch/file", told="vb: /nosuch/file: .*No such file or directory")
    wall.refuse("load", "-f", "/", told="vb: /: .*Is a directory")
    wall.refuse("insert", "drop from @nosuch", told="vb: insert: there is no set named nosuch")
    wall.refuse("load", told="vb: load: say which rules: -f FILE", code=2)
    judged = wall.judge(*frames)
    assert judged.verdicts == want
    assert wall.hits()[rule(2)] == size(frames[0], frames[0])


def test_check_only(wall):
    wall.rules("drop udp dport 1")
    before = wall.state()
    assert wall("load", "--check", "-f", "-",
                input="drop tcp\npass udp\n") == "2 rules would load\n"
    wall.refuse("load", "--check", "-f", "-", input="drop from @nosuch\n",
                told="vb: load: there is no set named nosuch")
    assert wall.state() == before


def test_slots(pair):
    """Another slot; a slot that somebody else has; a second firewall."""
    pair.xdp_root("attach", "vb")
    pair.wait_up()
    pair.xdp_root("slot", "vb", 5, "load", obj("tally"))
    fails(pair, ["attach", "vb"], r"vb: attach: slot 5 has another program: tally \(id \d+\)")
    fails(pair, ["attach", "vb", "-s", "16"], "attach: --slot: 16 is not in 0 to 15", code=2)
    fails(pair, ["attach", "vb", "-f", "/nosuch/file"],
          "attach: /nosuch/file: /nosuch/file: No such file or directory")
    fails(pair, ["attach", "vb", "-f", "-"], 'attach: -: 1:6: unknown word near "upd"',
          input="drop upd\n")
    fails(pair, ["attach", "vb", "-s", "3", "-f", "-"],
          "vb: attach: there is no set named x", input="drop from @x\n")
    before = pair.status()["slots"]
    text = "set x {\n10.0.0.1\n}\ndefault drop\nprotect udp dport 3\npass from @x udp dport 2\n"
    told = pair.xdp_fw("attach", "vb", "--slot", "11", "-f", "-", input=text)
    assert re.match(r"vb: slot 11: 2 rules \(2 terms\), memory: ", told)
    fails(pair, ["attach", "vb"], "vb: attach: a firewall is in slot 11 already")
    fails(pair, ["attach", "vb", "-s", "3"], "vb: attach: a firewall is in slot 11 already")
    assert pair.xdp_fw("list", "vb").splitlines() == [
        "default drop", "protect udp dport 3", "pass from @x udp dport 2"]
    pair.send([bytes(udp(port)) for port in (1, 2, 3)])
    stats = pair.await_seen(3)
    assert stats["reasons"] == {"fw-default": 1, "fw-pass": 1, "fw-protected": 1}
    pins = pair.status()["directory"]
    assert os.path.isdir(f"{pins}/slot11")
    pair.xdp_fw("detach", "vb")
    assert not os.path.exists(f"{pins}/slot11")
    assert [entry["slot"] for entry in pair.status()["slots"]
            if "program" in entry] == [entry["slot"] for entry in before if "program" in entry]
    assert pair.status()["pins"] == "ok"
    fails(pair, ["detach", "vb"], "vb: detach: no firewall is attached")


def test_two_interfaces(wall):
    other_pair = Pair()
    try:
        other = Wall(other_pair)
        wall.rules("drop udp dport 1")
        other.rules("drop udp dport 2")
        frames = [udp(1), udp(2), udp(2)]
        assert wall.judge(*frames).verdicts == ["drop fw-rule 1", "next", "next"]
        assert other.judge(*frames).verdicts == ["next", "drop fw-rule 1", "drop fw-rule 1"]
        assert (wall.hits(), other.hits()) == ({rule(1): size(udp(1))},
                                               {rule(1): size(udp(2), udp(2))})
        other("detach")
        assert wall("list") == "default next\ndrop udp dport 1\n"
    finally:
        other_pair.xdp_root("detach", "vb", ok=None)
        other_pair.delete()


def test_one_command_for_two_interfaces(pair):
    """va and vb in one namespace: what fails for one is done for the other all the same."""
    pair.a.run("ip", "link", "add", "vc", "netns", pair.b.name, "type", "veth", "peer", "name",
               "vd", "netns", pair.a.name)
    pair.b.run("ip", "link", "set", "vc", "up")
    for dev in "vb", "vc":
        pair.xdp_root("attach", dev)
    pair.xdp_fw("attach", "vc")
    done = pair.xdp_fw("attach", "vc", "vb", ok=None)
    assert (done.returncode, done.stderr) == (
        1, "xdp_fw: vc: attach: a firewall is in slot 5 already\n")
    assert done.stdout.startswith("vb: slot 5: 0 rules")
    pair.xdp_fw("insert", "vc", "drop udp")
    assert pair.xdp_fw("list", "vb") == "default next\n"
    assert sorted(entry["interface"] for entry in json.loads(pair.xdp_fw("status", "-j"))) == [
        "vb", "vc"]
    pair.xdp_fw("detach", "vb,vc")
    pair.xdp_root("detach", "vc")


def test_without_privileges(wall):
    """Already in the namespace, an ordinary user is told what is missing."""
    copy = "/run/netns/xdp_fw.copy"  # a directory of this test run alone that anybody may enter
    shutil.copy(BUILD / "bin/xdp_fw", copy)
    os.chmod(copy, 0o755)
    before = wall.state()
    told = []
    commands = [["attach"], *IN_PLACE]
    for command, *rest in commands:
        done = subprocess.run(["nsenter", f"--net=/run/netns/{wall.pair.b.name}", "setpriv",
                               "--reuid=65534", "--regid=65534", "--clear-groups",
                               "--inh-caps=-all", copy, command, "vb", *rest], input="",
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert (done.returncode, done.stdout) == (1, ""), done
        told.append(done.stderr)
    assert wall.state() == before
    whats = [argv[0] if argv[0] != "load" else "-" for argv in commands]  # it was reading
    assert told == [f"xdp_fw: vb: {what}: permission denied: run it as root\n" for what in whats]


def test_full_output(wall):
    wall.rules("set x {", "1.2.3.4", "}", "drop from @x")
    for command, *rest in ["list"], ["save"], ["stats"], ["status"], ["set", "list", "x"]:
        with open("/dev/full", "w") as full:
            done = subprocess.run([BUILD / "bin/xdp_fw", command, "--netns", wall.pair.b.name, "vb",
                                   *rest], stdout=full, stderr=subprocess.PIPE, text=True)
        assert done.returncode == 1 and "writing the output" in done.stderr, done


def test_small_tables(pair):
    """A source too many takes the place of another, which is counted; sets get a larger pool."""
    wall = Wall(pair, "--sources", "4", "--set-entries", "1")
    wall.rules("set x {", "}", "limit 1 pps burst 1 per source udp", "drop from @x")
    frames = [eth() / IP(src=f"10.1.0.{host}") / UDP() for host in range(1, 9)]
    judged = wall.flood(frames)[0]
    assert judged.within == {1: 8} and judged.counts == {"sources_evicted": 4}
    assert wall.status()["entries_max"] == 4096
    lines = "".join(f"10.{i >> 8}.{i & 255}.1\n" for i in range(5000))
    assert wall("set", "load", "x", "-f", "-", input=lines) == (
        "set x: 5000 added, 0 removed, 0 kept\n")
    assert wall.status()["entries_max"] == 8192
    tcp = [eth() / IP(src=src) / TCP() for src in ("10.19.135.1", "10.19.136.1", "10.0.0.1")]
    assert wall.judge(*tcp).verdicts == ["drop fw-rule 2", "next", "drop fw-rule 2"]


TRIAL = "vb: {}: the rules are on trial: confirm or rollback first"
TRIAL_SETS = "vb: set: rules with sets of their own are on trial: confirm or rollback first"


def test_trial_that_nobody_confirms(wall):
    """The rules before judge again by themselves; counters and sets are theirs too."""
    wall.rules("set x {", "10.0.0.1", "}", "drop udp dport 1", "count from @x")
    wall.judge(udp(1), udp(2))
    old, program = wall("list"), wall.status()["program_id"]
    told = wall.load("drop udp dport 2", "default pass", "set x {", "10.0.0.7", "}", "set y {", "}",
                     options=["--confirm", "2s"])
    start = time.monotonic()
    assert told == "vb: the rules before come back in 2 s, unless: xdp_fw confirm vb\n"
    assert wall.status()["trial"] == "running" and 1 <= wall.status()["trial_left_s"] <= 3
    assert "on trial, " in wall("status")
    assert wall("list") == "default pass\ndrop udp dport 2\n"
    assert wall("set", "list", "x") == "10.0.0.7\n"
    assert list(wall.flood([udp(2)])[1]) == ["drop"]
    assert list(wall.flood([udp(1)])[1]) == ["pass"]
    wall.await_verdict(udp(2), "next")
    assert 1.5 < time.monotonic() - start < 10
    assert wall("save") == old + "set x {\n10.0.0.1\n}\n"
    status = wall.status()
    assert (status["trial"], status["program_id"]) == ("over", program)
    before = wall.hits()
    judged = wall.judge(udp(1), udp(2))
    assert judged.verdicts == ["drop fw-rule 1", "next"]
    assert judged.hits == {rule(1): size(udp(1)), rule(2): size(udp(2))}
    assert wall.hits()[rule(1)][0] == before[rule(1)][0] + 1 >= 2
    late = wall("confirm", ok=None)
    assert (late.returncode, late.stderr) == (
        1, "xdp_fw: vb: confirm: too late: the rules before are in force again\n")
    assert (wall("list"), wall.status()["trial"]) == (old, "none")
    wall("insert", "drop udp dport 2")
    assert wall.judge(udp(1), udp(2), udp(3)).verdicts == [
        "drop fw-rule 1", "drop fw-rule 3", "next"]


def test_sets_change_while_rules_are_on_trial(wall):
    """They are the same for both, unless the rules on trial came with their own; none can grow."""
    wall.rules("set x {", "10.0.0.1", "}", "drop from @x")
    wall.load("pass from @x", options=["--confirm", "1m"])
    wall("set", "add", "x", "10.0.0.2")
    wall("set", "del", "x", "10.0.0.1")
    frames = [eth() / IP(src=src) / TCP() for src in ("10.0.0.1", "10.0.0.2")]
    assert wall.judge(*frames).verdicts == ["next", "pass fw-pass 1"]
    many = "".join(f"10.{i >> 16}.{i >> 8 & 255}.{i & 255}\n" for i in range(70000))
    wall.refuse("set", "load", "x", "-f", "-", input=many,
                told="vb: set: the sets cannot grow while rules are on trial: confirm or rollback "
                     "first")
    wall("rollback")
    assert wall.judge(*frames).verdicts == ["next", "drop fw-rule 1"]


def test_change_after_a_trial_is_over(wall):
    """It begins with the rules before."""
    wall.rules("drop udp dport 1")
    wall.load("drop udp dport 2", options=["--confirm", "1s"])
    wall.await_verdict(udp(1), "drop")
    wall("insert", "drop udp dport 3")
    assert wall("list") == "default next\ndrop udp dport 1\ndrop udp dport 3\n"
    assert wall.status()["trial"] == "none"
    assert wall.judge(udp(1), udp(2), udp(3)).verdicts == ["drop fw-rule 1", "next",
                                                          "drop fw-rule 2"]


def test_confirm_and_rollback(wall):
    wall.rules("drop udp dport 1")
    for command in "confirm", "rollback":
        wall.refuse(command, told=f"vb: {command}: no rules are on trial")
    wall.load("drop udp dport 2", "set x {", "}", options=["--confirm", "1m"])
    for rest in ["create", "y"], ["add", "x", "1.2.3.4"]:
        wall.refuse("set", *rest, told=TRIAL_SETS)
    for command, *rest in [["insert", "packet"], ["flush"], ["delete", "1"], ["load", "-f", "-"],
                           ["restore"], ["default", "drop"], ["protect", "add", "packet"],
                           ["hygiene", "on", "options"]]:
        wall.refuse(command, *rest, told=TRIAL.format(command), input="")
    assert wall.judge(udp(1), udp(2)).verdicts == ["next", "drop fw-rule 1"]
    wall("rollback")
    assert (wall("list"), wall.status()["trial"]) == ("default next\ndrop udp dport 1\n", "none")
    assert wall.judge(udp(1), udp(2)).verdicts == ["drop fw-rule 1", "next"]
    wall.load("drop udp dport 2", options=["--confirm", "1s"])
    wall("confirm")
    hits = wall.hits()[rule(1)]
    assert wall.status()["trial"] == "none"
    start = time.monotonic()
    while time.monotonic() - start < 1.3:  # longer than the trial would have been
        assert list(wall.flood([udp(2)])[1]) == ["drop"]
    assert wall("list") == "default next\ndrop udp dport 2\n" and wall.hits()[rule(1)] > hits


def test_killed_while_loading(wall):
    """kill -9 at any instant: the old rules and sets or the new, and the next command tidies up."""
    rng = random.Random(int(os.environ.get("ECBPF_SEED", "11")))
    frames = [sized(udp(port), 60 + port * port) for port in range(1, 21)]
    texts = ["".join(f"drop udp dport {port}\n" for port in range(first, first + 200, 2)) +
             f"set x counts {{\n10.0.0.{first}\n}}\n" for first in (1, 2)]
    wants = [{"drop": size(*frames[0::2]), "next": size(*frames[1::2])},
             {"drop": size(*frames[1::2]), "next": size(*frames[0::2])}]
    outputs = []
    for text in texts:
        wall("restore", input=text)
        outputs.append(wall("save"))
    pins = sorted(os.listdir(f"{wall.pair.status()['directory']}/slot5"))
    start = time.monotonic()
    wall("restore", input=texts[1])
    took = time.monotonic() - start
    seen, now = {"old": 0, "new": 0}, 1
    for turn in range(50):
        argv = ["restore"] if turn % 2 else ["load", "-f", "-"]
        process = wall.start(*argv, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        process.stdin.write(texts[1 - now])
        process.stdin.close()
        try:
            process.wait(rng.uniform(0, 1.2 * took))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
        found = outputs.index(wall("save"))
        seen["old" if found == now else "new"] += 1
        now = found
        if turn % 5 == 0:
            assert wall.flood(frames)[1] == wants[now]
    assert min(seen.values()) > 0, seen
    wall("insert", "drop udp dport 9999")
    assert wall("save") == outputs[now].replace("set x", "drop udp dport 9999\nset x")
    assert wall.pair.status()["pins"] == "ok"
    assert sorted(os.listdir(f"{wall.pair.status()['directory']}/slot5")) == pins
    print(seen)


def test_killed_while_a_trial_begins(wall):
    """Either there is no trial or there is one, and it can be ended."""
    rng = random.Random(int(os.environ.get("ECBPF_SEED", "12")))
    wall.rules("drop udp dport 1")
    start = time.monotonic()
    wall.load("drop udp dport 2", options=["--confirm", "1m"])
    took = time.monotonic() - start
    wall("rollback")
    before = wall("list")
    for _ in range(10):
        process = wall.start("load", "-f", "-", "--confirm", "1m", stdin=subprocess.PIPE,
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True)
        process.stdin.write("drop udp dport 2\n")
        process.stdin.close()
        try:
            process.wait(rng.uniform(0, 1.5 * took))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
        trial = wall.status()["trial"]
        assert (trial, wall("list")) in (("none", before),
                                         ("running", "default next\ndrop udp dport 2\n"))
        if trial == "running":
            wall("rollback")
        assert (wall.status()["trial"], wall("list")) == ("none", before)
    assert wall.judge(udp(1), udp(2)).verdicts == ["drop fw-rule 1", "next"]
    assert wall.pair.status()["pins"] == "ok"
