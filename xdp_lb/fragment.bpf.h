/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Later fragments go where the first one goes. */
#ifndef XDP_LB_FRAGMENT_BPF_H
#define XDP_LB_FRAGMENT_BPF_H

#include "xdp_lb/conn.bpf.h"
#include "xdp_lb/maps.bpf.h"
#include "xdp_lb/parse.bpf.h"
#include "xdp_lb/way.bpf.h"

static __always_inline void fragment_key(const struct subject *s, struct lb_fragment_key *key)
{
	__builtin_memcpy(key->saddr, s->key.saddr, sizeof(key->saddr));
	__builtin_memcpy(key->daddr, s->key.daddr, sizeof(key->daddr));
	key->id = s->id;
	key->proto = s->v6 ? 0 : s->proto; /* RFC 8200 4.5: the first one's may differ */
}

/* fragment_keep - the later ones go where the first one goes; false: the VIP takes no fragments */
__noinline int fragment_keep(const struct subject *s, const struct way *way, __u32 now)
{
	const struct lb_vip_entry *entry;
	struct lb_fragment fragment = { .seen = now };
	struct lb_fragment_key key;
	__u32 vip;

	if (!s || !way)
		return false;
	vip = way->vip;
	entry = bpf_map_lookup_elem(&lb_vip_map, &vip);
	if (!entry || entry->flags & LB_VIP_REFUSE_FRAGMENT)
		return false;
	fragment.backend = way->backend;
	fragment.gen = way->gen;
	fragment.vip = vip;
	fragment_key(s, &key);
	bpf_map_update_elem(&lb_fragment_map, &key, &fragment, BPF_ANY);
	return true;
}

/* fragment_find - where the first one went */
__noinline int fragment_find(const struct subject *s, struct way *way, __u32 now)
{
	struct lb_backend_entry *backend;
	struct lb_fragment *fragment;
	struct lb_fragment_key key;
	__u32 number;

	if (!s || !way)
		return false;
	fragment_key(s, &key);
	fragment = bpf_map_lookup_elem(&lb_fragment_map, &key);
	if (!fragment || now - fragment->seen > LB_FRAGMENT_S * lb_hz)
		return false;
	number = fragment->backend;
	backend = bpf_map_lookup_elem(&lb_backend_map, &number);
	if (!backend || backend->state == LB_BACKEND_NONE || (__u16)backend->gen != fragment->gen)
		return false;
	way->vip = fragment->vip;
	way->backend = number;
	way->gen = fragment->gen;
	way->code = ECBPF_CODE_LB_FORWARD;
	return true;
}

#endif
