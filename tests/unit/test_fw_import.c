// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* iptables-save text: what it becomes, and what is refused. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "xdp_fw/rule.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

struct row {
	int family;
	const char *rule, *want;
};

static int import_rule(const struct row *row, struct fw_ruleset *set)
{
	char text[512];

	snprintf(text, sizeof(text), "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT %s\nCOMMIT\n",
		 row->rule);
	return fw_import(text, strlen(text), row->family, set);
}

static const struct row good_rows[] = {
	{ 4, "-j DROP", "drop ip" },
	{ 4, "-j ACCEPT", "pass ip" },
	{ 4, "", "count ip" },
	{ 4, "-s 10.0.0.0/8 -j DROP", "drop ip from 10.0.0.0/8" },
	{ 4, "-s 10.1.2.3/255.255.0.0 -j DROP", "drop ip from 10.1.0.0/16" },
	{ 4, "-s 0.0.0.0/0 -j DROP", "drop ip" },
	{ 4, "! -s 192.0.2.1/32 -d 10.0.0.0/8,11.0.0.0/8 -j DROP",
	  "drop ip from not 192.0.2.1 to { 10.0.0.0/8, 11.0.0.0/8 }" },
	{ 4, "-p tcp -j DROP", "drop ip tcp" },
	{ 4, "-p tcp -m tcp -j DROP", "drop ip tcp sport 0-65535" },
	{ 4, "-p udp -m udp -j DROP", "drop ip udp sport 0-65535" },
	{ 4, "-p 47 -j ACCEPT", "pass ip proto gre" },
	{ 4, "! -p tcp -j DROP", "drop ip proto not tcp" },
	{ 4, "-p all -j DROP", "drop ip" },
	{ 4, "-p icmpv6 -j DROP", "drop ip proto icmp6" },
	{ 4, "-p tcp -m tcp --dport 22 -j ACCEPT", "pass ip tcp dport 22" },
	{ 4, "-p tcp -m tcp --sport 1024:65535 --dport :1023 -j ACCEPT",
	  "pass ip tcp sport 1024-65535 dport 0-1023" },
	{ 4, "-p tcp -m tcp ! --dport 22 -j DROP", "drop ip tcp dport not 22" },
	{ 4, "-p udp -m udp --source-port 53 -j ACCEPT", "pass ip udp sport 53" },
	{ 4, "-p tcp -m multiport --dports 22,80,8000:8080 -j ACCEPT",
	  "pass ip tcp dport { 22, 80, 8000-8080 }" },
	{ 4, "-p udp -m multiport ! --sports 53,123 -j DROP", "drop ip udp sport not { 53, 123 }" },
	{ 4, "-p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -j DROP",
	  "drop ip tcp flags syn mask { fin, syn, rst, ack }" },
	{ 4, "-p tcp -m tcp --syn -j DROP", "drop ip tcp flags syn mask { fin, syn, rst, ack }" },
	{ 4, "-p tcp -m tcp ! --syn -j DROP",
	  "drop ip tcp flags not syn mask { fin, syn, rst, ack }" },
	{ 4, "-p tcp -m tcp --tcp-flags ALL NONE -j DROP",
	  "drop ip tcp flags {} mask { fin, syn, rst, psh, ack, urg }" },
	{ 4, "-p tcp -m tcp --tcp-flags NONE NONE -j DROP", "drop ip tcp flags {}" },
	{ 4, "-p icmp -j ACCEPT", "pass ip icmp" },
	{ 4, "-p icmp -m icmp --icmp-type 8 -j ACCEPT", "pass ip icmp type 8" },
	{ 4, "-p icmp -m icmp --icmp-type 3/4 -j ACCEPT", "pass ip icmp type 3 code 4" },
	{ 4, "-p icmp -m icmp --icmp-type any -j ACCEPT", "pass ip icmp type 0-255" },
	{ 4, "-p icmp -m icmp --icmp-type 255 -j ACCEPT", "pass ip icmp type 0-255" },
	{ 4, "-p icmp -m icmp --icmp-type port-unreachable -j ACCEPT",
	  "pass ip icmp type 3 code 3" },
	{ 4, "-p icmp -m icmp ! --icmp-type echo-request -j DROP", "drop ip icmp type not 8" },
	{ 4, "-m ttl --ttl-eq 1 -j DROP", "drop ip ttl 1" },
	{ 4, "-m ttl --ttl-lt 5 -j DROP", "drop ip ttl 0-4" },
	{ 4, "-m ttl --ttl-gt 200 -j DROP", "drop ip ttl 201-255" },
	{ 4, "-m dscp --dscp 0x2e -j DROP", "drop ip dscp 46" },
	{ 4, "-m dscp ! --dscp-class AF11 -j DROP", "drop ip dscp not 10" },
	{ 4, "-f -j DROP", "drop ip fragment later" },
	{ 4, "! -f -j DROP", "drop ip fragment not later" },
	{ 4,
	  "-p udp -m udp --dport 53 -m hashlimit --hashlimit-above 10/sec --hashlimit-burst 20 --hashlimit-mode srcip --hashlimit-name dns -j DROP",
	  "limit 10 pps burst 20 per source ip udp dport 53" },
	{ 4,
	  "-m hashlimit --hashlimit-above 600/min --hashlimit-mode srcip --hashlimit-srcmask 24 --hashlimit-name x -j DROP",
	  "limit 10 pps burst 5 per source/24 ip" },
	{ 4, "-m set --match-set bad src -j DROP", "drop ip from @bad" },
	{ 4, "-m set ! --match-set good dst -j DROP", "drop ip to not @good" },
	{ 4, "-m comment --comment \"a \\\"b\\\"\" -j DROP", "drop ip name \"a \\\"b\\\"\"" },
	{ 4, "-m comment --comment word -j RETURN", "pass ip name \"word\"" },
	{ 6, "-j DROP", "drop ip6" },
	{ 6, "-s 2001:db8::/32 -j DROP", "drop ip6 from 2001:db8::/32" },
	{ 6, "-p ipv6-icmp -j ACCEPT", "pass ip6 icmp6" },
	{ 6, "-p ipv6-icmp -m icmp6 --icmpv6-type 135 -j ACCEPT", "pass ip6 icmp6 type 135" },
	{ 6, "-p ipv6-icmp -m icmp6 --icmpv6-type packet-too-big -j ACCEPT",
	  "pass ip6 icmp6 type 2" },
	{ 6, "-p icmp -j DROP", "drop ip6 proto icmp" },
	{ 6, "-m hl --hl-eq 255 -j ACCEPT", "pass ip6 ttl 255" },
	{ 6, "-m hl --hl-lt 2 -j DROP", "drop ip6 ttl 0-1" },
	{ 6,
	  "-m hashlimit --hashlimit-above 5/second --hashlimit-mode srcip --hashlimit-srcmask 64 --hashlimit-name x -j DROP",
	  "limit 5 pps burst 5 per source ip6" },
	{ 6,
	  "-m hashlimit --hashlimit-above 5/sec --hashlimit-mode srcip --hashlimit-name x -j DROP",
	  "limit 5 pps burst 5 per source/32/128 ip6" },
};

