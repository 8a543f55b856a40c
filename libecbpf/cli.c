// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libecbpf/cli.h"
#include "libecbpf/log.h"

#define OPTIONS_MAX 32

static const struct ecbpf_option common[] = {
	{ ECBPF_OPTION_TEXT, 'n', "netns", offsetof(struct ecbpf_common, netns), "NAME",
	  "work in this network namespace", 0, 0 },
	{ ECBPF_OPTION_FLAG, 'j', "json", offsetof(struct ecbpf_common, json), NULL, "print JSON",
	  0, 0 },
	{ ECBPF_OPTION_COUNT, 'v', "verbose", offsetof(struct ecbpf_common, verbose), NULL,
	  "say more; twice: all that libbpf says", 0, 0 },
	{ ECBPF_OPTION_FLAG, 'h', "help", 0, NULL, "print this", 0, 0 },
	{},
};

/* One command's options and the common ones, in getopt's own terms. */
struct table {
	const struct ecbpf_option *row[OPTIONS_MAX];
	struct option longs[OPTIONS_MAX + 1];
	char shorts[2 * OPTIONS_MAX + 2];
	int count;
};

static bool takes_value(const struct ecbpf_option *option)
{
	return option->kind != ECBPF_OPTION_FLAG && option->kind != ECBPF_OPTION_COUNT;
}

static void table_add(struct table *table, const struct ecbpf_option *option)
{
	size_t len;

	for (; option && option->kind != ECBPF_OPTION_END && table->count < OPTIONS_MAX; option++) {
		table->row[table->count] = option;
		table->longs[table->count] =
			(struct option){ option->name,
					 takes_value(option) ? required_argument : no_argument,
					 NULL, 256 + table->count };
		table->count++;
		len = strlen(table->shorts);
		if (option->letter)
			snprintf(table->shorts + len, sizeof(table->shorts) - len, "%c%s",
				 option->letter, takes_value(option) ? ":" : "");
	}
}

static void table_make(struct table *table, const struct ecbpf_command *command)
{
	memset(table, 0, sizeof(*table));
	table->shorts[0] =
		':'; /* getopt tells a missing value from an unknown option, and is quiet */
	table_add(table, command->options);
	table_add(table, common);
}

static const struct ecbpf_option *table_find(const struct table *table, int got)
{
	int i;

	if (got >= 256)
		return table->row[got - 256];
	for (i = 0; i < table->count; i++)
		if (table->row[i]->letter == got)
			return table->row[i];
	return NULL;
}

static void help_command(FILE *to, const struct ecbpf_tool *tool,
			 const struct ecbpf_command *command)
{
	struct table table;
	char left[64];
	int i;

	table_make(&table, command);
	fprintf(to, "usage: %s%s%s [options]%s%s\n%s\n\n", tool->name, *command->name ? " " : "",
		command->name, *command->operands ? " " : "", command->operands, command->summary);
	for (i = 0; i < table.count; i++) {
		const struct ecbpf_option *o = table.row[i];

		snprintf(left, sizeof(left), "%c%c%s --%s %s", o->letter ? '-' : ' ',
			 o->letter ? o->letter : ' ', o->letter ? "," : " ", o->name,
			 o->metavar ? o->metavar : "");
		fprintf(to, "  %-28s %s\n", left, o->help);
	}
}

static void help_tool(FILE *to, const struct ecbpf_tool *tool)
{
	const struct ecbpf_command *command;
	char left[64];

	fprintf(to, "usage: %s COMMAND [options] ...\n%s\n\n", tool->name, tool->summary);
	for (command = tool->commands; command->name; command++) {
		snprintf(left, sizeof(left), "%s %s", command->name, command->operands);
		fprintf(to, "  %-38s %s\n", left, command->summary);
	}
	fprintf(to, "\n%s COMMAND --help tells the options; %s --version the version.\n",
		tool->name, tool->name);
}

static int texts_add(struct ecbpf_texts *texts, const char *text)
{
	if (texts->count == ECBPF_TEXTS_MAX)
		return ecbpf_fail(-E2BIG, "%s: at most %d", text, ECBPF_TEXTS_MAX);
	texts->text[texts->count++] = text;
	return 0;
}

