"""A private Postgres. The database server refuses to run as root, so as root it runs as `postgres` (or `nobody`).

Over TCP only the role `chronos` is let in, which owns its databases and nothing else, and the roles of
ops/postgres/roles.sql, as which daemons come; the superuser is reached through a socket in a folder that only the
server's own user and root can enter."""

import glob
import json
import os
import pwd
import re
import shutil
import signal
import subprocess
import tempfile

from .process import Process, processes
from .waiting import StackError, free_port, tail, wait_until

DURABLE = {}  # Postgres' own defaults
FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "wal_level": "minimal",
        "max_wal_senders": "0"}

ROLES = ("chronos_engine", "chronos_producer", "chronos_reader", "chronos_operator")
ACCESS = f"""\
local all postgres trust
host all chronos,{','.join(ROLES)} 127.0.0.1/32 trust
"""


def find_programs():
    """The folder of initdb and postgres: the newest version installed."""
    folders = glob.glob("/usr/lib/postgresql/*/bin/initdb")
    if folders:
        newest = max(folders, key=lambda p: float(p.split("/")[4]))
        return os.path.dirname(newest)
    initdb = shutil.which("initdb")
    if initdb is None:
        raise StackError("Postgres is not installed (ops/install-deps.sh demo)")
    return os.path.dirname(os.path.realpath(initdb))


def server_user():
    """Who runs the server: None for the caller."""
    if os.getuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            pass
    raise StackError("Postgres does not run as root, and there is neither a user postgres nor a user nobody")


def can_traverse(user, folder):
    """Whether that user can reach into the folder."""
    if user is None:
        return True
    while True:
        st = os.stat(folder)
        mine = st.st_mode & (0o100 if st.st_uid == user.pw_uid else 0o001)
        if not mine:
            return False
        if folder == "/":
            return True
        folder = os.path.dirname(folder)


def literal(value):
    return "null" if value is None else "'" + str(value).replace("'", "''") + "'"


