/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What the firewall must do with a packet: rule by rule, one counter each, one bucket each, in
 * plain C. What the kernel program is held against.
 */
#ifndef TESTS_BPF_FW_MODEL_H
#define TESTS_BPF_FW_MODEL_H

#include "libecbpf/abi.h"
#include "tests/fuzz/facts.h"
#include "xdp_fw/plan.h"

/** struct fw_model_hits - of one entry of the plan */
struct fw_model_hits {
	__u64 packets, bytes, within;
};

/** struct fw_model_set - that a packet was counted for; @counted: for the one that is judged */
struct fw_model_set {
	char name[FW_SET_NAME_MAX + 1];
	__u64 packets, bytes;
	bool counted;
};

/** struct fw_model_bucket - of an entry, or of a source under an entry; @next: list of sources */
struct fw_model_bucket {
	struct fw_model_bucket *next;
	__u64 tat;
	size_t entry;
	__u8 family;
	__u8 addr[16];
};

/**
 * struct fw_model - a ruleset that runs
 * @plan, @members: borrowed
 * @hz: of the clock, for rate_compile()
 * @now: nanoseconds
 * @set: those that have counted, without a hole; behind them the name is empty
 * @code: packets per reason code
 */
struct fw_model {
	const struct fw_plan *plan;
	const struct fw_members *members;
	unsigned int hz;
	__u64 now;
	struct fw_model_hits *hits;
	struct fw_model_bucket *rule;
	struct fw_model_bucket *source;
	struct fw_model_set set[FW_SETS_MAX];
	struct fw_counts counts;
	__u64 code[ECBPF_CODES_MAX];
};

void fw_model_begin(struct fw_model *model, const struct fw_plan *plan,
		    const struct fw_members *members);
void fw_model_end(struct fw_model *model);

/**
 * fw_model_judge - one frame
 * @facts: reference_parse() of it
 * @verdict: action ECBPF_NEXT, or an XDP action; its code is counted
 */
void fw_model_judge(struct fw_model *model, const __u8 *frame, size_t len,
		    const struct facts *facts, struct ecbpf_verdict *verdict);

#endif
