"""Steps of every sort that end well."""

from chaos.kinds.base import Kind, order

# Creators whose names were chosen to be taken for something else.
ODD_CREATORS = ("two words", "a:b:$", "{c1}", "owl \U0001f989", "'quoted\" \\n", "-", "*", "café")


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
        return [order(self.event, self.data(), {"ts": str(self.world.wall_ms() + self.dice.randint(300, 2500))})]

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

    def effects(self, sent):
        return ["insert", "insert-more"]

    def check(self, sent, evidence):
        for run in evidence.runs_of(sent):
            for step in self.effects(sent):
                if evidence.effects[run["id"], step] != 1:
                    yield f"{step} of run {run['id']} took effect {evidence.effects[run['id'], step]} times"


class Again(Kind):
    """A loop that asks to be run again."""
    event, function = "test/again", "test-again"

    def data(self):
        return {"creatorId": self.creator(), "count": self.dice.randint(2, 6), "ms": self.dice.randint(0, 25)}

    def steps(self, sent):
        return [f"turn-{n}" for n in range(sent.data["count"])] + ["sum"]

    def output(self, sent):
        return list(range(sent.data["count"]))


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
        return {"count": self.dice.randint(1, 4), "from": self.world.tag()}

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
    LETTERS = "aZ09 \t\n\"\\/'{}[]:,\x7fäß→\u2028\ufeff\U0001f989"

    def data(self):
        text = "".join(self.dice.choices(self.LETTERS, k=self.dice.randint(0, 200)))
        return {"creatorId": self.creator(), "text": text, "numbers": [1, -2.5, 1e300, 2**53 - 1], "none": None,
                "deep": {"a": [{"b": [True, False]}]}}

    def steps(self, sent):
        return ["look"]

    def check(self, sent, evidence):
        for run in evidence.runs_of(sent):
            if run["output"]["data"] != sent.data:
                yield f"a step of run {run['id']} saw {run['output']['data']!r}"


class Paid(Kind):
    """Costs money, also when it fails: every attempt that was made is paid for once."""
    event, function, weight = "test/paid", "test-paid", 2

    def data(self):
        return {"creatorId": self.creator(), "usd": 0.001, "fail": self.dice.choice([0, 0, 1, 2])}

    def steps(self, sent):
        return ["pay", "after"]

    def failures(self, sent):
        return [("pay", n + 1) for n in range(sent.data["fail"])]

    def check(self, sent, evidence):
        for run in evidence.runs_of(sent):
            expected = round(0.001 * (sent.data["fail"] + 1), 6)
            if round(float(run["cost_usd"]), 6) != expected:
                yield f"run {run['id']} cost {run['cost_usd']} USD, not {expected}"
