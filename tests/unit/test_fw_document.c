// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Rules and sets in one text: what is in them, where a bad one is bad, there and back, files. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "xdp_fw/document.h"

#define NOW	    100000
#define HZ	    250
#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

static int parse(const char *text, struct fw_document *doc)
{
	return fw_document_parse(text, strlen(text), NOW, HZ, doc);
}

/* --- good texts */

static const char mixed[] = "default drop\n"
			    "set one {\n"
			    "10.0.0.1 tag \"}\" timeout 64s\n"
			    "  # }\n"
			    "\n"
			    "2001:db8::/32\n"
			    "}\n"
			    "drop from @one tcp dport 22 # set two {\n"
			    "\tset two counts{ # hits\r\n"
			    "\t}# end\r\n"
			    "pass ip name \"set three {\"";

static void sets_among_rules(void **state)
{
	struct fw_document doc = {};

	(void)state;
	assert_int_equal(parse(mixed, &doc), 0);
	assert_int_equal(doc.rules.fallback, FW_DEFAULT_DROP);
	assert_int_equal(doc.rules.rules, 2);
	assert_int_equal(doc.rules.rule[0].line, 8);
	assert_string_equal(doc.rules.rule[0].src.set[0], "one");
	assert_int_equal(doc.rules.rule[1].line, 11);
	assert_string_equal(doc.rules.rule[1].name, "set three {");
	assert_int_equal(doc.sets, 2);
	assert_string_equal(doc.set[0].name, "one");
	assert_int_equal(doc.set[0].flags, 0);
	assert_int_equal(doc.set[0].count, 2);
	assert_string_equal(doc.set[0].member[0].tag, "}");
	assert_int_equal(doc.set[0].member[0].expires, NOW + 64 * HZ / 64 + 1);
	assert_int_equal(doc.set[0].member[1].prefix.family, AF_INET6);
	assert_int_equal(doc.set[0].member[1].prefix.length, 32);
	assert_string_equal(doc.set[1].name, "two");
	assert_int_equal(doc.set[1].flags, FW_SET_COUNTS);
	assert_int_equal(doc.set[1].count, 0);
	fw_document_free(&doc);
	assert_int_equal(doc.sets, 0);
	assert_null(doc.set);
	assert_int_equal(doc.rules.rules, 0);
}

static void printed_and_read_again(void **state)
{
	static const char want[] = "default drop\n"
				   "drop from @one tcp dport 22\n"
				   "pass ip name \"set three {\"\n"
				   "set one {\n"
				   "10.0.0.1 tag \"}\" timeout 64s\n"
				   "2001:db8::/32\n"
				   "}\n"
				   "set two counts {\n"
				   "}\n";
	struct fw_document doc = {}, again = {};
	char *text;

	(void)state;
	assert_int_equal(parse(mixed, &doc), 0);
	text = fw_document_print(&doc, NOW, HZ);
	assert_string_equal(text, want);
	assert_int_equal(parse(text, &again), 0);
	free(text);
	text = fw_document_print(&again, NOW, HZ);
	assert_string_equal(text, want);
	free(text);
	fw_document_free(&doc);
	fw_document_free(&again);
}

static void rules_alone(void **state)
{
	struct fw_document doc = {};

	(void)state;
	assert_int_equal(fw_document_parse("", 0, NOW, HZ, &doc), 0);
	assert_int_equal(doc.rules.rules + doc.sets, 0);
	fw_document_free(&doc);
	assert_int_equal(parse("\n\nprotect proto 4\npass packet", &doc), 0);
	assert_int_equal(doc.rules.protects, 1);
	assert_int_equal(doc.rules.protect[0].line, 3);
	assert_int_equal(doc.rules.rules, 1);
	assert_int_equal(doc.rules.rule[0].line, 4);
	fw_document_free(&doc);
}

/* --- bad ones */

