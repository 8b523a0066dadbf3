"""Work of several creators, so that it lies in all partitions."""

import threading


def make_creators(engine, count):
    """[{"creatorId", "videoId"}, …]; some of each partition."""
    while True:
        found = []
        for _ in range(count):
            creator = str(engine.make_creator())
            video = engine.make_video("youtube", creator)
            found.append({"creatorId": creator, "videoId": str(video["id"])})
        if {engine.home(c["creatorId"]) for c in found} == set(engine.prefixes):
            return found


def send_some(send, ids, n, ms=15):
    """Transactional steps, and now and then a loop, a sleep, a retry, or steps that send events."""
    send("test/tx", {**ids, "ms": ms})
    if n % 3 == 0:
        send("test/slow", {"creatorId": ids["creatorId"], "ms": ms})
    if n % 5 == 0:
        send("test/again", {"creatorId": ids["creatorId"], "count": 3, "ms": ms // 3})
        send("test/sleeper", {"creatorId": ids["creatorId"], "ms": 5 * ms})
    if n % 7 == 0:
        send("test/flaky", {"creatorId": ids["creatorId"], "until": 2})
        send("test/sender", {"creatorId": ids["creatorId"], "count": 2})


class Load:
    """Sends from `start` to `stop`, however often Redis goes away; creators take turns."""

    def __init__(self, engine, creators, pause=0.01):
        self.engine, self.creators, self.pause = engine, creators, pause
        self.stopping = threading.Event()
        self.error = None
        self.thread = threading.Thread(target=self.main, daemon=True)

    def start(self):
        self.thread.start()
        return self

    def main(self):
        n = 0
        try:
            while not self.stopping.wait(self.pause):
                send_some(self.engine.send_surely, self.creators[n % len(self.creators)], n)
                n += 1
        except Exception as e:  # pylint: disable=broad-except
            self.error = e
            print("the load has ended:", repr(e))

    def stop(self):
        self.stopping.set()
        if self.thread.ident is not None:
            self.thread.join(40)
        assert self.error is None, self.error

    def progress(self, count, deadline=30):
        """Until so many more steps have begun than have by now."""
        self.engine.wait_for(len(self.engine.happenings(what="plain")) + count, deadline=deadline, what="plain")
