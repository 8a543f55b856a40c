// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* The tuple maps as commands read them, over memory of the test's own. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <pthread.h>

#include "bypass_ipvs/flows.h"

#define BUCKETS	 4
#define BUCKETS6 2

struct seen {
	struct ecbpf_tuple key[BUCKETS * BYPASS_WAYS + BUCKETS6 * BYPASS_WAYS];
	struct bypass_flow flow[BUCKETS * BYPASS_WAYS + BUCKETS6 * BYPASS_WAYS];
	size_t count, stop_at;
};

struct fixture {
	struct bypass_bucket4 v4[BUCKETS];
	struct bypass_bucket6 v6[BUCKETS6];
	struct flows flows;
};

static void fixture_init(struct fixture *fixture)
{
	memset(fixture, 0, sizeof(*fixture));
	fixture->flows = (struct flows){
		{ fixture->v4, sizeof(struct bypass_flow4), BUCKETS * BYPASS_WAYS },
		{ fixture->v6, sizeof(struct bypass_flow6), BUCKETS6 * BYPASS_WAYS },
	};
}

static void put4(struct fixture *fixture, size_t bucket, size_t way, __u16 path, __u32 host)
{
	fixture->v4[bucket].way[way] = (struct bypass_flow4){
		.flow = { .mark = ECBPF_MARK(0xdeadbeef, path, 3),
			  .packets = 10 * host,
			  .bytes = 1000 * host },
		.key = { .saddr = htonl(0xc0000200 + host),
			 .daddr = htonl(0xc6336401),
			 .sport = htons(1024 + host),
			 .dport = htons(80),
			 .rest = ECBPF_REST(6, 10, 20) },
	};
}

static void put6(struct fixture *fixture, size_t bucket, size_t way, __u16 path, __u32 host)
{
	fixture->v6[bucket].way[way] = (struct bypass_flow6){
		.flow = { .mark = ECBPF_MARK(1, path, 9), .packets = host, .bytes = 100 * host },
		.key = { .saddr = { htonl(0x20010db8), 0, 0, htonl(host) },
			 .daddr = { htonl(0xfd000000), 0, 0, htonl(1) },
			 .rest = ECBPF_REST(17, 0, 0) },
	};
}

static int see(void *arg, const struct ecbpf_tuple *key, const struct bypass_flow *flow)
{
	struct seen *seen = arg;

	seen->key[seen->count] = *key;
	seen->flow[seen->count] = *flow;
	return ++seen->count == seen->stop_at ? -ECANCELED : 0;
}

static void every_flow_once(void **state)
{
	struct fixture fixture;
	struct seen seen = {};

	(void)state;
	fixture_init(&fixture);
	put4(&fixture, 0, 0, 1, 1);
	put4(&fixture, 2, 5, 65535, 2);
	put4(&fixture, BUCKETS - 1, BYPASS_WAYS - 1, 2, 3);
	put6(&fixture, BUCKETS6 - 1, BYPASS_WAYS - 1, 4, 7);
	assert_int_equal(flows_scan(&fixture.flows, see, &seen), 0);
	assert_int_equal(seen.count, 4);
	assert_int_equal(seen.flow[0].packets, 10);
	assert_int_equal(ECBPF_MARK_ID(seen.flow[1].mark), 65535);
	assert_int_equal(ECBPF_MARK_GEN(seen.flow[1].mark), 3);
	assert_int_equal(seen.flow[2].bytes, 3000);
	assert_memory_equal(&seen.key[3], &fixture.v6[BUCKETS6 - 1].way[BYPASS_WAYS - 1].key,
			    sizeof(struct ecbpf_tuple));
}

static void ipv4_as_mapped(void **state)
{
	const struct ecbpf_tuple want = {
		.saddr = { 0, 0, htonl(0xffff), htonl(0xc0000205) },
		.daddr = { 0, 0, htonl(0xffff), htonl(0xc6336401) },
		.sport = htons(1029),
		.dport = htons(80),
		.rest = 6 | 10 << 8 | 20 << 20,
	};
	struct fixture fixture;
	struct seen seen = {};

	(void)state;
	fixture_init(&fixture);
	put4(&fixture, 1, 1, 1, 5);
	put6(&fixture, 0, 0, 1, 5);
	assert_int_equal(flows_scan(&fixture.flows, see, &seen), 0);
	assert_int_equal(seen.count, 2);
	assert_memory_equal(&seen.key[0], &want, sizeof(want));
	assert_true(ecbpf_tuple_is_v4(&seen.key[0]));
	assert_false(ecbpf_tuple_is_v4(&seen.key[1]));
}

