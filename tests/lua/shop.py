"""Runs as they are served, for tests of who is next."""

from partition import outcome, run


class Shop:
    """Runs as they are served: each is claimed and finished at once, in the order of admission."""

    def __init__(self, p, **limits):
        self.p = p
        self.numbers = iter(range(1, 10**6))
        p.redis.hset(p.key("limits"), mapping=limits)
        p.redis.hset(p.key("schedulers"), "s1", 1)
        for fn in limits:
            p.redis.xgroup_create(p.key("ready:" + fn), "workers", "0", mkstream=True)

    def send(self, fn, key, count=1):
        ids = [f"{fn}.{key}.{next(self.numbers)}" for _ in range(count)]
        self.p.enqueue(*[run(i, fn, key) for i in ids])
        return ids

    def serve(self, fn):
        """Finishes the run of the function that was admitted first; its key."""
        (_, entry, run_id, _, _, _), = self.p.claim("w1", 1, fn)
        assert self.p.commit("w1", outcome("finish", fn, entry, run_id)) == [0]
        return run_id.split(".")[1]

    def serve_many(self, fn, count):
        return [self.serve(fn) for _ in range(count)]
