// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* The rule language: texts with their canonical form, texts with their error. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "xdp_fw/parse.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

struct row {
	const char *text, *want;
};

/* What it prints, without the default and without the last newline. */
static char *canonical(const char *text)
{
	static const char no_default[] = "default next\n";
	struct fw_ruleset set = {};
	size_t skip;
	char *printed, *want;

	if (fw_parse(text, strlen(text), &set))
		fail_msg("\"%s\": %s", text, ecbpf_error());
	printed = fw_ruleset_print(&set);
	assert_non_null(printed);
	skip = set.rules + set.protects ? strlen(no_default) : 0;
	want = strdup(printed + skip);
	want[strlen(want) - 1] = '\0';
	free(printed);
	fw_ruleset_free(&set);
	return want;
}

static void check_rows(const struct row *rows, size_t count)
{
	char *got, *again;
	size_t i;

	for (i = 0; i < count; i++) {
		got = canonical(rows[i].text);
		again = canonical(got);
		if (strcmp(got, rows[i].want) || strcmp(again, rows[i].want))
			fail_msg("\"%s\": \"%s\", \"%s\"", rows[i].text, got, again);
		free(got);
		free(again);
	}
}

static const struct row good_rows[] = {
	{ "packet", "drop packet" },
	{ "drop packet", "drop packet" },
	{ "pass packet", "pass packet" },
	{ "count packet", "count packet" },
	{ "packet length any", "drop packet" },
	{ "packet length 60-1500", "drop length 60-1500" },
	{ "length { 64, 100-200 300 }", "drop length { 64, 100-200, 300 }" },
	{ "length not 64", "drop length not 64" },
	{ "packet length 0x40 udp", "drop length 64 udp" },
	{ "ip", "drop ip" },
	{ "ip6", "drop ip6" },
	{ "ip from any to any", "drop ip" },
	{ "ip from any to {any}", "drop ip" },
	{ "ip from 8.8.8.8/16 to any ttl any", "drop ip from 8.8.0.0/16" },
	{ "ip to 1.2.3.4 from {10.0.0.0/8, 192.168.0.0/16}",
	  "drop ip from { 10.0.0.0/8, 192.168.0.0/16 } to 1.2.3.4" },
	{ "ip src 10.1.2.3/8 dst 0.0.0.0/0", "drop ip from 10.0.0.0/8 to 0.0.0.0/0" },
	{ "from 10.0.0.1 to 2001:db8::/32", "drop from 10.0.0.1 to 2001:db8::/32" },
	{ "from not @bad", "drop from not @bad" },
	{ "from { @a @b-c_d.9, 10.0.0.0/8 }", "drop from { 10.0.0.0/8, @a, @b-c_d.9 }" },
	{ "from not {@a, ::1}", "drop from not { ::1, @a }" },
	{ "to {1.1.1.1, any}", "drop packet" },
	{ "ip6 from 2001:DB8::1/64 hoplimit 1", "drop ip6 from 2001:db8::/64 ttl 1" },
	{ "ttl 0-4", "drop ttl 0-4" },
	{ "ttl not { 64, 128, 255 }", "drop ttl not { 64, 128, 255 }" },
	{ "dscp ef", "drop dscp 46" },
	{ "dscp {be, default, cs1 af11 le va 63}", "drop dscp { 0, 0, 8, 10, 1, 44, 63 }" },
	{ "dscp default", "drop dscp 0" },
	{ "proto gre", "drop proto gre" },
	{ "proto {tcp udp, icmp, icmp6}", "drop proto { tcp, udp, icmp, icmp6 }" },
	{ "proto not {6, 0x11}", "drop proto not { tcp, udp }" },
	{ "proto 253-255", "drop proto 253-255" },
	{ "proto ipv6-icmp", "drop proto icmp6" },
	{ "proto ipencap", "drop proto ipip" },
	{ "vlan any", "drop vlan any" },
	{ "vlan none", "drop vlan none" },
	{ "vlan {none, 1-10}", "drop vlan { none, 1-10 }" },
	{ "vlan not {any}", "drop vlan not { any }" },
	{ "vlan not 7", "drop vlan not 7" },
	{ "fragment first", "drop fragment first" },
	{ "fragment later", "drop fragment later" },
	{ "fragment none", "drop fragment none" },
	{ "fragment any", "drop fragment any" },
	{ "fragment not first", "drop fragment not first" },
	{ "fragment not later", "drop fragment not later" },
	{ "fragment not none", "drop fragment any" },
	{ "fragment not any", "drop fragment none" },
	{ "options", "drop options" },
	{ "not options", "drop not options" },
	{ "malformed ip6", "drop ip6 malformed" },
	{ "not malformed not options", "drop not options not malformed" },
	{ "tcp", "drop tcp" },
	{ "tcp sport any", "drop tcp" },
	{ "tcp dport 22 sport 1024-65535", "drop tcp sport 1024-65535 dport 22" },
	{ "tcp window 64240 flags syn", "drop tcp window 64240 flags syn" },
	{ "tcp flags {syn,ack}", "drop tcp flags { syn, ack }" },
	{ "tcp flags {syn ack} mask {syn ack fin}",
	  "drop tcp flags { syn, ack } mask { fin, syn, ack }" },
	{ "tcp flags {}", "drop tcp flags {}" },
	{ "tcp flags {} mask {syn}", "drop tcp flags {} mask syn" },
	{ "tcp flags not {} mask {ack}", "drop tcp flags not {} mask ack" },
	{ "tcp flags not {syn} mask {syn, ack}", "drop tcp flags not syn mask { syn, ack }" },
	{ "tcp flags 0x02 mask 0x12", "drop tcp flags syn mask { syn, ack }" },
	{ "tcp flags 0xff", "drop tcp flags { fin, syn, rst, psh, ack, urg, ece, cwr }" },
	{ "udp dport not {53, 123}", "drop udp dport not { 53, 123 }" },
	{ "icmp type 8 code 0", "drop icmp type 8 code 0" },
	{ "icmp6 type {135, 136} code any", "drop icmp6 type { 135, 136 }" },
	{ "ip icmp type 8", "drop ip icmp type 8" },
	{ "tcp udp", "drop tcp udp" },
	{ "tcp dport 53 udp dport 53", "drop tcp dport 53 udp dport 53" },
	{ "udp sport 53 name \"dns \\\"reply\\\" \\\\ x\"",
	  "drop udp sport 53 name \"dns \\\"reply\\\" \\\\ x\"" },
	{ "name \"first\" udp", "drop udp name \"first\"" },
	{ "pass ip from 10.0.0.0/8", "pass ip from 10.0.0.0/8" },
	{ "count tcp flags syn", "count tcp flags syn" },
	{ "limit 100 pps udp", "limit 100 pps udp" },
	{ "limit 10k pps udp", "limit 10k pps udp" },
	{ "limit 10000 pps udp", "limit 10k pps udp" },
	{ "limit 1500k/s pps burst 3000 udp", "limit 1500k pps burst 3k udp" },
	{ "limit 1000G bps packet", "limit 1000G bps packet" },
	{ "limit 8 bps burst 1G packet", "limit 8 bps burst 1G packet" },
	{ "limit 5 pps per rule packet", "limit 5 pps packet" },
	{ "limit 5 pps per source packet", "limit 5 pps per source packet" },
	{ "limit 5 pps per source/32 packet", "limit 5 pps per source packet" },
	{ "limit 5 pps per source/24 packet", "limit 5 pps per source/24 packet" },
	{ "limit 5 pps per source/24/56 packet", "limit 5 pps per source/24/56 packet" },
	{ "limit 5 pps per source/24 burst 7 packet", "limit 5 pps burst 7 per source/24 packet" },
	{ "protect ip from 192.0.2.1 name \"office\"",
	  "protect ip from 192.0.2.1 name \"office\"" },
	{ "default next", "default next" },
	{ "default pass", "default pass" },
	{ "default drop", "default drop" },
	{ "hygiene drop fragments", "default next\nhygiene drop fragments" },
	{ "hygiene drop fragments ptb 100", "default next\nhygiene drop fragments ptb 100" },
	{ "hygiene drop fragments ptb 0", "default next\nhygiene drop fragments" },
	{ "hygiene drop options", "default next\nhygiene drop options" },
	{ "hygiene drop malformed", "default next\nhygiene drop malformed" },
	{ "hygiene allow local", "default next\nhygiene allow local" },
	{ "  drop   tcp\tdport 22   # comment", "drop tcp dport 22" },
	{ "drop tcp dport 22#comment", "drop tcp dport 22" },
};

