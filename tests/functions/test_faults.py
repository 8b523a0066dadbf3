"""One allocation, or one call at a seam (Redis, Postgres, a service, a file, a program), fails in a worker while it takes a
video through the whole pipeline: afterwards everything is as if nothing had happened.

The video is one with captions (youtube), or one in the storage (upload), whose sound ffmpeg cuts into parts that threads
send to speech recognition at the same time. Allocations fail in the release build, which has the C library's allocator,
and, to look for leaks, under the sanitizers; calls fail under the sanitizers.

Each point has a worker of its own, which fails once, at its count of allocations or calls since it was ready
(tests/faults/fault.c). For a failed allocation a worker may end by abort(), as engine/memory.h says; another takes over
then. A failed call it has to survive. Points are taken by a stride, from the first to the last that such a run makes:
`make faults` takes all, of both videos, and tells what failed when it is through."""

import decimal
import os
import random
import re
import signal
import subprocess

import pytest

import pipeline as p
from harness import Chronos
from harness.fixtures import WORKER, finish, new_database
from ops.stack import Stack, StackError, repository
from test_resume import difference, everything, wait_for_runs

LEASE_MS = 1500
POINTS = 12  # of each kind, when all tests are run
EVERY = int(os.environ.get("CHRONOS_TEST_FAULTS_EVERY", "0"))
FROM = int(os.environ.get("CHRONOS_TEST_FAULTS_FROM", "1"))
AT_ONCE = int(os.environ.get("CHRONOS_TEST_FAULTS_AT_ONCE", "12"))
SOURCES = os.environ.get("CHRONOS_TEST_FAULTS_SOURCES", "").split()
PARTS = 3  # of the recording, heard at the same time
LEAKS = os.path.join(repository(), "tests", "faults", "leaks.supp")
SHIM = os.path.join(repository(), "build", "release", "fault.so")


def shim(variant):
    """The environment that loads it. The sanitizer's own allocator comes behind it, which that wants to be told."""
    if variant != "asan":
        return {"LD_PRELOAD": SHIM}
    runtime = subprocess.run(["cc", "-print-file-name=libasan.so"], capture_output=True, text=True, check=True).stdout
    return {"LD_PRELOAD": f"{SHIM}:{runtime.strip()}", "ASAN_OPTIONS": "verify_asan_link_order=0",
            "LSAN_OPTIONS": f"print_suppressions=0:suppressions={LEAKS}"}


def columns_of(chronos, source):
    """Where the video is. Of other sources than these the sandbox has one."""
    if source == "upload":
        return {"storage_path": p.upload_recording(chronos, 30, parts=PARTS)}
    return {"youtube_video_id": "WoolDyeing1"} if source == "youtube" else {}


class Faulty:
    """Workers that fail at one point each, and the one that does not."""

    def __init__(self, chronos, kind, variant, source):
        self.chronos = chronos
        self.kind = kind
        self.source = source
        self.name = f"{kind}, {variant}, {source}"
        self.shim = shim(variant)
        self.columns = columns_of(chronos, source)
        self.settings = {"CHRONOS_LEASE_MS": LEASE_MS, "CHRONOS_MAX_DEATHS": 100}
        self.survivor = None
        self.workers = {}
        self.reported = set()  # by the sanitizers

    def start(self, points):
        self.workers = {}
        for n in points:
            name = f"{self.kind}-{n}-{len(self.chronos.stack.daemons)}"
            told = os.path.join(self.chronos.stack.folder, name + ".told")
            self.workers[name] = (self.chronos.stack.start_worker(
                name, wait=False, CHRONOS_TEST_FAULT=f"{self.kind}:{n}", CHRONOS_TEST_FAULT_FILE=told,
                CHRONOS_WORKER_THREADS=1, **self.shim, **self.settings), told)
        for worker, _ in self.workers.values():
            worker.wait_ready(60)
            worker.process.signal(signal.SIGUSR2)

    def send(self):
        video = self.chronos.make_video(self.source, **self.columns)
        p.extract(self.chronos, video, source=self.source)
        return video

    def told(self, word):
        """What the shims of the workers wrote behind that word."""
        found = {}
        for name, (_, path) in self.workers.items():
            if os.path.exists(path):
                with open(path, encoding="utf-8") as f:
                    found.update({name: line.split()[1] for line in f if line.startswith(word + " ")})
        return found

    def where(self, name):
        """What failed in that worker, with the calls that led there."""
        with open(self.workers[name][1], encoding="utf-8") as f:
            return f.read()

    def living(self):
        return [name for name, (w, _) in self.workers.items() if w.process.exit_status() is None]

    def stop(self):
        """How they ended, once asked to: 0 when nothing was wrong."""
        for name in self.living():  # all at once, each takes a second
            self.workers[name][0].process.signal(signal.SIGTERM)
        for name in self.living():
            self.workers[name][0].stop()
        return {name: w.process.exit_status() for name, (w, _) in self.workers.items()}

    def take_over(self):
        if self.survivor is None:
            self.survivor = self.chronos.stack.start_worker("survivor", CHRONOS_WORKER_THREADS=8, **self.settings)
        else:
            self.survivor.start()

    def step_aside(self):
        if self.survivor is not None:
            self.survivor.stop()

    def clear(self):
        self.step_aside()
        for worker, _ in self.workers.values():
            worker.kill()


