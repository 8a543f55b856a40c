// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* libFuzzer: JSON that is taken is a configuration whose text is taken, and stays the same. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xdp_lb/document.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "%s: %s\n", what, ecbpf_error());
	abort();
}

static void must_say_why(const struct lb_config *config)
{
	const char *at;

	must(!config->vip && !config->vips, "an error leaves something");
	must(ecbpf_error()[0], "no message");
	for (at = ecbpf_error(); *at; at++)
		must(*at >= ' ' && *at <= '~', "a message of more than a line of text");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct lb_config config = {}, again = {};
	char *first, *second;

	ecbpf_fail(0, "%s", "");
	if (lb_document_parse((const char *)data, size, &config)) {
		must_say_why(&config);
		return 0;
	}
	first = lb_document_print(&config);
	must(first, "print");
	must(!lb_document_parse(first, strlen(first), &again), first);
	must(lb_config_equal(&config, &again), "another configuration");
	second = lb_document_print(&again);
	must(second && !strcmp(first, second), "another text");
	free(first);
	free(second);
	lb_config_free(&config);
	lb_config_free(&again);
	return 0;
}
