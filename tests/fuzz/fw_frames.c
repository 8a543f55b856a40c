// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <netinet/in.h>
#include <string.h>

#include "libecbpf/abi.h"
#include "tests/fuzz/fw_frames.h"

/** struct writer - appends to a frame */
struct writer {
	uint8_t *frame;
	size_t len;
};

static void put8(struct writer *w, unsigned int value)
{
	w->frame[w->len++] = value;
}

static void put16(struct writer *w, unsigned int value)
{
	put8(w, value >> 8);
	put8(w, value);
}

static void put_bytes(struct writer *w, const uint8_t *bytes, size_t count)
{
	memcpy(w->frame + w->len, bytes, count);
	w->len += count;
}

static void put_zero(struct writer *w, size_t count)
{
	memset(w->frame + w->len, 0, count);
	w->len += count;
}

static void set16(struct writer *w, size_t at, unsigned int value)
{
	w->frame[at] = value >> 8;
	w->frame[at + 1] = value;
}

static void put_link(struct writer *w, struct rulesets *rulesets, const struct fw_packet *packet)
{
	const unsigned int type = packet->family == 4 ? 0x0800 : 0x86dd;

	put_bytes(w, (const uint8_t[]){ 2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1 }, 12);
	if (rulesets_one_in(rulesets, 32))
		w->frame[0] = 3; /* to a group */
	if (packet->vlan != FW_VLAN_NONE) {
		put16(w, rulesets_one_in(rulesets, 4) ? 0x88a8 : 0x8100);
		put16(w, packet->vlan | rulesets_random(rulesets, 16) << 12);
		if (rulesets_one_in(rulesets, 4)) {
			put16(w, 0x8100);
			put16(w, rulesets_random(rulesets, 65536));
		}
	}
	put16(w, type);
}

/* Offset of a fragment in 8-byte units, and whether more follow. */
static unsigned int fragment_word(struct rulesets *rulesets, const struct fw_packet *packet,
				  unsigned int shift, unsigned int more)
{
	if (packet->fragment == FW_FRAGMENT_FIRST)
		return more;
	if (packet->fragment == FW_FRAGMENT_LATER)
		return (1 + rulesets_random(rulesets, 8000)) << shift |
		       (rulesets_one_in(rulesets, 2) ? more : 0);
	return 0;
}

static size_t put_ipv4(struct writer *w, struct rulesets *rulesets, const struct fw_packet *packet)
{
	const unsigned int words = packet->options ? 1 + rulesets_random(rulesets, 10) : 0;
	const size_t at = w->len;

	put8(w, 0x45 + words);
	put8(w, packet->dscp << 2);
	put16(w, 0);
	put16(w, 0x1234);
	put16(w, fragment_word(rulesets, packet, 0, 0x2000));
	put8(w, packet->ttl);
	put8(w, packet->proto);
	put16(w, 0);
	put_bytes(w, packet->src, 4);
	put_bytes(w, packet->dst, 4);
	put_zero(w, 4 * words);
	return at;
}

/* Extension headers in front of a fragment header: destination options. */
static void put_options6(struct writer *w, struct rulesets *rulesets, unsigned int next)
{
	const unsigned int more = rulesets_random(rulesets, 3);

	put8(w, next);
	put8(w, more);
	put_zero(w, 6 + 8 * more);
}

static size_t put_ipv6(struct writer *w, struct rulesets *rulesets, const struct fw_packet *packet)
{
	const bool fragment = packet->fragment != FW_FRAGMENT_NONE;
	const unsigned int behind = fragment ? 44 : packet->proto;
	const size_t at = w->len;

	put16(w, 0x6000 | packet->dscp << 6);
	put16(w, 0);
	put16(w, 0);
	put8(w, packet->options ? 60 : behind);
	put8(w, packet->ttl);
	put_bytes(w, packet->src, 16);
	put_bytes(w, packet->dst, 16);
	if (packet->options)
		put_options6(w, rulesets, behind);
	if (fragment) {
		put8(w, packet->proto);
		put8(w, 0);
		put16(w, fragment_word(rulesets, packet, 3, 1));
		put16(w, 0);
		put16(w, 7);
	}
	return at;
}

static void put_upper(struct writer *w, const struct fw_packet *packet)
{
	if (packet->proto == IPPROTO_TCP) {
		put16(w, packet->sport);
		put16(w, packet->dport);
		put_zero(w, 8);
		put8(w, 0x50);
		put8(w, packet->flags);
		put16(w, packet->window);
		put_zero(w, 4);
	} else if (packet->proto == IPPROTO_UDP) {
		put16(w, packet->sport);
		put16(w, packet->dport);
		put16(w, 8);
		put16(w, 0);
	} else {
		put8(w, packet->type);
		put8(w, packet->code);
		put_zero(w, 6);
	}
}

