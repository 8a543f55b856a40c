// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Reads the samples of interfaces and publishes them. One thread; nobody whom it serves is waited for. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "libecbpf/cli.h"
#include "libecbpf/loop.h"
#include "xdp_sampler/client_stats.h"

#define TICK_NS	      100000000ULL
#define LOOK_NS	      1000000000ULL /* for interfaces that come and go */
#define NS_PER_HOUR   (3600 * 1000000000ULL)
#define HWM_DEFAULT   65536
#define PAGES_DEFAULT 512
#define PAGES_MAX     65536

struct client_options {
	struct ecbpf_common common;
	struct ecbpf_texts bind;
	uint64_t batch, hwm, pages, stats_ns;
	bool single_part;
	const char *curve_secret, *curve_public;
	const char *pop, *srvtype;
	const char *sflow, *sflow_agent;
};

/**
 * struct client - what runs
 * @source: @count of them
 * @epoll: their rings
 * @look_ns, @stats_ns: when it is time for that again
 */
struct client {
	const struct client_options *opts;
	struct exporter exporter;
	struct source *source;
	size_t count;
	struct ecbpf_loop loop;
	int epoll;
	uint64_t look_ns, stats_ns;
};

#define OPTION(kind, name, member, metavar, help, min, max)                                     \
	{                                                                                       \
		ECBPF_OPTION_##kind, 0, name, offsetof(struct client_options, member), metavar, \
			help, min, max                                                          \
	}

static const struct ecbpf_option options[] = {
	OPTION(TEXTS, "bind", bind, "ENDPOINT", "publish there; may be given several times", 0, 0),
	OPTION(NUMBER, "batch", batch, "N", "up to N samples of a topic in one message", 1,
	       EXPORT_BATCH),
	OPTION(FLAG, "single-part", single_part, NULL, "messages without a topic", 0, 0),
	OPTION(NUMBER, "hwm", hwm, "N", "messages kept for a subscriber that does not read",
	       PUBLISH_HWM_MIN, INT32_MAX),
	OPTION(TEXT, "curve-secret", curve_secret, "FILE", "encrypt: secret key, in Z85", 0, 0),
	OPTION(TEXT, "curve-public", curve_public, "FILE", "its public key", 0, 0),
	OPTION(TEXT, "pop", pop, "TEXT", "say so in the messages", 0, 0),
	OPTION(TEXT, "srvtype", srvtype, "TEXT", "say so in the messages", 0, 0),
	OPTION(NUMBER, "pages", pages, "N", "of a CPU's ring, a power of two", 1, PAGES_MAX),
	OPTION(TEXT, "sflow", sflow, "HOST:PORT", "send sFlow there, too", 0, 0),
	OPTION(TEXT, "sflow-agent", sflow_agent, "ADDRESS", "agent in there", 0, 0),
	OPTION(DURATION, "stats", stats_ns, "TIME", "print the account so often, and at the end",
	       TICK_NS, 24 * NS_PER_HOUR),
	{},
};

static void watch(struct client *client, size_t at)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = at };

	/* without it the samples are read at every tick all the same */
	epoll_ctl(client->epoll, EPOLL_CTL_ADD, source_fd(&client->source[at]), &event);
}

/* source_try - open it; not to be there is no failure */
static int source_try(struct client *client, size_t at, bool again)
{
	struct source *source = &client->source[at];
	int err = source_open(source, client->opts->pages);

	if (err)
		return err;
	watch(client, at);
	if (again)
		fprintf(stderr, "xdp_sampler_client: %s: there is a root again\n", source->name);
	return 0;
}

/* source_drop - closing the ring takes it out of the epoll set */
static void source_drop(struct source *source)
{
	if (source_close(source))
		ecbpf_report(0, source->name, "close");
	fprintf(stderr, "xdp_sampler_client: %s: its root is gone; waiting for another\n",
		source->name);
}

static void look(struct client *client)
{
	size_t i;

	exporter_clock(&client->exporter);
	for (i = 0; i < client->count; i++) {
		struct source *source = &client->source[i];

		if (source_is_open(source) && source_is_stale(source))
			source_drop(source);
		if (!source_is_open(source))
			source_try(client, i, true);
	}
}

static void stats(struct client *client, bool final)
{
	client_stats_print(client->source, client->count, &client->exporter, final,
			   client->opts->common.json);
}

/* read_all - that poll() has seen a ring takes back that it is readable: so none is asked again */
static void read_all(struct client *client)
{
	size_t i;

	for (i = 0; i < client->count; i++)
		if (source_is_open(&client->source[i]))
			source_read(&client->source[i]);
}

static void tick(struct client *client)
{
	const uint64_t now_ns = ecbpf_monotonic_ns();
	size_t i;

	read_all(client);
	for (i = 0; i < client->count; i++)
		if (source_is_open(&client->source[i]))
			source_tick(&client->source[i]);
	publisher_tick(&client->exporter.publisher);
	if (client->exporter.with_sflow)
		sflow_flush(&client->exporter.sflow);
	if (now_ns >= client->look_ns) {
		client->look_ns = now_ns + LOOK_NS;
		look(client);
	}
	if (client->opts->stats_ns && now_ns >= client->stats_ns) {
		client->stats_ns += client->opts->stats_ns;
		if (client->stats_ns <= now_ns) /* stopped meanwhile */
			client->stats_ns = now_ns + client->opts->stats_ns;
		stats(client, false);
	}
}

