"""The stack that is measured, and what all measurements do with it."""

import json
import time
import urllib.parse

from ops.stack import Stack, wait_until

from .resp import Resp, xadd

CREATORS = 500
IDLE_POLL_S = 0.02


class Bench:
    """Servers with durable settings (Redis: append-only file, fsync every second; Postgres: its defaults); daemons with
    default settings are started and stopped by the measurements."""

    def __init__(self, folder, variant):
        self.variant = variant
        self.stack = Stack(folder, variant, worker="chronos-worker-test")
        self.redis = None
        self.scheduler = None
        self.worker = None
        self.console = None

    def start_servers(self):
        self.stack.start_redis()
        self.stack.start_postgres()
        self.redis = Resp(self.stack.redis.port)
        # once through, so that tables and the functions' manifests are there before the first measurement
        self.start_daemons(wait=True)
        self.stack.wait_migrated()
        self.send([xadd("test/noop", event_data(i)) for i in range(100)])
        self.wait_archived("test-noop", 100)
        self.stop_daemons()

    def start_daemons(self, wait, worker=True, **settings):
        """Without `wait` they are only launched. `settings` are the worker's."""
        self.scheduler = self.stack.daemon("scheduler", "scheduler").start(wait=False)
        if worker:
            self.worker = self.stack.daemon("worker", "worker", **settings).start(wait=False)
        if wait:
            self.scheduler.wait_ready()
            if worker:
                self.worker.wait_ready()

    def start_console(self, **settings):
        """A console that refuses nobody for being fast. Waits until it is ready."""
        self.console = self.stack.start_console(CHRONOS_CONSOLE_RATE=1000000, **settings)

    @property
    def console_port(self):
        return urllib.parse.urlsplit(self.console.url).port

    def stop_daemons(self):
        for daemon in (self.console, self.worker, self.scheduler):
            if daemon is not None:
                daemon.stop()
        self.scheduler = self.worker = self.console = None

    def close(self):
        if self.redis is not None:
            self.redis.close()
        self.stack.stop()
        self.stack.remove()

    # ---- work ----
    def forget_history(self):
        """Empties the archive, so that every measurement meets the same tables, and lets the disk settle."""
        self.stack.postgres.sql("truncate chronos.events, chronos.runs, chronos.run_steps")
        self.stack.postgres.admin("checkpoint")

    def send(self, commands):
        """Seconds that sending took."""
        begin = time.monotonic()
        self.redis.xadd_all(commands)
        return time.monotonic() - begin

    def streams_empty(self):
        return self.redis.call("XLEN", "chronos:events") == 0 and self.redis.call("XLEN", "{c0}:history") == 0

    def archived(self, function):
        return int(self.stack.postgres.sql(
            "select count(*) from chronos.runs where function_id = :function", function=function))

    def wait_archived(self, function, count, deadline=120):
        """Until Postgres has that many runs of the function. Returns when the last one was there, on the monotonic
        clock. Redis is asked for two lengths at a time; Postgres only when Redis has nothing left to archive."""
        seen = {}

        def done():
            if not self.streams_empty():
                return False
            seen["at"] = time.monotonic()
            seen["rows"] = self.archived(function)
            return seen["rows"] >= count

        wait_until(done, deadline, f"{count} archived runs of {function}", logs=self.stack.logs(),
                   interval=IDLE_POLL_S, seen=lambda: seen)
        if seen["rows"] != count:
            raise RuntimeError(f"{seen['rows']} runs of {function} are archived, not {count}")
        return seen["at"]


def event_data(i, owners=CREATORS, **more):
    return json.dumps({"creatorId": f"creator-{i % owners}", **more}, separators=(",", ":"))
