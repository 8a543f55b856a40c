# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""
xdp_sampler_to_pcap and `xdp_sampler top` read what a publisher of the test sends: captures as tshark,
tcpdump and scapy understand them, estimates to the packet, and nothing bad on the bus matters.
"""
import contextlib
import decimal
import errno
import importlib.util
import json
import os
import re
import select
import signal
import socket
import struct
import subprocess
import time

import pytest
import zmq
from scapy.all import Ether, IP, IPv6, PcapNgReader, TCP, UDP

from conftest import BUILD, TOP

LIMIT_S = 30
NAME = "xdp_sampler_to_pcap"
UNTITLED = 4  # subscriptions to messages without a topic, beside those to topics
BASE_NS = 1700000000123456789
LINK_RAW = 101

UDP4 = bytes(Ether(dst="02:00:00:00:00:0b", src="02:00:00:00:00:0a") /
             IP(src="10.0.0.1", dst="192.0.2.1") / UDP(sport=4000, dport=53) / (b"x" * 40))
TCP4 = bytes(Ether(dst="02:00:00:00:00:0b", src="02:00:00:00:00:0a") /
             IP(src="10.0.0.2", dst="192.0.2.1") / TCP(sport=5000, dport=80))
UDP6 = bytes(Ether(dst="02:00:00:00:00:0b", src="02:00:00:00:00:0a") /
             IPv6(src="2001:db8::1", dst="2001:db8::2") / UDP(sport=4000, dport=443))


@pytest.fixture(scope="session")
def schema(tmp_path_factory):
    """ext/packet_sample.proto, as any consumer compiles it."""
    out = tmp_path_factory.mktemp("schema")
    subprocess.run(["protoc", f"--python_out={out}", f"-I{TOP / 'ext'}", "packet_sample.proto"],
                   check=True)
    spec = importlib.util.spec_from_file_location("packet_sample_pb2", out / "packet_sample_pb2.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Publisher:
    """A socket that knows who has subscribed, and makes messages of samples."""

    def __init__(self, schema, endpoint=None, keys=None):
        self.schema, self.sequence = schema, 0
        self.context = zmq.Context()
        self.socket = self.context.socket(zmq.XPUB)
        self.socket.set(zmq.SNDHWM, 0)
        self.socket.set(zmq.LINGER, 0)
        if keys:
            self.socket.curve_publickey, self.socket.curve_secretkey = keys
            self.socket.curve_server = True
        self.socket.bind(endpoint or "tcp://127.0.0.1:*")
        self.endpoint = self.socket.get(zmq.LAST_ENDPOINT).rstrip(b"\0").decode()

    def close(self):
        self.context.destroy(linger=0)

    def await_subscriptions(self, count=1):
        got = []
        while len(got) < count:
            assert self.socket.poll(LIMIT_S * 1000), "nobody has subscribed"
            got.append(self.socket.recv())
        return got

    def packet(self, frame=UDP4, **fields):
        """A Packet; DROP by slot 5, rule 3 unless fields say otherwise."""
        values = dict(tv_sec=BASE_NS // 10**9, tv_nsec=BASE_NS % 10**9, len=len(frame), pkt=frame,
                      sampling_probability_reciprocal=1000, sequence=self.sequence, xdp_action=1,
                      xdp_action_source=5, xdp_action_code=128, xdp_action_meta=3,
                      reason="fw-rule", cpu=1, cpu_sequence=7, rx_queue=2, ifindex=4)
        values.update(fields)
        self.sequence = values["sequence"] + 1
        return self.schema.Packet(**values)

    def message(self, *packets, hostname="host-a", interface="eth0", link=1):
        sample = self.schema.PacketSample()
        sample.host_info.hostname = hostname
        sample.packet_common.interface = interface
        sample.packet_common.link = link
        if len(packets) == 1:
            sample.packet.CopyFrom(packets[0])
        else:
            sample.packets.extend(packets)
        return sample.SerializeToString()

    def send(self, frame=UDP4, topic=None, hostname="host-a", interface="eth0", link=1, **fields):
        message = self.message(self.packet(frame, **fields), hostname=hostname,
                               interface=interface, link=link)
        if topic is None:
            topic = f"{interface}.drop.5.fw-rule"
        self.socket.send_multipart([topic.encode(), message] if topic else [message])


@pytest.fixture
def publisher(schema):
    with contextlib.closing(Publisher(schema)) as one:
        yield one


@contextlib.contextmanager
def running(*argv, **kwargs):
    """The tool, killed at the end if it did not end by itself."""
    options = dict(stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    options.update(kwargs)
    popen = subprocess.Popen([str(arg) for arg in argv], **options)
    try:
        yield popen
    finally:
        popen.kill()
        popen.communicate()


def to_pcap(*argv, **kwargs):
    return running(BUILD / "bin" / NAME, *argv, **kwargs)


def finish(popen, status=0):
    """Wait for its end: what it said on standard error."""
    error = popen.communicate(timeout=LIMIT_S)[1].decode()
    assert popen.returncode == status, (popen.returncode, error)
    return error


def finish_json(popen):
    return json.loads(finish(popen))


def fails(*argv, status=1, **kwargs):
    """It must fail, with one line; without the tool's name."""
    with to_pcap(*argv, **kwargs) as popen:
        error = finish(popen, status)
    assert error.count("\n") == 1 and error.startswith(f"{NAME}: "), error
    return error[len(NAME) + 2:-1]


