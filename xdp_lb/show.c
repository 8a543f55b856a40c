// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

#include "xdp_lb/document.h"
#include "xdp_lb/members.h"
#include "xdp_lb/show.h"
#include "xdp_lb/text.h"

#define NUMBER_SIZE 24

static int counts_of(const struct lb_show_source *source, const struct lb_vip *vip,
		     const struct lb_backend *backend, struct lb_show_counts *counts)
{
	*counts = (struct lb_show_counts){};
	return source->counts ? source->counts(source->data, vip, backend, counts) : 0;
}

/* --- text */

/* number_text - in at most eight characters: thousands, then, are cut off */
static const char *number_text(uint64_t number, char *buf)
{
	static const char units[] = "KMGT";
	size_t i;

	if (number < 100000000) {
		snprintf(buf, NUMBER_SIZE, "%llu", (unsigned long long)number);
		return buf;
	}
	number /= 1000;
	for (i = 0; number >= 10000000 && units[i + 1]; i++)
		number /= 1000;
	snprintf(buf, NUMBER_SIZE, "%llu%c", (unsigned long long)number, units[i]);
	return buf;
}

static void print_numbers(FILE *out, const struct lb_show_counts *counts)
{
	char conns[NUMBER_SIZE], packets[NUMBER_SIZE], bytes[NUMBER_SIZE];

	fprintf(out, " %8s %8s %8s\n", number_text(counts->conns, conns),
		number_text(counts->packets, packets), number_text(counts->bytes, bytes));
}

static const char *forward_word(enum lb_mode mode)
{
	static const char *const words[] = { [LB_IPIP] = "Tunnel",
					     [LB_GUE] = "GUE",
					     [LB_DIRECT] = "Route",
					     [LB_NAT] = "Masq",
					     [LB_FULL_NAT] = "FullNAT" };

	return words[mode];
}

static void print_service(FILE *out, const struct lb_vip *vip, enum lb_show_columns columns,
			  const struct lb_show_counts *counts)
{
	const uint8_t proto = vip->service.proto;
	const char *name = proto == IPPROTO_TCP ? "TCP" : proto == IPPROTO_UDP ? "UDP" : "ANY";
	char service[LB_TEXT_SIZE];

	lb_service_text(&vip->service, service); /* tcp:... */
	if (columns == LB_SHOW_STATS) {
		fprintf(out, "%-4s %-28s", name, service + 4);
		print_numbers(out, counts);
		return;
	}
	fprintf(out, "%-4s %s %s%s%s%s\n", name, service + 4, lb_hash_name(vip->hash),
		vip->flags & LB_NO_TABLE ? " no-table" : "", vip->flags & LB_ECHO ? " echo" : "",
		vip->flags & LB_REFUSE_FRAGMENTS ? " refuse-fragments" : "");
}

static const char *state_note(const struct lb_backend *backend)
{
	if (lb_backend_state(backend) == LB_ACTIVE)
		return "";
	if (backend->state == LB_DRAINING && backend->monitor != LB_DOWN)
		return " draining";
	return backend->state == LB_DOWN ? " down" : " down (monitor)";
}

static void print_backend(FILE *out, const struct lb_vip *vip, const struct lb_backend *backend,
			  enum lb_show_columns columns, const struct lb_show_counts *counts)
{
	struct lb_endpoint endpoint = backend->endpoint;
	char name[LB_TEXT_SIZE];
	struct lb_server_id id;

	if (!endpoint.port && vip->service.first == vip->service.last)
		endpoint.port = vip->service.first;
	fprintf(out, "  -> %-28s", lb_endpoint_text(&endpoint, name));
	if (columns == LB_SHOW_STATS) {
		print_numbers(out, counts);
		return;
	}
	lb_backend_server_id(vip, backend, &id);
	fprintf(out, " %-7s %-6u %-10llu %-10llu%s%s%s\n",
		forward_word(lb_backend_forward(vip, backend)->mode), backend->weight,
		(unsigned long long)counts->active, (unsigned long long)counts->inactive,
		state_note(backend), id.octets ? " server-id " : "", lb_server_id_text(&id, name));
}

static int print_vip(FILE *out, const struct lb_vip *vip, const struct lb_show_source *source,
		     enum lb_show_columns columns)
{
	struct lb_show_counts counts;
	int err = counts_of(source, vip, NULL, &counts);
	size_t i;

