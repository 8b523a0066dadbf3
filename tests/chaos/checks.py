"""The promises, each asked of the evidence. A check gives sentences about what is wrong; none is what is hoped for."""

import bisect
import collections
import json
import re
import time

from chaos import running
from chaos.kinds.base import COMPLETED
from chaos.kinds.crowd import Minnow, Whale
from chaos.kinds.pausing import Cancelled, Waiter
from chaos.world import CANARIES, DATABASE_PASSWORD, DRAIN_S, REDIS_PASSWORD, TICKING

# of the functions that write "start" and "end"
TIMED = {"test-slow", "test-deaf", "test-limited", "test-crowd", "test-keyed", "test-priority", "test-timed"}
LISTENING = TIMED - {"test-deaf"}
MINUTE_MS = 60000
# They end when another event comes, which may be the one that is lost.
NOT_AFTER_LOSS = {Waiter, Cancelled}
BACKLOG = 30  # runs that wait, for a queue to be called long
RECOVERY_S = 3.0  # after a fault, before fairness is asked for
LAST_WORDS_S = 10.0  # of a daemon that is stopped, beyond its grace: what it has to say goodbye to may be away, too



def kinds_problems(e, promise):
    """What the kinds of work themselves find wrong with it."""
    for sent in e.sent:
        if sent.kind.promise == promise:
            yield from (f"{sent}: {what}" for what in sent.kind.check(sent, e))


# ---- 1 ----
def every_event_ends(e):
    """An event accepted by Redis ends in its runs or is rejected."""
    known = {sent.tag for sent in e.sent}
    for tag in set(e.events_of_tag) - known:
        yield f"an event with the tag {tag} was never sent"
    for sent in e.sent:
        yield from (rejection_of if sent.kind.is_rejected else acceptance_of)(e, sent)
    yield from kinds_problems(e, 1)
    for event in e.events:
        for run in event["run_ids"]:
            if not e.run_by_id[run]:
                yield f"run {run} of event {event['id']} ({event['name']}) has not ended"


def rejection_of(e, sent):
    if sent.state == "acked":
        if e.rejected[sent.entry] != 1:
            yield f"{sent} is recorded as rejected {e.rejected[sent.entry]} times"
        if e.rejected_fields.get(sent.entry) != sent.fields:
            yield f"{sent} was kept as {str(e.rejected_fields.get(sent.entry))[:200]}"


def acceptance_of(e, sent):
    rows = e.events_of_tag[sent.tag]
    least, most = {"acked": (1, sent.tries), "refused": (0, sent.tries - 1), "unknown": (0, sent.tries)}[sent.state]
    if not least <= len(rows) <= most:
        yield f"{sent} is recorded {len(rows)} times"
    if sent.entry and sent.entry not in [row["stream_id"] for row in rows]:
        yield f"{sent} is recorded as {[row['stream_id'] for row in rows]}"
    expected = sent.kind.runs(sent)
    for row in rows if expected is not None else ():
        if row["outcome"] == "duplicate" and sent.tries > 1:
            continue
        if sorted(row["function_ids"]) != sorted(expected):
            yield f"{sent} ({row['outcome']}) started {row['function_ids']}, not {sorted(expected)}"


# ---- 2 ----
def every_run_ends_once(e):
    """One terminal state, archived once, and nothing after it."""
    collecting = {sent.kind.function for sent in e.sent if sent.kind.collects}
    wanted = collections.Counter(run for event in e.events for run in event["run_ids"] if event["outcome"] == "accepted")
    for run, times in wanted.items():
        if times > 1 and not {row["function_id"] for row in e.run_by_id[run]} <= collecting:
            yield f"run {run} belongs to {times} events"
    for run, rows in e.run_by_id.items():
        if len(rows) > 1:
            yield f"run {run} is archived {len(rows)} times"
        if rows and run not in wanted:
            yield f"run {run} belongs to no event"
    for sent in e.sent:
        for run in e.runs_of(sent):
            expected = (sent.kind.runs(sent) or {}).get(run["function_id"], (COMPLETED,))
            if run["status"] not in expected:
                yield f"{sent}: run {run['id']} {run['status']}: {run['error_message']}"
            output = sent.kind.output(sent)
            if output is not ... and run["status"] == COMPLETED and run["output"] != output:
                yield f"{sent}: run {run['id']} put out {json.dumps(run['output'])[:200]}"
    yield from e.redis_log.again
    for run in wanted:
        skipped = any(row["status"] == "skipped" for row in e.run_by_id[run])
        if e.redis_log.ended[run] != int(not skipped):
            yield f"run {run} ended {e.redis_log.ended[run]} times in Redis"


