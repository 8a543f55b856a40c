/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Between the files of the library; not installed. */
#ifndef LIBECBPF_INTERNAL_H
#define LIBECBPF_INTERNAL_H

#include <limits.h>
#include <stdbool.h>

#include "libecbpf/ecbpf.h"

/* Pin of the root's link: it is there if, and only if, something of ours is attached. */
#define LINK_PIN     "link"
#define LINK_NEW_PIN "link:new" /* about to replace a dead one */

/* Kernel name of the program that `detach --nop` leaves. */
#define NOP_NAME "xdp_root_nop"

/**
 * struct ecbpf_root - handle
 * @dir: of pins
 * @ifindex: 0: no such interface now
 * @link: descriptor of the pinned link, or -1; all below only if it is there
 */
struct ecbpf_root {
	char ifname[IF_NAMESIZE];
	char dir[PATH_MAX];
	unsigned int ifindex;
	enum ecbpf_state state;
	int link;
	__u32 link_id;
	__u32 link_ifindex;
	__u32 link_prog_id;
};

/* pin.c */
const char *ecbpf_base_dir(void);
int ecbpf_base_check(void);  /* -ENOTDIR unless on a BPF file system */
int ecbpf_lock(void);	     /* makes the base directory; descriptor or -errno */
void ecbpf_unlock(int lock); /* removes the base directory if it is empty */
int ecbpf_path(char *buf, const char *dir, const char *name); /* PATH_MAX; -ENAMETOOLONG */
int ecbpf_dir_claim(const char *path, bool wait);	      /* exclusive; descriptor or -errno */
bool ecbpf_exists(const char *dir, const char *name);
int ecbpf_tree_remove(const char *path); /* not there is success */
int ecbpf_make_dir(const char *path);	 /* there already is success */
int ecbpf_dir_each(const char *dir, int (*visit)(const char *dir, const char *name, void *arg),
		   void *arg); /* stops at the first that is not 0, and returns it */

/* root.c */
int ecbpf_root_refresh(struct ecbpf_root *root);
int ecbpf_change_begin(struct ecbpf_root *root); /* takes the lock, tidies up; descriptor */
int ecbpf_change_end(struct ecbpf_root *root, int lock, int err); /* returns err, or its own */
int ecbpf_root_running(const struct ecbpf_root *root); /* 0 or -ENOENT, with ecbpf_error() */

/* tidy.c: what killed commands left, under the lock */
int ecbpf_tidy(struct ecbpf_root *root);
void ecbpf_slot_dir_name(char *buf, size_t size, int slot, bool fresh);
int ecbpf_slot_dir_settle(const struct ecbpf_root *root, int slot);

/* slot.c */
int ecbpf_slot_put(const struct ecbpf_root *root, int slot, int prog_fd);

/* control.c: slots that are said to be empty, and not tried; changed under the lock */
int ecbpf_empty_settle(const struct ecbpf_root *root); /* those that are */
int ecbpf_empty_take_back(const struct ecbpf_root *root, int slot);
bool ecbpf_empty_is_said(const struct ecbpf_root *root, int slot);

/* load.c */
int ecbpf_load_root(const struct ecbpf_root *root, struct bpf_object *obj,
		    struct bpf_program *prog);
int ecbpf_load_member(const struct ecbpf_root *root, struct bpf_object *obj,
		      struct bpf_program *prog, int slot, bool inherit);
int ecbpf_object_slot(struct bpf_object *obj); /* the slot a member says, or -1 */
bool ecbpf_is_suite_map(const char *name);
extern const char *const ecbpf_suite_maps[]; /* ends with NULL */

/* stats.c */
uint64_t ecbpf_realtime_ns(void);

/* program.c */
int ecbpf_program_fd(__u32 id);
int ecbpf_program_uses_map(__u32 prog_id, __u32 map_id); /* 1, 0, or -errno */
int ecbpf_map_id(const char *path, __u32 *id);

#endif
