"""A replica is promoted while the primary, behind a cut link, still has all the daemons.

Daemons do not follow Sentinel: they are started again with the address that it tells (ops/redis/README.md)."""

from chaos.checks import NOT_AFTER_LOSS, a_loss_is_survived, no_daemon_is_hurt, no_secret_is_told
from chaos.kinds import KINDS
from drills.sentinel import MAX_LAG_S, Sentinel
from ops.stack.redis_server import url_as


def test_replica_promoted_behind_a_cut_link(drill):
    world = drill.world
    sentinel = Sentinel(world.stack, drill.seed)
    drill.cleanups.callback(sentinel.stop)
    sentinel.start()
    drill.load([kind for kind in KINDS if kind not in NOT_AFTER_LOSS])
    names = list(world.stack.daemons)
    with drill.accident("cut link", *names):
        sentinel.cut()
        drill.alerts.wait_firing("ChronosRedisErrors")  # the primary refuses, without a replica
        sentinel.wait_promoted()
        world.stop_daemons()
        world.stack.redis = sentinel.replica
        drill.follow(sentinel.replica)
        for name in names:
            world.daemon(name).environment["CHRONOS_REDIS_URL"] = url_as(sentinel.replica.url, name.split("-")[0])
            world.start_daemon(name)
        sentinel.mend()
        sentinel.wait_demoted()
    drill.alerts.wait_clear("ChronosRedisErrors")
    drill.wait_for_work()
    evidence = drill.settle()
    drill.tell(evidence)
    # the replica has not heard of what the primary took in its last moments
    evidence.lost_entries |= {s.entry for s in evidence.sent for cut in evidence.faults
                              if s.state == "acked" and cut.begin - MAX_LAG_S - 1 < s.at < cut.end}
    drill.judge(evidence, [
        *a_loss_is_survived(evidence),
        # Redis' own log is that of the old primary, which ends in the middle
        *(f"{n} slots of {name} are held" for name, n in evidence.left.items()),
        # workers are asked to end while their Redis takes nothing: what they could not hand in is run again, and that is told
        *(p for p in no_daemon_is_hurt(evidence) if "code=outcomes-dropped" not in p),
        *no_secret_is_told(evidence)])
