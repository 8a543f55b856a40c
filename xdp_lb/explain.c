// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "libecbpf/pkt.bpf.h"
#include "xdp_lb/explain.h"
#include "xdp_lb/hash.h"
#include "xdp_lb/maglev.h"
#include "xdp_lb/quic.h"

#define TCP_SYN	  0x02
#define TCP_RST	  0x04
#define TCP_FLAGS 13 /* offset in the header */

/* RFC 792, RFC 4443 */
#define ECHO4 8
#define ECHO6 128

/* --- the packet */

static int left_alone(const char **why, const char *text)
{
	*why = text;
	return -ENOENT;
}

static void addr4(uint32_t *to, uint32_t addr)
{
	to[0] = to[1] = 0;
	to[2] = htonl(ECBPF_V4_PREFIX);
	to[3] = addr;
}

static void header_read(const struct pkt_ip *ip, struct lb_packet *packet)
{
	packet->v6 = ip->v6;
	if (ip->v6) {
		memcpy(packet->key.saddr, &ip->v6->saddr, sizeof(packet->key.saddr));
		memcpy(packet->key.daddr, &ip->v6->daddr, sizeof(packet->key.daddr));
		packet->ip_bytes = ntohs(ip->v6->payload_len) + sizeof(*ip->v6);
		packet->ttl = ip->v6->hop_limit;
	} else {
		addr4(packet->key.saddr, ip->v4->saddr);
		addr4(packet->key.daddr, ip->v4->daddr);
		packet->ip_bytes = ntohs(ip->v4->tot_len);
		packet->ttl = ip->v4->ttl;
	}
	packet->proto = ip->proto;
	packet->fragment = ip->fragment;
	packet->later = ip->later;
}

/* cid_read - @p: at the UDP header */
static void cid_read(struct pkt p, const struct pkt_ip *ip, struct lb_packet *packet)
{
	__u32 octets;
	const void *cid = lb_cid_find(&p, ip->left, &octets);

	if (!cid)
		return;
	memcpy(packet->cid, cid, sizeof(packet->cid));
	packet->cid_octets = octets;
}

/* ports_read - headers must be whole */
static bool ports_read(struct pkt *p, const struct pkt_ip *ip, struct lb_packet *packet)
{
	const struct pkt at = *p;
	const struct udphdr *udp;
	const struct tcphdr *tcp;

	if (packet->proto == IPPROTO_TCP) {
		tcp = pkt_pull(p, sizeof(*tcp));
		if (!tcp || ip->left < sizeof(*tcp))
			return false;
		packet->flags = ((const uint8_t *)tcp)[TCP_FLAGS];
		packet->key.sport = tcp->source;
		packet->key.dport = tcp->dest;
	} else if (packet->proto == IPPROTO_UDP) {
		udp = pkt_pull(p, sizeof(*udp));
		if (!udp || ip->left < sizeof(*udp))
			return false;
		packet->key.sport = udp->source;
		packet->key.dport = udp->dest;
		cid_read(at, ip, packet);
	}
	return true;
}

static bool quoted4(struct pkt *p, struct lb_packet *packet)
{
	const struct iphdr *ip = pkt_pull(p, sizeof(*ip));

	if (!ip || ip->ihl < sizeof(*ip) / 4 || ip->frag_off & htons(PKT_IPV4_FRAG_OFFSET))
		return false;
	addr4(packet->key.daddr, ip->saddr);
	addr4(packet->key.saddr, ip->daddr);
	packet->proto = ip->protocol;
	return pkt_pull(p, ip->ihl * 4 - sizeof(*ip));
}

static bool quoted6(struct pkt *p, struct lb_packet *packet)
{
	const struct ipv6hdr *ip = pkt_pull(p, sizeof(*ip));

	if (!ip)
		return false;
	memcpy(packet->key.daddr, &ip->saddr, sizeof(packet->key.daddr));
	memcpy(packet->key.saddr, &ip->daddr, sizeof(packet->key.saddr));
	packet->proto = ip->nexthdr;
	return true;
}

/* quoted_read - of @left bytes. It went to the client: its connection is the other way round */
static bool quoted_read(struct pkt *p, uint32_t left, struct lb_packet *packet)
{
	const struct {
		__be16 source, dest;
	} * ports;
	const void *begin = p->pos;

	if (!(packet->v6 ? quoted6(p, packet) : quoted4(p, packet)))
		return false;
	if (packet->proto != IPPROTO_TCP && packet->proto != IPPROTO_UDP)
		return false;
	ports = pkt_pull(p, sizeof(*ports));
	if (!ports || (size_t)((const char *)p->pos - (const char *)begin) > left)
		return false;
	packet->key.sport = ports->dest;
	packet->key.dport = ports->source;
	return true;
}

