"""The checks themselves: each finds what it is there for, in evidence that was made up."""

import datetime
import random

import pytest

from chaos import aof, checks, running
from chaos.evidence import Evidence
from chaos.faults import ALL
from chaos.kinds.base import Sent, order
from chaos.kinds.crowd import Minnow, Whale
from chaos.kinds.doors import Garbage
from chaos.kinds.failing import Flaky, Permanent
from chaos.kinds.plain import Sender, Tx
from chaos.kinds.rules import Batch, Rate, Single
from chaos.plan import make_plan
from chaos.world import CANARIES, TICKING, Life
from steps_log import Happening

FN = {Tx: "test-tx", Flaky: "test-flaky", Permanent: "test-permanent", Minnow: "test-crowd", Sender: "test-sender",
      Batch: "test-batch", Rate: "test-rate", Single: "test-singleton-skip"}
NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)


def say(kind, data=None, state="acked", tag="t1", entry="1-0", fields=None):
    """An event that was sent."""
    name, data = (None, None) if kind is Garbage else (kind.event, {**(data or {}), "tag": tag})
    sent = Sent(kind(None, random.Random(1)), tag, order(name, data, fields))
    sent.state, sent.entry, sent.at = state, entry if state == "acked" else None, 10.0
    return sent


def event(sent, run="R1", outcome="accepted", **more):
    fn = FN[type(sent.kind)]
    return {"id": "E" + sent.tag, "stream_id": sent.entry, "name": sent.name, "data": sent.data, "outcome": outcome,
            "function_ids": [fn], "run_ids": [run], "idempotency_key": None, "creator_id": sent.data.get("creatorId"),
            "ts": NOW, "accepted_at": NOW, **more}


def run_of(sent, run="R1", **more):
    return {"id": run, "event_id": "E" + sent.tag, "function_id": FN[type(sent.kind)], "status": "completed",
            "attempts": 1, "deaths": 0, "cost_usd": 0, "started_at": NOW, "finished_at": NOW, "error_message": None,
            "output": None, **more}


def step(name, run="R1", attempt=1, status="completed"):
    return {"run_id": run, "step": name, "attempt": attempt, "status": status, "result": "null", "error_message": "x"}


def happening(at, what, run="R1", function="test-crowd", pid=1, creator="c", name="nap"):
    return Happening(at, what, run, function, name, 1, pid, creator)


def evidence(sent=(), **more):
    e = Evidence()
    e.sent = list(sent)
    for name, value in more.items():
        setattr(e, name, value)
    return e.index()


def good(kind=Tx, steps=("before", "insert", "insert-more", "after"), **more):
    """One event that came to a good end."""
    sent = say(kind, {"creatorId": "c"})
    e = evidence([sent], events=[event(sent)], runs=[run_of(sent)], steps=[step(s) for s in steps], **more)
    e.redis_log.ended["R1"] = 1
    for s in ("insert", "insert-more"):
        e.effects["R1", s] = 1
        e.ledger.append({"run_id": "R1", "step": s})
    return e


PURE = [checks.every_event_ends, checks.every_run_ends_once, checks.no_limit_is_passed, checks.no_slot_leaks,
        checks.results_are_recorded_once, checks.failures_are_told_once, checks.no_daemon_is_hurt,
        checks.no_secret_is_told, checks.no_attempt_is_burned]


@pytest.mark.parametrize("check", PURE)
def test_nothing_is_wrong_where_nothing_is_wrong(check):
    assert not list(check(good()))


# ---- 1 ----
def test_an_event_that_is_lost_is_found():
    assert "recorded 0 times" in "".join(checks.every_event_ends(evidence([say(Tx)])))


def test_an_event_that_was_refused_and_came_all_the_same_is_found():
    sent = say(Tx, state="refused")
    assert "recorded 1 times" in "".join(checks.every_event_ends(evidence([sent], events=[event(sent)])))


def test_an_event_without_an_answer_may_have_come_or_not():
    sent = say(Tx, state="unknown")
    for events in ([], [event(sent)]):
        e = evidence([sent], events=events, runs=[run_of(sent)])
        assert not list(checks.every_event_ends(e))


def test_an_event_from_nowhere_and_one_that_started_the_wrong_function_are_found():
    sent = say(Tx)
    e = evidence([sent], events=[event(sent, function_ids=["test-slow"]), event(say(Tx, tag="t9"), run="R9")])
    found = "\n".join(checks.every_event_ends(e))
    assert "t9 was never sent" in found and "started ['test-slow']" in found and "run R1" in found


