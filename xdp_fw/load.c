// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#define _GNU_SOURCE
#include <errno.h>
#include <ifaddrs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "libecbpf/ecbpf.h"
#include "xdp_fw/load.h"
#include "xdp_fw/rate_compile.h"
#include "xdp_fw/slots.h"
#include "xdp_fw/xdp_fw.skel.h"

/**
 * struct generation - on its way into the kernel
 * @rule: of each entry of the plan
 * @next_slot: for the header
 * @counters: of each set, or 0: there is none
 */
struct generation {
	const struct fw_load *load;
	struct ecbpf_prefix *local;
	size_t locals;
	struct fw_plan plan;
	struct fw_compiled compiled;
	struct fw_verdict_rule *rule;
	uint32_t next_slot;
	uint32_t counters[FW_SETS_MAX];
	uint64_t deadline;
	uint64_t seed;
	struct xdp_fw *fw;
	uint64_t maps_bytes;
};

/* --- the machine's own addresses */

static bool prefix_of(const struct ifaddrs *ifa, struct ecbpf_prefix *prefix)
{
	memset(prefix, 0, sizeof(*prefix));
	if (!ifa->ifa_addr)
		return false;
	prefix->family = ifa->ifa_addr->sa_family;
	if (prefix->family == AF_INET) {
		memcpy(prefix->addr, &((struct sockaddr_in *)ifa->ifa_addr)->sin_addr, 4);
		prefix->length = 32;
	} else if (prefix->family == AF_INET6) {
		memcpy(prefix->addr, &((struct sockaddr_in6 *)ifa->ifa_addr)->sin6_addr, 16);
		prefix->length = 128;
	} else {
		return false;
	}
	return true;
}

static int local_addresses(struct generation *g)
{
	struct ifaddrs *list, *ifa;
	size_t count = 0;

	if (!g->load->set->hygiene.local)
		return 0;
	if (getifaddrs(&list))
		return ecbpf_fail(-errno, "the machine's addresses: %s", strerror(errno));
	for (ifa = list; ifa; ifa = ifa->ifa_next)
		count++;
	g->local = calloc(count + 1, sizeof(*g->local));
	for (ifa = list; g->local && ifa; ifa = ifa->ifa_next)
		g->locals += prefix_of(ifa, &g->local[g->locals]);
	freeifaddrs(list);
	return g->local ? 0 : ecbpf_fail(-ENOMEM, "out of memory");
}

/* --- compiling */

static int compile(const struct fw_ruleset *set, struct generation *g, struct fw_pool *pool)
{
	int err = fw_plan_make(set, g->local, g->locals, &g->plan);

	if (!err)
		err = fw_compile(&g->plan, fw_live_set_id, pool, &g->compiled);
	return err;
}

static void note_counters(struct generation *g, const struct fw_pool *pool)
{
	struct fw_config *config = &g->compiled.config;
	size_t i;

	for (i = 0; i < FW_SETS_MAX; i++)
		if (pool->info[i].name[0])
			g->counters[i] = fw_set_counters(pool, i);
	for (i = 0; i < config->pairs; i++)
		config->pair[i].slot = g->counters[config->pair[i].set];
}

/* sets_make - which sets a rule counts for */
static void sets_make(const struct fw_compiled *compiled, size_t i, struct fw_verdict_rule *rule)
{
	const uint16_t need = compiled->need[i];

	if (need && need == compiled->must[i] && !(need & (need - 1)))
		rule->set_slot = compiled->config.pair[__builtin_ctz(need)].slot;
	else
		rule->pairs = need;
}

static void rules_make(struct generation *g)
{
	const struct fw_entry *entry;
	struct fw_verdict_rule *rule;
	size_t i;

	for (i = 0; i < g->plan.count; i++) {
		entry = &g->plan.entry[i];
		rule = &g->rule[i];
		rule->action = entry->action;
		rule->code = entry->code;
		rule->number = entry->number;
		sets_make(&g->compiled, i, rule);
		if (entry->action == FW_DO_LIMIT)
			rate_compile(&entry->rule->limit, ecbpf_hz(), rule);
		else if (entry->action == FW_DO_FRAGMENT)
			rate_compile(&(struct fw_limit){ .rate = g->load->set->hygiene.ptb_pps },
				     ecbpf_hz(), rule);
	}
}

/* seed_take - the secret of per-source limits stays as long as their buckets */
static int seed_take(struct generation *g)
{
	if (g->load->before)
		g->seed = g->load->before->header.seed;
	else if (!g->load->replay && getrandom(&g->seed, sizeof(g->seed), 0) != sizeof(g->seed))
		return ecbpf_fail(-errno, "getrandom: %s", strerror(errno));
	return 0;
}

