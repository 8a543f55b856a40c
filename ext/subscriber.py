#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""
subscriber.py [ENDPOINT [TOPIC...]]: print the samples that xdp_sampler_client publishes.

It needs Debian's python3-zmq and python3-protobuf, and the schema as a module beside it:
protoc --python_out=. packet_sample.proto
"""
import sys

import packet_sample_pb2
import zmq


def show(message):
    """One line for each packet of a message."""
    for packet in [message.packet] if message.HasField("packet") else message.packets:
        action = packet_sample_pb2.Packet.XdpAction.Name(packet.xdp_action)
        print(f"{packet.tv_sec}.{packet.tv_nsec:09} {message.packet_common.interface} {action} "
              f"slot {packet.xdp_action_source} reason {packet.reason or '-'} "
              f"meta {packet.xdp_action_meta} stands for {packet.sampling_probability_reciprocal} "
              f"len {packet.len} sequence {packet.sequence} {packet.pkt.hex()}", flush=True)


def main():
    endpoint, *topics = sys.argv[1:] or ["tcp://127.0.0.1:12354"]
    socket = zmq.Context.instance().socket(zmq.SUB)
    for topic in topics or [""]:  # eth0.drop. for what eth0 drops
        socket.subscribe(topic)
    socket.connect(endpoint)
    while True:
        # the topic is before the message, unless the client says --single-part
        show(packet_sample_pb2.PacketSample.FromString(socket.recv_multipart()[-1]))


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        pass
