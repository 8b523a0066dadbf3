"""Exports: what is in the file, that it is stored, that its link works, and what the storage may refuse."""

import contextlib
import csv
import io
import re
import uuid

import bulk

HEADER = ["ID", "Title", "Description", "Status", "Duration (seconds)", "File Size (bytes)", "Source Type", "Created At",
          "Updated At", "Transcript Language"]
TITLES = ['say "hi", then', "two\nlines", "windows\r\nlines", "=HYPERLINK(\"http://evil\",\"x\")", "+1", "-2+3", "@SUM(A1)",
          "\t=1", "  =cmd|' /C calc'!A0", "🎉 Übung — 学习", "＝1+1", "", "'quoted'", "a;b|c"]


def exported(chronos, row):
    """The rows of the file behind the link."""
    text = bulk.download(row["result"]["download_url"]).decode("utf-8")
    assert text.endswith("\r\n") and not text.startswith("\ufeff")
    return list(csv.reader(io.StringIO(text, newline=""), strict=True))


def test_every_title_comes_back_and_none_is_a_formula(shared):
    creator = shared.make_creator()
    ids = bulk.make_videos(shared, creator, len(TITLES))
    for i, title in zip(ids, TITLES):
        shared.rows("update public.videos set title = %s, description = %s where id = %s", title, title[::-1], i)
    asked = ids[::-1]
    row = bulk.run(shared, "export", creator, asked)
    assert (row["status"], row["progress_current"], row["error_message"]) == ("completed", len(ids), None)
    header, *rows = exported(shared, row)
    assert header == HEADER
    assert [r[0] for r in rows] == asked, "in the order in which they were asked for"
    for cells, title in zip(rows, TITLES[::-1]):
        assert cells[1].removeprefix("'") == title.removeprefix("'")
        for cell in cells[1:3]:
            assert not re.match(r"[\s]*[=+\-@＝＋－＠]|[\t\r\n]", cell), f"{cell!r} would be executed"


def test_numbers_times_and_what_is_missing(shared):
    creator = shared.make_creator()
    ids = bulk.make_videos(shared, creator, 3)
    shared.rows("""update public.videos set duration_seconds = 61, file_size_bytes = 5368709120, description = 'd',
        created_at = '2025-11-20 12:34:56.789012+02' where id = %s""", ids[0])
    shared.rows("update public.videos set duration_seconds = 0, transcript_language = null where id = %s", ids[1])
    row = bulk.run(shared, "export", creator, ids)
    _, one, two, _ = exported(shared, row)
    assert one[2:8] == ["d", "completed", "61", "5368709120", "youtube", "2025-11-20T10:34:56.789012+00:00"]
    assert two[2] == "" and two[4:6] == ["", ""] and two[9] == ""
    raw = bulk.download(row["result"]["download_url"])
    assert raw.splitlines()[2].startswith(ids[1].encode() + b',"A video 2","",completed,,,youtube,')


def test_what_is_not_the_creators_is_told_and_left_out(shared):
    creator, other = shared.make_creator(), shared.make_creator()
    ids = bulk.make_videos(shared, creator, 5)
    foreign, nobody = bulk.make_videos(shared, other, 1)[0], str(uuid.uuid4())
    shared.rows("update public.videos set is_deleted = true where id = %s", ids[4])
    row = bulk.run(shared, "export", creator, [ids[0], foreign, *ids[1:], "bad", nobody, ids[0]])
    assert row["status"] == "partial" and (row["result"]["exported"], row["result"]["failed"]) == (4, 4)
    assert {e["video_id"] for e in row["result"]["errors"]} == {foreign, ids[4], '"bad"', nobody}
    assert [r[0] for r in exported(shared, row)[1:]] == ids[:4]


def test_an_export_of_nothing_failed_and_stores_nothing(shared):
    creator = shared.make_creator()
    operation, _ = bulk.start(shared, "export", creator, [str(uuid.uuid4())])
    row = bulk.wait_ended(shared, operation)
    assert (row["status"], row["error_message"]) == ("failed", "none of the videos could be exported")
    assert "download_url" not in row["result"] or row["result"]["download_url"] is None
    assert bulk.get_file(shared, "user-uploads", f"{creator}/exports/{operation}.csv") is None


def test_the_link_has_a_file_name_and_an_end(shared):
    creator = shared.make_creator()
    row = bulk.run(shared, "export", creator, bulk.make_videos(shared, creator, 1))
    result = row["result"]
    assert re.fullmatch(r"videos-export-\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d-\d{3}Z\.csv", result["file_name"])
    hours = result["expires_at_ms"] / 3600000 - row["completed_at"].timestamp() / 3600
    assert 23.9 < hours <= 24
    assert result["file_name"] in result["download_url"]


