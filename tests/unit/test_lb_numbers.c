// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* From a configuration to what the maps hold: numbers, keys, filter, entries. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>

#include "tests/unit/lb_words.h"
#include "xdp_lb/apply_parts.h"
#include "xdp_lb/keys.h"
#include "xdp_lb/rings.h"

#define A "tcp:192.0.2.1:80"
#define B "udp:192.0.2.1:53"
#define C "tcp:[2001:db8::1]:443"

static int try_add(struct lb_config *config, const char *text)
{
	const struct lb_service key = service(text);
	struct lb_vip vip;

	lb_vip_init(&vip, &key);
	vip.table_size = 7;
	return lb_vip_add(config, &vip);
}

static void add_vip(struct lb_config *config, const char *text)
{
	assert_int_equal(try_add(config, text), 0);
}

static void add_backend(struct lb_config *config, const char *text, const char *to)
{
	const struct lb_service key = service(text);
	const struct lb_backend made = backend(to, 1);

	assert_int_equal(lb_backend_add(config, &key, &made), 0);
}

static void del_vip(struct lb_config *config, const char *text)
{
	const struct lb_service key = service(text);

	assert_int_equal(lb_vip_del(config, &key), 0);
}

/* assign - numbers of @config in the place of those of @was, which go */
static void assign(struct lb_config *was, struct lb_numbers *numbers,
		   const struct lb_config *config)
{
	struct lb_numbers made;

	assert_int_equal(lb_numbers_assign(was, numbers, config, &made), 0);
	lb_numbers_free(numbers);
	lb_config_free(was);
	*numbers = made;
	assert_int_equal(lb_config_copy(was, config), 0);
}

/* --- numbers */

static void test_numbers_stay(void **state)
{
	struct lb_config was = {}, config = {};
	struct lb_numbers numbers = {};

	(void)state;
	add_vip(&config, B);
	add_backend(&config, B, "10.0.0.2");
	assign(&was, &numbers, &config);
	assert_int_equal(numbers.vip[0], 1);
	assert_int_equal(numbers.backend[0], 1);
	/* before both in the order of keys */
	add_vip(&config, A);
	add_backend(&config, A, "10.0.0.1");
	add_backend(&config, B, "10.0.0.1");
	assign(&was, &numbers, &config);
	assert_int_equal(numbers.vip[0], 2);
	assert_int_equal(numbers.vip[1], 1);
	assert_int_equal(lb_numbers_backend(&config, &numbers, 0, 0), 2);
	assert_int_equal(lb_numbers_backend(&config, &numbers, 1, 0), 3);
	assert_int_equal(lb_numbers_backend(&config, &numbers, 1, 1), 1);
	lb_config_free(&was);
	lb_config_free(&config);
	lb_numbers_free(&numbers);
}

static void test_numbers_come_back_late(void **state)
{
	struct lb_config was = {}, config = {};
	struct lb_numbers numbers = {};
	unsigned int i;

	(void)state;
	add_vip(&config, A);
	assign(&was, &numbers, &config);
	/* one more each time, round and past the one that stays */
	for (i = 2; i < LB_VIP_NUMBERS + 2; i++) {
		add_vip(&config, B);
		assign(&was, &numbers, &config);
		assert_int_equal(numbers.vip[0], 1);
		assert_int_equal(numbers.vip[1], i < LB_VIP_NUMBERS ? i : i - LB_VIP_NUMBERS + 2);
		del_vip(&config, B);
		assign(&was, &numbers, &config);
	}
	lb_config_free(&was);
	lb_config_free(&config);
	lb_numbers_free(&numbers);
}