static int icmp_read(struct pkt *p, const struct pkt_ip *ip, struct lb_packet *packet,
		     const char **why)
{
	const struct pkt_icmp_hdr *icmp = pkt_pull(p, sizeof(*icmp));
	uint32_t left;
	uint8_t type;

	if (!icmp || packet->fragment || ip->left < sizeof(*icmp))
		return left_alone(why, "ICMP, not whole");
	left = ip->left - sizeof(*icmp);
	type = icmp->type;
	packet->echo = type == (packet->v6 ? ECHO6 : ECHO4) && !icmp->code;
	packet->error = packet->v6 ? type >= 1 && type <= 4 : type == 3 || type == 11 || type == 12;
	if (!packet->echo && !packet->error)
		return left_alone(why, "ICMP, but no error and no echo request");
	if (packet->error && !quoted_read(p, left, packet))
		return left_alone(why, "an ICMP error that quotes no TCP or UDP");
	return 0;
}

static uint32_t vlan_id(const struct pkt_eth *eth, int tag)
{
	return eth->vlans > tag ? ntohs(eth->tci[tag]) & 0xfff : 0;
}

int lb_packet_read(const uint8_t *frame, size_t len, struct lb_packet *packet, const char **why)
{
	struct pkt p = { (void *)frame, (void *)(frame + len) };
	struct pkt_eth eth;
	struct pkt_ip ip = {};
	uint32_t code = pkt_eth(&p, &eth);
	int err = 0;

	memset(packet, 0, sizeof(*packet));
	if (code)
		return left_alone(why, ecbpf_code_text(code));
	if (eth.hdr->h_dest[0] & 1)
		return left_alone(why, "to a group of hosts");
	if (eth.proto != htons(ETH_P_IP) && eth.proto != htons(ETH_P_IPV6))
		return left_alone(why, "not IP");
	code = eth.proto == htons(ETH_P_IP) ? pkt_ipv4(&p, &ip) : pkt_ipv6(&p, &ip);
	if (code)
		return left_alone(why, ecbpf_code_text(code));
	if (ip.v6 && !ip.v6->payload_len)
		return left_alone(why, "an IPv6 packet that does not tell its length");
	header_read(&ip, packet);
	if (ip.proto == (ip.v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP))
		err = icmp_read(&p, &ip, packet, why);
	else if (!packet->later && !ports_read(&p, &ip, packet))
		err = left_alone(why, "the TCP or UDP header is not whole");
	packet->key.rest = ECBPF_REST(packet->proto, vlan_id(&eth, 0), vlan_id(&eth, 1));
	return err;
}

/* --- the decision */

static const uint8_t *addr_of(const struct lb_packet *packet, const uint32_t *addr)
{
	return (const uint8_t *)(packet->v6 ? addr : &addr[3]);
}

/* echoes - a VIP of this address answers echo requests, of whatever protocol it is */
static const struct lb_vip *echoes(const struct lb_config *config, struct lb_endpoint to)
{
	size_t i;

	for (i = 0; i < config->vips; i++) {
		const struct lb_vip *vip = &config->vip[i];
		const struct lb_config one = { .vips = 1, .vip = (struct lb_vip *)vip };

		to.port = vip->service.first;
		if (vip->flags & LB_ECHO && lb_vip_match(&one, vip->service.proto, &to))
			return vip;
	}
	return NULL;
}

static const struct lb_vip *vip_of(const struct lb_config *config, const struct lb_packet *packet)
{
	struct lb_endpoint to = {
		.family = packet->v6 ? AF_INET6 : AF_INET,
		.port = ntohs(packet->key.dport),
	};

	memcpy(to.addr, addr_of(packet, packet->key.daddr), packet->v6 ? 16 : 4);
	return packet->echo ? echoes(config, to) : lb_vip_match(config, packet->proto, &to);
}

/* named - the backend whose server id the connection id has, or NULL */
static const struct lb_backend *named(const struct lb_vip *vip, const struct lb_packet *packet,
				      struct lb_server_id *id)
{
	const struct lb_backend *backend = vip->backend;
	struct lb_cid_key its = {}, want = {};
	uint8_t cid[16];
	size_t i;

	if (vip->hash != LB_HASH_QUIC || packet->cid_octets < 1U + vip->id_octets || packet->later)
		return NULL;
	lb_cid_key(packet->cid, 1 + vip->id_octets, &its);
	for (i = 0; i < vip->backends; i++) {
		lb_backend_server_id(vip, &backend[i], id);
		lb_server_id_cid(vip, id, cid);
		lb_cid_key(cid, 1 + id->octets, &want);
		if (!memcmp(&its, &want, sizeof(its)) && lb_backend_state(&backend[i]) != LB_DOWN)
			return &backend[i];
	}
	return NULL;
}

