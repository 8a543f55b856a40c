// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Loaded programs, as the kernel describes them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "libecbpf/internal.h"

#define NS_PER_S 1000000000LL

/* The kernel tells load times since boot. */
static uint64_t loaded_s(uint64_t since_boot_ns)
{
	struct timespec real, boot;
	int64_t booted_ns;

	clock_gettime(CLOCK_REALTIME, &real);
	clock_gettime(CLOCK_BOOTTIME, &boot);
	booted_ns = (real.tv_sec - boot.tv_sec) * NS_PER_S + real.tv_nsec - boot.tv_nsec;
	return (booted_ns + since_boot_ns + NS_PER_S / 2) / NS_PER_S;
}

int ecbpf_program_fd(__u32 id)
{
	int fd = bpf_prog_get_fd_by_id(id);

	if (fd < 0)
		return ecbpf_fail(fd, "program %u: %s", id, strerror(-fd));
	return fd;
}

/* prog_maps - ids of the maps of a program; free() them */
static __u32 *prog_maps(int fd, struct bpf_prog_info *info)
{
	__u32 len = sizeof(*info), *ids;

	memset(info, 0, sizeof(*info));
	if (bpf_obj_get_info_by_fd(fd, info, &len))
		return NULL;
	ids = calloc(info->nr_map_ids + 1, sizeof(*ids));
	if (!ids)
		return NULL;
	len = info->nr_map_ids;
	memset(info, 0, sizeof(*info));
	info->nr_map_ids = len;
	info->map_ids = (unsigned long)ids;
	len = sizeof(*info);
	if (!bpf_obj_get_info_by_fd(fd, info, &len))
		return ids;
	free(ids);
	return NULL;
}

/* program_describe - @ids: of its maps, for free() */
static int program_describe(__u32 id, struct bpf_prog_info *info, __u32 **ids)
{
	int fd = ecbpf_program_fd(id);

	if (fd < 0)
		return fd;
	*ids = prog_maps(fd, info);
	close(fd);
	return *ids ? 0 : ecbpf_fail(-EIO, "program %u: the kernel does not describe it", id);
}

/* about_read - 0 if the map @id is a root's or member's .rodata.ecbpf */
static int about_read(__u32 id, struct ecbpf_about *about)
{
	int fd = bpf_map_get_fd_by_id(id), err = -ENOENT;
	struct bpf_map_info info = {};
	__u32 len = sizeof(info), zero = 0;

	if (fd < 0)
		return fd;
	if (!bpf_obj_get_info_by_fd(fd, &info, &len) && !strcmp(info.name, ECBPF_ABOUT_SECTION) &&
	    info.value_size == sizeof(*about))
		err = bpf_map_lookup_elem(fd, &zero, about);
	close(fd);
	return err;
}

static void program_about(struct ecbpf_program *program, const __u32 *ids, __u32 count)
{
	struct ecbpf_about about;
	__u32 i;

	for (i = 0; i < count; i++) {
		if (about_read(ids[i], &about))
			continue;
		program->abi = about.abi;
		program->slot = about.slot;
		snprintf(program->version, sizeof(program->version), "%.*s",
			 (int)sizeof(about.version) - 1, about.version);
		return;
	}
}

int ecbpf_program_get(__u32 id, struct ecbpf_program *program)
{
	struct bpf_prog_info info;
	__u32 *ids;
	int i, err = program_describe(id, &info, &ids);

	if (err)
		return err;
	memset(program, 0, sizeof(*program));
	program->id = id;
	program->loaded_s = loaded_s(info.load_time);
	snprintf(program->name, sizeof(program->name), "%s", info.name);
	for (i = 0; i < (int)sizeof(info.tag); i++)
		snprintf(program->tag + 2 * i, 3, "%02x", info.tag[i]);
	program_about(program, ids, info.nr_map_ids);
	free(ids);
	return 0;
}

int ecbpf_program_uses_map(__u32 prog_id, __u32 map_id)
{
	struct bpf_prog_info info;
	__u32 *ids, i;
	int found = 0, err = program_describe(prog_id, &info, &ids);

	if (err)
		return err;
	for (i = 0; i < info.nr_map_ids; i++)
		found |= ids[i] == map_id;
	free(ids);
	return found;
}

/* map_named - a new descriptor of the map @id if it has this name; -ENOENT */
static int map_named(__u32 id, const char *name)
{
	struct bpf_map_info info = {};
	__u32 len = sizeof(info);
	int fd = bpf_map_get_fd_by_id(id);

	if (fd < 0)
		return fd;
	if (!bpf_obj_get_info_by_fd(fd, &info, &len) &&
	    !strncmp(info.name, name, sizeof(info.name) - 1))
		return fd;
	close(fd);
	return -ENOENT;
}

int ecbpf_program_map(__u32 prog_id, const char *name)
{
	struct bpf_prog_info info;
	__u32 *ids, i;
	int map = -ENOENT, err = program_describe(prog_id, &info, &ids);

	if (err)
		return err;
	for (i = 0; map < 0 && i < info.nr_map_ids; i++)
		map = map_named(ids[i], name);
	free(ids);
	return map < 0 ? ecbpf_fail(map, "program %u has no map %s", prog_id, name) : map;
}

int ecbpf_map_id(const char *path, __u32 *id)
{
	int fd = bpf_obj_get(path), err;
	struct bpf_map_info info = {};
	__u32 len = sizeof(info);

	if (fd < 0)
		return fd;
	err = bpf_obj_get_info_by_fd(fd, &info, &len);
	close(fd);
	*id = info.id;
	return err;
}
