/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Parameters as people write them: NAME=VALUE, with units and ranges; the kernel's side is abi.h. */
#ifndef BYPASS_IPVS_PARAMS_H
#define BYPASS_IPVS_PARAMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "bypass_ipvs/abi.h"

struct json_object;

/** enum params_unit - what a number is; names of these are in the lists */
enum params_unit {
	PARAMS_DURATION, /* jiffies; written with a unit, such as 500ms */
	PARAMS_PACKETS,
	PARAMS_PPS,
	PARAMS_ONE_IN, /* 0: off */
	PARAMS_SWITCH, /* off or on */
};

/*
 * X(member of struct bypass_params, name, unit, default, least, most, text). Durations in
 * nanoseconds here.
 */
#define PARAMS_MS 1000000ULL
#define PARAMS_S  (1000 * PARAMS_MS)
#define PARAMS(X)                                                                                \
	X(inactive, "inactive", DURATION, 60 * PARAMS_S, PARAMS_S, 900 * PARAMS_S,               \
	  "a flow that was not confirmed for so long is asked of IPVS again")                    \
	X(sample, "sample", DURATION, 4 * PARAMS_S, 100 * PARAMS_MS, 900 * PARAMS_S,             \
	  "a packet of each flow is handed to IPVS so often; less than inactive")                \
	X(retry, "retry", DURATION, 500 * PARAMS_MS, 10 * PARAMS_MS, 900 * PARAMS_S,             \
	  "and again so soon if it was not seen to leave; sample at most")                       \
	X(tries, "tries", PACKETS, 3, 1, 100, "handed over in vain, then the entry is given up") \
	X(admit, "admit", PACKETS, 2, 1, 1000,                                                   \
	  "that IPVS forwards of a flow before it is entered")                                   \
	X(shadow_one_in, "shadow", ONE_IN, 0, 0, UINT32_MAX,                                     \
	  "packets of known flows that IPVS gets all the same, to be compared; 0: none")         \
	X(monitor, "monitor", SWITCH, 0, 0, 1, "touch no packet, only count what would be done") \
	X(unknown_pps, "unknown-pps", PPS, 0, 0, 1000000000,                                     \
	  "of unknown flows that are let through; 0: all")                                       \
	X(unknown_max_pps, "unknown-max-pps", PPS, 0, 0, 1000000000,                             \
	  "from here on no more than unknown-pps are, below it a share; unknown-pps at least")   \
	X(reset_pps, "reset-pps", PPS, 0, 0, 1000000000,                                         \
	  "RST segments that this machine may send from services; 0: all")                       \
	X(reset_per_flow, "reset-per-flow", PACKETS, 0, 0, 1000000,                              \
	  "RST segments for one flow within 10 seconds; 0: all")

/** params_default - what attach begins with */
void params_default(struct bypass_params *params);

/**
 * params_parse - NAME=VALUE of each word; what is not named stays
 * Return: 0; -EINVAL no such name, no such value, named twice, or values that do not go together;
 * -ERANGE. A failure changes nothing.
 */
int params_parse(size_t count, char **words, struct bypass_params *params);

/** params_check - do they go together? -EINVAL; params_parse() has asked already */
int params_check(const struct bypass_params *params);

/**
 * params_store - make them those that count, at once for each packet
 * @settings: under the lock
 */
void params_store(struct bypass_settings *settings, const struct bypass_params *params);

/** params_ticks - of nanoseconds, to the nearest; 0 is never the result of more */
uint32_t params_ticks(uint64_t ns, unsigned int hz);

/**
 * params_ticks_text - "4s", "500ms", "333.333ms": text that params_ticks() makes the same ticks of
 * @buf: "" unless it has room
 */
void params_ticks_text(uint32_t ticks, unsigned int hz, char *buf, size_t size);

/** params_line - "inactive=60s sample=4s ...": all, as params_parse() takes them; no newline */
void params_line(FILE *to, const struct bypass_params *params);

/** params_text - a line for each, with default, range and meaning */
void params_text(FILE *to, const struct bypass_params *params);

/** params_json - an array of the same; durations are microseconds */
struct json_object *params_json(const struct bypass_params *params);

#endif
