// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The TC egress program: it sees how IPVS sends a packet of a client, and enters that into the tuple
 * maps. It changes no packet; the one thing it drops is RST segments beyond a limit.
 */
#include <stdbool.h>

#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_helpers.h>

#include "bypass_ipvs/flow.bpf.h"
#include "bypass_ipvs/learn.bpf.h"
#include "bypass_ipvs/maps.bpf.h"
#include "bypass_ipvs/police.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Room that does not fit on the stack. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct learned);
} scratch_map SEC(".maps");

/**
 * struct sight - one packet that leaves, and what is known about it
 * @segments: packets that came in as this one
 */
struct sight {
	struct bypass_settings *settings;
	const struct bypass_params *params;
	__u32 now;
	__u32 segments;
};

static __always_inline void count(enum bypass_counter counter, __u32 packets)
{
	__u32 zero = 0;
	struct bypass_counts *counts = bpf_map_lookup_elem(&count_map, &zero);

	if (counts)
		counts->by[counter] += packets;
}

/* --- whose packet it is */

/* IPVS looks for the mark first, then for the port, then for a service of all ports. */
static __noinline int service_number(const struct __sk_buff *skb, const struct learned *l)
{
	struct bypass_service_key key = {
		.mark = skb->mark,
		.family = l->v6 ? AF_INET6 : AF_INET,
	};
	struct bypass_service *service = NULL;
	__u32 one = 1;

	if (key.mark)
		service = bpf_map_lookup_elem(&service_map, &key);
	key.mark = 0;
	key.proto = ECBPF_REST_PROTO(l->key.rest);
	key.port = l->key.dport;
	if (l->v6)
		__builtin_memcpy(key.addr, l->key.daddr, sizeof(key.addr));
	else
		key.addr[0] = l->key.daddr[3];
	if (service) {
		if (!bpf_map_lookup_elem(&vip_map, &key))
			bpf_map_update_elem(&vip_map, &key, &one, BPF_ANY);
		return service->number;
	}
	service = bpf_map_lookup_elem(&service_map, &key);
	if (service)
		return service->number;
	key.port = 0;
	service = bpf_map_lookup_elem(&service_map, &key);
	return service ? (int)service->number : -1;
}

static __always_inline bool is_excluded(const struct sight *sight, const struct learned *l)
{
	struct bypass_prefix prefix = { .length = 128 };

	if (!sight->settings->excludes)
		return false;
	__builtin_memcpy(prefix.addr, l->key.daddr, sizeof(prefix.addr));
	return bpf_map_lookup_elem(&exclude_map, &prefix);
}

/* --- paths */

/* path_mtu - longest packet that may take this way: of the device, and of the route, if known */
static __always_inline __u32 path_mtu(struct __sk_buff *skb, const struct bypass_path *path)
{
	const __u32 outer = path->recipe.outer_bytes;
	__u32 mtu = 0;

	bpf_check_mtu(skb, 0, &mtu, 0, 0);
	if (path->route_mtu && path->route_mtu < mtu)
		mtu = path->route_mtu;
	return mtu > outer ? mtu - outer : 0;
}

/* path_make - a number for a recipe that has none; 0: there is none left */
static __noinline int path_make(const struct learned *l)
{
	struct bypass_path *path;
	__u32 id, *other;

	if (bpf_map_pop_elem(&path_free_map, &id))
		return BYPASS_PATH_NONE;
	path = bpf_map_lookup_elem(&path_map, &id);
	if (!path)
		return BYPASS_PATH_NONE;
	__builtin_memcpy(&path->recipe, &l->recipe, sizeof(path->recipe));
	if (!bpf_map_update_elem(&path_id_map, &l->recipe, &id, BPF_NOEXIST))
		return id;
	/* another CPU has made it */
	bpf_map_push_elem(&path_free_map, &id, 0);
	other = bpf_map_lookup_elem(&path_id_map, &l->recipe);
	return other ? *other : BYPASS_PATH_NONE;
}

