// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Changes of a configuration in words. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "xdp_lb/edit.h"
#include "xdp_lb/text.h"

#define VIP   "tcp:192.0.2.1:80"
#define WORDS 8

static struct lb_said nothing(void)
{
	return (struct lb_said)LB_SAID_NOTHING;
}

/* edit - of words that spaces are between */
static int edit(struct lb_config *config, const struct lb_said *said, const char *text)
{
	char copy[256], *word[WORDS], *rest = NULL;
	struct lb_words words = { said, NULL, 0, word };

	assert_in_range(strlen(text), 1, sizeof(copy) - 1);
	memcpy(copy, text, strlen(text) + 1);
	words.noun = strtok_r(copy, " ", &rest);
	while ((word[words.argc] = strtok_r(NULL, " ", &rest)))
		assert_in_range(++words.argc, 1, WORDS - 1);
	return lb_edit(config, &words);
}

static int plain(struct lb_config *config, const char *text)
{
	const struct lb_said said = nothing();

	return edit(config, &said, text);
}

static void several_at_once(void **state)
{
	struct lb_config config = {};

	(void)state;
	assert_int_equal(plain(&config, "vip add " VIP " udp:192.0.2.1:53"), 0);
	assert_int_equal(config.vips, 2);
	assert_int_equal(plain(&config, "backend add " VIP " 10.0.0.1 10.0.0.2"), 0);
	assert_int_equal(config.backends, 2);
	assert_int_equal(plain(&config, "source add " VIP " 198.51.100.0/24 10.0.0.2"), 0);
	assert_int_equal(config.sources, 1);
	assert_int_equal(plain(&config, "source del " VIP " 198.51.100.0/24"), 0);
	assert_int_equal(plain(&config, "backend del " VIP " 10.0.0.1 10.0.0.2"), 0);
	assert_int_equal(plain(&config, "vip del " VIP " udp:192.0.2.1:53"), 0);
	assert_int_equal(config.vips, 0);
	lb_config_free(&config);
}

/* Options that are not given leave what is there; another mode leaves its options behind. */
static void set_keeps_the_rest(void **state)
{
	struct lb_said said = nothing();
	struct lb_config config = {};

	(void)state;
	said.mode = LB_GUE;
	said.gue_port = 7000;
	said.source4 = "10.0.0.254";
	said.tcp_idle_ns = 120000000000;
	said.echo = true;
	assert_int_equal(edit(&config, &said, "vip add " VIP), 0);
	said = nothing();
	said.new_pps = 5;
	assert_int_equal(edit(&config, &said, "vip set " VIP), 0);
	assert_int_equal(config.vip[0].forward.gue_port, 7000);
	assert_memory_equal(config.vip[0].forward.source4, "\x0a\0\0\xfe", 4);
	assert_int_equal(config.vip[0].tcp_idle_s, 120);
	assert_int_equal(config.vip[0].flags, LB_ECHO);
	assert_int_equal(config.vip[0].new_pps, 5);
	said = nothing();
	said.source4 = "none";
	said.no_echo = true;
	assert_int_equal(edit(&config, &said, "vip set " VIP), 0);
	assert_memory_equal(config.vip[0].forward.source4, "\0\0\0\0", 4);
	assert_int_equal(config.vip[0].flags, 0);
	said = nothing();
	said.mode = LB_DIRECT;
	assert_int_equal(edit(&config, &said, "vip set " VIP), 0);
	assert_int_equal(config.vip[0].forward.mode, LB_DIRECT);
	assert_int_equal(config.vip[0].forward.gue_port, 0);
	lb_config_free(&config);
}

static void backend_options(void **state)
{
	struct lb_said said = nothing();
	struct lb_config config = {};
	const struct lb_backend *backend;

	(void)state;
	assert_int_equal(plain(&config, "vip add " VIP), 0);
	said.weight = 0;
	said.state = LB_DRAINING;
	assert_int_equal(edit(&config, &said, "backend add " VIP " 10.0.0.1"), 0);
	backend = &config.vip[0].backend[0];
	assert_int_equal(backend->weight, 0);
	assert_int_equal(backend->state, LB_DRAINING);
	said = nothing();
	said.gue_port = 7000; /* of no mode of its own */
	assert_int_equal(edit(&config, &said, "backend set " VIP " 10.0.0.1"), -EINVAL);
	lb_config_free(&config);
}

static void words_that_nobody_can_mean(void **state)
{
	static const char *const texts[] = {
		"vip add",
		"vip list",
		"vip add 192.0.2.1:80",
		"nothing add it",
		"backend del " VIP,
		"backend add " VIP " host",
		"source add x",
		"source del " VIP,
		"source add " VIP " 10.0.0.0/8",
		"vip set " VIP,
		"source del " VIP " x",
	};
	struct lb_said said = nothing();
	struct lb_config config = {};
	size_t i;

	(void)state;
	assert_int_equal(plain(&config, "vip add " VIP), 0);
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_int_equal(plain(&config, texts[i]), ECBPF_EXIT_USAGE);
	said.weight = 1;
	assert_int_equal(edit(&config, &said, "vip set " VIP), ECBPF_EXIT_USAGE);
	said = nothing();
	said.echo = true;
	assert_int_equal(edit(&config, &said, "backend set " VIP " 10.0.0.1"), ECBPF_EXIT_USAGE);
	said.no_echo = true;
	assert_int_equal(edit(&config, &said, "vip set " VIP), ECBPF_EXIT_USAGE);
	lb_config_free(&config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(several_at_once),
		cmocka_unit_test(set_keeps_the_rest),
		cmocka_unit_test(backend_options),
		cmocka_unit_test(words_that_nobody_can_mean),
	};

	return cmocka_run_group_tests_name("lb_edit", tests, NULL, NULL);
}
