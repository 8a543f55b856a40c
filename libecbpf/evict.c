// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* A tool's programs, wherever they are: taken out of slots, and put back. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "libecbpf/cli.h"
#include "libecbpf/instance.h"
#include "libecbpf/internal.h"

int ecbpf_slot_evict(struct ecbpf_root *root, const char *name)
{
	int slot = ecbpf_slot_find(root, name), fd, err;

	if (slot < 0)
		return slot == -ENOENT ? 0 : slot;
	if (ecbpf_root_state(root) == ECBPF_RUNNING)
		return ecbpf_slot_clear(root, slot, name);
	fd = ecbpf_root_map(root, "ecbpf_slots");
	if (fd < 0)
		return fd;
	err = bpf_map_delete_elem(fd, &slot);
	close(fd);
	return err ? ecbpf_fail(err, "slot %d: %s", slot, strerror(-err)) : 0;
}

int ecbpf_slots_evict(const char *name)
{
	struct ecbpf_iflist list;
	struct ecbpf_root *root;
	int err, one, first = ecbpf_iflist_pinned(&list);
	size_t i;

	if (first)
		return first;
	for (i = 0; i < list.count; i++) {
		err = ecbpf_root_open(list.name[i], &root);
		if (err)
			continue; /* it has just gone */
		one = ecbpf_root_state(root) == ECBPF_RUNNING ||
				      ecbpf_root_state(root) == ECBPF_GONE ?
			      ecbpf_slot_evict(root, name) :
			      0;
		if (!first)
			first = one;
		ecbpf_root_close(root);
	}
	ecbpf_iflist_free(&list);
	return first;
}

int ecbpf_slot_put_back(struct ecbpf_root *root, int slot, int prog_fd)
{
	int lock = ecbpf_change_begin(root);

	if (lock < 0)
		return lock;
	return ecbpf_change_end(root, lock, ecbpf_slot_put(root, slot, prog_fd));
}
