// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "xdp_lb/edit.h"
#include "xdp_lb/text.h"

#define NS_PER_S 1000000000ULL

/* --- options */

/* source_set - one address of a mode's options; "none": the interface's */
static int source_set(const char *text, int family, uint8_t *addr, size_t size)
{
	uint8_t parsed[16];

	if (!text)
		return 0;
	if (!strcmp(text, "none")) {
		memset(addr, 0, size);
		return 0;
	}
	if (inet_pton(family, text, parsed) != 1) {
		ecbpf_fail(-EINVAL, "%s is not an IPv%d address", text, family == AF_INET ? 4 : 6);
		return ECBPF_EXIT_USAGE;
	}
	memcpy(addr, parsed, size);
	return 0;
}

/* forward_set - another mode begins with its own defaults */
static int forward_set(struct lb_forward *forward, const struct lb_said *said)
{
	int err;

	if (said->mode && said->mode != forward->mode)
		*forward = (struct lb_forward){
			.mode = said->mode,
			.gue_port = said->mode == LB_GUE ? LB_GUE_PORT_DEFAULT : 0,
		};
	if (said->gue_port != LB_UNSAID)
		forward->gue_port = said->gue_port;
	err = source_set(said->source4, AF_INET, forward->source4, sizeof(forward->source4));
	return err ? err :
		     source_set(said->source6, AF_INET6, forward->source6,
				sizeof(forward->source6));
}

static void flag_set(uint8_t *flags, uint8_t flag, bool on, bool off)
{
	if (on)
		*flags |= flag;
	if (off)
		*flags &= ~flag;
}

/* hash_set - another one begins with its own defaults */
static void hash_set(struct lb_vip *vip, const struct lb_said *said)
{
	if (said->hash && said->hash != vip->hash) {
		vip->hash = said->hash;
		vip->id_octets = said->hash == LB_HASH_QUIC ? LB_SERVER_ID_DEFAULT : 0;
		vip->rotation = 0;
	}
	if (said->id_octets != LB_UNSAID)
		vip->id_octets = said->id_octets;
	if (said->rotation != LB_UNSAID)
		vip->rotation = said->rotation;
}

static int vip_set(struct lb_vip *vip, const struct lb_said *said)
{
	hash_set(vip, said);
	if (said->table != LB_UNSAID)
		vip->table_size = said->table;
	if (said->tcp_idle_ns != LB_UNSAID)
		vip->tcp_idle_s = said->tcp_idle_ns / NS_PER_S;
	if (said->udp_idle_ns != LB_UNSAID)
		vip->udp_idle_s = said->udp_idle_ns / NS_PER_S;
	if (said->new_pps != LB_UNSAID)
		vip->new_pps = said->new_pps;
	flag_set(&vip->flags, LB_NO_TABLE, said->no_table, said->with_table);
	flag_set(&vip->flags, LB_ECHO, said->echo, said->no_echo);
	flag_set(&vip->flags, LB_REFUSE_FRAGMENTS, said->refuse_fragments, said->allow_fragments);
	return forward_set(&vip->forward, said);
}

static int backend_set(struct lb_backend *backend, const struct lb_said *said)
{
	if (said->weight != LB_UNSAID)
		backend->weight = said->weight;
	if (said->state)
		backend->state = said->state;
	if (said->server_id && !strcmp(said->server_id, "none"))
		backend->id = (struct lb_server_id){};
	else if (said->server_id && lb_server_id_parse(said->server_id, &backend->id))
		return ECBPF_EXIT_USAGE;
	return forward_set(&backend->forward, said);
}

/* --- steps: one for each operand */

/** struct step - @service: that a backend or source is of; @last: behind the operand, or NULL */
struct step {
	struct lb_config *config;
	const struct lb_said *said;
	struct lb_service service;
	const char *operand, *last;
};

static int vip_add(const struct step *step)
{
	struct lb_service service;
	struct lb_vip vip;
	int err = lb_service_parse(step->operand, &service);

	if (err)
		return ECBPF_EXIT_USAGE;
	lb_vip_init(&vip, &service);
	err = vip_set(&vip, step->said);
	return err ? err : lb_vip_add(step->config, &vip);
}

