// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* A configuration: operations that do all or nothing, limits, order, lookups. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <netinet/in.h>

#include "tests/unit/lb_words.h"
#include "xdp_lb/config.h"
#include "xdp_lb/text.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

static struct lb_source source(const char *prefix, const char *to)
{
	struct lb_source made = { .backend = endpoint(to) };

	assert_int_equal(ecbpf_parse_prefix(prefix, &made.prefix), 0);
	return made;
}

static int add_vip(struct lb_config *config, const char *text)
{
	const struct lb_vip made = vip(text);

	return lb_vip_add(config, &made);
}

#define A "tcp:192.0.2.1:80"
#define B "tcp:[2001:db8::1]:80"
#define Q "udp:192.0.2.1:443"

static void order_of_entry_does_not_matter(void **state)
{
	static const char *const vips[] = { B, "any:192.0.2.0/24", A, "udp:192.0.2.1:80" };
	static const char *const sorted[] = { "any:192.0.2.0/24", A, "udp:192.0.2.1:80", B };
	static const char *const backends[] = { "[2001:db8::10]", "10.0.0.3", "10.0.0.20",
						"10.0.0.1" };
	static const char *const want[] = { "10.0.0.1", "10.0.0.3", "10.0.0.20", "[2001:db8::10]" };
	struct lb_config one = {}, other = {};
	char buf[LB_TEXT_SIZE];
	size_t i;

	(void)state;
	for (i = 0; i < 4; i++) {
		assert_int_equal(add_vip(&one, vips[i]), 0);
		assert_int_equal(add_vip(&other, vips[3 - i]), 0);
	}
	for (i = 0; i < 4; i++) {
		assert_int_equal(add(&one, A, backends[i]), 0);
		assert_int_equal(add(&other, A, backends[3 - i]), 0);
	}
	for (i = 0; i < 4; i++) {
		assert_string_equal(lb_service_text(&one.vip[i].service, buf), sorted[i]);
		assert_string_equal(lb_endpoint_text(&one.vip[1].backend[i].endpoint, buf),
				    want[i]);
	}
	assert_true(lb_config_equal(&one, &other));
	other.vip[1].backend[2].weight++;
	assert_false(lb_config_equal(&one, &other));
	lb_config_free(&one);
	lb_config_free(&other);
	assert_null(one.vip);
	assert_int_equal(one.vips + one.backends, 0);
}

/* struct member - of a VIP, a backend or a source: an octet of it */
static const struct member {
	enum { OF_VIP, OF_BACKEND, OF_SOURCE } of;
	size_t at;
} members[] = {
	{ OF_VIP, offsetof(struct lb_vip, service.last) },
	{ OF_VIP, offsetof(struct lb_vip, forward.mode) },
	{ OF_VIP, offsetof(struct lb_vip, forward.gue_port) },
	{ OF_VIP, offsetof(struct lb_vip, forward.source4[3]) },
	{ OF_VIP, offsetof(struct lb_vip, forward.source6[15]) },
	{ OF_VIP, offsetof(struct lb_vip, hash) },
	{ OF_VIP, offsetof(struct lb_vip, flags) },
	{ OF_VIP, offsetof(struct lb_vip, tcp_idle_s) },
	{ OF_VIP, offsetof(struct lb_vip, udp_idle_s) },
	{ OF_VIP, offsetof(struct lb_vip, new_pps) },
	{ OF_VIP, offsetof(struct lb_vip, table_size) },
	{ OF_VIP, offsetof(struct lb_vip, id_octets) },
	{ OF_VIP, offsetof(struct lb_vip, rotation) },
	{ OF_BACKEND, offsetof(struct lb_backend, endpoint.port) },
	{ OF_BACKEND, offsetof(struct lb_backend, state) },
	{ OF_BACKEND, offsetof(struct lb_backend, monitor) },
	{ OF_BACKEND, offsetof(struct lb_backend, id.octet[14]) },
	{ OF_SOURCE, offsetof(struct lb_source, prefix.length) },
	{ OF_SOURCE, offsetof(struct lb_source, backend.addr[0]) },
};

