// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Debian's packaged xdp-filter (xdp-tools), to stand beside. */
#include <errno.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "tests/bench/bench.h"

#define OBJECTS "/usr/lib/x86_64-linux-gnu/bpf/"

static const struct {
	const char *name;
	const char *path;
} filters[] = {
	{ "xdp-filter, all features", OBJECTS "xdpfilt_alw_all.o" },
	{ "xdp-filter, IP only", OBJECTS "xdpfilt_alw_ip.o" },
};

static struct bpf_object *filter_load(const char *path, struct bpf_program **prog)
{
	struct bpf_object *obj = bpf_object__open_file(path, NULL);
	struct bpf_map *map;
	int err;

	if (!obj)
		return NULL;
	bpf_object__for_each_map(map, obj)
		bpf_map__set_pin_path(map, NULL);
	*prog = bpf_object__next_program(obj, NULL);
	err = *prog ? bpf_object__load(obj) : -ENOENT;
	if (!err)
		return obj;
	bpf_object__close(obj);
	errno = -err;
	return NULL;
}

static int filter_row(struct bench *b, const char *name, const char *path)
{
	struct bench_row row = { .name = name, .action = XDP_PASS, .ref = "bare pass" };
	struct bpf_program *prog;
	struct bpf_object *obj = filter_load(path, &prog);
	int err;

	if (!obj)
		return bench_skip(b, name, strerror(errno));
	row.traffic = bench_still(b, bench_ipv4(b, 1));
	row.prog[0] = bpf_program__fd(prog);
	err = bench_row(b, &row);
	bpf_object__close(obj);
	return err;
}

int rows_filter(struct bench *b)
{
	size_t i;
	int err = 0;

	for (i = 0; !err && i < sizeof(filters) / sizeof(*filters); i++)
		err = filter_row(b, filters[i].name, filters[i].path);
	return err;
}
