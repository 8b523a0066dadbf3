"""Functions, limits, workers, figures and rejected entries over HTTP. Every answer is held against openapi.json."""

import uuid

import pytest

from openapi import PATHS, Api, DOCUMENT
from test_runs import run_of, send
from test_server import is_error


@pytest.fixture
def api(world):
    return Api(world)


def test_the_file_has_every_route_and_no_other(api):
    described = {(m.upper(), p): op for p, ops in PATHS.items() for m, op in ops.items()}
    routes = {(m, p): access for m, p, access in api.routes()}
    assert set(described) == set(routes)
    for key, access in routes.items():
        assert described[key]["x-access"] == access, key
    assert api.get("/openapi.json").json == DOCUMENT


def names_told(error):
    """What a refusal lists after "there are", or nothing."""
    return set(error.partition("there are ")[2].split(", ")) - {""}


V1 = [(m.upper(), p, op) for p, ops in PATHS.items() if p.startswith("/v1/") for m, op in ops.items()]


@pytest.mark.parametrize("method, pattern, op", V1, ids=[f"{m} {p}" for m, p, _ in V1])
def test_a_word_of_the_query_that_is_unknown_is_refused(api, method, pattern, op):
    known = {p["name"] for p in op.get("parameters", []) if p["in"] == "query"}
    for query in ("?bogus=1", "?bogus"):
        refusal = is_error(api.call(method, pattern.replace("{id}", "0" * 26) + query), 400, "invalid_input")
        assert refusal["field"] == "bogus" and "bogus" in refusal["error"] and names_told(refusal["error"]) == known


OBJECTS = [(m, p, op) for m, p, op in V1 if m == "POST" and p != "/v1/events"]


@pytest.mark.parametrize("method, pattern, op", OBJECTS, ids=[f"{m} {p}" for m, p, _ in OBJECTS])
def test_a_field_of_the_body_that_is_unknown_is_refused(api, method, pattern, op):
    known = set(op["requestBody"]["content"]["application/json"]["schema"]["properties"]) if "requestBody" in op else set()
    refusal = is_error(api.call(method, pattern.replace("{id}", "0" * 26), {"bogus": None}), 400, "invalid_input")
    assert refusal["field"] == "bogus" and "bogus" in refusal["error"] and names_told(refusal["error"]) == known


def test_an_event_may_hold_what_is_not_known(api):
    """It is as the official SDK sends it."""
    for path in ("/e/any?bogus=1", "/v1/events"):
        assert api.post(path, {"name": "test/unheard", "data": {}, "bogus": 1}).status == 200


def test_functions_with_their_config_counts_and_schedules(api):
    functions = {f["id"]: f for f in api.get("/v1/functions").data}
    echo, ticking = functions["test-echo"], functions["test-ticking"]
    assert echo["triggers"] == ["test/echo"] and echo["schedule"] is None and echo["workers"] == 1 and echo["paused"] is None
    assert ticking["schedule"]["cron"] == ticking["config"]["cron"]["schedule"] and ticking["schedule"]["next_tick"] > "2020"
    assert api.get("/v1/functions/test-echo").data["config"] == echo["config"]


def test_pause_and_resume(api):
    creator = str(uuid.uuid4())
    assert api.post("/v1/functions/test-slow/pause").status == 200
    api.engine.wait_until(lambda: api.engine.redis.hget("{c0}:controls", "pause/test-slow") == "pause", 20, "the pause")
    run = run_of(api, send(api, "test/slow", creator, ms=1), "waiting")
    why = api.get(f"/v1/runs/{run['run_id']}/why").data
    assert why["reason"] == "an operator has paused the function test-slow; chronosctl resume test-slow lets its runs go on"
    assert why["limit"]["name"] == "paused/test-slow"
    told = api.engine.wait_until(lambda: (f := api.get("/v1/functions/test-slow").data)["live"]["waiting"] and f, 20, "it to be counted")
    assert told["paused"] == "pause" and told["oldest_queued_at"]
    overview = api.get("/v1/overview").data
    assert overview["backlog"]["runs"] >= 1 and overview["backlog"]["oldest_age_ms"] >= 0
    assert creator in {c["creator_id"] for c in overview["creators"]}
    assert api.post("/v1/functions/test-slow/drain").status == 200
    api.engine.wait_until(lambda: api.engine.redis.hget("{c0}:controls", "pause/test-slow") == "drain", 20, "the drain")
    assert api.get(f"/v1/runs/{run['run_id']}/why").data["reason"] == \
        "an operator has drained the function test-slow; chronosctl resume test-slow lets its runs begin"
    assert api.post("/v1/functions/test-slow/resume").status == 200
    run_of(api, run["event_id"], "completed")
    assert [a["action"] for a in api.get("/v1/audit?target=test-slow").data] == ["function.resume", "function.drain", "function.pause"]


