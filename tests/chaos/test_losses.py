"""What was committed in Redis and lost with it, before Postgres had all of it."""

import psycopg2
import pytest


@pytest.mark.xfail(strict=True, reason="the run is archived, its failure event was only in redis")
def test_a_failure_is_told_although_redis_lost_the_event_of_it(whole):
    """The run's end is in Postgres already, so that nothing is rebuilt that could tell it."""
    whole.stack.start_scheduler()
    entry = whole.send("test/permanent", {"creatorId": "c"})
    whole.wait_until(lambda: whole.event(entry), 20, "the event in Postgres")
    recording = psycopg2.connect(whole.stack.database_url)
    with recording.cursor() as c:
        c.execute("lock table chronos.events in share row exclusive mode")  # no event is recorded now
        whole.stack.start_worker(wait=False)
        whole.wait_for_run(entry, "test-permanent", "failed")
        whole.daemon("scheduler-1").kill()
        whole.redis.flushall()
    recording.close()
    whole.daemon("scheduler-1").start(wait=False)
    whole.wait_until(lambda: whole.rows("select from chronos.events where name = 'inngest/function.failed'"), 8,
                     "the failure event")
    whole.wait_for(function="test-handler", what="handled")
