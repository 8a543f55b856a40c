/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What words of the balancer's command stand for; words that are wrong fail the test. */
#ifndef TESTS_UNIT_LB_WORDS_H
#define TESTS_UNIT_LB_WORDS_H

#include "xdp_lb/config.h"

struct lb_service service(const char *text);
struct lb_endpoint endpoint(const char *text);

/** vip - with defaults, and no backends */
struct lb_vip vip(const char *text);
struct lb_backend backend(const char *text, unsigned int weight);

/** add - a backend to VIP @to; what lb_backend_add() returns */
int add(struct lb_config *config, const char *to, const char *text);

/* must_fail - and leave all as it was */
#define must_fail(config, call, err, text)                             \
	do {                                                           \
		struct lb_config before;                               \
		assert_int_equal(lb_config_copy(&before, config), 0);  \
		assert_int_equal(call, err);                           \
		assert_string_equal(ecbpf_error(), text);              \
		assert_true(lb_config_equal(&before, config));         \
		assert_int_equal(before.backends, (config)->backends); \
		assert_int_equal(before.sources, (config)->sources);   \
		lb_config_free(&before);                               \
	} while (0)

#endif
