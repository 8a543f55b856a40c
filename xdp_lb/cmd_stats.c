// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* stats */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "libecbpf/json.h"
#include "libecbpf/loop.h"
#include "xdp_lb/commands.h"
#include "xdp_lb/counts.h"

/* struct watch - @before, if it holds any, gives rates */
struct watch {
	const struct lb_opts *opts;
	struct lb_counts_all before;
};

/* print_next - gather and print; @before gives its place up */
static int print_next(void *arg)
{
	struct watch *watch = arg;
	const struct lb_opts *opts = watch->opts;
	struct lb_counts_all *before = &watch->before;
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

int cmd_stats(const void *arg, int argc, char **argv)
{
	const struct lb_opts *opts = arg;
	struct watch watch = { .opts = opts };
	int err;

	(void)argc;
	(void)argv;
	err = opts->watch_ns ? ecbpf_loop_times(opts->watch_ns, opts->count, print_next, &watch) :
			       print_next(&watch);
	lb_counts_free(&watch.before);
	return err ? ecbpf_report(err, "balancer", "stats") : 0;
}
