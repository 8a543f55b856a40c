// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Loading objects: which pinned maps they take, and why the kernel refused them. */
#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>

#include "libecbpf/internal.h"

#define VERIFIER_LOG_SIZE (1 << 20)

const char *const ecbpf_suite_maps[] = { "ecbpf_slots", "xdpcap_hook",	 "ecbpf_stats",
					 "ecbpf_trace", "ecbpf_profile", "ecbpf_control",
					 "ecbpf_base",	"ecbpf_samples", "ecbpf_sampling",
					 NULL };

bool ecbpf_is_suite_map(const char *name)
{
	int i;

	for (i = 0; ecbpf_suite_maps[i]; i++)
		if (!strcmp(name, ecbpf_suite_maps[i]))
			return true;
	return false;
}

/* --- why it did not load: the first warning of libbpf, or the verifier's last word */

static _Thread_local char complaint[256];
static _Thread_local libbpf_print_fn_t print_before;

static int complaint_keep(enum libbpf_print_level level, const char *format, va_list args)
{
	va_list again;

	va_copy(again, args);
	if (level == LIBBPF_WARN && !complaint[0] &&
	    vsnprintf(complaint, sizeof(complaint), format, again) < 0)
		complaint[0] = '\0';
	va_end(again);
	return print_before ? print_before(level, format, args) : 0;
}

static void complaint_begin(void)
{
	complaint[0] = '\0';
	print_before = libbpf_set_print(complaint_keep);
}

static const char *complaint_end(void)
{
	static const char prefix[] = "libbpf: ";
	char *text = complaint;

	libbpf_set_print(print_before);
	text[strcspn(text, "\n")] = '\0';
	return strncmp(text, prefix, strlen(prefix)) ? text : text + strlen(prefix);
}

/* verifier_word - the last line of its log that is not a statistic; cuts the log short */
static const char *verifier_word(char *log)
{
	char *end = strstr(log, "\nprocessed "), *line;

	if (end)
		*end = '\0';
	end = log + strlen(log);
	while (end > log && end[-1] == '\n')
		*--end = '\0';
	line = strrchr(log, '\n');
	return line ? line + 1 : log;
}

/* load_misfit - a map that cannot take the place of the pinned one of its name */
static const char *load_misfit(struct bpf_object *obj)
{
	struct bpf_map_info info;
	struct bpf_map *map;
	__u32 len;
	int fd, misfit;

	bpf_object__for_each_map(map, obj) {
		fd = bpf_map__pin_path(map) ? bpf_obj_get(bpf_map__pin_path(map)) : -1;
		if (fd < 0)
			continue;
		memset(&info, 0, sizeof(info));
		len = sizeof(info);
		misfit = !bpf_obj_get_info_by_fd(fd, &info, &len) &&
			 (info.type != bpf_map__type(map) ||
			  info.key_size != bpf_map__key_size(map) ||
			  info.value_size != bpf_map__value_size(map) ||
			  info.max_entries != bpf_map__max_entries(map) ||
			  info.map_flags != bpf_map__map_flags(map));
		close(fd);
		if (misfit)
			return bpf_map__name(map);
	}
	return NULL;
}

static int load_object(struct bpf_object *obj, struct bpf_program *prog)
{
	char *log = malloc(VERIFIER_LOG_SIZE);
	const char *cause, *misfit;
	int err;

	if (!log)
		return ecbpf_fail(-ENOMEM, "out of memory");
	log[0] = '\0';
	bpf_program__set_log_buf(prog, log, VERIFIER_LOG_SIZE);
	complaint_begin();
	err = bpf_object__load(obj);
	cause = complaint_end();
	misfit = err ? load_misfit(obj) : NULL;
	if (misfit)
		ecbpf_fail(err, "map %s does not fit the pinned one of that name", misfit);
	else if (err && log[0])
		ecbpf_fail(err, "the verifier refuses %s: %s", bpf_program__name(prog),
			   verifier_word(log));
	else if (err)
		ecbpf_fail(err, "%s", cause[0] ? cause : strerror(-err));
	bpf_program__set_log_buf(prog, NULL, 0);
	free(log);
	return err;
}

/*
 * Programs of one array must agree on multi-buffer support, and the root has none; any program
 * that can do with several buffers can do with one. libbpf sets the flag by the section's name,
 * unless somebody else has claimed that name; opened objects refer to the claim, so it stays.
 */
