"""The lists that the application's front end asks for, page by page."""
import psycopg2
import pytest


@pytest.fixture(params=["videos", "operations"])
def listed(request, db, video):
    """page(before, most) of three rows of one transaction; its ids, and `next`."""
    db.execute("begin")
    for n in range(3):
        if request.param == "videos":
            video(f"Lesson {n}")
        else:
            db.execute("insert into bulk_operations (creator_id, operation_type, video_ids, status, progress_total)"
                       " values (%s, 'export', '{}', 'pending', 1)", (video.creator,))
    db.execute("commit")

    def page(before=None, most=2):
        if request.param == "videos":
            db.execute("select (chronos.api_video_list(%s, null, null, %s, %s)).body", (str(video.creator), before, most))
        else:
            db.execute("select (chronos.api_bulk_list(%s, %s, %s)).body", (str(video.creator), before, most))
        body = db.fetchone()[0]
        return [row["id"] for row in body["data"]], body["next"]
    return page


def test_rows_of_one_transaction_are_all_on_some_page(listed):
    first, middle = listed()
    last, end = listed(middle)
    assert len(first) == 2 and len(last) == 1 and len({*first, *last}) == 3 and end is None
    assert listed(most=3)[0] == first + last


def test_a_page_that_is_just_full_has_an_empty_one_after_it(listed):
    _, after = listed(most=3)
    assert listed(after) == ([], None)


def test_a_time_alone_is_before_all_of_it(listed):
    """As pages ended when there were no ids in it."""
    time = listed()[1].partition(",")[0]
    assert listed(time) == ([], None)
    assert len(listed("infinity", 3)[0]) == 3


@pytest.mark.parametrize("bad", ["soon", "2026-01-31T00:00:00Z,x", "2026-01-31T00:00:00Z,", ""])
def test_what_is_no_cursor(listed, bad):
    with pytest.raises(psycopg2.DataError):
        listed(bad)
