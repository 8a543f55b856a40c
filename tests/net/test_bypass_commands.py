# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""
Commands that show and change what the bypass knows; needs no IPVS: flows and paths that a test
wants to see are written into the maps.
"""
import ipaddress
import json
import pathlib
import re
import socket
import struct
import subprocess
import time

import pytest
from scapy.all import Ether, IP, UDP

from conftest import BUILD, row, sh, verdicts

FLOWS, PATHS, WAYS, SLOT = 64, 16, 8, 7
DEFAULTS = ("params inactive=60s sample=4s retry=500ms tries=3 admit=2 shadow=0 monitor=off "
            "unknown-pps=0 unknown-max-pps=0 reset-pps=0 reset-per-flow=0\n")
HEADER = "xdp_bypass_ipvs 1\n"
SERVICES = "services add tcp:192.0.2.1:80\nservices add fwmark6:7\n"
FIN, RST = 1, 2
CLOCK_MONOTONIC_COARSE = 6


def pressed(values, form, size):
    data = struct.pack(form, *values)
    assert len(data) == size
    return data


def as_hex(data):
    return ["hex", *(f"{byte:02x}" for byte in data)]


class Bypass:
    def __init__(self, pair, bpffs):
        self.pair = pair
        pair.xdp_root("attach", "vb")
        pair.wait_up()
        self("attach", "--inbound", "vb", "--no-follow", "--flows", FLOWS, "--flows6", FLOWS,
             "--paths", PATHS, "--service", "tcp:192.0.2.1:80", "--service", "fwmark6:7")
        self.dir, = (bpffs / "ecbpf").glob(":bypass_ipvs*")

    def __call__(self, *argv, ok=True, **kwargs):
        return self.pair.tool("xdp_bypass_ipvs", *argv, ok=ok, **kwargs)

    def json(self, *argv):
        return json.loads(self(*argv, "-j"))

    def map(self, verb, name, *words):
        return sh("bpftool", "-j", "map", verb, "pinned", self.dir / name, *words)

    def write(self, name, key, value):
        self.map("update", name, "key", *as_hex(struct.pack("=I", key)), "value", *as_hex(value))

    def read(self, name, key):
        found = json.loads(self.map("lookup", name, "key", *as_hex(struct.pack("=I", key))))
        return bytes(int(byte, 16) for byte in found["value"])

    def contents(self):
        """All that these commands may change."""
        return [self.map("dump", name) for name in (
            "settings_map", "exclude_map", "service_map", "path_map")]

    def refuse(self, *argv, told, code=1, **kwargs):
        """One line on standard error, this exit status, and nothing is changed."""
        before = self.contents()
        done = self(*argv, ok=None, **kwargs)
        assert done.stderr == f"xdp_bypass_ipvs: bypass: {argv[0]}: {told}\n", done
        assert (done.returncode, done.stdout) == (code, ""), done
        assert self.contents() == before

    def param(self, name):
        return {entry["name"]: entry["value"] for entry in self.json("params")}[name]

    def generations(self):
        return [struct.unpack_from("=I", self.read("path_map", path), 88)[0]
                for path in range(1, PATHS)]


@pytest.fixture(name="bypass")
def attached(pair, bpffs):
    it = Bypass(pair, bpffs)
    yield it
    it("detach")


def jiffies():
    """Lower 32 bits of the kernel's clock."""
    text = pathlib.Path("/proc/timer_list").read_text(encoding="ascii")
    return int(re.search(r"^jiffies: (\d+)", text, re.M)[1]) & 0xffffffff


def kernel_hz():
    return round(1 / time.clock_getres(CLOCK_MONOTONIC_COARSE))


def recipe(ifindex, kind, dmac, outer=b"", flags=0, service=0, vlans=()):
    l2 = bytes.fromhex(dmac.replace(":", "")) + bytes(6)
    for vlan in vlans:
        l2 += struct.pack("!HH", 0x8100, vlan)
    l2 += b"\x08\x00"
    return pressed((ifindex, service, kind, flags, len(l2), len(outer), l2, outer),
                   "=IHBBBB2x22s2x52s", 88)


def path(made, gen, mtu=1500):
    return made + pressed((gen, mtu, 0, 0), "=IIQQ16x", 40)


def flow(number, gen, now, state=0, tries=0, packets=1, octets=60, confirmed_s=0):
    hz = kernel_hz()
    return pressed(((0xabcd << 32) | number << 16 | gen, packets, octets,
                    (now - 10 * hz) & 0xffffffff, now,
                    (now - confirmed_s * hz) & 0xffffffff,
                    (now - 100 * hz) & 0xffffffff, 0, 0, tries, state),
                   "=QQQIIIIIHBB", 48)


