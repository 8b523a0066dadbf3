"""What the tests of the functions ask again and again: the steps, the spoken text, the rows of one video."""

import functools
import json
import os
import subprocess
import tempfile
import urllib.request

from sandbox.library import Library

EXTRACT = "extract-video-transcript"
EMBED = "generate-video-embeddings"
EXTRACT_HANDLER = "handle-transcript-extraction-error"
EMBED_HANDLER = "handle-embedding-failure"
HANDLER_OF = {EXTRACT: EXTRACT_HANDLER, EMBED: EMBED_HANDLER}

EXTRACT_STEPS = ["fetch-video-record", "estimate-cost", "update-status-transcribing", "extract-transcript",
                 "save-transcript", "log-analytics-event", "update-usage-metrics", "trigger-embedding"]
EMBED_STEPS = ["validate-video", "update-status-processing", "chunk-transcript", "store-chunks",
               "update-status-embedding", "generate-embeddings-0", "update-chunks-with-embeddings",
               "update-usage-metrics", "update-status-completed"]
HANDLER_STEPS = ["update-status-failed", "log-failure-event"]
STEPS_OF = {EXTRACT: EXTRACT_STEPS, EXTRACT_HANDLER: HANDLER_STEPS, EMBED_HANDLER: HANDLER_STEPS,
            "transcribe-video": ["check-request", "extract", "report"],
            "transcribe-video-error-handler": HANDLER_STEPS[:1],
            EMBED: [*EMBED_STEPS[:6], *(f"generate-embeddings-{n}" for n in range(1, 100)), *EMBED_STEPS[6:]]}

LIBRARY = Library()


def spoken(source, key):
    """The sample video as the library of the sandbox has it: its text and the times of its words."""
    return LIBRARY.synthetic(key) if key.startswith("bulk") else LIBRARY.find(source, key)


@functools.lru_cache(maxsize=4)
def recording(seconds, tone, parts):
    """A tone. With pauses of more than ten minutes, in which the recorder wrote nothing, it is heard in parts and yet is
    converted at once."""
    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, "short.mp4")
        subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i",
                        f"sine=frequency={tone}:sample_rate=16000:duration={seconds}", "-af",
                        f"asetpts=PTS+floor(T*{parts}/{seconds})*650/TB", "-c:a", "alac", file],
                       check=True, timeout=300)
        with open(file, "rb") as f:
            return f.read()


def upload_recording(chronos, seconds=20, tone=440, parts=1):
    """Puts a recording into the storage, whose words the sandbox chooses: the samples take long to listen to. The path."""
    path = "sample-creator/short-video/beekeeping-short.mp4"
    request = urllib.request.Request(
        f"{chronos.stack.sandbox_url}/storage/v1/object/videos/{path}", recording(seconds, tone, parts),
        {"Authorization": "Bearer sandbox-service-role-key", "Content-Type": "video/mp4", "x-upsert": "true"})
    urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=20).close()
    return path


# ---- events ----

def ids(video):
    return {"videoId": str(video["id"]), "creatorId": str(video["creator_id"])}


def extract(chronos, video, **data):
    """Asks for the transcript of a video. The entry's id."""
    return chronos.send_event("video/transcript.extract", {**ids(video), **data})


def embed(chronos, video, **data):
    return chronos.send_event("video/transcription.completed", {**ids(video), **data})


def wait_for_embeddings(chronos, video, count=1, deadline=60.0):
    """The finished runs that gave the video its vectors, whoever started them."""
    return chronos.wait_until(
        lambda: chronos.at_least(count, runs_of_video(chronos, video, EMBED)), deadline,
        f"{count} runs of {EMBED} for the video {video['id']}", interval=0.05)


def failure_events(chronos, run_id):
    """The archived events that say that a run failed."""
    return chronos.rows("""select * from chronos.events
        where name = 'inngest/function.failed' and data ->> 'run_id' = %s""", run_id)


def handler_runs(chronos, run_id):
    """The finished runs of handlers that the failure of a run started."""
    return chronos.rows("""select r.* from chronos.runs r join chronos.events e on e.id = r.event_id
        where e.name = 'inngest/function.failed' and e.data ->> 'run_id' = %s""", run_id)


def wait_for_failure(chronos, entry, function=EXTRACT, deadline=60.0):
    """The failed run that the event started, after its handler has run."""
    run = chronos.wait_for_run(entry, function, "failed", deadline)
    chronos.wait_until(lambda: handler_runs(chronos, run["id"]), deadline, f"the handler of the run {run['id']}",
                       interval=0.05)
    return run


# ---- rows ----

def video_row(chronos, video):
    return chronos.row("select * from public.videos where id = %s", video["id"])


def chunk_rows(chronos, video):
    return chronos.rows("""select chunk_index, chunk_text, start_time_seconds, end_time_seconds, word_count, metadata,
        embedding::real[] as vector from public.video_chunks where video_id = %s order by chunk_index""", video["id"])


def usage_rows(chronos, creator):
    return chronos.rows("select * from public.usage_metrics where creator_id = %s", creator)


def analytics_rows(chronos, video):
    return chronos.rows("""select event_type, creator_id, metadata from public.video_analytics_events
        where video_id = %s order by event_type""", video["id"])


def runs_of_video(chronos, video, function=None):
    return chronos.rows("""select r.* from chronos.runs r join chronos.events e on e.id = r.event_id
        where e.data ->> 'videoId' = %s and (%s::text is null or r.function_id = %s) order by r.queued_at, r.id""",
                        str(video["id"]), function, function)


def attempts_of(chronos, run):
    """What each attempt at each step of a run did, oldest first. Starts are known to the millisecond; what began
    within the same one is put in the order of the function's table. What no worker began (an answer that came) has
    only its end."""
    table = STEPS_OF[run["function_id"]]
    return sorted(chronos.steps_of(run), key=lambda s: (
        s["started_at"] or s["finished_at"], table.index(s["step"]), s["attempt"]))


def trace(chronos, run):
    """The same as (step, attempt, status)."""
    return [(s["step"], s["attempt"], s["status"]) for s in attempts_of(chronos, run)]


def once(steps):
    """The trace of a run in which nothing went wrong."""
    return [(step, 1, "completed") for step in steps]


def result_of(chronos, run, step):
    return next(s["result"] for s in chronos.steps_of(run) if s["step"] == step and s["status"] == "completed")


# ---- Redis ----

def slots(chronos):
    """Who holds slots: {limit: [run id, …]}; empty when nothing runs."""
    found = {key.split(":slots:")[1]: sorted(chronos.redis.smembers(key))
             for key in chronos.redis.scan_iter("*:slots:*")}
    return {limit: runs for limit, runs in found.items() if runs}


def wait_quiet(chronos, deadline=60.0):
    """Until nothing is running or waiting and everything is archived."""
    def quiet():
        streams = [k for k in chronos.redis.scan_iter("{c0}:*", _type="stream")] + ["chronos:events"]
        queues = [k for k in chronos.redis.scan_iter("{c0}:*", _type="zset") if ":timers" in k or ":wait" in k]
        look = chronos.redis.pipeline(transaction=True)  # all at one moment: what leaves one of them may enter another
        for key in streams:
            look.xlen(key)
        for key in queues:
            look.zcard(key)
        return not (any(look.execute()) or slots(chronos))

    chronos.wait_until(quiet, deadline, "the engine to be idle", interval=0.05)


def plain(value):
    """Rows as JSON would have them, for comparing."""
    return json.loads(json.dumps(value, default=str, sort_keys=True))
