"""Rows for the archive that belong to no outcome."""


def test_rows_go_into_the_history(p):
    assert p.call("note_lines", "s\tr1\n") == [1]
    (_, entry), = p.redis.xrange(p.key("history"))
    assert (entry["kind"], entry["run"], entry["body"]) == ("lines", "", "s\tr1\n")


def test_a_full_redis_lets_it_pass(p):
    p.redis.config_set("maxmemory", "1")
    assert p.call("note_lines", "x") == [1]
