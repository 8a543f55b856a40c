// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* The balancer's command. */
#include <stddef.h>
#include <stdint.h>

#include "xdp_lb/commands.h"
#include "xdp_lb/load.h"

#define NS_PER_S   1000000000ULL
#define AT(member) offsetof(struct lb_opts, member)

static const struct ecbpf_option attach_options[] = {
	{ ECBPF_OPTION_NUMBER, 0, "conns", AT(conns), "N",
	  "IPv4 connections to remember (default 1048576)", 1, LB_LOAD_CONNS_MAX },
	{ ECBPF_OPTION_NUMBER, 0, "conns6", AT(conns6), "N",
	  "IPv6 connections (default: a quarter of those)", 1, LB_LOAD_CONNS_MAX },
	{ ECBPF_OPTION_NUMBER, 0, "nat", AT(nat), "N",
	  "IPv4 connections by NAT, and a quarter for IPv6 (default 65536)", 1, LB_LOAD_CONNS_MAX },
	{ ECBPF_OPTION_FLAG, 0, "no-monitor", AT(no_monitor), NULL,
	  "do not follow routes and neighbours in the background", 0, 0 },
	{},
};

static const struct ecbpf_option monitor_options[] = {
	{ ECBPF_OPTION_TEXT, 'f', "file", AT(checks), "FILE", "health checks of the backends", 0,
	  0 },
	{ ECBPF_OPTION_FLAG, 'b', "background", AT(background), NULL,
	  "leave it running, in the place of the one that runs", 0, 0 },
	{},
};

/* The options of VIPs and of backends: each alone, and both for what-if. */
#define FORWARD_OPTIONS                                                             \
	{ ECBPF_OPTION_CHOICE,                                                      \
	  'm',                                                                      \
	  "mode",                                                                   \
	  AT(said.mode),                                                            \
	  LB_MODES,                                                                 \
	  "how packets get to a backend (default ipip)",                            \
	  0,                                                                        \
	  0 },                                                                      \
		{ ECBPF_OPTION_NUMBER,                                              \
		  0,                                                                \
		  "gue-port",                                                       \
		  AT(said.gue_port),                                                \
		  "PORT",                                                           \
		  "UDP port of mode gue (default 6080)",                            \
		  1,                                                                \
		  65535 },                                                          \
		{ ECBPF_OPTION_TEXT,                                                \
		  0,                                                                \
		  "source4",                                                        \
		  AT(said.source4),                                                 \
		  "ADDRESS|none",                                                   \
		  "IPv4 source of tunnels and full-nat (default: the interface's)", \
		  0,                                                                \
		  0 },                                                              \
	{                                                                           \
		ECBPF_OPTION_TEXT, 0, "source6", AT(said.source6), "ADDRESS|none",  \
			"the same for IPv6 (default: the interface's)", 0, 0        \
	}

