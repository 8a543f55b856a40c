// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <bpf/bpf.h>

#include "bypass_ipvs/excludes.h"
#include "libecbpf/cli.h"
#include "libecbpf/ecbpf.h"

#define V4_BITS 96 /* before the IPv4 address in one that is mapped */

static bool is_v4(const struct bypass_prefix *prefix)
{
	return prefix->length >= V4_BITS && !prefix->addr[0] && !prefix->addr[1] &&
	       prefix->addr[2] == htonl(ECBPF_V4_PREFIX);
}

static int compare(const void *one, const void *other)
{
	const struct bypass_prefix *a = one, *b = other;
	int order = is_v4(b) - is_v4(a);

	if (!order)
		order = memcmp(a->addr, b->addr, sizeof(a->addr));
	return order ? order : (int)a->length - (int)b->length;
}

void excludes_prefix_text(const struct bypass_prefix *prefix, char *buf)
{
	const bool v4 = is_v4(prefix);
	char addr[INET6_ADDRSTRLEN];

	inet_ntop(v4 ? AF_INET : AF_INET6, v4 ? &prefix->addr[3] : prefix->addr, addr,
		  sizeof(addr));
	snprintf(buf, EXCLUDES_TEXT, "%s/%u", addr, prefix->length - (v4 ? V4_BITS : 0));
}

/* covers_v4 - the kernel's trie has one space of addresses, with ::ffff:0:0/96 in it */
static bool covers_v4(const struct bypass_prefix *prefix)
{
	__u32 mask = 0;

	if (prefix->length >= V4_BITS)
		return false;
	if (prefix->length > 64)
		mask = ~0U << (V4_BITS - prefix->length);
	return !prefix->addr[0] && !prefix->addr[1] &&
	       prefix->addr[2] == htonl(ECBPF_V4_PREFIX & mask);
}

static int prefix_parse(const char *text, struct bypass_prefix *prefix)
{
	struct ecbpf_prefix parsed;
	int err = ecbpf_parse_prefix(text, &parsed);

	if (err)
		return err;
	*prefix = (struct bypass_prefix){ .length = parsed.length };
	if (parsed.family == AF_INET) {
		prefix->length += V4_BITS;
		prefix->addr[2] = htonl(ECBPF_V4_PREFIX);
		memcpy(&prefix->addr[3], parsed.addr, sizeof(prefix->addr[3]));
		return 0;
	}
	memcpy(prefix->addr, parsed.addr, sizeof(prefix->addr));
	if (covers_v4(prefix))
		return ecbpf_fail(-EINVAL, "%s has all of IPv4 in it: say 2000::/3 or smaller",
				  text);
	return 0;
}

static const struct bypass_prefix *find(const struct excludes *list,
					const struct bypass_prefix *prefix)
{
	return list->count ? bsearch(prefix, list->prefix, list->count, sizeof(*prefix), compare) :
			     NULL;
}

static int grow(struct excludes *list, size_t more)
{
	void *grown;

	if (list->count + more > BYPASS_EXCLUDES_MAX)
		return ecbpf_fail(-E2BIG, "%zu prefixes: there is room for %d", list->count + more,
				  BYPASS_EXCLUDES_MAX);
	grown = realloc(list->prefix, (list->count + more + 1) * sizeof(*list->prefix));
	if (!grown)
		return ecbpf_fail(-ENOMEM, "out of memory");
	list->prefix = grown;
	return 0;
}

static int twice(const struct bypass_prefix *prefix, const char *what)
{
	char text[EXCLUDES_TEXT];

	excludes_prefix_text(prefix, text);
	return ecbpf_fail(-EEXIST, "%s %s", text, what);
}

/* sorted - sort; -EEXIST if two are the same */
static int sorted(struct excludes *list)
{
	size_t i;

	qsort(list->prefix, list->count, sizeof(*list->prefix), compare);
	for (i = 1; i < list->count; i++)
		if (!compare(&list->prefix[i - 1], &list->prefix[i]))
			return twice(&list->prefix[i], "is named twice");
	return 0;
}

