// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* What a line of ipvsadm means here. */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "xdp_lb/import_line.h"
#include "xdp_lb/text.h"

static bool given(const struct lb_import_line *line, enum lb_option option)
{
	return line->option[option].text;
}

/* word_text - as a string of LB_TEXT_SIZE; false: it is longer, or has a NUL */
static bool word_text(const struct lb_word *word, char *buf)
{
	if (word->len >= LB_TEXT_SIZE || memchr(word->text, '\0', word->len))
		return false;
	memcpy(buf, word->text, word->len);
	buf[word->len] = '\0';
	return true;
}

static int word_number(const struct lb_word *word, uint64_t max, const char *cause,
		       uint64_t *number)
{
	char text[LB_TEXT_SIZE];

	if (!word_text(word, text) || strspn(text, "0123456789") != word->len ||
	    ecbpf_parse_number(text, 0, max, number))
		return lb_word_fail(word, cause);
	return 0;
}

/* --- addresses: HOST[:PORT], the port a number or a name */

static int named_port(const struct lb_word *word, const char *name, const char *proto,
		      uint16_t *port)
{
	const struct servent *service;
	uint64_t number;

	if (name[0] && strspn(name, "0123456789") == strlen(name)) {
		if (ecbpf_parse_number(name, 0, 65535, &number))
			return lb_word_fail(word, "not a port");
		*port = number;
		return 0;
	}
	service = name[0] ? getservbyname(name, proto) : NULL;
	if (!service)
		return lb_word_fail(word, "not a port that is known here: save with -n");
	*port = ntohs(service->s_port);
	return 0;
}

static int parse_host(const struct lb_word *word, const char *proto, struct lb_endpoint *endpoint)
{
	char text[LB_TEXT_SIZE], *colon;
	uint16_t port = 0;
	int err = 0;

	if (!word_text(word, text))
		return lb_word_fail(word, "not an address");
	colon = strrchr(text, ':');
	if (colon && strchr(colon, ']')) /* within an address of IPv6 */
		colon = NULL;
	if (colon) {
		*colon = '\0';
		err = named_port(word, colon + 1, proto, &port);
	}
	if (err)
		return err;
	if (lb_endpoint_parse(text, endpoint) || endpoint->port)
		return lb_word_fail(word, "not an address that can be used: save with -n");
	endpoint->port = port;
	return 0;
}

/* parse_service - its key; port 0: all */
static int parse_service(const struct lb_import_line *line, struct lb_service *service)
{
	const bool udp = given(line, LB_OPTION_UDP);
	const struct lb_word *word = &line->value[udp ? LB_OPTION_UDP : LB_OPTION_TCP];
	struct lb_endpoint endpoint;
	int err;

	if (udp == given(line, LB_OPTION_TCP))
		return lb_word_fail(&line->first, "one of -t and -u expected");
	err = parse_host(word, udp ? "udp" : "tcp", &endpoint);
	if (err)
		return err;
	*service = (struct lb_service){
		.address = { .family = endpoint.family,
			     .length = endpoint.family == AF_INET ? 32 : 128 },
		.proto = udp ? IPPROTO_UDP : IPPROTO_TCP,
		.first = endpoint.port,
		.last = endpoint.port ? endpoint.port : 65535,
	};
	memcpy(service->address.addr, endpoint.addr, sizeof(endpoint.addr));
	return 0;
}

/* refuse_options - of the other kind of line; LB_OPTIONS ends the list */
static int refuse_options(const struct lb_import_line *line, const enum lb_option *option)
{
	for (; *option != LB_OPTIONS; option++)
		if (given(line, *option))
			return lb_word_fail(&line->option[*option], "not in a line of this kind");
	return 0;
}

/* in_line - what the configuration said, which knows of no lines */
static int in_line(const struct lb_import_line *line, int err)
{
	char cause[512];

	if (!err)
		return 0;
	snprintf(cause, sizeof(cause), "%s", ecbpf_error());
	return ecbpf_fail(err, "%u: %s", line->first.line, cause);
}

/* --- services */

static void note(struct lb_importer *im, const struct lb_word *word, const char *text)
{
	fprintf(im->notes, "%u: %.*s: %s\n", word->line, (int)word->len, word->text, text);
}

#define BY_HASH "a consistent hash of the 5-tuple chooses instead"

/** struct scheduler - @refused: why, or NULL; @note: what differs, or NULL */
static const struct scheduler {
	const char *name;
	enum lb_hash hash;
	const char *refused, *note;
} schedulers[] = {
	{ "mh", LB_HASH_SOURCE, NULL, NULL },
	{ "sh", LB_HASH_SOURCE, NULL, NULL },
	{ "rr", LB_HASH_5_TUPLE, NULL, BY_HASH ", with the weights" },
	{ "wrr", LB_HASH_5_TUPLE, NULL, BY_HASH },
	{ "lc", LB_HASH_5_TUPLE, NULL, BY_HASH ", with the weights" },
	{ "wlc", LB_HASH_5_TUPLE, NULL, BY_HASH },
	{ "sed", LB_HASH_5_TUPLE, NULL, BY_HASH },
	{ "nq", LB_HASH_5_TUPLE, NULL, BY_HASH },
	{ "dh", 0, "all flows to one address would go to one server", NULL },
	{ "lblc", 0, "servers are not chosen by what the destination had before", NULL },
	{ "lblcr", 0, "servers are not chosen by what the destination had before", NULL },
	{ "fo", 0, "weights are shares: there are no servers in reserve", NULL },
	{ "ovf", 0, "weights are shares: there are no servers in reserve", NULL },
};

