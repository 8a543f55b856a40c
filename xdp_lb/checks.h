/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Health checks as an operator writes them, in a file; nothing here knows of sockets. A line is
 *
 *	check SERVICE tcp|http|https|udp|script [NAME VALUE]...
 *
 * for all backends of the VIP SERVICE (text.h); what is behind a # is a comment. By default:
 *
 *	interval 2s	between the beginnings of two checks
 *	timeout 1s	then it has failed; at most the interval
 *	rise 2		so many good ones in a row, and a backend that is down is active
 *	fall 3		so many bad ones in a row, and it is down
 *	port N		the backend's, else the VIP's, which must have one
 *	path /		http, https: of GET
 *	host NAME	http, https: the name that is asked for, also in TLS; else the address
 *	expect 200-399	http, https: status
 *	send HEX	udp: the datagram, else an empty one
 *	expect HEX	udp: how the answer begins, else any will do
 *	script PATH	script: is run with the address and the port; status 0 is good
 *
 * Certificates are not verified: the check asks whether a server works.
 */
#ifndef XDP_LB_CHECKS_H
#define XDP_LB_CHECKS_H

#include "xdp_lb/config.h"

#define LB_CHECK_KINDS "tcp|http|https|udp|script"
enum lb_check_kind {
	LB_CHECK_TCP = 1,
	LB_CHECK_HTTP,
	LB_CHECK_HTTPS,
	LB_CHECK_UDP,
	LB_CHECK_SCRIPT,
};

#define LB_CHECK_BYTES 256 /* of a datagram, and of what is expected */
#define LB_CHECK_TEXT  256 /* of a path or name, its end included */

/**
 * struct lb_check - of one VIP
 * @port: 0: of the backend or VIP
 * @bytes, @wanted: of @send, @expect
 */
struct lb_check {
	struct lb_service service;
	int kind;
	uint64_t interval_ns, timeout_ns;
	unsigned int rise, fall;
	uint16_t port;
	uint16_t status_min, status_max;
	size_t bytes, wanted;
	uint8_t send[LB_CHECK_BYTES], expect[LB_CHECK_BYTES];
	char path[LB_CHECK_TEXT], host[LB_CHECK_TEXT], script[LB_CHECK_TEXT];
};

/** struct lb_checks - @count of them, in the order of the file; zeroed: none */
struct lb_checks {
	struct lb_check *check;
	size_t count;
};

/**
 * lb_checks_parse - all of a file
 * Return: 0; -EINVAL, with the line's number; -EEXIST a VIP twice; -ENOMEM. *checks changes only on
 * success; lb_checks_free() it.
 */
int lb_checks_parse(const char *text, struct lb_checks *checks);

/** lb_checks_read - the file at @path; besides: -ENOENT and so on */
int lb_checks_read(const char *path, struct lb_checks *checks);

void lb_checks_free(struct lb_checks *checks);

/** lb_checks_find - of a VIP, or NULL */
const struct lb_check *lb_checks_find(const struct lb_checks *checks,
				      const struct lb_service *service);

/**
 * struct lb_verdict - what checks have made of a backend
 * @row: results in a row that speak against @up
 */
struct lb_verdict {
	bool up;
	unsigned int row;
};

/** lb_verdict_take - one more result; true: @up has changed */
bool lb_verdict_take(struct lb_verdict *verdict, const struct lb_check *check, bool good);

#endif
