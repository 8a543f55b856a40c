/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Rules for programs. */
#ifndef XDP_FW_RULE_JSON_H
#define XDP_FW_RULE_JSON_H

#include <json-c/json.h>

#include "xdp_fw/rule.h"

/** fw_hygiene_json - the switches, each there whether on or off */
struct json_object *fw_hygiene_json(const struct fw_hygiene *hygiene);

/** fw_rules_json - an array of rules, or of protections: number, action, text, name or null */
struct json_object *fw_rules_json(const struct fw_rule *rule, size_t count);

#endif
