# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Sampling of real packets: what is sampled, what it says, and that the sums are right."""
import json
import struct
import subprocess
import threading
import time

import pytest
from scapy.all import ARP, Dot1Q, Ether, ICMP, IP, IPv6, Raw, TCP, UDP

from conftest import BUILD, obj, row, sh
from fw import TALLY, Wall, eth
from sampler import JUDGE, Reader, Sampler, counts, fate, frame, judged, one_cpu

ALL_READ = {"filtered": 0, "thinned": 0, "unreported": 0, "unread": 0, "full": 0, "failed": 0}
BAD_IP = bytes(eth() / IP(version=5, src="10.0.0.1") / UDP())


@pytest.fixture
def every(pair):
    """Every packet is sampled, whole."""
    return judged(pair, "--one-in", 1, "--snap", 1536)


def lines(sampler):
    return sampler("rate", "show").splitlines()


# --- contents and verdicts

def test_samples_are_the_frames_as_they_arrived(every):
    frames = [frame("next", payload=b"a" * 200), frame("drop", 0, 7, b"b"),
              frame("tx", 1, 8, b"c" * 1400), frame("pass", 2, 9), frame("aborted", 3, 10),
              frame("redirect", 4, 11), frame("invalid", 5, 12), BAD_IP,
              bytes(eth() / ARP()), b"\x02" * 14]
    start = time.monotonic_ns()
    samples, counted = every.sample(frames)
    end = time.monotonic_ns()
    # the judge has rewritten the one for TX
    assert [sample["snap"] for sample in samples] == frames
    assert [sample["frame_bytes"] for sample in samples] == [len(sent) for sent in frames]
    assert [fate(sample) for sample in samples] == [
        "end pass none 0", "9 drop user 7", "9 tx  8", "9 pass  9", "9 aborted  10",
        "9 redirect  11", "9 invalid  12", "root aborted ipv4-version 0", "9 invalid user 0",
        "9 drop  2"]
    assert [sample["code"] for sample in samples] == [0, 384, 385, 386, 387, 388, 389, 4, 384, 386]
    ifindex = json.loads(every.pair.b.run("ip", "-j", "link", "show", "vb"))[0]["ifindex"]
    assert {(sample["one_in"], sample["ifindex"], sample["rx_queue"]) for sample in samples} == {
        (1, ifindex, 0)}
    assert start < samples[0]["time_ns"] and samples[-1]["time_ns"] < end
    assert counted == {**ALL_READ, "drawn": len(frames), "generated": len(frames)}


def test_sequence_counts_each_cpus_samples(every):
    every.send([frame("drop")] * 5)  # nobody reads: they are missing from what is read
    samples, _ = every.sample([frame("drop")] * 100)
    of_cpu = {}
    for sample in samples:
        of_cpu.setdefault(sample["cpu"], []).append(sample["sequence"])
    assert sum(max(numbers) + 1 for numbers in of_cpu.values()) <= 105
    assert every.status()["generated"] == 105 and every.status()["unread"] == 5
    for numbers in of_cpu.values():
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def test_firewall_drops_carry_the_rule(pair):
    wall = Wall(pair)
    wall.rules("count udp dport 1", "drop udp dport 2", "pass udp dport 3", "default drop")
    sampler = Sampler(pair, "--one-in", 1)
    frames = [bytes(eth() / IP(src="10.0.0.1") / UDP(dport=port)) for port in (2, 3, 4, 2)]
    samples, _ = sampler.sample(frames)
    assert [fate(sample) for sample in samples] == [
        "5 drop fw-rule 2", "5 pass fw-pass 3", "5 drop fw-default 0", "5 drop fw-rule 2"]
    sampler("rate", "default", "never", "rule", 2, 1)
    samples, counted = sampler.sample(frames)
    assert [fate(sample) for sample in samples] == ["5 drop fw-rule 2"] * 2
    assert counted["thinned"] == 2
    sampler("rate", "default", 1, "rule", 2, "never")
    samples, counted = sampler.sample(frames)
    assert [fate(sample) for sample in samples] == ["5 pass fw-pass 3", "5 drop fw-default 0"]
    sampler("rate", "rule", 2, "default", "rule", 3, "never")
    assert [fate(sample) for sample in sampler.sample(frames)[0]] == [
        "5 drop fw-rule 2", "5 drop fw-default 0", "5 drop fw-rule 2"]


