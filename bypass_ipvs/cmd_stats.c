// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* stats */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "bypass_ipvs/commands.h"
#include "bypass_ipvs/counts.h"
#include "libecbpf/ecbpf.h"
#include "libecbpf/json.h"
#include "libecbpf/loop.h"

/* struct watch - @before, if it holds any, gives rates */
struct watch {
	const struct bypass_opts *opts;
	struct counts before;
};

/* print_next - gather and print; @before gives its place up */
static int print_next(void *arg)
{
	struct watch *watch = arg;
	const struct bypass_opts *opts = watch->opts;
	struct counts *before = &watch->before;
	const bool again = before->time_ns != 0;
	struct counts counts;
	int err = counts_gather(&counts);

	if (err) {
		counts_free(&counts);
		return err;
	}
	counts.zeroes = opts->common.verbose;
	if (again)
		counts_rates(&counts, before);
	if (again && !opts->common.json)
		putchar('\n');
	if (opts->common.json)
		ecbpf_json_print(counts_json(&counts));
	else
		counts_text(&counts);
	counts_free(before);
	*before = counts;
	if (fflush(stdout) || ferror(stdout))
		return ecbpf_fail(-EIO, "writing the output: %s", strerror(errno));
	return 0;
}

int cmd_stats(const void *arg, int argc, char **argv)
{
	const struct bypass_opts *opts = arg;
	struct watch watch = { .opts = opts };
	int err;

	(void)argc;
	(void)argv;
	err = opts->watch_ns ? ecbpf_loop_times(opts->watch_ns, opts->count, print_next, &watch) :
			       print_next(&watch);
	counts_free(&watch.before);
	return err ? ecbpf_report(err, "bypass", "stats") : 0;
}
