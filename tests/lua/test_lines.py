"""Queues of one owner and function stand in a line behind what is the same for all of them."""

import pytest

from partition import BEHIND, GONE, LAST_SERVED, NEWCOMER, after, outcome, run

ADMITTED, WAITS = 0, 1
SCHEDULERS = {"schedulers": {"s1": "1"}}
AT = 1763970000000


def seeded(p, template, **more):
    return p.seed({**SCHEDULERS, "limits": {"f": template}, "ready:f": {"entries": [], "workers": {}}, **more})


def finish(p, count=1):
    """Ids of the runs that are claimed next, one after another; each ends."""
    ended = []
    for _ in range(count):
        (_, entry, run_id, *_), = p.claim("w1", 1, "f")
        assert p.commit("w1", outcome("finish", "f", entry, run_id)) == [0]
        ended.append(run_id)
    return ended


def places(p):
    """Where everybody stands: lines and blocked sets without their scores."""
    return {name: [member for member, _ in value] for name, value in p.dump().items()
            if name.startswith(("line:", "blocked:"))}


def free(p, name):
    """Room comes free behind that limit."""
    p.redis.delete(p.key("slots:" + name))
    p.redis.sadd(p.key("unsettled"), name)
    return p.fire_timers()[1]


# ---- a line ----

def test_a_line_begins_with_its_first_queue(p):
    before = seeded(p, "1 all\n", **{"slots:all": {"x"}})
    assert p.enqueue(run("r1", "f", "o\na")) == [0, WAITS]
    assert p.dump() == after(before, {
        "seq": "1", "run:r1": {"fn": "f", "key": "o\na", "seq": "1", "at": "1000"}, "input:r1": "{}",
        "wait:f:o\na": [("r1", 1)], "line:f:o": [("f:o\na", 1)], "blocked:all": [("\nf:o", NEWCOMER)]})


def test_others_join_it(p):
    seeded(p, "1 all\n", **{"slots:all": {"x"}})
    p.enqueue(run("r1", "f", "o\na"), run("r2", "f", "o\nb"), run("r3", "f", "o\na"), run("r4", "f", "o\nc\nd"))
    assert places(p) == {"line:f:o": ["f:o\na", "f:o\nb", "f:o\nc\nd"], "blocked:all": ["\nf:o"]}


def test_each_function_each_owner_and_what_has_begun_has_a_line_of_its_own(p):
    p.seed({**SCHEDULERS, "limits": {"f": "1 all\n", "g": "1 all\n"}, "slots:all": {"x"}})
    p.enqueue(run("r1", "f", "o\na"), run("r2", "f", "o\na", begun=1), run("r3", "f", "p\na"), run("r4", "g", "o\na"),
              run("r5", "f", "o"))
    assert places(p) == {
        "line:f:o": ["f:o\na"], "line:f+:o": ["f+:o\na"], "line:f:p": ["f:p\na"], "line:g:o": ["g:o\na"],
        "blocked:all": ["\nf+:o", "\nf:o", "\nf:p", "\ng:o", "f:o"]}


def test_runs_are_served_in_the_order_in_which_they_were_accepted(p):
    """Whatever their queues are."""
    seeded(p, "1 all\n")
    keys = "abacbbcaac"
    p.enqueue(*[run(f"r{n}", "f", "o\n" + key, at=AT + n) for n, key in enumerate(keys)])
    assert finish(p, 10) == [f"r{n}" for n in range(10)]
    assert places(p) == {} and not [name for name in p.dump() if name.startswith(("wait:", "vt:", "slots:"))]


def test_a_run_that_goes_before_the_first_of_its_queue_moves_the_queue(p):
    seeded(p, "1 all\n", **{"slots:all": {"x"}})
    p.enqueue(run("r1", "f", "o\na", at=AT), run("r2", "f", "o\nb", at=AT + 1), run("r3", "f", "o\nc", at=AT + 2))
    p.enqueue(run("urgent", "f", "o\nc", at=AT + 3, priority=60000), run("late", "f", "o\na", at=AT + 4))
    assert places(p)["line:f:o"] == ["f:o\nc", "f:o\na", "f:o\nb"]
    free(p, "all")
    assert finish(p, 5) == ["urgent", "r1", "r2", "r3", "late"]


