// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The firewall. Finds out about a packet, finds the first rule that matches, does what it says.
 * IPv4 and IPv6 are judged, tagged or not; frames of all other kinds go on to the next slot.
 */
#include <linux/bpf.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "libecbpf/abi.h"
#include "libecbpf/exit.bpf.h"
#include "libecbpf/pkt.bpf.h"
#include "libecbpf/reply.bpf.h"
#include "xdp_fw/abi.h"
#include "xdp_fw/classify.bpf.h"
#include "xdp_fw/limit.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

const volatile struct ecbpf_about ecbpf_about SEC(ECBPF_ABOUT_SECTION) = {
	.abi = ECBPF_ABI,
	.slot = ECBPF_SLOT_FW,
	.version = ECBPF_VERSION,
};

/*
 * A generation on trial: unless it is confirmed (replaced by the same without a deadline), the one
 * before takes over by itself, whatever has become of the command and its operator.
 */
const volatile __u64 fw_deadline; /* jiffies; 0: none */

/* The rule whose bucket limits replies to fragments, if there are any. */
const volatile bool fw_replies;
const volatile __u32 fw_reply_index;

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} fw_previous SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct fw_verdict_rule);
} xdp_fw_rules_map SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, FW_HITS);
	__type(key, __u32);
	__type(value, struct fw_hits);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} fw_hits SEC(".maps");

/* Of user space alone; here so that they live and die with the program. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64); /* struct fw_header, and what follows it */
} fw_text SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct fw_set_tag);
} fw_set_tags SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, FW_SETS_MAX);
	__type(key, __u32);
	__type(value, struct fw_set_info);
} fw_set_names SEC(".maps");

/**
 * struct fw_parse - a packet that is being looked at
 * @f: what is found out about it
 * @type: of its ICMP message
 */
struct fw_parse {
	struct pkt pkt;
	struct pkt_eth eth;
	struct pkt_ip ip;
	struct fw_fields *f;
	__u8 type;
};

static __always_inline void fw_fields4(struct fw_parse *p)
{
	const struct iphdr *ip = p->ip.v4;

	p->f->src[0] = bpf_ntohl(ip->saddr);
	p->f->dst[0] = bpf_ntohl(ip->daddr);
	p->f->hop = (__u32)ip->ttl << 6 | ip->tos >> 2;
	p->f->kind = p->ip.exts ? FW_KIND_OPTIONS : 0;
}

static __always_inline __u64 fw_half(const __be32 *word)
{
	return (__u64)bpf_ntohl(word[0]) << 32 | bpf_ntohl(word[1]);
}

static __always_inline void fw_fields6(struct fw_parse *p)
{
	const struct ipv6hdr *ip = p->ip.v6;
	__u32 dscp = ip->priority << 2 | ip->flow_lbl[0] >> 6;

	p->f->src[0] = fw_half(ip->saddr.in6_u.u6_addr32);
	p->f->src[1] = fw_half(ip->saddr.in6_u.u6_addr32 + 2);
	p->f->dst[0] = fw_half(ip->daddr.in6_u.u6_addr32);
	p->f->dst[1] = fw_half(ip->daddr.in6_u.u6_addr32 + 2);
	p->f->hop = (__u32)ip->hop_limit << 6 | dscp;
	p->f->kind = FW_KIND_IPV6;
	/* the fragment header of a fragment is no option */
	if (p->ip.exts > p->ip.fragment)
		p->f->kind |= FW_KIND_OPTIONS;
}

/* Not IP: not judged. */
#define FW_FOREIGN (-1)

static __always_inline int fw_network_fields(struct fw_parse *p)
{
	int code;

	if (p->eth.proto == bpf_htons(ETH_P_IP)) {
		code = pkt_ipv4(&p->pkt, &p->ip);
		if (code)
			return code;
		fw_fields4(p);
	} else if (p->eth.proto == bpf_htons(ETH_P_IPV6)) {
		code = pkt_ipv6(&p->pkt, &p->ip);
		if (code && code != ECBPF_CODE_IPV6_EXT_LIMIT)
			return code;
		fw_fields6(p);
	} else {
		return FW_FOREIGN;
	}
	p->f->kind |= p->ip.proto;
	if (p->ip.fragment)
		p->f->kind |= FW_KIND_FRAGMENT(p->ip.later ? 2 : 1);
	return 0;
}

static __always_inline __u32 fw_tcp_fields(struct fw_parse *p)
{
	struct tcphdr *tcp;

	if (pkt_tcp(&p->pkt, &p->ip, &tcp))
		return 0;
	p->f->sport = bpf_ntohs(tcp->source);
	p->f->dport = bpf_ntohs(tcp->dest);
	p->f->window = bpf_ntohs(tcp->window);
	p->f->flags = ((__u8 *)tcp)[13];
	return FW_KIND_UPPER;
}

