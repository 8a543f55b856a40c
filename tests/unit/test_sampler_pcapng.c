// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Captures byte by byte, verdicts in words, gaps of publishers, and what top adds up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "libecbpf/abi.h"
#include "xdp_sampler/pcapng.h"
#include "xdp_sampler/publishers.h"
#include "xdp_sampler/top.h"
#include "xdp_sampler/verdict.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

/* --- blocks, as a host that counts from the low byte writes them */

#define LE16(value) (value) & 0xff, (value) >> 8 & 0xff
#define LE32(value) LE16((value)&0xffff), LE16((value) >> 16)
#define LE64(value) LE32((value)&0xffffffff), LE32((uint64_t)(value) >> 32)

static void assert_blocks(struct pcapng *made, const uint8_t *want, size_t len)
{
	assert_false(made->failed);
	assert_int_equal(made->used, len);
	assert_memory_equal(made->bytes, want, len);
	pcapng_free(made);
	assert_null(made->bytes);
}

static void section(void **state)
{
	static const uint8_t want[] = {
		LE32(0x0a0d0d0a),
		LE32(60), /* type, length */
		LE32(0x1a2b3c4d),
		LE16(1),
		LE16(0),	  /* order, version */
		LE64(UINT64_MAX), /* length not told */
		LE16(2),
		LE16(4),
		'a',
		'r',
		'c',
		'h', /* hardware */
		LE16(3),
		LE16(5),
		'L',
		'i',
		'n',
		'u', /* system */
		'x',
		0,
		0,
		0, /* padding */
		LE16(4),
		LE16(3),
		'p',
		'r',
		'g',
		0, /* program */
		LE16(0),
		LE16(0),
		LE32(60), /* end, length */
	};
	struct pcapng made = {};

	(void)state;
	pcapng_section(&made, "arch", "Linux", "prg");
	assert_blocks(&made, want, sizeof(want));
}

static void interface(void **state)
{
	static const uint8_t want[] = {
		LE32(1),   LE32(48),		   /* type, length */
		LE16(276), LE16(0),  LE32(262144), /* link, reserved, snap */
		LE16(2),   LE16(4),  'e',
		't',	   'h',	     '0', /* name */
		LE16(3),   LE16(2),  'h',
		'1',	   0,	     0, /* description */
		LE16(9),   LE16(1),  9,
		0,	   0,	     0,	       /* nanoseconds */
		LE16(0),   LE16(0),  LE32(48), /* end, length */
	};
	struct pcapng made = {};

	(void)state;
	pcapng_interface(&made, 276, "eth0", "h1");
	assert_blocks(&made, want, sizeof(want));
}

static void interface_without_names(void **state)
{
	static const uint8_t want[] = {
		LE32(1), LE32(32), LE16(1), LE16(0), LE32(262144), LE16(9), LE16(1),
		9,	 0,	   0,	    0,	     LE16(0),	   LE16(0), LE32(32),
	};
	struct pcapng made = {};

	(void)state;
	pcapng_interface(&made, 1, "", NULL);
	assert_blocks(&made, want, sizeof(want));
}

static void packet_with_everything(void **state)
{
	static const uint8_t want[] = {
		LE32(6),
		LE32(96), /* type, length */
		LE32(3),
		LE32(0x17a3b2c1), /* interface, time */
		LE32(0x94837261),
		LE32(5),
		LE32(1514), /* time, lengths */
		1,
		2,
		3,
		4,
		5,
		0,
		0,
		0, /* packet, padding */
		LE16(1),
		LE16(4),
		'd',
		'r',
		'o',
		'p', /* comment */
		LE16(2),
		LE16(4),
		LE32(1), /* flags: inbound */
		LE16(4),
		LE16(8),
		LE64(7), /* lost */
		LE16(6),
		LE16(4),
		LE32(9), /* queue */
		LE16(7),
		LE16(9),
		2,
		LE64(1), /* XDP: drop */
		0,
		0,
		0, /* padding */
		LE16(0),
		LE16(0),
		LE32(96), /* end, length */
	};
	static const uint8_t bytes[] = { 1, 2, 3, 4, 5 };
	static const struct pcapng_packet packet = {
		.time_ns = 0x17a3b2c194837261,
		.lost = 7,
		.xdp_action = 1,
		.interface = 3,
		.queue = 9,
		.len = 1514,
		.caplen = sizeof(bytes),
		.bytes = bytes,
		.comment = "drop",
	};
	struct pcapng made = {};

	(void)state;
	pcapng_packet(&made, &packet);
	assert_blocks(&made, want, sizeof(want));
}

