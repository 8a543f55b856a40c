// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Server ids of QUIC, from words to what the maps hold and what packets are told to do. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>

#include "tests/unit/lb_words.h"
#include "xdp_lb/apply_parts.h"
#include "xdp_lb/document.h"
#include "xdp_lb/edit.h"
#include "xdp_lb/explain.h"
#include "xdp_lb/frames.h"
#include "xdp_lb/keys.h"
#include "xdp_lb/text.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))
#define Q	    "udp:192.0.2.1:443"

/* --- in a configuration */

static int add_vip(struct lb_config *config, const char *text, unsigned int octets)
{
	struct lb_vip made = vip(text);

	made.hash = LB_HASH_QUIC;
	made.id_octets = octets;
	return lb_vip_add(config, &made);
}

static int add_id(struct lb_config *config, const char *address, const char *id)
{
	const struct lb_service key = service(Q);
	struct lb_backend made = backend(address, 1);

	assert_int_equal(lb_server_id_parse(id, &made.id), 0);
	return lb_backend_add(config, &key, &made);
}

static void server_ids(void **state)
{
	struct lb_config config = {};
	const struct lb_service key = service(Q);
	struct lb_backend made = backend("10.0.0.3", 1);
	struct lb_vip changed;

	(void)state;
	assert_int_equal(add_vip(&config, Q, 2), 0);
	assert_int_equal(add(&config, Q, "10.0.0.1"), 0); /* 0001 */
	must_fail(&config, add(&config, Q, "10.1.0.1"), -EEXIST,
		  "10.0.0.1 and 10.1.0.1 have the same server id 0001");
	must_fail(&config, add_id(&config, "10.0.0.2", "0001"), -EEXIST,
		  "10.0.0.1 and 10.0.0.2 have the same server id 0001");
	must_fail(&config, add_id(&config, "10.0.0.2", "000002"), -EINVAL,
		  "10.0.0.2: a server id of 3 octets, where the VIP's have 2");
	assert_int_equal(add_id(&config, "10.1.0.1", "ff01"), 0);
	assert_int_equal(add_id(&config, "10.0.0.3", "0002"), 0);
	assert_int_equal(lb_server_id_parse("ff01", &made.id), 0);
	must_fail(&config, lb_backend_set(&config, &key, &made), -EEXIST,
		  "10.1.0.1 and 10.0.0.3 have the same server id ff01");
	changed = config.vip[0];
	changed.id_octets = 3;
	must_fail(&config, lb_vip_set(&config, &changed), -EINVAL,
		  "10.0.0.3: a server id of 2 octets, where the VIP's have 3");
	changed.hash = LB_HASH_SOURCE;
	changed.id_octets = 0;
	must_fail(&config, lb_vip_set(&config, &changed), -EINVAL,
		  "10.0.0.3: server ids are of hash quic");
	changed = config.vip[0];
	changed.rotation = 6;
	assert_int_equal(lb_vip_set(&config, &changed), 0);
	/* those of addresses meet where they are shorter */
	made = backend("10.0.0.3", 1);
	assert_int_equal(lb_backend_set(&config, &key, &made), 0);
	made = backend("10.1.0.1", 1);
	must_fail(&config, lb_backend_set(&config, &key, &made), -EEXIST,
		  "10.0.0.1 and 10.1.0.1 have the same server id 0001");
	assert_int_equal(lb_backend_del(&config, &key, &made.endpoint), 0);
	assert_int_equal(add(&config, Q, "10.0.1.3"), 0);
	changed.id_octets = 1;
	must_fail(&config, lb_vip_set(&config, &changed), -EEXIST,
		  "10.0.0.3 and 10.0.1.3 have the same server id 03");
	lb_config_free(&config);
}

