// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Words to rates, and back. The words of a filter are in rates_filter.c. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "libecbpf/cli.h"
#include "xdp_sampler/config.h"
#include "xdp_sampler/rates.h"

/* Words of one line of a text; no command needs more. */
#define WORDS_MAX 64

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* What a rule of the firewall can say of a packet; the rule's number is in the verdict's meta. */
static const __u32 rule_codes[] = { ECBPF_CODE_FW_RULE, ECBPF_CODE_FW_LIMIT, ECBPF_CODE_FW_PASS,
				    ECBPF_CODE_FW_COUNT };

void rates_complete(struct ecbpf_sampling *sampling)
{
	if (!sampling->by_default)
		sampling->by_default = SAMPLER_ONE_IN;
	if (!sampling->snap_bytes)
		sampling->snap_bytes = SAMPLER_SNAP;
}

/* --- words */

/* parse_one_in - 0: nothing is said */
static int parse_one_in(const char *text, __u32 *one_in)
{
	uint64_t number = !strcmp(text, "never") ? ECBPF_NEVER : 0;

	if (strcmp(text, "never") && strcmp(text, "default") &&
	    ecbpf_parse_number(text, 1, RATES_ONE_IN_MAX, &number))
		return -EINVAL;
	*one_in = number;
	return 0;
}

static int set_default(struct ecbpf_sampling *sampling, char *const *word)
{
	int err = parse_one_in(word[0], &sampling->by_default);

	if (!err && !sampling->by_default)
		sampling->by_default = SAMPLER_ONE_IN;
	return err;
}

static int set_slot(struct ecbpf_sampling *sampling, char *const *word)
{
	unsigned int row;

	for (row = 0; row < ECBPF_ROWS; row++)
		if (!strcmp(word[0], ecbpf_row_name(row)))
			return parse_one_in(word[1], &sampling->by_row[row]);
	return ecbpf_fail(-EINVAL, "slot %s: it is 0 to %d, root or end", word[0], ECBPF_SLOTS - 1);
}

static int set_action(struct ecbpf_sampling *sampling, char *const *word)
{
	unsigned int column;

	for (column = ECBPF_COLUMN_ABORTED; column <= ECBPF_COLUMN_INVALID; column++)
		if (!strcmp(word[0], ecbpf_column_name(column)))
			return parse_one_in(word[1], &sampling->by_column[column]);
	return ecbpf_fail(-EINVAL, "action %s: it is aborted, drop, pass, tx, redirect or invalid",
			  word[0]);
}

/* A user's own codes have no names: they are said by number. */
static int set_reason(struct ecbpf_sampling *sampling, char *const *word)
{
	uint64_t number;
	__u32 code;

	for (code = 1; code < ECBPF_CODES_MAX; code++)
		if (ecbpf_code_name(code) && !strcmp(word[0], ecbpf_code_name(code)))
			return parse_one_in(word[1], &sampling->by_code[code]);
	if (!ecbpf_parse_number(word[0], 1, ECBPF_CODES_MAX - 1, &number))
		return parse_one_in(word[1], &sampling->by_code[number]);
	return ecbpf_fail(-EINVAL, "reason %s: no such code; `xdp_root codes` lists them", word[0]);
}

static size_t rules_used(const struct ecbpf_sampling *sampling)
{
	size_t used = 0;

	while (used < ECBPF_SAMPLING_RULES && sampling->rule[used].one_in)
		used++;
	return used;
}

static bool is_of_rule(const struct ecbpf_sampling_rule *rule, __u64 number)
{
	size_t i;

	for (i = 0; i < COUNT(rule_codes); i++)
		if (rule->code == rule_codes[i])
			return rule->meta == number;
	return false;
}

/* rule_remove - the list has no gaps: its first entry without a rate ends it */
static void rule_remove(struct ecbpf_sampling *sampling, __u64 number)
{
	size_t used = rules_used(sampling), kept = 0, i;

	for (i = 0; i < used; i++)
		if (!is_of_rule(&sampling->rule[i], number))
			sampling->rule[kept++] = sampling->rule[i];
	memset(&sampling->rule[kept], 0, (used - kept) * sizeof(sampling->rule[0]));
}

