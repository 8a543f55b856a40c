// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <string.h>

#include <netinet/in.h>

#include "tests/bpf/lb_output.h"
#include "tests/bpf/recipe_model.h"
#include "xdp_lb/hash.h"

/* --- forwarding */

static size_t l2_bytes(const struct lb_view *v)
{
	return 14 + 4 * v->tags;
}

bool lb_output_forward(const struct lb_view *v, const struct ecbpf_recipe *recipe,
		       struct lb_result *r)
{
	const struct recipe_packet packet = {
		.frame = v->frame,
		.len = v->len,
		.ip = v->ip,
		.bytes = v->ip_bytes,
		.family = v->family,
		.proto = v->proto,
		.tos = v->tos,
		.ttl = v->ttl,
		.df = v->df,
		.summed = v->summed,
		.gue_sport = 0xc000 | (lb_hash(&v->key, LB_OF_TUPLE) & 0x3fff),
	};
	struct recipe_result result;

	if (!recipe_apply(recipe, &packet, r->frame, &result))
		return false;
	r->len = result.len;
	r->id_at = result.id_at;
	r->sum_at = result.sum_at;
	return true;
}

/* --- Packet Too Big */

static void swap_mac(const struct lb_view *v, struct lb_result *r)
{
	memcpy(r->frame, v->frame + 6, 6);
	memcpy(r->frame + 6, v->frame, 6);
	memcpy(r->frame + 12, v->frame + 12, l2_bytes(v) - 12);
}

/* An IPv4 address that a host may have: not 0/8, not 127/8, no group, nothing above. */
static bool is_host4(const uint8_t *addr)
{
	return addr[0] && addr[0] != 127 && addr[0] < 224;
}

static bool is_host6(const uint8_t *addr)
{
	return addr[0] && addr[0] != 0xff;
}

static void ptb4(const struct lb_view *v, uint32_t mtu, struct lb_result *r)
{
	const uint8_t *from = v->frame + v->ip;
	const size_t quote = (from[0] & 15) * 4 + 8;
	uint8_t *ip = r->frame + l2_bytes(v);

	memset(ip, 0, 28);
	ip[0] = 0x45;
	ip[1] = 0xc0;
	frames_put16(ip + 2, 28 + quote);
	ip[6] = 0x40;
	ip[8] = 64;
	ip[9] = IPPROTO_ICMP;
	memcpy(ip + 12, from + 16, 4);
	memcpy(ip + 16, from + 12, 4);
	frames_put16(ip + 10, ~frames_sum(0, ip, 20));
	ip[20] = 3;
	ip[21] = 4;
	frames_put16(ip + 26, mtu < 68 ? 68 : mtu);
	memcpy(ip + 28, from, quote);
	frames_put16(ip + 22, ~frames_sum(0, ip + 20, 8 + quote));
	r->len = l2_bytes(v) + 28 + quote;
}

static void ptb6(const struct lb_view *v, uint32_t mtu, struct lb_result *r)
{
	const uint8_t *from = v->frame + v->ip;
	const size_t quote = (v->ip_bytes < 1232 ? v->ip_bytes : 1232) / 4 * 4;
	uint8_t *ip = r->frame + l2_bytes(v);

	memset(ip, 0, 48);
	ip[0] = 0x60;
	frames_put16(ip + 4, 8 + quote);
	ip[6] = IPPROTO_ICMPV6;
	ip[7] = 64;
	memcpy(ip + 8, from + 24, 16);
	memcpy(ip + 24, from + 8, 16);
	ip[40] = 2;
	frames_put32(ip + 44, mtu < 1280 ? 1280 : mtu);
	memcpy(ip + 48, from, quote);
	frames_put16(ip + 42, ~frames_sum(frames_sum(IPPROTO_ICMPV6 + 8 + quote, ip + 8, 32),
					  ip + 40, 8 + quote));
	r->len = l2_bytes(v) + 48 + quote;
}

bool lb_output_ptb(const struct lb_view *v, uint32_t mtu, struct lb_result *r)
{
	const uint8_t *ip = v->frame + v->ip;

	if (v->error)
		return false;
	if (v->family == 4 ? !is_host4(ip + 12) || !is_host4(ip + 16) :
			     !is_host6(ip + 8) || !is_host6(ip + 24))
		return false;
	swap_mac(v, r);
	if (v->family == 4)
		ptb4(v, mtu, r);
	else
		ptb6(v, mtu, r);
	return true;
}

/* --- echo */

bool lb_output_echo(const struct lb_view *v, struct lb_result *r)
{
	const uint8_t *from = v->frame + v->ip;
	uint8_t *ip = r->frame + v->ip, *icmp = ip + (v->family == 4 ? 20 : 40);
	unsigned int old;

	if (!v->plain)
		return false;
	swap_mac(v, r);
	if (v->family == 4) {
		memcpy(ip + 12, from + 16, 4);
		memcpy(ip + 16, from + 12, 4);
		ip[8] = 64;
		frames_put16(ip + 10, 0);
		frames_put16(ip + 10, ~frames_sum(0, ip, 20));
	} else {
		memcpy(ip + 8, from + 24, 16);
		memcpy(ip + 24, from + 8, 16);
		ip[7] = 64;
	}
	old = frames_get16(icmp);
	icmp[0] = v->family == 4 ? 0 : 129;
	/* RFC 1624, equation 3 */
	frames_put16(icmp + 2,
		     ~frames_sum((uint16_t)~frames_get16(icmp + 2) + (uint16_t)~old, icmp, 2));
	return true;
}
