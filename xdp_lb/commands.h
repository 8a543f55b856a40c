/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The commands, each in the file of its name. */
#ifndef XDP_LB_COMMANDS_H
#define XDP_LB_COMMANDS_H

#include "libecbpf/cli.h"
#include "xdp_lb/config.h"
#include "xdp_lb/edit.h"

struct json_object;

/**
 * struct lb_opts - options of all commands; common first. A command reads those in its table
 * @conns, @conns6, @nat: sizes of tables; 0: not said
 * @no_monitor: of attach: start none in the background
 * @checks: of monitor: file of health checks, or NULL
 * @background: of monitor: leave it running
 * @said: of VIPs and backends
 * @numbers: of show: counters in place of connections
 * @watch_ns, @count: of stats; 0: not said
 * @apply: of import: make it run
 */
struct lb_opts {
	struct ecbpf_common common;
	uint64_t conns;
	uint64_t conns6;
	uint64_t nat;
	bool no_monitor;
	const char *checks;
	bool background;
	struct lb_said said;
	bool numbers;
	uint64_t watch_ns;
	uint64_t count;
	bool apply;
};

int cmd_attach(const void *opts, int argc, char **argv);
int cmd_detach(const void *opts, int argc, char **argv);
int cmd_status(const void *opts, int argc, char **argv);
int cmd_monitor(const void *opts, int argc, char **argv);

int cmd_vip(const void *opts, int argc, char **argv);
int cmd_backend(const void *opts, int argc, char **argv);
int cmd_source(const void *opts, int argc, char **argv);
int cmd_show(const void *opts, int argc, char **argv);
int cmd_stats(const void *opts, int argc, char **argv);
int cmd_conns(const void *opts, int argc, char **argv);
int cmd_save(const void *opts, int argc, char **argv);
int cmd_restore(const void *opts, int argc, char **argv);
int cmd_import(const void *opts, int argc, char **argv);
int cmd_whatif(const void *opts, int argc, char **argv);
int cmd_explain(const void *opts, int argc, char **argv);

/* --- what commands share: cmd_vip.c */

/** cmd_change - carry out these words; reports what went wrong */
int cmd_change(const struct lb_opts *opts, const char *noun, int argc, char **argv);

/** cmd_list - @print the configuration that runs; reports what went wrong */
int cmd_list(const struct lb_opts *opts, const char *noun,
	     int (*print)(const struct lb_opts *opts, const struct lb_config *config,
			  const char *operand),
	     const char *operand);

/** cmd_list_vips - @list, as text or to an array, all VIPs or the one that @operand names */
int cmd_list_vips(const struct lb_opts *opts, const struct lb_config *config, const char *operand,
		  void (*list)(const struct lb_vip *vip, struct json_object *array));

/** cmd_list_forward - " mode MODE" and the mode's options, as text */
void cmd_list_forward(const struct lb_forward *forward);

#endif
