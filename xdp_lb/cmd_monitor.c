// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "xdp_lb/commands.h"
#include "xdp_lb/monitor.h"

int cmd_monitor(const void *arg, int argc, char **argv)
{
	const struct lb_opts *opts = arg;
	int err = opts->background ? lb_monitor_start(opts->checks) :
				     lb_monitor_run(opts->checks, NULL, NULL);

	(void)argc;
	(void)argv;
	return err ? ecbpf_report(err, opts->checks ? opts->checks : "balancer", "monitor") : 0;
}
