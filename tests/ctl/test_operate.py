"""The console's operations from a shell: what they show, what they change, and how they refuse."""

import json
import re
import subprocess
import time

import psycopg2
import pytest

NOBODY = "01J00000000000000000000000"


def sent(world, name, data, **fields):
    """The id of an event that is sent, as Postgres has it."""
    return world.wait_until(lambda: next((r["id"] for r in world.rows(
        "select id from chronos.events where stream_id = %s", world.send(name, data, **fields))), None), 20, "it to be recorded")


def run_of(world, name, data, status="completed"):
    return world.run(name, data, status=status)["id"]


@pytest.fixture
def failed(world):
    return run_of(world, "test/flaky", {"creatorId": "shell", "until": 99}, status="failed")


@pytest.fixture
def sleeper(world):
    """A run that waits for an hour before it is tried again."""
    before = {r.run for r in world.happenings(function="test-flaky")}
    world.send("test/flaky", {"creatorId": "sleeper", "until": 2, "afterMs": 3600000})
    return world.wait_until(lambda: next((h.run for h in world.happenings(function="test-flaky") if h.run not in before), None),
                            20, "it to begin")


# ---- looking ----

def test_runs_by_filters(world, ctl, failed):
    rows = ctl.json("runs", "--creator", "shell", "--status", "Failed")
    assert failed in {r["run_id"] for r in rows} and {r["state"] for r in rows} == {"failed"}
    world.wait_until(lambda: world.value("select count(*) from chronos.functions where id = 'test-three'") == 1, 20, "the functions")
    assert ctl.json("runs", "--creator", "shell", "--function", "test-three") == []
    assert ctl.json("runs", "--creator", "shell", "--until", "1d") == []
    assert len(ctl.json("runs", "--limit", "1")) == 1
    done = ctl("runs", "--creator", "shell")
    assert done.out.splitlines()[0].split()[:4] == ["RUN", "STATE", "FUNCTION", "CREATOR"] and failed in done.out
    assert ctl("runs", "--creator", "no such").out == "no run fits\n"


def test_a_function_that_there_is_not_is_told(world, ctl, failed):
    world.wait_until(lambda: world.value("select count(*) from chronos.functions where id = 'test-three'") == 1, 20, "the functions")
    for command in ("runs", "cancel", "retry", "replay"):
        done = ctl(command, "--function", "test-thre")
        assert (done.code, done.out) == (3, "") and "there is no function test-thre; did you mean test-three?" in done.err, done
    assert ctl.json("runs", "--function", "test-flaky,nosuch")
    assert ctl("runs", "--function", "test-three,,test-flaky", "--creator", "no such").out == "no run fits\n"
    done = ctl("runs", "--function", "test-three", "--creator", "no such")
    assert (done.code, done.out) == (0, "no run fits\n")


def test_more_runs_than_a_page_has(world, ctl):
    for n in range(230):
        world.send("test/noop", {"creatorId": "pages", "n": n})
    rows = world.wait_until(lambda: (lambda r: r if len(r) == 230 else None)(
        ctl.json("runs", "--creator", "pages", "--limit", "1000")), 30, "all of them")
    assert len({r["run_id"] for r in rows}) == 230


def test_a_run_with_its_steps_and_its_error(world, ctl, failed):
    one = ctl.json("run", failed)
    assert (one["run_id"], one["state"], one["function_id"]) == (failed, "failed", "test-flaky")
    assert one["steps"][0]["name"] == "try" and len(one["steps"][0]["attempts"]) == 4
    done = ctl("run", failed)
    assert done.code == 0 and "error" in done.out and "fails" in done.out and "STEP" in done.out


def test_a_live_run_says_why_it_waits(world, ctl, sleeper):
    one = ctl.json("run", sleeper)
    assert one["state"] in ("retrying", "running") and one["why"]["run_id"] == sleeper
    world.wait_until(lambda: "reason" in ctl("run", sleeper).out, 10, "a reason")
    assert ctl("cancel", sleeper).code == 0


