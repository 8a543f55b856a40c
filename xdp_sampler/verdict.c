// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "libecbpf/ecbpf.h"
#include "xdp_sampler/verdict.h"

const char *verdict_action(int action)
{
	const char *name = NULL;

	if (action >= 0 && action + 1 <= ECBPF_COLUMN_INVALID)
		name = ecbpf_column_name(action + 1);
	return name ? name : "unknown";
}

const char *verdict_slot(int slot)
{
	const char *name = NULL;

	if (slot == -2)
		name = ecbpf_row_name(ECBPF_ROW_END);
	else if (slot >= ECBPF_SLOT_ROOT && slot < ECBPF_SLOTS)
		name = ecbpf_row_name(ECBPF_ROW_SLOT(slot));
	return name ? name : "unknown";
}

void verdict_reason(const struct message_view *view, char reason[VERDICT_REASON_MAX])
{
	const char *name = view->reason && *view->reason ? view->reason :
							   ecbpf_code_name(view->code);
	char *at;

	if (name)
		snprintf(reason, VERDICT_REASON_MAX, "%s", name);
	else
		snprintf(reason, VERDICT_REASON_MAX, "code-%" PRIu32, view->code);
	for (at = reason; *at; at++)
		if (*at <= ' ' || *at > '~')
			*at = '?';
}

/* The number of a firewall's rule, or a detail that only its program can explain. */
static const char *meta_name(uint32_t code)
{
	switch (code) {
	case ECBPF_CODE_FW_RULE:
	case ECBPF_CODE_FW_LIMIT:
	case ECBPF_CODE_FW_PASS:
	case ECBPF_CODE_FW_COUNT:
	case ECBPF_CODE_FW_PROTECTED:
		return "rule";
	default:
		return "meta";
	}
}

static void slot_text(int slot, char *text, size_t size)
{
	if (slot == -2)
		snprintf(text, size, "at the end of the chain");
	else if (slot == ECBPF_SLOT_ROOT)
		snprintf(text, size, "by the root");
	else
		snprintf(text, size, "by slot %d", slot);
}

void verdict_text(const struct message_view *view, char text[VERDICT_TEXT_MAX])
{
	const bool is_rule = *meta_name(view->code) == 'r';
	char reason[VERDICT_REASON_MAX], slot[32], meta[32] = "";

	slot_text(view->slot, slot, sizeof(slot));
	verdict_reason(view, reason);
	if (view->meta || is_rule)
		snprintf(meta, sizeof(meta), ", %s %" PRIu64, meta_name(view->code), view->meta);
	snprintf(text, VERDICT_TEXT_MAX, "%s %s%s%s%s, one in %" PRIu32,
		 verdict_action(view->action), slot, view->code ? ": " : "",
		 view->code ? reason : "", meta, view->one_in);
}
