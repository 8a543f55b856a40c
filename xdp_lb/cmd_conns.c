// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* conns [count] [FILTER...] */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libecbpf/flows/list.h"
#include "libecbpf/json.h"
#include "xdp_lb/backs.h"
#include "xdp_lb/commands.h"
#include "xdp_lb/conns.h"
#include "xdp_lb/text.h"

/** struct filter - which connections are wanted, besides what all filters have; false: any */
struct filter {
	bool has_vip, has_backend;
	struct lb_service vip;
	struct lb_endpoint backend;
};

/** struct owner - who has a number; NULL: nobody */
struct owner {
	const struct lb_vip *vip;
	const struct lb_backend *backend;
};

/**
 * struct view - one call
 * @owner: by number of the backend: LB_BACKEND_NUMBERS
 */
struct view {
	struct lb_live live;
	struct lb_conns conns;
	struct lb_config config;
	struct lb_numbers numbers;
	struct owner *owner;
	struct lb_backs backs;
	struct ecbpf_flow_list list;
	struct filter filter;
};

/* --- the filter */

static int owner_word(struct filter *filter, bool vip, const char *value)
{
	if (vip) {
		filter->has_vip = true;
		return lb_service_parse(value, &filter->vip);
	}
	filter->has_backend = true;
	return lb_endpoint_parse(value, &filter->backend);
}

static int filter_word(void *arg, const char *name, const char *value)
{
	if (!strcmp(name, "vip") || !strcmp(name, "backend"))
		return owner_word(arg, name[0] == 'v', value);
	return ecbpf_fail(-EINVAL,
			  "%s is none of src, dst, sport, dport, proto, vip, backend, limit", name);
}

/* filter_known - what the filter names is configured */
static int filter_known(const struct view *view)
{
	const struct filter *filter = &view->filter;
	char name[LB_TEXT_SIZE];
	size_t i;

	if (filter->has_vip && !lb_vip_find(&view->config, &filter->vip))
		return ecbpf_fail(-ENOENT, "%s is no VIP", lb_service_text(&filter->vip, name));
	if (!filter->has_backend)
		return 0;
	for (i = 0; i < view->config.vips; i++)
		if (lb_backend_find(&view->config.vip[i], &filter->backend))
			return 0;
	return ecbpf_fail(-ENOENT, "%s is no VIP's backend",
			  lb_endpoint_text(&filter->backend, name));
}

static bool wanted_owner(const struct filter *filter, const struct owner *owner)
{
	if (filter->has_vip &&
	    (!owner->vip || lb_service_compare(&owner->vip->service, &filter->vip)))
		return false;
	return !filter->has_backend ||
	       (owner->backend &&
		!lb_endpoint_compare(&owner->backend->endpoint, &filter->backend));
}

static bool wanted(const struct view *view, const struct ecbpf_tuple *key,
		   const struct lb_conn *conn)
{
	return ecbpf_flow_filter_takes(&view->list.filter, key) &&
	       wanted_owner(&view->filter, &view->owner[ECBPF_MARK_ID(conn->mark)]);
}

static struct ecbpf_flow_facts facts_of(const struct lb_conns *conns, const struct lb_conn *conn)
{
	return (struct ecbpf_flow_facts){
		.state = lb_conns_state_name(lb_conns_state(conns, conn)),
		.age = ecbpf_ticks_since(conns->now, conn->created),
		.idle = ecbpf_ticks_since(conns->now, conn->seen),
		.hz = conns->hz,
		.packets = conn->packets,
		.bytes = conn->bytes,
	};
}

/* --- text and JSON */

/* end_text - ADDRESS:PORT */
static const char *end_text(const struct ecbpf_tuple *tuple, const __be32 *addr, __be16 port,
			    char *buf)
{
	struct lb_endpoint end = { .family = ecbpf_tuple_is_v4(tuple) ? AF_INET : AF_INET6,
				   .port = ntohs(port) };

	memcpy(end.addr, end.family == AF_INET ? addr + 3 : addr, end.family == AF_INET ? 4 : 16);
	return lb_endpoint_text(&end, buf);
}

/* text_back - as the backend sees the connection, and what it has answered; NULL: it sees it as it is */
static void text_back(const struct lb_back *back)
{
	char from[LB_TEXT_SIZE], to[LB_TEXT_SIZE];

	if (!back)
		return;
	printf(" as %s > %s replies %" PRIu64 " bytes %" PRIu64,
	       end_text(&back->reply, back->reply.daddr, back->reply.dport, from),
	       end_text(&back->reply, back->reply.saddr, back->reply.sport, to),
	       (uint64_t)back->conn.packets, (uint64_t)back->conn.bytes);
}

