// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* What an interface's directory of pins is called. */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "libecbpf/ecbpf.h"

#define BASE "/somewhere/ecbpf"

static int base_set(void **state)
{
	(void)state;
	return setenv("ECBPF_BPFFS", BASE, 1);
}

/* expected - @name as it must be in this network namespace: the initial one's has no number */
static void expected(char *buf, size_t size, const char *name)
{
	uint64_t cookie;

	assert_int_equal(ecbpf_netns_cookie(&cookie), 0);
	assert_true(cookie > 0);
	if (cookie == 1)
		snprintf(buf, size, "%s/%s", BASE, name);
	else
		snprintf(buf, size, "%s/%s:%llu", BASE, name, (unsigned long long)cookie);
}

static void names_check(void)
{
	static const char *const rows[][2] = {
		{ "eth0", "eth0" },
		{ "eth0.100", "eth0::100" },
		{ ".a", "::a" },
		{ "a.", "a::" },
		{ "...", "::::::" },
		{ "a..b", "a::::b" },
		{ "..............a", "::::::::::::::::::::::::::::a" },
		{ "15-characters--", "15-characters--" },
		{ "%s%n", "%s%n" },
		{ "$(x)'\"*", "$(x)'\"*" },
		{ "caf\xc3\xa9", "caf\xc3\xa9" },
	};
	char got[PATH_MAX], want[PATH_MAX];
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		expected(want, sizeof(want), rows[i][1]);
		assert_int_equal(ecbpf_pin_dir(rows[i][0], got, sizeof(got)), 0);
		assert_string_equal(got, want);
	}
}

static void dots_become_colons(void **state)
{
	(void)state;
	names_check();
}

static void names_that_no_interface_has(void **state)
{
	static const char *const rows[] = { "",	   ".",	   "..",
					    "a/b", "../x", "a:b",
					    "a b", "a\n",  "16-characters---" };
	char got[PATH_MAX] = "untouched";
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(ecbpf_pin_dir(rows[i], got, sizeof(got)), -EINVAL);
		assert_string_equal(got, "untouched");
	}
}

static void room_must_do(void **state)
{
	char want[PATH_MAX], got[PATH_MAX];
	size_t len;

	(void)state;
	expected(want, sizeof(want), "eth0");
	len = strlen(want);
	assert_int_equal(ecbpf_pin_dir("eth0", got, len + 1), 0);
	assert_string_equal(got, want);
	assert_int_equal(ecbpf_pin_dir("eth0", got, len), -ENAMETOOLONG);
	assert_int_equal(ecbpf_pin_dir("eth0", got, 1), -ENAMETOOLONG);
}

static void base_is_the_suites_own_unless_set(void **state)
{
	char got[PATH_MAX];

	(void)state;
	assert_int_equal(setenv("ECBPF_BPFFS", "", 1), 0);
	assert_int_equal(ecbpf_pin_dir("eth0", got, sizeof(got)), 0);
	assert_int_equal(strncmp(got, ECBPF_BPFFS "/eth0", strlen(ECBPF_BPFFS "/eth0")), 0);
	assert_int_equal(unsetenv("ECBPF_BPFFS"), 0);
	assert_int_equal(ecbpf_pin_dir("eth0", got, sizeof(got)), 0);
	assert_int_equal(strncmp(got, ECBPF_BPFFS "/eth0", strlen(ECBPF_BPFFS "/eth0")), 0);
}

/* Last, because the thread stays in the new namespace. Equal names must not meet. */
static void another_namespace_has_other_names(void **state)
{
	uint64_t before, after;
	char here[PATH_MAX], there[PATH_MAX];

	(void)state;
	assert_int_equal(ecbpf_netns_cookie(&before), 0);
	assert_int_equal(ecbpf_pin_dir("eth0", here, sizeof(here)), 0);
	if (unshare(CLONE_NEWUSER | CLONE_NEWNET)) {
		print_message("# no new network namespace: %s\n", strerror(errno));
		skip();
	}
	assert_int_equal(ecbpf_netns_cookie(&after), 0);
	assert_int_not_equal(after, before);
	assert_int_not_equal(after, 1);
	names_check();
	assert_int_equal(ecbpf_pin_dir("eth0", there, sizeof(there)), 0);
	assert_string_not_equal(here, there);
}

#define PIN_TEST(f) cmocka_unit_test_setup(f, base_set)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PIN_TEST(dots_become_colons),
		PIN_TEST(names_that_no_interface_has),
		PIN_TEST(room_must_do),
		PIN_TEST(base_is_the_suites_own_unless_set),
		PIN_TEST(another_namespace_has_other_names),
	};

	return cmocka_run_group_tests_name("pin", tests, NULL, NULL);
}
