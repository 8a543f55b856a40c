// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "bypass_ipvs/commands.h"
#include "bypass_ipvs/follow.h"

int cmd_follow(const void *arg, int argc, char **argv)
{
	const struct bypass_opts *opts = arg;
	int err = follow_run(opts->interval_ms * 1000000, NULL, NULL);

	(void)argc;
	(void)argv;
	return err ? ecbpf_report(err, "IPVS", "follow") : 0;
}
