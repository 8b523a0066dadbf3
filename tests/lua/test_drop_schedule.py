"""A function that is retired has no schedule."""


def test_one_that_has_a_schedule(p):
    p.seed({"schedules": {"f": "@daily", "g": "@hourly"}, "cron": {"f": "5", "g": "6"}})
    assert p.call("drop_schedule", "f") == [1]
    assert p.dump() == {"schedules": {"f": "-", "g": "@hourly"}, "cron": {"g": "6"}}
    assert p.call("drop_schedule", "f") == [1]


def test_when_it_comes_back_nothing_past_fires(p):
    p.seed({"schedules": {"f": "@daily"}, "cron": {"f": "5"}})
    p.call("drop_schedule", "f")
    now_ms, last_ms = p.call("watch_crons", "f", "-", "@daily", "")
    assert now_ms == last_ms and int(last_ms) > 5


def test_one_that_has_none(p):
    assert p.call("drop_schedule", "f") == [0]
    assert p.dump() == {}
