"""Three hours of an uploaded recording: the words with their times, in parts that the service takes, by the worker that
customers run (the release build), whose memory does not grow with the file."""

import os
import re
import statistics
import subprocess
import sys
import urllib.request

import pytest

import pipeline as p
from harness import Chronos
from harness.fixtures import finish, new_database
from ops.stack import Stack
from sandbox.library import THREE_HOURS, timed

sys.path.append(os.path.join(os.path.dirname(__file__), "..", "sandbox"))
import recording  # pylint: disable=wrong-import-position

PATH = "sample-creator/three-hours-video/three-hours.wav"
MAX_RSS_KB = 64 * 1024
MAX_PART_BYTES = 25_000_000
MAX_OFFSET_MS = 50
PARALLEL = 4
SECONDS = timed(p.LIBRARY.text_of(THREE_HOURS))[-1].end_ms / 1000 + 1


def make_recording(folder):
    """Bursts of tones with pauses, three hours of them. The path."""
    studio = recording.Studio(str(folder))
    studio.use(p.LIBRARY)
    plain, packed = folder / "plain.wav", folder / "packed.wav"
    recording.write_wav(plain, studio.samples(THREE_HOURS))
    subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-i", str(plain), "-c:a", "adpcm_ima_wav", str(packed)],
                   check=True, timeout=300)
    plain.unlink()
    return packed


def upload(sandbox_url, file):
    request = urllib.request.Request(f"{sandbox_url}/storage/v1/object/videos/{PATH}", file.read_bytes(), {
        "Authorization": "Bearer sandbox-service-role-key", "Content-Type": "video/mp4", "x-upsert": "true"})
    urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=60).close()


def peak_rss_kb(worker):
    with open(f"/proc/{worker.process.pid}/status", encoding="utf-8") as f:
        return int(re.search(r"VmHWM:\s+(\d+) kB", f.read())[1])


@pytest.fixture(scope="module")
def done(session_folder, postgres, migrated, session_sandbox, tmp_path_factory):
    """(the engine, the video, its run, what speech recognition was asked, the worker's peak memory in kB)"""
    session_sandbox.reset()
    upload(session_sandbox.url, make_recording(tmp_path_factory.mktemp("long")))
    database = new_database(postgres, migrated)
    stack = Stack(os.path.join(session_folder, f"long-{database}"), "release", database_url=postgres.url(database),
                  sandbox_url=session_sandbox.url, environment={"CHRONOS_TRANSCRIBE_PARALLEL": str(PARALLEL)})
    stack.sandbox = session_sandbox
    chronos = Chronos(stack)
    try:
        stack.start_redis()
        stack.start_scheduler()
        worker = stack.start_worker()
        video = chronos.make_video("upload", chronos.make_creator(), storage_path=PATH)
        run = chronos.wait_for_run(p.extract(chronos, video), p.EXTRACT, "completed", 300)
        asked = session_sandbox.requests(provider="openai", path="/audio/")["requests"]
        yield chronos, video, run, asked, peak_rss_kb(worker)
    finally:
        finish(chronos)
        postgres.admin(f"drop database {database} with (force)")


def test_the_worker_stays_small(done):
    peak = done[4]
    print(f"peak memory of the worker: {peak / 1024:.1f} MiB")
    assert peak < MAX_RSS_KB


def test_every_part_is_below_the_limit_and_some_go_at_the_same_time(done):
    asked = done[3]
    assert len(asked) == round(SECONDS / 600)  # near every ten minutes
    assert all(r["status"] == 200 and 0 < r["body_bytes"] < MAX_PART_BYTES for r in asked)
    assert 1 < max(r["in_flight"] for r in asked) <= PARALLEL


def test_every_word_is_there_and_every_time_is_right(done):
    chronos, video = done[:2]
    wanted = timed(p.LIBRARY.text_of(THREE_HOURS))
    assert p.video_row(chronos, video)["transcript"].split() == [word for s in wanted for word in s.text.split()]
    got = chronos.row("select segments from chronos.transcripts where video_id = %s", video["id"])["segments"]
    assert [text for _, _, text in got] == [s.text for s in wanted]
    off = [abs(start - s.start_ms) for (start, _, _), s in zip(got, wanted)]
    print(f"{len(off)} captions are off by {statistics.median(off):.0f} ms, at most {max(off):.0f} ms")
    assert max(off) <= MAX_OFFSET_MS


def test_the_length_is_measured_and_paid_for(done):
    chronos, video, run = done[:3]
    result = p.result_of(chronos, run, "extract-transcript")
    assert abs(result["duration_seconds"] - SECONDS) < 0.5
    assert abs(result["cost_usd"] - SECONDS / 60 * 0.006) < 0.01


def test_no_work_file_is_left(done):
    stack = done[0].stack
    assert os.listdir(os.path.join(stack.folder, "work")) == []
