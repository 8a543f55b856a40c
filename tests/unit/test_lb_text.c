// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Services and backends as people type them. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <netinet/in.h>

#include "xdp_lb/text.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

static void services(void **state)
{
	static const struct {
		const char *text;
		uint8_t family, length, proto;
		uint16_t first, last;
		const char *want;
	} rows[] = {
		{ "tcp:192.0.2.1:80", AF_INET, 32, IPPROTO_TCP, 80, 80, NULL },
		{ "tcp:192.0.2.1:8000-8999", AF_INET, 32, IPPROTO_TCP, 8000, 8999, NULL },
		{ "udp:[2001:db8::1]:53", AF_INET6, 128, IPPROTO_UDP, 53, 53, NULL },
		{ "any:192.0.2.0/24", AF_INET, 24, 0, 0, 65535, NULL },
		{ "any:[2001:db8::]/32", AF_INET6, 32, 0, 0, 65535, NULL },
		{ "tcp:[2001:db8::]/32:1-65535", AF_INET6, 32, IPPROTO_TCP, 1, 65535, NULL },
		{ "udp:192.0.2.1", AF_INET, 32, IPPROTO_UDP, 0, 65535, NULL },
		{ "tcp:192.0.2.1/32:080-80", AF_INET, 32, IPPROTO_TCP, 80, 80, "tcp:192.0.2.1:80" },
		{ "udp:[2001:DB8:0::1]/128:65535", AF_INET6, 128, IPPROTO_UDP, 65535, 65535,
		  "udp:[2001:db8::1]:65535" },
	};
	struct lb_service service;
	char buf[LB_TEXT_SIZE];
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		memset(&service, 0xee, sizeof(service));
		if (lb_service_parse(rows[i].text, &service))
			fail_msg("%s: %s", rows[i].text, ecbpf_error());
		assert_int_equal(service.address.family, rows[i].family);
		assert_int_equal(service.address.length, rows[i].length);
		assert_int_equal(service.proto, rows[i].proto);
		assert_int_equal(service.first, rows[i].first);
		assert_int_equal(service.last, rows[i].last);
		assert_string_equal(lb_service_text(&service, buf),
				    rows[i].want ? rows[i].want : rows[i].text);
	}
	assert_int_equal(service.address.addr[3], 0xb8);
	assert_int_equal(service.address.addr[15], 1);
}

static void bad_services(void **state)
{
	static const struct {
		const char *text, *cause;
	} rows[] = {
		{ "", " begins with none of tcp:, udp:, any:" },
		{ "192.0.2.1:80", " begins with none of tcp:, udp:, any:" },
		{ "sctp:192.0.2.1:80", " begins with none of tcp:, udp:, any:" },
		{ "tcp:", ": not an address; one of IPv6 is in brackets" },
		{ "tcp:example.org:80", ": not an address; one of IPv6 is in brackets" },
		{ "tcp:2001:db8::1", ": not an address; one of IPv6 is in brackets" },
		{ "tcp:[2001:db8::1", ": not an address; one of IPv6 is in brackets" },
		{ "tcp:[192.0.2.1]:80", ": not an address; one of IPv6 is in brackets" },
		{ "tcp:192.0.2.1/33", ": the prefix length is not a number up to 32" },
		{ "tcp:192.0.2.1/", ": the prefix length is not a number up to 32" },
		{ "tcp:192.0.2.1/0x20", ": behind the address, :PORT or :PORT-PORT expected" },
		{ "tcp:[2001:db8::]/129", ": the prefix length is not a number up to 128" },
		{ "tcp:192.0.2.1:", ": behind the address, :PORT or :PORT-PORT expected" },
		{ "tcp:192.0.2.1:0", ": behind the address, :PORT or :PORT-PORT expected" },
		{ "tcp:192.0.2.1:0x50", ": behind the address, :PORT or :PORT-PORT expected" },
		{ "tcp:192.0.2.1:65536", ": behind the address, :PORT or :PORT-PORT expected" },
		{ "tcp:192.0.2.1:9-8", ": behind the address, :PORT or :PORT-PORT expected" },
		{ "tcp:192.0.2.1:8-", ": behind the address, :PORT or :PORT-PORT expected" },
		{ "tcp:192.0.2.1:8-9-10", ": behind the address, :PORT or :PORT-PORT expected" },
		{ "tcp:[2001:db8::1]80", ": behind the address, :PORT or :PORT-PORT expected" },
		{ "any:192.0.2.1:80", ": only tcp and udp have ports" },
		{ "tcp:192.0.2.1/24:80", " has bits set behind its prefix length" },
		{ "any:[2001:db8::1]/64", " has bits set behind its prefix length" },
		{ "any:0.0.0.0/0", ": nothing can be balanced at this address" },
		{ "tcp:127.0.0.1:80", ": nothing can be balanced at this address" },
		{ "udp:224.0.0.1:80", ": nothing can be balanced at this address" },
		{ "udp:255.255.255.255:80", ": nothing can be balanced at this address" },
		{ "tcp:[::1]:80", ": nothing can be balanced at this address" },
		{ "tcp:[ff02::1]:80", ": nothing can be balanced at this address" },
		{ "tcp:[fe80::1]:80", ": nothing can be balanced at this address" },
		{ "tcp:[::ffff:192.0.2.1]:80", ": nothing can be balanced at this address" },
	};
	struct lb_service service, before;
	size_t i, len;

	(void)state;
	memset(&before, 0xee, sizeof(before));
	service = before;
	for (i = 0; i < ROWS(rows); i++) {
		len = strlen(rows[i].text);
		if (lb_service_parse(rows[i].text, &service) != -EINVAL ||
		    strncmp(ecbpf_error(), rows[i].text, len) != 0 ||
		    strcmp(ecbpf_error() + len, rows[i].cause) != 0)
			fail_msg("%s: %s", rows[i].text, ecbpf_error());
		assert_memory_equal(&service, &before, sizeof(service));
	}
}

