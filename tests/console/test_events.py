"""POST /e/<key> by hand: what is accepted, what is refused, and when it is durable."""

import base64
import http.client
import json
import os
import signal
import time
import uuid

import pytest

from test_server import is_error


def refused(answer, field):
    body = is_error(answer, 400, "invalid_input")
    assert (body["field"], body["ids"]) == (field, [])
    return body["error"]


def test_one_or_many(web):
    one = web.post("/e/key", {"name": "test/echo", "data": {"n": 1}})
    assert one.status == 200 and one.json["status"] == 200 and len(one.json["ids"]) == 1
    assert web.engine.wait_for_run(one.json["ids"][0], status="completed")
    many = web.post("/e/key", [{"name": "test/echo", "data": {"n": n}} for n in range(3)])
    for n, event in enumerate(many.json["ids"]):
        web.engine.wait_until(lambda e=event: web.engine.event(e), 20, "the event")
        assert web.engine.event(event)["data"]["n"] == n
    assert web.post("/e/key", []).json == {"ids": [], "status": 200}


@pytest.mark.parametrize("durable", ("redis", "postgres"))
def test_all_that_was_said_arrives(web, durable):
    key = uuid.uuid4().hex
    event = {"name": "test/echo", "data": {"n": [1, None, 2.5], "_inngest": {"x": 1}, "text": "a\tb\"ü"}, "id": key,
             "ts": 1577934245678, "user": {"who": [1]}, "v": "7"}
    answer = web.post(f"/e/key?durable={durable}", event)
    assert answer.headers["X-Chronos-Durable"] == durable
    web.engine.wait_until(lambda: web.engine.event(answer.json["ids"][0]), 20, "the event")
    row = web.engine.rows("select *, chronos.to_ms(ts) as ms from chronos.events where id = %s", answer.json["ids"][0])[0]
    assert row["data"] == {"n": [1, None, 2.5], "text": "a\tb\"ü"} and row["user"] == {"who": [1]}
    assert (row["idempotency_key"], row["v"], row["ms"]) == (key, "7", 1577934245678)


NUMBERS = [0, 2**53 + 1, 2**63 - 1, -(2**63), 0.1, -2.5, 1.025, 0.30000000000000004, 1 / 3, 3.141592653589793, 1e-7, 5e-324]
LARGE = [1e22, 1.7976931348623157e308]


@pytest.mark.parametrize("durable", ("redis", "postgres"))
def test_numbers_arrive_in_a_run_as_they_were_sent(web, durable):
    numbers, user = NUMBERS + LARGE * (durable == "redis"), NUMBERS + LARGE
    event = web.post(f"/e/key?durable={durable}", {"name": "test/echo", "data": {"n": numbers}, "user": user}).json["ids"][0]
    run = web.engine.wait_for_run(event, status="completed")
    seen, told = web.get(f"/v1/runs/{run['id']}").data["output"], web.get(f"/v1/events/{event}").data
    assert [repr(n) for n in seen["data"]["n"]] == [repr(n) for n in numbers]
    assert seen["user"] == user
    assert told["data"]["n"] == numbers


@pytest.mark.parametrize("body, field", [
    ('{"name": "test/echo", "data": {"a": [1, {"n": 9223372036854775808}]}}', "[0].data.a[1].n"),
    ('[{"name": "test/echo"}, {"name": "test/echo", "data": {"n": -9223372036854775809}}]', "[1].data.n"),
    ('[{"name": "test/echo", "ts": 123456789012345678901234567890}]', "[0].ts"), ('[{"name": "test/echo", "data": {"n": 1e400}}]', "[0].data.n")])
def test_a_number_that_would_lose_digits_is_refused_by_its_field(web, body, field):
    for route in ("/e/key", "/e/key?durable=postgres", "/v1/events"):
        answer = is_error(web.post(route, body), 400, "invalid_json")
        assert answer["field"] == field and "too large to be kept exactly" in answer["error"]


def test_a_number_that_postgres_writes_as_a_whole_one_of_more_than_64_bits(web):
    for large in (2.0**63, -1e22):
        assert "64 bits" in refused(web.post("/e/key?durable=postgres", [{"name": "a"}, {"name": "a", "data": {"n": [large]}}]), "[1].data")


@pytest.mark.parametrize("bad,field", [
    ({}, "[0].name"), ({"name": ""}, "[0].name"), ({"name": 5}, "[0].name"), ({"name": "x" * 257}, "[0].name"),
    ({"name": "inngest/x"}, "[0].name"), ({"name": "a", "data": []}, "[0].data"),
    ({"name": "a", "data": {"x": "y" * 600000}}, "[0].data"), ({"name": "a", "id": 5}, "[0].id"),
    ({"name": "a", "id": "x" * 513}, "[0].id"), ({"name": "a", "ts": "now"}, "[0].ts"), ({"name": "a", "ts": 5}, "[0].ts"),
    ({"name": "a", "v": {}}, "[0].v"), ({"name": "a", "user": {"x": "y" * 70000}}, "[0].user"), (5, "[0]")])
