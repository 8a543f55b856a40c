// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* save, restore */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "xdp_lb/change.h"
#include "xdp_lb/commands.h"
#include "xdp_lb/document.h"

static int print(const struct lb_opts *opts, const struct lb_config *config, const char *operand)
{
	char *text = lb_document_print(config);

	(void)opts;
	(void)operand;
	if (!text)
		return ecbpf_fail(-ENOMEM, "out of memory");
	fputs(text, stdout);
	free(text);
	return 0;
}

int cmd_save(const void *opts, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return cmd_list(opts, "save", print, NULL);
}

int cmd_restore(const void *opts, int argc, char **argv)
{
	struct lb_config config = {};
	int err = lb_change_read("-", &config);

	(void)opts;
	(void)argc;
	(void)argv;
	if (!err)
		err = lb_change(lb_change_replace, &config);
	lb_config_free(&config);
	return err ? ecbpf_report(err, "balancer", "restore") : 0;
}
