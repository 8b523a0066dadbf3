"""A stack as a test sees it: servers, daemons, and the questions that tests ask."""

import json
import re
import uuid

import psycopg2
import psycopg2.extras
import redis

from ops.stack import wait_until

psycopg2.extras.register_uuid()

# What the application's rows need at least; replaced by what the sandbox knows.
SOMEWHERE = {
    "youtube": {"youtube_video_id": "aaaaaaaaaaa"},
    "loom": {"embed_type": "loom", "embed_id": "0" * 32},
    "mux": {"mux_playback_id": "playback"},
    "upload": {"storage_path": "creator/video.mp4"},
}


class Chronos:
    """`stack` starts and stops things, `redis` and `db` are plain clients, the rest asks and waits."""

    def __init__(self, stack):
        self.stack = stack
        self.clients = {}

    # ---- parts ----
    def new_redis(self, decode_responses=True):
        """A redis-py client of a single server or of a cluster."""
        url = self.stack.redis_url
        options = {"decode_responses": decode_responses, "socket_timeout": 10}
        if "," not in url:
            return redis.Redis.from_url(url, **options)
        addresses = [address.split(":") for address in url.removeprefix("redis://").split(",")]
        nodes = [redis.cluster.ClusterNode(host, int(port)) for host, port in addresses]
        return redis.RedisCluster(startup_nodes=nodes, cluster_error_retry_attempts=1, **options)

    @property
    def redis(self):
        """A client whose connections come back by themselves after a restart."""
        if "redis" not in self.clients:
            self.clients["redis"] = self.new_redis()
        return self.clients["redis"]

    def configure_redis(self, setting, value):
        """On every server that holds data."""
        if isinstance(self.redis, redis.RedisCluster):
            self.redis.config_set(setting, value, target_nodes=redis.RedisCluster.PRIMARIES)
        else:
            self.redis.config_set(setting, value)

    @property
    def db(self):
        """A psycopg2 connection, each statement its own transaction. A broken one is opened again."""
        db = self.clients.get("db")
        if db is None or db.closed:
            db = psycopg2.connect(self.stack.database_url, application_name="test")
            db.autocommit = True
            self.clients["db"] = db
        return db

    @property
    def sandbox(self):
        return self.stack.sandbox

    def start(self, workers=1, **environment):
        """A scheduler and workers, ready. Keyword arguments are their settings. A test of one failure wants to see that one's
        attempt, not all of its module wait for the service: that has tests of its own."""
        environment.setdefault("CHRONOS_SERVICE_WAIT_MS", "0")
        self.stack.start_scheduler(**environment)
        for _ in range(workers):
            self.stack.start_worker(**environment)
        return self

    def daemon(self, name):
        """scheduler-1, worker-1, worker-2, …"""
        return self.stack.daemons[name]

    # ---- Postgres ----
    def rows(self, sql, *values):
        """The rows as dicts; %s stands for a value."""
        try:
            with self.db.cursor(cursor_factory=psycopg2.extras.RealDictCursor) as c:
                c.execute(sql, values or None)
                return [dict(r) for r in c.fetchall()] if c.description else []
        except psycopg2.OperationalError:
            self.clients.pop("db").close()
            raise

    def row(self, sql, *values):
        found = self.rows(sql, *values)
        assert len(found) == 1, f"{len(found)} rows instead of one: {sql} {values}"
        return found[0]

    def value(self, sql, *values):
        return next(iter(self.row(sql, *values).values()))

    # ---- events and runs ----
    def send_event(self, name, data, **fields):
        """Puts an event into the stream as any client would; `fields` are id, ts, user, v. The entry's id."""
        text = data if isinstance(data, (str, bytes)) else json.dumps(data)
        return self.redis.xadd("chronos:events", {"name": name, "data": text, **fields})

    def event(self, entry):
        """The archived event of a stream entry, by the entry's id or the event's own; None before it is there."""
        found = self.rows("select * from chronos.events where stream_id = %s or id = %s", entry, entry)
        return found[0] if found else None

    def runs_of(self, entry):
        """The finished runs that an event started, oldest first."""
        return self.rows(
            """select r.* from chronos.runs r join chronos.events e on e.id = r.event_id
               where e.stream_id = %s or e.id = %s order by r.queued_at, r.id""", entry, entry)

    def wait_for_run(self, entry, function=None, status=None, deadline=20.0):
        """The finished run that the event started in the function. Any end is waited for; `status` is then
        compared, so that a failed run is told at once and not after the deadline."""
        def found():
            return [r for r in self.runs_of(entry) if function in (None, r["function_id"])]

        run = wait_until(found, deadline, f"a run of {function or 'any function'} for the event {entry}",
                         logs=self.stack.logs(), interval=0.05)[0]
        assert status in (None, run["status"]), \
            f"{run['function_id']} {run['status']}, not {status}: {run['error_code']} {run['error_message']}"
        return run

    def wait_for_function(self, function, count=1, deadline=20.0):
        """Until the function has `count` finished runs, whatever started them."""
        return wait_until(lambda: self.at_least(count, self.rows(
            "select * from chronos.runs where function_id = %s order by queued_at, id", function)),
            deadline, f"{count} finished runs of {function}", logs=self.stack.logs(), interval=0.05)

    @staticmethod
    def at_least(count, found):
        return found if len(found) >= count else None

    def steps_of(self, run):
        """What each attempt at each step did, oldest first; `run` is a row or an id."""
        run_id = run["id"] if isinstance(run, dict) else run
        return self.rows("select * from chronos.run_steps where run_id = %s order by started_at, attempt", run_id)

    def wait_until(self, condition, deadline=10.0, what="the condition", **options):
        options.setdefault("logs", self.stack.logs())
        return wait_until(condition, deadline, what, **options)

    # ---- the application's rows ----
    def make_creator(self, **columns):
        creator = str(uuid.uuid4())
        values = {"id": creator, "whop_company_id": "biz_" + creator, "whop_user_id": "user_" + creator,
                  "email": "creator@example.com", "name": "A creator", **columns}
        self.insert("public.creators", values)
        return creator

    def make_video(self, source, creator=None, **columns):
        """A pending video of that source, by default one that the sandbox knows. The row as a dict."""
        values = {"id": str(uuid.uuid4()), "creator_id": creator or self.make_creator(), "title": "A video",
                  "source_type": source, **self.identifiers(source), **columns}
        self.insert("public.videos", values)
        return self.row("select * from public.videos where id = %s", values["id"])

    def identifiers(self, source):
        """The columns by which a source finds its video."""
        if not self.stack.sandbox_url:
            return dict(SOMEWHERE[source])
        video = self.sandbox.video(source)
        known = {column: video[column] for column in SOMEWHERE[source] if video.get(column)}
        return {**SOMEWHERE[source], **known}

    def insert(self, table, values):
        names = ", ".join(values)
        marks = ", ".join(["%s"] * len(values))
        self.rows(f"insert into {table} ({names}) values ({marks})", *[
            json.dumps(v) if isinstance(v, (dict, list)) else v for v in values.values()])

    # ---- logs ----
    def log_contains(self, pattern, name=None):
        """Whether a daemon (all when no name is given) has logged a line that matches."""
        for d in self.stack.daemons.values():
            if name in (None, d.name) and d.process.log_contains(pattern, since_start=False):
                return True
        return False

    def sanitizer_reports(self):
        """What AddressSanitizer and its relatives found in a daemon of this stack."""
        found = []
        for d in self.stack.daemons.values():
            text = d.process.log_text(since_start=False)
            at = re.search(r"(ERROR|WARNING): \w+Sanitizer|runtime error:", text)
            if at:
                found.append(f"{d.name}: {text[at.start():at.start() + 3000]}")
        return found

    def close(self):
        for client in self.clients.values():
            client.close()
        self.clients.clear()
