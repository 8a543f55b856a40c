// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include <linux/ip_vs.h>

#include "bypass_ipvs/ipvs.h"
#include "libecbpf/ecbpf.h"
#include "libecbpf/netlink/netlink.h"

#define REQUEST_BYTES 256

/**
 * struct ipvs - handle
 * @family: number of IPVS's family, as long as its module is loaded
 */
struct ipvs {
	struct ecbpf_netlink nl;
	uint16_t family;
	char buffer[REQUEST_BYTES];
};

/* --- requests */

static struct nlmsghdr *request(struct ipvs *ipvs, uint16_t family, uint8_t command, uint16_t flags)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(ipvs->buffer);
	struct genlmsghdr *genl;

	nlh->nlmsg_type = family;
	nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	genl = mnl_nlmsg_put_extra_header(nlh, sizeof(*genl));
	genl->cmd = command;
	genl->version = family == GENL_ID_CTRL ? 1 : IPVS_GENL_VERSION;
	return nlh;
}

static int said(int err)
{
	if (err == -EPERM)
		return ecbpf_fail(err, "permission denied: run it as root");
	/* its module was unloaded */
	if (err == -ENOENT)
		return ecbpf_fail(err, "the kernel has no IPVS");
	return ecbpf_fail(err, "IPVS: %s", strerror(-err));
}

/* --- the family */

struct family {
	uint16_t id;
	const char *name;
};

static int family_attr(const struct nlattr *attr, void *arg)
{
	struct family *family = arg;

	if (mnl_attr_get_type(attr) == CTRL_ATTR_FAMILY_ID)
		family->id = mnl_attr_get_u16(attr);
	if (mnl_attr_get_type(attr) == CTRL_ATTR_FAMILY_NAME)
		family->name = mnl_attr_get_str(attr);
	return MNL_CB_OK;
}

static int family_take(const struct nlmsghdr *nlh, void *arg)
{
	struct family family = {};
	uint16_t *found = arg;

	mnl_attr_parse(nlh, sizeof(struct genlmsghdr), family_attr, &family);
	if (family.name && !strcmp(family.name, IPVS_GENL_NAME))
		*found = family.id;
	return MNL_CB_OK;
}

/* family_find - in a list of all: to ask for one by its name may load a module */
static int family_find(struct ipvs *ipvs)
{
	struct nlmsghdr *nlh = request(ipvs, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, NLM_F_DUMP);
	int err;

	ipvs->family = 0;
	err = ecbpf_netlink_run(&ipvs->nl, nlh, family_take, &ipvs->family);
	if (err)
		return ecbpf_fail(err, "generic netlink: %s", strerror(-err));
	return ipvs->family ? 0 : said(-ENOENT);
}

int ipvs_open(struct ipvs **out)
{
	struct ipvs *ipvs = calloc(1, sizeof(*ipvs));
	int err;

	if (!ipvs)
		return ecbpf_fail(-ENOMEM, "out of memory");
	err = ecbpf_netlink_open(&ipvs->nl, NETLINK_GENERIC);
	if (!err)
		err = family_find(ipvs);
	if (err) {
		ipvs_close(ipvs);
		return err;
	}
	*out = ipvs;
	return 0;
}

void ipvs_close(struct ipvs *ipvs)
{
	if (ipvs)
		ecbpf_netlink_close(&ipvs->nl);
	free(ipvs);
}

/* --- reading */

static int service_take(const struct nlmsghdr *nlh, void *arg)
{
	const int err = ipvs_parse_service(nlh, arg);

	errno = -err;
	return err ? MNL_CB_ERROR : MNL_CB_OK;
}

static int dest_take(const struct nlmsghdr *nlh, void *arg)
{
	const int err = ipvs_parse_dest(nlh, arg);

	errno = -err;
	return err ? MNL_CB_ERROR : MNL_CB_OK;
}

/* the answer is one message, and nothing after it says so */
static int timeouts_take(const struct nlmsghdr *nlh, void *arg)
{
	ipvs_parse_timeouts(nlh, arg);
	return MNL_CB_STOP;
}

