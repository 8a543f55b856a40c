// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Messages of IPVS's generic netlink family. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include <linux/ip_vs.h>

#include "bypass_ipvs/ipvs.h"
#include "libecbpf/ecbpf.h"

#define ATTRS 32 /* more than any of the kernel's lists has */

struct attrs {
	const struct nlattr *by[ATTRS];
};

static int attrs_add(const struct nlattr *attr, void *arg)
{
	struct attrs *attrs = arg;
	const unsigned int type = mnl_attr_get_type(attr);

	if (type < ATTRS)
		attrs->by[type] = attr;
	return MNL_CB_OK;
}

/* attrs_message - of the message itself */
static void attrs_message(const struct nlmsghdr *nlh, struct attrs *attrs)
{
	*attrs = (struct attrs){};
	mnl_attr_parse(nlh, sizeof(struct genlmsghdr), attrs_add, attrs);
}

static void attrs_nested(const struct nlattr *nest, struct attrs *attrs)
{
	*attrs = (struct attrs){};
	if (nest)
		mnl_attr_parse_nested(nest, attrs_add, attrs);
}

/* number - in the host's byte order, of 1, 2, 4 or 8 bytes; 0 if it is not there */
static uint64_t number(const struct attrs *attrs, unsigned int type)
{
	const struct nlattr *attr = attrs->by[type];

	switch (attr ? mnl_attr_get_payload_len(attr) : 0) {
	case 1:
		return mnl_attr_get_u8(attr);
	case 2:
		return mnl_attr_get_u16(attr);
	case 4:
		return mnl_attr_get_u32(attr);
	case 8:
		return mnl_attr_get_u64(attr);
	default:
		return 0;
	}
}

/* bytes - as many as fit; the rest of @to stays zero */
static void bytes(const struct attrs *attrs, unsigned int type, void *to, size_t size)
{
	const struct nlattr *attr = attrs->by[type];
	const size_t len = attr ? mnl_attr_get_payload_len(attr) : 0;

	if (attr)
		memcpy(to, mnl_attr_get_payload(attr), len < size ? len : size);
}

static void address(const struct attrs *attrs, unsigned int type, uint8_t family, __be32 *addr)
{
	bytes(attrs, type, addr, family == AF_INET ? 4 : 16);
}

static void stats(const struct nlattr *nest, struct ipvs_stats *stats)
{
	struct attrs attrs;

	attrs_nested(nest, &attrs);
	stats->conns = number(&attrs, IPVS_STATS_ATTR_CONNS);
	stats->in_packets = number(&attrs, IPVS_STATS_ATTR_INPKTS);
	stats->out_packets = number(&attrs, IPVS_STATS_ATTR_OUTPKTS);
	stats->in_bytes = number(&attrs, IPVS_STATS_ATTR_INBYTES);
	stats->out_bytes = number(&attrs, IPVS_STATS_ATTR_OUTBYTES);
}

/* grow - room for one more of @size bytes, zeroed */
static void *grow(void **array, size_t *count, size_t size)
{
	size_t room = *count ? *count : 1;
	char *grown = *array;

	/* full whenever the count is a power of two */
	if (!(*count & (*count - 1))) {
		grown = realloc(*array, 2 * room * size);
		if (!grown) {
			ecbpf_fail(-ENOMEM, "out of memory");
			return NULL;
		}
		*array = grown;
	}
	return memset(grown + (*count)++ * size, 0, size);
}

static void service_take(const struct attrs *attrs, struct ipvs_service *service)
{
	struct bypass_service_key *key = &service->key;
	struct ip_vs_flags flags = {};

	key->family = number(attrs, IPVS_SVC_ATTR_AF);
	key->mark = number(attrs, IPVS_SVC_ATTR_FWMARK);
	if (!key->mark) {
		key->proto = number(attrs, IPVS_SVC_ATTR_PROTOCOL);
		bytes(attrs, IPVS_SVC_ATTR_PORT, &key->port, sizeof(key->port));
		address(attrs, IPVS_SVC_ATTR_ADDR, key->family, key->addr);
	}
	bytes(attrs, IPVS_SVC_ATTR_SCHED_NAME, service->scheduler, sizeof(service->scheduler) - 1);
	bytes(attrs, IPVS_SVC_ATTR_FLAGS, &flags, sizeof(flags));
	service->flags = flags.flags;
	service->timeout = number(attrs, IPVS_SVC_ATTR_TIMEOUT);
	service->netmask = number(attrs, IPVS_SVC_ATTR_NETMASK);
	/* kernels before 4.1 have no 64-bit ones */
	stats(attrs->by[IPVS_SVC_ATTR_STATS64] ? attrs->by[IPVS_SVC_ATTR_STATS64] :
						 attrs->by[IPVS_SVC_ATTR_STATS],
	      &service->stats);
}

