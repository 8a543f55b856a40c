// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libecbpf/cli.h"
#include "xdp_lb/change.h"
#include "xdp_lb/checks.h"
#include "xdp_lb/text.h"

#define NS_PER_MS      1000000ULL
#define LINE_MAX_BYTES 2048
#define WORDS_MAX      32
#define COUNT_MAX      1000

#define BLANKS " \t\r\n"

/* --- values */

/* hex_parse - pairs of digits into @bytes; their number, or -EINVAL */
static int hex_parse(const char *text, uint8_t *bytes)
{
	const size_t digits = strlen(text);
	char pair[3] = "", *end;
	size_t i;

	if (!digits || digits % 2 || digits / 2 > LB_CHECK_BYTES ||
	    strspn(text, "0123456789abcdefABCDEF") != digits)
		return -EINVAL;
	for (i = 0; i < digits / 2; i++) {
		memcpy(pair, text + 2 * i, 2);
		bytes[i] = strtoul(pair, &end, 16);
	}
	return digits / 2;
}

static int number_parse(const char *text, uint64_t min, uint64_t max, uint64_t *value)
{
	return ecbpf_parse_number(text, min, max, value) ? -EINVAL : 0;
}

/* status_parse - N or N-M */
static int status_parse(const char *text, struct lb_check *check)
{
	char first[8];
	const char *dash = strchr(text, '-');
	const size_t len = dash ? (size_t)(dash - text) : strlen(text);
	uint64_t min, max;

	if (len >= sizeof(first))
		return -EINVAL;
	memcpy(first, text, len);
	first[len] = '\0';
	if (number_parse(first, 100, 599, &min) ||
	    number_parse(dash ? dash + 1 : first, min, 599, &max))
		return -EINVAL;
	check->status_min = min;
	check->status_max = max;
	return 0;
}

/* word_parse - printable, and so that it can be part of an URL */
static int word_parse(const char *text, char *to)
{
	const size_t len = strlen(text);
	size_t i;

	if (len >= LB_CHECK_TEXT)
		return -EINVAL;
	for (i = 0; i < len; i++)
		if (text[i] <= ' ' || text[i] > '~')
			return -EINVAL;
	memcpy(to, text, len + 1);
	return 0;
}

static bool is_http(const struct lb_check *check)
{
	return check->kind == LB_CHECK_HTTP || check->kind == LB_CHECK_HTTPS;
}

/* --- options by kind: -ENOENT there is no such option */

static int common_option(struct lb_check *check, const char *name, const char *value)
{
	const uint64_t ms = NS_PER_MS, hour = 3600000 * NS_PER_MS;
	uint64_t number = 0;
	int err;

	if (!strcmp(name, "interval"))
		return ecbpf_parse_duration(value, 100 * ms, hour, &check->interval_ns);
	if (!strcmp(name, "timeout"))
		return ecbpf_parse_duration(value, 10 * ms, hour, &check->timeout_ns);
	if (strcmp(name, "rise") && strcmp(name, "fall") && strcmp(name, "port"))
		return -ENOENT;
	err = number_parse(value, 1, !strcmp(name, "port") ? 65535 : COUNT_MAX, &number);
	if (err)
		return err;
	if (!strcmp(name, "rise"))
		check->rise = number;
	else if (!strcmp(name, "fall"))
		check->fall = number;
	else
		check->port = number;
	return 0;
}

static int http_option(struct lb_check *check, const char *name, const char *value)
{
	if (!strcmp(name, "path"))
		return *value == '/' ? word_parse(value, check->path) : -EINVAL;
	/* in an URL these would end it */
	if (!strcmp(name, "host"))
		return strpbrk(value, "/:@?#[]") ? -EINVAL : word_parse(value, check->host);
	if (!strcmp(name, "expect"))
		return status_parse(value, check);
	return -ENOENT;
}

static int udp_option(struct lb_check *check, const char *name, const char *value)
{
	int got;

	if (strcmp(name, "send") && strcmp(name, "expect"))
		return -ENOENT;
	got = hex_parse(value, *name == 's' ? check->send : check->expect);
	if (got < 0)
		return got;
	if (*name == 's')
		check->bytes = got;
	else
		check->wanted = got;
	return 0;
}

static int script_option(struct lb_check *check, const char *name, const char *value)
{
	if (strcmp(name, "script"))
		return -ENOENT;
	return *value == '/' ? word_parse(value, check->script) : -EINVAL;
}

static int option(struct lb_check *check, const char *name, const char *value)
{
	int err = common_option(check, name, value);

	if (err == -ENOENT && is_http(check))
		err = http_option(check, name, value);
	if (err == -ENOENT && check->kind == LB_CHECK_UDP)
		err = udp_option(check, name, value);
	if (err == -ENOENT && check->kind == LB_CHECK_SCRIPT)
		err = script_option(check, name, value);
	return err;
}

/* --- lines */

/**
 * struct line - one that is read
 * @number: from 1
 */
struct line {
	size_t number;
	char *word[WORDS_MAX];
	size_t words;
};

static int line_fail(const struct line *line, const char *what, const char *cause)
{
	return ecbpf_fail(-EINVAL, "line %zu: %s: %s", line->number, what, cause);
}

