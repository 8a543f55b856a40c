// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/if_ether.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "libecbpf/ecbpf.h"
#include "xdp_fw/load.h"
#include "xdp_fw/replay.h"
#include "xdp_fw/xdp_fw.skel.h"

/*
 * Nanoseconds on the program's clock when the first frame comes, and the last it can tell: it
 * counts in 2^-6 ns, so nine years fit.
 */
#define CLOCK_BEGIN 1000000000ULL
#define CLOCK_END   (1ULL << 57)

/* In a page: XDP_PACKET_HEADROOM before the frame, struct skb_shared_info behind it. */
#define HEADROOM 256
#define TAILROOM 320

#define NOT_REPORTED ECBPF_COLUMNS_MAX

/**
 * struct replay - the program twice
 * @judge: gives verdicts; @maps are its own
 * @timed: is run over and over; it has the sets in common with @judge, but buckets of its own
 * @cpu: map ecbpf_stats: a value for each possible CPU, @cpus
 * @first_ns: time of the first frame
 * @clock_ns: of the programs
 */
struct replay {
	struct fw_maps maps, timed_maps;
	struct xdp_fw *judge, *timed;
	struct ecbpf_cpu *cpu;
	int cpus;
	bool begun;
	uint64_t first_ns, clock_ns;
};

static size_t replay_max(void)
{
	return sysconf(_SC_PAGESIZE) - HEADROOM - TAILROOM;
}

/* --- loading */

/* maps_share - all but the buckets of sources */
static int maps_share(const struct fw_maps *from, struct fw_maps *to)
{
	const uint64_t sources = (uint64_t)from->entries[FW_MAP_SOURCES] * FW_BUCKET_ENTRIES;
	int i;

	for (i = 0; i < FW_MAPS; i++) {
		if (i == FW_MAP_SOURCES)
			continue;
		to->fd[i] = fcntl(from->fd[i], F_DUPFD_CLOEXEC, 0);
		to->entries[i] = from->entries[i];
		if (to->fd[i] < 0)
			return ecbpf_fail(-errno, "map %s: %s", fw_map_name(i), strerror(errno));
	}
	return fw_maps_create(to, to->entries[FW_MAP_SLOTS], to->entries[FW_MAP_TAGS], sources);
}

static int programs_load(struct replay *replay, const struct fw_ruleset *set)
{
	struct fw_load load = { .set = set, .maps = &replay->maps, .replay = true };
	int err = fw_load_alone(&load, &replay->judge);

	if (!err)
		err = maps_share(&replay->maps, &replay->timed_maps);
	load.maps = &replay->timed_maps;
	if (!err)
		err = fw_load_alone(&load, &replay->timed);
	return err;
}

int replay_open(const struct fw_document *doc, struct replay **replay)
{
	struct replay *opened = calloc(1, sizeof(*opened));
	int err;

	if (!opened)
		return ecbpf_fail(-ENOMEM, "out of memory");
	fw_maps_none(&opened->maps);
	fw_maps_none(&opened->timed_maps);
	opened->clock_ns = CLOCK_BEGIN;
	err = fw_document_maps(doc, FW_POOL_MIN, FW_MAPS_SOURCES, &opened->maps);
	if (!err)
		err = programs_load(opened, &doc->rules);
	if (!err) {
		opened->cpus = libbpf_num_possible_cpus();
		opened->cpu = calloc(opened->cpus, sizeof(*opened->cpu));
		if (!opened->cpu)
			err = ecbpf_fail(-ENOMEM, "out of memory");
	}
	if (err) {
		replay_close(opened);
		return err;
	}
	*replay = opened;
	return 0;
}

void replay_close(struct replay *replay)
{
	if (!replay)
		return;
	xdp_fw__destroy(replay->timed);
	xdp_fw__destroy(replay->judge);
	fw_maps_close(&replay->timed_maps);
	fw_maps_close(&replay->maps);
	free(replay->cpu);
	free(replay);
}

/* --- running */

static int failed(int err, const char *what)
{
	return ecbpf_fail(err, "%s: %s", what, strerror(-err));
}