static void good(void **state)
{
	(void)state;
	check_rows(good_rows, ROWS(good_rows));
}

/* The shapes of the language that this one is a superset of. */
static const struct row older_rows[] = {
	{ "packet length 64", "drop length 64" },
	{ "ip from any to any ttl any", "drop ip" },
	{ "ip from {192.0.2.0/24, 198.51.100.0/24} to any ttl 1",
	  "drop ip from { 192.0.2.0/24, 198.51.100.0/24 } ttl 1" },
	{ "ip from { 203.0.113.7/32 } to {any} ttl any", "drop ip from 203.0.113.7" },
	{ "ip from any to {8.8.8.8/16}", "drop ip to 8.8.0.0/16" },
	{ "ip6 from {2001:db8::/32} to any ttl 64", "drop ip6 from 2001:db8::/32 ttl 64" },
	{ "ip6 from any to any", "drop ip6" },
	{ "ip dst any ttl any tcp window 64240", "drop ip tcp window 64240" },
	{ "ip dst 172.217.4.164 ttl any icmp type 8", "drop ip to 172.217.4.164 icmp type 8" },
	{ "udp dport 53", "drop udp dport 53" },
	{ "udp sport {53, 123, 1900}", "drop udp sport { 53, 123, 1900 }" },
	{ "udp sport any", "drop udp" },
	{ "tcp sport any window any", "drop tcp" },
	{ "tcp sport {80} window 0 flags {syn}", "drop tcp sport 80 window 0 flags syn" },
	{ "tcp flags {syn, ack} mask {syn, ack, rst}",
	  "drop tcp flags { syn, ack } mask { syn, rst, ack }" },
	{ "tcp flags {fin psh urg}", "drop tcp flags { fin, psh, urg }" },
	{ "tcp flags {} mask {fin, syn, rst, psh, ack, urg, ece, cwr}",
	  "drop tcp flags {} mask { fin, syn, rst, psh, ack, urg, ece, cwr }" },
	{ "tcp window 1024 flags {syn} mask {syn ack}",
	  "drop tcp window 1024 flags syn mask { syn, ack }" },
	{ "icmp type any", "drop icmp" },
	{ "icmp type 8", "drop icmp type 8" },
	{ "icmp6 type 128", "drop icmp6 type 128" },
	{ "name \"no window\" tcp window 0", "drop tcp window 0 name \"no window\"" },
	{ "packet length any name \"all\"", "drop packet name \"all\"" },
	{ "ip from any to any udp sport {11211} name \"memcached\"",
	  "drop ip udp sport 11211 name \"memcached\"" },
};

