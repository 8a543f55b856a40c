// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* The balancer: packets of QUIC go by the server id in their connection id, as docs/xdp_lb.md says. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/bpf.h>
#include <netinet/in.h>

#include <cmocka.h>

#include "tests/bpf/lb_scene.h"

#define ID_OCTETS 2
#define ROTATION  3 /* first octets of connection ids: 0x60 .. 0x7f */

static void cid_is(struct lb_suite *s, uint32_t vip, const uint8_t *cid, uint32_t octets,
		   uint32_t backend)
{
	struct lb_cid_key key = { .vip = vip };

	memcpy(key.cid, cid, octets);
	lb_suite_cid(s, &key, backend);
}

/* The VIPs look at connection ids; ids 00 0a and 00 0b are their backends'; the table says the first one. */
static int setup(void **state)
{
	struct lb_suite *s = *state;
	struct lb_vip_entry entry = scene_entry(0);
	uint8_t cid[] = { ROTATION << 5, 0, 10 };
	size_t i;

	scene_setup(state);
	entry.cid_octets = 1 + ID_OCTETS;
	for (i = 0; s && i < 2; i++) {
		const int family = scene_families[i];

		scene_vip(s, family, &entry, BACKEND(family));
		cid[2] = 10;
		cid_is(s, VIP(family), cid, sizeof(cid), BACKEND(family));
		cid[2] = 11;
		cid_is(s, VIP(family), cid, sizeof(cid), BACKEND(family) + 1);
	}
	return 0;
}

static struct lb_frame datagram(int family, const uint8_t *head, size_t bytes)
{
	struct lb_frame f = scene_client(family, IPPROTO_UDP);

	memcpy(f.head, head, bytes);
	f.head_bytes = bytes;
	f.payload = 40;
	return f;
}

/* short_header - of a connection id that begins with these octets */
static struct lb_frame short_header(int family, uint8_t first, uint8_t server)
{
	return datagram(family, (uint8_t[]){ 0x43, first, 0, server }, 4);
}

static struct lb_frame long_header(int family, uint8_t length, uint8_t first, uint8_t server)
{
	return datagram(family, (uint8_t[]){ 0xc3, 0, 0, 0, 1, length, first, 0, server }, 9);
}

static void whatever_the_addresses_are(void **state)
{
	struct lb_suite *s = scene_get(state);
	size_t i;

	for (i = 0; i < 4; i++) {
		const int family = scene_families[i / 2];
		struct lb_frame f = i % 2 ? long_header(family, 8, 0x7f, 11) :
					    short_header(family, 0x60, 11);

		scene_expect_at(s, &f, ECBPF_CODE_LB_QUIC, BACKEND(family) + 1);
		f.sport++;
		scene_expect_at(s, &f, ECBPF_CODE_LB_QUIC, BACKEND(family) + 1);
		f.saddr[3]++;
		scene_expect_at(s, &f, ECBPF_CODE_LB_QUIC, BACKEND(family) + 1);
		assert_int_equal(s->counts[BACKEND(family) + 1].packets, 3 + i % 2 * 3);
		assert_int_equal(s->counts[BACKEND(family) + 1].conns, 0);
	}
	assert_int_equal(s->vip_counts[1].quic, 6);
	assert_int_equal(s->vip_counts[2].quic, 6);
	assert_int_equal(s->conn4[0].way[0].conn.mark | s->conn6[0].way[0].conn.mark, 0);
}

/* Of a connection that the table has: packets with its backend's id keep it, others do not touch it. */
static void before_the_table(void **state)
{
	struct lb_suite *s = scene_get(state);
	struct lb_frame initial = long_header(4, 8, 0x01, 99), own = short_header(4, 0x61, 10),
			other = short_header(4, 0x61, 11);

	scene_expect_at(s, &initial, ECBPF_CODE_LB_NEW, 10);
	scene_expect_at(s, &initial, ECBPF_CODE_LB_FORWARD, 10);
	scene_expect_at(s, &other, ECBPF_CODE_LB_QUIC, 11);
	lb_suite_time(s, 50 * SUITE_HZ);
	scene_expect_at(s, &own, ECBPF_CODE_LB_QUIC, 10);
	lb_suite_time(s, 50 * SUITE_HZ);
	scene_expect_at(s, &other, ECBPF_CODE_LB_QUIC, 11);
	scene_expect_at(s, &initial, ECBPF_CODE_LB_FORWARD, 10);
	lb_suite_time(s, 61 * SUITE_HZ);
	scene_expect_at(s, &initial, ECBPF_CODE_LB_NEW, 10);
	assert_int_equal(s->vip_counts[1].quic, 3);
}

