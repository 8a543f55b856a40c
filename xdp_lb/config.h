/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What the balancer is told to do, as a value: nothing here knows of kernels. Everything in it is
 * in one order, that of keys, so that two configurations entered in different orders are the same
 * bytes. Addresses are in network byte order, ports and numbers in host byte order.
 *
 * An operation changes all it says or, with a message in ecbpf_error(), nothing. For a change of
 * several steps, do them on an lb_config_copy() and keep it only if all went well.
 */
#ifndef XDP_LB_CONFIG_H
#define XDP_LB_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libecbpf/cli.h"

#define LB_VIPS_MAX	4096
#define LB_BACKENDS_MAX 65535 /* of all VIPs together; so LB_NONE is never an index */
#define LB_SOURCES_MAX	65535 /* of all VIPs together */
#define LB_WEIGHT_MAX	65535

#define LB_TABLE_MIN	 7U
#define LB_TABLE_MAX	 1048573U /* the largest prime below 2^20 */
#define LB_TABLE_DEFAULT 65537U

#define LB_IDLE_MAX_S	    604800U /* a week */
#define LB_TCP_IDLE_DEFAULT 900U
#define LB_UDP_IDLE_DEFAULT 60U
#define LB_NEW_MAX_PPS	    1000000000U
#define LB_GUE_PORT_DEFAULT 6080U

/** enum lb_mode - how packets get to a backend; 0 of a backend: its VIP's */
enum lb_mode { LB_IPIP = 1, LB_GUE, LB_DIRECT, LB_NAT, LB_FULL_NAT };
#define LB_MODES "ipip|gue|direct|nat|full-nat"

/**
 * enum lb_hash - of what of a packet chooses the table's entry; ADDRESSES: source and destination; QUIC: as
 * 5_TUPLE, unless the connection id names a backend
 */
enum lb_hash { LB_HASH_5_TUPLE = 1, LB_HASH_SOURCE, LB_HASH_ADDRESSES, LB_HASH_QUIC };
#define LB_HASHES "5-tuple|source|addresses|quic"

#define LB_SERVER_ID_MAX     15 /* octets */
#define LB_SERVER_ID_DEFAULT 4
#define LB_ROTATION_MAX	     6

/** enum lb_state - DRAINING: keeps its flows, gets no new ones; DOWN: its flows go elsewhere */
enum lb_state { LB_ACTIVE = 1, LB_DRAINING, LB_DOWN };
#define LB_STATES "active|draining|down"

/* Flags of a VIP. */
#define LB_NO_TABLE	    1U /* no connection table: the hash alone decides */
#define LB_ECHO		    2U /* echo requests to the VIP are answered */
#define LB_REFUSE_FRAGMENTS 4U
#define LB_FLAGS	    7U

/**
 * struct lb_service - key of a VIP
 * @address: of length 32 or 128: one address
 * @proto: IPPROTO_TCP, IPPROTO_UDP; 0: any protocol, and then all ports
 * @first, @last: ports 1 .. 65535; all: 0 and 65535
 */
struct lb_service {
	struct ecbpf_prefix address;
	uint8_t proto;
	uint16_t first, last;
};

/**
 * struct lb_endpoint - key of a backend in its VIP
 * @addr: IPv4 in the first four bytes, the rest zero
 * @port: 0: that of the packet stays
 */
struct lb_endpoint {
	uint8_t addr[16];
	uint8_t family;
	uint16_t port;
};

/**
 * struct lb_forward - a mode and its options
 * @mode: enum lb_mode
 * @gue_port: UDP port of LB_GUE, 0 of all others
 * @source4, @source6: outer source of LB_IPIP and LB_GUE, the balancer's own of LB_FULL_NAT; all
 *                     zero: that of the interface
 */
struct lb_forward {
	uint8_t mode;
	uint16_t gue_port;
	uint8_t source4[4], source6[16];
};

