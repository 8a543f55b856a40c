// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* source add|del|list */
#include <stdio.h>
#include <string.h>

#include "libecbpf/json.h"
#include "xdp_lb/commands.h"
#include "xdp_lb/text.h"

/* list_of - @array NULL: text */
static void list_of(const struct lb_vip *vip, struct json_object *array)
{
	char name[LB_TEXT_SIZE], prefix[LB_TEXT_SIZE], backend[LB_TEXT_SIZE];
	struct json_object *json;
	size_t i;

	lb_service_text(&vip->service, name);
	for (i = 0; i < vip->sources; i++) {
		lb_prefix_text(&vip->source[i].prefix, prefix);
		lb_endpoint_text(&vip->source[i].backend, backend);
		if (!array) {
			printf("%s %s %s\n", name, prefix, backend);
			continue;
		}
		json = json_object_new_object();
		ecbpf_json_text(json, "service", name);
		ecbpf_json_text(json, "prefix", prefix);
		ecbpf_json_text(json, "backend", backend);
		json_object_array_add(array, json);
	}
}

static int list(const struct lb_opts *opts, const struct lb_config *config, const char *operand)
{
	return cmd_list_vips(opts, config, operand, list_of);
}

int cmd_source(const void *opts, int argc, char **argv)
{
	if ((argc == 1 || argc == 2) && !strcmp(argv[0], "list"))
		return cmd_list(opts, "source", list, argv[1]);
	return cmd_change(opts, "source", argc, argv);
}