def await_size(path, size):
    deadline = time.monotonic() + LIMIT_S
    while not path.exists() or path.stat().st_size < size:
        assert time.monotonic() < deadline, "nothing was written"


def tshark(path, *fields):
    """Rows of fields, as text; a field that a packet lacks is empty."""
    done = subprocess.run(["tshark", "-n", "-r", path, "-T", "fields", "-E", "separator=|",
                           *(word for field in fields for word in ("-e", field))],
                          check=True, capture_output=True, text=True)
    assert "appears to" not in done.stderr and "damaged" not in done.stderr, done.stderr
    return [line.split("|") for line in done.stdout.splitlines()]


def capture(publisher, path, send, *argv, count):
    """Let the tool write count packets of what send() sends; its summary."""
    with to_pcap("-j", "--connect", publisher.endpoint, "-c", count, "-w", path, *argv) as popen:
        publisher.await_subscriptions(1 + UNTITLED if "--filter" in argv else 1)
        send()
        return finish_json(popen)


# --- captures as others read them

def send_of_each_kind(publisher):
    publisher.send()
    publisher.send(TCP4, interface="eth1", tv_nsec=1, xdp_action=2, xdp_action_source=-2, rx_queue=0,
                   xdp_action_code=0, xdp_action_meta=0, reason="", len=1514)
    publisher.send(UDP6, topic="", sequence=5, xdp_action=0, xdp_action_source=-1, reason="",
                   xdp_action_code=7, xdp_action_meta=0, sampling_probability_reciprocal=1)
    publisher.send(UDP4[14:], link=LINK_RAW, hostname="host-b", sequence=90, xdp_action=3)
    publisher.socket.send_multipart([b"t", publisher.message(
        publisher.packet(sequence=6, xdp_action=5, xdp_action_code=390, reason="user-390"),
        publisher.packet(sequence=7, xdp_action=4, xdp_action_code=384, reason="user"))])


def test_tshark_reads_what_became_of_packets(publisher, tmp_path):
    path = tmp_path / "x.pcapng"
    told = capture(publisher, path, lambda: send_of_each_kind(publisher), count=6)
    assert told == {"written": 6, "lost": 3, "skipped": 0, "malformed": 0}
    comment = "fw-rule, rule 3, one in 1000"
    assert tshark(path, "frame.comment", "frame.verdict.ebpf_xdp", "frame.interface_name",
                  "frame.interface_queue", "frame.drop_count",
                  "frame.packet_flags_direction", "frame.len", "frame.cap_len") == [
        [f"drop by slot 5: {comment}", "1", "eth0", "2", "", "0x00000001", "82", "82"],
        ["pass at the end of the chain, one in 1000", "2", "eth1", "0", "", "0x00000001", "1514",
         "54"],
        ["aborted by the root: ipv4-length-short, one in 1", "0", "eth0", "2", "3", "0x00000001",
         "62", "62"],
        [f"tx by slot 5: {comment}", "3", "eth0", "2", "", "0x00000001", "68", "68"],
        ["invalid by slot 5: user-390, meta 3, one in 1000", "0", "eth0", "2", "", "0x00000001",
         "82", "82"],
        ["redirect by slot 5: user, meta 3, one in 1000", "4", "eth0", "2", "", "0x00000001", "82",
         "82"],
    ]


