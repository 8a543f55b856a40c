// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#define _GNU_SOURCE
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "libecbpf/follower.h"

#define BACKLOG 64

/* address_make - abstract names belong to the network namespace; returns the address's length */
static socklen_t address_make(const struct ecbpf_follower *follower, struct sockaddr_un *address)
{
	const size_t room = sizeof(address->sun_path) - 1;
	int len;

	*address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	len = snprintf(address->sun_path + 1, room, "ecbpf:%s", follower->socket);
	return offsetof(struct sockaddr_un, sun_path) + 1 + (len < (int)room ? len : (int)room - 1);
}

static int socket_fail(const struct ecbpf_follower *follower, int err)
{
	return ecbpf_fail(err, "the %s's socket: %s", follower->noun, strerror(-err));
}

static int lock_socket(const struct ecbpf_follower *follower)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	return fd < 0 ? socket_fail(follower, -errno) : fd;
}

/* peer - who listens there; anybody may, so that it must be us */
static pid_t peer(const struct ecbpf_follower *follower, int fd)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len))
		return socket_fail(follower, -errno);
	if (cred.uid != geteuid())
		return ecbpf_fail(-EPERM, "process %d of user %u has the %s's socket", cred.pid,
				  cred.uid, follower->noun);
	if (!cred.pid)
		return ecbpf_fail(-ESRCH, "the %s is in another PID namespace", follower->noun);
	return cred.pid;
}

pid_t ecbpf_follower_holder(const struct ecbpf_follower *follower)
{
	struct sockaddr_un address;
	const socklen_t len = address_make(follower, &address);
	int fd = lock_socket(follower);
	pid_t pid;

	if (fd < 0)
		return fd;
	if (!connect(fd, (const struct sockaddr *)&address, len))
		pid = peer(follower, fd);
	else if (errno == ECONNREFUSED)
		pid = 0;
	else
		pid = socket_fail(follower, -errno);
	close(fd);
	return pid;
}

int ecbpf_follower_lock(const struct ecbpf_follower *follower)
{
	struct sockaddr_un address;
	const socklen_t len = address_make(follower, &address);
	int fd = lock_socket(follower);
	int err = 0;

	if (fd < 0)
		return fd;
	if (bind(fd, (const struct sockaddr *)&address, len) || listen(fd, BACKLOG))
		err = -errno;
	if (!err)
		return fd;
	close(fd);
	if (err == -EADDRINUSE)
		return ecbpf_follower_holder(follower) == -EPERM ?
			       -EPERM :
			       ecbpf_fail(-EBUSY, "there is a %s already", follower->noun);
	return socket_fail(follower, err);
}

void ecbpf_follower_tend(int lock)
{
	int fd;

	while ((fd = accept4(lock, NULL, NULL, SOCK_CLOEXEC)) >= 0)
		close(fd);
}
