// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* A configuration as JSON: one text for one configuration, and nothing wrong is taken. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <netinet/in.h>

#include "xdp_lb/document.h"
#include "xdp_lb/text.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

static int parse(const char *text, struct lb_config *config)
{
	return lb_document_parse(text, strlen(text), config);
}

static const char canonical[] = "{\n"
				"  \"version\":1,\n"
				"  \"vips\":[\n"
				"    {\n"
				"      \"service\":\"tcp:192.0.2.1:80\",\n"
				"      \"mode\":\"gue\",\n"
				"      \"gue_port\":6080,\n"
				"      \"source4\":\"198.51.100.1\",\n"
				"      \"source6\":\"2001:db8::99\",\n"
				"      \"hash\":\"source\",\n"
				"      \"no_table\":false,\n"
				"      \"echo\":true,\n"
				"      \"refuse_fragments\":true,\n"
				"      \"tcp_idle_s\":600,\n"
				"      \"udp_idle_s\":30,\n"
				"      \"new_pps\":100000,\n"
				"      \"table_size\":1009,\n"
				"      \"backends\":[\n"
				"        {\n"
				"          \"address\":\"10.0.0.1\",\n"
				"          \"weight\":0,\n"
				"          \"state\":\"active\",\n"
				"          \"monitor\":\"down\"\n"
				"        },\n"
				"        {\n"
				"          \"address\":\"10.0.0.2:8080\",\n"
				"          \"weight\":65535,\n"
				"          \"state\":\"draining\",\n"
				"          \"monitor\":\"active\",\n"
				"          \"mode\":\"full-nat\",\n"
				"          \"source4\":\"198.51.100.2\"\n"
				"        }\n"
				"      ],\n"
				"      \"sources\":[\n"
				"        {\n"
				"          \"prefix\":\"172.16.0.0/12\",\n"
				"          \"backend\":\"10.0.0.1\"\n"
				"        }\n"
				"      ]\n"
				"    },\n"
				"    {\n"
				"      \"service\":\"any:[2001:db8::]/32\",\n"
				"      \"mode\":\"direct\",\n"
				"      \"hash\":\"5-tuple\",\n"
				"      \"no_table\":true,\n"
				"      \"echo\":false,\n"
				"      \"refuse_fragments\":false,\n"
				"      \"tcp_idle_s\":900,\n"
				"      \"udp_idle_s\":60,\n"
				"      \"new_pps\":0,\n"
				"      \"table_size\":65537\n"
				"    }\n"
				"  ]\n"
				"}\n";

static void every_member(void **state)
{
	struct lb_config config = {};
	const struct lb_vip *vip;
	char *text;

	(void)state;
	if (parse(canonical, &config))
		fail_msg("%s", ecbpf_error());
	assert_int_equal(config.vips, 2);
	assert_int_equal(config.backends, 2);
	assert_int_equal(config.sources, 1);
	vip = &config.vip[0];
	assert_int_equal(vip->service.first, 80);
	assert_int_equal(vip->forward.mode, LB_GUE);
	assert_int_equal(vip->forward.gue_port, 6080);
	assert_int_equal(vip->forward.source4[0], 198);
	assert_int_equal(vip->forward.source6[15], 0x99);
	assert_int_equal(vip->hash, LB_HASH_SOURCE);
	assert_int_equal(vip->flags, LB_ECHO | LB_REFUSE_FRAGMENTS);
	assert_int_equal(vip->tcp_idle_s, 600);
	assert_int_equal(vip->udp_idle_s, 30);
	assert_int_equal(vip->new_pps, 100000);
	assert_int_equal(vip->table_size, 1009);
	assert_int_equal(vip->backend[0].weight, 0);
	assert_int_equal(vip->backend[0].monitor, LB_DOWN);
	assert_int_equal(vip->backend[0].forward.mode, 0);
	assert_int_equal(vip->backend[1].endpoint.port, 8080);
	assert_int_equal(vip->backend[1].weight, 65535);
	assert_int_equal(vip->backend[1].state, LB_DRAINING);
	assert_int_equal(vip->backend[1].forward.mode, LB_FULL_NAT);
	assert_int_equal(vip->source[0].prefix.length, 12);
	assert_int_equal(vip->source[0].backend.addr[3], 1);
	assert_int_equal(config.vip[1].flags, LB_NO_TABLE);
	text = lb_document_print(&config);
	assert_string_equal(text, canonical);
	free(text);
	lb_config_free(&config);
}