static void packet_with_nothing(void **state)
{
	static const uint8_t want[] = {
		LE32(6), LE32(68), LE32(0), LE32(0), LE32(0), LE32(0), LE32(60), LE16(2),
		LE16(4), LE32(1),  LE16(6), LE16(4), LE32(0), LE16(7), LE16(9),	 2,
		LE64(0), 0,	   0,	    0,	     LE16(0), LE16(0), LE32(68),
	};
	static const struct pcapng_packet packet = { .len = 60 };
	struct pcapng made = {};

	(void)state;
	pcapng_packet(&made, &packet);
	assert_blocks(&made, want, sizeof(want));
}

/* Whatever a comment's and a packet's lengths are, blocks are of whole words, and end as they say. */
static void padding(void **state)
{
	static const uint8_t bytes[9] = { 1, 1, 1, 1, 1, 1, 1, 1, 1 };
	static const char comment[] = "xxxxxxxxx";
	uint32_t len, end;
	size_t i, j;

	(void)state;
	for (i = 0; i < sizeof(bytes); i++) {
		for (j = 1; j < sizeof(comment); j++) {
			const struct pcapng_packet packet = {
				.caplen = i,
				.bytes = bytes,
				.comment = comment + sizeof(comment) - 1 - j,
			};
			struct pcapng made = {};

			pcapng_packet(&made, &packet);
			assert_int_equal(made.used, 68 + (i + 3) / 4 * 4 + 4 + (j + 3) / 4 * 4);
			memcpy(&len, made.bytes + 4, sizeof(len));
			memcpy(&end, made.bytes + made.used - 4, sizeof(end));
			assert_int_equal(len, made.used);
			assert_int_equal(end, made.used);
			pcapng_free(&made);
		}
	}
}

/* --- verdicts */

static void verdicts(void **state)
{
	static const struct {
		struct message_view view;
		const char *text;
	} rows[] = {
		{ { .action = 1,
		    .slot = 5,
		    .code = 128,
		    .reason = "fw-rule",
		    .meta = 3,
		    .one_in = 1000 },
		  "drop by slot 5: fw-rule, rule 3, one in 1000" },
		{ { .action = 1, .slot = 5, .code = 129, .reason = "fw-limit", .one_in = 1 },
		  "drop by slot 5: fw-limit, rule 0, one in 1" },
		{ { .action = 0, .slot = -1, .code = 7, .reason = "", .one_in = 10 },
		  "aborted by the root: ipv4-length-short, one in 10" },
		{ { .action = 2, .slot = -2, .reason = "", .one_in = 4294967295 },
		  "pass at the end of the chain, one in 4294967295" },
		{ { .action = 3,
		    .slot = 15,
		    .code = 384,
		    .reason = "user",
		    .meta = UINT64_MAX,
		    .one_in = 2 },
		  "tx by slot 15: user, meta 18446744073709551615, one in 2" },
		{ { .action = 4, .slot = 0, .code = 400, .reason = "", .one_in = 2 },
		  "redirect by slot 0: code-400, one in 2" },
		{ { .action = 5, .slot = 8, .code = 390, .reason = "a b\n\x1b\xff", .one_in = 2 },
		  "invalid by slot 8: a?b???, one in 2" },
		{ { .action = 6, .slot = 16, .meta = 5 }, "unknown by slot 16, meta 5, one in 0" },
	};
	char text[VERDICT_TEXT_MAX];
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		verdict_text(&rows[i].view, text);
		assert_string_equal(text, rows[i].text);
	}
	assert_string_equal(verdict_slot(-1), "root");
	assert_string_equal(verdict_slot(-2), "end");
	assert_string_equal(verdict_slot(15), "15");
	assert_string_equal(verdict_slot(16), "unknown");
	assert_string_equal(verdict_slot(-3), "unknown");
	assert_string_equal(verdict_action(-1), "unknown");
}

