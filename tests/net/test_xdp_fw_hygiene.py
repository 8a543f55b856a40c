# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Fragments, options and malformed packets: what is dropped, and what the sender is told."""
import socket
import struct

import pytest
from scapy.all import Dot1AD, Dot1Q, Ether, ICMP, ICMPv6EchoRequest, ICMPv6PacketTooBig, IP
from scapy.all import IPOption_NOP, IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment
from scapy.all import IPv6ExtHdrHopByHop, IPv6ExtHdrRouting, Raw, TCP, UDP

from conftest import BUILD, sh
from fw import Wall, eth, rule, size, sized

PACKET_AUXDATA, PACKET_OUTGOING = 8, 4
ETH_P_ALL = 3
V4 = {"src": "10.0.0.1", "dst": "10.0.0.2"}
V6 = {"src": "fd00::1", "dst": "fd00::2"}


@pytest.fixture(scope="module")
def wall(module_pair):
    """With a root on va too: or veth has no ring for what the other end answers by XDP_TX."""
    def sender(command):
        sh(BUILD / "bin/xdp_root", command, "--netns", module_pair.a.name, "va")

    sender("attach")
    yield Wall(module_pair)
    sender("detach")


class Listener:
    """Frames as they come out of va; the kernel keeps the outer tag of each aside."""

    def __init__(self, pair):
        with pair.a:
            self.raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        with pair.a:
            self.raw.bind(("va", ETH_P_ALL))
        self.raw.setsockopt(263, PACKET_AUXDATA, 1)  # SOL_PACKET

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.raw.close()

    def read(self, count):
        """So many frames, and no more."""
        frames = []
        self.raw.settimeout(5)
        while len(frames) < count:
            frames += self.next()
        self.raw.settimeout(0)
        try:
            while True:
                frames += self.next()
        except BlockingIOError:
            return frames

    def next(self):
        data, aux, _, sender = self.raw.recvmsg(65536, 256)
        if sender[2] == PACKET_OUTGOING:
            return []
        # struct tpacket_auxdata: TP_STATUS_VLAN_VALID
        status, _, _, _, _, tci, tpid = struct.unpack("=IIIHHHH", aux[0][2][:20])
        tag = struct.pack("!HH", tpid, tci) if status & 0x10 else b""
        return [data[:12] + tag + data[12:]]


def fragment(link=None, payload=1456, **fields):
    """A first fragment of IPv4, of a datagram of 3,000 bytes."""
    first = IP(**V4 | {"flags": "MF", "id": 77, "proto": 17} | fields)
    return (link or eth()) / first / UDP(sport=4321, dport=53, len=3000) / Raw(
        bytes(i % 251 for i in range(payload - 8)))


def fragment6(link=None, payload=1424, upper=None, nh=17, **fields):
    upper = bytes(upper or UDP(sport=4321, dport=53, len=3000, chksum=1))
    data = upper + bytes(i % 251 for i in range(payload - len(upper)))
    return (link or eth()) / IPv6(**V6 | fields) / IPv6ExtHdrFragment(m=1, id=7, nh=nh) / Raw(data)


def checked(frame, kind):
    """Its layer of this kind; all checksums in the frame are what scapy makes of it."""
    parsed = Ether(frame)
    again = Ether(frame)
    for layer, field in ((IP, "chksum"), (ICMP, "chksum"), (ICMPv6PacketTooBig, "cksum")):
        if layer in again:
            again[layer].delfieldval(field)
            again[layer].raw_packet_cache = None
    if ICMP in again:  # what is quoted is bytes, not to be made again
        again[ICMP].remove_payload()
        again = again / Raw(bytes(parsed[ICMP].payload))
    else:
        again[ICMPv6PacketTooBig].remove_payload()
        again = again / Raw(bytes(parsed[ICMPv6PacketTooBig].payload))
    assert bytes(again) == frame
    return parsed[kind]