static int serve(struct client *client)
{
	int event;

	do {
		event = ecbpf_loop_wait(&client->loop);
		if (event == ECBPF_LOOP_TICK)
			tick(client);
		else if (event == ECBPF_LOOP_READ)
			read_all(client);
	} while (event >= 0 && event != ECBPF_LOOP_STOP);
	return event < 0 ? ecbpf_report(event, "loop", "wait") : 0;
}

/* drain - what was sampled until now */
static int drain(struct client *client)
{
	int err = 0, closed;
	size_t i;

	for (i = 0; i < client->count; i++) {
		closed = source_close(&client->source[i]);
		if (closed)
			err = ecbpf_report(closed, client->source[i].name, "drain");
	}
	if (client->exporter.with_sflow)
		sflow_flush(&client->exporter.sflow);
	if (client->opts->stats_ns)
		stats(client, true);
	return err;
}

static int sources_open(struct client *client, const struct ecbpf_iflist *names)
{
	size_t i, opened = 0;
	int err = 0, failed;

	client->source = calloc(names->count, sizeof(*client->source));
	if (!client->source)
		return ecbpf_report(ecbpf_fail(-ENOMEM, "out of memory"), "interfaces", "open");
	client->count = names->count;
	for (i = 0; i < names->count; i++)
		source_init(&client->source[i], names->name[i], &client->exporter);
	for (i = 0; i < names->count; i++) {
		failed = source_try(client, i, false);
		if (failed)
			err = ecbpf_report(failed, names->name[i], "open");
		opened += !failed;
	}
	return opened ? 0 : err;
}

static int exporter_open(struct exporter *exporter, const struct client_options *opts)
{
	const struct publish_options publish = {
		.endpoint = opts->bind.text,
		.endpoints = opts->bind.count,
		.hwm = opts->hwm,
		.single_part = opts->single_part,
		.curve_secret = opts->curve_secret,
		.curve_public = opts->curve_public,
	};
	int err;

	exporter->batch = opts->batch;
	exporter_clock(exporter);
	err = publisher_open(&exporter->publisher, &publish);
	if (err)
		return ecbpf_report(err, "bus", "open");
	if (!opts->sflow)
		return 0;
	err = sflow_open(&exporter->sflow, opts->sflow, opts->sflow_agent);
	if (err)
		return ecbpf_report(err, "sflow", "open");
	exporter->with_sflow = true;
	return 0;
}

static void client_close(struct client *client)
{
	size_t i;

	for (i = 0; i < client->count; i++) {
		source_close(&client->source[i]);
		outlet_free(&client->source[i].outlet);
	}
	free(client->source);
	publisher_close(&client->exporter.publisher);
	if (client->exporter.with_sflow)
		sflow_close(&client->exporter.sflow);
	free(client->exporter.buf);
	if (client->epoll >= 0)
		close(client->epoll);
}

/* work - all is open; from the first sample on a signal to stop is an event */
static int work(struct client *client, const struct ecbpf_iflist *names)
{
	int err = ecbpf_loop_open(&client->loop, TICK_NS, client->epoll), drained;

	if (err)
		return ecbpf_report(err, "loop", "open");
	err = sources_open(client, names);
	client->look_ns = ecbpf_monotonic_ns() + LOOK_NS;
	client->stats_ns = ecbpf_monotonic_ns() + client->opts->stats_ns;
	if (!err) {
		err = serve(client);
		drained = drain(client);
		err = err ? err : drained;
	}
	ecbpf_loop_close(&client->loop);
	return err;
}

static int usage(const char *text)
{
	fprintf(stderr, "xdp_sampler_client: %s; see xdp_sampler_client --help\n", text);
	return ECBPF_EXIT_USAGE;
}

static int options_check(const struct client_options *opts)
{
	if (!opts->curve_secret != !opts->curve_public)
		return usage("--curve-secret and --curve-public need each other");
	if (opts->pages & (opts->pages - 1))
		return usage("--pages: not a power of two");
	if (opts->sflow_agent && !opts->sflow)
		return usage("--sflow-agent needs --sflow");
	return 0;
}

static int run(const void *arg, int argc, char **argv)
{
	const struct client_options *opts = arg;
	struct client client = { .opts = opts, .epoll = epoll_create1(EPOLL_CLOEXEC) };
	struct ecbpf_iflist names;
	char hostname[256] = "";
	int err = options_check(opts);

	if (!err && ecbpf_iflist_args(&names, argc, argv))
		err = usage(ecbpf_error());
	if (err)
		return err;
	gethostname(hostname, sizeof(hostname) - 1);
	client.exporter.origin = (struct message_origin){ hostname, opts->pop, opts->srvtype, "" };
	err = exporter_open(&client.exporter, opts);
	if (!err)
		err = work(&client, &names);
	client_close(&client);
	ecbpf_iflist_free(&names);
	return err;
}

static const struct ecbpf_command commands[] = {
	{ "", "IF...", "Publishes the samples of interfaces.", 1, -1, options, run },
	{},
};

int main(int argc, char **argv)
{
	struct client_options opts = {
		.hwm = HWM_DEFAULT, .pages = PAGES_DEFAULT, .pop = "", .srvtype = ""
	};
	const struct ecbpf_tool tool = { .name = "xdp_sampler_client",
					 .commands = commands,
					 .opts = &opts };

	return ecbpf_main(&tool, argc, argv);
}