def test_tshark_reads_times_links_and_packets(publisher, tmp_path):
    path = tmp_path / "x.pcapng"
    capture(publisher, path, lambda: send_of_each_kind(publisher), count=6)
    rows = tshark(path, "frame.time_epoch", "frame.interface_id", "frame.interface_description",
                  "frame.encap_type", "ip.src", "ipv6.src", "udp.dstport")
    assert rows == [
        ["1700000000.123456789", "0", "host-a", "1", "10.0.0.1", "", "53"],
        ["1700000000.000000001", "1", "host-a", "1", "10.0.0.2", "", ""],
        ["1700000000.123456789", "0", "host-a", "1", "", "2001:db8::1", "443"],
        ["1700000000.123456789", "2", "host-b", "7", "10.0.0.1", "", "53"],
        ["1700000000.123456789", "0", "host-a", "1", "10.0.0.1", "", "53"],
        ["1700000000.123456789", "0", "host-a", "1", "10.0.0.1", "", "53"],
    ]


def test_scapy_reads_pcapng(publisher, tmp_path):
    """But for comments: scapy 2.5 knows only those that end with a newline."""
    path = tmp_path / "x.pcapng"
    capture(publisher, path, lambda: send_of_each_kind(publisher), count=6)
    with PcapNgReader(str(path)) as reader:
        packets = list(reader)
    assert [bytes(packet) for packet in packets] == [UDP4, TCP4, UDP6, UDP4[14:], UDP4, UDP4]
    assert packets[0].wirelen == 82 and packets[1].wirelen == 1514
    assert packets[0].time == decimal.Decimal("1700000000.123456789")


def test_section_says_who_wrote_it(publisher, tmp_path):
    path = tmp_path / "x.pcapng"
    capture(publisher, path, publisher.send, count=1)
    told = subprocess.run(["capinfos", "-M", path], check=True, capture_output=True,
                          text=True).stdout
    assert f"Capture hardware:    {os.uname().machine}\n" in told
    assert f"Capture oper-sys:    Linux {os.uname().release}\n" in told
    assert f"Capture application: {NAME} " in told
    assert "Time precision = nanoseconds (9)" in told
    assert "Capture length = 262144" in told


def test_classic_pcap(publisher, tmp_path):
    path = tmp_path / "x.pcap"
    told = capture(publisher, path, lambda: send_of_each_kind(publisher), "--classic", count=5)
    assert told == {"written": 5, "lost": 3, "skipped": 1, "malformed": 0}
    data = path.read_bytes()
    assert struct.unpack("=IHHIIII", data[:24]) == (0xa1b23c4d, 2, 4, 0, 0, 262144, 1)
    assert tshark(path, "frame.time_epoch", "frame.len", "frame.cap_len", "udp.dstport") == [
        ["1700000000.123456789", "82", "82", "53"], ["1700000000.000000001", "1514", "54", ""],
        ["1700000000.123456789", "62", "62", "443"], ["1700000000.123456789", "82", "82", "53"],
        ["1700000000.123456789", "82", "82", "53"]]
    lines = subprocess.run(["tcpdump", "-n", "-tt", "--nano", "-r", path], check=True,
                           capture_output=True, text=True).stdout.splitlines()
    assert len(lines) == 5
    assert lines[0].startswith("1700000000.123456789 IP 10.0.0.1.4000 > 192.0.2.1.53:")


def test_tcpdump_reads_pcapng_of_one_link(publisher, tmp_path):
    path = tmp_path / "x.pcapng"

    def send():
        publisher.send()
        publisher.send(TCP4, interface="eth1")
    capture(publisher, path, send, count=2)
    lines = subprocess.run(["tcpdump", "-n", "-tt", "--nano", "-r", path], check=True,
                           capture_output=True, text=True).stdout.splitlines()
    assert [line.split(":")[0] for line in lines] == [
        "1700000000.123456789 IP 10.0.0.1.4000 > 192.0.2.1.53",
        "1700000000.123456789 IP 10.0.0.2.5000 > 192.0.2.1.80"]


# --- what is taken