def test_trigger(api):
    def runs(function):
        return {r["run_id"] for r in api.get(f"/v1/runs?function={function}").data}
    before = runs("test-echo"), runs("test-ticking")
    assert api.post("/v1/functions/test-echo/trigger", {"data": {"n": 5}}).data["id"]
    assert api.post("/v1/functions/test-ticking/trigger").data["audit_id"]
    api.engine.wait_until(lambda: runs("test-echo") - before[0] and runs("test-ticking") - before[1], 20, "both to run")
    new, = runs("test-echo") - before[0]
    api.engine.wait_until(lambda: api.get("/v1/runs/" + new).data["event"], 20, "its event")
    assert api.get("/v1/runs/" + new).data["event"]["data"] == {"n": 5}
    assert is_error(api.post("/v1/functions/test-echo/trigger", {"data": []}), 400, "invalid_input")["field"] == "data"


def test_a_function_that_is_executed_is_not_retired(api):
    refused = is_error(api.post("/v1/functions/test-echo/retire"), 400, "invalid_input")
    assert "live workers execute it" in refused["error"]
    assert api.get("/v1/audit?target=test-echo&action=function.retire").data == []


@pytest.mark.parametrize("verb", ("pause", "drain", "resume", "trigger", "retire"))
def test_there_is_no_such_function(api, verb):
    assert is_error(api.post(f"/v1/functions/nobody/{verb}"), 404, "not_found")["field"] == "id"


def limit(api, name, owner=None):
    return next((x for x in api.get("/v1/limits").data if (x["name"], x["owner"]) == (name, owner)), None)


def test_limits(api):
    creator = str(uuid.uuid4())
    rule = limit(api, "test-limited")
    assert (rule["max"], rule["declared"], rule["set"], rule["per"], rule["functions"]) == (2, 2, None, "owner", ["test-limited"])
    held = run_of(api, send(api, "test/limited", creator, ms=60000), "running")["run_id"]
    own = api.engine.wait_until(lambda: limit(api, "test-limited", creator), 20, "its owner's row")
    assert (own["used"], own["max"]) == (1, 2)
    assert api.post("/v1/limits", {"name": "test-limited", "owner": creator, "max": 7}).status == 200
    assert (limit(api, "test-limited", creator)["max"], limit(api, "test-limited", creator)["set"]) == (7, 7)
    for name in ("fn/test-limited", "fn/test-limited:$"):  # as Redis has it
        assert api.post("/v1/limits", {"name": name, "owner": creator, "max": None}).status == 200
    made = [a for a in api.get("/v1/audit?target=test-limited").data if a["details"]["owner"] == creator]
    assert [a["action"] for a in made] == ["limit.clear", "limit.clear", "limit.set"]
    assert limit(api, "test-limited", creator)["set"] is None
    assert api.post("/v1/weights", {"owner": creator, "weight": 2.5}).status == 200
    assert [w["weight"] for w in api.get("/v1/weights").data if w["owner"] == creator] == [2.5]
    assert api.post("/v1/weights", {"owner": creator, "weight": None}).status == 200
    assert creator not in [w["owner"] for w in api.get("/v1/weights").data]
    assert api.post("/v1/budgets", {"owner": creator, "usd": 12.5}).status == 200
    assert api.engine.value("select value from chronos.controls where name = %s", "budget:" + creator) == "12500000"
    workers = api.get("/v1/workers").data
    doing = [x for w in workers for x in w["doing"] if x["run_id"] == held]
    assert len(doing) == 1 and doing[0]["function_id"] == "test-limited" and doing[0]["creator_id"] == creator
    assert workers[0]["threads"] >= workers[0]["busy"] and "test-echo" in workers[0]["functions"]
    api.post(f"/v1/runs/{held}/cancel")


