// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* pkt.bpf.h compiled for the host: the same cases as in the kernel, and frames too short for it. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "libecbpf/ecbpf.h"
#include "tests/fuzz/cases.h"
#include "tests/fuzz/check.h"
#include "tests/fuzz/packets.h"
#include "tests/fuzz/reference.h"
#include "tests/fuzz/subject.h"

#define SEED	0xecb9f
#define PACKETS 1000000

/* Ends where the allocation ends, for the sanitizer; headers lie aligned, as in a driver's buffer. */
static void parse_host(const uint8_t *frame, size_t len, struct facts *facts)
{
	uint8_t *copy = malloc(len + 2);
	struct pkt p = { copy + 2, copy + 2 + len };

	assert_non_null(copy);
	memcpy(copy + 2, frame, len);
	memset(facts, 0, sizeof(*facts));
	subject_parse(p, facts);
	free(copy);
}

static void run_case(void **state)
{
	const struct frame_case *c = ((const struct check_case *)*state)->frame;
	uint8_t frame[CASE_FRAME_MAX];
	size_t len = frame_bytes(c->hex, frame), cut;
	struct facts host, model;

	reference_parse(frame, len, &model);
	check_facts("reference", frame, len, &model, &c->want);
	for (cut = 0; cut <= len; cut++) {
		parse_host(frame, cut, &host);
		reference_parse(frame, cut, &model);
		check_facts("host", frame, cut, &host, &model);
	}
}

static void differential(void **state)
{
	const uint64_t count = packets_count(PACKETS);
	struct facts host, model;
	struct packets packets;
	uint64_t i;

	(void)state;
	packets_begin(&packets, SEED);
	print_message("# %" PRIu64 " packets, seed %#" PRIx64 "\n", count, packets.state);
	for (i = 0; i < count; i++) {
		packets_next(&packets, 0);
		parse_host(packets.frame, packets.len, &host);
		reference_parse(packets.frame, packets.len, &model);
		check_facts("host", packets.frame, packets.len, &host, &model);
	}
}

/* The stream is worth its time only if it meets everything that there is to find. */
static void stream_meets_every_code(void **state)
{
	unsigned int seen[ECBPF_CODES_MAX] = {}, code;
	struct packets packets;
	struct facts facts;
	int i;

	(void)state;
	packets_begin(&packets, SEED);
	for (i = 0; i < 100000; i++) {
		packets_next(&packets, 0);
		reference_parse(packets.frame, packets.len, &facts);
		seen[facts.link.code ? facts.link.code : facts.net.code]++;
		seen[facts.upper.code]++;
	}
	for (code = ECBPF_CODE_ETH_TRUNCATED; code <= ECBPF_CODE_ICMPV6_TRUNCATED; code++)
		if (seen[code] < 10)
			fail_msg("%s: %u times", ecbpf_code_name(code), seen[code]);
}

int main(void)
{
	const struct CMUnitTest more[] = {
		cmocka_unit_test(differential),
		cmocka_unit_test(stream_meets_every_code),
	};

	return check_cases("pkt", NULL, run_case, more, sizeof(more) / sizeof(more[0]));
}
