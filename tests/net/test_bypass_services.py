# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Services of a real IPVS: read, followed, told; neighbours and VLAN devices beside them."""
import json
import os
import pathlib
import re
import select
import signal
import struct
import subprocess
import time

import pytest

from conftest import BUILD, Pair, sh

TOOL = "xdp_bypass_ipvs"
pytestmark = pytest.mark.skipif(not pathlib.Path("/proc/net/ip_vs").exists(),
                                reason="the kernel has no IPVS")

SERVICES = """\
-A -t 192.0.2.1:80 -s rr
-a -t 192.0.2.1:80 -r 10.9.0.1:80 -g -w 1
-a -t 192.0.2.1:80 -r 10.9.0.2:80 -g -w 3
-a -t 192.0.2.1:80 -r 10.9.0.3:80 -m -w 1
-A -u [2001:db8::1]:53 -s wlc
-a -u [2001:db8::1]:53 -r [fd09::1]:53 -i -w 1
-A -t 192.0.2.2:0 -s sh -p 300
-a -t 192.0.2.2:0 -r 10.9.0.1:0 -i --tun-type gue --tun-port 6080 -w 1
-a -t 192.0.2.2:0 -r 10.9.0.2:0 -i --tun-type gre -w 1
-A -f 18 -s wrr
-a -f 18 -r 10.9.0.1:0 -g -w 1
-A -f 18 -6 -s rr
-A -u 192.0.2.3:53 -s rr -o
-a -u 192.0.2.3:53 -r 10.9.0.1:53 -g -w 1
-A -t 192.0.2.4:80 -s rr
-a -t 192.0.2.4:80 -r 10.9.0.1:80 -m -w 1
-A --sctp-service 192.0.2.5:80 -s rr
-a --sctp-service 192.0.2.5:80 -r 10.9.0.1:80 -g -w 1
"""

# text: (scheduler, destinations by method, why not)
EXPECTED = {
    "tcp:192.0.2.1:80": ("rr", {"direct": 2, "masquerade": 1}, None),
    "udp:[2001:db8::1]:53": ("wlc", {"ipip": 1}, None),
    "tcp:192.0.2.2:0": ("sh", {"gue": 1, "gre": 1}, None),
    "fwmark:18": ("wrr", {"direct": 1}, None),
    "fwmark6:18": ("rr", {}, None),
    "udp:192.0.2.3:53": ("rr", {"direct": 1}, "one-packet scheduling"),
    "tcp:192.0.2.4:80": ("rr", {"masquerade": 1},
                         "no destination by direct routing, IPIP or GUE"),
    "sctp:192.0.2.5:80": ("rr", {"direct": 1}, "neither TCP nor UDP"),
}
TAKEN = {name for name, (_, _, why_not) in EXPECTED.items() if why_not is None}
METHODS = "direct", "ipip", "gue", "gre", "masquerade", "local"