def key4(proto, src, sport, dst, dport, outer=0, inner=0):
    return (socket.inet_aton(src) + socket.inet_aton(dst) + struct.pack("!HH", sport, dport) +
            struct.pack("=I", proto | outer << 8 | inner << 20))


def key6(proto, src, sport, dst, dport):
    packed = [ipaddress.ip_address(addr).packed for addr in (src, dst)]
    return b"".join(packed) + struct.pack("!HH", sport, dport) + struct.pack("=I", proto)


@pytest.fixture(name="known")
def with_flows(bypass):
    """Flows of all kinds, in different buckets of both tables."""
    with bypass.pair.b:
        ifindex = socket.if_nametoindex("vb")
    ipip = bytes(12) + socket.inet_aton("10.7.0.1") + socket.inet_aton("10.7.0.9")
    gue6 = bytes(24) + ipaddress.ip_address("fd07::9").packed + bytes(12)
    bypass.write("path_map", 1, path(recipe(ifindex, 0, "02:00:00:00:00:99"), 5))
    bypass.write("path_map", 2, path(recipe(ifindex, 1, "02:00:00:00:00:01", ipip, vlans=(30,)), 1))
    bypass.write("path_map", 15, path(recipe(ifindex, 2, "02:00:00:00:00:01", gue6, 1,
                                             service=1), 3))
    now = jiffies()
    four = [
        (0, 0, flow(1, 5, now, packets=12, octets=3400),
         key4(6, "10.1.0.2", 1025, "192.0.2.1", 80, 100, 200)),
        (0, 7, flow(1, 5, now, state=FIN), key4(6, "10.1.0.3", 1026, "192.0.2.1", 80)),
        (3, 4, flow(1, 4, now), key4(6, "10.2.0.3", 1027, "192.0.2.1", 80)),
        (3, 6, flow(1, 5, now, confirmed_s=65, tries=1),
         key4(6, "10.2.0.9", 1027, "192.0.2.1", 80)),
        (7, 2, flow(2, 1, now, tries=1), key4(17, "10.2.0.4", 1025, "192.0.2.2", 53)),
    ]
    buckets = {}
    for bucket, way, value, key in four:
        buckets.setdefault(bucket, bytearray(WAYS * 64))[way * 64:way * 64 + 64] = value + key
    # an entry that is being filled is none
    buckets[7][0:8] = struct.pack("=Q", 1)
    for bucket, value in buckets.items():
        bypass.write("tuple_map", bucket, value)
    six = bytearray(WAYS * 128)
    six[128:128 + 88] = flow(15, 3, now, state=RST) + key6(17, "2001:db8::2", 9, "fd09::1", 443)
    bypass.write("tuple6_map", 5, six)
    return bypass


# --- params

def test_params_are_judged_and_changed_together(bypass):
    assert bypass.param("inactive") == 60000000
    bypass("params", "inactive=10s", "sample=2s", "retry=2s", "monitor=on", "shadow=50")
    assert [bypass.param(name) for name in ("inactive", "sample", "retry", "monitor", "shadow")] \
        == [10000000, 2000000, 2000000, True, 50]
    for words, told, in (
            (["tries=4", "sample=10s"], "sample (10s) must be less than inactive (10s)"),
            (["tries=4", "sample=1s"], "retry (2s) must not be more than sample (1s)"),
            (["tries=4", "unknown-pps=10"],
             "unknown-max-pps (0) must not be less than unknown-pps (10)"),
            (["tries=4", "tries=101"], "tries is named twice"),
            (["tries=101"], "tries: 101 is not in 1 to 100"),
            (["speed=1"], "speed is no parameter"),
            (["tries"], "tries is not NAME=VALUE"),
            (["sample=now"], "sample: now is not a duration, such as 1.5s or 200ms")):
        bypass.refuse("params", *words, told=told, code=2)
    bypass("params", "sample=100ms", "retry=100ms", "inactive=1s", "unknown-pps=10",
           "unknown-max-pps=10")
    assert bypass.param("unknown-pps") == 10 and bypass.param("sample") == 100000
    line, = (line for line in bypass("params").splitlines() if line.startswith("sample "))
    assert line.split()[:7] == ["sample", "100ms", "4s", "time", "100ms", "to", "900s"]


