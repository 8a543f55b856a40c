// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/bpf.h>
#include <netinet/in.h>

#include <cmocka.h>

#include "tests/bpf/bypass_model.h"

#define TYPE_IP4   0x0800
#define TYPE_IP6   0x86dd
#define TYPE_VLAN  0x8100
#define TYPE_SVLAN 0x88a8

#define NEXT_FRAGMENT 44
#define NEXT_GRE      47

/* --- lists */

void model_begin(struct model *m)
{
	m->pending.key_size = sizeof(struct bypass_key);
	m->service.key_size = sizeof(struct bypass_service_key);
	m->exclude.key_size = sizeof(struct bypass_prefix);
	m->device.key_size = sizeof(__u32);
	m->gue.key_size = sizeof(__be16);
	m->out.key_size = sizeof(__u32);
	m->vip.key_size = sizeof(struct bypass_service_key);
	m->reset.key_size = sizeof(struct bypass_key);
	m->device_mtu.key_size = sizeof(__u32);
	m->route_mtu.key_size = 16;
}

uint32_t *model_list_find(struct model_list *list, const void *key)
{
	size_t i;

	for (i = 0; i < list->count; i++)
		if (!memcmp(list->row[i].key, key, list->key_size))
			return list->row[i].value;
	return NULL;
}

void model_list_put(struct model_list *list, const void *key, uint32_t one, uint32_t other)
{
	uint32_t *value = model_list_find(list, key);

	if (!value) {
		assert_in_range(list->count, 0, MODEL_ROWS - 1);
		memcpy(list->row[list->count].key, key, list->key_size);
		value = list->row[list->count++].value;
	}
	value[0] = one;
	value[1] = other;
}

void model_list_del(struct model_list *list, const void *key)
{
	size_t i;

	for (i = 0; i < list->count; i++)
		if (!memcmp(list->row[i].key, key, list->key_size)) {
			list->row[i] = list->row[--list->count];
			return;
		}
}

const struct bypass_params *model_params(const struct model *m)
{
	return &m->settings.params[m->settings.active & 1];
}

static uint32_t now_of(const struct model *m)
{
	return m->settings.test_now;
}

/* --- reading a frame */

/**
 * struct view - headers of a frame
 * @at: first byte that was not read
 * @family: of the (innermost) IP header, whose first byte is @ip
 */
struct view {
	const uint8_t *frame;
	size_t len;
	size_t at;
	unsigned int type;
	unsigned int tags;
	uint16_t vid[2];
	size_t l2;
	int family;
	size_t ip;
	size_t ip_bytes;
	uint8_t proto;
	uint8_t ttl;
	uint8_t tos;
	bool df;
	bool tcp;
	bool summed;
	uint8_t flags;
	uint32_t seq;
	uint32_t ack;
	uint32_t payload;
	struct bypass_key key;
};

static bool view_has(const struct view *v, size_t bytes)
{
	return v->at + bytes <= v->len;
}

static bool is_tag(unsigned int type)
{
	return type == TYPE_VLAN || type == TYPE_SVLAN;
}

/* view_link - Ethernet and two tags at most */
static bool view_link(struct view *v)
{
	if (!view_has(v, 14))
		return false;
	v->type = frames_get16(v->frame + 12);
	v->at = 14;
	while (v->tags < 2 && is_tag(v->type)) {
		if (!view_has(v, 4))
			return false;
		v->vid[v->tags++] = frames_get16(v->frame + v->at) & 0xfff;
		v->type = frames_get16(v->frame + v->at + 2);
		v->at += 4;
	}
	v->l2 = v->at;
	return true;
}

static void view_addrs(struct view *v)
{
	const uint8_t *ip = v->frame + v->ip;

	memset(&v->key, 0, sizeof(v->key));
	if (v->family == 6) {
		memcpy(v->key.saddr, ip + 8, 16);
		memcpy(v->key.daddr, ip + 24, 16);
		return;
	}
	v->key.saddr[2] = v->key.daddr[2] = htonl(ECBPF_V4_PREFIX);
	memcpy(&v->key.saddr[3], ip + 12, 4);
	memcpy(&v->key.daddr[3], ip + 16, 4);
}

static void view_ip(struct view *v, int family)
{
	const uint8_t *ip = v->frame + v->at;

	v->family = family;
	v->ip = v->at;
	v->at += family == 4 ? 20 : 40;
	v->proto = family == 4 ? ip[9] : ip[6];
	v->ttl = family == 4 ? ip[8] : ip[7];
	v->tos = family == 4 ? ip[1] : frames_get16(ip) >> 4;
	v->df = family == 4 && ip[6] & 0x40;
	v->ip_bytes = family == 4 ? frames_get16(ip + 2) : frames_get16(ip + 4) + 40;
	view_addrs(v);
}

