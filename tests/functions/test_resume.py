"""A worker is killed at every point of every step of every function, and another takes over: afterwards everything is
as if nothing had happened.

Each point has a video of its own and a worker of its own, which runs one thing at a time and dies when it gets there.
All of a function die together; then one worker that does not die takes over whatever they left."""

import difflib
import json
import os
import signal

import pytest

import pipeline as p

LEASE_MS = 1500  # short, but no living worker is taken for dead while dozens are being started
BATCH = 1  # chunks in one request: two batches for a sample of 1,100 words
EMBED_STEPS = [s for s in p.EMBED_STEPS if not s.startswith("generate-embeddings")]
EMBED_STEPS[5:5] = ["each:generate-embeddings", "generate-embeddings-0", "generate-embeddings-1"]
NOT_TX = {"fetch-video-record", "estimate-cost", "extract-transcript", "trigger-embedding", "chunk-transcript",
          "each:generate-embeddings", "generate-embeddings-0", "generate-embeddings-1",
          "update-chunks-with-embeddings"}


def points_of(steps):
    """Every place where a worker can die in a function with these steps."""
    for step in steps:
        yield f"before-step:{step}"
        yield f"after-step:{step}"
        if step not in NOT_TX:
            yield f"after-ledger:{step}"
        if step != steps[-1]:
            yield f"after-commit:{step}"  # the last one's commit ends the run


class Crashes:
    """Workers that die on purpose, and the one that does not."""

    def __init__(self, chronos):
        self.chronos = chronos
        self.settings = {"CHRONOS_LEASE_MS": LEASE_MS, "CHRONOS_MAX_DEATHS": 100, "CHRONOS_EMBED_BATCH": BATCH}
        self.survivor = None
        self.doomed = {}

    def arm(self, points):
        """One worker for each point, ready to take its run."""
        self.doomed = {}
        for point in points:
            name = "doomed-" + point.replace(":", "-") + f"-{len(self.doomed)}"
            permission = os.path.join(self.chronos.stack.folder, name + ".permission")
            with open(permission, "w", encoding="utf-8"):
                pass
            self.doomed[name] = self.chronos.stack.start_worker(
                name, wait=False, CHRONOS_WORKER_THREADS=1, CHRONOS_TEST_STOP=point,
                CHRONOS_TEST_STOP_FILE=permission, **self.settings)
        for worker in self.doomed.values():
            worker.wait_ready(60)

    def living(self):
        """The armed ones. The leader of a dying process is a zombie before its other threads are gone: only its status is
        the end."""
        return [n for n, w in self.doomed.items() if w.process.exit_status() is None]

    def wait_all_dead(self):
        self.chronos.wait_until(lambda: not self.living(), 60, "all armed workers to die", seen=self.living)
        for name, worker in self.doomed.items():
            assert worker.process.exit_status() == -signal.SIGKILL, f"{name} did not die of SIGKILL"

    def take_over(self):
        if self.survivor is None:
            self.survivor = self.chronos.stack.start_worker("survivor", CHRONOS_WORKER_THREADS=8, **self.settings)
        else:
            self.survivor.start()

    def step_aside(self):
        if self.survivor is not None:
            self.survivor.stop()

    def clear(self):
        """A test that failed half-way leaves no armed worker to the next one."""
        self.step_aside()
        for worker in self.doomed.values():
            worker.kill()


@pytest.fixture(scope="module")
def all_crashes(bare):
    bare.stack.start_scheduler(CHRONOS_LEASE_MS=LEASE_MS)
    return Crashes(bare)


@pytest.fixture
def crashes(all_crashes):
    yield all_crashes
    all_crashes.clear()


# ---- what is compared ----

# True values that differ from run to run: how long things took, when they were, and which run it was.
PASSING = ("processing_time_ms", "took_ms", "run", "ts", "traceparent")


def comparable(value, names):
    """Rows without what may differ: ids become the names of what they stand for, durations go."""
    if isinstance(value, dict):
        return {k: comparable(v, names) for k, v in value.items() if k not in PASSING}
    if isinstance(value, list):
        return [comparable(v, names) for v in value]
    if isinstance(value, str):
        for own, name in names.items():
            value = value.replace(own, name)
    return value


