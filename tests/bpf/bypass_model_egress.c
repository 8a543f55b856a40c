// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>

#include <netinet/in.h>

#include <cmocka.h>

#include "tests/bpf/bypass_model_parts.h"
#include "tests/bpf/bypass_view.h"
#include "tests/bpf/recipe_model.h"

#define NEXT_GRE 47

/* --- egress: what IPVS did */

/**
 * struct sight - a packet that leaves
 * @outer: its first IP header, where it is in a tunnel
 * @seq: behind it
 */
struct sight {
	struct view v;
	struct ecbpf_recipe recipe;
	__be16 gue_sport;
	uint32_t seq;
	bool strange;
};

/* sight_link - the link layer as it will be on the wire; false: nothing that is repeated */
static bool sight_link(struct sight *s, const struct model_skb *skb)
{
	struct view *v = &s->v;
	size_t at = 12, tags;

	s->strange = !view_link(v) && v->len >= 14;
	if (v->len < 14 || s->strange)
		return false;
	tags = v->tags + !!skb->tag[0];
	if (tags > 2) {
		s->strange = true;
		return false;
	}
	memcpy(s->recipe.l2, v->frame, 12);
	if (skb->tag[0]) {
		frames_put16(s->recipe.l2 + 12, skb->tag[0]);
		frames_put16(s->recipe.l2 + 14, skb->tag[1]);
		at = 16;
	}
	memcpy(s->recipe.l2 + at, v->frame + 12, v->l2 - 12);
	s->recipe.l2_bytes = at + v->l2 - 12;
	return true;
}

/* sight_ip - an IP header that something may be known about */
static bool sight_ip(struct view *v, int family)
{
	const uint8_t *ip = v->frame + v->at;

	if (!view_has(v, family == 4 ? 20 : 40))
		return false;
	if (family == 4 && (ip[0] != 0x45 || view_is_fragment(ip)))
		return false;
	view_ip(v, family);
	return true;
}

static int family_of(unsigned int proto)
{
	return proto == IPPROTO_IPIP ? 4 : proto == IPPROTO_IPV6 ? 6 : 0;
}

static void keep_outer(struct sight *s, const struct view *outer)
{
	uint8_t *to = s->recipe.outer;

	memcpy(to, outer->frame + outer->ip, outer->family == 4 ? 20 : 40);
	s->recipe.outer_bytes = outer->family == 4 ? 20 : 40;
	if (outer->family == 6) {
		s->recipe.flags |= ECBPF_OUTER_V6;
		frames_put16(to, frames_get16(to) & 0xf00f);
		frames_put16(to + 4, 0);
		to[7] = 0;
		return;
	}
	to[1] = 0;
	memset(to + 2, 0, 7);
	frames_put16(to + 10, 0);
}

/* sight_gue - false: no GUE, or one that cannot be repeated */
static bool sight_gue(struct model *m, struct sight *s, struct view *outer, uint8_t *next)
{
	const uint8_t *udp = outer->frame + outer->at;
	uint8_t *to;

	if (!view_has(outer, 12) || !model_list_find(&m->gue, udp + 2))
		return false;
	keep_outer(s, outer);
	to = s->recipe.outer + s->recipe.outer_bytes;
	if (udp[8] || udp[10] || udp[11]) {
		s->strange = true;
		return false;
	}
	memcpy(&s->gue_sport, udp, 2);
	memcpy(to + 2, udp + 2, 2);
	memcpy(to + 8, udp + 8, 4);
	s->recipe.outer_bytes += 12;
	s->recipe.kind = ECBPF_GUE;
	if (frames_get16(udp + 6))
		s->recipe.flags |= ECBPF_GUE_CSUM;
	*next = udp[9];
	outer->at += 12;
	return true;
}