#define VIP_OPTIONS                                                                                  \
	{ ECBPF_OPTION_CHOICE,                                                                       \
	  0,                                                                                         \
	  "hash",                                                                                    \
	  AT(said.hash),                                                                             \
	  LB_HASHES,                                                                                 \
	  "of what of a packet chooses the backend (default 5-tuple)",                               \
	  0,                                                                                         \
	  0 },                                                                                       \
		{ ECBPF_OPTION_NUMBER,                                                               \
		  0,                                                                                 \
		  "id-length",                                                                       \
		  AT(said.id_octets),                                                                \
		  "N",                                                                               \
		  "of hash quic: octets of a server id in connection ids (default 4)",               \
		  1,                                                                                 \
		  LB_SERVER_ID_MAX },                                                                \
		{ ECBPF_OPTION_NUMBER,                                                               \
		  0,                                                                                 \
		  "config-rotation",                                                                 \
		  AT(said.rotation),                                                                 \
		  "N",                                                                               \
		  "of hash quic: first three bits of connection ids (default 0)",                    \
		  0,                                                                                 \
		  LB_ROTATION_MAX },                                                                 \
		{ ECBPF_OPTION_NUMBER,                                                               \
		  0,                                                                                 \
		  "table",                                                                           \
		  AT(said.table),                                                                    \
		  "N",                                                                               \
		  "entries of the Maglev table, a prime (default 65537)",                            \
		  1,                                                                                 \
		  UINT32_MAX },                                                                      \
		{ ECBPF_OPTION_DURATION,                                                             \
		  0,                                                                                 \
		  "tcp-idle",                                                                        \
		  AT(said.tcp_idle_ns),                                                              \
		  "TIME",                                                                            \
		  "a TCP connection is forgotten then (default 15m)",                                \
		  NS_PER_S,                                                                          \
		  LB_IDLE_MAX_S * NS_PER_S },                                                        \
		{ ECBPF_OPTION_DURATION,                                                             \
		  0,                                                                                 \
		  "udp-idle",                                                                        \
		  AT(said.udp_idle_ns),                                                              \
		  "TIME",                                                                            \
		  "a UDP one (default 1m)",                                                          \
		  NS_PER_S,                                                                          \
		  LB_IDLE_MAX_S * NS_PER_S },                                                        \
		{ ECBPF_OPTION_NUMBER,                                                               \
		  0,                                                                                 \
		  "new-pps",                                                                         \
		  AT(said.new_pps),                                                                  \
		  "N",                                                                               \
		  "new connections a second and CPU, beyond them the hash alone; 0: no limit",       \
		  0,                                                                                 \
		  LB_NEW_MAX_PPS },                                                                  \
		{ ECBPF_OPTION_FLAG,	     0, "no-table", AT(said.no_table), NULL,                 \
		  "remember no connections", 0, 0 },                                                 \
		{ ECBPF_OPTION_FLAG,                                                                 \
		  0,                                                                                 \
		  "with-table",                                                                      \
		  AT(said.with_table),                                                               \
		  NULL,                                                                              \
		  "remember them (default)",                                                         \
		  0,                                                                                 \
		  0 },                                                                               \
		{ ECBPF_OPTION_FLAG, 0, "echo", AT(said.echo), NULL, "answer echo requests", 0, 0 }, \
		{ ECBPF_OPTION_FLAG,                                                                 \
		  0,                                                                                 \
		  "no-echo",                                                                         \
		  AT(said.no_echo),                                                                  \
		  NULL,                                                                              \
		  "leave them to the host (default)",                                                \
		  0,                                                                                 \
		  0 },                                                                               \
		{ ECBPF_OPTION_FLAG,                                                                 \
		  0,                                                                                 \
		  "refuse-fragments",                                                                \
		  AT(said.refuse_fragments),                                                         \
		  NULL,                                                                              \
		  "drop fragments",                                                                  \
		  0,                                                                                 \
		  0 },                                                                               \
	{                                                                                            \
		ECBPF_OPTION_FLAG, 0, "allow-fragments", AT(said.allow_fragments), NULL,             \
			"balance them (default)", 0, 0                                               \
	}

#define BACKEND_OPTIONS                                                                  \
	{ ECBPF_OPTION_NUMBER,                                                           \
	  'w',                                                                           \
	  "weight",                                                                      \
	  AT(said.weight),                                                               \
	  "N",                                                                           \
	  "share of new connections (default 1); 0: none",                               \
	  0,                                                                             \
	  LB_WEIGHT_MAX },                                                               \
		{ ECBPF_OPTION_TEXT,                                                     \
		  0,                                                                     \
		  "server-id",                                                           \
		  AT(said.server_id),                                                    \
		  "HEX|none",                                                            \
		  "under hash quic (default: the end of its address)",                   \
		  0,                                                                     \
		  0 },                                                                   \
	{                                                                                \
		ECBPF_OPTION_CHOICE, 0, "state", AT(said.state), LB_STATES,              \
			"draining: keeps its connections; down: they go elsewhere", 0, 0 \
	}

