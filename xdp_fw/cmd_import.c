// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "libecbpf/ecbpf.h"
#include "xdp_fw/commands.h"
#include "xdp_fw/document.h"

int cmd_import(const void *arg, int argc, char **argv)
{
	const struct options *opts = arg;
	struct fw_ruleset set = {};
	char *text = NULL, *rules = NULL;
	size_t len;
	int err = fw_file_read(argv[0], &text, &len);

	(void)argc;
	if (!err)
		err = fw_import(text, len, opts->ipv6 ? 6 : 4, &set);
	if (!err) {
		rules = fw_ruleset_print(&set);
		err = rules ? 0 : ecbpf_fail(-ENOMEM, "out of memory");
	}
	if (!err)
		fputs(rules, stdout);
	free(rules);
	fw_ruleset_free(&set);
	free(text);
	return err ? ecbpf_report(err, argv[0], "import") : 0;
}
