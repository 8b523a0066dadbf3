"""Which functions a worker executes."""

import pytest

OFFERS = "chronos:offers"


@pytest.fixture
def offer(p):
    def call(worker, functions):
        assert p.call_on(OFFERS, "offer_functions", worker, functions) == [1]
        return p.redis.hgetall(OFFERS)

    yield call
    p.redis.delete(OFFERS)


def test_each_worker_has_its_own_and_the_last_word_counts(offer):
    assert offer("w1", "f g") == {"w1": "f g"}
    assert offer("w2", "g") == {"w1": "f g", "w2": "g"}
    assert offer("w1", "f") == {"w1": "f", "w2": "g"}


def test_a_worker_that_has_ended_leaves(offer):
    offer("w1", "f")
    assert offer("w1", "") == {}
    assert offer("w1", "") == {}
