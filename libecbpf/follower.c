// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* A follower as a process: started in the background, found, ended. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libecbpf/follower.h"

#define STOP_TRIES   4	  /* others may start one meanwhile */
#define STOP_WAIT_MS 2000 /* it keeps nothing that must be written: then it is killed */

pid_t ecbpf_follower_running(const struct ecbpf_follower *follower)
{
	const pid_t pid = ecbpf_follower_holder(follower);

	return pid == -ESRCH ? 0 : pid;
}

/* --- start */

/* struct report - what the child tells its parent, once; shorter than what a pipe takes whole */
struct report {
	int err;
	char text[512];
};

static void report(int pipe, int err)
{
	struct report report = { .err = err };

	if (err)
		snprintf(report.text, sizeof(report.text), "%s", ecbpf_error());
	if (write(pipe, &report, sizeof(report)) < 0)
		err = -errno; /* the parent has gone: nobody wants to know */
	close(pipe);
}

/* struct background - @pipe: to the parent, or -1 when it has been told */
struct background {
	int pipe;
};

static void ready(void *arg)
{
	struct background *background = arg;

	report(background->pipe, 0);
	background->pipe = -1;
}

/* stdio_null - and no other descriptor: the parent may hold a lock by one */
static int stdio_null(int keep)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), fd;

	if (null < 0)
		return ecbpf_fail(-errno, "/dev/null: %s", strerror(errno));
	for (fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (dup2(null, fd) < 0)
			return ecbpf_fail(-errno, "/dev/null: %s", strerror(errno));
	if (keep > 3)
		close_range(3, keep - 1, 0);
	close_range(keep + 1, ~0U, 0);
	return 0;
}

static _Noreturn void background_run(const struct ecbpf_follower *follower, const void *arg,
				     int pipe)
{
	struct background background = { pipe };
	int err;

	setsid();
	err = chdir("/") ? ecbpf_fail(-errno, "/: %s", strerror(errno)) : stdio_null(pipe);
	if (!err)
		err = follower->run(arg, ready, &background);
	if (background.pipe >= 0)
		report(background.pipe, err);
	_exit(err ? 1 : 0);
}

/* report_await - what the child has to say */
static int report_await(const struct ecbpf_follower *follower, int pipe, pid_t child)
{
	struct report report;
	ssize_t len;

	do
		len = read(pipe, &report, sizeof(report));
	while (len < 0 && errno == EINTR);
	if (len == sizeof(report) && !report.err)
		return 0;
	waitpid(child, NULL, 0);
	if (len != sizeof(report))
		return ecbpf_fail(-ECHILD, "the %s died", follower->noun);
	return ecbpf_fail(report.err, "%s", report.text);
}

int ecbpf_follower_start(const struct ecbpf_follower *follower, const void *arg)
{
	int pipe[2], err = ecbpf_follower_stop(follower);
	pid_t child;

	if (err)
		return err;
	if (pipe2(pipe, O_CLOEXEC))
		return ecbpf_fail(-errno, "the %s: %s", follower->noun, strerror(errno));
	fflush(NULL);
	child = fork();
	if (!child)
		background_run(follower, arg, pipe[1]);
	err = child < 0 ? ecbpf_fail(-errno, "the %s: %s", follower->noun, strerror(errno)) : 0;
	close(pipe[1]);
	if (!err)
		err = report_await(follower, pipe[0], child);
	close(pipe[0]);
	return err;
}

/* --- stop */

/* end - of exactly this process: 1 it has gone, 0 it was none of ours any more, -errno */
static int end(const struct ecbpf_follower *follower, pid_t pid, int pidfd)
{
	const int signals[] = { SIGTERM, SIGKILL };
	struct pollfd fd = { pidfd, POLLIN, 0 };
	int i, got = 0;

	/* it still holds the lock: so the descriptor is not of one that got its number later */
	if (ecbpf_follower_holder(follower) != pid)
		return 0;
	for (i = 0; !got && i < 2; i++) {
		if (syscall(SYS_pidfd_send_signal, pidfd, signals[i], NULL, 0) && errno != ESRCH)
			return ecbpf_fail(-errno, "process %d: %s", pid, strerror(errno));
		do
			got = poll(&fd, 1, STOP_WAIT_MS);
		while (got < 0 && errno == EINTR);
	}
	return got > 0 ? 1 : ecbpf_fail(-ETIMEDOUT, "process %d does not end", pid);
}

int ecbpf_follower_stop(const struct ecbpf_follower *follower)
{
	int i, pidfd, got = 0;
	pid_t pid;

	for (i = 0; i < STOP_TRIES && got >= 0; i++) {
		pid = ecbpf_follower_holder(follower);
		/* one that is out of reach ends by itself when the pins have gone */
		if (!pid || pid == -EPERM || pid == -ESRCH)
			return 0;
		if (pid < 0)
			return pid;
		pidfd = syscall(SYS_pidfd_open, pid, 0);
		if (pidfd < 0 && errno != ESRCH)
			return ecbpf_fail(-errno, "process %d: %s", pid, strerror(errno));
		if (pidfd < 0)
			continue;
		got = end(follower, pid, pidfd);
		close(pidfd);
	}
	return got < 0 ? got :
			 ecbpf_fail(-EBUSY, "others start %ss again and again", follower->noun);
}
