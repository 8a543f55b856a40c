# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""
What the tests of the bypass share: hosts around a director that runs IPVS, servers and clients on
them, and one place that knows how the command prints.

    cl --- rt === br0 === lb, rs1, rs2          eth0 of each; VLANs 100 (rt, lb), 200 (lb, rs);
                                                two tags: 300.301 (rt, lb), 400.401 (lb, rs)
            \\ === br1 === lb, rs1, rs2          eth1 of each

Services differ by their address: 10.9.9.KIND and fd09::KIND are reached and forwarded as KINDS
says. Servers answer to the client by way of rt, as with direct routing they do.
"""
import collections
import functools
import hashlib
import http.server
import json
import pathlib
import random
import selectors
import socket
import subprocess
import threading
import time

import pytest

from conftest import BUILD, Netns, row, sh, verdicts
from frames import GUE_PORT

needs_ipvs = pytest.mark.skipif(not pathlib.Path("/proc/net/ip_vs").exists(),
                                reason="the kernel has no IPVS")

Kind = collections.namedtuple("Kind", "number segment options dev")
KINDS = {
    "direct": Kind(1, 2, "-g", "eth0"),
    "redirect": Kind(2, 3, "-g", "eth1"),
    "ipip": Kind(3, 2, "-i", "eth0"),
    "gue": Kind(4, 2, f"-i --tun-type gue --tun-port {GUE_PORT} --tun-nocsum", "eth0"),
    "vlan": Kind(5, 5, "-g", "eth0"),
    "mark": Kind(6, 2, "-g", "eth0"),
    "gue-csum": Kind(7, 3, f"-i --tun-type gue --tun-port {GUE_PORT} --tun-csum", "eth1"),
    "qinq": Kind(8, 8, "-g", "eth0"),
}
FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}
HTTP, ECHO, SLOT = 80, 5000, 7
TAGS_STAY = "txvlan off rxvlan off tx-vlan-stag-hw-insert off rx-vlan-stag-hw-parse off"
IDLE_KIND = 99  # an address of the director that is no service
PORTS = iter(range(20000, 60000))  # each connection has its own: IPVS remembers old ones


def address(family, segment, host):
    return f"10.{segment}.0.{host}" if family == 4 else f"fd0{segment}::{host}"


def vip(family, kind):
    number = KINDS[kind].number if kind in KINDS else IDLE_KIND
    return f"10.9.9.{number}" if family == 4 else f"fd09::{number}"


def server_address(family, kind, server):
    return address(family, KINDS[kind].segment, 10 + server)


def two_tags(dev, outer, inner):
    """VLAN devices of IEEE 802.1ad. veth lets no more than one tag stand out of its MTU."""
    return [f"link add link {dev} name {dev}.{outer} type vlan proto 802.1ad id {outer}",
            f"link set {dev}.{outer} mtu 1496 up",
            f"link add link {dev}.{outer} name {dev}.q type vlan id {inner}",
            f"link set {dev}.q up"]


def joined(host, port):
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class Host(Netns):
    def shell(self, script):
        with self:
            return sh("sh", "-eu", input=script)

    def ip(self, lines):
        with self:
            sh("ip", "-batch", "-", input="\n".join(lines) + "\n")

    def read(self, name):
        """A file of /proc/net, as this namespace has it."""
        with self:
            return pathlib.Path("/proc/thread-self/net", name).read_text(encoding="ascii")

    def socket(self, *args):
        with self:
            return socket.socket(*args)


class Net:
    """The hosts. Nothing of the bypass is on lb but roots, and there is no service yet."""

    def __init__(self):
        subprocess.run(["modprobe", "-aq", "ipip", "ip6_tunnel", "fou", "fou6"], check=False)
        self.hosts = {name: Host(name) for name in ("cl", "rt", "lb", "rs1", "rs2")}
        self.cl, self.rt, self.lb, *self.rs = self.hosts.values()
        self.macs = {}
        self.links()
        self.roots = [("lb", "eth0"), ("lb", "eth1"), ("rt", "lb0"), ("rt", "lb1")]
        for host in "lb", "rt":
            self.tool("xdp_root", host, "attach", *(dev for name, dev in self.roots
                                                    if name == host))
        self.addresses()
        self.await_up()
        self.raw = self.rt.socket(socket.AF_PACKET, socket.SOCK_RAW)
        with self.rt:
            self.raw.bind(("lb0", 0))
        self.servers = [Server(host, f"rs{number}".encode())
                        for number, host in enumerate(self.rs, 1)]

    def links(self):
        for host in self.hosts.values():
            host.sysctl({"ipv6/conf/default/accept_dad": 0, "ipv6/conf/default/accept_ra": 0,
                         "ipv6/conf/default/router_solicitations": 0,
                         "ipv4/conf/default/rp_filter": 0, "ipv4/conf/all/rp_filter": 0})
        pairs = [("cl", "eth0", "cl")] + [
            (host, f"eth{number}", f"{host}{'' if host == 'lb' else '-'}{number}")
            for host in ("lb", "rs1", "rs2") for number in (0, 1)]
        sh("ip", "-batch", "-", input="".join(
            f"link add {port} netns rt type veth peer name {dev} netns {host}\n"
            for host, dev, port in pairs))
        self.rt.ip(["link add br0 type bridge", "link add br1 type bridge"] +
                   [f"link set {port} master br{port[-1]}" for host, _, port in pairs
                    if host != "cl"])
        # Tags stay in the frame, and checksums are there: XDP programs that send frames on cannot
        # tell the driver to add either.
        for host, dev, port in pairs:
            off = TAGS_STAY + (" tx off gso off" if host in ("cl", "lb") else "")
            self.hosts[host].shell(f"ethtool -K {dev} {off}")
            if host != "cl":
                self.rt.shell(f"ethtool -K {port} {TAGS_STAY}")

    def addresses(self):
        up = ["link set lo up", "link set eth0 up"]
        self.rt.ip([f"link set {dev} up" for dev in (
            "lo", "cl", "br0", "br1", "lb0", "lb1", "rs1-0", "rs1-1", "rs2-0", "rs2-1")] + [
            "link add link lb0 name lb0.100 type vlan id 100", "link set lb0.100 up"] +
            two_tags("lb0", 300, 301) +
            both("cl", 1, 1) + both("br0", 2, 1) + both("lb0.100", 4, 1) + both("lb0.q", 6, 1) + [
            "route add 10.9.9.0/24 via 10.2.0.10", "route add fd09::/64 via fd02::10",
            f"route add {vip(4, 'vlan')} via 10.4.0.10", f"route add {vip(6, 'vlan')} via fd04::10",
            f"route add {vip(4, 'qinq')} via 10.6.0.10", f"route add {vip(6, 'qinq')} via fd06::10",
            "route add blackhole 198.18.0.0/15",  # made-up clients of floods
            "route add 10.7.0.0/24 via 10.2.0.10", "route add fd07::/64 via fd02::10"])
        self.cl.ip(up + both("eth0", 1, 2) + via(1))
        self.lb.ip(up + ["link set eth1 up"] + [
            line for tag in (100, 200) for line in (
                f"link add link eth0 name eth0.{tag} type vlan id {tag}",
                f"link set eth0.{tag} up")] + two_tags("eth0", 300, 301) + [
            line.replace("eth0.q", "eth0.r") for line in two_tags("eth0", 400, 401)] +
            both("eth0", 2, 10) + both("eth1", 3, 10) + both("eth0.100", 4, 10) +
            both("eth0.200", 5, 10) + both("eth0.q", 6, 10) + both("eth0.r", 8, 10) + via(2) +
            vips() + [
            "route add 10.7.0.0/24 via 10.2.0.11", "route add fd07::/64 via fd02::11"])
        for host in self.lb, self.rt:
            host.sysctl({"ipv4/ip_forward": 1, "ipv6/conf/all/forwarding": 1,
                         "ipv4/conf/all/send_redirects": 0, "ipv4/conf/eth0/send_redirects": 0}
                        if host is self.lb else
                        {"ipv4/ip_forward": 1, "ipv6/conf/all/forwarding": 1,
                         "ipv4/conf/all/send_redirects": 0, "ipv4/conf/br0/send_redirects": 0})
        for number, host in enumerate(self.rs, 11):
            host.sysctl({"ipv4/conf/all/arp_ignore": 1, "ipv4/conf/all/arp_announce": 2,
                         "ipv4/icmp_ratelimit": 0})
            host.ip(up + ["link set eth1 up", "link add link eth0 name eth0.200 type vlan id 200",
                          "link set eth0.200 up", "link set tunl0 up", "link set ip6tnl0 up",
                          f"fou add port {GUE_PORT} gue"] + two_tags("eth0", 400, 401) +
                    both("eth0", 2, number) + both("eth1", 3, number) +
                    both("eth0.200", 5, number) + both("eth0.q", 8, number) + via(2) + vips() +
                    ["addr add 10.7.0.1/32 dev lo", "addr add fd07::1/128 dev lo nodad"])
            host.run("ip", "-6", "fou", "add", "port", GUE_PORT, "gue")
        self.lb.run("tc", "qdisc", "add", "dev", "eth0", "clsact")
        self.mark_services()

    def mark_services(self):
        """What goes to the address of a fwmark service is marked on its way in."""
        self.lb.shell("\n".join(
            f"tc filter add dev eth0 ingress protocol {proto} u32 match {match} dst {vip(f, 'mark')} "
            f"action skbedit mark {KINDS['mark'].number}"
            for f, proto, match in ((4, "ip", "ip"), (6, "ipv6", "ip6"))))

    def await_up(self):
        """Attaching to veth lets carriers go and come."""
        deadline = time.monotonic() + 10
        for host in self.hosts.values():
            while any(link.get("operstate") == "DOWN"
                      for link in json.loads(host.run("ip", "-j", "link", "show", "up"))):
                assert time.monotonic() < deadline, host.run("ip", "link")

    def mac(self, host, dev):
        """Asked for once: tests make frames by the thousand."""
        if (host, dev) not in self.macs:
            self.macs[host, dev] = json.loads(
                self.hosts[host].run("ip", "-j", "link", "show", dev))[0]["address"]
        return self.macs[host, dev]

    def tool(self, name, host, *argv, ok=True, **kwargs):
        """Run a tool's COMMAND in a host; with ok=None the finished process, whatever it said."""
        done = subprocess.run([BUILD / "bin" / name, argv[0], "--netns", host, *map(str, argv[1:])],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **kwargs)
        if ok is None:
            return done
        assert (done.returncode == 0) == ok, (argv, done)
        return done.stdout

    def wire(self, frames):
        """Frames on the wire to lb's eth0."""
        for frame in frames:
            assert self.raw.send(bytes(frame)) == len(frame)

    def flood(self, frame, count, sources=1, pps=0, dev="lb0", idle=True):
        """
        Starts COUNT frames on the wire to lb's eth0, at the speed of the kernel. On a busy machine a
        thread of the kernel's empties the ring: the sender, whose CPU that is, must give way to it
        if none may be lost.
        """
        return subprocess.Popen(
            ["nsenter", "--net=/run/netns/rt", *(("chrt", "--idle", "0") if idle else ()),
             BUILD / "tests/tools/live", dev, bytes(frame).hex(), str(count), str(sources),
             *([str(pps)] if pps else [])],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def connections(self):
        """{(protocol, client port): (state, seconds left)} of IPVS."""
        found = {}
        for line in self.lb.read("ip_vs_conn").splitlines()[1:]:
            words = line.split()
            found[words[0], int(words[2], 16)] = words[7], int(words[8])
        return found

    def delete(self):
        for server in self.servers:
            server.stop()
        self.raw.close()
        for host, dev in self.roots:
            self.tool("xdp_root", host, "detach", dev, ok=None)
        for host in self.hosts.values():
            host.delete()


def both(dev, segment, host):
    return [f"addr add {address(4, segment, host)}/24 dev {dev}",
            f"addr add {address(6, segment, host)}/64 dev {dev} nodad"]


def via(segment):
    return [f"route add default via {address(family, segment, 1)}" for family in (4, 6)]


def vips():
    return [f"addr add {vip(family, kind)}/{length} dev lo{nodad}"
            for kind in (*KINDS, None) for family, length, nodad in ((4, 32, ""),
                                                                   (6, 128, " nodad"))]


KEPT = []  # the hosts, if the next module wants them


def wanted_next(request):
    """Is the test that follows those of this module one that runs between the hosts?"""
    items = request.session.items
    last = max(at for at, item in enumerate(items) if item.module is request.module)
    return any("net" in item.fixturenames for item in items[last + 1:last + 2])


def topology(bpffs, request):
    """Modules that follow each other share the hosts, and leave them as they were."""
    it = KEPT.pop() if KEPT else Net()
    yield it
    if wanted_next(request):
        KEPT.append(it)
        return
    it.delete()
    assert not (bpffs / "ecbpf").exists(), "pins are left over"


@functools.lru_cache
def pattern(size):
    """So many bytes, the same each time; client and server are one process."""
    return random.Random(size).randbytes(size)


class Handler(http.server.BaseHTTPRequestHandler):
    """GET /SIZE: pattern(SIZE). PUT: the SHA-256 of what was sent."""
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self):
        self.answer(pattern(int(self.path[1:])))

    def do_PUT(self):
        left, digest = int(self.headers["Content-Length"]), hashlib.sha256()
        if self.headers.get("Expect") == "100-continue":
            pass  # the base class has answered that
        while left:
            more = self.rfile.read(min(left, 65536))
            digest.update(more)
            left -= len(more)
        self.answer(digest.hexdigest().encode())

    def answer(self, body):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Server", self.server.label)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Web(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, host, family, label):
        super().__init__(("", HTTP), Handler, bind_and_activate=False)
        self.socket.close()
        self.label = label
        self.socket = host.socket(FAMILIES[family])
        if family == 6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(("", HTTP))
        self.socket.listen(64)

    def handle_error(self, *_):
        """Clients that go away are nothing unusual here."""


