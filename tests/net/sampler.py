# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""What the tests of the sampler share: sampling on vb, a reader of the samples, and the sums."""
import contextlib
import json
import os
import re
import signal
import subprocess

from scapy.all import Ether, IP, UDP, Raw

from conftest import BUILD, obj, row

JUDGE = 9
ACTIONS = ["next", "aborted", "drop", "pass", "tx", "redirect", "invalid"]
LOST = ["unread", "full", "failed"]


def frame(action="next", code=0, meta=0, payload=b"", length=0):
    """A frame that tells the judge what to do with it."""
    source = f"02:00:00:{meta:02x}:{code:02x}:{ACTIONS.index(action):02x}"
    made = bytes(Ether(dst="02:00:00:00:00:0b", src=source) / IP(src="10.0.0.1", dst="10.0.0.2") /
                 UDP(sport=1000, dport=2000) / Raw(payload))
    return made + bytes(max(0, length - len(made)))


class Reader:
    """Reads samples of vb until it has COUNT, or is told to stop."""

    def __init__(self, pair, pages=64, count=None):
        self.popen = subprocess.Popen(
            [BUILD / "tests/tools/sampled", pair.b.name, "vb", str(pages),
             *([str(count)] if count else [])],
            stdout=subprocess.PIPE, text=True)
        assert self.popen.stdout.readline() == "ready\n"

    def pause(self):
        self.popen.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.popen.pid, os.WSTOPPED | os.WNOWAIT)

    def resume(self):
        self.popen.send_signal(signal.SIGCONT)

    def stop(self):
        """All samples; the sum is in self.read and self.lost."""
        self.popen.send_signal(signal.SIGTERM)
        return self.finish()

    def finish(self):
        *samples, end = map(json.loads, self.popen.communicate(timeout=60)[0].splitlines())
        assert self.popen.returncode == 0
        assert end["wrong"] == 0 and end["read"] == len(samples)
        self.read, self.lost = end["read"], end["lost"]
        for sample in samples:
            sample["snap"] = bytes.fromhex(sample["snap"])
        return samples

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.popen.returncode is None:
            self.popen.kill()
            self.popen.communicate()


def judged(pair, *attach):
    """A root on vb, the judge behind it, and sampling if there are options for it."""
    pair.xdp_root("attach", "vb")
    pair.wait_up()
    pair.xdp_root("slot", "vb", JUDGE, "load", obj("judge"))
    return Sampler(pair, *attach)


class Sampler:
    """The command, for vb."""

    def __init__(self, pair, *attach):
        self.pair = pair
        if attach:
            self("attach", *attach)

    def __call__(self, command, *argv, ok=True, **kwargs):
        """Run xdp_sampler COMMAND vb ARGUMENTS."""
        return self.pair.tool("xdp_sampler", command, "vb", *argv, ok=ok, **kwargs)

    def status(self):
        """While no packets go: then no drawn one is still on its way to its fate."""
        status = self.moving()
        adds_up(status)
        return status

    def moving(self):
        """While packets go: a counter may be ahead of another."""
        return json.loads(self("status", "-j"))[0]

    def send(self, frames):
        """Send, and wait until the root has seen all of them."""
        seen = row(self.pair.stats(), "root")["seen"]["packets"] + len(frames)
        self.pair.send(frames)
        assert row(self.pair.await_seen(seen), "root")["seen"]["packets"] == seen

    def sample(self, frames, pages=64):
        """Send frames; their samples in the order of arrival, and what was added to the counters."""
        before = self.status()
        with Reader(self.pair, pages) as reader:
            self.send(frames)
            samples = reader.stop()
        counted = counts(self.status(), before)
        assert counted["generated"] - sum(counted[name] for name in LOST) == len(samples)
        return sorted(samples, key=lambda sample: sample["time_ns"]), counted

    def refuse(self, command, *argv, told, code=1, **kwargs):
        """One line that matches, this exit status, and nothing is changed."""
        before = self.status(), self("save")
        done = self(command, *argv, ok=None, **kwargs)
        assert re.fullmatch(f"xdp_sampler: {told}\n", done.stderr), done
        assert (done.returncode, done.stdout) == (code, ""), done
        assert (self.status(), self("save")) == before


@contextlib.contextmanager
def one_cpu():
    """All that is sent meanwhile arrives on one CPU, and its samples are in one ring."""
    cpus = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cpus)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cpus)


def adds_up(status):
    assert status["drawn"] == sum(status[name] for name in (
        "filtered", "thinned", "unreported", "generated")), status


def counts(after, before):
    """What was added to the counters."""
    return {name: after[name] - before[name] for name in (
        "drawn", "filtered", "thinned", "unreported", "generated", *LOST)}


def fate(sample):
    """ "9 drop user 3": row, action, reason, meta."""
    return f"{sample['row']} {sample['column']} {sample['reason']} {sample['meta']}"
