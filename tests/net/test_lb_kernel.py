# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""
The balancer with devices and services that only some kernels have: tunnels that end in the
backends' own IPIP, SIT and FOU devices, ways through VLAN devices and bonds, and an import of what
IPVS has.
The hosts are those of the bypass's tests (bypass.py); lb is in the second segment by a bond.
"""
import contextlib
import hashlib
import subprocess

import pytest

from bypass import (ECHO, FAMILIES, HTTP, Connection, Net, address, both, ipvs_lines, joined,
                    needs_ipvs, pattern, vip)
from frames import Capture, binary
from lb import (Command, await_true, backend_address, cleared, request, service_of, since,
                until_done)

pytestmark = needs_ipvs

BYTES = 50000
TUNNELS = [(mode, inner, outer) for mode in ("ipip", "gue") for inner in FAMILIES
           for outer in FAMILIES]


class KernelNet(Net):
    """With devices for each version of IP in the other, and bond0 of eth1 and eth2 on lb."""

    def links(self):
        super().links()
        subprocess.run(["modprobe", "-aq", "sit", "bonding"], check=False)
        self.rt.ip(["link add lb2 type veth peer name eth2 netns lb", "link set lb2 master br1",
                    "link set lb2 up"])
        self.rt.shell("ethtool -K lb2 gro on")  # takes XDP frames

    def addresses(self):
        super().addresses()
        self.lb.ip(["link add bond0 type bond mode active-backup fail_over_mac active",
                    "addr flush dev eth1", "link set eth1 down",
                    "link set eth1 master bond0", "link set eth2 master bond0",
                    "link set bond0 up"] + both("bond0", 3, 10))
        for number, host in enumerate(self.rs, 11):
            local = address(6, 2, number)
            host.ip([f"link add in6 type ip6tnl mode any local {local} remote ::",
                     "link set in6 up", "link set sit0 up"])
        self.tool("xdp_root", "lb", "attach", "eth2")
        self.roots += [("lb", "eth2")]


@pytest.fixture(scope="module", name="net")
def net_fixture(bpffs):
    yield from until_done(KernelNet(), bpffs)


@pytest.fixture(scope="module", name="attached")
def attached_fixture(net):
    it = Command(net, "lb", "--conns", "4096", "--conns6", "4096", "eth0", "eth1", "eth2")
    yield it
    it("detach")


lb_fixture = pytest.fixture(cleared, name="lb")


def add(lb, service, mode, backends):
    lb("vip", "add", service, "--mode", mode)
    lb("backend", "add", service, *backends)
    lb.await_ways()


def transfers(net, family, kind):
    """Until both servers have got a file; each time, one comes back as well."""
    data, servers = pattern(BYTES), set()
    for _ in range(32):
        server, answer = request(net, family, kind, "PUT", "/", data)
        assert answer.decode() == hashlib.sha256(data).hexdigest()
        assert request(net, family, kind, "GET", f"/{BYTES}")[1] == data
        servers.add(server)
        if servers == {"rs1", "rs2"}:
            return
    raise AssertionError(servers)


@pytest.mark.parametrize("mode,inner,outer", TUNNELS)
def test_tunnel_devices(net, lb, mode, inner, outer):
    # what the client was told of the path in another mode
    net.cl.shell("ip route flush cache\nip -6 route flush cache")
    before = lb.reasons()
    add(lb, service_of(inner, mode, HTTP), mode,
        [backend_address(outer, mode, server) for server in (1, 2)])
    transfers(net, inner, mode)
    reasons = since(lb.reasons(), before)
    assert reasons["lb-new"] >= 4 and reasons["lb-ptb"] > 0
    assert not {name for name in reasons if name.startswith("lb-")} - {
        "lb-new", "lb-forward", "lb-hashed", "lb-ptb"}


# --- VLAN devices and bonds

def is_for(family, kind):
    """Frames to a VIP."""
    return lambda frame: binary(vip(family, kind)) in frame[14:70]


@pytest.mark.parametrize("family", FAMILIES)
def test_vlan_devices(net, lb, family):
    """In with one tag, out with another."""
    add(lb, service_of(family, "vlan", HTTP), "direct",
        [backend_address(family, "vlan", server) for server in (1, 2)])
    with Capture(net.lb, "eth0", is_for(family, "vlan")) as came, \
            Capture(net.rs[0], "eth0", is_for(family, "vlan")) as went:
        transfers(net, family, "vlan")
        tags = {frame.bytes[12:16].hex() for frame in went.read()}
        came.read()
    assert tags == {"810000c8"}
    assert {tuple(conn["vlans"]) for conn in lb.json("conns")["conns"]} == {(100,)}


@pytest.mark.parametrize("family", FAMILIES)
def test_bond(net, lb, family):
    """Packets leave by the member that the bond uses, and by the other one when it uses that."""
    service = f"udp:{joined(vip(family, 'redirect'), ECHO)}"
    add(lb, service, "direct", [backend_address(family, "redirect", server) for server in (1, 2)])
    with Connection(net, family, "udp", "redirect", timeout=1) as connection, \
            Capture(net.rt, "lb1", is_for(family, "redirect")) as first, \
            Capture(net.rt, "lb2", is_for(family, "redirect")) as second:
        for dev, port, other in ("eth1", first, second), ("eth2", second, first):
            net.lb.ip([f"link set bond0 type bond active_slave {dev}"])
            await_true(lambda: leaves_by(connection, port), lambda: dev, seconds=30)
            other.clear()
            for _ in range(5):
                connection.exchange(b"by the bond")
            assert other.read() == []


# --- the same by NAT, whose replies the kernel's routes send

@contextlib.contextmanager
def routes(*added):
    """(host, version of IP, destination, router), until the end."""
    with contextlib.ExitStack() as stack:
        for host, family, to, router in added:
            host.run("ip", f"-{family}", "route", "add", to, "via", router)
            stack.callback(host.run, "ip", f"-{family}", "route", "del", to)
        yield


def answers_of(family, kind):
    """Frames from a VIP; there may be a tag."""
    return lambda frame: binary(vip(family, kind)) in frame[26:42 if family == 6 else 34]


@pytest.mark.parametrize("mode", ["nat", "full-nat"])
@pytest.mark.parametrize("family", FAMILIES)
def test_nat_through_vlan_devices(net, lb, family, mode):
    """In with one tag, out with another; answers the other way round, as a route over a VLAN device says."""
    add(lb, service_of(family, "vlan", HTTP), mode,
        [backend_address(family, "vlan", server) for server in (1, 2)])
    clients = "10.1.0.0/24" if family == 4 else "fd01::/64"
    with routes((net.lb, family, clients, address(family, 4, 1)),
                *((host, family, clients, address(family, 5, 10)) for host in net.rs)), \
            Capture(net.rt, "lb0", answers_of(family, "vlan")) as answers:
        transfers(net, family, "vlan")
        tags = {frame.bytes[12:16].hex() for frame in answers.read()}
    assert tags == {"81000064"}
    counted, = lb.json("stats")["vips"]
    assert counted["replies"] > 50, counted


@pytest.mark.parametrize("family", FAMILIES)
def test_nat_through_a_bond(net, lb, family):
    """Out by the bond's member, answers in by it."""
    add(lb, service_of(family, "redirect", HTTP), "full-nat",
        [backend_address(family, "redirect", server) for server in (1, 2)])
    transfers(net, family, "redirect")
    counted, = lb.json("stats")["vips"]
    assert counted["replies"] > 50, counted


