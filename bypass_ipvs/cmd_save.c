// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* save, restore */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bypass_ipvs/commands.h"
#include "bypass_ipvs/document.h"
#include "bypass_ipvs/params.h"
#include "bypass_ipvs/services.h"
#include "libecbpf/ecbpf.h"

/* --- what is there */

/* by_hand - services of service_map that a command has added */
static int by_hand(const struct live *live, struct document *doc)
{
	struct service_table table = {};
	size_t i;
	int err = services_read(live, &table);

	if (!err) {
		doc->service = malloc((table.count + 1) * sizeof(*doc->service));
		err = doc->service ? 0 : ecbpf_fail(-ENOMEM, "out of memory");
	}
	for (i = 0; !err && i < table.count; i++)
		if (table.entry[i].value.flags & BYPASS_BY_HAND)
			doc->service[doc->services++] = table.entry[i].key;
	service_table_free(&table);
	return err;
}

static int gather(const struct live *live, struct document *doc)
{
	int err;

	memset(doc, 0, sizeof(*doc));
	doc->params = *live_params(live);
	err = excludes_read(live, &doc->excludes);
	return err ? err : by_hand(live, doc);
}

int cmd_save(const void *opts, int argc, char **argv)
{
	struct document doc = {};
	struct live live;
	int err = live_open(&live, true); /* nobody is in the middle of a change */

	(void)opts;
	(void)argc;
	(void)argv;
	if (!err)
		err = gather(&live, &doc);
	if (!err)
		document_write(stdout, &doc);
	document_free(&doc);
	live_close(&live);
	return err ? ecbpf_report(err, "bypass", "save") : 0;
}

/* --- what there shall be */

/** struct keys - of services */
struct keys {
	struct bypass_service_key *key;
	size_t count;
};

static bool has_service(const struct document *doc, const struct bypass_service_key *key)
{
	size_t low = 0, high = doc->services, middle;

	while (low < high) {
		middle = (low + high) / 2;
		if (ipvs_key_compare(&doc->service[middle], key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low < doc->services && !ipvs_key_compare(&doc->service[low], key);
}

/* only_in - services of one document that another has not; free(keys->key) */
static int only_in(const struct document *one, const struct document *other, struct keys *keys)
{
	size_t i;

	keys->count = 0;
	keys->key = malloc((one->services + 1) * sizeof(*keys->key));
	if (!keys->key)
		return ecbpf_fail(-ENOMEM, "out of memory");
	for (i = 0; i < one->services; i++)
		if (!has_service(other, &one->service[i]))
			keys->key[keys->count++] = one->service[i];
	return 0;
}

/* services_gone - no longer by hand; what the kernel has stays */
static int services_gone(struct live *live, const struct keys *keys)
{
	struct ipvs_config kernel = {};
	struct ipvs *ipvs = NULL;
	int err;

	if (!keys->count)
		return 0;
	err = ipvs_open(&ipvs);
	if (!err)
		err = ipvs_read(ipvs, &kernel);
	ipvs_close(ipvs);
	if (!err || err == -ENOENT) /* without IPVS the kernel has none */
		err = services_del(live, err ? NULL : &kernel, keys->key, keys->count);
	ipvs_free(&kernel);
	return err;
}

static int services_store(struct live *live, const struct document *have,
			  const struct document *want)
{
	struct keys add = {}, del = {};
	int err = only_in(want, have, &add);

	if (!err)
		err = only_in(have, want, &del);
	if (!err && add.count)
		err = services_add(live, add.key, add.count);
	if (!err) {
		err = services_gone(live, &del);
		if (err && add.count)
			services_gone(live, &add);
	}
	free(add.key);
	free(del.key);
	return err;
}

static bool is_new(const struct excludes *have, const struct excludes *want)
{
	return want->count &&
	       (have->count != want->count ||
		memcmp(have->prefix, want->prefix, want->count * sizeof(*want->prefix)));
}

/* apply - what can fail comes first, and is undone; nothing fails when parameters are switched */
static int apply(struct live *live, const struct document *have, const struct document *want)
{
	int err = excludes_store(live, &have->excludes, &want->excludes);

	if (err)
		return err;
	err = services_store(live, have, want);
	if (err) {
		excludes_store(live, &want->excludes, &have->excludes);
		return err;
	}
	params_store(live->settings, &want->params);
	/* flows to what is excluded now are not confirmed any more */
	if (is_new(&have->excludes, &want->excludes))
		live_invalidate(live, -1);
	return 0;
}

int cmd_restore(const void *opts, int argc, char **argv)
{
	struct document have = {}, want;
	struct live live;
	int err = document_read(stdin, &want);

	(void)opts;
	(void)argc;
	(void)argv;
	if (err)
		return ecbpf_report(err, "bypass", "restore");
	err = live_open(&live, true);
	if (!err)
		err = gather(&live, &have);
	if (!err)
		err = apply(&live, &have, &want);
	document_free(&have);
	document_free(&want);
	live_close(&live);
	return err ? ecbpf_report(err, "bypass", "restore") : 0;
}
