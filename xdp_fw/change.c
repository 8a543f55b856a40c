// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/membarrier.h>
#include <sys/syscall.h>

#include "libecbpf/ecbpf.h"
#include "xdp_fw/change.h"
#include "xdp_fw/load.h"

/* A copy of the rules in force, to be edited: the plan still refers to the original. */
static int rules_copy(const struct fw_live *live, struct fw_ruleset *set)
{
	char *text = fw_ruleset_print(&live->set);
	int err = text ? fw_parse(text, strlen(text), set) : ecbpf_fail(-ENOMEM, "out of memory");

	free(text);
	return err;
}

int fw_change(const char *ifname, const struct fw_change *change, struct fw_loaded *loaded)
{
	struct fw_ruleset set = {};
	struct fw_live live;
	const struct fw_load load = {
		.set = &set, .maps = &live.maps, .before = &live, .trial_s = change->trial_s
	};
	int err = fw_live_open(ifname, FW_CHANGE, &live);

	if (!err)
		err = rules_copy(&live, &set);
	if (!err)
		err = change->edit(&set, &live, change->arg);
	if (!err)
		err = fw_load_slot(live.root, live.slot, &load, loaded);
	fw_ruleset_free(&set);
	fw_live_close(&live);
	return err < 0 ? err : 0;
}

/* --- the pool is replaced by another: the same sets, and perhaps others */

/* grace - until no packet is with the program that was in the slot: membarrier(2), synchronize_rcu */
static void grace(void)
{
	syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
}

/**
 * struct renewal - a pool that takes the place of another
 * @hits: of each entry, when it was copied
 */
struct renewal {
	struct fw_maps maps;
	struct fw_pool pool;
	uint64_t *hits;
};

static void renewal_free(struct renewal *r)
{
	fw_pool_unmap(&r->pool);
	fw_maps_close(&r->maps);
	free(r->hits);
}

/* renewal_make - a copy of the live pool, with at least this much room */
static int renewal_make(const struct fw_live *live, uint64_t entries, uint64_t tags,
			struct renewal *r)
{
	const uint32_t capacity = fw_pool_size(entries);
	int err;

	memset(r, 0, sizeof(*r));
	fw_maps_none(&r->maps);
	if (!capacity)
		return ecbpf_fail(-E2BIG, "sets of %llu entries: at most %u",
				  (unsigned long long)entries, FW_POOL_MAX);
	r->maps.fd[FW_MAP_SOURCES] = fcntl(live->maps.fd[FW_MAP_SOURCES], F_DUPFD_CLOEXEC, 0);
	r->maps.entries[FW_MAP_SOURCES] = live->maps.entries[FW_MAP_SOURCES];
	if (r->maps.fd[FW_MAP_SOURCES] < 0)
		return ecbpf_fail(-errno, "%s", strerror(errno));
	err = fw_maps_create(&r->maps, capacity, tags, 0);
	if (!err)
		err = fw_pool_map(&r->maps, &r->pool);
	if (!err)
		err = fw_pool_copy(&r->pool, &live->pool);
	return err;
}

/* hits_note - of the old entries, as the copy has them */
static int hits_note(struct renewal *r, const struct fw_live *live)
{
	uint32_t i;

	r->hits = calloc(live->pool.capacity, sizeof(*r->hits));
	if (!r->hits)
		return ecbpf_fail(-ENOMEM, "out of memory");
	for (i = 0; i < live->pool.capacity; i++)
		r->hits[i] = r->pool.entry[i].hits;
	return 0;
}

static bool is_same_entry(const struct fw_set_entry *a, const struct fw_set_entry *b)
{
	return a->length && a->length == b->length && a->family == b->family && a->set == b->set &&
	       !memcmp(a->addr, b->addr, sizeof(a->addr));
}

