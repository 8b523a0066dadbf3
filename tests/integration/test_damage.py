"""Runs that somebody has damaged in Redis end where people look, and give their slots back."""

from promises import check_promises


def test_a_run_whose_input_is_gone_fails_and_gives_its_slots_back(engine):
    engine.start(workers=1)
    engine.run("test/limited", {"creatorId": "a"})
    worker = engine.stack.daemons["worker-1"]
    worker.stop()
    entry = engine.send("test/limited", {"creatorId": "a"})
    engine.wait_until(lambda: len(engine.slots()) == 2, 10, "the run to be admitted", seen=engine.slots)
    (key,) = engine.redis.keys("{c0}:input:*")
    assert engine.redis.delete(key) == 1
    worker.start()
    run = engine.wait_for_run(entry, status="failed")
    assert (run["error_code"], run["error_message"]) == ("bug", "the run's input is missing")
    check_promises(engine)
