// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "libecbpf/json.h"
#include "xdp_sampler/commands.h"
#include "xdp_sampler/rates.h"

/**
 * struct status - of one interface
 * @one_in: packets are drawn one in so many; 0: sampling is off
 */
struct status {
	const char *ifname;
	uint32_t one_in;
	struct ecbpf_sampling sampling;
	struct ecbpf_sampled sampled;
};

static int gather(const char *ifname, struct status *status)
{
	struct interface interface;
	int err = interface_open(ifname, &interface);

	status->ifname = ifname;
	if (!err) {
		status->sampling = interface.sampling;
		status->one_in = interface.config.control->sample_one_in;
		err = ecbpf_sampled_read(interface.root, &status->sampled);
	}
	interface_close(&interface);
	return err;
}

/* --- text */

static void text_rate(void *arg, const char *kind, const char *key, __u32 one_in)
{
	(void)arg;
	printf(one_in == ECBPF_NEVER ? ", %s %s never" : ", %s %s %u", kind, key, one_in);
}

static void text_rates(const struct ecbpf_sampling *sampling)
{
	if (sampling->by_default == ECBPF_NEVER)
		fputs("rates: default never", stdout);
	else
		printf("rates: default %u", sampling->by_default);
	rates_each(sampling, text_rate, NULL);
	printf("\nsnap: %u bytes; budget: ", sampling->snap_bytes);
	if (sampling->budget)
		printf("%u samples a second", sampling->budget);
	else
		fputs("none", stdout);
	fputs("\nfilter: ", stdout);
	rates_write_filter(stdout, &sampling->filter);
	putchar('\n');
}

static void status_text(const struct status *status)
{
	const struct ecbpf_sampled *sampled = &status->sampled;

	if (!status->one_in)
		printf("%s: off\n", status->ifname);
	else if (status->one_in == ECBPF_NEVER)
		printf("%s: on, no packet is drawn\n", status->ifname);
	else
		printf("%s: on, one packet in %u is drawn\n", status->ifname, status->one_in);
	text_rates(&status->sampling);
	printf("drawn: %llu = filtered %llu + thinned %llu + unreported %llu + generated %llu\n",
	       sampled->drawn, sampled->filtered, sampled->thinned, sampled->unreported,
	       sampled->generated);
	printf("generated: %llu = delivered %llu + unread %llu + full %llu + failed %llu\n",
	       sampled->generated,
	       sampled->generated - sampled->unread - sampled->full - sampled->failed,
	       sampled->unread, sampled->full, sampled->failed);
}

/* --- JSON */

/* never is null: there is no such number */
static void json_one_in(struct json_object *to, const char *key, uint32_t one_in)
{
	if (one_in == ECBPF_NEVER)
		json_object_object_add(to, key, NULL);
	else
		ecbpf_json_number(to, key, one_in);
}

static void json_rate(void *arg, const char *kind, const char *key, __u32 one_in)
{
	struct json_object *to;

	if (json_object_object_get_ex(arg, kind, &to))
		json_one_in(to, key, one_in);
}

struct json_object *rates_json(const struct ecbpf_sampling *sampling)
{
	static const char *const kinds[] = { "slot", "action", "reason", "rule" };
	struct json_object *json = json_object_new_object();
	size_t i;

	json_one_in(json, "default", sampling->by_default);
	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		json_object_object_add(json, kinds[i], json_object_new_object());
	rates_each(sampling, json_rate, json);
	ecbpf_json_number(json, "snap_bytes", sampling->snap_bytes);
	ecbpf_json_number(json, "budget", sampling->budget);
	return json;
}

struct json_object *filter_json(const struct ecbpf_filter *filter)
{
	struct json_object *json;
	char prefix[RATES_PREFIX_MAX], number[4];

	if (!filter->flags)
		return NULL;
	json = json_object_new_object();
	rates_prefix(filter, prefix);
	ecbpf_json_text(json, "addr", prefix[0] ? prefix : NULL);
	ecbpf_json_text(json, "proto", rates_proto(filter, number));
	json_object_object_add(json, "port",
			       filter->flags & ECBPF_FILTER_PORT ?
				       json_object_new_int(ntohs(filter->port)) :
				       NULL);
	return json;
}

static struct json_object *status_json(const struct status *status)
{
	struct json_object *json = json_object_new_object();
	const struct ecbpf_sampled *sampled = &status->sampled;

	ecbpf_json_text(json, "interface", status->ifname);
	json_object_object_add(json, "on", json_object_new_boolean(status->one_in));
	json_one_in(json, "sample_one_in", status->one_in);
	json_object_object_add(json, "rates", rates_json(&status->sampling));
	json_object_object_add(json, "filter", filter_json(&status->sampling.filter));
	ecbpf_json_number(json, "drawn", sampled->drawn);
	ecbpf_json_number(json, "filtered", sampled->filtered);
	ecbpf_json_number(json, "thinned", sampled->thinned);
	ecbpf_json_number(json, "unreported", sampled->unreported);
	ecbpf_json_number(json, "generated", sampled->generated);
	ecbpf_json_number(json, "unread", sampled->unread);
	ecbpf_json_number(json, "full", sampled->full);
	ecbpf_json_number(json, "failed", sampled->failed);
	return json;
}

/* --- the command */

/* status_one - *printed: texts so far */
static int status_one(const char *ifname, bool asked, struct json_object *array, size_t *printed)
{
	struct status status = {};
	int err = gather(ifname, &status);

	if (err == -ENOENT && !asked)
		return 0;
	if (err)
		return ecbpf_report(err, ifname, "status");
	if (array) {
		json_object_array_add(array, status_json(&status));
		return 0;
	}
	fputs((*printed)++ ? "\n" : "", stdout);
	status_text(&status);
	return 0;
}

int cmd_status(const void *arg, int argc, char **argv)
{
	const struct options *opts = arg;
	struct json_object *array = NULL;
	struct ecbpf_iflist list;
	size_t i, printed = 0;
	int err, first = 0;

	err = argc ? ecbpf_iflist_args(&list, argc, argv) : ecbpf_iflist_pinned(&list);
	if (err)
		return ecbpf_report(argc ? ECBPF_EXIT_USAGE : err, "interfaces", "status");
	if (opts->common.json)
		array = json_object_new_array();
	for (i = 0; i < list.count; i++) {
		err = status_one(list.name[i], argc, array, &printed);
		if (!first)
			first = err;
	}
	if (array)
		ecbpf_json_print(array);
	else if (!argc && !printed && !first)
		puts("no interface of this network namespace has a root");
	ecbpf_iflist_free(&list);
	return first;
}
