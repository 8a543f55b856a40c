// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Sums over CPUs and over columns. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "libecbpf/ecbpf.h"

static void sum_is_by_word(void **state)
{
	static const __u64 values[] = { 1, 20, 300, 4, 50, 600, 0, 5, UINT64_MAX };
	__u64 sum[4] = { 9, 9, 9, 9 };

	(void)state;
	ecbpf_percpu_sum(values, 3, 3, sum);
	assert_int_equal(sum[0], 5);
	assert_int_equal(sum[1], 75);
	assert_int_equal(sum[2], 899); /* modulo 2^64 */
	assert_int_equal(sum[3], 9);
}

static void sum_of_one_cpu_is_its_value(void **state)
{
	static const __u64 values[] = { 7, 8 };
	__u64 sum[2] = { 1, 1 };

	(void)state;
	ecbpf_percpu_sum(values, 2, 1, sum);
	assert_memory_equal(sum, values, sizeof(sum));
}

static void sum_of_no_cpu_is_zero(void **state)
{
	__u64 sum[2] = { 1, 1 };

	(void)state;
	ecbpf_percpu_sum(NULL, 2, 0, sum);
	assert_int_equal(sum[0], 0);
	assert_int_equal(sum[1], 0);
}

static void row_has_seen_all_its_columns(void **state)
{
	struct ecbpf_row row = {};
	struct ecbpf_counter seen = ecbpf_row_seen(&row);
	unsigned int column;

	(void)state;
	assert_int_equal(seen.packets, 0);
	assert_int_equal(seen.bytes, 0);
	for (column = 0; column < ECBPF_COLUMNS_MAX; column++) {
		row.by[column].packets = 1ULL << column;
		row.by[column].bytes = 100ULL << 8 * column % 48;
	}
	seen = ecbpf_row_seen(&row);
	assert_int_equal(seen.packets, (1 << ECBPF_COLUMNS_MAX) - 1);
	for (column = 0; column < ECBPF_COLUMNS_MAX; column++)
		seen.bytes -= row.by[column].bytes;
	assert_int_equal(seen.bytes, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sum_is_by_word),
		cmocka_unit_test(sum_of_one_cpu_is_its_value),
		cmocka_unit_test(sum_of_no_cpu_is_zero),
		cmocka_unit_test(row_has_seen_all_its_columns),
	};

	return cmocka_run_group_tests_name("stats", tests, NULL, NULL);
}