def test_all_that_a_rule_says_has_its_rate(pair):
    wall = Wall(pair)
    pair.xdp_root("slot", "vb", TALLY, "clear")  # it would have the last word, and none to say
    wall.rules("count udp dport 1", "limit 1 pps udp dport 2", "pass udp dport 3")
    sampler = Sampler(pair, "--one-in", 1)
    sampler("rate", *"default never rule 1 1 rule 2 1 rule 3 1".split())
    frames = [bytes(eth() / IP(src="10.0.0.1") / UDP(dport=port)) for port in (1, 2, 2, 2, 3, 4)]
    samples, _ = sampler.sample(frames)
    told = [fate(sample) for sample in samples]
    assert told[0] == "end pass fw-count 1" and told[-1] == "5 pass fw-pass 3"
    assert 1 <= len(told[1:-1]) <= 2 and set(told[1:-1]) == {"5 drop fw-limit 2"}
    sampler("rate", *"rule 1 default rule 2 default rule 3 never".split())
    assert sampler.sample(frames)[0] == []


def test_foreign_programs_report_nothing(every):
    """That one has decided is known when the next packet comes by on that CPU, so there is one."""
    every.pair.xdp_root("slot", "vb", 3, "load", f"{obj('foreign')}:foreign_drop")
    before = every.status()
    with one_cpu():
        every.send([frame("drop")] * 4)
        every.pair.xdp_root("slot", "vb", 3, "clear")
        every.send([frame("drop")])
    assert counts(every.status(), before) == {
        **ALL_READ, "drawn": 5, "unreported": 4, "generated": 1, "unread": 1}


# --- rates

def test_overrides_name_what_is_sampled(pair):
    sampler = judged(pair)
    sent = {"next": frame("next"), "drop": frame("drop", 0, 1), "drop16": frame("drop", 16, 2),
            "pass": frame("pass", 3, 3), "tx": frame("tx", 4), "bad": BAD_IP}
    sampler("attach", "--one-in", 1)
    for words, present in [
            ("default never", ""),
            ("default 1", "next drop drop16 pass tx bad"),
            ("default never action drop 1", "drop drop16"),
            ("action drop never default 1", "next pass tx bad"),
            ("action drop default slot 9 never", "next bad"),
            ("action tx 1", "next tx bad"),
            ("slot root never", "next tx"),
            ("reason ipv4-version 1", "next tx bad"),
            ("slot end never", "tx bad"),
            ("reason 400 1", "drop16 tx bad"),
            ("action drop never", "drop16 tx bad"),
            ("reason 400 never action drop 1 action tx default", "drop bad"),
            ("default never slot 9 default slot root default slot end 1 reason 400 default "
             "reason ipv4-version default action drop default", "next")]:
        sampler("rate", *words.split())
        samples, counted = sampler.sample(list(sent.values()))
        assert [sample["snap"] for sample in samples] == [sent[name] for name in present.split()]
        if words == "default never":
            # one packet in 2^32 is drawn, and then thinned
            assert counted["drawn"] == counted["thinned"]
        else:
            assert counted["drawn"] == len(sent)
            assert counted["thinned"] == len(sent) - len(samples)
    assert lines(sampler) == ["default never", "slot end 1", "snap 128"]


