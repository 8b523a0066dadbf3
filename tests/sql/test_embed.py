"""sql/embed.awk: what it makes of the files, and what it refuses."""
import subprocess

import pytest

from conftest import ROOT


@pytest.fixture
def embed(tmp_path):
    def run(text, name="q.sql", folder="queries"):
        (tmp_path / folder).mkdir(exist_ok=True)
        path = tmp_path / folder / name
        path.write_text(text)
        return subprocess.run(["awk", "-f", str(ROOT / "sql" / "embed.awk"), f"{folder}/{name}"],
                              cwd=tmp_path, capture_output=True, text=True)
    return run


@pytest.mark.parametrize("text, where, why", [
    ("select 1\n", "q.sql:1:", "without a"),
    ("-- a page\n-- name: x\nselect 1\n", "q.sql:2:", "headed by"),
    ("-- name: x :lots\nselect 1\n", "q.sql:1:", "unknown kind"),
    ("-- name: :one\nselect 1\n", "q.sql:1:", "headed by"),
    ("--name: x :one\nselect 1\n", "q.sql:1:", "headed by"),
    ("-- name: x :one\nselect 1\n-- name: x :one\nselect 2\n", "q.sql:3:", "already defined"),
    ("-- name: x :one\n-- only words\n", "q.sql:1:", "no text"),
    ("-- name: x :one\nselect $1, $3\n", "q.sql:1:", "but not $2"),
    ("-- name: x :exec\ndelete from a; delete from b\n", "q.sql:1:", "more than one"),
    ("-- name: x :copy\ncopy a from $1\n", "q.sql:1:", "takes no parameters"),
])
def test_a_doubtful_block_stops_the_build(embed, text, where, why):
    done = embed(text)
    assert done.returncode == 1
    assert where in done.stderr and why in done.stderr


@pytest.mark.parametrize("text, name", [
    ("select 1;\n", "0001_x.sql"),
    ("-- breaking: perhaps\nselect 1;\n", "0001_x.sql"),
    ("-- breaking: no\nselect 1;\n", "0000_x.sql"),
    ("-- breaking: no\nselect 1;\n", "1_x.sql"),
])
def test_a_doubtful_migration_stops_the_build(embed, text, name):
    done = embed(text, name, "migrations")
    assert done.returncode == 1
    assert name in done.stderr


def test_text_and_parameters(embed):
    done = embed("-- A page.\n\n-- name: b_two :many\n-- $9 is only spoken of\n"
                 "select '--no' as \"q\", E'\\n', $2 -- said\nwhere $1 > $10 and $3$4$5$6$7$8$9;\n"
                 "-- name: a_one :exec\nselect 1;\n")
    assert done.returncode == 0, done.stderr
    out = done.stdout
    assert out.index('SQL_QUERY("a_one", SQL_EXEC, 0,') < out.index('SQL_QUERY("b_two", SQL_MANY, 10,')
    assert "'--no' as \\\"q\\\", E'\\\\n', $2\\n" in out
    assert "said" not in out and "spoken" not in out and ";" not in out


def test_a_migration_keeps_its_statements(embed):
    done = embed("-- Why.\n-- breaking: yes\nselect 1; -- one\nselect '\\d';\n", "0001_ab.sql", "migrations")
    assert done.returncode == 0, done.stderr
    assert 'SQL_MIGRATION(1, "ab", true,' in done.stdout
    assert "select 1;\\n" in done.stdout and "'\\\\d'" in done.stdout