static __always_inline struct bypass_path *path_get(struct __sk_buff *skb, const struct learned *l,
						    __u32 *id)
{
	__u32 *known = bpf_map_lookup_elem(&path_id_map, &l->recipe);
	struct bypass_path *path;
	__u32 mtu;

	*id = known ? *known : (__u32)path_make(l);
	if (*id == BYPASS_PATH_NONE)
		return NULL;
	path = bpf_map_lookup_elem(&path_map, id);
	if (!path)
		return NULL;
	mtu = path_mtu(skb, path);
	if (path->mtu != mtu)
		path->mtu = mtu;
	return path;
}

/* --- flows */

/* flow_confirm - IPVS has sent a packet of a known flow */
static __always_inline void flow_confirm(struct bypass_flow *flow, __u64 mark, __u64 now_mark,
					 const struct sight *sight, const struct learned *l)
{
	if (mark != now_mark) {
		if (__sync_val_compare_and_swap(&flow->mark, mark, now_mark) != mark)
			return; /* the entry is another flow's now */
	}
	if (ECBPF_MARK_ID(mark) != ECBPF_MARK_ID(now_mark))
		count(BYPASS_MOVED_COUNT, sight->segments);
	else
		count(BYPASS_CONFIRMED_COUNT, sight->segments);
	flow->gue_sport = l->gue_sport;
	flow->confirmed = sight->now;
	flow->handed = sight->now;
	flow->tries = 0;
	flow->state &= ~BYPASS_RST;
	if (l->flags & PACKET_TCP_SYN) {
		flow->seq = l->seq;
		flow->state = 0;
	}
}

static __always_inline void flow_begin(struct bypass_flow *flow, const struct sight *sight,
				       const struct learned *l)
{
	flow->packets = 0;
	flow->bytes = 0;
	flow->seen = sight->now;
	flow->handed = sight->now;
	flow->confirmed = sight->now;
	flow->created = sight->now;
	flow->seq = l->seq;
	flow->gue_sport = l->gue_sport;
	flow->tries = 0;
	flow->state = l->flags & PACKET_TCP_FIN ? BYPASS_FIN : 0;
}

static __always_inline void key4_of(const struct ecbpf_tuple *key, struct ecbpf_tuple4 *key4)
{
	key4->saddr = key->saddr[3];
	key4->daddr = key->daddr[3];
	key4->sport = key->sport;
	key4->dport = key->dport;
	key4->rest = key->rest;
}

/* flow_enter - the best entry of a bucket becomes this flow's; its key, to be filled in, or NULL */
static __always_inline void *flow_enter(void *bucket, __u32 entry_bytes, __u64 hash,
					const struct sight *sight, const struct learned *l,
					struct flow_pick *pick)
{
	__u32 i;

	pick->worth = FLOW_WORTH_KEEP;
	for (i = 0; i < BYPASS_WAYS; i++)
		flow_pick(pick, flow_way(bucket, entry_bytes, hash, i), sight->params, sight->now);
	if (!pick->flow || !flow_take(pick)) {
		count(BYPASS_TABLE_FULL_COUNT, 1);
		return NULL;
	}
	flow_begin(pick->flow, sight, l);
	return (void *)pick->flow + ECBPF_FLOW_KEY;
}

static __always_inline void flow_entered(const struct flow_pick *pick, __u64 mark)
{
	flow_publish(pick->flow, mark);
	count(BYPASS_LEARNED_COUNT, 1);
	if (pick->mark)
		count(BYPASS_EVICTED_COUNT, 1);
}

static __noinline int flow4_enter(const struct sight *sight, const struct learned *l, __u64 hash,
				  __u64 mark)
{
	struct bypass_bucket4 *bucket = flow4_bucket(hash);
	struct flow_pick pick = {};
	struct ecbpf_tuple4 *key;

	if (!bucket)
		return 0;
	key = flow_enter(bucket, sizeof(struct bypass_flow4), hash, sight, l, &pick);
	if (!key)
		return 0;
	key4_of(&l->key, key);
	flow_entered(&pick, mark);
	return 0;
}

static __noinline int flow6_enter(const struct sight *sight, const struct learned *l, __u64 hash,
				  __u64 mark)
{
	struct bypass_bucket6 *bucket = flow6_bucket(hash);
	struct flow_pick pick = {};
	struct ecbpf_tuple *key;

	if (!bucket)
		return 0;
	key = flow_enter(bucket, sizeof(struct bypass_flow6), hash, sight, l, &pick);
	if (!key)
		return 0;
	*key = l->key;
	flow_entered(&pick, mark);
	return 0;
}

