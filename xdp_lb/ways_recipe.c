// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Recipes: frames' headers, and outer headers with zeroes where packets differ. */
#include <arpa/inet.h>
#include <stddef.h>
#include <string.h>

#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>

#include "xdp_lb/abi.h"
#include "xdp_lb/ways.h"

/* GUE version 0 without options, of data: the second byte is the protocol of the packet in it. */
#define GUE_BYTES 4

/* The least that IPv4 works with (RFC 791 3.2). */
#define MTU_MIN 68U

static bool is_zero(const uint8_t *bytes, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (bytes[i])
			return false;
	return true;
}

static __be16 ether_type(uint8_t family)
{
	return htons(family == AF_INET ? ETH_P_IP : ETH_P_IPV6);
}

/* protocol_of - number of a packet of this family that is in another */
static uint8_t protocol_of(uint8_t family)
{
	return family == AF_INET ? IPPROTO_IPIP : IPPROTO_IPV6;
}

/* l2_put - @family: of the packet that follows */
static void l2_put(struct ecbpf_recipe *recipe, const struct lb_hop *hop, uint8_t family)
{
	const __be16 type = ether_type(family);
	__u8 *at = recipe->l2;
	unsigned int i;

	memcpy(at, hop->mac, ETH_ALEN);
	memcpy(at + ETH_ALEN, hop->out.mac, ETH_ALEN);
	at += 2 * ETH_ALEN;
	for (i = 0; i < hop->out.tags; i++) {
		memcpy(at, &hop->out.tag[i].tpid, sizeof(type));
		memcpy(at + 2, &hop->out.tag[i].tci, sizeof(type));
		at += 4;
	}
	memcpy(at, &type, sizeof(type));
	recipe->l2_bytes = at + sizeof(type) - recipe->l2;
	recipe->ifindex = hop->out.ifindex;
}

/* source_of - of an outer header, or of full NAT: what was configured, else what the kernel would take; or NULL */
static const uint8_t *source_of(const struct lb_forward *forward, const struct ecbpf_route *route,
				uint8_t family)
{
	if (family == AF_INET && !is_zero(forward->source4, sizeof(forward->source4)))
		return forward->source4;
	if (family == AF_INET6 && !is_zero(forward->source6, sizeof(forward->source6)))
		return forward->source6;
	return route->sourced ? route->source : NULL;
}

static void outer4_put(struct ecbpf_recipe *recipe, uint8_t proto, const uint8_t *from,
		       const uint8_t *to)
{
	struct iphdr ip = { .version = 4, .ihl = sizeof(ip) / 4, .protocol = proto };

	memcpy(&ip.saddr, from, sizeof(ip.saddr));
	memcpy(&ip.daddr, to, sizeof(ip.daddr));
	memcpy(recipe->outer, &ip, sizeof(ip));
	recipe->outer_bytes = sizeof(ip);
}

static void outer6_put(struct ecbpf_recipe *recipe, uint8_t proto, const uint8_t *from,
		       const uint8_t *to)
{
	struct ipv6hdr ip = { .version = 6, .nexthdr = proto };

	memcpy(&ip.saddr, from, sizeof(ip.saddr));
	memcpy(&ip.daddr, to, sizeof(ip.daddr));
	memcpy(recipe->outer, &ip, sizeof(ip));
	recipe->outer_bytes = sizeof(ip);
	recipe->flags |= ECBPF_OUTER_V6;
}

static void gue_put(struct ecbpf_recipe *recipe, uint16_t port, uint8_t proto)
{
	const struct udphdr udp = { .dest = htons(port) };
	const __u8 gue[GUE_BYTES] = { 0, proto };

	memcpy(recipe->outer + recipe->outer_bytes, &udp, sizeof(udp));
	memcpy(recipe->outer + recipe->outer_bytes + sizeof(udp), gue, sizeof(gue));
	recipe->outer_bytes += sizeof(udp) + sizeof(gue);
}

