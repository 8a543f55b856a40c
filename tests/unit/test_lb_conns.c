// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Connections, read from tables that the test has filled. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>

#include "xdp_lb/conns.h"

#define HZ	250
#define NOW	5U /* the clock has just wrapped round */
#define BUCKETS 2
#define SEEN	16

struct fixture {
	struct lb_bucket4 v4[BUCKETS];
	struct lb_bucket6 v6[BUCKETS];
	struct lb_backend_entry *backend;
	struct lb_conns conns;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	f->backend = calloc(LB_BACKEND_NUMBERS, sizeof(*f->backend));
	assert_non_null(f->backend);
	f->backend[7] = (struct lb_backend_entry){ .state = LB_BACKEND_UP, .gen = 0x10003 };
	f->backend[65535] = (struct lb_backend_entry){ .state = LB_BACKEND_NO_ROUTE, .gen = 9 };
	f->conns = (struct lb_conns){
		.v4 = { f->v4, sizeof(struct lb_conn4), BUCKETS * LB_WAYS },
		.v6 = { f->v6, sizeof(struct lb_conn6), BUCKETS * LB_WAYS },
		.backend = f->backend,
		.now = NOW,
		.hz = HZ,
	};
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	free(f->backend);
	free(f);
	return 0;
}

/* conn - of backend 7, seen @ago seconds ago, kept for 100 */
static struct lb_conn conn(uint32_t ago, uint32_t flags)
{
	return (struct lb_conn){
		.mark = ECBPF_MARK(0xabcd, 7, 3),
		.packets = 4,
		.bytes = 400,
		.seen = NOW - ago * HZ,
		.created = NOW - 1000 * HZ,
		.idle = 100 * HZ,
		.vip = 1,
		.state = flags,
	};
}

static enum lb_conns_state state_of(const struct fixture *f, uint32_t ago, uint32_t flags)
{
	const struct lb_conn it = conn(ago, flags);

	return lb_conns_state(&f->conns, &it);
}

static void states_by_age(void **state)
{
	const struct fixture *f = *state;
	const uint32_t both = LB_CONN_SEEN_TWICE | LB_CONN_CLOSING;

	assert_int_equal(state_of(f, 0, 0), LB_CONNS_SINGLE);
	assert_int_equal(state_of(f, LB_SINGLE_S, 0), LB_CONNS_SINGLE);
	assert_int_equal(state_of(f, LB_SINGLE_S + 1, 0), LB_CONNS_OVER);
	assert_int_equal(state_of(f, 100, LB_CONN_SEEN_TWICE), LB_CONNS_ESTABLISHED);
	assert_int_equal(state_of(f, 101, LB_CONN_SEEN_TWICE), LB_CONNS_OVER);
	assert_int_equal(state_of(f, LB_CLOSING_S, both), LB_CONNS_CLOSING);
	assert_int_equal(state_of(f, LB_CLOSING_S + 1, both), LB_CONNS_OVER);
}

static void short_idle_counts(void **state)
{
	const struct fixture *f = *state;
	struct lb_conn it = conn(5, LB_CONN_SEEN_TWICE | LB_CONN_CLOSING);

	it.idle = 4 * HZ;
	assert_int_equal(lb_conns_state(&f->conns, &it), LB_CONNS_OVER);
	it.idle = 5 * HZ;
	assert_int_equal(lb_conns_state(&f->conns, &it), LB_CONNS_CLOSING);
}

static void clock_behind_the_stamp(void **state)
{
	const struct fixture *f = *state;
	struct lb_conn it = conn(0, LB_CONN_SEEN_TWICE);

	it.seen = NOW + 3;
	assert_int_equal(ecbpf_ticks_since(f->conns.now, it.seen), 0);
	assert_int_equal(ecbpf_ticks_since(f->conns.now, NOW - 7), 7);
	assert_int_equal(lb_conns_state(&f->conns, &it), LB_CONNS_ESTABLISHED);
}

static void backend_decides(void **state)
{
	struct fixture *f = *state;
	struct lb_conn it = conn(0, LB_CONN_SEEN_TWICE);

	it.mark = ECBPF_MARK(1, 7, 4); /* a generation that was */
	assert_int_equal(lb_conns_state(&f->conns, &it), LB_CONNS_OVER);
	it.mark = ECBPF_MARK(1, 8, 0); /* no such backend */
	assert_int_equal(lb_conns_state(&f->conns, &it), LB_CONNS_OVER);
	it.mark = ECBPF_MARK(1, 65535, 9); /* its packets are dropped, but nobody else's */
	assert_int_equal(lb_conns_state(&f->conns, &it), LB_CONNS_ESTABLISHED);
}