def test_a_bad_event_is_refused_by_its_field(web, bad, field):
    assert refused(web.post("/e/key", [bad]), field)


def test_deep_nesting(web):
    deep = {"name": "a", "data": json.loads('{"x":' * 101 + "1" + "}" * 101)}
    assert "levels" in refused(web.post("/e/key", deep), "[0].data")
    assert web.post("/e/key", "[" * 100000).status == 400


@pytest.mark.parametrize("durable", ("redis", "postgres"))
def test_all_or_nothing(web, durable):
    token = uuid.uuid4().hex
    good = {"name": "test/echo", "data": {"n": token}}
    assert refused(web.post(f"/e/key?durable={durable}", [good, good, {"name": "inngest/x"}]), "[2].name")
    last = web.post(f"/e/key?durable={durable}", {"name": "test/echo"}).json["ids"][0]
    web.engine.wait_until(lambda: web.engine.event(last), 20, "the event after it")
    assert web.engine.value("select count(*) from chronos.events where data->>'n' = %s", token) == 0


def test_what_is_no_event(web):
    for body in ("", "{", "nothing", "[1", b"\xff\xfe", "5", '"x"'):
        answer = web.post("/e/key", body)
        assert answer.status == 400 and answer.json["code"] == "invalid_json" and answer.json["ids"] == [], answer
        assert answer.json["field"] == "body", answer
    assert web.post("/e/key", [{"name": "a"}] * 5001).json["error"].startswith("the request has 5001 events")
    assert web.post("/e/key?durable=paper", {"name": "a"}).json["field"] == "durable"


def test_a_text_with_nul_is_refused_and_says_what_to_do(web):
    """Postgres can hold it in no text; in a name of a field as little as in a title."""
    for event in ({"name": "test/echo", "data": {"title": "a\0b"}}, [{"name": "test/echo", "data": {"a\0": 1}}]):
        for route in ("/e/key", "/e/key?durable=postgres", "/v1/events", "/api/bulk/delete", "/api/bulk/export",
                      "/api/bulk/reprocess", "/api/admin/reprocess-embeddings"):
            answer = web.post(route, event)
            assert answer.status == 400 and answer.json["code"] == "invalid_json", (route, answer)
            assert answer.json["field"] in ("[0].data.title", "[0].data", "data.title", "[0].data"), answer
            assert "the character \\u0000, which Postgres cannot hold: leave it out" in answer.json["error"]


def test_a_body_that_is_too_large(console):
    w = console(CHRONOS_CONSOLE_MAX_BODY_BYTES=2048)
    assert w.post("/e/key", {"name": "a", "data": {"x": "y" * 1000}}).status == 200
    answer = w.post("/e/key", {"name": "a", "data": {"x": "y" * 500000}})
    assert is_error(answer, 413, "too_large")["ids"] == []


def seeded(web, seed, n=1, durable="redis"):
    return web.post(f"/e/key?durable={durable}", [{"name": "test/echo", "data": {"n": i}} for i in range(n)],
                    x_inngest_event_id_seed=seed).json["ids"]


def new_seed():
    return f"{int(time.time() * 1000)}," + base64.b64encode(uuid.uuid4().bytes[:10]).decode()


DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def number(digits):
    return sum(DIGITS.index(c) << 5 * i for i, c in enumerate(reversed(digits)))


def test_ids_are_made_of_the_seed(web):
    seed = new_seed()
    ids = seeded(web, seed, 3)
    assert {number(i[:10]) for i in ids} == {int(seed.split(",")[0])}
    assert all((number(i[10:]) - number(ids[0][10:])) % 2**32 == n for n, i in enumerate(ids))


def test_a_seed_that_is_used_for_other_events(web):
    """In Redis they are other events, with ids of their own; Postgres, which can ask, refuses them."""
    seed = new_seed()
    mine = [{"name": "test/echo", "data": {"n": n}} for n in (1, 2)]
    for durable in ("redis", "postgres"):
        first = web.post(f"/e/key?durable={durable}", mine, x_inngest_event_id_seed=seed).json["ids"]
        for other in ([{"name": "test/echo", "data": {"n": n}} for n in (1, 3)], mine[:1], [*mine, {"name": "test/echo"}],
                      [{**mine[0], "id": "a"}, mine[1]], [{**mine[0], "ts": 1577934245678}, mine[1]], mine[::-1]):
            answer = web.post(f"/e/key?durable={durable}", other, x_inngest_event_id_seed=seed)
            if durable == "postgres":
                assert "other events" in refused(answer, "x-inngest-event-id-seed")
            else:
                assert answer.status == 200 and not set(answer.json["ids"]) & set(first)
        web.engine.rows("update chronos.event_seeds set digest = null where seed = %s returning seed", seed)  # as the release before
        assert web.post(f"/e/key?durable={durable}", mine, x_inngest_event_id_seed=seed).json["ids"] == first


