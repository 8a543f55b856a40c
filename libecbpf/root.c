// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Attach, upgrade, detach. Each change has one instant at which it happens: the pin of the link
 * appears, the link runs another program, or the pin of the link is gone. Before it everything is
 * as it was; what is left to do after it, ecbpf_tidy() can do for a command that was killed.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>

#include "libecbpf/internal.h"

static int root_state_of(struct ecbpf_root *root)
{
	struct ecbpf_program program;
	int err;

	root->state = ECBPF_GONE;
	if (!root->link_ifindex)
		return 0;
	err = ecbpf_program_get(root->link_prog_id, &program);
	if (err)
		return err;
	root->state = strcmp(program.name, NOP_NAME) ? ECBPF_RUNNING : ECBPF_NOP;
	return 0;
}

/* ecbpf_root_refresh - look again */
int ecbpf_root_refresh(struct ecbpf_root *root)
{
	struct bpf_link_info info = {};
	__u32 len = sizeof(info);
	char path[PATH_MAX];
	int err;

	if (root->link >= 0)
		close(root->link);
	root->state = ECBPF_NONE;
	/* the new one, if a command was killed that was about to replace a dead one with it */
	err = ecbpf_path(path, root->dir, LINK_NEW_PIN);
	root->link = err ? err : bpf_obj_get(path);
	if (root->link == -ENOENT) {
		err = ecbpf_path(path, root->dir, LINK_PIN);
		root->link = err ? err : bpf_obj_get(path);
	}
	if (root->link == -ENOENT)
		return 0;
	if (root->link < 0)
		return ecbpf_fail(root->link, "%s: %s", path, strerror(-root->link));
	err = bpf_obj_get_info_by_fd(root->link, &info, &len);
	if (err)
		return ecbpf_fail(err, "%s: %s", path, strerror(-err));
	root->link_id = info.id;
	root->link_prog_id = info.prog_id;
	root->link_ifindex = info.xdp.ifindex;
	return root_state_of(root);
}

static int root_look(struct ecbpf_root *root, const char *ifname)
{
	int err = ecbpf_base_check();

	if (!err)
		err = ecbpf_pin_dir(ifname, root->dir, sizeof(root->dir));
	if (err)
		return err;
	snprintf(root->ifname, sizeof(root->ifname), "%s", ifname);
	root->ifindex = if_nametoindex(ifname);
	if (!root->ifindex && access(root->dir, F_OK))
		return errno == EACCES ? ecbpf_fail(-EACCES, "permission denied: run it as root") :
					 ecbpf_fail(-ENODEV, "no such interface");
	return ecbpf_root_refresh(root);
}

int ecbpf_root_open(const char *ifname, struct ecbpf_root **out)
{
	struct ecbpf_root *root = calloc(1, sizeof(*root));
	int err;

	if (!root)
		return ecbpf_fail(-ENOMEM, "out of memory");
	root->link = -1;
	err = root_look(root, ifname);
	if (err == -EPERM || err == -EACCES)
		ecbpf_fail(err, "permission denied: run it as root");
	if (err)
		ecbpf_root_close(root);
	else
		*out = root;
	return err;
}

int ecbpf_root_running(const struct ecbpf_root *root)
{
	if (root->state == ECBPF_GONE)
		return ecbpf_fail(-ENOENT, "the interface of this root was removed: %s",
				  root->ifindex ? "xdp_root attach puts it on the new one" :
						  "xdp_root detach takes its pins away");
	if (root->state != ECBPF_RUNNING)
		return ecbpf_fail(-ENOENT, "no root is attached: xdp_root attach %s", root->ifname);
	return 0;
}

int ecbpf_root_open_running(const char *ifname, struct ecbpf_root **out)
{
	struct ecbpf_root *root;
	int err = ecbpf_root_open(ifname, &root);

	if (!err)
		err = ecbpf_root_running(root);
	else
		return err;
	if (err)
		ecbpf_root_close(root);
	else
		*out = root;
	return err;
}

void ecbpf_root_close(struct ecbpf_root *root)
{
	if (!root)
		return;
	if (root->link >= 0)
		close(root->link);
	free(root);
}

enum ecbpf_state ecbpf_root_state(const struct ecbpf_root *root)
{
	return root->state;
}

const char *ecbpf_root_ifname(const struct ecbpf_root *root)
{
	return root->ifname;
}

const char *ecbpf_root_dir(const struct ecbpf_root *root)
{
	return root->dir;
}

int ecbpf_root_map(const struct ecbpf_root *root, const char *name)
{
	char path[PATH_MAX];
	int fd = ecbpf_path(path, root->dir, name);

	if (!fd)
		fd = bpf_obj_get(path);
	if (fd < 0)
		return ecbpf_fail(fd, "%s: %s", path, strerror(-fd));
	return fd;
}

/* --- what the interface itself says */