def test_following_a_run_to_its_end(world, ctl):
    world.send("test/slow", {"creatorId": "followed", "ms": 4000})
    run = world.wait_for(function="test-slow", creator="followed", what="start")[0].run
    done = ctl("run", run, "--follow")
    assert done.code == 0 and "it is running" in done.out and "it is completed" in done.out
    lines = [json.loads(text) for text in ctl("run", run, "--follow", "--json").out.splitlines()]
    assert lines[-1]["state"] == "completed"


def test_what_postgres_refuses_is_told_once_and_with_its_hint(world, ctl):
    world.wait_until(lambda: world.value("select count(*) from chronos.functions where id = 'test-limited'") == 1, 20, "the functions")
    done = ctl("limits", "nosuch", "--set", "5")
    assert done.code == 3 and done.err.startswith("chronosctl limits: no function has a limit nosuch (there are ")
    assert done.err.count("\n") == 1 and "CONTEXT" not in done.err
    with pytest.raises(psycopg2.Error) as refused:
        world.rows("select chronos.set_limit('nosuch', null, 5)")
    assert refused.value.diag.message_hint and f"({refused.value.diag.message_hint[:200]}" in done.err


def test_what_postgres_refuses_is_told_in_words_of_the_shell(world, ctl, failed):
    done = run_of(world, "test/three", {"creatorId": "refused"})
    assert ctl("cancel", failed).err == f"chronosctl cancel: run {failed} has ended (failed)\n"
    assert ctl("retry", done).err == f"chronosctl retry: run {done} is completed; only a failed or cancelled run can be retried " \
        "(chronosctl replay runs it again from the start)\n"
    refused = ctl("limits", "test-all", "someone", "--set", "5")
    assert (refused.code, refused.err) == \
        (3, "chronosctl limits: leave the owner out: test-all is counted over all together\n")
    refused = ctl("limits", "test-limited", "--set", "5")
    assert "name the owner: fn/test-limited is counted for each" in refused.err
    bulk = ctl.json("retry", "--creator", "refused-none", "--function", "test-three")
    assert bulk["matched"] == 0


def test_following_says_what_is_waited_for(world, ctl):
    assert ctl("pause", "test-noop").code == 0
    try:
        world.wait_until(lambda: world.redis.hget("{c0}:controls", "pause/test-noop") == "pause", 20, "the pause")
        world.send("test/noop", {"creatorId": "held"})
        run = world.wait_until(lambda: next(iter(ctl.json("runs", "--creator", "held")), None), 20, "its run")["run_id"]
        following = ctl.start("run", run, "--follow", stdout=subprocess.PIPE, text=True)
        try:
            assert re.match("it is waiting: .*paused", following.stdout.readline())
        finally:
            following.terminate()
            following.communicate()
    finally:
        assert ctl("resume", "test-noop").code == 0


def test_following_one_that_fails(ctl, failed):
    assert ctl("run", failed, "--follow").code == 1


def test_events_and_one_of_them(world, ctl):
    run = world.run("test/three", {"creatorId": "events-shell"})
    event = run["event_id"]
    rows = ctl.json("events", "--name", "test/three")
    assert event in {r["internal_id"] for r in rows}
    assert ctl.json("events", event)["data"] == {"creatorId": "events-shell"}
    done = ctl("events", event)
    assert run["id"] in done.out and "test-three" in done.out
    # what is inside has lines of its own
    assert ["data.creatorId", "events-shell"] in [line.split() for line in done.out.splitlines()]
    for more in ([], ["--follow"]):
        done = ctl("run", event, *more)
        assert done.code == 3 and f"that is an event: chronosctl events {event}" in done.err
    assert "test-three" in ctl("events", "--name", "test/three").out


