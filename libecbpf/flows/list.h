/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Commands that list flows: COMMAND [count] [NAME VALUE]... Each flow is written as it is found: there
 * may be millions. Headers of this directory are for the suite's tools and not installed.
 */
#ifndef LIBECBPF_FLOWS_LIST_H
#define LIBECBPF_FLOWS_LIST_H

#include <stdbool.h>
#include <stdint.h>

#include <json-c/json.h>

#include "libecbpf/flows/filter.h"

/**
 * struct ecbpf_flow_list - one call
 * @noun: what they are called in JSON: "flows"
 * @count_only: tell only how many there are
 * @found: so far
 */
struct ecbpf_flow_list {
	const char *noun;
	struct ecbpf_flow_filter filter;
	bool json;
	bool count_only;
	uint64_t found;
};

/**
 * struct ecbpf_flow_facts - what both kinds of output say of a flow
 * @age, @idle: jiffies, @hz in a second
 */
struct ecbpf_flow_facts {
	const char *state;
	__u32 age, idle;
	unsigned int hz;
	uint64_t packets, bytes;
};

/**
 * ecbpf_flow_list_args - parse the operands
 * @word: given NAME VALUE that struct ecbpf_flow_filter has not; returns 0 or -errno
 */
int ecbpf_flow_list_args(struct ecbpf_flow_list *list, int argc, char **argv,
			 int (*word)(void *arg, const char *name, const char *value), void *arg);

void ecbpf_flow_list_begin(const struct ecbpf_flow_list *list);

/**
 * ecbpf_flow_list_next - after each flow that is in the list, and in @found
 * Return: 0; 1: that was the last; -EIO: nobody can read on, ecbpf_main() tells of it.
 */
int ecbpf_flow_list_next(const struct ecbpf_flow_list *list);

/** ecbpf_flow_list_end - @err: what ended it; returns 0 or -errno */
int ecbpf_flow_list_end(const struct ecbpf_flow_list *list, int err);

/** ecbpf_flow_text - the line, without what a tool knows besides, and without its end */
void ecbpf_flow_text(const struct ecbpf_tuple *tuple, const struct ecbpf_flow_facts *facts);

/** ecbpf_flow_json_tuple, _facts - fields of one flow's object */
void ecbpf_flow_json_tuple(struct json_object *to, const struct ecbpf_tuple *tuple);
void ecbpf_flow_json_facts(struct json_object *to, const struct ecbpf_flow_facts *facts);

/** ecbpf_flow_list_json - print one flow's object, and free it */
void ecbpf_flow_list_json(const struct ecbpf_flow_list *list, struct json_object *json);

#endif
