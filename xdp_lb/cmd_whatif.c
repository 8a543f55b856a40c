// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* what-if CHANGE: what it would move, before it is made */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libecbpf/json.h"
#include "xdp_lb/change.h"
#include "xdp_lb/commands.h"
#include "xdp_lb/conns.h"
#include "xdp_lb/hash.h"
#include "xdp_lb/text.h"
#include "xdp_lb/whatif.h"

/**
 * struct job - one call
 * @vip, @backend: by number of a backend; NULL: nobody has it
 * @flow: @flows of them, in room for @room
 */
struct job {
	struct lb_live live;
	struct lb_config before, after;
	struct lb_numbers numbers;
	const struct lb_vip **vip;
	const struct lb_backend **backend;
	struct lb_flow *flow;
	size_t flows, room;
	struct lb_whatif what;
	struct lb_whatif_flows kept, hashed;
};

/* --- connections */

static int owners_make(struct job *job)
{
	size_t v, b, i = 0;
	__u32 number;

	job->vip = calloc(LB_BACKEND_NUMBERS, sizeof(*job->vip));
	job->backend = calloc(LB_BACKEND_NUMBERS, sizeof(*job->backend));
	if (!job->vip || !job->backend)
		return ecbpf_fail(-ENOMEM, "out of memory");
	for (v = 0; v < job->before.vips; v++)
		for (b = 0; b < job->before.vip[v].backends; b++) {
			number = job->numbers.backend[i++] % LB_BACKEND_NUMBERS;
			job->vip[number] = &job->before.vip[v];
			job->backend[number] = &job->before.vip[v].backend[b];
		}
	return 0;
}

static int flow_add(void *arg, const struct ecbpf_tuple *key, const struct lb_conn *conn)
{
	struct job *job = arg;
	const __u32 number = ECBPF_MARK_ID(conn->mark);
	const bool v4 = ecbpf_tuple_is_v4(key);
	struct lb_flow *flow;

	if (!job->vip[number])
		return 0;
	if (job->flows == job->room) {
		const size_t room = job->room ? 2 * job->room : 1024;

		flow = realloc(job->flow, room * sizeof(*flow));
		if (!flow)
			return ecbpf_fail(-ENOMEM, "out of memory");
		job->flow = flow;
		job->room = room;
	}
	flow = &job->flow[job->flows++];
	*flow = (struct lb_flow){
		.service = job->vip[number]->service,
		.hash = lb_hash(key, lb_vip_table_hash(job->vip[number])),
		.backend = job->backend[number]->endpoint,
	};
	memcpy(flow->source, v4 ? &key->saddr[3] : key->saddr, v4 ? 4 : 16);
	return 0;
}

static int flows_read(struct job *job)
{
	struct lb_conns conns;
	int err = owners_make(job);

	if (err)
		return err;
	err = lb_conns_open(&job->live, &conns);
	if (!err)
		err = lb_conns_scan(&conns, flow_add, job);
	lb_conns_close(&conns);
	return err;
}

/* --- text and JSON */

static const char *change_name(enum lb_whatif_change change)
{
	static const char *const names[] = {
		[LB_WHATIF_STAYS] = "stays", [LB_WHATIF_ADDED] = "added", [LB_WHATIF_REMOVED] = "removed"
	};

	return names[change];
}

/* is_touched - of thousands of VIPs, those are told that the change is about */
static bool is_touched(const struct lb_whatif_vip *vip)
{
	return vip->change != LB_WHATIF_STAYS || vip->moved;
}

static void text(const struct job *job)
{
	char name[LB_TEXT_SIZE];
	uint64_t moved = 0;
	size_t i;

	for (i = 0; i < job->what.vips; i++) {
		const struct lb_whatif_vip *vip = &job->what.vip[i];

		moved += vip->moved;
		if (!is_touched(vip))
			continue;
		printf("%s %s: %" PRIu32 " of %" PRIu32 " entries would move: %" PRIu32
		       " must, %" PRIu32 " more\n",
		       lb_service_text(&vip->service, name), change_name(vip->change), vip->moved,
		       vip->entries, vip->unavoidable, vip->surplus);
	}
	printf("entries: %" PRIu64 " would move\n", moved);
	printf("connections: %" PRIu64 " stay, %" PRIu64 " would move, %" PRIu64 " be lost\n",
	       job->kept.stay, job->kept.move, job->kept.lost);
	printf("by the hash alone: %" PRIu64 " stay, %" PRIu64 " would move, %" PRIu64 " be lost\n",
	       job->hashed.stay, job->hashed.move, job->hashed.lost);
}

