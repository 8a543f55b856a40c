# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""The sampler's client: what subscribers get, and that all that they do not get is accounted for."""
import importlib
import itertools
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time

import pytest
import zmq
from scapy.all import Ether, IP, UDP, wrpcap

from conftest import BUILD, TOP, sh
from sampler import ACTIONS, JUDGE, Sampler, frame, judged, one_cpu

WAIT_S = 20
LOST = ["full", "unread", "failed", "reader", "bus"]
PROBE = frame("drop", 99, 99)  # sent until a subscriber has one
MARKS = (frame("drop", 99, 98, payload=b"%d" % number) for number in itertools.count())
NEXT, USER = "next", 384


@pytest.fixture(scope="session")
def schema(tmp_path_factory):
    """ext/packet_sample.proto as a module."""
    path = tmp_path_factory.mktemp("schema")
    sh("protoc", f"--proto_path={TOP}/ext", f"--python_out={path}", "packet_sample.proto")
    sys.path.insert(0, str(path))
    return importlib.import_module("packet_sample_pb2")


@pytest.fixture(scope="session")
def subscriber(tmp_path_factory):
    """ext/subscriber.c as its own comment says."""
    path = tmp_path_factory.mktemp("subscriber")
    sh("protoc-c", f"--proto_path={TOP}/ext", f"--c_out={path}", "packet_sample.proto")
    sh("cc", "-Wall", "-Wextra", "-Werror", f"-I{path}", TOP / "ext/subscriber.c",
       path / "packet_sample.pb-c.c", "-lzmq", "-lprotobuf-c", "-o", path / "subscriber")
    return path / "subscriber"


@pytest.fixture(name="ipc")
def ipc_endpoint(tmp_path):
    return f"ipc://{tmp_path}/bus"


