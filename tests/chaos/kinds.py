"""The kinds of work that are sent while things go wrong. A new kind is one class here (or in a file of its own) and its
name in KINDS.

A kind says what it sends, and what must come of it. `runs` tells the functions that an event starts and how their runs end;
`steps` which steps are completed then, each once; `failures` which attempts failed, each once. What none of them tells
(how often something was sent on, what a text became) it looks at in `check`."""

import collections
import json

COMPLETED, FAILED = "completed", "failed"

# Creators whose names were chosen to be taken for something else.
ODD_CREATORS = ("two words", "a:b:$", "{c1}", "owl \U0001f989", "'quoted\" \\n", "-", "*", "café")


class Sent:
    """One event that was given to Redis. `state`: acked (Redis said so), refused (Redis said no), unknown."""

    def __init__(self, kind, tag, name, data, fields):
        self.kind, self.tag, self.name, self.data, self.fields = kind, tag, name, data, fields
        self.state = "unknown"
        self.entry = None
        self.at = None  # when Redis said yes, in the seconds of steps.log

    def __repr__(self):
        return f"{type(self.kind).__name__} {self.tag} ({self.name} {json.dumps(self.data)[:120]}, {self.state} {self.entry})"


class Kind:
    weight = 4  # how often compared with others
    promise = 1  # what it would break if `check` found something
    event = None
    function = None

    def __init__(self, world, dice):
        self.world, self.dice = world, dice

    # ---- sending ----
    def make(self):
        """[(name, data, other fields)]: what is sent together."""
        return [(self.event, self.data(), {})]

    def data(self):
        return {"creatorId": self.creator(), "ms": self.dice.randint(5, 60)}

    def creator(self):
        return f"creator-{self.dice.randrange(8)}"

    # ---- what must come of it ----
    is_rejected = False

    def runs(self, sent):
        """{function: how its run ends}; empty when nobody listens."""
        return {self.function: COMPLETED}

    def steps(self, sent):
        """Names of the steps that are completed in the end; None: not to be told beforehand."""
        return None

    def failures(self, sent):
        """[(step, attempt)] that fail on the way."""
        return []

    def output(self, sent):
        """What the run puts out; ...: anything."""
        return ...

    def handler(self, sent):
        """The function that handles the run's failure, if there is one."""
        return None

    def check(self, sent, evidence):
        """Sentences about what is wrong beyond that."""
        return []


class Plain(Kind):
    """A nap and a step after it."""
    event, function = "test/slow", "test-slow"

    def creator(self):
        return self.dice.choice(ODD_CREATORS) if self.dice.random() < 0.3 else super().creator()

    def steps(self, sent):
        return ["nap", "after"]


class Future(Plain):
    """Begins at its time."""
    weight = 2

    def make(self):
        return [(self.event, self.data(), {"ts": str(self.world.wall_ms() + self.dice.randint(300, 2500))})]

    def check(self, sent, evidence):
        for run in evidence.runs_of(sent):
            if evidence.epoch_ms(run["started_at"]) < int(sent.fields["ts"]):
                yield f"run {run['id']} began before its time"


class Deaf(Kind):
    """A nap that nobody can end."""
    event, function, weight = "test/deaf", "test-deaf", 2

    def steps(self, sent):
        return ["nap", "after"]


class Tx(Kind):
    """Two transactional steps between two plain ones."""
    event, function, weight, promise = "test/tx", "test-tx", 8, 5

    def data(self):
        return {**self.dice.choice(self.world.videos), "ms": self.dice.randint(0, 40)}

    def steps(self, sent):
        return ["before", "insert", "insert-more", "after"]

    def check(self, sent, evidence):
        for run in evidence.runs_of(sent):
            for step in ("insert", "insert-more"):
                if evidence.effects[run["id"], step] != 1:
                    yield f"{step} of run {run['id']} took effect {evidence.effects[run['id'], step]} times"


class Again(Kind):
    """A loop that asks to be run again."""
    event, function = "test/again", "test-again"

    def data(self):
        return {"creatorId": self.creator(), "count": self.dice.randint(2, 6), "ms": self.dice.randint(0, 25)}

    def steps(self, sent):
        count = sent.data["count"]
        return [f"turn-{n}" for n in range(count)] + ["sum"]

    def output(self, sent):
        return list(range(sent.data["count"]))