/* sight_tunnel - s->strange, if there is one that cannot be repeated */
static void sight_tunnel(struct model *m, struct sight *s)
{
	struct view outer = s->v;
	uint8_t next = outer.proto;

	if (next == NEXT_GRE)
		s->strange = true;
	if (next == IPPROTO_UDP) {
		if (!sight_gue(m, s, &outer, &next))
			return;
	} else if (family_of(next)) {
		keep_outer(s, &outer);
		s->recipe.kind = ECBPF_IPIP;
	} else {
		return;
	}
	s->v.at = outer.at;
	if (!family_of(next) || !sight_ip(&s->v, family_of(next)) || s->v.ttl != outer.ttl ||
	    recipe_tos(s->v.tos) != outer.tos || (outer.df && !s->v.df)) {
		s->strange = true;
		return;
	}
	if (outer.df)
		s->recipe.flags |= ECBPF_DF_COPY;
	else if (outer.family == 4 && s->v.family == 4 && !s->v.df)
		s->recipe.flags |= ECBPF_DF_UNKNOWN;
}

/* sight_read - false: not a packet of a flow */
static bool sight_read(struct model *m, struct sight *s, const struct model_skb *skb)
{
	struct view *v = &s->v;

	if (!sight_link(s, skb) || (v->type != VIEW_IP4 && v->type != VIEW_IP6) ||
	    !sight_ip(v, v->type == VIEW_IP4 ? 4 : 6))
		return false;
	sight_tunnel(m, s);
	if (s->strange || (v->proto != IPPROTO_TCP && v->proto != IPPROTO_UDP) ||
	    !view_has(v, v->proto == IPPROTO_TCP ? 20 : 8))
		return false;
	s->recipe.ifindex = skb->ifindex;
	view_ports(v);
	if (v->tcp) {
		s->seq = v->seq + v->len - v->at - (v->frame[v->at + 12] >> 4) * 4;
		s->seq += v->flags & (FRAMES_SYN | FRAMES_FIN) ? 1 : 0;
	}
	return true;
}

/* --- egress: whose packet it is */

/* The mark first, then the port, then all ports; -1: nobody's. */
static int service_of(struct model *m, const struct view *v, struct model_skb *skb)
{
	const uint8_t family = v->family == 4 ? AF_INET : AF_INET6;
	const struct bypass_service_key mark = { .mark = skb->mark, .family = family };
	struct bypass_service_key key = {
		.port = v->key.dport,
		.proto = v->proto,
		.family = family,
	};
	uint32_t *service = skb->mark ? model_list_find(&m->service, &mark) : NULL;

	if (v->family == 6)
		memcpy(key.addr, v->key.daddr, sizeof(key.addr));
	else
		key.addr[0] = v->key.daddr[3];
	skb->service = key;
	if (service) {
		model_list_put(&m->vip, &key, 1, 0);
		return service[0];
	}
	service = model_list_find(&m->service, &key);
	if (!service) {
		key.port = 0;
		service = model_list_find(&m->service, &key);
	}
	return service ? (int)service[0] : -1;
}

static bool is_excluded(const struct model *m, const struct ecbpf_tuple *key)
{
	const uint8_t *addr = (const uint8_t *)key->daddr;
	struct bypass_prefix prefix;
	uint32_t bit, i;

	for (i = 0; i < m->exclude.count; i++) {
		const uint8_t *with = (const uint8_t *)prefix.addr;

		memcpy(&prefix, m->exclude.row[i].key, sizeof(prefix));
		for (bit = 0; bit < prefix.length; bit++)
			if ((addr[bit / 8] ^ with[bit / 8]) & 0x80 >> bit % 8)
				break;
		if (bit == prefix.length)
			return true;
	}
	return false;
}

/* --- egress: paths */

static uint32_t mtu_of(struct model *m, const struct bypass_path *path)
{
	const uint32_t *device = model_list_find(&m->device_mtu, &path->recipe.ifindex);
	uint32_t mtu;

	assert_non_null(device);
	mtu = *device;
	if (path->route_mtu)
		mtu = path->route_mtu < mtu ? path->route_mtu : mtu;
	return mtu < path->recipe.outer_bytes ? 0 : mtu - path->recipe.outer_bytes;
}

