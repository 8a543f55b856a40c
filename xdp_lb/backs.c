// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "libecbpf/table.h"
#include "xdp_lb/backs.h"

static struct ecbpf_tuple widened(const struct ecbpf_tuple4 *key)
{
	return (struct ecbpf_tuple){
		.saddr = { 0, 0, htonl(ECBPF_V4_PREFIX), key->saddr },
		.daddr = { 0, 0, htonl(ECBPF_V4_PREFIX), key->daddr },
		.sport = key->sport,
		.dport = key->dport,
		.rest = key->rest,
	};
}

static bool take4(const void *entry, struct lb_back *back)
{
	struct lb_back4 copy;

	if (!ecbpf_table_copy(entry, &copy, sizeof(copy)))
		return false;
	*back = (struct lb_back){ widened(&copy.forward), widened(&copy.key), copy.conn };
	return true;
}

static bool take6(const void *entry, struct lb_back *back)
{
	struct lb_back6 copy;

	if (!ecbpf_table_copy(entry, &copy, sizeof(copy)))
		return false;
	*back = (struct lb_back){ copy.forward, copy.key, copy.conn };
	return true;
}

static int room_for_one(struct lb_backs *backs, size_t *room)
{
	void *grown;

	if (backs->count < *room)
		return 0;
	*room = *room ? 2 * *room : 64;
	grown = reallocarray(backs->back, *room, sizeof(*backs->back));
	if (!grown)
		return ecbpf_fail(-ENOMEM, "out of memory");
	backs->back = grown;
	return 0;
}

static int table_read(const struct lb_live *live, enum lb_live_map map, size_t entry_bytes,
		      bool (*take)(const void *entry, struct lb_back *back), struct lb_backs *backs,
		      size_t *room)
{
	struct ecbpf_table table = {};
	size_t i;
	int err = ecbpf_table_map(live->fd[map], lb_live_map_name(map), entry_bytes, false, &table);

	for (i = 0; !err && i < table.entries; i++) {
		err = room_for_one(backs, room);
		if (!err && take(ecbpf_table_entry(&table, i), &backs->back[backs->count]))
			backs->count++;
	}
	ecbpf_table_unmap(&table);
	return err;
}

static int compare(const void *a, const void *b)
{
	const struct lb_back *one = a, *other = b;

	return memcmp(&one->forward, &other->forward, sizeof(one->forward));
}

int lb_backs_read(const struct lb_live *live, struct lb_backs *backs)
{
	size_t room = 0;
	int err;

	*backs = (struct lb_backs){};
	err = table_read(live, LB_LIVE_BACK4, sizeof(struct lb_back4), take4, backs, &room);
	if (!err)
		err = table_read(live, LB_LIVE_BACK6, sizeof(struct lb_back6), take6, backs, &room);
	if (backs->count)
		qsort(backs->back, backs->count, sizeof(*backs->back), compare);
	return err;
}

void lb_backs_free(struct lb_backs *backs)
{
	free(backs->back);
	*backs = (struct lb_backs){};
}

const struct lb_back *lb_backs_of(const struct lb_backs *backs, const struct ecbpf_tuple *forward,
				  const struct lb_conn *conn)
{
	const struct lb_back key = { .forward = *forward };
	const struct lb_back *end = backs->back + backs->count, *back = NULL;

	if (backs->count)
		back = bsearch(&key, backs->back, backs->count, sizeof(key), compare);
	/* one that was lost may still be there, with another port or backend */
	while (back && back > backs->back && !compare(back - 1, &key))
		back--;
	for (; back && back < end && !compare(back, &key); back++)
		if ((__u32)back->conn.mark == (__u32)conn->mark &&
		    (!conn->port || back->reply.dport == conn->port))
			return back;
	return NULL;
}

const struct lb_back *lb_backs_find(const struct lb_backs *backs, const struct ecbpf_tuple *reply)
{
	struct ecbpf_tuple key = *reply;
	size_t i;

	key.rest = ECBPF_REST_PROTO(key.rest);
	for (i = 0; i < backs->count; i++)
		if (!memcmp(&backs->back[i].reply, &key, sizeof(key)))
			return &backs->back[i];
	return NULL;
}
