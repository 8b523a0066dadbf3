"""Random calls against a model of what the scripts promise; after each call Redis and the model must agree.

    CHRONOS_TEST_SEED=n           the same calls again (a failure prints its seed and the last calls)
    CHRONOS_TEST_FUZZ_SECONDS=s   how long; 15 unless told

The model knows for each run where it is: parked, waiting, admitted (perhaps leased) or done. Who is admitted by enqueue
and by a timer follows from it exactly. Who is admitted when a slot comes back is the scripts' choice: it must be the
first of its queue, no limit may be passed, and nobody may be left waiting who could have been admitted.
"""

import collections
import os
import random
import time

from partition import NOW, outcome, run

FAR = 10**7  # ms: nothing becomes due by itself
KEYS = ["a", "b:x", "c"]
LIMITS = {"f": ["fn/f:$", "own:$", "all"], "g": ["own:$", "all"], "h": ["fn/h", "all"], "free": []}
WORKERS = ["w1", "w2", "w3"]
LEFTOVERS = {"schedulers", "limits", "seq", "events", "history", *("ready:" + fn for fn in LIMITS)}


class Run:
    def __init__(self, templates, run_id, fn, key, seq):
        self.templates, self.id, self.fn, self.key, self.seq = templates, run_id, fn, key, seq
        self.state = None  # parked, waiting, admitted, done
        self.admitted_by = None  # the limits of the function as they were then
        self.worker = self.entry = self.last = None
        self.results, self.deaths, self.begun = {}, 0, False

    @property
    def limits(self):
        names = self.admitted_by if self.state == "admitted" else self.templates[self.fn]
        return [name.replace("$", self.key) for name in names]

    def admit(self):
        self.admitted_by = self.templates[self.fn]
        self.state = "admitted"

    @property
    def queue(self):
        return f"{self.fn}{'+' if self.begun else ''}:{self.key}"