static bool is_fragment(const uint8_t *ip4)
{
	return frames_get16(ip4 + 6) & 0x3fff;
}

static bool is_extension(unsigned int next)
{
	return next == 0 || next == 43 || next == 51 || next == 60 || next == 135 || next == 139 ||
	       next == 140;
}

static void view_ports(struct view *v)
{
	const uint8_t *segment = v->frame + v->at;

	memcpy(&v->key.sport, segment, 2);
	memcpy(&v->key.dport, segment + 2, 2);
	v->tcp = v->proto == IPPROTO_TCP;
	if (!v->tcp) {
		v->summed = frames_get16(segment + 6);
		return;
	}
	v->summed = true;
	v->seq = frames_get32(segment + 4);
	v->ack = frames_get32(segment + 8);
	v->flags = segment[13];
}

/* view_client - a client's packet; 0, a reason code, or ECBPF_CODE_OTHER: nothing to say */
static uint32_t view_client(struct view *v)
{
	const uint8_t *ip;
	size_t bytes;

	if (!view_link(v) || v->frame[0] & 1 || (v->type != TYPE_IP4 && v->type != TYPE_IP6) ||
	    !view_has(v, v->type == TYPE_IP4 ? 20 : 40))
		return ECBPF_CODE_OTHER;
	ip = v->frame + v->at;
	view_ip(v, v->type == TYPE_IP4 ? 4 : 6);
	if (v->family == 6 && v->proto == NEXT_FRAGMENT)
		return ECBPF_CODE_BYPASS_FRAGMENT;
	if (v->family == 6 && is_extension(v->proto))
		return ECBPF_CODE_BYPASS_OPTIONS;
	if (v->proto != IPPROTO_TCP && v->proto != IPPROTO_UDP)
		return ECBPF_CODE_OTHER;
	if (v->family == 4 && is_fragment(ip))
		return ECBPF_CODE_BYPASS_FRAGMENT;
	if (v->family == 4 && (ip[0] & 15) != 5)
		return ECBPF_CODE_BYPASS_OPTIONS;
	bytes = v->ip_bytes - (v->at - v->ip);
	if (v->ip_bytes < v->at - v->ip || v->ip + v->ip_bytes > v->len)
		return ECBPF_CODE_OTHER;
	if (bytes < (v->proto == IPPROTO_TCP ? 20 : 8))
		return ECBPF_CODE_OTHER;
	view_ports(v);
	if (v->tcp) {
		const size_t header = (v->frame[v->at + 12] >> 4) * 4;

		if (header < 20 || header > bytes)
			return ECBPF_CODE_OTHER;
		v->payload = bytes - header;
	}
	v->key.rest = ECBPF_REST(v->proto, v->vid[0], v->vid[1]);
	return 0;
}

/* --- the tables */

static uint64_t mix(uint64_t x)
{
	x ^= x >> 32;
	x *= 0xd6e8feb86659fd93;
	return x ^ x >> 32;
}

static bool key_is_v4(const struct bypass_key *key)
{
	return !key->saddr[0] && !key->saddr[1] && key->saddr[2] == htonl(ECBPF_V4_PREFIX) &&
	       !key->daddr[0] && !key->daddr[1] && key->daddr[2] == htonl(ECBPF_V4_PREFIX);
}

static struct bypass_key4 key4_of(const struct bypass_key *key)
{
	return (struct bypass_key4){ key->saddr[3], key->daddr[3], key->sport, key->dport,
				     key->rest };
}

static uint64_t hash_of(const struct model *m, const struct bypass_key *key, bool v4)
{
	const struct bypass_key4 key4 = key4_of(key);
	uint64_t word[5], hash = m->seed[0];
	size_t i, words = v4 ? 2 : 5;

	if (v4)
		memcpy(word, &key4, sizeof(key4));
	else
		memcpy(word, key, sizeof(*key));
	for (i = 0; i < words; i++)
		hash = mix(hash ^ word[i]);
	return mix(hash ^ m->seed[1]);
}

/**
 * struct place - where a flow may be
 * @first: the entry that it prefers
 */
struct place {
	bool v4;
	uint64_t hash;
	uint32_t bucket;
	uint32_t first;
};

static struct place place_of(const struct model *m, const struct bypass_key *key, bool v4)
{
	struct place place = { .v4 = v4, .hash = hash_of(m, key, v4) };