static void endless_reason(void **state)
{
	char name[1000], text[VERDICT_TEXT_MAX];
	const struct message_view view = { .reason = name,
					   .code = UINT32_MAX,
					   .meta = UINT64_MAX,
					   .one_in = UINT32_MAX,
					   .slot = -2,
					   .action = 4 };

	(void)state;
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	verdict_text(&view, text);
	assert_string_equal(text,
			    "redirect at the end of the chain: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx, "
			    "meta 18446744073709551615, one in 4294967295");
}

/* --- publishers */

static void gaps(void **state)
{
	static const struct {
		size_t source;
		const char *hostname;
		uint64_t sequence, gap;
	} rows[] = {
		{ 0, "a", 100, 0 },					  /* came late */
		{ 0, "a", 101, 0 }, { 0, "a", 105, 3 }, { 0, "b", 7, 0 }, /* another host */
		{ 1, "a", 50, 0 },					  /* another endpoint */
		{ 0, "a", 106, 0 }, { 0, "b", 9, 1 },	{ 0, "a", 0, 0 }, /* started again */
		{ 0, "a", 2, 1 },   { 1, "a", 51, 0 },
	};
	struct publishers publishers = {};
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++)
		if (publishers_gap(&publishers, rows[i].source, rows[i].hostname,
				   rows[i].sequence) != rows[i].gap)
			fail_msg("row %zu", i);
	assert_int_equal(publishers.count, 3);
	assert_int_equal(publishers.lost, 5);
	publishers_free(&publishers);
	assert_int_equal(publishers.lost, 0);
}

static void too_many_publishers(void **state)
{
	struct publishers publishers = {};
	size_t i;

	(void)state;
	for (i = 0; i < PUBLISHERS_MAX + 10; i++)
		assert_int_equal(publishers_gap(&publishers, i, "h", 1), 0);
	assert_int_equal(publishers.count, PUBLISHERS_MAX);
	assert_int_equal(publishers_gap(&publishers, PUBLISHERS_MAX - 1, "h", 4), 2);
	assert_int_equal(publishers_gap(&publishers, PUBLISHERS_MAX, "h", 4), 0);
	assert_int_equal(publishers.lost, 2);
	publishers_free(&publishers);
}

/* --- top */

#define ETHERNET(...) 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, __VA_ARGS__
#define IPV4(proto, fragment, last) \
	0x45, 0, 0, 100, 0, 0, fragment, 64, proto, 0, 0, 10, 0, 0, last, 192, 0, 2, 1

static const uint8_t udp4[] = { ETHERNET(8, 0), IPV4(17, LE16(0), 1), 0x30, 0x39, 0, 53 };
static const uint8_t tcp4[] = { ETHERNET(0x81, 0, 0, 5, 8, 0), IPV4(6, LE16(0), 2), 1, 0, 0, 80 };
static const uint8_t later4[] = { ETHERNET(8, 0), IPV4(17, LE16(0x0100), 1), 0x30, 0x39, 0, 53 };
static const uint8_t udp6[] = {
	ETHERNET(0x86, 0xdd),
	0x60,
	0,
	0,
	0,
	0,
	100,
	0,
	64,
	0x20,
	1,
	0xd,
	0xb8,
	0,
	0,
	0,
	0,
	0,
	0,
	0,
	0,
	0,
	0,
	0,
	1,
	0x20,
	1,
	0xd,
	0xb8,
	0,
	0,
	0,
	0,
	0,
	0,
	0,
	0,
	0,
	0,
	0,
	2,
	17,
	0,
	0,
	0,
	0,
	0,
	0,
	0, /* hop-by-hop options */
	0x30,
	0x39,
	1,
	0xbb,
};

