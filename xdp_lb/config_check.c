// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Which values can be honoured, each alone and beside the others. */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "xdp_lb/config_parts.h"
#include "xdp_lb/maglev.h"
#include "xdp_lb/text.h"

static bool is_tunnel(enum lb_mode mode)
{
	return mode == LB_IPIP || mode == LB_GUE;
}

bool lb_mode_is_nat(enum lb_mode mode)
{
	return mode == LB_NAT || mode == LB_FULL_NAT;
}

bool lb_vip_refuses_fragments(const struct lb_vip *vip)
{
	size_t i;

	if (vip->flags & LB_REFUSE_FRAGMENTS || lb_mode_is_nat(vip->forward.mode))
		return true;
	for (i = 0; i < vip->backends; i++)
		if (lb_mode_is_nat(vip->backend[i].forward.mode))
			return true;
	return false;
}

static bool is_zero(const uint8_t *bytes, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (bytes[i])
			return false;
	return true;
}

static bool forward_empty(const struct lb_forward *forward)
{
	return !forward->gue_port && is_zero(forward->source4, sizeof(forward->source4)) &&
	       is_zero(forward->source6, sizeof(forward->source6));
}

/* forward_check - @name: of what the forwarding mode is */
static int forward_check(const struct lb_forward *forward, const char *name)
{
	const bool four = !is_zero(forward->source4, sizeof(forward->source4));
	const bool six = !is_zero(forward->source6, sizeof(forward->source6));
	const char *mode;

	if (forward->mode < LB_IPIP || forward->mode > LB_FULL_NAT)
		return ecbpf_fail(-EINVAL, "%s: there is no forwarding mode %u", name,
				  forward->mode);
	mode = lb_mode_name(forward->mode);
	if (forward->mode == LB_GUE && !forward->gue_port)
		return ecbpf_fail(-EINVAL, "%s: mode gue needs a port", name);
	if (forward->mode != LB_GUE && forward->gue_port)
		return ecbpf_fail(-EINVAL, "%s: only mode gue has a port, not %s", name, mode);
	if ((four || six) && !is_tunnel(forward->mode) && forward->mode != LB_FULL_NAT)
		return ecbpf_fail(-EINVAL, "%s: mode %s keeps the packet's source", name, mode);
	if ((four && !lb_address_usable(AF_INET, forward->source4)) ||
	    (six && !lb_address_usable(AF_INET6, forward->source6)))
		return ecbpf_fail(-EINVAL, "%s: no packet can have this source", name);
	return 0;
}

static int numbers_check(const struct lb_vip *vip, const char *name)
{
	if (!vip->tcp_idle_s || vip->tcp_idle_s > LB_IDLE_MAX_S || !vip->udp_idle_s ||
	    vip->udp_idle_s > LB_IDLE_MAX_S)
		return ecbpf_fail(-EINVAL, "%s: idle times are 1 to %u seconds", name,
				  LB_IDLE_MAX_S);
	if (vip->new_pps > LB_NEW_MAX_PPS)
		return ecbpf_fail(-EINVAL, "%s: the limit of new connections is at most %u", name,
				  LB_NEW_MAX_PPS);
	if (!lb_maglev_size_valid(vip->table_size))
		return ecbpf_fail(-EINVAL, "%s: a table's size is a prime from %u to %u, not %u",
				  name, LB_TABLE_MIN, LB_TABLE_MAX, vip->table_size);
	return 0;
}

static bool service_valid(const struct lb_service *service)
{
	const bool all = !service->first && service->last == 65535;

	if (service->proto != IPPROTO_TCP && service->proto != IPPROTO_UDP && service->proto)
		return false;
	return all || (service->proto && service->first && service->first <= service->last);
}

/* nat_check - what NAT cannot do; @name: of what has the mode */
static int nat_check(const struct lb_vip *vip, enum lb_mode mode, const char *name)
{
	if (!lb_mode_is_nat(mode))
		return 0;
	if (!vip->service.proto)
		return ecbpf_fail(-EINVAL, "%s: mode %s is for tcp and udp, not for any protocol",
				  name, lb_mode_name(mode));
	if (vip->hash == LB_HASH_QUIC)
		return ecbpf_fail(-EINVAL, "%s: mode %s does not go with hash quic", name,
				  lb_mode_name(mode));
	if (vip->flags & LB_NO_TABLE)
		return ecbpf_fail(-EINVAL, "%s: mode %s needs the connection table", name,
				  lb_mode_name(mode));
	return 0;
}

