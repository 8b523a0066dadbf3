/* verify.h: the audit of Redis against itself and against Postgres. Each part looks at one thing and notes what differs; nothing is
 * mended.
 *
 * The stores change while they are compared, so a difference counts only when it is found twice: cmd_verify.c makes all parts
 * look again, some time later, and keeps what both times found. */
#pragma once

#include "ctl.h"

struct verify {
    struct ctl *c;
    long partitions;
    json_t *found;  /* "<kind>\n<place>\n<id>" -> {kind, place, id, detail} */
    json_t *counts; /* what was looked at -> how many */
};

/* `place`: a partition, a stream or a table; `id`: of a run, a limit, a worker …; `detail` NULL = none. */
void verify_note(struct verify *v, const char *kind, const char *place, const char *id,
                 const char *detail);
void verify_count(struct verify *v, const char *what, long long n);

typedef bool (*verify_key_fn)(struct verify *v, const char *prefix, const char *name,
                              struct err *e);
/* Every key "{c<i>}:<kind>:<name>", once. */
bool verify_keys(struct verify *v, const char *kind, verify_key_fn each, struct err *e);

bool verify_slots(struct verify *v, struct err *e); /* every slot by right */
bool verify_runs(struct verify *v,
                 struct err *e); /* every live run somewhere, with its slots, and in Postgres */
bool verify_places(struct verify *v, struct err *e); /* queues, timers, ready streams */
bool verify_recorded(struct verify *v,
                     struct err *e); /* every run that Postgres takes for live is in Redis */
bool verify_events(struct verify *v, struct err *e);    /* events that are not enqueued */
bool verify_consumers(struct verify *v, struct err *e); /* consumers whose daemon is dead */
bool verify_settings(struct verify *v, struct err *e);  /* functions, controls, epochs */
