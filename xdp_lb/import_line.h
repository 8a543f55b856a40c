/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Between the files of the import. */
#ifndef XDP_LB_IMPORT_LINE_H
#define XDP_LB_IMPORT_LINE_H

#include <stdio.h>

#include "xdp_lb/config.h"

/** struct lb_word - of a line, not terminated; @text NULL: it is not there */
struct lb_word {
	const char *text;
	size_t len;
	unsigned int line, column;
};

/** enum lb_option - of a line; those before LB_OPTION_VALUES have no value */
enum lb_option {
	LB_OPTION_ADD_SERVICE,
	LB_OPTION_ADD_SERVER,
	LB_OPTION_GATEWAY,
	LB_OPTION_TUNNEL,
	LB_OPTION_MASQUERADE,
	LB_OPTION_OPS,
	LB_OPTION_NOCSUM,
	LB_OPTION_PERSISTENT, /* its value may be missing */
	LB_OPTION_VALUES,
	LB_OPTION_TCP = LB_OPTION_VALUES,
	LB_OPTION_UDP,
	LB_OPTION_SERVER,
	LB_OPTION_SCHEDULER,
	LB_OPTION_FLAGS,
	LB_OPTION_NETMASK,
	LB_OPTION_WEIGHT,
	LB_OPTION_UPPER,
	LB_OPTION_LOWER,
	LB_OPTION_TUN_TYPE,
	LB_OPTION_TUN_PORT,
	LB_OPTIONS,
};

/**
 * struct lb_import_line - what a line says
 * @first: its first word
 * @option: the words of the options themselves, @value: of their values
 */
struct lb_import_line {
	struct lb_word first;
	struct lb_word option[LB_OPTIONS], value[LB_OPTIONS];
};

/** struct lb_importer - @notes: a stream of lines */
struct lb_importer {
	struct lb_config *config;
	FILE *notes;
};

/** lb_word_fail - -EINVAL and "LINE:COLUMN: cause near "WORD"" */
int lb_word_fail(const struct lb_word *word, const char *cause);

bool lb_word_is(const struct lb_word *word, const char *text);

/** lb_import_service, lb_import_server - one line of either kind */
int lb_import_service(struct lb_importer *im, const struct lb_import_line *line);
int lb_import_server(struct lb_importer *im, const struct lb_import_line *line);

#endif
