"""What being watched costs: the same drain with metrics scraped every second and spans sent to a collector; with neither; and
with neither while nothing of what ends is kept.

History cannot be turned off: live work is rebuilt from it. What keeps it away is a lock on the place that the archive has
reached; a stand-in takes out of Redis what the archive would, and throws it away. An engine without history would have to do that
as well, or fill its Redis. Events are recorded all the same, since they must be before a run begins."""

import contextlib
import statistics
import subprocess
import threading
import time
import urllib.request

from ops.stack import wait_until

from . import backlog
from .bench import event_data
from .resp import Resp, xadd
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


class Remover(threading.Thread):
    """Removes the keys of runs that have ended, and what was written of them, with the archive's own commands."""

    ENTRIES, RUNS_AT_ONCE = 1000, 100  # CHRONOS_ARCHIVE_BATCH and scheduler/archive.c

    def __init__(self, port):
        super().__init__(daemon=True)
        self.redis = Resp(port)
        self.over = threading.Event()
        self.removed = 0
        self.start()

    def run(self):
        while not self.over.is_set():
            entries = self.redis.call("XRANGE", "{c0}:history", "-", "+", "COUNT", self.ENTRIES)
            for _, fields in entries:
                self.remove(dict(zip(fields[::2], fields[1::2]))["run"].split())
            if entries:
                last = entries[-1][0]
                self.redis.call("XTRIM", "{c0}:history", "MINID", last)
                self.redis.call("XDEL", "{c0}:history", last)
            else:
                time.sleep(0.01)

    def remove(self, runs):
        for at in range(0, len(runs), self.RUNS_AT_ONCE):
            some = runs[at:at + self.RUNS_AT_ONCE]
            self.redis.call("UNLINK", *(f"{{c0}}:{kind}:{run}" for run in some for kind in ("run", "input", "steps")))
        self.removed += len(runs)

    def end(self):
        self.over.set()
        self.join()
        self.redis.close()


def unarchived_drain(bench, count):
    """Until all runs have ended and nothing of them is left."""
    bench.forget_history()
    bench.send([xadd("test/noop", event_data(i)) for i in range(count)])
    with archive_held(bench):
        remover = Remover(bench.stack.redis.port)
        try:
            begin = time.monotonic()
            bench.start_daemons(wait=False)
            wait_until(lambda: bench.redis.call("XLEN", "{c0}:ready:test-noop") == 0 and bench.streams_empty(), 120,
                       "all runs to end", logs=bench.stack.logs(), interval=0.02)
            seconds = time.monotonic() - begin
        finally:
            remover.end()
        if bench.archived("test-noop") != 0 or remover.removed < count:
            raise RuntimeError("the archive was not held, or runs were left")
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
