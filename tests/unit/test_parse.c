// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Values as people type them: good ones, bad ones, and that a bad one changes nothing. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "libecbpf/cli.h"

#define UNTOUCHED 4711

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

/* --- numbers */

struct number_row {
	const char *text;
	uint64_t min, max;
	int err;
	uint64_t value;
};

static void numbers(void **state)
{
	static const struct number_row rows[] = {
		{ "0", 0, UINT64_MAX, 0, 0 },
		{ "7", 0, 10, 0, 7 },
		{ "007", 0, 10, 0, 7 }, /* not octal */
		{ "010", 0, 10, 0, 10 },
		{ "0x10", 0, 100, 0, 16 },
		{ "0Xff", 0, 255, 0, 255 },
		{ "0xDEADbeef", 0, UINT64_MAX, 0, 0xdeadbeef },
		{ "18446744073709551615", 0, UINT64_MAX, 0, UINT64_MAX },
		{ "0xffffffffffffffff", 0, UINT64_MAX, 0, UINT64_MAX },
		{ "00000000000000000000000000000001", 0, 1, 0, 1 },
		{ "5", 5, 5, 0, 5 },
		{ "4", 5, 9, -ERANGE, 0 },
		{ "10", 5, 9, -ERANGE, 0 },
		{ "18446744073709551616", 0, UINT64_MAX, -ERANGE, 0 },
		{ "99999999999999999999999", 0, UINT64_MAX, -ERANGE, 0 },
		{ "0x10000000000000000", 0, UINT64_MAX, -ERANGE, 0 },
		{ "", 0, 10, -EINVAL, 0 },
		{ " 1", 0, 10, -EINVAL, 0 },
		{ "1 ", 0, 10, -EINVAL, 0 },
		{ "+1", 0, 10, -EINVAL, 0 },
		{ "-1", 0, UINT64_MAX, -EINVAL, 0 },
		{ "0x", 0, 10, -EINVAL, 0 },
		{ "x1", 0, 10, -EINVAL, 0 },
		{ "0x-1", 0, UINT64_MAX, -EINVAL, 0 },
		{ "0x0x1", 0, 10, -EINVAL, 0 },
		{ "1a", 0, 100, -EINVAL, 0 },
		{ "0xg", 0, 100, -EINVAL, 0 },
		{ "1.0", 0, 10, -EINVAL, 0 },
		{ "1\n", 0, 10, -EINVAL, 0 },
	};
	uint64_t value;
	size_t i;
	int err;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		value = UNTOUCHED;
		err = ecbpf_parse_number(rows[i].text, rows[i].min, rows[i].max, &value);
		if (err != rows[i].err || value != (err ? UNTOUCHED : rows[i].value))
			fail_msg("\"%s\": %d, %llu", rows[i].text, err, (unsigned long long)value);
	}
}

/* --- durations */

static void durations(void **state)
{
	static const struct number_row rows[] = {
		{ "1", 0, UINT64_MAX, 0, 1000000000 },
		{ "1s", 0, UINT64_MAX, 0, 1000000000 },
		{ "0", 0, UINT64_MAX, 0, 0 },
		{ "0s", 0, UINT64_MAX, 0, 0 },
		{ "200ms", 0, UINT64_MAX, 0, 200000000 },
		{ "3us", 0, UINT64_MAX, 0, 3000 },
		{ "5ns", 0, UINT64_MAX, 0, 5 },
		{ "2m", 0, UINT64_MAX, 0, 120000000000 },
		{ "3h", 0, UINT64_MAX, 0, 10800000000000 },
		{ "1.5s", 0, UINT64_MAX, 0, 1500000000 },
		{ "1.5", 0, UINT64_MAX, 0, 1500000000 },
		{ "0.25ms", 0, UINT64_MAX, 0, 250000 },
		{ "0.001us", 0, UINT64_MAX, 0, 1 },
		{ "1.5h", 0, UINT64_MAX, 0, 5400000000000 },
		{ "0.1m", 0, UINT64_MAX, 0, 6000000000 },
		{ "1.9ns", 0, UINT64_MAX, 0, 1 }, /* cut, not rounded */
		{ "1.0000000019s", 0, UINT64_MAX, 0, 1000000001 },
		{ "18446744073.709551615", 0, UINT64_MAX, 0, UINT64_MAX },
		{ "18446744073709551615ns", 0, UINT64_MAX, 0, UINT64_MAX },
		{ "000000000000000000000000000000001s", 0, UINT64_MAX, 0, 1000000000 },
		{ "1s", 1000000000, 1000000000, 0, 1000000000 },
		{ "999ms", 1000000000, 2000000000, -ERANGE, 0 },
		{ "2.1s", 1000000000, 2000000000, -ERANGE, 0 },
		{ "18446744073.709551616", 0, UINT64_MAX, -ERANGE, 0 },
		{ "18446744073.8", 0, UINT64_MAX, -ERANGE, 0 },
		{ "18446744074s", 0, UINT64_MAX, -ERANGE, 0 },
		{ "99999999999999999999h", 0, UINT64_MAX, -ERANGE, 0 },
		{ "999999999999999999999999999999s", 0, UINT64_MAX, -ERANGE, 0 },
		{ "", 0, UINT64_MAX, -EINVAL, 0 },
		{ "s", 0, UINT64_MAX, -EINVAL, 0 },
		{ ".5s", 0, UINT64_MAX, -EINVAL, 0 },
		{ "1.s", 0, UINT64_MAX, -EINVAL, 0 },
		{ "1.", 0, UINT64_MAX, -EINVAL, 0 },
		{ ".", 0, UINT64_MAX, -EINVAL, 0 },
		{ "1.2.3", 0, UINT64_MAX, -EINVAL, 0 },
		{ "-1s", 0, UINT64_MAX, -EINVAL, 0 },
		{ "+1s", 0, UINT64_MAX, -EINVAL, 0 },
		{ "1 s", 0, UINT64_MAX, -EINVAL, 0 },
		{ "1S", 0, UINT64_MAX, -EINVAL, 0 },
		{ "1d", 0, UINT64_MAX, -EINVAL, 0 },
		{ "1sec", 0, UINT64_MAX, -EINVAL, 0 },
		{ "0x1s", 0, UINT64_MAX, -EINVAL, 0 },
		{ "1e3", 0, UINT64_MAX, -EINVAL, 0 },
	};
	uint64_t ns;
	size_t i;
	int err;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		ns = UNTOUCHED;
		err = ecbpf_parse_duration(rows[i].text, rows[i].min, rows[i].max, &ns);
		if (err != rows[i].err || ns != (err ? UNTOUCHED : rows[i].value))
			fail_msg("\"%s\": %d, %llu", rows[i].text, err, (unsigned long long)ns);
	}
}