static void defaults(void **state)
{
	static const char text[] = "{\"vips\":[{\"backends\":[{\"address\":\"10.0.0.1\"}],"
				   "\"service\":\"udp:192.0.2.1:53\"}],\"version\":1}";
	struct lb_config config = {};

	(void)state;
	assert_int_equal(parse(text, &config), 0);
	assert_int_equal(config.vip[0].forward.mode, LB_IPIP);
	assert_int_equal(config.vip[0].hash, LB_HASH_5_TUPLE);
	assert_int_equal(config.vip[0].flags, 0);
	assert_int_equal(config.vip[0].tcp_idle_s, LB_TCP_IDLE_DEFAULT);
	assert_int_equal(config.vip[0].table_size, 65537);
	assert_int_equal(config.vip[0].backend[0].weight, 1);
	assert_int_equal(config.vip[0].backend[0].state, LB_ACTIVE);
	assert_int_equal(config.vip[0].backend[0].monitor, LB_ACTIVE);
	lb_config_free(&config);
}

static void empty(void **state)
{
	struct lb_config config = {};
	char *text;

	(void)state;
	assert_int_equal(parse(" { \"version\" : 1 }\n", &config), 0);
	assert_int_equal(config.vips, 0);
	text = lb_document_print(&config);
	assert_string_equal(text, "{\n  \"version\":1\n}\n");
	free(text);
}

/* The order of what was read is not that of what is written. */
static void another_order(void **state)
{
	static const char text[] =
		"{\"version\":1,\"vips\":["
		"{\"service\":\"udp:192.0.2.2:53\",\"backends\":[{\"address\":\"10.0.0.2\"},"
		"{\"address\":\"10.0.0.1\"}]},{\"service\":\"udp:192.0.2.1:53\"}]}";
	struct lb_config config = {}, again = {};
	char *first, *second;

	(void)state;
	assert_int_equal(parse(text, &config), 0);
	assert_int_equal(config.vip[0].service.address.addr[3], 1);
	assert_int_equal(config.vip[1].backend[0].endpoint.addr[3], 1);
	first = lb_document_print(&config);
	assert_int_equal(parse(first, &again), 0);
	assert_true(lb_config_equal(&config, &again));
	second = lb_document_print(&again);
	assert_string_equal(first, second);
	free(first);
	free(second);
	lb_config_free(&config);
	lb_config_free(&again);
}

struct row {
	const char *text, *want;
	int err;
};

#define VIP(rest)     "{\"version\":1,\"vips\":[{\"service\":\"tcp:192.0.2.1:80\"," rest "}]}"
#define BACKEND(rest) VIP("\"backends\":[{\"address\":\"10.0.0.1\"},{" rest "}]")

