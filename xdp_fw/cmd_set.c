// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* set IF COMMAND ...: named sets, changed entry by entry while packets are looked up in them */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <json-c/json.h>

#include "libecbpf/cli.h"
#include "libecbpf/ecbpf.h"
#include "xdp_fw/change.h"
#include "xdp_fw/commands.h"
#include "xdp_fw/document.h"

/**
 * struct job - one call
 * @argc, @argv: behind the command's word
 * @now: jiffies >> FW_EXPIRY_SHIFT
 */
struct job {
	const struct options *opts;
	struct fw_live live;
	int argc;
	char **argv;
	uint32_t now;
	unsigned int hz;
};

static int find(struct job *job, const char *name)
{
	int set = fw_set_find(&job->live.pool, name);

	return set < 0 ? ecbpf_fail(set, "no set %s", name) : set;
}

/* create - with counters at zero, which no rule counts in yet */
static int create(struct job *job)
{
	const int counters = fw_set_counters_next(&job->live.pool);
	const uint32_t slot = counters;
	int err = counters < 0 ? counters : fw_live_hits_clear(&job->live, &slot, 1);

	if (!err)
		err = fw_set_create(&job->live.pool, job->argv[0],
				    job->opts->counts ? FW_SET_COUNTS : 0);
	return err < 0 ? err : 0;
}

static bool addrs_use(const struct fw_addrs *addrs, const char *name)
{
	size_t i;

	for (i = 0; i < addrs->sets; i++)
		if (!strcmp(addrs->set[i], name))
			return true;
	return false;
}

static int destroy(struct job *job)
{
	const struct fw_plan *plan = &job->live.plan;
	int set = find(job, job->argv[0]);
	size_t i;

	for (i = 0; set >= 0 && i < plan->count; i++)
		if (addrs_use(&plan->entry[i].rule->src, job->argv[0]) ||
		    addrs_use(&plan->entry[i].rule->dst, job->argv[0]))
			return ecbpf_fail(-EBUSY, "set %s: rules use it", job->argv[0]);
	return set < 0 ? set : fw_set_destroy(&job->live.pool, set);
}

static int replace(struct job *job, const char *name, const struct fw_member *member, size_t count)
{
	struct fw_set_change change;
	int set = find(job, name), err;

	if (set < 0)
		return set;
	err = fw_set_replace(&job->live.pool, set, member, count, &change);
	if (err == -ENOSPC) {
		err = fw_pool_grow(&job->live, count, job->live.pool.tags + count);
		if (!err)
			err = fw_set_replace(&job->live.pool, set, member, count, &change);
	}
	if (!err)
		printf("set %s: %llu added, %llu removed, %llu kept\n", name,
		       (unsigned long long)change.added, (unsigned long long)change.removed,
		       (unsigned long long)change.kept);
	return err;
}

static int flush(struct job *job)
{
	return replace(job, job->argv[0], NULL, 0);
}

static int load(struct job *job)
{
	struct fw_member *member = NULL;
	size_t len, count = 0;
	char *text = NULL;
	int err;

	if (!job->opts->file)
		return ecbpf_fail(-EINVAL, "say which entries: -f FILE");
	err = fw_file_read(job->opts->file, &text, &len);
	if (!err)
		err = fw_set_parse(text, len, job->now, job->hz, &member, &count);
	if (!err)
		err = replace(job, job->argv[0], member, count);
	free(member);
	free(text);
	return err;
}

/* member_parse - PREFIX [tag TEXT] [timeout TIME] */
static int member_parse(const struct job *job, struct fw_member *member)
{
	struct fw_member *parsed = NULL;
	size_t count = 0;
	char *text = words_join(job->argc - 1, job->argv + 1);
	int err;

	if (!text)
		return ecbpf_fail(-ENOMEM, "out of memory");
	err = fw_set_parse(text, strlen(text), job->now, job->hz, &parsed, &count);
	if (!err && count == 1)
		*member = parsed[0];
	else if (!err)
		err = ecbpf_fail(-EINVAL, "not an entry: \"%s\"", text);
	free(parsed);
	free(text);
	return err;
}

