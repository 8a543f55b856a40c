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
 * @frame, @len: that it came in
 * @ip: where its IP header is, @bytes of it
 * @family: 4 or 6
 * @summed: it has a checksum that stands for all of it
 * @gue_sport: in host byte order
 */
struct recipe_packet {
	const uint8_t *frame;
	size_t len, ip, bytes;
	int family;
	uint8_t proto, tos, ttl;
	bool df, summed;
	uint16_t gue_sport;
};

/**
 * struct recipe_result - the frame that leaves
 * @id_at, @sum_at: of two bytes that no model can tell: IPv4's id, a checksum; 0: none
 */
struct recipe_result {
	size_t len, id_at, sum_at;
};

/** recipe_tos - congestion marked before the tunnel is not marked in it (RFC 3168 9.1.1) */
uint8_t recipe_tos(uint8_t tos);

/** recipe_apply - false: the frame cannot be changed */
bool recipe_apply(const struct ecbpf_recipe *recipe, const struct recipe_packet *packet,
		  uint8_t *frame, struct recipe_result *result);

#endif