def test_a_function_that_is_called_as_a_shared_limit_keeps_its_whole_name(api):
    creator = str(uuid.uuid4())
    names = {x["name"] for x in api.get("/v1/limits").data}
    assert {n for n in names if n.startswith("fn/")} == {"fn/test-crowd"} and "test-crowd" in names
    for name, owner in (("fn/test-crowd", creator), ("test-crowd", None)):
        for most in (7, None):
            assert api.post("/v1/limits", {"name": name, "owner": owner, "max": most}).status == 200
        assert len(api.get(f"/v1/audit?target={name.replace('/', '%2F')}").data) == 2


@pytest.mark.parametrize("path, body, field", [
    ("/v1/limits", {}, "name"), ("/v1/limits", {"name": "x", "max": -1}, "max"), ("/v1/limits", {"name": "x", "max": "5"}, "max"),
    ("/v1/limits", {"name": "x"}, "max"), ("/v1/limits", {"name": "global", "max": 0.5}, "max"), ("/v1/limits", {"name": "global", "max": 1e7}, "max"),
    ("/v1/budgets", {"owner": "x", "usd": 1e-7}, "usd"), ("/v1/limits", {"name": "x", "owner": 5, "max": 1}, "owner"),
    ("/v1/budgets", {"usd": 5}, "owner"), ("/v1/budgets", {"owner": "x", "usd": 1e9}, "usd"), ("/v1/weights", {"owner": "x", "weight": 0}, "weight")])
def test_what_cannot_be_set(api, path, body, field):
    assert is_error(api.post(path, body), 400, "invalid_input")["field"] == field


def test_bounds_are_written_as_people_write_numbers(api):
    assert is_error(api.post("/v1/budgets", {"owner": "x", "usd": 1e9}), 400, "invalid_input")["error"] == \
        "usd must be a number from 0 to 1000000, or null"


def test_a_limit_that_no_function_has(api):
    assert "no function has a limit" in is_error(api.post("/v1/limits", {"name": "nobody", "max": 1}), 400, "invalid_input")["error"]


def test_owners_who_run_are_shown_however_many_maxima_are_set(api):
    held = run_of(api, send(api, "test/limited", creator := str(uuid.uuid4()), ms=60000), "running")["run_id"]
    api.engine.value("""with made as (insert into chronos.controls (kind, name, value, part)
        select 'limit', 'fn/test-limited:' || gen_random_uuid(), '7', 0 from generate_series(1, 600) returning 1) select count(*) from made""")
    try:
        assert api.engine.wait_until(lambda: limit(api, "test-limited", creator), 20, "its owner's row")["used"] == 1
        assert sum(x["set"] == 7 for x in api.get("/v1/limits").data) >= 600
    finally:
        api.engine.value("with gone as (delete from chronos.controls where name like 'fn/test-limited:%' returning 1) select count(*) from gone")
        api.post(f"/v1/runs/{held}/cancel")


def test_figures(api):
    creator = str(uuid.uuid4())
    run_of(api, send(api, "test/permanent", creator), "failed")
    def counted():
        o = api.get("/v1/overview").data
        return o if o["last_hour"]["failed"] >= 1 and any(f["function_id"] == "test-permanent" for f in o["failures"]) else None
    overview = api.engine.wait_until(counted, 20, "the failure to be counted")
    assert len(overview["throughput"]) == 60 and sum(m["failed"] for m in overview["throughput"]) == overview["last_hour"]["failed"]
    assert overview["threads"]["workers"] == 1 and overview["complete"] is True
    assert "test-ticking" in {s["function_id"] for s in overview["schedules"]}


# ---- rejected ----
def rejected_of(api, entry):
    return api.engine.wait_until(lambda: (a := api.get("/v1/rejected/" + entry)).status == 200 and a.data, 20, "the rejection")


