"""What users and other programs send: wrong, incomplete, in either spelling, twice, and all at the same time."""

import json
import uuid

import pytest

import pipeline as p

STRANGER = str(uuid.uuid4())


class Case:
    def __init__(self, function, data, says, handled=True):
        self.function, self.data, self.says, self.handled = function, data, says, handled


def cases(chronos):
    """name: an event that can never work, and what its run must say. `handled`: it names a video and a creator."""
    video = chronos.make_video("youtube", youtube_video_id="WoolDyeing1")
    gone = chronos.make_video("youtube", youtube_video_id="WoolDyeing1", is_deleted=True)
    other = chronos.make_creator()
    good = p.ids(video)

    def both(name, data, says, handled=True):
        return {f"extract-{name}": Case(p.EXTRACT, data, says, handled),
                f"embed-{name}": Case(p.EMBED, data, says, handled)}

    def source(name, value, says):
        return {f"source-{name}": Case(p.EXTRACT, {**good, "source": value}, says)}

    return {
        **both("nothing", {}, "videoId is missing", False),
        **both("no-video", {"creatorId": good["creatorId"]}, "videoId is missing", False),
        **both("no-creator", {"videoId": good["videoId"]}, "creatorId is missing", False),
        **both("null", {**good, "videoId": None}, "videoId is missing", False),
        **both("empty", {**good, "videoId": ""}, "videoId is missing", False),
        **both("number", {**good, "videoId": 7}, "videoId 7 is not a UUID", False),
        **both("list", {**good, "videoId": [good["videoId"]]}, f'videoId ["{good["videoId"]}"] is not a UUID', False),
        **both("not-a-uuid", {**good, "videoId": "42"}, 'videoId "42" is not a UUID: take the id of a row of public.videos', False),
        **both("sql", {**good, "videoId": "'; drop table videos; --"}, "videoId \"'; drop table videos; --\" is not a UUID", False),
        **both("braces", {**good, "videoId": "{" + good["videoId"] + "}"}, 'videoId "{' + good["videoId"] + '}" is not a UUID', False),
        **both("long", {**good, "creatorId": "x" * 5000}, 'creatorId "' + "x" * 59 + " is not a UUID", False),
        **both("ellipsis", {**good, "videoId": "…"}, 'videoId "…" is not a UUID', False),
        **both("name", {**good, "creatorId": "me"}, 'creatorId "me" is not a UUID: take the id of a row of public.creators', False),
        **both("unknown", {**good, "videoId": STRANGER}, f"there is no video {STRANGER}"),
        **both("others", {**good, "creatorId": other}, f"does not belong to creator {other}"),
        **both("deleted", p.ids(gone), "was deleted"),
        **source("unknown", "tiktok", 'unknown source "tiktok"'),
        **source("other", "loom", "the event says the source is loom, but the video's source is youtube"),
        **source("number", 5, "source is not a text"),
        **source("case", "YouTube", 'unknown source "YouTube"'),
        "language": Case(p.EXTRACT, {**good, "language": "en; rm -rf"}, "language is not a language code"),
        "embed-without-text": Case(p.EMBED, good, "no transcript to make chunks from"),
    }


@pytest.fixture(scope="module")
def refused(shared):
    """All are sent at once: {name: (case, its failed run)}."""
    names = {p.EXTRACT: "video/transcript.extract", p.EMBED: "video/transcription.completed"}
    sent = {name: (case, shared.send_event(names[case.function], case.data)) for name, case in cases(shared).items()}
    ended = {name: (case, p.wait_for_failure(shared, entry, case.function)) for name, (case, entry) in sent.items()}
    p.wait_quiet(shared)
    return ended


def test_input_that_can_never_work_is_refused_in_words(refused):
    wrong = {name: run["error_message"] for name, (case, run) in refused.items()
             if case.says not in run["error_message"]}
    assert wrong == {}
    assert {run["error_code"] for _, run in refused.values()} <= {"input", "permanent"}


