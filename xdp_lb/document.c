// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xdp_lb/document.h"
#include "xdp_lb/members.h"
#include "xdp_lb/text.h"

#define TEXT_MAX  (256UL << 20)
#define DEPTH_MAX 8

#define AT(type, member) offsetof(struct type, member), sizeof(((struct type *)0)->member)

static const struct lb_member top_members[] = {
	{ "version", LB_MEMBER_NUMBER, 0, sizeof(uint32_t), LB_DOCUMENT_VERSION,
	  LB_DOCUMENT_VERSION, NULL, true, false },
	{ .name = "vips", .kind = LB_MEMBER_LIST },
	{},
};

#define FORWARD(type)                                                                                 \
	{ "gue_port", LB_MEMBER_NUMBER, AT(type, forward.gue_port), 1, 65535, NULL, false, true },    \
		{ "source4", LB_MEMBER_ADDRESS, AT(type, forward.source4), 0, 0, NULL, false, true }, \
	{                                                                                             \
		"source6", LB_MEMBER_ADDRESS, AT(type, forward.source6), 0, 0, NULL, false, true      \
	}

static const struct lb_member vip_members[] = {
	{ "service", LB_MEMBER_SERVICE, AT(lb_vip, service), 0, 0, NULL, true, false },
	{ "mode", LB_MEMBER_CHOICE, AT(lb_vip, forward.mode), 0, 0, LB_MODES, false, false },
	FORWARD(lb_vip),
	{ "hash", LB_MEMBER_CHOICE, AT(lb_vip, hash), 0, 0, LB_HASHES, false, false },
	{ "server_id_length", LB_MEMBER_NUMBER, AT(lb_vip, id_octets), 1, LB_SERVER_ID_MAX, NULL,
	  false, true },
	{ "config_rotation", LB_MEMBER_NUMBER, AT(lb_vip, rotation), 0, LB_ROTATION_MAX, NULL,
	  false, true },
	{ "no_table", LB_MEMBER_FLAG, AT(lb_vip, flags), 0, LB_NO_TABLE, NULL, false, false },
	{ "echo", LB_MEMBER_FLAG, AT(lb_vip, flags), 0, LB_ECHO, NULL, false, false },
	{ "refuse_fragments", LB_MEMBER_FLAG, AT(lb_vip, flags), 0, LB_REFUSE_FRAGMENTS, NULL,
	  false, false },
	{ "tcp_idle_s", LB_MEMBER_NUMBER, AT(lb_vip, tcp_idle_s), 1, LB_IDLE_MAX_S, NULL, false,
	  false },
	{ "udp_idle_s", LB_MEMBER_NUMBER, AT(lb_vip, udp_idle_s), 1, LB_IDLE_MAX_S, NULL, false,
	  false },
	{ "new_pps", LB_MEMBER_NUMBER, AT(lb_vip, new_pps), 0, LB_NEW_MAX_PPS, NULL, false, false },
	{ "table_size", LB_MEMBER_NUMBER, AT(lb_vip, table_size), LB_TABLE_MIN, LB_TABLE_MAX, NULL,
	  false, false },
	{ .name = "backends", .kind = LB_MEMBER_LIST },
	{ .name = "sources", .kind = LB_MEMBER_LIST },
	{},
};

static const struct lb_member backend_members[] = {
	{ "address", LB_MEMBER_ENDPOINT, AT(lb_backend, endpoint), 0, 0, NULL, true, false },
	{ "weight", LB_MEMBER_NUMBER, AT(lb_backend, weight), 0, LB_WEIGHT_MAX, NULL, false,
	  false },
	{ "state", LB_MEMBER_CHOICE, AT(lb_backend, state), 0, 0, LB_STATES, false, false },
	{ "monitor", LB_MEMBER_CHOICE, AT(lb_backend, monitor), 0, 0, LB_STATES, false, false },
	{ "mode", LB_MEMBER_CHOICE, AT(lb_backend, forward.mode), 0, 0, LB_MODES, false, true },
	FORWARD(lb_backend),
	{ "server_id", LB_MEMBER_ID, AT(lb_backend, id), 0, 0, NULL, false, true },
	{},
};