def test_a_rejected_entry_is_mended_and_sent(api):
    token = uuid.uuid4().hex
    entry = api.engine.redis.xadd("chronos:events", {"name": "test/echo", "data": '{"n": "%s"' % token})
    told = rejected_of(api, entry)
    assert told["complete"] and {"name": "data", "value": '{"n": "%s"' % token, "text": True} in told["fields"] and told["resent"] is None
    assert told["suggestion"] == {"name": "test/echo", "data": {}}
    assert is_error(api.post(f"/v1/rejected/{entry}/resend", {"event": {"name": ""}}), 400, "invalid_input")["field"] == "event"
    assert is_error(api.post(f"/v1/rejected/{entry}/resend", {}), 400, "invalid_input")["field"] == "event"
    done = api.post(f"/v1/rejected/{entry}/resend", {"event": {"name": "test/echo", "data": {"n": token}}}).data
    api.engine.wait_until(lambda: api.engine.value("select count(*) from chronos.events where data->>'n' = %s", token), 20, "the event")
    assert rejected_of(api, entry)["resent"]["outbox_id"] == done["id"]
    assert api.get("/v1/rejected?limit=200").data[0]["rejected_at"]


def test_bytes_that_are_no_text(api):
    raw = api.engine.new_redis(decode_responses=False)
    entry = raw.xadd("chronos:events", {b"name": b"\xff\xfe<b>", b"data": b"{}"}).decode()
    told = rejected_of(api, entry)
    assert {"name": "name", "value": "//48Yj4=", "text": False} in told["fields"]


def test_pages_of_rejected_entries(api):
    for n in range(3):
        rejected_of(api, api.engine.redis.xadd("chronos:events", {"name": "", "data": str(n)}))
    first = api.get("/v1/rejected?limit=2")
    second = api.get(f"/v1/rejected?limit=2&cursor={first.json['next']}")
    assert not {r["id"] for r in first.data} & {r["id"] for r in second.data} and len(first.data) == 2
    assert is_error(api.get("/v1/rejected?cursor=x"), 400, "invalid_input")["field"] == "cursor"


def test_pages_of_the_audit_log(api):
    for _ in range(3):
        assert api.post("/v1/functions/test-noop/resume").status == 200
    first = api.get("/v1/audit?target=test-noop&limit=2")
    second = api.get(f"/v1/audit?target=test-noop&limit=2&cursor={first.json['next']}")
    assert [a["id"] for a in first.data] == sorted((a["id"] for a in first.data), reverse=True)
    assert second.data[0]["id"] < first.data[-1]["id"]


# ---- what users write ----
SCRIPT = "<script>alert(1)</script>\"'&\u2028</textarea>"


def test_script_comes_back_as_text(api):
    answer = api.post("/v1/events", {"name": "test/permanent" , "data": {"creatorId": SCRIPT, "title": SCRIPT}, "id": SCRIPT + uuid.uuid4().hex, "v": SCRIPT})
    run = run_of(api, answer.json["ids"][0], "failed")
    whole = api.get("/v1/runs/" + run["run_id"])
    assert whole.headers["Content-Type"] == "application/json; charset=utf-8" and whole.headers["X-Content-Type-Options"] == "nosniff"
    assert whole.data["event"]["data"]["title"] == whole.data["event"]["v"] == SCRIPT
    assert api.get("/v1/runs?q=%3Cscript%3E").data == [] and api.get("/v1/runs?creator=%3Cscript%3E").data == []
    for path in ("/v1/runs/" + "%3Cscript%3E", "/v1/functions/%3Cscript%3E", "/v1/runs?status=%3Cscript%3E"):
        assert api.get(path).headers["Content-Type"].startswith("application/json")


@pytest.mark.parametrize("path", ("/..%2f..%2fetc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/v1/../../etc/passwd", "/openapi.json/..", "//etc/passwd",
                                  "/openapi.json%00.html", "/v1/functions/..%2f..%2fetc%2fpasswd"))
def test_no_way_out_of_the_page(api, path):
    assert api.get(path).status in (400, 404)
