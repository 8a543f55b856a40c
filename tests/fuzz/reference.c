// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <stdbool.h>
#include <string.h>

#include "libecbpf/abi.h"
#include "tests/fuzz/reference.h"

/* RFC 8200 4.1 recommends at most seven; the suite walks one more. */
#define EXTENSIONS_WALKED 8

static unsigned int number16(const uint8_t *at)
{
	return at[0] * 256U + at[1];
}

/* --- IEEE 802.3, 802.1Q, 802.1ad */

static void reference_link(const uint8_t *frame, size_t len, struct facts_link *link)
{
	unsigned int type, tags = 0, tci[2] = {};
	size_t at = 14;

	if (len < 14) {
		link->code = ECBPF_CODE_ETH_TRUNCATED;
		return;
	}
	type = number16(frame + 12);
	while (tags < 2 && (type == 0x8100 || type == 0x88a8)) {
		if (len < at + 4) {
			link->code = ECBPF_CODE_VLAN_TRUNCATED;
			return;
		}
		tci[tags++] = number16(frame + at);
		type = number16(frame + at + 2);
		at += 4;
	}
	*link = (struct facts_link){
		.end = at, .proto = type, .vlans = tags, .tci = { tci[0], tci[1] }
	};
}

/* --- RFC 791 */

static __u32 reference_ipv4_refusal(const uint8_t *ip, size_t room)
{
	size_t header, total;

	if (room < 20)
		return ECBPF_CODE_IPV4_TRUNCATED;
	if (ip[0] / 16 != 4)
		return ECBPF_CODE_IPV4_VERSION;
	header = ip[0] % 16 * 4;
	if (header < 20)
		return ECBPF_CODE_IPV4_IHL;
	if (header > room)
		return ECBPF_CODE_IPV4_OPTIONS_TRUNCATED;
	total = number16(ip + 2);
	if (total < header)
		return ECBPF_CODE_IPV4_LENGTH_SHORT;
	if (total > room)
		return ECBPF_CODE_IPV4_LENGTH_BEYOND;
	return ECBPF_CODE_NONE;
}

static void reference_ipv4(const uint8_t *frame, size_t len, size_t at, struct facts_net *net)
{
	const uint8_t *ip = frame + at;
	unsigned int header, position;
	bool more;

	net->code = reference_ipv4_refusal(ip, len - at);
	if (net->code)
		return;
	header = ip[0] % 16 * 4;
	more = ip[6] / 32 % 2; /* reserved, don't fragment, more fragments */
	position = number16(ip + 6) % 8192;
	*net = (struct facts_net){ .version = 4,
				   .offset = at,
				   .end = at + header,
				   .left = number16(ip + 2) - header,
				   .proto = ip[9],
				   .exts = (header - 20) / 4,
				   .fragment = more || position,
				   .later = position > 0 };
}

/* --- RFC 8200 */

/* Hop-by-hop, routing, fragment, AH, destination options, mobility, HIP, Shim6; not ESP. */
static bool is_extension(unsigned int next)
{
	static const unsigned char extensions[] = { 0, 43, 44, 51, 60, 135, 139, 140 };

	return memchr(extensions, (int)next, sizeof(extensions));
}

static size_t extension_length(unsigned int kind, const uint8_t *ext)
{
	if (kind == 44)
		return 8;
	if (kind == 51)
		return 4 * (ext[1] + 2U);
	return 8 * (ext[1] + 1U);
}

/* One extension header; false: it is cut off. The datagram's end is never behind the frame's. */
static bool reference_extension(const uint8_t *ext, struct facts_net *net)
{
	size_t length;

	if (net->left < 8)
		return false;
	length = extension_length(net->proto, ext);
	if (length > net->left)
		return false;
	if (net->proto == 44) {
		net->later = number16(ext + 2) / 8 > 0;
		net->fragment = net->fragment || net->later || ext[3] % 2;
	}
	net->proto = ext[0];
	net->exts++;
	net->end += length;
	net->left -= length;
	return true;
}

