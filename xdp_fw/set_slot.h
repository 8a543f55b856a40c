/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A slot of the sets' pool as the two words that it is read and written as. A slot is free while its
 * state is 0, and means something only once its state says so: the writer stores the place first.
 * Whoever finds a match reads the slot once more, for it may have been given away meanwhile: its
 * expiry may change under the reader, all else of the same entry stays.
 *
 * Pure; compiled for BPF and for the host.
 */
#ifndef XDP_FW_SET_SLOT_H
#define XDP_FW_SET_SLOT_H

#include <stddef.h>

#include "xdp_fw/abi.h"

/* struct slot_words - struct fw_set_slot: key and index, then all else */
struct slot_words {
	__u64 place;
	__u64 state;
} __attribute__((may_alias));
_Static_assert(offsetof(struct fw_set_slot, expires) == 8, "the first word is key and index");

/* Where a member is in its word. */
#define SLOT_OFFSET(member) (offsetof(struct fw_set_slot, member) % 8)
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define SLOT_SHIFT(member) (8 * SLOT_OFFSET(member))
#else
#define SLOT_SHIFT(member) \
	(64 - 8 * (SLOT_OFFSET(member) + sizeof(((struct fw_set_slot *)0)->member)))
#endif

#define SLOT_KEY(place)	    ((__u32)((place) >> SLOT_SHIFT(key)))
#define SLOT_INDEX(place)   ((__u32)((place) >> SLOT_SHIFT(index)))
#define SLOT_EXPIRES(state) ((__u32)((state) >> SLOT_SHIFT(expires)))
#define SLOT_LENGTH(state)  ((__u8)((state) >> SLOT_SHIFT(length)))
#define SLOT_SET(state)	    ((__u8)((state) >> SLOT_SHIFT(set)))
#define SLOT_FLAGS(state)   ((__u16)((state) >> SLOT_SHIFT(flags)))

#define SLOT_EXPIRES_BITS    (0xffffffffULL << SLOT_SHIFT(expires))
#define SLOT_LENGTH_BITS     (0xffULL << SLOT_SHIFT(length))
#define SLOT_FLAG(flag)	     ((__u64)(flag) << SLOT_SHIFT(flags))
#define SLOT_OF_LENGTH(bits) ((__u64)(bits) << SLOT_SHIFT(length))

/* What of a state must agree for a match, and with what. */
#define SLOT_MATCH_BITS	 (SLOT_LENGTH_BITS | SLOT_FLAG(FW_SLOT_IPV6 | FW_SLOT_GONE))
#define SLOT_MATCH4(len) SLOT_OF_LENGTH(len)
#define SLOT_MATCH6(len) (SLOT_OF_LENGTH(len) | SLOT_FLAG(FW_SLOT_IPV6))

/* slot_same - whether what a slot was, is what it is now */
static inline __attribute__((always_inline)) int slot_same(const volatile struct slot_words *slot,
							   __u64 place, __u64 state)
{
	const __u64 now = slot->state;

	return now == state || (!((now ^ state) & ~SLOT_EXPIRES_BITS) && slot->place == place);
}

#endif
