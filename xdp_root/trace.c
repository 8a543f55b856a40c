// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* trace IF: what becomes of packets, as it happens */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <bpf/libbpf.h>
#include <json-c/json.h>

#include "libecbpf/cli.h"
#include "libecbpf/ecbpf.h"
#include "libecbpf/json.h"
#include "libecbpf/loop.h"
#include "libecbpf/pkt.bpf.h"
#include "xdp_root/commands.h"
#include "xdp_root/lease.h"
#include "xdp_root/view.h"

#define TRACE_PAGES 64 /* of perf buffer, per CPU */
#define NS_PER_S    1000000000ULL

/**
 * struct trace - one run of the command
 * @real_ns: what to add to CLOCK_MONOTONIC for CLOCK_REALTIME
 * @map: the kernel takes events out of ecbpf_trace when the descriptor that put them in closes
 * @lost: packets that the perf buffer had no room for
 */
struct trace {
	const struct options *opts;
	const char *ifname;
	struct perf_buffer *buffer;
	volatile struct ecbpf_control *control;
	uint64_t real_ns;
	uint64_t printed;
	uint64_t lost;
	int claim;
	int map;
};

/* struct peers - who talks to whom, as far as the kept bytes tell */
struct peers {
	char from[INET6_ADDRSTRLEN], to[INET6_ADDRSTRLEN];
	uint16_t sport, dport;
	uint16_t ethertype;
	uint16_t vlan[PKT_VLANS];
	int vlans;
	int proto; /* -1: not IP */
	bool ports;
};

/*
 * Only what was snapped is here, so lengths that the headers give mostly lie beyond it: headers
 * are read where they must be, whatever a pull says of the rest.
 */
static void peers_ip(struct peers *peers, struct pkt *p)
{
	const struct pkt_ip none = {};
	struct pkt_ip ip = none;
	struct pkt at = *p;
	const uint16_t *ports;

	if (peers->ethertype == ETH_P_IP && !pkt_pull(&at, sizeof(struct iphdr)))
		return;
	if (peers->ethertype == ETH_P_IPV6 && !pkt_pull(&at, sizeof(struct ipv6hdr)))
		return;
	if (peers->ethertype == ETH_P_IP) {
		const struct iphdr *hdr = p->pos;

		inet_ntop(AF_INET, &hdr->saddr, peers->from, sizeof(peers->from));
		inet_ntop(AF_INET, &hdr->daddr, peers->to, sizeof(peers->to));
		peers->proto = hdr->protocol;
		ip.later = bpf_ntohs(hdr->frag_off) & PKT_IPV4_FRAG_OFFSET;
		if (hdr->ihl < 5 || !pkt_pull(p, hdr->ihl * 4))
			return;
	} else {
		const struct ipv6hdr *hdr = p->pos;

		inet_ntop(AF_INET6, &hdr->saddr, peers->from, sizeof(peers->from));
		inet_ntop(AF_INET6, &hdr->daddr, peers->to, sizeof(peers->to));
		pkt_pull(p, sizeof(*hdr));
		ip.proto = hdr->nexthdr;
		ip.left = UINT16_MAX;
		while (pkt_is_ipv6_ext(ip.proto) && !ip.later && !pkt_ipv6_ext(p, &ip))
			;
		peers->proto = ip.proto;
	}
	if (ip.later || (peers->proto != IPPROTO_TCP && peers->proto != IPPROTO_UDP))
		return;
	ports = pkt_pull(p, 2 * sizeof(*ports));
	peers->ports = ports;
	peers->sport = ports ? ntohs(ports[0]) : 0;
	peers->dport = ports ? ntohs(ports[1]) : 0;
}

static void peers_read(struct peers *peers, const struct ecbpf_sample *sample)
{
	/* of a packet that is sampled too, more may have been kept than traces have */
	const __u32 bytes = sample->snap_bytes < ECBPF_SNAP ? sample->snap_bytes : ECBPF_SNAP;
	struct pkt p = { (void *)sample->snap, (uint8_t *)sample->snap + bytes };
	struct pkt_eth eth = {};
	int i;

	memset(peers, 0, sizeof(*peers));
	peers->proto = -1;
	if (pkt_eth(&p, &eth) || !eth.hdr)
		return;
	peers->ethertype = ntohs(eth.proto);
	peers->vlans = eth.vlans;
	for (i = 0; i < eth.vlans; i++)
		peers->vlan[i] = ntohs(eth.tci[i]) & 0xfff;
	if (peers->ethertype == ETH_P_IP || peers->ethertype == ETH_P_IPV6)
		peers_ip(peers, &p);
}

