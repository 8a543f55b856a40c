// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* ipvsadm --save text: what it becomes, what is noted, and what is refused. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <netdb.h>
#include <netinet/in.h>

#include "xdp_lb/import.h"
#include "xdp_lb/text.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

static int import(const char *text, struct lb_config *config, char **notes)
{
	return lb_import(text, strlen(text), config, notes);
}

static void what_ipvsadm_saves(void **state)
{
	static const char text[] =
		"-A -t 192.0.2.1:80 -s mh -b mh-fallback,mh-port\n"
		"-a -t 192.0.2.1:80 -r 10.0.0.1:80 -g -w 1\n"
		"-a -t 192.0.2.1:80 -r 10.0.0.2:80 -i -w 0 --tun-type ipip\n"
		"-a -t 192.0.2.1:80 -r 10.0.0.3:8080 -m -w 65535\n"
		"-A -u [2001:db8::1]:53 -s sh -b flag-1 -p 300\n"
		"-a -u [2001:db8::1]:53 -r [2001:db8::10]:53 -i -w 3 --tun-type gue --tun-port 6080 "
		"--tun-nocsum\n"
		"-a -u [2001:db8::1]:53 -r 10.0.0.9:53 -i -w 4 --tun-type gue --tun-port 6080\n"
		"-a -u [2001:db8::1]:53 -r 10.0.0.8:53 -i -w 4 --tun-type gue --tun-port 6081\n";
	struct lb_config config = {};
	const struct lb_vip *vip;
	char *notes = NULL, buf[LB_TEXT_SIZE];

	(void)state;
	if (import(text, &config, &notes))
		fail_msg("%s", ecbpf_error());
	assert_string_equal(notes,
			    "5: -p: a hash of the source address chooses, with no timeout of "
			    "its own\n");
	free(notes);
	assert_int_equal(config.vips, 2);
	assert_int_equal(config.backends, 6);
	vip = &config.vip[0];
	assert_string_equal(lb_service_text(&vip->service, buf), "tcp:192.0.2.1:80");
	assert_int_equal(vip->hash, LB_HASH_5_TUPLE);
	assert_int_equal(vip->forward.mode, LB_DIRECT);
	assert_int_equal(vip->flags, 0);
	assert_string_equal(lb_endpoint_text(&vip->backend[0].endpoint, buf), "10.0.0.1");
	assert_int_equal(vip->backend[0].forward.mode, 0);
	assert_int_equal(vip->backend[0].weight, 1);
	assert_string_equal(lb_endpoint_text(&vip->backend[1].endpoint, buf), "10.0.0.2");
	assert_int_equal(vip->backend[1].forward.mode, LB_IPIP);
	assert_int_equal(vip->backend[1].weight, 0);
	assert_string_equal(lb_endpoint_text(&vip->backend[2].endpoint, buf), "10.0.0.3:8080");
	assert_int_equal(vip->backend[2].forward.mode, LB_NAT);
	assert_int_equal(vip->backend[2].weight, 65535);
	vip = &config.vip[1];
	assert_string_equal(lb_service_text(&vip->service, buf), "udp:[2001:db8::1]:53");
	assert_int_equal(vip->hash, LB_HASH_SOURCE);
	assert_int_equal(vip->forward.mode, LB_GUE);
	assert_int_equal(vip->forward.gue_port, 6080);
	assert_string_equal(lb_endpoint_text(&vip->backend[0].endpoint, buf), "10.0.0.8");
	assert_int_equal(vip->backend[0].forward.gue_port, 6081);
	assert_int_equal(vip->backend[1].forward.mode, 0);
	assert_int_equal(vip->backend[2].weight, 3);
	lb_config_free(&config);
}

