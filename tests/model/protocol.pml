/* The life of two runs, as a model for SPIN: from their events in the ingress stream to their rows in Postgres, with
 * schedulers, workers, archivers, and faults at every point. It checks promises 1 to 5; README.md says what is left out.
 *
 * Each inline that is named like a script of lua/ is that script: one step that nothing comes between. Each branch that
 * takes from `faults` is something that goes wrong: a crash, a reply that is lost, a live process that is taken for dead.
 * How many may happen is chosen at the start, so that nothing but the protocol itself gets a run out of a dead end. A
 * process that is frozen needs no statement: SPIN lets every process wait for as long as it likes.
 *
 * What must hold at every instant stands in holds() and beside what it is about; what must hold in the end in `verdict`,
 * which waits until nobody can do anything any more. MUTANT names a safeguard that is left out: then something must fail.
 *
 * To keep the number of states small, whatever is not needed any more is set back to what it was at the start, and
 * numbers that nobody knows any more are given again. */

#ifndef FAULTS
#define FAULTS 2         /* at most, in one life */
#endif
#ifndef AT_WORKERS
#define AT_WORKERS 1     /* whether faults hit them */
#endif
#ifndef AT_SCHEDULERS
#define AT_SCHEDULERS 1
#endif
#ifndef AT_ARCHIVERS
#define AT_ARCHIVERS 1
#endif
#ifndef SCHEDULERS
#define SCHEDULERS 2     /* 1 or 2 */
#endif
#ifndef ARCHIVERS
#define ARCHIVERS 1      /* 1 or 2 */
#endif
#ifndef MUTANT
#define MUTANT none
#endif

#define none 0
#define no_ledger 1          /* a transactional step does not look whether it was done */
#define effect_first 2       /* the effect is committed before the ledger's row, not with it */
#define ledger_first 3       /* the ledger's row is committed before the effect */
#define commit_unchecked 4   /* commit does not ask who owns the run */
#define result_unchecked 5   /* commit does not ask whether the step has a result already */
#define poison_keeps_slot 6  /* a run that is stopped after too many deaths keeps its slot */
#define admits_nobody 7      /* a slot that came back is not handed on */
#define limit_unchecked 8    /* a run is admitted whether there is room or not */
#define claim_pending 9      /* claim takes what another worker owns */
#define reap_forgets 10      /* a dead worker's consumer is deleted together with its entries */
#define enqueue_restarts 11  /* nobody asks whether Redis has the run already */
#define no_look 12           /* what is delivered again is started again, unless Redis has it */
#define postgres_first 13    /* whether the run is over is asked before whether it is there */
#define no_fence 14          /* a dead scheduler's events are taken over, and it may still enqueue */
#define same_name 15         /* a scheduler whose enqueue was not answered calls again under the same name */
#define ids_unseen 16        /* an event with the id of another one starts its runs too */
#define own_twin 17          /* an event that is delivered again is taken for its own twin */
#define leaves_early 18      /* an event leaves its stream when it is read */
#define nothing_kept 19      /* an event that cannot be read leaves and is kept nowhere */
#define no_cursor 20         /* the archive begins with whatever is in the history */
#define cursor_apart 21      /* the archive's cursor is committed before the rows, not with them */
#define removes_first 22     /* a run's keys are removed before its row is in Postgres */
#define trims_first 23       /* history is trimmed before the keys of its runs are removed */
#define lacks(safeguard) (MUTANT == safeguard)

#define EVENTS 2
#define LIMIT 1          /* how many runs may hold a slot */
#define RETRIES 1        /* of the second step */
#define MAX_DEATHS 2     /* CHRONOS_MAX_DEATHS */
#define NONE 7

/* sets of numbers below 8 */
#define one(x) (1 << (x))
#define has(set, x) (((set) & one(x)) != 0)
#define add(set, x) set = (set) | one(x)
#define take(set, x) set = (set) & ~one(x)
#define count(set) (((set) & 1) + (((set) >> 1) & 1))

