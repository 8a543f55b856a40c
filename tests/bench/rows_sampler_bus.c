// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * A flood of which every packet is sampled, published, and counted by a subscriber: three processes
 * and the kernel on the CPUs that there are. Beside it tools that capture the same flood.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <json-c/json.h>

#include "libecbpf/loop.h"
#include "tests/bench/peer.h"
#include "tests/bench/sampler.h"
#include "tests/bench/sender.h"
#include "tests/bench/subscriber.h"
#include "tests/tools/live.skel.h"

#define TURNS	   5
#define FRAMES	   3000000
#define FRAME	   128
#define PROBES	   64
#define SLOT	   8
#define QUIET_NS   200000000ULL
#define LOOK_NS	   10000000
#define JOIN_NS	   10000000000ULL
#define TARGET_MPS 1

/**
 * struct stage - the flood, and what takes it
 * @name: of the figures
 * @figures: so many M/s, % lost, ns of CPU each: by turn
 */
struct stage {
	struct bench *b;
	const char *name;
	struct ecbpf_root *root;
	struct live *live;
	const struct bench_traffic *traffic;
	char endpoint[64];
	double rate[TURNS], lost[TURNS], cost[TURNS];
};

/** struct told - what the client says of its samples at the end */
struct told {
	uint64_t generated, sent;
	uint64_t full, unread, other;
};

static const struct bench_traffic *frames(struct bench *b)
{
	const struct bench_traffic *small = bench_ipv4(b, 1);
	struct bench_traffic like;

	if (!small)
		return NULL;
	like = *small;
	like.name = "IPv4, 128";
	like.len = FRAME;
	return bench_traffic(b, &like);
}

/* stage_open - @action: what becomes of the flood behind the root */
static int stage_open(struct stage *s, int action)
{
	char peer[IF_NAMESIZE];
	int prog = sender_root(s->b, &s->root, peer, &s->live);

	if (prog < 0)
		return prog;
	close(prog);
	s->traffic = frames(s->b);
	snprintf(s->endpoint, sizeof(s->endpoint), "ipc://@ecbpf-bench-%d", getpid());
	return s->traffic ? bench_member(s->root, SLOT, action) : -ENOMEM;
}

static void stage_close(struct stage *s)
{
	live__destroy(s->live);
	ecbpf_root_close(s->root);
}

static int figure(struct stage *s, const char *what, const char *unit, double *values, double min)
{
	struct bench_figure f = { .unit = unit, .min = min };

	snprintf(f.name, sizeof(f.name), "%s, %s", s->name, what);
	f.value = bench_spread(values, TURNS);
	return bench_figure(s->b, &f);
}

static int figures(struct stage *s, double min)
{
	int err = figure(s, "delivered", "M/s", s->rate, min);

	if (!err)
		err = figure(s, "lost", "%", s->lost, 0);
	return err ? err : figure(s, "CPU for each", "ns", s->cost, 0);
}

/* --- the client */

static void look_wait(void)
{
	const struct timespec look = { .tv_nsec = LOOK_NS };

	nanosleep(&look, NULL);
}

/* join - until samples get through */
static int join(const struct stage *s, const struct subscriber *sub)
{
	const uint64_t until_ns = ecbpf_monotonic_ns() + JOIN_NS;
	int err;

	do {
		err = sender_burst(s->live, s->traffic, PROBES);
		if (err)
			return err;
		look_wait();
		if (__atomic_load_n(&sub->last_ns, __ATOMIC_ACQUIRE))
			return 0;
	} while (ecbpf_monotonic_ns() < until_ns);
	return bench_fail(-ETIMEDOUT, "no sample reaches the subscriber");
}

/* settle - until nothing more comes */
static uint64_t settle(const struct subscriber *sub)
{
	uint64_t last_ns;

	do {
		look_wait();
		last_ns = __atomic_load_n(&sub->last_ns, __ATOMIC_ACQUIRE);
	} while (ecbpf_monotonic_ns() - last_ns < QUIET_NS);
	return last_ns;
}

static uint64_t number(struct json_object *json, const char *name)
{
	struct json_object *value = NULL;

	json_object_object_get_ex(json, name, &value);
	return json_object_get_int64(value);
}

