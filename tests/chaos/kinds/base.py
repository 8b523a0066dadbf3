"""What a kind of work is. A new kind is one class in a file of this folder, and its name in KINDS.

A kind says what it sends, and what must come of it. `runs` tells the functions that an event starts and how their runs may
end; `steps` which steps are completed then, each once; `failures` which attempts failed, each once. What none of them tells
(how often something was sent on, what a text became) it looks at in `check`."""

import collections
import json

COMPLETED, FAILED, CANCELLED, SKIPPED = "completed", "failed", "cancelled", "skipped"

# One thing to send. `door`: stream (XADD), sql (chronos.send in a transaction), rollback (the same, taken back). `surely`: until
# it was accepted; it must have an id then, so that what was accepted unnoticed is not done twice.
Order = collections.namedtuple("Order", "name data fields door surely")


def order(name, data, fields=None, door="stream", surely=False):
    return Order(name, data, fields or {}, door, surely)


class Sent:
    """One event that was given away. `state`: acked (the answer was yes), refused (it was no), unknown (there was none)."""

    def __init__(self, kind, tag, what):
        self.kind, self.tag = kind, tag
        self.name, self.data, self.fields, self.door = what.name, what.data, what.fields, what.door
        self.state = "unknown"
        self.tries = 1
        self.entry = None  # in the stream
        self.at = None  # of the answer, in the seconds of steps.log

    def __repr__(self):
        data = json.dumps(self.data)[:120]
        return f"{type(self.kind).__name__} {self.tag} ({self.name} {data}, {self.door} {self.state} {self.entry or ''})"


class Kind:
    weight = 4  # how often compared with others
    promise = 1  # what it would break if `check` found something
    event = None
    function = None
    is_rejected = False  # it is no event at all
    collects = False  # several events may be one run

    def __init__(self, world, dice):
        self.world, self.dice = world, dice

    # ---- sending ----
    def make(self):
        """Orders that are sent together."""
        return [order(self.event, self.data())]

    def farewell(self):
        """Orders without which the work could not end, asked for again and again at the end until there are none."""
        return []

    def is_done(self):
        """Nothing is left to say farewell to."""
        return True

    def data(self):
        return {"creatorId": self.creator(), "ms": self.dice.randint(5, 60)}

    def creator(self):
        return f"creator-{self.dice.randrange(8)}"

    # ---- what must come of it ----
    def runs(self, sent):
        """{function: how its run may end}; empty when nobody listens, None when it depends (see `check`)."""
        return {self.function: (COMPLETED,)}

    def steps(self, sent):
        """Names of the steps that are completed when the run is; None: not to be told beforehand."""
        return None

    def failures(self, sent):
        """[(step, attempt)] that fail on the way; None: not to be told beforehand."""
        return []

    def output(self, sent):
        """What a completed run puts out; ...: anything."""
        return ...

    def handler(self, sent):
        """The function that handles the run's failure, if there is one."""
        return None

    def check(self, sent, evidence):
        """Sentences about what is wrong beyond that."""
        return []
