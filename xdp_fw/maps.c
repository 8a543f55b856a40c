// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "xdp_fw/maps.h"

static const struct {
	const char *name;
	uint32_t value_size;
} shapes[FW_MAPS] = {
	[FW_MAP_SLOTS] = { "fw_set_slots", sizeof(struct fw_set_bucket) },
	[FW_MAP_ENTRIES] = { "fw_set_entries", sizeof(struct fw_set_entry) },
	[FW_MAP_MASKS] = { "fw_set_masks", sizeof(struct fw_set_mask) },
	[FW_MAP_TAGS] = { "fw_set_tags", sizeof(struct fw_set_tag) },
	[FW_MAP_NAMES] = { "fw_set_names", sizeof(struct fw_set_info) },
	[FW_MAP_SOURCES] = { "fw_sources", sizeof(struct fw_bucket) },
};

const char *fw_map_name(enum fw_map map)
{
	return shapes[map].name;
}

int fw_map_create(const char *name, uint32_t value_size, uint32_t entries)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE);
	int fd =
		bpf_map_create(BPF_MAP_TYPE_ARRAY, name, sizeof(__u32), value_size, entries, &opts);

	return fd < 0 ? ecbpf_fail(fd, "map %s of %u x %u bytes: %s", name, entries, value_size,
				   strerror(-fd)) :
			fd;
}

void fw_maps_none(struct fw_maps *maps)
{
	int i;

	for (i = 0; i < FW_MAPS; i++) {
		maps->fd[i] = -1;
		maps->entries[i] = 0;
	}
}

void fw_maps_close(struct fw_maps *maps)
{
	int i;

	for (i = 0; i < FW_MAPS; i++)
		if (maps->fd[i] >= 0)
			close(maps->fd[i]);
	fw_maps_none(maps);
}

static uint32_t power_of_two(uint64_t number)
{
	uint32_t power = 1;

	while (power < number && power < 1U << 31)
		power *= 2;
	return power;
}

int fw_maps_create(struct fw_maps *maps, uint32_t set_entries, uint32_t tags, uint64_t sources)
{
	const uint32_t want[FW_MAPS] = {
		[FW_MAP_SLOTS] = set_entries,
		[FW_MAP_ENTRIES] = set_entries,
		[FW_MAP_MASKS] = fw_pool_masks(set_entries),
		[FW_MAP_TAGS] = tags,
		[FW_MAP_NAMES] = FW_SETS_MAX,
		[FW_MAP_SOURCES] =
			power_of_two((sources + FW_BUCKET_ENTRIES - 1) / FW_BUCKET_ENTRIES),
	};
	int i;

	for (i = 0; i < FW_MAPS; i++) {
		if (maps->fd[i] >= 0)
			continue;
		maps->fd[i] = fw_map_create(shapes[i].name, shapes[i].value_size, want[i]);
		if (maps->fd[i] < 0)
			return maps->fd[i];
		maps->entries[i] = want[i];
	}
	return 0;
}

int fw_maps_of(uint32_t prog_id, struct fw_maps *maps)
{
	struct bpf_map_info info;
	__u32 len;
	int i, err = 0;

	fw_maps_none(maps);
	for (i = 0; !err && i < FW_MAPS; i++) {
		maps->fd[i] = ecbpf_program_map(prog_id, shapes[i].name);
		err = maps->fd[i] < 0 ? maps->fd[i] : 0;
		len = sizeof(info);
		memset(&info, 0, sizeof(info));
		if (!err)
			err = bpf_obj_get_info_by_fd(maps->fd[i], &info, &len);
		if (!err && info.value_size != shapes[i].value_size)
			err = ecbpf_fail(-EPROTO,
					 "program %u is of another version of this firewall",
					 prog_id);
		maps->entries[i] = info.max_entries;
	}
	if (err)
		fw_maps_close(maps);
	return err;
}

static uint64_t map_bytes(const struct fw_maps *maps, enum fw_map map)
{
	uint64_t bytes = (uint64_t)maps->entries[map] * shapes[map].value_size;
	uint64_t page = sysconf(_SC_PAGESIZE);

	return (bytes + page - 1) / page * page;
}

uint64_t fw_maps_bytes(const struct fw_maps *maps)
{
	uint64_t bytes = 0;
	int i;

	for (i = 0; i < FW_MAPS; i++)
		bytes += map_bytes(maps, i);
	return bytes;
}

static void *map_memory(const struct fw_maps *maps, enum fw_map map)
{
	void *memory = mmap(NULL, map_bytes(maps, map), PROT_READ | PROT_WRITE, MAP_SHARED,
			    maps->fd[map], 0);

	return memory == MAP_FAILED ? NULL : memory;
}

int fw_pool_map(const struct fw_maps *maps, struct fw_pool *pool)
{
	int err;

	memset(pool, 0, sizeof(*pool));
	pool->capacity = maps->entries[FW_MAP_SLOTS];
	pool->masks = maps->entries[FW_MAP_MASKS];
	pool->tags = maps->entries[FW_MAP_TAGS];
	pool->bucket = map_memory(maps, FW_MAP_SLOTS);
	pool->entry = map_memory(maps, FW_MAP_ENTRIES);
	pool->mask = map_memory(maps, FW_MAP_MASKS);
	pool->tag = map_memory(maps, FW_MAP_TAGS);
	pool->info = map_memory(maps, FW_MAP_NAMES);
	if (pool->bucket && pool->entry && pool->mask && pool->tag && pool->info)
		return 0;
	err = ecbpf_fail(-errno, "the sets' memory: %s", strerror(errno));
	fw_pool_unmap(pool);
	return err;
}

static void unmap(void *memory, uint64_t bytes)
{
	if (memory)
		munmap(memory, bytes);
}

void fw_pool_unmap(struct fw_pool *pool)
{
	unmap(pool->bucket, pool->capacity * sizeof(*pool->bucket));
	unmap(pool->entry, pool->capacity * sizeof(*pool->entry));
	unmap(pool->mask, pool->masks * sizeof(*pool->mask));
	unmap(pool->tag, pool->tags * sizeof(*pool->tag));
	unmap(pool->info, FW_SETS_MAX * sizeof(*pool->info));
	memset(pool, 0, sizeof(*pool));
}
