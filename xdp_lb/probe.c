// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Sockets and scripts. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "xdp_lb/probe.h"

extern char **environ;

static int watch(struct lb_probe *probe, int epoll, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = probe };

	return epoll_ctl(epoll, EPOLL_CTL_ADD, probe->fd, &event);
}

/* --- sockets */

static socklen_t address_make(const struct lb_probe *probe, struct sockaddr_storage *address)
{
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)address;
	struct sockaddr_in *four = (struct sockaddr_in *)address;

	*address = (struct sockaddr_storage){ .ss_family = probe->endpoint.family };
	if (probe->endpoint.family == AF_INET) {
		four->sin_port = htons(probe->port);
		memcpy(&four->sin_addr, probe->endpoint.addr, sizeof(four->sin_addr));
		return sizeof(*four);
	}
	six->sin6_port = htons(probe->port);
	memcpy(&six->sin6_addr, probe->endpoint.addr, sizeof(six->sin6_addr));
	return sizeof(*six);
}

static enum lb_probe_result socket_begin(struct lb_probe *probe, int epoll, int type)
{
	struct sockaddr_storage address;
	const socklen_t len = address_make(probe, &address);

	probe->fd = socket(probe->endpoint.family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (probe->fd < 0)
		return LB_PROBE_BAD;
	if (connect(probe->fd, (const struct sockaddr *)&address, len) && errno != EINPROGRESS)
		return LB_PROBE_BAD;
	if (type == SOCK_DGRAM &&
	    send(probe->fd, probe->check->send, probe->check->bytes, MSG_NOSIGNAL) < 0)
		return LB_PROBE_BAD;
	if (watch(probe, epoll, type == SOCK_DGRAM ? EPOLLIN : EPOLLOUT))
		return LB_PROBE_BAD;
	return LB_PROBE_WAITING;
}

static enum lb_probe_result tcp_wake(const struct lb_probe *probe)
{
	int error = 0;
	socklen_t len = sizeof(error);

	if (getsockopt(probe->fd, SOL_SOCKET, SO_ERROR, &error, &len) || error)
		return LB_PROBE_BAD;
	return LB_PROBE_GOOD;
}

static enum lb_probe_result udp_wake(const struct lb_probe *probe)
{
	const struct lb_check *check = probe->check;
	uint8_t answer[LB_CHECK_BYTES];
	const ssize_t len = recv(probe->fd, answer, sizeof(answer), 0);

	if (len < 0)
		return errno == EAGAIN ? LB_PROBE_WAITING : LB_PROBE_BAD;
	if ((size_t)len < check->wanted || memcmp(answer, check->expect, check->wanted))
		return LB_PROBE_BAD;
	return LB_PROBE_GOOD;
}

/* --- scripts */

/* attributes_make - no signal blocked, and a process group of its own, to be ended whole */
static int attributes_make(posix_spawnattr_t *attributes)
{
	sigset_t none;
	int err = posix_spawnattr_init(attributes);

	sigemptyset(&none);
	if (!err)
		err = posix_spawnattr_setsigmask(attributes, &none);
	if (!err)
		err = posix_spawnattr_setpgroup(attributes, 0);
	if (!err)
		err = posix_spawnattr_setflags(attributes,
					       POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
	return err;
}

static int spawn(struct lb_probe *probe)
{
	char path[LB_CHECK_TEXT], address[INET6_ADDRSTRLEN], port[8];
	char *const argv[] = { path, address, port, NULL };
	posix_spawnattr_t attributes;
	int err = attributes_make(&attributes);

	memcpy(path, probe->check->script, sizeof(path));
	inet_ntop(probe->endpoint.family, probe->endpoint.addr, address, sizeof(address));
	snprintf(port, sizeof(port), "%u", probe->port);
	if (!err)
		err = posix_spawn(&probe->pid, path, NULL, &attributes, argv, environ);
	posix_spawnattr_destroy(&attributes);
	if (err)
		probe->pid = 0;
	return err;
}

static enum lb_probe_result script_begin(struct lb_probe *probe, int epoll)
{
	if (spawn(probe))
		return LB_PROBE_BAD;
	probe->fd = syscall(SYS_pidfd_open, probe->pid, 0);
	if (probe->fd < 0 || watch(probe, epoll, EPOLLIN))
		return LB_PROBE_BAD;
	return LB_PROBE_WAITING;
}

static enum lb_probe_result script_wake(struct lb_probe *probe)
{
	const pid_t group = probe->pid;
	int status;

	if (waitpid(probe->pid, &status, WNOHANG) != probe->pid)
		return LB_PROBE_WAITING;
	probe->pid = 0;
	kill(-group, SIGKILL); /* what it has left behind */
	return WIFEXITED(status) && !WEXITSTATUS(status) ? LB_PROBE_GOOD : LB_PROBE_BAD;
}

/* --- all */

enum lb_probe_result lb_probe_begin(struct lb_probe *probe, int epoll, struct lb_http *http)
{
	probe->fd = -1;
	switch (probe->check->kind) {
	case LB_CHECK_TCP:
		return socket_begin(probe, epoll, SOCK_STREAM);
	case LB_CHECK_UDP:
		return socket_begin(probe, epoll, SOCK_DGRAM);
	case LB_CHECK_SCRIPT:
		return script_begin(probe, epoll);
	default:
		return lb_http_begin(http, probe) ? LB_PROBE_WAITING : LB_PROBE_BAD;
	}
}

enum lb_probe_result lb_probe_wake(struct lb_probe *probe)
{
	switch (probe->check->kind) {
	case LB_CHECK_TCP:
		return tcp_wake(probe);
	case LB_CHECK_UDP:
		return udp_wake(probe);
	case LB_CHECK_SCRIPT:
		return script_wake(probe);
	default:
		return probe->result;
	}
}

void lb_probe_end(struct lb_probe *probe, struct lb_http *http)
{
	if (probe->easy)
		lb_http_end(http, probe);
	if (probe->pid) {
		kill(-probe->pid, SIGKILL);
		waitpid(probe->pid, NULL, 0);
		probe->pid = 0;
	}
	if (probe->fd >= 0)
		close(probe->fd);
	probe->fd = -1;
}