static int vip_change(const struct step *step)
{
	const struct lb_vip *old;
	struct lb_service service;
	struct lb_vip vip;
	int err = lb_service_parse(step->operand, &service);

	if (err)
		return ECBPF_EXIT_USAGE;
	old = lb_vip_find(step->config, &service);
	if (!old)
		return ecbpf_fail(-ENOENT, "%s is no VIP", step->operand);
	vip = *old;
	err = vip_set(&vip, step->said);
	return err ? err : lb_vip_set(step->config, &vip);
}

static int vip_del(const struct step *step)
{
	struct lb_service service;

	if (lb_service_parse(step->operand, &service))
		return ECBPF_EXIT_USAGE;
	return lb_vip_del(step->config, &service);
}

static int backend_add(const struct step *step)
{
	struct lb_endpoint endpoint;
	struct lb_backend backend;
	int err = lb_endpoint_parse(step->operand, &endpoint);

	if (err)
		return ECBPF_EXIT_USAGE;
	lb_backend_init(&backend, &endpoint);
	err = backend_set(&backend, step->said);
	return err ? err : lb_backend_add(step->config, &step->service, &backend);
}

static int backend_change(const struct step *step)
{
	const struct lb_vip *vip = lb_vip_find(step->config, &step->service);
	const struct lb_backend *old;
	struct lb_endpoint endpoint;
	struct lb_backend backend;
	char name[LB_TEXT_SIZE];
	int err = lb_endpoint_parse(step->operand, &endpoint);

	if (err)
		return ECBPF_EXIT_USAGE;
	lb_service_text(&step->service, name);
	if (!vip)
		return ecbpf_fail(-ENOENT, "%s is no VIP", name);
	old = lb_backend_find(vip, &endpoint);
	if (!old)
		return ecbpf_fail(-ENOENT, "%s is no backend of %s", step->operand, name);
	backend = *old;
	err = backend_set(&backend, step->said);
	return err ? err : lb_backend_set(step->config, &step->service, &backend);
}

static int backend_del(const struct step *step)
{
	struct lb_endpoint endpoint;

	if (lb_endpoint_parse(step->operand, &endpoint))
		return ECBPF_EXIT_USAGE;
	return lb_backend_del(step->config, &step->service, &endpoint);
}

static int source_add(const struct step *step)
{
	struct lb_source source = {};

	if (ecbpf_parse_prefix(step->operand, &source.prefix) ||
	    lb_endpoint_parse(step->last, &source.backend))
		return ECBPF_EXIT_USAGE;
	return lb_source_add(step->config, &step->service, &source);
}

static int source_del(const struct step *step)
{
	struct ecbpf_prefix prefix;

	if (ecbpf_parse_prefix(step->operand, &prefix))
		return ECBPF_EXIT_USAGE;
	return lb_source_del(step->config, &step->service, &prefix);
}

/* --- words */

/* Which options a change takes. */
enum takes { TAKES_NONE, TAKES_VIP, TAKES_BACKEND };

/**
 * struct change - one of them
 * @of_vip: the first operand is a VIP, and what is changed is its own
 * @min, @max: operands; -1: any number
 * @says: what it has to be
 */
static const struct change {
	const char *noun, *verb;
	enum takes takes;
	bool of_vip;
	int min, max;
	const char *says;
	int (*run)(const struct step *step);
} changes[] = {
	{ "vip", "add", TAKES_VIP, false, 1, -1, "SERVICE...", vip_add },
	{ "vip", "set", TAKES_VIP, false, 1, -1, "SERVICE...", vip_change },
	{ "vip", "del", TAKES_NONE, false, 1, -1, "SERVICE...", vip_del },
	{ "backend", "add", TAKES_BACKEND, true, 2, -1, "SERVICE BACKEND...", backend_add },
	{ "backend", "set", TAKES_BACKEND, true, 2, -1, "SERVICE BACKEND...", backend_change },
	{ "backend", "del", TAKES_NONE, true, 2, -1, "SERVICE BACKEND...", backend_del },
	{ "source", "add", TAKES_NONE, true, 3, 3, "SERVICE PREFIX BACKEND", source_add },
	{ "source", "del", TAKES_NONE, true, 2, -1, "SERVICE PREFIX...", source_del },
};

