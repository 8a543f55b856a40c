// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "libecbpf/ecbpf.h"
#include "libecbpf/log.h"
#include "libecbpf/loop.h"
#include "xdp_lb/change.h"
#include "xdp_lb/checks.h"
#include "xdp_lb/health.h"
#include "xdp_lb/probe.h"
#include "xdp_lb/text.h"

#define EVENTS	 64
#define APART_NS 1000000ULL

/**
 * struct lb_health - checks, and a probe for each backend that they are for, in order of keys
 * @checked: there is a file
 * @stray: a backend is down by checks that there are no more
 * @changed: probes whose verdict is not written yet
 */
struct lb_health {
	struct lb_checks checks;
	struct lb_http *http;
	int epoll;
	bool checked, stray;
	struct lb_probe **probe;
	size_t probes, changed;
};

/* --- open, close */

int lb_health_open(struct lb_health **health, const char *path)
{
	struct lb_health *new = calloc(1, sizeof(*new));
	struct epoll_event event = { .events = EPOLLIN };
	int err;

	*health = new;
	if (!new)
		return ecbpf_fail(-ENOMEM, "out of memory");
	new->checked = path != NULL;
	new->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (new->epoll < 0)
		return ecbpf_fail(-errno, "waiting: %s", strerror(errno));
	err = path ? lb_checks_read(path, &new->checks) : 0;
	if (!err)
		err = lb_http_open(&new->http);
	/* without a probe as data: HTTP's */
	if (!err && epoll_ctl(new->epoll, EPOLL_CTL_ADD, lb_http_fd(new->http), &event))
		err = ecbpf_fail(-errno, "waiting: %s", strerror(errno));
	return err;
}

static void probe_free(struct lb_health *health, struct lb_probe *probe)
{
	if (probe)
		lb_probe_end(probe, health->http);
	free(probe);
}

static void probes_free(struct lb_health *health)
{
	size_t i;

	for (i = 0; i < health->probes; i++)
		probe_free(health, health->probe[i]);
	free(health->probe);
	health->probe = NULL;
	health->probes = 0;
}

void lb_health_close(struct lb_health *health)
{
	if (!health)
		return;
	probes_free(health);
	lb_http_close(health->http);
	lb_checks_free(&health->checks);
	if (health->epoll >= 0)
		close(health->epoll);
	free(health);
}

int lb_health_fd(const struct lb_health *health)
{
	return health->epoll;
}

/* --- who is asked */

static int probe_compare(const void *one, const void *other)
{
	const struct lb_probe *const *a = one, *const *b = other;
	const int order = lb_service_compare(&(*a)->service, &(*b)->service);

	return order ? order : lb_endpoint_compare(&(*a)->endpoint, &(*b)->endpoint);
}

static struct lb_probe **probe_find(const struct lb_health *health,
				    const struct lb_service *service,
				    const struct lb_endpoint *endpoint)
{
	const struct lb_probe key = { .service = *service, .endpoint = *endpoint };
	const struct lb_probe *at = &key;

	if (!health->probes)
		return NULL;
	return bsearch(&at, health->probe, health->probes, sizeof(at), probe_compare);
}

static uint16_t port_of(const struct lb_check *check, const struct lb_vip *vip,
			const struct lb_endpoint *endpoint)
{
	if (check->port)
		return check->port;
	return endpoint->port ? endpoint->port : vip->service.first;
}

/* probe_new - the first checks do not begin all at once */
static struct lb_probe *probe_new(const struct lb_check *check, const struct lb_vip *vip,
				  const struct lb_backend *backend, size_t place)
{
	struct lb_probe *probe = calloc(1, sizeof(*probe));

	if (!probe)
		return NULL;
	*probe = (struct lb_probe){ .check = check,
				    .service = vip->service,
				    .endpoint = backend->endpoint,
				    .port = port_of(check, vip, &backend->endpoint),
				    .verdict.up = backend->monitor == LB_ACTIVE,
				    .fd = -1 };
	probe->due_ns = ecbpf_monotonic_ns() + place * APART_NS % check->interval_ns;
	return probe;
}

/* probes_make - into @next, which has the room; those that there were go on */
static int probes_make(const struct lb_health *health, const struct lb_config *config,
		       struct lb_health *next)
{
	size_t v, b;

	for (v = 0; v < config->vips; v++) {
		const struct lb_vip *vip = &config->vip[v];
		const struct lb_check *check = lb_checks_find(&health->checks, &vip->service);

		for (b = 0; b < vip->backends; b++) {
			const struct lb_backend *backend = &vip->backend[b];
			struct lb_probe **had, **to = &next->probe[next->probes];

			next->stray |= !check && health->checked && backend->monitor == LB_DOWN;
			if (!check)
				continue;
			had = probe_find(health, &vip->service, &backend->endpoint);
			*to = had ? *had : probe_new(check, vip, backend, next->probes);
			if (!*to)
				return ecbpf_fail(-ENOMEM, "out of memory");
			/* somebody may have restored another verdict */
			(*to)->changed = (*to)->verdict.up != (backend->monitor == LB_ACTIVE);
			next->changed += (*to)->changed;
			next->probes++;
		}
	}
	return 0;
}

