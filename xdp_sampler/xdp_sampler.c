// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* The sampler's command: which packets are drawn. */
#include <stddef.h>

#include "xdp_sampler/bus.h"
#include "xdp_sampler/commands.h"
#include "xdp_sampler/rates.h"

#define AT(member) offsetof(struct options, member)
#define NS_PER_MS  1000000ULL
#define DAY_NS	   (86400 * 1000 * NS_PER_MS)

static const struct ecbpf_option attach_options[] = {
	{ ECBPF_OPTION_NUMBER, 'o', "one-in", AT(one_in), "N",
	  "sample one packet in N (default 2500)", 1, RATES_ONE_IN_MAX },
	{ ECBPF_OPTION_NUMBER, 's', "snap", AT(snap_bytes), "BYTES",
	  "keep so many bytes of each (default 128)", RATES_SNAP_MIN, ECBPF_SNAP_MAX },
	{ ECBPF_OPTION_NUMBER, 'b', "budget", AT(budget), "N",
	  "at most N samples a second (default 0: no limit)", 0, UINT32_MAX },
	{},
};

static const struct ecbpf_option top_options[] = {
	{ ECBPF_OPTION_TEXT, 0, "connect", AT(connect), "ENDPOINT", BUS_CONNECT_HELP, 0, 0 },
	{ ECBPF_OPTION_TEXT, 0, "curve-server", AT(curve_server), "KEYFILE", BUS_CURVE_HELP, 0, 0 },
	{ ECBPF_OPTION_DURATION, 'i', "interval", AT(interval_ns), "TIME",
	  "again every so often (default 1s)", NS_PER_MS, DAY_NS },
	{ ECBPF_OPTION_NUMBER, 'c', "count", AT(count), "N", "stop after N times", 1, UINT32_MAX },
	{ ECBPF_OPTION_NUMBER, 'l', "lines", AT(lines), "N", "lines of each table (default 10)", 1,
	  1000 },
	{},
};

static const struct ecbpf_command commands[] = {
	{ "attach", "IF...", "begin to sample packets", 1, -1, attach_options, cmd_attach },
	{ "detach", "IF...", "end it, and forget rates and filter", 1, -1, NULL, cmd_detach },
	{ "rate", "IF show | WORDS...",
	  "default|slot N|action A|reason R|rule N, and M: one in M, never, default; budget N; "
	  "snap BYTES",
	  2, -1, NULL, cmd_rate },
	{ "filter", "IF show | none | WORDS...", "addr PREFIX, proto NAME|N, port N: only these", 2,
	  -1, NULL, cmd_filter },
	{ "status", "[IF...]", "rates, filter, and what became of drawn packets", 0, -1, NULL,
	  cmd_status },
	{ "save", "IF", "rates and filter, as text", 1, 1, NULL, cmd_save },
	{ "restore", "IF", "what save has written, from standard input, all or nothing", 1, 1, NULL,
	  cmd_restore },
	{ "top", "[IF]", "who sends most, to whom, and what becomes of it", 0, 1, top_options,
	  cmd_top },
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
