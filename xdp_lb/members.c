// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "xdp_lb/members.h"
#include "xdp_lb/text.h"

#define PATH_SIZE 256

/* --- where */

static size_t place_text(const struct lb_place *place, char *buf, size_t size)
{
	size_t used = place->up ? place_text(place->up, buf, size) : 0;
	int len;

	if (!place->up)
		return 0;
	if (place->name)
		len = snprintf(buf + used, size - used, ".%s", place->name);
	else
		len = snprintf(buf + used, size - used, "[%zu]", place->index);
	if (len < 0 || (size_t)len >= size - used)
		return size - 1;
	return used + len;
}

int lb_place_fail(const struct lb_place *place, int err, const char *cause)
{
	char path[PATH_SIZE] = ".";

	place_text(place, path, sizeof(path));
	return ecbpf_fail(err, "%s: %s", path, cause);
}

static bool is_printable(const char *text, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		if (text[i] < 0x20 || text[i] > 0x7e)
			return false;
	return true;
}

/* --- reading */

static int number_read(const struct lb_place *place, struct json_object *value,
		       const struct lb_member *member, uint8_t *to)
{
	const int64_t number = json_object_get_int64(value);
	char cause[80];

	if (!json_object_is_type(value, json_type_int))
		return lb_place_fail(place, -EINVAL, "a whole number expected");
	if (number < (int64_t)member->min || number > (int64_t)member->max) {
		snprintf(cause, sizeof(cause), "not in %llu to %llu",
			 (unsigned long long)member->min, (unsigned long long)member->max);
		return lb_place_fail(place, -EINVAL, cause);
	}
	if (member->size == 1)
		*to = number;
	else if (member->size == 2)
		memcpy(to, &(uint16_t){ number }, 2);
	else
		memcpy(to, &(uint32_t){ number }, 4);
	return 0;
}

static int flag_read(const struct lb_place *place, struct json_object *value,
		     const struct lb_member *member, uint8_t *to)
{
	if (!json_object_is_type(value, json_type_boolean))
		return lb_place_fail(place, -EINVAL, "true or false expected");
	*to &= ~member->max;
	if (json_object_get_boolean(value))
		*to |= member->max;
	return 0;
}

/* address_read - never zero, which stands for none */
static int address_read(const char *text, const struct lb_member *member, uint8_t *to)
{
	const int family = member->size == 4 ? AF_INET : AF_INET6;
	uint8_t addr[16];

	if (inet_pton(family, text, addr) != 1 || !lb_address_usable(family, addr))
		return ecbpf_fail(-EINVAL, "%s is no IPv%d address of a sender", text,
				  family == AF_INET ? 4 : 6);
	memcpy(to, addr, member->size);
	return 0;
}

static int word_read(const char *text, const struct lb_member *member, void *to)
{
	int choice, err;

	switch (member->kind) {
	case LB_MEMBER_CHOICE:
		err = ecbpf_parse_choice(member->words, text, &choice);
		if (!err)
			*(uint8_t *)to = choice;
		return err;
	case LB_MEMBER_ADDRESS:
		return address_read(text, member, to);
	case LB_MEMBER_SERVICE:
		return lb_service_parse(text, to);
	case LB_MEMBER_ENDPOINT:
		return lb_endpoint_parse(text, to);
	case LB_MEMBER_ID:
		return lb_server_id_parse(text, to);
	default:
		return ecbpf_parse_prefix(text, to);
	}
}

static int text_read(const struct lb_place *place, struct json_object *value,
		     const struct lb_member *member, void *to)
{
	char cause[2 * LB_TEXT_SIZE + 128];
	const char *text;
	size_t len;

	if (!json_object_is_type(value, json_type_string))
		return lb_place_fail(place, -EINVAL, "a string expected");
	text = json_object_get_string(value);
	len = json_object_get_string_len(value);
	if (len >= LB_TEXT_SIZE || !is_printable(text, len))
		return lb_place_fail(place, -EINVAL, "a shorter string of ASCII expected");
	if (!word_read(text, member, to))
		return 0;
	snprintf(cause, sizeof(cause), "%s", ecbpf_error());
	return lb_place_fail(place, -EINVAL, cause);
}