static int told_parse(const char *text, struct told *told)
{
	const char *final = strstr(text, "{\"final\":true");
	struct json_object *json = final ? json_tokener_parse(final) : NULL, *sum, *lost;
	int err = -EPROTO;

	if (json && json_object_object_get_ex(json, "sum", &sum) &&
	    json_object_object_get_ex(sum, "lost", &lost)) {
		told->generated = number(sum, "generated");
		told->sent = number(sum, "sent");
		told->full = number(lost, "full");
		told->unread = number(lost, "unread");
		told->other = number(lost, "failed") + number(lost, "reader") + number(lost, "bus");
		err = 0;
	}
	json_object_put(json);
	return err ? bench_fail(err, "client: no account: %s", text) : 0;
}

/*
 * check - what the kernel made is what the client had or lost, and that is what the subscriber got.
 * Probes that come before the client has its rings are unread, and before it looks not even its own.
 */
static int check(const struct told *told, const struct subscriber *sub,
		 const struct ecbpf_sampled *before, const struct ecbpf_sampled *after)
{
	const uint64_t generated = after->generated - before->generated;
	const uint64_t unread = after->unread - before->unread;

	if (generated - unread == told->generated - told->unread &&
	    after->full - before->full == told->full &&
	    told->generated == told->sent + told->full + told->unread + told->other &&
	    !sub->disorder && sub->next <= told->sent && sub->samples <= sub->next - sub->first)
		return 0;
	return bench_fail(-EPROTO,
			  "%" PRIu64 " samples, %" PRIu64 " unread; client: %" PRIu64 ", %" PRIu64
			  " sent; subscriber: %" PRIu64 " of %" PRIu64 " to %" PRIu64 ", %" PRIu64
			  " out of order",
			  generated, unread, told->generated, told->sent, sub->samples, sub->first,
			  sub->next, sub->disorder);
}

/* flood_bus - one flood through client and subscriber, which have been started */
static int flood_bus(struct stage *s, int turn, struct peer *client, struct subscriber *sub)
{
	struct ecbpf_sampled before, after;
	uint64_t begin_ns, last_ns, had, lost;
	char text[PEER_TEXT_MAX];
	struct told told = {};
	double cpu_s;
	int err = sampler_read(s->root, &before);

	err = err ? err : join(s, sub);
	if (err)
		return err;
	settle(sub);
	had = sub->samples;
	begin_ns = ecbpf_monotonic_ns();
	err = sender_burst(s->live, s->traffic, FRAMES);
	if (err)
		return err;
	last_ns = settle(sub);
	if (peer_stop(client, SIGTERM, &cpu_s, text))
		return bench_fail(-ECHILD, "client: %s", text);
	settle(sub);
	err = sampler_read(s->root, &after);
	err = err ? err : told_parse(text, &told);
	err = err ? err : check(&told, sub, &before, &after);
	if (err)
		return err;
	s->rate[turn] = (sub->samples - had) * 1e3 / (last_ns - begin_ns);
	lost = told.full + told.other + told.sent - sub->first - sub->samples;
	s->lost[turn] = 100.0 * lost / (lost + sub->samples);
	s->cost[turn] = cpu_s * 1e9 / told.sent;
	return 0;
}

