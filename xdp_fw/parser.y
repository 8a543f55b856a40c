%code top {
// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Grammar of the rule language: a rule or other statement a line; docs/xdp_fw-grammar.md. */
}
%require "3.8"
%define api.pure full
%define api.prefix {fwyy}
%define api.token.prefix {FW_TOKEN_}
%define api.value.type {struct fw_token}
%define parse.error custom
%define parse.lac full
%param {struct fw_parser *p}

%code requires {
#include "xdp_fw/parse.h"
}

%code {
#include <errno.h>
#include <stdio.h>

static int fwyylex(struct fw_token *token, struct fw_parser *p)
{
	int kind = fw_lex(token, p->scanner);

	p->last = *token;
	return kind;
}

/* never called but for lack of memory: yyreport_syntax_error() has the rest */
static void fwyyerror(struct fw_parser *p, const char *cause)
{
	p->err = ecbpf_fail(-ENOMEM, "%s", cause);
}
}

%token NEWLINE "the end of the line" OPEN "{" CLOSE "}" COMMA "," WORD "a word" STRING "a string"
%token DROP "drop" PASS "pass" COUNT "count" LIMIT "limit" PPS "pps" BPS "bps" BURST "burst"
%token PER "per" PROTECT "protect" DEFAULT "default" NEXT "next" HYGIENE "hygiene" ALLOW "allow"
%token FRAGMENTS "fragments" LOCAL "local" PTB "ptb" TEST "test" SHA1 "sha1"
%token XDP_ACTION "xdp_action" PACKET "packet" LENGTH "length" IP "ip" IP6 "ip6" FROM "from"
%token TO "to" TTL "ttl" DSCP "dscp" PROTO "proto" VLAN "vlan" FRAGMENT "fragment" FIRST "first"
%token LATER "later" NONE "none" OPTIONS "options" MALFORMED "malformed" TCP "tcp" UDP "udp"
%token ICMP "icmp" ICMP6 "icmp6" SPORT "sport" DPORT "dport" WINDOW "window" FLAGS "flags"
%token MASK "mask" TYPE "type" CODE "code" NAME "name" ANY "any" NOT "not"

%%

text:	%empty
|	text line
;

line:	NEWLINE
|	statement NEWLINE
;

statement:
	rule				{ if (fw_end_rule(p)) YYABORT; }
|	DEFAULT NEXT			{ if (fw_set_default(p, &$1, FW_DEFAULT_NEXT)) YYABORT; }
|	DEFAULT PASS			{ if (fw_set_default(p, &$1, FW_DEFAULT_PASS)) YYABORT; }
|	DEFAULT DROP			{ if (fw_set_default(p, &$1, FW_DEFAULT_DROP)) YYABORT; }
|	HYGIENE DROP FRAGMENTS
		{ if (fw_set_hygiene(p, &$1, FW_ONCE_FRAGMENTS, &$3, NULL)) YYABORT; }
|	HYGIENE DROP FRAGMENTS PTB chunk
		{ if (fw_set_hygiene(p, &$1, FW_ONCE_FRAGMENTS, &$3, &$5)) YYABORT; }
|	HYGIENE DROP OPTIONS
		{ if (fw_set_hygiene(p, &$1, FW_ONCE_DROP_OPTIONS, &$3, NULL)) YYABORT; }
|	HYGIENE DROP MALFORMED
		{ if (fw_set_hygiene(p, &$1, FW_ONCE_DROP_MALFORMED, &$3, NULL)) YYABORT; }
|	HYGIENE ALLOW LOCAL
		{ if (fw_set_hygiene(p, &$1, FW_ONCE_LOCAL, &$3, NULL)) YYABORT; }
|	TEST SHA1 chunk XDP_ACTION chunk
		{ if (fw_add_test(p, &$1, &$3, &$5)) YYABORT; }
;

rule:	{ if (fw_begin_line(p, NULL, FW_DROP)) YYABORT; } option options
|	action options
;

action:	DROP				{ if (fw_begin_line(p, &$1, FW_DROP)) YYABORT; }
|	PASS				{ if (fw_begin_line(p, &$1, FW_PASS)) YYABORT; }
|	COUNT				{ if (fw_begin_line(p, &$1, FW_COUNT)) YYABORT; }
|	PROTECT				{ if (fw_begin_line(p, &$1, FW_PROTECT)) YYABORT; }
|	LIMIT				{ if (fw_begin_line(p, &$1, FW_LIMIT)) YYABORT; }
		rate limits
;

rate:	chunk PPS			{ if (fw_limit_rate(p, &$1, false)) YYABORT; }
|	chunk BPS			{ if (fw_limit_rate(p, &$1, true)) YYABORT; }
;

limits:	%empty
|	limits BURST chunk		{ if (fw_limit_burst(p, &$2, &$3)) YYABORT; }
|	limits PER chunk		{ if (fw_limit_per(p, &$2, &$3)) YYABORT; }
;

options:
	%empty
|	options option
;

option:	PACKET				{ if (fw_once(p, FW_ONCE_PACKET, &$1)) YYABORT; }
|	LENGTH { if (fw_begin_values(p, FW_FIELD_LENGTH, &$1)) YYABORT; } match
|	TTL { if (fw_begin_values(p, FW_FIELD_TTL, &$1)) YYABORT; } match
|	DSCP { if (fw_begin_values(p, FW_FIELD_DSCP, &$1)) YYABORT; } match
|	PROTO { if (fw_begin_values(p, FW_FIELD_PROTO, &$1)) YYABORT; } match
|	VLAN { if (fw_begin_values(p, FW_FIELD_VLAN, &$1)) YYABORT; } match
|	FROM { if (fw_begin_addrs(p, false, &$1)) YYABORT; } match
|	TO { if (fw_begin_addrs(p, true, &$1)) YYABORT; } match
|	IP				{ if (fw_set_family(p, 4, &$1)) YYABORT; }
|	IP6				{ if (fw_set_family(p, 6, &$1)) YYABORT; }
|	FRAGMENT which			{ if (fw_set_fragment(p, &$1, &$2, false)) YYABORT; }
|	FRAGMENT NOT which		{ if (fw_set_fragment(p, &$1, &$3, true)) YYABORT; }
|	OPTIONS
		{
			if (fw_once(p, FW_ONCE_OPTIONS, &$1))
				YYABORT;
			p->rule.options = FW_YES;
		}