class Model:
    def __init__(self, p, rnd):
        self.p, self.rnd = p, rnd
        self.runs, self.seq, self.calls = {}, 0, collections.deque(maxlen=30)
        self.max = {name: rnd.randint(1, 4) for names in LIMITS.values() for name in names}
        self.templates = dict(LIMITS)
        self.held = collections.Counter()
        self.numbers = iter(range(1, 10**9))
        p.redis.flushall()
        p.redis.hset(p.key("schedulers"), "s1", 1)
        for fn in LIMITS:
            p.redis.xgroup_create(p.key("ready:" + fn), "workers", "0", mkstream=True)
        self.install_limits()

    # ---- what the model knows ----
    def template(self, name):
        return next(t for names in LIMITS.values() for t in names
                    if name == t or t.endswith(":$") and name.startswith(t[:-1]))

    def names(self):
        return sorted({t.replace("$", key) for names in LIMITS.values() for t in names for key in KEYS})

    def those(self, state):
        return [r for r in self.runs.values() if r.state == state]

    def holders(self, name):
        return {r.id for r in self.those("admitted") if name in r.limits}

    def is_full(self, name):
        return len(self.holders(name)) >= self.max[self.template(name)]

    def queue_of(self, queue):
        return sorted((r for r in self.those("waiting") if r.queue == queue), key=lambda r: r.seq)

    def admit_or_wait(self, r):
        stands = r.limits and self.queue_of(r.queue)
        if stands or any(self.is_full(name) for name in r.limits):
            r.state = "waiting"
            return False
        r.admit()
        return True

    def leases(self, worker):
        return [r for r in self.runs.values() if r.worker == worker]

    def drop_lease(self, r):
        r.last, r.worker, r.entry = r.entry, None, None

    # ---- calls ----
    def install_limits(self):
        for fn, names in self.templates.items():
            text = "".join(f"{self.max[name]} {name}\n" for name in names)
            self.p.redis.hset(self.p.key("limits"), fn, text)

    def enqueue(self):
        batch, expected = [], []
        for _ in range(self.rnd.randint(0, 6)):
            self.seq += 1
            if self.runs and self.rnd.random() < 0.1:
                old = self.rnd.choice(list(self.runs.values()))
                batch.append(run(old.id, old.fn, old.key))
                expected.append(3)
                continue
            r = Run(self.templates, f"r{next(self.numbers)}", self.rnd.choice(list(LIMITS)), self.rnd.choice(KEYS), self.seq)
            future = self.rnd.random() < 0.2
            batch.append(run(r.id, r.fn, r.key, due=self.p.now_ms() + FAR if future else self.rnd.choice([0, 1])))
            if future:
                r.state = "parked"
            else:
                self.admit_or_wait(r)
            expected.append({"parked": 2, "waiting": 1, "admitted": 0}[r.state])
            self.runs[r.id] = r
        self.calls.append(("enqueue", batch))
        assert self.p.enqueue(*batch) == [0] + expected
        self.check(may_admit=False)
        if batch and self.rnd.random() < 0.2:
            self.seq += len(batch)
            assert self.p.enqueue(*batch) == [0] + [3] * len(batch)

    def claim(self):
        worker, most = self.rnd.choice(WORKERS), self.rnd.randint(0, 5)
        functions = self.rnd.sample(list(LIMITS), self.rnd.randint(1, len(LIMITS)))
        self.calls.append(("claim", worker, most, functions))
        claimed = self.p.claim(worker, most, *functions)
        free = [r for r in self.those("admitted") if r.worker is None and r.fn in functions]
        assert len(claimed) == min(most, len(free))
        for index, entry, run_id, fields, data, steps in claimed:
            r = self.runs[run_id]
            assert r in free and functions[index] == r.fn
            assert (fields["key"], fields.get("deaths", "0"), data) == (r.key, str(r.deaths), "{}")
            assert steps == r.results
            free.remove(r)
            r.worker, r.entry = worker, entry

    def commit(self, everything=False):
        worker = self.rnd.choice(WORKERS)
        mine = self.leases(worker)
        picked = mine if everything else self.rnd.sample(mine, self.rnd.randint(0, len(mine)))
        outcomes, expected = [], []
        for r in picked:
            for op in ["finish"] if everything else self.rnd.choices(["next", "park", "finish", "return"], k=1):
                outcomes.append(self.one_outcome(op, r, expected))
        others = [r for r in self.runs.values() if r.worker not in (None, worker)]
        if others and self.rnd.random() < 0.2:
            r = self.rnd.choice(others)
            outcomes.append(outcome("finish", r.fn, r.entry, r.id, body="late"))
            expected.append(2)
        self.calls.append(("commit", worker, outcomes))
        assert self.p.commit(worker, *outcomes) == expected
        self.check()
        if outcomes and self.rnd.random() < 0.2:
            again = [1 if code == 0 else code for code in expected]
            assert self.p.commit(worker, *outcomes) == again
            self.check(may_admit=False)

    def one_outcome(self, op, r, expected):
        words = {"body": "line", "events": [("n", "{}")] if self.rnd.random() < 0.2 else []}
        name, value = f"s{len(r.results)}", str(next(self.numbers))
        if op == "next" and r.results and self.rnd.random() < 0.2:
            name = self.rnd.choice(list(r.results))
            value = self.rnd.choice([value, r.results[name]])
        entry = r.entry
        if op == "next":
            words["results"] = {name: value}
            words["fields"] = {"st": 1}
            if name not in r.results:
                r.begun = True
            expected.append(0 if name not in r.results else 1 if r.results[name] == value else 3)
            r.results.setdefault(name, value)
        else:
            expected.append(0)
            self.drop_lease(r)
            if op != "return":
                r.state = "parked" if op == "park" else "done"
        return outcome(op, r.fn, entry, r.id, delay=FAR, **words)

    def fire_timers(self, everything=False):
        parked = self.those("parked")
        due = parked if everything else self.rnd.sample(parked, self.rnd.randint(0, len(parked)))
        if due:
            self.p.redis.zadd(self.p.key("timers"), {r.id: n + 1 for n, r in enumerate(due)})
        most = 1000 if everything else self.rnd.choice([1, 3, 100])
        self.calls.append(("fire_timers", [r.id for r in due], most))
        fired, admitted, *_ = self.p.fire_timers(most)
        assert fired == min(most, len(due))
        exactly = sum(self.admit_or_wait(r) for r in due[:most])
        if len(due) > most:
            self.p.redis.zadd(self.p.key("timers"), {r.id: NOW.last + FAR for r in due[most:]})
        assert exactly + self.check() == admitted

    def reap_worker(self):
        worker, most = self.rnd.choice(WORKERS), self.rnd.randint(1, 3)
        self.calls.append(("reap_worker", worker, most))
        for fn in LIMITS:
            held = sorted((r for r in self.leases(worker) if r.fn == fn),
                          key=lambda r: [int(part) for part in r.entry.split("-")])
            moved, left = self.p.reap_worker(fn, worker, most)
            assert (moved, left) == (min(most, len(held)), int(len(held) > most))
            for r in held[:most]:
                self.drop_lease(r)
                r.deaths += 1

    def drop_consumer(self):
        worker, fn = self.rnd.choice(WORKERS), self.rnd.choice(list(LIMITS))
        self.calls.append(("drop_consumer", worker, fn))
        assert self.p.drop_consumer(fn, worker) == [int(not any(r.fn == fn for r in self.leases(worker)))]

    def change_a_limit(self):
        template = self.rnd.choice(list(self.max))
        self.max[template] = self.rnd.choice([1, 2, 3, 4, 5, 50])
        self.calls.append(("limit", template, self.max[template]))
        self.install_limits()
        # whoever changes a limit has it looked at again; otherwise the next release would
        names = [name for name in self.names() if self.template(name) == template]
        self.p.redis.sadd(self.p.key("unsettled"), *names)

    def change_the_limits_of_a_function(self):
        fn = self.rnd.choice(list(LIMITS))
        names = [name for name in self.max if not name.startswith("fn/") or name.startswith("fn/" + fn)]
        self.templates[fn] = self.rnd.sample(names, self.rnd.randint(0, len(names)))
        self.calls.append(("limits of", fn, self.templates[fn]))
        self.install_limits()

    def archive(self):
        done = self.those("done")
        self.calls.append(("archive", len(done)))
        for r in done:
            self.p.redis.unlink(*[self.p.key(f"{what}:{r.id}") for what in ("run", "input", "steps")])
            del self.runs[r.id]

    # ---- what must be true ----
    def snapshot(self):
        p, pipe = self.p, self.p.redis.pipeline()
        queues = [f"{fn}{begun}:{key}" for fn in LIMITS for begun in ("", "+") for key in KEYS]
        names = self.names()
        for fn in LIMITS:
            pipe.xrange(p.key("ready:" + fn))
            pipe.xpending_range(p.key("ready:" + fn), "workers", "-", "+", 10000)
        for queue in queues:
            pipe.zrange(p.key("wait:" + queue), 0, -1, withscores=True)
        for name in names:
            pipe.smembers(p.key("slots:" + name))
            pipe.zrange(p.key("blocked:" + name), 0, -1)
            pipe.exists(p.key("vt:" + name))
        pipe.zrange(p.key("timers"), 0, -1)
        pipe.smembers(p.key("unsettled"))
        pipe.keys("*")
        answers = iter(pipe.execute())
        s = {"ready": {fn: (next(answers), next(answers)) for fn in LIMITS},
             "wait": {queue: next(answers) for queue in queues}, "slots": {}, "blocked": {}, "vt": {}}
        for name in names:
            s["slots"][name], s["blocked"][name], s["vt"][name] = next(answers), next(answers), next(answers)
        s["timers"], s["unsettled"] = next(answers), next(answers)
        s["keys"] = {key[len(p.prefix) + 1:] for key in next(answers)}
        return s

    def take_admissions(self, s, may_admit):
        """Runs that the scripts chose to admit; they must have been the first of their queue."""
        chosen = [self.runs[fields["run"]] for entries, _ in s["ready"].values() for _, fields in entries
                  if self.runs[fields["run"]].state == "waiting"]
        for r in sorted(chosen, key=lambda r: r.seq):
            assert may_admit, f"{r.id} was admitted by a call that frees nothing"
            assert self.queue_of(r.queue)[0] is r, f"{r.id} was admitted before others of its queue"
            r.admit()
        return len(chosen)

    def check(self, may_admit=True):
        s = self.snapshot()
        admitted = self.take_admissions(s, may_admit)
        for fn, (entries, pending) in s["ready"].items():
            assert sorted(f["run"] for _, f in entries) == sorted(r.id for r in self.those("admitted") if r.fn == fn)
            by_entry = {entry: fields["run"] for entry, fields in entries}
            leased = {by_entry[x["message_id"]]: (x["consumer"], x["message_id"]) for x in pending}
            assert leased == {r.id: (r.worker, r.entry) for r in self.runs.values() if r.worker and r.fn == fn}
        assert set(s["timers"]) == {r.id for r in self.those("parked")}
        self.check_limits(s)
        self.check_waiting(s)
        return admitted

    def check_limits(self, s):
        for name in self.names():
            assert s["slots"][name] == self.holders(name), name
            count = len(s["slots"][name])
            # a limit that was lowered may have more holders than it allows, but never gets another one
            assert count <= max(self.max[self.template(name)], self.held[name]), name
            self.held[name] = count

    def check_waiting(self, s):
        stands = collections.defaultdict(list)
        for name, queues in s["blocked"].items():
            for queue in queues:
                stands[queue].append(name)
            assert not s["vt"][name] or queues, f"virtual times of {name} are kept though nobody waits"
        for queue, members in s["wait"].items():
            waiting = self.queue_of(queue)
            assert members == [(r.id, r.seq) for r in waiting], queue
            assert len(stands[queue]) == (1 if waiting else 0), (queue, stands[queue])
            if waiting:
                name = stands[queue][0]
                assert self.is_full(name) or name in s["unsettled"], f"{queue} waits behind {name}, which has room"

    def drain(self):
        """Everything that was started comes to its end, and nothing is left but what is documented."""
        for _ in range(10000):
            if not any(r.state != "done" for r in self.runs.values()):
                break
            self.fire_timers(everything=True)
            for worker in WORKERS:
                self.take_everything(worker)
            self.commit(everything=True)
        self.fire_timers(everything=True)
        for _ in range(20):
            self.fire_timers()
        assert all(r.state == "done" for r in self.runs.values())
        self.archive()
        assert self.snapshot()["keys"] <= LEFTOVERS

    def take_everything(self, worker):
        for _, entry, run_id, _, _, _ in self.p.claim(worker, 2, *LIMITS):
            self.runs[run_id].worker, self.runs[run_id].entry = worker, entry