static const struct lb_member source_members[] = {
	{ "prefix", LB_MEMBER_PREFIX, AT(lb_source, prefix), 0, 0, NULL, true, false },
	{ "backend", LB_MEMBER_ENDPOINT, AT(lb_source, backend), 0, 0, NULL, true, false },
	{},
};

/* --- reading */

/* list_read - elements of @size bytes, malloc()ed; those of backends begin as lb_backend_init() */
static int list_read(const struct lb_place *up, struct json_object *object, const char *name,
		     const struct lb_member *member, size_t size, void **list, size_t *count)
{
	const struct lb_place place = { .up = up, .name = name };
	struct json_object *array = json_object_object_get(object, name);
	const size_t length = array ? json_object_array_length(array) : 0;
	char *made = length ? calloc(length, size) : NULL;
	size_t i;
	int err = 0;

	if (length && !made)
		return ecbpf_fail(-ENOMEM, "out of memory");
	for (i = 0; !err && i < length; i++) {
		const struct lb_place at = { .up = &place, .index = i };
		void *element = made + i * size;

		if (member == backend_members)
			lb_backend_init(element, &(const struct lb_endpoint){});
		err = lb_members_read(&at, json_object_array_get_idx(array, i), member, element);
	}
	*list = made;
	*count = length;
	return err;
}

static int vip_read(const struct lb_place *place, struct json_object *object,
		    struct lb_config *config)
{
	void *backends = NULL, *sources = NULL;
	char cause[512];
	struct lb_vip vip;
	int err;

	lb_vip_init(&vip, &(const struct lb_service){});
	err = lb_members_read(place, object, vip_members, &vip);
	if (vip.hash == LB_HASH_QUIC && !vip.id_octets)
		vip.id_octets = LB_SERVER_ID_DEFAULT;
	if (!err)
		err = list_read(place, object, "backends", backend_members, sizeof(*vip.backend),
				&backends, &vip.backends);
	if (!err)
		err = list_read(place, object, "sources", source_members, sizeof(*vip.source),
				&sources, &vip.sources);
	if (!err) {
		vip.backend = backends;
		vip.source = sources;
		err = lb_vip_add(config, &vip);
		snprintf(cause, sizeof(cause), "%s", err ? ecbpf_error() : "");
		if (err)
			lb_place_fail(place, err, cause);
	}
	free(backends);
	free(sources);
	return err;
}

static int top_read(struct json_object *object, struct lb_config *config)
{
	const struct lb_place top = {}, vips = { .up = &top, .name = "vips" };
	struct json_object *array;
	uint32_t version;
	size_t i;
	int err = lb_members_read(&top, object, top_members, &version);

	if (err)
		return err;
	array = json_object_object_get(object, "vips");
	for (i = 0; !err && array && i < json_object_array_length(array); i++) {
		const struct lb_place at = { .up = &vips, .index = i };

		err = vip_read(&at, json_object_array_get_idx(array, i), config);
	}
	return err;
}

/* text_fail - "LINE:COLUMN: cause" */
static int text_fail(const char *text, size_t at, const char *cause)
{
	size_t line = 1, column = 1, i;

	for (i = 0; i < at; i++) {
		column = text[i] == '\n' ? 1 : column + 1;
		line += text[i] == '\n';
	}
	return ecbpf_fail(-EINVAL, "%zu:%zu: %s", line, column, cause);
}

