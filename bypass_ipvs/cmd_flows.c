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
#include "bypass_ipvs/services.h"
#include "bypass_ipvs/table.h"
#include "libecbpf/ecbpf.h"
#include "libecbpf/json.h"

#define ENDPOINT_SIZE (INET6_ADDRSTRLEN + 8) /* brackets, colon, port */
#define L2_ADDRS      12		     /* bytes of an Ethernet header before its first type */

/**
 * struct filter - which flows are wanted
 * @src, @dst: family 0: any
 * @sport, @dport, @proto: 0: any
 * @service: number, or -1
 * @path: 0: any
 * @limit: 0: all
 */
struct filter {
	struct ecbpf_prefix src, dst;
	uint64_t sport, dport;
	int proto;
	bool has_service;
	struct bypass_service_key key;
	int service;
	uint64_t path;
	uint64_t limit;
};

/**
 * struct view - one call
 * @now: jiffies
 * @service: by number, NULL: none; into @table
 * @found: flows that the filter takes
 */
struct view {
	struct live live;
	struct filter filter;
	__u32 now;
	unsigned int hz;
	struct service_table table;
	const struct service_entry **service;
	bool count_only;
	bool json;
	uint64_t found;
};

/* --- the filter */

static int proto_word(const char *value, int *proto)
{
	int choice, err = ecbpf_parse_choice("tcp|udp", value, &choice);

	if (!err)
		*proto = choice == 1 ? IPPROTO_TCP : IPPROTO_UDP;
	return err;
}

static int service_word(const char *value, struct filter *filter)
{
	int err = service_parse(value, &filter->key);

	filter->has_service = !err;
	return err;
}

static int filter_word(struct filter *filter, const char *name, const char *value)
{
	if (!strcmp(name, "src"))
		return ecbpf_parse_prefix(value, &filter->src);
	if (!strcmp(name, "dst"))
		return ecbpf_parse_prefix(value, &filter->dst);
	if (!strcmp(name, "sport"))
		return ecbpf_parse_number(value, 1, 65535, &filter->sport);
	if (!strcmp(name, "dport"))
		return ecbpf_parse_number(value, 1, 65535, &filter->dport);
	if (!strcmp(name, "proto"))
		return proto_word(value, &filter->proto);
	if (!strcmp(name, "service"))
		return service_word(value, filter);
	if (!strcmp(name, "path"))
		return ecbpf_parse_number(value, 1, BYPASS_PATHS_MAX - 1, &filter->path);
	if (!strcmp(name, "limit"))
		return ecbpf_parse_number(value, 1, UINT64_MAX, &filter->limit);
	return ecbpf_fail(
		-EINVAL, "%s is none of src, dst, sport, dport, proto, service, path, limit", name);
}

