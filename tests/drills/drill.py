"""One accident, from a load that runs to the promises that were kept. The stack, the load and the checks are those of
tests/chaos; here one thing goes wrong, and long enough for an operator to be told."""

import collections
import contextlib
import random
import time

import pytest
import redis

from chaos import checks
from chaos.actor import Actor, Done
from chaos.evidence import collect
from chaos.kinds import KINDS
from chaos.kinds.crowd import Minnow, Whale
from chaos.sampler import Sampler
from chaos.sender import Sender
from chaos.world import Watch, World
from drills.alerts import Alerts
from harness.fixtures import variant

RATE = 6.0  # events a second
PARTITIONS = 1
NEWCOMERS = 12
MOST_AHEAD = 8  # runs of a creator with a huge backlog that may begin before a newcomer's
SHOWN = 15  # of many problems
INVARIANT = "ChronosInvariantViolated"  # must never fire, whatever happens

PROMISES = [
    checks.every_event_ends, checks.every_run_ends_once, checks.no_limit_is_passed, checks.no_slot_leaks,
    checks.results_are_recorded_once, checks.every_tick_starts_one_run,
    lambda e: checks.newcomers_do_not_wait(e, MOST_AHEAD, least=NEWCOMERS // 2), checks.failures_are_told_once,
    checks.no_daemon_is_hurt, checks.no_secret_is_told, checks.no_attempt_is_burned]


class Drill:
    def __init__(self, folder, seed):
        self.seed = seed
        self.world = World(folder, variant(), seed, PARTITIONS)
        self.world.stack.metrics = True
        self.alerts = self.world.stack.prometheus = Alerts(self.world.stack)
        self.actor = Actor(self.world, [])
        self.kinds = KINDS
        self.sender = self.sampler = self.watch = None
        self.ends = contextlib.ExitStack()  # of the load
        self.cleanups = contextlib.ExitStack()  # of what a drill has beside the world, when that is gone

    # ---- before ----
    def start(self):
        """Nothing but servers, daemons and Prometheus."""
        self.world.start()
        self.world.stack.start_prometheus()
        return self

    def load(self, kinds=KINDS):
        """Returns when work of all kinds comes and is done."""
        self.sampler = Sampler(self.world.stack.redis_url)
        self.ends.callback(self.sampler.stop)
        self.actor.began = time.monotonic()
        self.watch = Watch(self.world, self.actor.locks)
        self.ends.callback(self.watch.stop)
        self.sender = Sender(self.world, random.Random(f"drill-{self.seed}"), kinds, RATE).start()
        self.ends.callback(self.sender.end)
        self.wait_for_work(20)

    def wait_for_work(self, more=20):
        """Until so many more steps have ended."""
        self.world.wait_for(len(self.world.happenings(what="end")) + more, what="end", deadline=60)

    # ---- the accident ----
    @contextlib.contextmanager
    def accident(self, name, *targets):
        """What is done in the block is the accident; nobody starts the targets again in the meantime."""
        with contextlib.ExitStack() as held:
            for target in targets:
                held.enter_context(self.actor.locks[target])
            begin = time.monotonic()
            yield
            end = time.monotonic()
        self.actor.done.append(Done(begin, end, name, " ".join(targets), end - begin))

    def strike(self, fault, target, *alerts):
        """A fault of tests/chaos that lasts until the alerts fire, and their end after it."""
        for alert in alerts:
            assert alert not in self.alerts.firing(), f"{alert} fires before anything has happened"
        with self.accident(fault.name, target):
            fault.strike(self.world, target)
            try:
                for alert in alerts:
                    self.alerts.wait_firing(alert)
            finally:
                fault.heal(self.world, target)
        self.world.reconnect()
        for alert in alerts:
            self.alerts.wait_clear(alert)

    def follow(self, server):
        """The tests' own clients go to another Redis."""
        self.world.clients.pop("redis").close()
        for user in (self.sender, self.sampler):
            known = user.redis.connection_pool.connection_kwargs
            user.redis.connection_pool = redis.ConnectionPool(**{**known, "port": server.port})

    # ---- after ----
    def send_newcomers(self):
        """While a creator has a long queue and nothing else is wrong."""
        time.sleep(checks.RECOVERY_S)
        dice = random.Random()  # the sender's own are in use
        whale, minnow = Whale(self.world, dice), Minnow(self.world, dice)
        for _ in range(NEWCOMERS):
            self.sender.send_one(whale)
            self.sender.send_one(minnow)
            time.sleep(0.15)

    def settle(self):
        """All that was sent comes to its end, the daemons are stopped; what there is to see then."""
        self.sender.finish()
        self.world.reconnect()
        self.world.wait_quiet(90)
        assert not self.alerts.ever_fired(INVARIANT), "an audit found something"
        self.ends.close()
        self.world.stop_daemons()
        return collect(self.world, self.sender, self.actor, self.watch, self.sampler)

    def check_promises(self):
        """Each of them but the eleventh, which is about a Redis that has lost everything."""
        self.wait_for_work(20)
        self.send_newcomers()
        evidence = self.settle()
        self.tell(evidence)
        self.judge(evidence, [problem for check in PROMISES for problem in check(evidence)])

    def check_loss(self):
        """The eleventh, and those that hold even then."""
        evidence = self.settle()
        self.tell(evidence)
        self.judge(evidence, [*checks.a_loss_is_survived(evidence),
                              *checks.no_slot_leaks(evidence), *checks.no_daemon_is_hurt(evidence),
                              *checks.no_secret_is_told(evidence)])

    @staticmethod
    def tell(e):
        states = collections.Counter(s.state for s in e.sent)
        print(f"events {dict(states)}; {len(e.runs)} runs, {len(e.steps)} steps, {sum(r['deaths'] for r in e.runs)} deaths;"
              f" {e.redis_log.changes} changes of Redis; " + "; ".join(e.told))

    def judge(self, evidence, problems):
        assert sum(s.state == "acked" for s in evidence.sent) > 50, "there was no load"
        if problems:
            pytest.fail("\n".join([f"{len(problems)} problems", *problems[:SHOWN], *evidence.told,
                                   f"CHRONOS_TEST_SEED={self.seed}"]), pytrace=False)

    def end(self):
        self.ends.close()
        self.world.stop_proxies()
