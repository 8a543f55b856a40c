// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <cmocka.h>

#include "libecbpf/ecbpf.h"
#include "tests/bpf/suite.h"
#include "tests/bpf/members.skel.h"
#include "xdp_root/xdp_root.skel.h"

int suite_pin_cpu(void)
{
	int cpu = sched_getcpu();
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	assert_int_equal(sched_setaffinity(0, sizeof(set), &set), 0);
	return cpu;
}

void suite_ip(const char *command)
{
	char text[128], *argv[16] = { "ip" }, *word, *rest = text;
	int argc = 1, status;
	pid_t pid;

	snprintf(text, sizeof(text), "%s", command);
	while ((word = strtok_r(NULL, " ", &rest)))
		argv[argc++] = word;
	assert_int_equal(posix_spawnp(&pid, "ip", NULL, NULL, argv, environ), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (status)
		fail_msg("ip %s: status %d", command, status);
}

/* --- loading */

static void *map_memory(const struct bpf_map *map)
{
	void *at = mmap(NULL, bpf_map__value_size(map), PROT_READ | PROT_WRITE, MAP_SHARED,
			bpf_map__fd(map), 0);

	return at == MAP_FAILED ? NULL : at;
}

static int root_memory(struct suite *suite)
{
	suite->control = map_memory(suite->root->maps.ecbpf_control);
	suite->sampling = map_memory(suite->root->maps.ecbpf_sampling);
	return suite->control && suite->sampling ? 0 : -ENOMEM;
}

static int root_load(struct suite *suite)
{
	struct bpf_map *map;
	int err;

	suite->root = xdp_root__open();
	if (!suite->root)
		return -errno;
	bpf_object__for_each_map(map, suite->root->obj)
		bpf_map__set_pin_path(map, NULL);
	err = xdp_root__load(suite->root);
	if (err) {
		xdp_root__destroy(suite->root);
		suite->root = NULL;
	}
	return err;
}

static int trail_make(struct suite *suite)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE);

	suite->trail_fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "test_trail", sizeof(__u32),
					 sizeof(*suite->trail), 1, &opts);
	if (suite->trail_fd < 0)
		return suite->trail_fd;
	suite->trail = mmap(NULL, sizeof(*suite->trail), PROT_READ | PROT_WRITE, MAP_SHARED,
			    suite->trail_fd, 0);
	return suite->trail == MAP_FAILED ? -errno : 0;
}

int suite_open(void **state)
{
	struct suite *suite = calloc(1, sizeof(*suite));
	int err;

	assert_non_null(suite);
	suite->trail_fd = -1;
	suite->cpu = suite_pin_cpu();
	err = root_load(suite);
	if (!err)
		err = root_memory(suite);
	if (!err)
		err = trail_make(suite);
	*state = suite;
	if (err && err != -EPERM)
		print_error("loading the root: %s\n", strerror(-err));
	return err == -EPERM ? 0 : err;
}

int suite_close(void **state)
{
	struct suite *suite = *state;

	while (suite->count)
		members__destroy(suite->loaded[--suite->count]);
	if (suite->control)
		munmap((void *)suite->control, sizeof(*suite->control));
	if (suite->sampling)
		munmap((void *)suite->sampling, sizeof(*suite->sampling));
	if (suite->trail)
		munmap(suite->trail, sizeof(*suite->trail));
	if (suite->trail_fd >= 0)
		close(suite->trail_fd);
	xdp_root__destroy(suite->root);
	free(suite);
	return 0;
}

struct suite *suite_get(void **state)
{
	struct suite *suite = *state;

	if (!suite->root) {
		print_message("# loading programs needs CAP_BPF and CAP_NET_ADMIN\n");
		skip();
	}
	return suite;
}

static void share_maps(struct suite *suite, struct members *members)
{
	struct bpf_map *map, *root_map;

	bpf_object__for_each_map(map, members->obj) {
		if (!bpf_map__pin_path(map))
			continue;
		root_map = bpf_object__find_map_by_name(suite->root->obj, bpf_map__name(map));
		assert_non_null(root_map);
		bpf_map__set_pin_path(map, NULL);
		assert_int_equal(bpf_map__reuse_fd(map, bpf_map__fd(root_map)), 0);
	}
	assert_int_equal(bpf_map__reuse_fd(members->maps.test_trail, suite->trail_fd), 0);
}

static struct members *members_load(struct suite *suite, int slot, bool foreign,
				    const struct member_config *config)
{
	struct members *members = members__open();

	assert_non_null(members);
	assert_in_range(suite->count, 0, SUITE_LOADED_MAX - 1);
	suite->loaded[suite->count++] = members;
	share_maps(suite, members);
	members->rodata->test_config = *config;
	members->rodata_ecbpf->ecbpf_about.slot = slot;
	bpf_program__set_autoload(members->progs.test_member, !foreign);
	bpf_program__set_autoload(members->progs.test_foreign, foreign);
	assert_int_equal(members__load(members), 0);
	return members;
}

int suite_member(struct suite *suite, int slot, const struct member_config *config)
{
	struct members *members = members_load(suite, slot, false, config);
	int fd = bpf_program__fd(members->progs.test_member);

	if (slot >= 0 && slot < ECBPF_SLOTS)
		suite_put(suite, slot, fd);
	return fd;
}