static void older(void **state)
{
	(void)state;
	check_rows(older_rows, ROWS(older_rows));
}

static const struct row bad_rows[] = {
	{ "foo", "1:1: unknown word near \"foo\"" },
	{ "Drop packet", "1:1: unknown word near \"Drop\"" },
	{ "drop",
	  "1:1: a rule without a selector matches everything; say `packet` for that near \"drop\"" },
	{ "pass name \"x\"",
	  "1:1: a rule without a selector matches everything; say `packet` for that near \"pass\"" },
	{ "name \"x\"",
	  "1:1: a rule without a selector matches everything; say `packet` for that near \"name\"" },
	{ "protect",
	  "1:1: a rule without a selector matches everything; say `packet` for that near \"protect\"" },
	{ "limit 5 pps",
	  "1:1: a rule without a selector matches everything; say `packet` for that near \"limit\"" },
	{ "limit 5 pps burst 3 per rule",
	  "1:1: a rule without a selector matches everything; say `packet` for that near \"limit\"" },
	{ "packet packet", "1:8: packet given twice near \"packet\"" },
	{ "packet length 0", "1:15: length 0 is below 1 near \"0\"" },
	{ "packet length 65536", "1:15: length 65536 is above 65535 near \"65536\"" },
	{ "packet length", "1:14: a value expected at the end of the line" },
	{ "length {}", "1:9: an empty list matches nothing near \"}\"" },
	{ "length {1,}", "1:11: a value expected near \"}\"" },
	{ "length {,1}", "1:9: a value expected near \",\"" },
	{ "length {1", "1:10: a value expected at the end of the line" },
	{ "length 1-", "1:8: length 1- is not a number near \"1-\"" },
	{ "length 5-3", "1:8: range 5-3 is reversed near \"5-3\"" },
	{ "length 1-70000", "1:8: length 70000 is above 65535 near \"1-70000\"" },
	{ "length abc", "1:8: length abc is not a number near \"abc\"" },
	{ "length {1, any}", "1:12: any cannot stand in a list near \"any\"" },
	{ "length 99999999999999999999",
	  "1:8: length 18446744073709551615 is above 65535 near \"99999999999999999999\"" },
	{ "ttl 256", "1:5: ttl 256 is above 255 near \"256\"" },
	{ "ttl -1", "1:5: ttl -1 is not a number near \"-1\"" },
	{ "dscp 64", "1:6: dscp 64 is above 63 near \"64\"" },
	{ "dscp xx", "1:6: dscp xx is not known, nor a number near \"xx\"" },
	{ "proto 256", "1:7: protocol 256 is above 255 near \"256\"" },
	{ "proto foo", "1:7: protocol foo is not known, nor a number near \"foo\"" },
	{ "proto tcp-udp", "1:7: protocol tcp-udp is not known, nor a number near \"tcp-udp\"" },
	{ "vlan 4096", "1:6: vlan 4096 is above 4095 near \"4096\"" },
	{ "vlan not any", "1:10: a value expected near \"any\"" },
	{ "vlan 1-4096", "1:6: vlan 4096 is above 4095 near \"1-4096\"" },
	{ "ip ip", "1:4: ip given twice near \"ip\"" },
	{ "ip ip6", "1:4: ip and ip6 exclude each other near \"ip6\"" },
	{ "ip from 10.0.0.1 from 10.0.0.2", "1:18: from given twice near \"from\"" },
	{ "from 1.1.1.1 src 2.2.2.2", "1:14: src given twice near \"src\"" },
	{ "to any dst any", "1:8: dst given twice near \"dst\"" },
	{ "from 10/8", "1:6: 10/8 is not an address near \"10/8\"" },
	{ "from 10.0.0.0/33", "1:6: prefix length 33 is above 32 near \"10.0.0.0/33\"" },
	{ "from ::/129", "1:6: prefix length 129 is above 128 near \"::/129\"" },
	{ "from 10.0.0.0/", "1:6: the prefix length is not a number near \"10.0.0.0/\"" },
	{ "from 10.0.0.0/x", "1:6: the prefix length is not a number near \"10.0.0.0/x\"" },
	{ "from fe80::1%eth0", "1:6: fe80::1%eth0 is not an address near \"fe80::1%eth0\"" },
	{ "from 10.0.0.256", "1:6: 10.0.0.256 is not an address near \"10.0.0.256\"" },
	{ "from not any", "1:10: a value expected near \"any\"" },
	{ "from not {any}", "1:10: not any matches nothing near \"{\"" },
	{ "from {}", "1:7: an empty list matches nothing near \"}\"" },
	{ "from @", "1:6: a set without a name near \"@\"" },
	{ "from @a/b", "1:6: a set's name has letters, digits, and _.- only near \"@a/b\"" },
	{ "from @abcdefghijklmnopqrstuvwxyz012345",
	  "1:6: a set's name has at most 31 bytes near \"@abcdefghijklmnopqrstuvwxyz012345\"" },
	{ "ip from ::1", "1:9: an IPv6 address in a rule for ip near \"::1\"" },
	{ "ip6 to {::1, 10.0.0.1}", "1:14: an IPv4 address in a rule for ip6 near \"10.0.0.1\"" },
	{ "from ::1 ip", "1:6: an IPv6 address in a rule for ip near \"::1\"" },
	{ "ip icmp6", "1:4: icmp6 in a rule for ip near \"icmp6\"" },
	{ "icmp ip6", "1:1: icmp in a rule for ip6 near \"icmp\"" },
	{ "tcp sport 70000", "1:11: port 70000 is above 65535 near \"70000\"" },
	{ "tcp sport 1 sport 2", "1:13: sport given twice near \"sport\"" },
	{ "tcp tcp", "1:5: tcp given twice near \"tcp\"" },
	{ "tcp flags foo", "1:11: foo is not a TCP flag near \"foo\"" },
	{ "tcp flags 0x100", "1:11: flags 256 is above 255 near \"0x100\"" },
	{ "tcp flags syn mask ack", "1:15: flags outside of their mask near \"mask\"" },
	{ "tcp flags {any}", "1:12: any is not a TCP flag near \"any\"" },
	{ "tcp type 5", "1:5: unexpected near \"type\"" },
	{ "udp flags syn", "1:5: unexpected near \"flags\"" },
	{ "udp window 5", "1:5: unexpected near \"window\"" },
	{ "icmp sport 5", "1:6: unexpected near \"sport\"" },
	{ "icmp type 256", "1:11: type 256 is above 255 near \"256\"" },
	{ "icmp code -1", "1:11: code -1 is not a number near \"-1\"" },
	{ "sport 80", "1:1: unexpected near \"sport\"" },
	{ "flags syn", "1:1: unexpected near \"flags\"" },
	{ "fragment", "1:9: first, later, none, any or not expected at the end of the line" },
	{ "fragment sometimes",
	  "1:10: first, later, none, any or not expected near \"sometimes\"" },
	{ "not packet", "1:5: options or malformed expected near \"packet\"" },
	{ "options not options", "1:13: options given twice near \"options\"" },
	{ "malformed malformed", "1:11: malformed given twice near \"malformed\"" },
	{ "name x", "1:6: a string expected near \"x\"" },
	{ "name \"\" udp", "1:6: an empty name near \"\"\"\"" },
	{ "name \"a udp", "1:6: a string without end near \"\"a udp\"" },
	{ "name \"a\\n\" udp", "1:6: only \\\" and \\\\ are escapes near \"\"a\\n\"\"" },
	{ "udp name \"a\" name \"b\"", "1:14: name given twice near \"name\"" },
	{ "limit pps udp", "1:11: pps or bps expected near \"udp\"" },
	{ "limit 0 pps udp", "1:7: rate 0 is below 1 near \"0\"" },
	{ "limit 2G pps udp", "1:7: rate 2G is above 1000000000 near \"2G\"" },
	{ "limit 7 bps udp", "1:7: rate 7 is below 8 near \"7\"" },
	{ "limit 1001G bps udp", "1:7: rate 1001G is above 1000000000000 near \"1001G\"" },
	{ "limit 5K pps udp", "1:7: rate 5K is not a number near \"5K\"" },
	{ "limit 5 foo udp", "1:9: pps or bps expected near \"foo\"" },
	{ "limit 5 pps burst 0 udp", "1:19: burst 0 is below 1 near \"0\"" },
	{ "limit 5 pps burst 1 burst 2 udp", "1:21: burst given twice near \"burst\"" },
	{ "limit 5 pps per host udp", "1:17: source or rule expected near \"host\"" },
	{ "limit 5 pps per source/0 udp",
	  "1:17: a prefix length of 1 to 32 expected near \"source/0\"" },
	{ "limit 5 pps per source/33 udp",
	  "1:17: a prefix length of 1 to 32 expected near \"source/33\"" },
	{ "limit 5 pps per source/24/129 udp",
	  "1:17: a prefix length of 1 to 128 expected near \"source/24/129\"" },
	{ "limit 5 pps per source/ udp",
	  "1:17: a prefix length of 1 to 32 expected near \"source/\"" },
	{ "limit 5 pps per rule per rule udp", "1:22: per given twice near \"per\"" },
	{ "default", "1:8: drop, pass or next expected at the end of the line" },
	{ "default accept", "1:9: drop, pass or next expected near \"accept\"" },
	{ "default drop packet", "1:14: the end of the line expected near \"packet\"" },
	{ "hygiene drop", "1:13: fragments, options or malformed expected at the end of the line" },
	{ "hygiene drop foo", "1:14: fragments, options or malformed expected near \"foo\"" },
	{ "hygiene allow fragments", "1:15: local expected near \"fragments\"" },
	{ "hygiene drop fragments ptb 1000001",
	  "1:28: ptb 1000001 is above 1000000 near \"1000001\"" },
	{ "test sha1 12 xdp_action XDP_PASS",
	  "1:11: a SHA-1 has 40 hexadecimal digits near \"12\"" },
	{ "test sha1 0123456789012345678901234567890123456789 xdp_action XDP_TX",
	  "1:63: XDP_PASS, XDP_DROP or XDP_ABORTED expected near \"XDP_TX\"" },
	{ "test md5", "1:6: sha1 expected near \"md5\"" },
	{ "udp dport 53;", "1:11: port 53; is not a number near \"53;\"" },
	{ "udp, dport 53", "1:4: unexpected near \",\"" },
};