byte faults; /* that may still happen */
#define worker_fault (AT_WORKERS && faults > 0)
#define scheduler_fault (AT_SCHEDULERS && faults > 0)
#define archiver_fault (AT_ARCHIVERS && faults > 0)

/* ==== Redis ==== */

mtype = { unread, held, gone };         /* an entry of chronos:events */
mtype = { good, twin, bad };            /* an event; twins have the same id (idempotency key) */
mtype = { next, retry, later, give_back, complete, fail }; /* commit's: park is retry (an attempt is used) or later */
mtype = { applied, applied_before, stale, conflict };
mtype = { started, was_there, fenced };
mtype = { in_redis, in_postgres };

mtype kind[EVENTS] = good;
mtype entry[EVENTS] = unread;
byte holder[EVENTS] = NONE;             /* the scheduler's name under which it is pending */
byte seen = NONE;                       /* chronos:seen:<id>: the twin that came first */
byte rejected;                          /* chronos:events:rejected, a set of events */
byte schedulers = 3;                    /* {c0}:schedulers, a set of names; what is alive is called 0 and 1 */

typedef run_t {                         /* {c0}:run:<id> and {c0}:steps:<id>; event e starts run e */
    bool there;
    byte fails;                         /* of the second step */
    byte deaths;                        /* since the last outcome that was committed */
    byte result                         /* of the first step: NONE, or the worker who did it */
};
run_t live[EVENTS];
chan ready = [4] of { byte, byte };     /* {c0}:ready:<fn>, not delivered: run, entry */
byte leased_run[2] = NONE;              /* {c0}:ready:<fn>, pending: what each worker owns */
byte leased_entry[2];
byte slots, waiting, timers;            /* sets of runs */
byte history;                           /* {c0}:history after the archive's cursor: finished runs, a set */
byte leftovers;                         /* {c0}:history up to the cursor: archived and not trimmed yet */

/* One call of each kind that was sent and not answered. Redis carries it out some time. */
mtype late_op;                          /* of commit; 0 = there is none */
byte late_worker, late_run, late_entry;
byte late_name = NONE;                  /* of enqueue; NONE = there is none */
byte late_event;

/* ==== Postgres ==== */

byte recorded;                          /* chronos.events and chronos.rejected_events, a set of events */
byte ledger;                            /* chronos.step_ledger, a set of runs: their second step is committed */
byte writer[EVENTS] = NONE;             /* the worker in whose open transaction the ledger's row is being written */
byte archived[EVENTS];                  /* chronos.runs: rows of the run */

/* ==== in memory, or only true ==== */

byte in_hand_run[2] = NONE;             /* what each worker works on, whether it still owns it or not */
byte in_hand_entry[2];
byte down;                              /* workers that died and were not reaped yet */
byte dead[2] = NONE;                    /* the name from which each scheduler is taking over */
bool ended[EVENTS];
byte results[EVENTS];                   /* of the first step, stored in the run so far */
byte effects[EVENTS];                   /* of the second step, which is transactional */

mtype code;                             /* what a script answered; looked at within the same step */
hidden byte i;                          /* for loops; only within d_step, as SPIN does not put it back */

#define leases ((leased_run[0] != NONE) + (leased_run[1] != NONE))
#define owns(w, r, n) ((leased_run[w] == r && leased_entry[w] == n) || lacks(commit_unchecked))
#define in_ledger(r) (has(ledger, r) && !lacks(no_ledger))

inline forget_late_commit()
{
    late_op = 0;
    late_worker = 0;
    late_run = 0;
    late_entry = 0
}

inline forget_late_enqueue()
{
    late_name = NONE;
    late_event = 0
}

/* A call that can only be refused from now on need not be waited for. */
inline forget_late_calls()
{
    if
    :: late_op != 0 && !owns(late_worker, late_run, late_entry) -> forget_late_commit()
    :: else
    fi;
    if
    :: late_name != NONE && !has(schedulers, late_name) -> forget_late_enqueue()
    :: else
    fi
}

inline holds()
{
    assert(count(slots) <= LIMIT);      /* promise 3 */
    assert(leases <= LIMIT);            /* promise 3 */
    forget_late_calls()
}

