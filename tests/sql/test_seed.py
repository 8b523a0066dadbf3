"""The generator of believable data: the same arguments give the same rows, and they look like what schools have."""
import pytest

from ops.stack import seed

UNTIL = "2026-03-29T10:00:00Z"
TABLES = ("creators", "students", "videos", "courses", "course_modules", "module_lessons", "video_analytics_events")
# what the database itself stamps
STAMPED = "'{updated_at}'::text[]"


def plant(db, **arguments):
    db.execute(seed.statement(**{"creators": 30, "events": 9000, "seed": 5, "until": UNTIL, **arguments}))


def fingerprint(db):
    found = {}
    for table in TABLES:
        stamped = STAMPED if table.endswith(("creators", "students", "videos", "events")) else "'{updated_at,created_at}'::text[]"
        db.execute(f"select count(*), md5(string_agg((to_jsonb(t) - {stamped})::text, ' ' order by id)) from {table} t")
        found[table] = db.fetchone()
    return found


def one(db, sql):
    db.execute(sql)
    return db.fetchone()[0]


@pytest.fixture
def other(server, migrated):
    connection = server.connect(server.new_database(template=migrated))
    yield connection.cursor()
    connection.close()


def test_the_same_seed_gives_the_same_rows(db, other):
    plant(db)
    first = fingerprint(db)
    plant(db)
    assert fingerprint(db) == first, "a second time adds nothing"
    other.execute("set timezone to 'Asia/Kathmandu'")
    plant(other)
    other.execute("set timezone to 'UTC'")
    assert fingerprint(other) == first


def test_another_seed_gives_other_rows_beside_them(db):
    plant(db)
    plant(db, seed=6)
    assert one(db, "select count(*) from creators") == 60
    assert one(db, "select count(*) from video_analytics_events where event_type <> 'video_transcribed'") == 18000


def test_counts_are_those_asked_for(db):
    plant(db, videos=77, students=88, events=1000)
    assert [one(db, f"select count(*) from {t}") for t in ("creators", "videos", "students")] == [30, 77, 88]
    assert one(db, "select count(*) from video_analytics_events where event_type <> 'video_transcribed'") == 1000


def test_a_few_have_most_and_some_have_nothing(db):
    plant(db)
    shares = "select count(*) as n from video_analytics_events where event_type = 'video_started' group by {} order by 1 desc"
    most = one(db, f"select sum(n) from ({shares.format('creator_id')} limit 3) t")
    assert 0.35 < float(most) / 3000 < 0.75
    plant(db, seed=9, creators=200, videos=100, events=300)
    assert one(db, "select count(*) from creators c where not exists (select from videos v where v.creator_id = c.id)") > 50


def test_watching_has_its_days_and_hours(db):
    plant(db, events=30000)
    count = "select count(*) from video_analytics_events where event_type = 'video_started' and "
    weekend = one(db, count + "extract(isodow from created_at) > 5") / 2
    weekday = one(db, count + "extract(isodow from created_at) <= 5") / 5
    assert weekend < 0.6 * weekday
    assert one(db, count + "extract(hour from created_at) between 19 and 22") \
        > 5 * one(db, count + "extract(hour from created_at) between 1 and 4")


def test_rows_agree_with_each_other(db):
    plant(db)
    assert one(db, f"select max(created_at) <= '{UNTIL}' from video_analytics_events")
    assert one(db, """select count(*) from video_analytics_events e join videos v on v.id = e.video_id
        where e.created_at < v.created_at or e.creator_id <> v.creator_id""") == 0
    assert one(db, """select count(*) from video_analytics_events e join students s on s.id = e.student_id
        where s.creator_id <> e.creator_id""") == 0
    assert one(db, "select count(*) from video_analytics_events where student_id is null and event_type = 'video_started'") > 100
    assert 0 < one(db, "select count(*) from videos where is_deleted") < 100


@pytest.mark.parametrize("arguments, named", [({"creators": 0}, "creators"), ({"events": -1}, "events"),
                                              ({"videos": 0}, "videos"), ({"students": -5}, "students")])
def test_sizes_that_make_no_sense_are_refused(arguments, named):
    with pytest.raises(ValueError, match=named):
        seed.statement(**{"creators": 3, "events": 9, **arguments})
