// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Services: their text, which ones are taken, what a change of IPVS means, numbers. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <linux/ip_vs.h>

#include "bypass_ipvs/services.h"
#include "libecbpf/ecbpf.h"

#define MANY	  1000
#define DESTS_MAX 4

/* --- configurations */

static struct bypass_service_key key_of(const char *text)
{
	struct bypass_service_key key;

	assert_int_equal(service_parse(text, &key), 0);
	return key;
}

static struct ipvs_dest dest_of(const char *address, uint32_t method)
{
	struct ipvs_dest dest = { .family = AF_INET, .method = method, .weight = 1 };

	assert_int_equal(inet_pton(AF_INET, address, dest.addr), 1);
	dest.port = htons(80);
	return dest;
}

static struct ipvs_service *service_add(struct ipvs_config *config, const char *text)
{
	struct ipvs_service *service;

	config->service =
		realloc(config->service, (config->services + 1) * sizeof(*config->service));
	assert_non_null(config->service);
	service = &config->service[config->services++];
	*service = (struct ipvs_service){ .key = key_of(text), .scheduler = "rr" };
	service->dest = calloc(DESTS_MAX, sizeof(*service->dest));
	assert_non_null(service->dest);
	service->dest[service->dests++] = dest_of("10.0.0.1", IP_VS_CONN_F_DROUTE);
	service->dest[service->dests++] = dest_of("10.0.0.2", IP_VS_CONN_F_DROUTE);
	return service;
}

static struct ipvs_config three(void)
{
	struct ipvs_config config = {};

	service_add(&config, "fwmark:18");
	service_add(&config, "udp:[2001:db8::1]:53");
	service_add(&config, "tcp:192.0.2.1:80");
	ipvs_sort(&config);
	return config;
}

static struct ipvs_config many(void)
{
	struct ipvs_config config = {};
	char text[SERVICE_TEXT_SIZE];
	int i;

	for (i = 0; i < MANY; i++) {
		snprintf(text, sizeof(text), "tcp:10.%d.%d.1:%d", i / 250, i % 250, 80 + i % 7);
		service_add(&config, text);
	}
	ipvs_sort(&config);
	return config;
}

static struct ipvs_service *service_of(struct ipvs_config *config, const char *text)
{
	const struct bypass_service_key key = key_of(text);

	return (struct ipvs_service *)ipvs_find(config, &key);
}

/* --- service_map, without a kernel */

static int order(const void *a, const void *b)
{
	const struct service_entry *one = a, *other = b;

	return ipvs_key_compare(&one->key, &other->key);
}

static void table_put(struct service_table *table, const struct bypass_service_key *key,
		      uint32_t number, uint32_t flags)
{
	table->entry = realloc(table->entry, (table->count + 1) * sizeof(*table->entry));
	assert_non_null(table->entry);
	table->entry[table->count++] =
		(struct service_entry){ .key = *key, .value = { number, flags } };
	qsort(table->entry, table->count, sizeof(*table->entry), order);
}

/* table_do - as services_apply() does */
static void table_do(struct service_table *table, const struct service_plan *plan)
{
	const struct service_entry *entry;
	size_t i, at;

	for (i = 0; i < plan->count; i++) {
		const struct service_change *change = &plan->change[i];

		if (change->kind == SERVICE_ADD)
			table_put(table, &change->key, change->number, 0);
		if (change->kind != SERVICE_REMOVE)
			continue;
		entry = service_table_find(table, &change->key);
		assert_non_null(entry);
		assert_int_equal(entry->value.number, change->number);
		at = entry - table->entry;
		memmove(&table->entry[at], &table->entry[at + 1],
			(--table->count - at) * sizeof(*entry));
	}
}

static size_t count_of(const struct service_plan *plan, enum service_change_kind kind)
{
	size_t i, count = 0;

	for (i = 0; i < plan->count; i++)
		count += plan->change[i].kind == kind;
	return count;
}

