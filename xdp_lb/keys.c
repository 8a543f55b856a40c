// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Keys by which packets find their VIPs. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include "libecbpf/ecbpf.h"
#include "xdp_lb/keys.h"
#include "xdp_lb/quic.h"

/* Beyond so many addresses in nets, all bits of the filter are set. */
#define NEAR_ADDRESSES_MAX 4096

static bool is_net(const struct lb_vip *vip)
{
	return vip->service.address.length < (vip->service.address.family == AF_INET ? 32 : 128);
}

static bool same_address(const struct lb_vip *a, const struct lb_vip *b)
{
	return !lb_prefix_compare(&a->service.address, &b->service.address);
}

/* mapped - as ::ffff:ADDRESS if it is IPv4; returns what that adds to a length */
static unsigned int mapped(__be32 to[4], uint8_t family, const uint8_t *addr)
{
	memset(to, 0, 4 * sizeof(*to));
	if (family != AF_INET) {
		memcpy(to, addr, 16);
		return 0;
	}
	to[2] = htonl(ECBPF_V4_PREFIX);
	memcpy(&to[3], addr, 4);
	return 96;
}

/* --- the keys of one address or net */

/**
 * struct ports - what the keys of an address have in common
 * @key: address and family
 */
struct ports {
	struct lb_key key;
	struct lb_entries *to;
};

static void port_add(struct ports *ports, uint8_t proto, uint16_t port, __u32 number)
{
	ports->key.proto = proto;
	ports->key.port = htons(port);
	lb_entries_add(ports->to, &ports->key, number);
}

/* range_add - what is alone goes before ranges: @alone says which are to be added now */
static void range_add(struct ports *ports, const struct lb_service *service, bool alone,
		      __u32 number)
{
	unsigned int port;

	if ((service->first == service->last || !service->first) != alone)
		return;
	if (!service->first) {
		port_add(ports, service->proto, 0, number);
		return;
	}
	for (port = service->first; port <= service->last; port++)
		port_add(ports, service->proto, port, number);
}

static void echo_add(struct ports *ports, const struct lb_vip *vip, __u32 number)
{
	if (vip->service.proto && vip->flags & LB_ECHO)
		port_add(ports,
			 vip->service.address.family == AF_INET ? IPPROTO_ICMP : IPPROTO_ICMPV6, 0,
			 number);
}

/* address_add - the VIPs @from .. @to - 1, which are of one address; settled */
static void address_add(struct ports *ports, const struct lb_config *config, const __u32 *number,
			size_t from, size_t to)
{
	size_t i;

	for (i = from; i < to; i++)
		range_add(ports, &config->vip[i].service, true, number[i]);
	for (i = from; i < to; i++)
		range_add(ports, &config->vip[i].service, false, number[i]);
	for (i = from; i < to; i++)
		echo_add(ports, &config->vip[i], number[i]);
}

/* --- nets */

/**
 * struct net - VIPs of one prefix
 * @own: keys, with those of the next shorter one that it lacks
 */
struct net {
	const struct ecbpf_prefix *prefix;
	size_t from, to;
	__u32 number;
	struct lb_entries own;
};

static int compare_lengths(const void *a, const void *b)
{
	const struct net *one = a, *other = b;

	return one->prefix->length - other->prefix->length;
}

static bool net_within(const struct ecbpf_prefix *longer, const struct ecbpf_prefix *shorter)
{
	const unsigned int bytes = shorter->length / 8, bits = shorter->length % 8;

	return longer->family == shorter->family && longer->length > shorter->length &&
	       !memcmp(longer->addr, shorter->addr, bytes) &&
	       (!bits || !((longer->addr[bytes] ^ shorter->addr[bytes]) >> (8 - bits)));
}

/* net_inherits - does none of its own keys match what this one matches? */
static bool net_inherits(const struct net *net, struct lb_key key)
{
	key.addr[0] = net->number;
	if (lb_entries_find(&net->own, &key))
		return false;
	key.port = 0;
	if (lb_entries_find(&net->own, &key))
		return false;
	key.proto = 0;
	return !lb_entries_find(&net->own, &key);
}

static void net_inherit(struct net *net, const struct net *from)
{
	struct lb_entries more = { .key_size = sizeof(struct lb_key) };
	struct lb_key key;
	size_t i;

	for (i = 0; i < from->own.count; i++) {
		memcpy(&key, lb_entries_key(&from->own, i), sizeof(key));
		if (!net_inherits(net, key))
			continue;
		key.addr[0] = net->number;
		lb_entries_add(&more, &key, lb_entries_value(&from->own, i));
	}
	for (i = 0; i < more.count; i++)
		lb_entries_add(&net->own, lb_entries_key(&more, i), lb_entries_value(&more, i));
	net->own.failed |= more.failed;
	lb_entries_free(&more);
	lb_entries_settle(&net->own);
}

