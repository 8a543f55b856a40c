// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* save, restore */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libecbpf/ecbpf.h"
#include "xdp_fw/change.h"
#include "xdp_fw/commands.h"
#include "xdp_fw/document.h"
#include "xdp_fw/load.h"

/* --- save */

static int by_name(const void *a, const void *b)
{
	const struct fw_document_set *one = a, *other = b;

	return strcmp(one->name, other->name);
}

/* drop_expired - what is no member any more must not become one again */
static void drop_expired(struct fw_document_set *set, uint32_t now)
{
	size_t i, kept = 0;

	for (i = 0; i < set->count; i++)
		if (!set->member[i].expires || set->member[i].expires > now)
			set->member[kept++] = set->member[i];
	set->count = kept;
}

/* sets_of - with all that is in them, by name: the order is the same wherever they are restored */
static int sets_of(const struct fw_pool *pool, uint32_t now, struct fw_document *doc)
{
	struct fw_document_set *set;
	int i, err = 0;

	doc->set = calloc(FW_SETS_MAX, sizeof(*doc->set));
	if (!doc->set)
		return ecbpf_fail(-ENOMEM, "out of memory");
	for (i = 0; !err && i < FW_SETS_MAX; i++) {
		if (!pool->info[i].name[0])
			continue;
		set = &doc->set[doc->sets++];
		memcpy(set->name, pool->info[i].name, FW_SET_NAME_MAX);
		set->flags = pool->info[i].flags;
		err = fw_set_list(pool, i, &set->member, &set->count);
		drop_expired(set, now);
	}
	qsort(doc->set, doc->sets, sizeof(*doc->set), by_name);
	return err;
}

static int print_live(const struct fw_live *live, struct fw_document *doc)
{
	uint64_t now;
	char *text;
	int err = ecbpf_jiffies(&now);

	if (!err)
		err = sets_of(&live->pool, now >> FW_EXPIRY_SHIFT, doc);
	if (err)
		return err;
	text = fw_document_print(doc, now >> FW_EXPIRY_SHIFT, ecbpf_hz());
	if (!text)
		return ecbpf_fail(-ENOMEM, "out of memory");
	fputs(text, stdout);
	free(text);
	return 0;
}

int cmd_save(const void *opts, int argc, char **argv)
{
	struct fw_document doc = {};
	struct fw_live live;
	int err = fw_live_open(argv[0], FW_READ, &live);

	(void)opts;
	(void)argc;
	doc.rules = live.set;
	if (!err)
		err = print_live(&live, &doc);
	doc.rules = (struct fw_ruleset){}; /* was only lent */
	fw_document_free(&doc);
	fw_live_close(&live);
	return err ? ecbpf_report(err, argv[0], "save") : 0;
}

/* --- restore */

/* complete - do the rules name no sets but those of the text? What else there is will go */
static int complete(const struct fw_document *doc)
{
	struct fw_pool pool = { .info = calloc(FW_SETS_MAX, sizeof(*pool.info)) };
	size_t i;
	int err = 0;

	if (!pool.info)
		return ecbpf_fail(-ENOMEM, "out of memory");
	for (i = 0; err >= 0 && i < doc->sets; i++)
		err = fw_set_create(&pool, doc->set[i].name, doc->set[i].flags);
	if (err >= 0)
		err = fw_load_check(&doc->rules, &pool);
	free(pool.info);
	return err;
}

static bool has_set(const struct fw_document *doc, const char *name)
{
	size_t i;

	for (i = 0; i < doc->sets; i++)
		if (!strcmp(doc->set[i].name, name))
			return true;
	return false;
}

/* destroy_others - sets that the text does not have; no rule uses them any more */
static int destroy_others(const char *ifname, const struct fw_document *doc)
{
	struct fw_live live;
	int i, err = fw_live_open(ifname, FW_READ, &live); /* our caller has the lock */

	for (i = 0; !err && i < FW_SETS_MAX; i++)
		if (live.pool.info[i].name[0] && !has_set(doc, live.pool.info[i].name))
			err = fw_set_destroy(&live.pool, i);
	fw_live_close(&live);
	return err;
}

int cmd_restore(const void *opts, int argc, char **argv)
{
	struct fw_document doc = {};
	struct fw_live live;
	int err = fw_document_read("-", &doc);

	(void)opts;
	(void)argc;
	if (!err)
		err = complete(&doc);
	if (!err) {
		err = fw_live_open(argv[0], FW_CHANGE, &live);
		if (!err)
			err = fw_replace_all(&live, &doc, 0, NULL);
		if (!err)
			err = destroy_others(argv[0], &doc);
		fw_live_close(&live);
	}
	fw_document_free(&doc);
	return err ? ecbpf_report(err, argv[0], "restore") : 0;
}
