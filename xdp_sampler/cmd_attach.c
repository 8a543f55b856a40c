// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* attach, detach */
#include <errno.h>
#include <string.h>

#include "xdp_sampler/commands.h"

static int attach_one(const struct options *opts, struct interface *interface)
{
	struct ecbpf_sampling *sampling = &interface->sampling;

	if (sampler_is_on(&interface->config))
		return ecbpf_fail(-EEXIST, "sampling is on already; `rate` changes it");
	if (opts->one_in != UINT64_MAX)
		sampling->by_default = opts->one_in;
	if (opts->snap_bytes != UINT64_MAX)
		sampling->snap_bytes = opts->snap_bytes;
	if (opts->budget != UINT64_MAX)
		sampling->budget = opts->budget;
	sampler_config_set(&interface->config, sampling);
	return 0;
}

static int detach_one(const struct options *opts, struct interface *interface)
{
	(void)opts;
	if (!sampler_is_on(&interface->config) && !interface->set)
		return ecbpf_fail(-ENOENT, "sampling is off");
	sampler_config_off(&interface->config);
	memset(&interface->sampling, 0, sizeof(interface->sampling));
	interface_store(interface);
	return 0;
}

int cmd_attach(const void *opts, int argc, char **argv)
{
	return interfaces_each(opts, argc, argv, "attach", attach_one);
}

int cmd_detach(const void *opts, int argc, char **argv)
{
	return interfaces_each(opts, argc, argv, "detach", detach_one);
}