static const struct row bad_rows[] = {
	{ "", "1:1: the text ends too early", -EINVAL },
	{ "{\"version\":1", "1:13: the text ends too early", -EINVAL },
	{ "{\n \"version\":1,}", "2:14: ", -EINVAL },
	{ "{\"version\":1} x", "1:1", -EINVAL },
	{ "{'version':1}", ".: names are in double quotes", -EINVAL },
	{ "/* */{\"version\":1}", "1:1: ", -EINVAL },
	{ "{\"version\":1,\"vips\":[[[[[[[[1]]]]]]]]}", "1:2", -EINVAL },
	{ "{\"version\":1,\"vips\":[{\"service\":\"\xff\"}]}", "1:34: ", -EINVAL },
	{ "null ", ".: an object expected", -EINVAL },
	{ "[]", ".: an object expected", -EINVAL },
	{ "{}", ".: member version is missing", -EINVAL },
	{ "{\"version\":2}", ".version: not in 1 to 1", -EINVAL },
	{ "{\"version\":\"1\"}", ".version: a whole number expected", -EINVAL },
	{ "{\"version\":1,\"version\":1}", ".version: there twice", -EINVAL },
	{ "{\"version\":1,\"vers\\u0069on\":1}", ".version: behind this, an unknown member",
	  -EINVAL },
	{ "{\"version\":1,\"vip\":[]}", ".: unknown member vip", -EINVAL },
	{ "{\"version\":1,\"a\x01\":[]}", ".version: behind this, an unknown member", -EINVAL },
	{ "{\"version\":1,\"\x7f\":[]}", ".version: behind this, an unknown member", -EINVAL },
	{ "{\"version\":1,\"vips\":{}}", ".vips: an array expected", -EINVAL },
	{ "{\"version\":1,\"vips\":null}", ".vips: an array expected", -EINVAL },
	{ "{\"version\":1,\"vips\":[7]}", ".vips[0]: an object expected", -EINVAL },
	{ "{\"version\":1,\"vips\":[{}]}", ".vips[0]: member service is missing", -EINVAL },
	{ "{\"version\":1,\"vips\":[{\"service\":80}]}", ".vips[0].service: a string expected",
	  -EINVAL },
	{ "{\"version\":1,\"vips\":[{\"service\":\"tcp:x\"}]}",
	  ".vips[0].service: tcp:x: not an address; one of IPv6 is in brackets", -EINVAL },
	{ "{\"version\":1,\"vips\":[{\"service\":\"tcp:192.0.2.1\\n\"}]}",
	  ".vips[0].service: a shorter string of ASCII expected", -EINVAL },
	{ "{\"version\":1,\"vips\":[{\"service\":\"tcp:192.0.2.1\\u0000\"}]}",
	  ".vips[0].service: a shorter string of ASCII expected", -EINVAL },
	{ "{\"version\":1,\"vips\":[{\"service\":\"tcp:192.0.2.1\"},{\"service\":"
	  "\"tcp:192.0.2.1\"}]}",
	  ".vips[1]: tcp:192.0.2.1 exists", -EEXIST },
	{ VIP("\"service\":\"tcp:192.0.2.1:81\""), ".vips[0].service: there twice", -EINVAL },
	{ VIP("\"mode\":\"IPIP\""), ".vips[0].mode: IPIP is none of ipip|gue|direct|nat|full-nat",
	  -EINVAL },
	{ VIP("\"mode\":\"\\\",\\\"mode\\\":\""),
	  ".vips[0].mode: \",\"mode\": is none of ipip|gue|direct|nat|full-nat", -EINVAL },
	{ VIP("\"mode\":1"), ".vips[0].mode: a string expected", -EINVAL },
	{ VIP("\"mode\":\"gue\""), ".vips[0]: tcp:192.0.2.1:80: mode gue needs a port", -EINVAL },
	{ VIP("\"gue_port\":0"), ".vips[0].gue_port: not in 1 to 65535", -EINVAL },
	{ VIP("\"source4\":\"::1\""), ".vips[0].source4: ::1 is no IPv4 address of a sender",
	  -EINVAL },
	{ VIP("\"source4\":\"0.0.0.0\""),
	  ".vips[0].source4: 0.0.0.0 is no IPv4 address of a sender", -EINVAL },
	{ VIP("\"source6\":\"10.0.0.1\""),
	  ".vips[0].source6: 10.0.0.1 is no IPv6 address of a sender", -EINVAL },
	{ VIP("\"hash\":\"quic\""), ".vips[0]: tcp:192.0.2.1:80: QUIC runs over udp", -EINVAL },
	{ VIP("\"echo\":1"), ".vips[0].echo: true or false expected", -EINVAL },
	{ VIP("\"echo\":null"), ".vips[0].echo: true or false expected", -EINVAL },
	{ VIP("\"tcp_idle_s\":0"), ".vips[0].tcp_idle_s: not in 1 to 604800", -EINVAL },
	{ VIP("\"tcp_idle_s\":1.5"), ".vips[0].tcp_idle_s: a whole number expected", -EINVAL },
	{ VIP("\"tcp_idle_s\":1e2"), ".vips[0].tcp_idle_s: a whole number expected", -EINVAL },
	{ VIP("\"udp_idle_s\":-1"), ".vips[0].udp_idle_s: not in 1 to 604800", -EINVAL },
	{ VIP("\"new_pps\":18446744073709551616"), ".vips[0].new_pps: not in 0 to 1000000000",
	  -EINVAL },
	{ VIP("\"new_pps\":4294967297"), ".vips[0].new_pps: not in 0 to 1000000000", -EINVAL },
	{ VIP("\"table_size\":65536"),
	  ".vips[0]: tcp:192.0.2.1:80: a table's size is a prime from 7 to 1048573, not 65536",
	  -EINVAL },
	{ VIP("\"sources\":[{\"prefix\":\"10.0.0.0/8\"}]"),
	  ".vips[0].sources[0]: member backend is missing", -EINVAL },
	{ VIP("\"sources\":[{\"prefix\":\"10.0.0.1/8\",\"backend\":\"10.0.0.1\"}]"),
	  ".vips[0].sources[0].prefix: 10.0.0.1/8 has bits set behind its prefix length", -EINVAL },
	{ VIP("\"sources\":[{\"prefix\":\"10.0.0.0/8\",\"backend\":\"10.0.0.1\"}]"),
	  ".vips[0]: 10.0.0.0/8: 10.0.0.1 is no backend of this VIP", -ENOENT },
	{ BACKEND(""), ".vips[0].backends[1]: member address is missing", -EINVAL },
	{ BACKEND("\"address\":\"10.0.0.1\""), ".vips[0]: 10.0.0.1 is there twice", -EEXIST },
	{ BACKEND("\"address\":\"10.0.0.2\",\"weight\":65536"),
	  ".vips[0].backends[1].weight: not in 0 to 65535", -EINVAL },
	{ BACKEND("\"address\":\"10.0.0.2\",\"weight\":1,\"weight\":2"),
	  ".vips[0].backends[1].weight: there twice", -EINVAL },
	{ BACKEND("\"address\":\"10.0.0.2\",\"state\":\"up\""),
	  ".vips[0].backends[1].state: up is none of active|draining|down", -EINVAL },
	{ BACKEND("\"address\":\"10.0.0.2\",\"monitor\":\"draining\""),
	  ".vips[0]: 10.0.0.2: there is no such state", -EINVAL },
	{ BACKEND("\"address\":\"10.0.0.2\",\"gue_port\":6080"),
	  ".vips[0]: 10.0.0.2: options of a mode, but no mode of its own", -EINVAL },
	{ BACKEND("\"address\":\"10.0.0.2:80\""),
	  ".vips[0]: 10.0.0.2:80: mode ipip does not change the port", -EINVAL },
};