/* read_flags - of sh and mh: FALLBACK, PORT, as names or numbers */
static int read_flags(const struct lb_import_line *line, const char *scheduler, bool *fallback,
		      bool *port)
{
	const struct lb_word *word = &line->value[LB_OPTION_FLAGS];
	const bool hashes = !strcmp(scheduler, "sh") || !strcmp(scheduler, "mh");
	char text[LB_TEXT_SIZE], *flag, *rest = text;

	if (!given(line, LB_OPTION_FLAGS))
		return 0;
	if (!hashes || !word_text(word, text))
		return lb_word_fail(word, "flags of the scheduler that are not known");
	while ((flag = strsep(&rest, ","))) {
		const bool own = !strncmp(flag, scheduler, 2) && flag[2] == '-';

		if (!strcmp(flag, "flag-1") || (own && !strcmp(flag + 3, "fallback")))
			*fallback = true;
		else if (!strcmp(flag, "flag-2") || (own && !strcmp(flag + 3, "port")))
			*port = true;
		else
			return lb_word_fail(word, "flags of the scheduler that are not known");
	}
	return 0;
}

static int read_scheduler(struct lb_importer *im, const struct lb_import_line *line,
			  struct lb_vip *vip)
{
	/* what ipvsadm takes if there is none */
	const struct lb_word *word = &line->value[LB_OPTION_SCHEDULER];
	const struct scheduler *row = schedulers;
	const size_t count = sizeof(schedulers) / sizeof(schedulers[0]);
	bool fallback = false, port = false;
	size_t i;
	int err;

	for (i = 0; i < count; i++)
		if (word->text ? lb_word_is(word, schedulers[i].name) :
				 !strcmp(schedulers[i].name, "wlc"))
			break;
	if (i == count)
		return lb_word_fail(word, "a scheduler that is not known");
	row += i;
	if (row->refused)
		return lb_word_fail(word, row->refused);
	err = read_flags(line, row->name, &fallback, &port);
	if (err)
		return err;
	vip->hash = port ? LB_HASH_5_TUPLE : row->hash;
	if (row->note)
		note(im, word->text ? word : &line->first, row->note);
	else if (!fallback)
		note(im, word, "flows of a server that is gone go to others, as with fallback");
	return 0;
}

static int read_persistence(struct lb_importer *im, const struct lb_import_line *line,
			    struct lb_vip *vip)
{
	const struct lb_word *mask = &line->value[LB_OPTION_NETMASK];
	const struct lb_word *timeout = &line->value[LB_OPTION_PERSISTENT];
	const bool six = vip->service.address.family == AF_INET6;
	uint64_t seconds;

	if (given(line, LB_OPTION_NETMASK) && !lb_word_is(mask, six ? "128" : "255.255.255.255"))
		return lb_word_fail(mask, "only single clients are persistent, not their networks");
	if (timeout->text && word_number(timeout, INT32_MAX, "not a number of seconds", &seconds))
		return -EINVAL;
	if (given(line, LB_OPTION_PERSISTENT)) {
		vip->hash = LB_HASH_SOURCE;
		note(im, &line->option[LB_OPTION_PERSISTENT],
		     "a hash of the source address chooses, with no timeout of its own");
	} else if (given(line, LB_OPTION_NETMASK)) {
		return lb_word_fail(mask, "a mask without -p");
	} else if (!vip->service.first) {
		return lb_word_fail(&line->first, "a service without a port needs -p");
	}
	return 0;
}

int lb_import_service(struct lb_importer *im, const struct lb_import_line *line)
{
	static const enum lb_option others[] = {
		LB_OPTION_GATEWAY,  LB_OPTION_TUNNEL,	LB_OPTION_MASQUERADE, LB_OPTION_NOCSUM,
		LB_OPTION_SERVER,   LB_OPTION_WEIGHT,	LB_OPTION_UPPER,      LB_OPTION_LOWER,
		LB_OPTION_TUN_TYPE, LB_OPTION_TUN_PORT, LB_OPTIONS,
	};
	struct lb_service service;
	struct lb_vip vip;
	int err = refuse_options(line, others);

	if (!err)
		err = parse_service(line, &service);
	if (err)
		return err;
	lb_vip_init(&vip, &service);
	vip.forward.mode = LB_DIRECT; /* ipvsadm's default, until there is a server */
	err = read_scheduler(im, line, &vip);
	if (!err)
		err = read_persistence(im, line, &vip);
	if (!err && given(line, LB_OPTION_OPS)) {
		if (service.proto != IPPROTO_UDP)
			return lb_word_fail(&line->option[LB_OPTION_OPS],
					    "only udp is without flows");
		vip.flags = LB_NO_TABLE;
		note(im, &line->option[LB_OPTION_OPS],
		     "no connection table; the packets of a flow still go to one server");
	}
	return err ? err : in_line(line, lb_vip_add(im->config, &vip));
}

