"""What the scripts promise, as a model that random calls are held against.

The model knows for each run where it is:

    parked       until its timer       collecting   events, until its timer      waits    for an event or a function
    fanned       for its branches      waiting      in its queue                 admitted (perhaps leased)          done

Who is admitted by enqueue and by a timer follows from it exactly, as long as the call frees no slot. Who is admitted when
one comes back is the scripts' choice: it must be the first of its queue, no limit may be passed, and nobody may be left
waiting who could have been admitted. A run that such a call offers for admission is `offered` until Redis is asked.
"""

import collections

from partition import NOW, outcome, run

FAR = 10**7  # ms: nothing becomes due by itself
AT = 1763970000000
KEYS = ["a\nx", "a\ny", "b:z\nx", "b:z\n", "c", "d"]
OWNERS = sorted({key.split("\n")[0] for key in KEYS})
LIMITS = {
    "f": ["fn/f:$", "own:$", "all"], "g": ["own:$", "all"], "h": ["fn/h", "item:$2", "all"],
    "s": ["shared", "own:$", "item:$2"], "paid": ["budget:$", "all"], "lone": ["fn/lone:$"], "free": []}
EVENTS = ["e/one", "e/two"]
WORKERS = ["w1", "w2", "w3"]
# what may be left when all is quiet: what ends by itself after a time, and what operators have set
LASTING = ("once:", "rate:", "throttle:", "joined:", "spent:", "share:")
LEFTOVERS = {"schedulers", "limits", "seq", "events", "history", "starved", *("ready:" + fn for fn in LIMITS)}


def owner_of(key):
    return key.split("\n")[0]


def full_name(template, key):
    """The limit's name for the key."""
    base, _, part = template.partition(":$")
    if base == template:
        return template
    parts = key.split("\n")
    number = int(part or 1)
    return f"{base}:{parts[number - 1] if number <= len(parts) else ''}"


class Run:
    def __init__(self, run_id, fn, key, order, parent=None):
        self.id, self.fn, self.key, self.order, self.parent = run_id, fn, key, order, parent
        self.state = None
        self.admitted_by = []  # the limits of the function as they were then, by their full names
        self.worker = self.entry = None
        self.results, self.deaths, self.begun = {}, 0, parent is not None
        self.cancel = self.started = False  # to be cancelled; has `st`
        self.step = self.function = None  # what it waits for: the result's name, and the function if it is one
        self.throttle = None  # (fn, key, burst) that counts when it is due
        self.collect = None  # (fn, key)
        self.gathered = 0
        self.fan = None  # [left, next, total]
        self.single = None
        self.listens = {}  # slot -> (event, path, value)
        self.deadlines = set()
        self.invoked = 0  # how many wait for its end
        self.timed = False  # waits with a timer

    @property
    def queue(self):
        return f"{self.fn}{'+' if self.begun else ''}:{self.key}"

    def __repr__(self):
        return f"<{self.id} {self.fn} {self.key!r} {self.state} {self.worker}>"