def links(frame):
    """Of the reply to this frame: the same tags, addresses swapped; and the datagram."""
    raw, at = bytes(frame), 12
    while raw[at:at + 2] in (b"\x81\x00", b"\x88\xa8"):
        at += 4
    link, packet = raw[6:12] + raw[:6] + raw[12:at + 2], raw[at + 2:]
    if packet[0] >> 4 == 4:
        return link, packet[:struct.unpack("!H", packet[2:4])[0]]
    return link, packet[:40 + struct.unpack("!H", packet[4:6])[0]]


def roomy(frame):
    """With padding: veth has no room behind the frame for a reply that is longer."""
    return sized(frame, min(1514, len(frame) + 60))


def test_fragments_are_dropped(wall):
    wall.rules("hygiene drop fragments", "pass packet")
    frames = [fragment(), fragment(frag=185), eth() / IP(**V4, frag=185, proto=6) / Raw(b"x" * 20),
              fragment6(), eth() / IPv6(**V6) / IPv6ExtHdrFragment(offset=9, nh=6) / Raw(b"x" * 20)]
    whole = [eth() / IP(**V4, flags="DF") / UDP(),
             eth() / IPv6(**V6) / IPv6ExtHdrFragment() / UDP()]
    with Listener(wall.pair) as listener:
        judged = wall.judge(*frames, *whole)
        assert listener.read(0) == []
    assert judged.verdicts == ["drop fw-fragment 1"] * 5 + ["pass fw-pass 1"] * 2
    assert judged.reasons == {"fw-fragment": 5, "fw-pass": 2}
    assert judged.hits == {("hygiene", 1): size(*frames), rule(1): size(*whole)}
    assert judged.counts == {}
    wall("hygiene", "off", "fragments")
    assert wall.judge(*frames).verdicts == ["pass fw-pass 1"] * 5


def answered(wall, *frames):
    """Replies to fragments each of which must have one, in order."""
    with Listener(wall.pair) as listener:
        judged = wall.judge(*frames)
        assert judged.verdicts == ["tx fw-ptb 1"] * len(frames)
        replies = listener.read(len(frames))
    assert judged.reasons == {"fw-ptb": len(frames)}
    assert judged.counts == {"replies": len(frames)}
    assert judged.hits == {("hygiene", 1): size(*frames)}
    assert len(replies) == len(frames)
    return replies


def test_replies_ipv4(wall):
    """Too big: the fragment's own size is what gets through; header and 8 bytes are quoted."""
    wall.rules("hygiene drop fragments ptb 1000000")
    tags = [eth(), eth() / Dot1Q(vlan=5, prio=3), eth() / Dot1AD(vlan=7) / Dot1Q(vlan=6)]
    frames = [fragment(link=link) for link in tags]
    frames += [roomy(fragment(payload=payload)) for payload in (8, 40, 48, 1016, 1480)]
    frames += [fragment(options=[IPOption_NOP()] * 4),
               fragment(options=[IPOption_NOP()] * 40, payload=1400),
               fragment(ttl=1, tos=0x10)]
    frames += [eth() / IP(**V4, flags="MF") / ICMP(type=kind, code=0) / Raw(b"p" * (
        64 - len(ICMP(type=kind)))) for kind in (8, 13)]
    frames += [eth() / IP(**V4, flags="MF", proto=47) / Raw(b"g" * 64)]
    for frame, reply in zip(frames, answered(wall, *frames)):
        frame = bytes(frame)
        link, packet = links(frame)
        length = struct.unpack("!H", packet[2:4])[0]
        header = 4 * (packet[0] & 15)
        assert reply[:len(link)] == link
        ip = checked(reply, IP)
        assert (ip.src, ip.dst, ip.ttl, ip.proto, ip.ihl) == ("10.0.0.2", "10.0.0.1", 64, 1, 5)
        assert (ip.tos, ip.flags, ip.frag, ip.len) == (0xC0, "DF", 0, 28 + header + 8)
        assert len(reply) == len(link) + ip.len
        icmp = reply[len(link) + 20:]
        assert icmp[:2] + icmp[4:8] == struct.pack("!BBHH", 3, 4, 0, max(68, length))
        assert icmp[8:] == packet[:header + 8]


