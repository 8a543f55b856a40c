// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The XDP program: packets of connections that IPVS has decided about go straight to their server.
 * A packet whose flow is not in a tuple map is left alone, unless there is a limit for such packets.
 */
#include <stdbool.h>

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "bypass_ipvs/flow.bpf.h"
#include "bypass_ipvs/maps.bpf.h"
#include "bypass_ipvs/parse.bpf.h"
#include "bypass_ipvs/police.bpf.h"
#include "bypass_ipvs/reset.bpf.h"
#include "libecbpf/exit.bpf.h"
#include "libecbpf/forward.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

const volatile struct ecbpf_about ecbpf_about SEC(ECBPF_ABOUT_SECTION) = {
	.abi = ECBPF_ABI,
	.slot = ECBPF_SLOT_BYPASS,
	.version = ECBPF_VERSION,
};

/* Farther ahead than this no client's segments are; whoever guesses numbers moves nothing. */
#define SEQ_WINDOW (1U << 24)

/* The rest of a closing connection is short: its timers in IPVS are, too. */
#define FIN_HASTE 4

/* --- what becomes of a packet of a known flow */

static __always_inline void track_seq(struct bypass_flow *flow, const struct packet *packet)
{
	__u32 end = bpf_ntohl(packet->tcp->seq) + packet_payload(packet);

	if (packet_flags(packet) & PACKET_TCP_FIN)
		end++;
	if (end - flow->seq < SEQ_WINDOW)
		flow->seq = end;
}

/* An RST counts if its number is the expected one (RFC 5961 3.2); IPVS is shown all of them. */
static __always_inline __u32 decide_rst(struct bypass_flow *flow, const struct packet *packet)
{
	if (bpf_ntohl(packet->tcp->seq) != flow->seq)
		return ECBPF_CODE_BYPASS_RST_BLIND;
	flow->state |= BYPASS_RST;
	return ECBPF_CODE_BYPASS_RST;
}

static __always_inline __u32 decide_tcp(struct bypass_flow *flow, const struct packet *packet)
{
	const __u8 flags = packet_flags(packet);

	if (flags & PACKET_TCP_RST)
		return decide_rst(flow, packet);
	if (flags & PACKET_TCP_SYN)
		return ECBPF_CODE_BYPASS_SYN;
	track_seq(flow, packet);
	if (!(flags & PACKET_TCP_FIN))
		return 0;
	flow->state |= BYPASS_FIN;
	return ECBPF_CODE_BYPASS_FIN;
}

/* decide_sample - is it time for IPVS to see one? Rather one without payload, which may be late. */
static __always_inline __u32 decide_sample(struct bypass_flow *flow, __u64 mark,
					   const struct packet *packet,
					   const struct bypass_params *p, __u32 now)
{
	__u32 since = now - flow->handed, wait = flow->tries ? p->retry : p->sample;

	if (flow->state & BYPASS_FIN)
		wait /= FIN_HASTE;
	if (since < wait || (since < 2 * wait && packet_payload(packet)))
		return 0;
	if (flow->tries >= p->tries) {
		flow_free(flow, mark);
		return ECBPF_CODE_BYPASS_GIVEN_UP;
	}
	flow->tries++;
	flow->handed = now;
	return ECBPF_CODE_BYPASS_SAMPLE;
}

/* decide - 0: forward it; else why it is handed to IPVS */
static __always_inline __u32 decide(struct bypass_flow *flow, __u64 mark,
				    const struct bypass_path *path, const struct packet *packet,
				    const struct bypass_params *p, __u32 now)
{
	__u32 code = packet->tcp ? decide_tcp(flow, packet) : 0;

	if (code)
		return code;
	if (ECBPF_MARK_GEN(mark) != (__u16)path->gen)
		return ECBPF_CODE_BYPASS_STALE;
	if (flow->state & BYPASS_RST || now - flow->confirmed > p->inactive)
		return ECBPF_CODE_BYPASS_IDLE;
	if (packet_ttl(packet) <= 1)
		return ECBPF_CODE_BYPASS_TTL;
	if (packet->ip_bytes > path->mtu)
		return ECBPF_CODE_BYPASS_MTU;
	if (path->recipe.flags & ECBPF_DF_UNKNOWN && packet_df(packet))
		return ECBPF_CODE_BYPASS_DF;
	code = decide_sample(flow, mark, packet, p, now);
	if (code)
		return code;
	if (p->shadow_one_in && bpf_get_prandom_u32() <= 0xffffffff / p->shadow_one_in)
		return ECBPF_CODE_BYPASS_SHADOW;
	return 0;
}