/* ==== lua/ ==== */

#define is_known(r, n) ( \
        (in_hand_run[0] == r && in_hand_entry[0] == n) || (in_hand_run[1] == r && in_hand_entry[1] == n) || \
        (late_op != 0 && late_run == r && late_entry == n))

inline make_ready(r)
{
    if
    :: !is_known(r, 1) -> ready!r, 1
    :: is_known(r, 1) && !is_known(r, 2) -> ready!r, 2
    :: is_known(r, 1) && is_known(r, 2) && !is_known(r, 3) -> ready!r, 3
    :: else -> ready!r, 4
    fi
}

inline admit_or_wait(r)
{
    if
    :: (waiting == 0 && count(slots) < LIMIT) || lacks(limit_unchecked) ->
        add(slots, r);
        make_ready(r)
    :: else ->
        add(waiting, r)
    fi
}

inline admit_waiting()
{
    for (i : 0 .. EVENTS - 1) {
        if
        :: has(waiting, i) && count(slots) < LIMIT && !lacks(admits_nobody) ->
            take(waiting, i);
            add(slots, i);
            make_ready(i)
        :: else
        fi
    }
}

inline enqueue(name, r)
{
    if
    :: !has(schedulers, name) ->
        code = fenced
    :: has(schedulers, name) && live[r].there && !lacks(enqueue_restarts) ->
        code = was_there
    :: else ->
        code = started;
        live[r].there = true;
        live[r].result = NONE;
        admit_or_wait(r)
    fi;
    holds()
}

inline claim(w)
{
    if
    :: nempty(ready) ->
        ready?in_hand_run[w], in_hand_entry[w]
    :: lacks(claim_pending) && leased_run[1 - w] != NONE ->
        in_hand_run[w] = leased_run[1 - w];
        in_hand_entry[w] = leased_entry[1 - w]
    fi;
    leased_run[w] = in_hand_run[w];
    leased_entry[w] = in_hand_entry[w];
    holds()
}

inline end_lease(w)
{
    leased_run[w] = NONE;
    leased_entry[w] = 0
}

inline release_slots(r)
{
    take(slots, r);
    admit_waiting()
}

inline park(w, r)
{
    end_lease(w);
    add(timers, r);
    release_slots(r)
}

inline finish(w, r, op)
{
    assert(!ended[r]);                  /* promise 2 */
    assert(op == fail || (results[r] == 1 && effects[r] == 1)); /* promise 5 */
    ended[r] = true;
    results[r] = 0;
    add(history, r);
    end_lease(w);
    if
    :: op == fail && live[r].deaths >= MAX_DEATHS && lacks(poison_keeps_slot)
    :: else -> release_slots(r)
    fi
}

inline commit(w, op, r, n)
{
    code = applied;
    if
    :: !owns(w, r, n) ->
        code = stale
    :: owns(w, r, n) && op == next && live[r].result != NONE && !lacks(result_unchecked) ->
        code = (live[r].result == w -> applied_before : conflict)
    :: owns(w, r, n) && op == next && (live[r].result == NONE || lacks(result_unchecked)) ->
        live[r].result = w;
        live[r].deaths = 0;
        results[r]++
    :: owns(w, r, n) && op == retry ->
        live[r].fails++;
        live[r].deaths = 0;
        park(w, r)
    :: owns(w, r, n) && op == later ->
        park(w, r)
    :: owns(w, r, n) && op == give_back ->
        end_lease(w);
        make_ready(r)
    :: owns(w, r, n) && (op == complete || op == fail) ->
        finish(w, r, op)
    fi;
    assert(code != conflict && results[r] <= 1); /* promise 5 */
    holds()
}

inline fire_timers(r)
{
    take(timers, r);
    admit_or_wait(r);
    holds()
}

inline reap_worker(w)
{
    i = leased_run[w];
    if
    :: live[i].there && !lacks(reap_forgets) ->
        live[i].deaths = (live[i].deaths < MAX_DEATHS -> live[i].deaths + 1 : MAX_DEATHS);
        make_ready(i)
    :: else
    fi;
    end_lease(w);
    take(down, w);
    holds()
}