/* Where all numbers are held, those that are given back just now have to do. */
static void test_numbers_when_scarce(void **state)
{
	struct lb_config was = {}, config = {};
	struct lb_numbers numbers = {};
	struct lb_vip vip;
	struct lb_service key = service("any:10.0.0.0");
	unsigned char seen[LB_VIP_NUMBERS] = {};
	unsigned int i, round;

	(void)state;
	for (round = 0; round < 3; round++) {
		lb_config_free(&config);
		memset(seen, 0, sizeof(seen));
		for (i = 0; i < LB_VIPS_MAX; i++) {
			key.address.addr[1] = round;
			key.address.addr[2] = i >> 8;
			key.address.addr[3] = i;
			lb_vip_init(&vip, &key);
			assert_int_equal(lb_vip_add(&config, &vip), 0);
		}
		assign(&was, &numbers, &config);
		for (i = 0; i < LB_VIPS_MAX; i++) {
			assert_in_range(numbers.vip[i], 1, LB_VIP_NUMBERS - 1);
			assert_false(seen[numbers.vip[i]]++);
		}
	}
	lb_config_free(&was);
	lb_config_free(&config);
	lb_numbers_free(&numbers);
}

/* --- keys, as the kernel's program asks for them */

static __u32 ask(const struct lb_entries *keys, struct lb_key *key, uint16_t port, uint8_t proto)
{
	const __u32 *number;

	key->port = htons(port);
	key->proto = proto;
	number = lb_entries_find(keys, key);
	if (number)
		return *number;
	key->port = 0;
	number = port ? lb_entries_find(keys, key) : NULL;
	if (number)
		return *number;
	key->proto = 0;
	number = lb_entries_find(keys, key);
	return number ? *number : LB_NUMBER_NONE;
}

static bool net_has(const struct lb_net *net, const uint8_t addr[16])
{
	const unsigned int bytes = net->length / 8, bits = net->length % 8;
	uint8_t own[16];

	memcpy(own, net->addr, sizeof(own));
	return !memcmp(own, addr, bytes) && (!bits || !((own[bytes] ^ addr[bytes]) >> (8 - bits)));
}

/* longest - number of the longest net, or 0 */
static __u32 longest(const struct lb_entries *nets, const struct lb_endpoint *to)
{
	uint8_t addr[16] = { [10] = 0xff, [11] = 0xff };
	__u32 number = 0, length = 0;
	struct lb_net net;
	size_t i;

	if (to->family == AF_INET)
		memcpy(addr + 12, to->addr, 4);
	else
		memcpy(addr, to->addr, 16);
	for (i = 0; i < nets->count; i++) {
		memcpy(&net, lb_entries_key(nets, i), sizeof(net));
		if (net.length >= length && net_has(&net, addr)) {
			number = lb_entries_value(nets, i);
			length = net.length;
		}
	}
	return number;
}

static __u32 choose(const struct lb_keys *keys, uint8_t proto, const struct lb_endpoint *to)
{
	struct lb_key key = { .family = to->family };
	__u32 number;

	memcpy(key.addr, to->addr, to->family == AF_INET ? 4 : 16);
	number = ask(&keys->key, &key, to->port, proto);
	if (number != LB_NUMBER_NONE)
		return number;
	number = longest(&keys->net, to);
	if (!number)
		return LB_NUMBER_NONE;
	key = (struct lb_key){ .addr = { number }, .family = LB_FAMILY_NET };
	return ask(&keys->key, &key, to->port, proto);
}

static bool near_has(const struct lb_near *near, const struct lb_endpoint *to)
{
	__u64 half[2] = {};
	__u32 bit;

	memcpy(half, to->addr, to->family == AF_INET ? 4 : 16);
	bit = lb_near_bit(half[0], half[1]);
	return near->bit[bit / 64] >> bit % 64 & 1;
}

static void keys_of(const struct lb_config *config, struct lb_numbers *numbers,
		    const struct lb_entries *had, struct lb_keys *keys)
{
	const struct lb_config none = {};
	const struct lb_numbers begin = {};

	assert_int_equal(lb_numbers_assign(&none, &begin, config, numbers), 0);
	assert_int_equal(lb_keys_make(config, numbers, had, keys), 0);
}

static const struct lb_entries no_nets = { .key_size = sizeof(struct lb_net) };

