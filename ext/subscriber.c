// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * subscriber [ENDPOINT [COUNT [TOPIC]]]: print the samples that xdp_sampler_client publishes, until
 * there were COUNT of them.
 *
 *	protoc-c --c_out=. packet_sample.proto
 *	cc -I. subscriber.c packet_sample.pb-c.c -lzmq -lprotobuf-c -o subscriber
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zmq.h>

#include "packet_sample.pb-c.h"

static void show(const char *interface, const PacketSample__Packet *packet)
{
	const ProtobufCEnumValue *action = protobuf_c_enum_descriptor_get_value(
		&packet_sample__packet__xdp_action__descriptor, packet->xdp_action);
	size_t i;

	printf("%" PRId64 ".%09" PRId32 " %s %s slot %" PRId32 " reason %s meta %" PRIu64
	       " stands for %" PRId32 " len %" PRId32 " sequence %" PRId64 " ",
	       packet->tv_sec, packet->tv_nsec, interface, action ? action->name : "?",
	       packet->xdp_action_source, *packet->reason ? packet->reason : "-",
	       packet->xdp_action_meta, packet->sampling_probability_reciprocal, packet->len,
	       packet->sequence);
	for (i = 0; i < packet->pkt.len; i++)
		printf("%02x", packet->pkt.data[i]);
	printf("\n");
}

/* show_message - how many samples were in it */
static size_t show_message(const void *bytes, size_t len)
{
	PacketSample__PacketSample *message =
		packet_sample__packet_sample__unpack(NULL, len, bytes);
	const char *interface = "";
	size_t i, shown = 0;

	if (!message) {
		fprintf(stderr, "subscriber: %zu bytes that are no message\n", len);
		return 0;
	}
	if (message->packet_common)
		interface = message->packet_common->interface;
	if (message->packet) {
		show(interface, message->packet);
		shown++;
	}
	for (i = 0; i < message->n_packets; i++)
		show(interface, message->packets[i]);
	shown += message->n_packets;
	packet_sample__packet_sample__free_unpacked(message, NULL);
	fflush(stdout);
	return shown;
}

/* receive - the last part of the next message: before it there may be the topic */
static int receive(void *socket, zmq_msg_t *part)
{
	do {
		zmq_msg_close(part);
		zmq_msg_init(part);
		if (zmq_msg_recv(part, socket, 0) < 0)
			return -1;
	} while (zmq_msg_more(part));
	return 0;
}

int main(int argc, char **argv)
{
	const char *endpoint = argc > 1 ? argv[1] : "tcp://127.0.0.1:12354";
	const char *topic = argc > 3 ? argv[3] : ""; /* eth0.drop. for what eth0 drops */
	size_t left = argc > 2 ? strtoull(argv[2], NULL, 10) : SIZE_MAX, shown;
	void *context = zmq_ctx_new(), *socket = context ? zmq_socket(context, ZMQ_SUB) : NULL;
	int status = EXIT_SUCCESS;
	zmq_msg_t part;

	if (!socket || zmq_setsockopt(socket, ZMQ_SUBSCRIBE, topic, strlen(topic)) ||
	    zmq_connect(socket, endpoint)) {
		fprintf(stderr, "subscriber: %s: %s\n", endpoint, zmq_strerror(zmq_errno()));
		return EXIT_FAILURE;
	}
	zmq_msg_init(&part);
	while (left) {
		if (receive(socket, &part)) {
			fprintf(stderr, "subscriber: %s\n", zmq_strerror(zmq_errno()));
			status = EXIT_FAILURE;
			break;
		}
		shown = show_message(zmq_msg_data(&part), zmq_msg_size(&part));
		left -= shown < left ? shown : left;
	}
	zmq_msg_close(&part);
	zmq_close(socket);
	zmq_ctx_term(context);
	return status;
}
