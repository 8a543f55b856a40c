// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* What people and programs are shown. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "xdp_lb/document.h"
#include "xdp_lb/show.h"

static const char document[] =
	"{\"version\":1,\"vips\":["
	"{\"service\":\"tcp:192.0.2.1:80\",\"mode\":\"nat\",\"echo\":true,\"refuse_fragments\":true,"
	" \"backends\":["
	"  {\"address\":\"10.0.0.1\",\"weight\":3},"
	"  {\"address\":\"10.0.0.2:8080\",\"weight\":65535,\"state\":\"draining\"},"
	"  {\"address\":\"10.0.0.3\",\"mode\":\"ipip\",\"state\":\"down\"},"
	"  {\"address\":\"10.0.0.4\",\"mode\":\"direct\",\"monitor\":\"down\"},"
	"  {\"address\":\"10.0.0.5\",\"mode\":\"full-nat\",\"state\":\"draining\","
	"   \"monitor\":\"down\"}]},"
	"{\"service\":\"udp:[2001:db8::1]:8000-8999\",\"mode\":\"gue\",\"gue_port\":6080,"
	" \"hash\":\"quic\",\"no_table\":true,"
	" \"backends\":[{\"address\":\"[2001:db8::ffff:ffff:ffff:ffff]\",\"weight\":0}]},"
	"{\"service\":\"any:[2001:db8:2::]/48\",\"hash\":\"addresses\"}]}";

static void parse(struct lb_config *config)
{
	if (lb_document_parse(document, strlen(document), config))
		fail_msg("%s", ecbpf_error());
}

/* number_all - by position; the third backend's are beyond eight digits */
static int number_all(void *data, const struct lb_vip *vip, const struct lb_backend *backend,
		      struct lb_show_counts *counts)
{
	const struct lb_config *config = data;
	const uint64_t base =
		100 * (vip - config->vip) + (backend ? 1 + backend - vip->backend : 0);

	*counts = (struct lb_show_counts){ base, base + 1, base + 2, base + 3, base + 4 };
	if (base == 3)
		*counts = (struct lb_show_counts){ 99999999, 100000000, 99999999, 100000000,
						   UINT64_MAX };
	if (base == 4)
		counts->packets = 99999999999;
	return 0;
}

static void connections(void **state)
{
	static const char want[] =
		"xdp_lb: 3 VIPs, 6 backends\n"
		"Prot LocalAddress:Port Hash Flags\n"
		"  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn\n"
		"TCP  192.0.2.1:80 5-tuple echo refuse-fragments\n"
		"  -> 10.0.0.1:80                  Masq    3      1          2         \n"
		"  -> 10.0.0.2:8080                Masq    65535  2          3          draining\n"
		"  -> 10.0.0.3:80                  Tunnel  1      99999999   100000000  down\n"
		"  -> 10.0.0.4:80                  Route   1      4          5          down (monitor)\n"
		"  -> 10.0.0.5:80                  FullNAT 1      5          6          down (monitor)\n"
		"UDP  [2001:db8::1]:8000-8999 quic no-table\n"
		"  -> [2001:db8::ffff:ffff:ffff:ffff] GUE     0      101        102        server-id ffffffff\n"
		"ANY  [2001:db8:2::]/48 addresses\n";
	struct lb_config config = {};
	struct lb_show_source source = { .counts = number_all, .data = &config };
	char *text = NULL;

	(void)state;
	parse(&config);
	assert_int_equal(lb_show_text(&config, &source, LB_SHOW_CONNECTIONS, &text), 0);
	assert_string_equal(text, want);
	free(text);
	lb_config_free(&config);
}

static void stats(void **state)
{
	static const char want[] =
		"xdp_lb: 3 VIPs, 6 backends\n"
		"Prot LocalAddress:Port               Conns   InPkts  InBytes\n"
		"  -> RemoteAddress:Port\n"
		"TCP  192.0.2.1:80                        2        3        4\n"
		"  -> 10.0.0.1:80                         3        4        5\n"
		"  -> 10.0.0.2:8080                       4        5        6\n"
		"  -> 10.0.0.3:80                  99999999  100000K 18446744T\n"
		"  -> 10.0.0.4:80                         6   99999M        8\n"
		"  -> 10.0.0.5:80                         7        8        9\n"
		"UDP  [2001:db8::1]:8000-8999           102      103      104\n"
		"  -> [2001:db8::ffff:ffff:ffff:ffff]      103      104      105\n"
		"ANY  [2001:db8:2::]/48                 202      203      204\n";
	struct lb_config config = {};
	struct lb_show_source source = { .counts = number_all, .data = &config };
	char *text = NULL;

	(void)state;
	parse(&config);
	assert_int_equal(lb_show_text(&config, &source, LB_SHOW_STATS, &text), 0);
	assert_string_equal(text, want);
	free(text);
	lb_config_free(&config);
}