class Server:
    """HTTP, and an echo over UDP and TCP that puts the server's name before the answer."""

    def __init__(self, host, name):
        self.name = name
        self.webs = [Web(host, family, name.decode()) for family in FAMILIES]
        self.selector = selectors.DefaultSelector()
        for family, domain in FAMILIES.items():
            listener = host.socket(domain)
            if family == 6:
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            listener.bind(("", ECHO))
            listener.listen(64)
            self.selector.register(listener, selectors.EVENT_READ, self.accept)
            for kind in KINDS:
                udp = host.socket(domain, socket.SOCK_DGRAM)
                udp.bind((vip(family, kind), ECHO))
                self.selector.register(udp, selectors.EVENT_READ, self.echo_datagram)
        self.end, self.wake = socket.socketpair()
        self.selector.register(self.end, selectors.EVENT_READ, None)
        self.threads = [threading.Thread(target=work, daemon=True)
                        for work in (self.serve, *(web.serve_forever for web in self.webs))]
        for thread in self.threads:
            thread.start()

    def accept(self, listener):
        connection = listener.accept()[0]
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.selector.register(connection, selectors.EVENT_READ, self.echo_line)

    def echo_datagram(self, udp):
        data, client = udp.recvfrom(65536)
        udp.sendto(self.name + data, client)

    def echo_line(self, connection):
        try:
            data = connection.recv(65536)
        except OSError:
            data = b""
        if data:
            lines = data.splitlines(keepends=True)
            connection.sendall(b"".join(self.name + line for line in lines))
        else:
            self.selector.unregister(connection)
            connection.close()

    def serve(self):
        while True:
            for key, _ in self.selector.select():
                if key.data is None:
                    return
                key.data(key.fileobj)

    def stop(self):
        self.wake.send(b".")
        for web in self.webs:
            web.shutdown()
            web.server_close()
        for thread in self.threads:
            thread.join()
        for key in list(self.selector.get_map().values()):
            key.fileobj.close()
        self.wake.close()


