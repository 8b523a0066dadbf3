"""The stack that is tormented: several schedulers and workers, half of them behind proxies, on servers of their own.

Redis writes its file out before it answers (appendfsync always), so that what it acknowledged is durable whatever is
killed: that is what "accepted" means in the promises. Postgres keeps no such promise against a power cut here, only against
kill -9, which is all that is tried."""

import concurrent.futures
import itertools
import os
import signal
import threading
import time
from urllib.parse import urlsplit, urlunsplit

import psycopg2

from chaos.proxy import Proxy
from harness.fixtures import WORKER
from ops.stack import Stack, StackError
from ops.stack.daemons import READY
from ops.stack.redis_server import password_of
from promises import Engine

LEASE_S = 1.5
DRAIN_S = 2.0
WORKERS = ("worker-1", "worker-2", "worker-3")
SCHEDULERS = ("scheduler-1", "scheduler-2")
BEHIND_PROXIES = ("worker-2", "scheduler-2")

# Secrets of the daemons. What the passwords in Redis begin with stands for them; Postgres takes any password here.
CANARIES = {
    "OPENAI_API_KEY": "canary-openai-3f1b", "MUX_TOKEN_SECRET": "canary-mux-77ac",
    "SUPABASE_SERVICE_ROLE_KEY": "canary-storage-90de", "CHRONOS_YOUTUBE_KEY": "canary-youtube-5521",
}
REDIS_PASSWORD, DATABASE_PASSWORD = password_of(""), "canary-database-be11"

SETTINGS = {
    "CHRONOS_LEASE_MS": int(LEASE_S * 1000), "CHRONOS_DRAIN_MS": int(DRAIN_S * 1000), "CHRONOS_RETRY_BASE_MS": 40,
    "CHRONOS_MAX_DEATHS": 100, "CHRONOS_WORKER_THREADS": 8, "CHRONOS_ROUTE_BATCH": 16, "CHRONOS_ARCHIVE_BATCH": 100,
}
REDIS_SETTINGS = {"appendfsync": "always", "auto-aof-rewrite-percentage": "0"}
POSTGRES_SETTINGS = {"fsync": "off", "full_page_writes": "off"}

TICKING = "test-ticking-all"
TURN_BACK = """local last = tonumber(redis.call('HGET', KEYS[1], ARGV[1]))
redis.call('HSET', KEYS[1], ARGV[1], string.format('%d', math.max(last - ARGV[2], ARGV[3])))"""

REDIS_REQUESTS = ("EVALSHA", "XREADGROUP", "XACK", "XDEL", "chronos:seen:")
POSTGRES_REQUESTS = ("COMMIT", "commit", "COPY", "copy")


def with_user(url, user):
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=f"{user}@{parts.hostname}:{parts.port}"))


class Life:
    """One incarnation of a daemon. Times are those of steps.log."""

    def __init__(self, name, pid):
        self.name, self.pid = name, pid
        self.born = time.monotonic()
        self.gone = None
        self.pauses = []  # [from, to]


