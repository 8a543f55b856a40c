// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <libmnl/libmnl.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#include "libecbpf/ecbpf.h"
#include "libecbpf/netlink/neighbours.h"

#define NUD_USABLE (NUD_PERMANENT | NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE)

/* --- messages */

/* struct said - of one message */
struct said {
	struct ecbpf_neighbour neighbour;
	bool has_addr;
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
	if (mnl_attr_get_type(attr) == NDA_LLADDR && len == ECBPF_MAC) {
		memcpy(said->neighbour.mac, value, len);
		said->neighbour.known = said->neighbour.state & NUD_USABLE;
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
	said->neighbour.state = nd->ndm_state;
	mnl_attr_parse(nlh, sizeof(*nd), said_attr, said);
	return said->has_addr;
}

/* --- the table */

/* address_compare - all of one address side by side */
static int address_compare(const struct ecbpf_neighbour *a, const struct ecbpf_neighbour *b)
{
	return a->family != b->family ? a->family - b->family :
					memcmp(a->addr, b->addr, sizeof(a->addr));
}

static int neighbour_compare(const void *one, const void *other)
{
	const struct ecbpf_neighbour *a = one, *b = other;
	const int order = address_compare(a, b);

	return order ? order : (a->ifindex > b->ifindex) - (a->ifindex < b->ifindex);
}

static size_t address_bytes(uint8_t family)
{
	return family == AF_INET ? 4 : 16;
}

static struct ecbpf_neighbour key_of(uint32_t ifindex, uint8_t family, const void *addr)
{
	struct ecbpf_neighbour key = { .ifindex = ifindex, .family = family };

	memcpy(key.addr, addr, address_bytes(family));
	return key;
}

/* place_of - of the first that is not before @key */
static size_t place_of(const struct ecbpf_neighbours *neighbours, const struct ecbpf_neighbour *key)
{
	size_t low = 0, high = neighbours->count;

	while (low < high) {
		const size_t middle = low + (high - low) / 2;

		if (neighbour_compare(&neighbours->neighbour[middle], key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* insert - -ENOMEM without a message */
static int insert(struct ecbpf_neighbours *neighbours, size_t place,
		  const struct ecbpf_neighbour *neighbour)
{
	const size_t count = neighbours->count;
	struct ecbpf_neighbour *grown = neighbours->neighbour;

	/* full whenever the count is 0 or a power of two */
	if (!(count & (count - 1))) {
		grown = realloc(grown, 2 * (count ? count : 1) * sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		neighbours->neighbour = grown;
	}
	memmove(&grown[place + 1], &grown[place], (count - place) * sizeof(*grown));
	grown[place] = *neighbour;
	neighbours->count++;
	return 0;
}

static void take_away(struct ecbpf_neighbours *neighbours, size_t place)
{
	struct ecbpf_neighbour *gone = &neighbours->neighbour[place];

	memmove(gone, gone + 1, (--neighbours->count - place) * sizeof(*gone));
}

int ecbpf_neighbours_take(struct ecbpf_neighbours *neighbours, const struct nlmsghdr *nlh,
			  uint8_t *old)
{
	const bool gone = nlh->nlmsg_type == RTM_DELNEIGH;
	struct ecbpf_neighbour *it, was;
	struct said said;
	size_t place;

	if (!said_parse(nlh, &said))
		return 0;
	place = place_of(neighbours, &said.neighbour);
	it = &neighbours->neighbour[place];
	if (place == neighbours->count || neighbour_compare(it, &said.neighbour)) {
		if (!gone && insert(neighbours, place, &said.neighbour))
			return ecbpf_fail(-ENOMEM, "out of memory");
		return 0;
	}
	was = *it;
	if (gone)
		take_away(neighbours, place);
	else
		*it = said.neighbour;
	memcpy(old, was.mac, ECBPF_MAC);
	return was.known &&
	       (gone || !said.neighbour.known || memcmp(was.mac, said.neighbour.mac, ECBPF_MAC));
}

const struct ecbpf_neighbour *ecbpf_neighbours_find(const struct ecbpf_neighbours *neighbours,
						    uint32_t ifindex, uint8_t family,
						    const void *addr)
{
	const struct ecbpf_neighbour key = key_of(ifindex, family, addr);
	const size_t place = place_of(neighbours, &key);
	const struct ecbpf_neighbour *it = &neighbours->neighbour[place];

	return place < neighbours->count && !neighbour_compare(it, &key) ? it : NULL;
}

const struct ecbpf_neighbour *ecbpf_neighbours_known(const struct ecbpf_neighbours *neighbours,
						     uint32_t ifindex, uint8_t family,
						     const void *addr)
{
	const struct ecbpf_neighbour key = key_of(0, family, addr), *it, *found = NULL;
	size_t i = place_of(neighbours, &key);

	for (; i < neighbours->count; i++) {
		it = &neighbours->neighbour[i];
		if (address_compare(it, &key))
			break;
		if (it->known && (!found || it->ifindex == ifindex))
			found = it;
	}
	return found;
}

/* --- the kernel's */

static int neighbour_take(const struct nlmsghdr *nlh, void *arg)
{
	struct ecbpf_neighbours *neighbours = arg;
	struct said said;

	if (nlh->nlmsg_type != RTM_NEWNEIGH || !said_parse(nlh, &said) ||
	    !insert(neighbours, neighbours->count, &said.neighbour))
		return MNL_CB_OK;
	errno = ENOMEM;
	return MNL_CB_ERROR;
}

static void clear(void *arg)
{
	ecbpf_neighbours_free(arg);
}

int ecbpf_neighbours_read(struct ecbpf_neighbours *neighbours)
{
	const struct ndmsg nd = {};
	int err;

	*neighbours = (struct ecbpf_neighbours){};
	err = ecbpf_rtnl_dump(RTM_GETNEIGH, &nd, sizeof(nd), neighbour_take, clear, neighbours);
	if (err)
		ecbpf_neighbours_free(neighbours);
	if (neighbours->count)
		qsort(neighbours->neighbour, neighbours->count, sizeof(*neighbours->neighbour),
		      neighbour_compare);
	return err;
}

void ecbpf_neighbours_free(struct ecbpf_neighbours *neighbours)
{
	free(neighbours->neighbour);
	*neighbours = (struct ecbpf_neighbours){};
}

int ecbpf_neighbour_use(struct ecbpf_netlink *nl, uint32_t ifindex, uint8_t family,
			const void *addr)
{
	char buffer[MNL_NLMSG_HDRLEN + 128];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buffer);
	struct ndmsg *nd;

	nlh->nlmsg_type = RTM_NEWNEIGH;
	nd = mnl_nlmsg_put_extra_header(nlh, sizeof(*nd));
	nd->ndm_family = family;
	nd->ndm_ifindex = ifindex;
	nd->ndm_flags = NTF_USE;
	mnl_attr_put(nlh, NDA_DST, address_bytes(family), addr);
	return ecbpf_netlink_ask(nl, nlh, NLM_F_CREATE | NLM_F_ACK, NULL, NULL);
}
