"""What a stack is made of, in <folder>/state.json: addresses and processes.

The file is what lets a later `down` find and stop exactly the processes that were started, also when the program
that started them is gone. A process is known by its pid and its start time, so that a pid that was given to somebody
else meanwhile is never signalled. Written whole and renamed into place; a lock file guards read-change-write."""

import contextlib
import fcntl
import json
import os
import threading


class State:
    def __init__(self, folder):
        self.path = os.path.join(folder, "state.json")
        self.lock_path = os.path.join(folder, "state.lock")
        self.thread_lock = threading.RLock()

    def read(self):
        try:
            with open(self.path, encoding="utf-8") as f:
                return json.load(f)
        except FileNotFoundError:
            return {"processes": {}}

    @contextlib.contextmanager
    def change(self):
        """with state.change() as s: … what s holds at the end is stored."""
        with self.thread_lock, open(self.lock_path, "w", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            content = self.read()
            yield content
            with open(self.path + ".new", "w", encoding="utf-8") as f:
                json.dump(content, f, indent=2)
                f.write("\n")
            os.replace(self.path + ".new", self.path)

    def get(self, key, otherwise=None):
        return self.read().get(key, otherwise)

    def put(self, key, value):
        with self.change() as s:
            s[key] = value
