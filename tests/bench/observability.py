"""What being watched costs: the same drain with metrics on, scraped every second, and off."""

import statistics
import threading
import urllib.request

from . import backlog

SCRAPE_S = 1.0


class Scraper(threading.Thread):
    """Asks every daemon of the stack for its metrics, as Prometheus would, only more often."""

    def __init__(self, stack):
        super().__init__(daemon=True)
        self.stack = stack
        self.over = threading.Event()
        self.bytes = 0
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def run(self):
        while not self.over.wait(SCRAPE_S):
            for name in list(self.stack.daemons):
                try:
                    with self.opener.open(f"http://{self.stack.metrics_address(name)}/metrics", timeout=5) as a:
                        self.bytes = max(self.bytes, len(a.read()))
                except OSError:
                    pass  # it is starting or stopping


def drain(bench, count, watched):
    bench.stack.metrics = watched
    scraper = Scraper(bench.stack)
    if watched:
        scraper.start()
    try:
        rate = backlog.drain(bench, "test/noop", "test-noop", count)["runs_per_s"]
    finally:
        scraper.over.set()
        if watched:
            scraper.join()
        bench.stack.metrics = False
    if watched and scraper.bytes == 0:
        raise RuntimeError("the daemons were not scraped")
    return rate, scraper.bytes


def measure(bench, count, repetitions):
    """On and off take turns, so that both meet the same machine."""
    on, off, size = [], [], 0
    for i in range(repetitions):
        for watched in ((True, False), (False, True))[i % 2]:
            rate, scraped = drain(bench, count, watched)
            (on if watched else off).append(rate)
            size = max(size, scraped)
    return {"on_runs_per_s": round(statistics.median(on)), "off_runs_per_s": round(statistics.median(off)),
            "ratio": round(statistics.median(on) / statistics.median(off), 3), "scrape_bytes": size}
