"""What rules are told of runs that began before Redis lost its memory, or may have lost it."""

from partition import now_plus, run

SCHEDULERS = {"schedulers": {"s1": "1"}}
ONCE, RATE = "60000\nx", "2\n60000\nr"


def test_starts_that_were_lost_count_again(p):
    p.seed(SCHEDULERS)
    assert p.call("remember_starts", "f", "r1", 10000, ONCE, RATE) == [1]
    assert p.dump() == {**SCHEDULERS, "once:f:x": "r1", "rate:f:r": [("r1", now_plus(-10000))]}
    assert 49000 < p.redis.pttl(p.key("once:f:x")) <= 50000
    assert p.enqueue(run("r2", "f", once=[60000, "x"]))[1][0] == 5
    assert p.enqueue(run("r3", "f", rate=[2, 60000, "r"]), run("r4", "f", rate=[2, 60000, "r"]))[2][0] == 5


def test_a_start_that_is_remembered_already_does_not_become_older(p):
    """Postgres knows when the event was accepted, Redis when the run began; by the former more would begin within a period."""
    p.seed(SCHEDULERS)
    p.enqueue(run("r1", "f", once=[60000, "x"], rate=[2, 60000, "r"]))
    before = p.dump()
    assert p.call("remember_starts", "f", "r1", 10000, ONCE, RATE) == [1]
    assert p.dump()["rate:f:r"] == before["rate:f:r"]
    assert p.redis.pttl(p.key("once:f:x")) > 59000
