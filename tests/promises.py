"""A stack under test, and the checker that every test of whole daemons ends with: what was promised was kept.

What really ran is told by the fixture functions themselves (see steps_log.py)."""

import collections
import os
import re
import threading
import time

import redis

from harness import Chronos, wait_until
from steps_log import StepsLog

# Keys that stay in an idle Redis. The streams are empty then.
IDLE_KEYS = re.compile(
    r"chronos:(functions|partitions|events:rejected|worker:.*|scheduler:.*|seen:.*|came:.*|maxima|auditor)"
    r"|\{chronos:.*\}:epoch|\{c\d+\}:(epoch|limits|schedulers|seq|controls|schedules|cron|share:.*|once:.*|rate:.*"
    r"|throttle:.*|joined:.*|spent:.*)")
IDLE_STREAMS = re.compile(r"chronos:events|\{c\d+\}:(events|history|ready:.*)")

# limit per creator of the functions that trace "start" and "end"
PER_CREATOR = {"test-slow": 20, "test-deaf": 20, "test-limited": 2}
OVER_ALL = {"test-limited": 3}

# functions of which several events may be one run
COLLECTING = {"test-batch", "test-debounce", "test-debounce-all"}


class Engine(Chronos):
    """A Chronos without outside services."""

    def __init__(self, stack):
        super().__init__(stack)
        self.sent = []  # entries of all events that Redis accepted
        self.lock = threading.Lock()
        self.steps_log = StepsLog(os.path.join(stack.folder, "work", "steps.log"))

    # ---- sending ----
    def send(self, name, data=None, **fields):
        """Sends an event and remembers it for check_promises. The entry's id."""
        entry = self.send_event(name, data if data is not None else {}, **fields)
        with self.lock:
            self.sent.append(entry)
        return entry

    def send_raw(self, fields):
        entry = self.redis.xadd("chronos:events", fields)
        self.sent.append(entry)
        return entry

    def send_surely(self, name, data=None, deadline=30, **fields):
        """Sends although Redis may be away, with an id, so that a second try after a lost reply starts nothing."""
        fields.setdefault("id", f"sure-{len(self.sent)}-{time.monotonic_ns()}")
        end = time.monotonic() + deadline
        while True:
            try:
                return self.send(name, data, **fields)
            except (redis.exceptions.ConnectionError, redis.exceptions.TimeoutError,
                    redis.exceptions.BusyLoadingError, redis.exceptions.ClusterError, redis.exceptions.TryAgainError,
                    redis.exceptions.RedisClusterException):
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)

    def run(self, name, data=None, function=None, status="completed", deadline=20, **fields):
        """Sends an event and waits for its run."""
        return self.wait_for_run(self.send(name, data, **fields), function, status, deadline)

    # ---- what really happened ----
    def happenings(self, **which):
        """The lines of steps.log, oldest first: happenings(function="test-slow", what="start")"""
        return [h for h in self.steps_log.happenings() if all(getattr(h, k) == v for k, v in which.items())]

    def wait_for(self, count=1, deadline=20, **which):
        """Until something happened `count` times."""
        return wait_until(lambda: self.at_least(count, self.happenings(**which)), deadline, f"{count} of {which}",
                          logs=self.stack.logs(), seen=lambda: len(self.happenings(**which)))

    def run_ids(self, function):
        return {r["id"] for r in self.rows("select id from chronos.runs where function_id = %s", function)}

    # ---- Redis ----
    @property
    def prefixes(self):
        """Of the partitions: ["{c0}", …]"""
        return [f"{{c{i}}}" for i in range(int(self.stack.environment.get("CHRONOS_PARTITIONS", 1)))]

    def home(self, creator=""):
        """The prefix of the creator's partition."""
        return self.prefixes[partition_of(creator, len(self.prefixes))]

    def keys(self, pattern):
        """Of all partitions: keys("input:*")"""
        return list(self.redis.scan_iter("{c*}:" + pattern, count=1000))

    def history_length(self):
        return sum(self.redis.xlen(p + ":history") for p in self.prefixes)

    def slots(self):
        """Limit -> number of holders, over all partitions."""
        found = collections.Counter()
        for key in self.keys("slots:*"):
            found[key.split(":slots:")[1]] += self.redis.scard(key)
        return found

    def unfinished(self):
        """What still stands between here and quiet; "" when all is quiet."""
        for stream in ("chronos:events", *[p + s for p in self.prefixes for s in (":events", ":history")]):
            n = self.redis.xlen(stream)
            if n:
                return f"{n} entries in {stream}"
        for key in self.keys("*"):
            if not IDLE_KEYS.fullmatch(key) and not IDLE_STREAMS.fullmatch(key):
                return f"key {key}"
            if ":ready:" in key and self.redis.xlen(key):
                return f"entries in {key}"
        missing = self.rows("""
            select run_id from (select unnest(run_ids) as run_id from chronos.events where outcome = 'accepted') e
            where not exists (select from chronos.runs r where r.id = e.run_id) limit 1""")
        return f"run {missing[0]['run_id']} is not archived" if missing else ""

    def wait_quiet(self, deadline=30):
        """Until every accepted event has ended."""
        last = ["nothing asked yet"]

        def quiet():
            try:
                last[0] = self.unfinished()
            except redis.exceptions.RedisError as e:
                last[0] = str(e)
            return not last[0]

        wait_until(quiet, deadline, "all to be quiet", logs=self.stack.logs(), interval=0.1, seen=lambda: last[0])


