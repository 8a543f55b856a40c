// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Classes of values, and how they are laid out for the kernel program. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "xdp_fw/compile.h"
#include "xdp_fw/hash.h"

#define SLOTS_MIN 64

int fw_grow(void *array, size_t *room, size_t need, size_t each)
{
	size_t want = *room ? *room : 64;
	void *old, *new;

	if (need <= *room)
		return 0;
	while (want < need)
		want *= 2;
	memcpy(&old, array, sizeof(old));
	new = realloc(old, want * each);
	if (!new)
		return -ENOMEM;
	memcpy(array, &new, sizeof(new));
	*room = want;
	return 0;
}

/* --- classes */

static uint64_t hash_of(const uint64_t *vector, size_t words)
{
	uint64_t hash = words;
	size_t i;

	for (i = 0; i < words; i++)
		hash = (hash ^ vector[i]) * 0x9e3779b97f4a7c15ULL ^ hash >> 29;
	return hash_mix(hash);
}

const uint64_t *fw_classes_get(const struct fw_classes *classes, size_t class)
{
	return classes->vector + class * classes->words;
}

/* Where the vector is, or the free slot where it belongs. */
static uint32_t *slot_of(const struct fw_classes *classes, const uint64_t *vector)
{
	size_t at = hash_of(vector, classes->words) & (classes->slots - 1);

	while (classes->slot[at] && memcmp(fw_classes_get(classes, classes->slot[at] - 1), vector,
					   classes->words * sizeof(*vector)))
		at = (at + 1) & (classes->slots - 1);
	return &classes->slot[at];
}

static int rehash(struct fw_classes *classes)
{
	size_t i, slots = classes->slots ? 4 * classes->slots : SLOTS_MIN;
	uint32_t *slot = calloc(slots, sizeof(*slot));

	if (!slot)
		return -ENOMEM;
	free(classes->slot);
	classes->slot = slot;
	classes->slots = slots;
	for (i = 0; i < classes->count; i++)
		*slot_of(classes, fw_classes_get(classes, i)) = i + 1;
	return 0;
}

int fw_classes_add(struct fw_classes *classes, const uint64_t *vector)
{
	const size_t bytes = classes->words * sizeof(*vector);
	uint32_t *slot;

	if (2 * classes->count >= classes->slots && rehash(classes))
		return -ENOMEM;
	slot = slot_of(classes, vector);
	if (*slot)
		return *slot - 1;
	if (fw_grow(&classes->vector, &classes->room, classes->count + 1, bytes))
		return -ENOMEM;
	memcpy(classes->vector + classes->count * classes->words, vector, bytes);
	*slot = ++classes->count;
	return *slot - 1;
}

void fw_classes_free(struct fw_classes *classes)
{
	free(classes->vector);
	free(classes->slot);
	memset(classes, 0, sizeof(*classes));
}

/* --- spaces */

int fw_space_make(struct fw_space *space, size_t values, size_t words)
{
	memset(space, 0, sizeof(*space));
	space->values = values;
	space->classes.words = words;
	space->class = calloc(values, sizeof(*space->class));
	return space->class ? 0 : -ENOMEM;
}

void fw_space_free(struct fw_space *space)
{
	free(space->class);
	fw_classes_free(&space->classes);
	memset(space, 0, sizeof(*space));
}

int fw_space_add(struct fw_space *space, size_t at, const uint64_t *vector)
{
	int class = fw_classes_add(&space->classes, vector);

	if (class < 0)
		return class;
	space->class[at] = class;
	return 0;
}

/* pair[h * low->classes.count + l]: class of what both classes agree with */
static int combine(const struct fw_space *low, const struct fw_space *high,
		   struct fw_classes *classes, uint16_t *pair)
{
	uint64_t both[FW_WORDS_MAX];
	size_t h, l, i;
	int class;

	for (h = 0; h < high->classes.count; h++)
		for (l = 0; l < low->classes.count; l++) {
			for (i = 0; i < classes->words; i++)
				both[i] = fw_classes_get(&high->classes, h)[i] &
					  fw_classes_get(&low->classes, l)[i];
			class = fw_classes_add(classes, both);
			if (class < 0)
				return class;
			*pair++ = class;
		}
	return 0;
}

int fw_space_product(const struct fw_space *low, const struct fw_space *high,
		     struct fw_space *product)
{
	const size_t width = low->classes.count;
	uint16_t *pair = calloc(high->classes.count * width, sizeof(*pair));
	size_t h, l, at = 0;
	int err;

	err = fw_space_make(product, high->values * low->values, low->classes.words);
	if (!pair)
		err = -ENOMEM;
	if (!err)
		err = combine(low, high, &product->classes, pair);
	for (h = 0; !err && h < high->values; h++)
		for (l = 0; l < low->values; l++)
			product->class[at++] = pair[high->class[h] * width + low->class[l]];
	free(pair);
	return err;
}

/* --- output */

int fw_emit_rows(struct fw_build *build, enum fw_dim dim, const struct fw_classes *classes)
{
	struct fw_compiled *out = build->out;
	const size_t stride = out->config.stride, words = build->words;
	size_t class, i;
	__u64 *row;

	if (fw_grow(&out->row, &build->row_room, out->words + classes->count * stride,
		    sizeof(*out->row)))
		return -ENOMEM;
	out->config.row[dim] = out->words;
	for (class = 0; class < classes->count; class ++) {
		const uint64_t *vector = fw_classes_get(classes, class);

		row = out->row + out->words;
		out->words += stride;
		if (stride > words) {
			*row = 0;
			for (i = 0; i < words; i++)
				*row |= (__u64) !!vector[i] << i;
			row++;
		}
		for (i = 0; i < words; i++)
			row[i] = vector[i];
	}
	return 0;
}

int fw_emit_lines(struct fw_build *build, const uint16_t *class, size_t values, __u32 *line)
{
	const size_t per_line = sizeof(struct fw_line) / sizeof(*class);
	struct fw_compiled *out = build->out;
	const size_t lines = (values + per_line - 1) / per_line;
	__u16 *at;
	size_t i;

	if (fw_grow(&out->line, &build->line_room, out->lines + lines, sizeof(*out->line)))
		return -ENOMEM;
	at = out->line[out->lines].class;
	memset(at, 0, lines * sizeof(*out->line));
	for (i = 0; i < values; i++)
		out->line[out->lines + i / per_line].class[i % per_line] = class[i];
	*line = out->lines;
	out->lines += lines;
	return 0;
}