def test_filter_takes_topics_that_begin_so(publisher, tmp_path):
    """Messages without a topic as well, by what they say."""
    path = tmp_path / "x.pcapng"

    def send():
        for slot in 1, 5, 6, 15:
            publisher.send(topic=f"eth0.drop.{slot}.fw-rule", xdp_action_source=slot)
            publisher.send(topic="", xdp_action_source=slot, rx_queue=9)
        publisher.send(topic="eth1.pass.end.none", interface="eth1", xdp_action=2,
                       xdp_action_code=0, reason="", xdp_action_source=-2)
        publisher.send(topic="", interface="eth1", xdp_action=2, xdp_action_code=0, reason="",
                       xdp_action_source=-2)
        publisher.send(topic="eth1.drop.5.fw-rule", interface="eth1")
    with to_pcap("--connect", publisher.endpoint, "-c", 6, "-w", path, "--filter", "eth0.drop.5",
                 "--filter", "eth0.drop.1.", "--filter", "eth1.pass.end.n") as popen:
        assert sorted(publisher.await_subscriptions(3 + UNTITLED)) == sorted(
            [b"\1eth0.drop.5", b"\1eth0.drop.1.", b"\1eth1.pass.end.n", b"\1\x0a", b"\1\x12",
             b"\1\x1a", b"\1\x22"])
        send()
        # of gaps nothing can be known
        assert finish(popen) == f"{NAME}: 6 packets written, 0 malformed messages\n"
    assert [(comment.split(":")[0].split(",")[0], queue) for comment, queue in
            tshark(path, "frame.comment", "frame.interface_queue")] == [
        ("drop by slot 1", "2"), ("drop by slot 1", "9"), ("drop by slot 5", "2"),
        ("drop by slot 5", "9"), ("pass at the end of the chain", "2"),
        ("pass at the end of the chain", "2")]


def test_filter_of_slot_15_is_not_that_of_slot_1(publisher, tmp_path):
    path = tmp_path / "x.pcapng"

    def send():
        for slot in 15, 1:
            publisher.send(topic="", xdp_action_source=slot)
    capture(publisher, path, send, "--filter", "eth0.drop.1.", count=1)
    assert [row[0].split(":")[0] for row in tshark(path, "frame.comment")] == ["drop by slot 1"]


def test_count_ends_within_a_batch(publisher, tmp_path):
    path = tmp_path / "x.pcapng"
    batch = [publisher.packet(rx_queue=queue) for queue in range(10)]
    told = capture(publisher, path, lambda: publisher.socket.send_multipart(
        [b"eth0.drop.5.fw-rule", publisher.message(*batch)]), count=4)
    assert told["written"] == 4
    assert tshark(path, "frame.interface_queue") == [["0"], ["1"], ["2"], ["3"]]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_it(publisher, tmp_path, number):
    path = tmp_path / "x.pcapng"
    with to_pcap("--connect", publisher.endpoint, "-w", path) as popen:
        publisher.await_subscriptions()
        await_size(path, 1)
        header = path.stat().st_size
        publisher.send()
        await_size(path, header + 1)
        popen.send_signal(number)
        assert finish(popen) == (f"{NAME}: 1 packets written, 0 lost on the bus, "
                                 "0 malformed messages\n")
    assert tshark(path, "udp.dstport") == [["53"]]


def test_standard_output_is_flushed_when_the_bus_is_idle(publisher):
    with to_pcap("--connect", publisher.endpoint, "--classic", "-w", "-") as popen:
        publisher.await_subscriptions()
        assert len(popen.stdout.read(24)) == 24
        for number in range(3):
            publisher.send(tv_nsec=number)
            head = struct.unpack("=IIII", popen.stdout.read(16))
            assert head == (1700000000, number, len(UDP4), len(UDP4))
            assert popen.stdout.read(len(UDP4)) == UDP4
        popen.send_signal(signal.SIGTERM)
        assert "3 packets written" in finish(popen)


def test_flush_writes_each_message(publisher):
    """A write for each, though they come all at once."""
    batch = publisher.message(*(publisher.packet() for _ in range(10)))
    one = 16 + len(UDP4)
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with ours, to_pcap("--connect", publisher.endpoint, "-c", 50, "--classic", "--flush", "-w", "-",
                       stdout=its) as popen:
        its.close()
        ours.settimeout(LIMIT_S)
        publisher.await_subscriptions()
        publisher.socket.send_multipart([b"t", batch])
        for _ in range(40):
            publisher.send()
        sizes = [len(ours.recv(65536)) for _ in range(42)]
        finish(popen)
    assert sizes == [24, 10 * one] + 40 * [one]


def test_publisher_that_comes_late(schema, tmp_path):
    """Nobody is there at first: it waits, and the capture is a good one already."""
    path, endpoint = tmp_path / "x.pcapng", f"ipc://{tmp_path}/bus"
    with to_pcap("-j", "--connect", endpoint, "-c", 1, "-w", path) as popen:
        await_size(path, 1)
        assert tshark(path, "frame.len") == []
        with contextlib.closing(Publisher(schema, endpoint)) as publisher:
            publisher.await_subscriptions()
            publisher.send()
            assert finish_json(popen)["written"] == 1
    assert tshark(path, "udp.dstport") == [["53"]]


