# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Real packets through the root and members: counters equal what was sent."""
import json
import struct
import subprocess

import pytest
from scapy.all import ARP, Dot1AD, Dot1Q, Ether, ICMP, IP, IPv6, IPv6ExtHdrHopByHop, Raw, TCP, UDP
from scapy.all import IPv6ExtHdrFragment, PadN

from conftest import BUILD, TOP, adds_up, obj, row, sh, verdicts

NEXT, ABORTED, DROP, PASS, TX, REDIRECT = range(6)  # what judge.bpf.c reads in the source MAC
NAMES = ["next", "aborted", "drop", "pass", "tx", "redirect"]


def ether(action=NEXT, code=0, meta=0):
    return Ether(dst="02:00:00:00:00:0b", src=f"02:00:00:{meta:02x}:{code:02x}:{action:02x}")


def kinds(action):
    """One frame of every kind that must reach the members."""
    v4, v6 = IP(src="10.0.0.1", dst="10.0.0.2"), IPv6(src="fd00::1", dst="fd00::2")
    eth = ether(action)
    return [
        eth / v4 / UDP() / Raw(b"x" * 100),
        eth / v4 / TCP(flags="S"),
        eth / v4 / ICMP(),
        eth / IP(src="10.0.0.1", dst="10.0.0.2", proto=47) / Raw(b"g" * 40),
        eth / IP(src="10.0.0.1", dst="10.0.0.2", frag=100) / Raw(b"f" * 40),
        eth / v6 / UDP() / Raw(b"y" * 100),
        eth / v6 / TCP(flags="A"),
        eth / v6 / IPv6ExtHdrHopByHop(options=[PadN(optdata=b"\0" * 4)]) / UDP(),
        eth / v6 / IPv6ExtHdrFragment(offset=9) / Raw(b"f" * 40),
        eth / Dot1Q(vlan=5) / v4 / UDP(),
        eth / Dot1Q(vlan=5) / v6 / UDP(),
        eth / Dot1AD(vlan=5) / Dot1Q(vlan=6) / v4 / TCP(),
        eth / Dot1AD(vlan=5) / Dot1Q(vlan=6) / v6 / TCP(),
        eth / ARP(),
        Ether(dst=eth.dst, src=eth.src, type=0x88CC) / Raw(b"lldp" * 10),
    ]


def total(frames):
    return len(frames), sum(len(bytes(frame)) for frame in frames)


@pytest.fixture(params=["native", "skb"])
def root(request, pair):
    pair.xdp_root("attach", "vb", "-m", request.param)
    pair.wait_up()
    assert pair.status()["mode"] == request.param
    return pair


def test_every_kind_by_action_and_bytes(root):
    root.xdp_root("slot", "vb", 3, "load", obj("tally"))
    root.xdp_root("slot", "vb", 9, "load", obj("judge"))
    sent = {name: kinds(action) * 3 for action, name in enumerate(NAMES)}
    for frames in sent.values():
        root.send(frames)
    count, size = total([frame for frames in sent.values() for frame in frames])
    stats = root.await_seen(count)
    assert row(stats, "root")["seen"] == {"packets": count, "bytes": size}
    assert verdicts(stats, "root") == {"next": (count, size)}
    assert verdicts(stats, 3) == {"next": (count, size)}
    assert verdicts(stats, 9) == {name: total(frames) for name, frames in sent.items()}
    assert verdicts(stats, "end") == {"pass": total(sent["next"])}
    adds_up(stats)


def test_refusals_have_a_code_each(root):
    v4, v6 = bytes(IP() / UDP()), bytes(IPv6() / UDP())
    cut = [
        ("vlan-truncated", 0x8100, b"\0\1"),
        ("ipv4-truncated", 0x0800, v4[:19]),
        ("ipv4-version", 0x0800, b"\x65" + v4[1:]),
        ("ipv4-ihl", 0x0800, b"\x44" + v4[1:]),
        ("ipv4-options-truncated", 0x0800, b"\x4f" + v4[1:]),
        ("ipv4-length-short", 0x0800, v4[:2] + b"\0\x13" + v4[4:]),
        ("ipv4-length-beyond-frame", 0x0800, v4[:2] + b"\1\0" + v4[4:]),
        ("ipv6-truncated", 0x86DD, v6[:39]),
        ("ipv6-version", 0x86DD, b"\x40" + v6[1:]),
        ("ipv6-length-beyond-frame", 0x86DD, v6[:4] + b"\1\0" + v6[6:]),
        ("ipv6-extension-truncated", 0x86DD, v6[:6] + b"\0" + v6[7:40] + b"\x11\x09" + v6[42:]),
    ]
    frames = [bytes(ether())[:12] + struct.pack("!H", kind) + rest for _, kind, rest in cut]
    root.send(frames)
    stats = root.await_seen(len(frames))
    assert stats["reasons"] == {name: 1 for name, _, _ in cut}
    assert verdicts(stats, "root") == {"aborted": total(frames)}


