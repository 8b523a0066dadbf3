"""What the tests call is what the daemons call."""

import fnmatch
import glob
import hashlib
import os
import re
import subprocess

import pytest
import redis

from ops.stack import repository
from partition import script_text

LUA = os.path.join(repository(), "lua")
NAMES = sorted(os.path.basename(path)[:-4] for path in glob.glob(os.path.join(LUA, "*.lua")))


def assemble(*paths, **variables):
    words = [word for name, value in variables.items() for word in ("-v", f"{name}={value}")]
    return subprocess.run(["awk", *words, "-f", os.path.join(LUA, "assemble.awk"), *paths], capture_output=True,
                          check=False)


def rows():
    """name -> text, read out of the C rows as a C compiler would."""
    done = assemble(*[os.path.join(LUA, name + ".lua") for name in NAMES])
    assert done.returncode == 0, done.stderr
    found = {}
    for name, body in re.findall(r'    \{"(\w+)",\n(.*?)    , ""\},\n', done.stdout.decode(), re.S):
        lines = re.findall(r'^    "(.*)"$', body, re.M)
        found[name] = "".join(re.sub(r"\\(.)", lambda m: {"n": "\n"}.get(m[1], m[1]), line) for line in lines)
    return found


def test_every_script_is_a_row():
    assert sorted(rows()) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_plain_text_is_the_text_in_the_c_table(name):
    assert script_text(name).decode() == rows()[name]


@pytest.mark.parametrize("name", NAMES)
def test_first_lines_are_flags_and_name(name):
    flags, comment, *_ = script_text(name).decode().splitlines()
    assert flags == ("#!lua" if name in ("accept_events", "enqueue", "tick_cron") else "#!lua flags=allow-oom")  # those take in work
    assert comment == f"-- {name}"


def test_the_page_says_of_every_script_what_a_second_call_does():
    with open(os.path.join(LUA, "README.md"), encoding="utf-8") as f:
        table = f.read().split("### Calling again")[1].split("###")[0]
    told = re.findall(r"`([a-z_*]+)[^`]*`", " ".join(line.split("|")[1] for line in table.splitlines() if line.startswith("| `")))
    missing = [name for name in NAMES if not any(fnmatch.fnmatch(name, pattern) for pattern in told)]
    assert missing == [] and [t for t in told if not fnmatch.filter(NAMES, t)] == []


@pytest.mark.parametrize("name", NAMES)
def test_the_server_compiles_it(p, name):
    assert p.redis.script_load(script_text(name)) == hashlib.sha1(script_text(name)).hexdigest()


def test_an_error_names_the_line_of_the_plain_text(p):
    with pytest.raises(redis.exceptions.ResponseError) as e:
        p.reap_worker("f", "w1")
    line = int(re.search(r"user_script:(\d+)", str(e.value))[1])
    assert "XPENDING" in script_text("reap_worker").decode().splitlines()[line - 1]


@pytest.mark.parametrize("text, message", [
    ("-- no flags\n", "the first line must be #!lua"),
    ("#!lua\n--- include missing\n", "cannot read"),
])
def test_a_bad_script_stops_the_build(tmp_path, text, message):
    path = tmp_path / "bad.lua"
    path.write_text(text)
    for variables in ({}, {"plain": "1"}):
        done = assemble(str(path), **variables)
        assert done.returncode == 1
        assert message in done.stderr.decode()
