// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* rate, filter */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "libecbpf/json.h"
#include "xdp_sampler/commands.h"
#include "xdp_sampler/rates.h"

static int rate_words(struct ecbpf_sampling *sampling, size_t count, char **words)
{
	return rates_parse(sampling, count, words);
}

static int filter_words(struct ecbpf_sampling *sampling, size_t count, char **words)
{
	return rates_parse_filter(&sampling->filter, count, words);
}

static void rate_show(const struct ecbpf_sampling *sampling, bool json)
{
	if (json)
		ecbpf_json_print(rates_json(sampling));
	else
		rates_write_rates(stdout, "", sampling);
}

static void filter_show(const struct ecbpf_sampling *sampling, bool json)
{
	if (json) {
		ecbpf_json_print(filter_json(&sampling->filter));
		return;
	}
	rates_write_filter(stdout, &sampling->filter);
	putchar('\n');
}

/* struct subject - what a command shows and changes */
static const struct subject {
	const char *verb;
	int (*change)(struct ecbpf_sampling *sampling, size_t count, char **words);
	void (*show)(const struct ecbpf_sampling *sampling, bool json);
} rate = { "rate", rate_words, rate_show }, filter = { "filter", filter_words, filter_show };

static int run(const struct subject *subject, const struct options *opts, int argc, char **argv)
{
	const bool show = argc == 2 && !strcmp(argv[1], "show");
	struct interface interface;
	int err = interface_open(argv[0], &interface);

	if (!err && show)
		subject->show(&interface.sampling, opts->common.json);
	else if (!err)
		err = subject->change(&interface.sampling, argc - 1, argv + 1);
	if (!err && !show)
		interface_store(&interface);
	interface_close(&interface);
	if (!err)
		return 0;
	/* words that nobody can mean are usage */
	return ecbpf_report(err == -EINVAL || err == -ERANGE ? ECBPF_EXIT_USAGE : err, argv[0],
			    subject->verb);
}

int cmd_rate(const void *opts, int argc, char **argv)
{
	return run(&rate, opts, argc, argv);
}

int cmd_filter(const void *opts, int argc, char **argv)
{
	return run(&filter, opts, argc, argv);
}
