// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xdp_lb/change.h"
#include "xdp_lb/document.h"
#include "xdp_lb/edit.h"
#include "xdp_lb/live.h"

#define CHUNK 65536

static int change(struct lb_live *live, struct lb_config *config,
		  int (*edit)(struct lb_config *config, const void *arg), const void *arg)
{
	int err = edit(config, arg);

	return err ? err : lb_apply(live, config);
}

int lb_change(int (*edit)(struct lb_config *config, const void *arg), const void *arg)
{
	struct lb_config config = {};
	struct lb_numbers numbers = {};
	struct lb_live live;
	int err = lb_live_open(&live, true);

	if (!err)
		err = lb_live_config(&live, &config, &numbers);
	if (!err)
		err = change(&live, &config, edit, arg);
	lb_config_free(&config);
	lb_numbers_free(&numbers);
	lb_live_close(&live);
	return err;
}

int lb_change_edit(struct lb_config *config, const void *words)
{
	return lb_edit(config, words);
}

int lb_change_replace(struct lb_config *config, const void *other)
{
	struct lb_config copy;
	int err = lb_config_copy(&copy, other);

	if (err)
		return err;
	lb_config_free(config);
	*config = copy;
	return 0;
}

/* --- text */

static int read_all(FILE *file, char **text, size_t *len)
{
	char *more;

	do {
		more = realloc(*text, *len + CHUNK);
		if (!more)
			return ecbpf_fail(-ENOMEM, "out of memory");
		*text = more;
		*len += fread(*text + *len, 1, CHUNK, file);
	} while (!feof(file) && !ferror(file));
	return ferror(file) ? ecbpf_fail(-EIO, "reading: %s", strerror(errno)) : 0;
}

int lb_change_text(const char *path, char **text, size_t *len)
{
	const bool is_stdin = !strcmp(path, "-");
	FILE *file = is_stdin ? stdin : fopen(path, "re");
	int err;

	*text = NULL;
	*len = 0;
	if (!file)
		return ecbpf_fail(-errno, "%s: %s", path, strerror(errno));
	err = read_all(file, text, len);
	if (!is_stdin)
		fclose(file);
	return err;
}

int lb_change_read(const char *path, struct lb_config *config)
{
	size_t len;
	char *text;
	int err = lb_change_text(path, &text, &len);

	if (!err)
		err = lb_document_parse(text, len, config);
	free(text);
	return err;
}
