"""Forty videos of one creator and five of another at the same time, against captions that take their time: the limit
per creator holds at every instant, and the small creator does not wait behind the big one."""

import threading

import pytest

import pipeline as p

LIMIT = 20
MANY, FEW = 40, 5
CAPTIONS_MS = 700


class Watcher:
    """Looks at the slots in Redis all the time and keeps the most that it saw of each limit."""

    def __init__(self, chronos):
        self.chronos = chronos
        self.most = {}
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self.watch)

    def watch(self):
        while not self.ending.wait(0.002):
            for limit, runs in p.slots(self.chronos).items():
                self.most[limit] = max(self.most.get(limit, 0), len(runs))

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ending.set()
        self.thread.join()


class Crowd:
    def __init__(self, chronos, prefix, count):
        self.creator = chronos.make_creator()
        self.videos = [chronos.make_video("youtube", self.creator, youtube_video_id=f"{prefix}{n:03}")
                       for n in range(count)]
        self.entries = [p.extract(chronos, v, source="youtube") for v in self.videos]

    def finish(self, chronos):
        self.runs = [chronos.wait_for_run(e, p.EXTRACT, "completed", 60) for e in self.entries]
        ids = [r["id"] for r in self.runs]
        self.steps = chronos.rows("""select run_id, started_at, finished_at from chronos.run_steps
            where run_id = any(%s) and step = 'extract-transcript'""", ids)


@pytest.fixture(scope="module")
def crowds(shared):
    """(the big one, the small one, what the watcher saw, the requests for captions)"""
    sandbox = shared.stack.sandbox
    shared.stack.start_worker(CHRONOS_WORKER_THREADS=32)  # so that threads are not what limits
    sandbox.add_fault("GET /youtube/api/timedtext", delay_ms=CAPTIONS_MS)
    with Watcher(shared) as watcher:
        big = Crowd(shared, "bulkCrwd", MANY)
        small = Crowd(shared, "bulkFewx", FEW)
        big.finish(shared)
        small.finish(shared)
    asked = sandbox.requests(path="/api/timedtext")["requests"]
    for crowd in (big, small):
        for video in crowd.videos:
            p.wait_for_embeddings(shared, video)
    p.wait_quiet(shared)
    return big, small, watcher.most, asked


def most_at_once(steps):
    """The largest number of steps that were running at one instant."""
    changes = sorted([(s["started_at"], 1) for s in steps] + [(s["finished_at"], -1) for s in steps])
    now = most = 0
    for _, change in changes:
        now += change
        most = max(most, now)
    return most


def test_no_creator_runs_more_than_the_limit_at_once(crowds):
    big, small, most, _ = crowds
    mine = {limit: n for limit, n in most.items() if big.creator in limit}
    assert len(mine) == 3, "the limit of the function, the creator's over all functions, and who counts for the budget"
    assert set(mine.values()) == {LIMIT}, "the limit is reached and not exceeded"
    assert max(n for limit, n in most.items() if small.creator in limit) <= FEW
    assert most_at_once(big.steps) <= LIMIT


def test_the_limit_is_what_the_provider_sees(crowds):
    """Both creators together, and never more at once than their limits allow."""
    _, _, _, asked = crowds
    assert len(asked) == MANY + FEW
    at_once = max(r["in_flight"] for r in asked)
    assert LIMIT * 3 // 4 <= at_once <= LIMIT + FEW


def test_the_small_creator_does_not_wait_for_the_backlog(crowds):
    big, small, _, _ = crowds
    began = sorted(s["started_at"] for s in big.steps)
    assert max(s["started_at"] for s in small.steps) < began[LIMIT], "the backlog began first"
    assert max(s["finished_at"] for s in small.steps) < max(s["finished_at"] for s in big.steps)


def test_everything_is_done_and_every_slot_is_free(shared, crowds):
    big, small, _, _ = crowds
    states = shared.rows("""select status, count(*) as n from public.videos where creator_id = any(%s::uuid[])
        group by status""", [big.creator, small.creator])
    assert states == [{"status": "completed", "n": MANY + FEW}]
    for crowd in (big, small):
        (usage,) = p.usage_rows(shared, crowd.creator)
        assert len(usage["metadata"]["transcript_costs"]) == len(crowd.videos)
        assert len(usage["metadata"]["embedding_costs"]) == len(crowd.videos)
        assert usage["ai_credits_used"] == len(crowd.videos)
    assert p.slots(shared) == {}
