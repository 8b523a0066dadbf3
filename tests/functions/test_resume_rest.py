"""The functions beside the two big ones and the bulk operations: a worker dies at every point of every step and another takes
over, and everything is as if nothing had happened."""

import pytest

import bulk
import pipeline as p
import test_recover_operations
import test_recovery
from test_resume import (Crashes, LEASE_MS, events_of, expect_no_trace_of_the_crashes, make_youtube_video, points_of)

NOT_TX = ("check-request", "extract", "report", "each:", "reprocess-batch", "summarise", "remove-files", "send-digests")


@pytest.fixture(scope="module")
def all_crashes(bare):
    bare.stack.start_scheduler(CHRONOS_LEASE_MS=LEASE_MS)
    return Crashes(bare)


@pytest.fixture
def crashes(all_crashes):
    yield all_crashes
    all_crashes.clear()


def points(*steps):
    return [point for point in points_of(steps)
            if not (point.startswith("after-ledger:") and point.split(":", 1)[1].startswith(NOT_TX))]


def runs_of(chronos, function):
    return chronos.rows("select * from chronos.runs where function_id = %s order by id", function)


def trace(chronos, run):
    return sorted([s["step"], s["attempt"], s["status"]] for s in chronos.steps_of(run))


def together(crashes, places, prepare, send, seen, ended):
    """As expect_no_trace_of_the_crashes, of things that are no videos. The deaths of all runs of the file are counted."""
    chronos = crashes.chronos
    before = deaths(chronos)
    reference = prepare()
    crashes.take_over()
    send(reference)
    chronos.wait_until(lambda: ended(reference), 60, "the undisturbed run")
    p.wait_quiet(chronos)
    crashes.step_aside()
    expected = seen(reference)
    crashes.arm(places)
    prepared = [prepare() for _ in places]
    for one in prepared:
        send(one)
    crashes.wait_all_dead()
    crashes.take_over()
    chronos.wait_until(lambda: all(map(ended, prepared)), 90, "what the dead workers left", interval=0.1)
    p.wait_quiet(chronos)
    crashes.step_aside()
    assert deaths(chronos) - before >= len(places)
    for one in prepared:
        assert seen(one) == expected
    return expected


def one_by_one(crashes, function, places, prepare, seen):
    """Of a function of which only one run may be live. seen(prepared, runs): the schedule may have added one of its own, before
    which the other is skipped or after which it finds nothing to do."""
    chronos = crashes.chronos
    known = "select 1 from chronos.functions where id = %s"
    outcomes = []
    for place in [None, *places]:
        prepared = prepare()
        before = {r["id"] for r in runs_of(chronos, function)}

        def begun(before=before):
            return [r for r in runs_of(chronos, function) if r["id"] not in before and r["status"] != "skipped"]

        if place is None:
            crashes.take_over()
            chronos.wait_until(lambda: chronos.rows(known, function), 20, "the function to be known")
        else:
            crashes.arm([place])
        chronos.rows("select chronos.trigger(%s)", function)
        if place is not None:
            crashes.wait_all_dead()
            crashes.take_over()
        chronos.wait_until(begun, 60, "the run")
        p.wait_quiet(chronos)
        crashes.step_aside()
        runs = begun()  # the one that the worker died in may be the last to be archived
        assert place is None or sum(r["deaths"] for r in runs) >= 1
        outcomes.append(seen(prepared, runs))
    for place, outcome in zip(places, outcomes[1:]):
        assert outcome == outcomes[0], place
    return outcomes[0]


def deaths(chronos):
    return chronos.value("select coalesce(sum(deaths), 0) from chronos.runs")


# ---- any videos, by an operator ----

def test_reprocessing_by_an_operator_survives_a_crash_at_every_point(crashes):
    chronos = crashes.chronos
    text = p.spoken("youtube", "bulk0000001").text

    def prepare():
        creator = chronos.make_creator()
        ids = bulk.make_videos(chronos, creator, 12)
        chronos.rows("update public.videos set transcript = %s where id = any(%s::uuid[])", text, [ids[0], ids[11]])
        return {"ids": ids, "asked": [*ids, "nonsense", ids[0]]}

    def send(one):
        one["entry"] = chronos.send_event("video/embeddings.batch-reprocess", {"videoIds": one["asked"], "reason": "why"})

    def run_of(one):
        return chronos.rows("select r.* from chronos.runs r join chronos.events e on e.id = r.event_id where e.stream_id = %s"
                            " and e.name = 'video/embeddings.batch-reprocess'", one["entry"])  # other streams have the same ids

    def seen(one):
        (run,) = run_of(one)
        names = {i: f"video {n}" for n, i in enumerate(one["ids"])}
        output = {**run["output"], "processed": [names[i] for i in run["output"]["processed"]],
                  "failed": [[names.get(f["video_id"], f["video_id"]), f["error"]] for f in run["output"]["failed"]]}
        sent = [names[r["id"]] for r in chronos.rows("""select data ->> 'videoId' as id from chronos.events
            where name = 'video/transcription.completed' and data ->> 'videoId' = any(%s)""", one["ids"])]
        chunks = chronos.rows("""select video_id::text as id, count(*) as n from public.video_chunks
            where video_id = any(%s::uuid[]) group by 1""", one["ids"])
        return output, sorted(sent), sorted((names[c["id"]], c["n"]) for c in chunks), trace(chronos, run)

    places = points("check-request", "each:reprocess-batch", "reprocess-batch-0", "reprocess-batch-10", "summarise")
    output, sent, chunks, _ = together(crashes, places, prepare, send, seen, run_of)
    assert sent == ["video 0", "video 11"] and len(chunks) == 2
    assert (output["processed_count"], output["failed_count"]) == (2, 11)


