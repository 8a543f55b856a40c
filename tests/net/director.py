# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""What the tests of coming and going share: a host with three roots, and what is on it."""
import json
import os
import random
import signal
import subprocess
import time

from conftest import BUILD, sh

DEVS = ("vb", "vc", "vd")


class Director:
    """Namespace b with vb, vc and vd; roots on all; vd is the other end of vc."""
    tool, small = None, ()  # the command, and what makes its tables small

    def __init__(self, pair):
        self.pair, self.netns = pair, pair.b
        # a number that fits no table of interfaces
        self.netns.run("ip", "link", "add", "vc", "index", "70001", "type", "veth", "peer", "name",
                       "vd")
        for dev in "vc", "vd":
            self.netns.run("ip", "link", "set", dev, "up")
        pair.xdp_root("attach", *DEVS)

    def __call__(self, *argv, ok=True, **kwargs):
        return self.pair.tool(self.tool, *argv, ok=ok, **kwargs)

    def attach(self, *argv, ok=True):
        return self("attach", *argv, *self.small, ok=ok)

    def status(self):
        return json.loads(self("status", "-j"))

    def interfaces(self):
        return {entry["interface"]: entry for entry in self.status()["interfaces"]}

    def slots(self, dev):
        """{slot: name} of a root."""
        status = json.loads(self.pair.xdp_root("status", "-j", "-i", "0", dev))[0]
        return {entry["slot"]: entry["program"]["name"] for entry in status["slots"]
                if "program" in entry and entry["slot"] != "root"}

    def pins(self):
        base = os.environ["ECBPF_BPFFS"]
        return [name for name in os.listdir(base) if name.startswith(":")]

    def bare(self, *devs):
        """Nothing of the command's is there."""
        assert self.status() == {"attached": False, "interfaces": []}
        assert self.pins() == []
        for dev in devs or DEVS:
            assert self.tool not in self.slots(dev).values()


def directors(it):
    """A fixture's: detached at the end, with what is left of its devices."""
    yield it
    it("detach")
    left = [dev for dev in ("vc", "vd") if dev in it.netns.run("ip", "-br", "link")]
    it.pair.xdp_root("detach", *left, ok=None)


def program_maps(program):
    """{name: id} of a program's maps."""
    ids = json.loads(sh("bpftool", "-j", "prog", "show", "id", program))["map_ids"]
    shown = (json.loads(sh("bpftool", "-j", "map", "show", "id", number)) for number in ids)
    return {entry["name"]: entry["id"] for entry in shown}


class Killed:
    """kill -9 at a random instant of a command; it is one that is seldom done by then."""

    def __init__(self, director):
        self.director, self.took, self.killed = director, {}, {}
        self.rng = random.Random(int(os.environ.get("ECBPF_SEED", "7")))

    def __call__(self, name, *argv, **kwargs):
        start = time.monotonic()
        process = subprocess.Popen([BUILD / "bin" / self.director.tool, argv[0], "--netns",
                                    self.director.netns.name, *argv[1:]],
                                   stdout=subprocess.DEVNULL, **kwargs)
        self.killed.setdefault(name, 0)
        try:
            process.wait(self.rng.uniform(0, self.took[name]) if name in self.took else 60)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            self.killed[name] += 1
        self.took.setdefault(name, time.monotonic() - start)

    def each(self):
        """Was each of them killed at least once?"""
        assert min(self.killed.values()) > 0, self.killed