static void good_rules(void **state)
{
	struct fw_ruleset set = {};
	char *printed;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(good_rows); i++) {
		if (import_rule(&good_rows[i], &set))
			fail_msg("\"%s\": %s", good_rows[i].rule, ecbpf_error());
		assert_int_equal(set.rules, 1);
		assert_int_equal(set.rule[0].family, good_rows[i].family);
		assert_int_equal(set.rule[0].line, 3);
		printed = fw_rule_print(&set.rule[0]);
		if (strcmp(printed, good_rows[i].want))
			fail_msg("\"%s\": %s", good_rows[i].rule, printed);
		free(printed);
		fw_ruleset_free(&set);
	}
}

static const struct row bad_rows[] = {
	{ 4, "-i eth0 -j DROP",
	  "3:10: a ruleset is for one interface: leave the rules of others out near \"-i\"" },
	{ 4, "! -i lo -j DROP",
	  "3:12: a ruleset is for one interface: leave the rules of others out near \"-i\"" },
	{ 4, "-o eth0 -j DROP",
	  "3:10: a ruleset is for one interface: leave the rules of others out near \"-o\"" },
	{ 4, "-g other", "3:10: chains are not followed near \"-g\"" },
	{ 4, "-j REJECT --reject-with icmp-port-unreachable",
	  "3:13: nothing is sent here: use DROP near \"REJECT\"" },
	{ 4, "-j LOG",
	  "3:13: neither DROP, ACCEPT nor RETURN; chains are not followed near \"LOG\"" },
	{ 4, "-j mychain",
	  "3:13: neither DROP, ACCEPT nor RETURN; chains are not followed near \"mychain\"" },
	{ 4, "-j DROP -j ACCEPT", "3:21: two targets near \"ACCEPT\"" },
	{ 4, "-j", "3:10: a value is missing near \"-j\"" },
	{ 4, "!", "3:10: an option is missing near \"!\"" },
	{ 4, "! -j DROP", "3:12: this option cannot be negated near \"-j\"" },
	{ 4, "-m state --state NEW -j DROP",
	  "3:13: there is no connection tracking near \"state\"" },
	{ 4, "-m conntrack --ctstate NEW -j DROP",
	  "3:13: there is no connection tracking near \"conntrack\"" },
	{ 4, "-m limit --limit 5/sec -j ACCEPT",
	  "3:13: limit matches what is within a rate; a rule here drops what is above near \"limit\"" },
	{ 4, "-m length --length 0:100 -j DROP",
	  "3:13: length is that of the IP packet; a frame's depends on VLAN tags near \"length\"" },
	{ 4, "-m recent --set", "3:13: this match is not translated near \"recent\"" },
	{ 4, "--foo", "3:10: this option is not translated near \"--foo\"" },
	{ 4, "-s example.org -j DROP", "3:13: example.org is not an address near \"example.org\"" },
	{ 4, "-s 2001:db8::1 -j DROP",
	  "3:13: an address of the other family near \"2001:db8::1\"" },
	{ 4, "-s 10.0.0.0/255.0.255.0 -j DROP",
	  "3:13: the mask is not that of a prefix near \"10.0.0.0/255.0.255.0\"" },
	{ 4, "! -s 10.0.0.1,10.0.0.2 -j DROP",
	  "3:15: a list of addresses cannot be negated near \"10.0.0.1,10.0.0.2\"" },
	{ 4, "-s 10.0.0.1 -s 10.0.0.2 -j DROP",
	  "3:25: two conditions on the same field near \"10.0.0.2\"" },
	{ 4, "-s 10.0.0.1 -m set --match-set x src -j DROP",
	  "3:41: two conditions on the same field near \"x\"" },
	{ 4, "-p foo -j DROP", "3:13: protocol foo is not known, nor a number near \"foo\"" },
	{ 4, "! -p all -j DROP", "3:15: not all never matches near \"all\"" },
	{ 4, "--dport 22 -j DROP", "3:18: ports need -p tcp or -p udp before them near \"22\"" },
	{ 4, "! -p tcp --dport 22 -j DROP",
	  "3:27: ports need -p tcp or -p udp before them near \"22\"" },
	{ 4, "-p sctp --dport 22 -j DROP",
	  "3:26: ports need -p tcp or -p udp before them near \"22\"" },
	{ 4, "-p tcp -m tcp --dport http -j DROP", "3:32: port is not a number near \"http\"" },
	{ 4, "-p tcp -m tcp --dport 65536 -j DROP", "3:32: port above 65535 near \"65536\"" },
	{ 4, "-p tcp -m tcp --dport 9:8 -j DROP", "3:32: range of ports is reversed near \"9:8\"" },
	{ 4, "-p tcp -m multiport --dports 1,,2 -j DROP",
	  "3:39: port is not a number near \"1,,2\"" },
	{ 4, "-p tcp -m multiport --ports 1 -j DROP",
	  "3:30: either port: make it two rules near \"--ports\"" },
	{ 4, "-p tcp -m tcp --dport 1 -m multiport --dports 2 -j DROP",
	  "3:56: two conditions on the same field near \"2\"" },
	{ 4, "-p tcp -m tcp --tcp-flags SYN ACK -j DROP",
	  "3:40: flags outside of their mask never match near \"ACK\"" },
	{ 4, "-p tcp -m tcp --tcp-flags SYN,FOO SYN -j DROP",
	  "3:36: not a list of TCP flags near \"SYN,FOO\"" },
	{ 4, "-p udp --syn -j DROP", "3:17: flags need -p tcp before them near \"--syn\"" },
	{ 4, "-p icmp -m icmp --icmp-type foo -j DROP", "3:38: not an ICMP type near \"foo\"" },
	{ 4, "-p icmp -m icmp ! --icmp-type 3/4 -j DROP",
	  "3:40: one selector cannot say: not this type with this code near \"3/4\"" },
	{ 4, "-p icmp -m icmp ! --icmp-type any -j DROP",
	  "3:40: not any never matches near \"any\"" },
	{ 4, "-p ipv6-icmp --icmpv6-type 1 -j DROP",
	  "3:23: this option is not translated near \"--icmpv6-type\"" },
	{ 4, "-m ttl --ttl-lt 0 -j DROP", "3:26: no ttl is beyond that near \"0\"" },
	{ 4, "-m ttl --ttl-gt 255 -j DROP", "3:26: no ttl is beyond that near \"255\"" },
	{ 4, "-m ttl --ttl-eq 256 -j DROP", "3:26: ttl 256 is above 255 near \"256\"" },
	{ 4, "-m hl --hl-eq 5 -j DROP", "3:16: this option is not translated near \"--hl-eq\"" },
	{ 4, "-m dscp --dscp 64 -j DROP", "3:25: dscp 64 is above 63 near \"64\"" },
	{ 4, "-m dscp --dscp-class XX -j DROP", "3:31: not a class of DSCP near \"XX\"" },
	{ 4, "-m set --match-set x src,dst -j DROP",
	  "3:31: src or dst expected: sets have addresses only near \"src,dst\"" },
	{ 4, "-m set --match-set a/b src -j DROP",
	  "3:29: a set's name has letters, digits, and _.- only near \"a/b\"" },
	{ 4,
	  "-m hashlimit --hashlimit-upto 5/sec --hashlimit-mode srcip --hashlimit-name x -j ACCEPT",
	  "3:23: use --hashlimit-above with -j DROP near \"--hashlimit-upto\"" },
	{ 4,
	  "-m hashlimit --hashlimit-above 5/sec --hashlimit-mode srcip --hashlimit-name x -j ACCEPT",
	  "3:1: hashlimit is translated with -j DROP only near \"-A\"" },
	{ 4,
	  "-m hashlimit --hashlimit-above 5/sec --hashlimit-mode dstip --hashlimit-name x -j DROP",
	  "3:64: of the modes only srcip is translated near \"dstip\"" },
	{ 4,
	  "-m hashlimit --hashlimit-above 5/min --hashlimit-mode srcip --hashlimit-name x -j DROP",
	  "3:41: not a whole number of packets a second, 1 to 1000000000 near \"5/min\"" },
	{ 4,
	  "-m hashlimit --hashlimit-above 512kb/s --hashlimit-mode srcip --hashlimit-name x -j DROP",
	  "3:41: NUMBER/sec expected: packets, not bytes near \"512kb/s\"" },
	{ 4, "-m hashlimit --hashlimit-above 5/sec --hashlimit-name x -j DROP",
	  "3:1: hashlimit needs its options above, mode and name near \"-A\"" },
	{ 4,
	  "-p udp -m hashlimit --hashlimit-above 5/sec --hashlimit-mode srcip --hashlimit-name x -m udp --dport 53 -j DROP",
	  "3:99: hashlimit must be the last match near \"udp\"" },
	{ 4,
	  "-p udp -m hashlimit --hashlimit-above 5/sec --hashlimit-mode srcip --hashlimit-name x --dport 53 -j DROP",
	  "3:96: hashlimit must be the last match near \"--dport\"" },
	{ 4,
	  "-m hashlimit --hashlimit-above 5/sec --hashlimit-mode srcip --hashlimit-name x --hashlimit-htable-expire 5 -j DROP",
	  "3:89: this option is not translated near \"--hashlimit-htable-expire\"" },
	{ 4, "-m comment --comment \"open", "3:31: a string without end near \"\"open\"" },
	{ 6, "-f -j DROP", "3:10: this option is not translated near \"-f\"" },
	{ 6, "-s 10.0.0.1 -j DROP", "3:13: an address of the other family near \"10.0.0.1\"" },
	{ 6, "-m ttl --ttl-eq 5 -j DROP", "3:17: this option is not translated near \"--ttl-eq\"" },
	{ 6, "-p icmp -m icmp --icmp-type 8 -j DROP",
	  "3:26: this option is not translated near \"--icmp-type\"" },
};