static uint8_t *octet_of(struct lb_vip *v, const struct member *member)
{
	void *const of[] = {
		[OF_VIP] = v,
		[OF_BACKEND] = v->backend,
		[OF_SOURCE] = v->source,
	};

	return (uint8_t *)of[member->of] + member->at;
}

static void equality_sees_every_member(void **state)
{
	struct lb_config one = {}, other;
	struct lb_vip made = vip(A);
	struct lb_service key = service(A);
	struct lb_source from = source("10.0.0.0/8", "192.0.2.10");
	size_t i;

	(void)state;
	assert_int_equal(lb_vip_add(&one, &made), 0);
	assert_int_equal(add(&one, A, "192.0.2.10"), 0);
	assert_int_equal(lb_source_add(&one, &key, &from), 0);
	for (i = 0; i < ROWS(members); i++) {
		assert_int_equal(lb_config_copy(&other, &one), 0);
		assert_true(lb_config_equal(&one, &other));
		++*octet_of(&other.vip[0], &members[i]);
		if (lb_config_equal(&one, &other))
			fail_msg("member %zu", i);
		lb_config_free(&other);
	}
	lb_config_free(&one);
}

static void vips(void **state)
{
	struct lb_config config = {};
	struct lb_service key = service(A), none = service("tcp:192.0.2.2:80");
	struct lb_vip changed = vip(A), absent = vip("tcp:192.0.2.2:80");

	(void)state;
	assert_int_equal(add_vip(&config, A), 0);
	assert_int_equal(add(&config, A, "10.0.0.1"), 0);
	must_fail(&config, add_vip(&config, A), -EEXIST, A " exists");
	changed.flags = LB_ECHO | LB_NO_TABLE;
	changed.hash = LB_HASH_SOURCE;
	changed.table_size = 251;
	assert_int_equal(lb_vip_set(&config, &changed), 0);
	assert_int_equal(config.vip[0].flags, LB_ECHO | LB_NO_TABLE);
	assert_int_equal(config.vip[0].table_size, 251);
	assert_int_equal(config.vip[0].backends, 1);
	must_fail(&config, lb_vip_set(&config, &absent), -ENOENT,
		  "there is no VIP tcp:192.0.2.2:80");
	must_fail(&config, lb_vip_del(&config, &none), -ENOENT, "there is no VIP tcp:192.0.2.2:80");
	assert_int_equal(add_vip(&config, B), 0);
	assert_int_equal(lb_vip_del(&config, &key), 0);
	assert_int_equal(config.vips, 1);
	assert_int_equal(config.backends, 0);
	assert_null(lb_vip_find(&config, &key));
	lb_config_free(&config);
}

static void set_looks_at_the_backends_too(void **state)
{
	struct lb_config config = {};
	struct lb_vip changed = vip(A);

	(void)state;
	assert_int_equal(add_vip(&config, A), 0);
	assert_int_equal(add(&config, A, "[2001:db8::10]"), 0);
	changed.forward.mode = LB_DIRECT;
	must_fail(&config, lb_vip_set(&config, &changed), -EINVAL,
		  "[2001:db8::10]: mode direct does not change the version of IP");
	lb_config_free(&config);
}

static void ranges_do_not_overlap(void **state)
{
	struct lb_config config = {};

	(void)state;
	assert_int_equal(add_vip(&config, "tcp:192.0.2.1:8000-8999"), 0);
	must_fail(&config, add_vip(&config, "tcp:192.0.2.1:8999-9000"), -EEXIST,
		  "tcp:192.0.2.1:8999-9000 overlaps tcp:192.0.2.1:8000-8999");
	must_fail(&config, add_vip(&config, "tcp:192.0.2.1:1-65535"), -EEXIST,
		  "tcp:192.0.2.1:1-65535 overlaps tcp:192.0.2.1:8000-8999");
	assert_int_equal(add_vip(&config, "tcp:192.0.2.1:9000-9001"), 0);
	assert_int_equal(add_vip(&config, "udp:192.0.2.1:8000-8001"), 0);
	assert_int_equal(add_vip(&config, "tcp:192.0.2.1:8000"), 0);
	assert_int_equal(add_vip(&config, "tcp:192.0.2.1"), 0);
	assert_int_equal(add_vip(&config, "tcp:192.0.2.2:8000-8999"), 0);
	assert_int_equal(config.vips, 6);
	lb_config_free(&config);
}

