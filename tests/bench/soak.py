"""Half of what this machine can do, for ten minutes, with everything on: does anything grow that must not?"""

import csv
import multiprocessing
import os
import re
import threading
import time
import urllib.error
import urllib.request

from ops.stack import repository, wait_until

from . import flat, gauges, mix
from .observability import Scraper
from .processes import CpuMeter
from .tracing import start_collector

SECONDS = 600
CAPACITY_EVENTS = 40000
SAMPLES = 150
SETTLE_S = 90
LOOKS = ("/v1/overview", "/v1/runs?limit=50", "/v1/events?limit=50", "/v1/functions", "/v1/workers", "/v1/limits")
LOOK_S = 2.0
# an event's id is remembered for so long: less than the warm-up, so that as many are forgotten as come
DEDUPE_SHARE = 0.1
ID = re.compile(r"[0-9A-HJKMNP-TV-Z]{26}|\d+")


class Visitor(threading.Thread):
    """Somebody at the console: looks at pages, and opens and leaves the stream of what changes."""

    def __init__(self, url):
        super().__init__(daemon=True)
        self.url = url
        self.over = threading.Event()
        self.refused = 0
        self.seen = 0
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def look(self, path, size=-1):
        try:
            with self.opener.open(self.url + path, timeout=10) as answer:
                answer.read(size)
                self.seen += 1
        except (urllib.error.URLError, OSError):
            self.refused += 1

    def run(self):
        while not self.over.wait(LOOK_S):
            for path in LOOKS:
                self.look(path)
            self.look("/v1/stream", 1)

    def end(self):
        self.over.set()
        if self.ident is not None:  # else it was never started
            self.join()


class Soak:
    def __init__(self, bench, seconds):
        self.bench, self.stack, self.seconds = bench, bench.stack, seconds
        self.sent = multiprocessing.get_context("fork").Value("q", 0)
        self.times, self.events, self.levels, self.growing = [], [], [], []

    # ---- the parts ----
    def start(self, collector):
        settings = {"CHRONOS_DEDUPE_MS": max(1000, int(self.seconds * DEDUPE_SHARE * 1000))}
        self.stack.metrics = True
        self.stack.environment.update({k: str(v) for k, v in settings.items()})
        self.bench.start_daemons(wait=False, OTEL_EXPORTER_OTLP_ENDPOINT=collector)

    def stop(self):
        console = self.stack.daemons.pop("console", None)
        if console is not None:
            console.stop()
        self.bench.stop_daemons()
        self.stack.metrics = False
        self.stack.environment.pop("CHRONOS_DEDUPE_MS", None)

    def capacity(self, collector):
        """Events of the mixture that are done in a second when there is no end of them."""
        self.bench.forget_history()
        self.bench.send([mix.command(i) for i in range(CAPACITY_EVENTS)])
        begin = time.monotonic()
        self.start(collector)
        noop = int(CAPACITY_EVENTS * mix.NOOP_SHARE)
        seconds = self.bench.wait_archived("test-noop", noop) - begin
        self.settle()
        return CAPACITY_EVENTS / seconds

    def settle(self):
        """Until all that was sent is done."""
        wait_until(lambda: self.bench.streams_empty() and not any(k.startswith("{c*}:run:") for k in self.keys()), SETTLE_S,
                   "all runs to end", logs=self.stack.logs(), interval=0.5)

    # ---- keys ----
    def keys(self):
        """How many there are that do not end by themselves, by their names without ids and numbers."""
        found, cursor = {}, "0"
        while True:
            cursor, names = self.bench.redis.call("SCAN", cursor, "COUNT", 1000)
            for name in names:
                if self.bench.redis.call("PTTL", name) == -1:
                    kind = ID.sub("*", name)
                    found[kind] = found.get(kind, 0) + 1
            if cursor == "0":
                return found

    # ---- samples ----
    def sample(self, begin):
        levels, growing = gauges.read(self.stack, self.bench.redis)
        self.times.append(round(time.monotonic() - begin, 1))
        self.events.append(self.sent.value)
        self.levels.append(levels)
        self.growing.append(growing)

    def run(self, rate):
        """The load itself. Returns when it is over, with what was sent still being done."""
        context = multiprocessing.get_context("fork")
        stop = context.Event()
        producer = context.Process(target=mix.produce, args=(self.stack.redis.port, rate, CAPACITY_EVENTS, stop, self.sent))
        producer.start()
        begin = time.monotonic()
        try:
            for i in range(SAMPLES + 1):
                time.sleep(max(0.0, begin + i * self.seconds / SAMPLES - time.monotonic()))
                self.sample(begin)
        finally:
            stop.set()
            producer.join()

    def write(self, path):
        names = list(dict.fromkeys(name for part in (self.levels, self.growing) for sample in part for name in sample))
        with open(path, "w", newline="", encoding="utf-8") as f:
            out = csv.writer(f)
            out.writerow(["seconds", "events", *names])
            for at, events, levels, growing in zip(self.times, self.events, self.levels, self.growing):
                out.writerow([at, events, *({**levels, **growing}.get(n, "") for n in names)])

    def judge(self):
        """{figure: (first, last, is it flat?)}"""
        found = {name: flat.level(values, gauges.slack(name)) for name, values in flat.series(self.levels).items()}
        for name, values in flat.series(self.growing).items():
            found[f"{name} per event"] = flat.share(values, self.events, gauges.SHARE_SLACK)
        return found


