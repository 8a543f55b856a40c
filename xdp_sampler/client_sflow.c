// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <arpa/inet.h>

#include "libecbpf/ecbpf.h"
#include "libecbpf/loop.h"
#include "xdp_sampler/client_sflow.h"

#define VERSION	      5
#define NS_PER_MS     1000000
#define FCS_BYTES     4 /* of the frame length, but never seen */
#define HEADER_BYTES  1024
#define DATAGRAM_TAIL 16 /* sub-agent, sequence, uptime, samples */
#define FLOW_BYTES    32
#define DISCARD_BYTES 32
#define RECORD_BYTES  24 /* type, length, and all before the packet's bytes */

enum sample_type { SAMPLE_FLOW = 1, SAMPLE_DISCARDED = 5 };
enum record_type { RECORD_HEADER = 1 };
enum header_protocol { HEADER_ETHERNET = 1 };
enum address_type { ADDRESS_IPV4 = 1, ADDRESS_IPV6 = 2 };

/* enum drop_reason of sflow_drops.txt, the few that there is a use for. */
enum drop_reason {
	DROP_UNKNOWN = 256,
	DROP_ACL = 258,
	DROP_TRAFFIC_SHAPING = 261,
	DROP_PKT_TOO_BIG = 262,
	DROP_IP_HEADER_CORRUPTED = 275,
	DROP_UNKNOWN_L2 = 284,
};

static const struct {
	uint32_t first, last;
	enum drop_reason reason;
} reasons[] = {
	{ ECBPF_CODE_ETH_TRUNCATED, ECBPF_CODE_VLAN_TRUNCATED, DROP_UNKNOWN_L2 },
	{ ECBPF_CODE_IPV4_TRUNCATED, ECBPF_CODE_IPV6_EXT_LIMIT, DROP_IP_HEADER_CORRUPTED },
	{ ECBPF_CODE_FW_LIMIT, ECBPF_CODE_FW_LIMIT, DROP_TRAFFIC_SHAPING },
	{ ECBPF_CODE_FW_PTB, ECBPF_CODE_FW_PTB, DROP_PKT_TOO_BIG },
	{ ECBPF_CODE_FW_RULE, ECBPF_CODE_FW_TABLE, DROP_ACL },
};

static uint32_t reason_of(uint32_t code)
{
	size_t i;

	for (i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (code >= reasons[i].first && code <= reasons[i].last)
			return reasons[i].reason;
	return DROP_UNKNOWN;
}

static void put(struct sflow *sflow, uint32_t word)
{
	const uint32_t wire = htonl(word);

	memcpy(sflow->buf + sflow->len, &wire, sizeof(wire));
	sflow->len += sizeof(wire);
}

/* host_split - "HOST:PORT"; brackets around HOST are taken away */
static int host_split(const char *text, char *host, size_t size, const char **port)
{
	const char *colon = strrchr(text, ':');
	const char *end = colon;

	if (!colon || colon == text || !colon[1])
		return ecbpf_fail(-EINVAL, "%s is not HOST:PORT", text);
	if (*text == '[' && colon[-1] == ']') {
		text++;
		end--;
	}
	*port = colon + 1;
	if ((size_t)snprintf(host, size, "%.*s", (int)(end - text), text) >= size)
		return ecbpf_fail(-EINVAL, "%s is not HOST:PORT", text);
	return 0;
}

static int collector_connect(struct sflow *sflow, const char *collector)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_DGRAM };
	struct addrinfo *found;
	const char *port = NULL;
	char host[256];
	int err = host_split(collector, host, sizeof(host), &port);

	if (err)
		return err;
	err = getaddrinfo(host, port, &hints, &found);
	if (err)
		return ecbpf_fail(-EINVAL, "%s: %s", collector, gai_strerror(err));
	sflow->fd = socket(found->ai_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (sflow->fd < 0 || connect(sflow->fd, found->ai_addr, found->ai_addrlen))
		err = ecbpf_fail(-errno, "%s: %s", collector, strerror(errno));
	freeaddrinfo(found);
	return err;
}

static void agent_set(struct sflow *sflow, enum address_type type, const void *addr, size_t len)
{
	const uint32_t wire = htonl(type);

	memcpy(sflow->agent, &wire, sizeof(wire));
	memcpy(sflow->agent + sizeof(wire), addr, len);
	sflow->agent_len = sizeof(wire) + len;
}

static int agent_parse(struct sflow *sflow, const char *text)
{
	uint8_t addr[sizeof(struct in6_addr)];

	if (inet_pton(AF_INET, text, addr) == 1)
		agent_set(sflow, ADDRESS_IPV4, addr, sizeof(struct in_addr));
	else if (inet_pton(AF_INET6, text, addr) == 1)
		agent_set(sflow, ADDRESS_IPV6, addr, sizeof(addr));
	else
		return ecbpf_fail(-EINVAL, "%s is no address", text);
	return 0;
}