static void bad_texts(void **state)
{
	static const struct {
		const char *text, *error;
	} rows[] = {
		{ "set", "1:4: a set without a name at the end of the line" },
		{ "set {\n}", "1:5: a set's name has letters, digits, and _.- only near \"{\"" },
		{ "set @a {\n}",
		  "1:5: a set's name has letters, digits, and _.- only near \"@a\"" },
		{ "set a2345678901234567890123456789012 {\n}",
		  "1:5: a set's name has at most 31 bytes near "
		  "\"a2345678901234567890123456789012\"" },
		{ "set a", "1:6: counts or { expected at the end of the line" },
		{ "set a # {\n}", "1:7: counts or { expected at the end of the line" },
		{ "set a count {\n}", "1:7: counts or { expected near \"count\"" },
		{ "set a counts counts {\n}", "1:14: counts or { expected near \"counts\"" },
		{ "set a { }", "1:9: the line goes on near \"}\"" },
		{ "set a {\n} pass packet", "2:3: the line goes on near \"pass\"" },
		{ "pass packet\n\n set a {\n::1\n",
		  "3:2: a block without its closing brace near \"set\"" },
		{ "set a {\n}\nset b {\n}\n  set a {\n}",
		  "5:7: a second block of this set near \"a\"" },
		{ "default drop\nset a {\n::1\n\n::1 tga\n}",
		  "5:5: neither tag nor timeout near \"tga\"" },
		{ "set a {\nset b {\n}\n}", "2:1: not an address near \"set\"" },
		{ "set a {\n}\n}", "3:1: " },
		{ "set a {\r\n::1\r\n}\r\npass pakcet", "4:6: " },
		{ "}", "1:1: " },
		{ "pass packet\nset a {\n::1\n}\ndefault drop\n\ndefault pass", "7:1: " },
	};
	const struct fw_document before = { .sets = 4711 };
	struct fw_document doc = before;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		if (parse(rows[i].text, &doc) != -EINVAL ||
		    strncmp(ecbpf_error(), rows[i].error, strlen(rows[i].error)) != 0)
			fail_msg("\"%s\": %s", rows[i].text, ecbpf_error());
		assert_memory_equal(&doc, &before, sizeof(doc));
	}
}

static void nul_is_no_end(void **state)
{
	static const char behind[] = "set a {\n}\0x\n", within[] = "set a {\n\0\n}";
	struct fw_document doc = {};

	(void)state;
	assert_int_equal(fw_document_parse(behind, sizeof(behind) - 1, NOW, HZ, &doc), -EINVAL);
	assert_string_equal(ecbpf_error(), "2:2: the line goes on near \"\\x00x\"");
	assert_int_equal(fw_document_parse(within, sizeof(within) - 1, NOW, HZ, &doc), -EINVAL);
	assert_memory_equal(ecbpf_error(), "2:1: ", 5);
}

static void sixty_four_sets(void **state)
{
	struct fw_document doc = {};
	char text[65 * 16] = "";
	size_t i, len = 0;

	(void)state;
	for (i = 0; i < FW_SETS_MAX; i++)
		len += snprintf(text + len, sizeof(text) - len, "set s%zu {\n}\n", i);
	assert_int_equal(parse(text, &doc), 0);
	assert_int_equal(doc.sets, FW_SETS_MAX);
	assert_string_equal(doc.set[63].name, "s63");
	fw_document_free(&doc);
	snprintf(text + len, sizeof(text) - len, "set one {\n}\n");
	assert_int_equal(parse(text, &doc), -EINVAL);
	assert_string_equal(ecbpf_error(), "129:5: more than 64 sets near \"one\"");
}

/* --- into a pool */

static struct fw_pool pool_make(void)
{
	struct fw_pool pool = { .capacity = FW_POOL_MIN,
				.masks = fw_pool_masks(FW_POOL_MIN),
				.tags = 4 };

	pool.bucket = calloc(pool.capacity, sizeof(*pool.bucket));
	pool.entry = calloc(pool.capacity, sizeof(*pool.entry));
	pool.mask = calloc(pool.masks, sizeof(*pool.mask));
	pool.tag = calloc(pool.tags, sizeof(*pool.tag));
	pool.info = calloc(FW_SETS_MAX, sizeof(*pool.info));
	return pool;
}

static void pool_free(struct fw_pool *pool)
{
	free(pool->bucket);
	free(pool->entry);
	free(pool->mask);
	free(pool->tag);
	free(pool->info);
}

static void room(void **state)
{
	struct fw_document doc = {};
	uint64_t entries = 0, tags = 0;

	(void)state;
	assert_int_equal(parse(mixed, &doc), 0);
	fw_document_room(&doc, &entries, &tags);
	assert_int_equal(entries, 2);
	assert_int_equal(tags, 2);
	entries = tags = 3;
	fw_document_room(&doc, &entries, &tags);
	assert_int_equal(entries, 3);
	assert_int_equal(tags, 3);
	fw_document_free(&doc);
}

