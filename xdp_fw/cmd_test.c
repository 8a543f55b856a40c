// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* test -f FILE PCAP: packets through rules, and whether they meet with what the file expects */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/bpf.h>
#include <sys/types.h>

#include <sha1.h>

#include "libecbpf/cli.h"
#include "libecbpf/ecbpf.h"
#include "libecbpf/json.h"
#include "libecbpf/log.h"
#include "xdp_fw/capture.h"
#include "xdp_fw/commands.h"
#include "xdp_fw/document.h"
#include "xdp_fw/replay.h"

/* A SHA-1 in hexadecimal. */
#define SHA1_NAME (2 * SHA1_DIGEST_LENGTH + 1)

/** enum outcome - of a test line */
enum outcome { NO_PACKET, MET, FAILED };

/**
 * struct job - one run of the command
 * @doc: the rules file, @file
 * @outcome: of each test line
 * @packets: JSON, or NULL
 * @number: of the packet, from 1
 */
struct job {
	const struct options *opts;
	const char *file;
	struct fw_document doc;
	struct replay *replay;
	enum outcome *outcome;
	struct json_object *packets;
	uint64_t number;
};

/**
 * struct result - of a packet
 * @name: @sha1 in hexadecimal
 * @ran: false: it is longer than XDP sees, so there is no verdict
 * @timed: @time is given
 * @tested: a test line has its SHA-1
 * @failed: the test that it fails, or NULL
 */
struct result {
	const struct capture_frame *frame;
	uint8_t sha1[SHA1_DIGEST_LENGTH];
	char name[SHA1_NAME];
	bool ran, timed, tested;
	struct replay_verdict verdict;
	struct replay_time time;
	const struct fw_test *failed;
};

static const char *action_name(int action)
{
	static const char *const names[] = {
		[XDP_ABORTED] = "XDP_ABORTED",	 [XDP_DROP] = "XDP_DROP",
		[XDP_PASS] = "XDP_PASS",	 [XDP_TX] = "XDP_TX",
		[XDP_REDIRECT] = "XDP_REDIRECT",
	};

	return action >= XDP_ABORTED && action <= XDP_REDIRECT ? names[action] : "-";
}

static int expected_action(enum fw_expect expect)
{
	switch (expect) {
	case FW_EXPECT_DROP:
		return XDP_DROP;
	case FW_EXPECT_PASS:
		return XDP_PASS;
	default:
		return XDP_ABORTED;
	}
}

static const char *expected_name(const struct fw_test *test)
{
	return action_name(expected_action(test->expect));
}

static const char *result_action(const struct result *result)
{
	return result->ran ? action_name(result->verdict.action) : "-";
}

static const char *result_code(const struct result *result)
{
	const char *name = ecbpf_code_name(result->verdict.code);

	return result->ran && name ? name : "-";
}

static void sha1_name(const uint8_t *sha1, char *name)
{
	size_t i;

	for (i = 0; i < SHA1_DIGEST_LENGTH; i++)
		snprintf(name + 2 * i, 3, "%02x", sha1[i]);
}

/* result_name - by which test lines know the packet: what was captured of it */
static void result_name(struct result *result)
{
	SHA1_CTX ctx;

	SHA1Init(&ctx);
	SHA1Update(&ctx, result->frame->data, result->frame->len);
	SHA1Final(result->sha1, &ctx);
	sha1_name(result->sha1, result->name);
}

/* --- writers */

static void text_packet(const struct job *job, const struct result *result)
{
	char times[48] = "- - -";

	if (result->timed)
		snprintf(times, sizeof(times), "%u %u %u", result->time.min_ns,
			 result->time.average_ns, result->time.max_ns);
	printf("%" PRIu64 " %s %zu %s %s %" PRIu64 " %s", job->number, result->name,
	       result->frame->len, result_action(result), result_code(result),
	       (uint64_t)result->verdict.meta, times);
	if (result->failed)
		printf(" FAIL expected %s", expected_name(result->failed));
	else if (result->tested)
		printf(" ok");
	putchar('\n');
	if (!result->ran)
		printf("note: packet %" PRIu64 ": not run: %s\n", job->number, ecbpf_error());
	else if (!result->timed)
		printf("note: packet %" PRIu64 ": shorter than an Ethernet header\n", job->number);
	if (result->frame->wire_len > result->frame->len)
		printf("note: packet %" PRIu64 ": %zu of %zu bytes captured, judged by these\n",
		       job->number, result->frame->len, result->frame->wire_len);
}

/* csv_text - a field of RFC 4180 */
static void csv_text(const char *text)
{
	if (!strpbrk(text, ",\"\r\n")) {
		fputs(text, stdout);
		return;
	}
	putchar('"');
	for (; *text; text++) {
		if (*text == '"')
			putchar('"');
		putchar(*text);
	}
	putchar('"');
}

static void csv_packet(const struct job *job, const struct result *result)
{
	csv_text(job->file);
	printf(",%s,%s,%u,%u,%u,%s,%" PRIu64 "\n", result->name, result_action(result),
	       result->time.min_ns, result->time.average_ns, result->time.max_ns,
	       result_code(result), (uint64_t)result->verdict.meta);
	if (result->failed)
		ecbpf_log(ECBPF_LOG_WARN, "%s: line %u: packet %" PRIu64 ": expected %s, met %s",
			  job->file, result->failed->line, job->number,
			  expected_name(result->failed), result_action(result));
}

static void json_verdict(struct json_object *json, const struct result *result)
{
	ecbpf_json_text(json, "action", action_name(result->verdict.action));
	ecbpf_json_text(json, "code", result_code(result));
	ecbpf_json_number(json, "rule", result->verdict.meta);
	if (!result->timed)
		return;
	ecbpf_json_number(json, "min_ns", result->time.min_ns);
	ecbpf_json_number(json, "average_ns", result->time.average_ns);
	ecbpf_json_number(json, "max_ns", result->time.max_ns);
}

