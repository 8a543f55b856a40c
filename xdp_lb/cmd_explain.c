// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* explain PACKET|PCAP: where a packet would go now, and why */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <net/if.h>

#include "libecbpf/json.h"
#include "xdp_lb/backs.h"
#include "xdp_lb/commands.h"
#include "xdp_lb/conns.h"
#include "xdp_lb/explain.h"
#include "xdp_lb/frames.h"
#include "xdp_lb/text.h"

#define ENDPOINT_SIZE (INET6_ADDRSTRLEN + 8) /* brackets, colon, port */

/**
 * struct job - one call
 * @packets: JSON, or NULL
 * @number: of the packet, from 1
 */
struct job {
	struct lb_live live;
	struct lb_config config;
	struct lb_numbers numbers;
	struct lb_conns conns;
	struct lb_backs backs;
	struct json_object *packets;
	uint64_t number;
};

/**
 * struct view - a packet
 * @ignored: why it is left alone, or NULL
 * @state: of its connection; LB_CONNS_OVER: there is none
 * @way: of the backend
 * @back: whose reply it is, if it is for no VIP; or NULL
 */
struct view {
	struct lb_packet packet;
	const char *ignored;
	enum lb_conns_state state;
	struct lb_conn conn;
	struct lb_explained e;
	struct lb_backend_entry way;
	const struct lb_back *back;
};

/* --- what is known */

/* owner_find - VIP and backend of a number; false: nobody has it */
static bool owner_find(const struct job *job, __u32 number, struct lb_known *known)
{
	size_t v, b, i = 0;

	for (v = 0; v < job->config.vips; v++)
		for (b = 0; b < job->config.vip[v].backends; b++)
			if (job->numbers.backend[i++] == number) {
				known->vip = &job->config.vip[v];
				known->backend = &job->config.vip[v].backend[b];
				return true;
			}
	return false;
}

/* way_look - how packets get to the backend; may turn the verdict into a refusal */
static void way_look(const struct job *job, struct view *view)
{
	const struct lb_vip *vip = view->e.vip;
	const size_t v = vip - job->config.vip, b = view->e.backend - vip->backend;

	view->way = job->live.backend[lb_numbers_backend(&job->config, &job->numbers, v, b)];
	if (view->way.state != LB_BACKEND_UP)
		view->e.code = ECBPF_CODE_LB_NO_ROUTE;
	else if (view->packet.ttl <= 1)
		view->e.code = ECBPF_CODE_LB_TTL;
	else if (view->packet.ip_bytes > view->way.mtu)
		view->e.code = ECBPF_CODE_LB_TOO_LONG;
}

/* reply_look - of a packet for no VIP: is it what a backend by NAT answers? */
static void reply_look(const struct job *job, struct view *view)
{
	const struct lb_back *back = lb_backs_find(&job->backs, &view->packet.key);
	struct lb_known known = {};

	if (!back || view->packet.later || view->packet.echo ||
	    lb_conns_state(&job->conns, &back->conn) == LB_CONNS_OVER ||
	    !owner_find(job, ECBPF_MARK_ID(back->conn.mark), &known))
		return;
	view->back = back;
	view->e.vip = known.vip;
	view->e.why = "it is a reply to a client";
	view->e.code = view->packet.fragment ? ECBPF_CODE_LB_NO_FRAGMENTS :
		       view->packet.error    ? ECBPF_CODE_LB_ICMP :
					       ECBPF_CODE_LB_REPLY;
}

static int look(const struct job *job, const uint8_t *data, size_t len, struct view *view)
{
	struct lb_known known = {};
	bool has;
	int err;

	memset(view, 0, sizeof(*view));
	if (lb_packet_read(data, len, &view->packet, &view->ignored))
		return 0;
	has = lb_conns_find(&job->conns, &view->packet.key, &view->conn) &&
	      owner_find(job, ECBPF_MARK_ID(view->conn.mark), &known);
	if (has) {
		view->state = lb_conns_state(&job->conns, &view->conn);
		known.closing = view->state == LB_CONNS_CLOSING;
		known.quic = view->conn.state & LB_CONN_QUIC;
	}
	err = lb_explain(&job->config, &view->packet, has ? &known : NULL, &view->e);
	if (!err && view->e.backend)
		way_look(job, view);
	if (!err && !view->e.code)
		reply_look(job, view);
	return err;
}

/* --- words */

static void endpoint_text(const struct lb_packet *packet, const __be32 *addr, __be16 port,
			  char *buf)
{
	char text[INET6_ADDRSTRLEN];

	inet_ntop(packet->v6 ? AF_INET6 : AF_INET, packet->v6 ? addr : &addr[3], text,
		  sizeof(text));
	if (port)
		snprintf(buf, ENDPOINT_SIZE, packet->v6 ? "[%s]:%u" : "%s:%u", text, ntohs(port));
	else
		snprintf(buf, ENDPOINT_SIZE, "%s", text);
}