	place.bucket = (uint32_t)place.hash * (uint64_t)m->buckets[!v4] >> 32;
	place.first = place.hash >> 32;
	return place;
}

static struct bypass_flow *place_way(struct model *m, const struct place *place, uint32_t i)
{
	const uint32_t way = (place->first + i) % BYPASS_WAYS;

	return place->v4 ? &m->tuple[place->bucket].way[way].flow :
			   &m->tuple6[place->bucket].way[way].flow;
}

static bool way_is(const struct bypass_flow *flow, const struct place *place,
		   const struct bypass_key *key)
{
	const struct bypass_key4 key4 = key4_of(key);

	if (!flow->mark)
		return false;
	return place->v4 ? !memcmp(&((const struct bypass_flow4 *)flow)->key, &key4, sizeof(key4)) :
			   !memcmp(&((const struct bypass_flow6 *)flow)->key, key, sizeof(*key));
}

static struct bypass_flow *find(struct model *m, const struct bypass_key *key, bool v4)
{
	const struct place place = place_of(m, key, v4);
	uint32_t i;

	for (i = 0; i < BYPASS_WAYS; i++)
		if (way_is(place_way(m, &place, i), &place, key))
			return place_way(m, &place, i);
	return NULL;
}

struct bypass_flow *model_find(struct model *m, const struct bypass_key *key)
{
	return find(m, key, key_is_v4(key));
}

/* What the flow has counted stays with its path. */
static void retire(struct model *m, struct bypass_flow *flow)
{
	struct bypass_path *path = &m->path[ECBPF_MARK_ID(flow->mark) % MODEL_PATHS];

	path->packets += flow->packets;
	path->bytes += flow->bytes;
	flow->mark = 0;
}

static uint32_t idle_of(const struct bypass_flow *flow, uint32_t now)
{
	return (int32_t)(now - flow->seen) < 0 ? 0 : now - flow->seen;
}

/* A free entry, else one not confirmed for long, else the one that was idle longest. */
static struct bypass_flow *room(struct model *m, const struct place *place)
{
	const struct bypass_params *p = model_params(m);
	const uint32_t now = now_of(m);
	struct bypass_flow *best = NULL, *flow;
	uint32_t i, longest = p->sample;

	for (i = 0; i < BYPASS_WAYS; i++)
		if (!place_way(m, place, i)->mark)
			return place_way(m, place, i);
	for (i = 0; i < BYPASS_WAYS; i++)
		if (now - place_way(m, place, i)->confirmed > p->inactive)
			return place_way(m, place, i);
	for (i = 0; i < BYPASS_WAYS; i++) {
		flow = place_way(m, place, i);
		if (idle_of(flow, now) > longest) {
			longest = idle_of(flow, now);
			best = flow;
		}
	}
	return best;
}

/* --- forwarding */

/* Less one, as a router's (RFC 1812): the checksum grows by as much, with end-around carry. */
static void one_hop(uint8_t *ip, int family)
{
	unsigned int check;

	if (family == 6) {
		ip[7]--;
		return;
	}
	ip[8]--;
	check = frames_get16(ip + 10) + 0x100;
	frames_put16(ip + 10, check + (check >= 0xffff));
}

static bool segment_sum_is_right(const struct view *v)
{
	const size_t bytes = v->ip_bytes - (v->at - v->ip);
	uint32_t sum = v->proto + bytes;

	if (v->family == 4) {
		sum = frames_sum(sum, v->frame + v->ip + 12, 8);
		if (frames_sum(0, v->frame + v->ip, 20) != 0xffff)
			return false;
	} else {
		sum = frames_sum(sum, v->frame + v->ip + 8, 32);
	}
	return frames_sum(sum, v->frame + v->at, bytes) == 0xffff;
}

static void outer_gue(const struct view *v, const struct bypass_path *path, __be16 sport,
		      struct model_xdp *x)
{
	const struct ecbpf_recipe *recipe = &path->recipe;
	const bool v6 = recipe->flags & ECBPF_OUTER_V6;
	const size_t at = recipe->l2_bytes + (v6 ? 40 : 20), bytes = v->ip_bytes + 12;
	uint8_t *udp = x->frame + at;
	uint16_t check;

	memcpy(udp, &sport, 2);
	frames_put16(udp + 4, bytes);
	if (!(recipe->flags & ECBPF_GUE_CSUM))
		return;
	check = frames_sum(IPPROTO_UDP + bytes, x->frame + recipe->l2_bytes + (v6 ? 8 : 12),
			   v6 ? 32 : 8);
	check = ~frames_sum(check, udp, bytes);
	frames_put16(udp + 6, check ? check : 0xffff);
	if (!segment_sum_is_right(v))
		x->sum_at = at + 6;
}

