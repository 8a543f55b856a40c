// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* codes: the reason codes that the suite knows */
#include <stdio.h>

#include "libecbpf/ecbpf.h"
#include "libecbpf/json.h"
#include "xdp_root/commands.h"
#include "xdp_root/view.h"

int cmd_codes(const void *arg, int argc, char **argv)
{
	const struct options *opts = arg;
	struct json_object *array = opts->common.json ? json_object_new_array() : NULL;
	struct json_object *json;
	__u32 code;

	(void)argc;
	(void)argv;
	for (code = 0; code < ECBPF_CODES_MAX; code++) {
		if (!ecbpf_code_name(code))
			continue;
		if (!array) {
			printf("%4u  %-26s %s\n", code, ecbpf_code_name(code),
			       ecbpf_code_text(code));
			continue;
		}
		json = json_object_new_object();
		ecbpf_json_number(json, "code", code);
		ecbpf_json_text(json, "name", ecbpf_code_name(code));
		ecbpf_json_text(json, "text", ecbpf_code_text(code));
		json_object_array_add(array, json);
	}
	if (array)
		ecbpf_json_print(array);
	return 0;
}
