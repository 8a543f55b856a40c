// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* protect, hygiene: what acts before the rules */
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

static int change(const char *ifname, const char *verb, void *arg,
		  int (*run)(struct fw_ruleset *, const struct fw_live *, void *))
{
	const struct fw_change wanted = { .edit = run, .arg = arg };
	int err = fw_change(ifname, &wanted, NULL);

	return err ? ecbpf_report(err, ifname, verb) : 0;
}

/* --- protect */

static int protect_parse(int argc, char **argv, struct fw_ruleset *set)
{
	char *words = words_join(argc, argv), *text = NULL;
	int err = -ENOMEM;

	if (words && asprintf(&text, "protect %s", words) > 0)
		err = fw_parse(text, strlen(text), set);
	else
		ecbpf_fail(err, "out of memory");
	free(text);
	free(words);
	return err;
}

static int protect_add(struct fw_ruleset *set, const struct fw_live *live, void *arg)
{
	struct fw_ruleset *more = arg;

	(void)live;
	return fw_protect_insert(set, &more->protect[0]);
}

static int protect_del(struct fw_ruleset *set, const struct fw_live *live, void *arg)
{
	ssize_t at = fw_rule_find(set->protect, set->protects, arg);

	(void)live;
	if (at < 0)
		return at;
	fw_protect_remove(set, at);
	return 0;
}

static int protect_list(const char *ifname)
{
	struct fw_live live;
	int err = fw_live_open(ifname, FW_READ, &live);
	size_t i;

	for (i = 0; !err && i < live.set.protects; i++) {
		char *text = fw_rule_print(&live.set.protect[i]);

		printf("%s\n", text ? text : "");
		free(text);
	}
	fw_live_close(&live);
	return err ? ecbpf_report(err, ifname, "protect") : 0;
}

int cmd_protect(const void *opts, int argc, char **argv)
{
	struct fw_ruleset more = {};
	int err;

	(void)opts;
	if (argc == 2 && !strcmp(argv[1], "list"))
		return protect_list(argv[0]);
	if (argc == 3 && !strcmp(argv[1], "del"))
		return change(argv[0], "protect", argv[2], protect_del);
	if (argc < 3 || strcmp(argv[1], "add")) {
		ecbpf_fail(-EINVAL, "it is list, add SELECTORS, or del N|NAME");
		return ecbpf_report(ECBPF_EXIT_USAGE, argv[0], "protect");
	}
	err = protect_parse(argc - 2, argv + 2, &more);
	if (err)
		return ecbpf_report(err, argv[0], "protect");
	err = change(argv[0], "protect", &more, protect_add);
	fw_ruleset_free(&more);
	return err;
}

/* --- hygiene */

/**
 * struct toggle - a switch
 * @name: of the language
 * @ptb_pps: of fragments
 */
struct toggle {
	const char *name;
	bool on;
	uint64_t ptb_pps;
};

static bool *switch_of(struct fw_hygiene *hygiene, const char *name)
{
	if (!strcmp(name, "fragments"))
		return &hygiene->fragments;
	if (!strcmp(name, "options"))
		return &hygiene->options;
	if (!strcmp(name, "malformed"))
		return &hygiene->malformed;
	return strcmp(name, "local") ? NULL : &hygiene->local;
}

static int toggle(struct fw_ruleset *set, const struct fw_live *live, void *arg)
{
	const struct toggle *toggle = arg;
	bool *which = switch_of(&set->hygiene, toggle->name);

	(void)live;
	*which = toggle->on;
	if (which == &set->hygiene.fragments)
		set->hygiene.ptb_pps = toggle->on ? toggle->ptb_pps : 0;
	return 0;
}

static int toggle_parse(int argc, char **argv, struct toggle *toggle)
{
	struct fw_hygiene none;

	*toggle = (struct toggle){ .name = argv[2], .on = !strcmp(argv[1], "on") };
	if (!toggle->on && strcmp(argv[1], "off"))
		return ecbpf_fail(-EINVAL, "it is on or off");
	if (!switch_of(&none, toggle->name))
		return ecbpf_fail(-EINVAL, "%s: it is fragments, options, malformed or local",
				  toggle->name);
	if (argc == 3)
		return 0;
	if (argc != 5 || strcmp(argv[3], "ptb") || strcmp(toggle->name, "fragments") || !toggle->on)
		return ecbpf_fail(-EINVAL, "only `on fragments` takes more: ptb N");
	return ecbpf_parse_number(argv[4], 0, 1000000, &toggle->ptb_pps);
}

int cmd_hygiene(const void *opts, int argc, char **argv)
{
	struct toggle wanted;

	(void)opts;
	if (toggle_parse(argc, argv, &wanted))
		return ecbpf_report(ECBPF_EXIT_USAGE, argv[0], "hygiene");
	return change(argv[0], "hygiene", &wanted, toggle);
}