/* ==== worker/ ==== */

#define my_run in_hand_run[w]
#define my_entry in_hand_entry[w]
#define has_work (nempty(ready) || (lacks(claim_pending) && leases > 0))
#define is_at_rest(w) (in_hand_run[w] == NONE && leased_run[w] == NONE && late_op == 0)

inline worker_rests()
{
    my_run = NONE;
    my_entry = 0;
    op = 0;
    code = 0
}

/* Its memory is gone, and its transaction; its entry stays pending until it is reaped. The worker that is started in its
 * place is the same process here, and claims after that. */
inline worker_dies()
{
    faults--;
    if
    :: writer[my_run] == w -> writer[my_run] = NONE
    :: else
    fi;
    if
    :: leased_run[w] != NONE -> add(down, w)
    :: else
    fi;
    worker_rests()
}
#define worker_crashes atomic { \
        worker_fault -> \
        printf("worker %d dies\n", w); \
        d_step { worker_dies() }; \
        goto idle \
    }

proctype worker(byte w)
{
    mtype op;

    /* claim.c. A claim whose reply is lost is read again before the next one: no more than a late reply. Of two workers
     * at rest the first one claims: who it is makes no difference. */
end:
idle:
    atomic {
        has_work && leased_run[w] == NONE && (w == 0 || !is_at_rest(0)) ->
        d_step { claim(w) };
        printf("worker %d claims run %d by entry %d\n", w, my_run, my_entry);
        if
        :: live[my_run].deaths >= MAX_DEATHS -> op = fail; goto send
        :: worker_fault -> faults--; op = give_back; goto send /* it is being stopped */
        /* the first step does nothing that others could see, so it is done at once */
        :: live[my_run].deaths < MAX_DEATHS && live[my_run].result == NONE -> op = next; goto send
        :: live[my_run].deaths < MAX_DEATHS && live[my_run].result != NONE
        fi
    }

    /* ledger.c: ledger_begin */
second:
    if
    :: worker_crashes
    :: atomic {
        in_ledger(my_run) ->
        printf("worker %d finds the second step of run %d done\n", w, my_run);
        op = complete;
        goto send
    }
    :: atomic {
        !in_ledger(my_run) && writer[my_run] == NONE ->
        printf("worker %d begins the second step of run %d\n", w, my_run);
        writer[my_run] = w
    }
    :: atomic {
        !in_ledger(my_run) && writer[my_run] != NONE && worker_fault ->
        printf("worker %d waits in vain for another's transaction\n", w);
        faults--;
        op = later;
        goto send
    }
    fi;

    /* the effect and the ledger's row in one transaction */
    if
    :: worker_crashes
    :: atomic {
        writer[my_run] != w ->
        printf("worker %d has lost its transaction\n", w);
        op = later
    }
    :: atomic {
        writer[my_run] == w ->
        printf("worker %d fails in the second step of run %d\n", w, my_run);
        writer[my_run] = NONE;
        op = (live[my_run].fails < RETRIES -> retry : fail)
    }
    :: atomic { lacks(ledger_first) && worker_fault -> add(ledger, my_run); d_step { worker_dies() }; goto idle }
    :: atomic {
        writer[my_run] == w ->
        printf("worker %d does the second step of run %d\n", w, my_run);
        effects[my_run]++;
        assert(effects[my_run] == 1);   /* promise 5 */
        if
        :: lacks(effect_first) && worker_fault -> d_step { worker_dies() }; goto idle
        :: true -> op = complete
        :: worker_fault -> faults--; op = later /* the reply to COMMIT is lost */
        fi;
        add(ledger, my_run);
        writer[my_run] = NONE
    }
    fi;

    /* committer.c: sent until there is an answer */
send:
    do
    :: worker_crashes
    :: atomic {
        worker_fault && late_op == 0 ->
        printf("worker %d sends %e of run %d and gets no answer\n", w, op, my_run);
        faults--;
        late_op = op;
        late_worker = w;
        late_run = my_run;
        late_entry = my_entry
    }
    :: atomic {
        d_step { commit(w, op, my_run, my_entry) };
        printf("worker %d commits %e of run %d: %e\n", w, op, my_run, code);
        if
        :: op == next && code == applied -> op = 0; code = 0; goto second
        :: op == next && code == applied_before -> op = 0; code = 0; goto second
        :: op != next && code == applied -> d_step { worker_rests() }; goto idle
        :: code == stale -> d_step { worker_rests() }; goto idle
        fi
    }
    od
}

