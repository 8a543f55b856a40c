# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""The bypass comes and goes: all of it or nothing, and nothing of anybody else's with it."""
import json
import os
import socket
import struct
import subprocess

import pytest

from conftest import obj, sh
from director import DEVS, Director, Killed, directors, program_maps

KILLS = int(os.environ.get("ECBPF_KILL_ROUNDS", "4"))
TOOL = "xdp_bypass_ipvs"
FILTER = ["bpf", "bytecode", "1,6 0 0 0,"]  # matches nothing
SMALL = ["--flows", "1000", "--no-follow"]
OWN_PREFERENCE, OWN_HANDLE = "60607", "0xecbf"


class Bypass(Director):
    tool, small = TOOL, SMALL

    def map(self, verb, name, key, *words):
        """A map of the bypass, by its pin."""
        base = os.environ["ECBPF_BPFFS"]
        pin, = (f"{base}/{directory}/{name}" for directory in self.pins())
        return sh("bpftool", "-j", "map", verb, "pinned", pin, "key", *as_hex(
            struct.pack("=I", key)), *words)

    def contents(self):
        """The bucket and the path that flow_put() has written, and what programs must agree in."""
        settings = json.loads(self.map("lookup", "settings_map", 0))["formatted"]["value"]
        return [json.loads(self.map("lookup", name, key))["value"]
                for name, key in (("tuple_map", 7), ("path_map", 3))] + [settings]

    def flow_put(self):
        """A flow that is in the table, and its path; all contents."""
        flow = struct.pack("=QQQIIIIIHBB", 0xabcd << 32 | 3 << 16 | 5, 11, 1100, *range(1, 8), 0)
        key = struct.pack("!4s4sHHI", *map(socket.inet_aton, ("198.18.0.1", "192.0.2.1")), 1, 80, 6)
        path = struct.pack("=IHBBBB2x22s2x52sIIQQ16x", 1, 0, 0, 0, 14, 0, b"123456", b"", 5, 1500,
                           22, 2200)
        self.map("update", "tuple_map", 7, "value", *as_hex((flow + key).ljust(512, b"\0")))
        self.map("update", "path_map", 3, "value", *as_hex(path))
        return self.contents()

    def whole(self, *devs):
        """Programs of one version and no other are on all of them."""
        at = self.interfaces()
        assert set(at) == set(devs)
        assert {entry["slot"] for entry in at.values()} == {7}
        assert len({entry["egress_program_id"] for entry in at.values()}) == 1
        assert {entry["egress"] for entry in at.values()} <= {"tcx", "clsact"}

    def bare(self, *devs):
        super().bare(*devs)
        for dev in devs or DEVS:
            assert "bpf_egress" not in json.dumps(self.net(dev))

    def net(self, dev):
        tc = self.netns.run("bpftool", "-j", "net", "show", "dev", dev)
        return [json.loads(tc)[0]["tc"], self.filters(dev)]

    def filters(self, dev):
        try:
            return self.netns.run("tc", "filter", "show", "dev", dev, "egress")
        except subprocess.CalledProcessError:
            return ""

    def qdiscs(self, dev):
        return [entry["kind"] for entry in
                json.loads(self.netns.run("tc", "-j", "qdisc", "show", "dev", dev))]


@pytest.fixture(name="director")
def director_fixture(pair):
    yield from directors(Bypass(pair))


def as_hex(data):
    return ["hex", *data.hex(" ").split()]


def program_constants(program):
    """{name: value} of what is fixed when a program is loaded."""
    number, = (number for name, number in program_maps(program).items()
               if name.endswith(".rodata"))
    dump = json.loads(sh("bpftool", "-j", "map", "dump", "id", number))
    return {name: value for variable in dump[0]["formatted"]["value"][".rodata"]
            for name, value in variable.items()}


def kernel_has_tcx():
    major, minor = os.uname().release.split(".")[:2]
    return (int(major), int(minor)) >= (6, 6)


def test_nothing_attached(director):
    assert director("status") == "bypass: not attached\n"
    director.bare()
    assert director("detach") == ""
    assert director.pins() == []


