/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What became of a packet of a message, for people. */
#ifndef XDP_SAMPLER_VERDICT_H
#define XDP_SAMPLER_VERDICT_H

#include <stddef.h>

#include "xdp_sampler/message.h"

/* Bytes that verdict_text() needs at most. */
#define VERDICT_TEXT_MAX 192

/* Longest name of a reason that is shown. */
#define VERDICT_REASON_MAX 32

/** verdict_action - "drop"; "unknown" if it is none; a constant string */
const char *verdict_action(int action);

/** verdict_slot - "root", "5", "end"; "unknown"; a constant string */
const char *verdict_slot(int slot);

/** verdict_reason - the name that the message has, cleared of what no name has, or that of the code */
void verdict_reason(const struct message_view *view, char reason[VERDICT_REASON_MAX]);

/** verdict_text - "drop by slot 5: fw-rule, rule 3, one in 1000" */
void verdict_text(const struct message_view *view, char text[VERDICT_TEXT_MAX]);

#endif
