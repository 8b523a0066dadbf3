"""Videos that nobody works on any more. Events, runs and workers are lost on purpose; afterwards no video says that it is
being worked on. Time does not pass in these tests: rows are made old."""

import pytest

import pipeline as p

RECOVER = "recover-stuck-videos"
WORKING = ["pending", "uploading", "transcribing", "processing", "embedding"]


def age(chronos, video, minutes=2000, **columns):
    """The row as it would be if nobody had touched it for so long: the trigger on updated_at is left out."""
    sets = "".join(f", {name} = %s" for name in columns)
    with chronos.db.cursor() as c:
        c.execute(f"""alter table public.videos disable trigger update_videos_updated_at;
            update public.videos set updated_at = now() - %s * interval '1 minute'{sets} where id = %s;
            alter table public.videos enable trigger update_videos_updated_at""", (minutes, *columns.values(), video["id"]))


def recover(chronos, deadline=30):
    """The output of one run of the function."""
    known = "select 1 from chronos.functions where id = %s"
    chronos.wait_until(lambda: chronos.rows(known, RECOVER), 20, "the function to be known")
    before = {r["id"] for r in runs(chronos)}
    chronos.rows("select chronos.trigger(%s)", RECOVER)
    chronos.wait_until(lambda: [r for r in runs(chronos) if r["id"] not in before], deadline, "the run", interval=0.05)
    run = next(r for r in runs(chronos) if r["id"] not in before)
    assert run["status"] == "completed", run["error_message"]
    return run


def runs(chronos):
    return chronos.rows("select * from chronos.runs where function_id = %s order by queued_at", RECOVER)


def wait_ended(chronos, videos, deadline=60):
    def unfinished():
        return chronos.rows("select id, status from public.videos where id = any(%s) and status = any(%s)",
                            [v["id"] for v in videos], WORKING)

    chronos.wait_until(lambda: not unfinished(), deadline, "the videos to end", seen=unfinished, interval=0.1)


def actions(chronos, run):
    return {v["video_id"]: v["action"] for step in chronos.steps_of(run)
            if step["step"].startswith("recover-videos") for v in step["result"]}


@pytest.mark.parametrize("status", WORKING)
@pytest.mark.parametrize("has_text", [False, True])
def test_a_video_whose_event_was_lost_goes_on_with_the_right_step(shared, status, has_text):
    text = p.spoken("youtube", "WoolDyeing1").text if has_text else None
    video = shared.make_video("youtube", youtube_video_id="WoolDyeing1", transcript=text, status=status,
                              metadata={"own": 1})
    age(shared, video)
    run = recover(shared)
    assert actions(shared, run)[str(video["id"])] == ("retry-embeddings" if has_text else "retry-transcript")
    wait_ended(shared, [video])
    row = p.video_row(shared, video)
    assert row["status"] == "completed" and row["metadata"]["own"] == 1
    assert "recovery_attempts" not in row["metadata"], "what it was recovered from is over"
    p.wait_quiet(shared)  # until everything is archived
    assert bool(p.runs_of_video(shared, video, p.EXTRACT)) is not has_text
    assert len(p.runs_of_video(shared, video, p.EMBED)) == 1


@pytest.mark.parametrize("status, minutes, columns", [
    ("pending", 20, {}), ("uploading", 600, {}), ("transcribing", 5, {}), ("completed", 5000, {}), ("failed", 5000, {}),
    ("processing", 5000, {"is_deleted": True}),
    ("pending", 20000, {"created_at": "2020-01-01"}),
])
def test_a_video_that_is_not_stuck_is_left_alone(shared, status, minutes, columns):
    video = shared.make_video("youtube", status=status)
    age(shared, video, minutes, **columns)
    before = p.video_row(shared, video)
    assert str(video["id"]) not in actions(shared, recover(shared))
    assert p.video_row(shared, video) == before


def test_who_wants_no_automatic_transcripts_gets_none(shared):
    creator = shared.make_creator(settings={"auto_transcribe": False})
    video = shared.make_video("youtube", creator, status="pending")
    age(shared, video)
    assert str(video["id"]) not in actions(shared, recover(shared))


def test_a_run_that_waits_is_work(shared):
    """Paused, queued or slow: as long as a run lives, nothing is started beside it."""
    shared.rows("select chronos.pause(%s)", p.EXTRACT)
    try:
        video = shared.make_video("youtube", youtube_video_id="WoolDyeing1", status="transcribing")
        entry = p.extract(shared, video)
        shared.wait_until(lambda: shared.event(entry), 10, "the event to be recorded")
        age(shared, video, 65)
        assert str(video["id"]) not in actions(shared, recover(shared))
    finally:
        shared.rows("select chronos.resume(%s)", p.EXTRACT)
    shared.wait_for_run(entry, p.EXTRACT, "completed", 30)
    wait_ended(shared, [video])
    assert len(p.runs_of_video(shared, video, p.EXTRACT)) == 1


def test_a_run_that_a_worker_is_at_is_work(shared, sandbox):
    sandbox.add_fault("GET timedtext.*v=bulkSlow001", times=1, delay_ms=4000, kind="delay")
    video = shared.make_video("youtube", youtube_video_id="bulkSlow001")
    entry = p.extract(shared, video)
    shared.wait_until(lambda: p.video_row(shared, video)["status"] == "transcribing", 10, "the claim")
    shared.wait_until(lambda: shared.event(entry), 10, "the event to be recorded")
    age(shared, video, 60 * 24 * 30)  # only the run named in the metadata tells
    assert str(video["id"]) not in actions(shared, recover(shared))
    assert shared.wait_for_run(entry, p.EXTRACT, "completed", 30)


