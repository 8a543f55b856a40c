/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What people say of struct ecbpf_sampling, and back:
 *
 *	default M, slot N|root|end M, action NAME M, reason NAME M, rule N M, budget N, snap BYTES
 *	[addr PREFIX] [proto NAME|N] [port N], or none
 *
 * M: one in so many packets, `never`, or `default`: as if nothing had been said. A text has a line
 * for each, after the word `rate` or `filter`.
 */
#ifndef XDP_SAMPLER_RATES_H
#define XDP_SAMPLER_RATES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "libecbpf/abi.h"

/* Highest M; gaps between drawn packets, up to twice that, are kept in 32 bits. */
#define RATES_ONE_IN_MAX 1000000000

/* Lowest `snap`: an Ethernet header. */
#define RATES_SNAP_MIN 14

/** rates_complete - what is 0 and may not be: the default rate and the snap length */
void rates_complete(struct ecbpf_sampling *sampling);

/**
 * rates_parse - change @sampling as @count words say, in their order
 * Return: 0; -EINVAL, -ERANGE, -ENOSPC rates of too many rules. A failure changes nothing.
 */
int rates_parse(struct ecbpf_sampling *sampling, size_t count, char *const *words);

/** rates_parse_filter - a new filter; as rates_parse() */
int rates_parse_filter(struct ecbpf_filter *filter, size_t count, char *const *words);

/**
 * rates_read - all of it from a text; what the text does not say is as rates_complete() has it
 * Return: 0; -EIO; else as rates_parse(), and ecbpf_error() begins with the line's number.
 */
int rates_read(FILE *from, struct ecbpf_sampling *sampling);

/** rates_write - what rates_read() takes; the same rates make the same text */
void rates_write(FILE *to, const struct ecbpf_sampling *sampling);

/** rates_write_rates - its lines about rates, with @lead for the word `rate` and the blank */
void rates_write_rates(FILE *to, const char *lead, const struct ecbpf_sampling *sampling);

/** rates_write_filter - its words, without a newline; `none` if all packets are wanted */
void rates_write_filter(FILE *to, const struct ecbpf_filter *filter);

/**
 * rates_each - call @each with every rate but the default one, as rates_parse() takes it
 * @kind: "slot", "action", "reason", "rule"
 * @key: of these; valid during the call
 */
void rates_each(const struct ecbpf_sampling *sampling,
		void (*each)(void *arg, const char *kind, const char *key, __u32 one_in),
		void *arg);

/** rates_prefix - the filter's address as ADDRESS/LENGTH; "" if it has none */
#define RATES_PREFIX_MAX 64
void rates_prefix(const struct ecbpf_filter *filter, char text[RATES_PREFIX_MAX]);

/** rates_proto - name of the filter's protocol, or its number in @number; NULL if it has none */
const char *rates_proto(const struct ecbpf_filter *filter, char number[4]);

#endif
