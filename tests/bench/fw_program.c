// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* The firewall's program without a root, for the driver. */
#include <errno.h>
#include <string.h>

#include <bpf/libbpf.h>

#include "tests/bench/fw.h"
#include "xdp_fw/load.h"
#include "xdp_fw/xdp_fw.skel.h"

int fw_bench_open(struct fw_bench *fw, uint64_t entries)
{
	int err;

	memset(fw, 0, sizeof(*fw));
	fw_maps_none(&fw->maps);
	err = fw_maps_create(&fw->maps, fw_pool_size(entries), FW_MAPS_TAGS, FW_MAPS_SOURCES);
	if (!err)
		err = fw_pool_map(&fw->maps, &fw->pool);
	return err ? bench_fail(err, "the firewall's maps: %s", ecbpf_error()) : 0;
}

static void unload(struct fw_bench *fw)
{
	int i;

	for (i = 0; i < BENCH_LOADS; i++) {
		xdp_fw__destroy(fw->loaded[i]);
		fw->loaded[i] = NULL;
	}
}

void fw_bench_close(struct fw_bench *fw)
{
	unload(fw);
	fw_pool_unmap(&fw->pool);
	fw_maps_close(&fw->maps);
}

int fw_bench_load(struct fw_bench *fw, const char *text, int loads)
{
	struct fw_ruleset set = {};
	const struct fw_load load = { .set = &set, .maps = &fw->maps };
	int i, err = text ? fw_parse(text, strlen(text), &set) : -ENOMEM;

	unload(fw);
	for (i = 0; !err && i < loads; i++)
		err = fw_load_alone(&load, &fw->loaded[i]);
	fw_ruleset_free(&set);
	if (err)
		return bench_fail(err, "the firewall's program: %s", ecbpf_error());
	for (i = 0; !err && i < loads; i++)
		err = bench_alone(fw->loaded[i]->obj);
	return err;
}

int fw_bench_prog(const struct fw_bench *fw, int load)
{
	return bpf_program__fd(fw->loaded[load]->progs.xdp_fw_kern);
}

int fw_bench_row(struct bench *b, const struct fw_bench *fw, struct bench_row row)
{
	int i;

	for (i = 0; i < BENCH_LOADS && fw->loaded[i]; i++)
		row.prog[i] = fw_bench_prog(fw, i);
	return bench_row(b, &row);
}