/* hits_add - what was counted in the old pool after it had been copied */
static void hits_add(struct renewal *r, const struct fw_live *live)
{
	const struct fw_set_entry *old;
	uint32_t i;

	grace();
	for (i = 0; i < live->pool.capacity; i++) {
		old = &live->pool.entry[i];
		if (old->hits != r->hits[i] && is_same_entry(old, &r->pool.entry[i]))
			__atomic_fetch_add(&r->pool.entry[i].hits, old->hits - r->hits[i],
					   __ATOMIC_RELAXED);
	}
}

/* renewal_load - a generation with the new pool */
static int renewal_load(struct fw_live *live, struct renewal *r, const struct fw_ruleset *set,
			unsigned int trial_s, struct fw_loaded *loaded)
{
	const struct fw_load load = {
		.set = set, .maps = &r->maps, .before = live, .trial_s = trial_s
	};
	int err = fw_load_slot(live->root, live->slot, &load, loaded);

	if (err < 0)
		return err;
	hits_add(r, live);
	return 0;
}

int fw_pool_grow(struct fw_live *live, uint64_t more, uint64_t tags)
{
	const uint64_t entries = fw_pool_used(&live->pool) + more;
	struct ecbpf_program program;
	struct renewal r;
	int err;

	if (fw_live_trial(live, NULL) == FW_TRIAL_RUNNING)
		return ecbpf_fail(-EBUSY, "the sets cannot grow while rules are on trial: confirm "
					  "or rollback first");
	err = renewal_make(live, entries > live->pool.capacity ? entries : live->pool.capacity,
			   tags > live->pool.tags ? tags : live->pool.tags, &r);

	if (!err)
		err = hits_note(&r, live);
	if (!err)
		err = renewal_load(live, &r, &live->set, 0, NULL);
	if (!err)
		err = ecbpf_slot_get(live->root, live->slot, &program);
	if (!err) {
		live->slot_id = live->prog_id = program.id;
		fw_pool_unmap(&live->pool);
		fw_maps_close(&live->maps);
		live->maps = r.maps;
		live->pool = r.pool;
		free(r.hits);
		return 0;
	}
	renewal_free(&r);
	return err;
}

/* renewal_with - a copy of the live pool that has the document's sets */
static int renewal_with(const struct fw_live *live, const struct fw_document *doc, uint64_t entries,
			uint64_t tags, struct renewal *r)
{
	int err = renewal_make(live, entries, tags, r);

	if (!err)
		err = hits_note(r, live);
	return err ? err : fw_document_fill(doc, &r->pool);
}

/* renewal_for - with room for old and new entries; for more tags only if it must be */
static int renewal_for(const struct fw_live *live, const struct fw_document *doc, struct renewal *r)
{
	uint64_t entries = 0, tags = 0;
	int err;

	fw_document_room(doc, &entries, &tags);
	entries += fw_pool_used(&live->pool);
	if (entries < live->pool.capacity)
		entries = live->pool.capacity;
	err = renewal_with(live, doc, entries, live->pool.tags, r);
	if (err != -ENOSPC)
		return err;
	renewal_free(r);
	return renewal_with(live, doc, entries, live->pool.tags + tags, r);
}

int fw_replace_check(struct fw_live *live, const struct fw_document *doc)
{
	struct renewal r;
	int err;

	if (!doc->sets)
		return fw_load_check(&doc->rules, &live->pool);
	err = renewal_for(live, doc, &r);
	if (!err)
		err = fw_load_check(&doc->rules, &r.pool);
	renewal_free(&r);
	return err;
}

int fw_replace_all(struct fw_live *live, const struct fw_document *doc, unsigned int trial_s,
		   struct fw_loaded *loaded)
{
	const struct fw_load load = {
		.set = &doc->rules, .maps = &live->maps, .before = live, .trial_s = trial_s
	};
	struct renewal r;
	int err;

	if (!doc->sets) {
		err = fw_load_slot(live->root, live->slot, &load, loaded);
		return err < 0 ? err : 0;
	}
	err = renewal_for(live, doc, &r);
	if (!err)
		err = renewal_load(live, &r, &doc->rules, trial_s, loaded);
	renewal_free(&r);
	return err;
}
