// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* status, stats, reset */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "libecbpf/cli.h"
#include "libecbpf/ecbpf.h"
#include "libecbpf/json.h"
#include "libecbpf/loop.h"
#include "xdp_root/commands.h"
#include "xdp_root/view.h"

static int rates(const struct ecbpf_root *root, struct view *view, uint64_t interval_ns)
{
	struct ecbpf_loop loop;
	int err;

	if (!interval_ns || ecbpf_root_state(root) != ECBPF_RUNNING)
		return 0;
	err = ecbpf_loop_open(&loop, interval_ns, -1);
	if (err)
		return err;
	err = ecbpf_loop_wait(&loop);
	ecbpf_loop_close(&loop);
	if (err == ECBPF_LOOP_STOP)
		return ecbpf_fail(-EINTR, "interrupted");
	return err < 0 ? err : view_count(root, view);
}

static int status_one(const struct options *opts, const char *ifname, struct json_object *array)
{
	struct view *view = malloc(sizeof(*view));
	struct ecbpf_root *root = NULL;
	int err = view ? ecbpf_root_open(ifname, &root) : ecbpf_fail(-ENOMEM, "out of memory");

	if (!err)
		err = view_gather(root, view);
	if (!err)
		err = rates(root, view, opts->interval_ns);
	if (err)
		ecbpf_report(err, ifname, "status");
	else if (array)
		json_object_array_add(array, view_json(view));
	else
		view_text(view);
	ecbpf_root_close(root);
	free(view);
	return err;
}

int cmd_status(const void *arg, int argc, char **argv)
{
	const struct options *opts = arg;
	struct json_object *array = opts->common.json ? json_object_new_array() : NULL;
	struct ecbpf_iflist list;
	int err, first = 0;
	size_t i;

	err = argc ? ecbpf_iflist_args(&list, argc, argv) : ecbpf_iflist_pinned(&list);
	if (err) {
		json_object_put(array);
		return ecbpf_report(argc ? ECBPF_EXIT_USAGE : err, "interfaces", "status");
	}
	for (i = 0; i < list.count; i++) {
		err = status_one(opts, list.name[i], array);
		if (!first)
			first = err;
		if (!array && i + 1 < list.count)
			putchar('\n');
	}
	if (array)
		ecbpf_json_print(array);
	else if (!list.count)
		puts("no interface of this network namespace has a root");
	ecbpf_iflist_free(&list);
	return first;
}

static void stats_print(const struct options *opts, const struct view *view)
{
	if (opts->common.json)
		ecbpf_json_print(view_json_counters(view));
	else
		view_text_counters(view);
	fflush(stdout);
}

static int stats_watch(const struct options *opts, struct ecbpf_root *root, struct view *view)
{
	uint64_t done = 1;
	struct ecbpf_loop loop;
	int err;

	err = ecbpf_loop_open(&loop, opts->watch_ns, -1);
	if (err)
		return err;
	while (!opts->count || done < opts->count) {
		err = ecbpf_loop_wait(&loop);
		if (err != ECBPF_LOOP_TICK)
			break;
		err = view_count(root, view);
		if (err)
			break;
		if (!opts->common.json)
			putchar('\n');
		stats_print(opts, view);
		done++;
	}
	ecbpf_loop_close(&loop);
	return err < 0 ? err : 0;
}

int cmd_stats(const void *arg, int argc, char **argv)
{
	struct view *view = malloc(sizeof(*view));
	const struct options *opts = arg;
	struct ecbpf_root *root = NULL;
	int err;

	(void)argc;
	err = view ? ecbpf_root_open_running(argv[0], &root) : ecbpf_fail(-ENOMEM, "out of memory");
	if (!err)
		err = view_gather(root, view);
	if (!err) {
		stats_print(opts, view);
		err = opts->watch_ns ? stats_watch(opts, root, view) : 0;
	}
	ecbpf_root_close(root);
	free(view);
	return err ? ecbpf_report(err, argv[0], "stats") : 0;
}

static int reset_one(const struct options *opts, const char *ifname)
{
	struct ecbpf_root *root = NULL;
	int err = ecbpf_root_open_running(ifname, &root);

	(void)opts;
	if (!err)
		err = ecbpf_stats_reset(root);
	ecbpf_root_close(root);
	return err ? ecbpf_report(err, ifname, "reset") : 0;
}

int cmd_reset(const void *opts, int argc, char **argv)
{
	return each_interface(opts, argc, argv, reset_one);
}
