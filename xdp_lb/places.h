/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Interfaces that the balancer is on: those in lb_out_map. */
#ifndef XDP_LB_PLACES_H
#define XDP_LB_PLACES_H

#include "libecbpf/cli.h"
#include "xdp_lb/live.h"

/**
 * struct lb_place - an interface
 * @ifindex: key in lb_out_map
 * @name: empty: it was removed
 * @root: running, or NULL
 * @slot: of the program, or -1
 * @xdp: program that was there, or -1
 * @done: another is there now
 */
struct lb_place {
	unsigned int ifindex;
	char name[IF_NAMESIZE];
	struct ecbpf_root *root;
	int slot;
	int xdp;
	bool done;
};

/**
 * struct lb_places - @count of them; zeroed: none
 * @failed: name of the interface that the last failure is about, or NULL
 */
struct lb_places {
	struct lb_place *place;
	size_t count;
	const char *failed;
};

/** lb_places_find - see whether the program can go there; -ENOENT no root is attached */
int lb_places_find(const struct ecbpf_iflist *list, struct lb_places *places);

/** lb_places_put - the program goes there; after a failure lb_places_undo() */
int lb_places_put(const struct lb_live *live, struct lb_places *places);

/** lb_places_undo - what ran before runs again */
void lb_places_undo(const struct lb_live *live, const struct lb_places *places);

/** lb_places_list - where the balancer is, or was when its interface or root went; by ifindex */
int lb_places_list(const struct lb_live *live, struct lb_places *places);

/** lb_places_take - the program leaves this one */
int lb_places_take(const struct lb_live *live, struct lb_place *place);

/** lb_places_tidy - forget interfaces that it is on no more; @left: how many there are */
int lb_places_tidy(const struct lb_live *live, size_t *left);

void lb_places_free(struct lb_places *places);

#endif
