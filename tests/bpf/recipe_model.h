/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What a packet that a recipe is applied to becomes, for the models of all that forward. */
#ifndef TESTS_BPF_RECIPE_MODEL_H
#define TESTS_BPF_RECIPE_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libecbpf/recipe.h"

/**
 * struct recipe_packet - what is sent
 * @ip: @bytes of it
 * @family: 4 or 6
 * @right: so are its checksums; needed where an outer one is made of them
 * @gue_sport: in host byte order
 */
struct recipe_packet {
	const uint8_t *ip;
	size_t bytes;
	int family;
	uint8_t tos, ttl;
	bool df, right;
	uint16_t gue_sport;
};

/** struct recipe_places - of two bytes that no model can tell: IPv4's id, a checksum; 0: none */
struct recipe_places {
	size_t id, sum;
};

/** recipe_tos - congestion marked before the tunnel is not marked in it (RFC 3168 9.1.1) */
uint8_t recipe_tos(uint8_t tos);

/** recipe_apply - returns the frame's length, without what was behind the packet */
size_t recipe_apply(const struct ecbpf_recipe *recipe, const struct recipe_packet *packet,
		    uint8_t *frame, struct recipe_places *places);

#endif
