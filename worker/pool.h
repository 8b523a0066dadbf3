/* pool.h: the threads that execute runs. A run waits here only between its claim and the next free thread: the claimer
 * asks for no more than pool_wait_free tells, and what it got beyond that is given back. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "breaker.h"
#include "committer.h"
#include "conf.h"
#include "run.h"
#include "seat.h"

struct pool;

struct pool *pool_start(const struct conf *c, struct committer *committer, const char *worker_id,
                        struct breakers *breakers, const atomic_bool *stopping,
                        const atomic_bool *abort);

/* The threads' places, as many as there are threads; they live as long as the pool. */
struct seat *pool_seats(struct pool *p, int *ret_count);

/* Steps that are to end do not wait for Postgres. To be called every 100 ms or so. */
void pool_hurry(struct pool *p);

/* Hands a run to a thread, or back to the others when none is free: it would wait here while another worker has time.
 * Takes it. */
void pool_add(struct pool *p, struct run *r);

/* How many threads have nothing to do, waiting up to timeout_ms for at least one. */
int pool_wait_free(struct pool *p, int64_t timeout_ms);
int pool_busy(struct pool *p);

/* Gives back what no thread has begun. */
void pool_give_back_queued(struct pool *p);

/* Waits until every thread is idle and nothing is queued; false on timeout. */
bool pool_wait_idle(struct pool *p, int64_t timeout_ms);

/* Joins the threads; only after pool_wait_idle said true. */
void pool_stop(struct pool *p);
/* When nobody asks for its figures any more (the heartbeat does). */
void pool_free(struct pool *p);
