# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""ext/xdp_top, built as an outsider builds it, counts exactly what is sent.

Nothing has a name that outlives the test: the network and mount namespaces belong to two
processes that end when this one does, and everything else is in a temporary directory.
"""
import collections
import contextlib
import ctypes
import ipaddress
import itertools
import json
import os
import pathlib
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time

import pytest

REPO = pathlib.Path(__file__).resolve().parents[2]
PREFIX = "/opt/ecbpf"
IF = "rx0"
SLOT = 8
CLONE_NEWNET = 0x40000000

# A parent make's flags are not for the builds here; what it was told in B stays in the environment.
ENV = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}


def run(*command, check=True, **options):
    done = subprocess.run([str(word) for word in command], text=True, capture_output=True,
                          timeout=300, **options)
    if check and done.returncode:
        raise AssertionError(f"{command}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done


# --- frames

def ethernet(payload, proto, tags=()):
    """tags: (type, VLAN id), outer first"""
    head = bytes.fromhex("02000000ee01" "02000000ee02")
    for kind, vlan in tags:
        head += struct.pack("!HH", kind, vlan)
    return head + struct.pack("!H", proto) + payload


def ip_frame(source, size, tags=()):
    """A UDP packet from source whose IP packet has size bytes in all."""
    address = ipaddress.ip_address(source)
    if address.version == 4:
        ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, size, 0, 0, 64, 17, 0, address.packed,
                         bytes([192, 0, 2, 1]))
        return ethernet(ip.ljust(size, b"\0"), 0x0800, tags)
    ip = struct.pack("!IHBB16s16s", 6 << 28, size - 40, 17, 64, address.packed,
                     ipaddress.ip_address("2001:db8::1").packed)
    return ethernet(ip.ljust(size, b"\0"), 0x86DD, tags)


ARP = ethernet(bytes(46), 0x0806)
VLAN = [(0x8100, 7)]
QINQ = [(0x88A8, 7), (0x8100, 8)]


# --- the world: two namespaces, a veth between them, a root on one end

class Holder:
    """A process that has namespaces of its own, and ends with this one."""

    def __init__(self, *flags):
        self.process = subprocess.Popen(["unshare", *flags, "sh", "-c", "echo; exec cat"],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.process.stdout.readline()
        self.pid = self.process.pid

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


class World:
    def __init__(self, tmp):
        self.tmp = tmp
        self.env = dict(ENV, ECBPF_BPFFS=f"{tmp}/bpf/ecbpf", LC_ALL="C",
                        LD_LIBRARY_PATH=f"{tmp}/root{PREFIX}/lib")
        self.top = f"{tmp}/out/xdp_top"
        self.obj = f"{tmp}/out/xdp_top.bpf.o"
        self.build()
        self.receiver = Holder("--mount", "--net")
        self.sender = Holder("--net")
        self.sent = 0

    def build(self):
        """With nothing but the installed files: from a copy that has no source tree around it."""
        stage = f"{self.tmp}/root"
        run("make", "-s", "install", f"DESTDIR={stage}", f"PREFIX={PREFIX}", cwd=REPO, env=ENV)
        shutil.copytree(REPO / "ext/xdp_top", self.tmp / "src",
                        ignore=shutil.ignore_patterns("build"))
        run("make", "-s", f"B={self.tmp}/out", cwd=self.tmp / "src",
            env=dict(ENV, PKG_CONFIG_PATH=f"{stage}{PREFIX}/lib/pkgconfig",
                     PKG_CONFIG_SYSROOT_DIR=stage))

    def open(self):
        (self.tmp / "bpf").mkdir()
        self.run("mount", "-t", "bpf", "bpf", f"{self.tmp}/bpf")
        # two queues, so that two CPUs at once run the program
        self.run("ip", "link", "add", IF, "numrxqueues", "2", "type", "veth",
                 "peer", "name", "tx0", "numtxqueues", "2", "netns", str(self.sender.pid))
        self.run("ip", "link", "set", IF, "up")
        # nothing but what the test sends: no neighbour discovery, no multicast listener reports
        run("nsenter", "-t", self.sender.pid, "--net", "sh", "-c",
            "echo 1 >/proc/sys/net/ipv6/conf/tx0/disable_ipv6 && ip link set tx0 up")
        self.socket = self.sender_socket()
        self.root("attach", IF)

    def close(self):
        with contextlib.suppress(AttributeError):
            self.socket.close()
        self.root("detach", IF, check=False)
        self.receiver.close()
        self.sender.close()

    def command(self, *words):
        return ["nsenter", "-t", str(self.receiver.pid), "--mount", "--net",
                *(str(word) for word in words)]

    def run(self, *words, **options):
        return run(*self.command(*words), env=self.env, **options)

    def root(self, *words, **options):
        return self.run(f"{self.tmp}/root{PREFIX}/sbin/xdp_root", *words, **options)

    def sender_socket(self):
        """Only the thread that opens it enters the namespace."""
        made = []

        def enter():
            with open(f"/proc/{self.sender.pid}/ns/net") as space:
                assert not ctypes.CDLL(None).setns(space.fileno(), CLONE_NEWNET)
            made.append(socket.socket(socket.AF_PACKET, socket.SOCK_RAW))
            made[0].bind(("tx0", 0))

        thread = threading.Thread(target=enter)
        thread.start()
        thread.join()
        return made[0]

    def received(self):
        with open(f"/proc/{self.receiver.pid}/net/dev") as table:
            for line in table:
                name, _, counters = line.partition(":")
                if name.strip() == IF:
                    return int(counters.split()[1])
        raise AssertionError(f"no {IF}")

    def send(self, frames):
        """In portions that a veth's ring has room for; returns when the program has seen all."""
        frames = iter(frames)
        while portion := list(itertools.islice(frames, 100)):
            goal = self.received() + len(portion)
            for frame in portion:
                self.socket.send(frame)
            give_up = time.monotonic() + 60
            while (got := self.received()) < goal:
                assert time.monotonic() < give_up, f"{goal - got} frames did not arrive"
                os.sched_yield()

    def slot_row(self, slot=SLOT):
        """Packets and bytes that the slot has seen, by the suite's own statistics."""
        rows = json.loads(self.root("stats", "-j", IF).stdout)["slots"]
        return next(row["seen"] for row in rows if row["slot"] == str(slot))

    @contextlib.contextmanager
    def watch(self, *options):
        """A watch that counts already; it gets SIGTERM in finish()."""
        process = subprocess.Popen(self.command(self.top, "watch", "-v", "-j", "-r", "0", IF,
                                                *options), env=self.env, text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            line = process.stderr.readline()
            assert "watching slot" in line, line + process.stderr.read()
            yield process
        finally:
            process.kill()
            process.communicate()


@pytest.fixture(scope="module")
def world():
    if os.geteuid():
        pytest.skip("needs root")
    with tempfile.TemporaryDirectory(prefix="xdp_top-") as tmp:
        made = World(pathlib.Path(tmp))
        try:
            made.open()
            yield made
        finally:
            made.close()


@pytest.fixture
def top(world):
    world.run(world.top, "attach", IF)
    world.root("reset", IF)
    yield world
    world.run(world.top, "detach", IF, check=False)


def finish(process, status=0):
    """The last report of a watch that is told to end."""
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=120)
    assert process.returncode == status, err
    return json.loads(out.splitlines()[-1])


