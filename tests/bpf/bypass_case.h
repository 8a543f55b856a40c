/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What tests of the bypass say: a client, a way that IPVS takes, and what becomes of a packet. */
#ifndef TESTS_BPF_BYPASS_CASE_H
#define TESTS_BPF_BYPASS_CASE_H

#include "tests/bpf/bypass_suite.h"

#define MARK	 18
#define GUE_PORT 6080
#define ARRAY(a) (sizeof(a) / sizeof((a)[0]))

/* Numbers of services, by how they are found. */
enum number { BY_MARK = 7, BY_PORT = 8, BY_ALL_PORTS = 9 };

uint64_t counted(const struct bypass_suite *s, enum bypass_counter counter);

/** client_of - a client's next packet; a segment with ACK, or a datagram, to port 80 */
struct frames_client client_of(int family, uint8_t proto);
struct bypass_service_key service_of(const struct frames_client *c, uint16_t port);
struct bypass_service_key mark_of(int family);

/** way_back - direct routing to a server that is where clients come from */
struct frames_way way_back(const struct bypass_suite *s);

/** entry_of - the model's, or NULL; the kernel's is the same */
struct bypass_flow *entry_of(struct bypass_suite *s, const struct frames_client *c);
struct ecbpf_tuple key_of(const struct frames_client *c);
void params_set(struct bypass_suite *s, size_t member, uint32_t value);
#define SET(suite, name, value) params_set(suite, offsetof(struct bypass_params, name), value)

/* --- packets */

uint32_t ingress_of(const struct bypass_suite *s, const struct frames_client *c);

/** sent - IPVS sends a client's packet */
void sent(struct bypass_suite *s, const struct frames_client *c, const struct frames_way *way);
void sent_marked(struct bypass_suite *s, const struct frames_client *c,
		 const struct frames_way *way, uint32_t mark, uint32_t segments);

/** learn - and as many of them as it takes */
void learn(struct bypass_suite *s, const struct frames_client *c, const struct frames_way *way);

/** handed - a packet is IPVS's, and as it was */
void handed(struct bypass_suite *s, const struct frames_client *c, uint32_t code);
void frame_handed(struct bypass_suite *s, const uint8_t *frame, size_t len, uint32_t code);

/** forget_id - the random identification of a packet that may be fragmented */
void forget_id(uint8_t *frame, size_t l2);

/** hit - a packet is forwarded as IPVS would have sent it, byte for byte */
void hit(struct bypass_suite *s, const struct frames_client *c, const struct frames_way *way);

/* --- cases */

int case_begin(void **state);
int case_end(void **state);

/** case_each - a test for both families and protocols; the service is that of address and port */
void case_each(void **state, void (*test)(struct bypass_suite *s, struct frames_client c));

#define CASE_RUN(name)                       \
	static void run_##name(void **state) \
	{                                    \
		case_each(state, name);      \
	}
#define CASE_ROW(name) { #name, run_##name, NULL, NULL, NULL },

#endif
