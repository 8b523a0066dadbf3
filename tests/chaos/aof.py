"""Redis' append-only file as a witness. Redis writes down every change it makes in the order in which it made them, those
of one script between MULTI and EXEC, so playing the file back shows every state there was between two scripts: not only
the instants at which somebody happened to look. It holds only while the file is never rewritten
(auto-aof-rewrite-percentage 0)."""

import collections
import json
import os
import re

SLOTS = re.compile(r"\{c\d+\}:slots:(.*)", re.DOTALL)
RATE = re.compile(r"\{c\d+\}:rate:([^:]*):(.*)", re.DOTALL)
RUN = re.compile(r"\{c\d+\}:(run|steps|ready):(.*)", re.DOTALL)


def commands(data):
    """The commands of an append-only file, each a list of bytes. What a crash left half written at the end is no
    command; Redis cuts it off at its next start."""
    at, end = 0, len(data)
    while at < end:
        if data[at:at + 1] != b"*":
            at = data.index(b"\n", at) + 1  # an annotation
            continue
        line = data.find(b"\r\n", at)
        if line < 0:
            return
        count, at, words = int(data[at + 1:line]), line + 2, []
        for _ in range(count):
            line = data.find(b"\r\n", at)
            size = int(data[at + 1:line]) if line >= 0 else end
            if line + 2 + size + 2 > end:
                return
            words.append(data[line + 2:line + 2 + size])
            at = line + 2 + size + 2
        yield words


def transactions(found):
    """Lists of commands that were applied together."""
    together = None
    for words in found:
        verb = words[0].upper()
        if verb == b"MULTI":
            together = []
        elif verb == b"EXEC":
            yield together
            together = None
        elif together is not None:
            together.append(words)
        else:
            yield [words]


def read_folder(folder):
    """The commands of all incremental files in the order in which they were written."""
    names = [n for n in os.listdir(folder) if n.endswith(".incr.aof")]
    for name in sorted(names, key=lambda n: int(n.split(".")[-3])):
        with open(os.path.join(folder, name), "rb") as f:
            yield from commands(f.read())


class Limits:
    """What Redis was told of limits: `limits` (function -> lines of "<max> <name>") and what operators have set."""

    def __init__(self):
        self.templates = {}
        self.overrides = {}
        self.known = {}

    def learn(self, key, pairs):
        if key.endswith(":limits"):
            self.templates.update(pairs)
        else:
            self.overrides.update((k[len("limit/"):], int(v)) for k, v in pairs if k.startswith("limit/"))
        self.known.clear()

    def forget(self, fields):
        for field in fields:
            self.overrides.pop(field[len("limit/"):], None)
        self.known.clear()

    def max_of(self, name):
        """The limit's maximum, over all partitions; None when it is not counted in runs."""
        if name not in self.known:
            self.known[name] = self.find(name)
        return self.known[name]

    def find(self, name):
        found, shared = None, False
        for template in self.templates.values():
            for most, of in re.findall(r"(\S+) ([^\n]+)", template):
                base = re.fullmatch(r"(.*:)\$\d*", of)
                number = re.fullmatch(r"(~?)(\d+)", most)  # ~: of all partitions together
                if (name.startswith(base[1]) if base else name == of) and number:
                    found, shared = max(found or 0, int(number[2])), shared or number[1] == "~"
        return found if shared else self.overrides.get(name, found)