class Director(Pair):
    """b has IPVS: its services, and what the tool says of it."""

    def __init__(self):
        super().__init__()
        # without an address of its own IPVS takes none for a server's
        self.b.run("ip", "link", "set", "lo", "up")

    def bypass(self, *argv, ok=True, **kwargs):
        return self.tool(TOOL, *argv, ok=ok, **kwargs)

    def ipvsadm(self, *argv):
        return self.b.run("ipvsadm", *argv)

    def restore(self, text):
        sh("nsenter", f"--net=/run/netns/{self.b.name}", "ipvsadm", "-R", input=text)

    def services(self):
        return {entry["service"]: entry for entry in json.loads(self.bypass("services", "-j"))}

    def numbers(self):
        return {name: entry["number"] for name, entry in self.services().items()
                if entry["number"] is not None}

    def await_(self, get, good):
        """What the follower does within its interval; a second is what it is promised to take."""
        start = time.monotonic()
        while True:
            got = get()
            if good(got):
                return got
            assert time.monotonic() - start < 10, got

    def map(self, name):
        return next(pathlib.Path(os.environ["ECBPF_BPFFS"]).glob(f":bypass_ipvs*/{name}"))

    def dump(self, name):
        return json.loads(sh("bpftool", "-j", "map", "dump", "pinned", self.map(name)))

    def path_set(self, number, *, service, mac="02:00:00:00:00:09", outer=b"", kind=0, packets=0,
                 size=0, ifindex=1):
        recipe = struct.pack("=IHBBBB2x22s2x52s", ifindex, service, kind, 0, 14, len(outer),
                             bytes.fromhex(mac.replace(":", "")), outer)
        value = recipe + struct.pack("=IIQQ16x", 0, 1500, packets, size)
        assert len(value) == 128
        sh("bpftool", "map", "update", "pinned", self.map("path_map"), "key", "hex",
           *struct.pack("=I", number).hex(" ").split(), "value", "hex", *value.hex(" ").split())

    def gen(self, number):
        out = sh("bpftool", "-j", "map", "lookup", "pinned", self.map("path_map"), "key", "hex",
                 *struct.pack("=I", number).hex(" ").split())
        value = bytes(int(byte, 16) for byte in json.loads(out)["value"])
        return struct.unpack_from("=I", value, 88)[0]

    def follower(self):
        return json.loads(self.bypass("status", "-j"))["follower"]["pid"]

    def reset(self):
        """As it was attached, but for the numbers of services."""
        self.ipvsadm("-C")
        self.restore(SERVICES)
        self.settle()  # this comparison may have begun before
        self.settle()
        assert set(self.numbers()) == TAKEN
        self.b.run("ip", "addr", "flush", "dev", "vb")
        empty = " ".join(["0"] * 128)
        sh("bpftool", "batch", "file", "-", input="".join(
            f"map update pinned {self.map('path_map')} key {number} 0 0 0 value {empty}\n"
            for number in range(1, 7)))

    def settle(self):
        """Until what was done at one comparison is done again at the next."""
        def followed():
            return self.dump("settings_map")[0]["formatted"]["value"]["followed"]

        first = followed()
        self.await_(followed, lambda got: got != first)


@pytest.fixture(name="bare", scope="module")
def bare_director(bpffs):
    """No bypass is attached."""
    director = Director()
    director.restore(SERVICES)
    yield director
    director.delete()


@pytest.fixture(name="attached", scope="module")
def attached_director(bpffs):
    director = Director()
    director.restore(SERVICES)
    director.xdp_root("attach", "vb")
    director.bypass("attach", "--inbound", "vb", "--flows", "4096", "--paths", "64")
    yield director
    director.bypass("detach")
    director.xdp_root("detach", "vb")
    director.delete()
    assert not (bpffs / "ecbpf").exists(), "pins are left over"


@pytest.fixture(name="director")
def director_anew(attached):
    attached.reset()
    return attached


def test_read_without_a_bypass(bare):
    services = bare.services()
    assert set(services) == set(EXPECTED)
    for name, (scheduler, by, why_not) in EXPECTED.items():
        entry = services[name]
        assert entry["scheduler"] == scheduler
        assert entry["destinations"] == {method: by.get(method, 0) for method in METHODS}, name
        assert (entry["taken"], entry["why_not"]) == (why_not is None, why_not), name
        assert (entry["number"], entry["kernel"], entry["by_hand"]) == (None, True, False)


def test_text_without_a_bypass(bare):
    lines = bare.bypass("services").splitlines()
    assert len(lines) == 1 + len(EXPECTED)
    assert re.fullmatch(r"tcp:192\.0\.2\.1:80 +- +rr +2 direct, 1 masquerade +taken *", lines[1])
    assert re.fullmatch(r"udp:192\.0\.2\.3:53 +- +rr +1 direct +one-packet scheduling *", lines[3])


