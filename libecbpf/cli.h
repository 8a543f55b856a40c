/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What every tool of the suite does alike on its command line: TOOL COMMAND [options] OPERAND...,
 * or TOOL [options] OPERAND... of a tool that does one thing only. One table of options per command makes both the parser and the help.
 */
#ifndef LIBECBPF_CLI_H
#define LIBECBPF_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <net/if.h>

#include "libecbpf/ecbpf.h"

/* Exit status of every tool. */
#define ECBPF_EXIT_FAILED 1
#define ECBPF_EXIT_USAGE  2

/**
 * struct ecbpf_common - options of every command; first member of a tool's own struct
 * @netns: network namespace to enter, or NULL
 * @json: text for programs
 * @verbose: times -v
 */
struct ecbpf_common {
	const char *netns;
	bool json;
	int verbose;
};

enum ecbpf_option_kind {
	ECBPF_OPTION_END,
	ECBPF_OPTION_FLAG,     /* bool */
	ECBPF_OPTION_COUNT,    /* int, one more each time */
	ECBPF_OPTION_TEXT,     /* const char * */
	ECBPF_OPTION_TEXTS,    /* struct ecbpf_texts, one more each time */
	ECBPF_OPTION_NUMBER,   /* uint64_t, min .. max */
	ECBPF_OPTION_DURATION, /* uint64_t nanoseconds, min .. max; see ecbpf_parse_duration() */
	ECBPF_OPTION_CHOICE,   /* int, of the words in the metavar; see ecbpf_parse_choice() */
};

#define ECBPF_TEXTS_MAX 16

/** struct ecbpf_texts - of an option that may be given several times; the words of the command line */
struct ecbpf_texts {
	const char *text[ECBPF_TEXTS_MAX];
	size_t count;
};

/**
 * struct ecbpf_option - one row of a command's table, which ends with a row of zeroes
 * @offset: of the member that the value goes to
 * @metavar: name of the value in the help
 *
 * To tell whether an option was given, let its default be a value outside its range.
 */
struct ecbpf_option {
	enum ecbpf_option_kind kind;
	char letter;
	const char *name;
	size_t offset;
	const char *metavar;
	const char *help;
	uint64_t min, max;
};

/**
 * struct ecbpf_command - one row of a tool's table, which ends with a row of zeroes
 * @name: empty, in the only row: the tool has no command words
 * @operands: how the help shows them
 * @min, @max: how many there may be
 * @run: @opts is the tool's struct; returns 0, or -errno or ECBPF_EXIT_USAGE after it has told why
 */
struct ecbpf_command {
	const char *name;
	const char *operands;
	const char *summary;
	int min, max;
	const struct ecbpf_option *options;
	int (*run)(const void *opts, int argc, char **argv);
};

/**
 * struct ecbpf_tool - a tool
 * @version: NULL: the suite's
 * @opts: the struct that options are written to, holding the defaults; common first
 */
struct ecbpf_tool {
	const char *name;
	const char *version;
	const char *summary;
	const struct ecbpf_command *commands;
	void *opts;
};

/** ecbpf_main - parse, enter the namespace, run the command; returns the exit status */
ECBPF_API int ecbpf_main(const struct ecbpf_tool *tool, int argc, char **argv);

/** ecbpf_report - "TOOL: OBJECT: VERB: ecbpf_error()" on stderr; returns @err */
ECBPF_API int ecbpf_report(int err, const char *object, const char *verb);

/**
 * ecbpf_parse_number - decimal, or hexadecimal with 0x
 * Return: 0; -EINVAL not a number; -ERANGE outside @min .. @max. *value changes only on success.
 */
ECBPF_API int ecbpf_parse_number(const char *text, uint64_t min, uint64_t max, uint64_t *value);

/** ecbpf_parse_duration - a decimal fraction and ns, us, ms, s (default), m or h */
ECBPF_API int ecbpf_parse_duration(const char *text, uint64_t min_ns, uint64_t max_ns,
				   uint64_t *ns);

/**
 * struct ecbpf_prefix - an address with its prefix length
 * @addr: network byte order, IPv4 in the first four bytes, the rest and all host bits zero
 * @family: AF_INET or AF_INET6
 * @length: 0 .. 32 or 128
 */
struct ecbpf_prefix {
	uint8_t addr[16];
	uint8_t family;
	uint8_t length;
};

/** ecbpf_parse_prefix - ADDRESS or ADDRESS/LENGTH; -EINVAL, also if host bits are set */
ECBPF_API int ecbpf_parse_prefix(const char *text, struct ecbpf_prefix *prefix);

/** ecbpf_parse_choice - one of ONE|TWO|...: 1 for the first, and so on; -EINVAL */
ECBPF_API int ecbpf_parse_choice(const char *words, const char *text, int *choice);

/* Words for an enum ecbpf_mode. */
#define ECBPF_MODES "native|skb|hw"

/**
 * struct ecbpf_iflist - names of interfaces, each once
 * @name: @count of them; freed by ecbpf_iflist_free()
 */
struct ecbpf_iflist {
	char (*name)[IF_NAMESIZE];
	size_t count;
};

/**
 * ecbpf_iflist_add - add names, separated by commas
 * Return: 0; -EINVAL a name that no interface can have; -EEXIST one that is there already;
 * -ENOMEM. A failure adds nothing.
 */
ECBPF_API int ecbpf_iflist_add(struct ecbpf_iflist *list, const char *text);

/** ecbpf_iflist_args - a list of all of @argv; as ecbpf_iflist_add() */
ECBPF_API int ecbpf_iflist_args(struct ecbpf_iflist *list, int argc, char **argv);

/** ecbpf_iflist_pinned - the interfaces of this network namespace that have a directory of pins */
ECBPF_API int ecbpf_iflist_pinned(struct ecbpf_iflist *list);

ECBPF_API void ecbpf_iflist_free(struct ecbpf_iflist *list);

/** ecbpf_ifname_valid - what the kernel accepts: 1-15 bytes, no slash, colon, space, not . or .. */
ECBPF_API bool ecbpf_ifname_valid(const char *name, size_t len);

#endif
