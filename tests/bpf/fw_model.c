// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <linux/bpf.h>
#include <netinet/in.h>

#include <cmocka.h>

#include "tests/bpf/fw_model.h"
#include "tests/fuzz/fw_frames.h"
#include "tests/fuzz/reference.h"
#include "xdp_fw/rate_compile.h"

void fw_model_begin(struct fw_model *model, const struct fw_plan *plan,
		    const struct fw_members *members)
{
	memset(model, 0, sizeof(*model));
	model->plan = plan;
	model->members = members;
	model->hz = ecbpf_hz();
	model->hits = calloc(plan->count + 1, sizeof(*model->hits));
	model->rule = calloc(plan->count + 1, sizeof(*model->rule));
	assert_non_null(model->hits);
	assert_non_null(model->rule);
}

void fw_model_end(struct fw_model *model)
{
	struct fw_model_bucket *bucket;

	while ((bucket = model->source)) {
		model->source = bucket->next;
		free(bucket);
	}
	free(model->hits);
	free(model->rule);
}

/* --- limits */

static void keep_bits(__u8 *addr, size_t bytes, unsigned int length)
{
	size_t i;

	for (i = 0; i < 8 * bytes; i++)
		if (i >= length)
			addr[i / 8] &= ~(0x80 >> i % 8);
}

static struct fw_model_bucket *source_bucket(struct fw_model *model, size_t entry,
					     const struct fw_packet *packet,
					     const struct fw_limit *limit)
{
	struct fw_model_bucket *bucket, want = { .entry = entry, .family = packet->family };
	const size_t bytes = packet->family == 4 ? 4 : 16;

	memcpy(want.addr, packet->src, bytes);
	keep_bits(want.addr, bytes, packet->family == 4 ? limit->prefix4 : limit->prefix6);
	for (bucket = model->source; bucket; bucket = bucket->next)
		if (bucket->entry == entry && bucket->family == want.family &&
		    !memcmp(bucket->addr, want.addr, sizeof(want.addr)))
			return bucket;
	bucket = malloc(sizeof(*bucket));
	assert_non_null(bucket);
	*bucket = want;
	bucket->next = model->source;
	model->source = bucket;
	return bucket;
}

/* Times are in 1/64 ns, as the program has them, so that both round alike. */
static bool take(struct fw_model_bucket *bucket, __u64 now, __u64 cost, __u64 burst)
{
	__u64 level = bucket->tat > now ? bucket->tat - now : 0;

	if (level + cost > burst)
		return false;
	bucket->tat = now + level + cost;
	return true;
}

static bool conforms(struct fw_model *model, size_t entry, const struct fw_packet *packet)
{
	const struct fw_limit *limit = &model->plan->entry[entry].rule->limit;
	struct fw_model_bucket *bucket = &model->rule[entry];
	struct fw_verdict_rule rule = {};
	unsigned __int128 cost;

	rate_compile(limit, model->hz, &rule);
	if (limit->per_source)
		bucket = source_bucket(model, entry, packet, limit);
	cost = (unsigned __int128)rule.cost * (limit->bytes ? packet->length : 1) / 1024;
	return take(bucket, model->now * 64, cost, rule.burst);
}

/* --- replies */

static bool is_host(const struct fw_packet *packet, const __u8 *addr)
{
	if (packet->family == 4)
		return addr[0] != 0 && addr[0] != 127 && addr[0] < 224;
	return addr[0] != 0 && addr[0] != 255;
}

static bool is_icmp_error(const struct fw_packet *packet)
{
	static const __u8 errors[] = { 3, 4, 5, 11, 12 };

	if (!packet->upper)
		return false;
	if (packet->family == 4)
		return packet->proto == IPPROTO_ICMP &&
		       memchr(errors, packet->type, sizeof(errors));
	return packet->proto == IPPROTO_ICMPV6 && (packet->type < 128 || packet->type == 137);
}

static bool is_answered(struct fw_model *model, size_t entry, const __u8 *frame,
			const struct facts *facts, const struct fw_packet *packet)
{
	struct fw_verdict_rule rule = {};

	if (!model->plan->set->hygiene.ptb_pps || packet->fragment != FW_FRAGMENT_FIRST ||
	    frame[0] & 1 || !facts->net.left || facts->net.left % 8 || is_icmp_error(packet) ||
	    !is_host(packet, packet->src) || !is_host(packet, packet->dst))
		return false;
	rate_compile(&(struct fw_limit){ .rate = model->plan->set->hygiene.ptb_pps }, model->hz,
		     &rule);
	if (!take(&model->rule[entry], model->now * 64, rule.cost / 1024, rule.burst)) {
		model->counts.replies_held++;
		return false;
	}
	model->counts.replies++;
	return true;
}

