/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What is sampled on an interface: struct ecbpf_sampling and the rate of drawing in struct
 * ecbpf_control, both of the root, both changed while packets are drawn by them.
 */
#ifndef XDP_SAMPLER_CONFIG_H
#define XDP_SAMPLER_CONFIG_H

#include "libecbpf/ecbpf.h"

/* `attach` without options. */
#define SAMPLER_ONE_IN 2500
#define SAMPLER_SNAP   128

/**
 * struct sampler_config - the root's maps, in memory
 * @sampling: rates, filter, snap length, budget
 * @control: only sample_one_in is the sampler's; 0: off
 */
struct sampler_config {
	volatile struct ecbpf_sampling *sampling;
	volatile struct ecbpf_control *control;
};

/** sampler_config_map - of a running root; sampler_config_unmap() it, also after a failure */
int sampler_config_map(const struct ecbpf_root *root, struct sampler_config *config);
void sampler_config_unmap(struct sampler_config *config);

/** sampler_is_on - are packets drawn? */
bool sampler_is_on(const struct sampler_config *config);

/**
 * sampler_least - one in how many packets must be drawn, so that the highest of all rates can be
 * had; ECBPF_NEVER: none at all
 */
uint32_t sampler_least(const volatile struct ecbpf_sampling *sampling);

/**
 * sampler_config_set - new rates, filter, snap length and budget; drawing begins, or goes on with
 * sampler_least(). A packet in flight may meet with some new rates and some old ones: the
 * probability in its sample is right all the same.
 */
void sampler_config_set(struct sampler_config *config, const struct ecbpf_sampling *sampling);

/** sampler_config_get - a copy */
void sampler_config_get(const struct sampler_config *config, struct ecbpf_sampling *sampling);

/** sampler_config_off - no more packets are drawn; rates stay as they are */
void sampler_config_off(struct sampler_config *config);

#endif
