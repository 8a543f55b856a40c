// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Entries of sets as lines of text. */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xdp_fw/set.h"

#define EXPIRY_UNIT   (1U << FW_EXPIRY_SHIFT) /* jiffies */
#define NS_PER_S      1000000000ULL
#define TIMEOUT_MIN_S 1
#define TIMEOUT_MAX_S (10 * 365 * 86400ULL) /* ten years */

/* Longest word that can mean something: an IPv6 address and its length, or a duration. */
#define WORD_MAX 64

/* How much of the text an error shows. */
#define NEAR_MAX 40

/**
 * struct scan - where the scanner is
 * @line: begin of the line; @number of it, from 1
 * @at, @end: of what is left of the line
 */
struct scan {
	const char *line, *at, *end;
	size_t number;
	uint32_t now;
	unsigned int hz;
};

/* Shows the @len bytes at @at. */
static int bad(const struct scan *scan, const char *at, size_t len, const char *cause)
{
	char near[NEAR_MAX + 1];
	size_t i;

	if (len > NEAR_MAX)
		len = NEAR_MAX;
	for (i = 0; i < len; i++)
		near[i] = at[i] >= ' ' && at[i] <= '~' ? at[i] : '?';
	near[len] = '\0';
	return ecbpf_fail(-EINVAL, "%zu:%zu: %s near \"%s\"", scan->number,
			  (size_t)(at - scan->line) + 1, cause, near);
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t';
}

/* Goes to the next word; false: there is none. */
static bool more(struct scan *scan)
{
	while (scan->at < scan->end && is_space(*scan->at))
		scan->at++;
	return scan->at < scan->end && *scan->at != '#';
}

static size_t word_len(const struct scan *scan)
{
	size_t len = 0;

	while (scan->at + len < scan->end && !is_space(scan->at[len]) && scan->at[len] != '#' &&
	       scan->at[len] != '"')
		len++;
	return len;
}

/* Copies the next word; one too long, or with a NUL, becomes an empty one. */
static size_t take_word(struct scan *scan, char word[WORD_MAX])
{
	const size_t len = word_len(scan);
	const bool fits = len < WORD_MAX && !memchr(scan->at, '\0', len);

	memcpy(word, scan->at, fits ? len : 0);
	word[fits ? len : 0] = '\0';
	scan->at += len;
	return len;
}

static int bad_prefix(const struct scan *scan, const char *at, size_t len, char *word)
{
	const char *slash = strchr(word, '/');
	struct ecbpf_prefix prefix;
	uint64_t length;

	if (!slash)
		return bad(scan, at, len, "not an address");
	if (ecbpf_parse_number(slash + 1, 0, strchr(word, ':') ? 128 : 32, &length)) {
		word[slash - word] = '\0';
		return bad(scan, at, len,
			   ecbpf_parse_prefix(word, &prefix) ? "not an address" :
							       "not a prefix length");
	}
	word[slash - word] = '\0';
	if (ecbpf_parse_prefix(word, &prefix))
		return bad(scan, at, len, "not an address");
	return bad(scan, at, len, "bits set behind the prefix length");
}

static int parse_prefix(struct scan *scan, struct ecbpf_prefix *prefix)
{
	const char *at = scan->at;
	char word[WORD_MAX];
	size_t len = take_word(scan, word);

	if (ecbpf_parse_prefix(word, prefix))
		return bad_prefix(scan, at, len ? len : 1, word);
	if (!prefix->length)
		return bad(scan, at, len, "a set cannot hold /0");
	return 0;
}

static int parse_timeout(struct scan *scan, struct fw_member *member)
{
	const char *at = scan->at;
	char word[WORD_MAX];
	size_t len = take_word(scan, word);
	uint64_t ns, expires;
	int err;

	err = ecbpf_parse_duration(word, TIMEOUT_MIN_S * NS_PER_S, TIMEOUT_MAX_S * NS_PER_S, &ns);
	if (err == -ERANGE)
		return bad(scan, at, len, "a timeout is 1 second to 10 years");
	if (err)
		return bad(scan, at, len, "not a time");
	/* Never early: rounded up, and one more, for some of the present unit is gone already. */
	expires = ns / 1000 * scan->hz / 1000000;
	expires = scan->now + ((expires + EXPIRY_UNIT - 1) >> FW_EXPIRY_SHIFT) + 1;
	member->expires = expires > UINT32_MAX ? UINT32_MAX : expires;
	return 0;
}

/* One byte of a tag, behind its backslash if it has one; 0: none that a tag can have. */
static char tag_byte(struct scan *scan)
{
	if (scan->at < scan->end && *scan->at == '\\') {
		scan->at++;
		if (scan->at == scan->end || (*scan->at != '"' && *scan->at != '\\'))
			return '\0';
	}
	if (scan->at == scan->end || iscntrl((unsigned char)*scan->at))
		return '\0';
	return *scan->at++;
}

