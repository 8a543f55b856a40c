// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* The directory of pins: where it is, who may change it, taking it away. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include <linux/magic.h>

#include "libecbpf/cli.h"
#include "libecbpf/internal.h"

/* A command takes milliseconds; twenty at once on a slow machine still fit. */
#define LOCK_TRIES   6000
#define LOCK_WAIT_NS 10000000

const char *ecbpf_base_dir(void)
{
	const char *dir = getenv("ECBPF_BPFFS");

	return dir && *dir ? dir : ECBPF_BPFFS;
}

int ecbpf_path(char *buf, const char *dir, const char *name)
{
	int len = snprintf(buf, PATH_MAX, "%s/%s", dir, name);

	if (len < 0 || len >= PATH_MAX)
		return ecbpf_fail(-ENAMETOOLONG, "path too long: %.80s...", dir);
	return 0;
}

static int on_bpffs(const char *path)
{
	struct statfs fs;

	if (statfs(path, &fs))
		return -errno;
	return fs.f_type == BPF_FS_MAGIC ? 0 : -ENOTDIR;
}

int ecbpf_base_check(void)
{
	const char *base = ecbpf_base_dir();
	char parent[PATH_MAX];
	char *slash;
	int err;

	err = on_bpffs(base);
	if (err == -ENOENT) {
		if (snprintf(parent, sizeof(parent), "%s", base) >= (int)sizeof(parent))
			return ecbpf_fail(-ENAMETOOLONG, "ECBPF_BPFFS is too long");
		slash = strrchr(parent, '/');
		if (slash)
			*slash = '\0';
		err = on_bpffs(slash && *parent ? parent : "/");
		if (err == -ENOTDIR || err == -ENOENT)
			return ecbpf_fail(-ENOTDIR,
					  "%s is not a BPF file system: mount -t bpf bpf %s",
					  parent, parent);
	}
	if (err == -ENOTDIR)
		return ecbpf_fail(err, "%s is not in a BPF file system", base);
	if (err)
		return ecbpf_fail(err, "%s: %s", base, strerror(-err));
	return 0;
}

static int lock_is_current(int lock, const char *base)
{
	struct stat held, there;

	return !fstat(lock, &held) && !stat(base, &there) && held.st_ino == there.st_ino &&
	       held.st_dev == there.st_dev;
}

/* One try; -EAGAIN: somebody has it, or removed the directory in between. */
static int lock_try(const char *base)
{
	int lock, err;

	err = ecbpf_make_dir(base);
	if (err)
		return err;
	lock = open(base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (lock < 0)
		return errno == ENOENT ? -EAGAIN :
					 ecbpf_fail(-errno, "%s: %s", base, strerror(errno));
	if (!flock(lock, LOCK_EX | LOCK_NB) && lock_is_current(lock, base))
		return lock;
	close(lock);
	return -EAGAIN;
}

int ecbpf_lock(void)
{
	const struct timespec wait = { .tv_nsec = LOCK_WAIT_NS };
	int i, lock;

	lock = ecbpf_base_check();
	if (lock)
		return lock;
	for (i = 0; i < LOCK_TRIES; i++) {
		lock = lock_try(ecbpf_base_dir());
		if (lock != -EAGAIN)
			return lock;
		nanosleep(&wait, NULL);
	}
	return ecbpf_fail(-EBUSY, "another command has held the lock on %s for a minute",
			  ecbpf_base_dir());
}

void ecbpf_unlock(int lock)
{
	rmdir(ecbpf_base_dir()); /* fails unless nothing is left */
	close(lock);
}

int ecbpf_dir_claim(const char *path, bool wait)
{
	int claim = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (claim < 0)
		return ecbpf_fail(-errno, "%s: %s", path, strerror(errno));
	if (!flock(claim, wait ? LOCK_EX : LOCK_EX | LOCK_NB))
		return claim;
	close(claim);
	return ecbpf_fail(-EBUSY, "somebody else is using it");
}

int ecbpf_make_dir(const char *path)
{
	if (mkdir(path, 0700) && errno != EEXIST)
		return ecbpf_fail(-errno, "%s: %s", path, strerror(errno));
	return 0;
}

bool ecbpf_exists(const char *dir, const char *name)
{
	char path[PATH_MAX];
	struct stat st;

	return !ecbpf_path(path, dir, name) && !lstat(path, &st);
}

static int tree_visit(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path) && errno != ENOENT ? -errno : 0;
}

