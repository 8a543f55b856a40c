// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* libFuzzer: pkt.bpf.h must say of any bytes what the reference says, and read none behind them. */
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/reference.h"
#include "tests/fuzz/subject.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* headers aligned as in a driver's buffer; the frame ends where the allocation does */
	uint8_t *copy = malloc(size + 2);
	struct facts got = {}, want;
	struct pkt p;

	if (!copy)
		return -1;
	memcpy(copy + 2, data, size);
	p = (struct pkt){ copy + 2, copy + 2 + size };
	subject_parse(p, &got);
	reference_parse(copy + 2, size, &want);
	if (memcmp(&got, &want, sizeof(got)))
		abort();
	free(copy);
	return 0;
}