def test_reset_counts_from_here(root):
    root.send(kinds(NEXT))
    root.await_seen(len(kinds(NEXT)))
    root.xdp_root("reset", "vb")
    stats = root.stats()
    assert row(stats, "root")["seen"] == {"packets": 0, "bytes": 0} and not stats["reasons"]
    root.send(kinds(NEXT)[:4])
    stats = root.await_seen(4)
    assert row(stats, "root")["seen"]["packets"] == 4
    adds_up(stats)


def test_foreign_program_ends_the_chain_and_is_counted(root):
    root.xdp_root("slot", "vb", 3, "load", obj("tally"))
    for program in "foreign_drop", "foreign_pass":
        root.xdp_root("slot", "vb", 5, "load", f"{obj('foreign')}:{program}")
        root.xdp_root("reset", "vb")
        frames = kinds(NEXT)
        root.send(frames)
        stats = root.await_seen(len(frames))
        assert verdicts(stats, 5) == {"unreported": total(frames)}
        adds_up(stats)
    check = json.loads(root.xdp_root("check", "-j", "vb"))
    assert any("foreign_pass" in finding["what"] for finding in check["findings"])


def test_packaged_xdp_filter_loads_unchanged(root):
    """A third party's object of Debian's xdp-tools; with nothing configured it passes all."""
    path = "/usr/lib/x86_64-linux-gnu/bpf/xdpfilt_dny_all.o"
    root.xdp_root("slot", "vb", 7, "load", path)
    root.send(kinds(NEXT))
    stats = root.await_seen(len(kinds(NEXT)))
    assert verdicts(stats, 7) == {"unreported": total(kinds(NEXT))}


def test_trace_shows_verdict_and_peers(root):
    root.xdp_root("slot", "vb", 9, "load", obj("judge"))
    frames = [
        ether(DROP, 7, 42) / Dot1Q(vlan=5) / IP(src="10.0.0.1", dst="10.0.0.2") /
        TCP(sport=1234, dport=80),
        ether(TX, 1, 1) / IPv6(src="fd00::1", dst="fd00::2") / UDP(sport=53, dport=5353),
        ether(NEXT) / ARP(),
        Ether(dst="02:00:00:00:00:0b", type=0x0800) / Raw(b"\x44" + bytes(IP())[1:]),
    ]
    trace = subprocess.Popen([BUILD / "bin/xdp_root", "trace", "-j", "--netns", root.b.name,
                              "-c", str(len(frames)), "vb"], stdout=subprocess.PIPE, text=True)
    root.await_share("trace_one_in")
    root.send(frames)
    lines = [json.loads(line) for line in trace.communicate(timeout=30)[0].splitlines()]
    assert trace.returncode == 0
    assert [(line["slot"], line["action"], line["code"], line["meta"]) for line in lines] == [
        ("9", "drop", 391, 42), ("9", "tx", 385, 1), ("end", "pass", 0, 0),
        ("root", "aborted", 5, 0)]
    assert lines[0]["vlan"] == [5] and lines[0]["source"] == "10.0.0.1"
    assert (lines[0]["source_port"], lines[0]["destination_port"]) == (1234, 80)
    assert (lines[1]["source"], lines[1]["destination"]) == ("fd00::1", "fd00::2")
    assert lines[1]["protocol"] == "udp" and lines[3]["reason"] == "ipv4-ihl"
    assert [line["bytes"] for line in lines] == [len(bytes(frame)) for frame in frames]


def test_profile_times_every_slot(root):
    root.xdp_root("slot", "vb", 3, "load", obj("tally"))
    root.xdp_root("slot", "vb", 9, "load", obj("judge"))
    profile = subprocess.Popen([BUILD / "bin/xdp_root", "profile", "-j", "--netns", root.b.name,
                                "-o", "1", "-d", "2s", "vb"], stdout=subprocess.PIPE, text=True)
    root.await_share("profile_one_in")
    root.send([ether(DROP) / IP() / UDP()] * 100)
    result = json.loads(profile.communicate(timeout=30)[0])
    assert result["packets"] == 100
    assert [(slot["slot"], slot["packets"]) for slot in result["slots"]] == [
        ("root", 100), ("3", 100), ("9", 100)]
    for slot in result["slots"]:
        assert sum(count for _, count in slot["histogram"]) == 100


def test_documented_reason_codes_are_the_ones_there_are():
    listed = sh(BUILD / "bin/xdp_root", "codes")
    page = (TOP / "docs/reason-codes.md").read_text()
    assert "".join(f"    {line}\n" for line in listed.splitlines()) in page
    assert [entry["name"] for entry in json.loads(sh(BUILD / "bin/xdp_root", "codes", "-j"))] == [
        line.split()[1] for line in listed.splitlines()]