class Limited(Kind):
    """Few at a time."""
    event, function, weight = "test/limited", "test-limited", 6

    def creator(self):
        return self.dice.choice(["l-1", "l-2", "l:$", "l 4"])

    def data(self):
        return {**super().data(), "ms": self.dice.randint(10, 80)}

    def steps(self, sent):
        return ["nap"]


class Sleeper(Kind):
    """Sleeps without a slot."""
    event, function = "test/sleeper", "test-sleeper"

    def data(self):
        return {**super().data(), "ms": self.dice.randint(100, 1500)}

    def steps(self, sent):
        return ["wake"]

    def check(self, sent, evidence):
        for run in evidence.runs_of(sent):
            woke = [h.at for h in evidence.happenings_of[run["id"]] if h.what == "wake"]
            lay = [h.at for h in evidence.happenings_of[run["id"]] if h.what == "sleep"]
            if woke and lay and min(woke) < min(lay) + sent.data["ms"] / 1000:
                yield f"run {run['id']} woke too early"


class Flaky(Kind):
    """Fails as often as it is told, then does not. Every attempt is accounted for: faults use none."""
    event, function = "test/flaky", "test-flaky"

    def data(self):
        return {"creatorId": self.creator(), "until": self.dice.randint(1, 4)}

    def creator(self):
        return f"flaky-{self.dice.randrange(24)}"

    def steps(self, sent):
        return ["try", "after"]

    def failures(self, sent):
        return [("try", n) for n in range(1, sent.data["until"])]


class Exhausted(Flaky):
    """Fails more often than it may. Nobody handles that."""
    weight = 2

    def data(self):
        return {"creatorId": self.creator(), "until": 99}

    def runs(self, sent):
        return {self.function: FAILED}

    def steps(self, sent):
        return []

    def failures(self, sent):
        return [("try", n) for n in range(1, 5)]


class Permanent(Kind):
    """Fails for good, and somebody handles it."""
    event, function = "test/permanent", "test-permanent"

    def data(self):
        how = self.dice.choice([None, None, "bytes", "nothing", "secret"])
        return {"creatorId": self.creator(), **({"how": how} if how else {})}

    def runs(self, sent):
        return {self.function: FAILED}

    def steps(self, sent):
        return []

    def failures(self, sent):
        return [("fail", 1)]

    def handler(self, sent):
        return "test-handler"


class Each(Kind):
    """A list, item by item, some of which fail at first."""
    event, function = "test/each", "test-each"

    def data(self):
        items = [{"key": f"k{n}", "fail": self.dice.choice([0, 0, 0, 1, 2])} for n in range(self.dice.randint(1, 5))]
        return {"creatorId": self.creator(), "items": items}

    def steps(self, sent):
        return [f"one-{item['key']}" for item in sent.data["items"]] + ["sum"]

    def failures(self, sent):
        return [(f"one-{item['key']}", n + 1) for item in sent.data["items"] for n in range(item["fail"])]

    def output(self, sent):
        return [{"item": item, "attempt": item["fail"] + 1} for item in sent.data["items"]]


class Sender(Kind):
    """Sends events from a step; the step after it fails once."""
    event, function = "test/sender", "test-sender"

    def data(self):
        return {"count": self.dice.randint(1, 4)}

    def make(self):
        data = self.data()
        return [(self.event, {**data, "from": self.world.tag()}, {})]

    def steps(self, sent):
        return ["send", "stumble"]

    def failures(self, sent):
        return [("stumble", 1)]

    def check(self, sent, evidence):
        """Each event once, each received by one run."""
        arrived = evidence.received[sent.data["from"]]
        if evidence.runs_of(sent) and sorted(arrived) != list(range(sent.data["count"])):
            yield f"sent {sent.data['count']} events, of which arrived {sorted(arrived)}"


class Echo(Kind):
    """What was sent is what a step sees, to the last character."""
    event, function = "test/echo", "test-echo"
    LETTERS = "aZ09 \t\n\"\\/'{}[]:,\x7fäß→\u2028\ufeff\U0001f989\u0000"

    def data(self):
        text = "".join(self.dice.choices(self.LETTERS, k=self.dice.randint(0, 200)))
        return {"creatorId": self.creator(), "text": text.replace("\0", ""), "numbers": [1, -2.5, 1e300, 2**53 - 1],
                "none": None, "deep": {"a": [{"b": [True, False]}]}}

    def steps(self, sent):
        return ["look"]

    def check(self, sent, evidence):
        for run in evidence.runs_of(sent):
            if run["output"]["data"] != sent.data:
                yield f"a step of run {run['id']} saw {run['output']['data']!r}"


