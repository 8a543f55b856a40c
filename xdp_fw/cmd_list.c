// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "libecbpf/ecbpf.h"
#include "libecbpf/json.h"
#include "xdp_fw/commands.h"
#include "xdp_fw/rule_json.h"

static void list_json(const char *ifname, const struct fw_ruleset *set)
{
	struct json_object *json = json_object_new_object();

	ecbpf_json_text(json, "interface", ifname);
	ecbpf_json_text(json, "default", fw_default_name(set->fallback));
	json_object_object_add(json, "hygiene", fw_hygiene_json(&set->hygiene));
	json_object_object_add(json, "protect", fw_rules_json(set->protect, set->protects));
	json_object_object_add(json, "rules", fw_rules_json(set->rule, set->rules));
	ecbpf_json_print(json);
}

static int list_text(const struct fw_ruleset *set)
{
	char *text = fw_ruleset_print(set);

	if (!text)
		return ecbpf_fail(-ENOMEM, "out of memory");
	fputs(text, stdout);
	free(text);
	return 0;
}

int cmd_list(const void *arg, int argc, char **argv)
{
	const struct options *opts = arg;
	struct fw_live live;
	int err = fw_live_open(argv[0], FW_READ, &live);

	(void)argc;
	if (!err && opts->common.json)
		list_json(argv[0], &live.set);
	else if (!err)
		err = list_text(&live.set);
	fw_live_close(&live);
	return err ? ecbpf_report(err, argv[0], "list") : 0;
}