static void blocks_fill_a_pool(void **state)
{
	struct ecbpf_prefix address = { { 10, 0, 0, 1 }, AF_INET, 32 };
	struct fw_pool pool = pool_make();
	struct fw_document doc = {};
	struct fw_member member;
	int one, two;

	(void)state;
	assert_int_equal(parse(mixed, &doc), 0);
	two = fw_set_create(&pool, "two", 0); /* whose entries do not count yet */
	member = (struct fw_member){ .prefix = address };
	assert_int_equal(fw_set_add(&pool, two, &member), 0);
	assert_int_equal(fw_document_fill(&doc, &pool), 0);
	one = fw_set_find(&pool, "one");
	two = fw_set_find(&pool, "two");
	assert_true(one >= 0 && two >= 0);
	assert_int_equal(pool.info[one].entries, 2);
	assert_int_equal(pool.info[two].entries, 0);
	assert_int_equal(pool.info[two].flags, FW_SET_COUNTS);
	assert_int_equal(fw_set_get(&pool, one, &address, &member), 0);
	assert_string_equal(member.tag, "}");
	assert_int_equal(fw_set_get(&pool, two, &address, &member), -ENOENT);
	assert_int_equal(fw_pool_used(&pool), 2);
	fw_document_free(&doc);
	pool_free(&pool);
}

static void no_room_for_tags(void **state)
{
	struct fw_pool pool = pool_make();
	struct fw_document doc = {};

	(void)state;
	assert_int_equal(parse("set a {\n::1 tag \"1\"\n::2 tag \"2\"\n::3 tag \"3\"\n"
			       "::4 tag \"4\"\n}",
			       &doc),
			 0);
	assert_int_equal(fw_document_fill(&doc, &pool), -ENOSPC);
	assert_string_equal(ecbpf_error(), "set a: no room for 4 entries and their tags");
	fw_document_free(&doc);
	pool_free(&pool);
}

/* --- files */

static void files(void **state)
{
	char path[] = "/tmp/test_fw_document.XXXXXX", want[200000], *text = NULL;
	int fd = mkstemp(path);
	size_t len = 0, i;

	(void)state;
	for (i = 0; i < sizeof(want); i++)
		want[i] = i * i >> 3;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, want, sizeof(want)), sizeof(want));
	close(fd);
	assert_int_equal(fw_file_read(path, &text, &len), 0);
	assert_int_equal(len, sizeof(want));
	assert_memory_equal(text, want, len);
	assert_int_equal(text[len], 0);
	free(text);
	assert_int_equal(truncate(path, 0), 0);
	assert_int_equal(fw_file_read(path, &text, &len), 0);
	assert_int_equal(len, 0);
	assert_string_equal(text, "");
	free(text);
	unlink(path);
}

static void files_that_cannot_be_read(void **state)
{
	char path[] = "/tmp/test_fw_document.XXXXXX", *text = NULL;
	int fd = mkstemp(path);
	size_t len;

	(void)state;
	assert_int_equal(fw_file_read("/no/such", &text, &len), -ENOENT);
	assert_string_equal(ecbpf_error(), "/no/such: No such file or directory");
	assert_int_equal(fw_file_read("/", &text, &len), -EISDIR);
	assert_string_equal(ecbpf_error(), "/: Is a directory");
	assert_int_equal(ftruncate(fd, (1 << 30) + 1), 0); /* a hole */
	close(fd);
	assert_int_equal(fw_file_read(path, &text, &len), -EFBIG);
	assert_non_null(strstr(ecbpf_error(), ": File too large"));
	assert_null(text);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sets_among_rules),
		cmocka_unit_test(printed_and_read_again),
		cmocka_unit_test(rules_alone),
		cmocka_unit_test(bad_texts),
		cmocka_unit_test(nul_is_no_end),
		cmocka_unit_test(sixty_four_sets),
		cmocka_unit_test(room),
		cmocka_unit_test(blocks_fill_a_pool),
		cmocka_unit_test(no_room_for_tags),
		cmocka_unit_test(files),
		cmocka_unit_test(files_that_cannot_be_read),
	};

	return cmocka_run_group_tests_name("fw_document", tests, NULL, NULL);
}
