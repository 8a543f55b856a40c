// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Attach, look after, and explain the root program of an interface. */
#include <stddef.h>

#include "xdp_root/commands.h"

#define AT(member) offsetof(struct options, member)
#define NS_PER_S   1000000000ULL
#define DAY_NS	   (86400 * NS_PER_S)

static const struct ecbpf_option attach_options[] = {
	{ ECBPF_OPTION_CHOICE, 'm', "mode", AT(mode), ECBPF_MODES,
	  "in the driver (default), generic on any driver, in hardware", 0, 0 },
	{},
};

static const struct ecbpf_option detach_options[] = {
	{ ECBPF_OPTION_FLAG, 0, "nop", AT(nop), NULL,
	  "leave a pass-through program, so that the driver does not reset", 0, 0 },
	{},
};

static const struct ecbpf_option status_options[] = {
	{ ECBPF_OPTION_DURATION, 'i', "interval", AT(interval_ns), "TIME",
	  "measure rates over this long (default 250ms, 0 for none)", 0, 60 * NS_PER_S },
	{},
};

static const struct ecbpf_option stats_options[] = {
	{ ECBPF_OPTION_DURATION, 'w', "watch", AT(watch_ns), "TIME",
	  "again every so often, with rates", 10000000, DAY_NS },
	{ ECBPF_OPTION_NUMBER, 'c', "count", AT(count), "N", "stop after N times", 1, UINT32_MAX },
	{},
};

static const struct ecbpf_option trace_options[] = {
	{ ECBPF_OPTION_NUMBER, 'o', "one-in", AT(one_in), "N", "trace one packet in N (default 1)",
	  1, UINT32_MAX },
	{ ECBPF_OPTION_NUMBER, 'c', "count", AT(count), "N", "stop after N packets", 1,
	  UINT32_MAX },
	{ ECBPF_OPTION_DURATION, 'd', "duration", AT(duration_ns), "TIME", "stop after so long", 1,
	  DAY_NS },
	{},
};

static const struct ecbpf_option profile_options[] = {
	{ ECBPF_OPTION_NUMBER, 'o', "one-in", AT(one_in), "N",
	  "time one packet in N (default 1000)", 1, UINT32_MAX },
	{ ECBPF_OPTION_DURATION, 'd', "duration", AT(duration_ns), "TIME",
	  "for how long (default 5s)", 1, DAY_NS },
	{},
};

static const struct ecbpf_command commands[] = {
	{ "attach", "IF...", "put the root on interfaces", 1, -1, attach_options, cmd_attach },
	{ "detach", "IF...", "take root, members and pins away", 1, -1, detach_options,
	  cmd_detach },
	{ "upgrade", "IF...", "replace the root under running members", 1, -1, NULL, cmd_upgrade },
	{ "status", "[IF...]", "what runs, and what became of the packets", 0, -1, status_options,
	  cmd_status },
	{ "stats", "IF", "counters alone", 1, 1, stats_options, cmd_stats },
	{ "reset", "IF...", "count from here", 1, -1, NULL, cmd_reset },
	{ "slot", "IF N load FILE[:PROGRAM] | clear", "put a program into a slot, or take it out",
	  3, 4, NULL, cmd_slot },
	{ "check", "IF...", "what is wrong, and what to do about it", 1, -1, NULL, cmd_check },
	{ "trace", "IF", "print verdicts as they happen", 1, 1, trace_options, cmd_trace },
	{ "profile", "IF", "nanoseconds that each slot takes", 1, 1, profile_options, cmd_profile },
	{ "codes", "", "the reason codes", 0, 0, NULL, cmd_codes },
	{},
};

int main(int argc, char **argv)
{
	struct options opts = { .interval_ns = NS_PER_S / 4 };
	const struct ecbpf_tool tool = {
		"xdp_root",
		NULL,
		"The root XDP program of an interface, which runs the programs in its slots.",
		commands,
		&opts,
	};

	return ecbpf_main(&tool, argc, argv);
}
