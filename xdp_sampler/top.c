// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "libecbpf/ecbpf.h"
#include "libecbpf/pkt.bpf.h"
#include "xdp_sampler/top.h"

#define ROOM_LEAST 64

/* Of a packet, what can hold the headers that matter; behind so many it is not looked into. */
#define HEADERS_MAX 512

/* Values of LINKTYPE_*. */
#define LINK_ETHERNET 1
#define LINK_RAW      101
#define LINK_IPV4     228
#define LINK_IPV6     229

/* struct headers - of a packet, as far as it is there; family 0: no IP */
struct headers {
	struct top_key source, destination;
	struct top_key source_port, destination_port;
	bool ports;
};

void top_init(struct top *top, uint64_t seed)
{
	memset(top, 0, sizeof(*top));
	top->seed = seed;
}

/* --- headers */

static void set_addr(struct top_key *key, int family, const void *addr, size_t len)
{
	key->family = family;
	memcpy(key->addr, addr, len);
}

static bool read_ipv4(struct headers *headers, struct pkt *p, struct pkt_ip *ip)
{
	const struct iphdr *hdr = pkt_pull(p, sizeof(*hdr));

	if (!hdr || hdr->version != 4)
		return false;
	set_addr(&headers->source, AF_INET, &hdr->saddr, sizeof(hdr->saddr));
	set_addr(&headers->destination, AF_INET, &hdr->daddr, sizeof(hdr->daddr));
	ip->proto = hdr->protocol;
	ip->later = ntohs(hdr->frag_off) & PKT_IPV4_FRAG_OFFSET;
	return hdr->ihl >= 5 && pkt_pull(p, hdr->ihl * 4 - sizeof(*hdr));
}

static bool read_ipv6(struct headers *headers, struct pkt *p, struct pkt_ip *ip)
{
	const struct ipv6hdr *hdr = pkt_pull(p, sizeof(*hdr));

	if (!hdr || hdr->version != 6)
		return false;
	set_addr(&headers->source, AF_INET6, &hdr->saddr, sizeof(hdr->saddr));
	set_addr(&headers->destination, AF_INET6, &hdr->daddr, sizeof(hdr->daddr));
	ip->proto = hdr->nexthdr;
	ip->left = PKT_LEN_MAX; /* what was cut off is not known to be missing */
	while (!ip->later && pkt_is_ipv6_ext(ip->proto))
		if (pkt_ipv6_ext(p, ip))
			return false;
	return true;
}

static void read_ports(struct headers *headers, struct pkt *p, const struct pkt_ip *ip)
{
	const uint16_t *port;

	if (ip->later || (ip->proto != IPPROTO_TCP && ip->proto != IPPROTO_UDP))
		return;
	port = pkt_pull(p, 2 * sizeof(*port));
	if (!port)
		return;
	headers->ports = true;
	headers->source_port.kind = headers->destination_port.kind = ip->proto;
	headers->source_port.number = ntohs(port[0]);
	headers->destination_port.number = ntohs(port[1]);
}

static uint16_t read_link(struct pkt *p, int link)
{
	struct pkt_eth eth = {};

	switch (link) {
	case LINK_ETHERNET:
		return pkt_eth(p, &eth) ? 0 : ntohs(eth.proto);
	case LINK_IPV4:
		return ETH_P_IP;
	case LINK_IPV6:
		return ETH_P_IPV6;
	case LINK_RAW:
		if (!pkt_left(p))
			return 0;
		return *(const uint8_t *)p->pos >> 4 == 6 ? ETH_P_IPV6 : ETH_P_IP;
	default:
		return 0;
	}
}

static void headers_read(struct headers *headers, const struct message_view *view)
{
	/* of Ethernet, what is behind its 14 bytes lies aligned */
	const size_t at = view->link == LINK_ETHERNET ? 2 : 0;
	const size_t len = view->caplen < HEADERS_MAX ? view->caplen : HEADERS_MAX;
	uint8_t copy[2 + HEADERS_MAX] __attribute__((aligned(8)));
	struct pkt p = { copy + at, copy + at + len };
	struct pkt_ip ip = {};
	uint16_t proto;
	bool whole = false;

	memset(headers, 0, sizeof(*headers));
	if (!len)
		return;
	memcpy(copy + at, view->bytes, len);
	proto = read_link(&p, view->link);
	if (proto == ETH_P_IP)
		whole = read_ipv4(headers, &p, &ip);
	else if (proto == ETH_P_IPV6)
		whole = read_ipv6(headers, &p, &ip);
	if (whole)
		read_ports(headers, &p, &ip);
}