static void bad_vips(void **state)
{
	struct lb_config config = {};
	struct lb_vip made;

	(void)state;
#define BAD(text, change, message)                                                     \
	do {                                                                           \
		made = vip(text);                                                      \
		change;                                                                \
		must_fail(&config, lb_vip_add(&config, &made), -EINVAL, text message); \
	} while (0)
	BAD(A, made.forward.mode = 0, ": there is no forwarding mode 0");
	BAD(A, made.forward.mode = LB_FULL_NAT + 1, ": there is no forwarding mode 6");
	BAD(A, made.forward.mode = LB_GUE, ": mode gue needs a port");
	BAD(A, made.forward.gue_port = 1, ": only mode gue has a port, not ipip");
	BAD(A, made.forward.mode = LB_NAT;
	    made.forward.source4[0] = 10, ": mode nat keeps the packet's source");
	BAD(A, made.forward.source4[0] = 127, ": no packet can have this source");
	BAD(A, made.forward.source6[15] = 1, ": no packet can have this source");
	BAD(A, made.hash = 0, ": there is no hash 0");
	BAD(A, made.hash = LB_HASH_QUIC + 1, ": there is no hash 5");
	BAD(A, made.hash = LB_HASH_QUIC, ": QUIC runs over udp");
	BAD(A, made.id_octets = 4, ": server ids are of hash quic");
	BAD(A, made.rotation = 1, ": server ids are of hash quic");
	BAD(Q, made.hash = LB_HASH_QUIC, ": hash quic needs a length of server ids, 1 to 15");
	BAD(Q, made.hash = LB_HASH_QUIC;
	    made.id_octets = 16, ": hash quic needs a length of server ids, 1 to 15");
	BAD(Q, made.hash = LB_HASH_QUIC; made.id_octets = 1;
	    made.rotation = 7, ": config rotation is 0 to 6");
	BAD(A, made.flags = 8 | LB_ECHO, ": there is no flag 0x8");
	BAD(A, made.tcp_idle_s = 0, ": idle times are 1 to 604800 seconds");
	BAD(A, made.udp_idle_s = 604801, ": idle times are 1 to 604800 seconds");
	BAD(A, made.new_pps = 1000000001, ": the limit of new connections is at most 1000000000");
	BAD(A, made.table_size = 65536, ": a table's size is a prime from 7 to 1048573, not 65536");
	BAD(A, made.flags = LB_NO_TABLE;
	    made.forward.mode = LB_FULL_NAT, ": mode full-nat needs the connection table");
	BAD("any:192.0.2.1", made.forward.mode = LB_NAT,
	    ": mode nat is for tcp and udp, not for any protocol");
	made = vip(A);
	made.service.proto = 0;
	assert_int_equal(lb_vip_add(&config, &made), -EINVAL);
	made.service.proto = IPPROTO_SCTP;
	assert_int_equal(lb_vip_add(&config, &made), -EINVAL);
	assert_int_equal(config.vips, 0);
	assert_null(config.vip);
}