static int prepare(struct generation *g)
{
	struct fw_pool pool;
	int err = local_addresses(g);

	if (!err)
		err = fw_pool_map(g->load->maps, &pool);
	if (err)
		return err;
	err = compile(g->load->set, g, &pool);
	if (!err)
		note_counters(g, &pool);
	fw_pool_unmap(&pool);
	if (err)
		return err;
	g->rule = calloc(g->plan.count + 1, sizeof(*g->rule));
	if (!g->rule)
		return ecbpf_fail(-ENOMEM, "out of memory");
	rules_make(g);
	err = fw_slots_assign(&g->plan, g->rule, g->load->before, &g->next_slot);
	if (!err)
		err = seed_take(g);
	if (!err && g->load->trial_s) {
		err = ecbpf_jiffies(&g->deadline);
		g->deadline += (uint64_t)g->load->trial_s * ecbpf_hz();
	}
	return err;
}

int fw_load_check(const struct fw_ruleset *set, struct fw_pool *pool)
{
	const struct fw_load load = { .set = set };
	struct generation g = { .load = &load };
	int err = local_addresses(&g);

	if (!err)
		err = compile(set, &g, pool);
	fw_compiled_free(&g.compiled);
	fw_plan_free(&g.plan);
	free(g.local);
	return err;
}

/* --- maps */

/* give - a filled array for one of the program's maps */
static int give(struct generation *g, struct bpf_map *map, uint32_t value_size, const void *data,
		size_t entries)
{
	const uint32_t count = entries ? entries : 1;
	int fd = fw_map_create(bpf_map__name(map), value_size, count), err;
	size_t page = sysconf(_SC_PAGESIZE), bytes = (size_t)value_size * count;
	void *memory;

	if (fd < 0)
		return fd;
	bytes = (bytes + page - 1) / page * page;
	memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED) {
		err = ecbpf_fail(-errno, "map %s: %s", bpf_map__name(map), strerror(errno));
		close(fd);
		return err;
	}
	if (entries)
		memcpy(memory, data, (size_t)value_size * entries);
	munmap(memory, bytes);
	err = bpf_map__reuse_fd(map, fd);
	close(fd);
	g->maps_bytes += bytes;
	return err ? ecbpf_fail(err, "map %s: %s", bpf_map__name(map), strerror(-err)) : 0;
}

static int give_text(struct generation *g)
{
	char *text = fw_ruleset_print(g->load->set), *buf;
	const size_t locals = g->locals * sizeof(*g->local);
	const size_t bytes = text ? strlen(text) : 0;
	struct fw_header header = {
		.deadline = g->deadline,
		.text_bytes = bytes,
		.locals = g->locals,
		.next_slot = g->next_slot,
		.seed = g->seed,
	};
	const size_t size = (sizeof(header) + bytes + locals + 7) / 8 * 8;
	int err;

	buf = calloc(1, size);
	if (!text || !buf) {
		err = ecbpf_fail(-ENOMEM, "out of memory");
	} else {
		memcpy(buf, &header, sizeof(header));
		memcpy(buf + sizeof(header), text, bytes);
		if (locals)
			memcpy(buf + sizeof(header) + bytes, g->local, locals);
		err = give(g, g->fw->maps.fw_text, size, buf, 1);
	}
	free(buf);
	free(text);
	return err;
}

static int give_maps(struct generation *g)
{
	const struct fw_compiled *c = &g->compiled;
	struct xdp_fw *fw = g->fw;
	int err, i;

	err = give(g, fw->maps.fw_classes, sizeof(*c->line), c->line, c->lines);
	if (!err)
		err = give(g, fw->maps.fw_bounds, sizeof(*c->bound), c->bound, c->bounds);
	if (!err)
		err = give(g, fw->maps.fw_rows, sizeof(*c->row), c->row, c->words);
	if (!err)
		err = give(g, fw->maps.xdp_fw_rules_map, sizeof(*g->rule), g->rule, g->plan.count);
	if (!err)
		err = give_text(g);
	for (i = 0; !err && i < FW_MAPS; i++) {
		err = bpf_map__reuse_fd(bpf_object__find_map_by_name(fw->obj, fw_map_name(i)),
					g->load->maps->fd[i]);
		if (err)
			ecbpf_fail(err, "map %s: %s", fw_map_name(i), strerror(-err));
	}
	return err;
}

static int32_t fallback(enum fw_default wanted)
{
	switch (wanted) {
	case FW_DEFAULT_PASS:
		return XDP_PASS;
	case FW_DEFAULT_DROP:
		return XDP_DROP;
	default:
		return ECBPF_NEXT;
	}
}

/* reply_rule - index of the entry that answers fragments, or -1 */
static int reply_rule(const struct generation *g)
{
	size_t i;

	for (i = 0; g->load->set->hygiene.ptb_pps && i < g->plan.count; i++)
		if (g->plan.entry[i].action == FW_DO_FRAGMENT)
			return i;
	return -1;
}

static void set_rodata(struct generation *g)
{
	const uint32_t capacity = g->load->maps->entries[FW_MAP_SLOTS];
	const uint32_t masks = g->load->maps->entries[FW_MAP_MASKS];
	struct xdp_fw__rodata *ro = g->fw->rodata;
	const int reply = reply_rule(g);

	ro->fw_config = g->compiled.config;
	ro->fw_config.fallback = fallback(g->load->set->fallback);
	memcpy((void *)ro->fw_order, g->compiled.order, sizeof(ro->fw_order));
	memcpy((void *)ro->fw_first, g->compiled.first, sizeof(ro->fw_first));
	ro->fw_sets.capacity_mask = capacity - 1;
	ro->fw_sets.masks = masks;
	ro->fw_sets.mask_shift = 32 - __builtin_ctz(masks);
	ro->fw_sources_mask = g->load->maps->entries[FW_MAP_SOURCES] - 1;
	ro->fw_deadline = g->deadline;
	ro->fw_replay = g->load->replay;
	ro->fw_replies = reply >= 0;
	ro->fw_reply_index = reply >= 0 ? reply : 0;
	ro->fw_seed = g->seed;
}