def test_what_was_rejected_is_kept_byte_for_byte():
    sent = say(Garbage, fields={b"name": b"\xff"})
    e = evidence([sent])
    e.rejected["1-0"] = 1
    e.rejected_fields["1-0"] = {b"name": b"\xff"}
    assert not list(checks.every_event_ends(e))
    e.rejected_fields["1-0"] = {b"name": b"?"}
    assert "was kept as" in "".join(checks.every_event_ends(e))
    e.rejected["1-0"] = 2
    assert "2 times" in "".join(checks.every_event_ends(e))


def test_a_sent_event_that_did_not_arrive_is_found():
    sent = say(Sender, {"count": 2, "from": "s"})
    got = run_of(sent, "R2", function_id="test-receiver", event_id="X", output={"data": {"from": "s", "n": 0}})
    e = evidence([sent], events=[event(sent)], runs=[run_of(sent), got])
    assert "arrived [0]" in "".join(checks.every_event_ends(e))


def test_an_event_that_its_batch_did_not_see_is_found():
    first, second = say(Batch, {"n": 1}), say(Batch, {"n": 2}, tag="t2", entry="2-0")
    e = evidence([first, second], events=[event(first), event(second)], runs=[run_of(first, output={"numbers": [1]})])
    assert "was to see [1, 2]" in "".join(checks.every_event_ends(e))
    assert not [p for p in checks.every_run_ends_once(e) if "belongs to" in p]


def test_starts_over_a_rate_are_found():
    sent = say(Rate, {"creatorId": "r"})
    e = evidence([sent], events=[event(sent, run="C")], runs=[run_of(sent, run="C")])
    e.redis_log.starts["test-rate", "r"] = {"A": 1000, "B": 1100, "C": 2499}
    assert "3 starts within 1499 ms" in "".join(checks.every_event_ends(e))
    e.redis_log.starts["test-rate", "r"]["C"] = 2500
    assert not list(checks.every_event_ends(e))


# ---- 2 ----
def test_a_run_that_is_archived_twice_or_belongs_to_two_events_is_found():
    e = good()
    e.runs.append(e.runs[0])
    e.events.append({**e.events[0], "id": "E2"})
    found = "\n".join(checks.every_run_ends_once(e.index()))
    assert "archived 2 times" in found and "belongs to 2 events" in found


def test_a_run_that_ended_otherwise_than_it_should_is_found():
    e = good()
    e.runs[0]["status"] = "failed"
    assert "R1 failed" in "".join(checks.every_run_ends_once(e))


def test_a_run_that_never_ended_in_redis_is_found():
    e = good()
    e.redis_log.ended.clear()
    assert "ended 0 times" in "".join(checks.every_run_ends_once(e))


# ---- 3 and 4: Redis' own log ----
def command(*words):
    words = [w if isinstance(w, bytes) else str(w).encode() for w in words]
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words)


def play(*commands):
    return aof.RedisLog().play(aof.commands(b"".join(commands)))


LIMITS = command("HSET", "{c0}:limits", "f", "2 fn/f:$\n3 all\n~4 everywhere\n1 fn/f/2:$2\n")


def test_the_log_is_read_as_redis_writes_it():
    data = b"#TS:1\r\n" + command("SET", "k", b"a\r\nb") + command("MULTI") + command("SADD", "{c0}:slots:x", 1)
    data += command("EXEC") + command("SET", "torn", "x")[:-4]
    assert list(aof.transactions(aof.commands(data))) == [[[b"SET", b"k", b"a\r\nb"]], [[b"SADD", b"{c0}:slots:x", b"1"]]]


def test_what_is_left_in_a_stream_is_found(tmp_path):
    written = [command("XADD", "s", "1-0", "k", "v"), command("FLUSHALL"), command("XADD", "s", "2-0", "k", "v"),
               command("XADD", "s", "3-0", "k", "v"), command("XADD", "other", "4-0", "k", "v"), command("XDEL", "s", "2-0", "9-0")]
    (tmp_path / "appendonly.aof.1.incr.aof").write_bytes(b"".join(written))
    assert aof.entries_left(str(tmp_path), "s") == {"3-0"}


@pytest.mark.parametrize("name, most", [("fn/f:c", 2), ("fn/f:a:b", 2), ("all", 3), ("everywhere", 4), ("fn/f/2:room", 1)])
def test_a_limit_that_was_passed_for_a_moment_is_found(name, most):
    full = [command("SADD", f"{{c{n % 2}}}:slots:{name}", f"R{n}") for n in range(most)]
    assert not play(LIMITS, *full).over
    log = play(LIMITS, *full, command("SADD", f"{{c0}}:slots:{name}", "R99"), command("SREM", f"{{c0}}:slots:{name}", "R99"))
    assert log.over and name in log.over[0]


