"""make install, the units and the Debian package."""

import os
import re
import shutil
import subprocess

import pytest

from ops.stack import repository

PROGRAMS = ("chronos-worker", "chronos-scheduler", "chronos-console")


def make(*words):
    return subprocess.run(["make", "-s", "VARIANT=release", *words], cwd=repository(), capture_output=True, text=True,
                          check=True, timeout=600)


def files(folder):
    return {os.path.relpath(os.path.join(at, name), folder) for at, _, names in os.walk(folder) for name in names}


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    root = tmp_path_factory.mktemp("root")
    make("install", f"DESTDIR={root}", "PREFIX=/opt/chronos")
    return root


def test_everything_is_under_the_prefix(installed):
    found = files(installed)
    assert all(f.startswith("opt/chronos/") for f in found)
    for program in PROGRAMS:
        assert os.access(installed / "opt/chronos/bin" / program, os.X_OK)
    assert os.access(installed / "opt/chronos/bin/chronosctl", os.X_OK)
    for name in ("share/man/man1/chronosctl.1", "share/bash-completion/completions/chronosctl", "share/zsh/site-functions/_chronosctl",
                 "share/chronos/redis/users.acl", "share/chronos/postgres/roles.sql", "share/man/man8/chronos-worker.8",
                 "lib/systemd/system/chronos-worker@.service", "share/doc/chronos/deploy.md"):
        assert f"opt/chronos/{name}" in found


def test_uninstall_leaves_nothing(installed, tmp_path):
    root = tmp_path / "copy"
    shutil.copytree(installed, root)
    (root / "opt/chronos/bin/other").write_text("somebody else's")
    make("uninstall", f"DESTDIR={root}", "PREFIX=/opt/chronos")
    assert files(root) == {"opt/chronos/bin/other"}


def test_the_manual_has_every_setting(installed):
    for program in PROGRAMS:
        page = subprocess.run(["man", "--warnings", "-l", str(installed / f"opt/chronos/share/man/man8/{program}.8")],
                              capture_output=True, text=True, check=True, env={**os.environ, "MANWIDTH": "300"})
        shown = subprocess.run([installed / "opt/chronos/bin" / program, "--help"], capture_output=True, text=True, check=True)
        assert not page.stderr
        for name in re.findall(r"^  ([A-Z]+_[A-Z_]+)$", shown.stdout, re.M):
            assert name in page.stdout, f"{program}: {name}"


@pytest.mark.parametrize("unit", ["chronos-scheduler.service", "chronos-worker@.service", "chronos-console.service"])
def test_units_are_valid_and_confined(installed, unit):
    path = installed / "opt/chronos/lib/systemd/system" / unit
    text = path.read_text()
    assert "@" not in re.sub(r"^(#|System|Desc).*", "", text, flags=re.M).replace("chronos-worker@", "")
    program = re.search(r"^ExecStart=(\S+)$", text, re.M)[1]
    assert os.access(f"{installed}{program}", os.X_OK)
    path.write_text(text.replace(program, f"{installed}{program}"))
    try:
        said = subprocess.run(["systemd-analyze", "verify", "--man=no", path], capture_output=True, text=True, check=False)
        assert unit.partition(".")[0] not in said.stderr, said.stderr
        subprocess.run(["systemd-analyze", "security", "--offline=yes", "--threshold=15", path], capture_output=True, check=True)
    finally:
        path.write_text(text)
    # a step that drains must not be killed for it
    if "worker" in unit:
        assert int(re.search(r"TimeoutStopSec=(\d+)s", text)[1]) > 30


@pytest.fixture(scope="module")
def package():
    done = make("deb")
    return os.path.join(repository(), done.stdout.strip().splitlines()[-1])


def test_the_package_is_clean(package):
    said = subprocess.run(["lintian", "--allow-root", "--tag-display-limit", "0", package], capture_output=True, text=True,
                          check=False).stdout
    # who packages it says who he is
    wrong = [line for line in said.splitlines() if line[:2] in ("E:", "W:") and "bogus-mail-host" not in line]
    assert not wrong, "\n".join(wrong)


def test_the_package_needs_what_its_binaries_link(package, tmp_path):
    depends = subprocess.run(["dpkg-deb", "-f", package, "Depends"], capture_output=True, text=True, check=True).stdout
    names = {d.split()[0] for d in depends.split(",")}
    subprocess.run(["dpkg-deb", "-x", package, tmp_path], check=True)
    for program in PROGRAMS:
        dynamic = subprocess.run(["readelf", "-d", tmp_path / "usr/bin" / program], capture_output=True, text=True,
                                 check=True).stdout
        for library in re.findall(r"NEEDED.*\[(lib\w+)", dynamic):
            package_of = {"libm": "libc", "libcrypto": "libssl"}.get(library, library)
            assert any(n.startswith(package_of) for n in names), library


def test_the_package_installs_and_leaves(package, tmp_path):
    """In a root of its own; its scripts are run for real by dpkg, with a chroot that does nothing in its way."""
    root = tmp_path / "root"
    for folder in ("var/lib/dpkg/info", "var/lib/dpkg/updates", "var/lib/dpkg/triggers", "etc"):
        (root / folder).mkdir(parents=True)
    (root / "var/lib/dpkg/status").touch()
    dpkg = ["dpkg", f"--root={root}", "--force-depends", "--force-script-chrootless", "--force-not-root", "--log=/dev/null"]
    unpacked = subprocess.run([*dpkg, "--unpack", package], capture_output=True, text=True, check=False)
    assert unpacked.returncode == 0, unpacked.stderr
    status = subprocess.run(["dpkg-query", f"--admindir={root}/var/lib/dpkg", "-W", "-f=${Status} ${Conffiles}", "chronos"],
                            capture_output=True, text=True, check=True).stdout
    assert "unpacked" in status and "/etc/chronos/chronos.env" in status
    program = root / "usr/bin/chronos-worker"
    assert "chronos-worker" in subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    subprocess.run(["md5sum", "--quiet", "-c", root / "var/lib/dpkg/info/chronos.md5sums"], cwd=root, check=True)


@pytest.mark.parametrize("name", ["postinst", "prerm", "postrm"])
def test_package_scripts_may_be_run_for_any_reason(name):
    """None of them does anything for a reason that it does not know."""
    script = os.path.join(repository(), "ops", "debian", name)
    for reason in ("abort-upgrade", "failed-upgrade", "triggered"):
        assert subprocess.run([script, reason, "1"], check=False).returncode == 0
