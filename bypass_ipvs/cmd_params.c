// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* params */
#include <errno.h>
#include <stdio.h>

#include "bypass_ipvs/commands.h"
#include "bypass_ipvs/live.h"
#include "bypass_ipvs/params.h"
#include "libecbpf/ecbpf.h"
#include "libecbpf/json.h"

static void show(const struct bypass_opts *opts, const struct bypass_params *params)
{
	if (opts->common.json)
		ecbpf_json_print(params_json(params));
	else
		params_text(stdout, params);
}

int cmd_params(const void *arg, int argc, char **argv)
{
	const struct bypass_opts *opts = arg;
	struct bypass_params params;
	struct live live;
	int err = live_open(&live, argc > 0);

	if (!err)
		params = *live_params(&live);
	/* words that nobody can mean are usage */
	if (!err && argc && params_parse(argc, argv, &params))
		err = ECBPF_EXIT_USAGE;
	if (!err && argc)
		params_store(live.settings, &params);
	else if (!err)
		show(opts, &params);
	live_close(&live);
	return err ? ecbpf_report(err, "bypass", "params") : 0;
}