	if (!err)
		print_service(out, vip, columns, &counts);
	for (i = 0; !err && i < vip->backends; i++) {
		err = counts_of(source, vip, &vip->backend[i], &counts);
		if (!err)
			print_backend(out, vip, &vip->backend[i], columns, &counts);
	}
	return err;
}

static void print_head(FILE *out, const struct lb_config *config, enum lb_show_columns columns)
{
	fprintf(out, "xdp_lb: %zu VIPs, %zu backends\n", config->vips, config->backends);
	if (columns == LB_SHOW_STATS) {
		fprintf(out, "%-33s %8s %8s %8s\n", "Prot LocalAddress:Port", "Conns", "InPkts",
			"InBytes");
		fputs("  -> RemoteAddress:Port\n", out);
		return;
	}
	fputs("Prot LocalAddress:Port Hash Flags\n"
	      "  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn\n",
	      out);
}

int lb_show_text(const struct lb_config *config, const struct lb_show_source *source,
		 enum lb_show_columns columns, char **text)
{
	char *made = NULL;
	size_t size, i;
	FILE *out = open_memstream(&made, &size);
	bool failed;
	int err = 0;

	if (!out)
		return ecbpf_fail(-ENOMEM, "out of memory");
	print_head(out, config, columns);
	for (i = 0; !err && i < config->vips; i++)
		err = print_vip(out, &config->vip[i], source, columns);
	failed = ferror(out);
	failed |= fclose(out) != 0;
	if (!err && failed)
		err = ecbpf_fail(-ENOMEM, "out of memory");
	if (err)
		free(made);
	else
		*text = made;
	return err;
}

/* --- JSON */

#define COUNT(name)                                                                            \
	{                                                                                      \
#name, LB_MEMBER_NUMBER, offsetof(struct lb_show_counts, name), 8, 0, 0, NULL, \
			false, false                                                           \
	}
static const struct lb_member count_members[] = {
	COUNT(active), COUNT(inactive), COUNT(conns), COUNT(packets), COUNT(bytes), {},
};

/* add_counts - takes nothing; -ENOMEM, or what the source returned */
static int add_counts(struct json_object *object, const struct lb_show_source *source,
		      const struct lb_vip *vip, const struct lb_backend *backend)
{
	struct lb_show_counts counts;
	struct json_object *json;
	int err = counts_of(source, vip, backend, &counts);

	if (err)
		return err;
	json = json_object_new_object();
	if (!lb_member_add(object, "counts", json) ||
	    !lb_members_write(json, count_members, &counts))
		return ecbpf_fail(-ENOMEM, "out of memory");
	return 0;
}

/* append - to an array; takes @element, which may be NULL: no memory */
static int append(struct json_object *array, struct json_object *element)
{
	if (element && !json_object_array_add(array, element))
		return 0;
	json_object_put(element);
	return ecbpf_fail(-ENOMEM, "out of memory");
}

/* add_array - an empty one; NULL: no memory */
static struct json_object *add_array(struct json_object *object, const char *name)
{
	struct json_object *array = json_object_new_array();

	return lb_member_add(object, name, array) ? array : NULL;
}

static int add_vip(struct json_object *vips, const struct lb_vip *vip,
		   const struct lb_show_source *source)
{
	struct json_object *object = lb_vip_json(vip), *backends, *backend;
	int err = append(vips, object);
	size_t i;

	if (!err)
		err = add_counts(object, source, vip, NULL);
	if (err)
		return err;
	backends = add_array(object, "backends");
	if (!backends)
		return ecbpf_fail(-ENOMEM, "out of memory");
	for (i = 0; !err && i < vip->backends; i++) {
		backend = lb_backend_json(&vip->backend[i]);
		err = append(backends, backend);
		if (!err)
			err = add_counts(backend, source, vip, &vip->backend[i]);
	}
	return err;
}

int lb_show_json(const struct lb_config *config, const struct lb_show_source *source,
		 struct json_object **json)
{
	struct json_object *top = json_object_new_object(), *vips = add_array(top, "vips");
	int err = vips ? 0 : ecbpf_fail(-ENOMEM, "out of memory");
	size_t i;

	for (i = 0; !err && i < config->vips; i++)
		err = add_vip(vips, &config->vip[i], source);
	if (err)
		json_object_put(top);
	else
		*json = top;
	return err;
}