/*
 * is_admitted - enough of this unknown flow was forwarded to enter it. A SYN alone is no evidence of a
 * client, an RST is the end of one.
 */
static __noinline int is_admitted(const struct sight *sight, const struct learned *l)
{
	struct bypass_pending *pending, fresh = { sight->segments, sight->now };

	if (l->flags & (PACKET_TCP_SYN | PACKET_TCP_RST))
		return 0;
	if (fresh.packets >= sight->params->admit)
		return 1;
	pending = bpf_map_lookup_elem(&pending_map, &l->key);
	if (pending && sight->now - pending->first <= sight->params->inactive) {
		if (__sync_fetch_and_add(&pending->packets, fresh.packets) + fresh.packets >=
		    sight->params->admit) {
			bpf_map_delete_elem(&pending_map, &l->key);
			return 1;
		}
		return 0;
	}
	bpf_map_update_elem(&pending_map, &l->key, &fresh, BPF_ANY);
	return 0;
}

/* sight_enter - the flow is not in a tuple map */
static __noinline int sight_enter(struct __sk_buff *skb, const struct sight *sight,
				  const struct learned *l, __u64 hash)
{
	struct bypass_path *path;
	__u64 mark;
	__u32 id;

	if (!is_admitted(sight, l)) {
		count(BYPASS_PENDING_COUNT, sight->segments);
		return 0;
	}
	path = path_get(skb, l, &id);
	if (!path) {
		count(BYPASS_PATHS_FULL_COUNT, 1);
		return 0;
	}
	mark = ECBPF_MARK(hash >> 32, id, path->gen);
	return l->v6 ? flow6_enter(sight, l, hash, mark) : flow4_enter(sight, l, hash, mark);
}

static __always_inline struct bypass_flow *sight_find(const struct learned *l, __u64 *hash,
						      __u64 *mark)
{
	struct ecbpf_tuple4 key;

	if (l->v6) {
		*hash = flow6_hash(&l->key);
		return flow6_find(&l->key, *hash, mark);
	}
	key4_of(&l->key, &key);
	*hash = flow4_hash(&key);
	return flow4_find(&key, *hash, mark);
}

/* sight_note - a packet for a service: its flow is confirmed, corrected, or on its way into a map */
static __noinline int sight_note(struct __sk_buff *skb, const struct sight *sight,
				 const struct learned *l)
{
	struct bypass_flow *flow;
	struct bypass_path *path;
	__u64 hash = 0, mark = 0;
	__u32 id;

	flow = sight_find(l, &hash, &mark);
	if (!flow)
		return sight_enter(skb, sight, l, hash);
	if (l->flags & PACKET_TCP_RST)
		return 0; /* what comes next is to show whether IPVS goes on */
	path = path_get(skb, l, &id);
	if (path)
		flow_confirm(flow, mark, ECBPF_MARK(hash >> 32, id, path->gen), sight, l);
	else
		count(BYPASS_PATHS_FULL_COUNT, 1);
	return 0;
}

static __always_inline void sight_packet(struct __sk_buff *skb, const struct sight *sight,
					 const struct bypass_device *device)
{
	__u32 zero = 0;
	struct learned *l = bpf_map_lookup_elem(&scratch_map, &zero);
	int result, service;

	if (!l)
		return;
	__builtin_memset(l, 0, sizeof(*l));
	result = learn(skb, l);
	if (result == LEARN_NOT)
		return;
	if (result == LEARN_STRANGE) {
		count(BYPASS_STRANGE_COUNT, sight->segments);
		return;
	}
	l->key.rest = ECBPF_REST(l->key.rest, device->outer, device->inner);
	service = service_number(skb, l);
	if (service < 0) {
		count(BYPASS_UNRELATED_COUNT, sight->segments);
		return;
	}
	if (is_excluded(sight, l)) {
		count(BYPASS_EXCLUDED_COUNT, sight->segments);
		return;
	}
	l->recipe.service = service;
	if (sight->params->reset_pps | sight->params->reset_per_flow)
		bpf_map_delete_elem(&reset_map, &l->key);
	sight_note(skb, sight, l);
}

