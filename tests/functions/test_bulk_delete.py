"""Deleting many videos: what goes, what stays, what is told."""

import uuid

import pytest

import bulk
import pipeline as p

NOT_FOUND = "not found or already deleted"
FN = "bulk-delete-videos"


def errors_of(row):
    return {e["video_id"]: e["error"] for e in row["result"]["errors"]}


def test_rows_chunks_files_and_places_in_courses_go(shared):
    creator = shared.make_creator()
    ids = bulk.make_videos(shared, creator, 25)
    kept = bulk.make_videos(shared, creator, 2)
    files = [bulk.put_file(shared, "videos", f"{creator}/{i}/1.mp4") for i in ids[:3]]
    picture = bulk.put_file(shared, "thumbnails", f"{creator}/{ids[0]}/thumbnail-1.jpg", content_type="image/jpeg")
    for i, path in zip(ids, files):
        shared.rows("update public.videos set storage_path = %s, thumbnail_url = %s where id = %s", path,
                    f"https://x.supabase.co/storage/v1/object/public/thumbnails/{picture}?t=1", i)
    shared.rows("""insert into public.video_chunks (video_id, chunk_index, chunk_text, start_time_seconds,
        end_time_seconds, word_count) select unnest(%s::uuid[]), 0, 'text', 0, 1, 1""", ids)
    course = shared.value("insert into public.courses (creator_id, title) values (%s, 'c') returning id", creator)
    module = shared.value("""insert into public.course_modules (course_id, title, video_ids, display_order)
        values (%s, 'm', %s::uuid[], 1) returning id""", course, [kept[0], *ids[:12], kept[1], *ids[12:14]])
    shared.rows("""insert into public.module_lessons (module_id, video_id, lesson_order, title)
        select %s, x, n, 't' from unnest(%s::uuid[]) with ordinality u (x, n)""", module, [*ids[:2], kept[0]])

    row = bulk.run(shared, "delete", creator, ids)
    assert (row["status"], row["progress_current"], row["progress_total"]) == ("completed", 25, 25)
    assert row["result"] == {"deleted": 25, "failed": 0, "errors": []}
    assert row["completed_at"] is not None and row["error_message"] is None
    assert bulk.left(shared, ids + kept) == set(kept)
    assert shared.value("select count(*) from public.video_chunks where video_id = any(%s::uuid[])", ids) == 0
    assert [str(v) for v in shared.row("select video_ids::text[] as v from public.course_modules where id = %s",
                                       module)["v"]] == kept
    assert [str(r["video_id"]) for r in shared.rows("select video_id from public.module_lessons where module_id = %s",
                                                    module)] == [kept[0]]
    assert [bulk.get_file(shared, "videos", f) for f in files] == [None] * 3
    assert bulk.get_file(shared, "thumbnails", picture) is None
    assert bulk.doomed(shared) == 0


def test_each_batch_is_a_step_with_its_place_in_its_name(shared):
    creator = shared.make_creator()
    ids = bulk.make_videos(shared, creator, 25)
    _, entry = bulk.start(shared, "delete", creator, ids)
    run = shared.wait_for_run(entry, FN, "completed")
    assert [s["step"] for s in shared.steps_of(run) if not s["step"].startswith("each:")] == [
        "update-status-in-progress", "delete-batch-0", "delete-batch-10", "delete-batch-20", "delete-files",
        "update-final-status"]
    assert (run["output"]["status"], run["output"]["deleted"]) == ("completed", 25)


