"""What a newcomer types first."""

import os
import re
import subprocess
import sys

import pytest

from ops.stack import Stack, repository
from ops.stack.process import start_time


def command(folder, *words, **environment):
    """python3 -m ops.stack … with its stacks in a folder of its own."""
    env = {k: v for k, v in os.environ.items() if k not in ("OPENAI_API_KEY", "CHRONOS_DEMO_REAL")}
    env.update(CHRONOS_RUN_DIR=folder, **environment)
    return subprocess.run([sys.executable, "-m", "ops.stack", *words], cwd=repository(), env=env,
                          capture_output=True, text=True, timeout=300, check=False)


@pytest.fixture
def run_dir(test_folder):
    """Nothing survives the test, whatever happened in it."""
    os.makedirs(test_folder)
    yield test_folder
    command(test_folder, "down", "--all")


def test_the_demo_turns_four_videos_into_answers_and_cleans_up(run_dir):
    done = command(run_dir, "demo", CHRONOS_DEMO_DOWN="1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    for source in ("youtube", "loom", "mux", "upload"):
        assert re.search(rf"^  {source} +completed", done.stdout, re.MULTILINE), done.stdout
    assert '"video_id"' in done.stdout and '"videoId"' in done.stdout
    assert re.search(r"^  1\. at \d+:\d\d of “", done.stdout, re.MULTILINE)
    assert len(re.findall("the row: completed", done.stdout)) == 4
    assert re.search(r"^  31 creators, 124 dashboards kept in ", done.stdout, re.MULTILINE), done.stdout
    assert re.search(r"^  \[#{20}\] (\d+) of \1  completed$", done.stdout, re.MULTILINE), done.stdout
    assert re.search(r"^  \d+ rows behind a link", done.stdout, re.MULTILINE), done.stdout
    assert os.listdir(run_dir) == []


def test_the_demo_does_not_spend_a_key_that_happens_to_be_set(run_dir):
    done = command(run_dir, "demo", CHRONOS_DEMO_DOWN="1", OPENAI_API_KEY="sk-not-for-the-demo")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "was not used" in done.stdout
    assert "sk-not-for-the-demo" not in done.stdout


def test_up_status_logs_and_down(run_dir):
    assert command(run_dir, "up").returncode == 0
    assert command(run_dir, "up", "demo-2").returncode == 0
    taken, odd = command(run_dir, "up", "demo-1"), command(run_dir, "up", "../x")
    assert taken.returncode == odd.returncode == 1
    assert "there is a stack demo-1 already" in taken.stderr and "NAME=../x: up to 40 small letters" in odd.stderr
    status = command(run_dir, "status").stdout
    assert len(re.findall(r"running +pid", status)) == 14
    assert len(re.findall(r"metrics at http://127.0.0.1:\d+/metrics", status)) == 8
    with open(os.path.join(run_dir, "demo-1", "env"), encoding="utf-8") as f:
        port = re.search(r"^export CHRONOS_CONSOLE_PORT=(\d+)$", f.read(), re.M)[1]
    assert Stack(os.path.join(run_dir, "demo-1")).state.get("console")["url"].endswith(":" + port)
    pids = [p.pid for n in ("demo-1", "demo-2") for p in Stack(os.path.join(run_dir, n)).processes()]
    assert "msg=ready" in command(run_dir, "logs", "demo-1", "scheduler").stdout
    one = command(run_dir, "down")
    assert "demo-2 is down" in one.stdout and "Still up: demo-1" in one.stdout
    assert command(run_dir, "down", "--all").returncode == 0
    assert [pid for pid in pids if start_time(pid) is not None] == []
    assert os.listdir(run_dir) == []


def test_a_stack_that_cannot_start_says_why_and_leaves_nothing_running(run_dir):
    done = command(run_dir, "up", CHRONOS_DEMO_VARIANT="nonesuch")
    assert done.returncode == 1
    assert "nonesuch/chronos-scheduler is not built (make)" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert not Stack(os.path.join(run_dir, "demo-1")).is_running()
