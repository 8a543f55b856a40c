// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Looks up a list of addresses in the sets. */
#include "xdp_fw/set.bpf.h"

#include "tests/bpf/fw_set_probe.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Mapped into the test. */
struct set_query set_queries[SET_PROBES] = {};

static long probe(__u32 i, void *arg)
{
	struct set_query *query;

	(void)arg;
	if (i >= SET_PROBES)
		return 1;
	query = &set_queries[i];
	query->sets = query->family == 6 ? fw_sets_of6(query->hi, query->lo) :
					   fw_sets_of4(query->lo);
	return 0;
}

SEC("xdp")
int test_fw_set(struct xdp_md *ctx)
{
	(void)ctx;
	bpf_loop(SET_PROBES, probe, NULL, 0);
	return XDP_PASS;
}
