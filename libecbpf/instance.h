/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Instances: what a tool's programs on several interfaces share, one in each network namespace.
 * Its maps and links are pinned in BASE/:TOOL, or BASE/:TOOL:COOKIE outside the initial namespace;
 * no interface's directory of pins begins with a colon.
 */
#ifndef LIBECBPF_INSTANCE_H
#define LIBECBPF_INSTANCE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libecbpf/ecbpf.h"

#ifdef __cplusplus
extern "C" {
#endif

struct bpf_map;
struct bpf_map_info;

/**
 * struct ecbpf_instance - handle
 * @dir: of pins; it need not exist
 * @lock: descriptor of that directory, locked; or -1
 */
struct ecbpf_instance {
	char dir[PATH_MAX];
	int lock;
};

/**
 * ecbpf_instance_find - the instance of this thread's network namespace; changes nothing
 * @tool: the file system allows no dots, no slashes
 * Return: 0; -ENOTDIR no BPF file system; -EPERM; -ENAMETOOLONG.
 */
ECBPF_API int ecbpf_instance_find(const char *tool, struct ecbpf_instance *instance);

/**
 * ecbpf_instance_lock - keep other changes out; waits until it can be had
 * @make: make the directory if there is none
 *
 * Who holds it may change slots and roots; who changes those must not wait for it.
 * Return: 0; -ENOENT there is none.
 */
ECBPF_API int ecbpf_instance_lock(struct ecbpf_instance *instance, bool make);

/** ecbpf_instance_unlock - directories that are empty go; it need not be locked */
ECBPF_API void ecbpf_instance_unlock(struct ecbpf_instance *instance);

/** ecbpf_instance_has - is there a pin of this name? */
ECBPF_API bool ecbpf_instance_has(const struct ecbpf_instance *instance, const char *name);

/** ecbpf_instance_get - a new descriptor of what is pinned, closed by the caller; -ENOENT, -EPERM */
ECBPF_API int ecbpf_instance_get(const struct ecbpf_instance *instance, const char *name);

/** ecbpf_instance_pin - @fd: of a map, link or program; -EEXIST */
ECBPF_API int ecbpf_instance_pin(const struct ecbpf_instance *instance, const char *name, int fd);

/** ecbpf_instance_note - remember a name, by an empty directory; there already is success */
ECBPF_API int ecbpf_instance_note(const struct ecbpf_instance *instance, const char *name);

/** ecbpf_instance_unpin - of a pin or a note; not there is success */
ECBPF_API int ecbpf_instance_unpin(const struct ecbpf_instance *instance, const char *name);

/** ecbpf_instance_clear - remove all pins; the directory goes with ecbpf_instance_unlock() */
ECBPF_API int ecbpf_instance_clear(const struct ecbpf_instance *instance);

/**
 * ecbpf_slot_evict - take the program of this name out of a root; none is success
 *
 * Also of a root whose interface was removed: it keeps its members.
 */
ECBPF_API int ecbpf_slot_evict(struct ecbpf_root *root, const char *name);

/** ecbpf_slots_evict - out of all roots of this network namespace; returns the first error */
ECBPF_API int ecbpf_slots_evict(const char *name);

/** ecbpf_slot_put_back - a program that was in that slot before */
ECBPF_API int ecbpf_slot_put_back(struct ecbpf_root *root, int slot, int prog_fd);

/** ecbpf_variable_set - read-only, of an object not loaded yet; one that has none does without */
ECBPF_API void ecbpf_variable_set(struct bpf_object *obj, const char *name, const void *value,
				  size_t size);

/** ecbpf_map_bytes - memory that a map of this shape takes, about: not every kernel tells */
ECBPF_API uint64_t ecbpf_map_bytes(const struct bpf_map_info *shape);

/** ecbpf_maps_bytes - the same of @count maps that are there, in all */
ECBPF_API int ecbpf_maps_bytes(const int *fd, size_t count, uint64_t *bytes);

/** ecbpf_map_bytes_planned - of a map that is not made yet */
ECBPF_API uint64_t ecbpf_map_bytes_planned(const struct bpf_map *map);

#ifdef __cplusplus
}
#endif

#endif
