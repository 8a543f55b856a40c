# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Changes under traffic, at the same time, and cut off: nothing is lost, nothing is half done."""
import json
import os
import random
import signal
import subprocess
import time

import pytest
from scapy.all import Ether, IP, UDP

from conftest import BUILD, Pair, adds_up, obj, row, sh, verdicts

FRAME = bytes(Ether(dst="02:00:00:00:00:0b", src="02:00:00:00:00:02") /
              IP(src="10.0.0.1", dst="10.0.0.2") / UDP(sport=1, dport=9) / (b"z" * 22))
ROUNDS = int(os.environ.get("ECBPF_KILL_ROUNDS", "200"))


def nsenter(netns, *argv):
    return ["nsenter", f"--net=/run/netns/{netns.name}", *map(str, argv)]


def map_dump(path):
    return json.loads(sh("bpftool", "-j", "map", "dump", "pinned", path))


def test_live_frames_through_replacements_and_upgrades(pair):
    """1,000,000 frames and more, 1,000 replacements, 100 upgrades: none lost, none uncounted."""
    pair.xdp_root("attach", "vb")
    pair.wait_up()
    pair.xdp_root("slot", "vb", 3, "load", obj("tally"))
    pair.xdp_root("slot", "vb", 9, "load", obj("judge"))  # source MAC ...02: drop
    path = pair.status()["directory"] + "/slot3/tally_count"
    before = json.loads(sh("bpftool", "-j", "map", "show", "pinned", path))["id"]
    live = subprocess.Popen(nsenter(pair.a, BUILD / "tests/tools/live", "va", FRAME.hex()),
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    pair.await_seen(1)
    for slot, name, replacements, upgrades in (3, "tally", 500, 50), (9, "judge", 500, 50):
        subprocess.run(nsenter(pair.b, BUILD / "tests/tools/churn", "vb", slot, obj(name),
                               replacements, upgrades), check=True)
    pair.await_seen(1000000)
    sent = int(live.communicate(timeout=60)[0])
    assert live.returncode == 0 and sent >= 1000000
    expected = {"packets": sent, "bytes": sent * len(FRAME)}
    stats = pair.await_seen(sent)
    assert row(stats, "root")["seen"] == expected
    assert verdicts(stats, "root") == {"next": (sent, sent * len(FRAME))}
    assert verdicts(stats, 3) == {"next": (sent, sent * len(FRAME))}
    assert verdicts(stats, 9) == {"drop": (sent, sent * len(FRAME))}
    adds_up(stats)
    assert json.loads(sh("bpftool", "-j", "map", "show", "pinned", path))["id"] == before
    counted = map_dump(path)[0]["values"]
    assert sum(int.from_bytes(bytes(int(byte, 16) for byte in cpu["value"]), "little")
               for cpu in counted) == sent
    print(f"{sent} frames")


def programs(pair):
    """What is attached and in the slots: {place: name}."""
    status = pair.status()
    if status["state"] != "running":
        return {"state": status["state"], "nic": status["interface_program_id"] != 0}
    return {entry["slot"]: entry["program"]["name"] for entry in status["slots"]
            if "program" in entry} | {"state": "running", "nic": status["interface_program_id"] ==
                                      status["program_id"] != 0}


def untried(status):
    """Slots that the root takes for empty."""
    empty = map_dump(status["directory"] + "/ecbpf_control")[0]["formatted"]["value"]["empty"]
    return {slot for slot in range(16) if empty >> slot & 1}


NONE = {"state": "none", "nic": False}
ROOT = {"state": "running", "nic": True, "root": "xdp_root"}


def test_twenty_commands_at_once(pair):
    """Each is a change of its own; whoever comes second finds what the first has left."""
    commands = [["attach", "vb"], ["detach", "vb"], ["upgrade", "vb"],
                ["slot", "vb", "3", "load", str(obj("tally"))], ["slot", "vb", "3", "clear"]] * 4
    random.Random(1).shuffle(commands)
    for _ in range(5):
        running = [subprocess.Popen([BUILD / "bin/xdp_root", argv[0], "--netns", pair.b.name,
                                     *argv[1:]], stderr=subprocess.PIPE, text=True)
                   for argv in commands]
        for argv, process in zip(commands, running):
            told = process.communicate(timeout=120)[1]
            assert process.returncode in (0, 1), (argv, told)
            assert len(told.splitlines()) == process.returncode, (argv, told)
        assert programs(pair) in (NONE, ROOT, ROOT | {"3": "tally"})
        assert pair.status()["pins"] == "ok"


def test_twenty_attaches_one_wins(pair):
    running = [subprocess.Popen([BUILD / "bin/xdp_root", "attach", "--netns", pair.b.name, "vb"],
                                stderr=subprocess.PIPE, text=True) for _ in range(20)]
    told = [process.communicate(timeout=120)[1] for process in running]
    assert sorted(process.returncode for process in running) == [0] + [1] * 19
    assert sorted(told)[1:] == ["xdp_root: vb: attach: a root is attached already: "
                                "xdp_root upgrade vb\n"] * 19


# Command, what was there, what is there when it is done.
CUTS = {
    "attach": (["attach", "vb"], NONE, ROOT),
    "detach": (["detach", "vb"], ROOT | {"3": "tally"}, NONE),
    "nop": (["detach", "vb", "--nop"], ROOT, {"state": "nop", "nic": True}),
    "upgrade": (["upgrade", "vb"], ROOT | {"3": "tally"}, ROOT | {"3": "tally"}),
    "load": (["slot", "vb", "3", "load", str(obj("tally"))], ROOT, ROOT | {"3": "tally"}),
    "replace": (["slot", "vb", "3", "load", str(obj("judge"))], ROOT | {"3": "tally"},
                ROOT | {"3": "judge"}),
    "clear": (["slot", "vb", "3", "clear"], ROOT | {"3": "tally"}, ROOT),
}


def bring_about(pair, want):
    if programs(pair) == want and pair.status()["pins"] == "ok":
        return
    pair.xdp_root("detach", "vb")
    if want["state"] == "running":
        pair.xdp_root("attach", "vb")
        if "3" in want:
            pair.xdp_root("slot", "vb", 3, "load", obj(want["3"]))


def test_killed_at_any_instant(pair):
    """kill -9 in mid-command: the old state or the new; the next command tidies up."""
    rng = random.Random(int(os.environ.get("ECBPF_SEED", "7")))
    seen = {"old": 0, "new": 0}
    took = {}
    for _ in range(ROUNDS):
        name = rng.choice(list(CUTS))
        argv, old, new = CUTS[name]
        bring_about(pair, old)
        start = time.monotonic()
        process = subprocess.Popen([BUILD / "bin/xdp_root", argv[0], "--netns", pair.b.name,
                                    *argv[1:]], stderr=subprocess.DEVNULL)
        try:
            # the first round of each runs to its end and tells how long there is to choose from
            process.wait(rng.uniform(0, took[name]) if name in took else 60)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
        took.setdefault(name, time.monotonic() - start)
        found = programs(pair)
        assert found in (old, new), (name, found)
        seen["new" if found == new else "old"] += 1
        # any change settles what is left; then pins are as if nothing had been killed
        pair.xdp_root("upgrade" if found["state"] == "running" else "detach", "vb")
        status = pair.status()
        assert status["pins"] == "ok", name
        if found["state"] == "running":
            assert untried(status) == {slot for slot in range(16) if str(slot) not in found}, name
    assert min(seen.values()) > 0, "every kill came too early, or too late"
    print(seen)


def test_member_keeps_its_map_over_a_replacement_and_another_does_not(pair):
    pair.xdp_root("attach", "vb")
    pair.xdp_root("slot", "vb", 3, "load", obj("tally"))
    slot = pair.status()["directory"] + "/slot3"
    first = json.loads(sh("bpftool", "-j", "map", "show", "pinned", slot + "/tally_count"))["id"]
    pair.xdp_root("slot", "vb", 3, "load", obj("tally"))
    again = json.loads(sh("bpftool", "-j", "map", "show", "pinned", slot + "/tally_count"))["id"]
    assert again == first
    pair.xdp_root("slot", "vb", 3, "load", obj("judge"))
    assert not os.path.exists(slot)


def test_program_put_in_by_hand(pair):
    """No packet comes to it, and check says so; the next command mends that."""
    pair.xdp_root("attach", "vb")
    pair.wait_up()
    pair.xdp_root("slot", "vb", 3, "load", obj("tally"))
    status = pair.status()
    number = next(entry["program"]["id"] for entry in status["slots"] if entry["slot"] == "3")
    sh("bpftool", "map", "update", "pinned", f"{status['directory']}/ecbpf_slots", "key",
       "5", "0", "0", "0", "value", "id", number)
    assert pair.status()["pins"] == "untried"
    told = pair.xdp_root("check", "vb", ok=None)
    assert told.returncode == 1 and "put into ecbpf_slots by hand" in told.stdout
    pair.xdp_root("upgrade", "vb")
    assert pair.status()["pins"] == "ok" and untried(status) == set(range(16)) - {3, 5}
    pair.xdp_root("slot", "vb", 5, "clear")
    assert untried(status) == set(range(16)) - {3}


def test_interface_recreated_keeps_members_and_counters(pair):
    pair.xdp_root("attach", "vb")
    pair.wait_up()
    pair.xdp_root("slot", "vb", 3, "load", obj("tally"))
    pair.send([FRAME] * 5)
    pair.await_seen(5)
    pair.b.run("ip", "link", "del", "vb")
    assert pair.status()["state"] == "gone"
    told = pair.xdp_root("slot", "vb", 3, "clear", ok=None)
    assert told.returncode == 1 and "was removed: xdp_root detach takes" in told.stderr
    sh("ip", "link", "add", "va", "netns", pair.a.name, "type", "veth",
       "peer", "name", "vb", "netns", pair.b.name)
    for netns, dev in (pair.a, "va"), (pair.b, "vb"):
        netns.run("ip", "link", "set", dev, "up")
    assert pair.status()["state"] == "gone"
    assert pair.xdp_root("check", "vb", ok=None).returncode == 1
    pair.xdp_root("attach", "vb")
    pair.wait_up()
    assert programs(pair) == ROOT | {"3": "tally"}
    pair.send([FRAME] * 5)
    stats = pair.await_seen(10)
    assert verdicts(stats, 3) == {"next": (10, 10 * len(FRAME))}
    pair.xdp_root("check", "vb")


def test_nop_and_back(pair):
    pair.xdp_root("attach", "vb")
    link = pair.status()["link_id"]
    pair.xdp_root("detach", "--nop", "vb")
    status = pair.status()
    assert (status["state"], status["link_id"]) == ("nop", link)
    assert os.listdir(status["directory"]) == ["link"]
    pair.xdp_root("attach", "vb")
    assert pair.status()["link_id"] == link, "the interface was never without a program"
    assert programs(pair) == ROOT


def test_equal_names_in_two_namespaces(pair):
    other = Pair()
    try:
        for it in pair, other:
            it.xdp_root("attach", "vb")
            it.wait_up()
        pair.send([FRAME] * 7)
        other.send([FRAME] * 2)
        assert row(pair.await_seen(7), "root")["seen"]["packets"] == 7
        assert row(other.await_seen(2), "root")["seen"]["packets"] == 2
        other.xdp_root("detach", "vb")
        assert programs(pair) == ROOT
    finally:
        other.xdp_root("detach", "vb", ok=None)
        other.delete()


def test_hundred_thousand_gatherings(pair):
    pair.xdp_root("attach", "vb")
    pair.xdp_root("slot", "vb", 3, "load", obj("tally"))
    count = int(os.environ.get("ECBPF_GATHERINGS", "100000"))
    done = json.loads(sh(*nsenter(pair.b, BUILD / "tests/tools/gather", "vb", count)))
    assert done["gathered"] == count
    for first, last in done["descriptors"], done["bytes"]:
        assert first == last, done


def test_renamed_interface(pair):
    pair.xdp_root("attach", "vb")
    pair.b.run("ip", "link", "set", "vb", "down")
    pair.b.run("ip", "link", "set", "vb", "name", "vc")
    told = pair.xdp_root("attach", "vc", ok=None)
    assert told.returncode == 1 and "pins are under another name" in told.stderr
    assert "pins are under another name" in pair.xdp_root("check", "vc", ok=None).stdout
    pair.xdp_root("detach", "vb")
    pair.xdp_root("attach", "vc")
    pair.xdp_root("detach", "vc")
