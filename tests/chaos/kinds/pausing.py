"""Runs that stop for a while and go on when something has come from elsewhere, and runs that are ended from there."""

from chaos.kinds.base import CANCELLED, COMPLETED, FAILED, Kind, order
from chaos.kinds.plain import Each, Tx


class Waiter(Kind):
    """Waits for an event that is sent as well. The event counts although it may come before the run has begun to wait."""
    event, function = "test/waiter", "test-waiter"

    def make(self):
        key = self.world.tag()
        data = {"creatorId": f"waits-{key}", "key": key, "since": True, "timeoutMs": 0}
        return [order(self.event, data, {"id": f"wait-{key}"}, surely=True),
                order("test/go", {"key": key}, {"id": f"go-{key}"}, surely=True)]

    def runs(self, sent):
        return {self.function: (COMPLETED,)} if sent.name == self.event else None

    def steps(self, sent):
        return ["before", "wait", "after"] if sent.name == self.event else None

    def check(self, sent, evidence):
        for run in evidence.runs_of(sent):
            heard = (run["output"] or {}).get("heard")
            if not heard or heard["data"]["key"] != sent.data["key"]:
                yield f"run {run['id']} heard {heard}"


class InVain(Kind):
    """Waits for an event that does not come."""
    event, function, weight = "test/waiter", "test-waiter", 2

    def data(self):
        key = self.world.tag()
        return {"creatorId": f"waits-{key}", "key": key, "timeoutMs": self.dice.randint(50, 800)}

    def steps(self, sent):
        return ["before", "wait", "after"]

    def output(self, sent):
        return {"heard": None, "attempt": 1}


class Invoker(Kind):
    """Starts a run of another function and goes on with what that puts out."""
    event, function = "test/invoker", "test-invoker"

    def data(self):
        payload = {"n": self.dice.randrange(100), "for": self.world.tag(), "ms": self.dice.randint(0, 40)}
        return {"creatorId": self.creator(), "function": "test-invoked", "payload": payload}

    def steps(self, sent):
        return ["call", "after"]

    def output(self, sent):
        return {"answer": {"twice": 2 * sent.data["payload"]["n"]}}

    def check(self, sent, evidence):
        invoked = [e for e in evidence.events if e["name"] == "inngest/function.invoked"
                   and e["data"].get("for") == sent.data["payload"]["for"]]
        if evidence.runs_of(sent) and len(invoked) != 1:
            yield f"invoked {len(invoked)} times"


class InvokerOfFailure(Invoker):
    """The other one fails, and so does this one."""
    weight = 2

    def data(self):
        data = super().data()
        return {**data, "payload": {**data["payload"], "fail": True}}

    def runs(self, sent):
        return {self.function: (FAILED,)}

    def failures(self, sent):
        return [("call", 0)]

    def output(self, sent):
        return ...


class Fan(Each):
    """A list, three items at a time."""
    event, function = "test/fan", "test-fan"

    def data(self):
        return {**super().data(), "from": self.world.tag()}

    def check(self, sent, evidence):
        """Each item sends one event when it succeeds."""
        arrived, expected = evidence.received[sent.data["from"]], self.steps(sent)[:-1]
        if evidence.runs_of(sent) and sorted(arrived) != sorted(expected):
            yield f"of the items' events arrived {sorted(arrived)}"


class FanTx(Tx):
    """Transactional items, two at a time."""
    event, function, weight = "test/fan-tx", "test-fan-tx", 4

    def data(self):
        return {**self.dice.choice(self.world.videos), "items": [{"key": f"k{n}"} for n in range(self.dice.randint(1, 6))]}

    def steps(self, sent):
        return [f"insert-{item['key']}" for item in sent.data["items"]]

    def effects(self, sent):
        return self.steps(sent)


class Cancelled(Kind):
    """Would take forever, and is cancelled after it has begun: by an event, or by an operator. What was started is ended in
    farewell, so that all can become quiet."""
    event, function, weight = "test/canceller", "test-canceller", 2
    FOREVER_MS = 60000

    def __init__(self, world, dice):
        super().__init__(world, dice)
        self.open = {}  # creator, one of a kind -> how it is to be cancelled

    def make(self):
        key = self.world.tag()
        creator = f"endless-{key}"
        self.open[creator] = self.dice.choice(["event", "operator"])
        data = {"creatorId": creator, "key": key, "ms": self.FOREVER_MS}
        return [order(self.event, data, {"id": creator}, surely=True), *self.farewell()]

    def farewell(self):
        orders = []
        for h in self.world.happenings(function=self.function, what="start"):
            how = self.open.pop(h.creator, None)
            if how == "operator":
                self.world.operate("select chronos.cancel(%s, 'no longer wanted')", h.run)
            elif how == "event":
                key = h.creator.partition("-")[2]
                orders.append(order("test/stop", {"key": key}, {"id": f"stop-{key}"}, surely=True))
        return orders

    def is_done(self):
        return not self.open

    def runs(self, sent):
        return {self.function: (CANCELLED,)} if sent.name == self.event else None

    def check(self, sent, evidence):
        for run in evidence.runs_of(sent):
            told = [e for e in evidence.events if e["name"] == "inngest/function.cancelled"
                    and e["data"]["run_id"] == run["id"]]
            if len(told) != 1:
                yield f"run {run['id']} was told to be cancelled {len(told)} times"
