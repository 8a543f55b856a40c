// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Sampled packets from the bus, as captures. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "libecbpf/cli.h"
#include "libecbpf/json.h"
#include "libecbpf/log.h"
#include "xdp_sampler/bus.h"
#include "xdp_sampler/pcap_file.h"
#include "xdp_sampler/publishers.h"

#define TICK_NS	 1000000000ULL
#define AT_ONCE	 1024 /* messages, before a look at signals */
#define FINISHED 1

/**
 * struct options - of the command line
 * @path: "-": standard output
 * @count: packets to end after; 0: never
 * @flush: after each message
 */
struct options {
	struct ecbpf_common common;
	struct bus_options bus;
	const char *path;
	uint64_t count;
	bool classic, flush;
};

/**
 * struct conversion - one run
 * @message: in the works
 * @written, @malformed, @skipped: packets; messages; packets that the capture cannot hold
 */
struct conversion {
	const struct options *options;
	const struct bus_message *message;
	struct pcap_file file;
	struct publishers publishers;
	uint64_t written, malformed, skipped;
};

static int report(int err)
{
	fprintf(stderr, "%s: %s\n", ecbpf_log_name(), ecbpf_error());
	return err;
}

/* Messages without a topic come whatever was subscribed to. */
static bool is_wanted(const struct conversion *conversion, const struct message_view *view)
{
	const struct bus_options *bus = &conversion->options->bus;
	char topic[MESSAGE_TOPIC_MAX];
	struct ecbpf_sample sample;
	size_t i;

	if (!bus->topics.count || !conversion->message->single)
		return true;
	sample.row = view->slot == -2 ? ECBPF_ROW_END : ECBPF_ROW_SLOT(view->slot);
	sample.column = view->action + 1;
	sample.code = view->code;
	message_topic(view->interface, &sample, topic);
	for (i = 0; i < bus->topics.count; i++)
		if (!strncmp(topic, bus->topics.text[i], strlen(bus->topics.text[i])))
			return true;
	return false;
}

static int on_packet(void *arg, const struct message_view *view)
{
	struct conversion *conversion = arg;
	uint64_t lost = 0;
	int err;

	/* a filter makes gaps of its own */
	if (!conversion->options->bus.topics.count)
		lost = publishers_gap(&conversion->publishers, conversion->message->source,
				      view->hostname, view->sequence);
	if (!is_wanted(conversion, view))
		return 0;
	err = pcap_file_write(&conversion->file, view, lost);
	if (err == -EPROTOTYPE) {
		conversion->skipped++;
		return 0;
	}
	if (err)
		return err;
	conversion->written++;
	return conversion->written == conversion->options->count ? FINISHED : 0;
}

static int convert(struct conversion *conversion, struct bus_message *message)
{
	int err;

	conversion->message = message;
	err = message_unpack(zmq_msg_data(&message->part), zmq_msg_size(&message->part), on_packet,
			     conversion);
	bus_release(message);
	if (!err && conversion->options->flush)
		err = pcap_file_flush(&conversion->file);
	return err;
}

/* take - what is on the bus; flushes if that was all */
static int take(struct conversion *conversion, struct bus *bus)
{
	struct bus_message message;
	int i, got, err;

	for (i = 0; i < AT_ONCE; i++) {
		got = bus_receive(bus, &message);
		if (!got)
			return pcap_file_flush(&conversion->file);
		err = got > 0 ? convert(conversion, &message) : got;
		if (err == -EBADMSG)
			conversion->malformed++;
		else if (err)
			return err;
	}
	return 0;
}

static int follow(struct conversion *conversion, struct bus *bus, struct ecbpf_loop *loop)
{
	/* for those who read along: the capture has begun */
	int event, err = pcap_file_flush(&conversion->file);

	while (!err) {
		event = bus_wait(bus, loop);
		if (event < 0 || event == ECBPF_LOOP_STOP)
			return event < 0 ? event : 0;
		err = take(conversion, bus);
	}
	return err == FINISHED ? 0 : err;
}

