// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Services: text, numbers, plans. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <linux/ip_vs.h>

#include "bypass_ipvs/services.h"
#include "libecbpf/cli.h"
#include "libecbpf/ecbpf.h"

/* --- text */

static int is_no_service(const char *text)
{
	return ecbpf_fail(-EINVAL,
			  "%s is not a service, such as tcp:192.0.2.1:80, "
			  "udp:[2001:db8::1]:53 or fwmark:18",
			  text);
}

static int mark_parse(const char *text, const char *digits, uint8_t family,
		      struct bypass_service_key *key)
{
	uint64_t mark;

	if (ecbpf_parse_number(digits, 1, UINT32_MAX, &mark))
		return ecbpf_fail(-EINVAL, "%s: a firewall mark is in 1 to 4294967295", text);
	*key = (struct bypass_service_key){ .mark = mark, .family = family };
	return 0;
}

/* address_split - @buf gets the address; what follows it, ":PORT" or nothing, or NULL */
static const char *address_split(const char *at, char *buf, size_t size, uint8_t *family)
{
	const char *end = *at == '[' ? strchr(at, ']') : at + strcspn(at, ":");
	size_t len;

	*family = *at == '[' ? AF_INET6 : AF_INET;
	at += *at == '[';
	if (!end || (size_t)(end - at) >= size)
		return NULL;
	len = end - at;
	memcpy(buf, at, len);
	buf[len] = '\0';
	end += *family == AF_INET6;
	return *end && *end != ':' ? NULL : end;
}

int service_parse(const char *text, struct bypass_service_key *key)
{
	struct bypass_service_key parsed = {};
	char address[INET6_ADDRSTRLEN];
	const char *rest;
	uint64_t port = 0;

	if (!strncmp(text, "fwmark:", 7))
		return mark_parse(text, text + 7, AF_INET, key);
	if (!strncmp(text, "fwmark6:", 8))
		return mark_parse(text, text + 8, AF_INET6, key);
	if (strncmp(text, "tcp:", 4) && strncmp(text, "udp:", 4))
		return is_no_service(text);
	parsed.proto = *text == 't' ? IPPROTO_TCP : IPPROTO_UDP;
	rest = address_split(text + 4, address, sizeof(address), &parsed.family);
	if (!rest || inet_pton(parsed.family, address, parsed.addr) != 1)
		return is_no_service(text);
	if (*rest && ecbpf_parse_number(rest + 1, 0, UINT16_MAX, &port))
		return ecbpf_fail(-EINVAL, "%s: a port is in 0 to 65535", text);
	parsed.port = htons(port);
	*key = parsed;
	return 0;
}

const char *service_text(const struct bypass_service_key *key, char *buf)
{
	const bool v6 = key->family == AF_INET6;
	char address[INET6_ADDRSTRLEN] = "", proto[16];

	if (key->mark) {
		snprintf(buf, SERVICE_TEXT_SIZE, "fwmark%s:%u", v6 ? "6" : "", key->mark);
		return buf;
	}
	snprintf(proto, sizeof(proto), "%s", key->proto == IPPROTO_TCP ? "tcp" : "udp");
	if (key->proto == IPPROTO_SCTP)
		snprintf(proto, sizeof(proto), "sctp");
	else if (key->proto != IPPROTO_TCP && key->proto != IPPROTO_UDP)
		snprintf(proto, sizeof(proto), "%u", key->proto);
	inet_ntop(key->family, key->addr, address, sizeof(address));
	snprintf(buf, SERVICE_TEXT_SIZE, v6 ? "%s:[%s]:%u" : "%s:%s:%u", proto, address,
		 ntohs(key->port));
	return buf;
}

/* --- which ones are taken */

bool service_dest_fits(const struct ipvs_dest *dest)
{
	if (dest->method == IP_VS_CONN_F_DROUTE)
		return true;
	if (dest->method != IP_VS_CONN_F_TUNNEL)
		return false;
	return dest->tunnel == IP_VS_CONN_F_TUNNEL_TYPE_IPIP ||
	       (dest->tunnel == IP_VS_CONN_F_TUNNEL_TYPE_GUE &&
		!(dest->tunnel_flags & IP_VS_TUNNEL_ENCAP_FLAG_REMCSUM));
}

enum service_refusal service_refusal(const struct ipvs_service *service)
{
	size_t i;

	if (service->flags & IP_VS_SVC_F_ONEPACKET)
		return SERVICE_ONE_PACKET;
	if (!service->key.mark && service->key.proto != IPPROTO_TCP &&
	    service->key.proto != IPPROTO_UDP)
		return SERVICE_PROTOCOL;
	for (i = 0; i < service->dests; i++)
		if (service_dest_fits(&service->dest[i]))
			return SERVICE_TAKEN;
	return service->dests ? SERVICE_METHOD : SERVICE_TAKEN;
}

const char *service_refusal_text(enum service_refusal refusal)
{
	static const char *const texts[] = {
		[SERVICE_TAKEN] = "taken",
		[SERVICE_ONE_PACKET] = "one-packet scheduling",
		[SERVICE_PROTOCOL] = "neither TCP nor UDP",
		[SERVICE_METHOD] = "no destination by direct routing, IPIP or GUE",
	};

	return texts[refusal];
}

/* --- numbers */

static int order_entries(const void *a, const void *b)
{
	const struct service_entry *one = a, *other = b;

	return ipvs_key_compare(&one->key, &other->key);
}