|	NOT OPTIONS
		{
			if (fw_once(p, FW_ONCE_OPTIONS, &$2))
				YYABORT;
			p->rule.options = FW_NO;
		}
|	MALFORMED
		{
			if (fw_once(p, FW_ONCE_MALFORMED, &$1))
				YYABORT;
			p->rule.malformed = FW_YES;
		}
|	NOT MALFORMED
		{
			if (fw_once(p, FW_ONCE_MALFORMED, &$2))
				YYABORT;
			p->rule.malformed = FW_NO;
		}
|	TCP { if (fw_begin_upper(p, FW_TCP, &$1)) YYABORT; } tcp_fields
|	UDP { if (fw_begin_upper(p, FW_UDP, &$1)) YYABORT; } udp_fields
|	ICMP { if (fw_begin_upper(p, FW_ICMP, &$1)) YYABORT; } icmp_fields
|	ICMP6 { if (fw_begin_upper(p, FW_ICMP6, &$1)) YYABORT; } icmp_fields
|	NAME STRING			{ if (fw_set_rule_name(p, &$1, &$2)) YYABORT; }
;

which:	FIRST
|	LATER
|	ANY
|	NONE
;

tcp_fields:
	%empty
|	tcp_fields port
|	tcp_fields WINDOW { if (fw_begin_values(p, FW_FIELD_WINDOW, &$2)) YYABORT; } match
|	tcp_fields FLAGS { if (fw_begin_flags(p, &$2)) YYABORT; } negation flags
		{ if (fw_flags_value(p)) YYABORT; } mask
;

udp_fields:
	%empty
|	udp_fields port
;

port:	SPORT { if (fw_begin_values(p, FW_FIELD_SPORT, &$1)) YYABORT; } match
|	DPORT { if (fw_begin_values(p, FW_FIELD_DPORT, &$1)) YYABORT; } match
;

icmp_fields:
	%empty
|	icmp_fields TYPE { if (fw_begin_values(p, FW_FIELD_TYPE, &$2)) YYABORT; } match
|	icmp_fields CODE { if (fw_begin_values(p, FW_FIELD_CODE, &$2)) YYABORT; } match
;

flags:	chunk				{ if (fw_flags_bare(p, &$1)) YYABORT; }
|	OPEN CLOSE
|	OPEN items CLOSE
;

mask:	%empty
|	MASK flags			{ if (fw_flags_mask(p, &$1)) YYABORT; }
;

negation:
	%empty
|	NOT				{ p->negated = true; }
;

/* of the field that has begun: p->add() takes the items */
match:	ANY				{ if (fw_match_any(p, &$1)) YYABORT; }
|	negation some			{ if (fw_match_end(p, &$2)) YYABORT; }
;

some:	chunk				{ if (p->add(p, &$1)) YYABORT; }
|	OPEN items CLOSE
|	OPEN CLOSE
		{
			p->err = fw_error(&$2, "an empty list matches nothing");
			YYABORT;
		}
;

items:	item
|	items item
|	items COMMA item
;

item:	chunk				{ if (p->add(p, &$1)) YYABORT; }
|	ANY				{ if (p->add(p, &$1)) YYABORT; }
;

/* where a value must stand, a keyword is a word like others: proto udp, dscp default */
chunk:	WORD | DROP | PASS | COUNT | LIMIT | PPS | BPS | BURST | PER | PROTECT | DEFAULT | NEXT
|	HYGIENE | ALLOW | FRAGMENTS | LOCAL | PTB | TEST | SHA1 | XDP_ACTION | PACKET | LENGTH | IP
|	IP6 | FROM | TO | TTL | DSCP | PROTO | VLAN | FRAGMENT | FIRST | LATER | NONE | OPTIONS
|	MALFORMED | TCP | UDP | ICMP | ICMP6 | SPORT | DPORT | WINDOW | FLAGS | MASK | TYPE | CODE
|	NAME
;

%%

/* The words that could stand here, if they are few; else what kind of thing. */
static int yyreport_syntax_error(const yypcontext_t *context, struct fw_parser *p)
{
	yysymbol_kind_t expected[YYNTOKENS];
	int i, count = yypcontext_expected_tokens(context, expected, YYNTOKENS);
	char words[128] = "";
	size_t used = 0;

	for (i = 0; i < count; i++) {
		if (expected[i] == YYSYMBOL_WORD) {
			p->err = fw_error(&p->last, "a value expected");
			return 0;
		}
		if (used < sizeof(words))
			used += snprintf(words + used, sizeof(words) - used, "%s%s",
					 !i		? "" :
					 i + 1 == count ? " or " :
							  ", ",
					 yysymbol_name(expected[i]));
	}
	if (count > 0 && count <= 6)
		p->err = fw_error(&p->last, "%s expected", words);
	else if (count > 0 && yypcontext_token(context) == YYSYMBOL_WORD)
		p->err = fw_error(&p->last, "unknown word");
	else if (count > 0)
		p->err = fw_error(&p->last, "unexpected");
	return 0; /* without memory, count is negative: fw_scan() says so */
}
