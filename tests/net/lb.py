# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""
What the tests of the balancer share: the command on a host, its tables as the kernel has them, the
hosts of the bypass's tests (bypass.py) with a balancer on lb, and a fleet: two directors and five
servers on one segment, behind a router that can spread packets.

    cl --- rt === br0 === lb1, lb2, rs1 ... rs5          eth0 of each

Servers answer to the client by way of rt. Tunnels end in a BPF program, as not every kernel has
devices for them.
"""
import contextlib
import http.client
import json
import pathlib
import socket
import struct
import subprocess
import time

from bypass import (ECHO, FAMILIES, HTTP, Host, Net, address, both, joined, server_address, via,
                    vip, vips)
from conftest import obj, sh

MANY = 7000  # port of the servers of echo.py


def bracketed(host):
    """As the command takes and prints it."""
    return f"[{host}]" if ":" in host else host


def backend_address(family, kind, server):
    return bracketed(server_address(family, kind, server))


def service_of(family, kind, port=MANY):
    return f"tcp:{joined(vip(family, kind), port)}"


def await_true(condition, shown, seconds=10):
    """Of what a process does on its own: there is no event to wait for."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, shown()
        time.sleep(0.02)


def since(now, before):
    return {name: packets - before.get(name, 0) for name, packets in now.items()
            if packets != before.get(name, 0)}


def request(net, family, kind, *words):
    """(server, answer) of one HTTP request with a connection of its own."""
    client = http.client.HTTPConnection(vip(family, kind), HTTP)
    with net.cl.socket(FAMILIES[family]) as client.sock:
        client.sock.settimeout(30)
        client.sock.connect((vip(family, kind), HTTP))
        client.request(*words)
        answer = client.getresponse()
        assert answer.status == 200
        return answer.headers["X-Server"], answer.read()


class Command:
    """xdp_lb on a host: all that depends on the words and the JSON of the command is here."""

    def __init__(self, net, host, *attach):
        self.net, self.host = net, host
        self("attach", *attach)

    def __call__(self, *argv, ok=True, **kwargs):
        return self.net.tool("xdp_lb", self.host, *argv, ok=ok, **kwargs)

    def json(self, *argv, **kwargs):
        return json.loads(self(*argv, "-j", **kwargs))

    def states(self, service):
        """{address: (operator's state, monitor's)}"""
        config = json.loads(self("save"))
        found = [entry for entry in config["vips"] if entry["service"] == service]
        return {backend["address"]: (backend["state"], backend["monitor"])
                for backend in found[0]["backends"]}

    def unresolved(self):
        return self.json("status")["unresolved"]

    def await_ways(self, count=0):
        await_true(lambda: self.unresolved() == count, self.unresolved)

    def clear(self):
        for entry in json.loads(self("save")).get("vips", []):
            self("vip", "del", entry["service"])

    def stats(self):
        """The root's counters of eth0."""
        return json.loads(self.net.tool("xdp_root", self.host, "stats", "-j", "eth0"))

    def reasons(self):
        """{reason: packets} of eth0, since its root was attached."""
        return self.stats()["reasons"]


# --- tables in the kernel

def as_hex(data):
    return ["hex", *(f"{byte:02x}" for byte in data)]


def from_hex(words):
    return bytes(int(word, 16) for word in words)


def map_lookup(pins, name, key):
    found = sh("bpftool", "-j", "map", "lookup", "pinned", pathlib.Path(pins) / name,
               "key", *as_hex(key))
    return json.loads(found)