def test_params_are_switched(bypass):
    before = bypass.read("settings_map", 0)
    bypass("params", "tries=7")
    after = bypass.read("settings_map", 0)
    active, = struct.unpack_from("=I", after)
    assert active == 1 - struct.unpack_from("=I", before)[0]
    tries = [struct.unpack_from("=I", after, len(after) - 128 + 64 * half + 12)[0]
             for half in (0, 1)]
    assert tries[active] == 7 and tries[1 - active] == 3


# --- exclude

def test_excludes_come_and_go(bypass):
    generations = bypass.generations()
    bypass("exclude", "add", "2001:db8::/32", "192.0.2.0/24", "192.0.2.1")
    assert bypass("exclude", "list") == "192.0.2.0/24\n192.0.2.1/32\n2001:db8::/32\n"
    assert struct.unpack_from("=I", bypass.read("settings_map", 0), 8)[0] == 3
    # decisions that there are must be asked for again
    assert all((new - old) in (1, 2) for new, old in zip(bypass.generations(), generations))
    bypass("exclude", "del", "192.0.2.0/24")
    assert bypass.json("exclude", "list") == ["192.0.2.1/32", "2001:db8::/32"]
    bypass("exclude", "add", "192.0.2.0/24")
    bypass("exclude", "del", "192.0.2.1", "2001:db8::/32", "192.0.2.0/24")
    assert bypass("exclude", "list") == ""
    assert struct.unpack_from("=I", bypass.read("settings_map", 0), 8)[0] == 0


def test_bad_excludes_change_nothing(bypass):
    bypass("exclude", "add", "10.0.0.0/8")
    usage = "it is add PREFIX..., del PREFIX..., list"
    for words, told, code in (
            (["add", "1.0.0.0/8", "10.0.0.0/8"], "10.0.0.0/8 is excluded already", 1),
            (["add", "1.0.0.0/8", "1.0.0.0/8"], "1.0.0.0/8 is named twice", 2),
            (["add", "1.0.0.0/8", "::/0"], "::/0 has all of IPv4 in it: say 2000::/3 or smaller",
             2),
            (["add", "1.0.0.1/8"], "1.0.0.1/8 has bits set behind its prefix length", 2),
            (["del", "10.0.0.0/8", "10.0.0.0/9"], "10.0.0.0/9 is not excluded", 1),
            (["add"], usage, 2), (["list", "10.0.0.0/8"], usage, 2), (["flush"], usage, 2)):
        bypass.refuse("exclude", *words, told=told, code=code)


def test_excludes_have_a_limit(bypass):
    some = [f"10.0.{number // 256}.{number % 256}" for number in range(4096)]
    bypass("exclude", "add", *some)
    assert len(bypass("exclude", "list").splitlines()) == 4096
    bypass.refuse("exclude", "add", "1.1.1.1", told="4097 prefixes: there is room for 4096")
    # there is no room for both lists at a time
    text = HEADER + "".join(f"exclude add 11.0.{number // 256}.{number % 256}\n"
                            for number in range(4096))
    bypass("restore", input=text)
    assert bypass("exclude", "list").splitlines()[4095] == "11.0.15.255/32"


# --- save, restore

def test_what_is_restored_is_saved(bypass):
    first = bypass("save")
    assert first == HEADER + DEFAULTS + SERVICES
    bypass("params", "sample=333ms", "retry=10ms", "unknown-max-pps=5")
    bypass("exclude", "add", "10.0.0.0/8", "2001:db8::/32")
    second = bypass("save")
    assert "exclude add 10.0.0.0/8\nexclude add 2001:db8::/32\n" in second
    bypass("restore", input=first)
    assert bypass("save") == first
    generations = bypass.generations()
    bypass("restore", input=second)
    assert bypass("save") == second
    assert bypass.generations() != generations, "there are new excludes"
    generations = bypass.generations()
    bypass("restore", input=second)
    assert bypass.generations() == generations, "there are none"
    bypass("restore", input=HEADER + "# nothing but the default\n\n")
    assert bypass("save") == HEADER + DEFAULTS
    assert bypass.map("dump", "service_map") == "[]\n"
    bypass("restore", input=HEADER + "services add udp:[2001:db8::1]:53 tcp:192.0.2.9:0\n")
    assert sorted(bypass("save").splitlines()[2:]) == [
        "services add tcp:192.0.2.9:0", "services add udp:[2001:db8::1]:53"]


