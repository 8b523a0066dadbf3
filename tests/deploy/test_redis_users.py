"""The users of Redis: each daemon can do what its code does, and nothing else."""

import subprocess
import sys

import pytest
import redis

from ops.redis import acl
from ops.stack import repository
from ops.stack.redis_server import password_of


@pytest.fixture
def server(redis_only):
    return redis_only


def login(chronos, role):
    user = "chronos-" + role
    return redis.Redis(port=chronos.stack.redis.port, username=user, password=password_of(user), decode_responses=True)


def granted(chronos, user):
    """The commands that a user may call, as Redis itself lists them: it sums up by categories where that is shorter."""
    fields = chronos.redis.connection_pool.get_connection("ACL")
    fields.send_command("ACL", "GETUSER", user)
    flat = fields.read_response()
    found = set()
    for word in dict(zip(flat[::2], flat[1::2]))["commands"].split():
        name = word[1:]
        if name == "@all":
            continue  # -@all is where it begins
        named = set(chronos.redis.execute_command("ACL CAT", name[1:])) if name.startswith("@") else {name}
        found = found | named if word.startswith("+") else found - named
    return found


def test_the_file_says_what_the_code_does():
    with open(repository() + "/ops/redis/users.acl", encoding="utf-8") as f:
        assert f.read().splitlines() == acl.rules(), "run python3 ops/redis/acl.py --write"


def test_a_script_brings_the_commands_of_what_it_takes_in(tmp_path):
    (tmp_path / "lua" / "include").mkdir(parents=True)
    (tmp_path / "scheduler").mkdir()
    (tmp_path / "engine").mkdir()
    (tmp_path / "lua" / "do_it.lua").write_text(
        "#!lua\n-- not redis.call('FLUSHALL')\n--- include part\nredis.call('XGROUP', 'DELCONSUMER', KEYS[1])\n")
    (tmp_path / "lua" / "include" / "part.lua").write_text("redis.pcall(\n  'ZADD', p)\n")
    (tmp_path / "scheduler" / "a.c").write_text(
        'kv_script(kv, "do_it", p);\nkv_cmd(kv, e,\n  "XINFO CONSUMERS %s", s);\nkv_adds(a, "XADD");\nkv_adds(a, "MAXLEN");\n')
    scheduler = acl.ROLES[0]
    assert acl.commands(scheduler, tmp_path) - acl.CONNECTION == {"xgroup|delconsumer", "zadd", "xinfo|consumers", "xadd"}
    worker = acl.ROLES[1]
    assert worker not in acl.roles(tmp_path)


def test_a_command_in_a_variable_is_not_overlooked(tmp_path):
    (tmp_path / "lua").mkdir()
    (tmp_path / "lua" / "sly.lua").write_text("redis.call(name, KEYS[1])\n")
    with pytest.raises(SystemExit, match="not written out"):
        acl.commands_of_lua("sly", tmp_path)


@pytest.mark.parametrize("role", [r for r in acl.roles() if r.user != "chronos-operator"], ids=lambda r: r.user)
def test_redis_grants_the_commands_and_no_dangerous_one(server, role):
    has = granted(server, role.user)
    assert has == acl.commands(role)
    dangerous = set(server.redis.execute_command("ACL CAT", "dangerous")) | {"eval", "flushall", "keys", "config|set"}
    harmless = {"info", "slowlog|len", "latency|latest"}
    assert has & dangerous <= harmless | ({"asking"} if role.folders else set())


@pytest.mark.parametrize("role", ["scheduler", "worker", "console", "producer", "metrics"])
@pytest.mark.parametrize("words", ["CONFIG GET maxmemory", "FLUSHALL", "KEYS *", "EVAL return 0", "DEBUG SLEEP 0", "SHUTDOWN",
                                   "ACL LIST", "MONITOR", "SET other:key x", "GET other:key"])
