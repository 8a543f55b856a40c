// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Health checks as they are written, and what results in a row make of a backend. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "libecbpf/ecbpf.h"
#include "xdp_lb/checks.h"
#include "xdp_lb/text.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define MS	     1000000ULL

static const struct lb_check *find(const struct lb_checks *checks, const char *text)
{
	struct lb_service service;

	assert_int_equal(lb_service_parse(text, &service), 0);
	return lb_checks_find(checks, &service);
}

static void defaults_are_as_written(void **state)
{
	struct lb_checks checks;
	const struct lb_check *check;

	(void)state;
	assert_int_equal(lb_checks_parse("check tcp:192.0.2.1:80 http", &checks), 0);
	assert_int_equal(checks.count, 1);
	check = find(&checks, "tcp:192.0.2.1:80");
	assert_non_null(check);
	assert_int_equal(check->kind, LB_CHECK_HTTP);
	assert_int_equal(check->interval_ns, 2000 * MS);
	assert_int_equal(check->timeout_ns, 1000 * MS);
	assert_int_equal(check->rise, 2);
	assert_int_equal(check->fall, 3);
	assert_int_equal(check->port, 0);
	assert_int_equal(check->status_min, 200);
	assert_int_equal(check->status_max, 399);
	assert_string_equal(check->path, "/");
	assert_string_equal(check->host, "");
	assert_null(find(&checks, "tcp:192.0.2.1:81"));
	lb_checks_free(&checks);
	assert_int_equal(checks.count, 0);
}

static const char everything[] =
	"# of two sites\n"
	"\n"
	"check tcp:192.0.2.1:443 https interval 500ms timeout 0.25s rise 1 fall 10 port 8443 "
	"path /x?y=z host www.example.org expect 204 # the last\r\n"
	"  check\tudp:[2001:db8::1]:53 udp send 00ffA0 expect 0a\n"
	"check any:192.0.2.2 script script /bin/true\n"
	"check tcp:192.0.2.3:1-9 tcp port 5\n";

static void all_options_are_read(void **state)
{
	const struct lb_check *check;
	struct lb_checks checks;

	(void)state;
	assert_int_equal(lb_checks_parse(everything, &checks), 0);
	assert_int_equal(checks.count, 4);
	check = find(&checks, "tcp:192.0.2.1:443");
	assert_int_equal(check->kind, LB_CHECK_HTTPS);
	assert_int_equal(check->interval_ns, 500 * MS);
	assert_int_equal(check->timeout_ns, 250 * MS);
	assert_int_equal(check->rise, 1);
	assert_int_equal(check->fall, 10);
	assert_int_equal(check->port, 8443);
	assert_int_equal(check->status_min, 204);
	assert_int_equal(check->status_max, 204);
	assert_string_equal(check->path, "/x?y=z");
	assert_string_equal(check->host, "www.example.org");
	check = find(&checks, "udp:[2001:db8::1]:53");
	assert_int_equal(check->kind, LB_CHECK_UDP);
	assert_int_equal(check->bytes, 3);
	assert_memory_equal(check->send, "\x00\xff\xa0", 3);
	assert_int_equal(check->wanted, 1);
	assert_int_equal(check->expect[0], 0x0a);
	check = find(&checks, "any:192.0.2.2");
	assert_int_equal(check->kind, LB_CHECK_SCRIPT);
	assert_string_equal(check->script, "/bin/true");
	check = find(&checks, "tcp:192.0.2.3:1-9");
	assert_int_equal(check->kind, LB_CHECK_TCP);
	assert_int_equal(check->port, 5);
	lb_checks_free(&checks);
}

#define TCP "check tcp:192.0.2.1:80 tcp"
#define WEB "check tcp:192.0.2.1:80 http"

