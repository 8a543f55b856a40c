# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""
What the tests of the balancer share: the command on a host, its tables as the kernel has them, and
a fleet: two directors and five servers on one segment, behind a router that can spread packets.

    cl --- rt === br0 === lb1, lb2, rs1 ... rs5          eth0 of each

Servers answer to the client by way of rt. Tunnels end in a BPF program, as not every kernel has
devices for them.
"""
import contextlib
import json
import pathlib
import socket
import struct
import subprocess
import time

from bypass import Host, Net, address, both, joined, server_address, via, vip, vips
from conftest import obj, sh

SERVERS = (1, 2, 3, 4, 5)
DIRECTORS = (1, 2)
MANY = 7000  # port of the servers of echo.py


def bracketed(host):
    """As the command takes and prints it."""
    return f"[{host}]" if ":" in host else host


def backend_address(family, kind, server):
    return bracketed(server_address(family, kind, server))


def await_true(condition, shown, seconds=10):
    """Of what a process does on its own: there is no event to wait for."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, shown()
        time.sleep(0.02)


def since(now, before):
    return {name: packets - before.get(name, 0) for name, packets in now.items()
            if packets != before.get(name, 0)}


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


# --- a fleet

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
        self.rs = [Host(f"rs{number}") for number in SERVERS]
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


def fleets(bpffs):
    it = Fleet()
    yield it
    it.delete()
    assert not (bpffs / "ecbpf").exists(), "pins are left over"


def service_of(family, kind, port=MANY):
    return f"tcp:{joined(vip(family, kind), port)}"


