"""A TCP proxy on 127.0.0.1 that loses things on purpose, for servers that answer in turn (Redis, Postgres)."""

import asyncio
import random
import threading
from urllib.parse import urlsplit, urlunsplit


class Proxy:
    """`lose_reply`: with that probability a request that contains one of `patterns` is done, its reply is not
    delivered and the connection is cut. `lose_request`: it is cut before the request is passed on. `cut_every`:
    seconds between cuts of a random connection, 0 for never. `silent`: nothing is passed on either way while connections
    stay open; those are cut when it ends, as bytes are missing. All may be changed at any time."""

    def __init__(self, url, seed, patterns=(), lose_reply=0.0, lose_request=0.0, cut_every=0.0):
        parts = urlsplit(url)
        self.target = (parts.hostname, parts.port)
        self.patterns = [p.encode() for p in patterns]
        self.lose_reply = lose_reply
        self.lose_request = lose_request
        self.cut_every = cut_every
        self.silent = False
        self.random = random.Random(seed)
        self.lost = 0  # what went wrong so far
        self.connections = set()
        self.loop = asyncio.new_event_loop()
        started = threading.Event()
        self.thread = threading.Thread(target=self.main, args=(started,), daemon=True)
        self.thread.start()
        started.wait(10)
        user, at, _ = parts.netloc.rpartition("@")
        self.url = urlunsplit(parts._replace(netloc=f"{user}{at}127.0.0.1:{self.port}"))

    def main(self, started):
        asyncio.set_event_loop(self.loop)
        server = self.loop.run_until_complete(asyncio.start_server(self.serve, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        self.loop.create_task(self.cutter())
        started.set()
        self.loop.run_forever()

    def calm(self):
        """From now on everything is passed on."""
        self.lose_reply = self.lose_request = self.cut_every = 0.0
        if self.silent:
            self.loop.call_soon_threadsafe(self.end_silence)

    def end_silence(self):
        self.silent = False
        self.lost += len(self.connections)
        for transport in list(self.connections):
            transport.abort()

    def stop(self):
        self.calm()
        self.loop.call_soon_threadsafe(self.end)
        self.thread.join(10)

    def end(self):
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        self.loop.call_later(0.05, self.loop.stop)  # after the tasks have taken leave of their connections

    async def cutter(self):
        while True:
            await asyncio.sleep(self.cut_every or 0.1)
            if self.cut_every and self.connections:
                self.lost += 1
                self.random.choice(sorted(self.connections, key=id)).abort()

    async def serve(self, reader, writer):
        try:
            target_reader, target_writer = await asyncio.open_connection(*self.target)
        except OSError:
            writer.transport.abort()
            return
        drop, torn = asyncio.Event(), asyncio.Event()
        self.connections.add(writer.transport)
        try:
            await asyncio.gather(self.requests(reader, target_writer, drop, torn),
                                 self.replies(target_reader, writer, drop, torn))
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self.connections.discard(writer.transport)
            writer.transport.abort()
            target_writer.transport.abort()

    def swallows(self, torn):
        """While it is silent; a connection that has lost bytes is no good afterwards."""
        if self.silent:
            torn.set()
        elif torn.is_set():
            raise ConnectionResetError
        return self.silent

    async def requests(self, reader, target, drop, torn):
        while data := await reader.read(1 << 20):
            if self.swallows(torn):
                continue
            if any(p in data for p in self.patterns):
                dice = self.random.random()
                if dice < self.lose_request:
                    self.lost += 1
                    raise ConnectionResetError
                if dice < self.lose_request + self.lose_reply:
                    drop.set()
            target.write(data)
            await target.drain()
        raise ConnectionResetError

    async def replies(self, target, client, drop, torn):
        while data := await target.read(1 << 20):
            if self.swallows(torn):
                continue
            if drop.is_set():
                self.lost += 1
                raise ConnectionResetError
            client.write(data)
            await client.drain()
        raise ConnectionResetError