static void bad(void **state)
{
	struct fw_ruleset set = {};
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(bad_rows); i++)
		if (fw_parse(bad_rows[i].text, strlen(bad_rows[i].text), &set) != -EINVAL ||
		    strcmp(ecbpf_error(), bad_rows[i].want) || set.rule || set.protect || set.test)
			fail_msg("\"%s\": %s", bad_rows[i].text, ecbpf_error());
}

/* --- whole texts */

static void a_text(void **state)
{
	static const char text[] =
		"# a file\r\n\r\ndefault drop\r\nhygiene drop fragments ptb 5\n"
		"test sha1 00112233445566778899aabbccddeeff01234567 xdp_action XDP_ABORTED\n"
		"udp dport 53 # dns\nprotect ip from 192.0.2.1\n\n   \npass tcp";
	struct fw_ruleset set = {};
	char *printed;

	(void)state;
	assert_int_equal(fw_parse(text, strlen(text), &set), 0);
	assert_int_equal(set.rules, 2);
	assert_int_equal(set.rule[0].line, 6);
	assert_int_equal(set.rule[1].line, 10);
	assert_int_equal(set.protects, 1);
	assert_int_equal(set.protect[0].line, 7);
	assert_int_equal(set.protect[0].action, FW_PROTECT);
	assert_int_equal(set.tests, 1);
	assert_int_equal(set.test[0].line, 5);
	assert_int_equal(set.test[0].expect, FW_EXPECT_ABORTED);
	assert_int_equal(set.test[0].sha1[15], 0xff);
	assert_int_equal(set.test[0].sha1[19], 0x67);
	printed = fw_ruleset_print(&set);
	assert_string_equal(printed, "default drop\nhygiene drop fragments ptb 5\n"
				     "protect ip from 192.0.2.1\ndrop udp dport 53\npass tcp\n");
	free(printed);
	fw_ruleset_free(&set);
	assert_int_equal(fw_parse("", 0, &set), 0);
	assert_int_equal(set.rules, 0);
}