def test_a_limit_may_be_passed_within_a_script():
    log = play(LIMITS, command("SADD", "{c0}:slots:fn/f:c", "R1", "R2"), command("MULTI"),
               command("SADD", "{c0}:slots:fn/f:c", "R3"), command("SREM", "{c0}:slots:fn/f:c", "R1"), command("EXEC"))
    assert not log.over and log.most["fn/f:c"] == 2


def test_a_limit_that_was_lowered_is_kept_by_those_who_come_then():
    holders = [command("SADD", "{c0}:slots:all", f"R{n}") for n in (1, 2)]
    lower = command("HSET", "{c0}:controls", "limit/all", "1")
    assert not play(LIMITS, *holders, lower, command("SREM", "{c0}:slots:all", "R1")).over
    assert play(LIMITS, *holders, lower, command("SADD", "{c0}:slots:all", "R3")).over
    assert not play(LIMITS, *holders, lower, command("HDEL", "{c0}:controls", "limit/all"),
                    command("SADD", "{c0}:slots:all", "R3")).over


def test_a_second_result_a_second_end_and_a_life_after_it_are_found():
    log = play(command("HSET", "{c0}:steps:R1", "s", "1"), command("HSETNX", "{c0}:steps:R1", "s", "2"))
    assert log.overwritten
    end = command("HSET", "{c0}:run:R1", "last", "1-0", "done", "1")
    assert not play(end).again
    assert play(end, end).again
    assert play(end, command("XADD", "{c0}:ready:f", "1-0", "run", "R1")).again
    assert play(end, command("SADD", "{c0}:slots:all", "R1")).again


def test_slots_that_are_left_are_found():
    e = evidence(left={"all": 1}, redis_log=play(command("SADD", "{c0}:slots:fn/f:c", "R1")))
    assert len(list(checks.no_slot_leaks(e))) == 2


# ---- 3: what ran ----
def ran(*happenings, lives=None, functions=frozenset({"test-crowd"})):
    return running.find_intervals(sorted(happenings), lives or [life(1), life(2)], functions)


def life(pid, gone=None, pauses=()):
    it = Life("worker-1", pid)
    it.born, it.gone, it.pauses = 0.0, gone, [list(p) for p in pauses]
    return it


def test_runs_at_the_same_time_are_counted():
    intervals, _ = ran(happening(1, "start"), happening(2, "start", "R2"), happening(3, "end"), happening(3, "start", "R3"),
                       happening(4, "end", "R2"), happening(5, "cancelled", "R3"))
    assert running.most_at_once(intervals)[0] == 2


def test_a_killed_workers_steps_end_with_it_and_a_run_counts_once():
    intervals, _ = ran(happening(1, "start"), happening(6, "start", pid=2), happening(7, "end", pid=2),
                       lives=[life(1, gone=5), life(2)])
    assert [(i.begin, i.end) for i in intervals] == [(6, 7), (1, 5)]
    intervals, _ = ran(happening(1, "start"), happening(2, "start", pid=2), happening(3, "end", pid=2), happening(4, "end"))
    assert running.most_at_once(intervals)[0] == 1


def test_a_frozen_workers_steps_end_when_it_was_frozen_and_what_came_after_is_told():
    lines = [happening(1, "start"), happening(9, "cancelled"), happening(5, "start", pid=2), happening(6, "end", pid=2)]
    intervals, zombies = ran(*lines, lives=[life(1, pauses=[(2, 8)]), life(2)])
    assert (1, 2) in [(i.begin, i.end) for i in intervals]
    assert [z.seconds for z in zombies] == [1]
    assert list(running.late_zombies(lines, zombies, 0.5)) and not list(running.late_zombies(lines, zombies, 1.5))
    alone = [h for h in lines if h.pid == 1]
    assert not list(running.late_zombies(alone, zombies, 0.5))  # nobody took its run


def test_what_a_worker_begins_before_it_can_notice_that_it_was_frozen_is_told_apart():
    frozen = [life(1, pauses=[(2, 8)])]
    for begin in (2.001, 7.999, 8.1):  # before the signal came, as it woke, after
        intervals, zombies = ran(happening(begin, "start"), happening(8.2, "cancelled"), lives=frozen)
        assert not intervals and len(zombies) == 1 and zombies[0].seconds < 0.3
    intervals, zombies = ran(happening(9, "start"), happening(10, "end"), lives=frozen)
    assert len(intervals) == 1 and not zombies
    short = ran(happening(8.1, "start"), happening(8.2, "end"), lives=[life(1, pauses=[(7.5, 8)])])
    assert len(short[0]) == 1 and not short[1]


