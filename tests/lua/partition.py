"""One partition of Redis as a test sees it: put a state in, call a script, take the whole state out.

A state is a dict from key (without the partition's prefix) to contents:

    string      "text"                              set     {"a", "b"}
    hash        {"field": "value"}                  zset    [("member", score), …] in the order of the set
    stream      [{"field": "value"}, …]                list    ("item", …)
    ready:<fn>  {"entries": [(entry id, run id), …], "workers": {consumer: [entry id that is pending, …]}}
                ("workers" is left out when the group is not there)

What differs from call to call is made comparable: an entry id that the server chose reads "*" (in `entry` and `last` of a
run too), and a time is compared
with NOW or now_plus(ms), which are equal to whatever lies between the beginning and the end of the last call. Text that is
not UTF-8 goes in and comes out as it is (surrogateescape).
"""

import functools
import os
import re
import subprocess

import redis

from ops.stack import repository

PREFIX = "{c0}"
GONE = object()
# see lua/include/admit.lua
NEWCOMER = 1 / 64
BEHIND = 1 / 2**20
LAST_SERVED = "\n"


@functools.lru_cache(maxsize=None)
def script_text(name, source=None):
    """The script as the build puts it into the binaries; `source`: of another tree."""
    lua = os.path.join(source or repository(), "lua")
    done = subprocess.run(["awk", "-v", "plain=1", "-f", os.path.join(lua, "assemble.awk"),
                           os.path.join(lua, name + ".lua")], capture_output=True, check=True)
    return done.stdout


class Moment:
    """Equal to a time (number or text, ms) of the last call plus the offset."""

    first = last = 0

    def __init__(self, offset=0):
        self.offset = offset

    def __eq__(self, other):
        try:
            return Moment.first + self.offset <= float(other) <= Moment.last + self.offset
        except (TypeError, ValueError):
            return NotImplemented

    def __repr__(self):
        return f"now{self.offset:+d}"


NOW = Moment()


def now_plus(ms):
    return Moment(ms)