static void ids_that_name_nobody(void **state)
{
	static const struct {
		const char *what;
		uint8_t head[9];
		size_t bytes;
		uint16_t payload;
	} row[] = {
		{ "another rotation", { 0x43, 0x40, 0, 11 }, 4, 40 },
		{ "unroutable", { 0x43, 0xe0, 0, 11 }, 4, 40 },
		{ "unknown", { 0x43, 0x60, 1, 11 }, 4, 40 },
		{ "short header, too short", { 0x43, 0x60, 0, 11 }, 4, 16 },
		{ "long header, too short", { 0xc3, 0, 0, 0, 1, 8, 0x60, 0, 11 }, 9, 21 },
		{ "ends in the long header", { 0xc3, 0, 0, 0 }, 4, 4 },
		{ "id too short", { 0xc3, 0, 0, 0, 1, 2, 0x60, 0, 11 }, 9, 40 },
		{ "no id", { 0xc3, 0, 0, 0, 1, 0, 0x60, 0, 11 }, 9, 40 },
		{ "nothing", { 0 }, 0, 0 },
	};
	struct lb_suite *s = scene_get(state);
	size_t i;

	for (i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct lb_frame f = datagram(4 + i % 2 * 2, row[i].head, row[i].bytes);
		const uint8_t first = BACKEND(f.family);

		print_message("# %s\n", row[i].what);
		f.payload = row[i].payload;
		f.sport += i;
		scene_expect_at(s, &f, ECBPF_CODE_LB_NEW, first);
		scene_expect_at(s, &f, ECBPF_CODE_LB_FORWARD, first);
	}
	assert_int_equal(s->vip_counts[1].quic + s->vip_counts[2].quic, 0);
}

/* The shortest of each that still has one, and what UDP says of its length. */
static void just_long_enough(void **state)
{
	struct lb_suite *s = scene_get(state);
	struct lb_frame f = short_header(4, 0x60, 11);
	uint8_t frame[FRAMES_MAX];
	size_t len;

	f.payload = 17;
	scene_expect_at(s, &f, ECBPF_CODE_LB_QUIC, 11);
	len = lb_frame_make(&f, frame);
	frames_put16(frame + 14 + 20 + 4, 8 + 16); /* less than is there */
	assert_int_equal(lb_suite_run(s, frame, len).code, ECBPF_CODE_LB_NEW);
	frames_put16(frame + 14 + 20 + 4, 8 + 100); /* more */
	f.sport++;
	assert_int_equal(lb_suite_run(s, frame, len).code, ECBPF_CODE_LB_QUIC);
	f = long_header(4, 3, 0x60, 11);
	f.payload = 22;
	scene_expect_at(s, &f, ECBPF_CODE_LB_QUIC, 11);
}

/* Server ids of all lengths, of which each octet counts. */
static void lengths(void **state)
{
	struct lb_suite *s = scene_get(state);
	struct lb_vip_entry entry = scene_entry(LB_VIP_NO_TABLE);
	uint8_t cid[16], head[17] = { 0x40 };
	uint32_t octets, i;

	for (octets = 2; octets <= 16; octets++) {
		entry.cid_octets = octets;
		scene_vip(s, 4, &entry, 10);
		memset(cid, 0x5a, sizeof(cid));
		cid[0] = ROTATION << 5;
		cid_is(s, 1, cid, octets, 11);
		for (i = 0; i <= octets; i++) {
			struct lb_frame f;

			memcpy(head + 1, cid, 16);
			head[1] |= 0x15;
			head[1 + i % 16] ^= i < octets ? 0x80 : i < 16 ? 0xff : 0;
			f = datagram(4, head, sizeof(head));
			if (i < octets)
				scene_expect_at(s, &f, ECBPF_CODE_LB_HASHED, 10);
			else
				scene_expect_at(s, &f, ECBPF_CODE_LB_QUIC, 11);
		}
		cid_is(s, 1, cid, octets, LB_NUMBER_NONE);
	}
}

