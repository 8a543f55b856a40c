/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A whole text: rules, and sets with what is in them. `save` writes one, `restore`, `load` and
 * `test` read one.
 *
 *	set NAME [counts] {
 *	PREFIX [tag "TEXT"] [timeout TIME]
 *	}
 */
#ifndef XDP_FW_DOCUMENT_H
#define XDP_FW_DOCUMENT_H

#include "xdp_fw/maps.h"
#include "xdp_fw/rule.h"
#include "xdp_fw/set.h"

/**
 * struct fw_document_set - one block
 * @flags: FW_SET_*
 * @member: @count of them
 */
struct fw_document_set {
	char name[FW_SET_NAME_MAX + 1];
	uint32_t flags;
	struct fw_member *member;
	size_t count;
};

struct fw_document {
	struct fw_ruleset rules;
	size_t sets;
	struct fw_document_set *set;
};

/**
 * fw_document_parse - @now, @hz: as fw_set_parse()
 * @doc: empty; filled in on success only
 * Return: 0; -EINVAL and ecbpf_error() with the line and column in the whole text.
 */
int fw_document_parse(const char *text, size_t len, uint32_t now, unsigned int hz,
		      struct fw_document *doc);

/** fw_document_read - from a file, or standard input ("-") */
int fw_document_read(const char *path, struct fw_document *doc);

/** fw_document_print - canonical text, malloc()ed: fw_document_parse() takes it back */
char *fw_document_print(const struct fw_document *doc, uint32_t now, unsigned int hz);

/** fw_document_room - raise these to what the sets need */
void fw_document_room(const struct fw_document *doc, uint64_t *entries, uint64_t *tags);

/** fw_document_fill - make the pool's sets hold what the blocks say; -ENOSPC, -ENOMEM */
int fw_document_fill(const struct fw_document *doc, struct fw_pool *pool);

/**
 * fw_document_maps - new maps, whose sets hold what the blocks say
 * @set_entries: room for at least so many
 * @sources: of per-source limits
 * @maps: as of fw_maps_none(); for fw_maps_close(), also after a failure
 * Return: 0; -E2BIG, -ENOMEM, or why the kernel made no map.
 */
int fw_document_maps(const struct fw_document *doc, uint64_t set_entries, uint64_t sources,
		     struct fw_maps *maps);

void fw_document_free(struct fw_document *doc);

/** fw_file_read - a whole file, malloc()ed, with a zero byte behind; "-": standard input */
int fw_file_read(const char *path, char **text, size_t *len);

#endif