@pytest.mark.parametrize("key", ["\n", "a\n", "\nb", "a:b\n:", "%s\n%d", "é\n☃", "\udcff\x00\n\udcff"])
def test_any_key(p, key):
    seeded(p, "1 all\n")
    p.enqueue(run("r1", "f", key), run("r2", "f", key), run("r3", "f", key + "x"))
    assert finish(p, 3) == ["r1", "r2", "r3"]
    assert places(p) == {}


# ---- where it goes ----

def test_it_goes_from_limit_to_limit_as_one(p):
    seeded(p, "1 own:$\n1 all\n", **{"slots:own:o": {"x"}, "slots:all": {"x"}})
    p.enqueue(*[run(f"r{n}", "f", f"o\ni{n}") for n in range(5)])
    assert places(p)["blocked:own:o"] == ["\nf:o"]
    assert free(p, "own:o") == 0
    assert places(p) == {"line:f:o": [f"f:o\ni{n}" for n in range(5)], "blocked:all": ["\nf:o"]}
    assert free(p, "all") == 1
    assert places(p) == {"line:f:o": [f"f:o\ni{n}" for n in range(1, 5)], "blocked:all": ["\nf:o"]}
    finish(p, 5)
    assert places(p) == {}


def test_a_queue_whose_own_part_is_full_stands_alone(p):
    """And lets those behind it pass."""
    seeded(p, "9 own:$\n1 item:$2\n1 all\n", **{"slots:all": {"x"}})
    p.enqueue(run("r1", "f", "o\na"), run("r2", "f", "o\na"), run("r3", "f", "o\nb"))
    assert free(p, "all") == 1
    p.call("set_override", "all", 2)
    assert p.fire_timers()[1] == 1
    assert p.ready("f") == ["r1", "r3"]
    assert places(p) == {"blocked:item:a": ["f:o\na"]}
    assert finish(p) == ["r1"]
    assert p.ready("f") == ["r3", "r2"] and places(p) == {}


def test_and_comes_back_into_its_line_in_its_old_place(p):
    seeded(p, "9 own:$\n1 item:$2\n9 all\n", **{"slots:item:a": {"x"}, "slots:all": {f"x{n}" for n in range(9)}})
    p.enqueue(run("r1", "f", "o\na"))
    assert places(p) == {"blocked:item:a": ["f:o\na"]}
    p.enqueue(run("r2", "f", "o\nb"), run("r3", "f", "o\na"))
    assert places(p) == {"blocked:item:a": ["f:o\na"], "blocked:all": ["\nf:o"], "line:f:o": ["f:o\nb"]}
    assert free(p, "item:a") == 0
    assert places(p) == {"blocked:all": ["\nf:o"], "line:f:o": ["f:o\na", "f:o\nb"]}
    assert p.redis.zrange(p.key("line:f:o"), 0, -1, withscores=True) == [("f:o\na", 1), ("f:o\nb", 2)]


def test_the_line_goes_on_when_its_only_queue_leaves_it(p):
    seeded(p, "1 item:$2\n1 all\n", **{"slots:all": {"x"}})
    p.enqueue(run("r1", "f", "o\na"))
    p.seed({"slots:item:a": {"y"}})
    assert free(p, "all") == 0
    assert places(p) == {"blocked:item:a": ["f:o\na"]} and "vt:all" not in p.dump()


@pytest.mark.parametrize("template", ["", "2 other\n", "1 own:$\n", "1 item:$2\n"])
def test_the_limits_change_under_it(p, template):
    seeded(p, "1 own:$\n1 item:$2\n1 all\n", **{"slots:all": {"x"}, "slots:item:b": {"y"}})
    p.enqueue(run("r1", "f", "o\na"), run("r2", "f", "o\nb"), run("r3", "f", "o\na"), run("r4", "f", "o\nb"))
    names = [name[8:] for name in places(p) if name.startswith("blocked:")]
    p.call("install_limits", "f", template, *names)
    p.redis.delete(p.key("slots:item:b"))
    p.fire_timers()
    p.fire_timers()
    assert sorted(finish(p, 4)) == ["r1", "r2", "r3", "r4"]
    assert places(p) == {}


