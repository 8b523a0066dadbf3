"""read_backlog and tally_runs: what they count is what is there, and they change nothing."""

from partition import run

LIMITS = {"f": "2 own:$\n3 all\nusd5/1 budget:$\n", "g": "3 all\n"}


def backlog(p, *functions):
    _, counts, limits, history, events, pauses = p.call("read_backlog", *functions)
    return counts, {name: rest for name, *rest in limits}, history, events, pauses


def test_an_empty_partition_has_nothing(p):
    assert backlog(p, "f", "g") == ([[0, 0, "0"], [0, 0, "0"]], {}, [0, "0"], [0, "0"], [])
    assert len(p.call("tally_runs")) == 1
    assert p.dump() == {}


def test_what_is_ready_held_and_behind_limits_is_counted(p):
    p.seed({"schedulers": {"s1": "1"}, "limits": LIMITS, "controls": {"pause/g": "drain"}})
    p.redis.xgroup_create(p.key("ready:f"), "workers", "0", mkstream=True)
    p.enqueue(*[run(f"r{n}", "f", key=f"k{n}") for n in range(1, 6)])  # three find room
    assert len(p.claim("w1", 1, "f")) == 1
    p.redis.xadd(p.key("history"), {"kind": "lines"}, id="5000-1")
    p.redis.xadd(p.key("history"), {"kind": "lines"})
    before = p.dump()
    counts, limits, history, events, pauses = backlog(p, "f", "g")
    assert counts[0][:2] == [2, 1] and abs(int(counts[0][2]) - p.now_ms()) < 60000
    assert counts[1] == [0, 0, "0"]
    assert limits == {"all": [3, 3, 0, 2]}  # those with a key are not listed, nor is the budget
    assert history == [2, "5000"] and events == [0, "0"]
    assert pauses == ["g", "drain"]
    assert p.dump() == before


def test_held_work_is_not_ready(p):
    p.seed({"schedulers": {"s1": "1"}})
    p.redis.xgroup_create(p.key("ready:f"), "workers", "0", mkstream=True)
    p.enqueue(run("r1", "f"))
    p.claim("w1", 5, "f")
    assert backlog(p, "f")[0] == [[0, 1, "0"]]


def test_runs_are_told_by_where_they_are(p):
    p.seed({"run:w": {"fn": "f", "at": "10", "entry": ""}, "run:d": {"fn": "f", "at": "20"},
            "run:e": {"fn": "g", "at": "30", "wait": "step", "entry": ""}, "run:b": {"fn": "g", "at": "40", "fan_next": "2"},
            "run:r": {"fn": "f", "at": "50", "entry": "1-0"}, "run:o": {"fn": "f", "at": "60", "done": "1"}})
    p.redis.zadd(p.key("timers"), {"d": 9})
    before = p.dump()
    _, *runs = p.call("tally_runs", "w", "d", "e", "b", "r", "o", "gone")
    assert runs == [["f", "waiting", "10"], ["f", "delayed", "20"], ["g", "suspended", "30"], ["g", "suspended", "40"]]
    assert p.dump() == before