static void bad_rules(void **state)
{
	struct fw_ruleset set = {};
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(bad_rows); i++)
		if (import_rule(&bad_rows[i], &set) != -EINVAL ||
		    strcmp(ecbpf_error(), bad_rows[i].want) || set.rule)
			fail_msg("\"%s\": %s", bad_rows[i].rule, ecbpf_error());
}

struct text_row {
	const char *text, *want;
};

static void good_texts(void **state)
{
	static const struct text_row rows[] = {
		{ "*filter\n:INPUT ACCEPT [0:0]\nCOMMIT\n", "default next\n" },
		{ "*filter\n:INPUT DROP [0:0]\n:FORWARD DROP [0:0]\n:f2b - [0:0]\nCOMMIT",
		  "default drop\n" },
		{ "# by iptables-save\n*raw\n:PREROUTING ACCEPT [1:2]\n:OUTPUT ACCEPT [0:0]\n"
		  "[12:34] -A PREROUTING -p udp -j DROP\nCOMMIT\n# end\n",
		  "default next\ndrop ip udp\n" },
		{ "*mangle\n:PREROUTING DROP [1:2]\n-A PREROUTING -p udp -j RETURN\nCOMMIT\n"
		  "*nat\n:PREROUTING ACCEPT [0:0]\nCOMMIT\n*filter\n:INPUT ACCEPT [0:0]\nCOMMIT\n",
		  "default drop\ndrop ip udp\n" },
	};
	struct fw_ruleset set = {};
	char *printed;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		if (fw_import(rows[i].text, strlen(rows[i].text), 4, &set))
			fail_msg("text %zu: %s", i, ecbpf_error());
		printed = fw_ruleset_print(&set);
		assert_string_equal(printed, rows[i].want);
		free(printed);
		fw_ruleset_free(&set);
	}
}

