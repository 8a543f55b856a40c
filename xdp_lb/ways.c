// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* The ways to all backends, as the kernel's tables have them now. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/membarrier.h>
#include <linux/neighbour.h>

#include "libecbpf/ecbpf.h"
#include "libecbpf/log.h"
#include "libecbpf/loop.h"
#include "libecbpf/netlink/neighbours.h"
#include "xdp_lb/live.h"
#include "xdp_lb/monitor_loop.h"
#include "xdp_lb/ports.h"
#include "xdp_lb/text.h"
#include "xdp_lb/ways.h"

/* What the kernel resolves or looks after by itself, and need not be asked to. */
#define NUD_TENDED (NUD_PERMANENT | NUD_REACHABLE | NUD_INCOMPLETE | NUD_DELAY | NUD_PROBE)

/**
 * struct target - one backend
 * @vip: its VIP, number @service
 * @backend: of the configuration, number @number
 * @way: that it should have; @cause: why it has none
 */
struct target {
	const struct lb_vip *vip;
	const struct lb_backend *backend;
	__u32 service;
	__u32 number;
	struct lb_way way;
	const char *cause;
};

/* The kernel resolves a neighbour that answers within a millisecond or so. */
#define RESOLVE_NS 50000000ULL
#define NS_PER_MS  1000000ULL

/**
 * struct ways - a look at everything
 * @news: what rtnetlink says since it began
 * @asked: neighbours that the kernel had not heard of
 * @pending: those that it is resolving
 */
struct ways {
	struct ecbpf_netlink news;
	size_t asked, pending;
	struct ecbpf_netlink rtnl;
	struct ecbpf_links links;
	struct ecbpf_neighbours neighbours;
	struct target *target;
	size_t targets;
};

/* --- what there is */

static int target_compare(const void *one, const void *other)
{
	const struct lb_endpoint *a = &((const struct target *)one)->backend->endpoint;
	const struct lb_endpoint *b = &((const struct target *)other)->backend->endpoint;

	return a->family != b->family ? a->family - b->family :
					memcmp(a->addr, b->addr, sizeof(a->addr));
}

/* targets_find - those that are in use, the same addresses side by side */
static int targets_find(struct ways *ways, const struct lb_live *live,
			const struct lb_config *config, const struct lb_numbers *numbers)
{
	size_t v, b, n = 0;

	ways->target = calloc(config->backends + 1, sizeof(*ways->target));
	if (!ways->target)
		return ecbpf_fail(-ENOMEM, "out of memory");
	for (v = 0; v < config->vips; v++) {
		for (b = 0; b < config->vip[v].backends; b++, n++) {
			if (live->backend[numbers->backend[n]].state == LB_BACKEND_NONE)
				continue;
			ways->target[ways->targets++] =
				(struct target){ .vip = &config->vip[v],
						 .backend = &config->vip[v].backend[b],
						 .service = numbers->vip[v],
						 .number = numbers->backend[n] };
		}
	}
	qsort(ways->target, ways->targets, sizeof(*ways->target), target_compare);
	return 0;
}

/* hop_resolve - the next hop's MAC address; the kernel is asked to keep it right */
static int hop_resolve(struct ways *ways, struct lb_hop *hop)
{
	const struct ecbpf_route *route = &hop->route;
	const struct ecbpf_neighbour *found =
		ecbpf_neighbours_find(&ways->neighbours, route->ifindex, route->family, route->hop);

	hop->cause = found && found->known ? NULL : "the neighbour is not resolved";
	if (!hop->cause)
		memcpy(hop->mac, found->mac, sizeof(hop->mac));
	ways->asked += !found;
	ways->pending += !found || found->state & NUD_INCOMPLETE;
	if (found && found->state & NUD_TENDED)
		return 0;
	return ecbpf_neighbour_use(&ways->rtnl, route->ifindex, route->family, route->hop);
}

static int hop_find(struct ways *ways, const struct lb_endpoint *to, struct lb_hop *hop)
{
	int err;

	*hop = (struct lb_hop){};
	err = ecbpf_route_find(&ways->rtnl, to->family, to->addr, &hop->route);
	if (err)
		return err;
	if (!hop->route.ifindex) {
		hop->cause = "there is no route";
		return 0;
	}
	hop->cause = ecbpf_links_out(&ways->links, hop->route.ifindex, &hop->out);
	return hop->cause ? 0 : hop_resolve(ways, hop);
}

static int ways_find(struct ways *ways)
{
	struct lb_hop hop = {};
	size_t i;
	int err = 0;

	for (i = 0; !err && i < ways->targets; i++) {
		struct target *target = &ways->target[i];
		const struct lb_vip *vip = target->vip;

		if (!i || target_compare(&ways->target[i - 1], target))
			err = hop_find(ways, &target->backend->endpoint, &hop);
		target->cause = lb_way_make(vip->service.address.family, target->service,
					    lb_backend_forward(vip, target->backend),
					    &target->backend->endpoint, &hop, &target->way);
	}
	return err;
}