/* probes_drop - all of @health but those that are in @keep */
static void probes_drop(struct lb_health *health, const struct lb_health *keep)
{
	size_t i;

	for (i = 0; i < health->probes; i++)
		if (!probe_find(keep, &health->probe[i]->service, &health->probe[i]->endpoint))
			probe_free(health, health->probe[i]);
	free(health->probe);
}

int lb_health_follow(struct lb_health *health, const struct lb_config *config)
{
	struct lb_health next = *health;
	int err;

	next.probes = next.changed = 0;
	next.stray = false;
	next.probe = calloc(config->backends + 1, sizeof(*next.probe));
	err = next.probe ? probes_make(health, config, &next) :
			   ecbpf_fail(-ENOMEM, "out of memory");
	if (err) {
		probes_drop(&next, health);
		return err;
	}
	probes_drop(health, &next);
	*health = next;
	return 0;
}

/* --- answers */

static void probe_done(struct lb_health *health, struct lb_probe *probe,
		       enum lb_probe_result result)
{
	char service[LB_TEXT_SIZE], backend[LB_TEXT_SIZE];

	if (result == LB_PROBE_WAITING)
		return;
	lb_probe_end(probe, health->http);
	probe->running = false;
	probe->due_ns = probe->next_ns;
	if (!lb_verdict_take(&probe->verdict, probe->check, result == LB_PROBE_GOOD))
		return;
	health->changed += !probe->changed;
	probe->changed = true;
	ecbpf_log(ECBPF_LOG_INFO, "%s: %s: %s", lb_service_text(&probe->service, service),
		  lb_endpoint_text(&probe->endpoint, backend), probe->verdict.up ? "up" : "down");
}

void lb_health_read(struct lb_health *health)
{
	struct epoll_event events[EVENTS];
	int i, got = epoll_wait(health->epoll, events, EVENTS, 0);

	for (i = 0; i < got; i++) {
		struct lb_probe *probe = events[i].data.ptr;

		if (!probe)
			lb_http_run(health->http, ecbpf_monotonic_ns());
		else if (probe->running)
			probe_done(health, probe, lb_probe_wake(probe));
	}
}

static void probe_tick(struct lb_health *health, struct lb_probe *probe, uint64_t now)
{
	const struct lb_check *check = probe->check;

	if (probe->running && probe->easy && probe->result != LB_PROBE_WAITING) {
		probe_done(health, probe, probe->result);
	} else if (now >= probe->due_ns && probe->running) {
		probe_done(health, probe, LB_PROBE_BAD);
	} else if (now >= probe->due_ns) {
		probe->running = true;
		probe->due_ns = now + check->timeout_ns;
		probe->next_ns = now + check->interval_ns;
		probe_done(health, probe, lb_probe_begin(probe, health->epoll, health->http));
	}
}

/* --- what follows */

static int backend_write(struct lb_config *config, const struct lb_vip *vip, size_t b,
			 enum lb_state monitor)
{
	struct lb_backend backend = vip->backend[b];

	if (backend.monitor == monitor)
		return 0;
	backend.monitor = monitor;
	return lb_backend_set(config, &vip->service, &backend);
}

/* verdicts_write - for lb_change(): what was removed meanwhile is left alone */
static int verdicts_write(struct lb_config *config, const void *arg)
{
	const struct lb_health *health = arg;
	struct lb_probe **probe;
	size_t v, b;
	int err = 0;

	for (v = 0; v < config->vips; v++) {
		const struct lb_vip *vip = &config->vip[v];
		const bool checked = lb_checks_find(&health->checks, &vip->service) != NULL;

		for (b = 0; !err && b < vip->backends; b++) {
			probe = probe_find(health, &vip->service, &vip->backend[b].endpoint);
			if (!checked)
				err = backend_write(config, vip, b, LB_ACTIVE);
			else if (probe && (*probe)->changed)
				err = backend_write(config, vip, b,
						    (*probe)->verdict.up ? LB_ACTIVE : LB_DOWN);
		}
	}
	return err;
}

int lb_health_tick(struct lb_health *health, uint64_t now)
{
	size_t i;
	int err;

	lb_http_run(health->http, now);
	for (i = 0; i < health->probes; i++)
		probe_tick(health, health->probe[i], now);
	if (!health->changed && !health->stray)
		return 0;
	err = lb_change(verdicts_write, health);
	if (err)
		return err;
	for (i = 0; i < health->probes; i++)
		health->probe[i]->changed = false;
	health->changed = 0;
	health->stray = false;
	return 0;
}
