"""Runs over HTTP: lists, one run, why it waits, and what is done to it. Every answer is held against openapi.json."""

import uuid

import pytest

from openapi import Api
from test_server import is_error


@pytest.fixture
def api(world):
    return Api(world)


@pytest.fixture
def creator():
    return str(uuid.uuid4())


def send(api, name, creator, **data):
    return api.post("/v1/events", {"name": name, "data": {"creatorId": creator, **data}}).json["ids"][0]


def run_of(api, event, state=None, deadline=20):
    """The run that the event started, when it is in that state."""
    def there():
        answer = api.get(f"/v1/events/{event}/runs")
        runs = answer.data if answer.status == 200 else []
        return runs[0] if runs and (state is None or runs[0]["state"] == state) else None
    return api.engine.wait_until(there, deadline, f"the run of {event} to be {state}")


def ids(answer):
    return [r["run_id"] for r in answer.data]


def test_from_an_event_to_what_its_run_gave(api, creator):
    event = send(api, "test/echo", creator, n=7)
    run = run_of(api, event, "completed")
    assert (run["status"], run["event_id"], run["event_name"], run["creator_id"]) == ("Completed", event, "test/echo", creator)
    assert run["output"] is not None and run["ended_at"] >= run["queued_at"]
    told = api.get("/v1/events/" + event).data
    assert told["data"]["n"] == 7 and told["runs"] == [{"run_id": run["run_id"], "function_id": run["function_id"]}]
    whole = api.get("/v1/runs/" + run["run_id"]).data
    assert whole["event"]["internal_id"] == event and whole["output"] == run["output"] and whole["can"] == ["replay"]
    assert [s["status"] for s in whole["steps"]] == ["completed"] * len(whole["steps"]) and whole["steps"]
    timing = whole["timing"]
    assert timing["total_ms"] >= timing["working_ms"] > 0
    why = api.get(f"/v1/runs/{run['run_id']}/why").data
    assert (why["state"], why["reason"]) == ("completed", "it has ended: completed")


def test_attempts_of_a_step_that_failed_and_the_time_between_them(api, creator):
    run = run_of(api, send(api, "test/flaky", creator, until=3), "completed")
    whole = api.get("/v1/runs/" + run["run_id"]).data
    step = max(whole["steps"], key=lambda s: len(s["attempts"]))
    assert len(step["attempts"]) > 1 and step["attempts"][0]["error"]["message"] and step["status"] == "completed"
    assert step["waiting_ms"] > 0 and step["working_ms"] < whole["timing"]["total_ms"]


@pytest.mark.parametrize("path", ("/v1/runs/x", "/v1/runs/" + "0" * 26, "/v1/runs/%2e%2e", "/v1/events/x", "/v1/events/" + "0" * 26,
                                  "/v1/events/" + "0" * 26 + "/runs", "/v1/runs/" + "0" * 26 + "/why", "/v1/rejected/x",
                                  "/v1/rejected/1-1", "/v1/functions/nobody", "/v1/runs/'%20or%201=1"))
def test_what_is_not_there(api, path):
    assert is_error(api.get(path), 404, "not_found")["field"] == "id"


def test_pages_of_all_states_have_each_run_once(api, creator):
    for n in range(7):
        run_of(api, send(api, "test/echo", creator, n=n), "completed")
    held = [run_of(api, send(api, "test/sleeper", creator, ms=60000)) for _ in range(3)]
    api.engine.wait_until(lambda: {r["state"] for r in api.get(f"/v1/runs?creator={creator}&status=live").data} == {"sleeping"}, 20,
                          "all to sleep")
    seen, cursor = [], ""
    for _ in range(20):
        answer = api.get(f"/v1/runs?creator={creator}&limit=3{cursor}")
        seen += ids(answer)
        if answer.json["next"] is None:
            break
        cursor = "&cursor=" + answer.json["next"]
    assert len(seen) == len(set(seen)) == 10 and seen == sorted(seen, reverse=True)
    assert {h["run_id"] for h in held} <= set(seen)
    for h in held:
        assert api.post(f"/v1/runs/{h['run_id']}/cancel").status == 200