/* The bus first: a bad endpoint is no reason to empty a file. */
static int convert_all(struct conversion *conversion, struct ecbpf_loop *loop)
{
	const struct options *options = conversion->options;
	struct bus bus = {};
	int err, close_err;

	err = bus_open(&bus, &options->bus);
	if (!err)
		err = pcap_file_open(&conversion->file, options->path, options->classic);
	if (!err)
		err = follow(conversion, &bus, loop);
	if (err)
		report(err);
	close_err = pcap_file_close(&conversion->file);
	if (close_err && !err)
		err = report(close_err);
	bus_close(&bus);
	return err;
}

static void summary_json(const struct conversion *conversion)
{
	struct json_object *json = json_object_new_object();

	ecbpf_json_number(json, "written", conversion->written);
	if (conversion->options->bus.topics.count)
		ecbpf_json_text(json, "lost", NULL);
	else
		ecbpf_json_number(json, "lost", conversion->publishers.lost);
	ecbpf_json_number(json, "skipped", conversion->skipped);
	ecbpf_json_number(json, "malformed", conversion->malformed);
	fprintf(stderr, "%s\n", json_object_to_json_string_ext(json, JSON_C_TO_STRING_PLAIN));
	json_object_put(json);
}

/* On standard error: standard output may be the capture. */
static void summary(const struct conversion *conversion)
{
	if (conversion->options->common.json) {
		summary_json(conversion);
		return;
	}
	fprintf(stderr, "%s: %" PRIu64 " packets written", ecbpf_log_name(), conversion->written);
	if (!conversion->options->bus.topics.count)
		fprintf(stderr, ", %" PRIu64 " lost on the bus", conversion->publishers.lost);
	if (conversion->skipped)
		fprintf(stderr, ", %" PRIu64 " not Ethernet", conversion->skipped);
	fprintf(stderr, ", %" PRIu64 " malformed messages\n", conversion->malformed);
}

static int run(const void *opts, int argc, char **argv)
{
	const struct options *options = opts;
	struct conversion conversion = { .options = options };
	struct ecbpf_loop loop;
	int err;

	(void)argc;
	(void)argv;
	if (!options->path) {
		fprintf(stderr, "%s: what is missing: -w FILE; see %s --help\n", ecbpf_log_name(),
			ecbpf_log_name());
		return ECBPF_EXIT_USAGE;
	}
	signal(SIGPIPE, SIG_IGN);
	err = ecbpf_loop_open(&loop, TICK_NS, -1);
	if (err)
		return report(err);
	err = convert_all(&conversion, &loop);
	if (!err)
		summary(&conversion);
	ecbpf_loop_close(&loop);
	publishers_free(&conversion.publishers);
	return err;
}

#define AT(member) offsetof(struct options, member)

static const struct ecbpf_option table[] = {
	{ ECBPF_OPTION_TEXT, 'w', "write", AT(path), "FILE",
	  "capture to write; -: to standard output", 0, 0 },
	{ ECBPF_OPTION_TEXTS, 0, "connect", AT(bus.endpoints), "ENDPOINT",
	  BUS_CONNECT_HELP "; as often as need be", 0, 0 },
	{ ECBPF_OPTION_TEXTS, 0, "filter", AT(bus.topics), "TOPIC",
	  "only topics that begin so, such as eth0.drop.; as often as need be", 0, 0 },
	{ ECBPF_OPTION_TEXT, 0, "curve-server", AT(bus.curve_server), "KEYFILE", BUS_CURVE_HELP, 0,
	  0 },
	{ ECBPF_OPTION_NUMBER, 'c', "count", AT(count), "N", "stop after N packets", 1,
	  UINT64_MAX },
	{ ECBPF_OPTION_FLAG, 0, "classic", AT(classic), NULL,
	  "pcap instead of pcapng: Ethernet alone, and no verdicts", 0, 0 },
	{ ECBPF_OPTION_FLAG, 0, "flush", AT(flush), NULL,
	  "write each message at once, not when the bus is idle", 0, 0 },
	{},
};

int main(int argc, char **argv)
{
	static const struct ecbpf_command commands[] = {
		{ "", "", "Write sampled packets, as they come from the bus, to a capture.", 0, 0,
		  table, run },
		{},
	};
	struct options options = {};
	const struct ecbpf_tool tool = { "xdp_sampler_to_pcap", NULL, "", commands, &options };

	return ecbpf_main(&tool, argc, argv);
}
