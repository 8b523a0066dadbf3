"""A creator's dashboard from the cache, over the console: how fast at most, and how promptly while events come in as well."""

import contextlib
import datetime
import json
import time
import urllib.parse
import urllib.request

import psycopg2

from ops.stack import seed

from . import http_events
from .wire import Cores, Load, http_get, result_of

CREATORS, EVENTS = 100, 20000
CONNECTIONS = 16
MOST, SAMPLES, PER_SECOND = 3000, 2000, 100


def fill_cache(bench):
    """The creators' ids. Their cache is as the aggregation of each six hours leaves it."""
    with contextlib.closing(psycopg2.connect(bench.stack.database_url)) as connection:
        connection.autocommit = True
        cursor = connection.cursor()
        cursor.execute(seed.statement(CREATORS, EVENTS))
        cursor.execute("select array_agg(id order by id) from public.creators")
        creators = cursor.fetchone()[0]
        cursor.execute("select errors from chronos.refresh_analytics(%s::uuid[], now())", (creators,))
        if cursor.fetchone()[0]:
            raise RuntimeError("the aggregation of the benchmark's own data failed")
    return creators.strip("{}").split(",") if isinstance(creators, str) else creators


def paths(creators):
    end = datetime.datetime.now(datetime.timezone.utc)
    window = urllib.parse.urlencode({"start": (end - datetime.timedelta(days=30)).isoformat(), "end": end.isoformat()})
    return [f"/api/analytics/videos/dashboard?creator_id={c}&{window}" for c in creators]


def check_cached(bench, path, key):
    """Bytes of the answer."""
    request = urllib.request.Request(bench.console.url + path, headers={"Authorization": f"Bearer {key}"})
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=20) as answer:
        body = answer.read()
    if json.loads(body).get("cached") is not True:
        raise RuntimeError("the dashboard did not come from the cache")
    return len(body)


def while_events_come(bench, load, rate):
    """Latencies, while single events are sent at that rate, and how many a second there were of those."""
    events = Load(bench, "http", "background", http_events.posts(1))
    seconds = SAMPLES / PER_SECOND
    background = events.start(bench.console_port, http_events.CONNECTIONS, max(1, round(rate * (seconds + 1))), round(rate))
    time.sleep(0.5)
    latencies = load.run(bench.console_port, CONNECTIONS, SAMPLES, PER_SECOND)
    result_of(background)
    bench.redis.call("UNLINK", http_events.STREAM)
    return latencies


def measure(bench, key, events_per_s):
    asked = paths(fill_cache(bench))
    size = check_cached(bench, asked[0], key)
    load = Load(bench, "http", "dashboard", [http_get(p, authorization=f"Bearer {key}") for p in asked])
    cores = Cores(console=bench.console.process.pid)
    most = load.run(bench.console_port, CONNECTIONS, MOST)
    used = cores.read(most["seconds"], load=most["cpu_s"])
    idle = load.run(bench.console_port, CONNECTIONS, SAMPLES, PER_SECOND)
    busy = while_events_come(bench, load, events_per_s / 2)
    return {"bytes": size, "most_per_s": round(MOST / most["seconds"]), "most_console_cores": used["console"],
            **{f"{kind}_{p}_ms": round(r[p], 2) for kind, r in (("idle", idle), ("busy", busy)) for p in ("p50", "p95", "p99")}}
