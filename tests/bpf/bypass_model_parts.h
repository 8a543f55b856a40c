/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Between the files of the bypass's model: what both programs do. */
#ifndef TESTS_BPF_BYPASS_MODEL_PARTS_H
#define TESTS_BPF_BYPASS_MODEL_PARTS_H

#include "tests/bpf/bypass_model.h"

uint32_t model_now(const struct model *m);

/**
 * struct place - where a flow may be
 * @first: the entry that it prefers
 */
struct place {
	bool v4;
	uint64_t hash;
	uint32_t bucket;
	uint32_t first;
};

struct ecbpf_tuple4 model_key4(const struct ecbpf_tuple *key);
struct place model_place(const struct model *m, const struct ecbpf_tuple *key, bool v4);

/** model_flow - the flow's entry, or NULL */
struct bypass_flow *model_flow(struct model *m, const struct ecbpf_tuple *key, bool v4);

/** model_is_old - its decision is not trusted */
bool model_is_old(const struct model *m, const struct bypass_flow *flow);

/** model_retire - what the flow has counted stays with its path; it is free */
void model_retire(struct model *m, struct bypass_flow *flow);

/** model_room - a free entry, else one that is not trusted, else the one that was idle longest */
struct bypass_flow *model_room(struct model *m, const struct place *place);

/** model_is_service - is this where clients go? */
bool model_is_service(struct model *m, const struct ecbpf_tuple *key, int family);

/** model_reset_may_rate - may one more RST leave in this second? Counts it. */
bool model_reset_may_rate(struct model *m);

/** model_reset_may_flow - and one more for this tuple? Counts nothing. */
bool model_reset_may_flow(struct model *m, uint32_t *reset);

#endif
