// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* What a tool's instance is called, who may change it, and when its directory comes and goes. */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <bpf/bpf.h>

#include "libecbpf/cli.h"
#include "libecbpf/instance.h"

#define TOOL "test_tool"

/** struct fixture - a BPF file system of this process's own; the base directory is in it */
struct fixture {
	char mount[64];
	char base[80];
};

static int fixture_make(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	snprintf(f->mount, sizeof(f->mount), "/tmp/ecbpf-instance-XXXXXX");
	*state = f;
	if (geteuid() || unshare(CLONE_NEWNS) ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL)) {
		f->mount[0] = '\0';
		return 0;
	}
	if (!mkdtemp(f->mount) || mount("bpf", f->mount, "bpf", 0, NULL))
		return -1;
	snprintf(f->base, sizeof(f->base), "%s/ecbpf", f->mount);
	return setenv("ECBPF_BPFFS", f->base, 1);
}

static int fixture_end(void **state)
{
	struct fixture *f = *state;
	int err = 0;

	if (f->mount[0])
		err = umount(f->mount) ?: rmdir(f->mount);
	free(f);
	return err;
}

/* privileged - the fixture; skips the test without the privileges */
static const struct fixture *privileged(void **state)
{
	const struct fixture *f = *state;

	if (!f->mount[0]) {
		print_message("needs root, for a BPF file system of its own\n");
		skip();
	}
	return f;
}

static bool is_there(const char *path)
{
	struct stat st;

	return !lstat(path, &st);
}

static void test_name(void **state)
{
	const struct fixture *f = privileged(state);
	struct ecbpf_instance instance;
	char want[PATH_MAX];
	uint64_t cookie;

	assert_int_equal(ecbpf_netns_cookie(&cookie), 0);
	if (cookie == 1)
		snprintf(want, sizeof(want), "%s/:%s", f->base, TOOL);
	else
		snprintf(want, sizeof(want), "%s/:%s:%llu", f->base, TOOL,
			 (unsigned long long)cookie);
	assert_int_equal(ecbpf_instance_find(TOOL, &instance), 0);
	assert_string_equal(instance.dir, want);
	assert_int_equal(instance.lock, -1);
	assert_false(is_there(f->base));
}

static void test_not_a_bpf_file_system(void **state)
{
	const struct fixture *f = privileged(state);
	struct ecbpf_instance instance;

	assert_int_equal(setenv("ECBPF_BPFFS", "/proc/ecbpf", 1), 0);
	assert_int_equal(ecbpf_instance_find(TOOL, &instance), -ENOTDIR);
	assert_string_equal(ecbpf_error(),
			    "/proc is not a BPF file system: mount -t bpf bpf /proc");
	assert_int_equal(setenv("ECBPF_BPFFS", f->base, 1), 0);
}

static void test_directories_come_and_go(void **state)
{
	const struct fixture *f = privileged(state);
	struct ecbpf_instance instance;

	assert_int_equal(ecbpf_instance_find(TOOL, &instance), 0);
	assert_int_equal(ecbpf_instance_lock(&instance, false), -ENOENT);
	assert_int_equal(instance.lock, -1);
	ecbpf_instance_unlock(&instance);
	assert_false(is_there(f->base));
	assert_int_equal(ecbpf_instance_lock(&instance, true), 0);
	assert_true(is_there(instance.dir));
	ecbpf_instance_unlock(&instance);
	assert_int_equal(instance.lock, -1);
	assert_false(is_there(f->base));
}

static void test_pins(void **state)
{
	const struct fixture *f = privileged(state);
	struct ecbpf_instance instance;
	int map, again;

	map = bpf_map_create(BPF_MAP_TYPE_ARRAY, "test_instance", 4, 4, 1, NULL);
	assert_true(map >= 0);
	assert_int_equal(ecbpf_instance_find(TOOL, &instance), 0);
	assert_int_equal(ecbpf_instance_lock(&instance, true), 0);
	assert_int_equal(ecbpf_instance_get(&instance, "a_map"), -ENOENT);
	assert_false(ecbpf_instance_has(&instance, "a_map"));
	assert_int_equal(ecbpf_instance_pin(&instance, "a_map", map), 0);
	assert_int_equal(ecbpf_instance_pin(&instance, "a_map", map), -EEXIST);
	assert_true(ecbpf_instance_has(&instance, "a_map"));
	assert_int_equal(ecbpf_instance_note(&instance, "note:1"), 0);
	assert_int_equal(ecbpf_instance_note(&instance, "note:1"), 0);
	assert_true(ecbpf_instance_has(&instance, "note:1"));
	ecbpf_instance_unlock(&instance);
	assert_true(is_there(instance.dir));

	assert_int_equal(ecbpf_instance_lock(&instance, false), 0);
	again = ecbpf_instance_get(&instance, "a_map");
	assert_true(again >= 0);
	assert_int_equal(ecbpf_instance_unpin(&instance, "a_map"), 0);
	assert_int_equal(ecbpf_instance_unpin(&instance, "a_map"), 0);
	assert_false(ecbpf_instance_has(&instance, "a_map"));
	assert_true(ecbpf_instance_has(&instance, "note:1"));
	assert_int_equal(ecbpf_instance_pin(&instance, "b_map", again), 0);
	assert_int_equal(ecbpf_instance_clear(&instance), 0);
	assert_false(ecbpf_instance_has(&instance, "note:1"));
	assert_false(ecbpf_instance_has(&instance, "b_map"));
	ecbpf_instance_unlock(&instance);
	assert_false(is_there(f->base));
	close(again);
	close(map);
}

