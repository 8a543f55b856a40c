// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Where packets go, and why. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>

#include "libecbpf/ecbpf.h"
#include "xdp_lb/explain.h"
#include "xdp_lb/frames.h"
#include "xdp_lb/hash.h"
#include "xdp_lb/maglev.h"
#include "xdp_lb/text.h"

#define ETH4 "02000000000b02000000000a0800"
#define ETH6 "02000000000b02000000000a86dd"
/* 198.51.100.7 to 192.0.2.1, TTL 64 */
#define IP4(bytes, frag, proto)                    \
	"4500" bytes "1234" frag "40" proto "0000" \
	"c6336407"                                 \
	"c0000201"
#define PORTS "9c400050" /* 40000, 80 */
#define TCP(flags)               \
	PORTS "0000000100000002" \
	      "50" flags "ffff00000000"
#define ACK "10"
#define SYN "02"

struct fixture {
	struct lb_config config;
	struct lb_packet packet;
	const char *why;
	struct lb_explained e;
};

static int setup(void **state)
{
	*state = calloc(1, sizeof(struct fixture));
	return *state ? 0 : -1;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	lb_config_free(&f->config);
	free(f);
	return 0;
}

static struct lb_vip *add(struct fixture *f, const char *text, const char *address)
{
	struct lb_service service;
	struct lb_backend backend;
	struct lb_endpoint endpoint;
	struct lb_vip vip;
	size_t i;

	assert_int_equal(lb_service_parse(text, &service), 0);
	if (!lb_vip_find(&f->config, &service)) {
		lb_vip_init(&vip, &service);
		assert_int_equal(lb_vip_add(&f->config, &vip), 0);
	}
	if (address) {
		assert_int_equal(lb_endpoint_parse(address, &endpoint), 0);
		lb_backend_init(&backend, &endpoint);
		assert_int_equal(lb_backend_add(&f->config, &service, &backend), 0);
	}
	for (i = 0; lb_service_compare(&f->config.vip[i].service, &service);)
		i++;
	return &f->config.vip[i];
}

static int read_frame(struct fixture *f, const char *hex)
{
	struct lb_frames *frames;
	const uint8_t *data;
	size_t len;
	int err;

	assert_int_equal(lb_frames_hex(hex, &frames), 0);
	assert_int_equal(lb_frames_next(frames, &data, &len), 1);
	err = lb_packet_read(data, len, &f->packet, &f->why);
	assert_int_equal(lb_frames_next(frames, &data, &len), 0);
	lb_frames_close(frames);
	return err;
}

static void explain(struct fixture *f, const char *hex, const struct lb_known *known)
{
	assert_int_equal(read_frame(f, hex), 0);
	assert_int_equal(lb_explain(&f->config, &f->packet, known, &f->e), 0);
}

/* --- packets */

static void tcp_segment(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(read_frame(f, ETH4 IP4("0028", "0000", "06") TCP(ACK)), 0);
	assert_int_equal(f->packet.key.saddr[2], htonl(0xffff));
	assert_int_equal(f->packet.key.saddr[3], htonl(0xc6336407));
	assert_int_equal(f->packet.key.daddr[3], htonl(0xc0000201));
	assert_int_equal(ntohs(f->packet.key.sport), 40000);
	assert_int_equal(ntohs(f->packet.key.dport), 80);
	assert_int_equal(f->packet.key.rest, ECBPF_REST(IPPROTO_TCP, 0, 0));
	assert_int_equal(f->packet.ip_bytes, 40);
	assert_int_equal(f->packet.ttl, 64);
	assert_int_equal(f->packet.flags, 0x10);
}

static void tagged(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(read_frame(f, "02000000000b02000000000a"
				       "8100"
				       "2064"
				       "0800" IP4("0028", "0000", "06") TCP(ACK)),
			 0);
	assert_int_equal(f->packet.key.rest, ECBPF_REST(IPPROTO_TCP, 100, 0));
}

/* An error from a router about a packet that the VIP's server sent to the client. */
static void quoted_packet_is_turned_round(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(read_frame(f, ETH4 "45000038"
					    "00000000"
					    "4001"
					    "0000"
					    "0a000001"
					    "c0000201"
					    "0304"
					    "0000"
					    "00000578"
					    "450005dc"
					    "00004000"
					    "3f06"
					    "0000"
					    "c0000201"
					    "c6336407"
					    "0050"
					    "9c40"
					    "00000001"),
			 0);
	assert_true(f->packet.error);
	assert_int_equal(f->packet.key.saddr[3], htonl(0xc6336407));
	assert_int_equal(f->packet.key.daddr[3], htonl(0xc0000201));
	assert_int_equal(ntohs(f->packet.key.sport), 40000);
	assert_int_equal(ntohs(f->packet.key.dport), 80);
	assert_int_equal(f->packet.proto, IPPROTO_TCP);
}

