"""Sends work of all kinds at a steady rate, and remembers what Redis said to each event."""

import threading
import time

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from chaos.kinds import Sent

# Redis answered that it did not do it.
REFUSED = (redis.exceptions.ResponseError, redis.exceptions.BusyLoadingError)
LOST = (redis.exceptions.ConnectionError, redis.exceptions.TimeoutError)
AWAY_S = 0.05


class Sender:
    def __init__(self, world, dice, kinds, rate):
        self.world, self.dice, self.rate = world, dice, rate
        self.kinds = [kind(world, dice) for kind in kinds]
        self.weights = [kind.weight for kind in self.kinds]
        # a request that is repeated behind our back would look like an event from nowhere
        self.redis = redis.Redis.from_url(world.stack.redis_url, socket_timeout=10, retry=Retry(NoBackoff(), 0))
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
        for name, data, fields in kind.make():
            self.send(kind, name, data, fields)

    def send(self, kind, name, data, fields):
        sent = Sent(kind, self.world.tag(), name, data, fields)
        wire = dict(fields)
        if data is not None:
            data["tag"] = sent.tag
            wire = {"name": name, "data": self.world.as_json(data), **fields}
        self.sent.append(sent)
        try:
            sent.entry = self.redis.xadd("chronos:events", wire).decode()
            sent.at = time.monotonic()
            sent.state = "acked"
            if data is not None:
                self.world.count_asked(data)
        except REFUSED:
            sent.state = "refused"
        except LOST:
            time.sleep(AWAY_S)
        return sent

    def stop(self):
        self.stopping.set()
        self.thread.join(30)
        self.redis.close()
        if self.error is not None:
            raise self.error
