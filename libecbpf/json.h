/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What tools write for programs: json-c in fewer words. Only who includes this needs json-c. */
#ifndef LIBECBPF_JSON_H
#define LIBECBPF_JSON_H

#include <stdint.h>
#include <stdio.h>

#include <json-c/json.h>

/** ecbpf_json_text - @text NULL: null */
static inline void ecbpf_json_text(struct json_object *to, const char *key, const char *text)
{
	json_object_object_add(to, key, text ? json_object_new_string(text) : NULL);
}

static inline void ecbpf_json_number(struct json_object *to, const char *key, uint64_t number)
{
	json_object_object_add(to, key, json_object_new_uint64(number));
}

/** ecbpf_json_print - one line on standard output; takes @json */
static inline void ecbpf_json_print(struct json_object *json)
{
	puts(json_object_to_json_string_ext(json, JSON_C_TO_STRING_PLAIN));
	json_object_put(json);
}

#endif