/* expect - what the plan has, as "add KEY NUMBER; ..." */
static void expect(struct service_table *table, const struct ipvs_config *before,
		   const struct ipvs_config *now, const char *wanted)
{
	static const char *const kinds[] = { "add", "remove", "change" };
	char text[SERVICE_TEXT_SIZE], got[512] = "";
	struct service_plan plan;
	size_t i, used = 0;

	assert_int_equal(services_plan(table, before, now, &plan), 0);
	for (i = 0; i < plan.count; i++)
		used += snprintf(got + used, sizeof(got) - used, "%s%s %s %u", used ? "; " : "",
				 kinds[plan.change[i].kind],
				 service_text(&plan.change[i].key, text), plan.change[i].number);
	assert_string_equal(got, wanted);
	table_do(table, &plan);
	service_plan_free(&plan);
}

/* --- text */

static void text_both_ways(void **state)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{ "tcp:192.0.2.1:80", "tcp:192.0.2.1:80" },
		{ "udp:[2001:db8::1]:53", "udp:[2001:db8::1]:53" },
		{ "udp:[2001:DB8:0::1]:53", "udp:[2001:db8::1]:53" },
		{ "tcp:192.0.2.1", "tcp:192.0.2.1:0" },
		{ "tcp:192.0.2.1:0", "tcp:192.0.2.1:0" },
		{ "tcp:[::1]", "tcp:[::1]:0" },
		{ "fwmark:18", "fwmark:18" },
		{ "fwmark6:4294967295", "fwmark6:4294967295" },
		{ "fwmark:0x12", "fwmark:18" },
	};
	struct bypass_service_key key;
	char text[SERVICE_TEXT_SIZE];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		key = key_of(cases[i].in);
		assert_string_equal(service_text(&key, text), cases[i].out);
	}
}

static void text_to_key(void **state)
{
	struct bypass_service_key key = key_of("udp:192.0.2.1:53");

	(void)state;
	assert_int_equal(key.mark, 0);
	assert_int_equal(key.family, AF_INET);
	assert_int_equal(key.proto, IPPROTO_UDP);
	assert_int_equal(key.port, htons(53));
	assert_int_equal(key.addr[0], htonl(0xc0000201));
	assert_int_equal(key.addr[1] | key.addr[2] | key.addr[3], 0);
	key = key_of("fwmark6:7");
	assert_int_equal(key.mark, 7);
	assert_int_equal(key.family, AF_INET6);
	assert_int_equal(key.proto, 0);
}

static void text_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"tcp",
		"tcp:",
		"tcp:80",
		"tcp:192.0.2.1:",
		"tcp:192.0.2.1:65536",
		"tcp:192.0.2.1:80x",
		"tcp:192.0.2:80",
		"tcp:2001:db8::1:80",
		"tcp:[192.0.2.1]:80",
		"tcp:[2001:db8::1",
		"tcp:[2001:db8::1]80",
		"tcp:[]:80",
		"sctp:192.0.2.1:80",
		"TCP:192.0.2.1:80",
		"fwmark:",
		"fwmark:0",
		"fwmark:4294967296",
		"fwmark:-1",
		"192.0.2.1:80",
		"tcp:1111111111111111111111111111111111111111111111111111111111111:80",
	};
	struct bypass_service_key key = key_of("fwmark:9");
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(service_parse(bad[i], &key), -EINVAL);
		assert_int_equal(key.mark, 9);
	}
	service_parse("tcp:192.0.2.1:65536", &key);
	assert_string_equal(ecbpf_error(), "tcp:192.0.2.1:65536: a port is in 0 to 65535");
}

/* --- which ones are taken */

static void taken(void **state)
{
	struct ipvs_config config = three();
	struct ipvs_service *service = service_of(&config, "tcp:192.0.2.1:80");

	(void)state;
	assert_int_equal(service_refusal(service), SERVICE_TAKEN);
	service->dest[0].method = IP_VS_CONN_F_MASQ;
	assert_int_equal(service_refusal(service), SERVICE_TAKEN);
	service->dest[1].method = IP_VS_CONN_F_LOCALNODE;
	assert_int_equal(service_refusal(service), SERVICE_METHOD);
	service->dests = 0;
	assert_int_equal(service_refusal(service), SERVICE_TAKEN);
	service->flags = IP_VS_SVC_F_ONEPACKET | IP_VS_SVC_F_HASHED;
	assert_int_equal(service_refusal(service), SERVICE_ONE_PACKET);
	service->flags = IP_VS_SVC_F_HASHED | IP_VS_SVC_F_PERSISTENT;
	service->key.proto = IPPROTO_SCTP;
	assert_int_equal(service_refusal(service), SERVICE_PROTOCOL);
	/* of whatever protocol the packets with a mark are */
	assert_int_equal(service_refusal(service_of(&config, "fwmark:18")), SERVICE_TAKEN);
	ipvs_free(&config);
}

