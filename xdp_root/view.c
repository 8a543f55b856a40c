// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "libecbpf/json.h"
#include "libecbpf/loop.h"
#include "xdp_root/view.h"

#define NS_PER_S 1000000000ULL

int view_gather(const struct ecbpf_root *root, struct view *view)
{
	int slot, err;

	memset(view, 0, sizeof(*view));
	snprintf(view->ifname, sizeof(view->ifname), "%s", ecbpf_root_ifname(root));
	view->state = ecbpf_root_state(root);
	view->health = ecbpf_pins_health(root);
	view->dir = ecbpf_root_dir(root);
	err = ecbpf_root_info(root, &view->info);
	if (view->state == ECBPF_NONE || view->state == ECBPF_NOP)
		return err;
	for (slot = 0; slot < ECBPF_SLOTS && !err; slot++)
		err = ecbpf_slot_get(root, slot, &view->program[slot]);
	return err ? err : view_count(root, view);
}

static void rate_make(struct view *view, const struct ecbpf_total *before)
{
	int row, column;

	for (row = 0; row < ECBPF_ROWS; row++) {
		for (column = 0; column < ECBPF_COLUMNS_MAX; column++) {
			const struct ecbpf_counter *old = &before->row[row].by[column];
			const struct ecbpf_counter *new = &view->total.row[row].by[column];
			struct ecbpf_counter *rate = &view->rate.row[row].by[column];

			/* smaller: reset in between, or a packet in flight has been reported */
			rate->packets = new->packets > old->packets ? new->packets - old->packets :
								      0;
			rate->bytes = new->bytes > old->bytes ? new->bytes - old->bytes : 0;
		}
	}
}

int view_count(const struct ecbpf_root *root, struct view *view)
{
	const struct ecbpf_total before = view->total;
	const uint64_t before_ns = view->total_ns;
	int err = ecbpf_stats_read(root, &view->total);

	if (err)
		return err;
	view->total_ns = ecbpf_monotonic_ns();
	if (before_ns) {
		rate_make(view, &before);
		view->rate_ns = view->total_ns - before_ns;
	}
	return 0;
}

/* --- text */

static const char *date_text(char *buf, size_t size, uint64_t seconds)
{
	time_t when = seconds;
	struct tm tm;

	if (!gmtime_r(&when, &tm) || !strftime(buf, size, "%Y-%m-%d %H:%M:%SZ", &tm))
		return "-";
	return buf;
}

static void text_counter(const struct view *view, int row, int column)
{
	const struct ecbpf_counter *total = &view->total.row[row].by[column];
	const struct ecbpf_counter *rate = &view->rate.row[row].by[column];

	printf("%-10s %15" PRIu64 " %18" PRIu64, ecbpf_column_name(column),
	       (uint64_t)total->packets, (uint64_t)total->bytes);
	if (view->rate_ns)
		printf(" %12" PRIu64 " %15" PRIu64, ecbpf_per_second(rate->packets, view->rate_ns),
		       ecbpf_per_second(rate->bytes * 8, view->rate_ns));
	putchar('\n');
}

static const struct ecbpf_program *row_program(const struct view *view, int row)
{
	if (row == ECBPF_ROW_ROOT)
		return &view->info.program;
	return row == ECBPF_ROW_END ? NULL : &view->program[row - ECBPF_ROW_SLOT(0)];
}

static void text_row(const struct view *view, int row)
{
	const struct ecbpf_program *program = row_program(view, row);
	bool first = true;
	char name[32] = "-";
	int column;

	if (program && program->id)
		snprintf(name, sizeof(name), "%s (%u)", program->name, program->id);
	else if (!ecbpf_row_seen(&view->total.row[row]).packets)
		return;
	for (column = 0; column < ECBPF_COLUMNS_MAX; column++) {
		if (!view->total.row[row].by[column].packets)
			continue;
		printf("%-5s %-24s ", first ? ecbpf_row_name(row) : "", first ? name : "");
		first = false;
		text_counter(view, row, column);
	}
	if (first)
		printf("%-5s %-24s %-10s %15d %18d\n", ecbpf_row_name(row), name, "-", 0, 0);
}

void view_text_counters(const struct view *view)
{
	const char *name;
	bool first = true;
	int i;

	printf("%-5s %-24s %-10s %15s %18s%s\n", "SLOT", "PROGRAM (ID)", "VERDICT", "PACKETS",
	       "BYTES", view->rate_ns ? "    PACKETS/S          BITS/S" : "");
	for (i = 0; i < ECBPF_ROWS; i++)
		text_row(view, i);
	for (i = 1; i < ECBPF_CODES_MAX; i++) {
		if (!view->total.code[i])
			continue;
		name = ecbpf_code_name(i);
		printf(first ? "reasons: " : ", ");
		first = false;
		if (name)
			printf("%s %" PRIu64, name, (uint64_t)view->total.code[i]);
		else
			printf("code %d %" PRIu64, i, (uint64_t)view->total.code[i]);
	}
	if (!first)
		putchar('\n');
}

static void text_program(const char *row, const struct ecbpf_program *program)
{
	char date[32];

	printf("%-5s %6u %-15s %-16s %-20s %s\n", row, program->id, program->name, program->tag,
	       date_text(date, sizeof(date), program->loaded_s),
	       program->abi ? program->version : "not of the suite");
}

