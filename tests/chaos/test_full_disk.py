"""A disk that is full costs time and nothing else. The disk is a small file system of the test's own, which takes a
privileged user to make."""

import itertools
import os
import subprocess

import psycopg2
import pytest
import redis

from chaos.conftest import QUICK, SAFE
from chaos.load import Background, make_video, send_mixed
from harness.fixtures import WORKER, finish, variant
from ops.stack import Stack
from promises import Engine, check_promises

MB = 1 << 20
numbers = itertools.count(1)


class SmallDisk:
    def __init__(self, folder, megabytes):
        self.folder = folder
        self.ballast = os.path.join(folder, "ballast")
        os.makedirs(folder)
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0755", "tmpfs", folder],
                              capture_output=True, text=True, check=False)
        if done.returncode != 0:
            pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")

    def fill(self):
        ballast = os.open(self.ballast, os.O_WRONLY | os.O_CREAT)
        for size in (MB, 4096):
            self.fill_in(ballast, size)
        os.close(ballast)

    @staticmethod
    def fill_in(ballast, size):
        try:
            while True:
                os.write(ballast, bytes(size))
        except OSError:
            pass

    def empty(self):
        os.truncate(self.ballast, 0)

    def remove(self):
        subprocess.run(["umount", "--lazy", self.folder], check=False)


@pytest.fixture
def folder(session_folder):
    """A short one: Postgres' socket is in it."""
    return os.path.join(session_folder, f"disk-{next(numbers)}")


@pytest.fixture
def disk(folder):
    """disk("redis", 16): what that server writes goes to a disk of so many MB; before it is started."""
    made = []

    def make(server, megabytes):
        made.append(SmallDisk(os.path.join(folder, server), megabytes))
        return made[-1]

    yield make
    for d in made:
        d.remove()


def nothing_was_burned(engine):
    assert engine.value("select max(attempts) from chronos.runs where function_id in ('test-tx', 'test-slow')") == 1
    assert engine.value("select count(*) from chronos.runs where status = 'failed' and function_id <> 'test-permanent'") == 0


@pytest.fixture
def unstarted(disk, folder):
    """A stack with nothing started. It ends before its disks do."""
    e = Engine(Stack(folder, variant(), worker=WORKER, environment=QUICK, postgres_settings=SAFE))
    try:
        yield e
    finally:
        finish(e)


def test_redis_on_a_full_disk_takes_nothing_new_until_there_is_room(unstarted, disk):
    small = disk("redis", 24)
    unstarted.stack.start_redis()
    unstarted.stack.start_postgres()
    unstarted.start(workers=2)
    ids = make_video(unstarted)
    load = Background(unstarted, ids)
    unstarted.wait_for(10, what="plain")
    load.stop()
    send_mixed(unstarted, 10, ids)
    small.fill()

    def is_refused():
        try:
            unstarted.send("test/slow", {"creatorId": "x", "ms": 1})
        except redis.exceptions.ResponseError as e:
            return "MISCONF" in str(e)
        return False

    unstarted.wait_until(is_refused, 20, "Redis to refuse what it cannot write")
    small.empty()
    unstarted.wait_until(lambda: not is_refused(), 20, "Redis to take events again")
    send_mixed(unstarted, 5, ids)
    check_promises(unstarted)
    nothing_was_burned(unstarted)


def test_postgres_on_a_full_disk_costs_time_and_no_attempt(unstarted, disk):
    unstarted.stack.start_redis()
    small = disk("postgres", 192)
    unstarted.stack.start_postgres()
    if unstarted.stack.postgres.home != small.folder:
        pytest.skip("the path of the folder is too long for Postgres")
    unstarted.start(workers=2)
    ids = make_video(unstarted)
    load = Background(unstarted, ids)
    unstarted.wait_for(10, what="plain")
    small.fill()

    def is_full():
        try:
            unstarted.rows("create table if not exists ballast as select repeat('x', 4000) from generate_series(1, 5000)")
        except psycopg2.Error as e:
            return "No space left" in str(e) or isinstance(e, psycopg2.OperationalError)
        unstarted.rows("drop table ballast")
        return False

    unstarted.wait_until(is_full, 30, "Postgres to run out of space")
    unstarted.wait_until(lambda: unstarted.log_contains("No space left|could not|wait in redis"), 20, "a daemon to say so")
    small.empty()
    if not unstarted.stack.postgres.process.is_running():
        unstarted.stack.postgres.process.forget()
        unstarted.stack.postgres.start()
    seen = len(unstarted.happenings(what="plain"))
    unstarted.wait_for(seen + 10, what="plain")
    load.stop()
    check_promises(unstarted, deadline=60)
    nothing_was_burned(unstarted)
