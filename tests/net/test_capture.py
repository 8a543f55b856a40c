# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""The capture hook is what xdpcap expects, and gets every packet of the action it is set for."""
import json

from scapy.all import Ether, IP, UDP, Raw

from conftest import BUILD, obj, sh, verdicts


def test_hook(pair, bpffs):
    pair.xdp_root("attach", "vb")
    pair.wait_up()
    hook = pair.status()["directory"] + "/xdpcap_hook"
    shape = json.loads(sh("bpftool", "-j", "map", "show", "pinned", hook))
    assert [shape[key] for key in ("type", "bytes_key", "bytes_value", "max_entries")] == [
        "prog_array", 4, 4, 5]
    programs = bpffs / "capture"
    sh("bpftool", "prog", "loadall", obj("capture"), programs, "pinmaps", f"{programs}_maps")
    sh("bpftool", "map", "update", "pinned", hook, "key", "1", "0", "0", "0", "value", "pinned",
       programs / "capture_drop")
    pair.xdp_root("slot", "vb", 9, "load", obj("judge"))
    frames = [bytes(Ether(dst="02:00:00:00:00:0b", src=f"02:00:00:00:00:0{action}") / IP() / UDP() /
                    Raw(f"{action}" * 40)) for action in (2, 3)]
    try:
        for frame, capture in (frames[0], frames[0]), (frames[1], frames[0]):
            pair.send([frame])
            stats = pair.await_seen(frames.index(frame) + 1)
            dump = json.loads(sh("bpftool", "-j", "map", "dump", "pinned", f"{programs}_maps/capture_bytes"))
            assert bytes(int(byte, 16) for byte in dump[0]["value"]) == capture[:60]
        assert verdicts(stats, 9) == {name: (1, len(frames[0])) for name in ("drop", "pass")}
        assert "xdpcap_hook: program" in pair.xdp_root("check", "vb")
    finally:
        sh("rm", "-r", programs, f"{programs}_maps")