static void backends(void **state)
{
	struct lb_config config = {};
	struct lb_service key = service(A), none = service(B);
	struct lb_backend made = backend("10.0.0.1", 5), absent = backend("10.0.0.9", 1);

	(void)state;
	assert_int_equal(add_vip(&config, A), 0);
	must_fail(&config, lb_backend_add(&config, &none, &made), -ENOENT,
		  "there is no VIP tcp:[2001:db8::1]:80");
	assert_int_equal(lb_backend_add(&config, &key, &made), 0);
	must_fail(&config, lb_backend_add(&config, &key, &made), -EEXIST,
		  A " has the backend 10.0.0.1");
	made.weight = 0;
	made.state = LB_DRAINING;
	assert_int_equal(lb_backend_set(&config, &key, &made), 0);
	assert_int_equal(config.vip[0].backend[0].weight, 0);
	assert_int_equal(config.vip[0].backend[0].state, LB_DRAINING);
	must_fail(&config, lb_backend_set(&config, &key, &absent), -ENOENT,
		  A " has no backend 10.0.0.9");
	must_fail(&config, lb_backend_del(&config, &key, &absent.endpoint), -ENOENT,
		  A " has no backend 10.0.0.9");
	made.monitor = LB_DRAINING;
	must_fail(&config, lb_backend_set(&config, &key, &made), -EINVAL,
		  "10.0.0.1: there is no such state");
	must_fail(&config, add(&config, A, "10.0.0.2:80"), -EINVAL,
		  "10.0.0.2:80: mode ipip does not change the port");
	assert_int_equal(config.backends, 1);
	assert_int_equal(lb_backend_del(&config, &key, &made.endpoint), 0);
	assert_int_equal(config.backends, 0);
	lb_config_free(&config);
}

static void nat_refuses_fragments(void **state)
{
	struct lb_config config = {};
	struct lb_vip made = vip("any:192.0.2.1");
	struct lb_backend nat = backend("10.0.0.1", 1);

	(void)state;
	nat.forward.mode = LB_NAT;
	assert_int_equal(lb_vip_add(&config, &made), 0);
	must_fail(&config, lb_backend_add(&config, &made.service, &nat), -EINVAL,
		  "10.0.0.1: mode nat is for tcp and udp, not for any protocol");
	made = vip(A);
	assert_int_equal(lb_vip_add(&config, &made), 0);
	assert_false(lb_vip_refuses_fragments(lb_vip_find(&config, &made.service)));
	assert_int_equal(lb_backend_add(&config, &made.service, &nat), 0);
	assert_true(lb_vip_refuses_fragments(lb_vip_find(&config, &made.service)));
	made.forward.mode = LB_FULL_NAT;
	assert_true(lb_vip_refuses_fragments(&made));
	lb_config_free(&config);
}

static void modes_of_backends(void **state)
{
	struct lb_config config = {};
	struct lb_vip nat = vip("tcp:192.0.2.1:8000-8001"), bare = vip(A);
	struct lb_backend made = backend("10.0.0.1:80", 1), gue = backend("[2001:db8::10]", 1);

	(void)state;
	nat.forward.mode = LB_NAT;
	bare.flags = LB_NO_TABLE;
	assert_int_equal(lb_vip_add(&config, &nat), 0);
	assert_int_equal(lb_vip_add(&config, &bare), 0);
	must_fail(&config, lb_backend_add(&config, &nat.service, &made), -EINVAL,
		  "10.0.0.1:80: only under a VIP of one port, a backend has another");
	must_fail(&config, lb_backend_add(&config, &nat.service, &gue), -EINVAL,
		  "[2001:db8::10]: mode nat does not change the version of IP");
	gue.forward = (struct lb_forward){ .mode = LB_GUE, .gue_port = 6080 };
	assert_int_equal(lb_backend_add(&config, &nat.service, &gue), 0);
	assert_int_equal(lb_backend_forward(&config.vip[1], config.vip[1].backend)->mode, LB_GUE);
	made.forward.gue_port = 1;
	must_fail(&config, lb_backend_add(&config, &bare.service, &made), -EINVAL,
		  "10.0.0.1:80: options of a mode, but no mode of its own");
	made.forward.gue_port = 0;
	made.forward.mode = LB_NAT;
	must_fail(&config, lb_backend_add(&config, &bare.service, &made), -EINVAL,
		  "10.0.0.1:80: mode nat needs the connection table");
	lb_config_free(&config);
}

