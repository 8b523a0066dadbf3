"""The images and the compose file, as far as that can be told without a Docker daemon: every name in them is compared with what it
refers to, and the scripts that they run are run."""

import base64
import fnmatch
import hashlib
import hmac
import http.server
import os
import re
import shutil
import subprocess
import threading

import psycopg2
import pytest
import redis
import yaml

from harness.deployables import DAEMONS, METRICS_PORT, USER, built, is_pinned, settings, unknown
from ops.stack import repository
from ops.stack.daemons import clean_environment
from ops.stack.redis_server import SETTINGS
from ops.stack.waiting import free_port, wait_until

DOCKER = os.path.join(repository(), "ops", "docker")


def text_of(name):
    with open(os.path.join(DOCKER, name), encoding="utf-8") as f:
        return f.read()


# ---- the images ----

def stages():
    """{name: (what it is made from, [(instruction, rest)])}"""
    found, name, base = {}, None, re.search(r"^ARG BASE=(\S+)$", text_of("Dockerfile"), re.M)[1]
    joined = re.sub(r"\\\n", " ", re.sub(r"^#.*\n", "", text_of("Dockerfile"), flags=re.M))
    for line in filter(str.strip, joined.splitlines()):
        word, _, rest = line.strip().partition(" ")
        if word == "FROM":
            origin, name = re.fullmatch(r"(\S+) AS (\S+)", rest).groups()
            found[name] = (origin.replace("${BASE}", base), [])
        elif name:
            found[name][1].append((word, rest.strip()))
    return found


def lines(stage):
    """With those of the stages that it is made from."""
    origin, own = stages()[stage]
    return (lines(origin) if origin in stages() else []) + own


def packages(stage):
    installs = [rest for word, rest in stages()[stage][1] if word == "RUN" and "apt-get install" in rest]
    return {p for rest in installs for p in re.search(r"--no-install-recommends\s+(.*?)\s+&&", rest)[1].split()}


def package_of(library):
    """Who owns a shared library of this machine."""
    for folder in ("/usr/lib", "/lib"):
        owners = subprocess.run(["dpkg", "-S", f"{folder}/*/{library}"], capture_output=True, text=True, check=False).stdout
        if owners:
            return owners.split(":")[0]
    raise AssertionError(f"no package has {library}")


def test_the_runtime_has_what_the_binaries_link_and_no_more():
    needed = set()
    for daemon in DAEMONS:
        dynamic = subprocess.run(["readelf", "-d", built(daemon)], capture_output=True, text=True, check=True).stdout
        needed |= {package_of(library) for library in re.findall(r"NEEDED.*\[(.*)\]", dynamic)}
    assert packages("base") == needed - {"libc6"} | {"ca-certificates", "tzdata"}
    assert packages("worker") == {"ffmpeg"}
    assert "apt-get" not in str(stages()["scheduler"][1] + stages()["console"][1])


def test_the_build_uses_the_packages_of_a_build_from_source():
    with open(os.path.join(repository(), "ops", "install-deps.sh"), encoding="utf-8") as f:
        listed = re.search(r"demo_packages=\((.*?)\)", f.read(), re.S)[1]
    here = set(re.findall(r'"([\w.+-]+)\|', listed))
    assert packages("build") - {"libc6-dev"} <= here
    assert {p for p in here if p.endswith("-dev")} <= packages("build")


def test_the_base_is_pinned_and_all_stages_share_it():
    roots = {origin for origin, _ in stages().values() if origin not in stages()}
    assert len(roots) == 1 and re.fullmatch(r"debian:12\.\d+-slim", roots.pop())


