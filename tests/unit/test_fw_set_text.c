// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Entries of sets as text: good lines, bad ones with their messages, and there and back. */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "xdp_fw/set.h"

#define NOW	    100000
#define HZ	    250
#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

static void good_lines(void **state)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
		{ "10.0.0.1", "10.0.0.1" },
		{ "10.0.0.1/32", "10.0.0.1" },
		{ "10.0.0.0/8", "10.0.0.0/8" },
		{ "128.0.0.0/1", "128.0.0.0/1" },
		{ "::1", "::1" },
		{ "2001:DB8::/32", "2001:db8::/32" },
		{ " \t10.0.0.1 \t# comment", "10.0.0.1" },
		{ "10.0.0.1#comment", "10.0.0.1" },
		{ "10.0.0.1\r", "10.0.0.1" },
		{ "10.0.0.1 tag \"a b\"", "10.0.0.1 tag \"a b\"" },
		{ "10.0.0.1 tag \"#\"", "10.0.0.1 tag \"#\"" },
		{ "10.0.0.1 tag \"a\\\"b\\\\c\" #", "10.0.0.1 tag \"a\\\"b\\\\c\"" },
		{ "10.0.0.1 timeout 1s", "10.0.0.1 timeout 1s" },
		{ "10.0.0.1 timeout 1h", "10.0.0.1 timeout 3600s" },
		{ "10.0.0.1 timeout 64s", "10.0.0.1 timeout 64s" },
		{ "10.0.0.1 timeout 3599", "10.0.0.1 timeout 3599s" },
		{ "10.0.0.1 timeout 2.5m tag \"x\"", "10.0.0.1 tag \"x\" timeout 150s" },
		{ "10.0.0.1 timeout 87600h", "10.0.0.1 timeout 315360000s" },
		{ "10.0.0.1 tag \"caf\xc3\xa9\" timeout 2s",
		  "10.0.0.1 tag \"caf\xc3\xa9\" timeout 2s" },
	};
	struct fw_member *member;
	size_t count, i;
	char *text;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		if (fw_set_parse(rows[i].text, strlen(rows[i].text), NOW, HZ, &member, &count))
			fail_msg("\"%s\": %s", rows[i].text, ecbpf_error());
		assert_int_equal(count, 1);
		text = fw_member_print(member, NOW, HZ);
		assert_non_null(text);
		assert_string_equal(text, rows[i].want);
		free(text);
		free(member);
	}
}

static void bad_lines(void **state)
{
	static const struct {
		const char *text, *error;
	} rows[] = {
		{ "::1\n\n10.0.0", "3:1: not an address near \"10.0.0\"" },
		{ "  x", "1:3: not an address near \"x\"" },
		{ "\"", "1:1: not an address near \"\"\"" },
		{ "10.0.0.1\r\n\r\n::g tag", "3:1: not an address near \"::g\"" },
		{ "10.0.0.1\r ", "1:1: not an address near \"10.0.0.1?\"" },
		{ "10.0.0.0/33", "1:1: not a prefix length near \"10.0.0.0/33\"" },
		{ "10.0.0/8", "1:1: not an address near \"10.0.0/8\"" },
		{ "x/99", "1:1: not an address near \"x/99\"" },
		{ "::/129", "1:1: not a prefix length near \"::/129\"" },
		{ "10.0.0.1/8", "1:1: bits set behind the prefix length near \"10.0.0.1/8\"" },
		{ "0.0.0.0/0", "1:1: a set cannot hold /0 near \"0.0.0.0/0\"" },
		{ "::/0", "1:1: a set cannot hold /0 near \"::/0\"" },
		{ "::1 ::2", "1:5: neither tag nor timeout near \"::2\"" },
		{ "::1\"", "1:4: no space near \"\"\"" },
		{ "::1 tag", "1:5: nothing follows near \"tag\"" },
		{ "::1 tag # x", "1:5: nothing follows near \"tag\"" },
		{ "::1 tag x", "1:9: a tag is in quotes near \"x\"" },
		{ "::1 tag \"\"", "1:9: a tag has at least one byte near \"\"\"\"" },
		{ "::1 tag \"x", "1:9: a tag without its end near \"\"x\"" },
		{ "::1 tag \"x\\\"", "1:9: a tag without its end near \"\"x\\\"\"" },
		{ "::1 tag \"\\n\"", "1:9: a tag cannot have this near \"\"\\n\"\"" },
		{ "::1 tag \"\t\"", "1:9: a tag cannot have this near \"\"?\"\"" },
		{ "::1 tag \"x\"y", "1:12: no space near \"y\"" },
		{ "::1 tag \"x\" tag \"y\"", "1:13: given twice near \"tag\"" },
		{ "::1 timeout 1s timeout 2s", "1:16: given twice near \"timeout\"" },
		{ "::1 timeout", "1:5: nothing follows near \"timeout\"" },
		{ "::1 timeout x", "1:13: not a time near \"x\"" },
		{ "::1 timeout 999ms", "1:13: a timeout is 1 second to 10 years near \"999ms\"" },
		{ "::1 timeout 87601h", "1:13: a timeout is 1 second to 10 years near \"87601h\"" },
	};
	struct fw_member *member = (void *)&rows;
	size_t count = 4711, i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		assert_int_equal(fw_set_parse(rows[i].text, strlen(rows[i].text), NOW, HZ, &member,
					      &count),
				 -EINVAL);
		assert_string_equal(ecbpf_error(), rows[i].error);
		assert_int_equal(count, 4711);
		assert_ptr_equal(member, &rows);
	}
}

