// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* The way down from an interface to the wire. */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "libecbpf/ecbpf.h"
#include "libecbpf/netlink/links.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* 1: wire; 2: bond of 3 and 4; 5: VLAN 10 on 2; 6: VLAN 20 on 5; 7: VLAN 30 on 6; 8: bridge;
 * 9: tunnel; 10: VLAN 40 of another namespace's; 11: bond without members;
 * 12: team of 13; 14: VLAN 50 on itself */
static struct ecbpf_link links[] = {
	{ .ifindex = 1, .ethernet = true, .up = true, .mtu = 1500, .mac = { 2, 1 } },
	{ .ifindex = 2,
	  .ethernet = true,
	  .up = true,
	  .mtu = 9000,
	  .kind = ECBPF_LINK_BOND,
	  .mac = { 2, 2 } },
	{ .ifindex = 3, .ethernet = true, .master = 2, .mac = { 2, 3 } },
	{ .ifindex = 4, .ethernet = true, .master = 2, .up = true, .mac = { 2, 4 } },
	{ .ifindex = 5,
	  .ethernet = true,
	  .up = true,
	  .kind = ECBPF_LINK_VLAN,
	  .lower = 2,
	  .vlan = 10,
	  .tpid = 0xa888,
	  .mtu = 8996,
	  .mac = { 2, 5 } },
	{ .ifindex = 6,
	  .ethernet = true,
	  .up = true,
	  .kind = ECBPF_LINK_VLAN,
	  .lower = 5,
	  .vlan = 20,
	  .tpid = 0x0081,
	  .mtu = 8992,
	  .mac = { 2, 6 } },
	{ .ifindex = 7,
	  .ethernet = true,
	  .up = true,
	  .kind = ECBPF_LINK_VLAN,
	  .lower = 6,
	  .vlan = 30,
	  .tpid = 0x0081,
	  .mac = { 2, 7 } },
	{ .ifindex = 8, .ethernet = true, .up = true, .kind = ECBPF_LINK_BRIDGE },
	{ .ifindex = 9, .up = true },
	{ .ifindex = 10,
	  .ethernet = true,
	  .up = true,
	  .kind = ECBPF_LINK_VLAN,
	  .vlan = 40,
	  .name = "vlan40" },
	{ .ifindex = 11, .ethernet = true, .up = true, .kind = ECBPF_LINK_BOND, .name = "bond1" },
	{ .ifindex = 12, .ethernet = true, .up = true, .kind = ECBPF_LINK_TEAM },
	{ .ifindex = 13, .ethernet = true, .master = 12 },
	{ .ifindex = 14, .kind = ECBPF_LINK_VLAN, .lower = 14, .name = "vlan50" },
};
static const struct ecbpf_links all = { links, COUNT(links) };

static void frames_leave_at_the_bottom(void **state)
{
	struct ecbpf_out out;

	(void)state;
	assert_null(ecbpf_links_out(&all, 1, &out));
	assert_int_equal(out.ifindex, 1);
	assert_int_equal(out.tags, 0);
	assert_int_equal(out.mtu, 1500);
	assert_null(ecbpf_links_out(&all, 2, &out));
	assert_int_equal(out.ifindex, 4);
	assert_int_equal(out.mac[1], 2);
	assert_null(ecbpf_links_out(&all, 6, &out));
	assert_int_equal(out.ifindex, 4);
	assert_int_equal(out.mtu, 8992);
	assert_int_equal(out.mac[1], 6);
	assert_int_equal(out.tags, 2);
	assert_int_equal(ntohs(out.tag[0].tpid), 0x88a8);
	assert_int_equal(ntohs(out.tag[0].tci), 10);
	assert_int_equal(ntohs(out.tag[1].tpid), 0x8100);
	assert_int_equal(ntohs(out.tag[1].tci), 20);
	assert_null(ecbpf_links_out(&all, 12, &out));
	assert_int_equal(out.ifindex, 12);
}

