"""What an admission costs does not grow with what waits: the commands that one commit gives are counted, not timed."""

import collections

import pytest

from partition import outcome, run

FEW, MANY, MOST = 30, 1000, 100_000
TURNS = 6


class Crowd:
    """A function whose runs wait, each in a queue of its own."""

    def __init__(self, p, template, key_of, count):
        self.p = p
        p.redis.flushall()
        p.seed({"schedulers": {"s1": "1"}, "limits": {"f": template}, "ready:f": {"entries": [], "workers": {}}})
        for at in range(0, count, 1000):
            p.enqueue(*[run(f"r{n}", "f", key_of(n)) for n in range(at, min(at + 1000, count))])
        self.finish()  # also loads the scripts

    def finish(self):
        """The run that was admitted first ends."""
        (_, entry, run_id, *_), = self.p.claim("w1", 1, "f")
        before = self.commands()
        assert self.p.commit("w1", outcome("finish", "f", entry, run_id)) == [0]
        given = self.commands()
        given.subtract(before)
        return +given

    def commands(self):
        stats = self.p.redis.info("commandstats")
        return collections.Counter({name[8:]: stat["calls"] for name, stat in stats.items()
                                    if name[8:] not in ("info", "script|load", "xreadgroup")})

    def turns(self):
        return [self.finish() for _ in range(TURNS)]


def owner(n):
    return f"o{n}"


def item(n):
    """All of one owner."""
    return f"o\ni{n}"


def item_of_two(n):
    return f"o{n % 2}\ni{n}"


CROWDS = {
    "owners behind a shared limit": ("2 all\n", owner),
    "owners behind several limits": ("2 own:$\n1 one:$2\n2 all\n9 more\n", owner),
    "items behind their owner's limit": ("2 own:$\n9 all\n", item),
    "items behind a shared limit": ("2 all\n", item),
    "items of two owners behind a shared limit": ("2 all\n", item_of_two),
    "items behind all limits at once": ("2 own:$\n1 one:$2\n3 all\n", item_of_two),
}


@pytest.mark.parametrize("name", CROWDS)
def test_an_admission_costs_the_same_with_many(p, name):
    template, key_of = CROWDS[name]
    few, many = (Crowd(p, template, key_of, count).turns() for count in (FEW, MANY))
    assert many == few
    assert "unsettled" not in p.dump()


@pytest.mark.parametrize("name", ["owners behind a shared limit", "items behind all limits at once"])
def test_an_admission_costs_the_same_with_a_hundred_thousand(p, name):
    template, key_of = CROWDS[name]
    few, most = (Crowd(p, template, key_of, count).turns() for count in (FEW, MOST))
    assert most == few
    assert all(sum(turn.values()) < 60 for turn in most)


def test_a_long_queue_costs_no_more_than_a_short_one(p):
    few, many = (Crowd(p, "2 own:$\n2 all\n", lambda n: "o", count).turns() for count in (FEW, MANY))
    assert many == few


def test_what_waits_elsewhere_costs_nothing(p):
    crowd = Crowd(p, "1 own:$\n", lambda n: f"o{n % 2}", FEW)
    few = crowd.turns()
    crowd = Crowd(p, "1 own:$\n", lambda n: f"o{n % 2}", FEW)
    p.redis.hset(p.key("limits"), "g", "1 other\n")
    p.enqueue(*[run(f"g{n}", "g", f"x{n}") for n in range(1000)])
    assert crowd.turns() == few


def test_several_ends_in_one_call_cost_what_they_cost_alone(p):
    """No more than linear in the outcomes of the batch."""
    costs = {}
    for ends in (1, 2, 4, 8):
        crowd = Crowd(p, "8 all\n", owner, 100)
        claims = p.claim("w1", ends, "f")
        before = crowd.commands()
        p.commit("w1", *[outcome("finish", "f", entry, r) for _, entry, r, *_ in claims])
        given = crowd.commands()
        given.subtract(before)
        costs[ends] = sum(given.values())
    assert costs[8] <= 8 * costs[1]
    assert costs[8] - costs[4] <= 2 * (costs[4] - costs[2])
