// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Frames as selectors see them: by hand, and against the reference parser's facts. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "libecbpf/ecbpf.h"
#include "tests/fuzz/cases.h"
#include "tests/fuzz/hex.h"
#include "tests/fuzz/packets.h"
#include "tests/fuzz/reference.h"
#include "xdp_fw/packet.h"

/* Linked by inclusion: this program's only own object is this file. */
#include "tests/fuzz/cases.c"
#include "tests/fuzz/packets.c"
#include "tests/fuzz/reference.c"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

#define PACKETS 1000000

/* Ends where the allocation ends, for the sanitizer. */
static int packet_read(const uint8_t *frame, size_t len, struct fw_packet *packet)
{
	uint8_t *copy = malloc(len + 2);
	int code;

	assert_non_null(copy);
	memcpy(copy + 2, frame, len);
	code = fw_packet_read(copy + 2, len, packet);
	free(copy);
	return code;
}

static bool same(const struct fw_packet *a, const struct fw_packet *b)
{
	return a->length == b->length && a->family == b->family && a->proto == b->proto &&
	       a->ttl == b->ttl && a->dscp == b->dscp && a->fragment == b->fragment &&
	       a->options == b->options && a->malformed == b->malformed && a->upper == b->upper &&
	       a->vlan == b->vlan && !memcmp(a->src, b->src, 16) && !memcmp(a->dst, b->dst, 16) &&
	       a->sport == b->sport && a->dport == b->dport && a->window == b->window &&
	       a->flags == b->flags && a->type == b->type && a->code == b->code;
}

static void show(const char *who, const struct fw_packet *p)
{
	print_error("%s: length %u, family %u, proto %u, ttl %u, dscp %u, fragment %u, "
		    "options %d, malformed %d, upper %d, vlan %u, ports %u %u, window %u, "
		    "flags %u, type %u, code %u\n",
		    who, p->length, p->family, p->proto, p->ttl, p->dscp, p->fragment, p->options,
		    p->malformed, p->upper, p->vlan, p->sport, p->dport, p->window, p->flags,
		    p->type, p->code);
}

static void check(const char *name, const uint8_t *frame, size_t len, int want_code,
		  const struct fw_packet *want)
{
	struct fw_packet got;
	int code = packet_read(frame, len, &got);
	size_t i;

	if (code == want_code && (code ? got.length == len : same(&got, want)))
		return;
	for (i = 0; i < len; i++)
		print_error("%02x", frame[i]);
	print_error("\ncode %d, expected %d\n", code, want_code);
	show("got", &got);
	show("expected", want);
	fail_msg("%s, %zu bytes", name, len);
}

/* --- what follows from the reference's facts, by offsets */

static unsigned int at16(const uint8_t *frame, unsigned int offset)
{
	return frame[offset] << 8 | frame[offset + 1];
}

static void want_network(const uint8_t *frame, const struct facts_net *net, struct fw_packet *want)
{
	const uint8_t *ip = frame + net->offset;

	want->family = net->version;
	want->proto = net->proto;
	want->ttl = net->version == 4 ? ip[8] : ip[7];
	want->dscp = net->version == 4 ? ip[1] / 4 : at16(ip, 0) >> 6 & 0x3f;
	memcpy(want->src, net->version == 4 ? ip + 12 : ip + 8, net->version == 4 ? 4 : 16);
	memcpy(want->dst, net->version == 4 ? ip + 16 : ip + 24, net->version == 4 ? 4 : 16);
	want->fragment = net->later    ? FW_FRAGMENT_LATER :
			 net->fragment ? FW_FRAGMENT_FIRST :
					 FW_FRAGMENT_NONE;
	want->options = net->exts > (net->version == 6 && net->fragment);
}

static void want_upper(const uint8_t *frame, const struct facts_upper *upper,
		       struct fw_packet *want)
{
	want->upper = true;
	if (upper->proto != 6 && upper->proto != 17) {
		want->type = upper->field[0];
		want->code = upper->field[1];
		return;
	}
	want->sport = upper->field[0];
	want->dport = upper->field[1];
	if (upper->proto == 17)
		return;
	want->window = at16(frame, upper->offset + 14);
	want->flags = frame[upper->offset + 13];
}

