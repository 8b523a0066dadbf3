"""HTTP as a client of the console speaks it: plain requests, and raw bytes where the point is to misbehave."""

import http.client
import json
import socket
import subprocess
import urllib.parse


class Answer:
    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def data(self):
        assert self.status == 200, (self.status, self.body)
        return self.json["data"]

    def __repr__(self):
        return f"{self.status} {self.body[:500]!r}"


class Web:
    def __init__(self, engine, daemon=None):
        self.engine = engine
        self.daemon = daemon or engine.stack.daemons["console"]
        self.url = self.daemon.url
        self.host = urllib.parse.urlsplit(self.url).netloc

    @property
    def port(self):
        return int(self.host.rpartition(":")[2])

    def call(self, method, path, body=None, timeout=20, **headers):
        """Names of headers have _ for -. A body that is no text is sent as JSON."""
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        if body is not None and not isinstance(body, (str, bytes)):
            body = json.dumps(body)
            fields.setdefault("Content-Type", "application/json")
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request(method, path, body, fields)
            answer = connection.getresponse()
            endless = (answer.getheader("Content-Type") or "").startswith("text/event-stream")
            return Answer(answer.status, answer.headers, b"" if endless else answer.read())
        finally:
            connection.close()

    def get(self, path, **headers):
        return self.call("GET", path, **headers)

    def post(self, path, body=None, **headers):
        return self.call("POST", path, body, **headers)

    def connect(self, address=""):
        """A bare connection, from an address of this machine."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=20, source_address=(address, 0) if address else None)

    def routes(self):
        """[(method, pattern, access)] as the daemon prints its table."""
        text = subprocess.run([self.daemon.program, "--routes"], capture_output=True, text=True, check=True).stdout
        return [tuple(line.split()) for line in text.splitlines()]


def read_all(connection):
    """What comes until the other side closes."""
    parts = []
    try:
        while part := connection.recv(65536):
            parts.append(part)
    except ConnectionResetError:
        pass
    return b"".join(parts)
