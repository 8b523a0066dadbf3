#!/usr/bin/env python3
"""server.py: one process that answers like YouTube, Loom, Mux, Whop, Supabase Storage and OpenAI.

    tests/sandbox/server.py --port 0 --port-file /run/dir/port

Each provider lives under its own prefix (MOUNTS below) and in its own file. A request goes: read it whole, note it
in the log, see whether a fault concerns it, let the provider answer, send. README.md has the control API.
"""
import argparse
import os
import signal
import socket
import struct
import sys
import tempfile
import time
import traceback
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer

import recording
from control import Control
from faults import Faults, RequestLog
from library import Library
from loom import Loom
from mux import MuxApi, MuxState, MuxStream
from openai import OpenAI
from storage import Storage
from whop import Whop
from wire import BadRequest, Request, json_response
from youtube import YouTube

IDLE_SECONDS = 120
LINGER_SECONDS = 2
SLOW_PIECES = 20


@dataclass
class Settings:
    require_key: str = ""  # when set, the providers that take a key take only this one
    url_ttl: int = 21600  # life of signed caption and media URLs, seconds
    slow_seconds: float = 30  # how late the captions of slow… ids are
    max_object_bytes: int = 50 << 20  # the storage plan's limit per file


class Sandbox:
    """All state of the process: what the providers share, and the providers themselves."""

    def __init__(self, settings, folder):
        self.settings = settings
        self.media = recording.Studio(folder)
        self.faults = Faults()
        self.log = RequestLog()
        self.control = Control(self)
        self.reset()

    def reset(self):
        """As freshly started: library states, stored objects, faults and log."""
        self.library = Library()
        self.media.use(self.library)
        self.faults.clear()
        self.log.clear()
        mux = MuxState(self)
        self.mounts = {
            "/youtube": ("youtube", YouTube(self)),
            "/loom": ("loom", Loom(self)),
            "/mux-stream": ("mux-stream", MuxStream(mux)),
            "/mux": ("mux", MuxApi(mux)),
            "/whop": ("whop", Whop(self)),
            "/storage/v1": ("storage", Storage(self)),
            "/openai/v1": ("openai", OpenAI(self)),
            "/_sandbox": ("control", self.control),
        }

    def route(self, request):
        """Finds the provider by prefix and completes the request with it; None for an unknown path."""
        path = request.target.partition("?")[0]
        for prefix, (name, provider) in self.mounts.items():
            if path == prefix or path.startswith(prefix + "/"):
                request.provider, request.prefix = name, prefix
                request.path = path[len(prefix):] or "/"
                return provider
        return None

    def is_key(self, key):
        return not self.settings.require_key or key == self.settings.require_key


