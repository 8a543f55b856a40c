// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "libecbpf/instance.h"
#include "xdp_lb/load.h"
#include "xdp_lb/places.h"

/* --- looking */

static int place_look(struct lb_place *place)
{
	struct ecbpf_program program;
	int err;

	place->slot = ecbpf_slot_find(place->root, LB_LOAD_XDP);
	if (place->slot < 0)
		return place->slot == -ENOENT ? 0 : place->slot;
	err = ecbpf_slot_get(place->root, place->slot, &program);
	if (err)
		return err;
	/* held, so that it can come back */
	place->xdp = bpf_prog_get_fd_by_id(program.id);
	return place->xdp < 0 ?
		       ecbpf_fail(place->xdp, "program %u: %s", program.id, strerror(-place->xdp)) :
		       0;
}

static int places_init(struct lb_places *places, size_t count)
{
	*places = (struct lb_places){ .place = calloc(count + 1, sizeof(*places->place)) };
	return places->place ? 0 : ecbpf_fail(-ENOMEM, "out of memory");
}

static struct lb_place *place_add(struct lb_places *places, unsigned int ifindex, const char *name)
{
	struct lb_place *place = &places->place[places->count++];

	*place = (struct lb_place){ .ifindex = ifindex, .slot = -1, .xdp = -1 };
	memcpy(place->name, name, strnlen(name, IF_NAMESIZE - 1));
	return place;
}

int lb_places_find(const struct ecbpf_iflist *list, struct lb_places *places)
{
	int err = places_init(places, list->count);
	struct lb_place *place;
	size_t i;

	for (i = 0; !err && i < list->count; i++) {
		place = place_add(places, if_nametoindex(list->name[i]), list->name[i]);
		err = ecbpf_root_open_running(place->name, &place->root);
		if (!err)
			err = place_look(place);
		places->failed = err ? place->name : NULL;
	}
	return err;
}

static int compare_places(const void *a, const void *b)
{
	const struct lb_place *one = a, *other = b;

	return one->ifindex < other->ifindex ? -1 : one->ifindex > other->ifindex;
}

/* The map's limit is its number of entries, 1024; what comes meanwhile may not be listed. */
#define PLACES_MAX 1024

int lb_places_list(const struct lb_live *live, struct lb_places *places)
{
	const int fd = live->fd[LB_LIVE_OUT];
	int err = places_init(places, PLACES_MAX);
	struct lb_place *place;
	char name[IF_NAMESIZE];
	__u32 key = 0;

	if (err)
		return err;
	for (err = bpf_map_get_next_key(fd, NULL, &key); !err && places->count < PLACES_MAX;
	     err = bpf_map_get_next_key(fd, &key, &key)) {
		if (!if_indextoname(key, name))
			name[0] = '\0';
		place = place_add(places, key, name);
		if (!name[0] || ecbpf_root_open_running(name, &place->root))
			place->root = NULL;
		else if (place_look(place))
			place->slot = -1;
	}
	qsort(places->place, places->count, sizeof(*places->place), compare_places);
	return 0;
}

void lb_places_free(struct lb_places *places)
{
	struct lb_place *place;

	while (places->count) {
		place = &places->place[--places->count];
		ecbpf_root_close(place->root);
		if (place->xdp >= 0)
			close(place->xdp);
	}
	free(places->place);
	*places = (struct lb_places){};
}

/* --- the program */

static int place_put(const struct lb_live *live, struct lb_place *place)
{
	int err = bpf_map_update_elem(live->fd[LB_LIVE_OUT], &place->ifindex, &place->ifindex,
				      BPF_ANY);

	if (err)
		return ecbpf_fail(err, "lb_out_map: %s", strerror(-err));
	place->done = true;
	err = lb_load_slot(live, place->root);
	if (err < 0)
		return err;
	place->slot = err;
	return 0;
}

int lb_places_put(const struct lb_live *live, struct lb_places *places)
{
	int err = 0;
	size_t i;

	for (i = 0; !err && i < places->count; i++) {
		err = place_put(live, &places->place[i]);
		places->failed = err ? places->place[i].name : NULL;
	}
	return err;
}

int lb_places_take(const struct lb_live *live, struct lb_place *place)
{
	int err = place->root ? ecbpf_slot_evict(place->root, LB_LOAD_XDP) : 0;

	if (err)
		return err;
	bpf_map_delete_elem(live->fd[LB_LIVE_OUT], &place->ifindex);
	return 0;
}

void lb_places_undo(const struct lb_live *live, const struct lb_places *places)
{
	size_t i;

	for (i = 0; i < places->count; i++) {
		struct lb_place *place = &places->place[i];

		if (place->done && place->xdp >= 0)
			ecbpf_slot_put_back(place->root, place->slot, place->xdp);
		else if (place->done)
			lb_places_take(live, place);
	}
}

int lb_places_tidy(const struct lb_live *live, size_t *left)
{
	struct lb_places places;
	int err = lb_places_list(live, &places);
	size_t i;

	*left = 0;
	for (i = 0; i < places.count; i++) {
		const struct lb_place *place = &places.place[i];

		if (place->slot < 0)
			bpf_map_delete_elem(live->fd[LB_LIVE_OUT], &place->ifindex);
		else
			(*left)++;
	}
	lb_places_free(&places);
	return err;
}
