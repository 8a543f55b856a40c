// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* A packet through a program and through the model; then they are compared. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <linux/pkt_cls.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <cmocka.h>

#include "tests/bpf/bypass_suite.h"

#include "bypass_ipvs/bypass_egress.skel.h"
#include "bypass_ipvs/xdp_bypass_ipvs.skel.h"

#define SLOT_ROW ECBPF_ROW_SLOT(ECBPF_SLOT_BYPASS)

/* --- comparing */

void suite_show(const char *what, const uint8_t *frame, size_t len)
{
	size_t i;

	print_error("%s, %zu bytes:", what, len);
	for (i = 0; i < len && i < 160; i++)
		print_error("%s%02x", i % 4 ? "" : " ", frame[i]);
	print_error("\n");
}

static bool flow_differs(const char *what, uint32_t way, const struct bypass_flow *got,
			 const struct bypass_flow *want, size_t size)
{
	if ((!got->mark && !want->mark) || !memcmp(got, want, size))
		return false;
	print_error(
		"%s, entry %u: mark packets bytes seen handed confirmed created seq sport tries "
		"state\n",
		what, way);
	print_error("got  %llx %llu %llu %u %u %u %u %u %u %u %u\n", got->mark, got->packets,
		    got->bytes, got->seen, got->handed, got->confirmed, got->created, got->seq,
		    got->gue_sport, got->tries, got->state);
	print_error("want %llx %llu %llu %u %u %u %u %u %u %u %u\n", want->mark, want->packets,
		    want->bytes, want->seen, want->handed, want->confirmed, want->created,
		    want->seq, want->gue_sport, want->tries, want->state);
	return true;
}

static int tables_differ(const struct bypass_suite *s)
{
	const struct model *m = &s->model;
	uint32_t bucket, way;
	int differ = 0;

	for (bucket = 0; bucket < m->buckets[0]; bucket++)
		for (way = 0; way < BYPASS_WAYS; way++)
			differ += flow_differs("tuple_map", bucket * BYPASS_WAYS + way,
					       &s->tuple[bucket].way[way].flow,
					       &m->tuple[bucket].way[way].flow,
					       sizeof(struct bypass_flow4));
	for (bucket = 0; bucket < m->buckets[1]; bucket++)
		for (way = 0; way < BYPASS_WAYS; way++)
			differ += flow_differs("tuple6_map", bucket * BYPASS_WAYS + way,
					       &s->tuple6[bucket].way[way].flow,
					       &m->tuple6[bucket].way[way].flow,
					       sizeof(struct bypass_flow6));
	return differ;
}

static int paths_differ(const struct bypass_suite *s)
{
	const struct model *m = &s->model;
	int differ = 0;
	uint32_t id;

	for (id = 0; id < m->paths; id++) {
		const struct bypass_path *got = &s->path[id], *want = &m->path[id];

		if (!memcmp(got, want, sizeof(*got)))
			continue;
		suite_show("recipe, got ", (const void *)&got->recipe, sizeof(got->recipe));
		suite_show("recipe, want", (const void *)&want->recipe, sizeof(want->recipe));
		print_error("path %u: gen %u mtu %u packets %llu bytes %llu; "
			    "want %u %u %llu %llu\n",
			    id, got->gen, got->mtu, got->packets, got->bytes, want->gen, want->mtu,
			    want->packets, want->bytes);
		differ++;
	}
	return differ;
}

static int counts_differ(const struct bypass_suite *s)
{
	const struct model *m = &s->model;
	int differ = 0, i;

	for (i = 0; i < BYPASS_COUNTERS_MAX; i++)
		if (s->counts->by[i] != m->counts.by[i]) {
			print_error("counter %d: %llu, expected %llu\n", i, s->counts->by[i],
				    m->counts.by[i]);
			differ++;
		}
	if (memcmp(s->stats->code, m->code, sizeof(m->code)))
		for (i = 0; i < ECBPF_CODES_MAX; i++)
			if (s->stats->code[i] != m->code[i]) {
				print_error("code %d: %llu, expected %llu\n", i, s->stats->code[i],
					    (unsigned long long)m->code[i]);
				differ++;
			}
	for (i = 0; i < ECBPF_COLUMNS_MAX; i++)
		if (s->stats->row[SLOT_ROW].by[i].packets != m->column[i]) {
			print_error("column %d: %llu, expected %llu\n", i,
				    s->stats->row[SLOT_ROW].by[i].packets,
				    (unsigned long long)m->column[i]);
			differ++;
		}
	return differ;
}

