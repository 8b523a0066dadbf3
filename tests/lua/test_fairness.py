"""Who is next: nobody's backlog delays another by more than a turn, whatever else the partition is busy with."""

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