def test_higher_rates_are_thinned_and_say_so(pair):
    sampler = judged(pair, "--one-in", 1)
    sampler("rate", "action", "drop", 4)
    total = 4000
    samples, counted = sampler.sample([frame("drop")] * total + [frame("pass")] * 10, pages=512)
    by_action = {}
    for sample in samples:
        by_action.setdefault(sample["column"], []).append(sample["one_in"])
    assert by_action["pass"] == [1] * 10
    assert set(by_action["drop"]) == {4}
    # binomial: 1000 of 4000, sigma 27.4; 8 sigma is once in 10^15
    assert abs(len(by_action["drop"]) - total / 4) < 8 * 27.4
    assert counted["thinned"] == total - len(by_action["drop"])
    assert counted["generated"] == len(samples)


def test_one_in_n_is_drawn_by_gaps(pair):
    sampler = judged(pair, "--one-in", 10)
    total = 5000
    samples, counted = sampler.sample([frame("drop")] * total, pages=512)
    assert {sample["one_in"] for sample in samples} == {10}
    # gaps are uniform in 1 .. 19, variance 30; of 500: sigma 12.2
    assert abs(len(samples) - total / 10) < 8 * 12.3
    assert counted["drawn"] == counted["generated"] == len(samples)
    assert json.loads(sampler("status", "-j"))[0]["sample_one_in"] == 10
    sampler("rate", "action", "pass", 3)
    assert sampler.status()["sample_one_in"] == 3


@pytest.mark.parametrize("snap", [14, 15, 64, 127, 128, 129, 1000, 1514, 1536])
def test_snap_lengths(pair, snap):
    sampler = judged(pair, "--one-in", 1, "--snap", snap)
    frames = [frame("drop", length=length) for length in (60, 128, 129, 1514)] + [b"\x02" * 14]
    samples, _ = sampler.sample(frames)
    assert [sample["snap"] for sample in samples] == [sent[:snap] for sent in frames]
    assert [sample["frame_bytes"] for sample in samples] == [len(sent) for sent in frames]


# --- filters

FLOWS = {
    "udp4": eth() / IP(src="10.0.0.1", dst="10.0.1.2") / UDP(sport=53, dport=1000),
    "back4": eth() / IP(src="10.0.1.2", dst="10.0.0.1") / UDP(sport=1000, dport=53),
    "tcp4": eth() / IP(src="192.0.2.1", dst="10.0.1.2") / TCP(sport=53, dport=80),
    "vlan4": eth() / Dot1Q(vlan=5) / IP(src="192.0.2.1", dst="10.0.0.1") / TCP(dport=53),
    "icmp4": eth() / IP(src="10.0.0.1", dst="192.0.2.1") / ICMP(),
    "later4": eth() / IP(src="10.0.0.1", dst="10.0.1.2", frag=10, proto=17) / Raw(b"\0\x35\0\x35"),
    "udp6": eth() / IPv6(src="2001:db8::1", dst="fe80::2") / UDP(sport=53, dport=9),
    "back6": eth() / IPv6(src="fe80::2", dst="2001:db8::1") / UDP(sport=9, dport=53),
    "tcp6": eth() / IPv6(src="2001:db9::1", dst="fe80::2") / TCP(sport=80, dport=53),
    "arp": eth() / ARP(),
    "bad": Raw(BAD_IP),
}