/* --- servers */

static int read_tunnel(const struct lb_import_line *line, struct lb_forward *forward)
{
	const struct lb_word *type = &line->value[LB_OPTION_TUN_TYPE];
	const struct lb_word *port = &line->value[LB_OPTION_TUN_PORT];
	const bool gue = lb_word_is(type, "gue");
	uint64_t number;
	int err;

	if (type->text && !gue && !lb_word_is(type, "ipip"))
		return lb_word_fail(type, "tunnels are ipip or gue");
	if (!gue && port->text)
		return lb_word_fail(port, "only gue has a port");
	forward->mode = gue ? LB_GUE : LB_IPIP;
	if (!gue)
		return 0;
	if (!port->text)
		return lb_word_fail(type, "gue needs --tun-port");
	err = word_number(port, 65535, "not a port", &number);
	if (!err && !number)
		err = lb_word_fail(port, "not a port");
	if (!err)
		forward->gue_port = number;
	return err;
}

static int read_forward(const struct lb_import_line *line, struct lb_forward *forward)
{
	static const enum lb_option of_tunnels[] = { LB_OPTION_TUN_TYPE, LB_OPTION_TUN_PORT,
						     LB_OPTION_NOCSUM, LB_OPTIONS };
	const bool tunnel = given(line, LB_OPTION_TUNNEL), nat = given(line, LB_OPTION_MASQUERADE);

	*forward = (struct lb_forward){ .mode = nat ? LB_NAT : LB_DIRECT };
	if (tunnel + nat + given(line, LB_OPTION_GATEWAY) > 1)
		return lb_word_fail(&line->first, "more than one of -g, -i and -m");
	return tunnel ? read_tunnel(line, forward) : refuse_options(line, of_tunnels);
}

static int read_weight(const struct lb_import_line *line, struct lb_backend *backend)
{
	static const enum lb_option thresholds[] = { LB_OPTION_UPPER, LB_OPTION_LOWER };
	const struct lb_word *word = &line->value[LB_OPTION_WEIGHT];
	uint64_t number = 1;
	size_t i;
	int err;

	for (i = 0; i < 2; i++) {
		const struct lb_word *threshold = &line->value[thresholds[i]];

		if (threshold->text && !lb_word_is(threshold, "0"))
			return lb_word_fail(threshold, "connections of a server are not limited");
	}
	err = word->text ?
		      word_number(word, LB_WEIGHT_MAX, "not a weight from 0 to 65535", &number) :
		      0;
	if (!err)
		backend->weight = number;
	return err;
}

/* read_server - its port 0 if it is the service's */
static int read_server(const struct lb_import_line *line, const struct lb_service *service,
		       struct lb_endpoint *endpoint)
{
	const struct lb_word *word = &line->value[LB_OPTION_SERVER];
	int err;

	if (!word->text)
		return lb_word_fail(&line->first, "-r is missing");
	err = parse_host(word, service->proto == IPPROTO_UDP ? "udp" : "tcp", endpoint);
	if (err)
		return err;
	if (endpoint->port == service->first)
		endpoint->port = 0;
	if (endpoint->port && !given(line, LB_OPTION_MASQUERADE))
		return lb_word_fail(word, "only -m changes the port");
	return 0;
}

/* add_server - the first of a service decides its mode, others have their own if they differ */
static int add_server(struct lb_config *config, const struct lb_service *service,
		      struct lb_backend *backend)
{
	const struct lb_vip *vip = lb_vip_find(config, service);
	struct lb_vip changed;
	int err = 0;

	if (vip && !vip->backends) {
		changed = *vip;
		changed.forward = backend->forward;
		err = lb_vip_set(config, &changed);
	}
	if (vip && backend->forward.mode == vip->forward.mode &&
	    backend->forward.gue_port == vip->forward.gue_port)
		backend->forward = (struct lb_forward){};
	return err ? err : lb_backend_add(config, service, backend);
}

int lb_import_server(struct lb_importer *im, const struct lb_import_line *line)
{
	static const enum lb_option others[] = { LB_OPTION_OPS,	      LB_OPTION_PERSISTENT,
						 LB_OPTION_SCHEDULER, LB_OPTION_FLAGS,
						 LB_OPTION_NETMASK,   LB_OPTIONS };
	struct lb_endpoint endpoint;
	struct lb_service service;
	struct lb_backend backend;
	int err = refuse_options(line, others);

	if (!err)
		err = parse_service(line, &service);
	if (!err)
		err = read_server(line, &service, &endpoint);
	if (err)
		return err;
	lb_backend_init(&backend, &endpoint);
	err = read_forward(line, &backend.forward);
	if (!err)
		err = read_weight(line, &backend);
	return err ? err : in_line(line, add_server(im->config, &service, &backend));
}
