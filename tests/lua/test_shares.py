"""Shares of a limit over partitions: what each script does, and that no order of calls by any number of rebalancers, each of
which may stop at any point, ever lets more runs hold a slot than the limit allows."""
import os
import random

import pytest

from partition import NOW, Partition

LIMIT = "global"
KEY = f"chronos:shares:{LIMIT}"
PARTITIONS = 3
HOUR = 3600000


class Shared:
    """Several partitions in one Redis, and the calls of a rebalancer."""

    def __init__(self, server):
        self.redis = server.redis
        self.parts = [Partition.__new__(Partition) for _ in range(PARTITIONS)]
        for i, part in enumerate(self.parts):
            part.__dict__.update(server.__dict__, prefix=f"{{c{i}}}")

    def demand(self, i, *limits, names=10, queues=10):
        return self.parts[i].call("read_demand", names, queues, *limits)

    def set(self, i, share, version, read=None):
        return self.parts[i].call("set_share", LIMIT, share, version, self.parts[i].now_ms() if read is None else read)

    def assign(self, max_, expected, grants):
        return self.parts[0].call_on(KEY, "assign_shares", max_, expected, *[x for pair in grants.items() for x in pair])

    def share(self, i):
        return self.redis.hgetall(f"{{c{i}}}:share:{LIMIT}")

    def central(self):
        return self.redis.hgetall(KEY)

    def grants(self):
        return [int(self.central().get(f"g{i}", 0)) for i in range(PARTITIONS)]

    def maxima(self):
        return [int(self.share(i).get("max", 0)) for i in range(PARTITIONS)]

    def holders(self):
        return [self.redis.scard(f"{{c{i}}}:slots:{LIMIT}") for i in range(PARTITIONS)]


@pytest.fixture
def s(p):
    return Shared(p)


# ---- read_demand ----

def test_what_a_partition_needs(p):
    before = p.seed({
        "share:a": {"max": "4", "version": "17"}, "slots:a": {"r1", "r2"},
        "blocked:a": [("f:k", 1), ("f:l", 2)], "wait:f:k": [("r3", 1), ("r4", 2)], "wait:f:l": [("r5", 3)],
        "starved": {"a"},
    })
    now, starved, a, none = p.call("read_demand", 10, 10, "a", "b")
    assert now == NOW and starved == ["a"]
    assert a == [4, "17", 2, 3] and none == [0, "0", 0, 0]
    assert p.dump() == before


def test_names_behind_which_nobody_stands_starve_no_more(p):
    p.seed({"starved": {"a", "b"}, "blocked:b": [("f:k", 1)], "wait:f:k": [("r", 1)]})
    assert p.call("read_demand", 10, 10)[1:] == [["b"]]
    assert p.redis.smembers(p.key("starved")) == {"b"}
    p.redis.delete(p.key("blocked:b"))
    assert p.call("read_demand", 10, 10)[1:] == [[]]
    assert not p.redis.exists(p.key("starved"))


def test_as_many_names_as_asked_for(p):
    p.seed({f"blocked:n{i}": [("f:k", 1)] for i in range(9)})
    p.seed({"starved": {f"n{i}" for i in range(9)}})
    assert len(p.call("read_demand", 4, 10)[1]) == 4


def test_many_queues_are_counted_as_one_run_each(p):
    p.seed({"blocked:a": [(f"f:k{i}", i) for i in range(5)], **{f"wait:f:k{i}": [("x", 1), ("y", 2)] for i in range(5)}})
    assert [p.call("read_demand", 1, most, "a")[2][3] for most in (1, 2, 5, 9)] == [2 + 4, 4 + 3, 10, 10]


# ---- set_share ----

def test_a_share_is_raised_by_newer_grants_only(s):
    assert s.set(0, 5, 10) == [0, 0]
    assert s.share(0) == {"max": "5", "version": "10"}
    assert [s.set(0, 6, v)[0] for v in (9, 10)] == [1, 1]
    assert s.share(0) == {"max": "5", "version": "10"}
    assert s.set(0, 6, 11)[0] == 0
    assert s.share(0) == {"max": "6", "version": "11"}


def test_a_share_is_lowered_by_grants_as_new(s):
    s.set(0, 5, 10)
    assert s.set(0, 4, 9)[0] == 1
    assert s.set(0, 4, 10)[0] == 0
    assert s.set(0, 4, 12)[0] == 0, "or left as it is, which ends raises that are on their way"
    assert s.share(0) == {"max": "4", "version": "12"}
    assert s.set(0, 6, 12)[0] == 1


def test_the_first_share(s):
    assert s.set(0, 0, 0)[0] == 0
    assert s.set(1, 3, 0)[0] == 1, "a version of 0 grants nothing"
    assert s.set(1, 3, 1)[0] == 0


