// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The bypass on two CPUs at a time: while IPVS moves a flow from one server to the other and back, the
 * client's packets go to one of them or to the other, with all that belongs to it.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <netinet/in.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <cmocka.h>

#include "tests/bpf/bypass_case.h"

#include "bypass_ipvs/bypass_egress.skel.h"
#include "bypass_ipvs/xdp_bypass_ipvs.skel.h"

#define MOVES 5000

/**
 * struct server - one of two
 * @sent: what IPVS sends there, and the bypass, too
 * @got: packets of the client that went there
 */
struct server {
	struct frames_way way;
	uint8_t sent[FRAMES_MAX];
	size_t len;
	uint64_t got;
};

struct race {
	struct bypass_suite *suite;
	struct server server[2];
	int failed;
};

static int egress_once(struct race *race, const struct server *server)
{
	struct __sk_buff skb = {
		.ifindex = server->way.ifindex,
		.ingress_ifindex = race->suite->in,
	};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = server->sent, .data_size_in = server->len,
		    .ctx_in = &skb, .ctx_size_in = sizeof(skb), .repeat = 1);

	return bpf_prog_test_run_opts(
		bpf_program__fd(race->suite->egress->progs.bpf_egress_syn_check), &opts);
}

static void *ipvs(void *arg)
{
	struct race *race = arg;
	int i;

	for (i = 0; i < MOVES && !race->failed; i++)
		if (egress_once(race, &race->server[i % 2]))
			race->failed = 1;
	return NULL;
}

/* whose - the server that a frame is for, all of it; or -1 */
static int whose(const struct race *race, int action, const uint8_t *frame, size_t len)
{
	int i;

	for (i = 0; i < 2; i++) {
		const struct server *server = &race->server[i];

		if (action == (server->way.ifindex == race->suite->in ? XDP_TX : XDP_REDIRECT) &&
		    len == server->len && !memcmp(frame, server->sent, len))
			return i;
	}
	return -1;
}

static int client_once(struct race *race, const uint8_t *frame, size_t len)
{
	uint8_t out[FRAMES_MAX];
	struct xdp_md ctx = { .data_end = len, .ingress_ifindex = race->suite->in };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = len, .data_out = out,
		    .data_size_out = sizeof(out), .ctx_in = &ctx, .ctx_size_in = sizeof(ctx),
		    .repeat = 1);
	int server;

	if (bpf_prog_test_run_opts(bpf_program__fd(race->suite->xdp->progs.xdp_bypass_ipvs), &opts))
		return -1;
	server = whose(race, opts.retval, out, opts.data_size_out);
	if (server < 0) {
		print_error("action %u\n", opts.retval);
		suite_show("torn", out, opts.data_size_out);
		return -1;
	}
	race->server[server].got++;
	return 0;
}

static void to_one_or_to_the_other(struct bypass_suite *s, struct frames_client c)
{
	struct race race = { .suite = s };
	uint8_t frame[FRAMES_MAX];
	pthread_t thread;
	uint64_t packets;
	size_t len;
	int i;

	race.server[0].way = way_back(s);
	race.server[1].way = (struct frames_way){ .ifindex = s->out, .mac = 77 };
	for (i = 0; i < 2; i++)
		race.server[i].len = frames_server(&c, &race.server[i].way, race.server[i].sent);
	SET(s, sample, UINT32_MAX / 4);
	learn(s, &c, &race.server[0].way);
	len = frames_client(&c, frame);
	assert_int_equal(pthread_create(&thread, NULL, ipvs, &race), 0);
	for (packets = 0; packets < MOVES && !race.failed; packets++)
		if (client_once(&race, frame, len))
			race.failed = 1;
	pthread_join(thread, NULL);
	assert_int_equal(race.failed, 0);
	print_message("# IPv%d: %llu and %llu packets\n", c.family,
		      (unsigned long long)race.server[0].got,
		      (unsigned long long)race.server[1].got);
	assert_int_equal(race.server[0].got + race.server[1].got, MOVES);
	/* one CPU alone may have had the time for all of either before the other began */
	egress_once(&race, &race.server[1]);
	packets = race.server[1].got;
	assert_int_equal(client_once(&race, frame, len), 0);
	assert_int_equal(race.server[1].got, packets + 1);
}

/* --- */

#define EACH(X) X(to_one_or_to_the_other)

EACH(CASE_RUN)

int main(void)
{
	const struct CMUnitTest tests[] = { EACH(CASE_ROW) };

	return cmocka_run_group_tests(tests, case_begin, case_end);
}
