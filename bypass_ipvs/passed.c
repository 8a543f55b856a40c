// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/ip_vs.h>

#include "bypass_ipvs/flows.h"
#include "bypass_ipvs/live.h"
#include "bypass_ipvs/passed.h"
#include "libecbpf/ecbpf.h"

#define OUTER_DADDR4 16 /* of an IPv4 header (RFC 791) */
#define OUTER_DADDR6 24 /* of an IPv6 header (RFC 8200) */

/* --- which destination */

/* is_at - a packet in a tunnel: by the address that is on it; else by the MAC address */
static bool is_at(const struct ipvs_dest *dest, const struct ecbpf_neighbours *neighbours,
		  const struct ecbpf_recipe *recipe)
{
	const bool v6 = recipe->flags & ECBPF_OUTER_V6;
	const struct ecbpf_neighbour *neighbour;

	if (recipe->kind != ECBPF_DIRECT)
		return dest->method == IP_VS_CONN_F_TUNNEL &&
		       dest->family == (v6 ? AF_INET6 : AF_INET) &&
		       !memcmp(dest->addr, recipe->outer + (v6 ? OUTER_DADDR6 : OUTER_DADDR4),
			       v6 ? 16 : 4);
	if (dest->method != IP_VS_CONN_F_DROUTE)
		return false;
	neighbour = ecbpf_neighbours_known(neighbours, recipe->ifindex, dest->family, dest->addr);
	return neighbour && !memcmp(neighbour->mac, recipe->l2, ECBPF_MAC);
}

/* passed_dest - place of the destination that a path leads to; -ENOENT none for sure */
static int passed_dest(const struct ipvs_service *service,
		       const struct ecbpf_neighbours *neighbours, const struct ecbpf_recipe *recipe)
{
	int found = -ENOENT;
	size_t i;

	for (i = 0; i < service->dests; i++) {
		if (!is_at(&service->dest[i], neighbours, recipe))
			continue;
		if (found >= 0)
			return -ENOENT;
		found = i;
	}
	return found;
}

/* --- adding up */

/**
 * struct sum - all that it takes
 * @of: place in @kernel of each service number, or -1
 * @flows: by path: of flows that are in a table
 */
struct sum {
	const struct ipvs_config *kernel;
	struct live live;
	struct service_table table;
	struct ecbpf_neighbours neighbours;
	struct passed *flows;
	int *of;
};

static int flow_add(void *arg, const struct ecbpf_tuple *key, const struct bypass_flow *flow)
{
	const __u32 path = ECBPF_MARK_ID(flow->mark) & 0xffff;
	struct sum *sum = arg;

	(void)key;
	if (path < sum->live.settings->paths) {
		sum->flows[path].packets += flow->packets;
		sum->flows[path].bytes += flow->bytes;
	}
	return 0;
}

static void add(struct passed *to, const struct passed *more)
{
	to->packets += more->packets;
	to->bytes += more->bytes;
}

static void path_add(const struct sum *sum, __u32 number, struct passed_table *passed)
{
	const struct bypass_path *path = &sum->live.path[number];
	struct passed more = sum->flows[number];
	const int at = sum->of[path->recipe.service];
	struct passed_service *service;
	int dest;

	if (!path->recipe.l2_bytes || at < 0)
		return;
	service = &passed->service[at];
	more.packets += path->packets;
	more.bytes += path->bytes;
	dest = passed_dest(&sum->kernel->service[at], &sum->neighbours, &path->recipe);
	add(&service->all, &more);
	add(dest < 0 ? &service->unknown : &service->dest[dest], &more);
}

static int places_make(struct sum *sum)
{
	const struct ipvs_service *service;
	size_t i;

	sum->of = malloc(BYPASS_SERVICES_MAX * sizeof(*sum->of));
	sum->flows = calloc(BYPASS_PATHS_MAX, sizeof(*sum->flows));
	if (!sum->of || !sum->flows)
		return ecbpf_fail(-ENOMEM, "out of memory");
	for (i = 0; i < BYPASS_SERVICES_MAX; i++)
		sum->of[i] = -1;
	for (i = 0; i < sum->table.count; i++) {
		service = ipvs_find(sum->kernel, &sum->table.entry[i].key);
		if (service)
			sum->of[sum->table.entry[i].value.number % BYPASS_SERVICES_MAX] =
				service - sum->kernel->service;
	}
	return 0;
}

static int live_sum(struct sum *sum, struct passed_table *passed)
{
	int err = services_read(&sum->live, &sum->table);
	__u32 i;

	if (!err)
		err = ecbpf_neighbours_read(&sum->neighbours);
	if (!err)
		err = places_make(sum);
	if (!err)
		err = flows_each(&sum->live, flow_add, sum);
	for (i = BYPASS_PATH_NONE + 1; !err && i < sum->live.settings->paths; i++)
		path_add(sum, i, passed);
	service_table_free(&sum->table);
	ecbpf_neighbours_free(&sum->neighbours);
	free(sum->flows);
	free(sum->of);
	return err;
}

static int passed_make(const struct ipvs_config *kernel, struct passed_table *passed)
{
	size_t i;

	passed->service = calloc(kernel->services + 1, sizeof(*passed->service));
	if (!passed->service)
		return ecbpf_fail(-ENOMEM, "out of memory");
	passed->services = kernel->services;
	for (i = 0; i < kernel->services; i++) {
		passed->service[i].dest =
			calloc(kernel->service[i].dests + 1, sizeof(*passed->service[i].dest));
		if (!passed->service[i].dest)
			return ecbpf_fail(-ENOMEM, "out of memory");
	}
	return 0;
}

int passed_read(const struct ipvs_config *kernel, struct passed_table *passed)
{
	struct sum sum = { .kernel = kernel };
	int err;

	*passed = (struct passed_table){};
	err = passed_make(kernel, passed);
	if (err)
		return err;
	err = live_open(&sum.live, false);
	if (!err)
		err = live_sum(&sum, passed);
	else if (err == -ENOENT)
		err = 0;
	live_close(&sum.live);
	return err;
}

void passed_free(struct passed_table *passed)
{
	size_t i;

	for (i = 0; i < passed->services; i++)
		free(passed->service[i].dest);
	free(passed->service);
	*passed = (struct passed_table){};
}
