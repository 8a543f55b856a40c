// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "xdp_root/control.h"

volatile struct ecbpf_control *control_map(const struct ecbpf_root *root)
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

void control_unmap(volatile struct ecbpf_control *control)
{
	if (control)
		munmap((void *)control, sizeof(*control));
}
