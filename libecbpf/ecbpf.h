/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * libecbpf for user space: roots, slots, statistics.
 *
 * Functions return 0 (or what they say) and -errno. None prints, none exits. What went wrong,
 * and what to do about it, is one line in ecbpf_error(). A struct ecbpf_root is for one thread.
 * Functions that change something take the suite's lock themselves; those that read never change
 * anything, not even what a killed command left half done.
 */
#ifndef LIBECBPF_ECBPF_H
#define LIBECBPF_ECBPF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/types.h>
#include <net/if.h>

#include "libecbpf/abi.h"

#ifdef __cplusplus
extern "C" {
#endif

#define ECBPF_API __attribute__((visibility("default")))

struct bpf_object;
struct bpf_program;
struct ecbpf_root;

/* Where the pins are, unless the environment has ECBPF_BPFFS: a directory in a BPF file system. */
#define ECBPF_BPFFS "/sys/fs/bpf/ecbpf"

/* Names that the kernel keeps for programs and maps: 15 characters. */
#define ECBPF_NAME_SIZE 16

/** ecbpf_error - what the last failed call of this thread has to say: cause, and remedy */
ECBPF_API const char *ecbpf_error(void);

/** ecbpf_fail - set ecbpf_error() and return @err (-errno) */
ECBPF_API int ecbpf_fail(int err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** ecbpf_code_name - name of a reason code, or NULL if the suite does not know it */
ECBPF_API const char *ecbpf_code_name(__u32 code);

/** ecbpf_code_text - what it means, in a few words; NULL as above */
ECBPF_API const char *ecbpf_code_text(__u32 code);

/** ecbpf_column_name - name of a column, or NULL */
ECBPF_API const char *ecbpf_column_name(unsigned int column);

/** ecbpf_row_name - "root", "0" .. "15", "end", or NULL; constant strings */
ECBPF_API const char *ecbpf_row_name(unsigned int row);

/**
 * ecbpf_netns_enter - move this thread into another network namespace, and only that
 * @name: below /run/netns, or a path (it has a slash)
 * Return: 0; -ENOENT, -EPERM, -EINVAL.
 */
ECBPF_API int ecbpf_netns_enter(const char *name);

/**
 * ecbpf_netns_cookie - the kernel's number for this thread's network namespace
 *
 * Never reused; 1 is the initial namespace.
 */
ECBPF_API int ecbpf_netns_cookie(uint64_t *cookie);

/**
 * ecbpf_pin_dir - directory of pins of an interface in this thread's network namespace
 * @buf: path; BASE/IF, or BASE/IF:COOKIE outside the initial network namespace; each dot in the
 *       name of the interface (BPF file systems allow none) is two colons there
 * Return: 0; -EINVAL not a name of an interface; -ENAMETOOLONG.
 */
ECBPF_API int ecbpf_pin_dir(const char *ifname, char *buf, size_t size);

/**
 * enum ecbpf_state - what is known of an interface
 * @ECBPF_NONE: no root
 * @ECBPF_NOP: the pass-through program that `detach --nop` leaves
 * @ECBPF_RUNNING: root attached
 * @ECBPF_GONE: pins of a root whose interface was removed; there may be a new one of that name
 */
enum ecbpf_state { ECBPF_NONE, ECBPF_NOP, ECBPF_RUNNING, ECBPF_GONE };

/** enum ecbpf_mode - where XDP runs; ANY is "not said" */
enum ecbpf_mode { ECBPF_MODE_ANY, ECBPF_MODE_NATIVE, ECBPF_MODE_SKB, ECBPF_MODE_HW };

ECBPF_API const char *ecbpf_state_name(enum ecbpf_state state);
ECBPF_API const char *ecbpf_mode_name(enum ecbpf_mode mode);

/**
 * ecbpf_root_open - look at an interface; changes nothing
 * @root: set on success; ecbpf_root_close() it
 * Return: 0, also where there is no root; -ENODEV no such interface; -EPERM; -ENOTDIR no BPF file
 * system; -EPROTO pins of another version of the suite.
 */
ECBPF_API int ecbpf_root_open(const char *ifname, struct ecbpf_root **root);

/** ecbpf_root_open_running - ecbpf_root_open(), but -ENOENT unless a root is attached */
ECBPF_API int ecbpf_root_open_running(const char *ifname, struct ecbpf_root **root);

/** ecbpf_root_close - NULL is fine; changes nothing */
ECBPF_API void ecbpf_root_close(struct ecbpf_root *root);

ECBPF_API enum ecbpf_state ecbpf_root_state(const struct ecbpf_root *root);
ECBPF_API const char *ecbpf_root_ifname(const struct ecbpf_root *root);
/** ecbpf_root_dir - its directory of pins; it need not exist */
ECBPF_API const char *ecbpf_root_dir(const struct ecbpf_root *root);

/**
 * struct ecbpf_program - a loaded program, as the kernel describes it
 * @id: 0: none
 * @loaded_s: CLOCK_REALTIME seconds
 * @name: NUL-terminated, cut by the kernel after 15 characters
 * @tag: hash of the instructions, in hexadecimal
 * @version: of a root or member; empty for a program that is not the suite's
 * @abi: ECBPF_ABI of a root or member, 0 for others
 * @slot: the slot that it was loaded for, if @abi
 */
struct ecbpf_program {
	__u32 id;
	__u32 abi;
	int slot;
	uint64_t loaded_s;
	char name[ECBPF_NAME_SIZE];
	char tag[17];
	char version[24];
};

/** ecbpf_program_get - describe the program with this id; -ENOENT */
ECBPF_API int ecbpf_program_get(__u32 id, struct ecbpf_program *program);

/**
 * ecbpf_program_map - a map that the program with this id uses, or its object had pinned
 *
 * Also maps that are pinned nowhere: they live as long as the program.
 * Return: a new descriptor, closed by the caller; -ENOENT.
 */
ECBPF_API int ecbpf_program_map(__u32 prog_id, const char *name);

/**
 * struct ecbpf_root_info - what is attached
 * @ifindex: of the interface now; 0: there is none
 * @link_id: of the pinned link; 0: none
 * @link_ifindex: interface that the link holds; 0: it was removed
 * @link_prog_id: program that the link runs
 * @nic_prog_id: program that the interface says it runs; 0: none
 * @mode: where that runs
 * @program: the link's
 */
struct ecbpf_root_info {
	unsigned int ifindex;
	__u32 link_id;
	__u32 link_ifindex;
	__u32 link_prog_id;
	__u32 nic_prog_id;
	enum ecbpf_mode mode;
	struct ecbpf_program program;
};

ECBPF_API int ecbpf_root_info(const struct ecbpf_root *root, struct ecbpf_root_info *info);

/**
 * ecbpf_root_attach - put a root on the interface, or back on it
 * @root: handle; up to date afterwards
 * @obj: opened, not loaded; loaded here, still owned by the caller
 * @prog: its program
 * @mode: ECBPF_MODE_ANY is native
 *
 * Of a removed interface (ECBPF_GONE) members, maps and counters come back with it.
 * Return: 0; -EEXIST a root is there; -EBUSY a foreign program is there; -EOPNOTSUPP the driver
 * lacks the mode; else why @obj did not load. After a failure everything is as it was.
 */
ECBPF_API int ecbpf_root_attach(struct ecbpf_root *root, struct bpf_object *obj,
				struct bpf_program *prog, enum ecbpf_mode mode);

/**
 * ecbpf_root_upgrade - replace the root program under running members
 *
 * Members, maps and counters stay; every packet meets the old root or the new.
 * Return: 0; -ENOENT no root is attached; else why @obj did not load.
 */
ECBPF_API int ecbpf_root_upgrade(struct ecbpf_root *root, struct bpf_object *obj,
				 struct bpf_program *prog);

/**
 * ecbpf_root_detach - take the root, its members and all pins away
 * @nop_fd: program to leave on the interface, or -1
 * Return: 0, also where nothing was attached.
 */
ECBPF_API int ecbpf_root_detach(struct ecbpf_root *root, int nop_fd);

/**
 * ecbpf_root_map - one of the suite's maps (abi.h)
 * Return: a new descriptor, closed by the caller; -ENOENT.
 */
ECBPF_API int ecbpf_root_map(const struct ecbpf_root *root, const char *name);

/**
 * ecbpf_control_map - struct ecbpf_control of a root, mapped to be changed live (abi.h)
 * Return: NULL after an error; for ecbpf_control_unmap(), which takes NULL too.
 */
ECBPF_API volatile struct ecbpf_control *ecbpf_control_map(const struct ecbpf_root *root);
ECBPF_API void ecbpf_control_unmap(volatile struct ecbpf_control *control);

/**
 * ecbpf_object_open - open anybody's object file for ecbpf_slot_load()
 *
 * Its multi-buffer programs (xdp.frags) become single-buffer ones, as all in a chain must be: from
 * the first call on, libbpf takes them so in this whole process.
 * Return: 0 and *obj, for bpf_object__close(); -ENOENT; else not an object that libbpf takes.
 */
ECBPF_API int ecbpf_object_open(const char *path, struct bpf_object **obj);

/** enum ecbpf_take - what a program may take the place of: nothing or its own kind; anything */
enum ecbpf_take { ECBPF_TAKE_OWN, ECBPF_TAKE_ANY };

/**
 * ecbpf_slot_load - load an object's program and put it into a slot
 * @slot: 0 .. ECBPF_SLOTS-1, or -1: what the object says (a member does)
 * @obj: opened, not loaded; loaded here, still owned by the caller
 * @prog: one of its XDP programs
 * @take: ECBPF_TAKE_OWN: the slot must be empty, or hold a program of the same name
 *
 * The suite's maps come from the root. The object's own maps that ask to be pinned by name are
 * pinned in the slot's directory; a program of the same name there hands its maps over.
 * Packets meet the old program or the new, never an empty slot.
 * Return: the slot; -ERANGE; -EBUSY another program is there; -EINVAL no slot given, not an XDP program, or a map that does not
 * fit; -EPROTO built for another ABI; -ENOENT no root; else why it did not load.
 * After a failure everything is as it was.
 */
ECBPF_API int ecbpf_slot_load(struct ecbpf_root *root, int slot, struct bpf_object *obj,
			      struct bpf_program *prog, enum ecbpf_take take);

/**
 * ecbpf_slot_clear - empty a slot and remove its pins
 * @name: of the program that it must hold, or NULL: any
 * Return: 0; -ERANGE; -ENOENT it is empty; -EBUSY another program is there.
 */
ECBPF_API int ecbpf_slot_clear(struct ecbpf_root *root, int slot, const char *name);

/**
 * ecbpf_slot_claim - be the only one who uses the maps that the program in @slot has pinned
 *
 * For commands that must not run twice at a time; of ECBPF_SLOT_ROOT: the root's trace. Loading and clearing do not ask for it.
 * Return: a descriptor: closing it ends the claim; -EBUSY somebody else has it; -ENOENT no maps.
 */
ECBPF_API int ecbpf_slot_claim(const struct ecbpf_root *root, int slot);

/** ecbpf_slot_lock - ecbpf_slot_claim(), but wait until it can be had */
ECBPF_API int ecbpf_slot_lock(const struct ecbpf_root *root, int slot);

/** ecbpf_slot_get - what is in a slot; id 0: empty; -ERANGE */
ECBPF_API int ecbpf_slot_get(const struct ecbpf_root *root, int slot,
			     struct ecbpf_program *program);

/** ecbpf_slot_find - the first slot whose program has this name; -ENOENT */
ECBPF_API int ecbpf_slot_find(const struct ecbpf_root *root, const char *name);

/** ecbpf_slot_map - descriptor of a map that the program in @slot has pinned by name; -ENOENT */
ECBPF_API int ecbpf_slot_map(const struct ecbpf_root *root, int slot, const char *name);

/**
 * ecbpf_stats_read - all CPUs' counters, less what the last reset took as zero
 *
 * What the root handed on (column NEXT) equals what the slots and the end of the chain finished
 * or did not report, but for one packet in flight on each CPU.
 */
ECBPF_API int ecbpf_stats_read(const struct ecbpf_root *root, struct ecbpf_total *total);

/** ecbpf_stats_reset - count from here; the counters themselves are not touched, so none is lost */
ECBPF_API int ecbpf_stats_reset(struct ecbpf_root *root);

/** ecbpf_sampled_read - what became of the packets that were drawn for the sampler, on all CPUs */
ECBPF_API int ecbpf_sampled_read(const struct ecbpf_root *root, struct ecbpf_sampled *sampled);

/** ecbpf_row_seen - what reached a row: the sum of its columns */
ECBPF_API struct ecbpf_counter ecbpf_row_seen(const struct ecbpf_row *row);

/**
 * ecbpf_percpu_sum - add up the 64-bit words of a per-CPU value
 * @values: as bpf_map_lookup_elem() fills it: one value for each possible CPU
 * @sum: @words words
 */
ECBPF_API void ecbpf_percpu_sum(const __u64 *values, size_t words, int cpus, __u64 *sum);

/**
 * ecbpf_jiffies - the kernel's ticks, which packets are stamped with for less than a nanosecond
 * @jiffies: undefined unless 0 is returned
 */
ECBPF_API int ecbpf_jiffies(uint64_t *jiffies);

/** ecbpf_hz - ticks a second */
ECBPF_API unsigned int ecbpf_hz(void);

/** enum ecbpf_pin_health - what a look at the directory of pins found */
enum ecbpf_pin_health {
	ECBPF_PINS_OK,
	ECBPF_PINS_MISSING,    /* a map of the suite is not pinned */
	ECBPF_PINS_UNFINISHED, /* left by a killed command; the next change tidies up */
	ECBPF_PINS_UNTRIED,    /* a program that the suite has not put there; so does it */
};

ECBPF_API enum ecbpf_pin_health ecbpf_pins_health(const struct ecbpf_root *root);
ECBPF_API const char *ecbpf_pin_health_name(enum ecbpf_pin_health health);

#ifdef __cplusplus
}
#endif

#endif
