// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Services in the maps: service_map, gue_map, and the paths of those that changed. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <linux/ip_vs.h>

#include "bypass_ipvs/services.h"
#include "libecbpf/ecbpf.h"

static int map_fail(int err, const char *map)
{
	return ecbpf_fail(err, "%s: %s", map, strerror(-err));
}

static int order_entries(const void *a, const void *b)
{
	const struct service_entry *one = a, *other = b;

	return ipvs_key_compare(&one->key, &other->key);
}

/* --- reading */

static int entries_read(int map, struct service_table *table)
{
	struct bypass_service_key key, *previous = NULL;
	struct service_entry *entry;

	table->entry = calloc(BYPASS_SERVICES_MAX, sizeof(*table->entry));
	if (!table->entry)
		return ecbpf_fail(-ENOMEM, "out of memory");
	while (table->count < BYPASS_SERVICES_MAX && !bpf_map_get_next_key(map, previous, &key)) {
		entry = &table->entry[table->count];
		entry->key = key;
		if (!bpf_map_lookup_elem(map, &key, &entry->value))
			table->count++;
		previous = &entry->key;
	}
	if (table->count)
		qsort(table->entry, table->count, sizeof(*table->entry), order_entries);
	return 0;
}

static void carried_read(const struct live *live, bool *carried)
{
	__u32 i;

	for (i = BYPASS_PATH_NONE + 1; i < live->settings->paths; i++)
		if (live->path[i].recipe.l2_bytes)
			carried[live->path[i].recipe.service] = true;
}

int services_read(const struct live *live, struct service_table *table)
{
	struct service_table read = { .carried = calloc(BYPASS_SERVICES_MAX, sizeof(bool)) };
	int err = read.carried ? entries_read(live->fd[LIVE_SERVICE], &read) :
				 ecbpf_fail(-ENOMEM, "out of memory");
	size_t i;

	if (err) {
		service_table_free(&read);
		return err;
	}
	carried_read(live, read.carried);
	for (i = 0; i < read.count; i++)
		if (read.entry[i].value.number >= read.next)
			read.next = read.entry[i].value.number + 1;
	*table = read;
	return 0;
}

void service_table_free(struct service_table *table)
{
	free(table->entry);
	free(table->carried);
	*table = (struct service_table){};
}

/* --- what IPVS has */

static int change_apply(const struct live *live, const struct service_change *change)
{
	const struct bypass_service value = { .number = change->number };
	const int map = live->fd[LIVE_SERVICE];
	int err = 0;

	if (change->kind == SERVICE_ADD)
		err = bpf_map_update_elem(map, &change->key, &value, BPF_ANY);
	if (change->kind == SERVICE_REMOVE)
		err = bpf_map_delete_elem(map, &change->key);
	return err && err != -ENOENT ? map_fail(err, "service_map") : 0;
}

int services_apply(struct live *live, const struct service_plan *plan)
{
	const struct service_change *change;
	int err = 0, first = 0;

	for (change = plan->change; change < plan->change + plan->count; change++) {
		err = change_apply(live, change);
		live_invalidate(live, change->number);
		first = first ? first : err;
	}
	return first;
}

static bool port_wanted(const struct ipvs_config *now, __be16 port)
{
	const struct ipvs_service *service;
	size_t i;

	for (service = now->service; service < now->service + now->services; service++)
		for (i = 0; i < service->dests; i++)
			if (service->dest[i].method == IP_VS_CONN_F_TUNNEL &&
			    service->dest[i].tunnel == IP_VS_CONN_F_TUNNEL_TYPE_GUE &&
			    service->dest[i].tunnel_port == port)
				return true;
	return false;
}

static void gue_remove(int map, const struct ipvs_config *now)
{
	__be16 stale[BYPASS_GUE_MAX], key, *previous = NULL;
	size_t count = 0;

	while (count < BYPASS_GUE_MAX && !bpf_map_get_next_key(map, previous, &key)) {
		stale[count] = key;
		previous = &stale[count++];
	}
	while (count--)
		if (!port_wanted(now, stale[count]))
			bpf_map_delete_elem(map, &stale[count]);
}

static int gue_add(int map, const struct ipvs_dest *dest)
{
	const __u32 one = 1;
	int err = 0;

	if (dest->method == IP_VS_CONN_F_TUNNEL && dest->tunnel == IP_VS_CONN_F_TUNNEL_TYPE_GUE)
		err = bpf_map_update_elem(map, &dest->tunnel_port, &one, BPF_ANY);
	if (err == -E2BIG)
		return ecbpf_fail(err,
				  "GUE goes to more than %d UDP ports; the others are left to IPVS",
				  BYPASS_GUE_MAX);
	return err ? map_fail(err, "gue_map") : 0;
}