def test_who_holds_a_slot_is_told(s):
    s.parts[0].seed({f"slots:{LIMIT}": {"r1", "r2"}})
    assert s.set(0, 1, 5) == [0, 2]
    assert s.set(0, 9, 5) == [1, 2]


def test_a_raise_that_comes_late_is_refused(s):
    now = s.parts[0].now_ms()
    assert s.set(0, 1, 5, read=now - 10500)[0] == 2
    assert s.set(0, 1, 5, read=now + 60000)[0] == 2, "of a clock that was set back"
    assert s.share(0) == {}
    assert s.set(0, 1, 5, read=now - 9000)[0] == 0
    assert s.set(0, 0, 5, read=now - 60000)[0] == 0, "lowering is never too late"


def test_a_raise_lets_who_waits_have_another_turn(s):
    s.set(0, 0, 5)
    assert not s.redis.exists("{c0}:unsettled")
    s.set(0, 2, 6)
    assert s.redis.smembers("{c0}:unsettled") == {LIMIT}


def test_a_share_of_nothing_is_forgotten(s):
    ttl = lambda: s.redis.pttl(f"{{c0}}:share:{LIMIT}")  # noqa: E731
    s.set(0, 0, 5)
    assert HOUR - 5000 < ttl() <= HOUR
    s.set(0, 1, 6)
    assert ttl() == -1


def test_setting_it_again_does_no_harm(s):
    assert [s.set(0, 3, 5)[0] for _ in range(2)] == [0, 0], "its own share is none that is raised"
    assert s.share(0) == {"max": "3", "version": "5"}


# ---- assign_shares ----

def test_grants_are_assigned(s):
    code, version = s.assign(10, "", {0: 4, 1: 6})
    assert code == 0 and version == NOW
    assert s.central() == {"v": version, "g0": "4", "g1": "6"}


def test_versions_rise_whatever_the_clock_says(s):
    s.redis.hset(KEY, mapping={"v": 9 * 10**15, "g0": 1})
    assert s.assign(10, str(9 * 10**15), {1: 1}) == [0, "9000000000000001"]


def test_only_from_the_version_they_were_worked_out_from(s):
    _, version = s.assign(10, "", {0: 4})
    for expected in ("", "1", str(int(version) + 1)):
        assert s.assign(10, expected, {0: 5}) == [1, version]
    assert s.grants()[0] == 4
    assert s.assign(10, version, {0: 5})[0] == 0
    s.redis.delete(KEY)
    assert s.assign(10, version, {0: 5}) == [1, ""]


def test_the_sum_stays_within_the_maximum(s):
    _, v = s.assign(10, "", {0: 4, 1: 6})
    assert s.assign(10, v, {2: 1}) == [2, v]
    assert s.assign(10, v, {0: 3, 2: 2}) == [2, v]
    assert s.grants() == [4, 6, 0]
    assert s.assign(10, v, {0: 3, 2: 1})[0] == 0


def test_above_a_lowered_maximum_it_may_only_fall(s):
    _, v = s.assign(10, "", {0: 4, 1: 6})
    assert s.assign(5, v, {0: 1, 1: 6, 2: 1})[0] == 2
    code, v = s.assign(5, v, {0: 3, 1: 5})
    assert (code, s.grants()) == (0, [3, 5, 0])
    assert s.assign(5, v, {0: 3, 1: 5})[0] == 0, "the same again is no raise"


def test_grants_of_nothing_are_forgotten(s):
    _, v = s.assign(10, "", {0: 4})
    assert s.redis.pttl(KEY) == -1
    code, v2 = s.assign(10, v, {0: 0})
    assert code == 0 and int(v2) > int(v)
    assert s.central() == {"v": v2} and HOUR - 5000 < s.redis.pttl(KEY) <= HOUR
    _, v3 = s.assign(10, v2, {0: 4, 1: 0})
    assert s.central() == {"v": v3, "g0": "4"} and s.redis.pttl(KEY) == -1


@pytest.mark.parametrize("act", [lambda s: s.demand(0, LIMIT), lambda s: s.set(0, 1, 5), lambda s: s.assign(5, "", {0: 1})])
def test_a_full_redis_lets_them_pass(s, act):
    s.redis.config_set("maxmemory", "1")
    assert act(s)


# ---- all together ----