def test_filter(pair):
    sampler = judged(pair, "--one-in", 1)
    pair.xdp_root("slot", "vb", JUDGE, "clear")
    frames = {name: bytes(made) for name, made in FLOWS.items()}
    for words, present in [
            ("addr 10.0.0.1", "udp4 back4 vlan4 icmp4 later4"),
            ("addr 10.0.0.0/24", "udp4 back4 vlan4 icmp4 later4"),
            ("addr 10.0.0.0/8 proto udp", "udp4 back4 later4"),
            ("addr 0.0.0.0/0", "udp4 back4 tcp4 vlan4 icmp4 later4"),
            ("addr ::/0", "udp6 back6 tcp6"),
            ("addr 2001:db8::/32", "udp6 back6"),
            ("addr 2001:db8::/31", "udp6 back6 tcp6"),
            ("addr fe80::2 proto tcp", "tcp6"),
            ("proto udp", "udp4 back4 later4 udp6 back6"),
            ("proto 1", "icmp4"),
            ("port 53", "udp4 back4 tcp4 vlan4 udp6 back6 tcp6"),
            ("port 53 proto tcp", "tcp4 vlan4 tcp6"),
            ("addr 10.0.1.2 proto udp port 1000", "udp4 back4"),
            ("addr 198.51.100.0/24", ""),
            ("none", " ".join(frames))]:
        sampler("filter", *words.split())
        samples, counted = sampler.sample(list(frames.values()))
        assert [sample["snap"][:128] for sample in samples] == [
            frames[name][:128] for name in present.split()], words
        assert counted["filtered"] == len(frames) - len(samples)
        assert counted["drawn"] == len(frames)


# --- sums

def test_without_a_reader(every):
    before = every.status()
    every.send([frame("drop")] * 1000)
    counted = counts(every.status(), before)
    assert counted == {**ALL_READ, "drawn": 1000, "generated": 1000, "unread": 1000}


def test_reader_that_stops_reading(pair):
    """A ring of one page; the reader is stopped and continued while packets come."""
    sampler = judged(pair, "--one-in", 1, "--snap", 128)
    before, sent = sampler.status(), 0
    with Reader(pair, pages=1) as reader:
        for _ in range(4):
            reader.pause()
            sampler.send([frame("drop", length=200)] * 500)
            reader.resume()
            sampler.send([frame("drop", length=200)] * 50)
            sent += 550
        samples = reader.stop()
    counted = counts(sampler.status(), before)
    assert counted["generated"] == counted["drawn"] == sent
    assert counted["full"] > 4 * 400 and counted["unread"] == counted["failed"] == 0
    assert len(samples) + counted["full"] == sent
    # the ring tells of its losses with the next sample that it takes
    assert 0 < reader.lost <= counted["full"]
    # and the gaps in the sequence are the same losses, but for those behind the last sample
    gaps = 0
    for cpu in {sample["cpu"] for sample in samples}:
        numbers = [sample["sequence"] for sample in samples if sample["cpu"] == cpu]
        assert numbers == sorted(set(numbers))
        gaps += numbers[-1] - numbers[0] + 1 - len(numbers)
    assert reader.lost == gaps


def test_readers_come_and_go(every):
    before, delivered = every.status(), 0
    for number in range(3):
        every.send([frame("drop")] * 20)
        with Reader(every.pair, count=30) as reader:
            every.send([frame("pass")] * 30)
            delivered += len(reader.finish())
    counted = counts(every.status(), before)
    assert delivered == 90
    assert counted == {**ALL_READ, "drawn": 150, "generated": 150, "unread": 60}


def test_replacements_do_not_cut_the_stream(every):
    pair, before, sent = every.pair, every.status(), []
    with Reader(pair) as reader:
        for number, change in enumerate([
                lambda: None,
                lambda: pair.xdp_root("upgrade", "vb"),
                lambda: pair.xdp_root("slot", "vb", JUDGE, "load", obj("judge")),
                lambda: pair.xdp_root("slot", "vb", 3, "load", obj("tally")),
                lambda: pair.xdp_root("upgrade", "vb"),
                lambda: pair.xdp_root("slot", "vb", 3, "clear"),
                lambda: every("rate", "action", "pass", 1)]):
            change()
            some = [frame("drop", number, at) for at in range(50)]
            every.send(some)
            sent += some
        samples = reader.stop()
    samples.sort(key=lambda sample: sample["time_ns"])
    assert [sample["snap"] for sample in samples] == sent
    assert counts(every.status(), before) == {**ALL_READ, "drawn": len(sent),
                                              "generated": len(sent)}


