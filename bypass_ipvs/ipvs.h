/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What IPVS in this thread's network namespace is told to do, over its generic netlink family. */
#ifndef BYPASS_IPVS_IPVS_H
#define BYPASS_IPVS_IPVS_H

#include <stddef.h>
#include <stdint.h>

#include "bypass_ipvs/abi.h"

#define IPVS_SCHEDULER_SIZE 16

/** struct ipvs_stats - of a service or destination, since it was added; bytes of IP packets */
struct ipvs_stats {
	uint64_t conns;
	uint64_t in_packets;
	uint64_t out_packets;
	uint64_t in_bytes;
	uint64_t out_bytes;
};

/**
 * struct ipvs_dest - a real server of a service
 * @addr: IPv4 in the first word
 * @port: 0: the packet's own
 * @family: of @addr; with tunnels it may differ from the service's
 * @tunnel: IP_VS_CONN_F_TUNNEL_TYPE_*, if @method is IP_VS_CONN_F_TUNNEL
 * @method: IP_VS_CONN_F_MASQ, _LOCALNODE, _TUNNEL, _DROUTE
 * @tunnel_port: UDP port of GUE
 * @tunnel_flags: IP_VS_TUNNEL_ENCAP_FLAG_*
 * @active, @inactive, @persistent: connections
 */
struct ipvs_dest {
	__be32 addr[4];
	__be16 port;
	uint8_t family;
	uint8_t tunnel;
	uint32_t method;
	uint32_t weight;
	__be16 tunnel_port;
	uint16_t tunnel_flags;
	uint32_t active;
	uint32_t inactive;
	uint32_t persistent;
	struct ipvs_stats stats;
};

/**
 * struct ipvs_service - a virtual service
 * @key: as in service_map; its protocol may be one that the bypass does not know
 * @flags: IP_VS_SVC_F_*
 * @timeout: of persistence, in seconds
 * @netmask: of persistence; IPv6: the prefix length
 * @dest: @dests of them, by address and port
 */
struct ipvs_service {
	struct bypass_service_key key;
	char scheduler[IPVS_SCHEDULER_SIZE];
	uint32_t flags;
	uint32_t timeout;
	uint32_t netmask;
	struct ipvs_stats stats;
	struct ipvs_dest *dest;
	size_t dests;
};

/**
 * struct ipvs_config - everything; zeroed: no services
 * @service: @services of them, by key
 * @tcp_s, @tcp_fin_s, @udp_s: time-outs of connections
 */
struct ipvs_config {
	struct ipvs_service *service;
	size_t services;
	uint32_t tcp_s;
	uint32_t tcp_fin_s;
	uint32_t udp_s;
};

struct ipvs;

/**
 * ipvs_open - a socket to IPVS
 * Return: 0; -ENOENT the kernel has no IPVS (no module is loaded for it); -EPERM.
 */
int ipvs_open(struct ipvs **ipvs);

/** ipvs_close - NULL is fine */
void ipvs_close(struct ipvs *ipvs);

/**
 * ipvs_read - all services and destinations, in order
 * @config: set on success; ipvs_free() it
 *
 * The kernel hands them out piece by piece: what is changed meanwhile may be seen half.
 */
int ipvs_read(struct ipvs *ipvs, struct ipvs_config *config);

/** ipvs_free - and zero */
void ipvs_free(struct ipvs_config *config);

/** ipvs_sort - services by key, destinations by address and port */
void ipvs_sort(struct ipvs_config *config);

/** ipvs_key_compare - order of services: less than, equal to or greater than 0 */
int ipvs_key_compare(const struct bypass_service_key *a, const struct bypass_service_key *b);

/** ipvs_dest_compare - order of destinations: by address and port */
int ipvs_dest_compare(const struct ipvs_dest *a, const struct ipvs_dest *b);

/** ipvs_find - of an ordered configuration; NULL: there is none */
const struct ipvs_service *ipvs_find(const struct ipvs_config *config,
				     const struct bypass_service_key *key);

/* ipvs_parse.c: messages */
struct nlmsghdr;

/** ipvs_parse_service - add the service of one message to @config; without its destinations */
int ipvs_parse_service(const struct nlmsghdr *nlh, struct ipvs_config *config);

/** ipvs_parse_dest - add the destination of one message to @service */
int ipvs_parse_dest(const struct nlmsghdr *nlh, struct ipvs_service *service);

/** ipvs_parse_timeouts - take the time-outs of one message */
int ipvs_parse_timeouts(const struct nlmsghdr *nlh, struct ipvs_config *config);

#endif
