// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "libecbpf/ecbpf.h"
#include "libecbpf/json.h"
#include "libecbpf/loop.h"
#include "xdp_fw/commands.h"
#include "xdp_fw/stats.h"

/* print_next - gather and print; *before, if any, gives rates, and its place to what is gathered */
static int print_next(const struct options *opts, const char *ifname, struct fw_stats **before)
{
	struct fw_stats *stats = NULL;
	int err = fw_stats_gather(ifname, &stats);

	if (!err && *before)
		err = fw_stats_rates(stats, *before);
	if (err) {
		fw_stats_free(stats);
		return err;
	}
	if (*before && !opts->common.json)
		putchar('\n');
	if (opts->common.json)
		ecbpf_json_print(fw_stats_json(stats));
	else
		fw_stats_text(stats);
	fw_stats_free(*before);
	*before = stats;
	if (fflush(stdout) || ferror(stdout))
		return ecbpf_fail(-EIO, "writing the output: %s", strerror(errno));
	return 0;
}

static int watch(const struct options *opts, const char *ifname, struct fw_stats **before)
{
	struct ecbpf_loop loop;
	uint64_t done = 0;
	int err = ecbpf_loop_open(&loop, opts->watch_ns, -1);

	if (err)
		return err;
	do {
		err = print_next(opts, ifname, before);
		if (!err && ++done != opts->count)
			err = ecbpf_loop_wait(&loop);
	} while (err == ECBPF_LOOP_TICK && done != opts->count);
	ecbpf_loop_close(&loop);
	return err < 0 ? err : 0;
}

int cmd_stats(const void *arg, int argc, char **argv)
{
	const struct options *opts = arg;
	struct fw_stats *stats = NULL;
	int err;

	(void)argc;
	if (opts->watch_ns)
		err = watch(opts, argv[0], &stats);
	else
		err = print_next(opts, argv[0], &stats);
	fw_stats_free(stats);
	return err ? ecbpf_report(err, argv[0], "stats") : 0;
}
