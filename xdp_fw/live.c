// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "libecbpf/ecbpf.h"
#include "xdp_fw/live.h"

#define READ_TRIES 16 /* while others replace the program again and again */

int fw_live_set_id(void *arg, const char *name)
{
	return fw_set_find(arg, name);
}

/* program_text - contents of map fw_text; free() it */
static struct fw_header *program_text(uint32_t prog_id)
{
	int fd = ecbpf_program_map(prog_id, "fw_text");
	struct fw_header *header = NULL;
	struct bpf_map_info info = {};
	__u32 len = sizeof(info), zero = 0;

	if (fd < 0)
		return NULL;
	if (!bpf_obj_get_info_by_fd(fd, &info, &len))
		header = malloc((info.value_size + 7U) / 8 * 8);
	if (header &&
	    (bpf_map_lookup_elem(fd, &zero, header) ||
	     sizeof(*header) + header->text_bytes + header->locals * sizeof(struct ecbpf_prefix) >
		     info.value_size)) {
		free(header);
		header = NULL;
	}
	close(fd);
	return header;
}

/* rules_read - map xdp_fw_rules_map, one entry for each of the plan's */
static int rules_read(struct fw_live *live)
{
	int fd = ecbpf_program_map(live->prog_id, "xdp_fw_rules_map"), err = 0;
	__u32 i;

	if (fd < 0)
		return fd;
	live->rule = calloc(live->plan.count + 1, sizeof(*live->rule));
	if (!live->rule)
		err = ecbpf_fail(-ENOMEM, "out of memory");
	for (i = 0; !err && i < live->plan.count; i++)
		err = bpf_map_lookup_elem(fd, &i, &live->rule[i]);
	close(fd);
	return err ? ecbpf_fail(err, "xdp_fw_rules_map: %s", strerror(-err)) : 0;
}

static int text_take(struct fw_live *live, const struct fw_header *header)
{
	const char *text = (const char *)(header + 1);
	size_t bytes = header->locals * sizeof(*live->local);
	int err;

	live->header = *header;
	live->local = malloc(bytes + 1);
	if (!live->local)
		return ecbpf_fail(-ENOMEM, "out of memory");
	memcpy(live->local, text + header->text_bytes, bytes);
	err = fw_parse(text, header->text_bytes, &live->set);
	if (!err)
		err = fw_plan_make(&live->set, live->local, header->locals, &live->plan);
	return err;
}

/* generation_read - all that is to be known of live->prog_id */
static int generation_read(struct fw_live *live)
{
	struct fw_header *header;
	int err;

	live->hold = bpf_prog_get_fd_by_id(live->prog_id);
	if (live->hold < 0)
		return ecbpf_fail(live->hold, "program %u: %s", live->prog_id,
				  strerror(-live->hold));
	header = program_text(live->prog_id);
	if (!header)
		return ecbpf_fail(-EPROTO, "program %u is of another version of this firewall",
				  live->prog_id);
	err = text_take(live, header);
	free(header);
	if (!err)
		err = rules_read(live);
	if (!err)
		err = fw_maps_of(live->prog_id, &live->maps);
	if (!err)
		err = fw_pool_map(&live->maps, &live->pool);
	return err;
}

/* previous_id - program that a trial falls back to */
static int previous_id(uint32_t prog_id, uint32_t *id)
{
	int fd = ecbpf_program_map(prog_id, "fw_previous"), err;
	__u32 zero = 0;

	if (fd < 0)
		return fd;
	err = bpf_map_lookup_elem(fd, &zero, id);
	close(fd);
	return err ? ecbpf_fail(err, "fw_previous: %s", strerror(-err)) : 0;
}

enum fw_trial fw_live_trial(const struct fw_live *live, unsigned int *left_s)
{
	uint64_t now;

	if (live->prog_id != live->slot_id)
		return FW_TRIAL_OVER;
	if (!live->header.deadline || ecbpf_jiffies(&now))
		return FW_TRIAL_NONE;
	if (now >= live->header.deadline)
		return FW_TRIAL_OVER;
	if (left_s)
		*left_s = (live->header.deadline - now) / ecbpf_hz() + 1;
	return FW_TRIAL_RUNNING;
}

/* judge_find - the program in the slot, or the one before it if it was not confirmed in time */
static int judge_find(struct fw_live *live)
{
	struct fw_header *header = program_text(live->slot_id);
	uint64_t now;
	int err = 0;

	live->prog_id = live->slot_id;
	if (header && header->deadline) {
		err = ecbpf_jiffies(&now);
		if (!err && now >= header->deadline)
			err = previous_id(live->slot_id, &live->prog_id);
	}
	free(header);
	return err;
}

static int judge_read(struct fw_live *live)
{
	int err = judge_find(live);

	return err ? err : generation_read(live);
}

