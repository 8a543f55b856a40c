// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* conns [count] [FILTER...] */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libecbpf/json.h"
#include "xdp_lb/commands.h"
#include "xdp_lb/conns.h"
#include "xdp_lb/text.h"

#define ENDPOINT_SIZE (INET6_ADDRSTRLEN + 8) /* brackets, colon, port */

/**
 * struct filter - which connections are wanted
 * @src, @dst: family 0: any
 * @sport, @dport, @proto: 0: any
 * @has_vip, @has_backend: false: any
 * @limit: 0: all
 */
struct filter {
	struct ecbpf_prefix src, dst;
	uint64_t sport, dport;
	int proto;
	bool has_vip, has_backend;
	struct lb_service vip;
	struct lb_endpoint backend;
	uint64_t limit;
};

/** struct owner - who has a number; NULL: nobody */
struct owner {
	const struct lb_vip *vip;
	const struct lb_backend *backend;
};

/**
 * struct view - one call
 * @owner: by number of the backend: LB_BACKEND_NUMBERS
 * @found: connections that the filter takes
 */
struct view {
	struct lb_live live;
	struct lb_conns conns;
	struct lb_config config;
	struct lb_numbers numbers;
	struct owner *owner;
	struct filter filter;
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

static int owner_word(struct filter *filter, bool vip, const char *value)
{
	if (vip) {
		filter->has_vip = true;
		return lb_service_parse(value, &filter->vip);
	}
	filter->has_backend = true;
	return lb_endpoint_parse(value, &filter->backend);
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
	if (!strcmp(name, "vip") || !strcmp(name, "backend"))
		return owner_word(filter, name[0] == 'v', value);
	if (!strcmp(name, "limit"))
		return ecbpf_parse_number(value, 1, UINT64_MAX, &filter->limit);
	return ecbpf_fail(-EINVAL,
			  "%s is none of src, dst, sport, dport, proto, vip, backend, limit", name);
}

static int filter_parse(int argc, char **argv, struct filter *filter)
{
	int i, err = 0;

	for (i = 0; !err && i < argc; i += 2) {
		if (i + 1 == argc)
			return ecbpf_fail(-EINVAL, "%s needs a value", argv[i]);
		err = filter_word(filter, argv[i], argv[i + 1]);
	}
	return err;
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

static bool in_prefix(const struct ecbpf_prefix *prefix, const struct lb_conn6_key *key,
		      const __be32 *addr)
{
	const int family = lb_conns_key_is_v4(key) ? AF_INET : AF_INET6;
	const uint8_t *bytes = (const uint8_t *)(family == AF_INET ? &addr[3] : addr);
	const unsigned int whole = prefix->length / 8, rest = prefix->length % 8;

	if (!prefix->family)
		return true;
	if (prefix->family != family || memcmp(prefix->addr, bytes, whole))
		return false;
	return !rest || !((prefix->addr[whole] ^ bytes[whole]) & (uint8_t)(0xff00 >> rest));
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

static bool wanted(const struct view *view, const struct lb_conn6_key *key,
		   const struct lb_conn *conn)
{
	const struct filter *filter = &view->filter;

	return in_prefix(&filter->src, key, key->saddr) &&
	       in_prefix(&filter->dst, key, key->daddr) &&
	       (!filter->sport || ntohs(key->sport) == filter->sport) &&
	       (!filter->dport || ntohs(key->dport) == filter->dport) &&
	       (!filter->proto || (int)ECBPF_REST_PROTO(key->rest) == filter->proto) &&
	       wanted_owner(filter, &view->owner[ECBPF_MARK_ID(conn->mark)]);
}

/* --- what both writers say */

static const char *proto_text(const struct lb_conn6_key *key)
{
	return ECBPF_REST_PROTO(key->rest) == IPPROTO_TCP ? "tcp" : "udp";
}

static void addr_text(const struct lb_conn6_key *key, const __be32 *addr, char *buf)
{
	if (lb_conns_key_is_v4(key))
		inet_ntop(AF_INET, &addr[3], buf, INET6_ADDRSTRLEN);
	else
		inet_ntop(AF_INET6, addr, buf, INET6_ADDRSTRLEN);
}

static void endpoint_text(const struct lb_conn6_key *key, const __be32 *addr, __be16 port,
			  char *buf)
{
	char text[INET6_ADDRSTRLEN];

	addr_text(key, addr, text);
	snprintf(buf, ENDPOINT_SIZE, lb_conns_key_is_v4(key) ? "%s:%u" : "[%s]:%u", text,
		 ntohs(port));
}

static void seconds_text(const struct view *view, __u32 then, char *buf, size_t size)
{
	snprintf(buf, size, "%.1f", (double)lb_conns_ticks(&view->conns, then) / view->conns.hz);
}

/* --- text */

static void text_conn(const struct view *view, const struct lb_conn6_key *key,
		      const struct lb_conn *conn)
{
	const struct owner *owner = &view->owner[ECBPF_MARK_ID(conn->mark)];
	char client[ENDPOINT_SIZE], vip[ENDPOINT_SIZE], age[32], idle[32], name[LB_TEXT_SIZE];

	endpoint_text(key, key->saddr, key->sport, client);
	endpoint_text(key, key->daddr, key->dport, vip);
	seconds_text(view, conn->created, age, sizeof(age));
	seconds_text(view, conn->seen, idle, sizeof(idle));
	printf("%s %s %s", proto_text(key), client, vip);
	if (ECBPF_REST_OUTER(key->rest))
		printf(" vlan %u", ECBPF_REST_OUTER(key->rest));
	if (ECBPF_REST_INNER(key->rest))
		printf(" vlan %u", ECBPF_REST_INNER(key->rest));
	printf(" %s age %s idle %s packets %" PRIu64 " bytes %" PRIu64,
	       lb_conns_state_name(lb_conns_state(&view->conns, conn)), age, idle,
	       (uint64_t)conn->packets, (uint64_t)conn->bytes);
	if (owner->backend)
		printf(" backend %s", lb_endpoint_text(&owner->backend->endpoint, name));
	if (owner->vip)
		printf(" vip %s", lb_service_text(&owner->vip->service, name));
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

static void json_vlans(struct json_object *to, const struct lb_conn6_key *key)
{
	struct json_object *array = json_object_new_array();

	if (ECBPF_REST_OUTER(key->rest))
		json_object_array_add(array, json_object_new_int(ECBPF_REST_OUTER(key->rest)));
	if (ECBPF_REST_INNER(key->rest))
		json_object_array_add(array, json_object_new_int(ECBPF_REST_INNER(key->rest)));
	json_object_object_add(to, "vlans", array);
}

/* json_conn - one at a time: there may be millions */
static void json_conn(const struct view *view, const struct lb_conn6_key *key,
		      const struct lb_conn *conn)
{
	const struct owner *owner = &view->owner[ECBPF_MARK_ID(conn->mark)];
	struct json_object *json = json_object_new_object();
	char text[LB_TEXT_SIZE];

	ecbpf_json_text(json, "proto", proto_text(key));
	addr_text(key, key->saddr, text);
	ecbpf_json_text(json, "src", text);
	ecbpf_json_number(json, "sport", ntohs(key->sport));
	addr_text(key, key->daddr, text);
	ecbpf_json_text(json, "dst", text);
	ecbpf_json_number(json, "dport", ntohs(key->dport));
	json_vlans(json, key);
	ecbpf_json_text(json, "vip",
			owner->vip ? lb_service_text(&owner->vip->service, text) : NULL);
	ecbpf_json_text(json, "backend",
			owner->backend ? lb_endpoint_text(&owner->backend->endpoint, text) : NULL);
	ecbpf_json_text(json, "state", lb_conns_state_name(lb_conns_state(&view->conns, conn)));
	json_seconds(json, "age_s", view, conn->created);
	json_seconds(json, "idle_s", view, conn->seen);
	ecbpf_json_number(json, "packets", conn->packets);
	ecbpf_json_number(json, "bytes", conn->bytes);
	printf("%s%s", view->found > 1 ? "," : "",
	       json_object_to_json_string_ext(json, JSON_C_TO_STRING_PLAIN));
	json_object_put(json);
}

/* --- all of them */

static int visit(void *arg, const struct lb_conn6_key *key, const struct lb_conn *conn)
{
	struct view *view = arg;

	if (!wanted(view, key, conn))
		return 0;
	view->found++;
	if (!view->count_only && view->json)
		json_conn(view, key, conn);
	else if (!view->count_only)
		text_conn(view, key, conn);
	if (ferror(stdout))
		return -EIO; /* the caller of the command tells of it */
	return view->found == view->filter.limit;
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
	if (err)
		return err;
	if (view->json && !view->count_only)
		fputs("{\"conns\":[", stdout);
	err = lb_conns_scan(&view->conns, visit, view);
	if (view->json && view->count_only)
		printf("{\"count\":%" PRIu64 "}\n", view->found);
	else if (view->json)
		puts("]}");
	else if (view->count_only)
		printf("%" PRIu64 "\n", view->found);
	return err < 0 && err != -EIO ? err : 0;
}

int cmd_conns(const void *arg, int argc, char **argv)
{
	const struct lb_opts *opts = arg;
	struct view view = { .json = opts->common.json };
	int err;

	view.count_only = argc && !strcmp(argv[0], "count");
	if (filter_parse(argc - view.count_only, argv + view.count_only, &view.filter))
		return ecbpf_report(ECBPF_EXIT_USAGE, "balancer", "conns");
	err = lb_live_open(&view.live, false);
	if (!err)
		err = show(&view);
	free(view.owner);
	lb_conns_close(&view.conns);
	lb_numbers_free(&view.numbers);
	lb_config_free(&view.config);
	lb_live_close(&view.live);
	return err ? ecbpf_report(err, "balancer", "conns") : 0;
}