static enum ecbpf_mode mode_of(__u8 attached)
{
	switch (attached) {
	case XDP_ATTACHED_DRV:
		return ECBPF_MODE_NATIVE;
	case XDP_ATTACHED_SKB:
		return ECBPF_MODE_SKB;
	case XDP_ATTACHED_HW:
		return ECBPF_MODE_HW;
	default:
		return ECBPF_MODE_ANY;
	}
}

static int nic_query(unsigned int ifindex, __u32 *prog_id, enum ecbpf_mode *mode)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, opts);
	int err = bpf_xdp_query(ifindex, 0, &opts);

	if (err)
		return ecbpf_fail(err, "asking for its XDP program: %s", strerror(-err));
	*prog_id = opts.prog_id ?: opts.drv_prog_id ?: opts.skb_prog_id ?: opts.hw_prog_id;
	*mode = mode_of(opts.attach_mode);
	return 0;
}

int ecbpf_root_info(const struct ecbpf_root *root, struct ecbpf_root_info *info)
{
	int err = 0;

	memset(info, 0, sizeof(*info));
	info->ifindex = root->ifindex;
	if (root->ifindex)
		err = nic_query(root->ifindex, &info->nic_prog_id, &info->mode);
	if (err || root->link < 0)
		return err;
	info->link_id = root->link_id;
	info->link_ifindex = root->link_ifindex;
	info->link_prog_id = root->link_prog_id;
	return ecbpf_program_get(root->link_prog_id, &info->program);
}

/* --- changes */

static int root_foreign(const struct ecbpf_root *root)
{
	struct ecbpf_program program = {};
	enum ecbpf_mode mode;
	__u32 id;
	int err = nic_query(root->ifindex, &id, &mode);

	if (err || !id)
		return err;
	ecbpf_program_get(id, &program);
	if (program.abi && !strcmp(program.name, "xdp_root"))
		return ecbpf_fail(-EBUSY, "a root is in place whose pins are under another name, "
					  "detach it under that: was the interface renamed?");
	return ecbpf_fail(-EBUSY, "XDP program %s (id %u) of somebody else is in place (%s mode)",
			  program.name, id, ecbpf_mode_name(mode));
}

static int link_create(const struct ecbpf_root *root, int prog_fd, enum ecbpf_mode mode)
{
	static const __u32 flags[] = { XDP_FLAGS_DRV_MODE, XDP_FLAGS_DRV_MODE, XDP_FLAGS_SKB_MODE,
				       XDP_FLAGS_HW_MODE };
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = flags[mode]);
	int link = bpf_link_create(prog_fd, root->ifindex, BPF_XDP, &opts);

	if (link == -EOPNOTSUPP && flags[mode] == XDP_FLAGS_DRV_MODE)
		return ecbpf_fail(link, "the driver has no native XDP: -m skb works with any");
	if (link == -EOPNOTSUPP || (link == -EINVAL && mode == ECBPF_MODE_HW))
		return ecbpf_fail(link, "the driver cannot run XDP in hardware");
	if (link == -EBUSY)
		return root_foreign(root) ?: ecbpf_fail(link, "an XDP program is in place");
	if (link < 0)
		return ecbpf_fail(link, "attaching XDP: %s", strerror(-link));
	return link;
}

static int maps_begin(const struct ecbpf_root *root)
{
	struct ecbpf_total *base = calloc(1, sizeof(*base));
	int fd = base ? ecbpf_root_map(root, "ecbpf_base") : ecbpf_fail(-ENOMEM, "out of memory");
	int err = fd < 0 ? fd : 0;
	__u32 zero = 0;

	if (!err) {
		base->since_ns = ecbpf_realtime_ns();
		err = bpf_map_update_elem(fd, &zero, base, BPF_ANY);
		close(fd);
	}
	free(base);
	return err;
}

static int root_load(struct ecbpf_root *root, struct bpf_object *obj, struct bpf_program *prog,
		     enum ecbpf_mode mode)
{
	struct bpf_map *map;
	int err;

	if (mode == ECBPF_MODE_HW) {
		bpf_object__for_each_map(map, obj)
			bpf_map__set_ifindex(map, root->ifindex);
		bpf_program__set_ifindex(prog, root->ifindex);
	}
	err = ecbpf_make_dir(root->dir);
	if (!err)
		err = ecbpf_load_root(root, obj, prog);
	/* refused for its maps, which is the device's limit and not this object's fault */
	if (err && mode == ECBPF_MODE_HW)
		ecbpf_fail(err, "the driver cannot run XDP in hardware");
	return err;
}

/* attach_link - the new root on an interface that has none of ours; @pin is where its link goes */
static int attach_link(const struct ecbpf_root *root, struct bpf_program *prog,
		       enum ecbpf_mode mode, const char *pin)
{
	char path[PATH_MAX];
	int link, err;

	err = ecbpf_path(path, root->dir, pin);
	if (err)
		return err;
	link = link_create(root, bpf_program__fd(prog), mode);
	if (link < 0)
		return link;
	err = bpf_obj_pin(link, path);
	if (err)
		err = ecbpf_fail(err, "%s: %s", path, strerror(-err));
	close(link);
	return err;
}

