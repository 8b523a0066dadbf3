"""The twelve promises, under everything that can go wrong at once.

Work of all kinds is sent while a plan that the seed decides kills, stops, freezes and cuts off daemons and servers. At the
end everything is healed, all has to become quiet by itself, and each promise is checked against what can be seen from
outside. CHRONOS_TEST_CHAOS_SECONDS says for how long (25), CHRONOS_TEST_SEED with which dice.

The seed repeats what is sent and what is done when; how it meets in time is the machine's own."""

import collections
import contextlib
import json
import os
import random
import shutil
import time

import pytest

from chaos import checks
from chaos.actor import Actor
from chaos.evidence import collect
from chaos.faults import ALL, LOSSES
from chaos.kinds import KINDS
from chaos.kinds.crowd import Minnow, Whale
from chaos.plan import make_plan
from chaos.sampler import Sampler
from chaos.sender import Sender
from chaos.world import Watch, World
from harness.fixtures import finish, variant
from ops.stack import StackError, sessions

RATE = 30.0  # events a second
NEWCOMERS = 12
PARTITIONS = (1, 4)
# Runs of a creator with a huge backlog that may begin before a newcomer's. Shares of a limit move between partitions a few
# times a second only.
MOST_AHEAD = {1: 8, 4: 60}
LOSS_S = 7.0  # for which Redis loses everything again and again
SHOWN = 15  # of many problems of one kind


class Chaos:
    """One run of it, and what was found."""

    def __init__(self, seed, seconds, folder):
        self.seed, self.seconds = seed, seconds
        self.partitions = random.Random(f"world-{seed}").choice(PARTITIONS)
        self.world = World(folder, variant(), seed, self.partitions)
        self.plan = make_plan(random.Random(f"plan-{seed}"), seconds, ALL)
        self.evidence = None

    def start(self):
        self.world.start()
        return self

    def run(self, name, plan, kinds, farewell=lambda sender: None):
        """Carries a plan out under load; the evidence after all is healed, quiet, and stopped."""
        with contextlib.ExitStack() as ends:
            sampler = Sampler(self.world.stack.redis_url)
            ends.callback(sampler.stop)
            actor = Actor(self.world, plan)
            watch = Watch(self.world, actor.locks)
            ends.callback(watch.stop)
            sender = Sender(self.world, random.Random(f"{name}-{self.seed}"), kinds, RATE).start()
            ends.callback(sender.end)
            actor.run()
            farewell(sender)
            sender.finish()
            stuck = self.wait_quiet()
        self.world.stop_daemons()
        self.evidence = collect(self.world, sender, actor, watch, sampler)
        self.evidence.stuck = stuck
        self.tell_numbers(name)
        return self.evidence

    def wait_quiet(self):
        """[] or why it did not become quiet."""
        self.world.reconnect()
        try:
            self.world.wait_quiet(40 + self.seconds / 4)
        except StackError as e:
            return [str(e)[:4000]]
        return []

    @staticmethod
    def send_newcomers(sender):
        """While a creator has a long queue and nothing else is wrong."""
        time.sleep(checks.RECOVERY_S)
        dice = random.Random()  # the sender's own are in use
        whale, minnow = Whale(sender.world, dice), Minnow(sender.world, dice)
        for _ in range(NEWCOMERS):
            sender.send_one(whale)
            sender.send_one(minnow)
            time.sleep(0.15)

    # ---- telling ----
    def tell_numbers(self, name):
        e = self.evidence
        states = collections.Counter(s.state for s in e.sent)
        zombies = e.intervals_of(checks.TIMED)[1]
        print(f"{name}: {self.partitions} partitions; {len(e.faults)} faults; events {dict(states)}; {len(e.runs)} runs,"
              f" {len(e.steps)} steps, {sum(r['deaths'] for r in e.runs)} deaths; {e.redis_log.changes} changes of Redis;"
              f" {len(zombies)} steps went on after a freeze, {max([z.seconds for z in zombies], default=0):.2f} s at most;"
              f" {len(checks.newcomers(e))} newcomers, {[n for _, n in checks.newcomers(e)]};"
              f" {checks.count_lost(e)} accepted events and {checks.count_untold(e)} failure events lost")

    def judge(self, evidence, problems):
        problems = list(problems)
        if not problems:
            return
        text = [f"{len(problems)} problems", *problems[:SHOWN], "", f"CHRONOS_TEST_SEED={self.seed}; what was done:",
                *evidence.told, "", "Logs, rows and Redis' own file are kept in", self.keep(evidence), "Again:",
                f"make chaos SECONDS={self.seconds:g} SEED={self.seed}"]
        pytest.fail("\n".join(text), pytrace=False)

    def keep(self, evidence):
        """For a look afterwards: all but the servers' own data. The folder."""
        kept = os.path.join(sessions.run_dir(), f"chaos-{self.seed}-{os.getpid()}")
        shutil.rmtree(kept, ignore_errors=True)
        shutil.copytree(self.world.stack.folder, kept, ignore=shutil.ignore_patterns("postgres", "state.*"))
        for name in ("events", "runs", "steps", "lives"):
            with open(os.path.join(kept, name + ".json"), "w", encoding="utf-8") as f:
                f.writelines(json.dumps(row, default=vars_or_text) + "\n" for row in getattr(evidence, name))
        return kept