static struct message_view view_of(const uint8_t *bytes, uint32_t caplen)
{
	return (struct message_view){ .reason = "",
				      .link = 1,
				      .action = 2,
				      .slot = -2,
				      .one_in = 100,
				      .len = 1000,
				      .caplen = caplen,
				      .bytes = bytes };
}

static void add(struct top *top, const uint8_t *bytes, uint32_t caplen)
{
	const struct message_view view = view_of(bytes, caplen);

	assert_int_equal(top_add(top, &view), 0);
}

static void assert_sum(const struct top_sum *sum, uint64_t samples, uint64_t packets,
		       uint64_t bytes)
{
	assert_int_equal(sum->samples, samples);
	assert_int_equal(sum->packets, packets);
	assert_int_equal(sum->bytes, bytes);
}

static void estimates(void **state)
{
	static const uint8_t addr1[16] = { 10, 0, 0, 1 }, addr2[16] = { 10, 0, 0, 2 };
	struct message_view drop = view_of(udp4, sizeof(udp4));
	const struct top_entry *entry;
	struct top top;

	(void)state;
	drop.action = 1;
	drop.slot = 5;
	drop.code = 128;
	drop.reason = "fw-rule";
	drop.one_in = 7;
	drop.len = 60;
	top_init(&top, 1);
	add(&top, tcp4, sizeof(tcp4));
	assert_int_equal(top_add(&top, &drop), 0);
	add(&top, udp4, sizeof(udp4));
	top_rank(&top);
	assert_sum(&top.all, 3, 207, 200420);

	assert_int_equal(top.list[TOP_SOURCES].count, 2);
	entry = top.list[TOP_SOURCES].entry;
	assert_memory_equal(entry[0].key.addr, addr1, 16);
	assert_int_equal(entry[0].key.family, AF_INET);
	assert_sum(&entry[0].sum, 2, 107, 100420);
	assert_memory_equal(entry[1].key.addr, addr2, 16);
	assert_sum(&entry[1].sum, 1, 100, 100000);

	assert_int_equal(top.list[TOP_DESTINATIONS].count, 1);
	assert_sum(&top.list[TOP_DESTINATIONS].entry[0].sum, 3, 207, 200420);

	entry = top.list[TOP_DESTINATION_PORTS].entry;
	assert_int_equal(top.list[TOP_DESTINATION_PORTS].count, 2);
	assert_int_equal(entry[0].key.number, 53);
	assert_int_equal(entry[0].key.kind, 17);
	assert_int_equal(entry[1].key.number, 80);
	assert_int_equal(entry[1].key.kind, 6);

	entry = top.list[TOP_REASONS].entry;
	assert_int_equal(top.list[TOP_REASONS].count, 2);
	assert_string_equal(entry[0].reason, "none");
	assert_sum(&entry[0].sum, 2, 200, 200000);
	assert_string_equal(entry[1].reason, "fw-rule");
	assert_int_equal(entry[1].key.slot, 5);
	assert_sum(&entry[1].sum, 1, 7, 420);

	top_reset(&top);
	assert_int_equal(top.seed, 1);
	assert_sum(&top.all, 0, 0, 0);
	top_free(&top);
}

