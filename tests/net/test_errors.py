# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""What goes wrong is told on one line, exits with 1 (2 for usage), and changes nothing."""
import json
import os
import re
import shutil
import subprocess

import pytest

from conftest import BUILD, TOP, obj, sh

TOOL = BUILD / "bin/xdp_root"
ABI = int(re.search(r"#define ECBPF_ABI (\d+)", (TOP / "libecbpf/abi.h").read_text())[1])


@pytest.fixture
def running(pair):
    pair.xdp_root("attach", "vb")
    pair.xdp_root("slot", "vb", 3, "load", obj("tally"))
    return pair


def state(pair, bpffs):
    """All that a command could change: pins, and ids of what is attached and in the slots."""
    pins = sorted(str(path) for path in bpffs.rglob("*"))
    status = pair.status()
    return pins, status["state"], status["interface_program_id"], status["link_id"], [
        (entry["slot"], entry.get("program")) for entry in status.get("slots", [])]


def expect(pair, bpffs, argv, text, code=1, env=None, prefix=()):
    before = state(pair, bpffs)
    done = subprocess.run([*prefix, TOOL, argv[0], "--netns", pair.b.name, *map(str, argv[1:])],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          env=os.environ | (env or {}))
    assert re.fullmatch(f"xdp_root: {text}\n", done.stderr), done
    assert (done.returncode, done.stdout) == (code, ""), done
    assert state(pair, bpffs) == before


@pytest.mark.parametrize("argv, text", [
    (["attach", "nosuch"], "nosuch: attach: no such interface"),
    (["detach", "nosuch"], "nosuch: detach: no such interface"),
    (["status", "nosuch"], "nosuch: status: no such interface"),
    (["attach", "lo"], "lo: attach: the driver has no native XDP: -m skb works with any"),
    (["attach", "-m", "hw", "vb"], "vb: attach: the driver cannot run XDP in hardware"),
    (["upgrade", "vb"], "vb: upgrade: no root is attached: xdp_root attach vb"),
    (["stats", "vb"], "vb: stats: no root is attached: xdp_root attach vb"),
    (["reset", "vb"], "vb: reset: no root is attached: xdp_root attach vb"),
    (["trace", "vb"], "vb: trace: no root is attached: xdp_root attach vb"),
    (["profile", "vb"], "vb: profile: no root is attached: xdp_root attach vb"),
    (["slot", "vb", 3, "clear"], "vb: slot: no root is attached: xdp_root attach vb"),
])
def test_without_a_root(pair, bpffs, argv, text):
    expect(pair, bpffs, argv, text)


@pytest.mark.parametrize("argv, text", [
    (["slot", "vb", 16, "clear"], "vb: slot: 16 is not in 0 to 15"),
    (["slot", "vb", -1, "clear"], "slot: -1 is no option; see xdp_root slot --help"),
    (["slot", "vb", "x", "clear"], "vb: slot: x is not a number"),
    (["slot", "vb", 3, "fill"], r"vb: slot: it is load FILE\[:PROGRAM\], or clear"),
    (["slot", "vb", 3], r"slot: what is missing: .*; see xdp_root slot --help"),
    (["attach"], "attach: what is missing: IF...; see xdp_root attach --help"),
    (["attach", "vb,vb"], "vb,vb: interfaces: vb is named twice"),
    (["attach", "sixteen-letters-"],
     "sixteen-letters-: interfaces: sixteen-letters-: no interface can have this name"),
    (["attach", "-m", "fast", "vb"], r"attach: --mode: fast is none of native\|skb\|hw"),
    (["attach", "--nop", "vb"], "attach: --nop is no option; see xdp_root attach --help"),
    (["stats", "vb", "vc"], "stats: vc is too much; see xdp_root stats --help"),
    (["stats", "vb", "-w", "never"],
     "stats: --watch: never is not a duration, such as 1.5s or 200ms"),
    (["trace", "vb", "-o", "0"], "trace: --one-in: 0 is not in 1 to 4294967295"),
    (["trace", "vb", "-o"], "trace: -o needs a value; see xdp_root trace --help"),
    (["launch", "vb"], "launch is no command; see xdp_root --help"),
])
def test_usage(running, bpffs, argv, text):
    expect(running, bpffs, argv, text, code=2)


@pytest.mark.parametrize("file, text", [
    ("nosuch.o", "no such file"),
    (f"{obj('foreign')}:nosuch", "the object has no program nosuch"),
    (str(obj("foreign")), r"the object has 3 XDP programs: say FILE:PROGRAM"),
    (f"{obj('foreign')}:foreign_tc", "foreign_tc is not an XDP program"),
    (f"{obj('foreign')}:foreign_bad",
     "the verifier refuses foreign_bad: .*outside of the packet"),
    (str(obj("tally_wide")), "map tally_count does not fit the pinned one of that name"),
    (str(obj("stranger")), f"built for ABI {ABI + 1} of the suite, this is {ABI}: build it again"),
])
def test_objects_that_do_not_load(running, bpffs, file, text):
    expect(running, bpffs, ["slot", "vb", 3, "load", file], f"vb: {re.escape(file.split(':')[0])}: {text}")