static void states(void **state)
{
	static const struct {
		enum lb_state state, monitor, want;
		unsigned int weight;
	} rows[] = {
		{ LB_ACTIVE, LB_ACTIVE, LB_ACTIVE, 7 },	    { LB_ACTIVE, LB_DOWN, LB_DOWN, 0 },
		{ LB_DRAINING, LB_ACTIVE, LB_DRAINING, 0 }, { LB_DRAINING, LB_DOWN, LB_DOWN, 0 },
		{ LB_DOWN, LB_ACTIVE, LB_DOWN, 0 },
	};
	struct lb_backend made = backend("10.0.0.1", 7);
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		made.state = rows[i].state;
		made.monitor = rows[i].monitor;
		assert_int_equal(lb_backend_state(&made), rows[i].want);
		assert_int_equal(lb_backend_weight(&made), rows[i].weight);
	}
}

static void sources(void **state)
{
	static const uint8_t from[][4] = { { 10, 1, 2, 3 }, { 10, 2, 0, 0 }, { 11, 0, 0, 0 } };
	struct lb_config config = {};
	struct lb_service key = service(A);
	struct lb_source wide = source("10.0.0.0/8", "192.0.2.10"),
			 narrow = source("10.1.0.0/17", "192.0.2.11"),
			 lost = source("11.0.0.0/8", "192.0.2.12"),
			 six = source("2001:db8::/32", "192.0.2.10");
	const struct lb_vip *made;

	(void)state;
	assert_int_equal(add_vip(&config, A), 0);
	assert_int_equal(add(&config, A, "192.0.2.10"), 0);
	assert_int_equal(add(&config, A, "192.0.2.11"), 0);
	assert_int_equal(lb_source_add(&config, &key, &narrow), 0);
	assert_int_equal(lb_source_add(&config, &key, &wide), 0);
	must_fail(&config, lb_source_add(&config, &key, &wide), -EEXIST,
		  "the source prefix 10.0.0.0/8 exists");
	must_fail(&config, lb_source_add(&config, &key, &lost), -ENOENT,
		  "11.0.0.0/8: 192.0.2.12 is no backend of this VIP");
	must_fail(&config, lb_source_add(&config, &key, &six), -EINVAL,
		  "2001:db8::/32: a VIP has sources of its own version of IP");
	must_fail(&config, lb_backend_del(&config, &key, &wide.backend), -EBUSY,
		  "192.0.2.10: the source prefix 10.0.0.0/8 goes there: delete it first");
	made = lb_vip_find(&config, &key);
	assert_int_equal(lb_source_match(made, from[0])->endpoint.addr[3], 11);
	assert_int_equal(lb_source_match(made, from[1])->endpoint.addr[3], 10);
	assert_null(lb_source_match(made, from[2]));
	assert_int_equal(config.sources, 2);
	assert_int_equal(lb_source_del(&config, &key, &wide.prefix), 0);
	must_fail(&config, lb_source_del(&config, &key, &wide.prefix), -ENOENT,
		  "there is no source prefix 10.0.0.0/8");
	assert_int_equal(lb_backend_del(&config, &key, &wide.backend), 0);
	assert_int_equal(config.sources, 1);
	assert_int_equal(lb_vip_del(&config, &key), 0);
	assert_int_equal(config.sources + config.backends + config.vips, 0);
	lb_config_free(&config);
}

/* few_bits - the first @count bits of an address, one in sixteen of them set */
static void few_bits(uint32_t *seed, size_t count, uint8_t *addr)
{
	size_t bit;

	memset(addr, 0, 16);
	for (bit = 0; bit < count; bit++) {
		*seed = *seed * 1664525 + 1013904223;
		if (*seed >> 28 == 0)
			addr[bit / 8] |= 0x80 >> bit % 8;
	}
}