/* One service: its hash, flags and ports, and the note of line 1 in full. */
static void services(void **state)
{
#define HASH_NOTE "a consistent hash of the 5-tuple chooses instead"
#define GONE_NOTE "flows of a server that is gone go to others, as with fallback\n"
#define STAY_NOTE "1: -p: a hash of the source address chooses, with no timeout of its own\n"
	static const struct {
		const char *line, *service;
		enum lb_hash hash;
		unsigned int flags;
		const char *notes;
	} rows[] = {
		{ "-A -t 192.0.2.1:80 -s rr", "tcp:192.0.2.1:80", LB_HASH_5_TUPLE, 0,
		  "1: rr: " HASH_NOTE ", with the weights\n" },
		{ "-A -t 192.0.2.1:80 -s wrr", "tcp:192.0.2.1:80", LB_HASH_5_TUPLE, 0,
		  "1: wrr: " HASH_NOTE "\n" },
		{ "-A -t 192.0.2.1:80 -s lc", "tcp:192.0.2.1:80", LB_HASH_5_TUPLE, 0,
		  "1: lc: " HASH_NOTE ", with the weights\n" },
		{ "ipvsadm -A -t 192.0.2.1:80", "tcp:192.0.2.1:80", LB_HASH_5_TUPLE, 0,
		  "1: ipvsadm: " HASH_NOTE "\n" },
		{ "--add-service --tcp-service 192.0.2.1:80 --scheduler nq", "tcp:192.0.2.1:80",
		  LB_HASH_5_TUPLE, 0, "1: nq: " HASH_NOTE "\n" },
		{ "-A -t 192.0.2.1:80 -s sed # why not", "tcp:192.0.2.1:80", LB_HASH_5_TUPLE, 0,
		  "1: sed: " HASH_NOTE "\n" },
		{ "-A -t 192.0.2.1:80 -s sh -b sh-fallback", "tcp:192.0.2.1:80", LB_HASH_SOURCE, 0,
		  NULL },
		{ "-A -t 192.0.2.1:80 -s sh -b flag-1,flag-2", "tcp:192.0.2.1:80", LB_HASH_5_TUPLE,
		  0, NULL },
		{ "-A -t 192.0.2.1:80 -s sh", "tcp:192.0.2.1:80", LB_HASH_SOURCE, 0,
		  "1: sh: " GONE_NOTE },
		{ "-A -t 192.0.2.1:80 -s mh -b mh-port", "tcp:192.0.2.1:80", LB_HASH_5_TUPLE, 0,
		  "1: mh: " GONE_NOTE },
		{ "-A -t 192.0.2.1:0 -s mh -b mh-fallback -p 60 -M 255.255.255.255",
		  "tcp:192.0.2.1", LB_HASH_SOURCE, 0, STAY_NOTE },
		{ "-A -t 192.0.2.1 -p -s mh -b mh-fallback", "tcp:192.0.2.1", LB_HASH_SOURCE, 0,
		  STAY_NOTE },
		{ "-A -u [2001:db8::1]:53 -s mh -b mh-fallback,mh-port -p 1 -M 128",
		  "udp:[2001:db8::1]:53", LB_HASH_SOURCE, 0, STAY_NOTE },
		{ "-A -u 192.0.2.1:53 -s mh -b mh-fallback ops", "udp:192.0.2.1:53", LB_HASH_SOURCE,
		  LB_NO_TABLE,
		  "1: ops: no connection table; the packets of a flow still go to one server\n" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		struct lb_config config = {};
		char *notes, buf[LB_TEXT_SIZE];

		if (import(rows[i].line, &config, &notes))
			fail_msg("%s: %s", rows[i].line, ecbpf_error());
		assert_int_equal(config.vips, 1);
		assert_string_equal(lb_service_text(&config.vip[0].service, buf), rows[i].service);
		assert_int_equal(config.vip[0].hash, rows[i].hash);
		assert_int_equal(config.vip[0].flags, rows[i].flags);
		assert_int_equal(config.vip[0].forward.mode, LB_DIRECT);
		if (!notes != !rows[i].notes || (notes && strcmp(notes, rows[i].notes) != 0))
			fail_msg("%s: %s", rows[i].line, notes);
		free(notes);
		lb_config_free(&config);
	}
}

#define S "-A -t 192.0.2.1:80 -s mh\n"
#define W "-A -t 192.0.2.1:0 -s mh -p\n"

static const struct {
	const char *text, *want;
	int err;
} bad_rows[] = {
	{ "-A -f 1 -s wlc\n", "1:4: services by firewall mark have no address here near \"-f\"",
	  -EINVAL },
	{ S "\n-A --sctp-service 192.0.2.1:80 -s rr",
	  "3:4: only tcp and udp are balanced by port near \"--sctp-service\"", -EINVAL },
	{ "-A -t 192.0.2.1:80 -s wlc --pe sip",
	  "1:27: there are no persistence engines near \"--pe\"", -EINVAL },
	{ "-A -t 192.0.2.1:80 -s dh",
	  "1:23: all flows to one address would go to one server near \"dh\"", -EINVAL },
	{ "-A -t 192.0.2.1:80 -s lblcr",
	  "1:23: servers are not chosen by what the destination had before near \"lblcr\"",
	  -EINVAL },
	{ "-A -t 192.0.2.1:80 -s fo",
	  "1:23: weights are shares: there are no servers in reserve near \"fo\"", -EINVAL },
	{ "-A -t 192.0.2.1:80 -s x\x01y", "1:23: a scheduler that is not known near \"x?y\"",
	  -EINVAL },
	{ "-A -t 192.0.2.1:80 -s rr -b flag-1",
	  "1:29: flags of the scheduler that are not known near \"flag-1\"", -EINVAL },
	{ "-A -t 192.0.2.1:80 -s sh -b sh-port,mh-port",
	  "1:29: flags of the scheduler that are not known near \"sh-port,mh-port\"", -EINVAL },
	{ "-A -t 192.0.2.1:80 -s sh -b sh-port,",
	  "1:29: flags of the scheduler that are not known near \"sh-port,\"", -EINVAL },
	{ "-A -t 192.0.2.1:80 -s sh -p 300 -M 255.255.255.0",
	  "1:36: only single clients are persistent, not their networks near "
	  "\"255.255.255.0\"",
	  -EINVAL },
	{ "-A -u [2001:db8::1]:53 -s sh -p 300 -M 64",
	  "1:40: only single clients are persistent, not their networks near \"64\"", -EINVAL },
	{ "-A -t 192.0.2.1:80 -s sh -p 3x", "1:29: not a number of seconds near \"3x\"", -EINVAL },
	{ "-A -t 192.0.2.1:80 -s sh -M 255.255.255.255",
	  "1:29: a mask without -p near \"255.255.255.255\"", -EINVAL },
	{ "-A -t 192.0.2.1:80 -s rr -o", "1:26: only udp is without flows near \"-o\"", -EINVAL },
	{ "-A -t 192.0.2.1 -s rr", "1:1: a service without a port needs -p near \"-A\"", -EINVAL },
	{ "-A -t example.org:80 -s rr",
	  "1:7: not an address that can be used: save with -n near \"example.org:80\"", -EINVAL },
	{ "-A -t 127.0.0.1:80 -s rr",
	  "1:7: not an address that can be used: save with -n near \"127.0.0.1:80\"", -EINVAL },
	{ "-A -t 192.0.2.1:65536 -s rr", "1:7: not a port near \"192.0.2.1:65536\"", -EINVAL },
	{ "-A -t 192.0.2.1: -s rr",
	  "1:7: not a port that is known here: save with -n near \"192.0.2.1:\"", -EINVAL },
	{ "-A -t 192.0.2.1:no-such-port -s rr",
	  "1:7: not a port that is known here: save with -n near \"192.0.2.1:no-such-port\"",
	  -EINVAL },
	{ "-A -t 192.0.2.1:80 -u 192.0.2.1:80", "1:1: one of -t and -u expected near \"-A\"",
	  -EINVAL },
	{ "-A -s rr", "1:1: one of -t and -u expected near \"-A\"", -EINVAL },
	{ "-A -t", "1:4: a value is missing near \"-t\"", -EINVAL },
	{ "-A -t 192.0.2.1:80 -s rr -s rr", "1:26: this option has been there near \"-s\"",
	  -EINVAL },
	{ "-A -t 192.0.2.1:80 -s rr -w 1", "1:26: not in a line of this kind near \"-w\"",
	  -EINVAL },
	{ "-A -a -t 192.0.2.1:80", "1:1: one of -A and -a expected near \"-A\"", -EINVAL },
	{ "-E -t 192.0.2.1:80 -s rr", "1:1: not an option of ipvsadm --save near \"-E\"", -EINVAL },
	{ "ipvsadm", "1:1: not an option of ipvsadm --save near \"ipvsadm\"", -EINVAL },
	{ S "-A -t 192.0.2.1:80 -s rr\n", "2: tcp:192.0.2.1:80 exists", -EEXIST },
	{ "-a -t 192.0.2.1:80 -r 10.0.0.1:80", "1: there is no VIP tcp:192.0.2.1:80", -ENOENT },
	{ S "-a -t 192.0.2.1:80", "2:1: -r is missing near \"-a\"", -EINVAL },
	{ S "-a -t 192.0.2.1:80 -r 10.0.0.1:80\n-a -t 192.0.2.1:80 -r 10.0.0.1:80 -i",
	  "3: tcp:192.0.2.1:80 has the backend 10.0.0.1", -EEXIST },
	{ S "-a -t 192.0.2.1:80 -r 10.0.0.1:80 -s rr",
	  "2:35: not in a line of this kind near \"-s\"", -EINVAL },
	{ S "-a -t 192.0.2.1:80 -r 10.0.0.1:81 -g",
	  "2:23: only -m changes the port near \"10.0.0.1:81\"", -EINVAL },
	{ S "-a -t 192.0.2.1:80 -r 10.0.0.1:80 -g -m",
	  "2:1: more than one of -g, -i and -m near \"-a\"", -EINVAL },
	{ S "-a -t 192.0.2.1:80 -r 10.0.0.1:80 -w 65536",
	  "2:38: not a weight from 0 to 65535 near \"65536\"", -EINVAL },
	{ S "-a -t 192.0.2.1:80 -r 10.0.0.1:80 -w -1",
	  "2:38: not a weight from 0 to 65535 near \"-1\"", -EINVAL },
	{ S "-a -t 192.0.2.1:80 -r 10.0.0.1:80 -x 100 -y 0",
	  "2:38: connections of a server are not limited near \"100\"", -EINVAL },
	{ S "-a -t 192.0.2.1:80 -r 10.0.0.1:80 -x 0 -y 5",
	  "2:43: connections of a server are not limited near \"5\"", -EINVAL },
	{ S "-a -t 192.0.2.1:80 -r 10.0.0.1:80 -i --tun-type gre",
	  "2:49: tunnels are ipip or gue near \"gre\"", -EINVAL },
	{ S "-a -t 192.0.2.1:80 -r 10.0.0.1:80 -i --tun-type gue",
	  "2:49: gue needs --tun-port near \"gue\"", -EINVAL },
	{ S "-a -t 192.0.2.1:80 -r 10.0.0.1:80 -i --tun-type gue --tun-port 0",
	  "2:64: not a port near \"0\"", -EINVAL },
	{ S "-a -t 192.0.2.1:80 -r 10.0.0.1:80 -i --tun-port 6080",
	  "2:49: only gue has a port near \"6080\"", -EINVAL },
	{ S "-a -t 192.0.2.1:80 -r 10.0.0.1:80 -g --tun-type ipip",
	  "2:38: not in a line of this kind near \"--tun-type\"", -EINVAL },
	{ S "-a -t 192.0.2.1:80 -r 10.0.0.1:80 -i --tun-type gue --tun-port 1 --tun-csum",
	  "2:66: tunnels have no checksums of their own near \"--tun-csum\"", -EINVAL },
	{ S "-a -t 192.0.2.1:80 -r [2001:db8::1]:80 -m",
	  "2: [2001:db8::1]: mode nat does not change the version of IP", -EINVAL },
	{ W "-a -t 192.0.2.1:0 -r 10.0.0.1:80 -m",
	  "2: 10.0.0.1:80: only under a VIP of one port, a backend has another", -EINVAL },
	{ "-A -u 192.0.2.1:53 -s mh -o\n-a -u 192.0.2.1:53 -r 10.0.0.1 -m",
	  "2: udp:192.0.2.1:53: mode nat needs the connection table", -EINVAL },
};

static void bad_texts(void **state)
{
	const struct lb_config before = { .vips = 4711 };
	struct lb_config config = before;
	char *const untouched = (char *)"untouched", *notes = untouched;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(bad_rows); i++) {
		if (import(bad_rows[i].text, &config, &notes) != bad_rows[i].err ||
		    strcmp(ecbpf_error(), bad_rows[i].want) != 0)
			fail_msg("\"%s\": %s", bad_rows[i].text, ecbpf_error());
		assert_memory_equal(&config, &before, sizeof(config));
		assert_ptr_equal(notes, untouched);
	}
}

