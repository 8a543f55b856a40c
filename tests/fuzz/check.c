// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/fuzz/check.h"

int check_cases(const char *group, void *subject, void (*test)(void **state),
		const struct CMUnitTest *more, size_t more_count)
{
	const size_t count = frame_cases_count + more_count;
	struct check_case *cases = calloc(frame_cases_count, sizeof(*cases));
	struct CMUnitTest *tests = calloc(count, sizeof(*tests));
	int failed = 1;
	size_t i;

	for (i = 0; cases && tests && i < count; i++) {
		if (i >= frame_cases_count) {
			tests[i] = more[i - frame_cases_count];
			tests[i].initial_state = subject;
			continue;
		}
		cases[i] = (struct check_case){ subject, &frame_cases[i] };
		tests[i] = (struct CMUnitTest){ .name = frame_cases[i].name,
						.test_func = test,
						.initial_state = &cases[i] };
	}
	if (cases && tests)
		failed = _cmocka_run_group_tests(group, tests, count, NULL, NULL);
	free(tests);
	free(cases);
	return failed;
}

static void show(const char *who, const struct facts *facts)
{
	const struct facts_link *link = &facts->link;
	const struct facts_net *net = &facts->net;
	const struct facts_upper *upper = &facts->upper;

	print_error("%-9s link: code %u, end %u, type %04x, %u tags %04x %04x, offset %u\n", who,
		    link->code, link->end, link->proto, link->vlans, link->tci[0], link->tci[1],
		    link->offset);
	print_error("%-9s net: code %u, version %u, offset %u, end %u, left %u, protocol %u, "
		    "%u extensions, fragment %u, later %u\n",
		    who, net->code, net->version, net->offset, net->end, net->left, net->proto,
		    net->exts, net->fragment, net->later);
	print_error("%-9s upper: code %u, protocol %u, offset %u, end %u, left %u, %u %u\n", who,
		    upper->code, upper->proto, upper->offset, upper->end, upper->left,
		    upper->field[0], upper->field[1]);
}

void check_facts(const char *who, const uint8_t *frame, size_t len, const struct facts *got,
		 const struct facts *want)
{
	size_t i;

	if (!memcmp(got, want, sizeof(*got)))
		return;
	print_error("%zu bytes:", len);
	for (i = 0; i < len; i++)
		print_error("%s%02x", i % 4 ? "" : " ", frame[i]);
	print_error("\n");
	show(who, got);
	show("expected", want);
	fail_msg("%s: the facts differ", who);
}
