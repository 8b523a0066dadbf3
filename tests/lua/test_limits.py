"""Templates of limits: what a limit is counted by, which one a run waits behind, shares and budgets beside each other."""

import itertools

import pytest

from partition import NEWCOMER, after, outcome, run

ADMITTED, WAITS = 0, 1
SCHEDULERS = {"schedulers": {"s1": "1"}}


def seeded(p, template, **more):
    return p.seed({**SCHEDULERS, "limits": {"f": template}, **more})


def slots(p):
    """What each run holds: {limit: runs}"""
    return {name[6:]: value for name, value in p.dump().items() if name.startswith("slots:")}


def blocked(p):
    """{limit: queues in their order}"""
    return {name[8:]: [queue for queue, _ in value] for name, value in p.dump().items() if name.startswith("blocked:")}


def finish(p, run_id=None, fn="f"):
    """The run that is claimed next (or this one) ends; its id."""
    for _, entry, claimed, *_ in p.claim("w1", 1 if run_id is None else 100, fn):
        if run_id in (None, claimed):
            assert p.commit("w1", outcome("finish", fn, entry, claimed)) == [0]
            return claimed
    raise AssertionError(f"{run_id} cannot be claimed")


# ---- by which part of the key ----

def test_parts_of_the_key(p):
    seeded(p, "9 a:$\n9 b:$2\n9 c:$3\n9 d\n9 e:$1\n")
    assert p.enqueue(run("r1", "f", "ada\nvideo\nhost")) == [0, ADMITTED]
    assert slots(p) == {name: {"r1"} for name in ("a:ada", "b:video", "c:host", "d", "e:ada")}


@pytest.mark.parametrize("key", ["ada", "ada\n", "ada\n\n"])
def test_a_part_that_is_missing_is_empty(p, key):
    """A worker of another version has made the key."""
    seeded(p, "9 a:$\n9 b:$2\n9 c:$3\n")
    p.enqueue(run("r1", "f", key))
    assert slots(p) == {"a:ada": {"r1"}, "b:": {"r1"}, "c:": {"r1"}}


@pytest.mark.parametrize("name", ["fn/a.b-c", "%d", "with space", "x:y:z", "$", "a$b", "é"])
def test_any_name(p, name):
    seeded(p, f"1 {name}\n1 {name}:$\n1 {name}/2:$2\n")
    assert p.enqueue(run("r1", "f", "o\nv"), run("r2", "f", "o\nv")) == [0, ADMITTED, WAITS]
    assert slots(p) == {name: {"r1"}, name + ":o": {"r1"}, name + "/2:v": {"r1"}}


@pytest.mark.parametrize("part", ["", ":", "$", "$2", "%1", "1 all", "é ☃", "x" * 128, "\udcff\x00"])
def test_any_part(p, part):
    seeded(p, "1 a:$\n1 b:$2\n", **{"ready:f": {"entries": [], "workers": {}}})
    key = f"{part}\n{part}"
    assert p.enqueue(run("r1", "f", key), run("r2", "f", key), run("r3", "f", "o\n" + part), run("r4", "f", part + "\nv")) == [
        0, ADMITTED, WAITS, WAITS, WAITS]
    assert slots(p) == {"a:" + part: {"r1"}, "b:" + part: {"r1"}}
    assert [finish(p) for _ in range(4)].count("r2") == 1
    assert slots(p) == {} and blocked(p) == {}


def test_a_key_that_reads_like_a_template_is_a_key(p):
    """In one call: the template of g followed by a key of f is the template of f followed by a key of g."""
    p.seed({**SCHEDULERS, "limits": {"f": "9 all\n", "g": "9 all\n1 creator:$\n"}})
    p.enqueue(run("r1", "g", "foo"), run("r2", "f", "1 creator:$\nfoo"))
    assert slots(p) == {"all": {"r1", "r2"}, "creator:foo": {"r1"}}
    assert p.dump()["run:r2"]["limits"] == "9 all\n"