def tell_keys(before, after):
    """Kinds of keys of which more are left than there were before the load."""
    return {kind: n - before.get(kind, 0) for kind, n in sorted(after.items()) if n > before.get(kind, 0)}


def measure(bench, seconds=SECONDS):
    """What was flat, and what was not: see flat.py for the rule."""
    s = Soak(bench, seconds)
    collector, url = start_collector(bench.stack.folder)
    scraper = visitor = None
    try:
        capacity = s.capacity(url)
        console = bench.stack.start_console()
        visitor = Visitor(console.url)
        scraper = Scraper(bench.stack)
        for helper in (visitor, scraper):
            helper.start()
        before, meter = s.keys(), CpuMeter(bench.stack)
        s.run(capacity / 2)
        _, others = meter.read(bench.scheduler, bench.worker)
        s.write(os.path.join(repository(), "build", "soak.csv"))
        s.settle()
        left = tell_keys(before, s.keys())
    finally:
        for helper, end in ((visitor, Visitor.end), (scraper, lambda x: x.over.set())):
            if helper is not None:
                end(helper)
        s.stop()
        collector.terminate()
        collector.wait(timeout=10)
    found = s.judge()
    is_bare = sum(left.values()) <= gauges.slack("redis keys")
    return {"flat": is_bare and all(is_flat for _, _, is_flat in found.values()), "seconds": seconds,
            "half_load_events_per_s": round(capacity / 2), "events_per_s": round(s.sent.value / seconds),
            "events": s.sent.value, "looks": visitor.seen, "looks_refused": visitor.refused,
            "others_cores": round(others / seconds, 2), "keys_left": left,
            "figures": {name: {"first": round(first, 1), "last": round(last, 1), "flat": is_flat}
                        for name, (first, last, is_flat) in found.items()}}


def show(found):
    """The table for people."""
    lines = [f"{'':<44} {'first third':>16} {'last third':>16}"]
    for name, f in found["figures"].items():
        lines.append(f"{name:<44} {f['first']:>16,} {f['last']:>16,}  {'' if f['flat'] else 'GROWS'}".rstrip())
    lines.append(f"keys left when all was done: {found['keys_left'] or 'none'}")
    lines.append(f"{found['events']:,} events in {found['seconds']} s, {found['events_per_s']:,} a second where half load is "
                 f"{found['half_load_events_per_s']:,}: {'flat' if found['flat'] else 'NOT FLAT'}")
    return "\n".join(lines)
