// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* xdp_root: what it refuses and with which code, what reaches the members, what is counted. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <linux/bpf.h>

#include <cmocka.h>

#include "tests/bpf/suite.h"
#include "tests/fuzz/cases.h"
#include "tests/fuzz/check.h"
#include "tests/fuzz/packets.h"
#include "tests/fuzz/reference.h"

#define SEED	0xecb0
#define PACKETS 1000000

/* Counters are compared after so many frames: each comparison reads all of them. */
#define BATCH 64

/* The member that everything valid must reach; it returns what the root never does itself. */
#define MEMBER_SLOT   3
#define MEMBER_ACTION XDP_TX
#define MEMBER_MARK   33

/* expect - account one frame by what the reference says of it; returns the action */
static int expect(struct suite *suite, const struct facts *facts, size_t len)
{
	const __u32 refusal = reference_refusal(facts);
	const __u32 code = facts->link.code ? facts->link.code : facts->net.code;

	if (code)
		suite->want.code[code]++;
	if (refusal) {
		suite_expect(suite, ECBPF_ROW_ROOT, ECBPF_COLUMN_ABORTED, len);
		return XDP_ABORTED;
	}
	suite_expect(suite, ECBPF_ROW_ROOT, ECBPF_COLUMN_NEXT, len);
	suite_expect(suite, ECBPF_ROW_SLOT(MEMBER_SLOT), MEMBER_ACTION + 1, len);
	return MEMBER_ACTION;
}

static void run_case(void **state)
{
	const struct check_case *c = *state;
	struct suite *suite = suite_get((void **)&c->subject);
	const __u32 reached[] = { MEMBER_MARK, 0 }, nobody[] = { 0 };
	uint8_t frame[CASE_FRAME_MAX];
	size_t len = frame_bytes(c->frame->hex, frame);
	int action = expect(suite, &c->frame->want, len);

	assert_int_equal(suite_run(suite, frame, len), action);
	suite_expect_trail(suite, action == XDP_ABORTED ? nobody : reached);
	suite_check(suite);
}

static void differential(void **state)
{
	struct suite *suite = suite_get(state);
	const uint64_t count = packets_count(PACKETS);
	struct packets packets;
	struct facts facts;
	uint64_t i;
	int action;

	packets_begin(&packets, SEED);
	print_message("# %" PRIu64 " packets, seed %#" PRIx64 "\n", count, packets.state);
	for (i = 0; i < count; i++) {
		packets_next(&packets, SUITE_FRAME_MIN);
		reference_parse(packets.frame, packets.len, &facts);
		action = expect(suite, &facts, packets.len);
		if (suite_run(suite, packets.frame, packets.len) != action)
			fail_msg("packet %" PRIu64 ": not action %d", i, action);
		if (i % BATCH == BATCH - 1)
			suite_check(suite);
	}
	suite_check(suite);
	memset(suite->trail, 0, sizeof(*suite->trail));
}

int main(void)
{
	const struct member_config config = { .mark = MEMBER_MARK, .action = MEMBER_ACTION };
	const struct CMUnitTest more[] = { cmocka_unit_test(differential) };
	struct suite *suite = NULL;
	int failed = suite_open((void **)&suite);

	if (!failed && suite->root)
		suite_member(suite, MEMBER_SLOT, &config);
	if (!failed)
		failed = check_cases("root", suite, run_case, more, 1);
	if (suite)
		suite_close((void **)&suite);
	return failed != 0;
}
