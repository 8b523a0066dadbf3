"""The commands of ops/backup.md, run as they stand there."""

import os
import re
import subprocess

from harness.fixtures import WORKER, finish, variant
from ops.stack import Stack, repository
from promises import Engine, check_promises
from test_flow import event_of, run_of, wait_until_it_waits


def command(name):
    with open(os.path.join(repository(), "ops", "backup.md"), encoding="utf-8") as f:
        return re.search(rf"^```sh {name}\n(.*?)^```", f.read(), re.DOTALL | re.MULTILINE)[1]


def run(name, **environment):
    done = subprocess.run(["sh", "-euc", command(name)], env={**os.environ, **environment}, capture_output=True, text=True,
                          check=False)
    assert done.returncode == 0, done.stderr


def test_live_work_goes_on_from_a_dump_of_postgres_and_an_empty_redis(test_folder):
    e = Engine(Stack(test_folder, variant(), worker=WORKER, environment={"CHRONOS_LEASE_MS": "2000"},
                     postgres_settings={"fsync": "off"}))
    try:
        e.stack.start_redis()
        postgres = e.stack.start_postgres()
        e.start(workers=1)
        ended = e.run("test/echo", {"creatorId": "c"})
        entry = e.send("test/waiter", {"key": "k", "ms": 1, "creatorId": "c"})
        run_id = wait_until_it_waits(e, entry)
        e.wait_until(lambda: [s for s in e.steps_of(run_id) if s["step"] == "before"], 10, "the first step's row")
        backup = os.path.join(test_folder, "backup")
        os.makedirs(backup)
        run("backup-dump", DATABASE_URL=postgres.url(), BACKUP=backup)
        for daemon in e.stack.daemons.values():
            daemon.stop()
        db = e.clients.pop("db", None)
        if db is not None:
            db.close()
        postgres.admin("drop database chronos with (force)")
        postgres.admin("create database chronos owner chronos template template0")
        run("restore-dump", DATABASE_URL=postgres.url(), BACKUP=backup)
        run("empty-redis", REDIS_URL=e.stack.redis.url)
        assert not list(e.redis.scan_iter("*"))
        for daemon in e.stack.daemons.values():
            daemon.start()
        e.wait_until(lambda: e.log_contains("live runs are rebuilt"), 20, "live runs to be rebuilt")
        assert event_of(e, entry)["run_ids"] == [run_id]
        e.wait_until(lambda: e.redis.exists("{c0}:listener:" + run_id), 20, "it to wait again")
        e.send("test/go", {"key": "k", "n": 1})
        assert run_of(e, entry)["status"] == "completed"
        assert len(e.happenings(run=run_id, what="before")) == 1
        assert e.value("select count(*) from chronos.runs where id = %s", ended["id"]) == 1
        check_promises(e)
    finally:
        finish(e)
