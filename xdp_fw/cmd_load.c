// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* load, confirm, rollback */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "libecbpf/cli.h"
#include "libecbpf/ecbpf.h"
#include "xdp_fw/change.h"
#include "xdp_fw/commands.h"
#include "xdp_fw/edit.h"
#include "xdp_fw/load.h"

#define NS_PER_S 1000000000ULL

static int check_only(struct fw_live *live, const struct fw_document *doc)
{
	/* sets of the document need not be there yet: their names are enough */
	int err = fw_replace_check(live, doc);

	if (!err)
		printf("%zu rules would load\n", doc->rules.rules);
	return err;
}

static int load_live(struct fw_live *live, const struct options *o, const struct fw_document *doc)
{
	const unsigned int trial_s = (o->confirm_ns + NS_PER_S - 1) / NS_PER_S;
	const char *ifname = ecbpf_root_ifname(live->root);
	struct fw_loaded loaded;
	int err;

	if (o->check)
		return check_only(live, doc);
	err = fw_replace_all(live, doc, trial_s, &loaded);
	if (!err && trial_s)
		printf("%s: the rules before come back in %u s, unless: xdp_fw confirm %s\n",
		       ifname, trial_s, ifname);
	return err;
}

int cmd_load(const void *opts, int argc, char **argv)
{
	const struct options *o = opts;
	struct fw_document doc = {};
	struct fw_live live;
	int err;

	(void)argc;
	if (!o->file) {
		ecbpf_fail(-EINVAL, "say which rules: -f FILE");
		return ecbpf_report(ECBPF_EXIT_USAGE, argv[0], "load");
	}
	err = fw_document_read(o->file, &doc);
	if (err)
		return ecbpf_report(err, argv[0], o->file);
	err = fw_live_open(argv[0], o->check ? FW_READ : FW_CHANGE, &live);
	if (!err)
		err = fw_protects_keep(&doc.rules, &live.set);
	if (!err)
		err = load_live(&live, o, &doc);
	fw_live_close(&live);
	fw_document_free(&doc);
	return err ? ecbpf_report(err, argv[0], "load") : 0;
}

/* settle - the rules that @live has, without a trial */
static int settle(struct fw_live *live)
{
	const struct fw_load load = { .set = &live->set, .maps = &live->maps, .before = live };
	int err = fw_load_slot(live->root, live->slot, &load, NULL);

	return err < 0 ? err : 0;
}

int cmd_confirm(const void *opts, int argc, char **argv)
{
	struct fw_live live;
	int err = fw_live_open(argv[0], FW_TRIAL, &live);

	(void)opts;
	(void)argc;
	if (!err) {
		switch (fw_live_trial(&live, NULL)) {
		case FW_TRIAL_RUNNING:
			err = settle(&live);
			break;
		case FW_TRIAL_OVER:
			settle(&live);
			err = ecbpf_fail(-ETIME, "too late: the rules before are in force again");
			break;
		default:
			err = ecbpf_fail(-ENOENT, "no rules are on trial");
		}
	}
	fw_live_close(&live);
	return err ? ecbpf_report(err, argv[0], "confirm") : 0;
}

int cmd_rollback(const void *opts, int argc, char **argv)
{
	struct fw_live live;
	int err = fw_live_open(argv[0], FW_TRIAL, &live);

	(void)opts;
	(void)argc;
	if (!err) {
		switch (fw_live_trial(&live, NULL)) {
		case FW_TRIAL_RUNNING:
			err = fw_live_previous(&live);
			/* fallthrough */
		case FW_TRIAL_OVER:
			if (!err)
				err = settle(&live);
			break;
		default:
			err = ecbpf_fail(-ENOENT, "no rules are on trial");
		}
	}
	fw_live_close(&live);
	return err ? ecbpf_report(err, argv[0], "rollback") : 0;
}
