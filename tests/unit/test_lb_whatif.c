// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* What a change would move, against counting by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <netinet/in.h>

#include "tests/unit/lb_words.h"
#include "xdp_lb/maglev.h"
#include "xdp_lb/whatif.h"

#define A "tcp:192.0.2.1:80"
#define B "udp:192.0.2.1:53"

static struct lb_backend server(unsigned int i)
{
	const struct lb_endpoint endpoint = { .addr = { 10, 0, i >> 8, i }, .family = AF_INET };
	struct lb_backend made;

	lb_backend_init(&made, &endpoint);
	return made;
}

/* with - a VIP and its backends 0 .. count - 1 */
static void with(struct lb_config *config, const char *text, unsigned int count)
{
	const struct lb_service key = service(text);
	struct lb_vip vip;
	unsigned int i;

	lb_vip_init(&vip, &key);
	assert_int_equal(lb_vip_add(config, &vip), 0);
	for (i = 0; i < count; i++) {
		const struct lb_backend made = server(i);

		assert_int_equal(lb_backend_add(config, &key, &made), 0);
	}
}

static void remove_one(struct lb_config *config, const char *text, unsigned int i)
{
	const struct lb_service key = service(text);
	const struct lb_backend made = server(i);

	assert_int_equal(lb_backend_del(config, &key, &made.endpoint), 0);
}

/* change - @weight < 0: as it is */
static void change(struct lb_config *config, const char *text, unsigned int i, int weight,
		   enum lb_state changed)
{
	const struct lb_service key = service(text);
	struct lb_backend made = server(i);

	made.state = changed;
	if (weight >= 0)
		made.weight = weight;
	assert_int_equal(lb_backend_set(config, &key, &made), 0);
}

/* entries_of - that a backend has in the table of a VIP */
static uint32_t entries_of(const struct lb_config *config, const char *text, unsigned int i)
{
	const struct lb_service key = service(text);
	const struct lb_vip *vip = lb_vip_find(config, &key);
	const struct lb_backend made = server(i), *found = lb_backend_find(vip, &made.endpoint);
	uint16_t *table = lb_vip_table(vip);
	uint32_t j, entries = 0;

	for (j = 0; j < vip->table_size; j++)
		entries += table[j] != LB_NONE && &vip->backend[table[j]] == found;
	free(table);
	return entries;
}

static struct lb_whatif_vip ask(const struct lb_config *before, const struct lb_config *after)
{
	struct lb_whatif what;
	struct lb_whatif_vip one;

	assert_int_equal(lb_whatif(before, after, &what), 0);
	assert_int_equal(what.vips, 1);
	one = what.vip[0];
	lb_whatif_free(&what);
	assert_null(what.vip);
	return one;
}

static void nothing_changes(void **state)
{
	struct lb_config config = {}, empty = {};
	struct lb_whatif_vip what;
	struct lb_whatif none;

	(void)state;
	with(&config, A, 10);
	what = ask(&config, &config);
	assert_int_equal(what.change, LB_WHATIF_STAYS);
	assert_int_equal(what.entries, 65537);
	assert_int_equal(what.moved + what.orphaned + what.unavoidable + what.surplus, 0);
	assert_int_equal(lb_whatif(&empty, &empty, &none), 0);
	assert_int_equal(none.vips, 0);
	lb_whatif_free(&none);
	lb_config_free(&config);
}

static void a_backend_goes_and_comes(void **state)
{
	struct lb_config before = {}, after;
	struct lb_whatif_vip gone, back, drained, down;
	uint32_t had;

	(void)state;
	with(&before, A, 10);
	had = entries_of(&before, A, 3);
	assert_in_range(had, 6553, 6554);
	assert_int_equal(lb_config_copy(&after, &before), 0);
	change(&after, A, 3, -1, LB_DRAINING);
	drained = ask(&before, &after);
	change(&after, A, 3, -1, LB_DOWN);
	down = ask(&before, &after);
	remove_one(&after, A, 3);
	gone = ask(&before, &after);
	back = ask(&after, &before);
	assert_int_equal(gone.orphaned, had);
	assert_in_range(gone.unavoidable, had, had + 9);
	assert_in_range(gone.moved, gone.unavoidable + 1, had + 65537 * 3 / 200);
	assert_int_equal(gone.surplus, gone.moved - gone.unavoidable);
	assert_memory_equal(&gone, &drained, sizeof(gone));
	assert_memory_equal(&gone, &down, sizeof(gone));
	assert_int_equal(back.moved, gone.moved);
	assert_int_equal(back.orphaned, 0);
	assert_int_equal(back.unavoidable, gone.unavoidable);
	lb_config_free(&before);
	lb_config_free(&after);
}

