"""A Postgres of its own for the SQL tests (they create roles), and databases with the migrations applied."""
import getpass
import glob
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile

import psycopg2
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
HERE = pathlib.Path(__file__).resolve().parent


def pg_bin(name):
    found = shutil.which(name)
    candidates = [found] if found else []
    candidates += sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{name}"), reverse=True)
    if not candidates:
        pytest.skip(f"{name} is not installed")
    return candidates[0]


def as_user(command):
    """Postgres refuses to run as root."""
    return ["runuser", "-u", "postgres", "--"] + command if os.geteuid() == 0 else command


class Server:
    def __init__(self, directory):
        self.data = os.path.join(directory, "data")
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        self.count = 0
        if os.geteuid() == 0:
            shutil.chown(directory, "postgres")
        os.chmod(directory, 0o755)
        self.run("initdb", "-D", self.data, "-A", "trust", "-U", "postgres", "--no-sync",
                 "-E", "UTF8", "--locale", "C.UTF-8")
        options = (f"-c listen_addresses=127.0.0.1 -c port={self.port} -c unix_socket_directories= "
                   "-c fsync=off -c timezone=America/New_York")
        self.run("pg_ctl", "-D", self.data, "-l", self.data + ".log", "-o", options, "-w", "start")

    def run(self, name, *arguments):
        subprocess.run(as_user([pg_bin(name), *arguments]), check=True, cwd="/",
                       stdout=subprocess.DEVNULL)

    def stop(self):
        self.run("pg_ctl", "-D", self.data, "-m", "immediate", "-w", "stop")

    def dsn(self, database="postgres"):
        return f"host=127.0.0.1 port={self.port} user=postgres dbname={database}"

    def connect(self, database="postgres"):
        connection = psycopg2.connect(self.dsn(database))
        connection.autocommit = True
        return connection

    def new_database(self, template=None):
        self.count += 1
        name = f"t{self.count}"
        admin = self.connect()
        with admin.cursor() as cursor:
            cursor.execute(f"create database {name}" + (f" template {template}" if template else ""))
        admin.close()
        return name

    def dump(self, database, *arguments):
        """The schema without comments, settings and blank lines."""
        text = subprocess.run(
            [pg_bin("pg_dump"), "--schema-only", "--no-owner", *arguments, self.dsn(database)],
            check=True, capture_output=True, text=True).stdout
        skipped = ("--", "SET ", "SELECT pg_catalog.set_config", "\\restrict", "\\unrestrict")
        return "".join(line + "\n" for line in text.splitlines()
                       if line.strip() and not line.startswith(skipped))


def migrations():
    return sorted((ROOT / "sql" / "migrations").glob("*.sql"))


def migrate(connection):
    """As engine/migrate.c does it: each file is one transaction."""
    for path in migrations():
        with connection.cursor() as cursor:
            cursor.execute("begin;\n" + path.read_text() + "\n;commit")


@pytest.fixture(scope="session")
def server():
    directory = tempfile.mkdtemp(prefix="chronos-sql-")
    s = Server(directory)
    yield s
    s.stop()
    shutil.rmtree(directory)


@pytest.fixture(scope="session")
def migrated(server):
    """The name of a migrated database, to be used as a template."""
    name = server.new_database()
    connection = server.connect(name)
    migrate(connection)
    connection.close()
    return name


@pytest.fixture
def db(server, migrated):
    """A cursor on a fresh migrated database."""
    connection = server.connect(server.new_database(template=migrated))
    cursor = connection.cursor()
    cursor.execute("set timezone to 'UTC'")
    yield cursor
    connection.close()


@pytest.fixture
def video(db):
    db.execute("insert into creators (whop_company_id, whop_user_id, email) values ('c', 'u', 'e')"
               " returning id")
    creator = db.fetchone()[0]

    def add(title="a video"):
        db.execute("insert into videos (creator_id, title, storage_path) values (%s, %s, 'p')"
                   " returning id", (creator, title))
        return db.fetchone()[0]
    add.creator = creator
    return add
