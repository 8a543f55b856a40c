/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* An endless, repeatable stream of frames: valid ones of all kinds, two of three then damaged. */
#ifndef TESTS_FUZZ_PACKETS_H
#define TESTS_FUZZ_PACKETS_H

#include <stddef.h>
#include <stdint.h>

/* No frame is longer; one page of BPF_PROG_TEST_RUN has room for it. */
#define PACKETS_FRAME_MAX 2048

/**
 * struct packets - a stream
 * @state: of the random numbers
 * @frame: the last one made, @len bytes
 */
struct packets {
	uint64_t state;
	size_t len;
	uint8_t frame[PACKETS_FRAME_MAX];
};

/** packets_begin - @seed: the environment's ECBPF_FUZZ_SEED goes before */
void packets_begin(struct packets *packets, uint64_t seed);

/** packets_count - how many a test should take: @count, or the environment's ECBPF_FUZZ_PACKETS */
uint64_t packets_count(uint64_t count);

/** packets_next - @min: no frame is shorter */
void packets_next(struct packets *packets, size_t min);

/**
 * packets_damage - another frame, of 15 bytes or more and with room for 8 more: it is cut, lengthened,
 * or gets another byte, or another bit near its begin; its length then
 */
size_t packets_damage(struct packets *packets, uint8_t *frame, size_t len);

/** packets_random - 0 .. @below-1 */
uint32_t packets_random(struct packets *packets, uint32_t below);

#endif