/* How much of a packet says who sends it, and to which port. */
static void cut_packets(void **state)
{
	static const struct {
		const uint8_t *bytes;
		uint32_t size, to_source, to_ports;
		uint16_t port;
	} rows[] = {
		{ udp4, sizeof(udp4), 34, 38, 53 },
		{ tcp4, sizeof(tcp4), 38, 42, 80 },
		{ udp6, sizeof(udp6), 54, 66, 443 },
		{ later4, sizeof(later4), 34, UINT32_MAX, 0 },
	};
	uint32_t len;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		for (len = 0; len <= rows[i].size; len++) {
			struct top top;

			top_init(&top, 1);
			add(&top, rows[i].bytes, len);
			top_rank(&top);
			assert_int_equal(top.list[TOP_REASONS].count, 1);
			assert_int_equal(top.list[TOP_SOURCES].count, len >= rows[i].to_source);
			assert_int_equal(top.list[TOP_DESTINATIONS].count,
					 len >= rows[i].to_source);
			assert_int_equal(top.list[TOP_SOURCE_PORTS].count, len >= rows[i].to_ports);
			assert_int_equal(top.list[TOP_DESTINATION_PORTS].count,
					 len >= rows[i].to_ports);
			if (len >= rows[i].to_ports) {
				assert_int_equal(top.list[TOP_SOURCE_PORTS].entry->key.number,
						 i == 1 ? 256 : 12345);
				assert_int_equal(top.list[TOP_DESTINATION_PORTS].entry->key.number,
						 rows[i].port);
			}
			top_free(&top);
		}
	}
}

static void other_links(void **state)
{
	static const struct {
		const uint8_t *bytes;
		int link;
		size_t sources;
	} rows[] = {
		{ udp4 + 14, 228, 1 }, { udp4 + 14, 101, 1 }, { udp6 + 14, 229, 1 },
		{ udp6 + 14, 101, 1 }, { udp6 + 14, 228, 0 }, { udp4 + 14, 229, 0 },
		{ udp4 + 14, 113, 0 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		struct message_view view = view_of(rows[i].bytes, 24);
		struct top top;

		if (rows[i].bytes == udp6 + 14)
			view.caplen = 52;
		view.link = rows[i].link;
		top_init(&top, 1);
		assert_int_equal(top_add(&top, &view), 0);
		assert_int_equal(top.list[TOP_SOURCES].count, rows[i].sources);
		assert_int_equal(top.list[TOP_SOURCE_PORTS].count, rows[i].sources);
		top_free(&top);
	}
}

/* More sources than fit: none is forgotten in the sum, and those that came first stay. */
static void many_sources(void **state)
{
	const uint32_t sources = TOP_ENTRIES_MAX + 1000;
	uint8_t bytes[sizeof(udp4)];
	const struct top_list *list;
	struct top top;
	uint32_t i;

	(void)state;
	memcpy(bytes, udp4, sizeof(bytes));
	top_init(&top, 0x1234);
	for (i = 0; i < sources; i++) {
		memcpy(bytes + 26, &i, sizeof(i));
		add(&top, bytes, sizeof(bytes));
	}
	i = 77;
	memcpy(bytes + 26, &i, sizeof(i));
	add(&top, bytes, sizeof(bytes));
	top_rank(&top);
	list = &top.list[TOP_SOURCES];
	assert_int_equal(list->count, TOP_ENTRIES_MAX);
	assert_sum(&list->rest, 1000, 100000, 100000000);
	assert_memory_equal(list->entry[0].key.addr, &i, sizeof(i));
	assert_sum(&list->entry[0].sum, 2, 200, 200000);
	assert_sum(&list->entry[1].sum, 1, 100, 100000);
	assert_sum(&top.all, sources + 1, (sources + 1) * 100ULL, (sources + 1) * 100000ULL);
	top_free(&top);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(section),
		cmocka_unit_test(interface),
		cmocka_unit_test(interface_without_names),
		cmocka_unit_test(packet_with_everything),
		cmocka_unit_test(packet_with_nothing),
		cmocka_unit_test(padding),
		cmocka_unit_test(verdicts),
		cmocka_unit_test(endless_reason),
		cmocka_unit_test(gaps),
		cmocka_unit_test(too_many_publishers),
		cmocka_unit_test(estimates),
		cmocka_unit_test(cut_packets),
		cmocka_unit_test(other_links),
		cmocka_unit_test(many_sources),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