/* ==== scheduler/ ==== */

inline scheduler_rests()
{
    e = 0;
    again = false;
    dead[s] = NONE;
    code = 0;
    schedulers = schedulers & (3 | one(holder[0]) | one(holder[1]) | one(late_name))
}

#define is_used(x) (holder[0] == x || holder[1] == x || late_name == x || dead[0] == x || dead[1] == x)
#define rename(x) x = (x == s -> old : x)

/* identity.c: a new name; what is pending under the old one is for the heirs. Here the new name is called s again, and the
 * old one gets the first number that is free. */
inline scheduler_renews()
{
    scheduler_rests();
    if
    :: !is_used(2) -> old = 2
    :: is_used(2) && !is_used(3) -> old = 3
    :: is_used(2) && is_used(3) && !is_used(4) -> old = 4
    :: else -> old = 5
    fi;
    schedulers = (has(schedulers, s) -> schedulers | one(old) : schedulers);
    rename(holder[0]);
    rename(holder[1]);
    rename(late_name);
    rename(dead[1 - s]);
    scheduler_rests();
    add(schedulers, s);
    old = 0
}
#define scheduler_crashes atomic { \
        scheduler_fault -> \
        printf("scheduler %d dies\n", s); \
        d_step { faults--; scheduler_renews() }; \
        goto idle \
    }

/* route.c: read_new. A reply that is lost makes the scheduler take a new name, which is the same as a crash. Event 0 is read
 * by scheduler 0: who it is makes no difference. */
#define reads(x) atomic { \
        entry[x] == unread && (x > 0 || s == 0) -> \
        printf("scheduler %d reads event %d, which is %e\n", s, x, kind[x]); \
        entry[x] = (lacks(leaves_early) -> gone : held); \
        holder[x] = (lacks(leaves_early) -> NONE : s); \
        e = x; \
        if \
        :: kind[x] == good -> goto start \
        :: kind[x] == twin -> goto ids \
        :: kind[x] == bad -> goto record \
        fi \
    }

/* inherit.c: the dead one, or who is taken for dead, is fenced before anything of it is taken over */
#define inherits(x) atomic { \
        entry[x] == held && holder[x] != s && (holder[x] > 1 || scheduler_fault) -> \
        printf("scheduler %d fences %d\n", s, holder[x]); \
        e = x; \
        dead[s] = holder[x]; \
        faults = faults - (dead[s] <= 1); \
        schedulers = (lacks(no_fence) -> schedulers : schedulers & ~one(dead[s])); \
        d_step { forget_late_calls() }; \
        goto take_over \
    }

#define first_store (lacks(postgres_first) -> in_postgres : in_redis)
#define second_store (lacks(postgres_first) -> in_redis : in_postgres)
#define knows(store) (store == in_redis -> live[e].there && !lacks(enqueue_restarts) : archived[e] != 0)
#define finds(store) printf("scheduler %d finds run %d %e\n", s, e, store)
#define misses(store) printf("scheduler %d finds no run %d %e\n", s, e, store)

