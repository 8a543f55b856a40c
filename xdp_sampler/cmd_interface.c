// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* What the commands do alike with an interface. */
#include <string.h>

#include "xdp_sampler/commands.h"
#include "xdp_sampler/rates.h"

int interface_open(const char *ifname, struct interface *interface)
{
	static const struct ecbpf_sampling untouched;
	int err;

	memset(interface, 0, sizeof(*interface));
	err = ecbpf_root_open_running(ifname, &interface->root);
	if (!err)
		err = sampler_config_map(interface->root, &interface->config);
	if (err)
		return err;
	sampler_config_get(&interface->config, &interface->sampling);
	interface->set = memcmp(&interface->sampling, &untouched, sizeof(untouched));
	rates_complete(&interface->sampling);
	return 0;
}

void interface_close(struct interface *interface)
{
	sampler_config_unmap(&interface->config);
	ecbpf_root_close(interface->root);
	interface->root = NULL;
}

void interface_store(struct interface *interface)
{
	if (sampler_is_on(&interface->config))
		sampler_config_set(&interface->config, &interface->sampling);
	else
		memcpy((void *)interface->config.sampling, &interface->sampling,
		       sizeof(interface->sampling));
}

int interfaces_each(const struct options *opts, int argc, char **argv, const char *verb,
		    int (*one)(const struct options *opts, struct interface *interface))
{
	struct interface interface;
	struct ecbpf_iflist list;
	int err, first = 0;
	size_t i;

	if (ecbpf_iflist_args(&list, argc, argv))
		return ecbpf_report(ECBPF_EXIT_USAGE, verb, "interfaces");
	for (i = 0; i < list.count; i++) {
		err = interface_open(list.name[i], &interface);
		if (!err)
			err = one(opts, &interface);
		interface_close(&interface);
		if (err)
			ecbpf_report(err, list.name[i], verb);
		if (!first)
			first = err;
	}
	ecbpf_iflist_free(&list);
	return first;
}