/* insert - where it belongs; there is room */
static void insert(struct excludes *list, const struct bypass_prefix *prefix)
{
	size_t low = 0, high = list->count, middle;

	while (low < high) {
		middle = (low + high) / 2;
		if (compare(&list->prefix[middle], prefix) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	memmove(&list->prefix[low + 1], &list->prefix[low],
		(list->count++ - low) * sizeof(*list->prefix));
	list->prefix[low] = *prefix;
}

int excludes_add(struct excludes *list, const struct excludes *more)
{
	size_t i;
	int err;

	for (i = 0; i < more->count; i++)
		if (find(list, &more->prefix[i]))
			return twice(&more->prefix[i], "is excluded already");
	err = more->count ? grow(list, more->count) : 0;
	if (err || !more->count)
		return err;
	for (i = 0; i < more->count; i++)
		insert(list, &more->prefix[i]);
	return 0;
}

int excludes_parse(size_t count, char **words, struct excludes *list)
{
	struct excludes parsed = {};
	int err = grow(&parsed, count);

	for (; !err && parsed.count < count; parsed.count++)
		err = prefix_parse(words[parsed.count], &parsed.prefix[parsed.count]);
	if (!err)
		err = sorted(&parsed);
	if (!err)
		err = excludes_add(list, &parsed);
	excludes_free(&parsed);
	return err;
}

int excludes_remove(struct excludes *list, const struct excludes *those)
{
	char text[EXCLUDES_TEXT];
	size_t i, kept = 0;

	for (i = 0; i < those->count; i++) {
		if (find(list, &those->prefix[i]))
			continue;
		excludes_prefix_text(&those->prefix[i], text);
		return ecbpf_fail(-ENOENT, "%s is not excluded", text);
	}
	for (i = 0; i < list->count; i++)
		if (!find(those, &list->prefix[i]))
			list->prefix[kept++] = list->prefix[i];
	list->count = kept;
	return 0;
}

void excludes_free(struct excludes *list)
{
	free(list->prefix);
	*list = (struct excludes){};
}

/* --- the kernel's map */

int excludes_read(const struct live *live, struct excludes *list)
{
	const int fd = live->fd[LIVE_EXCLUDE];
	struct bypass_prefix prefix, *at = NULL;
	int err;

	*list = (struct excludes){};
	while (!(err = bpf_map_get_next_key(fd, at, &prefix))) {
		err = grow(list, 1);
		if (err)
			return err;
		list->prefix[list->count++] = prefix;
		at = &prefix;
	}
	if (err != -ENOENT)
		return ecbpf_fail(err, "exclude_map: %s", strerror(-err));
	return list->count ? sorted(list) : 0;
}

/* enter - those of @list that @but has not */
static int enter(int fd, const struct excludes *list, const struct excludes *but)
{
	const __u32 one = 1;
	size_t i;
	int err;

	for (i = 0; i < list->count; i++) {
		if (find(but, &list->prefix[i]))
			continue;
		err = bpf_map_update_elem(fd, &list->prefix[i], &one, BPF_ANY);
		if (err)
			return ecbpf_fail(err, "exclude_map: %s", strerror(-err));
	}
	return 0;
}

/* leave - the same; that one is gone already is no failure */
static int leave(int fd, const struct excludes *list, const struct excludes *but)
{
	size_t i;
	int err;

	for (i = 0; i < list->count; i++) {
		if (find(but, &list->prefix[i]))
			continue;
		err = bpf_map_delete_elem(fd, &list->prefix[i]);
		if (err && err != -ENOENT)
			return ecbpf_fail(err, "exclude_map: %s", strerror(-err));
	}
	return 0;
}

static int replace(int fd, const struct excludes *have, const struct excludes *want)
{
	int err = 0;

	/* with both lists in it the map might be full */
	if (have->count + want->count > BYPASS_EXCLUDES_MAX)
		err = leave(fd, have, want);
	if (!err)
		err = enter(fd, want, have);
	return err ? err : leave(fd, have, want);
}

int excludes_store(struct live *live, const struct excludes *have, const struct excludes *want)
{
	const int fd = live->fd[LIVE_EXCLUDE];
	int err = replace(fd, have, want);

	if (!err) {
		__atomic_store_n(&live->settings->excludes, want->count, __ATOMIC_SEQ_CST);
		return 0;
	}
	leave(fd, want, have);
	enter(fd, have, want);
	return err;
}