proctype scheduler(byte s)
{
    byte e, old;
    bool again, is_twin;

end:
idle:
    if
    :: reads(0)
    :: reads(1)
    :: inherits(0)
    :: inherits(1)
    fi;

take_over:
    if
    :: scheduler_crashes
    :: atomic {
        entry[e] == held && holder[e] == dead[s] ->
        printf("scheduler %d takes event %d over\n", s, e);
        holder[e] = s;
        dead[s] = NONE;
        again = true;
        if
        :: kind[e] == good -> goto look
        :: kind[e] == twin -> goto ids
        :: kind[e] == bad -> goto record
        fi
    }
    :: atomic { entry[e] != held || holder[e] != dead[s] -> d_step { scheduler_rests() }; goto idle }
    fi;

    /* batch.c: drop_seen */
ids:
    if
    :: scheduler_crashes
    :: atomic {
        is_twin = (seen != NONE && (seen != e || lacks(own_twin)) && !lacks(ids_unseen));
        seen = (seen == NONE -> e : seen);
        if
        :: is_twin -> printf("event %d starts nothing\n", e); is_twin = false; goto record
        :: !is_twin && again -> goto look
        :: !is_twin && !again -> goto start
        fi
    }
    fi;

    /* batch.c: skip_finished. Two questions, with time between them. */
look:
    if
    :: scheduler_crashes
    :: lacks(no_look) -> goto start
    :: atomic { knows(first_store) -> finds(first_store); goto record }
    :: atomic { !knows(first_store) -> misses(first_store) }
    fi;
    if
    :: scheduler_crashes
    :: atomic { knows(second_store) -> finds(second_store); goto record }
    :: atomic { !knows(second_store) -> misses(second_store) }
    fi;

    /* batch.c: start_runs */
start:
    if
    :: scheduler_crashes
    :: atomic {
        scheduler_fault && late_name == NONE ->
        printf("scheduler %d sends enqueue of run %d and gets no answer\n", s, e);
        faults--;
        late_name = s;
        late_event = e;
        if
        :: lacks(same_name) -> again = true; goto look
        :: !lacks(same_name) -> printf("scheduler %d dies\n", s); d_step { scheduler_renews() }; goto idle
        fi
    }
    :: atomic {
        d_step { enqueue(s, e) };
        printf("scheduler %d enqueues run %d: %e\n", s, e, code);
        if
        :: code == fenced -> d_step { scheduler_renews() }; goto idle
        :: code != fenced -> code = 0
        :: code != fenced && scheduler_fault -> faults--; code = 0; again = true; goto look /* the reply is lost */
        fi
    }
    fi;

    /* recorder.c: write_records, keep_refused, push_leave */
record:
    if
    :: scheduler_crashes
    :: atomic {
        add(recorded, e);
        if
        :: kind[e] != bad || lacks(nothing_kept) -> goto leave
        :: kind[e] == bad && !lacks(nothing_kept)
        fi
    }
    fi;
    if
    :: scheduler_crashes
    :: atomic { add(rejected, e) }
    fi;
leave:
    if
    :: scheduler_crashes
    :: atomic {
        printf("event %d leaves the stream\n", e);
        entry[e] = gone;
        holder[e] = NONE;
        d_step { scheduler_rests() };
        goto idle
    }
    fi
}

inline remove_runs(batch)
{
    for (i : 0 .. EVENTS - 1) {
        if
        :: has(batch, i) ->
            live[i].there = false;
            live[i].fails = 0;
            live[i].deaths = 0;
            live[i].result = 0
        :: else
        fi
    };
    i = 0                               /* a d_step must not end in a loop */
}

inline write_rows(batch)
{
    for (i : 0 .. EVENTS - 1) {
        archived[i] = archived[i] + has(batch, i);
        assert(archived[i] <= 1)        /* promise 2 */
    };
    i = 0
}

inline trim(batch)
{
    leftovers = leftovers & ~batch;
    history = (lacks(no_cursor) -> history & ~batch : history)
}

/* archive.c. The rows and the cursor are one transaction, which holds the cursor's lock from before it reads: it is one
 * step, or nothing when the archiver dies or the lock is lost. */
#define archiver_crashes atomic { archiver_fault -> printf("the archiver dies\n"); faults--; batch = 0; goto idle }

