// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <stdarg.h>
#include <stdio.h>

#include <bpf/libbpf.h>

#include "libecbpf/log.h"

static const char *tool = "libecbpf";
static int shown;

static int log_libbpf(enum libbpf_print_level level, const char *format, va_list args)
{
	if ((int)level + 1 > shown)
		return 0;
	return vfprintf(stderr, format, args);
}

void ecbpf_log_init(const char *name, int level)
{
	tool = name;
	shown = level;
	libbpf_set_print(log_libbpf);
}

const char *ecbpf_log_name(void)
{
	return tool;
}

void ecbpf_log(enum ecbpf_log_level level, const char *format, ...)
{
	va_list args;

	if ((int)level > shown)
		return;
	va_start(args, format);
	fprintf(stderr, "%s: ", tool);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
}