class RedisLog:
    """The file played back. `over`, `again` and `overwritten` tell of states that must not be; the rest is what was seen,
    for other checks."""

    def __init__(self):
        self.limits = Limits()
        self.slots = collections.defaultdict(set)  # limit -> holders, as they are now
        self.most = collections.Counter()  # limit -> most holders at once
        self.results = {}  # (run, step) -> JSON
        self.ended = collections.Counter()  # run -> times
        self.failures = collections.Counter()  # run -> failure events
        self.starts = collections.defaultdict(dict)  # (function, key) -> run -> ms, of functions with a rate limit
        self.was_lost = False
        self.changes = 0
        self.over = []  # more holders than a limit allows
        self.again = []  # a run that ended, and lived on
        self.overwritten = []  # a result that was not the first

    def play(self, found):
        for together in transactions(found):
            self.changes += 1
            grown = set()
            for words in together:
                self.apply(words, grown)
            for name in grown:
                self.check(name)
        return self

    def check(self, name):
        holders, most = len(self.slots[name]), self.limits.max_of(name)
        self.most[name] = max(self.most[name], holders)
        if most is not None and holders > most:
            self.over.append(f"change {self.changes}: {holders} runs hold a slot of {name}, {most} may")

    def apply(self, words, grown):
        verb, key = words[0].upper(), words[1].decode("utf-8", "replace") if len(words) > 1 else ""
        if verb in (b"SADD", b"SREM"):
            slots = SLOTS.fullmatch(key)
            if slots:
                self.change_slots(verb, slots[1], words[2:], grown)
        elif verb in (b"DEL", b"UNLINK"):
            for other in words[1:]:
                self.remove(other.decode("utf-8", "replace"))
        elif verb in (b"HSET", b"HMSET", b"HSETNX"):
            texts = [w.decode("utf-8", "replace") for w in words[2:]]
            self.set_fields(key, list(zip(texts[::2], texts[1::2])))
        elif verb == b"HDEL" and key.endswith(":controls"):
            self.limits.forget([w.decode("utf-8", "replace") for w in words[2:]])
        elif verb == b"ZADD" and RATE.fullmatch(key):
            ms, run = words[-2:]
            self.starts[RATE.fullmatch(key).groups()].setdefault(run.decode(), int(ms))
        elif verb == b"XADD":
            self.append(key, words[3:])
        elif verb in (b"FLUSHALL", b"FLUSHDB"):
            self.was_lost = True
            self.slots.clear()
            self.results.clear()
            self.ended.clear()

    def change_slots(self, verb, name, runs, grown):
        before = len(self.slots[name])
        if verb == b"SADD":
            self.slots[name] |= set(runs)
            self.no_life_after_the_end(runs, f"took a slot of {name}")
        else:
            self.slots[name] -= set(runs)
        if len(self.slots[name]) > before:
            grown.add(name)

    def no_life_after_the_end(self, runs, what):
        for run in runs:
            if self.ended[run.decode()]:
                self.again.append(f"change {self.changes}: run {run.decode()} has ended and {what}")

    def set_fields(self, key, pairs):
        if re.fullmatch(r"\{c\d+\}:(limits|controls)", key):
            self.limits.learn(key, pairs)
            return
        found = RUN.fullmatch(key)
        if not found:
            return
        kind, run = found[1], found[2]
        if kind == "steps":
            for step, value in pairs:
                self.set_result(run, step, value)
        elif ("done", "1") in pairs:
            self.ended[run] += 1
            if self.ended[run] > 1:
                self.again.append(f"change {self.changes}: run {run} ended again")

    def set_result(self, run, step, value):
        """Written once. Who rebuilds may have to begin again, and then writes the same."""
        before = self.results.get((run, step))
        if before is not None and not (self.was_lost and before == value):
            self.overwritten.append(f"change {self.changes}: {step} of run {run} got a second result")
        self.results[run, step] = value

    def remove(self, key):
        slots = SLOTS.fullmatch(key)
        if slots:
            self.slots.pop(slots[1], None)

    def append(self, key, fields):
        if re.fullmatch(r"\{c\d+\}:ready:.*", key):
            self.no_life_after_the_end(fields[1::2][:1], f"was made ready in {key}")
        elif re.fullmatch(r"\{c\d+\}:events", key):
            event = dict(zip(fields[::2], fields[1::2]))
            if event.get(b"name") == b"inngest/function.failed":
                self.failures[json.loads(event[b"data"])["run_id"]] += 1


def play_folder(folder):
    return RedisLog().play(read_folder(folder))


def entries_left(folder, stream):
    """Ids of a stream's entries that nobody has removed."""
    left = set()
    for words in read_folder(folder):
        verb = words[0].upper()
        if verb in (b"FLUSHALL", b"FLUSHDB"):
            left.clear()
        elif len(words) > 2 and words[1] == stream.encode():
            if verb == b"XADD":
                left.add(words[2].decode())
            elif verb == b"XDEL":
                left -= {word.decode() for word in words[2:]}
    return left