def test_a_bucket_that_refuses_fails_the_operation_with_its_words(shared, sandbox):
    creator = shared.make_creator()
    ids = bulk.make_videos(shared, creator, 3)
    sandbox.add_fault("POST /storage/v1/object/user-uploads", status=400, body={
        "statusCode": "415", "error": "invalid_mime_type", "message": "mime type text/csv is not supported",
        "code": "InvalidMimeType"})
    row = bulk.run(shared, "export", creator, ids)
    assert row["status"] == "failed" and row["completed_at"] is not None
    assert "text/csv is not supported" in row["error_message"]


def test_a_storage_that_is_away_for_a_moment_is_asked_again(shared, sandbox):
    creator = shared.make_creator()
    sandbox.add_fault("POST /storage/v1/object/user-uploads", status=503, times=2)
    row = bulk.run(shared, "export", creator, bulk.make_videos(shared, creator, 3))
    assert row["status"] == "completed" and len(exported(shared, row)) == 4


def test_ten_thousand_ids_in_an_event(shared):
    creator = shared.make_creator()
    ids = bulk.make_videos(shared, creator, 300)
    asked = [*ids[:150], *(str(uuid.uuid4()) for _ in range(9700)), *ids[150:]]
    row = bulk.run(shared, "export", creator, asked, 120)
    assert (row["status"], row["result"]["exported"], row["result"]["failed"]) == ("partial", 300, 9700)
    assert len(row["result"]["errors"]) == 1000, "the rest is counted"
    assert [r[0] for r in exported(shared, row)[1:]] == ids


def test_a_hundred_thousand_ids_and_not_one_more(shared):
    creator = shared.make_creator()
    operation = bulk.make_operation(shared, "export", creator, [str(uuid.UUID(int=n)) for n in range(100001)])
    bulk.send(shared, "export", operation, creator)
    row = bulk.wait_ended(shared, operation)
    assert (row["status"], row["error_message"]) == (
        "failed", f"operation {operation} has 100001 ids: at most 100000 are allowed")


def test_in_a_long_list_only_the_first_place_of_an_id_counts(shared):
    """Wherever the others are: beside it, in the same page of 500, in the next one, at the end of the list."""
    creator = shared.make_creator()
    ids = bulk.make_videos(shared, creator, 200)
    nobody = [str(uuid.uuid4()) for _ in range(19000)]
    asked = [ids[0], ids[0], *ids[:150], *nobody[:400], *ids[100:], *nobody[400:], nobody[0], *ids, *ids[::-1]]
    asked += ids[:1] * (20000 - len(asked))
    operation = bulk.make_operation(shared, "export", creator, asked)
    with noted_progress(shared, operation) as seen:
        bulk.send(shared, "export", operation, creator)
        row = bulk.wait_ended(shared, operation, 120)
    assert (row["status"], row["result"]["exported"], row["result"]["failed"]) == ("partial", 200, 19000)
    assert row["progress_current"] == row["progress_total"] == 20000
    assert [r[0] for r in exported(shared, row)[1:]] == ids


@contextlib.contextmanager
def noted_progress(shared, operation):
    """Gives a list that holds, after the block, what each transaction made the operation's progress: looking again and again would miss
    some where the machine is busy."""
    seen = []
    shared.rows("create table public.noted (tx xid8, n integer)")
    shared.rows("""create function public.note() returns trigger language plpgsql security definer as
        $$ begin insert into public.noted values (pg_current_xact_id(), new.progress_current); return null; end $$""")
    shared.rows(f"create trigger note after update on public.bulk_operations for each row when (new.id = '{operation}') execute function public.note()")
    try:
        yield seen
        seen += [row["n"] for row in shared.rows("select max(n) as n from public.noted group by tx order by 1")]
    finally:
        shared.rows("drop function public.note() cascade")
        shared.rows("drop table public.noted")


def test_progress_can_be_read_while_it_runs(shared, sandbox):
    """A list that is longer than an event may be is in the row; its pages are counted as they are written."""
    creator = shared.make_creator()
    ids = bulk.make_videos(shared, creator, 20000)
    asked = [*ids, *ids[:5]]
    operation = bulk.make_operation(shared, "export", creator, asked)
    with noted_progress(shared, operation) as seen:
        bulk.send(shared, "export", operation, creator)
        row = bulk.wait_ended(shared, operation)
    assert (row["status"], row["result"]["exported"], row["result"]["failed"]) == ("completed", 20000, 0)
    assert len([n for n in seen if 0 < n < len(asked)]) > 3, seen
    assert [r[0] for r in exported(shared, row)[1:]] == ids
