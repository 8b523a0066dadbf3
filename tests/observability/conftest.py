"""`observed` is one stack for all tests here: a scheduler and two workers under a load in which everything happens that a
metric counts, and a Prometheus that scrapes them every second. It waits until two audits are over."""

import json
import os
import re
import subprocess
import threading
import time
import urllib.error
import urllib.request

import pytest
import redis

from harness.chronos import Chronos
from harness.fixtures import WORKER, finish, new_database, variant
from ops.stack import Stack
from ops.stack.prometheus_server import PrometheusServer

SETTINGS = {
    "CHRONOS_RETRY_BASE_MS": 40, "CHRONOS_LEASE_MS": 2000, "CHRONOS_CANARY_MS": 2000, "CHRONOS_AUDIT_MS": 1500,
    "CHRONOS_WORKER_THREADS": 16, "CHRONOS_BUDGET_USD_PER_HOUR": 10,
}
OWNERS = 20


def get(address, path="/metrics", method="GET"):
    """(status, body, content type)"""
    request = urllib.request.Request(f"http://{address}{path}", method=method)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=10) as a:
            return a.status, a.read().decode(), a.headers["Content-Type"]
    except urllib.error.HTTPError as e:
        return e.code, e.read().decode(), e.headers["Content-Type"]


class Samples:
    """What a daemon shows: families is name -> (type, help), values is (name, labels as sorted pairs) -> number."""

    LINE = re.compile(r'^([a-z_:][a-z0-9_:]*)(?:\{(.*)\})? (\S+)$')
    LABEL = re.compile(r'([a-z_]+)="((?:[^"\\]|\\.)*)",?')

    def __init__(self, text):
        self.families, self.values, helps = {}, {}, {}
        for line in text.splitlines():
            if line.startswith("# HELP "):
                _, _, name, what = line.split(" ", 3)
                helps[name] = what
            elif line.startswith("# TYPE "):
                _, _, name, kind = line.split(" ")
                self.families[name] = (kind, helps[name])
            else:
                name, labels, value = self.LINE.match(line).groups()
                self.values[name, tuple(sorted(self.LABEL.findall(labels or "")))] = float(value)

    def sum(self, name, **labels):
        """Over the series that have these labels; None when there is none."""
        found = [v for (n, pairs), v in self.values.items() if n == name and set(labels.items()) <= set(pairs)]
        return sum(found) if found else None

    def labels(self, name):
        return {label for (n, pairs) in self.values for label, _ in pairs if n == name}


def samples(chronos, daemon):
    return Samples(get(chronos.stack.metrics_address(daemon))[1])


def total(chronos, name, **labels):
    """Over all daemons."""
    found = [samples(chronos, d).sum(name, **labels) for d in chronos.stack.daemons
             if chronos.stack.daemons[d].process.is_running()]
    return sum(v for v in found if v is not None)


class Load(threading.Thread):
    """Sends a bit of everything, over and over."""

    def __init__(self, chronos):
        super().__init__(daemon=True)
        self.chronos = chronos
        self.over = threading.Event()
        self.failure = None
        self.redis = chronos.new_redis()
        self.console = chronos.stack.state.get("console")["url"].removeprefix("http://")
        owner = chronos.make_creator()
        self.videos = [str(chronos.make_video("youtube", owner)["id"]) for _ in range(200)]
        self.owner = str(owner)

    def send(self, name, data, **fields):
        self.redis.xadd("chronos:events", {"name": name, "data": json.dumps(data), **fields})

    def one_round(self, n):
        owner = {"creatorId": f"creator-{n % OWNERS}"}
        for _ in range(3):
            self.send("test/noop", owner)
        self.send("test/tx", owner)
        self.send("test/limited", {**owner, "ms": 300})
        self.send("test/flaky", {**owner, "until": 2})
        self.send("test/rate", {"creatorId": "one"})
        self.send("test/paid", {**owner, "usd": 0.01})
        if n % 20 == 0:
            get(self.console, "/health")
            if self.videos:
                self.send("video/transcript.extract", {"videoId": self.videos.pop(), "creatorId": self.owner,
                                                       "source": "youtube"})
        if n % 10 == 0:
            self.send("test/permanent", owner)
            self.send("test/sleeper", {**owner, "ms": 60000})
            self.send("test/noop", owner, id="sent-before")
            self.redis.xadd("chronos:events", {"what": "no name"})
            self.send("nobody/listens", owner)

    def run(self):
        n = 0
        try:
            while not self.over.wait(0.1):
                try:
                    self.one_round(n)
                except redis.exceptions.ConnectionError:
                    pass  # provoke cuts connections, this one among them
                n += 1
        except Exception as e:  # told by whoever asks
            self.failure = e

    def stop(self):
        self.over.set()
        self.join()
        self.redis.close()
        if self.failure is not None:
            raise self.failure


