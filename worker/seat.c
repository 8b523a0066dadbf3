#include "seat.h"

#include <string.h>

#include "clock.h"

void seat_init(struct seat *s, const atomic_bool *abort_flag)
{
    *s = (struct seat){.abort = abort_flag, .deadline_ms = INT64_MAX};
    (void)pthread_mutex_init(&s->lock, NULL);
}

void seat_release(struct seat *s)
{
    (void)pthread_mutex_destroy(&s->lock);
}

void seat_enter(struct seat *s, const struct run *r, struct db *db)
{
    (void)pthread_mutex_lock(&s->lock);
    s->run = r;
    s->db = db;
    atomic_store(&s->end, SEAT_GOES_ON);
    (void)pthread_mutex_unlock(&s->lock);
}

void seat_leave(struct seat *s)
{
    (void)pthread_mutex_lock(&s->lock);
    s->run = NULL;
    s->db = NULL;
    (void)pthread_mutex_unlock(&s->lock);
}

void seat_begin_step(struct seat *s, int64_t limit_ms)
{
    atomic_store(&s->deadline_ms, mono_ms() + limit_ms);
}

void seat_end_step(struct seat *s)
{
    atomic_store(&s->deadline_ms, INT64_MAX);
}

const char *seat_end_reason(const struct seat *s)
{
    switch ((enum seat_end)atomic_load(&s->end)) {
    case SEAT_CANCELLED:
        return "the run was cancelled";
    case SEAT_GIVEN_AWAY:
        return "the run was given to another worker";
    case SEAT_GOES_ON:
        break;
    }
    return atomic_load(s->abort) ? "the worker gave it up" : NULL;
}

bool seat_is_late(const struct seat *s)
{
    return mono_ms() >= atomic_load(&s->deadline_ms);
}

const char *seat_reason(const struct seat *s)
{
    const char *why = seat_end_reason(s);
    return why != NULL || !seat_is_late(s) ? why : "it ran longer than its limit";
}

bool seat_lease(struct seat *s, struct seat_lease *ret)
{
    (void)pthread_mutex_lock(&s->lock);
    bool taken = s->run != NULL;
    if (taken) {
        ret->partition = s->run->partition;
        ret->fn = s->run->fn->id;
        memcpy(ret->entry, s->run->entry, sizeof(ret->entry));
        memcpy(ret->ref, s->run->ref, sizeof(ret->ref));
    }
    (void)pthread_mutex_unlock(&s->lock);
    return taken;
}

void seat_end(struct seat *s, const char *entry, enum seat_end why)
{
    (void)pthread_mutex_lock(&s->lock);
    if (s->run != NULL && strcmp(s->run->entry, entry) == 0)
        atomic_store(&s->end, (int)why);
    (void)pthread_mutex_unlock(&s->lock);
}

/* Under the lock the thread cannot go on to another run, whose statements nobody meant. */
void seat_hurry(struct seat *s)
{
    (void)pthread_mutex_lock(&s->lock);
    if (s->run != NULL && seat_reason(s) != NULL)
        db_cancel(s->db);
    (void)pthread_mutex_unlock(&s->lock);
}