static bool rule_change(struct ecbpf_sampling *sampling, __u64 number, __u32 one_in)
{
	size_t used = rules_used(sampling), i;
	bool found = false;

	for (i = 0; i < used; i++) {
		if (!is_of_rule(&sampling->rule[i], number))
			continue;
		sampling->rule[i].one_in = one_in;
		found = true;
	}
	return found;
}

static int rule_add(struct ecbpf_sampling *sampling, __u64 number, __u32 one_in)
{
	size_t used = rules_used(sampling), i;

	if (used + COUNT(rule_codes) > ECBPF_SAMPLING_RULES)
		return ecbpf_fail(-ENOSPC, "rule %llu: at most %zu rules can have a rate",
				  (unsigned long long)number,
				  ECBPF_SAMPLING_RULES / COUNT(rule_codes));
	for (i = 0; i < COUNT(rule_codes); i++)
		sampling->rule[used + i] = (struct ecbpf_sampling_rule){
			.meta = number,
			.code = rule_codes[i],
			.one_in = one_in,
		};
	return 0;
}

static int set_rule(struct ecbpf_sampling *sampling, char *const *word)
{
	uint64_t number;
	__u32 one_in;

	if (ecbpf_parse_number(word[0], 1, UINT32_MAX, &number) || parse_one_in(word[1], &one_in))
		return -EINVAL;
	if (!one_in)
		rule_remove(sampling, number);
	else if (!rule_change(sampling, number, one_in))
		return rule_add(sampling, number, one_in);
	return 0;
}

static int set_budget(struct ecbpf_sampling *sampling, char *const *word)
{
	uint64_t number;
	int err = ecbpf_parse_number(word[0], 0, UINT32_MAX, &number);

	if (!err)
		sampling->budget = number;
	return err;
}

static int set_snap(struct ecbpf_sampling *sampling, char *const *word)
{
	uint64_t number;
	int err = ecbpf_parse_number(word[0], RATES_SNAP_MIN, ECBPF_SNAP_MAX, &number);

	if (!err)
		sampling->snap_bytes = number;
	return err;
}

/* operands: words behind the name */
static const struct word {
	const char *name;
	size_t operands;
	int (*set)(struct ecbpf_sampling *sampling, char *const *operand);
} words_known[] = {
	{ "default", 1, set_default }, { "slot", 2, set_slot }, { "action", 2, set_action },
	{ "reason", 2, set_reason },   { "rule", 2, set_rule }, { "budget", 1, set_budget },
	{ "snap", 1, set_snap },
};

static const struct word *word_find(const char *name)
{
	size_t i;

	for (i = 0; i < COUNT(words_known); i++)
		if (!strcmp(name, words_known[i].name))
			return &words_known[i];
	return NULL;
}

int rates_parse(struct ecbpf_sampling *sampling, size_t count, char *const *words)
{
	struct ecbpf_sampling changed = *sampling;
	const struct word *word;
	size_t i;
	int err;

	for (i = 0; i < count; i += 1 + word->operands) {
		word = word_find(words[i]);
		if (!word)
			return ecbpf_fail(-EINVAL,
					  "%s: it is default, slot, action, reason, rule, "
					  "budget or snap",
					  words[i]);
		if (count - i - 1 < word->operands)
			return ecbpf_fail(-EINVAL, "%s needs %zu more", words[i], word->operands);
		err = word->set(&changed, words + i + 1);
		if (err)
			return err;
	}
	*sampling = changed;
	return 0;
}

/* --- texts */

/* lead: word before the others */
struct text {
	FILE *to;
	const char *lead;
};

static void write_rate(const struct text *text, const char *what, __u32 one_in)
{
	if (one_in == ECBPF_NEVER)
		fprintf(text->to, "%s%s never\n", text->lead, what);
	else
		fprintf(text->to, "%s%s %u\n", text->lead, what, one_in);
}

