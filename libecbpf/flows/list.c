// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libecbpf/flows/list.h"
#include "libecbpf/json.h"

#define ENDPOINT_SIZE (INET6_ADDRSTRLEN + 8) /* brackets, colon, port */

/* --- the list */

int ecbpf_flow_list_args(struct ecbpf_flow_list *list, int argc, char **argv,
			 int (*word)(void *arg, const char *name, const char *value), void *arg)
{
	int i, err = 0;

	list->count_only = argc && !strcmp(argv[0], "count");
	for (i = list->count_only; !err && i < argc; i += 2) {
		if (i + 1 == argc)
			return ecbpf_fail(-EINVAL, "%s needs a value", argv[i]);
		err = ecbpf_flow_filter_word(&list->filter, argv[i], argv[i + 1]);
		if (err == -ENOENT)
			err = word(arg, argv[i], argv[i + 1]);
	}
	return err;
}

void ecbpf_flow_list_begin(const struct ecbpf_flow_list *list)
{
	if (list->json && !list->count_only)
		printf("{\"%s\":[", list->noun);
}

int ecbpf_flow_list_next(const struct ecbpf_flow_list *list)
{
	return ferror(stdout) ? -EIO : list->found == list->filter.limit;
}

int ecbpf_flow_list_end(const struct ecbpf_flow_list *list, int err)
{
	if (list->json && list->count_only)
		printf("{\"count\":%" PRIu64 "}\n", list->found);
	else if (list->json)
		puts("]}");
	else if (list->count_only)
		printf("%" PRIu64 "\n", list->found);
	return err < 0 && err != -EIO ? err : 0;
}

/* --- what both writers say */

static const char *proto_text(const struct ecbpf_tuple *tuple)
{
	return ECBPF_REST_PROTO(tuple->rest) == IPPROTO_TCP ? "tcp" : "udp";
}

static void addr_text(const struct ecbpf_tuple *tuple, const __be32 *addr, char *buf)
{
	if (ecbpf_tuple_is_v4(tuple))
		inet_ntop(AF_INET, &addr[3], buf, INET6_ADDRSTRLEN);
	else
		inet_ntop(AF_INET6, addr, buf, INET6_ADDRSTRLEN);
}

/* --- text */

static void endpoint_text(const struct ecbpf_tuple *tuple, const __be32 *addr, __be16 port,
			  char *buf)
{
	char text[INET6_ADDRSTRLEN];

	addr_text(tuple, addr, text);
	snprintf(buf, ENDPOINT_SIZE, ecbpf_tuple_is_v4(tuple) ? "%s:%u" : "[%s]:%u", text,
		 ntohs(port));
}

void ecbpf_flow_text(const struct ecbpf_tuple *tuple, const struct ecbpf_flow_facts *facts)
{
	char from[ENDPOINT_SIZE], to[ENDPOINT_SIZE];

	endpoint_text(tuple, tuple->saddr, tuple->sport, from);
	endpoint_text(tuple, tuple->daddr, tuple->dport, to);
	printf("%s %s %s", proto_text(tuple), from, to);
	if (ECBPF_REST_OUTER(tuple->rest))
		printf(" vlan %u", ECBPF_REST_OUTER(tuple->rest));
	if (ECBPF_REST_INNER(tuple->rest))
		printf(" vlan %u", ECBPF_REST_INNER(tuple->rest));
	printf(" %s age %.1f idle %.1f packets %" PRIu64 " bytes %" PRIu64, facts->state,
	       (double)facts->age / facts->hz, (double)facts->idle / facts->hz, facts->packets,
	       facts->bytes);
}

/* --- JSON */

static void json_vlans(struct json_object *to, __u32 rest)
{
	struct json_object *array = json_object_new_array();

	if (ECBPF_REST_OUTER(rest))
		json_object_array_add(array, json_object_new_int(ECBPF_REST_OUTER(rest)));
	if (ECBPF_REST_INNER(rest))
		json_object_array_add(array, json_object_new_int(ECBPF_REST_INNER(rest)));
	json_object_object_add(to, "vlans", array);
}

void ecbpf_flow_json_tuple(struct json_object *to, const struct ecbpf_tuple *tuple)
{
	char addr[INET6_ADDRSTRLEN];

	ecbpf_json_text(to, "proto", proto_text(tuple));
	addr_text(tuple, tuple->saddr, addr);
	ecbpf_json_text(to, "src", addr);
	ecbpf_json_number(to, "sport", ntohs(tuple->sport));
	addr_text(tuple, tuple->daddr, addr);
	ecbpf_json_text(to, "dst", addr);
	ecbpf_json_number(to, "dport", ntohs(tuple->dport));
	json_vlans(to, tuple->rest);
}

static void json_seconds(struct json_object *to, const char *key, __u32 ticks, unsigned int hz)
{
	char text[32];

	snprintf(text, sizeof(text), "%.1f", (double)ticks / hz);
	json_object_object_add(to, key, json_object_new_double_s(strtod(text, NULL), text));
}

void ecbpf_flow_json_facts(struct json_object *to, const struct ecbpf_flow_facts *facts)
{
	ecbpf_json_text(to, "state", facts->state);
	json_seconds(to, "age_s", facts->age, facts->hz);
	json_seconds(to, "idle_s", facts->idle, facts->hz);
	ecbpf_json_number(to, "packets", facts->packets);
	ecbpf_json_number(to, "bytes", facts->bytes);
}

void ecbpf_flow_list_json(const struct ecbpf_flow_list *list, struct json_object *json)
{
	printf("%s%s", list->found > 1 ? "," : "",
	       json_object_to_json_string_ext(json, JSON_C_TO_STRING_PLAIN));
	json_object_put(json);
}