/* is_known - does the packet go where its connection's entry says? */
static bool is_known(const struct lb_packet *packet, const struct lb_known *known)
{
	if (!known || packet->later || packet->echo)
		return false;
	if (packet->error)
		return true;
	if (packet->flags & TCP_SYN && known->closing)
		return false;
	return !packet->fragment || !lb_vip_refuses_fragments(known->vip);
}

/* is_entered - does it begin a connection that is worth an entry? By NAT, a SYN does, too */
static bool is_entered(const struct lb_packet *packet, const struct lb_vip *vip, bool nat)
{
	if (vip->flags & LB_NO_TABLE || packet->later)
		return false;
	if (packet->proto == IPPROTO_TCP)
		return !(packet->flags & (TCP_RST | (nat ? 0 : TCP_SYN)));
	return packet->proto == IPPROTO_UDP;
}

static uint32_t code_of(const struct lb_packet *packet, const struct lb_vip *vip,
			const struct lb_backend *backend)
{
	const bool nat = lb_mode_is_nat(lb_backend_forward(vip, backend)->mode);
	const bool entered = is_entered(packet, vip, nat);

	if (nat)
		return entered && !packet->error ? ECBPF_CODE_LB_NEW : ECBPF_CODE_LB_NAT_UNKNOWN;
	if (packet->error)
		return ECBPF_CODE_LB_ICMP;
	return entered ? ECBPF_CODE_LB_NEW : ECBPF_CODE_LB_HASHED;
}

static int choose(const struct lb_packet *packet, struct lb_explained *e)
{
	const uint8_t *source = addr_of(packet, packet->key.saddr);
	const struct lb_backend *asked = lb_source_match(e->vip, source);
	uint16_t *table = lb_vip_table(e->vip);

	if (!table)
		return -ENOMEM;
	e->hashed = true;
	e->hash = lb_hash(&packet->key, lb_vip_table_hash(e->vip));
	e->entry = lb_table_index(e->hash, e->vip->table_size);
	e->backend = lb_vip_pick(e->vip, table, e->hash, source);
	free(table);
	e->code = e->backend ? code_of(packet, e->vip, e->backend) : ECBPF_CODE_LB_NO_BACKEND;
	if (!e->backend)
		e->why = "no backend takes new connections";
	else if (asked && e->backend == asked)
		e->why = "its source prefix";
	else
		e->why = asked ? "the table, as the one of its source prefix takes nothing new" :
				 "the table";
	if (e->code == ECBPF_CODE_LB_NAT_UNKNOWN) {
		e->backend = NULL;
		e->why = "mode nat, and it is of no known connection";
	}
	return 0;
}

/* choose_named - by the connection id; @vip: of the packet */
static bool choose_named(const struct lb_packet *packet, const struct lb_vip *vip,
			 struct lb_explained *e)
{
	struct lb_server_id id;
	const struct lb_backend *backend = named(vip, packet, &id);

	if (!backend)
		return false;
	*e = (struct lb_explained){
		.vip = vip,
		.backend = backend,
		.id = id,
		.why = "the server id in its connection id",
		.code = ECBPF_CODE_LB_QUIC,
	};
	return true;
}

int lb_explain(const struct lb_config *config, const struct lb_packet *packet,
	       const struct lb_known *known, struct lb_explained *explained)
{
	struct lb_explained e = {};
	int err = 0;

	if (is_known(packet, known)) {
		e = (struct lb_explained){
			.vip = known->vip,
			.backend = known->backend,
			.why = packet->error ? "the connection that it quotes" : "its connection",
			.code = packet->error ? ECBPF_CODE_LB_ICMP : ECBPF_CODE_LB_FORWARD,
		};
		if (known->quic && !packet->error)
			choose_named(packet, known->vip, &e);
		*explained = e;
		return 0;
	}
	e.vip = vip_of(config, packet);
	if (!e.vip) {
		e.why = packet->echo ? "no VIP of this address answers echo requests" : "no VIP";
	} else if (packet->fragment && lb_vip_refuses_fragments(e.vip)) {
		e.code = ECBPF_CODE_LB_NO_FRAGMENTS;
		e.why = "the VIP refuses fragments";
	} else if (packet->echo) {
		e.code = ECBPF_CODE_LB_ECHO;
		e.why = "an echo request, answered";
	} else if (packet->later && lb_vip_table_hash(e.vip) == LB_HASH_5_TUPLE) {
		e.code = ECBPF_CODE_LB_FRAGMENT;
		e.why = "a later fragment: goes where the first one went, if that was seen";
	} else if (!choose_named(packet, e.vip, &e)) {
		err = choose(packet, &e);
	}
	if (!err)
		*explained = e;
	return err;
}