def test_filters(api, creator):
    good = run_of(api, send(api, "test/echo", creator), "completed")["run_id"]
    bad = run_of(api, send(api, "test/permanent", creator), "failed")
    live = run_of(api, send(api, "test/sleeper", creator, ms=60000), "sleeping")["run_id"]
    base = f"/v1/runs?creator={creator}&"
    everything = [live, bad["run_id"], good]
    for query, expected in (("", everything), ("status=completed", [good]), ("status=failed", [bad["run_id"]]),
                            ("status=Failed,Completed", [bad["run_id"], good]), ("status=live", [live]), ("status=ended", [bad["run_id"], good]),
                            ("status=sleeping", [live]), ("status=waiting", []), ("function=test-echo", [good]),
                            ("function=test-echo,test-permanent", [bad["run_id"], good]), ("function=nobody", []),
                            ("event_name=test/sleeper", [live]), ("event_name=test/echo", [good]),
                            ("q=" + bad["error"]["message"][:10].upper().replace(" ", "%20"), [bad["run_id"]]), ("q=%25", []),
                            ("after=2020-01-01T00:00:00Z", everything), ("before=2020-01-01T00:00:00Z", []),
                            ("after=4000000000000", [])):
        got = ids(api.get(base + query))
        assert (query, set(got) & set(everything)) == (query, set(expected))  # beside them runs the handler of failures
    assert ids(api.get(f"/v1/runs?creator={uuid.uuid4()}")) == []
    api.post(f"/v1/runs/{live}/cancel")


@pytest.mark.parametrize("query, field", [("status=odd", "status"), ("cursor=x", "cursor"), ("limit=0", "limit"), ("limit=x", "limit"),
                                          ("limit=201", "limit"), ("after=yesterday", "after"), ("q=" + "x" * 201, "q")])
def test_a_filter_that_cannot_be(api, query, field):
    assert is_error(api.get("/v1/runs?" + query), 400, "invalid_input")["field"] == field


def test_why_a_run_waits_behind_a_limit(api, creator):
    """test-limited: two per creator."""
    held = [run_of(api, send(api, "test/limited", creator, ms=60000), "running") for _ in range(2)]
    waiting = [run_of(api, send(api, "test/limited", creator, ms=1), "waiting") for _ in range(2)]
    why = api.get(f"/v1/runs/{waiting[1]['run_id']}/why").data
    assert why["state"] == "waiting"
    assert why["limit"] == {"name": "test-limited", "owner": creator, "max": 2, "used": 2, "unit": "runs"}
    assert why["reason"] == f"the limit test-limited of {creator} is full: 2 of 2 runs hold it"
    assert {h["run_id"] for h in why["holders"]} == {h["run_id"] for h in held} and why["holders"][0]["since"]
    assert (why["position"], why["queue_length"], why["queues_ahead"]) == (2, 2, 0) and why["since"] == waiting[1]["queued_at"]
    running = api.get(f"/v1/runs/{held[0]['run_id']}/why").data
    assert running["state"] == "running" and running["worker"] and running["workers"] == 1
    for run in held + waiting:
        api.post(f"/v1/runs/{run['run_id']}/cancel", {"reason": "enough"})


def test_why_a_run_of_nobody_waits(api):
    def start(ms):
        return api.post("/v1/events", {"name": "test/limited", "data": {"ms": ms}}).json["ids"][0]

    held = [run_of(api, start(60000), "running")["run_id"] for _ in range(2)]
    waiting = run_of(api, start(1), "waiting")["run_id"]
    why = api.get(f"/v1/runs/{waiting}/why").data
    assert (why["limit"]["owner"], why["reason"]) == (None, "the limit test-limited of nobody is full: 2 of 2 runs hold it")
    for run in [*held, waiting]:
        api.post(f"/v1/runs/{run}/cancel")


def test_why_a_run_waits_whose_limit_is_set_to_nothing(api, creator):
    name = {"name": "test-limited", "owner": creator}
    assert api.post("/v1/limits", {**name, "max": 0}).status == 200
    api.engine.wait_until(lambda: api.engine.redis.hget("{c0}:controls", "limit/fn/test-limited:" + creator) == "0", 20, "the maximum")
    event = send(api, "test/limited", creator, ms=1)
    run = run_of(api, event, "waiting")["run_id"]
    assert api.get(f"/v1/runs/{run}/why").data["reason"] == \
        f"an operator has set the limit test-limited of {creator} to 0, which admits nobody; chronosctl limits test-limited {creator} --clear takes that back"
    assert api.post("/v1/limits", {**name, "max": None}).status == 200
    run_of(api, event, "completed")