static __u32 reference_ipv6_refusal(const uint8_t *ip, size_t room)
{
	if (room < 40)
		return ECBPF_CODE_IPV6_TRUNCATED;
	if (ip[0] / 16 != 6)
		return ECBPF_CODE_IPV6_VERSION;
	if (number16(ip + 4) > room - 40)
		return ECBPF_CODE_IPV6_LENGTH_BEYOND;
	return ECBPF_CODE_NONE;
}

static void reference_ipv6(const uint8_t *frame, size_t len, size_t at, struct facts_net *net)
{
	const uint8_t *ip = frame + at;

	net->code = reference_ipv6_refusal(ip, len - at);
	if (net->code)
		return;
	net->version = 6;
	net->offset = at;
	net->end = at + 40;
	net->left = number16(ip + 4);
	net->proto = ip[6];
	if (net->left == 0 && net->proto == 0) /* a jumbogram, RFC 2675 */
		net->left = len - net->end;
	while (is_extension(net->proto) && !net->later) {
		if (net->exts == EXTENSIONS_WALKED) {
			net->code = ECBPF_CODE_IPV6_EXT_LIMIT;
			return;
		}
		if (!reference_extension(frame + net->end, net)) {
			*net = (struct facts_net){ .code = ECBPF_CODE_IPV6_EXT_TRUNCATED };
			return;
		}
	}
}

/* --- RFC 9293, 768, 792, 4443 */

static __u32 reference_tcp(const uint8_t *tcp, size_t left, size_t *header)
{
	if (left < 20)
		return ECBPF_CODE_TCP_TRUNCATED;
	*header = tcp[12] / 16 * 4;
	if (*header < 20)
		return ECBPF_CODE_TCP_OFFSET;
	return *header > left ? ECBPF_CODE_TCP_TRUNCATED : ECBPF_CODE_NONE;
}

static __u32 reference_udp(const uint8_t *udp, size_t left, bool fragment)
{
	if (left < 8)
		return ECBPF_CODE_UDP_TRUNCATED;
	if (number16(udp + 4) < 8 || (number16(udp + 4) > left && !fragment))
		return ECBPF_CODE_UDP_LENGTH;
	return ECBPF_CODE_NONE;
}

static void reference_upper(const uint8_t *frame, const struct facts_net *net,
			    struct facts_upper *upper)
{
	const uint8_t *at = frame + net->end;
	const bool ports = net->proto == 6 || net->proto == 17;
	size_t header = 8;

	if (net->proto == 6)
		upper->code = reference_tcp(at, net->left, &header);
	else if (net->proto == 17)
		upper->code = reference_udp(at, net->left, net->fragment);
	else if (net->proto == 1 && net->version == 4)
		upper->code = net->left < 8 ? ECBPF_CODE_ICMP_TRUNCATED : 0;
	else if (net->proto == 58 && net->version == 6)
		upper->code = net->left < 8 ? ECBPF_CODE_ICMPV6_TRUNCATED : 0;
	else
		return;
	if (upper->code)
		return;
	*upper = (struct facts_upper){ .proto = net->proto,
				       .offset = net->end,
				       .end = net->end + header,
				       .left = net->left - header,
				       .field = { ports ? number16(at) : at[0],
						  ports ? number16(at + 2) : at[1] } };
}

void reference_parse(const uint8_t *frame, size_t len, struct facts *facts)
{
	memset(facts, 0, sizeof(*facts));
	reference_link(frame, len, &facts->link);
	if (facts->link.code)
		return;
	if (facts->link.proto == 0x0800)
		reference_ipv4(frame, len, facts->link.end, &facts->net);
	else if (facts->link.proto == 0x86dd)
		reference_ipv6(frame, len, facts->link.end, &facts->net);
	else
		return;
	if (!facts->net.code && !facts->net.later)
		reference_upper(frame, &facts->net, &facts->upper);
}

__u32 reference_refusal(const struct facts *facts)
{
	if (facts->link.code)
		return facts->link.code;
	return facts->net.code == ECBPF_CODE_IPV6_EXT_LIMIT ? 0 : facts->net.code;
}
