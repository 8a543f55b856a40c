# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""
Clients, the balancer and servers that answer by themselves: transfers in all modes, changes under
open connections, and the monitor. The hosts are those of the bypass's tests (bypass.py); tunnels
end in a BPF program, as not every kernel has devices for them.
"""
import collections
import contextlib
import hashlib
import os
import signal
import socket
import ssl
import threading
import time

import pytest

from bypass import ECHO, FAMILIES, Connection, address, pattern
from conftest import sh
from lb import (MODES, SERVERS, Balancer, await_true, backend_address, balancers, bracketed,
                cleared, lb_nets, request, since)

CASES = [(name, family) for name in MODES for family in FAMILIES if MODES[name][2] != family]

net_fixture = pytest.fixture(lb_nets, scope="module", name="net")
attached_fixture = pytest.fixture(balancers, scope="module", name="attached")
lb_fixture = pytest.fixture(cleared, name="lb")


# --- transfers

@pytest.mark.parametrize("name,family", CASES)
def test_http(net, lb, name, family):
    """Large ones in both directions: what does not fit a tunnel is told to the client."""
    kind = MODES[name][0]
    lb.add(name, family)
    before, servers = lb.reasons(), collections.Counter()
    # what it was told of the path in another mode
    net.cl.shell("ip route flush cache\nip -6 route flush cache")
    for _ in range(16):
        server, answer = request(net, family, kind, "GET", "/100000")
        assert answer == pattern(100000)
        servers[server] += 1
    data = pattern(300000)
    for _ in range(4):
        server, answer = request(net, family, kind, "PUT", "/", data)
        assert answer.decode() == hashlib.sha256(data).hexdigest()
        servers[server] += 1
    assert sum(servers.values()) == 20 and set(servers) == {"rs1", "rs2"}
    reasons = since(lb.reasons(), before)
    # the first packets may come at once, on two CPUs, and enter a connection twice
    assert 20 <= reasons["lb-new"] < 24, reasons
    assert reasons["lb-forward"] > 20 * 4
    assert ("lb-ptb" in reasons) == (MODES[name][1] != "direct"), reasons
    assert not set(reasons) & {"lb-no-route", "lb-no-backend", "lb-frame", "lb-ttl"}, reasons


@pytest.mark.parametrize("name,family", CASES)
def test_udp(net, lb, name, family):
    """A connection has one server, and all together have both."""
    lb.add(name, family, "udp")
    servers = set()
    for _ in range(16):
        with Connection(net, family, "udp", MODES[name][0]) as connection:
            answers = {connection.exchange(str(number).encode()) for number in range(5)}
            assert len(answers) == 1
            servers |= answers
    assert servers == {"rs1", "rs2"}


# --- changes under open connections

def opened(net, family, kind, count=24):
    """Connections, by the server that they have."""
    by = collections.defaultdict(list)
    for _ in range(count):
        connection = Connection(net, family, "tcp", kind)
        by[connection.exchange(b"first")].append(connection)
    return by


@pytest.mark.parametrize("family", FAMILIES)
def test_backend_added(net, lb, family):
    service = lb.add("direct", family, servers=[1], port=ECHO)
    by = opened(net, family, "direct")
    assert set(by) == {"rs1"}
    lb("backend", "add", service, backend_address(family, "direct", 2))
    lb.await_ways()
    assert {connection.exchange(b"again") for connection in by["rs1"]} == {"rs1"}
    assert set(opened(net, family, "direct")) == {"rs1", "rs2"}


@pytest.mark.parametrize("family", FAMILIES)
def test_backend_drained(net, lb, family):
    service = lb.add("ipip", family, port=ECHO)
    by = opened(net, family, "ipip")
    assert set(by) == {"rs1", "rs2"}
    lb("backend", "set", service, backend_address(family, "ipip", 1), "--state", "draining")
    for server, connections in by.items():
        assert {connection.exchange(b"again") for connection in connections} == {server}
    assert set(opened(net, family, "ipip")) == {"rs2"}


@pytest.mark.parametrize("family", FAMILIES)
def test_backend_removed(net, lb, family):
    """Its connections meet the other server, which does not know them; the other's stay."""
    service = lb.add("direct", family, port=ECHO)
    by = opened(net, family, "direct")
    lb("backend", "del", service, backend_address(family, "direct", 1))
    assert {connection.exchange(b"again") for connection in by["rs2"]} == {"rs2"}
    for connection in by["rs1"]:
        with pytest.raises(ConnectionResetError):
            connection.exchange(b"again")
    assert set(opened(net, family, "direct")) == {"rs2"}


