// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>

#include <netinet/in.h>

#include <cmocka.h>

#include "tests/bpf/bypass_model_parts.h"

/* --- lists */

void model_begin(struct model *m)
{
	m->pending.key_size = sizeof(struct ecbpf_tuple);
	m->service.key_size = sizeof(struct bypass_service_key);
	m->exclude.key_size = sizeof(struct bypass_prefix);
	m->device.key_size = sizeof(__u32);
	m->gue.key_size = sizeof(__be16);
	m->out.key_size = sizeof(__u32);
	m->vip.key_size = sizeof(struct bypass_service_key);
	m->reset.key_size = sizeof(struct ecbpf_tuple);
	m->device_mtu.key_size = sizeof(__u32);
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

uint32_t model_now(const struct model *m)
{
	return m->settings.test_now;
}

/* --- the tables */

static uint64_t mix(uint64_t x)
{
	x ^= x >> 32;
	x *= 0xd6e8feb86659fd93;
	return x ^ x >> 32;
}

static bool key_is_v4(const struct ecbpf_tuple *key)
{
	return !key->saddr[0] && !key->saddr[1] && key->saddr[2] == htonl(ECBPF_V4_PREFIX) &&
	       !key->daddr[0] && !key->daddr[1] && key->daddr[2] == htonl(ECBPF_V4_PREFIX);
}

struct ecbpf_tuple4 model_key4(const struct ecbpf_tuple *key)
{
	return (struct ecbpf_tuple4){ key->saddr[3], key->daddr[3], key->sport, key->dport,
				      key->rest };
}

static uint64_t hash_of(const struct model *m, const struct ecbpf_tuple *key, bool v4)
{
	const struct ecbpf_tuple4 key4 = model_key4(key);
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

struct place model_place(const struct model *m, const struct ecbpf_tuple *key, bool v4)
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
		   const struct ecbpf_tuple *key)
{
	const struct ecbpf_tuple4 key4 = model_key4(key);

	if (!flow->mark)
		return false;
	return place->v4 ? !memcmp(&((const struct bypass_flow4 *)flow)->key, &key4, sizeof(key4)) :
			   !memcmp(&((const struct bypass_flow6 *)flow)->key, key, sizeof(*key));
}

struct bypass_flow *model_flow(struct model *m, const struct ecbpf_tuple *key, bool v4)
{
	const struct place place = model_place(m, key, v4);
	uint32_t i;

	for (i = 0; i < BYPASS_WAYS; i++)
		if (way_is(place_way(m, &place, i), &place, key))
			return place_way(m, &place, i);
	return NULL;
}

struct bypass_flow *model_find(struct model *m, const struct ecbpf_tuple *key)
{
	return model_flow(m, key, key_is_v4(key));
}

void model_retire(struct model *m, struct bypass_flow *flow)
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

bool model_is_old(const struct model *m, const struct bypass_flow *flow)
{
	return flow->state & BYPASS_RST ||
	       model_now(m) - flow->confirmed > model_params(m)->inactive;
}

struct bypass_flow *model_room(struct model *m, const struct place *place)
{
	const struct bypass_params *p = model_params(m);
	const uint32_t now = model_now(m);
	struct bypass_flow *best = NULL, *flow;
	uint32_t i, longest = p->sample;

	for (i = 0; i < BYPASS_WAYS; i++)
		if (!place_way(m, place, i)->mark)
			return place_way(m, place, i);
	for (i = 0; i < BYPASS_WAYS; i++)
		if (model_is_old(m, place_way(m, place, i)))
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

/* --- headers, limits */

bool model_is_service(struct model *m, const struct ecbpf_tuple *key, int family)
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

bool model_reset_may_rate(struct model *m)
{
	const struct bypass_params *p = model_params(m);
	const uint32_t second = model_now(m) / m->hz;

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

bool model_reset_may_flow(struct model *m, uint32_t *reset)
{
	const struct bypass_params *p = model_params(m);

	if (model_now(m) - reset[0] > 10 * m->hz) {
		reset[0] = model_now(m);
		reset[1] = 0;
	}
	return !p->reset_per_flow || reset[1] < p->reset_per_flow;
}