/* --- verdicts */

static void decide(struct ecbpf_verdict *v, int action, __u32 code, __u64 meta)
{
	v->action = action;
	v->code = code;
	v->meta = meta;
}

static void fallback(struct fw_model *model, const struct fw_packet *packet,
		     struct ecbpf_verdict *v)
{
	switch (model->plan->set->fallback) {
	case FW_DEFAULT_PASS:
		v->action = XDP_PASS;
		break;
	case FW_DEFAULT_DROP:
		model->counts.default_packets++;
		model->counts.default_bytes += packet->length;
		decide(v, XDP_DROP, ECBPF_CODE_FW_DEFAULT, 0);
		break;
	default:
		v->action = ECBPF_NEXT;
	}
}

static void count_set(struct fw_model *model, const char *name, const struct fw_packet *packet)
{
	struct fw_model_set *set = model->set;

	while (set->name[0] && strcmp(set->name, name))
		set++;
	memcpy(set->name, name, strlen(name) + 1);
	set->packets += !set->counted;
	set->bytes += set->counted ? 0 : packet->length;
	set->counted = true;
}

/* count_addrs - the sets of a list that the address is in */
static void count_addrs(struct fw_model *model, const struct fw_addrs *addrs, const __u8 *addr,
			const struct fw_packet *packet)
{
	const struct fw_members *members = model->members;
	size_t i;

	for (i = 0; !addrs->negated && i < addrs->sets; i++)
		if (members->has(members->arg, addrs->set[i], packet->family, addr))
			count_set(model, addrs->set[i], packet);
}

/* one - an entry that matches; false: go on */
static bool one(struct fw_model *model, size_t index, const __u8 *frame, const struct facts *facts,
		const struct fw_packet *packet, struct ecbpf_verdict *v)
{
	const struct fw_entry *entry = &model->plan->entry[index];

	count_addrs(model, &entry->rule->src, packet->src, packet);
	count_addrs(model, &entry->rule->dst, packet->dst, packet);
	if (entry->action == FW_DO_LIMIT && conforms(model, index, packet)) {
		model->hits[index].within++;
		return false;
	}
	model->hits[index].packets++;
	model->hits[index].bytes += packet->length;
	switch (entry->action) {
	case FW_DO_COUNT:
		v->code = entry->code;
		v->meta = entry->number;
		return false;
	case FW_DO_NEXT:
		decide(v, ECBPF_NEXT, entry->code, entry->number);
		return true;
	case FW_DO_PASS:
		decide(v, XDP_PASS, entry->code, entry->number);
		return true;
	case FW_DO_FRAGMENT:
		decide(v, XDP_DROP, entry->code, entry->number);
		if (is_answered(model, index, frame, facts, packet))
			decide(v, XDP_TX, ECBPF_CODE_FW_PTB, entry->number);
		return true;
	default:
		decide(v, XDP_DROP, entry->code, entry->number);
		return true;
	}
}

static void rules(struct fw_model *model, const __u8 *frame, const struct facts *facts,
		  const struct fw_packet *packet, struct ecbpf_verdict *v)
{
	size_t index = fw_match(model->plan, 0, packet, model->members);

	while (index < model->plan->count) {
		if (one(model, index, frame, facts, packet, v))
			return;
		index = fw_match(model->plan, index + 1, packet, model->members);
	}
	fallback(model, packet, v);
}

void fw_model_judge(struct fw_model *model, const __u8 *frame, size_t len,
		    const struct facts *facts, struct ecbpf_verdict *verdict)
{
	struct fw_packet packet;
	size_t i;

	for (i = 0; i < FW_SETS_MAX; i++)
		model->set[i].counted = false;
	memset(verdict, 0, sizeof(*verdict));
	verdict->action = ECBPF_NEXT;
	if (fw_frame_packet(frame, len, facts, &packet))
		rules(model, frame, facts, &packet, verdict);
	else if (reference_refusal(facts))
		decide(verdict, XDP_ABORTED, reference_refusal(facts), 0);
	if (verdict->code)
		model->code[verdict->code]++;
}