def test_what_cannot_be_deleted_is_told_and_the_rest_goes(shared):
    creator, other = shared.make_creator(), shared.make_creator()
    ids = bulk.make_videos(shared, creator, 14)
    foreign = bulk.make_videos(shared, other, 1)[0]
    deleted = bulk.make_videos(shared, creator, 1)[0]
    shared.rows("update public.videos set is_deleted = true where id = %s", deleted)
    nobody = str(uuid.uuid4())
    bad = ["nonsense", "", 7, None, ["x"], ids[0] + " ", "a\nb\"c", "é" * 80, "=1+1", "'; drop table videos; --"]
    asked = [*ids[:7], foreign, deleted, nobody, *bad, *ids[7:], ids[0], ids[13].upper(), foreign]
    operation, entry = bulk.start(shared, "delete", creator, asked)
    row = bulk.wait_ended(shared, operation)
    assert row["status"] == "partial" and row["progress_current"] == row["progress_total"] == len(asked)
    assert row["result"]["deleted"] == 14 and row["result"]["failed"] == 3 + len(bad)
    assert {errors_of(row)[i] for i in (foreign, deleted, nobody)} == {NOT_FOUND}
    assert sum(e == "is not a UUID" for e in (x["error"] for x in row["result"]["errors"])) == len(bad)
    assert bulk.left(shared, [*ids, foreign, deleted]) == {foreign, deleted}


def test_when_nothing_could_be_deleted_it_failed(shared):
    row = bulk.run(shared, "delete", shared.make_creator(), [str(uuid.uuid4())])
    assert (row["status"], row["error_message"]) == ("failed", "none of the videos could be deleted")
    assert row["result"]["failed"] == 1


def test_a_video_that_another_table_needs_stays_with_its_file_and_its_places(shared):
    creator = shared.make_creator()
    ids = bulk.make_videos(shared, creator, 5)
    path = bulk.put_file(shared, "videos", f"{creator}/needed/1.mp4")
    shared.rows("update public.videos set storage_path = %s where id = %s", path, ids[2])
    shared.rows("create table if not exists public.invoices (video_id uuid references public.videos)")
    shared.rows("insert into public.invoices values (%s)", ids[2])
    try:
        row = bulk.run(shared, "delete", creator, ids)
    finally:
        shared.rows("drop table public.invoices")
    assert row["status"] == "partial" and errors_of(row) == {ids[2]: "is still used by invoices"}
    assert bulk.left(shared, ids) == {ids[2]}
    assert bulk.get_file(shared, "videos", path) == b"file"


def test_a_file_that_another_video_shows_too_stays(shared):
    creator = shared.make_creator()
    ids = bulk.make_videos(shared, creator, 2)
    path = bulk.put_file(shared, "videos", f"{creator}/twice/1.mp4")
    shared.rows("update public.videos set storage_path = %s where id = any(%s::uuid[])", path, ids)
    assert bulk.run(shared, "delete", creator, ids[:1])["status"] == "completed"
    assert bulk.get_file(shared, "videos", path) == b"file"
    assert bulk.run(shared, "delete", creator, ids[1:])["status"] == "completed"
    assert bulk.get_file(shared, "videos", path) is None


def test_a_picture_that_is_not_the_creators_stays(shared):
    creator, other = shared.make_creator(), shared.make_creator()
    path = bulk.put_file(shared, "thumbnails", f"{other}/v/thumbnail-1.jpg", content_type="image/jpeg")
    (video,) = bulk.make_videos(shared, creator, 1)
    shared.rows("update public.videos set thumbnail_url = %s where id = %s",
                f"https://x.supabase.co/storage/v1/object/public/thumbnails/{path}", video)
    assert bulk.run(shared, "delete", creator, [video])["status"] == "completed"
    assert bulk.get_file(shared, "thumbnails", path) == b"file"


def test_files_that_the_storage_keeps_are_removed_later(shared, sandbox):
    creator = shared.make_creator()
    ids = bulk.make_videos(shared, creator, 12)
    path = bulk.put_file(shared, "videos", f"{creator}/later/1.mp4")
    shared.rows("update public.videos set storage_path = %s where id = %s", path, ids[0])
    sandbox.add_fault("DELETE /storage/v1/object", status=503)
    row = bulk.run(shared, "delete", creator, ids)
    assert (row["status"], row["result"]["deleted"]) == ("completed", 12), "the videos are gone all the same"
    assert bulk.doomed(shared) == 1 and bulk.get_file(shared, "videos", path)
    sandbox.reset()
    bulk.put_file(shared, "videos", path)
    shared.rows("update chronos.deleted_files set deleted_at = now() - interval '1 hour'")
    shared.rows("select chronos.trigger('remove-deleted-files')")
    shared.wait_until(lambda: bulk.doomed(shared) == 0, 20, "the file to be removed")
    assert bulk.get_file(shared, "videos", path) is None