/* agent_own - the address that datagrams come from */
static int agent_own(struct sflow *sflow)
{
	struct sockaddr_storage own = {};
	socklen_t len = sizeof(own);

	if (getsockname(sflow->fd, (struct sockaddr *)&own, &len))
		return ecbpf_fail(-errno, "%s", strerror(errno));
	if (own.ss_family == AF_INET6)
		agent_set(sflow, ADDRESS_IPV6, &((struct sockaddr_in6 *)&own)->sin6_addr,
			  sizeof(struct in6_addr));
	else
		agent_set(sflow, ADDRESS_IPV4, &((struct sockaddr_in *)&own)->sin_addr,
			  sizeof(struct in_addr));
	return 0;
}

/* begin - the datagram's header; what is not known yet is filled in when it is sent */
static void begin(struct sflow *sflow)
{
	sflow->len = 0;
	sflow->samples = 0;
	put(sflow, VERSION);
	memcpy(sflow->buf + sflow->len, sflow->agent, sflow->agent_len);
	sflow->len += sflow->agent_len + DATAGRAM_TAIL;
}

int sflow_open(struct sflow *sflow, const char *collector, const char *agent)
{
	int err;

	memset(sflow, 0, sizeof(*sflow));
	sflow->fd = -1;
	sflow->start_ns = ecbpf_monotonic_ns();
	err = collector_connect(sflow, collector);
	if (!err)
		err = agent ? agent_parse(sflow, agent) : agent_own(sflow);
	if (err)
		sflow_close(sflow);
	else
		begin(sflow);
	return err;
}

void sflow_flush(struct sflow *sflow)
{
	const size_t len = sflow->len;

	if (!sflow->samples)
		return;
	sflow->len = sizeof(uint32_t) + sflow->agent_len;
	put(sflow, 0); /* sub-agent */
	put(sflow, ++sflow->sequence);
	put(sflow, (ecbpf_monotonic_ns() - sflow->start_ns) / NS_PER_MS);
	put(sflow, sflow->samples);
	if (send(sflow->fd, sflow->buf, len, MSG_DONTWAIT) < 0)
		sflow->datagrams_lost++;
	else
		sflow->datagrams++;
	begin(sflow);
}

static void put_header(struct sflow *sflow, const struct ecbpf_sample *sample, uint32_t bytes)
{
	const uint32_t padded = (bytes + 3) & ~3U;

	put(sflow, RECORD_HEADER);
	put(sflow, RECORD_BYTES - 8 + padded);
	put(sflow, HEADER_ETHERNET);
	put(sflow, sample->frame_bytes + FCS_BYTES);
	put(sflow, FCS_BYTES);
	put(sflow, bytes);
	memset(sflow->buf + sflow->len, 0, padded);
	memcpy(sflow->buf + sflow->len, sample->snap, bytes);
	sflow->len += padded;
}

static void put_flow(struct sflow *sflow, struct sflow_source *source,
		     const struct ecbpf_sample *sample)
{
	put(sflow, ++source->flows);
	put(sflow, sample->ifindex); /* source: class 0, an interface */
	put(sflow, sample->one_in);
	source->pool += sample->one_in;
	put(sflow, source->pool);
	put(sflow, source->lost);
	put(sflow, sample->ifindex);
	put(sflow, 0); /* where it leaves is not known */
	put(sflow, 1); /* record */
}

static void put_discard(struct sflow *sflow, struct sflow_source *source,
			const struct ecbpf_sample *sample)
{
	put(sflow, ++source->discards);
	put(sflow, 0); /* source: class 0, an interface */
	put(sflow, sample->ifindex);
	put(sflow, source->lost);
	put(sflow, sample->ifindex);
	put(sflow, 0);
	put(sflow, reason_of(sample->code));
	put(sflow, 1); /* record */
}

void sflow_sample(struct sflow *sflow, struct sflow_source *source,
		  const struct ecbpf_sample *sample)
{
	const bool discarded = sample->column == ECBPF_COLUMN_DROP ||
			       sample->column == ECBPF_COLUMN_ABORTED ||
			       sample->column == ECBPF_COLUMN_INVALID;
	const uint32_t bytes = sample->snap_bytes < HEADER_BYTES ? sample->snap_bytes :
								   HEADER_BYTES;
	const size_t body =
		(discarded ? DISCARD_BYTES : FLOW_BYTES) + RECORD_BYTES + ((bytes + 3) & ~3U);

	if (sflow->len + 8 + body > SFLOW_MAX)
		sflow_flush(sflow);
	put(sflow, discarded ? SAMPLE_DISCARDED : SAMPLE_FLOW);
	put(sflow, body);
	if (discarded)
		put_discard(sflow, source, sample);
	else
		put_flow(sflow, source, sample);
	put_header(sflow, sample, bytes);
	sflow->samples++;
}

void sflow_close(struct sflow *sflow)
{
	if (sflow->fd >= 0)
		close(sflow->fd);
	sflow->fd = -1;
}
