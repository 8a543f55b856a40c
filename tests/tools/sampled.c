// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * sampled NETNS IFNAME PAGES [COUNT]: read an interface's samples, with so many pages of perf buffer
 * for each CPU. Prints "ready", a JSON object for each sample, and after COUNT of them or at SIGTERM
 * one with the sum: samples read, and those that the perf buffer says were lost.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#include "libecbpf/cli.h"
#include "libecbpf/log.h"
#include "libecbpf/loop.h"

#define TICK_NS 1000000000ULL

/* wrong: records that are not samples */
struct reader {
	uint64_t read, lost, wrong;
	uint64_t count;
};

static void on_sample(void *arg, int cpu, void *data, __u32 size)
{
	const struct ecbpf_sample *sample = data;
	struct reader *reader = arg;
	uint32_t i;

	if (size < ECBPF_SAMPLE_HEADER || sample->snap_bytes > size - ECBPF_SAMPLE_HEADER ||
	    sample->version != ECBPF_ABI || sample->cpu != (__u32)cpu) {
		reader->wrong++;
		return;
	}
	reader->read++;
	printf("{\"time_ns\":%llu,\"meta\":%llu,\"sequence\":%llu,\"code\":%u,\"frame_bytes\":%u,"
	       "\"ifindex\":%u,\"rx_queue\":%u,\"cpu\":%u,\"one_in\":%u,\"row\":\"%s\","
	       "\"column\":\"%s\",\"reason\":\"%s\",\"snap\":\"",
	       sample->time_ns, sample->meta, sample->sequence, sample->code, sample->frame_bytes,
	       sample->ifindex, sample->rx_queue, sample->cpu, sample->one_in,
	       ecbpf_row_name(sample->row), ecbpf_column_name(sample->column),
	       ecbpf_code_name(sample->code) ? ecbpf_code_name(sample->code) : "");
	for (i = 0; i < sample->snap_bytes; i++)
		printf("%02x", sample->snap[i]);
	puts("\"}");
}

static void on_lost(void *arg, int cpu, __u64 count)
{
	struct reader *reader = arg;

	(void)cpu;
	reader->lost += count;
}

static int follow(struct perf_buffer *buffer, struct reader *reader)
{
	struct ecbpf_loop loop;
	int event = ecbpf_loop_open(&loop, TICK_NS, perf_buffer__epoll_fd(buffer));

	if (event < 0)
		return event;
	puts("ready");
	do {
		fflush(stdout);
		event = ecbpf_loop_wait(&loop);
		perf_buffer__consume(buffer);
	} while (event >= 0 && event != ECBPF_LOOP_STOP &&
		 (!reader->count || reader->read < reader->count));
	ecbpf_loop_close(&loop);
	printf("{\"read\":%" PRIu64 ",\"lost\":%" PRIu64 ",\"wrong\":%" PRIu64 "}\n", reader->read,
	       reader->lost, reader->wrong);
	return event < 0 ? event : 0;
}

/* The kernel takes the buffers out of the map when the descriptor that put them in is closed. */
static int sampled(const char *ifname, uint64_t pages, struct reader *reader)
{
	struct perf_buffer *buffer = NULL;
	struct ecbpf_root *root = NULL;
	int map = -1, err;

	err = ecbpf_root_open_running(ifname, &root);
	if (err)
		return err;
	map = ecbpf_root_map(root, "ecbpf_samples");
	if (map >= 0)
		buffer = perf_buffer__new(map, pages, on_sample, on_lost, reader, NULL);
	if (buffer)
		err = follow(buffer, reader);
	else
		err = map < 0 ? map : ecbpf_fail(-errno, "perf buffers: %s", strerror(errno));
	perf_buffer__free(buffer);
	if (map >= 0)
		close(map);
	ecbpf_root_close(root);
	return err;
}

int main(int argc, char **argv)
{
	struct reader reader = {};
	uint64_t pages;

	ecbpf_log_init("sampled", 0);
	if (argc < 4 || argc > 5 || ecbpf_parse_number(argv[3], 1, 65536, &pages))
		return 2;
	if (argc == 5 && ecbpf_parse_number(argv[4], 1, UINT64_MAX, &reader.count))
		return 2;
	if (ecbpf_netns_enter(argv[1]) || sampled(argv[2], pages, &reader))
		return ecbpf_report(1, argv[2], "sampled");
	return 0;
}
