// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* save, restore */
#include <stdio.h>

#include "xdp_sampler/commands.h"
#include "xdp_sampler/rates.h"

int cmd_save(const void *opts, int argc, char **argv)
{
	struct interface interface;
	int err = interface_open(argv[0], &interface);

	(void)opts;
	(void)argc;
	if (!err)
		rates_write(stdout, &interface.sampling);
	interface_close(&interface);
	return err ? ecbpf_report(err, argv[0], "save") : 0;
}

int cmd_restore(const void *opts, int argc, char **argv)
{
	struct interface interface;
	int err = interface_open(argv[0], &interface);

	(void)opts;
	(void)argc;
	if (!err)
		err = rates_read(stdin, &interface.sampling);
	if (!err)
		interface_store(&interface);
	interface_close(&interface);
	return err ? ecbpf_report(err, argv[0], "restore") : 0;
}
