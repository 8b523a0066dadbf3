"""Chunks and vectors of many videos anew: by operation of a creator, and by an operator for anybody's videos."""

import uuid

import bulk
import pipeline as p

TEXT = p.spoken("youtube", "bulk0000001").text
NOT_FOUND = "not found or already deleted"
NO_TEXT = "has no transcript to make chunks from"


def wait_embedded(chronos, ids, count, deadline=90):
    """The finished runs of the videos, one for each."""
    def found():
        return chronos.rows("""select r.*, e.data from chronos.runs r join chronos.events e on e.id = r.event_id
            where r.function_id = %s and e.data ->> 'videoId' = any(%s)""", p.EMBED, ids)

    chronos.wait_until(lambda: len(found()) >= count, deadline, "the videos to be embedded", interval=0.1)
    p.wait_quiet(chronos)
    return found()


def test_each_video_is_started_once_and_what_cannot_be_is_told(shared):
    creator, other = shared.make_creator(), shared.make_creator()
    ids = bulk.make_videos(shared, creator, 13, transcript=TEXT)
    empty = bulk.make_videos(shared, creator, 2, transcript=" \n")
    foreign = bulk.make_videos(shared, other, 1, transcript=TEXT)[0]
    asked = [*ids[:5], foreign, *empty, "no id", *ids[5:], ids[2]]
    row = bulk.run(shared, "reprocess", creator, asked)
    assert (row["status"], row["progress_current"]) == ("partial", len(asked))
    assert row["result"]["processed"] == 13 and row["result"]["failed"] == 4
    assert {e["video_id"]: e["error"] for e in row["result"]["errors"]} == {
        foreign: NOT_FOUND, empty[0]: NO_TEXT, empty[1]: NO_TEXT, '"no id"': "is not a UUID"}
    runs = wait_embedded(shared, [*ids, foreign], 13)
    assert len(runs) == 13 and {r["status"] for r in runs} == {"completed"}
    assert {r["data"]["videoId"] for r in runs} == set(ids)
    assert all(r["data"]["skipIfExists"] is False for r in runs)


def test_when_nothing_could_be_started_it_failed(shared):
    row = bulk.run(shared, "reprocess", shared.make_creator(), [str(uuid.uuid4())])
    assert (row["status"], row["error_message"]) == ("failed", "none of the videos could be reprocessed")


def test_ten_thousand_ids_and_not_one_more(shared):
    creator = shared.make_creator()
    ids = bulk.make_videos(shared, creator, 2, transcript=TEXT)
    asked = [ids[0], *(str(uuid.uuid4()) for _ in range(9998)), ids[1]]
    row = bulk.run(shared, "reprocess", creator, asked, 180)
    assert (row["status"], row["result"]["processed"], row["result"]["failed"]) == ("partial", 2, 9998)
    assert row["progress_current"] == 10000
    assert len(wait_embedded(shared, ids, 2)) == 2
    many = [str(uuid.UUID(int=n)) for n in range(10001)]
    row = bulk.run(shared, "reprocess", creator, many)
    assert (row["status"], row["error_message"]) == (
        "failed", "videoIds has 10001 ids: at most 10000 are allowed, send them in parts")


def test_an_operator_may_name_any_videos_and_a_reason(shared):
    one, two = shared.make_creator(), shared.make_creator()
    ids = bulk.make_videos(shared, one, 7, transcript=TEXT) + bulk.make_videos(shared, two, 6, transcript=TEXT)
    gone, empty = str(uuid.uuid4()), bulk.make_videos(shared, two, 1)[0]
    entry = shared.send_event("video/embeddings.batch-reprocess", {
        "video_ids": [*ids, gone, empty, ids[0], 9], "reason": "a new model"})
    run = shared.wait_for_run(entry, "batch-reprocess-embeddings", "completed")
    output = run["output"]
    assert (output["reason"], output["total_requested"], output["processed_count"], output["failed_count"]) == (
        "a new model", 17, 13, 3)
    assert sorted(output["processed"]) == sorted(ids)
    assert {f["video_id"]: f["error"] for f in output["failed"]} == {
        gone: NOT_FOUND, empty: NO_TEXT, "9": "is not a UUID"}
    assert [s["step"] for s in shared.steps_of(run) if "batch" in s["step"] and ":" not in s["step"]] == [
        "reprocess-batch-0", "reprocess-batch-10"]
    runs = wait_embedded(shared, ids, 13)
    assert len(runs) == 13
    assert {(r["data"]["videoId"], r["data"]["creatorId"], r["data"]["reason"]) for r in runs} == {
        (i, one if n < 7 else two, "a new model") for n, i in enumerate(ids)}


def test_a_request_that_cannot_be_read_says_why(shared):
    for data, message in [({}, "videoIds is missing: send an array of video ids"),
                          ({"videoIds": "x"}, "videoIds must be an array of at least one video id"),
                          ({"videoIds": []}, "videoIds must be an array of at least one video id"),
                          ({"videoIds": [str(uuid.uuid4())], "reason": 1}, "reason is not a text")]:
        entry = shared.send_event("video/embeddings.batch-reprocess", data)
        assert shared.wait_for_run(entry, "batch-reprocess-embeddings", "failed")["error_message"] == message