def next_report(process):
    """Of a watch with a short interval; while nothing new is counted, reports come all the same."""
    ready, _, _ = select.select([process.stdout], [], [], 60)
    assert ready, "no report"
    return json.loads(process.stdout.readline())


ONE_REPORT = ("-i", "1h")  # the one that SIGTERM asks for


# --- what is expected of a report

def counter(entry):
    return entry["packets"], entry["bytes"]


def by_source(report):
    table = {entry["source"]: counter(entry) for entry in report["sources"]}
    assert len(table) == len(report["sources"]), "a source has two rows"
    return table


def parts_sum(report):
    parts = report["sources"] + [report[key] for key in
                                 ("unlisted", "evicted", "untracked", "other")]
    return tuple(map(sum, zip(*map(counter, parts))))


def assert_complete(report, world, slot=SLOT):
    assert parts_sum(report) == counter(report["total"])
    assert parts_sum(report) == counter(world.slot_row(slot))


def expected(sent):
    """sent: (source, frame) pairs"""
    table = collections.defaultdict(lambda: (0, 0))
    for source, frame in sent:
        packets, size = table[source]
        table[source] = (packets + 1, size + len(frame))
    return dict(table)


def crowd():
    """IPv4 and IPv6 sources, each with its own number of packets, lengths and tags."""
    sent = []
    for i in range(150):
        for source in (f"10.1.{i}.{255 - i}", f"2001:db8:{i:x}::{i + 1:x}"):
            source = str(ipaddress.ip_address(source))
            for n in range(1 + i % 7):
                tags = ((), VLAN, QINQ)[(i + n) % 3]
                sent.append((source, ip_frame(source, 48 + i + n, tags)))
    return sent


