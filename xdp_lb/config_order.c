// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* The one order of a configuration, and looking things up by it. */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "xdp_lb/config_parts.h"
#include "xdp_lb/list.h"
#include "xdp_lb/text.h"

int lb_prefix_compare(const struct ecbpf_prefix *a, const struct ecbpf_prefix *b)
{
	int order;

	if (a->family != b->family)
		return a->family == AF_INET ? -1 : 1;
	order = memcmp(a->addr, b->addr, sizeof(a->addr));
	return order ? order : a->length - b->length;
}

int lb_service_compare(const struct lb_service *a, const struct lb_service *b)
{
	const int order = lb_prefix_compare(&a->address, &b->address);

	if (order)
		return order;
	if (a->proto != b->proto)
		return a->proto - b->proto;
	return a->first != b->first ? a->first - b->first : a->last - b->last;
}

int lb_endpoint_compare(const struct lb_endpoint *a, const struct lb_endpoint *b)
{
	int order;

	if (a->family != b->family)
		return a->family == AF_INET ? -1 : 1;
	order = memcmp(a->addr, b->addr, sizeof(a->addr));
	return order ? order : a->port - b->port;
}

int lb_compare_vips(const void *a, const void *b)
{
	return lb_service_compare(a, b);
}

int lb_compare_backends(const void *a, const void *b)
{
	return lb_endpoint_compare(a, b);
}

int lb_compare_sources(const void *a, const void *b)
{
	return lb_prefix_compare(a, b);
}

const struct lb_vip *lb_vip_find(const struct lb_config *config, const struct lb_service *service)
{
	size_t at;

	return lb_list_find(config->vip, config->vips, sizeof(*config->vip), service,
			    lb_compare_vips, &at) ?
		       &config->vip[at] :
		       NULL;
}

struct lb_vip *lb_vip_at(struct lb_config *config, const struct lb_service *service)
{
	const struct lb_vip *vip = lb_vip_find(config, service);
	char name[LB_TEXT_SIZE];

	if (vip)
		return &config->vip[vip - config->vip];
	ecbpf_fail(-ENOENT, "there is no VIP %s", lb_service_text(service, name));
	return NULL;
}

const struct lb_backend *lb_backend_find(const struct lb_vip *vip,
					 const struct lb_endpoint *endpoint)
{
	size_t at;

	return lb_list_find(vip->backend, vip->backends, sizeof(*vip->backend), endpoint,
			    lb_compare_backends, &at) ?
		       &vip->backend[at] :
		       NULL;
}

static bool prefix_has(const struct ecbpf_prefix *prefix, const uint8_t *addr)
{
	const unsigned int bytes = prefix->length / 8, bits = prefix->length % 8;

	return !memcmp(prefix->addr, addr, bytes) &&
	       (!bits || !((prefix->addr[bytes] ^ addr[bytes]) >> (8 - bits)));
}

static bool service_has(const struct lb_service *service, uint8_t proto,
			const struct lb_endpoint *to)
{
	return service->address.family == to->family &&
	       (!service->proto || service->proto == proto) && service->first <= to->port &&
	       to->port <= service->last && prefix_has(&service->address, to->addr);
}

/* One port, a range, all. */
static int width(const struct lb_service *service)
{
	return service->first == service->last ? 0 : service->first ? 1 : 2;
}

static bool is_closer(const struct lb_service *a, const struct lb_service *b)
{
	if (a->address.length != b->address.length)
		return a->address.length > b->address.length;
	if (!a->proto != !b->proto)
		return a->proto;
	return width(a) < width(b);
}

const struct lb_vip *lb_vip_match(const struct lb_config *config, uint8_t proto,
				  const struct lb_endpoint *to)
{
	const struct lb_vip *best = NULL;
	size_t i;

	for (i = 0; i < config->vips; i++) {
		const struct lb_vip *vip = &config->vip[i];

		if (service_has(&vip->service, proto, to) &&
		    (!best || is_closer(&vip->service, &best->service)))
			best = vip;
	}
	return best;
}

/* By length, the longest first: a search each, whatever the number of prefixes. */
const struct lb_backend *lb_source_match(const struct lb_vip *vip, const uint8_t *addr)
{
	const uint8_t family = vip->service.address.family;
	struct ecbpf_prefix prefix = { .family = family };
	int length;
	size_t at;

	memcpy(prefix.addr, addr, family == AF_INET ? 4 : 16);
	for (length = family == AF_INET ? 32 : 128; vip->sources && length >= 0; length--) {
		prefix.length = length;
		if (length < 128)
			prefix.addr[length / 8] &= ~(0xff >> length % 8);
		if (lb_list_find(vip->source, vip->sources, sizeof(*vip->source), &prefix,
				 lb_compare_sources, &at))
			return lb_backend_find(vip, &vip->source[at].backend);
	}
	return NULL;
}

enum lb_state lb_backend_state(const struct lb_backend *backend)
{
	return backend->state > backend->monitor ? backend->state : backend->monitor;
}

unsigned int lb_backend_weight(const struct lb_backend *backend)
{
	return lb_backend_state(backend) == LB_ACTIVE ? backend->weight : 0;
}

const struct lb_forward *lb_backend_forward(const struct lb_vip *vip,
					    const struct lb_backend *backend)
{
	return backend->forward.mode ? &backend->forward : &vip->forward;
}
