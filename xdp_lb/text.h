/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What people type and read: services, backends, and the words for what they are. */
#ifndef XDP_LB_TEXT_H
#define XDP_LB_TEXT_H

#include "xdp_lb/config.h"

#define LB_TEXT_SIZE 96 /* of any text here, its end included */

/**
 * lb_service_parse - PROTOCOL:ADDRESS[/LENGTH][:PORT[-PORT]]
 *
 * tcp, udp or any; an IPv6 address is in brackets: udp:[2001:db8::1]:53, any:[2001:db8::]/32.
 * Return: 0; -EINVAL. *service changes only on success.
 */
int lb_service_parse(const char *text, struct lb_service *service);

/** lb_endpoint_parse - ADDRESS[:PORT], as above: 192.0.2.10:8080, [2001:db8::10]; -EINVAL */
int lb_endpoint_parse(const char *text, struct lb_endpoint *endpoint);

/** lb_server_id_parse - 1 .. LB_SERVER_ID_MAX octets, as hexadecimal digits; -EINVAL */
int lb_server_id_parse(const char *text, struct lb_server_id *id);

/** lb_address_usable - none of: unspecified, loopback, multicast, of a link, IPv4 in IPv6 */
bool lb_address_usable(uint8_t family, const uint8_t *addr);

/* These write the canonical text into @buf of LB_TEXT_SIZE bytes, and return it. */
const char *lb_service_text(const struct lb_service *service, char *buf);
const char *lb_endpoint_text(const struct lb_endpoint *endpoint, char *buf);
const char *lb_prefix_text(const struct ecbpf_prefix *prefix, char *buf);
const char *lb_server_id_text(const struct lb_server_id *id, char *buf);

/* The word of LB_MODES, LB_HASHES, LB_STATES. */
const char *lb_mode_name(enum lb_mode mode);
const char *lb_hash_name(enum lb_hash hash);
const char *lb_state_name(enum lb_state state);

#endif
