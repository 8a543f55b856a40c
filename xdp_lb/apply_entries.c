// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Entries of VIPs and backends, which are memory that programs read meanwhile. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "libecbpf/ecbpf.h"
#include "xdp_lb/apply_parts.h"
#include "xdp_lb/rings.h"

/* value_zero - counters begin anew with their owner */
static int value_zero(int fd, __u32 number, size_t bytes)
{
	const int cpus = libbpf_num_possible_cpus();
	void *zero = cpus > 0 ? calloc(cpus, bytes) : NULL;
	int err = zero ? bpf_map_update_elem(fd, &number, zero, BPF_ANY) : -ENOMEM;

	free(zero);
	return err ? ecbpf_fail(err, "counters: %s", strerror(-err)) : 0;
}

/* --- backends */

/** struct owner - whose a number is */
struct owner {
	const struct lb_vip *vip;
	const struct lb_backend *backend;
	__u32 vip_number;
};

static struct owner *owners_make(const struct lb_config *config, const struct lb_numbers *numbers)
{
	struct owner *owner = calloc(LB_BACKEND_NUMBERS, sizeof(*owner));
	const __u32 *number = numbers->backend;
	size_t i, j;

	if (!owner)
		ecbpf_fail(-ENOMEM, "out of memory");
	for (i = 0; owner && i < config->vips; i++)
		for (j = 0; j < config->vip[i].backends; j++)
			owner[*number++ % LB_BACKEND_NUMBERS] =
				(struct owner){ &config->vip[i], &config->vip[i].backend[j],
						numbers->vip[i] };
	return owner;
}

static bool owner_same(const struct owner *a, const struct owner *b)
{
	return a->vip && b->vip && !lb_service_compare(&a->vip->service, &b->vip->service) &&
	       !lb_endpoint_compare(&a->backend->endpoint, &b->backend->endpoint);
}

static void gen_next(struct lb_backend_entry *entry)
{
	__atomic_add_fetch(&entry->gen, 1, __ATOMIC_SEQ_CST);
}

static int backend_begin(const struct lb_change_of *change, __u32 number, __u32 vip)
{
	struct lb_backend_entry *entry = &change->live->backend[number];

	__atomic_store_n(&entry->state, LB_BACKEND_NONE, __ATOMIC_SEQ_CST);
	gen_next(entry);
	memset(&entry->recipe, 0, sizeof(entry->recipe));
	entry->recipe.service = vip;
	entry->mtu = 0;
	__atomic_store_n(&entry->state, LB_BACKEND_NO_ROUTE, __ATOMIC_SEQ_CST);
	return value_zero(change->live->fd[LB_LIVE_COUNT], number, sizeof(struct lb_counts));
}

/* backend_keep - a change that took it away was killed at its end; it has its recipe still */
static void backend_keep(struct lb_backend_entry *entry)
{
	__atomic_store_n(&entry->state, LB_BACKEND_NO_ROUTE, __ATOMIC_SEQ_CST);
}

int lb_apply_backends(const struct lb_change_of *change)
{
	struct owner *was = owners_make(&change->was, &change->had);
	struct owner *now = was ? owners_make(change->config, &change->numbers) : NULL;
	__u32 number;
	int err = now ? 0 : -ENOMEM;

	for (number = 1; !err && number < LB_BACKEND_NUMBERS; number++) {
		if (!now[number].vip)
			continue;
		if (!owner_same(&was[number], &now[number]))
			err = backend_begin(change, number, now[number].vip_number);
		else if (change->live->backend[number].state == LB_BACKEND_NONE)
			backend_keep(&change->live->backend[number]);
		else if (lb_backend_state(now[number].backend) == LB_DOWN &&
			 lb_backend_state(was[number].backend) != LB_DOWN)
			gen_next(&change->live->backend[number]);
	}
	free(was);
	free(now);
	return err;
}

/* numbers_mark - those that are in use */
static unsigned char *numbers_mark(const __u32 *number, size_t count, size_t size)
{
	unsigned char *used = calloc(size, 1);
	size_t i;

	for (i = 0; used && i < count; i++)
		used[number[i] % size] = 1;
	return used;
}

