// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Blocks of sets among the lines of rules. No line of the rule language begins with the word set,
 * and nothing in either language goes on over the end of a line: lines tell what is a block.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "xdp_fw/document.h"
#include "xdp_fw/parse.h"

#define FILE_MAX   (1UL << 30)
#define FILE_FIRST 65536UL /* what is read at first */

/**
 * struct reader - where we are in a text
 * @at, @end: what is left of it
 * @line: the line, without its end; NULL: there is none
 * @number: of the line, from 1
 * @rules, @rules_len: the text so far without the blocks: their lines are empty
 */
struct reader {
	const char *at, *end;
	const char *line;
	size_t len;
	unsigned int number;
	uint32_t now;
	unsigned int hz;
	char *rules;
	size_t rules_len;
	struct fw_document *doc;
};

/* --- lines and words */

static bool next_line(struct reader *r)
{
	const char *newline;

	if (r->at == r->end)
		return false;
	newline = memchr(r->at, '\n', r->end - r->at);
	r->line = r->at;
	r->len = (newline ? newline : r->end) - r->at;
	r->at = newline ? newline + 1 : r->end;
	if (r->len && r->line[r->len - 1] == '\r')
		r->len--;
	r->number++;
	return true;
}

/* The word behind @token in its line; one brace is a word; length 0: there is none. */
static struct fw_token next_word(const struct reader *r, const struct fw_token *token)
{
	const char *end = r->line + r->len;
	const char *at = token ? token->text + token->len : r->line, *from;

	while (at < end && (*at == ' ' || *at == '\t'))
		at++;
	from = at;
	if (at < end && *at == '#')
		end = at;
	else if (at < end && (*at == '{' || *at == '}'))
		at++;
	else
		while (at < end && !memchr(" \t{}#", *at, 5))
			at++;
	return (struct fw_token){ from, at - from, r->number, from - r->line + 1 };
}

static int line_end(const struct reader *r, const struct fw_token *last)
{
	const struct fw_token behind = next_word(r, last);

	return behind.len ? fw_error(&behind, "the line goes on") : 0;
}

/* --- blocks */

/* open_block - "set NAME [counts] {" */
static int open_block(struct reader *r, const struct fw_token *first, struct fw_document_set *set)
{
	struct fw_token word = next_word(r, first);
	size_t i;

	if (fw_set_name(&word, 0, set->name))
		return -EINVAL;
	for (i = 0; i < r->doc->sets; i++)
		if (!strcmp(r->doc->set[i].name, set->name))
			return fw_error(&word, "a second block of this set");
	if (r->doc->sets == FW_SETS_MAX)
		return fw_error(&word, "more than %d sets", FW_SETS_MAX);
	word = next_word(r, &word);
	if (fw_token_is(&word, "counts")) {
		set->flags |= FW_SET_COUNTS;
		word = next_word(r, &word);
	}
	if (!fw_token_is(&word, "{"))
		return fw_error(&word, "counts or { expected");
	return line_end(r, &word);
}

/* move_error - the line that fw_set_parse() complained about is so many lines further down */
static int move_error(int err, unsigned int lines)
{
	unsigned int line, column;
	char text[512];
	int skip = 0;

	if (err != -EINVAL)
		return err;
	snprintf(text, sizeof(text), "%s", ecbpf_error());
	if (sscanf(text, "%u:%u:%n", &line, &column, &skip) != 2 || !skip)
		return err;
	return ecbpf_fail(err, "%u:%u:%s", line + lines, column, text + skip);
}

/* read_block - all up to its closing brace; @first: its first word */
static int read_block(struct reader *r, const struct fw_token *first, struct fw_document_set *set)
{
	const unsigned int before = r->number;
	const char *begin = r->at;
	struct fw_token word;
	int err = open_block(r, first, set);

	if (err)
		return err;
	r->rules[r->rules_len++] = '\n';
	while (next_line(r)) {
		r->rules[r->rules_len++] = '\n';
		word = next_word(r, NULL);
		if (!fw_token_is(&word, "}"))
			continue;
		err = line_end(r, &word);
		if (!err)
			err = move_error(fw_set_parse(begin, r->line - begin, r->now, r->hz,
						      &set->member, &set->count),
					 before);
		return err;
	}
	return fw_error(first, "a block without its closing brace");
}