static void test_range_port_by_port(void **state)
{
	struct lb_endpoint to = { .addr = { 192, 0, 2, 1 }, .family = AF_INET };
	struct lb_config config = {};
	struct lb_numbers numbers;
	struct lb_keys keys;

	(void)state;
	add_vip(&config, "tcp:192.0.2.1:100-110");
	add_vip(&config, "tcp:192.0.2.1:105");
	keys_of(&config, &numbers, &no_nets, &keys);
	assert_int_equal(keys.key.count, 11);
	to.port = 104;
	assert_int_equal(choose(&keys, IPPROTO_TCP, &to), numbers.vip[0]);
	to.port = 105; /* alone goes before a range */
	assert_int_equal(choose(&keys, IPPROTO_TCP, &to), numbers.vip[1]);
	assert_int_equal(choose(&keys, IPPROTO_UDP, &to), LB_NUMBER_NONE);
	to.port = 111;
	assert_int_equal(choose(&keys, IPPROTO_TCP, &to), LB_NUMBER_NONE);
	lb_keys_free(&keys);
	lb_numbers_free(&numbers);
	lb_config_free(&config);
}

static void test_nets_inherit(void **state)
{
	struct lb_endpoint to = { .addr = { 10, 1, 2, 3 }, .family = AF_INET, .port = 80 };
	struct lb_config config = {};
	struct lb_numbers numbers;
	struct lb_keys keys;

	(void)state;
	add_vip(&config, "any:10.0.0.0/8");	 /* 0 */
	add_vip(&config, "tcp:10.1.0.0/16:80");	 /* 1 */
	add_vip(&config, "udp:10.1.2.0/24");	 /* 2 */
	add_vip(&config, "tcp:10.1.2.0/24:443"); /* 3 */
	keys_of(&config, &numbers, &no_nets, &keys);
	assert_int_equal(keys.net.count, 3);
	assert_ptr_equal(lb_vip_match(&config, IPPROTO_TCP, &to), &config.vip[1]);
	assert_int_equal(choose(&keys, IPPROTO_TCP, &to), numbers.vip[1]);
	to.port = 8080;
	assert_int_equal(choose(&keys, IPPROTO_TCP, &to), numbers.vip[0]);
	lb_keys_free(&keys);
	lb_numbers_free(&numbers);
	lb_config_free(&config);
}

static const char *const universe[] = {
	"any:8.0.0.0/5",	 "tcp:10.0.0.0/8:80-90",   "udp:10.0.0.0/8",
	"any:10.1.0.0/16",	 "tcp:10.1.0.0/16",	   "tcp:10.1.0.0/16:80",
	"tcp:10.1.2.0/24:70-85", "udp:10.1.2.0/24:53",	   "any:10.1.2.0/24",
	"tcp:10.1.2.3:80",	 "tcp:10.1.2.3:79-82",	   "tcp:10.1.2.3",
	"udp:10.1.2.3:53",	 "any:10.1.2.3",	   "tcp:[2001:db8::]/32:80",
	"any:[2001:db8:1::]/48", "udp:[2001:db8:1::1]:53",
};

/* check_host - each port of it goes where the configuration says; returns how many have a VIP */
static unsigned int check_host(const struct lb_config *config, const struct lb_numbers *numbers,
			       const struct lb_keys *keys, const char *host)
{
	static const uint16_t ports[] = { 53, 75, 79, 80, 81, 84, 88, 95 };
	struct lb_endpoint to = { .family = strchr(host, ':') ? AF_INET6 : AF_INET };
	const size_t count = sizeof(ports) / sizeof(ports[0]);
	unsigned int found = 0;
	struct lb_near near;
	size_t i;

	lb_near_fill(config, &near);
	assert_int_equal(inet_pton(to.family, host, to.addr), 1);
	for (i = 0; i < 2 * count; i++) {
		const uint8_t proto = i % 2 ? IPPROTO_UDP : IPPROTO_TCP;
		const struct lb_vip *vip;

		to.port = ports[i / 2];
		vip = lb_vip_match(config, proto, &to);
		assert_int_equal(choose(keys, proto, &to),
				 vip ? numbers->vip[vip - config->vip] : LB_NUMBER_NONE);
		assert_true(!vip || near_has(&near, &to));
		found += vip != NULL;
	}
	return found;
}