# ---- 3 ----
def no_limit_is_passed(e):
    """At no instant, neither in Redis nor in what really ran."""
    yield from e.redis_log.over
    yield from kinds_problems(e, 3)
    for name, holders in e.sampled.items():
        most = e.redis_log.limits.max_of(name)
        if most is not None and holders > most:
            yield f"{holders} runs were seen to hold a slot of {name}, {most} may"
    intervals, zombies = e.intervals_of(TIMED)
    for name, own in intervals_of_limits(e, intervals).items():
        most, (seen, when) = e.redis_log.limits.max_of(name), running.most_at_once(own)
        if most is not None and seen > most:
            yield f"{seen} runs of {name} ran at {when:.6f}, {most} may"
    for z in running.late_zombies(e.happenings, zombies, running.NOTICE_S):
        if z.function in LISTENING:
            yield f"run {z.run} went on for {z.seconds:.2f} s in a worker that had lost it"


def intervals_of_limits(e, intervals):
    creators = {}
    for event in e.events:
        for run in event["run_ids"]:
            creators[run] = event["creator_id"] or ""
    found = collections.defaultdict(list)
    for i in intervals:
        template = e.redis_log.limits.templates.get(i.function, "")
        for of in re.findall(r"\S+ ([^\n]+)", template):
            if re.search(r":\$\d", of):
                continue  # counted by something else than the creator
            found[re.sub(r":\$$", lambda _, run=i.run: ":" + creators.get(run, ""), of)].append(i)
    return found


# ---- 4 ----
def no_slot_leaks(e):
    """All is quiet, so nobody holds anything."""
    for name, holders in e.left.items():
        yield f"{holders} slots of {name} are held"
    for name, holders in e.redis_log.slots.items():
        if holders:
            yield f"by Redis' own log {len(holders)} slots of {name} are held: {sorted(holders)[:3]}"


# ---- 5 ----
def results_are_recorded_once(e):
    """And transactional steps take effect once."""
    yield from e.redis_log.overwritten
    for (run, step), times in e.effects.items():
        if times != 1:
            yield f"{step} of run {run} took effect {times} times"
    ledger = {(r["run_id"], r["step"]) for r in e.ledger}
    for run, step in set(e.effects) - ledger:
        yield f"{step} of run {run} took effect and is not in the ledger"
    for sent in e.sent:
        for run in e.runs_of(sent):
            yield from (f"{sent}: {what}" for what in steps_of_run(e, sent, run))
    yield from kinds_problems(e, 5)
    for row in e.steps:
        stored = e.redis_log.results.get((row["run_id"], row["step"]))
        if row["status"] == "completed" and stored is not None and json.loads(stored) != json.loads(row["result"]):
            yield f"{row['step']} of run {row['run_id']} is {row['result'][:80]} in Postgres and {stored[:80]} in Redis"


def steps_of_run(e, sent, run):
    completed = collections.Counter(s["step"] for s in e.steps_of[run["id"]] if s["status"] == "completed"
                                    and not s["step"].startswith("cursor:"))
    twice = [step for step, times in completed.items() if times > 1]
    if twice:
        yield f"{twice} of run {run['id']} are completed more than once"
    expected = sent.kind.steps(sent)
    if expected is not None and run["status"] == COMPLETED and sorted(completed) != sorted(expected):
        yield f"run {run['id']} has completed {sorted(completed)}"


