/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Nanoseconds per packet of XDP programs, side by side. A file of rows (rows_*.c) loads its
 * programs and calls bench_row() for each line of the table; docs/bench.md has the method.
 */
#ifndef TESTS_BENCH_BENCH_H
#define TESTS_BENCH_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libecbpf/ecbpf.h"
#include "tests/bench/drive.h"

#define BENCH_PAIRS_MIN	  9
#define BENCH_PAIRS_MAX	  99
#define BENCH_ROWS_MAX	  256
#define BENCH_TRAFFIC_MAX 64
#define BENCH_FRAME_MAX	  1500
#define BENCH_NAME_MAX	  40
#define BENCH_LOADS	  5
#define BENCH_FIGURES_MAX 64

/* Of a row whose last packet may meet one fate or another. */
#define BENCH_ANY_ACTION (-1)

struct bpf_map;
struct drive;
struct floor;

/**
 * struct bench_traffic - frames that one row's program sees, flow after flow in shuffled order
 * @name: for the table
 * @flows: different frames
 * @len: of each frame, DRIVE_FRAME and up
 * @at: offset of the 16 bytes in which they differ; at most DRIVE_FRAME - 16
 * @still: the programs leave the frame as it is, so the driver does nothing; one flow
 * @vary: makes the frame of one flow out of any other's, or NULL
 * @frame: the frame of flow 0
 * @map: set by bench_traffic(): struct drive_flow of each
 * @alone: set by bench_traffic(): the driver with nothing to run
 */
struct bench_traffic {
	const char *name;
	__u32 flows;
	__u32 len;
	__u32 at;
	bool still;
	void (*vary)(void *frame, __u32 flow);
	__u8 frame[BENCH_FRAME_MAX];
	int map;
	struct drive *alone;
};

/**
 * struct bench_row - one line of the table
 * @name: unique, below BENCH_NAME_MAX; flows and kind of traffic are printed beside it
 * @prog: program under test; the same again, if it is loaded several times: pairs take turns, so
 *        that the figure is not that of one lucky or unlucky place in memory
 * @traffic: NULL: one IPv4 flow
 * @action: what the program must return, or the row is an error; or BENCH_ANY_ACTION
 * @grows: the program prepends bytes; the driver's cutting them off is subtracted too
 * @ref: name of an earlier row to stand beside, or NULL
 * @diff_max_ns: target: at most so much more than @ref; 0: none
 * @ratio_max: target: at most so many times @ref; 0: none
 * @after_run: called after each run of the program, untimed (a reader of samples), or NULL
 */
struct bench_row {
	const char *name;
	int prog[BENCH_LOADS];
	const struct bench_traffic *traffic;
	int action;
	bool grows;
	const char *ref;
	double diff_max_ns;
	double ratio_max;
	void (*after_run)(void *arg);
	void *arg;
};

/** struct bench_spread - of the pairs' values */
struct bench_spread {
	double median, min, max;
};

/**
 * struct bench_result - a measured line
 * @loads: how many of @row.prog there are
 * @driver: of each, on @row.traffic
 * @skipped: why it was not measured, or NULL
 * @ns: of the program alone
 * @diff_ns: to @row.ref, pair by pair
 * @ratio: to @row.ref, pair by pair
 */
struct bench_result {
	struct bench_row row;
	char name[BENCH_NAME_MAX];
	int loads;
	struct drive *driver[BENCH_LOADS];
	char *skipped;
	struct bench_spread ns, diff_ns, ratio;
};

/**
 * struct bench_figure - a line beneath the table: what is not a time per packet
 * @name: unique, below BENCH_NAME_MAX
 * @unit: a constant
 * @value: of all measurements
 * @min, @max: target: at least, at most; 0: none
 */
struct bench_figure {
	char name[BENCH_NAME_MAX];
	const char *unit;
	struct bench_spread value;
	double min, max;
};

/**
 * struct bench - the table so far, and the frames in use
 * @pairs: measurements per row, odd
 * @runs: packets per measurement
 * @undo_ns: what the driver takes to cut off what a program has prepended
 * @ifaces: interfaces made
 */
