// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Server ids: what a connection id of QUIC names a backend by. */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "xdp_lb/config_parts.h"
#include "xdp_lb/text.h"

enum lb_hash lb_vip_table_hash(const struct lb_vip *vip)
{
	return vip->hash == LB_HASH_QUIC ? LB_HASH_5_TUPLE : vip->hash;
}

void lb_backend_server_id(const struct lb_vip *vip, const struct lb_backend *backend,
			  struct lb_server_id *id)
{
	const unsigned int have = backend->endpoint.family == AF_INET ? 4 : 16;
	const unsigned int want = vip->id_octets, same = want < have ? want : have;

	*id = backend->id;
	if (id->octets || vip->hash != LB_HASH_QUIC)
		return;
	id->octets = want;
	memcpy(id->octet + want - same, backend->endpoint.addr + have - same, same);
}

void lb_server_id_cid(const struct lb_vip *vip, const struct lb_server_id *id, uint8_t cid[16])
{
	memset(cid, 0, 16);
	cid[0] = vip->rotation << 5;
	memcpy(cid + 1, id->octet, id->octets);
}

int lb_quic_check(const struct lb_vip *vip, const char *name)
{
	if (vip->hash != LB_HASH_QUIC)
		return vip->id_octets || vip->rotation ?
			       ecbpf_fail(-EINVAL, "%s: server ids are of hash quic", name) :
			       0;
	if (vip->service.proto != IPPROTO_UDP)
		return ecbpf_fail(-EINVAL, "%s: QUIC runs over udp", name);
	if (!vip->id_octets || vip->id_octets > LB_SERVER_ID_MAX)
		return ecbpf_fail(-EINVAL, "%s: hash quic needs a length of server ids, 1 to %d",
				  name, LB_SERVER_ID_MAX);
	if (vip->rotation > LB_ROTATION_MAX)
		return ecbpf_fail(-EINVAL, "%s: config rotation is 0 to %d", name, LB_ROTATION_MAX);
	return 0;
}

int lb_server_id_check(const struct lb_vip *vip, const struct lb_backend *backend, const char *name)
{
	if (!backend->id.octets)
		return 0;
	if (vip->hash != LB_HASH_QUIC)
		return ecbpf_fail(-EINVAL, "%s: server ids are of hash quic", name);
	if (backend->id.octets != vip->id_octets)
		return ecbpf_fail(-EINVAL, "%s: a server id of %u octets, where the VIP's have %u",
				  name, backend->id.octets, vip->id_octets);
	return 0;
}

/* --- no two of a VIP are the same */

static int same_id(const struct lb_vip *vip, const struct lb_backend *a, const struct lb_backend *b)
{
	char one[LB_TEXT_SIZE], other[LB_TEXT_SIZE], text[LB_TEXT_SIZE];
	struct lb_server_id id;

	lb_backend_server_id(vip, a, &id);
	return ecbpf_fail(-EEXIST, "%s and %s have the same server id %s",
			  lb_endpoint_text(&a->endpoint, one),
			  lb_endpoint_text(&b->endpoint, other), lb_server_id_text(&id, text));
}

int lb_server_id_unique(const struct lb_vip *vip, const struct lb_backend *backend)
{
	struct lb_server_id id, other;
	size_t i;

	if (vip->hash != LB_HASH_QUIC)
		return 0;
	lb_backend_server_id(vip, backend, &id);
	for (i = 0; i < vip->backends; i++) {
		lb_backend_server_id(vip, &vip->backend[i], &other);
		if (!memcmp(&id, &other, sizeof(id)) &&
		    lb_endpoint_compare(&vip->backend[i].endpoint, &backend->endpoint))
			return same_id(vip, &vip->backend[i], backend);
	}
	return 0;
}

/** struct named - a backend by its id */
struct named {
	struct lb_server_id id;
	const struct lb_backend *backend;
};

static int compare_named(const void *a, const void *b)
{
	const struct named *one = a, *other = b;
	const int order = memcmp(&one->id, &other->id, sizeof(one->id));

	return order ? order :
		       lb_endpoint_compare(&one->backend->endpoint, &other->backend->endpoint);
}

int lb_server_ids_unique(const struct lb_vip *vip)
{
	struct named *named;
	size_t i;
	int err = 0;

	if (vip->hash != LB_HASH_QUIC || !vip->backends)
		return 0;
	named = calloc(vip->backends, sizeof(*named));
	if (!named)
		return ecbpf_fail(-ENOMEM, "out of memory");
	for (i = 0; i < vip->backends; i++) {
		named[i].backend = &vip->backend[i];
		lb_backend_server_id(vip, &vip->backend[i], &named[i].id);
	}
	qsort(named, vip->backends, sizeof(*named), compare_named);
	for (i = 1; !err && i < vip->backends; i++)
		if (!memcmp(&named[i - 1].id, &named[i].id, sizeof(named[i].id)))
			err = same_id(vip, named[i - 1].backend, named[i].backend);
	free(named);
	return err;
}