@pytest.mark.parametrize("daemon", DAEMONS)
def test_an_image_runs_its_daemon_as_nobody_special(daemon):
    own = lines(daemon)
    assert [rest for word, rest in own if word == "USER"][-1] == f"{USER}:{USER}"
    assert ("ENTRYPOINT", f'["/usr/bin/chronos-{daemon}"]') in own
    copied = [rest for word, rest in stages()[daemon][1] if word == "COPY"]
    assert copied == [f"--from=build /out/usr/bin/chronos-{daemon} /usr/bin/"]
    names = dict(re.findall(r"(\w+)=(\S+)", " ".join(rest for word, rest in own if word == "ENV")))
    assert not unknown(daemon, names)
    assert names["CHRONOS_METRICS_PORT"] == str(METRICS_PORT) and ("EXPOSE", str(METRICS_PORT)) in own
    health = next(rest for word, rest in own if word == "HEALTHCHECK")
    assert any(word == "COPY" and rest.endswith(re.search(r'CMD \["(.*)"\]', health)[1]) for word, rest in own)
    if daemon == "console":
        assert ("EXPOSE", settings(daemon)["CHRONOS_CONSOLE_PORT"]) in own


def allowed(path):
    """Whether a file of the tree is shown to the build; the last rule that matches decides, as in Docker."""
    decision = True
    for rule in text_of("Dockerfile.dockerignore").splitlines():
        if not rule or rule.startswith("#"):
            continue
        pattern, parts = rule.lstrip("!"), path.split("/")
        if pattern.startswith("**/"):
            hit = any(fnmatch.fnmatchcase(part, pattern[3:]) for part in parts)
        else:
            depth = pattern.count("/") + 1
            hit = fnmatch.fnmatchcase("/".join(parts[:depth]), pattern)
        if hit:
            decision = rule.startswith("!")
    return decision


def test_the_build_is_shown_what_it_needs_and_nothing_secret():
    for daemon in DAEMONS:
        built(daemon)
    needed = {"Makefile", "README.md", "sql/README.md", "lua/assemble.awk", "sql/embed.awk"}
    for part in ("engine", *DAEMONS):
        for folder, _, names in os.walk(os.path.join(repository(), "build", "release", part)):
            for name in names:
                if name.endswith(".d"):
                    with open(os.path.join(folder, name), encoding="utf-8") as f:
                        needed |= {w for w in f.read().replace("\\\n", " ").split() if re.match(r"(?!build/)[a-z]\S*\.[ch]$", w)}
    assert len(needed) > 200
    with open(os.path.join(repository(), "Makefile"), encoding="utf-8") as f:
        install = re.search(r"^install: \$.*?\n\n", f.read(), re.S | re.M)[0]
    needed |= {w.replace("$$u", "chronos-console.service") for w in re.findall(r"\bops/[\w./$*-]+", install)}
    needed |= {rest.split()[-2] for own in stages().values() for word, rest in own[1]
               if word == "COPY" and "--from" not in rest and rest != ". ."}
    for path in needed:
        assert allowed(path.replace("*", "deploy")), path
    assert "ops/docker/health.sh" in needed
    for path in ("ops/docker/secrets/admin-key", ".git/config", "tests/run.sh", "build/release/chronos-worker", "id_rsa",
                 ".env", "ops/docker/compose.override.yaml"):
        assert not allowed(path), path


def health(port, *what):
    return subprocess.run([os.path.join(DOCKER, "health.sh"), *what], env={**os.environ, "CHRONOS_METRICS_PORT": str(port)},
                          capture_output=True, check=False, timeout=30).returncode


def test_the_health_check_takes_nothing_but_200():
    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response({"/health": 200, "/ready": 503}.get(self.path, 404))
            self.end_headers()

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        assert health(server.server_port) == 0
        assert health(server.server_port, "ready") != 0
        assert health(server.server_port, "other") != 0
        server.shutdown()
    assert health(server.server_port) != 0
    assert health(0) != 0


