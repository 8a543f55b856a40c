# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""The balancer comes and goes, and configurations in it: all of it or nothing."""
import json
import os
import pathlib
import struct

import pytest

from conftest import obj, sh
from director import Director, Killed, directors, program_maps

KILLS = int(os.environ.get("ECBPF_KILL_ROUNDS", "40"))
TOOL = "xdp_lb"
SMALL = ["--conns", "1000", "--no-monitor"]
TCP, UDP = 6, 17


def words(data):
    """What bpftool prints of a value without a type."""
    return bytes(int(byte, 16) for byte in data)


class Balancer(Director):
    tool, small = TOOL, SMALL

    def __init__(self, pair):
        super().__init__(pair)
        self.netns.run("ip", "address", "add", "10.0.0.1/24", "dev", "vb")
        for host in 2, 3, 4, 5:
            self.netns.run("ip", "neigh", "add", f"10.0.0.{host}", "dev", "vb", "lladdr",
                           f"02:00:00:00:00:0{host}", "nud", "permanent")

    def restore(self, document):
        self("restore", input=json.dumps(document))

    # --- the maps

    def pinned(self, name):
        directory, = self.pins()
        return pathlib.Path(os.environ["ECBPF_BPFFS"]) / directory / name

    def lookup(self, name, number):
        key = [f"0x{byte:02x}" for byte in struct.pack("=I", number)]
        text = sh("bpftool", "-j", "map", "lookup", "pinned", self.pinned(name), "key", *key)
        return json.loads(text)

    def keys(self):
        """{(family, address, port, protocol): number of the VIP}"""
        found = {}
        for entry in json.loads(sh("bpftool", "-j", "map", "dump", "pinned",
                                   self.pinned("lb_key_map"))):
            key, (value,) = words(entry["key"]), struct.unpack("=I", words(entry["value"]))
            port, = struct.unpack("!H", key[16:18])
            found[key[19], key[:16], port, key[18]] = value
        return found

    def backend(self, number):
        """(generation, state)"""
        value = words(self.lookup("lb_backend_map", number)["value"])
        gen, _, state = struct.unpack_from("=III", value, 88)
        return gen, state

    def table(self, number):
        """Id of the map that a VIP's table is."""
        return struct.unpack("=I", words(self.lookup("lb_ring_map", number)["value"]))[0]

    def ring(self, number):
        """Numbers of the backends in a VIP's table, each once; None: it has none."""
        entries, = struct.unpack_from("=I", words(self.lookup("lb_vip_map", number)["value"]), 8)
        if not entries:
            return None
        dump = json.loads(sh("bpftool", "-j", "map", "dump", "id", self.table(number)))
        lines = b"".join(words(entry["value"]) for entry in dump)
        table = struct.unpack(f"={entries}H", lines[:2 * entries])
        assert lines[2 * entries:].count(0) == len(lines) - 2 * entries
        return set(table)


@pytest.fixture(name="director")
def director_fixture(pair):
    yield from directors(Balancer(pair))


def test_nothing_attached(director):
    assert director("status") == "balancer: not attached\n"
    director.bare()
    assert director("detach") == ""
    done = director("detach", "vb", ok=None)
    assert (done.returncode, done.stderr) == (1, f"{TOOL}: vb: detach: the balancer is not there\n")
    done = director("save", ok=None)
    assert done.returncode == 1
    assert done.stderr.endswith("no balancer is attached: xdp_lb attach IF\n")
    director.bare()


def test_attach_status_detach(director):
    lines = director.attach("vb").splitlines()
    assert lines[0].startswith("connection tables: IPv4 1000 connections, 0.1 MiB; "
                               "IPv6 256 connections, 0.0 MiB; of these by NAT 65536 and 16384, "
                               "11.0 MiB: ")
    assert lines[1:] == ["vb: slot 6"]
    status = director.status()
    entry, = status["interfaces"]
    assert (entry["interface"], entry["slot"]) == ("vb", 6) and entry["program_id"] > 0
    assert director.slots("vb") == {"6": TOOL} and director.slots("vc") == {}
    assert (status["attached"], status["conns"], status["conns6"], status["vips"],
            status["backends"], status["unresolved"]) == (True, 1000, 256, 0, 0, 0)
    assert director("status").splitlines()[:3] == [
        f"balancer: attached, version {status['version']}",
        f"vb: slot 6: program {entry['program_id']}", "VIPs: 0; backends: 0"]
    roots = json.loads(director.pair.xdp_root("status", "-j", "-i", "0"))
    assert sorted(root["interface"] for root in roots) == ["vb", "vc", "vd"]
    director("detach")
    director.bare()


