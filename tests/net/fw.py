# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""What the tests of the firewall share: a wall on vb, frames for it, and what became of them."""
import collections
import json
import re
import subprocess
import time

from scapy.all import Ether, Raw

from conftest import BUILD, adds_up, obj, row, verdicts

SLOT, TALLY = 5, 9

# verdicts: of each frame; hits: {(kind, number): (packets, bytes)}, within: {number: packets}
Judged = collections.namedtuple("Judged", "verdicts reasons hits within default counts")


def eth():
    return Ether(dst="02:00:00:00:00:0b", src="02:00:00:00:00:0a")


def sized(frame, length):
    """The frame with padding behind the datagram, so that it is this long."""
    assert len(frame) <= length, (len(frame), length)
    return Raw(bytes(frame) + bytes(length - len(frame)))


def size(*frames):
    """Packets and bytes, as counters tell them."""
    return len(frames), sum(len(bytes(frame)) for frame in frames)


def rule(number):
    return "rule", number


def difference(after, before):
    """What was added to counters: {key: number or tuple}, without those that stayed."""
    found = {}
    for key, value in after.items():
        old = before.get(key, 0)
        if isinstance(value, tuple):
            old = old or (0,) * len(value)
            added = tuple(new - was for new, was in zip(value, old))
        else:
            added = value - old
        if added and added != (0,) * (len(added) if isinstance(added, tuple) else 1):
            found[key] = added
    return found


class Wall:
    """The firewall on vb, and behind it a member that counts what comes by."""

    def __init__(self, pair, *attach):
        self.pair = pair
        pair.xdp_root("attach", "vb")
        pair.wait_up()
        pair.xdp_root("slot", "vb", TALLY, "load", obj("tally"))
        self("attach", *attach)

    def __call__(self, command, *argv, ok=True, **kwargs):
        """Run xdp_fw COMMAND vb ARGUMENTS."""
        return self.pair.xdp_fw(command, "vb", *argv, ok=ok, **kwargs)

    def start(self, command, *argv, **kwargs):
        return subprocess.Popen([BUILD / "bin/xdp_fw", command, "--netns", self.pair.b.name, "vb",
                                 *map(str, argv)], **kwargs)

    def rules(self, *lines):
        """Make this all there is: rules, protections, hygiene, default and sets."""
        self("restore", input="\n".join(lines) + "\n")

    def load(self, *lines, ok=True, options=()):
        return self("load", "-f", "-", *options, input="\n".join(lines) + "\n", ok=ok)

    def lines(self):
        return self("list").splitlines()

    def stats(self):
        return json.loads(self("stats", "-j"))

    def status(self):
        return json.loads(self("status", "-j"))[0]

    def hits(self, stats=None):
        """{(kind, number): (packets, bytes)} of all, also those that nothing has hit."""
        return {(entry["kind"], entry["number"]): (entry["packets"], entry["bytes"])
                for entry in (stats or self.stats())["rules"]}

    def trace(self, frames):
        """Send frames; the verdict of each, as xdp_root trace tells it."""
        trace = subprocess.Popen([BUILD / "bin/xdp_root", "trace", "-j", "--netns",
                                  self.pair.b.name, "-c", str(len(frames)), "-d", "20s", "vb"],
                                 stdout=subprocess.PIPE, text=True)
        self.pair.await_share("trace_one_in")
        self.pair.send(frames)
        told = [json.loads(line) for line in trace.communicate(timeout=40)[0].splitlines()]
        told.sort(key=lambda line: line["time_ns"])
        assert [line["bytes"] for line in told] == [len(frame) for frame in frames]
        return [verdict(line) for line in told]

    def judge(self, *frames):
        """
        Send frames, and see that counters of the root, of the firewall's slot and of the slot
        behind agree with what the trace has told of each.
        """
        root, own = self.pair.stats(), self.stats()
        frames = [bytes(frame) for frame in frames]
        told = self.trace(frames)
        seen = row(root, "root")["seen"]["packets"] + len(frames)
        after = self.pair.await_stats(lambda stats: row(stats, "root")["seen"]["packets"] >= seen)
        assert row(after, "root")["seen"]["packets"] == seen
        adds_up(after)
        actions = collections.defaultdict(list)
        for frame, what in zip(frames, told):
            actions[what.split()[0]].append(frame)
        actions.pop("root", None)
        judged = difference(verdicts(after, SLOT), verdicts(root, SLOT))
        assert judged == {name: size(*some) for name, some in actions.items()}
        tallied = difference(verdicts(after, TALLY), verdicts(root, TALLY))
        assert tallied == ({"next": size(*actions["next"])} if actions["next"] else {})
        return self.judged(told, after["reasons"], root["reasons"], own)

    def flood(self, frames):
        """Send without a trace: what was counted, by verdict too, and the seconds at most."""
        root, own = self.pair.stats(), self.stats()
        seen = row(root, "root")["seen"]["packets"] + len(frames)
        start = time.monotonic()
        self.pair.send(frames)
        after = self.pair.await_seen(seen)
        took = time.monotonic() - start
        return (self.judged(None, after["reasons"], root["reasons"], own),
                difference(verdicts(after, SLOT), verdicts(root, SLOT)), took)

    def await_verdict(self, frame, wanted):
        """Send the frame again and again until this becomes of it; the seconds it took."""
        start = time.monotonic()
        while True:
            found = list(self.flood([frame])[1])
            took = time.monotonic() - start
            if found == [wanted]:
                return took
            assert took < 15, found

    def judged(self, told, reasons, reasons_before, own):
        now = self.stats()
        within = [{entry["number"]: entry["within"] for entry in stats["rules"]
                   if "within" in entry} for stats in (now, own)]
        default = [{"default": (stats["default"]["packets"], stats["default"]["bytes"])}
                   if "packets" in stats["default"] else {} for stats in (now, own)]
        return Judged(told, difference(reasons, reasons_before),
                      difference(self.hits(now), self.hits(own)), difference(*within),
                      difference(*default).get("default", (0, 0)),
                      difference(now["counts"], own["counts"]))

    def state(self):
        """All that a command could change, and none of what packets do."""
        status = self.status()
        return self("save"), status["program_id"], status["slot_program_id"], status["trial"]

    def refuse(self, command, *argv, told, code=1, **kwargs):
        """One line that matches, this exit status, and nothing is changed."""
        before = self.state(), self.hits()
        done = self(command, *argv, ok=None, **kwargs)
        assert re.fullmatch(f"xdp_fw: {told}\n", done.stderr), done
        assert (done.returncode, done.stdout) == (code, ""), done
        assert (self.state(), self.hits()) == before


def verdict(line):
    """ "drop fw-rule 3" of the firewall, "next" of what it let go on, "root aborted ipv4-ihl"."""
    if line["slot"] == "end":
        return "next"
    if line["slot"] == "root":
        return f"root {line['action']} {line['reason']}"
    assert line["slot"] == str(SLOT), line
    return f"{line['action']} {line['reason']} {line['meta']}"