def test_nobody_may_do_what_only_an_operator_does(server, role, words):
    answer = server.redis.execute_command("ACL DRYRUN", "chronos-" + role, *words.split())
    assert answer != "OK" and "no permissions" in answer.lower() or "has no" in answer.lower()


def test_a_producer_sends_and_reads_nothing(server):
    producer = login(server, "producer")
    producer.xadd("chronos:events", {"name": "a/b", "data": "{}"})
    for refused in (lambda: producer.xrange("chronos:events"), lambda: producer.xlen("chronos:events"),
                    lambda: producer.xadd("chronos:events:rejected", {"a": "b"}), lambda: producer.xadd("{c0}:events", {"a": "b"}),
                    lambda: producer.delete("chronos:events")):
        with pytest.raises(redis.exceptions.NoPermissionError):
            refused()
    assert server.redis.xlen("chronos:events") == 1
    server.redis.execute_command("ACL LOG RESET")  # refused on purpose


def test_metrics_sees_sizes_and_no_contents(server):
    server.redis.xadd("{c0}:ready:a", {"run": "r"})
    server.redis.hset("{c0}:run:r", "event", "secret")
    metrics = login(server, "metrics")
    assert metrics.xlen("{c0}:ready:a") == 1
    for refused in (lambda: metrics.xrange("{c0}:ready:a"), lambda: metrics.hgetall("{c0}:run:r"),
                    lambda: metrics.xadd("chronos:events", {"a": "b"})):
        with pytest.raises(redis.exceptions.NoPermissionError):
            refused()
    server.redis.execute_command("ACL LOG RESET")  # refused on purpose


def test_a_worker_cannot_send_or_reroute(server):
    """What belongs to the schedulers: the public door, the numbers, what operators have set."""
    worker = login(server, "worker")
    for key in ("chronos:events", "chronos:maxima", "chronos:partitions", "chronos:scheduler:x"):
        with pytest.raises(redis.exceptions.NoPermissionError):
            worker.set(key, "1")
    server.redis.execute_command("ACL LOG RESET")  # refused on purpose


def passwords(folder, **environment):
    return subprocess.run([repository() + "/ops/redis/set-passwords.sh", str(folder)], capture_output=True, text=True,
                          check=False, env={"PATH": "/usr/bin:/bin", **environment})


def test_passwords_are_made_once_and_kept_private(tmp_path, make_stack):
    first = passwords(tmp_path / "secrets")
    assert first.returncode == 0, first.stderr
    again = passwords(tmp_path / "secrets")
    assert first.stdout == again.stdout, "a second call changes no password"
    secret = (tmp_path / "secrets" / "chronos-worker").read_text().strip()
    assert len(secret) >= 32 and secret not in first.stdout + first.stderr
    assert (tmp_path / "secrets" / "chronos-worker").stat().st_mode & 0o777 == 0o600
    other = (tmp_path / "secrets" / "chronos-scheduler").read_text().strip()
    assert other != secret

    stack = make_stack().stack
    stack.start_redis()
    with open(stack.redis.dir + "/users.acl", "w", encoding="utf-8") as f:
        f.write(first.stdout)
    assert stack.redis.cli("ACL", "LOAD") == "OK"
    assert redis.Redis(port=stack.redis.port, username="chronos-worker", password=secret).ping()
    with pytest.raises(redis.exceptions.AuthenticationError):
        redis.Redis(port=stack.redis.port).ping()
    with pytest.raises(redis.exceptions.ResponseError, match="WRONGPASS"):
        redis.Redis(port=stack.redis.port, username="chronos-worker", password=other).ping()


def test_a_password_file_that_is_empty_is_refused(tmp_path):
    (tmp_path / "chronos-worker").write_text("\n")
    done = passwords(tmp_path)
    assert done.returncode != 0 and "chronos-worker" in done.stderr and not done.stdout


def test_the_generator_is_a_program():
    done = subprocess.run([sys.executable, repository() + "/ops/redis/acl.py"], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == acl.rules()