/* path_of - 0: there is none, and none left */
static uint32_t path_of(struct model *m, const struct ecbpf_recipe *recipe)
{
	uint32_t id;

	for (id = 1; id < MODEL_PATHS; id++)
		if (m->path_used[id] && !memcmp(&m->path[id].recipe, recipe, sizeof(*recipe)))
			break;
	if (id == MODEL_PATHS) {
		if (!m->path_free_count)
			return 0;
		id = m->path_free[0];
		memmove(m->path_free, m->path_free + 1,
			--m->path_free_count * sizeof(m->path_free[0]));
		m->path[id].recipe = *recipe;
		m->path_used[id] = true;
	}
	m->path[id].mtu = mtu_of(m, &m->path[id]);
	return id;
}

/* --- egress: flows */

static void count(struct model *m, enum bypass_counter counter, uint32_t packets)
{
	m->counts.by[counter] += packets;
}

static bool is_admitted(struct model *m, const struct sight *s, uint32_t segments)
{
	const struct bypass_params *p = model_params(m);
	uint32_t *pending;

	if (s->v.flags & (FRAMES_SYN | FRAMES_RST))
		return false;
	if (segments >= p->admit)
		return true;
	pending = model_list_find(&m->pending, &s->v.key);
	if (!pending || model_now(m) - pending[1] > p->inactive) {
		model_list_put(&m->pending, &s->v.key, segments, model_now(m));
		return false;
	}
	pending[0] += segments;
	if (pending[0] < p->admit)
		return false;
	model_list_del(&m->pending, &s->v.key);
	return true;
}

static void enter(struct model *m, const struct sight *s, uint32_t id)
{
	const struct place place = model_place(m, &s->v.key, s->v.family == 4);
	struct bypass_flow *flow = model_room(m, &place);

	if (!flow) {
		count(m, BYPASS_TABLE_FULL_COUNT, 1);
		return;
	}
	if (flow->mark) {
		model_retire(m, flow);
		count(m, BYPASS_EVICTED_COUNT, 1);
	}
	count(m, BYPASS_LEARNED_COUNT, 1);
	*flow = (struct bypass_flow){
		.mark = ECBPF_MARK(place.hash >> 32, id, m->path[id].gen),
		.seen = model_now(m),
		.handed = model_now(m),
		.confirmed = model_now(m),
		.created = model_now(m),
		.seq = s->seq,
		.gue_sport = s->gue_sport,
		.state = s->v.flags & FRAMES_FIN ? BYPASS_FIN : 0,
	};
	if (place.v4)
		((struct bypass_flow4 *)flow)->key = model_key4(&s->v.key);
	else
		((struct bypass_flow6 *)flow)->key = s->v.key;
}

static void confirm(struct model *m, struct bypass_flow *flow, const struct sight *s, uint32_t id,
		    uint32_t segments)
{
	if (ECBPF_MARK_ID(flow->mark) == id)
		count(m, BYPASS_CONFIRMED_COUNT, segments);
	else
		count(m, BYPASS_MOVED_COUNT, segments);
	flow->mark = ECBPF_MARK(ECBPF_MARK_CHECK(flow->mark), id, m->path[id].gen);
	flow->gue_sport = s->gue_sport;
	flow->confirmed = model_now(m);
	flow->handed = model_now(m);
	flow->tries = 0;
	flow->state &= ~BYPASS_RST;
	if (s->v.flags & FRAMES_SYN) {
		flow->seq = s->seq;
		flow->state = 0;
	}
}

