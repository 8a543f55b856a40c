// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* stats */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "libecbpf/json.h"
#include "libecbpf/loop.h"
#include "xdp_lb/commands.h"
#include "xdp_lb/counts.h"

/* print_next - gather and print; *before, if it holds any, gives rates, and its place up */
static int print_next(const struct lb_opts *opts, struct lb_counts_all *before)
{
	const bool again = before->time_ns != 0;
	struct lb_counts_all all;
	int err = lb_counts_gather(&all);

	if (err) {
		lb_counts_free(&all);
		return err;
	}
	all.zeroes = opts->common.verbose;
	if (again)
		lb_counts_rates(&all, before);
	if (again && !opts->common.json)
		putchar('\n');
	if (opts->common.json)
		ecbpf_json_print(lb_counts_json(&all));
	else
		lb_counts_text(&all);
	lb_counts_free(before);
	*before = all;
	if (fflush(stdout) || ferror(stdout))
		return ecbpf_fail(-EIO, "writing the output: %s", strerror(errno));
	return 0;
}

static int watch(const struct lb_opts *opts, struct lb_counts_all *before)
{
	struct ecbpf_loop loop;
	uint64_t done = 0;
	int err = ecbpf_loop_open(&loop, opts->watch_ns, -1);

	if (err)
		return err;
	do {
		err = print_next(opts, before);
		if (!err && ++done != opts->count)
			err = ecbpf_loop_wait(&loop);
	} while (err == ECBPF_LOOP_TICK && done != opts->count);
	ecbpf_loop_close(&loop);
	return err < 0 ? err : 0;
}

int cmd_stats(const void *arg, int argc, char **argv)
{
	const struct lb_opts *opts = arg;
	struct lb_counts_all all = {};
	int err;

	(void)argc;
	(void)argv;
	err = opts->watch_ns ? watch(opts, &all) : print_next(opts, &all);
	lb_counts_free(&all);
	return err ? ecbpf_report(err, "balancer", "stats") : 0;
}
