"""Waiting for a condition with a deadline, and saying what was seen when it never came."""

import os
import socket
import time


class StackError(Exception):
    """Something could not be started, stopped or reached; the message is for people."""


def tail(path, lines=15, start=0):
    """The last lines of a file from byte `start` on; never more than 64 KiB are read."""
    try:
        with open(path, "rb") as f:
            size = f.seek(0, os.SEEK_END)
            f.seek(max(start, size - 65536))
            text = f.read().decode("utf-8", "replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-lines:])


def log_tails(logs, lines=15):
    """The ends of several logs, each under its name, without the settings that daemons list at their start."""
    parts = []
    for path in logs:
        text = [line for line in tail(path, lines + 60).splitlines() if " msg=setting " not in line]
        if text:
            parts.append("\n".join([f"--- last lines of {path}", *text[-lines:]]))
    return "\n".join(parts)


def wait_until(condition, deadline=10.0, what="the condition", logs=(), interval=0.02, seen=None):
    """Calls `condition` until it returns something true, and returns that. After `deadline` seconds: StackError
    with what was waited for, what `condition` (or `seen`) last gave, and the ends of `logs`."""
    end = time.monotonic() + deadline
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= end:
            break
        time.sleep(interval)
    message = f"waited {deadline:g} s for {what}; last seen: {seen() if seen else value!r}"
    tails = log_tails(logs)
    raise StackError(message + ("\n" + tails if tails else ""))


def free_port():
    """A port of 127.0.0.1 that nobody listens on now. Somebody may take it before it is used, so those who start a
    server on it try again with another when it fails."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]
