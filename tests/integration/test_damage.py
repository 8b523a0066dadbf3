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