def without_sums(value):
    """Money as whether any was spent: a step that failed after the service was paid pays again, and both are counted."""
    if isinstance(value, dict):
        return {k: bool(float(v)) if re.search("cost|billed", k) and isinstance(v, (int, float, str, decimal.Decimal))
                else without_sums(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [without_sums(v) for v in value]
    return value


def lasting(chronos, video):
    """Everything that lasts. How often something was tried may differ, and what a failed try said and cost."""
    seen = without_sums(everything(chronos, video))
    for chunk in seen["chunks"]:
        chunk["vector"] = hash(tuple(chunk["vector"]))  # or a difference would have thousands of lines
    for run in seen["runs"]:
        run["trace"] = sorted((step, result) for step, status, _, result, *_ in map(tuple, run["trace"])
                              if status == "completed")
    return seen


def unfinished(chronos, videos):
    return chronos.value("""select count(*) from unnest(%s::uuid[]) as v(id) where (select count(r.id)
        from chronos.events e join chronos.runs r on r.id = any(e.run_ids)
        where e.data::text like '%%' || v.id || '%%') < 2""", [v["id"] for v in videos])


def count_points(faulty):
    """How many calls one worker makes while it takes one video through the pipeline, from ready to its end. And what
    Postgres has then."""
    chronos = faulty.chronos
    faulty.start([0])
    video = faulty.send()
    wait_for_runs(chronos, [video], 2)
    expected = lasting(chronos, video)
    assert set(faulty.stop().values()) == {0}
    assert expected["video"]["transcript"] and expected["chunks"] and len(expected["runs"]) == 2
    return int(*faulty.told("counted").values()), expected


def fail_at(faulty, points, expected, may_end_by):
    """Videos are sent until every worker has failed once; then whatever is left is taken over."""
    chronos = faulty.chronos
    faulty.start(points)
    videos = []

    def all_failed():
        if len(faulty.told("failed")) == len(points) or not faulty.living():
            return True
        if unfinished(chronos, videos) == 0:
            videos.extend(faulty.send() for _ in faulty.living())
        return False

    chronos.wait_until(all_failed, 90, "every worker to fail once", interval=0.05, seen=lambda: faulty.told("failed"))
    faulty.take_over()
    wait_for_runs(chronos, videos, 2)
    p.wait_quiet(chronos)
    ends = faulty.stop()
    faulty.step_aside()
    assert len(faulty.told("failed")) == len(points), ends
    bad = [f"{name} ended with {end}: {faulty.where(name)}" for name, end in ends.items() if end not in may_end_by]
    reports = set(chronos.sanitizer_reports()) - faulty.reported
    faulty.reported |= reports
    assert not bad and not reports, "\n".join([*bad, *reports])
    for video in videos:
        seen = lasting(chronos, video)
        assert seen == expected, difference(expected, seen)
    held = {limit: runs for limit, runs in p.slots(chronos).items() if not limit.startswith("single/")}
    assert held == {}  # but those of a schedule, which may tick now that nobody is there to run it


def points_among(count):
    if EVERY > 0:
        return list(range(FROM, count + 1, EVERY))
    stride = max(1, count // POINTS)
    return list(range(1 + random.Random(count).randrange(stride), count + 1, stride))[:POINTS]


def blocks_of(points):
    """One block after the other, so that FROM= can go on after what was printed. Mixed within each: points of different
    places fail at the same time."""
    size = 20 * AT_ONCE
    return [random.Random(1).sample(points[i:i + size], len(points[i:i + size])) for i in range(0, len(points), size)]


@pytest.fixture
def faulty(request, session_folder, postgres, migrated, session_sandbox):
    kind, variant, source = request.param
    session_sandbox.reset()
    database = new_database(postgres, migrated)
    stack = Stack(os.path.join(session_folder, f"faults-{kind}-{variant}-{source}"), variant, worker=WORKER,
                  database_url=postgres.url(database), sandbox_url=session_sandbox.url,
                  environment={"CHRONOS_RETRY_BASE_MS": "20", "CHRONOS_RETRY_MAX_MS": "60"})
    stack.sandbox = session_sandbox
    chronos = Chronos(stack)
    try:
        stack.start_redis()
        stack.start_scheduler(CHRONOS_LEASE_MS=LEASE_MS)
        faulty = Faulty(chronos, kind, variant, source)
        yield faulty
        faulty.clear()
    finally:
        finish(chronos)
        postgres.admin(f"drop database {database} with (force)")


def shortened(text, most=80):
    lines = text.splitlines()
    return "\n".join(lines[:most] + ["…"] * (len(lines) > most))


def fail_everywhere(faulty, may_end_by):
    count, expected = count_points(faulty)
    points = points_among(count)
    assert count > 100 and points
    print(f"\n{faulty.name}: {count} points, {len(points)} of them", flush=True)
    broken = []
    for block in blocks_of(points):
        for i in range(0, len(block), AT_ONCE):
            batch = block[i:i + AT_ONCE]
            try:
                fail_at(faulty, batch, expected, may_end_by)
            except (AssertionError, StackError) as e:
                broken.append(f"one of {batch}, {faulty.told('failed')}: {shortened(str(e))}")
                print(broken[-1], flush=True)
                faulty.clear()
        print(f"{faulty.name}: through with {min(block)} to {max(block)} ({len(block)})", flush=True)
    assert not broken, "\n\n".join(broken)


def of(kind, variant, source):
    """With the videos that are asked for, or else with one of that source."""
    points = [(kind, variant, s) for s in SOURCES or [source]]
    return pytest.mark.parametrize("faulty", points, indirect=True, ids=lambda point: point[2])


@of("memory", "release", "youtube")
def test_a_run_survives_a_failed_allocation(faulty):
    fail_everywhere(faulty, {0, -signal.SIGABRT})


@of("memory", "asan", "youtube")
def test_nothing_leaks_when_memory_fails(faulty):
    fail_everywhere(faulty, {0, -signal.SIGABRT})


@of("call", "asan", "upload")
def test_a_run_survives_a_failed_call(faulty):
    fail_everywhere(faulty, {0})
