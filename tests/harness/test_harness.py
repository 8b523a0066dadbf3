"""The harness itself against the daemons: an event goes in, its run comes out."""

import json


def test_an_event_becomes_a_run_with_its_steps(running):
    entry = running.send_event("test/three", {"creatorId": "someone"})
    run = running.wait_for_run(entry, "test-three", status="completed")
    assert [s["step"] for s in running.steps_of(run)] == ["first", "second", "third"]
    assert running.event(entry)["outcome"] == "accepted"


def test_a_creator_and_a_video_of_each_source_can_be_made(chronos):
    creator = chronos.make_creator(name="Ada")
    for source in ("youtube", "loom", "mux", "upload"):
        video = chronos.make_video(source, creator, title="A talk", metadata={"kept": True})
        assert (video["source_type"], video["status"], video["metadata"]) == (source, "pending", {"kept": True})
    assert chronos.value("select count(*) from videos where creator_id = %s", creator) == 4


def test_tests_do_not_see_each_others_rows(chronos):
    assert chronos.value("select count(*) from videos") == 0
    assert chronos.redis.xlen("chronos:events") == 0


def test_logs_can_be_searched(running):
    assert running.log_contains(r"msg=ready", "scheduler-1")
    assert running.log_contains(r"msg=ready", "worker-1")
    assert not running.log_contains("no such line")


def test_secrets_of_the_sandbox_do_not_reach_the_logs(running):
    for name in ("MUX_TOKEN_SECRET", "SUPABASE_SERVICE_ROLE_KEY", "OPENAI_API_KEY"):
        assert not running.log_contains(running.stack.daemon_environment()[name])


def test_a_killed_worker_is_replaced_by_another(running):
    running.daemon("worker-1").kill()
    running.stack.start_worker()
    entry = running.send_event("test/three", json.dumps({"creatorId": "someone"}))
    running.wait_for_run(entry, "test-three", status="completed")
