"""Work of every kind, so that whatever dies dies in the middle of something."""

import threading


def make_video(engine):
    creator = engine.make_creator()
    video = engine.make_video("youtube", creator)
    return {"creatorId": str(creator), "videoId": str(video["id"])}


def send_mixed(engine, n, ids, send=None, ms=30):
    """n events: transactional steps, loops, sleeps, retries, sent events and plain ones."""
    send = send or engine.send
    for i in range(n):
        send("test/tx", {**ids, "ms": ms})
        if i % 2 == 0:
            send("test/slow", {"creatorId": ids["creatorId"], "ms": ms})
        if i % 4 == 0:
            send("test/again", {"creatorId": ids["creatorId"], "count": 4, "ms": ms // 4})
            send("test/limited", {"creatorId": f"c{i % 3}", "ms": ms})
        if i % 5 == 0:
            send("test/sleeper", {"creatorId": ids["creatorId"], "ms": 5 * ms})
            send("test/flaky", {"creatorId": f"f{i % 4}", "until": 2})
            send("test/sender", {"count": 2})
        if i % 10 == 0:
            send("test/permanent", {"creatorId": ids["creatorId"]})
            send("test/each", {"items": [1, 2, 3]})


class Background:
    """Sends mixed work until it is stopped, however often Redis goes away."""

    def __init__(self, engine, ids, pause=0.05):
        self.engine, self.ids, self.pause = engine, ids, pause
        self.stopping = threading.Event()
        self.error = None
        self.thread = threading.Thread(target=self.main, daemon=True)
        self.thread.start()

    def main(self):
        try:
            while not self.stopping.wait(self.pause):
                send_mixed(self.engine, 1, self.ids, self.engine.send_surely, ms=15)
        except Exception as e:  # pylint: disable=broad-except
            self.error = e
            print("the load has ended:", repr(e))

    def stop(self):
        self.stopping.set()
        self.thread.join(40)
        assert self.error is None, self.error