void lb_apply_backends_gone(const struct lb_change_of *change)
{
	unsigned char *used =
		numbers_mark(change->numbers.backend, change->config->backends, LB_BACKEND_NUMBERS);
	struct lb_backend_entry *entry = change->live->backend;
	__u32 number;

	for (number = 1; used && number < LB_BACKEND_NUMBERS; number++)
		if (!used[number] && entry[number].state != LB_BACKEND_NONE)
			__atomic_store_n(&entry[number].state, LB_BACKEND_NONE, __ATOMIC_SEQ_CST);
	free(used);
}

/* --- VIPs */

static __u32 hash_of(const struct lb_vip *vip)
{
	switch ((enum lb_hash)vip->hash) {
	case LB_HASH_SOURCE:
		return LB_OF_SOURCE;
	case LB_HASH_ADDRESSES:
		return LB_OF_ADDRESSES;
	default:
		return LB_OF_TUPLE;
	}
}

static __u32 flags_of(const struct lb_vip *vip)
{
	return (vip->flags & LB_NO_TABLE ? LB_VIP_NO_TABLE : 0) |
	       (vip->flags & LB_ECHO ? LB_VIP_ECHO : 0) |
	       (lb_vip_refuses_fragments(vip) ? LB_VIP_REFUSE_FRAGMENT : 0) |
	       (vip->sources ? LB_VIP_SOURCES : 0);
}

void lb_vip_entry_make(const struct lb_vip *vip, unsigned int hz, struct lb_vip_entry *entry)
{
	*entry = (struct lb_vip_entry){
		.flags = flags_of(vip),
		.hash = hash_of(vip),
		.entries = lb_ring_entries(vip),
		.tcp_idle = vip->tcp_idle_s * hz,
		.udp_idle = vip->udp_idle_s * hz,
		/* rounded up: at least one */
		.new_max = ((uint64_t)vip->new_pps * LB_WINDOW_MS + 999) / 1000,
		.cid_octets = vip->hash == LB_HASH_QUIC ? 1 + vip->id_octets : 0,
	};
}

void lb_apply_vips_shrink(const struct lb_change_of *change)
{
	size_t i;

	for (i = 0; i < change->config->vips; i++) {
		struct lb_vip_entry *entry = &change->live->vip[change->numbers.vip[i]];
		const __u32 entries = lb_ring_entries(&change->config->vip[i]);

		if (entries < entry->entries)
			__atomic_store_n(&entry->entries, entries, __ATOMIC_SEQ_CST);
	}
}

int lb_apply_vips(const struct lb_change_of *change)
{
	const unsigned int hz = ecbpf_hz();
	struct lb_vip_entry entry;
	int err = 0;
	size_t i;

	for (i = 0; !err && i < change->config->vips; i++) {
		const struct lb_vip *vip = &change->config->vip[i];
		const __u32 number = change->numbers.vip[i];

		if (!lb_vip_find(&change->was, &vip->service))
			err = value_zero(change->live->fd[LB_LIVE_VIP_COUNT], number,
					 sizeof(struct lb_vip_counts));
		lb_vip_entry_make(vip, hz, &entry);
		if (memcmp(&change->live->vip[number], &entry, sizeof(entry)))
			change->live->vip[number] = entry;
	}
	return err;
}

void lb_apply_vips_gone(const struct lb_change_of *change)
{
	unsigned char *used =
		numbers_mark(change->numbers.vip, change->config->vips, LB_VIP_NUMBERS);
	const struct lb_vip_entry none = {};
	__u32 number;

	for (number = 1; used && number < LB_VIP_NUMBERS; number++) {
		if (used[number] ||
		    (!change->repair && !memcmp(&change->live->vip[number], &none, sizeof(none))))
			continue;
		change->live->vip[number] = none;
		bpf_map_delete_elem(change->live->fd[LB_LIVE_RING], &number);
	}
	free(used);
}
