/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#ifndef XDP_ROOT_COMMANDS_H
#define XDP_ROOT_COMMANDS_H

#include <stdbool.h>
#include <stdint.h>

#include "libecbpf/cli.h"

/**
 * struct options - of all commands of xdp_root; a command reads those in its table
 * @mode: enum ecbpf_mode
 * @nop: leave a pass-through program
 * @watch_ns: print again every so often; 0: once
 * @interval_ns: over which rates are measured; 0: no rates
 * @one_in: share of packets that is traced or timed
 * @count: stop after so many; 0: never
 */
struct options {
	struct ecbpf_common common;
	int mode;
	bool nop;
	uint64_t watch_ns;
	uint64_t interval_ns;
	uint64_t duration_ns;
	uint64_t one_in;
	uint64_t count;
};

int cmd_attach(const void *opts, int argc, char **argv);
int cmd_detach(const void *opts, int argc, char **argv);
int cmd_upgrade(const void *opts, int argc, char **argv);
int cmd_status(const void *opts, int argc, char **argv);
int cmd_stats(const void *opts, int argc, char **argv);
int cmd_reset(const void *opts, int argc, char **argv);
int cmd_slot(const void *opts, int argc, char **argv);
int cmd_check(const void *opts, int argc, char **argv);
int cmd_trace(const void *opts, int argc, char **argv);
int cmd_profile(const void *opts, int argc, char **argv);
int cmd_codes(const void *opts, int argc, char **argv);

/*
 * each_interface - run @one on every interface of the operands; goes on after a failure, which
 * @one has told, and returns the first
 */
int each_interface(const struct options *opts, int argc, char **argv,
		   int (*one)(const struct options *opts, const char *ifname));

/* root_tag - tag of the root program that this tool carries: loads it, attaches nothing */
int root_tag(char *tag, size_t size);

#endif