def test_no_publisher(tmp_path):
    path = tmp_path / "x.pcapng"
    with to_pcap("-j", "--connect", f"ipc://{tmp_path}/bus", "-w", path) as popen:
        await_size(path, 1)
        popen.send_signal(signal.SIGTERM)
        assert finish_json(popen) == {"written": 0, "lost": 0, "skipped": 0, "malformed": 0}
    assert tshark(path, "frame.len") == []


def test_two_publishers_each_with_its_own_gaps(schema, tmp_path):
    path = tmp_path / "x.pcapng"
    with contextlib.closing(Publisher(schema)) as one, contextlib.closing(Publisher(schema)) as two:
        with to_pcap("-j", "--connect", one.endpoint, "--connect", two.endpoint, "-c", 8, "-w",
                     path) as popen:
            for publisher in one, two:
                publisher.await_subscriptions()
            for sequence in 100, 101, 110, 3:  # 8 are lost, then it starts again
                one.send(sequence=sequence, rx_queue=1)
            for sequence in 0, 1, 2, 5:  # 2 are lost
                two.send(sequence=sequence, rx_queue=2)
            assert finish_json(popen) == {"written": 8, "lost": 10, "skipped": 0, "malformed": 0}
    rows = tshark(path, "frame.interface_queue", "frame.drop_count")
    assert [lost for queue, lost in rows if queue == "1"] == ["", "", "8", ""]
    assert [lost for queue, lost in rows if queue == "2"] == ["", "", "", "2"]


def test_many_packets(publisher, tmp_path):
    path, count = tmp_path / "x.pcapng", 50000
    message = publisher.schema.PacketSample()
    message.ParseFromString(publisher.message(publisher.packet()))

    def send():
        for sequence in range(count):
            message.packet.sequence = sequence
            publisher.socket.send_multipart([b"eth0.drop.5.fw-rule", message.SerializeToString()])
    told = capture(publisher, path, send, count=count)
    assert told == {"written": count, "lost": 0, "skipped": 0, "malformed": 0}
    counted = subprocess.run(["capinfos", "-Mrc", path], check=True, capture_output=True, text=True)
    assert f"Number of packets:   {count}" in counted.stdout


# --- CURVE

def test_curve(schema, tmp_path):
    keys = zmq.curve_keypair()
    path, keyfile = tmp_path / "x.pcapng", tmp_path / "key"
    keyfile.write_bytes(keys[0] + b"\n")
    with contextlib.closing(Publisher(schema, keys=keys)) as publisher:
        with to_pcap("-j", "--connect", publisher.endpoint, "-c", 1, "-w", path, "--curve-server",
                     keyfile) as popen:
            publisher.await_subscriptions()
            publisher.send()
            assert finish_json(popen)["written"] == 1


@pytest.mark.parametrize("text", [b"", b"short\n", b"!" * 39, b"\"" * 40],
                         ids=["empty", "short", "39 characters", "not Z85"])
def test_bad_keys(tmp_path, text):
    keyfile, path = tmp_path / "key", tmp_path / "x"
    keyfile.write_bytes(text)
    assert fails("-w", path, "--curve-server", keyfile) == \
        f"{keyfile}: not a key: 40 characters of Z85"
    assert not path.exists()


def test_key_that_is_not_there(tmp_path):
    assert fails("-w", tmp_path / "x", "--curve-server", tmp_path / "key") == \
        f"{tmp_path}/key: No such file or directory"


# --- what is bad

def test_malformed_messages_are_counted(publisher, tmp_path):
    path = tmp_path / "x.pcapng"
    good = publisher.message(publisher.packet())
    wrong = [publisher.message(publisher.packet(**fields)) for fields in (
        {"len": len(UDP4) - 1}, {"len": -1}, {"tv_nsec": 10**9}, {"tv_sec": -1}, {"sequence": -1},
        {"xdp_action": 6}, {"xdp_action_source": 16}, {"xdp_action_source": -3})]
    wrong += [publisher.message(publisher.packet(), interface="x" * 256),
              publisher.message(publisher.packet(), link=65536),
              publisher.message(publisher.packet(bytes(262145))),
              publisher.message(publisher.packet(), hostname="x" * 1000)]
    publisher.sequence = 0

    def send():
        for end in range(len(good)):  # truncated
            publisher.socket.send_multipart([b"t", good[:end]])
        for end in range(len(good)):
            publisher.socket.send(good[:end])
        for message in wrong:
            publisher.socket.send_multipart([b"t", message])
        publisher.socket.send_multipart([b"", b""])
        publisher.socket.send_multipart([b"t", good, b""])
        publisher.socket.send_multipart([good] * 300)
        publisher.socket.send_multipart([b"t", os.urandom(100000)])
        publisher.send()
    told = capture(publisher, path, send, count=1)
    assert told == {"written": 1, "lost": 0, "skipped": 0,
                    "malformed": 2 * len(good) + len(wrong) + 4}
    assert tshark(path, "udp.dstport") == [["53"]]


