/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Between the files of the model. */
#ifndef TESTS_BPF_LB_MODEL_PARTS_H
#define TESTS_BPF_LB_MODEL_PARTS_H

#include "tests/bpf/lb_model.h"
#include "tests/bpf/lb_view.h"

/* --- tables: lb_model_conns.c */

/**
 * struct lb_place - where an entry may be
 * @v4: of a table of IPv4
 * @way: entries of its bucket, the preferred one first
 */
struct lb_place {
	bool v4;
	uint64_t hash;
	struct lb_conn *way[LB_WAYS];
	const struct ecbpf_tuple *key;
};

/** lb_place_make - in the connections' table, or, @back, that of replies */
struct lb_place lb_place_make(struct lb_model *m, int family, const struct ecbpf_tuple *key,
			      bool back);

/** lb_place_find - the entry that is there, or NULL */
struct lb_conn *lb_place_find(const struct lb_place *place);

/** lb_place_room - its own entry, a free one, one that is over, the single one that was idle longest; or NULL */
struct lb_conn *lb_place_room(const struct lb_model *m, const struct lb_place *place);

/** lb_place_key - into an entry */
void lb_place_key(const struct lb_place *place, struct lb_conn *conn);

uint64_t lb_model_hash(const struct lb_model *m, const void *key, size_t bytes);
struct ecbpf_tuple4 lb_model_key4(const struct ecbpf_tuple *key);
uint32_t lb_model_now(const struct lb_model *m);
bool lb_model_is_over(const struct lb_model *m, const struct lb_conn *conn);

/** lb_model_holds - its backend is what it was */
bool lb_model_holds(const struct lb_model *m, const struct lb_conn *conn);

/** lb_model_enter - a connection; @port: of full NAT, as in packets; false: no room */
bool lb_model_enter(struct lb_model *m, const struct lb_view *v, uint32_t vip, uint32_t backend,
		    __be16 port);

void lb_model_touch(const struct lb_model *m, struct lb_conn *conn, const struct lb_view *v);

/* --- NAT: lb_model_nat.c */

bool lb_model_is_nat(const struct lb_model *m, uint32_t backend);

/** lb_model_nat_enter - r->code, and r->port; r->backend is none's where it is refused */
void lb_model_nat_enter(struct lb_model *m, const struct lb_view *v, struct lb_result *r);

/** lb_model_nat_tend - a packet of a client keeps its replies' entry; false: that is lost */
bool lb_model_nat_tend(struct lb_model *m, const struct lb_view *v, const struct lb_result *r);

/** lb_model_reply - r->code, if it is a backend's; *out: how it gets to the client */
bool lb_model_reply(struct lb_model *m, const struct lb_view *v, struct lb_result *r,
		    struct lb_backend_entry *out);

#endif
