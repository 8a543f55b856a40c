/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The firewall that runs on an interface, as commands see it. */
#ifndef XDP_FW_LIVE_H
#define XDP_FW_LIVE_H

#include "xdp_fw/maps.h"
#include "xdp_fw/plan.h"

/* Kernel name of the program. */
#define FW_PROGRAM "xdp_fw_kern"

/**
 * struct fw_header - beginning of map fw_text, of a generation
 * @deadline: jiffies until which it must be confirmed; 0: it need not
 * @text_bytes: of the canonical text that follows
 * @locals: struct ecbpf_prefix that follow the text: the machine's addresses at that time
 * @next_slot: where the search for free counters goes on
 * @seed: of the hash of sources
 */
struct fw_header {
	uint64_t deadline;
	uint64_t seed;
	uint32_t text_bytes;
	uint32_t locals;
	uint32_t next_slot;
	uint32_t pad;
};

/**
 * struct fw_live - a generation
 * @lock: held while something is changed, or -1
 * @slot: of the root
 * @slot_id: program in the slot
 * @prog_id: program that judges: the same, or the one before if a trial is over
 * @hold: keeps it and its maps, whatever becomes of the slot
 * @header: of @prog_id
 * @set: its rules
 * @local, @locals: see struct fw_header
 * @plan: of @set
 * @rule: map xdp_fw_rules_map: of each entry of the plan
 * @maps: its maps
 * @pool: its sets
 */
struct fw_live {
	struct ecbpf_root *root;
	int lock;
	int slot;
	uint32_t slot_id;
	uint32_t prog_id;
	int hold;
	struct fw_header header;
	struct fw_ruleset set;
	struct ecbpf_prefix *local;
	struct fw_plan plan;
	struct fw_verdict_rule *rule;
	struct fw_maps maps;
	struct fw_pool pool;
};

/** enum fw_trial - of the generation in the slot */
enum fw_trial { FW_TRIAL_NONE, FW_TRIAL_RUNNING, FW_TRIAL_OVER };

/** enum fw_purpose - what for: only CHANGE and TRIAL wait for other commands, and keep them out */
enum fw_purpose {
	FW_READ,
	FW_CHANGE,  /* -EBUSY while a trial runs */
	FW_ENTRIES, /* of sets: -EBUSY while a trial runs that has sets of its own */
	FW_TRIAL,   /* to confirm or end one */
};

/**
 * fw_live_open - the generation that judges now
 * @live: for fw_live_close(), also after a failure
 * Return: 0; -ENOENT no root, or no firewall; -EBUSY see @purpose; -EPROTO another version's.
 */
int fw_live_open(const char *ifname, enum fw_purpose purpose, struct fw_live *live);
void fw_live_close(struct fw_live *live);

/** fw_live_trial - @left_s: how long it still runs */
enum fw_trial fw_live_trial(const struct fw_live *live, unsigned int *left_s);

/** fw_live_previous - make @live, on trial, the generation before */
int fw_live_previous(struct fw_live *live);

/** fw_live_hits_clear - @count entries of map fw_hits, on all CPUs */
int fw_live_hits_clear(const struct fw_live *live, const uint32_t *slot, size_t count);

/** fw_live_set_id - for fw_compile(): @arg is a struct fw_pool */
int fw_live_set_id(void *arg, const char *name);

#endif