static struct json_object *json_flows(const struct lb_whatif_flows *flows)
{
	struct json_object *json = json_object_new_object();

	ecbpf_json_number(json, "stay", flows->stay);
	ecbpf_json_number(json, "move", flows->move);
	ecbpf_json_number(json, "lost", flows->lost);
	return json;
}

static struct json_object *json_vip(const struct lb_whatif_vip *vip)
{
	struct json_object *json = json_object_new_object();
	char name[LB_TEXT_SIZE];

	ecbpf_json_text(json, "service", lb_service_text(&vip->service, name));
	ecbpf_json_text(json, "change", change_name(vip->change));
	ecbpf_json_number(json, "entries", vip->entries);
	ecbpf_json_number(json, "moved", vip->moved);
	ecbpf_json_number(json, "orphaned", vip->orphaned);
	ecbpf_json_number(json, "unavoidable", vip->unavoidable);
	ecbpf_json_number(json, "surplus", vip->surplus);
	return json;
}

static void json(const struct job *job)
{
	struct json_object *top = json_object_new_object(), *vips = json_object_new_array();
	uint64_t moved = 0;
	size_t i;

	for (i = 0; i < job->what.vips; i++) {
		moved += job->what.vip[i].moved;
		if (is_touched(&job->what.vip[i]))
			json_object_array_add(vips, json_vip(&job->what.vip[i]));
	}
	json_object_object_add(top, "vips", vips);
	ecbpf_json_number(top, "moved", moved);
	json_object_object_add(top, "connections", json_flows(&job->kept));
	json_object_object_add(top, "hashed", json_flows(&job->hashed));
	ecbpf_json_print(top);
}

/* --- the command */

/* edit - the other configuration */
static int edit(struct job *job, const struct lb_words *words)
{
	int err = lb_config_copy(&job->after, &job->before);

	if (err)
		return err;
	if (!strcmp(words->noun, "restore")) {
		lb_config_free(&job->after);
		err = lb_change_read(words->argv[0], &job->after);
	} else {
		err = lb_edit(&job->after, words);
	}
	return err;
}

static int compare(struct job *job, const struct lb_words *words)
{
	int err = lb_live_config(&job->live, &job->before, &job->numbers);

	if (!err)
		err = edit(job, words);
	if (!err)
		err = lb_whatif(&job->before, &job->after, &job->what);
	if (!err)
		err = flows_read(job);
	return err ? err :
		     lb_whatif_flows(&job->after, job->flow, job->flows, &job->kept, &job->hashed);
}

static int words_check(const struct lb_words *words)
{
	if (strcmp(words->noun, "restore"))
		return lb_edit_check(words);
	if (words->argc == 1 && !lb_said_anything(words->said))
		return 0;
	ecbpf_fail(-EINVAL, "it is restore FILE, without options; - is standard input");
	return ECBPF_EXIT_USAGE;
}

int cmd_whatif(const void *arg, int argc, char **argv)
{
	const struct lb_opts *opts = arg;
	const struct lb_words words = { &opts->said, argv[0], argc - 1, argv + 1 };
	struct job job = {};
	int err = words_check(&words);

	if (err)
		return ecbpf_report(err, "balancer", "what-if");
	err = lb_live_open(&job.live, false);
	if (!err)
		err = compare(&job, &words);
	if (!err && opts->common.json)
		json(&job);
	else if (!err)
		text(&job);
	lb_whatif_free(&job.what);
	free(job.flow);
	free(job.vip);
	free(job.backend);
	lb_numbers_free(&job.numbers);
	lb_config_free(&job.after);
	lb_config_free(&job.before);
	lb_live_close(&job.live);
	return err ? ecbpf_report(err, "balancer", "what-if") : 0;
}
