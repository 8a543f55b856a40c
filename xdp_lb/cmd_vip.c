// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* vip add|set|del|list */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "libecbpf/json.h"
#include "xdp_lb/change.h"
#include "xdp_lb/commands.h"
#include "xdp_lb/document.h"
#include "xdp_lb/live.h"
#include "xdp_lb/text.h"

int cmd_change(const struct lb_opts *opts, const char *noun, int argc, char **argv)
{
	const struct lb_words words = { &opts->said, noun, argc, argv };
	int err = lb_edit_check(&words);

	if (!err)
		err = lb_change(lb_change_edit, &words);
	return err ? ecbpf_report(err, "balancer", noun) : 0;
}

int cmd_list(const struct lb_opts *opts, const char *noun,
	     int (*print)(const struct lb_opts *opts, const struct lb_config *config,
			  const char *operand),
	     const char *operand)
{
	struct lb_config config = {};
	struct lb_numbers numbers = {};
	struct lb_live live;
	int err;

	if (lb_said_anything(&opts->said)) {
		ecbpf_fail(-EINVAL, "a list takes no options of VIPs and backends");
		return ecbpf_report(ECBPF_EXIT_USAGE, "balancer", noun);
	}
	err = lb_live_open(&live, false);
	if (!err)
		err = lb_live_config(&live, &config, &numbers);
	if (!err)
		err = print(opts, &config, operand);
	lb_config_free(&config);
	lb_numbers_free(&numbers);
	lb_live_close(&live);
	return err ? ecbpf_report(err, "balancer", noun) : 0;
}

/* find_vip - that an operand names */
static int find_vip(const struct lb_config *config, const char *operand, const struct lb_vip **vip)
{
	struct lb_service service;

	if (lb_service_parse(operand, &service))
		return ECBPF_EXIT_USAGE;
	*vip = lb_vip_find(config, &service);
	return *vip ? 0 : ecbpf_fail(-ENOENT, "%s is no VIP", operand);
}

int cmd_list_vips(const struct lb_opts *opts, const struct lb_config *config, const char *operand,
		  void (*list)(const struct lb_vip *vip, struct json_object *array))
{
	const struct lb_vip *vip = NULL;
	struct json_object *array;
	size_t i;
	int err = operand ? find_vip(config, operand, &vip) : 0;

	if (err)
		return err;
	array = opts->common.json ? json_object_new_array() : NULL;
	for (i = 0; i < config->vips; i++)
		if (!vip || vip == &config->vip[i])
			list(&config->vip[i], array);
	if (array)
		ecbpf_json_print(array);
	return 0;
}

void cmd_list_forward(const struct lb_forward *forward)
{
	static const uint8_t none[16];
	struct lb_endpoint source = {};
	char name[LB_TEXT_SIZE];

	printf(" mode %s", lb_mode_name(forward->mode));
	if (forward->gue_port)
		printf(" gue-port %u", forward->gue_port);
	if (memcmp(forward->source4, none, sizeof(forward->source4))) {
		source.family = AF_INET;
		memcpy(source.addr, forward->source4, sizeof(forward->source4));
		printf(" source4 %s", lb_endpoint_text(&source, name));
	}
	if (memcmp(forward->source6, none, sizeof(forward->source6))) {
		source.family = AF_INET6;
		memcpy(source.addr, forward->source6, sizeof(forward->source6));
		printf(" source6 %s", lb_endpoint_text(&source, name));
	}
}

static void list_of(const struct lb_vip *vip, struct json_object *array)
{
	char name[LB_TEXT_SIZE];

	if (array) {
		json_object_array_add(array, lb_vip_json(vip));
		return;
	}
	fputs(lb_service_text(&vip->service, name), stdout);
	cmd_list_forward(&vip->forward);
	printf(" hash %s table %" PRIu32 " tcp-idle %" PRIu32 "s udp-idle %" PRIu32 "s",
	       lb_hash_name(vip->hash), vip->table_size, vip->tcp_idle_s, vip->udp_idle_s);
	if (vip->hash == LB_HASH_QUIC)
		printf(" id-length %u config-rotation %u", vip->id_octets, vip->rotation);
	if (vip->new_pps)
		printf(" new-pps %" PRIu32, vip->new_pps);
	printf("%s%s%s backends %zu sources %zu\n", vip->flags & LB_NO_TABLE ? " no-table" : "",
	       vip->flags & LB_ECHO ? " echo" : "",
	       vip->flags & LB_REFUSE_FRAGMENTS ? " refuse-fragments" : "", vip->backends,
	       vip->sources);
}

static int list(const struct lb_opts *opts, const struct lb_config *config, const char *operand)
{
	return cmd_list_vips(opts, config, operand, list_of);
}

int cmd_vip(const void *opts, int argc, char **argv)
{
	if (argc == 1 && !strcmp(argv[0], "list"))
		return cmd_list(opts, "vip", list, NULL);
	return cmd_change(opts, "vip", argc, argv);
}
