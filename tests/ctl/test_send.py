import json
from datetime import timedelta

import pytest


def test_an_event_starts_its_runs_and_its_id_is_printed(world, ctl):
    done = ctl("send", "test/three", '{"creatorId": "sender", "n": 1}')
    assert done.code == 0, done
    event = done.out.strip()
    world.wait_until(lambda: world.rows("select 1 from chronos.runs where event_id = %s and status = 'completed'", event),
                     20, "its run")
    row = world.wait_until(lambda: next(iter(world.rows("select data from chronos.events where id = %s", event)), None),
                           20, "the event")  # recorded beside the run, perhaps after it
    assert row["data"] == {"creatorId": "sender", "n": 1}


def test_many_from_standard_input_with_all_fields(world, ctl):
    events = [{"name": "test/three", "data": {"n": n}, "id": f"in-{n}", "user": {"id": n}, "v": "2"} for n in range(3)]
    ids = ctl.json("send", "-", input=json.dumps(events))["ids"]
    assert len(set(ids)) == 3
    rows = world.wait_until(lambda: (lambda r: r if len(r) == 3 else None)(world.rows(
        "select id, idempotency_key, \"user\", v from chronos.events where id = any (%s) order by idempotency_key", ids)),
        20, "them")
    assert [(r["id"], r["idempotency_key"], r["user"], r["v"]) for r in rows] == \
        [(ids[n], f"in-{n}", {"id": n}, "2") for n in range(3)]


def test_options_are_the_events_fields(world, ctl):
    done = ctl.json("send", "test/three", "-", "--id", "once", "--at", "2099-01-01T00:00:00Z", "--user", '{"id": 7}',
                    "--v", "3", "--durable", "postgres", input='{"creatorId": "x"}')
    assert done["durable"] == "postgres"
    row = world.wait_until(lambda: next(iter(world.rows(
        "select *, chronos.to_ms(ts) as ms from chronos.events where id = %s", done["ids"][0])), None), 20, "it")
    assert (row["idempotency_key"], row["ms"], row["user"], row["v"]) == ("once", 4070908800000, {"id": 7}, "3")


@pytest.mark.parametrize("at", ("2h", "+2h"))
def test_a_length_of_time_is_counted_from_now(world, ctl, at):
    event = ctl.json("send", "test/three", '{"creatorId": "later"}', "--at", at)["ids"][0]
    row = world.wait_until(lambda: next(iter(world.rows(
        "select ts - accepted_at as ahead, run_ids from chronos.events where id = %s", event)), None), 20, "it")
    assert timedelta(hours=1, minutes=59) < row["ahead"] <= timedelta(hours=2)
    assert ctl.json("run", row["run_ids"][0])["state"] == "sleeping"
    assert ctl("cancel", row["run_ids"][0]).code == 0


@pytest.mark.parametrize("durable", ("redis", "postgres"))
def test_an_event_that_nobody_listens_to_is_told(world, ctl, durable):
    world.wait_until(lambda: world.value("select count(*) from chronos.functions where id = 'test-three'") == 1, 20, "the functions")
    done = ctl("send", "nosuch/function", "--durable", durable)
    assert done.code == 0 and done.out.strip()
    assert done.err == "chronosctl send: no function listens to nosuch/function\n"
    assert ctl("send", "test/three", "--durable", durable).err == ""
    events = [{"name": name} for name in ("nosuch/function", "test/three", "nosuch/function")]
    assert ctl.json("send", "-", "--durable", durable, input=json.dumps(events))["unheard"] == ["nosuch/function"]


def wrong(ctl, says, *arguments, **more):
    done = ctl("send", *arguments, **more)
    assert done.code == 2 and done.out == "" and says in done.err and done.err.count("\n") == 1, done


def test_what_is_wrong_is_named_and_nothing_is_sent(world, ctl):
    wrong(ctl, "event is missing")
    wrong(ctl, "data: is no JSON", "test/three", "{")
    wrong(ctl, "data: must be a JSON object", "test/three", "[1]")
    wrong(ctl, "name: names that begin with inngest/", "inngest/x")
    wrong(ctl, "--user: is no JSON", "test/three", "--user", "{")
    wrong(ctl, "--at soon: must be a time", "test/three", "--at", "soon")
    wrong(ctl, "or how long from now (90s, 30m, 2h, 7d)", "test/wrong", "--at", "-2h")
    wrong(ctl, "--at 2026-01-05T06:00:00Z: is in the past", "test/wrong", "--at", "2026-01-05T06:00:00Z")
    wrong(ctl, "--at 1: is in the past", "test/wrong", "--at", "1")
    wrong(ctl, "--durable disk: must be one of redis|postgres", "test/three", "--durable", "disk")
    wrong(ctl, "standard input is empty", "-", input="")
    wrong(ctl, "event 1: name", "-", input='[{"name": "test/wrong"}, {}]')
    wrong(ctl, "are for one event", "-", "--id", "x", input='[{"name": "test/wrong"}]')
    wrong(ctl, "several events must be one array", "-", input='{"name": "test/wrong"}\n{"name": "test/wrong"}\n')
    wrong(ctl, "standard input: is no JSON", "-", input='{"name": "test/wrong"} x')
    wrong(ctl, "give - to read it from standard input", '{"name": "test/wrong"}')
    wrong(ctl, "give - to read it from standard input", '[{"name": "test/wrong"}]')
    wrong(ctl, "come whole from standard input", "-", "{}", input="{}")
    assert world.rows("select 1 from chronos.events where name = 'test/wrong'") == []


def test_redis_away(bare):
    done = bare("send", "test/three", CHRONOS_REDIS_URL="redis://127.0.0.1:1")
    assert done.code == 4 and "CHRONOS_REDIS_URL" in done.err
