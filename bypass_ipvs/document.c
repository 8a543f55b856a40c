// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "bypass_ipvs/document.h"
#include "bypass_ipvs/params.h"
#include "bypass_ipvs/services.h"
#include "libecbpf/cli.h"
#include "libecbpf/ecbpf.h"

#define WORDS_MAX 64
#define BLANKS	  " \t\n"
#define TOOL	  "xdp_bypass_ipvs"

/** struct told - where a service was said */
struct told {
	struct bypass_service_key key;
	size_t line;
};

/**
 * struct reader - a text, half read
 * @line: number of the one that is read
 * @header, @params: such a line was there
 * @told: @doc->services of them, room for @room
 */
struct reader {
	struct document *doc;
	size_t line;
	bool header;
	bool params;
	struct told *told;
	size_t room;
};

static int header_line(struct reader *reader, size_t count, char **words)
{
	uint64_t version;

	if (count != 2 || strcmp(words[0], TOOL))
		return ecbpf_fail(-EINVAL, "not what %s save writes", TOOL);
	if (ecbpf_parse_number(words[1], DOCUMENT_VERSION, DOCUMENT_VERSION, &version))
		return ecbpf_fail(-EINVAL, "version %s is unknown: this tool reads %d", words[1],
				  DOCUMENT_VERSION);
	reader->header = true;
	return 0;
}

static int params_line_read(struct reader *reader, size_t count, char **words)
{
	if (reader->params)
		return ecbpf_fail(-EINVAL, "a second line of params");
	reader->params = true;
	return params_parse(count, words, &reader->doc->params);
}

static int service_add(struct reader *reader, const char *text)
{
	size_t *count = &reader->doc->services;
	size_t room = reader->room ? 2 * reader->room : 64;
	struct told told = { .line = reader->line };
	int err = service_parse(text, &told.key);
	void *grown;

	if (err)
		return err;
	if (*count == BYPASS_SERVICES_MAX)
		return ecbpf_fail(-ENOSPC, "more than %d services", BYPASS_SERVICES_MAX);
	if (*count == reader->room) {
		grown = realloc(reader->told, room * sizeof(*reader->told));
		if (!grown)
			return ecbpf_fail(-ENOMEM, "out of memory");
		reader->told = grown;
		reader->room = room;
	}
	reader->told[(*count)++] = told;
	return 0;
}

static int services_line(struct reader *reader, size_t count, char **words)
{
	size_t i;
	int err = 0;

	for (i = 0; !err && i < count; i++)
		err = service_add(reader, words[i]);
	return err;
}

static int line_words(struct reader *reader, size_t count, char **words)
{
	if (!reader->header)
		return header_line(reader, count, words);
	if (!strcmp(words[0], "params"))
		return params_line_read(reader, count - 1, words + 1);
	if (count < 2 || strcmp(words[1], "add"))
		return ecbpf_fail(-EINVAL, "not params, exclude add or services add");
	if (!strcmp(words[0], "exclude"))
		return excludes_parse(count - 2, words + 2, &reader->doc->excludes);
	if (!strcmp(words[0], "services"))
		return services_line(reader, count - 2, words + 2);
	return ecbpf_fail(-EINVAL, "not params, exclude add or services add");
}

/* printable - also what is quoted in a message is then one line of text */
static bool printable(const char *line, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		if ((line[i] < ' ' || line[i] > '~') && line[i] != '\t' &&
		    !(line[i] == '\n' && i + 1 == len))
			return false;
	return true;
}

static int line_read(struct reader *reader, char *line, size_t len)
{
	char *words[WORDS_MAX], *word, *save;
	size_t count = 0;

	if (!printable(line, len))
		return ecbpf_fail(-EINVAL, "not a line of text");
	if (line[strspn(line, BLANKS)] == '#')
		return 0;
	for (word = strtok_r(line, BLANKS, &save); word; word = strtok_r(NULL, BLANKS, &save)) {
		if (count == WORDS_MAX)
			return ecbpf_fail(-E2BIG, "more than %d words", WORDS_MAX);
		words[count++] = word;
	}
	return count ? line_words(reader, count, words) : 0;
}

static int by_key_and_line(const void *one, const void *other)
{
	const struct told *a = one, *b = other;
	const int order = ipvs_key_compare(&a->key, &b->key);

	return order ? order : (a->line > b->line) - (a->line < b->line);
}

/* services_settle - in order, each once */
static int services_settle(struct reader *reader)
{
	const size_t count = reader->doc->services;
	char text[SERVICE_TEXT_SIZE];
	size_t i;

	if (!count)
		return 0;
	qsort(reader->told, count, sizeof(*reader->told), by_key_and_line);
	for (i = 1; i < count; i++) {
		if (ipvs_key_compare(&reader->told[i - 1].key, &reader->told[i].key))
			continue;
		reader->line = reader->told[i].line;
		return ecbpf_fail(-EEXIST, "%s is named twice",
				  service_text(&reader->told[i].key, text));
	}
	reader->doc->service = malloc(count * sizeof(*reader->doc->service));
	if (!reader->doc->service)
		return ecbpf_fail(-ENOMEM, "out of memory");
	for (i = 0; i < count; i++)
		reader->doc->service[i] = reader->told[i].key;
	return 0;
}

static int lines_read(FILE *from, struct reader *reader)
{
	char *line = NULL;
	size_t room = 0;
	ssize_t len;
	int err = 0;

	while (!err && (len = getline(&line, &room, from)) >= 0) {
		reader->line++;
		err = line_read(reader, line, len);
	}
	free(line);
	if (err || !ferror(from))
		return err;
	reader->line = 0;
	return ecbpf_fail(-EIO, "reading: %s", strerror(errno));
}

int document_read(FILE *from, struct document *doc)
{
	struct reader reader = { .doc = doc };
	char told[256];
	int err;

	memset(doc, 0, sizeof(*doc));
	params_default(&doc->params);
	err = lines_read(from, &reader);
	if (!err && !reader.header) {
		reader.line++;
		err = ecbpf_fail(-EINVAL, "not what %s save writes", TOOL);
	}
	if (!err)
		err = services_settle(&reader);
	free(reader.told);
	if (!err)
		return 0;
	document_free(doc);
	if (!reader.line)
		return err;
	snprintf(told, sizeof(told), "%s", ecbpf_error());
	return ecbpf_fail(err, "line %zu: %s", reader.line, told);
}

void document_write(FILE *to, const struct document *doc)
{
	char prefix[EXCLUDES_TEXT], service[SERVICE_TEXT_SIZE];
	size_t i;

	fprintf(to, "%s %d\nparams ", TOOL, DOCUMENT_VERSION);
	params_line(to, &doc->params);
	fputc('\n', to);
	for (i = 0; i < doc->excludes.count; i++) {
		excludes_prefix_text(&doc->excludes.prefix[i], prefix);
		fprintf(to, "exclude add %s\n", prefix);
	}
	for (i = 0; i < doc->services; i++)
		fprintf(to, "services add %s\n", service_text(&doc->service[i], service));
}

void document_free(struct document *doc)
{
	excludes_free(&doc->excludes);
	free(doc->service);
	memset(doc, 0, sizeof(*doc));
}
