"""Encrypted ways to both stores, with a certificate authority of the test's own: Postgres by libpq, Redis through stunnel."""

import os
import shutil
import subprocess

import pytest

from ops.stack import wait_until
from ops.stack.daemons import clean_environment
from ops.stack.process import Process
from ops.stack.waiting import free_port


def openssl(*words, **options):
    subprocess.run(["openssl", *words], check=True, capture_output=True, **options)


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """A folder with ca.crt, server.crt and server.key for localhost, and other.crt of an authority nobody knows."""
    folder = tmp_path_factory.mktemp("ca")
    for name in ("ca", "other"):
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name} of a test",
                "-keyout", f"{name}.key", "-out", f"{name}.crt", cwd=folder)
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-keyout", "server.key", "-out", "server.csr",
            cwd=folder)
    (folder / "names").write_text("subjectAltName=DNS:localhost\n")
    openssl("x509", "-req", "-days", "2", "-in", "server.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial",
            "-extfile", "names", "-out", "server.crt", cwd=folder)
    return folder


@pytest.fixture
def whole(make_stack):
    c = make_stack()
    c.stack.start_redis()
    c.stack.start_postgres()
    return c


def encrypt_postgres(whole, authority):
    """From now on it lets nobody in over TCP who does not speak TLS."""
    server = whole.stack.postgres
    data = os.path.join(server.home, "data")
    for name in ("server.crt", "server.key"):
        shutil.copy(authority / name, data)
        os.chmod(os.path.join(data, name), 0o600)
        if server.user is not None:
            os.chown(os.path.join(data, name), server.user.pw_uid, server.user.pw_gid)
    path = os.path.join(data, "pg_hba.conf")
    with open(path, encoding="utf-8") as f:
        rules = f.read().replace("host all", "hostssl all")
    with open(path, "w", encoding="utf-8") as f:
        f.write(rules)
    server.admin("alter system set ssl = on")
    server.restart()


def test_the_daemons_verify_postgres(whole, authority):
    stack = whole.stack
    stack.prepare_database()
    plain = stack.database_url_as("scheduler")
    encrypt_postgres(whole, authority)
    url = plain.replace("127.0.0.1", "localhost") + f"?sslmode=verify-full&hostaddr=127.0.0.1&sslrootcert={authority}/"
    stack.environment["CHRONOS_DATABASE_URL"] = url + "ca.crt"
    stack.start_scheduler()
    stack.start_worker()
    stack.given["database"] = url.replace("chronos_engine", "chronos") + "ca.crt"
    whole.wait_for_run(whole.send_event("test/three", {"creatorId": "c"}), status="completed")
    unencrypted = whole.rows("select a.application_name from pg_stat_activity a join pg_stat_ssl s using (pid)"
                             " where a.application_name like 'chronos-%%' and not s.ssl")
    assert whole.value("select count(*) from pg_stat_activity where application_name like 'chronos-%%'") > 0
    assert not unencrypted

    for address, told in ((url + "other.crt", "certificate verify failed"),
                          (url.replace("localhost", "elsewhere") + "ca.crt", "does not match"),
                          (plain + "?sslmode=disable", "no encryption")):
        # LeakSanitizer, which looks when the process ends, has been seen to hang when a signal comes meanwhile
        done = subprocess.run(["timeout", "-k", "5", "5", os.path.join(stack.build, "chronos-scheduler"), "--migrate"],
                              capture_output=True, text=True, check=False,
                              env={**clean_environment(), "CHRONOS_DATABASE_URL": address, "ASAN_OPTIONS": "detect_leaks=0"})
        assert done.returncode != 0 and told in done.stdout + done.stderr


def stunnel(whole, name, text):
    folder = whole.stack.folder
    path = os.path.join(folder, name + ".conf")
    with open(path, "w", encoding="utf-8") as f:
        f.write(f"foreground = yes\npid =\n[redis]\n{text}\n")
    process = Process(whole.stack.state, folder, name)
    process.start([shutil.which("stunnel4") or "stunnel", path], env=dict(os.environ))
    return process


def test_redis_through_a_tunnel_that_verifies(whole, authority):
    """As ops/deploy.md has it: TLS at the server's side, a tunnel beside the daemon."""
    server_port, near, wrong = free_port(), free_port(), free_port()
    redis = whole.stack.redis.port
    stunnel(whole, "tunnel-server", f"accept = 127.0.0.1:{server_port}\nconnect = 127.0.0.1:{redis}\n"
                                    f"cert = {authority}/server.crt\nkey = {authority}/server.key")
    client = "client = yes\naccept = 127.0.0.1:{}\nconnect = localhost:{}\nverifyChain = yes\ncheckHost = localhost\nCAfile = {}/{}"
    stunnel(whole, "tunnel-near", client.format(near, server_port, authority, "ca.crt"))
    stunnel(whole, "tunnel-wrong", client.format(wrong, server_port, authority, "other.crt"))
    through = {kind: whole.stack.redis_url_as(kind).replace(f":{redis}", f":{near}") for kind in ("scheduler", "worker")}
    whole.stack.start_scheduler(CHRONOS_REDIS_URL=through["scheduler"])
    whole.stack.start_worker(CHRONOS_REDIS_URL=through["worker"])
    whole.wait_for_run(whole.send_event("test/three", {"creatorId": "c"}), status="completed")

    said = {"CHRONOS_REDIS_URL": through["worker"].replace(f":{near}", f":{wrong}")}
    stranger = whole.stack.start_worker("stranger", wait=False, **said)
    wait_until(lambda: stranger.log_contains("waiting for redis and postgres"), 20, "it to be refused")
    assert not stranger.log_contains("msg=ready")
