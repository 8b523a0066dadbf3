"""Runs that somebody has damaged in Redis end where people look, and give their slots back."""

from promises import check_promises


def test_a_run_whose_input_is_gone_fails_and_gives_its_slots_back(engine):
    engine.start(workers=1)
    engine.run("test/limited", {"creatorId": "a"})
    worker = engine.stack.daemons["worker-1"]
    worker.stop()
    entry = engine.send("test/limited", {"creatorId": "a"})
    engine.wait_until(lambda: len(engine.slots()) == 2, 10, "the run to be admitted", seen=engine.slots)
    (key,) = engine.keys("input:*")
    run_id = key.split(":")[-1]
    assert engine.redis.delete(key) == 1
    worker.start()
    # not found by its event, which only the input named
    run = engine.wait_until(lambda: engine.rows("select * from chronos.runs where id = %s", run_id), 20, "the run")[0]
    assert engine.event(entry)["run_ids"] == [run_id]
    assert (run["status"], run["error_code"], run["error_message"]) == ("failed", "bug", "the run's input is missing")
    check_promises(engine)


def test_a_ready_stream_of_the_wrong_type_stops_no_other_function(engine):
    """Neither new runs of others nor those of a worker that has died."""
    engine.start(workers=2)
    engine.run("test/echo")
    engine.redis.delete("{c0}:ready:test-napper")
    engine.redis.set("{c0}:ready:test-napper", "by hand")
    entries = [engine.send("test/slow", {"ms": 1000}) for _ in range(2)]
    entries += [engine.send("test/echo", {"n": n}) for n in range(20)]
    engine.wait_for(function="test-slow", what="start")
    engine.daemon("worker-1").kill()
    for entry in entries:
        engine.wait_for_run(entry, status="completed", deadline=40)
    assert engine.log_contains("code=(claim-failed.*{c0}:ready:|ready-unreadable.*)test-napper", "worker-2")
    engine.redis.delete("{c0}:ready:test-napper")
    engine.daemon("worker-2").restart()
    napper = engine.send("test/napper", {"naps": 1})
    engine.wait_until(lambda: engine.runs_of(napper), 20, "the run of the function whose stream it was")


def test_a_run_that_cannot_be_read_stops_no_other(engine):
    """Nor is any of the others executed twice, which were delivered together with it."""
    engine.start(workers=1)
    engine.run("test/echo")
    worker = engine.daemon("worker-1")
    worker.stop()
    entries = [engine.send("test/once", {"key": f"k{n}"}) for n in range(20)]
    engine.wait_until(lambda: engine.redis.xlen("{c0}:ready:test-once") == 20, 10, "the runs to be ready")
    ready = [fields["run"] for _, fields in engine.redis.xrange("{c0}:ready:test-once")]
    engine.redis.delete("{c0}:run:" + ready[10])
    engine.redis.set("{c0}:run:" + ready[10], "by hand")
    worker.start()
    others = set(ready) - {ready[10]}
    engine.wait_until(lambda: engine.run_ids("test-once") >= others, 30, "the other runs", seen=lambda: engine.run_ids("test-once"))
    for run in others:
        assert engine.value("select count(*) from chronos.run_steps where run_id = %s", run) == \
            engine.value("select count(distinct step) from chronos.run_steps where run_id = %s", run)
    steps = [(h.run, h.step, h.attempt) for h in engine.happenings(what="start", function="test-once")]
    assert len(steps) == len(set(steps)), "a step ran twice"
    assert len(entries) == 20
