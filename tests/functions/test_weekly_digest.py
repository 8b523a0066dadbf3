def test_each_creator_is_told_once_what_became_of_the_week(shared):
    creators = [shared.make_creator() for _ in range(103)]
    for n, creator in enumerate(creators):
        shared.make_video("youtube", creator, status="failed" if n == 5 else "completed", processing_completed_at="now")
    shared.make_video("youtube", creators[0], status="completed", processing_completed_at="2020-01-01")
    shared.wait_until(lambda: shared.rows("select id from chronos.functions where id = 'weekly-digest'"), 20, "the function")
    shared.rows("select chronos.trigger('weekly-digest')")
    (run,) = shared.wait_for_function("weekly-digest")
    assert run["status"] == "completed"
    told = "select data from chronos.events where name = 'creator/weekly.digest'"
    shared.wait_until(lambda: len(shared.rows(told)) >= 103, 20, "the events")
    digests = {r["data"]["creatorId"]: (r["data"]["completed"], r["data"]["failed"]) for r in shared.rows(told)}
    assert len(shared.rows(told)) == 103 and digests == {c: (0, 1) if n == 5 else (1, 0) for n, c in enumerate(creators)}
