/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Packets of clients, and what IPVS makes of them: frames built byte by byte, with no code of the
 * programs that are tested.
 */
#ifndef TESTS_BPF_FRAMES_H
#define TESTS_BPF_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/types.h>

/* Longest frame: one page, less head- and tailroom. */
#define FRAMES_MAX 3072

#define FRAMES_FIN 0x01
#define FRAMES_SYN 0x02
#define FRAMES_RST 0x04
#define FRAMES_ACK 0x10

/**
 * struct frames_client - a client's packet; numbers in host byte order
 * @family: 4 or 6
 * @proto: IPPROTO_TCP or IPPROTO_UDP
 * @saddr, @daddr: IPv4 in the first four bytes
 * @payload, @padding: bytes
 * @df: IPv4: "don't fragment"
 * @no_sum: UDP without checksum
 * @tags: 0 to 2
 * @tci: of these, outer first
 */
struct frames_client {
	int family;
	uint8_t proto;
	uint8_t saddr[16];
	uint8_t daddr[16];
	uint16_t sport;
	uint16_t dport;
	uint8_t flags;
	uint32_t seq;
	uint32_t ack;
	uint8_t ttl;
	uint8_t tos;
	bool df;
	bool no_sum;
	uint16_t payload;
	uint16_t padding;
	unsigned int tags;
	uint16_t tci[2];
};

enum frames_tunnel { FRAMES_DIRECT, FRAMES_IPIP, FRAMES_GUE };

/**
 * struct frames_way - how IPVS sends packets to a server
 * @ifindex: where they leave
 * @tags, @tci: that they leave with
 * @mac: last byte of the server's MAC address
 * @outer: 4 or 6: family of the outer header
 * @server: last byte of the server's address
 * @no_pmtu: the outer IPv4 header never has "don't fragment"
 * @gue_sport, @gue_dport: ports of the outer UDP header
 * @csum: it has a checksum
 * @tos: added to the outer header's, so that nobody can tell what it is made of
 * @ttl: the same
 * @label: IPv6: its flow label; what Linux sends is 0
 */
struct frames_way {
	uint32_t ifindex;
	unsigned int tags;
	uint16_t tci[2];
	uint8_t mac;
	enum frames_tunnel tunnel;
	int outer;
	uint8_t server;
	bool no_pmtu;
	uint16_t gue_sport;
	uint16_t gue_dport;
	bool csum;
	uint8_t tos;
	uint8_t ttl;
	uint32_t label;
};

/** frames_client - the frame as it arrives; returns its length */
size_t frames_client(const struct frames_client *client, uint8_t *frame);

/** frames_server - and as IPVS sends it; @client's padding and tags do not matter */
size_t frames_server(const struct frames_client *client, const struct frames_way *way,
		     uint8_t *frame);

/** frames_sum - ones' complement sum of 16-bit words, folded; 0xffff: with a checksum, correct */
uint16_t frames_sum(uint32_t sum, const uint8_t *at, size_t bytes);

/** frames_outer_bytes - of a way's headers before the packet */
size_t frames_outer_bytes(const struct frames_way *way);

/** frames_vip_addr - 192.0.2.@end and 2001:db8::@end; of nets: 192.0.3.@end and 2001:db8:3::@end */
void frames_vip_addr(int family, bool net, uint8_t end, uint8_t *addr);

/** frames_client_addr - 198.51.100.@end and 2001:db8:900::@end */
void frames_client_addr(int family, uint8_t end, uint8_t *addr);

static inline uint16_t frames_get16(const uint8_t *at)
{
	return at[0] << 8 | at[1];
}

static inline uint32_t frames_get32(const uint8_t *at)
{
	return (uint32_t)frames_get16(at) << 16 | frames_get16(at + 2);
}

static inline void frames_put16(uint8_t *at, unsigned int value)
{
	at[0] = value >> 8;
	at[1] = value;
}

static inline void frames_put32(uint8_t *at, uint32_t value)
{
	frames_put16(at, value >> 16);
	frames_put16(at + 2, value);
}

#endif
