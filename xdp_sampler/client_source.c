// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <linux/perf_event.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "libecbpf/loop.h"
#include "xdp_sampler/client_budget.h"
#include "xdp_sampler/client_source.h"

#define SETTLE_NS 2000000000ULL
/* The reader wakes up when a ring is filled by so much of it, or at the next tick. */
#define WAKE_SHARE 8

#define WORDS (sizeof(struct ecbpf_sampled) / sizeof(__u64))

void source_init(struct source *source, const char *name, struct exporter *exporter)
{
	memset(source, 0, sizeof(*source));
	snprintf(source->name, sizeof(source->name), "%s", name);
	source->exporter = exporter;
	source->outlet.name = source->name;
	source->samples = source->stats = source->claim = -1;
}

bool source_is_open(const struct source *source)
{
	return source->buffer;
}

int source_fd(const struct source *source)
{
	return perf_buffer__epoll_fd(source->buffer);
}

/* The maps outlive their root here, so its last samples are accounted for as well. */
static int sampled_read(int stats, struct ecbpf_sampled *sampled)
{
	const int cpus = libbpf_num_possible_cpus();
	struct ecbpf_cpu *values = cpus > 0 ? calloc(cpus, sizeof(*values)) : NULL;
	__u64 *sum = (__u64 *)sampled;
	__u32 zero = 0;
	size_t word;
	int cpu, err;

	if (!values)
		return ecbpf_fail(-ENOMEM, "out of memory");
	err = bpf_map_lookup_elem(stats, &zero, values);
	memset(sampled, 0, sizeof(*sampled));
	for (cpu = 0; !err && cpu < cpus; cpu++)
		for (word = 0; word < WORDS; word++)
			sum[word] += ((const __u64 *)&values[cpu].sampled)[word];
	free(values);
	return err ? ecbpf_fail(err, "counters: %s", strerror(-err)) : 0;
}

static int sampled_update(struct source *source)
{
	const __u64 *base = (const __u64 *)&source->base;
	__u64 *now = (__u64 *)&source->sampled;
	struct ecbpf_sampled read;
	size_t word;
	int err = sampled_read(source->stats, &read);

	for (word = 0; !err && word < WORDS; word++)
		now[word] = ((const __u64 *)&read)[word] - base[word];
	return err;
}

/* What perf_event.h describes, but declares nowhere; a record's bytes begin behind @size. */
struct record_sample {
	struct perf_event_header header;
	uint32_t size;
};

struct record_lost {
	struct perf_event_header header;
	uint64_t id;
	uint64_t lost;
};

/* sample_take - copied, as it is not aligned in its record; false: it is none of this version */
static bool sample_take(struct ecbpf_sample *sample, const uint8_t *bytes, uint32_t size)
{
	if (size < ECBPF_SAMPLE_HEADER)
		return false;
	memcpy(sample, bytes, ECBPF_SAMPLE_HEADER);
	if (sample->version != ECBPF_ABI || sample->snap_bytes > ECBPF_SNAP_MAX ||
	    size < ECBPF_SAMPLE_HEADER + sample->snap_bytes || sample->row >= ECBPF_ROWS ||
	    sample->column < ECBPF_COLUMN_ABORTED || sample->column > ECBPF_COLUMN_INVALID)
		return false;
	memcpy(sample->snap, bytes + ECBPF_SAMPLE_HEADER, sample->snap_bytes);
	return true;
}

static enum bpf_perf_event_ret on_record(void *arg, int cpu, struct perf_event_header *header)
{
	const struct record_sample *record = (const void *)header;
	struct ecbpf_sample sample;
	struct source *source = arg;

	(void)cpu;
	if (header->type == PERF_RECORD_LOST)
		source->perf_lost += ((const struct record_lost *)(const void *)header)->lost;
	if (header->type != PERF_RECORD_SAMPLE)
		return LIBBPF_PERF_EVENT_CONT;
	if (sample_take(&sample, (const uint8_t *)(&record->size + 1), record->size))
		exporter_sample(source->exporter, &source->outlet, &sample);
	else
		source->outlet.account.reader++;
	return LIBBPF_PERF_EVENT_CONT;
}

/* claim - be the only reader: a name that lasts as long as the descriptor, and not a file */
static int claim_take(uint32_t map_id)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int len =
		snprintf(addr.sun_path + 1, sizeof(addr.sun_path) - 1, "ecbpf-samples-%u", map_id);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), err;

	if (fd >= 0 &&
	    !bind(fd, (struct sockaddr *)&addr, offsetof(struct sockaddr_un, sun_path) + 1 + len))
		return fd;
	err = errno == EADDRINUSE ? ecbpf_fail(-EBUSY, "another client reads its samples") :
				    ecbpf_fail(-errno, "claim: %s", strerror(errno));
	if (fd >= 0)
		close(fd);
	return err;
}

static int map_id(int fd, uint32_t *id)
{
	struct bpf_map_info info = {};
	__u32 len = sizeof(info);
	int err = bpf_obj_get_info_by_fd(fd, &info, &len);

	if (err)
		return ecbpf_fail(err, "map: %s", strerror(-err));
	*id = info.id;
	return 0;
}

static int maps_open(struct source *source, const struct ecbpf_root *root)
{
	int err;

	source->samples = ecbpf_root_map(root, "ecbpf_samples");
	if (source->samples < 0)
		return source->samples;
	source->stats = ecbpf_root_map(root, "ecbpf_stats");
	if (source->stats < 0)
		return source->stats;
	err = map_id(source->samples, &source->map_id);
	if (err)
		return err;
	source->claim = claim_take(source->map_id);
	if (source->claim < 0)
		return source->claim;
	return sampler_config_map(root, &source->config);
}

