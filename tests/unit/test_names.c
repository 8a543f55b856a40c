// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Every code, column and row has a name, and each its own. */
#include <ctype.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "libecbpf/ecbpf.h"

struct code {
	const char *constant;
	__u32 value;
	const char *name;
	const char *text;
};

static const struct code codes[] = {
#define CODE(constant, value, name, text) { #constant, value, name, text },
	ECBPF_CODES(CODE)
#undef CODE
};
#define CODES (sizeof(codes) / sizeof(codes[0]))

static void codes_are_named_as_they_are_listed(void **state)
{
	__u32 code, known = 0;
	size_t i;

	(void)state;
	for (i = 0; i < CODES; i++) {
		assert_string_equal(ecbpf_code_name(codes[i].value), codes[i].name);
		assert_string_equal(ecbpf_code_text(codes[i].value), codes[i].text);
		assert_in_range(strlen(codes[i].text), 10, 60);
	}
	for (code = 0; code < ECBPF_CODES_MAX; code++)
		known += ecbpf_code_name(code) != NULL;
	assert_int_equal(known, CODES); /* no value twice, and no name without a row */
}

static void code_names_are_unique(void **state)
{
	size_t i, j;

	(void)state;
	for (i = 0; i < CODES; i++)
		for (j = 0; j < i; j++)
			assert_string_not_equal(codes[i].name, codes[j].name);
}

/* What scripts and exporters may rely on: no space, no capital. */
static void code_names_are_plain(void **state)
{
	const char *at;
	size_t i;

	(void)state;
	for (i = 0; i < CODES; i++) {
		assert_true(islower((unsigned char)codes[i].name[0]));
		for (at = codes[i].name; *at; at++)
			assert_true(islower((unsigned char)*at) || isdigit((unsigned char)*at) ||
				    *at == '-');
	}
}

static void codes_out_of_range_have_no_name(void **state)
{
	(void)state;
	assert_null(ecbpf_code_name(510)); /* the last of the users' */
	assert_null(ecbpf_code_name(ECBPF_CODES_MAX));
	assert_null(ecbpf_code_text(ECBPF_CODES_MAX));
	assert_null(ecbpf_code_name(UINT_MAX));
	assert_int_equal(ECBPF_CODE_OTHER, ECBPF_CODES_MAX - 1);
}

static void columns(void **state)
{
	unsigned int i, j;

	(void)state;
	for (i = 0; i < ECBPF_COLUMNS_MAX; i++) {
		assert_non_null(ecbpf_column_name(i));
		for (j = 0; j < i; j++)
			assert_string_not_equal(ecbpf_column_name(i), ecbpf_column_name(j));
	}
	assert_null(ecbpf_column_name(ECBPF_COLUMNS_MAX));
	assert_null(ecbpf_column_name(UINT_MAX));
	assert_string_equal(ecbpf_column_name(ECBPF_NEXT + 1), "next");
	assert_string_equal(ecbpf_column_name(2 /* XDP_PASS */ + 1), "pass");
}

static void rows(void **state)
{
	char number[8];
	int slot;

	(void)state;
	assert_string_equal(ecbpf_row_name(ECBPF_ROW_ROOT), "root");
	for (slot = 0; slot < ECBPF_SLOTS; slot++) {
		snprintf(number, sizeof(number), "%d", slot);
		assert_string_equal(ecbpf_row_name(ECBPF_ROW_SLOT(slot)), number);
	}
	assert_string_equal(ecbpf_row_name(ECBPF_ROW_END), "end");
	assert_null(ecbpf_row_name(ECBPF_ROWS));
	assert_null(ecbpf_row_name(UINT_MAX));
}

static void states_modes_and_pins(void **state)
{
	(void)state;
	assert_string_equal(ecbpf_state_name(ECBPF_NONE), "none");
	assert_string_equal(ecbpf_state_name(ECBPF_NOP), "nop");
	assert_string_equal(ecbpf_state_name(ECBPF_RUNNING), "running");
	assert_string_equal(ecbpf_state_name(ECBPF_GONE), "gone");
	assert_string_equal(ecbpf_mode_name(ECBPF_MODE_ANY), "none");
	assert_string_equal(ecbpf_mode_name(ECBPF_MODE_NATIVE), "native");
	assert_string_equal(ecbpf_mode_name(ECBPF_MODE_SKB), "skb");
	assert_string_equal(ecbpf_mode_name(ECBPF_MODE_HW), "hw");
	assert_string_equal(ecbpf_pin_health_name(ECBPF_PINS_OK), "ok");
	assert_string_equal(ecbpf_pin_health_name(ECBPF_PINS_MISSING), "missing");
	assert_string_equal(ecbpf_pin_health_name(ECBPF_PINS_UNFINISHED), "unfinished");
	assert_string_equal(ecbpf_pin_health_name(ECBPF_PINS_UNTRIED), "untried");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(codes_are_named_as_they_are_listed),
		cmocka_unit_test(code_names_are_unique),
		cmocka_unit_test(code_names_are_plain),
		cmocka_unit_test(codes_out_of_range_have_no_name),
		cmocka_unit_test(columns),
		cmocka_unit_test(rows),
		cmocka_unit_test(states_modes_and_pins),
	};

	return cmocka_run_group_tests_name("names", tests, NULL, NULL);
}
