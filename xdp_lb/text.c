// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "xdp_lb/text.h"

/* --- parsing */

/* cut - the first @len bytes of @text as a string; they fit, or it is nothing that we know */
static bool cut(const char *text, size_t len, char *buf)
{
	if (len >= LB_TEXT_SIZE)
		return false;
	memcpy(buf, text, len);
	buf[len] = '\0';
	return true;
}

static bool port_number(const char *text, size_t len, uint16_t *port)
{
	char digits[LB_TEXT_SIZE];
	uint64_t number;

	if (!len || strspn(text, "0123456789") < len || !cut(text, len, digits) ||
	    ecbpf_parse_number(digits, 1, 65535, &number))
		return false;
	*port = number;
	return true;
}

/* Prefix lengths are as canonical as ports: digits alone. */
static const char *parse_length(const char *text, unsigned int bits, uint8_t *length)
{
	const size_t digits = strspn(text, "0123456789");
	char number[LB_TEXT_SIZE];
	uint64_t value;

	if (!digits || !cut(text, digits, number) || ecbpf_parse_number(number, 0, bits, &value))
		return NULL;
	*length = value;
	return text + digits;
}

/* parse_address - ADDRESS or [ADDRESS], of a length of all its bits; returns what is behind it */
static const char *parse_address(const char *text, struct ecbpf_prefix *address)
{
	const bool brackets = text[0] == '[';
	const char *from = text + brackets;
	const size_t len = strcspn(from, brackets ? "]" : ":/");
	char buf[LB_TEXT_SIZE];

	*address = (struct ecbpf_prefix){ .family = brackets ? AF_INET6 : AF_INET,
					  .length = brackets ? 128 : 32 };
	if ((brackets && !from[len]) || !cut(from, len, buf) ||
	    inet_pton(address->family, buf, address->addr) != 1)
		return NULL;
	return from + len + brackets;
}

static bool host_bits(const struct ecbpf_prefix *prefix)
{
	const unsigned int bits = prefix->family == AF_INET ? 32 : 128;
	unsigned int i;

	for (i = prefix->length; i < bits; i++)
		if (prefix->addr[i / 8] & 0x80 >> i % 8)
			return true;
	return false;
}

/* parse_ports - nothing, PORT or PORT-PORT to the end */
static bool parse_ports(const char *text, struct lb_service *service)
{
	size_t len;

	service->first = 0;
	service->last = 65535;
	if (!text[0])
		return true;
	if (*text++ != ':')
		return false;
	len = strcspn(text, "-");
	if (!port_number(text, len, &service->first))
		return false;
	service->last = service->first;
	if (!text[len])
		return true;
	text += len + 1;
	return port_number(text, strlen(text), &service->last) && service->first <= service->last;
}

static const char *parse_proto(const char *text, uint8_t *proto)
{
	if (!strncmp(text, "tcp:", 4))
		*proto = IPPROTO_TCP;
	else if (!strncmp(text, "udp:", 4))
		*proto = IPPROTO_UDP;
	else if (!strncmp(text, "any:", 4))
		*proto = 0;
	else
		return NULL;
	return text + 4;
}

int lb_service_parse(const char *text, struct lb_service *service)
{
	struct lb_service parsed = {};
	const char *at = parse_proto(text, &parsed.proto);

	if (!at)
		return ecbpf_fail(-EINVAL, "%s begins with none of tcp:, udp:, any:", text);
	at = parse_address(at, &parsed.address);
	if (!at)
		return ecbpf_fail(-EINVAL, "%s: not an address; one of IPv6 is in brackets", text);
	if (*at == '/')
		at = parse_length(at + 1, parsed.address.length, &parsed.address.length);
	if (!at)
		return ecbpf_fail(-EINVAL, "%s: the prefix length is not a number up to %u", text,
				  parsed.address.family == AF_INET ? 32U : 128U);
	if (!parse_ports(at, &parsed))
		return ecbpf_fail(-EINVAL, "%s: behind the address, :PORT or :PORT-PORT expected",
				  text);
	if (!parsed.proto && *at)
		return ecbpf_fail(-EINVAL, "%s: only tcp and udp have ports", text);
	if (host_bits(&parsed.address))
		return ecbpf_fail(-EINVAL, "%s has bits set behind its prefix length", text);
	if (!lb_address_usable(parsed.address.family, parsed.address.addr))
		return ecbpf_fail(-EINVAL, "%s: nothing can be balanced at this address", text);
	*service = parsed;
	return 0;
}

