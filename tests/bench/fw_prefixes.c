// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Lists of prefixes that differ, and sources to meet them. */
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>

#include "libecbpf/csum.bpf.h"
#include "tests/bench/fw.h"

/* IPv6: 2a00:0::/32 to 2a00:7fff::/32. */
#define FIXED6 17
#define ALLOC6 0x2a00000000000000ULL

static uint32_t next(uint64_t *state)
{
	*state = *state * 6364136223846793005ULL + 1442695040888963407ULL;
	return *state >> 33;
}

/* Sources are other numbers than addresses in lists: they meet prefixes, not themselves. */
#define SOURCES (1U << 31)

/* scatter - a bijection of numbers of so many bits, 1 to 63 */
static uint64_t scatter(uint64_t n, unsigned int bits)
{
	const uint64_t mask = (1ULL << bits) - 1;
	const unsigned int half = (bits + 1) / 2;

	n = n * 0x9e3779b97f4a7c15ULL & mask;
	n ^= n >> half;
	n = n * 0xd6e8feb86659fd93ULL & mask;
	return n ^ n >> half;
}

static unsigned int pick_length(enum fw_list list, uint64_t *state)
{
	const unsigned int percent = next(state) % 100;

	switch (list) {
	case FW_LIST_UNIFORM:
		return 8 + next(state) % 25;
	case FW_LIST_BLOCK:
		return percent < 90 ? 32 : 20 + percent % 5;
	default:
		return percent < 10 ? 128 :
		       percent < 34 ? 64 :
		       percent < 54 ? 56 :
		       percent < 99 ? 48 :
				      32;
	}
}

static void put4(struct ecbpf_prefix *prefix, uint64_t number, unsigned int length)
{
	const uint32_t addr = htonl(scatter(number, length) << (32 - length));

	prefix->family = AF_INET;
	memcpy(prefix->addr, &addr, sizeof(addr));
}

/* put6 - @bits are behind those that are fixed */
static void put6(struct ecbpf_prefix *prefix, uint64_t number, unsigned int bits)
{
	const unsigned int upper = bits < 64 - FIXED6 ? bits : 64 - FIXED6;
	const uint64_t high = ALLOC6 | scatter(number, upper) << (64 - FIXED6 - upper);
	const uint32_t word[4] = { htonl(high >> 32), htonl(high), 0,
				   bits > upper ? htonl(number) : 0 };

	prefix->family = AF_INET6;
	memcpy(prefix->addr, word, sizeof(word));
}

struct fw_member *fw_list_make(enum fw_list list, size_t count)
{
	struct fw_member *member = calloc(count, sizeof(*member));
	const unsigned int fixed = list == FW_LIST_IPV6 ? FIXED6 : 0;
	uint64_t state = list + 1, taken[129] = {};
	unsigned int length;
	size_t i;

	for (i = 0; member && i < count; i++) {
		do
			length = pick_length(list, &state);
		while (length - fixed < 32 && taken[length] == 1U << (length - fixed));
		member[i].prefix.length = length;
		(fixed ? put6 : put4)(&member[i].prefix, taken[length]++, length - fixed);
	}
	return member;
}

static void vary4(void *frame, __u32 flow)
{
	struct iphdr *ip = (void *)((__u8 *)frame + ETH_HLEN);
	struct udphdr *udp = (struct udphdr *)(ip + 1);
	const uint32_t source = scatter(SOURCES + flow, 32);

	ip->saddr = htonl(source);
	ip->check = 0;
	ip->check = csum_fold(csum_add(0, ip, sizeof(*ip) / 2));
	udp->source = htons(1024 + source % 64000);
}

static void vary6(void *frame, __u32 flow)
{
	struct ipv6hdr *ip = (void *)((__u8 *)frame + ETH_HLEN);
	const uint64_t high = ALLOC6 | scatter(flow + (1ULL << 40), 64 - FIXED6);
	const uint32_t word[4] = { htonl(high >> 32), htonl(high), 0, htonl(flow) };

	memcpy(&ip->saddr, word, sizeof(word));
}

const struct bench_traffic *fw_list_sources(struct bench *b, int family, __u32 flows)
{
	const struct bench_traffic *like = family == 6 ? bench_ipv6(b, 1) : bench_ipv4(b, 1);
	const char *name = family == 6 ? "IPv6*" : "IPv4*";
	struct bench_traffic t;
	size_t i;

	for (i = 0; i < b->traffics; i++)
		if (b->traffic[i]->flows == flows && !strcmp(b->traffic[i]->name, name))
			return b->traffic[i];
	if (!like)
		return NULL;
	t = *like;
	t.name = name;
	t.flows = flows;
	t.vary = family == 6 ? vary6 : vary4;
	t.vary(t.frame, 0);
	return bench_traffic(b, &t);
}