def test_refused_input_is_not_tried_again_and_handled_once(shared, refused):
    for name, (case, run) in refused.items():
        steps = p.trace(shared, run)
        assert [s for s in steps if s[2] == "failed"] == [(steps[-1][0], 1, "failed")], name
        assert len(p.failure_events(shared, run["id"])) == 1, name
        (handler,) = p.handler_runs(shared, run["id"])
        assert (handler["function_id"], handler["status"]) == (p.HANDLER_OF[case.function], "completed"), name
        assert handler["output"]["handled"] is case.handled, name


def test_refused_input_touches_no_video_but_its_own(shared, refused):
    """Neither another creator's, nor a deleted one, nor one that does not exist."""
    assert refused
    assert shared.value("select count(*) from public.videos where status = 'failed'") == 1
    assert shared.rows("select * from public.usage_metrics") == []
    owners = shared.rows("""select v.creator_id = a.creator_id as own from public.video_analytics_events a
        join public.videos v on v.id = a.video_id""")
    assert owners and all(r["own"] for r in owners)
    assert p.slots(shared) == {}


# ---- spellings ----

def transcribed(chronos, video):
    chronos.rows("update public.videos set transcript = %s, duration_seconds = 60 where id = %s",
                 p.spoken("youtube", "bulk0000000").text, video["id"])
    return video