int lb_endpoint_parse(const char *text, struct lb_endpoint *endpoint)
{
	struct lb_endpoint parsed = {};
	struct ecbpf_prefix address;
	const char *at = parse_address(text, &address);

	if (!at)
		return ecbpf_fail(-EINVAL, "%s: not an address; one of IPv6 is in brackets", text);
	if (*at && (*at != ':' || !port_number(at + 1, strlen(at + 1), &parsed.port)))
		return ecbpf_fail(-EINVAL, "%s: behind the address, :PORT expected", text);
	if (!lb_address_usable(address.family, address.addr))
		return ecbpf_fail(-EINVAL, "%s: no backend can have this address", text);
	memcpy(parsed.addr, address.addr, sizeof(parsed.addr));
	parsed.family = address.family;
	*endpoint = parsed;
	return 0;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int lb_server_id_parse(const char *text, struct lb_server_id *id)
{
	const size_t len = strlen(text);
	struct lb_server_id parsed = { .octets = len / 2 };
	bool bad = !len || len % 2 || len > 2 * LB_SERVER_ID_MAX;
	size_t i;

	for (i = 0; !bad && i < len; i++) {
		const int digit = hex_digit(text[i]);

		bad = digit < 0;
		parsed.octet[i / 2] |= bad ? 0 : digit << (i % 2 ? 0 : 4);
	}
	if (bad)
		return ecbpf_fail(-EINVAL, "%s: not 1 to %d octets in hexadecimal digits", text,
				  LB_SERVER_ID_MAX);
	*id = parsed;
	return 0;
}

bool lb_address_usable(uint8_t family, const uint8_t *addr)
{
	struct in6_addr six;

	if (family ==
	    AF_INET) /* RFC 1122 3.2.1.3: network 0, loopback; RFC 5771: multicast; class E */
		return addr[0] != 0 && addr[0] != 127 && addr[0] < 224;
	memcpy(&six, addr, sizeof(six));
	return !IN6_IS_ADDR_UNSPECIFIED(&six) && !IN6_IS_ADDR_LOOPBACK(&six) &&
	       !IN6_IS_ADDR_MULTICAST(&six) && !IN6_IS_ADDR_LINKLOCAL(&six) &&
	       !IN6_IS_ADDR_V4MAPPED(&six);
}

/* --- printing: no text is longer than LB_TEXT_SIZE, inet_ntop() cannot fail */

const char *lb_service_text(const struct lb_service *service, char *buf)
{
	const struct ecbpf_prefix *address = &service->address;
	const bool six = address->family == AF_INET6;
	char name[INET6_ADDRSTRLEN] = "", length[8] = "", ports[16] = "";

	inet_ntop(address->family, address->addr, name, sizeof(name));
	if (address->length != (six ? 128 : 32))
		snprintf(length, sizeof(length), "/%u", address->length);
	if (service->first && service->first == service->last)
		snprintf(ports, sizeof(ports), ":%u", service->first);
	else if (service->first)
		snprintf(ports, sizeof(ports), ":%u-%u", service->first, service->last);
	snprintf(buf, LB_TEXT_SIZE, "%s:%s%s%s%s%s",
		 service->proto == IPPROTO_TCP ? "tcp" :
		 service->proto == IPPROTO_UDP ? "udp" :
						 "any",
		 six ? "[" : "", name, six ? "]" : "", length, ports);
	return buf;
}

const char *lb_endpoint_text(const struct lb_endpoint *endpoint, char *buf)
{
	const bool six = endpoint->family == AF_INET6;
	char name[INET6_ADDRSTRLEN] = "", port[8] = "";

	inet_ntop(endpoint->family, endpoint->addr, name, sizeof(name));
	if (endpoint->port)
		snprintf(port, sizeof(port), ":%u", endpoint->port);
	snprintf(buf, LB_TEXT_SIZE, "%s%s%s%s", six ? "[" : "", name, six ? "]" : "", port);
	return buf;
}

const char *lb_prefix_text(const struct ecbpf_prefix *prefix, char *buf)
{
	char name[INET6_ADDRSTRLEN] = "";

	inet_ntop(prefix->family, prefix->addr, name, sizeof(name));
	snprintf(buf, LB_TEXT_SIZE, "%s/%u", name, prefix->length);
	return buf;
}

const char *lb_server_id_text(const struct lb_server_id *id, char *buf)
{
	unsigned int i;

	buf[0] = '\0';
	for (i = 0; i < id->octets; i++)
		snprintf(buf + 2 * i, 3, "%02x", id->octet[i]);
	return buf;
}

const char *lb_mode_name(enum lb_mode mode)
{
	static const char *const names[] = { [LB_IPIP] = "ipip",
					     [LB_GUE] = "gue",
					     [LB_DIRECT] = "direct",
					     [LB_NAT] = "nat",
					     [LB_FULL_NAT] = "full-nat" };

	return names[mode];
}

const char *lb_hash_name(enum lb_hash hash)
{
	static const char *const names[] = { [LB_HASH_5_TUPLE] = "5-tuple",
					     [LB_HASH_SOURCE] = "source",
					     [LB_HASH_ADDRESSES] = "addresses",
					     [LB_HASH_QUIC] = "quic" };

	return names[hash];
}

const char *lb_state_name(enum lb_state state)
{
	static const char *const names[] = {
		[LB_ACTIVE] = "active", [LB_DRAINING] = "draining", [LB_DOWN] = "down"
	};

	return names[state];
}
