# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Frames of one flow, to a port that no server listens on: what of them arrives at the server?"""
import struct

import frames
from bypass import KINDS, PORTS, address, pattern, vip
from frames import Capture

QUIET_PORT = 7777
# The server says nothing, and does not unpack what is captured: that would show in the capture.
DEAF = [f"tc qdisc add dev {dev} clsact" for dev in ("eth0", "eth1")] + [
    f"tc filter add dev {dev} ingress protocol {match} action drop"
    for dev in ("eth0", "eth1")
    for match in ("ip matchall", *(f"ipv6 prio {number} u32 match ip6 protocol {number} 0xff"
                                   for number in (4, 6, 17, 41)))]

TYPES = 0x88a8, 0x8100  # of tags, the inner one last
TIMESTAMP = bytes.fromhex("0101080a") + struct.pack("!II", 1, 2)
SACK = bytes.fromhex("050a") + struct.pack("!II", 5001, 6000) + b"\1\1"


class Frames:
    """Frames of one flow, as they arrive at the director."""

    def __init__(self, net, kind, family, proto="udp", vids=()):
        self.net, self.kind, self.family, self.proto, self.vids = net, kind, family, proto, vids
        self.port = next(PORTS)
        self.macs = net.mac("rt", "lb0"), net.mac("lb", "eth0")
        self.first = self.opening() + self.warm_up()
        self.rest = self.variants()

    def frame(self, size=32, *, padding=0, prio=0, udp_sum=None, flags="A", options=b"", **fields):
        ends = address(self.family, 1, 2), vip(self.family, self.kind)
        ports, payload = (self.port, QUIET_PORT), pattern(size)
        if self.proto == "udp":
            number, segment = frames.UDP, frames.udp(ends, ports, payload, udp_sum)
        else:
            number, segment = frames.TCP, frames.tcp(ends, ports, payload, flags=flags, seq=1000,
                                                     ack=5000, options=options)
        if self.family == 4:
            fields = {"ident": 4711, **fields}
        tags = list(zip(TYPES[-len(self.vids):], (prio << 13 | vid for vid in self.vids)))
        return frames.packet(self.macs, ends, number, segment, tags=tags,
                             **fields) + bytes(padding)

    def opening(self):
        return [self.frame(flags="S")] if self.proto == "tcp" else []

    def warm_up(self):
        return [self.frame(size=size) for size in range(20, 26)]

    def variants(self):
        made = [self.frame(size=size) for size in (0, 1, 2, 3, 17, 18, 333, 1380)]
        made += [self.frame(ttl=ttl) for ttl in (2, 3, 63, 128, 255)]
        made += [self.frame(tos=tos) for tos in (1, 2, 3, 0x28, 0xb8, 0xff)]
        made += [self.frame(padding=padding, size=4) for padding in (1, 6, 40)]
        if self.family == 4:
            made += [self.frame(ident=number) for number in (0, 1, 0xffff)]
            made += [self.frame(ident=number, ttl=ttl, tos=tos)
                     for number, ttl, tos in ((77, 9, 9), (0xfffe, 0x80, 0x80))]
        elif not self.kind.startswith("gue"):  # whose source port would be another one's
            made += [self.frame(label=label) for label in (1, 0x12345, 0xfffff)]
        if self.proto == "tcp":
            made += [self.frame(flags=flags) for flags in ("PA", "PAU", "AEC", "PAEC")]
            made += [self.frame(options=TIMESTAMP), self.frame(size=0, options=SACK)]
        elif self.family == 4:
            made += [self.frame(udp_sum=0)]
        if self.vids:
            made += [self.frame(prio=prio) for prio in (1, 7)]
        return made

    def capture(self):
        ports = self.port.to_bytes(2, "big") + QUIET_PORT.to_bytes(2, "big")
        dev = KINDS[self.kind].dev
        return Capture(self.net.rs[0], dev, lambda data: ports in data)

    def received(self, *batches):
        """What the server gets for all of them; unless told, first those that make the flow known."""
        with self.capture() as capture:
            for batch in batches or (self.first, self.rest):
                wanted = len(capture.frames) + len(batch)
                self.net.wire(batch)
                capture.await_frames(wanted, 2)
            return [frame.bytes for frame in capture.frames]