def table(pins, host, port, entries, proto=socket.IPPROTO_TCP):
    """The Maglev table of a VIP: numbers of backends."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    key = socket.inet_pton(family, host).ljust(16, b"\0") + struct.pack("!HBB", port, proto,
                                                                          family)
    number = from_hex(map_lookup(pins, "lb_key_map", key)["value"])
    inner = map_lookup(pins, "lb_ring_map", number)
    ring = inner["inner_map_id"] if "inner_map_id" in inner else \
        struct.unpack("=I", from_hex(inner["value"]))[0]
    lines = json.loads(sh("bpftool", "-j", "map", "dump", "id", ring))
    lines.sort(key=lambda line: struct.unpack("=I", from_hex(line["key"])))
    data = b"".join(from_hex(line["value"]) for line in lines)
    return struct.unpack(f"={len(data) // 2}H", data)[:entries]


# --- one balancer between the hosts of the bypass's tests

SERVERS = (1, 2)
# mode, and the version of IP of the outer header; None: that of the packet
MODES = {
    "direct": ("direct", "direct", None),
    "redirect": ("redirect", "direct", None),
    "ipip": ("ipip", "ipip", None),
    "gue": ("gue", "gue", None),
    "ipip-in-4": ("ipip", "ipip", 4),
    "ipip-in-6": ("ipip", "ipip", 6),
}


class LbNet(Net):
    """The same hosts on a kernel without IPVS, tunnels and VLANs."""

    def addresses(self):
        up = ["link set lo up", "link set eth0 up"]
        self.rt.ip([f"link set {dev} up" for dev in (
            "lo", "cl", "br0", "br1", "lb0", "lb1", "rs1-0", "rs1-1", "rs2-0", "rs2-1")] +
            both("cl", 1, 1) + both("br0", 2, 1) +
            ["route add 10.9.9.0/24 via 10.2.0.10", "route add fd09::/64 via fd02::10"])
        self.cl.ip(up + both("eth0", 1, 2) + via(1))
        self.lb.ip(up + ["link set eth1 up"] + both("eth0", 2, 10) + both("eth1", 3, 10) + via(2))
        self.rt.sysctl({"ipv4/ip_forward": 1, "ipv6/conf/all/forwarding": 1,
                        "ipv4/conf/all/send_redirects": 0, "ipv4/conf/br0/send_redirects": 0})
        for number, host in enumerate(self.rs, 11):
            host.sysctl({"ipv4/conf/all/arp_ignore": 1, "ipv4/conf/all/arp_announce": 2})
            host.ip(up + ["link set eth1 up"] + both("eth0", 2, number) +
                    both("eth1", 3, number) + via(2) + vips())
            host.shell(f"tc qdisc add dev eth0 clsact\ntc filter add dev eth0 ingress bpf "
                       f"direct-action object-file {obj('decap')} section tc")


class Balancer(Command):
    """xdp_lb on lb."""

    def __init__(self, net):
        super().__init__(net, "lb", "--conns", "65536", "--conns6", "16384", "eth0", "eth1")

    @staticmethod
    def service(family, kind, proto="tcp", port=None):
        port = port or (HTTP if proto == "tcp" else ECHO)
        return f"{proto}:{joined(vip(family, kind), port)}"

    def add(self, name, family, proto="tcp", servers=SERVERS, port=None):
        """A VIP and its backends; once the ways to them are known, its name."""
        kind, mode, outer = MODES[name]
        service = self.service(family, kind, proto, port)
        self("vip", "add", service, "--mode", mode)
        backends = [backend_address(outer or family, kind, server) for server in servers]
        self("backend", "add", service, *backends)
        self.await_ways()
        return service


# --- a fleet

FLEET_SERVERS = (1, 2, 3, 4, 5)
DIRECTORS = (1, 2)


class Echo(subprocess.Popen):
    """One process of echo.py in a host; `with` ends it."""

    def __init__(self, host, *argv):
        script = pathlib.Path(__file__).with_name("echo.py")
        super().__init__(["nsenter", f"--net=/run/netns/{host.name}", "/usr/bin/python3", "-IS",
                          script, *map(str, argv)],
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert json.loads(self.stdout.readline()) == "ready"

    def ask(self, *words):
        self.stdin.write(json.dumps(words) + "\n")
        self.stdin.flush()
        line = self.stdout.readline()
        assert line, "echo.py has ended"
        return json.loads(line)

    def __exit__(self, *exc):
        self.kill()
        super().__exit__(*exc)


class Fleet(Net):
    """The hosts; roots are on the directors and on the other ends of their links."""

    def __init__(self):
        self.cl, self.rt = Host("cl"), Host("rt")
        self.lbs = [Host(f"lb{number}") for number in DIRECTORS]
        self.rs = [Host(f"rs{number}") for number in FLEET_SERVERS]
        self.segment = self.lbs + self.rs
        self.hosts = {host.name: host for host in (self.cl, self.rt, *self.segment)}
        self.macs, self.servers = {}, []
        self.links()
        self.roots = [(host.name, "eth0") for host in self.lbs] + [
            ("rt", host.name) for host in self.lbs]
        for host, dev in self.roots:
            self.tool("xdp_root", host, "attach", dev)
        self.addresses()
        self.await_up()
        self.raw = self.rt.socket(socket.AF_PACKET, socket.SOCK_RAW)

    def links(self):
        for host in self.hosts.values():
            host.sysctl({"ipv6/conf/default/accept_dad": 0, "ipv6/conf/default/accept_ra": 0,
                         "ipv6/conf/default/router_solicitations": 0,
                         "ipv4/conf/default/rp_filter": 0, "ipv4/conf/all/rp_filter": 0})
        sh("ip", "-batch", "-", input="".join(
            f"link add {host.name} netns rt type veth peer name eth0 netns {host.name}\n"
            for host in (self.cl, *self.segment)))
        self.rt.ip(["link add br0 type bridge"] +
                   [f"link set {host.name} master br0" for host in self.segment])
        # XDP programs that send frames on cannot tell the driver to add checksums
        for host in (self.cl, *self.lbs):
            host.shell("ethtool -K eth0 tx off gso off")

    def addresses(self):
        up = ["link set lo up", "link set eth0 up"]
        self.rt.ip([f"link set {dev} up" for dev in (
            "lo", "cl", "br0", *(host.name for host in self.segment))] +
            both("cl", 1, 1) + both("br0", 2, 1))
        self.rt.sysctl({"ipv4/ip_forward": 1, "ipv6/conf/all/forwarding": 1,
                        "ipv4/conf/all/send_redirects": 0, "ipv4/conf/br0/send_redirects": 0,
                        "ipv4/fib_multipath_hash_policy": 1, "ipv6/fib_multipath_hash_policy": 1})
        self.cl.ip(up + both("eth0", 1, 2) + via(1))
        for number, host in enumerate(self.lbs, 101):
            host.ip(up + both("eth0", 2, number) + via(2))
        for number, host in enumerate(self.rs, 11):
            host.sysctl({"ipv4/conf/all/arp_ignore": 1, "ipv4/conf/all/arp_announce": 2})
            host.ip(up + both("eth0", 2, number) + via(2) + vips())
            host.shell(f"tc qdisc add dev eth0 clsact\ntc filter add dev eth0 ingress bpf "
                       f"direct-action object-file {obj('decap')} section tc")

    def route(self, *directors):
        """What a routing protocol tells rt: these directors have the VIPs."""
        for family, prefix in (4, "10.9.9.0/24"), (6, "fd09::/64"):
            hops = [f"nexthop via {address(family, 2, 100 + number)}" for number in directors]
            self.rt.ip([f"route replace {prefix} {' '.join(hops)}"])

    @contextlib.contextmanager
    def lb(self, number, conns=262144):
        """The balancer on a director, while the `with` lasts."""
        it = Command(self, f"lb{number}", "--conns", conns, "--conns6", conns, "eth0")
        try:
            yield it
        finally:
            it("detach")


# --- fixtures: test modules give them their names and scopes

def until_done(hosts, bpffs):
    yield hosts
    hosts.delete()
    assert not (bpffs / "ecbpf").exists(), "pins are left over"


def lb_nets(bpffs):
    yield from until_done(LbNet(), bpffs)


def fleets(bpffs):
    yield from until_done(Fleet(), bpffs)


def balancers(net):
    it = Balancer(net)
    yield it
    it("detach")


def cleared(attached):
    """The balancer that is attached, without VIPs again when a test is done."""
    yield attached
    attached.clear()
