"""Carries a plan out, each fault in a thread of its own, and writes down what was done when."""

import collections
import threading
import time

Done = collections.namedtuple("Done", "begin end fault target seconds")  # times of steps.log


class Actor:
    def __init__(self, world, plan):
        self.world, self.plan = world, plan
        self.locks = collections.defaultdict(threading.Lock)  # of targets: one fault at a time, late or not
        self.done = []
        self.errors = []
        self.began = None

    def run(self):
        """Returns when everything is healed."""
        self.began = time.monotonic()
        threads = []
        for strike in self.plan:
            time.sleep(max(0.0, self.began + strike.at - time.monotonic()))
            threads.append(threading.Thread(target=self.strike, args=(strike,), daemon=True))
            threads[-1].start()
        for thread in threads:
            thread.join(120)
            if thread.is_alive():
                self.errors.append("a fault could not be healed")

    def strike(self, strike):
        with self.locks[strike.target]:
            begin = time.monotonic()
            try:
                strike.fault.run(self.world, strike.target, strike.seconds)
            except Exception as e:  # pylint: disable=broad-except
                self.errors.append(f"{strike.fault.name} {strike.target}: {e!r}")
            self.done.append(Done(begin, time.monotonic(), strike.fault.name, strike.target, strike.seconds))

    def tell(self):
        """For people: what was done, in seconds since the beginning."""
        return [f"{d.begin - self.began:7.2f} to {d.end - self.began:6.2f}  {d.fault} {d.target}"
                for d in sorted(self.done)]

    def is_calm(self, begin, end, margin):
        """Whether no fault was in force from `margin` seconds before `begin` to `end`."""
        return all(d.end + margin < begin or d.begin > end for d in self.done)
