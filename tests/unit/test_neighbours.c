// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* What becomes of the table of neighbours with each message. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#include "libecbpf/netlink/neighbours.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* said - a message; @mac: its last byte, 0: none is told */
static const struct nlmsghdr *said(uint16_t type, const char *address, uint32_t ifindex,
				   uint16_t nud, uint8_t mac)
{
	static char buffer[256];
	const bool v6 = strchr(address, ':');
	const uint8_t lladdr[ECBPF_MAC] = { 2, 0, 0, 0, 0, mac };
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buffer);
	struct ndmsg *nd;
	uint8_t addr[16];

	nlh->nlmsg_type = type;
	nd = mnl_nlmsg_put_extra_header(nlh, sizeof(*nd));
	nd->ndm_family = v6 ? AF_INET6 : AF_INET;
	nd->ndm_ifindex = ifindex;
	nd->ndm_state = nud;
	inet_pton(nd->ndm_family, address, addr);
	mnl_attr_put(nlh, NDA_DST, v6 ? 16 : 4, addr);
	if (mac)
		mnl_attr_put(nlh, NDA_LLADDR, sizeof(lladdr), lladdr);
	return nlh;
}

static const struct ecbpf_neighbour *find(const struct ecbpf_neighbours *neighbours,
					  const char *address, uint32_t ifindex, bool known)
{
	const uint8_t family = strchr(address, ':') ? AF_INET6 : AF_INET;
	uint8_t addr[16];

	inet_pton(family, address, addr);
	return known ? ecbpf_neighbours_known(neighbours, ifindex, family, addr) :
		       ecbpf_neighbours_find(neighbours, ifindex, family, addr);
}

/* One neighbour's life: what the message says, and which MAC address became wrong by it. */
static void addresses_become_wrong(void **state)
{
	static const struct {
		const char *what;
		uint16_t type, nud;
		uint8_t mac, wrong;
		bool entry, known;
	} rows[] = {
		{ "asked for", RTM_NEWNEIGH, NUD_INCOMPLETE, 0, 0, true, false },
		{ "answers", RTM_NEWNEIGH, NUD_REACHABLE, 1, 0, true, true },
		{ "is not used", RTM_NEWNEIGH, NUD_STALE, 1, 0, true, true },
		{ "moves", RTM_NEWNEIGH, NUD_REACHABLE, 2, 1, true, true },
		{ "fails", RTM_NEWNEIGH, NUD_FAILED, 0, 2, true, false },
		{ "fails still", RTM_NEWNEIGH, NUD_FAILED, 0, 0, true, false },
		{ "comes back", RTM_NEWNEIGH, NUD_REACHABLE, 2, 0, true, true },
		{ "is said to need none", RTM_NEWNEIGH, NUD_NOARP, 2, 2, true, false },
		{ "is entered by hand", RTM_NEWNEIGH, NUD_PERMANENT, 3, 0, true, true },
		{ "is deleted", RTM_DELNEIGH, NUD_PERMANENT, 3, 3, false, false },
		{ "is deleted again", RTM_DELNEIGH, NUD_PERMANENT, 3, 0, false, false },
	};
	struct ecbpf_neighbours neighbours = {};
	const struct ecbpf_neighbour *it;
	uint8_t old[ECBPF_MAC];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		const struct nlmsghdr *nlh =
			said(rows[i].type, "192.0.2.1", 7, rows[i].nud, rows[i].mac);

		print_message("%s\n", rows[i].what);
		assert_int_equal(ecbpf_neighbours_take(&neighbours, nlh, old), rows[i].wrong != 0);
		if (rows[i].wrong)
			assert_int_equal(old[5], rows[i].wrong);
		it = find(&neighbours, "192.0.2.1", 7, false);
		assert_int_equal(it != NULL, rows[i].entry);
		if (it)
			assert_int_equal(it->known, rows[i].known);
		assert_int_equal(neighbours.count, rows[i].entry);
	}
	ecbpf_neighbours_free(&neighbours);
}

static void each_is_found(void **state)
{
	static const struct {
		const char *address;
		uint32_t ifindex;
		uint16_t nud;
		uint8_t mac;
	} rows[] = {
		{ "192.0.2.9", 7, NUD_REACHABLE, 1 }, { "192.0.2.1", 8, NUD_FAILED, 0 },
		{ "2001:db8::1", 7, NUD_STALE, 2 },   { "192.0.2.1", 9, NUD_DELAY, 3 },
		{ "192.0.2.5", 7, NUD_PROBE, 4 },     { "192.0.2.1", 7, NUD_STALE, 5 },
		{ "2001:db8::1", 3, NUD_FAILED, 0 },
	};
	struct ecbpf_neighbours neighbours = {};
	const struct ecbpf_neighbour *it;
	uint8_t old[ECBPF_MAC];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++)
		assert_int_equal(ecbpf_neighbours_take(&neighbours,
						       said(RTM_NEWNEIGH, rows[i].address,
							    rows[i].ifindex, rows[i].nud,
							    rows[i].mac),
						       old),
				 0);
	for (i = 0; i < COUNT(rows); i++) {
		it = find(&neighbours, rows[i].address, rows[i].ifindex, false);
		assert_non_null(it);
		assert_int_equal(it->state, rows[i].nud);
		assert_int_equal(it->mac[5], rows[i].mac);
	}
	assert_null(find(&neighbours, "192.0.2.9", 8, false));
	assert_null(find(&neighbours, "192.0.2.2", 7, true));
	assert_null(find(&neighbours, "2001:db8::2", 7, true));
	assert_int_equal(find(&neighbours, "192.0.2.9", 8, true)->mac[5], 1);
	assert_int_equal(find(&neighbours, "192.0.2.1", 9, true)->mac[5], 3);
	assert_int_equal(find(&neighbours, "192.0.2.1", 7, true)->mac[5], 5);
	assert_int_equal(find(&neighbours, "2001:db8::1", 3, true)->ifindex, 7);
	ecbpf_neighbours_free(&neighbours);
}

static void others_are_left_out(void **state)
{
	struct ecbpf_neighbours neighbours = {};
	char buffer[256];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buffer);
	struct ndmsg *nd;
	uint8_t old[ECBPF_MAC];

	(void)state;
	nlh->nlmsg_type = RTM_NEWNEIGH;
	nd = mnl_nlmsg_put_extra_header(nlh, sizeof(*nd));
	nd->ndm_family = AF_INET; /* without an address */
	assert_int_equal(ecbpf_neighbours_take(&neighbours, nlh, old), 0);
	nd->ndm_family = AF_BRIDGE;
	mnl_attr_put_u32(nlh, NDA_DST, 1);
	assert_int_equal(ecbpf_neighbours_take(&neighbours, nlh, old), 0);
	assert_int_equal(neighbours.count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_become_wrong),
		cmocka_unit_test(each_is_found),
		cmocka_unit_test(others_are_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