def test_attach_status_detach(director):
    kind = "tcx" if kernel_has_tcx() else "clsact"
    lines = director.attach("--inbound", "vb", "--outbound", "vc").splitlines()
    assert lines[0].startswith("flow tables: IPv4 1000 flows, 0.1 MiB; IPv6 256 flows, 0.0 MiB; "
                               "pending 65536 flows, 7.0 MiB: ")
    assert lines[1:] == [f"vb: slot 7, TC egress ({kind})", f"vc: TC egress ({kind})"]
    status = director.status()
    vb, vc = status["interfaces"]
    assert (vb["interface"], vb["inbound"], vb["outbound"], vb["slot"], vb["egress"]) == (
        "vb", True, False, 7, kind)
    assert (vc["interface"], vc["inbound"], vc["outbound"], vc["egress"]) == (
        "vc", False, True, kind)
    assert "slot" not in vc and vb["egress_program_id"] == vc["egress_program_id"] > 0
    assert director.slots("vb") == {"7": TOOL} and director.slots("vc") == {}
    assert (status["flows"], status["flows6"], status["paths"], status["paths_used"]) == (
        1000, 256, 4095, 0)
    assert status["attached"] and not status["monitor"]
    assert status["follower"] == {"pid": None, "compared_s": None}
    text = director("status").splitlines()
    assert text[0] == f"bypass: attached, version {status['version']}"
    assert text[1] == (f"vb: inbound; slot 7: program {vb['program_id']}; TC egress ({kind}): "
                       f"program {vb['egress_program_id']}")
    # the suite's other commands see interfaces only
    roots = json.loads(director.pair.xdp_root("status", "-j", "-i", "0"))
    assert sorted(root["interface"] for root in roots) == ["vb", "vc", "vd"]
    assert {root["pins"] for root in roots} == {"ok"}
    director("detach")
    director.bare()
    assert "clsact" not in director.qdiscs("vb") + director.qdiscs("vc")


def test_interfaces_share_tables(director):
    director.attach("--inbound", "vb,vc", "--slot", "9", "--monitor")
    at = director.interfaces()
    assert director.slots("vb") == director.slots("vc") == {"9": TOOL}
    assert director.status()["monitor"]
    maps = [program_maps(at[dev][key]) for dev in ("vb", "vc")
            for key in ("program_id", "egress_program_id")]
    for name in "tuple_map", "tuple6_map", "path_map", "settings_map":
        assert len({each[name] for each in maps if name in each}) == 1, name
    assert at["vb"]["program_id"] != at["vc"]["program_id"]


def test_upgrade_keeps_maps(director):
    director.attach("--inbound", "vb", "--outbound", "vb,vd")
    before = director.interfaces()
    maps = program_maps(before["vb"]["program_id"])
    contents = director.flow_put()
    out = director.attach("--inbound", "vb,vc")
    assert out.splitlines()[0] == "flow tables: kept, IPv4 1000 flows, IPv6 256 flows"
    after = director.interfaces()
    assert set(after) == {"vb", "vc"}
    assert after["vb"]["program_id"] != before["vb"]["program_id"]
    assert after["vb"]["egress_program_id"] != before["vb"]["egress_program_id"]
    again = program_maps(after["vb"]["program_id"])
    assert again["tuple_map"] == maps["tuple_map"] and again["path_map"] == maps["path_map"]
    assert "bpf_egress" not in json.dumps(director.net("vd"))
    # the flow is where it was, and where the new programs look for it
    assert director.contents() == contents
    seed = contents[2]["seed"]
    assert len(set(seed)) == 2 and 0 not in seed
    for program in after["vb"]["program_id"], after["vb"]["egress_program_id"]:
        constants = program_constants(program)
        assert (constants["bypass_seed"], constants["bypass_buckets"]) == (seed, [125, 32])