static void tunnels_that_fit(void **state)
{
	struct ipvs_dest dest = dest_of("10.0.0.1", IP_VS_CONN_F_TUNNEL);

	(void)state;
	assert_true(service_dest_fits(&dest));
	dest.tunnel = IP_VS_CONN_F_TUNNEL_TYPE_GUE;
	assert_true(service_dest_fits(&dest));
	dest.tunnel_flags = IP_VS_TUNNEL_ENCAP_FLAG_CSUM;
	assert_true(service_dest_fits(&dest));
	dest.tunnel_flags = IP_VS_TUNNEL_ENCAP_FLAG_REMCSUM;
	assert_false(service_dest_fits(&dest));
	dest.tunnel = IP_VS_CONN_F_TUNNEL_TYPE_GRE;
	dest.tunnel_flags = 0;
	assert_false(service_dest_fits(&dest));
}

/* --- plans */

static void first_plan(void **state)
{
	struct ipvs_config now = three();
	struct service_table table = {};

	(void)state;
	expect(&table, NULL, &now,
	       "add tcp:192.0.2.1:80 0; add udp:[2001:db8::1]:53 1; add fwmark:18 2");
	/* known, and nothing is new */
	expect(&table, &now, &now, "");
	/* of a follower that has just begun: who knows what has changed */
	expect(&table, NULL, &now,
	       "change tcp:192.0.2.1:80 0; change udp:[2001:db8::1]:53 1; change fwmark:18 2");
	service_table_free(&table);
	ipvs_free(&now);
}

static void stale_entries(void **state)
{
	struct bypass_service_key gone = key_of("tcp:203.0.113.1:443"), mark = key_of("fwmark:18");
	struct ipvs_config now = three();
	struct service_table table = {};

	(void)state;
	table_put(&table, &gone, 5, 0);
	table_put(&table, &mark, 9, 0);
	table.next = 10;
	expect(&table, NULL, &now,
	       "remove tcp:203.0.113.1:443 5; add tcp:192.0.2.1:80 10; "
	       "add udp:[2001:db8::1]:53 11; change fwmark:18 9");
	service_table_free(&table);
	ipvs_free(&now);
}

/* Each way in which one service can change is told of it, and of no other. */
static void each_change(void **state)
{
	static const uint8_t other[] = { 10, 0, 0, 9 };
	struct ipvs_config before = three(), now;
	struct service_table table = {};
	struct ipvs_service *service;
	int i;

	(void)state;
	expect(&table, NULL, &before,
	       "add tcp:192.0.2.1:80 0; add udp:[2001:db8::1]:53 1; add fwmark:18 2");
	for (i = 0; i < 12; i++) {
		now = three();
		service = service_of(&now, "udp:[2001:db8::1]:53");
		switch (i) {
		case 0:
			service->dests = 1;
			break;
		case 1:
			service->dest[service->dests++] = dest_of("10.0.0.3", IP_VS_CONN_F_DROUTE);
			break;
		case 2:
			service->dest[0].weight = 0;
			break;
		case 3:
			memcpy(service->scheduler, "wlc", 4);
			break;
		case 4:
			service->flags |= IP_VS_SVC_F_PERSISTENT;
			break;
		case 5:
			service->dest[1].method = IP_VS_CONN_F_MASQ;
			break;
		case 6:
			service->dest[1].tunnel = IP_VS_CONN_F_TUNNEL_TYPE_GUE;
			break;
		case 7:
			service->dest[1].tunnel_port = htons(6080);
			break;
		case 8:
			service->dest[1].tunnel_flags = IP_VS_TUNNEL_ENCAP_FLAG_CSUM;
			break;
		case 9:
			memcpy(service->dest[1].addr, other, sizeof(other));
			break;
		case 10:
			service->netmask = 64;
			break;
		case 11:
			service->timeout = 300;
			break;
		}
		assert_false(services_same(&before, &now));
		expect(&table, &before, &now, "change udp:[2001:db8::1]:53 1");
		ipvs_free(&now);
	}
	service_table_free(&table);
	ipvs_free(&before);
}

