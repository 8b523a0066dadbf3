/* seat.h: a pool thread's place: which run it executes, and whether what it does is to end. The thread sits down and stands
 * up; the watch over leases looks at all seats and tells. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "db.h"
#include "run.h"

enum seat_end { SEAT_GOES_ON, SEAT_CANCELLED, SEAT_GIVEN_AWAY };

struct seat {
    const atomic_bool *abort; /* the worker gave up waiting: its lease is lost, or its grace over */
    pthread_mutex_t lock;     /* guards run and db */
    const struct run *run;    /* NULL = nobody sits here */
    struct db *db;            /* what the thread's statements run on */
    _Atomic int end;          /* enum seat_end */
    _Atomic int64_t deadline_ms; /* of the running step, monotonic; INT64_MAX between steps */
};

void seat_init(struct seat *s, const atomic_bool *abort);
void seat_release(struct seat *s);

/* For the thread itself. */
void seat_enter(struct seat *s, const struct run *r, struct db *db);
void seat_leave(struct seat *s);
/* A step may take that long. */
void seat_begin_step(struct seat *s, int64_t limit_ms);
void seat_end_step(struct seat *s);

/* Why the run is to end here, NULL when it goes on. */
const char *seat_end_reason(const struct seat *s);
/* Is the running step past its deadline? */
bool seat_is_late(const struct seat *s);
/* Why the running step is to end, for either reason. */
const char *seat_reason(const struct seat *s);

/* For the watch. A run that is looked at: what names its lease. */
struct seat_lease {
    int partition;
    const char *fn; /* constant */
    char entry[ENTRY_SIZE];
    char ref[REF_SIZE];
};
/* false: nobody sits there. */
bool seat_lease(struct seat *s, struct seat_lease *ret);
/* Ends that run, unless another one sits there by now. */
void seat_end(struct seat *s, const char *entry, enum seat_end why);
/* Ends the SQL statement that is running, but no COMMIT, if what runs is to end. A statement that begins after it is ended
 * by the next call. */
void seat_hurry(struct seat *s);