static int parse_tag(struct scan *scan, struct fw_member *member)
{
	const char *at = scan->at;
	const size_t rest = scan->end - at;
	size_t len = 0;

	if (scan->at == scan->end || *scan->at++ != '"')
		return bad(scan, at, rest, "a tag is in quotes");
	while (scan->at < scan->end && *scan->at != '"') {
		const char byte = tag_byte(scan);

		if (!byte)
			return bad(scan, at, rest, "a tag cannot have this");
		if (len == sizeof(member->tag) - 1)
			return bad(scan, at, rest, "a tag has at most 63 bytes");
		member->tag[len++] = byte;
	}
	if (scan->at == scan->end)
		return bad(scan, at, rest, "a tag without its end");
	scan->at++;
	if (!len)
		return bad(scan, at, rest, "a tag has at least one byte");
	return 0;
}

static int parse_option(struct scan *scan, struct fw_member *member)
{
	const char *at = scan->at;
	char word[WORD_MAX];
	size_t len = take_word(scan, word);
	bool tag = !strcmp(word, "tag");

	if (!tag && strcmp(word, "timeout") != 0)
		return bad(scan, at, len ? len : 1, "neither tag nor timeout");
	if (tag ? member->tag[0] != 0 : member->expires != 0)
		return bad(scan, at, len, "given twice");
	if (!more(scan))
		return bad(scan, at, len, "nothing follows");
	return tag ? parse_tag(scan, member) : parse_timeout(scan, member);
}

static int parse_line(struct scan *scan, struct fw_member *member)
{
	int err;

	*member = (struct fw_member){};
	err = parse_prefix(scan, &member->prefix);
	while (!err && scan->at < scan->end && *scan->at != '#') {
		if (!is_space(*scan->at))
			return bad(scan, scan->at, scan->end - scan->at, "no space");
		if (more(scan))
			err = parse_option(scan, member);
	}
	return err;
}

static int grow(struct fw_member **list, size_t *room)
{
	struct fw_member *grown = realloc(*list, (*room ? *room * 2 : 64) * sizeof(*grown));

	if (!grown)
		return ecbpf_fail(-ENOMEM, "out of memory");
	*list = grown;
	*room = *room ? *room * 2 : 64;
	return 0;
}

static int parse_lines(struct scan *scan, const char *text, size_t len, struct fw_member **list,
		       size_t *count)
{
	const char *end = text + len, *line = text;
	size_t room = 0;
	int err;

	for (; line < end; line = scan->end + 1) {
		const char *newline = memchr(line, '\n', end - line);
		const char *stop = newline ? newline : end;

		scan->number++;
		scan->line = scan->at = line;
		scan->end = stop > line && stop[-1] == '\r' ? stop - 1 : stop;
		if (more(scan)) {
			err = *count == room ? grow(list, &room) : 0;
			if (!err)
				err = parse_line(scan, &(*list)[*count]);
			if (err)
				return err;
			++*count;
		}
		scan->end = stop;
	}
	return 0;
}

int fw_set_parse(const char *text, size_t len, uint32_t now, unsigned int hz,
		 struct fw_member **member, size_t *count)
{
	struct scan scan = { .now = now, .hz = hz };
	struct fw_member *list = NULL;
	size_t found = 0;
	int err = parse_lines(&scan, text, len, &list, &found);

	if (err) {
		free(list);
		return err;
	}
	*member = list;
	*count = found;
	return 0;
}

/* --- print */

static uint64_t seconds_left(uint32_t expires, uint32_t now, unsigned int hz)
{
	/* without the unit that parse_timeout() has added: whole seconds come back as they were */
	uint64_t left = expires > now ? ((uint64_t)(expires - now - 1) << FW_EXPIRY_SHIFT) / hz : 0;

	if (left > TIMEOUT_MAX_S)
		return TIMEOUT_MAX_S;
	return left ? left : TIMEOUT_MIN_S;
}

static void print_tag(FILE *out, const char *tag)
{
	fputs(" tag \"", out);
	for (; *tag; tag++) {
		if (*tag == '"' || *tag == '\\')
			fputc('\\', out);
		fputc(*tag, out);
	}
	fputc('"', out);
}

char *fw_member_print(const struct fw_member *member, uint32_t now, unsigned int hz)
{
	const struct ecbpf_prefix *prefix = &member->prefix;
	char address[INET6_ADDRSTRLEN], *text = NULL;
	bool failed;
	size_t len;
	FILE *out;

	if (!inet_ntop(prefix->family, prefix->addr, address, sizeof(address)))
		return NULL;
	out = open_memstream(&text, &len);
	if (!out)
		return NULL;
	fputs(address, out);
	if (prefix->length != (prefix->family == AF_INET ? 32 : 128))
		fprintf(out, "/%u", prefix->length);
	if (member->tag[0])
		print_tag(out, member->tag);
	if (member->expires)
		fprintf(out, " timeout %llus",
			(unsigned long long)seconds_left(member->expires, now, hz));
	failed = ferror(out);
	if (fclose(out) || failed) {
		free(text);
		return NULL;
	}
	return text;
}
