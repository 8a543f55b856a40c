// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Tags: each text once, by its hash, or else in the next place that is not taken. The kernel program
 * does not read them. A text that is no longer used leaves DEAD if others may be behind it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "xdp_fw/hash.h"
#include "xdp_fw/set_pool.h"

#define DEAD "\1"

static uint64_t hash_text(const char *text)
{
	uint64_t hash = 0;

	for (; *text; text++)
		hash = hash_mix(hash ^ (uint8_t)*text);
	return hash;
}

int tag_find(struct fw_pool *pool, const char *text, uint32_t *tag)
{
	uint32_t i, at, unused = 0;
	uint64_t home;

	*tag = 0;
	if (!*text)
		return 0;
	home = hash_text(text);
	for (i = 0; i + 1 < pool->tags; i++) {
		at = 1 + (home + i) % (pool->tags - 1);
		if (!strcmp(pool->tag[at].text, text)) {
			*tag = at;
			return 0;
		}
		if (!unused && (!pool->tag[at].text[0] || !strcmp(pool->tag[at].text, DEAD)))
			unused = at;
		if (!pool->tag[at].text[0])
			break;
	}
	if (!unused)
		return ecbpf_fail(-ENOSPC, "no more than %u different tags",
				  pool->tags ? pool->tags - 1 : 0);
	pool->tag[unused] = (struct fw_set_tag){};
	memcpy(pool->tag[unused].text, text, strnlen(text, sizeof(pool->tag->text) - 1));
	*tag = unused;
	return 0;
}

/* A dead text with nothing behind it is as good as none. */
static void tag_bury(struct fw_pool *pool)
{
	const uint32_t count = pool->tags - 1;
	bool nothing = false;
	uint32_t i;

	for (i = 2 * count; i--;) {
		struct fw_set_tag *tag = &pool->tag[1 + i % count];

		if (nothing && !strcmp(tag->text, DEAD))
			*tag = (struct fw_set_tag){};
		nothing = !tag->text[0];
	}
}

void tag_tidy(struct fw_pool *pool)
{
	bool *used = calloc(pool->tags + 1, sizeof(*used));
	uint32_t i;

	if (!used || pool->tags < 2) {
		free(used);
		return;
	}
	for (i = 0; i < pool->capacity; i++)
		if (pool->entry[i].length && pool->entry[i].tag < pool->tags)
			used[pool->entry[i].tag] = true;
	for (i = 1; i < pool->tags; i++)
		if (!used[i] && pool->tag[i].text[0])
			pool->tag[i] = (struct fw_set_tag){ DEAD };
	tag_bury(pool);
	free(used);
}
