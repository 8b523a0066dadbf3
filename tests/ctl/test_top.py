"""The live screen, in a terminal of 80 columns and 24 lines."""

import fcntl
import os
import pty
import re
import select
import struct
import termios
import time

import pytest


def test_a_snapshot_when_it_is_no_terminal(world, ctl):
    world.run("test/three", {"creatorId": "top"})
    done = ctl("top")
    assert done.code == 0 and "\x1b" not in done.out
    assert re.match(r"chronos \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d  workers 1", done.out)
    assert "FUNCTION" in done.out and "test-three" in done.out
    both = ctl.json("top")
    assert both["overview"]["threads"]["workers"] == 1 and both["functions"]


def test_runs_of_a_function_that_was_retired_count(own):
    own.start(workers=1)
    own.wait_until(lambda: own.ctl("pause", "test-three").code == 0, 20, "it to be published and paused")
    own.wait_until(lambda: own.redis.hget("{c0}:controls", "pause/test-three") == "pause", 20, "the pause")
    for n in range(2):
        own.send("test/three", {"n": n})
    own.wait_until(lambda: len(own.ctl.json("runs", "--function", "test-three")) == 2, 20, "its runs")
    own.daemon("worker-1").stop()
    assert own.ctl("retire", "test-three").code == 0
    own.wait_until(lambda: own.value("select count(*) from chronos.runs where status = 'cancelled'") == 2, 20, "their end")
    own.wait_until(lambda: own.value("select count(*) from chronos.functions where id = 'test-three'") == 0, 20, "its end")
    overview = own.ctl.json("top")["overview"]
    assert overview["last_hour"]["cancelled"] == sum(m["cancelled"] for m in overview["throughput"]) == 2


class Terminal:
    def __init__(self, ctl, *arguments, columns=80, rows=24):
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.before = termios.tcgetattr(slave)
        self.slave = slave
        self.process = ctl.start(*arguments, stdin=slave, stdout=slave, stderr=slave)
        self.seen = b""

    def read_until(self, condition, deadline=20):
        end = time.monotonic() + deadline
        while not condition(self.seen):
            assert time.monotonic() < end, self.seen
            if select.select([self.master], [], [], 0.2)[0]:
                self.seen += os.read(self.master, 65536)
        return self.seen

    def close(self):
        self.process.kill()
        self.process.wait()
        os.close(self.slave)
        os.close(self.master)


@pytest.fixture
def terminal(ctl):
    opened = []

    def open_it(*arguments, **size):
        opened.append(Terminal(ctl, *arguments, **size))
        return opened[-1]

    yield open_it
    for t in opened:
        t.close()


def frames(seen):
    return [f for f in seen.decode("utf-8", "replace").split("\x1b[H") if "\x1b[J" in f]


def test_it_fits_80_by_24_draws_again_and_q_quits(world, terminal):
    t = terminal("top", "--every-ms", "300")
    seen = t.read_until(lambda s: s.count(b"\x1b[J") >= 3)
    for frame in frames(seen)[:3]:
        lines = [re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text) for text in frame.split("\x1b[J")[0].split("\n")]
        lines = [text.rstrip("\r") for text in lines]
        assert len(lines) == 24 and all(len(text) <= 80 for text in lines), lines
        assert lines[-1].startswith("q quits") and "FUNCTION" in "\n".join(lines)
    os.write(t.master, b"q")
    assert t.process.wait(10) == 0
    # the terminal is as it was
    assert termios.tcgetattr(t.slave)[3] == t.before[3]
    assert t.read_until(lambda s: s.endswith(b"\x1b[?1049l") or b"\x1b[?1049l" in s)


@pytest.mark.parametrize("columns, rows", [(40, 12), (200, 60)])
def test_other_sizes(world, terminal, columns, rows):
    t = terminal("top", columns=columns, rows=rows)
    frame = frames(t.read_until(lambda s: b"\x1b[J" in s))[0]
    lines = [re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text).rstrip("\r") for text in frame.split("\x1b[J")[0].split("\n")]
    assert len(lines) == rows and all(len(text) <= columns for text in lines), lines
    os.write(t.master, b"q")
    assert t.process.wait(10) == 0


def test_ctrl_c_and_sigterm_leave_the_terminal_as_it_was(world, terminal):
    t = terminal("top")
    t.read_until(lambda s: b"\x1b[J" in s)
    t.process.terminate()
    assert t.process.wait(10) == 0
    assert termios.tcgetattr(t.slave)[3] == t.before[3]