static int single_buffer(void)
{
	static atomic_int handler;
	int none = 0, made;

	if (handler)
		return 0;
	made = libbpf_register_prog_handler("xdp.frags+", BPF_PROG_TYPE_XDP, BPF_XDP, NULL);
	if (made < 0)
		return ecbpf_fail(made, "libbpf: %s", strerror(-made));
	atomic_compare_exchange_strong(&handler, &none, made);
	return 0;
}

int ecbpf_object_open(const char *path, struct bpf_object **obj)
{
	const char *cause;
	int err = single_buffer();

	if (err)
		return err;
	complaint_begin();
	*obj = bpf_object__open_file(path, NULL);
	if (!*obj)
		err = -errno;
	cause = complaint_end();
	if (err == -ENOENT)
		return ecbpf_fail(err, "no such file");
	return err ? ecbpf_fail(err, "not a BPF object: %s", cause[0] ? cause : strerror(-err)) : 0;
}

/* --- which maps come from where */

static const struct ecbpf_about *object_about(const struct bpf_object *obj)
{
	struct bpf_map *map = bpf_object__find_map_by_name(obj, ECBPF_ABOUT_SECTION);
	const struct ecbpf_about *about;
	size_t size;

	about = map ? bpf_map__initial_value(map, &size) : NULL;
	return about && size == sizeof(*about) ? about : NULL;
}

static int object_set_slot(const struct bpf_object *obj, int slot)
{
	struct ecbpf_about about = *object_about(obj);

	about.slot = slot;
	return bpf_map__set_initial_value(bpf_object__find_map_by_name(obj, ECBPF_ABOUT_SECTION),
					  &about, sizeof(about));
}

int ecbpf_object_slot(struct bpf_object *obj)
{
	const struct ecbpf_about *about = object_about(obj);

	return about ? about->slot : -1;
}

static int map_place(struct bpf_map *map, const char *dir, const char *name)
{
	char path[PATH_MAX];
	int err = ecbpf_path(path, dir, name);

	if (!err)
		err = bpf_map__set_pin_path(map, path);
	return err;
}

int ecbpf_load_root(const struct ecbpf_root *root, struct bpf_object *obj, struct bpf_program *prog)
{
	struct bpf_map *map;
	int err;

	bpf_object__for_each_map(map, obj) {
		if (!ecbpf_is_suite_map(bpf_map__name(map)))
			continue;
		err = map_place(map, root->dir, bpf_map__name(map));
		if (err)
			return err;
	}
	return load_object(obj, prog);
}

/* A member's own map: the pinned one if @inherit, else a new one, pinned aside for now. */
static int map_place_own(const struct ecbpf_root *root, struct bpf_map *map, int slot, bool inherit)
{
	char dir[32], path[PATH_MAX];
	int err;

	ecbpf_slot_dir_name(dir, sizeof(dir), slot, false);
	err = ecbpf_path(path, root->dir, dir);
	if (err)
		return err;
	if (inherit && ecbpf_exists(path, bpf_map__name(map)))
		return map_place(map, path, bpf_map__name(map));
	ecbpf_slot_dir_name(dir, sizeof(dir), slot, true);
	err = ecbpf_path(path, root->dir, dir);
	return err ? err : map_place(map, path, bpf_map__name(map));
}

static int member_check(const struct ecbpf_about *about, struct bpf_program *prog)
{
	if (about && about->abi != ECBPF_ABI)
		return ecbpf_fail(-EPROTO,
				  "built for ABI %u of the suite, this is %u: build it again",
				  about->abi, ECBPF_ABI);
	if (bpf_program__type(prog) != BPF_PROG_TYPE_XDP &&
	    bpf_program__type(prog) != BPF_PROG_TYPE_UNSPEC)
		return ecbpf_fail(-EINVAL, "%s is not an XDP program", bpf_program__name(prog));
	bpf_program__set_type(prog, BPF_PROG_TYPE_XDP);
	bpf_program__set_expected_attach_type(prog, BPF_XDP);
	return 0;
}

int ecbpf_load_member(const struct ecbpf_root *root, struct bpf_object *obj,
		      struct bpf_program *prog, int slot, bool inherit)
{
	const struct ecbpf_about *about = object_about(obj);
	struct bpf_map *map;
	int err;

	err = member_check(about, prog);
	if (!err && about)
		err = object_set_slot(obj, slot);
	bpf_object__for_each_map(map, obj) {
		if (err)
			return err;
		if (about && ecbpf_is_suite_map(bpf_map__name(map)))
			err = map_place(map, root->dir, bpf_map__name(map));
		else if (bpf_map__pin_path(map))
			err = map_place_own(root, map, slot, inherit);
	}
	return err ? err : load_object(obj, prog);
}
