// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* A tool made for the purpose: its options, operands, help, exit status, and what it prints where. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "libecbpf/cli.h"

#define TEXT_MAX 4096

struct options {
	struct ecbpf_common common;
	bool flag;
	int count;
	const char *text;
	uint64_t number;
	uint64_t duration_ns;
	int mode;
	struct ecbpf_texts texts;
};

static const struct ecbpf_option options[] = {
	{ ECBPF_OPTION_FLAG, 'f', "flag", offsetof(struct options, flag), NULL, "a flag", 0, 0 },
	{ ECBPF_OPTION_COUNT, 'c', "count", offsetof(struct options, count), NULL, "more", 0, 0 },
	{ ECBPF_OPTION_TEXT, 't', "text", offsetof(struct options, text), "TEXT", "words", 0, 0 },
	{ ECBPF_OPTION_NUMBER, 'N', "number", offsetof(struct options, number), "N", "1 to 9", 1,
	  9 },
	{ ECBPF_OPTION_DURATION, 'd', "duration", offsetof(struct options, duration_ns), "TIME",
	  "up to a second", 0, 1000000000 },
	{ ECBPF_OPTION_CHOICE, 0, "mode", offsetof(struct options, mode), ECBPF_MODES, "where", 0,
	  0 },
	{},
};

static int cmd_work(const void *opts, int argc, char **argv)
{
	const struct options *o = opts;

	printf("flag %d count %d text %s number %llu duration %llu mode %d json %d verbose %d:",
	       o->flag, o->count, o->text, (unsigned long long)o->number,
	       (unsigned long long)o->duration_ns, o->mode, o->common.json, o->common.verbose);
	while (argc--)
		printf(" %s", *argv++);
	printf("\n");
	return 0;
}

static int cmd_fail(const void *opts, int argc, char **argv)
{
	(void)opts;
	(void)argc;
	ecbpf_fail(-EBUSY, "somebody else has it");
	return strcmp(argv[0], "usage") ? ecbpf_report(-EBUSY, argv[0], "fail") : ECBPF_EXIT_USAGE;
}

static const struct ecbpf_command commands[] = {
	{ "work", "OPERAND [OPERAND]", "Works.", 1, 2, options, cmd_work },
	{ "any", "[OPERAND...]", "Takes any number.", 0, -1, NULL, cmd_work },
	{ "fail", "OPERAND", "Fails.", 1, 1, NULL, cmd_fail },
	{},
};

static const struct ecbpf_option only_options[] = {
	{ ECBPF_OPTION_TEXTS, 0, "also", offsetof(struct options, texts), "TEXT", "again", 0, 0 },
	{ ECBPF_OPTION_NUMBER, 'N', "number", offsetof(struct options, number), "N", "1 to 9", 1,
	  9 },
	{},
};

static int cmd_only(const void *opts, int argc, char **argv)
{
	const struct options *o = opts;
	size_t i;

	printf("%llu:", (unsigned long long)o->number);
	for (i = 0; i < o->texts.count; i++)
		printf(" also %s", o->texts.text[i]);
	while (argc--)
		printf(" %s", *argv++);
	printf("\n");
	return 0;
}

static const struct ecbpf_command only[] = {
	{ "", "OPERAND...", "Does one thing.", 1, -1, only_options, cmd_only },
	{},
};

/* --- running it */

struct outcome {
	int status;
	char out[TEXT_MAX];
	char err[TEXT_MAX];
};

/* Gives a stream back, and what was written to it meanwhile. */
static void restore(FILE *stream, int saved, int file, char *text)
{
	ssize_t len;

	fflush(stream);
	dup2(saved, fileno(stream));
	close(saved);
	len = pread(file, text, TEXT_MAX - 1, 0);
	text[len > 0 ? len : 0] = '\0';
	close(file);
}

static int divert(FILE *stream, int file)
{
	int saved = dup(fileno(stream));

	fflush(stream);
	assert_true(saved >= 0 && file >= 0);
	assert_true(dup2(file, fileno(stream)) >= 0);
	return saved;
}

/* tool_run_of - @line: words with one space between */
static struct outcome tool_run_of(const struct ecbpf_command *table, const char *line)
{
	struct options opts = { .text = "default", .number = 7 };
	const struct ecbpf_tool tool = { .name = "tool",
					 .summary = "Shows what it was told.",
					 .commands = table,
					 .opts = &opts };
	char words[256], *argv[32] = { "tool" }, *at = words;
	int out = memfd_create("out", 0), err = memfd_create("err", 0);
	int saved_out, saved_err, argc = 1;
	struct outcome outcome;

