// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#define _GNU_SOURCE
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "bypass_ipvs/follow_lock.h"
#include "libecbpf/ecbpf.h"

/* Abstract names belong to the network namespace, as IPVS does. */
#define NAME	"\0ecbpf:bypass_ipvs:follow"
#define BACKLOG 64

static const struct sockaddr_un address = { AF_UNIX, NAME };
#define ADDRESS_BYTES (offsetof(struct sockaddr_un, sun_path) + sizeof(NAME) - 1)

static int lock_socket(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	return fd < 0 ? ecbpf_fail(-errno, "the follower's socket: %s", strerror(errno)) : fd;
}

/* peer - who listens there; anybody may, so that it must be us */
static pid_t peer(int fd)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len))
		return ecbpf_fail(-errno, "the follower's socket: %s", strerror(errno));
	if (cred.uid != geteuid())
		return ecbpf_fail(-EPERM, "process %d of user %u has the follower's socket",
				  cred.pid, cred.uid);
	if (!cred.pid)
		return ecbpf_fail(-ESRCH, "the follower is in another PID namespace");
	return cred.pid;
}

pid_t follow_lock_holder(void)
{
	int fd = lock_socket();
	pid_t pid;

	if (fd < 0)
		return fd;
	if (!connect(fd, (const struct sockaddr *)&address, ADDRESS_BYTES))
		pid = peer(fd);
	else if (errno == ECONNREFUSED)
		pid = 0;
	else
		pid = ecbpf_fail(-errno, "the follower's socket: %s", strerror(errno));
	close(fd);
	return pid;
}

int follow_lock(void)
{
	int fd = lock_socket();
	int err = 0;

	if (fd < 0)
		return fd;
	if (bind(fd, (const struct sockaddr *)&address, ADDRESS_BYTES) || listen(fd, BACKLOG))
		err = -errno;
	if (!err)
		return fd;
	close(fd);
	if (err == -EADDRINUSE)
		return follow_lock_holder() == -EPERM ?
			       -EPERM :
			       ecbpf_fail(-EBUSY, "there is a follower already");
	return ecbpf_fail(err, "the follower's socket: %s", strerror(-err));
}

void follow_lock_tend(int lock)
{
	int fd;

	while ((fd = accept4(lock, NULL, NULL, SOCK_CLOEXEC)) >= 0)
		close(fd);
}
