"""search_video_chunks_text with pgvector and so many chunks that its index is asked. Only where the server has pgvector."""
import random

import pytest

from test_search import DIMENSIONS, add_chunk, axis, names, search

CHUNKS = 300


@pytest.fixture
def many(db, video):
    """Two videos with many chunks each, more than are compared one by one; {video: vectors}. Those of the second are far from the first's."""
    db.execute("select from pg_extension where extname = 'vector'")
    if db.fetchone() is None:
        pytest.skip("the server has no pgvector")
    db.execute("create or replace function chronos.exact_search_limit() returns integer language sql stable as 'select 20'")
    rng, videos = random.Random(3), {}
    for side in (1.0, -1.0):
        v = video(f"video {side}")
        videos[v] = [axis(side, *(rng.uniform(-0.3, 0.3) for _ in range(8))) for _ in range(CHUNKS)]
        for i, vector in enumerate(videos[v]):
            add_chunk(db, v, i, vector)
    db.execute("analyze video_chunks")
    return videos


def plans(db):
    """The plans of what functions ask, from now on, where an index that can be used is used: for so few rows it would not be."""
    db.execute("load 'auto_explain'; set auto_explain.log_min_duration = 0; set auto_explain.log_nested_statements = on;"
               " set client_min_messages = log; set enable_seqscan = off; set enable_bitmapscan = off")
    notices = db.connection.notices
    del notices[:]
    return notices


def test_among_many_the_index_is_asked(db, many):
    notices = plans(db)
    near, _ = many.values()
    rows = search(db, near[7], count=5, threshold=-2)
    assert rows[0][0] == "chunk 7" and rows[0][1] == pytest.approx(1, abs=1e-5)
    assert len(rows) == 5 and [row[1] for row in rows] == sorted((row[1] for row in rows), reverse=True)
    assert "Index Scan using idx_video_chunks_embedding" in "".join(notices)


def test_among_few_it_is_not(db, many):
    db.execute("create or replace function chronos.exact_search_limit() returns integer language sql stable as 'select 10000'")
    notices = plans(db)
    search(db, axis(1.0), count=5, threshold=-2)
    assert "idx_video_chunks_embedding" not in "".join(notices)


def test_a_filter_takes_nothing_away_that_is_wanted(db, many):
    """What is nearest to the question is all of another video."""
    first, second = many
    rows = search(db, many[first][0], count=12, threshold=-2, videos=[second])
    assert len(rows) == 12 and {row[2] for row in rows} == {second}
    cosine = [(sum(a * b for a, b in zip(many[first][0], v))
               / (sum(a * a for a in many[first][0]) * sum(b * b for b in v)) ** 0.5, f"chunk {i}") for i, v in enumerate(many[second])]
    nearest = {name for _, name in sorted(cosine, reverse=True)[:12]}
    assert len(nearest & set(names(rows))) >= 10  # an index may leave one out


def test_more_than_the_index_knows_are_found_all_the_same(db, many):
    db.execute("create or replace function chronos.exact_search_limit() returns integer language sql stable as 'select 599'")
    first, second = many
    assert len(search(db, axis(1.0), count=500, threshold=-2)) == 500


def test_settings_are_what_they_were(db, many):
    db.execute("set ivfflat.probes = 3")
    db.execute("begin")
    search(db, axis(1.0), threshold=-2)
    db.execute("show ivfflat.probes")
    assert db.fetchone() == ("3",)
    db.execute("commit")


def test_the_threshold_is_kept_by_the_index_as_well(db, many):
    assert search(db, axis(*[0.0] * (DIMENSIONS - 1), 1.0), threshold=0.7) == []
