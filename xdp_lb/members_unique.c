// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* json-c keeps the last of several members of a name and says nothing; so the text itself is asked. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "libecbpf/ecbpf.h"
#include "xdp_lb/members.h"

#define DEPTH_MAX   8
#define MEMBERS_MAX 32 /* more than any object has */
#define NAME_MAX    40 /* likewise, bytes of a name */

/** struct level - an object, or an array of which @index elements have been */
struct level {
	bool object;
	size_t index;
	size_t names;
	char name[MEMBERS_MAX][NAME_MAX];
};

struct scan {
	const char *at, *end;
	size_t depth;
	struct level level[DEPTH_MAX];
};

/* place_fail - at the first levels, the last name of each object */
static int place_fail(const struct scan *scan, const char *cause)
{
	struct lb_place place[DEPTH_MAX + 1] = {};
	size_t i;

	for (i = 0; i < scan->depth; i++) {
		const struct level *level = &scan->level[i];

		place[i + 1] = (struct lb_place){ .up = &place[i], .index = level->index };
		if (level->object)
			place[i + 1].name = level->names ? level->name[level->names - 1] : "";
	}
	return lb_place_fail(&place[scan->depth], -EINVAL, cause);
}

/* string_end - the quotation mark that ends it; @from is behind the first */
static const char *string_end(const struct scan *scan, const char *from)
{
	while (from < scan->end && *from != '"')
		from += *from == '\\' ? 2 : 1;
	return from;
}

static bool is_name(const struct scan *scan, const char *behind)
{
	while (behind < scan->end && strchr(" \t\r\n", *behind))
		behind++;
	return behind < scan->end && *behind == ':';
}

/* No name that is known has anything else, and others had better not be in a message. */
static bool is_plain(const char *text, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		if (text[i] < ' ' || text[i] > '~' || text[i] == '\\')
			return false;
	return true;
}

static int add_name(struct scan *scan, const char *text, size_t len)
{
	struct level *level = &scan->level[scan->depth - 1];
	char *name;
	size_t i;

	if (level->names == MEMBERS_MAX)
		return place_fail(scan, "more members than any object has");
	if (len >= NAME_MAX || !is_plain(text, len))
		return place_fail(scan, "behind this, an unknown member");
	name = level->name[level->names];
	memcpy(name, text, len);
	name[len] = '\0';
	level->names++;
	for (i = 0; i + 1 < level->names; i++)
		if (!strcmp(level->name[i], name))
			return place_fail(scan, "there twice");
	return 0;
}

static int open_level(struct scan *scan, bool object)
{
	struct level *level = &scan->level[scan->depth];

	if (scan->depth == DEPTH_MAX)
		return place_fail(scan, "too deep");
	level->object = object;
	level->index = level->names = 0;
	scan->depth++;
	return 0;
}

static int scan_string(struct scan *scan)
{
	const char *from = scan->at + 1, *end = string_end(scan, from);
	int err = 0;

	if (scan->depth && scan->level[scan->depth - 1].object && is_name(scan, end + 1))
		err = add_name(scan, from, end - from);
	scan->at = end;
	return err;
}

static int scan_one(struct scan *scan)
{
	switch (*scan->at) {
	case '"':
		return scan_string(scan);
	case '\'': /* json-c takes it, however strict it is told to be */
		return place_fail(scan, "names are in double quotes");
	case '{':
	case '[':
		return open_level(scan, *scan->at == '{');
	case '}':
	case ']':
		scan->depth -= scan->depth > 0;
		return 0;
	case ',':
		if (scan->depth)
			scan->level[scan->depth - 1].index++;
		return 0;
	default:
		return 0;
	}
}

int lb_members_unique(const char *text, size_t len)
{
	struct scan scan = { .at = text, .end = text + len };
	int err = 0;

	for (; !err && scan.at < scan.end; scan.at++)
		err = scan_one(&scan);
	return err;
}
