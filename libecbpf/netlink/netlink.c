// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>

#include "libecbpf/ecbpf.h"
#include "libecbpf/netlink/netlink.h"

#define REQUEST_BYTES 256 /* with the header of any kind of dump */
#define DUMP_TRIES    16  /* while it changes again and again */

static int fail(int err)
{
	return ecbpf_fail(err, "netlink: %s", strerror(-err));
}

static int bind_to(struct ecbpf_netlink *nl, int protocol, int flags, uint32_t groups)
{
	int err;

	*nl = (struct ecbpf_netlink){ .socket = mnl_socket_open2(protocol, SOCK_CLOEXEC | flags) };
	if (nl->socket && !mnl_socket_bind(nl->socket, groups, MNL_SOCKET_AUTOPID))
		return 0;
	err = fail(-errno);
	ecbpf_netlink_close(nl);
	return err;
}

int ecbpf_netlink_open(struct ecbpf_netlink *nl, int protocol)
{
	return bind_to(nl, protocol, 0, 0);
}

void ecbpf_netlink_close(struct ecbpf_netlink *nl)
{
	if (nl->socket)
		mnl_socket_close(nl->socket);
	nl->socket = NULL;
}

/* --- questions */

int ecbpf_netlink_run(struct ecbpf_netlink *nl, struct nlmsghdr *nlh, mnl_cb_t take, void *arg)
{
	const unsigned int port = mnl_socket_get_portid(nl->socket);
	char buffer[ECBPF_NETLINK_BYTES];
	ssize_t len;
	int more = 1;

	nlh->nlmsg_seq = ++nl->seq;
	len = mnl_socket_sendto(nl->socket, nlh, nlh->nlmsg_len);
	while (len >= 0 && more > 0) {
		len = mnl_socket_recvfrom(nl->socket, buffer, sizeof(buffer));
		if (len >= 0)
			more = mnl_cb_run(buffer, len, nl->seq, port, take, arg);
	}
	return len < 0 || more < 0 ? -errno : 0;
}

int ecbpf_netlink_ask(struct ecbpf_netlink *nl, struct nlmsghdr *nlh, uint16_t flags, mnl_cb_t take,
		      void *arg)
{
	const unsigned int port = mnl_socket_get_portid(nl->socket);
	char buffer[ECBPF_NETLINK_BYTES];
	ssize_t len;

	nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	nlh->nlmsg_seq = ++nl->seq;
	len = mnl_socket_sendto(nl->socket, nlh, nlh->nlmsg_len);
	if (len >= 0)
		len = mnl_socket_recvfrom(nl->socket, buffer, sizeof(buffer));
	/* EPROTO: an answer to something else */
	if (len < 0 || (mnl_cb_run(buffer, len, nl->seq, port, take, arg) < 0 && errno == EPROTO))
		return fail(-errno);
	return 0;
}

int ecbpf_rtnl_dump(uint16_t type, const void *header, size_t bytes, mnl_cb_t take,
		    void (*clear)(void *arg), void *arg)
{
	char buffer[REQUEST_BYTES];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buffer);
	struct ecbpf_netlink nl;
	int i, err = -EINTR;

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	memcpy(mnl_nlmsg_put_extra_header(nlh, bytes), header, bytes);
	for (i = 0; err == -EINTR && i < DUMP_TRIES; i++) {
		clear(arg);
		/* a new socket: what is left of the last answer goes with the old one */
		err = ecbpf_netlink_open(&nl, NETLINK_ROUTE);
		if (err)
			return err;
		err = ecbpf_netlink_run(&nl, nlh, take, arg);
		ecbpf_netlink_close(&nl);
	}
	return err ? fail(err) : 0;
}

/* --- news */

int ecbpf_rtnl_listen(struct ecbpf_netlink *nl, uint32_t groups)
{
	return bind_to(nl, NETLINK_ROUTE, SOCK_NONBLOCK, groups);
}

int ecbpf_netlink_fd(const struct ecbpf_netlink *nl)
{
	return mnl_socket_get_fd(nl->socket);
}

int ecbpf_rtnl_news(struct ecbpf_netlink *nl, mnl_cb_t take, void *arg)
{
	char buffer[ECBPF_NETLINK_BYTES];
	bool some = false, lost = false;
	ssize_t len;

	do {
		len = mnl_socket_recvfrom(nl->socket, buffer, sizeof(buffer));
		if (len > 0 && take)
			mnl_cb_run(buffer, len, 0, 0, take, arg);
		some |= len > 0;
		lost |= len < 0 && errno == ENOBUFS;
	} while (len >= 0 || errno == EINTR || errno == ENOBUFS);
	if (errno != EAGAIN)
		return fail(-errno);
	return lost ? fail(-ENOBUFS) : some;
}
