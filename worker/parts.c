#include "parts.h"

#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

#include "buf.h"
#include "heard_parts.h"
#include "usd.h"

enum { MAX_TEXT_BYTES = 64 << 20, MAX_THREADS = 64, STACK_BYTES = 512 * 1024 };

/* What is known of a part; written by the one thread that took it. */
struct answer {
    struct transcript said;
    char key[HEARD_KEY_SIZE];
    bool was_heard; /* by an earlier attempt */
};

/* A thread that takes parts. */
struct asker {
    struct job *job;
    struct http *http;
    pthread_t id;
    bool has_failed;
    struct err err;
};

struct job {
    const struct transcriber *with;
    const struct audio_part *parts;
    size_t count;
    struct answer *answers;
    double found_usd; /* what earlier attempts paid and did not account for */
    atomic_size_t next;
    _Atomic(struct asker *) first; /* to fail; NULL = none */
    pthread_mutex_t heard_lock;    /* one connection for all */
};

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

/* ---- what was heard before ---- */

static bool find_heard(struct job *j, struct err *e)
{
    const struct transcriber *t = j->with;
    double paid_usd = 0;
    for (size_t i = 0; t->heard != NULL && i < j->count; i++) {
        struct answer *a = &j->answers[i];
        if (!heard_key(t->services, j->parts[i].path, t->language, a->key, e) ||
            !heard_find(t->heard, a->key, &a->was_heard, &a->said, e))
            return false;
        paid_usd += a->said.cost_usd;
    }
    /* a worker that was killed has accounted for nothing */
    if (t->heard != NULL && paid_usd > t->heard->spent_usd)
        j->found_usd = paid_usd - t->heard->spent_usd;
    return true;
}

static bool keep(struct job *j, const struct answer *a, struct err *e)
{
    if (j->with->heard == NULL)
        return true;
    pthread_mutex_lock(&j->heard_lock);
    bool ok = heard_keep(j->with->heard, a->key, &a->said, e);
    pthread_mutex_unlock(&j->heard_lock);
    return ok;
}

/* ---- asking ---- */

static bool take_part(struct job *j, struct http *http, size_t i, struct err *e)
{
    const char *path = j->parts[i].path;
    if (j->answers[i].was_heard)
        return true;
    if (j->with->is_cancelled(j->with->arg))
        return err_set(e, ERR_STOPPING, "the step was cancelled");
    /* each part's language is heard anew: music at the start must not decide for the rest */
    if (!whisper_transcribe(http, j->with->services, path, base_name(path), j->with->language,
                            &j->answers[i].said, e) ||
        !keep(j, &j->answers[i], e))
        return false;
    (void)unlink(path); /* else it goes with its folder */
    return true;
}

/* When one part has failed no other is begun. Those under way are paid for whatever becomes of them: their answers are
 * waited for and kept. */
static void take_parts(struct asker *a)
{
    struct job *j = a->job;
    struct asker *none = NULL;
    size_t i;
    while (atomic_load(&j->first) == NULL && (i = atomic_fetch_add(&j->next, 1)) < j->count)
        if (!take_part(j, a->http, i, &a->err)) {
            a->has_failed = true;
            (void)atomic_compare_exchange_strong(&j->first, &none, a);
            break;
        }
    http_settle(a->http, a->has_failed ? &a->err : NULL);
}

static void *run_thread(void *arg)
{
    take_parts(arg);
    return NULL;
}

/* Signals are the main thread's, as in every thread of the daemon. Returns how many there are: fewer are slower, no failure. */
static size_t start_threads(struct asker *askers, size_t wanted)
{
    pthread_attr_t attr;
    sigset_t all, before;
    size_t n = 0;
    (void)pthread_attr_init(&attr);
    (void)pthread_attr_setstacksize(&attr, STACK_BYTES);
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    while (n < wanted && pthread_create(&askers[n].id, &attr, run_thread, &askers[n]) == 0)
        n++;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    (void)pthread_attr_destroy(&attr);
    return n;
}

static bool join(struct job *j, struct transcript *ret, struct err *e)
{
    struct transcript all = {.method = "whisper", .due_usd = j->found_usd};
    struct buf text = BUF_INIT(MAX_TEXT_BYTES);
    for (size_t i = 0; i < j->count; i++) {
        const struct transcript *part = &j->answers[i].said;
        int64_t offset_ms = llround(j->parts[i].start_seconds * 1000);
        for (size_t k = 0; k < part->captions.len; k++) {
            const struct caption *c = &part->captions.items[k];
            captions_add(&all.captions, c->start_ms + offset_ms, c->end_ms + offset_ms, c->text,
                         strlen(c->text));
        }
        const char *words = part->text != NULL ? part->text : "";
        if (*words != '\0' &&
            ((text.len > 0 && !buf_addc(&text, ' ')) || !buf_adds(&text, words))) {
            buf_release(&text);
            transcript_release(&all);
            return err_set(e, ERR_PERMANENT, "the transcript is longer than %d MB",
                           MAX_TEXT_BYTES >> 20);
        }
        if (all.language[0] == '\0' && *words != '\0')
            memcpy(all.language, part->language, sizeof(all.language));
        all.cost_usd = usd_round(all.cost_usd + part->cost_usd);
        all.due_usd = usd_round(all.due_usd + part->due_usd);
    }
    captions_finish(&all.captions, false);
    all.text = text.len > 0 ? buf_take(&text) : NULL;
    *ret = all;
    return true;
}

/* The caller's thread is the last of them, with a client like the others. */
static bool ask(struct job *j, struct err *e)
{
    struct asker askers[MAX_THREADS] = {0};
    const struct transcriber *t = j->with;
    size_t most = (size_t)t->services->transcribe_parallel;
    most = most < 1 ? 1 : most > MAX_THREADS ? MAX_THREADS : most;
    size_t n = most < j->count ? most : j->count;
    for (size_t i = 0; i < n; i++)
        askers[i] = (struct asker){.job = j, .http = http_split(t->http)};
    size_t started = start_threads(askers, n - 1);
    take_parts(&askers[n - 1]);
    for (size_t i = 0; i < started; i++)
        (void)pthread_join(askers[i].id, NULL);
    const struct asker *first = atomic_load(&j->first);
    for (size_t i = 0; i < n; i++)
        http_merge(t->http, askers[i].http, &askers[i] == first);
    http_charge(t->http, j->found_usd);
    if (first != NULL)
        *e = first->err;
    return first == NULL;
}

bool parts_transcribe(const struct transcriber *t, const struct audio_part *parts, size_t count,
                      struct transcript *ret, struct err *e)
{
    struct job j = {
        .with = t, .parts = parts, .count = count, .heard_lock = PTHREAD_MUTEX_INITIALIZER};
    j.answers = calloc(count, sizeof(*j.answers));
    if (j.answers == NULL)
        abort();
    bool ok = find_heard(&j, e) && ask(&j, e) && join(&j, ret, e);
    for (size_t i = 0; i < count; i++)
        transcript_release(&j.answers[i].said);
    free(j.answers);
    return ok;
}