static void proto_text(const struct lb_packet *packet, char *buf, size_t size)
{
	if (packet->proto == IPPROTO_TCP || packet->proto == IPPROTO_UDP)
		snprintf(buf, size, "%s", packet->proto == IPPROTO_TCP ? "tcp" : "udp");
	else
		snprintf(buf, size, "protocol %u", packet->proto);
}

static const char *kind_text(const struct lb_packet *packet)
{
	if (packet->error)
		return "icmp-error";
	if (packet->echo)
		return "echo-request";
	if (packet->fragment)
		return packet->later ? "later-fragment" : "first-fragment";
	return "packet";
}

static const char *recipe_kind(const struct ecbpf_recipe *recipe)
{
	static const char *const names[] = {
		[ECBPF_DIRECT] = "direct",
		[ECBPF_IPIP] = "ipip",
		[ECBPF_GUE] = "gue",
		[ECBPF_NAT] = "nat",
	};

	return recipe->kind <= ECBPF_NAT ? names[recipe->kind] : "?";
}

static void mac_text(const struct ecbpf_recipe *recipe, char *buf, size_t size)
{
	const __u8 *mac = recipe->l2;

	snprintf(buf, size, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4],
		 mac[5]);
}

static const char *dev_text(const struct ecbpf_recipe *recipe, char *buf)
{
	if (!if_indextoname(recipe->ifindex, buf))
		snprintf(buf, IF_NAMESIZE, "#%u", recipe->ifindex);
	return buf;
}

/* --- text */

/* text_back - the connection that a reply is of */
static void text_back(const struct view *view)
{
	const struct ecbpf_tuple *forward = &view->back->forward;
	char client[ENDPOINT_SIZE], vip[ENDPOINT_SIZE];

	endpoint_text(&view->packet, forward->saddr, forward->sport, client);
	endpoint_text(&view->packet, forward->daddr, forward->dport, vip);
	printf("  reply of %s > %s, %" PRIu64 " replies\n", client, vip,
	       (uint64_t)view->back->conn.packets);
}

static void text_choice(const struct view *view)
{
	const struct lb_explained *e = &view->e;
	char name[LB_TEXT_SIZE];

	if (e->vip)
		printf("  vip %s\n", lb_service_text(&e->vip->service, name));
	if (view->state != LB_CONNS_OVER)
		printf("  connection %s, %" PRIu64 " packets\n", lb_conns_state_name(view->state),
		       (uint64_t)view->conn.packets);
	else if (view->back)
		text_back(view);
	else if (e->vip)
		puts("  connection unknown");
	if (e->hashed)
		printf("  hash %s 0x%08" PRIx32 ": entry %" PRIu32 " of %" PRIu32 "\n",
		       lb_hash_name(e->vip->hash), e->hash, e->entry, e->vip->table_size);
	if (e->id.octets)
		printf("  server id %s\n", lb_server_id_text(&e->id, name));
	if (e->backend)
		printf("  backend %s by %s\n", lb_endpoint_text(&e->backend->endpoint, name),
		       e->why);
	else
		printf("  no backend: %s\n", e->why);
}

static void text_way(const struct view *view)
{
	char mac[24], dev[IF_NAMESIZE];

	if (view->way.state != LB_BACKEND_UP) {
		puts("  way unknown");
		return;
	}
	mac_text(&view->way.recipe, mac, sizeof(mac));
	printf("  way %s to %s dev %s mtu %" PRIu32 "\n", recipe_kind(&view->way.recipe), mac,
	       dev_text(&view->way.recipe, dev), view->way.mtu);
}

static void text(const struct job *job, const struct view *view)
{
	const struct lb_packet *packet = &view->packet;
	char from[ENDPOINT_SIZE], to[ENDPOINT_SIZE], proto[24];

	if (view->ignored) {
		printf("packet %" PRIu64 ": handed on: %s\n", job->number, view->ignored);
		return;
	}
	endpoint_text(packet, packet->key.saddr, packet->key.sport, from);
	endpoint_text(packet, packet->key.daddr, packet->key.dport, to);
	proto_text(packet, proto, sizeof(proto));
	printf("packet %" PRIu64 ": %s, %s %s > %s, %" PRIu32 " bytes\n", job->number,
	       kind_text(packet), proto, from, to, packet->ip_bytes);
	text_choice(view);
	if (view->e.backend)
		text_way(view);
	if (view->e.code)
		printf("  verdict %s: %s\n", ecbpf_code_name(view->e.code),
		       ecbpf_code_text(view->e.code));
	else
		puts("  verdict next: handed on");
}

/* --- JSON */

