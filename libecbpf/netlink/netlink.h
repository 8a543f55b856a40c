/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Questions to netlink, their answers, and what rtnetlink says unasked; by libmnl.
 *
 * Headers of this directory are for the suite's tools and not installed: programs that link
 * libecbpf from outside need no libmnl.
 */
#ifndef LIBECBPF_NETLINK_NETLINK_H
#define LIBECBPF_NETLINK_NETLINK_H

#include <stddef.h>
#include <stdint.h>

#include <libmnl/libmnl.h>

#define ECBPF_NETLINK_BYTES 32768 /* the kernel fills no more in one go */

/**
 * struct ecbpf_netlink - handle; zeroed: closed
 * @seq: of the last question
 */
struct ecbpf_netlink {
	struct mnl_socket *socket;
	uint32_t seq;
};

/** ecbpf_netlink_open - @protocol: NETLINK_ROUTE, ... */
int ecbpf_netlink_open(struct ecbpf_netlink *nl, int protocol);
void ecbpf_netlink_close(struct ecbpf_netlink *nl);

/**
 * ecbpf_netlink_run - send a question, give each answer to @take, until the last
 * @nlh: complete but for its number, which is set here
 * Return: 0; -errno: also what the kernel answered, or @take set; ecbpf_error() is not set.
 */
int ecbpf_netlink_run(struct ecbpf_netlink *nl, struct nlmsghdr *nlh, mnl_cb_t take, void *arg);

/**
 * ecbpf_netlink_ask - one question, one answer
 * @nlh: its flags and number are set here
 * @flags: besides NLM_F_REQUEST
 *
 * Return: 0, also where the answer is an error: then nothing was taken; -errno of the socket.
 */
int ecbpf_netlink_ask(struct ecbpf_netlink *nl, struct nlmsghdr *nlh, uint16_t flags, mnl_cb_t take,
		      void *arg);

/**
 * ecbpf_rtnl_dump - all that there is of a kind, in this thread's network namespace
 * @type: RTM_GETLINK, ...
 * @header: @bytes that such messages begin with
 * @clear: forget all that was taken; it begins anew, as things changed meanwhile
 */
int ecbpf_rtnl_dump(uint16_t type, const void *header, size_t bytes, mnl_cb_t take,
		    void (*clear)(void *arg), void *arg);

/**
 * ecbpf_rtnl_listen - hear of changes from here on
 * @groups: RTMGRP_*
 */
int ecbpf_rtnl_listen(struct ecbpf_netlink *nl, uint32_t groups);

/** ecbpf_netlink_fd - descriptor to wait for */
int ecbpf_netlink_fd(const struct ecbpf_netlink *nl);

/**
 * ecbpf_rtnl_news - read all that was said meanwhile, without waiting
 * @take: given each message, or NULL
 * Return: 1: something was said; 0: nothing; -ENOBUFS: some of it is lost; -errno.
 */
int ecbpf_rtnl_news(struct ecbpf_netlink *nl, mnl_cb_t take, void *arg);

#endif
