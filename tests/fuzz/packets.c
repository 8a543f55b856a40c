// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/packets.h"

/* Room that the longest headers but extension headers take: no check for each byte is needed. */
#define HEADROOM_LEFT 256

static uint64_t from_environment(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text && *text ? strtoull(text, NULL, 0) : otherwise;
}

void packets_begin(struct packets *packets, uint64_t seed)
{
	packets->state = from_environment("ECBPF_FUZZ_SEED", seed);
	packets->len = 0;
}

uint64_t packets_count(uint64_t count)
{
	return from_environment("ECBPF_FUZZ_PACKETS", count);
}

/* splitmix64 (Steele, Lea, Flood 2014): any seed is good, and the same stream everywhere */
static uint64_t draw(struct packets *packets)
{
	uint64_t z = packets->state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

uint32_t packets_random(struct packets *packets, uint32_t below)
{
	return (draw(packets) >> 32) * below >> 32;
}

static bool one_in(struct packets *packets, uint32_t many)
{
	return packets_random(packets, many) == 0;
}

/* --- building */

static void put8(struct packets *packets, unsigned int value)
{
	packets->frame[packets->len++] = value;
}

static void set16(struct packets *packets, size_t at, unsigned int value)
{
	packets->frame[at] = value >> 8;
	packets->frame[at + 1] = value;
}

static void put16(struct packets *packets, unsigned int value)
{
	packets->len += 2;
	set16(packets, packets->len - 2, value);
}

static void put_random(struct packets *packets, size_t count)
{
	while (count--)
		put8(packets, draw(packets));
}

static unsigned int pick(struct packets *packets, const uint16_t *from, size_t count)
{
	return from[packets_random(packets, count)];
}
#define PICK(packets, ...)                               \
	pick(packets, (const uint16_t[]){ __VA_ARGS__ }, \
	     sizeof((const uint16_t[]){ __VA_ARGS__ }) / sizeof(uint16_t))

static void put_tcp(struct packets *packets)
{
	unsigned int words = one_in(packets, 3) ? 5 + packets_random(packets, 11) : 5;

	put_random(packets, 12);
	put8(packets, words << 4);
	put_random(packets, 7 + (words - 5) * 4);
}

static void put_upper(struct packets *packets, unsigned int proto)
{
	size_t begin = packets->len;
	size_t payload = packets_random(packets, one_in(packets, 50) ? 700 : 32);

	if (payload > sizeof(packets->frame) - HEADROOM_LEFT - packets->len)
		payload = 0;
	if (proto == 6)
		put_tcp(packets);
	else
		put_random(packets, 8);
	put_random(packets, payload);
	if (proto == 17)
		set16(packets, begin + 4, packets->len - begin);
	if (one_in(packets, 16)) /* the datagram ends in the header, honestly */
		packets->len = begin + packets_random(packets, 9);
}

static void put_ipv4(struct packets *packets)
{
	unsigned int words = one_in(packets, 4) ? 5 + packets_random(packets, 11) : 5;
	unsigned int proto = PICK(packets, 6, 6, 6, 17, 17, 17, 1, 1, 2, 47, 50, 51, 58);
	size_t begin = packets->len;

	put8(packets, 0x40 | words);
	put_random(packets, 5); /* type of service, total length, identification */
	put16(packets,
	      PICK(packets, 0, 0, 0, 0x4000, 0x4000, 0x4000, 0x8000, 0x2000, 0x2001, 0x1fff));
	put8(packets, 64);
	put8(packets, proto);
	put_random(packets, 10 + (words - 5) * 4);
	put_upper(packets, proto);
	set16(packets, begin + 2, packets->len - begin);
}

/* An extension header of type @kind; its length in 8 bytes, or AH's in 4, is mostly small. */
static void put_extension(struct packets *packets, unsigned int kind, unsigned int next)
{
	unsigned int units = one_in(packets, 3) ? packets_random(packets, 5) : 0;

	put8(packets, next);
	if (kind == 44) {
		put8(packets, draw(packets));
		put16(packets, PICK(packets, 0, 0, 1, 6, 8, 9, 0xfff8));
		put_random(packets, 4);
		return;
	}
	put8(packets, units);
	put_random(packets, kind == 51 ? (units + 2) * 4 - 2 : (units + 1) * 8 - 2);
}

static void put_ipv6(struct packets *packets)
{
	unsigned int exts = one_in(packets, 2) ? packets_random(packets, 11) : 0;
	unsigned int kind, next, proto = PICK(packets, 6, 6, 6, 17, 17, 17, 58, 58, 1, 50, 59);
	size_t begin = packets->len;

	put8(packets, 0x60 | packets_random(packets, 16));
	put_random(packets, 5); /* rest of class and label, payload length */
	kind = PICK(packets, 0, 0, 43, 44, 44, 51, 60, 135, 139, 140);
	put8(packets, exts ? kind : proto);
	put_random(packets, 33);
	for (; exts--; kind = next) {
		next = exts ? PICK(packets, 0, 43, 44, 44, 51, 60, 60, 135, 139, 140) : proto;
		put_extension(packets, kind, next);
	}
	put_upper(packets, proto);
	set16(packets, begin + 4, one_in(packets, 20) ? 0 : packets->len - begin - 40);
}

static void put_frame(struct packets *packets)
{
	unsigned int tags = one_in(packets, 2) ? packets_random(packets, 4) : 0;
	unsigned int type =
		PICK(packets, 0x0800, 0x0800, 0x0800, 0x86dd, 0x86dd, 0x86dd, 0x86dd, 0);

	packets->len = 0;
	put_random(packets, 12);
	for (; tags--; put_random(packets, 2))
		put16(packets, PICK(packets, 0x8100, 0x88a8));
	if (!type)
		type = PICK(packets, 0x0806, 0x88cc, 0x8847, 0x8864, 0x9100, 0x0026, 0);
	put16(packets, type);
	if (type == 0x0800)
		put_ipv4(packets);
	else if (type == 0x86dd)
		put_ipv6(packets);
	else
		put_random(packets, packets_random(packets, 60));
	if (one_in(packets, 3))
		put_random(packets, packets_random(packets, 46)); /* padding */
}

/* --- damaging */

/* Headers are where it matters: half of the places are among the first 64 bytes. */
static size_t place(struct packets *packets)
{
	const size_t len = one_in(packets, 2) && packets->len > 64 ? 64 : packets->len;

	return packets_random(packets, len);
}

static void damage_bytes(struct packets *packets)
{
	unsigned int count = 1 + packets_random(packets, 4);

	while (count-- && packets->len)
		packets->frame[place(packets)] = draw(packets);
}

static void damage_edges(struct packets *packets)
{
	if (packets->len)
		packets->frame[place(packets)] = PICK(packets, 0, 1, 4, 5, 7, 8, 0x7f, 0x80, 0xff);
}

static void damage_bit(struct packets *packets)
{
	if (packets->len)
		packets->frame[place(packets)] ^= 1U << packets_random(packets, 8);
}

/* A 16-bit number one or a few up or down: lengths that are nearly right. */
static void damage_number(struct packets *packets)
{
	size_t at = place(packets);

	if (at + 2 <= packets->len)
		set16(packets, at,
		      packets->frame[at] * 256 + packets->frame[at + 1] +
			      packets_random(packets, 9) - 4);
}

static void damage_shorter(struct packets *packets)
{
	packets->len = packets_random(packets, packets->len + 1);
}

static void damage_longer(struct packets *packets)
{
	put_random(packets, packets_random(packets, HEADROOM_LEFT / 4));
}

void packets_next(struct packets *packets, size_t min)
{
	static void (*const damage[])(struct packets *) = {
		damage_bytes,  damage_edges,   damage_bit,
		damage_number, damage_shorter, damage_longer,
	};
	unsigned int times = packets_random(packets, 3);

	put_frame(packets);
	while (times--)
		damage[packets_random(packets, sizeof(damage) / sizeof(damage[0]))](packets);
	if (packets->len < min)
		put_random(packets, min - packets->len);
}

size_t packets_damage(struct packets *packets, uint8_t *frame, size_t len)
{
	const size_t least = 15;

	switch (packets_random(packets, 4)) {
	case 0:
		return least + packets_random(packets, len - least + 1);
	case 1:
		memset(frame + len, 0x55, 8);
		return len + packets_random(packets, 8);
	case 2:
		frame[packets_random(packets, len)] = packets_random(packets, 256);
		return len;
	default:
		frame[packets_random(packets, len > 80 ? 80 : len)] ^=
			1 << packets_random(packets, 8);
		return len;
	}
}
