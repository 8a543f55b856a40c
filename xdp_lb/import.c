// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Lines of ipvsadm --save, and the options in them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "xdp_lb/import.h"
#include "xdp_lb/import_line.h"

#define WORDS_MAX  64
#define QUOTED_MAX 40 /* bytes of a word in a message */

static const struct row {
	const char *letter, *name;
	enum lb_option option;
} rows[] = {
	{ "-A", "--add-service", LB_OPTION_ADD_SERVICE },
	{ "-a", "--add-server", LB_OPTION_ADD_SERVER },
	{ "-g", "--gatewaying", LB_OPTION_GATEWAY },
	{ "-i", "--ipip", LB_OPTION_TUNNEL },
	{ "-m", "--masquerading", LB_OPTION_MASQUERADE },
	{ "-o", "--ops", LB_OPTION_OPS },
	{ "ops", "ops", LB_OPTION_OPS }, /* what --save prints */
	{ "--tun-nocsum", "--tun-nocsum", LB_OPTION_NOCSUM },
	{ "-p", "--persistent", LB_OPTION_PERSISTENT },
	{ "-t", "--tcp-service", LB_OPTION_TCP },
	{ "-u", "--udp-service", LB_OPTION_UDP },
	{ "-r", "--real-server", LB_OPTION_SERVER },
	{ "-s", "--scheduler", LB_OPTION_SCHEDULER },
	{ "-b", "--sched-flags", LB_OPTION_FLAGS },
	{ "-M", "--netmask", LB_OPTION_NETMASK },
	{ "-w", "--weight", LB_OPTION_WEIGHT },
	{ "-x", "--u-threshold", LB_OPTION_UPPER },
	{ "-y", "--l-threshold", LB_OPTION_LOWER },
	{ "--tun-type", "--tun-type", LB_OPTION_TUN_TYPE },
	{ "--tun-port", "--tun-port", LB_OPTION_TUN_PORT },
};

static const struct refusal {
	const char *letter, *name, *cause;
} refusals[] = {
	{ "-f", "--fwmark-service", "services by firewall mark have no address here" },
	{ "-6", "--ipv6", "services by firewall mark have no address here" },
	{ "--sctp-service", "--sctp-service", "only tcp and udp are balanced by port" },
	{ "--pe", "--pe", "there are no persistence engines" },
	{ "--tun-csum", "--tun-csum", "tunnels have no checksums of their own" },
	{ "--tun-remcsum", "--tun-remcsum", "tunnels have no checksums of their own" },
};

/* --- words */

int lb_word_fail(const struct lb_word *word, const char *cause)
{
	char quoted[QUOTED_MAX + 1] = "";
	size_t i;

	for (i = 0; i < word->len && i < QUOTED_MAX; i++)
		quoted[i] = word->text[i] < ' ' || word->text[i] > '~' ? '?' : word->text[i];
	return ecbpf_fail(-EINVAL, "%u:%u: %s near \"%s\"", word->line, word->column, cause,
			  quoted);
}

bool lb_word_is(const struct lb_word *word, const char *text)
{
	return word->text && strlen(text) == word->len && !memcmp(word->text, text, word->len);
}

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* next_word - from *@at on; false: there is none */
static bool next_word(const char *line, size_t len, size_t *at, struct lb_word *word)
{
	while (*at < len && blank(line[*at]))
		++*at;
	word->text = line + *at;
	word->column = *at + 1;
	while (*at < len && !blank(line[*at]))
		++*at;
	word->len = line + *at - word->text;
	return word->len;
}

/* split - the words of a line, without those of a comment; how many, or -EINVAL */
static int split(const char *text, size_t len, unsigned int number, struct lb_word *word)
{
	size_t at = 0;
	int count = 0;

	for (;; count++) {
		struct lb_word next = { .line = number };

		if (!next_word(text, len, &at, &next) || next.text[0] == '#')
			return count;
		if (count == WORDS_MAX)
			return lb_word_fail(&next, "the line is too long");
		word[count] = next;
	}
}

/* --- options */

static const struct row *find_row(const struct lb_word *word)
{
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (lb_word_is(word, rows[i].letter) || lb_word_is(word, rows[i].name))
			return &rows[i];
	return NULL;
}

static int refuse(const struct lb_word *word)
{
	size_t i;

	for (i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++)
		if (lb_word_is(word, refusals[i].letter) || lb_word_is(word, refusals[i].name))
			return lb_word_fail(word, refusals[i].cause);
	return lb_word_fail(word, "not an option of ipvsadm --save");
}

static bool has_value(const struct row *row, const struct lb_word *next, const struct lb_word *end)
{
	if (row->option == LB_OPTION_PERSISTENT)
		return next < end && next->text[0] >= '0' && next->text[0] <= '9';
	return row->option >= LB_OPTION_VALUES;
}

static int read_options(const struct lb_word *word, const struct lb_word *end,
			struct lb_import_line *line)
{
	const struct lb_word *option;
	const struct row *row;

	for (; word < end; word++) {
		option = word;
		row = find_row(word);
		if (!row)
			return refuse(word);
		if (line->option[row->option].text)
			return lb_word_fail(word, "this option has been there");
		line->option[row->option] = *option;
		if (!has_value(row, word + 1, end))
			continue;
		if (++word == end)
			return lb_word_fail(option, "a value is missing");
		line->value[row->option] = *word;
	}
	return 0;
}

static int read_line(struct lb_importer *im, const struct lb_word *word, int count)
{
	struct lb_import_line line = { .first = word[0] };
	int err;

	if (lb_word_is(&word[0], "ipvsadm") && count > 1) {
		word++;
		count--;
	}
	err = read_options(word, word + count, &line);
	if (err)
		return err;
	if (!line.option[LB_OPTION_ADD_SERVICE].text == !line.option[LB_OPTION_ADD_SERVER].text)
		return lb_word_fail(&word[0], "one of -A and -a expected");
	return line.option[LB_OPTION_ADD_SERVICE].text ? lb_import_service(im, &line) :
							 lb_import_server(im, &line);
}

static int read_text(struct lb_importer *im, const char *text, size_t len)
{
	struct lb_word word[WORDS_MAX];
	unsigned int number = 1;
	size_t at, line_len;
	int count;

	for (at = 0; at < len; at += line_len + 1, number++) {
		const char *newline = memchr(text + at, '\n', len - at);

		line_len = newline ? (size_t)(newline - text) - at : len - at;
		count = split(text + at, line_len, number, word);
		if (count > 0)
			count = read_line(im, word, count);
		if (count < 0)
			return count;
	}
	return 0;
}

int lb_import(const char *text, size_t len, struct lb_config *config, char **notes)
{
	struct lb_config made = {};
	struct lb_importer im = { .config = &made };
	char *noted = NULL;
	size_t size = 0;
	int err;

	im.notes = open_memstream(&noted, &size);
	if (!im.notes)
		return ecbpf_fail(-ENOMEM, "out of memory");
	err = read_text(&im, text, len);
	if (fclose(im.notes) && !err)
		err = ecbpf_fail(-ENOMEM, "out of memory");
	if (err || !size) {
		free(noted);
		noted = NULL;
	}
	if (err) {
		lb_config_free(&made);
		return err;
	}
	*config = made;
	*notes = noted;
	return 0;
}
