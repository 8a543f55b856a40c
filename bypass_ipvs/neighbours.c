// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <libmnl/libmnl.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#include "bypass_ipvs/neighbours.h"
#include "libecbpf/ecbpf.h"

#define BUFFER_BYTES 32768 /* the kernel fills no more in one go */
#define READ_TRIES   16	   /* while it changes again and again */

/* struct said - of one message; has_mac: NUD_VALID, and of Ethernet */
struct said {
	struct neighbour neighbour;
	bool has_addr, has_mac;
};

static int said_attr(const struct nlattr *attr, void *arg)
{
	const size_t len = mnl_attr_get_payload_len(attr);
	const void *value = mnl_attr_get_payload(attr);
	struct said *said = arg;

	if (mnl_attr_get_type(attr) == NDA_DST && len <= sizeof(said->neighbour.addr)) {
		memcpy(said->neighbour.addr, value, len);
		said->has_addr = true;
	}
	if (mnl_attr_get_type(attr) == NDA_LLADDR && len == NEIGHBOUR_MAC) {
		memcpy(said->neighbour.mac, value, len);
		said->has_mac = true;
	}
	return MNL_CB_OK;
}

/* said_parse - false: not a neighbour with an IP address, but a bridge's or so */
static bool said_parse(const struct nlmsghdr *nlh, struct said *said)
{
	const struct ndmsg *nd = mnl_nlmsg_get_payload(nlh);

	*said = (struct said){};
	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*nd) ||
	    (nd->ndm_family != AF_INET && nd->ndm_family != AF_INET6))
		return false;
	said->neighbour.family = nd->ndm_family;
	said->neighbour.ifindex = nd->ndm_ifindex;
	mnl_attr_parse(nlh, sizeof(*nd), said_attr, said);
	if (nlh->nlmsg_type == RTM_DELNEIGH || nd->ndm_state & (NUD_FAILED | NUD_NOARP))
		said->has_mac = false;
	return said->has_addr;
}

static bool is_same(const struct neighbour *a, const struct neighbour *b)
{
	return a->ifindex == b->ifindex && a->family == b->family &&
	       !memcmp(a->addr, b->addr, sizeof(a->addr));
}

static int add(struct neighbours *neighbours, const struct neighbour *neighbour)
{
	const size_t count = neighbours->count;
	struct neighbour *grown = neighbours->neighbour;

	/* full whenever the count is 0 or a power of two */
	if (!(count & (count - 1))) {
		grown = realloc(grown, 2 * (count ? count : 1) * sizeof(*grown));
		if (!grown)
			return ecbpf_fail(-ENOMEM, "out of memory");
		neighbours->neighbour = grown;
	}
	grown[neighbours->count++] = *neighbour;
	return 0;
}

int neighbours_take(struct neighbours *neighbours, const struct nlmsghdr *nlh, uint8_t *old)
{
	struct neighbour *known = neighbours->neighbour, *end = known + neighbours->count;
	struct said said;

	if (!said_parse(nlh, &said))
		return 0;
	while (known < end && !is_same(known, &said.neighbour))
		known++;
	if (known == end)
		return said.has_mac ? add(neighbours, &said.neighbour) : 0;
	memcpy(old, known->mac, NEIGHBOUR_MAC);
	if (!said.has_mac) {
		*known = end[-1];
		neighbours->count--;
		return 1;
	}
	*known = said.neighbour;
	return memcmp(old, known->mac, NEIGHBOUR_MAC) ? 1 : 0;
}

static int dump_take(const struct nlmsghdr *nlh, void *arg)
{
	uint8_t old[NEIGHBOUR_MAC];

	if (nlh->nlmsg_type != RTM_NEWNEIGH || neighbours_take(arg, nlh, old) >= 0)
		return MNL_CB_OK;
	errno = ENOMEM;
	return MNL_CB_ERROR;
}

/* dump - returns -1 with errno, as libmnl does */
static int dump(struct mnl_socket *socket, char *buffer, struct neighbours *neighbours)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buffer);
	ssize_t len;
	int more = 1;

	nlh->nlmsg_type = RTM_GETNEIGH;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	nlh->nlmsg_seq = 1;
	mnl_nlmsg_put_extra_header(nlh, sizeof(struct ndmsg));
	if (mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) ||
	    mnl_socket_sendto(socket, nlh, nlh->nlmsg_len) < 0)
		return -1;
	while (more > 0) {
		len = mnl_socket_recvfrom(socket, buffer, BUFFER_BYTES);
		if (len < 0)
			return -1;
		more = mnl_cb_run(buffer, len, 1, mnl_socket_get_portid(socket), dump_take,
				  neighbours);
	}
	return more;
}

/* read_once - -EINTR: it changed meanwhile, and something may be missing */
static int read_once(struct neighbours *neighbours, char *buffer)
{
	struct mnl_socket *socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	int err = !socket || dump(socket, buffer, neighbours) ? -errno : 0;

	if (socket)
		mnl_socket_close(socket);
	if (err)
		neighbours_free(neighbours);
	return err;
}

int neighbours_read(struct neighbours *neighbours)
{
	char *buffer = malloc(BUFFER_BYTES);
	struct neighbours read = {};
	int i, err = -EINTR;

	if (!buffer)
		return ecbpf_fail(-ENOMEM, "out of memory");
	for (i = 0; err == -EINTR && i < READ_TRIES; i++)
		err = read_once(&read, buffer);
	free(buffer);
	if (err)
		return ecbpf_fail(err, "the neighbour table: %s", strerror(-err));
	*neighbours = read;
	return 0;
}

void neighbours_free(struct neighbours *neighbours)
{
	free(neighbours->neighbour);
	*neighbours = (struct neighbours){};
}

const struct neighbour *neighbours_find(const struct neighbours *neighbours, unsigned int ifindex,
					uint8_t family, const __be32 *addr)
{
	const struct neighbour *known = neighbours->neighbour, *found = NULL;
	const struct neighbour *end = known + neighbours->count;

	for (; known < end; known++) {
		if (known->family != family || memcmp(known->addr, addr, sizeof(known->addr)))
			continue;
		if (known->ifindex == ifindex)
			return known;
		found = known;
	}
	return found;
}