const struct service_entry *service_table_find(const struct service_table *table,
					       const struct bypass_service_key *key)
{
	const struct service_entry wanted = { .key = *key };

	return table->count ?
		       bsearch(&wanted, table->entry, table->count, sizeof(wanted), order_entries) :
		       NULL;
}

/* number_from - the first that no service has, from @from round to it again, or -ENOSPC */
static int number_from(const bool *used, const bool *carried, uint32_t from)
{
	uint32_t i, number;

	for (i = 0; i < BYPASS_SERVICES_MAX; i++) {
		number = (from + i) % BYPASS_SERVICES_MAX;
		if (!used[number] && !(carried && carried[number]))
			return number;
	}
	return -ENOSPC;
}

int service_number(struct service_table *table, bool *used)
{
	int number = number_from(used, table->carried, table->next);

	if (number < 0)
		number = number_from(used, NULL, table->next);
	if (number < 0)
		return ecbpf_fail(number, "there are %d services already", BYPASS_SERVICES_MAX);
	used[number] = true;
	table->next = (number + 1) % BYPASS_SERVICES_MAX;
	return number;
}

/* --- plans */

static bool dests_differ(const struct ipvs_dest *a, const struct ipvs_dest *b)
{
	return ipvs_dest_compare(a, b) || a->method != b->method || a->weight != b->weight ||
	       a->tunnel != b->tunnel || a->tunnel_port != b->tunnel_port ||
	       a->tunnel_flags != b->tunnel_flags;
}

/* services_differ - IPVS may decide otherwise for @a than for @b */
static bool services_differ(const struct ipvs_service *a, const struct ipvs_service *b)
{
	size_t i;

	if (a->flags != b->flags || a->timeout != b->timeout || a->netmask != b->netmask ||
	    a->dests != b->dests || strcmp(a->scheduler, b->scheduler))
		return true;
	for (i = 0; i < a->dests; i++)
		if (dests_differ(&a->dest[i], &b->dest[i]))
			return true;
	return false;
}

bool services_same(const struct ipvs_config *a, const struct ipvs_config *b)
{
	size_t i;

	if (a->services != b->services)
		return false;
	for (i = 0; i < a->services; i++)
		if (ipvs_key_compare(&a->service[i].key, &b->service[i].key) ||
		    services_differ(&a->service[i], &b->service[i]))
			return false;
	return true;
}

static void plan_add(struct service_plan *plan, enum service_change_kind kind,
		     const struct bypass_service_key *key, uint32_t number)
{
	plan->change[plan->count++] = (struct service_change){ kind, *key, number };
}

/* plan_gone - what service_map has and IPVS has not, or not for the bypass */
static void plan_gone(const struct service_table *have, const struct ipvs_config *now, bool *used,
		      struct service_plan *plan)
{
	const struct ipvs_service *service;
	const struct service_entry *entry;

	for (entry = have->entry; entry < have->entry + have->count; entry++) {
		service = ipvs_find(now, &entry->key);
		used[entry->value.number % BYPASS_SERVICES_MAX] = true;
		if (entry->value.flags & BYPASS_BY_HAND)
			continue;
		if (!service || service_refusal(service) != SERVICE_TAKEN)
			plan_add(plan, SERVICE_REMOVE, &entry->key, entry->value.number);
	}
}

/* plan_new - the other way round */
static int plan_new(struct service_table *have, const struct ipvs_config *now, bool *used,
		    struct service_plan *plan)
{
	const struct ipvs_service *service;
	int number;

	for (service = now->service; service < now->service + now->services; service++) {
		if (service_refusal(service) != SERVICE_TAKEN ||
		    service_table_find(have, &service->key))
			continue;
		number = service_number(have, used);
		if (number < 0)
			return number;
		plan_add(plan, SERVICE_ADD, &service->key, number);
	}
	return 0;
}

/* plan_changed - entries that stay; also those by hand, which IPVS may have, or have had */
static void plan_changed(const struct service_table *have, const struct ipvs_config *before,
			 const struct ipvs_config *now, struct service_plan *plan)
{
	const struct ipvs_service *was, *is;
	const struct service_entry *entry;

	for (entry = have->entry; entry < have->entry + have->count; entry++) {
		was = before ? ipvs_find(before, &entry->key) : NULL;
		is = ipvs_find(now, &entry->key);
		if (!(entry->value.flags & BYPASS_BY_HAND) &&
		    (!is || service_refusal(is) != SERVICE_TAKEN))
			continue; /* removed */
		if (!before || !was != !is || (was && is && services_differ(was, is)))
			plan_add(plan, SERVICE_CHANGE, &entry->key, entry->value.number);
	}
}

int services_plan(struct service_table *have, const struct ipvs_config *before,
		  const struct ipvs_config *now, struct service_plan *plan)
{
	const size_t most = have->count + now->services + 1;
	struct service_plan made = { .change = calloc(most, sizeof(*made.change)) };
	bool *used = calloc(BYPASS_SERVICES_MAX, sizeof(*used));
	int err = -ENOMEM;

	if (made.change && used) {
		plan_gone(have, now, used, &made);
		err = plan_new(have, now, used, &made);
	} else {
		ecbpf_fail(err, "out of memory");
	}
	free(used);
	if (err) {
		service_plan_free(&made);
		return err;
	}
	plan_changed(have, before, now, &made);
	*plan = made;
	return 0;
}

void service_plan_free(struct service_plan *plan)
{
	free(plan->change);
	*plan = (struct service_plan){};
}