static int add(struct job *job)
{
	struct fw_member member;
	int set = find(job, job->argv[0]);
	int err = set < 0 ? set : member_parse(job, &member);

	if (err)
		return err;
	err = fw_set_add(&job->live.pool, set, &member);
	if (err == -ENOSPC) {
		err = fw_pool_grow(&job->live, job->live.pool.capacity, 2 * job->live.pool.tags);
		if (!err)
			err = fw_set_add(&job->live.pool, set, &member);
	}
	return err < 0 ? err : 0;
}

static int prefix_parse(const char *text, struct ecbpf_prefix *prefix)
{
	int err = ecbpf_parse_prefix(text, prefix);

	return err ? ecbpf_fail(err, "not an address or prefix: \"%s\"", text) : 0;
}

static int del(struct job *job)
{
	struct ecbpf_prefix prefix;
	int set = find(job, job->argv[0]);
	int err = set < 0 ? set : prefix_parse(job->argv[1], &prefix);

	if (!err)
		err = fw_set_del(&job->live.pool, set, &prefix);
	return err == -ENOENT && set >= 0 ?
		       ecbpf_fail(err, "set %s has no entry %s", job->argv[0], job->argv[1]) :
		       err;
}

static int test(struct job *job)
{
	struct ecbpf_prefix prefix;
	int set = find(job, job->argv[0]);
	int err = set < 0 ? set : prefix_parse(job->argv[1], &prefix);
	uint64_t sets;

	if (err)
		return err;
	if (prefix.length != (prefix.family == AF_INET ? 32 : 128))
		return ecbpf_fail(-EINVAL, "%s: an address, not a prefix", job->argv[1]);
	sets = fw_set_lookup(&job->live.pool, prefix.family == AF_INET ? 4 : 6, prefix.addr,
			     job->now);
	if (!(sets >> set & 1))
		return ecbpf_fail(-ENOENT, "%s is not in set %s", job->argv[1], job->argv[0]);
	printf("%s is in set %s\n", job->argv[1], job->argv[0]);
	return 0;
}

/* --- list */

static struct json_object *member_json(const struct fw_member *member, const struct job *job,
				       bool counts)
{
	struct json_object *object = json_object_new_object();
	char addr[INET6_ADDRSTRLEN], prefix[INET6_ADDRSTRLEN + 4];

	inet_ntop(member->prefix.family, member->prefix.addr, addr, sizeof(addr));
	snprintf(prefix, sizeof(prefix), "%s/%u", addr, member->prefix.length);
	json_object_object_add(object, "prefix", json_object_new_string(prefix));
	if (member->tag[0])
		json_object_object_add(object, "tag", json_object_new_string(member->tag));
	if (member->expires)
		json_object_object_add(
			object, "timeout_s",
			json_object_new_int64(((int64_t)(int32_t)(member->expires - job->now)
					       << FW_EXPIRY_SHIFT) /
					      job->hz));
	if (counts)
		json_object_object_add(object, "hits", json_object_new_uint64(member->hits));
	return object;
}

static int list_text(const struct job *job, const struct fw_member *member, size_t count,
		     bool counts)
{
	size_t i;

	for (i = 0; i < count; i++) {
		char *text = fw_member_print(&member[i], job->now, job->hz);

		if (!text)
			return ecbpf_fail(-ENOMEM, "out of memory");
		if (counts)
			printf("%s # hits %llu\n", text, (unsigned long long)member[i].hits);
		else
			printf("%s\n", text);
		free(text);
	}
	return 0;
}

