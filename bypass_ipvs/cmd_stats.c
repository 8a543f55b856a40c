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

/* print_next - gather and print; *before, if it holds any, gives rates, and its place up */
static int print_next(const struct bypass_opts *opts, struct counts *before)
{
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

static int watch(const struct bypass_opts *opts, struct counts *before)
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
	const struct bypass_opts *opts = arg;
	struct counts counts = {};
	int err;

	(void)argc;
	(void)argv;
	err = opts->watch_ns ? watch(opts, &counts) : print_next(opts, &counts);
	counts_free(&counts);
	return err ? ecbpf_report(err, "bypass", "stats") : 0;
}