static void left_alone(void **state)
{
	struct fixture *f = *state;

	assert_true(read_frame(f, "02000000000b02000000000a0806"
				  "0001") < 0);
	assert_string_equal(f->why, "not IP");
	assert_true(read_frame(f, "01005e00000102000000000a0800"
				  "45") < 0);
	assert_string_equal(f->why, "to a group of hosts");
	assert_true(read_frame(f, "02000000") < 0);
	assert_string_equal(f->why, ecbpf_code_text(ECBPF_CODE_ETH_TRUNCATED));
	assert_true(read_frame(f, ETH4 IP4("0018", "0000", "06") "9c400050") < 0);
	assert_string_equal(f->why, "the TCP or UDP header is not whole");
	assert_true(read_frame(f, ETH4 IP4("001c", "0000", "01") "0000000000000000") < 0);
	assert_string_equal(f->why, "ICMP, but no error and no echo request");
}

/* --- decisions */

static void by_the_table(void **state)
{
	struct fixture *f = *state;
	const struct lb_vip *vip;
	uint16_t *table;

	add(f, "tcp:192.0.2.1:80", "10.0.0.1");
	add(f, "tcp:192.0.2.1:80", "10.0.0.2");
	vip = add(f, "tcp:192.0.2.1:80", "10.0.0.3");
	explain(f, ETH4 IP4("0028", "0000", "06") TCP(ACK), NULL);
	table = lb_vip_table(vip);
	assert_non_null(table);
	assert_ptr_equal(f->e.vip, vip);
	assert_true(f->e.hashed);
	assert_int_equal(f->e.hash, lb_hash(&f->packet.key, LB_OF_TUPLE));
	assert_int_equal(f->e.entry, lb_hash_entry(f->e.hash, 65537));
	assert_ptr_equal(f->e.backend, &vip->backend[table[f->e.entry]]);
	assert_string_equal(f->e.why, "the table");
	assert_int_equal(f->e.code, ECBPF_CODE_LB_NEW);
	free(table);
	explain(f, ETH4 IP4("0028", "0000", "06") TCP(SYN), NULL);
	assert_int_equal(f->e.code, ECBPF_CODE_LB_HASHED);
}

static void by_source_prefix(void **state)
{
	struct fixture *f = *state;
	struct lb_vip *vip;
	struct lb_source source = { .prefix = { { 198, 51, 100 }, AF_INET, 24 } };
	struct lb_backend backend;

	add(f, "tcp:192.0.2.1:80", "10.0.0.1");
	vip = add(f, "tcp:192.0.2.1:80", "10.0.0.2");
	source.backend = vip->backend[1].endpoint;
	assert_int_equal(lb_source_add(&f->config, &vip->service, &source), 0);
	explain(f, ETH4 IP4("0028", "0000", "06") TCP(ACK), NULL);
	assert_ptr_equal(f->e.backend, &vip->backend[1]);
	assert_string_equal(f->e.why, "its source prefix");
	backend = vip->backend[1];
	backend.state = LB_DRAINING;
	assert_int_equal(lb_backend_set(&f->config, &vip->service, &backend), 0);
	explain(f, ETH4 IP4("0028", "0000", "06") TCP(ACK), NULL);
	assert_ptr_equal(f->e.backend, &vip->backend[0]);
	assert_string_equal(f->e.why,
			    "the table, as the one of its source prefix takes nothing new");
}

static void by_its_connection(void **state)
{
	struct fixture *f = *state;
	struct lb_vip *vip = add(f, "tcp:192.0.2.1:80", "10.0.0.1");
	struct lb_known known = {};

	vip = add(f, "tcp:192.0.2.1:80", "10.0.0.2");
	known = (struct lb_known){ vip, &vip->backend[1], true, false };
	explain(f, ETH4 IP4("0028", "0000", "06") TCP(ACK), &known);
	assert_ptr_equal(f->e.backend, &vip->backend[1]);
	assert_false(f->e.hashed);
	assert_int_equal(f->e.code, ECBPF_CODE_LB_FORWARD);
	explain(f, ETH4 IP4("0028", "0000", "06") TCP(SYN), &known);
	assert_true(f->e.hashed); /* the old one is closing: this is another one */
	assert_int_equal(f->e.code, ECBPF_CODE_LB_HASHED);
	known.closing = false;
	explain(f, ETH4 IP4("0028", "0000", "06") TCP(SYN), &known);
	assert_int_equal(f->e.code, ECBPF_CODE_LB_FORWARD);
}