int services_gue_apply(const struct live *live, const struct ipvs_config *now)
{
	const int map = live->fd[LIVE_GUE];
	const struct ipvs_service *service;
	int err = 0;
	size_t i;

	gue_remove(map, now);
	for (service = now->service; !err && service < now->service + now->services; service++)
		for (i = 0; !err && i < service->dests; i++)
			err = gue_add(map, &service->dest[i]);
	return err;
}

/* --- by hand */

static int say(int err, const struct bypass_service_key *key, const char *what)
{
	char text[SERVICE_TEXT_SIZE];

	return ecbpf_fail(err, "%s %s", service_text(key, text), what);
}

static bool by_hand(const struct service_table *table, const struct bypass_service_key *key)
{
	const struct service_entry *entry = service_table_find(table, key);

	return entry && entry->value.flags & BYPASS_BY_HAND;
}

/* keys_check - each is there by hand, or none is; and none is named twice */
static int keys_check(const struct service_table *table, const struct bypass_service_key *key,
		      size_t count, bool there)
{
	size_t i, j;

	for (i = 0; i < count; i++) {
		if (by_hand(table, &key[i]) && !there)
			return say(-EEXIST, &key[i], "is there by hand already");
		if (!by_hand(table, &key[i]) && there)
			return say(-ENOENT, &key[i], "was not added by hand");
		for (j = 0; j < i; j++)
			if (!ipvs_key_compare(&key[i], &key[j]))
				return say(-EEXIST, &key[i], "is named twice");
	}
	return 0;
}

/* numbers_take - for the keys that have none; before the first is entered */
static int numbers_take(struct service_table *table, const struct bypass_service_key *key,
			size_t count, __u32 *number)
{
	bool *used = calloc(BYPASS_SERVICES_MAX, sizeof(*used));
	const struct service_entry *entry;
	int got = 0;
	size_t i;

	if (!used)
		return ecbpf_fail(-ENOMEM, "out of memory");
	for (i = 0; i < table->count; i++)
		used[table->entry[i].value.number % BYPASS_SERVICES_MAX] = true;
	for (i = 0; got >= 0 && i < count; i++) {
		entry = service_table_find(table, &key[i]);
		got = entry ? (int)entry->value.number : service_number(table, used);
		number[i] = got;
	}
	free(used);
	return got < 0 ? got : 0;
}

static int hand_add(struct live *live, struct service_table *table,
		    const struct bypass_service_key *key, size_t count)
{
	__u32 *number = calloc(count, sizeof(*number));
	int err = number ? numbers_take(table, key, count, number) :
			   ecbpf_fail(-ENOMEM, "out of memory");
	size_t i;

	for (i = 0; !err && i < count; i++) {
		const struct bypass_service value = { number[i], BYPASS_BY_HAND };

		err = bpf_map_update_elem(live->fd[LIVE_SERVICE], &key[i], &value, BPF_ANY);
		if (err)
			map_fail(err, "service_map");
	}
	free(number);
	return err;
}

int services_add(struct live *live, const struct bypass_service_key *key, size_t count)
{
	struct service_table table;
	int err;

	if (!count)
		return 0;
	err = services_read(live, &table);
	if (err)
		return err;
	err = keys_check(&table, key, count, false);
	if (!err)
		err = hand_add(live, &table, key, count);
	service_table_free(&table);
	return err;
}

static int hand_del(struct live *live, const struct ipvs_config *kernel,
		    const struct service_entry *entry)
{
	const struct bypass_service value = { .number = entry->value.number };
	const struct ipvs_service *service = kernel ? ipvs_find(kernel, &entry->key) : NULL;
	const int map = live->fd[LIVE_SERVICE];
	int err;

	if (service && service_refusal(service) == SERVICE_TAKEN)
		err = bpf_map_update_elem(map, &entry->key, &value, BPF_EXIST);
	else
		err = bpf_map_delete_elem(map, &entry->key);
	live_invalidate(live, entry->value.number);
	return err ? map_fail(err, "service_map") : 0;
}

int services_del(struct live *live, const struct ipvs_config *kernel,
		 const struct bypass_service_key *key, size_t count)
{
	struct service_table table;
	int err = services_read(live, &table);
	size_t i;

	if (err)
		return err;
	err = keys_check(&table, key, count, true);
	for (i = 0; !err && i < count; i++)
		err = hand_del(live, kernel, service_table_find(&table, &key[i]));
	service_table_free(&table);
	return err;
}
