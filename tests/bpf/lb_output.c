// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <string.h>

#include <netinet/in.h>

#include "tests/bpf/lb_output.h"
#include "xdp_lb/hash.h"

/* --- forwarding */

static size_t l2_bytes(const struct lb_view *v)
{
	return 14 + 4 * v->tags;
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

static bool sums_are_right(const struct lb_view *v)
{
	const size_t header = v->family == 4 ? 20 : 40, bytes = v->ip_bytes - header;
	uint32_t sum = v->proto + bytes;

	if (v->family == 4 && frames_sum(0, v->frame + v->ip, header) != 0xffff)
		return false;
	sum = frames_sum(sum, v->frame + v->ip + (v->family == 4 ? 12 : 8),
			 v->family == 4 ? 8 : 32);
	return frames_sum(sum, v->frame + v->ip + header, bytes) == 0xffff;
}

static void outer_gue(const struct lb_view *v, const struct ecbpf_recipe *recipe,
		      struct lb_result *r)
{
	const bool v6 = recipe->flags & ECBPF_OUTER_V6;
	const size_t at = recipe->l2_bytes + (v6 ? 40 : 20), bytes = v->ip_bytes + 12;
	uint8_t *udp = r->frame + at;
	uint16_t check;

	frames_put16(udp, 0xc000 | (lb_hash(&v->key, LB_OF_TUPLE) & 0x3fff));
	frames_put16(udp + 4, bytes);
	if (!(recipe->flags & ECBPF_GUE_CSUM))
		return;
	check = frames_sum(IPPROTO_UDP + bytes, r->frame + recipe->l2_bytes + (v6 ? 8 : 12),
			   v6 ? 32 : 8);
	check = ~frames_sum(check, udp, bytes);
	frames_put16(udp + 6, check ? check : 0xffff);
	if (!sums_are_right(v))
		r->sum_at = at + 6;
}

/* outer_tos - congestion marked before the tunnel is not marked in it (RFC 3168 9.1.1) */
static uint8_t outer_tos(uint8_t tos)
{
	return (tos & 3) == 3 ? (tos & 0xfc) | 2 : tos;
}

static void outer_header(const struct lb_view *v, const struct ecbpf_recipe *recipe,
			 struct lb_result *r)
{
	const bool df = v->df && recipe->flags & ECBPF_DF_COPY;
	uint8_t *ip = r->frame + recipe->l2_bytes;

	memcpy(ip, recipe->outer, recipe->outer_bytes);
	if (recipe->flags & ECBPF_OUTER_V6) {
		frames_put16(ip, (frames_get16(ip) & 0xf00f) | outer_tos(v->tos) << 4);
		frames_put16(ip + 4, v->ip_bytes + recipe->outer_bytes - 40);
		ip[7] = v->ttl - 1;
		return;
	}
	ip[1] = outer_tos(v->tos);
	frames_put16(ip + 2, v->ip_bytes + recipe->outer_bytes);
	ip[6] = df ? 0x40 : 0;
	ip[8] = v->ttl - 1;
	frames_put16(ip + 10, ~frames_sum(0, ip, 20));
	if (!df)
		r->id_at = recipe->l2_bytes + 4;
}

bool lb_output_forward(const struct lb_view *v, const struct ecbpf_recipe *recipe,
		       struct lb_result *r)
{
	const size_t before = recipe->l2_bytes + recipe->outer_bytes;

	if (recipe->flags & ECBPF_GUE_CSUM && !v->summed)
		return false;
	memcpy(r->frame, recipe->l2, recipe->l2_bytes);
	memcpy(r->frame + before, v->frame + v->ip, v->ip_bytes);
	one_hop(r->frame + before, v->family);
	r->len = before + v->ip_bytes;
	if (recipe->outer_bytes)
		outer_header(v, recipe, r);
	if (recipe->kind == ECBPF_GUE)
		outer_gue(v, recipe, r);
	/* a frame without tags stays as long as it is */
	if (before == 14 && !v->tags) {
		memcpy(r->frame + r->len, v->frame + r->len, v->len - r->len);
		r->len = v->len;
	}
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
