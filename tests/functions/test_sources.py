"""A video of every kind goes straight through: captions or speech, chunks, vectors, accounts, and search finds it."""

import math
from datetime import datetime, timezone
from decimal import Decimal

import pytest

import pipeline as p
from ops.stack.daemons import http_json

SOURCES = {
    # name: source, the column that says where it is, its value, method, cost per minute
    "youtube-manual": ("youtube", "youtube_video_id", "WoolDyeing1", "youtube_api", 0),
    "youtube-automatic": ("youtube", "youtube_video_id", "SourDough02", "youtube_api", 0),
    "loom-vtt": ("loom", "embed_id", "a0c1b2d3e4f5061728394a5b6c7d8e9f", "loom_api", 0),
    "loom-phrases": ("loom", "embed_id", "b1d2c3e4f506172839405a6b7c8d9eaf", "loom_api", 0),
    "mux-captions": ("mux", "mux_playback_id", "NightSkyPublic00001aBcDeFgHiJkLmNoPq", "mux_auto", 0),
    "mux-speech": ("mux", "mux_playback_id", "WallNoCaptions0003aBcDeFgHiJkLmNoPqR", "whisper", 0.006),
    "upload-speech": ("upload", "storage_path", "sample-creator/drystone-video/drystone.mp4", "whisper", 0.006),
}
OWN_METADATA = {"courses": ["c1", "c2"], "channel_name": "kept", "embedding_stats": "replaced", "nested": {"deep": 1}}
PUBLIC_URL = {"youtube-manual": "https://www.youtube.com/watch?v=WoolDyeing1",
              "loom-vtt": "https://www.loom.com/share/a0c1b2d3e4f5061728394a5b6c7d8e9f"}


