// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bypass_ipvs/load.h"
#include "bypass_ipvs/params.h"
#include "libecbpf/instance.h"

#include "bypass_ipvs/bypass_egress.skel.h"
#include "bypass_ipvs/xdp_bypass_ipvs.skel.h"

#define VERIFIER_LOG_SIZE (1 << 20)
#define MIB		  (1 << 20)

static __u32 buckets(__u32 flows)
{
	return flows / BYPASS_WAYS;
}

static struct bpf_map *map_of(const struct bpf_object *obj, enum live_map map)
{
	return bpf_object__find_map_by_name(obj, live_map_name(map));
}

/* --- what is fixed at load */

static void variables_set(struct bpf_object *obj, const __u64 seed[2], __u32 flows, __u32 flows6)
{
	const __u32 of[2] = { buckets(flows), buckets(flows6) }, hz = ecbpf_hz();
	const __u32 cpus = libbpf_num_possible_cpus();

	ecbpf_variable_set(obj, "bypass_seed", seed, 2 * sizeof(*seed));
	ecbpf_variable_set(obj, "bypass_buckets", of, sizeof(of));
	ecbpf_variable_set(obj, "bypass_hz", &hz, sizeof(hz));
	ecbpf_variable_set(obj, "bypass_cpus", &cpus, sizeof(cpus));
}

/* maps_give - maps that there are, instead of new ones */
static int maps_give(struct bpf_object *obj, const struct live *live)
{
	int i, err = 0;

	for (i = 0; !err && i < LIVE_MAPS; i++) {
		err = bpf_map__reuse_fd(map_of(obj, i), live->fd[i]);
		if (err)
			ecbpf_fail(err, "map %s: %s", live_map_name(i), strerror(-err));
	}
	return err;
}

/* --- the egress program */

/* last_word - the last line of the verifier's log that is not a statistic; cuts the log short */
static const char *last_word(char *log)
{
	char *end = strstr(log, "\nprocessed "), *line;

	if (end)
		*end = '\0';
	for (end = log + strlen(log); end > log && end[-1] == '\n';)
		*--end = '\0';
	line = strrchr(log, '\n');
	return line ? line + 1 : log;
}

static uint64_t total_bytes(const struct load *load)
{
	uint64_t bytes = 0;
	int i;

	for (i = 0; i < LIVE_MAPS; i++)
		bytes += load_bytes(load, i);
	return bytes;
}

static int egress_load(const struct load *load)
{
	struct bpf_program *prog = load->egress->progs.bpf_egress_syn_check;
	char *log = malloc(VERIFIER_LOG_SIZE);
	int err;

	if (!log)
		return ecbpf_fail(-ENOMEM, "out of memory");
	log[0] = '\0';
	bpf_program__set_log_buf(prog, log, VERIFIER_LOG_SIZE);
	err = bypass_egress__load(load->egress);
	if (err == -ENOMEM || (err == -E2BIG && !log[0]))
		ecbpf_fail(err, "the kernel refuses %llu MiB for the tables: give less --flows",
			   (unsigned long long)total_bytes(load) / MIB);
	else if (err)
		ecbpf_fail(err, "the egress program: %s", log[0] ? last_word(log) : strerror(-err));
	bpf_program__set_log_buf(prog, NULL, 0);
	free(log);
	return err;
}

static int egress_open(struct load *load)
{
	load->egress = bypass_egress__open();
	return load->egress ? 0 : ecbpf_fail(-errno, "the egress program: %s", strerror(errno));
}

int load_open(struct load *load, const struct load_sizes *sizes)
{
	const struct {
		enum live_map map;
		__u32 entries;
	} rows[] = {
		{ LIVE_TUPLE, buckets(sizes->flows) }, { LIVE_TUPLE6, buckets(sizes->flows6) },
		{ LIVE_PATH, sizes->paths },	       { LIVE_PATH_ID, sizes->paths },
		{ LIVE_PATH_FREE, sizes->paths },
	};
	int err = egress_open(load);
	size_t i;

	for (i = 0; !err && i < sizeof(rows) / sizeof(rows[0]); i++)
		err = bpf_map__set_max_entries(map_of(load->egress->obj, rows[i].map),
					       rows[i].entries);
	return err;
}