def test_replies_ipv6(wall):
    """No smaller than 1280, and as much of the fragment as goes into 1280 bytes."""
    wall.rules("hygiene drop fragments ptb 1000000")
    frames = [fragment6(link=link) for link in
              (eth(), eth() / Dot1Q(vlan=5), eth() / Dot1AD(vlan=7) / Dot1Q(vlan=6))]
    frames += [roomy(fragment6(payload=payload))
               for payload in (8, 64, 1176, 1184, 1192, 1232, 1448)]
    frames += [fragment6(upper=ICMPv6EchoRequest(cksum=1), nh=58),
               eth() / IPv6(**V6) / IPv6ExtHdrHopByHop() / IPv6ExtHdrFragment(m=1, nh=59) /
               Raw(b"h" * 80)]
    frames[-2:] = [roomy(frame) for frame in frames[-2:]]
    for frame, reply in zip(frames, answered(wall, *frames)):
        link, packet = links(frame)
        assert reply[:len(link)] == link
        ip = checked(reply, IPv6)
        assert (ip.src, ip.dst, ip.hlim, ip.nh) == ("fd00::2", "fd00::1", 64, 58)
        quote = packet[:1280 - 48]
        assert ip.plen == 8 + len(quote) and len(reply) == len(link) + 40 + ip.plen
        icmp = reply[len(link) + 40:]
        assert icmp[:2] + icmp[4:8] == struct.pack("!BBI", 2, 0, max(1280, len(packet)))
        assert icmp[8:] == quote


def test_replies_that_find_no_room(wall):
    """Where the driver leaves no room behind a frame it is dropped unanswered, and counted."""
    wall.rules("hygiene drop fragments ptb 1000000")
    frames = [fragment(payload=8), fragment6(payload=8), fragment6(payload=1176)]
    judged = wall.judge(*frames)
    failed = judged.verdicts.count("drop fw-fragment 1")
    assert failed + judged.verdicts.count("tx fw-ptb 1") == len(frames)
    assert judged.counts.get("replies_failed", 0) == failed
    assert judged.counts.get("replies", 0) == len(frames) - failed
    assert judged.hits == {("hygiene", 1): size(*frames)}


def unanswerable():
    cases = [fragment(link=Ether(dst=dst, src="02:00:00:00:00:0a"))
             for dst in ("ff:ff:ff:ff:ff:ff", "01:00:5e:00:00:01", "33:33:00:00:00:01")]
    martians = ["0.0.0.0", "0.1.2.3", "127.0.0.1", "224.0.0.1", "239.1.2.3", "240.0.0.1",
                "255.255.255.255"]
    cases += [fragment(**{way: addr}) for way in ("src", "dst") for addr in martians]
    martians6 = ["::", "::1", "ff02::1", "ff0e::1234", "::ffff:10.0.0.1"]
    cases += [fragment6(**{way: addr}) for way in ("src", "dst") for addr in martians6]
    cases += [eth() / IP(**V4, flags="MF") / ICMP(type=kind) / Raw(b"e" * 56)
              for kind in (3, 4, 5, 11, 12)]
    cases += [fragment6(upper=struct.pack("!BBHI", kind, 0, 0, 0), nh=58)
              for kind in (1, 2, 3, 4, 100, 127, 137)]
    cases += [fragment(frag=1), fragment(frag=185), fragment(frag=185, flags=0),
              eth() / IPv6(**V6) / IPv6ExtHdrFragment(offset=9, m=1, nh=17) / Raw(b"x" * 80)]
    cases += [fragment(payload=payload) for payload in (9, 12, 1479)]
    cases += [fragment6(payload=payload) for payload in (12, 1447)]
    cases += [eth() / IP(**V4, flags="MF", proto=47), eth() / IP(**V4, flags="MF", proto=47) /
              Raw(b"x" * 4), eth() / IPv6(**V6) / IPv6ExtHdrFragment(m=1, nh=47)]
    return cases


