"""What may come through the public door, and what becomes of it."""

import json
import threading
import time

import pytest

from promises import check_promises, deep, recorded_bytes

LIMIT = 512 * 1024


def test_an_event_id_starts_one_run_however_often_it_is_sent(world):
    first = world.run("test/echo", {"n": 1}, id="order-1")
    again = world.send("test/echo", {"n": 2}, id="order-1")
    event = world.wait_until(lambda: world.event(again), 10, "the second event")
    assert (event["outcome"], event["run_ids"]) == ("duplicate", [])
    assert first["output"]["data"] == {"n": 1}


def test_eight_clients_with_one_id_at_once_start_one_run(world):
    for n in range(5):
        entries, barrier = [], threading.Barrier(8)

        def client(key=f"together-{n}", entries=entries, barrier=barrier):
            own = world.new_redis()
            barrier.wait()
            entries.append(own.xadd("chronos:events", {"name": "test/echo", "data": "{}", "id": key}))
            own.close()

        threads = [threading.Thread(target=client) for _ in range(8)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        world.sent += entries
        events = world.wait_until(lambda e=entries: world.at_least(8, [x for x in map(world.event, e) if x]), 10,
                                  "all eight events")
        assert sorted(e["outcome"] for e in events) == ["accepted"] + ["duplicate"] * 7
        assert sum(len(e["run_ids"]) for e in events) == 1


def test_an_event_of_the_future_starts_then(world):
    due = time.time() + 1.2
    entry = world.send("test/echo", {}, ts=str(int(due * 1000)))
    world.wait_until(lambda: world.event(entry), 10, "the event")
    run = world.wait_for_run(entry)
    assert run["started_at"].timestamp() >= due - 0.01
    assert run["started_at"].timestamp() < due + 1.0


def test_an_event_of_the_past_starts_now(world):
    world.run("test/echo", {}, ts="1600000000000", deadline=5)


def test_an_event_nobody_listens_to_is_kept_and_starts_nothing(world):
    entry = world.send("test/nobody", {"creatorId": "x"})
    event = world.wait_until(lambda: world.event(entry), 10, "the event")
    assert (event["outcome"], event["run_ids"], event["function_ids"]) == ("unmatched", [], [])


def test_names_are_matched_exactly(world):
    for name in ("Test/echo", "test/echo ", "test/ech", "test/echoo"):
        entry = world.send(name, {})
        assert world.wait_until(lambda e=entry: world.event(e), 10, name)["outcome"] == "unmatched"


def test_snake_case_of_the_old_application_is_seen_as_camel_case(world):
    run = world.run("test/echo", {"video_id": "v", "creator_id": "c", "source_type": "loom", "other_key": 1})
    data = run["output"]["data"]
    assert (data["videoId"], data["creatorId"], data["source"]) == ("v", "c", "loom")
    assert data["video_id"] == "v" and "otherKey" not in data
    assert run["creator_id"] == "c"


def test_an_id_is_the_same_in_any_case(world):
    """Else writing it in another way would pass the limits of a creator."""
    lower = "0a1b2c3d-4e5f-6a7b-8c9d-0e1f2a3b4c5d"
    upper, mixed = lower.upper(), lower[:9] + lower[9:].upper()
    run = world.run("test/echo", {"creator_id": upper, "videoId": mixed, "videoIds": [upper, mixed, 1, "Other"],
                                  "operationId": upper, "title": upper})
    data = run["output"]["data"]
    assert run["creator_id"] == data["creatorId"] == data["creator_id"] == lower
    assert (data["videoId"], data["operationId"]) == (lower, lower)
    assert data["videoIds"] == [lower, lower, 1, "Other"]
    assert data["title"] == upper
    kept = world.run("test/echo", {"creatorId": "Some-Creator"})
    assert kept["creator_id"] == "Some-Creator"


def test_a_step_sees_the_whole_event(world):
    run = world.run("test/echo", {"a": [1, None, "ü€😀"]}, v="2024-01", user='{"id": "u1"}', id="whole")
    event = run["output"]
    assert event["name"] == "test/echo" and event["data"] == {"a": [1, None, "ü€😀"]}
    assert event["v"] == "2024-01" and event["user"] == {"id": "u1"}
    assert isinstance(event["ts"], int) and event["id"] == run["event_id"]


def test_the_engines_own_namespace_in_data_is_taken_out(world):
    run = world.run("test/echo", {"a": 1, "_inngest": {"fn": "x"}})
    assert run["output"]["data"] == {"a": 1}


def test_fields_that_may_be_missing(world):
    world.wait_for_run(world.send_raw({"name": "test/echo"}), status="completed")
    world.wait_for_run(world.send_raw({"data": "{}", "unknown": "x", "name": "test/echo", "id": "", "ts": "", "v": "",
                                       "user": ""}), status="completed")


def test_the_largest_event_that_is_allowed(world):
    text = '{"a":"' + "x" * (LIMIT - 8) + '"}'
    assert len(text) == LIMIT
    world.wait_for_run(world.send_raw({"name": "test/echo", "data": text}), status="completed")


def test_the_deepest_event_that_is_accepted_runs(world):
    """Wherever the bound is, what is let in works in full: also as part of a failure's event."""
    accepted = 0
    for levels in (20, 60, 90, 100, 101, 110, 120, 124, 125, 126, 127, 128):
        entry = world.send_raw({"name": "test/permanent", "data": deep(levels)})
        world.wait_until(lambda e=entry: world.event(e) or world.rows(
            "select * from chronos.rejected_events where stream_id = %s", e), 10, f"{levels} levels")
        if world.event(entry):
            accepted += 1
            run = world.wait_for_run(entry, "test-permanent", "failed")
            assert run["error_message"] == "this never works", levels
            world.wait_until(lambda r=run: [h for h in world.rows(
                "select output->>'failed' as run from chronos.runs where function_id = 'test-handler'")
                if h["run"] == r["id"]], 10, f"the handler, {levels} levels")
    assert accepted > 0


BAD = {
    "no name": {"data": "{}"},
    "empty name": {"name": "", "data": "{}"},
    "not JSON": {"name": "test/echo", "data": "{videoId: 1}"},
    "cut JSON": {"name": "test/echo", "data": '{"a": [1, 2'},
    "rest after JSON": {"name": "test/echo", "data": "{} {}"},
    "an array": {"name": "test/echo", "data": "[1, 2]"},
    "a string": {"name": "test/echo", "data": '"text"'},
    "null": {"name": "test/echo", "data": "null"},
    "too large": {"name": "test/echo", "data": '{"a":"' + "x" * (LIMIT - 7) + '"}'},
    "name too long": {"name": "n" * 257, "data": "{}"},
    "reserved name": {"name": "inngest/function.failed", "data": '{"function_id": "test-permanent"}'},
    "ts is text": {"name": "test/echo", "data": "{}", "ts": "tomorrow"},
    "ts in seconds": {"name": "test/echo", "data": "{}", "ts": "1700000000"},
    "ts too late": {"name": "test/echo", "data": "{}", "ts": "99999999999999"},
    "ts with a tail": {"name": "test/echo", "data": "{}", "ts": "1700000000000x"},
    "id too long": {"name": "test/echo", "data": "{}", "id": "i" * 513},
    "id with NUL": {"name": "test/echo", "data": "{}", "id": b"a\0b"},
    "id not UTF-8": {"name": "test/echo", "data": "{}", "id": b"\xff\xfe"},
    "name with NUL": {"name": b"test/echo\0", "data": "{}"},
    "name not UTF-8": {"name": b"test/\xc3\x28", "data": "{}"},
    "data with NUL": {"name": "test/echo", "data": b'{"a":"b\0c"}'},
    "data with escaped NUL": {"name": "test/echo", "data": '{"a\\u0000":1}'},
    "data not UTF-8": {"name": "test/echo", "data": b'{"a":"\xff"}'},
    "lone surrogate": {"name": "test/echo", "data": '{"a":"\\ud800"}'},
    "too deep": {"name": "test/echo", "data": deep(5000)},
    "unclosed depths": {"name": "test/echo", "data": "[" * 100000},
    "user is no JSON": {"name": "test/echo", "data": "{}", "user": "{"},
    "user too large": {"name": "test/echo", "data": "{}", "user": '"' + "u" * 70000 + '"'},
    "v not UTF-8": {"name": "test/echo", "data": "{}", "v": b"\xfe"},
    "odd fields": {b"\0": b"\0", b"\xff": b"\xff\0\xfe", "NAME": "test/echo"},
    "Postgres' own signs": {"name": b"\\N\t\n\\.\r\\x00\xff", "data": b"\\.\n"},
}


def as_bytes(fields):
    return {k if isinstance(k, bytes) else k.encode(): v if isinstance(v, bytes) else v.encode()
            for k, v in fields.items()}


def test_bad_events_are_kept_byte_for_byte_and_delay_nobody(world):
    """All of them at once, each followed by a good one."""
    bad, good = {}, []
    for what, fields in BAD.items():
        bad[what] = world.send_raw(fields)
        good.append(world.send("test/echo", {"after": what}))
    for entry in good:
        world.wait_for_run(entry, status="completed", deadline=10)
    problems = []
    for what, entry in bad.items():
        rows = world.wait_until(lambda e=entry: world.rows(
            "select * from chronos.rejected_events where stream_id = %s", e), 10, what)
        if recorded_bytes(world, entry) != as_bytes(BAD[what]):
            problems.append(f"{what}: not kept byte for byte")
        if not rows[0]["reason"].startswith("field "):
            problems.append(f"{what}: {rows[0]['reason']}")
    assert not problems, "\n".join(problems)


def test_a_text_with_nul_is_refused_and_says_what_to_do(world):
    for text in ('{"title":"a\\u0000b"}', '{"a\\u0000":1}'):
        entry = world.send_raw({"name": "test/echo", "data": text})
        row = world.wait_until(lambda e=entry: world.rows(
            "select reason from chronos.rejected_events where stream_id = %s", e), 10, text)[0]
        assert row["reason"].startswith("field data is not JSON: a text has the character \\u0000, which Postgres cannot hold: "
                                        "leave it out"), row


def test_odd_but_good_data_comes_through(world):
    for text in ('{"a":"\\t\\n\\r\\b\\f\\/\\\\ \\u00e9 \\ud83d\\ude00"}', '{"":"","a":{"":[]}}', '{"n":-0.0,"m":1e300}',
                 '{"big":9223372036854775807}', ' \n{ "a" : 1 }\t', '{"a":1,"a":2}'):
        run = world.wait_for_run(world.send_raw({"name": "test/echo", "data": text}), status="completed")
        assert run["output"]["data"] == json.loads(text)


@pytest.mark.parametrize("creator", ["a:b:c", "x" * 128, "é€", "{c1}", "*", " spaces ", "new\nline", "y" * 500, "$", "%s"])
def test_any_creator_can_be_counted(world, creator):
    world.run("test/echo", {"creatorId": creator}, deadline=10)


def test_entry_ids_chosen_by_the_client_are_no_harm(engine):
    """Whoever may XADD may also choose the entry's id: long ago or far ahead of any clock."""
    engine.start()
    for entry in ("1-1", "1000000000000-5"):
        engine.sent.append(engine.redis.xadd("chronos:events", {"name": "test/three", "data": "{}"}, id=entry))
        engine.wait_for_run(entry, status="completed")
    engine.run("test/three")
    engine.sent.append(engine.redis.xadd("chronos:events", {"name": "test/three", "data": "{}"}, id="253370764800000-0"))
    engine.wait_for_run("253370764800000-0", status="completed")
    engine.run("test/three", deadline=5)
    check_promises(engine)


@pytest.mark.parametrize("unit", ["nanoseconds", "microseconds", "largest"])
def test_an_id_that_a_sender_chose_takes_nothing_from_others(engine, unit):
    """Redis goes on from it: what others add afterwards has a time that no calendar knows."""
    ahead = {"nanoseconds": f"{time.time_ns()}-0", "microseconds": f"{time.time_ns() // 1000}-0",
             "largest": "18446744073709551615-18446744073709551614"}[unit]
    engine.start(workers=1)
    ids = {"creatorId": "somebody"}
    engine.redis.xadd("chronos:events", {"name": "test/noop", "data": json.dumps(ids)}, id=ahead)
    sent = 1
    if unit != "largest":  # after that one there is no other until the stream has run empty
        for _ in range(5):
            engine.send("test/noop", ids)
            sent += 1
    engine.wait_until(lambda: engine.value("select count(*) from chronos.runs where function_id = 'test-noop'") == sent, 20,
                      "all runs")
    engine.wait_until(lambda: engine.value(
        "select count(*) from chronos.events where outcome = 'accepted' and accepted_at > '2099-12-31'") == sent, 20, "their events")
    engine.wait_until(lambda: engine.log_contains("follow it again"), 20, "the ids to follow the clock")
    run = engine.run("test/noop", ids)
    assert abs(run["accepted_at"].timestamp() - time.time()) < 600
    check_promises(engine)