def test_each_part_has_its_own_places(p):
    seeded(p, "3 own:$\n1 video:$2\n")
    assert p.enqueue(run("r1", "f", "a\nx"), run("r2", "f", "a\nx"), run("r3", "f", "a\ny"), run("r4", "f", "b\nx"),
                     run("r5", "f", "b\nz")) == [0, ADMITTED, WAITS, ADMITTED, WAITS, ADMITTED]
    assert blocked(p) == {"video:x": ["f:a\nx", "f:b\nx"]}


def test_no_template_no_limits(p):
    seeded(p, "")
    assert p.enqueue(run("r1", "f"), run("r2", "unknown")) == [0, ADMITTED, ADMITTED]
    assert slots(p) == {}


@pytest.mark.parametrize("line", ["x all", "-1 all", "0 all", "~x all", "usd5 all"])
def test_a_maximum_that_is_none_lets_nobody_go(p, line):
    seeded(p, line + "\n")
    assert p.enqueue(run("r1", "f")) == [0, WAITS]
    p.call("set_override", "all", 1)
    p.fire_timers()
    assert p.ready("f") == ["r1"]


# ---- behind which of several full limits ----

@pytest.mark.parametrize("lines", list(itertools.permutations(["1 own:$", "1 video:$2", "1 all"])))
def test_what_fewer_share_comes_first(p, lines):
    """Behind what is not counted by the other parts of the key, queues of one owner stand in a line."""
    order = {"own:o": "\nf:o", "video:v": "f:o\nv", "all": "\nf:o"}
    full = {"slots:own:o": {"x"}, "slots:video:v": {"x"}, "slots:all": {"x"}}
    seeded(p, "".join(line + "\n" for line in lines), **full)
    p.enqueue(run("r1", "f", "o\nv"))
    for name in order:
        assert blocked(p) == {name: [order[name]]}
        assert p.redis.zrange(p.key("line:f:o"), 0, -1) == (["f:o\nv"] if order[name][0] == "\n" else [])
        p.redis.delete(p.key("slots:" + name))
        p.redis.sadd(p.key("unsettled"), name)
        p.fire_timers()
    assert p.ready("f") == ["r1"] and blocked(p) == {}


@pytest.mark.parametrize("lines", [["1 b", "1 a"], ["1 a", "1 b"]])
def test_among_equals_the_first_of_the_template(p, lines):
    seeded(p, "".join(line + "\n" for line in lines), **{"slots:a": {"x"}, "slots:b": {"x"}})
    p.enqueue(run("r1", "f"))
    assert blocked(p) == {lines[0][2]: ["f:k"]}


def test_a_limit_that_has_filled_up_again_is_waited_for_again(p):
    """While r2 stood behind `all`, others took the places of its own limit."""
    p.seed({**SCHEDULERS, "limits": {"f": "1 own:$\n1 all\n", "g": "1 own:$\n"}, "slots:all": {"x"}})
    p.enqueue(run("r2", "f"))
    assert blocked(p) == {"all": ["f:k"]}
    p.enqueue(run("g1", "g"))
    p.redis.delete(p.key("slots:all"))
    p.redis.sadd(p.key("unsettled"), "all")
    p.fire_timers()
    assert blocked(p) == {"own:k": ["f:k"]} and slots(p) == {"own:k": {"g1"}}
    p.redis.xgroup_create(p.key("ready:g"), "workers", "0")
    finish(p, fn="g")
    assert p.ready("f") == ["r2"] and slots(p) == {"own:k": {"r2"}, "all": {"r2"}}


@pytest.mark.parametrize("own, other", [("own", "all"), ("fn/f", "other")])
def test_who_is_through_one_limit_goes_behind_those_who_wait_for_the_next(p, own, other):
    """Else whoever's own limit frees would pass them, however the limits are called."""
    seeded(p, f"1 {own}:$\n2 {other}\n", **{"ready:f": {"entries": [], "workers": {}}})
    p.enqueue(run("a1", "f", "a"), run("b1", "f", "b"), run("a2", "f", "a"), run("c1", "f", "c"))
    assert blocked(p) == {f"{own}:a": ["f:a"], other: ["f:c"]}
    assert finish(p, "a1") == "a1"
    assert p.ready("f") == ["b1", "c1"]
    assert blocked(p) == {other: ["f:a"]}


