"""client.py: starts a sandbox for a test and talks to it. Other test suites may use it as well."""
import http.client
import json
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

SERVER = Path(__file__).resolve().parent / "server.py"
DEADLINE_SECONDS = 20


class Reply:
    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    @property
    def text(self):
        return self.body.decode()

    def json(self):
        return json.loads(self.body)


class Sandbox:
    """A running sandbox; use it with `with`."""

    def __init__(self, *arguments):
        self.folder = tempfile.TemporaryDirectory(prefix="sandbox-test-")
        port_file = Path(self.folder.name) / "port"
        self.errors = open(Path(self.folder.name) / "stderr", "w+", encoding="utf-8")
        self.process = subprocess.Popen(
            [sys.executable, str(SERVER), "--port", "0", "--port-file", str(port_file), *arguments],
            stdout=subprocess.DEVNULL, stderr=self.errors)
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not port_file.exists():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("the sandbox did not start")
            time.sleep(0.02)
        self.port = int(port_file.read_text())
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(DEADLINE_SECONDS)
        self.errors.close()
        self.folder.cleanup()

    def complaints(self):
        """What it wrote to stderr: nothing, if all is well."""
        return Path(self.errors.name).read_text(encoding="utf-8")

    def call(self, method, target, body=None, headers=None, timeout=30):
        """One request on its own connection. A dict or list goes as JSON; target may be a whole URL of ours."""
        headers = dict(headers or {})
        if isinstance(body, (dict, list)):
            body = json.dumps(body).encode()
            headers.setdefault("Content-Type", "application/json")
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request(method, target.removeprefix(self.url), body, headers)
            return Reply(connection.getresponse())
        finally:
            connection.close()

    def get(self, target, headers=None):
        return self.call("GET", target, headers=headers)

    def post(self, target, body=None, headers=None):
        return self.call("POST", target, body, headers)

    def form(self, target, fields, filename=None, data=b"", headers=None):
        """A multipart POST; fields is a list of (name, value)."""
        boundary = uuid.uuid4().hex
        parts = [f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
                 for name, value in fields]
        if filename is not None:
            parts.append(f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{filename}"\r\n'
                         "Content-Type: application/octet-stream\r\n\r\n".encode() + data + b"\r\n")
        body = b"".join(parts) + f"--{boundary}--\r\n".encode()
        return self.call("POST", target, body,
                         {"Content-Type": f"multipart/form-data; boundary={boundary}", **(headers or {})})

    def fault(self, **spec):
        reply = self.post("/_sandbox/faults", spec)
        assert reply.status == 201, reply.text
        return reply.json()

    def requests(self, query=""):
        return self.get(f"/_sandbox/requests?{query}").json()["requests"]

    def reset(self):
        self.post("/_sandbox/reset", {})
