/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * `ipvsadm --save` to a configuration. What means the same here is translated; where only the
 * choice of a server differs, because a consistent hash makes it, a note says so; all else is
 * refused.
 */
#ifndef XDP_LB_IMPORT_H
#define XDP_LB_IMPORT_H

#include "xdp_lb/config.h"

/**
 * lb_import - with or without --numeric: ports may have names, hosts may not
 * @config: empty; filled in on success only
 * @notes: on success malloc()ed lines "LINE: text", or NULL: there are none
 * Return: 0; -EINVAL, -EEXIST, -ENOENT, -E2BIG and "LINE:COLUMN: cause" or "LINE: cause"; -ENOMEM.
 */
int lb_import(const char *text, size_t len, struct lb_config *config, char **notes);

#endif