static void a_weight_is_halved(void **state)
{
	struct lb_config before = {}, after;
	struct lb_whatif_vip what;
	uint32_t had, has;

	(void)state;
	with(&before, A, 4);
	change(&before, A, 0, 2, LB_ACTIVE);
	assert_int_equal(lb_config_copy(&after, &before), 0);
	change(&after, A, 0, 1, LB_ACTIVE);
	had = entries_of(&before, A, 0); /* two fifths */
	has = entries_of(&after, A, 0);	 /* a quarter */
	assert_in_range(had, 26214, 26215);
	assert_in_range(has, 16384, 16385);
	what = ask(&before, &after);
	assert_int_equal(what.orphaned, 0);
	assert_in_range(what.unavoidable, had - has, had - has + 3);
	assert_in_range(what.moved, what.unavoidable, what.unavoidable + 65537 * 3 / 200);
	lb_config_free(&before);
	lb_config_free(&after);
}

static void the_last_goes(void **state)
{
	struct lb_config before = {}, after = {};
	struct lb_whatif_vip what;

	(void)state;
	with(&before, A, 1);
	with(&after, A, 0);
	what = ask(&before, &after);
	assert_int_equal(what.moved, 65537);
	assert_int_equal(what.orphaned, 65537);
	assert_int_equal(what.unavoidable, 65537);
	what = ask(&after, &before);
	assert_int_equal(what.moved, 0);
	assert_int_equal(what.surplus, 0);
	lb_config_free(&before);
	lb_config_free(&after);
}

static void vips_come_and_go(void **state)
{
	struct lb_config before = {}, after = {};
	struct lb_whatif what;

	(void)state;
	with(&before, A, 2);
	with(&before, "tcp:192.0.2.7:1", 2);
	with(&after, "tcp:192.0.2.7:1", 2);
	with(&after, B, 2);
	with(&after, "tcp:192.0.2.9:1", 2);
	assert_int_equal(lb_whatif(&before, &after, &what), 0);
	assert_int_equal(what.vips, 4);
	assert_int_equal(what.vip[0].change, LB_WHATIF_REMOVED);
	assert_int_equal(what.vip[0].service.proto, IPPROTO_TCP);
	assert_int_equal(what.vip[0].moved, 65537);
	assert_int_equal(what.vip[0].unavoidable, 65537);
	assert_int_equal(what.vip[0].orphaned, 65537);
	assert_int_equal(what.vip[1].change, LB_WHATIF_ADDED);
	assert_int_equal(what.vip[1].service.proto, IPPROTO_UDP);
	assert_int_equal(what.vip[1].moved, 0);
	assert_int_equal(what.vip[2].change, LB_WHATIF_STAYS);
	assert_int_equal(what.vip[2].moved, 0);
	assert_int_equal(what.vip[3].change, LB_WHATIF_ADDED);
	lb_whatif_free(&what);
	lb_config_free(&before);
	lb_config_free(&after);
}

/* Hashes of another size are other entries: about three quarters of four backends' change. */
static void another_size_of_table(void **state)
{
	struct lb_config before = {}, after;
	struct lb_whatif_vip what;

	(void)state;
	with(&before, A, 4);
	assert_int_equal(lb_config_copy(&after, &before), 0);
	after.vip[0].table_size = 1009;
	what = ask(&before, &after);
	assert_int_equal(what.entries, 1009);
	assert_in_range(what.moved, 650, 860);
	assert_int_equal(what.orphaned, 0);
	lb_config_free(&before);
	lb_config_free(&after);
}

/* --- flows */

#define FLOWS 20000

/* make_flows - each where its VIP puts it, a fifth of those of A from 172/8; two VIPs mixed */
static struct lb_flow *make_flows(const struct lb_config *config)
{
	struct lb_flow *flow = calloc(FLOWS, sizeof(*flow));
	const struct lb_service keys[2] = { service(A), service(B) };
	uint32_t hash = 1, i;

	for (i = 0; i < FLOWS; i++) {
		hash = hash * 1664525 + 1013904223;
		flow[i] = (struct lb_flow){ .service = keys[i % 2], .hash = hash };
		flow[i].source[0] = i % 10 == 4 ? 172 : 198;
	}
	for (i = 0; i < 2; i++) {
		const struct lb_vip *vip = lb_vip_find(config, &keys[i]);
		uint16_t *table = lb_vip_table(vip);
		uint32_t j;

		for (j = i; j < FLOWS; j += 2)
			flow[j].backend =
				lb_vip_pick(vip, table, flow[j].hash, flow[j].source)->endpoint;
		free(table);
	}
	return flow;
}

static uint32_t flows_of(const struct lb_flow *flow, unsigned int i, uint8_t proto)
{
	const struct lb_backend made = server(i);
	uint32_t j, count = 0;

	for (j = 0; j < FLOWS; j++)
		count += flow[j].service.proto == proto &&
			 !lb_endpoint_compare(&flow[j].backend, &made.endpoint);
	return count;
}

