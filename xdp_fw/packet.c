// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <string.h>

#include "libecbpf/pkt.bpf.h"
#include "xdp_fw/packet.h"

static void read_ipv4(const struct iphdr *ip, struct fw_packet *packet)
{
	packet->family = 4;
	packet->ttl = ip->ttl;
	packet->dscp = ip->tos >> 2;
	memcpy(packet->src, &ip->saddr, sizeof(ip->saddr));
	memcpy(packet->dst, &ip->daddr, sizeof(ip->daddr));
}

static void read_ipv6(const struct ipv6hdr *ip, struct fw_packet *packet)
{
	packet->family = 6;
	packet->ttl = ip->hop_limit;
	packet->dscp = ip->priority << 2 | ip->flow_lbl[0] >> 6;
	memcpy(packet->src, &ip->saddr, sizeof(ip->saddr));
	memcpy(packet->dst, &ip->daddr, sizeof(ip->daddr));
}

static int read_network(struct pkt *p, __be16 proto, struct pkt_ip *ip, struct fw_packet *packet)
{
	__u32 code;

	if (proto == bpf_htons(ETH_P_IP)) {
		code = pkt_ipv4(p, ip);
		if (code)
			return code;
		read_ipv4(ip->v4, packet);
		packet->options = ip->exts;
	} else if (proto == bpf_htons(ETH_P_IPV6)) {
		code = pkt_ipv6(p, ip);
		if (code && code != ECBPF_CODE_IPV6_EXT_LIMIT)
			return code;
		read_ipv6(ip->v6, packet);
		/* the fragment header of a fragment is no option */
		packet->options = ip->exts > ip->fragment;
	} else {
		return FW_PACKET_FOREIGN;
	}
	packet->proto = ip->proto;
	packet->fragment = FW_FRAGMENT_NONE;
	if (ip->fragment)
		packet->fragment = ip->later ? FW_FRAGMENT_LATER : FW_FRAGMENT_FIRST;
	return 0;
}

/* --- the header behind IP; false: it is not there in full */

static bool read_tcp(struct pkt *p, struct pkt_ip *ip, struct fw_packet *packet)
{
	struct tcphdr *tcp;

	if (pkt_tcp(p, ip, &tcp))
		return false;
	packet->sport = bpf_ntohs(tcp->source);
	packet->dport = bpf_ntohs(tcp->dest);
	packet->window = bpf_ntohs(tcp->window);
	packet->flags = ((__u8 *)tcp)[13];
	return true;
}

static bool read_udp(struct pkt *p, struct pkt_ip *ip, struct fw_packet *packet)
{
	struct udphdr *udp;

	if (pkt_udp(p, ip, &udp))
		return false;
	packet->sport = bpf_ntohs(udp->source);
	packet->dport = bpf_ntohs(udp->dest);
	return true;
}

static bool read_icmp(struct pkt *p, struct pkt_ip *ip, struct fw_packet *packet)
{
	struct pkt_icmp_hdr *icmp;

	if (pkt_icmp(p, ip, &icmp))
		return false;
	packet->type = icmp->type;
	packet->code = icmp->code;
	return true;
}

static void read_upper(struct pkt *p, struct pkt_ip *ip, struct fw_packet *packet)
{
	if (ip->later)
		return;
	if (ip->proto == IPPROTO_TCP)
		packet->upper = read_tcp(p, ip, packet);
	else if (ip->proto == IPPROTO_UDP)
		packet->upper = read_udp(p, ip, packet);
	else if (ip->proto == (ip->v4 ? IPPROTO_ICMP : IPPROTO_ICMPV6))
		packet->upper = read_icmp(p, ip, packet);
	else if (!ip->v6 || !pkt_is_ipv6_ext(ip->proto))
		return;
	packet->malformed = !packet->upper;
}

int fw_packet_read(const uint8_t *frame, size_t len, struct fw_packet *packet)
{
	struct pkt p = { (void *)frame, (void *)(frame + len) };
	struct pkt_eth eth;
	struct pkt_ip ip;
	int code;

	memset(packet, 0, sizeof(*packet));
	packet->length = len;
	code = pkt_eth(&p, &eth);
	if (!code)
		code = read_network(&p, eth.proto, &ip, packet);
	if (code)
		return code;
	packet->vlan = eth.vlans ? bpf_ntohs(eth.tci[0]) & 0xfff : FW_VLAN_NONE;
	read_upper(&p, &ip, packet);
	return 0;
}