/* text_read - to json-c's objects, or what json-c says is wrong */
static int text_read(const char *text, size_t len, struct json_object **object)
{
	struct json_tokener *tokener = json_tokener_new_ex(DEPTH_MAX);
	enum json_tokener_error error;
	size_t at;
	int err = 0;

	if (!tokener)
		return ecbpf_fail(-ENOMEM, "out of memory");
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	*object = json_tokener_parse_ex(tokener, text, len);
	error = json_tokener_get_error(tokener);
	at = json_tokener_get_parse_end(tokener);
	if (error == json_tokener_success)
		at += strspn(text + at, " \t\r\n");
	if (error == json_tokener_continue)
		err = text_fail(text, len, "the text ends too early");
	else if (error != json_tokener_success)
		err = text_fail(text, at, json_tokener_error_desc(error));
	else if (at < len)
		err = text_fail(text, at, "the text goes on behind its end");
	json_tokener_free(tokener);
	return err;
}

int lb_document_parse(const char *text, size_t len, struct lb_config *config)
{
	struct json_object *object = NULL;
	struct lb_config parsed = {};
	char *copy;
	int err;

	if (len > TEXT_MAX)
		return ecbpf_fail(-EINVAL, "1:1: longer than %lu bytes", TEXT_MAX);
	if (memchr(text, '\0', len))
		return text_fail(text, strnlen(text, len), "a NUL byte");
	copy = strndup(text, len);
	if (!copy)
		return ecbpf_fail(-ENOMEM, "out of memory");
	err = text_read(copy, len, &object);
	if (!err)
		err = lb_members_unique(copy, len);
	if (!err)
		err = top_read(object, &parsed);
	json_object_put(object);
	free(copy);
	if (err)
		lb_config_free(&parsed);
	else
		*config = parsed;
	return err;
}

/* --- writing */

static struct json_object *object_json(const struct lb_member *member, const void *from)
{
	struct json_object *object = json_object_new_object();

	if (object && !lb_members_write(object, member, from)) {
		json_object_put(object);
		return NULL;
	}
	return object;
}

struct json_object *lb_vip_json(const struct lb_vip *vip)
{
	return object_json(vip_members, vip);
}

struct json_object *lb_backend_json(const struct lb_backend *backend)
{
	return object_json(backend_members, backend);
}

/* list_add - an array of these elements; of none, nothing: json-c's versions write [] differently */
static bool list_add(struct json_object *object, const char *name, const struct lb_member *member,
		     const void *list, size_t count, size_t size)
{
	struct json_object *array;
	size_t i;

	if (!count)
		return true;
	array = json_object_new_array();
	if (!lb_member_add(object, name, array))
		return false;
	for (i = 0; i < count; i++) {
		struct json_object *element = object_json(member, (const char *)list + i * size);

		if (!element)
			return false;
		if (json_object_array_add(array, element)) {
			json_object_put(element);
			return false;
		}
	}
	return true;
}

static bool vip_add(struct json_object *array, const struct lb_vip *vip)
{
	struct json_object *object = lb_vip_json(vip);

	if (!object)
		return false;
	if (json_object_array_add(array, object)) {
		json_object_put(object);
		return false;
	}
	return list_add(object, "backends", backend_members, vip->backend, vip->backends,
			sizeof(*vip->backend)) &&
	       list_add(object, "sources", source_members, vip->source, vip->sources,
			sizeof(*vip->source));
}

static bool vips_add(struct json_object *top, const struct lb_config *config)
{
	struct json_object *array;
	size_t i;

	if (!config->vips)
		return true;
	array = json_object_new_array();
	if (!lb_member_add(top, "vips", array))
		return false;
	for (i = 0; i < config->vips; i++)
		if (!vip_add(array, &config->vip[i]))
			return false;
	return true;
}

char *lb_document_print(const struct lb_config *config)
{
	const uint32_t version = LB_DOCUMENT_VERSION;
	struct json_object *top = object_json(top_members, &version);
	const char *text = NULL;
	char *copy = NULL;
	size_t len;

	if (top && vips_add(top, config))
		text = json_object_to_json_string_length(
			top, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE, &len);
	if (text)
		copy = malloc(len + 2);
	if (copy) {
		memcpy(copy, text, len);
		memcpy(copy + len, "\n", 2);
	} else {
		errno = ENOMEM;
	}
	json_object_put(top);
	return copy;
}
