// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* backend add|set|del|list */
#include <stdio.h>
#include <string.h>

#include "libecbpf/json.h"
#include "xdp_lb/commands.h"
#include "xdp_lb/document.h"
#include "xdp_lb/text.h"

static void text_backend(const struct lb_vip *vip, const struct lb_backend *backend)
{
	char name[LB_TEXT_SIZE];
	struct lb_server_id id;

	printf("%s", lb_endpoint_text(&backend->endpoint, name));
	printf(" weight %u state %s", backend->weight, lb_state_name(backend->state));
	if (backend->monitor != LB_ACTIVE)
		printf(" monitor %s", lb_state_name(backend->monitor));
	cmd_list_forward(lb_backend_forward(vip, backend));
	lb_backend_server_id(vip, backend, &id);
	printf("%s%s\n", id.octets ? " server-id " : "", lb_server_id_text(&id, name));
}

/* list_of - @array NULL: text */
static void list_of(const struct lb_vip *vip, struct json_object *array)
{
	struct json_object *json;
	char name[LB_TEXT_SIZE];
	size_t i;

	lb_service_text(&vip->service, name);
	for (i = 0; i < vip->backends; i++) {
		if (!array) {
			printf("%s ", name);
			text_backend(vip, &vip->backend[i]);
			continue;
		}
		json = lb_backend_json(&vip->backend[i]);
		if (json)
			ecbpf_json_text(json, "service", name);
		json_object_array_add(array, json);
	}
}

static int list(const struct lb_opts *opts, const struct lb_config *config, const char *operand)
{
	return cmd_list_vips(opts, config, operand, list_of);
}

int cmd_backend(const void *opts, int argc, char **argv)
{
	if ((argc == 1 || argc == 2) && !strcmp(argv[0], "list"))
		return cmd_list(opts, "backend", list, argv[1]);
	return cmd_change(opts, "backend", argc, argv);
}