static void bad_texts(void **state)
{
	static const struct {
		const char *text;
		size_t len;
		const char *want;
	} rows[] = {
		{ "udp\ntcp\nip foo\nbar", 18, "3:4: unknown word near \"foo\"" },
		{ "udp\0", 4, "1:4: a NUL byte near \"\\x00\"" },
		{ "# a\0b", 5, "1:4: a NUL byte near \"\\x00\"" },
		{ "udp\rtcp", 7, "1:4: a carriage return within a line near \"\\x0d\"" },
		{ "\x1b[2J", 4, "1:1: unknown word near \"\\x1b[2J\"" },
		{ "udp name \"a\tb\"", 14,
		  "1:10: a control character in a name near \"\"a\\x09b\"\"" },
		{ "default drop\ndefault drop", 25, "2:1: default given twice near \"default\"" },
		{ "hygiene allow local\nhygiene allow local", 39,
		  "2:15: local given twice near \"local\"" },
	};
	struct fw_ruleset set = {};
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++)
		if (fw_parse(rows[i].text, rows[i].len, &set) != -EINVAL ||
		    strcmp(ecbpf_error(), rows[i].want))
			fail_msg("\"%s\": %s", rows[i].text, ecbpf_error());
}

static void one_rule(void **state)
{
	static const struct row rows[] = {
		{ "", "1:1: a rule expected at the end of the line" },
		{ "default drop", "1:1: a rule expected near \"default\"" },
		{ "protect udp", "1:1: a rule expected near \"protect\"" },
		{ "hygiene allow local", "1:1: a rule expected near \"hygiene\"" },
		{ "udp\ntcp", "2:1: one rule expected, here is another near \"tcp\"" },
	};
	struct fw_rule rule = {};
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++)
		if (fw_parse_rule(rows[i].text, &rule) != -EINVAL ||
		    strcmp(ecbpf_error(), rows[i].want))
			fail_msg("\"%s\": %s", rows[i].text, ecbpf_error());
	assert_int_equal(fw_parse_rule("pass udp dport 5-6", &rule), 0);
	assert_int_equal(rule.action, FW_PASS);
	assert_int_equal(rule.fragment, FW_FRAGMENT_ALL);
	assert_true(rule.upper[FW_UDP].given && rule.upper[FW_UDP].dport.given);
	assert_int_equal(rule.upper[FW_UDP].dport.range[0].lo, 5);
	assert_int_equal(rule.upper[FW_UDP].dport.range[0].hi, 6);
	fw_rule_free(&rule);
}

