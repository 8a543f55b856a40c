/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The commands, each in the file of its name. */
#ifndef BYPASS_IPVS_COMMANDS_H
#define BYPASS_IPVS_COMMANDS_H

#include "libecbpf/cli.h"

/**
 * struct bypass_opts - options of all commands; common first. A command reads those in its table
 * @inbound, @outbound: lists of interfaces
 * @services: added by hand
 * @flows, @flows6, @paths: sizes of tables; 0: not said
 * @slot: of the roots; UINT64_MAX: not said
 * @no_follow: leave IPVS alone; services are added by hand
 * @monitor: touch no packet
 * @watch_ns, @count: of stats; 0: not said
 * @interval_ms: IPVS is asked so often
 */
struct bypass_opts {
	struct ecbpf_common common;
	struct ecbpf_texts inbound;
	struct ecbpf_texts outbound;
	struct ecbpf_texts services;
	uint64_t flows;
	uint64_t flows6;
	uint64_t paths;
	uint64_t slot;
	bool no_follow;
	bool monitor;
	uint64_t watch_ns;
	uint64_t count;
	uint64_t interval_ms;
};

int cmd_params(const void *opts, int argc, char **argv);
int cmd_exclude(const void *opts, int argc, char **argv);
int cmd_flows(const void *opts, int argc, char **argv);
int cmd_stats(const void *opts, int argc, char **argv);
int cmd_save(const void *opts, int argc, char **argv);
int cmd_restore(const void *opts, int argc, char **argv);

int cmd_attach(const void *opts, int argc, char **argv);
int cmd_detach(const void *opts, int argc, char **argv);
int cmd_status(const void *opts, int argc, char **argv);

int cmd_services(const void *opts, int argc, char **argv);
int cmd_ipvs(const void *opts, int argc, char **argv);
int cmd_follow(const void *opts, int argc, char **argv);

#endif