static void nothing_but_blanks(void **state)
{
	static const char *const texts[] = { "", "\n\n", "# nothing\n \t\r\n", "  # -A" };
	struct lb_config config = {};
	char *notes;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(texts); i++) {
		assert_int_equal(import(texts[i], &config, &notes), 0);
		assert_int_equal(config.vips, 0);
		assert_null(notes);
	}
}

static void names_of_ports(void **state)
{
	struct lb_config config = {};
	char *notes;

	(void)state;
	if (!getservbyname("http", "tcp") || !getservbyname("domain", "udp")) {
		print_message("no /etc/services here\n");
		skip();
	}
	assert_int_equal(import("-A -t 192.0.2.1:http -s mh\n-a -t 192.0.2.1:http -r 10.0.0.1:http "
				"-g -w 1\n-A -u [2001:db8::1]:domain -s mh\n",
				&config, &notes),
			 0);
	assert_int_equal(config.vip[0].service.first, 80);
	assert_int_equal(config.vip[0].backend[0].endpoint.port, 0);
	assert_int_equal(config.vip[1].service.last, 53);
	free(notes);
	lb_config_free(&config);
}

static void lines_with_nul(void **state)
{
	static const char text[] = "-A -t 192.0.2.1:80\0 -s mh";
	struct lb_config config = {};
	char *notes;

	(void)state;
	assert_int_equal(lb_import(text, sizeof(text) - 1, &config, &notes), -EINVAL);
	assert_string_equal(ecbpf_error(), "1:7: not an address near \"192.0.2.1:80?\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_ipvsadm_saves), cmocka_unit_test(services),
		cmocka_unit_test(bad_texts),	      cmocka_unit_test(nothing_but_blanks),
		cmocka_unit_test(names_of_ports),     cmocka_unit_test(lines_with_nul),
	};

	return cmocka_run_group_tests_name("lb_import", tests, NULL, NULL);
}
