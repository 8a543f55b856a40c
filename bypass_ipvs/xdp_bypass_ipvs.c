// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <stdio.h>

#include "bypass_ipvs/commands.h"
#include "libecbpf/cli.h"

static struct bypass_opts opts;

static const struct ecbpf_command commands[] = {
	{},
};

int main(int argc, char **argv)
{
	const struct ecbpf_tool tool = {
		.name = "xdp_bypass_ipvs",
		.summary = "forwards packets of connections that IPVS has decided about",
		.commands = commands,
		.opts = &opts,
	};

	return ecbpf_main(&tool, argc, argv);
}