class Nowhere:
    """Answers for paths outside every prefix."""

    max_body = 1 << 20

    def __init__(self, prefixes):
        self.prefixes = prefixes

    def handle(self, request):
        return json_response({"error": "no provider has this path", "prefixes": self.prefixes}, 404)

    def error(self, status, message=""):
        return json_response({"error": message or f"HTTP {status}"}, status)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = IDLE_SECONDS

    def setup(self):
        super().setup()
        self.sandbox = self.server.sandbox

    # ---- reading ----

    def answer(self):
        request = Request(self.command, self.path, self.headers, origin=self.origin())
        provider = self.sandbox.route(request) or Nowhere(list(self.sandbox.mounts))
        refusal = None
        try:
            request.body = self.read_body(provider.max_body)
        except BadRequest as e:
            self.close_connection = True  # what is left of the body would be taken for the next request
            refusal = provider.error(e.status, e.message)
        except OSError:
            self.close_connection = True
            return
        if provider is self.sandbox.control:
            self.send(refusal or call(provider, request))
            return
        entry = self.sandbox.log.begin(request)
        try:
            self.answer_logged(request, provider, refusal, entry)
        finally:
            if entry["status"] is None:
                self.sandbox.log.end(entry, 0)

    def origin(self):
        """Where the client thinks we are, so that URLs we hand out are on its configured host."""
        host = self.headers.get("host", "")
        name, _, port = host.partition(":")
        if name in ("127.0.0.1", "localhost") and port == str(self.server.server_port):
            return f"http://{host}"
        return f"http://127.0.0.1:{self.server.server_port}"

    def read_body(self, limit):
        if "chunked" in self.headers.get("transfer-encoding", "").lower():
            return self.read_chunks(limit)
        text = self.headers.get("content-length", "0").strip()
        if not text.isdigit() or not text.isascii() or len(text) > 18:
            raise BadRequest("Content-Length is not a number")
        if int(text) > limit:
            raise BadRequest(f"Maximum content size limit ({limit}) exceeded ({text} bytes read)", 413)
        body = self.rfile.read(int(text))
        if len(body) != int(text):
            raise BadRequest("the body is shorter than Content-Length")
        return body

    def read_chunks(self, limit):
        body = bytearray()
        while True:
            size = self.rfile.readline(1024).split(b";")[0].strip()
            try:
                count = int(size, 16)
            except ValueError:
                raise BadRequest("a chunk has no size") from None
            if count < 0 or len(body) + count > limit:
                raise BadRequest(f"Maximum content size limit ({limit}) exceeded", 413)
            body += self.rfile.read(count)
            if count == 0:
                while self.rfile.readline(65536).strip():
                    pass  # trailers
                return bytes(body)
            self.rfile.readline(8)

    # ---- answering ----

    def answer_logged(self, request, provider, refusal, entry):
        fault = self.sandbox.faults.take(request)
        if fault:
            entry["fault"] = fault.id
            if fault.kind != "slow":
                time.sleep(fault.delay_ms / 1000)
        replaced = fault and fault.replaces_answer()
        response = None
        if not replaced or fault.late:
            response = refusal or call(provider, request)
        if replaced and fault.kind == "reset":
            self.sandbox.log.end(entry, 0)
            self.reset()
            return
        if replaced:
            response = fault.answer(provider.error)
        elif fault:
            response = fault.spoil(response)
        self.sandbox.log.end(entry, response.status)
        self.send(response, fault.kind if fault else "", fault.delay_ms if fault else 0)

    def send(self, response, kind="", slow_ms=0):
        """Writes the answer; kind truncate breaks off in the middle, slow trickles."""
        if response.close:
            self.close_connection = True
        head = self.head(response)
        body = b"" if self.command == "HEAD" or response.status in (204, 304) else response.body
        try:
            if kind == "truncate":
                self.close_connection = True
                self.wfile.write(head + body[:len(body) // 2])
            elif kind == "slow":
                self.wfile.write(head)
                self.trickle(body, slow_ms)
            else:
                self.wfile.write(head + body)
            if self.close_connection:
                self.linger()
        except OSError:
            self.close_connection = True

    def head(self, response):
        headers = {"Date": self.date_time_string(), "Server": "sandbox", **response.headers}
        if response.status != 204 and not any(name.lower() == "content-length" for name in headers):
            headers["Content-Length"] = len(response.body)
        if self.close_connection:
            headers["Connection"] = "close"
        phrase = self.responses.get(response.status, ("Unknown",))[0]
        lines = [f"HTTP/1.1 {response.status} {phrase}"] + [f"{name}: {value}" for name, value in headers.items()]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "replace")

    def trickle(self, body, total_ms):
        size = max(1, -(-len(body) // SLOW_PIECES))
        for i in range(0, len(body), size):
            time.sleep(total_ms / 1000 / SLOW_PIECES)
            self.wfile.write(body[i:i + size])

    def reset(self):
        """The peer sees "connection reset", not an orderly end."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def linger(self):
        """Lets a client that is still sending read our answer, which a reset would take away from it."""
        self.connection.shutdown(socket.SHUT_WR)
        self.connection.settimeout(0.2)
        deadline = time.monotonic() + LINGER_SECONDS
        try:
            while time.monotonic() < deadline and self.connection.recv(65536):
                pass
        except OSError:
            pass

    # ---- what the base class calls ----

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = answer

    def send_error(self, code, message=None, explain=None):
        """The request line or the headers could not be read."""
        self.close_connection = True
        self.command = getattr(self, "command", None) or "GET"
        self.send(json_response({"error": message or "bad request"}, code))

    def log_message(self, format, *args):
        pass


def call(provider, request):
    """The provider's answer, whatever was asked: what it cannot read is a 4xx of its own shape."""
    try:
        return provider.handle(request)
    except BadRequest as e:
        return provider.error(e.status, e.message)
    except Exception:  # a bug here must not look like the client's fault, nor end the thread
        traceback.print_exc()
        return json_response({"error": "the sandbox itself failed; see its stderr"}, 500)


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, port, sandbox):
        self.sandbox = sandbox
        super().__init__(("127.0.0.1", port), Handler)

    def server_bind(self):
        TCPServer.server_bind(self)  # the base class would look up the host's name
        self.server_name, self.server_port = self.server_address

    def shutdown_request(self, request):
        on, seconds = struct.unpack("ii", request.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8))
        if on and seconds == 0:
            request.close()  # a FIN sent first would hide the reset
        else:
            super().shutdown_request(request)

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], OSError):  # the client went away: nothing to say
            super().handle_error(request, client_address)


def parse_arguments(arguments):
    parser = argparse.ArgumentParser(description="Plays the outside services for tests and demos.")
    parser.add_argument("--port", type=int, default=0, help="0 (default) takes a free one")
    parser.add_argument("--port-file", help="the chosen port is written here")
    parser.add_argument("--require-key", default="", help="refuse every other key, as the real services do")
    parser.add_argument("--url-ttl", type=int, default=Settings.url_ttl, help="life of signed URLs in seconds")
    parser.add_argument("--slow-seconds", type=float, default=Settings.slow_seconds,
                        help="how late the captions of slow… ids are")
    parser.add_argument("--max-object-bytes", type=int, default=Settings.max_object_bytes,
                        help="storage: the largest object taken")
    return parser.parse_args(arguments)


def write_port(path, port):
    with open(path + ".new", "w", encoding="ascii") as f:
        f.write(f"{port}\n")
    os.replace(path + ".new", path)  # a reader never sees half a number


def main():
    options = parse_arguments(sys.argv[1:])
    folder = tempfile.mkdtemp(prefix="chronos-sandbox-")
    settings = Settings(options.require_key, options.url_ttl, options.slow_seconds, options.max_object_bytes)

    sandbox = Sandbox(settings, folder)

    def leave(*_):
        sandbox.media.close()
        os._exit(0)  # threads may be asleep in the middle of a slow answer

    signal.signal(signal.SIGTERM, leave)
    signal.signal(signal.SIGINT, leave)
    server = Server(options.port, sandbox)
    if options.port_file:
        write_port(options.port_file, server.server_port)
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
