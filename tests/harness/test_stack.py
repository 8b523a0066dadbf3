"""The stack keeps its own promises: it starts, survives kill -9, stands beside others, and leaves nothing behind."""

import os
import signal
import subprocess
import sys
import time

import pytest

from ops.stack import Process, StackError, repository, wait_until
from ops.stack.postgres_server import FAST, bind
from ops.stack.process import session_members, start_time
from ops.stack.state import State


@pytest.fixture
def one(make_stack):
    """A stack with Redis and Postgres of its own."""
    c = make_stack(postgres_settings=FAST)
    c.stack.start_redis()
    c.stack.start_postgres()
    return c


def sleeper(folder, name="sleeper"):
    os.makedirs(folder, exist_ok=True)
    p = Process(State(folder), folder, name)
    p.start(["sleep", "600"], env=dict(os.environ))
    return p


def test_servers_answer_with_the_settings_chronos_needs(one):
    assert one.redis.ping()
    settings = one.redis.config_get("*")
    assert settings["appendonly"] == "yes"
    assert settings["appendfsync"] == "everysec"
    assert settings["maxmemory-policy"] == "noeviction"
    assert settings["maxmemory"] == str(1 << 30)
    assert settings["stream-node-max-entries"] == "50"
    assert settings["auto-aof-rewrite-min-size"] == str(256 << 20)
    assert settings["bind"] == "127.0.0.1"
    assert one.value("select current_user") == "chronos"
    assert one.value("show listen_addresses") == "127.0.0.1"
    assert one.value("show server_encoding") == "UTF8"


