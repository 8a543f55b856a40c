// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * struct ecbpf_control, and which slots it says are empty. A program is in no slot that is said to be: the
 * word is taken back before a program comes, and given after one has gone. Killed in between, a command
 * leaves a slot that is tried for nothing.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "libecbpf/internal.h"

volatile struct ecbpf_control *ecbpf_control_map(const struct ecbpf_root *root)
{
	int fd = ecbpf_root_map(root, "ecbpf_control");
	void *at;

	if (fd < 0)
		return NULL;
	at = mmap(NULL, sizeof(struct ecbpf_control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED)
		ecbpf_fail(-errno, "mapping ecbpf_control: %s", strerror(errno));
	close(fd);
	return at == MAP_FAILED ? NULL : at;
}

void ecbpf_control_unmap(volatile struct ecbpf_control *control)
{
	if (control)
		munmap((void *)control, sizeof(*control));
}

/* slots_empty - those without a program, a bit each */
static int slots_empty(const struct ecbpf_root *root, __u32 *empty)
{
	int fd = ecbpf_root_map(root, "ecbpf_slots"), slot, err = 0;
	__u32 id;

	if (fd < 0)
		return fd;
	*empty = 0;
	for (slot = 0; !err && slot < ECBPF_SLOTS; slot++) {
		err = bpf_map_lookup_elem(fd, &slot, &id);
		if (err == -ENOENT) {
			*empty |= 1U << slot;
			err = 0;
		}
	}
	close(fd);
	return err ? ecbpf_fail(err, "ecbpf_slots: %s", strerror(-err)) : 0;
}

int ecbpf_empty_settle(const struct ecbpf_root *root)
{
	volatile struct ecbpf_control *control;
	__u32 empty;
	int err = slots_empty(root, &empty);

	if (err)
		return err;
	control = ecbpf_control_map(root);
	if (control)
		__atomic_store_n(&control->empty, empty, __ATOMIC_SEQ_CST);
	ecbpf_control_unmap(control);
	return 0; /* without it, all slots are tried */
}

int ecbpf_empty_take_back(const struct ecbpf_root *root, int slot)
{
	volatile struct ecbpf_control *control = ecbpf_control_map(root);

	if (!control)
		return -EIO;
	__atomic_and_fetch(&control->empty, ~(1U << slot), __ATOMIC_SEQ_CST);
	ecbpf_control_unmap(control);
	return 0;
}

bool ecbpf_empty_is_said(const struct ecbpf_root *root, int slot)
{
	volatile struct ecbpf_control *control = ecbpf_control_map(root);
	const bool said = control && control->empty >> slot & 1;

	ecbpf_control_unmap(control);
	return said;
}