class Client:
    """xdp_sampler_client of vb; with bind=None at its default endpoint."""

    def __init__(self, pair, bind, *options, interfaces=("vb",)):
        binds = [bind] if isinstance(bind, str) else bind or []
        self.popen = subprocess.Popen(
            [BUILD / "bin/xdp_sampler_client", *interfaces, "--netns", pair.b.name, "--stats",
             "100ms", "-j", *[f"--bind={endpoint}" for endpoint in binds], *map(str, options)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.await_stats(lambda stats: True)

    def await_stats(self, good):
        """Accounts as they are printed, until good(account)."""
        deadline = time.monotonic() + WAIT_S
        while True:
            line = self.popen.stdout.readline()
            assert line, self.popen.communicate()
            stats = json.loads(line)
            if good(stats):
                return stats
            assert time.monotonic() < deadline, stats

    def stop(self, number=signal.SIGTERM, stderr=""):
        """End it; the final account, which is exact."""
        self.popen.send_signal(number)
        out, err = self.popen.communicate(timeout=60)
        assert self.popen.returncode == 0, err
        assert re.fullmatch(stderr, err), err
        final = json.loads(out.splitlines()[-1])
        assert final["final"]
        for account in [final["sum"], *final["interfaces"]]:
            exact(account)
        return final

    def pause(self):
        self.popen.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.popen.pid, os.WSTOPPED | os.WNOWAIT)

    def resume(self):
        self.popen.send_signal(signal.SIGCONT)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.popen.returncode is None:
            self.popen.kill()
            self.popen.communicate()


def exact(account):
    assert account["pending"] == 0, account
    assert account["generated"] == account["sent"] + sum(account["lost"].values()), account
    assert list(account["lost"]) == LOST


class Listener:
    """A subscriber; its socket is made in namespace b, where the client's addresses are."""

    def __init__(self, pair, schema, endpoint, *topics, setup=None):
        self.schema = schema
        with pair.b:
            self.context = zmq.Context()
            self.socket = self.context.socket(zmq.SUB)
        self.socket.rcvtimeo = WAIT_S * 1000
        self.socket.linger = 0
        if setup:
            setup(self.socket)
        for topic in topics or [""]:
            self.socket.subscribe(topic)
        self.socket.connect(endpoint)

    def receive(self):
        """(topic or None, message)"""
        *topic, message = self.socket.recv_multipart()
        return topic[0].decode() if topic else None, self.schema.PacketSample.FromString(message)

    def packets(self, count):
        """So many packets, with the topics that they had."""
        found = []
        while len(found) < count:
            topic, message = self.receive()
            found += [(topic, packet) for packet in packets(message)]
        assert len(found) == count
        return found

    def join(self, pair):
        """Until it has got a probe, and all the others that were sent."""
        deadline = time.monotonic() + WAIT_S
        with one_cpu():
            while True:
                pair.send([PROBE])
                if self.socket.poll(300):
                    return self.until(send_mark(pair))
                assert time.monotonic() < deadline

    def until(self, mark):
        """All packets up to this one, which is the last."""
        found = []
        while not found or found[-1].pkt != mark:
            found += packets(self.receive()[1])
        return found

    def drain(self, idle_ms=400):
        """All that there is; the packets."""
        found = []
        while self.socket.poll(idle_ms):
            found += packets(self.receive()[1])
        return found

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.context.destroy(linger=0)


def send_mark(pair):
    """A frame like no other. Whoever has it has all that one_cpu() sent before it."""
    mark = next(MARKS)
    with one_cpu():
        pair.send([mark])
    return mark


def packets(message):
    return [message.packet] if message.HasField("packet") else list(message.packets)


def consecutive(found, after):
    """Nothing is missing, and nothing comes twice."""
    numbers = [packet.sequence for packet in found]
    assert numbers == list(range(after.sequence + 1, after.sequence + 1 + len(found)))


def live(pair, made, count):
    """As fast as it goes, from another process; wait() for it."""
    return subprocess.Popen(["nsenter", f"--net=/run/netns/{pair.a.name}",
                             BUILD / "tests/tools/live", "va", made.hex(), str(count)],
                            stdout=subprocess.DEVNULL)


FATES = [("drop", 1, 7), ("pass", 2, 8), ("tx", 3, 9), ("aborted", 4, 10), ("next", 0, 0)]


def test_packets_and_verdicts_are_what_they_were(pair, schema, ipc):
    judged(pair, "--one-in", 1, "--snap", 1000)
    sent = [frame(action, code, meta, length=60 + 200 * number)
            for number, (action, code, meta) in enumerate(FATES)]
    with Client(pair, ipc, "--pop", "ham", "--srvtype", "edge") as client, \
            Listener(pair, schema, ipc) as listener:
        before = listener.join(pair)[-1]
        began = time.time_ns()
        for made in sent:
            pair.send([made])
        messages = [listener.receive() for _ in sent]
        ended = time.time_ns()
        final = client.stop()
    found = sorted((message.packet for _, message in messages),
                   key=lambda packet: (packet.tv_sec, packet.tv_nsec))
    consecutive([message.packet for _, message in messages], before)
    for packet, made, (action, code, meta) in zip(found, sent, FATES):
        told = (packet.xdp_action, packet.xdp_action_source, packet.xdp_action_code,
                packet.xdp_action_meta)
        if action == NEXT:
            assert told == (schema.Packet.PASS, -2, 0, 0)
        else:
            assert told == (ACTIONS.index(action) - 1, JUDGE, USER + code, meta)
        assert packet.pkt == made[:1000] and packet.len == len(made)
        assert packet.sampling_probability_reciprocal == 1
        assert began <= packet.tv_sec * 10**9 + packet.tv_nsec <= ended
    ifindex = json.loads(pair.b.run("ip", "-j", "link", "show", "vb"))[0]["ifindex"]
    assert {packet.ifindex for packet in found} == {ifindex}
    for topic, message in messages:
        assert (message.host_info.pop, message.host_info.srvtype) == ("ham", "edge")
        assert message.host_info.hostname == os.uname().nodename
        assert (message.packet_common.interface, message.packet_common.link) == ("vb", 1)
        assert topic.startswith("vb.")
    assert {topic for topic, _ in messages} == {
        "vb.drop.9.385", "vb.pass.9.386", "vb.tx.9.387", "vb.aborted.9.388", "vb.pass.end.none"}
    assert sum(final["sum"]["lost"].values()) == 0


def test_firewall_drops_carry_their_rule(pair, schema, ipc):
    pair.xdp_root("attach", "vb")
    pair.wait_up()
    pair.xdp_fw("attach", "vb")
    pair.xdp_fw("load", "vb", "-f", "-", input="drop proto tcp\ndrop udp dport 2000\n")
    Sampler(pair, "--one-in", 1)
    with Client(pair, ipc) as client, Listener(pair, schema, ipc) as listener:
        probes = listener.join(pair)
        pair.send([frame()])
        topic, message = listener.receive()
        client.stop()
    for packet in [*probes, message.packet]:
        assert (packet.reason, packet.xdp_action, packet.xdp_action_source) == ("fw-rule", 1, 5)
        assert packet.xdp_action_meta == 2
    assert topic == "vb.drop.5.fw-rule"


@pytest.mark.parametrize("language", ["python", "c"])
def test_example_subscribers(pair, schema, subscriber, ipc, language):
    judged(pair, "--one-in", 1)
    command = [subscriber, ipc] if language == "c" else \
        ["/usr/bin/python3", TOP / "ext/subscriber.py", ipc]
    path = os.path.dirname(schema.__file__)
    made = frame("drop", 5, 6)
    with Client(pair, ipc) as client, \
            subprocess.Popen(command, stdout=subprocess.PIPE, text=True,
                             env={**os.environ, "PYTHONPATH": path}) as popen, \
            Listener(pair, schema, ipc) as listener:
        listener.join(pair)
        poller = zmq.Poller()
        poller.register(popen.stdout, zmq.POLLIN)
        while not poller.poll(300):
            pair.send([PROBE])
        pair.send([made])
        for line in popen.stdout:
            if made.hex() in line:
                break
        popen.kill()
        client.stop()
    assert re.fullmatch(r"\d+\.\d{9} vb DROP slot 9 reason - meta 6 stands for 1 "
                        rf"len {len(made)} sequence \d+ {made.hex()}\n", line)


def test_c_subscriber_counts_what_is_in_batches(pair, schema, subscriber, ipc):
    judged(pair, "--one-in", 1)
    with Client(pair, ipc, "--batch", 10) as client, Listener(pair, schema, ipc) as listener:
        listener.join(pair)
        with subprocess.Popen([subscriber, ipc, "25", "vb.tx."], stdout=subprocess.PIPE,
                              text=True) as popen:
            while popen.poll() is None:
                pair.send([frame("tx", 1, number) for number in range(5)])
                listener.drain(100)
            lines = popen.stdout.read().splitlines()
        assert popen.returncode == 0
        client.stop()
    assert len(lines) >= 25 and all(" vb TX slot 9 " in line for line in lines)


def test_topics(pair, schema, ipc):
    judged(pair, "--one-in", 1)
    frames = [frame("drop", 1), frame("tx", 2), frame("pass", 3), frame("drop", 4), frame()]
    with Client(pair, ipc) as client, Listener(pair, schema, ipc) as everything, \
            Listener(pair, schema, ipc, "vb.drop.", "vb.pass.end") as some:
        everything.join(pair)
        some.join(pair)
        mark = send_mark(pair)
        for listener in everything, some:
            listener.until(mark)
        pair.send(frames)
        assert len(everything.packets(5)) == 5
        topics = {topic for topic, _ in some.packets(3)}
        assert some.drain() == []
        client.stop()
    assert topics == {"vb.drop.9.385", "vb.drop.9.388", "vb.pass.end.none"}


def test_batches_hold_one_topic_each(pair, schema, ipc):
    judged(pair, "--one-in", 1)
    frames = [frame(["drop", "pass"][number % 2], 1, number % 250) for number in range(500)]
    with Client(pair, ipc, "--batch", 16) as client, Listener(pair, schema, ipc) as listener:
        before = listener.join(pair)[-1]
        pair.send(frames)
        found, messages = [], 0
        while len(found) < len(frames):
            topic, message = listener.receive()
            assert not message.HasField("packet") and 1 <= len(message.packets) <= 16
            messages += 1
            found += message.packets
            action = {1: "drop", 2: "pass"}
            assert {f"vb.{action[p.xdp_action]}.9.385" for p in message.packets} == {topic}
        final = client.stop()
    consecutive(found, before)
    assert sorted(packet.pkt for packet in found) == sorted(frames)
    assert messages < len(frames) / 2
    assert final["sum"]["sent"] == final["sum"]["generated"]


def test_single_part_has_no_topic(pair, schema, ipc):
    judged(pair, "--one-in", 1)
    with Client(pair, ipc, "--single-part") as client, Listener(pair, schema, ipc) as listener:
        listener.join(pair)
        pair.send([frame("tx", 1)])
        topic, message = listener.receive()
        client.stop()
    assert topic is None and message.packet.pkt == frame("tx", 1)


def test_several_endpoints_and_the_default_one(pair, schema, ipc):
    judged(pair, "--one-in", 1)
    pair.b.run("ip", "link", "set", "lo", "up")
    tcp = "tcp://127.0.0.1:23451"
    with Client(pair, [ipc, tcp]) as client, Listener(pair, schema, ipc) as first, \
            Listener(pair, schema, tcp) as second:
        first.join(pair)
        second.join(pair)
        mark = send_mark(pair)
        for listener in first, second:
            listener.until(mark)
        pair.send([frame("drop", 3)])
        assert first.receive() == second.receive()
        client.stop()
    with Client(pair, None) as client, \
            Listener(pair, schema, "tcp://127.0.0.1:12354") as listener:
        assert listener.join(pair)
        client.stop()


def keys(path):
    """Files with a pair of keys; their contents too."""
    public, secret = zmq.curve_keypair()
    for name, key in ("public", public), ("secret", secret):
        (path / name).write_bytes(key + b"\n")
    return public, ["--curve-secret", path / "secret", "--curve-public", path / "public"]


def test_curve(pair, schema, ipc, tmp_path):
    judged(pair, "--one-in", 1)
    public, options = keys(tmp_path)

    def secure(sub):
        sub.curve_publickey, sub.curve_secretkey = zmq.curve_keypair()
        sub.curve_serverkey = public

    with Client(pair, ipc, *options) as client, \
            Listener(pair, schema, ipc, setup=secure) as trusted, \
            Listener(pair, schema, ipc) as stranger:
        assert trusted.join(pair)[0].pkt == PROBE
        assert stranger.drain() == []
        client.stop()


def test_keys_that_are_none(pair, ipc, tmp_path):
    judged(pair, "--one-in", 1)
    public, options = keys(tmp_path)
    (tmp_path / "other").write_bytes(zmq.curve_keypair()[0])
    (tmp_path / "short").write_bytes(public[:39])
    swapped = [options[0], options[1], options[2]]
    refuse(pair, ipc, *swapped, tmp_path / "other", told=f"bus: open: {tmp_path}/other is not the "
           f"public key of {tmp_path}/secret")
    refuse(pair, ipc, *swapped, tmp_path / "short", told=f"bus: open: {tmp_path}/short: no key: "
           "40 characters of Z85 are")
    refuse(pair, ipc, *swapped, tmp_path / "none",
           told=f"bus: open: {tmp_path}/none: No such file or directory")
    refuse(pair, ipc, *options[:2], code=2, told="--curve-secret and --curve-public need each "
           "other; see xdp_sampler_client --help")


def refuse(pair, bind, *options, told, code=1, interfaces=("vb",)):
    """One line, this exit status."""
    done = subprocess.run([BUILD / "bin/xdp_sampler_client", *interfaces, "--netns", pair.b.name,
                           "--bind", bind, *map(str, options)], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=60)
    assert (done.stderr, done.stdout, done.returncode) == (f"xdp_sampler_client: {told}\n", "", code)


def test_endpoints_that_cannot_be_had(pair, ipc):
    judged(pair, "--one-in", 1)
    pair.b.run("ip", "link", "set", "lo", "up")
    tcp = "tcp://127.0.0.1:23452"
    with Client(pair, [ipc, tcp]) as client:
        for taken in ipc, tcp:
            refuse(pair, taken, told=f"bus: open: {taken}: Address already in use")
        refuse(pair, f"{ipc}2", told="vb: open: another client reads its samples")
        client.stop()
    refuse(pair, "nonsense", told="bus: open: nonsense: Invalid argument")
    refuse(pair, "smtp://here", told="bus: open: smtp://here: Protocol not supported")
    refuse(pair, "ipc:///nowhere/bus", told="bus: open: ipc:///nowhere/bus: "
           "No such file or directory")
    refuse(pair, ipc, "--pages", 3, code=2,
           told="--pages: not a power of two; see xdp_sampler_client --help")
    refuse(pair, ipc, "--sflow", "nowhere", told="sflow: open: nowhere is not HOST:PORT")
    refuse(pair, ipc, "--sflow", "127.0.0.1:1", "--sflow-agent", "x",
           told="sflow: open: x is no address")


def test_no_root_no_interface(pair, ipc):
    refuse(pair, ipc, told="vb: open: no root is attached: xdp_root attach vb")
    refuse(pair, ipc, interfaces=["nosuch"], told="nosuch: open: no such interface")


def stall(sub):
    sub.rcvhwm = 1


def boundless(sub):
    """What is sent is taken at once, however long it takes to look at it."""
    sub.rcvhwm = 0


def test_a_stalled_subscriber_harms_nobody_else(pair, schema, ipc):
    """
    At the smallest mark, of which the one who reads is never behind by more than a part; it misses
    nothing, though the other's queues have been full for long.
    """
    judged(pair, "--one-in", 1)
    made, part, parts = frame("drop", 1, length=128), 400, 25
    with Client(pair, ipc, "--hwm", 1000) as client, \
            Listener(pair, schema, ipc, setup=boundless) as good, \
            Listener(pair, schema, ipc, setup=stall) as stalled:
        good.join(pair)
        stalled.join(pair)
        before = good.until(send_mark(pair))[-1]
        messages = []
        for _ in range(parts):
            pair.send([made] * part)
            messages += [good.socket.recv_multipart()[1] for _ in range(part)]
        final = client.stop()
        behind = stalled.drain()
    found = [schema.PacketSample.FromString(message).packet for message in messages]
    consecutive(found, before)
    assert final["bus"]["stalls"] >= 1
    assert sum(final["sum"]["lost"].values()) == 0
    assert 0 < len(behind) < part * parts


def test_smallest_mark(pair, ipc):
    refuse(pair, ipc, "--hwm", 999, code=2, told="--hwm: 999 is not in 1000 to 2147483647")


def test_stopped_client_loses_and_tells(pair, ipc):
    sampler = judged(pair, "--one-in", 1)
    before = sampler.status()["generated"]
    # a ring tells of its losses with the next sample that it takes
    with Client(pair, ipc, "--pages", 1) as client, one_cpu():
        sampler.send([PROBE] * 5)
        client.await_stats(lambda stats: stats["sum"]["sent"] == 5)
        client.pause()
        sampler.send([PROBE] * 1000)
        client.resume()
        client.await_stats(lambda stats: not stats["sum"]["pending"])
        sampler.send([PROBE] * 5)
        final = client.stop()
    account = final["sum"]
    assert account["generated"] == sampler.status()["generated"] - before == 1010
    assert 900 < account["lost"]["full"] < 1000
    assert account["sent"] == 1010 - account["lost"]["full"]
    assert final["interfaces"][0]["perf_lost"] == account["lost"]["full"]


@pytest.mark.parametrize("batch", [[], ["--batch", "64"]])
def test_overload_and_stops_under_load_add_up(pair, ipc, batch):
    """The final account is taken while packets go on; then status has more than that."""
    sampler = judged(pair, "--one-in", 1)
    with Client(pair, ipc, "--pages", 2, *batch) as client:
        load = live(pair, frame("drop", 1), 0x7fffffff)
        try:
            client.await_stats(lambda stats: stats["sum"]["sent"] > 10000)
            client.pause()
            full = sampler.moving()["full"]
            while sampler.moving()["full"] < full + 1000:
                pass
            client.resume()
            client.await_stats(lambda stats: stats["sum"]["lost"]["full"] > full + 1000)
            final = client.stop()
        finally:
            load.kill()
            load.wait()
    after = sampler.status()
    assert final["sum"]["lost"]["full"] == after["full"]
    assert final["sum"]["lost"]["unread"] == 0
    assert final["sum"]["generated"] == after["generated"] - after["unread"]
    assert final["sum"]["sent"] > 10000


def test_terminated_client_drains_what_was_sampled(pair, schema, ipc):
    sampler = judged(pair, "--one-in", 1)
    with Client(pair, ipc) as client, \
            Listener(pair, schema, ipc, setup=boundless) as listener:
        listener.join(pair)
        client.pause()
        sampler.send([frame("drop", 2)] * 2000)
        client.popen.send_signal(signal.SIGTERM)
        client.resume()
        found = listener.packets(2000)
        final = client.stop()
        assert listener.drain() == []
    assert {packet.pkt for _, packet in found} == {frame("drop", 2)}
    assert sum(final["sum"]["lost"].values()) == 0


def test_roots_come_and_go(pair, schema, ipc):
    sampler = judged(pair, "--one-in", 1)
    with Client(pair, ipc, interfaces=["vb", "vz"]) as client, \
            Listener(pair, schema, ipc) as listener:
        listener.join(pair)
        pair.xdp_root("detach", "vb")
        client.await_stats(lambda stats: not stats["interfaces"][0]["running"])
        judged(pair, "--one-in", 1)
        client.await_stats(lambda stats: stats["interfaces"][0]["running"])
        before = listener.drain()[-1:]
        pair.send([frame("drop", 2)])
        assert listener.receive()[1].packet.pkt == frame("drop", 2), before
        pair.xdp_root("upgrade", "vb")
        pair.send([frame("drop", 3)])
        assert listener.receive()[1].packet.pkt == frame("drop", 3)
        sampler.status()
        final = client.stop(stderr="xdp_sampler_client: vz: open: no such interface\n"
                            "xdp_sampler_client: vb: its root is gone; waiting for another\n"
                            "xdp_sampler_client: vb: there is a root again\n")
    assert sum(final["sum"]["lost"].values()) == 0


def test_killed_client_can_be_followed_by_another(pair, schema, ipc):
    sampler = judged(pair, "--one-in", 1)
    with Client(pair, ipc) as client:
        client.popen.kill()
        client.popen.wait()
    sampler.send([PROBE] * 10)
    with Client(pair, ipc) as client, Listener(pair, schema, ipc) as listener:
        assert listener.join(pair)
        final = client.stop()
    assert final["sum"]["lost"]["unread"] == 0
    assert sampler.status()["unread"] == 10


def test_budget_is_kept_and_given_back(pair, ipc):
    budget = 2000
    sampler = judged(pair, "--one-in", 10, "--budget", budget)
    with Client(pair, ipc) as client:
        load = live(pair, frame("drop", 1), 0x7fffffff)
        try:
            first = client.await_stats(lambda stats: stats["interfaces"][0]["one_in"] > 10)
            for _ in range(20):  # until it has found its rate
                first = client.await_stats(lambda stats: True)
            began = time.monotonic()
            for _ in range(40):
                last = client.await_stats(lambda stats: True)
            took = time.monotonic() - began
        finally:
            load.kill()
            load.wait()
        rate = (last["sum"]["generated"] - first["sum"]["generated"]) / took
        client.await_stats(lambda stats: stats["interfaces"][0]["one_in"] == 10)
        client.stop()
    assert 0.7 * budget < rate < 1.3 * budget
    assert sampler.status()["drawn"] > 0


def test_sflow(pair, ipc, tmp_path):
    judged(pair, "--one-in", 1)
    pair.b.run("ip", "link", "set", "lo", "up")
    with pair.b:
        collector = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    collector.bind(("127.0.0.1", 6343))
    collector.settimeout(WAIT_S)
    frames = [frame("pass", 1, 1, length=90), frame("drop", 0, 2, length=301), frame("tx", 1, 3)]
    with Client(pair, ipc, "--sflow", "127.0.0.1:6343", "--sflow-agent", "192.0.2.1") as client:
        pair.send(frames * 10)
        client.await_stats(lambda stats: stats["sum"]["sent"] == 30)
        final = client.stop()
    datagrams = [collector.recv(2000) for _ in range(final["sflow"]["datagrams"])]
    collector.close()
    assert final["sflow"]["lost"] == 0 and max(map(len, datagrams)) <= 1400
    wrpcap(str(tmp_path / "sflow.pcap"), [Ether() / IP(src="192.0.2.1", dst="192.0.2.2") /
                                          UDP(sport=1, dport=6343) / data for data in datagrams])
    text = sh("tshark", "-d", "udp.port==6343,sflow", "-V", "-r", tmp_path / "sflow.pcap",
              stderr=subprocess.DEVNULL)
    assert "Malformed" not in text
    assert len(re.findall("Agent address: 192.0.2.1", text)) == len(datagrams)
    assert len(re.findall(r"Flow sample, seq \d+", text)) == 20
    assert len(re.findall(r"Sampling rate: 1 out of 1 packets", text)) == 20
    assert len(re.findall(r"Frame Length: 94\b", text)) == 10
    assert re.findall(r"NumSamples: (\d+)", text) and \
        sum(map(int, re.findall(r"NumSamples: (\d+)", text))) == 30
    discards = discarded(datagrams)
    assert [reason for reason, _ in discards] == [256] * 10
    assert {data for _, data in discards} == {frames[1][:128]}


def discarded(datagrams):
    """(reason, header) of the discarded-packet samples, which this tshark does not know."""
    found = []
    for data in datagrams:
        words = [int.from_bytes(data[at:at + 4], "big") for at in range(0, len(data), 4)]
        at = 7
        for _ in range(words[6]):
            kind, length = words[at:at + 2]
            if kind == 5:
                size = words[at + 15]
                found.append((words[at + 8], data[(at + 16) * 4:(at + 16) * 4 + size]))
            at += 2 + length // 4
        assert at == len(words)
    return found
