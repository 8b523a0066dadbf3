"""What can be done to a stack. Each fault lasts `seconds` and is healed at its end, whatever happens in between.

`weight`: how often it comes compared with others. `targets`: what it can be done to. `span`: least and most seconds."""

import contextlib
import os
import shutil
import signal
import time

import redis

from chaos import aof
from chaos.world import BEHIND_PROXIES, LEASE_S, SCHEDULERS, WORKERS
from ops.stack.redis_server import SETTINGS

EVENTS = "chronos:events"


class Fault:
    weight = 1
    targets = ()
    span = (0.0, 1.0)

    @property
    def name(self):
        return type(self).__name__

    def run(self, world, target, seconds):
        self.strike(world, target)
        try:
            time.sleep(seconds)
        finally:
            self.heal(world, target)

    def strike(self, world, target):
        raise NotImplementedError

    def heal(self, world, target):
        raise NotImplementedError


# ---- daemons ----
class KillWorker(Fault):
    weight, targets, span = 6, WORKERS, (0.0, 1.5)

    def strike(self, world, target):
        world.kill_daemon(target)

    def heal(self, world, target):
        world.start_daemon(target)


class KillScheduler(KillWorker):
    weight, targets = 4, SCHEDULERS


class StopWorker(KillWorker):
    weight, span = 3, (0.0, 0.5)

    def strike(self, world, target):
        world.stop_daemon(target)


class StopScheduler(StopWorker):
    weight, targets = 2, SCHEDULERS


class PauseWorker(Fault):
    """For less than a lease."""
    weight, targets, span = 2, WORKERS, (0.05, LEASE_S / 2)

    def strike(self, world, target):
        world.pause_daemon(target)

    def heal(self, world, target):
        world.resume_daemon(target)


class PauseScheduler(PauseWorker):
    targets = SCHEDULERS


class FreezeWorker(PauseWorker):
    """Until long after it was taken for dead and others do its work."""
    weight, span = 3, (2 * LEASE_S, 3.5 * LEASE_S)


class FreezeScheduler(FreezeWorker):
    weight, targets = 2, SCHEDULERS


# ---- Redis ----
class KillRedis(Fault):
    weight, targets, span = 3, ("redis",), (0.0, 2.5)

    def strike(self, world, target):
        world.stack.redis.kill()

    def heal(self, world, target):
        world.stack.redis.start()


class PauseRedis(Fault):
    weight, targets, span = 2, ("redis",), (0.2, 2.5)

    def strike(self, world, target):
        world.stack.redis.process.pause()

    def heal(self, world, target):
        world.stack.redis.process.resume()


class FullRedis(Fault):
    weight, targets, span = 2, ("redis",), (0.5, 2.5)

    def strike(self, world, target):
        world.redis.config_set("maxmemory", "1mb")

    def heal(self, world, target):
        world.redis.config_set("maxmemory", SETTINGS["maxmemory"])


class ReadonlyRedis(Fault):
    """The replica of a server that is not there."""
    weight, targets, span = 2, ("redis",), (0.3, 2.0)

    def strike(self, world, target):
        world.redis.slaveof("127.0.0.1", "1")

    def heal(self, world, target):
        world.redis.slaveof()


class CutRedis(Fault):
    """Every connection at once."""
    targets, span = ("redis",), (0.0, 0.1)

    def strike(self, world, target):
        try:
            world.redis.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        except redis.exceptions.ConnectionError:
            pass

    def heal(self, world, target):
        pass


class FlushRedis(Fault):
    """All that it holds is gone."""
    weight, targets, span = 2, ("redis",), (1.5, 3.0)

    def strike(self, world, target):
        raw = world.new_redis(decode_responses=False)  # not all that is sent is text
        with contextlib.closing(raw), raw.pipeline(transaction=True) as together:
            together.xrange(EVENTS)
            together.flushall()
            world.lost_entries |= {entry.decode() for entry, _ in together.execute()[0]}

    def heal(self, world, target):
        pass


class WipeRedis(FlushRedis):
    """Another one comes in its place."""

    def strike(self, world, target):
        world.stack.redis.kill()
        world.lost_entries |= aof.entries_left(os.path.join(world.stack.redis.dir, "appendonlydir"), EVENTS)
        shutil.rmtree(world.stack.redis.dir)
        world.stack.redis.start()


