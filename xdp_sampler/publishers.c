// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <stdlib.h>
#include <string.h>

#include "xdp_sampler/publishers.h"

struct publisher {
	size_t source;
	char *hostname;
	uint64_t next;
};

static struct publisher *find(const struct publishers *publishers, size_t source,
			      const char *hostname)
{
	size_t i;

	for (i = 0; i < publishers->count; i++)
		if (publishers->list[i].source == source &&
		    !strcmp(publishers->list[i].hostname, hostname))
			return &publishers->list[i];
	return NULL;
}

/* Whoever cannot be kept, for want of memory, is as one too many. */
static void add(struct publishers *publishers, const struct publisher *one)
{
	struct publisher *grown;

	if (!one->hostname || publishers->count == PUBLISHERS_MAX)
		goto out_free;
	grown = realloc(publishers->list, (publishers->count + 1) * sizeof(*grown));
	if (!grown)
		goto out_free;
	publishers->list = grown;
	publishers->list[publishers->count++] = *one;
	return;
out_free:
	free(one->hostname);
}

uint64_t publishers_gap(struct publishers *publishers, size_t source, const char *hostname,
			uint64_t sequence)
{
	struct publisher *publisher = find(publishers, source, hostname);
	uint64_t gap = 0;

	if (!publisher) {
		const struct publisher one = { source, strdup(hostname), sequence + 1 };

		add(publishers, &one);
		return 0;
	}
	if (sequence > publisher->next)
		gap = sequence - publisher->next;
	publisher->next = sequence + 1;
	publishers->lost += gap;
	return gap;
}

void publishers_free(struct publishers *publishers)
{
	size_t i;

	for (i = 0; i < publishers->count; i++)
		free(publishers->list[i].hostname);
	free(publishers->list);
	memset(publishers, 0, sizeof(*publishers));
}