def test_interfaces_share_maps(director):
    """A later attach adds an interface; the configuration stays until the last one goes."""
    director.attach("vb")
    director("vip", "add", "tcp:192.0.2.1:80")
    assert director.attach("vc", "vd").splitlines() == [
        "connection tables: kept, IPv4 1000 connections, IPv6 256 connections",
        "vc: slot 6", "vd: slot 6"]
    at = director.interfaces()
    assert set(at) == {"vb", "vc", "vd"}
    maps = [program_maps(at[dev]["program_id"]) for dev in at]
    for name in "lb_key_map", "lb_vip_map", "lb_conn4_map", "lb_conn6_map", "lb_ring_map":
        assert len({each[name] for each in maps}) == 1, name
    director("detach", "vb", "vc")
    assert set(director.interfaces()) == {"vd"} and director.status()["vips"] == 1
    assert director.slots("vb") == director.slots("vc") == {}
    done = director("detach", "vb", ok=None)
    assert (done.returncode, done.stderr) == (1, f"{TOOL}: vb: detach: the balancer is not there\n")
    director("detach", "vd")
    director.bare()


def test_upgrade_keeps_maps(director):
    director.attach("vb")
    director("vip", "add", "tcp:192.0.2.1:80")
    before, saved = director.interfaces()["vb"], director("save")
    maps = program_maps(before["program_id"])
    director.attach("vb")
    after = director.interfaces()["vb"]
    assert after["program_id"] != before["program_id"]
    again = program_maps(after["program_id"])
    assert {name: number for name, number in again.items() if name.startswith("lb_")} == {
        name: number for name, number in maps.items() if name.startswith("lb_")}
    assert director("save") == saved