def test_ipvs_without_a_bypass(bare):
    """The numbers are those of ipvsadm, in its columns."""
    def rows(text):
        return sorted(tuple(line.split()) for line in text.splitlines() if "->" in line)

    ours, theirs = bare.bypass("ipvs"), bare.ipvsadm("-Ln", "--stats")
    assert rows(ours) == rows(theirs)
    assert ours.splitlines()[0].split() == theirs.splitlines()[1].split()
    listing = json.loads(bare.bypass("ipvs", "-j"))
    timeouts = [int(word) for word in re.findall(r"\d+", bare.ipvsadm("-Ln", "--timeout"))]
    assert [listing[f"timeout_{name}_s"] for name in ("tcp", "tcp_fin", "udp")] == timeouts
    web = listing["services"][0]
    assert web["service"] == "tcp:192.0.2.1:80"
    assert [(dest["address"], dest["port"], dest["weight"]) for dest in web["destinations"]] == [
        ("10.9.0.1", 80, 1), ("10.9.0.2", 80, 3), ("10.9.0.3", 80, 1)]


def test_errors_without_a_bypass(bare):
    for argv, told, code in (
            (("services", "add", "tcp:192.0.2.9:80"),
             "services: add: no bypass is attached: xdp_bypass_ipvs attach --inbound IF", 1),
            (("services", "add", "nonsense"), "services: add: nonsense is not a service, .*", 2),
            (("services", "add"), "services: add: it is nothing, add SERVICE.*", 2),
            (("services", "sub", "fwmark:1"), "services: sub: it is nothing, add SERVICE.*", 2),
            (("follow", "--interval", "1"), r"follow: --interval: 1 is not in 10 to 60000", 2),
            (("follow",), "IPVS: follow: no bypass is attached: .*", 1)):
        done = bare.bypass(*argv, ok=None)
        assert done.returncode == code, done
        assert re.fullmatch(f"{TOOL}: {told}\n", done.stderr), done


def test_attach_knows_all(attached):
    """attach returns when the first comparison is done."""
    director, numbers = attached, attached.numbers()
    assert set(numbers) == TAKEN
    assert sorted(numbers.values()) == list(range(len(TAKEN)))
    assert [entry["key"] for entry in director.dump("gue_map")] == [["0x17", "0xc0"]]
    assert director.follower() > 0


def test_services_come_and_go(director):
    before = director.numbers()
    director.ipvsadm("-D", "-f", "18")
    after = director.await_(director.numbers, lambda got: "fwmark:18" not in got)
    assert after == {name: number for name, number in before.items() if name != "fwmark:18"}
    director.ipvsadm("-A", "-f", "18", "-s", "rr")
    again = director.await_(director.numbers, lambda got: "fwmark:18" in got)
    assert again["fwmark:18"] == max(before.values()) + 1
    assert {name: again[name] for name in after} == after
    # one that becomes none of ours, and one whose last direct destination goes
    director.ipvsadm("-E", "-u", "[2001:db8::1]:53", "-s", "rr", "-o")
    director.await_(director.numbers, lambda got: "udp:[2001:db8::1]:53" not in got)
    director.ipvsadm("-d", "-t", "192.0.2.2:0", "-r", "10.9.0.1")
    director.await_(director.numbers, lambda got: "tcp:192.0.2.2:0" not in got)
    assert director.dump("gue_map") == []
    director.ipvsadm("-C")
    director.await_(director.numbers, lambda got: not got)


def test_changes_invalidate_their_service_only(director):
    numbers = director.numbers()
    web, dns = numbers["tcp:192.0.2.1:80"], numbers["udp:[2001:db8::1]:53"]
    director.settle()
    director.path_set(5, service=web)
    director.path_set(6, service=dns)
    gen, changes = 0, (
        ("-e", "-t", "192.0.2.1:80", "-r", "10.9.0.1:80", "-g", "-w", "0"),
        ("-d", "-t", "192.0.2.1:80", "-r", "10.9.0.2:80"),
        ("-a", "-t", "192.0.2.1:80", "-r", "10.9.0.4:80", "-g"),
        ("-e", "-t", "192.0.2.1:80", "-r", "10.9.0.4:80", "-i"),
        ("-E", "-t", "192.0.2.1:80", "-s", "wlc"),
        ("-D", "-t", "192.0.2.1:80"))
    for change in changes:
        director.ipvsadm(*change)
        # at once, and at the next comparison again
        now = director.await_(lambda: director.gen(5), lambda got, want=gen + 2: got >= want)
        assert now == gen + 2, change
        gen = now
    assert director.gen(6) == 0