int ecbpf_tree_remove(const char *path)
{
	int err = nftw(path, tree_visit, 8, FTW_DEPTH | FTW_PHYS);

	if (err == -1)
		err = -errno;
	if (err && err != -ENOENT)
		return ecbpf_fail(err, "%s: %s", path, strerror(-err));
	return 0;
}

int ecbpf_dir_each(const char *dir, int (*visit)(const char *dir, const char *name, void *arg),
		   void *arg)
{
	DIR *stream = opendir(dir);
	struct dirent *entry;
	int ret = 0;

	if (!stream)
		return errno == ENOENT ? 0 : ecbpf_fail(-errno, "%s: %s", dir, strerror(errno));
	while (!ret && (entry = readdir(stream)))
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
			ret = visit(dir, entry->d_name, arg);
	closedir(stream);
	return ret;
}

/*
 * BPF file systems keep names with dots for themselves, and no interface's name has a colon. So
 * a dot becomes two colons, and the namespace follows one: an odd run of colons can only be that.
 */
int ecbpf_pin_dir(const char *ifname, char *buf, size_t size)
{
	char name[2 * IF_NAMESIZE], *out = name;
	uint64_t cookie;
	int len, err;

	if (!ecbpf_ifname_valid(ifname, strlen(ifname)))
		return ecbpf_fail(-EINVAL, "no interface can have this name");
	err = ecbpf_netns_cookie(&cookie);
	if (err)
		return err;
	for (; *ifname; ifname++) {
		*out++ = *ifname == '.' ? ':' : *ifname;
		if (*ifname == '.')
			*out++ = ':';
	}
	*out = '\0';
	if (cookie == 1)
		len = snprintf(buf, size, "%s/%s", ecbpf_base_dir(), name);
	else
		len = snprintf(buf, size, "%s/%s:%llu", ecbpf_base_dir(), name,
			       (unsigned long long)cookie);
	if (len < 0 || (size_t)len >= size)
		return ecbpf_fail(-ENAMETOOLONG, "ECBPF_BPFFS is too long");
	return 0;
}

/* The way back from the name of a directory; false: another namespace's, or not one of ours. */
static bool pin_dir_ifname(const char *name, uint64_t cookie, char *ifname)
{
	char suffix[32] = "";
	size_t len = 0;

	if (cookie != 1)
		snprintf(suffix, sizeof(suffix), ":%llu", (unsigned long long)cookie);
	while (*name && len < IF_NAMESIZE - 1) {
		if (name[0] == ':' && name[1] != ':')
			break;
		ifname[len++] = *name == ':' ? '.' : *name;
		name += *name == ':' ? 2 : 1;
	}
	ifname[len] = '\0';
	return len && !strcmp(name, suffix);
}

struct pinned {
	struct ecbpf_iflist *list;
	uint64_t cookie;
};

static int pinned_visit(const char *dir, const char *name, void *arg)
{
	const struct pinned *pinned = arg;
	char ifname[IF_NAMESIZE];

	(void)dir;
	if (!pin_dir_ifname(name, pinned->cookie, ifname))
		return 0;
	return ecbpf_iflist_add(pinned->list, ifname);
}

int ecbpf_iflist_pinned(struct ecbpf_iflist *list)
{
	struct pinned pinned = { .list = list };
	int err = ecbpf_base_check();

	*list = (struct ecbpf_iflist){};
	if (!err)
		err = ecbpf_netns_cookie(&pinned.cookie);
	if (!err)
		err = ecbpf_dir_each(ecbpf_base_dir(), pinned_visit, &pinned);
	if (err)
		ecbpf_iflist_free(list);
	return err;
}
