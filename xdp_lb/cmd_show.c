// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* show */
#include <stdio.h>
#include <stdlib.h>

#include "libecbpf/json.h"
#include "xdp_lb/commands.h"
#include "xdp_lb/counts.h"

static int show(const struct lb_opts *opts, struct lb_counts_all *all)
{
	const struct lb_show_source source = lb_counts_source(all);
	struct json_object *json;
	char *text = NULL;
	int err;

	if (opts->common.json) {
		err = lb_show_json(&all->config, &source, &json);
		if (!err)
			ecbpf_json_print(json);
		return err;
	}
	err = lb_show_text(&all->config, &source,
			   opts->numbers ? LB_SHOW_STATS : LB_SHOW_CONNECTIONS, &text);
	if (!err)
		fputs(text, stdout);
	free(text);
	return err;
}

int cmd_show(const void *opts, int argc, char **argv)
{
	struct lb_counts_all all;
	int err = lb_counts_gather(&all);

	(void)argc;
	(void)argv;
	if (!err)
		err = show(opts, &all);
	lb_counts_free(&all);
	return err ? ecbpf_report(err, "balancer", "show") : 0;
}
