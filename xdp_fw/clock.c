// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <errno.h>
#include <string.h>
#include <time.h>

#include <bpf/bpf.h>

#include "libecbpf/ecbpf.h"
#include "xdp_fw/clock.h"
#include "xdp_fw/clock.skel.h"

int fw_clock_now(uint64_t *jiffies)
{
	struct clock *clock = clock__open_and_load();
	LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = jiffies, .ctx_size_in = sizeof(*jiffies));
	int err;

	if (!clock && errno == EPERM)
		return ecbpf_fail(-EPERM, "permission denied: run it as root");
	if (!clock)
		return ecbpf_fail(-errno, "the kernel's clock: %s", strerror(errno));
	err = bpf_prog_test_run_opts(bpf_program__fd(clock->progs.fw_jiffies), &opts);
	clock__destroy(clock);
	return err ? ecbpf_fail(err, "the kernel's clock: %s", strerror(-err)) : 0;
}

unsigned int fw_clock_hz(void)
{
	struct timespec tick;

	/* the coarse clocks advance once a tick */
	clock_getres(CLOCK_MONOTONIC_COARSE, &tick);
	return tick.tv_nsec ? (1000000000 + tick.tv_nsec / 2) / tick.tv_nsec : 1;
}