class World(Engine):
    def __init__(self, folder, variant, seed, partitions):
        settings = {**SETTINGS, **CANARIES, "CHRONOS_PARTITIONS": partitions}
        super().__init__(Stack(folder, variant, worker=WORKER, redis_settings=REDIS_SETTINGS,
                               postgres_settings=POSTGRES_SETTINGS,
                               environment={k: str(v) for k, v in settings.items()}))
        self.seed = seed
        self.proxies = {}  # "worker-2 > redis"
        self.lives = []
        self.stops = []  # (name, exit status, seconds it took), of daemons that were ready
        self.tags = itertools.count(1)
        self.videos = []
        self.transcribed = []
        self.first_tick_ms = 0
        self.lost_entries = set()  # of events that were lost with Redis before they were recorded
        self.asked = {}  # creator -> events that were acknowledged

    # ---- starting ----
    def start(self):  # pylint: disable=arguments-differ
        self.stack.start_redis()
        self.stack.start_postgres()
        self.stack.start_sandbox()
        self.stack.prepare_database()
        self.stack.environment["CHRONOS_DATABASE_URL"] = with_user(self.stack.database_url,
                                                                   f"chronos_engine:{DATABASE_PASSWORD}")
        key = CANARIES["OPENAI_API_KEY"]
        self.sandbox.add_fault("/openai", status=400, body={
            "error": {"message": f"cannot read this: Authorization: Bearer {key}", "type": "invalid_request_error"}})
        for name in (*SCHEDULERS, *WORKERS):
            self.stack.daemon(name.split("-")[0], name, **self.addresses(name))
        self.start_daemons(self.make_rows)
        self.miss_ticks()

    def start_daemons(self, meanwhile=lambda: None):
        for name in self.stack.daemons:
            self.start_daemon(name)
        self.stack.wait_migrated()
        meanwhile()
        for daemon in self.stack.daemons.values():
            daemon.wait_ready()

    def stop_daemons(self):
        """All at once."""
        with concurrent.futures.ThreadPoolExecutor(len(self.stack.daemons)) as pool:
            list(pool.map(self.stop_daemon, self.stack.daemons))

    def addresses(self, name):
        if name not in BEHIND_PROXIES:
            return {}
        settings = self.stack.daemon_environment(name.split("-")[0])
        to_redis = self.make_proxy(name, "redis", settings["CHRONOS_REDIS_URL"], REDIS_REQUESTS)
        to_postgres = self.make_proxy(name, "postgres", settings["CHRONOS_DATABASE_URL"], POSTGRES_REQUESTS)
        return {"CHRONOS_REDIS_URL": to_redis.url, "CHRONOS_DATABASE_URL": to_postgres.url}

    def make_proxy(self, name, server, url, patterns):
        proxy = Proxy(url, f"{self.seed}-{name}-{server}", patterns=patterns)
        self.proxies[f"{name} > {server}"] = proxy
        return proxy

    def make_rows(self):
        creator = self.make_creator()
        for _ in range(6):
            self.videos.append(self.ids_of(self.make_video("youtube", creator)))
        for _ in range(40):
            self.transcribed.append(self.ids_of(self.make_video("youtube")))

    @staticmethod
    def ids_of(video):
        return {"creatorId": str(video["creator_id"]), "videoId": str(video["id"])}

    # ---- what kinds of work ask ----
    def tag(self):
        return f"t{next(self.tags)}"

    @staticmethod
    def wall_ms():
        return int(time.time() * 1000)

    def count_asked(self, sent):
        creator = (sent.data or {}).get("creatorId")
        self.asked[creator] = self.asked.get(creator, 0) + 1

    def outstanding(self, creator):
        """Events of a creator that were accepted and whose runs have not come to their end."""
        ended = {h.run for h in self.happenings(creator=creator, what="end")}
        return self.asked.get(creator, 0) - len(ended)

    # ---- schedules ----
    def miss_ticks(self, minutes=40):
        """As if no scheduler had been there for so long."""
        self.wait_until(lambda: self.redis.hexists("{c0}:cron", TICKING), 20, "the schedule to be known")
        self.first_tick_ms = self.wall_ms() // 60000 * 60000 - minutes * 60000
        self.redis.hset("{c0}:cron", TICKING, self.first_tick_ms)

    def turn_back_schedule(self, minutes):
        self.redis.eval(TURN_BACK, 1, "{c0}:cron", TICKING, minutes * 60000, self.first_tick_ms)

    # ---- operators ----
    def operate(self, sql, *values, deadline=30.0):
        """An operator's order in SQL, given again while Postgres is away. What Postgres refuses is refused for good."""
        end = time.monotonic() + deadline
        while True:
            try:
                db = psycopg2.connect(self.stack.database_url, connect_timeout=5)
                try:
                    db.autocommit = True
                    with db.cursor() as c:
                        c.execute(sql, values)
                    return True
                finally:
                    db.close()
            except psycopg2.errors.InvalidParameterValue:
                return False
            except psycopg2.OperationalError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.1)

    # ---- daemons, and what befalls them ----
    def start_daemon(self, name):
        self.daemon(name).start(wait=False)
        self.lives.append(Life(name, self.daemon(name).process.pid))

    def life(self, name):
        return next(life for life in reversed(self.lives) if life.name == name)

    def kill_daemon(self, name):
        self.daemon(name).kill()
        self.life(name).gone = time.monotonic()

    def stop_daemon(self, name):
        begin, was_ready = time.monotonic(), self.daemon(name).log_contains(READY)
        status = self.daemon(name).stop()
        self.life(name).gone = time.monotonic()
        if was_ready:
            self.stops.append((name, status, self.life(name).gone - begin))

    def pause_daemon(self, name):
        self.life(name).pauses.append([time.monotonic(), None])
        self.daemon(name).pause()

    def resume_daemon(self, name):
        self.daemon(name).resume()
        self.life(name).pauses[-1][1] = time.monotonic()

    # ---- servers ----
    def quit_postgres(self):
        """An immediate shutdown: as a crash, but with its own hand."""
        process = self.stack.postgres.process
        process.signal(signal.SIGQUIT)
        process.wait_gone(20)
        process.forget()

    def signal_postgres(self, number):
        """To the server and all its backends, which have sessions of their own."""
        process = self.stack.postgres.process
        for pid in [process.pid, *self.stack.postgres.backends()]:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass

    def reconnect(self):
        """The tests' own connection has died with the server."""
        db = self.clients.pop("db", None)
        if db is not None:
            db.close()

    def unfinished(self):
        """Also what was sent in SQL and is not known to be recorded: Redis may have lost it, and it is sent again."""
        return super().unfinished() or ("the outbox has rows" if self.value("select exists (select from chronos.outbox)") else "")

    def stop_proxies(self):
        for proxy in self.proxies.values():
            proxy.stop()


class Watch:
    """Notices daemons that end although nobody ended them, and starts them again."""

    def __init__(self, world, locks):
        self.world, self.locks = world, locks
        self.found = []
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.main, daemon=True)
        self.thread.start()

    def main(self):
        while not self.stopping.wait(0.3):
            for name, daemon in self.world.stack.daemons.items():
                with self.locks[name]:  # nobody is at it
                    if not daemon.process.is_running():
                        self.tell(name, daemon)

    def tell(self, name, daemon):
        life = self.world.life(name)
        life.gone = time.monotonic()
        said = [line for line in daemon.process.log_text().splitlines() if "msg=setting" not in line]
        self.found.append(f"{name} (pid {life.pid}) ended by itself{daemon.process.how_it_ended()}:\n" + "\n".join(said[-20:]))
        daemon.process.forget()
        try:
            self.world.start_daemon(name)
        except StackError as e:
            self.found.append(f"{name} cannot be started again: {e}")

    def stop(self):
        self.stopping.set()
        self.thread.join(30)
