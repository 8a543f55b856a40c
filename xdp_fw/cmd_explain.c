// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* explain IF PACKET|PCAP: rule by rule, why a packet meets with what it does */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libecbpf/cli.h"
#include "libecbpf/ecbpf.h"
#include "libecbpf/json.h"
#include "xdp_fw/capture.h"
#include "xdp_fw/commands.h"
#include "xdp_fw/packet.h"
#include "xdp_fw/parse.h"

/**
 * struct job - one run of the command
 * @now: jiffies >> FW_EXPIRY_SHIFT
 * @text: of each entry of the plan
 * @packets: JSON, or NULL
 * @number: of the packet, from 1
 */
struct job {
	struct fw_live live;
	uint32_t now;
	char **text;
	struct json_object *packets;
	uint64_t number;
};

/**
 * struct verdict - as the kernel program's: a rule that counts leaves its code and number
 * @action: "drop", "pass", "next", "aborted"
 * @code: 0: none
 * @kind: "rule" and others: what @rule is the number of
 * @rule: 0: none
 * @limited: it is another one over a limit that matches
 * @root: the root does it, the firewall does not see the packet
 */
struct verdict {
	const char *action;
	unsigned int code;
	const char *kind;
	unsigned int rule;
	bool limited;
	bool root;
};

/**
 * struct explained - a packet
 * @code: fw_packet_read()'s
 * @steps: JSON, or NULL
 */
struct explained {
	struct capture_frame frame;
	struct fw_packet packet;
	int code;
	struct json_object *steps;
	struct verdict verdict;
};

static const char *const kinds[] = {
	[FW_KIND_PROTECT] = "protect",
	[FW_KIND_HYGIENE] = "hygiene",
	[FW_KIND_RULE] = "rule",
};

static bool set_has(void *arg, const char *name, int family, const uint8_t *addr)
{
	const struct job *job = arg;
	int set = fw_set_find(&job->live.pool, name);

	return set >= 0 && fw_set_lookup(&job->live.pool, family, addr, job->now) >> set & 1;
}

/* --- the packet */

static bool is_icmp(const struct fw_packet *packet)
{
	return packet->proto == (packet->family == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6);
}

static const char *fragment_name(const struct fw_packet *packet)
{
	switch (packet->fragment) {
	case FW_FRAGMENT_FIRST:
		return "first";
	case FW_FRAGMENT_LATER:
		return "later";
	default:
		return "none";
	}
}

static const char *addr_text(const struct fw_packet *packet, const uint8_t *addr, char *text)
{
	return inet_ntop(packet->family == 4 ? AF_INET : AF_INET6, addr, text, INET6_ADDRSTRLEN);
}

static void text_flags(uint8_t flags)
{
	int i;

	fputs(", flags {", stdout);
	for (i = 0; i < 8; i++)
		if (flags & 1 << i)
			printf(" %s", fw_flag_name(i));
	fputs(flags ? " }" : "}", stdout);
}

static void text_upper(const struct fw_packet *packet)
{
	if (is_icmp(packet)) {
		printf(" type %u code %u", packet->type, packet->code);
		return;
	}
	printf(" %u > %u", packet->sport, packet->dport);
	if (packet->proto != IPPROTO_TCP)
		return;
	text_flags(packet->flags);
	printf(", window %u", packet->window);
}

static void text_ip(const struct fw_packet *packet)
{
	const char *proto = fw_proto_name(packet->proto);
	char src[INET6_ADDRSTRLEN], dst[INET6_ADDRSTRLEN];

	if (packet->vlan != FW_VLAN_NONE)
		printf(", vlan %u", packet->vlan);
	printf(", %s %s > %s, ttl %u, dscp %u", packet->family == 4 ? "ip" : "ip6",
	       addr_text(packet, packet->src, src), addr_text(packet, packet->dst, dst),
	       packet->ttl, packet->dscp);
	if (packet->fragment != FW_FRAGMENT_NONE)
		printf(", %s fragment", fragment_name(packet));
	if (packet->options)
		fputs(packet->family == 4 ? ", options" : ", extension headers", stdout);
	if (proto)
		printf(", %s", proto);
	else
		printf(", proto %u", packet->proto);
	if (packet->upper)
		text_upper(packet);
	if (packet->malformed)
		fputs(", malformed", stdout);
}

static void text_packet(const struct job *job, const struct explained *e)
{
	printf("packet %" PRIu64 ": %zu bytes", job->number, e->frame.len);
	if (e->code > 0)
		printf(", malformed: %s", ecbpf_code_text(e->code));
	else if (e->code)
		fputs(", not IP", stdout);
	else
		text_ip(&e->packet);
	putchar('\n');
	if (e->frame.wire_len > e->frame.len)
		printf("note: %zu of %zu bytes captured, judged by these\n", e->frame.len,
		       e->frame.wire_len);
}