/* --- prefixes */

static void good_prefixes(void **state)
{
	static const struct {
		const char *text;
		struct ecbpf_prefix want;
	} rows[] = {
		{ "10.1.2.3", { { 10, 1, 2, 3 }, AF_INET, 32 } },
		{ "10.1.2.3/32", { { 10, 1, 2, 3 }, AF_INET, 32 } },
		{ "10.1.2.2/31", { { 10, 1, 2, 2 }, AF_INET, 31 } },
		{ "10.1.0.0/16", { { 10, 1 }, AF_INET, 16 } },
		{ "128.0.0.0/1", { { 128 }, AF_INET, 1 } },
		{ "0.0.0.0/0", { { 0 }, AF_INET, 0 } },
		{ "255.255.255.255", { { 255, 255, 255, 255 }, AF_INET, 32 } },
		{ "10.0.0.0/0x8", { { 10 }, AF_INET, 8 } },
		{ "::/0", { { 0 }, AF_INET6, 0 } },
		{ "::1", { { [15] = 1 }, AF_INET6, 128 } },
		{ "2001:db8::/32", { { 0x20, 0x01, 0x0d, 0xb8 }, AF_INET6, 32 } },
		{ "fe80::/10", { { 0xfe, 0x80 }, AF_INET6, 10 } },
		{ "2001:db8::fe/127", { { 0x20, 0x01, 0x0d, 0xb8, [15] = 0xfe }, AF_INET6, 127 } },
		{ "::ffff:10.1.2.3", { { [10] = 0xff, 0xff, 10, 1, 2, 3 }, AF_INET6, 128 } },
	};
	struct ecbpf_prefix prefix;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		memset(&prefix, 0xaa, sizeof(prefix));
		if (ecbpf_parse_prefix(rows[i].text, &prefix) ||
		    memcmp(&prefix, &rows[i].want, sizeof(prefix)))
			fail_msg("\"%s\"", rows[i].text);
	}
}

static void bad_prefixes(void **state)
{
	static const char *const rows[] = {
		"",
		"/",
		"/8",
		"10.1.2.3/",
		"10.1.2.3/33",
		"10.1.2.3/-1",
		"10.1.2.3/ 8",
		"10.1.2.3/8/8",
		"10.1.2.3/8",
		"10.1.2.3/31",
		"10.1.2",
		"10.1.2.3.4",
		"10.1.2.256",
		"010.1.2.3",
		" 10.1.2.3",
		"10.1.2.3 ",
		"::1/127",
		"::/129",
		"2001:db8::1/64",
		":",
		":::",
		"1::2::3",
		"1:2:3:4:5:6:7:8:9",
		"fe80::1%lo",
		"localhost",
		"10.0.0.0/08x",
		"1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb",
		"128.0.0.0/0",
	};
	struct ecbpf_prefix prefix, before;
	size_t i;

	(void)state;
	memset(&before, 0xaa, sizeof(before));
	prefix = before;
	for (i = 0; i < ROWS(rows); i++)
		if (ecbpf_parse_prefix(rows[i], &prefix) != -EINVAL ||
		    memcmp(&prefix, &before, sizeof(prefix)))
			fail_msg("\"%s\"", rows[i]);
}

/* --- modes */

