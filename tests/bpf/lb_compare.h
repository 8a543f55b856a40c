/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What the balancer's program knows, beside what the model knows. */
#ifndef TESTS_BPF_LB_COMPARE_H
#define TESTS_BPF_LB_COMPARE_H

#include "tests/bpf/lb_suite.h"

#define LB_ROW ECBPF_ROW_SLOT(ECBPF_SLOT_LB)

/** lb_compare - how many things differ after a packet; each is printed */
int lb_compare(struct lb_suite *s, const struct lb_result *got, const struct lb_result *want);

void lb_compare_show(const char *what, const uint8_t *frame, size_t len);

#endif