STEPS = [(Model.enqueue, 5), (Model.claim, 6), (Model.commit, 8), (Model.fire_timers, 4), (Model.reap_worker, 1),
         (Model.drop_consumer, 1), (Model.change_a_limit, 0.4), (Model.change_the_limits_of_a_function, 0.2), (Model.archive, 0.2)]


def play(p, seed):
    rnd = random.Random(seed)
    model = Model(p, rnd)
    steps, weights = zip(*STEPS)
    try:
        for _ in range(rnd.randint(10, 250)):
            rnd.choices(steps, weights)[0](model)
            model.check(may_admit=False)
        model.drain()
    except Exception:
        print(f"CHRONOS_TEST_SEED={seed}; the last calls:")
        for call in model.calls:
            print("  ", call)
        raise


def test_random_calls_keep_every_promise(p):
    given = os.environ.get("CHRONOS_TEST_SEED")
    if given:
        play(p, int(given))
        return
    end = time.monotonic() + float(os.environ.get("CHRONOS_TEST_FUZZ_SECONDS", "15"))
    while time.monotonic() < end:
        play(p, random.randrange(10**9))


def test_random_traffic_is_served_in_turns(p):
    """While a queue waits, no other queue of its limit is served more than twice, whatever runs elsewhere."""
    end = time.monotonic() + float(os.environ.get("CHRONOS_TEST_FUZZ_SECONDS", "15")) / 3
    seed = int(os.environ.get("CHRONOS_TEST_SEED") or random.randrange(10**9))
    while time.monotonic() < end:
        traffic(p, seed)
        seed += 1