# ---- 6 ----
def every_tick_starts_one_run(e):
    """Of the schedule for which no tick may be missing: each minute from `e.first_tick_ms`, which has had its turn, on."""
    starts = collections.Counter()
    for event in e.events:
        if event["name"] == "inngest/scheduled.timer":
            fn, at = event["function_ids"][0], event["data"]["scheduledAt"]
            starts[fn, at] += 1
            ended = [(r["function_id"], r["status"]) for run in event["run_ids"] for r in e.run_by_id[run]]
            if event["outcome"] == "accepted" and ended not in ([(fn, COMPLETED)], [(fn, "skipped")]):
                yield f"the tick {at} of {fn} ended in {ended}"
    for (fn, at), times in starts.items():
        if times != 1:
            yield f"the tick {at} of {fn} was dealt with {times} times"
    for ms in range(e.first_tick_ms + MINUTE_MS, e.quiet_ms - MINUTE_MS // 2, MINUTE_MS):
        at = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(ms // 1000))
        if not starts[TICKING, at]:
            yield f"the tick {at} of {TICKING} is missing"


# ---- 7 ----
def newcomers(e):
    """[(who, runs of the creator with the huge backlog that started while they waited)], where there was a backlog and no
    fault was in force."""
    starts = sorted((h.at, h.run) for h in e.happenings if h.creator == Whale.CREATOR and h.what == "start")
    asked = sorted(sent.at for sent in e.sent if isinstance(sent.kind, Whale) and sent.state == "acked")
    found = []
    for sent in e.sent:
        if not isinstance(sent.kind, Minnow) or sent.state != "acked":
            continue
        began = [h.at for run in e.runs_of(sent) for h in e.happenings_of[run["id"]] if h.what == "start"]
        backlog = bisect.bisect(asked, sent.at) - len({run for at, run in starts if at < sent.at})
        if began and backlog >= BACKLOG and e.is_calm(sent.at, min(began), RECOVERY_S):
            found.append((sent, len({run for at, run in starts if sent.at < at < min(began)})))
    return found


def newcomers_do_not_wait(e, most, least):
    found = newcomers(e)
    for sent, before in found:
        if before > most:
            yield f"{before} runs of {Whale.CREATOR} began while {sent} waited, more than the {most} that may run"
    if len(found) < least:
        yield f"only {len(found)} newcomers came to a long queue while no fault was in force"


# ---- 8 ----
def failures_are_told_once(e):
    """One failure event per failed run and none for others; handlers run."""
    for runs in e.run_by_id.values():
        for run in runs:
            told, expected = len(e.failures_of[run["id"]]), int(run["status"] == "failed")
            if told != expected:
                yield f"run {run['id']} of {run['function_id']} {run['status']} and was told to have failed {told} times"
            if e.redis_log.failures[run["id"]] != expected:
                yield f"run {run['id']} sent {e.redis_log.failures[run['id']]} failure events"
    for sent in e.sent:
        handler = sent.kind.handler(sent)
        for run in e.runs_of(sent) if handler else ():
            yield from (f"{sent}: {what}" for what in handling_of(e, run, handler))


def handling_of(e, run, handler):
    for event in e.failures_of[run["id"]]:
        handled = [(r["function_id"], r["status"]) for r in e.runs_of_event[event["id"]]]
        if handled != [(handler, "completed")]:
            yield f"the failure of run {run['id']} was handled by {handled}"


# ---- 9 ----
def no_daemon_is_hurt(e):
    """None ends by itself, none has an error of its own to tell, and those that are asked to end do. A worker that is stopped
    while Redis is away for longer than its grace can only say so."""
    yield from e.problems
    yield from e.sanitizer_reports
    for name, status, seconds in e.stops:
        if status != 0:
            yield f"{name} was asked to end and ended with status {status}"
        if seconds > DRAIN_S + LAST_WORDS_S:
            yield f"{name} took {seconds:.1f} s to end"
    for place, text in e.texts.items():
        if place.startswith(("worker", "scheduler")):
            yield from (f"{place}: {line[:300]}" for line in text.splitlines()
                        if "level=error" in line and "code=outcomes-dropped" not in line)


# ---- 10 ----
def no_secret_is_told(e):
    for secret in (*CANARIES.values(), REDIS_PASSWORD, DATABASE_PASSWORD):
        for place, text in e.texts.items():
            if secret in text:
                at = text.index(secret)
                yield f"{secret} is in {place}: …{text[max(0, at - 100):at + len(secret)]!r}"


# ---- 11 ----
def a_loss_is_survived(e):
    """What Postgres had accepted when Redis lost everything ends as it should, and nothing that was committed happens again.
    Lost may be what was still in the stream of events then: an entry leaves it once it is recorded."""
    for sent in e.sent:
        if sent.kind.is_rejected or sent.state != "acked":
            continue
        rows = e.events_of_tag[sent.tag]
        if not rows and sent.entry not in e.lost_entries:
            yield f"{sent} is lost"
        for run in {run for row in rows if row["outcome"] == "accepted" for run in row["run_ids"]}:
            yield from (f"{sent}: {what}" for what in end_after_loss(e, sent, run))
    for (run, step), times in e.effects.items():
        if times != 1:
            yield f"{step} of run {run} took effect {times} times"


def count_lost(e):
    return sum(s.state == "acked" and not s.kind.is_rejected and not e.events_of_tag[s.tag] for s in e.sent)


def count_untold(e):
    return sum(run["status"] == "failed" and not e.failures_of[run["id"]] for run in e.runs)


def end_after_loss(e, sent, run_id):
    runs = e.run_by_id[run_id]
    if len(runs) != 1:
        yield f"run {run_id} is archived {len(runs)} times"
        return
    run, expected = runs[0], (sent.kind.runs(sent) or {}).get(runs[0]["function_id"], (COMPLETED,))
    if run["status"] not in expected:
        yield f"run {run_id} {run['status']}: {run['error_message']}"
    output = sent.kind.output(sent)
    if output is not ... and run["status"] == COMPLETED and run["output"] != output:
        yield f"run {run_id} put out {json.dumps(run['output'])[:200]}"
    yield from steps_of_run(e, sent, run)
    if sent.kind.promise == 5:
        yield from sent.kind.check(sent, e)


# ---- 12 ----
def no_attempt_is_burned(e):
    """What failed is what was told to fail, as often as it was told to."""
    for sent in e.sent:
        expected = sent.kind.failures(sent)
        for run in e.runs_of(sent):
            # what a cancelled run was at is told as failed, too
            failed = [(s["step"], s["attempt"]) for s in e.steps_of[run["id"]]
                      if s["status"] == "failed" and (run["status"], s.get("error_code")) != ("cancelled", "cancelled")]
            if sorted(failed) != sorted(expected):
                messages = {s["error_message"] for s in e.steps_of[run["id"]] if s["status"] == "failed"}
                yield f"{sent}: of run {run['id']} failed {sorted(failed)}, not {expected}: {messages}"
            if not expected and run["status"] == COMPLETED and run["attempts"] != 1:
                yield f"{sent}: run {run['id']} took {run['attempts']} attempts"