# --- tests

def test_every_source_is_counted_exactly(top):
    sent = crowd()
    with top.watch(*ONE_REPORT) as process:
        top.send(frame for _, frame in sent)
        report = finish(process)
    assert by_source(report) == expected(sent)
    assert counter(report["other"]) == (0, 0)
    assert_complete(report, top)


def test_more_sources_than_are_read_at_once(top):
    sources = [f"10.{i >> 8}.{i & 255}.1" for i in range(9000)]
    with top.watch(*ONE_REPORT, "--entries", len(sources)) as process:
        top.send(ip_frame(source, 60) for source in sources)
        report = finish(process)
    assert by_source(report) == {source: (1, 74) for source in sources}
    assert_complete(report, top)


def test_what_has_no_source_is_other(top):
    strange = [ARP, ARP, ethernet(bytes(50), 0x88CC), ethernet(bytes(46), 64),
               ip_frame("10.0.0.1", 60, QINQ + VLAN)]
    with top.watch(*ONE_REPORT) as process:
        top.send(strange + [ip_frame("10.0.0.1", 60)])
        report = finish(process)
    assert counter(report["other"]) == (5, sum(map(len, strange)))
    assert by_source(report) == {"10.0.0.1": (1, 74)}
    assert_complete(report, top)


def test_ipv4_and_an_ipv6_address_that_maps_it_are_two_sources(top):
    with top.watch(*ONE_REPORT) as process:
        top.send([ip_frame("10.0.0.1", 60), ip_frame("::ffff:10.0.0.1", 60), ip_frame("::", 60)])
        report = finish(process)
    assert sorted(by_source(report)) == ["10.0.0.1", "::", "::ffff:10.0.0.1"]


def test_frames_the_root_refuses_do_not_reach_the_slot(top):
    lying = bytearray(ip_frame("10.0.0.9", 60))
    lying[14] = 0x65
    with top.watch(*ONE_REPORT) as process:
        top.send([bytes(lying), ip_frame("10.0.0.1", 60)])
        report = finish(process)
    assert by_source(report) == {"10.0.0.1": (1, 74)}
    assert_complete(report, top)


@pytest.mark.parametrize("key, order", [("packets", ["10.0.0.2", "10.0.0.1", "10.0.0.3"]),
                                        ("bytes", ["10.0.0.3", "10.0.0.2", "10.0.0.1"])])
def test_order_and_rows(top, key, order):
    frames = [ip_frame("10.0.0.1", 60)] * 3 + [ip_frame("10.0.0.2", 60)] * 4
    frames += [ip_frame("10.0.0.3", 1000)]
    with top.watch(*ONE_REPORT, "--sort", key, "-r", "2") as process:
        top.send(frames)
        report = finish(process)
    assert [entry["source"] for entry in report["sources"]] == order[:2]
    assert report["unlisted"]["sources"] == 1
    assert_complete(report, top)


def test_smallest_sources_are_evicted_and_counted(top):
    frames = [ip_frame(f"10.0.0.{i}", 60) for i in range(1, 21) for _ in range(i)]
    with top.watch(*ONE_REPORT, "--sources", "5") as process:
        top.send(frames)
        report = finish(process)
    assert by_source(report) == {f"10.0.0.{i}": (i, i * 74) for i in range(16, 21)}
    assert report["evicted"] == {"sources": 15, "packets": 120, "bytes": 120 * 74}
    assert_complete(report, top)


def test_sources_beyond_the_kernels_room_are_untracked(top):
    frames = [ip_frame(f"2001:db8::{i:x}", 60) for i in range(1, 21)] * 3
    with top.watch(*ONE_REPORT, "--entries", "8") as process:
        top.send(frames + [ARP])
        report = finish(process)
    assert by_source(report) == {f"2001:db8::{i:x}": (3, 222) for i in range(1, 9)}
    assert counter(report["untracked"]) == (36, 36 * 74)
    assert counter(report["other"]) == (1, len(ARP))
    assert_complete(report, top)