/* The end of the address, behind zeroes. */
static void server_ids_of_addresses(void **state)
{
	static const struct {
		const char *address;
		unsigned int octets;
		const char *want;
	} rows[] = {
		{ "10.0.0.1", 4, "0a000001" },
		{ "10.0.2.1", 1, "01" },
		{ "10.0.2.1", 6, "00000a000201" },
		{ "[2001:db8::a:b]", 4, "000a000b" },
		{ "[2001:db8::a:b]", 15, "010db80000000000000000000a000b" },
	};
	struct lb_server_id id;
	char text[LB_TEXT_SIZE];
	struct lb_vip quic = vip(Q);
	uint8_t cid[16];
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		const struct lb_backend made = backend(rows[i].address, 1);

		quic.hash = LB_HASH_5_TUPLE;
		lb_backend_server_id(&quic, &made, &id);
		assert_int_equal(id.octets, 0);
		quic.hash = LB_HASH_QUIC;
		quic.id_octets = rows[i].octets;
		quic.rotation = i;
		lb_backend_server_id(&quic, &made, &id);
		assert_string_equal(lb_server_id_text(&id, text), rows[i].want);
		lb_server_id_cid(&quic, &id, cid);
		assert_int_equal(cid[0], i << 5);
		assert_memory_equal(cid + 1, id.octet, 15);
	}
	assert_int_equal(lb_vip_table_hash(&quic), LB_HASH_5_TUPLE);
}

/* --- in words and documents */

static void texts(void **state)
{
	static const char *const bad[] = { "",	   "0",	  "0g",
					   "0x01", "01 ", "00000000000000000000000000000000" };
	struct lb_server_id id = {};
	char text[LB_TEXT_SIZE];
	size_t i;

	(void)state;
	assert_int_equal(lb_server_id_parse("00aBcD9f", &id), 0);
	assert_string_equal(lb_server_id_text(&id, text), "00abcd9f");
	assert_int_equal(lb_server_id_parse("000102030405060708090a0b0c0d0e", &id), 0);
	for (i = 0; i < ROWS(bad); i++)
		if (lb_server_id_parse(bad[i], &id) != -EINVAL)
			fail_msg("%s is taken", bad[i]);
	assert_string_equal(lb_server_id_text(&id, text), "000102030405060708090a0b0c0d0e");
}

static int edit(struct lb_config *config, const struct lb_said *said, const char *noun,
		const char *verb, const char *one, const char *other)
{
	char *argv[] = { (char *)verb, (char *)one, (char *)other };
	const struct lb_words words = { said, noun, other ? 3 : 2, argv };

	return lb_edit(config, &words);
}

/* Another hash begins with its own defaults, and takes the options of the old one along. */
static void edited(void **state)
{
	struct lb_said said = LB_SAID_NOTHING;
	const struct lb_said nothing = LB_SAID_NOTHING;
	struct lb_config config = {};
	const struct lb_vip *made;

	(void)state;
	assert_int_equal(edit(&config, &nothing, "vip", "add", Q, NULL), 0);
	made = config.vip;
	said.hash = LB_HASH_QUIC;
	assert_int_equal(edit(&config, &said, "vip", "set", Q, NULL), 0);
	assert_int_equal(made->id_octets, 4);
	said.id_octets = 2;
	said.rotation = 5;
	assert_int_equal(edit(&config, &said, "vip", "set", Q, NULL), 0);
	said = nothing;
	said.hash = LB_HASH_QUIC;
	assert_int_equal(edit(&config, &said, "vip", "set", Q, NULL), 0);
	assert_int_equal(made->id_octets, 2);
	assert_int_equal(made->rotation, 5);
	said = nothing;
	said.server_id = "0102";
	assert_int_equal(edit(&config, &said, "vip", "set", Q, NULL), ECBPF_EXIT_USAGE);
	assert_int_equal(edit(&config, &said, "backend", "add", Q, "10.0.0.1"), 0);
	assert_memory_equal(made->backend[0].id.octet, "\1\2", 3);
	said.server_id = "none";
	assert_int_equal(edit(&config, &said, "backend", "set", Q, "10.0.0.1"), 0);
	assert_int_equal(made->backend[0].id.octets, 0);
	said.server_id = "12345";
	assert_int_equal(edit(&config, &said, "backend", "set", Q, "10.0.0.1"), ECBPF_EXIT_USAGE);
	said = nothing;
	said.hash = LB_HASH_SOURCE;
	assert_int_equal(edit(&config, &said, "vip", "set", Q, NULL), 0);
	assert_int_equal(made->id_octets + made->rotation, 0);
	lb_config_free(&config);
}

