// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <netinet/in.h>

#include "tests/fuzz/classify.h"

/* struct rows - where the rows of a packet begin */
struct rows {
	const __u64 *row[FW_DIMS];
	size_t count;
};

uint32_t classify_kind(const struct fw_packet *packet)
{
	uint32_t kind = packet->proto;

	if (packet->family == 6)
		kind |= FW_KIND_IPV6;
	if (packet->fragment == FW_FRAGMENT_FIRST)
		kind |= FW_KIND_FRAGMENT(1);
	if (packet->fragment == FW_FRAGMENT_LATER)
		kind |= FW_KIND_FRAGMENT(2);
	if (packet->options)
		kind |= FW_KIND_OPTIONS;
	if (packet->upper)
		kind |= FW_KIND_UPPER;
	return kind;
}

/* --- classes */

static unsigned int line_class(const struct fw_compiled *compiled, uint32_t line, uint32_t value)
{
	return compiled->line[line + value / 32].class[value % 32];
}

static unsigned int trie_class(const struct fw_compiled *compiled, enum fw_dim dim,
			       const uint8_t *addr)
{
	const struct fw_config *config = &compiled->config;
	unsigned int class, depth;

	class = line_class(compiled, config->line[dim], addr[0] << 8 | addr[1]);
	for (depth = 2; depth < 4 && class & FW_NODE; depth++)
		class = line_class(compiled, config->nodes + (class & ~FW_NODE) * FW_NODE_LINES,
				   addr[depth]);
	return class;
}

static uint64_t number_of(const uint8_t *bytes)
{
	uint64_t number = 0;
	int i;

	for (i = 0; i < 8; i++)
		number = number << 8 | bytes[i];
	return number;
}

static unsigned int search_class(const struct fw_compiled *compiled, enum fw_dim dim,
				 const uint8_t *addr)
{
	const uint64_t hi = number_of(addr), lo = number_of(addr + 8);
	const struct fw_config *config = &compiled->config;
	const struct fw_bound *bound = compiled->bound + config->bounds[dim == FW_DIM_DST];
	uint32_t low = 0, high = config->bounds_count[dim == FW_DIM_DST];

	while (high - low > 1) {
		uint32_t middle = (low + high) / 2;

		if (bound[middle].hi < hi || (bound[middle].hi == hi && bound[middle].lo <= lo))
			low = middle;
		else
			high = middle;
	}
	return bound[low].class;
}

static unsigned int addr_class(const struct fw_compiled *compiled, enum fw_dim dim,
			       const struct fw_packet *packet)
{
	const uint8_t *addr = dim == FW_DIM_SRC ? packet->src : packet->dst;

	return packet->family == 4 ? trie_class(compiled, dim, addr) :
				     search_class(compiled, dim, addr);
}

static uint32_t pairs_of(const struct fw_config *config, uint64_t src_sets, uint64_t dst_sets)
{
	uint32_t i, pairs = 0;

	for (i = 0; i < config->pairs; i++) {
		uint64_t sets = config->pair[i].dst ? dst_sets : src_sets;

		pairs |= (sets >> config->pair[i].set & 1) << i;
	}
	return pairs;
}

/* --- values: false: the packet lacks the header */

static bool upper_value(const struct fw_packet *packet, enum fw_dim dim, uint32_t *value)
{
	const bool tcp = packet->upper && packet->proto == IPPROTO_TCP;
	const bool udp = packet->upper && packet->proto == IPPROTO_UDP;

	switch (dim) {
	case FW_DIM_SPORT:
		*value = packet->sport;
		return tcp || udp;
	case FW_DIM_DPORT:
		*value = packet->dport;
		return tcp || udp;
	case FW_DIM_FLAGS:
		*value = packet->flags;
		return tcp;
	case FW_DIM_WINDOW:
		*value = packet->window;
		return tcp;
	default: /* FW_DIM_ICMP */
		*value = packet->type << 8 | packet->code;
		return packet->upper && !tcp && !udp;
	}
}

static uint32_t frame_value(const struct fw_packet *packet, enum fw_dim dim)
{
	switch (dim) {
	case FW_DIM_KIND:
		return classify_kind(packet);
	case FW_DIM_LENGTH:
		return packet->length < FW_WORD16_VALUES ? packet->length : FW_WORD16_VALUES - 1;
	case FW_DIM_HOP:
		return packet->ttl << 6 | packet->dscp;
	default: /* FW_DIM_VLAN */
		return packet->vlan;
	}
}

static void find_rows(const struct fw_compiled *compiled, const struct fw_packet *packet,
		      uint64_t src_sets, uint64_t dst_sets, struct rows *rows)
{
	const struct fw_config *config = &compiled->config;
	unsigned int class;
	enum fw_dim dim;
	uint32_t value;

	rows->count = 0;
	for (dim = 0; dim < FW_DIMS; dim++) {
		if (!(config->dims >> dim & 1))
			continue;
		rows->row[rows->count] = compiled->row; /* all ones */
		if (dim == FW_DIM_SRC || dim == FW_DIM_DST) {
			class = addr_class(compiled, dim, packet);
		} else {
			if (dim == FW_DIM_SETS)
				value = pairs_of(config, src_sets, dst_sets);
			else if (dim < FW_DIM_SPORT || dim > FW_DIM_ICMP)
				value = frame_value(packet, dim);
			else if (!upper_value(packet, dim, &value)) {
				rows->count++;
				continue;
			}
			class = line_class(compiled, config->line[dim], value);
		}
		rows->row[rows->count++] =
			compiled->row + config->row[dim] + (size_t) class * config->stride;
	}
}

/* --- bits */

static uint64_t and_of(const struct rows *rows, size_t word)
{
	uint64_t all = ~0ULL;
	size_t i;

	for (i = 0; i < rows->count; i++)
		all &= rows->row[i][word];
	return all;
}

static size_t first_of(const struct fw_compiled *compiled, uint64_t bits, size_t word, size_t from)
{
	for (; bits; bits &= bits - 1) {
		size_t entry = compiled->order[word * 64 + __builtin_ctzll(bits)];

		if (entry >= from)
			return entry;
	}
	return CLASSIFY_NONE;
}

size_t classify_count(const struct fw_compiled *compiled, const struct fw_packet *packet,
		      uint64_t src_sets, uint64_t dst_sets, size_t from, size_t *words)
{
	size_t found, word, best = CLASSIFY_NONE;
	struct rows rows;
	uint64_t summary;

	find_rows(compiled, packet, src_sets, dst_sets, &rows);
	if (compiled->config.words == 1) {
		++*words;
		return first_of(compiled, and_of(&rows, 0), 0, from);
	}
	for (summary = and_of(&rows, 0); summary; summary &= summary - 1) {
		word = __builtin_ctzll(summary);
		if (compiled->first[word] >= best)
			break;
		++*words;
		found = first_of(compiled, and_of(&rows, 1 + word), word, from);
		if (found < best)
			best = found;
	}
	return best;
}

size_t classify(const struct fw_compiled *compiled, const struct fw_packet *packet,
		uint64_t src_sets, uint64_t dst_sets, size_t from)
{
	size_t words = 0;

	return classify_count(compiled, packet, src_sets, dst_sets, from, &words);
}