static int slot_find(struct fw_live *live)
{
	struct ecbpf_program program;
	int err;

	live->slot = ecbpf_slot_find(live->root, FW_PROGRAM);
	if (live->slot == -ENOENT)
		return ecbpf_fail(-ENOENT, "no firewall is attached");
	if (live->slot < 0)
		return live->slot;
	err = ecbpf_slot_get(live->root, live->slot, &program);
	live->slot_id = program.id;
	return err;
}

/* generation_forget - what generation_read() has made */
static void generation_forget(struct fw_live *live)
{
	fw_pool_unmap(&live->pool);
	fw_maps_close(&live->maps);
	free(live->rule);
	live->rule = NULL;
	fw_plan_free(&live->plan);
	free(live->local);
	live->local = NULL;
	fw_ruleset_free(&live->set);
	if (live->hold >= 0)
		close(live->hold);
	live->hold = -1;
}

/* is_replaced - has the slot got another program since slot_find()? */
static bool is_replaced(const struct fw_live *live)
{
	struct ecbpf_program program;

	return live->root && live->slot >= 0 && !ecbpf_slot_get(live->root, live->slot, &program) &&
	       program.id && program.id != live->slot_id;
}

/* map_id - of one of a program's maps */
static int map_id(uint32_t prog_id, const char *name, uint32_t *id)
{
	struct bpf_map_info info = {};
	__u32 len = sizeof(info);
	int fd = ecbpf_program_map(prog_id, name), err;

	if (fd < 0)
		return fd;
	err = bpf_obj_get_info_by_fd(fd, &info, &len);
	*id = info.id;
	close(fd);
	return err;
}

/* trial_check - may this be done while the rules are on trial? */
static int trial_check(const struct fw_live *live, enum fw_purpose purpose)
{
	uint32_t before, sets[2] = {};

	if (purpose == FW_READ || purpose == FW_TRIAL ||
	    fw_live_trial(live, NULL) != FW_TRIAL_RUNNING)
		return 0;
	if (purpose == FW_CHANGE)
		return ecbpf_fail(-EBUSY, "the rules are on trial: confirm or rollback first");
	if (previous_id(live->slot_id, &before) || map_id(before, "fw_set_slots", &sets[0]) ||
	    map_id(live->slot_id, "fw_set_slots", &sets[1]) || sets[0] != sets[1])
		return ecbpf_fail(-EBUSY, "rules with sets of their own are on trial: confirm or "
					  "rollback first");
	return 0;
}

int fw_live_open(const char *ifname, enum fw_purpose purpose, struct fw_live *live)
{
	int err, tries = READ_TRIES;

	memset(live, 0, sizeof(*live));
	live->lock = -1;
	live->hold = -1;
	fw_maps_none(&live->maps);
	err = ecbpf_root_open_running(ifname, &live->root);
	if (!err)
		err = slot_find(live);
	if (!err && purpose != FW_READ) {
		live->lock = ecbpf_slot_lock(live->root, live->slot);
		/* it may have been replaced or removed while we waited */
		err = live->lock < 0 ? live->lock : slot_find(live);
	}
	if (!err)
		err = judge_read(live);
	/* who only reads keeps nobody out: the program may be gone before it is held */
	while (err && purpose == FW_READ && tries-- && is_replaced(live)) {
		generation_forget(live);
		err = slot_find(live);
		if (!err)
			err = judge_read(live);
	}
	return err ? err : trial_check(live, purpose);
}

int fw_live_hits_clear(const struct fw_live *live, const uint32_t *slot, size_t count)
{
	const int cpus = libbpf_num_possible_cpus();
	struct fw_hits *none = cpus > 0 ? calloc(cpus, sizeof(*none)) : NULL;
	int fd = ecbpf_program_map(live->slot_id, "fw_hits"), err = fd < 0 ? fd : 0;
	size_t i;

	if (!err && !none)
		err = ecbpf_fail(-ENOMEM, "out of memory");
	for (i = 0; !err && i < count; i++) {
		err = bpf_map_update_elem(fd, &slot[i], none, BPF_ANY);
		if (err)
			ecbpf_fail(err, "counters: %s", strerror(-err));
	}
	if (fd >= 0)
		close(fd);
	free(none);
	return err;
}

int fw_live_previous(struct fw_live *live)
{
	uint32_t id;
	int err = previous_id(live->slot_id, &id);

	if (err)
		return err;
	generation_forget(live);
	live->prog_id = id;
	return generation_read(live);
}

void fw_live_close(struct fw_live *live)
{
	generation_forget(live);
	if (live->lock >= 0)
		close(live->lock);
	ecbpf_root_close(live->root);
	memset(live, 0, sizeof(*live));
	live->lock = -1;
	live->hold = -1;
	fw_maps_none(&live->maps);
}