static void in_documents(void **state)
{
	static const char text[] = "{\"version\":1,\"vips\":[{\"service\":\"" Q "\","
				   "\"hash\":\"quic\"%s,\"backends\":[{\"address\":\"10.0.0.1\","
				   "\"server_id\":\"%s\"},{\"address\":\"10.0.0.2\"}]}]}";
	struct lb_config config = {}, again = {};
	char made[512], *first, *second;

	(void)state;
	snprintf(made, sizeof(made), text, ",\"server_id_length\":2,\"config_rotation\":1", "0A0b");
	assert_int_equal(lb_document_parse(made, strlen(made), &config), 0);
	assert_int_equal(config.vip[0].id_octets, 2);
	assert_int_equal(config.vip[0].rotation, 1);
	assert_memory_equal(config.vip[0].backend[0].id.octet, "\x0a\x0b", 3);
	assert_int_equal(config.vip[0].backend[1].id.octets, 0);
	first = lb_document_print(&config);
	assert_int_equal(lb_document_parse(first, strlen(first), &again), 0);
	assert_true(lb_config_equal(&config, &again));
	second = lb_document_print(&again);
	assert_string_equal(first, second);
	free(first);
	free(second);
	lb_config_free(&config);
	lb_config_free(&again);
	snprintf(made, sizeof(made), text, "", "01020304");
	assert_int_equal(lb_document_parse(made, strlen(made), &config), 0);
	assert_int_equal(config.vip[0].id_octets, 4);
	lb_config_free(&config);
	snprintf(made, sizeof(made), text, "", "0102");
	assert_int_equal(lb_document_parse(made, strlen(made), &config), -EINVAL);
	assert_string_equal(ecbpf_error(), ".vips[0]: 10.0.0.1: a server id of 2 octets, where the "
					   "VIP's have 4");
	snprintf(made, sizeof(made), text, "", "xy");
	assert_int_equal(lb_document_parse(made, strlen(made), &config), -EINVAL);
	assert_string_equal(ecbpf_error(), ".vips[0].backends[0].server_id: xy: not 1 to 15 octets "
					   "in hexadecimal digits");
}

/* --- in the maps */

static const __u32 *key_of(const struct lb_keys *keys, __u32 vip, const char *cid, size_t octets)
{
	struct lb_cid_key key = { .vip = vip };

	memcpy(key.cid, cid, octets);
	return lb_entries_find(&keys->cid, &key);
}

static void keys(void **state)
{
	const struct lb_entries none = { .key_size = sizeof(struct lb_net) };
	__u32 vips[] = { 7, 9, 8 }, backends[] = { 20, 21, 22, 23, 24 };
	const struct lb_numbers numbers = { .vip = vips, .backend = backends };
	struct lb_vip plain = vip("tcp:192.0.2.1:443");
	struct lb_config config = {};
	struct lb_vip_entry entry;
	struct lb_keys made;

	(void)state;
	assert_int_equal(lb_vip_add(&config, &plain), 0);
	assert_int_equal(add_vip(&config, Q, 2), 0);
	assert_int_equal(add_vip(&config, "udp:192.0.2.2:443", 15), 0);
	assert_int_equal(add(&config, "tcp:192.0.2.1:443", "10.0.0.1"), 0);
	assert_int_equal(add(&config, Q, "10.0.0.1"), 0);
	assert_int_equal(add(&config, Q, "10.0.0.2"), 0);
	assert_int_equal(add(&config, Q, "10.0.0.3"), 0);
	assert_int_equal(add(&config, "udp:192.0.2.2:443", "[2001:db8::1]"), 0);
	config.vip[1].rotation = 6;
	config.vip[1].backend[0].state = LB_DRAINING;
	config.vip[1].backend[1].monitor = LB_DOWN;
	assert_int_equal(lb_keys_make(&config, &numbers, &none, &made), 0);
	assert_int_equal(made.cid.count, 3);
	assert_int_equal(*key_of(&made, 9, "\xc0\0\1", 3), 21);
	assert_null(key_of(&made, 9, "\xc0\0\2", 3));
	assert_int_equal(*key_of(&made, 9, "\xc0\0\3", 3), 23);
	assert_int_equal(*key_of(&made, 8, "\0\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1", 16), 24);
	lb_keys_free(&made);
	lb_vip_entry_make(&config.vip[0], 250, &entry);
	assert_int_equal(entry.cid_octets, 0);
	lb_vip_entry_make(&config.vip[1], 250, &entry);
	assert_int_equal(entry.cid_octets, 3);
	assert_int_equal(entry.hash, LB_OF_TUPLE);
	lb_config_free(&config);
}

