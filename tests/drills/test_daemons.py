"""Daemons are gone for a while: all schedulers, and a whole host of workers.

A rolling restart under load is tests/deploy/test_upgrade.py."""

import random

from chaos.kinds.base import Kind
from chaos.world import SCHEDULERS, TICKING, WORKERS

MISSED = 4  # minutes: more than three ticks of the schedules
SKIPPING = "test-ticking"  # its missed ticks are counted and not made up for


class Long(Kind):
    """Runs that are in somebody's hands for a while."""
    event, function = "test/slow", "test-slow"
    MS = 3000

    def data(self):
        return {"creatorId": f"long-{self.world.tag()}", "ms": self.MS}


def keep_busy(drill, name):
    """Returns when that worker is at one of them."""
    kind, pid = Long(drill.world, random.Random()), drill.world.life(name).pid  # the sender's own dice are in use

    def is_busy():
        drill.sender.send_one(kind)
        begun, ended = ({h.run for h in drill.world.happenings(function=Long.function, pid=pid, what=what)}
                        for what in ("start", "end"))
        return begun - ended

    drill.world.wait_until(is_busy, 60, f"{name} to be busy")


def miss_ticks(world):
    """As if the schedulers had been away for so long: ticks before those that have had their turn are due, too."""
    world.first_tick_ms -= MISSED * 60000
    last = int(world.redis.hget("{c0}:cron", SKIPPING))
    world.redis.hset("{c0}:cron", mapping={TICKING: world.first_tick_ms, SKIPPING: last - MISSED * 60000})


def test_all_schedulers_down_over_three_ticks(drill):
    drill.load()
    assert not drill.alerts.ever_fired("ChronosCronTicksMissed")
    with drill.accident("all schedulers", *SCHEDULERS):
        for name in SCHEDULERS:
            drill.world.kill_daemon(name)
        drill.alerts.wait_firing("ChronosTargetDown")
        miss_ticks(drill.world)
        for name in SCHEDULERS:
            drill.world.start_daemon(name)
    drill.alerts.wait_firing("ChronosCronTicksMissed")
    for alert in ("ChronosTargetDown", "ChronosCronTicksMissed"):
        drill.alerts.wait_clear(alert)
    drill.check_promises()


def test_host_of_workers_gone(drill):
    """kill -9 of all that runs there; what it was at is taken over by those that are left."""
    drill.load()
    assert not drill.alerts.ever_fired("ChronosLeaseExpiryRate")
    host = WORKERS[:2]
    counted = f'chronos_leases_expired_total{{function="{Long.function}"}}'
    drill.world.wait_until(lambda: len(drill.alerts.query(counted)) == len(SCHEDULERS), 60, "the counter to be scraped")
    keep_busy(drill, host[0])
    with drill.accident("host", *host):
        for name in host:
            drill.world.kill_daemon(name)
        drill.alerts.wait_firing("ChronosTargetDown")
        drill.alerts.wait_fired("ChronosLeaseExpiryRate")
        drill.wait_for_work()
        for name in host:
            drill.world.start_daemon(name)
    for alert in ("ChronosTargetDown", "ChronosLeaseExpiryRate"):
        drill.alerts.wait_clear(alert)
    drill.check_promises()
