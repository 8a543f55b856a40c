// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/bpf/lb_trial.h"

#define PACKETS 1000000

/* So many meet every reason code. */
#define PACKETS_MET 250000

/* After so many everything is forgotten. */
#define PACKETS_EACH 20000

uint8_t lb_trial_flags(struct lb_trial *t, uint32_t many)
{
	static const uint8_t flags[] = { FRAMES_SYN, FRAMES_FIN | FRAMES_ACK, FRAMES_RST,
					 FRAMES_SYN | FRAMES_ACK };

	if (one_in(t, many))
		return flags[below(t, 4)];
	return one_in(t, 60) ? below(t, 64) : FRAMES_ACK;
}

void lb_trial_run(struct lb_trial *t, uint8_t *frame, size_t len, uint32_t many)
{
	if (one_in(t, many))
		len = packets_damage(&t->packets, frame, len);
	lb_suite_run(t->suite, frame, len);
}

static void trial_packets(struct lb_trial *t, const struct lb_plan *plan, uint64_t count)
{
	const uint64_t seed = t->packets.state;
	const uint64_t *code = t->suite->model.code;
	uint64_t next = 0;
	size_t i;

	t->packets.state += t->suite->model.buckets[0];
	for (; t->suite->packets < count; plan->step(t)) {
		if (t->suite->packets < next)
			continue;
		lb_suite_reset(t->suite);
		plan->begin(t);
		next += PACKETS_EACH;
	}
	print_message("# %" PRIu64 " packets, %" PRIu64 " of known connections, %" PRIu64
		      " replies, seed %#" PRIx64 "\n",
		      t->suite->packets, code[ECBPF_CODE_LB_FORWARD], code[ECBPF_CODE_LB_REPLY],
		      seed);
	for (i = 0; i < plan->met_count; i++)
		if (count >= PACKETS_MET && !code[plan->met[i]])
			fail_msg("no packet met code %u", plan->met[i]);
}

static void trial(const struct lb_plan *plan, uint32_t buckets, uint32_t buckets6)
{
	struct lb_trial *t = calloc(1, sizeof(*t));

	assert_non_null(t);
	packets_begin(&t->packets, plan->seed);
	t->suite = lb_suite_begin(buckets, buckets6);
	if (!t->suite) {
		free(t);
		skip();
		return;
	}
	trial_packets(t, plan, packets_count(PACKETS) / 2);
	lb_suite_end(t->suite);
	free(t);
}

static void small_tables(void **state)
{
	trial(*state, 1, 1);
}

static void larger_tables(void **state)
{
	trial(*state, 4, 3);
}

int lb_trial_main(const struct lb_plan *plan)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_prestate(small_tables, (void *)plan),
		cmocka_unit_test_prestate(larger_tables, (void *)plan),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
