// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* The sampler's command: which packets are drawn. */
#include <stddef.h>

#include "xdp_sampler/commands.h"
#include "xdp_sampler/rates.h"

#define AT(member) offsetof(struct options, member)

static const struct ecbpf_option attach_options[] = {
	{ ECBPF_OPTION_NUMBER, 'o', "one-in", AT(one_in), "N",
	  "sample one packet in N (default 2500)", 1, RATES_ONE_IN_MAX },
	{ ECBPF_OPTION_NUMBER, 's', "snap", AT(snap_bytes), "BYTES",
	  "keep so many bytes of each (default 128)", RATES_SNAP_MIN, ECBPF_SNAP_MAX },
	{ ECBPF_OPTION_NUMBER, 'b', "budget", AT(budget), "N",
	  "at most N samples a second (default 0: no limit)", 0, UINT32_MAX },
	{},
};

static const struct ecbpf_command commands[] = {
	{ "attach", "IF...", "begin to sample packets", 1, -1, attach_options, cmd_attach },
	{ "detach", "IF...", "end it, and forget rates and filter", 1, -1, NULL, cmd_detach },
	{ "rate", "IF show | WORDS...",
	  "default M, slot N|root|end M, action NAME M, reason NAME M, rule N M, budget N, snap "
	  "BYTES; M: one in M, never, or default",
	  2, -1, NULL, cmd_rate },
	{ "filter", "IF show | none | WORDS...", "addr PREFIX, proto NAME|N, port N: only these", 2,
	  -1, NULL, cmd_filter },
	{ "status", "[IF...]", "rates, filter, and what became of drawn packets", 0, -1, NULL,
	  cmd_status },
	{ "save", "IF", "rates and filter, as text", 1, 1, NULL, cmd_save },
	{ "restore", "IF", "what save has written, from standard input, all or nothing", 1, 1, NULL,
	  cmd_restore },
	{},
};

int main(int argc, char **argv)
{
	struct options opts = {
		.one_in = UINT64_MAX,
		.snap_bytes = UINT64_MAX,
		.budget = UINT64_MAX,
	};
	const struct ecbpf_tool tool = {
		"xdp_sampler", NULL,  "Samples of packets, with what became of each.",
		commands,      &opts,
	};

	return ecbpf_main(&tool, argc, argv);
}