def partition_of(creator, partitions):
    """As engine/id.c computes it."""
    mask = (1 << 64) - 1
    text = creator.encode()
    h = 3 ^ 0xCBF29CE484222325
    for byte in text:
        h = (h ^ byte) * 0x100000001B3 & mask
    x = h ^ len(text)
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9 & mask
    x = (x ^ x >> 27) * 0x94D049BB133111EB & mask
    return (x ^ x >> 31) % partitions


def overlap(happenings, begin=("start",), end=("end", "cancelled")):
    """The most runs that were between begin and end at one moment. A run that starts again (its worker died) is
    still one run."""
    running, most = set(), 0
    for h in sorted(happenings):
        if h.what in begin:
            running.add(h.run)
        elif h.what in end:
            running.discard(h.run)
        most = max(most, len(running))
    return most


def check_limits(engine):
    happenings = engine.happenings()
    for function, most in PER_CREATOR.items():
        own = [h for h in happenings if h.function == function]
        for creator in {h.creator for h in own}:
            seen = overlap([h for h in own if h.creator == creator])
            assert seen <= most, f"{seen} runs of {function} for creator {creator} at once; {most} are allowed"
    for function, most in OVER_ALL.items():
        seen = overlap([h for h in happenings if h.function == function])
        assert seen <= most, f"{seen} runs of {function} at once; {most} are allowed"


def check_effects(engine):
    """Each transactional step of each run that completed took effect once, and none twice."""
    effects = collections.Counter((r["run"], r["step"]) for r in engine.rows(
        "select metadata->>'run' as run, metadata->>'step' as step from public.video_analytics_events"
        " where metadata ? 'run'"))
    twice = {k: n for k, n in effects.items() if n != 1}
    assert not twice, f"effects that happened more than once: {twice}"
    for run in engine.rows("select id from chronos.runs where function_id = 'test-tx' and status = 'completed'"):
        for step in ("insert", "insert-more"):
            assert effects[(run["id"], step)] == 1, f"{step} of run {run['id']} had no effect"


def check_records(engine):
    """Every event that was accepted is recorded once; its runs ended once; results are recorded once."""
    # the events that steps send have a stream of their own, whose ids may be the same
    events = collections.Counter(r["stream_id"] for r in engine.rows(
        "select stream_id from chronos.events where name <> 'test/sent' and name not like 'inngest/%'"))
    rejected = collections.Counter(r["stream_id"] for r in engine.rows("select stream_id from chronos.rejected_events"))
    for entry in engine.sent:
        count = events[entry] + rejected[entry]
        assert count == 1, f"event {entry} is recorded {count} times"
    wanted, claimed = set(), []
    for r in engine.rows("select unnest(run_ids) as id, unnest(function_ids) as function from chronos.events"
                         " where outcome = 'accepted'"):
        wanted.add(r["id"])
        if r["function"] not in COLLECTING:
            claimed.append(r["id"])
    assert len(claimed) == len(set(claimed)), "two events claim the same run"
    ended = collections.Counter(r["id"] for r in engine.rows("select id from chronos.runs"))
    assert set(ended) == wanted, f"runs of no event: {set(ended) - wanted}"
    assert all(n == 1 for n in ended.values()), {k: n for k, n in ended.items() if n != 1}
    repeated = engine.rows("""select run_id, step, count(*) from chronos.run_steps where status = 'completed'
                              group by run_id, step having count(*) > 1""")
    assert not repeated, f"steps completed twice: {repeated}"


def check_errors(engine, allow=()):
    """No daemon has said that something is wrong with the engine itself."""
    bad = []
    for daemon in engine.stack.daemons.values():
        for line in daemon.process.log_text(since_start=False).splitlines():
            if re.search(r"level=error|another result is stored", line) and not any(re.search(a, line) for a in allow):
                bad.append(line)
    assert not bad, "\n".join(bad[:10])


def check_promises(engine, deadline=30, allow_errors=()):
    """After any accident, once all is quiet."""
    engine.wait_quiet(deadline)
    check_records(engine)
    check_effects(engine)
    check_limits(engine)
    check_errors(engine, allow_errors)


def recorded_bytes(engine, entry):
    """The fields that were kept of a rejected entry, as bytes: {field: value}."""
    raw = engine.new_redis(decode_responses=False)
    try:
        for _, fields in raw.xrange("chronos:events:rejected"):
            if fields.get(b"rejected_entry") == entry.encode():
                return {k: v for k, v in fields.items() if not k.startswith(b"rejected_")}
    finally:
        raw.close()
    return None


def deep(levels):
    """JSON nested that deep."""
    return '{"a":' * levels + "1" + "}" * levels
