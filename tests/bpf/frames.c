// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <string.h>

#include <netinet/in.h>

#include "tests/bpf/frames.h"
#include "tests/bpf/recipe_model.h"

#define TYPE_IP4   0x0800
#define TYPE_IP6   0x86dd
#define TYPE_VLAN  0x8100
#define TYPE_SVLAN 0x88a8

uint16_t frames_sum(uint32_t sum, const uint8_t *at, size_t bytes)
{
	size_t i;

	for (i = 0; i < bytes; i++)
		sum += i % 2 ? at[i] : at[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

size_t frames_outer_bytes(const struct frames_way *way)
{
	if (way->tunnel == FRAMES_DIRECT)
		return 0;
	return (way->outer == 4 ? 20 : 40) + (way->tunnel == FRAMES_GUE ? 12 : 0);
}

/* --- layers; each returns its length */

static size_t put_link(uint8_t *at, const uint8_t mac[12], unsigned int tags, const uint16_t *tci,
		       unsigned int type)
{
	unsigned int i;
	size_t len = 12;

	memcpy(at, mac, 12);
	for (i = 0; i < tags; i++, len += 4) {
		frames_put16(at + len, tags == 2 && !i ? TYPE_SVLAN : TYPE_VLAN);
		frames_put16(at + len + 2, tci[i]);
	}
	frames_put16(at + len, type);
	return len + 2;
}

static size_t put_ip4(uint8_t *at, const uint8_t *saddr, const uint8_t *daddr, unsigned int proto,
		      size_t payload)
{
	memset(at, 0, 20);
	at[0] = 0x45;
	frames_put16(at + 2, 20 + payload);
	at[9] = proto;
	memcpy(at + 12, saddr, 4);
	memcpy(at + 16, daddr, 4);
	return 20;
}

static void sum_ip4(uint8_t *at)
{
	frames_put16(at + 10, 0);
	frames_put16(at + 10, ~frames_sum(0, at, 20));
}

static size_t put_ip6(uint8_t *at, const uint8_t *saddr, const uint8_t *daddr, unsigned int proto,
		      size_t payload)
{
	memset(at, 0, 8);
	at[0] = 0x60;
	frames_put16(at + 4, payload);
	at[6] = proto;
	memcpy(at + 8, saddr, 16);
	memcpy(at + 24, daddr, 16);
	return 40;
}

static void put_tos6(uint8_t *at, unsigned int tos)
{
	at[0] = 0x60 | tos >> 4;
	at[1] = (at[1] & 0x0f) | tos << 4;
}

/* The checksum of a segment; 0 stays 0: the caller knows what its protocol makes of it. */
static uint16_t segment_check(int family, const uint8_t *saddr, const uint8_t *daddr,
			      unsigned int proto, const uint8_t *at, size_t len)
{
	const size_t bytes = family == 4 ? 4 : 16;
	uint32_t sum = proto + len;

	sum = frames_sum(sum, saddr, bytes);
	sum = frames_sum(sum, daddr, bytes);
	return ~frames_sum(sum, at, len);
}

static size_t put_segment(const struct frames_client *c, uint8_t *at)
{
	const size_t header = c->proto == IPPROTO_TCP ? 20 : 8, len = header + c->payload;
	uint8_t *check = at + (c->proto == IPPROTO_TCP ? 16 : 6);
	size_t i;

	memset(at, 0, header);
	frames_put16(at, c->sport);
	frames_put16(at + 2, c->dport);
	if (c->proto == IPPROTO_TCP) {
		frames_put32(at + 4, c->seq);
		frames_put32(at + 8, c->ack);
		at[12] = 5 << 4;
		at[13] = c->flags;
		frames_put16(at + 14, 512);
	} else {
		frames_put16(at + 4, len);
	}
	for (i = 0; i < c->payload; i++)
		at[header + i] = i * 7 + c->seq;
	if (c->no_sum)
		return len;
	frames_put16(check, segment_check(c->family, c->saddr, c->daddr, c->proto, at, len));
	if (c->proto == IPPROTO_UDP && !frames_get16(check))
		frames_put16(check, 0xffff);
	return len;
}

static size_t put_packet(const struct frames_client *c, unsigned int ttl, uint8_t *at)
{
	const size_t len = (c->proto == IPPROTO_TCP ? 20 : 8) + c->payload;
	size_t header;

	if (c->family == 4) {
		header = put_ip4(at, c->saddr, c->daddr, c->proto, len);
		at[1] = c->tos;
		frames_put16(at + 4, c->seq + 1);
		at[6] = c->df ? 0x40 : 0;
		at[8] = ttl;
		sum_ip4(at);
	} else {
		header = put_ip6(at, c->saddr, c->daddr, c->proto, len);
		put_tos6(at, c->tos);
		at[1] |= 0x0a;
		at[7] = ttl;
	}
	return header + put_segment(c, at + header);
}

size_t frames_client(const struct frames_client *c, uint8_t *frame)
{
	static const uint8_t mac[12] = { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0xc1 };
	size_t len = put_link(frame, mac, c->tags, c->tci, c->family == 4 ? TYPE_IP4 : TYPE_IP6);

	len += put_packet(c, c->ttl, frame + len);
	memset(frame + len, 0xee, c->padding);
	return len + c->padding;
}

/* --- what IPVS sends */

static size_t put_gue(const struct frames_way *way, int inner, size_t payload, uint8_t *at)
{
	memset(at, 0, 12);
	frames_put16(at, way->gue_sport);
	frames_put16(at + 2, way->gue_dport);
	frames_put16(at + 4, 12 + payload);
	at[9] = inner == 4 ? IPPROTO_IPIP : IPPROTO_IPV6;
	return 12;
}

static void outer_addrs(const struct frames_way *way, uint8_t *saddr, uint8_t *daddr)
{
	static const uint8_t from4[16] = { 10, 9, 0, 1 }, to4[16] = { 10, 9, 1 };
	static const uint8_t from6[16] = { 0xfd, 9, [15] = 1 }, to6[16] = { 0xfd, 9, [7] = 1 };

	memcpy(saddr, way->outer == 4 ? from4 : from6, 16);
	memcpy(daddr, way->outer == 4 ? to4 : to6, 16);
	daddr[way->outer == 4 ? 3 : 15] = way->server;
}

/* put_outer - before a packet of @payload bytes */
static size_t put_outer(const struct frames_client *c, const struct frames_way *way, size_t payload,
			uint8_t *at)
{
	const bool gue = way->tunnel == FRAMES_GUE;
	const unsigned int proto = gue ? IPPROTO_UDP : c->family == 4 ? IPPROTO_IPIP : IPPROTO_IPV6;
	uint8_t saddr[16], daddr[16];
	size_t header;

	outer_addrs(way, saddr, daddr);
	if (way->outer == 4) {
		header = put_ip4(at, saddr, daddr, proto, payload + (gue ? 12 : 0));
		at[1] = recipe_tos(c->tos) + way->tos;
		at[6] = c->family == 4 && c->df && !way->no_pmtu ? 0x40 : 0;
		if (!at[6])
			frames_put16(at + 4, 0x1234 + c->seq);
		at[8] = c->ttl - 1 + way->ttl;
		sum_ip4(at);
	} else {
		header = put_ip6(at, saddr, daddr, proto, payload + (gue ? 12 : 0));
		frames_put32(at, 0x60000000 | way->label);
		put_tos6(at, recipe_tos(c->tos) + way->tos);
		at[7] = c->ttl - 1 + way->ttl;
	}
	if (gue)
		header += put_gue(way, c->family, payload, at + header);
	return header;
}

size_t frames_server(const struct frames_client *c, const struct frames_way *way, uint8_t *frame)
{
	const uint8_t mac[12] = { 2, 0, 0, 0, 1, way->mac, 2, 0, 0, 0, 0, 2 };
	const int family = way->tunnel == FRAMES_DIRECT ? c->family : way->outer;
	const size_t outer = frames_outer_bytes(way);
	uint8_t saddr[16], daddr[16], *udp;
	size_t l2, inner;
	uint16_t check;

	l2 = put_link(frame, mac, way->tags, way->tci, family == 4 ? TYPE_IP4 : TYPE_IP6);
	inner = put_packet(c, c->ttl - 1, frame + l2 + outer);
	if (outer)
		put_outer(c, way, inner, frame + l2);
	if (way->tunnel == FRAMES_GUE && way->csum) {
		udp = frame + l2 + outer - 12;
		outer_addrs(way, saddr, daddr);
		check = segment_check(way->outer, saddr, daddr, IPPROTO_UDP, udp, 12 + inner);
		frames_put16(udp + 6, check ? check : 0xffff);
	}
	return l2 + outer + inner;
}

/* --- addresses */

void frames_vip_addr(int family, bool net, uint8_t end, uint8_t *addr)
{
	memset(addr, 0, 16);
	if (family == 4)
		memcpy(addr, (uint8_t[]){ 192, 0, net ? 3 : 2, end }, 4);
	else
		memcpy(addr, (uint8_t[]){ 0x20, 1, 0xd, 0xb8, 0, net ? 3 : 0, [15] = end }, 16);
}

void frames_client_addr(int family, uint8_t end, uint8_t *addr)
{
	memset(addr, 0, 16);
	if (family == 4)
		memcpy(addr, (uint8_t[]){ 198, 51, 100, end }, 4);
	else
		memcpy(addr, (uint8_t[]){ 0x20, 1, 0xd, 0xb8, 9, [15] = end }, 16);
}
