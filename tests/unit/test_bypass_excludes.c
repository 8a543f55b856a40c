// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Lists of excluded prefixes: what is taken, what is refused, in which order they are. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>

#include "bypass_ipvs/excludes.h"
#include "libecbpf/ecbpf.h"

/* add - the words of a text */
static int add(const char *text, struct excludes *list)
{
	char *copy = strdup(text), *save, *words[32], *word;
	size_t count = 0;
	int err;

	for (word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save))
		words[count++] = word;
	err = excludes_parse(count, words, list);
	free(copy);
	return err;
}

static void assert_list(const struct excludes *list, const char *want)
{
	char text[1024] = "", prefix[EXCLUDES_TEXT];
	size_t i, len = 0;

	for (i = 0; i < list->count; i++) {
		excludes_prefix_text(&list->prefix[i], prefix);
		len += snprintf(text + len, sizeof(text) - len, "%s%s", i ? " " : "", prefix);
	}
	assert_string_equal(text, want);
}

static void as_the_kernel_has_them(void **state)
{
	const struct bypass_prefix v4 = { 120, { 0, 0, htonl(0xffff), htonl(0xc0000200) } };
	const struct bypass_prefix v6 = { 32, { htonl(0x20010db8) } };
	struct excludes list = {};

	(void)state;
	assert_int_equal(add("2001:db8::/32 192.0.2.0/24", &list), 0);
	assert_int_equal(list.count, 2);
	assert_memory_equal(&list.prefix[0], &v4, sizeof(v4));
	assert_memory_equal(&list.prefix[1], &v6, sizeof(v6));
	excludes_free(&list);
	assert_null(list.prefix);
}

static void one_order(void **state)
{
	struct excludes list = {};

	(void)state;
	assert_int_equal(add("10.0.0.0/8 2001:db8::1 10.0.0.0/16 9.9.9.9", &list), 0);
	assert_int_equal(add("0.0.0.0/0 2000::/3 ::1 ::ffff:11.0.0.0/104", &list), 0);
	assert_list(&list, "0.0.0.0/0 9.9.9.9/32 10.0.0.0/8 10.0.0.0/16 11.0.0.0/8 ::1/128 "
			   "2000::/3 2001:db8::1/128");
	excludes_free(&list);
}

static void bad_words(void **state)
{
	static const struct {
		const char *words, *error;
		int err;
	} cases[] = {
		{ "192.0.2.1/24", "192.0.2.1/24 has bits set behind its prefix length", -EINVAL },
		{ "host", "host is not an address", -EINVAL },
		{ "1.2.3.4/33", "1.2.3.4/33: the prefix length is not in 0 to 32", -EINVAL },
		{ "::/0", "::/0 has all of IPv4 in it: say 2000::/3 or smaller", -EINVAL },
		{ "::/80", "::/80 has all of IPv4 in it: say 2000::/3 or smaller", -EINVAL },
		{ "::8000:0:0/81", "::8000:0:0/81 has all of IPv4 in it: say 2000::/3 or smaller",
		  -EINVAL },
		{ "::fffe:0:0/95", "::fffe:0:0/95 has all of IPv4 in it: say 2000::/3 or smaller",
		  -EINVAL },
		{ "2.0.0.0/8 2.0.0.0/8", "2.0.0.0/8 is named twice", -EEXIST },
		{ "2.0.0.0/8 ::ffff:2.0.0.0/104", "2.0.0.0/8 is named twice", -EEXIST },
		{ "1.0.0.0/8", "1.0.0.0/8 is excluded already", -EEXIST },
	};
	struct excludes list = {};
	size_t i;

	(void)state;
	assert_int_equal(add("1.0.0.0/8", &list), 0);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char words[128];

		/* nor is the good one entered */
		snprintf(words, sizeof(words), "3.0.0.0/8 %s", cases[i].words);
		assert_int_equal(add(words, &list), cases[i].err);
		assert_string_equal(ecbpf_error(), cases[i].error);
		assert_list(&list, "1.0.0.0/8");
	}
	excludes_free(&list);
}

static void v4_is_not_in_these(void **state)
{
	struct excludes list = {};

	(void)state;
	assert_int_equal(add("8000::/1 ::/96 ::ffff:0:0:0/96 ::/81", &list), 0);
	assert_list(&list, "::/81 ::/96 ::ffff:0:0:0/96 8000::/1");
	excludes_free(&list);
}

static void removed_all_or_none(void **state)
{
	struct excludes list = {}, those = {};

	(void)state;
	assert_int_equal(add("1.0.0.0/8 2.0.0.0/8 3.0.0.0/8 fd00::/8", &list), 0);
	assert_int_equal(add("3.0.0.0/8 3.0.0.0/9", &those), 0);
	assert_int_equal(excludes_remove(&list, &those), -ENOENT);
	assert_string_equal(ecbpf_error(), "3.0.0.0/9 is not excluded");
	assert_list(&list, "1.0.0.0/8 2.0.0.0/8 3.0.0.0/8 fd00::/8");
	excludes_free(&those);
	assert_int_equal(add("fd00::/8 2.0.0.0/8", &those), 0);
	assert_int_equal(excludes_remove(&list, &those), 0);
	assert_list(&list, "1.0.0.0/8 3.0.0.0/8");
	excludes_free(&those);
	excludes_free(&list);
}

static void room_for_so_many(void **state)
{
	static char text[BYPASS_EXCLUDES_MAX + 1][16];
	char *words[BYPASS_EXCLUDES_MAX + 1];
	struct excludes list = {};
	size_t i;

	(void)state;
	for (i = 0; i <= BYPASS_EXCLUDES_MAX; i++) {
		snprintf(text[i], sizeof(text[i]), "10.0.%zu.%zu", i / 256, i % 256);
		words[i] = text[i];
	}
	assert_int_equal(excludes_parse(BYPASS_EXCLUDES_MAX + 1, words, &list), -E2BIG);
	assert_string_equal(ecbpf_error(), "4097 prefixes: there is room for 4096");
	assert_int_equal(excludes_parse(BYPASS_EXCLUDES_MAX, words, &list), 0);
	assert_int_equal(excludes_parse(1, &words[BYPASS_EXCLUDES_MAX], &list), -E2BIG);
	assert_int_equal(list.count, BYPASS_EXCLUDES_MAX);
	excludes_free(&list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_the_kernel_has_them),
		cmocka_unit_test(one_order),
		cmocka_unit_test(bad_words),
		cmocka_unit_test(v4_is_not_in_these),
		cmocka_unit_test(removed_all_or_none),
		cmocka_unit_test(room_for_so_many),
	};

	return cmocka_run_group_tests_name("bypass_excludes", tests, NULL, NULL);
}
