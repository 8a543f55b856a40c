/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* A ruleset that a test makes, plans and compiles. */
#ifndef TESTS_UNIT_FW_SUBJECT_H
#define TESTS_UNIT_FW_SUBJECT_H

#include "xdp_fw/plan.h"

/** struct subject - a ruleset, all of it */
struct subject {
	struct fw_ruleset set;
	struct fw_plan plan;
	struct fw_compiled compiled;
};

/** subject_parse - rules as text, one after the other; fails the test if they do not parse */
void subject_parse(struct subject *subject, const char *text);

/** subject_rules - @count rules, all blank but for fragment; they are freed as any others */
struct fw_rule *subject_rules(struct subject *subject, size_t count);

void subject_free(struct subject *subject);

#endif
