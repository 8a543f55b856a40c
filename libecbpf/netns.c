// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Network namespaces: enter one and no other namespace, so that bpffs stays the caller's. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "libecbpf/ecbpf.h"

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71 /* Linux 5.14, <asm-generic/socket.h> */
#endif

int ecbpf_netns_enter(const char *name)
{
	char path[PATH_MAX];
	int fd, len, err = 0;

	len = snprintf(path, sizeof(path), "%s%s", strchr(name, '/') ? "" : "/run/netns/", name);
	if (len < 0 || (size_t)len >= sizeof(path))
		return ecbpf_fail(-ENAMETOOLONG, "name too long");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return ecbpf_fail(-errno, errno == ENOENT ? "no such network namespace" : "%s",
				  strerror(errno));
	if (setns(fd, CLONE_NEWNET))
		err = ecbpf_fail(-errno, errno == EINVAL ? "not a network namespace" : "%s",
				 strerror(errno));
	close(fd);
	return err;
}

int ecbpf_netns_cookie(uint64_t *cookie)
{
	socklen_t len = sizeof(*cookie);
	int fd, err = 0;

	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return ecbpf_fail(-errno, "socket: %s", strerror(errno));
	if (getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, cookie, &len))
		err = ecbpf_fail(-errno, "number of the network namespace: %s", strerror(errno));
	close(fd);
	return err;
}
