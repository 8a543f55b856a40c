// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "libecbpf/ecbpf.h"
#include "libecbpf/json.h"
#include "libecbpf/loop.h"
#include "xdp_fw/commands.h"
#include "xdp_fw/stats.h"

/* struct watch - @before, if any, gives rates */
struct watch {
	const struct options *opts;
	const char *ifname;
	struct fw_stats *before;
};

/* print_next - gather and print; @before gives its place to what is gathered */
static int print_next(void *arg)
{
	struct watch *watch = arg;
	const struct options *opts = watch->opts;
	struct fw_stats **before = &watch->before, *stats = NULL;
	int err = fw_stats_gather(watch->ifname, &stats);

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

int cmd_stats(const void *arg, int argc, char **argv)
{
	const struct options *opts = arg;
	struct watch watch = { opts, argv[0], NULL };
	int err;

	(void)argc;
	err = opts->watch_ns ? ecbpf_loop_times(opts->watch_ns, opts->count, print_next, &watch) :
			       print_next(&watch);
	fw_stats_free(watch.before);
	return err ? ecbpf_report(err, argv[0], "stats") : 0;
}