static int generation_open(struct generation *g)
{
	int err = prepare(g);

	if (err)
		return err;
	g->fw = xdp_fw__open();
	if (!g->fw)
		return ecbpf_fail(-errno, "xdp_fw: %s", strerror(errno));
	set_rodata(g);
	return give_maps(g);
}

static void generation_close(struct generation *g)
{
	xdp_fw__destroy(g->fw);
	free(g->rule);
	fw_compiled_free(&g->compiled);
	fw_plan_free(&g->plan);
	free(g->local);
}

static void told(const struct generation *g, struct fw_loaded *loaded)
{
	if (!loaded)
		return;
	loaded->rules = g->plan.count;
	loaded->terms = g->compiled.terms;
	loaded->maps_bytes = g->maps_bytes;
}

/* --- into a slot */

/* previous_set - what a trial falls back to: the program @id, or nothing (0) */
static int previous_set(const struct fw_live *before, uint32_t id)
{
	int fd = ecbpf_program_map(before->slot_id, "fw_previous"), prog = -1, err;
	__u32 zero = 0;

	if (fd < 0)
		return fd;
	if (id) {
		prog = bpf_prog_get_fd_by_id(id);
		err = prog < 0 ? prog : bpf_map_update_elem(fd, &zero, &prog, BPF_ANY);
	} else {
		err = bpf_map_delete_elem(fd, &zero);
		if (err == -ENOENT)
			err = 0;
	}
	if (prog >= 0)
		close(prog);
	close(fd);
	return err ? ecbpf_fail(err, "fw_previous: %s", strerror(-err)) : 0;
}

static int buckets_clear(const struct fw_live *before, const uint32_t *slot, size_t count)
{
	int tats = ecbpf_program_map(before->slot_id, "fw_tats"), err = tats < 0 ? tats : 0;
	const __u64 tat = 0;
	size_t i;

	for (i = 0; !err && i < count; i++) {
		err = bpf_map_update_elem(tats, &slot[i], &tat, BPF_ANY);
		if (err)
			ecbpf_fail(err, "buckets: %s", strerror(-err));
	}
	if (tats >= 0)
		close(tats);
	return err;
}

/* counters_clear - of rules and sets that are new: nobody uses their slots yet */
static int counters_clear(const struct generation *g, const struct fw_live *before)
{
	uint32_t *slot = calloc(g->plan.count + FW_SETS_MAX, sizeof(*slot));
	size_t i, rules = 0, count;
	int err;

	if (!slot)
		return ecbpf_fail(-ENOMEM, "out of memory");
	for (i = 0; i < g->plan.count; i++)
		if (fw_slot_is_new(before, g->rule[i].slot))
			slot[rules++] = g->rule[i].slot;
	for (i = 0, count = rules; i < FW_SETS_MAX; i++)
		if (g->counters[i] && g->counters[i] != fw_set_counters(&before->pool, i))
			slot[count++] = g->counters[i];
	err = buckets_clear(before, slot, rules);
	if (!err)
		err = fw_live_hits_clear(before, slot, count);
	free(slot);
	return err;
}

/* before_ready - what must be so in shared maps when the new generation begins */
static int before_ready(const struct generation *g)
{
	const struct fw_live *before = g->load->before;
	int err = counters_clear(g, before);

	if (!err && g->load->trial_s)
		err = previous_set(before, before->prog_id);
	return err;
}

int fw_load_slot(struct ecbpf_root *root, int slot, const struct fw_load *load,
		 struct fw_loaded *loaded)
{
	struct generation g = { .load = load };
	int err = generation_open(&g);

	if (!err && load->before)
		err = before_ready(&g);
	if (!err)
		err = ecbpf_slot_load(root, slot, g.fw->obj, g.fw->progs.xdp_fw_kern,
				      ECBPF_TAKE_OWN);
	if (err >= 0) {
		told(&g, loaded);
		if (load->before && !load->trial_s)
			previous_set(load->before, 0);
	}
	generation_close(&g);
	return err;
}

int fw_load_alone(const struct fw_load *load, struct xdp_fw **fw)
{
	struct generation g = { .load = load };
	struct bpf_map *map;
	int err = generation_open(&g);

	if (!err) {
		bpf_object__for_each_map(map, g.fw->obj)
			bpf_map__set_pin_path(map, NULL);
		err = xdp_fw__load(g.fw);
		if (err)
			ecbpf_fail(err, "the program: %s", strerror(-err));
	}
	if (!err) {
		*fw = g.fw;
		g.fw = NULL;
	}
	generation_close(&g);
	return err;
}
