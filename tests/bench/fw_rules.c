// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Rules as they pile up against floods. Those about the flood's own target and port miss its frames
 * by one selector, so that much is left to be compared.
 */
#include <stdio.h>
#include <stdlib.h>

#include <arpa/inet.h>

#include "tests/bench/fw.h"

#define SHAPES 16

/**
 * struct words - what a rule is made of
 * @ip: "ip" or "ip6"
 * @dst: the flood's target, or another
 * @port: not the flood's
 * @number: of no meaning
 */
struct words {
	const char *ip;
	char src[INET6_ADDRSTRLEN + 4];
	char dst[INET6_ADDRSTRLEN];
	unsigned int port;
	unsigned int number;
};

static unsigned int next(uint64_t *state)
{
	*state = *state * 6364136223846793005ULL + 1442695040888963407ULL;
	return *state >> 33;
}

static void words4(struct words *w, uint64_t *state)
{
	unsigned int a = next(state), b = next(state), length = 16 + next(state) % 17;

	w->ip = "ip";
	snprintf(w->src, sizeof(w->src), "%u.%u.%u.%u/%u", 11 + a % 200, a >> 8 & 255, b & 255,
		 b >> 8 & 255, length);
	snprintf(w->dst, sizeof(w->dst), "192.0.2.%u", next(state) % 2 ? 1 : 2 + b % 200);
}

static void words6(struct words *w, uint64_t *state)
{
	unsigned int a = next(state), b = next(state), length = 32 + next(state) % 9 * 4;

	w->ip = "ip6";
	snprintf(w->src, sizeof(w->src), "2a00:%x:%x:%x::/%u", a & 0x7fff, b & 0xffff,
		 (a ^ b) & 0xffff, length);
	snprintf(w->dst, sizeof(w->dst), "2001:db8:ffff::%x", next(state) % 2 ? 1 : 2 + b % 200);
}

static void tcp_rule(FILE *out, const struct words *w, unsigned int shape)
{
	switch (shape) {
	case 0:
		fprintf(out, "drop %s from %s tcp window %u-%u flags syn mask {syn ack}\n", w->ip,
			w->src, w->number % 512, w->number % 512 + 512);
		break;
	case 1:
		fprintf(out, "drop %s from %s tcp dport %u flags {} mask {syn ack rst}\n", w->ip,
			w->src, w->port);
		break;
	case 2:
		fprintf(out, "drop %s from %s to %s tcp sport %u window 0\n", w->ip, w->src, w->dst,
			w->port);
		break;
	default:
		fprintf(out, "drop %s to %s tcp dport %u flags {fin urg psh}\n", w->ip, w->dst,
			w->port);
	}
}

static void other_rule(FILE *out, const struct words *w, unsigned int shape)
{
	static const unsigned int protos[] = { 4, 41, 47, 50, 132 };

	switch (shape) {
	case 0:
		fprintf(out, "drop %s from %s\n", w->ip, w->src);
		break;
	case 1:
		fprintf(out, "drop %s to %s icmp%s type %u length %u-1514\n", w->ip, w->dst,
			w->ip[2] ? "6" : "", w->ip[2] ? 128U : 8U, 100 + w->number % 1000);
		break;
	case 2:
		fprintf(out, "drop %s from %s proto %u\n", w->ip, w->src,
			protos[w->number % (sizeof(protos) / sizeof(*protos))]);
		break;
	case 3:
		fprintf(out, "drop %s from %s options\n", w->ip, w->src);
		break;
	default:
		fprintf(out, "drop %s from %s malformed\n", w->ip, w->src);
	}
}

static void udp_rule(FILE *out, const struct words *w, unsigned int shape)
{
	switch (shape) {
	case 0:
		fprintf(out, "drop %s from %s to %s udp dport %u\n", w->ip, w->src, w->dst,
			w->port);
		break;
	case 1:
		fprintf(out, "drop %s to %s udp sport {19 53 123 161 389} length %u-1514\n", w->ip,
			w->dst, 200 + w->number % 1000);
		break;
	case 2:
		fprintf(out, "drop %s to %s udp dport 53 length %u-1514\n", w->ip, w->dst,
			100 + w->number % 1000);
		break;
	case 3:
		fprintf(out, "drop %s from %s to %s ttl %u-255\n", w->ip, w->src, w->dst,
			65 + w->number % 180);
		break;
	case 4:
		fprintf(out, "drop %s from %s udp dport 53 dscp %u\n", w->ip, w->src,
			1 + w->number % 63);
		break;
	case 5:
		fprintf(out, "drop %s to %s udp dport 53 vlan %u\n", w->ip, w->dst,
			1 + w->number % 4000);
		break;
	default:
		fprintf(out, "drop %s from %s to %s udp fragment later\n", w->ip, w->src, w->dst);
	}
}

static void rule(FILE *out, const struct words *w, unsigned int shape)
{
	if (shape < 7)
		udp_rule(out, w, shape);
	else if (shape < 11)
		tcp_rule(out, w, shape - 7);
	else
		other_rule(out, w, shape - 11);
}

static void last_rule(FILE *out, const struct fw_mix *mix)
{
	const bool ipv6 = mix->family == 6;

	fprintf(out, "drop %s to %s udp dport 53 length 64 ttl 64", ipv6 ? "ip6" : "ip",
		ipv6 ? "2001:db8:ffff::1" : "192.0.2.1");
	if (mix->miss)
		fprintf(out, " from %s", ipv6 ? "2001:db8:1::/48" : "198.51.100.0/24");
	fprintf(out, "\n");
}

char *fw_mix_text(const struct fw_mix *mix)
{
	uint64_t state = mix->family;
	struct words w;
	unsigned int i;
	size_t size;
	char *text;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	for (i = 0; i + 1 < mix->count; i++) {
		(mix->family == 6 ? words6 : words4)(&w, &state);
		w.number = next(&state);
		w.port = 1 + w.number % 52 + w.number / 52 % 2 * 1000;
		rule(out, &w, i % SHAPES);
	}
	if (mix->count)
		last_rule(out, mix);
	return fclose(out) ? NULL : text;
}