ERRORS = {
    "inbound is missing": ([], 2,
                           "attach: interfaces: --inbound IF[,IF...] is missing"),
    "no such interface": (["--inbound", "nix"], 1, "bypass: attach: nix: no such interface"),
    "no root": (["--inbound", "lo"], 1, "lo: attach: no root is attached: xdp_root attach lo"),
    "no root outbound": (["--inbound", "vb", "--outbound", "lo"], 1,
                         "lo: attach: no root is attached: xdp_root attach lo"),
    "no service": (["--inbound", "vb", "--service", "x"], 2,
                   "attach: interfaces: x is no service: tcp:ADDRESS:PORT, udp:..., fwmark:N"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(director, name):
    argv, code, told = ERRORS[name]
    done = director.attach(*argv, ok=None)
    assert (done.returncode, done.stderr, done.stdout) == (code, f"{TOOL}: {told}\n", "")
    director.bare()


def test_refusals_of_an_upgrade(director):
    director.attach("--inbound", "vb")
    before = director.interfaces()
    for argv, told in ((["--flows", "2000"], "bypass: attach: it runs with --flows 1000: "),
                       (["--slot", "3"], "vb: attach: the bypass is in slot 7: ")):
        done = director("attach", "--inbound", "vb", "--no-follow", *argv, ok=None)
        assert (done.returncode, done.stderr) == (1, f"{TOOL}: {told}detach it first\n")
        assert director.interfaces() == before


def test_foreign_slot_program(director):
    """It stays, and what was done on the other interface is undone."""
    director.pair.xdp_root("slot", "vc", 7, "load", obj("tally"))
    done = director.attach("--inbound", "vb,vc", ok=None)
    assert done.returncode == 1
    assert done.stderr.startswith(f"{TOOL}: vc: attach: slot 7 has another program: tally (id ")
    director.bare()
    director.attach("--inbound", "vb")
    before = director.interfaces()
    assert director.attach("--inbound", "vb,vc", ok=None).returncode == 1
    assert director.interfaces() == before
    director("detach")
    assert director.slots("vc") == {"7": "tally"}


def test_foreign_filter(director):
    """A clsact qdisc and a filter that were there, and one that came later, survive."""
    run = director.netns.run
    run("tc", "qdisc", "add", "dev", "vb", "clsact")
    run("tc", "filter", "add", "dev", "vb", "egress", "pref", "10", *FILTER)
    director.attach("--inbound", "vb,vc")
    if not kernel_has_tcx():
        run("tc", "filter", "add", "dev", "vc", "ingress", "pref", "9", *FILTER)
    director("detach")
    director.bare()
    assert "pref 10 bpf" in director.filters("vb")
    assert ("clsact" in director.qdiscs("vc")) == (not kernel_has_tcx())


def test_foreign_filter_in_our_place(director):
    """Where the kernel has TCX nobody wants that place; else it is an error that changes nothing."""
    run, place = director.netns.run, ("pref", OWN_PREFERENCE, "handle", OWN_HANDLE)
    run("tc", "qdisc", "add", "dev", "vc", "clsact")
    run("tc", "filter", "add", "dev", "vc", "egress", *place, *FILTER)
    before = director.net("vc")
    done = director.attach("--inbound", "vb,vc", ok=None)
    if kernel_has_tcx():
        assert (done.returncode, done.stderr) == (0, "")
    else:
        assert (done.returncode, done.stderr) == (
            1, f"{TOOL}: vc: attach: a filter of somebody else has preference {OWN_PREFERENCE}\n")
        director.bare()
        # nor is a bypass that runs extended to it
        director.attach("--inbound", "vb")
        at = director.interfaces()
        assert director.attach("--inbound", "vb,vc", ok=None).returncode == 1
        assert director.interfaces() == at
    director("detach")
    director.bare()
    assert director.net("vc") == before and OWN_HANDLE in before[1]


def test_bond(director):
    """On a bond's behalf the programs go to its members."""
    run = director.netns.run
    try:
        run("ip", "link", "add", "bond7", "type", "bond", "mode", "active-backup")
    except subprocess.CalledProcessError:
        pytest.skip("the kernel has no bonds")
    for dev in "vc", "vd":
        run("ip", "link", "set", dev, "down")
        run("ip", "link", "set", dev, "master", "bond7")
    run("ip", "link", "set", "bond7", "up")
    director.attach("--inbound", "bond7", "--outbound", "vb")
    at = director.interfaces()
    assert set(at) == {"bond7", "vb", "vc", "vd"}
    assert [at[name].get("slot") for name in ("bond7", "vb", "vc", "vd")] == [None, None, 7, 7]
    assert at["bond7"]["inbound"] and not at["vb"]["inbound"]
    assert at["vc"]["egress_program_id"] == at["vd"]["egress_program_id"] > 0
    director("detach")
    director.bare()


def test_vlan(director):
    """On a VLAN device's behalf the programs go to the device below."""
    for name, link, number in ("vb.5", "vb", 5), ("vb.5.6", "vb.5", 6):
        argv = ["ip", "link", "add", "link", link, "name", name, "type", "vlan", "id", str(number)]
        try:
            director.netns.run(*argv)
        except subprocess.CalledProcessError:
            pytest.skip("the kernel has no VLAN devices")
    director.attach("--inbound", "vb.5", "--outbound", "vc")
    at = director.interfaces()
    assert set(at) == {"vb", "vb.5", "vb.5.6", "vc"}
    assert [at[name]["vlans"] for name in ("vb", "vb.5", "vb.5.6")] == [[], [5], [5, 6]]
    assert [at[name]["inbound"] for name in ("vb", "vb.5", "vb.5.6")] == [False, True, True]
    assert at["vb"]["slot"] == 7 and "slot" not in at["vb.5"]


def test_interface_removed(director):
    director.attach("--inbound", "vb,vc")
    director.netns.run("ip", "link", "del", "vc")
    gone = [entry for entry in director.status()["interfaces"] if entry["interface"] is None]
    assert [(entry["slot"], entry["egress"]) for entry in gone] in ([(None, "none")], [])
    director.attach("--inbound", "vb")
    assert set(director.interfaces()) == {"vb"}
    director("detach")
    director.bare("vb")
    director.pair.xdp_root("detach", "vc", "vd")


def test_killed_at_any_instant(director):
    """Attach, an upgrade and detach: the next command makes it whole, and no upgrade loses a flow."""
    killed, argv = Killed(director), ("attach", "--inbound", "vb,vc", *SMALL)
    for _ in range(1 + KILLS):
        killed("attach", *argv)
        assert director.status()["attached"] in (True, False)
        director("detach")
        director.bare()
        director.attach("--inbound", "vb,vc")
        flow = director.flow_put()
        killed("upgrade", *argv)
        assert director.status()["attached"] and director.contents() == flow
        director.attach("--inbound", "vb,vc")
        assert director.contents() == flow
        director.whole("vb", "vc")
        killed("detach", "detach")
        assert director.status()["attached"] in (True, False)
        director("detach")
        director.bare()
    killed.each()
