/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A configuration as JSON: what `save` writes and `restore` reads.
 *
 *	{ "version": 1,
 *	  "vips": [ { "service": "tcp:192.0.2.1:80", "mode": "ipip", ...,
 *	              "backends": [ { "address": "10.0.0.1", "weight": 1, ... } ],
 *	              "sources": [ { "prefix": "10.0.0.0/8", "backend": "10.0.0.1" } ] } ] }
 *
 * The writer is canonical: one configuration has one text. The reader wants "version", the key of
 * each VIP, backend and source, and a source's backend; all else has the defaults of
 * lb_vip_init() and lb_backend_init().
 */
#ifndef XDP_LB_DOCUMENT_H
#define XDP_LB_DOCUMENT_H

#include <json-c/json.h>

#include "xdp_lb/config.h"

#define LB_DOCUMENT_VERSION 1

/**
 * lb_document_parse - text of any length, also with NUL bytes
 * @config: empty; filled in on success only
 * Return: 0; -EINVAL and "LINE:COLUMN: cause" if it is not JSON, or one value beside another of
 * the same name; "PATH: cause", PATH as .vips[0].backends[1].weight, if it is not what it should
 * be; also -EEXIST, -E2BIG and -ENOENT as lb_vip_add(); -ENOMEM.
 */
int lb_document_parse(const char *text, size_t len, struct lb_config *config);

/** lb_document_print - malloc()ed, with newlines; NULL and errno: no memory */
char *lb_document_print(const struct lb_config *config);

/** lb_vip_json, lb_backend_json - an object of it; NULL: no memory; the VIP's without backends */
struct json_object *lb_vip_json(const struct lb_vip *vip);
struct json_object *lb_backend_json(const struct lb_backend *backend);

#endif