static int settings_differ(const struct bypass_suite *s)
{
	const struct bypass_settings *got = s->settings, *want = &s->model.settings;

	if (!memcmp(got, want, sizeof(*got)))
		return 0;
	print_error("settings: second %u used %u, expected %u %u\n", got->reset_second,
		    got->reset_used, want->reset_second, want->reset_used);
	return 1;
}

static int entry_differs(struct bypass_suite *s, enum live_map map, struct model_list *list,
			 const void *key, size_t size)
{
	const uint32_t *want = model_list_find(list, key);
	uint32_t got[2] = {};
	const bool has = !bpf_map_lookup_elem(s->map[map], key, got);

	if (has == !!want && (!has || !memcmp(got, want, size)))
		return 0;
	print_error("%s: %d %u %u, expected %d %u %u\n", live_map_name(map), has, got[0], got[1],
		    !!want, want ? want[0] : 0, want ? want[1] : 0);
	return 1;
}

/* The share is computed in floating point by the model: the last bits may differ. */
static int rate_differs(struct bypass_suite *s)
{
	struct bypass_rate *want = &s->model.rate[s->model.cpu];
	const struct bypass_params *p = model_params(&s->model);
	struct bypass_rate got;
	int64_t off;

	if (!p->unknown_pps)
		return 0;
	got = suite_rate(s);
	off = (int64_t)got.drop_below - want->drop_below;
	if (off >= -2 && off <= 2)
		want->drop_below = got.drop_below;
	if (!memcmp(&got, want, sizeof(got)))
		return 0;
	print_error("rate: window %u count %u before %u below %u, expected %u %u %u %u\n",
		    got.window, got.count, got.before, got.drop_below, want->window, want->count,
		    want->before, want->drop_below);
	return 1;
}

static int all_differ(struct bypass_suite *s)
{
	s->packets++;
	return tables_differ(s) + paths_differ(s) + counts_differ(s) + settings_differ(s);
}

/* --- XDP */

static int xdp_run(struct bypass_suite *s, uint32_t ifindex, const uint8_t *frame, size_t len,
		   struct model_xdp *got)
{
	struct xdp_md ctx = { .data_end = len, .ingress_ifindex = ifindex };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = len,
		    .data_out = got->frame, .data_size_out = sizeof(got->frame), .ctx_in = &ctx,
		    .ctx_size_in = sizeof(ctx), .repeat = 1);

	assert_int_equal(
		bpf_prog_test_run_opts(bpf_program__fd(s->xdp->progs.xdp_bypass_ipvs), &opts), 0);
	got->len = opts.data_size_out;
	return opts.retval;
}

/* What is random or depends on garbage is compared no further than that it fits. */
static bool frame_differs(const struct model_xdp *got, const struct model_xdp *want)
{
	struct model_xdp mine = *got, its = *want;

	if (its.id_at && mine.len == its.len) {
		if (frames_sum(0, mine.frame + its.id_at - 4, 20) != 0xffff)
			return true;
		memset(mine.frame + its.id_at, 0, 2);
		memset(its.frame + its.id_at, 0, 2);
		memset(mine.frame + its.id_at + 6, 0, 2);
		memset(its.frame + its.id_at + 6, 0, 2);
	}
	if (its.sum_at && mine.len == its.len) {
		memset(mine.frame + its.sum_at, 0, 2);
		memset(its.frame + its.sum_at, 0, 2);
	}
	return mine.len != its.len || memcmp(mine.frame, its.frame, its.len);
}

