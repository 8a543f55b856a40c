// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* The monitor at work. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "libecbpf/ecbpf.h"
#include "libecbpf/follower.h"
#include "libecbpf/log.h"
#include "libecbpf/loop.h"
#include "libecbpf/netlink/netlink.h"
#include "xdp_lb/health.h"
#include "xdp_lb/live.h"
#include "xdp_lb/monitor.h"
#include "xdp_lb/monitor_loop.h"

#define TICK_NS	     50000000ULL
#define LOOK_NS	     1000000000ULL /* is the balancer there, and with the same configuration? */
#define REFRESH_NS   5000000000ULL /* what rtnetlink does not tell: MTUs found on the way */
#define REFRESH_COST 10		   /* of news: at most a tenth of the time */

/**
 * struct monitor - what it knows
 * @config_id: map that @config and @numbers were read from; 0: none was
 * @stale: the ways may have changed
 * @look_ns, @refresh_ns, @quiet_ns: when it is time to look, to refresh; no refresh before
 * @said: the last failure that was logged
 */
struct monitor {
	struct lb_health *health;
	struct ecbpf_netlink news;
	struct lb_config config;
	struct lb_numbers numbers;
	__u32 config_id;
	bool stale;
	uint64_t look_ns, refresh_ns, quiet_ns;
	char said[256];
};

/* say_once - a failure that goes on is one line */
static void say_once(struct monitor *m, int err)
{
	if (!err && *m->said)
		ecbpf_log(ECBPF_LOG_INFO, "monitoring again");
	if (err && strcmp(m->said, ecbpf_error()))
		ecbpf_log(ECBPF_LOG_WARN, "monitor: %s", ecbpf_error());
	snprintf(m->said, sizeof(m->said), "%s", err ? ecbpf_error() : "");
}

/* --- what runs */

static __u32 config_id(const struct lb_live *live)
{
	__u32 zero = 0, id = 0;

	/* of an array of maps: the number of the map in it */
	return bpf_map_lookup_elem(live->fd[LB_LIVE_CONFIG], &zero, &id) ? 0 : id;
}

static void config_forget(struct monitor *m)
{
	lb_config_free(&m->config);
	lb_numbers_free(&m->numbers);
	m->config_id = 0;
}

/* config_follow - under the lock; another configuration has other ways, and others to ask */
static int config_follow(struct monitor *m, const struct lb_live *live)
{
	const __u32 id = config_id(live);
	int err;

	if (id && id == m->config_id)
		return 0;
	config_forget(m);
	err = lb_live_config(live, &m->config, &m->numbers);
	if (!err)
		err = lb_health_follow(m->health, &m->config);
	if (err)
		config_forget(m);
	else
		m->config_id = id;
	return err;
}

static int refresh(struct monitor *m)
{
	const uint64_t begun = ecbpf_monotonic_ns();
	struct lb_live live;
	int err = lb_live_open(&live, true);

	if (!err)
		err = config_follow(m, &live);
	if (!err)
		err = lb_ways_refresh(&live, &m->config, &m->numbers, NULL, NULL);
	lb_live_close(&live);
	m->stale = err != 0;
	m->refresh_ns = begun + REFRESH_NS;
	m->quiet_ns = begun + (ecbpf_monotonic_ns() - begun) * REFRESH_COST;
	return err;
}

/* look - *gone: the balancer is not there any more, or it is another version's */
static int look(struct monitor *m, bool *gone)
{
	struct lb_live live;
	int err = lb_live_open(&live, false);

	*gone = err == -ENOENT || err == -EPROTO;
	if (!err && (!m->config_id || config_id(&live) != m->config_id))
		m->stale = true;
	lb_live_close(&live);
	return err;
}

static int tick(struct monitor *m, int lock, bool *gone)
{
	const uint64_t now = ecbpf_monotonic_ns();
	int err = 0;

	if (now >= m->look_ns) {
		m->look_ns = now + LOOK_NS;
		ecbpf_follower_tend(lock);
		err = look(m, gone);
	}
	if (!err && ((m->stale && now >= m->quiet_ns) || now >= m->refresh_ns))
		err = refresh(m);
	if (!err)
		err = lb_health_tick(m->health, now);
	return err;
}

/* --- the loop */

static int loop(struct monitor *m, struct ecbpf_loop *events, int lock)
{
	bool gone = false;
	int event, err;

	while (!gone) {
		event = ecbpf_loop_wait(events);
		if (event < 0)
			return event;
		if (event == ECBPF_LOOP_STOP)
			return 0;
		if (event == ECBPF_LOOP_READ) {
			if (ecbpf_rtnl_news(&m->news, NULL, NULL))
				m->stale = true;
			lb_health_read(m->health);
			continue;
		}
		err = tick(m, lock, &gone);
		if (!gone)
			say_once(m, err == -ENOENT ? 0 : err);
	}
	return 0;
}

static int watch(int epoll, int fd)
{
	struct epoll_event event = { .events = EPOLLIN };

	if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event))
		return ecbpf_fail(-errno, "waiting: %s", strerror(errno));
	return 0;
}

static int monitor_open(struct monitor *m, const char *checks, int epoll)
{
	int err = epoll < 0 ? ecbpf_fail(-errno, "waiting: %s", strerror(errno)) : 0;

	if (!err)
		err = lb_health_open(&m->health, checks);
	if (!err)
		err = ecbpf_rtnl_listen(&m->news, LB_NEWS);
	if (!err)
		err = watch(epoll, ecbpf_netlink_fd(&m->news));
	if (!err)
		err = watch(epoll, lb_health_fd(m->health));
	return err;
}

static void monitor_close(struct monitor *m)
{
	lb_health_close(m->health);
	ecbpf_netlink_close(&m->news);
	config_forget(m);
}

static int monitor_work(struct monitor *m, int epoll, int lock, void (*ready)(void *arg), void *arg)
{
	struct ecbpf_loop events;
	int err = ecbpf_loop_open(&events, TICK_NS, epoll);

	if (err)
		return err;
	err = refresh(m);
	if (!err && ready)
		ready(arg);
	if (!err)
		err = loop(m, &events, lock);
	ecbpf_loop_close(&events);
	return err;
}

int lb_monitor_run(const char *checks, void (*ready)(void *arg), void *arg)
{
	struct monitor m = {};
	int err, epoll, lock = lb_monitor_lock();

	if (lock < 0)
		return lock;
	epoll = epoll_create1(EPOLL_CLOEXEC);
	err = monitor_open(&m, checks, epoll);
	if (!err)
		err = monitor_work(&m, epoll, lock, ready, arg);
	monitor_close(&m);
	if (epoll >= 0)
		close(epoll);
	close(lock);
	return err;
}
