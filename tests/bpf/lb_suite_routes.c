// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Interfaces, and the kernel's routes to clients: struct lb_fib. */
#include <net/if.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/bpf/lb_suite.h"

#define OUT_MAC "02:0c:00:00:00:f1"
#define VIA_MAC "02:0c:00:00:00:f2"

static void put(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void links(FILE *ip)
{
	fputs("link add in0 type veth peer name in1\n"
	      "link add out0 address " OUT_MAC " type veth peer name out1\n"
	      "link add via0 address " VIA_MAC " type veth peer name via1\n"
	      "link set in0 up\nlink set in1 up\nlink set out0 up\nlink set out1 up\n"
	      "link set via0 up\nlink set via1 up\n",
	      ip);
}

static void neighbours(FILE *ip, const char *dev, int from)
{
	int end;

	for (end = from; end < from + FIB_GROUP; end++) {
		fprintf(ip, "neigh add 198.51.100.%d lladdr 02:0c:00:00:04:%02x dev %s\n", end, end,
			dev);
		fprintf(ip, "neigh add 2001:db8:900::%x lladdr 02:0c:00:00:06:%02x dev %s\n", end,
			end, dev);
	}
}

static void routes(FILE *ip)
{
	fprintf(ip,
		"route add 198.51.100.0/26 dev out0 mtu lock %d\n"
		"route add 2001:db8:900::/122 dev out0 mtu lock %d\n"
		"route add blackhole 198.51.100.64/26\n"
		"route add blackhole 2001:db8:900::40/122\n"
		"route add 198.51.100.128/26 dev via0\n"
		"route add 2001:db8:900::80/122 dev via0\n"
		"route add 198.51.100.192/26 dev out0\n"
		"route add 2001:db8:900::c0/122 dev out0\n",
		FIB_MTU, FIB_MTU);
	neighbours(ip, "out0", 0);
	neighbours(ip, "via0", 2 * FIB_GROUP);
}

void lb_suite_routes(struct lb_suite *s)
{
	FILE *ip = popen("ip -batch -", "w");

	assert_non_null(ip);
	links(ip);
	routes(ip);
	assert_int_equal(pclose(ip), 0);
	put("/proc/sys/net/ipv4/conf/in0/forwarding", "1");
	put("/proc/sys/net/ipv6/conf/in0/forwarding", "1");
	s->in = if_nametoindex("in0");
	s->out = if_nametoindex("out0");
	s->lost = if_nametoindex("out1");
	s->via = if_nametoindex("via0");
	s->model.fib = (struct lb_fib){ .out = s->out, .via = s->via };
	memcpy(s->model.fib.out_mac, (uint8_t[]){ 2, 0xc, 0, 0, 0, 0xf1 }, 6);
	memcpy(s->model.fib.via_mac, (uint8_t[]){ 2, 0xc, 0, 0, 0, 0xf2 }, 6);
}