static int add_block(struct reader *r, const struct fw_token *first)
{
	struct fw_document *doc = r->doc;
	struct fw_document_set set = {}, *grown;
	int err = read_block(r, first, &set);

	if (err)
		return err;
	grown = realloc(doc->set, (doc->sets + 1) * sizeof(*grown));
	if (!grown) {
		free(set.member);
		return ecbpf_fail(-ENOMEM, "out of memory");
	}
	doc->set = grown;
	doc->set[doc->sets++] = set;
	return 0;
}

/* --- the whole text */

/* keep_line - for fw_parse(), with its end */
static void keep_line(struct reader *r)
{
	const size_t len = r->at - r->line;

	memcpy(r->rules + r->rules_len, r->line, len);
	r->rules_len += len;
}

static int read_lines(struct reader *r)
{
	struct fw_token first;
	int err = 0;

	while (!err && next_line(r)) {
		first = next_word(r, NULL);
		if (fw_token_is(&first, "set"))
			err = add_block(r, &first);
		else
			keep_line(r);
	}
	return err ? err : fw_parse(r->rules, r->rules_len, &r->doc->rules);
}

int fw_document_parse(const char *text, size_t len, uint32_t now, unsigned int hz,
		      struct fw_document *doc)
{
	struct fw_document parsed = {};
	struct reader r = {
		.at = text,
		.end = text + len,
		.now = now,
		.hz = hz,
		.doc = &parsed,
	};
	int err;

	r.rules = malloc(len + 1);
	err = r.rules ? read_lines(&r) : ecbpf_fail(-ENOMEM, "out of memory");
	free(r.rules);
	if (err)
		fw_document_free(&parsed);
	else
		*doc = parsed;
	return err;
}

int fw_document_maps(const struct fw_document *doc, uint64_t set_entries, uint64_t sources,
		     struct fw_maps *maps)
{
	uint64_t tags = FW_MAPS_TAGS;
	struct fw_pool pool;
	uint32_t capacity;
	int err;

	fw_document_room(doc, &set_entries, &tags);
	capacity = fw_pool_size(set_entries);
	if (!capacity)
		return ecbpf_fail(-E2BIG, "sets of %llu entries: at most %u",
				  (unsigned long long)set_entries, FW_POOL_MAX);
	err = fw_maps_create(maps, capacity, tags, sources);
	if (!err)
		err = fw_pool_map(maps, &pool);
	if (err)
		return err;
	err = fw_document_fill(doc, &pool);
	fw_pool_unmap(&pool);
	return err;
}

void fw_document_free(struct fw_document *doc)
{
	size_t i;

	for (i = 0; i < doc->sets; i++)
		free(doc->set[i].member);
	free(doc->set);
	fw_ruleset_free(&doc->rules);
	*doc = (struct fw_document){};
}

int fw_document_read(const char *path, struct fw_document *doc)
{
	uint64_t now;
	char *text;
	size_t len;
	int err = fw_file_read(path, &text, &len);

	if (err)
		return err;
	err = ecbpf_jiffies(&now);
	if (!err)
		err = fw_document_parse(text, len, now >> FW_EXPIRY_SHIFT, ecbpf_hz(), doc);
	free(text);
	return err;
}

/* --- and back */

static bool print_set(FILE *out, const struct fw_document_set *set, uint32_t now, unsigned int hz)
{
	size_t i;

	fprintf(out, "set %s%s {\n", set->name, set->flags & FW_SET_COUNTS ? " counts" : "");
	for (i = 0; i < set->count; i++) {
		char *line = fw_member_print(&set->member[i], now, hz);

		if (!line)
			return false;
		fprintf(out, "%s\n", line);
		free(line);
	}
	fputs("}\n", out);
	return true;
}