static void write_one(void *arg, const char *kind, const char *key, __u32 one_in)
{
	char what[64];

	snprintf(what, sizeof(what), "%s %s", kind, key);
	write_rate(arg, what, one_in);
}

void rates_each(const struct ecbpf_sampling *sampling,
		void (*each)(void *arg, const char *kind, const char *key, __u32 one_in), void *arg)
{
	char number[24];
	const char *name;
	__u32 i;

	for (i = 0; i < ECBPF_ROWS; i++)
		if (sampling->by_row[i])
			each(arg, "slot", ecbpf_row_name(i), sampling->by_row[i]);
	for (i = ECBPF_COLUMN_ABORTED; i <= ECBPF_COLUMN_INVALID; i++)
		if (sampling->by_column[i])
			each(arg, "action", ecbpf_column_name(i), sampling->by_column[i]);
	for (i = 1; i < ECBPF_CODES_MAX; i++) {
		if (!sampling->by_code[i])
			continue;
		snprintf(number, sizeof(number), "%u", i);
		name = ecbpf_code_name(i);
		each(arg, "reason", name ? name : number, sampling->by_code[i]);
	}
	for (i = 0; i < rules_used(sampling); i++) {
		if (sampling->rule[i].code != rule_codes[0])
			continue;
		snprintf(number, sizeof(number), "%llu", sampling->rule[i].meta);
		each(arg, "rule", number, sampling->rule[i].one_in);
	}
}

void rates_write_rates(FILE *to, const char *lead, const struct ecbpf_sampling *sampling)
{
	struct text text = { to, lead };

	write_rate(&text, "default", sampling->by_default);
	rates_each(sampling, write_one, &text);
	if (sampling->budget)
		fprintf(to, "%sbudget %u\n", lead, sampling->budget);
	fprintf(to, "%ssnap %u\n", lead, sampling->snap_bytes);
}

void rates_write(FILE *to, const struct ecbpf_sampling *sampling)
{
	rates_write_rates(to, "rate ", sampling);
	if (!sampling->filter.flags)
		return;
	fputs("filter ", to);
	rates_write_filter(to, &sampling->filter);
	fputc('\n', to);
}

/* split - words of a line, which gets NULs between them; how many, or -E2BIG */
static int split(char *line, char **words)
{
	static const char blank[] = " \t\r\n";
	char *rest, *word;
	int count = 0;

	for (word = strtok_r(line, blank, &rest); word; word = strtok_r(NULL, blank, &rest)) {
		if (count == WORDS_MAX)
			return ecbpf_fail(-E2BIG, "more than %d words", WORDS_MAX);
		words[count++] = word;
	}
	return count;
}

static int read_line(char *line, size_t len, struct ecbpf_sampling *sampling)
{
	char *words[WORDS_MAX];
	int count;

	if (strlen(line) != len)
		return ecbpf_fail(-EINVAL, "a NUL byte");
	count = split(line, words);
	if (count <= 0 || words[0][0] == '#')
		return count < 0 ? count : 0;
	if (!strcmp(words[0], "rate"))
		return rates_parse(sampling, count - 1, words + 1);
	if (!strcmp(words[0], "filter"))
		return rates_parse_filter(&sampling->filter, count - 1, words + 1);
	return ecbpf_fail(-EINVAL, "%s: it is rate or filter", words[0]);
}

int rates_read(FILE *from, struct ecbpf_sampling *sampling)
{
	struct ecbpf_sampling fresh = {};
	size_t room = 0, number = 0;
	char told[256], *line = NULL;
	ssize_t len;
	int err = 0;

	rates_complete(&fresh);
	while (!err && (len = getline(&line, &room, from)) >= 0) {
		number++;
		err = read_line(line, len, &fresh);
	}
	free(line);
	if (!err && ferror(from))
		return ecbpf_fail(-EIO, "reading: %s", strerror(errno));
	if (err) {
		snprintf(told, sizeof(told), "%s", ecbpf_error());
		return ecbpf_fail(err, "line %zu: %s", number, told);
	}
	*sampling = fresh;
	return 0;
}
