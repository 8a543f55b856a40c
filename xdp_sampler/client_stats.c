// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <inttypes.h>
#include <stdio.h>

#include "libecbpf/json.h"
#include "xdp_sampler/client_stats.h"

static uint64_t lost(const struct account *account)
{
	return account->full + account->unread + account->failed + account->reader + account->bus;
}

static uint64_t pending(const struct account *account)
{
	const uint64_t told = account->sent + lost(account);

	return account->generated > told ? account->generated - told : 0;
}

static void account_add(struct account *sum, const struct account *account)
{
	sum->generated += account->generated;
	sum->sent += account->sent;
	sum->full += account->full;
	sum->unread += account->unread;
	sum->failed += account->failed;
	sum->reader += account->reader;
	sum->bus += account->bus;
}

static void account_text(const char *name, const struct account *account)
{
	printf("%s: generated %" PRIu64 ", sent %" PRIu64 ", pending %" PRIu64 ", lost %" PRIu64
	       " (ring %" PRIu64 ", unread %" PRIu64 ", failed %" PRIu64 ", reader %" PRIu64
	       ", bus %" PRIu64 ")\n",
	       name, account->generated, account->sent, pending(account), lost(account),
	       account->full, account->unread, account->failed, account->reader, account->bus);
}

static void print_text(const struct source *source, size_t count, const struct exporter *exporter)
{
	struct account sum = {}, account;
	size_t i;

	for (i = 0; i < count; i++) {
		account = source_account(&source[i]);
		account_text(source[i].name, &account);
		account_add(&sum, &account);
	}
	account_text("sum", &sum);
	printf("bus: %" PRIu64 " messages, %" PRIu64 " stalls", exporter->publisher.messages,
	       exporter->publisher.stalls);
	if (exporter->with_sflow)
		printf("; sflow: %" PRIu64 " datagrams, %" PRIu64 " lost",
		       exporter->sflow.datagrams, exporter->sflow.datagrams_lost);
	printf("\n");
}

static struct json_object *account_json(const struct account *account)
{
	struct json_object *json = json_object_new_object(), *where = json_object_new_object();

	ecbpf_json_number(json, "generated", account->generated);
	ecbpf_json_number(json, "sent", account->sent);
	ecbpf_json_number(json, "pending", pending(account));
	ecbpf_json_number(where, "full", account->full);
	ecbpf_json_number(where, "unread", account->unread);
	ecbpf_json_number(where, "failed", account->failed);
	ecbpf_json_number(where, "reader", account->reader);
	ecbpf_json_number(where, "bus", account->bus);
	json_object_object_add(json, "lost", where);
	return json;
}

static struct json_object *source_json(const struct source *source, const struct account *account)
{
	struct json_object *json = account_json(account);
	const bool open = source_is_open(source);

	ecbpf_json_text(json, "interface", source->name);
	json_object_object_add(json, "running", json_object_new_boolean(open));
	ecbpf_json_number(json, "one_in", open ? source->config.control->sample_one_in : 0);
	ecbpf_json_number(json, "perf_lost", source->perf_lost);
	return json;
}

static struct json_object *exporter_json(const struct exporter *exporter)
{
	struct json_object *json = json_object_new_object();

	ecbpf_json_number(json, "messages", exporter->publisher.messages);
	ecbpf_json_number(json, "stalls", exporter->publisher.stalls);
	return json;
}

static struct json_object *sflow_json(const struct sflow *sflow)
{
	struct json_object *json = json_object_new_object();

	ecbpf_json_number(json, "datagrams", sflow->datagrams);
	ecbpf_json_number(json, "lost", sflow->datagrams_lost);
	return json;
}

static void print_json(const struct source *source, size_t count, const struct exporter *exporter,
		       bool final)
{
	struct json_object *json = json_object_new_object(), *list = json_object_new_array();
	struct account sum = {}, account;
	size_t i;

	for (i = 0; i < count; i++) {
		account = source_account(&source[i]);
		json_object_array_add(list, source_json(&source[i], &account));
		account_add(&sum, &account);
	}
	json_object_object_add(json, "final", json_object_new_boolean(final));
	json_object_object_add(json, "interfaces", list);
	json_object_object_add(json, "sum", account_json(&sum));
	json_object_object_add(json, "bus", exporter_json(exporter));
	if (exporter->with_sflow)
		json_object_object_add(json, "sflow", sflow_json(&exporter->sflow));
	ecbpf_json_print(json);
}

void client_stats_print(const struct source *source, size_t count, const struct exporter *exporter,
			bool final, bool json)
{
	if (json)
		print_json(source, count, exporter, final);
	else
		print_text(source, count, exporter);
	fflush(stdout);
}
