"""A worker without a scheduler: the test plays the scheduler by calling its scripts, so that what the worker does is seen on
its own. Timers are fired all the time."""

import collections
import itertools
import json
import threading

from harness.ids import ulid
from lua.partition import Partition, run as run_words
from ops.stack import wait_until

SCHEDULER = "test"
ACCEPTED_MS = 1_700_000_000_000

StepRow = collections.namedtuple(
    "StepRow", "run accepted step attempt status started finished us result code message cost worker")
RunRow = collections.namedtuple(
    "RunRow", "run accepted function event event_name key status attempts deaths queued started finished code message"
              " output cost worker")


def uncopy(column):
    """A column of a COPY line."""
    if column == "\\N":
        return None
    for escaped, plain in (("\\t", "\t"), ("\\n", "\n"), ("\\r", "\r"), ("\\\\", "\\")):
        column = column.replace(escaped, plain)
    return column


def history(p, kind):
    return [f for _, f in p.redis.xrange(p.key("history")) if f["kind"] == kind]


def rows(p, letter, kind):
    """What is in the partition's history for the archive."""
    for entry in history(p, "lines"):
        for line in entry["body"].splitlines():
            columns = line.split("\t")
            if columns[0] == letter:
                yield kind._make([uncopy(c) for c in columns[1:]])


class Alone:
    def __init__(self, engine):
        self.engine = engine
        self.p = Partition(engine.stack.redis_url)
        self.p.redis.set("chronos:partitions", 1)
        self.p.call("register_scheduler", SCHEDULER, 1)
        self.numbers = itertools.count(1)
        self.ended = threading.Event()
        self.timers = threading.Thread(target=self.fire_timers, daemon=True)
        self.timers.start()

    def fire_timers(self):
        own = Partition(self.engine.stack.redis_url)
        while not self.ended.wait(0.01):
            own.fire_timers()
        own.redis.close()

    def close(self):
        self.ended.set()
        self.timers.join()
        self.p.redis.close()

    # ---- what a scheduler does ----
    def install(self, fn, template):
        self.p.call("install_limits", fn, template)

    def event(self, name, data):
        return {"id": self.new_id(), "name": name, "ts": ACCEPTED_MS, "data": data}

    def new_id(self):
        return ulid(ACCEPTED_MS, next(self.numbers))

    def start(self, fn, data=None, events=None, key=None, **options):
        """Starts a run for one event with that data, or for a list of events. Its id."""
        run_id = self.new_id()
        if events is None:
            events = self.event(fn.replace("test-", "test/", 1), data or {})
        if key is None:
            key = (data or {}).get("creatorId", "")
        reply = self.p.enqueue(run_words(run_id, fn, key=key, at=ACCEPTED_MS, data=json.dumps(events), **options),
                               scheduler=SCHEDULER)
        assert reply in ([0, 0], [0, 1]), reply
        return run_id

    def hear(self, run_id, event, slot="w"):
        step = self.hash(run_id).get("wait", "") if slot == "w" else ""
        return self.p.call("hear_event", 1, f"{run_id}/{slot}", event["name"], step, json.dumps(event), "")[0]

    def resume(self, run_id, step, word, value):
        return self.p.call("resume_run", run_id, step, word, json.dumps(value), "")[0]

    def cancel(self, run_id, reason="the test wants it"):
        return self.p.call("cancel_run", run_id, reason)[0]

    # ---- what became of it ----
    def hash(self, run_id):
        return self.p.redis.hgetall(self.p.key("run:" + run_id))

    def results(self, run_id):
        return {name: json.loads(v) for name, v in self.p.redis.hgetall(self.p.key("steps:" + run_id)).items()}

    def history(self, kind):
        return history(self.p, kind)

    def sent(self, **which):
        """The events that runs sent."""
        return [f for _, f in self.p.redis.xrange(self.p.key("events"))
                if all(f.get(k) == v for k, v in which.items())]

    def rows(self, letter, kind):
        return rows(self.p, letter, kind)

    def steps(self, run_id):
        return [r for r in self.rows("s", StepRow) if r.run == run_id]

    def ends(self, run_id):
        """The rows that say how the run ended: one, if all is well."""
        return [r for r in self.rows("r", RunRow) if r.run == run_id]

    def wait(self, condition, what, deadline=15):
        return wait_until(condition, deadline, what, logs=self.engine.stack.logs(), interval=0.01)

    def wait_end(self, run_id, status="completed", deadline=15):
        end, = self.wait(lambda: self.ends(run_id), f"run {run_id} to end", deadline)
        assert end.status == status, end
        return end

    def wait_parked(self, run_id, name="wait"):
        """Until the run waits for something from outside; its hash."""
        self.wait(lambda: name in self.hash(run_id), f"run {run_id} to wait")
        return self.hash(run_id)

    def wait_for(self, count=1, **which):
        return self.engine.wait_for(count, **which)

    def slots(self):
        return {k: v for k, v in self.engine.slots().items() if v}

    def entries(self, fn):
        """Entries of the function's ready stream, delivered or not."""
        return self.p.redis.xlen(self.p.key("ready:" + fn))

    def pending(self, fn):
        return self.p.redis.xpending_range(self.p.key("ready:" + fn), "workers", "-", "+", 100)
