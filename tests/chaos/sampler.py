"""Looks at the sets of slots all the time, as an operator would with SCARD."""

import threading

import redis

COUNT_SLOTS = """local found = {}
for _, key in ipairs(redis.call('KEYS', '{c*}:slots:*')) do
  found[#found + 1] = key
  found[#found + 1] = redis.call('SCARD', key)
end
return found"""
EVERY_S = 0.1


class Sampler:
    def __init__(self, url):
        self.redis = redis.Redis.from_url(url, decode_responses=True, socket_timeout=5)
        self.most = {}  # limit -> most holders seen
        self.looks = 0
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.main, daemon=True)
        self.thread.start()

    def main(self):
        while not self.stopping.wait(EVERY_S):
            try:
                self.look()
            except redis.exceptions.RedisError:
                continue  # it is away

    def look(self):
        found = self.redis.eval(COUNT_SLOTS, 0)
        for key, holders in zip(found[::2], found[1::2]):
            name = key.split(":slots:", 1)[1]
            self.most[name] = max(self.most.get(name, 0), holders)
        self.looks += 1

    def stop(self):
        self.stopping.set()
        self.thread.join(10)
        self.redis.close()