def test_bad_text_changes_nothing(bypass):
    bypass("exclude", "add", "10.0.0.0/8")
    good = HEADER + "params tries=9\nexclude add 1.0.0.0/8\nservices add tcp:192.0.2.5:80\n"
    for text, told in (
            ("", "line 1: not what xdp_bypass_ipvs save writes"),
            ("params tries=9\n", "line 1: not what xdp_bypass_ipvs save writes"),
            ("xdp_bypass_ipvs 2\n", "line 1: version 2 is unknown: this tool reads 1"),
            (good + "params admit=1\n", "line 5: a second line of params"),
            (HEADER + "params retry=100s\n",
             "line 2: retry (100s) must not be more than sample (4s)"),
            (good + "exclude add 1.0.0.0/8\n", "line 5: 1.0.0.0/8 is excluded already"),
            (good + "exclude add 1.0.0.0/33\n",
             "line 5: 1.0.0.0/33: the prefix length is not in 0 to 32"),
            (good + "\n# x\nservices add tcp:192.0.2.5:80",
             "line 7: tcp:192.0.2.5:80 is named twice"),
            (good + "exclude del 1.0.0.0/8\n",
             "line 5: not params, exclude add or services add"),
            (good + "flush\n", "line 5: not params, exclude add or services add"),
            (good + "flush \x01\n", "line 5: not a line of text")):
        bypass.refuse("restore", input=text, told=told)


# --- flows

def test_flows_as_text(known):
    lines = known("flows").splitlines()
    assert len(lines) == 6
    assert re.fullmatch(r"tcp 10\.1\.0\.2:1025 192\.0\.2\.1:80 vlan 100 vlan 200 active "
                        r"age 10\d\.\d idle 1\d\.\d packets 12 bytes 3400 path 1 "
                        r"direct 02:00:00:00:00:99 dev vb service \S+", lines[0]), lines[0]
    assert re.fullmatch(r"udp 10\.2\.0\.4:1025 192\.0\.2\.2:53 unconfirmed age \S+ idle \S+ "
                        r"packets 1 bytes 60 path 2 ipip 10\.7\.0\.9 dev vb vlan 30 service \S+",
                        lines[4]), lines[4]
    assert re.fullmatch(r"udp \[2001:db8::2\]:9 \[fd09::1\]:443 rst age \S+ idle \S+ packets 1 "
                        r"bytes 60 path 15 gue fd07::9 dev vb service \S+", lines[5]), lines[5]


def test_flows_as_json(known):
    flows = known.json("flows")["flows"]
    assert [entry["state"] for entry in flows] == [
        "active", "fin", "stale", "idle", "unconfirmed", "rst"]
    first = dict(flows[0])
    assert 100 <= first.pop("age_s") < 110 and 10 <= first.pop("idle_s") < 20
    assert first == {"proto": "tcp", "src": "10.1.0.2", "sport": 1025, "dst": "192.0.2.1",
                     "dport": 80, "vlans": [100, 200], "state": "active", "packets": 12,
                     "bytes": 3400, "path": 1, "kind": "direct", "server": "02:00:00:00:00:99",
                     "dev": "vb", "service": "tcp:192.0.2.1:80"}
    assert flows[5]["service"] == "fwmark6:7"
    # another generation of the path, another limit for what is not confirmed
    known.write("path_map", 2, path(known.read("path_map", 2)[:88], 9))
    known("params", "inactive=900s")
    assert [entry["state"] for entry in known.json("flows")["flows"]] == [
        "active", "fin", "stale", "unconfirmed", "stale", "rst"]


def test_flows_that_are_wanted(known):
    def sources(*words):
        return [(entry["src"], entry["sport"]) for entry in
                known.json("flows", *words)["flows"]]

    everything = sources()
    one, two, three, old, four, six = everything
    for words, found in (
            (["src", "10.1.0.0/16"], [one, two]), (["src", "10.2.0.4"], [four]),
            (["src", "10.0.0.0/14"], everything[:5]), (["src", "10.2.0.8/29"], [old]),
            (["src", "0.0.0.0/0"], everything[:5]),
            (["src", "::/0"], [six]), (["dst", "fd09::/17"], [six]), (["dst", "fd09:8000::/17"], []),
            (["dst", "192.0.2.2"], [four]), (["sport", "1025"], [one, four]),
            (["sport", "1025", "proto", "tcp"], [one]), (["dport", "443"], [six]),
            (["proto", "udp"], [four, six]), (["path", "2"], [four]), (["path", "3"], []),
            (["limit", "2"], [one, two]), (["proto", "udp", "limit", "1"], [four]),
            (["service", "tcp:192.0.2.1:80"], everything[:5]), (["service", "fwmark6:7"], [six]),
            (["src", "10.2.0.0/29"], [three, four])):
        assert sources(*words) == found, words
        assert known("flows", "count", *words) == f"{len(found)}\n"
    assert known.json("flows", "count", "proto", "tcp") == {"count": 4}


