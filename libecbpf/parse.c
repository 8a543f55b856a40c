// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Values as people type them. Nothing changes unless the whole text is good. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "libecbpf/cli.h"

#define NS_PER_US 1000ULL
#define NS_PER_MS 1000000ULL
#define NS_PER_S  1000000000ULL

static int digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return 16;
}

int ecbpf_parse_number(const char *text, uint64_t min, uint64_t max, uint64_t *value)
{
	unsigned int base = 10;
	const char *at = text;
	uint64_t number = 0;

	if (at[0] == '0' && (at[1] == 'x' || at[1] == 'X')) {
		base = 16;
		at += 2;
	}
	do {
		unsigned int digit = digit_of(*at);

		if (digit >= base)
			return ecbpf_fail(-EINVAL, "%s is not a number", text);
		if (__builtin_mul_overflow(number, base, &number) ||
		    __builtin_add_overflow(number, digit, &number))
			return ecbpf_fail(-ERANGE, "%s is too large", text);
	} while (*++at);
	if (number < min || number > max)
		return ecbpf_fail(-ERANGE, "%s is not in %llu to %llu", text,
				  (unsigned long long)min, (unsigned long long)max);
	*value = number;
	return 0;
}

static uint64_t unit_ns(const char *unit)
{
	static const struct {
		const char *name;
		uint64_t ns;
	} units[] = {
		{ "", NS_PER_S },	  { "s", NS_PER_S }, { "ms", NS_PER_MS },
		{ "us", NS_PER_US },	  { "ns", 1 },	     { "m", 60 * NS_PER_S },
		{ "h", 3600 * NS_PER_S },
	};
	size_t i;

	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (!strcmp(unit, units[i].name))
			return units[i].ns;
	return 0;
}

static bool whole_units(const char *digits, size_t count, uint64_t unit, uint64_t *ns)
{
	uint64_t value = 0;

	for (; count--; digits++)
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, *digits - '0', &value))
			return false;
	return !__builtin_mul_overflow(value, unit, ns);
}

int ecbpf_parse_duration(const char *text, uint64_t min_ns, uint64_t max_ns, uint64_t *ns)
{
	size_t whole = strspn(text, "0123456789"), part = 0;
	const bool point = text[whole] == '.';
	const char *at = text + whole + point;
	uint64_t unit, total;
	bool fits;

	if (point)
		part = strspn(at, "0123456789");
	unit = unit_ns(at + part);
	if (!whole || !unit || (point && !part))
		return ecbpf_fail(-EINVAL, "%s is not a duration, such as 1.5s or 200ms", text);
	fits = whole_units(text, whole, unit, &total);
	for (; fits && part--; at++) {
		unit /= 10;
		fits = !__builtin_add_overflow(total, (*at - '0') * unit, &total);
	}
	if (!fits)
		return ecbpf_fail(-ERANGE, "%s is too long", text);
	if (total < min_ns || total > max_ns)
		return ecbpf_fail(-ERANGE, "%s is not in %g to %g seconds", text, min_ns / 1e9,
				  max_ns / 1e9);
	*ns = total;
	return 0;
}

static bool host_bits_set(const struct ecbpf_prefix *prefix, unsigned int bits)
{
	unsigned int i;

	for (i = prefix->length; i < bits; i++)
		if (prefix->addr[i / 8] & (0x80 >> i % 8))
			return true;
	return false;
}

int ecbpf_parse_prefix(const char *text, struct ecbpf_prefix *prefix)
{
	struct ecbpf_prefix parsed = { .family = strchr(text, ':') ? AF_INET6 : AF_INET };
	uint64_t bits = parsed.family == AF_INET ? 32 : 128, length = bits;
	const char *slash = strchr(text, '/');
	char address[INET6_ADDRSTRLEN];
	size_t len = slash ? (size_t)(slash - text) : strlen(text);

	if (len >= sizeof(address))
		return ecbpf_fail(-EINVAL, "%s is not an address", text);
	memcpy(address, text, len);
	address[len] = '\0';
	if (inet_pton(parsed.family, address, parsed.addr) != 1)
		return ecbpf_fail(-EINVAL, "%s is not an address", text);
	if (slash && ecbpf_parse_number(slash + 1, 0, bits, &length))
		return ecbpf_fail(-EINVAL, "%s: the prefix length is not in 0 to %d", text,
				  (int)bits);
	parsed.length = length;
	if (host_bits_set(&parsed, bits))
		return ecbpf_fail(-EINVAL, "%s has bits set behind its prefix length", text);
	*prefix = parsed;
	return 0;
}

int ecbpf_parse_choice(const char *words, const char *text, int *choice)
{
	const char *word = words;
	size_t len;
	int i;

	for (i = 1; *word; i++, word += len + (word[len] == '|')) {
		len = strcspn(word, "|");
		if (strlen(text) == len && !strncmp(word, text, len)) {
			*choice = i;
			return 0;
		}
	}
	return ecbpf_fail(-EINVAL, "%s is none of %s", text, words);
}

bool ecbpf_ifname_valid(const char *name, size_t len)
{
	size_t i;

	if (!len || len >= IF_NAMESIZE || (len == 1 && name[0] == '.') ||
	    (len == 2 && !strncmp(name, "..", 2)))
		return false;
	for (i = 0; i < len; i++)
		/* strchr() finds the NUL too; the kernel's isspace() knows Latin 1's hard space */
		if (strchr("/: \t\n\v\f\r\xa0", name[i]))
			return false;
	return true;
}

static bool iflist_has(const struct ecbpf_iflist *list, const char *name)
{
	size_t i;

	for (i = 0; i < list->count; i++)
		if (!strcmp(list->name[i], name))
			return true;
	return false;
}

static int iflist_add_one(struct ecbpf_iflist *list, const char *name, size_t len)
{
	char entry[IF_NAMESIZE] = "";
	void *grown;

	if (!ecbpf_ifname_valid(name, len))
		return ecbpf_fail(-EINVAL, "%.*s: no interface can have this name", (int)len, name);
	memcpy(entry, name, len);
	if (iflist_has(list, entry))
		return ecbpf_fail(-EEXIST, "%s is named twice", entry);
	grown = realloc(list->name, (list->count + 1) * sizeof(*list->name));
	if (!grown)
		return ecbpf_fail(-ENOMEM, "out of memory");
	list->name = grown;
	memcpy(list->name[list->count++], entry, sizeof(entry));
	return 0;
}

int ecbpf_iflist_add(struct ecbpf_iflist *list, const char *text)
{
	size_t before = list->count, len;
	int err;

	for (;; text += len + 1) {
		len = strcspn(text, ",");
		err = iflist_add_one(list, text, len);
		if (err)
			list->count = before;
		if (err || !text[len])
			return err;
	}
}

int ecbpf_iflist_args(struct ecbpf_iflist *list, int argc, char **argv)
{
	int i, err = 0;

	*list = (struct ecbpf_iflist){};
	for (i = 0; i < argc && !err; i++)
		err = ecbpf_iflist_add(list, argv[i]);
	if (err)
		ecbpf_iflist_free(list);
	return err;
}

void ecbpf_iflist_free(struct ecbpf_iflist *list)
{
	free(list->name);
	*list = (struct ecbpf_iflist){};
}