def test_rejected_is_shown_and_sent_again(world, ctl):
    entry = world.send_raw({"name": "test/three", "data": "{not json\x1b[31m"})
    rows = world.wait_until(lambda: [r for r in ctl.json("rejected") if r["name"] == "test/three"], 20, "it")
    shown = ctl("rejected", rows[0]["id"])
    assert shown.code == 0 and "{not json?[31m" in shown.out
    mended = json.dumps({"name": "test/three", "data": {"creatorId": "mended"}})
    assert ctl("rejected", rows[0]["id"], "--resend", "-", input=mended).code == 0
    world.wait_until(lambda: world.rows("select 1 from chronos.runs where creator_id = 'mended'"), 20, "its run")
    done = ctl("rejected", rows[0]["id"], "--resend", "{")
    assert done.code == 2 and "--resend" in done.err
    # not once more by a slip
    done = ctl("rejected", rows[0]["id"], "--resend", mended)
    assert done.code == 3 and re.search("was sent again already by shell:.* at .*; --again sends it once more", done.err)
    done = ctl.json("rejected", rows[0]["id"], "--resend", mended, "--again")
    world.wait_until(lambda: world.rows("select 1 from chronos.events where id = %s", done["event_id"]), 20, "the second")
    assert world.value("select count(*) from chronos.audit where target = %s", rows[0]["id"]) == 2
    assert entry


def test_functions_workers_and_limits(world, ctl):
    three = world.wait_until(lambda: next((f for f in ctl.json("functions") if f["id"] == "test-three"), None), 20, "the functions to be published")
    assert three["workers"] == 1
    assert ctl.json("functions", "test-three")["id"] == "test-three"
    assert "test-three" in ctl("functions").out
    shown = ctl("functions", "test-three").out
    assert re.search(r"^ +name second", shown, re.M) and re.search(r"^config.steps +name first", shown, re.M), shown
    assert "{" not in shown and re.search(r"^live\.running +\d+$", shown, re.M), shown
    workers = ctl.json("workers")
    assert len(workers) == 1 and "test-three" in workers[0]["functions"]
    assert workers[0]["id"] in ctl("workers").out
    assert isinstance(ctl.json("limits"), list)
    # as people count runs
    rows = [line for line in ctl("limits").out.splitlines() if "test-limited" in line]
    assert rows and all(re.search(r" \d+ ", row) and ".0" not in row for row in rows), rows


def test_times_say_that_they_are_utc(ctl, failed):
    done = ctl("run", failed)
    assert re.search(r"^queued_at +\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ$", done.out, re.M), done.out


def test_a_schedule_that_has_not_ticked_yet(own):
    """Redis has the moment from which it counts on."""
    own.start(workers=1)
    own.wait_until(lambda: own.rows("select 1 from chronos.functions where id = 'test-ticking'"), 20, "the functions")
    own.daemon("scheduler-1").stop()
    own.redis.hset("{c0}:cron", "test-ticking", 1767592805123)
    assert own.ctl.json("functions", "test-ticking")["schedule"]["last_tick"] is None
    assert re.search(r"^schedule\.last_tick +none yet$", own.ctl("functions", "test-ticking").out, re.M)
    own.redis.hset("{c0}:cron", "test-ticking", 1767592800000)
    assert own.ctl.json("functions", "test-ticking")["schedule"]["last_tick"] == "2026-01-05T06:00:00.000Z"


# ---- changing ----

def test_retry_and_replay_begin_new_runs(world, ctl, failed):
    assert ctl("retry", failed).code == 0
    world.wait_until(lambda: world.rows("select 1 from chronos.events where retry_of = %s", failed), 20, "the retry")
    assert ctl("replay", failed).code == 0
    world.wait_until(lambda: world.rows("select 1 from chronos.events where replay_of = %s", failed), 20, "the replay")
    audit = world.rows("select who, action, target from chronos.audit where target = %s order by id", failed)
    assert [a["action"] for a in audit] == ["run.retry", "run.replay"]
    assert all(a["who"].startswith("shell:") for a in audit)


