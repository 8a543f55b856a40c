// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "libecbpf/ecbpf.h"
#include "xdp_sampler/pcap_file.h"
#include "xdp_sampler/verdict.h"

#define CLASSIC_MAGIC_NS 0xa1b23c4d
#define LINK_ETHERNET	 1
#define NS_PER_S	 1000000000ULL

#define NAME_MAX_BYTES 256 /* of hosts and interfaces */

/* The same name on two hosts is two interfaces. */
struct pcap_interface {
	char *name, *hostname;
	int link;
};

struct classic_header {
	uint32_t magic;
	uint16_t major, minor;
	uint32_t zone, accuracy;
	uint32_t snap;
	uint32_t link;
};

struct classic_packet {
	uint32_t seconds, nanoseconds;
	uint32_t caplen, len;
};

static int fail(const struct pcap_file *file, const char *verb)
{
	const int cause = errno ? errno : EIO;

	return ecbpf_fail(-cause, "%s: %s: %s", file->path, verb, strerror(cause));
}

static int put(struct pcap_file *file, const void *bytes, size_t len)
{
	return fwrite(bytes, 1, len, file->to) == len ? 0 : fail(file, "writing");
}

static int put_blocks(struct pcap_file *file)
{
	int err;

	if (file->blocks.failed)
		return ecbpf_fail(-ENOMEM, "out of memory");
	err = put(file, file->blocks.bytes, file->blocks.used);
	file->blocks.used = 0;
	return err;
}

static int begin(struct pcap_file *file)
{
	const struct classic_header classic = { CLASSIC_MAGIC_NS, 2, 4, 0, 0, PCAPNG_SNAP_MAX,
						LINK_ETHERNET };
	struct utsname host = {};
	char os[sizeof(host.sysname) + sizeof(host.release) + 1];

	if (file->classic)
		return put(file, &classic, sizeof(classic));
	uname(&host);
	snprintf(os, sizeof(os), "%s %s", host.sysname, host.release);
	pcapng_section(&file->blocks, host.machine, os, "xdp_sampler_to_pcap " ECBPF_VERSION);
	return put_blocks(file);
}

int pcap_file_open(struct pcap_file *file, const char *path, bool classic)
{
	memset(file, 0, sizeof(*file));
	file->path = path;
	file->classic = classic;
	file->to = strcmp(path, "-") ? fopen(path, "we") : stdout;
	if (!file->to)
		return fail(file, "opening");
	return begin(file);
}

static bool is_interface(const struct pcap_interface *interface, const struct message_view *view)
{
	return interface->link == view->link && !strcmp(interface->name, view->interface) &&
	       !strcmp(interface->hostname, view->hostname);
}

static int interface_add(struct pcap_file *file, const struct message_view *view)
{
	struct pcap_interface one = { .link = view->link }, *grown;

	grown = realloc(file->interface, (file->interfaces + 1) * sizeof(*grown));
	if (!grown)
		return ecbpf_fail(-ENOMEM, "out of memory");
	file->interface = grown;
	one.name = strdup(view->interface);
	one.hostname = strdup(view->hostname);
	file->interface[file->interfaces++] = one;
	if (!one.name || !one.hostname)
		return ecbpf_fail(-ENOMEM, "out of memory");
	pcapng_interface(&file->blocks, view->link, view->interface, view->hostname);
	return 0;
}

static int interface_number(struct pcap_file *file, const struct message_view *view,
			    uint32_t *number)
{
	size_t i;

	for (i = 0; i < file->interfaces; i++)
		if (is_interface(&file->interface[i], view))
			break;
	*number = i;
	if (i < file->interfaces)
		return 0;
	if (i == PCAP_INTERFACES_MAX)
		return ecbpf_fail(-EBADMSG, "more than %d interfaces", PCAP_INTERFACES_MAX);
	return interface_add(file, view);
}

static int check(const struct message_view *view)
{
	if (view->caplen > PCAPNG_SNAP_MAX || view->caplen > view->len)
		return ecbpf_fail(-EBADMSG, "%u bytes of a packet of %u", view->caplen, view->len);
	if (view->link < 0 || view->link > UINT16_MAX)
		return ecbpf_fail(-EBADMSG, "link type %d", view->link);
	if (strlen(view->interface) >= NAME_MAX_BYTES || strlen(view->hostname) >= NAME_MAX_BYTES)
		return ecbpf_fail(-EBADMSG, "an endless name");
	return 0;
}

static int write_classic(struct pcap_file *file, const struct message_view *view)
{
	const struct classic_packet packet = { view->time_ns / NS_PER_S, view->time_ns % NS_PER_S,
					       view->caplen, view->len };
	int err;

	if (view->link != LINK_ETHERNET)
		return ecbpf_fail(-EPROTOTYPE, "link type %d", view->link);
	if (view->time_ns / NS_PER_S > UINT32_MAX)
		return ecbpf_fail(-EBADMSG, "a packet of the next century");
	err = put(file, &packet, sizeof(packet));
	return err ? err : put(file, view->bytes, view->caplen);
}

int pcap_file_write(struct pcap_file *file, const struct message_view *view, uint64_t lost)
{
	char comment[VERDICT_TEXT_MAX];
	struct pcapng_packet packet = {
		.time_ns = view->time_ns,
		.lost = lost,
		/* an action that does not exist aborts */
		.xdp_action = view->action < 0 || view->action > 4 ? 0 : view->action,
		.queue = view->rx_queue,
		.len = view->len,
		.caplen = view->caplen,
		.bytes = view->bytes,
		.comment = comment,
	};
	int err = check(view);

	if (err)
		return err;
	if (file->classic)
		return write_classic(file, view);
	err = interface_number(file, view, &packet.interface);
	if (err)
		return err;
	verdict_text(view, comment);
	pcapng_packet(&file->blocks, &packet);
	return put_blocks(file);
}

int pcap_file_flush(struct pcap_file *file)
{
	return fflush(file->to) ? fail(file, "writing") : 0;
}

int pcap_file_close(struct pcap_file *file)
{
	int err = 0;
	size_t i;

	/* standard output is not ours to close */
	if (file->to == stdout)
		err = pcap_file_flush(file);
	else if (file->to && fclose(file->to))
		err = fail(file, "writing");
	for (i = 0; i < file->interfaces; i++) {
		free(file->interface[i].name);
		free(file->interface[i].hostname);
	}
	free(file->interface);
	pcapng_free(&file->blocks);
	memset(file, 0, sizeof(*file));
	return err;
}