/* add_lengths - a source prefix of every length but 3, each with a backend of its own */
static void add_lengths(struct lb_config *config, const char *text, unsigned int bits,
			uint32_t *seed)
{
	const struct lb_service key = service(text);
	unsigned int i;

	assert_int_equal(add_vip(config, text), 0);
	for (i = 0; i <= bits; i++) {
		struct lb_source from = { .prefix = { .family = bits == 32 ? AF_INET : AF_INET6,
						      .length = i },
					  .backend = { { 10, 0, 0, i + 1 }, AF_INET, 0 } };
		struct lb_backend one;

		few_bits(seed, i, from.prefix.addr);
		lb_backend_init(&one, &from.backend);
		assert_int_equal(lb_backend_add(config, &key, &one), 0);
		if (i != 3)
			assert_int_equal(lb_source_add(config, &key, &from), 0);
	}
}

/* ask_all - bit by bit, for the length of the longest match plus 1 */
static unsigned int ask_all(const struct lb_vip *vip, const uint8_t *addr)
{
	unsigned int best = 0;
	size_t i, bit;

	for (i = 0; i < vip->sources; i++) {
		const struct ecbpf_prefix *prefix = &vip->source[i].prefix;

		for (bit = 0; bit < prefix->length; bit++)
			if ((prefix->addr[bit / 8] ^ addr[bit / 8]) & 0x80 >> bit % 8)
				break;
		if (bit == prefix->length && bit >= best)
			best = bit + 1;
	}
	return best;
}

static void longest_source(void **state)
{
	static const char *const texts[] = { A, B };
	uint32_t seed = 1, found = 0;
	struct lb_config config = {};
	size_t v, i;

	(void)state;
	for (v = 0; v < 2; v++) {
		const struct lb_service key = service(texts[v]);
		const unsigned int bits = v ? 128 : 32;
		const struct lb_vip *made;

		add_lengths(&config, texts[v], bits, &seed);
		made = lb_vip_find(&config, &key);
		for (i = 0; i < 2000; i++) {
			unsigned int want;
			uint8_t addr[16];

			few_bits(&seed, bits, addr);
			want = ask_all(made, addr);
			assert_in_range(want, 1, bits + 1); /* there is one of length 0 */
			assert_int_equal(lb_source_match(made, addr)->endpoint.addr[3], want);
			found += want > 4;
		}
	}
	assert_in_range(found, 500, 3999);
	lb_config_free(&config);
}

static void closest_vip(void **state)
{
	static const char *const all[] = { "any:192.0.2.0/24",	   "tcp:192.0.2.0/24:80",
					   "any:192.0.2.1",	   "tcp:192.0.2.1",
					   "tcp:192.0.2.1:1-1024", "tcp:192.0.2.1:80" };
	static const struct {
		const char *to;
		uint8_t proto;
		const char *want;
	} rows[] = {
		{ "192.0.2.1:80", IPPROTO_TCP, "tcp:192.0.2.1:80" },
		{ "192.0.2.1:81", IPPROTO_TCP, "tcp:192.0.2.1:1-1024" },
		{ "192.0.2.1:1025", IPPROTO_TCP, "tcp:192.0.2.1" },
		{ "192.0.2.1", IPPROTO_TCP, "tcp:192.0.2.1" },
		{ "192.0.2.1:80", IPPROTO_UDP, "any:192.0.2.1" },
		{ "192.0.2.1", IPPROTO_ICMP, "any:192.0.2.1" },
		{ "192.0.2.2:80", IPPROTO_TCP, "tcp:192.0.2.0/24:80" },
		{ "192.0.2.2:81", IPPROTO_TCP, "any:192.0.2.0/24" },
		{ "192.0.3.1:80", IPPROTO_TCP, NULL },
		{ "[c000:201::]:80", IPPROTO_TCP, NULL },
	};
	struct lb_config config = {};
	char buf[LB_TEXT_SIZE];
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(all); i++)
		assert_int_equal(add_vip(&config, all[i]), 0);
	for (i = 0; i < ROWS(rows); i++) {
		const struct lb_endpoint to = endpoint(rows[i].to);
		const struct lb_vip *found = lb_vip_match(&config, rows[i].proto, &to);

		if (!rows[i].want)
			assert_null(found);
		else
			assert_string_equal(lb_service_text(&found->service, buf), rows[i].want);
	}
	lb_config_free(&config);
}

/* --- limits */

