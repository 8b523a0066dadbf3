"""Sends work of all kinds at a steady rate, and remembers what was answered to each event."""

import json
import threading
import time

import psycopg2
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from chaos.kinds.base import Sent

# Redis answered that it did not do it.
REFUSED = (redis.exceptions.ResponseError, redis.exceptions.BusyLoadingError)
LOST = (redis.exceptions.ConnectionError, redis.exceptions.TimeoutError)
AWAY_S = 0.05
SURELY_S = 30.0

SEND = "select chronos.send(%s, %s, id => %s)"


class Sender:
    def __init__(self, world, dice, kinds, rate):
        self.world, self.dice, self.rate = world, dice, rate
        self.kinds = [kind(world, dice) for kind in kinds]
        self.weights = [kind.weight for kind in self.kinds]
        # a request that is repeated behind our back would look like an event from nowhere
        self.redis = redis.Redis.from_url(world.stack.redis_url, socket_timeout=10, retry=Retry(NoBackoff(), 0))
        self.db = None
        self.sent = []
        self.error = None
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.main, daemon=True)

    def start(self):
        self.thread.start()
        return self

    def main(self):
        try:
            due = time.monotonic()
            while not self.stopping.wait(max(0.0, due - time.monotonic())):
                # what could not be sent while Redis was away is not made up for
                due = max(due, time.monotonic() - 1) + self.dice.expovariate(self.rate)
                self.send_one(self.dice.choices(self.kinds, self.weights)[0])
        except Exception as e:  # pylint: disable=broad-except
            self.error = e

    def send_one(self, kind):
        for what in kind.make():
            self.send(kind, what)

    def send(self, kind, what):
        sent = Sent(kind, self.world.tag(), what)
        if sent.data is not None:
            sent.data["tag"] = sent.tag
        self.sent.append(sent)
        door, end = getattr(self, "through_" + what.door), time.monotonic() + SURELY_S
        door(sent)
        while what.surely and sent.state != "acked" and time.monotonic() < end:
            sent.tries += 1
            door(sent)
        if sent.state == "acked":
            sent.at = time.monotonic()
            self.world.count_asked(sent)

    # ---- doors ----
    def through_stream(self, sent):
        wire = dict(sent.fields)
        if sent.data is not None:
            wire = {"name": sent.name, "data": json.dumps(sent.data, ensure_ascii=False), **sent.fields}
        sent.state = "unknown"
        try:
            sent.entry = self.redis.xadd("chronos:events", wire).decode()
            sent.state = "acked"
        except REFUSED:
            sent.state = "refused"
        except LOST:
            time.sleep(AWAY_S)

    def through_sql(self, sent):
        self.call_send(sent, "acked", "commit")

    def through_rollback(self, sent):
        self.call_send(sent, "refused", "rollback")

    def call_send(self, sent, state, end):
        """`state`: what it is once the transaction has come to its end."""
        sent.state = "refused"
        try:
            if self.db is None or self.db.closed:
                self.db = psycopg2.connect(self.world.stack.database_url, connect_timeout=5)
            with self.db.cursor() as c:
                c.execute(SEND, (sent.name, json.dumps(sent.data), sent.fields.get("id")))
            sent.state = "unknown"
            getattr(self.db, end)()
            sent.state = state
        except psycopg2.OperationalError:
            if end == "rollback":
                sent.state = "refused"
            self.forget_db()
            time.sleep(AWAY_S)

    def forget_db(self):
        if self.db is not None:
            self.db.close()
            self.db = None

    # ---- the end ----
    def say_farewell(self, deadline=20.0):
        """What is left open is brought to its end."""
        end = time.monotonic() + deadline
        while not all(kind.is_done() for kind in self.kinds) and time.monotonic() < end:
            for kind in self.kinds:
                for what in kind.farewell():
                    self.send(kind, what)
            time.sleep(0.1)

    def finish(self):
        self.stopping.set()
        self.thread.join(60)
        if self.error is not None:
            raise self.error
        self.say_farewell()

    def end(self):
        self.stopping.set()
        self.thread.join(60)
        self.redis.close()
        self.forget_db()
