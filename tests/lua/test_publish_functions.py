"""Workers of several builds side by side: the newest manifest stays."""

import json

import pytest

FUNCTIONS = "chronos:functions"


def manifest(version, **more):
    return json.dumps({"id": "f", "version": version, **more})


def publish(p, *functions):
    """(id, version, manifest)…"""
    return p.call_on(FUNCTIONS, "publish_functions", *[word for f in functions for word in f])


@pytest.fixture
def published(p):
    yield lambda: p.redis.hgetall(FUNCTIONS)
    p.redis.delete(FUNCTIONS)


def test_all_are_written(p, published):
    assert publish(p, ("f", 1, manifest(1)), ("g", 2, manifest(2))) == [0, 0]
    assert published() == {"f": manifest(1), "g": manifest(2)}


def test_an_older_one_is_kept_out_and_the_others_are_not(p, published):
    publish(p, ("f", 3, manifest(3)), ("g", 1, manifest(1)))
    assert publish(p, ("f", 2, manifest(2)), ("g", 2, manifest(2)), ("h", 1, manifest(1))) == [1, 0, 0]
    assert published() == {"f": manifest(3), "g": manifest(2), "h": manifest(1)}


def test_the_same_version_is_written_again(p, published):
    publish(p, ("f", 3, manifest(3)))
    assert publish(p, ("f", 3, manifest(3))) == [0]
    assert published() == {"f": manifest(3)}


def test_of_two_that_differ_in_the_same_version_the_last_stays_and_it_is_told(p, published):
    publish(p, ("f", 3, manifest(3, retries=1)), ("g", 1, manifest(1)))
    assert publish(p, ("f", 3, manifest(3, retries=2)), ("g", 1, manifest(1))) == [2, 0]
    assert published() == {"f": manifest(3, retries=2), "g": manifest(1)}


def test_ten_is_newer_than_nine(p, published):
    publish(p, ("f", 9, manifest(9)))
    assert publish(p, ("f", 10, manifest(10))) == [0]
    assert publish(p, ("f", 9, manifest(9))) == [1]


@pytest.mark.parametrize("there", [
    "", "no json", "[]", "7", "null", '"text"', "{}", '{"version":null}', '{"version":"x"}', '{"version":{}}'])
def test_what_has_no_version_is_older_than_any(p, published, there):
    p.redis.hset(FUNCTIONS, "f", there)
    assert publish(p, ("f", 0, manifest(0))) == [0]
    assert published() == {"f": manifest(0)}


def test_a_version_inside_the_manifest_is_not_mistaken_for_its_own(p, published):
    text = json.dumps({"id": "f", "condition": 'data.version == "9" && "version\\":9"', "steps": [{"version": 9}],
                       "version": 2})
    publish(p, ("f", 2, text))
    assert publish(p, ("f", 1, manifest(1))) == [1]
    assert publish(p, ("f", 3, manifest(3))) == [0]


def test_nothing_to_publish(p, published):
    assert publish(p) == []
    assert published() == {}


def test_a_worker_that_starts_while_redis_is_full_is_heard(p, published):
    p.redis.config_set("maxmemory", "1mb")
    assert publish(p, ("f", 1, manifest(1))) == [0]
    assert published() == {"f": manifest(1)}
