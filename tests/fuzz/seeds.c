// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* seeds DIR: the frames of the named cases as files, for a fuzzer to begin with. */
#include <stdio.h>

#include "tests/fuzz/cases.h"

static int write_frame(const char *dir, size_t number)
{
	uint8_t frame[CASE_FRAME_MAX];
	size_t len = frame_bytes(frame_cases[number].hex, frame);
	char path[4096];
	FILE *file;

	if (snprintf(path, sizeof(path), "%s/case-%zu", dir, number) >= (int)sizeof(path))
		return 1;
	file = fopen(path, "w");
	if (!file || fwrite(frame, 1, len, file) != len || fclose(file)) {
		perror(path);
		return 1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	size_t i;

	if (argc != 2) {
		fprintf(stderr, "usage: seeds DIR\n");
		return 2;
	}
	for (i = 0; i < frame_cases_count; i++)
		if (write_frame(argv[1], i))
			return 1;
	return 0;
}