static void counters_are_no_change(void **state)
{
	struct ipvs_config before = three(), now = three();
	struct service_table table = {};

	(void)state;
	now.service[0].stats.conns = 7;
	now.service[0].dest[0].active = 7;
	now.service[0].dest[0].stats.in_packets = 7;
	now.tcp_s = 900;
	assert_true(services_same(&before, &now));
	expect(&table, NULL, &before,
	       "add tcp:192.0.2.1:80 0; add udp:[2001:db8::1]:53 1; add fwmark:18 2");
	expect(&table, &before, &now, "");
	service_table_free(&table);
	ipvs_free(&before);
	ipvs_free(&now);
}

static void becomes_one_packet(void **state)
{
	struct ipvs_config before = three(), now = three();
	struct service_table table = {};

	(void)state;
	expect(&table, NULL, &before,
	       "add tcp:192.0.2.1:80 0; add udp:[2001:db8::1]:53 1; add fwmark:18 2");
	service_of(&now, "udp:[2001:db8::1]:53")->flags = IP_VS_SVC_F_ONEPACKET;
	expect(&table, &before, &now, "remove udp:[2001:db8::1]:53 1");
	/* and back: another number */
	expect(&table, &now, &before, "add udp:[2001:db8::1]:53 3");
	service_table_free(&table);
	ipvs_free(&before);
	ipvs_free(&now);
}

static void by_hand_stays(void **state)
{
	const struct bypass_service_key mark = key_of("fwmark:18"), own = key_of("tcp:[::1]:1");
	struct ipvs_config before = three(), now = three(), none = {};
	struct service_table table = {};

	(void)state;
	table_put(&table, &mark, 0, BYPASS_BY_HAND);
	table_put(&table, &own, 1, BYPASS_BY_HAND);
	table.next = 2;
	expect(&table, &none, &before,
	       "add tcp:192.0.2.1:80 2; add udp:[2001:db8::1]:53 3; change fwmark:18 0");
	service_of(&now, "fwmark:18")->dests = 1;
	expect(&table, &before, &now, "change fwmark:18 0");
	expect(&table, &now, &none,
	       "remove tcp:192.0.2.1:80 2; remove udp:[2001:db8::1]:53 3; change fwmark:18 0");
	expect(&table, &none, &none, "");
	assert_int_equal(table.count, 2);
	service_table_free(&table);
	ipvs_free(&before);
	ipvs_free(&now);
}

/* --- many */

static void thousand(void **state)
{
	struct ipvs_config before = many(), now = many();
	bool seen[MANY] = {}, all = true;
	struct service_table table = {};
	struct service_plan plan;
	size_t i;

	(void)state;
	assert_int_equal(services_plan(&table, NULL, &before, &plan), 0);
	assert_int_equal(plan.count, MANY);
	assert_int_equal(count_of(&plan, SERVICE_ADD), MANY);
	for (i = 0; i < plan.count; i++) {
		assert_in_range(plan.change[i].number, 0, MANY - 1);
		seen[plan.change[i].number] = true;
	}
	for (i = 0; i < MANY; i++)
		all &= seen[i];
	assert_true(all);
	table_do(&table, &plan);
	service_plan_free(&plan);

	/* every third one changes */
	for (i = 0; i < MANY; i += 3)
		now.service[i].dest[1].weight = 5;
	assert_int_equal(services_plan(&table, &before, &now, &plan), 0);
	assert_int_equal(plan.count, (MANY + 2) / 3);
	assert_int_equal(count_of(&plan, SERVICE_CHANGE), plan.count);
	for (i = 0; i < plan.count; i++)
		assert_int_equal(ipvs_key_compare(&plan.change[i].key, &now.service[3 * i].key), 0);
	service_plan_free(&plan);
	service_table_free(&table);
	ipvs_free(&before);
	ipvs_free(&now);
}