def test_fragments_that_are_not_answered(wall):
    """Groups, martians, errors, later fragments, and sizes that no sender makes."""
    wall.rules("hygiene drop fragments ptb 1000000")
    frames = unanswerable()
    with Listener(wall.pair) as listener:
        judged = wall.judge(*frames)
        assert listener.read(0) == []
    assert judged.verdicts == ["drop fw-fragment 1"] * len(frames)
    assert judged.reasons == {"fw-fragment": len(frames)} and judged.counts == {}
    assert judged.hits == {("hygiene", 1): size(*frames)}


def test_rate_of_replies(wall):
    """One a second to the whole world; what is held back is counted."""
    wall.rules("hygiene drop fragments ptb 1")
    frames = [fragment(src=f"198.51.100.{host}") for host in range(1, 101)]
    with Listener(wall.pair) as listener:
        judged, verdict, took = wall.flood(frames)
        sent = judged.counts["replies"]
        replies = listener.read(sent)
    assert 1 <= sent <= 2 + took and len(replies) == sent
    assert judged.counts == {"replies": sent, "replies_held": 100 - sent}
    assert judged.reasons == {"fw-ptb": sent, "fw-fragment": 100 - sent}
    assert judged.hits == {("hygiene", 1): size(*frames)}
    assert verdict["tx"] == size(*frames[:sent]) and verdict["drop"] == size(*frames[sent:])
    counts = wall.stats()["counts"]
    assert (f"replies to fragments: sent {counts['replies']}, held back {counts['replies_held']}, "
            f"failed {counts['replies_failed']}") in wall("stats")


def test_changing_the_rate_and_off(wall):
    wall.rules("drop udp dport 9")
    wall("hygiene", "on", "fragments", "ptb", "1000")
    assert wall.lines()[1] == "hygiene drop fragments ptb 1000"
    answered(wall, fragment())
    wall("hygiene", "on", "fragments")
    assert wall.lines()[1] == "hygiene drop fragments"
    judged = wall.judge(fragment())
    assert (judged.verdicts, judged.counts) == (["drop fw-fragment 1"], {})
    wall("hygiene", "off", "fragments")
    assert wall("list") == "default next\ndrop udp dport 9\n"
    assert wall.judge(fragment()).verdicts == ["next"]


def test_options_and_malformed(wall):
    wall.rules("hygiene drop options", "hygiene drop malformed", "pass packet")
    v6, cut = IPv6(**V6), IP(**V4, len=30, proto=6)
    option, bad, well = "drop fw-options 2", "drop fw-malformed 3", "pass fw-pass 1"
    cases = [
        (eth() / IP(**V4, options=[IPOption_NOP()] * 4) / UDP(), option),
        (eth() / v6 / IPv6ExtHdrHopByHop() / UDP(), option),
        (eth() / v6 / IPv6ExtHdrDestOpt() / UDP(), option),
        (eth() / v6 / IPv6ExtHdrRouting() / UDP(), option),
        (eth() / v6 / IPv6ExtHdrHopByHop() / Raw(b"x" * 7), option),
        (eth() / IP(**V4, options=[IPOption_NOP()] * 4, len=30, proto=6) / Raw(b"x" * 6), option),
        (eth() / cut / Raw(b"x" * 26), bad), (eth() / IP(**V4) / TCP(dataofs=4), bad),
        (eth() / IP(**V4) / UDP(len=7), bad), (eth() / v6 / UDP(len=9), bad),
        (eth() / IP(**V4) / TCP(), well), (eth() / v6 / UDP(), well),
        (eth() / IP(**V4, proto=47) / Raw(b"x"), well), (fragment(), well), (fragment6(), well),
        (eth() / IP(**V4, frag=9, proto=6) / Raw(b"x"), well),
    ]
    judged = wall.judge(*(frame for frame, _ in cases))
    assert judged.verdicts == [what for _, what in cases]
    assert judged.reasons == {"fw-options": 6, "fw-malformed": 4, "fw-pass": 6}
    assert judged.hits == {("hygiene", 2): size(*(frame for frame, _ in cases[:6])),
                           ("hygiene", 3): size(*(frame for frame, _ in cases[6:10])),
                           rule(1): size(*(frame for frame, _ in cases[10:]))}
    wall("hygiene", "off", "options")
    assert wall.judge(*(frame for frame, _ in cases[:6])).verdicts == [well] * 5 + [bad]
    wall("hygiene", "off", "malformed")
    assert wall.judge(*(frame for frame, _ in cases)).verdicts == [well] * len(cases)