/* --- tables */

static uint64_t key_hash(const struct top_key *key, uint64_t seed)
{
	uint64_t word[sizeof(*key) / sizeof(uint64_t)], hash = seed;
	size_t i;

	memcpy(word, key, sizeof(word));
	for (i = 0; i < sizeof(word) / sizeof(word[0]); i++) {
		hash = (hash ^ word[i]) * 0x9e3779b97f4a7c15; /* 2^64 by the golden ratio */
		hash ^= hash >> 32;
	}
	return hash;
}

/* Its place, or an empty one; there is always one. */
static struct top_entry *place(const struct top_list *list, const struct top_key *key,
			       uint64_t seed)
{
	size_t at = key_hash(key, seed) & (list->room - 1);

	while (list->entry[at].sum.samples && memcmp(&list->entry[at].key, key, sizeof(*key)))
		at = (at + 1) & (list->room - 1);
	return &list->entry[at];
}

static int grow(struct top_list *list, uint64_t seed)
{
	struct top_list grown = *list;
	size_t i;

	grown.room = list->room ? 2 * list->room : ROOM_LEAST;
	grown.entry = calloc(grown.room, sizeof(*grown.entry));
	if (!grown.entry)
		return ecbpf_fail(-ENOMEM, "out of memory");
	for (i = 0; i < list->room; i++)
		if (list->entry[i].sum.samples)
			*place(&grown, &list->entry[i].key, seed) = list->entry[i];
	free(list->entry);
	*list = grown;
	return 0;
}

static void sum_add(struct top_sum *sum, const struct message_view *view)
{
	sum->samples++;
	sum->packets += view->one_in;
	sum->bytes += (uint64_t)view->one_in * view->len;
}

static int list_add(struct top *top, enum top_table table, const struct top_key *key,
		    const struct message_view *view)
{
	struct top_list *list = &top->list[table];
	struct top_entry *entry;
	int err;

	if (4 * list->count >= 3 * list->room) {
		err = grow(list, top->seed);
		if (err)
			return err;
	}
	entry = place(list, key, top->seed);
	if (!entry->sum.samples && list->count == TOP_ENTRIES_MAX) {
		sum_add(&list->rest, view);
		return 0;
	}
	if (!entry->sum.samples) {
		entry->key = *key;
		list->count++;
		if (table == TOP_REASONS)
			verdict_reason(view, entry->reason);
	}
	sum_add(&entry->sum, view);
	return 0;
}

int top_add(struct top *top, const struct message_view *view)
{
	const struct top_key reason = {
		.number = view->code,
		.slot = view->slot,
		.kind = view->action,
	};
	struct headers headers;
	int err;

	sum_add(&top->all, view);
	err = list_add(top, TOP_REASONS, &reason, view);
	headers_read(&headers, view);
	if (headers.source.family && !err)
		err = list_add(top, TOP_SOURCES, &headers.source, view);
	if (headers.source.family && !err)
		err = list_add(top, TOP_DESTINATIONS, &headers.destination, view);
	if (headers.ports && !err)
		err = list_add(top, TOP_SOURCE_PORTS, &headers.source_port, view);
	if (headers.ports && !err)
		err = list_add(top, TOP_DESTINATION_PORTS, &headers.destination_port, view);
	return err;
}

static int compare(const void *left, const void *right)
{
	const struct top_entry *a = left, *b = right;

	if (a->sum.packets != b->sum.packets)
		return a->sum.packets < b->sum.packets ? 1 : -1;
	if (a->sum.bytes != b->sum.bytes)
		return a->sum.bytes < b->sum.bytes ? 1 : -1;
	return memcmp(&a->key, &b->key, sizeof(a->key));
}

void top_rank(struct top *top)
{
	size_t i, from, to;

	for (i = 0; i < TOP_TABLES; i++) {
		struct top_list *list = &top->list[i];

		for (from = 0, to = 0; from < list->room; from++)
			if (list->entry[from].sum.samples)
				list->entry[to++] = list->entry[from];
		if (to)
			qsort(list->entry, to, sizeof(*list->entry), compare);
	}
}

void top_reset(struct top *top)
{
	const uint64_t seed = top->seed;

	top_free(top);
	top->seed = seed;
}

void top_free(struct top *top)
{
	size_t i;

	for (i = 0; i < TOP_TABLES; i++)
		free(top->list[i].entry);
	memset(top, 0, sizeof(*top));
}
