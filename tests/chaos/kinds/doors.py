"""What happens at the doors: no events, events twice, events nobody wants, events of a transaction."""

from chaos.kinds.base import Kind, order
from chaos.kinds.plain import Echo, Plain


class Twice(Kind):
    """Several entries with one id: one of them starts a run."""
    event, function, weight = "test/slow", "test-slow", 3

    def make(self):
        same, data = f"twice-{self.world.tag()}", self.data()
        return [order(self.event, dict(data), {"id": same}) for _ in range(self.dice.randint(2, 4))]

    def steps(self, sent):
        return ["nap", "after"]

    def runs(self, sent):
        return None  # of one of them

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
        return [order(None, None, fields)]


class Outbox(Echo):
    """An event that is sent in a transaction comes if and only if that is committed."""

    def data(self):
        return {**super().data(), "numbers": [1, -2.5, 0.001, 2**53 - 1]}  # jsonb writes 1e300 in full

    def make(self):
        return [order(self.event, self.data(), door=self.dice.choice(["sql", "sql", "rollback"]))]


class OutboxWithId(Plain):
    """The same event through both doors: one of them starts a run."""
    weight = 2

    def make(self):
        same, data = f"doors-{self.world.tag()}", self.data()
        return [order(self.event, dict(data), {"id": same}, door) for door in self.dice.sample(["stream", "sql"], 2)]

    def runs(self, sent):
        return None

    def check(self, sent, evidence):
        outcomes = evidence.outcomes_of_id[sent.fields["id"]]
        if sent.state == "acked" and outcomes["accepted"] != 1:
            yield f"through both doors {dict(outcomes)} with the id {sent.fields['id']}"
