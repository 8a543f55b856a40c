// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * What a command that was killed may leave, and how the next one finishes it. Two facts decide:
 * the pin of the link says whether a root is attached, and the program in a slot says which maps
 * are its own. Every pin that those do not explain is rubbish.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "libecbpf/internal.h"

void ecbpf_slot_dir_name(char *buf, size_t size, int slot, bool fresh)
{
	snprintf(buf, size, "slot%d%s", slot, fresh ? ":new" : "");
}

struct owner {
	__u32 prog_id;
	const char *to; /* where a pin of the owner's goes, or NULL */
};

/* owner_has - 1, 0, or -errno: not to be taken for a no */
static int owner_has(const struct owner *owner, const char *path)
{
	__u32 id;
	int err = ecbpf_map_id(path, &id);

	return err ? err : ecbpf_program_uses_map(owner->prog_id, id);
}

static int owner_found(const char *dir, const char *name, void *arg)
{
	char path[PATH_MAX];
	int err = ecbpf_path(path, dir, name);

	return err ? err : owner_has(arg, path);
}

static int owner_prune(const char *dir, const char *name, void *arg)
{
	char path[PATH_MAX];
	int err = ecbpf_path(path, dir, name);

	if (!err)
		err = owner_has(arg, path);
	if (!err && unlink(path))
		err = ecbpf_fail(-errno, "%s: %s", path, strerror(errno));
	return err < 0 ? err : 0;
}

static int owner_move(const char *dir, const char *name, void *arg)
{
	const struct owner *owner = arg;
	char from[PATH_MAX], to[PATH_MAX];

	if (ecbpf_path(from, dir, name) || ecbpf_path(to, owner->to, name))
		return -ENAMETOOLONG;
	return rename(from, to) ? ecbpf_fail(-errno, "%s: %s", from, strerror(errno)) : 0;
}

/*
 * ecbpf_slot_dir_settle - make the pins of a slot those of the program that is in it now. Maps
 * that were pinned aside move in if they are that program's, else they go.
 */
int ecbpf_slot_dir_settle(const struct ecbpf_root *root, int slot)
{
	char name[32], dir[PATH_MAX], fresh[PATH_MAX];
	struct ecbpf_program program = {};
	struct owner owner;
	int err, moved;

	ecbpf_slot_dir_name(name, sizeof(name), slot, false);
	err = ecbpf_path(dir, root->dir, name);
	ecbpf_slot_dir_name(name, sizeof(name), slot, true);
	if (!err)
		err = ecbpf_path(fresh, root->dir, name);
	if (!err)
		err = ecbpf_slot_get(root, slot, &program);
	if (err)
		return err;
	owner = (struct owner){ program.id, dir };
	if (!program.id) {
		err = ecbpf_tree_remove(dir);
		return err ? err : ecbpf_tree_remove(fresh);
	}
	moved = ecbpf_dir_each(fresh, owner_found, &owner);
	if (moved >= 0)
		err = ecbpf_dir_each(dir, owner_prune, &owner);
	if (moved < 0 || err)
		return moved < 0 ? moved : err;
	if (moved) {
		err = ecbpf_make_dir(dir);
		if (!err)
			err = ecbpf_dir_each(fresh, owner_move, &owner);
	} else {
		rmdir(dir); /* unless something of its own is pinned */
	}
	return err ? err : ecbpf_tree_remove(fresh);
}

static int remove_all_but_link(const char *dir, const char *name, void *arg)
{
	char path[PATH_MAX];

	(void)arg;
	if (!strcmp(name, LINK_PIN) || ecbpf_path(path, dir, name))
		return 0;
	return ecbpf_tree_remove(path);
}

/* A new link that was pinned beside a dead one: it is attached, so it is the one. */
static int tidy_link(struct ecbpf_root *root)
{
	char fresh[PATH_MAX], path[PATH_MAX];

	if (!ecbpf_exists(root->dir, LINK_NEW_PIN))
		return 0;
	if (ecbpf_path(fresh, root->dir, LINK_NEW_PIN) || ecbpf_path(path, root->dir, LINK_PIN))
		return -ENAMETOOLONG;
	if (rename(fresh, path))
		return ecbpf_fail(-errno, "%s: %s", fresh, strerror(errno));
	return ecbpf_root_refresh(root);
}

int ecbpf_tidy(struct ecbpf_root *root)
{
	int slot, err;

	err = tidy_link(root);
	if (err)
		return err;
	if (root->state == ECBPF_NONE)
		return ecbpf_tree_remove(root->dir);
	if (root->state == ECBPF_NOP)
		return ecbpf_dir_each(root->dir, remove_all_but_link, NULL);
	for (slot = 0; slot < ECBPF_SLOTS; slot++) {
		err = ecbpf_slot_dir_settle(root, slot);
		if (err)
			return err;
	}
	return ecbpf_empty_settle(root);
}

static bool slot_unfinished(const struct ecbpf_root *root, int slot)
{
	struct ecbpf_program program;
	char name[32];

	ecbpf_slot_dir_name(name, sizeof(name), slot, true);
	if (ecbpf_exists(root->dir, name))
		return true;
	ecbpf_slot_dir_name(name, sizeof(name), slot, false);
	return ecbpf_exists(root->dir, name) && !ecbpf_slot_get(root, slot, &program) &&
	       !program.id;
}

/* slot_untried - asked twice: a command may take a program out, or put one in, meanwhile */
static bool slot_untried(const struct ecbpf_root *root, int slot)
{
	struct ecbpf_program program;

	return ecbpf_empty_is_said(root, slot) && !ecbpf_slot_get(root, slot, &program) &&
	       program.id && ecbpf_empty_is_said(root, slot);
}

enum ecbpf_pin_health ecbpf_pins_health(const struct ecbpf_root *root)
{
	int i;

	if (ecbpf_exists(root->dir, LINK_NEW_PIN))
		return ECBPF_PINS_UNFINISHED;
	if (root->state == ECBPF_NONE)
		return access(root->dir, F_OK) ? ECBPF_PINS_OK : ECBPF_PINS_UNFINISHED;
	if (root->state == ECBPF_NOP)
		return ecbpf_exists(root->dir, "ecbpf_slots") ? ECBPF_PINS_UNFINISHED :
								ECBPF_PINS_OK;
	for (i = 0; ecbpf_suite_maps[i]; i++)
		if (!ecbpf_exists(root->dir, ecbpf_suite_maps[i]))
			return ECBPF_PINS_MISSING;
	for (i = 0; i < ECBPF_SLOTS; i++)
		if (slot_unfinished(root, i))
			return ECBPF_PINS_UNFINISHED;
	for (i = 0; i < ECBPF_SLOTS; i++)
		if (slot_untried(root, i))
			return ECBPF_PINS_UNTRIED;
	return ECBPF_PINS_OK;
}