static int want_packet(const uint8_t *frame, size_t len, struct fw_packet *want)
{
	struct facts facts;
	__u32 refusal;

	reference_parse(frame, len, &facts);
	refusal = reference_refusal(&facts);
	memset(want, 0, sizeof(*want));
	want->length = len;
	if (refusal)
		return refusal;
	if (!facts.net.version)
		return FW_PACKET_FOREIGN;
	want->vlan = facts.link.vlans ? facts.link.tci[0] % 4096 : FW_VLAN_NONE;
	want_network(frame, &facts.net, want);
	if (facts.upper.proto)
		want_upper(frame, &facts.upper, want);
	want->malformed = facts.upper.code || facts.net.code == ECBPF_CODE_IPV6_EXT_LIMIT;
	return 0;
}

/* --- tests */

static void cases_at_every_length(void **state)
{
	struct fw_packet want;
	uint8_t frame[CASE_FRAME_MAX];
	size_t i, len, cut;
	int code;

	(void)state;
	assert_true(frame_cases_count > 100);
	for (i = 0; i < frame_cases_count; i++) {
		len = frame_bytes(frame_cases[i].hex, frame);
		for (cut = 0; cut <= len; cut++) {
			code = want_packet(frame, cut, &want);
			check(frame_cases[i].name, frame, cut, code, &want);
		}
	}
}

static void random_packets(void **state)
{
	const uint64_t count = packets_count(PACKETS);
	uint64_t i, judged = 0, upper = 0, malformed = 0;
	struct packets packets;
	struct fw_packet want;
	int code;

	(void)state;
	packets_begin(&packets, 0xf1e1d);
	print_message("# %" PRIu64 " packets, seed %#" PRIx64 "\n", count, packets.state);
	for (i = 0; i < count; i++) {
		packets_next(&packets, 0);
		code = want_packet(packets.frame, packets.len, &want);
		check("random packet", packets.frame, packets.len, code, &want);
		judged += !code;
		upper += want.upper;
		malformed += want.malformed;
	}
	print_message("# %" PRIu64 " judged, %" PRIu64 " with, %" PRIu64 " without their header\n",
		      judged, upper, malformed);
	assert_true(upper > count / 10 && malformed > count / 100);
}

/* clang-format off */
#define V4 .src = { 10, 0, 0, 1 }, .dst = { 10, 0, 0, 2 }
#define V6 .src = { 0xfd, [15] = 1 }, .dst = { 0xfd, [15] = 2 }

