// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* A configuration and its VIPs. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "xdp_lb/config_parts.h"
#include "xdp_lb/list.h"
#include "xdp_lb/text.h"

/* --- the whole */

static void vip_free(struct lb_vip *vip)
{
	free(vip->backend);
	free(vip->source);
}

static int vip_copy(struct lb_vip *to, const struct lb_vip *from)
{
	bool failed = false;

	*to = *from;
	to->backend = lb_list_copy(from->backend, from->backends, sizeof(*from->backend), &failed);
	to->source = lb_list_copy(from->source, from->sources, sizeof(*from->source), &failed);
	if (!failed)
		return 0;
	vip_free(to);
	return ecbpf_fail(-ENOMEM, "out of memory");
}

int lb_config_copy(struct lb_config *to, const struct lb_config *from)
{
	struct lb_config copy = { .backends = from->backends, .sources = from->sources };
	int err = 0;

	copy.vip = from->vips ? calloc(from->vips, sizeof(*copy.vip)) : NULL;
	if (from->vips && !copy.vip)
		return ecbpf_fail(-ENOMEM, "out of memory");
	for (; !err && copy.vips < from->vips; copy.vips += !err)
		err = vip_copy(&copy.vip[copy.vips], &from->vip[copy.vips]);
	if (err)
		lb_config_free(&copy);
	else
		*to = copy;
	return err;
}

void lb_config_free(struct lb_config *config)
{
	size_t i;

	for (i = 0; i < config->vips; i++)
		vip_free(&config->vip[i]);
	free(config->vip);
	*config = (struct lb_config){};
}

static bool forward_equal(const struct lb_forward *a, const struct lb_forward *b)
{
	return a->mode == b->mode && a->gue_port == b->gue_port &&
	       !memcmp(a->source4, b->source4, sizeof(a->source4)) &&
	       !memcmp(a->source6, b->source6, sizeof(a->source6));
}

static bool backend_equal(const struct lb_backend *a, const struct lb_backend *b)
{
	return !lb_endpoint_compare(&a->endpoint, &b->endpoint) &&
	       forward_equal(&a->forward, &b->forward) && a->weight == b->weight &&
	       a->state == b->state && a->monitor == b->monitor &&
	       !memcmp(&a->id, &b->id, sizeof(a->id));
}

static bool source_equal(const struct lb_source *a, const struct lb_source *b)
{
	return !lb_prefix_compare(&a->prefix, &b->prefix) &&
	       !lb_endpoint_compare(&a->backend, &b->backend);
}

bool lb_vip_equal(const struct lb_vip *a, const struct lb_vip *b)
{
	size_t i;

	if (lb_service_compare(&a->service, &b->service) ||
	    !forward_equal(&a->forward, &b->forward) || a->hash != b->hash ||
	    a->id_octets != b->id_octets || a->rotation != b->rotation || a->flags != b->flags ||
	    a->tcp_idle_s != b->tcp_idle_s || a->udp_idle_s != b->udp_idle_s ||
	    a->new_pps != b->new_pps || a->table_size != b->table_size ||
	    a->backends != b->backends || a->sources != b->sources)
		return false;
	for (i = 0; i < a->backends; i++)
		if (!backend_equal(&a->backend[i], &b->backend[i]))
			return false;
	for (i = 0; i < a->sources; i++)
		if (!source_equal(&a->source[i], &b->source[i]))
			return false;
	return true;
}

bool lb_config_equal(const struct lb_config *a, const struct lb_config *b)
{
	size_t i;

	if (a->vips != b->vips)
		return false;
	for (i = 0; i < a->vips; i++)
		if (!lb_vip_equal(&a->vip[i], &b->vip[i]))
			return false;
	return true;
}

/* --- a VIP */

void lb_vip_init(struct lb_vip *vip, const struct lb_service *service)
{
	*vip = (struct lb_vip){
		.service = *service,
		.forward.mode = LB_IPIP,
		.hash = LB_HASH_5_TUPLE,
		.tcp_idle_s = LB_TCP_IDLE_DEFAULT,
		.udp_idle_s = LB_UDP_IDLE_DEFAULT,
		.table_size = LB_TABLE_DEFAULT,
	};
}

