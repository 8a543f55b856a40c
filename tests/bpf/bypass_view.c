// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <string.h>

#include <netinet/in.h>

#include "libecbpf/abi.h"
#include "tests/bpf/bypass_view.h"
#include "tests/bpf/frames.h"

#define TYPE_VLAN  0x8100
#define TYPE_SVLAN 0x88a8

#define NEXT_FRAGMENT 44

bool view_has(const struct view *v, size_t bytes)
{
	return v->at + bytes <= v->len;
}

static bool is_tag(unsigned int type)
{
	return type == TYPE_VLAN || type == TYPE_SVLAN;
}

bool view_link(struct view *v)
{
	if (!view_has(v, 14))
		return false;
	v->type = frames_get16(v->frame + 12);
	v->at = 14;
	while (v->tags < 2 && is_tag(v->type)) {
		if (!view_has(v, 4))
			return false;
		v->vid[v->tags++] = frames_get16(v->frame + v->at) & 0xfff;
		v->type = frames_get16(v->frame + v->at + 2);
		v->at += 4;
	}
	v->l2 = v->at;
	return true;
}

static void view_addrs(struct view *v)
{
	const uint8_t *ip = v->frame + v->ip;

	memset(&v->key, 0, sizeof(v->key));
	if (v->family == 6) {
		memcpy(v->key.saddr, ip + 8, 16);
		memcpy(v->key.daddr, ip + 24, 16);
		return;
	}
	v->key.saddr[2] = v->key.daddr[2] = htonl(ECBPF_V4_PREFIX);
	memcpy(&v->key.saddr[3], ip + 12, 4);
	memcpy(&v->key.daddr[3], ip + 16, 4);
}

void view_ip(struct view *v, int family)
{
	const uint8_t *ip = v->frame + v->at;

	v->family = family;
	v->ip = v->at;
	v->at += family == 4 ? 20 : 40;
	v->proto = family == 4 ? ip[9] : ip[6];
	v->ttl = family == 4 ? ip[8] : ip[7];
	v->tos = family == 4 ? ip[1] : frames_get16(ip) >> 4;
	v->df = family == 4 && ip[6] & 0x40;
	v->ip_bytes = family == 4 ? frames_get16(ip + 2) : frames_get16(ip + 4) + 40;
	view_addrs(v);
}

bool view_is_fragment(const uint8_t *ip4)
{
	return frames_get16(ip4 + 6) & 0x3fff;
}

static bool is_extension(unsigned int next)
{
	return next == 0 || next == 43 || next == 51 || next == 60 || next == 135 || next == 139 ||
	       next == 140;
}

void view_ports(struct view *v)
{
	const uint8_t *segment = v->frame + v->at;

	memcpy(&v->key.sport, segment, 2);
	memcpy(&v->key.dport, segment + 2, 2);
	v->tcp = v->proto == IPPROTO_TCP;
	if (!v->tcp) {
		v->summed = frames_get16(segment + 6);
		return;
	}
	v->summed = true;
	v->seq = frames_get32(segment + 4);
	v->ack = frames_get32(segment + 8);
	v->flags = segment[13];
}

uint32_t view_client(struct view *v)
{
	const uint8_t *ip;
	size_t bytes;

	if (!view_link(v) || v->frame[0] & 1 || (v->type != VIEW_IP4 && v->type != VIEW_IP6) ||
	    !view_has(v, v->type == VIEW_IP4 ? 20 : 40))
		return ECBPF_CODE_OTHER;
	ip = v->frame + v->at;
	view_ip(v, v->type == VIEW_IP4 ? 4 : 6);
	if (v->family == 6 && v->proto == NEXT_FRAGMENT)
		return ECBPF_CODE_BYPASS_FRAGMENT;
	if (v->family == 6 && is_extension(v->proto))
		return ECBPF_CODE_BYPASS_OPTIONS;
	if (v->proto != IPPROTO_TCP && v->proto != IPPROTO_UDP)
		return ECBPF_CODE_OTHER;
	if (v->family == 4 && view_is_fragment(ip))
		return ECBPF_CODE_BYPASS_FRAGMENT;
	if (v->family == 4 && (ip[0] & 15) != 5)
		return ECBPF_CODE_BYPASS_OPTIONS;
	bytes = v->ip_bytes - (v->at - v->ip);
	if (v->ip_bytes < v->at - v->ip || v->ip + v->ip_bytes > v->len)
		return ECBPF_CODE_OTHER;
	if (bytes < (v->proto == IPPROTO_TCP ? 20 : 8))
		return ECBPF_CODE_OTHER;
	view_ports(v);
	if (v->tcp) {
		const size_t header = (v->frame[v->at + 12] >> 4) * 4;

		if (header < 20 || header > bytes)
			return ECBPF_CODE_OTHER;
		v->payload = bytes - header;
	}
	v->key.rest = ECBPF_REST(v->proto, v->vid[0], v->vid[1]);
	return 0;
}