/* ways_await - a moment for neighbours just asked for: a new backend has its way at once */
static int ways_await(struct ways *ways)
{
	const uint64_t end = ecbpf_monotonic_ns() + RESOLVE_NS;
	struct pollfd fd = { ecbpf_netlink_fd(&ways->news), POLLIN, 0 };
	uint64_t now = ecbpf_monotonic_ns();
	int err = 0;

	ways->pending = ways->asked;
	while (!err && ways->pending && now < end) {
		if (poll(&fd, 1, (end - now) / NS_PER_MS + 1) <= 0)
			return 0;
		ecbpf_rtnl_news(&ways->news, NULL, NULL);
		ecbpf_neighbours_free(&ways->neighbours);
		err = ecbpf_neighbours_read(&ways->neighbours);
		ways->pending = 0;
		if (!err)
			err = ways_find(ways);
		now = ecbpf_monotonic_ns();
	}
	return err;
}

/* --- what follows */

static void store(__u32 *to, __u32 value)
{
	__atomic_store_n(to, value, __ATOMIC_RELEASE);
}

static bool is_up(const struct lb_backend_entry *entry)
{
	return __atomic_load_n(&entry->state, __ATOMIC_RELAXED) == LB_BACKEND_UP;
}

static bool is_other_recipe(const struct lb_backend_entry *entry, const struct target *target)
{
	return memcmp(&entry->recipe, &target->way.recipe, sizeof(entry->recipe));
}

/* entries_hide - no packet meets half a recipe: where one changes, nothing goes for a moment */
static void entries_hide(const struct ways *ways, struct lb_live *live)
{
	size_t i, hidden = 0;

	for (i = 0; i < ways->targets; i++) {
		const struct target *target = &ways->target[i];
		struct lb_backend_entry *entry = &live->backend[target->number];

		if (!is_up(entry) || (!target->cause && !is_other_recipe(entry, target)))
			continue;
		store(&entry->version, entry->version | 1);
		store(&entry->state, LB_BACKEND_NO_ROUTE);
		hidden++;
	}
	/* until all packets that have seen it up are through */
	if (hidden)
		syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
}

/* is_other_nat - do packets of its connections look otherwise now? Then none of these is known any more */
static bool is_other_nat(const struct lb_backend_entry *entry, const struct target *target)
{
	const struct ecbpf_recipe *old = &entry->recipe, *new = &target->way.recipe;

	if (old->kind != ECBPF_NAT && new->kind != ECBPF_NAT)
		return false;
	return old->kind != new->kind || memcmp(old->outer, new->outer, sizeof(old->outer));
}

/* entry_write - false: it is as it was */
static bool entry_write(const struct target *target, struct lb_backend_entry *entry)
{
	const bool hidden = entry->version & 1;

	if (!hidden && is_up(entry) == !target->cause &&
	    (target->cause || (entry->mtu == target->way.mtu && !is_other_recipe(entry, target))))
		return false;
	if (!target->cause) {
		store(&entry->version, entry->version | 1);
		if (is_other_nat(entry, target))
			store(&entry->gen, entry->gen + 1);
		if (is_other_recipe(entry, target))
			memcpy(&entry->recipe, &target->way.recipe, sizeof(entry->recipe));
		store(&entry->mtu, target->way.mtu);
	}
	store(&entry->state, target->cause ? LB_BACKEND_NO_ROUTE : LB_BACKEND_UP);
	if (entry->version & 1)
		store(&entry->version, entry->version + 1);
	return true;
}

static void target_log(const struct target *target)
{
	char service[LB_TEXT_SIZE], backend[LB_TEXT_SIZE];

	ecbpf_log(ECBPF_LOG_INFO, "%s: %s: %s", lb_service_text(&target->vip->service, service),
		  lb_endpoint_text(&target->backend->endpoint, backend),
		  target->cause ? target->cause : "the way is known");
}

static void ways_write(const struct ways *ways, struct lb_live *live, size_t *changed,
		       size_t *unresolved)
{
	size_t i;

	entries_hide(ways, live);
	for (i = 0; i < ways->targets; i++) {
		const struct target *target = &ways->target[i];

		if (entry_write(target, &live->backend[target->number])) {
			target_log(target);
			*changed += 1;
		}
		*unresolved += target->cause != NULL;
	}
}

int lb_ways_refresh(struct lb_live *live, const struct lb_config *config,
		    const struct lb_numbers *numbers, size_t *changed, size_t *unresolved)
{
	size_t ignored[2] = {};
	struct ways ways = {};
	int err = targets_find(&ways, live, config, numbers);

	changed = changed ? changed : &ignored[0];
	unresolved = unresolved ? unresolved : &ignored[1];
	*changed = *unresolved = 0;
	if (!err)
		err = ecbpf_netlink_open(&ways.rtnl, NETLINK_ROUTE);
	if (!err)
		err = ecbpf_rtnl_listen(&ways.news, LB_NEWS);
	if (!err)
		err = ecbpf_links_read(&ways.links);
	if (!err)
		err = ecbpf_neighbours_read(&ways.neighbours);
	if (!err)
		err = ways_find(&ways);
	if (!err)
		err = ways_await(&ways);
	if (!err)
		err = lb_ports_write(live->fd[LB_LIVE_PORT], &ways.links);
	if (!err)
		ways_write(&ways, live, changed, unresolved);
	ecbpf_netlink_close(&ways.news);
	ecbpf_netlink_close(&ways.rtnl);
	ecbpf_links_free(&ways.links);
	ecbpf_neighbours_free(&ways.neighbours);
	free(ways.target);
	return err;
}