/* However often services come and go, one that stays keeps its number, and no two share one. */
static void numbers_are_stable(void **state)
{
	const struct bypass_service_key first = key_of("tcp:10.0.0.1:80");
	struct ipvs_config all = many(), part;
	const struct service_entry *entry;
	struct service_table table = {};
	bool *held = calloc(BYPASS_SERVICES_MAX, sizeof(*held));
	struct service_plan plan;
	int round;
	size_t i;

	(void)state;
	assert_non_null(held);
	for (round = 0; round < 200; round++) {
		part = all;
		part.services = round % 2 ? 1 : MANY;
		assert_int_equal(services_plan(&table, NULL, &part, &plan), 0);
		table_do(&table, &plan);
		service_plan_free(&plan);
		assert_int_equal(table.count, part.services);
		entry = service_table_find(&table, &first);
		assert_non_null(entry);
		assert_int_equal(entry->value.number, 0);
		memset(held, 0, BYPASS_SERVICES_MAX);
		for (i = 0; i < table.count; i++) {
			assert_false(held[table.entry[i].value.number]);
			held[table.entry[i].value.number] = true;
		}
	}
	free(held);
	service_table_free(&table);
	ipvs_free(&all);
}

static void numbers_in_turn(void **state)
{
	bool *used = calloc(BYPASS_SERVICES_MAX, sizeof(*used));
	bool *carried = calloc(BYPASS_SERVICES_MAX, sizeof(*carried));
	struct service_table table = { .carried = carried };
	int i;

	(void)state;
	assert_non_null(used);
	assert_non_null(carried);
	/* one that was given back, and that no path has: not before all others */
	assert_int_equal(service_number(&table, used), 0);
	used[0] = false;
	for (i = 1; i < BYPASS_SERVICES_MAX; i++) {
		carried[i] = i == 7;
		assert_int_equal(service_number(&table, used),
				 i + (i >= 7) == BYPASS_SERVICES_MAX ? 0 : i + (i >= 7));
	}
	/* then one that paths have, then none */
	assert_false(used[7]);
	assert_int_equal(service_number(&table, used), 7);
	assert_int_equal(service_number(&table, used), -ENOSPC);
	assert_string_equal(ecbpf_error(), "there are 65536 services already");
	free(used);
	free(carried);
}

static void order_of_a_list(void **state)
{
	static const char *const ordered[] = {
		"tcp:9.0.0.1:80",   "tcp:10.0.0.1:80", "udp:10.0.0.1:80", "tcp:10.0.0.1:443",
		"tcp:[2001::1]:80", "fwmark:2",	       "fwmark6:2",	  "fwmark:10",
	};
	struct bypass_service_key a, b;
	size_t i, j;

	(void)state;
	for (i = 0; i < sizeof(ordered) / sizeof(ordered[0]); i++)
		for (j = 0; j < sizeof(ordered) / sizeof(ordered[0]); j++) {
			a = key_of(ordered[i]);
			b = key_of(ordered[j]);
			assert_int_equal(ipvs_key_compare(&a, &b) < 0, i < j);
			assert_int_equal(ipvs_key_compare(&a, &b) == 0, i == j);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_both_ways),	  cmocka_unit_test(text_to_key),
		cmocka_unit_test(text_refused),		  cmocka_unit_test(taken),
		cmocka_unit_test(tunnels_that_fit),	  cmocka_unit_test(first_plan),
		cmocka_unit_test(stale_entries),	  cmocka_unit_test(each_change),
		cmocka_unit_test(counters_are_no_change), cmocka_unit_test(becomes_one_packet),
		cmocka_unit_test(by_hand_stays),	  cmocka_unit_test(thousand),
		cmocka_unit_test(numbers_are_stable),	  cmocka_unit_test(numbers_in_turn),
		cmocka_unit_test(order_of_a_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
