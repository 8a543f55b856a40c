/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* JSON objects by a table of their members, which makes both the reader and the writer. */
#ifndef XDP_LB_MEMBERS_H
#define XDP_LB_MEMBERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <json-c/json.h>

/** enum lb_member_kind - what the struct has at the offset */
enum lb_member_kind {
	LB_MEMBER_END,
	LB_MEMBER_NUMBER,   /* uint8_t .. uint32_t by @size; min .. max; uint64_t: to write */
	LB_MEMBER_CHOICE,   /* uint8_t: which of the words, from 1 */
	LB_MEMBER_FLAG,	    /* the bits @max of an uint8_t */
	LB_MEMBER_ADDRESS,  /* 4 or 16 bytes by @size */
	LB_MEMBER_SERVICE,  /* struct lb_service */
	LB_MEMBER_ENDPOINT, /* struct lb_endpoint */
	LB_MEMBER_PREFIX,   /* struct ecbpf_prefix */
	LB_MEMBER_ID,	    /* struct lb_server_id */
	LB_MEMBER_LIST,	    /* nothing: an array that is somebody else's business */
};

/**
 * struct lb_member - one row of a table, which ends with a row of zeroes
 * @needed: the reader wants it
 * @sparse: the writer leaves it out if it is zero
 */
struct lb_member {
	const char *name;
	enum lb_member_kind kind;
	size_t offset, size;
	uint64_t min, max;
	const char *words;
	bool needed, sparse;
};

/**
 * struct lb_place - where we are in a document: a member, or an element of an array
 * @up: NULL: the whole
 * @name: or NULL: [@index]
 */
struct lb_place {
	const struct lb_place *up;
	const char *name;
	size_t index;
};

/** lb_place_fail - ecbpf_fail() with "PATH: cause" */
int lb_place_fail(const struct lb_place *place, int err, const char *cause);

/** lb_members_read - of lb_members_unique() text into @to, which keeps what is not there; -EINVAL */
int lb_members_read(const struct lb_place *place, struct json_object *object,
		    const struct lb_member *member, void *to);

/** lb_members_write - all but lists; false: no memory */
bool lb_members_write(struct json_object *object, const struct lb_member *member, const void *from);

/** lb_member_add - takes @value; either may be NULL: no memory, false */
bool lb_member_add(struct json_object *object, const char *name, struct json_object *value);

/**
 * lb_members_unique - no object has two members of a name
 * @text: is JSON by the letter, as json-c has found
 * Return: 0; -EINVAL also for names with escapes, and objects of more members than any has.
 */
int lb_members_unique(const char *text, size_t len);

#endif