/* What is configured and what the program finds is the same, whatever the VIPs. */
static void test_random_vips(void **state)
{
	static const char *const hosts[] = { "10.1.2.3",      "10.1.2.4",      "10.1.3.3",
					     "10.2.0.1",      "192.0.2.9",     "2001:db8::7",
					     "2001:db8:1::1", "2001:db8:1::2", "2001:db9::1" };
	unsigned int round, found = 0;
	size_t i;

	(void)state;
	srandom(1);
	for (round = 0; round < 2000; round++) {
		const unsigned long which = random();
		struct lb_config config = {};
		struct lb_numbers numbers;
		struct lb_keys keys;

		for (i = 0; i < sizeof(universe) / sizeof(universe[0]); i++)
			if (which >> i & 1)
				add_vip(&config, universe[i]);
		keys_of(&config, &numbers, &no_nets, &keys);
		for (i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++)
			found += check_host(&config, &numbers, &keys, hosts[i]);
		lb_keys_free(&keys);
		lb_numbers_free(&numbers);
		lb_config_free(&config);
	}
	assert_in_range(found, 2000 * 9 * 16 / 3, 2000 * 9 * 16);
}

static void test_nets_keep_numbers(void **state)
{
	struct lb_config config = {};
	struct lb_numbers numbers;
	struct lb_keys before, after;
	struct lb_net net;

	(void)state;
	add_vip(&config, "any:10.1.0.0/16");
	keys_of(&config, &numbers, &no_nets, &before);
	assert_int_equal(lb_entries_value(&before.net, 0), 1);
	lb_numbers_free(&numbers);
	add_vip(&config, "any:10.0.0.0/8");
	keys_of(&config, &numbers, &before.net, &after);
	memcpy(&net, lb_entries_key(&before.net, 0), sizeof(net));
	assert_int_equal(net.length, 96 + 16);
	assert_int_equal(net.addr[2], htonl(0xffff));
	assert_int_equal(*lb_entries_find(&after.net, &net), 1);
	net = (struct lb_net){ .length = 96 + 8,
			       .addr = { 0, 0, htonl(0xffff), htonl(0x0a000000) } };
	assert_int_equal(*lb_entries_find(&after.net, &net), 2);
	lb_keys_free(&before);
	lb_keys_free(&after);
	lb_numbers_free(&numbers);
	lb_config_free(&config);
}

static void test_echo_key(void **state)
{
	struct lb_endpoint to = { .addr = { 192, 0, 2, 1 }, .family = AF_INET };
	const struct lb_service key = service(A);
	struct lb_config config = {};
	struct lb_numbers numbers;
	struct lb_keys keys;
	struct lb_vip vip;

	(void)state;
	lb_vip_init(&vip, &key);
	vip.flags = LB_ECHO;
	assert_int_equal(lb_vip_add(&config, &vip), 0);
	keys_of(&config, &numbers, &no_nets, &keys);
	assert_int_equal(keys.key.count, 2);
	assert_int_equal(choose(&keys, IPPROTO_ICMP, &to), numbers.vip[0]);
	lb_keys_free(&keys);
	lb_numbers_free(&numbers);
	lb_config_free(&config);
}

/* --- sources */

static void add_source(struct lb_config *config, const char *text, const char *prefix,
		       const char *to)
{
	const struct lb_service key = service(text);
	struct lb_source source = { .backend = backend(to, 1).endpoint };

	assert_int_equal(ecbpf_parse_prefix(prefix, &source.prefix), 0);
	assert_int_equal(lb_source_add(config, &key, &source), 0);
}