static void insert_and_remove(void **state)
{
	static const char text[] = "ttl 1\nttl 3\n";
	struct fw_ruleset set = {};
	struct fw_rule rule = {};
	char *printed;

	(void)state;
	assert_int_equal(fw_parse(text, strlen(text), &set), 0);
	assert_int_equal(fw_parse_rule("ttl 2", &rule), 0);
	assert_int_equal(fw_ruleset_insert(&set, 1, &rule), 0);
	assert_null(rule.ttl.range);
	fw_ruleset_remove(&set, 0);
	printed = fw_ruleset_print(&set);
	assert_string_equal(printed, "default next\ndrop ttl 2\ndrop ttl 3\n");
	free(printed);
	fw_ruleset_remove(&set, 1);
	assert_int_equal(set.rules, 1);
	assert_int_equal(set.rule[0].ttl.range[0].lo, 2);
	fw_ruleset_free(&set);
	assert_null(set.rule);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good),
		cmocka_unit_test(older),
		cmocka_unit_test(bad),
		cmocka_unit_test(a_text),
		cmocka_unit_test(bad_texts),
		cmocka_unit_test(one_rule),
		cmocka_unit_test(insert_and_remove),
	};

	return cmocka_run_group_tests_name("fw_parse", tests, NULL, NULL);
}
