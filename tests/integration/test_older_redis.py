"""Redis comes back from an old copy of its file, with its epochs intact, while Postgres has gone on."""

import os
import shutil

import pytest

from promises import check_promises
from test_flow import event_of, run_of, wait_until_it_waits

HEARD = {"ms": 1, "creatorId": "c"}


@pytest.fixture
def copied(engine):
    """A running stack that keeps a copy of what Redis has at one moment, and goes back to it."""
    engine.start()
    engine.run("test/echo")
    engine.wait_quiet()
    folder = engine.stack.redis.data_folders()[0]

    def copy():
        engine.redis.bgrewriteaof()
        engine.wait_until(lambda: not engine.redis.info("persistence")["aof_rewrite_in_progress"]
                          and not engine.redis.info("persistence")["aof_rewrite_scheduled"], 20, "the copy to be written")
        shutil.copytree(folder, folder + ".old")

    def go_back():
        engine.stack.redis.kill()
        shutil.rmtree(folder)
        os.rename(folder + ".old", folder)
        engine.stack.redis.start()

    engine.copy, engine.go_back = copy, go_back
    return engine


def start_waiter(engine, key):
    entry = engine.send("test/waiter", {"key": key, **HEARD})
    wait_until_it_waits(engine, entry)
    return entry


def go(engine, entry, key):
    engine.send("test/go", {"key": key, "n": 1})
    assert run_of(engine, entry)["status"] == "completed"


def test_what_has_ended_since_is_not_run_again_and_what_came_since_goes_on(copied):
    ended, waiting = start_waiter(copied, "ended"), start_waiter(copied, "waiting")
    copied.copy()
    go(copied, ended, "ended")
    came = start_waiter(copied, "came")
    done = copied.run("test/echo", {"creatorId": "since"})
    copied.wait_until(lambda: not copied.history_length(), 10, "history to be archived")
    copied.go_back()
    copied.wait_until(lambda: copied.log_contains("older than postgres"), 20, "the old copy to be noticed")
    copied.wait_until(lambda: copied.log_contains("live runs are rebuilt"), 20, "live runs to be rebuilt")
    for entry, key in ((waiting, "waiting"), (came, "came")):
        run = event_of(copied, entry)["run_ids"][0]
        copied.wait_until(lambda r=run: copied.redis.exists("{c0}:listener:" + r), 20, "it to wait again")
        go(copied, entry, key)
    again = event_of(copied, ended)["run_ids"][0]
    assert len(copied.happenings(run=again, what="before")) == 1
    assert copied.value("select count(*) from chronos.runs where id = %s", done["id"]) == 1
    check_promises(copied)


def test_a_restart_that_has_lost_nothing_rebuilds_nothing(copied):
    entry = start_waiter(copied, "k")
    copied.stack.redis.stop()
    copied.stack.redis.start()
    copied.run("test/echo")
    go(copied, entry, "k")
    assert not copied.log_contains("older than postgres")
    check_promises(copied)