def test_ten_thousand_ids_and_not_one_more(shared):
    creator = shared.make_creator()
    ids = bulk.make_videos(shared, creator, 300)
    operation, _ = bulk.start(shared, "delete", creator, [*ids, *(str(uuid.uuid4()) for _ in range(9700))])
    row = bulk.wait_ended(shared, operation, 180)
    assert (row["status"], row["result"]["deleted"], row["result"]["failed"]) == ("partial", 300, 9700)
    assert row["progress_current"] == 10000
    many = [str(uuid.UUID(int=n)) for n in range(10001)]
    operation = bulk.make_operation(shared, "delete", creator, many)
    bulk.send(shared, "delete", operation, creator, many)
    row = bulk.wait_ended(shared, operation)
    assert (row["status"], row["error_message"]) == (
        "failed", "videoIds has 10001 ids: at most 10000 are allowed, send them in parts")


# ---- operations ----

def fails(shared, kind, data, message):
    entry = shared.send_event(bulk.EVENTS[kind], data)
    run = shared.wait_for_run(entry, bulk.FUNCTIONS[kind], "failed")
    assert run["error_message"] == message
    shared.wait_until(lambda: p.handler_runs(shared, run["id"]), 20, "the handler")
    return run


@pytest.mark.parametrize("kind", ["delete", "export", "reprocess"])
def test_an_operation_that_does_not_exist_or_has_ended(shared, kind):
    creator, other, nobody = shared.make_creator(), shared.make_creator(), str(uuid.uuid4())
    ids = bulk.make_videos(shared, creator, 2)
    data = {"operationId": nobody, "creatorId": creator, "videoIds": ids}
    fails(shared, kind, data, f"there is no operation {nobody} of creator {creator}")
    for status in ("completed", "partial", "failed"):
        operation = bulk.make_operation(shared, kind, creator, ids, status=status, result={"deleted": 9})
        before = bulk.row(shared, operation)
        fails(shared, kind, {**data, "operationId": operation},
              f"operation {operation} has ended already ({status}): make a new one")
        assert bulk.row(shared, operation) == before
    operation = bulk.make_operation(shared, kind, creator, ids, status="in_progress")
    fails(shared, kind, {**data, "operationId": operation},
          f"operation {operation} is being worked on by another run")
    assert bulk.row(shared, operation)["status"] == "in_progress"
    operation = bulk.make_operation(shared, kind, creator, ids)
    fails(shared, kind, {**data, "operationId": operation, "creatorId": other},
          f"there is no operation {operation} of creator {other}")
    assert bulk.row(shared, operation)["status"] == "pending"
    wrong = "reprocess" if kind == "delete" else "delete"
    fails(shared, wrong, {**data, "operationId": operation}, f"operation {operation} is of type {kind}, not {wrong}")
    assert bulk.row(shared, operation)["status"] == "pending"
    assert bulk.left(shared, ids) == set(ids)


@pytest.mark.parametrize("videos, message", [
    ([], "videoIds must be an array of at least one video id"),
    ("all", "videoIds must be an array of at least one video id"),
    ({"a": 1}, "videoIds must be an array of at least one video id"),
])
def test_a_list_that_is_none_fails_the_operation_with_its_message(shared, videos, message):
    creator = shared.make_creator()
    operation = bulk.make_operation(shared, "delete", creator, [])
    bulk.send(shared, "delete", operation, creator, videos)
    row = bulk.wait_ended(shared, operation)
    assert (row["status"], row["error_message"]) == ("failed", message)