def test_reports_add_up_over_intervals(top):
    """Each report's total is the one before and its interval; a source that rests stays."""
    with top.watch("-i", "20ms") as process:
        totals = []
        for i in (1, 2, 3):
            top.send([ip_frame(f"10.0.0.{i}", 60)] * i)
            seen, give_up = 0, time.monotonic() + 60
            while seen < i * (i + 1) // 2:
                assert time.monotonic() < give_up, totals[-1]
                totals.append(next_report(process))
                seen = totals[-1]["total"]["packets"]
        last = finish(process)
    assert by_source(last) == {f"10.0.0.{i}": (i, i * 74) for i in (1, 2, 3)}
    before = 0
    for report in totals:
        fresh = sum(entry["interval_packets"] for entry in report["sources"])
        assert report["total"]["packets"] == before + fresh
        before = report["total"]["packets"]
    assert before == 6


def root_id(world):
    return json.loads(world.root("status", "-j", "-i", "0", IF).stdout)[0]["program_id"]


def test_nothing_is_lost_while_maps_are_swapped(top):
    """Two CPUs run the chain without pause, on sources of their own and one they share."""
    program, repeat, rounds = root_id(top), 20000, 12
    cpus = sorted(os.sched_getaffinity(0))[:2]
    frames = {}
    for source in ["10.9.9.9"] + [f"10.8.{cpu}.{i}" for cpu in cpus for i in range(4)]:
        frames[source] = top.tmp / source
        frames[source].write_bytes(ip_frame(source, 60))
    plan = {cpu: (["10.9.9.9"] * 3 + [f"10.8.{cpu}.{i}" for i in range(4)]) * rounds
            for cpu in cpus}
    failed = []

    def load(cpu):
        for source in plan[cpu]:
            done = top.run("taskset", "-c", cpu, "bpftool", "prog", "run", "id", program,
                           "data_in", frames[source], "repeat", repeat, check=False)
            if done.returncode:
                failed.append(done.stderr + done.stdout)

    with top.watch("-i", "20ms") as process:
        lines = []
        reader = threading.Thread(target=lambda: lines.extend(process.stdout))
        loads = [threading.Thread(target=load, args=(cpu,)) for cpu in cpus]
        for thread in [reader, *loads]:
            thread.start()
        for thread in loads:
            thread.join()
        process.send_signal(signal.SIGTERM)
        reader.join()
        assert process.wait() == 0
    assert not failed
    report = json.loads(lines[-1])
    runs = collections.Counter(itertools.chain(*plan.values()))
    assert by_source(report) == {source: (n * repeat, n * repeat * 74)
                                 for source, n in runs.items()}
    assert counter(report["untracked"]) == (0, 0)
    assert_complete(report, top)
    busy = [line for line in map(json.loads, lines)
            if any(entry["interval_packets"] for entry in line["sources"])]
    assert len(busy) > 2, "the maps were not swapped under load"


def test_evictions_and_full_maps_lose_nothing_over_many_swaps(top):
    """Sources come back after eviction, maps overflow: every part moves, the sum is exact."""
    sent = crowd() * 4
    with top.watch("-i", "1ms", "--sources", "3", "--entries", "4") as process:
        lines = []
        reader = threading.Thread(target=lambda: lines.extend(process.stdout))
        reader.start()
        top.send(frame for _, frame in sent)
        process.send_signal(signal.SIGTERM)
        reader.join()
        assert process.wait() == 0
    report = json.loads(lines[-1])
    assert counter(report["total"]) == (len(sent), sum(len(frame) for _, frame in sent))
    assert report["evicted"]["sources"] > 0 and report["untracked"]["packets"] > 0
    assert len(report["sources"]) <= 3
    assert_complete(report, top)


def test_second_watch_is_refused(top):
    with top.watch(*ONE_REPORT) as process:
        second = top.run(top.top, "watch", "-i", "1ms", "-c", "1", IF, check=False)
        assert second.returncode == 1
        assert second.stderr == f"xdp_top: {IF}: watch: somebody else is using it\n"
        assert second.stdout == ""
        top.send([ip_frame("10.0.0.1", 60)])
        assert by_source(finish(process)) == {"10.0.0.1": (1, 74)}


