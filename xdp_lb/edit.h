/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Changes of a configuration in the words of the command line; nothing here knows of kernels. */
#ifndef XDP_LB_EDIT_H
#define XDP_LB_EDIT_H

#include <stdbool.h>
#include <stdint.h>

#include "xdp_lb/config.h"

/* Of a number or a time: the option was not given. */
#define LB_UNSAID UINT64_MAX

/**
 * struct lb_said - what options say of a VIP or a backend
 * @mode, @hash, @state: as in config.h; 0: not said
 * @server_id: as lb_server_id_parse() takes it, or "none"; NULL: not said
 * @source4, @source6: addresses, "none" for the interface's; NULL: not said
 * @gue_port, @table, @id_octets, @rotation, @tcp_idle_ns, @udp_idle_ns, @new_pps, @weight: or LB_UNSAID
 * @no_table, ...: a flag, and the option that takes it back
 */
struct lb_said {
	int mode, hash, state;
	const char *source4, *source6;
	const char *server_id;
	uint64_t gue_port;
	uint64_t table;
	uint64_t id_octets, rotation;
	uint64_t tcp_idle_ns, udp_idle_ns;
	uint64_t new_pps;
	uint64_t weight;
	bool no_table, with_table;
	bool echo, no_echo;
	bool refuse_fragments, allow_fragments;
};

/* Nothing was said. */
#define LB_SAID_NOTHING                                                              \
	{                                                                            \
		.gue_port = LB_UNSAID, .table = LB_UNSAID, .tcp_idle_ns = LB_UNSAID, \
		.udp_idle_ns = LB_UNSAID, .new_pps = LB_UNSAID, .weight = LB_UNSAID, \
		.id_octets = LB_UNSAID, .rotation = LB_UNSAID                        \
	}

/**
 * struct lb_words - a change
 * @noun, @argv: vip add|set|del SERVICE..., backend add|set|del SERVICE BACKEND...,
 *		 source add SERVICE PREFIX BACKEND, source del SERVICE PREFIX...
 */
struct lb_words {
	const struct lb_said *said;
	const char *noun;
	int argc;
	char **argv;
};

/** lb_said_anything - was any option given? */
bool lb_said_anything(const struct lb_said *said);

/** lb_edit_check - lb_edit() would understand these words and options; 0 or ECBPF_EXIT_USAGE */
int lb_edit_check(const struct lb_words *words);

/**
 * lb_edit - carry out a change
 *
 * After a failure @config may have been changed in part: edit a copy.
 * Return: 0; ECBPF_EXIT_USAGE words that nobody can mean; else as the operations of config.h.
 */
int lb_edit(struct lb_config *config, const struct lb_words *words);

#endif
