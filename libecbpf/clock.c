// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Jiffies: no system call tells them, so a program of five instructions does. */
#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <linux/filter.h>

#include "libecbpf/ecbpf.h"

static int clock_load(void)
{
	/* clang-format off */
	const struct bpf_insn program[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = BPF_REG_6, .src_reg = BPF_REG_1 },
		{ .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_jiffies64 },
		{ .code = BPF_STX | BPF_MEM | BPF_DW, .dst_reg = BPF_REG_6, .src_reg = BPF_REG_0 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	/* clang-format on */
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .prog_flags = BPF_F_SLEEPABLE);

	return bpf_prog_load(BPF_PROG_TYPE_SYSCALL, "ecbpf_jiffies", "Dual BSD/GPL", program,
			     sizeof(program) / sizeof(program[0]), &opts);
}

int ecbpf_jiffies(uint64_t *jiffies)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = jiffies, .ctx_size_in = sizeof(*jiffies));
	int fd = clock_load(), err;

	if (fd == -EPERM)
		return ecbpf_fail(fd, "permission denied: run it as root");
	if (fd < 0)
		return ecbpf_fail(fd, "the kernel's clock: %s", strerror(-fd));
	err = bpf_prog_test_run_opts(fd, &opts);
	close(fd);
	return err ? ecbpf_fail(err, "the kernel's clock: %s", strerror(-err)) : 0;
}

unsigned int ecbpf_hz(void)
{
	struct timespec tick;

	/* the coarse clocks advance once a tick */
	clock_getres(CLOCK_MONOTONIC_COARSE, &tick);
	return tick.tv_nsec ? (1000000000 + tick.tv_nsec / 2) / tick.tv_nsec : 1;
}