/* Ranges of one address and protocol have nothing in common: no order would be the obvious one. */
static int overlap_check(const struct lb_config *config, const struct lb_service *service)
{
	char one[LB_TEXT_SIZE], other[LB_TEXT_SIZE];
	size_t i;

	if (!service->first || service->first == service->last)
		return 0;
	for (i = 0; i < config->vips; i++) {
		const struct lb_service *old = &config->vip[i].service;

		if (!lb_prefix_compare(&old->address, &service->address) &&
		    old->proto == service->proto && old->first && old->first != old->last &&
		    old->first <= service->last && service->first <= old->last)
			return ecbpf_fail(-EEXIST, "%s overlaps %s", lb_service_text(service, one),
					  lb_service_text(old, other));
	}
	return 0;
}

static int limits_check(const struct lb_config *config, const struct lb_vip *vip)
{
	char name[LB_TEXT_SIZE];

	lb_service_text(&vip->service, name);
	if (config->vips >= LB_VIPS_MAX)
		return ecbpf_fail(-E2BIG, "%s: more than %d VIPs", name, LB_VIPS_MAX);
	if (vip->backends > LB_BACKENDS_MAX - config->backends)
		return ecbpf_fail(-E2BIG, "%s: more than %d backends in all", name,
				  LB_BACKENDS_MAX);
	if (vip->sources > LB_SOURCES_MAX - config->sources)
		return ecbpf_fail(-E2BIG, "%s: more than %d source prefixes in all", name,
				  LB_SOURCES_MAX);
	return lb_table_check(vip, vip->backends);
}

static int parts_check(const struct lb_vip *vip)
{
	char name[LB_TEXT_SIZE];
	size_t i;
	int err = 0;

	for (i = 0; !err && i < vip->backends; i++)
		err = i && !lb_compare_backends(&vip->backend[i - 1], &vip->backend[i]) ?
			      ecbpf_fail(-EEXIST, "%s is there twice",
					 lb_endpoint_text(&vip->backend[i].endpoint, name)) :
			      lb_backend_check(vip, &vip->backend[i]);
	for (i = 0; !err && i < vip->sources; i++)
		err = i && !lb_compare_sources(&vip->source[i - 1], &vip->source[i]) ?
			      ecbpf_fail(-EEXIST, "%s is there twice",
					 lb_prefix_text(&vip->source[i].prefix, name)) :
			      lb_source_check(vip, &vip->source[i]);
	return err ? err : lb_server_ids_unique(vip);
}

/* vip_insert - takes the lists of @vip over if it succeeds */
static int vip_insert(struct lb_config *config, const struct lb_vip *vip)
{
	char name[LB_TEXT_SIZE];
	void *grown;
	size_t at;

	if (lb_list_find(config->vip, config->vips, sizeof(*vip), vip, lb_compare_vips, &at))
		return ecbpf_fail(-EEXIST, "%s exists", lb_service_text(&vip->service, name));
	grown = lb_list_insert(config->vip, config->vips, sizeof(*vip), at, vip);
	if (!grown)
		return ecbpf_fail(-ENOMEM, "out of memory");
	config->vip = grown;
	config->vips++;
	config->backends += vip->backends;
	config->sources += vip->sources;
	return 0;
}

int lb_vip_add(struct lb_config *config, const struct lb_vip *vip)
{
	struct lb_vip copy;
	int err = lb_vip_check(vip);

	if (!err)
		err = limits_check(config, vip);
	if (!err)
		err = overlap_check(config, &vip->service);
	if (!err)
		err = vip_copy(&copy, vip);
	if (err)
		return err;
	if (copy.backends)
		qsort(copy.backend, copy.backends, sizeof(*copy.backend), lb_compare_backends);
	if (copy.sources)
		qsort(copy.source, copy.sources, sizeof(*copy.source), lb_compare_sources);
	err = parts_check(&copy);
	if (!err)
		err = vip_insert(config, &copy);
	if (err)
		vip_free(&copy);
	return err;
}

int lb_vip_set(struct lb_config *config, const struct lb_vip *vip)
{
	struct lb_vip *old = lb_vip_at(config, &vip->service), changed = *vip;
	int err;

	if (!old)
		return -ENOENT;
	changed.backends = old->backends;
	changed.backend = old->backend;
	changed.sources = old->sources;
	changed.source = old->source;
	err = lb_vip_check(&changed);
	if (!err)
		err = parts_check(&changed);
	if (!err)
		err = lb_table_check(&changed, changed.backends);
	if (!err)
		*old = changed;
	return err;
}

int lb_vip_del(struct lb_config *config, const struct lb_service *service)
{
	struct lb_vip *vip = lb_vip_at(config, service);

	if (!vip)
		return -ENOENT;
	config->backends -= vip->backends;
	config->sources -= vip->sources;
	vip_free(vip);
	lb_list_remove(config->vip, config->vips--, sizeof(*vip), vip - config->vip);
	return 0;
}