	snprintf(words, sizeof(words), "%s", line);
	while (argc < 31 && (argv[argc] = strsep(&at, " ")) && *argv[argc])
		argc++;
	argv[argc] = NULL;
	saved_out = divert(stdout, out);
	saved_err = divert(stderr, err);
	optind = 0; /* glibc: begin anew */
	outcome.status = ecbpf_main(&tool, argc, argv);
	restore(stdout, saved_out, out, outcome.out);
	restore(stderr, saved_err, err, outcome.err);
	return outcome;
}

static struct outcome tool_run(const char *line)
{
	return tool_run_of(commands, line);
}

/* --- what it does with it */

#define DEFAULTS "flag 0 count 0 text default number 7 duration 0 mode 0 json 0 verbose 0:"

static void options_go_where_they_belong(void **state)
{
	static const char *const rows[][2] = {
		{ "work a", DEFAULTS " a\n" },
		{ "work a b", DEFAULTS " a b\n" },
		{ "any", DEFAULTS "\n" },
		{ "any a b c d", DEFAULTS " a b c d\n" },
		{ "work -f -c -c -t x -N 9 -d 5ms --mode skb -j -v a",
		  "flag 1 count 2 text x number 9 duration 5000000 mode 2 json 1 verbose 1: a\n" },
		{ "work --flag --count --text=x --number=0x1 --duration 1s --mode=native --json "
		  "--verbose --verbose a",
		  "flag 1 count 1 text x number 1 duration 1000000000 mode 1 json 1 verbose 2: a\n" },
		{ "work -fccj -tx a",
		  "flag 1 count 2 text x number 7 duration 0 mode 0 json 1 verbose 0: a\n" },
		{ "work a -f b",
		  "flag 1 count 0 text default number 7 duration 0 mode 0 json 0 verbose 0: a b\n" },
		{ "work -- -f", DEFAULTS " -f\n" },
		{ "work -t -f a",
		  "flag 0 count 0 text -f number 7 duration 0 mode 0 json 0 verbose 0: a\n" },
		{ "work -N 1 -N 2 a",
		  "flag 0 count 0 text default number 2 duration 0 mode 0 json 0 verbose 0: a\n" },
	};
	struct outcome got;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		got = tool_run(rows[i][0]);
		assert_string_equal(got.out, rows[i][1]);
		assert_string_equal(got.err, "");
		assert_int_equal(got.status, 0);
	}
}

#define SEE_WORK "; see tool work --help\n"

static void misuse_is_told_in_one_line(void **state)
{
	static const char *const rows[][2] = {
		{ "work", "tool: work: what is missing: OPERAND [OPERAND]" SEE_WORK },
		{ "work a b c", "tool: work: c is too much" SEE_WORK },
		{ "work -x a", "tool: work: -x is no option" SEE_WORK },
		{ "work -xf a", "tool: work: -x is no option" SEE_WORK },
		{ "work -fx a", "tool: work: -x is no option" SEE_WORK },
		{ "work --unknown a", "tool: work: --unknown is no option" SEE_WORK },
		{ "work a -N", "tool: work: -N needs a value" SEE_WORK },
		{ "work a --number", "tool: work: --number needs a value" SEE_WORK },
		{ "work a --flag=1", "tool: work: --flag=1 is no option" SEE_WORK },
		{ "work -N 10 a", "tool: work: --number: 10 is not in 1 to 9\n" },
		{ "work -N x a", "tool: work: --number: x is not a number\n" },
		{ "work -d 2s a", "tool: work: --duration: 2s is not in 0 to 1 seconds\n" },
		{ "work --mode fast a", "tool: work: --mode: fast is none of native|skb|hw\n" },
		{ "play", "tool: play is no command; see tool --help\n" },
		{ "-f", "tool: -f is no command; see tool --help\n" },
	};
	struct outcome got;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		got = tool_run(rows[i][0]);
		assert_string_equal(got.err, rows[i][1]);
		assert_string_equal(got.out, "");
		assert_int_equal(got.status, ECBPF_EXIT_USAGE);
	}
}

static void no_command_is_misuse_and_shows_the_help(void **state)
{
	struct outcome got = tool_run("");

	(void)state;
	assert_int_equal(got.status, ECBPF_EXIT_USAGE);
	assert_string_equal(got.out, "");
	assert_non_null(strstr(got.err, "usage: tool COMMAND"));
}

