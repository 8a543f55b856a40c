// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* What maps take. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/bench/bench.h"

int bench_memlock(int map, double *bytes)
{
	char path[64], line[128];
	FILE *file;
	int found = 0;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", map);
	file = fopen(path, "re");
	if (!file)
		return bench_fail(-errno, "%s: %s", path, strerror(errno));
	while (!found && fgets(line, sizeof(line), file))
		found = sscanf(line, "memlock: %lf", bytes) == 1;
	fclose(file);
	return found ? 0 : bench_fail(-EPROTO, "%s: no memlock", path);
}
