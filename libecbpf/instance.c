// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Two locks: that of the suite's base directory is held only while a directory comes or goes, that
 * of the instance for a whole change, which takes the other one for each slot.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "libecbpf/instance.h"
#include "libecbpf/internal.h"

int ecbpf_instance_find(const char *tool, struct ecbpf_instance *instance)
{
	uint64_t cookie;
	int len, err;

	instance->lock = -1;
	instance->dir[0] = '\0';
	err = ecbpf_base_check();
	if (err == -EACCES || err == -EPERM)
		return ecbpf_fail(-EPERM, "permission denied: run it as root");
	if (!err)
		err = ecbpf_netns_cookie(&cookie);
	if (err)
		return err;
	if (cookie == 1)
		len = snprintf(instance->dir, sizeof(instance->dir), "%s/:%s", ecbpf_base_dir(),
			       tool);
	else
		len = snprintf(instance->dir, sizeof(instance->dir), "%s/:%s:%llu",
			       ecbpf_base_dir(), tool, (unsigned long long)cookie);
	if (len < 0 || (size_t)len >= sizeof(instance->dir))
		return ecbpf_fail(-ENAMETOOLONG, "ECBPF_BPFFS is too long");
	return 0;
}

/* Has somebody removed the directory while we waited for it? */
static bool is_current(int lock, const char *dir)
{
	struct stat held, there;

	return !fstat(lock, &held) && !stat(dir, &there) && held.st_ino == there.st_ino &&
	       held.st_dev == there.st_dev;
}

static int dir_make(const char *dir)
{
	int lock = ecbpf_lock(), err;

	if (lock < 0)
		return lock;
	err = ecbpf_make_dir(dir);
	ecbpf_unlock(lock);
	return err;
}

int ecbpf_instance_lock(struct ecbpf_instance *instance, bool make)
{
	int lock, err;

	for (;;) {
		err = make ? dir_make(instance->dir) : 0;
		if (err)
			return err;
		lock = ecbpf_dir_claim(instance->dir, true);
		if (lock >= 0 && is_current(lock, instance->dir)) {
			instance->lock = lock;
			return 0;
		}
		if (lock >= 0)
			close(lock);
		else if (lock == -EACCES)
			return ecbpf_fail(-EPERM, "permission denied: run it as root");
		else if (lock != -ENOENT || !make)
			return lock;
	}
}

void ecbpf_instance_unlock(struct ecbpf_instance *instance)
{
	int lock;

	if (instance->lock < 0)
		return;
	lock = ecbpf_lock();
	rmdir(instance->dir); /* fails unless nothing is left */
	if (lock >= 0)
		ecbpf_unlock(lock);
	close(instance->lock);
	instance->lock = -1;
}

bool ecbpf_instance_has(const struct ecbpf_instance *instance, const char *name)
{
	return ecbpf_exists(instance->dir, name);
}

int ecbpf_instance_get(const struct ecbpf_instance *instance, const char *name)
{
	char path[PATH_MAX];
	int fd = ecbpf_path(path, instance->dir, name);

	if (!fd)
		fd = bpf_obj_get(path);
	if (fd == -EACCES || fd == -EPERM)
		return ecbpf_fail(-EPERM, "permission denied: run it as root");
	return fd < 0 ? ecbpf_fail(fd, "%s: %s", path, strerror(-fd)) : fd;
}

int ecbpf_instance_pin(const struct ecbpf_instance *instance, const char *name, int fd)
{
	char path[PATH_MAX];
	int err = ecbpf_path(path, instance->dir, name);

	if (err)
		return err;
	err = bpf_obj_pin(fd, path);
	return err ? ecbpf_fail(err, "%s: %s", path, strerror(-err)) : 0;
}

int ecbpf_instance_note(const struct ecbpf_instance *instance, const char *name)
{
	char path[PATH_MAX];
	int err = ecbpf_path(path, instance->dir, name);

	return err ? err : ecbpf_make_dir(path);
}

int ecbpf_instance_unpin(const struct ecbpf_instance *instance, const char *name)
{
	char path[PATH_MAX];
	int err = ecbpf_path(path, instance->dir, name);

	return err ? err : ecbpf_tree_remove(path);
}

static int clear_visit(const char *dir, const char *name, void *arg)
{
	char path[PATH_MAX];
	int err = ecbpf_path(path, dir, name);

	(void)arg;
	return err ? err : ecbpf_tree_remove(path);
}

int ecbpf_instance_clear(const struct ecbpf_instance *instance)
{
	return ecbpf_dir_each(instance->dir, clear_visit, NULL);
}
