// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Words of a rule as numbers, addresses and lists of them. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "xdp_fw/parse.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

struct named {
	const char *name;
	unsigned int number;
};

/* IANA's assigned numbers; of several names for one the first is printed. */
static const struct named protos[] = {
	{ "icmp", 1 },	    { "igmp", 2 },	  { "ipip", 4 },
	{ "ipencap", 4 },   { "tcp", 6 },	  { "egp", 8 },
	{ "igp", 9 },	    { "udp", 17 },	  { "dccp", 33 },
	{ "ipv6", 41 },	    { "ipv6-route", 43 }, { "ipv6-frag", 44 },
	{ "rsvp", 46 },	    { "gre", 47 },	  { "esp", 50 },
	{ "ah", 51 },	    { "icmp6", 58 },	  { "ipv6-icmp", 58 },
	{ "icmpv6", 58 },   { "ipv6-nonxt", 59 }, { "ipv6-opts", 60 },
	{ "eigrp", 88 },    { "ospf", 89 },	  { "etherip", 97 },
	{ "pim", 103 },	    { "ipcomp", 108 },	  { "vrrp", 112 },
	{ "l2tp", 115 },    { "sctp", 132 },	  { "mobility-header", 135 },
	{ "udplite", 136 }, { "mpls", 137 },	  { "hip", 139 },
	{ "shim6", 140 },
};

/* RFC 2474, 2597, 3246, 5865 and 8622 */
static const struct named dscps[] = {
	{ "be", 0 },	{ "default", 0 }, { "cs0", 0 },	  { "le", 1 },	  { "cs1", 8 },
	{ "af11", 10 }, { "af12", 12 },	  { "af13", 14 }, { "cs2", 16 },  { "af21", 18 },
	{ "af22", 20 }, { "af23", 22 },	  { "cs3", 24 },  { "af31", 26 }, { "af32", 28 },
	{ "af33", 30 }, { "cs4", 32 },	  { "af41", 34 }, { "af42", 36 }, { "af43", 38 },
	{ "cs5", 40 },	{ "va", 44 },	  { "ef", 46 },	  { "cs6", 48 },  { "cs7", 56 },
};

static const char *const flag_names[8] = { "fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr" };

static const struct {
	const char *noun;
	uint32_t min, max;
} fields[FW_FIELDS] = {
	[FW_FIELD_LENGTH] = { "length", 1, 65535 }, [FW_FIELD_TTL] = { "ttl", 0, 255 },
	[FW_FIELD_DSCP] = { "dscp", 0, 63 },	    [FW_FIELD_PROTO] = { "protocol", 0, 255 },
	[FW_FIELD_VLAN] = { "vlan", 0, 4095 },	    [FW_FIELD_SPORT] = { "port", 0, 65535 },
	[FW_FIELD_DPORT] = { "port", 0, 65535 },    [FW_FIELD_WINDOW] = { "window", 0, 65535 },
	[FW_FIELD_TYPE] = { "type", 0, 255 },	    [FW_FIELD_CODE] = { "code", 0, 255 },
};

uint32_t fw_field_max(enum fw_field field)
{
	return fields[field].max;
}

static int find(const struct named *table, size_t rows, const char *name, size_t len)
{
	size_t i;

	for (i = 0; i < rows; i++)
		if (strlen(table[i].name) == len && !memcmp(table[i].name, name, len))
			return table[i].number;
	return -1;
}

int fw_proto_find(const char *name, size_t len)
{
	return find(protos, ROWS(protos), name, len);
}

const char *fw_proto_name(uint32_t proto)
{
	size_t i;

	for (i = 0; i < ROWS(protos); i++)
		if (protos[i].number == proto)
			return protos[i].name;
	return NULL;
}

int fw_dscp_find(const char *name, size_t len)
{
	return find(dscps, ROWS(dscps), name, len);
}

uint8_t fw_flag_find(const char *name, size_t len)
{
	unsigned int i;

	for (i = 0; i < ROWS(flag_names); i++)
		if (strlen(flag_names[i]) == len && !memcmp(flag_names[i], name, len))
			return 1 << i;
	return 0;
}

const char *fw_flag_name(unsigned int index)
{
	return flag_names[index];
}

static unsigned int digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return 16;
}

bool fw_digits(const char *text, size_t len, uint64_t *value)
{
	unsigned int base = 10;
	uint64_t number = 0;
	bool fits = true;
	size_t i = 0;

	if (len > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
		base = 16;
		i = 2;
	}
	if (!len)
		return false;
	for (; i < len; i++) {
		unsigned int digit = digit_of(text[i]);

		if (digit >= base)
			return false;
		if (__builtin_mul_overflow(number, base, &number) ||
		    __builtin_add_overflow(number, digit, &number))
			fits = false;
	}
	*value = fits ? number : UINT64_MAX;
	return true;
}

static int in_bounds(const struct fw_token *token, const char *noun, uint64_t min, uint64_t max,
		     uint64_t value)
{
	if (value < min)
		return fw_error(token, "%s %llu is below %llu", noun, (unsigned long long)value,
				(unsigned long long)min);
	if (value > max)
		return fw_error(token, "%s %llu is above %llu", noun, (unsigned long long)value,
				(unsigned long long)max);
	return 0;
}