static int line_split(struct line *line, char *text)
{
	char *rest = NULL, *word;

	line->words = 0;
	text[strcspn(text, "#")] = '\0';
	for (word = strtok_r(text, BLANKS, &rest); word; word = strtok_r(NULL, BLANKS, &rest)) {
		if (line->words == WORDS_MAX)
			return line_fail(line, word, "more words than a check has");
		line->word[line->words++] = word;
	}
	return 0;
}

/* check_whole - what no single word says */
static int check_whole(const struct line *line, const struct lb_check *check)
{
	if (check->timeout_ns > check->interval_ns)
		return line_fail(line, "timeout", "longer than the interval");
	if (!check->port && check->kind != LB_CHECK_SCRIPT &&
	    check->service.first != check->service.last)
		return line_fail(line, line->word[1], "a VIP of several ports: say port N");
	if (check->kind == LB_CHECK_SCRIPT && !*check->script)
		return line_fail(line, "script", "say script PATH");
	if (*check->script && access(check->script, X_OK))
		return line_fail(line, check->script, strerror(errno));
	return 0;
}

static int check_parse(const struct line *line, struct lb_check *check)
{
	size_t i;
	int err;

	*check = (struct lb_check){ .interval_ns = 2000 * NS_PER_MS,
				    .timeout_ns = 1000 * NS_PER_MS,
				    .rise = 2,
				    .fall = 3,
				    .status_min = 200,
				    .status_max = 399,
				    .path = "/" };
	if (strcmp(line->word[0], "check") || line->words < 3)
		return line_fail(line, line->word[0], "not check SERVICE KIND");
	if (lb_service_parse(line->word[1], &check->service))
		return line_fail(line, line->word[1], "not a service");
	if (ecbpf_parse_choice(LB_CHECK_KINDS, line->word[2], &check->kind))
		return line_fail(line, line->word[2], "not one of " LB_CHECK_KINDS);
	for (i = 3; i < line->words; i += 2) {
		if (i + 1 == line->words)
			return line_fail(line, line->word[i], "has no value");
		err = option(check, line->word[i], line->word[i + 1]);
		if (err)
			return line_fail(line, line->word[err == -ENOENT ? i : i + 1],
					 err == -ENOENT ? "no such option of this kind" :
							  "not a value of this option");
	}
	return check_whole(line, check);
}

static int check_add(struct lb_checks *checks, const struct line *line)
{
	struct lb_check *grown;
	struct lb_check check;
	int err = check_parse(line, &check);

	if (err)
		return err;
	if (lb_checks_find(checks, &check.service))
		return ecbpf_fail(-EEXIST, "line %zu: %s: has a check already", line->number,
				  line->word[1]);
	grown = realloc(checks->check, (checks->count + 1) * sizeof(*grown));
	if (!grown)
		return ecbpf_fail(-ENOMEM, "out of memory");
	checks->check = grown;
	grown[checks->count++] = check;
	return 0;
}

static int line_take(struct lb_checks *checks, struct line *line, const char *text, size_t len)
{
	char copy[LINE_MAX_BYTES];
	int err;

	if (len >= sizeof(copy))
		return ecbpf_fail(-EINVAL, "line %zu: too long", line->number);
	memcpy(copy, text, len);
	copy[len] = '\0';
	err = line_split(line, copy);
	return err || !line->words ? err : check_add(checks, line);
}

int lb_checks_parse(const char *text, struct lb_checks *checks)
{
	struct lb_checks read = {};
	struct line line = {};
	size_t len;
	int err = 0;

	while (!err && *text) {
		line.number++;
		len = strcspn(text, "\n");
		err = line_take(&read, &line, text, len);
		text += len + (text[len] == '\n');
	}
	if (err)
		lb_checks_free(&read);
	else
		*checks = read;
	return err;
}

void lb_checks_free(struct lb_checks *checks)
{
	free(checks->check);
	*checks = (struct lb_checks){};
}

const struct lb_check *lb_checks_find(const struct lb_checks *checks,
				      const struct lb_service *service)
{
	size_t i;

	for (i = 0; i < checks->count; i++)
		if (!lb_service_compare(&checks->check[i].service, service))
			return &checks->check[i];
	return NULL;
}

/* --- results */

bool lb_verdict_take(struct lb_verdict *verdict, const struct lb_check *check, bool good)
{
	if (good == verdict->up) {
		verdict->row = 0;
		return false;
	}
	if (++verdict->row < (good ? check->rise : check->fall))
		return false;
	verdict->up = good;
	verdict->row = 0;
	return true;
}

int lb_checks_read(const char *path, struct lb_checks *checks)
{
	char *text = NULL, *whole;
	size_t len = 0;
	int err = lb_change_text(path, &text, &len);

	if (err)
		return err;
	whole = realloc(text, len + 1);
	if (!whole) {
		free(text);
		return ecbpf_fail(-ENOMEM, "out of memory");
	}
	whole[len] = '\0';
	err = strlen(whole) == len ? lb_checks_parse(whole, checks) :
				     ecbpf_fail(-EINVAL, "not text");
	free(whole);
	return err;
}