class Twice(Kind):
    """Several entries with one id: one of them starts a run."""
    event, function, weight = "test/slow", "test-slow", 3

    def make(self):
        same = f"twice-{self.world.tag()}"
        data = self.data()
        return [(self.event, dict(data), {"id": same}) for _ in range(self.dice.randint(2, 4))]

    def steps(self, sent):
        return ["nap", "after"]

    def runs(self, sent):
        return None  # of one of them: see check

    def check(self, sent, evidence):
        outcomes = evidence.outcomes_of_id[sent.fields["id"]]
        if sent.state == "acked" and outcomes["accepted"] != 1:
            yield f"of the entries with the id {sent.fields['id']} {outcomes['accepted']} were accepted: {dict(outcomes)}"


class Unheard(Kind):
    """Nobody listens."""
    event, weight = "test/nobody-listens", 1

    def runs(self, sent):
        return {}


class Garbage(Kind):
    """What cannot be an event. It is kept as it came, and disturbs nobody."""
    weight = 3
    is_rejected = True
    DEEP = b'{"a":' * 150 + b"1" + b"}" * 150

    def make(self):
        noise = self.dice.randbytes(self.dice.randint(1, 300))
        fields = self.dice.choice([
            {b"data": b"{}"},
            {b"name": b"", b"data": b"{}"},
            {b"name": b"x" * 300, b"data": b"{}"},
            {b"name": b"test/\xff\xfe", b"data": b"{}"},
            {b"name": b"test/\0slow", b"data": b"{}"},
            {b"name": b"inngest/function.failed", b"data": b'{"function_id":"chronos-test-permanent"}'},
            {b"name": b"test/slow", b"data": b"{\"creatorId\": \"x\""},
            {b"name": b"test/slow", b"data": b"[1, 2]"},
            {b"name": b"test/slow", b"data": b"\xff" + noise},
            {b"name": b"test/slow", b"data": self.DEEP},
            {b"name": b"test/slow", b"data": b"{" * 20000},
            {b"name": b"test/slow", b"data": b'{"pad": "' + b"x" * 600000 + b'"}'},
            {b"name": b"test/slow", b"data": b"{}", b"ts": b"tomorrow"},
            {b"name": b"test/slow", b"data": b"{}", b"ts": b"1"},
            {b"name": b"test/slow", b"data": b"{}", b"id": b"\xc3("},
            {b"name": b"test/slow", b"data": b"{}", b"user": b"{nobody}"},
            {noise: noise},
        ])
        return [(None, None, fields)]


class Whale(Kind):
    """A creator with a queue that never ends."""
    event, function, weight = "test/crowd", "test-crowd", 6
    CREATOR = "whale"
    QUEUE, AT_ONCE = 150, 40

    def make(self):
        missing = self.QUEUE - self.world.outstanding(self.CREATOR)
        return [(self.event, {"creatorId": self.CREATOR, "ms": self.dice.randint(100, 200)}, {})
                for _ in range(min(missing, self.AT_ONCE))]

    def steps(self, sent):
        return ["nap"]


class Minnow(Kind):
    """A creator who comes once."""
    event, function, weight = "test/crowd", "test-crowd", 3

    def creator(self):
        return f"minnow-{self.world.tag()}"

    def steps(self, sent):
        return ["nap"]


class Embedding(Kind):
    """A real function, whose service answers with our key in its message."""
    event, function, weight = "video/transcription.completed", "generate-video-embeddings", 1
    TEXT = " ".join(f"Sentence number {n} says a little about bees." for n in range(30))

    def __init__(self, world, dice):
        super().__init__(world, dice)
        self.turn = 0

    def data(self):
        self.turn += 1
        return {**self.world.transcribed[self.turn % len(self.world.transcribed)], "transcript": self.TEXT}

    def runs(self, sent):
        return {self.function: FAILED}

    def failures(self, sent):
        return [("generate-embeddings-0", 1)]

    def handler(self, sent):
        return "handle-embedding-failure"


KINDS = [Plain, Future, Deaf, Tx, Again, Limited, Sleeper, Flaky, Exhausted, Permanent, Each, Sender, Echo, Twice, Unheard,
         Garbage, Whale, Minnow, Embedding]


def count_outcomes(events):
    """id -> outcome -> entries"""
    found = collections.defaultdict(collections.Counter)
    for e in events:
        if e["idempotency_key"]:
            found[e["idempotency_key"]][e["outcome"]] += 1
    return found
