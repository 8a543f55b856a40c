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

static int confirm(struct fw_live *live, enum fw_trial trial)
{
	int err = settle(live);

	if (!err && trial == FW_TRIAL_OVER)
		err = ecbpf_fail(-ETIME, "too late: the rules before are in force again");
	return err;
}

static int rollback(struct fw_live *live, enum fw_trial trial)
{
	int err = trial == FW_TRIAL_RUNNING ? fw_live_previous(live) : 0;

	return err ? err : settle(live);
}

/* end_trial - @how: of a trial that runs, or is over and not tidied up yet */
static int end_trial(const char *ifname, const char *verb,
		     int (*how)(struct fw_live *live, enum fw_trial trial))
{
	enum fw_trial trial;
	struct fw_live live;
	int err = fw_live_open(ifname, FW_TRIAL, &live);

	if (!err) {
		trial = fw_live_trial(&live, NULL);
		err = trial == FW_TRIAL_NONE ? ecbpf_fail(-ENOENT, "no rules are on trial") :
					       how(&live, trial);
	}
	fw_live_close(&live);
	return err ? ecbpf_report(err, ifname, verb) : 0;
}

int cmd_confirm(const void *opts, int argc, char **argv)
{
	(void)opts;
	(void)argc;
	return end_trial(argv[0], "confirm", confirm);
}

int cmd_rollback(const void *opts, int argc, char **argv)
{
	(void)opts;
	(void)argc;
	return end_trial(argv[0], "rollback", rollback);
}
