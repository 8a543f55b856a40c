// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/lb_words.h"
#include "xdp_lb/text.h"

struct lb_service service(const char *text)
{
	struct lb_service parsed = {};

	assert_int_equal(lb_service_parse(text, &parsed), 0);
	return parsed;
}

struct lb_endpoint endpoint(const char *text)
{
	struct lb_endpoint parsed = {};

	assert_int_equal(lb_endpoint_parse(text, &parsed), 0);
	return parsed;
}

struct lb_vip vip(const char *text)
{
	const struct lb_service key = service(text);
	struct lb_vip made;

	lb_vip_init(&made, &key);
	return made;
}

struct lb_backend backend(const char *text, unsigned int weight)
{
	const struct lb_endpoint key = endpoint(text);
	struct lb_backend made;

	lb_backend_init(&made, &key);
	made.weight = weight;
	return made;
}

int add(struct lb_config *config, const char *to, const char *text)
{
	const struct lb_service key = service(to);
	const struct lb_backend made = backend(text, 1);

	return lb_backend_add(config, &key, &made);
}