void view_text(const struct view *view)
{
	char date[32];
	int slot;

	printf("%s: %s", view->ifname, ecbpf_state_name(view->state));
	if (view->info.nic_prog_id)
		printf(", %s mode", ecbpf_mode_name(view->info.mode));
	if (view->info.link_id)
		printf(", link %u, pins %s in %s", view->info.link_id,
		       ecbpf_pin_health_name(view->health), view->dir);
	putchar('\n');
	if (view->info.nic_prog_id != view->info.link_prog_id)
		printf("the interface runs program %u, the link %u: see xdp_root check %s\n",
		       view->info.nic_prog_id, view->info.link_prog_id, view->ifname);
	if (view->state == ECBPF_NONE || view->state == ECBPF_NOP)
		return;
	printf("%-5s %6s %-15s %-16s %-20s %s\n", "SLOT", "ID", "NAME", "TAG", "LOADED", "VERSION");
	text_program("root", &view->info.program);
	for (slot = 0; slot < ECBPF_SLOTS; slot++)
		if (view->program[slot].id)
			text_program(ecbpf_row_name(ECBPF_ROW_SLOT(slot)), &view->program[slot]);
	printf("counted since %s\n",
	       date_text(date, sizeof(date), view->total.since_ns / NS_PER_S));
	view_text_counters(view);
}

/* --- JSON */

static struct json_object *json_program(const struct ecbpf_program *program)
{
	struct json_object *json = json_object_new_object();

	ecbpf_json_number(json, "id", program->id);
	ecbpf_json_text(json, "name", program->name);
	ecbpf_json_text(json, "tag", program->tag);
	ecbpf_json_number(json, "loaded", program->loaded_s);
	if (program->abi) {
		ecbpf_json_text(json, "version", program->version);
		ecbpf_json_number(json, "abi", program->abi);
	}
	return json;
}

static struct json_object *json_counter(const struct ecbpf_counter *total,
					const struct ecbpf_counter *rate, uint64_t rate_ns)
{
	struct json_object *json = json_object_new_object();

	ecbpf_json_number(json, "packets", total->packets);
	ecbpf_json_number(json, "bytes", total->bytes);
	if (rate_ns) {
		ecbpf_json_number(json, "packets_per_second",
				  ecbpf_per_second(rate->packets, rate_ns));
		ecbpf_json_number(json, "bytes_per_second", ecbpf_per_second(rate->bytes, rate_ns));
	}
	return json;
}

static struct json_object *json_row(const struct view *view, int row)
{
	const struct ecbpf_counter seen = ecbpf_row_seen(&view->total.row[row]);
	const struct ecbpf_counter seen_rate = ecbpf_row_seen(&view->rate.row[row]);
	const struct ecbpf_program *program = row_program(view, row);
	struct json_object *json, *by;
	int column;

	if (!seen.packets && (!program || !program->id) && row != ECBPF_ROW_END)
		return NULL;
	json = json_object_new_object();
	ecbpf_json_text(json, "slot", ecbpf_row_name(row));
	if (program && program->id)
		json_object_object_add(json, "program", json_program(program));
	json_object_object_add(json, "seen", json_counter(&seen, &seen_rate, view->rate_ns));
	by = json_object_new_object();
	for (column = 0; column < ECBPF_COLUMNS_MAX; column++)
		json_object_object_add(by, ecbpf_column_name(column),
				       json_counter(&view->total.row[row].by[column],
						    &view->rate.row[row].by[column],
						    view->rate_ns));
	json_object_object_add(json, "by", by);
	return json;
}

struct json_object *view_json_counters(const struct view *view)
{
	struct json_object *json = json_object_new_object();
	struct json_object *rows = json_object_new_array();
	struct json_object *codes = json_object_new_object();
	struct json_object *row;
	char number[16];
	int i;

	ecbpf_json_text(json, "interface", view->ifname);
	ecbpf_json_number(json, "since_ns", view->total.since_ns);
	for (i = 0; i < ECBPF_ROWS; i++) {
		row = json_row(view, i);
		if (row)
			json_object_array_add(rows, row);
	}
	for (i = 1; i < ECBPF_CODES_MAX; i++) {
		snprintf(number, sizeof(number), "%d", i);
		if (view->total.code[i])
			ecbpf_json_number(codes, ecbpf_code_name(i) ? ecbpf_code_name(i) : number,
					  view->total.code[i]);
	}
	json_object_object_add(json, "slots", rows);
	json_object_object_add(json, "reasons", codes);
	return json;
}

struct json_object *view_json(const struct view *view)
{
	struct json_object *json;

	if (view->state == ECBPF_RUNNING || view->state == ECBPF_GONE)
		json = view_json_counters(view);
	else
		json = json_object_new_object();
	ecbpf_json_text(json, "interface", view->ifname);
	ecbpf_json_text(json, "state", ecbpf_state_name(view->state));
	ecbpf_json_text(json, "mode", ecbpf_mode_name(view->info.mode));
	ecbpf_json_text(json, "pins", ecbpf_pin_health_name(view->health));
	ecbpf_json_text(json, "directory", view->dir);
	ecbpf_json_number(json, "ifindex", view->info.ifindex);
	ecbpf_json_number(json, "link_id", view->info.link_id);
	ecbpf_json_number(json, "link_ifindex", view->info.link_ifindex);
	ecbpf_json_number(json, "program_id", view->info.link_prog_id);
	ecbpf_json_number(json, "interface_program_id", view->info.nic_prog_id);
	return json;
}
