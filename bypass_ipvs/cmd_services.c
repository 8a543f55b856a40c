// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* services: what IPVS balances and what was added by hand; services add|del */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/ip_vs.h>

#include "bypass_ipvs/commands.h"
#include "bypass_ipvs/services.h"
#include "libecbpf/json.h"

/**
 * struct listing - all there is to list
 * @attached: @table is what the bypass has
 */
struct listing {
	struct ipvs_config kernel;
	struct service_table table;
	bool attached;
};

/** struct methods - destinations of a service, by how packets get there */
struct methods {
	unsigned int direct, ipip, gue, gre, masquerade, local;
};

/* --- gathering */

static int kernel_read(struct ipvs_config *config)
{
	struct ipvs *ipvs;
	int err = ipvs_open(&ipvs);

	*config = (struct ipvs_config){};
	if (err)
		return err;
	err = ipvs_read(ipvs, config);
	ipvs_close(ipvs);
	return err;
}

static int table_read(struct listing *listing)
{
	struct live live;
	int err = live_open(&live, false);

	listing->attached = !err;
	if (!err)
		err = services_read(&live, &listing->table);
	live_close(&live);
	return err;
}

/* gather - the kernel may lack IPVS where services are added by hand, and the other way round */
static int gather(struct listing *listing)
{
	int err = table_read(listing);

	if (err && err != -ENOENT)
		return err;
	err = kernel_read(&listing->kernel);
	return err == -ENOENT && listing->attached ? 0 : err;
}

static void methods_count(const struct ipvs_service *service, struct methods *methods)
{
	unsigned int *const tunnel[] = {
		[IP_VS_CONN_F_TUNNEL_TYPE_IPIP] = &methods->ipip,
		[IP_VS_CONN_F_TUNNEL_TYPE_GUE] = &methods->gue,
		[IP_VS_CONN_F_TUNNEL_TYPE_GRE] = &methods->gre,
	};
	const struct ipvs_dest *dest;

	*methods = (struct methods){};
	for (dest = service->dest; dest < service->dest + service->dests; dest++) {
		if (dest->method == IP_VS_CONN_F_TUNNEL &&
		    dest->tunnel < IP_VS_CONN_F_TUNNEL_TYPE_MAX)
			++*tunnel[dest->tunnel];
		methods->direct += dest->method == IP_VS_CONN_F_DROUTE;
		methods->masquerade += dest->method == IP_VS_CONN_F_MASQ;
		methods->local += dest->method == IP_VS_CONN_F_LOCALNODE;
	}
}

/* --- text */

static void methods_text(const struct methods *methods, char *buf, size_t size)
{
	const struct {
		const char *name;
		unsigned int count;
	} all[] = {
		{ "direct", methods->direct },
		{ "ipip", methods->ipip },
		{ "gue", methods->gue },
		{ "gre", methods->gre },
		{ "masquerade", methods->masquerade },
		{ "local", methods->local },
	};
	size_t i, used = 0;

	snprintf(buf, size, "none");
	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (all[i].count && used < size)
			used += snprintf(buf + used, size - used, "%s%u %s", used ? ", " : "",
					 all[i].count, all[i].name);
}

static void row_text(const struct bypass_service_key *key, const struct ipvs_service *service,
		     const struct service_entry *entry)
{
	char text[SERVICE_TEXT_SIZE], methods[96] = "-", number[16] = "-";
	const bool by_hand = entry && entry->value.flags & BYPASS_BY_HAND;
	struct methods counts;

	if (entry)
		snprintf(number, sizeof(number), "%u", entry->value.number);
	if (service) {
		methods_count(service, &counts);
		methods_text(&counts, methods, sizeof(methods));
	}
	printf("%-32s %-6s %-8s %-24s %s%s%s\n", service_text(key, text), number,
	       service ? service->scheduler : "-", methods,
	       service ? service_refusal_text(service_refusal(service)) : "",
	       service && by_hand ? ", " : "", by_hand ? "by hand" : "");
}

/* --- JSON */

