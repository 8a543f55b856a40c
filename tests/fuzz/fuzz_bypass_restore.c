// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* libFuzzer: a text that restore takes is saved as one that it takes too, and that is saved the same. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bypass_ipvs/document.h"
#include "bypass_ipvs/params.h"
#include "libecbpf/ecbpf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "%s: %s\n", what, ecbpf_error());
	abort();
}

static int read_text(const char *text, size_t size, struct document *doc)
{
	FILE *from = fmemopen((void *)text, size, "r");
	int err;

	must(from, "fmemopen");
	err = document_read(from, doc);
	fclose(from);
	return err;
}

static char *write_text(const struct document *doc)
{
	char *text = NULL;
	size_t size;
	FILE *to = open_memstream(&text, &size);

	must(to, "open_memstream");
	document_write(to, doc);
	fclose(to);
	must(strlen(text) == size, "a NUL is written");
	return text;
}

/* "line N: cause", on one line, printable, and nothing is left of what was read */
static void check_refused(const struct document *doc)
{
	const char *error = ecbpf_error();

	must(!strncmp(error, "line ", 5) && strspn(error + 5, "0123456789"), "no line");
	for (; *error; error++)
		must(*error >= ' ' && *error < 0x7f, "not printable");
	must(!doc->excludes.prefix && !doc->excludes.count && !doc->service && !doc->services,
	     "something is left");
}

static void check_taken(const struct document *doc)
{
	char *first = write_text(doc), *second;
	struct document again;

	must(!params_check(&doc->params), "parameters that do not go together");
	must(!read_text(first, strlen(first), &again), first);
	must(!memcmp(&again.params, &doc->params, sizeof(again.params)), "other parameters");
	must(again.excludes.count == doc->excludes.count, "other excludes");
	must(again.services == doc->services, "other services");
	second = write_text(&again);
	must(!strcmp(first, second), "another text");
	free(first);
	free(second);
	document_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char header[] = "xdp_bypass_ipvs 1\n";
	char *text = malloc(size + sizeof(header));
	struct document doc;
	size_t begin = 0;

	if (!text || !size) {
		free(text);
		return text ? 0 : -1;
	}
	/* mostly behind the line that all texts begin with */
	if (data[0] % 8) {
		begin = sizeof(header) - 1;
		memcpy(text, header, begin);
	}
	memcpy(text + begin, data + 1, size - 1);
	size += begin - 1;
	if (size && read_text(text, size, &doc))
		check_refused(&doc);
	else if (size)
		check_taken(&doc);
	if (size)
		document_free(&doc);
	free(text);
	return 0;
}