static void net_fill(struct net *net, size_t at, const struct lb_config *config,
		     const __u32 *number)
{
	struct net *const all = net - at;
	struct ports ports = {
		.key = { .addr = { net->number }, .family = LB_FAMILY_NET },
		.to = &net->own,
	};

	net->own.key_size = sizeof(struct lb_key);
	address_add(&ports, config, number, net->from, net->to);
	lb_entries_settle(&net->own);
	/* they are in the order of lengths, and what is shorter has inherited already */
	while (at--) {
		if (net_within(net->prefix, all[at].prefix)) {
			net_inherit(net, &all[at]);
			return;
		}
	}
}

static void net_key(const struct ecbpf_prefix *prefix, struct lb_net *key)
{
	key->length = prefix->length + mapped(key->addr, prefix->family, prefix->addr);
}

/* nets_number - those that have one keep it */
static void nets_number(struct net *net, size_t nets, const struct lb_entries *had)
{
	const __u32 *number;
	struct lb_net key;
	__u32 next = 1;
	size_t i;

	for (i = 0; i < had->count; i++)
		if (lb_entries_value(had, i) >= next)
			next = lb_entries_value(had, i) + 1;
	for (i = 0; i < nets; i++) {
		net_key(net[i].prefix, &key);
		number = lb_entries_find(had, &key);
		net[i].number = number ? *number : next++;
	}
}

static void nets_add(const struct net *net, size_t nets, struct lb_keys *keys)
{
	struct lb_net key;
	size_t i, j;

	for (i = 0; i < nets; i++) {
		net_key(net[i].prefix, &key);
		lb_entries_add(&keys->net, &key, net[i].number);
		for (j = 0; j < net[i].own.count; j++)
			lb_entries_add(&keys->key, lb_entries_key(&net[i].own, j),
				       lb_entries_value(&net[i].own, j));
		keys->key.failed |= net[i].own.failed;
	}
}

/* --- all of it */

/* addresses_add - keys of single addresses; nets are collected into @net; returns how many */
static size_t addresses_add(const struct lb_config *config, const __u32 *number,
			    struct lb_keys *keys, struct net *net)
{
	size_t from, to, nets = 0;

	for (from = 0; from < config->vips; from = to) {
		const struct lb_vip *vip = &config->vip[from];
		const struct ecbpf_prefix *prefix = &vip->service.address;
		struct ports ports = { .key.family = prefix->family, .to = &keys->key };

		for (to = from + 1; to < config->vips && same_address(vip, &config->vip[to]);)
			to++;
		if (is_net(vip)) {
			net[nets++] = (struct net){ .prefix = prefix, .from = from, .to = to };
			continue;
		}
		memcpy(ports.key.addr, prefix->addr, prefix->family == AF_INET ? 4 : 16);
		address_add(&ports, config, number, from, to);
	}
	return nets;
}

/* source_value - its backend while that takes new connections, else none: the table decides */
static __u32 source_value(const struct lb_vip *vip, const struct lb_source *source,
			  const __u32 *number)
{
	const struct lb_backend *backend = lb_backend_find(vip, &source->backend);

	return backend && lb_backend_weight(backend) ? number[backend - vip->backend] :
						       LB_NUMBER_NONE;
}

static void sources_add(const struct lb_config *config, const struct lb_numbers *numbers,
			struct lb_entries *to)
{
	const __u32 *number = numbers->backend;
	size_t i, j;

	for (i = 0; i < config->vips; i++) {
		const struct lb_vip *vip = &config->vip[i];

		for (j = 0; j < vip->sources; j++) {
			const struct ecbpf_prefix *prefix = &vip->source[j].prefix;
			struct lb_source_key key = { .vip = htonl(numbers->vip[i]) };

			key.length = 32 + prefix->length +
				     mapped(key.addr, prefix->family, prefix->addr);
			lb_entries_add(to, &key, source_value(vip, &vip->source[j], number));
		}
		number += vip->backends;
	}
}

/* cids_add - backends that are down are left out: the connections that name them go elsewhere */
static void cids_add(const struct lb_config *config, const struct lb_numbers *numbers,
		     struct lb_entries *to)
{
	const __u32 *number = numbers->backend;
	size_t i, j;