static int bus_turn(struct stage *s, int turn, const char *batch)
{
	char path[256];
	const char *const argv[] = {
		path, ecbpf_root_ifname(s->root), "--bind", s->endpoint, "--stats", "24h",
		"-j", batch ? "--batch" : NULL,	  batch,    NULL
	};
	struct subscriber *sub =
		mmap(NULL, sizeof(*sub), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct peer client = {}, subscriber = {};
	int err;

	if (sub == MAP_FAILED)
		return bench_fail(-errno, "memory: %s", strerror(errno));
	sub->endpoint = s->endpoint;
	snprintf(path, sizeof(path), "%s/bin/xdp_sampler_client", getenv("B") ?: "build");
	err = peer_command(&client, argv);
	if (!err)
		err = peer_function(&subscriber, subscriber_run, sub);
	if (!err)
		err = flood_bus(s, turn, &client, sub);
	peer_stop(&client, SIGKILL, NULL, NULL);
	peer_stop(&subscriber, SIGKILL, NULL, NULL);
	munmap(sub, sizeof(*sub));
	return err;
}

static int bus_figures(struct bench *b, const char *name, const char *batch, double min)
{
	const struct ecbpf_sampling all = { .snap_bytes = FRAME, .by_default = 1 };
	struct stage s = { .b = b, .name = name };
	int err = stage_open(&s, XDP_DROP), turn;

	if (!err)
		err = sampler_set(s.root, &all);
	for (turn = 0; !err && turn < TURNS; turn++)
		err = bus_turn(&s, turn, batch);
	stage_close(&s);
	return err ? err : figures(&s, min);
}

/* --- others */

static uint64_t arrived(const struct stage *s)
{
	struct ecbpf_total total;

	if (ecbpf_stats_read(s->root, &total))
		return 0;
	return total.row[ECBPF_ROW_ROOT].by[ECBPF_COLUMN_NEXT].packets;
}

/* captured_parse - "N packets captured" */
static uint64_t captured_parse(const char *text)
{
	const char *at = strstr(text, " packets captured");

	while (at && at > text && at[-1] >= '0' && at[-1] <= '9')
		at--;
	return at ? strtoull(at, NULL, 10) : 0;
}

/* last_line - of what a tool said, without its end */
static const char *last_line(char *text)
{
	size_t len = strlen(text);
	char *line;

	while (len && text[len - 1] == '\n')
		text[--len] = '\0';
	line = strrchr(text, '\n');
	return line ? line + 1 : text;
}

static int tool_turn(struct stage *s, int turn, const char *const argv[], char text[PEER_TEXT_MAX])
{
	struct peer tool = {};
	uint64_t before, begin_ns, took_ns, captured;
	double cpu_s;
	int err = peer_command(&tool, argv);

	if (!err)
		err = peer_said(&tool, "listening on");
	before = arrived(s);
	begin_ns = ecbpf_monotonic_ns();
	if (!err)
		err = sender_burst(s->live, s->traffic, FRAMES);
	took_ns = ecbpf_monotonic_ns() - begin_ns;
	text[0] = '\0';
	peer_stop(&tool, SIGINT, &cpu_s, text);
	captured = captured_parse(text);
	if (err || !captured)
		return err ? err : -ENODATA;
	before = arrived(s) - before;
	s->rate[turn] = captured * 1e3 / took_ns;
	s->lost[turn] = 100.0 * ((double)before - captured) / before;
	s->cost[turn] = cpu_s * 1e9 / captured;
	return 0;
}

/* tool_figures - @argv: its second word is where the interface's name goes */
static int tool_figures(struct bench *b, const char *name, const char *argv[], int action)
{
	struct stage s = { .b = b, .name = name };
	int err = stage_open(&s, action), turn;
	char text[PEER_TEXT_MAX], why[PEER_TEXT_MAX + 16];

	if (!err)
		argv[2] = ecbpf_root_ifname(s.root);
	for (turn = 0; !err && turn < TURNS; turn++) {
		err = tool_turn(&s, turn, argv, text);
		if (err) {
			snprintf(why, sizeof(why), "%s: %s", argv[0], last_line(text));
			stage_close(&s);
			return bench_skip(b, name, why);
		}
	}
	stage_close(&s);
	return err ? err : figures(&s, 0);
}

int rows_sampler_bus(struct bench *b)
{
	const char *tcpdump[] = { "tcpdump", "-i",   "",   "-n",	"-s",  "128",
				  "-Z",	     "root", "-w", "/dev/null", "udp", NULL };
	const char *xdpdump[] = { "xdpdump", "-i", "", "-s", "128", "-w", "/dev/null", NULL };
	int err = bus_figures(b, "bus, batches of 256", "256", TARGET_MPS);

	if (!err)
		err = bus_figures(b, "bus, single samples", NULL, 0);
	if (!err)
		err = tool_figures(b, "tcpdump, passed", tcpdump, XDP_PASS);
	if (!err)
		err = tool_figures(b, "xdpdump, dropped", xdpdump, XDP_DROP);
	return err;
}