/* Cut the header, or let it lie about itself. */
static void spoil(struct writer *w, struct rulesets *rulesets, const struct fw_packet *packet,
		  size_t begin)
{
	const bool tcp = packet->proto == IPPROTO_TCP;

	if (tcp && rulesets_one_in(rulesets, 2))
		w->frame[begin + 12] = rulesets_random(rulesets, 5) << 4;
	else if (packet->proto == IPPROTO_UDP && rulesets_one_in(rulesets, 2))
		set16(w, begin + 4, rulesets_random(rulesets, 8));
	else
		w->len = begin + rulesets_random(rulesets, tcp ? 20 : 8);
}

size_t fw_frame_make(struct rulesets *rulesets, const struct fw_packet *packet, uint8_t *frame)
{
	struct writer w = { .frame = frame };
	size_t ip, payload, begin, want = packet->length;

	put_link(&w, rulesets, packet);
	ip = packet->family == 4 ? put_ipv4(&w, rulesets, packet) : put_ipv6(&w, rulesets, packet);
	begin = w.len;
	put_upper(&w, packet);
	if (packet->malformed)
		spoil(&w, rulesets, packet, begin);
	else if (packet->fragment == FW_FRAGMENT_FIRST && rulesets_one_in(rulesets, 2))
		put_zero(&w, 8 - (w.len - begin) % 8);
	payload = w.len - ip;
	if (want > FW_FRAME_MAX)
		want = FW_FRAME_MAX;
	if (w.len < want) {
		/* padding of the frame, or data of the datagram */
		if (!packet->malformed && rulesets_one_in(rulesets, 2))
			payload += want - w.len;
		put_zero(&w, want - w.len);
	}
	if (packet->family == 4)
		set16(&w, ip + 2, payload);
	else
		set16(&w, ip + 4, payload - 40);
	return w.len;
}

/* --- and back */

static void addresses(const uint8_t *frame, const struct facts_net *net, struct fw_packet *packet)
{
	const uint8_t *ip = frame + net->offset;

	if (net->version == 4) {
		memcpy(packet->src, ip + 12, 4);
		memcpy(packet->dst, ip + 16, 4);
		packet->dscp = ip[1] >> 2;
		packet->ttl = ip[8];
		packet->options = net->exts > 0;
	} else {
		memcpy(packet->src, ip + 8, 16);
		memcpy(packet->dst, ip + 24, 16);
		packet->dscp = (ip[0] << 8 | ip[1]) >> 6 & 0x3f;
		packet->ttl = ip[7];
		packet->options = net->exts > net->fragment;
	}
}

static void upper(const uint8_t *frame, const struct facts_upper *facts, struct fw_packet *packet)
{
	const uint8_t *header = frame + facts->offset;

	packet->upper = true;
	if (facts->proto == IPPROTO_TCP || facts->proto == IPPROTO_UDP) {
		packet->sport = facts->field[0];
		packet->dport = facts->field[1];
	} else {
		packet->type = facts->field[0];
		packet->code = facts->field[1];
	}
	if (facts->proto == IPPROTO_TCP) {
		packet->flags = header[13];
		packet->window = header[14] << 8 | header[15];
	}
}

bool fw_frame_packet(const uint8_t *frame, size_t len, const struct facts *facts,
		     struct fw_packet *packet)
{
	const struct facts_net *net = &facts->net;

	memset(packet, 0, sizeof(*packet));
	if (facts->link.code || (net->code && net->code != ECBPF_CODE_IPV6_EXT_LIMIT) ||
	    !net->version)
		return false;
	packet->length = len;
	packet->family = net->version;
	packet->proto = net->proto;
	packet->vlan = facts->link.vlans ? facts->link.tci[0] & 0xfff : FW_VLAN_NONE;
	packet->fragment = FW_FRAGMENT_NONE;
	if (net->fragment)
		packet->fragment = net->later ? FW_FRAGMENT_LATER : FW_FRAGMENT_FIRST;
	addresses(frame, net, packet);
	if (facts->upper.proto && !facts->upper.code)
		upper(frame, &facts->upper, packet);
	packet->malformed = net->code == ECBPF_CODE_IPV6_EXT_LIMIT || facts->upper.code;
	return true;
}
