// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <string.h>

#include <netinet/in.h>

#include "tests/bpf/frames.h"
#include "tests/bpf/recipe_model.h"

uint8_t recipe_tos(uint8_t tos)
{
	return (tos & 3) == 3 ? (tos & 0xfc) | 2 : tos;
}

/* Less one, as a router's (RFC 1812): the checksum grows by as much, with end-around carry. */
static void one_hop(uint8_t *ip, int family)
{
	unsigned int check;

	if (family == 6) {
		ip[7]--;
		return;
	}
	ip[8]--;
	check = frames_get16(ip + 10) + 0x100;
	frames_put16(ip + 10, check + (check >= 0xffff));
}

/* sums_are_right - an outer checksum is made of them */
static bool sums_are_right(const struct recipe_packet *p)
{
	const size_t header = p->family == 4 ? 20 : 40, bytes = p->bytes - header;
	const uint8_t *ip = p->frame + p->ip;
	uint32_t sum = p->proto + bytes;

	if (p->family == 4 && frames_sum(0, ip, header) != 0xffff)
		return false;
	sum = frames_sum(sum, ip + (p->family == 4 ? 12 : 8), p->family == 4 ? 8 : 32);
	return frames_sum(sum, ip + header, bytes) == 0xffff;
}

static void outer_gue(const struct ecbpf_recipe *recipe, const struct recipe_packet *packet,
		      uint8_t *frame, struct recipe_result *result)
{
	const bool v6 = recipe->flags & ECBPF_OUTER_V6;
	const size_t at = recipe->l2_bytes + (v6 ? 40 : 20), bytes = packet->bytes + 12;
	uint8_t *udp = frame + at;
	uint16_t check;

	frames_put16(udp, packet->gue_sport);
	frames_put16(udp + 4, bytes);
	if (!(recipe->flags & ECBPF_GUE_CSUM))
		return;
	check = frames_sum(IPPROTO_UDP + bytes, frame + recipe->l2_bytes + (v6 ? 8 : 12),
			   v6 ? 32 : 8);
	check = ~frames_sum(check, udp, bytes);
	frames_put16(udp + 6, check ? check : 0xffff);
	if (!sums_are_right(packet))
		result->sum_at = at + 6;
}

static void outer_header(const struct ecbpf_recipe *recipe, const struct recipe_packet *packet,
			 uint8_t *frame, struct recipe_result *result)
{
	const bool df = packet->df && recipe->flags & ECBPF_DF_COPY;
	const uint8_t tos = recipe_tos(packet->tos);
	uint8_t *ip = frame + recipe->l2_bytes;

	memcpy(ip, recipe->outer, recipe->outer_bytes);
	if (recipe->flags & ECBPF_OUTER_V6) {
		frames_put16(ip, (frames_get16(ip) & 0xf00f) | tos << 4);
		frames_put16(ip + 4, packet->bytes + recipe->outer_bytes - 40);
		ip[7] = packet->ttl - 1;
		return;
	}
	ip[1] = tos;
	frames_put16(ip + 2, packet->bytes + recipe->outer_bytes);
	ip[6] = df ? 0x40 : 0;
	ip[8] = packet->ttl - 1;
	frames_put16(ip + 10, ~frames_sum(0, ip, 20));
	if (!df)
		result->id_at = recipe->l2_bytes + 4;
}

bool recipe_apply(const struct ecbpf_recipe *recipe, const struct recipe_packet *packet,
		  uint8_t *frame, struct recipe_result *result)
{
	const size_t before = recipe->l2_bytes + recipe->outer_bytes;

	if (recipe->flags & ECBPF_GUE_CSUM && !packet->summed)
		return false;
	*result = (struct recipe_result){ .len = before + packet->bytes };
	memcpy(frame, recipe->l2, recipe->l2_bytes);
	memcpy(frame + before, packet->frame + packet->ip, packet->bytes);
	one_hop(frame + before, packet->family);
	if (recipe->outer_bytes)
		outer_header(recipe, packet, frame, result);
	if (recipe->kind == ECBPF_GUE)
		outer_gue(recipe, packet, frame, result);
	/* a frame without tags stays as long as it is */
	if (before == 14 && packet->ip == 14) {
		memcpy(frame + result->len, packet->frame + result->len, packet->len - result->len);
		result->len = packet->len;
	}
	return true;
}
