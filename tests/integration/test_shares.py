"""Limits that several partitions share: never passed over all of them together, and used where runs wait.

test-limited admits two runs per creator and three over all; test-keyed three per creator and one per room, whoever's it is."""

import collections
import time

import pytest

from promises import check_errors, check_records, overlap

PARTITIONS = 8
CENTRAL = "chronos:shares:test-all"
CREATORS = [f"creator-{n}" for n in range(24)]


@pytest.fixture
def world(engine):
    engine.start(workers=2, CHRONOS_PARTITIONS=PARTITIONS)
    engine.wait_until(lambda: sum(grants(engine).values()) == 3, 20, "the first shares")
    return engine


def grants(engine, key=CENTRAL):
    return {int(f[1:]): int(n) for f, n in engine.redis.hgetall(key).items() if f != "v"}


def shares(engine, limit="test-all"):
    found = {p: engine.redis.hget(f"{{c{p}}}:share:{limit}", "max") for p in range(PARTITIONS)}
    return {p: int(n) for p, n in found.items() if n and n != "0"}


def holders(engine):
    return sum(engine.redis.scard(key) for key in engine.redis.scan_iter("{c*}:slots:test-all", count=1000))


def send_all(engine, name, count, **data):
    return [engine.send(name, {"creatorId": CREATORS[n % len(CREATORS)], "n": n, **data}) for n in range(count)]


def wait_all(engine, entries, deadline=60):
    for entry in entries:
        assert engine.wait_for_run(entry, status="completed", deadline=deadline)


def check(engine):
    """What check_promises says, over all partitions."""
    def left():
        return [k for k in engine.redis.scan_iter("{c*}:*", count=1000)
                if k.split(":", 1)[1].startswith(("slots:", "wait:", "blocked:", "run:", "starved", "unsettled"))]

    engine.wait_until(lambda: not left(), 20, "nothing to be left", seen=left)
    check_records(engine)
    check_errors(engine)


def test_the_limit_holds_over_all_partitions(world):
    wait_all(world, send_all(world, "test/limited", 240, ms=5))
    happened = world.happenings(function="test-limited")
    assert overlap(happened) == 3
    assert len({h.creator for h in happened}) == len(CREATORS)
    check(world)
    world.wait_until(lambda: sum(grants(world).values()) == 3, 10, "all of it to be granted")
    assert all(n <= grants(world).get(p, 0) for p, n in shares(world).items())


def test_nobody_is_forgotten_where_slots_are_fewer_than_partitions(world):
    """One creator floods its partition with work that takes long; the others' single runs get their turns."""
    flood = [world.send("test/limited", {"creatorId": "flood", "ms": 300}) for _ in range(60)]
    world.wait_for(1, function="test-limited", creator="flood")
    begun = time.monotonic()
    wait_all(world, send_all(world, "test/limited", len(CREATORS), ms=5), 30)
    assert time.monotonic() - begun < 25
    assert [e for e in flood if not world.runs_of(e)], "they did not wait for all of the flood"
    assert overlap(world.happenings(function="test-limited")) <= 3


def test_unused_shares_go_to_where_runs_wait(world):
    """All three slots are used by one partition alone; two per creator, so it takes two creators."""
    one, two = two_of_a_partition(world)
    entries = [world.send("test/limited", {"creatorId": creator, "ms": 700}) for creator in (one, two) * 6]
    world.wait_until(lambda: holders(world) == 3, 20, "three at once", interval=0.01)
    wait_all(world, entries)
    assert overlap(world.happenings(function="test-limited")) == 3


def two_of_a_partition(engine):
    """Creators whose runs are in the same partition: paused runs tell where they are."""
    engine.wait_until(lambda: engine.rows("select 1 from chronos.functions where id = 'test-echo'"), 10, "the function")
    engine.value("select chronos.pause('test-echo')")
    engine.wait_until(lambda: engine.redis.hget("{c0}:controls", "pause/test-echo"), 10, "the pause")
    for n in range(PARTITIONS + 1):
        engine.send("test/echo", {"creatorId": f"p{n}"})
    engine.wait_until(lambda: len(list(engine.redis.scan_iter("{c*}:run:*", count=1000))) == PARTITIONS + 1, 10, "the runs")
    homes = collections.defaultdict(list)
    for key in engine.redis.scan_iter("{c*}:run:*", count=1000):
        homes[key.split(":")[0]].append(engine.redis.hget(key, "key"))
    engine.value("select chronos.resume('test-echo')")
    return next(owners for owners in homes.values() if len(owners) > 1)[:2]