def test_by_hand(director):
    numbers = director.numbers()
    director.bypass("services", "add", "tcp:198.51.100.1:443", "fwmark:18")
    services = director.services()
    own, mark = services["tcp:198.51.100.1:443"], services["fwmark:18"]
    assert (own["number"], own["kernel"], own["by_hand"], own["taken"], own["scheduler"]) == (
        max(numbers.values()) + 1, False, True, True, None)
    assert (mark["number"], mark["kernel"], mark["by_hand"]) == (numbers["fwmark:18"], True, True)
    director.ipvsadm("-C")
    left = director.await_(director.numbers, lambda got: len(got) == 2)
    assert left == {"tcp:198.51.100.1:443": own["number"], "fwmark:18": mark["number"]}
    # all or none
    for argv, told in (
            (("add", "fwmark:77", "fwmark:18"), "add: fwmark:18 is there by hand already"),
            (("add", "fwmark:77", "fwmark:77"), "add: fwmark:77 is named twice"),
            (("del", "fwmark:18", "fwmark:77"), "del: fwmark:77 was not added by hand")):
        done = director.bypass("services", *argv, ok=None)
        assert (done.returncode, done.stderr) == (1, f"{TOOL}: services: {told}\n")
        assert director.numbers() == left
    director.bypass("services", "del", "fwmark:18", "tcp:198.51.100.1:443")
    assert director.numbers() == {}


def test_by_hand_no_more_but_in_the_kernel(director):
    number = director.numbers()["fwmark:18"]
    director.bypass("services", "add", "fwmark:18")
    director.bypass("services", "del", "fwmark:18")
    mark = director.services()["fwmark:18"]
    assert (mark["number"], mark["by_hand"]) == (number, False)


def test_neighbours(director):
    run = director.b.run
    director.settle()
    run("ip", "addr", "add", "10.9.0.254/24", "dev", "vb")
    for last in 1, 2:
        run("ip", "neigh", "replace", f"10.9.0.{last}", "lladdr", f"02:00:00:00:00:0{last}", "dev",
            "vb", "nud", "reachable")
        director.path_set(last, service=0, mac=f"02:00:00:00:00:0{last}")
    run("ip", "neigh", "replace", "10.9.0.1", "lladdr", "02:00:00:00:00:11", "dev", "vb", "nud",
        "reachable")
    # at once, and at the next tick again
    director.await_(lambda: director.gen(1), lambda got: got == 2)
    # the same again is no change; its state is none either
    run("ip", "neigh", "replace", "10.9.0.2", "lladdr", "02:00:00:00:00:02", "dev", "vb", "nud",
        "stale")
    run("ip", "neigh", "del", "10.9.0.1", "dev", "vb")
    director.path_set(3, service=0, mac="02:00:00:00:00:03")
    run("ip", "neigh", "replace", "10.9.0.3", "lladdr", "02:00:00:00:00:03", "dev", "vb", "nud",
        "permanent")
    run("ip", "neigh", "del", "10.9.0.3", "dev", "vb")
    director.await_(lambda: director.gen(3), lambda got: got == 2)
    assert (director.gen(1), director.gen(2)) == (2, 0)