def traffic(p, seed):
    rnd = random.Random(seed)
    p.redis.flushall()
    p.redis.hset(p.key("schedulers"), "s1", 1)
    p.redis.hset(p.key("limits"), mapping={"f": f"{rnd.randint(1, 4)} slow\n", "busy": "1 busy\n"})
    for fn in ("f", "busy"):
        p.redis.xgroup_create(p.key("ready:" + fn), "workers", "0", mkstream=True)
    p.enqueue(*[run(f"busy.{n}", "busy", f"k{n % 2}") for n in range(400)])
    numbers = iter(range(10**6))
    passed = collections.defaultdict(collections.Counter)  # queue that waits -> queue -> how often it was served
    waiting = set()
    for _ in range(150):
        if rnd.random() < 0.6:
            key = rnd.choice("abcdef")
            count = 12 if key == "a" and rnd.random() < 0.5 else 1
            p.enqueue(*[run(f"{key}.{next(numbers)}", "f", key) for _ in range(count)])
        for fn in rnd.choice([("f",), ("busy",) * 5 + ("f",), ("busy", "f", "f")]):
            claimed = p.claim("w1", 1, fn)
            before = set(p.ready(fn))
            p.commit("w1", *[outcome("finish", fn, entry, run_id) for _, entry, run_id, _, _, _ in claimed])
            for served in [r.split(".")[0] for r in set(p.ready(fn)) - before if fn == "f"]:
                passed.pop(served, None)
                for queue in waiting - {served}:
                    passed[queue][served] += 1
                    assert passed[queue][served] <= 2, f"CHRONOS_TEST_SEED={seed}: {queue} waits for {served}"
            waiting = {key for key in "abcdef" if p.waiting("f", key)}
            for queue in set(passed) - waiting:
                del passed[queue]
