# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""
Two hosts, "a" and "b", joined by a veth pair, in a mount namespace of this process's own: its
/run/netns and its BPF file system vanish with it, also when it is killed.
"""
import ctypes
import itertools
import json
import os
import pathlib
import socket
import struct
import subprocess
import tempfile
import time

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = TOP / os.environ.get("B", "build")
OWN_NETNS = "/proc/thread-self/ns/net"
CLONE_NEWNS, CLONE_NEWNET, MS_BIND, MNT_DETACH = 0x00020000, 0x40000000, 4096, 2
# linux/rtnetlink.h, linux/if_link.h; RFC 2863
RTM_GETLINK, NLM_F_REQUEST, IFLA_OPERSTATE = 18, 1, 16
OPERSTATES = "UNKNOWN", "NOTPRESENT", "DOWN", "LOWERLAYERDOWN", "TESTING", "DORMANT", "UP"
LIBC = ctypes.CDLL(None, use_errno=True)
SEQUENCE = itertools.count()


def sh(*argv, **kwargs):
    """Run a command that must succeed; its standard output."""
    return subprocess.run([str(arg) for arg in argv], check=True, stdout=subprocess.PIPE,
                          text=True, **kwargs).stdout


def libc(name, *args):
    """A call that must succeed."""
    if getattr(LIBC, name)(*args):
        raise OSError(ctypes.get_errno(), name)


def private_mounts():
    libc("unshare", CLONE_NEWNS)
    sh("mount", "--make-rprivate", "/")
    os.makedirs("/run/netns", exist_ok=True)
    sh("mount", "-t", "tmpfs", "netns", "/run/netns")


def pytest_configure(config):
    if os.geteuid() == 0:
        private_mounts()


def pytest_collection_modifyitems(items):
    if os.geteuid() != 0:
        for item in items:
            item.add_marker(pytest.mark.skip(reason="needs root"))


@pytest.fixture(scope="session")
def bpffs():
    """A BPF file system; the suite's directory is below it, made by the tools themselves."""
    with tempfile.TemporaryDirectory(prefix="ecbpf-test-") as path:
        sh("mount", "-t", "bpf", "bpf", path)
        os.environ["ECBPF_BPFFS"] = f"{path}/ecbpf"
        yield pathlib.Path(path)
        sh("umount", "-l", path)


class Netns:
    """
    A network namespace as `ip netns` knows them; `with` enters it. Made and used with as few
    processes as can be: under emulation each takes as long as hundreds of packets.
    """

    def __init__(self, name):
        self.name, self.path = name, f"/run/netns/{name}"
        self.homes = [os.open(OWN_NETNS, os.O_RDONLY)]
        os.close(os.open(self.path, os.O_CREAT | os.O_EXCL))
        libc("unshare", CLONE_NEWNET)
        libc("mount", OWN_NETNS.encode(), self.path.encode(), None, MS_BIND, None)
        self.__exit__()

    def __enter__(self):
        self.homes.append(os.open(OWN_NETNS, os.O_RDONLY))
        fd = os.open(self.path, os.O_RDONLY)
        libc("setns", fd, CLONE_NEWNET)
        os.close(fd)

    def __exit__(self, *_):
        fd = self.homes.pop()
        libc("setns", fd, CLONE_NEWNET)
        os.close(fd)

    def run(self, *argv):
        """As `ip netns exec`, but with the mounts of this process."""
        with self:
            return sh(*argv)

    def sysctl(self, settings):
        """{name below /proc/sys/net: value}"""
        with self:
            for name, value in settings.items():
                pathlib.Path("/proc/sys/net", name).write_text(str(value), encoding="ascii")

    def operstate(self, dev):
        """As `ip link` shows it: rtnetlink's IFLA_OPERSTATE."""
        with self:
            with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as rtnl:
                rtnl.send(struct.pack("=IHHII BxHiII", 32, RTM_GETLINK, NLM_F_REQUEST, 0, 0, 0, 0,
                                      socket.if_nametoindex(dev), 0, 0))
                reply = rtnl.recv(1 << 16)
        at = 32
        while at < len(reply):
            size, kind = struct.unpack_from("=HH", reply, at)
            if kind == IFLA_OPERSTATE:
                return OPERSTATES[reply[at + 4]]
            at += (size + 3) & ~3
        raise AssertionError(f"no state of {dev}")

    def delete(self):
        libc("umount2", self.path.encode(), MNT_DETACH)
        os.unlink(self.path)