def test_work_that_somebody_cancelled_is_not_started_again(shared, sandbox):
    sandbox.add_fault("GET timedtext.*v=bulkCancel1", times=1, delay_ms=3000, kind="delay")
    video = shared.make_video("youtube", youtube_video_id="bulkCancel1")
    entry = p.extract(shared, video)
    shared.wait_until(lambda: p.video_row(shared, video)["status"] == "transcribing", 10, "the claim")
    run_id = p.video_row(shared, video)["metadata"]["processing_run"]
    shared.rows("select chronos.cancel(%s, 'not wanted')", run_id)
    shared.wait_for_run(entry, p.EXTRACT, "cancelled", 30)
    age(shared, video)
    assert actions(shared, recover(shared))[str(video["id"])] == "mark-cancelled"
    row = p.video_row(shared, video)
    assert (row["status"], row["error_message"]) == (
        "failed", "Processing was cancelled. Start it again when you want it.")
    assert "processing_run" not in row["metadata"]


def test_it_is_given_up_after_three_times_and_says_so(shared):
    """Each time the event that was sent is lost too, as its run is cancelled before it has done anything."""
    video = shared.make_video("youtube", youtube_video_id="WoolDyeing1", status="transcribing")
    shared.rows("select chronos.pause(%s)", p.EXTRACT)
    try:
        for attempt in (1, 2, 3):
            age(shared, video)
            run = recover(shared)
            assert actions(shared, run)[str(video["id"])] == "retry-transcript"
            assert p.video_row(shared, video)["metadata"]["recovery_attempts"] == attempt
            shared.wait_until(lambda: shared.value("""select count(*) from chronos.events
                where name = 'video/transcript.extract' and data ->> 'videoId' = %s""", str(video["id"])) == attempt, 10,
                "the event to be recorded")
            shared.rows("select chronos.cancel_where(%s, owner => %s)", p.EXTRACT, str(video["creator_id"]))
            shared.wait_until(lambda: len(p.runs_of_video(shared, video, p.EXTRACT)) == attempt, 10, "the cancelled run")
        age(shared, video)
        assert recover(shared)["output"]["failed"] >= 1
    finally:
        shared.rows("select chronos.resume(%s)", p.EXTRACT)
    row = p.video_row(shared, video)
    assert row["status"] == "failed" and row["processing_completed_at"] is not None
    assert row["error_message"].startswith('Processing stopped at "transcribing" and did not finish although')
    assert "recovery_attempts" not in row["metadata"], "a later try begins anew"
    assert row["metadata"]["last_recovery_action"] == "mark-failed"
    p.extract(shared, video)
    p.wait_for_embeddings(shared, video)
    assert p.video_row(shared, video)["status"] == "completed"


def test_more_videos_than_one_turn_takes(shared):
    creator = shared.make_creator()
    shared.rows("""insert into public.videos (creator_id, title, source_type, youtube_video_id, status, metadata, updated_at)
        select %s, 'v' || n, 'youtube', 'PrivateVid1', 'transcribing',
               jsonb_build_object('recovery_attempts', case when n <= 100 then 3 else 0 end), now() - interval '1 day'
        from generate_series(1, 230) n""", creator)
    run = recover(shared)
    steps = [s["step"] for s in shared.steps_of(run) if s["step"].startswith("recover-videos")]
    assert steps == [f"recover-videos-{n}" for n in range(5)]
    assert run["output"] == {"success": True, "recovered": 130, "failed": 100, "total": 230}
    failed = "select count(*) from public.videos where creator_id = %s and status = 'failed'"
    shared.wait_until(lambda: shared.value(failed, creator) == 230, 60, "the videos to end")
    assert shared.value("""select count(*) from chronos.events where name = 'video/transcript.extract'
        and creator_id = %s""", creator) == 130


def test_two_recoveries_at_once_take_a_video_once(shared):
    videos = [shared.make_video("youtube", youtube_video_id="PrivateVid1", status="processing") for _ in range(20)]
    for video in videos:
        age(shared, video)
    before = len(runs(shared))
    for _ in range(4):
        shared.rows("select chronos.trigger(%s)", RECOVER)
    shared.wait_until(lambda: len(runs(shared)) == before + 4, 20, "the runs")
    wait_ended(shared, videos)
    p.wait_quiet(shared)
    for video in videos:
        assert len(p.runs_of_video(shared, video, p.EXTRACT)) == 1


def test_no_video_stays_stuck_whatever_is_lost(bare):
    """Events that never came, events and runs that Redis lost, workers that died in the middle of their work."""
    if "scheduler-1" not in bare.stack.daemons:
        bare.start()
    videos = [bare.make_video("youtube", youtube_video_id=f"bulk{n:07d}") for n in range(24)]
    worker = bare.daemon("worker-1")
    for video in videos[:16]:
        p.extract(bare, video)
    bare.wait_until(lambda: bare.value("""select count(*) from public.videos
        where id = any(%s) and status <> 'pending'""", [v["id"] for v in videos]) >= 2, 20, "work to have begun")
    worker.kill()
    lost = bare.redis.xlen("chronos:events")
    bare.redis.flushall()  # the events of the last moment are gone with it
    worker.start()
    p.wait_quiet(bare)
    for video in videos:
        if p.video_row(bare, video)["status"] in WORKING:
            age(bare, video)
    run = recover(bare)
    assert run["output"]["recovered"] >= 8, f"the videos without any event, and {lost} entries"
    wait_ended(bare, videos)
    assert {p.video_row(bare, v)["status"] for v in videos} == {"completed"}
    for video in videos:
        chunks = p.chunk_rows(bare, video)
        assert chunks and [c["chunk_index"] for c in chunks] == list(range(len(chunks)))
        assert all(c["vector"] for c in chunks)