static __always_inline __u32 fw_udp_fields(struct fw_parse *p)
{
	struct udphdr *udp;

	if (pkt_udp(&p->pkt, &p->ip, &udp))
		return 0;
	p->f->sport = bpf_ntohs(udp->source);
	p->f->dport = bpf_ntohs(udp->dest);
	return FW_KIND_UPPER;
}

static __always_inline __u32 fw_icmp_fields(struct fw_parse *p)
{
	struct pkt_icmp_hdr *icmp;

	if (pkt_icmp(&p->pkt, &p->ip, &icmp))
		return 0;
	p->type = icmp->type;
	p->f->icmp = (__u16)icmp->type << 8 | icmp->code;
	return FW_KIND_UPPER;
}

/* fw_upper_fields - the header behind IP, unless a later fragment has none */
static __always_inline void fw_upper_fields(struct fw_parse *p)
{
	if (p->ip.later)
		return;
	if (p->ip.proto == IPPROTO_TCP)
		p->f->kind |= fw_tcp_fields(p);
	else if (p->ip.proto == IPPROTO_UDP)
		p->f->kind |= fw_udp_fields(p);
	else if (p->ip.proto == (p->ip.v4 ? IPPROTO_ICMP : IPPROTO_ICMPV6))
		p->f->kind |= fw_icmp_fields(p);
}

/*
 * fw_fields_of - find out about a packet. @quote: filled in if it is a fragment that may be answered
 * Return: 0, FW_FOREIGN, or why it is malformed (behind a root that does not occur).
 */
__noinline int fw_fields_of(struct xdp_md *ctx, struct fw_fields *f, struct reply_parts *quote)
{
	struct fw_parse p = { .pkt = pkt_init(ctx), .f = f };
	__u32 payload;
	int code;

	if (!f || !quote)
		return FW_FOREIGN;
	f->length = pkt_left(&p.pkt);
	code = pkt_eth(&p.pkt, &p.eth);
	if (!code)
		code = fw_network_fields(&p);
	if (code)
		return code;
	f->vlan = p.eth.vlans ? bpf_ntohs(p.eth.tci[0]) & 0xfff : FW_VLAN_NONE;
	payload = p.ip.left;
	fw_upper_fields(&p);
	/* all but the last fragment carry a multiple of 8 bytes (RFC 791, RFC 8200 4.5), at least 8 */
	if (fw_replies && p.ip.fragment && !p.ip.later && payload >= 8 && !(payload % 8))
		reply_quote(&p.eth, &p.ip, p.type, quote);
	quote->frame = f->length;
	return 0;
}

/**
 * struct fw_ctx - a packet that is being judged
 * @f: what is known about it
 * @m: its rows
 * @quote: of it, for a reply
 */
struct fw_ctx {
	struct fw_fields f;
	struct fw_match m;
	struct reply_parts quote;
	struct ecbpf_verdict v;
};

static __always_inline void fw_count(__u32 slot, __u32 length, bool within)
{
	struct fw_hits *hits = bpf_map_lookup_elem(&fw_hits, &slot);

	if (!hits)
		return;
	if (within) {
		hits->within++;
		return;
	}
	hits->packets++;
	hits->bytes += length;
	hits->last = bpf_jiffies64();
}

/* fw_count_set - unless it has counted the packet; the low bits of @slot are the set's number */
static __always_inline void fw_count_set(struct fw_match *m, __u32 slot, __u32 length)
{
	const __u64 bit = 1ULL << slot % FW_SETS_MAX;

	if (m->counted & bit)
		return;
	m->counted |= bit;
	fw_count(slot, length, false);
}

/* fw_count_pairs - the sets of a rule that has several; @asked: its pairs */
__noinline int fw_count_pairs(struct fw_match *m, __u32 asked, __u32 length)
{
	__u32 hit, index, i;

	if (!m)
		return 0;
	hit = m->pairs & asked;
	for (i = 0; hit && i < FW_PAIRS_MAX; i++) {
		index = set_bit32(hit & -hit) % FW_PAIRS_ROOM;
		hit &= hit - 1;
		fw_count_set(m, fw_config.pair[index].slot, length);
	}
	return 0;
}

static __always_inline void fw_count_sets(struct fw_ctx *c, const struct fw_verdict_rule *rule)
{
	if (rule->set_slot)
		fw_count_set(&c->m, rule->set_slot, c->f.length);
	else if (rule->pairs)
		fw_count_pairs(&c->m, rule->pairs, c->f.length);
}

/*
 * fw_carry_out - what the rule says; returns 1 if that is the end. FW_DO_FRAGMENT is left to
 * fw_fragment(), with the number of the rule in c->v.meta.
 */