static void nothing_to_show(void **state)
{
	const struct lb_show_source none = {};
	const struct lb_config config = {};
	char *text = NULL;

	(void)state;
	assert_int_equal(lb_show_text(&config, &none, LB_SHOW_CONNECTIONS, &text), 0);
	assert_string_equal(text, "xdp_lb: 0 VIPs, 0 backends\n"
				  "Prot LocalAddress:Port Hash Flags\n"
				  "  -> RemoteAddress:Port           Forward Weight ActiveConn "
				  "InActConn\n");
	free(text);
}

static uint64_t number_at(struct json_object *object, const char *name)
{
	struct json_object *counts = json_object_object_get(object, "counts");

	assert_int_equal(json_object_object_length(counts), 5);
	return json_object_get_uint64(json_object_object_get(counts, name));
}

static void as_json(void **state)
{
	struct lb_config config = {};
	struct lb_show_source source = { .counts = number_all, .data = &config };
	struct json_object *json = NULL, *vips, *vip, *backends, *backend;

	(void)state;
	parse(&config);
	assert_int_equal(lb_show_json(&config, &source, &json), 0);
	vips = json_object_object_get(json, "vips");
	assert_int_equal(json_object_array_length(vips), 3);
	vip = json_object_array_get_idx(vips, 0);
	assert_string_equal(json_object_get_string(json_object_object_get(vip, "service")),
			    "tcp:192.0.2.1:80");
	assert_int_equal(number_at(vip, "active"), 0);
	assert_int_equal(number_at(vip, "bytes"), 4);
	backends = json_object_object_get(vip, "backends");
	assert_int_equal(json_object_array_length(backends), 5);
	backend = json_object_array_get_idx(backends, 2);
	assert_string_equal(json_object_get_string(json_object_object_get(backend, "address")),
			    "10.0.0.3");
	assert_string_equal(json_object_get_string(json_object_object_get(backend, "state")),
			    "down");
	assert_int_equal(number_at(backend, "active"), 99999999);
	assert_int_equal(number_at(backend, "inactive"), 100000000);
	assert_int_equal(number_at(backend, "conns"), 99999999);
	assert_int_equal(number_at(backend, "packets"), 100000000);
	assert_true(number_at(backend, "bytes") == UINT64_MAX);
	vip = json_object_array_get_idx(vips, 2);
	assert_int_equal(json_object_array_length(json_object_object_get(vip, "backends")), 0);
	json_object_put(json);
	lb_config_free(&config);
}

/* refuse_one - the number of calls until it fails */
static int refuse_one(void *data, const struct lb_vip *vip, const struct lb_backend *backend,
		      struct lb_show_counts *counts)
{
	int *left = data;

	(void)vip;
	(void)backend;
	(void)counts;
	return (*left)-- ? 0 : ecbpf_fail(-EIO, "no numbers");
}

static void the_source_fails(void **state)
{
	struct lb_config config = {};
	char *const untouched = (char *)"untouched", *text = untouched;
	struct json_object *json = NULL;
	int calls, left;

	(void)state;
	parse(&config);
	for (calls = 0; calls < 9; calls++) { /* 3 VIPs and 6 backends */
		const struct lb_show_source source = { .counts = refuse_one, .data = &left };

		left = calls;
		assert_int_equal(lb_show_text(&config, &source, LB_SHOW_STATS, &text), -EIO);
		assert_string_equal(ecbpf_error(), "no numbers");
		assert_ptr_equal(text, untouched);
		left = calls;
		assert_int_equal(lb_show_json(&config, &source, &json), -EIO);
		assert_null(json);
	}
	lb_config_free(&config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(connections),	    cmocka_unit_test(stats),
		cmocka_unit_test(nothing_to_show),  cmocka_unit_test(as_json),
		cmocka_unit_test(the_source_fails),
	};

	return cmocka_run_group_tests_name("lb_show", tests, NULL, NULL);
}