/* --- RST segments of the machine itself */

/* reset_vid - the VLAN id of the outer (0) or inner (1) tag that the segment leaves with */
static __always_inline __u32 reset_vid(const struct ecbpf_recipe *recipe, __u32 tag)
{
	const __u32 at = sizeof(struct ethhdr) + tag * sizeof(struct pkt_vlan_tag);

	return recipe->l2_bytes > at ? bpf_ntohs(*(const __be16 *)(recipe->l2 + at)) : 0;
}

/* The client's tuple is the segment's, turned round; it came with the tags that the answer has. */
static __always_inline void reset_turn(const struct learned *l, struct ecbpf_tuple *key)
{
	__builtin_memcpy(key->saddr, l->key.daddr, sizeof(key->saddr));
	__builtin_memcpy(key->daddr, l->key.saddr, sizeof(key->daddr));
	key->sport = l->key.dport;
	key->dport = l->key.sport;
	key->rest = ECBPF_REST(l->key.rest, reset_vid(&l->recipe, 0), reset_vid(&l->recipe, 1));
}

static __always_inline bool reset_is_service(const struct ecbpf_tuple *key, bool v6)
{
	struct bypass_service_key service = {
		.port = key->dport,
		.proto = IPPROTO_TCP,
		.family = v6 ? AF_INET6 : AF_INET,
	};

	if (v6)
		__builtin_memcpy(service.addr, key->daddr, sizeof(service.addr));
	else
		service.addr[0] = key->daddr[3];
	return police_is_service(&service);
}

/* reset_police - false: one too many */
static __noinline int reset_police(const struct sight *sight, const struct learned *l)
{
	struct bypass_reset *reset, fresh = { .from = sight->now };
	struct ecbpf_tuple key = {};

	reset_turn(l, &key);
	if (!reset_is_service(&key, l->v6))
		return 1;
	reset = bpf_map_lookup_elem(&reset_map, &key);
	if (!reset) {
		bpf_map_update_elem(&reset_map, &key, &fresh, BPF_NOEXIST);
		reset = bpf_map_lookup_elem(&reset_map, &key);
	}
	if (reset && !police_reset_flow(reset, sight->params, sight->now)) {
		count(BYPASS_RESET_FLOW_COUNT, 1);
		return 0;
	}
	if (!police_reset_rate(sight->settings, sight->params, sight->now)) {
		count(BYPASS_RESET_RATE_COUNT, 1);
		return 0;
	}
	if (reset)
		police_reset_sent(reset);
	count(BYPASS_RESET_SENT_COUNT, 1);
	return 1;
}

static __always_inline int reset_packet(struct __sk_buff *skb, const struct sight *sight)
{
	__u32 zero = 0;
	struct learned *l;

	if (!(sight->params->reset_pps | sight->params->reset_per_flow))
		return TC_ACT_UNSPEC;
	l = bpf_map_lookup_elem(&scratch_map, &zero);
	if (!l)
		return TC_ACT_UNSPEC;
	__builtin_memset(l, 0, sizeof(*l));
	if (learn(skb, l) || !(l->flags & PACKET_TCP_RST) || l->recipe.outer_bytes)
		return TC_ACT_UNSPEC;
	if (reset_police(sight, l) || sight->params->monitor)
		return TC_ACT_UNSPEC;
	return TC_ACT_SHOT;
}

SEC("tc")
int bpf_egress_syn_check(struct __sk_buff *skb)
{
	struct sight sight = { .settings = settings_get() };
	const struct bypass_device *device;
	__u32 ifindex = skb->ingress_ifindex;

	if (!sight.settings)
		return TC_ACT_UNSPEC;
	sight.params = settings_params(sight.settings);
	sight.now = settings_now(sight.settings);
	sight.segments = skb->gso_segs ? skb->gso_segs : 1;
	if (!ifindex)
		return reset_packet(skb, &sight);
	device = bpf_map_lookup_elem(&device_map, &ifindex);
	if (device && device->role & BYPASS_INBOUND)
		sight_packet(skb, &sight, device);
	return TC_ACT_UNSPEC;
}