int fw_number(const struct fw_token *token, const char *noun, uint64_t min, uint64_t max,
	      uint64_t *value)
{
	if (!fw_digits(token->text, token->len, value))
		return fw_error(token, "%s %.*s is not a number", noun, fw_quoted(token),
				token->text);
	return in_bounds(token, noun, min, max, *value);
}

static int field_name(enum fw_field field, const struct fw_token *token)
{
	if (field == FW_FIELD_PROTO)
		return fw_proto_find(token->text, token->len);
	if (field == FW_FIELD_DSCP)
		return fw_dscp_find(token->text, token->len);
	if (field == FW_FIELD_VLAN && fw_token_is(token, "none"))
		return FW_VLAN_NONE;
	return -1;
}

int fw_field_value(enum fw_field field, const struct fw_token *token, struct fw_range *range)
{
	const char *noun = fields[field].noun, *dash = memchr(token->text, '-', token->len);
	size_t len = dash ? (size_t)(dash - token->text) : token->len;
	int number = field_name(field, token);
	uint64_t lo, hi;

	if (number >= 0) {
		*range = (struct fw_range){ number, number };
		return 0;
	}
	if (!fw_digits(token->text, len, &lo) ||
	    !fw_digits(dash ? dash + 1 : token->text, dash ? token->len - len - 1 : len, &hi))
		return fw_error(token, "%s %.*s is not %s", noun, fw_quoted(token), token->text,
				field == FW_FIELD_PROTO || field == FW_FIELD_DSCP ?
					"known, nor a number" :
					"a number");
	if (in_bounds(token, noun, fields[field].min, fields[field].max, lo) ||
	    in_bounds(token, noun, fields[field].min, fields[field].max, hi))
		return -EINVAL;
	if (lo > hi)
		return fw_error(token, "range %llu-%llu is reversed", (unsigned long long)lo,
				(unsigned long long)hi);
	*range = (struct fw_range){ lo, hi };
	return 0;
}

static void cut_host_bits(struct ecbpf_prefix *prefix)
{
	unsigned int i;

	for (i = prefix->length; i < 128; i++)
		prefix->addr[i / 8] &= ~(0x80 >> i % 8);
}

int fw_prefix(const struct fw_token *token, struct ecbpf_prefix *prefix)
{
	const char *slash = memchr(token->text, '/', token->len);
	size_t len = slash ? (size_t)(slash - token->text) : token->len;
	bool ipv6 = memchr(token->text, ':', len);
	struct ecbpf_prefix parsed = { .family = ipv6 ? AF_INET6 : AF_INET };
	uint64_t bits = ipv6 ? 128 : 32, length = bits;
	char address[INET6_ADDRSTRLEN] = "";

	if (len < sizeof(address))
		memcpy(address, token->text, len);
	if (inet_pton(parsed.family, address, parsed.addr) != 1)
		return fw_error(token, "%.*s is not an address", fw_quoted(token), token->text);
	if (slash && !fw_digits(slash + 1, token->len - len - 1, &length))
		return fw_error(token, "the prefix length is not a number");
	if (in_bounds(token, "prefix length", 0, bits, length))
		return -EINVAL;
	parsed.length = length;
	cut_host_bits(&parsed);
	*prefix = parsed;
	return 0;
}

int fw_set_name(const struct fw_token *token, size_t skip, char *name)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789_.-";
	size_t len = token->len - skip;

	if (!len)
		return fw_error(token, "a set without a name");
	if (len > FW_SET_NAME_MAX)
		return fw_error(token, "a set's name has at most %d bytes", FW_SET_NAME_MAX);
	memset(name, 0, FW_SET_NAME_MAX + 1);
	memcpy(name, token->text + skip, len);
	if (strspn(name, allowed) != len)
		return fw_error(token, "a set's name has letters, digits, and _.- only");
	return 0;
}

/* Room for one more: lists grow at powers of two. */
static int grow(void **list, size_t count, size_t size, const struct fw_token *token)
{
	void *grown;

	if (count >= FW_LIST_MAX)
		return fw_error(token, "a list has at most %d values", FW_LIST_MAX);
	if (count & (count - 1))
		return 0;
	grown = reallocarray(*list, count ? count * 2 : 1, size);
	if (!grown)
		return ecbpf_fail(-ENOMEM, "out of memory");
	*list = grown;
	return 0;
}

int fw_values_push(struct fw_values *values, struct fw_range range, const struct fw_token *token)
{
	void *list = values->range;
	int err = grow(&list, values->count, sizeof(range), token);

	values->range = list;
	if (!err)
		values->range[values->count++] = range;
	return err;
}

int fw_addrs_push_prefix(struct fw_addrs *addrs, const struct ecbpf_prefix *prefix,
			 const struct fw_token *token)
{
	void *list = addrs->prefix;
	int err = grow(&list, addrs->prefixes, sizeof(*prefix), token);

	addrs->prefix = list;
	if (!err)
		addrs->prefix[addrs->prefixes++] = *prefix;
	return err;
}

int fw_addrs_push_set(struct fw_addrs *addrs, const char *name, const struct fw_token *token)
{
	void *list = addrs->set;
	int err = grow(&list, addrs->sets, sizeof(*addrs->set), token);

	addrs->set = list;
	if (!err)
		memcpy(addrs->set[addrs->sets++], name, sizeof(*addrs->set));
	return err;
}