def leaves_by(connection, port):
    port.clear()
    try:
        connection.exchange(b"by which")
    except TimeoutError:
        return False
    return bool(port.read())


# --- IPVS

def test_import_of_what_ipvs_has(net, lb, tmp_path):
    """What ipvsadm prints of a kernel that balances is applied here, and balances without IPVS."""
    cases = [(family, kind) for kind in ("direct", "ipip", "gue") for family in FAMILIES]
    lines = [line for family, kind in cases for line in ipvs_lines(kind, family, scheduler="mh")]
    run = ["nsenter", "--net=/run/netns/lb", "ipvsadm"]
    subprocess.run([*run, "-R"], check=True, text=True, input="\n".join(lines) + "\n")
    saved = tmp_path / "ipvs"
    try:
        saved.write_text(net.lb.run("ipvsadm", "--save", "-n"), encoding="ascii")
    finally:
        net.lb.run("ipvsadm", "-C")
    lb("import", saved, "--apply")
    lb.await_ways()
    config = {entry["service"]: entry["mode"] for entry in lb.json("vip", "list")}
    assert config == {service: kind for family, kind in cases for service in (
        service_of(family, kind, HTTP), f"udp:{joined(vip(family, kind), ECHO)}")}
    for family, kind in cases:
        net.cl.shell("ip route flush cache\nip -6 route flush cache")
        assert request(net, family, kind, "GET", f"/{BYTES}")[1] == pattern(BYTES)
        with Connection(net, family, "udp", kind) as connection:
            connection.exchange(b"imported")
