// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <errno.h>
#include <string.h>

#include <bpf/bpf.h>

#include "libecbpf/ecbpf.h"
#include "xdp_lb/ports.h"

bool lb_port_make(const struct ecbpf_links *links, const struct ecbpf_link *link,
		  struct lb_port *port)
{
	struct ecbpf_out out;
	unsigned int i;

	*port = (struct lb_port){};
	if (link->ethernet && link->kind == ECBPF_LINK_OTHER)
		return false;
	/* else no frame can be sent there: no port */
	if (ecbpf_links_out(links, link->ifindex, &out) || out.tags > ECBPF_TAGS_MAX)
		return true;
	port->ifindex = out.ifindex;
	port->tags = out.tags;
	for (i = 0; i < out.tags; i++) {
		port->tag[i].tpid = out.tag[i].tpid;
		port->tag[i].tci = out.tag[i].tci;
	}
	return true;
}

static int put(int fd, __u32 ifindex, const struct lb_port *port)
{
	struct lb_port old;

	if (!bpf_map_lookup_elem(fd, &ifindex, &old) && !memcmp(&old, port, sizeof(old)))
		return 0;
	return bpf_map_update_elem(fd, &ifindex, port, BPF_ANY);
}

/* remove_gone - of interfaces that are there no more, or not above another one */
static int remove_gone(int fd, const struct ecbpf_links *links)
{
	const struct ecbpf_link *link;
	struct lb_port port;
	__u32 key, next;
	int err = bpf_map_get_next_key(fd, NULL, &next), gone;

	while (!err) {
		key = next;
		err = bpf_map_get_next_key(fd, &key, &next);
		link = ecbpf_links_find(links, key);
		if (link && lb_port_make(links, link, &port))
			continue;
		gone = bpf_map_delete_elem(fd, &key);
		if (gone && gone != -ENOENT)
			return gone;
	}
	return err == -ENOENT ? 0 : err;
}

int lb_ports_write(int fd, const struct ecbpf_links *links)
{
	struct lb_port port;
	size_t i;
	int err = remove_gone(fd, links);

	for (i = 0; !err && i < links->count; i++)
		if (lb_port_make(links, &links->link[i], &port))
			err = put(fd, links->link[i].ifindex, &port);
	return err ? ecbpf_fail(err, "lb_port_map: %s", strerror(-err)) : 0;
}