class Pair:
    """va in namespace a, vb in namespace b; nobody but the tests sends anything."""

    def __init__(self):
        number = next(SEQUENCE)
        self.a, self.b = Netns(f"a{number}"), Netns(f"b{number}")
        self.ends = (self.a, "va"), (self.b, "vb")
        sh("ip", "link", "add", "va", "netns", self.a.name, "type", "veth",
           "peer", "name", "vb", "netns", self.b.name)
        for netns, dev in self.ends:
            # no neighbour discovery, so that counters are what the tests sent
            netns.sysctl({"ipv6/conf/all/disable_ipv6": 1, "ipv6/conf/default/disable_ipv6": 1})
            netns.run("ethtool", "-K", dev, "rxvlan", "off", "txvlan", "off", "tx", "off")
            netns.run("ip", "link", "set", dev, "up")
        self.wait_up()

    def wait_up(self):
        """Attaching to veth lets the carrier of both ends go and come."""
        deadline = time.monotonic() + 10
        while True:
            states = [netns.operstate(dev) for netns, dev in self.ends]
            if states == ["UP", "UP"]:
                return
            assert time.monotonic() < deadline, states
            time.sleep(0.001)

    def send(self, frames):
        with self.a:
            with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as raw:
                raw.bind(("va", 0))
                for frame in frames:
                    assert raw.send(bytes(frame)) == len(frame)

    def xdp_root(self, *argv, ok=True, **kwargs):
        """Run xdp_root COMMAND in b; with ok=None the finished process, whatever it said."""
        return self.tool("xdp_root", *argv, ok=ok, **kwargs)

    def xdp_fw(self, *argv, ok=True, **kwargs):
        return self.tool("xdp_fw", *argv, ok=ok, **kwargs)

    def tool(self, name, *argv, ok=True, **kwargs):
        done = subprocess.run([BUILD / "bin" / name, argv[0], "--netns", self.b.name,
                               *map(str, argv[1:])],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **kwargs)
        if ok is None:
            return done
        assert (done.returncode == 0) == ok, (argv, done)
        return done.stdout

    def status(self):
        return json.loads(self.xdp_root("status", "-j", "-i", "0", "vb"))[0]

    def stats(self):
        return json.loads(self.xdp_root("stats", "-j", "vb"))

    def await_stats(self, good):
        """Read the counters until good(stats); frames sent are on their way for a moment."""
        deadline = time.monotonic() + 10
        while True:
            stats = self.stats()
            if good(stats):
                return stats
            assert time.monotonic() < deadline, stats

    def await_seen(self, packets):
        return self.await_stats(lambda stats: row(stats, "root")["seen"]["packets"] >= packets)

    def await_share(self, member):
        """Until a trace or profile is on: the member of struct ecbpf_control is not 0."""
        path = f"{self.status()['directory']}/ecbpf_control"
        deadline = time.monotonic() + 10
        while True:
            dump = json.loads(sh("bpftool", "-j", "map", "dump", "pinned", path))
            if dump[0]["formatted"]["value"][member]:
                return
            assert time.monotonic() < deadline, dump

    def delete(self):
        self.a.delete()
        self.b.delete()


def row(stats, slot):
    """One row of the counters; an empty one if it is not there."""
    for entry in stats["slots"]:
        if entry["slot"] == str(slot):
            return entry
    zero = {"packets": 0, "bytes": 0}
    return {"slot": str(slot), "seen": zero, "by": {}}


def verdicts(stats, slot):
    """{verdict: (packets, bytes)} of a row, without those that did not happen."""
    return {name: (counter["packets"], counter["bytes"])
            for name, counter in row(stats, slot)["by"].items() if counter["packets"]}


def adds_up(stats):
    """What the root handed on is what the slots and the end finished."""
    for unit in "packets", "bytes":
        finished = sum(counter[unit] for entry in stats["slots"] if entry["slot"] != "root"
                       for name, counter in entry["by"].items() if name != "next")
        assert finished == row(stats, "root")["by"]["next"][unit], stats


def pairs(bpffs):
    it = Pair()
    yield it
    it.xdp_root("detach", "vb", ok=None)
    it.delete()
    assert not (bpffs / "ecbpf").exists(), "pins are left over"


pair = pytest.fixture(pairs, name="pair")
module_pair = pytest.fixture(pairs, scope="module", name="module_pair")


def obj(name):
    """A test's kernel program."""
    return BUILD / f"tests/net/{name}.bpf.o"