int suite_foreign(struct suite *suite, const struct member_config *config)
{
	return bpf_program__fd(members_load(suite, 0, true, config)->progs.test_foreign);
}

static void array_put(const struct bpf_map *map, __u32 key, int fd)
{
	if (fd < 0)
		assert_int_equal(bpf_map_delete_elem(bpf_map__fd(map), &key), 0);
	else
		assert_int_equal(bpf_map_update_elem(bpf_map__fd(map), &key, &fd, BPF_ANY), 0);
}

void suite_put(struct suite *suite, int slot, int fd)
{
	array_put(suite->root->maps.ecbpf_slots, slot, fd);
}

void suite_hook(struct suite *suite, int action, int fd)
{
	array_put(suite->root->maps.xdpcap_hook, action, fd);
}

/* --- running */

int suite_test_run(int fd, const void *frame, size_t len)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = len, .repeat = 1);

	assert_int_equal(bpf_prog_test_run_opts(fd, &opts), 0);
	return opts.retval;
}

int suite_run(struct suite *suite, const void *frame, size_t len)
{
	return suite_test_run(bpf_program__fd(suite->root->progs.xdp_root), frame, len);
}

void suite_repeat(struct suite *suite, const void *frame, size_t len, unsigned int times)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = len,
		    .repeat = times);

	assert_int_equal(
		bpf_prog_test_run_opts(bpf_program__fd(suite->root->progs.xdp_root), &opts), 0);
}

int suite_run_out(struct suite *suite, const void *frame, size_t *len, void *out)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = *len,
		    .data_out = out, .data_size_out = SUITE_FRAME_MAX, .repeat = 1);

	assert_int_equal(
		bpf_prog_test_run_opts(bpf_program__fd(suite->root->progs.xdp_root), &opts), 0);
	*len = opts.data_size_out;
	return opts.retval;
}

/* --- what was counted */

void suite_expect(struct suite *suite, unsigned int row, unsigned int column, size_t bytes)
{
	struct ecbpf_counter *counter = &suite->want.row[row].by[column];

	counter->packets++;
	counter->bytes += bytes;
}

/* stats_read - every CPU's; freed by the caller */
static struct ecbpf_cpu *stats_read(const struct suite *suite, int cpus)
{
	struct ecbpf_cpu *values = calloc(cpus, sizeof(*values));
	__u32 zero = 0;

	assert_non_null(values);
	assert_int_equal(
		bpf_map_lookup_elem(bpf_map__fd(suite->root->maps.ecbpf_stats), &zero, values), 0);
	return values;
}

static int counters_differ(const struct ecbpf_cpu *got, const struct ecbpf_total *want)
{
	unsigned int row, column, code;
	int differ = 0;

	for (row = 0; row < ECBPF_ROWS; row++) {
		for (column = 0; column < ECBPF_COLUMNS_MAX; column++) {
			const struct ecbpf_counter *g = &got->row[row].by[column];
			const struct ecbpf_counter *w = &want->row[row].by[column];

			if (!memcmp(g, w, sizeof(*g)))
				continue;
			print_error("row %s, %s: %llu packets, %llu bytes; expected %llu, %llu\n",
				    ecbpf_row_name(row), ecbpf_column_name(column), g->packets,
				    g->bytes, w->packets, w->bytes);
			differ++;
		}
	}
	for (code = 0; code < ECBPF_CODES_MAX; code++) {
		if (got->code[code] == want->code[code])
			continue;
		print_error("code %u: %llu; expected %llu\n", code, got->code[code],
			    want->code[code]);
		differ++;
	}
	return differ;
}

void suite_check(struct suite *suite)
{
	static const struct ecbpf_total none;
	int cpus = libbpf_num_possible_cpus(), cpu, differ = 0;
	struct ecbpf_cpu *values = stats_read(suite, cpus);

	for (cpu = 0; cpu < cpus; cpu++)
		differ += counters_differ(&values[cpu], cpu == suite->cpu ? &suite->want : &none);
	/* from here on, so that a test that shares the suite does not fail for this one */
	memcpy(suite->want.row, values[suite->cpu].row, sizeof(suite->want.row));
	memcpy(suite->want.code, values[suite->cpu].code, sizeof(suite->want.code));
	free(values);
	assert_int_equal(differ, 0);
}

struct ecbpf_sampled suite_sampled(struct suite *suite)
{
	static const struct ecbpf_sampled none;
	int cpus = libbpf_num_possible_cpus(), cpu;
	struct ecbpf_cpu *values = stats_read(suite, cpus);
	struct ecbpf_sampled sampled = values[suite->cpu].sampled;

	for (cpu = 0; cpu < cpus; cpu++)
		if (cpu != suite->cpu)
			assert_memory_equal(&values[cpu].sampled, &none, sizeof(none));
	free(values);
	return sampled;
}

struct ecbpf_packet suite_now(struct suite *suite)
{
	struct ecbpf_cpu *values = stats_read(suite, libbpf_num_possible_cpus());
	struct ecbpf_packet now = values[suite->cpu].now;

	free(values);
	return now;
}

void suite_expect_trail(struct suite *suite, const __u32 *marks)
{
	__u32 i;

	for (i = 0; marks[i]; i++)
		assert_int_equal(suite->trail->mark[i], marks[i]);
	assert_int_equal(suite->trail->count, i);
	memset(suite->trail, 0, sizeof(*suite->trail));
}
