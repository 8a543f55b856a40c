/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#ifndef XDP_SAMPLER_COMMANDS_H
#define XDP_SAMPLER_COMMANDS_H

#include <stdbool.h>
#include <stdint.h>

#include "libecbpf/cli.h"
#include "xdp_sampler/config.h"

/**
 * struct options - of all commands of xdp_sampler; a command reads those in its table
 * @one_in, @snap_bytes, @budget: to begin with; UINT64_MAX: not said
 * @connect, @curve_server: endpoint of a client, and its public key; NULL: not said
 * @interval_ns, @count: again every so often, so many times (0: until it is stopped)
 * @lines: of each table
 */
struct options {
	struct ecbpf_common common;
	uint64_t one_in;
	uint64_t snap_bytes;
	uint64_t budget;
	const char *connect;
	const char *curve_server;
	uint64_t interval_ns;
	uint64_t count;
	uint64_t lines;
};

int cmd_attach(const void *opts, int argc, char **argv);
int cmd_detach(const void *opts, int argc, char **argv);
int cmd_rate(const void *opts, int argc, char **argv);
int cmd_filter(const void *opts, int argc, char **argv);
int cmd_status(const void *opts, int argc, char **argv);
int cmd_save(const void *opts, int argc, char **argv);
int cmd_restore(const void *opts, int argc, char **argv);
int cmd_top(const void *opts, int argc, char **argv);

/**
 * struct interface - one with a running root, and how its packets are sampled
 * @sampling: a copy, as rates_complete() leaves it
 * @set: has anybody set anything?
 */
struct interface {
	struct ecbpf_root *root;
	struct sampler_config config;
	struct ecbpf_sampling sampling;
	bool set;
};

/** interface_open - interface_close() it, also after a failure; -ENOENT no root is attached */
int interface_open(const char *ifname, struct interface *interface);
void interface_close(struct interface *interface);

/** interface_store - what is in @sampling holds from now on; does not switch sampling on or off */
void interface_store(struct interface *interface);

/** interfaces_each - run a command for each operand; the first error */
int interfaces_each(const struct options *opts, int argc, char **argv, const char *verb,
		    int (*one)(const struct options *opts, struct interface *interface));

struct json_object;

/** rates_json, filter_json - for the caller to put; the latter NULL if all packets are wanted */
struct json_object *rates_json(const struct ecbpf_sampling *sampling);
struct json_object *filter_json(const struct ecbpf_filter *filter);

#endif
