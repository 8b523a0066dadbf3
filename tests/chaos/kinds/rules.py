"""Functions with rules about what an event starts, if anything."""

from chaos import running
from chaos.kinds.base import CANCELLED, COMPLETED, SKIPPED, Kind


class Rate(Kind):
    """At most two starts in any 1.5 seconds; the rest is skipped."""
    event, function, weight = "test/rate", "test-rate", 3
    MOST, PERIOD_MS = 2, 1500

    def creator(self):
        return self.dice.choice(["r-1", "r-2", "r:$"])

    def runs(self, sent):
        return {self.function: (COMPLETED, SKIPPED)}

    def check(self, sent, evidence):
        """By the times that Redis noted for the starts."""
        runs = evidence.redis_log.starts[self.function, sent.data["creatorId"]]
        starts = sorted((ms, run) for run, ms in runs.items())
        for first, last in zip(starts, starts[self.MOST:]):
            if last[0] - first[0] < self.PERIOD_MS and last[1] == evidence.only_run_of(sent):
                yield f"{self.MOST + 1} starts within {last[0] - first[0]} ms: {[s for s in starts if first <= s <= last]}"


class Throttled(Kind):
    """Starts are spread; nothing is skipped."""
    event, function, weight = "test/throttle", "test-throttle", 2

    def creator(self):
        return f"t-{self.dice.randrange(6)}"

    def steps(self, sent):
        return ["nap"]


class Once(Kind):
    """An event with a key that was there in the last two seconds starts nothing."""
    event, function, weight = "test/once", "test-once", 3

    def data(self):
        return {"key": f"once-{self.dice.randrange(6)}", "ms": 5, "n": self.world.tag()}

    def runs(self, sent):
        return {self.function: (COMPLETED, SKIPPED)}


class Single(Kind):
    """While one with the same key is live, others are skipped."""
    event, function, weight, promise = "test/singleton-skip", "test-singleton-skip", 3, 3

    def data(self):
        return {"key": f"single-{self.dice.randrange(3)}", "ms": self.dice.randint(20, 300)}

    def runs(self, sent):
        return {self.function: (COMPLETED, SKIPPED)}

    def check(self, sent, evidence):
        """Never two at once, by what really ran."""
        keys = {run["id"]: s.data["key"] for s in evidence.sent if s.name == self.event for run in evidence.runs_of(s)}
        own = [i for i in evidence.intervals_of({self.function})[0] if keys.get(i.run) == sent.data["key"]]
        most, when = running.most_at_once(own)
        if most > 1:
            yield f"{most} runs with the key {sent.data['key']} ran at {when:.6f}"


class Newest(Kind):
    """A new one takes the place of the one before."""
    event, function, weight = "test/singleton-cancel", "test-singleton-cancel", 3

    def data(self):
        return {"key": f"newest-{self.dice.randrange(3)}", "ms": self.dice.randint(20, 300)}

    def runs(self, sent):
        return {self.function: (COMPLETED, CANCELLED)}


class Timed(Kind):
    """Has to begin and to end in time."""
    event, function, weight = "test/timed", "test-timed", 2

    def creator(self):
        return f"timed-{self.dice.randrange(4)}"

    def data(self):
        return {**super().data(), "ms": self.dice.choice([5, 50, 400, 5000])}

    def runs(self, sent):
        return {self.function: (COMPLETED, CANCELLED)}


class Batch(Kind):
    """Several events are one run, which sees each of them."""
    event, function, weight = "test/batch", "test-batch", 4
    collects = True

    def data(self):
        return {"key": f"batch-{self.dice.randrange(3)}", "n": self.world.tag()}

    def expected(self, numbers):
        return numbers

    def check(self, sent, evidence):
        for run in evidence.runs_of(sent):
            numbers = sorted(e["data"]["n"] for e in evidence.events_of_run[run["id"]])
            seen = run["output"]["numbers"]
            if sorted(seen) != numbers:
                yield f"run {run['id']} saw {sorted(seen)}, and was to see {numbers}"


class DebouncedAll(Batch):
    """One run when no more have come for a while, with all of them."""
    event, function, weight = "test/debounce-all", "test-debounce-all", 3


class Debounced(Batch):
    """The same, with the last one."""
    event, function, weight = "test/debounce", "test-debounce", 3

    def check(self, sent, evidence):
        for run in evidence.runs_of(sent):
            events = evidence.events_of_run[run["id"]]
            last = max(events, key=lambda e: e["ts"])["ts"]
            seen = run["output"]["event"]["data"]["n"]
            if seen not in [e["data"]["n"] for e in events if e["ts"] == last]:
                yield f"run {run['id']} saw {seen}, which was not the last of its events"
