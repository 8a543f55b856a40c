# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""
Frames as bytes: made, with right checksums; captured; compared. Scapy makes stranger ones, but takes
1 ms for each, and in a guest 20: too long for those that are sent by the thousand.
"""
import collections
import ipaddress
import selectors
import socket
import struct
import time

TCP, UDP = 6, 17
GUE_PORT = 6080  # of the tests
DF, MF = 0x4000, 0x2000
FLAGS = {name: 1 << bit for bit, name in enumerate("FSRPAUEC")}


def binary(host):
    return ipaddress.ip_address(host).packed


def checksum(data, more=0):
    """RFC 1071; never 0, which UDP takes for none."""
    words = struct.unpack(f"!{(len(data) + 1) // 2}H", data + bytes(len(data) % 2))
    return 0xffff - (sum(words) + more) % 0xffff


def patched(data, at, value):
    """The bytes there are others."""
    return data[:at] + value + data[at + len(value):]


def ethernet(macs, proto, payload, tags=()):
    """@macs: (source, destination); @tags: (type, TCI) of each, outer first."""
    source, target = (bytes.fromhex(mac.replace(":", "")) for mac in macs)
    words = [word for tag in tags for word in tag] + [proto]
    return target + source + struct.pack(f"!{len(words)}H", *words) + payload


def ipv4(ends, proto, payload, *, ttl=64, tos=0, ident=0, fragment=DF):
    """@fragment: flags and offset, as they are in the header."""
    header = struct.pack("!BBHHHBBH", 0x45, tos, 20 + len(payload), ident, fragment, ttl, proto, 0)
    header += binary(ends[0]) + binary(ends[1])
    return patched(header, 10, checksum(header).to_bytes(2, "big")) + payload


def ipv6(ends, proto, payload, *, ttl=64, tos=0, label=0):
    return (struct.pack("!IHBB", 6 << 28 | tos << 20 | label, len(payload), proto, ttl) +
            binary(ends[0]) + binary(ends[1]) + payload)


def summed(ends, proto, segment, at):
    """With the checksum, over the pseudo header, too."""
    pseudo = binary(ends[0]) + binary(ends[1])
    value = checksum(pseudo + segment, len(segment) + proto)
    return patched(segment, at, value.to_bytes(2, "big"))


def udp(ends, ports, payload, check=None):
    """@check: instead of the right one."""
    segment = struct.pack("!HHHH", *ports, 8 + len(payload), check or 0) + payload
    return segment if check is not None else summed(ends, UDP, segment, 6)


def tcp(ends, ports, payload=b"", *, flags="A", seq=0, ack=0, options=b""):
    """@flags: their initials; @options: whole words."""
    bits = sum(FLAGS[flag] for flag in flags)
    offset = (20 + len(options)) // 4 << 4
    segment = struct.pack("!HHIIBBHHH", *ports, seq, ack, offset, bits, 8192, 0, 0)
    return summed(ends, TCP, segment + options + payload, 16)


def packet(macs, ends, proto, segment, *, tags=(), **fields):
    """In a frame; IPv4 or IPv6, as the ends are."""
    if ":" in ends[0]:
        return ethernet(macs, 0x86dd, ipv6(ends, proto, segment, **fields), tags)
    return ethernet(macs, 0x0800, ipv4(ends, proto, segment, **fields), tags)


Frame = collections.namedtuple("Frame", "time bytes")


class Capture:
    """What comes in on an interface of a host, tags and all, with the kernel's time."""

    def __init__(self, host, dev, wanted):
        self.wanted, self.frames = wanted, []
        self.raw = host.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self.raw.setsockopt(socket.SOL_SOCKET, 33, 16 << 20)  # SO_RCVBUFFORCE
        self.raw.setsockopt(263, 8, 1)  # SOL_PACKET, PACKET_AUXDATA
        self.raw.setsockopt(socket.SOL_SOCKET, 35, 1)  # SO_TIMESTAMPNS
        with host:
            self.raw.bind((dev, 3))  # ETH_P_ALL
        self.raw.setblocking(False)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.raw.close()

    def read(self):
        """All frames that have come until now."""
        while True:
            try:
                data, extra, _, sender = self.raw.recvmsg(65536, 256)
            except BlockingIOError:
                return self.frames
            if sender[2] == socket.PACKET_OUTGOING:
                continue
            stamp = 0
            for level, what, value in extra:
                if (level, what) == (263, 8):
                    status, *_, tci, tpid = struct.unpack("=IIIHHHH", value)
                    if status & 1 << 4:  # TP_STATUS_VLAN_VALID
                        data = data[:12] + struct.pack("!HH", tpid, tci) + data[12:]
                elif (level, what) == (socket.SOL_SOCKET, 35):
                    seconds, ns = struct.unpack("=qq", value)
                    stamp = seconds + ns / 1e9
            if self.wanted(data):
                self.frames.append(Frame(stamp, data))

    def await_frames(self, count, seconds=5):
        """At least so many, or what there was when the time was up."""
        deadline = time.monotonic() + seconds
        with selectors.DefaultSelector() as selector:
            selector.register(self.raw, selectors.EVENT_READ)
            while len(self.read()) < count and time.monotonic() < deadline:
                selector.select(deadline - time.monotonic())
        return self.frames

    def clear(self):
        self.read()
        self.frames = []


def layers(data):
    """Offset of the IP header behind Ethernet and tags, its version, and length of its packet."""
    at = 12
    while data[at:at + 2] in (b"\x81\x00", b"\x88\xa8"):
        at += 4
    at += 2
    version = data[at] >> 4
    length = int.from_bytes(data[at + 2:at + 4] if version == 4 else data[at + 4:at + 6], "big")
    return at, version, length + (0 if version == 4 else 40)


def is_tunnelled(data):
    at, version, _ = layers(data)
    proto = data[at + (9 if version == 4 else 6)]
    ports = at + (20 if version == 4 else 40)
    return proto in (4, 41) or (proto == 17 and
                                data[ports + 2:ports + 4] == GUE_PORT.to_bytes(2, "big"))


def comparable(data):
    """
    The frame without what may differ between two sendings of the same packet: padding, and the
    identification and header checksum of an outer IPv4 header, which must be right.
    """
    at, version, length = layers(data)
    data = data[:at + length]
    if version == 6:
        return data
    total = sum(struct.unpack("!10H", data[at:at + 20]))
    assert total % 0xffff == 0, f"checksum of the IP header: {data.hex()}"
    if is_tunnelled(data):
        data = data[:at + 4] + b"\0\0" + data[at + 6:at + 10] + b"\0\0" + data[at + 12:]
    return data
