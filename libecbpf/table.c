// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include <bpf/bpf.h>

#include "libecbpf/table.h"

/* An entry that changes hands more often than this while it is read is passed over. */
#define COPY_TRIES 4

/* Bytes of an entry for IPv4; those for IPv6 are longer. */
#define ENTRY4 (ECBPF_FLOW_KEY + sizeof(struct ecbpf_tuple4))

int ecbpf_table_map(int fd, const char *name, size_t entry_bytes, bool write,
		    struct ecbpf_table *table)
{
	const size_t bucket_bytes = entry_bytes * ECBPF_FLOW_WAYS;
	struct bpf_map_info info = {};
	__u32 len = sizeof(info);
	int err = bpf_obj_get_info_by_fd(fd, &info, &len);
	void *mapped;

	memset(table, 0, sizeof(*table));
	if (err)
		return ecbpf_fail(err, "%s: %s", name, strerror(-err));
	if (info.value_size != bucket_bytes)
		return ecbpf_fail(-EPROTO, "%s is another version's: use that version's tool",
				  name);
	mapped = mmap(NULL, info.max_entries * bucket_bytes, PROT_READ | (write ? PROT_WRITE : 0),
		      MAP_SHARED, fd, 0);
	if (mapped == MAP_FAILED)
		return ecbpf_fail(-errno, "mapping %s: %s", name, strerror(errno));
	table->at = mapped;
	table->entry_bytes = entry_bytes;
	table->entries = (size_t)info.max_entries * ECBPF_FLOW_WAYS;
	return 0;
}

void ecbpf_table_unmap(struct ecbpf_table *table)
{
	if (table->at)
		munmap(table->at, table->entries * table->entry_bytes);
	memset(table, 0, sizeof(*table));
}

void *ecbpf_table_entry(const struct ecbpf_table *table, size_t i)
{
	return (char *)table->at + i * table->entry_bytes;
}

bool ecbpf_table_copy(const void *entry, void *copy, size_t bytes)
{
	const __u64 *mark = entry;
	__u64 before, after = __atomic_load_n(mark, __ATOMIC_ACQUIRE);
	int tries = COPY_TRIES;

	do {
		before = after;
		if (ECBPF_MARK_ID(before) == ECBPF_ID_NONE)
			return false;
		memcpy(copy, entry, bytes);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		after = __atomic_load_n(mark, __ATOMIC_RELAXED);
	} while (before != after && --tries);
	memcpy(copy, &before, sizeof(before));
	return before == after;
}

bool ecbpf_table_get(const struct ecbpf_table *table, size_t i, void *copy,
		     struct ecbpf_tuple *tuple)
{
	const void *at = (const char *)copy + ECBPF_FLOW_KEY;
	struct ecbpf_tuple4 key;

	if (!ecbpf_table_copy(ecbpf_table_entry(table, i), copy, table->entry_bytes))
		return false;
	if (table->entry_bytes != ENTRY4) {
		memcpy(tuple, at, sizeof(*tuple));
		return true;
	}
	memcpy(&key, at, sizeof(key));
	*tuple = (struct ecbpf_tuple){
		.saddr = { 0, 0, htonl(ECBPF_V4_PREFIX), key.saddr },
		.daddr = { 0, 0, htonl(ECBPF_V4_PREFIX), key.daddr },
		.sport = key.sport,
		.dport = key.dport,
		.rest = key.rest,
	};
	return true;
}

bool ecbpf_tuple_is_v4(const struct ecbpf_tuple *tuple)
{
	return !tuple->saddr[0] && !tuple->saddr[1] && tuple->saddr[2] == htonl(ECBPF_V4_PREFIX);
}

__u32 ecbpf_ticks_since(__u32 now, __u32 then)
{
	return (__s32)(now - then) < 0 ? 0 : now - then;
}
