# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""
Thousands of TCP connections at a time, from one process to one process for each server:

    echo.py serve NAME PORT     answers each line with its name and the line
    echo.py hold                opens connections and keeps them; JSON lists, a line each, say what

    ["open", SOURCE, FIRST, COUNT, ADDRESS, PORT]   from COUNT ports, beginning with FIRST
    ["round"]                                       a line and its answer on each connection

Both answer with {"kept": {NAME: connections}, "broken": {NAME: connections}}. Those that are broken
are closed; the name is that of the server that answered first, "" where none did.
"""
import collections
import json
import resource
import select
import socket
import sys

FILES = 20000
AT_ONCE = 256  # connections that are being opened
SECONDS = 60  # without news, and something is wrong


def serve(name, port):
    epoll, rests = select.epoll(), {}
    listener = socket.create_server(("::", port), family=socket.AF_INET6, backlog=4096,
                                    dualstack_ipv6=True)
    listener.setblocking(False)
    epoll.register(listener, select.EPOLLIN)
    tell("ready")
    while True:
        for fd, _ in epoll.poll():
            if fd == listener.fileno():
                connection = listener.accept()[0]
                connection.setblocking(False)
                epoll.register(connection, select.EPOLLIN)
                rests[connection.fileno()] = connection, b""
            elif not answer(name.encode(), rests, fd):
                rests.pop(fd)[0].close()


def answer(name, rests, fd):
    """What a connection has to say; False: it has ended."""
    connection, rest = rests[fd]
    try:
        data = connection.recv(4096)
        if data:
            *lines, rest = (rest + data).split(b"\n")
            rests[fd] = connection, rest
            connection.sendall(b"".join(name + b" " + line + b"\n" for line in lines))
        return bool(data)
    except OSError:
        return False


class Held:
    """A connection: who has it, and what it waits for."""

    def __init__(self, sock):
        self.sock, self.server, self.wanted, self.got = sock, "", b"", b""


class Holder:
    def __init__(self):
        self.epoll, self.held, self.serial = select.epoll(), {}, 0

    def open(self, source, first, count, address, port):
        """As many as the servers' backlogs take, then the next ones."""
        opening, fresh, broken = set(), [], collections.Counter()
        for number in range(first, first + count):
            held = Held(socket.socket(socket.AF_INET6 if ":" in source else socket.AF_INET))
            held.sock.setblocking(False)
            held.sock.bind((source, number))
            held.sock.connect_ex((address, port))
            fd = held.sock.fileno()
            self.held[fd] = held
            self.epoll.register(fd, select.EPOLLOUT)
            fresh.append(fd)
            opening.add(fd)
            if len(opening) >= AT_ONCE:
                self.work(opening, AT_ONCE // 2, broken)
        self.work(opening, 0, broken)
        return self.result(fresh, broken)

    def round(self):
        waiting, broken = set(), collections.Counter()
        for fd in list(self.held):
            self.say(fd, waiting, broken)
        self.work(waiting, 0, broken)
        return self.result(list(self.held), broken)

    def say(self, fd, waiting, broken):
        held = self.held[fd]
        self.serial += 1
        held.wanted, held.got = b"%d\n" % self.serial, b""
        try:
            held.sock.send(held.wanted)
            waiting.add(fd)
        except OSError:
            self.drop(fd, broken)

    def drop(self, fd, broken):
        held = self.held.pop(fd)
        broken[held.server] += 1
        held.sock.close()

    def work(self, waiting, left, broken):
        """Until so many wait, or fewer."""
        while len(waiting) > left:
            events = self.epoll.poll(SECONDS)
            if not events:
                raise TimeoutError(f"{len(waiting)} connections wait")
            for fd, event in events:
                if event & select.EPOLLOUT:
                    self.epoll.modify(fd, select.EPOLLIN)
                    self.say(fd, waiting, broken)
                else:
                    self.hear(fd, waiting, broken)
                if fd not in self.held:
                    waiting.discard(fd)

    def hear(self, fd, waiting, broken):
        held = self.held[fd]
        try:
            data = held.sock.recv(4096)
        except OSError:
            data = b""
        if not data:
            self.drop(fd, broken)
            return
        held.got += data
        if not held.got.endswith(b"\n"):
            return
        name, _, back = held.got.partition(b" ")
        if back != held.wanted or held.server not in ("", name.decode()):
            raise ValueError(f"{held.got} for {held.wanted} of {held.server}")
        held.server = name.decode()
        waiting.discard(fd)

    def result(self, fds, broken):
        kept = collections.Counter(self.held[fd].server for fd in fds if fd in self.held)
        return {"kept": kept, "broken": broken}


def tell(what):
    print(json.dumps(what), flush=True)


def main():
    hard = max(FILES, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, hard))
    if sys.argv[1] == "serve":
        serve(sys.argv[2], int(sys.argv[3]))
    holder = Holder()
    tell("ready")
    for line in sys.stdin:
        what, *words = json.loads(line)
        tell(getattr(holder, what)(*words))


if __name__ == "__main__":
    main()