static const char *proto_text(int proto, char *buf, size_t size)
{
	switch (proto) {
	case IPPROTO_TCP:
		return "tcp";
	case IPPROTO_UDP:
		return "udp";
	case IPPROTO_ICMP:
		return "icmp";
	case IPPROTO_ICMPV6:
		return "icmpv6";
	default:
		snprintf(buf, size, "proto-%d", proto);
		return buf;
	}
}

static const char *code_text(__u32 code, char *buf, size_t size)
{
	const char *name = ecbpf_code_name(code);

	if (name)
		return name;
	snprintf(buf, size, "code-%u", code);
	return buf;
}

static void peers_text(const struct peers *peers)
{
	char proto[16];
	int i;

	for (i = 0; i < peers->vlans; i++)
		printf(" vlan %u", peers->vlan[i]);
	if (!peers->from[0])
		printf(" ethertype 0x%04x", peers->ethertype);
	else if (peers->ports)
		printf(" %s %s %u > %s %u", proto_text(peers->proto, proto, sizeof(proto)),
		       peers->from, peers->sport, peers->to, peers->dport);
	else
		printf(" %s %s > %s", proto_text(peers->proto, proto, sizeof(proto)), peers->from,
		       peers->to);
}

static void sample_text(const struct trace *trace, const struct ecbpf_sample *sample)
{
	uint64_t real_ns = sample->time_ns + trace->real_ns;
	time_t seconds = real_ns / NS_PER_S;
	char date[32] = "", code[16];
	struct peers peers;
	struct tm tm;

	if (gmtime_r(&seconds, &tm))
		strftime(date, sizeof(date), "%H:%M:%S", &tm);
	peers_read(&peers, sample);
	printf("%s.%06u %s %-4s %-8s %s meta %" PRIu64 " len %u", date,
	       (unsigned int)(real_ns % NS_PER_S / 1000), trace->ifname,
	       ecbpf_row_name(sample->row), ecbpf_column_name(sample->column),
	       code_text(sample->code, code, sizeof(code)), (uint64_t)sample->meta,
	       sample->frame_bytes);
	peers_text(&peers);
	putchar('\n');
}

static void sample_json(const struct trace *trace, const struct ecbpf_sample *sample)
{
	struct json_object *json = json_object_new_object();
	char code[16], proto[16];
	struct peers peers;

	peers_read(&peers, sample);
	ecbpf_json_number(json, "time_ns", sample->time_ns + trace->real_ns);
	ecbpf_json_text(json, "interface", trace->ifname);
	ecbpf_json_text(json, "slot", ecbpf_row_name(sample->row));
	ecbpf_json_text(json, "action", ecbpf_column_name(sample->column));
	ecbpf_json_text(json, "reason", code_text(sample->code, code, sizeof(code)));
	ecbpf_json_number(json, "code", sample->code);
	ecbpf_json_number(json, "meta", sample->meta);
	ecbpf_json_number(json, "bytes", sample->frame_bytes);
	ecbpf_json_number(json, "rx_queue", sample->rx_queue);
	ecbpf_json_number(json, "ethertype", peers.ethertype);
	if (peers.vlans) {
		struct json_object *tags = json_object_new_array();
		int i;

		for (i = 0; i < peers.vlans; i++)
			json_object_array_add(tags, json_object_new_int(peers.vlan[i]));
		json_object_object_add(json, "vlan", tags);
	}
	if (peers.from[0]) {
		ecbpf_json_text(json, "protocol", proto_text(peers.proto, proto, sizeof(proto)));
		ecbpf_json_text(json, "source", peers.from);
		ecbpf_json_text(json, "destination", peers.to);
	}
	if (peers.ports) {
		ecbpf_json_number(json, "source_port", peers.sport);
		ecbpf_json_number(json, "destination_port", peers.dport);
	}
	ecbpf_json_print(json);
}