static int member_read(const struct lb_place *place, struct json_object *value,
		       const struct lb_member *member, void *to)
{
	void *at = (char *)to + member->offset;

	switch (member->kind) {
	case LB_MEMBER_NUMBER:
		return number_read(place, value, member, at);
	case LB_MEMBER_FLAG:
		return flag_read(place, value, member, at);
	case LB_MEMBER_LIST:
		if (!json_object_is_type(value, json_type_array))
			return lb_place_fail(place, -EINVAL, "an array expected");
		return 0;
	default:
		return text_read(place, value, member, at);
	}
}

static const struct lb_member *member_find(const struct lb_member *member, const char *name)
{
	for (; member->name; member++)
		if (!strcmp(member->name, name))
			return member;
	return NULL;
}

int lb_members_read(const struct lb_place *place, struct json_object *object,
		    const struct lb_member *member, void *to)
{
	char cause[80];
	const struct lb_member *row;

	if (!json_object_is_type(object, json_type_object))
		return lb_place_fail(place, -EINVAL, "an object expected");
	json_object_object_foreach(object, key, value)
	{
		const struct lb_place at = { .up = place, .name = key };
		int err;

		row = member_find(member, key);
		if (!row) {
			snprintf(cause, sizeof(cause), "unknown member %s", key);
			return lb_place_fail(place, -EINVAL, cause);
		}
		err = member_read(&at, value, row, to);
		if (err)
			return err;
	}
	for (row = member; row->name; row++)
		if (row->needed && !json_object_object_get_ex(object, row->name, NULL)) {
			snprintf(cause, sizeof(cause), "member %s is missing", row->name);
			return lb_place_fail(place, -EINVAL, cause);
		}
	return 0;
}

/* --- writing */

bool lb_member_add(struct json_object *object, const char *name, struct json_object *value)
{
	if (!value)
		return false;
	if (object && !json_object_object_add(object, name, value))
		return true;
	json_object_put(value);
	return false;
}

static bool is_zero(const void *bytes, size_t size)
{
	const uint8_t *byte = bytes;
	size_t i;

	for (i = 0; i < size; i++)
		if (byte[i])
			return false;
	return true;
}

static struct json_object *number_json(const void *at, size_t size)
{
	uint16_t half;
	uint32_t word;
	uint64_t number;

	if (size == 8) {
		memcpy(&number, at, 8);
		return json_object_new_uint64(number);
	}
	if (size == 1)
		return json_object_new_int64(*(const uint8_t *)at);
	if (size == 2) {
		memcpy(&half, at, 2);
		return json_object_new_int64(half);
	}
	memcpy(&word, at, 4);
	return json_object_new_int64(word);
}

/* choice_text - the word of this number, from 1 */
static const char *choice_text(const char *words, unsigned int choice, char *buf)
{
	while (--choice)
		words += strcspn(words, "|") + 1;
	snprintf(buf, LB_TEXT_SIZE, "%.*s", (int)strcspn(words, "|"), words);
	return buf;
}

static struct json_object *member_json(const struct lb_member *member, const void *at)
{
	char buf[LB_TEXT_SIZE] = "";

	switch (member->kind) {
	case LB_MEMBER_NUMBER:
		return number_json(at, member->size);
	case LB_MEMBER_FLAG:
		return json_object_new_boolean(*(const uint8_t *)at & member->max);
	case LB_MEMBER_CHOICE:
		choice_text(member->words, *(const uint8_t *)at, buf);
		break;
	case LB_MEMBER_ADDRESS:
		inet_ntop(member->size == 4 ? AF_INET : AF_INET6, at, buf, sizeof(buf));
		break;
	case LB_MEMBER_SERVICE:
		lb_service_text(at, buf);
		break;
	case LB_MEMBER_ENDPOINT:
		lb_endpoint_text(at, buf);
		break;
	case LB_MEMBER_ID:
		lb_server_id_text(at, buf);
		break;
	default:
		lb_prefix_text(at, buf);
		break;
	}
	return json_object_new_string(buf);
}

bool lb_members_write(struct json_object *object, const struct lb_member *member, const void *from)
{
	for (; member->name; member++) {
		const void *at = (const char *)from + member->offset;

		if (member->kind == LB_MEMBER_LIST || (member->sparse && is_zero(at, member->size)))
			continue;
		if (!lb_member_add(object, member->name, member_json(member, at)))
			return false;
	}
	return true;
}
