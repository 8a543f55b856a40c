// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* flows [count] [FILTER...] */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>

#include "bypass_ipvs/commands.h"
#include "bypass_ipvs/flows.h"
#include "bypass_ipvs/services.h"
#include "libecbpf/ecbpf.h"
#include "libecbpf/flows/list.h"
#include "libecbpf/json.h"

#define L2_ADDRS 12 /* bytes of an Ethernet header before its first type */

/**
 * struct filter - which flows are wanted, besides what all filters have
 * @service: number, or -1
 * @path: 0: any
 */
struct filter {
	bool has_service;
	struct bypass_service_key key;
	int service;
	uint64_t path;
};

/**
 * struct view - one call
 * @now: jiffies
 * @service: by number, NULL: none; into @table
 */
struct view {
	struct live live;
	struct ecbpf_flow_list list;
	struct filter filter;
	__u32 now;
	unsigned int hz;
	struct service_table table;
	const struct service_entry **service;
};

/* --- the filter */

static int service_word(const char *value, struct filter *filter)
{
	int err = service_parse(value, &filter->key);

	filter->has_service = !err;
	return err;
}

static int filter_word(void *arg, const char *name, const char *value)
{
	struct filter *filter = arg;

	if (!strcmp(name, "service"))
		return service_word(value, filter);
	if (!strcmp(name, "path"))
		return ecbpf_parse_number(value, 1, BYPASS_PATHS_MAX - 1, &filter->path);
	return ecbpf_fail(
		-EINVAL, "%s is none of src, dst, sport, dport, proto, service, path, limit", name);
}

/* service_look - the number of the service that the filter names */
static int service_look(struct view *view)
{
	const struct service_entry *entry;
	char text[SERVICE_TEXT_SIZE];

	if (!view->filter.has_service)
		return 0;
	entry = service_table_find(&view->table, &view->filter.key);
	if (!entry)
		return ecbpf_fail(-ENOENT, "%s is no service that the bypass knows",
				  service_text(&view->filter.key, text));
	view->filter.service = entry->value.number;
	return 0;
}

static const struct bypass_path *path_of(const struct view *view, const struct bypass_flow *flow)
{
	const __u32 path = ECBPF_MARK_ID(flow->mark);

	return path < view->live.settings->paths ? &view->live.path[path] : NULL;
}

static bool wanted(const struct view *view, const struct ecbpf_tuple *key,
		   const struct bypass_flow *flow)
{
	const struct filter *filter = &view->filter;
	const struct bypass_path *path = path_of(view, flow);

	return ecbpf_flow_filter_takes(&view->list.filter, key) &&
	       (!filter->path || ECBPF_MARK_ID(flow->mark) == filter->path) &&
	       (filter->service < 0 || (path && path->recipe.service == filter->service));
}

/* --- what both writers say */

/* state_text - what its next packet would meet with; the first that holds */
static const char *state_text(const struct view *view, const struct bypass_flow *flow)
{
	const struct bypass_params *params = live_params(&view->live);
	const struct bypass_path *path = path_of(view, flow);

	if (flow->state & BYPASS_RST)
		return "rst";
	if (!path || ECBPF_MARK_GEN(flow->mark) != (__u16)path->gen)
		return "stale";
	if (view->now - flow->confirmed > params->inactive)
		return "idle";
	if (flow->tries)
		return "unconfirmed";
	return flow->state & BYPASS_FIN ? "fin" : "active";
}

static struct ecbpf_flow_facts facts_of(const struct view *view, const struct bypass_flow *flow)
{
	return (struct ecbpf_flow_facts){
		.state = state_text(view, flow),
		.age = ecbpf_ticks_since(view->now, flow->created),
		.idle = ecbpf_ticks_since(view->now, flow->seen),
		.hz = view->hz,
		.packets = flow->packets,
		.bytes = flow->bytes,
	};
}

static const char *kind_text(const struct ecbpf_recipe *recipe)
{
	static const char *const names[] = {
		[ECBPF_DIRECT] = "direct",
		[ECBPF_IPIP] = "ipip",
		[ECBPF_GUE] = "gue",
	};

	return recipe->kind <= ECBPF_GUE ? names[recipe->kind] : "?";
}

/* server_text - the MAC address that direct routing puts in, or the tunnel's end */
static void server_text(const struct ecbpf_recipe *recipe, char *buf, size_t size)
{
	const bool v6 = recipe->flags & ECBPF_OUTER_V6;
	const __u8 *mac = recipe->l2;

	if (recipe->kind == ECBPF_DIRECT)
		snprintf(buf, size, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3],
			 mac[4], mac[5]);
	else
		inet_ntop(v6 ? AF_INET6 : AF_INET, recipe->outer + (v6 ? 24 : 16), buf, size);
}