def test_vlan_devices(director):
    def devices():
        found = {}
        for entry in director.dump("device_map"):
            value = bytes(int(byte, 16) for byte in entry["value"])
            key = bytes(int(byte, 16) for byte in entry["key"])
            found[struct.unpack("=I", key)[0]] = struct.unpack("=IHH", value)
        return found

    def ifindex(name):
        return json.loads(director.b.run("ip", "-j", "link", "show", name))[0]["ifindex"]

    before = devices()
    assert before[ifindex("vb")][0] & 1
    director.b.run("ip", "link", "add", "v5", "link", "vb", "type", "vlan", "id", "5")
    director.b.run("ip", "link", "add", "v5q", "link", "v5", "type", "vlan", "id", "6")
    outer, inner = ifindex("v5"), ifindex("v5q")
    now = director.await_(devices, lambda got: outer in got and inner in got)
    assert (now[outer][0] & 1, now[outer][1:]) == (1, (5, 0))
    assert (now[inner][0] & 1, now[inner][1:]) == (1, (5, 6))
    director.b.run("ip", "link", "del", "v5")
    assert director.await_(devices, lambda got: outer not in got and inner not in got) == before


def test_ipvs_adds_what_was_bypassed(director):
    numbers = director.numbers()
    run = director.b.run
    run("ip", "addr", "add", "10.9.0.254/24", "dev", "vb")
    run("ip", "neigh", "replace", "10.9.0.1", "lladdr", "02:00:00:00:00:01", "dev", "vb", "nud",
        "permanent")
    web, gue = numbers["tcp:192.0.2.1:80"], numbers["tcp:192.0.2.2:0"]
    tunnel = bytes(16) + bytes((10, 9, 0, 1)) + bytes(12)
    director.path_set(1, service=web, mac="02:00:00:00:00:01", packets=10, size=1000)
    director.path_set(2, service=web, mac="02:00:00:00:00:77", packets=3, size=300)
    director.path_set(3, service=gue, outer=tunnel, kind=2, packets=5, size=500)
    listing = {entry["service"]: entry for entry in
               json.loads(director.bypass("ipvs", "-j"))["services"]}

    def bypassed(entry):
        return entry["bypassed_packets"], entry["bypassed_bytes"]

    # bytes of IP packets, as IPVS counts them
    assert bypassed(listing["tcp:192.0.2.1:80"]) == (13, 1300)
    assert [bypassed(dest) for dest in listing["tcp:192.0.2.1:80"]["destinations"]] == [
        (10, 1000), (0, 0), (0, 0)]
    assert bypassed(listing["tcp:192.0.2.1:80"]["unknown"]) == (3, 300)
    assert [bypassed(dest) for dest in listing["tcp:192.0.2.2:0"]["destinations"]] == [
        (5, 500), (0, 0)]
    assert bypassed(listing["fwmark:18"]) == (0, 0)
    lines = [line.split() for line in director.bypass("ipvs").splitlines()]
    assert ["TCP", "192.0.2.1:80", "0", "13", "0", "1300", "0"] in lines
    assert ["->", "10.9.0.1:80", "0", "10", "0", "1000", "0"] in lines
    assert ["->", "(unknown)", "0", "3", "0", "300", "0"] in lines


def test_one_follower(director):
    pid = director.follower()
    done = director.bypass("follow", ok=None)
    assert (done.returncode, done.stderr) == (
        1, f"{TOOL}: IPVS: follow: there is a follower already\n")
    assert director.follower() == pid
    # killed, it leaves nothing that keeps another one away
    fd = os.pidfd_open(pid)
    os.kill(pid, signal.SIGKILL)
    assert select.select([fd], [], [], 10)[0]
    os.close(fd)
    assert not director.follower()
    director.ipvsadm("-D", "-f", "18")
    with subprocess.Popen([BUILD / "bin" / TOOL, "follow", "--netns", director.b.name,
                           "--interval", "50"], stderr=subprocess.PIPE, text=True) as process:
        # what went meanwhile is seen at once
        director.await_(director.numbers, lambda got: "fwmark:18" not in got)
        assert director.follower() == process.pid
        process.send_signal(signal.SIGTERM)
        assert process.communicate(timeout=10)[1] == ""
    assert process.returncode == 0


def test_ends_with_the_bypass(attached):
    attached.bypass("attach", "--inbound", "vb")  # again: the one before was killed
    pid = attached.follower()
    fd = os.pidfd_open(pid)
    attached.bypass("detach")
    # detach has waited for it
    assert select.select([fd], [], [], 0)[0]
    os.close(fd)
