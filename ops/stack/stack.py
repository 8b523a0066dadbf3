"""A whole stack in one folder. Parts that run elsewhere (the tests share one Postgres) are given by address."""

import os
import re
import shutil
import subprocess

from .daemons import Daemon, Sandbox, clean_environment, provider_environment
from .postgres_server import PostgresServer
from .process import Process
from .prometheus_server import PrometheusServer
from .redis_cluster import RedisCluster
from .redis_server import RedisServer, url_as
from .state import State
from .waiting import StackError, free_port, wait_until

SERVERS = ("redis", "postgres", "sandbox", "prometheus")


def is_server(name):
    """By the name of a process; the nodes of a cluster are redis-1, redis-2, …"""
    return name.partition("-")[0] in SERVERS


def repository():
    """The folder this checkout is in."""
    return os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class Stack:
    """redis_url, database_url and sandbox_url name parts that are not this stack's own. `environment` is added to
    what every daemon of the stack gets. `worker` is the file name of the worker's program. `redis` is "single",
    "cluster" for six processes that are a Redis Cluster, or one of another stack, which is used and not ended. With
    `metrics` each daemon answers /metrics on a free port."""

    def __init__(self, folder, variant="release", redis_url=None, database_url=None, sandbox_url=None,
                 environment=None, postgres_settings=None, redis_settings=None, worker="chronos-worker",
                 redis="single", metrics=False):
        self.folder = os.path.abspath(folder)
        os.makedirs(self.folder, mode=0o755, exist_ok=True)
        self.name = os.path.basename(self.folder)
        self.state = State(self.folder)
        self.build = os.path.join(repository(), "build", variant)
        self.programs = {"scheduler": "chronos-scheduler", "worker": worker, "console": "chronos-console"}
        self.given = {"redis": redis_url, "database": database_url, "sandbox": sandbox_url}
        self.environment = dict(environment or {})
        self.redis = redis
        if isinstance(redis, str):
            kind = {"single": RedisServer, "cluster": RedisCluster}[redis]
            self.redis = kind(self.state, self.folder, settings=redis_settings)
        self.postgres = PostgresServer(self.state, self.folder, settings=postgres_settings)
        self.sandbox = Sandbox(self.state, self.folder, repository())
        self.prometheus = PrometheusServer(self.state, self.folder)
        self.metrics = metrics
        self.daemons = {}
        self.is_prepared = False  # the database has the schema and the roles' rights

    # ---- addresses ----
    @property
    def redis_url(self):
        return self.given["redis"] or self.redis.url

    @property
    def database_url(self):
        return self.given["database"] or self.postgres.url()

    @property
    def sandbox_url(self):
        return self.given["sandbox"] or self.sandbox.url

    def redis_url_as(self, kind):
        """The address for that kind of daemon, with its login; an address that was given is taken as it is."""
        return self.given["redis"] or url_as(self.redis.url, kind)

    def prepare_database(self):
        """As its owner, once, what a release does before its daemons come: the schema, and the rights of roles."""
        url = self.database_url
        if self.is_prepared or "//chronos@" not in url:
            return
        connection = ["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", url]
        state = subprocess.run(
            [*connection, "-c", "select to_regclass('chronos.schema_migrations') is not null and"
             " has_schema_privilege('chronos_engine', to_regnamespace('chronos'), 'usage')"],
            capture_output=True, text=True, check=False, env=clean_environment())
        if state.returncode != 0:
            return  # not there yet; a daemon that is started now waits for it, as the owner
        if state.stdout.strip() != "t":
            scheduler = os.path.join(self.build, self.programs["scheduler"])
            if not os.access(scheduler, os.X_OK):
                raise StackError(f"{scheduler} is not built (make)")
            steps = ([scheduler, "--migrate"],
                     [*connection, "-f", os.path.join(repository(), "ops", "postgres", "roles.sql")])
            for step in steps:
                done = subprocess.run(step, capture_output=True, text=True, check=False, timeout=120,
                                      env={**clean_environment(), "CHRONOS_DATABASE_URL": url})
                if done.returncode != 0:
                    raise StackError(f"{step[0]}: {done.stderr.strip()[-1000:]}")
        self.is_prepared = True

    def database_url_as(self, _kind):
        """The address for that kind of daemon; one whose role is not the owner of ours is taken as it is."""
        return self.database_url.replace("//chronos@", "//chronos_engine@") if self.is_prepared else self.database_url

    def daemon_environment(self, kind=None, **more):
        """What a daemon of this stack is told. Without a kind: somebody who may do everything."""
        work_dir = os.path.join(self.folder, "work")
        os.makedirs(work_dir, exist_ok=True)
        env = {
            "CHRONOS_REDIS_URL": self.redis_url_as(kind) if kind else self.redis_url,
            "CHRONOS_DATABASE_URL": self.database_url_as(kind) if kind else self.database_url,
            "CHRONOS_LOG_LEVEL": os.environ.get("CHRONOS_LOG_LEVEL", "info"),
            "CHRONOS_WORK_DIR": work_dir,
            "CHRONOS_CANARY_MS": "0",  # nothing comes that nobody has sent
        }
        if self.sandbox_url:
            env.update(provider_environment(self.sandbox_url))
        env.update(self.environment)
        env.update({k: str(v) for k, v in more.items()})
        return env

    # ---- starting ----
    def start_redis(self):
        return self.redis.start()

    def start_postgres(self):
        return self.postgres.start()

    def start_sandbox(self):
        return self.sandbox.start()

    def daemon(self, kind, name=None, **environment):
        """The daemon object, not started. kind: scheduler, worker or console."""
        self.prepare_database()
        if name is None:
            n = 1 + sum(d.startswith(kind + "-") for d in self.daemons)
            name = f"{kind}-{n}"
        if self.metrics and "CHRONOS_METRICS_PORT" not in environment:
            environment["CHRONOS_METRICS_PORT"] = self.metrics_port(kind, name)
        d = Daemon(self.state, self.folder, os.path.join(self.build, self.programs[kind]), name,
                   self.daemon_environment(kind, **environment))
        self.daemons[name] = d
        return d

    def metrics_port(self, kind, name):
        """A free port, which the daemon keeps over restarts."""
        targets = self.state.get("metrics", {})
        address = targets.setdefault(kind, {}).setdefault(name, f"127.0.0.1:{free_port()}")
        self.state.put("metrics", targets)
        return int(address.rpartition(":")[2])

    def metrics_address(self, name):
        """host:port of a daemon's /metrics; None when it has none."""
        for targets in self.state.get("metrics", {}).values():
            if name in targets:
                return targets[name]
        return None

    def start_prometheus(self):
        """Scrapes the daemons that were made until now."""
        return self.prometheus.start(self.state.get("metrics", {}))

    def start_scheduler(self, name=None, wait=True, **environment):
        """Keyword arguments in capitals are settings: start_scheduler(CHRONOS_LEASE_MS=500)."""
        return self.daemon("scheduler", name, **environment).start(wait=wait)

    def start_worker(self, name=None, wait=True, **environment):
        return self.daemon("worker", name, **environment).start(wait=wait)

    def start_console(self, name=None, wait=True, **environment):
        """On a free port, remembered under its name: state.get("console")["url"]."""
        environment.setdefault("CHRONOS_CONSOLE_PORT", 0)
        d = self.daemon("console", name or "console", **environment).start(wait=wait)
        if wait:
            self.note_console(d)
        return d

    def note_console(self, d):
        """A console has said at its start where it listens."""
        d.url = re.findall(r' msg=ready .*?url="?(http://[^\s"]+)', d.process.log_text())[-1]
        self.state.put(d.name, {"url": d.url})

    def wait_migrated(self, deadline=30.0):
        """Until a scheduler has brought this stack's own database up to date."""
        wait_until(lambda: self.postgres.sql(
            "select to_regclass('chronos.schema_migrations') is not null") == "t"
            and self.postgres.sql("select count(*) from chronos.schema_migrations") != "0",
            deadline, "the scheduler to migrate the schema", logs=self.logs(), interval=0.1)

    # ---- looking ----
    def processes(self):
        """Everything in the state file, in the order of starting, also what another program started."""
        found = []
        for name, record in self.state.read()["processes"].items():
            found.append(self.process(name) or Process(
                self.state, self.folder, name, record["stop_signal"], record["grace"]))
        return found

    def process(self, name):
        parts = (self.postgres, self.sandbox, self.prometheus, *self.daemons.values())
        for process in (*self.redis.processes, *[part.process for part in parts]):
            if process.name == name:
                return process
        return None

    def is_running(self):
        return any(p.is_running() for p in self.processes())

    def logs(self):
        """Every log of the stack, the daemons' first."""
        names = [n for n in os.listdir(self.folder) if n.endswith(".log")] if os.path.isdir(self.folder) else []
        return [os.path.join(self.folder, n) for n in sorted(names, key=lambda n: (is_server(n[:-4]), n))]

    # ---- ending ----
    def stop(self):
        """Stops what was started: the daemons first, so that they can still say goodbye to their servers. What
        cannot be stopped does not keep the rest running."""
        problems = []
        for process in sorted(self.processes(), key=lambda p: is_server(p.name)):
            try:
                process.stop()
            except StackError as e:
                problems.append(str(e))
        if problems:
            raise StackError("\n".join(problems))

    def remove(self):
        """Deletes the data and the folder of a stopped stack."""
        if self.is_running():
            raise StackError(f"{self.name} is still running")
        self.postgres.remove()
        shutil.rmtree(self.folder, ignore_errors=True)