/* dev_text - where it leaves: name, or number of one that is gone, and VLAN ids that it gets */
static void dev_text(const struct ecbpf_recipe *recipe, char *buf, size_t size)
{
	char name[IF_NAMESIZE];
	size_t at, len;

	if (if_indextoname(recipe->ifindex, name))
		snprintf(buf, size, "%s", name);
	else
		snprintf(buf, size, "#%u", recipe->ifindex);
	for (at = L2_ADDRS + 2; at + 4 <= recipe->l2_bytes; at += 4) {
		len = strlen(buf);
		snprintf(buf + len, size - len, " vlan %u",
			 (recipe->l2[at] << 8 | recipe->l2[at + 1]) & 0xfff);
	}
}

static const char *service_of(const struct view *view, const struct ecbpf_recipe *recipe, char *buf)
{
	const struct service_entry *entry = view->service[recipe->service];

	return entry ? service_text(&entry->key, buf) : NULL;
}

/* --- text */

static void text_path(const struct view *view, const struct bypass_flow *flow)
{
	const struct bypass_path *path = path_of(view, flow);
	char dev[64], server[INET6_ADDRSTRLEN], service[SERVICE_TEXT_SIZE];

	printf(" path %u", ECBPF_MARK_ID(flow->mark));
	if (!path || !path->recipe.l2_bytes)
		return;
	dev_text(&path->recipe, dev, sizeof(dev));
	server_text(&path->recipe, server, sizeof(server));
	printf(" %s %s dev %s", kind_text(&path->recipe), server, dev);
	if (service_of(view, &path->recipe, service))
		printf(" service %s", service);
}

static void text_flow(const struct view *view, const struct ecbpf_tuple *key,
		      const struct bypass_flow *flow)
{
	const struct ecbpf_flow_facts facts = facts_of(view, flow);

	ecbpf_flow_text(key, &facts);
	text_path(view, flow);
	putchar('\n');
}

/* --- JSON */

static void json_path(struct json_object *to, const struct view *view,
		      const struct bypass_flow *flow)
{
	const struct bypass_path *path = path_of(view, flow);
	char dev[IF_NAMESIZE], server[INET6_ADDRSTRLEN], service[SERVICE_TEXT_SIZE];

	ecbpf_json_number(to, "path", ECBPF_MARK_ID(flow->mark));
	if (!path || !path->recipe.l2_bytes)
		return;
	server_text(&path->recipe, server, sizeof(server));
	ecbpf_json_text(to, "kind", kind_text(&path->recipe));
	ecbpf_json_text(to, "server", server);
	ecbpf_json_text(to, "dev", if_indextoname(path->recipe.ifindex, dev));
	ecbpf_json_text(to, "service", service_of(view, &path->recipe, service));
}

static void json_flow(const struct view *view, const struct ecbpf_tuple *key,
		      const struct bypass_flow *flow)
{
	const struct ecbpf_flow_facts facts = facts_of(view, flow);
	struct json_object *json = json_object_new_object();

	ecbpf_flow_json_tuple(json, key);
	ecbpf_flow_json_facts(json, &facts);
	json_path(json, view, flow);
	ecbpf_flow_list_json(&view->list, json);
}

/* --- all of them */

static int visit(void *arg, const struct ecbpf_tuple *key, const struct bypass_flow *flow)
{
	struct view *view = arg;

	if (!wanted(view, key, flow))
		return 0;
	view->list.found++;
	if (!view->list.count_only && view->list.json)
		json_flow(view, key, flow);
	else if (!view->list.count_only)
		text_flow(view, key, flow);
	return ecbpf_flow_list_next(&view->list);
}

static int services_look(struct view *view)
{
	size_t i;
	int err = services_read(&view->live, &view->table);

	if (err)
		return err;
	view->service = calloc(BYPASS_SERVICES_MAX, sizeof(*view->service));
	if (!view->service)
		return ecbpf_fail(-ENOMEM, "out of memory");
	for (i = 0; i < view->table.count; i++)
		view->service[view->table.entry[i].value.number % BYPASS_SERVICES_MAX] =
			&view->table.entry[i];
	return service_look(view);
}

static int show(struct view *view)
{
	int err = live_now(&view->now);

	view->hz = ecbpf_hz();
	if (!err)
		err = services_look(view);
	if (err)
		return err;
	ecbpf_flow_list_begin(&view->list);
	return ecbpf_flow_list_end(&view->list, flows_each(&view->live, visit, view));
}

int cmd_flows(const void *arg, int argc, char **argv)
{
	const struct bypass_opts *opts = arg;
	struct view view = {
		.list = { .noun = "flows", .json = opts->common.json },
		.filter.service = -1,
	};
	int err;

	if (ecbpf_flow_list_args(&view.list, argc, argv, filter_word, &view.filter))
		return ecbpf_report(ECBPF_EXIT_USAGE, "bypass", "flows");
	err = live_open(&view.live, false);
	if (!err)
		err = show(&view);
	free(view.service);
	service_table_free(&view.table);
	live_close(&view.live);
	return err ? ecbpf_report(err, "bypass", "flows") : 0;
}
