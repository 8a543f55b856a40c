// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* libFuzzer: entries of a set that the parser takes come back as they were from what is printed. */
#include <stdlib.h>
#include <string.h>

#include "xdp_fw/set.h"

#define NOW 100000
#define HZ  250

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void back_and_forth(const struct fw_member *member)
{
	char *text = fw_member_print(member, NOW, HZ), *again;
	struct fw_member *got = NULL;
	size_t count = 0;

	must(text && !strchr(text, '\n'));
	must(!fw_set_parse(text, strlen(text), NOW, HZ, &got, &count) && count == 1);
	must(!memcmp(&got->prefix, &member->prefix, sizeof(got->prefix)));
	must(!strcmp(got->tag, member->tag) && !got->expires == !member->expires);
	/* cut to whole seconds, and each time rounded up to a tick */
	must(got->expires <= member->expires + 1ULL);
	must(member->expires <= got->expires + HZ / 64 + 1ULL);
	again = fw_member_print(got, NOW, HZ);
	must(again && !strcmp(again, text));
	free(again);
	free(got);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fw_member *member = NULL;
	size_t count = SIZE_MAX, i;
	char *text = malloc(size);

	if (!text && size)
		return -1;
	if (size)
		memcpy(text, data, size); /* not a byte behind it may be read */
	if (fw_set_parse(text, size, NOW, HZ, &member, &count)) {
		must(!member && count == SIZE_MAX);
		must(strchr(ecbpf_error(), ':') && !strchr(ecbpf_error(), '\n'));
		count = 0;
	}
	for (i = 0; i < count; i++)
		back_and_forth(&member[i]);
	free(member);
	free(text);
	return 0;
}
