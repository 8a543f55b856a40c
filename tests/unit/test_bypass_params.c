// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Parameters: words, ranges, values that do not go together, ticks and back. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bypass_ipvs/params.h"
#include "libecbpf/cli.h"
#include "libecbpf/ecbpf.h"
#include "libecbpf/json.h"

#define DEFAULT_LINE                                                                             \
	"inactive=60s sample=4s retry=500ms tries=3 admit=2 shadow=0 monitor=off unknown-pps=0 " \
	"unknown-max-pps=0 reset-pps=0 reset-per-flow=0"

/* parse - the words of a text */
static int parse(const char *text, struct bypass_params *params)
{
	char *copy = strdup(text), *save, *words[32], *word;
	size_t count = 0;
	int err;

	for (word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save))
		words[count++] = word;
	err = params_parse(count, words, params);
	free(copy);
	return err;
}

static char *line_of(const struct bypass_params *params)
{
	char *text = NULL;
	size_t len;
	FILE *to = open_memstream(&text, &len);

	assert_non_null(to);
	params_line(to, params);
	fclose(to);
	return text;
}

static void defaults(void **state)
{
	const unsigned int hz = ecbpf_hz();
	struct bypass_params params;
	char *line;

	(void)state;
	memset(&params, 0xff, sizeof(params));
	params_default(&params);
	assert_int_equal(params.inactive, 60 * hz);
	assert_int_equal(params.sample, 4 * hz);
	assert_int_equal(params.retry, hz / 2);
	assert_int_equal(params.tries, 3);
	assert_int_equal(params.admit, 2);
	assert_int_equal(params.pad[4], 0);
	assert_int_equal(params_check(&params), 0);
	line = line_of(&params);
	assert_string_equal(line, DEFAULT_LINE);
	free(line);
}

static void words_change_what_they_name(void **state)
{
	const unsigned int hz = ecbpf_hz();
	struct bypass_params params;
	char *line;

	(void)state;
	params_default(&params);
	assert_int_equal(parse("sample=20s inactive=900 retry=1.5s tries=100 admit=1000 shadow=7 "
			       "monitor=on unknown-max-pps=2000 unknown-pps=1000 reset-pps=50 "
			       "reset-per-flow=0x10",
			       &params),
			 0);
	assert_int_equal(params.sample, 20 * hz);
	assert_int_equal(params.inactive, 900 * hz);
	assert_int_equal(params.retry, 3 * hz / 2);
	assert_int_equal(params.shadow_one_in, 7);
	assert_int_equal(params.monitor, 1);
	assert_int_equal(params.unknown_pps, 1000);
	assert_int_equal(params.unknown_max_pps, 2000);
	line = line_of(&params);
	assert_string_equal(line,
			    "inactive=900s sample=20s retry=1500ms tries=100 admit=1000 shadow=7 "
			    "monitor=on unknown-pps=1000 unknown-max-pps=2000 reset-pps=50 "
			    "reset-per-flow=16");
	free(line);
	assert_int_equal(parse("monitor=off", &params), 0);
	assert_int_equal(params.monitor, 0);
	assert_int_equal(params.tries, 100);
}

static void bad_words(void **state)
{
	static const struct {
		const char *words, *error;
		int err;
	} cases[] = {
		{ "sample", "sample is not NAME=VALUE", -EINVAL },
		{ "=4", " is no parameter", -EINVAL },
		{ "sampl=4s", "sampl is no parameter", -EINVAL },
		{ "sample4s=1", "sample4s is no parameter", -EINVAL },
		{ "sample=", "sample:  is not a duration, such as 1.5s or 200ms", -EINVAL },
		{ "sample=4d", "sample: 4d is not a duration, such as 1.5s or 200ms", -EINVAL },
		{ "sample=50ms", "sample: 50ms is not in 100ms to 900s", -ERANGE },
		{ "inactive=0", "inactive: 0 is not in 1s to 900s", -ERANGE },
		{ "inactive=901s", "inactive: 901s is not in 1s to 900s", -ERANGE },
		{ "inactive=5124095h", "inactive: 5124095h is not in 1s to 900s", -ERANGE },
		{ "retry=1ns", "retry: 1ns is not in 10ms to 900s", -ERANGE },
		{ "tries=0", "tries: 0 is not in 1 to 100", -ERANGE },
		{ "tries=three", "tries: three is not a number", -EINVAL },
		{ "admit=1001", "admit: 1001 is not in 1 to 1000", -ERANGE },
		{ "shadow=4294967296", "shadow: 4294967296 is not in 0 to 4294967295", -ERANGE },
		{ "monitor=1", "monitor: 1 is none of off|on", -EINVAL },
		{ "unknown-pps=1000000001 unknown-max-pps=1",
		  "unknown-pps: 1000000001 is not in 0 to 1000000000", -ERANGE },
		{ "tries=5 admit=3 tries=5", "tries is named twice", -EINVAL },
		{ "sample=60s", "sample (60s) must be less than inactive (60s)", -EINVAL },
		{ "inactive=3s", "sample (4s) must be less than inactive (3s)", -EINVAL },
		{ "retry=5s", "retry (5s) must not be more than sample (4s)", -EINVAL },
		{ "unknown-pps=9", "unknown-max-pps (0) must not be less than unknown-pps (9)",
		  -EINVAL },
	};
	struct bypass_params params, before;
	size_t i;

	(void)state;
	params_default(&before);
	before.tries = 77;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char words[128];

		params = before;
		/* a good word before the bad one changes nothing either */
		snprintf(words, sizeof(words), "reset-pps=1 %s", cases[i].words);
		assert_int_equal(parse(words, &params), cases[i].err);
		assert_string_equal(ecbpf_error(), cases[i].error);
		assert_memory_equal(&params, &before, sizeof(params));
	}
}

