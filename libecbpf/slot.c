// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Slots: a replacement is one update of the program array, everything else is before or after. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "libecbpf/internal.h"

static int slot_check(const struct ecbpf_root *root, int slot)
{
	if (slot < 0 || slot >= ECBPF_SLOTS)
		return ecbpf_fail(-ERANGE, "slot %d: there are 0 to %d", slot, ECBPF_SLOTS - 1);
	return ecbpf_root_running(root);
}

/* slot_id - program in a slot; 0: none */
static int slot_id(int fd, int slot, __u32 *id)
{
	int err = bpf_map_lookup_elem(fd, &slot, id);

	if (err == -ENOENT)
		*id = 0;
	return err && err != -ENOENT ? ecbpf_fail(err, "slot %d: %s", slot, strerror(-err)) : 0;
}

int ecbpf_slot_get(const struct ecbpf_root *root, int slot, struct ecbpf_program *program)
{
	__u32 id = 0, before;
	int fd, err;

	memset(program, 0, sizeof(*program));
	if (slot < 0 || slot >= ECBPF_SLOTS)
		return ecbpf_fail(-ERANGE, "slot %d: there are 0 to %d", slot, ECBPF_SLOTS - 1);
	fd = ecbpf_root_map(root, "ecbpf_slots");
	if (fd < 0)
		return fd;
	do {
		/* one that is just being replaced can be gone before it is described */
		before = id;
		err = slot_id(fd, slot, &id);
		if (!err && id)
			err = ecbpf_program_get(id, program);
	} while (err == -ENOENT && id != before);
	close(fd);
	return err;
}

static bool has_name(const struct ecbpf_program *program, const char *name)
{
	return !strncmp(program->name, name, ECBPF_NAME_SIZE - 1);
}

int ecbpf_slot_find(const struct ecbpf_root *root, const char *name)
{
	struct ecbpf_program program;
	int slot, err;

	for (slot = 0; slot < ECBPF_SLOTS; slot++) {
		err = ecbpf_slot_get(root, slot, &program);
		if (err)
			return err;
		if (program.id && has_name(&program, name))
			return slot;
	}
	return ecbpf_fail(-ENOENT, "no slot has a program %s", name);
}

int ecbpf_slot_map(const struct ecbpf_root *root, int slot, const char *name)
{
	char dir[32], path[PATH_MAX];
	int err;

	ecbpf_slot_dir_name(dir, sizeof(dir), slot, false);
	err = ecbpf_path(path, dir, name);
	return err ? err : ecbpf_root_map(root, path);
}

/* A program "uses" maps that are bound to it: so all of its object count as its own, and live. */
static int slot_bind(struct bpf_object *obj, struct bpf_program *prog)
{
	struct bpf_map *map;
	int err;

	bpf_object__for_each_map(map, obj) {
		if (bpf_map__fd(map) < 0)
			continue;
		err = bpf_prog_bind_map(bpf_program__fd(prog), bpf_map__fd(map), NULL);
		if (err)
			return ecbpf_fail(err, "map %s: %s", bpf_map__name(map), strerror(-err));
	}
	return 0;
}

/* ecbpf_slot_put - under the lock; from the next packet on, the program is the one in the slot */
int ecbpf_slot_put(const struct ecbpf_root *root, int slot, int prog_fd)
{
	int fd = ecbpf_root_map(root, "ecbpf_slots"), err;

	if (fd < 0)
		return fd;
	err = ecbpf_empty_take_back(root, slot);
	if (!err) {
		err = bpf_map_update_elem(fd, &slot, &prog_fd, BPF_ANY);
		err = err ? ecbpf_fail(err, "slot %d: %s", slot, strerror(-err)) : 0;
	}
	close(fd);
	return err;
}

static int slot_taken(int slot, const struct ecbpf_program *program)
{
	return ecbpf_fail(-EBUSY, "slot %d has another program: %s (id %u)", slot, program->name,
			  program->id);
}

static int slot_load_locked(struct ecbpf_root *root, int slot, struct bpf_object *obj,
			    struct bpf_program *prog, enum ecbpf_take take)
{
	struct ecbpf_program before;
	bool inherit;
	int err;

	err = slot_check(root, slot);
	if (!err)
		err = ecbpf_slot_get(root, slot, &before);
	if (err)
		return err;
	inherit = before.id && has_name(&before, bpf_program__name(prog));
	if (take == ECBPF_TAKE_OWN && before.id && !inherit)
		return slot_taken(slot, &before);
	err = ecbpf_load_member(root, obj, prog, slot, inherit);
	if (!err)
		err = slot_bind(obj, prog);
	if (err)
		return err;
	return ecbpf_slot_put(root, slot, bpf_program__fd(prog));
}

int ecbpf_slot_load(struct ecbpf_root *root, int slot, struct bpf_object *obj,
		    struct bpf_program *prog, enum ecbpf_take take)
{
	int lock, err;

	if (slot == -1)
		slot = ecbpf_object_slot(obj);
	if (slot == -1)
		return ecbpf_fail(-EINVAL, "the object names no slot of its own: say which");
	lock = ecbpf_change_begin(root);
	if (lock < 0)
		return lock;
	err = ecbpf_change_end(root, lock, slot_load_locked(root, slot, obj, prog, take));
	return err ? err : slot;
}

static int slot_clear_locked(struct ecbpf_root *root, int slot, const char *name)
{
	struct ecbpf_program program;
	int fd, err = slot_check(root, slot);

	if (!err)
		err = ecbpf_slot_get(root, slot, &program);
	if (err)
		return err;
	if (!program.id)
		return ecbpf_fail(-ENOENT, "slot %d is empty", slot);
	if (name && !has_name(&program, name))
		return slot_taken(slot, &program);
	fd = ecbpf_root_map(root, "ecbpf_slots");
	if (fd < 0)
		return fd;
	err = bpf_map_delete_elem(fd, &slot);
	close(fd);
	return err ? ecbpf_fail(err, "slot %d: %s", slot, strerror(-err)) : 0;
}

int ecbpf_slot_clear(struct ecbpf_root *root, int slot, const char *name)
{
	int lock = ecbpf_change_begin(root);

	if (lock < 0)
		return lock;
	return ecbpf_change_end(root, lock, slot_clear_locked(root, slot, name));
}

static int slot_claim(const struct ecbpf_root *root, int slot, bool wait)
{
	char name[32], path[PATH_MAX];
	int err;

	if (slot == ECBPF_SLOT_ROOT)
		return ecbpf_dir_claim(root->dir, wait);
	ecbpf_slot_dir_name(name, sizeof(name), slot, false);
	err = ecbpf_path(path, root->dir, name);
	return err ? err : ecbpf_dir_claim(path, wait);
}

int ecbpf_slot_claim(const struct ecbpf_root *root, int slot)
{
	return slot_claim(root, slot, false);
}

int ecbpf_slot_lock(const struct ecbpf_root *root, int slot)
{
	return slot_claim(root, slot, true);
}
