// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <string.h>

#include <linux/bpf.h>
#include <netinet/in.h>

#include "tests/bpf/bypass_model_parts.h"
#include "tests/bpf/bypass_view.h"
#include "tests/bpf/recipe_model.h"

/* --- forwarding */

/* forward - false: the frame cannot be changed */
static bool forward(const struct view *v, const struct bypass_path *path,
		    const struct bypass_flow *flow, struct model_xdp *x)
{
	const struct recipe_packet packet = {
		.frame = v->frame,
		.len = v->len,
		.ip = v->ip,
		.bytes = v->ip_bytes,
		.family = v->family,
		.proto = v->proto,
		.tos = v->tos,
		.ttl = v->ttl,
		.df = v->df,
		.summed = v->summed,
		.gue_sport = ntohs(flow->gue_sport),
	};
	struct recipe_result result;

	if (!recipe_apply(&path->recipe, &packet, x->frame, &result))
		return false;
	x->len = result.len;
	x->id_at = result.id_at;
	x->sum_at = result.sum_at;
	return true;
}

/* --- known flows */

static uint32_t judge_tcp(struct bypass_flow *flow, const struct view *v)
{
	const uint32_t end = v->seq + v->payload + !!(v->flags & FRAMES_FIN);

	if (v->flags & FRAMES_RST) {
		if (v->seq != flow->seq)
			return ECBPF_CODE_BYPASS_RST_BLIND;
		flow->state |= BYPASS_RST;
		return ECBPF_CODE_BYPASS_RST;
	}
	if (v->flags & FRAMES_SYN)
		return ECBPF_CODE_BYPASS_SYN;
	if (end - flow->seq < 1 << 24)
		flow->seq = end;
	if (!(v->flags & FRAMES_FIN))
		return 0;
	flow->state |= BYPASS_FIN;
	return ECBPF_CODE_BYPASS_FIN;
}

static uint32_t judge_sample(struct model *m, struct bypass_flow *flow, const struct view *v)
{
	const struct bypass_params *p = model_params(m);
	uint32_t wait = flow->tries ? p->retry : p->sample;

	if (flow->state & BYPASS_FIN)
		wait /= 4;
	if (v->payload)
		wait *= 2;
	if (model_now(m) - flow->handed < wait)
		return 0;
	if (flow->tries >= p->tries) {
		model_retire(m, flow);
		return ECBPF_CODE_BYPASS_GIVEN_UP;
	}
	flow->tries++;
	flow->handed = model_now(m);
	return ECBPF_CODE_BYPASS_SAMPLE;
}

/* judge - 0: forward it */
static uint32_t judge(struct model *m, struct bypass_flow *flow, const struct bypass_path *path,
		      const struct view *v, bool by_chance)
{
	const struct bypass_params *p = model_params(m);
	uint32_t code = v->tcp ? judge_tcp(flow, v) : 0;

	if (code)
		return code;
	if (ECBPF_MARK_GEN(flow->mark) != (uint16_t)path->gen)
		return ECBPF_CODE_BYPASS_STALE;
	if (model_is_old(m, flow))
		return ECBPF_CODE_BYPASS_IDLE;
	if (v->ttl <= 1)
		return ECBPF_CODE_BYPASS_TTL;
	if (v->ip_bytes > path->mtu)
		return ECBPF_CODE_BYPASS_MTU;
	if (v->df && path->recipe.flags & ECBPF_DF_UNKNOWN)
		return ECBPF_CODE_BYPASS_DF;
	code = judge_sample(m, flow, v);
	if (code)
		return code;
	if (p->shadow_one_in == 1 || (p->shadow_one_in && by_chance))
		return ECBPF_CODE_BYPASS_SHADOW;
	return p->monitor ? ECBPF_CODE_BYPASS_MONITOR : ECBPF_CODE_BYPASS_HIT;
}

static void known(struct model *m, struct bypass_flow *flow, const struct view *v, uint32_t ifindex,
		  struct model_xdp *x)
{
	const struct bypass_path *path = &m->path[ECBPF_MARK_ID(flow->mark) % MODEL_PATHS];
	const uint32_t leaves = path->recipe.ifindex;
	const uint32_t code = judge(m, flow, path, v, x->by_chance);

	x->code = code ? code : ECBPF_CODE_BYPASS_HIT;
	flow->seen = model_now(m);
	if (x->code != ECBPF_CODE_BYPASS_HIT)
		return;
	if ((leaves != ifindex && !model_list_find(&m->out, &leaves)) ||
	    !forward(v, path, flow, x)) {
		x->code = ECBPF_CODE_BYPASS_FRAME;
		return;
	}
	x->action = leaves == ifindex ? XDP_TX : XDP_REDIRECT;
	flow->packets++;
	flow->bytes += v->ip_bytes;
}

/* --- unknown flows */

/* RFC 9293 3.10.7.1: what answers a segment of a connection that does not exist */
static void reset_segment(const struct view *v, uint8_t *tcp)
{
	memset(tcp, 0, 20);
	memcpy(tcp, &v->key.dport, 2);
	memcpy(tcp + 2, &v->key.sport, 2);
	tcp[12] = 0x50;
	tcp[13] = FRAMES_RST;
	if (v->flags & FRAMES_ACK) {
		frames_put32(tcp + 4, v->ack);
		return;
	}
	tcp[13] |= FRAMES_ACK;
	frames_put32(tcp + 8,
		     v->seq + v->payload + !!(v->flags & FRAMES_SYN) + !!(v->flags & FRAMES_FIN));
}

