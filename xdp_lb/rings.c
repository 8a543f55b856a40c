// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "libecbpf/ecbpf.h"
#include "xdp_lb/maglev.h"
#include "xdp_lb/rings.h"

/* Descriptors for all else. */
#define OTHER_FILES 256

static int failed(int err)
{
	return ecbpf_fail(err, "lb_ring_map: %s", strerror(-err));
}

__u32 lb_ring_entries(const struct lb_vip *vip)
{
	size_t i;

	for (i = 0; i < vip->backends; i++)
		if (lb_backend_weight(&vip->backend[i]))
			return vip->table_size;
	return 0;
}

bool lb_ring_same(const struct lb_vip *a, const struct lb_vip *b)
{
	size_t i;

	if (a->table_size != b->table_size || a->backends != b->backends)
		return false;
	for (i = 0; i < a->backends; i++)
		if (lb_endpoint_compare(&a->backend[i].endpoint, &b->backend[i].endpoint) ||
		    lb_backend_weight(&a->backend[i]) != lb_backend_weight(&b->backend[i]))
			return false;
	return true;
}

/* --- one table */

static struct lb_ring_line *lines_make(const struct lb_vip *vip, const __u32 *number, __u32 lines)
{
	struct lb_ring_line *line = calloc(lines, sizeof(*line));
	uint16_t *table = lb_vip_table(vip);
	__u32 i;

	if (!line)
		ecbpf_fail(-ENOMEM, "out of memory");
	for (i = 0; line && table && i < vip->table_size; i++)
		if (table[i] != LB_NONE)
			line[i / LB_RING_LINE].backend[i % LB_RING_LINE] = number[table[i]];
	if (!table) {
		free(line);
		line = NULL;
	}
	free(table);
	return line;
}

static int lines_write(int fd, const struct lb_ring_line *line, __u32 lines)
{
	LIBBPF_OPTS(bpf_map_batch_opts, opts);
	__u32 *at = calloc(lines, sizeof(*at)), i, count = lines;
	int err;

	if (!at)
		return ecbpf_fail(-ENOMEM, "out of memory");
	for (i = 0; i < lines; i++)
		at[i] = i;
	err = bpf_map_update_batch(fd, at, line, &count, &opts);
	free(at);
	return err ? failed(err) : 0;
}

static int ring_make(const struct lb_vip *vip, const __u32 *number)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_INNER_MAP);
	const __u32 lines = (vip->table_size + LB_RING_LINE - 1) / LB_RING_LINE;
	struct lb_ring_line *line = lines_make(vip, number, lines);
	int fd, err;

	if (!line)
		return -ENOMEM;
	fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "lb_ring", sizeof(__u32), sizeof(*line), lines,
			    &opts);
	err = fd < 0 ? failed(fd) : lines_write(fd, line, lines);
	free(line);
	if (err && fd >= 0)
		close(fd);
	return err ? err : fd;
}

/* --- all of them */

/* files_allow - a descriptor for each table */
static void files_allow(size_t count)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur >= count + OTHER_FILES)
		return;
	limit.rlim_cur = count + OTHER_FILES;
	if (limit.rlim_max < limit.rlim_cur)
		limit.rlim_max = limit.rlim_cur;
	setrlimit(RLIMIT_NOFILE, &limit); /* if it may not be, making a map tells */
}

static int ring_want(const struct lb_config *was, const struct lb_vip *vip, const __u32 *number,
		     bool all)
{
	const struct lb_vip *old = all ? NULL : lb_vip_find(was, &vip->service);

	if (old && lb_ring_same(old, vip))
		return LB_RING_STAYS;
	return lb_ring_entries(vip) ? ring_make(vip, number) : LB_RING_NONE;
}

int lb_rings_prepare(const struct lb_config *was, const struct lb_config *config,
		     const struct lb_numbers *numbers, bool all, int **ring)
{
	const __u32 *number = numbers->backend;
	size_t i;
	int fd;

	*ring = calloc(config->vips + 1, sizeof(**ring));
	if (!*ring)
		return ecbpf_fail(-ENOMEM, "out of memory");
	files_allow(config->vips);
	for (i = 0; i < config->vips; i++)
		(*ring)[i] = LB_RING_STAYS;
	for (i = 0; i < config->vips; i++) {
		fd = ring_want(was, &config->vip[i], number, all);
		if (fd < 0 && fd != LB_RING_STAYS && fd != LB_RING_NONE)
			return fd;
		(*ring)[i] = fd;
		number += config->vip[i].backends;
	}
	return 0;
}

/* The kernel waits once for all, until no program uses the old tables. */
static int rings_update(int fd, const struct lb_config *config, const struct lb_numbers *numbers,
			const int *ring, __u32 *buf)
{
	LIBBPF_OPTS(bpf_map_batch_opts, opts);
	__u32 *const key = buf, *const value = buf + config->vips;
	__u32 count = 0;
	size_t i;

	for (i = 0; i < config->vips; i++) {
		if (ring[i] < 0)
			continue;
		key[count] = numbers->vip[i];
		value[count++] = ring[i];
	}
	return count ? bpf_map_update_batch(fd, key, value, &count, &opts) : 0;
}

int lb_rings_put(int fd, const struct lb_config *config, const struct lb_numbers *numbers,
		 const int *ring)
{
	__u32 *buf = calloc(2 * config->vips + 1, sizeof(*buf));
	size_t i;
	int err;

	if (!buf)
		return ecbpf_fail(-ENOMEM, "out of memory");
	err = rings_update(fd, config, numbers, ring, buf);
	free(buf);
	for (i = 0; !err && i < config->vips; i++)
		if (ring[i] == LB_RING_NONE)
			bpf_map_delete_elem(fd, &numbers->vip[i]);
	return err ? failed(err) : 0;
}

void lb_rings_free(int *ring, size_t count)
{
	size_t i;

	for (i = 0; ring && i < count; i++)
		if (ring[i] >= 0)
			close(ring[i]);
	free(ring);
}
