// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <string.h>

#include <netinet/in.h>

#include "tests/bpf/lb_output.h"

/* Where what is in a packet. */
struct layout {
	size_t addr, addr_bytes, upper;
};

static size_t check_at(uint8_t proto)
{
	return proto == IPPROTO_TCP ? 16 : 6;
}

static struct layout layout_of(const struct lb_view *v)
{
	if (v->family == 4)
		return (struct layout){ v->ip + 12, 4, v->upper };
	return (struct layout){ v->ip + 8, 16, v->upper };
}

/* updated - RFC 1624, equation 3: @bytes of what is summed up have changed */
static uint16_t updated(uint16_t check, const uint8_t *old, const uint8_t *new, size_t bytes)
{
	uint32_t sum = (uint16_t)~check;
	size_t i;

	for (i = 0; i < bytes; i += 2) {
		sum += (uint16_t)~frames_get16(old + i) + frames_get16(new + i);
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return ~((sum & 0xffff) + (sum >> 16));
}

static void update(uint8_t *check, const uint8_t *old, const uint8_t *new, size_t bytes)
{
	frames_put16(check, updated(frames_get16(check), old, new, bytes));
}

/* nonzero - UDP: 0 is none */
static void nonzero(uint8_t *check, uint8_t proto)
{
	if (proto == IPPROTO_UDP && !frames_get16(check))
		frames_put16(check, 0xffff);
}

/* put_addrs - @at: the first of two; @source, @dest: NULL: stays */
static void put_addrs(uint8_t *at, const __be32 *source, const __be32 *dest, size_t bytes)
{
	const size_t skip = bytes == 4 ? 3 : 0;

	if (source)
		memcpy(at, source + skip, bytes);
	if (dest)
		memcpy(at + bytes, dest + skip, bytes);
}

static uint16_t pseudo(const uint8_t *addrs, size_t bytes, uint32_t proto, size_t len)
{
	return frames_sum(proto + len, addrs, 2 * bytes);
}

static void put_port(uint8_t *at, __be16 port)
{
	if (port)
		memcpy(at, &port, 2);
}

/* segment - of @len bytes; @old: as it was, from the same place on */
static void segment(uint8_t *to, const uint8_t *old, const struct layout *at,
		    const struct lb_nat *nat, __be16 port, uint8_t proto, size_t len)
{
	uint8_t *upper = to + at->upper, *check = upper + check_at(proto);
	const uint8_t *was = old + at->upper;

	put_port(upper, port ? port : nat->sport);
	put_port(upper + 2, nat->dport);
	if (proto == IPPROTO_UDP && !frames_get16(check))
		return;
	if (frames_get16(check) == pseudo(old + at->addr, at->addr_bytes, proto, len)) {
		frames_put16(check, 0);
		frames_put16(check, ~frames_sum(pseudo(to + at->addr, at->addr_bytes, proto, len),
						upper, len));
	} else {
		update(check, old + at->addr, to + at->addr, 2 * at->addr_bytes);
		update(check, was, upper, 4);
	}
	nonzero(check, proto);
}

/* quote - of an ICMP error: a packet that went the other way */
static void quote(uint8_t *to, const uint8_t *old, const struct lb_view *v, const struct layout *at,
		  const struct lb_nat *nat, __be16 port)
{
	const size_t ip = at->upper + 8, header = v->family == 4 ? (old[ip] & 15) * 4 : 40;
	const size_t addr = ip + (v->family == 4 ? 12 : 8), upper = ip + header;
	const size_t left = v->ip + v->ip_bytes - upper;
	uint8_t *check = to + upper + check_at(v->proto);

	put_addrs(to + addr, nat->to, nat->flags & LB_NAT_SOURCE ? nat->from : NULL,
		  at->addr_bytes);
	if (v->family == 4)
		update(to + ip + 10, old + addr, to + addr, 2 * at->addr_bytes);
	put_port(to + upper, nat->dport);
	put_port(to + upper + 2, port ? port : nat->sport);
	if (left >= check_at(v->proto) + 2 && (v->proto == IPPROTO_TCP || frames_get16(check))) {
		update(check, old + addr, to + addr, 2 * at->addr_bytes);
		update(check, old + upper, to + upper, 4);
		nonzero(check, v->proto);
	}
	update(to + at->upper + 2, old + ip, to + ip, (v->ip + v->ip_bytes - ip) & ~1UL);
	if (v->family == 6)
		update(to + at->upper + 2, old + at->addr, to + at->addr, 2 * at->addr_bytes);
}

/* translate - @to: a copy of the frame */
static bool translate(uint8_t *to, const struct lb_view *v, const struct lb_nat *nat, __be16 port)
{
	const struct layout at = layout_of(v);

	if (at.upper - v->ip - (v->family == 4 ? 20 : 40) > 2048)
		return false;
	put_addrs(to + at.addr, nat->flags & LB_NAT_SOURCE ? nat->from : NULL, nat->to,
		  at.addr_bytes);
	if (v->family == 4)
		update(to + v->ip + 10, v->frame + at.addr, to + at.addr, 8);
	if (v->error)
		quote(to, v->frame, v, &at, nat, port);
	else
		segment(to, v->frame, &at, nat, port, v->proto, v->ip + v->ip_bytes - at.upper);
	return true;
}

bool lb_output_send(const struct lb_view *v, const struct ecbpf_recipe *recipe, struct lb_result *r)
{
	uint8_t changed[FRAMES_MAX];
	struct lb_view as = *v;

	if (recipe->kind != ECBPF_NAT)
		return lb_output_forward(v, recipe, r);
	memcpy(changed, v->frame, v->len);
	as.frame = changed;
	return translate(changed, v, (const struct lb_nat *)recipe->outer, r->port) &&
	       lb_output_forward(&as, recipe, r);
}