static void reset_packet(const struct view *v, struct model_xdp *x)
{
	const size_t header = v->family == 4 ? 20 : 40, addr = v->family == 4 ? 4 : 16;
	const size_t addr_at = v->family == 4 ? 12 : 8;
	const uint8_t *from = v->frame + v->ip;
	uint8_t *ip = x->frame + v->l2, *tcp = ip + header;

	memcpy(x->frame, v->frame + 6, 6);
	memcpy(x->frame + 6, v->frame, 6);
	memset(ip, 0, header);
	ip[0] = v->frame[v->ip];
	ip[v->family == 4 ? 8 : 7] = 64;
	ip[v->family == 4 ? 9 : 6] = IPPROTO_TCP;
	memcpy(ip + addr_at, from + addr_at + addr, addr);
	memcpy(ip + addr_at + addr, from + addr_at, addr);
	reset_segment(v, tcp);
	frames_put16(tcp + 16,
		     ~frames_sum(frames_sum(IPPROTO_TCP + 20, ip + addr_at, 2 * addr), tcp, 20));
	x->len = v->l2 + header + 20;
	if (v->family == 6) {
		ip[0] &= 0xf0;
		frames_put16(ip + 4, 20);
		return;
	}
	frames_put16(ip + 2, 40);
	ip[6] = 0x40;
	frames_put16(ip + 10, ~frames_sum(0, ip, 20));
}

static uint32_t answer(struct model *m, const struct view *v)
{
	uint32_t *reset;

	if (!v->tcp || v->flags & (FRAMES_SYN | FRAMES_RST))
		return 0;
	reset = model_list_find(&m->reset, &v->key);
	if (!reset)
		return 0;
	if (!model_reset_may_flow(m, reset) || !model_reset_may_rate(m))
		return ECBPF_CODE_BYPASS_RESET_LIMIT;
	reset[1]++;
	return ECBPF_CODE_BYPASS_RESET;
}

double model_share(double pps, double target, double max)
{
	if (pps <= target)
		return 0;
	if (pps >= max)
		return (pps - target) / pps;
	return (pps - target) / pps * ((pps - target) / (max - target));
}

static uint32_t window_of(const struct model *m)
{
	return m->hz / 16 ? m->hz / 16 : 1;
}

static void new_window(struct model *m, struct bypass_rate *rate, uint32_t window)
{
	const struct bypass_params *p = model_params(m);
	uint64_t packets = 0, share;
	uint32_t cpu;

	rate->before = rate->window + 1 == window ? rate->count : 0;
	rate->window = window;
	rate->count = 0;
	for (cpu = 0; cpu < m->cpus; cpu++) {
		if (m->rate[cpu].window == window)
			packets += m->rate[cpu].before;
		else if (m->rate[cpu].window + 1 == window)
			packets += m->rate[cpu].count;
	}
	share = model_share(packets * m->hz / window_of(m), p->unknown_pps, p->unknown_max_pps) *
		0x1p32;
	rate->drop_below = share > UINT32_MAX ? UINT32_MAX : share;
}

static bool over_share(struct model *m, bool by_chance)
{
	struct bypass_rate *rate = &m->rate[m->cpu];
	const uint32_t window = model_now(m) / window_of(m);

	if (rate->window != window)
		new_window(m, rate, window);
	rate->count++;
	if (rate->drop_below == UINT32_MAX)
		return true;
	return rate->drop_below && by_chance;
}

static void unknown(struct model *m, const struct view *v, struct model_xdp *x)
{
	const struct bypass_params *p = model_params(m);

	if (!(p->unknown_pps | p->reset_pps | p->reset_per_flow) ||
	    !model_is_service(m, &v->key, v->family))
		return;
	if (p->reset_pps | p->reset_per_flow)
		x->code = answer(m, v);
	if (!x->code && p->unknown_pps && over_share(m, x->by_chance))
		x->code = ECBPF_CODE_BYPASS_LIMIT;
	if (!x->code || p->monitor)
		return;
	x->action = XDP_DROP;
	if (x->code == ECBPF_CODE_BYPASS_RESET) {
		reset_packet(v, x);
		x->action = XDP_TX;
	}
}

void model_xdp(struct model *m, uint32_t ifindex, const uint8_t *frame, size_t len,
	       struct model_xdp *x)
{
	struct view v = { .frame = frame, .len = len };
	const uint32_t code = view_client(&v);
	struct bypass_flow *flow;

	*x = (struct model_xdp){ .by_chance = x->by_chance, .action = ECBPF_NEXT, .len = len };
	memcpy(x->frame, frame, len);
	if (code) {
		x->code = code == ECBPF_CODE_OTHER ? 0 : code;
	} else {
		x->has_key = true;
		x->key = v.key;
		flow = model_flow(m, &v.key, v.family == 4);
		if (flow)
			known(m, flow, &v, ifindex, x);
		else
			unknown(m, &v, x);
	}
	m->code[x->code] += !!x->code;
	m->column[x->action + 1]++;
}