class Model:
    def __init__(self, p, rnd):
        self.p, self.rnd = p, rnd
        self.runs, self.seq, self.calls = {}, 0, collections.deque(maxlen=40)
        self.max = {name: rnd.choice([1, 2, 3, 4, 8]) for names in LIMITS.values() for name in names}
        self.reserve = rnd.choice([0, 0, 3])
        self.max["budget:$"] = rnd.randint(5, 20)
        self.templates = {fn: list(names) for fn, names in LIMITS.items()}
        self.held, self.paused, self.overrides = collections.Counter(), {}, {}
        self.spent = collections.Counter()
        self.once, self.rate, self.throttled = {}, collections.Counter(), collections.Counter()
        self.single, self.collecting, self.joined = {}, {}, {}
        self.freed = False  # this call has given slots back
        self.ended = collections.Counter()  # how often each run was cancelled
        self.answers = 0  # parents that were told
        self.numbers = iter(range(1, 10**9))
        p.redis.flushall()
        p.redis.hset(p.key("schedulers"), "s1", 1)
        for fn in LIMITS:
            p.redis.xgroup_create(p.key("ready:" + fn), "workers", "0", mkstream=True)
        self.install_limits()

    # ---- what the model knows ----
    def names(self):
        return sorted({full_name(t, key) for names in LIMITS.values() for t in names for key in KEYS})

    def template_of(self, name):
        return next(t for names in LIMITS.values() for t in names for key in KEYS if full_name(t, key) == name)

    def limits_of(self, r):
        return [full_name(t, r.key) for t in self.templates[r.fn]]

    def those(self, *states):
        return [r for r in self.runs.values() if r.state in states]

    def holders(self, name):
        return {r.id for r in self.those("admitted") if name in r.admitted_by}

    def maximum(self, name):
        return self.overrides.get(name, self.max[self.template_of(name)])

    def is_full(self, name):
        count, maximum = len(self.holders(name)), self.maximum(name)
        if not name.startswith("budget:"):
            return count >= maximum
        spent = self.spent[name.partition(":")[2]]
        return spent >= maximum or (
            self.reserve > 0 and (count > 0 or spent > 0) and spent + (count + 1) * self.reserve > maximum)

    def is_paused(self, fn, begun):
        mode = self.paused.get(fn)
        return mode == "pause" or mode == "drain" and not begun

    def queue_of(self, queue):
        return sorted((r for r in self.those("waiting") if r.queue == queue), key=lambda r: r.order)

    def leases(self, worker):
        return [r for r in self.runs.values() if r.worker == worker]

    # ---- what happens to a run ----
    def admit_or_wait(self, r):
        """True or False as it is admitted or waits, None when Redis has to be asked."""
        if self.freed:
            r.state = "offered"
            return None
        limits = self.limits_of(r)
        blocked = self.is_paused(r.fn, r.begun) or any(self.is_full(name) for name in limits)
        if blocked or limits and self.queue_of(r.queue):
            r.state = "waiting"
            return False
        self.admit(r)
        return True

    def admit(self, r):
        r.state, r.admitted_by = "admitted", self.limits_of(r)

    def give_back(self, r):
        """Its slots, and its lease if it has one."""
        if r.admitted_by:
            self.freed = True
        r.admitted_by, r.worker, r.entry = [], None, None

    def put_back(self, r):
        """When its function is paused by now."""
        if not self.is_paused(r.fn, r.begun):
            return False
        self.give_back(r)
        self.admit_or_wait(r)
        return True

    def end(self, r):
        """All that the run had."""
        r.state, r.step, r.timed, r.listens, r.deadlines, r.fan = "done", None, False, {}, set(), None
        if self.single.get(r.single) == r.id:
            del self.single[r.single]
        if self.collecting.get(r.collect) == r.id:
            del self.collecting[r.collect]
        r.collect = None
        self.answers += r.invoked

    def end_branch(self, r):
        parent = r.parent
        del self.runs[r.id]
        r.state = "done"
        if parent.fan is None:
            return
        left, next_index, total = parent.fan
        parent.fan = [left - 1, min(next_index + 1, total), total]
        if next_index < total:
            self.start_branch(parent, next_index)
        elif left == 1:
            parent.fan = None
            self.admit_or_wait(parent)

    def start_branch(self, parent, index):
        branch = Run(f"{parent.id}.{index}", parent.fn, parent.key, parent.order, parent)
        self.runs[branch.id] = branch
        self.admit_or_wait(branch)

    def end_cancelled(self, r):
        self.give_back(r)
        if r.parent is not None:
            self.end_branch(r)
            return
        self.ended[r.id] += 1
        self.end(r)

    def cancel(self, r):
        """The code that cancel_run answers."""
        if r.state == "done":
            return 2
        if r.fan is not None:
            r.fan = None
            for branch in [b for b in self.runs.values() if b.parent is r]:
                self.cancel(branch)
        if r.worker is not None:
            r.cancel = True
            return 1
        self.end_cancelled(r)
        return 0

    def wake(self, r):
        """Its timer has fired; as admit_or_wait, or False when it is parked again."""
        if r.step is not None:
            return self.resume(r, "error:" + r.step if r.function else r.step,
                               "null" if r.function is None else None)
        if r.state == "collecting":
            if self.collecting.get(r.collect) == r.id:
                del self.collecting[r.collect]
            r.collect = None
        if r.throttle is not None:
            fn, key, burst = r.throttle
            r.throttle = None
            if not self.take_place(fn, key, burst):
                r.state = "parked"
                return False
        return self.admit_or_wait(r)

    def take_place(self, fn, key, burst):
        """Of a throttle: those of the first burst start at once."""
        self.throttled[fn, key] += 1
        return self.throttled[fn, key] <= burst

    def resume(self, r, name, value):
        r.results.setdefault(name, value)
        r.step = r.function = None
        r.timed = False
        r.listens.pop("w", None)
        return self.admit_or_wait(r)

    # ---- calls: new work ----
    def install_limits(self):
        for fn in self.templates:
            self.p.redis.hset(self.p.key("limits"), fn, self.template_text(fn))
        self.p.redis.hset(self.p.key("share:shared"), mapping={"max": self.max["shared"], "version": 1})

    def template_text(self, fn):
        words = {"shared": "~100", "budget:$": f"usd{self.max['budget:$']}/{self.reserve}"}
        return "".join(f"{words.get(name, self.max[name])} {name}\n" for name in self.templates[fn])

    def random_options(self, run_id, fn, future):
        rnd, options = self.rnd, {}

        def sometimes(chance=0.08):
            return rnd.random() < chance
        if sometimes():
            options["priority"] = rnd.choice([-5, 5])
        if sometimes():
            options["begun"] = 1
        if sometimes():
            options["once"] = [FAR, rnd.choice("xyz")]
        if sometimes():
            options["rate"] = [rnd.randint(1, 9), FAR, rnd.choice("xy")]
        if sometimes():
            burst = rnd.randint(1, 3)
            options["throttle"] = [1, FAR, burst, f"x{burst}"]  # one key, one burst
        if sometimes():
            options["start_by"] = FAR
        if sometimes():
            options["finish_by"] = FAR
        if sometimes(0.1):
            options["listen"] = [self.random_listener() + [0, run_id, "expr\nof two lines"]
                                 for _ in range(rnd.randint(1, 3))]
        if sometimes():
            options["parent"] = [0, "parent", "step"]
        if sometimes(0.3):
            kind = rnd.choice(["debounce", "keep", "batch", "batch"] if fn in ("f", "free") else ["skip", "cancel"])
            key = "x" + kind
            if kind == "batch":
                options["batch"] = [3, FAR, key]
            elif kind in ("debounce", "keep"):
                options["debounce"] = [FAR, 0, int(kind == "keep"), rnd.randint(1, 9), key]
            else:
                options["single"] = [kind, key]
        return options

    def random_listener(self):
        path = self.rnd.choice(["", "data.id"])
        return [self.rnd.choice(EVENTS), path, self.rnd.choice("12") if path else ""]

    def enqueue(self):
        batch, expected = [], []
        self.freed = False
        for _ in range(self.rnd.randint(0, 6)):
            self.seq += 1
            old = [r for r in self.runs.values() if r.parent is None]
            if old and self.rnd.random() < 0.1:
                r = self.rnd.choice(old)
                batch.append(run(r.id, r.fn, r.key))
                expected.append(3)
                continue
            future = self.rnd.random() < 0.1
            r, options, at = self.new_run(future)
            batch.append(run(r.id, r.fn, r.key, at=at, due=self.p.now_ms() + FAR if future else self.rnd.choice([0, 1]),
                             **options))
            expected.append(self.start(r, options, future))
        self.calls.append(("enqueue", batch))
        code, *answers = self.p.enqueue(*batch)
        assert code == 0 and len(answers) == len(expected)
        for answer, wanted in zip(answers, expected):
            assert answer in (0, 1) if wanted is None else answer == wanted, (answer, wanted)
        self.check()
        if batch and self.rnd.random() < 0.2:
            self.seq += len(batch)
            code, *again = self.p.enqueue(*batch)
            for answer, wanted in zip(again, answers):
                # what was skipped is looked at again, and may find that what stood against it has gone
                assert answer == wanted if isinstance(wanted, list) else answer == 3

    def new_run(self, future):
        run_id, fn, at = f"r{next(self.numbers)}", self.rnd.choice(list(LIMITS)), AT + self.rnd.randint(0, 9)
        options = self.random_options(run_id, fn, future)
        order = (at - options.get("priority", 0) - 1600000000000) * 4096 + self.seq % 4096
        r = Run(run_id, fn, self.rnd.choice(KEYS), order)
        r.begun = "begun" in options
        return r, options, at

    def start(self, r, options, future):
        """The outcome that enqueue has to answer; None = 0 or 1."""
        rule = options.get("batch") or options.get("debounce")
        collect = (r.fn, rule[-1]) if rule else None
        once = (r.fn, options["once"][1]) if "once" in options else None
        leader = self.runs.get(self.collecting.get(collect))
        if leader is not None:
            if once in self.once and once is not None:
                return [5, f"idempotency: run {self.once[once]} had this key"]
            if once:
                self.once[once] = r.id
            self.join(r, leader, options)
            return [4, leader.id]
        why = self.refusal(r, options, once)
        if why:
            return [5, why]
        self.runs[r.id] = r
        self.note_rules(r, options, once)
        if collect:
            self.collecting[collect], r.collect, r.gathered, r.state = r.id, collect, 1, "collecting"
            r.throttle = self.throttle_of(r, options)
            return 2
        throttle = self.throttle_of(r, options)
        if future:
            r.throttle, r.state = throttle, "parked"
            return 2
        if throttle and not self.take_place(*throttle):
            r.state = "parked"
            return 2
        admitted = self.admit_or_wait(r)
        return None if admitted is None else 0 if admitted else 1

    def throttle_of(self, r, options):
        rule = options.get("throttle")
        return (r.fn, rule[3], rule[2]) if rule else None

    def refusal(self, r, options, once):
        if once is not None and once in self.once:
            return f"idempotency: run {self.once[once]} had this key"
        if "rate" in options:
            most, _, key = options["rate"]
            if self.rate[r.fn, key] >= most:
                return f"rate limit: {most} starts in {FAR} ms"
        if "single" in options:
            mode, key = options["single"]
            other = self.runs.get(self.single.get((r.fn, key)))
            if mode == "skip" and other is not None and other.state != "done":
                return f"singleton: run {other.id} has not ended"
        return None

    def note_rules(self, r, options, once):
        if once:
            self.once[once] = r.id
        if "rate" in options:
            self.rate[r.fn, options["rate"][2]] += 1
        if "single" in options:
            mode, key = options["single"]
            other = self.runs.get(self.single.get((r.fn, key)))
            if mode == "cancel" and other is not None:
                self.cancel(other)
            self.single[r.fn, key] = r.id
            r.single = (r.fn, key)
        for name, mark in (("start_by", "s"), ("finish_by", "f")):
            if name in options and not (name == "start_by" and "begun" in options):
                r.deadlines.add(mark)
        for n, (event, path, value, *_) in enumerate(options.get("listen", []), 1):
            r.listens[f"c{n}"] = (event, path, value)
        r.invoked += "parent" in options

    def join(self, r, leader, options):
        self.joined[r.id] = leader.id
        leader.invoked += "parent" in options
        leader.gathered += 1
        if "batch" in options and leader.gathered >= 3:
            self.wake(leader)

    # ---- calls: workers ----
    def claim(self):
        worker, most = self.rnd.choice(WORKERS), self.rnd.randint(0, 5)
        functions = self.rnd.sample(list(LIMITS), self.rnd.randint(1, len(LIMITS)))
        self.calls.append(("claim", worker, most, functions))
        self.take(worker, most, functions)

    def take(self, worker, most, functions):
        claimed = self.p.claim(worker, most, *functions)
        free = [r for r in self.those("admitted") if r.worker is None and r.fn in functions
                and self.paused.get(r.fn) != "pause"]
        assert len(claimed) == min(most, len(free))
        for index, entry, run_id, fields, data, steps in claimed:
            r = self.runs[run_id]
            assert r in free and functions[index] == r.fn
            assert (fields["key"], fields.get("deaths", "0"), fields["entry"]) == (r.key, str(r.deaths), entry)
            source = r.parent or r
            assert data is not None
            if r.begun:
                assert steps == {n: steps[n] if v is None else v for n, v in source.results.items()}
            free.remove(r)
            r.worker, r.entry = worker, entry

    def commit(self, everything=False):
        worker = self.rnd.choice(WORKERS)
        mine = self.leases(worker)
        picked = mine if everything else self.rnd.sample(mine, self.rnd.randint(0, len(mine)))
        outcomes, expected = [], []
        self.freed = False
        for r in picked:
            outcomes.append(self.one_outcome(self.random_op(r, everything), r, expected))
        others = [r for r in self.runs.values() if r.worker not in (None, worker)]
        if others and self.rnd.random() < 0.2:
            r = self.rnd.choice(others)
            outcomes.append(outcome("finish", r.fn, r.entry, r.id, body="late"))
            expected.append(2)
        self.calls.append(("commit", worker, outcomes))
        assert self.p.commit(worker, *outcomes) == expected
        self.check()
        if outcomes and self.rnd.random() < 0.2:
            self.repeat(worker, outcomes, expected)

    def repeat(self, worker, outcomes, expected):
        """The reply was lost."""
        again = []
        for words, code in zip(outcomes, expected):
            is_gone_branch = words[0] in ("finish",) and "." in words[3] or code == 4 and "." in words[3]
            again.append(2 if is_gone_branch and code != 2 else 1 if code == 0 else code)
        answers = self.p.commit(worker, *outcomes)
        assert answers == again, (answers, again)
        self.freed = False
        self.check(may_admit=False)

    def random_op(self, r, everything):
        if everything:
            return "finish"
        if r.parent is not None:
            return self.rnd.choice(["park", "finish", "finish", "return"])
        return self.rnd.choice(["next", "next", "park", "finish", "finish", "return", "wait", "invoke", "fan"])

    def one_outcome(self, op, r, expected):
        words = {"body": self.rnd.choice(["", "line\n"]), "events": [("n", "{}")] if self.rnd.random() < 0.2 else [],
                 "extras": {}, "delay": FAR}
        if self.rnd.random() < 0.3:
            words["extras"]["cost"] = self.rnd.randint(0, 4)
        entry, code = r.entry, 0
        if r.cancel:
            code = 4
            self.end_cancelled(r)
        else:
            code = getattr(self, "do_" + op)(r, words)
            if code == 0:
                self.spent[owner_of(r.key)] += words["extras"].get("cost", 0)
        expected.append(code)
        word = "park" if op in ("wait", "invoke", "fan") else op
        return outcome(word, r.fn, entry, r.id, **words)

    def do_next(self, r, words):
        name, value = f"s{len(r.results)}", str(next(self.numbers))
        if r.results and self.rnd.random() < 0.2:
            name = self.rnd.choice(list(r.results))
            value = self.rnd.choice([value, r.results[name] or "?"])
        words["results"], words["fields"] = {name: value}, {"st": 1}
        if name in r.results:
            return 1 if r.results[name] == value else 3
        r.results[name] = value
        r.begun = r.started = True
        return 0

    def do_park(self, r, _):
        self.give_back(r)
        r.state = "parked"
        return 0

    def do_return(self, r, words):
        words.pop("body")
        if not self.put_back(r):
            r.worker = r.entry = None
        return 0

    def do_finish(self, r, words):
        if r.parent is not None:
            name = f"item {r.id} {next(self.numbers)}"
            words["results"] = {name: "1"}
            r.parent.results[name] = "1"
            self.give_back(r)
            self.end_branch(r)
            return 0
        words["extras"]["output"] = "5"
        self.give_back(r)
        self.end(r)
        return 0

    def begin_waiting(self, r, words, **extras):
        self.give_back(r)
        r.state, r.begun, r.started = "waits", True, True
        r.step = f"got {next(self.numbers)}"
        r.timed = self.rnd.random() < 0.5
        words["fields"], words["delay"] = {"st": 1}, FAR if r.timed else -1
        words["extras"].update(step=r.step, **extras)

    def do_wait(self, r, words):
        listener = self.random_listener()
        self.begin_waiting(r, words, wait=listener + [self.rnd.choice([0, 1]), "own", "expr"])
        r.listens["w"] = tuple(listener)
        return 0

    def do_invoke(self, r, words):
        self.begin_waiting(r, words, invoke="g", data="{}")
        r.function = "g"
        return 0

    def do_fan(self, r, words):
        total, width = self.rnd.randint(0, 5), self.rnd.randint(1, 3)
        words["extras"]["fan"] = [total, width]
        words["fields"], words["delay"] = {"st": 1}, -1
        self.give_back(r)
        r.begun = r.started = True
        if total == 0:
            self.admit_or_wait(r)
            return 0
        r.state, r.fan = "fanned", [total, min(total, width), total]
        for index in range(min(total, width)):
            self.start_branch(r, index)
        return 0

    def reap_worker(self):
        worker, most = self.rnd.choice(WORKERS), self.rnd.randint(1, 3)
        self.calls.append(("reap_worker", worker, most))
        for fn in LIMITS:
            self.freed = False
            held = sorted((r for r in self.leases(worker) if r.fn == fn),
                          key=lambda r: [int(part) for part in r.entry.split("-")])
            moved, left = self.p.reap_worker(fn, worker, most)
            cancelled = [r for r in held[:most] if r.cancel]
            assert (moved, left) == (min(most, len(held)) - len(cancelled), int(len(held) > most))
            for r in held[:most]:
                if r.cancel:
                    self.end_cancelled(r)
                    continue
                r.deaths += 1
                if not self.put_back(r):
                    r.worker = r.entry = None
            self.check()

    def drop_consumer(self):
        worker, fn = self.rnd.choice(WORKERS), self.rnd.choice(list(LIMITS))
        self.calls.append(("drop_consumer", worker, fn))
        assert self.p.drop_consumer(fn, worker) == [int(not any(r.fn == fn for r in self.leases(worker)))]

    def lost_leases(self):
        worker = self.rnd.choice(WORKERS)
        held = [r for r in self.runs.values() if r.entry]
        words = [word for r in held for word in (r.fn, r.entry, r.id)]
        self.calls.append(("lost_leases", worker))
        assert self.p.call("lost_leases", worker, *words) == [
            1 if r.worker != worker else 2 if r.cancel else 0 for r in held]

    # ---- calls: schedulers ----
    def sleepers(self):
        return [r for r in self.runs.values() if r.state in ("parked", "collecting") or r.timed]

    def fire_timers(self, everything=False):
        self.freed = False
        sleepers = self.sleepers()
        due = sleepers if everything else self.rnd.sample(sleepers, self.rnd.randint(0, len(sleepers)))
        if due:
            self.p.redis.zadd(self.p.key("timers"), {r.id: n + 1 for n, r in enumerate(due)})
        most = 1000 if everything else self.rnd.choice([1, 3, 100])
        self.calls.append(("fire_timers", [r.id for r in due], most))
        fired, admitted, *_ = self.p.fire_timers(most)
        assert fired == min(most, len(due))
        exactly = sum(bool(self.wake(r)) for r in due[:most])
        if len(due) > most:
            self.p.redis.zadd(self.p.key("timers"), {r.id: NOW.last + FAR for r in due[most:]})
        assert exactly + self.check() == admitted

    def pass_deadlines(self):
        self.freed = False
        timed = [(mark, r) for r in self.runs.values() for mark in sorted(r.deadlines)]
        late = self.rnd.sample(timed, min(len(timed), self.rnd.randint(1, 3)))
        if not late:
            return
        self.p.redis.zadd(self.p.key("deadlines"), {f"{mark}:{r.id}": n + 1 for n, (mark, r) in enumerate(late)})
        self.calls.append(("pass_deadlines", [(mark, r.id) for mark, r in late]))
        fired, *_ = self.p.fire_timers()
        assert fired == len(late)
        for mark, r in late:
            r.deadlines.discard(mark)
            if mark == "f" or not (r.started or r.worker):
                self.cancel(r)
        self.check()

    def hear_event(self):
        self.freed = False
        listeners = [(r, slot) for r in self.runs.values() for slot in r.listens]
        heard = self.rnd.sample(listeners, min(len(listeners), self.rnd.randint(0, 4)))
        words, expected = [], []
        for r, slot in heard:
            step = r.step if slot == "w" else ""
            words += [f"{r.id}/{slot}", r.listens[slot][0], step, '{"e":1}', self.rnd.choice(["", "row\n"])]
        for r, slot in heard:
            there = slot in r.listens
            expected.append(int(there))
            if there and slot == "w":
                self.resume(r, r.step, '{"e":1}')
            elif there:
                self.cancel(r)
        self.calls.append(("hear_event", words))
        assert self.p.call("hear_event", len(heard), *words) == expected
        self.check()

    def resume_run(self):
        self.freed = False
        waiters = [r for r in self.those("waits") if r.function]
        if not waiters:
            return
        r, word = self.rnd.choice(waiters), self.rnd.choice(["ok", "error"])
        step = r.step
        self.calls.append(("resume_run", r.id, step, word))
        assert self.p.call("resume_run", r.id, step + "?", word, "1", "") == [0]
        assert self.p.call("resume_run", r.id, step, word, "1", "row\n") == [1]
        self.resume(r, step if word == "ok" else "error:" + step, "1")
        self.check()
        assert self.p.call("resume_run", r.id, step, word, "2", "row\n") == [0]

    def cancel_run(self):
        self.freed = False
        whole = [r for r in self.runs.values() if r.parent is None]
        if not whole:
            assert self.p.call("cancel_run", "nobody", "why") == [3]
            return
        r = self.rnd.choice(whole)
        self.calls.append(("cancel_run", r.id))
        assert self.p.call("cancel_run", r.id, "why") == [self.cancel(r)]
        self.check()

    def archive(self):
        done = self.those("done")
        self.calls.append(("archive", len(done)))
        for r in done:
            self.p.redis.unlink(*[self.p.key(f"{what}:{r.id}") for what in ("run", "input", "steps")])
            del self.runs[r.id]

    # ---- calls: operators ----
    def set_pause(self):
        fn, mode = self.rnd.choice(list(LIMITS)), self.rnd.choice(["pause", "drain", "run", "run"])
        self.calls.append(("set_pause", fn, mode))
        self.freed = False
        self.pause(fn, mode, self.rnd.choice([1, 2, 100]))

    def pause(self, fn, mode, most=100):
        self.paused[fn] = mode
        after = None
        while after != "":
            after, = self.p.call("set_pause", fn, mode, most, after or "")
        for r in self.those("admitted"):
            if r.fn == fn and r.worker is None:
                self.put_back(r)
        self.freed = True
        self.check()

    def set_override(self):
        name = self.rnd.choice(self.names())
        value = self.rnd.choice(["", "", 1, 2, 3, 9])
        self.calls.append(("set_override", name, value))
        self.override(name, value)

    def override(self, name, value):
        if name == "shared" and value == "":
            return  # with several partitions only the share holds, which change_a_limit sets
        self.p.call("set_override", name, value)
        self.overrides[name] = value
        if value == "":
            del self.overrides[name]

    def set_weight(self):
        owner, weight = self.rnd.choice(OWNERS), self.rnd.choice(["", 0.1, 0.5, 3, 100])
        self.calls.append(("set_weight", owner, weight))
        self.p.call("set_weight", owner, weight)

    def change_a_limit(self):
        template = self.rnd.choice(list(self.max))
        self.max[template] = self.rnd.choice([1, 2, 3, 4, 5, 50])
        self.calls.append(("limit", template, self.max[template]))
        self.install_limits()
        # whoever changes a limit has it looked at again; otherwise the next release would
        names = [name for name in self.names() if self.template_of(name) == template]
        self.p.redis.sadd(self.p.key("unsettled"), *names)

    def change_the_limits_of_a_function(self):
        fn = self.rnd.choice(list(LIMITS))
        names = [name for name in self.max if not name.startswith("fn/") or name.startswith("fn/" + fn)]
        self.templates[fn] = self.rnd.sample(names, self.rnd.randint(0, len(names)))
        self.calls.append(("limits of", fn, self.templates[fn]))
        prefix = self.p.key("blocked:")
        blocked = [key[len(prefix):] for key in self.p.redis.keys("*") if key.startswith(prefix)]
        self.p.call("install_limits", fn, self.template_text(fn), *blocked)

    def an_hour_passes(self):
        """For the budget of an owner."""
        owner = self.rnd.choice(OWNERS)
        self.calls.append(("an_hour_passes", owner))
        self.forget_spending(owner)

    def forget_spending(self, owner):
        self.freed = True
        self.spent[owner] = 0
        self.p.redis.delete(self.p.key("spent:" + owner))
        if self.p.redis.zscore(self.p.key("timers"), "limit/budget:" + owner) is not None:
            self.p.redis.zadd(self.p.key("timers"), {"limit/budget:" + owner: 1})
        self.p.fire_timers()
        self.check()

    # ---- what must be true ----
    def explain(self):
        words = {"parked": "sleeping", "collecting": "collecting", "fanned": "waiting for branches", "waiting": "waiting",
                 "done": "ended"}
        for r in self.rnd.sample(list(self.runs.values()), min(5, len(self.runs))):
            expected = words.get(r.state)
            if r.state == "admitted":
                expected = "running" if r.worker else "ready"
            elif r.state == "waits":
                expected = "waiting for a function" if r.function else "waiting for an event"
            reply = self.p.call("explain_run", r.id)
            told = dict(zip(reply[::2], reply[1::2]))
            assert (told["state"], told["key"], told.get("worker")) == (expected, r.key, r.worker), r

    def audit(self):
        """There is nothing to mend."""
        for name in self.names():
            cursor = None
            while cursor != "0":
                cursor, *found = self.p.call("audit_slots", name, cursor or 0, 100)
                assert found == [], name
        assert self.p.call("audit_run", *self.runs) == []

    def check_listeners(self):
        """Everybody who listens is found, and nobody else."""
        for event in EVENTS:
            filed = collections.defaultdict(set)
            for r in self.runs.values():
                for slot, (name, path, value) in r.listens.items():
                    if name == event:
                        filed[path, value].add(f"{r.id}/{slot}")
            (paths,) = self.p.call("heard_paths", event)
            assert set(paths) == {path for path, _ in filed}
            for (path, value), expected in filed.items():
                _, *words = self.p.call("find_listeners", event, path, value, "", 1000)
                assert set(words[::4]) == expected
                assert all((step != "") == name.endswith("/w") for name, step in zip(words[::4], words[3::4]))

    def snapshot(self):
        """{kind: {name: contents}} of the keys that are there."""
        p, prefix = self.p, self.p.key("")
        names = [key[len(prefix):].partition(":") for key in p.redis.keys("*")]
        pipe = p.redis.pipeline()
        reads = {"wait": lambda key: pipe.zrange(key, 0, -1, withscores=True), "line": lambda key: pipe.zrange(
            key, 0, -1, withscores=True), "slots": pipe.smembers, "blocked": lambda key: pipe.zrange(key, 0, -1),
            "vt": pipe.exists}
        there = [(kind, name) for kind, _, name in names if kind in reads]
        for fn in LIMITS:
            pipe.xrange(p.key("ready:" + fn))
            pipe.xpending_range(p.key("ready:" + fn), "workers", "-", "+", 10000)
        pipe.zrange(p.key("timers"), 0, -1)
        pipe.zrange(p.key("deadlines"), 0, -1)
        pipe.smembers(p.key("unsettled"))
        pipe.hkeys(p.key("tangled"))
        for kind, name in there:
            reads[kind](p.key(f"{kind}:{name}"))
        answers = iter(pipe.execute())
        s = collections.defaultdict(lambda: collections.defaultdict(list))
        s["ready"] = {fn: (next(answers), next(answers)) for fn in LIMITS}
        s["timers"], s["deadlines"] = next(answers), next(answers)
        s["unsettled"], s["tangled"] = next(answers), next(answers)
        for kind, name in there:
            s[kind][name] = next(answers)
        return s

    def take_admissions(self, s, may_admit):
        """Runs that the scripts chose to admit; they must have been the first of their queue."""
        offered = self.those("offered")
        for r in offered:
            r.state = "waiting"
        chosen = [self.runs[fields["run"]] for entries, _ in s["ready"].values() for _, fields in entries
                  if self.runs[fields["run"]].state == "waiting"]
        for r in sorted(chosen, key=lambda r: r.order):
            assert may_admit, f"{r} was admitted by a call that frees nothing"
            # one that this call brought may have found room before others of its queue came
            if r not in offered:
                assert self.queue_of(r.queue)[0].order == r.order, f"{r} was admitted before others of its queue"
            self.admit(r)
        self.check_room(chosen)
        return len(chosen)

    def check_room(self, chosen):
        """Behind a limit that was lowered nobody is admitted until enough have left: at once, or when it was settled."""
        for name in {name for r in chosen for name in r.admitted_by if not name.startswith("budget:")}:
            assert len(self.holders(name)) <= self.maximum(name) or name in self.loose, name

    def check(self, may_admit=True):
        """Redis and the model agree, and every promise is kept. How many runs the scripts have chosen to admit."""
        self.checked = True
        s = self.snapshot()
        admitted = self.take_admissions(s, may_admit and (self.freed or bool(self.loose)))
        self.loose = s["unsettled"]
        for fn, (entries, pending) in s["ready"].items():
            assert sorted(f["run"] for _, f in entries) == sorted(r.id for r in self.those("admitted") if r.fn == fn)
            by_entry = {entry: fields["run"] for entry, fields in entries}
            leased = {by_entry[x["message_id"]]: (x["consumer"], x["message_id"]) for x in pending}
            assert leased == {r.id: (r.worker, r.entry) for r in self.runs.values() if r.worker and r.fn == fn}
        assert {m for m in s["timers"] if not m.startswith("limit/")} == {r.id for r in self.sleepers()}
        assert set(s["deadlines"]) == {f"{mark}:{r.id}" for r in self.runs.values() for mark in r.deadlines}
        self.check_limits(s)
        self.check_waiting(s)
        self.check_tangled(s)
        return admitted

    loose, checked = frozenset(), False

    def check_limits(self, s):
        for name in self.names():
            assert set(s["slots"][name]) == self.holders(name), name
            count = len(s["slots"][name])
            # a limit that was lowered may have more holders than it allows, but never gets another one
            if not name.startswith("budget:"):
                assert count <= max(self.maximum(name), self.held[name]), name
            self.held[name] = count

    def check_waiting(self, s):
        assert set(s["vt"]) <= set(s["blocked"]), "virtual times are kept though nobody waits"
        stands = collections.defaultdict(list)
        for name, members in s["blocked"].items():
            for member in members:
                stands[member].append(name)
        in_line, queues = {}, collections.defaultdict(list)
        for row, members in s["line"].items():
            for queue, place in members:
                in_line[queue] = row
                assert s["wait"][queue][0][1] == place, f"{queue} is out of place in its line"
        for row in set(s["line"]) | {member[1:] for member in stands if member[0] == "\n"}:
            self.check_row(row, row in s["line"], stands["\n" + row])
        for r in self.those("waiting"):
            queues[r.queue].append((r.id, r.order))
        for queue in set(s["wait"]) | set(queues) | {member for member in stands if member[0] != "\n"}:
            assert sorted(s["wait"][queue]) == sorted(queues[queue]), queue
            self.check_place(s, queue, bool(queues[queue]), stands, in_line)

    def check_row(self, row, waits, places):
        start, owner = row.split(":", 1)
        known = [full_name(t, owner) for t in self.templates[start.rstrip("+")]]
        stale = [name for name in places if name not in known and not name.startswith("paused/")]
        assert waits - len(stale) <= len(places) - len(stale) <= waits, (row, places)

    def check_place(self, s, queue, waits, stands, in_line):
        places = stands[queue] + (stands["\n" + in_line[queue]] if queue in in_line else [])
        start, key = queue.split(":", 1)
        # behind a limit that its function has no more it may be left although it has run empty, until it comes to the front
        known = [full_name(t, key) for t in self.templates[start.rstrip("+")]]
        stale = [name for name in stands[queue] if name not in known and not name.startswith("paused/")]
        if "\n" in queue:
            assert all(name.startswith("item:") or name in stale for name in stands[queue]), queue
        assert waits - len(stale) <= len(places) - len(stale) <= waits, (queue, places)
        for name in places:
            paused = name.startswith("paused/") and self.is_paused(start.rstrip("+"), start.endswith("+"))
            full = paused or not name.startswith("paused/") and self.is_full(name)
            assert full or name in s["unsettled"], f"{queue} waits behind {name}, which has room"

    def check_tangled(self, s):
        """Where a slot may not go straight to the next run of the queue, that is written down or about to be."""
        for fn, names in self.templates.items():
            for name in {full_name(t, key) for t in names for key in KEYS} if names == [f"fn/{fn}:$"] else []:
                members = s["blocked"].get(name, [])
                plain = [f"{fn}:{name.partition(':')[2]}"]
                if members and (members != plain or len(self.holders(name)) > self.maximum(name)):
                    assert name in s["tangled"] or name in s["unsettled"], name

    # ---- the end ----
    def drain(self):
        """Everything that was started comes to its end, and nothing is left but what is documented."""
        for fn in LIMITS:
            self.pause(fn, "run")
        for name in list(self.overrides):
            self.override(name, "" if name != "shared" else 5)
        for owner in OWNERS:
            self.p.call("set_weight", owner, "")
        for _ in range(10000):
            if not any(r.state != "done" for r in self.runs.values()):
                break
            self.let_go_on()
        self.fire_timers(everything=True)
        for _ in range(20):
            self.fire_timers()
        assert all(r.state == "done" for r in self.runs.values()), self.those("waiting", "admitted", "fanned")
        self.archive()
        self.check_events()
        self.check_leftovers()

    def let_go_on(self):
        self.fire_timers(everything=True)
        for r in self.those("waits"):
            step = r.step
            assert self.p.call("resume_run", r.id, step, "ok", "1", "") == [1]
            self.freed = True
            self.resume(r, step, "1")
            self.check()
        for owner in OWNERS:
            if self.spent[owner]:
                self.forget_spending(owner)
        for worker in WORKERS:
            for fn in LIMITS:
                self.take(worker, 1000, [fn])
        self.commit(everything=True)

    def check_events(self):
        """Exactly one notice for each run that was cancelled, and an answer for everybody who invoked one."""
        entries = [fields for _, fields in self.p.redis.xrange(self.p.key("events"))]
        told = collections.Counter(f["name"] for f in entries)
        assert told["inngest/function.finished"] == self.answers
        assert told["inngest/function.cancelled"] == sum(self.ended.values()) == len(self.ended)
        history = [fields for _, fields in self.p.redis.xrange(self.p.key("history"))]
        assert collections.Counter(f["run"] for f in history if f["kind"] == "cancelled") == self.ended
        assert "repairs" not in self.p.dump()

    def check_leftovers(self):
        state = self.p.dump()
        assert {m for m, _ in state.pop("timers", [])} <= {"limit/budget:" + owner for owner in OWNERS}
        left = {name for name in state if not name.startswith(LASTING)} - LEFTOVERS
        assert left <= {"controls"} and state.get("controls", {}).keys() <= {"limit/shared"}, left
        for name in state:
            if name.startswith("ready:"):
                assert state[name]["entries"] == [] and not any(state[name]["workers"].values()), name
            if name.startswith(("once:", "rate:", "throttle:", "joined:", "spent:")):
                assert self.p.redis.pttl(self.p.key(name)) > 0, f"{name} does not end by itself"


