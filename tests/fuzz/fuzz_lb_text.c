// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* libFuzzer: services and backends that are taken have a text that is taken as the same. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xdp_lb/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "%s: %s\n", what, ecbpf_error());
	abort();
}

static void check_service(const char *text)
{
	struct lb_service service, again;
	char first[LB_TEXT_SIZE], second[LB_TEXT_SIZE];

	if (lb_service_parse(text, &service))
		return;
	lb_service_text(&service, first);
	must(!lb_service_parse(first, &again), first);
	must(!lb_service_compare(&service, &again), "another service");
	must(!strcmp(lb_service_text(&again, second), first), "another text");
	must(service.first <= service.last && (service.first || service.last == 65535), "ports");
	must(lb_address_usable(service.address.family, service.address.addr), "an address");
}

static void check_endpoint(const char *text)
{
	struct lb_endpoint endpoint, again;
	char buf[LB_TEXT_SIZE];

	if (lb_endpoint_parse(text, &endpoint))
		return;
	lb_endpoint_text(&endpoint, buf);
	must(!lb_endpoint_parse(buf, &again), buf);
	must(!lb_endpoint_compare(&endpoint, &again), "another endpoint");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	memcpy(text, data, size);
	text[size] = '\0';
	check_service(text);
	check_endpoint(text);
	free(text);
	return 0;
}
