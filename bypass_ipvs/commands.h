/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The commands, each in the file of its name. */
#ifndef BYPASS_IPVS_COMMANDS_H
#define BYPASS_IPVS_COMMANDS_H

#include "libecbpf/cli.h"

/** struct bypass_opts - options of all commands; common first */
struct bypass_opts {
	struct ecbpf_common common;
};

#endif