static void a_bond_says_which_member(void **state)
{
	struct ecbpf_out out;

	(void)state;
	links[2].up = true;
	assert_null(ecbpf_links_out(&all, 2, &out));
	assert_int_equal(out.ifindex, 3);
	links[1].member = 4;
	assert_null(ecbpf_links_out(&all, 2, &out));
	assert_int_equal(out.ifindex, 4);
	links[3].up = false;
	assert_null(ecbpf_links_out(&all, 2, &out));
	assert_int_equal(out.ifindex, 3);
	links[1].member = 0;
	links[2].up = false;
	assert_string_equal(ecbpf_links_out(&all, 2, &out),
			    "nothing that has a carrier is below the interface");
	links[3].up = true;
}

static void nothing_leaves_elsewhere(void **state)
{
	static const struct {
		uint32_t ifindex;
		const char *cause;
	} causes[] = {
		{ 3, "the interface is down" },
		{ 7, "more than two VLAN tags" },
		{ 8, "the interface is a bridge" },
		{ 9, "the interface has no Ethernet frames" },
		{ 10, "nothing that has a carrier is below the interface" },
		{ 11, "nothing that has a carrier is below the interface" },
		{ 99, "the interface has no Ethernet frames" },
	};
	struct ecbpf_out out;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(causes); i++)
		assert_string_equal(ecbpf_links_out(&all, causes[i].ifindex, &out),
				    causes[i].cause);
}

/* port_note - as text: what each is and the tags of frames there, the outermost first */
static int port_note(const struct ecbpf_link *port, const struct ecbpf_out *out, void *arg)
{
	char *text = arg, *end = text + strlen(text);
	unsigned int i;

	assert_int_equal(port->ifindex, out->ifindex);
	end += sprintf(end, "%u", port->ifindex);
	for (i = 0; i < out->tags && i < ECBPF_TAGS_MAX; i++)
		end += sprintf(end, ".%u", ntohs(out->tag[i].tci));
	sprintf(end, out->tags > ECBPF_TAGS_MAX ? "+ " : " ");
	return 0;
}

static void all_ports_are_found(void **state)
{
	static const struct {
		uint32_t ifindex;
		const char *ports;
	} cases[] = {
		{ 1, "1 " },
		{ 2, "3 4 " },
		{ 5, "3.10 4.10 " },
		{ 6, "3.10.20 4.10.20 " },
		{ 7, "3.10.20+ 4.10.20+ " },
		{ 8, "8 " },
		{ 9, "9 " },
		{ 12, "13 " },
	};
	char text[128];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		*text = '\0';
		assert_int_equal(ecbpf_links_ports(&all, cases[i].ifindex, port_note, text), 0);
		assert_string_equal(text, cases[i].ports);
	}
}

static int second_fail(const struct ecbpf_link *port, const struct ecbpf_out *out, void *arg)
{
	int *calls = arg;

	(void)port;
	(void)out;
	return ++*calls == 2 ? -E2BIG : 0;
}

static void some_have_no_ports(void **state)
{
	static const struct {
		uint32_t ifindex;
		int err;
		const char *message;
	} cases[] = {
		{ 10, -ENODEV, "vlan40: the device below it is in another network namespace" },
		{ 11, -ENODEV, "bond1 has no members" },
		{ 14, -ELOOP, "vlan50: devices in a circle" },
		{ 99, -ENODEV, "no such interface" },
	};
	char text[128] = "";
	int calls = 0;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		assert_int_equal(ecbpf_links_ports(&all, cases[i].ifindex, port_note, text),
				 cases[i].err);
		assert_string_equal(ecbpf_error(), cases[i].message);
	}
	assert_string_equal(text, "");
	assert_int_equal(ecbpf_links_ports(&all, 2, second_fail, &calls), -E2BIG);
	assert_int_equal(calls, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_leave_at_the_bottom),
		cmocka_unit_test(a_bond_says_which_member),
		cmocka_unit_test(nothing_leaves_elsewhere),
		cmocka_unit_test(all_ports_are_found),
		cmocka_unit_test(some_have_no_ports),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