def test_replacements_under_traffic(every):
    """Each packet of a stream is sampled, in order, whichever programs it meets."""
    pair, before = every.pair, every.status()
    sent = [frame("drop", payload=struct.pack("!I", number)) for number in range(10000)]
    seen = row(pair.stats(), "root")["seen"]["packets"]
    with Reader(pair, pages=512) as reader:
        sender = threading.Thread(target=pair.send, args=[sent])
        sender.start()
        changes = 0
        while changes < 4 or sender.is_alive():
            pair.xdp_root("upgrade", "vb")
            pair.xdp_root("slot", "vb", JUDGE, "load", obj("judge"))
            every("rate", "action", "pass", 2 + changes)
            changes += 1
        sender.join()
        assert row(pair.await_seen(seen + len(sent)), "root")["seen"]["packets"] == seen + len(sent)
        samples = reader.stop()
    counted = counts(every.status(), before)
    assert counted["drawn"] == counted["generated"] == len(sent)
    assert counted["unread"] == counted["failed"] == counted["thinned"] == 0
    assert len(samples) + counted["full"] == len(sent)
    assert {fate(sample) for sample in samples} == {"9 drop user 0"}
    numbers = [sample["snap"][42:46] for sample in sorted(samples, key=lambda it: it["time_ns"])]
    assert numbers == sorted(set(numbers))


def test_trace_and_samples_at_once(every):
    every("rate", "snap", 14)
    sent = [frame("drop", 0, at, length=200) for at in range(10)]
    trace = subprocess.Popen([BUILD / "bin/xdp_root", "trace", "-j", "--netns", every.pair.b.name,
                              "-c", "10", "-d", "20s", "vb"], stdout=subprocess.PIPE, text=True)
    every.pair.await_share("trace_one_in")
    samples, _ = every.sample(sent)
    told = [json.loads(line) for line in trace.communicate(timeout=40)[0].splitlines()]
    assert sorted(line["meta"] for line in told) == list(range(10))
    assert [sample["meta"] for sample in samples] == list(range(10))
    assert [sample["frame_bytes"] for sample in samples] == [200] * 10
    # the trace has kept more, and that is not the sampler's
    assert [sample["snap"] for sample in samples] == [whole[:14] for whole in sent]


# --- on and off

def test_off_counts_nothing(pair):
    sampler = judged(pair)
    assert sampler.status()["on"] is False
    with Reader(pair) as reader:
        sampler.send([frame("drop")] * 50)
        sampler("attach", "-o", 1)
        sampler.send([frame("drop")] * 3)
        sampler("detach")
        sampler.send([frame("drop")] * 50)
        assert len(reader.stop()) == 3
    status = sampler.status()
    assert (status["on"], status["sample_one_in"]) == (False, 0)
    assert (status["drawn"], status["generated"]) == (3, 3)


def test_defaults(pair):
    sampler = judged(pair, "-v")
    assert lines(sampler) == ["default 2500", "snap 128"]
    status = sampler.status()
    assert (status["on"], status["sample_one_in"], status["filter"]) == (True, 2500, None)
    assert status["rates"] == {"default": 2500, "slot": {}, "action": {}, "reason": {}, "rule": {},
                               "snap_bytes": 128, "budget": 0}
    sampler("detach")
    sampler("attach", "--one-in", 10, "--snap", 64, "--budget", 1000)
    assert lines(sampler) == ["default 10", "budget 1000", "snap 64"]
    sampler("detach")
    assert lines(sampler) == ["default 2500", "snap 128"]


def test_rates_set_while_off_are_for_the_next_attach(pair):
    sampler = judged(pair)
    sampler("rate", "action", "drop", 1, "snap", 64)
    sampler("filter", "proto", "udp")
    assert sampler.status()["on"] is False
    sampler.send([frame("drop")] * 3)
    assert sampler.status()["drawn"] == 0
    sampler("attach")
    assert lines(sampler) == ["default 2500", "action drop 1", "snap 64"]
    assert sampler("filter", "show") == "proto udp\n"
    assert sampler.status()["sample_one_in"] == 1
    sampler("detach")
    assert (lines(sampler), sampler("filter", "show")) == (["default 2500", "snap 128"], "none\n")
    sampler("rate", "snap", 99)
    sampler("detach")  # takes back what was set
    assert lines(sampler) == ["default 2500", "snap 128"]


