// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* What it takes to change the balancer, and to remember a connection: time and memory, not of packets. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <arpa/inet.h>

#include "tests/bench/bench.h"
#include "xdp_lb/change.h"
#include "xdp_lb/live.h"

#define TIMES	 5
#define VIPS	 500
#define BACKENDS 4096

static double now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1e3 + now.tv_nsec / 1e6;
}

static int figure(struct bench *b, const char *name, const char *unit, double *values, int count)
{
	struct bench_figure f = { .unit = unit };

	snprintf(f.name, sizeof(f.name), "%s", name);
	f.value = bench_spread(values, count);
	return bench_figure(b, &f);
}

/* --- one backend among many */

/* service_of - 10.1.0.0:80 and so on; endpoint_of - 10.2.0.0 and so on, in turn a VIP's */
static struct lb_service service_of(unsigned int vip)
{
	struct lb_service service = { .address = { .addr = { 10, 1, vip >> 8, vip & 0xff },
						   .family = AF_INET,
						   .length = 32 },
				      .proto = IPPROTO_TCP,
				      .first = 80,
				      .last = 80 };

	return service;
}

static struct lb_endpoint endpoint_of(unsigned int backend)
{
	struct lb_endpoint endpoint = { .addr = { 10, 2, backend >> 8, backend & 0xff },
					.family = AF_INET };

	return endpoint;
}

static int fill(struct lb_config *config, const void *arg)
{
	struct lb_service service;
	struct lb_endpoint endpoint;
	struct lb_backend backend;
	struct lb_vip vip;
	unsigned int i;
	int err = 0;

	(void)arg;
	for (i = 0; !err && i < VIPS; i++) {
		service = service_of(i);
		lb_vip_init(&vip, &service);
		err = lb_vip_add(config, &vip);
	}
	for (i = 0; !err && i < BACKENDS; i++) {
		service = service_of(i % VIPS);
		endpoint = endpoint_of(i);
		lb_backend_init(&backend, &endpoint);
		err = lb_backend_add(config, &service, &backend);
	}
	return err;
}

/* set - as `backend set SERVICE BACKEND --weight N`: @arg: N */
static int set(struct lb_config *config, const void *arg)
{
	const struct lb_service service = service_of(0);
	const struct lb_endpoint endpoint = endpoint_of(VIPS);
	struct lb_backend backend;

	lb_backend_init(&backend, &endpoint);
	backend.weight = *(const int *)arg;
	return lb_backend_set(config, &service, &backend);
}

static int change_figure(struct bench *b)
{
	double ms[TIMES];
	int i, weight, err = lb_change(fill, NULL);

	for (i = 0; !err && i < TIMES; i++) {
		weight = 2 + i;
		ms[i] = now_ms();
		err = lb_change(set, &weight);
		ms[i] = now_ms() - ms[i];
	}
	if (err)
		return bench_fail(err, "%d backends: %s", BACKENDS, ecbpf_error());
	return figure(b, "lb, set 1 of 4096 backends, 500 VIPs", "ms", ms, TIMES);
}

/* --- memory */

static int memory_figure(struct bench *b, const char *name, const struct lb_live *live,
			 enum lb_live_map map, __u32 conns)
{
	double bytes;
	int err = bench_memlock(live->fd[map], &bytes);

	bytes /= conns;
	return err ? err : figure(b, name, "bytes", &bytes, 1);
}

static int memory_figures(struct bench *b)
{
	struct lb_live live;
	int err = lb_live_open(&live, false);

	if (err)
		bench_fail(err, "balancer: %s", ecbpf_error());
	else
		err = memory_figure(b, "lb, memory of a connection, IPv4", &live, LB_LIVE_CONN4,
				    live.settings->conns);
	if (!err)
		err = memory_figure(b, "lb, memory of a connection, IPv6", &live, LB_LIVE_CONN6,
				    live.settings->conns6);
	lb_live_close(&live);
	return err;
}

/* run - the command, built beside this one; what it prints is no line of a table */
static int run(const char *verb, const char *ifname, const char *option)
{
	const char *build = getenv("B"), *argv[] = { NULL, verb, ifname, option, NULL };
	const int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
	char path[256];
	int err;

	snprintf(path, sizeof(path), "%s/bin/xdp_lb", build ?: "build");
	argv[0] = path;
	err = nowhere < 0 ? bench_fail(-errno, "/dev/null") : bench_filter(argv, -1, nowhere);
	if (nowhere >= 0)
		close(nowhere);
	return err;
}

int rows_lb_change(struct bench *b)
{
	struct ecbpf_root *root;
	int err = bench_root(b, &root);

	if (err < 0)
		return err;
	err = run("attach", ecbpf_root_ifname(root), "--no-monitor");
	if (!err) {
		err = change_figure(b);
		if (!err)
			err = memory_figures(b);
		run("detach", NULL, NULL);
	}
	ecbpf_root_close(root);
	return err;
}
