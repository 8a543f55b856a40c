/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Which VIP a packet is for, and which backend its hash says. */
#ifndef XDP_LB_CHOOSE_BPF_H
#define XDP_LB_CHOOSE_BPF_H

#include "xdp_lb/hash.h"
#include "xdp_lb/maps.bpf.h"
#include "xdp_lb/parse.bpf.h"

/* choose_by - ask for protocol and port, then for all ports, then for any protocol; 0: none */
static __always_inline __u32 choose_by(struct lb_key *key, __be16 port, __u8 proto)
{
	__u32 *number;

	key->port = port;
	key->proto = proto;
	number = bpf_map_lookup_elem(&lb_key_map, key);
	if (number)
		return *number;
	key->port = 0;
	number = port ? bpf_map_lookup_elem(&lb_key_map, key) : NULL;
	if (number)
		return *number;
	key->proto = 0;
	number = bpf_map_lookup_elem(&lb_key_map, key);
	return number ? *number : LB_NUMBER_NONE;
}

static __always_inline __u32 choose_net(const struct subject *s)
{
	struct lb_net net = { .length = 128 };
	struct lb_key key = { .family = LB_FAMILY_NET };
	__u32 *number;

	__builtin_memcpy(net.addr, s->key.daddr, sizeof(net.addr));
	number = bpf_map_lookup_elem(&lb_net_map, &net);
	if (!number)
		return LB_NUMBER_NONE;
	key.addr[0] = *number;
	return choose_by(&key, s->key.dport, s->proto);
}

/* choose_vip - number of the VIP of a packet, or LB_NUMBER_NONE */
__noinline int choose_vip(const struct subject *s)
{
	__u32 zero = 0, number;
	struct lb_settings *settings;
	struct lb_key key = { .family = AF_INET };

	if (!s)
		return LB_NUMBER_NONE;
	if (s->v6) {
		key.family = AF_INET6;
		__builtin_memcpy(key.addr, s->key.daddr, sizeof(key.addr));
	} else {
		key.addr[0] = s->key.daddr[3];
	}
	number = choose_by(&key, s->key.dport, s->proto);
	if (number != LB_NUMBER_NONE)
		return number;
	settings = bpf_map_lookup_elem(&lb_settings_map, &zero);
	return settings && settings->nets ? choose_net(s) : LB_NUMBER_NONE;
}

/* choose_source - the backend that the source's prefix asks for; 0: none does */
static __always_inline __u32 choose_source(const struct subject *s, __u32 vip)
{
	struct lb_source_key key = { .length = 32 + 128, .vip = bpf_htonl(vip) };
	__u32 *number;

	__builtin_memcpy(key.addr, s->key.saddr, sizeof(key.addr));
	number = bpf_map_lookup_elem(&lb_source_map, &key);
	return number ? *number : LB_NUMBER_NONE;
}

/* choose_backend - number of the backend for a connection that has none, or LB_NUMBER_NONE */
__noinline int choose_backend(const struct subject *s, __u32 vip)
{
	const struct lb_vip_entry *entry = bpf_map_lookup_elem(&lb_vip_map, &vip);
	__u32 number = LB_NUMBER_NONE, at, line;
	struct lb_ring_line *numbers;
	void *ring;

	if (!s || !entry)
		return number;
	if (entry->flags & LB_VIP_SOURCES)
		number = choose_source(s, vip);
	if (number != LB_NUMBER_NONE || !entry->entries)
		return number;
	ring = bpf_map_lookup_elem(&lb_ring_map, &vip);
	if (!ring)
		return LB_NUMBER_NONE;
	at = lb_hash_entry(lb_hash(&s->key, entry->hash), entry->entries);
	line = at / LB_RING_LINE;
	numbers = bpf_map_lookup_elem(ring, &line);
	return numbers ? numbers->backend[at % LB_RING_LINE] : LB_NUMBER_NONE;
}

#endif
