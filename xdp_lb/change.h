/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* From the configuration that runs to another one, in one step. */
#ifndef XDP_LB_CHANGE_H
#define XDP_LB_CHANGE_H

#include "xdp_lb/config.h"

/**
 * lb_change - make what runs another configuration
 * @edit: changes a copy of it, and may fail half-way
 *
 * Return: 0; what @edit or lb_apply() returned; nothing was changed then.
 */
int lb_change(int (*edit)(struct lb_config *config, const void *arg), const void *arg);

/** lb_change_edit - for lb_change(): @words is a struct lb_words */
int lb_change_edit(struct lb_config *config, const void *words);

/** lb_change_replace - for lb_change(): by the configuration @other, copied */
int lb_change_replace(struct lb_config *config, const void *other);

/** lb_change_read - a document, from a file or, if @path is "-", standard input; lb_config_free() it */
int lb_change_read(const char *path, struct lb_config *config);

/** lb_change_text - all of a file, as above; free(*text) */
int lb_change_text(const char *path, char **text, size_t *len);

#endif