/* --- explained */

#define ETH "02000000000b02000000000a0800"
#define UDP "9c4001bb002d0000" /* 40000, 443, 45 bytes */
#define IP                         \
	"450000411234000040110000" \
	"c6336407"                 \
	"c0000201"
#define REST	   "000000000000000000000000000000000000000000000000000000" /* 27 octets */
#define SHORT(cid) ETH IP UDP "43" cid REST "000000000000"
#define LONG(cid)  ETH IP UDP "c30000000108" cid REST "00"

static struct lb_explained explain(const struct lb_config *config, const char *hex,
				   const struct lb_known *known)
{
	struct lb_explained e = {};
	struct lb_packet packet;
	struct lb_frames *frames;
	const uint8_t *data;
	const char *why;
	size_t len;

	assert_int_equal(lb_frames_hex(hex, &frames), 0);
	assert_int_equal(lb_frames_next(frames, &data, &len), 1);
	assert_int_equal(lb_packet_read(data, len, &packet, &why), 0);
	lb_frames_close(frames);
	assert_int_equal(lb_explain(config, &packet, known, &e), 0);
	return e;
}

static void explained(void **state)
{
	static const struct {
		const char *hex;
		uint32_t code;
	} rows[] = {
		{ SHORT("20000b"), ECBPF_CODE_LB_QUIC },
		{ SHORT("3f000b"), ECBPF_CODE_LB_QUIC },
		{ LONG("20000b"), ECBPF_CODE_LB_QUIC },
		{ SHORT("40000b"), ECBPF_CODE_LB_NEW },
		{ SHORT("20010b"), ECBPF_CODE_LB_NEW },
		{ LONG("20000c"), ECBPF_CODE_LB_NEW }, /* it is down */
	};
	struct lb_config config = {};
	const struct lb_backend *named;
	struct lb_known known = {};
	char text[LB_TEXT_SIZE];
	size_t i;

	(void)state;
	assert_int_equal(add_vip(&config, Q, 2), 0);
	assert_int_equal(add(&config, Q, "10.0.0.10"), 0);
	assert_int_equal(add(&config, Q, "10.0.0.11"), 0);
	assert_int_equal(add(&config, Q, "10.0.0.12"), 0);
	config.vip[0].rotation = 1;
	named = &config.vip[0].backend[1];
	config.vip[0].backend[1].state = LB_DRAINING;
	config.vip[0].backend[2].monitor = LB_DOWN;
	for (i = 0; i < ROWS(rows); i++) {
		const struct lb_explained e = explain(&config, rows[i].hex, NULL);

		assert_int_equal(e.code, rows[i].code);
		assert_int_equal(e.backend == named, e.code == ECBPF_CODE_LB_QUIC);
		assert_int_equal(e.hashed, e.code != ECBPF_CODE_LB_QUIC);
		if (e.hashed)
			continue;
		assert_string_equal(lb_server_id_text(&e.id, text), "000b");
		assert_string_equal(e.why, "the server id in its connection id");
	}
	known = (struct lb_known){ &config.vip[0], &config.vip[0].backend[0], false, true };
	assert_ptr_equal(explain(&config, rows[0].hex, &known).backend, named);
	assert_int_equal(explain(&config, rows[3].hex, &known).code, ECBPF_CODE_LB_FORWARD);
	known.quic = false; /* it was there when the VIP began to look */
	assert_int_equal(explain(&config, rows[0].hex, &known).code, ECBPF_CODE_LB_FORWARD);
	lb_config_free(&config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(server_ids),	cmocka_unit_test(server_ids_of_addresses),
		cmocka_unit_test(texts),	cmocka_unit_test(edited),
		cmocka_unit_test(in_documents), cmocka_unit_test(keys),
		cmocka_unit_test(explained),
	};

	return cmocka_run_group_tests_name("lb_quic", tests, NULL, NULL);
}