static void nobody(void **state)
{
	struct fixture *f = *state;
	struct lb_vip *vip = add(f, "tcp:192.0.2.1:80", NULL);

	explain(f, ETH4 IP4("0028", "0000", "06") TCP(ACK), NULL);
	assert_null(f->e.backend);
	assert_int_equal(f->e.code, ECBPF_CODE_LB_NO_BACKEND);
	vip->service.first = vip->service.last = 81;
	explain(f, ETH4 IP4("0028", "0000", "06") TCP(ACK), NULL);
	assert_null(f->e.vip);
	assert_int_equal(f->e.code, 0);
	assert_string_equal(f->e.why, "no VIP");
}

static void fragments(void **state)
{
	struct fixture *f = *state;
	struct lb_vip *vip = add(f, "any:192.0.2.1", "10.0.0.1");

	/* offset 8, of UDP */
	explain(f, ETH4 IP4("001c", "0001", "11") "0000000000000000", NULL);
	assert_true(f->packet.later);
	assert_int_equal(f->e.code, ECBPF_CODE_LB_FRAGMENT);
	vip->hash = LB_HASH_SOURCE;
	explain(f, ETH4 IP4("001c", "0001", "11") "0000000000000000", NULL);
	assert_ptr_equal(f->e.backend, vip->backend);
	assert_int_equal(f->e.code, ECBPF_CODE_LB_HASHED);
	vip->flags = LB_REFUSE_FRAGMENTS;
	explain(f, ETH4 IP4("001c", "0001", "11") "0000000000000000", NULL);
	assert_null(f->e.backend);
	assert_int_equal(f->e.code, ECBPF_CODE_LB_NO_FRAGMENTS);
}

static void echo_requests(void **state)
{
	struct fixture *f = *state;
	struct lb_vip *vip = add(f, "tcp:192.0.2.1:80", "10.0.0.1");

	explain(f, ETH4 IP4("001c", "0000", "01") "0800000000010001", NULL);
	assert_true(f->packet.echo);
	assert_null(f->e.vip);
	vip->flags = LB_ECHO;
	explain(f, ETH4 IP4("001c", "0000", "01") "0800000000010001", NULL);
	assert_ptr_equal(f->e.vip, vip);
	assert_int_equal(f->e.code, ECBPF_CODE_LB_ECHO);
}

static void without_a_table(void **state)
{
	struct fixture *f = *state;
	struct lb_vip *vip = add(f, "udp:[2001:db8::1]:53", "[2001:db8:1::9]");
	const char *datagram = ETH6 "60000000"
				    "0008"
				    "11"
				    "40"
				    "20010db8000000000000000000000007"
				    "20010db8000000000000000000000001"
				    "04000035"
				    "00080000";

	explain(f, datagram, NULL);
	assert_int_equal(f->e.code, ECBPF_CODE_LB_NEW);
	assert_ptr_equal(f->e.backend, vip->backend);
	assert_int_equal(f->packet.ip_bytes, 48);
	vip->flags = LB_NO_TABLE;
	explain(f, datagram, NULL);
	assert_int_equal(f->e.code, ECBPF_CODE_LB_HASHED);
}

/* --- hexadecimal digits */

static void digits(void **state)
{
	struct lb_frames *frames;
	const uint8_t *data;
	size_t len;

	(void)state;
	assert_true(lb_frames_is_hex("0a:Ff 1\n2"));
	assert_false(lb_frames_is_hex("0x12"));
	assert_int_equal(lb_frames_hex("0a:Ff 1\n2", &frames), 0);
	assert_int_equal(lb_frames_next(frames, &data, &len), 1);
	assert_int_equal(len, 3);
	assert_memory_equal(data, "\x0a\xff\x12", 3);
	lb_frames_close(frames);
	assert_true(lb_frames_hex("123", &frames) < 0);
	assert_string_equal(ecbpf_error(), "3 hexadecimal digits make no frame");
	assert_true(lb_frames_hex("", &frames) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(tcp_segment, setup, teardown),
		cmocka_unit_test_setup_teardown(tagged, setup, teardown),
		cmocka_unit_test_setup_teardown(quoted_packet_is_turned_round, setup, teardown),
		cmocka_unit_test_setup_teardown(left_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(by_the_table, setup, teardown),
		cmocka_unit_test_setup_teardown(by_source_prefix, setup, teardown),
		cmocka_unit_test_setup_teardown(by_its_connection, setup, teardown),
		cmocka_unit_test_setup_teardown(nobody, setup, teardown),
		cmocka_unit_test_setup_teardown(fragments, setup, teardown),
		cmocka_unit_test_setup_teardown(echo_requests, setup, teardown),
		cmocka_unit_test_setup_teardown(without_a_table, setup, teardown),
		cmocka_unit_test(digits),
	};

	return cmocka_run_group_tests_name("lb_explain", tests, NULL, NULL);
}
