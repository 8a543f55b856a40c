/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <libecbpf/cli.h>

/* Choices of --sort, in the order that the table of options has them. */
enum sort { SORT_PACKETS = 1, SORT_BYTES };

/**
 * struct options - of all commands
 * @slot: attach: where to
 * @count: reports; 0: until a signal
 * @rows: sources listed in a report; 0: all
 * @sources: that are remembered
 * @entries: that one interval has room for, in the kernel
 */
struct options {
	struct ecbpf_common common;
	uint64_t slot;
	uint64_t count;
	uint64_t interval_ns;
	uint64_t rows;
	uint64_t sources;
	uint64_t entries;
	int sort;
};

int cmd_watch(const void *opts, int argc, char **argv);

#endif