static int usage(const char *text)
{
	ecbpf_fail(-EINVAL, "%s", text);
	return ECBPF_EXIT_USAGE;
}

static const struct change *change_find(const struct lb_words *words)
{
	size_t i;

	for (i = 0; words->argc && i < sizeof(changes) / sizeof(changes[0]); i++)
		if (!strcmp(changes[i].noun, words->noun) &&
		    !strcmp(changes[i].verb, words->argv[0]))
			return &changes[i];
	return NULL;
}

/* what_else - no change begins with these words */
static int what_else(const char *noun)
{
	if (!strcmp(noun, "vip"))
		return usage("it is add|set|del SERVICE...");
	if (!strcmp(noun, "backend"))
		return usage("it is add|set|del SERVICE BACKEND...");
	if (!strcmp(noun, "source"))
		return usage("it is add SERVICE PREFIX BACKEND, del SERVICE PREFIX...");
	return usage("a change begins with one of vip, backend, source");
}

static bool says_vip(const struct lb_said *said)
{
	return said->hash || said->id_octets != LB_UNSAID || said->rotation != LB_UNSAID ||
	       said->table != LB_UNSAID || said->tcp_idle_ns != LB_UNSAID ||
	       said->udp_idle_ns != LB_UNSAID || said->new_pps != LB_UNSAID || said->no_table ||
	       said->with_table || said->echo || said->no_echo || said->refuse_fragments ||
	       said->allow_fragments;
}

static bool says_backend(const struct lb_said *said)
{
	return said->state || said->server_id || said->weight != LB_UNSAID;
}

static bool says_forward(const struct lb_said *said)
{
	return said->mode || said->gue_port != LB_UNSAID || said->source4 || said->source6;
}

bool lb_said_anything(const struct lb_said *said)
{
	return says_vip(said) || says_backend(said) || says_forward(said);
}

/* options_check - those given are this word's, and do not contradict each other */
static int options_check(const struct change *change, const struct lb_said *said)
{
	const bool vip = says_vip(said), backend = says_backend(said);
	const bool any = lb_said_anything(said);

	if (change->takes == TAKES_NONE && any)
		return usage("it takes no options");
	if (change->takes == TAKES_BACKEND && vip)
		return usage("an option that only a VIP has");
	if (change->takes == TAKES_VIP && backend)
		return usage("weight, state and server id are a backend's");
	if (!strcmp(change->verb, "set") && !any)
		return usage("no option says what to set");
	if ((said->no_table && said->with_table) || (said->echo && said->no_echo) ||
	    (said->refuse_fragments && said->allow_fragments))
		return usage("an option and its opposite");
	return 0;
}

int lb_edit_check(const struct lb_words *words)
{
	const struct change *change = change_find(words);
	const int operands = words->argc - 1;

	if (!change)
		return what_else(words->noun);
	if (operands < change->min || (change->max >= 0 && operands > change->max)) {
		ecbpf_fail(-EINVAL, "it is %s %s", change->verb, change->says);
		return ECBPF_EXIT_USAGE;
	}
	return options_check(change, words->said);
}

int lb_edit(struct lb_config *config, const struct lb_words *words)
{
	const struct change *change = change_find(words);
	struct step step = { .config = config, .said = words->said };
	int i = 1, argc = words->argc, err = lb_edit_check(words);

	if (err)
		return err;
	if (change->of_vip && lb_service_parse(words->argv[i++], &step.service))
		return ECBPF_EXIT_USAGE;
	if (change->run == source_add)
		step.last = words->argv[--argc];
	for (; !err && i < argc; i++) {
		step.operand = words->argv[i];
		err = change->run(&step);
	}
	return err;
}