static void test_sources(void **state)
{
	struct lb_source_key key = { .addr = { 0, 0, htonl(0xffff), htonl(0x0a000000) } };
	const struct lb_service vip = service(B);
	struct lb_backend down = backend("10.0.0.3", 1);
	struct lb_config config = {};
	struct lb_numbers numbers;
	struct lb_keys keys;

	(void)state;
	add_vip(&config, A);
	add_backend(&config, A, "10.0.0.1");
	add_vip(&config, B);
	add_backend(&config, B, "10.0.0.2");
	add_backend(&config, B, "10.0.0.3");
	add_source(&config, B, "10.0.0.0/8", "10.0.0.2");
	add_source(&config, B, "10.0.0.0/16", "10.0.0.3");
	down.state = LB_DOWN;
	assert_int_equal(lb_backend_set(&config, &vip, &down), 0);
	keys_of(&config, &numbers, &no_nets, &keys);
	assert_int_equal(keys.source.count, 2);
	key.vip = htonl(numbers.vip[1]);
	key.length = 32 + 96 + 8;
	assert_int_equal(*lb_entries_find(&keys.source, &key), numbers.backend[1]);
	/* the longest prefix's backend takes none: the table decides, not a shorter prefix */
	key.length = 32 + 96 + 16;
	assert_int_equal(*lb_entries_find(&keys.source, &key), LB_NUMBER_NONE);
	lb_keys_free(&keys);
	lb_numbers_free(&numbers);
	lb_config_free(&config);
}

/* --- the filter */

static unsigned int bits_of(const char *const *text, size_t count)
{
	struct lb_config config = {};
	struct lb_near near;
	unsigned int bits = 0;
	size_t i;

	for (i = 0; i < count; i++)
		add_vip(&config, text[i]);
	lb_near_fill(&config, &near);
	for (i = 0; i < LB_NEAR_BITS / 64; i++)
		bits += __builtin_popcountll(near.bit[i]);
	lb_config_free(&config);
	return bits;
}

static void test_near(void **state)
{
	static const char *const few[] = { A, B, C }, *const net[] = { "any:10.0.0.0/20" },
				 *const nets[] = { "any:10.0.0.0/20", "any:10.1.0.0/31" };

	(void)state;
	assert_int_equal(bits_of(few, 0), 0);
	assert_int_equal(bits_of(few, 3), 2);
	assert_in_range(bits_of(net, 1), 3500, 4096);
	assert_int_equal(bits_of(nets, 2), LB_NEAR_BITS);
}

static void test_near_of_backends_by_nat(void **state)
{
	const struct lb_endpoint one = { .addr = { 10, 0, 0, 1 }, .family = AF_INET };
	const struct lb_endpoint other = { .addr = { 10, 0, 0, 2 }, .family = AF_INET };
	struct lb_config config = {};
	struct lb_near near;

	(void)state;
	add_vip(&config, A);
	add_vip(&config, B);
	add_backend(&config, A, "10.0.0.1");
	assert_int_equal(lb_near_fill_back(&config, &near), LB_NAT_NONE);
	assert_false(near_has(&near, &one));
	config.vip[0].forward.mode = config.vip[1].forward.mode = LB_FULL_NAT;
	assert_int_equal(lb_near_fill_back(&config, &near), LB_NAT_ONLY);
	assert_true(near_has(&near, &one));
	add_backend(&config, B, "10.0.0.2");
	config.vip[1].forward.mode = LB_GUE;
	assert_int_equal(lb_near_fill_back(&config, &near), LB_NAT_SOME);
	assert_true(near_has(&near, &one));
	assert_false(near_has(&near, &other));
	lb_config_free(&config);
}

/* --- entries of VIPs, and whether a table changes */

