// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* libFuzzer: ipvsadm text that is taken becomes a configuration that our own document can say. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xdp_lb/document.h"
#include "xdp_lb/import.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "%s: %s\n", what, ecbpf_error());
	abort();
}

/* lines - each begins with its number, and has no bytes but those of text */
static void check_lines(const char *text)
{
	const char *at;

	for (at = text; *at; at += strcspn(at, "\n"), at += *at == '\n') {
		must(strspn(at, "0123456789") > 0, "no line");
		must(at[strspn(at, "0123456789")] == ':', "no colon");
	}
	for (at = text; *at; at++)
		must((*at >= ' ' && *at <= '~') || *at == '\n', "not text");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct lb_config config = {}, again = {};
	char *text, *notes = NULL;

	ecbpf_fail(0, "%s", "");
	if (lb_import((const char *)data, size, &config, &notes)) {
		must(!config.vip && !notes, "an error leaves something");
		must(ecbpf_error()[0] && !strchr(ecbpf_error(), '\n'), "not one line");
		check_lines(ecbpf_error());
		return 0;
	}
	check_lines(notes ? notes : "");
	text = lb_document_print(&config);
	must(text, "print");
	must(!lb_document_parse(text, strlen(text), &again), text);
	must(lb_config_equal(&config, &again), "another configuration");
	free(text);
	free(notes);
	lb_config_free(&config);
	lb_config_free(&again);
	return 0;
}
