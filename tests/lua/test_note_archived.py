"""How far history is archived is noted also while Redis is full: the archive makes room."""


def test_the_place_is_noted_and_may_be_noted_again(p):
    for place in ("1-0", "5-3", "5-3"):
        assert p.call("note_archived", place) == [0]
        assert p.redis.get(p.prefix + ":archived") == place


def test_it_is_noted_in_a_full_redis(p):
    p.redis.config_set("maxmemory", 1)
    try:
        assert p.call("note_archived", "7-0") == [0]
    finally:
        p.redis.config_set("maxmemory", 0)
