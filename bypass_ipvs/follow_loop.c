// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* The follower at work. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "bypass_ipvs/follow.h"
#include "bypass_ipvs/follow_loop.h"
#include "bypass_ipvs/paths.h"
#include "bypass_ipvs/services.h"
#include "bypass_ipvs/tunnel_mtus.h"
#include "libecbpf/ecbpf.h"
#include "libecbpf/follower.h"
#include "libecbpf/log.h"
#include "libecbpf/loop.h"

/* Looks at the paths are so many comparisons apart. */
#define PATHS_TICKS 4

/**
 * struct follower - what it knows
 * @map_id: of settings_map: of the bypass that @before is about
 * @before: IPVS when the maps were last brought up to date, if @known
 * @next: number of the next service
 * @again: what was invalidated then. A packet that IPVS was handling at that moment may have been
 *         entered as IPVS was before, so this is done once more
 * @leaving: paths that nobody took when it was looked last
 * @ticks: since then
 * @said: the last failure that was logged
 */
struct follower {
	struct ipvs *ipvs;
	struct follow_news news;
	struct ipvs_config before;
	struct service_plan again;
	struct paths_leaving leaving;
	struct ecbpf_netlink routes;
	unsigned int ticks;
	__u32 map_id;
	uint32_t next;
	bool known;
	char said[256];
};

/* say_once - a failure that goes on is one line */
static void say_once(struct follower *f, int err)
{
	if (!err && *f->said)
		ecbpf_log(ECBPF_LOG_INFO, "following again");
	if (err && strcmp(f->said, ecbpf_error()))
		ecbpf_log(ECBPF_LOG_WARN, "follow: %s", ecbpf_error());
	snprintf(f->said, sizeof(f->said), "%s", err ? ecbpf_error() : "");
}

/* --- IPVS */

/* config_read - a kernel without IPVS has no services; its module may come later */
static int config_read(struct follower *f, struct ipvs_config *now)
{
	int err = f->ipvs ? 0 : ipvs_open(&f->ipvs);

	*now = (struct ipvs_config){};
	if (!err)
		err = ipvs_read(f->ipvs, now);
	if (err) {
		ipvs_close(f->ipvs);
		f->ipvs = NULL;
	}
	return err == -ENOENT ? 0 : err;
}

static void plan_log(const struct service_plan *plan)
{
	static const char *const kinds[] = { "new", "gone", "changed" };
	char text[SERVICE_TEXT_SIZE];
	size_t i;

	for (i = 0; i < plan->count; i++)
		ecbpf_log(ECBPF_LOG_INFO, "follow: %s, number %u: %s",
			  service_text(&plan->change[i].key, text), plan->change[i].number,
			  kinds[plan->change[i].kind]);
}

static int plan_apply(struct follower *f, struct live *live, const struct ipvs_config *now)
{
	struct service_plan plan = {};
	struct service_table table;
	int err = services_read(live, &table);

	if (err)
		return err;
	if (f->next > table.next)
		table.next = f->next;
	err = services_plan(&table, f->known ? &f->before : NULL, now, &plan);
	if (!err)
		err = services_apply(live, &plan);
	plan_log(&plan);
	f->next = table.next;
	service_table_free(&table);
	service_plan_free(&f->again);
	f->again = plan;
	return err;
}

/* bring_up_to_date - under the lock; takes @now */
static int bring_up_to_date(struct follower *f, struct ipvs_config *now)
{
	struct live live;
	int err = live_open(&live, true), gue = 0;

	if (!err)
		gue = services_gue_apply(&live, now);
	if (!err && gue)
		ecbpf_log(ECBPF_LOG_WARN, "follow: %s", ecbpf_error());
	if (!err)
		err = plan_apply(f, &live, now);
	live_close(&live);
	if (err) {
		ipvs_free(now);
		return err;
	}
	ipvs_free(&f->before);
	f->before = *now;
	f->known = true;
	return 0;
}

static void invalidate_again(struct follower *f, struct live *live)
{
	size_t i;

	for (i = 0; i < f->again.count; i++)
		live_invalidate(live, f->again.change[i].number);
	service_plan_free(&f->again);
	follow_news_invalidate(&f->news, live);
	follow_news_forget(&f->news);
}

/* --- a tick */