static int list_one(struct job *job, int set)
{
	const bool counts = job->live.pool.info[set].flags & FW_SET_COUNTS;
	struct fw_member *member = NULL;
	struct json_object *array;
	size_t count, i;
	int err = fw_set_list(&job->live.pool, set, &member, &count);

	if (!err && !job->opts->common.json)
		err = list_text(job, member, count, counts);
	if (!err && job->opts->common.json) {
		array = json_object_new_array();
		for (i = 0; i < count; i++)
			json_object_array_add(array, member_json(&member[i], job, counts));
		printf("%s\n", json_object_to_json_string(array));
		json_object_put(array);
	}
	free(member);
	return err;
}

static void list_all_json(const struct fw_pool *pool)
{
	struct json_object *array = json_object_new_array(), *object;
	int i;

	for (i = 0; i < FW_SETS_MAX; i++) {
		if (!pool->info[i].name[0])
			continue;
		object = json_object_new_object();
		json_object_object_add(object, "name", json_object_new_string(pool->info[i].name));
		json_object_object_add(object, "entries",
				       json_object_new_int64(pool->info[i].entries));
		json_object_object_add(object, "counts",
				       json_object_new_boolean(pool->info[i].flags &
							       FW_SET_COUNTS));
		json_object_array_add(array, object);
	}
	printf("%s\n", json_object_to_json_string(array));
	json_object_put(array);
}

static int list(struct job *job)
{
	const struct fw_pool *pool = &job->live.pool;
	int i, set;

	if (job->argc == 1) {
		set = find(job, job->argv[0]);
		return set < 0 ? set : list_one(job, set);
	}
	if (job->opts->common.json) {
		list_all_json(pool);
		return 0;
	}
	for (i = 0; i < FW_SETS_MAX; i++)
		if (pool->info[i].name[0])
			printf("%s: %u entries%s\n", pool->info[i].name, pool->info[i].entries,
			       pool->info[i].flags & FW_SET_COUNTS ? ", counts" : "");
	return 0;
}

static const struct {
	const char *name;
	int min, max;
	enum fw_purpose purpose;
	int (*run)(struct job *job);
} words[] = {
	{ "create", 1, 1, FW_ENTRIES, create }, { "destroy", 1, 1, FW_ENTRIES, destroy },
	{ "flush", 1, 1, FW_ENTRIES, flush },	{ "load", 1, 1, FW_ENTRIES, load },
	{ "list", 0, 1, FW_READ, list },	{ "add", 2, 6, FW_ENTRIES, add },
	{ "del", 2, 2, FW_ENTRIES, del },	{ "test", 2, 2, FW_READ, test },
};

static int run(const char *ifname, struct job *job, size_t word)
{
	uint64_t jiffies;
	int err = ecbpf_jiffies(&jiffies);

	job->hz = ecbpf_hz();
	job->now = jiffies >> FW_EXPIRY_SHIFT;
	if (err)
		return err;
	err = fw_live_open(ifname, words[word].purpose, &job->live);
	/* what has expired goes when somebody changes something: room for the new */
	if (!err && words[word].purpose == FW_ENTRIES)
		fw_set_expire(&job->live.pool, job->now);
	if (!err)
		err = words[word].run(job);
	fw_live_close(&job->live);
	return err;
}

int cmd_set(const void *opts, int argc, char **argv)
{
	struct job job = { .opts = opts, .argc = argc - 2, .argv = argv + 2 };
	size_t i;
	int err;

	for (i = 0; i < sizeof(words) / sizeof(*words); i++) {
		if (strcmp(words[i].name, argv[1]) || job.argc < words[i].min ||
		    job.argc > words[i].max)
			continue;
		err = run(argv[0], &job, i);
		return err ? ecbpf_report(err, argv[0], "set") : 0;
	}
	ecbpf_fail(-EINVAL, "it is create|destroy|flush|load NAME, list [NAME], add NAME PREFIX "
			    "[tag TEXT] [timeout TIME], del NAME PREFIX, test NAME ADDRESS");
	return ecbpf_report(ECBPF_EXIT_USAGE, argv[0], "set");
}