static struct json_object *row_json(const struct bypass_service_key *key,
				    const struct ipvs_service *service,
				    const struct service_entry *entry)
{
	struct json_object *json = json_object_new_object(), *by = json_object_new_object();
	const bool fits = service && service_refusal(service) == SERVICE_TAKEN;
	const bool by_hand = entry && entry->value.flags & BYPASS_BY_HAND;
	struct methods counts = {};
	char text[SERVICE_TEXT_SIZE];

	if (service)
		methods_count(service, &counts);
	ecbpf_json_text(json, "service", service_text(key, text));
	json_object_object_add(json, "number",
			       entry ? json_object_new_uint64(entry->value.number) : NULL);
	json_object_object_add(json, "kernel", json_object_new_boolean(service != NULL));
	json_object_object_add(json, "by_hand", json_object_new_boolean(by_hand));
	json_object_object_add(json, "taken", json_object_new_boolean(fits || by_hand));
	ecbpf_json_text(json, "why_not",
			service && !fits ? service_refusal_text(service_refusal(service)) : NULL);
	ecbpf_json_text(json, "scheduler", service ? service->scheduler : NULL);
	ecbpf_json_number(by, "direct", counts.direct);
	ecbpf_json_number(by, "ipip", counts.ipip);
	ecbpf_json_number(by, "gue", counts.gue);
	ecbpf_json_number(by, "gre", counts.gre);
	ecbpf_json_number(by, "masquerade", counts.masquerade);
	ecbpf_json_number(by, "local", counts.local);
	json_object_object_add(json, "destinations", by);
	return json;
}

/* --- list */

static void row(struct json_object *array, const struct bypass_service_key *key,
		const struct ipvs_service *service, const struct service_entry *entry)
{
	if (array)
		json_object_array_add(array, row_json(key, service, entry));
	else
		row_text(key, service, entry);
}

static void rows(const struct listing *listing, struct json_object *array)
{
	const struct ipvs_config *kernel = &listing->kernel;
	const struct service_table *table = &listing->table;
	const struct bypass_service_key *key;
	size_t i;

	if (!array)
		printf("%-32s %-6s %-8s %-24s %s\n", "service", "number", "sched", "destinations",
		       "");
	for (i = 0; i < kernel->services; i++) {
		key = &kernel->service[i].key;
		row(array, key, &kernel->service[i], service_table_find(table, key));
	}
	for (i = 0; i < table->count; i++)
		if (!ipvs_find(kernel, &table->entry[i].key))
			row(array, &table->entry[i].key, NULL, &table->entry[i]);
}

static int list(bool json)
{
	struct listing listing = {};
	struct json_object *array;
	int err = gather(&listing);

	if (!err) {
		array = json ? json_object_new_array() : NULL;
		rows(&listing, array);
		if (array)
			ecbpf_json_print(array);
	}
	ipvs_free(&listing.kernel);
	service_table_free(&listing.table);
	return err ? ecbpf_report(err, "services", "list") : 0;
}

/* --- add, del */

static int del(struct live *live, const struct bypass_service_key *keys, size_t count)
{
	struct ipvs_config kernel;
	int err = kernel_read(&kernel);

	/* what the kernel has goes on being followed; without IPVS it has nothing */
	if (err && err != -ENOENT)
		return err;
	err = services_del(live, &kernel, keys, count);
	ipvs_free(&kernel);
	return err;
}

static int change(bool add, const struct bypass_service_key *keys, size_t count)
{
	struct live live;
	int err = live_open(&live, true);

	if (!err)
		err = add ? services_add(&live, keys, count) : del(&live, keys, count);
	live_close(&live);
	return err;
}

int cmd_services(const void *arg, int argc, char **argv)
{
	const struct bypass_opts *opts = arg;
	const bool add = argc && !strcmp(argv[0], "add");
	struct bypass_service_key *keys;
	int i, err = 0;

	if (!argc)
		return list(opts->common.json);
	if (argc == 1 || (!add && strcmp(argv[0], "del"))) {
		ecbpf_fail(-EINVAL, "it is nothing, add SERVICE..., or del SERVICE...");
		return ecbpf_report(ECBPF_EXIT_USAGE, "services", argv[0]);
	}
	keys = calloc(argc, sizeof(*keys));
	if (!keys)
		return ecbpf_report(ecbpf_fail(-ENOMEM, "out of memory"), "services", argv[0]);
	for (i = 1; !err && i < argc; i++)
		err = service_parse(argv[i], &keys[i - 1]) ? ECBPF_EXIT_USAGE : 0;
	if (!err)
		err = change(add, keys, argc - 1);
	free(keys);
	return err ? ecbpf_report(err, "services", argv[0]) : 0;
}
