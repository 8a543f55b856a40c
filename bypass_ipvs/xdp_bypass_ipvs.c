// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* The bypass's command. */
#include <stddef.h>
#include <stdint.h>

#include "bypass_ipvs/abi.h"
#include "bypass_ipvs/commands.h"

#define AT(member) offsetof(struct bypass_opts, member)

static const struct ecbpf_option attach_options[] = {
	{ ECBPF_OPTION_TEXTS, 'i', "inbound", AT(inbound), "IF[,IF...]",
	  "interfaces that clients' packets come in on", 0, 0 },
	{ ECBPF_OPTION_TEXTS, 'o', "outbound", AT(outbound), "IF[,IF...]",
	  "interfaces that servers are on (default: the inbound ones)", 0, 0 },
	{ ECBPF_OPTION_NUMBER, 0, "flows", AT(flows), "N",
	  "IPv4 connections to remember (default 1048576)", 1, BYPASS_FLOWS_MAX },
	{ ECBPF_OPTION_NUMBER, 0, "flows6", AT(flows6), "N",
	  "IPv6 connections (default: a quarter of the flows)", 1, BYPASS_FLOWS_MAX },
	{ ECBPF_OPTION_NUMBER, 0, "paths", AT(paths), "N",
	  "ways out to tell apart: servers times services (default 4096)", 2, BYPASS_PATHS_MAX },
	{ ECBPF_OPTION_NUMBER, 's', "slot", AT(slot), "N", "slot of the roots (default 7)", 0,
	  ECBPF_SLOTS - 1 },
	{ ECBPF_OPTION_TEXTS, 0, "service", AT(services), "SERVICE",
	  "a service that IPVS need not tell: tcp:ADDRESS:PORT, udp:..., fwmark:N", 0, 0 },
	{ ECBPF_OPTION_FLAG, 0, "no-follow", AT(no_follow), NULL,
	  "do not follow the kernel's services in the background", 0, 0 },
	{ ECBPF_OPTION_FLAG, 0, "monitor", AT(monitor), NULL,
	  "touch no packet, only count what would be done", 0, 0 },
	{},
};

static const struct ecbpf_option follow_options[] = {
	{ ECBPF_OPTION_NUMBER, 0, "interval", AT(interval_ms), "MS",
	  "ask IPVS every so many milliseconds (default 250)", 10, 60000 },
	{},
};

static const struct ecbpf_option stats_options[] = {
	{ ECBPF_OPTION_DURATION, 'w', "watch", AT(watch_ns), "TIME",
	  "again every so often, with rates", 10000000, 86400000000000 },
	{ ECBPF_OPTION_NUMBER, 'c', "count", AT(count), "N", "stop after N times", 1, UINT32_MAX },
	{},
};

static const struct ecbpf_command commands[] = {
	{ "attach", "", "put the bypass on interfaces, or replace its programs", 0, 0,
	  attach_options, cmd_attach },
	{ "detach", "", "take it away, with all that it remembers", 0, 0, NULL, cmd_detach },
	{ "status", "", "what runs where, and the memory it takes", 0, 0, NULL, cmd_status },
	{ "services", "[add|del SERVICE...]", "what IPVS balances, and what was added by hand", 0,
	  -1, NULL, cmd_services },
	{ "ipvs", "", "as ipvsadm -Ln --stats, with what was forwarded past IPVS", 0, 0, NULL,
	  cmd_ipvs },
	{ "follow", "", "keep up with IPVS, in the foreground", 0, 0, follow_options, cmd_follow },
	{ "stats", "", "what was counted, and how full the tables are", 0, 0, stats_options,
	  cmd_stats },
	{ "flows", "[count] [FILTER...]",
	  "src|dst PREFIX, sport|dport N, proto tcp|udp, service SERVICE, path N, limit N", 0, -1,
	  NULL, cmd_flows },
	{ "params", "[NAME=VALUE...]", "show parameters, or change these together, at once", 0, -1,
	  NULL, cmd_params },
	{ "exclude", "add|del PREFIX... | list", "destinations that are left to IPVS", 1, -1, NULL,
	  cmd_exclude },
	{ "save", "", "parameters, excludes and services by hand, as text", 0, 0, NULL, cmd_save },
	{ "restore", "", "what save has written, from standard input, all or nothing", 0, 0, NULL,
	  cmd_restore },
	{},
};

int main(int argc, char **argv)
{
	struct bypass_opts opts = {
		.slot = UINT64_MAX,
		.interval_ms = 250,
	};
	const struct ecbpf_tool tool = {
		"xdp_bypass_ipvs",
		NULL,
		"Connections that IPVS has decided about, forwarded straight from the driver.",
		commands,
		&opts,
	};

	return ecbpf_main(&tool, argc, argv);
}
