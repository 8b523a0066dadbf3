"""search_video_chunks_text: what arithmetic finds, with pgvector and without."""
import math
import random

import psycopg2
import pytest

from conftest import ROOT

DIMENSIONS = 1536


def axis(*weights):
    """A vector with these first components."""
    return list(weights) + [0.0] * (DIMENSIONS - len(weights))


def text(vector):
    return "[" + ",".join(repr(x) for x in vector) + "]"


def add_chunk(db, video, index, vector):
    db.execute("insert into video_chunks (video_id, chunk_index, chunk_text, embedding,"
               " start_time_seconds, end_time_seconds, word_count)"
               " values (%s, %s, %s, chronos.embedding_in(%s), 10, 20, 3)",
               (video, index, f"chunk {index}", None if vector is None else text(vector)))


def search(db, vector, count=5, threshold=0.7, videos=None):
    db.execute("select chunk_text, similarity, video_id, start_time_seconds, end_time_seconds"
               " from chronos.search_video_chunks_text(%s, %s, %s, %s::uuid[])",
               (text(vector), count, threshold, videos))
    return db.fetchall()


def names(rows):
    return [row[0] for row in rows]


@pytest.fixture
def chunks(db, video):
    v = video()
    for i, vector in enumerate((axis(0.8, 0.6), axis(1.0), None, axis(0.0, 1.0), axis(0.6, 0.8),
                                axis(-1.0))):
        add_chunk(db, v, i, vector)
    return v


def test_nearest_come_first_with_their_similarity(db, chunks):
    rows = search(db, axis(1.0), threshold=-2)
    assert names(rows) == ["chunk 1", "chunk 0", "chunk 4", "chunk 3", "chunk 5"]
    assert [row[1] for row in rows] == pytest.approx([1, 0.8, 0.6, 0, -1], abs=1e-6)
    assert rows[0][2:] == (chunks, 10, 20)


def test_the_threshold_itself_is_not_enough(db, video):
    v = video()
    add_chunk(db, v, 0, axis(0.5, 0.5, 0.5, 0.5))  # exactly half the way in floats
    assert names(search(db, axis(1.0), threshold=0.4999)) == ["chunk 0"]
    assert names(search(db, axis(1.0), threshold=0.5)) == []


def test_defaults_are_five_and_seven_tenths(db, chunks):
    for i in range(6, 14):
        add_chunk(db, chunks, i, axis(1.0))
    db.execute("select chunk_text from search_video_chunks(chronos.embedding_in(%s))",
               (text(axis(1.0)),))
    assert len(db.fetchall()) == 5
    assert names(search(db, axis(0.0, 0.0, 1.0))) == []


def test_a_filter_names_videos_and_null_means_all(db, video, chunks):
    other = video("other")
    add_chunk(db, other, 77, axis(1.0))
    assert names(search(db, axis(1.0), videos=[other])) == ["chunk 77"]
    assert names(search(db, axis(1.0), videos=[])) == []
    assert sorted(names(search(db, axis(1.0)))) == ["chunk 0", "chunk 1", "chunk 77"]


def test_length_does_not_matter(db, video):
    v = video()
    add_chunk(db, v, 0, axis(30.0, 40.0))
    add_chunk(db, v, 1, axis(0.0))
    rows = search(db, axis(0.003, 0.004), threshold=-2)
    assert names(rows) == ["chunk 0"]
    assert rows[0][1] == pytest.approx(1, abs=1e-6)
    assert search(db, axis(0.0), threshold=-2) == []


def test_random_vectors_agree_with_arithmetic(db, video):
    v, rng = video(), random.Random(7)
    vectors = [[rng.uniform(-1, 1) for _ in range(DIMENSIONS)] for _ in range(20)]
    for i, vector in enumerate(vectors):
        add_chunk(db, v, i, vector)

    def cosine(a, b):
        return (sum(x * y for x, y in zip(a, b))
                / math.sqrt(sum(x * x for x in a) * sum(y * y for y in b)))
    query = vectors[3]
    expected = sorted(((cosine(vector, query), f"chunk {i}") for i, vector in enumerate(vectors)),
                      reverse=True)[:7]
    rows = search(db, query, count=7, threshold=-2)
    assert names(rows) == [name for _, name in expected]
    assert [row[1] for row in rows] == pytest.approx([s for s, _ in expected], abs=1e-5)


@pytest.mark.parametrize("vector", [[1.0] * 1535, [1.0] * 1537, [], [float("nan")] + [0.0] * 1535,
                                    [float("inf")] + [0.0] * 1535])
def test_what_is_no_embedding_is_refused(db, video, vector):
    with pytest.raises((psycopg2.errors.CheckViolation, psycopg2.DataError)):
        add_chunk(db, video(), 0, vector)


@pytest.mark.parametrize("value", ["", "nonsense", "[1,2", "[1,null]", "[]", "[[1],[2]]", "[1,2]", "[NaN" + ",1" * 1535 + "]",
                                   "[1" + ",1" * 1534 + ",-Infinity]", "[null" + ",1" * 1535 + "]"])
def test_a_query_that_is_no_embedding_is_the_inputs_fault(db, chunks, value):
    with pytest.raises(psycopg2.Error) as caught:
        db.execute("select * from chronos.search_video_chunks_text(%s)", (value,))
    assert caught.value.pgcode.startswith("22")


# ---- the saved query ----

def saved_search(db, vector, count=5, threshold=-2, creator=None):
    text_of_query = (ROOT / "sql" / "queries" / "search.sql").read_text().split("-- name: search_chunks :many")[1]
    db.execute("prepare saved_search as " + text_of_query)
    db.execute("execute saved_search (%s, %s, %s, %s)", (text(vector), count, threshold, creator))
    rows = db.fetchall()
    db.execute("deallocate saved_search")
    return rows


def test_the_saved_query_finds_what_arithmetic_finds_with_its_video(db, video):
    videos, rng = [video(f"video {i}") for i in range(3)], random.Random(11)
    vectors = [[rng.uniform(-1, 1) for _ in range(DIMENSIONS)] for _ in range(12)]
    for i, vector in enumerate(vectors):
        add_chunk(db, videos[i % 3], i, vector)
    query = vectors[5]

    def cosine(a, b):
        return sum(x * y for x, y in zip(a, b)) / math.sqrt(sum(x * x for x in a) * sum(y * y for y in b))
    expected = sorted(((cosine(v, query), f"chunk {i}", f"video {i % 3}") for i, v in enumerate(vectors)), reverse=True)[:6]
    rows = saved_search(db, query, count=6)
    assert [(row[4], row[2]) for row in rows] == [(chunk, title) for _, chunk, title in expected]
    assert [row[7] for row in rows] == pytest.approx([s for s, _, _ in expected], abs=1e-5)


def test_the_saved_query_shows_no_deleted_and_no_other_creators_video(db, video, chunks):
    gone = video("gone")
    add_chunk(db, gone, 50, axis(1.0))
    db.execute("update videos set is_deleted = true where id = %s", (gone,))
    assert [row[4] for row in saved_search(db, axis(1.0), count=1)] == ["chunk 1"]
    assert len(saved_search(db, axis(1.0), creator=video.creator)) == 5
    assert saved_search(db, axis(1.0), creator=chunks) == []
