"""What a scheduler looks through in history, when Redis has lost data."""
import re

import pytest

from conftest import ROOT
from harness.ids import ulid

HOUR_MS = 3600 * 1000


@pytest.fixture
def past(db):
    """Days of partitions from 15 days ago on."""
    db.execute("select chronos.ensure_partitions(15, 0)")
    return Past(db)


class Past:
    def __init__(self, db):
        self.db = db
        db.execute("select chronos.to_ms(now())")
        self.now_ms = db.fetchone()[0]
        self.numbers = 0

    def new_id(self, ms):
        self.numbers += 1
        return ulid(ms, self.numbers)

    def add_failed(self, hours_ago, told=None):
        """A run that failed, with its event and, unless told is None, an event of its end that was accepted so many hours ago."""
        ms = self.now_ms - int(hours_ago * HOUR_MS)
        run = self.new_id(ms)
        self.add_event(ms, "n", "{}", run)
        self.db.execute("insert into chronos.runs (id, accepted_at, function_id, status, finished_at) values"
                        " (%s, chronos.from_ms(%s), 'f', 'failed', chronos.from_ms(%s))", (run, ms, ms))
        if told is not None:
            self.add_event(self.now_ms - int(told * HOUR_MS), "inngest/function.failed", f'{{"run_id": "{run}"}}', None)
        return run

    def add_event(self, ms, name, data, run):
        self.db.execute("insert into chronos.events (id, accepted_at, name, data, outcome, function_ids, run_ids) values"
                        " (%s, chronos.from_ms(%s), %s, %s, 'accepted', %s, %s)",
                        (self.new_id(ms), ms, name, data, ["f"] if run else [], [run] if run else []))

    def since(self, hours_ago):
        beginning = "" if hours_ago is None else self.new_id(self.now_ms - int(hours_ago * HOUR_MS))[:10]
        self.db.execute("select set_config('chronos.live_since', %s, false)", (beginning,))


def query(name):
    """What the cursor is opened for."""
    text = (ROOT / "sql" / "queries" / "rebuild.sql").read_text()
    block = text.split(f"-- name: {name} ")[1].split("\n-- name: ")[0]
    return re.split(r"no scroll cursor for\n", block)[1]


def nodes(plan):
    yield plan
    for part in plan.get("Plans", []):
        yield from nodes(part)


def looks_for_ends(past):
    """(day, kind of access) for each partition in which events of ends are looked for."""
    past.db.execute("explain (format json) " + query("open_untold_ends"))
    [[[plan]]] = past.db.fetchall()
    return [(re.sub(r"\D", "", node["Relation Name"]), node["Node Type"]) for node in nodes(plan["Plan"])
            if re.fullmatch(r"told(_\d+)?", node.get("Alias", "")) and "Relation Name" in node]


def untold(past, hours_ago=None):
    past.since(hours_ago)
    past.db.execute(query("open_untold_ends"))
    return [row[0] for row in past.db.fetchall()]


def test_ends_are_found_that_nobody_was_told_of(past):
    past.add_failed(30, told=30)
    past.add_failed(30, told=2)  # by an engine whose events of ends had the time at which they came
    old, new = past.add_failed(30), past.add_failed(0.25)
    past.add_failed(0.25, told=0.25)
    assert untold(past) == [old, new]
    assert untold(past, hours_ago=1) == [new]


def test_a_look_at_the_last_hour_reads_no_history_of_before(past):
    past.since(1)
    past.db.execute("select to_char(now() at time zone 'UTC' - interval '1 day', 'YYYYMMDD')")
    yesterday = past.db.fetchone()[0]
    days = [day for day, _ in looks_for_ends(past) if day]
    assert days and min(days) >= yesterday, days


def test_events_of_ends_are_found_by_their_name(past):
    past.db.execute("insert into chronos.events (id, accepted_at, name, outcome) select 'x' || i, now(), 'n' || i % 100, 'accepted'"
                    " from generate_series(1, 20000) i")
    past.db.execute("analyze chronos.events")
    past.since(None)
    past.db.execute("select to_char(now() at time zone 'UTC', 'YYYYMMDD')")
    today = past.db.fetchone()[0]
    [kind] = [kind for day, kind in looks_for_ends(past) if day == today]
    assert kind in ("Index Scan", "Bitmap Heap Scan"), kind