proctype archiver()
{
    byte batch;                         /* a set of runs */

end:
idle:
    if
    /* forget_leftovers */
    :: atomic { leftovers != 0 && !lacks(no_cursor) -> batch = leftovers }
    :: atomic { lacks(removes_first) && history != 0 -> batch = history; d_step { remove_runs(batch) } }
    /* archive_batch */
    :: atomic {
        (leftovers == 0 || lacks(no_cursor)) && history != 0 ->
        batch = history;
        history = (lacks(no_cursor) -> history : 0);
        leftovers = batch;
        if
        :: lacks(cursor_apart) && archiver_fault -> printf("the archiver dies\n"); faults--; batch = 0; goto idle
        :: true
        fi;
        d_step { write_rows(batch) };
        printf("archived:%c%c\n", (has(batch, 0) -> '0' : ' '), (has(batch, 1) -> '1' : ' '))
    }
    fi;

    /* forget */
    if
    :: archiver_crashes
    :: atomic { !lacks(trims_first) -> d_step { remove_runs(batch) } }
    :: atomic { lacks(trims_first) -> trim(batch) }
    fi;
    if
    :: archiver_crashes
    :: atomic { !lacks(trims_first) -> trim(batch); batch = 0; goto idle }
    :: atomic { lacks(trims_first) -> d_step { remove_runs(batch) }; batch = 0; goto idle }
    fi
}

/* duty.c: workers whose heartbeat is missing, and live ones that are taken for dead */
#define reaps(x) atomic { \
        leased_run[x] != NONE && (has(down, x) || worker_fault) -> \
        printf("worker %d is reaped\n", x); \
        faults = faults - !has(down, x); \
        d_step { reap_worker(x) } \
    }
#define fires(x) atomic { has(timers, x) -> printf("run %d is due again\n", x); d_step { fire_timers(x) } }

proctype duties()
{
end:
    do
    :: reaps(0)
    :: reaps(1)
    :: fires(0)
    :: fires(1)
    od
}

/* ==== what is nobody's ==== */

proctype network()
{
end:
    do
    :: atomic {
        late_op != 0 ->
        printf("%e of run %d by worker %d comes late\n", late_op, late_run, late_worker);
        d_step { commit(late_worker, late_op, late_run, late_entry); code = 0; forget_late_commit() }
    }
    :: atomic {
        late_name != NONE ->
        printf("enqueue of run %d by scheduler %d comes late\n", late_event, late_name);
        d_step { enqueue(late_name, late_event); code = 0; forget_late_enqueue() }
    }
    od
}

/* A transaction whose client says nothing for too long is ended by the server. */
#define ends(x) atomic { \
        worker_fault && writer[x] != NONE -> \
        printf("postgres ends the transaction of worker %d\n", writer[x]); \
        faults--; \
        writer[x] = NONE \
    }

proctype postgres()
{
end:
    do
    :: ends(0)
    :: ends(1)
    od
}

proctype verdict()
{
    timeout ->
    d_step {
        assert(slots == 0);                                   /* promise 4 */
        for (i : 0 .. EVENTS - 1) {
            assert(entry[i] == gone && has(recorded, i));     /* promise 1 */
            assert(kind[i] != bad || has(rejected, i));       /* promise 1 */
            assert(kind[i] != good || ended[i]);              /* promise 1 */
            assert(kind[i] != twin || ended[0] || ended[1]);  /* promise 1 */
            assert(kind[i] != twin || !ended[0] || !ended[1]); /* promise 2 */
            assert(archived[i] == ended[i])                   /* promise 2 */
        };
        assert(waiting == 0 && timers == 0 && leases == 0 && empty(ready)); /* promise 1 */
        assert(!live[0].there && !live[1].there && history == 0 && leftovers == 0) /* promise 2 */
    }
}

init
{
    atomic {
        if
        :: true
        :: kind[1] = bad
        :: kind[0] = twin; kind[1] = twin
        fi;
        select(faults : 0 .. FAULTS);
        run worker(0);
        run worker(1);
        run scheduler(0);
#if SCHEDULERS == 2
        run scheduler(1);
#endif
        run archiver();
#if ARCHIVERS == 2
        run archiver();
#endif
        run duties();
        run network();
        run postgres();
        run verdict()
    }
}
