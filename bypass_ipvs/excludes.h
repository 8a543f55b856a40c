/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Destinations that are left to IPVS: exclude_map, as lists of prefixes. */
#ifndef BYPASS_IPVS_EXCLUDES_H
#define BYPASS_IPVS_EXCLUDES_H

#include <stddef.h>

#include "bypass_ipvs/live.h"

/* ADDRESS/LENGTH and its end. */
#define EXCLUDES_TEXT 52

/**
 * struct excludes - prefixes, each once
 * @prefix: @count of them, IPv4 before IPv6, then by address and length
 */
struct excludes {
	struct bypass_prefix *prefix;
	size_t count;
};

/**
 * excludes_parse - add prefixes to a list
 * Return: 0; -EINVAL not a prefix; -EEXIST one that is there already; -E2BIG; -ENOMEM. A failure
 * adds nothing.
 */
int excludes_parse(size_t count, char **words, struct excludes *list);

/** excludes_add - all of @more to a list; as excludes_parse() */
int excludes_add(struct excludes *list, const struct excludes *more);

/** excludes_remove - all of @those from a list; -ENOENT one is not there, and nothing is removed */
int excludes_remove(struct excludes *list, const struct excludes *those);

void excludes_free(struct excludes *list);

/** excludes_prefix_text - "192.0.2.0/24", "2001:db8::/32"; @buf: EXCLUDES_TEXT bytes */
void excludes_prefix_text(const struct bypass_prefix *prefix, char *buf);

/** excludes_read - what is excluded now; excludes_free() it, also after a failure */
int excludes_read(const struct live *live, struct excludes *list);

/**
 * excludes_store - make @want what is excluded; flows are not touched
 * @live: opened to change it
 * @have: what excludes_read() has said
 *
 * New ones are entered before old ones go, if there is room for both. After a failure all is as it
 * was.
 */
int excludes_store(struct live *live, const struct excludes *have, const struct excludes *want);

#endif