static void outer_header(const struct view *v, const struct bypass_path *path, struct model_xdp *x)
{
	const struct ecbpf_recipe *recipe = &path->recipe;
	const bool df = v->df && recipe->flags & ECBPF_DF_COPY;
	uint8_t *ip = x->frame + recipe->l2_bytes;

	memcpy(ip, recipe->outer, recipe->outer_bytes);
	if (recipe->flags & ECBPF_OUTER_V6) {
		frames_put16(ip, (frames_get16(ip) & 0xf00f) | v->tos << 4);
		frames_put16(ip + 4, v->ip_bytes + recipe->outer_bytes - 40);
		ip[7] = v->ttl - 1;
		return;
	}
	ip[1] = v->tos;
	frames_put16(ip + 2, v->ip_bytes + recipe->outer_bytes);
	ip[6] = df ? 0x40 : 0;
	ip[8] = v->ttl - 1;
	frames_put16(ip + 10, ~frames_sum(0, ip, 20));
	if (!df)
		x->id_at = recipe->l2_bytes + 4;
}

/* forward - false: the frame cannot be changed */
static bool forward(const struct view *v, const struct bypass_path *path,
		    const struct bypass_flow *flow, struct model_xdp *x)
{
	const struct ecbpf_recipe *recipe = &path->recipe;
	const size_t before = recipe->l2_bytes + recipe->outer_bytes;

	if (recipe->flags & ECBPF_GUE_CSUM && !v->summed)
		return false;
	memcpy(x->frame, recipe->l2, recipe->l2_bytes);
	memcpy(x->frame + before, v->frame + v->ip, v->ip_bytes);
	one_hop(x->frame + before, v->family);
	x->len = before + v->ip_bytes;
	if (recipe->outer_bytes)
		outer_header(v, path, x);
	if (recipe->kind == ECBPF_GUE)
		outer_gue(v, path, flow->gue_sport, x);
	/* a frame without tags stays as long as it is */
	if (before == 14 && v->l2 == 14) {
		memcpy(x->frame + x->len, v->frame + x->len, v->len - x->len);
		x->len = v->len;
	}
	return true;
}

/* --- known flows */

