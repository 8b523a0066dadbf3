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

from chaos import checks, running
from chaos.actor import Actor
from chaos.evidence import collect
from chaos.faults import ALL
from chaos.kinds import KINDS
from chaos.kinds.crowd import Minnow
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
SHOWN = 15  # of many problems of one kind


class Chaos:
    """One run of it, and what was found."""

    def __init__(self, seed, seconds):
        self.seed, self.seconds = seed, seconds
        self.world = None
        self.is_kept = False
        self.partitions = random.Random(f"world-{seed}").choice(PARTITIONS)
        self.plan = make_plan(random.Random(f"plan-{seed}"), seconds, ALL)
        self.evidence = None
        self.stuck = []

    def run(self, world):
        self.world = world
        world.start()
        with contextlib.ExitStack() as ends:
            sampler = Sampler(world.stack.redis_url)
            ends.callback(sampler.stop)
            actor = Actor(world, self.plan)
            watch = Watch(world, actor.locks)
            ends.callback(watch.stop)
            sender = Sender(world, random.Random(f"load-{self.seed}"), KINDS, RATE).start()
            ends.callback(sender.end)
            actor.run()
            self.send_newcomers(sender)
            sender.finish()
            self.wait_quiet(world)
        for name in list(world.stack.daemons):
            world.stop_daemon(name)
        self.evidence = collect(world, sender, actor, watch, sampler)

    def wait_quiet(self, world):
        world.reconnect()
        try:
            world.wait_quiet(40 + self.seconds / 4)
        except StackError as e:
            self.stuck = [str(e)[:4000]]

    def tell_numbers(self):
        e = self.evidence
        states = collections.Counter(s.state for s in e.sent)
        _, zombies = running.find_intervals(e.happenings, e.lives, checks.TIMED)
        print(f"chaos: {self.partitions} partitions; {len(e.faults)} faults; events {dict(states)}; {len(e.runs)} runs, {len(e.steps)} steps,"
              f" {sum(r['deaths'] for r in e.runs)} deaths; {e.redis_log.changes} changes of Redis;"
              f" {len(zombies)} steps went on after a freeze, the longest for {max([z.seconds for z in zombies], default=0):.2f} s;"
              f" {len(checks.newcomers(e))} newcomers, {[n for _, n in checks.newcomers(e)]}")

    @staticmethod
    def send_newcomers(sender):
        """While a creator has a long queue and nothing else is wrong."""
        time.sleep(checks.RECOVERY_S)
        kind = Minnow(sender.world, sender.dice)
        for _ in range(NEWCOMERS):
            sender.send_one(kind)  # beside the sender's own thread, which does nothing with the kind
            time.sleep(0.15)

    def judge(self, problems):
        problems = list(problems)
        if not problems:
            return
        text = [f"{len(problems)} problems", *problems[:SHOWN], "", f"CHRONOS_TEST_SEED={self.seed}; what was done:",
                *self.evidence.told, "", "Logs, rows and Redis' own file are kept in", self.keep(), "Again:",
                f"make chaos SECONDS={self.seconds:g} SEED={self.seed}"]
        pytest.fail("\n".join(text), pytrace=False)

    def keep(self):
        """For a look afterwards: all but the servers' own data. The folder."""
        kept = os.path.join(sessions.run_dir(), f"chaos-{self.seed}")
        if not self.is_kept:
            shutil.rmtree(kept, ignore_errors=True)
            shutil.copytree(self.world.stack.folder, kept, ignore=shutil.ignore_patterns("postgres", "state.*"))
            for name in ("events", "runs", "steps"):
                with open(os.path.join(kept, name + ".json"), "w", encoding="utf-8") as f:
                    f.writelines(json.dumps(row, default=str) + "\n" for row in getattr(self.evidence, name))
            self.is_kept = True
        return kept


@pytest.fixture(scope="module")
def chaos(session_folder, seed):
    it = Chaos(seed, float(os.environ.get("CHRONOS_TEST_CHAOS_SECONDS") or 25))
    world = World(os.path.join(session_folder, "chaos"), variant(), seed, it.partitions)
    try:
        it.run(world)
        it.tell_numbers()
        yield it
    finally:
        world.stop_proxies()
        finish(world)


def test_the_run_was_worth_its_name(chaos):
    """A promise that nothing tried to break is not kept."""
    e = chaos.evidence
    assert e.sent and sum(s.state == "acked" for s in e.sent) > 10 * chaos.seconds
    assert len(e.faults) >= len(chaos.plan) > chaos.seconds
    assert {type(s.kind) for s in e.sent} == set(KINDS)
    for name in ("test-all", "test-crowd"):
        assert e.redis_log.most[name] == e.redis_log.limits.max_of(name), "the limit was never reached"


def test_promise_1_every_accepted_event_ends_in_its_runs_or_is_rejected(chaos):
    chaos.judge([*chaos.stuck, *checks.every_event_ends(chaos.evidence)])


def test_promise_2_every_run_ends_in_one_state_and_is_archived_once(chaos):
    chaos.judge(checks.every_run_ends_once(chaos.evidence))


def test_promise_3_no_limit_is_passed_at_any_instant(chaos):
    chaos.judge(checks.no_limit_is_passed(chaos.evidence))


def test_promise_4_no_slot_leaks_whatever_died(chaos):
    chaos.judge(checks.no_slot_leaks(chaos.evidence))


def test_promise_5_results_are_recorded_once_and_transactions_take_effect_once(chaos):
    chaos.judge(checks.results_are_recorded_once(chaos.evidence))


def test_promise_6_a_tick_starts_one_run_with_any_number_of_schedulers(chaos):
    chaos.judge(checks.every_tick_starts_one_run(chaos.evidence))


def test_promise_7_a_huge_backlog_delays_nobody_elses_first_run(chaos):
    chaos.judge(checks.newcomers_do_not_wait(chaos.evidence, MOST_AHEAD[chaos.partitions], least=NEWCOMERS // 2))


def test_promise_8_a_failure_is_told_once_and_handled(chaos):
    chaos.judge(checks.failures_are_told_once(chaos.evidence))


def test_promise_9_nothing_that_is_sent_hurts_a_daemon(chaos):
    chaos.judge(checks.no_daemon_is_hurt(chaos.evidence))


def test_promise_10_secrets_reach_no_log_and_no_store(chaos):
    chaos.judge(checks.no_secret_is_told(chaos.evidence))


def test_promise_12_stores_that_are_away_or_full_cost_time_and_no_attempt(chaos):
    chaos.judge([*chaos.stuck, *checks.no_attempt_is_burned(chaos.evidence)])