class PostgresServer:
    """`settings` as in postgresql.conf; FAST gives up durability for speed."""

    def __init__(self, state, folder, name="postgres", settings=None):
        self.state = state
        self.name = name
        self.folder = folder
        self.settings = settings if settings is not None else DURABLE
        self.user = server_user()
        # fast shutdown: does not wait for clients to leave
        self.process = Process(state, folder, name, stop_signal=signal.SIGINT, grace=20.0)

    @property
    def port(self):
        return self.state.get(self.name, {}).get("port")

    @property
    def home(self):
        return self.state.get(self.name, {}).get("home")

    def url(self, database="chronos"):
        return f"postgresql://chronos@127.0.0.1:{self.port}/{database}"

    def start(self):
        """Makes the database cluster if there is none, starts it and waits until it answers. A restart keeps port
        and data."""
        programs = find_programs()
        is_new = self.home is None
        if is_new:
            self.make_home()
            self.init(programs)
        for _ in range(5):
            fixed = self.port
            port = fixed or free_port()
            self.process.start([os.path.join(programs, "postgres"), *self.arguments(port)], cwd="/",
                               env=self.environment(), user=self.user)
            if self.wait_ready(port):
                self.state.put(self.name, {"port": port, "home": self.home,
                                           "url": f"postgresql://chronos@127.0.0.1:{port}/chronos"})
                if is_new:
                    self.admin("create role chronos login createdb")
                    for role in ROLES:
                        self.admin(f"create role {role} login")
                    # tests look at the daemons' sessions as the owner
                    self.admin("grant chronos_engine to chronos")
                    self.admin("create database chronos owner chronos")
                return self
            why = tail(self.process.log, 10, self.process.log_start)
            self.process.stop()
            if fixed or "bind" not in why:
                break
        raise StackError(f"postgres did not start\n{why}")

    def make_home(self):
        """In the stack's folder where the server's user can reach it and the socket's path is short enough."""
        home = os.path.join(self.folder, self.name)
        if can_traverse(self.user, self.folder) and len(home) < 80:
            os.makedirs(home, mode=0o700, exist_ok=True)
        else:
            home = tempfile.mkdtemp(prefix="chronos-postgres-")
        if self.user is not None:
            os.chown(home, self.user.pw_uid, self.user.pw_gid)
        self.state.put(self.name, {"home": home})

    def init(self, programs):
        identity = {}
        if self.user is not None:
            identity = {"user": self.user.pw_uid, "group": self.user.pw_gid, "extra_groups": []}
        done = subprocess.run(
            [os.path.join(programs, "initdb"), "-D", os.path.join(self.home, "data"), "-U", "postgres",
             "--locale=C.UTF-8", "--encoding=UTF8", "--auth=trust", "--no-instructions",
             *(["--no-sync"] if self.settings.get("fsync") == "off" else [])],
            capture_output=True, text=True, check=False, cwd="/", env=self.environment(), **identity)
        if done.returncode != 0:
            raise StackError(f"initdb failed\n{done.stderr.strip()}")
        with open(os.path.join(self.home, "data", "pg_hba.conf"), "w", encoding="utf-8") as f:
            f.write(ACCESS)

    def environment(self):
        """Without the caller's PG* variables, which would point to another server."""
        return {k: v for k, v in os.environ.items() if not k.startswith("PG")}

    def arguments(self, port):
        settings = {
            "listen_addresses": "127.0.0.1", "port": port, "unix_socket_directories": self.home,
            "max_connections": "200", "shared_buffers": "64MB", "log_line_prefix": "%m [%p] ", "timezone": "UTC",
            **self.settings}
        return ["-D", os.path.join(self.home, "data")] + [
            word for key, value in settings.items() for word in ("-c", f"{key}={value}")]

    def wait_ready(self, port):
        """False when it ended. Asked through its own socket: the port may be somebody else's."""
        def answers():
            return not self.process.is_running() or os.path.exists(
                os.path.join(self.home, f".s.PGSQL.{port}")) and subprocess.run(
                ["psql", "-XAtqc", "select 1", "-h", self.home, "-p", str(port), "-U", "postgres", "postgres"],
                capture_output=True, check=False, env=self.environment()).returncode == 0

        wait_until(answers, 60, "postgres to answer", logs=[self.process.log], interval=0.05)
        return self.process.is_running()

    def psql_command(self, database="chronos"):
        return ["psql", self.url(database)]

    def run(self, sql, connection):
        done = subprocess.run(["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", *connection], input=sql,
                              capture_output=True, text=True, check=False, env=self.environment())
        if done.returncode != 0:
            raise StackError("psql: " + done.stderr.strip())
        return done.stdout.rstrip("\n")

    def admin(self, sql, database="postgres"):
        """Runs SQL as the superuser; psql's bare output."""
        return self.run(sql, ["-h", self.home, "-p", str(self.port), "-U", "postgres", database])

    def sql(self, sql, database="chronos", **values):
        """Runs SQL as the role chronos; psql's bare output. `:name` in the text stands for a value, quoted."""
        return self.run(bind(sql, values), [self.url(database)])

    def rows(self, sql, database="chronos", **values):
        """The rows of a select, as a list of dicts."""
        text = self.sql(f"select coalesce(json_agg(r), '[]') from ({sql}) r", database, **values)
        return json.loads(text)

    def stop(self):
        return self.process.stop()

    def kill(self):
        """kill -9 of the server and its backends, as when the machine dies."""
        backends = self.backends()
        self.process.kill()
        # a backend whose server is gone ends by itself; the next start refuses while one is left
        wait_until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in backends), 20,
                   "the server's backends to end")

    def backends(self):
        """Pids of its children, which run in sessions of their own."""
        parent = self.process.pid
        return [pid for pid, fields in processes() if int(fields[1]) == parent]

    def restart(self):
        self.stop()
        return self.start()

    def remove(self):
        if self.home:
            shutil.rmtree(self.home, ignore_errors=True)


def bind(sql, values):
    """Replaces :name by the quoted value; casts (::) and unknown names stay."""
    return re.sub(r"(?<!:):([a-z_]+)\b", lambda m: literal(values[m[1]]) if m[1] in values else m[0], sql)
