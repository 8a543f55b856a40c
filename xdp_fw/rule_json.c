// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <stdlib.h>

#include "libecbpf/json.h"
#include "xdp_fw/rule_json.h"

static void add_switch(struct json_object *to, const char *key, bool on)
{
	json_object_object_add(to, key, json_object_new_boolean(on));
}

struct json_object *fw_hygiene_json(const struct fw_hygiene *hygiene)
{
	struct json_object *json = json_object_new_object();

	add_switch(json, "fragments", hygiene->fragments);
	ecbpf_json_number(json, "ptb_pps", hygiene->ptb_pps);
	add_switch(json, "options", hygiene->options);
	add_switch(json, "malformed", hygiene->malformed);
	add_switch(json, "local", hygiene->local);
	return json;
}

struct json_object *fw_rules_json(const struct fw_rule *rule, size_t count)
{
	struct json_object *array = json_object_new_array(), *json;
	char *text;
	size_t i;

	for (i = 0; i < count; i++) {
		text = fw_rule_print(&rule[i]);
		json = json_object_new_object();
		ecbpf_json_number(json, "number", i + 1);
		ecbpf_json_text(json, "action", fw_action_name(rule[i].action));
		ecbpf_json_text(json, "text", text);
		ecbpf_json_text(json, "name", rule[i].name);
		json_object_array_add(array, json);
		free(text);
	}
	return array;
}
