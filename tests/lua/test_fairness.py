"""Who is next: nobody's backlog delays another by more than a turn, whatever else the partition is busy with."""

import pytest

from partition import run
from shop import Shop


def test_keys_take_turns(p):
    shop = Shop(p, f="1 all\n")
    shop.send("f", "x")
    for key in "abc":
        shop.send("f", key, 4)
    served = shop.serve_many("f", 13)[1:]
    assert [sorted(served[i:i + 3]) for i in range(0, 12, 3)] == [["a", "b", "c"]] * 4


def test_a_fresh_key_goes_ahead_of_a_huge_backlog(p):
    shop = Shop(p, f="1 all\n")
    shop.send("f", "huge", 500)
    shop.serve_many("f", 50)
    shop.send("f", "fresh")
    # one run holds the slot, one more may have been before it
    assert "fresh" in shop.serve_many("f", 3)


def test_a_fresh_key_with_a_late_name_is_not_behind_at_a_tie(p):
    shop = Shop(p, f="1 all\n")
    shop.send("f", "a", 100)
    shop.serve_many("f", 10)
    shop.send("f", "z", 1)
    assert "z" in shop.serve_many("f", 3)


def test_a_key_that_sends_one_at_a_time_gets_no_more_than_its_share(p):
    shop = Shop(p, f="1 all\n")
    shop.send("f", "x")
    shop.send("f", "b", 50)
    shop.send("f", "a")
    served = []
    for _ in range(20):
        key = shop.serve("f")
        served.append(key)
        if key == "a" or not p.waiting("f", "a") and "a" not in [r.split(".")[1] for r in p.ready("f")]:
            shop.send("f", "a")
    assert 8 <= served.count("b") <= 12, served


def test_a_busy_limit_does_not_upset_the_order_behind_another(p):
    """The virtual clock runs on between two admissions of the slow function."""
    shop = Shop(p, slow="1 slow\n", busy="1 busy\n")
    shop.send("busy", "huge", 300)
    shop.send("slow", "x")
    shop.send("slow", "a", 20)
    shop.send("slow", "b", 20)
    served = [shop.serve("slow")]
    for _ in range(20):
        shop.serve_many("busy", 5)
        served.append(shop.serve("slow"))
    assert served[1:].count("a") == 10, served
    assert served[1:].count("b") == 10, served


def test_a_fresh_key_behind_a_slow_limit_is_not_delayed_by_a_busy_one(p):
    shop = Shop(p, slow="1 slow\n", busy="1 busy\n")
    shop.send("slow", "x")
    shop.send("slow", "huge", 300)
    shop.send("busy", "huge", 300)
    shop.serve("slow")
    shop.serve_many("busy", 200)
    shop.send("slow", "fresh")
    assert "fresh" in shop.serve_many("slow", 3)


def test_work_of_a_key_elsewhere_does_not_keep_it_waiting_here(p):
    """A creator whose extractions run all the time still gets its turn in the slow function."""
    shop = Shop(p, slow="1 slow\n", busy="1 busy\n")
    shop.send("slow", "x")
    shop.send("busy", "b", 300)
    shop.send("slow", "a", 40)
    shop.send("slow", "b", 5)
    served = [shop.serve("slow")]
    for _ in range(12):
        shop.serve_many("busy", 10)
        served.append(shop.serve("slow"))
    assert served.count("b") == 5, served


def test_functions_of_one_key_take_turns(p):
    """A creator's backlog in one function does not keep its other functions waiting for ever."""
    shop = Shop(p, a="1 creator:$\n", b="1 creator:$\n")
    shop.send("a", "k", 30)
    shop.send("b", "k", 5)
    for _ in range(12):
        shop.serve("a" if p.ready("a") else "b")
    assert p.waiting("b") == []


def test_a_key_with_several_functions_has_one_share(p):
    shop = Shop(p, a="1 all\n", b="1 all\n", c="1 all\n")
    shop.send("a", "x")
    for fn in ("a", "b"):
        shop.send(fn, "k", 40)
    shop.send("c", "other", 40)
    served = []
    for _ in range(41):
        fn = next(fn for fn in "abc" if p.ready(fn))
        served.append((fn, shop.serve(fn)))
    served = served[1:]
    assert 18 <= sum(key == "other" for _, key in served) <= 22, served
    assert 8 <= sum(fn == "a" for fn, _ in served) <= 12, served