def vars_or_text(value):
    return vars(value) if hasattr(value, "__dict__") else str(value)


@pytest.fixture(scope="module")
def chaos(session_folder, seed):
    seconds = float(os.environ.get("CHRONOS_TEST_CHAOS_SECONDS") or 25)
    it = Chaos(seed, seconds, os.path.join(session_folder, "chaos"))
    try:
        yield it.start()
    finally:
        it.world.stop_proxies()
        finish(it.world)


@pytest.fixture(scope="module")
def evidence(chaos):
    return chaos.run("load", chaos.plan, KINDS, chaos.send_newcomers)


@pytest.fixture(scope="module")
def after_loss(chaos, evidence):
    """The same stack goes on, and Redis loses everything."""
    plan = make_plan(random.Random(f"loss-{chaos.seed}"), LOSS_S, LOSSES)
    chaos.world.start_daemons()
    return chaos.run("loss", plan, [k for k in KINDS if k not in checks.NOT_AFTER_LOSS])


def test_the_run_was_worth_its_name(chaos, evidence):
    """A promise that nothing tried to break is not kept."""
    e = evidence
    assert e.sent and sum(s.state == "acked" for s in e.sent) > 10 * chaos.seconds
    assert len(e.faults) >= len(chaos.plan) > chaos.seconds
    assert {type(s.kind) for s in e.sent} == set(KINDS)
    for name in ("fn/test-crowd:whale", "fn/test-limited:l-1"):
        assert e.redis_log.most[name] == e.redis_log.limits.max_of(name), "the limit was never reached"


def test_promise_1_every_accepted_event_ends_in_its_runs_or_is_rejected(chaos, evidence):
    chaos.judge(evidence, [*evidence.stuck, *checks.every_event_ends(evidence)])


def test_promise_2_every_run_ends_in_one_state_and_is_archived_once(chaos, evidence):
    chaos.judge(evidence, checks.every_run_ends_once(evidence))


def test_promise_3_no_limit_is_passed_at_any_instant(chaos, evidence):
    chaos.judge(evidence, checks.no_limit_is_passed(evidence))


def test_promise_4_no_slot_leaks_whatever_died(chaos, evidence):
    chaos.judge(evidence, checks.no_slot_leaks(evidence))


def test_promise_5_results_are_recorded_once_and_transactions_take_effect_once(chaos, evidence):
    chaos.judge(evidence, checks.results_are_recorded_once(evidence))


def test_promise_6_a_tick_starts_one_run_with_any_number_of_schedulers(chaos, evidence):
    chaos.judge(evidence, checks.every_tick_starts_one_run(evidence))


def test_promise_7_a_huge_backlog_delays_nobody_elses_first_run(chaos, evidence):
    chaos.judge(evidence, checks.newcomers_do_not_wait(evidence, MOST_AHEAD[chaos.partitions], least=NEWCOMERS // 2))


def test_promise_8_a_failure_is_told_once_and_handled(chaos, evidence):
    chaos.judge(evidence, checks.failures_are_told_once(evidence))


def test_promise_9_nothing_that_is_sent_hurts_a_daemon(chaos, evidence):
    chaos.judge(evidence, checks.no_daemon_is_hurt(evidence))


def test_promise_10_secrets_reach_no_log_and_no_store(chaos, evidence):
    chaos.judge(evidence, checks.no_secret_is_told(evidence))


def test_promise_12_stores_that_are_away_or_full_cost_time_and_no_attempt(chaos, evidence):
    chaos.judge(evidence, [*evidence.stuck, *checks.no_attempt_is_burned(evidence)])


# the last one, as it goes on with what the others have looked at
def test_promise_11_runs_that_postgres_accepted_survive_a_redis_that_loses_everything(chaos, after_loss):
    assert any(f.fault in ("FlushRedis", "WipeRedis") for f in after_loss.faults), "nothing was lost"
    chaos.judge(after_loss, [*after_loss.problems, *after_loss.stuck, *checks.a_loss_is_survived(after_loss)])