static void its_backend_is_not_there(void **state)
{
	struct lb_suite *s = scene_get(state);
	struct lb_frame f = short_header(6, 0x60, 11);

	scene_backend(s, 6, 21, LB_BACKEND_NO_ROUTE, 1500);
	scene_expect(s, &f, XDP_DROP, ECBPF_CODE_LB_NO_ROUTE);
	scene_backend(s, 6, 21, LB_BACKEND_NONE, 1500);
	scene_expect_at(s, &f, ECBPF_CODE_LB_NEW, 20);
	scene_backend(s, 6, 21, LB_BACKEND_UP, 1500);
	scene_expect_at(s, &f, ECBPF_CODE_LB_QUIC, 21);
	cid_is(s, 2, (uint8_t[]){ 0x60, 0, 11 }, 3, LB_NUMBER_NONE); /* it is down */
	scene_expect_at(s, &f, ECBPF_CODE_LB_FORWARD, 20);
}

/* Connections that the VIP had before stay where they are. */
static void a_vip_begins_to_look(void **state)
{
	struct lb_suite *s = scene_get(state);
	struct lb_vip_entry entry = scene_entry(0);
	struct lb_frame f = short_header(4, 0x60, 11);

	scene_vip(s, 4, &entry, 10);
	scene_expect_at(s, &f, ECBPF_CODE_LB_NEW, 10);
	entry.cid_octets = 1 + ID_OCTETS;
	scene_vip(s, 4, &entry, 10);
	scene_expect_at(s, &f, ECBPF_CODE_LB_FORWARD, 10);
	f.sport++;
	scene_expect_at(s, &f, ECBPF_CODE_LB_QUIC, 11);
	f = long_header(4, 8, 0xe0, 0);
	f.sport += 2;
	scene_expect_at(s, &f, ECBPF_CODE_LB_NEW, 10);
	entry.cid_octets = 0;
	scene_vip(s, 4, &entry, 10);
	f = short_header(4, 0x60, 11);
	f.sport += 2;
	scene_expect_at(s, &f, ECBPF_CODE_LB_FORWARD, 10);
}

static void fragments_and_errors(void **state)
{
	struct lb_suite *s = scene_get(state);
	struct lb_frame f = short_header(4, 0x60, 11), quote, error;

	scene_key(s, 4, IPPROTO_UDP, 0, VIP(4));
	f.fragment = f.more = true;
	f.id = 7;
	f.df = false;
	scene_expect_at(s, &f, ECBPF_CODE_LB_QUIC, 11);
	f.offset = 5;
	f.more = false;
	scene_expect_at(s, &f, ECBPF_CODE_LB_FORWARD, 11);
	f.id = 8;
	scene_expect(s, &f, XDP_DROP, ECBPF_CODE_LB_FRAGMENT);
	/* what it quotes has the client's connection id */
	f = short_header(4, 0x60, 11);
	quote = lb_frame_turn(&f);
	error = (struct lb_frame){ .family = 4,
				   .proto = IPPROTO_ICMP,
				   .type = 3,
				   .code = 4,
				   .ttl = 64,
				   .saddr = { 198, 51, 100, 250 },
				   .quote = &quote,
				   .quote_bytes = 100 };
	memcpy(error.daddr, f.daddr, 4);
	scene_expect_at(s, &error, ECBPF_CODE_LB_ICMP, 10);
}

#define TEST(function) cmocka_unit_test_setup(function, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(whatever_the_addresses_are),
		TEST(before_the_table),
		TEST(ids_that_name_nobody),
		TEST(just_long_enough),
		TEST(lengths),
		TEST(its_backend_is_not_there),
		TEST(a_vip_begins_to_look),
		TEST(fragments_and_errors),
	};

	return cmocka_run_group_tests(tests, scene_begin, scene_end);
}
