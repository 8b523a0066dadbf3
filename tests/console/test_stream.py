"""GET /v1/stream: what changes, as server-sent events."""

import json
import os
import uuid

import pytest

from keys import new_key
from openapi import Api, named, validate
from test_runs import run_of, send
from test_server import is_error


@pytest.fixture
def api(world):
    return Api(world)


SCHEMAS = {"run": named("RunMessage"), "event": named("EventMessage"), "overview": named("Overview"),
           "workers": {"type": "array", "items": named("Worker")}}


class Stream:
    """One that is read message by message."""

    def __init__(self, web, query="", timeout=20, **headers):
        self.connection = web.connect()
        self.connection.settimeout(timeout)
        fields = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
        self.connection.sendall(f"GET /v1/stream{query} HTTP/1.1\r\nHost: {web.host}\r\n{fields}\r\n".encode())
        self.file = self.connection.makefile("rb")
        self.status = int(self.file.readline().split()[1])
        self.headers = {}
        while (line := self.file.readline().strip()):
            name, _, value = line.decode().partition(": ")
            self.headers[name.lower()] = value
        self.data = b""

    def line(self):
        while b"\n" not in self.data:
            size = int(self.file.readline(), 16)
            if size == 0:
                raise EOFError
            self.data += self.file.read(size)
            self.file.readline()
        line, _, self.data = self.data.partition(b"\n")
        return line.decode()

    def next(self):
        """(name, data, id)"""
        said = {}
        while True:
            line = self.line()
            if not line and "data" in said:
                break
            name, _, value = line.partition(": ")
            if line and name:
                said[name] = value
        data = json.loads(said["data"])
        if said["event"] in SCHEMAS:
            validate(data, SCHEMAS[said["event"]])
        return said["event"], data, said["id"]

    def until(self, wanted):
        """The first message that fits, with all before it."""
        before = []
        while True:
            m = self.next()
            before.append(m)
            if wanted(m):
                return m, before

    def close(self):
        self.file.close()
        self.connection.close()


def ended(run):
    return lambda m: m[0] == "run" and m[1]["run_id"] == run and m[1]["state"] == "completed"


def test_an_event_and_its_run_are_told(api):
    s = Stream(api)
    assert s.status == 200 and s.headers["content-type"] == "text/event-stream" and s.next()[0] == "hello"
    s.until(lambda m: m[0] == "overview")
    event = send(api, "test/slow", str(uuid.uuid4()), ms=1500)
    told, _ = s.until(lambda m: m[0] == "event" and m[1]["internal_id"] == event)
    run = told[1]["runs"][0]["run_id"]
    _, before = s.until(ended(run))
    states = [m[1]["state"] for m in before if m[0] == "run" and m[1]["run_id"] == run]
    assert "running" in states, states
    s.close()


def test_only_what_was_asked_for(api):
    creator = str(uuid.uuid4())
    run = run_of(api, send(api, "test/sleeper", creator, ms=3000), "sleeping")["run_id"]
    s = Stream(api, f"?topics=run&run={run}")
    _, before = s.until(ended(run))
    assert {m[0] for m in before} == {"hello", "run"} and {m[1]["run_id"] for m in before if m[0] == "run"} == {run}
    assert "lie-down" in {m[1]["step"] for m in before[1:]}
    s.close()


@pytest.mark.parametrize("query, field", [("?topics=odd", "topics"), ("?topics=run,,event", "topics"), ("?run=x", "run")])
def test_what_cannot_be_asked_for(api, query, field):
    assert is_error(api.get("/v1/stream" + query), 400, "invalid_input")["field"] == field


def test_it_goes_on_where_it_was_left(api):
    s = Stream(api, "?topics=event")
    s.next()
    first = send(api, "test/echo", "x")
    (_, _, last), _ = s.until(lambda m: m[1].get("internal_id") == first)
    s.close()
    missed = send(api, "test/echo", "x")
    api.engine.wait_until(lambda: api.engine.event(missed), 20, "the event")
    watcher = Stream(api, "?topics=event")
    watcher.next()
    after = send(api, "test/echo", "x")
    watcher.until(lambda m: m[1].get("internal_id") == after)
    back = Stream(api, "?topics=event", Last_Event_ID=last)
    assert back.next()[0] == "hello"
    _, told = back.until(lambda m: m[1].get("internal_id") == after)
    seen = [m[1]["internal_id"] for m in told]
    assert missed in seen and first not in seen
    for s in (watcher, back):
        s.close()


@pytest.mark.parametrize("last", ("x", "x-1", "-1", "0-99999999999999999999", ""))
def test_who_was_away_for_too_long_is_told_to_ask_again(api, last):
    s = Stream(api, Last_Event_ID=last)
    assert s.next()[0] in ("reset", "hello" if last == "" else "reset")
    s.close()


def test_a_key_is_needed_and_there_are_only_so_many(console):
    key, setting = new_key("read")
    w = console(CHRONOS_READ_KEYS=setting, CHRONOS_CONSOLE_STREAMS=2)
    is_error(w.get("/v1/stream"), 401, "unauthorized")
    shown = {"Authorization": "Bearer " + key}
    open_ones = [Stream(w, **shown) for _ in range(2)]
    assert is_error(w.get("/v1/stream", **shown), 503, "busy") and w.get("/v1/me", **shown).status == 200
    open_ones[0].close()
    w.engine.wait_until(lambda: (s := Stream(w, **shown)).status == 200 or s.close(), 60, "a place to be free")


def test_streams_end_when_the_console_stops(console):
    w = console()
    s = Stream(w)
    s.next()
    w.daemon.stop()
    with pytest.raises((EOFError, ValueError)):
        while True:
            s.next()
    s.close()


def resident_kb(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as f:
        return int(next(line for line in f if line.startswith("VmRSS")).split()[1])


def threads(pid):
    return len(os.listdir(f"/proc/{pid}/task"))


def test_many_streams_take_no_thread_and_are_all_told(console):
    w = console(CHRONOS_CONSOLE_STREAMS=300, CHRONOS_CONSOLE_RATE=10000)
    pid = w.daemon.process.pid
    before = threads(pid)
    streams = [Stream(w, "?topics=event", timeout=60) for _ in range(250)]
    for s in streams:
        assert s.next()[0] == "hello"
    assert threads(pid) == before
    event = w.post("/e/key", {"name": "test/echo"}).json["ids"][0]
    for s in streams:
        s.until(lambda m: m[1].get("internal_id") == event)
        s.close()


def test_who_comes_back_at_once_finds_the_place_that_was_left(console):
    w = console(CHRONOS_CONSOLE_STREAMS=5)
    for _ in range(3):
        streams = [Stream(w, "?topics=event") for _ in range(5)]
        for s in streams:
            assert s.status == 200 and s.next()[0] == "hello"
        is_error(w.get("/v1/stream"), 503, "busy")
        for s in streams:
            s.close()


def test_who_reads_too_slowly_is_told_to_ask_again(console):
    """The ring has 4,096 places."""
    w = console()
    s = Stream(w, "?topics=event")
    s.next()
    watcher = Stream(w, "?topics=event", timeout=60)
    watcher.next()
    text = "x" * 200
    last = None
    for _ in range(14):
        ids = w.post("/e/key", [{"name": "test/none", "data": {"creatorId": text}} for _ in range(900)]).json["ids"]
        last = ids[-1]
        watcher.until(lambda m, i=last: m[1].get("internal_id") == i)
    names = {m[0] for m in s.until(lambda m: m[0] == "reset" or m[1].get("internal_id") == last)[1]}
    assert names <= {"event", "reset"}
    watcher.close()
    s.close()