def provoke(c):
    """What does not come from events alone."""
    c.sandbox.add_fault("GET /youtube", status=429, times=1)
    video = c.make_video("youtube")
    c.send_event("video/transcript.extract", {"videoId": str(video["id"]), "creatorId": str(video["creator_id"]),
                                              "source": "youtube"})
    doomed = c.stack.start_worker("doomed", CHRONOS_METRICS_PORT=0)
    for i in range(40):
        c.send_event("test/slow", {"creatorId": f"creator-{i}", "ms": 1500})
    c.wait_until(lambda: c.redis.xinfo_consumers("{c0}:ready:test-slow", "workers"), what="a run that is held")
    time.sleep(0.3)
    doomed.kill()
    c.redis.client_kill_filter(_type="normal", skipme=True)
    c.rows("""select pg_terminate_backend(pid) from pg_stat_activity
              where application_name like 'chronos-%' and datname = current_database()""")
    c.rows("select chronos.pause('test-tx')")
    c.rows("select chronos.cancel_where('test-sleeper', null, null, null, null)")
    c.rows("""insert into chronos.meta (key, value) values ('paused:speech:0', json_build_object('service', 'speech',
              'kind', 'down', 'paused_until', now() + interval '1 hour')::text)""")


@pytest.fixture(scope="session")
def observed(session_folder, postgres, migrated, session_sandbox):
    database = postgres.url(new_database(postgres, migrated))
    stack = Stack(os.path.join(session_folder, "observed"), variant(), worker=WORKER, database_url=database,
                  sandbox_url=session_sandbox.url, metrics=True,
                  environment={k: str(v) for k, v in SETTINGS.items()})
    stack.sandbox = session_sandbox
    stack.prometheus = PrometheusServer(stack.state, stack.folder, interval="1s")
    c = Chronos(stack)
    load = None
    try:
        stack.start_redis()
        c.start(workers=2)
        stack.start_console()
        stack.start_prometheus()
        load = c.load = Load(c)
        load.start()
        provoke(c)
        c.wait_until(lambda: samples(c, "scheduler-1").sum("chronos_canary_last_success_timestamp_seconds"), 40,
                     "a canary that came through")
        c.wait_until(lambda: total(c, "chronos_leases_expired_total"), 40, "the dead worker to be found")
        c.wait_until(lambda: samples(c, "scheduler-1").sum("chronos_backlog_runs", state="delayed"), 40, "an audit")
        yield c
        load.stop()
    finally:
        if load is not None:
            load.over.set()
            load.join()
        finish(c)


def promtool(*arguments, text=None):
    """(exit status, output)"""
    done = subprocess.run(["promtool", *arguments], input=text, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def running_alone(chronos):
    """A scheduler and a worker of the test's own that answer /metrics."""
    chronos.stack.metrics = True
    return chronos.start(CHRONOS_RETRY_BASE_MS=40, CHRONOS_AUDIT_MS=1000)