struct bench {
	int pairs;
	__u32 runs;
	double undo_ns;
	int ifaces;
	size_t rows, traffics, figures;
	struct bench_result result[BENCH_ROWS_MAX];
	struct bench_traffic *traffic[BENCH_TRAFFIC_MAX];
	struct bench_figure figure[BENCH_FIGURES_MAX];
};

/* Functions return -errno after they have told why on stderr, or NULL. */

/** bench_row - load a driver for the row, measure it, and add it to the table */
int bench_row(struct bench *b, const struct bench_row *row);

/** bench_skip - a line that says why a row is not there */
int bench_skip(struct bench *b, const char *name, const char *why);

/** bench_spread - of values, which are sorted */
struct bench_spread bench_spread(double *values, int count);

/** bench_figure - a line beneath the table; copied */
int bench_figure(struct bench *b, const struct bench_figure *figure);

/** bench_ns - median of a row in the table, 0 if it is not there */
double bench_ns(const struct bench *b, const char *name);

/**
 * bench_traffic - frames of one's own
 * @like: all but @map and @alone; copied
 */
const struct bench_traffic *bench_traffic(struct bench *b, const struct bench_traffic *like);

/** bench_traffic_find - frames that there are already, by name, or NULL */
const struct bench_traffic *bench_traffic_find(const struct bench *b, const char *name, __u32 flows,
					       bool still);

/*
 * Frames of 64 bytes, UDP from 10.0.0.0/8 (2001:db8::/32) to 192.0.2.1 (2001:db8:ffff::1) port 53,
 * with right lengths and IPv4 checksums. Flows differ in source address and port (IPv6: address).
 */
const struct bench_traffic *bench_ipv4(struct bench *b, __u32 flows);
const struct bench_traffic *bench_ipv6(struct bench *b, __u32 flows);
const struct bench_traffic *bench_vlan(struct bench *b, __u32 flows);

/** bench_still - one of these frames, for programs that change no packet; NULL stays NULL */
const struct bench_traffic *bench_still(struct bench *b, const struct bench_traffic *t);

/** bench_frame - the frame of one flow: 0 .. flows-1 */
void bench_frame(const struct bench_traffic *t, __u32 flow, __u8 frame[BENCH_FRAME_MAX]);

/** bench_driver - a driver of these frames that runs @prog, or nothing if it is -1 */
struct drive *bench_driver(const struct bench_traffic *t, int prog);

/** bench_free - all that rows and traffic hold */
void bench_free(struct bench *b);

/**
 * bench_root - a root on a new interface
 * @root: to fill its slots: ecbpf_slot_load(), or a tool by bench_command() on its interface
 * Return: the program.
 */
int bench_root(struct bench *b, struct ecbpf_root **root);

/** bench_member - a program in a slot of it that says @action, at once, to all packets */
int bench_member(struct ecbpf_root *root, int slot, int action);

/** bench_alone - tell a member that runs without a root what the root would: no slot has another one */
int bench_alone(const struct bpf_object *obj);

/** bench_root_prog - the program of a root that has been upgraded or attached otherwise */
int bench_root_prog(const struct ecbpf_root *root);

/** bench_floor - the reference programs but that of the LRU, loaded; NULL and errno */
struct floor *bench_floor(void);

/** bench_packets - what a per-CPU counter has counted; 0 or -errno, and nothing is told */
int bench_packets(const struct bpf_map *map, __u64 *packets);

/** bench_command - run a command, in the benchmark's namespaces; ends with NULL */
int bench_command(const char *const argv[]);

/** bench_filter - the same, with these as standard input and output; -1: those of the benchmark */
int bench_filter(const char *const argv[], int in, int out);

/** bench_fail - tell why on stderr; returns @err */
int bench_fail(int err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** bench_print - the table, or one JSON object a line */
void bench_print(const struct bench *b, bool json);

/** bench_memlock - what a map takes; an estimate on kernels before 6.4 */
int bench_memlock(int map, double *bytes);

/* rows_*.c: each adds its lines; main.c has the list */
int rows_floor(struct bench *b);
int rows_root(struct bench *b);
int rows_filter(struct bench *b);
int rows_fw(struct bench *b);
int rows_sampler(struct bench *b);
int rows_bypass(struct bench *b);
int rows_lb(struct bench *b);
int rows_lb_change(struct bench *b);
int rows_ipvs(struct bench *b);

#endif