def test_no_backend_then_one(net, lb):
    service = lb.service(4, "direct", "udp")
    lb("vip", "add", service, "--mode", "direct")
    before = lb.reasons()
    with Connection(net, 4, "udp", "direct", timeout=0.2) as connection:
        with pytest.raises(TimeoutError):
            connection.exchange(b"nobody")
        assert since(lb.reasons(), before) == {"lb-no-backend": 1}
        lb("backend", "add", service, backend_address(4, "direct", 2))
        lb.await_ways()
        connection.sock.settimeout(5)
        assert connection.exchange(b"somebody") == "rs2"


# --- ways

class NoMonitor:
    """The one of attach has gone, and comes back."""

    def __init__(self, net, lb):
        self.net, self.lb = net, lb

    def __enter__(self):
        os.kill(holder(self.net), signal.SIGTERM)
        await_true(lambda: holder(self.net) is None, lambda: holder(self.net))

    def __exit__(self, *_):
        self.lb("monitor", "--background")


def mac_set(net, server, last):
    host = net.rs[server - 1]
    host.ip([f"link set eth0 address 02:00:00:00:{server:02x}:{last:02x}"])
    return host


def test_neighbour_changes(net, lb):
    """A server gets another network card; once the kernel has heard so, packets get there."""
    lb.add("direct", 4, "udp", servers=[1])
    old = net.mac("rs1", "eth0")
    with Connection(net, 4, "udp", "direct", timeout=0.2) as connection:
        assert connection.exchange(b"before") == "rs1"
        mac_set(net, 1, 0x77)
        net.rs[0].run("ip", "route", "replace", "default", "via", address(4, 2, 1))
        net.rs[0].shell("ip neigh flush dev eth0")
        net.lb.ip([f"neigh replace {address(4, 2, 11)} lladdr 02:00:00:00:01:77 dev eth0"])
        await_true(lambda: exchanged(connection), lambda: "no answer")
    net.rs[0].ip([f"link set eth0 address {old}"])
    net.rs[0].run("ip", "route", "replace", "default", "via", address(4, 2, 1))
    net.rs[0].run("ip", "-6", "route", "replace", "default", "via", address(6, 2, 1))
    net.lb.ip([f"neigh replace {address(4, 2, 11)} lladdr {old} dev eth0"])


def exchanged(connection):
    try:
        return connection.exchange(b"after") == "rs1"
    except TimeoutError:
        return False


def test_route_comes_and_goes(net, lb):
    service = lb.service(4, "direct", "udp")
    lb("vip", "add", service, "--mode", "ipip")
    lb("backend", "add", service, "10.77.0.1")
    net.lb.ip(["route add unreachable 10.77.0.1"])
    lb.await_ways(count=1)
    net.lb.ip([f"route replace 10.77.0.1 via {address(4, 2, 12)}"])
    lb.await_ways()
    net.lb.ip(["route replace unreachable 10.77.0.1"])
    lb.await_ways(count=1)
    net.lb.ip(["route del 10.77.0.1"])


@pytest.mark.parametrize("family", FAMILIES)
def test_new_backends_have_their_way_at_once(net, lb, family):
    """Also those that the kernel had not heard of, and without a monitor."""
    with NoMonitor(net, lb):
        net.lb.run("ip", "neigh", "flush", "dev", "eth0")
        service = lb.service(family, "direct")
        lb("vip", "add", service, "--mode", "direct")
        lb("backend", "add", service, *(backend_address(family, "direct", server)
                                        for server in SERVERS))
        assert lb.unresolved() == 0
        # nobody has this one: it is waited for, but not for long
        begun = time.monotonic()
        lb("backend", "add", service, bracketed(address(family, 2, 99)))
        assert lb.unresolved() == 1
        assert 0.05 <= time.monotonic() - begun < 5


def test_mode_direct_wants_a_neighbour(net, lb):
    service = lb.service(4, "direct", "udp")
    lb("vip", "add", service, "--mode", "direct")
    lb("backend", "add", service, address(4, 1, 2))  # the client, behind rt
    before = lb.reasons()
    assert lb.unresolved() == 1
    with Connection(net, 4, "udp", "direct", timeout=0.2) as connection:
        with pytest.raises(TimeoutError):
            connection.exchange(b"nobody")
    assert since(lb.reasons(), before) == {"lb-no-route": 1}


# --- the monitor

