// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* HTTP and HTTPS, by libcurl's sockets in an epoll of their own. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <curl/curl.h>

#include "libecbpf/ecbpf.h"
#include "libecbpf/loop.h"
#include "xdp_lb/probe.h"

#define EVENTS	  64
#define NS_PER_MS 1000000ULL
#define NEVER	  UINT64_MAX

/** struct lb_http - @timer_ns: when libcurl wants to be called, CLOCK_MONOTONIC */
struct lb_http {
	CURLM *multi;
	int epoll;
	uint64_t timer_ns;
};

/* --- what libcurl asks for */

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
	struct lb_http *http = arg;
	struct epoll_event event = { .data.fd = fd };

	(void)easy;
	(void)socket_arg;
	if (what == CURL_POLL_REMOVE) {
		epoll_ctl(http->epoll, EPOLL_CTL_DEL, fd, NULL);
		return 0;
	}
	event.events = (what & CURL_POLL_IN ? EPOLLIN : 0) | (what & CURL_POLL_OUT ? EPOLLOUT : 0);
	if (epoll_ctl(http->epoll, EPOLL_CTL_MOD, fd, &event) && errno == ENOENT)
		epoll_ctl(http->epoll, EPOLL_CTL_ADD, fd, &event);
	return 0;
}

static int on_timer(CURLM *multi, long ms, void *arg)
{
	struct lb_http *http = arg;

	(void)multi;
	http->timer_ns = ms < 0 ? NEVER : ecbpf_monotonic_ns() + ms * NS_PER_MS;
	return 0;
}

static size_t on_body(char *data, size_t size, size_t count, void *arg)
{
	(void)data;
	(void)arg;
	return size * count;
}

/* --- all probes */

int lb_http_open(struct lb_http **http)
{
	struct lb_http *new = calloc(1, sizeof(*new));

	*http = new;
	if (!new)
		return ecbpf_fail(-ENOMEM, "out of memory");
	new->timer_ns = NEVER;
	new->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (new->epoll < 0)
		return ecbpf_fail(-errno, "waiting: %s", strerror(errno));
	if (!curl_global_init(CURL_GLOBAL_DEFAULT))
		new->multi = curl_multi_init();
	if (!new->multi)
		return ecbpf_fail(-ENOMEM, "libcurl does not start");
	curl_multi_setopt(new->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(new->multi, CURLMOPT_SOCKETDATA, new);
	curl_multi_setopt(new->multi, CURLMOPT_TIMERFUNCTION, on_timer);
	curl_multi_setopt(new->multi, CURLMOPT_TIMERDATA, new);
	return 0;
}

void lb_http_close(struct lb_http *http)
{
	if (!http)
		return;
	if (http->multi) {
		curl_multi_cleanup(http->multi);
		curl_global_cleanup();
	}
	if (http->epoll >= 0)
		close(http->epoll);
	free(http);
}

int lb_http_fd(const struct lb_http *http)
{
	return http->epoll;
}

static enum lb_probe_result result_of(const struct lb_probe *probe, CURLcode code)
{
	long status = 0;

	if (code || curl_easy_getinfo(probe->easy, CURLINFO_RESPONSE_CODE, &status))
		return LB_PROBE_BAD;
	return status >= probe->check->status_min && status <= probe->check->status_max ?
		       LB_PROBE_GOOD :
		       LB_PROBE_BAD;
}

static void results_take(struct lb_http *http)
{
	struct lb_probe *probe;
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(http->multi, &left))) {
		probe = NULL;
		if (message->msg == CURLMSG_DONE)
			curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &probe);
		if (probe)
			probe->result = result_of(probe, message->data.result);
	}
}

void lb_http_run(struct lb_http *http, uint64_t now)
{
	struct epoll_event events[EVENTS];
	int i, running, got = epoll_wait(http->epoll, events, EVENTS, 0);

	for (i = 0; i < got; i++) {
		const uint32_t on = events[i].events;

		curl_multi_socket_action(http->multi, events[i].data.fd,
					 (on & EPOLLIN ? CURL_CSELECT_IN : 0) |
						 (on & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
						 (on & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR :
									       0),
					 &running);
	}
	if (now >= http->timer_ns) {
		http->timer_ns = NEVER;
		curl_multi_socket_action(http->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	}
	results_take(http);
}

/* --- one */

static void url_make(const struct lb_probe *probe, char *url, char *to, size_t size)
{
	const struct lb_check *check = probe->check;
	const char *scheme = check->kind == LB_CHECK_HTTPS ? "https" : "http";
	char address[INET6_ADDRSTRLEN], where[INET6_ADDRSTRLEN + 2];

	inet_ntop(probe->endpoint.family, probe->endpoint.addr, address, sizeof(address));
	snprintf(where, sizeof(where), probe->endpoint.family == AF_INET ? "%s" : "[%s]", address);
	snprintf(url, size, "%s://%s:%u%s", scheme, *check->host ? check->host : where, probe->port,
		 check->path);
	snprintf(to, size, "::%s:%u", where, probe->port);
}

/* options_set - one connection, one answer: no proxy, redirection, other protocol or signal */
static bool options_set(CURL *easy, struct lb_probe *probe, const char *url)
{
	const long ms = probe->check->timeout_ns / NS_PER_MS;

	return !curl_easy_setopt(easy, CURLOPT_URL, url) &&
	       !curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") &&
	       !curl_easy_setopt(easy, CURLOPT_PROXY, "") &&
	       !curl_easy_setopt(easy, CURLOPT_PRIVATE, probe) &&
	       !curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body) &&
	       !curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) &&
	       !curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L) &&
	       !curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L) &&
	       !curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L) &&
	       !curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L) &&
	       !curl_easy_setopt(easy, CURLOPT_USERAGENT, "xdp_lb") &&
	       !curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, ms);
}

bool lb_http_begin(struct lb_http *http, struct lb_probe *probe)
{
	char url[2 * LB_CHECK_TEXT + 32], to[2 * LB_CHECK_TEXT + 32];
	CURL *easy = curl_easy_init();
	struct curl_slist *list;
	bool begun;

	if (!easy)
		return false;
	url_make(probe, url, to, sizeof(url));
	list = curl_slist_append(NULL, to);
	probe->easy = easy;
	probe->result = LB_PROBE_WAITING;
	begun = list && options_set(easy, probe, url) &&
		!curl_easy_setopt(easy, CURLOPT_CONNECT_TO, list);
	probe->list = list;
	begun = begun && !curl_multi_add_handle(http->multi, easy);
	if (begun)
		lb_http_run(http, http->timer_ns);
	return begun;
}

void lb_http_end(struct lb_http *http, struct lb_probe *probe)
{
	curl_multi_remove_handle(http->multi, probe->easy);
	curl_easy_cleanup(probe->easy);
	curl_slist_free_all(probe->list);
	probe->easy = NULL;
	probe->list = NULL;
}