static void help_lists_commands_and_options(void **state)
{
	static const char *const asked[] = { "--help", "-h", "help" };
	struct outcome got;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
		got = tool_run(asked[i]);
		assert_int_equal(got.status, 0);
		assert_string_equal(got.err, "");
		assert_non_null(strstr(got.out, "Shows what it was told.\n"));
		assert_non_null(strstr(got.out, "  work OPERAND [OPERAND] "));
		assert_non_null(strstr(got.out, "  fail OPERAND "));
	}
	got = tool_run("work --help");
	assert_int_equal(got.status, 0);
	assert_string_equal(got.err, "");
	assert_non_null(strstr(got.out, "usage: tool work [options] OPERAND [OPERAND]\nWorks.\n"));
	assert_non_null(strstr(got.out, "  -N, --number N "));
	assert_non_null(strstr(got.out, "      --mode native|skb|hw "));
	assert_non_null(strstr(got.out, "  -n, --netns NAME "));
	got = tool_run("work -h -N bad"); /* help goes before what comes after it */
	assert_int_equal(got.status, 0);
}

static void tool_without_words(void **state)
{
	static const char *const rows[][3] = {
		{ "a", "7: a\n", "" },
		{ "a -N 2 b", "2: a b\n", "" },
		{ "--also x -N 1 a --also=y", "1: also x also y a\n", "" },
		{ "-V", "tool " ECBPF_VERSION "\n", "" },
		{ "", "", "tool: what is missing: OPERAND...; see tool --help\n" },
		{ "a -x", "", "tool: -x is no option; see tool --help\n" },
		{ "a --also", "", "tool: --also needs a value; see tool --help\n" },
		{ "a -N 10", "", "tool: --number: 10 is not in 1 to 9\n" },
	};
	struct outcome got;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		got = tool_run_of(only, rows[i][0]);
		assert_string_equal(got.out, rows[i][1]);
		assert_string_equal(got.err, rows[i][2]);
		assert_int_equal(got.status, *rows[i][2] ? ECBPF_EXIT_USAGE : 0);
	}
	got = tool_run_of(only, "--help");
	assert_int_equal(got.status, 0);
	assert_non_null(strstr(got.out, "usage: tool [options] OPERAND...\nDoes one thing.\n"));
	assert_non_null(strstr(got.out, "      --also TEXT "));
	got = tool_run_of(only, "a -n /nowhere/ns");
	assert_int_equal(got.status, ECBPF_EXIT_FAILED);
	assert_string_equal(got.err,
			    "tool: /nowhere/ns: network namespace: no such network namespace\n");
}

static void version(void **state)
{
	(void)state;
	assert_string_equal(tool_run("--version").out, "tool " ECBPF_VERSION "\n");
	assert_string_equal(tool_run("-V").out, "tool " ECBPF_VERSION "\n");
	assert_int_equal(tool_run("-V").status, 0);
}

static void status_tells_failure_from_misuse(void **state)
{
	struct outcome got = tool_run("fail thing");

	(void)state;
	assert_int_equal(got.status, ECBPF_EXIT_FAILED);
	assert_string_equal(got.err, "tool: thing: fail: somebody else has it\n");
	assert_int_equal(tool_run("fail usage").status, ECBPF_EXIT_USAGE);
}

static void missing_namespace_fails_before_the_command(void **state)
{
	struct outcome got = tool_run("any --netns /nowhere/ns a");

	(void)state;
	assert_int_equal(got.status, ECBPF_EXIT_FAILED);
	assert_string_equal(got.err, "tool: /nowhere/ns: any: no such network namespace\n");
	assert_string_equal(got.out, "");
}

/* /dev/full: what was asked for did not reach the reader, so it is no success. */
static void lost_output_is_a_failure(void **state)
{
	struct options opts = {};
	const struct ecbpf_tool tool = { .name = "tool", .commands = commands, .opts = &opts };
	char *argv[] = { "tool", "any", NULL }, err[TEXT_MAX], none[TEXT_MAX];
	int file = memfd_create("err", 0), saved_out, saved_err, status;
	int full = open("/dev/full", O_RDWR);

	(void)state;
	saved_out = divert(stdout, full);
	saved_err = divert(stderr, file);
	optind = 0;
	status = ecbpf_main(&tool, 2, argv);
	clearerr(stdout);
	restore(stdout, saved_out, full, none);
	restore(stderr, saved_err, file, err);
	assert_int_equal(status, ECBPF_EXIT_FAILED);
	assert_non_null(strstr(err, strerror(ENOSPC)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_go_where_they_belong),
		cmocka_unit_test(misuse_is_told_in_one_line),
		cmocka_unit_test(no_command_is_misuse_and_shows_the_help),
		cmocka_unit_test(help_lists_commands_and_options),
		cmocka_unit_test(tool_without_words),
		cmocka_unit_test(version),
		cmocka_unit_test(status_tells_failure_from_misuse),
		cmocka_unit_test(missing_namespace_fails_before_the_command),
		cmocka_unit_test(lost_output_is_a_failure),
	};

	return cmocka_run_group_tests_name("cli", tests, NULL, NULL);
}
