/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* One report: text for people, or one line of JSON. */
#ifndef REPORT_H
#define REPORT_H

#include "table.h"

/**
 * struct report - what is not in the table
 * @rows: how many sources are listed; the rest is summed up
 * @elapsed_ns: since the watch began
 * @interval_ns: since the report before
 */
struct report {
	const char *ifname;
	int slot;
	size_t rows;
	uint64_t elapsed_ns;
	uint64_t interval_ns;
};

/* Both flush stdout; -errno if it does not take them. */
int report_text(const struct report *report, const struct table *table);
int report_json(const struct report *report, const struct table *table);

#endif