class Journey:
    """One video and everything that is known of it afterwards."""

    def __init__(self, chronos, name):
        self.chronos = chronos
        self.source, column, self.key, self.method, self.price = SOURCES[name]
        self.said = p.spoken(self.source, self.key)
        self.sent = chronos.make_video(self.source, metadata=OWN_METADATA, **{column: self.key})
        self.entry = p.extract(chronos, self.sent, source=self.source)

    def finish(self):
        self.extract = self.chronos.wait_for_run(self.entry, p.EXTRACT, "completed", 90)
        self.embed = p.wait_for_embeddings(self.chronos, self.sent)[0]
        self.video = p.video_row(self.chronos, self.sent)
        self.chunks = p.chunk_rows(self.chronos, self.sent)

    @property
    def tokens(self):
        """As the sandbox counts them."""
        return sum(-(-len(c["chunk_text"]) // 4) for c in self.chunks)


@pytest.fixture(scope="module")
def journeys(shared):
    """All are under way at the same time, each of a creator of its own."""
    made = {name: Journey(shared, name) for name in SOURCES}
    for journey in made.values():
        journey.finish()
    return made


@pytest.fixture(params=SOURCES)
def journey(journeys, request):
    return journeys[request.param]


def words(text):
    """For comparing what was heard by a recogniser: case and punctuation are not its business."""
    return [w for w in ("".join(c for c in word.lower() if c.isalnum()) for word in text.split()) if w]


def test_every_step_runs_once_and_in_order(shared, journey):
    assert p.trace(shared, journey.extract) == p.once(p.EXTRACT_STEPS)
    assert journey.embed["status"] == "completed", journey.embed["error_message"]
    assert p.trace(shared, journey.embed) == p.once(p.EMBED_STEPS)
    assert (journey.extract["attempts"], journey.extract["deaths"]) == (1, 0)


def test_the_video_is_completed_with_its_transcript(journey):
    video = journey.video
    assert (video["status"], video["error_message"]) == ("completed", None)
    if journey.key == "SourDough02":
        assert words(video["transcript"]) == words(journey.said.text)
    else:
        assert video["transcript"] == " ".join(journey.said.text.split())
    assert video["transcript_language"] == "en"
    assert abs(video["duration_seconds"] - journey.said.duration_ms / 1000) <= 1
    assert video["processing_started_at"] <= video["processing_completed_at"] <= datetime.now(timezone.utc)


def test_metadata_is_merged_and_not_replaced(journey, request):
    metadata = journey.video["metadata"]
    for key in ("courses", "channel_name", "nested"):
        assert metadata[key] == OWN_METADATA[key]
    assert metadata["transcript_method"] == journey.method
    assert metadata["transcript_cost"] == pytest.approx(journey.said.duration_ms / 60000 * journey.price, abs=2e-4)
    assert metadata["processing_time_ms"] >= 0
    stats = metadata["embedding_stats"]
    assert (stats["total_chunks"], stats["total_tokens"]) == (len(journey.chunks), journey.tokens)
    assert stats["model"] == "text-embedding-3-small"
    assert stats["cost_usd"] == pytest.approx(journey.tokens * 0.02 / 1e6)
    assert metadata.get("source_url") == PUBLIC_URL.get(
        request.node.callspec.params["journey"], metadata.get("source_url"))
    assert set(metadata) <= {*OWN_METADATA, "transcript_method", "transcript_cost", "processing_time_ms", "source_url"}


def test_the_chunks_hold_the_whole_text_in_order(journey):
    own = []
    for i, chunk in enumerate(journey.chunks):
        assert chunk["chunk_index"] == i
        all_words = chunk["chunk_text"].split()
        overlap = chunk["metadata"].get("overlap_word_count", 0)
        assert chunk["word_count"] == len(all_words) <= 1000
        assert chunk["metadata"]["has_overlap"] == (i > 0) == (overlap == 100)
        assert all_words[:overlap] == own[len(own) - overlap:]
        own += all_words[overlap:]
    assert len(journey.chunks) == 2
    assert " ".join(own) == journey.video["transcript"]


def test_the_times_of_the_chunks_are_those_of_their_words(journey):
    """Each chunk's own first and last word, looked up in the lesson's timing."""
    at = [(s.start_ms + offset) / 1000 for s in journey.said.segments for offset, _ in s.words]
    number, before = 0, 0
    for chunk in journey.chunks:
        own = chunk["word_count"] - chunk["metadata"].get("overlap_word_count", 0)
        start, end = chunk["start_time_seconds"], chunk["end_time_seconds"]
        # whole seconds around the chunk, words interpolated within a caption, rolling captions that end late
        assert at[number] - 2 <= start <= at[number] + 1
        assert at[number + own - 1] - 1 <= end <= at[number + own - 1] + 4
        assert before <= start < end <= journey.video["duration_seconds"] + 3
        number, before = number + own, start
    assert number == len(at)


def test_every_chunk_has_a_vector_of_unit_length(journey):
    for chunk in journey.chunks:
        assert len(chunk["vector"]) == 1536
        assert math.sqrt(sum(v * v for v in chunk["vector"])) == pytest.approx(1, abs=1e-5)
        assert chunk["metadata"]["embedding_model"] == "text-embedding-3-small"


def test_usage_is_counted_exactly_and_once(shared, journey):
    row = p.usage_rows(shared, journey.sent["creator_id"])
    assert len(row) == 1
    usage = row[0]
    duration = p.result_of(shared, journey.extract, "extract-transcript")["duration_seconds"]
    cost = journey.video["metadata"]["transcript_cost"]
    assert usage["date"] == datetime.now(timezone.utc).date()
    assert usage["transcription_minutes"] == Decimal(f"{duration / 60:.2f}")
    assert usage["ai_credits_used"] == math.ceil(cost * 1000) + math.ceil(journey.tokens * 0.02 / 1e6 * 1000)
    assert [(e["video_id"], e["method"], e["cost_usd"]) for e in usage["metadata"]["transcript_costs"]] == [
        (str(journey.sent["id"]), journey.method, cost)]
    assert usage["metadata"]["transcript_costs"][0]["duration_minutes"] == pytest.approx(duration / 60)
    assert [(e["video_id"], e["tokens"], e["chunks"]) for e in usage["metadata"]["embedding_costs"]] == [
        (str(journey.sent["id"]), journey.tokens, len(journey.chunks))]
    for column in ("storage_used_bytes", "videos_uploaded", "total_video_duration_seconds", "chat_messages_sent",
                   "active_students"):
        assert usage[column] == 0


def test_both_analytics_events_are_written_once_with_their_metadata(shared, journey):
    embedded, transcribed = p.analytics_rows(shared, journey.sent)
    assert (embedded["event_type"], transcribed["event_type"]) == ("video_embedded", "video_transcribed")
    assert embedded["creator_id"] == transcribed["creator_id"] == journey.sent["creator_id"]
    done = p.result_of(shared, journey.extract, "extract-transcript")
    assert transcribed["metadata"] == {
        "source_type": journey.source, "transcript_method": journey.method,
        "transcript_length": len(journey.video["transcript"].encode("utf-16-le")) // 2,
        **{k: done[k] for k in ("duration_seconds", "cost_usd", "processing_time_ms", "segment_count")}}
    assert embedded["metadata"] == journey.video["metadata"]["embedding_stats"]


def test_the_emitted_event_has_both_spellings_and_not_the_text(shared, journey):
    event = shared.row("""select name, data from chronos.events where name = 'video/transcription.completed'
        and data ->> 'video_id' = %s""", str(journey.sent["id"]))
    video, creator = str(journey.sent["id"]), str(journey.sent["creator_id"])
    assert event["data"] == {"videoId": video, "video_id": video, "creatorId": creator, "creator_id": creator}


def test_the_runs_tell_what_they_did(shared, journey):
    done = p.result_of(shared, journey.extract, "extract-transcript")
    assert journey.extract["output"] == {
        "success": True, "video_id": str(journey.sent["id"]), "superseded": False,
        **{k: done[k] for k in ("method", "duration_seconds", "cost_usd", "transcript_length", "processing_time_ms")}}
    output = journey.embed["output"]
    assert (output["success"], output["chunks_created"], output["embeddings_generated"], output["total_tokens"]) == (
        True, 2, 2, journey.tokens)
    assert float(journey.extract["cost_usd"]) == pytest.approx(done["cost_usd"], abs=1e-6)
    assert float(journey.embed["cost_usd"]) == pytest.approx(output["cost_usd"], abs=1e-6)


def test_a_question_finds_its_video_first(shared, journeys, journey):
    question = journey.said.question
    if not question:
        pytest.skip("the library has no question for it")
    base = shared.stack.sandbox_url + "/openai/v1/embeddings"
    answer = http_json("POST", base, {"model": "text-embedding-3-small", "input": question})
    vector = "[" + ",".join(str(v) for v in answer["data"][0]["embedding"]) + "]"
    found = shared.rows("select * from chronos.search_video_chunks_text(%s, 3, 0)", vector)
    same_lesson = {j.sent["id"] for j in journeys.values() if j.said.lesson == journey.said.lesson}
    assert found[0]["video_id"] in same_lesson
    assert found[0]["similarity"] > 0.1
    only = shared.rows("select * from chronos.search_video_chunks_text(%s, 3, 0, %s::uuid[])", vector,
                       [journey.sent["id"]])
    assert {r["video_id"] for r in only} == {journey.sent["id"]}


def test_nothing_is_left_behind(shared, journeys):
    assert journeys
    p.wait_quiet(shared)
    assert p.slots(shared) == {}
    left = shared.value("select count(*) from public.videos where metadata ? 'processing_run'")
    assert left == 0


def test_two_videos_of_a_creator_on_one_day_both_count(shared):
    creator = shared.make_creator()
    shared.insert("public.usage_metrics", {
        "creator_id": creator, "date": datetime.now(timezone.utc).date(), "videos_uploaded": 3, "ai_credits_used": 7,
        "transcription_minutes": 1.5, "metadata": {"chat_cost": 0.25, "transcript_costs": {"video_id": "older"}}})
    keys = ["bulk0000001", "bulk0000002", "bulk0000003", "bulk0000004"]
    videos = [shared.make_video("youtube", creator, youtube_video_id=key) for key in keys]
    for video in videos:
        p.extract(shared, video)
    for video in videos:
        p.wait_for_embeddings(shared, video)
    (usage,) = p.usage_rows(shared, creator)
    minutes = sum(Decimal(f"{p.video_row(shared, v)['duration_seconds'] / 60:.2f}") for v in videos)
    assert usage["transcription_minutes"] == Decimal("1.5") + minutes
    assert usage["ai_credits_used"] == 7 + len(videos)
    assert usage["videos_uploaded"] == 3
    assert usage["metadata"]["chat_cost"] == 0.25
    listed = [e["video_id"] for e in usage["metadata"]["transcript_costs"]]
    assert (listed[0], sorted(listed[1:])) == ("older", sorted(str(v["id"]) for v in videos))