def test_a_worker_that_is_frozen_again_before_it_can_notice_is_given_its_time_anew():
    lines = [happening(8.1, "start"), happening(12.2, "cancelled")]
    [zombie] = ran(*lines, lives=[life(1, pauses=[(2, 8), (8.2, 12)])])[1]
    assert zombie.slept == 2 and zombie.seconds < 0.3


def test_a_pid_that_is_used_again_is_another_process():
    old, new = life(1, gone=5), life(1)
    new.born = 6.0
    assert running.life_of({1: [old, new]}, happening(4, "start")) is old
    assert running.life_of({1: [old, new]}, happening(7, "start")) is new


def test_more_runs_than_a_limit_allows_are_found_in_what_ran():
    sents = [say(Minnow, {"creatorId": "c"}, tag=f"t{n}") for n in range(3)]
    lines = [happening(n, "start", f"R{n}") for n in range(3)] + [happening(10, "end", f"R{n}") for n in range(3)]
    e = evidence(sents, events=[event(s, run=f"R{n}") for n, s in enumerate(sents)], happenings=lines, lives=[life(1)],
                 redis_log=play(command("HSET", "{c0}:limits", "test-crowd", "2 fn/test-crowd:$\n")))
    assert "3 runs of fn/test-crowd:c ran" in "".join(checks.no_limit_is_passed(e))


def test_two_of_a_kind_of_which_there_may_be_one_are_found():
    sents = [say(Single, {"key": "k"}, tag=f"t{n}") for n in range(2)]
    lines = [happening(n, what, f"R{n}", "test-singleton-skip") for n in range(2) for what in ("start",)]
    lines += [happening(5, "end", f"R{n}", "test-singleton-skip") for n in range(2)]
    e = evidence(sents, events=[event(s, run=f"R{n}") for n, s in enumerate(sents)], happenings=lines, lives=[life(1)],
                 runs=[run_of(s, run=f"R{n}") for n, s in enumerate(sents)])
    assert "2 runs with the key k" in "".join(checks.no_limit_is_passed(e))


# ---- 5 ----
@pytest.mark.parametrize("times", [0, 2])
def test_an_effect_that_did_not_happen_once_is_found(times):
    e = good()
    e.effects["R1", "insert"] = times
    assert f"took effect {times} times" in "".join(checks.results_are_recorded_once(e))


def test_steps_that_are_missing_or_there_twice_are_found():
    assert "has completed" in "".join(checks.results_are_recorded_once(good(steps=("before", "insert", "insert-more"))))
    twice = good(steps=("before", "insert", "insert-more", "after", "after"))
    assert "more than once" in "".join(checks.results_are_recorded_once(twice))


def test_an_effect_beside_the_ledger_and_a_result_that_differs_are_found():
    e = good()
    e.ledger.clear()
    e.redis_log.results["R1", "after"] = "7"
    found = "\n".join(checks.results_are_recorded_once(e))
    assert "not in the ledger" in found and "null in Postgres and 7 in Redis" in found


# ---- 6 ----
def tick(minute, run="R1", outcome="accepted"):
    return {"id": f"T{minute}", "name": "inngest/scheduled.timer", "function_ids": [TICKING], "run_ids": [run],
            "outcome": outcome, "data": {"scheduledAt": f"1970-01-01T00:{minute:02}:00.000Z"}, "idempotency_key": None}


def test_a_tick_that_is_missing_or_comes_twice_is_found():
    row = {"id": "R1", "event_id": "T1", "function_id": TICKING, "status": "completed"}
    times = {"first_tick_ms": 0, "quiet_ms": 170000}
    assert not list(checks.every_tick_starts_one_run(evidence(events=[tick(1), tick(2)], runs=[row], **times)))
    found = list(checks.every_tick_starts_one_run(evidence(events=[tick(1), tick(1)], runs=[row], **times)))
    assert "dealt with 2 times" in found[0] and "00:02:00.000Z" in found[1] and "missing" in found[1]


# ---- 7 ----
def test_a_newcomer_who_waited_behind_a_backlog_is_found():
    sent = say(Minnow, {"creatorId": "m"})
    lines = [happening(10 + n / 10, "start", f"W{n}", creator=Whale.CREATOR) for n in range(1, 20)]
    lines.append(happening(11.55, "start", "R1", creator="m"))
    whale = [say(Whale, tag=f"w{n}", state="acked") for n in range(checks.BACKLOG)]
    for w in whale:
        w.at = 5.0
    e = evidence([sent, *whale], events=[event(sent)], runs=[run_of(sent)], happenings=sorted(lines))
    assert [n for _, n in checks.newcomers(e)] == [15]
    assert list(checks.newcomers_do_not_wait(e, most=14, least=1))
    assert not list(checks.newcomers_do_not_wait(e, most=15, least=1))
    e.is_calm = lambda begin, end, margin: False
    assert "only 0 newcomers" in "".join(checks.newcomers_do_not_wait(e, most=15, least=1))


