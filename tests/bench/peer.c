// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#define _GNU_SOURCE /* memfd_create, CPU_SET */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "libecbpf/loop.h"
#include "tests/bench/bench.h"
#include "tests/bench/peer.h"

#define READY_NS 10000000000ULL
#define LOOK_NS	 1000000

/* begin - in the new process: everywhere, and not longer than its parent */
static void begin(void)
{
	cpu_set_t all;

	memset(&all, 0xff, sizeof(all));
	sched_setaffinity(0, sizeof(all), &all);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
}

static int start(struct peer *peer)
{
	peer->said = memfd_create("peer", MFD_CLOEXEC);
	if (peer->said < 0)
		return bench_fail(-errno, "memory: %s", strerror(errno));
	peer->pid = fork();
	if (peer->pid < 0)
		return bench_fail(-errno, "fork: %s", strerror(errno));
	if (!peer->pid)
		begin();
	return 0;
}

int peer_command(struct peer *peer, const char *const argv[])
{
	int err = start(peer);

	if (err || peer->pid)
		return err;
	if (dup2(peer->said, STDOUT_FILENO) < 0 || dup2(peer->said, STDERR_FILENO) < 0)
		_exit(127);
	execvp(argv[0], (char *const *)argv);
	bench_fail(-errno, "%s: %s", argv[0], strerror(errno));
	_exit(127);
}

int peer_function(struct peer *peer, void (*function)(void *arg), void *arg)
{
	int err = start(peer);

	if (err || peer->pid)
		return err;
	function(arg);
	_exit(1);
}

/* text_read - the end of what it has said */
static void text_read(const struct peer *peer, char text[PEER_TEXT_MAX])
{
	const off_t end = lseek(peer->said, 0, SEEK_END);
	const off_t from = end < PEER_TEXT_MAX ? 0 : end - (PEER_TEXT_MAX - 1);
	const ssize_t len = pread(peer->said, text, PEER_TEXT_MAX - 1, from);

	text[len > 0 ? len : 0] = '\0';
}

int peer_said(struct peer *peer, const char *text)
{
	const uint64_t until_ns = ecbpf_monotonic_ns() + READY_NS;
	const struct timespec look = { .tv_nsec = LOOK_NS };
	siginfo_t ended = {};
	char said[PEER_TEXT_MAX];

	do {
		text_read(peer, said);
		if (strstr(said, text))
			return 0;
		if (waitid(P_PID, peer->pid, &ended, WEXITED | WNOHANG | WNOWAIT) || ended.si_pid)
			return -ECHILD;
		nanosleep(&look, NULL);
	} while (ecbpf_monotonic_ns() < until_ns);
	return -ETIMEDOUT;
}

int peer_stop(struct peer *peer, int number, double *cpu_s, char text[PEER_TEXT_MAX])
{
	struct rusage usage = {};
	int status = 0;

	if (peer->pid <= 0)
		return -ESRCH;
	kill(peer->pid, number);
	if (wait4(peer->pid, &status, 0, &usage) < 0)
		status = -errno;
	if (cpu_s)
		*cpu_s = usage.ru_utime.tv_sec + usage.ru_stime.tv_sec +
			 (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
	if (text)
		text_read(peer, text);
	close(peer->said);
	peer->pid = 0;
	return status;
}