/* known_forward - the packet is on its way; ECBPF_NEXT if it cannot be */
static __always_inline int known_forward(struct xdp_md *xdp, const struct packet *packet,
					 const struct bypass_path *path,
					 const struct bypass_flow *flow)
{
	__u32 ifindex = path->recipe.ifindex;
	int action = XDP_TX;

	if (ifindex != xdp->ingress_ifindex) {
		action = bpf_redirect_map(&out_map, ifindex, XDP_PASS);
		if (action != XDP_REDIRECT)
			return ECBPF_NEXT;
	}
	switch (forward_packet(xdp, packet, &path->recipe, flow->gue_sport)) {
	case FORWARD_DONE:
		return action;
	case FORWARD_NOT:
		return ECBPF_NEXT;
	default:
		return XDP_DROP;
	}
}

static __always_inline void known_count(struct bypass_flow *flow, __u32 bytes, __u32 now)
{
	flow->seen = now;
	flow->packets++;
	flow->bytes += bytes;
}

/* known_judge - a reason code; *action stays if the packet is IPVS's */
static __always_inline __u32 known_judge(struct xdp_md *xdp, const struct packet *packet,
					 struct bypass_flow *flow, __u64 mark,
					 const struct bypass_path *path,
					 const struct bypass_params *p, __u32 now, int *action)
{
	__u32 code = decide(flow, mark, path, packet, p, now);

	flow->seen = now;
	if (code)
		return code;
	if (p->monitor)
		return ECBPF_CODE_BYPASS_MONITOR;
	*action = known_forward(xdp, packet, path, flow);
	if (*action != XDP_TX && *action != XDP_REDIRECT)
		return ECBPF_CODE_BYPASS_FRAME;
	known_count(flow, packet->ip_bytes, now);
	return ECBPF_CODE_BYPASS_HIT;
}

/* known_is_clear - decide() would forward it, and there is nothing else to do for it */
static __always_inline bool known_is_clear(const struct packet *packet,
					   const struct bypass_flow *flow, __u64 mark,
					   const struct bypass_path *path,
					   const struct bypass_params *p, __u32 now)
{
	if (packet->tcp &&
	    packet_flags(packet) & (PACKET_TCP_FIN | PACKET_TCP_SYN | PACKET_TCP_RST))
		return false;
	return ECBPF_MARK_GEN(mark) == (__u16)path->gen && !(flow->tries | flow->state) &&
	       now - flow->confirmed <= p->inactive && now - flow->handed < p->sample &&
	       !(p->shadow_one_in | p->monitor) && packet_ttl(packet) > 1 &&
	       packet->ip_bytes <= path->mtu && !(path->recipe.flags & ECBPF_DF_UNKNOWN);
}

/*
 * known - true: it was forwarded, by XDP_TX. So are most packets: they are clear, and go back through the
 * same interface. They take no call: clang would keep in memory, for all packets, what is needed after it.
 */
static __always_inline bool known(struct xdp_md *xdp, struct packet *packet,
				  struct bypass_flow *flow, __u64 mark,
				  const struct bypass_params *p, __u32 now, struct ecbpf_verdict *v)
{
	__u32 id = ECBPF_MARK_ID(mark);
	const struct bypass_path *path = bpf_map_lookup_elem(&path_map, &id);

	if (!path)
		return false;
	v->meta = ECBPF_MARK_ID(mark);
	packet->ip_bytes = packet_bytes(packet);
	if (forward_is_plain(packet, &path->recipe) &&
	    path->recipe.ifindex == xdp->ingress_ifindex &&
	    known_is_clear(packet, flow, mark, path, p, now)) {
		if (packet->tcp)
			track_seq(flow, packet);
		forward_plain(packet, &path->recipe);
		known_count(flow, packet->ip_bytes, now);
		return true;
	}
	packet_read(packet);
	v->code = known_judge(xdp, packet, flow, mark, path, p, now, &v->action);
	return false;
}

/* --- of an unknown one */

static __always_inline void unknown_key(const struct packet *packet, struct ecbpf_tuple *key)
{
	__builtin_memset(key, 0, sizeof(*key));
	if (packet->ip6) {
		__builtin_memcpy(key->saddr, &packet->ip6->saddr, sizeof(key->saddr));
		__builtin_memcpy(key->daddr, &packet->ip6->daddr, sizeof(key->daddr));
	} else if (packet->ip4) {
		key->saddr[2] = key->daddr[2] = bpf_htonl(ECBPF_V4_PREFIX);
		key->saddr[3] = packet->ip4->saddr;
		key->daddr[3] = packet->ip4->daddr;
	}
	key->sport = packet->sport;
	key->dport = packet->dport;
	key->rest = packet->rest | packet->proto;
}

static __always_inline bool unknown_is_service(const struct packet *packet)
{
	struct bypass_service_key key = {
		.port = packet->dport,
		.proto = packet->proto,
		.family = packet->ip6 ? AF_INET6 : AF_INET,
	};

	if (packet->ip6)
		__builtin_memcpy(key.addr, &packet->ip6->daddr, sizeof(key.addr));
	else if (packet->ip4)
		key.addr[0] = packet->ip4->daddr;
	return police_is_service(&key);
}