# ---- transcripts in the old way ----

def request(chronos, video):
    return chronos.send_event("video/transcribe.requested", p.ids(video))


def test_the_old_way_survives_a_crash_at_every_point(crashes):
    chronos = crashes.chronos
    # with the commit of "extract" the run is parked and in nobody's hands
    places = [x for x in points("check-request", "extract", "report") if x != "after-commit:extract"]
    asked, once = expect_no_trace_of_the_crashes(
        crashes, places, lambda: make_youtube_video(chronos), lambda v: request(chronos, v), 3)
    assert asked == once * len(places)


class InTurn(Crashes):
    """The handler of the extraction has a step of the same name, and both mark the video. Here it comes second."""

    HANDLER = "transcribe-video-error-handler"
    told = 0

    def send(self, video):
        """Of the undisturbed run: waits for the first of them."""
        self.chronos.rows("select chronos.pause(%s)", p.EXTRACT_HANDLER)
        request(self.chronos, video)
        self.told += 1
        if not self.doomed:
            self.let_the_other_on()

    def take_over(self):
        super().take_over()
        if self.doomed:
            self.let_the_other_on()

    def let_the_other_on(self):
        self.chronos.wait_until(lambda: self.chronos.at_least(self.told, runs_of(self.chronos, self.HANDLER)), 60,
                                "the first handlers")
        self.chronos.rows("select chronos.resume(%s)", p.EXTRACT_HANDLER)


def test_the_handler_of_the_old_way_survives_a_crash_at_every_point(crashes):
    chronos = crashes.chronos
    armed = InTurn(chronos)
    armed.survivor = crashes.survivor
    places = points("update-status-failed")
    assert len(places) == 3
    try:
        expect_no_trace_of_the_crashes(
            armed, places, lambda: chronos.make_video("youtube", youtube_video_id="PrivateVid1"), armed.send, 4)
        assert sum(r["deaths"] for r in runs_of(chronos, InTurn.HANDLER)) >= len(places)
        rows = chronos.rows("select distinct error_message from public.videos where youtube_video_id = 'PrivateVid1'")
        assert len(rows) == 1 and rows[0]["error_message"].startswith("YouTube: the video is private"), rows
    finally:
        chronos.rows("select chronos.resume(%s)", p.EXTRACT_HANDLER)
        crashes.survivor = armed.survivor
        armed.clear()


# ---- operations ----

def test_the_handler_of_operations_survives_a_crash_at_every_point(crashes):
    chronos = crashes.chronos

    def prepare():
        creator = chronos.make_creator()
        return creator, bulk.make_operation(chronos, "delete", creator, [])

    def of(one):
        return chronos.rows("""select r.* from chronos.runs r join chronos.events e on e.id = r.event_id
            where e.data::text like %s order by r.function_id""", f"%{one[1]}%")

    def seen(one):
        row = bulk.row(chronos, one[1])
        return row["status"], row["error_message"], [(r["function_id"], r["status"], trace(chronos, r)) for r in of(one)]

    status, message, runs = together(
        crashes, points("update-status-failed"), prepare,
        lambda one: bulk.send(chronos, "delete", one[1], one[0], []), seen, lambda one: len(of(one)) >= 2)
    assert (status, message) == ("failed", "videoIds must be an array of at least one video id")
    assert [r[0] for r in runs] == ["bulk-delete-videos", "handle-bulk-failure"]


