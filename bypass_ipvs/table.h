/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The flows of both tuple maps, read in place while the kernel's programs change them. */
#ifndef BYPASS_IPVS_TABLE_H
#define BYPASS_IPVS_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bypass_ipvs/live.h"
#include "libecbpf/table.h"

/** struct table - tuple_map and tuple6_map, mapped: of struct bypass_flow4 and bypass_flow6 */
struct table {
	struct ecbpf_table v4;
	struct ecbpf_table v6;
};

/**
 * table_open - map the tables; nothing is copied
 * @write: for table_remove()
 * Return: 0, or -errno. table_close() it in either case.
 */
int table_open(const struct live *live, bool write, struct table *table);
void table_close(struct table *table);

/**
 * table_scan - all flows of an open table, IPv4 first
 * @visit: called with copies that are whole: no other flow took the entry meanwhile. What it
 *         returns ends the scan unless it is 0
 */
int table_scan(const struct table *table,
	       int (*visit)(void *arg, const struct ecbpf_tuple *tuple,
			    const struct bypass_flow *flow),
	       void *arg);

/** table_each - open, scan, close */
int table_each(const struct live *live,
	       int (*visit)(void *arg, const struct ecbpf_tuple *tuple,
			    const struct bypass_flow *flow),
	       void *arg);

/**
 * table_remove - free the entries of flows that @match wants
 * @path: path_map: gets what these flows have counted
 * @paths: entries of it
 *
 * An entry that changed hands since @match saw it stays. Packets that a program is forwarding at
 * this instant may be missing in the path's counts.
 * Return: how many were freed.
 */
uint64_t table_remove(const struct table *table, struct bypass_path *path, size_t paths,
		      bool (*match)(void *arg, const struct ecbpf_tuple *tuple,
				    const struct bypass_flow *flow),
		      void *arg);

/**
 * table_forget - open, remove, close
 * @forgotten: how many; or NULL
 */
int table_forget(const struct live *live,
		 bool (*match)(void *arg, const struct ecbpf_tuple *tuple,
			       const struct bypass_flow *flow),
		 void *arg, uint64_t *forgotten);

#endif
