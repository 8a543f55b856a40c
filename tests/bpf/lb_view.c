// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <string.h>

#include <netinet/in.h>

#include "tests/bpf/frames.h"
#include "tests/bpf/lb_view.h"

#define TYPE_IP4   0x0800
#define TYPE_IP6   0x86dd
#define TYPE_VLAN  0x8100
#define TYPE_SVLAN 0x88a8

#define NEXT_FRAGMENT 44
#define NEXT_AH	      51
#define EXTENSIONS    8

static bool has(const struct lb_view *v, size_t bytes)
{
	return v->at + bytes <= v->len;
}

static bool read_link(struct lb_view *v)
{
	if (!has(v, 14))
		return false;
	v->type = frames_get16(v->frame + 12);
	v->at = 14;
	while (v->tags < 2 && (v->type == TYPE_VLAN || v->type == TYPE_SVLAN)) {
		if (!has(v, 4))
			return false;
		v->vid[v->tags++] = frames_get16(v->frame + v->at) & 0xfff;
		v->type = frames_get16(v->frame + v->at + 2);
		v->at += 4;
	}
	return !(v->frame[0] & 1);
}

static bool is_near(const struct lb_view *v, const struct lb_near *near, size_t at)
{
	uint64_t half[2] = {};
	uint32_t bit;

	memcpy(half, v->frame + v->ip + at, v->family == 4 ? 4 : 16);
	bit = lb_near_bit(half[0], half[1]);
	return near->bit[bit / 64] >> bit % 64 & 1;
}

/* is_any - of a VIP's by its destination, a reply by its source or because it is ICMP */
static bool is_any(struct lb_view *v, const struct lb_near *near, bool nat)
{
	const bool icmp = v->family == 4 ? v->frame[v->ip + 9] == IPPROTO_ICMP :
					   v->frame[v->ip + 6] == IPPROTO_ICMPV6;

	v->near_vip = is_near(v, &near[LB_NEAR_VIP], v->family == 4 ? 16 : 24);
	v->near_back = nat && (icmp || is_near(v, &near[LB_NEAR_BACK], v->family == 4 ? 12 : 8));
	return v->near_vip || v->near_back;
}

static bool read_ip4(struct lb_view *v)
{
	const uint8_t *ip = v->frame + v->ip;
	const size_t header = (ip[0] & 15) * 4;
	const unsigned int fragment = frames_get16(ip + 6);

	v->ip_bytes = frames_get16(ip + 2);
	if (ip[0] >> 4 != 4 || header < 20 || !has(v, header) || v->ip_bytes < header ||
	    !has(v, v->ip_bytes))
		return false;
	v->at += header;
	v->left = v->ip_bytes - header;
	v->proto = ip[9];
	v->ttl = ip[8];
	v->tos = ip[1];
	v->df = fragment & 0x4000;
	v->fragment = fragment & 0x3fff;
	v->later = fragment & 0x1fff;
	v->plain = header == 20 && !v->fragment;
	memcpy(&v->id, ip + 4, 2);
	v->key.saddr[2] = v->key.daddr[2] = htonl(ECBPF_V4_PREFIX);
	memcpy(&v->key.saddr[3], ip + 12, 4);
	memcpy(&v->key.daddr[3], ip + 16, 4);
	return true;
}

static bool is_extension(unsigned int next)
{
	return next == 0 || next == 43 || next == NEXT_FRAGMENT || next == NEXT_AH || next == 60 ||
	       next == 135 || next == 139 || next == 140;
}

static bool read_extension(struct lb_view *v)
{
	const uint8_t *ext = v->frame + v->at;
	size_t bytes;

	if (!has(v, 8))
		return false;
	bytes = v->proto == NEXT_FRAGMENT ? 8 :
		v->proto == NEXT_AH	  ? (ext[1] + 2) * 4 :
					    (ext[1] + 1) * 8;
	if (bytes > v->left)
		return false;
	if (v->proto == NEXT_FRAGMENT) {
		v->later = frames_get16(ext + 2) & 0xfff8;
		v->fragment = v->fragment || frames_get16(ext + 2) & 0xfff9;
		memcpy(&v->id, ext + 4, 4);
	}
	v->plain = false;
	v->proto = ext[0];
	v->at += bytes;
	v->left -= bytes;
	return true;
}