/* A tuple that the machine has answered with RST before is answered here. */
static __always_inline __u32 unknown_reset(const struct packet *packet, struct bypass_settings *s,
					   const struct bypass_params *p, __u32 now)
{
	struct bypass_reset *reset;
	struct ecbpf_tuple key;

	if (!packet->tcp || packet->flags & (PACKET_TCP_SYN | PACKET_TCP_RST))
		return 0;
	unknown_key(packet, &key);
	reset = bpf_map_lookup_elem(&reset_map, &key);
	if (!reset)
		return 0;
	if (!police_reset_flow(reset, p, now) || !police_reset_rate(s, p, now))
		return ECBPF_CODE_BYPASS_RESET_LIMIT;
	police_reset_sent(reset);
	return ECBPF_CODE_BYPASS_RESET;
}

/* unknown - a reason code, or 0; *action stays if the packet is let through */
static __noinline int unknown(struct xdp_md *xdp, const struct packet *packet,
			      struct bypass_settings *s, int *action)
{
	const struct bypass_params *p = settings_params(s);
	__u32 now = settings_now(s), code = 0;

	if (!unknown_is_service(packet))
		return 0;
	if (p->reset_pps || p->reset_per_flow)
		code = unknown_reset(packet, s, p, now);
	if (!code && p->unknown_pps && police_rate(p, now))
		code = ECBPF_CODE_BYPASS_LIMIT;
	if (!code || p->monitor)
		return code;
	*action = XDP_DROP;
	if (code == ECBPF_CODE_BYPASS_RESET) {
		reset_make(xdp, packet);
		*action = XDP_TX;
	}
	return code;
}

/* --- */

/* The packet is copied for a call: one whose address is known elsewhere is kept in memory for all. */
static __always_inline bool judge(struct xdp_md *xdp, struct packet *packet,
				  struct bypass_flow *flow, __u64 mark, struct ecbpf_verdict *v)
{
	struct bypass_settings *s = settings_get();
	const struct bypass_params *p;
	int action = ECBPF_NEXT;
	struct packet copy;

	if (!s)
		return false;
	p = settings_params(s);
	if (flow)
		return known(xdp, packet, flow, mark, p, settings_now(s), v);
	if (!(p->unknown_pps | p->reset_pps | p->reset_per_flow))
		return false;
	packet_read(packet);
	copy = *packet;
	v->code = unknown(xdp, &copy, s, &action);
	v->action = action;
	return false;
}

/* Apart from bypass6() to the end: else clang keeps what either needs ready for both. */
static __always_inline bool bypass4(struct xdp_md *xdp, struct pkt *p, struct packet *packet,
				    struct ecbpf_verdict *v)
{
	struct bypass_flow *flow;
	struct ecbpf_tuple4 key;
	__u64 mark = 0;

	v->code = packet_ip4(p, packet);
	if (v->code)
		return false;
	packet_key4(packet, &key);
	flow = flow4_find(&key, flow4_hash(&key), &mark);
	return judge(xdp, packet, flow, mark, v);
}

static __always_inline bool bypass6(struct xdp_md *xdp, struct pkt *p, struct packet *packet,
				    struct ecbpf_verdict *v)
{
	struct bypass_flow *flow;
	struct ecbpf_tuple key;
	__u64 mark = 0;

	v->code = packet_ip6(p, packet);
	if (v->code)
		return false;
	packet_key6(packet, &key);
	flow = flow6_find(&key, flow6_hash(&key), &mark);
	return judge(xdp, packet, flow, mark, v);
}

static __always_inline bool bypass(struct xdp_md *xdp, struct ecbpf_verdict *v)
{
	struct pkt p = pkt_init(xdp);
	struct packet packet = {};
	__be16 proto = packet_link(&p, &packet);

	if (proto == bpf_htons(ETH_P_IP))
		return bypass4(xdp, &p, &packet, v);
	if (proto == bpf_htons(ETH_P_IPV6))
		return bypass6(xdp, &p, &packet, v);
	return false;
}

SEC("xdp")
int xdp_bypass_ipvs(struct xdp_md *xdp)
{
	struct ecbpf_verdict v = { .action = ECBPF_NEXT };

	if (bypass(xdp, &v)) { /* a way out of their own, which is shorter: all is constant */
		v.action = XDP_TX;
		v.code = ECBPF_CODE_BYPASS_HIT;
		return ecbpf_exit(xdp, &v);
	}
	if (v.code == ECBPF_CODE_OTHER)
		v.code = 0;
	return ecbpf_exit(xdp, &v);
}
