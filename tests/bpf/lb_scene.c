// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/bpf.h>
#include <netinet/in.h>

#include <cmocka.h>

#include "tests/bpf/lb_scene.h"

const int scene_families[] = { 4, 6 };

struct lb_frame scene_client(int family, uint8_t proto)
{
	struct lb_frame f = {
		.family = family,
		.proto = proto,
		.sport = 40000,
		.dport = 80,
		.flags = proto == IPPROTO_TCP ? FRAMES_ACK : 0,
		.ttl = 57,
		.tos = 0x28,
		.df = true,
		.payload = 10,
	};

	frames_client_addr(family, 5, f.saddr);
	frames_vip_addr(family, false, 1, f.daddr);
	return f;
}

void scene_key(struct lb_suite *s, int family, uint8_t proto, uint16_t port, uint32_t vip)
{
	const struct lb_frame f = scene_client(family, proto);
	struct lb_key key = {
		.port = htons(port),
		.proto = proto,
		.family = family == 4 ? AF_INET : AF_INET6,
	};

	memcpy(key.addr, f.daddr, family == 4 ? 4 : 16);
	lb_suite_key(s, &key, vip);
}

struct lb_vip_entry scene_entry(uint32_t flags)
{
	return (struct lb_vip_entry){
		.flags = flags,
		.hash = LB_OF_TUPLE,
		.entries = SCENE_ENTRIES,
		.tcp_idle = 900 * SUITE_HZ,
		.udp_idle = 60 * SUITE_HZ,
	};
}

void scene_vip(struct lb_suite *s, int family, const struct lb_vip_entry *entry, uint16_t backend)
{
	uint16_t table[SCENE_ENTRIES];
	int i;

	for (i = 0; i < SCENE_ENTRIES; i++)
		table[i] = backend;
	lb_suite_vip(s, VIP(family), entry, table);
}

void scene_backend(struct lb_suite *s, int family, uint32_t number, uint32_t state, uint32_t mtu)
{
	const struct lb_way way = {
		.family = family,
		.ifindex = s->in,
		.kind = ECBPF_DIRECT,
		.server = number,
	};

	lb_suite_backend(s, number, VIP(family), &way, mtu, state);
}

int scene_setup(void **state)
{
	struct lb_suite *s = *state;
	struct lb_vip_entry entry = scene_entry(0);
	size_t i;

	if (!s)
		return 0;
	lb_suite_reset(s);
	for (i = 0; i < 2; i++) {
		const int family = scene_families[i];
		const struct lb_frame f = scene_client(family, IPPROTO_TCP);

		lb_suite_near(s, family, f.daddr);
		scene_key(s, family, IPPROTO_TCP, 80, VIP(family));
		scene_key(s, family, IPPROTO_UDP, 80, VIP(family));
		scene_backend(s, family, BACKEND(family), LB_BACKEND_UP, 1500);
		scene_backend(s, family, BACKEND(family) + 1, LB_BACKEND_UP, 1500);
		scene_vip(s, family, &entry, BACKEND(family));
	}
	return 0;
}

struct lb_suite *scene_get(void **state)
{
	if (!*state)
		skip();
	return *state;
}

/* --- what is expected */

struct lb_result scene_run(struct lb_suite *s, const struct lb_frame *f)
{
	uint8_t frame[FRAMES_MAX];
	const size_t len = lb_frame_make(f, frame);

	return lb_suite_run(s, frame, len);
}

void scene_expect(struct lb_suite *s, const struct lb_frame *f, int action, uint32_t code)
{
	const struct lb_result r = scene_run(s, f);

	if (r.code != code || r.action != action)
		fail_msg("IPv%d, protocol %u: code %u, action %d; expected %u, %d", f->family,
			 f->proto, r.code, r.action, code, action);
}

void scene_expect_at(struct lb_suite *s, const struct lb_frame *f, uint32_t code, uint8_t backend)
{
	const uint8_t mac[12] = { 2, 0, 0, 0, 1, backend, 2, 0, 0, 0, 0, 2 };
	const struct lb_result r = scene_run(s, f);
	struct lb_frame sent = *f;
	uint8_t frame[FRAMES_MAX];
	size_t len;

	assert_int_equal(r.action, XDP_TX);
	assert_int_equal(r.code, code);
	sent.ttl--;
	len = lb_frame_make(&sent, frame);
	memcpy(frame, mac, sizeof(mac));
	assert_int_equal(r.len, len);
	assert_memory_equal(r.frame, frame, len);
}

void scene_expect_behind(struct lb_suite *s, const struct lb_frame *f, const uint8_t *headers,
			 size_t bytes)
{
	const struct lb_result r = scene_run(s, f);
	struct lb_frame sent = *f;
	uint8_t frame[FRAMES_MAX];
	size_t len;

	assert_int_equal(r.action, XDP_REDIRECT);
	sent.ttl--;
	sent.tags = sent.padding = 0;
	len = lb_frame_make(&sent, frame);
	assert_int_equal(r.len, bytes + len - 14);
	assert_memory_equal(r.frame, headers, bytes);
	assert_memory_equal(r.frame + bytes, frame + 14, len - 14);
}

int scene_begin(void **state)
{
	*state = lb_suite_begin(1, 1);
	return 0;
}

int scene_end(void **state)
{
	lb_suite_end(*state);
	return 0;
}

/* --- addresses */

void scene_mapped(int family, const uint8_t *addr, __be32 to[4])
{
	uint8_t *at = (uint8_t *)to;

	memset(at, 0, 16);
	if (family == 6) {
		memcpy(at, addr, 16);
		return;
	}
	at[10] = at[11] = 0xff;
	memcpy(at + 12, addr, 4);
}
