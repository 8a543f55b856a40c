// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* From a plan to the contents of the kernel program's maps. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/bpf.h>

#include "xdp_fw/compile.h"

static const __s32 verdict_of[] = {
	[FW_DEFAULT_NEXT] = ECBPF_NEXT,
	[FW_DEFAULT_PASS] = XDP_PASS,
	[FW_DEFAULT_DROP] = XDP_DROP,
};

/* What a rule's sets are asked of: the kernel program looks up no other address. */
static void note_directions(struct fw_config *config)
{
	size_t i;

	for (i = 0; i < config->pairs; i++) {
		if (config->pair[i].dst)
			config->sets_dst = 1;
		else
			config->sets_src = 1;
	}
}

/* The row of packets that lack a header: all terms agree with it. */
static int begin(struct fw_build *build)
{
	struct fw_compiled *out = build->out;
	struct fw_config *config = &out->config;
	size_t i;

	config->dims = build->dims;
	config->words = build->words;
	config->stride = build->words == 1 ? 1 : 1 + build->words;
	config->fallback = verdict_of[build->plan->set->fallback];
	note_directions(config);
	if (fw_grow(&out->row, &build->row_room, config->stride, sizeof(*out->row)))
		return -ENOMEM;
	for (i = 0; i < config->stride; i++)
		out->row[i] = ~0ULL;
	out->words = config->stride;
	return 0;
}

static int compile_dims(struct fw_build *build)
{
	int err;

	err = begin(build);
	if (!err)
		err = fw_compile_kind(build);
	if (!err)
		err = fw_compile_addrs(build, FW_SIDE_SRC);
	if (!err)
		err = fw_compile_addrs(build, FW_SIDE_DST);
	if (!err)
		err = fw_compile_values(build);
	if (!err)
		err = fw_emit_lines(build, build->node, build->nodes * 256,
				    &build->out->config.nodes);
	return err;
}

int fw_compile(const struct fw_plan *plan, int (*set_id)(void *arg, const char *name), void *arg,
	       struct fw_compiled *compiled)
{
	struct fw_build build = { .plan = plan, .out = compiled };
	int err;

	memset(compiled, 0, sizeof(*compiled));
	err = fw_terms_make(&build, set_id, arg);
	if (!err)
		err = compile_dims(&build);
	if (err == -ENOMEM)
		ecbpf_fail(err, "no memory to compile %zu rules", plan->count);
	if (err)
		fw_compiled_free(compiled);
	free(build.term);
	free(build.node);
	return err;
}

void fw_compiled_free(struct fw_compiled *compiled)
{
	free(compiled->line);
	free(compiled->bound);
	free(compiled->row);
	memset(compiled, 0, sizeof(*compiled));
}
