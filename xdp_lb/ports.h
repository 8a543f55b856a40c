/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* lb_port_map: interfaces above others, for replies that the kernel's routes send there. */
#ifndef XDP_LB_PORTS_H
#define XDP_LB_PORTS_H

#include "libecbpf/netlink/links.h"
#include "xdp_lb/abi.h"

/** lb_port_make - false: its frames leave by itself, and it needs no entry */
bool lb_port_make(const struct ecbpf_links *links, const struct ecbpf_link *link,
		  struct lb_port *port);

/** lb_ports_write - bring the map in line with the interfaces that there are */
int lb_ports_write(int fd, const struct ecbpf_links *links);

#endif
