// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * gather IFNAME COUNT: take the status of an interface so often, and print as JSON the descriptors
 * and bytes that are in use after the first hundred, and after the last.
 */
#include <dirent.h>
#include <malloc.h>
#include <stdio.h>

#include "libecbpf/cli.h"
#include "libecbpf/log.h"

#define WARM_UP 100 /* until the allocator has settled */

static int gather(const char *ifname)
{
	static struct ecbpf_total total;
	struct ecbpf_program program;
	struct ecbpf_root_info info;
	struct ecbpf_root *root;
	int err, slot;

	err = ecbpf_root_open_running(ifname, &root);
	if (err)
		return err;
	err = ecbpf_root_info(root, &info);
	for (slot = 0; slot < ECBPF_SLOTS && !err; slot++)
		err = ecbpf_slot_get(root, slot, &program);
	if (!err)
		err = ecbpf_stats_read(root, &total);
	if (!err && ecbpf_pins_health(root) != ECBPF_PINS_OK)
		err = ecbpf_fail(-1, "pins are not well");
	ecbpf_root_close(root);
	return err;
}

static int gather_often(const char *ifname, uint64_t count)
{
	int err = 0;

	while (count-- && !err)
		err = gather(ifname);
	return err;
}

static int descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int count = 0;

	while (dir && readdir(dir))
		count++;
	if (dir)
		closedir(dir);
	return count;
}

int main(int argc, char **argv)
{
	uint64_t count;
	size_t bytes;
	int err, fds;

	if (argc != 3 || ecbpf_parse_number(argv[2], WARM_UP, 10000000, &count))
		return 2;
	ecbpf_log_init("gather", 0);
	err = gather_often(argv[1], WARM_UP);
	fds = descriptors();
	bytes = mallinfo2().uordblks;
	if (!err)
		err = gather_often(argv[1], count - WARM_UP);
	if (err)
		return ecbpf_report(1, argv[1], "gather");
	printf("{\"gathered\": %llu, \"descriptors\": [%d, %d], \"bytes\": [%zu, %zu]}\n",
	       (unsigned long long)count, fds, descriptors(), bytes, mallinfo2().uordblks);
	return 0;
}
