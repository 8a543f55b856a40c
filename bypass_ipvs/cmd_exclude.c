// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* exclude add|del|list */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "bypass_ipvs/commands.h"
#include "bypass_ipvs/excludes.h"
#include "libecbpf/ecbpf.h"
#include "libecbpf/json.h"

/** struct job - one call: what is excluded, and what the command names */
struct job {
	const struct bypass_opts *opts;
	struct live live;
	struct excludes have;
	struct excludes named;
};

static int add(struct job *job)
{
	struct excludes want = {};
	int err = excludes_add(&want, &job->have);

	if (!err)
		err = excludes_add(&want, &job->named);
	if (!err)
		err = excludes_store(&job->live, &job->have, &want);
	/* flows that go there are not confirmed any more */
	if (!err)
		live_invalidate(&job->live, -1);
	excludes_free(&want);
	return err;
}

static int del(struct job *job)
{
	struct excludes want = {};
	int err = excludes_add(&want, &job->have);

	if (!err)
		err = excludes_remove(&want, &job->named);
	if (!err)
		err = excludes_store(&job->live, &job->have, &want);
	excludes_free(&want);
	return err;
}

static int list(struct job *job)
{
	const bool json = job->opts->common.json;
	struct json_object *array = json ? json_object_new_array() : NULL;
	char text[EXCLUDES_TEXT];
	size_t i;

	for (i = 0; i < job->have.count; i++) {
		excludes_prefix_text(&job->have.prefix[i], text);
		if (json)
			json_object_array_add(array, json_object_new_string(text));
		else
			puts(text);
	}
	if (json)
		ecbpf_json_print(array);
	return 0;
}

static const struct word {
	const char *name;
	bool change;
	int (*run)(struct job *job);
} words[] = {
	{ "add", true, add },
	{ "del", true, del },
	{ "list", false, list },
};

static const struct word *word_find(int argc, char **argv)
{
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (!strcmp(words[i].name, argv[0]) && (argc > 1) == words[i].change)
			return &words[i];
	return NULL;
}

int cmd_exclude(const void *opts, int argc, char **argv)
{
	const struct word *word = word_find(argc, argv);
	struct job job = { .opts = opts };
	int err;

	if (!word) {
		ecbpf_fail(-EINVAL, "it is add PREFIX..., del PREFIX..., list");
		return ecbpf_report(ECBPF_EXIT_USAGE, "bypass", "exclude");
	}
	err = excludes_parse(argc - 1, argv + 1, &job.named);
	if (err) {
		excludes_free(&job.named);
		return ecbpf_report(ECBPF_EXIT_USAGE, "bypass", "exclude");
	}
	err = live_open(&job.live, word->change);
	if (!err)
		err = excludes_read(&job.live, &job.have);
	if (!err)
		err = word->run(&job);
	excludes_free(&job.have);
	excludes_free(&job.named);
	live_close(&job.live);
	return err ? ecbpf_report(err, "bypass", "exclude") : 0;
}
