/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Questions to rtnetlink, and their answers. */
#ifndef XDP_LB_RTNL_H
#define XDP_LB_RTNL_H

#include <stddef.h>
#include <stdint.h>

#include <libmnl/libmnl.h>

/** struct lb_rtnl - handle; zeroed: closed */
struct lb_rtnl {
	struct mnl_socket *socket;
	uint32_t seq;
};

int lb_rtnl_open(struct lb_rtnl *rtnl);
void lb_rtnl_close(struct lb_rtnl *rtnl);

/**
 * lb_rtnl_ask - one question, one answer
 * @nlh: its flags and number are set here
 * @flags: besides NLM_F_REQUEST
 *
 * Return: 0, also where the answer is an error: then nothing was taken; -errno of the socket.
 */
int lb_rtnl_ask(struct lb_rtnl *rtnl, struct nlmsghdr *nlh, uint16_t flags, mnl_cb_t take,
		void *arg);

/**
 * lb_rtnl_dump - all that there is of a kind
 * @type: RTM_GETLINK, ...
 * @header: size of the header of such messages
 * @clear: forget all that was taken; it begins anew, as things changed meanwhile
 */
int lb_rtnl_dump(uint16_t type, size_t header, mnl_cb_t take, void (*clear)(void *arg), void *arg);

#endif
