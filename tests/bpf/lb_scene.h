/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* A small configuration of the balancer, and what tests expect of packets that meet it. */
#ifndef TESTS_BPF_LB_SCENE_H
#define TESTS_BPF_LB_SCENE_H

#include "tests/bpf/lb_frames.h"
#include "tests/bpf/lb_suite.h"

/* VIPs 1 (IPv4) and 2 (IPv6), TCP and UDP port 80; of each two backends, 10 and 11, 20 and 21. */
#define BACKEND(family) ((family) == 4 ? 10 : 20)
#define VIP(family)	((family) == 4 ? 1 : 2)
#define SCENE_ENTRIES	7

extern const int scene_families[2];

/** scene_begin, scene_end - setup and teardown of a group; scene_setup - of each test */
int scene_begin(void **state);
int scene_end(void **state);
int scene_setup(void **state);

/** scene_get - skips the test without the privilege */
struct lb_suite *scene_get(void **state);

/** scene_client - a packet to the family's VIP, TCP or UDP port 80 */
struct lb_frame scene_client(int family, uint8_t proto);

/** scene_key - the VIP's address with this protocol and port is VIP @vip */
void scene_key(struct lb_suite *s, int family, uint8_t proto, uint16_t port, uint32_t vip);

struct lb_vip_entry scene_entry(uint32_t flags);

/** scene_vip - all of its table is one backend's */
void scene_vip(struct lb_suite *s, int family, const struct lb_vip_entry *entry, uint16_t backend);

/** scene_backend - by direct routing, out where packets come in */
void scene_backend(struct lb_suite *s, int family, uint32_t number, uint32_t state, uint32_t mtu);

struct lb_result scene_run(struct lb_suite *s, const struct lb_frame *f);

/** scene_expect - @action, and reason code */
void scene_expect(struct lb_suite *s, const struct lb_frame *f, int action, uint32_t code);

/** scene_expect_at - by direct routing: the backend's MAC address, a hop less, and nothing else */
void scene_expect_at(struct lb_suite *s, const struct lb_frame *f, uint32_t code, uint8_t backend);

/** scene_expect_behind - redirected, behind these headers, with a hop less, no tags and no padding */
void scene_expect_behind(struct lb_suite *s, const struct lb_frame *f, const uint8_t *headers,
			 size_t bytes);

/** scene_mapped - as in maps that both families share */
void scene_mapped(int family, const uint8_t *addr, __be32 to[4]);

#endif