# ---- Postgres ----
class KillPostgres(Fault):
    weight, targets, span = 2, ("postgres",), (0.0, 2.0)

    def strike(self, world, target):
        world.stack.postgres.kill()

    def heal(self, world, target):
        world.stack.postgres.start()


class QuitPostgres(KillPostgres):
    weight = 2

    def strike(self, world, target):
        world.quit_postgres()


class StopPostgres(KillPostgres):
    weight, span = 1, (0.0, 3.0)

    def strike(self, world, target):
        world.stack.postgres.stop()


class PausePostgres(Fault):
    targets, span = ("postgres",), (0.3, 2.5)

    def strike(self, world, target):
        world.signal_postgres(signal.SIGSTOP)

    def heal(self, world, target):
        world.signal_postgres(signal.SIGCONT)


class EndBackends(Fault):
    """Every session at once."""
    weight, targets, span = 1, ("postgres",), (0.0, 0.1)

    def strike(self, world, target):
        world.stack.postgres.admin("select pg_terminate_backend(pid) from pg_stat_activity"
                                   " where usename = 'chronos' and backend_type = 'client backend'")

    def heal(self, world, target):
        pass


# ---- operators ----
class PauseFunction(Fault):
    weight, targets, span = 2, ("test-limited", "test-tx", "test-flaky"), (0.3, 2.5)

    def strike(self, world, target):
        world.operate(f"select chronos.{self.how(target)}(%s)", target)

    def heal(self, world, target):
        world.operate("select chronos.resume(%s)", target)

    @staticmethod
    def how(target):
        return "drain" if target == "test-tx" else "pause"


class LowerLimit(Fault):
    weight, targets, span = 2, ("test-all", "test-crowd"), (0.3, 2.5)

    def strike(self, world, target):
        world.operate("select chronos.set_limit(%s, null, 1)", target)

    def heal(self, world, target):
        world.operate("select chronos.clear_limit(%s, null)", target)


class TurnBackSchedule(Fault):
    """What Redis knows of the last tick is some minutes old, as after a clock that went wrong."""
    targets, span = ("schedule",), (0.0, 0.1)
    MINUTES = 7

    def strike(self, world, target):
        try:
            world.turn_back_schedule(self.MINUTES)
        except redis.exceptions.RedisError:
            pass  # it is away or full: then not this time

    def heal(self, world, target):
        pass


# ---- the network ----
CONNECTIONS = tuple(f"{name} > {server}" for name in BEHIND_PROXIES for server in ("redis", "postgres"))


class LoseReplies(Fault):
    """What was asked is done, and the answer is lost."""
    weight, targets, span = 3, CONNECTIONS, (0.5, 3.0)

    def strike(self, world, target):
        world.proxies[target].lose_reply = 0.2
        world.proxies[target].lose_request = 0.05

    def heal(self, world, target):
        world.proxies[target].calm()


class CutConnections(Fault):
    targets, span = CONNECTIONS, (0.5, 2.0)

    def strike(self, world, target):
        world.proxies[target].cut_every = 0.1

    def heal(self, world, target):
        world.proxies[target].calm()


class Silence(Fault):
    """Connections stay open, and nothing comes through them any more."""
    weight, targets, span = 2, CONNECTIONS, (0.5, 2 * LEASE_S)

    def strike(self, world, target):
        world.proxies[target].silent = True

    def heal(self, world, target):
        world.proxies[target].calm()


# Redis loses everything. What was accepted and is not in Postgres yet is lost with it, so these are tried apart.
LOSSES = [FlushRedis(), WipeRedis(), KillWorker(), KillScheduler()]

# Everything else.
ALL = [KillWorker(), KillScheduler(), StopWorker(), StopScheduler(), PauseWorker(), PauseScheduler(), FreezeWorker(),
       FreezeScheduler(), KillRedis(), PauseRedis(), FullRedis(), ReadonlyRedis(), CutRedis(), KillPostgres(), QuitPostgres(),
       StopPostgres(), PausePostgres(), EndBackends(), PauseFunction(), LowerLimit(), TurnBackSchedule(), LoseReplies(), CutConnections(), Silence()]