static const struct {
	const char *text, *cause;
	int err;
} refused[] = {
	{ "tcp:192.0.2.1:80 tcp x", "line 1: tcp:192.0.2.1:80: not check SERVICE KIND", -EINVAL },
	{ "check tcp:192.0.2.1:80", "line 1: check: not check SERVICE KIND", -EINVAL },
	{ "\ncheck 192.0.2.1:80 tcp", "line 2: 192.0.2.1:80: not a service", -EINVAL },
	{ "check tcp:192.0.2.1:80 icmp", "line 1: icmp: not one of tcp|http|https|udp|script",
	  -EINVAL },
	{ TCP " interval", "line 1: interval: has no value", -EINVAL },
	{ TCP " path /", "line 1: path: no such option of this kind", -EINVAL },
	{ TCP " rise 0", "line 1: 0: not a value of this option", -EINVAL },
	{ TCP " fall 1001", "line 1: 1001: not a value of this option", -EINVAL },
	{ TCP " port 65536", "line 1: 65536: not a value of this option", -EINVAL },
	{ TCP " interval 99ms", "line 1: 99ms: not a value of this option", -EINVAL },
	{ TCP " timeout 3s", "line 1: timeout: longer than the interval", -EINVAL },
	{ WEB " path x", "line 1: x: not a value of this option", -EINVAL },
	{ WEB " host a/b", "line 1: a/b: not a value of this option", -EINVAL },
	{ WEB " expect 300-200", "line 1: 300-200: not a value of this option", -EINVAL },
	{ WEB " expect 99", "line 1: 99: not a value of this option", -EINVAL },
	{ WEB " send 00", "line 1: send: no such option of this kind", -EINVAL },
	{ "check udp:192.0.2.1:53 udp send 0", "line 1: 0: not a value of this option", -EINVAL },
	{ "check udp:192.0.2.1:53 udp send 0g", "line 1: 0g: not a value of this option", -EINVAL },
	{ "check any:192.0.2.1 tcp", "line 1: any:192.0.2.1: a VIP of several ports: say port N",
	  -EINVAL },
	{ "check tcp:192.0.2.1:80 script", "line 1: script: say script PATH", -EINVAL },
	{ "check tcp:192.0.2.1:80 script script true", "line 1: true: not a value of this option",
	  -EINVAL },
	{ "check tcp:192.0.2.1:80 script script /nowhere",
	  "line 1: /nowhere: No such file or directory", -EINVAL },
	{ TCP "\n" WEB, "line 2: tcp:192.0.2.1:80: has a check already", -EEXIST },
};

static void what_is_wrong_is_told(void **state)
{
	struct lb_checks checks = { .count = 77 };
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(refused); i++) {
		print_message("%s\n", refused[i].text);
		assert_int_equal(lb_checks_parse(refused[i].text, &checks), refused[i].err);
		assert_string_equal(ecbpf_error(), refused[i].cause);
		assert_int_equal(checks.count, 77);
	}
}

static void long_lines_are_refused(void **state)
{
	struct lb_checks checks;
	char text[4096];

	(void)state;
	memset(text, '#', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(lb_checks_parse(text, &checks), -EINVAL);
	assert_string_equal(ecbpf_error(), "line 1: too long");
	memset(text, ' ', sizeof(text) - 1);
	snprintf(text, sizeof(text), WEB " path /%0300d", 0);
	assert_int_equal(lb_checks_parse(text, &checks), -EINVAL);
}

/* results: + good, - bad; becomes: ^ up, v down, . as it was */
static void results(struct lb_verdict *verdict, const struct lb_check *check, const char *said,
		    const char *becomes)
{
	bool before, changed;

	for (; *said; said++, becomes++) {
		before = verdict->up;
		changed = lb_verdict_take(verdict, check, *said == '+');
		assert_int_equal(changed, *becomes != '.');
		assert_int_equal(verdict->up, changed ? *becomes == '^' : before);
	}
	assert_int_equal(*becomes, '\0');
}

static void it_takes_several_in_a_row(void **state)
{
	const struct lb_check check = { .rise = 2, .fall = 3 };
	const struct lb_check once = { .rise = 1, .fall = 1 };
	struct lb_verdict verdict = { .up = true };

	(void)state;
	results(&verdict, &check, "+++--+--+---", "...........v");
	results(&verdict, &check, "---+-+-++", "........^");
	results(&verdict, &check, "--", "..");
	results(&verdict, &once, "-++-", "v^.v");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_are_as_written),
		cmocka_unit_test(all_options_are_read),
		cmocka_unit_test(what_is_wrong_is_told),
		cmocka_unit_test(long_lines_are_refused),
		cmocka_unit_test(it_takes_several_in_a_row),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