def test_new_runs_are_named(world, ctl, failed):
    for command, before in (("retry", "retry_of"), ("replay", "replay_of")):
        done = ctl.json(command, failed)
        event, = world.rows(f"select id, run_ids from chronos.events where {before} = %s", failed)
        assert (done["event_id"], done["run_ids"]) == (event["id"], event["run_ids"]) and len(done["run_ids"]) == 1
    shown = ctl("run", failed).out
    again, = world.rows("select run_ids[1] as id from chronos.events where retry_of = %s", failed)
    assert re.search(rf"^retried_by +{again['id']}$", shown, re.M)
    done = ctl("replay", failed).out
    assert re.fullmatch("the run begins again, as a new run: [0-9A-Z]{26}\n", done)
    assert done.split()[-1] in {e["run_ids"][0] for e in world.rows("select run_ids from chronos.events where replay_of = %s", failed)}
    done = ctl("trigger", "test-three", '{"creatorId": "named"}').out
    run = re.fullmatch("a run of the function is being started: ([0-9A-Z]{26})\n", done)[1]
    assert ctl.json("run", run)["creator_id"] == "named"


def test_what_nobody_starts_names_its_event(own):
    own.start(workers=1)
    own.wait_until(lambda: own.rows("select 1 from chronos.functions where id = 'test-three'"), 20, "the functions")
    own.daemon("scheduler-1").stop()
    done = own.ctl("trigger", "test-three", timeout=60)
    assert re.search("no scheduler has started it yet: chronosctl events ([0-9A-Z]{26}) shows its run", done.out), done
    event = done.out.split("chronosctl events ")[1].split()[0]
    own.stack.start_scheduler()
    own.wait_until(lambda: own.rows("select 1 from chronos.events where id = %s", event), 20, "it to be recorded")


def test_many_runs_first_to_look_then_to_do(world, ctl):
    for n in range(3):
        run_of(world, "test/flaky", {"creatorId": "bulk", "until": 99, "n": n}, status="failed")
    choose = ["--creator", "bulk", "--status", "Failed"]
    dry = ctl.json("retry", *choose, "--dry-run")
    assert dry["dry_run"] and dry["matched"] == 3
    assert "nothing was done" in ctl("retry", *choose, "--dry-run").out
    assert world.rows("select 1 from chronos.events where creator_id = 'bulk' and retry_of is not null") == []
    done = ctl("retry", *choose)
    assert done.out == "3 of 3 runs go on from the step that failed, as new runs\n"
    world.wait_until(lambda: len(world.rows(
        "select 1 from chronos.events where creator_id = 'bulk' and retry_of is not null")) == 3, 20, "the retries")


def test_cancel_with_a_reason(world, ctl, sleeper):
    assert ctl("cancel", sleeper, "--reason", "wrong file").code == 0
    row = world.wait_until(lambda: next(iter(world.rows("select * from chronos.runs where id = %s", sleeper)), None), 20, "its end")
    assert row["status"] == "cancelled" and "wrong file" in row["error_message"]
    command = world.value("select id from chronos.commands where run_id = %s", sleeper)
    assert world.value("select details from chronos.audit where target = %s", sleeper) == \
        {"reason": "wrong file", "command_id": str(command)}


def send_later(world, ctl, creator, n):
    """Runs that wait for an hour."""
    events = [{"name": "test/three", "data": {"creatorId": creator}, "ts": int(time.time() * 1000) + 3600000} for _ in range(n)]
    assert ctl("send", "-", input=json.dumps(events)).code == 0
    world.wait_until(lambda: world.value("select count(*) from chronos.events where creator_id = %s", creator) == n, 30, "them")


def count_ended(world, creator):
    return world.value("select count(*) from chronos.runs where creator_id = %s and status = 'cancelled'", creator)