#define INPUT "*filter\n:INPUT ACCEPT [0:0]\n"
#define LIMITED                                                                 \
	"-A INPUT -m hashlimit --hashlimit-above 5/sec --hashlimit-mode srcip " \
	"--hashlimit-name x -j DROP\n"

static void bad_texts(void **state)
{
	static const struct text_row rows[] = {
		{ "", "1:1: no table at the end of the line" },
		{ INPUT, "3:1: COMMIT is missing at the end of the line" },
		{ "COMMIT\n", "1:1: COMMIT outside of a table near \"COMMIT\"" },
		{ "-A INPUT -j DROP\n", "1:1: a rule outside of a table near \"-A\"" },
		{ ":INPUT ACCEPT\n", "1:1: a chain outside of a table near \":INPUT\"" },
		{ INPUT "-A FORWARD -j DROP\nCOMMIT\n",
		  "3:4: of this table's chains only INPUT is translated near \"FORWARD\"" },
		{ INPUT ":mine - [0:0]\n-A mine -j DROP\nCOMMIT\n",
		  "4:4: of this table's chains only INPUT is translated near \"mine\"" },
		{ "*raw\n-A PREROUTING -j DROP\nCOMMIT\n",
		  "2:4: the chain has not been declared near \"PREROUTING\"" },
		{ "*nat\n:PREROUTING ACCEPT\n-A PREROUTING -j DROP\nCOMMIT\n",
		  "3:1: of the tables filter, raw and mangle are translated near \"-A\"" },
		{ INPUT "-I INPUT -j DROP\nCOMMIT\n",
		  "3:1: not a line of iptables-save near \"-I\"" },
		{ INPUT "-A INPUT -j DROP\nCOMMIT\n*raw\n:PREROUTING DROP [0:0]\nCOMMIT\n",
		  "6:1: two tables have rules or a policy of DROP near \":PREROUTING\"" },
		{ INPUT "COMMIT\n" INPUT "COMMIT\n",
		  "4:1: this table has been there near \"*filter\"" },
		{ INPUT "*raw\n", "3:1: COMMIT of the table before is missing near \"*raw\"" },
		{ "*filter\n:INPUT QUEUE [0:0]\n", "2:8: ACCEPT or DROP expected near \"QUEUE\"" },
		{ INPUT LIMITED LIMITED "COMMIT\n",
		  "4:87: two rules share this table of hashlimit near \"x\"" },
	};
	struct fw_ruleset set = {};
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++)
		if (fw_import(rows[i].text, strlen(rows[i].text), 4, &set) != -EINVAL ||
		    strcmp(ecbpf_error(), rows[i].want) || set.rule)
			fail_msg("text %zu: %s", i, ecbpf_error());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_rules),
		cmocka_unit_test(bad_rules),
		cmocka_unit_test(good_texts),
		cmocka_unit_test(bad_texts),
	};

	return cmocka_run_group_tests_name("fw_import", tests, NULL, NULL);
}
