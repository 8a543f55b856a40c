/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#ifndef XDP_FW_COMMANDS_H
#define XDP_FW_COMMANDS_H

#include <stdbool.h>
#include <stdint.h>

#include "libecbpf/cli.h"
#include "xdp_fw/live.h"

/**
 * struct options - of all commands of xdp_fw; a command reads those in its table
 * @file: rules; "-": standard input
 * @slot: to attach to; 0 .. 15, or UINT64_MAX: the default
 * @sources: that per-source limits remember
 * @set_entries: that the sets have room for at first
 * @check: change nothing
 * @confirm_ns: until the rules must be confirmed; 0: they need not
 * @at: number that the inserted rule gets; 0: the last
 * @watch_ns, @count: again every so often, so many times
 * @counts: a set counts the hits of its entries
 * @csv: a table for programs
 * @ipv6: ip6tables-save text
 */
struct options {
	struct ecbpf_common common;
	const char *file;
	uint64_t slot;
	uint64_t sources;
	uint64_t set_entries;
	bool check;
	uint64_t confirm_ns;
	uint64_t at;
	uint64_t watch_ns;
	uint64_t count;
	bool counts;
	bool csv;
	bool ipv6;
};

int cmd_attach(const void *opts, int argc, char **argv);
int cmd_detach(const void *opts, int argc, char **argv);
int cmd_status(const void *opts, int argc, char **argv);
int cmd_load(const void *opts, int argc, char **argv);
int cmd_confirm(const void *opts, int argc, char **argv);
int cmd_rollback(const void *opts, int argc, char **argv);
int cmd_insert(const void *opts, int argc, char **argv);
int cmd_delete(const void *opts, int argc, char **argv);
int cmd_replace(const void *opts, int argc, char **argv);
int cmd_flush(const void *opts, int argc, char **argv);
int cmd_default(const void *opts, int argc, char **argv);
int cmd_hygiene(const void *opts, int argc, char **argv);
int cmd_protect(const void *opts, int argc, char **argv);
int cmd_set(const void *opts, int argc, char **argv);
int cmd_list(const void *opts, int argc, char **argv);
int cmd_stats(const void *opts, int argc, char **argv);
int cmd_explain(const void *opts, int argc, char **argv);
int cmd_test(const void *opts, int argc, char **argv);
int cmd_import(const void *opts, int argc, char **argv);
int cmd_save(const void *opts, int argc, char **argv);
int cmd_restore(const void *opts, int argc, char **argv);

/**
 * words_join - operands with spaces between, malloc()ed: a rule may be one operand or several
 *
 * What follows `name` or `tag` is quoted again.
 */
char *words_join(int argc, char **argv);

#endif