def everything(chronos, video):
    """All that Postgres knows of a video of a creator who has no other."""
    runs = {r["id"]: r for e in events_of(chronos, video) for r in runs_of(chronos, e)}
    names = {str(video["id"]): "VIDEO", str(video["creator_id"]): "CREATOR",
             **{run["id"]: f"RUN of {run['function_id']}" for run in runs.values()},
             **{e["id"]: f"EVENT {e['name']}" for e in events_of(chronos, video)}}
    row = p.video_row(chronos, video)
    seen = {
        "video": {k: v for k, v in row.items() if not k.endswith("_at")},
        "stamped": [k for k in ("processing_started_at", "processing_completed_at") if row[k] is not None],
        "chunks": p.chunk_rows(chronos, video),
        "usage": [{k: v for k, v in u.items() if k not in ("id", "created_at", "updated_at")}
                  for u in p.usage_rows(chronos, video["creator_id"])],
        "analytics": p.analytics_rows(chronos, video),
        "transcript": chronos.rows("""select text, segments, language, method, duration_seconds, cost_usd
            from chronos.transcripts where video_id = %s""", video["id"]),
        "events": sorted(([e["name"], e["outcome"], comparable(p.plain(e["data"]), names)]
                          for e in events_of(chronos, video)), key=json.dumps),
        "runs": [{
            "function": run["function_id"], "status": run["status"], "output": run["output"],
            "error": [run["error_code"], run["error_message"]], "cost": run["cost_usd"],
            "trace": [(s["step"], s["status"], s["attempt"], s["result"], s["error_message"], s["cost_usd"])
                      for s in p.attempts_of(chronos, run)],
            "ledger": chronos.rows("select step, result from chronos.step_ledger where run_id = %s order by step",
                                   run["id"]),
        } for run in sorted(runs.values(), key=lambda r: r["function_id"])],
    }
    return comparable(p.plain(seen), names)


def events_of(chronos, video):
    """The events about a video, in any depth: a failure carries the event that failed."""
    return chronos.rows("select * from chronos.events where data::text like %s order by accepted_at, id",
                        f"%{video['id']}%")


def runs_of(chronos, event):
    return chronos.rows("select * from chronos.runs where id = any(%s)", event["run_ids"])


def expect_no_trace_of_the_crashes(crashes, points, prepare, send, runs_per_video):
    """The heart of it. prepare() makes a video, send(video) starts its runs."""
    chronos = crashes.chronos
    begun = last_request(chronos)
    reference = prepare()
    crashes.take_over()
    send(reference)
    wait_for_runs(chronos, [reference], runs_per_video)
    crashes.step_aside()
    expected = everything(chronos, reference)
    once, again = paid_requests(chronos, begun), last_request(chronos)

    crashes.arm(points)
    videos = [prepare() for _ in points]
    for video in videos:
        send(video)
    crashes.wait_all_dead()
    crashes.take_over()
    wait_for_runs(chronos, videos, runs_per_video)
    p.wait_quiet(chronos)
    crashes.step_aside()

    deaths = chronos.value("select sum(deaths) from chronos.runs where id <> all(%s)",
                           [r["id"] for e in events_of(chronos, reference) for r in runs_of(chronos, e)])
    assert deaths >= len(points)
    assert expected["runs"], "the reference has no runs"
    for video in videos:
        seen = everything(chronos, video)
        assert seen == expected, difference(expected, seen)
    chronos.wait_until(lambda: p.slots(chronos) == {}, 30, "all slots to be free")  # a schedule may tick at any time
    return paid_requests(chronos, again), once


def wait_for_runs(chronos, videos, each):
    """Until every video has as many finished runs as it should. What is more shows in the comparison."""
    def unfinished():
        counts = chronos.rows("""select v.id, count(r.id) as n from unnest(%s::uuid[]) as v(id)
            left join chronos.events e on e.data::text like '%%' || v.id || '%%'
            left join chronos.runs r on r.id = any(e.run_ids) group by v.id""", [v["id"] for v in videos])
        return [c for c in counts if c["n"] < each]

    chronos.wait_until(lambda: not unfinished(), 90, f"{each} finished runs of each of {len(videos)} videos",
                       interval=0.1, seen=unfinished)