def test_corrupt_objects(running, bpffs, tmp_path):
    whole = obj("tally").read_bytes()
    for name, content in ("empty", b""), ("text", b"no ELF\n" * 99), ("half", whole[:len(whole) // 2]):
        path = tmp_path / name
        path.write_bytes(content)
        expect(running, bpffs, ["slot", "vb", 3, "load", path],
               f"vb: {re.escape(str(path))}: not a BPF object: .+")


def test_slots(running, bpffs):
    expect(running, bpffs, ["slot", "vb", 4, "clear"], "vb: slot: slot 4 is empty")


def test_attached_already(running, bpffs):
    expect(running, bpffs, ["attach", "vb"],
           "vb: attach: a root is attached already: xdp_root upgrade vb")


def foreign(pair, bpffs, kind):
    sh("bpftool", "prog", "load", BUILD / "tests/tools/live.bpf.o", bpffs / "foreign")
    pair.b.run("bpftool", "net", "attach", kind, "pinned", bpffs / "foreign", "dev", "vb")
    os.unlink(bpffs / "foreign")


@pytest.mark.parametrize("kind, mode", [("xdpdrv", "native"), ("xdpgeneric", "skb")])
def test_foreign_program_is_named_and_left_alone(pair, bpffs, kind, mode):
    foreign(pair, bpffs, kind)
    number = pair.status()["interface_program_id"]
    text = rf"vb: attach: XDP program live_send \(id {number}\) of somebody else is in place \({mode} mode\)"
    expect(pair, bpffs, ["attach", "vb"], text)
    expect(pair, bpffs, ["attach", "-m", "skb", "vb"], text)
    check = pair.xdp_root("check", "-j", "vb", ok=None)
    assert check.returncode == 1
    assert f"XDP program live_send (id {number})" in check.stdout
    pair.xdp_root("detach", "vb")
    assert pair.status()["interface_program_id"] == number


def test_no_bpffs(pair, bpffs, tmp_path):
    text = f"vb: attach: {tmp_path} is not a BPF file system: mount -t bpf bpf {tmp_path}"
    expect(pair, bpffs, ["attach", "vb"], text, env={"ECBPF_BPFFS": f"{tmp_path}/ecbpf"})
    (tmp_path / "ecbpf").mkdir()
    text = f"vb: attach: {tmp_path}/ecbpf is not in a BPF file system"
    expect(pair, bpffs, ["attach", "vb"], text, env={"ECBPF_BPFFS": f"{tmp_path}/ecbpf"})


def test_no_such_namespace():
    done = subprocess.run([TOOL, "status", "--netns", "nosuch"], stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (
        1, "xdp_root: nosuch: status: no such network namespace\n")


@pytest.mark.parametrize("command, attached", [("attach", False)] + [
    (command, True) for command in ("attach", "detach", "status", "check", "stats", "upgrade")])
def test_without_privileges(pair, bpffs, command, attached):
    """Already in the namespace, an ordinary user is told what is missing."""
    if attached:
        pair.xdp_root("attach", "vb")
    copy = "/run/netns/xdp_root"  # a directory of this test run alone that anybody may enter
    shutil.copy(TOOL, copy)
    os.chmod(copy, 0o755)
    os.chmod(bpffs, 0o755)
    before = state(pair, bpffs)
    done = subprocess.run(["nsenter", f"--net=/run/netns/{pair.b.name}", "setpriv",
                           "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all",
                           copy, command, "vb"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True)
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1, done
    assert "ermission denied" in done.stderr, done
    assert state(pair, bpffs) == before


def test_second_trace_is_refused(running, bpffs):
    trace = subprocess.Popen([TOOL, "trace", "--netns", running.b.name, "vb"])
    running.await_share("trace_one_in")
    expect(running, bpffs, ["trace", "vb"], "vb: trace: another trace of this interface is running")
    trace.terminate()
    assert trace.wait(timeout=30) == 0
    path = running.status()["directory"] + "/ecbpf_control"
    dump = json.loads(sh("bpftool", "-j", "map", "dump", "pinned", path))
    assert dump[0]["formatted"]["value"]["trace_one_in"] == 0


def test_full_output(running):
    with open("/dev/full", "w") as full:
        done = subprocess.run([TOOL, "status", "-i", "0", "--netns", running.b.name, "vb"],
                              stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1 and "writing the output" in done.stderr


def test_help_goes_to_stdout():
    for argv in ["--help"], ["attach", "--help"], ["--version"]:
        done = subprocess.run([TOOL, *argv], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert (done.returncode, done.stderr) == (0, "") and done.stdout
    done = subprocess.run([TOOL], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 2 and done.stdout == "" and done.stderr.startswith("usage:")