char *fw_document_print(const struct fw_document *doc, uint32_t now, unsigned int hz)
{
	char *rules = fw_ruleset_print(&doc->rules), *text = NULL;
	size_t i, size;
	FILE *out = rules ? open_memstream(&text, &size) : NULL;
	bool printed = out;

	if (out)
		fputs(rules, out);
	for (i = 0; printed && i < doc->sets; i++)
		printed = print_set(out, &doc->set[i], now, hz);
	printed = printed && !ferror(out);
	if (out && fclose(out))
		printed = false;
	free(rules);
	if (printed)
		return text;
	free(text);
	errno = ENOMEM;
	return NULL;
}

/* --- into a pool */

void fw_document_room(const struct fw_document *doc, uint64_t *entries, uint64_t *tags)
{
	uint64_t members = 0, tagged = 1; /* tag 0 is none */
	size_t i, j;

	for (i = 0; i < doc->sets; i++) {
		members += doc->set[i].count;
		for (j = 0; j < doc->set[i].count; j++)
			tagged += doc->set[i].member[j].tag[0] != '\0';
	}
	if (*entries < members)
		*entries = members;
	if (*tags < tagged)
		*tags = tagged;
}

/* set_make - number of an empty or old set with these flags: those of an entry are set for good */
static int set_make(struct fw_pool *pool, const struct fw_document_set *want)
{
	int set = fw_set_find(pool, want->name);

	if (set >= 0 && pool->info[set].flags != want->flags) {
		fw_set_destroy(pool, set);
		set = -ENOENT;
	}
	return set >= 0 ? set : fw_set_create(pool, want->name, want->flags);
}

int fw_document_fill(const struct fw_document *doc, struct fw_pool *pool)
{
	const struct fw_document_set *want;
	struct fw_set_change change;
	size_t i;
	int set, err;

	for (i = 0; i < doc->sets; i++) {
		want = &doc->set[i];
		set = set_make(pool, want);
		if (set < 0)
			return set;
		err = fw_set_replace(pool, set, want->member, want->count, &change);
		if (err == -ENOSPC)
			return ecbpf_fail(err, "set %s: no room for %zu entries and their tags",
					  want->name, want->count);
		if (err)
			return err;
	}
	return 0;
}

/* --- files */

/* more_room - twice as much, and a byte */
static int more_room(char **buf, size_t *room)
{
	const size_t more = *room ? 2 * *room : FILE_FIRST;
	char *grown;

	if (more > FILE_MAX)
		return -EFBIG;
	grown = realloc(*buf, more + 1);
	if (!grown)
		return -ENOMEM;
	*buf = grown;
	*room = more;
	return 0;
}

/* read_all - malloc()ed, with room for a zero byte behind */
static int read_all(int fd, char **text, size_t *len)
{
	size_t room = 0, used = 0;
	char *buf = NULL;
	struct stat st;
	ssize_t got;
	int err;

	if (!fstat(fd, &st) && st.st_size > (off_t)FILE_MAX)
		return -EFBIG;
	do {
		err = used == room ? more_room(&buf, &room) : 0;
		got = err ? 0 : read(fd, buf + used, room - used);
		if (got < 0 && errno != EINTR)
			err = -errno;
		used += got > 0 ? got : 0;
	} while (!err && got);
	if (err) {
		free(buf);
		return err;
	}
	*text = buf;
	*len = used;
	return 0;
}

int fw_file_read(const char *path, char **text, size_t *len)
{
	const bool input = !strcmp(path, "-");
	int fd = input ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC), err;

	err = fd < 0 ? -errno : read_all(fd, text, len);
	if (!input && fd >= 0)
		close(fd);
	if (err)
		return ecbpf_fail(err, "%s: %s", input ? "standard input" : path, strerror(-err));
	(*text)[*len] = '\0';
	return 0;
}
