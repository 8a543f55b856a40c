// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "libecbpf/loop.h"

#define NS_PER_S 1000000000ULL

int ecbpf_loop_open(struct ecbpf_loop *loop, uint64_t tick_ns, int read)
{
	const struct timespec tick = { tick_ns / NS_PER_S, tick_ns % NS_PER_S };
	const struct itimerspec every = { tick, tick };
	sigset_t set;
	int err;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	loop->read = read;
	loop->signal = signalfd(-1, &set, SFD_CLOEXEC);
	loop->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	if (loop->signal < 0 || loop->timer < 0 || timerfd_settime(loop->timer, 0, &every, NULL)) {
		err = ecbpf_fail(-errno, "timer: %s", strerror(errno));
		ecbpf_loop_close(loop);
		return err;
	}
	return 0;
}

int ecbpf_loop_wait(struct ecbpf_loop *loop)
{
	struct pollfd fds[] = { { loop->signal, POLLIN, 0 },
				{ loop->timer, POLLIN, 0 },
				{ loop->read, POLLIN, 0 } };
	uint64_t ticks;

	while (poll(fds, 3, -1) < 0)
		if (errno != EINTR)
			return ecbpf_fail(-errno, "waiting: %s", strerror(errno));
	if (fds[0].revents)
		return ECBPF_LOOP_STOP;
	if (fds[1].revents && read(loop->timer, &ticks, sizeof(ticks)) == sizeof(ticks))
		return ECBPF_LOOP_TICK;
	return ECBPF_LOOP_READ;
}

void ecbpf_loop_close(struct ecbpf_loop *loop)
{
	if (loop->signal >= 0)
		close(loop->signal);
	if (loop->timer >= 0)
		close(loop->timer);
}

int ecbpf_loop_times(uint64_t tick_ns, uint64_t times, int (*each)(void *arg), void *arg)
{
	struct ecbpf_loop loop;
	uint64_t done = 0;
	int event, err = ecbpf_loop_open(&loop, tick_ns, -1);

	if (err)
		return err;
	for (;;) {
		err = each(arg);
		if (err || ++done == times)
			break;
		event = ecbpf_loop_wait(&loop);
		if (event == ECBPF_LOOP_TICK)
			continue;
		err = event < 0 ? event : 0;
		break;
	}
	ecbpf_loop_close(&loop);
	return err;
}

uint64_t ecbpf_monotonic_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * NS_PER_S + now.tv_nsec;
}

uint64_t ecbpf_per_second(uint64_t count, uint64_t ns)
{
	return ns ? (uint64_t)((double)count * NS_PER_S / ns + 0.5) : 0;
}
