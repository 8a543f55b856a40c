// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Each duration belongs to one bucket, and the bucket says so itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "libecbpf/histogram.h"

#define LAST (ECBPF_NS_BUCKETS - 1)

static void value_lies_in_its_bucket(void **state)
{
	uint64_t ns;
	__u32 bucket;

	(void)state;
	for (ns = 0; ns < 1 << 20; ns++) {
		bucket = ecbpf_ns_bucket(ns);
		assert_true(bucket < LAST);
		assert_true(ecbpf_ns_bucket_low(bucket) <= ns);
		assert_true(ns < ecbpf_ns_bucket_low(bucket + 1));
	}
}

static void no_bucket_stays_empty(void **state)
{
	__u32 bucket;

	(void)state;
	for (bucket = 0; bucket <= LAST; bucket++)
		assert_int_equal(ecbpf_ns_bucket(ecbpf_ns_bucket_low(bucket)), bucket);
}

static void small_values_have_a_bucket_each(void **state)
{
	uint64_t ns;

	(void)state;
	for (ns = 0; ns < ECBPF_NS_LINEAR; ns++)
		assert_int_equal(ecbpf_ns_bucket(ns), ns);
}

static void bucket_is_an_eighth_wide_at_most(void **state)
{
	__u32 bucket;
	uint64_t low;

	(void)state;
	for (bucket = ECBPF_NS_LINEAR; bucket < LAST; bucket++) {
		low = ecbpf_ns_bucket_low(bucket);
		assert_true((ecbpf_ns_bucket_low(bucket + 1) - low) * ECBPF_NS_SUB <= low);
	}
}

static void last_bucket_has_the_rest(void **state)
{
	static const uint64_t rows[] = { 1 << 20,    (1 << 20) + 1,    UINT32_MAX,
					 1ULL << 32, (1ULL << 32) + 5, UINT64_MAX };
	size_t i;

	(void)state;
	assert_int_equal(ecbpf_ns_bucket_low(LAST), 1 << 20);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(ecbpf_ns_bucket(rows[i]), LAST);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(value_lies_in_its_bucket),
		cmocka_unit_test(no_bucket_stays_empty),
		cmocka_unit_test(small_values_have_a_bucket_each),
		cmocka_unit_test(bucket_is_an_eighth_wide_at_most),
		cmocka_unit_test(last_bucket_has_the_rest),
	};

	return cmocka_run_group_tests_name("histogram", tests, NULL, NULL);
}