def test_a_queue_behind_its_own_limit_does_not_pass_by_those_behind_the_shared_one(p):
    """Two creators fill the shared limit, each up to its own; a third waits for a place."""
    shop = Shop(p, f="2 own:$\n4 all\n")
    shop.send("f", "a", 100)
    shop.send("f", "b", 100)
    shop.send("f", "c", 100)
    shop.serve_many("f", 4)
    served = shop.serve_many("f", 60)
    for key in "abc":
        assert 17 <= served.count(key) <= 23, served


def test_runs_of_a_queue_keep_their_order(p):
    shop = Shop(p, f="1 all\n")
    sent = shop.send("f", "k", 30)
    admitted = []
    for _ in range(30):
        admitted += p.ready("f")
        shop.serve("f")
    assert admitted == sent


def test_virtual_times_are_forgotten_when_nobody_waits(p):
    shop = Shop(p, f="1 own:$\n2 all\n")
    for key in "abcdef":
        shop.send("f", key, 5)
    shop.serve_many("f", 30)
    p.fire_timers()
    left = [name for name in p.dump() if not name.startswith(("run:", "input:"))]
    assert sorted(left) == ["limits", "ready:f", "schedulers", "seq"]


# ---- weights ----

def test_a_heavy_owner_is_not_delayed_by_a_light_ones_backlog(p):
    shop = Shop(p, f="1 all\n")
    p.call("set_weight", "heavy", 10)
    p.call("set_weight", "light", 0.1)
    shop.send("f", "light", 300)
    shop.serve_many("f", 20)
    shop.send("f", "heavy", 100)
    served = shop.serve_many("f", 90)
    assert served[1:].count("light") <= 1, served


def test_a_light_owner_gets_its_turn_beside_a_heavy_ones_backlog(p):
    shop = Shop(p, f="1 all\n")
    p.call("set_weight", "heavy", 9)
    shop.send("f", "heavy", 500)
    shop.serve_many("f", 50)
    shop.send("f", "light", 20)
    served = shop.serve_many("f", 100)
    assert 9 <= served.count("light") <= 11, served


def test_a_weight_gives_turns_and_no_right_to_starve_newcomers(p):
    shop = Shop(p, f="1 all\n")
    p.call("set_weight", "heavy", 1000)
    shop.send("f", "heavy", 500)
    shop.serve_many("f", 50)
    shop.send("f", "fresh")
    assert "fresh" in shop.serve_many("f", 20)


# ---- promise 7: a huge backlog delays nobody's first run ----

def assert_next(shop, owner, slots):
    """The owner's run is admitted when the first of the runs that were there ends: only those delay it."""
    before = shop.p.ready("f")
    assert len(before) == slots
    shop.serve("f")
    (admitted,) = set(shop.p.ready("f")) - set(before)
    assert admitted.split(".")[1] == owner
    shop.serve_many("f", 10)


@pytest.mark.parametrize("template, slots, count", [("3 all\n", 3, 100), ("5 own:$\n3 all\n", 3, 20),
                                                    ("2 own:$\n2 all\n", 2, 20)])
def test_a_hundred_thousand_runs_delay_a_first_run_by_those_that_are_running(p, template, slots, count):
    shop = Shop(p, f=template)
    for _ in range(count):
        shop.send("f", "huge", 1000)
    shop.serve_many("f", 20)
    for owner in ("fresh", "another", "zz"):
        shop.send("f", owner)
        assert_next(shop, owner, slots)


def test_as_many_items_delay_a_first_run_by_no_more(p):
    shop = Shop(p, f="9 own:$\n1 item:$2\n3 all\n")
    for at in range(0, 20_000, 1000):
        p.enqueue(*[run(f"f.huge.{n}", "f", f"huge\nitem {n}") for n in range(at, at + 1000)])
    shop.serve_many("f", 20)
    for owner in ("fresh", "another", "zz"):
        p.enqueue(run(f"f.{owner}.0", "f", f"{owner}\n{owner}"))
        assert_next(shop, owner, 3)


def test_several_huge_backlogs_delay_a_first_run_by_a_turn_of_each_at_most(p):
    shop = Shop(p, f="4 all\n")
    for owner in "abcdefgh":
        shop.send("f", owner, 1000)
    shop.serve_many("f", 50)
    shop.send("f", "fresh")
    assert "fresh" in shop.serve_many("f", 4 + 8)


def test_an_owner_whose_limit_is_its_own_is_not_delayed_at_all(p):
    shop = Shop(p, f="2 own:$\n")
    shop.send("f", "huge", 1000)
    shop.send("f", "fresh")
    assert any(run_id.startswith("f.fresh") for run_id in p.ready("f"))


# ---- newcomers ----