class Monitor:
    """In the foreground, with these checks; the one of attach has gone, and comes back."""

    def __init__(self, lb, path, lines):
        self.lb = lb
        path.write_text("\n".join(lines) + "\n", encoding="ascii")
        self.path = path

    def __enter__(self):
        self.lb("monitor", "--background", "-f", self.path)

    def __exit__(self, *_):
        self.lb("monitor", "--background")


FAST = "interval 100ms timeout 90ms rise 2 fall 2"


def await_state(lb, service, server, state):
    await_true(lambda: lb.states(service)[server][1] == state, lambda: lb.states(service))


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("kind", ["tcp", "http", "udp"])
def test_checks(net, lb, tmp_path, kind, family):
    """A server that does not answer is down, and up again when it does."""
    service = lb.add("direct", family)
    backend = backend_address(family, "direct", 1)
    port, extra = 8080, {"tcp": "", "http": "path /x expect 204", "udp": "send 70 expect 706f"}
    answers = Answers(net.rs[0], kind, family, port)
    other = Answers(net.rs[1], kind, family, port)
    check = f"check {service} {kind} port {port} {FAST} {extra[kind]}"
    with Monitor(lb, tmp_path / "checks", ["# checks", check]):
        assert set(lb.states(service).values()) == {("active", "active")}
        answers.stop()
        await_state(lb, service, backend, "down")
        before = {request(net, family, "direct", "GET", "/10")[0] for _ in range(12)}
        assert before == {"rs2"}
        answers = Answers(net.rs[0], kind, family, port)
        await_state(lb, service, backend, "active")
        servers = {request(net, family, "direct", "GET", "/10")[0] for _ in range(24)}
        assert servers == {"rs1", "rs2"}
    answers.stop()
    other.stop()