def test_removed_interface_and_detached_root(pair):
    sampler = judged(pair, "--one-in", 1)
    sampler.send([frame("drop")] * 5)
    pair.b.run("ip", "link", "del", "vb")
    done = sampler("status", ok=None)
    assert (done.returncode, done.stdout) == (1, "")
    sh("ip", "link", "add", "va", "netns", pair.a.name, "type", "veth",
       "peer", "name", "vb", "netns", pair.b.name)
    for netns, dev in (pair.a, "va"), (pair.b, "vb"):
        netns.run("ip", "link", "set", dev, "up")
    pair.xdp_root("attach", "vb")
    pair.wait_up()
    assert sampler.status()["on"] is True
    sampler.send([frame("drop")] * 5)
    assert sampler.status()["generated"] == 10
    pair.xdp_root("detach", "vb")
    pair.xdp_root("attach", "vb")
    status = sampler.status()
    assert (status["on"], status["drawn"], lines(sampler)) == (
        False, 0, ["default 2500", "snap 128"])


def test_save_and_restore(pair):
    sampler = judged(pair, "--budget", 700)
    sampler("rate", *"slot root 1 action drop never reason fw-rule 5 rule 3 7".split())
    sampler("filter", *"addr 2001:db8::/32 port 443".split())
    text = sampler("save")
    assert text.splitlines() == [
        "rate default 2500", "rate slot root 1", "rate action drop never", "rate reason fw-rule 5",
        "rate rule 3 7", "rate budget 700", "rate snap 128",
        "filter addr 2001:db8::/32 port 443"]
    sampler("restore", input="")
    assert sampler("save") == "rate default 2500\nrate snap 128\n"
    assert sampler("filter", "show", "-j") == "null\n"
    assert sampler.status()["on"] is True
    sampler("restore", input=text)
    assert sampler("save") == text
    status = sampler.status()
    assert json.loads(sampler("rate", "show", "-j")) == status["rates"]
    assert json.loads(sampler("filter", "show", "-j")) == status["filter"]
    assert status["rates"] == {
        "default": 2500, "slot": {"root": 1}, "action": {"drop": None}, "reason": {"fw-rule": 5},
        "rule": {"3": 7}, "snap_bytes": 128, "budget": 700}
    assert status["filter"] == {"addr": "2001:db8::/32", "proto": None, "port": 443}
    assert status["sample_one_in"] == 1
    told = sampler("status")
    assert told.splitlines() == [
        "vb: on, one packet in 1 is drawn",
        "rates: default 2500, slot root 1, action drop never, reason fw-rule 5, rule 3 7",
        "snap: 128 bytes; budget: 700 samples a second",
        "filter: addr 2001:db8::/32 port 443",
        "drawn: 0 = filtered 0 + thinned 0 + unreported 0 + generated 0",
        "generated: 0 = delivered 0 + unread 0 + full 0 + failed 0"]


# --- errors

IN_PLACE = [["attach"], ["detach"], ["rate", "show"], ["rate", "default", "1"],
            ["filter", "show"], ["filter", "none"], ["status"], ["save"], ["restore"]]


def test_without_root(pair):
    for command, *rest in IN_PLACE:
        for name, told in ("vb", "no root is attached: xdp_root attach vb"), (
                "nosuch", "no such interface"):
            done = pair.tool("xdp_sampler", command, name, *rest, ok=None, input="")
            assert done.stderr == f"xdp_sampler: {name}: {command}: {told}\n"
            assert (done.returncode, done.stdout) == (1, "")
    assert pair.tool("xdp_sampler", "status") == "no interface of this network namespace has a root\n"
    assert pair.tool("xdp_sampler", "status", "-j") == "[]\n"