static const struct ecbpf_option vip_options[] = { FORWARD_OPTIONS, VIP_OPTIONS, {} };
static const struct ecbpf_option backend_options[] = { FORWARD_OPTIONS, BACKEND_OPTIONS, {} };
static const struct ecbpf_option whatif_options[] = {
	FORWARD_OPTIONS,
	VIP_OPTIONS,
	BACKEND_OPTIONS,
	{},
};

static const struct ecbpf_option show_options[] = {
	{ ECBPF_OPTION_FLAG, 's', "stats", AT(numbers), NULL,
	  "what was forwarded, in place of weights and connections", 0, 0 },
	{},
};

static const struct ecbpf_option stats_options[] = {
	{ ECBPF_OPTION_DURATION, 'w', "watch", AT(watch_ns), "TIME",
	  "again every so often, with rates", 10000000, 86400000000000 },
	{ ECBPF_OPTION_NUMBER, 'c', "count", AT(count), "N", "stop after N times", 1, UINT32_MAX },
	{},
};

static const struct ecbpf_option import_options[] = {
	{ ECBPF_OPTION_FLAG, 0, "apply", AT(apply), NULL,
	  "make it run, in place of what does; else print it as save would", 0, 0 },
	{},
};

static const struct ecbpf_command commands[] = {
	{ "attach", "IF...", "put the balancer on more interfaces, or replace its program", 1, -1,
	  attach_options, cmd_attach },
	{ "detach", "[IF...]", "take it away; from the last one, with all that it remembers", 0, -1,
	  NULL, cmd_detach },
	{ "status", "", "what runs where, and the memory it takes", 0, 0, NULL, cmd_status },
	{ "monitor", "", "follow routes and neighbours, and check the backends", 0, 0,
	  monitor_options, cmd_monitor },
	{ "vip", "add|set|del SERVICE... | list",
	  "what is balanced: tcp|udp|any:ADDRESS[/LENGTH][:PORT[-PORT]]", 1, -1, vip_options,
	  cmd_vip },
	{ "backend", "add|set|del SERVICE BACKEND... | list [SERVICE]", "where it goes: ADDRESS", 1,
	  -1, backend_options, cmd_backend },
	{ "source", "add|del SERVICE PREFIX [BACKEND] | list [SERVICE]",
	  "clients whose new connections go to one backend", 1, -1, NULL, cmd_source },
	{ "show", "", "as ipvsadm -Ln: VIPs, backends and their connections", 0, 0, show_options,
	  cmd_show },
	{ "stats", "", "what was counted, by VIP and backend", 0, 0, stats_options, cmd_stats },
	{ "conns", "[count] [FILTER...]",
	  "src|dst PREFIX, sport|dport N, proto tcp|udp, vip SERVICE, backend ADDRESS, limit N", 0,
	  -1, NULL, cmd_conns },
	{ "what-if", "vip|backend|source ... | restore FILE",
	  "what a change would move, before it is made", 2, -1, whatif_options, cmd_whatif },
	{ "explain", "PACKET|PCAP", "where a packet goes, and why", 1, 1, NULL, cmd_explain },
	{ "save", "", "the configuration, as text", 0, 0, NULL, cmd_save },
	{ "restore", "", "what save has written, from standard input, all or nothing", 0, 0, NULL,
	  cmd_restore },
	{ "import", "FILE", "what ipvsadm --save has written; -: standard input", 1, 1,
	  import_options, cmd_import },
	{},
};

int main(int argc, char **argv)
{
	struct lb_opts opts = { .said = LB_SAID_NOTHING };
	const struct ecbpf_tool tool = {
		"xdp_lb",
		NULL,
		"A layer-4 load balancer: consistent hashing and a table of connections, in the driver.",
		commands,
		&opts,
	};

	return ecbpf_main(&tool, argc, argv);
}