/* --- scans */

struct seen {
	size_t count;
	struct ecbpf_tuple key[SEEN];
	struct lb_conn conn[SEEN];
	int result;
};

static int see(void *arg, const struct ecbpf_tuple *key, const struct lb_conn *it)
{
	struct seen *seen = arg;

	assert_in_range(seen->count, 0, SEEN - 1);
	seen->key[seen->count] = *key;
	seen->conn[seen->count++] = *it;
	return seen->result;
}

static void fill(struct fixture *f)
{
	struct lb_conn4 *four = &f->v4[1].way[5];
	struct lb_conn6 *six = &f->v6[0].way[7];

	f->v4[0].way[0].conn = conn(2000, LB_CONN_SEEN_TWICE); /* over */
	f->v4[0].way[1].conn = conn(0, LB_CONN_SEEN_TWICE);
	f->v4[0].way[1].conn.mark = ECBPF_MARK_BUSY;
	four->conn = conn(1, LB_CONN_SEEN_TWICE);
	four->key = (struct ecbpf_tuple4){ htonl(0xc6336407), htonl(0xc0000201), htons(1025),
					   htons(80), ECBPF_REST(IPPROTO_TCP, 100, 0) };
	six->conn = conn(2, 0);
	six->key = (struct ecbpf_tuple){ .saddr = { htonl(0x20010db8), 0, 0, htonl(7) },
					 .daddr = { htonl(0x20010db8), 0, 0, htonl(1) },
					 .sport = htons(1026),
					 .dport = htons(53),
					 .rest = ECBPF_REST(IPPROTO_UDP, 0, 0) };
}

static void scan_sees_the_living(void **state)
{
	struct fixture *f = *state;
	struct seen seen = {};

	fill(f);
	assert_int_equal(lb_conns_scan(&f->conns, see, &seen), 0);
	assert_int_equal(seen.count, 2);
	assert_true(ecbpf_tuple_is_v4(&seen.key[0]));
	assert_int_equal(seen.key[0].saddr[3], htonl(0xc6336407));
	assert_int_equal(seen.key[0].daddr[3], htonl(0xc0000201));
	assert_int_equal(seen.key[0].sport, htons(1025));
	assert_int_equal(ECBPF_REST_OUTER(seen.key[0].rest), 100);
	assert_int_equal(seen.conn[0].bytes, 400);
	assert_false(ecbpf_tuple_is_v4(&seen.key[1]));
	assert_int_equal(seen.key[1].saddr[3], htonl(7));
	assert_int_equal(lb_conns_state(&f->conns, &seen.conn[1]), LB_CONNS_SINGLE);
}

static void visitor_ends_it(void **state)
{
	struct fixture *f = *state;
	struct seen seen = { .result = -ECANCELED };

	fill(f);
	assert_int_equal(lb_conns_scan(&f->conns, see, &seen), -ECANCELED);
	assert_int_equal(seen.count, 1);
}

static void found_by_its_key(void **state)
{
	struct fixture *f = *state;
	struct ecbpf_tuple key;
	struct lb_conn it = {};

	fill(f);
	key = f->v6[0].way[7].key;
	assert_true(lb_conns_find(&f->conns, &key, &it));
	assert_int_equal(it.seen, NOW - 2 * HZ);
	key.sport ^= 1;
	assert_false(lb_conns_find(&f->conns, &key, &it));
	key = f->v6[0].way[7].key;
	f->v6[0].way[7].conn.mark = ECBPF_MARK(0xabcd, 7, 2);
	assert_false(lb_conns_find(&f->conns, &key, &it));
}

static void names(void **state)
{
	(void)state;
	assert_string_equal(lb_conns_state_name(LB_CONNS_SINGLE), "single");
	assert_string_equal(lb_conns_state_name(LB_CONNS_ESTABLISHED), "established");
	assert_string_equal(lb_conns_state_name(LB_CONNS_CLOSING), "closing");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(states_by_age, setup, teardown),
		cmocka_unit_test_setup_teardown(short_idle_counts, setup, teardown),
		cmocka_unit_test_setup_teardown(clock_behind_the_stamp, setup, teardown),
		cmocka_unit_test_setup_teardown(backend_decides, setup, teardown),
		cmocka_unit_test_setup_teardown(scan_sees_the_living, setup, teardown),
		cmocka_unit_test_setup_teardown(visitor_ends_it, setup, teardown),
		cmocka_unit_test_setup_teardown(found_by_its_key, setup, teardown),
		cmocka_unit_test(names),
	};

	return cmocka_run_group_tests_name("lb_conns", tests, NULL, NULL);
}