def test_files_are_removed_whatever_dies(crashes):
    """Who dies between the deletion and its record leaves less to do: how much each turn did may differ, the outcome not."""
    chronos = crashes.chronos

    def prepare():
        paths = [f"someone/{n}/film.mp4" for n in range(103)]
        for path in (paths[0], paths[102]):
            bulk.put_file(chronos, "videos", path)
        chronos.rows("""insert into chronos.deleted_files (bucket, path, operation_id, deleted_at)
            select 'videos', x, gen_random_uuid(), now() - interval '1 hour' from unnest(%s::text[]) x""", paths)
        return paths

    def seen(paths, runs):
        files = [bulk.get_file(chronos, "videos", path) for path in (paths[0], paths[102])]
        return bulk.doomed(chronos), files, {r["status"] for r in runs}

    # a crash after the first turn has deleted, but not said so, leaves no second
    places = points("remove-files", "remove-files-1")
    assert one_by_one(crashes, "remove-deleted-files", places, prepare, seen) == (0, [None, None], {"completed"})


# ---- what nobody works on ----



def test_the_recovery_of_videos_survives_a_crash_at_every_point(crashes):
    """Each stuck video is started once more, and counted as one attempt."""
    chronos = crashes.chronos

    def prepare():
        videos = [chronos.make_video("youtube", youtube_video_id="PrivateVid1", status="processing",
                                     metadata={"recovery_attempts": n}) for n in (0, 3)]
        for video in videos:
            test_recovery.age(chronos, video)
        return videos

    def seen(videos, runs):
        run = next(r for r in runs if str(videos[0]["id"]) in str([s["result"] for s in chronos.steps_of(r)]))
        sent = [sorted(e["name"] for e in events_of(chronos, v)) for v in videos]
        rows = [p.video_row(chronos, v) for v in videos]
        return (run["output"], trace(chronos, run), sent, rows[0]["metadata"].get("last_recovery_action"),
                [r["status"] for r in rows], rows[1]["error_message"])

    output, _, sent, action, statuses, _ = one_by_one(
        crashes, "recover-stuck-videos", points("recover-videos", "summarise"), prepare, seen)
    assert output == {"success": True, "recovered": 1, "failed": 1, "total": 2}
    assert sent[0].count("video/transcript.extract") == 1 and action == "retry-transcript"
    assert statuses == ["failed", "failed"]


def test_the_recovery_of_operations_survives_a_crash_at_every_point(crashes):
    chronos = crashes.chronos

    def prepare():
        creator = chronos.make_creator()
        operations = [bulk.make_operation(chronos, "delete", creator, bulk.make_videos(chronos, creator, 2)) for _ in range(2)]
        for operation, minutes in zip(operations, (60, 2000)):
            test_recover_operations.age(chronos, operation, minutes)
        return operations

    def seen(operations, runs):
        sent = [chronos.value("select count(*) from chronos.events where data ->> 'operationId' = %s", o) for o in operations]
        rows = [bulk.wait_ended(chronos, o) for o in operations]
        output = [r["output"] for r in runs if r["output"]["started"] + r["output"]["failed"] > 0]
        return output, sent, [(r["status"], r["result"], r["error_message"]) for r in rows]

    output, sent, rows = one_by_one(crashes, "recover-stuck-operations", points("recover-operations"), prepare, seen)
    assert output == [{"success": True, "started": 1, "failed": 1}] and sent == [1, 0]
    assert [r[0] for r in rows] == ["completed", "failed"]


# ---- the digest ----

def test_a_digest_survives_a_crash_at_every_point(crashes):
    """Creators are told once by each run, whoever died in it."""
    chronos = crashes.chronos
    chronos.rows("update public.videos set processing_completed_at = null")
    creators = [chronos.make_creator() for _ in range(103)]
    for creator in creators:
        chronos.make_video("youtube", creator, status="completed", processing_completed_at="now")
    places = points("send-digests", "send-digests-1", "send-digests-2")

    def ended():
        return chronos.at_least(len(places) + 1, runs_of(chronos, "weekly-digest"))

    crashes.take_over()
    chronos.rows("select chronos.trigger('weekly-digest')")
    chronos.wait_until(lambda: runs_of(chronos, "weekly-digest"), 30, "the undisturbed run")
    p.wait_quiet(chronos)
    crashes.step_aside()
    crashes.arm(places)
    for _ in places:
        chronos.rows("select chronos.trigger('weekly-digest')")
    crashes.wait_all_dead()
    crashes.take_over()
    runs = chronos.wait_until(ended, 60, "the runs")
    p.wait_quiet(chronos)
    assert sum(r["deaths"] for r in runs) >= len(places)
    assert {r["status"] for r in runs} == {"completed"} and len(runs) == len(places) + 1
    (expected,) = {str(trace(chronos, r)) for r in runs}
    assert expected.count("['send-digests-") == 3
    told = chronos.rows("""select data ->> 'creatorId' as creator, count(*) as n from chronos.events
        where name = 'creator/weekly.digest' group by 1""")
    assert {r["creator"]: r["n"] for r in told} == {c: len(runs) for c in creators}
