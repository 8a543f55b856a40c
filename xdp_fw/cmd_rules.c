// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* insert, delete, replace, flush, default: one change to the rules in force */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libecbpf/cli.h"
#include "libecbpf/ecbpf.h"
#include "xdp_fw/change.h"
#include "xdp_fw/commands.h"
#include "xdp_fw/edit.h"

/* quoted - a name as the language has it: the shell took its quotes away */
static char *quoted(const char *word)
{
	char *text = malloc(2 * strlen(word) + 3), *to = text;

	if (!text)
		return NULL;
	*to++ = '"';
	for (; *word; word++) {
		if (*word == '"' || *word == '\\')
			*to++ = '\\';
		*to++ = *word;
	}
	*to++ = '"';
	*to = '\0';
	return text;
}

static bool is_name(int argc, char **argv, int i)
{
	return argc > 1 && i > 0 && argv[i][0] != '"' &&
	       (!strcmp(argv[i - 1], "name") || !strcmp(argv[i - 1], "tag"));
}

char *words_join(int argc, char **argv)
{
	char *text = strdup(argv[0]), *word, *more;
	int i;

	for (i = 1; text && i < argc; i++) {
		word = is_name(argc, argv, i) ? quoted(argv[i]) : strdup(argv[i]);
		more = NULL;
		if (word && asprintf(&more, "%s %s", text, word) < 0)
			more = NULL;
		free(word);
		free(text);
		text = more;
	}
	return text;
}

/**
 * struct edit - what a command does to the rules
 * @at: number, from 1; 0: the last
 * @which: number or name
 * @rule: new one, taken over by the edit
 */
struct edit {
	size_t at;
	const char *which;
	struct fw_rule rule;
	enum fw_default fallback;
};

static int change(const char *ifname, const char *verb, struct edit *edit,
		  int (*run)(struct fw_ruleset *, const struct fw_live *, void *))
{
	const struct fw_change wanted = { .edit = run, .arg = edit };
	int err = fw_change(ifname, &wanted, NULL);

	fw_rule_free(&edit->rule);
	return err ? ecbpf_report(err, ifname, verb) : 0;
}

static int rule_parse(const char *ifname, const char *verb, int argc, char **argv,
		      struct fw_rule *rule)
{
	char *text = words_join(argc, argv);
	int err = text ? fw_parse_rule(text, rule) : ecbpf_fail(-ENOMEM, "out of memory");

	free(text);
	return err ? ecbpf_report(err, ifname, verb) : 0;
}

static int insert(struct fw_ruleset *set, const struct fw_live *live, void *arg)
{
	struct edit *edit = arg;

	(void)live;
	if (edit->at > set->rules + 1)
		return ecbpf_fail(-ERANGE, "there are %zu rules: --at is %zu at most", set->rules,
				  set->rules + 1);
	return fw_ruleset_insert(set, edit->at ? edit->at - 1 : set->rules, &edit->rule);
}

int cmd_insert(const void *opts, int argc, char **argv)
{
	struct edit edit = { .at = ((const struct options *)opts)->at };
	int err = rule_parse(argv[0], "insert", argc - 1, argv + 1, &edit.rule);

	return err ? err : change(argv[0], "insert", &edit, insert);
}

static int delete (struct fw_ruleset *set, const struct fw_live *live, void *arg)
{
	const struct edit *edit = arg;
	ssize_t at = fw_rule_find(set->rule, set->rules, edit->which);

	(void)live;
	if (at < 0)
		return at;
	fw_ruleset_remove(set, at);
	return 0;
}

int cmd_delete(const void *opts, int argc, char **argv)
{
	struct edit edit = { .which = argv[1] };

	(void)opts;
	(void)argc;
	return change(argv[0], "delete", &edit, delete);
}

static int replace(struct fw_ruleset *set, const struct fw_live *live, void *arg)
{
	struct edit *edit = arg;
	ssize_t at = fw_rule_find(set->rule, set->rules, edit->which);

	(void)live;
	if (at < 0)
		return at;
	fw_ruleset_remove(set, at);
	return fw_ruleset_insert(set, at, &edit->rule);
}

int cmd_replace(const void *opts, int argc, char **argv)
{
	struct edit edit = { .which = argv[1] };
	int err = rule_parse(argv[0], "replace", argc - 2, argv + 2, &edit.rule);

	(void)opts;
	return err ? err : change(argv[0], "replace", &edit, replace);
}

static int flush(struct fw_ruleset *set, const struct fw_live *live, void *arg)
{
	(void)live;
	(void)arg;
	while (set->rules)
		fw_ruleset_remove(set, set->rules - 1);
	return 0;
}

int cmd_flush(const void *opts, int argc, char **argv)
{
	struct edit edit = {};

	(void)opts;
	(void)argc;
	return change(argv[0], "flush", &edit, flush);
}

static int set_default(struct fw_ruleset *set, const struct fw_live *live, void *arg)
{
	(void)live;
	set->fallback = ((const struct edit *)arg)->fallback;
	return 0;
}

int cmd_default(const void *opts, int argc, char **argv)
{
	struct edit edit = {};
	int choice;

	(void)opts;
	(void)argc;
	if (ecbpf_parse_choice("next|pass|drop", argv[1], &choice))
		return ecbpf_report(ECBPF_EXIT_USAGE, argv[0], "default");
	edit.fallback = choice - 1;
	return change(argv[0], "default", &edit, set_default);
}