static int buffer_open(struct source *source, size_t pages)
{
	struct perf_event_attr attr = {
		.size = sizeof(attr),
		.type = PERF_TYPE_SOFTWARE,
		.config = PERF_COUNT_SW_BPF_OUTPUT,
		.sample_type = PERF_SAMPLE_RAW,
		.sample_period = 1,
		.watermark = 1,
		.wakeup_watermark = pages * getpagesize() / WAKE_SHARE,
	};

	source->buffer =
		perf_buffer__new_raw(source->samples, pages, &attr, on_record, source, NULL);
	return source->buffer ? 0 : ecbpf_fail(-errno, "perf buffers: %s", strerror(errno));
}

static void release(struct source *source)
{
	perf_buffer__free(source->buffer);
	source->buffer = NULL;
	sampler_config_unmap(&source->config);
	if (source->samples >= 0)
		close(source->samples);
	if (source->stats >= 0)
		close(source->stats);
	if (source->claim >= 0)
		close(source->claim);
	source->samples = source->stats = source->claim = -1;
	memset(&source->sampled, 0, sizeof(source->sampled));
}

int source_open(struct source *source, size_t pages)
{
	struct ecbpf_root *root;
	int err = ecbpf_root_open_running(source->name, &root);

	if (err)
		return err;
	err = maps_open(source, root);
	ecbpf_root_close(root);
	if (!err) /* before there is a reader: what comes in between is unread */
		err = sampled_read(source->stats, &source->base);
	if (!err)
		err = buffer_open(source, pages);
	if (err) {
		release(source);
		return err;
	}
	source->budget_ns = ecbpf_monotonic_ns();
	source->budget_generated = 0;
	return 0;
}

void source_read(struct source *source)
{
	perf_buffer__consume(source->buffer);
	exporter_flush(source->exporter, &source->outlet);
}

/* rate_set - unless somebody else has changed it meanwhile, or turned it off */
static void rate_set(struct source *source, uint32_t from, uint32_t to)
{
	volatile uint32_t *one_in = &source->config.control->sample_one_in;

	if (from && from != to)
		__atomic_compare_exchange_n(one_in, &from, to, false, __ATOMIC_RELEASE,
					    __ATOMIC_RELAXED);
}

static void budget_keep(struct source *source)
{
	const uint64_t now_ns = ecbpf_monotonic_ns(), generated = source->sampled.generated;
	const uint32_t one_in = source->config.control->sample_one_in;
	const uint32_t budget = source->config.sampling->budget;
	const uint64_t ns = now_ns - source->budget_ns;

	if (budget)
		rate_set(source, one_in,
			 budget_next(one_in, sampler_least(source->config.sampling),
				     generated - source->budget_generated, ns, budget));
	source->budget_ns = now_ns;
	source->budget_generated = generated;
}

void source_tick(struct source *source)
{
	if (sampled_update(source))
		return;
	source->outlet.sflow.lost = source->past.full + source->past.unread + source->past.failed +
				    source->sampled.full + source->sampled.unread +
				    source->sampled.failed;
	budget_keep(source);
}

bool source_is_stale(const struct source *source)
{
	struct ecbpf_root *root;
	uint32_t id = 0;
	int fd;

	if (ecbpf_root_open_running(source->name, &root))
		return true;
	fd = ecbpf_root_map(root, "ecbpf_samples");
	ecbpf_root_close(root);
	if (fd < 0)
		return true;
	map_id(fd, &id);
	close(fd);
	return id != source->map_id;
}

static uint64_t missing(const struct source *source)
{
	const struct account account = source_account(source);

	return account.generated - account.sent - account.full - account.unread - account.failed -
	       account.reader - account.bus;
}

/*
 * settle - without its rings, the map takes no more samples: what is unread from here on is not the
 * client's. A sample in flight on another CPU may still be on its way into a ring.
 */
static int settle(struct source *source)
{
	const uint64_t until_ns = ecbpf_monotonic_ns() + SETTLE_NS;
	const int cpus = libbpf_num_possible_cpus();
	uint64_t unread, late;
	__u32 cpu;
	int err = sampled_update(source);

	unread = source->sampled.unread;
	for (cpu = 0; cpu < (__u32)cpus; cpu++)
		bpf_map_delete_elem(source->samples, &cpu);
	do {
		source_read(source);
		err = err ? err : sampled_update(source);
	} while (!err && missing(source) && ecbpf_monotonic_ns() < until_ns);
	late = source->sampled.unread - unread;
	source->sampled.unread -= late;
	source->sampled.generated -= late;
	if (!err && missing(source))
		err = ecbpf_fail(-ETIMEDOUT, "%llu samples are not accounted for",
				 (unsigned long long)missing(source));
	return err;
}

static void past_add(struct source *source)
{
	source->past.generated += source->sampled.generated;
	source->past.full += source->sampled.full;
	source->past.unread += source->sampled.unread;
	source->past.failed += source->sampled.failed;
}

int source_close(struct source *source)
{
	int err;

	if (!source_is_open(source))
		return 0;
	err = settle(source);
	if (source->config.sampling->budget)
		rate_set(source, source->config.control->sample_one_in,
			 sampler_least(source->config.sampling));
	past_add(source);
	release(source);
	return err;
}

struct account source_account(const struct source *source)
{
	struct account account = source->past;

	account.generated += source->sampled.generated;
	account.full += source->sampled.full;
	account.unread += source->sampled.unread;
	account.failed += source->sampled.failed;
	account.sent = source->outlet.account.sent;
	account.reader = source->outlet.account.reader;
	account.bus = source->outlet.account.bus;
	return account;
}