# ---- what a run remembers ----

def test_a_run_gives_back_what_it_was_admitted_by(p):
    seeded(p, "1 own:$\n1 video:$2\n", **{"ready:f": {"entries": [], "workers": {}}})
    p.enqueue(run("r1", "f", "o\nv"))
    p.redis.hset(p.key("limits"), "f", "1 own:$2\n1 video:$\n1 other\n")
    assert finish(p) == "r1"
    assert slots(p) == {}


# ---- shares of limits over all partitions ----

def test_without_a_share_nobody_goes_and_it_is_known_that_somebody_waits(p):
    before = seeded(p, "~100 all\n")
    assert p.enqueue(run("r1", "f")) == [0, WAITS]
    assert p.dump() == after(before, {
        "seq": "1", "run:r1": {"fn": "f", "key": "k", "seq": "1", "at": "1000"}, "input:r1": "{}",
        "wait:f:k": [("r1", 1)], "blocked:all": [("f:k", NEWCOMER)], "starved": {"all"}})


def test_a_share_is_the_maximum_here(p):
    seeded(p, "~100 all\n", **{"share:all": {"max": "2", "version": "7"}})
    assert p.enqueue(*[run(f"r{n}", "f") for n in range(4)]) == [0, ADMITTED, ADMITTED, WAITS, WAITS]
    now = p.now_ms()
    assert p.call("set_share", "all", 3, 8, now)[0] == 0
    assert p.fire_timers() == [0, 1, -1]
    assert p.call("set_share", "all", 0, 9, now)[0] == 0
    p.redis.xgroup_create(p.key("ready:f"), "workers", "0")
    for _ in range(3):
        finish(p)
    assert p.ready("f") == [] and p.waiting("f") == ["r3"]


def test_a_share_of_a_limit_by_the_second_part(p):
    seeded(p, "~9 video:$2\n", **{"share:video:x": {"max": "1", "version": "1"}})
    assert p.enqueue(run("r1", "f", "a\nx"), run("r2", "f", "b\nx"), run("r3", "f", "a\ny")) == [0, ADMITTED, WAITS, WAITS]
    assert p.dump()["starved"] == {"video:x", "video:y"}


def test_a_limit_that_is_not_shared_starves_nobody(p):
    seeded(p, "1 all\n")
    p.enqueue(run("r1", "f"), run("r2", "f"))
    assert "starved" not in p.dump()


def test_a_queue_that_moves_behind_a_shared_limit_starves_there(p):
    seeded(p, "1 own:$\n~9 all\n", **{"slots:own:k": {"x"}})
    p.enqueue(run("r1", "f"))
    assert "starved" not in p.dump()
    p.redis.delete(p.key("slots:own:k"))
    p.redis.sadd(p.key("unsettled"), "own:k")
    p.fire_timers()
    assert blocked(p) == {"all": ["f:k"]} and p.dump()["starved"] == {"all"}


# ---- together ----

def test_a_budget_beside_the_others(p):
    """It is counted by the owner, so it stands before what more share."""
    seeded(p, "9 video:$2\n~9 all\nusd1000/0 budget:$\n", **{"share:all": {"max": "9", "version": "1"}})
    assert p.enqueue(run("r1", "f", "o\nv")) == [0, ADMITTED]
    assert slots(p) == {"budget:o": {"r1"}, "video:v": {"r1"}, "all": {"r1"}}
    p.seed({"spent:o": {str(p.now_ms() // 60000): "1000"}, "slots:video:w": {f"x{n}" for n in range(9)}})
    assert p.enqueue(run("r2", "f", "o\nw")) == [0, WAITS]
    assert blocked(p) == {"budget:o": ["\nf:o"]}


def test_many_limits(p):
    names = [f"l{n:02}" for n in range(60)]
    seeded(p, "".join(f"1 {name}\n" for name in names), **{"ready:f": {"entries": [], "workers": {}}})
    p.enqueue(run("r1", "f"), run("r2", "f"))
    assert slots(p) == {name: {"r1"} for name in names}
    finish(p)
    assert slots(p) == {name: {"r2"} for name in names}
    finish(p)
    assert slots(p) == {}