/* It is not taken for an interface's, nor for that of one in another namespace. */
static void test_no_interface(void **state)
{
	struct ecbpf_instance instance;
	struct ecbpf_iflist list;

	privileged(state);
	assert_int_equal(ecbpf_instance_find(TOOL, &instance), 0);
	assert_int_equal(ecbpf_instance_lock(&instance, true), 0);
	assert_int_equal(ecbpf_instance_note(&instance, "note"), 0);
	assert_int_equal(ecbpf_iflist_pinned(&list), 0);
	assert_int_equal(list.count, 0);
	ecbpf_iflist_free(&list);
	assert_int_equal(ecbpf_instance_clear(&instance), 0);
	ecbpf_instance_unlock(&instance);
}

/* locker - a process that takes the lock, and ends with 0 if it got it and it is that of @dir */
static pid_t locker(bool make, int inherited)
{
	struct ecbpf_instance instance;
	struct stat held, there;
	pid_t pid = fork();
	int err;

	if (pid)
		return pid;
	close(inherited); /* or the lock would be this process's too */
	err = ecbpf_instance_find(TOOL, &instance);
	if (!err)
		err = ecbpf_instance_lock(&instance, make);
	if (err)
		_exit(-err);
	if (fstat(instance.lock, &held) || stat(instance.dir, &there) ||
	    held.st_ino != there.st_ino)
		_exit(200);
	ecbpf_instance_unlock(&instance);
	_exit(0);
}

/* await_waiting - until the kernel says that @pid waits for a lock */
static void await_waiting(pid_t pid)
{
	char want[32], line[256];
	bool found = false;
	FILE *locks;

	snprintf(want, sizeof(want), "WRITE %d ", (int)pid);
	while (!found) {
		assert_int_equal(waitpid(pid, NULL, WNOHANG), 0);
		locks = fopen("/proc/locks", "r");
		assert_non_null(locks);
		while (fgets(line, sizeof(line), locks))
			found |= strstr(line, "-> FLOCK") && strstr(line, want);
		fclose(locks);
	}
}

static int ended(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void test_second_waits(void **state)
{
	const struct fixture *f = privileged(state);
	struct ecbpf_instance instance;
	pid_t pid;

	assert_int_equal(ecbpf_instance_find(TOOL, &instance), 0);
	assert_int_equal(ecbpf_instance_lock(&instance, true), 0);
	assert_int_equal(ecbpf_instance_note(&instance, "note"), 0);
	pid = locker(false, instance.lock);
	await_waiting(pid);
	ecbpf_instance_unlock(&instance);
	assert_int_equal(ended(pid), 0);
	assert_int_equal(ecbpf_instance_lock(&instance, false), 0);
	assert_int_equal(ecbpf_instance_clear(&instance), 0);
	ecbpf_instance_unlock(&instance);
	assert_false(is_there(f->base));
}

/* Whoever waits for a directory that goes meanwhile finds that out. */
static void test_directory_goes_meanwhile(void **state)
{
	const struct fixture *f = privileged(state);
	static const struct {
		bool make;
		int ends;
	} rows[] = { { true, 0 }, { false, ENOENT } };
	struct ecbpf_instance instance;
	size_t i;
	pid_t pid;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(ecbpf_instance_find(TOOL, &instance), 0);
		assert_int_equal(ecbpf_instance_lock(&instance, true), 0);
		pid = locker(rows[i].make, instance.lock);
		await_waiting(pid);
		ecbpf_instance_unlock(&instance);
		assert_int_equal(ended(pid), rows[i].ends);
		assert_false(is_there(f->base));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_name),
		cmocka_unit_test(test_not_a_bpf_file_system),
		cmocka_unit_test(test_directories_come_and_go),
		cmocka_unit_test(test_pins),
		cmocka_unit_test(test_no_interface),
		cmocka_unit_test(test_second_waits),
		cmocka_unit_test(test_directory_goes_meanwhile),
	};

	return cmocka_run_group_tests(tests, fixture_make, fixture_end);
}