static void modes(void **state)
{
	static const char *const bad[] = { "", "none", "any", "Native", "xdp", "native ", "hwx" };
	int mode = ECBPF_MODE_ANY;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(bad); i++) {
		assert_int_equal(ecbpf_parse_choice(ECBPF_MODES, bad[i], &mode), -EINVAL);
		assert_int_equal(mode, ECBPF_MODE_ANY);
	}
	assert_int_equal(ecbpf_parse_choice(ECBPF_MODES, "native", &mode), 0);
	assert_int_equal(mode, ECBPF_MODE_NATIVE);
	assert_int_equal(ecbpf_parse_choice(ECBPF_MODES, "skb", &mode), 0);
	assert_int_equal(mode, ECBPF_MODE_SKB);
	assert_int_equal(ecbpf_parse_choice(ECBPF_MODES, "hw", &mode), 0);
	assert_int_equal(mode, ECBPF_MODE_HW);
}

/* --- interfaces */

static void interface_names(void **state)
{
	static const char *const good[] = {
		"eth0",	       "a", "eth0.100", "...", ".a", "br-lan_1", "15-characters--",
		"caf\xc3\xa9", "-", "@a",	"..a"
	};
	static const char *const bad[] = { "",	   ".",	   "..",   "16-characters---",
					   "a/b",  "/",	   "a:b",  "a b",
					   "a\tb", "a\nb", "a\rb", "a\vb",
					   "a\fb", "a\xa0" /* the kernel's isspace() is Latin 1 */ };
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(good); i++)
		if (!ecbpf_ifname_valid(good[i], strlen(good[i])))
			fail_msg("\"%s\" is refused", good[i]);
	for (i = 0; i < ROWS(bad); i++)
		if (ecbpf_ifname_valid(bad[i], strlen(bad[i])))
			fail_msg("\"%s\" is taken", bad[i]);
	assert_true(ecbpf_ifname_valid("eth0,eth1", 4)); /* @len counts, not the NUL */
	assert_false(ecbpf_ifname_valid("et\0h", 4));
}

static void lists(void **state)
{
	static const struct {
		const char *text;
		int err;
		size_t count;
		const char *last;
	} rows[] = {
		{ "eth0", 0, 1, "eth0" },
		{ "eth0,eth1", 0, 2, "eth1" },
		{ "c,b,a", 0, 3, "a" },
		{ "15-characters--,a", 0, 2, "a" },
		{ "", -EINVAL, 0, NULL },
		{ ",", -EINVAL, 0, NULL },
		{ "a,", -EINVAL, 0, NULL },
		{ ",a", -EINVAL, 0, NULL },
		{ "a,,b", -EINVAL, 0, NULL },
		{ "a, b", -EINVAL, 0, NULL },
		{ "a,16-characters---", -EINVAL, 0, NULL },
		{ "a,a", -EEXIST, 0, NULL },
		{ "a,b,a", -EEXIST, 0, NULL },
	};
	struct ecbpf_iflist list = {};
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		if (ecbpf_iflist_add(&list, rows[i].text) != rows[i].err ||
		    list.count != rows[i].count)
			fail_msg("\"%s\": %zu", rows[i].text, list.count);
		if (rows[i].last)
			assert_string_equal(list.name[list.count - 1], rows[i].last);
		ecbpf_iflist_free(&list);
		assert_int_equal(list.count, 0);
		assert_null(list.name);
	}
}

static void failed_addition_adds_nothing(void **state)
{
	struct ecbpf_iflist list = {};

	(void)state;
	assert_int_equal(ecbpf_iflist_add(&list, "a,b"), 0);
	assert_int_equal(ecbpf_iflist_add(&list, "c,d,b"), -EEXIST);
	assert_int_equal(ecbpf_iflist_add(&list, "c,/"), -EINVAL);
	assert_int_equal(list.count, 2);
	assert_int_equal(ecbpf_iflist_add(&list, "c"), 0);
	assert_string_equal(list.name[0], "a");
	assert_string_equal(list.name[1], "b");
	assert_string_equal(list.name[2], "c");
	ecbpf_iflist_free(&list);
}

static void list_of_arguments(void **state)
{
	char *good[] = { "a,b", "c" }, *twice[] = { "a,b", "b" };
	struct ecbpf_iflist list;

	(void)state;
	assert_int_equal(ecbpf_iflist_args(&list, 2, good), 0);
	assert_int_equal(list.count, 3);
	assert_string_equal(list.name[2], "c");
	ecbpf_iflist_free(&list);
	assert_int_equal(ecbpf_iflist_args(&list, 2, twice), -EEXIST);
	assert_int_equal(list.count, 0);
	assert_null(list.name);
	assert_non_null(strstr(ecbpf_error(), "b is named twice"));
	assert_int_equal(ecbpf_iflist_args(&list, 0, NULL), 0);
	assert_int_equal(list.count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers),
		cmocka_unit_test(durations),
		cmocka_unit_test(good_prefixes),
		cmocka_unit_test(bad_prefixes),
		cmocka_unit_test(modes),
		cmocka_unit_test(interface_names),
		cmocka_unit_test(lists),
		cmocka_unit_test(failed_addition_adds_nothing),
		cmocka_unit_test(list_of_arguments),
	};

	return cmocka_run_group_tests_name("parse", tests, NULL, NULL);
}