int ipvs_parse_service(const struct nlmsghdr *nlh, struct ipvs_config *config)
{
	struct ipvs_service *service;
	struct attrs attrs;

	attrs_message(nlh, &attrs);
	if (!attrs.by[IPVS_CMD_ATTR_SERVICE])
		return ecbpf_fail(-EPROTO, "IPVS: a service without attributes");
	service = grow((void **)&config->service, &config->services, sizeof(*service));
	if (!service)
		return -ENOMEM;
	attrs_nested(attrs.by[IPVS_CMD_ATTR_SERVICE], &attrs);
	service_take(&attrs, service);
	if (service->key.family != AF_INET && service->key.family != AF_INET6)
		config->services--;
	return 0;
}

static void dest_take(const struct attrs *attrs, struct ipvs_dest *dest)
{
	address(attrs, IPVS_DEST_ATTR_ADDR, dest->family, dest->addr);
	bytes(attrs, IPVS_DEST_ATTR_PORT, &dest->port, sizeof(dest->port));
	dest->method = number(attrs, IPVS_DEST_ATTR_FWD_METHOD) & IP_VS_CONN_F_FWD_MASK;
	dest->weight = number(attrs, IPVS_DEST_ATTR_WEIGHT);
	if (dest->method == IP_VS_CONN_F_TUNNEL) {
		dest->tunnel = number(attrs, IPVS_DEST_ATTR_TUN_TYPE);
		bytes(attrs, IPVS_DEST_ATTR_TUN_PORT, &dest->tunnel_port,
		      sizeof(dest->tunnel_port));
		dest->tunnel_flags = number(attrs, IPVS_DEST_ATTR_TUN_FLAGS);
	}
	dest->active = number(attrs, IPVS_DEST_ATTR_ACTIVE_CONNS);
	dest->inactive = number(attrs, IPVS_DEST_ATTR_INACT_CONNS);
	dest->persistent = number(attrs, IPVS_DEST_ATTR_PERSIST_CONNS);
	stats(attrs->by[IPVS_DEST_ATTR_STATS64] ? attrs->by[IPVS_DEST_ATTR_STATS64] :
						  attrs->by[IPVS_DEST_ATTR_STATS],
	      &dest->stats);
}

int ipvs_parse_dest(const struct nlmsghdr *nlh, struct ipvs_service *service)
{
	struct ipvs_dest *dest;
	struct attrs attrs;

	attrs_message(nlh, &attrs);
	if (!attrs.by[IPVS_CMD_ATTR_DEST])
		return ecbpf_fail(-EPROTO, "IPVS: a destination without attributes");
	dest = grow((void **)&service->dest, &service->dests, sizeof(*dest));
	if (!dest)
		return -ENOMEM;
	attrs_nested(attrs.by[IPVS_CMD_ATTR_DEST], &attrs);
	dest->family = number(&attrs, IPVS_DEST_ATTR_ADDR_FAMILY);
	if (!dest->family)
		dest->family = service->key.family;
	dest_take(&attrs, dest);
	return 0;
}

int ipvs_parse_timeouts(const struct nlmsghdr *nlh, struct ipvs_config *config)
{
	struct attrs attrs;

	attrs_message(nlh, &attrs);
	config->tcp_s = number(&attrs, IPVS_CMD_ATTR_TIMEOUT_TCP);
	config->tcp_fin_s = number(&attrs, IPVS_CMD_ATTR_TIMEOUT_TCP_FIN);
	config->udp_s = number(&attrs, IPVS_CMD_ATTR_TIMEOUT_UDP);
	return 0;
}