static void free_and_busy_are_none(void **state)
{
	struct fixture fixture;
	struct seen seen = {};

	(void)state;
	fixture_init(&fixture);
	put4(&fixture, 0, 0, 1, 1);
	fixture.v4[0].way[0].flow.mark = 0;
	put4(&fixture, 0, 1, 1, 2);
	fixture.v4[0].way[1].flow.mark = ECBPF_MARK_BUSY;
	put6(&fixture, 0, 0, 1, 1);
	fixture.v6[0].way[0].flow.mark = ECBPF_MARK_BUSY;
	assert_int_equal(flows_scan(&fixture.flows, see, &seen), 0);
	assert_int_equal(seen.count, 0);
}

static void visitor_ends_it(void **state)
{
	struct fixture fixture;
	struct seen seen = { .stop_at = 2 };
	size_t i;

	(void)state;
	fixture_init(&fixture);
	for (i = 0; i < 4; i++)
		put4(&fixture, i, i, 1, i + 1);
	put6(&fixture, 0, 0, 1, 1);
	assert_int_equal(flows_scan(&fixture.flows, see, &seen), -ECANCELED);
	assert_int_equal(seen.count, 2);
}

/* An entry that is given away again and again, as its kernel writers do it. */
struct writer {
	struct bypass_flow6 *entry;
	bool stop;
	uint64_t written;
};

static void *write_on(void *arg)
{
	struct writer *writer = arg;
	struct bypass_flow6 *entry = writer->entry;
	__u32 number = 0;
	size_t i;

	for (; !__atomic_load_n(&writer->stop, __ATOMIC_RELAXED); number++) {
		__atomic_store_n(&entry->flow.mark, ECBPF_MARK_BUSY, __ATOMIC_SEQ_CST);
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		for (i = 0; i < 4; i++) {
			__atomic_store_n(&entry->key.saddr[i], number, __ATOMIC_RELAXED);
			__atomic_store_n(&entry->key.daddr[i], number, __ATOMIC_RELAXED);
		}
		__atomic_store_n(&entry->key.rest, number, __ATOMIC_RELAXED);
		__atomic_store_n(&entry->flow.mark, ECBPF_MARK(number, 1, 1), __ATOMIC_RELEASE);
	}
	writer->written = number;
	return NULL;
}

static int whole(void *arg, const struct ecbpf_tuple *key, const struct bypass_flow *flow)
{
	const __u32 number = ECBPF_MARK_CHECK(flow->mark);
	size_t i;

	++*(uint64_t *)arg;
	for (i = 0; i < 4; i++)
		if (key->saddr[i] != number || key->daddr[i] != number)
			return -EBADMSG;
	return key->rest == number ? 0 : -EBADMSG;
}

static void copies_are_whole(void **state)
{
	struct fixture fixture;
	struct writer writer = {};
	uint64_t seen = 0, tries = 0;
	pthread_t thread;
	int err = 0;

	(void)state;
	fixture_init(&fixture);
	writer.entry = &fixture.v6[1].way[3];
	assert_int_equal(pthread_create(&thread, NULL, write_on, &writer), 0);
	while (!err && seen < 20000 && ++tries < 100000000)
		err = flows_scan(&fixture.flows, whole, &seen);
	__atomic_store_n(&writer.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	assert_int_equal(err, 0);
	assert_int_equal(seen, 20000);
	assert_true(writer.written > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_flow_once),	  cmocka_unit_test(ipv4_as_mapped),
		cmocka_unit_test(free_and_busy_are_none), cmocka_unit_test(visitor_ends_it),
		cmocka_unit_test(copies_are_whole),
	};

	return cmocka_run_group_tests_name("bypass_flows", tests, NULL, NULL);
}
