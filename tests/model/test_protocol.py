"""SPIN looks at every state of protocol.pml: with all safeguards nothing fails, and without any one of them something does.

Nothing is started but spin, a compiler and the search itself, two searches at a time."""

import concurrent.futures
import os
import re
import shutil
import subprocess

import pytest

MODEL = os.path.join(os.path.dirname(os.path.abspath(__file__)), "protocol.pml")
DEADLINE = 600
MEGABYTES = 1200  # for one search; the largest needs 800

# All safeguards are in place: who is there, and how much goes wrong in one life.
SOUND = {
    "whole": dict(FAULTS=2),
    "schedulers": dict(FAULTS=3, AT_WORKERS=0),
    "workers": dict(FAULTS=3, AT_SCHEDULERS=0, AT_ARCHIVERS=0, SCHEDULERS=1),
    "archivers": dict(FAULTS=1, ARCHIVERS=2),
}
# Is there a life that goes on for ever?
ENDLESS = {"endless": dict(FAULTS=1)}
# Mutants need one fault, but for this one.
MORE_FAULTS = {"poison_keeps_slot": dict(FAULTS=2, AT_SCHEDULERS=0, SCHEDULERS=1)}
# One safeguard is left out: the promise that is broken then.
MUTANTS = {
    "no_ledger": 5,
    "effect_first": 5,
    "ledger_first": 5,
    "commit_unchecked": 2,
    "result_unchecked": 5,
    "poison_keeps_slot": 4,
    "admits_nobody": 1,
    "limit_unchecked": 3,
    "claim_pending": 3,
    "reap_forgets": 4,
    "enqueue_restarts": 2,
    "no_look": 2,
    "postgres_first": 2,
    "no_fence": 2,
    "ids_unseen": 2,
    "own_twin": 1,
    "leaves_early": 1,
    "nothing_kept": 1,
    "no_cursor": 2,
    "cursor_apart": 2,
    "removes_first": 2,
    "trims_first": 2,
    "same_name": 2,
}


class Found:
    """What came of a search."""

    def __init__(self, folder, defines, output):
        self.folder, self.defines, self.output = folder, defines, output

    @property
    def errors(self):
        return int(re.search(r"errors: (\d+)", self.output)[1])

    @property
    def is_complete(self):
        return not re.search(r"not completed|too small|MEMLIM|out of memory|aborted", self.output)

    @property
    def size(self):
        states = int(re.search(r"(\d+) states, stored", self.output)[1])
        megabytes = float(re.search(r"([\d.]+)\s+total actual memory", self.output)[1])
        seconds = re.search(r"elapsed time ([\d.]+)", self.output)[1]
        return f"{states:,} states, {seconds} s, {megabytes:.0f} MB"

    @property
    def story(self):
        """What led to the error, one line per step, and the assertion that failed."""
        return run(self.folder, "spin", "-t", "-T", *self.defines, "protocol.pml")

    @property
    def broken_promise(self):
        line = int(re.search(r"protocol\.pml:(\d+), Error: assertion violated", self.story)[1])
        return int(re.search(r"/\* promise (\d) \*/", lines()[line - 1])[1])

    @property
    def unreached(self):
        """The lines that were never gone through, but for the ends of endless loops and what only mutants do."""
        missed = re.findall(r'protocol\.pml:(\d+), state \d+, "(.*)"', self.output)
        texts = [f"{line}: {lines()[int(line) - 1]}" for line, what in missed if what != "-end-"]
        return [text for text in texts if "lacks(" not in text]


def lines():
    with open(MODEL, encoding="utf-8") as f:
        return f.read().splitlines()


def run(folder, *command):
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=DEADLINE, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stdout}{done.stderr}"
    return done.stdout


def search(folder, name):
    shutil.copy(MODEL, folder)
    settings = {**SOUND, **ENDLESS}.get(name) or {"FAULTS": 1, **MORE_FAULTS.get(name, {}), "MUTANT": name}
    defines = [f"-D{key}={value}" for key, value in settings.items()]
    run(folder, "spin", "-a", *defines, "protocol.pml")
    kind = "-DNP" if name in ENDLESS else "-DSAFETY"
    speed = "-O2" if name in SOUND or name in ENDLESS else "-O0"
    # the search is written by spin, and its warnings are not ours
    run(folder, os.environ.get("CC", "cc"), "-w", speed, kind, f"-DMEMLIM={MEGABYTES}", "-o", "pan", "pan.c")
    output = run(folder, "./pan", "-m10000", *(["-l"] if name in ENDLESS else []))
    return Found(folder, defines, output)


@pytest.fixture(scope="module")
def searches(request, tmp_path_factory):
    """The searches that the selected tests need, by name; all of them are under way."""
    here = [item for item in request.session.items if item.fspath == request.fspath and hasattr(item, "callspec")]
    names = dict.fromkeys(item.callspec.params["name"] for item in here)
    pool = concurrent.futures.ThreadPoolExecutor(2)
    try:
        yield {name: pool.submit(search, tmp_path_factory.mktemp(name), name) for name in names}
    finally:
        pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("name", SOUND)
def test_promises_are_kept_in_every_state(searches, name, capsys):
    found = searches[name].result()
    assert found.errors == 0, found.story
    assert found.is_complete, found.output
    with capsys.disabled():
        print(f"\n{name} {' '.join(found.defines)}: {found.size}", end=" ")


@pytest.mark.parametrize("name", ["whole"])
def test_every_statement_is_gone_through(searches, name):
    assert searches[name].result().unreached == []


@pytest.mark.parametrize("name", ENDLESS)
def test_no_life_goes_on_for_ever(searches, name):
    """So whatever holds when nobody can do anything any more is reached, however the processes take turns."""
    found = searches[name].result()
    assert found.errors == 0, found.story
    assert found.is_complete, found.output


@pytest.mark.parametrize("name", MUTANTS)
def test_mutant_is_caught(searches, name):
    found = searches[name].result()
    assert found.errors > 0, "the properties are too weak"
    assert found.broken_promise == MUTANTS[name], found.story


def test_every_mutant_of_the_model_is_tried():
    known = re.findall(r"^#define (\w+) \d+ +/\*", "\n".join(lines()[:lines().index("#define EVENTS 2")]), re.M)
    settings = {"FAULTS", "AT_WORKERS", "SCHEDULERS", "ARCHIVERS"}
    assert set(known) - settings == set(MUTANTS)