	for (i = 0; i < config->vips; i++) {
		const struct lb_vip *vip = &config->vip[i];

		for (j = 0; vip->hash == LB_HASH_QUIC && j < vip->backends; j++) {
			struct lb_cid_key key = { .vip = numbers->vip[i] };
			struct lb_server_id id;
			__u8 cid[LB_CID_OCTETS];

			if (lb_backend_state(&vip->backend[j]) == LB_DOWN)
				continue;
			lb_backend_server_id(vip, &vip->backend[j], &id);
			lb_server_id_cid(vip, &id, cid);
			lb_cid_key(cid, 1 + id.octets, &key);
			lb_entries_add(to, &key, number[j]);
		}
		number += vip->backends;
	}
}

static int keys_check(const struct lb_keys *keys)
{
	if (keys->key.failed || keys->net.failed || keys->source.failed || keys->cid.failed)
		return ecbpf_fail(-ENOMEM, "out of memory");
	if (keys->key.count > LB_KEYS_MAX)
		return ecbpf_fail(-ENOSPC, "the VIPs have %zu ports and addresses, more than %d",
				  keys->key.count, LB_KEYS_MAX);
	return 0;
}

int lb_keys_make(const struct lb_config *config, const struct lb_numbers *numbers,
		 const struct lb_entries *nets, struct lb_keys *keys)
{
	struct net *net = calloc(config->vips + 1, sizeof(*net));
	size_t i, count;

	*keys = (struct lb_keys)LB_KEYS_EMPTY;
	if (!net)
		return ecbpf_fail(-ENOMEM, "out of memory");
	count = addresses_add(config, numbers->vip, keys, net);
	qsort(net, count, sizeof(*net), compare_lengths);
	nets_number(net, count, nets);
	for (i = 0; i < count; i++)
		net_fill(&net[i], i, config, numbers->vip);
	nets_add(net, count, keys);
	sources_add(config, numbers, &keys->source);
	cids_add(config, numbers, &keys->cid);
	for (i = 0; i < count; i++)
		lb_entries_free(&net[i].own);
	free(net);
	lb_entries_settle(&keys->key);
	lb_entries_settle(&keys->net);
	lb_entries_settle(&keys->source);
	lb_entries_settle(&keys->cid);
	return keys_check(keys);
}

void lb_keys_free(struct lb_keys *keys)
{
	lb_entries_free(&keys->key);
	lb_entries_free(&keys->net);
	lb_entries_free(&keys->source);
	lb_entries_free(&keys->cid);
}

/* --- the filter */

static void near_set(struct lb_near *near, const uint8_t *addr, uint8_t family)
{
	__u64 half[2] = {};
	__u32 bit;

	memcpy(half, addr, family == AF_INET ? 4 : 16);
	bit = lb_near_bit(half[0], half[1]);
	near->bit[bit / 64] |= 1ULL << bit % 64;
}

/* near_net - each address of it; host bits are in the last two bytes, being few */
static void near_net(struct lb_near *near, const struct ecbpf_prefix *prefix, unsigned int bits)
{
	const unsigned int last = prefix->family == AF_INET ? 3 : 15;
	uint8_t addr[16];
	unsigned int i;

	memcpy(addr, prefix->addr, sizeof(addr));
	for (i = 0; i < 1U << bits; i++) {
		addr[last] = prefix->addr[last] | (i & 0xff);
		addr[last - 1] = prefix->addr[last - 1] | i >> 8;
		near_set(near, addr, prefix->family);
	}
}

void lb_near_fill(const struct lb_config *config, struct lb_near *near)
{
	size_t i, addresses = 0;

	memset(near, 0, sizeof(*near));
	for (i = 0; i < config->vips; i++) {
		const struct ecbpf_prefix *prefix = &config->vip[i].service.address;
		const unsigned int bits = (prefix->family == AF_INET ? 32 : 128) - prefix->length;

		if (bits && i && same_address(&config->vip[i - 1], &config->vip[i]))
			continue;
		addresses += !bits ? 0 : bits > 12 ? NEAR_ADDRESSES_MAX + 1 : 1U << bits;
		if (addresses > NEAR_ADDRESSES_MAX) {
			memset(near, 0xff, sizeof(*near));
			return;
		}
		near_net(near, prefix, bits);
	}
}

__u32 lb_near_fill_back(const struct lb_config *config, struct lb_near *near)
{
	bool any = false, others = false;
	size_t v, b;

	memset(near, 0, sizeof(*near));
	for (v = 0; v < config->vips; v++) {
		const struct lb_vip *vip = &config->vip[v];

		for (b = 0; b < vip->backends; b++) {
			if (!lb_mode_is_nat(lb_backend_forward(vip, &vip->backend[b])->mode)) {
				others = true;
				continue;
			}
			near_set(near, vip->backend[b].endpoint.addr,
				 vip->backend[b].endpoint.family);
			any = true;
		}
	}
	if (!any)
		return LB_NAT_NONE;
	return others ? LB_NAT_SOME : LB_NAT_ONLY;
}
