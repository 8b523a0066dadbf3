"""What really ran, as the fixture functions tell it (fixtures/trace.h), whatever Redis or Postgres say about it."""

import collections
import os
import threading

Happening = collections.namedtuple("Happening", "at what run function step attempt pid creator")


def parse(line):
    at, what, run, function, step, attempt, pid, creator = line.decode("utf-8", "replace").split(" ", 7)
    return Happening(int(at) / 1e6, what, run, function, step, int(attempt), int(pid), creator.rstrip(" "))


class StepsLog:
    """Each line of the file is read once, when it is whole. Threads may share one."""

    def __init__(self, path):
        self.path = path
        self.read_to = 0
        self.lines = []
        self.lock = threading.Lock()

    def happenings(self):
        """All of them, oldest first."""
        with self.lock:
            text = self.read_on()
            whole = text[:text.rfind(b"\n") + 1]
            self.read_to += len(whole)
            self.lines += [parse(line) for line in whole.split(b"\n")[:-1]]
            self.lines.sort()
            return list(self.lines)

    def read_on(self):
        if not os.path.exists(self.path):
            return b""
        with open(self.path, "rb") as f:
            f.seek(self.read_to)
            return f.read()
