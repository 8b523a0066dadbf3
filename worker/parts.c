#include "parts.h"

#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

#include "buf.h"
#include "heard.h"

enum { MAX_TEXT_BYTES = 64 << 20, MAX_THREADS = 64, STACK_BYTES = 512 * 1024 };

/* What is known of a part; written by the one thread that took it. */
struct answer {
    struct transcript said;
    char key[HEARD_KEY_SIZE];
    bool was_heard; /* by an earlier attempt */
};

struct job {
    const struct transcriber *with;
    const struct audio_part *parts;
    size_t count;
    struct answer *answers;
    double found_usd; /* what earlier attempts paid and did not account for */
    atomic_size_t next;
    atomic_bool failed;
    pthread_mutex_t lock;       /* guards err and charges_usd */
    struct err err;             /* of the first failure */
    double charges_usd;         /* of the threads that have ended */
    pthread_mutex_t heard_lock; /* one connection for all */
};

/* For the calls of all threads: the step is over, or another part has failed. */
static bool is_over(void *arg)
{
    struct job *j = arg;
    return atomic_load(&j->failed) || j->with->is_cancelled(j->with->arg);
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

static void fail(struct job *j, const struct err *e)
{
    pthread_mutex_lock(&j->lock);
    if (!atomic_load(&j->failed)) {
        j->err = *e;
        atomic_store(&j->failed, true);
    }
    pthread_mutex_unlock(&j->lock);
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

static void take_parts(struct job *j, struct http *http)
{
    struct err e;
    size_t i;
    while (!atomic_load(&j->failed) && (i = atomic_fetch_add(&j->next, 1)) < j->count)
        if (!take_part(j, http, i, &e))
            fail(j, &e);
}

static void *run_thread(void *arg)
{
    struct job *j = arg;
    struct http *http = http_new();
    http_set_cancel(http, is_over, j);
    take_parts(j, http);
    pthread_mutex_lock(&j->lock);
    j->charges_usd += http_take_charges(http);
    pthread_mutex_unlock(&j->lock);
    http_free(http);
    return NULL;
}

/* Signals are the main thread's, as in every thread of the daemon. Returns how many there are: fewer are slower, no failure. */
static size_t start_threads(struct job *j, pthread_t *threads, size_t wanted)
{
    pthread_attr_t attr;
    sigset_t all, before;
    size_t n = 0;
    (void)pthread_attr_init(&attr);
    (void)pthread_attr_setstacksize(&attr, STACK_BYTES);
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    while (n < wanted && pthread_create(&threads[n], &attr, run_thread, j) == 0)
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
        all.cost_usd += part->cost_usd;
        all.due_usd += part->due_usd;
    }
    captions_finish(&all.captions, false);
    all.text = text.len > 0 ? buf_take(&text) : NULL;
    *ret = all;
    return true;
}

static void ask(struct job *j)
{
    pthread_t threads[MAX_THREADS];
    const struct transcriber *t = j->with;
    size_t most = (size_t)t->services->transcribe_parallel;
    most = most < 1 ? 1 : most > MAX_THREADS ? MAX_THREADS : most;
    size_t n = start_threads(j, threads, (most < j->count ? most : j->count) - 1);
    take_parts(j, t->http);
    for (size_t i = 0; i < n; i++)
        (void)pthread_join(threads[i], NULL);
    http_charge(t->http, j->charges_usd + j->found_usd);
}

bool parts_transcribe(const struct transcriber *t, const struct audio_part *parts, size_t count,
                      struct transcript *ret, struct err *e)
{
    struct job j = {.with = t,
                    .parts = parts,
                    .count = count,
                    .lock = PTHREAD_MUTEX_INITIALIZER,
                    .heard_lock = PTHREAD_MUTEX_INITIALIZER};
    j.answers = calloc(count, sizeof(*j.answers));
    if (j.answers == NULL)
        abort();
    bool ok = find_heard(&j, e);
    if (ok)
        ask(&j);
    if (ok && atomic_load(&j.failed)) {
        *e = j.err;
        ok = false;
    }
    ok = ok && join(&j, ret, e);
    for (size_t i = 0; i < count; i++)
        transcript_release(&j.answers[i].said);
    free(j.answers);
    return ok;
}