static void json_back(struct json_object *to, const struct view *view)
{
	const struct ecbpf_tuple *forward = &view->back->forward;
	char text[ENDPOINT_SIZE];

	endpoint_text(&view->packet, forward->saddr, forward->sport, text);
	ecbpf_json_text(to, "client", text);
}

static void json_choice(struct json_object *to, const struct view *view)
{
	const struct lb_explained *e = &view->e;
	char name[LB_TEXT_SIZE];

	if (view->back)
		json_back(to, view);

	ecbpf_json_text(to, "vip", e->vip ? lb_service_text(&e->vip->service, name) : NULL);
	ecbpf_json_text(to, "connection",
			view->state == LB_CONNS_OVER ? NULL : lb_conns_state_name(view->state));
	if (e->hashed) {
		ecbpf_json_number(to, "hash", e->hash);
		ecbpf_json_number(to, "entry", e->entry);
		ecbpf_json_number(to, "entries", e->vip->table_size);
	}
	if (e->id.octets)
		ecbpf_json_text(to, "server_id", lb_server_id_text(&e->id, name));
	ecbpf_json_text(to, "backend",
			e->backend ? lb_endpoint_text(&e->backend->endpoint, name) : NULL);
	ecbpf_json_text(to, "why", e->why);
	ecbpf_json_text(to, "code", e->code ? ecbpf_code_name(e->code) : NULL);
}

static struct json_object *json_way(const struct lb_backend_entry *way)
{
	struct json_object *json;
	char mac[24], dev[IF_NAMESIZE];

	if (way->state != LB_BACKEND_UP)
		return NULL;
	json = json_object_new_object();
	mac_text(&way->recipe, mac, sizeof(mac));
	ecbpf_json_text(json, "kind", recipe_kind(&way->recipe));
	ecbpf_json_text(json, "mac", mac);
	ecbpf_json_text(json, "dev", dev_text(&way->recipe, dev));
	ecbpf_json_number(json, "mtu", way->mtu);
	return json;
}

static void json(const struct job *job, const struct view *view)
{
	struct json_object *json = json_object_new_object();
	const struct lb_packet *packet = &view->packet;
	char from[ENDPOINT_SIZE], to[ENDPOINT_SIZE], proto[24];

	ecbpf_json_number(json, "number", job->number);
	ecbpf_json_text(json, "ignored", view->ignored);
	if (!view->ignored) {
		endpoint_text(packet, packet->key.saddr, packet->key.sport, from);
		endpoint_text(packet, packet->key.daddr, packet->key.dport, to);
		proto_text(packet, proto, sizeof(proto));
		ecbpf_json_text(json, "kind", kind_text(packet));
		ecbpf_json_text(json, "proto", proto);
		ecbpf_json_text(json, "from", from);
		ecbpf_json_text(json, "to", to);
		ecbpf_json_number(json, "bytes", packet->ip_bytes);
		json_choice(json, view);
		json_object_object_add(json, "way", view->e.backend ? json_way(&view->way) : NULL);
	}
	json_object_array_add(job->packets, json);
}

/* --- the command */

static int explain(struct job *job, struct lb_frames *frames)
{
	const uint8_t *data;
	struct view view;
	size_t len;
	int got, err;

	while ((got = lb_frames_next(frames, &data, &len)) == 1) {
		job->number++;
		err = look(job, data, len, &view);
		if (err)
			return err;
		if (job->packets)
			json(job, &view);
		else
			text(job, &view);
	}
	return got;
}

static int job_open(struct job *job)
{
	int err = lb_live_open(&job->live, false);

	if (!err)
		err = lb_live_config(&job->live, &job->config, &job->numbers);
	if (!err)
		err = lb_conns_open(&job->live, &job->conns);
	return err ? err : lb_backs_read(&job->live, &job->backs);
}

int cmd_explain(const void *arg, int argc, char **argv)
{
	const struct lb_opts *opts = arg;
	const bool hex = lb_frames_is_hex(argv[0]);
	struct lb_frames *frames = NULL;
	struct job job = {};
	int err = hex ? lb_frames_hex(argv[0], &frames) : lb_frames_file(argv[0], &frames);

	(void)argc;
	if (err) /* a mistake in hexadecimal digits is one of usage */
		return ecbpf_report(hex && err == -EINVAL ? ECBPF_EXIT_USAGE : err,
				    hex ? "packet" : argv[0], "explain");
	if (opts->common.json)
		job.packets = json_object_new_array();
	err = job_open(&job);
	if (!err)
		err = explain(&job, frames);
	if (!err && job.packets)
		ecbpf_json_print(job.packets);
	else
		json_object_put(job.packets);
	lb_conns_close(&job.conns);
	lb_backs_free(&job.backs);
	lb_numbers_free(&job.numbers);
	lb_config_free(&job.config);
	lb_live_close(&job.live);
	lb_frames_close(frames);
	return err ? ecbpf_report(err, "balancer", "explain") : 0;
}
