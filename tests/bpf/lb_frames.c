// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <string.h>

#include <netinet/in.h>

#include "tests/bpf/lb_frames.h"

#define TYPE_IP4   0x0800
#define TYPE_IP6   0x86dd
#define TYPE_VLAN  0x8100
#define TYPE_SVLAN 0x88a8

#define NEXT_FRAGMENT 44
#define NEXT_DSTOPTS  60

/* --- layers; each returns its length */

static size_t put_link(const struct lb_frame *f, uint8_t *at)
{
	static const uint8_t mac[12] = { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0xc1 };
	unsigned int i;
	size_t len = 12;

	memcpy(at, mac, sizeof(mac));
	for (i = 0; i < f->tags; i++, len += 4) {
		frames_put16(at + len, f->tags == 2 && !i ? TYPE_SVLAN : TYPE_VLAN);
		frames_put16(at + len + 2, f->tci[i]);
	}
	frames_put16(at + len, f->family == 4 ? TYPE_IP4 : TYPE_IP6);
	return len + 2;
}

/* put_packet() and put_upper(): an ICMP error has another packet in it. */
static size_t put_packet(const struct lb_frame *f, uint8_t *at);

static size_t put_body(const struct lb_frame *f, uint8_t *at)
{
	uint8_t quoted[FRAMES_MAX];
	size_t len, i;

	if (f->quote) {
		len = put_packet(f->quote, quoted);
		if (len > f->quote_bytes)
			len = f->quote_bytes;
		memcpy(at, quoted, len);
		return len;
	}
	for (i = 0; i < f->payload; i++)
		at[i] = i < f->head_bytes ? f->head[i] : i * 7 + (f->fill ? f->fill : f->sport);
	return f->payload;
}

static size_t upper_header(const struct lb_frame *f)
{
	if (f->fragment && f->offset)
		return 0;
	switch (f->proto) {
	case IPPROTO_TCP:
		return 20;
	case IPPROTO_UDP:
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return 8;
	default:
		return 0;
	}
}

static uint16_t upper_check(const struct lb_frame *f, const uint8_t *at, size_t len)
{
	const size_t bytes = f->family == 4 ? 4 : 16;
	const bool segment = f->proto == IPPROTO_TCP || f->proto == IPPROTO_UDP;
	uint32_t sum = 0;

	if (f->proto != IPPROTO_ICMP) {
		sum = frames_sum(f->proto + len, f->saddr, bytes);
		sum = frames_sum(sum, f->daddr, bytes);
	}
	return f->partial && segment ? sum : (uint16_t)~frames_sum(sum, at, len);
}

static size_t put_upper(const struct lb_frame *f, uint8_t *at)
{
	const size_t header = upper_header(f), len = header + put_body(f, at + header);
	size_t check_at = f->proto == IPPROTO_TCP ? 16 : f->proto == IPPROTO_UDP ? 6 : 2;
	uint16_t check;

	if (!header)
		return len;
	memset(at, 0, header);
	if (f->proto == IPPROTO_TCP || f->proto == IPPROTO_UDP) {
		frames_put16(at, f->sport);
		frames_put16(at + 2, f->dport);
	} else {
		at[0] = f->type;
		at[1] = f->code;
		frames_put16(at + 4, f->sport);
	}
	if (f->proto == IPPROTO_TCP) {
		frames_put32(at + 4, 0x01020304);
		at[12] = 5 << 4;
		at[13] = f->flags;
		frames_put16(at + 14, 512);
	} else if (f->proto == IPPROTO_UDP) {
		frames_put16(at + 4, len);
		if (f->no_sum)
			return len;
	}
	check = upper_check(f, at, len);
	frames_put16(at + check_at, check || f->proto != IPPROTO_UDP ? check : 0xffff);
	return len;
}

static size_t put_ip4(const struct lb_frame *f, uint8_t *at)
{
	const size_t header = 20 + f->options * 4, len = put_upper(f, at + header);

	memset(at, 0, 20);
	memset(at + 20, 1, header - 20); /* no operation */
	at[0] = 0x40 | header / 4;
	at[1] = f->tos;
	frames_put16(at + 2, header + len);
	frames_put16(at + 4, f->id);
	frames_put16(at + 6, (f->df ? 0x4000 : 0) | (f->more ? 0x2000 : 0) | f->offset);
	at[8] = f->ttl;
	at[9] = f->proto;
	memcpy(at + 12, f->saddr, 4);
	memcpy(at + 16, f->daddr, 4);
	frames_put16(at + 10, ~frames_sum(0, at, header));
	return header + len;
}

static size_t put_ip6(const struct lb_frame *f, uint8_t *at)
{
	size_t len = 40;
	uint8_t *next = at + 6;
	unsigned int i;

	memset(at, 0, 8);
	frames_put32(at, 0x60000000 | f->tos << 20 | 0xa0b0c);
	at[7] = f->ttl;
	memcpy(at + 8, f->saddr, 16);
	memcpy(at + 24, f->daddr, 16);
	for (i = 0; i < f->options; i++, len += 8) {
		*next = NEXT_DSTOPTS;
		next = at + len;
		memcpy(at + len, (uint8_t[]){ 0, 0, 1, 4, 0, 0, 0, 0 }, 8);
	}
	if (f->fragment) {
		*next = NEXT_FRAGMENT;
		next = at + len;
		at[len + 1] = 0;
		frames_put16(at + len + 2, f->offset << 3 | f->more);
		frames_put32(at + len + 4, f->id);
		len += 8;
	}
	*next = f->proto;
	len += put_upper(f, at + len);
	frames_put16(at + 4, len - 40);
	return len;
}

static size_t put_packet(const struct lb_frame *f, uint8_t *at)
{
	return f->family == 4 ? put_ip4(f, at) : put_ip6(f, at);
}

size_t lb_frame_make(const struct lb_frame *f, uint8_t *at)
{
	size_t len = put_link(f, at);

	len += put_packet(f, at + len);
	memset(at + len, 0xee, f->padding);
	return len + f->padding;
}

struct lb_frame lb_frame_turn(const struct lb_frame *f)
{
	struct lb_frame turned = *f;

	memcpy(turned.saddr, f->daddr, sizeof(turned.saddr));
	memcpy(turned.daddr, f->saddr, sizeof(turned.daddr));
	turned.sport = f->dport;
	turned.dport = f->sport;
	turned.tags = 0;
	return turned;
}