static bool has_met(const struct bypass_suite *s, uint32_t code)
{
	return s->stats->code[code] != s->model.code[code];
}

struct model_xdp suite_xdp(struct bypass_suite *s, uint32_t ifindex, const uint8_t *frame,
			   size_t len)
{
	struct model_xdp got, want;
	int action = xdp_run(s, ifindex, frame, len, &got), differ;

	want.by_chance = has_met(s, ECBPF_CODE_BYPASS_LIMIT) ||
			 has_met(s, ECBPF_CODE_BYPASS_SHADOW);
	model_xdp(&s->model, ifindex, frame, len, &want);
	differ = all_differ(s) + rate_differs(s);
	if (want.has_key)
		differ += entry_differs(s, LIVE_RESET, &s->model.reset, &want.key, 8);
	if (action != (want.action == ECBPF_NEXT ? XDP_PASS : want.action))
		differ++;
	if (differ || frame_differs(&got, &want)) {
		suite_show("in  ", frame, len);
		suite_show("got ", got.frame, got.len);
		suite_show("want", want.frame, want.len);
		fail_msg("packet %llu at XDP, interface %u: action %d, expected %d, code %u",
			 (unsigned long long)s->packets, ifindex, action, want.action, want.code);
	}
	want.len = got.len;
	memcpy(want.frame, got.frame, got.len);
	return want;
}

/* --- egress */

/* Linux refuses to run others from some version on. */
static bool has_ip_header(const uint8_t *frame, size_t len)
{
	switch (frames_get16(frame + 12)) {
	case 0x0800:
		return len >= 34;
	case 0x86dd:
		return len >= 54;
	default:
		return len > 14;
	}
}

static int egress_run(struct bypass_suite *s, const struct model_skb *skb, const uint8_t *frame,
		      size_t len)
{
	struct __sk_buff ctx = {
		.mark = skb->mark,
		.ingress_ifindex = skb->ingress,
		.ifindex = skb->ifindex,
		.gso_segs = skb->segments,
		.gso_size = skb->segments > 1 ? 1000 : 0,
		.cb = { __builtin_bswap16(skb->tag[0]), skb->tag[1] },
	};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = len, .ctx_in = &ctx,
		    .ctx_size_in = sizeof(ctx), .repeat = 1);
	int fd = bpf_program__fd(s->egress->progs.bpf_egress_syn_check), err;

	err = bpf_prog_test_run_opts(skb->tag[0] ? s->tag_prog : fd, &opts);
	if (err)
		fail_msg("test run at egress, %zu bytes, to %u, %u segments: %s", len, skb->ifindex,
			 skb->segments, strerror(-err));
	return opts.retval;
}

bool suite_egress(struct bypass_suite *s, struct model_skb *skb, const uint8_t *frame, size_t len)
{
	int action, differ;
	bool may;

	if (!has_ip_header(frame, len))
		return true;
	action = egress_run(s, skb, frame, len);
	may = model_egress(&s->model, frame, len, skb);
	differ = all_differ(s);
	if (skb->has_key) {
		differ += entry_differs(s, LIVE_PENDING, &s->model.pending, &skb->key, 8);
		differ += entry_differs(s, LIVE_RESET, &s->model.reset, &skb->key, 8);
	}
	if (skb->service.family)
		differ += entry_differs(s, LIVE_VIP, &s->model.vip, &skb->service, 4);
	if (action != (may ? TC_ACT_UNSPEC : TC_ACT_SHOT))
		differ++;
	if (differ) {
		suite_show("egress", frame, len);
		fail_msg("packet %llu at egress, from %u to %u, mark %u, %u segments: action %d, "
			 "expected %d",
			 (unsigned long long)s->packets, skb->ingress, skb->ifindex, skb->mark,
			 skb->segments, action, may ? TC_ACT_UNSPEC : TC_ACT_SHOT);
	}
	return may;
}
