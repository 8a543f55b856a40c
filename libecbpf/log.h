/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Diagnostics on stderr. libbpf's are passed on one level lower: its warnings need -v. */
#ifndef LIBECBPF_LOG_H
#define LIBECBPF_LOG_H

#include "libecbpf/ecbpf.h"

enum ecbpf_log_level { ECBPF_LOG_WARN, ECBPF_LOG_INFO, ECBPF_LOG_DEBUG };

/**
 * ecbpf_log_init - take over libbpf's messages
 * @name: of the tool, kept by reference; begins each line
 * @level: what is shown: 0 warnings, 1 -v, 2 -vv
 */
ECBPF_API void ecbpf_log_init(const char *name, int level);

ECBPF_API const char *ecbpf_log_name(void);

ECBPF_API void ecbpf_log(enum ecbpf_log_level level, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