def rebalance(s, maximum, rng):
    """One round of a rebalancer with targets drawn at random, as scheduler/share_round.c makes it: it yields before every call
    to Redis and may be dropped there. Returns silently where others were faster."""
    yield
    central = s.central()
    version = central.get("v", "")
    grants = [int(central.get(f"g{i}", 0)) for i in range(PARTITIONS)]
    read, maxima, holders, heard = [], [], [], int(version or 0)
    for i in range(PARTITIONS):
        yield
        now, _, (local, known, held, _) = s.demand(i, LIMIT)
        read.append(int(now))
        holders.append(held)
        maxima.append(local)
        if version == "":
            heard = max(heard, int(known))
    left, targets = maximum, []
    for _ in range(PARTITIONS):
        targets.append(rng.randint(0, left))
        left -= targets[-1]
    rng.shuffle(targets)
    wanted = list(grants)
    for i in range(PARTITIONS):
        if (version == "" or targets[i] < max(maxima[i], grants[i]) or max(maxima[i], holders[i]) > grants[i]):
            yield
            share = min(targets[i], maxima[i])
            code, held = s.set(i, share, heard, read[i])
            if code != 0:
                return
            maxima[i], wanted[i] = share, max(share, held)
            wanted[i] = max(wanted[i], min(targets[i], grants[i]))
    room = maximum - sum(wanted)
    for i in range(PARTITIONS):
        if targets[i] > wanted[i] and room > 0:
            more = min(room, targets[i] - wanted[i])
            wanted[i] += more
            room -= more
    yield
    fresh = version == ""
    code, version = s.assign(maximum, version, dict(enumerate(wanted)))
    if code != 0:
        return
    for i in range(PARTITIONS):
        if min(targets[i], wanted[i]) > maxima[i] or fresh:
            yield
            s.set(i, min(targets[i], wanted[i]), int(version), read[i])


class World:
    def __init__(self, s, rng):
        self.s, self.rng = s, rng
        self.maximum, self.runs = 10, 0
        self.rebalancers = []
        self.sum = 0
        self.moved = set()

    def admit(self):
        """As include/limits does it."""
        i = self.rng.randrange(PARTITIONS)
        if self.s.holders()[i] < self.s.maxima()[i]:
            self.runs += 1
            self.s.redis.sadd(f"{{c{i}}}:slots:{LIMIT}", f"r{self.runs}")

    def end(self):
        self.s.redis.spop(f"{{c{self.rng.randrange(PARTITIONS)}}}:slots:{LIMIT}")

    def step(self):
        if len(self.rebalancers) < 2 or self.rng.random() < 0.02:
            self.rebalancers = self.rebalancers[:3] + [rebalance(self.s, self.maximum, self.rng)]
        one = self.rng.choice(self.rebalancers)
        if next(one, "over") == "over":
            self.rebalancers.remove(one)

    def crash(self):
        if self.rebalancers:
            self.rebalancers.remove(self.rng.choice(self.rebalancers))

    def change(self):
        """Rebalancers on their way still go by the old maximum, and so may the sum until they have ended."""
        self.rebalancers.clear()
        self.maximum = self.rng.randint(0, 12)

    def lose(self):
        """The grants are lost; whatever was on its way comes too late."""
        self.rebalancers.clear()
        self.s.redis.delete(KEY)

    def check(self, what):
        grants, maxima, holders = self.s.grants(), self.s.maxima(), self.s.holders()
        where = f"{what}: {maxima} {holders} {grants} of {self.maximum}, {self.sum}"
        assert sum(holders) <= max(self.maximum, self.sum), where
        if self.s.central():
            assert sum(grants) <= max(self.maximum, self.sum), where
            assert all(maxima[i] <= grants[i] and holders[i] <= grants[i] for i in range(PARTITIONS)), where
            self.sum = sum(grants)
            self.moved.add(tuple(grants))


@pytest.mark.parametrize("round_", range(int(os.environ.get("CHRONOS_TEST_FUZZ_SECONDS", "3"))))
def test_no_order_of_calls_passes_the_limit(s, round_):
    seed = int(os.environ.get("CHRONOS_TEST_SEED", random.randrange(10**9)))
    print(f"CHRONOS_TEST_SEED={seed}")
    rng = random.Random(seed)
    world = World(s, rng)
    acts = [World.admit] * 30 + [World.end] * 15 + [World.step] * 90 + [World.crash, World.crash, World.change, World.lose]
    for n in range(1500):
        act = rng.choice(acts)
        act(world)
        world.check(f"{n} {act.__name__}")
    assert len(world.moved) > 10 and world.runs > 20, "the test has tested something"


def test_a_rebalancer_that_was_left_behind_does_nothing(s):
    """It has assigned and is about to raise, when another one takes the grant back."""
    rng = random.Random(1)
    _, v = s.assign(10, "", {0: 10})
    now = s.parts[0].now_ms()
    # the other one: lowers to nothing by the same version, gives all to partition 1
    assert s.set(0, 0, int(v), now)[0] == 0
    code, v2 = s.assign(10, v, {0: 0, 1: 10})
    assert code == 0
    assert s.set(0, 10, int(v), now)[0] == 1, "the first one wakes up"
    assert s.set(1, 10, int(v2), now)[0] == 0
    World(s, rng).check("after")