def test_names_that_no_interface_has(publisher, tmp_path):
    """Whatever it says, the capture can be read."""
    path = tmp_path / "x.pcapng"

    def send():
        for name in "", "x" * 255, "|\n\x1b[2J", "caf\u00e9":
            publisher.send(interface=name, topic="t", reason=name)
    assert capture(publisher, path, send, count=4)["written"] == 4
    rows = tshark(path, "frame.interface_id", "frame.comment")
    assert [row[0] for row in rows] == ["0", "1", "2", "3"]
    assert rows[0][1] == "drop by slot 5: fw-rule, rule 3, one in 1000"
    assert rows[1][1] == f"drop by slot 5: {'x' * 31}, rule 3, one in 1000"
    assert "\x1b" not in path.read_bytes().decode("latin1").split("drop by slot 5")[3]


def test_too_many_interfaces(publisher, tmp_path):
    path = tmp_path / "x.pcapng"

    def send():
        for number in range(4097):
            publisher.send(interface=f"if{number}", topic="t")
        publisher.send(interface="if4095")
    told = capture(publisher, path, send, count=4097)
    assert told == {"written": 4097, "lost": 0, "skipped": 0, "malformed": 1}
    assert tshark(path, "frame.interface_name")[-1] == ["if4095"]


def test_full_disk(publisher):
    assert fails("--connect", publisher.endpoint, "-w", "/dev/full") == \
        "/dev/full: writing: No space left on device"


def test_full_disk_behind_standard_output(publisher):
    with open("/dev/full", "wb") as full:
        assert fails("--connect", publisher.endpoint, "-w", "-", stdout=full) == \
            "-: writing: No space left on device"


def test_reader_that_goes_away(publisher):
    with to_pcap("--connect", publisher.endpoint, "-w", "-") as popen:
        publisher.await_subscriptions()
        popen.stdout.read(12)
        popen.stdout.close()
        publisher.send()
        popen.wait(LIMIT_S)
        assert popen.returncode == 1
        assert popen.stderr.read().decode() == f"{NAME}: -: writing: Broken pipe\n"


def test_file_that_cannot_be_made(tmp_path):
    path = tmp_path / "none" / "x"
    assert fails("-w", path) == f"{path}: opening: No such file or directory"


@pytest.mark.parametrize("endpoint", ["", "12354", "tcp://", "tcp://127.0.0.1", "smoke://x"])
def test_bad_endpoints_leave_the_file_alone(tmp_path, endpoint):
    path = tmp_path / "x"
    path.write_text("precious")
    told = fails("--connect", endpoint, "-w", path)
    assert told.startswith(f"{endpoint}: ") and "tcp://127.0.0.1:12354" in told
    assert path.read_text() == "precious"


@pytest.mark.parametrize("argv,why", [
    ([], "what is missing: -w FILE"), (["-w"], "-w needs a value"),
    (["-w", "x", "y"], "y is too much"), (["-w", "x", "--bind", "y"], "--bind is no option"),
    (["-w", "x", "-c", "0"], "--count: 0 is not in 1"),
    (["-w", "x"] + ["--connect", "tcp://127.0.0.1:1"] * 17, "--connect: tcp://127.0.0.1:1: at most 16"),
])
def test_usage(tmp_path, argv, why):
    assert fails(*argv, status=2, cwd=tmp_path).startswith(why)
    assert not (tmp_path / "x").exists()


def test_help_and_version():
    done = subprocess.run([BUILD / "bin" / NAME, "--help"], check=True, capture_output=True, text=True)
    assert done.stdout.startswith(f"usage: {NAME} [options]\n")
    for option in "--connect", "--filter", "--curve-server", "--count", "--classic", "--flush", "-w":
        assert option in done.stdout
    done = subprocess.run([BUILD / "bin" / NAME, "-V"], check=True, capture_output=True, text=True)
    assert done.stdout.startswith(f"{NAME} ")


# --- top

