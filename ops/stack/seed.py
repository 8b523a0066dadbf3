"""Believable data (sql/seed/believable.sql) as a statement, for `make seed`, the demo, tests and benchmarks."""

import os

DEFAULTS = {"creators": 100, "videos": None, "students": None, "events": 100000, "seed": 1, "until": None}
HELP = {"creators": "how many (100)", "videos": "how many in all (20 per creator)",
        "students": "how many in all (50 per creator)", "events": "watch events (100,000)",
        "seed": "the same number gives the same rows (1)",
        "until": "the present, as in 2026-01-31T12:00:00Z (now; part of what makes the same rows)"}


def file():
    return os.path.join(os.path.dirname(__file__), "..", "..", "sql", "seed", "believable.sql")


def statement(creators, events, seed=1, videos=None, students=None, until=None):
    """SQL that makes the rows, for a connection of its own. ValueError names an argument that makes no sense."""
    counts = {"creators": creators, "videos": 20 * creators if videos is None else videos,
              "students": 50 * creators if students is None else students, "events": events}
    for name, value in counts.items():
        if value < (name == "creators"):
            raise ValueError(f"{name} must be at least {int(name == 'creators')}, not {value}")
    if events and not counts["videos"]:
        raise ValueError("videos must be at least 1 where there are events")
    present = "now()" if until is None else "'" + until.replace("'", "''") + "'"
    with open(file(), encoding="utf-8") as f:
        definition = f.read()
    return f"""set client_min_messages to warning;
{definition}
select pg_temp.seed_believable({int(seed)}, {counts["creators"]}, {counts["videos"]}, {counts["students"]}, {events},
    {present}::timestamptz);
analyze public.creators, public.videos, public.students, public.video_analytics_events;
"""