static void on_sample(void *arg, int cpu, void *data, __u32 size)
{
	const struct ecbpf_sample *sample = data;
	struct trace *trace = arg;

	(void)cpu;
	if (trace->opts->count && trace->printed >= trace->opts->count)
		return;
	if (size < ECBPF_SAMPLE_HEADER + ECBPF_SNAP || sample->version != ECBPF_ABI ||
	    sample->row >= ECBPF_ROWS || sample->column >= ECBPF_COLUMNS_MAX ||
	    sample->snap_bytes > ECBPF_SNAP_MAX) {
		trace->lost++; /* not a sample of this version */
		return;
	}
	trace->printed++;
	if (trace->opts->common.json)
		sample_json(trace, sample);
	else
		sample_text(trace, sample);
}

static void on_lost(void *arg, int cpu, __u64 count)
{
	struct trace *trace = arg;

	(void)cpu;
	trace->lost += count;
}

static void renew(struct trace *trace)
{
	trace->control->trace_until_ns = ecbpf_monotonic_ns() + LEASE_NS;
	__atomic_store_n(&trace->control->trace_one_in,
			 trace->opts->one_in ? trace->opts->one_in : 1, __ATOMIC_RELEASE);
}

static int follow(struct trace *trace)
{
	const uint64_t end_ns = trace->opts->duration_ns ?
					ecbpf_monotonic_ns() + trace->opts->duration_ns :
					UINT64_MAX;
	uint64_t tick_ns = LEASE_TICK_NS;
	struct ecbpf_loop loop;
	int event;

	if (trace->opts->duration_ns && trace->opts->duration_ns < tick_ns)
		tick_ns = trace->opts->duration_ns;
	event = ecbpf_loop_open(&loop, tick_ns, perf_buffer__epoll_fd(trace->buffer));
	if (event)
		return event;
	renew(trace);
	do {
		event = ecbpf_loop_wait(&loop);
		if (event == ECBPF_LOOP_TICK)
			renew(trace);
		perf_buffer__consume(trace->buffer);
		fflush(stdout);
	} while (event >= 0 && event != ECBPF_LOOP_STOP && ecbpf_monotonic_ns() < end_ns &&
		 (!trace->opts->count || trace->printed < trace->opts->count));
	trace->control->trace_one_in = 0;
	perf_buffer__consume(trace->buffer);
	ecbpf_loop_close(&loop);
	return event < 0 ? event : 0;
}

/* Only the events of one reader at a time fit into the map. */
static int trace_claim(const struct ecbpf_root *root)
{
	int claim = ecbpf_slot_claim(root, ECBPF_SLOT_ROOT);

	if (claim == -EBUSY)
		ecbpf_fail(claim, "another trace of this interface is running");
	return claim;
}

static int trace_open(struct trace *trace, const struct ecbpf_root *root)
{
	struct timespec real;

	clock_gettime(CLOCK_REALTIME, &real);
	trace->real_ns = real.tv_sec * NS_PER_S + real.tv_nsec - ecbpf_monotonic_ns();
	trace->claim = trace_claim(root);
	if (trace->claim < 0)
		return trace->claim;
	trace->control = ecbpf_control_map(root);
	if (!trace->control)
		return -EINVAL;
	trace->map = ecbpf_root_map(root, "ecbpf_trace");
	if (trace->map < 0)
		return trace->map;
	trace->buffer = perf_buffer__new(trace->map, TRACE_PAGES, on_sample, on_lost, trace, NULL);
	return trace->buffer ? 0 : ecbpf_fail(-errno, "perf buffers: %s", strerror(errno));
}

int cmd_trace(const void *opts, int argc, char **argv)
{
	struct trace trace = { .opts = opts, .ifname = argv[0], .claim = -1, .map = -1 };
	struct ecbpf_root *root = NULL;
	int err;

	(void)argc;
	err = ecbpf_root_open_running(argv[0], &root);
	if (!err)
		err = trace_open(&trace, root);
	if (!err)
		err = follow(&trace);
	if (!err && trace.lost)
		fprintf(stderr, "xdp_root: %s: trace: %" PRIu64 " more packets were lost\n",
			argv[0], trace.lost);
	perf_buffer__free(trace.buffer);
	ecbpf_control_unmap(trace.control);
	if (trace.map >= 0)
		close(trace.map);
	if (trace.claim >= 0)
		close(trace.claim);
	ecbpf_root_close(root);
	return err ? ecbpf_report(err, argv[0], "trace") : 0;
}
