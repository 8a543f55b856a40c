// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "xdp_sampler/config.h"

static volatile struct ecbpf_sampling *sampling_map(const struct ecbpf_root *root)
{
	int fd = ecbpf_root_map(root, "ecbpf_sampling");
	void *at;

	if (fd < 0)
		return NULL;
	at = mmap(NULL, sizeof(struct ecbpf_sampling), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED)
		ecbpf_fail(-errno, "mapping ecbpf_sampling: %s", strerror(errno));
	close(fd);
	return at == MAP_FAILED ? NULL : at;
}

int sampler_config_map(const struct ecbpf_root *root, struct sampler_config *config)
{
	config->sampling = sampling_map(root);
	config->control = ecbpf_control_map(root);
	return config->sampling && config->control ? 0 : -EIO;
}

void sampler_config_unmap(struct sampler_config *config)
{
	if (config->sampling)
		munmap((void *)config->sampling, sizeof(*config->sampling));
	ecbpf_control_unmap(config->control);
	memset(config, 0, sizeof(*config));
}

bool sampler_is_on(const struct sampler_config *config)
{
	return config->control->sample_one_in;
}

static uint32_t lower(uint32_t least, uint32_t one_in)
{
	return one_in && one_in < least ? one_in : least;
}

uint32_t sampler_least(const volatile struct ecbpf_sampling *sampling)
{
	uint32_t least = lower(ECBPF_NEVER, sampling->by_default);
	size_t i;

	for (i = 0; i < ECBPF_ROWS; i++)
		least = lower(least, sampling->by_row[i]);
	for (i = 0; i < ECBPF_COLUMNS_MAX; i++)
		least = lower(least, sampling->by_column[i]);
	for (i = 0; i < ECBPF_CODES_MAX; i++)
		least = lower(least, sampling->by_code[i]);
	for (i = 0; i < ECBPF_SAMPLING_RULES; i++)
		least = lower(least, sampling->rule[i].one_in);
	return least;
}

void sampler_config_set(struct sampler_config *config, const struct ecbpf_sampling *sampling)
{
	const uint32_t least = sampler_least(sampling);

	memcpy((void *)config->sampling, sampling, sizeof(*sampling));
	/* of no rate at all: one packet in 2^32 is drawn, and none is told of */
	__atomic_store_n(&config->control->sample_one_in, least, __ATOMIC_RELEASE);
}

void sampler_config_get(const struct sampler_config *config, struct ecbpf_sampling *sampling)
{
	memcpy(sampling, (const void *)config->sampling, sizeof(*sampling));
}

void sampler_config_off(struct sampler_config *config)
{
	__atomic_store_n(&config->control->sample_one_in, 0, __ATOMIC_RELEASE);
}