/* is_another - it was detached and attached in between, and nothing that is known holds */
static int is_another(struct follower *f, const struct live *live)
{
	struct bpf_map_info info = {};
	__u32 len = sizeof(info);
	int err = bpf_obj_get_info_by_fd(live->fd[LIVE_SETTINGS], &info, &len);

	if (err)
		return ecbpf_fail(err, "settings_map: %s", strerror(-err));
	if (f->map_id != info.id) {
		f->map_id = info.id;
		f->known = false;
		f->news.links = true;
		service_plan_free(&f->again);
		paths_forget(&f->leaving);
	}
	return 0;
}

static void links_follow(struct follower *f)
{
	struct live live;
	int err = live_open(&live, true);

	if (!err)
		err = follow_devices(&live);
	live_close(&live);
	f->news.links = false;
	if (err && err != -ENOENT)
		ecbpf_log(ECBPF_LOG_WARN, "follow: %s", ecbpf_error());
}

/* paths_follow - not at each tick: between two looks packets must have left that had found a path */
static void paths_follow(struct follower *f)
{
	struct live live;
	int err;

	if (++f->ticks < PATHS_TICKS)
		return;
	f->ticks = 0;
	err = live_open(&live, true);
	if (!err)
		err = paths_collect(&live, &f->leaving);
	if (!err)
		err = tunnel_mtus_refresh(&f->routes, &live);
	live_close(&live);
	if (err && err != -ENOENT)
		ecbpf_log(ECBPF_LOG_WARN, "follow: %s", ecbpf_error());
}

static int compare(struct follower *f)
{
	struct ipvs_config now;
	int err = config_read(f, &now);

	if (!err && f->known && services_same(&f->before, &now))
		ipvs_free(&now);
	else if (!err)
		err = bring_up_to_date(f, &now);
	return err;
}

static int stamp(const struct live *live)
{
	__u32 now;
	int err = live_now(&now);

	if (!err)
		__atomic_store_n(&live->settings->followed, now ? now : 1, __ATOMIC_RELAXED);
	return err;
}

/* tick - *gone: the bypass is not there any more */
static int tick(struct follower *f, bool *gone)
{
	struct live live;
	int err = live_open(&live, false);

	*gone = err == -ENOENT;
	if (!err)
		err = is_another(f, &live);
	if (!err) {
		invalidate_again(f, &live);
		err = compare(f);
	}
	if (!err)
		err = stamp(&live);
	live_close(&live);
	if (!err && f->news.links)
		links_follow(f);
	if (!err)
		paths_follow(f);
	return err;
}

static int news(struct follower *f)
{
	struct live live;
	int err = follow_news_take(&f->news);

	if (err <= 0)
		return err;
	err = live_open(&live, false);
	if (!err)
		follow_news_invalidate(&f->news, &live);
	live_close(&live);
	return err == -ENOENT ? 0 : err;
}

/* --- the loop */

static int follow_loop(struct follower *f, struct ecbpf_loop *loop, int lock)
{
	bool gone = false;
	int event, err;

	while (!gone) {
		event = ecbpf_loop_wait(loop);
		if (event < 0)
			return event;
		if (event == ECBPF_LOOP_STOP)
			return 0;
		err = event == ECBPF_LOOP_TICK ? tick(f, &gone) : news(f);
		if (event == ECBPF_LOOP_TICK)
			ecbpf_follower_tend(lock);
		if (!gone)
			say_once(f, err == -ENOENT ? 0 : err);
	}
	return 0;
}

int follow_run(uint64_t interval_ns, void (*ready)(void *arg), void *arg)
{
	struct follower f = {};
	struct ecbpf_loop loop;
	bool gone;
	int err, lock = follow_lock();

	if (lock < 0)
		return lock;
	err = follow_news_open(&f.news);
	if (!err)
		err = ecbpf_loop_open(&loop, interval_ns, ecbpf_netlink_fd(&f.news.socket));
	if (!err) {
		err = tick(&f, &gone);
		if (!err && ready)
			ready(arg);
		if (!err)
			err = follow_loop(&f, &loop, lock);
		ecbpf_loop_close(&loop);
	}
	follow_news_close(&f.news);
	service_plan_free(&f.again);
	paths_forget(&f.leaving);
	ecbpf_netlink_close(&f.routes);
	ipvs_free(&f.before);
	ipvs_close(f.ipvs);
	close(lock);
	return err;
}