static void json_upper(struct json_object *json, const struct fw_packet *packet)
{
	struct json_object *flags;
	int i;

	if (is_icmp(packet)) {
		ecbpf_json_number(json, "type", packet->type);
		ecbpf_json_number(json, "code", packet->code);
		return;
	}
	ecbpf_json_number(json, "sport", packet->sport);
	ecbpf_json_number(json, "dport", packet->dport);
	if (packet->proto != IPPROTO_TCP)
		return;
	flags = json_object_new_array();
	for (i = 0; i < 8; i++)
		if (packet->flags & 1 << i)
			json_object_array_add(flags, json_object_new_string(fw_flag_name(i)));
	json_object_object_add(json, "flags", flags);
	ecbpf_json_number(json, "window", packet->window);
}

static void json_ip(struct json_object *json, const struct fw_packet *packet)
{
	char text[INET6_ADDRSTRLEN];

	ecbpf_json_number(json, "family", packet->family);
	ecbpf_json_text(json, "from", addr_text(packet, packet->src, text));
	ecbpf_json_text(json, "to", addr_text(packet, packet->dst, text));
	ecbpf_json_number(json, "ttl", packet->ttl);
	ecbpf_json_number(json, "dscp", packet->dscp);
	ecbpf_json_number(json, "proto", packet->proto);
	if (packet->vlan == FW_VLAN_NONE)
		ecbpf_json_text(json, "vlan", NULL);
	else
		ecbpf_json_number(json, "vlan", packet->vlan);
	ecbpf_json_text(json, "fragment", fragment_name(packet));
	json_object_object_add(json, "options", json_object_new_boolean(packet->options));
	json_object_object_add(json, "malformed", json_object_new_boolean(packet->malformed));
	if (packet->upper)
		json_upper(json, packet);
}

static struct json_object *json_packet(const struct job *job, const struct explained *e)
{
	struct json_object *json = json_object_new_object();

	ecbpf_json_number(json, "number", job->number);
	ecbpf_json_number(json, "bytes", e->frame.len);
	ecbpf_json_number(json, "wire_bytes", e->frame.wire_len);
	if (!e->code)
		json_ip(json, &e->packet);
	return json;
}

/* --- steps: one for each entry of the plan */

static bool decides(const struct fw_entry *entry)
{
	return entry->action != FW_DO_COUNT && entry->action != FW_DO_LIMIT;
}

static const char *action_name(const struct fw_entry *entry)
{
	switch (entry->action) {
	case FW_DO_NEXT:
		return "next";
	case FW_DO_PASS:
		return "pass";
	case FW_DO_COUNT:
		return "count";
	default:
		return "drop";
	}
}

static bool is_answered(const struct job *job, const struct explained *e,
			const struct fw_entry *entry)
{
	return entry->action == FW_DO_FRAGMENT && e->packet.fragment == FW_FRAGMENT_FIRST &&
	       job->live.set.hygiene.ptb_pps;
}

static void text_step(const struct job *job, const struct explained *e, size_t index,
		      const char *failed)
{
	const struct fw_entry *entry = &job->live.plan.entry[index];

	printf("%s %u: %s: ", kinds[entry->kind], entry->number, job->text[index]);
	if (failed)
		printf("no: %s", failed);
	else if (entry->action == FW_DO_LIMIT)
		printf("matches: drop over the limit (%s), within it goes on",
		       ecbpf_code_name(entry->code));
	else
		printf("matches: %s (%s)", action_name(entry), ecbpf_code_name(entry->code));
	if (!failed && is_answered(job, e, entry))
		printf(", or an answer (%s): %u a second", ecbpf_code_name(ECBPF_CODE_FW_PTB),
		       job->live.set.hygiene.ptb_pps);
	if (!failed && entry->action == FW_DO_COUNT)
		fputs(", goes on", stdout);
	putchar('\n');
}

static void json_step(const struct job *job, const struct explained *e, size_t index,
		      const char *failed)
{
	const struct fw_entry *entry = &job->live.plan.entry[index];
	struct json_object *json = json_object_new_object();

	ecbpf_json_text(json, "kind", kinds[entry->kind]);
	ecbpf_json_number(json, "number", entry->number);
	ecbpf_json_text(json, "text", job->text[index]);
	json_object_object_add(json, "matches", json_object_new_boolean(!failed));
	ecbpf_json_text(json, "failed", failed);
	json_object_array_add(e->steps, json);
}

/* step - does this entry decide? */
static bool step(struct job *job, struct explained *e, size_t index)
{
	const struct fw_entry *entry = &job->live.plan.entry[index];
	const struct fw_members members = { .has = set_has, .arg = job };
	const char *failed = fw_mismatch(entry->rule, &e->packet, &members);

	if (e->steps)
		json_step(job, e, index, failed);
	else
		text_step(job, e, index, failed);
	if (!failed && entry->action == FW_DO_LIMIT)
		e->verdict.limited = true;
	if (failed || entry->action == FW_DO_LIMIT)
		return false;
	e->verdict.code = entry->code;
	e->verdict.kind = kinds[entry->kind];
	e->verdict.rule = entry->number;
	if (!decides(entry))
		return false;
	e->verdict.action = action_name(entry);
	return true;
}

