// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* ipvs: what `ipvsadm -Ln --stats` shows, and what was forwarded past IPVS in the same columns */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>

#include "bypass_ipvs/commands.h"
#include "bypass_ipvs/ipvs.h"
#include "bypass_ipvs/passed.h"
#include "libecbpf/json.h"

/* --- text */

static void numbers(const struct ipvs_stats *stats, const struct passed *passed)
{
	printf(" %8" PRIu64 " %8" PRIu64 " %8" PRIu64 " %8" PRIu64 " %8" PRIu64 "\n", stats->conns,
	       stats->in_packets + passed->packets, stats->out_packets,
	       stats->in_bytes + passed->bytes, stats->out_bytes);
}

static void endpoint(uint8_t family, const __be32 *addr, __be16 port, char *buf, size_t size)
{
	char text[INET6_ADDRSTRLEN] = "";

	inet_ntop(family, addr, text, sizeof(text));
	snprintf(buf, size, family == AF_INET6 ? "[%s]:%u" : "%s:%u", text, ntohs(port));
}

static void service_line(const struct ipvs_service *service, const struct passed *passed)
{
	const struct bypass_service_key *key = &service->key;
	const char *proto = "SCTP";
	char name[64];

	if (key->mark)
		proto = "FWM";
	else if (key->proto == IPPROTO_TCP || key->proto == IPPROTO_UDP)
		proto = key->proto == IPPROTO_TCP ? "TCP" : "UDP";
	if (key->mark)
		snprintf(name, sizeof(name), "%u%s", key->mark,
			 key->family == AF_INET6 ? " IPv6" : "");
	else
		endpoint(key->family, key->addr, key->port, name, sizeof(name));
	printf("%-4s %-28s", proto, name);
	numbers(&service->stats, passed);
}

static void service_show(const struct ipvs_service *service, const struct passed_service *passed)
{
	static const struct ipvs_stats none;
	char name[64];
	size_t i;

	service_line(service, &passed->all);
	for (i = 0; i < service->dests; i++) {
		const struct ipvs_dest *dest = &service->dest[i];

		endpoint(dest->family, dest->addr, dest->port, name, sizeof(name));
		printf("  -> %-28s", name);
		numbers(&dest->stats, &passed->dest[i]);
	}
	if (passed->unknown.packets) {
		printf("  -> %-28s", "(unknown)");
		numbers(&none, &passed->unknown);
	}
}

static void show(const struct ipvs_config *kernel, const struct passed_table *passed)
{
	size_t i;

	printf("%-33s %8s %8s %8s %8s %8s\n", "Prot LocalAddress:Port", "Conns", "InPkts",
	       "OutPkts", "InBytes", "OutBytes");
	puts("  -> RemoteAddress:Port");
	for (i = 0; i < kernel->services; i++)
		service_show(&kernel->service[i], &passed->service[i]);
}

/* --- JSON: what IPVS counted and what went past it, apart */

static void stats_json(struct json_object *json, const struct ipvs_stats *stats,
		       const struct passed *passed)
{
	ecbpf_json_number(json, "conns", stats->conns);
	ecbpf_json_number(json, "in_packets", stats->in_packets + passed->packets);
	ecbpf_json_number(json, "out_packets", stats->out_packets);
	ecbpf_json_number(json, "in_bytes", stats->in_bytes + passed->bytes);
	ecbpf_json_number(json, "out_bytes", stats->out_bytes);
	ecbpf_json_number(json, "bypassed_packets", passed->packets);
	ecbpf_json_number(json, "bypassed_bytes", passed->bytes);
}

static struct json_object *dest_json(const struct ipvs_dest *dest, const struct passed *passed)
{
	struct json_object *json = json_object_new_object();
	char text[INET6_ADDRSTRLEN] = "";

	inet_ntop(dest->family, dest->addr, text, sizeof(text));
	ecbpf_json_text(json, "address", text);
	ecbpf_json_number(json, "port", ntohs(dest->port));
	ecbpf_json_number(json, "weight", dest->weight);
	ecbpf_json_number(json, "active", dest->active);
	ecbpf_json_number(json, "inactive", dest->inactive);
	ecbpf_json_number(json, "persistent", dest->persistent);
	stats_json(json, &dest->stats, passed);
	return json;
}

static struct json_object *service_json(const struct ipvs_service *service,
					const struct passed_service *passed)
{
	struct json_object *json = json_object_new_object(), *array = json_object_new_array();
	struct json_object *unknown = json_object_new_object();
	char text[SERVICE_TEXT_SIZE];
	size_t i;

	ecbpf_json_text(json, "service", service_text(&service->key, text));
	ecbpf_json_text(json, "scheduler", service->scheduler);
	stats_json(json, &service->stats, &passed->all);
	for (i = 0; i < service->dests; i++)
		json_object_array_add(array, dest_json(&service->dest[i], &passed->dest[i]));
	json_object_object_add(json, "destinations", array);
	ecbpf_json_number(unknown, "bypassed_packets", passed->unknown.packets);
	ecbpf_json_number(unknown, "bypassed_bytes", passed->unknown.bytes);
	json_object_object_add(json, "unknown", unknown);
	return json;
}

static void show_json(const struct ipvs_config *kernel, const struct passed_table *passed)
{
	struct json_object *json = json_object_new_object(), *array = json_object_new_array();
	size_t i;

	ecbpf_json_number(json, "timeout_tcp_s", kernel->tcp_s);
	ecbpf_json_number(json, "timeout_tcp_fin_s", kernel->tcp_fin_s);
	ecbpf_json_number(json, "timeout_udp_s", kernel->udp_s);
	for (i = 0; i < kernel->services; i++)
		json_object_array_add(array,
				      service_json(&kernel->service[i], &passed->service[i]));
	json_object_object_add(json, "services", array);
	ecbpf_json_print(json);
}

int cmd_ipvs(const void *arg, int argc, char **argv)
{
	const struct bypass_opts *opts = arg;
	struct passed_table passed = {};
	struct ipvs_config kernel = {};
	struct ipvs *ipvs = NULL;
	int err = ipvs_open(&ipvs);

	(void)argc;
	(void)argv;
	if (!err)
		err = ipvs_read(ipvs, &kernel);
	if (!err)
		err = passed_read(&kernel, &passed);
	if (!err && opts->common.json)
		show_json(&kernel, &passed);
	else if (!err)
		show(&kernel, &passed);
	passed_free(&passed);
	ipvs_free(&kernel);
	ipvs_close(ipvs);
	return err ? ecbpf_report(err, "IPVS", "list") : 0;
}
