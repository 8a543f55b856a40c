// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* The firewall's command. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "xdp_fw/commands.h"
#include "xdp_fw/maps.h"

#define AT(member) offsetof(struct options, member)
#define NS_PER_S   1000000000ULL
#define DAY_NS	   (86400 * NS_PER_S)

#define FILE_OPTION(help)                                                    \
	{                                                                    \
		ECBPF_OPTION_TEXT, 'f', "file", AT(file), "FILE", help, 0, 0 \
	}

static const struct ecbpf_option attach_options[] = {
	FILE_OPTION("rules to begin with (- for standard input)"),
	{ ECBPF_OPTION_NUMBER, 's', "slot", AT(slot), "N", "slot of the root (default 5)", 0,
	  ECBPF_SLOTS - 1 },
	{ ECBPF_OPTION_NUMBER, 0, "sources", AT(sources), "N",
	  "sources that per-source limits can tell apart (default 262144)", 4, 1 << 28 },
	{ ECBPF_OPTION_NUMBER, 0, "set-entries", AT(set_entries), "N",
	  "room for entries of sets; grows by itself (default 65536)", 1, FW_POOL_MAX },
	{},
};

static const struct ecbpf_option load_options[] = {
	FILE_OPTION("rules (- for standard input)"),
	{ ECBPF_OPTION_FLAG, 'c', "check", AT(check), NULL, "only see whether they would load", 0,
	  0 },
	{ ECBPF_OPTION_DURATION, 0, "confirm", AT(confirm_ns), "TIME",
	  "the rules before come back by themselves unless these are confirmed in time", NS_PER_S,
	  DAY_NS },
	{},
};

static const struct ecbpf_option insert_options[] = {
	{ ECBPF_OPTION_NUMBER, 'a', "at", AT(at), "N", "the number it gets (default: the last)", 1,
	  FW_RULES_MAX },
	{},
};

static const struct ecbpf_option set_options[] = {
	FILE_OPTION("entries, one a line (- for standard input)"),
	{ ECBPF_OPTION_FLAG, 0, "counts", AT(counts), NULL, "create: count each entry's hits", 0,
	  0 },
	{},
};

static const struct ecbpf_option stats_options[] = {
	{ ECBPF_OPTION_DURATION, 'w', "watch", AT(watch_ns), "TIME",
	  "again every so often, with rates", 10000000, DAY_NS },
	{ ECBPF_OPTION_NUMBER, 'c', "count", AT(count), "N", "stop after N times", 1, UINT32_MAX },
	{},
};

static const struct ecbpf_option test_options[] = {
	FILE_OPTION("rules, and what packets must meet with"),
	{ ECBPF_OPTION_FLAG, 0, "csv", AT(csv), NULL, "a line for each packet, with times", 0, 0 },
	{},
};

static const struct ecbpf_option import_options[] = {
	{ ECBPF_OPTION_FLAG, '6', "ipv6", AT(ipv6), NULL, "it is of ip6tables-save", 0, 0 },
	{},
};

static const struct ecbpf_command commands[] = {
	{ "attach", "IF...", "put the firewall into its slot", 1, -1, attach_options, cmd_attach },
	{ "detach", "IF...", "take it out, with its rules and sets", 1, -1, NULL, cmd_detach },
	{ "status", "[IF...]", "what runs, and the memory it takes", 0, -1, NULL, cmd_status },
	{ "load", "IF -f FILE", "replace all rules at once", 1, 1, load_options, cmd_load },
	{ "confirm", "IF", "keep the rules that are on trial", 1, 1, NULL, cmd_confirm },
	{ "rollback", "IF", "end the trial, go back to the rules before", 1, 1, NULL,
	  cmd_rollback },
	{ "insert", "IF RULE", "add a rule", 2, -1, insert_options, cmd_insert },
	{ "delete", "IF N|NAME", "remove a rule", 2, 2, NULL, cmd_delete },
	{ "replace", "IF N|NAME RULE", "put a rule in the place of another", 3, -1, NULL,
	  cmd_replace },
	{ "flush", "IF", "remove all rules; protections, hygiene and default stay", 1, 1, NULL,
	  cmd_flush },
	{ "default", "IF next|pass|drop", "what becomes of packets that no rule decides", 2, 2,
	  NULL, cmd_default },
	{ "hygiene", "IF on|off SWITCH", "fragments [ptb N], options, malformed, local", 3, 5, NULL,
	  cmd_hygiene },
	{ "protect", "IF list | add SELECTORS | del N|NAME",
	  "packets that no rule may drop, whatever is loaded", 2, -1, NULL, cmd_protect },
	{ "set", "IF COMMAND ...",
	  "create|destroy|flush|load|list NAME, add|del NAME PREFIX, test NAME ADDRESS", 2, -1,
	  set_options, cmd_set },
	{ "list", "IF", "the rules, as they can be loaded again", 1, 1, NULL, cmd_list },
	{ "stats", "IF", "counters of rules and sets", 1, 1, stats_options, cmd_stats },
	{ "explain", "IF PACKET|PCAP", "which rule a packet meets, and why not those before", 2, 2,
	  NULL, cmd_explain },
	{ "test", "-f FILE PCAP", "run packets through rules; needs no interface", 1, 1,
	  test_options, cmd_test },
	{ "import", "FILE", "translate iptables-save text to rules", 1, 1, import_options,
	  cmd_import },
	{ "save", "IF", "rules, protections and sets, as text", 1, 1, NULL, cmd_save },
	{ "restore", "IF", "what save has written, from standard input, all or nothing", 1, 1, NULL,
	  cmd_restore },
	{},
};

int main(int argc, char **argv)
{
	struct options opts = {
		.slot = UINT64_MAX,
		.sources = FW_MAPS_SOURCES,
		.set_entries = FW_MAPS_SET_ENTRIES,
	};
	const struct ecbpf_tool tool = {
		"xdp_fw", NULL,	 "The firewall in a root's slot: rules that change under attack.",
		commands, &opts,
	};

	return ecbpf_main(&tool, argc, argv);
}