static uint32_t judge_tcp(const struct model *m, struct bypass_flow *flow, const struct view *v)
{
	const uint32_t end = v->seq + v->payload + !!(v->flags & FRAMES_FIN);

	if (v->flags & FRAMES_RST) {
		if (v->seq != flow->seq)
			return ECBPF_CODE_BYPASS_RST_BLIND;
		flow->state |= BYPASS_RST;
		flow->confirmed = now_of(m) - model_params(m)->inactive - 1;
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
	if (now_of(m) - flow->handed < wait)
		return 0;
	if (flow->tries >= p->tries) {
		retire(m, flow);
		return ECBPF_CODE_BYPASS_GIVEN_UP;
	}
	flow->tries++;
	flow->handed = now_of(m);
	return ECBPF_CODE_BYPASS_SAMPLE;
}

/* judge - 0: forward it */
static uint32_t judge(struct model *m, struct bypass_flow *flow, const struct bypass_path *path,
		      const struct view *v, bool by_chance)
{
	const struct bypass_params *p = model_params(m);
	uint32_t code = v->tcp ? judge_tcp(m, flow, v) : 0;

	if (code)
		return code;
	if (ECBPF_MARK_GEN(flow->mark) != (uint16_t)path->gen)
		return ECBPF_CODE_BYPASS_STALE;
	if (now_of(m) - flow->confirmed > p->inactive)
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
	flow->seen = now_of(m);
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

static bool is_service(struct model *m, const struct bypass_key *key, int family)
{
	struct bypass_service_key service = {
		.port = key->dport,
		.proto = ECBPF_REST_PROTO(key->rest),
		.family = family == 4 ? AF_INET : AF_INET6,
	};

	if (family == 6)
		memcpy(service.addr, key->daddr, sizeof(service.addr));
	else
		service.addr[0] = key->daddr[3];
	if (model_list_find(&m->service, &service) || model_list_find(&m->vip, &service))
		return true;
	service.port = 0;
	return model_list_find(&m->service, &service);
}

static bool reset_may_rate(struct model *m)
{
	const struct bypass_params *p = model_params(m);
	const uint32_t second = now_of(m) / m->hz;

	if (!p->reset_pps)
		return true;
	if (m->settings.reset_second != second) {
		m->settings.reset_second = second;
		m->settings.reset_used = 0;
	}
	if (m->settings.reset_used >= p->reset_pps)
		return false;
	m->settings.reset_used++;
	return true;
}

static bool reset_may_flow(struct model *m, uint32_t *reset)
{
	const struct bypass_params *p = model_params(m);

	if (now_of(m) - reset[0] > 10 * m->hz) {
		reset[0] = now_of(m);
		reset[1] = 0;
	}
	if (p->reset_per_flow && reset[1] >= p->reset_per_flow)
		return false;
	reset[1]++;
	return true;
}

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
	return reset_may_flow(m, reset) && reset_may_rate(m) ? ECBPF_CODE_BYPASS_RESET :
							       ECBPF_CODE_BYPASS_RESET_LIMIT;
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
	const uint32_t window = now_of(m) / window_of(m);

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
	    !is_service(m, &v->key, v->family))
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
		flow = find(m, &v.key, v.family == 4);
		if (flow)
			known(m, flow, &v, ifindex, x);
		else
			unknown(m, &v, x);
	}
	m->code[x->code] += !!x->code;
	m->column[x->action + 1]++;
}

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
	if (family == 4 && (ip[0] != 0x45 || is_fragment(ip)))
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
	    s->v.tos != outer.tos || (outer.df && !s->v.df)) {
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

	if (!sight_link(s, skb) || (v->type != TYPE_IP4 && v->type != TYPE_IP6) ||
	    !sight_ip(v, v->type == TYPE_IP4 ? 4 : 6))
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

static bool is_excluded(const struct model *m, const struct bypass_key *key)
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

static uint32_t mtu_of(struct model *m, const struct ecbpf_recipe *recipe)
{
	uint8_t to[16] = { [10] = 0xff, [11] = 0xff };
	uint32_t mtu, *device = model_list_find(&m->device_mtu, &recipe->ifindex), *route;

	assert_non_null(device);
	mtu = *device;
	if (!recipe->outer_bytes)
		return mtu;
	if (recipe->flags & ECBPF_OUTER_V6)
		memcpy(to, recipe->outer + 24, 16);
	else
		memcpy(to + 12, recipe->outer + 16, 4);
	route = model_list_find(&m->route_mtu, to);
	if (route && (!route[1] || route[1] == recipe->ifindex) && route[0] < mtu)
		mtu = route[0];
	return mtu - recipe->outer_bytes;
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
	m->path[id].mtu = mtu_of(m, recipe);
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
	if (!pending || now_of(m) - pending[1] > p->inactive) {
		model_list_put(&m->pending, &s->v.key, segments, now_of(m));
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
	const struct place place = place_of(m, &s->v.key, s->v.family == 4);
	struct bypass_flow *flow = room(m, &place);

	if (!flow) {
		count(m, BYPASS_TABLE_FULL_COUNT, 1);
		return;
	}
	if (flow->mark) {
		retire(m, flow);
		count(m, BYPASS_EVICTED_COUNT, 1);
	}
	count(m, BYPASS_LEARNED_COUNT, 1);
	*flow = (struct bypass_flow){
		.mark = ECBPF_MARK(place.hash >> 32, id, m->path[id].gen),
		.seen = now_of(m),
		.handed = now_of(m),
		.confirmed = now_of(m),
		.created = now_of(m),
		.seq = s->seq,
		.gue_sport = s->gue_sport,
		.state = s->v.flags & FRAMES_FIN ? BYPASS_FIN : 0,
	};
	if (place.v4)
		((struct bypass_flow4 *)flow)->key = key4_of(&s->v.key);
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
	flow->confirmed = now_of(m);
	flow->handed = now_of(m);
	flow->tries = 0;
	if (s->v.flags & FRAMES_SYN) {
		flow->seq = s->seq;
		flow->state = 0;
	}
}

static void note(struct model *m, const struct sight *s, uint32_t segments)
{
	struct bypass_flow *flow = find(m, &s->v.key, s->v.family == 4);
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
	struct bypass_key *key = &skb->key;
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
	if (!is_service(m, key, s->v.family))
		return true;
	if (!model_list_find(&m->reset, key))
		model_list_put(&m->reset, key, now_of(m), 0);
	reset = model_list_find(&m->reset, key);
	if (!reset_may_flow(m, reset))
		count(m, BYPASS_RESET_FLOW_COUNT, 1);
	else if (!reset_may_rate(m))
		count(m, BYPASS_RESET_RATE_COUNT, 1);
	else {
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