def test_errors_change_nothing(pair):
    sampler = judged(pair)
    sampler.refuse("detach", told="vb: detach: sampling is off")
    sampler("attach")
    sampler("rate", *"action drop 5 rule 1 6".split())
    sampler("filter", "port", 53)
    sampler.refuse("attach", told="vb: attach: sampling is on already; `rate` changes it")
    for argv, told in [
            (["rate"], "rate: what is missing: .*"),
            (["rate", "default", "0"], "vb: rate: 0 is not in 1 to 1000000000"),
            (["rate", "default", "1", "slot", "16", "2"],
             "vb: rate: slot 16: it is 0 to 15, root or end"),
            (["rate", "default", "1", "slot"], "vb: rate: slot needs 2 more"),
            (["rate", "action", "dropped", "1"], "vb: rate: action dropped: it is aborted, .*"),
            (["rate", "reason", "nosuch", "1"], "vb: rate: reason nosuch: no such code; .*"),
            (["rate", "snap", "13"], "vb: rate: 13 is not in 14 to 1536"),
            (["rate", "speed", "13"], "vb: rate: speed: it is default, .*"),
            (["filter", "addr", "10.0.0.1/8"],
             "vb: filter: 10.0.0.1/8 has bits set behind its prefix length"),
            (["filter", "host", "10.0.0.1"], "vb: filter: host: it is addr, proto, port or none"),
            (["filter", "proto", "icmp", "port", "1"], "vb: filter: port: only tcp and udp .*"),
            (["attach", "--snap", "13"], "attach: --snap: 13 is not in 14 to 1536"),
            (["attach", "--one-in", "0"], "attach: --one-in: 0 is not in 1 to 1000000000")]:
        sampler.refuse(*argv, told=told, code=2)
    sampler.refuse("rate", *(word for number in range(1, 10) for word in ("rule", number, 1)),
                   told="vb: rate: rule 9: at most 8 rules can have a rate")
    sampler.refuse("restore", input="rate snap 64\nrate snap 1\n",
                   told="vb: restore: line 2: 1 is not in 14 to 1536")
    assert lines(sampler) == ["default 2500", "action drop 5", "rule 1 6", "snap 128"]


def test_usage(pair):
    def told(*argv):
        done = pair.tool("xdp_sampler", *argv, ok=None)
        assert (done.returncode, done.stdout) == (2, ""), done
        return done.stderr
    for command in "attach", "detach", "rate", "filter", "save", "restore":
        assert told(command).startswith(f"xdp_sampler: {command}: what is missing: IF")
    assert told("launch") == "xdp_sampler: launch is no command; see xdp_sampler --help\n"
    assert told("save", "vb", "vc") == (
        "xdp_sampler: save: vc is too much; see xdp_sampler save --help\n")
    assert told("top", "-i", "0s") == (
        "xdp_sampler: top: --interval: 0s is not in 0.001 to 86400 seconds\n")
    assert told("top", "--lines", "1001") == (
        "xdp_sampler: top: --lines: 1001 is not in 1 to 1000\n")


def test_several_interfaces(pair):
    sampler = judged(pair)
    done = pair.tool("xdp_sampler", "attach", "nosuch", "vb", ok=None)
    assert (done.returncode, done.stderr) == (
        1, "xdp_sampler: nosuch: attach: no such interface\n")
    assert sampler.status()["on"] is True
    assert [entry["interface"] for entry in json.loads(
        pair.tool("xdp_sampler", "status", "-j"))] == ["vb"]
    done = pair.tool("xdp_sampler", "detach", "vb,vb", ok=None)
    assert (done.returncode, done.stderr) == (
        2, "xdp_sampler: detach: interfaces: vb is named twice\n")
    assert sampler.status()["on"] is True