ERRORS = {
    "no such interface": (["nix"], "nix: attach: no such interface"),
    "no root": (["lo"], "lo: attach: no root is attached: xdp_root attach lo"),
    "no root on one": (["vb", "lo"], "lo: attach: no root is attached: xdp_root attach lo"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(director, name):
    argv, told = ERRORS[name]
    done = director.attach(*argv, ok=None)
    assert (done.returncode, done.stderr, done.stdout) == (1, f"{TOOL}: {told}\n", "")
    director.bare()


def test_usage(director):
    assert director("attach", ok=None).returncode == 2
    assert director("attach", "vb", "--conns", "0", ok=None).returncode == 2
    director.bare()


def test_other_sizes_are_refused(director):
    director.attach("vb")
    before = director.interfaces()
    for option, has in ("--conns", 1000), ("--conns6", 256), ("--nat", 65536):
        done = director("attach", "vc", option, "2000", "--no-monitor", ok=None)
        assert (done.returncode, done.stderr) == (
            1, f"{TOOL}: balancer: attach: it runs with {option} {has}: detach it first\n")
        assert director.interfaces() == before


def test_foreign_slot_program(director):
    """It stays, and what was done on the other interface is undone."""
    director.pair.xdp_root("slot", "vc", 6, "load", obj("tally"))
    done = director.attach("vb", "vc", ok=None)
    assert done.returncode == 1
    assert done.stderr.startswith(f"{TOOL}: vc: attach: slot 6 has another program: tally (id ")
    director.bare()
    director.attach("vb")
    before = director.interfaces()
    assert director.attach("vb", "vc", ok=None).returncode == 1
    assert director.interfaces() == before
    director("detach")
    assert director.slots("vc") == {"6": "tally"}


def test_interface_removed(director):
    director.attach("vb", "vc")
    director.netns.run("ip", "link", "del", "vc")
    gone = [entry for entry in director.status()["interfaces"] if entry["interface"] is None]
    assert [entry["slot"] for entry in gone] in ([None], [])
    director.attach("vb")
    assert set(director.interfaces()) == {"vb"}
    director("detach")
    director.bare("vb")
    director.pair.xdp_root("detach", "vc", "vd")


# --- configurations


def inet(address, port, proto):
    return (2, bytes(map(int, address.split("."))) + bytes(12), port, proto)


def vip(service, *backends, **more):
    return {"service": service, "table_size": 251, **more,
            "backends": [{"address": each} if isinstance(each, str) else each
                         for each in backends]}


def document(*vips):
    return {"version": 1, "vips": list(vips)}


def test_vips_in_the_maps(director):
    director.attach("vb")
    director.restore(document(vip("tcp:192.0.2.1:80", "10.0.0.2", "10.0.0.3"),
                              vip("udp:192.0.2.1:53-54", "10.0.0.2")))
    keys = director.keys()
    assert set(keys) == {inet("192.0.2.1", 80, TCP), inet("192.0.2.1", 53, UDP),
                         inet("192.0.2.1", 54, UDP)}
    tcp, udp = keys[inet("192.0.2.1", 80, TCP)], keys[inet("192.0.2.1", 53, UDP)]
    assert udp == keys[inet("192.0.2.1", 54, UDP)] != tcp
    assert len(director.ring(tcp)) == 2 and len(director.ring(udp)) == 1
    assert director.status()["unresolved"] == 0
    director("vip", "del", "udp:192.0.2.1:53-54")
    assert director.keys() == {inet("192.0.2.1", 80, TCP): tcp}
    assert director.ring(udp) is None
    director("vip", "add", "udp:192.0.2.1:53-54")
    assert director.keys()[inet("192.0.2.1", 53, UDP)] not in (tcp, udp)


def test_states_of_a_backend(director):
    """Draining: no entries, the same generation. Down: another one. Gone: not in use."""
    director.attach("vb")
    service = "tcp:192.0.2.1:80"
    director.restore(document(vip(service, "10.0.0.2", "10.0.0.3")))
    number, = director.keys().values()
    both = director.ring(number)
    before = {each: director.backend(each) for each in both}
    assert {state for _, state in before.values()} == {1}
    director("backend", "set", service, "10.0.0.3", "--state", "draining")
    first, = director.ring(number)
    second, = both - {first}
    assert director.backend(second) == before[second]
    director("backend", "set", service, "10.0.0.3", "--state", "down")
    assert director.backend(second) == (before[second][0] + 1, 1)
    assert director.backend(first) == before[first]
    director("backend", "set", service, "10.0.0.3", "--state", "active")
    assert director.ring(number) == both
    assert director.backend(second)[0] == before[second][0] + 1
    director("backend", "del", service, "10.0.0.3")
    assert director.ring(number) == {first} and director.backend(second)[1] == 0


def test_only_tables_that_change(director):
    director.attach("vb")
    director.restore(document(vip("tcp:192.0.2.1:80", "10.0.0.2", "10.0.0.3"),
                              vip("tcp:192.0.2.1:81", "10.0.0.2", "10.0.0.3")))
    numbers = [director.keys()[inet("192.0.2.1", port, TCP)] for port in (80, 81)]
    before = [director.table(number) for number in numbers]
    director("backend", "set", "tcp:192.0.2.1:81", "10.0.0.3", "--weight", "9")
    after = [director.table(number) for number in numbers]
    assert after[0] == before[0] and after[1] != before[1]


# --- kills


def test_killed_at_any_instant(director):
    """kill -9 during attach and detach: the next one makes it whole."""
    killed = Killed(director)
    for turn in range(KILLS // 4):  # loading the program takes a second
        if turn % 2:
            director.attach("vb", "vc")
            killed("detach", "detach")
        else:
            director("detach")
            director.bare()
            killed("attach", "attach", "vb", "vc", *SMALL)
        assert director.status()["attached"] in (True, False)
    director("detach")
    director.bare()
    killed.each()


def test_change_killed_at_its_end(director):
    """The backends of before are taken away already, and the new configuration is not stored yet."""
    director.attach("vb")
    single = document(vip("tcp:192.0.2.77:80", "10.0.0.5"))
    director.restore(single)
    number, = director.ring(director.keys()[inet("192.0.2.77", 80, TCP)])
    before = director.backend(number)
    value = bytearray(words(director.lookup("lb_backend_map", number)["value"]))
    struct.pack_into("=I", value, 96, 0)
    sh("bpftool", "map", "update", "pinned", director.pinned("lb_backend_map"), "key",
       *(f"0x{byte:02x}" for byte in struct.pack("=I", number)), "value",
       *(f"0x{byte:02x}" for byte in value))
    director.pinned("changing").mkdir()
    assert director.backend(number) == (before[0], 0)
    director.restore(single)
    assert director.backend(number) == before and before[1] == 1
    assert not director.pinned("changing").exists()


def test_change_killed_at_any_instant(director, tmp_path):
    """What runs is the one or the other, and the next change brings all maps in line."""
    director.attach("vb")
    texts = []
    for turn, hosts in enumerate((("10.0.0.2", "10.0.0.3"), ("10.0.0.3", "10.0.0.4"))):
        ports = range(1000 + 7 * turn, 1040 + 7 * turn)
        director.restore(document(*(vip(f"tcp:192.0.2.{turn}:{port}", *hosts) for port in ports),
                                  vip("tcp:192.0.2.9:1-500", *hosts),
                                  vip(f"any:198.51.{turn}.0/24", *hosts)))
        texts.append(director("save"))
        (tmp_path / str(turn)).write_text(texts[turn])
    single = document(vip("tcp:192.0.2.77:80", "10.0.0.5"))
    director.restore(single)
    texts.append(director("save"))
    killed = Killed(director)
    for turn in range(KILLS):
        with open(tmp_path / str(turn % 2), encoding="ascii") as text:
            killed("restore", "restore", stdin=text)
        assert director("save") in texts
        if turn % 4 < 2:
            continue
        director.restore(single)
        keys = director.keys()
        assert set(keys) == {inet("192.0.2.77", 80, TCP)}
        backend, = director.ring(keys[inet("192.0.2.77", 80, TCP)])
        assert director.backend(backend)[1] == 1
        assert not json.loads(sh("bpftool", "-j", "map", "dump", "pinned",
                                 director.pinned("lb_net_map")))
    killed.each()