static int link_run(const struct ecbpf_root *root, int prog_fd)
{
	int old = ecbpf_program_fd(root->link_prog_id), err;
	LIBBPF_OPTS(bpf_link_update_opts, opts, .flags = BPF_F_REPLACE, .old_prog_fd = old);

	if (old < 0)
		return old;
	err = bpf_link_update(root->link, prog_fd, &opts);
	close(old);
	return err ? ecbpf_fail(err, "replacing the program: %s", strerror(-err)) : 0;
}

/* nop_mode - over a pass-through program the mode stays */
static int nop_mode(const struct ecbpf_root *root, enum ecbpf_mode mode)
{
	enum ecbpf_mode now;
	__u32 id;
	int err = nic_query(root->ifindex, &id, &now);

	if (!err && mode != ECBPF_MODE_ANY && mode != now)
		return ecbpf_fail(-EINVAL,
				  "the pass-through program runs in %s mode: detach it first",
				  ecbpf_mode_name(now));
	return err;
}

static int attach_locked(struct ecbpf_root *root, struct bpf_object *obj, struct bpf_program *prog,
			 enum ecbpf_mode mode)
{
	int err;

	if (root->state == ECBPF_RUNNING)
		return ecbpf_fail(-EEXIST, "a root is attached already: xdp_root upgrade %s",
				  root->ifname);
	if (!root->ifindex)
		return ecbpf_fail(-ENODEV, "no such interface");
	err = root->state == ECBPF_NOP ? nop_mode(root, mode) : root_foreign(root);
	if (!err)
		err = root_load(root, obj, prog, mode);
	if (!err && root->state != ECBPF_GONE)
		err = maps_begin(root);
	if (err)
		return err;
	if (root->state == ECBPF_NOP)
		return link_run(root, bpf_program__fd(prog));
	return attach_link(root, prog, mode, root->state == ECBPF_GONE ? LINK_NEW_PIN : LINK_PIN);
}

/* ecbpf_change_begin - the lock, and what is there now that we hold it */
int ecbpf_change_begin(struct ecbpf_root *root)
{
	int lock = ecbpf_lock(), err;

	if (lock < 0)
		return lock;
	err = ecbpf_root_refresh(root);
	if (!err)
		err = ecbpf_tidy(root);
	if (!err)
		return lock;
	ecbpf_unlock(lock);
	return err;
}

/* ecbpf_change_end - tidy up after success and failure alike, keeping the first error's text */
int ecbpf_change_end(struct ecbpf_root *root, int lock, int err)
{
	char text[512];
	int later;

	snprintf(text, sizeof(text), "%s", ecbpf_error());
	later = ecbpf_root_refresh(root);
	if (!later)
		later = ecbpf_tidy(root);
	ecbpf_unlock(lock);
	return err ? ecbpf_fail(err, "%s", text) : later;
}

int ecbpf_root_attach(struct ecbpf_root *root, struct bpf_object *obj, struct bpf_program *prog,
		      enum ecbpf_mode mode)
{
	int lock = ecbpf_change_begin(root);

	if (lock < 0)
		return lock;
	return ecbpf_change_end(root, lock, attach_locked(root, obj, prog, mode));
}

static int upgrade_locked(struct ecbpf_root *root, struct bpf_object *obj, struct bpf_program *prog)
{
	int err = ecbpf_root_running(root);

	if (!err)
		err = ecbpf_load_root(root, obj, prog);
	if (!err)
		err = link_run(root, bpf_program__fd(prog));
	return err;
}

int ecbpf_root_upgrade(struct ecbpf_root *root, struct bpf_object *obj, struct bpf_program *prog)
{
	int lock = ecbpf_change_begin(root);

	if (lock < 0)
		return lock;
	return ecbpf_change_end(root, lock, upgrade_locked(root, obj, prog));
}

/*
 * Gone is the link when its last reference is: the pin, then our descriptor. Should somebody
 * else hold one for a moment, the explicit detach does not wait for that; nor do we hold up the
 * removal if we are killed in between.
 */
static int unlink_link(struct ecbpf_root *root)
{
	char path[PATH_MAX];
	int err = ecbpf_path(path, root->dir, LINK_PIN);

	if (err)
		return err;
	if (unlink(path))
		return ecbpf_fail(-errno, "%s: %s", path, strerror(errno));
	err = root->state == ECBPF_GONE ? 0 : bpf_link_detach(root->link);
	return err ? ecbpf_fail(err, "detaching XDP: %s", strerror(-err)) : 0;
}

int ecbpf_root_detach(struct ecbpf_root *root, int nop_fd)
{
	int lock = ecbpf_change_begin(root), err = 0;

	if (lock < 0)
		return lock;
	if (nop_fd >= 0 && root->state == ECBPF_RUNNING)
		err = link_run(root, nop_fd);
	else if (root->state != ECBPF_NONE && !(nop_fd >= 0 && root->state == ECBPF_NOP))
		err = unlink_link(root);
	return ecbpf_change_end(root, lock, err);
}