@pytest.mark.parametrize("daemon", DAEMONS)
def test_a_daemon_that_waits_for_its_stores_is_healthy_and_not_ready(daemon):
    """Else a Redis that is away would have every container restarted."""
    port, nobody = free_port(), free_port()
    process = subprocess.Popen([built(daemon)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={
        **clean_environment(), "CHRONOS_METRICS_PORT": str(port), "CHRONOS_REDIS_URL": f"redis://127.0.0.1:{nobody}",
        "CHRONOS_DATABASE_URL": f"postgresql://127.0.0.1:{nobody}/none", "CHRONOS_CONSOLE_PORT": "0"})
    try:
        wait_until(lambda: health(port) == 0, 30, f"{daemon} to answer")
        assert health(port, "ready") != 0
    finally:
        process.terminate()
        process.wait(timeout=30)


# What Docker makes of read_only, user, cap_drop and no-new-privileges, of the kernel's own parts. $1 is the program.
CONFINED = """
set -e
mount --make-rprivate /
mount -t tmpfs -o mode=755 none /mnt
install -d -o $USER_ID -g $USER_ID /mnt/work
cp "$1" /mnt/daemon
mount -o remount,ro,bind /
mount -t tmpfs -o ro,mode=1777 none /tmp
cd /
exec setpriv --reuid $USER_ID --regid $USER_ID --clear-groups --bounding-set=-all --inh-caps=-all --no-new-privs /mnt/daemon
"""


@pytest.mark.skipif(os.getuid() != 0, reason="only root may mount")
@pytest.mark.parametrize("daemon", DAEMONS)
def test_a_daemon_does_its_work_without_rights_on_a_root_that_is_read_only(daemon, chronos):
    port = free_port()
    if daemon != "scheduler":
        chronos.stack.start_scheduler()
    chronos.stack.prepare_database()
    environment = {**clean_environment(), **chronos.stack.daemon_environment(daemon), "CHRONOS_METRICS_PORT": str(port),
                   "CHRONOS_WORK_DIR": "/mnt/work", "CHRONOS_CONSOLE_PORT": "0", "USER_ID": str(USER)}
    process = subprocess.Popen(["unshare", "-m", "sh", "-c", CONFINED, "sh", built(daemon)], env=environment,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: process.poll() is not None or health(port, "ready") == 0, 30, f"{daemon} to be ready")
        assert process.poll() is None
        with open(f"/proc/{process.pid}/status", encoding="utf-8") as f:
            status = f.read()
        assert f"Uid:\t{USER}\t" in status and re.search(r"^CapBnd:\t0+$", status, re.M)
    finally:
        process.terminate()
        assert process.wait(timeout=60) == 0


# ---- compose ----

@pytest.fixture(scope="module")
def compose():
    return yaml.safe_load(text_of("compose.yaml"))


def milliseconds(text):
    return int(text.removesuffix("s")) * 1000


def test_every_name_in_compose_is_there(compose):
    for name, service in compose["services"].items():
        for secret in service.get("secrets", []):
            assert secret in compose["secrets"], name
        for network in service["networks"]:
            assert network in compose["networks"], name
        for other in service.get("depends_on", {}):
            assert other in compose["services"], name
            if service["depends_on"][other]["condition"] == "service_healthy":
                assert "test" in compose["services"][other]["healthcheck"]
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("."):
                assert os.path.exists(os.path.join(DOCKER, source)), volume
            elif not source.startswith("/"):
                assert source in compose["volumes"], volume
        # a file of secrets that is named is also given
        named = re.findall(r"/run/secrets/([\w.-]+)", str({k: v for k, v in service.items() if k != "secrets"}))
        assert set(named) <= set(service.get("secrets", [])), name
    used = {s for service in compose["services"].values() for s in service.get("secrets", [])}
    assert used == set(compose["secrets"])


def test_images_of_others_are_pinned(compose):
    for name, service in compose["services"].items():
        if "build" in service:
            assert service["build"]["target"] in stages()
            assert os.path.samefile(os.path.join(DOCKER, service["build"]["context"]), repository())
            assert os.path.exists(os.path.join(repository(), service["build"]["dockerfile"]))
        else:
            assert is_pinned(service["image"]), name


@pytest.mark.parametrize("service", [*DAEMONS, "migrate"])
def test_daemons_are_confined_and_set_by_names_that_they_read(compose, service):
    daemon = "scheduler" if service == "migrate" else service
    s = compose["services"][service]
    assert s["build"]["target"] == daemon
    assert not unknown(daemon, s["environment"])
    assert s["read_only"] and s["cap_drop"] == ["ALL"] and s["user"] == f"{USER}:{USER}"
    assert s["security_opt"] == ["no-new-privileges:true"]
    secret = [n for n in s["environment"] if re.search("URL_FILE$|KEY|SECRET", n)]
    assert secret and all(n.endswith("_FILE") for n in secret)
    if service in ("worker", "console"):
        assert milliseconds(s["stop_grace_period"]) > int(s["environment"]["CHRONOS_DRAIN_MS"])


def test_the_order_of_the_start(compose):
    services = compose["services"]
    assert services["migrate"]["command"] == ["--migrate"]
    assert services["migrate"]["environment"] == {"CHRONOS_DATABASE_URL_FILE": "/run/secrets/owner-database-url"}
    assert "migrate" in services["roles"]["depends_on"]
    for daemon in DAEMONS:
        assert services[daemon]["depends_on"] == {"redis": {"condition": "service_healthy"},
                                                  "roles": {"condition": "service_completed_successfully"}}
        # nobody but the migration gets the owner's login
        assert not [n for n in services[daemon]["secrets"] if "owner" in n]
    assert services["scheduler"]["deploy"]["replicas"] == 2
    assert services["worker"]["environment"]["STORAGE_URL"] == services["console"]["environment"]["STORAGE_URL"]


def test_what_is_published_stays_on_this_machine(compose):
    published = {name: s["ports"] for name, s in compose["services"].items() if "ports" in s}
    assert published == {"console": ["127.0.0.1:8288:8288"], "prometheus": ["127.0.0.1:9090:9090"]}
    assert compose["services"]["console"]["environment"]["CHRONOS_CONSOLE_PORT"] == "8288"
    assert compose["networks"]["stores"]["internal"]
    for store in ("redis", "postgres"):
        assert compose["services"][store]["networks"] == ["stores"]


def test_redis_is_started_as_the_engine_needs_it(compose):
    command = compose["services"]["redis"]["command"]
    options = dict(zip(command[1::2], command[2::2]))
    assert options.pop("--aclfile") == "/run/secrets/redis-users.acl"
    assert "--maxmemory" in options and options.pop("--maxmemory") != "0"
    ours = ("appendonly", "appendfsync", "maxmemory-policy", "stream-node-max-entries", "auto-aof-rewrite-min-size")
    assert options == {"--" + name: SETTINGS[name] for name in ours}


def test_prometheus_finds_every_daemon(compose, tmp_path):
    config = yaml.safe_load(text_of("prometheus.yml"))
    jobs = {j["job_name"]: j["dns_sd_configs"] for j in config["scrape_configs"]}
    assert set(jobs) == {f"chronos-{d}" for d in DAEMONS}
    for job, ((target,)) in jobs.items():
        assert target["names"] == [job.removeprefix("chronos-")] and target["port"] == METRICS_PORT
        assert set(compose["services"][target["names"][0]]["networks"]) & set(compose["services"]["prometheus"]["networks"])
    mounted = dict(v.split(":")[:2] for v in compose["services"]["prometheus"]["volumes"])
    assert mounted["./prometheus.yml"] == "/etc/prometheus/prometheus.yml"
    folder = tmp_path / "rules"
    shutil.copytree(os.path.join(DOCKER, "../prometheus"), folder)
    assert config["rule_files"] == [mounted["../prometheus"] + "/*.rules.yml"]
    (tmp_path / "prometheus.yml").write_text(text_of("prometheus.yml").replace(mounted["../prometheus"], str(folder)))
    said = subprocess.run(["promtool", "check", "config", tmp_path / "prometheus.yml"], capture_output=True, text=True, check=True)
    assert "rules found" in said.stdout


# ---- the scripts ----

@pytest.fixture
def secrets(tmp_path):
    subprocess.run([os.path.join(DOCKER, "secrets.sh"), tmp_path / "secrets"], check=True)
    return tmp_path / "secrets"


def test_the_script_makes_every_secret_of_compose_once(compose, secrets):
    made = {name: (secrets / name).read_text() for name in os.listdir(secrets) if name != "redis"}
    for name, secret in compose["secrets"].items():
        assert secret["file"] == f"./secrets/{name}" and made[name].strip()
        assert (secrets / name).stat().st_mode & 0o777 == 0o444
    assert secrets.stat().st_mode & 0o777 == 0o700
    subprocess.run([os.path.join(DOCKER, "secrets.sh"), secrets], check=True)
    assert made == {name: (secrets / name).read_text() for name in made}


def test_the_logins_that_it_makes_are_those_that_redis_lets_in(compose, secrets, tmp_path):
    socket = tmp_path / "redis.sock"
    options = [o.replace("/run/secrets", str(secrets)) for o in compose["services"]["redis"]["command"][1:]]
    server = subprocess.Popen(["redis-server", "--port", "0", "--unixsocket", socket, *options], cwd=tmp_path,
                              stdout=subprocess.DEVNULL)
    try:
        wait_until(socket.exists, 30, "redis to listen")
        client = redis.Redis(unix_socket_path=str(socket), single_connection_client=True)
        with pytest.raises(redis.RedisError):
            client.get("chronos:functions")
        for daemon in DAEMONS:
            user, password = re.match(r"redis://(.*):(.*)@redis:6379\n", (secrets / f"{daemon}-redis-url").read_text()).groups()
            assert user == f"chronos-{daemon}" and client.execute_command("AUTH", user, password)
        check = compose["services"]["redis"]["healthcheck"]["test"][1].replace("$$", "$").replace("/run/secrets", str(secrets))
        check = check.replace("redis-cli", f"redis-cli -s {socket}")
        assert subprocess.run(["sh", "-c", check], check=False).returncode == 0
        (secrets / "redis-metrics-password").chmod(0o600)
        (secrets / "redis-metrics-password").write_text("another")
        assert subprocess.run(["sh", "-c", check], check=False, stderr=subprocess.DEVNULL).returncode != 0
    finally:
        server.terminate()
        server.wait(timeout=30)


def test_the_admin_key_is_admitted_by_its_hash(secrets):
    key = (secrets / "admin-key").read_text()
    assert re.fullmatch("chronos_admin_[0-9a-f]{64}", key)
    assert (secrets / "admin-keys").read_text() == f"operator=sha256:{hashlib.sha256(key.encode()).hexdigest()}\n"


def test_roles_get_their_rights_and_the_engine_its_password(secrets, postgres, database):
    name = database.rpartition("/")[2]
    environment = {**clean_environment(), "SECRETS": str(secrets), "PGHOST": postgres.home, "PGPORT": str(postgres.port),
                   "PGUSER": "postgres", "PGDATABASE": name, "ROLES": os.path.join(repository(), "ops/postgres/roles.sql")}
    with psycopg2.connect(host=postgres.home, port=postgres.port, user="postgres", dbname=name) as db, db.cursor() as c:
        try:
            for _ in range(2):
                subprocess.run([os.path.join(DOCKER, "roles.sh")], env=environment, check=True, capture_output=True, timeout=60)
            c.execute("select rolpassword from pg_authid where rolname = 'chronos_engine'")
            iterations, salt, server_key = re.match(r"SCRAM-SHA-256\$(\d+):(.*)\$.*:(.*)", c.fetchone()[0]).groups()
            salted = hashlib.pbkdf2_hmac("sha256", (secrets / "postgres-engine-password").read_bytes(), base64.b64decode(salt),
                                         int(iterations))
            assert base64.b64encode(hmac.digest(salted, b"Server Key", "sha256")).decode() == server_key
            c.execute("select has_table_privilege('chronos_engine', 'chronos.runs', 'insert')")
            assert c.fetchone()[0]
        finally:
            c.execute("alter role chronos_engine password null")
    (secrets / "postgres-engine-password").unlink()
    said = subprocess.run([os.path.join(DOCKER, "roles.sh")], env=environment, check=False, capture_output=True, text=True)
    assert said.returncode == 1 and "secrets.sh makes it" in said.stderr
