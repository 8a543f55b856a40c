// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* import FILE: what ipvsadm --save has written, as save would write it; or at once */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "xdp_lb/change.h"
#include "xdp_lb/commands.h"
#include "xdp_lb/document.h"
#include "xdp_lb/import.h"

static int print(const struct lb_config *config)
{
	char *text = lb_document_print(config);

	if (!text)
		return ecbpf_fail(-ENOMEM, "out of memory");
	fputs(text, stdout);
	free(text);
	return 0;
}

int cmd_import(const void *arg, int argc, char **argv)
{
	const struct lb_opts *opts = arg;
	struct lb_config config = {};
	char *text = NULL, *notes = NULL;
	size_t len;
	int err = lb_change_text(argv[0], &text, &len);

	(void)argc;
	if (!err)
		err = lb_import(text, len, &config, &notes);
	if (!err)
		err = opts->apply ? lb_change(lb_change_replace, &config) : print(&config);
	if (!err && notes)
		fputs(notes, stderr);
	free(notes);
	free(text);
	lb_config_free(&config);
	return err ? ecbpf_report(err, argv[0], "import") : 0;
}
