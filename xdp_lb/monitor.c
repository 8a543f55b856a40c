// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* The monitor as a process. */
#include <stdlib.h>

#include "libecbpf/follower.h"
#include "xdp_lb/monitor.h"
#include "xdp_lb/monitor_loop.h"

static int run(const void *arg, void (*ready)(void *ready_arg), void *ready_arg)
{
	return lb_monitor_run(arg, ready, ready_arg);
}

static const struct ecbpf_follower follower = { "xdp_lb:monitor", "monitor", run };

int lb_monitor_lock(void)
{
	return ecbpf_follower_lock(&follower);
}

int lb_monitor_start(const char *checks)
{
	/* the background has another directory */
	char *path = checks ? realpath(checks, NULL) : NULL;
	int err = ecbpf_follower_start(&follower, path ? path : checks);

	free(path);
	return err;
}

int lb_monitor_stop(void)
{
	return ecbpf_follower_stop(&follower);
}

pid_t lb_monitor_running(void)
{
	return ecbpf_follower_running(&follower);
}
