// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bypass_ipvs/params.h"
#include "libecbpf/cli.h"
#include "libecbpf/ecbpf.h"
#include "libecbpf/json.h"

#define NS_PER_S 1000000000ULL

static const struct row {
	const char *name;
	enum params_unit unit;
	size_t offset;
	uint64_t usual, min, max;
	const char *text;
} rows[] = {
#define PARAMS_ROW(member, name, unit, usual, min, max, text) \
	{ name, PARAMS_##unit, offsetof(struct bypass_params, member), usual, min, max, text },
	PARAMS(PARAMS_ROW)
#undef PARAMS_ROW
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

static __u32 *member(struct bypass_params *params, const struct row *row)
{
	return (__u32 *)((char *)params + row->offset);
}

static __u32 value_of(const struct bypass_params *params, const struct row *row)
{
	return *(const __u32 *)((const char *)params + row->offset);
}

static const char *unit_name(enum params_unit unit)
{
	static const char *const names[] = {
		[PARAMS_DURATION] = "time", [PARAMS_PACKETS] = "packets", [PARAMS_PPS] = "pps",
		[PARAMS_ONE_IN] = "one in", [PARAMS_SWITCH] = "switch",
	};

	return names[unit];
}

/* in_kernel - a number of the list as struct bypass_params has it */
static __u32 in_kernel(const struct row *row, uint64_t number)
{
	return row->unit == PARAMS_DURATION ? params_ticks(number, ecbpf_hz()) : number;
}

uint32_t params_ticks(uint64_t ns, unsigned int hz)
{
	const uint64_t whole = ns / NS_PER_S, rest = ns % NS_PER_S;
	const uint64_t ticks = whole * hz + (rest * hz + NS_PER_S / 2) / NS_PER_S;

	if (ns && !ticks)
		return 1;
	return ticks > UINT32_MAX ? UINT32_MAX : ticks;
}

/* A microsecond is at most half a tick: the nearest of each makes the nearest of the other. */
static uint64_t ticks_us(uint32_t ticks, unsigned int hz)
{
	return (ticks * 1000000ULL + hz / 2) / hz;
}

void params_ticks_text(uint32_t ticks, unsigned int hz, char *buf, size_t size)
{
	const uint64_t us = ticks_us(ticks, hz);
	int len;

	if (us % 1000000 == 0)
		len = snprintf(buf, size, "%llus", (unsigned long long)us / 1000000);
	else if (us % 1000 == 0)
		len = snprintf(buf, size, "%llums", (unsigned long long)us / 1000);
	else
		len = snprintf(buf, size, "%llu.%03ums", (unsigned long long)us / 1000,
			       (unsigned int)(us % 1000));
	if (len < 0 || (size_t)len >= size)
		buf[0] = '\0';
}

/* number_text - as params_parse() takes it */
static void number_text(const struct row *row, __u32 value, char *buf, size_t size)
{
	if (row->unit == PARAMS_DURATION)
		params_ticks_text(value, ecbpf_hz(), buf, size);
	else if (row->unit == PARAMS_SWITCH)
		snprintf(buf, size, "%s", value ? "on" : "off");
	else
		snprintf(buf, size, "%u", value);
}

static void range_text(const struct row *row, char *buf, size_t size)
{
	const uint64_t scale = row->unit == PARAMS_DURATION ? PARAMS_MS : 1;
	const uint64_t min = row->min / scale, max = row->max / scale;
	const bool ms = row->unit == PARAMS_DURATION && min % 1000;

	if (row->unit == PARAMS_SWITCH)
		snprintf(buf, size, "off or on");
	else if (row->unit == PARAMS_DURATION)
		snprintf(buf, size, "%llu%s to %llus", (unsigned long long)(ms ? min : min / 1000),
			 ms ? "ms" : "s", (unsigned long long)max / 1000);
	else
		snprintf(buf, size, "%llu to %llu", (unsigned long long)min,
			 (unsigned long long)max);
}

void params_default(struct bypass_params *params)
{
	size_t i;

	memset(params, 0, sizeof(*params));
	for (i = 0; i < ROWS; i++)
		*member(params, &rows[i]) = in_kernel(&rows[i], rows[i].usual);
}

/* duration_parse - in ticks; one that rounds into the range is in it, as its own text must be */
static int duration_parse(const struct row *row, const char *text, __u32 *value)
{
	uint64_t ns;
	int err = ecbpf_parse_duration(text, 0, UINT64_MAX, &ns);
	__u32 ticks;

	if (err)
		return err;
	ticks = in_kernel(row, ns);
	if (ticks < in_kernel(row, row->min) || ticks > in_kernel(row, row->max))
		return -ERANGE;
	*value = ticks;
	return 0;
}

static int value_parse(const struct row *row, const char *text, __u32 *value)
{
	uint64_t number = 0;
	int choice = 0, err;

	if (row->unit == PARAMS_DURATION)
		return duration_parse(row, text, value);
	if (row->unit == PARAMS_SWITCH) {
		err = ecbpf_parse_choice("off|on", text, &choice);
		number = choice - 1;
	} else {
		err = ecbpf_parse_number(text, row->min, row->max, &number);
	}
	if (!err)
		*value = number;
	return err;
}

static const struct row *row_find(const char *name, size_t len)
{
	size_t i;

	for (i = 0; i < ROWS; i++)
		if (strlen(rows[i].name) == len && !memcmp(rows[i].name, name, len))
			return &rows[i];
	return NULL;
}

static int word_parse(const char *word, uint64_t *named, struct bypass_params *params)
{
	const char *equals = strchr(word, '=');
	const struct row *row;
	char told[192], range[48];
	int err;

	if (!equals)
		return ecbpf_fail(-EINVAL, "%s is not NAME=VALUE", word);
	row = row_find(word, equals - word);
	if (!row)
		return ecbpf_fail(-EINVAL, "%.*s is no parameter", (int)(equals - word), word);
	if (*named & 1ULL << (row - rows))
		return ecbpf_fail(-EINVAL, "%s is named twice", row->name);
	*named |= 1ULL << (row - rows);
	err = value_parse(row, equals + 1, member(params, row));
	if (!err)
		return 0;
	range_text(row, range, sizeof(range));
	if (err == -ERANGE)
		return ecbpf_fail(err, "%s: %s is not in %s", row->name, equals + 1, range);
	snprintf(told, sizeof(told), "%s", ecbpf_error());
	return ecbpf_fail(err, "%s: %s", row->name, told);
}

int params_check(const struct bypass_params *params)
{
	char one[32], other[32];

	params_ticks_text(params->sample, ecbpf_hz(), one, sizeof(one));
	if (params->sample >= params->inactive) {
		params_ticks_text(params->inactive, ecbpf_hz(), other, sizeof(other));
		return ecbpf_fail(-EINVAL, "sample (%s) must be less than inactive (%s)", one,
				  other);
	}
	if (params->retry > params->sample) {
		params_ticks_text(params->retry, ecbpf_hz(), other, sizeof(other));
		return ecbpf_fail(-EINVAL, "retry (%s) must not be more than sample (%s)", other,
				  one);
	}
	if (params->unknown_max_pps < params->unknown_pps)
		return ecbpf_fail(-EINVAL,
				  "unknown-max-pps (%u) must not be less than unknown-pps (%u)",
				  params->unknown_max_pps, params->unknown_pps);
	return 0;
}

int params_parse(size_t count, char **words, struct bypass_params *params)
{
	struct bypass_params parsed = *params;
	uint64_t named = 0;
	size_t i;
	int err = 0;

	for (i = 0; !err && i < count; i++)
		err = word_parse(words[i], &named, &parsed);
	if (!err)
		err = params_check(&parsed);
	if (!err)
		*params = parsed;
	return err;
}

void params_store(struct bypass_settings *settings, const struct bypass_params *params)
{
	const __u32 other = !settings->active;

	settings->params[other] = *params;
	__atomic_store_n(&settings->active, other, __ATOMIC_RELEASE);
}

void params_line(FILE *to, const struct bypass_params *params)
{
	char text[32];
	size_t i;

	for (i = 0; i < ROWS; i++) {
		number_text(&rows[i], value_of(params, &rows[i]), text, sizeof(text));
		fprintf(to, "%s%s=%s", i ? " " : "", rows[i].name, text);
	}
}

void params_text(FILE *to, const struct bypass_params *params)
{
	char value[32], usual[32], range[48];
	size_t i;

	fprintf(to, "%-16s %-10s %-10s %-8s %-16s %s\n", "PARAMETER", "VALUE", "DEFAULT", "UNIT",
		"RANGE", "MEANING");
	for (i = 0; i < ROWS; i++) {
		const struct row *row = &rows[i];

		number_text(row, value_of(params, row), value, sizeof(value));
		number_text(row, in_kernel(row, row->usual), usual, sizeof(usual));
		range_text(row, range, sizeof(range));
		fprintf(to, "%-16s %-10s %-10s %-8s %-16s %s\n", row->name, value, usual,
			unit_name(row->unit), range, row->text);
	}
}

static struct json_object *number_json(const struct row *row, uint64_t number)
{
	return row->unit == PARAMS_SWITCH ? json_object_new_boolean(number) :
					    json_object_new_uint64(number);
}

struct json_object *params_json(const struct bypass_params *params)
{
	struct json_object *array = json_object_new_array(), *object;
	size_t i;

	for (i = 0; i < ROWS; i++) {
		const struct row *row = &rows[i];
		const bool time = row->unit == PARAMS_DURATION;
		const uint64_t value = value_of(params, row), scale = time ? 1000 : 1;

		object = json_object_new_object();
		ecbpf_json_text(object, "name", row->name);
		ecbpf_json_text(object, "unit", time ? "us" : unit_name(row->unit));
		json_object_object_add(object, "value",
				       number_json(row,
						   time ? ticks_us(value, ecbpf_hz()) : value));
		json_object_object_add(object, "default", number_json(row, row->usual / scale));
		json_object_object_add(object, "min", number_json(row, row->min / scale));
		json_object_object_add(object, "max", number_json(row, row->max / scale));
		ecbpf_json_text(object, "text", row->text);
		json_object_array_add(array, object);
	}
	return array;
}
