// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* libFuzzer: whatever text a parser takes must mean what it returns; what it refuses changes nothing. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libecbpf/cli.h"

#define UNTOUCHED 0x1234

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void number(const char *text)
{
	uint64_t value = UNTOUCHED;
	int base = strspn(text, "0123456789") == strlen(text) ? 10 : 16;

	if (ecbpf_parse_number(text, 1, UINT64_MAX - 1, &value))
		must(value == UNTOUCHED);
	else
		must(value == strtoull(text, NULL, base) && value >= 1 && value < UINT64_MAX);
}

/* strtold() has 64 bits of mantissa: exact to the nanosecond or two that cutting off costs. */
static void duration(const char *text)
{
	static const struct {
		const char *name;
		long double ns;
	} units[] = { { "", 1e9L },   { "s", 1e9L },  { "ms", 1e6L },  { "us", 1e3L },
		      { "ns", 1.0L }, { "m", 60e9L }, { "h", 3600e9L } };
	uint64_t ns = UNTOUCHED;
	long double want;
	char *unit;
	size_t i;

	if (ecbpf_parse_duration(text, 0, UINT64_MAX, &ns)) {
		must(ns == UNTOUCHED);
		return;
	}
	want = strtold(text, &unit);
	for (i = 0; strcmp(unit, units[i].name); i++)
		must(i + 1 < sizeof(units) / sizeof(units[0]));
	want *= units[i].ns;
	must(ns <= want + 2 && ns >= want - 128);
}

/* Printed and read again it is the same, and without its host bits there is nothing to cut. */
static void prefix(const char *text)
{
	struct ecbpf_prefix got, again;
	char address[INET6_ADDRSTRLEN], printed[INET6_ADDRSTRLEN + 8];
	unsigned int i;

	memset(&got, 0xaa, sizeof(got));
	if (ecbpf_parse_prefix(text, &got)) {
		must(got.family == 0xaa && got.length == 0xaa && got.addr[0] == 0xaa);
		return;
	}
	must(got.family == AF_INET || got.family == AF_INET6);
	must(got.length <= (got.family == AF_INET ? 32 : 128));
	for (i = got.length; i < 128; i++)
		must(!(got.addr[i / 8] & 0x80 >> i % 8));
	must(inet_ntop(got.family, got.addr, address, sizeof(address)));
	snprintf(printed, sizeof(printed), "%s/%u", address, got.length);
	must(!ecbpf_parse_prefix(printed, &again) && !memcmp(&got, &again, sizeof(got)));
}

static void mode(const char *text)
{
	int got = ECBPF_MODE_ANY;

	if (ecbpf_parse_choice(ECBPF_MODES, text, &got))
		must(got == ECBPF_MODE_ANY);
	else
		must(!strcmp(text, ecbpf_mode_name(got)));
}

/* The names joined by commas are the text; each is valid and there once. */
static void interfaces(const char *text)
{
	struct ecbpf_iflist list = {};
	size_t i, j, at = 0;

	if (ecbpf_iflist_add(&list, text))
		must(!list.count);
	for (i = 0; i < list.count; i++) {
		must(ecbpf_ifname_valid(list.name[i], strlen(list.name[i])));
		for (j = 0; j < i; j++)
			must(strcmp(list.name[i], list.name[j]));
		must(!strncmp(text + at, list.name[i], strlen(list.name[i])));
		at += strlen(list.name[i]);
		must(text[at] == (i + 1 < list.count ? ',' : '\0'));
		at++;
	}
	ecbpf_iflist_free(&list);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	if (!text)
		return -1;
	memcpy(text, data, size);
	text[size] = '\0';
	number(text);
	duration(text);
	prefix(text);
	mode(text);
	interfaces(text);
	free(text);
	return 0;
}
