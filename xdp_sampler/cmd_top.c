// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* top [IF]: who sends most, to whom, and what becomes of it */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "libecbpf/cli.h"
#include "libecbpf/loop.h"
#include "xdp_sampler/bus.h"
#include "xdp_sampler/cmd_top.h"
#include "xdp_sampler/commands.h"

#define AT_ONCE 1024 /* messages, before a look at the clock and signals */

/**
 * struct watch - one run
 * @source: endpoint of the message in the works
 * @since_ns: when the interval began
 */
struct watch {
	const struct top_options *options;
	const char *ifname;
	struct top top;
	struct publishers publishers;
	size_t source;
	uint64_t since_ns;
	uint64_t malformed;
	uint64_t shown;
};

static int on_packet(void *arg, const struct message_view *view)
{
	struct watch *watch = arg;

	/* of one interface alone, the others' make gaps */
	if (!watch->ifname)
		publishers_gap(&watch->publishers, watch->source, view->hostname, view->sequence);
	else if (strcmp(view->interface, watch->ifname))
		return 0;
	return top_add(&watch->top, view);
}

static int add_message(struct watch *watch, struct bus_message *message)
{
	int err;

	watch->source = message->source;
	err = message_unpack(zmq_msg_data(&message->part), zmq_msg_size(&message->part), on_packet,
			     watch);
	bus_release(message);
	return err;
}

static int take(struct watch *watch, struct bus *bus)
{
	struct bus_message message;
	int i, err;

	for (i = 0; i < AT_ONCE; i++) {
		err = bus_receive(bus, &message);
		if (!err)
			return 0;
		if (err > 0)
			err = add_message(watch, &message);
		if (err == -EBADMSG)
			watch->malformed++;
		else if (err)
			return err;
	}
	return 0;
}

static int show(struct watch *watch)
{
	const uint64_t now_ns = ecbpf_monotonic_ns();
	const struct top_screen screen = {
		.ranked = &watch->top,
		.interval_ns = now_ns - watch->since_ns,
		.lost = watch->publishers.lost,
		.lost_known = !watch->ifname,
		.malformed = watch->malformed,
		.lines = watch->options->lines,
	};

	top_rank(&watch->top);
	if (watch->options->json)
		top_show_json(&screen);
	else
		top_show_text(&screen);
	watch->shown++;
	watch->since_ns = now_ns;
	watch->publishers.lost = watch->malformed = 0;
	top_reset(&watch->top);
	return fflush(stdout) ? ecbpf_fail(-errno, "standard output: %s", strerror(errno)) : 0;
}

static int follow(struct watch *watch, struct bus *bus, struct ecbpf_loop *loop)
{
	const struct top_options *options = watch->options;
	int event, err = 0;

	while (!err && (!options->count || watch->shown < options->count)) {
		event = bus_wait(bus, loop);
		if (event < 0 || event == ECBPF_LOOP_STOP)
			return event < 0 ? event : 0;
		if (event == ECBPF_LOOP_TICK)
			err = show(watch);
		else
			err = take(watch, bus);
	}
	return err;
}

static int subscribe(struct bus *bus, const char *ifname, const struct top_options *options)
{
	struct bus_options to = { .curve_server = options->curve_server };
	char topic[MESSAGE_TOPIC_MAX];

	if (options->connect)
		to.endpoints.text[to.endpoints.count++] = options->connect;
	if (ifname) {
		snprintf(topic, sizeof(topic), "%s.", ifname);
		to.topics.text[to.topics.count++] = topic;
	}
	return bus_open(bus, &to);
}

/* top_run - @ifname: or NULL, of all interfaces; tells why it failed on stderr */
static int top_run(const char *ifname, const struct top_options *options)
{
	struct watch watch = { .options = options, .ifname = ifname };
	struct ecbpf_loop loop;
	struct bus bus = {};
	uint64_t seed = 0;
	int err;

	if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
		seed = ecbpf_monotonic_ns();
	top_init(&watch.top, seed);
	err = ecbpf_loop_open(&loop, options->interval_ns, -1);
	if (err)
		return ecbpf_report(err, ifname ? ifname : "bus", "top");
	watch.since_ns = ecbpf_monotonic_ns();
	err = subscribe(&bus, ifname, options);
	if (!err)
		err = follow(&watch, &bus, &loop);
	bus_close(&bus);
	ecbpf_loop_close(&loop);
	publishers_free(&watch.publishers);
	top_free(&watch.top);
	return err ? ecbpf_report(err, ifname ? ifname : "bus", "top") : 0;
}

int cmd_top(const void *opts, int argc, char **argv)
{
	const struct options *given = opts;
	const struct top_options options = {
		.connect = given->connect,
		.curve_server = given->curve_server,
		.interval_ns = given->interval_ns ? given->interval_ns : 1000000000,
		.count = given->count,
		.lines = given->lines ? given->lines : 10,
		.json = given->common.json,
	};

	return top_run(argc ? argv[0] : NULL, &options);
}