def test_a_limit_by_another_key_holds_over_all_partitions(world):
    """One run per room, whoever's it is; rooms do not wait for each other."""
    entries = [world.send("test/keyed", {"creatorId": CREATORS[n], "room": f"room-{n % 3}", "n": n % 3, "ms": 60})
               for n in range(18)]
    wait_all(world, entries)
    room_of = {r["id"]: r["output"]["n"] for r in world.rows("select id, output from chronos.runs where function_id = 'test-keyed'")}
    happened = world.happenings(function="test-keyed")
    for room in range(3):
        assert overlap([h for h in happened if room_of[h.run] == room]) == 1
    assert overlap(happened) > 1
    check(world)


def test_shares_of_a_key_are_taken_in_when_nobody_needs_them(world):
    wait_all(world, [world.send("test/keyed", {"creatorId": c, "room": "r", "ms": 1}) for c in CREATORS[:6]])
    name = next(k for k in world.redis.smembers("chronos:shared") if k.endswith(":r"))
    world.wait_until(lambda: name not in world.redis.smembers("chronos:shared"), 30, "it to be forgotten")
    assert not shares(world, name) and not grants(world, f"chronos:shares:{name}")
    assert sum(grants(world).values()) == 3, "others stay"
    wait_all(world, [world.send("test/keyed", {"creatorId": c, "room": "r", "ms": 1}) for c in CREATORS[:6]])


def test_an_operator_gives_it_another_maximum(world):
    world.wait_until(lambda: world.rows("select 1 from chronos.functions where id = 'test-limited'"), 10, "the function")
    world.value("select chronos.set_limit('test-all', null, 1)")
    world.wait_until(lambda: sum(grants(world).values()) == 1, 10, "the grants to fall")
    assert not world.redis.hexists("{c0}:controls", "limit/test-all"), "no partition may use all of it"
    wait_all(world, send_all(world, "test/limited", 40, ms=10))
    assert overlap(world.happenings(function="test-limited")) == 1
    world.value("select chronos.set_limit('test-all', null, 6)")
    world.wait_until(lambda: sum(grants(world).values()) == 6, 10, "the grants to rise")
    world.value("select chronos.clear_limit('test-all', null)")
    world.wait_until(lambda: sum(grants(world).values()) == 3, 10, "the grants to fall")
    check(world)


def test_a_lowered_limit_waits_for_those_who_hold_it(world):
    world.wait_until(lambda: world.rows("select 1 from chronos.functions where id = 'test-limited'"), 10, "the function")
    long = [world.send("test/limited", {"creatorId": c, "ms": 1500}) for c in CREATORS[:3]]
    world.wait_for(3, function="test-limited", what="start")
    world.value("select chronos.set_limit('test-all', null, 1)")
    late = [world.send("test/limited", {"creatorId": c, "ms": 1}) for c in CREATORS[3:6]]
    world.wait_for(1, function="test-limited", what="end")
    assert sum(grants(world).values()) <= 3
    wait_all(world, long + late)
    starts = [h.at for h in world.happenings(function="test-limited", what="start")]
    ends = [h.at for h in world.happenings(function="test-limited", what="end")]
    assert sorted(starts)[3] >= sorted(ends)[2], "none before the last of the three had ended"


def test_another_scheduler_goes_on(world):
    world.stack.start_scheduler(name="second", CHRONOS_PARTITIONS=PARTITIONS)
    first = world.redis.get("chronos:sharer")
    entries = send_all(world, "test/limited", 60, ms=20)
    world.daemon("scheduler-1").process.kill()
    world.wait_until(lambda: world.redis.get("chronos:sharer") not in (None, first), 10, "another one to lead")
    wait_all(world, entries)
    assert overlap(world.happenings(function="test-limited")) <= 3
    check(world)


def test_lost_grants_are_found_again(world):
    """As when one server of a cluster comes back empty: shares are used as they are until nothing old can be under way."""
    entries = send_all(world, "test/limited", 30, ms=400)
    world.wait_until(lambda: holders(world) == 3, 20, "three at once", interval=0.01)
    world.redis.delete(CENTRAL)
    world.wait_until(lambda: sum(grants(world).values()) == 3, 40, "new grants")
    assert all(n <= grants(world).get(p, 0) for p, n in shares(world).items())
    wait_all(world, entries)
    assert overlap(world.happenings(function="test-limited")) == 3
    check(world)


def test_an_idle_system_is_left_alone(world):
    """Once shares are spread nothing moves: the version stays."""
    world.run("test/limited", {"creatorId": "c", "ms": 1})
    world.wait_until(lambda: not list(world.redis.scan_iter("{c*}:starved")), 10, "nobody to starve")
    before = world.redis.hgetall(CENTRAL)
    calls = world.redis.info("commandstats")["cmdstat_set"]["calls"]
    world.wait_until(lambda: world.redis.info("commandstats")["cmdstat_set"]["calls"] > calls + 20, 30, "some turns")
    assert world.redis.hgetall(CENTRAL) == before
