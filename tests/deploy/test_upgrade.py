"""A rolling upgrade: the release before, built from the history, and this one, side by side under load."""

import os
import re
import shutil
import subprocess
import threading
import time

import pytest

from chaos.load import make_video
from harness.fixtures import WORKER
from harness.previous import git, previous_commit, unpack
from ops.stack import Stack, repository
from promises import Engine, check_promises

QUICK = {"CHRONOS_RETRY_BASE_MS": "40", "CHRONOS_LEASE_MS": "4000", "CHRONOS_DRAIN_MS": "20000", "CHRONOS_WORKER_THREADS": "8"}
NEW = "release"


def read_text(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


@pytest.fixture(scope="module")
def builds():
    """The folders with the programs of the release before, and of this one."""
    commit = previous_commit()
    source = os.path.join(repository(), "build", "previous")
    marker = os.path.join(source, ".commit")
    if not os.path.exists(marker) or read_text(marker) != commit:
        shutil.rmtree(source, ignore_errors=True)
        unpack(commit, source)
        with open(marker, "w", encoding="utf-8") as f:
            f.write(commit)
    for folder, version in ((source, ["VERSION=previous"]), (repository(), [])):
        subprocess.run(["make", "-s", "-j2", f"VARIANT={NEW}", *version, "all", f"build/{NEW}/{WORKER}"], cwd=folder,
                       check=True, capture_output=True, timeout=900)
    return os.path.join(source, "build", NEW), os.path.join(repository(), "build", NEW)


class Load(threading.Thread):
    """Events without a pause, until it is ended. Every one is acknowledged by Redis, and none fails by itself."""

    def __init__(self, engine, ids):
        super().__init__(daemon=True)
        self.engine = engine
        self.kinds = [("test/three", ids), ("test/tx", {**ids, "ms": 30}), ("test/slow", {**ids, "ms": 150}),
                      ("test/again", {**ids, "count": 4, "ms": 10}), ("test/each", {"items": [1, 2, 3]})]
        self.sent = []
        self.ended = threading.Event()
        self.start()

    def run(self):
        while not self.ended.wait(0.03):
            self.sent.append(self.engine.send(*self.kinds[len(self.sent) % len(self.kinds)]))

    def end(self):
        self.ended.set()
        self.join()


def old_daemon(engine, build, kind, name):
    """As it was run before there were roles: as the owner of the schema."""
    stack = engine.stack
    stack.is_prepared = True  # what this release would do to the database comes later
    stack.build = build
    return stack.daemon(kind, name, CHRONOS_DATABASE_URL=stack.database_url).start()


def replace(engine, old, build, kind, name):
    """The new one is there before the old one goes, as a rolling update does it."""
    engine.stack.build = build
    engine.stack.daemon(kind, name).start()
    engine.stack.daemons[old].stop()


def test_old_and_new_side_by_side_lose_nothing_and_burn_no_attempt(builds, test_folder):
    before, after = builds
    engine = Engine(Stack(test_folder, NEW, worker=WORKER, environment=QUICK))
    try:
        engine.stack.start_redis()
        engine.stack.start_postgres()
        old_daemon(engine, before, "scheduler", "scheduler-old-1")
        old_daemon(engine, before, "scheduler", "scheduler-old-2")
        for n in (1, 2):
            old_daemon(engine, before, "worker", f"worker-old-{n}")
        versions = engine.value("select max(version) from chronos.schema_migrations")
        load = Load(engine, make_video(engine))
        engine.wait_until(lambda: engine.value("select count(*) from chronos.runs") > 20, 30, "runs of the old release")

        # the schema goes first, under the old daemons
        engine.stack.build, engine.stack.is_prepared = after, False
        engine.stack.prepare_database()
        assert engine.value("select max(version) from chronos.schema_migrations") >= versions
        done = engine.value("select count(*) from chronos.runs")
        engine.wait_until(lambda: engine.value("select count(*) from chronos.runs") > done + 20, 30,
                          "the old release to work on the new schema")

        replace(engine, "scheduler-old-1", after, "scheduler", "scheduler-new-1")
        replace(engine, "worker-old-1", after, "worker", "worker-new-1")
        # one that goes and comes back in the middle, as after a crash of its host
        engine.stack.daemons["worker-old-2"].restart()
        time.sleep(1)
        replace(engine, "worker-old-2", after, "worker", "worker-new-2")
        replace(engine, "scheduler-old-2", after, "scheduler", "scheduler-new-2")
        done = engine.value("select count(*) from chronos.runs")
        engine.wait_until(lambda: engine.value("select count(*) from chronos.runs") > done + 20, 30, "runs of the new release")
        load.end()

        check_promises(engine, 60)  # waits until all is quiet
        assert engine.value("select count(*) from chronos.events where outcome = 'accepted'") == len(load.sent)
        assert engine.value("select count(distinct event_id) from chronos.runs") == len(load.sent)
        ends = engine.rows("select function_id, status, attempts, deaths, count(*) from chronos.runs group by 1, 2, 3, 4")
        assert {r["status"] for r in ends} == {"completed"}, ends
        assert {r["deaths"] for r in ends} == {0}, ends
        burnt = engine.rows("select run_id, step, attempt from chronos.run_steps where attempt > 1 or status <> 'completed'")
        assert not burnt, burnt
        builds_seen = {m for d in engine.stack.daemons.values()
                       for m in re.findall(r"msg=starting version=(\S+)", d.process.log_text(since_start=False))}
        assert len(builds_seen) == 2 and "previous" in builds_seen, builds_seen
    finally:
        engine.close()
        engine.stack.stop()
        engine.stack.remove()


def test_no_migration_since_the_release_before_shuts_it_out():
    """The rule: a schema is one that the release before can work on. What breaks it takes two releases."""
    commit = previous_commit()
    folder = os.path.join(repository(), "sql", "migrations")
    known = {line.rpartition("/")[2] for line in git("ls-tree", "--name-only", commit, "sql/migrations/", text=True).splitlines()}
    assert known
    for name in sorted(set(os.listdir(folder)) - known):
        with open(os.path.join(folder, name), encoding="utf-8") as f:
            text = f.read()
        assert re.search(r"^-- breaking: no$", text, re.M), f"{name} is breaking: the release before could not go on"
        # not what functions put together: those are partitions, whose time has come
        statements = re.sub(r"'[^']*'", "''", re.sub(r"--.*", "", text)).lower()
        assert not re.search(r"\b(drop (table|column)|rename (to|column))\b", statements), \
            f"{name} takes away what the release before uses: stop using it now, drop it in the next release"


def test_a_released_migration_is_never_edited():
    commit = previous_commit()
    for path in git("ls-tree", "--name-only", commit, "sql/migrations/", text=True).splitlines():
        with open(os.path.join(repository(), path), "rb") as f:
            assert f.read() == git("show", f"{commit}:{path}"), f"{path} has been changed since"