static void flows_when_a_backend_changes(void **state)
{
	struct lb_config before = {}, after;
	struct lb_whatif_flows kept, hashed;
	struct lb_flow *flow;
	uint32_t had;

	(void)state;
	with(&before, A, 10);
	with(&before, B, 10);
	flow = make_flows(&before);
	had = flows_of(flow, 3, IPPROTO_TCP);
	assert_in_range(had, 800, 1200);

	assert_int_equal(lb_whatif_flows(&before, flow, FLOWS, &kept, &hashed), 0);
	assert_int_equal(kept.stay, FLOWS);
	assert_int_equal(hashed.stay, FLOWS);

	assert_int_equal(lb_config_copy(&after, &before), 0);
	change(&after, A, 3, -1, LB_DRAINING);
	assert_int_equal(lb_whatif_flows(&after, flow, FLOWS, &kept, &hashed), 0);
	assert_int_equal(kept.stay, FLOWS);
	assert_in_range(hashed.move, had, had + FLOWS * 3 / 200);
	assert_int_equal(hashed.stay, FLOWS - hashed.move);

	change(&after, A, 3, -1, LB_DOWN);
	assert_int_equal(lb_whatif_flows(&after, flow, FLOWS, &kept, &hashed), 0);
	assert_int_equal(kept.move, had);
	assert_int_equal(kept.lost, 0);

	after.vip[0].flags = LB_NO_TABLE;
	assert_int_equal(lb_whatif_flows(&after, flow, FLOWS, &kept, &hashed), 0);
	assert_int_equal(kept.move, hashed.move);
	assert_true(kept.move > had);
	free(flow);
	lb_config_free(&before);
	lb_config_free(&after);
}

static void flows_without_a_vip_or_backends(void **state)
{
	struct lb_config before = {}, after;
	const struct lb_service key = service(B);
	struct lb_whatif_flows kept, hashed;
	struct lb_flow *flow;
	uint32_t had;
	size_t i;

	(void)state;
	with(&before, A, 2);
	with(&before, B, 2);
	flow = make_flows(&before);
	had = flows_of(flow, 1, IPPROTO_TCP);
	assert_int_equal(lb_config_copy(&after, &before), 0);
	assert_int_equal(lb_vip_del(&after, &key), 0);
	for (i = 0; i < 2; i++)
		change(&after, A, i, 0, LB_ACTIVE);
	assert_int_equal(lb_whatif_flows(&after, flow, FLOWS, &kept, &hashed), 0);
	assert_int_equal(kept.stay, FLOWS / 2);
	assert_int_equal(kept.lost, FLOWS / 2);
	assert_int_equal(hashed.lost, FLOWS);
	remove_one(&after, A, 1);
	assert_int_equal(lb_whatif_flows(&after, flow, FLOWS, &kept, &hashed), 0);
	assert_int_equal(kept.lost, FLOWS / 2 + had);
	assert_int_equal(kept.stay, FLOWS / 2 - had);
	free(flow);
	lb_config_free(&before);
	lb_config_free(&after);
}

static void flows_with_source_prefixes(void **state)
{
	const struct lb_service key = service(A);
	struct lb_source source = { .prefix = { { 172 }, AF_INET, 8 } };
	struct lb_config before = {}, after;
	struct lb_whatif_flows kept, hashed;
	struct lb_flow *flow;
	uint32_t elsewhere = 0, i;

	(void)state;
	with(&before, A, 4);
	with(&before, B, 4);
	flow = make_flows(&before);
	source.backend = server(2).endpoint;
	for (i = 0; i < FLOWS; i++)
		elsewhere += flow[i].service.proto == IPPROTO_TCP && flow[i].source[0] == 172 &&
			     lb_endpoint_compare(&flow[i].backend, &source.backend) != 0;
	assert_in_range(elsewhere, 1400, 1600); /* three quarters of 2,000 */
	assert_int_equal(lb_config_copy(&after, &before), 0);
	assert_int_equal(lb_source_add(&after, &key, &source), 0);
	assert_int_equal(lb_whatif_flows(&after, flow, FLOWS, &kept, &hashed), 0);
	assert_int_equal(kept.stay, FLOWS);
	assert_int_equal(hashed.move, elsewhere);
	change(&after, A, 2, 0, LB_ACTIVE); /* takes nothing new, so the table decides */
	assert_int_equal(lb_whatif_flows(&after, flow, FLOWS, &kept, &hashed), 0);
	assert_in_range(hashed.move, flows_of(flow, 2, IPPROTO_TCP),
			flows_of(flow, 2, IPPROTO_TCP) + FLOWS * 3 / 200);
	free(flow);
	lb_config_free(&before);
	lb_config_free(&after);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_changes),
		cmocka_unit_test(a_backend_goes_and_comes),
		cmocka_unit_test(a_weight_is_halved),
		cmocka_unit_test(the_last_goes),
		cmocka_unit_test(vips_come_and_go),
		cmocka_unit_test(another_size_of_table),
		cmocka_unit_test(flows_when_a_backend_changes),
		cmocka_unit_test(flows_without_a_vip_or_backends),
		cmocka_unit_test(flows_with_source_prefixes),
	};

	return cmocka_run_group_tests_name("lb_whatif", tests, NULL, NULL);
}