static int dests_read(struct ipvs *ipvs, struct ipvs_service *service)
{
	const struct bypass_service_key *key = &service->key;
	struct nlmsghdr *nlh = request(ipvs, ipvs->family, IPVS_CMD_GET_DEST, NLM_F_DUMP);
	struct nlattr *nest = mnl_attr_nest_start(nlh, IPVS_CMD_ATTR_SERVICE);

	mnl_attr_put_u16(nlh, IPVS_SVC_ATTR_AF, key->family);
	if (key->mark) {
		mnl_attr_put_u32(nlh, IPVS_SVC_ATTR_FWMARK, key->mark);
	} else {
		mnl_attr_put_u16(nlh, IPVS_SVC_ATTR_PROTOCOL, key->proto);
		mnl_attr_put(nlh, IPVS_SVC_ATTR_ADDR, sizeof(key->addr), key->addr);
		mnl_attr_put_u16(nlh, IPVS_SVC_ATTR_PORT, key->port);
	}
	mnl_attr_nest_end(nlh, nest);
	return ecbpf_netlink_run(&ipvs->nl, nlh, dest_take, service);
}

int ipvs_read(struct ipvs *ipvs, struct ipvs_config *config)
{
	struct ipvs_config read = {};
	size_t i;
	int err;

	err = ecbpf_netlink_run(&ipvs->nl, request(ipvs, ipvs->family, IPVS_CMD_GET_CONFIG, 0),
				timeouts_take, &read);
	if (!err)
		err = ecbpf_netlink_run(
			&ipvs->nl, request(ipvs, ipvs->family, IPVS_CMD_GET_SERVICE, NLM_F_DUMP),
			service_take, &read);
	for (i = 0; !err && i < read.services; i++)
		err = dests_read(ipvs, &read.service[i]);
	if (err) {
		ipvs_free(&read);
		return said(err);
	}
	ipvs_sort(&read);
	*config = read;
	return 0;
}

void ipvs_free(struct ipvs_config *config)
{
	size_t i;

	for (i = 0; i < config->services; i++)
		free(config->service[i].dest);
	free(config->service);
	*config = (struct ipvs_config){};
}

/* --- order */

int ipvs_key_compare(const struct bypass_service_key *a, const struct bypass_service_key *b)
{
	/* as a list for people should be: addresses before marks, IPv4 before IPv6 */
	if (a->mark != b->mark)
		return a->mark < b->mark ? -1 : 1;
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	if (memcmp(a->addr, b->addr, sizeof(a->addr)))
		return memcmp(a->addr, b->addr, sizeof(a->addr));
	if (a->port != b->port)
		return memcmp(&a->port, &b->port, sizeof(a->port));
	return a->proto - b->proto;
}

int ipvs_dest_compare(const struct ipvs_dest *a, const struct ipvs_dest *b)
{
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	if (memcmp(a->addr, b->addr, sizeof(a->addr)))
		return memcmp(a->addr, b->addr, sizeof(a->addr));
	return memcmp(&a->port, &b->port, sizeof(a->port));
}

static int order_services(const void *a, const void *b)
{
	const struct ipvs_service *one = a, *other = b;

	return ipvs_key_compare(&one->key, &other->key);
}

static int order_dests(const void *a, const void *b)
{
	return ipvs_dest_compare(a, b);
}

void ipvs_sort(struct ipvs_config *config)
{
	struct ipvs_service *service;

	if (config->services)
		qsort(config->service, config->services, sizeof(*service), order_services);
	for (service = config->service; service < config->service + config->services; service++)
		if (service->dests)
			qsort(service->dest, service->dests, sizeof(*service->dest), order_dests);
}

const struct ipvs_service *ipvs_find(const struct ipvs_config *config,
				     const struct bypass_service_key *key)
{
	const struct ipvs_service wanted = { .key = *key };

	return config->services ? bsearch(&wanted, config->service, config->services,
					  sizeof(wanted), order_services) :
				  NULL;
}
