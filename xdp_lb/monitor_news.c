// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Routes, neighbours and interfaces that come, go and change, told by rtnetlink. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>

#include "libecbpf/ecbpf.h"
#include "xdp_lb/monitor_loop.h"

#define BUFFER_BYTES 32768
#define GROUPS	     (RTMGRP_NEIGH | RTMGRP_LINK | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE)

int lb_news_open(struct mnl_socket **socket)
{
	*socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (!*socket || mnl_socket_bind(*socket, GROUPS, MNL_SOCKET_AUTOPID))
		return ecbpf_fail(-errno, "rtnetlink: %s", strerror(errno));
	return 0;
}

bool lb_news_take(struct mnl_socket *socket)
{
	char buffer[BUFFER_BYTES];
	bool some = false;
	ssize_t len;

	/* ENOBUFS: messages were lost, and so something was said */
	do {
		len = mnl_socket_recvfrom(socket, buffer, sizeof(buffer));
		some |= len > 0 || errno == ENOBUFS;
	} while (len > 0 || errno == EINTR || errno == ENOBUFS);
	return some;
}