def test_protections_come_before_hygiene(wall):
    wall.rules("hygiene drop fragments ptb 1000", "protect from 10.0.0.1", "drop packet")
    judged = wall.judge(fragment(), fragment(src="10.0.0.3", frag=9))
    assert judged.verdicts == ["next", "drop fw-fragment 1"]
    assert judged.reasons == {"fw-protected": 1, "fw-fragment": 1}


def test_local_addresses_are_exempt(wall):
    """Those that the machine has when rules are loaded; later ones from the next change on."""
    def lo(*argv):
        wall.pair.b.run("ip", *argv, "dev", "lo")

    wall.pair.b.run("sysctl", "-qw", "net.ipv6.conf.lo.disable_ipv6=0")
    wall.pair.b.run("ip", "link", "set", "lo", "up")
    lo("addr", "add", "192.0.2.77/32")
    lo("-6", "addr", "add", "2001:db8::77/128")
    wall.rules("hygiene drop fragments ptb 1000000", "hygiene drop options",
               "hygiene drop malformed", "hygiene allow local", "count to 192.0.2.77")
    own = [fragment(dst="192.0.2.77"), fragment6(dst="2001:db8::77"),
           eth() / IP(src="10.0.0.1", dst="192.0.2.77", options=[IPOption_NOP()] * 4) / UDP(),
           eth() / IPv6(src="fd00::1", dst="2001:db8::77") / UDP(len=7)]
    others = [fragment(dst="192.0.2.78", frag=9), fragment6(src="ff02::1", dst="2001:db8::78"),
              eth() / IP(**V4, options=[IPOption_NOP()] * 4) / UDP(),
              eth() / IPv6(**V6) / UDP(len=7)]
    dropped = ["drop fw-fragment 1"] * 2 + ["drop fw-options 2", "drop fw-malformed 3"]
    judged = wall.judge(*own, *others)
    assert judged.verdicts == ["next"] * 4 + dropped
    assert judged.hits[rule(1)] == size(own[0], own[2])
    lo("addr", "add", "192.0.2.78/32")
    assert wall.judge(others[0]).verdicts == ["drop fw-fragment 1"]
    wall("insert", "drop udp dport 9")
    assert wall.judge(others[0]).verdicts == ["next"]
    wall("hygiene", "off", "local")
    assert wall.judge(own[3], own[2]).verdicts == ["drop fw-malformed 3", "drop fw-options 2"]
    answered(wall, *own[:2])


def test_replies_in_generic_mode(wall):
    """The frame that the kernel hands over there may have its tag aside; the answer is the same."""
    wall.rules("hygiene drop fragments ptb 1000000")
    frames = [fragment(), fragment6(), roomy(fragment6(payload=8))]
    native = answered(wall, *frames)
    pair = wall.pair
    saved = wall("save")
    pair.xdp_root("detach", "vb")
    pair.xdp_root("attach", "vb", "-m", "skb")
    pair.wait_up()
    wall("attach", "-f", "-", input=saved)
    with Listener(pair) as listener:
        pair.send([bytes(frame) for frame in frames])
        stats = pair.await_stats(lambda stats: stats["reasons"].get("fw-ptb") == 3)
        assert listener.read(3) == native
    assert stats["reasons"] == {"fw-ptb": 3}
    assert wall.stats()["counts"]["replies"] == 3
