// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* pkt.bpf.h in the kernel: named cases, every truncation of them, and a stream of odd frames. */
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/bpf/suite.h"
#include "tests/fuzz/cases.h"
#include "tests/fuzz/check.h"
#include "tests/fuzz/packets.h"
#include "tests/fuzz/reference.h"
#include "tests/bpf/parse.skel.h"

#define SEED	0xecbf
#define PACKETS 1000000

static struct parse *get(struct parse *parse)
{
	if (!parse) {
		print_message("# loading programs needs CAP_BPF and CAP_NET_ADMIN\n");
		skip();
	}
	return parse;
}

static const struct facts *parse_kernel(const struct parse *parse, const uint8_t *frame, size_t len)
{
	assert_int_equal(suite_test_run(bpf_program__fd(parse->progs.test_parse), frame, len),
			 XDP_PASS);
	return &parse->bss->test_facts;
}

static void run_case(void **state)
{
	const struct check_case *c = *state;
	const struct parse *parse = get(c->subject);
	uint8_t frame[CASE_FRAME_MAX];
	size_t len = frame_bytes(c->frame->hex, frame);
	struct facts want;

	check_facts("kernel", frame, len, parse_kernel(parse, frame, len), &c->frame->want);
	for (; len >= SUITE_FRAME_MIN; len--) {
		reference_parse(frame, len, &want);
		check_facts("kernel", frame, len, parse_kernel(parse, frame, len), &want);
	}
}

static void differential(void **state)
{
	const uint64_t count = packets_count(PACKETS);
	const struct parse *parse = get(*state);
	struct packets packets;
	struct facts want;
	uint64_t i;

	packets_begin(&packets, SEED);
	print_message("# %" PRIu64 " packets, seed %#" PRIx64 "\n", count, packets.state);
	for (i = 0; i < count; i++) {
		packets_next(&packets, SUITE_FRAME_MIN);
		reference_parse(packets.frame, packets.len, &want);
		check_facts("kernel", packets.frame, packets.len,
			    parse_kernel(parse, packets.frame, packets.len), &want);
	}
}

int main(void)
{
	const struct CMUnitTest more[] = { cmocka_unit_test(differential) };
	struct parse *parse = parse__open_and_load();
	int failed;

	if (!parse && errno != EPERM)
		return 1;
	suite_pin_cpu();
	failed = check_cases("parse", parse, run_case, more, 1);
	parse__destroy(parse);
	return failed;
}
