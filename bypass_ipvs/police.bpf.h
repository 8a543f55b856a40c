/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Limits for packets of flows that nobody knows: how many of them there may be, how many RSTs. */
#ifndef BYPASS_IPVS_POLICE_BPF_H
#define BYPASS_IPVS_POLICE_BPF_H

#include "bypass_ipvs/flow.bpf.h"
#include "bypass_ipvs/maps.bpf.h"

/* CPUs of the kernel: entries of a per-CPU value. */
const volatile __u32 bypass_cpus;

/* A rate is that of a sixteenth of a second. */
#define POLICE_WINDOWS 16

#define POLICE_CPUS_MAX 4096

static __always_inline __u32 police_window(void)
{
	__u32 window = bypass_hz / POLICE_WINDOWS;

	return window ? window : 1;
}

/**
 * struct police_sum - packets of the window before @window, on all CPUs
 */
struct police_sum {
	__u64 packets;
	__u32 window;
};

/* A CPU that has met no packet since has not turned the page yet. */
static long police_sum_cpu(__u32 cpu, void *arg)
{
	struct police_sum *sum = arg;
	struct bypass_rate *rate;
	__u32 zero = 0;

	rate = bpf_map_lookup_percpu_elem(&rate_map, &zero, cpu);
	if (!rate)
		return 1;
	if (rate->window == sum->window)
		sum->packets += rate->before;
	else if (rate->window + 1 == sum->window)
		sum->packets += rate->count;
	return 0;
}

/*
 * police_share - of @pps packets a second, the share to drop, times 2^32. From the target on it grows
 * with the square; at the maximum and beyond, as many as the target are let through.
 */
static __always_inline __u32 police_share(__u64 pps, __u32 target, __u32 max)
{
	__u64 over = pps - target, share;

	if (pps <= target)
		return 0;
	if (pps > 0xffffffff)
		pps = over = 0xffffffff;
	share = (over << 32) / pps;
	if (pps < max)
		share = share * over / (max - target);
	return share > 0xffffffff ? 0xffffffff : share;
}

/* police_turn - a new window has begun on this CPU */
static __noinline int police_turn(struct bypass_rate *rate, const struct bypass_params *p,
				  __u32 window)
{
	struct police_sum sum = { .window = window };

	rate->before = rate->window + 1 == window ? rate->count : 0;
	rate->window = window;
	rate->count = 0;
	bpf_loop(bypass_cpus < POLICE_CPUS_MAX ? bypass_cpus : POLICE_CPUS_MAX, police_sum_cpu,
		 &sum, 0);
	rate->drop_below = police_share(sum.packets * bypass_hz / police_window(), p->unknown_pps,
					p->unknown_max_pps);
	return 0;
}

/* police_rate - is this packet of an unknown flow one too many? */
static __always_inline bool police_rate(const struct bypass_params *p, __u32 now)
{
	__u32 zero = 0, window = now / police_window();
	struct bypass_rate *rate = bpf_map_lookup_elem(&rate_map, &zero);

	if (!rate)
		return false;
	if (rate->window != window)
		police_turn(rate, p, window);
	rate->count++;
	return rate->drop_below && bpf_get_prandom_u32() < rate->drop_below;
}

/* police_is_service - is this where clients go? By address, or seen with a mark before. */
static __always_inline bool police_is_service(struct bypass_service_key *key)
{
	__be16 port = key->port;
	bool found;

	if (bpf_map_lookup_elem(&service_map, key) || bpf_map_lookup_elem(&vip_map, key))
		return true;
	key->port = 0;
	found = bpf_map_lookup_elem(&service_map, key);
	key->port = port;
	return found;
}

/* police_reset_rate - may one more RST leave in this second? */
static __always_inline bool police_reset_rate(struct bypass_settings *s,
					      const struct bypass_params *p, __u32 now)
{
	__u32 second = now / (bypass_hz ? bypass_hz : 1), old = s->reset_second;

	if (!p->reset_pps)
		return true;
	if (old != second && __sync_val_compare_and_swap(&s->reset_second, old, second) == old)
		s->reset_used = 0;
	if (s->reset_used >= p->reset_pps)
		return false;
	return __sync_fetch_and_add(&s->reset_used, 1) < p->reset_pps;
}

/*
 * police_reset_flow - and one more for this tuple? To be asked before police_reset_rate(), which
 * counts: what one tuple may not send must not use up what all may.
 */
static __always_inline bool police_reset_flow(struct bypass_reset *reset,
					      const struct bypass_params *p, __u32 now)
{
	if (now - reset->from > BYPASS_RESET_S * bypass_hz) {
		reset->from = now;
		reset->sent = 0;
	}
	return !p->reset_per_flow || reset->sent < p->reset_per_flow;
}

static __always_inline void police_reset_sent(struct bypass_reset *reset)
{
	__sync_fetch_and_add(&reset->sent, 1);
}

#endif