static void nul_is_no_end(void **state)
{
	static const char word[] = "10.0.0.1\0", tag[] = "::1 tag \"a\0b\"";
	struct fw_member *member;
	size_t count;

	(void)state;
	assert_int_equal(fw_set_parse(word, sizeof(word), NOW, HZ, &member, &count), -EINVAL);
	assert_string_equal(ecbpf_error(), "1:1: not an address near \"10.0.0.1??\"");
	assert_int_equal(fw_set_parse(tag, sizeof(tag), NOW, HZ, &member, &count), -EINVAL);
	assert_string_equal(ecbpf_error(), "1:9: a tag cannot have this near \"\"a?b\"?\"");
}

static void tag_lengths(void **state)
{
	char text[128], tag[65] = "";
	struct fw_member *member;
	size_t count;

	(void)state;
	memset(tag, 'x', 64);
	snprintf(text, sizeof(text), "::1 tag \"%s\"", tag + 1);
	assert_int_equal(fw_set_parse(text, strlen(text), NOW, HZ, &member, &count), 0);
	assert_string_equal(member->tag, tag + 1);
	free(member);
	snprintf(text, sizeof(text), "::1 tag \"%s\"", tag);
	assert_int_equal(fw_set_parse(text, strlen(text), NOW, HZ, &member, &count), -EINVAL);
	assert_non_null(strstr(ecbpf_error(), "1:9: a tag has at most 63 bytes"));
}

static void many_lines(void **state)
{
	static const char text[] = "# three entries\r\n\r\n10.0.0.1\r\n  # and\n\n2001:db8::/32 "
				   "timeout 64s\n10.0.0.1 tag \"again\"";
	struct fw_member *member;
	size_t count;

	(void)state;
	assert_int_equal(fw_set_parse(text, strlen(text), NOW, HZ, &member, &count), 0);
	assert_int_equal(count, 3);
	assert_int_equal(member[0].prefix.family, AF_INET);
	assert_int_equal(member[0].prefix.length, 32);
	assert_int_equal(member[0].expires, 0);
	assert_int_equal(member[1].prefix.family, AF_INET6);
	assert_int_equal(member[1].prefix.length, 32);
	assert_int_equal(member[1].expires, NOW + HZ + 1);
	assert_string_equal(member[2].tag, "again");
	free(member);
	assert_int_equal(fw_set_parse("", 0, NOW, HZ, &member, &count), 0);
	assert_int_equal(count, 0);
	free(member);
}

static void clock_that_ends(void **state)
{
	static const char text[] = "::1 timeout 87600h";
	struct fw_member *member;
	char *printed;
	size_t count;

	(void)state;
	assert_int_equal(fw_set_parse(text, strlen(text), NOW, 1000, &member, &count), 0);
	assert_int_equal(member->expires, UINT32_MAX);
	member->expires = NOW - 1;
	printed = fw_member_print(member, NOW, 1000);
	assert_string_equal(printed, "::1 timeout 1s"); /* gone, but still a line */
	free(printed);
	free(member);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_lines),	 cmocka_unit_test(bad_lines),
		cmocka_unit_test(nul_is_no_end), cmocka_unit_test(tag_lengths),
		cmocka_unit_test(many_lines),	 cmocka_unit_test(clock_that_ends),
	};

	return cmocka_run_group_tests_name("fw_set_text", tests, NULL, NULL);
}
