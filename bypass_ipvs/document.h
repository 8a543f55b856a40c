/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What save writes and restore reads: a line "xdp_bypass_ipvs VERSION", then in any order
 *
 *	params NAME=VALUE ...
 *	exclude add PREFIX
 *	services add SERVICE
 *
 * Empty lines and those that begin with # say nothing.
 */
#ifndef BYPASS_IPVS_DOCUMENT_H
#define BYPASS_IPVS_DOCUMENT_H

#include <stddef.h>
#include <stdio.h>

#include "bypass_ipvs/abi.h"
#include "bypass_ipvs/excludes.h"

/* Of the text; grows when an old reader would not understand it. */
#define DOCUMENT_VERSION 1

/**
 * struct document - all configuration but that of attach
 * @service: @services of them, by hand
 */
struct document {
	struct bypass_params params;
	struct excludes excludes;
	struct bypass_service_key *service;
	size_t services;
};

/**
 * document_read - what is not said is the default: default parameters, no excludes, no services
 * @doc: set on success; document_free() it, in either case
 * Return: 0; -EINVAL, -EEXIST and others with "line N: cause" in ecbpf_error(); -EIO; -ENOMEM.
 */
int document_read(FILE *from, struct document *doc);

/** document_write - document_read() of it makes a document that is written the same */
void document_write(FILE *to, const struct document *doc);

void document_free(struct document *doc);

#endif