static __always_inline int fw_carry_out(struct fw_ctx *c, __u32 index)
{
	struct fw_verdict_rule *rule = bpf_map_lookup_elem(&xdp_fw_rules_map, &index);
	bool within;

	if (!rule)
		return ecbpf_decide(&c->v, ECBPF_NEXT, ECBPF_CODE_FW_TABLE);
	within = rule->action == FW_DO_LIMIT && fw_conforms(rule, &c->f);
	fw_count(rule->slot, c->f.length, within);
	if (fw_config.pairs)
		fw_count_sets(c, rule);
	if (within)
		return 0;
	c->v.code = rule->code;
	c->v.meta = rule->number;
	switch (rule->action) {
	case FW_DO_NEXT:
		return ecbpf_decide(&c->v, ECBPF_NEXT, rule->code);
	case FW_DO_PASS:
		return ecbpf_decide(&c->v, XDP_PASS, rule->code);
	case FW_DO_COUNT:
		return 0;
	default:
		return ecbpf_decide(&c->v, XDP_DROP, rule->code);
	}
}

/* fw_step - the next rule that matches; returns 1 at the end */
static __always_inline int fw_step(struct fw_ctx *c)
{
	__u32 index = fw_next(&c->m);

	if (index >= FW_NONE)
		return 1;
	c->m.from = index + 1;
	return fw_carry_out(c, index);
}

static long fw_again(__u32 turn, void *ctx)
{
	(void)turn;
	return fw_step(ctx);
}

#define FW_UNDECIDED (-2)

/* fw_rules - the rules' verdict, or FW_UNDECIDED in c->v.action */
static __always_inline int fw_rules(struct fw_ctx *c)
{
	c->v.action = FW_UNDECIDED;
	if (!fw_classify(&c->m, &c->f))
		return 0;
	/* few rules are not the end: those that count, and limits that are not reached */
	if (!fw_step(c))
		bpf_loop(FW_RULES_MAX, fw_again, c, 0);
	return c->v.action != FW_UNDECIDED;
}

/* fw_fallback - no rule has decided; a code that a counting rule left goes on with the packet */
static __always_inline int fw_fallback(struct fw_ctx *c)
{
	struct fw_counts *counts;
	__u32 zero = 0;

	c->v.action = fw_config.fallback;
	if (fw_config.fallback != XDP_DROP)
		return 1;
	counts = bpf_map_lookup_elem(&fw_counts, &zero);
	if (counts) {
		counts->default_packets++;
		counts->default_bytes += c->f.length;
	}
	c->v.meta = 0;
	return ecbpf_decide(&c->v, XDP_DROP, ECBPF_CODE_FW_DEFAULT);
}

/* fw_reply_allowed - may the reply be sent, by its global rate? */
static __always_inline bool fw_reply_allowed(struct fw_counts *counts)
{
	__u32 index = fw_reply_index;
	struct fw_verdict_rule *rule = bpf_map_lookup_elem(&xdp_fw_rules_map, &index);
	__u64 *tat;
	__u32 slot;

	if (!rule)
		return false;
	slot = rule->slot;
	tat = bpf_map_lookup_elem(&fw_tats, &slot);
	if (tat && fw_take(tat, fw_now(rule), rate_cost(rule->cost, 1), rule->burst))
		return true;
	counts->replies_held++;
	return false;
}

/* fw_fragment - hygiene drops this fragment: tell its sender? */
static __always_inline void fw_fragment(struct xdp_md *ctx, struct fw_ctx *c)
{
	struct fw_counts *counts;
	__u32 zero = 0;

	if (!fw_replies || c->v.code != ECBPF_CODE_FW_FRAGMENT || !c->quote.len)
		return;
	counts = bpf_map_lookup_elem(&fw_counts, &zero);
	if (!counts || !fw_reply_allowed(counts))
		return;
	if (!reply_send(ctx, &c->quote)) {
		counts->replies_failed++;
		return;
	}
	counts->replies++;
	ecbpf_decide(&c->v, XDP_TX, ECBPF_CODE_FW_PTB);
}

/* fw_trial - the trial is over and nobody has confirmed: the generation before decides */
static __always_inline void fw_trial(struct xdp_md *ctx)
{
	if (fw_deadline && bpf_jiffies64() >= fw_deadline)
		bpf_tail_call_static(ctx, &fw_previous, 0);
}

SEC("xdp")
int xdp_fw_kern(struct xdp_md *ctx)
{
	struct fw_ctx c = { .v.action = ECBPF_NEXT };
	int code;

	fw_trial(ctx);
	code = fw_fields_of(ctx, &c.f, &c.quote);
	if (code > 0)
		ecbpf_decide(&c.v, XDP_ABORTED, code);
	else if (!code)
		(void)(fw_rules(&c) || fw_fallback(&c));
	fw_fragment(ctx, &c);
	return ecbpf_exit(ctx, &c.v);
}