def test_postgres_lets_nobody_but_chronos_in_over_tcp(one):
    stranger = one.stack.database_url.replace("chronos@", "postgres@")
    done = subprocess.run(["psql", stranger, "-c", "select 1"], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "pg_hba.conf" in done.stderr


def test_killed_redis_comes_back_at_its_address_with_its_data(one):
    url = one.stack.redis_url
    one.redis.set("kept", "yes")
    pid = one.stack.redis.process.pid
    one.stack.redis.kill()
    assert start_time(pid) is None
    one.stack.redis.start()
    assert one.stack.redis_url == url
    assert one.redis.get("kept") == "yes"


def test_killed_postgres_comes_back_at_its_address_with_its_data(make_stack):
    c = make_stack()  # durable settings
    c.stack.start_postgres()
    url = c.stack.database_url
    c.rows("create table kept (x int)")
    c.rows("insert into kept values (1)")
    c.stack.postgres.kill()
    c.stack.postgres.start()
    assert c.stack.database_url == url
    c.close()
    assert c.value("select x from kept") == 1


def test_a_stopped_redis_answers_again_when_it_goes_on(redis_only):
    redis_only.stack.redis.process.pause()
    assert redis_only.stack.redis.answering_pid(redis_only.stack.redis.port) is None
    redis_only.stack.redis.process.resume()
    assert redis_only.redis.ping()


def test_a_second_stack_stands_beside_the_first(one, make_stack):
    two = make_stack(postgres_settings=FAST)
    two.stack.start_redis()
    two.stack.start_postgres()
    assert one.stack.redis_url != two.stack.redis_url
    assert one.stack.database_url != two.stack.database_url
    one.redis.set("mine", "1")
    assert two.redis.get("mine") is None
    one.stack.stop()
    assert two.redis.ping()
    assert two.value("select 1") == 1


def test_stop_leaves_no_process_and_remove_no_file(one):
    pids = [p.pid for p in one.stack.processes()]
    home = one.stack.postgres.home
    assert len(pids) == 2
    one.value("select 1")
    one.close()
    one.stack.stop()
    assert [start_time(pid) for pid in pids] == [None, None]
    assert [session_members(pid) for pid in pids] == [[], []]
    one.stack.remove()
    assert not os.path.exists(home)
    assert not os.path.exists(one.stack.folder)


def test_stop_finds_what_a_killed_program_had_started(test_folder):
    script = ("import os, signal, sys; from ops.stack import Stack; s = Stack(sys.argv[1]); s.start_redis();"
              " os.kill(os.getpid(), signal.SIGKILL)")
    done = subprocess.run([sys.executable, "-c", script, test_folder], cwd=repository(), check=False)
    assert done.returncode == -signal.SIGKILL
    from ops.stack import Stack
    stack = Stack(test_folder)
    pid = stack.redis.process.pid
    assert stack.is_running()
    stack.stop()
    wait_until(lambda: start_time(pid) is None, 5, "redis to be gone")
    stack.remove()


def test_stop_never_touches_a_process_that_got_the_same_pid(test_folder):
    p = sleeper(test_folder)
    pid, child, p.child = p.pid, p.child, None  # another program started it
    with p.state.change() as s:
        s["processes"]["sleeper"]["start_time"] -= 1  # as if the recorded one had ended and its pid were reused
    try:
        assert not p.is_running()
        p.stop()
        assert start_time(pid) is not None
    finally:
        os.kill(pid, signal.SIGKILL)
        child.wait()


def test_nothing_runs_that_was_not_recorded(test_folder):
    """The program that starts a process dies before it could record it: the process ends by itself."""
    from ops.stack.process import GATE
    flag = os.path.join(test_folder, "ran")
    os.makedirs(test_folder)
    child = subprocess.Popen(["/bin/sh", "-c", GATE, "x", "touch", flag], stdin=subprocess.PIPE)
    child.stdin.close()
    assert child.wait(10) == 1
    assert not os.path.exists(flag)


def test_stop_insists_after_the_grace_and_takes_the_children_along(test_folder):
    os.makedirs(test_folder)
    p = Process(State(test_folder), test_folder, "stubborn", grace=0.2)
    p.start(["sh", "-c", "trap '' TERM; sleep 600 & echo started; wait; wait; sleep 600"], env=dict(os.environ))
    p.wait_for_log("started", 5)
    pid = p.pid
    assert len(session_members(pid)) == 2
    p.stop()
    assert session_members(pid) == []


def test_a_paused_process_can_be_stopped(test_folder):
    p = sleeper(test_folder)
    p.pause()
    p.stop()
    assert not p.is_running()


BUSY_THREADS = """
import os, sys, threading
def work():
    while True:
        os.write(1, b"x")
for _ in range(8):
    threading.Thread(target=work, daemon=True).start()
threading.Event().wait()
"""


def test_a_paused_process_does_nothing_more(test_folder):
    os.makedirs(test_folder)
    p = Process(State(test_folder), test_folder, "busy")
    p.start(["python3", "-c", BUSY_THREADS], env=dict(os.environ))
    try:
        for _ in range(20):
            before = os.path.getsize(p.log)
            wait_until(lambda: os.path.getsize(p.log) > before + 1000, 10, "some work")
            p.pause()
            paused = os.path.getsize(p.log)
            time.sleep(0.02)
            assert os.path.getsize(p.log) == paused
            p.resume()
    finally:
        p.stop()


def test_a_process_that_ends_early_is_told_with_its_log(test_folder):
    os.makedirs(test_folder)
    p = Process(State(test_folder), test_folder, "hasty")
    p.start(["sh", "-c", "echo out of luck; exit 7"], env=dict(os.environ))
    with pytest.raises(StackError, match="(?s)hasty ended with status 7.*out of luck"):
        p.wait_for_log("ready", 5)
    p.stop()


def test_wait_until_tells_what_it_saw(tmp_path):
    log = tmp_path / "some.log"
    log.write_text("one\ntwo\n")
    with pytest.raises(StackError, match="(?s)waited 0.1 s for the moon; last seen: 0.*two"):
        wait_until(lambda: 0, 0.1, "the moon", logs=[str(log)])


def test_values_are_quoted_in_sql():
    assert bind("select :a::text, ':', x", {"a": "it's"}) == "select 'it''s'::text, ':', x"
    assert bind("select :none, :unknown", {"none": None}) == "select null, :unknown"


def test_every_test_has_a_database_of_its_own(empty_database):
    done = subprocess.run(["psql", empty_database, "-XAtc", "create table t (); select count(*) from t"],
                          capture_output=True, text=True, check=True)
    assert done.stdout.split()[-1] == "0"
