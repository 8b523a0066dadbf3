"""Redis spoken by hand. A producer must cost less than what it measures, and a client library costs more per command
than Redis itself; here commands are bytes that are made before the clock starts."""

import socket

CHUNK = 500  # commands on their way at once: their replies must fit into the socket's buffers


class RespError(Exception):
    pass


def encode(*words):
    """One command as it goes over the wire."""
    parts = [b"*%d\r\n" % len(words)]
    for word in words:
        data = word if isinstance(word, bytes) else str(word).encode()
        parts.append(b"$%d\r\n%s\r\n" % (len(data), data))
    return b"".join(parts)


class Resp:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.socket.makefile("rb")

    def close(self):
        self.file.close()
        self.socket.close()

    def call(self, *words):
        self.socket.sendall(encode(*words))
        return self.reply()

    def reply(self):
        line = self.file.readline()
        kind, rest = line[:1], line[1:-2]
        if kind == b"+":
            return rest.decode()
        if kind == b"-":
            raise RespError(rest.decode())
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == b"-1" else self.file.read(int(rest) + 2)[:-2].decode()
        if kind == b"*":
            return None if rest == b"-1" else [self.reply() for _ in range(int(rest))]
        raise RespError(f"unexpected reply {line!r}")

    def xadd_all(self, commands):
        """Sends encoded XADDs, pipelined."""
        for at in range(0, len(commands), CHUNK):
            part = commands[at:at + CHUNK]
            self.socket.sendall(b"".join(part))
            self.skip_ids(len(part))

    def skip_ids(self, count):
        """The replies of `count` XADDs are `count` ids: two lines each."""
        lines, text = 2 * count, b""
        while lines > 0:
            text = self.socket.recv(1 << 16)
            if not text or b"-ERR" in text or b"-OOM" in text:
                raise RespError(f"XADD was refused: {text[:200]!r}")
            lines -= text.count(b"\n")  # an id has none; a CRLF may be cut in two

    def info(self, section):
        """INFO's numbers and words as a dict."""
        lines = self.call("INFO", section).splitlines()
        return dict(line.split(":", 1) for line in lines if ":" in line)


def xadd(name, data):
    return encode("XADD", "chronos:events", "*", "name", name, "data", data)
