"""What being watched costs: the same drain with metrics scraped every second and spans sent to a collector; with neither; and
with neither while nothing of what ends is moved to Postgres.

History cannot be turned off: live work is rebuilt from it. What keeps it away is a lock on the place that the archive has
reached; the workers write it into Redis all the same, and events are recorded, since they must be before a run begins."""

import contextlib
import statistics
import subprocess
import threading
import time
import urllib.request

from ops.stack import wait_until

from . import backlog
from .bench import event_data
from .resp import xadd
from .tracing import start_collector

SCRAPE_S = 1.0


class Scraper(threading.Thread):
    """Asks every daemon of the stack for its metrics, as Prometheus would, only more often."""

    def __init__(self, stack):
        super().__init__(daemon=True)
        self.stack = stack
        self.over = threading.Event()
        self.bytes = 0
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def run(self):
        while not self.over.wait(SCRAPE_S):
            for name in list(self.stack.daemons):
                try:
                    with self.opener.open(f"http://{self.stack.metrics_address(name)}/metrics", timeout=5) as a:
                        self.bytes = max(self.bytes, len(a.read()))
                except OSError:
                    pass  # it is starting or stopping


def cpu_of_run(drained):
    """Microseconds that all processes of the stack spend on one run: the figure to compare on a busy machine."""
    return sum(drained["cpu_s"].values()) / drained["runs"] * 1e6


def watched_drain(bench, count, collector):
    """(what the drain gave, size of a scrape)"""
    bench.stack.metrics = True
    scraper = Scraper(bench.stack)
    scraper.start()
    try:
        drained = backlog.drain(bench, "test/noop", "test-noop", count, OTEL_EXPORTER_OTLP_ENDPOINT=collector)
    finally:
        scraper.over.set()
        scraper.join()
        bench.stack.metrics = False
    if scraper.bytes == 0:
        raise RuntimeError("the daemons were not scraped")
    return drained, scraper.bytes


HOLD = """begin;
insert into chronos.archive_cursor (partition) values (0) on conflict (partition) do update set partition = excluded.partition;
select 'held';
"""


@contextlib.contextmanager
def archive_held(bench):
    command = [*bench.stack.postgres.psql_command(), "-XAtq"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as psql:
        psql.stdin.write(HOLD)
        psql.stdin.flush()
        if psql.stdout.readline().strip() != "held":
            raise RuntimeError("the archive could not be held")
        try:
            yield
        finally:
            psql.stdin.close()  # and with the session the lock goes


def unarchived_drain(bench, count):
    """Until nothing is ready any more: each run that ends makes the next of its creator ready in the same moment."""
    bench.forget_history()
    bench.send([xadd("test/noop", event_data(i)) for i in range(count)])
    with archive_held(bench):
        begin = time.monotonic()
        bench.start_daemons(wait=False)
        wait_until(lambda: bench.redis.call("XLEN", "chronos:events") + bench.redis.call("XLEN", "{c0}:ready:test-noop") == 0,
                   120, "all runs to end", logs=bench.stack.logs(), interval=0.02)
        seconds = time.monotonic() - begin
        if bench.archived("test-noop") != 0:
            raise RuntimeError("the archive was not held")
    bench.wait_archived("test-noop", count)
    bench.stop_daemons()
    return count / seconds


def measure(bench, count, repetitions):
    """The three take turns, so that all meet the same machine."""
    rates, cpu, size = {"on": [], "off": [], "unarchived": []}, {"on": [], "off": []}, 0
    collector, url = start_collector(bench.stack.folder)
    try:
        for i in range(repetitions):
            for kind in (tuple(rates), tuple(rates)[::-1])[i % 2]:
                if kind == "unarchived":
                    rates[kind].append(unarchived_drain(bench, count))
                    continue
                if kind == "on":
                    drained, size = watched_drain(bench, count, url)
                else:
                    drained = backlog.drain(bench, "test/noop", "test-noop", count)
                rates[kind].append(drained["runs_per_s"])
                cpu[kind].append(cpu_of_run(drained))
    finally:
        collector.terminate()
        collector.wait(timeout=10)
    on, off, unarchived = (statistics.median(v) for v in rates.values())
    cpu_on, cpu_off = (statistics.median(v) for v in cpu.values())
    return {"on_runs_per_s": round(on), "off_runs_per_s": round(off), "unarchived_runs_per_s": round(unarchived),
            "ratio": round(on / off, 3), "ratio_with_history": round(on / unarchived, 3), "scrape_bytes": size,
            "on_cpu_us": round(cpu_on, 1), "off_cpu_us": round(cpu_off, 1), "cpu_ratio": round(cpu_off / cpu_on, 3)}