static const struct by_hand {
	const char *name, *hex;
	int code;
	struct fw_packet want;
} by_hand[] = {
	{ "tcp", ETH(0800) "45b8 0028 1234 4000 3c06 0000 0a000001 0a000002 "
	  "03e8 0050 00000001 00000002 50d2 ffee 0000 0000 ", 0,
	  { .length = 54, .family = 4, .proto = 6, .ttl = 60, .dscp = 46, V4,
	    .fragment = FW_FRAGMENT_NONE, .vlan = FW_VLAN_NONE, .upper = true,
	    .sport = 1000, .dport = 80, .window = 0xffee, .flags = 0xd2 } },
	{ "tcp, frame with padding", ETH(0800) IP4(45, 0028, 0000, 06) TCP(50) "00*6 ", 0,
	  { .length = 60, .family = 4, .proto = 6, .ttl = 64, V4,
	    .fragment = FW_FRAGMENT_NONE, .vlan = FW_VLAN_NONE, .upper = true,
	    .sport = 1000, .dport = 80, .window = 0xffff, .flags = 0x10 } },
	{ "half a tcp header", ETH(0800) IP4(45, 001e, 0000, 06) "03e8 0050 00*6 ", 0,
	  { .length = 44, .family = 4, .proto = 6, .ttl = 64, V4,
	    .fragment = FW_FRAGMENT_NONE, .vlan = FW_VLAN_NONE, .malformed = true } },
	{ "a later fragment has no ports", ETH(0800) IP4(45, 001c, 0001, 11) UDP(0008), 0,
	  { .length = 42, .family = 4, .proto = 17, .ttl = 64, V4,
	    .fragment = FW_FRAGMENT_LATER, .vlan = FW_VLAN_NONE } },
	{ "a first fragment has", ETH(0800) IP4(45, 001c, 2000, 11) UDP(0208), 0,
	  { .length = 42, .family = 4, .proto = 17, .ttl = 64, V4,
	    .fragment = FW_FRAGMENT_FIRST, .vlan = FW_VLAN_NONE, .upper = true,
	    .sport = 1000, .dport = 53 } },
	{ "ipv4 options", ETH(0800) IP4(46, 0020, 0000, 01) "01010101 " ICMP, 0,
	  { .length = 46, .family = 4, .proto = 1, .ttl = 64, V4,
	    .fragment = FW_FRAGMENT_NONE, .vlan = FW_VLAN_NONE, .upper = true, .options = true,
	    .type = 8, .code = 3 } },
	{ "the outer of two tags", ETH(88a8) TAG(e123, 8100) TAG(0002, 86dd) IP6(0008, 11)
	  UDP(0008), 0,
	  { .length = 70, .family = 6, .proto = 17, .ttl = 64, V6,
	    .fragment = FW_FRAGMENT_NONE, .vlan = 0x123, .upper = true,
	    .sport = 1000, .dport = 53 } },
	{ "ipv6 dscp and hop limit", ETH(86dd) "6b823456 0008 3a 01 "
	  "fd000000000000000000000000000001 fd000000000000000000000000000002 " ICMP, 0,
	  { .length = 62, .family = 6, .proto = 58, .ttl = 1, .dscp = 46, V6,
	    .fragment = FW_FRAGMENT_NONE, .vlan = FW_VLAN_NONE, .upper = true,
	    .type = 8, .code = 3 } },
	{ "a fragment header is no option", ETH(86dd) IP6(0010, 2c) FRAG(11, 0001) UDP(0208), 0,
	  { .length = 70, .family = 6, .proto = 17, .ttl = 64, V6,
	    .fragment = FW_FRAGMENT_FIRST, .vlan = FW_VLAN_NONE, .upper = true,
	    .sport = 1000, .dport = 53 } },
	{ "but one of a whole packet is", ETH(86dd) IP6(0010, 2c) FRAG(11, 0000) UDP(0008), 0,
	  { .length = 70, .family = 6, .proto = 17, .ttl = 64, V6,
	    .fragment = FW_FRAGMENT_NONE, .vlan = FW_VLAN_NONE, .upper = true, .options = true,
	    .sport = 1000, .dport = 53 } },
	{ "icmp in ipv6 is a protocol like others", ETH(86dd) IP6(0008, 01) ICMP, 0,
	  { .length = 62, .family = 6, .proto = 1, .ttl = 64, V6,
	    .fragment = FW_FRAGMENT_NONE, .vlan = FW_VLAN_NONE } },
	{ "gre", ETH(0800) IP4(45, 0018, 0000, 2f) "00000800 ", 0,
	  { .length = 38, .family = 4, .proto = 47, .ttl = 64, V4,
	    .fragment = FW_FRAGMENT_NONE, .vlan = FW_VLAN_NONE } },
	{ "arp", ETH(0806) "00*28 ", FW_PACKET_FOREIGN, {} },
	{ "no frame", "", ECBPF_CODE_ETH_TRUNCATED, {} },
	{ "total length beyond the frame", ETH(0800) IP4(45, 0029, 0000, 06) TCP(50),
	  ECBPF_CODE_IPV4_LENGTH_BEYOND, {} },
};
/* clang-format on */

static void frames_by_hand(void **state)
{
	uint8_t frame[CASE_FRAME_MAX];
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(by_hand); i++)
		check(by_hand[i].name, frame, frame_bytes(by_hand[i].hex, frame), by_hand[i].code,
		      &by_hand[i].want);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_by_hand),
		cmocka_unit_test(cases_at_every_length),
		cmocka_unit_test(random_packets),
	};

	return cmocka_run_group_tests_name("fw_packet", tests, NULL, NULL);
}