static void set_is_judged_as_a_whole(void **state)
{
	struct bypass_params params;

	(void)state;
	params_default(&params);
	/* in whatever order: only the last state counts */
	assert_int_equal(parse("sample=100s retry=100s inactive=101s", &params), 0);
	assert_int_equal(parse("inactive=1s retry=10ms sample=100ms", &params), 0);
	assert_int_equal(params.inactive, ecbpf_hz());
	assert_int_equal(parse("unknown-pps=5 unknown-max-pps=5", &params), 0);
}

/* Text of every duration makes the same ticks again, whatever the kernel's HZ is. */
static void ticks_and_back(void **state)
{
	static const unsigned int hz[] = { 24, 100, 128, 250, 256, 300, 1000, 1024, 1200 };
	char text[32];
	uint32_t ticks;
	uint64_t ns;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(hz) / sizeof(hz[0]); i++) {
		for (ticks = 1; ticks <= 905 * hz[i]; ticks++) {
			params_ticks_text(ticks, hz[i], text, sizeof(text));
			assert_int_equal(ecbpf_parse_duration(text, 0, UINT64_MAX, &ns), 0);
			if (params_ticks(ns, hz[i]) != ticks)
				fail_msg("%u ticks of %u: %s", ticks, hz[i], text);
		}
	}
}

static void ticks_are_the_nearest(void **state)
{
	char text[8];

	(void)state;
	assert_int_equal(params_ticks(0, 250), 0);
	assert_int_equal(params_ticks(1, 250), 1);
	assert_int_equal(params_ticks(5999999, 250), 1);
	assert_int_equal(params_ticks(6000000, 250), 2);
	assert_int_equal(params_ticks(900 * PARAMS_S, 1000), 900000);
	assert_int_equal(params_ticks(UINT64_MAX, 1000), UINT32_MAX);
	params_ticks_text(25, 250, text, sizeof(text));
	assert_string_equal(text, "100ms");
	params_ticks_text(100, 300, text, sizeof(text));
	assert_string_equal(text, ""); /* 333.333ms has no room */
}

static void switched_at_once(void **state)
{
	struct bypass_settings settings = { .active = 1 };
	struct bypass_params params;

	(void)state;
	params_default(&settings.params[1]);
	params = settings.params[1];
	params.tries = 9;
	params_store(&settings, &params);
	assert_int_equal(settings.active, 0);
	assert_int_equal(settings.params[0].tries, 9);
	assert_int_equal(settings.params[1].tries, 3);
	params.tries = 10;
	params_store(&settings, &params);
	assert_int_equal(settings.active, 1);
	assert_int_equal(settings.params[1].tries, 10);
	assert_int_equal(settings.params[0].tries, 9);
}

static void json(void **state)
{
	struct json_object *array, *row;
	struct bypass_params params;

	(void)state;
	params_default(&params);
	assert_int_equal(parse("monitor=on sample=1.5s", &params), 0);
	array = params_json(&params);
	assert_int_equal(json_object_array_length(array), 11);
	row = json_object_array_get_idx(array, 1);
	assert_string_equal(json_object_get_string(json_object_object_get(row, "name")), "sample");
	assert_string_equal(json_object_get_string(json_object_object_get(row, "unit")), "us");
	assert_int_equal(json_object_get_int64(json_object_object_get(row, "value")), 1500000);
	assert_int_equal(json_object_get_int64(json_object_object_get(row, "default")), 4000000);
	assert_int_equal(json_object_get_int64(json_object_object_get(row, "min")), 100000);
	row = json_object_array_get_idx(array, 6);
	assert_true(json_object_is_type(json_object_object_get(row, "value"), json_type_boolean));
	assert_true(json_object_get_boolean(json_object_object_get(row, "value")));
	json_object_put(array);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults),	    cmocka_unit_test(words_change_what_they_name),
		cmocka_unit_test(bad_words),	    cmocka_unit_test(set_is_judged_as_a_whole),
		cmocka_unit_test(ticks_and_back),   cmocka_unit_test(ticks_are_the_nearest),
		cmocka_unit_test(switched_at_once), cmocka_unit_test(json),
	};

	return cmocka_run_group_tests_name("bypass_params", tests, NULL, NULL);
}
