// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* What a tool that makes maps for several objects asks of them before they are loaded. */
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "libecbpf/instance.h"

void ecbpf_variable_set(struct bpf_object *obj, const char *name, const void *value, size_t size)
{
	struct bpf_map *map = bpf_object__find_map_by_name(obj, ".rodata");
	const struct btf *btf = bpf_object__btf(obj);
	const int id = btf__find_by_name_kind(btf, ".rodata", BTF_KIND_DATASEC);
	const struct btf_type *section = id < 0 ? NULL : btf__type_by_id(btf, id);
	const struct btf_var_secinfo *info = section ? btf_var_secinfos(section) : NULL;
	const char *memory;
	size_t bytes;
	int i;

	memory = map ? bpf_map__initial_value(map, &bytes) : NULL;
	for (i = 0; memory && info && i < btf_vlen(section); i++) {
		const struct btf_type *var = btf__type_by_id(btf, info[i].type);

		if (!strcmp(btf__name_by_offset(btf, var->name_off), name) &&
		    info[i].size == size && info[i].offset + size <= bytes)
			memcpy((void *)(memory + info[i].offset), value, size);
	}
}

static uint64_t power_of_two(uint64_t number)
{
	uint64_t power = 1;

	while (power < number)
		power *= 2;
	return power;
}

uint64_t ecbpf_map_bytes(const struct bpf_map_info *shape)
{
	const uint64_t page = sysconf(_SC_PAGESIZE), cpus = sysconf(_SC_NPROCESSORS_CONF);
	const uint64_t value = (shape->value_size + 7ULL) / 8 * 8, n = shape->max_entries;
	const uint64_t buckets = power_of_two(n) * 16;

	switch (shape->type) {
	case BPF_MAP_TYPE_ARRAY:
		return (value * n + page - 1) / page * page;
	case BPF_MAP_TYPE_PERCPU_ARRAY:
		return value * n * cpus;
	case BPF_MAP_TYPE_QUEUE:
		return (uint64_t)shape->value_size * (n + 1);
	case BPF_MAP_TYPE_HASH:
	case BPF_MAP_TYPE_LRU_HASH:
		if (shape->map_flags & BPF_F_NO_PREALLOC)
			return buckets;
		/* 48: the kernel's own of each entry */
		return buckets + n * (48 + (shape->key_size + 7ULL) / 8 * 8 + value);
	case BPF_MAP_TYPE_DEVMAP_HASH:
		return buckets / 2;
	case BPF_MAP_TYPE_ARRAY_OF_MAPS:
		return n * sizeof(void *);
	default:
		return 0; /* it grows with its entries */
	}
}

int ecbpf_maps_bytes(const int *fd, size_t count, uint64_t *bytes)
{
	struct bpf_map_info info;
	__u32 len;
	size_t i;
	int err;

	*bytes = 0;
	for (i = 0; i < count; i++) {
		len = sizeof(info);
		memset(&info, 0, sizeof(info));
		err = bpf_obj_get_info_by_fd(fd[i], &info, &len);
		if (err)
			return ecbpf_fail(err, "the maps: %s", strerror(-err));
		*bytes += ecbpf_map_bytes(&info);
	}
	return 0;
}

uint64_t ecbpf_map_bytes_planned(const struct bpf_map *map)
{
	const struct bpf_map_info shape = {
		.type = bpf_map__type(map),
		.key_size = bpf_map__key_size(map),
		.value_size = bpf_map__value_size(map),
		.max_entries = bpf_map__max_entries(map),
		.map_flags = bpf_map__map_flags(map),
	};

	return ecbpf_map_bytes(&shape);
}