def test_a_pause_holds_the_line(p):
    seeded(p, "9 all\n", controls={"pause/f": "pause"})
    p.enqueue(run("r1", "f", "o\na"), run("r2", "f", "o\nb"), run("r3", "f", "o\na", begun=1))
    assert places(p) == {"line:f:o": ["f:o\na", "f:o\nb"], "blocked:paused/f": ["\nf:o"],
                         "line:f+:o": ["f+:o\na"], "blocked:paused/f+": ["\nf+:o"]}
    p.call("set_pause", "f", "run", 100)
    p.fire_timers()
    assert sorted(p.ready("f")) == ["r1", "r2", "r3"] and places(p) == {}


# ---- who leaves it without having been served ----

@pytest.mark.parametrize("victim, line", [("r1", ["f:o\nb", "f:o\na"]), ("r2", ["f:o\na"]), ("r3", ["f:o\na", "f:o\nb"])])
def test_a_run_is_cancelled(p, victim, line):
    seeded(p, "1 all\n", **{"slots:all": {"x"}})
    p.enqueue(run("r1", "f", "o\na"), run("r2", "f", "o\nb"), run("r3", "f", "o\na"))
    assert p.call("cancel_run", victim, "why") == [0]
    assert places(p) == {"line:f:o": line, "blocked:all": ["\nf:o"]}


def test_the_last_run_is_cancelled(p):
    seeded(p, "1 all\n", **{"slots:all": {"x"}, "vt:all": [(LAST_SERVED, 3)]})
    p.enqueue(run("r1", "f", "o\na"))
    assert p.call("cancel_run", "r1", "why") == [0]
    state = p.dump()
    assert places(p) == {} and "wait:f:o\na" not in state and "vt:all" not in state


def test_the_last_run_of_a_queue_that_stands_alone_is_cancelled(p):
    seeded(p, "1 item:$2\n", **{"slots:item:a": {"x"}})
    p.enqueue(run("r1", "f", "o\na"))
    assert p.call("cancel_run", "r1", "why") == [0]
    assert places(p) == {}


@pytest.mark.parametrize("damage", [{"line:f:o": GONE}, {"wait:f:o\na": GONE}, {"line:f:o": GONE, "wait:f:o\na": GONE}])
def test_a_line_of_which_something_was_deleted_stands_in_nobodys_way(p, damage):
    seeded(p, "1 all\n", **{"slots:all": {"x"}})
    p.enqueue(run("r1", "f", "o\na"), run("r2", "f", "zz"))
    for name in damage:
        p.redis.delete(p.key(name))
    free(p, "all")
    assert p.ready("f") == ["r2"]
    assert places(p) == {}


# ---- turns ----

def test_the_line_has_one_turn_of_its_owner(p):
    seeded(p, "1 all\n", **{"slots:all": {"x"}})
    p.enqueue(*[run(f"r{n}", "f", f"o\ni{n}") for n in range(3)])
    free(p, "all")
    state = p.dump()
    assert state["blocked:all"] == [("\nf:o", NEWCOMER + 1 + BEHIND)]
    assert state["vt:all"] == [(LAST_SERVED, NEWCOMER), ("o", NEWCOMER + 1)]


def test_an_owner_with_many_items_takes_turns_with_one_with_few(p):
    seeded(p, "1 all\n")
    p.enqueue(run("first", "f", "x"), *[run(f"many.{n}", "f", f"many\n{n}") for n in range(500)],
              *[run(f"few.{n}", "f", f"few\n{n}") for n in range(5)])
    served = [run_id.split(".")[0] for run_id in finish(p, 12)][1:]
    assert served.count("few") == 5


def test_a_partition_with_a_line_says_how_much_it_needs(p):
    seeded(p, "~9 all\n")
    p.enqueue(*[run(f"r{n}", "f", f"o\ni{n}") for n in range(7)], run("r8", "f", "other"), run("r9", "f", "other"))
    _, starved, (max_, version, holders, waiting) = p.call("read_demand", 10, 10, "all")
    assert (starved, max_, version, holders, waiting) == (["all"], 0, "0", 0, 9)