static void json_back(struct json_object *to, const struct lb_back *back)
{
	struct json_object *json;
	char text[LB_TEXT_SIZE];

	if (!back)
		return;
	json = json_object_new_object();
	ecbpf_json_text(json, "from",
			end_text(&back->reply, back->reply.daddr, back->reply.dport, text));
	ecbpf_json_text(json, "to",
			end_text(&back->reply, back->reply.saddr, back->reply.sport, text));
	ecbpf_json_number(json, "reply_packets", back->conn.packets);
	ecbpf_json_number(json, "reply_bytes", back->conn.bytes);
	json_object_object_add(to, "nat", json);
}

static void text_conn(const struct view *view, const struct ecbpf_tuple *key,
		      const struct lb_conn *conn)
{
	const struct owner *owner = &view->owner[ECBPF_MARK_ID(conn->mark)];
	const struct ecbpf_flow_facts facts = facts_of(&view->conns, conn);
	char name[LB_TEXT_SIZE];

	ecbpf_flow_text(key, &facts);
	if (owner->backend)
		printf(" backend %s", lb_endpoint_text(&owner->backend->endpoint, name));
	if (owner->vip)
		printf(" vip %s", lb_service_text(&owner->vip->service, name));
	text_back(lb_backs_of(&view->backs, key, conn));
	putchar('\n');
}

static void json_conn(const struct view *view, const struct ecbpf_tuple *key,
		      const struct lb_conn *conn)
{
	const struct owner *owner = &view->owner[ECBPF_MARK_ID(conn->mark)];
	const struct ecbpf_flow_facts facts = facts_of(&view->conns, conn);
	struct json_object *json = json_object_new_object();
	char text[LB_TEXT_SIZE];

	ecbpf_flow_json_tuple(json, key);
	ecbpf_json_text(json, "vip",
			owner->vip ? lb_service_text(&owner->vip->service, text) : NULL);
	ecbpf_json_text(json, "backend",
			owner->backend ? lb_endpoint_text(&owner->backend->endpoint, text) : NULL);
	ecbpf_flow_json_facts(json, &facts);
	json_back(json, lb_backs_of(&view->backs, key, conn));
	ecbpf_flow_list_json(&view->list, json);
}

/* --- all of them */

static int visit(void *arg, const struct ecbpf_tuple *key, const struct lb_conn *conn)
{
	struct view *view = arg;

	if (!wanted(view, key, conn))
		return 0;
	view->list.found++;
	if (!view->list.count_only && view->list.json)
		json_conn(view, key, conn);
	else if (!view->list.count_only)
		text_conn(view, key, conn);
	return ecbpf_flow_list_next(&view->list);
}

static int owners_make(struct view *view)
{
	const struct lb_config *config = &view->config;
	size_t v, b, i = 0;
	__u32 number;

	view->owner = calloc(LB_BACKEND_NUMBERS, sizeof(*view->owner));
	if (!view->owner)
		return ecbpf_fail(-ENOMEM, "out of memory");
	for (v = 0; v < config->vips; v++)
		for (b = 0; b < config->vip[v].backends; b++) {
			number = view->numbers.backend[i++] % LB_BACKEND_NUMBERS;
			view->owner[number] =
				(struct owner){ &config->vip[v], &config->vip[v].backend[b] };
		}
	return 0;
}

static int show(struct view *view)
{
	int err = lb_live_config(&view->live, &view->config, &view->numbers);

	if (!err)
		err = filter_known(view);
	if (!err)
		err = owners_make(view);
	if (!err)
		err = lb_conns_open(&view->live, &view->conns);
	if (!err && !view->list.count_only)
		err = lb_backs_read(&view->live, &view->backs);
	if (err)
		return err;
	ecbpf_flow_list_begin(&view->list);
	return ecbpf_flow_list_end(&view->list, lb_conns_scan(&view->conns, visit, view));
}

int cmd_conns(const void *arg, int argc, char **argv)
{
	const struct lb_opts *opts = arg;
	struct view view = { .list = { .noun = "conns", .json = opts->common.json } };
	int err;

	if (ecbpf_flow_list_args(&view.list, argc, argv, filter_word, &view.filter))
		return ecbpf_report(ECBPF_EXIT_USAGE, "balancer", "conns");
	err = lb_live_open(&view.live, false);
	if (!err)
		err = show(&view);
	free(view.owner);
	lb_backs_free(&view.backs);
	lb_conns_close(&view.conns);
	lb_numbers_free(&view.numbers);
	lb_config_free(&view.config);
	lb_live_close(&view.live);
	return err ? ecbpf_report(err, "balancer", "conns") : 0;
}