static void json_packet(const struct job *job, const struct result *result)
{
	struct json_object *json = json_object_new_object();

	ecbpf_json_number(json, "number", job->number);
	ecbpf_json_text(json, "sha1", result->name);
	ecbpf_json_number(json, "bytes", result->frame->len);
	ecbpf_json_number(json, "wire_bytes", result->frame->wire_len);
	if (result->ran)
		json_verdict(json, result);
	else
		ecbpf_json_text(json, "action", NULL);
	if (result->tested)
		json_object_object_add(json, "ok", json_object_new_boolean(!result->failed));
	if (result->failed)
		ecbpf_json_text(json, "expected", expected_name(result->failed));
	json_object_array_add(job->packets, json);
}

/* --- tests */

/* tests_check - all lines with the packet's SHA-1 */
static void tests_check(struct job *job, struct result *result)
{
	const struct fw_ruleset *set = &job->doc.rules;
	bool met;
	size_t i;

	for (i = 0; i < set->tests; i++) {
		if (memcmp(set->test[i].sha1, result->sha1, sizeof(result->sha1)))
			continue;
		met = result->ran && result->verdict.action == expected_action(set->test[i].expect);
		result->tested = true;
		if (!met && !result->failed)
			result->failed = &set->test[i];
		if (!met)
			job->outcome[i] = FAILED;
		else if (job->outcome[i] == NO_PACKET)
			job->outcome[i] = MET;
	}
}

static void absent_report(const struct job *job, const struct fw_test *test)
{
	char sha1[SHA1_NAME];

	sha1_name(test->sha1, sha1);
	if (job->opts->csv || job->packets)
		ecbpf_log(ECBPF_LOG_WARN, "%s: line %u: no packet has SHA-1 %s", job->file,
			  test->line, sha1);
	else
		printf("FAIL line %u: no packet has SHA-1 %s\n", test->line, sha1);
}

/* tests_count - how many failed, those that no packet was for among them */
static size_t tests_count(const struct job *job)
{
	const struct fw_ruleset *set = &job->doc.rules;
	size_t i, failures = 0;

	for (i = 0; i < set->tests; i++) {
		if (job->outcome[i] == NO_PACKET)
			absent_report(job, &set->test[i]);
		failures += job->outcome[i] != MET;
	}
	return failures;
}

/* --- packets */

/* packet_run - a frame that is too long is a result, not an error */
static int packet_run(struct job *job, struct result *result)
{
	const struct capture_frame *frame = result->frame;
	int err =
		replay_run(job->replay, frame->data, frame->len, frame->time_ns, &result->verdict);

	if (err == -EMSGSIZE)
		return 0;
	if (err)
		return err;
	result->ran = true;
	if (result->verdict.code == ECBPF_CODE_ETH_TRUNCATED)
		return 0;
	result->timed = true;
	return replay_measure(job->replay, frame->data, frame->len, &result->time);
}

static int packet_test(struct job *job, const struct capture_frame *frame)
{
	struct result result = { .frame = frame };
	int err = packet_run(job, &result);

	if (err)
		return err;
	result_name(&result);
	tests_check(job, &result);
	if (job->packets)
		json_packet(job, &result);
	else if (job->opts->csv)
		csv_packet(job, &result);
	else
		text_packet(job, &result);
	return 0;
}

static int packets_test(struct job *job, struct capture *capture)
{
	struct capture_frame frame;
	int got;

	while ((got = capture_next(capture, &frame)) == 1) {
		job->number++;
		got = packet_test(job, &frame);
		if (got)
			return got;
	}
	return got;
}

/* --- the command */

static int job_open(struct job *job)
{
	int err = fw_document_read(job->file, &job->doc);

	if (!err)
		err = replay_open(&job->doc, &job->replay);
	if (err == -EPERM)
		return ecbpf_fail(err, "running packets in the kernel: %s: be root",
				  strerror(EPERM));
	if (err)
		return err;
	job->outcome = calloc(job->doc.rules.tests + 1, sizeof(*job->outcome));
	return job->outcome ? 0 : ecbpf_fail(-ENOMEM, "out of memory");
}

static int job_run(struct job *job, const char *path)
{
	struct capture *capture = NULL;
	size_t failures;
	int err = capture_open(path, &capture);

	if (!err)
		err = packets_test(job, capture);
	capture_close(capture);
	if (err)
		return ecbpf_report(err, path, "test");
	failures = tests_count(job);
	if (!failures)
		return 0;
	ecbpf_fail(-EBADE, "%zu of %zu tests failed", failures, job->doc.rules.tests);
	return ecbpf_report(-EBADE, job->file, "test");
}

int cmd_test(const void *arg, int argc, char **argv)
{
	struct job job = { .opts = arg, .file = ((const struct options *)arg)->file };
	int err;

	(void)argc;
	if (!job.file) {
		ecbpf_fail(-EINVAL, "say which rules: -f FILE");
		return ecbpf_report(ECBPF_EXIT_USAGE, argv[0], "test");
	}
	if (job.opts->common.json)
		job.packets = json_object_new_array();
	err = job_open(&job);
	if (err)
		ecbpf_report(err, job.file, "test");
	else
		err = job_run(&job, argv[0]);
	if (job.packets && (job.number || !err))
		ecbpf_json_print(job.packets);
	else if (job.packets)
		json_object_put(job.packets);
	replay_close(job.replay);
	free(job.outcome);
	fw_document_free(&job.doc);
	return err;
}