static struct lb_backend *many(size_t count)
{
	struct lb_backend *list = calloc(count, sizeof(*list));
	struct lb_endpoint key = { .addr = { 10 }, .family = AF_INET };
	size_t i;

	for (i = 0; i < count; i++) { /* the last first */
		key.addr[1] = (count - i) >> 16;
		key.addr[2] = (count - i) >> 8;
		key.addr[3] = count - i;
		lb_backend_init(&list[i], &key);
	}
	return list;
}

static void limit_of_backends(void **state)
{
	struct lb_config config = {};
	struct lb_vip made = vip(A), small = vip(B);

	(void)state;
	made.backends = LB_BACKENDS_MAX;
	made.backend = many(LB_BACKENDS_MAX);
	assert_int_equal(lb_vip_add(&config, &made), 0);
	assert_int_equal(config.backends, LB_BACKENDS_MAX);
	assert_int_equal(config.vip[0].backend[0].endpoint.addr[3], 1);
	must_fail(&config, add(&config, A, "192.0.2.200"), -E2BIG,
		  "more than 65535 backends in all");
	small.backends = 1;
	small.backend = made.backend;
	must_fail(&config, lb_vip_add(&config, &small), -E2BIG,
		  B ": more than 65535 backends in all");
	small.backends = 0;
	assert_int_equal(lb_vip_add(&config, &small), 0);
	lb_config_free(&config);
	made.backends = 8;
	made.table_size = 7;
	must_fail(&config, lb_vip_add(&config, &made), -E2BIG,
		  A ": a table of 7 entries is too small for 8 backends");
	made.backends = 7;
	assert_int_equal(lb_vip_add(&config, &made), 0);
	must_fail(&config, add(&config, A, "192.0.2.200"), -E2BIG,
		  A ": a table of 7 entries is too small for 8 backends");
	free(made.backend);
	lb_config_free(&config);
}

static void twice_in_one_vip(void **state)
{
	struct lb_config config = {};
	struct lb_backend list[3] = { backend("10.0.0.2", 1), backend("10.0.0.1", 1),
				      backend("10.0.0.2", 2) };
	struct lb_vip made = vip(A);

	(void)state;
	made.backend = list;
	made.backends = 3;
	must_fail(&config, lb_vip_add(&config, &made), -EEXIST, "10.0.0.2 is there twice");
}

static void limit_vs(void **state)
{
	struct lb_config config = {};
	struct lb_vip made = vip("tcp:10.0.0.0:80");
	size_t i;

	(void)state;
	for (i = 0; i < LB_VIPS_MAX; i++) {
		made.service.address.addr[1] = (i * 7 + 1) >> 8;
		made.service.address.addr[2] = i * 7 + 1;
		made.service.address.addr[3] = i >> 8;
		if (lb_vip_add(&config, &made))
			fail_msg("%zu: %s", i, ecbpf_error());
	}
	must_fail(&config, add_vip(&config, A), -E2BIG, A ": more than 4096 VIPs");
	for (i = 1; i < LB_VIPS_MAX; i++)
		assert_true(lb_service_compare(&config.vip[i - 1].service, &config.vip[i].service) <
			    0);
	lb_config_free(&config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(order_of_entry_does_not_matter),
		cmocka_unit_test(equality_sees_every_member),
		cmocka_unit_test(vips),
		cmocka_unit_test(set_looks_at_the_backends_too),
		cmocka_unit_test(ranges_do_not_overlap),
		cmocka_unit_test(bad_vips),
		cmocka_unit_test(backends),
		cmocka_unit_test(modes_of_backends),
		cmocka_unit_test(nat_refuses_fragments),
		cmocka_unit_test(states),
		cmocka_unit_test(sources),
		cmocka_unit_test(longest_source),
		cmocka_unit_test(closest_vip),
		cmocka_unit_test(limit_of_backends),
		cmocka_unit_test(twice_in_one_vip),
		cmocka_unit_test(limit_vs),
	};

	return cmocka_run_group_tests_name("lb_config", tests, NULL, NULL);
}