def test_watch_after_a_killed_one_begins_at_zero(top):
    with top.watch(*ONE_REPORT) as process:
        top.send([ip_frame("10.0.0.1", 60)])
        process.kill()
        process.wait()
    top.root("reset", IF)
    with top.watch(*ONE_REPORT) as process:
        top.send([ip_frame("10.0.0.2", 60)])
        report = finish(process)
    assert by_source(report) == {"10.0.0.2": (1, 74)}
    assert_complete(report, top)


def assert_nothing_is_kept(world):
    outer = world.run("find", world.env["ECBPF_BPFFS"], "-name", "top_active").stdout.split()
    assert len(outer) == 1
    assert "Found 0 elements" in world.run("bpftool", "map", "dump", "pinned", outer[0]).stdout


def test_nothing_is_kept_when_nobody_watches(top):
    with top.watch(*ONE_REPORT) as process:
        finish(process)
    assert_nothing_is_kept(top)
    before = top.slot_row()["packets"]
    top.send([ip_frame("10.0.0.1", 60)])
    assert top.slot_row()["packets"] == before + 1


def test_watch_goes_on_when_the_program_is_replaced(top):
    frames = [ip_frame("10.0.0.1", 60)] * 10
    with top.watch(*ONE_REPORT) as process:
        top.send(frames)
        top.run(top.top, "attach", IF)
        top.send(frames)
        top.root("upgrade", IF)
        top.send(frames)
        report = finish(process)
    assert by_source(report) == {"10.0.0.1": (30, 30 * 74)}
    assert_complete(report, top)


def test_watch_ends_when_the_program_is_taken_out(top):
    with top.watch("-i", "20ms") as process:
        top.send([ip_frame("10.0.0.1", 60)])
        top.run(top.top, "detach", IF)
        out, err = process.communicate(timeout=120)
    assert process.returncode == 1
    assert err == f"xdp_top: {IF}: watch: the program was taken out of slot {SLOT}\n"
    assert by_source(json.loads(out.splitlines()[-1])) == {"10.0.0.1": (1, 74)}


def test_watch_notices_that_the_program_was_replaced_by_a_new_one(top):
    """Taken out and put back: the counters are other ones."""
    with top.watch(*ONE_REPORT) as process:
        top.send([ip_frame("10.0.0.1", 60)])
        top.run(top.top, "detach", IF)
        top.run(top.top, "attach", IF)
        top.send([ip_frame("10.0.0.2", 60)])
        report = finish(process, status=1)
    assert by_source(report) == {"10.0.0.1": (1, 74)}


def test_works_without_its_command_to_load_it_and_in_any_slot(world):
    world.root("slot", IF, 3, "load", world.obj)
    try:
        world.root("reset", IF)
        with world.watch(*ONE_REPORT) as process:
            world.send([ip_frame("10.0.0.1", 60)])
            report = finish(process)
        assert report["slot"] == 3
        assert by_source(report) == {"10.0.0.1": (1, 74)}
        assert_complete(report, world, slot=3)
        again = world.run(world.top, "attach", IF, check=False)
        assert again.returncode == 1
        assert again.stderr == (f"xdp_top: {IF}: attach: it is in slot 3 already: "
                                f"xdp_top detach {IF} first\n")
    finally:
        world.run(world.top, "detach", IF)


def test_attach_into_another_slot(world):
    world.run(world.top, "attach", IF, "--slot", 2)
    try:
        world.root("reset", IF)
        with world.watch(*ONE_REPORT) as process:
            world.send([ip_frame("10.0.0.1", 60)])
            report = finish(process)
    finally:
        world.run(world.top, "detach", IF)
    assert report["slot"] == 2 and counter(report["total"]) == (1, 74)


def compile_member(world, name, text):
    source = world.tmp / f"{name}.bpf.c"
    source.write_text(text)
    machine = run("gcc", "-print-multiarch").stdout.strip()
    run("clang", "-target", "bpf", "-mcpu=v3", "-O2", "-g", "-Wall", "-Wextra", "-Werror",
        f"-I{world.tmp}/root{PREFIX}/include", "-idirafter", f"/usr/include/{machine}",
        "-c", source, "-o", source.with_suffix(".o"))
    return source.with_suffix(".o")


