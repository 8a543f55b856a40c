// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* The backends of a VIP, and its source prefixes. */
#include <errno.h>
#include <string.h>

#include "xdp_lb/config_parts.h"
#include "xdp_lb/list.h"
#include "xdp_lb/text.h"

void lb_backend_init(struct lb_backend *backend, const struct lb_endpoint *endpoint)
{
	*backend = (struct lb_backend){
		.endpoint = *endpoint,
		.weight = 1,
		.state = LB_ACTIVE,
		.monitor = LB_ACTIVE,
	};
}

/* backend_at - whether the VIP has it, and where it is or goes; says what was not expected */
static int backend_at(const struct lb_vip *vip, const struct lb_endpoint *endpoint, bool expected,
		      size_t *at)
{
	char name[LB_TEXT_SIZE], service[LB_TEXT_SIZE];

	if (lb_list_find(vip->backend, vip->backends, sizeof(*vip->backend), endpoint,
			 lb_compare_backends, at) == expected)
		return 0;
	lb_endpoint_text(endpoint, name);
	lb_service_text(&vip->service, service);
	return expected ? ecbpf_fail(-ENOENT, "%s has no backend %s", service, name) :
			  ecbpf_fail(-EEXIST, "%s has the backend %s", service, name);
}

static int backend_room(const struct lb_config *config, const struct lb_vip *vip)
{
	if (config->backends >= LB_BACKENDS_MAX)
		return ecbpf_fail(-E2BIG, "more than %d backends in all", LB_BACKENDS_MAX);
	return lb_table_check(vip, vip->backends + 1);
}

int lb_backend_add(struct lb_config *config, const struct lb_service *service,
		   const struct lb_backend *backend)
{
	struct lb_vip *vip = lb_vip_at(config, service);
	void *grown;
	size_t at;
	int err;

	if (!vip)
		return -ENOENT;
	err = backend_at(vip, &backend->endpoint, false, &at);
	if (!err)
		err = backend_room(config, vip);
	if (!err)
		err = lb_backend_check(vip, backend);
	if (!err)
		err = lb_server_id_unique(vip, backend);
	if (err)
		return err;
	grown = lb_list_insert(vip->backend, vip->backends, sizeof(*backend), at, backend);
	if (!grown)
		return ecbpf_fail(-ENOMEM, "out of memory");
	vip->backend = grown;
	vip->backends++;
	config->backends++;
	return 0;
}

int lb_backend_set(struct lb_config *config, const struct lb_service *service,
		   const struct lb_backend *backend)
{
	struct lb_vip *vip = lb_vip_at(config, service);
	size_t at;
	int err;

	if (!vip)
		return -ENOENT;
	err = backend_at(vip, &backend->endpoint, true, &at);
	if (!err)
		err = lb_backend_check(vip, backend);
	if (!err)
		err = lb_server_id_unique(vip, backend);
	if (!err)
		vip->backend[at] = *backend;
	return err;
}

int lb_backend_del(struct lb_config *config, const struct lb_service *service,
		   const struct lb_endpoint *endpoint)
{
	struct lb_vip *vip = lb_vip_at(config, service);
	char name[LB_TEXT_SIZE], prefix[LB_TEXT_SIZE];
	size_t at, i;
	int err;

	if (!vip)
		return -ENOENT;
	err = backend_at(vip, endpoint, true, &at);
	for (i = 0; !err && i < vip->sources; i++)
		if (!lb_endpoint_compare(&vip->source[i].backend, endpoint))
			err = ecbpf_fail(-EBUSY,
					 "%s: the source prefix %s goes there: delete it first",
					 lb_endpoint_text(endpoint, name),
					 lb_prefix_text(&vip->source[i].prefix, prefix));
	if (err)
		return err;
	lb_list_remove(vip->backend, vip->backends--, sizeof(*vip->backend), at);
	config->backends--;
	return 0;
}

int lb_source_add(struct lb_config *config, const struct lb_service *service,
		  const struct lb_source *source)
{
	struct lb_vip *vip = lb_vip_at(config, service);
	char name[LB_TEXT_SIZE];
	void *grown;
	size_t at;
	int err;

	if (!vip)
		return -ENOENT;
	if (lb_list_find(vip->source, vip->sources, sizeof(*source), source, lb_compare_sources,
			 &at))
		return ecbpf_fail(-EEXIST, "the source prefix %s exists",
				  lb_prefix_text(&source->prefix, name));
	if (config->sources >= LB_SOURCES_MAX)
		return ecbpf_fail(-E2BIG, "more than %d source prefixes in all", LB_SOURCES_MAX);
	err = lb_source_check(vip, source);
	if (err)
		return err;
	grown = lb_list_insert(vip->source, vip->sources, sizeof(*source), at, source);
	if (!grown)
		return ecbpf_fail(-ENOMEM, "out of memory");
	vip->source = grown;
	vip->sources++;
	config->sources++;
	return 0;
}

int lb_source_del(struct lb_config *config, const struct lb_service *service,
		  const struct ecbpf_prefix *prefix)
{
	struct lb_vip *vip = lb_vip_at(config, service);
	char name[LB_TEXT_SIZE];
	size_t at;

	if (!vip)
		return -ENOENT;
	if (!lb_list_find(vip->source, vip->sources, sizeof(*vip->source), prefix,
			  lb_compare_sources, &at))
		return ecbpf_fail(-ENOENT, "there is no source prefix %s",
				  lb_prefix_text(prefix, name));
	lb_list_remove(vip->source, vip->sources--, sizeof(*vip->source), at);
	config->sources--;
	return 0;
}