static void clock_advance(struct replay *replay, uint64_t time_ns)
{
	uint64_t clock = CLOCK_BEGIN;

	if (!replay->begun)
		replay->first_ns = time_ns;
	replay->begun = true;
	if (time_ns > replay->first_ns)
		clock += time_ns - replay->first_ns;
	if (clock > CLOCK_END || clock < CLOCK_BEGIN)
		clock = CLOCK_END;
	if (clock > replay->clock_ns)
		replay->clock_ns = clock;
}

/*
 * run - once, on a copy of the frame. For more runs at a time the kernel changes its dispatcher of
 * programs before and after, and waits: that would be tens of milliseconds for each frame.
 */
static int run(struct replay *replay, struct xdp_fw *fw, const void *frame, size_t len,
	       struct bpf_test_run_opts *opts)
{
	__u32 zero = 0;
	int err = bpf_map__update_elem(fw->maps.fw_clock, &zero, sizeof(zero), &replay->clock_ns,
				       sizeof(replay->clock_ns), BPF_ANY);

	opts->data_in = frame;
	opts->data_size_in = len;
	if (!err)
		err = bpf_prog_test_run_opts(bpf_program__fd(fw->progs.xdp_fw_kern), opts);
	return err ? failed(err, "running the program") : 0;
}

/* trace_arm - a traced packet leaves its verdict in the scratch memory of the CPU that it meets */
static int trace_arm(struct replay *replay, size_t len)
{
	const int fd = bpf_map__fd(replay->judge->maps.ecbpf_stats);
	__u32 zero = 0;
	int i, err;

	memset(replay->cpu, 0, replay->cpus * sizeof(*replay->cpu));
	for (i = 0; i < replay->cpus; i++) {
		replay->cpu[i].now.flags = ECBPF_PACKET_TRACE;
		replay->cpu[i].now.bytes = len;
		replay->cpu[i].sample.column = NOT_REPORTED;
	}
	err = bpf_map_update_elem(fd, &zero, replay->cpu, BPF_ANY);
	return err ? failed(err, "counters") : 0;
}

static int trace_read(struct replay *replay, struct replay_verdict *verdict)
{
	const int fd = bpf_map__fd(replay->judge->maps.ecbpf_stats);
	const struct ecbpf_sample *sample;
	__u32 zero = 0;
	int i, err = bpf_map_lookup_elem(fd, &zero, replay->cpu);

	if (err)
		return failed(err, "counters");
	for (i = 0; i < replay->cpus; i++) {
		sample = &replay->cpu[i].sample;
		if (sample->column == NOT_REPORTED)
			continue;
		verdict->code = sample->code;
		verdict->meta = sample->meta;
		return 0;
	}
	return ecbpf_fail(-EPROTO, "the program did not report its verdict");
}

int replay_run(struct replay *replay, const void *frame, size_t len, uint64_t time_ns,
	       struct replay_verdict *verdict)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	int err;

	memset(verdict, 0, sizeof(*verdict));
	clock_advance(replay, time_ns);
	if (len > replay_max())
		return ecbpf_fail(-EMSGSIZE, "%zu bytes are more than XDP sees of a frame (%zu)",
				  len, replay_max());
	if (len < ETH_HLEN) {
		verdict->action = XDP_ABORTED;
		verdict->code = ECBPF_CODE_ETH_TRUNCATED;
		return 0;
	}
	err = trace_arm(replay, len);
	if (!err)
		err = run(replay, replay->judge, frame, len, &opts);
	if (!err)
		err = trace_read(replay, verdict);
	verdict->action = opts.retval;
	return err;
}

int replay_measure(struct replay *replay, const void *frame, size_t len, struct replay_time *time)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	uint64_t sum = 0;
	int i, err;

	*time = (struct replay_time){ .min_ns = UINT32_MAX };
	for (i = 0; i < REPLAY_TIMES; i++) {
		err = run(replay, replay->timed, frame, len, &opts);
		if (err)
			return err;
		sum += opts.duration;
		if (opts.duration < time->min_ns)
			time->min_ns = opts.duration;
		if (opts.duration > time->max_ns)
			time->max_ns = opts.duration;
	}
	time->average_ns = sum / REPLAY_TIMES;
	return 0;
}
