"""Where schedules begin, and that none is put back to what it was."""
import pytest

from partition import NOW

HOURLY, DAILY = "0 * * * *", "0 0 * * *"


def watch(p, *functions):
    """(function, what was stored, what its manifest says, what Postgres knows)"""
    return p.call("watch_crons", *[word for f in functions for word in f])


def test_a_new_schedule_begins_now(p):
    assert watch(p, ("f", "", HOURLY, "")) == [NOW, NOW]
    assert p.dump() == {"schedules": {"f": HOURLY}, "cron": {"f": NOW}}


def test_a_redis_that_has_lost_its_memory_begins_where_postgres_says(p):
    assert watch(p, ("f", "", HOURLY, "1000"), ("g", "", DAILY, "")) == [NOW, "1000", NOW]
    assert p.dump() == {"schedules": {"f": HOURLY, "g": DAILY}, "cron": {"f": "1000", "g": NOW}}


def test_what_stands_stays(p):
    before = p.seed({"schedules": {"f": HOURLY, "g": DAILY}, "cron": {"f": "5000", "g": "6000"}})
    assert watch(p, ("f", HOURLY, HOURLY, ""), ("g", DAILY, DAILY, "7000")) == [NOW, "5000", "6000"]
    assert p.dump() == before


def test_another_schedule_begins_now(p):
    p.seed({"schedules": {"f": HOURLY}, "cron": {"f": "5000"}})
    assert watch(p, ("f", HOURLY, DAILY, "")) == [NOW, NOW]
    assert p.dump() == {"schedules": {"f": DAILY}, "cron": {"f": NOW}}


def test_a_function_without_a_schedule_any_more(p):
    p.seed({"schedules": {"f": HOURLY}, "cron": {"f": "5000"}})
    assert watch(p, ("f", HOURLY, "-", "")) == [NOW, ""]
    assert p.dump() == {"schedules": {"f": "-"}}
    assert watch(p, ("f", "-", HOURLY, "")) == [NOW, NOW], "and with one again"


@pytest.mark.parametrize("stored, last", [(DAILY, "6000"), ("-", None)])
def test_who_read_before_it_changed_does_not_put_it_back(p, stored, last):
    """Another scheduler has gone from hourly to what is stored since this one has read both."""
    before = p.seed({"schedules": {"f": stored}, **({"cron": {"f": last}} if last else {})})
    assert watch(p, ("f", HOURLY, HOURLY, "")) == [NOW, ""]
    assert watch(p, ("f", HOURLY, "1 1 1 1 *", "")) == [NOW, ""]
    assert watch(p, ("f", "", HOURLY, "1000")) == [NOW, ""]
    assert p.dump() == before


def test_the_same_change_twice(p):
    p.seed({"schedules": {"f": HOURLY}, "cron": {"f": "5000"}})
    first = watch(p, ("f", HOURLY, DAILY, ""))[1]
    assert watch(p, ("f", HOURLY, DAILY, ""))[1] == first, "the second scheduler sees what the first one set"


def test_a_last_tick_that_was_taken_out_by_hand(p):
    p.seed({"schedules": {"f": HOURLY}})
    assert watch(p, ("f", HOURLY, HOURLY, "")) == [NOW, NOW]
    assert p.dump() == {"schedules": {"f": HOURLY}, "cron": {"f": NOW}}


def test_nothing_to_watch(p):
    assert watch(p) == [NOW]
    assert p.dump() == {}


def test_a_full_redis_lets_it_pass(p):
    p.redis.config_set("maxmemory", "1")
    assert watch(p, ("f", "", HOURLY, "")) == [NOW, NOW]