def top(*argv, **kwargs):
    return running(BUILD / "bin/xdp_sampler", "top", *argv, **kwargs)


def send_traffic(publisher):
    """An estimate of 3 * 1000 + 500 packets from 10.0.0.1, and so on."""
    for _ in range(3):
        publisher.send(len=1000)
    publisher.send(UDP4, len=100, sampling_probability_reciprocal=500, xdp_action=2,
                   xdp_action_source=-2, xdp_action_code=0, xdp_action_meta=0, reason="")
    publisher.send(TCP4, interface="eth1", len=60, sampling_probability_reciprocal=7, sequence=10)
    publisher.send(UDP6, topic="", len=1500, sampling_probability_reciprocal=1000000)


def sums(screens, table, *keys):
    """(samples, packets, bytes) by keys, over all intervals."""
    total = {}
    for screen in screens:
        for entry in screen[table]:
            key = tuple(entry[name] for name in keys)
            before = total.get(key, (0, 0, 0))
            total[key] = tuple(a + entry[b] for a, b in zip(before, ("samples", "packets", "bytes")))
    return total


def screens_until(popen, samples):
    """Intervals as they come, until so many samples are in them."""
    screens = []
    while sum(screen["samples"] for screen in screens) < samples:
        line = popen.stdout.readline()
        assert line, "it has ended"
        screens.append(json.loads(line))
    return screens


def test_top_estimates_exactly(publisher):
    with top("-j", "--interval", "200ms", "--connect", publisher.endpoint) as popen:
        publisher.await_subscriptions()
        send_traffic(publisher)
        screens = screens_until(popen, 6)
        popen.send_signal(signal.SIGTERM)
        assert finish(popen) == ""
    assert sums(screens, "sources", "address") == {
        ("10.0.0.1",): (4, 3500, 3050000), ("10.0.0.2",): (1, 7, 420),
        ("2001:db8::1",): (1, 1000000, 1500000000)}
    assert sums(screens, "destinations", "address") == {
        ("192.0.2.1",): (5, 3507, 3050420), ("2001:db8::2",): (1, 1000000, 1500000000)}
    assert sums(screens, "source_ports", "protocol", "port") == {
        ("udp", 4000): (5, 1003500, 1503050000), ("tcp", 5000): (1, 7, 420)}
    assert sums(screens, "destination_ports", "protocol", "port") == {
        ("udp", 53): (4, 3500, 3050000), ("tcp", 80): (1, 7, 420),
        ("udp", 443): (1, 1000000, 1500000000)}
    assert sums(screens, "reasons", "action", "slot", "reason", "code") == {
        ("drop", "5", "fw-rule", 128): (5, 1003007, 1503000420),
        ("pass", "end", "none", 0): (1, 500, 50000)}
    assert sum(screen["packets"] for screen in screens) == 1003507
    assert sum(screen["bytes"] for screen in screens) == 1503050420
    assert sum(screen["lost"] for screen in screens) == 6
    assert sum(screen["malformed"] for screen in screens) == 0
    for screen in screens:
        assert abs(screen["interval_ns"] - 200e6) < 10e9
        for entry in [screen, *screen["sources"], *screen["reasons"]]:
            for what in "packets", "bytes":
                rate = entry[what] * 1e9 / screen["interval_ns"]
                assert abs(entry[f"{what}_per_s"] - rate) <= 1


def test_top_of_one_interface(publisher):
    with top("eth1", "-j", "--interval", "50ms", "--connect", publisher.endpoint) as popen:
        assert b"\1eth1." in publisher.await_subscriptions(1 + UNTITLED)
        publisher.send(topic="", interface="eth10")
        send_traffic(publisher)
        screens = screens_until(popen, 1)
    assert sums(screens, "sources", "address") == {("10.0.0.2",): (1, 7, 420)}
    assert all(screen["lost"] is None for screen in screens)


def test_top_ranks_and_cuts(publisher):
    with top("-j", "--interval", "300ms", "--lines", 2, "--connect", publisher.endpoint) as popen:
        publisher.await_subscriptions()
        batch = []
        for number, one_in in (1, 10), (2, 30), (3, 20), (4, 40):
            frame = bytes(Ether(src="02:00:00:00:00:0a") / IP(src=f"10.0.0.{number}", dst="10.9.9.9"))
            batch.append(publisher.packet(frame, sampling_probability_reciprocal=one_in))
        publisher.socket.send_multipart([b"t", publisher.message(*batch)])
        screen, = [screen for screen in screens_until(popen, 4) if screen["samples"]]
    assert [(entry["address"], entry["packets"]) for entry in screen["sources"]] == [
        ("10.0.0.4", 40), ("10.0.0.2", 30)]
    assert screen["source_ports"] == []