/** struct lb_server_id - what connection ids of QUIC name a backend by; @octets 0: none; the rest zero */
struct lb_server_id {
	uint8_t octets;
	uint8_t octet[LB_SERVER_ID_MAX];
};

/**
 * struct lb_backend - one backend of a VIP
 * @forward: its own, if the mode is not 0
 * @weight: 0 .. LB_WEIGHT_MAX; 0: gets nothing new
 * @state: enum lb_state, by the operator
 * @monitor: LB_ACTIVE or LB_DOWN, by health checks; the worse of the two holds
 * @id: its own, or none: lb_backend_server_id()
 */
struct lb_backend {
	struct lb_endpoint endpoint;
	struct lb_forward forward;
	uint16_t weight;
	uint8_t state, monitor;
	struct lb_server_id id;
};

/** struct lb_source - new flows from @prefix go to @backend while it takes new ones */
struct lb_source {
	struct ecbpf_prefix prefix;
	struct lb_endpoint backend;
};

/**
 * struct lb_vip - a VIP with all its own
 * @hash: enum lb_hash
 * @id_octets, @rotation: of LB_HASH_QUIC: length of server ids, 1 .. LB_SERVER_ID_MAX, and the three bits
 *			  before them, 0 .. LB_ROTATION_MAX; 0 of all others
 * @flags: LB_NO_TABLE, ...
 * @tcp_idle_s, @udp_idle_s: 1 .. LB_IDLE_MAX_S: then a flow is forgotten
 * @new_pps: new connections per second and CPU beyond which the hash alone decides; 0: no limit
 * @table_size: of the Maglev table: a prime, LB_TABLE_MIN .. LB_TABLE_MAX
 */
struct lb_vip {
	struct lb_service service;
	struct lb_forward forward;
	uint8_t hash;
	uint8_t id_octets, rotation;
	uint8_t flags;
	uint32_t tcp_idle_s, udp_idle_s;
	uint32_t new_pps;
	uint32_t table_size;
	size_t backends;
	struct lb_backend *backend;
	size_t sources;
	struct lb_source *source;
};

/** struct lb_config - all zero: empty; @backends, @sources: sums over the VIPs */
struct lb_config {
	size_t vips;
	struct lb_vip *vip;
	size_t backends;
	size_t sources;
};

/** lb_config_copy - @to: is overwritten, not freed; -ENOMEM */
int lb_config_copy(struct lb_config *to, const struct lb_config *from);

/** lb_config_free - leaves it empty */
void lb_config_free(struct lb_config *config);

/** lb_config_equal, lb_vip_equal - with all that is in them */
bool lb_config_equal(const struct lb_config *a, const struct lb_config *b);
bool lb_vip_equal(const struct lb_vip *a, const struct lb_vip *b);

/** lb_vip_init - defaults: IPIP, 5-tuple, LB_TABLE_DEFAULT entries, no flags, no backends */
void lb_vip_init(struct lb_vip *vip, const struct lb_service *service);

/** lb_backend_init - defaults: the VIP's mode, weight 1, active */
void lb_backend_init(struct lb_backend *backend, const struct lb_endpoint *endpoint);

/**
 * lb_vip_add - @vip: is copied with its backends and sources, which may be in any order
 * Return: 0; -EEXIST this key, or one whose range of ports overlaps, or a backend or source
 * twice; -E2BIG over a limit; -EINVAL a value; -ENOMEM.
 */
int lb_vip_add(struct lb_config *config, const struct lb_vip *vip);

/** lb_vip_set - all values of @vip but its backends and sources, which stay; -ENOENT, -EINVAL */
int lb_vip_set(struct lb_config *config, const struct lb_vip *vip);

/** lb_vip_del - with its backends; -ENOENT */
int lb_vip_del(struct lb_config *config, const struct lb_service *service);