def test_many_are_cancelled_by_one_order(world, ctl):
    send_later(world, ctl, "many", 450)
    send_later(world, ctl, "other", 1)
    done = ctl("cancel", "--creator", "many", "--status", "live", "--limit", "1000")
    assert (done.code, done.out, done.err) == (0, "450 of 450 runs are being cancelled; a step that runs ends first\n", "")
    world.wait_until(lambda: count_ended(world, "many") == 450, 30, "their end")
    command, = world.rows("select id, kind, owner from chronos.commands where kind = 'cancel_where'")
    assert command["owner"] == "many"
    audit, = world.rows("select details from chronos.audit where action = 'runs.cancel' and details ->> 'creator' = 'many'")
    assert audit["details"]["command_id"] == str(command["id"]) and audit["details"]["until"]
    assert count_ended(world, "other") == 0
    assert ctl("cancel", "--creator", "other").code == 0


def test_many_of_which_not_all_are_meant_are_told_as_it_goes(world, ctl):
    send_later(world, ctl, "some", 450)
    done = ctl("cancel", "--creator", "some", "--limit", "410", "--reason", "too many")
    assert done.out.startswith("410 of 410 runs are being cancelled") and "there are more that fit" in done.out
    assert done.err == "chronosctl cancel: 200 runs so far\nchronosctl cancel: 400 runs so far\n"
    # what has ended since the list was made does not fit any more
    for _ in range(3):
        again = ctl("cancel", "--creator", "some", "--limit", "1000", "--reason", "too many")
        assert "has ended" not in again.out and again.code == 0, again
    world.wait_until(lambda: count_ended(world, "some") == 450, 30, "their end")
    done = ctl("cancel", "--creator", "some")
    assert (done.code, done.out) == (0, "no run fits\n")
    assert world.rows("select 1 from chronos.audit where action = 'runs.cancel' and details -> 'runs' = '[]'") == []


def test_pause_drain_and_resume(world, ctl):
    for command, mode in (("pause", "pause"), ("drain", "drain"), ("resume", None)):
        assert ctl(command, "test-echo").code == 0
        assert ctl.json("functions", "test-echo")["paused"] == mode


def test_trigger(world, ctl):
    assert ctl("trigger", "test-three", '{"creatorId": "triggered"}').code == 0
    world.wait_until(lambda: world.rows("select 1 from chronos.runs where creator_id = 'triggered'"), 20, "its run")
    assert ctl("trigger", "test-three", "[]").code == 2


def test_limits_are_set_and_taken_back(world, ctl):
    world.wait_until(lambda: world.rows("select 1 from chronos.functions where id = 'test-limited'"), 20, "the functions")
    assert ctl("limits", "test-limited", "shell-owner", "--set", "5").code == 0
    row, = ctl.json("limits", "test-limited", "shell-owner")
    assert (row["name"], row["owner"], row["max"], row["set"]) == ("test-limited", "shell-owner", 5, 5)
    assert "shell-owner" in ctl("limits", "test-limited").out
    # of whom nothing is set the rule is shown
    row, = ctl.json("limits", "test-limited", "nobody")
    assert (row["name"], row["owner"], row["max"]) == ("test-limited", None, 2)
    assert [row["name"] for row in ctl.json("limits", "test-all")] == ["test-all"]
    assert world.value("select value from chronos.controls where kind = 'limit' and name like '%%shell-owner'") == "5"
    assert ctl("limits", "test-limited", "shell-owner", "--clear").code == 0
    assert world.value("select value from chronos.controls where kind = 'limit' and name like '%%shell-owner'") is None
    assert ctl("limits", "budget", "shell-owner", "--set", "2.5").code == 0
    assert world.value("select value from chronos.controls where name = 'budget:shell-owner'") == "2500000"
    assert [row["max"] for row in ctl.json("limits", "budget", "shell-owner")] == [2.5]
    assert ctl("limits", "weight", "shell-owner", "--set", "3").code == 0
    assert ctl.json("limits", "weight", "shell-owner") == [{"owner": "shell-owner", "weight": 3}]
    assert ctl.json("limits", "weight", "nobody") == []
    assert ctl("limits", "weight", "nobody").out == "no weight is set; it is 1\n"
    assert ctl("limits", "weight", "shell-owner", "--clear").code == 0
    assert ctl("limits", "budget", "shell-owner", "--clear").code == 0