class Answers:
    """One service of a server: TCP, HTTP that says 204, UDP that says "pong"."""

    def __init__(self, host, kind, family, port):
        self.kind = kind
        self.sock = host.socket(FAMILIES[family],
                                socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.sock.bind(("", port))
        if kind != "udp":
            self.sock.listen(16)
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        try:
            while True:
                if self.kind == "udp":
                    client = self.sock.recvfrom(100)[1]
                    if client is None:
                        return
                    self.sock.sendto(b"pong", client)
                    continue
                connection = self.sock.accept()[0]
                if self.kind == "http" and b"GET /x HTTP/1.1" in connection.recv(1000):
                    connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")
                connection.close()
        except OSError:
            pass

    def stop(self):
        with contextlib.suppress(OSError):  # of UDP: it wakes recvfrom(), and fails
            self.sock.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.sock.close()


TLS_PORT, NAME = 8443, "www.example.org"


class Tls:
    """
    A server that answers as it is told: "good", "error" (status 500), "hangs" (after the request),
    "silent" (no handshake), "plain" (HTTP without TLS); what it was asked is in names and requests.
    """

    def __init__(self, host, family, path, days):
        key, request, cert = (str(path / f"{host.name}.{end}") for end in ("key", "csr", "crt"))
        sh("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
           "-subj", "/CN=nobody", "-keyout", key, "-out", request)
        sh("openssl", "x509", "-req", "-in", request, "-signkey", key, "-days", str(days),
           "-out", cert)
        self.how, self.names, self.requests, self.held = "silent", set(), set(), []
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(cert, key)
        self.context.sni_callback = lambda sock, name, context: self.names.add(name)
        self.sock = host.socket(FAMILIES[family], socket.SOCK_STREAM)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.sock.bind(("", TLS_PORT))
        self.sock.listen(16)
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while True:
            try:
                connection = self.sock.accept()[0]
            except OSError:
                return
            self.held.append(connection)
            if self.how != "silent":
                with contextlib.suppress(OSError):  # of a client that has given up, too
                    self.answer(connection, self.how)

    def answer(self, connection, how):
        connection.settimeout(10)
        if how != "plain":
            connection = self.context.wrap_socket(connection, server_side=True)
            self.held.append(connection)
        self.requests.add(connection.recv(1000))
        if how == "hangs":
            return
        status = "500 No" if how == "error" else "204 No Content"
        connection.sendall(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode())
        connection.close()

    def stop(self):
        self.sock.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        for sock in self.sock, *self.held:
            sock.close()


@pytest.mark.parametrize("family,ways", [(4, ("error", "hangs", "plain", "silent")),
                                         (6, ("hangs",))])
def test_https(net, lb, tmp_path, family, ways):
    """One certificate has expired, both are their own issuers': the check asks whether a server works."""
    service = lb.add("direct", family)
    servers = [Tls(host, family, tmp_path, days) for host, days in zip(net.rs, (-1, 2))]
    check = (f"check {service} https port {TLS_PORT} path /alive host {NAME} expect 200-299 "
             "interval 500ms timeout 450ms rise 1 fall 1")
    one, other = (backend_address(family, "direct", number) for number in SERVERS)
    with Monitor(lb, tmp_path / "checks", [check]):
        for backend in one, other:
            await_state(lb, service, backend, "down")
        servers[1].how = "good"
        for how in ways:
            servers[0].how = "good"
            for backend in one, other:
                await_state(lb, service, backend, "active")
            servers[0].how = how
            await_state(lb, service, one, "down")
    for server in servers:
        server.stop()
        assert server.names == {NAME}
    asked, = servers[1].requests - {b""}
    assert asked.startswith(b"GET /alive HTTP/1.1\r\nHost: %s:%d\r\n" % (NAME.encode(), TLS_PORT))


def test_script(net, lb, tmp_path):
    """Status 0 is good; one that hangs is ended with all that it has begun."""
    service = lb.add("direct", 4)
    backend, flag = backend_address(4, "direct", 1), tmp_path / "bad"
    script = tmp_path / "script"
    script.write_text(f"#!/bin/sh\necho \"$*\" >>{tmp_path}/args\n"
                      f"[ ! -e {flag} ] || [ $1 != {backend} ] || sleep 1000\n", encoding="ascii")
    script.chmod(0o755)
    # a shell takes its time in a guest
    check = f"check {service} script script {script} interval 1s timeout 900ms rise 1 fall 1"
    with Monitor(lb, tmp_path / "checks", [check]):
        flag.touch()
        await_state(lb, service, backend, "down")
        assert lb.states(service)[backend_address(4, "direct", 2)][1] == "active"
        flag.unlink()
        await_state(lb, service, backend, "active")
    args = set((tmp_path / "args").read_text(encoding="ascii").splitlines())
    assert args == {f"{backend_address(4, 'direct', server)} 80" for server in SERVERS}


def test_without_its_check_a_backend_is_active(net, lb, tmp_path):
    service = lb.add("direct", 4)
    backend = backend_address(4, "direct", 1)
    with Monitor(lb, tmp_path / "checks", [f"check {service} tcp port 9 {FAST}"]):
        await_state(lb, service, backend, "down")
    with Monitor(lb, tmp_path / "checks", ["# nothing"]):
        await_state(lb, service, backend, "active")


@pytest.mark.parametrize("line,cause", [
    ("check tcp:10.9.9.1:80 icmp", "line 1: icmp: not one of tcp|http|https|udp|script"),
    ("check any:10.9.9.1 tcp", "line 1: any:10.9.9.1: a VIP of several ports: say port N"),
])
def test_bad_checks_start_nothing(lb, tmp_path, line, cause):
    path = tmp_path / "checks"
    path.write_text(line + "\n", encoding="ascii")
    done = lb("monitor", "-f", path, ok=None)
    assert (done.returncode, done.stdout, done.stderr) == (
        1, "", f"xdp_lb: {path}: monitor: there is a monitor already\n")
    done = lb("monitor", "-b", "-f", path, ok=None)
    assert (done.returncode, done.stdout, done.stderr) == (
        1, "", f"xdp_lb: {path}: monitor: {cause}\n")
    lb("monitor", "--background")


def holder(net):
    """The process that listens on the monitor's socket, as ss tells."""
    for line in net.lb.run("ss", "-xlpH").splitlines():
        if "@ecbpf:xdp_lb:monitor" in line:
            return int(line.split("pid=")[1].split(",")[0])
    return None


def test_a_dead_monitor_stops_nothing(net, lb):
    lb.add("direct", 4, "udp")
    pid = holder(net)
    with Connection(net, 4, "udp", "direct") as connection:
        server = connection.exchange(b"before")
        os.kill(pid, signal.SIGKILL)
        await_true(lambda: holder(net) is None, lambda: holder(net))
        assert connection.exchange(b"after") == server
    lb("monitor", "--background")
    assert holder(net) not in (None, pid)


def test_detach_ends_the_monitor(net):
    lb = Balancer(net)
    assert holder(net) is not None
    lb("detach")
    assert holder(net) is None
    done = lb("monitor", ok=None)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("xdp_lb: balancer: monitor: "), done.stderr
