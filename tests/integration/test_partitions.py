"""How many partitions there are: fixed once, told by the stores, and never another number by accident."""

import collections
import json

import pytest

from alone import ACCEPTED_MS, SCHEDULER, RunRow, rows
from harness.ids import ulid
from lua.partition import Partition, run as run_words
from ops.stack import wait_until
from promises import check_promises
from test_processes import run_program

PARTITIONS = 4


@pytest.fixture
def spread(engine):
    """With four partitions on a single Redis."""
    engine.stack.environment["CHRONOS_PARTITIONS"] = str(PARTITIONS)
    return engine


def stored(engine):
    return engine.redis.get("chronos:partitions"), engine.value(
        "select value from chronos.meta where key = 'partitions'")


def as_it_is(engine):
    """From now on daemons are not told the number."""
    engine.stack.environment["CHRONOS_PARTITIONS"] = ""


def test_twelve_creators_on_a_single_redis(spread):
    spread.start(workers=2)
    entries = [spread.send(name, {"creatorId": f"creator-{n}", "ms": 5, "count": 2})
               for n in range(12) for name in ("test/three", "test/slow", "test/again", "test/sender")]
    for entry in entries:
        spread.wait_for_run(entry, status="completed")
    check_promises(spread)
    added = [spread.redis.xinfo_stream(p + ":history")["entries-added"] for p in spread.prefixes]
    assert len(added) == PARTITIONS and all(added), added


def test_a_worker_of_several_partitions_sleeps_until_there_is_news(spread):
    """It watches without claiming: an idle worker asks next to nothing."""
    spread.start()
    spread.run("test/echo", {"creatorId": "c"})
    spread.wait_quiet()
    before = spread.redis.info("commandstats").get("cmdstat_xreadgroup", {}).get("calls", 0)
    spread.run("test/echo", {"creatorId": "c"})
    spread.wait_quiet()
    after = spread.redis.info("commandstats")["cmdstat_xreadgroup"]["calls"]
    functions = spread.redis.hlen("chronos:functions")
    assert after - before < 20 * functions, "claims were made again and again"


def test_functions_with_plenty_to_do_share_a_worker_in_each_partition(engine):
    """Its one thread takes turns between partitions, and between functions in each: neither may keep step with the other."""
    engine.stack.environment.update(CHRONOS_PARTITIONS="2", CHRONOS_WORKER_THREADS="1")
    functions, each = ("test-three", "test-throttle"), 150
    engine.redis.set("chronos:partitions", 2)
    parts = [Partition(engine.stack.redis_url, "{c%d}" % n) for n in range(2)]
    for n, p in enumerate(parts):
        p.call("register_scheduler", SCHEDULER, 1)
        words = [run_words(ulid(ACCEPTED_MS, 1000 * n + 2 * i + f), fn, at=ACCEPTED_MS, data=json.dumps(
            {"id": ulid(ACCEPTED_MS, 10**6), "name": "test/any", "ts": ACCEPTED_MS, "data": {}}))
            for i in range(each) for f, fn in enumerate(functions)]
        assert p.enqueue(*words, scheduler=SCHEDULER) == [0] * (1 + 2 * each)
    engine.stack.start_worker()

    def ended():
        """Functions of the runs that have ended, of each partition in their order."""
        return [[r.function for r in rows(p, "r", RunRow)] for p in parts]
    wait_until(lambda: min(len(runs) for runs in ended()) >= each, 60, "half of the runs to end", logs=engine.stack.logs())
    for runs in ended():
        first = collections.Counter(runs[:each])
        assert min(first[fn] for fn in functions) > each / 4, first


@pytest.mark.parametrize("kind", ["scheduler", "worker"])
def test_another_number_is_refused(spread, kind):
    spread.start()
    done = run_program(spread, kind, CHRONOS_PARTITIONS=8)
    assert done.returncode == 1
    assert "CHRONOS_PARTITIONS=8" in done.stderr and "CHRONOS_PARTITIONS=4 or leave it out" in done.stderr
    spread.run("test/echo")


def test_who_is_not_told_the_number_takes_the_one_that_is_there(spread):
    spread.stack.start_scheduler()
    as_it_is(spread)
    spread.stack.start_scheduler()
    spread.stack.start_worker()
    assert stored(spread) == ("4", "4")
    spread.stack.environment["CHRONOS_PARTITIONS"] = str(PARTITIONS)  # for the checks
    for n in range(12):
        spread.send("test/echo", {"creatorId": f"creator-{n}"})
    check_promises(spread)


def test_a_new_engine_has_one(spread):
    as_it_is(spread)
    spread.stack.start_scheduler()
    assert stored(spread) == ("1", "1")


def test_a_worker_waits_until_the_number_is_fixed(spread):
    worker = spread.stack.start_worker(wait=False)
    spread.wait_until(lambda: worker.log_contains("waiting for a scheduler to fix the number of partitions"), 10,
                      "the worker to wait")
    assert spread.redis.get("chronos:partitions") is None
    spread.stack.start_scheduler()
    worker.wait_ready()


def test_the_number_comes_back_from_postgres(spread):
    spread.start()
    as_it_is(spread)
    spread.redis.flushall()
    spread.wait_until(lambda: spread.redis.get("chronos:partitions") == "4", 20, "the number")
    spread.stack.environment["CHRONOS_PARTITIONS"] = str(PARTITIONS)
    spread.run("test/echo", {"creatorId": "creator-3"})
    check_promises(spread)


def test_stores_that_do_not_belong_together_are_refused(spread):
    spread.stack.start_scheduler().stop()
    as_it_is(spread)
    spread.redis.set("chronos:partitions", "2")
    for kind in ("scheduler", "worker"):
        done = run_program(spread, kind)
        assert done.returncode == 1
        assert "redis holds 2 partitions and postgres knows of 4" in done.stderr


def test_several_hosts_that_are_no_cluster_are_refused(spread):
    url = spread.stack.redis_url
    done = run_program(spread, "scheduler", CHRONOS_REDIS_URL=f"{url},{url.removeprefix('redis://')}")
    assert done.returncode == 1 and "cluster-enabled no" in done.stderr


def test_a_run_that_redis_forgot_is_started_again_after_its_restart(spread):
    """As after a power cut or with a replica that lagged behind: the epochs are there, the last moments are not."""
    spread.start()
    spread.run("test/echo", {"creatorId": "c"})
    spread.daemon("worker-1").stop()
    entry = spread.send("test/echo", {"creatorId": "c"})
    run = spread.wait_until(lambda: spread.event(entry), 10, "the event in Postgres")["run_ids"][0]
    home = spread.home("c")
    for key in ("run:", "input:"):
        assert spread.redis.delete(f"{home}:{key}{run}") == 1
    spread.redis.xtrim(home + ":ready:test-echo", maxlen=0, approximate=False)
    for key in spread.redis.scan_iter(home + ":slots:*"):
        spread.redis.srem(key, run)
    spread.stack.redis.kill()
    spread.stack.redis.start()
    spread.wait_until(lambda: spread.log_contains("had forgotten are started again.*runs=1"), 20, "the run to be found")
    spread.daemon("worker-1").start()
    assert spread.wait_for_run(entry, status="completed")["id"] == run
    check_promises(spread)
