"""Where secrets may stand: in files, and in systemd's credentials; never in the arguments or in the log."""

import os
import shutil
import subprocess

import pytest

PASSWORD = "canary-credential-71c2"


def outcome(engine, **environment):
    """A worker whose login cannot succeed: what it says, and that it does not say the password."""
    env = engine.daemon_environment("worker")
    for name in ("CHRONOS_REDIS_URL", "CHRONOS_DATABASE_URL"):
        env.pop(name)
    program = os.path.join(engine.build, engine.programs["worker"])
    done = subprocess.run([program], env={**env, **environment}, capture_output=True, text=True, check=False, timeout=30)
    said = done.stdout + done.stderr
    assert PASSWORD not in said
    return done.returncode, said


@pytest.fixture
def stack(redis_only):
    redis_only.stack.given["database"] = "postgresql://nobody@127.0.0.1:1/none"
    return redis_only.stack


def test_a_daemon_runs_on_credentials_alone(chronos, tmp_path):
    """Both addresses with their logins come from CREDENTIALS_DIRECTORY, none from the environment."""
    stack = chronos.stack
    stack.prepare_database()
    for kind in ("scheduler", "worker"):
        folder = tmp_path / kind
        folder.mkdir()
        (folder / "CHRONOS_REDIS_URL").write_text(stack.redis_url_as(kind) + "\n")
        (folder / "CHRONOS_DATABASE_URL").write_text(stack.database_url_as(kind) + "\n")
        daemon = stack.daemon(kind, CREDENTIALS_DIRECTORY=folder)
        for name in ("CHRONOS_REDIS_URL", "CHRONOS_DATABASE_URL"):
            del daemon.environment[name]
        daemon.start()
    chronos.wait_for_run(chronos.send_event("test/three", {"creatorId": "c"}), status="completed")
    shutil.rmtree(tmp_path)


def test_a_file_goes_before_a_credential_and_the_environment_before_both(stack, tmp_path):
    (tmp_path / "CHRONOS_LEASE_MS").write_text("1\n")
    (tmp_path / "file").write_text("2")
    status, said = outcome(stack, CREDENTIALS_DIRECTORY=str(tmp_path))
    assert status == 2 and "CHRONOS_LEASE_MS=1:" in said
    status, said = outcome(stack, CREDENTIALS_DIRECTORY=str(tmp_path), CHRONOS_LEASE_MS_FILE=str(tmp_path / "file"))
    assert status == 2 and "CHRONOS_LEASE_MS=2:" in said
    status, said = outcome(stack, CREDENTIALS_DIRECTORY=str(tmp_path), CHRONOS_LEASE_MS_FILE=str(tmp_path / "file"),
                           CHRONOS_LEASE_MS="3")
    assert status == 2 and "CHRONOS_LEASE_MS=3:" in said


def test_a_bad_value_in_a_secret_file_is_told_without_the_secret(stack, tmp_path):
    (tmp_path / "url").write_text(f"http://me:{PASSWORD}@host")
    status, said = outcome(stack, CHRONOS_REDIS_URL_FILE=str(tmp_path / "url"))
    assert status == 2 and "must begin with redis://" in said


def test_a_file_that_cannot_be_read_stops_the_start(stack, tmp_path):
    status, said = outcome(stack, CHRONOS_REDIS_URL_FILE=str(tmp_path / "missing"))
    assert status == 2 and "CHRONOS_REDIS_URL_FILE" in said and "No such file" in said
    (tmp_path / "long").write_text(PASSWORD * 1000)
    status, said = outcome(stack, OPENAI_API_KEY_FILE=str(tmp_path / "long"))
    assert status == 2 and "OPENAI_API_KEY_FILE" in said and "more than" in said


def test_encryption_that_is_not_there_is_refused(stack):
    """hiredis 0.14 has no TLS: an address that asks for it must not be served in the clear."""
    status, said = outcome(stack, CHRONOS_REDIS_URL=f"rediss://me:{PASSWORD}@127.0.0.1:6379")
    assert status == 2 and "rediss://" in said and "ops/deploy.md" in said