static void test_vip_entry(void **state)
{
	struct lb_vip_entry entry;
	struct lb_backend one = backend("10.0.0.1", 1);
	const struct lb_service key = service(A);
	struct lb_vip vip;

	(void)state;
	lb_vip_init(&vip, &key);
	vip.flags = LB_NO_TABLE | LB_REFUSE_FRAGMENTS;
	vip.hash = LB_HASH_ADDRESSES;
	vip.new_pps = 11;
	lb_vip_entry_make(&vip, 250, &entry);
	assert_int_equal(entry.flags, LB_VIP_NO_TABLE | LB_VIP_REFUSE_FRAGMENT);
	assert_int_equal(entry.hash, LB_OF_ADDRESSES);
	assert_int_equal(entry.tcp_idle, 900 * 250);
	assert_int_equal(entry.udp_idle, 60 * 250);
	assert_int_equal(entry.new_max, 2);
	assert_int_equal(entry.entries, 0);
	vip.backends = 1;
	vip.backend = &one;
	vip.flags = LB_ECHO;
	vip.new_pps = 0;
	lb_vip_entry_make(&vip, 250, &entry);
	assert_int_equal(entry.flags, LB_VIP_ECHO);
	assert_int_equal(entry.entries, LB_TABLE_DEFAULT);
	assert_int_equal(entry.new_max, 0);
	one.state = LB_DRAINING; /* there is nobody to choose */
	assert_int_equal(lb_ring_entries(&vip), 0);
}

static void test_ring_same(void **state)
{
	struct lb_backend one[2] = { backend("10.0.0.1", 1), backend("10.0.0.2", 1) };
	struct lb_backend other[2] = { one[0], one[1] };
	const struct lb_service key = service(A);
	struct lb_vip a, b;

	(void)state;
	lb_vip_init(&a, &key);
	a.backends = 2;
	b = a;
	a.backend = one;
	b.backend = other;
	b.tcp_idle_s = 7;
	other[1].forward.mode = LB_DIRECT;
	assert_true(lb_ring_same(&a, &b));
	other[1].weight = 2;
	assert_false(lb_ring_same(&a, &b));
	other[1].weight = 1;
	other[1].monitor = LB_DOWN;
	assert_false(lb_ring_same(&a, &b));
	other[1] = backend("10.0.0.3", 1);
	assert_false(lb_ring_same(&a, &b));
	other[1] = one[1];
	b.table_size = 7;
	assert_false(lb_ring_same(&a, &b));
}

/* --- sets of keys */

static void test_entries(void **state)
{
	struct lb_entries a = { .key_size = 4 }, b = { .key_size = 4 };
	__u32 i;

	(void)state;
	for (i = 0; i < 1000; i++)
		lb_entries_add(&a, &(__u32){ i * 7 % 1000 }, i);
	lb_entries_add(&a, &(__u32){ 7 }, 99999); /* is there: the first counts */
	lb_entries_settle(&a);
	assert_int_equal(a.count, 1000);
	for (i = 0; i < 1000; i++)
		assert_int_equal(*lb_entries_find(&a, &(__u32){ i * 7 % 1000 }), i);
	assert_null(lb_entries_find(&a, &(__u32){ 1000 }));
	for (i = 900; i < 1100; i++)
		lb_entries_add(&b, &i, i);
	lb_entries_settle(&b);
	assert_int_equal(lb_entries_union(&a, &b), 1100);
	assert_int_equal(lb_entries_union(&b, &a), 1100);
	lb_entries_free(&a);
	lb_entries_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers_stay),
		cmocka_unit_test(test_numbers_come_back_late),
		cmocka_unit_test(test_numbers_when_scarce),
		cmocka_unit_test(test_range_port_by_port),
		cmocka_unit_test(test_nets_inherit),
		cmocka_unit_test(test_random_vips),
		cmocka_unit_test(test_nets_keep_numbers),
		cmocka_unit_test(test_echo_key),
		cmocka_unit_test(test_sources),
		cmocka_unit_test(test_near),
		cmocka_unit_test(test_near_of_backends_by_nat),
		cmocka_unit_test(test_vip_entry),
		cmocka_unit_test(test_ring_same),
		cmocka_unit_test(test_entries),
	};

	return cmocka_run_group_tests_name("lb_numbers", tests, NULL, NULL);
}