def ipvs_lines(kind, family, servers=(1, 2), protos="tu", ports=None, scheduler="rr"):
    """Rules for ipvsadm -R: this kind's services, with these servers."""
    lines = []
    for proto in protos if kind != "mark" else "f":
        port = (ports or {}).get(proto, HTTP if proto == "t" else ECHO)
        service = f"-{proto} {joined(vip(family, kind), port)}"
        if kind == "mark":
            service = f"-f {KINDS['mark'].number}" + (" -6" if family == 6 else "")
        lines.append(f"-A {service} -s {scheduler}")
        for server in servers:
            where = server_address(family, kind, server)
            where = joined(where, port) if kind != "mark" else where
            lines.append(f"-a {service} -r {where} {KINDS[kind].options} -w 1")
    return lines


class Director:
    """
    lb with these services, and with the bypass or without: what is compared. All that depends on
    the words and the JSON of the command is here.
    """

    def __init__(self, net, lines, bypass, options=()):
        self.net, self.lines, self.bypass, self.options = net, lines, bypass, options

    def __enter__(self):
        self.ipvsadm("-C")
        self.restore(self.lines)
        if self.bypass:
            self.attach()
        self.start = self.stats()
        return self

    def __exit__(self, *_):
        if self.bypass:
            self.detach()
        self.ipvsadm("-C")

    def ipvsadm(self, *argv):
        return self.net.lb.run("ipvsadm", *argv)

    def restore(self, lines):
        """Each is a change, in this order."""
        subprocess.run(["nsenter", "--net=/run/netns/lb", "ipvsadm", "-R"], check=True, text=True,
                       input="\n".join(lines) + "\n")

    def command(self, *argv, **kwargs):
        return self.net.tool("xdp_bypass_ipvs", "lb", *argv, **kwargs)

    def attach(self):
        self.command("attach", "--inbound", "eth0", "--outbound", "eth0,eth1", *FLOWS,
                     *self.options)
        if "--no-follow" not in self.options:
            self.settle()

    def settle(self):
        """Until what the follower has done so far is done again, as it is at its next comparison."""
        start = time.monotonic()
        while True:
            now = time.monotonic()
            if now - self.status()["follower"]["compared_s"] > start + TICKS_S:
                return
            assert now - start < 10, self.status()
            time.sleep(0.02)

    def detach(self):
        self.command("detach")

    def params(self, **values):
        if self.bypass:
            self.command("params", *(f"{name}={value}" for name, value in values.items()))

    def flows(self):
        return json.loads(self.command("flows", "-j"))["flows"]

    def counts(self):
        """Counters of the egress program."""
        return json.loads(self.command("stats", "-j"))["egress"]

    def status(self):
        return json.loads(self.command("status", "-j"))

    def paths(self):
        """How many are in use."""
        return self.status()["paths_used"]

    def stats(self):
        """The root's counters of lb's eth0: what the XDP program did, by reason and by action."""
        return json.loads(self.net.tool("xdp_root", "lb", "stats", "-j", "eth0"))

    def balanced(self):
        """{service: what IPVS counts of it, with what went past it}."""
        return {entry["service"]: entry
                for entry in json.loads(self.command("ipvs", "-j"))["services"]}

    def since(self, before=None, now=None):
        """What was added since then, or since `with`: {reason: packets}, seen by the slot."""
        now, before = now or self.stats(), before or self.start
        reasons = {name: packets - before["reasons"].get(name, 0)
                   for name, packets in now["reasons"].items()
                   if packets != before["reasons"].get(name, 0)}
        return reasons, (row(now, SLOT)["seen"]["packets"] - row(before, SLOT)["seen"]["packets"])

    def actions(self, which, before=None, after=None):
        """Packets of a row since then, or since `with`: {action: packets}."""
        after, before = verdicts(after or self.stats(), which), verdicts(before or self.start, which)
        return {name: packets - before.get(name, (0, 0))[0]
                for name, (packets, _) in after.items()
                if packets != before.get(name, (0, 0))[0]}

    def hits(self, before=None):
        return self.since(before)[0].get("bypass-hit", 0)

    def await_balanced(self, conns):
        """The same, once the kernel's estimator has been by and counts so many connections."""
        deadline = time.monotonic() + 6
        while True:
            found = self.balanced()
            if (sum(entry["conns"] for entry in found.values()) >= conns or
                    time.monotonic() > deadline):
                return found
            time.sleep(0.2)


# Tables of the size that tests need, not of that of a load balancer.
FLOWS = ("--flows", "65536", "--flows6", "16384", "--paths", "256")
TICKS_S = 0.02  # the clock of comparisons is no finer; they are 0.25 s apart


class Connection:
    """A client of an echo service, TCP or UDP, with a port of its own."""

    def __init__(self, net, family, proto, kind, port=None, timeout=5):
        self.port = port or next(PORTS)
        self.proto = proto
        self.sock = net.cl.socket(FAMILIES[family],
                                  socket.SOCK_STREAM if proto == "tcp" else socket.SOCK_DGRAM)
        if proto == "tcp":
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.settimeout(timeout)
        self.sock.bind((address(family, 1, 2), self.port))
        self.sock.connect((vip(family, kind), ECHO))

    def exchange(self, data):
        """The name of the server that answered; what it said is as it should be."""
        self.sock.send(data + b"\n")
        answer = b""
        while not answer.endswith(data + b"\n"):
            answer += self.sock.recv(65536)
        name, data_back = answer[:3], answer[3:]
        assert data_back == data + b"\n", answer
        return name.decode()

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
