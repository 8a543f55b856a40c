/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Services as the bypass knows them: their text, their numbers, and what a change of IPVS means. */
#ifndef BYPASS_IPVS_SERVICES_H
#define BYPASS_IPVS_SERVICES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bypass_ipvs/abi.h"
#include "bypass_ipvs/ipvs.h"
#include "bypass_ipvs/live.h"

#define SERVICE_TEXT_SIZE 64

/**
 * service_parse - tcp:192.0.2.1:80, udp:[2001:db8::1]:53, fwmark:18, fwmark6:18
 *
 * Port 0, or none: all ports.
 * Return: 0; -EINVAL; then *key is as it was.
 */
int service_parse(const char *text, struct bypass_service_key *key);

/** service_text - the way back; @buf has SERVICE_TEXT_SIZE bytes, and is returned */
const char *service_text(const struct bypass_service_key *key, char *buf);

/**
 * enum service_refusal - why the bypass leaves a service to IPVS
 * @SERVICE_TAKEN: it does not
 * @SERVICE_ONE_PACKET: each packet is scheduled anew
 * @SERVICE_PROTOCOL: neither TCP nor UDP
 * @SERVICE_METHOD: there are destinations, and packets to none of them can be repeated
 */
enum service_refusal { SERVICE_TAKEN, SERVICE_ONE_PACKET, SERVICE_PROTOCOL, SERVICE_METHOD };

enum service_refusal service_refusal(const struct ipvs_service *service);
const char *service_refusal_text(enum service_refusal refusal);

/** service_dest_fits - IPVS's packets to it can be repeated: direct routing, IPIP, GUE */
bool service_dest_fits(const struct ipvs_dest *dest);

/* --- what a change of IPVS means; nothing here touches a map */

/** struct service_entry - one of service_map */
struct service_entry {
	struct bypass_service_key key;
	struct bypass_service value;
};

/**
 * struct service_table - service_map, read
 * @entry: @count of them, by key
 * @carried: BYPASS_SERVICES_MAX of them: paths, and so perhaps flows, have this number
 * @next: numbers from here on are given out first
 */
struct service_table {
	struct service_entry *entry;
	size_t count;
	bool *carried;
	uint32_t next;
};

/**
 * enum service_change_kind - what becomes of a service
 * @SERVICE_ADD: it is not in service_map, and shall be
 * @SERVICE_REMOVE: the other way round
 * @SERVICE_CHANGE: it stays, but IPVS may decide otherwise now
 */
enum service_change_kind { SERVICE_ADD, SERVICE_REMOVE, SERVICE_CHANGE };

struct service_change {
	enum service_change_kind kind;
	struct bypass_service_key key;
	uint32_t number;
};

/** struct service_plan - removals first, each kind in the order of keys; zeroed: nothing to do */
struct service_plan {
	struct service_change *change;
	size_t count;
};

/** service_table_find - NULL: not there */
const struct service_entry *service_table_find(const struct service_table *table,
					       const struct bypass_service_key *key);

/**
 * service_number - a number for one more service
 * @used: BYPASS_SERVICES_MAX of them: a service has it; the new one is marked
 *
 * Preferably one that nothing has had since @table->next was 0, then one that no path has, and if
 * there is none at all one of a service that has gone.
 * Return: the number; -ENOSPC.
 */
int service_number(struct service_table *table, bool *used);

/** services_same - nothing that services_plan() would tell */
bool services_same(const struct ipvs_config *a, const struct ipvs_config *b);

/**
 * services_plan - what to do so that service_map is what IPVS has
 * @have: service_map; entries by hand are not removed
 * @before: IPVS when service_map was last brought up to date; NULL: nobody knows
 * @now: IPVS
 * @plan: set on success; service_plan_free() it
 * Return: 0; -ENOMEM; -ENOSPC more than BYPASS_SERVICES_MAX services.
 */
int services_plan(struct service_table *have, const struct ipvs_config *before,
		  const struct ipvs_config *now, struct service_plan *plan);
void service_plan_free(struct service_plan *plan);

/* --- services_map.c: the maps */

/** services_read - service_map, and the numbers that paths have; service_table_free() it */
int services_read(const struct live *live, struct service_table *table);
void service_table_free(struct service_table *table);

/**
 * services_apply - do what services_plan() says, and invalidate what it names
 * @live: opened to change
 */
int services_apply(struct live *live, const struct service_plan *plan);

/** services_gue_apply - gue_map: the UDP ports of all GUE destinations, and no others */
int services_gue_apply(const struct live *live, const struct ipvs_config *now);

/**
 * services_add - add services by hand, all or none of them
 * @live: opened to change
 * Return: 0, also if the kernel has one of them; -EEXIST one is there by hand already; -ENOSPC.
 */
int services_add(struct live *live, const struct bypass_service_key *key, size_t count);

/**
 * services_del - remove services that were added by hand, all or none of them
 * @live: opened to change
 * @kernel: IPVS; what it has (and the bypass takes) stays, but no longer by hand; NULL: nothing
 * Return: 0; -ENOENT one is not there by hand.
 */
int services_del(struct live *live, const struct ipvs_config *kernel,
		 const struct bypass_service_key *key, size_t count);

#endif
