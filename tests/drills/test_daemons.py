"""Daemons are gone for a while: all schedulers, and a whole host of workers.

A rolling restart under load is tests/deploy/test_upgrade.py."""

from chaos.world import SCHEDULERS, TICKING, WORKERS

MISSED = 4  # minutes: more than three ticks of the schedules
SKIPPING = "test-ticking"  # its missed ticks are counted and not made up for


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