def test_why_a_run_waits_whose_budget_is_set_to_nothing(api, creator):
    assert api.post("/v1/budgets", {"owner": creator, "usd": 0}).status == 200
    api.engine.wait_until(lambda: api.engine.redis.hget("{c0}:controls", "limit/budget:" + creator) == "0", 20, "the budget")
    event = send(api, "test/paid", creator, usd=0.02)
    why = api.get(f"/v1/runs/{run_of(api, event, 'waiting')['run_id']}/why").data
    assert why["reason"] == \
        f"an operator has set the limit budget of {creator} to 0, which admits nobody; chronosctl limits budget {creator} --clear takes that back"
    assert (why["limit"]["name"], why["limit"]["owner"], why["limit"]["unit"]) == ("budget", creator, "usd")
    assert api.post("/v1/budgets", {"owner": creator, "usd": 0.01}).status == 200
    run_of(api, event, "completed")
    event = send(api, "test/paid", creator, usd=0.02)
    why = api.get(f"/v1/runs/{run_of(api, event, 'waiting')['run_id']}/why").data
    assert why["reason"] == f"the budget of {creator} is used up: $0.02 of $0.01 in the last hour"
    assert api.post("/v1/budgets", {"owner": creator, "usd": None}).status == 200
    run_of(api, event, "completed")


def test_why_a_run_waits_for_an_outside_service(api, creator):
    """As the engine notes it when a service is down: the run sleeps, and a step of it may have failed before."""
    run = run_of(api, send(api, "test/sleeper", creator, ms=60000), "sleeping")
    key = f"{{c0}}:run:{run['run_id']}"
    api.engine.redis.hset(key, mapping={"held": "speech\n1700000000000\n4\nspeech: HTTP 503", "failing": "hear", "failure": "HTTP 500"})
    why = api.get(f"/v1/runs/{run['run_id']}/why").data
    assert why["reason"] == "it waits for the outside service speech, and asks again at its time: speech: HTTP 503"
    assert why["due_at"]
    api.post(f"/v1/runs/{run['run_id']}/cancel", {"reason": "enough"})


# ---- steering ----
def test_cancel(api, creator):
    run = run_of(api, send(api, "test/sleeper", creator, ms=60000), "sleeping")["run_id"]
    done = api.post(f"/v1/runs/{run}/cancel", {"reason": "not needed"}).data
    api.engine.wait_until(lambda: api.get("/v1/runs/" + run).data["state"] == "cancelled", 20, "it to be cancelled")
    assert "not needed" in api.get("/v1/runs/" + run).data["error"]["message"]
    row = next(a for a in api.get("/v1/audit?target=" + run).data)
    assert (row["id"], row["who"], row["action"], row["from"]) == (done["audit_id"], "anybody", "run.cancel", "127.0.0.1")
    assert row["details"]["reason"] == "not needed"
    assert "has ended" in is_error(api.post(f"/v1/runs/{run}/cancel"), 400, "invalid_input")["error"]
    assert api.call("DELETE", "/v1/runs/" + run).status == 200
    assert len(api.get("/v1/audit?target=" + run).data) == 1, "what was refused is not in the log"
    assert api.post(f"/v1/runs/{run}/cancel", {"reason": 5}).json["field"] == "reason"


def test_retry_and_replay(api, creator):
    run = run_of(api, send(api, "test/permanent", creator), "failed")["run_id"]
    assert api.get("/v1/runs/" + run).data["can"] == ["retry", "replay"]
    assert api.post(f"/v1/runs/{run}/retry").status == 200
    again = api.engine.wait_until(lambda: api.get("/v1/runs/" + run).data["retried_by"], 20, "its retry")
    api.engine.wait_until(lambda: api.get("/v1/runs/" + again).data["ended_at"], 20, "that to end")
    assert api.get("/v1/runs/" + again).data["original_run_id"] == run
    assert api.get("/v1/runs/" + run).data["can"] == ["replay"]
    assert api.post(f"/v1/runs/{run}/replay").status == 200
    done = run_of(api, send(api, "test/echo", creator), "completed")["run_id"]
    assert "only a failed" in is_error(api.post(f"/v1/runs/{done}/retry"), 400, "invalid_input")["error"]
    is_error(api.post(f"/v1/runs/{'0' * 26}/retry"), 404, "not_found")