def test_fields_that_are_missing_are_named(shared):
    fails(shared, "delete", {"creatorId": shared.make_creator()}, "operationId is missing: send the id of a row of public.bulk_operations")
    fails(shared, "delete", {"operationId": "x"}, 'operationId "x" is not a UUID: take the id of a row of public.bulk_operations')
    fails(shared, "delete", {"operationId": str(uuid.uuid4())}, "creatorId is missing: send the id of a row of public.creators")


def test_without_a_list_the_rows_own_counts(shared):
    creator = shared.make_creator()
    ids = bulk.make_videos(shared, creator, 13)
    asked = [*ids, ids[3]]
    operation = bulk.make_operation(shared, "delete", creator, asked)
    shared.send_event("videos/bulk.delete", {"operation_id": operation, "creator_id": creator})
    row = bulk.wait_ended(shared, operation)
    assert row["result"] == {"deleted": 13, "failed": 0, "errors": []} and row["progress_total"] == 14


def test_the_same_event_twice_deletes_once(shared):
    creator = shared.make_creator()
    ids = bulk.make_videos(shared, creator, 30)
    operation, _ = bulk.start(shared, "delete", creator, ids)
    second = bulk.send(shared, "delete", operation, creator, ids)
    row = bulk.wait_ended(shared, operation)
    shared.wait_for_run(second, FN)
    p.wait_quiet(shared)
    assert row["result"] == {"deleted": 30, "failed": 0, "errors": []}
    assert bulk.row(shared, operation) == row


@pytest.mark.parametrize("reason", ("a mistake", "x" + "é" * 499), ids=("short", "the longest"))
def test_a_cancelled_operation_ends_as_failed(shared, reason):
    creator = shared.make_creator()
    ids = bulk.make_videos(shared, creator, 3)
    shared.wait_until(lambda: shared.value("select count(*) from chronos.functions where id = %s", FN), 10, "the function")
    shared.rows("select chronos.pause(%s)", FN)
    try:
        shared.wait_until(lambda: shared.redis.hget("{c0}:controls", "pause/" + FN), 10, "the pause")
        operation, entry = bulk.start(shared, "delete", creator, ids)
        shared.wait_until(lambda: shared.event(entry), 10, "the event to be recorded")
        shared.rows("select chronos.cancel(%s, %s)", shared.event(entry)["run_ids"][0], reason)
        row = bulk.wait_ended(shared, operation)
    finally:
        shared.rows("select chronos.resume(%s)", FN)
    assert (row["status"], row["error_message"]) == ("failed", "cancelled: " + reason)
    assert bulk.left(shared, ids) == set(ids)


def test_two_deletions_of_overlapping_lists_at_once(shared):
    """Each video is deleted by one of them, and told as not found by the other; nobody waits for the other for ever."""
    creator = shared.make_creator()
    ids = bulk.make_videos(shared, creator, 120)
    course = shared.value("insert into public.courses (creator_id, title) values (%s, 'c') returning id", creator)
    for n in range(6):
        shared.rows("""insert into public.course_modules (course_id, title, video_ids, display_order)
            values (%s, 'm', %s::uuid[], 1)""", course, ids[n::6])
    lists = [ids[:90], ids[:29:-1], ids[::2]]
    operations = [bulk.make_operation(shared, "delete", creator, asked) for asked in lists]
    for operation, asked in zip(operations, lists):
        bulk.send(shared, "delete", operation, creator, asked)
    rows = [bulk.wait_ended(shared, operation) for operation in operations]
    assert sum(r["result"]["deleted"] for r in rows) == 120
    for row, asked in zip(rows, lists):
        assert row["result"]["deleted"] + row["result"]["failed"] == len(asked)
        assert set(errors_of(row).values()) <= {NOT_FOUND}
    assert bulk.left(shared, ids) == set()
    assert shared.value("""select sum(cardinality(video_ids)) from public.course_modules
        where course_id = %s""", course) == 0