SPELLINGS = {
    "camel": lambda v, c: {"videoId": v, "creatorId": c, "source": "youtube"},
    "snake": lambda v, c: {"video_id": v, "creator_id": c, "source_type": "youtube"},
    "mixed": lambda v, c: {"video_id": v, "creatorId": c, "sourceType": "youtube"},
    "upper-case": lambda v, c: {"videoId": v.upper(), "creatorId": c.upper()},
    "no-source": lambda v, c: {"videoId": v, "creatorId": c},
    "camel-wins": lambda v, c: {"videoId": v, "video_id": STRANGER, "creatorId": c, "creator_id": STRANGER},
    "extras": lambda v, c: {"videoId": v, "creatorId": c, "source": "youtube", "url": "https://elsewhere.example/",
                            "youtube_video_id": "PrivateVid1", "transcript": "not this", "language": "", "priority": 9,
                            "nested": {"a": [1, {"b": None}]}, "\U0001f600": "ünïcode"},
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_every_spelling_of_an_extraction_works(shared, sandbox, spelling):
    assert sandbox
    video = shared.make_video("youtube", youtube_video_id="bulkSpell01")
    data = SPELLINGS[spelling](str(video["id"]), str(video["creator_id"]))
    shared.wait_for_run(shared.send_event("video/transcript.extract", data), p.EXTRACT, "completed")
    row = shared.wait_until(
        lambda: (r := p.video_row(shared, video))["status"] == "completed" and r, 20, "the video to be completed")
    assert row["transcript"] == p.spoken("youtube", "bulkSpell01").text
    assert len(p.analytics_rows(shared, video)) == 2
    assert len(p.usage_rows(shared, video["creator_id"])) == 1


# ---- embeddings: what is done already ----

@pytest.fixture
def done(shared, sandbox):
    """A video that has its chunks and vectors."""
    assert sandbox
    video = transcribed(shared, shared.make_video("youtube", youtube_video_id="bulk0000000"))
    p.embed(shared, video)
    p.wait_for_embeddings(shared, video)
    assert p.video_row(shared, video)["status"] == "completed"
    return video


def embed_again(chronos, video, **data):
    """The run of another event for a video that has its vectors."""
    before = len(p.runs_of_video(chronos, video, p.EMBED))
    entry = p.embed(chronos, video, **data)
    p.wait_for_embeddings(chronos, video, before + 1)
    return chronos.wait_for_run(entry, p.EMBED, "completed")


def chunk_ids(chronos, video):
    return [r["id"] for r in chronos.rows("select id from public.video_chunks where video_id = %s order by chunk_index",
                                          video["id"])]


@pytest.mark.parametrize("data", [{}, {"skipIfExists": True}, {"skip_if_exists": True}, {"skipIfExists": None}],
                         ids=["default", "camel", "snake", "null"])
def test_a_video_that_has_its_vectors_is_left_alone(shared, sandbox, done, data):
    before = p.video_row(shared, done), chunk_ids(shared, done), p.usage_rows(shared, done["creator_id"])
    sandbox.reset()
    run = embed_again(shared, done, **data)
    assert p.trace(shared, run) == p.once(["validate-video"])
    assert (run["output"]["skipped"], run["output"]["success"], run["output"]["chunks"]) == (True, True, 1)
    after = p.video_row(shared, done), chunk_ids(shared, done), p.usage_rows(shared, done["creator_id"])
    assert after == before
    assert sandbox.requests(provider="openai")["count"] == 0
    assert len(p.analytics_rows(shared, done)) == 1


@pytest.mark.parametrize("data", [{"skipIfExists": False}, {"skip_if_exists": False}], ids=["camel", "snake"])
def test_vectors_are_made_anew_when_asked_for(shared, done, data):
    before = chunk_ids(shared, done)
    run = embed_again(shared, done, **data)
    assert p.trace(shared, run) == p.once(p.EMBED_STEPS)
    after = chunk_ids(shared, done)
    assert len(after) == len(before) == 1 and after != before
    (usage,) = p.usage_rows(shared, done["creator_id"])
    assert (usage["ai_credits_used"], len(usage["metadata"]["embedding_costs"])) == (2, 2)
    assert [e["event_type"] for e in p.analytics_rows(shared, done)] == ["video_embedded"] * 2


@pytest.mark.parametrize("change", [
    "update public.videos set transcript = transcript || ' One more sentence.' where id = %s",
    "update public.video_chunks set embedding = null where video_id = %s",
    "delete from public.video_chunks where video_id = %s",
], ids=["another-text", "no-vector", "no-chunk"])
def test_work_that_is_not_done_is_not_skipped(shared, done, change):
    shared.rows(change, done["id"])
    run = embed_again(shared, done)
    assert p.trace(shared, run) == p.once(p.EMBED_STEPS)
    (chunk,) = p.chunk_rows(shared, done)
    assert chunk["chunk_text"] == p.video_row(shared, done)["transcript"]
    assert len(chunk["vector"]) == 1536


def test_a_text_in_the_event_is_preferred_to_the_videos_own(shared, done):
    text = "This text came with the event. It speaks of a lighthouse and of nothing else."
    own = p.video_row(shared, done)["transcript"]
    embed_again(shared, done, transcript=text)
    (chunk,) = p.chunk_rows(shared, done)
    assert chunk["chunk_text"] == text
    assert p.video_row(shared, done)["transcript"] == own


@pytest.mark.parametrize("text", ["", " \n\t ", 5, None])
def test_a_text_without_words_in_the_event_counts_as_none(shared, done, text):
    run = embed_again(shared, done, transcript=text)
    assert run["output"]["skipped"] is True


@pytest.mark.parametrize("text", ["", " \n\t\u00a0 "])
def test_a_video_whose_transcript_is_blank_fails_in_words(shared, sandbox, text):
    assert sandbox
    video = shared.make_video("youtube", transcript=text, status="processing")
    run = p.wait_for_failure(shared, p.embed(shared, video), p.EMBED)
    assert "no transcript" in run["error_message"]
    row = p.video_row(shared, video)
    assert (row["status"], row["error_message"]) == ("failed", "Embedding generation failed: " + run["error_message"])
    assert p.chunk_rows(shared, video) == []


# ---- the same again ----

def expect_one_set_of_chunks(chronos, video):
    row, chunks = p.video_row(chronos, video), p.chunk_rows(chronos, video)
    assert (row["status"], row["error_message"]) == ("completed", None)
    assert "processing_run" not in row["metadata"]
    assert [c["chunk_index"] for c in chunks] == list(range(len(chunks))) and chunks
    assert all(len(c["vector"]) == 1536 for c in chunks)
    own = [w for c in chunks for w in c["chunk_text"].split()[c["metadata"].get("overlap_word_count", 0):]]
    assert own == row["transcript"].split()


def test_the_same_event_id_starts_one_run_only(shared, sandbox):
    assert sandbox
    video = shared.make_video("youtube", youtube_video_id="bulkTwice01")
    data = json.dumps(p.ids(video))
    entries = [shared.send_event("video/transcript.extract", data, id="once-" + str(video["id"])) for _ in range(3)]
    p.wait_for_embeddings(shared, video)
    p.wait_quiet(shared)
    assert sorted(shared.event(e)["outcome"] for e in entries) == ["accepted", "duplicate", "duplicate"]
    assert len(p.runs_of_video(shared, video)) == 2
    expect_one_set_of_chunks(shared, video)


def test_an_extraction_that_is_repeated_changes_nothing_but_the_account(shared, sandbox):
    assert sandbox
    video = shared.make_video("youtube", youtube_video_id="bulkTwice02")
    p.extract(shared, video)
    p.wait_for_embeddings(shared, video)
    before = chunk_ids(shared, video)
    p.extract(shared, video)
    again = p.wait_for_embeddings(shared, video, 2)[1]
    assert again["output"]["skipped"] is True
    assert chunk_ids(shared, video) == before
    expect_one_set_of_chunks(shared, video)
    (usage,) = p.usage_rows(shared, video["creator_id"])
    assert len(usage["metadata"]["transcript_costs"]) == 2
    assert (usage["ai_credits_used"], len(usage["metadata"]["embedding_costs"])) == (1, 1)


def overlap(chronos, sandbox, video, extractions, embeddings):
    """Runs of one video all at once, slowed down at different places so that they overlap. All finished runs."""
    for delay in (900, 600, 300, 0):
        sandbox.add_fault("GET /youtube/api/timedtext", times=1, delay_ms=delay)
        sandbox.add_fault("POST /openai/v1/embeddings", times=1, delay_ms=delay)
    entries = [p.extract(chronos, video) for _ in range(extractions)]
    entries += [p.embed(chronos, video, skipIfExists=False) for _ in range(embeddings)]
    for entry in entries:
        chronos.wait_for_run(entry)
    p.wait_quiet(chronos)
    runs = p.runs_of_video(chronos, video)
    assert [r["error_message"] for r in runs if r["status"] != "completed"] == []
    return runs


@pytest.mark.parametrize("extractions, embeddings", [(4, 0), (0, 4), (4, 4)],
                         ids=["extractions", "embeddings", "both"])
def test_runs_of_one_video_at_the_same_time_leave_one_consistent_result(shared, sandbox, extractions, embeddings):
    video = shared.make_video("youtube", youtube_video_id="WoolDyeing1")
    if embeddings:
        transcribed(shared, video)
    runs = overlap(shared, sandbox, video, extractions, embeddings)
    expect_one_set_of_chunks(shared, video)
    if not embeddings:
        said = p.spoken("youtube", "WoolDyeing1").text
        assert p.video_row(shared, video)["transcript"] == " ".join(said.split())
    ends = [r["output"] for r in runs if r["function_id"] == p.EMBED]
    finished = [o for o in ends if not o.get("superseded") and not o.get("skipped")]
    published = [r for r in runs if r["function_id"] == p.EXTRACT and not r["output"]["superseded"]]
    told = [e["event_type"] for e in p.analytics_rows(shared, video)]
    assert told == ["video_embedded"] * len(finished) + ["video_transcribed"] * len(published)
    # the last one may find that one which was superseded has left nothing to do
    assert finished or any(o.get("skipped") for o in ends)
    (usage,) = p.usage_rows(shared, video["creator_id"])
    assert len(usage["metadata"].get("transcript_costs", [])) == extractions


# ---- gone meanwhile ----

@pytest.mark.parametrize("how", [
    "update public.videos set is_deleted = true where id = %s",
    "delete from public.videos where id = %s",
], ids=["soft", "hard"])
def test_a_video_that_is_deleted_during_its_extraction_stays_deleted(shared, sandbox, how):
    video = shared.make_video("youtube", youtube_video_id="bulkGone001")
    sandbox.add_fault("GET /youtube/api/timedtext", delay_ms=1000, times=1)
    entry = p.extract(shared, video)
    shared.wait_until(lambda: sandbox.requests(path="/api/timedtext")["count"], 10, "the captions to be asked for")
    shared.rows(how, video["id"])
    run = shared.wait_for_run(entry, p.EXTRACT)
    p.wait_quiet(shared)
    assert run["status"] == "completed" and run["output"]["superseded"] is True, run["error_message"]
    left = shared.rows("select status, transcript, error_message from public.videos where id = %s", video["id"])
    assert left in ([], [{"status": "transcribing", "transcript": None, "error_message": None}])
    assert p.runs_of_video(shared, video, p.EMBED) == []
    (usage,) = p.usage_rows(shared, video["creator_id"])
    assert len(usage["metadata"]["transcript_costs"]) == 1, "what was done is accounted for"


def test_an_extraction_yields_to_no_run_that_makes_chunks(shared, sandbox):
    """The old text is being embedded when the new transcript arrives: the new one counts."""
    video = transcribed(shared, shared.make_video("youtube", youtube_video_id="bulkOldTx01"))
    shared.rows("update public.videos set transcript = 'An old text, to be replaced.' where id = %s", video["id"])
    sandbox.add_fault("GET /youtube/api/timedtext", delay_ms=1500, times=1)
    entry = p.extract(shared, video)
    shared.wait_until(lambda: sandbox.requests(path="/api/timedtext")["count"], 10, "the captions to be asked for")
    sandbox.add_fault("POST /openai/v1/embeddings", delay_ms=2500, times=1)
    old = p.embed(shared, video, skipIfExists=False)
    run = shared.wait_for_run(entry, p.EXTRACT, "completed")
    assert run["output"]["superseded"] is False
    assert shared.wait_for_run(old, p.EMBED, "completed")["output"]["superseded"] is True
    p.wait_quiet(shared)
    assert p.video_row(shared, video)["transcript"] == " ".join(p.spoken("youtube", "bulkOldTx01").text.split())
    expect_one_set_of_chunks(shared, video)


@pytest.mark.parametrize("how", [
    "update public.videos set is_deleted = true where id = %s",
    "delete from public.videos where id = %s",
], ids=["soft", "hard"])
def test_a_video_that_is_deleted_during_its_embedding_stays_deleted(shared, sandbox, how):
    video = transcribed(shared, shared.make_video("youtube", youtube_video_id="bulkGone002"))
    sandbox.add_fault("POST /openai/v1/embeddings", delay_ms=1000, times=1)
    entry = p.embed(shared, video)
    shared.wait_until(lambda: sandbox.requests(path="/embeddings")["count"], 10, "the vectors to be asked for")
    shared.rows(how, video["id"])
    run = shared.wait_for_run(entry, p.EMBED)
    p.wait_quiet(shared)
    assert run["status"] == "completed" and run["output"]["superseded"] is True, run["error_message"]
    left = shared.rows("select status from public.videos where id = %s", video["id"])
    assert left in ([], [{"status": "embedding"}])
    (usage,) = p.usage_rows(shared, video["creator_id"])
    assert usage["ai_credits_used"] == 1, "what was spent is accounted for"


def test_a_run_whose_video_was_handed_on_leaves_it_to_the_next(shared, sandbox):
    """Another run has stored its chunks, and an extraction that ended after it made the video nobody's: chunks without vectors are
    not this run's failure."""
    video = shared.make_video("youtube", youtube_video_id="WoolDyeing1")
    transcribed(shared, video)
    sandbox.add_fault("POST /openai/v1/embeddings", times=1, delay_ms=2000)
    def asked():
        return len(sandbox.requests(provider="openai", path="/embeddings")["requests"])

    before = asked()
    entry = p.embed(shared, video, skipIfExists=False)
    shared.wait_until(lambda: asked() > before, 20, "vectors to be asked for")
    shared.rows("update public.video_chunks set id = gen_random_uuid(), embedding = null where video_id = %s", str(video["id"]))
    shared.rows("update public.videos set status = 'processing', metadata = metadata - 'processing_run' where id = %s", str(video["id"]))
    run = shared.wait_for_run(entry, "generate-video-embeddings", "completed")
    assert run["output"]["superseded"] is True
    assert p.video_row(shared, video)["status"] == "processing"
