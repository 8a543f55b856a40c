/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* SipHash-2-4 (Aumasson and Bernstein, 2012), for hashes that other machines must get too. */
#ifndef XDP_LB_SIPHASH_H
#define XDP_LB_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

/** siphash24 - of @len bytes; @key: two numbers, each of eight bytes of the key, little-endian */
static inline uint64_t siphash24(const uint64_t key[2], const uint8_t *data, size_t len);

static inline uint64_t siphash_rotate(uint64_t word, unsigned int bits)
{
	return word << bits | word >> (64 - bits);
}

static inline void siphash_rounds(uint64_t v[4], unsigned int rounds)
{
	while (rounds--) {
		v[0] += v[1];
		v[2] += v[3];
		v[1] = siphash_rotate(v[1], 13) ^ v[0];
		v[3] = siphash_rotate(v[3], 16) ^ v[2];
		v[0] = siphash_rotate(v[0], 32);
		v[2] += v[1];
		v[0] += v[3];
		v[1] = siphash_rotate(v[1], 17) ^ v[2];
		v[3] = siphash_rotate(v[3], 21) ^ v[0];
		v[2] = siphash_rotate(v[2], 32);
	}
}

/* The last word is what is left of the bytes, and their number in its highest byte. */
static inline uint64_t siphash_word(const uint8_t *data, size_t len, uint64_t word)
{
	size_t i;

	for (i = 0; i < len; i++)
		word |= (uint64_t)data[i] << 8 * i;
	return word;
}

static inline void siphash_absorb(uint64_t v[4], uint64_t word)
{
	v[3] ^= word;
	siphash_rounds(v, 2);
	v[0] ^= word;
}

static inline uint64_t siphash24(const uint64_t key[2], const uint8_t *data, size_t len)
{
	uint64_t v[4] = {
		key[0] ^ 0x736f6d6570736575,
		key[1] ^ 0x646f72616e646f6d,
		key[0] ^ 0x6c7967656e657261,
		key[1] ^ 0x7465646279746573,
	};
	const uint64_t last = (uint64_t)len << 56;

	for (; len >= 8; len -= 8, data += 8)
		siphash_absorb(v, siphash_word(data, 8, 0));
	siphash_absorb(v, siphash_word(data, len, last));
	v[2] ^= 0xff;
	siphash_rounds(v, 4);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

#endif