uint64_t load_bytes(const struct load *load, enum live_map map)
{
	return ecbpf_map_bytes_planned(map_of(load->egress->obj, map));
}

static int settings_begin(const struct live *live, struct bypass_settings *settings, bool monitor)
{
	const __u32 zero = 0;
	int err;

	params_default(&settings->params[0]);
	settings->params[0].monitor = monitor;
	settings->params[1] = settings->params[0];
	err = bpf_map_update_elem(live->fd[LIVE_SETTINGS], &zero, settings, BPF_ANY);
	return err ? ecbpf_fail(err, "settings_map: %s", strerror(-err)) : 0;
}

static int paths_begin(const struct live *live, __u32 paths)
{
	__u32 i;
	int err = 0;

	for (i = BYPASS_PATH_NONE + 1; !err && i < paths; i++)
		err = bpf_map_update_elem(live->fd[LIVE_PATH_FREE], NULL, &i, BPF_ANY);
	return err ? ecbpf_fail(err, "path_free_map: %s", strerror(-err)) : 0;
}

/* maps_take - descriptors that outlive the object */
static int maps_take(const struct load *load, struct live *live)
{
	int i;

	for (i = 0; i < LIVE_MAPS; i++) {
		live->fd[i] = fcntl(bpf_map__fd(map_of(load->egress->obj, i)), F_DUPFD_CLOEXEC, 3);
		if (live->fd[i] < 0)
			return ecbpf_fail(-errno, "%s: %s", live_map_name(i), strerror(errno));
	}
	return 0;
}

int load_make(struct load *load, const struct load_sizes *sizes, bool monitor, struct live *live)
{
	struct bypass_settings settings = {
		.abi = BYPASS_ABI,
		.flows = sizes->flows,
		.flows6 = sizes->flows6,
		.paths = sizes->paths,
	};
	int err;

	if (getrandom(settings.seed, sizeof(settings.seed), 0) != sizeof(settings.seed))
		return ecbpf_fail(-EIO, "no random numbers for the hash");
	variables_set(load->egress->obj, settings.seed, settings.flows, settings.flows6);
	err = egress_load(load);
	if (!err)
		err = maps_take(load, live);
	if (!err)
		err = settings_begin(live, &settings, monitor);
	if (!err)
		err = paths_begin(live, sizes->paths);
	return err ? err : live_memory(live);
}

int load_again(struct load *load, const struct live *live)
{
	const struct bypass_settings *settings = live->settings;
	int err = egress_open(load);

	if (!err)
		err = maps_give(load->egress->obj, live);
	if (err)
		return err;
	variables_set(load->egress->obj, settings->seed, settings->flows, settings->flows6);
	return egress_load(load);
}

int load_egress(const struct load *load)
{
	return bpf_program__fd(load->egress->progs.bpf_egress_syn_check);
}

/* --- the XDP program */

int load_slot(const struct live *live, struct ecbpf_root *root, int slot)
{
	const struct bypass_settings *settings = live->settings;
	struct xdp_bypass_ipvs *xdp = xdp_bypass_ipvs__open();
	int err;

	if (!xdp)
		return ecbpf_fail(-errno, "the XDP program: %s", strerror(errno));
	err = maps_give(xdp->obj, live);
	if (!err) {
		variables_set(xdp->obj, settings->seed, settings->flows, settings->flows6);
		err = ecbpf_slot_load(root, slot, xdp->obj, xdp->progs.xdp_bypass_ipvs,
				      ECBPF_TAKE_OWN);
	}
	xdp_bypass_ipvs__destroy(xdp);
	return err;
}

void load_close(struct load *load)
{
	bypass_egress__destroy(load->egress);
	load->egress = NULL;
}