def test_top_in_plain_lines(publisher):
    with top("--interval", "2s", "--count", 1, "--connect", publisher.endpoint) as popen:
        publisher.await_subscriptions()
        publisher.socket.send_multipart([b"t", b"\xff"])
        publisher.send()
        out, error = popen.communicate(timeout=LIMIT_S)
        assert (popen.returncode, error) == (0, b"")
    lines = out.decode().splitlines()
    assert lines[0].endswith(" from 1 samples, 0 lost on the bus, 1 malformed messages")
    assert [line.split()[0] for line in lines[1:-1]] == [
        "SOURCE", "10.0.0.1", "DESTINATION", "192.0.2.1", "SOURCE", "udp", "DESTINATION", "udp",
        "REASON", "drop"]
    assert lines[-1] == "" and "\x1b" not in out.decode()


def read_terminal(fd):
    """Until nobody has the other end open."""
    text = b""
    while True:
        assert select.select([fd], [], [], LIMIT_S)[0], text
        try:
            text += os.read(fd, 65536)
        except OSError as err:
            assert err.errno == errno.EIO
            return text.decode()


def test_top_on_a_terminal(publisher):
    """Each interval begins on a screen that is cleared."""
    terminal, end = os.openpty()
    with top("--interval", "1s", "--count", 2, "--connect", publisher.endpoint,
             stdout=end) as popen:
        os.close(end)
        publisher.await_subscriptions()
        publisher.send()
        first, *screens = read_terminal(terminal).split("\x1b[H\x1b[J")
        assert finish(popen) == ""
    os.close(terminal)
    assert first == "" and len(screens) == 2
    found = []
    for screen in screens:
        lines = screen.split("\r\n")
        assert lines[-2:] == ["", ""] and "\x1b" not in screen
        found += re.fullmatch(r"\S+ \S+ UTC: \d+ packets/s, \d+ bytes/s, from (\d) samples, "
                              "0 lost on the bus", lines[0]).groups()
        assert [line.split()[0] for line in lines[1:-2]] == ([] if found[-1] == "0" else [
            "SOURCE", "10.0.0.1", "DESTINATION", "192.0.2.1", "SOURCE", "udp", "DESTINATION",
            "udp", "REASON", "drop"])
    assert sorted(found) == ["0", "1"]


def test_top_with_a_bad_endpoint():
    with top("--connect", "smoke://x") as popen:
        error = finish(popen, 1)
    assert error.startswith("xdp_sampler: bus: top: smoke://x: ") and error.count("\n") == 1


# --- all of it together

def test_from_the_wire_to_the_capture(pair, tmp_path):
    """Dropped by a rule of the firewall, or let through: the capture says so."""
    endpoint, path = f"ipc://{tmp_path}/bus", tmp_path / "x.pcapng"
    pair.xdp_root("attach", "vb")
    pair.wait_up()
    pair.xdp_fw("attach", "vb")
    pair.xdp_fw("load", "vb", "-f", "-", input="drop udp dport 53\n")
    pair.tool("xdp_sampler", "attach", "vb", "-o", "1", "-s", "64")
    with running(BUILD / "bin/xdp_sampler_client", "vb", "--netns", pair.b.name, "--bind",
                 endpoint) as client, \
            to_pcap("-j", "--connect", endpoint, "-c", 20, "-w", path) as popen:
        deadline = time.monotonic() + LIMIT_S
        while popen.poll() is None:
            assert time.monotonic() < deadline and client.poll() is None
            pair.send([UDP4, TCP4])
        assert finish_json(popen) == {"written": 20, "lost": 0, "skipped": 0, "malformed": 0}
        client.send_signal(signal.SIGTERM)
        finish(client)
    rows = tshark(path, "frame.comment", "frame.verdict.ebpf_xdp", "frame.interface_name",
                  "frame.len", "frame.cap_len", "ip.src")
    udp = ["drop by slot 5: fw-rule, rule 1, one in 1", "1", "vb", "82", "64", "10.0.0.1"]
    tcp = ["pass at the end of the chain, one in 1", "2", "vb", "54", "54", "10.0.0.2"]
    assert sorted(rows) == sorted([udp] * rows.count(udp) + [tcp] * rows.count(tcp))
    assert min(rows.count(udp), rows.count(tcp)) >= 5