static void endpoints(void **state)
{
	static const struct {
		const char *text, *want;
		uint8_t family;
		uint16_t port;
	} rows[] = {
		{ "192.0.2.10:8080", "192.0.2.10:8080", AF_INET, 8080 },
		{ "192.0.2.10", "192.0.2.10", AF_INET, 0 },
		{ "[2001:db8::10]", "[2001:db8::10]", AF_INET6, 0 },
		{ "[2001:db8:0:0::10]:1", "[2001:db8::10]:1", AF_INET6, 1 },
	};
	static const char *const bad[] = {
		"",
		"192.0.2",
		"192.0.2.10:",
		"192.0.2.10:0",
		"192.0.2.10:65536",
		"192.0.2.10/32",
		"2001:db8::10",
		"[2001:db8::10]x",
		"[2001:db8::10]:-1",
		"192.0.2.10:80-81",
		"127.0.0.1",
		"[::ffff:192.0.2.1]",
		"0.0.0.0",
		"[::]",
		"240.0.0.1",
		"[192.0.2.1]",
	};
	struct lb_endpoint endpoint = {};
	char buf[LB_TEXT_SIZE];
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		assert_int_equal(lb_endpoint_parse(rows[i].text, &endpoint), 0);
		assert_int_equal(endpoint.family, rows[i].family);
		assert_int_equal(endpoint.port, rows[i].port);
		assert_int_equal(endpoint.addr[0], rows[i].family == AF_INET ? 192 : 0x20);
		assert_string_equal(lb_endpoint_text(&endpoint, buf), rows[i].want);
	}
	for (i = 0; i < ROWS(bad); i++)
		if (lb_endpoint_parse(bad[i], &endpoint) != -EINVAL)
			fail_msg("%s is taken", bad[i]);
	assert_string_equal(lb_endpoint_text(&endpoint, buf), "[2001:db8::10]:1");
}

/* A text of a thousand bytes overruns nothing. */
static void long_texts(void **state)
{
	struct lb_endpoint endpoint;
	struct lb_service service;
	char text[1001];
	size_t i;

	(void)state;
	for (i = 4; i < 30; i++) {
		memset(text, '1', sizeof(text) - 1);
		text[1000] = '\0';
		memcpy(text, "tcp:[2001:db8::1]/128:12345-12", i);
		assert_int_equal(lb_service_parse(text, &service), -EINVAL);
		assert_int_equal(lb_endpoint_parse(text + 4, &endpoint), -EINVAL);
	}
}

static void words(void **state)
{
	char joined[LB_TEXT_SIZE];
	int i, choice;

	(void)state;
	for (i = LB_IPIP; i <= LB_FULL_NAT; i++) {
		assert_int_equal(ecbpf_parse_choice(LB_MODES, lb_mode_name(i), &choice), 0);
		assert_int_equal(choice, i);
	}
	for (i = LB_HASH_5_TUPLE; i <= LB_HASH_QUIC; i++) {
		assert_int_equal(ecbpf_parse_choice(LB_HASHES, lb_hash_name(i), &choice), 0);
		assert_int_equal(choice, i);
	}
	for (i = LB_ACTIVE; i <= LB_DOWN; i++) {
		assert_int_equal(ecbpf_parse_choice(LB_STATES, lb_state_name(i), &choice), 0);
		assert_int_equal(choice, i);
	}
	assert_string_equal(lb_prefix_text(&(struct ecbpf_prefix){ { 10 }, AF_INET, 8 }, joined),
			    "10.0.0.0/8");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(services),  cmocka_unit_test(bad_services),
		cmocka_unit_test(endpoints), cmocka_unit_test(long_texts),
		cmocka_unit_test(words),
	};

	return cmocka_run_group_tests_name("lb_text", tests, NULL, NULL);
}
