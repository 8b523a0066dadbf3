"""What is looked at from the outside once all is quiet: rows of Postgres, keys of Redis and its own log, what the steps
wrote down themselves, and the logs of the daemons."""

import collections
import os

import redis

from chaos import aof, running

EVENTS = """select id, stream_id, accepted_at, name, data, outcome, function_ids, run_ids, idempotency_key,
                   creator_id, ts
            from chronos.events"""
RUNS = """select id, event_id, function_id, status, attempts, deaths, cost_usd, started_at, finished_at, error_code, error_message,
                 output from chronos.runs"""
STEPS = "select run_id, step, attempt, status, result::text as result, error_code, error_message from chronos.run_steps"
EFFECTS = """select metadata->>'run' as run, metadata->>'step' as step from public.video_analytics_events
             where metadata ? 'run'"""
TABLES = "select schemaname, tablename from pg_tables where schemaname in ('chronos', 'public')"


class Evidence:
    """Everything a check may ask. Tests of the checks fill in what they need."""

    def __init__(self):
        self.sent = []
        self.faults = []  # actor.Done
        self.is_calm = lambda begin, end, margin: True
        self.told = []  # the faults, for people
        self.problems = []  # of the machine itself, and daemons that ended by themselves
        self.events, self.runs, self.steps, self.ledger = [], [], [], []
        self.rejected = collections.Counter()  # entry -> rows
        self.rejected_fields = {}  # entry -> fields as bytes
        self.lost_entries = set()  # that were in the stream when Redis lost it
        self.effects = collections.Counter()  # (run, step) -> rows
        self.happenings = []
        self.lives, self.stops = [], []
        self.redis_log = aof.RedisLog()
        self.sampled = {}  # limit -> most holders seen
        self.left = {}  # Redis: what is left of slots
        self.texts = {}  # place -> text, where secrets might be
        self.sanitizer_reports = []
        self.first_tick_ms = self.quiet_ms = 0  # the last tick before all began, and when it was over

    # ---- indexes ----
    def index(self):
        self.events_of_tag = collections.defaultdict(list)
        for event in self.events:
            if isinstance(event["data"], dict) and "tag" in event["data"] and not event["name"].startswith("inngest/"):
                self.events_of_tag[event["data"]["tag"]].append(event)
        self.run_by_id = collections.defaultdict(list)
        self.runs_of_event = collections.defaultdict(list)
        for run in self.runs:
            self.run_by_id[run["id"]].append(run)
            self.runs_of_event[run["event_id"]].append(run)
        self.steps_of = collections.defaultdict(list)
        for step in self.steps:
            self.steps_of[step["run_id"]].append(step)
        self.happenings_of = collections.defaultdict(list)
        for h in self.happenings:
            self.happenings_of[h.run].append(h)
        self.received = collections.defaultdict(list)  # who sent -> numbers that arrived
        for run in self.runs:
            if run["function_id"] == "test-receiver" and run["status"] == "completed":
                data = run["output"]["data"]
                self.received[data.get("from")].append(data["n"])
        self.failures_of = collections.defaultdict(list)  # run -> failure events
        for event in self.events:
            if event["name"] == "inngest/function.failed":
                self.failures_of[event["data"]["run_id"]].append(event)
        self.outcomes_of_id = collections.defaultdict(collections.Counter)  # idempotency key -> outcome -> entries
        self.events_of_run = collections.defaultdict(list)
        for event in self.events:
            self.outcomes_of_id[event["idempotency_key"]][event["outcome"]] += 1
            for run in event["run_ids"]:
                self.events_of_run[run].append(event)
        self.intervals = {}
        return self

    def runs_of(self, sent):
        return [run for event in self.events_of_tag[sent.tag] for run_id in event["run_ids"]
                for run in self.run_by_id[run_id]]

    def only_run_of(self, sent):
        """Its id; None when there is none, or there are several."""
        ids = {run for event in self.events_of_tag[sent.tag] for run in event["run_ids"]}
        return ids.pop() if len(ids) == 1 else None

    def intervals_of(self, functions):
        """(intervals, zombies): see running.py."""
        key = frozenset(functions)
        if key not in self.intervals:
            self.intervals[key] = running.find_intervals(self.happenings, self.lives, functions)
        return self.intervals[key]

    @staticmethod
    def epoch_ms(when):
        return when.timestamp() * 1000


def archived(url):
    """The fields of all rejected entries by the entry they came from."""
    raw = redis.Redis.from_url(url)
    try:
        found = {}
        for _, fields in raw.xrange("chronos:events:rejected"):
            entry = fields[b"rejected_entry"].decode()
            found[entry] = {k: v for k, v in fields.items() if not k.startswith(b"rejected_")}
        return found
    finally:
        raw.close()


def read_texts(world):
    """Everything that was ever written anywhere."""
    texts = {}
    for path in world.stack.logs():
        with open(path, encoding="utf-8", errors="replace") as f:
            texts[os.path.basename(path)] = f.read()
    for table in world.rows(TABLES):
        name = f'{table["schemaname"]}."{table["tablename"]}"'
        texts[name] = "\n".join(r["t"] for r in world.rows(f"select t::text as t from {name} t"))
    folder = os.path.join(world.stack.folder, "redis", "appendonlydir")
    for name in os.listdir(folder):
        with open(os.path.join(folder, name), encoding="latin-1") as f:
            texts[name] = f.read()
    return texts


def collect(world, sender, actor, watch, sampler):
    e = Evidence()
    e.sent, e.faults, e.is_calm = sender.sent, sorted(actor.done), actor.is_calm
    e.told = actor.tell()
    e.problems = [*actor.errors, *watch.found]
    e.events, e.runs, e.steps = world.rows(EVENTS), world.rows(RUNS), world.rows(STEPS)
    e.ledger = world.rows("select run_id, step from chronos.step_ledger")
    e.rejected = collections.Counter(r["stream_id"] for r in world.rows("select stream_id from chronos.rejected_events"))
    e.lost_entries = world.lost_entries
    e.rejected_fields = archived(world.stack.redis_url)
    e.effects = collections.Counter((r["run"], r["step"]) for r in world.rows(EFFECTS))
    e.happenings = world.happenings()
    e.lives, e.stops = world.lives, world.stops
    e.redis_log = aof.play_folder(os.path.join(world.stack.folder, "redis", "appendonlydir"))
    e.sampled = sampler.most
    e.first_tick_ms, e.quiet_ms = world.first_tick_ms, world.wall_ms()
    e.left = world.slots()
    e.texts = read_texts(world)
    e.sanitizer_reports = world.sanitizer_reports()
    return e.index()