/** lb_backend_add - -ENOENT no such VIP; -EEXIST; -E2BIG; -EINVAL; -ENOMEM */
int lb_backend_add(struct lb_config *config, const struct lb_service *service,
		   const struct lb_backend *backend);

/** lb_backend_set - all but its key; -ENOENT; -EINVAL */
int lb_backend_set(struct lb_config *config, const struct lb_service *service,
		   const struct lb_backend *backend);

/** lb_backend_del - -ENOENT; -EBUSY a source prefix goes there */
int lb_backend_del(struct lb_config *config, const struct lb_service *service,
		   const struct lb_endpoint *endpoint);

/** lb_vip_table_hash - what the entry of the table is chosen by */
enum lb_hash lb_vip_table_hash(const struct lb_vip *vip);

/** lb_backend_server_id - its own, or under a VIP of hash quic the end of its address, behind zeroes */
void lb_backend_server_id(const struct lb_vip *vip, const struct lb_backend *backend,
			  struct lb_server_id *id);

/** lb_server_id_cid - beginning of connection ids that have it; the rest zero */
void lb_server_id_cid(const struct lb_vip *vip, const struct lb_server_id *id, uint8_t cid[16]);

/** lb_source_add - -ENOENT no such VIP or backend; -EEXIST; -E2BIG; -EINVAL; -ENOMEM */
int lb_source_add(struct lb_config *config, const struct lb_service *service,
		  const struct lb_source *source);

/** lb_source_del - -ENOENT */
int lb_source_del(struct lb_config *config, const struct lb_service *service,
		  const struct ecbpf_prefix *prefix);

/** lb_vip_check - its values; of backends and sources: what config_check.c says of each; -EINVAL */
int lb_vip_check(const struct lb_vip *vip);

/** lb_backend_check, lb_source_check - values alone and beside those of @vip; -EINVAL */
int lb_backend_check(const struct lb_vip *vip, const struct lb_backend *backend);
int lb_source_check(const struct lb_vip *vip, const struct lb_source *source);

/** lb_service_compare, ... - the order of a configuration: < 0, 0, > 0 */
int lb_service_compare(const struct lb_service *a, const struct lb_service *b);
int lb_endpoint_compare(const struct lb_endpoint *a, const struct lb_endpoint *b);
int lb_prefix_compare(const struct ecbpf_prefix *a, const struct ecbpf_prefix *b);

/** lb_vip_find - by its key, or NULL */
const struct lb_vip *lb_vip_find(const struct lb_config *config, const struct lb_service *service);

/**
 * lb_vip_match - the VIP of a packet's destination, or NULL
 *
 * The longest prefix, then the protocol itself before any, then the port itself before a range
 * before all ports.
 */
const struct lb_vip *lb_vip_match(const struct lb_config *config, uint8_t proto,
				  const struct lb_endpoint *to);

/** lb_backend_find - by its key, or NULL */
const struct lb_backend *lb_backend_find(const struct lb_vip *vip,
					 const struct lb_endpoint *endpoint);

/** lb_source_match - backend of the longest prefix with this source of the VIP's family, or NULL */
const struct lb_backend *lb_source_match(const struct lb_vip *vip, const uint8_t *addr);

/** lb_backend_state - the worse of the operator's and the monitor's */
enum lb_state lb_backend_state(const struct lb_backend *backend);

/** lb_backend_weight - the share of new flows: 0 unless active */
unsigned int lb_backend_weight(const struct lb_backend *backend);

/** lb_mode_is_nat - LB_NAT, LB_FULL_NAT */
bool lb_mode_is_nat(enum lb_mode mode);

/** lb_vip_refuses_fragments - it was told to, or has backends by NAT, which knows nothing of fragments */
bool lb_vip_refuses_fragments(const struct lb_vip *vip);

/** lb_backend_forward - its own or its VIP's */
const struct lb_forward *lb_backend_forward(const struct lb_vip *vip,
					    const struct lb_backend *backend);

#endif