def run(run_id, fn, key="k", due=0, at=1000, data="{}", **options):
    """What enqueue takes for one run. A value of an option that is a list is its lines; `listen` is a list of such."""
    words = []
    for name, value in options.items():
        for text in value if name == "listen" else [value]:
            words += [name, lines(text)]
    return [run_id, fn, key, at, due, data, len(words) // 2, *words]


def lines(value):
    return "\n".join(str(v) for v in value) if isinstance(value, (list, tuple)) else value


def outcome(op, fn, entry, run_id, delay=0, fields=None, results=None, events=(), extras=None, body=""):
    """What commit takes for one outcome."""
    words = [op, fn, entry, run_id, delay]
    told = [(name, lines(value)) for name, value in (extras or {}).items()]
    for pairs in (list((fields or {}).items()), list((results or {}).items()), list(events), told):
        words.append(len(pairs))
        words += [word for pair in pairs for word in pair]
    return words + [body]


def after(state, changes):
    """The state with some keys replaced, added, or taken out (GONE)."""
    merged = {**state, **changes}
    return {key: value for key, value in merged.items() if value is not GONE}


def normal_entry(entry):
    return "*" if re.fullmatch(r"\d{10,}-\d+", entry) else entry


class Partition:
    def __init__(self, url, prefix=PREFIX):
        self.redis = redis.Redis.from_url(url, decode_responses=True, encoding_errors="surrogateescape",
                                          socket_timeout=20)
        self.prefix = prefix
        self.shas = {}

    def key(self, name):
        return f"{self.prefix}:{name}"

    # ---- scripts ----
    def now_ms(self):
        seconds, micros = self.redis.time()
        return seconds * 1000 + micros // 1000

    def text_of(self, script):
        return script_text(script)

    def call(self, script, *args):
        return self.call_on(self.prefix, script, *args)

    def call_on(self, first_key, script, *args):
        if script not in self.shas:
            self.shas[script] = self.redis.script_load(self.text_of(script))
        Moment.first = self.now_ms()
        try:
            return self.redis.evalsha(self.shas[script], 1, first_key, *args)
        finally:
            Moment.last = self.now_ms()

    def enqueue(self, *runs, scheduler="s1"):
        return self.call("enqueue", scheduler, len(runs), *[word for r in runs for word in r])

    def claim(self, worker, most, *functions):
        """[(index of the function, entry, run id, hash, input, steps), …]"""
        return [(f, entry, run_id, flat(fields), data, flat(steps))
                for f, entry, run_id, fields, data, steps in self.call("claim", worker, most, *functions)]

    def commit(self, worker, *outcomes):
        return self.call("commit", worker, len(outcomes), *[word for o in outcomes for word in o])

    def fire_timers(self, most=100):
        return self.call("fire_timers", most)

    def reap_worker(self, fn, worker, most=100):
        return self.call("reap_worker", fn, worker, most)

    def drop_consumer(self, fn, worker, group="workers"):
        return self.call_on(self.key("ready:" + fn), "drop_consumer", group, worker)

    # ---- states ----
    def seed(self, state):
        """Makes the state; returns it, so that a test can hold on to it."""
        for name, value in state.items():
            self.seed_key(name, value)
        return state

    def seed_key(self, name, value):
        key, r = self.key(name), self.redis
        if name.startswith("ready:") and isinstance(value, dict):
            self.seed_ready(key, value)
        elif isinstance(value, dict):
            r.hset(key, mapping=value)
        elif isinstance(value, set):
            r.sadd(key, *value)
        elif isinstance(value, tuple):
            r.rpush(key, *value)
        elif isinstance(value, list) and isinstance(value[0], dict):
            for fields in value:
                r.xadd(key, fields)
        elif isinstance(value, list):
            r.zadd(key, dict(value))
        else:
            r.set(key, value)

    def seed_ready(self, key, value):
        r = self.redis
        r.xgroup_create(key, "workers", "0", mkstream=True)
        for entry, run_id in value["entries"]:
            r.xadd(key, {"run": run_id}, id=entry)
        for consumer, pending in value["workers"].items():
            r.execute_command("XGROUP", "CREATECONSUMER", key, "workers", consumer)
            for entry in pending:
                r.execute_command("XCLAIM", key, "workers", consumer, "0", entry, "FORCE", "JUSTID")
        given = [entry for pending in value["workers"].values() for entry in pending]
        if given:
            last = max(given, key=lambda entry: [int(part) for part in entry.split("-")])
            r.xgroup_setid(key, "workers", last)

    def dump(self):
        """Everything that is in the server: nothing may appear outside the partition either."""
        state = {}
        for key in self.redis.keys("*"):
            assert key.startswith(self.prefix + ":"), key
            name = key[len(self.prefix) + 1:]
            state[name] = self.dump_key(name, key, self.redis.type(key))
        return state

    def dump_key(self, name, key, kind):
        r = self.redis
        if kind == "string":
            return r.get(key)
        if kind == "set":
            return r.smembers(key)
        if kind == "list":
            return tuple(r.lrange(key, 0, -1))
        if kind == "zset":
            return r.zrange(key, 0, -1, withscores=True)
        if kind == "hash":
            value = r.hgetall(key)
            if name.startswith("run:"):
                value.update({field: normal_entry(value[field]) for field in ("entry", "last") if field in value})
            return value
        if name.startswith("ready:"):
            return self.dump_ready(key)
        return [fields for _, fields in r.xrange(key)]

    def dump_ready(self, key):
        r = self.redis
        value = {"entries": [(normal_entry(entry), fields["run"]) for entry, fields in r.xrange(key)]}
        groups = [g["name"] for g in r.xinfo_groups(key)]
        assert groups in ([], ["workers"])
        if groups:
            value["workers"] = {
                c["name"]: [normal_entry(p["message_id"])
                            for p in r.xpending_range(key, "workers", "-", "+", 10000, c["name"])]
                for c in r.xinfo_consumers(key, "workers")}
        return value

    def waiting(self, fn, key="k"):
        return self.redis.zrange(self.key(f"wait:{fn}:{key}"), 0, -1)

    def ready(self, fn):
        return [fields["run"] for _, fields in self.redis.xrange(self.key("ready:" + fn))]

    def slots(self, limit):
        return self.redis.smembers(self.key("slots:" + limit))


def flat(pairs):
    return dict(zip(pairs[::2], pairs[1::2]))
