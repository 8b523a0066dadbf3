"""What the linker and compiler were told, read back from the binaries that are shipped."""

import os
import re
import subprocess

import pytest

from ops.stack import repository

PROGRAMS = ["chronos-worker", "chronos-scheduler", "chronos-console"]


def readelf(program, *what):
    path = os.path.join(repository(), "build", "release", program)
    if not os.path.exists(path):
        subprocess.run(["make", "-s", "VARIANT=release", path.removeprefix(repository() + "/")], cwd=repository(), check=True)
    return subprocess.run(["readelf", "-W", *what, path], capture_output=True, text=True, check=True).stdout


@pytest.fixture(params=PROGRAMS)
def program(request):
    return request.param


def test_position_independent(program):
    assert re.search(r"Type:\s+DYN \(Position-Independent Executable", readelf(program, "-h"))
    assert re.search(r"FLAGS_1\).*\bPIE\b", readelf(program, "-d"))


def test_relocations_are_read_only_and_bound_at_the_start(program):
    assert "GNU_RELRO" in readelf(program, "-l")
    assert re.search(r"FLAGS_1\).*\bNOW\b", readelf(program, "-d"))


def test_no_stack_or_segment_is_writable_and_executable(program):
    headers = readelf(program, "-l")
    stack = re.search(r"GNU_STACK.*? (R\S*\s?\S*) +0x", headers)
    assert stack and "E" not in stack[1]
    for line in re.findall(r"^\s+LOAD .*", headers, re.M):
        flags = re.search(r"0x\w+ (R?W? ?E?)\s+0x\w+$", line)
        assert flags and not ("W" in flags[1] and "E" in flags[1]), line


def test_stack_protector_and_fortify(program):
    symbols = readelf(program, "--dyn-syms")
    assert "__stack_chk_fail" in symbols
    fortified = set(re.findall(r"__(\w+)_chk\b", symbols)) - {"stack"}
    assert {"snprintf"} <= {f.removeprefix("v") for f in fortified} and len(fortified) >= 5, fortified


def test_no_search_path_of_its_own(program):
    assert not re.search(r"R(UN)?PATH", readelf(program, "-d"))