@pytest.mark.parametrize("durable", ("redis", "postgres"))
def test_the_same_seed_starts_nothing_twice(web, durable):
    seed = new_seed()
    first = seeded(web, seed, 2, durable)
    assert seeded(web, seed, 2, durable) == first
    last = web.post(f"/e/key?durable={durable}", {"name": "test/echo"}).json["ids"][0]
    web.engine.wait_until(lambda: web.engine.event(last), 20, "the event after them")
    assert web.engine.value("select count(*) from chronos.events where id = any(%s)", first) == 2
    for event in first:
        assert len([web.engine.wait_for_run(event)]) == 1 and len(web.engine.runs_of(event)) == 1


@pytest.mark.parametrize("durable", ("redis", "postgres"))
def test_a_strange_seed_is_no_seed(web, durable):
    for seed in ("", "x", "1,AAAA", "99999999999999,AAAAAAAAAAAAAA==", f"{int(time.time() * 1000)},%%%", "x" * 5000):
        assert seeded(web, seed, durable=durable) != seeded(web, seed, durable=durable), seed


def test_postgres_keeps_it_while_redis_is_away(make_stack, database):
    from web import Web
    e = make_stack(database_url=database, environment={"CHRONOS_PARTITIONS": "1"})
    e.stack.start_redis()
    e.start()
    w = Web(e, e.stack.start_console())
    e.stack.redis.stop()
    assert is_error(w.post("/e/key", {"name": "test/echo"}), 503, "unavailable")
    kept = w.post("/e/key?durable=postgres", {"name": "test/echo", "data": {"n": "kept"}})
    assert kept.status == 200
    e.stack.start_redis()
    e.wait_until(lambda: e.rows("select * from chronos.events where data->>'n' = 'kept'"), 30, "the event")
    assert e.value("select id from chronos.events where data->>'n' = 'kept'") == kept.json["ids"][0]


def test_a_full_redis_refuses_and_says_so(console, yard):
    w = console()
    yard.configure_redis("maxmemory", "1mb")
    try:
        assert is_error(w.post("/e/key", {"name": "test/echo"}), 503, "unavailable")
    finally:
        yard.configure_redis("maxmemory", "0")
    assert w.post("/e/key", {"name": "test/echo"}).status == 200


def script_calls(e):
    return sum(s["calls"] for name, s in e.redis.info("commandstats").items() if name.startswith("cmdstat_evalsha"))


def send_only(w, path, body):
    """A connection whose answer is not read yet."""
    connection = http.client.HTTPConnection("127.0.0.1", w.port, timeout=20)
    connection.request("POST", path, body if isinstance(body, str) else json.dumps(body))
    return connection


def test_what_comes_while_redis_is_slow_goes_there_together_and_each_gets_its_own_answer(make_stack, database):
    from web import Web
    e = make_stack(database_url=database, environment={"CHRONOS_PARTITIONS": "1"})
    e.stack.start_redis()
    e.stack.start_scheduler().stop()  # it has fixed the number of partitions; from now on nobody else calls scripts
    w = Web(e, e.stack.start_console(CHRONOS_CONSOLE_THREADS=4))
    assert w.post("/e/key", {"name": "test/echo"}).status == 200
    before = script_calls(e)
    sent = [("/e/key", {"name": "test/echo", "data": {"n": n}}, 200) for n in range(40)]
    sent[7:7] = [("/e/key", "{", 400), ("/e/key", {"name": "inngest/x"}, 400), ("/e/key?durable=paper", {"name": "test/echo"}, 400),
                 ("/e/key", [], 200), ("/v1/events", [{"name": "test/echo", "data": {"n": n}} for n in (100, 101)], 200),
                 ("/e/key", {"name": "test/echo", "data": {"n": 102, "text": "x" * 5000}}, 200)]
    os.kill(e.stack.redis.process.pid, signal.SIGSTOP)
    try:
        waiting = [send_only(w, path, body) for path, body, _ in sent]
        assert w.get("/health").status == 200
    finally:
        os.kill(e.stack.redis.process.pid, signal.SIGCONT)
    answers = [c.getresponse() for c in waiting]
    bodies = [json.loads(a.read()) for a in answers]
    for c in waiting:
        c.close()
    assert [a.status for a in answers] == [status for _, _, status in sent]
    entries = {fields["eid"]: json.loads(fields["data"]).get("n") for _, fields in e.redis.xrange("{c0}:events")}
    for (_, body, status), answer in zip(sent, bodies):
        wanted = [] if status != 200 else [x["data"]["n"] for x in (body if isinstance(body, list) else [body])]
        assert [entries.pop(i) for i in answer["ids"]] == wanted
    assert list(entries.values()) == [None], "nothing came twice, or from what was refused"
    assert script_calls(e) - before < 20


def test_discovery(web, console):
    assert web.get("/dev").json["functions"] == []
    from keys import new_key
    assert is_error(console(CHRONOS_EVENT_KEYS=new_key("event")[1]).get("/dev"), 404, "not_found")