# ---- 8 ----
def failed(told, handled):
    sent = say(Permanent)
    told_of = [{"id": f"F{n}", "name": "inngest/function.failed", "data": {"run_id": "R1"}, "run_ids": [f"H{n}"],
                "function_ids": ["test-handler"], "outcome": "accepted", "idempotency_key": None} for n in range(told)]
    e = evidence([sent], events=[event(sent), *told_of], runs=[run_of(sent, status="failed")] + [
        run_of(sent, f"H{n}", event_id=f"F{n}", function_id="test-handler", status=s) for n, s in enumerate(handled)])
    e.redis_log.failures["R1"] = told
    return list(p for p in checks.failures_are_told_once(e) if "R1" in p)


def test_failures_that_are_not_told_once_and_handled_are_found():
    assert not failed(1, ["completed"])
    assert failed(0, []) and failed(2, ["completed", "completed"]) and failed(1, []) and failed(1, ["failed"])


def test_a_failure_that_was_none_is_found():
    sent = say(Tx)
    told = {"id": "F", "name": "inngest/function.failed", "data": {"run_id": "R1"}, "run_ids": [], "function_ids": [],
            "outcome": "unmatched", "idempotency_key": None}
    assert list(checks.failures_are_told_once(evidence([sent], events=[event(sent), told], runs=[run_of(sent)])))


# ---- 9, 10, 12 ----
@pytest.mark.parametrize("more, told", [
    ({"problems": ["worker-1 ended by itself"]}, "by itself"),
    ({"sanitizer_reports": ["worker-1: ERROR"]}, "ERROR"),
    ({"stops": [("worker-1", -9, 1.0)]}, "status -9"),
    ({"stops": [("worker-1", 0, 99.0)]}, "99.0 s"),
    ({"texts": {"scheduler-1.log": "ts=1 level=error msg=x"}}, "level=error"),
])
def test_a_daemon_that_is_hurt_is_found(more, told):
    assert told in "".join(checks.no_daemon_is_hurt(evidence(**more)))


def test_a_secret_is_found_wherever_it_is():
    e = evidence(texts={"appendonly.aof.1.incr.aof": "x" * 1000 + CANARIES["OPENAI_API_KEY"] + "y"})
    assert "appendonly" in "".join(checks.no_secret_is_told(e))


def test_an_attempt_that_a_fault_used_is_found():
    e = good()
    e.steps.append(step("after", attempt=2, status="failed"))
    e.runs[0]["attempts"] = 2
    assert len(list(checks.no_attempt_is_burned(e.index()))) == 2
    sent = say(Flaky, {"until": 3})
    e = evidence([sent], events=[event(sent)], runs=[run_of(sent, attempts=3)],
                 steps=[step("try", attempt=n, status="failed") for n in (1, 2)])
    assert not list(checks.no_attempt_is_burned(e))
    e.steps.append(step("try", attempt=3, status="failed"))
    assert list(checks.no_attempt_is_burned(e.index()))


# ---- 11 ----
def test_what_may_be_lost_with_redis_is_what_was_not_recorded():
    sent = say(Tx)
    e = evidence([sent])
    assert "is lost" in "".join(checks.a_loss_is_survived(e))
    e.lost_entries = {sent.entry}
    assert not list(checks.a_loss_is_survived(e))
    e = good()
    assert not list(checks.a_loss_is_survived(e))
    e.effects["R1", "insert"] = 2
    assert "took effect 2 times" in "".join(checks.a_loss_is_survived(e))
    e.runs.clear()
    assert "archived 0 times" in "".join(checks.a_loss_is_survived(e.index()))


# ---- the plan ----
def test_a_seed_repeats_its_plan_and_another_makes_another():
    plans = [make_plan(random.Random(seed), 60, ALL) for seed in (1, 1, 2)]
    assert plans[0] == plans[1] != plans[2]


def test_every_fault_comes_and_no_target_has_two_at_once():
    plan = make_plan(random.Random(3), 60, ALL)
    assert {s.fault for s in plan} == set(ALL)
    free_at = {}
    for s in plan:
        assert s.at >= free_at.get(s.target, 0) and s.fault.span[0] <= s.seconds <= s.fault.span[1] and s.at < 60
        free_at[s.target] = s.at + s.seconds
