// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* The text that goes with a returned -errno; like errno itself, one per thread. */
#include <stdarg.h>
#include <stdio.h>

#include "libecbpf/ecbpf.h"

static _Thread_local char text[512];

const char *ecbpf_error(void)
{
	return text;
}

int ecbpf_fail(int err, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (vsnprintf(text, sizeof(text), format, args) < 0)
		text[0] = '\0';
	va_end(args);
	return err;
}
