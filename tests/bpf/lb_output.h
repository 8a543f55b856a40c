/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The model's frames: what a packet becomes. */
#ifndef TESTS_BPF_LB_OUTPUT_H
#define TESTS_BPF_LB_OUTPUT_H

#include "tests/bpf/lb_model.h"
#include "tests/bpf/lb_view.h"

/** lb_output_forward - as the recipe says; false: the frame cannot be changed */
bool lb_output_forward(const struct lb_view *v, const struct ecbpf_recipe *recipe,
		       struct lb_result *r);

/** lb_output_send - the same, by NAT with other addresses and ports; @r->port: of full NAT */
bool lb_output_send(const struct lb_view *v, const struct ecbpf_recipe *recipe,
		    struct lb_result *r);

/** lb_output_ptb - Packet Too Big with @mtu; false: none is due */
bool lb_output_ptb(const struct lb_view *v, uint32_t mtu, struct lb_result *r);

/** lb_output_echo - the reply of an echo request; false: it is not answered */
bool lb_output_echo(const struct lb_view *v, struct lb_result *r);

#endif
