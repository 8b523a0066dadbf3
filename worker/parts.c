#include "parts.h"

#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

#include "buf.h"

enum { MAX_TEXT_BYTES = 64 << 20, MAX_THREADS = 64, STACK_BYTES = 512 * 1024 };

struct job {
    const struct transcriber *with;
    const struct audio_part *parts;
    size_t count;
    struct transcript *answers; /* of each part, written by the one thread that took it */
    atomic_size_t next;
    atomic_bool failed;
    pthread_mutex_t lock; /* guards err */
    struct err err;       /* of the first failure */
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

static void take_parts(struct job *j, struct http *http)
{
    struct err e;
    size_t i;
    while (!atomic_load(&j->failed) && (i = atomic_fetch_add(&j->next, 1)) < j->count) {
        if (j->with->is_cancelled(j->with->arg)) {
            (void)err_set(&e, ERR_STOPPING, "the step was cancelled");
            fail(j, &e);
            return;
        }
        const char *path = j->parts[i].path;
        /* each part's language is heard anew: music at the start must not decide for the rest */
        if (!whisper_transcribe(http, j->with->services, path, base_name(path), j->with->language,
                                &j->answers[i], &e)) {
            fail(j, &e);
            return;
        }
        (void)unlink(path); /* else it goes with its folder */
    }
}

static void *run_thread(void *arg)
{
    struct job *j = arg;
    struct http *http = http_new();
    http_set_cancel(http, is_over, j);
    take_parts(j, http);
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
    struct transcript all = {.method = "whisper"};
    struct buf text = BUF_INIT(MAX_TEXT_BYTES);
    for (size_t i = 0; i < j->count; i++) {
        const struct transcript *part = &j->answers[i];
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
    }
    captions_finish(&all.captions, false);
    all.text = text.len > 0 ? buf_take(&text) : NULL;
    *ret = all;
    return true;
}

bool parts_transcribe(const struct transcriber *t, const struct audio_part *parts, size_t count,
                      struct transcript *ret, struct err *e)
{
    struct job j = {.with = t, .parts = parts, .count = count, .lock = PTHREAD_MUTEX_INITIALIZER};
    pthread_t threads[MAX_THREADS];
    j.answers = calloc(count, sizeof(*j.answers));
    if (j.answers == NULL)
        abort();
    size_t most = (size_t)t->services->transcribe_parallel;
    most = most < 1 ? 1 : most > MAX_THREADS ? MAX_THREADS : most;
    size_t n = start_threads(&j, threads, (most < count ? most : count) - 1);
    take_parts(&j, t->http);
    for (size_t i = 0; i < n; i++)
        (void)pthread_join(threads[i], NULL);
    bool ok = !atomic_load(&j.failed);
    if (!ok)
        *e = j.err;
    else
        ok = join(&j, ret, e);
    for (size_t i = 0; i < count; i++)
        transcript_release(&j.answers[i]);
    free(j.answers);
    return ok;
}
