"""The official SDK from npm, both majors, against the real daemon: only its environment says where to send."""

import fcntl
import json
import os
import shutil
import socket
import subprocess
import threading
import uuid
import warnings

import pytest

from keys import new_key
from ops.stack import repository

MAJORS = ("3", "4")
HERE = os.path.dirname(os.path.abspath(__file__))


@pytest.fixture(scope="module", params=MAJORS)
def sdk(request):
    """A folder with that major installed, kept in build/."""
    folder = os.path.join(repository(), "build", "sdk", request.param)
    os.makedirs(os.path.dirname(folder), exist_ok=True)
    with open(folder + ".lock", "w", encoding="utf-8") as lock:  # several test processes may want it at once
        fcntl.flock(lock, fcntl.LOCK_EX)
        install(folder, request.param)
    with open(os.path.join(folder, "node_modules", "inngest", "package.json"), encoding="utf-8") as f:
        assert json.load(f)["version"].split(".")[0] == request.param
    return folder


def install(folder, major):
    """Whole or not at all: an installation that was cut off leaves no mark and begins again."""
    if not os.path.exists(os.path.join(folder, "installed")):
        shutil.rmtree(folder, ignore_errors=True)
        if shutil.which("npm") is None:
            pytest.fail("npm is not installed: ops/install-deps.sh test")
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, "package.json"), "w", encoding="utf-8") as f:
            json.dump({"name": "sdk", "private": True, "type": "commonjs"}, f)
        done = subprocess.run(["npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts",
                               f"inngest@{major}"], cwd=folder, capture_output=True, text=True, timeout=300)
        if done.returncode != 0 and any(w in done.stderr for w in ("ENOTFOUND", "ETIMEDOUT", "ECONNREFUSED", "EAI_AGAIN")):
            shutil.rmtree(folder)
            warnings.warn(f"THE OFFICIAL SDK {major} WAS NOT TESTED: the registry cannot be reached")
            pytest.skip("THE OFFICIAL SDK WAS NOT TESTED: the npm registry cannot be reached")
        assert done.returncode == 0, done.stderr
        with open(os.path.join(folder, "installed"), "w", encoding="utf-8"):
            pass


def send(folder, url, what, token="", key=None, **environment):
    env = {"PATH": os.environ["PATH"], "INNGEST_BASE_URL": url, **environment}
    env.update({"INNGEST_DEV": "0", "INNGEST_EVENT_KEY": key} if key else {"INNGEST_DEV": "1"})
    done = subprocess.run(["node", os.path.join(HERE, "sdk_send.mjs"), folder, what, token], env=env,
                          capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_single_and_batched_events_start_runs(web, sdk):
    token = uuid.uuid4().hex
    ids = send(sdk, web.url, "single", token)["ids"]
    run = web.engine.wait_for_run(ids[0], status="completed")
    assert run["event_id"] == ids[0]
    assert web.engine.event(ids[0])["data"]["text"] == "grün \u2028 😀"
    ids = send(sdk, web.url, "batch", token)["ids"]
    assert len(set(ids)) == 100
    web.engine.wait_until(lambda: web.engine.value(
        "select count(*) from chronos.events where id = any(%s)", ids) == 100, 20, "a hundred events")
    numbers = {e["id"]: e["data"]["n"] for e in web.engine.rows(
        "select id, data from chronos.events where id = any(%s)", ids)}
    assert [numbers[i] for i in ids] == [f"{token}-{n}" for n in range(100)], "ids come in the order of the events"


def test_what_is_too_large_is_told(web, sdk):
    assert "bytes; at most" in send(sdk, web.url, "oversized")["error"]
    assert "error" in send(sdk, web.url, "huge")


def test_with_keys(console, sdk):
    key, setting = new_key("event", "app")
    w = console(CHRONOS_EVENT_KEYS=setting)
    assert len(send(sdk, w.url, "single", "keyed", key=key)["ids"]) == 1
    assert "key" in send(sdk, w.url, "single", "keyed", key="wrong")["error"].lower()


class Cutter:
    """Between the SDK and the console: passes requests on, and cuts the connection instead of giving the first answer."""

    def __init__(self, port):
        self.port = port
        self.requests = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    def serve(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            with client, socket.create_connection(("127.0.0.1", self.port)) as server:
                data = b""
                while b"\r\n\r\n" not in data:
                    data += client.recv(65536)
                head, _, body = data.partition(b"\r\n\r\n")
                length = int([line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")][0]
                             .split(b":")[1])
                while len(body) < length:
                    body += client.recv(65536)
                lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"connection:")]
                server.sendall(b"\r\n".join([*lines, b"Connection: close"]) + b"\r\n\r\n" + body)
                answer = b""
                while part := server.recv(65536):
                    answer += part
                self.requests += 1
                if self.requests > 1:
                    client.sendall(answer)

    def close(self):
        self.listener.close()


@pytest.mark.parametrize("durable", ("redis", "postgres"))
def test_a_retry_after_a_lost_answer_starts_nothing_twice(console, yard, sdk, durable):
    w = console(CHRONOS_CONSOLE_DURABLE=durable)
    cutter = Cutter(w.port)
    token = uuid.uuid4().hex
    try:
        ids = send(sdk, cutter.url, "single", token)["ids"]
    finally:
        cutter.close()
    assert cutter.requests == 2
    yard.wait_until(lambda: yard.event(ids[0]), 20, "the event")
    # what a second one would be is routed after the first
    last = w.post("/e/x", {"name": "test/echo", "data": {"n": "last"}}).json["ids"][0]
    yard.wait_until(lambda: yard.event(last), 20, "the event after it")
    assert yard.value("select count(*) from chronos.events where data->>'n' = %s", f"{token}-0") == 1