static int option_set(void *opts, const struct ecbpf_option *option, const char *text)
{
	void *to = (char *)opts + option->offset;

	switch (option->kind) {
	case ECBPF_OPTION_FLAG:
		*(bool *)to = true;
		return 0;
	case ECBPF_OPTION_COUNT:
		++*(int *)to;
		return 0;
	case ECBPF_OPTION_TEXT:
		*(const char **)to = text;
		return 0;
	case ECBPF_OPTION_TEXTS:
		return texts_add(to, text);
	case ECBPF_OPTION_NUMBER:
		return ecbpf_parse_number(text, option->min, option->max, to);
	case ECBPF_OPTION_DURATION:
		return ecbpf_parse_duration(text, option->min, option->max, to);
	case ECBPF_OPTION_CHOICE:
		return ecbpf_parse_choice(option->metavar, text, to);
	default:
		return -EINVAL;
	}
}

static int usage_error(const struct ecbpf_command *command, const char *format, const char *what)
{
	const char *name = command->name;
	char text[256];

	snprintf(text, sizeof(text), format, what);
	fprintf(stderr, "%s: %s%s%s; see %s%s%s --help\n", ecbpf_log_name(), name,
		*name ? ": " : "", text, ecbpf_log_name(), *name ? " " : "", name);
	return -EINVAL;
}

/* parse - 0, 1 for help, -EINVAL after telling why; operands are argv[optind..] */
static int parse(const struct ecbpf_command *command, void *opts, int argc, char **argv)
{
	const struct ecbpf_option *option;
	struct table table;
	char letter[3];
	int got;

	table_make(&table, command);
	while ((got = getopt_long(argc, argv, table.shorts, table.longs, NULL)) != -1) {
		option = got == ':' || got == '?' ? NULL : table_find(&table, got);
		if (got == ':')
			return usage_error(command, "%s needs a value", argv[optind - 1]);
		if (!option) {
			/* of letters in one word, getopt is still at that word; 0 or 256 up: a name */
			snprintf(letter, sizeof(letter), "-%c", optopt);
			return usage_error(command, "%s is no option",
					   optopt && optopt < 256 ? letter : argv[optind - 1]);
		}
		if (option->letter == 'h')
			return 1;
		if (option_set(opts, option, optarg)) {
			fprintf(stderr, "%s: %s%s--%s: %s\n", ecbpf_log_name(), command->name,
				*command->name ? ": " : "", option->name, ecbpf_error());
			return -EINVAL;
		}
	}
	if (argc - optind < command->min)
		return usage_error(command, "what is missing: %s", command->operands);
	if (command->max >= 0 && argc - optind > command->max)
		return usage_error(command, "%s is too much", argv[optind + command->max]);
	return 0;
}

int ecbpf_report(int err, const char *object, const char *verb)
{
	fprintf(stderr, "%s: %s: %s: %s\n", ecbpf_log_name(), object, verb, ecbpf_error());
	return err;
}

static int run(const struct ecbpf_tool *tool, const struct ecbpf_command *command, int argc,
	       char **argv)
{
	const struct ecbpf_common *opts = tool->opts;
	int err = parse(command, tool->opts, argc, argv);

	if (err == 1)
		help_command(stdout, tool, command);
	if (err)
		return err == 1 ? 0 : ECBPF_EXIT_USAGE;
	ecbpf_log_init(tool->name, opts->verbose);
	if (opts->netns && ecbpf_netns_enter(opts->netns)) {
		ecbpf_report(0, opts->netns, *command->name ? command->name : "network namespace");
		return ECBPF_EXIT_FAILED;
	}
	err = command->run(tool->opts, argc - optind, argv + optind);
	if (!err && (fflush(stdout) || ferror(stdout))) {
		ecbpf_fail(-EIO, "writing the output: %s", strerror(errno));
		err = *command->name ? ecbpf_report(-EIO, command->name, "standard output") :
				       ecbpf_report(-EIO, "standard output", "write");
	}
	return err < 0 ? ECBPF_EXIT_FAILED : err;
}

int ecbpf_main(const struct ecbpf_tool *tool, int argc, char **argv)
{
	const char *word = argc > 1 ? argv[1] : "";
	const struct ecbpf_command *command;

	ecbpf_log_init(tool->name, 0);
	if (!strcmp(word, "-V") || !strcmp(word, "--version")) {
		printf("%s %s\n", tool->name, tool->version ? tool->version : ECBPF_VERSION);
		return 0;
	}
	if (!*tool->commands->name)
		return run(tool, tool->commands, argc, argv);
	if (!strcmp(word, "-h") || !strcmp(word, "--help") || !strcmp(word, "help")) {
		help_tool(stdout, tool);
		return 0;
	}
	for (command = tool->commands; command->name; command++)
		if (!strcmp(word, command->name))
			return run(tool, command, argc - 1, argv + 1);
	if (*word)
		fprintf(stderr, "%s: %s is no command; see %s --help\n", tool->name, word,
			tool->name);
	else
		help_tool(stderr, tool);
	return ECBPF_EXIT_USAGE;
}
