// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Numbers of VIPs and backends: kept as long as they are configured, given out again late. */
#include <errno.h>
#include <stdlib.h>

#include "xdp_lb/config_parts.h"
#include "xdp_lb/live.h"
#include "xdp_lb/stored.h"

int lb_live_config(const struct lb_live *live, struct lb_config *config, struct lb_numbers *numbers)
{
	int err;

	*config = (struct lb_config){};
	*numbers = (struct lb_numbers){};
	err = lb_stored_read(live->fd[LB_LIVE_CONFIG], config, numbers);
	if (err) {
		lb_config_free(config);
		lb_numbers_free(numbers);
	}
	return err;
}

void lb_numbers_free(struct lb_numbers *numbers)
{
	free(numbers->vip);
	free(numbers->backend);
	*numbers = (struct lb_numbers){};
}

__u32 lb_numbers_backend(const struct lb_config *config, const struct lb_numbers *numbers, size_t v,
			 size_t b)
{
	size_t i, at = b;

	for (i = 0; i < v; i++)
		at += config->vip[i].backends;
	return numbers->backend[at];
}

/* --- for another configuration */

/**
 * struct pool - numbers 1 .. @size - 1
 * @held: by number: HELD_*
 * @next: where the search begins
 */
struct pool {
	__u32 size;
	__u32 next;
	unsigned char *held;
};

#define HELD_BEFORE 1
#define HELD_NOW    2

static void pool_hold(struct pool *pool, __u32 number, unsigned char held)
{
	if (number < pool->size)
		pool->held[number] |= held;
}

static __u32 pool_search(struct pool *pool, unsigned char held)
{
	__u32 i, number;

	for (i = 0; i < pool->size - 1; i++) {
		number = (pool->next + i - 1) % (pool->size - 1) + 1;
		if (pool->held[number] & held)
			continue;
		pool->next = number % (pool->size - 1) + 1;
		return number;
	}
	return LB_NUMBER_NONE;
}

/* pool_take - one that nobody has or had just now, if there is one; there are enough for now */
static __u32 pool_take(struct pool *pool)
{
	__u32 number = pool_search(pool, HELD_BEFORE | HELD_NOW);

	if (number == LB_NUMBER_NONE)
		number = pool_search(pool, HELD_NOW);
	pool_hold(pool, number, HELD_NOW);
	return number;
}

static int pool_init(struct pool *pool, __u32 size, __u32 next, const __u32 *had, size_t count)
{
	size_t i;

	*pool = (struct pool){ .size = size, .next = next ?: 1 };
	pool->held = calloc(size, 1);
	if (!pool->held)
		return ecbpf_fail(-ENOMEM, "out of memory");
	for (i = 0; i < count; i++)
		pool_hold(pool, had[i], HELD_BEFORE);
	return 0;
}

static void keep(struct pool *pool, __u32 *to, __u32 number)
{
	*to = number;
	pool_hold(pool, number, HELD_NOW);
}

static void fill(struct pool *pool, __u32 *number, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (number[i] == LB_NUMBER_NONE)
			number[i] = pool_take(pool);
}

/* keep_backends - both lists are in the order of keys */
static void keep_backends(struct pool *pool, const struct lb_vip *was, const __u32 *had,
			  const struct lb_vip *now, __u32 *number)
{
	size_t i = 0, j = 0;

	while (i < was->backends && j < now->backends) {
		const int order =
			lb_endpoint_compare(&was->backend[i].endpoint, &now->backend[j].endpoint);

		if (!order)
			keep(pool, &number[j], had[i]);
		i += order <= 0;
		j += order >= 0;
	}
}

static void keep_all(struct pool *vips, struct pool *backends, const struct lb_config *was,
		     const struct lb_numbers *had, const struct lb_config *config,
		     struct lb_numbers *numbers)
{
	size_t i = 0, j = 0, at = 0, at_had = 0;

	while (i < was->vips && j < config->vips) {
		const struct lb_vip *old = &was->vip[i], *vip = &config->vip[j];
		const int order = lb_service_compare(&old->service, &vip->service);

		if (!order) {
			keep(vips, &numbers->vip[j], had->vip[i]);
			keep_backends(backends, old, &had->backend[at_had], vip,
				      &numbers->backend[at]);
		}
		if (order <= 0) {
			at_had += old->backends;
			i++;
		}
		if (order >= 0) {
			at += vip->backends;
			j++;
		}
	}
}

int lb_numbers_assign(const struct lb_config *was, const struct lb_numbers *had,
		      const struct lb_config *config, struct lb_numbers *numbers)
{
	struct pool vips = {}, backends = {};
	int err;

	*numbers = (struct lb_numbers){
		.vip = calloc(config->vips + 1, sizeof(*numbers->vip)),
		.backend = calloc(config->backends + 1, sizeof(*numbers->backend)),
	};
	err = pool_init(&vips, LB_VIP_NUMBERS, had->next_vip, had->vip, was->vips);
	if (!err)
		err = pool_init(&backends, LB_BACKEND_NUMBERS, had->next_backend, had->backend,
				was->backends);
	if (!err && (!numbers->vip || !numbers->backend))
		err = ecbpf_fail(-ENOMEM, "out of memory");
	if (!err) {
		keep_all(&vips, &backends, was, had, config, numbers);
		fill(&vips, numbers->vip, config->vips);
		fill(&backends, numbers->backend, config->backends);
		numbers->next_vip = vips.next;
		numbers->next_backend = backends.next;
	}
	free(vips.held);
	free(backends.held);
	if (err)
		lb_numbers_free(numbers);
	return err;
}
