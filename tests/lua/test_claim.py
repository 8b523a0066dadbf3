import pytest
import redis

from partition import after, outcome, run


def ready(*ids, **workers):
    return {"entries": [(f"{n + 1}-0", i) for n, i in enumerate(ids)], "workers": workers}


def test_takes_a_run_with_all_it_needs(p):
    before = p.seed({"ready:f": ready("r1"), "run:r1": {"fn": "f", "key": "k", "seq": "1", "at": "9", "st": "8"},
                     "input:r1": '{"a":1}', "steps:r1": {"one": "1", "two": "null"}})
    assert p.claim("w1", 10, "f") == [
        (0, "1-0", "r1", before["run:r1"], '{"a":1}', {"one": "1", "two": "null"})]
    assert p.dump() == after(before, {"ready:f": ready("r1", w1=["1-0"])})


@pytest.mark.parametrize("sign, expected", [({}, {}), ({"try": "1"}, {}), ({"st": "5"}, {"one": "1"}),
                                            ({"begun": "1"}, {"one": "1"})])
def test_results_are_read_only_for_a_run_that_has_some(p, sign, expected):
    p.seed({"ready:f": ready("r1"), "run:r1": {"fn": "f", **sign}, "input:r1": "{}", "steps:r1": {"one": "1"}})
    assert p.claim("w1", 1, "f") == [(0, "1-0", "r1", {"fn": "f", **sign}, "{}", expected)]


def test_a_branch_has_the_input_and_results_of_its_run(p):
    branch = {"fn": "f", "key": "k", "parent_run": "r1", "branch": "7"}
    p.seed({"ready:f": ready("r1.7"), "run:r1.7": branch, "input:r1": '{"a":1}', "steps:r1": {"one": "1"}})
    assert p.claim("w1", 1, "f") == [(0, "1-0", "r1.7", branch, '{"a":1}', {"one": "1"})]


def test_nothing_ready(p):
    """Whether a consumer is made then differs between versions of Redis."""
    p.seed({"ready:f": ready()})
    assert p.claim("w1", 10, "f") == []
    state = p.dump()
    assert list(state) == ["ready:f"]
    assert state["ready:f"]["entries"] == []


def test_no_function_asked_for(p):
    assert p.claim("w1", 10) == []
    assert p.dump() == {}


@pytest.mark.parametrize("most, expected", [(0, ""), (1, "a"), (3, "abc"), (4, "abcd"), (9, "abcde")])
def test_never_more_than_asked_for_over_all_functions(p, most, expected):
    p.seed({"ready:f": ready("a", "b", "c"), "ready:g": ready("d", "e")})
    claimed = p.claim("w1", most, "f", "g")
    assert "".join(c[2] for c in claimed) == expected
    assert [c[0] for c in claimed] == [0, 0, 0, 1, 1][:len(claimed)]
    state = p.dump()
    pending = [e for fn in "fg" for e in state["ready:" + fn]["workers"].get("w1", [])]
    assert len(pending) == len(expected)


def test_functions_are_looked_at_in_the_given_order(p):
    p.seed({"ready:f": ready("a"), "ready:g": ready("b")})
    assert [(c[0], c[2]) for c in p.claim("w1", 1, "g", "f")] == [(0, "b")]


def test_a_stream_of_the_wrong_type_stops_nobody_else(p):
    p.seed({"ready:g": ready("b")})
    p.redis.set(p.key("ready:f"), "by hand")
    assert [(c[0], c[2]) for c in p.claim("w1", 5, "f", "g")] == [(1, "b")]
    with pytest.raises(redis.exceptions.ResponseError, match="WRONGTYPE"):
        p.claim("w1", 5, "f", "g")


def test_a_run_goes_to_one_worker_only(p):
    before = p.seed({"ready:f": ready("a", "b", "c")})
    assert [c[2] for c in p.claim("w1", 2, "f")] == ["a", "b"]
    assert [c[2] for c in p.claim("w2", 2, "f")] == ["c"]
    assert p.claim("w1", 2, "f") == []
    assert p.dump() == after(before, {"ready:f": ready("a", "b", "c", w1=["1-0", "2-0"], w2=["3-0"])})


def test_what_a_lost_reply_delivered_is_found_in_the_pending_list(p):
    """A repeated call gives new runs; those of the lost reply are read by XREADGROUP … 0."""
    p.seed({"ready:f": ready("a", "b")})
    p.claim("w1", 1, "f")
    assert [c[2] for c in p.claim("w1", 5, "f")] == ["b"]
    (_, entries), = p.redis.xreadgroup("workers", "w1", {p.key("ready:f"): "0"})
    assert [fields["run"] for _, fields in entries] == ["a", "b"]


def test_a_run_that_was_deleted_by_hand_has_an_empty_hash(p):
    p.seed({"ready:f": ready("gone", "r2"), "run:r2": {"fn": "f"}, "input:r2": "{}"})
    assert p.claim("w1", 5, "f") == [(0, "1-0", "gone", {}, None, {}), (0, "2-0", "r2", {"fn": "f"}, "{}", {})]


def test_without_a_group_it_is_refused_and_what_it_had_delivered_stays_pending(p):
    p.seed({"ready:f": ready("a"), "limits": {"f": ""}})
    with pytest.raises(redis.exceptions.ResponseError, match="NOGROUP"):
        p.claim("w1", 5, "f", "unknown")
    assert p.dump()["ready:f"] == ready("a", w1=["1-0"])


def test_bytes_pass_unchanged(p):
    data = "\x00\udcff\r\n\"\\'"
    p.seed({"ready:f": ready("r1"), "run:r1": {"fn": "f", "key": data, "st": "1"}, "input:r1": data,
            "steps:r1": {data: data}})
    assert p.claim("w1", 5, "f") == [(0, "1-0", "r1", {"fn": "f", "key": data, "st": "1"}, data, {data: data})]


def test_a_full_redis_lets_old_work_go_on(p):
    p.seed({"schedulers": {"s1": "1"}, "limits": {"f": "1 all\n"}})
    p.enqueue(run("r1", "f"), run("r2", "f"))
    p.redis.xgroup_create(p.key("ready:f"), "workers", "0")
    p.redis.config_set("maxmemory", "1")
    (_, entry, run_id, _, _, _), = p.claim("w1", 5, "f")
    assert p.commit("w1", outcome("finish", "f", entry, run_id, body="x")) == [0]
    assert [c[2] for c in p.claim("w1", 5, "f")] == ["r2"]