static void bad_texts(void **state)
{
	const struct lb_config before = { .vips = 4711 };
	struct lb_config config = before;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(bad_rows); i++) {
		const struct row *row = &bad_rows[i];
		const int err = parse(row->text, &config);
		const size_t len = strlen(row->want);

		/* what json-c says is its own; a row of "LINE:" ends there */
		if (err != row->err || strncmp(ecbpf_error(), row->want, len) != 0 ||
		    (row->want[0] == '.' && ecbpf_error()[len]))
			fail_msg("%s: %d %s", row->text, err, ecbpf_error());
		assert_memory_equal(&config, &before, sizeof(config));
	}
}

static void nul_is_no_end(void **state)
{
	static const char text[] = "{\"version\":1}\n\0x";
	struct lb_config config = {};

	(void)state;
	assert_int_equal(lb_document_parse(text, sizeof(text) - 1, &config), -EINVAL);
	assert_string_equal(ecbpf_error(), "2:1: a NUL byte");
	assert_int_equal(lb_document_parse(text, 14, &config), 0);
}

/* As large as it gets, read and written in a bounded time: it is quadratic in nothing. */
static void the_largest(void **state)
{
	struct lb_config config = {}, again = {};
	char *text, *second;
	size_t i, j;

	(void)state;
	for (i = 0; i < 4095; i++) {
		const struct lb_service key = { .address = { { 192, 1, i >> 8, i }, AF_INET, 32 },
						.proto = IPPROTO_UDP,
						.first = 53,
						.last = 53 };
		struct lb_backend list[16];
		struct lb_vip vip;

		lb_vip_init(&vip, &key);
		for (j = 0; j < 16; j++) {
			const struct lb_endpoint at = { { 10, j, i >> 8, i }, AF_INET, 0 };

			lb_backend_init(&list[j], &at);
		}
		vip.backends = 16;
		vip.backend = list;
		assert_int_equal(lb_vip_add(&config, &vip), 0);
	}
	assert_int_equal(config.backends, 65520);
	text = lb_document_print(&config);
	assert_int_equal(parse(text, &again), 0);
	assert_true(lb_config_equal(&config, &again));
	second = lb_document_print(&again);
	assert_true(strcmp(text, second) == 0);
	free(text);
	free(second);
	lb_config_free(&config);
	lb_config_free(&again);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_member), cmocka_unit_test(defaults),
		cmocka_unit_test(empty),	cmocka_unit_test(another_order),
		cmocka_unit_test(bad_texts),	cmocka_unit_test(nul_is_no_end),
		cmocka_unit_test(the_largest),
	};

	return cmocka_run_group_tests_name("lb_document", tests, NULL, NULL);
}