int lb_vip_check(const struct lb_vip *vip)
{
	char name[LB_TEXT_SIZE];
	int err;

	lb_service_text(&vip->service, name);
	if (!service_valid(&vip->service))
		return ecbpf_fail(-EINVAL, "%s: protocol and ports make no service", name);
	err = forward_check(&vip->forward, name);
	if (!err)
		err = numbers_check(vip, name);
	if (err)
		return err;
	if (vip->hash < LB_HASH_5_TUPLE || vip->hash > LB_HASH_QUIC)
		return ecbpf_fail(-EINVAL, "%s: there is no hash %u", name, vip->hash);
	err = lb_quic_check(vip, name);
	if (err)
		return err;
	if (vip->flags & ~LB_FLAGS)
		return ecbpf_fail(-EINVAL, "%s: there is no flag 0x%x", name,
				  vip->flags & ~LB_FLAGS);
	return nat_check(vip, vip->forward.mode, name);
}

/* What is between a backend and its VIP. */
static int pair_check(const struct lb_vip *vip, const struct lb_backend *backend, const char *name)
{
	const enum lb_mode mode = lb_backend_forward(vip, backend)->mode;

	if (!is_tunnel(mode) && backend->endpoint.family != vip->service.address.family)
		return ecbpf_fail(-EINVAL, "%s: mode %s does not change the version of IP", name,
				  lb_mode_name(mode));
	if (backend->endpoint.port && !lb_mode_is_nat(mode))
		return ecbpf_fail(-EINVAL, "%s: mode %s does not change the port", name,
				  lb_mode_name(mode));
	if (backend->endpoint.port && vip->service.first != vip->service.last)
		return ecbpf_fail(-EINVAL,
				  "%s: only under a VIP of one port, a backend has another", name);
	return nat_check(vip, mode, name);
}

int lb_backend_check(const struct lb_vip *vip, const struct lb_backend *backend)
{
	char name[LB_TEXT_SIZE];
	int err;

	lb_endpoint_text(&backend->endpoint, name);
	if (!lb_address_usable(backend->endpoint.family, backend->endpoint.addr))
		return ecbpf_fail(-EINVAL, "%s: no backend can have this address", name);
	if (backend->state < LB_ACTIVE || backend->state > LB_DOWN ||
	    (backend->monitor != LB_ACTIVE && backend->monitor != LB_DOWN))
		return ecbpf_fail(-EINVAL, "%s: there is no such state", name);
	if (!backend->forward.mode && !forward_empty(&backend->forward))
		return ecbpf_fail(-EINVAL, "%s: options of a mode, but no mode of its own", name);
	err = backend->forward.mode ? forward_check(&backend->forward, name) : 0;
	if (!err)
		err = lb_server_id_check(vip, backend, name);
	return err ? err : pair_check(vip, backend, name);
}

int lb_source_check(const struct lb_vip *vip, const struct lb_source *source)
{
	char prefix[LB_TEXT_SIZE], name[LB_TEXT_SIZE];

	lb_prefix_text(&source->prefix, prefix);
	if (source->prefix.family != vip->service.address.family)
		return ecbpf_fail(-EINVAL, "%s: a VIP has sources of its own version of IP",
				  prefix);
	if (!lb_backend_find(vip, &source->backend))
		return ecbpf_fail(-ENOENT, "%s: %s is no backend of this VIP", prefix,
				  lb_endpoint_text(&source->backend, name));
	return 0;
}

int lb_table_check(const struct lb_vip *vip, size_t backends)
{
	char name[LB_TEXT_SIZE];

	if (backends <= vip->table_size)
		return 0;
	return ecbpf_fail(-E2BIG, "%s: a table of %u entries is too small for %zu backends",
			  lb_service_text(&vip->service, name), vip->table_size, backends);
}