static bool read_ip6(struct lb_view *v)
{
	const uint8_t *ip = v->frame + v->ip;
	int i;

	v->left = frames_get16(ip + 4);
	v->ip_bytes = v->left + 40;
	if (ip[0] >> 4 != 6 || !v->left || !has(v, v->ip_bytes))
		return false;
	v->at += 40;
	v->proto = ip[6];
	v->ttl = ip[7];
	v->tos = frames_get16(ip) >> 4;
	v->plain = true;
	memcpy(v->key.saddr, ip + 8, 16);
	memcpy(v->key.daddr, ip + 24, 16);
	for (i = 0; is_extension(v->proto) && !v->later; i++)
		if (i == EXTENSIONS || !read_extension(v))
			return false;
	return true;
}

/* read_quoted - the connection's key is that of the packet that was sent to the client, turned round */
static bool read_quoted(struct lb_view *v)
{
	const uint8_t *ip = v->frame + v->at;
	const size_t least = v->family == 4 ? 20 : 40;
	size_t header = least;

	if (!has(v, least))
		return false;
	if (v->family == 4) {
		header = (ip[0] & 15) * 4;
		if (header < 20 || frames_get16(ip + 6) & 0x1fff || !has(v, header))
			return false;
		memcpy(&v->key.daddr[3], ip + 12, 4);
		memcpy(&v->key.saddr[3], ip + 16, 4);
	} else {
		memcpy(v->key.daddr, ip + 8, 16);
		memcpy(v->key.saddr, ip + 24, 16);
	}
	v->proto = v->family == 4 ? ip[9] : ip[6];
	v->at += header;
	if (v->left < 8 + header + 4)
		return false;
	if ((v->proto != IPPROTO_TCP && v->proto != IPPROTO_UDP) || !has(v, 4))
		return false;
	memcpy(&v->key.dport, v->frame + v->at, 2);
	memcpy(&v->key.sport, v->frame + v->at + 2, 2);
	return true;
}

static bool read_icmp(struct lb_view *v)
{
	const uint8_t type = v->at < v->len ? v->frame[v->at] : 0;

	if (v->fragment || !has(v, 8) || v->left < 8)
		return false;
	v->icmp = type;
	if (v->family == 4) {
		v->echo = type == 8;
		v->error = type == 3 || type == 11 || type == 12;
	} else {
		v->echo = type == 128;
		v->error = type >= 1 && type <= 4;
	}
	v->echo = v->echo && !v->frame[v->at + 1];
	v->at += 8;
	return v->echo || (v->error && read_quoted(v));
}

/* read_quic - RFC 8999 5: a long header tells the length of the connection id, a short one does not */
static void read_quic(struct lb_view *v)
{
	const uint8_t *udp = v->frame + v->at;
	const size_t stated = frames_get16(udp + 4), bytes = stated < v->left ? stated : v->left;
	size_t at = 8 + 1;

	if (bytes < at)
		return;
	v->cid_octets = 255;
	if (udp[8] & 0x80) {
		at += 5;
		if (bytes < at)
			return;
		v->cid_octets = udp[13];
	}
	if (bytes >= at + 16)
		v->cid = udp + at;
}

static bool read_upper(struct lb_view *v)
{
	const uint8_t *upper = v->frame + v->at;
	const size_t header = v->proto == IPPROTO_TCP ? 20 : 8;

	if (v->proto == (v->family == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6))
		return read_icmp(v);
	if (v->later || (v->proto != IPPROTO_TCP && v->proto != IPPROTO_UDP))
		return true;
	if (v->left < header)
		return false;
	memcpy(&v->key.sport, upper, 2);
	memcpy(&v->key.dport, upper + 2, 2);
	v->tcp = v->proto == IPPROTO_TCP;
	if (!v->tcp)
		read_quic(v);
	v->summed = v->plain && (v->tcp || frames_get16(upper + 6));
	if (v->tcp) {
		const size_t used = (upper[12] >> 4) * 4;

		v->flags = upper[13];
		v->payload = v->left > used ? v->left - used : 0;
	}
	return true;
}

bool lb_view_read(struct lb_view *v, const struct lb_near *near, bool nat, const uint8_t *frame,
		  size_t len)
{
	*v = (struct lb_view){ .frame = frame, .len = len };
	if (!read_link(v) || (v->type != TYPE_IP4 && v->type != TYPE_IP6))
		return false;
	v->family = v->type == TYPE_IP4 ? 4 : 6;
	v->ip = v->at;
	if (!has(v, v->family == 4 ? 20 : 40) || !is_any(v, near, nat))
		return false;
	if (!(v->family == 4 ? read_ip4(v) : read_ip6(v)))
		return false;
	v->upper = v->at;
	if (!read_upper(v))
		return false;
	v->key.rest = ECBPF_REST(v->proto, v->vid[0], v->vid[1]);
	return true;
}
