// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* The follower as a process. */
#include "bypass_ipvs/follow.h"
#include "bypass_ipvs/follow_loop.h"
#include "libecbpf/follower.h"

static int run(const void *arg, void (*ready)(void *ready_arg), void *ready_arg)
{
	(void)arg;
	return follow_run(FOLLOW_INTERVAL_NS, ready, ready_arg);
}

static const struct ecbpf_follower follower = { "bypass_ipvs:follow", "follower", run };

int follow_lock(void)
{
	return ecbpf_follower_lock(&follower);
}

pid_t follow_running(void)
{
	return ecbpf_follower_running(&follower);
}

int follow_start(void)
{
	return ecbpf_follower_start(&follower, NULL);
}

int follow_stop_wait(void)
{
	return ecbpf_follower_stop(&follower);
}