static void note(struct model *m, const struct sight *s, uint32_t segments)
{
	struct bypass_flow *flow = model_flow(m, &s->v.key, s->v.family == 4);
	uint32_t id;

	if (!flow && !is_admitted(m, s, segments)) {
		count(m, BYPASS_PENDING_COUNT, segments);
		return;
	}
	if (flow && s->v.flags & FRAMES_RST)
		return;
	id = path_of(m, &s->recipe);
	if (!id)
		count(m, BYPASS_PATHS_FULL_COUNT, 1);
	else if (flow)
		confirm(m, flow, s, id, segments);
	else
		enter(m, s, id);
}

static void forwarded(struct model *m, struct sight *s, struct model_skb *skb,
		      const uint32_t *device)
{
	const struct bypass_params *p = model_params(m);
	int service;

	if (!sight_read(m, s, skb)) {
		if (s->strange)
			count(m, BYPASS_STRANGE_COUNT, skb->segments);
		return;
	}
	s->v.key.rest = ECBPF_REST(s->v.proto, device[1] & 0xffff, device[1] >> 16);
	service = service_of(m, &s->v, skb);
	if (service < 0) {
		count(m, BYPASS_UNRELATED_COUNT, skb->segments);
		return;
	}
	if (is_excluded(m, &s->v.key)) {
		count(m, BYPASS_EXCLUDED_COUNT, skb->segments);
		return;
	}
	s->recipe.service = service;
	skb->has_key = true;
	skb->key = s->v.key;
	if (p->reset_pps | p->reset_per_flow)
		model_list_del(&m->reset, &s->v.key);
	note(m, s, skb->segments);
}

/* --- egress: the machine's own RST segments */

static uint16_t tag_of(const struct ecbpf_recipe *recipe, size_t number)
{
	const size_t at = 14 + 4 * number;

	return recipe->l2_bytes > at ? frames_get16(recipe->l2 + at) & 0xfff : 0;
}

/* own - true: it may leave */
static bool own(struct model *m, struct sight *s, struct model_skb *skb)
{
	const struct bypass_params *p = model_params(m);
	struct ecbpf_tuple *key = &skb->key;
	uint32_t *reset;

	if (!(p->reset_pps | p->reset_per_flow) || !sight_read(m, s, skb) ||
	    !(s->v.flags & FRAMES_RST) || s->recipe.outer_bytes)
		return true;
	memcpy(key->saddr, s->v.key.daddr, sizeof(key->saddr));
	memcpy(key->daddr, s->v.key.saddr, sizeof(key->daddr));
	key->sport = s->v.key.dport;
	key->dport = s->v.key.sport;
	key->rest = ECBPF_REST(IPPROTO_TCP, tag_of(&s->recipe, 0), tag_of(&s->recipe, 1));
	skb->has_key = true;
	if (!model_is_service(m, key, s->v.family))
		return true;
	if (!model_list_find(&m->reset, key))
		model_list_put(&m->reset, key, model_now(m), 0);
	reset = model_list_find(&m->reset, key);
	if (!model_reset_may_flow(m, reset))
		count(m, BYPASS_RESET_FLOW_COUNT, 1);
	else if (!model_reset_may_rate(m))
		count(m, BYPASS_RESET_RATE_COUNT, 1);
	else {
		reset[1]++;
		count(m, BYPASS_RESET_SENT_COUNT, 1);
		return true;
	}
	return p->monitor;
}

bool model_egress(struct model *m, const uint8_t *frame, size_t len, struct model_skb *skb)
{
	struct sight s = { .v = { .frame = frame, .len = len } };
	const uint32_t *device;

	if (!skb->segments)
		skb->segments = 1;
	skb->has_key = false;
	memset(&skb->key, 0, sizeof(skb->key));
	memset(&skb->service, 0, sizeof(skb->service));
	if (!skb->ingress)
		return own(m, &s, skb);
	device = model_list_find(&m->device, &skb->ingress);
	if (device && device[0] & BYPASS_INBOUND)
		forwarded(m, &s, skb, device);
	return true;
}