def test_bulk_says_first_and_does_then(api, creator):
    failed = {run_of(api, send(api, "test/permanent", creator, n=n), "failed")["run_id"] for n in range(5)}
    order = {"action": "replay", "filter": {"creator": creator, "status": "failed"}}
    told = api.post("/v1/runs/bulk", order).data
    assert (told["dry_run"], told["matched"], told["done"], told["audit_id"], told["matched_all"]) == (True, 5, 0, None, True)
    assert {r["run_id"] for r in told["sample"]} == failed
    assert api.post("/v1/runs/bulk", {**order, "limit": 2}).data["matched_all"] is False
    retried = api.post("/v1/runs/bulk", {**order, "action": "retry", "dry_run": False}).data
    assert (retried["matched"], retried["done"], retried["refused"]) == (5, 5, [])
    row = next(a for a in api.get("/v1/audit?action=runs.retry").data if a["id"] == retried["audit_id"])
    assert set(row["details"]["runs"]) == failed
    again = api.post("/v1/runs/bulk", {"action": "retry", "dry_run": False, "filter": {"creator": creator, "before": 4000000000000}}).data
    assert failed <= {r["run_id"] for r in again["refused"]} and "retried" in again["refused"][0]["error"]


def test_bulk_of_all_runs_says_so(api, creator):
    run = run_of(api, send(api, "test/permanent", creator), "failed")["run_id"]
    told = api.post("/v1/runs/bulk", {"action": "replay", "all": True}).data
    assert told["dry_run"] and told["matched"] >= 1 and run in {r["run_id"] for r in told["sample"]}


def test_bulk_cancels_live_ones(api, creator):
    live = {run_of(api, send(api, "test/sleeper", creator, ms=60000), "sleeping")["run_id"] for _ in range(3)}
    done = run_of(api, send(api, "test/echo", creator), "completed")["run_id"]
    order = {"action": "cancel", "filter": {"creator": creator}, "reason": "all of them", "dry_run": False}
    assert api.post("/v1/runs/bulk", order).data["done"] == 3
    for run in live:
        api.engine.wait_until(lambda r=run: api.get("/v1/runs/" + r).data["state"] == "cancelled", 20, "it to be cancelled")
    assert api.get("/v1/runs/" + done).data["state"] == "completed"


@pytest.mark.parametrize("order, field", [
    ({}, "action"), ({"action": "delete"}, "action"), ({"action": "retry", "filter": []}, "filter"),
    ({"action": "retry"}, "filter"), ({"action": "retry", "filter": {}}, "filter"), ({"action": "retry", "filter": {"creator": None}}, "filter"),
    ({"action": "retry", "all": False}, "filter"), ({"action": "retry", "all": "yes"}, "all"), ({"action": "retry", "all": True, "filter": {"q": "x"}}, "all"),
    ({"action": "retry", "filter": {"creater": "x"}}, "filter"), ({"action": "retry", "filter": {"creator": 5}}, "creator"),
    ({"action": "retry", "all": True, "dry_run": "no"}, "dry_run"), ({"action": "retry", "all": True, "limit": 10001}, "limit"),
    ({"action": "retry", "all": True, "limit": 2.5}, "limit"), ({"action": "replay", "status": "failed"}, "status"),
    ({"action": "retry", "filter": {"status": "completed"}}, "filter.status"), ({"action": "cancel", "filter": {"status": "failed"}}, "filter.status"),
    ({"action": "retry", "filter": {"after": "x"}}, "after"), ({"action": "retry", "filter": {"status": "odd"}}, "status")])
def test_a_bulk_order_that_cannot_be(api, order, field):
    assert is_error(api.post("/v1/runs/bulk", order), 400, "invalid_input")["field"] == field
