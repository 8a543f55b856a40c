// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "libecbpf/ecbpf.h"
#include "xdp_lb/document.h"
#include "xdp_lb/stored.h"

#define STORED_PAGE 4096
#define MAP_NAME    "lb_config_map"

/**
 * struct stored - at the beginning of the map's memory
 * @abi: LB_ABI
 * @vips, @backends: how many numbers there are of each
 * @next_vip, @next_backend: as in struct lb_numbers
 * @text_bytes: behind the numbers
 */
struct stored {
	__u32 abi;
	__u32 vips;
	__u32 backends;
	__u32 next_vip;
	__u32 next_backend;
	__u32 text_bytes;
	__u32 number[];
};

static int failed(int err)
{
	return ecbpf_fail(err, MAP_NAME ": %s", strerror(-err));
}

static size_t stored_bytes(const struct stored *stored)
{
	return sizeof(*stored) +
	       ((size_t)stored->vips + stored->backends) * sizeof(stored->number[0]) +
	       stored->text_bytes;
}

static int inner_make(size_t bytes)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE | BPF_F_INNER_MAP);

	return bpf_map_create(BPF_MAP_TYPE_ARRAY, "lb_config", sizeof(__u32), STORED_PAGE,
			      (bytes + STORED_PAGE - 1) / STORED_PAGE, &opts);
}

int lb_stored_make(int *fd)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts);
	int inner = inner_make(1);

	if (inner < 0)
		return failed(inner);
	opts.inner_map_fd = inner;
	*fd = bpf_map_create(BPF_MAP_TYPE_ARRAY_OF_MAPS, MAP_NAME, sizeof(__u32), sizeof(__u32), 1,
			     &opts);
	close(inner);
	return *fd < 0 ? failed(*fd) : 0;
}

/* --- reading */

/* inner_open - the map that is stored now; -ENOENT: none */
static int inner_open(int fd)
{
	const __u32 zero = 0;
	__u32 id, last = 0;
	int err, inner;

	for (;;) {
		err = bpf_map_lookup_elem(fd, &zero, &id);
		if (err)
			return err;
		inner = bpf_map_get_fd_by_id(id);
		/* it may have been replaced meanwhile, but then there is another one */
		if (inner != -ENOENT || id == last)
			return inner;
		last = id;
	}
}

static int numbers_read(const struct stored *stored, struct lb_numbers *numbers)
{
	const __u32 *backend = &stored->number[stored->vips];

	numbers->vip = calloc(stored->vips + 1, sizeof(*numbers->vip));
	numbers->backend = calloc(stored->backends + 1, sizeof(*numbers->backend));
	if (!numbers->vip || !numbers->backend)
		return ecbpf_fail(-ENOMEM, "out of memory");
	memcpy(numbers->vip, stored->number, stored->vips * sizeof(*numbers->vip));
	memcpy(numbers->backend, backend, stored->backends * sizeof(*numbers->backend));
	numbers->next_vip = stored->next_vip;
	numbers->next_backend = stored->next_backend;
	return 0;
}

static int stored_parse(const struct stored *stored, size_t bytes, struct lb_config *config,
			struct lb_numbers *numbers)
{
	const char *text = (const char *)&stored->number[stored->vips + stored->backends];
	int err;

	if (stored->abi != LB_ABI || stored_bytes(stored) > bytes)
		return ecbpf_fail(-EPROTO, MAP_NAME ": not of this version: detach it first");
	err = lb_document_parse(text, stored->text_bytes, config);
	if (!err && (config->vips != stored->vips || config->backends != stored->backends))
		err = ecbpf_fail(-EPROTO, MAP_NAME ": its numbers are not those of its text");
	return err ? err : numbers_read(stored, numbers);
}

int lb_stored_read(int fd, struct lb_config *config, struct lb_numbers *numbers)
{
	struct bpf_map_info info = {};
	__u32 len = sizeof(info);
	int inner = inner_open(fd), err;
	const struct stored nothing = { .next_vip = 1, .next_backend = 1 };
	const void *at;
	size_t bytes;

	if (inner < 0)
		return inner == -ENOENT ? numbers_read(&nothing, numbers) : failed(inner);
	err = bpf_obj_get_info_by_fd(inner, &info, &len);
	bytes = (size_t)info.max_entries * STORED_PAGE;
	at = err ? MAP_FAILED : mmap(NULL, bytes, PROT_READ, MAP_SHARED, inner, 0);
	if (!err && at == MAP_FAILED)
		err = -errno;
	close(inner);
	if (err)
		return failed(err);
	err = stored_parse(at, bytes, config, numbers);
	munmap((void *)at, bytes);
	return err;
}

/* --- writing */

static int inner_fill(const struct stored *head, const struct lb_numbers *numbers, const char *text)
{
	const size_t bytes = stored_bytes(head);
	int inner = inner_make(bytes), err;
	struct stored *to;

	if (inner < 0)
		return failed(inner);
	to = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, inner, 0);
	if (to == MAP_FAILED) {
		err = -errno;
		close(inner);
		return failed(err);
	}
	*to = *head;
	memcpy(to->number, numbers->vip, head->vips * sizeof(*to->number));
	memcpy(&to->number[head->vips], numbers->backend, head->backends * sizeof(*to->number));
	memcpy(&to->number[head->vips + head->backends], text, head->text_bytes);
	munmap(to, bytes);
	return inner;
}

int lb_stored_prepare(const struct lb_config *config, const struct lb_numbers *numbers)
{
	char *text = lb_document_print(config);
	struct stored head = {
		.abi = LB_ABI,
		.vips = config->vips,
		.backends = config->backends,
		.next_vip = numbers->next_vip,
		.next_backend = numbers->next_backend,
	};
	int inner;

	if (!text)
		return ecbpf_fail(-ENOMEM, "out of memory");
	head.text_bytes = strlen(text);
	inner = inner_fill(&head, numbers, text);
	free(text);
	return inner;
}

int lb_stored_replace(int fd, int prepared)
{
	const __u32 zero = 0;
	int err = bpf_map_update_elem(fd, &zero, &prepared, BPF_ANY);

	return err ? failed(err) : 0;
}
