"""Operations on many videos: one delete of 500 beside 500 deletes of one, and an export of 100,000."""

import json
import os
import time
import uuid

from ops.stack import wait_until

from .resp import xadd
from .videos import make_creator

DELETED, EXPORTED = 500, 100000


def make_videos(bench, creator, count):
    bench.stack.postgres.sql(
        """insert into public.videos (creator_id, title, source_type, youtube_video_id, status, transcript)
           select :creator, 'Lesson ' || n, 'youtube', 'bench000001', 'completed', repeat('word ', 200)
           from generate_series(1, :count::integer) n""", creator=creator, count=count)


def make_operations(bench, kind, creator, size):
    """All videos of the creator in operations of that many: their events."""
    bench.stack.postgres.sql(
        """insert into public.bulk_operations (creator_id, operation_type, video_ids, progress_total)
           select :creator, :kind, array_agg(x.id order by x.n), count(*)
           from (select id, row_number() over (order by id) as n from public.videos where creator_id = :creator) x
           group by (x.n - 1) / :size::integer""", creator=creator, kind=kind, size=size)
    rows = bench.stack.postgres.rows("select id from public.bulk_operations where creator_id = :creator", creator=creator)
    return [xadd("videos/bulk." + kind, json.dumps({"operationId": r["id"], "creatorId": creator})) for r in rows]


def wait_ended(bench, creator, deadline=300):
    """Seconds since the first was asked for must be taken by the caller; every operation must have completed."""
    wait_until(lambda: bench.stack.postgres.sql(
        "select count(*) from public.bulk_operations where creator_id = :creator and completed_at is null",
        creator=creator) == "0", deadline, "the operations to end", logs=bench.stack.logs(), interval=0.02)
    wrong = bench.stack.postgres.rows(
        "select status, error_message from public.bulk_operations where creator_id = :creator and status <> 'completed'",
        creator=creator)
    if wrong:
        raise RuntimeError(f"{len(wrong)} operations were not completed: {wrong[0]}")


def timed(bench, kind, count, size):
    creator = make_creator(bench)
    make_videos(bench, creator, count)
    events = make_operations(bench, kind, creator, size)
    begin = time.monotonic()
    bench.send(events)
    wait_ended(bench, creator)
    return time.monotonic() - begin


def peak_memory_mb(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return next(int(line.split()[1]) / 1024 for line in f if line.startswith("VmHWM:"))


def measure(bench):
    bench.forget_history()
    folder = os.path.join(bench.stack.folder, "files-" + uuid.uuid4().hex)
    bench.start_daemons(wait=True, STORAGE_URL="file:" + folder)
    try:
        timed(bench, "delete", 1, 1)  # connections and prepared statements are made once
        together, single = timed(bench, "delete", DELETED, DELETED), timed(bench, "delete", DELETED, 1)
        seconds = timed(bench, "export", EXPORTED, EXPORTED)
        memory = peak_memory_mb(bench.worker.process.pid)
    finally:
        bench.stop_daemons()
    return {"delete_500_s": round(together, 2), "delete_one_by_one_s": round(single, 2),
            "delete_ratio": round(single / together, 1), "export_rows_per_s": round(EXPORTED / seconds),
            "export_peak_mb": round(memory, 1)}