def test_attach_pushes_nobody_out(world):
    stranger = compile_member(world, "stranger", """
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
char LICENSE[] SEC("license") = "GPL";
SEC("xdp") int stranger(struct xdp_md *ctx) { return ctx->data ? XDP_PASS : XDP_DROP; }
""")
    world.root("slot", IF, SLOT, "load", stranger)
    try:
        refused = world.run(world.top, "attach", IF, check=False)
    finally:
        world.root("slot", IF, SLOT, "clear")
    assert refused.returncode == 1
    assert re.fullmatch(rf"xdp_top: {IF}: attach: slot {SLOT} has another program: "
                        r"stranger \(id \d+\)\n", refused.stderr)


def test_first_program_of_the_guide(world):
    """It builds as it is printed, and drops what it says."""
    guide = (REPO / "docs/writing-a-slot-program.md").read_text()
    member = compile_member(world, "drop_discard", guide.split("```c\n")[1].split("```")[0])
    frames = []
    for source, offset in (("192.0.2.7", 34), ("2001:db8::7", 54)):
        for port, tags in ((9, ()), (9, QINQ), (53, VLAN)):
            frame = bytearray(ip_frame(source, 68, tags))
            at = offset + 4 * len(tags)
            frame[at:at + 8] = struct.pack("!HHHH", 4000, port, 14 + 68 - offset, 0)
            frames.append(bytes(frame))
    world.root("slot", IF, 9, "load", member)
    world.root("reset", IF)
    try:
        world.send(frames + [ARP])
        stats = json.loads(world.root("stats", "-j", IF).stdout)
    finally:
        world.root("slot", IF, 9, "clear")
    row = next(row for row in stats["slots"] if row["slot"] == "9")
    assert {name: cell["packets"] for name, cell in row["by"].items() if cell["packets"]} == {
        "drop": 4, "next": 3}
    assert stats["reasons"] == {"user": 4}


def test_netns_option_and_text(top):
    """From the test's own network namespace, with the mounts of the receiver."""
    outside = ["nsenter", "-t", str(top.receiver.pid), "--mount", top.top, "watch", "-v",
               "--netns", f"/proc/{top.receiver.pid}/ns/net", *ONE_REPORT, IF]
    process = subprocess.Popen(outside, env=top.env, text=True, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE)
    try:
        assert "watching slot" in process.stderr.readline()
        top.send([ip_frame("10.0.0.1", 60), ip_frame("10.0.0.1", 60), ARP])
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=120)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0
    lines = [line.split() for line in out.splitlines()]
    assert lines[0][:7] == [IF, "slot", f"{SLOT}:", "3", "packets,", "208", "bytes"]
    assert lines[2][:3] == ["10.0.0.1", "2", "148"]
    assert lines[3] == ["(not", "IP)", "1", "60"]


def test_count_ends_the_watch(top):
    done = top.run(top.top, "watch", "-j", "-i", "1ms", "-c", "3", IF)
    assert len(done.stdout.splitlines()) == 3


def test_broken_pipe_ends_the_watch_and_leaves_no_map(top):
    done = top.run("sh", "-c", f"{top.top} watch -i 1ms {IF} | true")
    assert done.stderr == f"xdp_top: {IF}: watch: writing the output: Broken pipe\n"
    assert_nothing_is_kept(top)


@pytest.mark.parametrize("words, status, text", [
    (["watch", IF], 1, f"{IF}: watch: no slot has it: xdp_top attach {IF}"),
    (["detach", IF], 1, f"{IF}: detach: no slot has a program xdp_top"),
    (["watch", "nowhere0"], 1, "nowhere0: watch: no such interface"),
    (["attach", "lo"], 1, "lo: attach: no root is attached: xdp_root attach lo"),
    (["watch", "--sort", "size", IF], 2, "watch: --sort: size is none of packets|bytes"),
    (["attach", "--slot", "16", IF], 2, "attach: --slot: "),
    (["watch"], 2, "watch: what is missing: IF"),
    (["look"], 2, "look is no command"),
])
def test_refusals(world, words, status, text):
    done = world.run(world.top, *words, check=False)
    assert done.returncode == status
    assert text in done.stderr and done.stderr.count("\n") == 1
    assert done.stdout == ""
