/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The tables of flow.h from user space: read in place while the kernel's programs change them. */
#ifndef LIBECBPF_TABLE_H
#define LIBECBPF_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "libecbpf/ecbpf.h"
#include "libecbpf/flow.h"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * struct ecbpf_table - a table, mapped
 * @at: its entries; NULL: nothing is mapped
 * @entry_bytes: of one; a bucket has ECBPF_FLOW_WAYS of them
 * @entries: in all buckets
 */
struct ecbpf_table {
	void *at;
	size_t entry_bytes;
	size_t entries;
};

/**
 * ecbpf_table_map - map all of it; nothing is copied
 * @fd: of its map; @name: that it has in messages
 * Return: 0; -EPROTO its entries have another size.
 */
ECBPF_API int ecbpf_table_map(int fd, const char *name, size_t entry_bytes, bool write,
			      struct ecbpf_table *table);

ECBPF_API void ecbpf_table_unmap(struct ecbpf_table *table);

/** ecbpf_table_entry - number @i */
ECBPF_API void *ecbpf_table_entry(const struct ecbpf_table *table, size_t i);

/**
 * ecbpf_table_copy - a copy of an entry that is whole: no other flow took it meanwhile
 * @copy: gets all @bytes of it
 * Return: false: it is free, or somebody is filling it.
 */
ECBPF_API bool ecbpf_table_copy(const void *entry, void *copy, size_t bytes);

/**
 * ecbpf_table_get - as ecbpf_table_copy(), of entry number @i, and its key
 * @copy: of the table's entry_bytes
 */
ECBPF_API bool ecbpf_table_get(const struct ecbpf_table *table, size_t i, void *copy,
			       struct ecbpf_tuple *tuple);

/** ecbpf_tuple_is_v4 - its addresses are ::ffff:ADDRESS */
ECBPF_API bool ecbpf_tuple_is_v4(const struct ecbpf_tuple *tuple);

/** ecbpf_ticks_since - from @then to @now; what was stamped after we looked at the clock is now */
ECBPF_API __u32 ecbpf_ticks_since(__u32 now, __u32 then);

#ifdef __cplusplus
}
#endif

#endif