def difference(expected, seen):
    def lines(value):
        return json.dumps(value, indent=1, sort_keys=True).splitlines()

    diff = difflib.unified_diff(lines(expected), lines(seen), "undisturbed", "after a crash", n=2, lineterm="")
    return "\n".join(diff)


def last_request(chronos):
    return max([r["id"] for r in chronos.sandbox.requests()["requests"]], default=0)


def paid_requests(chronos, since):
    """How often speech and vectors were asked for after a request."""
    return chronos.sandbox.requests(provider="openai", since=since)["count"]


# ---- the tests ----

def make_youtube_video(chronos):
    return chronos.make_video("youtube", youtube_video_id="WoolDyeing1", metadata={"own": {"kept": True}})


def test_extraction_survives_a_crash_at_every_point(crashes):
    points = list(points_of(p.EXTRACT_STEPS))
    assert len(points) == 27
    chronos = crashes.chronos
    asked, once = expect_no_trace_of_the_crashes(
        crashes, points, lambda: make_youtube_video(chronos), lambda v: p.extract(chronos, v, source="youtube"), 2)
    assert asked == once * len(points)


def test_embedding_survives_a_crash_at_every_point(crashes):
    points = list(points_of(EMBED_STEPS))
    assert len(points) == 38
    chronos = crashes.chronos
    text = p.spoken("youtube", "WoolDyeing1").text

    def prepare():
        video = make_youtube_video(chronos)
        chronos.rows("update public.videos set transcript = %s, duration_seconds = 459 where id = %s", text,
                     video["id"])
        return video

    asked, once = expect_no_trace_of_the_crashes(crashes, points, prepare, lambda v: p.embed(chronos, v), 1)
    assert once == 2
    assert asked == once * len(points), "vectors were paid for more than once"


def test_a_skipped_embedding_survives_a_crash_at_every_point(crashes):
    """The first step ends the run: what the ledger recorded must end it again."""
    chronos = crashes.chronos
    text = p.spoken("youtube", "bulk0000001").text

    def prepare():
        video = chronos.make_video("youtube", transcript=text, status="processing")
        vector = "[" + ",".join(["0.0255155"] * 1536) + "]"
        chronos.rows("""insert into public.video_chunks (video_id, chunk_index, chunk_text, start_time_seconds,
            end_time_seconds, word_count, metadata, embedding) values (%s, 0, %s, 0, 9, %s,
            jsonb_build_object('transcript_hash', md5(%s), 'embedding_model', 'text-embedding-3-small'),
            chronos.embedding_in(%s))""", video["id"], text, len(text.split()), text, vector)
        return video

    points = [f"{where}:validate-video" for where in ("before-step", "after-step", "after-ledger")]
    asked, _ = expect_no_trace_of_the_crashes(crashes, points, prepare, lambda v: p.embed(chronos, v), 1)
    assert asked == 0


def test_the_handler_of_extraction_survives_a_crash_at_every_point(crashes):
    points = list(points_of(p.HANDLER_STEPS))
    assert len(points) == 7
    chronos = crashes.chronos
    expect_no_trace_of_the_crashes(
        crashes, points, lambda: chronos.make_video("youtube", youtube_video_id="PrivateVid1"),
        lambda v: p.extract(chronos, v), 2)


def test_the_handler_of_embedding_survives_a_crash_at_every_point(crashes):
    points = list(points_of(p.HANDLER_STEPS))
    chronos = crashes.chronos
    expect_no_trace_of_the_crashes(crashes, points, lambda: make_youtube_video(chronos),
                                   lambda v: p.embed(chronos, v), 2)


def test_speech_that_was_paid_for_is_not_paid_for_again(crashes):
    """The worker dies after the answer and before the step is recorded, and in the steps around."""
    chronos = crashes.chronos
    points = ["before-step:extract-transcript", "after-step:extract-transcript", "after-commit:extract-transcript",
              "after-ledger:update-usage-metrics"]
    path = p.upload_recording(chronos)
    asked, once = expect_no_trace_of_the_crashes(
        crashes, points, lambda: chronos.make_video("upload", storage_path=path), lambda v: p.extract(chronos, v), 2)
    assert asked == once * len(points)