def test_retire_says_what_became_of_it(own):
    own.start(workers=1)
    own.wait_until(lambda: own.rows("select 1 from chronos.functions where id = 'test-three'"), 20, "the functions")
    done = own.ctl("retire", "test-three")
    assert done.code == 3 and "live workers execute it (1)" in done.err, done
    assert own.rows("select 1 from chronos.audit") == []
    own.rows("insert into chronos.functions (id, manifest, version) select 'test-gone', manifest, version from chronos.functions"
             " where id = 'test-three' returning id")
    assert own.ctl("retire", "test-gone").out == "retired; 0 runs cancelled\n"
    command = own.value("select id from chronos.commands where kind = 'retire'")
    assert own.value("select details from chronos.audit where target = 'test-gone'") == {"command_id": str(command)}


@pytest.mark.parametrize("arguments, code, says", [
    (["run", NOBODY], 3, NOBODY),
    (["run", "short"], 2, "must be the id of a run, 26 letters and digits"),
    (["retry", NOBODY], 3, NOBODY),
    (["retry"], 2, "run is missing"),
    (["retry", NOBODY, "--status", "Failed"], 2, "not both"),
    (["cancel", NOBODY, "--dry-run"], 2, "--dry-run is for runs that are chosen by options"),
    (["runs", "--limit", "0"], 2, "--limit 0: must be a whole number from 1 to"),
    (["runs", "--since", "yesterday"], 2, "--since yesterday: must be a time"),
    (["runs", "--status", "odd"], 2, "odd is no state of a run; there are live, ended, scheduled, accepted, ready, running, waiting, "),
    (["retry", "--status", "odd"], 2, "waiting_for_branches, completed, failed, cancelled, skipped"),
    (["retry", "--status", "completed"], 2, "retry takes only failed,cancelled runs"),
    (["pause", "no-such-function"], 3, "no-such-function"),
    (["functions", "no-such-function"], 3, "no-such-function"),
    (["trigger", "test-three", "{"], 2, "data must be a JSON object"),
    (["limits", "no-such-limit"], 3, "no function has a limit no-such-limit"),
    (["limits", "test-limited", "--set", "1", "--clear"], 2, "exclude each other"),
    (["limits", "test-limited", "x", "--set", "many"], 2, "--set many: must be a whole number"),
    (["limits", "no-such-limit", "x", "--set", "1"], 3, "no-such-limit"),
    (["limits", "budget", "--set", "1"], 2, "owner is missing"),
    (["events", NOBODY], 3, NOBODY),
    (["rejected", "1-1"], 3, "1-1"),
    (["rejected", "--resend", "{}"], 2, "entry is missing"),
])
def test_what_cannot_be_is_told_in_one_sentence(ctl, arguments, code, says):
    done = ctl(*arguments)
    assert (done.code, done.out) == (code, ""), done
    assert says in done.err and done.err.count("\n") == 1
    asked = ctl(*arguments, "--json")
    assert asked.code == code and asked.error["code"] == ("usage" if code == 2 else "refused")


@pytest.mark.parametrize("command", [["runs"], ["run", NOBODY], ["functions"], ["workers"], ["limits"], ["events"],
                                     ["rejected"], ["top", "--once"], ["retry", NOBODY]])
def test_stores_that_are_away(bare, command):
    done = bare(*command, CHRONOS_REDIS_URL="redis://127.0.0.1:1", CHRONOS_DATABASE_URL="postgresql://127.0.0.1:1/x")
    assert done.code == 4 and "CHRONOS_" in done.err
