"""What the work on videos costs a worker: an hour of video through the whole pipeline, and waiting for speech."""

import json
import os
import re
import subprocess
import tempfile
import time
import urllib.request
import uuid

from ops.stack import wait_until

from .processes import cpu_of
from .resp import xadd

HOURS = 40
WAITING, SERVICE_MS, WATCHED_S = 100, 120000, 10
UPLOAD = "sample-creator/bench-video/beekeeping-bench.m4a"


# ---- rows ----
def make_creator(bench):
    creator = str(uuid.uuid4())
    bench.stack.postgres.sql("""insert into public.creators (id, whop_company_id, whop_user_id, email, name)
        values (:id, :id, :id, 'bench@example.com', 'Bench')""", id=creator)
    return creator


def make_video(bench, creator, source, **column):
    (name, value), = column.items()
    video = str(uuid.uuid4())
    bench.stack.postgres.sql(f"""insert into public.videos (id, creator_id, title, source_type, {name})
        values (:id, :creator, 'bench', :source, :value)""", id=video, creator=creator, source=source, value=value)
    return {"videoId": video, "creatorId": creator, "source": source}


def start(bench, **settings):
    bench.forget_history()
    if not bench.stack.sandbox_url:
        bench.stack.start_sandbox()
    bench.stack.sandbox.reset()
    bench.start_daemons(wait=True, **settings)


def extract(bench, events):
    bench.send([xadd("video/transcript.extract", json.dumps(e)) for e in events])


def wait_finished(bench, function, count, deadline=300):
    """Until that many runs of the function are archived; every one must have completed."""
    wait_until(lambda: bench.archived(function) >= count, deadline, f"{count} runs of {function}",
               logs=bench.stack.logs(), interval=0.1)
    wrong = bench.stack.postgres.rows(
        "select error_message from chronos.runs where function_id = :function and status <> 'completed'",
        function=function)
    if wrong:
        raise RuntimeError(f"{len(wrong)} runs of {function} failed: {wrong[0]['error_message']}")


# ---- an hour of video ----
def hour(bench):
    start(bench)
    try:
        events = [make_video(bench, make_creator(bench), "youtube", youtube_video_id=f"hour{n:07}")
                  for n in range(HOURS + 1)]
        extract(bench, events[:1])  # connections and prepared statements are made once
        wait_finished(bench, "generate-video-embeddings", 1)
        before = cpu_of(bench.worker.process.pid)
        extract(bench, events[1:])
        wait_finished(bench, "generate-video-embeddings", len(events))
        used = cpu_of(bench.worker.process.pid) - before
    finally:
        bench.stop_daemons()
    chunks = int(bench.stack.postgres.sql("select count(*) from public.video_chunks where embedding is not null"))
    return {"worker_cpu_ms": round(used / HOURS * 1000, 1), "chunks": round(chunks / len(events), 1)}


# ---- waiting for speech ----
def upload_short(bench):
    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, "short.m4a")
        subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "sine=frequency=440:duration=20", file],
                       check=True, timeout=60)
        with open(file, "rb") as f:
            request = urllib.request.Request(f"{bench.stack.sandbox_url}/storage/v1/object/videos/{UPLOAD}", f.read(), {
                "Authorization": "Bearer sandbox-service-role-key", "Content-Type": "video/mp4"})
    urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=20).close()


def status_of(pid):
    """(resident kB, threads)"""
    with open(f"/proc/{pid}/status", encoding="utf-8") as f:
        text = f.read()
    return int(re.search(r"VmRSS:\s+(\d+)", text)[1]), int(re.search(r"Threads:\s+(\d+)", text)[1])


def asked(bench):
    return len(bench.stack.sandbox.requests(provider="openai", path="/audio/")["requests"])


def waiting_for_speech(bench):
    start(bench, CHRONOS_WORKER_THREADS=WAITING)
    try:
        upload_short(bench)
        bench.stack.sandbox.add_fault("POST /openai/v1/audio", kind="delay", delay_ms=SERVICE_MS)
        pid = bench.worker.process.pid
        idle_kb, _ = status_of(pid)
        extract(bench, [make_video(bench, make_creator(bench), "upload", storage_path=UPLOAD)
                        for _ in range(WAITING)])
        wait_until(lambda: asked(bench) == WAITING, SERVICE_MS / 1000, f"{WAITING} transcriptions to be under way",
                   logs=bench.stack.logs(), interval=0.2)
        before, began = cpu_of(pid), time.monotonic()
        time.sleep(WATCHED_S)
        used, took = cpu_of(pid) - before, time.monotonic() - began
        rss_kb, threads = status_of(pid)
        wait_finished(bench, "extract-video-transcript", WAITING)
        wait_finished(bench, "generate-video-embeddings", WAITING)
    finally:
        bench.stop_daemons()
        bench.stack.sandbox.reset()
    return {"rss_mb": round(rss_kb / 1024, 1), "kb_per_transcription": round((rss_kb - idle_kb) / WAITING),
            "threads": threads, "cpu_percent": round(used / took * 100, 2)}
