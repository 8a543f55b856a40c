# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""
Commands that change, show and explain the balancer's configuration, and what the kernel has of it.
"""
import json
import time

import pytest
from scapy.all import Ether, IP, TCP, UDP, wrpcap

from lb import table

VIP, OTHER = "tcp:192.0.2.1:80", "udp:192.0.2.1:53"
BACKENDS = [f"10.0.0.{host}" for host in range(1, 5)]
TABLE, ROUTER = 251, "02:00:00:00:00:99"
IPVSADM = """-A -t 192.0.2.9:443 -s mh
-a -t 192.0.2.9:443 -r 10.0.0.1:443 -i -w 3
-a -t 192.0.2.9:443 -r 10.0.0.2:443 -i -w 1
"""

REFUSED = [
    ("vip add any:192.0.2.2 --mode nat", 1,
     "any:192.0.2.2: mode nat is for tcp and udp, not for any protocol"),
    ("vip add tcp:192.0.2.2:80 --mode full-nat --no-table", 1,
     "tcp:192.0.2.2:80: mode full-nat needs the connection table"),
    ("vip add udp:192.0.2.2:443 --mode nat --hash quic", 1,
     "udp:192.0.2.2:443: mode nat does not go with hash quic"),
    ("vip add tcp:192.0.2.2:443 --hash quic", 1, "tcp:192.0.2.2:443: QUIC runs over udp"),
    (f"vip set {VIP} --id-length 4", 1, f"{VIP}: server ids are of hash quic"),
    (f"backend set {VIP} 10.0.0.1 --server-id 01", 1, "10.0.0.1: server ids are of hash quic"),
    (f"backend set {VIP} 10.0.0.1 --server-id 1", 2,
     "1: not 1 to 15 octets in hexadecimal digits"),
    (f"backend add {VIP} [2001:db8::1] --mode nat", 1,
     "[2001:db8::1]: mode nat does not change the version of IP"),
    (f"vip add {VIP}", 1, f"{VIP} exists"),
    ("vip set tcp:192.0.2.2:80 --echo", 1, "tcp:192.0.2.2:80 is no VIP"),
    (f"vip set {VIP} --table 250", 1,
     f"{VIP}: a table's size is a prime from 7 to 1048573, not 250"),
    (f"vip set {VIP}", 2, "no option says what to set"),
    (f"vip set {VIP} --echo --no-echo", 2, "an option and its opposite"),
    (f"vip set {VIP} --source4 10.0.0", 2, "10.0.0 is not an IPv4 address"),
    (f"vip del {VIP} --echo", 2, "it takes no options"),
    ("vip list --echo", 2, "a list takes no options of VIPs and backends"),
    ("vip show", 2, "it is add|set|del SERVICE..."),
    ("vip add 192.0.2.1:80", 2, "192.0.2.1:80 begins with none of tcp:, udp:, any:"),
    (f"backend add {VIP} 10.0.0.9 10.0.0.1", 1, f"{VIP} has the backend 10.0.0.1"),
    (f"backend del {VIP} 10.0.0.2 10.0.0.9", 1, f"{VIP} has no backend 10.0.0.9"),
    (f"backend set {VIP} 10.0.0.9 --weight 1", 1, f"10.0.0.9 is no backend of {VIP}"),
    (f"backend add {VIP}", 2, "it is add SERVICE BACKEND..."),
    (f"source add {VIP} 198.51.100.0/24", 2, "it is add SERVICE PREFIX BACKEND"),
    (f"source add {VIP} 198.51.100.0/24 10.0.0.9", 1,
     "198.51.100.0/24: 10.0.0.9 is no backend of this VIP"),
    (f"what-if backend del {VIP} 10.0.0.9", 1, f"{VIP} has no backend 10.0.0.9"),
    (f"what-if vip set {VIP} --mode nat --no-table", 1,
     f"{VIP}: mode nat needs the connection table"),
    ("what-if restore - --echo", 2, "it is restore FILE, without options; - is standard input"),
    ("what-if save it", 2, "a change begins with one of vip, backend, source"),
    ("conns color red", 2,
     "color is none of src, dst, sport, dport, proto, vip, backend, limit"),
    ("conns vip tcp:192.0.2.2:80", 1, "tcp:192.0.2.2:80 is no VIP"),
    ("conns backend 10.0.0.9", 1, "10.0.0.9 is no VIP's backend"),
    ("conns sport", 2, "sport needs a value"),
]


class Balancer:
    def __init__(self, pair, bpffs):
        self.pair = pair
        pair.xdp_root("attach", "vb")
        pair.wait_up()
        pair.b.run("ip", "address", "add", "10.0.0.254/24", "dev", "vb")
        for backend in BACKENDS:
            pair.b.run("ip", "neigh", "replace", backend, "lladdr", ROUTER, "dev", "vb")
        self.mac = json.loads(pair.b.run("ip", "-j", "link", "show", "vb"))[0]["address"]
        self("attach", "vb", "--conns", 1024, "--no-monitor")
        self.dir, = (bpffs / "ecbpf").glob(":xdp_lb*")

    def __call__(self, *argv, ok=True, **kwargs):
        return self.pair.tool("xdp_lb", *argv, ok=ok, **kwargs)

    def json(self, *argv, **kwargs):
        return json.loads(self(*argv, "-j", **kwargs))

    def refuse(self, *argv, told, code=1, **kwargs):
        """One line on standard error, this exit status, and nothing is changed."""
        before = self("save")
        done = self(*argv, ok=None, **kwargs)
        assert done.stderr == f"xdp_lb: balancer: {argv[0]}: {told}\n", done
        assert (done.returncode, done.stdout) == (code, ""), done
        assert self("save") == before

    def table(self):
        """Numbers of backends, as the kernel has them."""
        return table(self.dir, "192.0.2.1", 80, TABLE)

    def packet(self, port, flags="A", payload=b"", vip="192.0.2.1", dport=80):
        return (Ether(dst=self.mac, src=ROUTER) / IP(src="198.51.100.7", dst=vip) /
                TCP(sport=port, dport=dport, flags=flags) / payload)

    def send(self, frames):
        """Send, and wait until the balancer has counted all of them."""
        before = self.chosen()
        self.pair.send(frames)
        deadline = time.monotonic() + 10
        while self.chosen() < before + len(frames):
            assert time.monotonic() < deadline, self("stats")

    def chosen(self):
        return sum(vip["hits"] + vip["misses"] + sum(vip["refused"].values())
                   for vip in self.json("stats")["vips"])


@pytest.fixture(name="lb")
def attached(pair, bpffs):
    it = Balancer(pair, bpffs)
    yield it
    it("detach")


@pytest.fixture(name="three")
def with_backends(lb):
    lb("vip", "add", VIP, "--table", TABLE)
    lb("backend", "add", VIP, *BACKENDS[:3])
    return lb


def test_vip(lb):
    assert lb("vip", "list") == ""
    lb("vip", "add", VIP, "--mode", "gue", "--hash", "source", "--table", TABLE, "--tcp-idle", "5m",
       "--udp-idle", "30", "--new-pps", 1000, "--no-table", "--echo", "--refuse-fragments")
    lb("vip", "add", OTHER)
    assert lb("vip", "list") == (
        f"{VIP} mode gue gue-port 6080 hash source table {TABLE} tcp-idle 300s udp-idle 30s "
        "new-pps 1000 no-table echo refuse-fragments backends 0 sources 0\n"
        f"{OTHER} mode ipip hash 5-tuple table 65537 tcp-idle 900s udp-idle 60s "
        "backends 0 sources 0\n")
    lb("vip", "set", VIP, "--with-table", "--no-echo", "--allow-fragments", "--mode", "direct",
       "--new-pps", 0)
    assert lb.json("vip", "list")[0] == {
        "service": VIP, "mode": "direct", "hash": "source", "no_table": False, "echo": False,
        "refuse_fragments": False, "tcp_idle_s": 300, "udp_idle_s": 30, "new_pps": 0,
        "table_size": TABLE}
    lb("vip", "del", VIP)
    assert [vip["service"] for vip in lb.json("vip", "list")] == [OTHER]


def test_backend_and_source(three):
    three("backend", "add", VIP, BACKENDS[3], "--weight", 5, "--state", "draining", "--mode", "gue")
    three("backend", "set", VIP, *BACKENDS[:2], "--weight", 7)
    assert three("backend", "list", VIP) == (
        f"{VIP} 10.0.0.1 weight 7 state active mode ipip\n"
        f"{VIP} 10.0.0.2 weight 7 state active mode ipip\n"
        f"{VIP} 10.0.0.3 weight 1 state active mode ipip\n"
        f"{VIP} 10.0.0.4 weight 5 state draining mode gue gue-port 6080\n")
    three("source", "add", VIP, "198.51.100.0/24", BACKENDS[0])
    assert three("source", "list") == f"{VIP} 198.51.100.0/24 10.0.0.1\n"
    assert three.json("source", "list", VIP) == [
        {"service": VIP, "prefix": "198.51.100.0/24", "backend": "10.0.0.1"}]
    three.refuse("backend", "del", VIP, BACKENDS[0], told=(
        "10.0.0.1: the source prefix 198.51.100.0/24 goes there: delete it first"))
    three("source", "del", VIP, "198.51.100.0/24")
    three("backend", "del", VIP, BACKENDS[0], BACKENDS[3])
    assert [entry["address"] for entry in three.json("backend", "list")] == BACKENDS[1:3]


def test_refused(three):
    for argv, code, told in REFUSED:
        three.refuse(*argv.split(), told=told, code=code)
    done = three("what-if", "source", ok=None)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == ("xdp_lb: what-if: what is missing: vip|backend|source ... | "
                           "restore FILE; see xdp_lb what-if --help\n")


def test_save_restore(three):
    three("vip", "add", OTHER, "--no-table", "--new-pps", 9)
    three("backend", "set", VIP, BACKENDS[1], "--state", "down", "--weight", 0)
    three("source", "add", VIP, "198.51.100.0/24", BACKENDS[0])
    saved, table = three("save"), three.table()
    three("vip", "del", VIP)
    assert three("save") != saved
    three("restore", input=saved)
    assert three("save") == saved
    assert len(three.table()) == len(table)
    three("restore", input='{ "version": 1 }')
    assert three("vip", "list") == ""


def test_restore_all_or_nothing(three):
    document = json.loads(three("save"))
    document["vips"].append({"service": "tcp:192.0.2.3:80", "backends": [{"address": "10.0.0.1"}]})
    document["vips"].append({"service": "any:192.0.2.4", "mode": "nat"})
    three.refuse("restore", input=json.dumps(document), told=(
        ".vips[2]: any:192.0.2.4: mode nat is for tcp and udp, not for any protocol"))
    document["vips"][-1]["mode"] = "carrier-pigeon"
    done = three("restore", ok=None, input=json.dumps(document))
    assert done.returncode == 1 and ".vips[2].mode: " in done.stderr, done
    assert [vip["service"] for vip in three.json("vip", "list")] == [VIP]
    three.refuse("restore", input="{", told="1:2: the text ends too early")


def test_import(three, tmp_path):
    path = tmp_path / "ipvs"
    path.write_text(IPVSADM, encoding="ascii")
    printed = three("import", path)
    assert [vip["service"] for vip in json.loads(printed)["vips"]] == ["tcp:192.0.2.9:443"]
    assert [vip["service"] for vip in three.json("vip", "list")] == [VIP]
    three("import", path, "--apply")
    assert three("save") == printed
    assert [(entry["address"], entry["weight"]) for entry in three.json("backend", "list")] == [
        ("10.0.0.1", 3), ("10.0.0.2", 1)]
    path.write_text("-A -t 192.0.2.9:443 -s mh\n-Z\n", encoding="ascii")
    done = three("import", path, ok=None)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"xdp_lb: {path}: import: 2:"), done
    assert three("save") == printed


def test_what_if(three):
    """As many entries move as was said, and no fewer than must."""
    before, saved = three.table(), three("save")
    assert sorted(before.count(number) for number in set(before)) == [83, 84, 84]
    for change in (("del", BACKENDS[0]), ("add", BACKENDS[3]),
                   ("set", BACKENDS[1], "--weight", 4), ("set", BACKENDS[1], "--state", "draining"),
                   ("set", BACKENDS[2], "--state", "down")):
        change = ("backend", change[0], VIP, *change[1:])
        said = three.json("what-if", *change)
        assert three("save") == saved and three.table() == before, "it was only asked"
        three(*change)
        moved = sum(old != new for old, new in zip(before, three.table()))
        assert said["moved"] == moved, change
        vip, = said["vips"]
        assert vip["service"] == VIP and moved >= vip["unavoidable"] > 0
        three("restore", input=saved)
        before = three.table()  # a backend that was away has another number
    said = three.json("what-if", "vip", "set", VIP, "--echo")
    assert (said["vips"], said["moved"]) == ([], 0)


def test_what_if_restore(three, tmp_path):
    path = tmp_path / "document"
    before = three.table()
    document = json.loads(three("save"))
    document["vips"][0]["backends"][0]["weight"] = 3
    path.write_text(json.dumps(document), encoding="ascii")
    said = three.json("what-if", "restore", path)
    assert three.table() == before
    three("restore", input=path.read_text(encoding="ascii"))
    assert said["moved"] == sum(old != new for old, new in zip(before, three.table())) > 0
    assert three("what-if", "restore", path) == (
        "entries: 0 would move\nconnections: 0 stay, 0 would move, 0 be lost\n"
        "by the hash alone: 0 stay, 0 would move, 0 be lost\n")


def test_connections(three):
    """Sixty that are established, and a lone SYN; at last, a FIN and a single packet."""
    ports = range(1000, 1060)
    three.send([three.packet(port) for port in ports])
    three.send([three.packet(port, payload=b"x" * 10) for port in ports])
    three.send([three.packet(3000, "S")])
    conns = three.json("conns")["conns"]
    assert {conn["sport"]: conn["state"] for conn in conns} == dict.fromkeys(ports, "established")
    first, = three.json("conns", "sport", 1001)["conns"]
    assert first.pop("age_s") >= first.pop("idle_s") >= 0
    assert first.pop("backend") in BACKENDS[:3]
    assert first == {"proto": "tcp", "src": "198.51.100.7", "sport": 1001, "dst": "192.0.2.1",
                     "dport": 80, "vlans": [], "vip": VIP, "state": "established", "packets": 2,
                     "bytes": 90}
    for words, count in (("", 60), ("proto udp", 0), ("src 198.51.100.0/24", 60),
                         ("dst 192.0.2.2", 0), ("limit 7", 7), (f"vip {VIP}", 60),
                         ("dport 80 sport 1003", 1)):
        assert three("conns", "count", *words.split()) == f"{count}\n"
    by = [int(three("conns", "count", "backend", backend)) for backend in BACKENDS[:3]]
    assert sum(by) == 60 and min(by) > 0

    vip, = three.json("stats")["vips"]
    assert {name: vip[name] for name in ("packets", "bytes", "conns", "hits", "misses", "entered",
                                         "hashed", "established", "other")} == {
        "packets": 121, "bytes": 60 * 40 + 60 * 50 + 40, "conns": 60, "hits": 60, "misses": 61,
        "entered": 60, "hashed": 1, "established": 60, "other": 0}
    assert [backend["conns"] for backend in vip["backends"]] == by
    shown, = three.json("show")["vips"]
    assert shown["counts"] == {"active": 60, "inactive": 0, "conns": 60, "packets": 121,
                               "bytes": vip["bytes"]}
    assert "-> 10.0.0.1:80 " in three("show") and "60      121" in three("show", "--stats")

    gone = three.json("what-if", "backend", "del", VIP, BACKENDS[0])
    assert gone["connections"] == {"stay": 60 - by[0], "move": by[0], "lost": 0}
    drained = three.json("what-if", "backend", "set", VIP, BACKENDS[0], "--state", "draining")
    assert drained["connections"] == {"stay": 60, "move": 0, "lost": 0}
    assert drained["hashed"]["move"] >= by[0]
    assert three.json("what-if", "vip", "del", VIP)["connections"]["lost"] == 60
    three("backend", "del", VIP, BACKENDS[0])
    assert three("conns", "count") == f"{60 - by[0]}\n"
    three.send([three.packet(2000), three.packet(1059, "FA")])
    states = {conn["sport"]: conn["state"] for conn in three.json("conns")["conns"]}
    assert (states[2000], states[1059]) == ("single", "closing")


def test_refusals_are_counted(lb):
    lb("vip", "add", VIP)
    lb.send([lb.packet(1000), lb.packet(1001)])
    vip, = lb.json("stats")["vips"]
    assert vip["refused"] == {"no_backend": 2, "no_route": 0, "too_long": 0, "ttl": 0,
                              "fragments": 0, "nat_limited": 0, "nat_full": 0, "nat_ports": 0,
                              "nat_unknown": 0}
    assert "  refused no_backend 2\n" in lb("stats")
    assert ("  refused no_backend 2 no_route 0 too_long 0 ttl 0 fragments 0 nat_limited 0 "
            "nat_full 0 nat_ports 0 nat_unknown 0\n") in lb("stats", "-v")


def test_watch(three):
    three.send([three.packet(1000)])
    plain, again = map(json.loads, three("stats", "-j", "--watch", "50ms", "--count",
                                         2).splitlines())
    assert "per_second" not in plain["vips"][0]
    assert again["vips"][0]["packets"] == 1
    assert again["vips"][0]["per_second"]["packets"] == 0
    assert again["vips"][0]["backends"][0]["per_second"] == {
        "packets": 0, "bytes": 0, "conns": 0, "reply_packets": 0, "reply_bytes": 0}


def test_explain(three, tmp_path):
    frame = three.packet(1000)
    said, = three.json("explain", bytes(frame).hex())
    assert (said["vip"], said["connection"], said["why"], said["code"]) == (
        VIP, None, "the table", "lb-new")
    assert said["way"] == {"kind": "ipip", "mac": ROUTER, "dev": "vb", "mtu": 1480}
    assert (said["from"], said["to"]) == ("198.51.100.7:1000", "192.0.2.1:80")
    assert said["entries"] == TABLE
    three.send([frame])
    conn, = three.json("conns")["conns"]
    assert conn["backend"] == said["backend"]
    known, = three.json("explain", bytes(frame).hex())
    assert (known["backend"], known["connection"], known["why"], known["code"]) == (
        said["backend"], "single", "its connection", "lb-forward")
    path = tmp_path / "pcap"
    wrpcap(str(path), [three.packet(1000), three.packet(9, dport=81), Ether() / IP() / UDP(),
                       three.packet(7, payload=b"x" * 1460)])
    text = three("explain", path)
    assert text.startswith("packet 1: packet, tcp 198.51.100.7:1000 > 192.0.2.1:80, 40 bytes\n"
                           f"  vip {VIP}\n  connection single, 1 packets\n"
                           f"  backend {said['backend']} by its connection\n"
                           f"  way ipip to {ROUTER} dev vb mtu 1480\n"
                           "  verdict lb-forward: ")
    assert [packet.get("code") for packet in three.json("explain", path)] == [
        "lb-forward", None, None, "lb-too-long"]


def test_explain_is_what_happens(three):
    """Of each of many packets, the backend that it really went to."""
    three("source", "add", VIP, "198.51.100.7/32", BACKENDS[2])
    frames = [three.packet(port) for port in range(1000, 1020)]
    for frame in frames:
        frame[IP].src = f"198.51.100.{frame[TCP].sport % 20}"
    said = {frame[TCP].sport: three.json("explain", bytes(frame).hex())[0]["backend"]
            for frame in frames}
    assert said[1007] == BACKENDS[2]
    three.send(frames)
    assert {conn["sport"]: conn["backend"] for conn in three.json("conns")["conns"]} == said


@pytest.mark.parametrize("what, told, code", [
    ("abc", "packet: explain: 3 hexadecimal digits make no frame", 2),
    ("/nonexistent", "/nonexistent: explain: No such file or directory", 1),
])
def test_explain_refused(lb, what, told, code):
    done = lb("explain", what, ok=None)
    assert (done.returncode, done.stdout, done.stderr) == (code, "", f"xdp_lb: {told}\n")


def test_nothing_attached(pair):
    for argv in ("vip list", "vip add tcp:192.0.2.1:80", "show", "stats", "conns", "save",
                 "what-if vip del tcp:192.0.2.1:80", "explain 00"):
        done = pair.tool("xdp_lb", *argv.split(), ok=None)
        assert (done.returncode, done.stdout) == (1, ""), done
        assert "xdp_lb attach" in done.stderr and done.stderr.count("\n") == 1, done
