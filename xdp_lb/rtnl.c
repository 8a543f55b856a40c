// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>

#include "libecbpf/ecbpf.h"
#include "xdp_lb/rtnl.h"

#define BUFFER_BYTES 32768 /* the kernel fills no more in one go */
#define DUMP_TRIES   16	   /* while it changes again and again */

int lb_rtnl_open(struct lb_rtnl *rtnl)
{
	int err;

	*rtnl = (struct lb_rtnl){ .socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC) };
	if (rtnl->socket && !mnl_socket_bind(rtnl->socket, 0, MNL_SOCKET_AUTOPID))
		return 0;
	err = ecbpf_fail(-errno, "rtnetlink: %s", strerror(errno));
	lb_rtnl_close(rtnl);
	return err;
}

void lb_rtnl_close(struct lb_rtnl *rtnl)
{
	if (rtnl->socket)
		mnl_socket_close(rtnl->socket);
	rtnl->socket = NULL;
}

int lb_rtnl_ask(struct lb_rtnl *rtnl, struct nlmsghdr *nlh, uint16_t flags, mnl_cb_t take,
		void *arg)
{
	const unsigned int port = mnl_socket_get_portid(rtnl->socket);
	char buffer[BUFFER_BYTES];
	ssize_t len;

	nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	nlh->nlmsg_seq = ++rtnl->seq;
	len = mnl_socket_sendto(rtnl->socket, nlh, nlh->nlmsg_len);
	if (len >= 0)
		len = mnl_socket_recvfrom(rtnl->socket, buffer, sizeof(buffer));
	/* EPROTO, ESRCH with this number: an answer to something else */
	if (len < 0 ||
	    (mnl_cb_run(buffer, len, nlh->nlmsg_seq, port, take, arg) < 0 && errno == EPROTO))
		return ecbpf_fail(-errno, "rtnetlink: %s", strerror(errno));
	return 0;
}

/* dump - returns -1 with errno, as libmnl does */
static int dump(struct mnl_socket *socket, char *buffer, uint16_t type, size_t header,
		mnl_cb_t take, void *arg)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buffer);
	ssize_t len;
	int more = 1;

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	nlh->nlmsg_seq = 1;
	mnl_nlmsg_put_extra_header(nlh, header);
	if (mnl_socket_sendto(socket, nlh, nlh->nlmsg_len) < 0)
		return -1;
	while (more > 0) {
		len = mnl_socket_recvfrom(socket, buffer, BUFFER_BYTES);
		if (len < 0)
			return -1;
		more = mnl_cb_run(buffer, len, 1, mnl_socket_get_portid(socket), take, arg);
	}
	return more;
}

int lb_rtnl_dump(uint16_t type, size_t header, mnl_cb_t take, void (*clear)(void *arg), void *arg)
{
	char *buffer = malloc(BUFFER_BYTES);
	struct lb_rtnl rtnl;
	int i, err = buffer ? -EINTR : -ENOMEM;

	for (i = 0; err == -EINTR && i < DUMP_TRIES; i++) {
		clear(arg);
		/* a new socket: what is left of the last answer goes with the old one */
		err = lb_rtnl_open(&rtnl);
		if (!err && dump(rtnl.socket, buffer, type, header, take, arg) < 0)
			err = -errno;
		lb_rtnl_close(&rtnl);
	}
	free(buffer);
	return err ? ecbpf_fail(err, "rtnetlink: %s", strerror(-err)) : 0;
}