static int filter_parse(int argc, char **argv, struct filter *filter)
{
	int i, err = 0;

	filter->service = -1;
	for (i = 0; !err && i < argc; i += 2) {
		if (i + 1 == argc)
			return ecbpf_fail(-EINVAL, "%s needs a value", argv[i]);
		err = filter_word(filter, argv[i], argv[i + 1]);
	}
	return err;
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

static bool in_prefix(const struct ecbpf_prefix *prefix, const struct bypass_key *key,
		      const __be32 *addr)
{
	const int family = table_key_is_v4(key) ? AF_INET : AF_INET6;
	const uint8_t *bytes = (const uint8_t *)(family == AF_INET ? &addr[3] : addr);
	const unsigned int whole = prefix->length / 8, rest = prefix->length % 8;

	if (!prefix->family)
		return true;
	if (prefix->family != family || memcmp(prefix->addr, bytes, whole))
		return false;
	return !rest || !((prefix->addr[whole] ^ bytes[whole]) & (uint8_t)(0xff00 >> rest));
}

static const struct bypass_path *path_of(const struct view *view, const struct bypass_flow *flow)
{
	const __u32 path = ECBPF_MARK_ID(flow->mark);

	return path < view->live.settings->paths ? &view->live.path[path] : NULL;
}

static bool wanted(const struct view *view, const struct bypass_key *key,
		   const struct bypass_flow *flow)
{
	const struct filter *filter = &view->filter;
	const struct bypass_path *path = path_of(view, flow);

	return in_prefix(&filter->src, key, key->saddr) &&
	       in_prefix(&filter->dst, key, key->daddr) &&
	       (!filter->sport || ntohs(key->sport) == filter->sport) &&
	       (!filter->dport || ntohs(key->dport) == filter->dport) &&
	       (!filter->proto || (int)ECBPF_REST_PROTO(key->rest) == filter->proto) &&
	       (!filter->path || ECBPF_MARK_ID(flow->mark) == filter->path) &&
	       (filter->service < 0 || (path && path->recipe.service == filter->service));
}

/* --- what both writers say */

static const char *proto_text(const struct bypass_key *key)
{
	return ECBPF_REST_PROTO(key->rest) == IPPROTO_TCP ? "tcp" : "udp";
}

static void addr_text(const struct bypass_key *key, const __be32 *addr, char *buf)
{
	if (table_key_is_v4(key))
		inet_ntop(AF_INET, &addr[3], buf, INET6_ADDRSTRLEN);
	else
		inet_ntop(AF_INET6, addr, buf, INET6_ADDRSTRLEN);
}

static void endpoint_text(const struct bypass_key *key, const __be32 *addr, __be16 port, char *buf)
{
	char text[INET6_ADDRSTRLEN];

	addr_text(key, addr, text);
	snprintf(buf, ENDPOINT_SIZE, table_key_is_v4(key) ? "%s:%u" : "[%s]:%u", text, ntohs(port));
}

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

/* seconds_text - since then; what was stamped after we looked at the clock is now */
static void seconds_text(const struct view *view, __u32 then, char *buf, size_t size)
{
	const __u32 ticks = (__s32)(view->now - then) < 0 ? 0 : view->now - then;

	snprintf(buf, size, "%.1f", (double)ticks / view->hz);
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

static void text_flow(const struct view *view, const struct bypass_key *key,
		      const struct bypass_flow *flow)
{
	char client[ENDPOINT_SIZE], vip[ENDPOINT_SIZE], age[32], idle[32];

	endpoint_text(key, key->saddr, key->sport, client);
	endpoint_text(key, key->daddr, key->dport, vip);
	seconds_text(view, flow->created, age, sizeof(age));
	seconds_text(view, flow->seen, idle, sizeof(idle));
	printf("%s %s %s", proto_text(key), client, vip);
	if (ECBPF_REST_OUTER(key->rest))
		printf(" vlan %u", ECBPF_REST_OUTER(key->rest));
	if (ECBPF_REST_INNER(key->rest))
		printf(" vlan %u", ECBPF_REST_INNER(key->rest));
	printf(" %s age %s idle %s packets %" PRIu64 " bytes %" PRIu64, state_text(view, flow), age,
	       idle, (uint64_t)flow->packets, (uint64_t)flow->bytes);
	text_path(view, flow);
	putchar('\n');
}

/* --- JSON */

static void json_seconds(struct json_object *to, const char *key, const struct view *view,
			 __u32 then)
{
	char text[32];

	seconds_text(view, then, text, sizeof(text));
	json_object_object_add(to, key, json_object_new_double_s(strtod(text, NULL), text));
}

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

static void json_vlans(struct json_object *to, const struct bypass_key *key)
{
	struct json_object *array = json_object_new_array();

	if (ECBPF_REST_OUTER(key->rest))
		json_object_array_add(array, json_object_new_int(ECBPF_REST_OUTER(key->rest)));
	if (ECBPF_REST_INNER(key->rest))
		json_object_array_add(array, json_object_new_int(ECBPF_REST_INNER(key->rest)));
	json_object_object_add(to, "vlans", array);
}

/* json_flow - one at a time: there may be millions */
static void json_flow(const struct view *view, const struct bypass_key *key,
		      const struct bypass_flow *flow)
{
	struct json_object *json = json_object_new_object();
	char addr[INET6_ADDRSTRLEN];

	ecbpf_json_text(json, "proto", proto_text(key));
	addr_text(key, key->saddr, addr);
	ecbpf_json_text(json, "src", addr);
	ecbpf_json_number(json, "sport", ntohs(key->sport));
	addr_text(key, key->daddr, addr);
	ecbpf_json_text(json, "dst", addr);
	ecbpf_json_number(json, "dport", ntohs(key->dport));
	json_vlans(json, key);
	ecbpf_json_text(json, "state", state_text(view, flow));
	json_seconds(json, "age_s", view, flow->created);
	json_seconds(json, "idle_s", view, flow->seen);
	ecbpf_json_number(json, "packets", flow->packets);
	ecbpf_json_number(json, "bytes", flow->bytes);
	json_path(json, view, flow);
	printf("%s%s", view->found > 1 ? "," : "",
	       json_object_to_json_string_ext(json, JSON_C_TO_STRING_PLAIN));
	json_object_put(json);
}

/* --- all of them */

static int visit(void *arg, const struct bypass_key *key, const struct bypass_flow *flow)
{
	struct view *view = arg;

	if (!wanted(view, key, flow))
		return 0;
	view->found++;
	if (!view->count_only && view->json)
		json_flow(view, key, flow);
	else if (!view->count_only)
		text_flow(view, key, flow);
	if (ferror(stdout))
		return -EIO; /* the caller of the command tells of it */
	return view->found == view->filter.limit;
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
	if (view->json && !view->count_only)
		fputs("{\"flows\":[", stdout);
	err = table_each(&view->live, visit, view);
	if (view->json && view->count_only)
		printf("{\"count\":%" PRIu64 "}\n", view->found);
	else if (view->json)
		puts("]}");
	else if (view->count_only)
		printf("%" PRIu64 "\n", view->found);
	return err < 0 && err != -EIO ? err : 0;
}

int cmd_flows(const void *arg, int argc, char **argv)
{
	const struct bypass_opts *opts = arg;
	struct view view = { .json = opts->common.json };
	int err;

	view.count_only = argc && !strcmp(argv[0], "count");
	if (filter_parse(argc - view.count_only, argv + view.count_only, &view.filter))
		return ecbpf_report(ECBPF_EXIT_USAGE, "bypass", "flows");
	err = live_open(&view.live, false);
	if (!err)
		err = show(&view);
	free(view.service);
	service_table_free(&view.table);
	live_close(&view.live);
	return err ? ecbpf_report(err, "bypass", "flows") : 0;
}
