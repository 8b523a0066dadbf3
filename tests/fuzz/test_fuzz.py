"""Every fuzz target over its seeds, and over what a short search with a fixed seed makes of them."""

import os
import subprocess

import pytest

from ops.stack import repository

from . import targets

SEARCH_S = 1


@pytest.fixture(scope="session", autouse=True)
def _built():
    """With everything else when all tests are run; here when only these are."""
    done = subprocess.run(["make", "-s", "--no-print-directory", "-C", repository(), "VARIANT=fuzz", "CC=clang",
                           "fuzz-programs"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", targets.names())
def test_seeds_keep_every_promise(name):
    assert len(os.listdir(targets.seeds(name))) >= 3
    ok, output = targets.replay(name)
    assert ok, output[-4000:]


@pytest.mark.parametrize("name", targets.names())
def test_a_short_search_finds_nothing(name, tmp_path):
    ok, output = targets.run(name, "-seed=1", f"-max_total_time={SEARCH_S}", "-print_final_stats=1",
                             folders=[tmp_path, targets.seeds(name)], timeout=120)
    assert ok, output[-4000:]
    assert "INITED" in output and "cov: " in output  # it was measured what is covered


def test_a_broken_promise_is_a_failure(tmp_path):
    """The seeds of one target are no good for another: a target that is broken on purpose must be seen."""
    crash = tmp_path / "crash.c"
    crash.write_text('#include "fuzz.h"\nint LLVMFuzzerTestOneInput(const uint8_t *d, size_t n)\n'
                     '{ require(n < 3 || d[0] != 0x7b); return 0; }\n'
                     '#undef require\nvoid require(bool ok) { if (!ok) __builtin_trap(); }\n')
    program = tmp_path / "crash"
    flags = subprocess.run(["pkg-config", "--cflags", "hiredis", "libcurl", "jansson"], capture_output=True, text=True,
                           check=True).stdout.split()
    root = repository()
    subprocess.run(["clang", "-std=gnu17", "-D_GNU_SOURCE", "-fsanitize=fuzzer,address", f"-I{root}/tests/fuzz",
                    f"-I{root}/engine", *flags, "-o", str(program), str(crash)], check=True)
    done = subprocess.run([program, "-seed=1", "-max_total_time=20", f"-artifact_prefix={tmp_path}/"], check=False,
                          capture_output=True)
    assert done.returncode != 0 and list(tmp_path.glob("crash-*"))