def test_bad_filters(known):
    for words, told, code in (
            (["src"], "src needs a value", 2), (["src", "10.0.0.1/8"],
             "10.0.0.1/8 has bits set behind its prefix length", 2),
            (["state", "fin"], "state is none of src, dst, sport, dport, proto, service, path, "
             "limit", 2), (["proto", "icmp"], "icmp is none of tcp|udp", 2),
            (["sport", "65536"], "65536 is not in 1 to 65535", 2),
            (["service", "tcp:192.0.2.7:80"],
             "tcp:192.0.2.7:80 is no service that the bypass knows", 1)):
        known.refuse("flows", *words, told=told, code=code)


def test_flows_that_cannot_be_written(known):
    tool = subprocess.run(
        ["sh", "-c", f"{BUILD}/bin/xdp_bypass_ipvs flows --netns {known.pair.b.name} >/dev/full"],
        stderr=subprocess.PIPE, text=True, check=False)
    assert tool.returncode == 1
    assert tool.stderr == ("xdp_bypass_ipvs: flows: standard output: writing the output: "
                           "No space left on device\n")


# --- stats

def test_stats_are_those_of_the_slot(bypass):
    frames = [bytes(Ether(dst="02:00:00:00:00:0b", src="02:00:00:00:00:0a") /
                    IP(src="10.0.0.1", dst="10.0.0.2") / UDP(sport=9, dport=9))] * 20
    bypass.pair.send(frames)
    root = bypass.pair.await_seen(20)
    stats = bypass.json("stats")
    assert stats["interfaces"] == ["vb"]
    by = {name: (counter["packets"], counter["bytes"]) for name, counter in stats["by"].items()
          if counter["packets"]}
    assert by == verdicts(root, SLOT) == {"next": (20, 20 * len(frames[0]))}
    assert row(root, SLOT)["seen"]["packets"] == 20
    assert list(stats["by"]) == ["tx", "redirect", "next", "drop"]
    assert stats["bypassed_percent"] == 0
    assert "bypass-hit" in stats["reasons"] and "bypass-reset-limit" in stats["reasons"]
    lines = bypass("stats").splitlines()
    assert lines[0] == "on vb: 0.00 % of packets bypassed"
    assert ["next", "20", str(20 * len(frames[0]))] in [line.split() for line in lines]


def test_egress_counters_are_of_all_cpus(bypass):
    names = list(bypass.json("stats")["egress"])
    assert names[0] == "confirmed" and set(bypass.json("stats")["egress"].values()) == {0}
    cpus = len(json.loads(bypass.map("lookup", "count_map", "key",
                                     *as_hex(bytes(4))))["values"])
    bypass.write("count_map", 0, b"".join(struct.pack("=Q", 10 ** 12 + number)
                                          for number in range(len(names))))
    assert bypass.json("stats")["egress"] == {
        name: cpus * (10 ** 12 + number) for number, name in enumerate(names)}


def test_how_full_tables_are(known):
    stats = known.json("stats")
    assert stats["flows"] == {"used": 5, "room": FLOWS}
    assert stats["flows6"] == {"used": 1, "room": FLOWS}
    assert stats["paths"] == {"used": 3, "room": PATHS - 1}
    assert known("stats").splitlines()[1] == "flows 5 of 64, IPv6 1 of 64, paths 3 of 15"


def test_watching(bypass):
    told = bypass("stats", "-j", "--watch", "50ms", "--count", "3").splitlines()
    assert [("per_second" in json.loads(line)) for line in told] == [False, True, True]
    text = bypass("stats", "-w", "50ms", "-c", "2")
    assert text.count("VERDICT") == 2 and text.count("PKT/S") == 2


# --- without a bypass

def test_nothing_is_attached(pair):
    for command, *words in (["params"], ["params", "tries=3"], ["exclude", "list"],
                            ["exclude", "add", "1.1.1.1"], ["flows"], ["stats"], ["save"],
                            ["restore"]):
        done = pair.tool("xdp_bypass_ipvs", command, *words, ok=None, input=HEADER)
        assert done.stderr == (f"xdp_bypass_ipvs: bypass: {command}: no bypass is attached: "
                               "xdp_bypass_ipvs attach --inbound IF\n")
        assert (done.returncode, done.stdout) == (1, "")