static void fallback(const struct job *job, struct verdict *verdict)
{
	static const char *const names[] = {
		[FW_DEFAULT_NEXT] = "next",
		[FW_DEFAULT_PASS] = "pass",
		[FW_DEFAULT_DROP] = "drop",
	};

	verdict->action = names[job->live.set.fallback];
	if (job->live.set.fallback != FW_DEFAULT_DROP)
		return;
	verdict->code = ECBPF_CODE_FW_DEFAULT;
	verdict->rule = 0;
}

static void judge(struct job *job, struct explained *e)
{
	size_t i;

	for (i = 0; i < job->live.plan.count; i++)
		if (step(job, e, i))
			return;
	fallback(job, &e->verdict);
}

/* --- the verdict */

static void text_verdict(const struct verdict *verdict)
{
	printf("verdict: %s", verdict->action);
	if (verdict->code)
		printf(" (%s)", ecbpf_code_name(verdict->code));
	if (verdict->rule)
		printf(", %s %u", verdict->kind, verdict->rule);
	if (verdict->limited)
		fputs(", unless over a limit", stdout);
	if (verdict->root)
		fputs(", by the root", stdout);
	putchar('\n');
}

static void json_explained(const struct job *job, const struct explained *e)
{
	struct json_object *json = json_object_new_object();

	json_object_object_add(json, "packet", json_packet(job, e));
	json_object_object_add(json, "steps", e->steps);
	ecbpf_json_text(json, "verdict", e->verdict.action);
	ecbpf_json_text(json, "code", e->verdict.code ? ecbpf_code_name(e->verdict.code) : NULL);
	if (e->verdict.rule)
		ecbpf_json_number(json, "rule", e->verdict.rule);
	else
		ecbpf_json_text(json, "rule", NULL);
	json_object_array_add(job->packets, json);
}

/* --- the command */

static void explain(struct job *job, struct explained *e)
{
	e->code = fw_packet_read(e->frame.data, e->frame.len, &e->packet);
	e->steps = job->packets ? json_object_new_array() : NULL;
	if (!e->steps)
		text_packet(job, e);
	if (e->code > 0)
		e->verdict = (struct verdict){ .action = "aborted", .code = e->code, .root = true };
	else if (e->code)
		e->verdict.action = "next";
	else
		judge(job, e);
	if (e->steps)
		json_explained(job, e);
	else
		text_verdict(&e->verdict);
}

static int texts_make(struct job *job)
{
	const struct fw_plan *plan = &job->live.plan;
	size_t i;

	job->text = calloc(plan->count + 1, sizeof(*job->text));
	for (i = 0; job->text && i < plan->count; i++) {
		job->text[i] = fw_rule_print(plan->entry[i].rule);
		if (!job->text[i])
			return ecbpf_fail(-ENOMEM, "out of memory");
	}
	return job->text ? 0 : ecbpf_fail(-ENOMEM, "out of memory");
}

static void texts_free(struct job *job)
{
	size_t i;

	for (i = 0; job->text && i < job->live.plan.count; i++)
		free(job->text[i]);
	free(job->text);
}

static int job_open(struct job *job, const char *ifname)
{
	uint64_t jiffies = 0;
	int err = fw_live_open(ifname, FW_READ, &job->live);

	if (!err)
		err = ecbpf_jiffies(&jiffies);
	job->now = jiffies >> FW_EXPIRY_SHIFT;
	return err ? err : texts_make(job);
}

static int frames_explain(struct job *job, struct capture *capture)
{
	struct explained e;
	int got;

	for (;;) {
		memset(&e, 0, sizeof(e));
		got = capture_next(capture, &e.frame);
		if (got != 1)
			return got;
		job->number++;
		explain(job, &e);
	}
}

/* packets_open - a mistake in hexadecimal digits is one of usage */
static int packets_open(const char *what, struct capture **capture)
{
	int err;

	if (!capture_is_hex(what)) {
		err = capture_open(what, capture);
		return err ? ecbpf_report(err, what, "explain") : 0;
	}
	err = capture_hex(what, capture);
	return err ? ecbpf_report(err == -EINVAL ? ECBPF_EXIT_USAGE : err, "packet", "explain") : 0;
}

int cmd_explain(const void *arg, int argc, char **argv)
{
	const struct options *opts = arg;
	struct capture *capture = NULL;
	struct job job = {};
	int err = packets_open(argv[1], &capture);

	(void)argc;
	if (err)
		return err;
	err = job_open(&job, argv[0]);
	if (err)
		ecbpf_report(err, argv[0], "explain");
	if (!err && opts->common.json)
		job.packets = json_object_new_array();
	if (!err) {
		err = frames_explain(&job, capture);
		if (err)
			ecbpf_report(err, argv[1], "explain");
	}
	if (job.packets)
		ecbpf_json_print(job.packets);
	texts_free(&job);
	fw_live_close(&job.live);
	capture_close(capture);
	return err;
}