def test_newcomers_one_after_another_do_not_starve_a_backlog(p):
    """There is always one that is new, and it goes ahead; but those who wait get on all the same."""
    shop = Shop(p, f="1 all\n")
    shop.send("f", "first")
    shop.send("f", "backlog", 50)
    served = []
    for n in range(700):
        if not any(queue.startswith("f:new") for queue in p.redis.zrange(p.key("blocked:all"), 0, -1)):
            shop.send("f", f"new{n:04}")
        served.append(shop.serve("f"))
    turns = [n for n, owner in enumerate(served) if owner == "backlog"]
    assert max(b - a for a, b in zip([0, *turns], [*turns, len(served)])) <= 66, turns


def test_newcomers_go_in_the_order_in_which_they_came(p):
    shop = Shop(p, f="1 all\n")
    shop.send("f", "first")
    served, sent = [], []
    for n in range(60):
        owner = f"{(n * 37) % 100:02}"  # names in no order
        shop.send("f", owner)
        sent.append(owner)
        served.append(shop.serve("f"))
    assert served[1:] == sent[:-1]


def test_an_owner_that_comes_back_at_once_is_no_newcomer(p):
    shop = Shop(p, f="1 all\n")
    shop.send("f", "first")
    shop.send("f", "patient", 100)
    shop.send("f", "eager")
    served = []
    for _ in range(60):
        served.append(shop.serve("f"))
        if served[-1] == "eager":
            shop.send("f", "eager")
    assert served.count("eager") <= 31, served


# ---- several limits at once ----

def test_owners_share_the_narrower_of_two_shared_limits(p):
    shop = Shop(p, f="2 narrow\n4 wide\n", g="4 wide\n")
    for owner in "abc":
        shop.send("f", owner, 60)
        shop.send("g", owner, 60)
    served = [(fn, shop.serve(fn)) for _ in range(50) for fn in ("f", "g") if p.ready(fn)]
    for owner in "abc":
        assert abs(sum(o == owner for _, o in served) - len(served) / 3) <= 4, served


def test_a_function_without_the_narrow_limit_is_not_held_up_by_it(p):
    """All of f stand behind the narrow limit; g needs only the other."""
    shop = Shop(p, f="1 narrow\n3 wide\n", g="3 wide\n")
    shop.send("f", "a", 50)
    shop.send("g", "b", 50)
    for _ in range(30):
        shop.serve("g")
        assert len(p.ready("f")) + len(p.ready("g")) == 3
        assert len(p.ready("f")) <= 1


def test_who_has_its_own_limit_free_again_does_not_pass_those_behind_the_shared_one(p):
    """a fills the shared limit up to its own; b came later and waits for a place."""
    shop = Shop(p, f="2 own:$\n2 all\n")
    shop.send("f", "a", 100)
    shop.send("f", "b", 100)
    served = shop.serve_many("f", 42)
    assert served[:2] == ["a", "a"]
    assert abs(served[2:].count("a") - 20) <= 1, served


def test_items_of_one_owner_behind_a_limit_of_their_own_and_a_shared_one(p):
    shop = Shop(p, f="1 item:$2\n2 all\n")
    p.enqueue(*[run(f"f.a.{n}", "f", f"a\nitem{n % 3}") for n in range(60)])
    p.enqueue(*[run(f"f.b.{n}", "f", f"b\nitem{n}") for n in range(100, 160)])
    for _ in range(100):
        assert len(p.ready("f")) == 2, "the shared limit is used"
        shop.serve("f")
    assert p.waiting("f", "b\nitem159") == [] or p.waiting("f", "a\nitem2") != []


def test_a_retry_and_new_runs_of_one_owner_share_its_turns(p):
    shop = Shop(p, f="1 all\n")
    shop.send("f", "first")
    p.enqueue(*[run(f"f.a.begun{n}", "f", "a", begun=1) for n in range(40)])
    shop.send("f", "a", 40)
    shop.send("f", "b", 40)
    served = shop.serve_many("f", 41)[1:]
    assert 19 <= served.count("b") <= 21, served


def test_waiting_for_an_event_does_not_lose_an_owner_its_turn(p):
    """Runs that come back are among those of their owner, in the order of their acceptance."""
    shop = Shop(p, f="1 all\n")
    shop.send("f", "first")
    shop.send("f", "b", 30)
    p.enqueue(run("f.a.0", "f", "a"))
    p.seed({"run:f.a.back": {"fn": "f", "key": "a", "seq": "1", "wait": "s"}})
    shop.serve("f")
    assert p.call("resume_run", "f.a.back", "s", "ok", "1", "") == [1]
    assert shop.serve_many("f", 5).count("a") == 2