static void tunnel_put(struct ecbpf_recipe *recipe, uint8_t family,
		       const struct lb_forward *forward, const struct lb_endpoint *to,
		       const uint8_t *source)
{
	const bool gue = forward->mode == LB_GUE;
	const uint8_t proto = gue ? IPPROTO_UDP : protocol_of(family);

	recipe->kind = gue ? ECBPF_GUE : ECBPF_IPIP;
	if (to->family == AF_INET)
		outer4_put(recipe, proto, source, to->addr);
	else
		outer6_put(recipe, proto, source, to->addr);
	if (family == AF_INET && to->family == AF_INET)
		recipe->flags |= ECBPF_DF_COPY;
	if (gue)
		gue_put(recipe, forward->gue_port, protocol_of(family));
}

static const char *tunnel_make(uint8_t family, const struct lb_forward *forward,
			       const struct lb_endpoint *to, const struct lb_hop *hop,
			       struct ecbpf_recipe *recipe)
{
	const uint8_t *source = source_of(forward, &hop->route, to->family);

	if (!source)
		return "the tunnel has no source address";
	l2_put(recipe, hop, to->family);
	tunnel_put(recipe, family, forward, to, source);
	return NULL;
}

/* mapped - as in keys of connections */
static void mapped(__be32 to[4], uint8_t family, const uint8_t *addr)
{
	memset(to, 0, 4 * sizeof(*to));
	if (family == AF_INET)
		to[2] = htonl(ECBPF_V4_PREFIX);
	memcpy(family == AF_INET ? &to[3] : to, addr, family == AF_INET ? 4 : 16);
}

static const char *nat_make(const struct lb_forward *forward, const struct lb_endpoint *to,
			    const struct lb_hop *hop, struct ecbpf_recipe *recipe)
{
	struct lb_nat nat = { .dport = htons(to->port) };
	const uint8_t *source = source_of(forward, &hop->route, to->family);

	mapped(nat.to, to->family, to->addr);
	if (forward->mode == LB_FULL_NAT) {
		if (!source)
			return "there is no source address that the backend could answer to";
		mapped(nat.from, to->family, source);
		nat.flags = LB_NAT_SOURCE;
	}
	recipe->kind = ECBPF_NAT;
	memcpy(recipe->outer, &nat, sizeof(nat));
	l2_put(recipe, hop, to->family);
	return NULL;
}

static const char *recipe_make(uint8_t family, const struct lb_forward *forward,
			       const struct lb_endpoint *to, const struct lb_hop *hop,
			       struct ecbpf_recipe *recipe)
{
	switch (forward->mode) {
	case LB_DIRECT:
		if (hop->route.gateway)
			return "mode direct, but the backend is behind a router";
		recipe->kind = ECBPF_DIRECT;
		l2_put(recipe, hop, family);
		return NULL;
	case LB_IPIP:
	case LB_GUE:
		return tunnel_make(family, forward, to, hop, recipe);
	case LB_NAT:
	case LB_FULL_NAT:
		return nat_make(forward, to, hop, recipe);
	default:
		return "there is no such mode";
	}
}

const char *lb_way_make(uint8_t family, __u16 service, const struct lb_forward *forward,
			const struct lb_endpoint *to, const struct lb_hop *hop, struct lb_way *way)
{
	const __u32 mtu = hop->route.mtu ? hop->route.mtu : hop->out.mtu;
	const char *cause = hop->cause;

	*way = (struct lb_way){ .recipe.service = service };
	if (!cause)
		cause = recipe_make(family, forward, to, hop, &way->recipe);
	if (!cause && mtu < way->recipe.outer_bytes + MTU_MIN)
		cause = "the MTU on the way is too small";
	if (cause)
		*way = (struct lb_way){};
	else
		way->mtu = mtu - way->recipe.outer_bytes;
	return cause;
}
