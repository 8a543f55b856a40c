/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Which counters and bucket a rule has: those it had in the generation before, if it was there. */
#ifndef XDP_FW_SLOTS_H
#define XDP_FW_SLOTS_H

#include "xdp_fw/live.h"

/**
 * fw_slots_assign - fill in the slot of each rule
 * @before: generation before, or NULL
 * @next: where the next search for free slots begins: one that was freed is not taken again soon,
 *        since a packet may still be about to count there
 *
 * A rule stays if one of its kind was there with the same name; or with the same text, if neither
 * has a name. Of several alike the first stays the first.
 */
int fw_slots_assign(const struct fw_plan *plan, struct fw_verdict_rule *rule,
		    const struct fw_live *before, uint32_t *next);

/** fw_slot_is_new - no rule of that generation has this slot */
bool fw_slot_is_new(const struct fw_live *before, uint32_t slot);

#endif
