#include "feed.h"

#include <microhttpd.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "compiler.h"
#include "feed_watch.h"
#include "log.h"

enum {
    RING = 4096,
    RING_BYTES = 8 << 20,
    LOOK_MS = 500,
    BEAT_MS = 15000,
    LINGER_MS = 60000,
    HEAD_SIZE = 160
};

struct message {
    char *text;
    size_t len;
    unsigned topic; /* 0: for everybody */
    char run[ID_SIZE];
};

struct feed_stream {
    struct feed_stream *next, **back;
    struct feed *feed;
    struct MHD_Connection *connection;
    unsigned topics;
    char run[ID_SIZE];
    uint64_t place;       /* of the message that comes next */
    size_t sent;          /* bytes of it */
    char head[HEAD_SIZE]; /* before anything else: hello, or reset */
    size_t head_len, head_sent;
    bool aside; /* the connection is suspended */
    bool gone;  /* so is the client: it is not counted any more */
};

struct feed {
    const struct conf *conf;
    pthread_t thread;
    pthread_mutex_t lock; /* guards all below, and the streams */
    pthread_cond_t wanted;
    struct message ring[RING];
    uint64_t first, end; /* places in use: first … end - 1 */
    size_t bytes;
    char epoch[20]; /* of the places: another one whenever some were not filled */
    struct feed_stream *streams;
    long count;
    int64_t left_ms; /* when the last stream went; monotonic */
    bool ending;
};

/* ---- the ring ---- */

static void drop_oldest(struct feed *f)
{
    struct message *m = &f->ring[f->first++ % RING];
    f->bytes -= m->len;
    free(m->text);
    *m = (struct message){0};
}

static void wake(struct feed_stream *s)
{
    if (s->aside) {
        s->aside = false;
        MHD_resume_connection(s->connection);
    }
}

static bool concerns(const struct feed_stream *s, const struct message *m)
{
    if (m->topic == 0)
        return true;
    return (s->topics & m->topic) != 0 &&
           (s->run[0] == '\0' || m->topic != FEED_RUN || strcmp(s->run, m->run) == 0);
}

/* Takes the text over; the lock is held. */
static void append(struct feed *f, unsigned topic, const char *run, char *text)
{
    size_t len = strlen(text);
    while (f->end - f->first == RING || (f->end > f->first && f->bytes + len > RING_BYTES))
        drop_oldest(f);
    struct message *m = &f->ring[f->end++ % RING];
    *m = (struct message){.text = text, .len = len, .topic = topic};
    (void)snprintf(m->run, sizeof(m->run), "%s", run);
    f->bytes += len;
    for (struct feed_stream *s = f->streams; s != NULL; s = s->next) {
        if (concerns(s, m))
            wake(s);
    }
}

static void new_epoch(struct feed *f)
{
    (void)snprintf(f->epoch, sizeof(f->epoch), "%llx", (unsigned long long)id_random());
}

/* For the watcher: `data` is JSON on one line. */
static void put(void *cls, unsigned topic, const char *name, const char *run, const char *data)
{
    struct feed *f = cls;
    char *text;
    (void)pthread_mutex_lock(&f->lock);
    if (asprintf(&text, "id: %s-%llu\nevent: %s\ndata: %s\n\n", f->epoch,
                 (unsigned long long)f->end, name, data) < 0)
        abort();
    append(f, topic, run, text);
    (void)pthread_mutex_unlock(&f->lock);
}

static void beat(struct feed *f)
{
    char *text = strdup(":\n\n");
    if (text == NULL)
        abort();
    (void)pthread_mutex_lock(&f->lock);
    append(f, 0, "", text);
    (void)pthread_mutex_unlock(&f->lock);
}

/* ---- the thread that looks ---- */

/* What is watched at this moment. */
static unsigned wanted_topics(struct feed *f, struct feed_watched *w)
{
    unsigned topics = 0;
    w->count = 0;
    (void)pthread_mutex_lock(&f->lock);
    for (const struct feed_stream *s = f->streams; s != NULL; s = s->next) {
        topics |= s->topics;
        if (s->run[0] != '\0')
            feed_watched_add(w, s->run);
    }
    (void)pthread_mutex_unlock(&f->lock);
    return topics;
}

/* Waits until somebody watches, or did a moment ago, as who has lost the connection comes back. false: it is over. */
static bool wait_for_streams(struct feed *f, struct feed_watch *watch)
{
    (void)pthread_mutex_lock(&f->lock);
    if (f->streams == NULL && !f->ending && mono_ms() - f->left_ms > LINGER_MS) {
        while (f->streams == NULL && !f->ending)
            (void)pthread_cond_wait(&f->wanted, &f->lock);
        new_epoch(f);
        feed_watch_forget(watch);
    }
    bool go_on = !f->ending;
    (void)pthread_mutex_unlock(&f->lock);
    return go_on;
}

static void *look(void *arg)
{
    struct feed *f = arg;
    struct feed_watched watched;
    struct feed_watch *watch = feed_watch_new(f->conf, put, f);
    int64_t beat_at = mono_ms() + BEAT_MS;
    while (watch != NULL && wait_for_streams(f, watch)) {
        unsigned topics = wanted_topics(f, &watched);
        feed_watch_look(watch, topics, &watched);
        if (mono_ms() >= beat_at) {
            beat(f);
            beat_at = mono_ms() + BEAT_MS;
        }
        sleep_ms(LOOK_MS);
    }
    feed_watch_free(watch);
    return NULL;
}

struct feed *feed_start(const struct conf *c, struct err *e)
{
    struct feed *f = calloc(1, sizeof(*f));
    if (f == NULL)
        abort();
    f->conf = c;
    f->left_ms = mono_ms() - LINGER_MS - 1;
    new_epoch(f);
    (void)pthread_mutex_init(&f->lock, NULL);
    (void)pthread_cond_init(&f->wanted, NULL);
    if (pthread_create(&f->thread, NULL, look, f) == 0)
        return f;
    free(f);
    return err_null(e, ERR_UNAVAILABLE, "no thread could be started");
}

void feed_end(struct feed *f)
{
    (void)pthread_mutex_lock(&f->lock);
    f->ending = true;
    for (struct feed_stream *s = f->streams; s != NULL; s = s->next)
        wake(s);
    (void)pthread_cond_broadcast(&f->wanted);
    (void)pthread_mutex_unlock(&f->lock);
}

void feed_free(struct feed *f)
{
    if (f == NULL)
        return;
    (void)pthread_join(f->thread, NULL);
    while (f->first < f->end)
        drop_oldest(f);
    (void)pthread_cond_destroy(&f->wanted);
    (void)pthread_mutex_destroy(&f->lock);
    free(f);
}

/* ---- streams ---- */

/* libmicrohttpd does not look at a connection that is set aside, so it learns of a client that has gone when there is something to tell.
 * When many come back at once, their old streams must not take the new ones' places until then. The lock is held. */
static void forget_gone(struct feed *f)
{
    for (struct feed_stream *s = f->streams; s != NULL; s = s->next) {
        if (!s->aside)
            continue;
        const union MHD_ConnectionInfo *info =
            MHD_get_connection_info(s->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
        struct pollfd p = {.fd = info->connect_fd, .events = POLLRDHUP};
        if (poll(&p, 1, 0) == 1) {
            s->gone = true;
            f->count--;
            wake(s);
        }
    }
}

/* "<epoch>-<place>" of the last message that it got. Where it goes on, if all since is still there. */
static bool find_place(const struct feed *f, const char *last, uint64_t *ret)
{
    size_t n = strlen(f->epoch);
    if (strncmp(last, f->epoch, n) != 0 || last[n] != '-')
        return false;
    char *end;
    *ret = strtoull(last + n + 1, &end, 10) + 1;
    return end != last + n + 1 && *end == '\0' && *ret >= f->first && *ret <= f->end;
}

static void say(struct feed_stream *s, const char *name)
{
    const struct feed *f = s->feed;
    s->head_sent = 0;
    s->head_len = (size_t)snprintf(s->head, sizeof(s->head),
                                   "retry: 2000\nid: %s-%lld\nevent: %s\ndata: {}\n\n", f->epoch,
                                   (long long)s->place - 1, name);
}

struct feed_stream *feed_open(struct feed *f, struct MHD_Connection *connection, unsigned topics,
                              const char *run, const char *last)
{
    struct feed_stream *s = calloc(1, sizeof(*s));
    if (s == NULL)
        abort();
    *s = (struct feed_stream){.feed = f, .connection = connection, .topics = topics};
    (void)snprintf(s->run, sizeof(s->run), "%s", run);
    (void)pthread_mutex_lock(&f->lock);
    if (f->count >= f->conf->console_streams)
        forget_gone(f);
    bool room = !f->ending && f->count < f->conf->console_streams;
    if (room) {
        bool goes_on = last != NULL && find_place(f, last, &s->place);
        if (!goes_on)
            s->place = f->end;
        say(s, goes_on || last == NULL ? "hello" : "reset");
        s->next = f->streams;
        s->back = &f->streams;
        if (s->next != NULL)
            s->next->back = &s->next;
        f->streams = s;
        f->count++;
        (void)pthread_cond_signal(&f->wanted);
    }
    (void)pthread_mutex_unlock(&f->lock);
    if (room)
        return s;
    free(s);
    return NULL;
}

void feed_close(struct feed_stream *s)
{
    struct feed *f = s->feed;
    (void)pthread_mutex_lock(&f->lock);
    *s->back = s->next;
    if (s->next != NULL)
        s->next->back = s->back;
    f->count -= !s->gone;
    f->left_ms = mono_ms();
    (void)pthread_mutex_unlock(&f->lock);
    free(s);
}

static size_t copy(char *buf, size_t size, const char *from, size_t len, size_t *sent)
{
    size_t n = len - *sent < size ? len - *sent : size;
    memcpy(buf, from + *sent, n);
    *sent += n;
    return n;
}

/* The next bytes; 0 when it has all. The lock is held. */
static size_t take(struct feed_stream *s, char *buf, size_t size)
{
    struct feed *f = s->feed;
    if (s->head_sent < s->head_len)
        return copy(buf, size, s->head, s->head_len, &s->head_sent);
    if (s->place < f->first) {
        /* what it had half of is gone as well: an empty line ends that */
        bool half = s->sent > 0;
        s->place = f->end;
        s->sent = 0;
        say(s, "reset");
        if (half) {
            memmove(s->head + 2, s->head, s->head_len);
            memcpy(s->head, "\n\n", 2);
            s->head_len += 2;
        }
        return copy(buf, size, s->head, s->head_len, &s->head_sent);
    }
    while (s->place < f->end) {
        const struct message *m = &f->ring[s->place % RING];
        if (!concerns(s, m)) {
            s->place++;
            continue;
        }
        size_t n = copy(buf, size, m->text, m->len, &s->sent);
        if (s->sent == m->len) {
            s->place++;
            s->sent = 0;
        }
        return n;
    }
    return 0;
}

ssize_t feed_read(struct feed_stream *s, char *buf, size_t size)
{
    struct feed *f = s->feed;
    (void)pthread_mutex_lock(&f->lock);
    bool over = f->ending || s->gone;
    size_t n = over ? 0 : take(s, buf, size);
    if (n == 0 && !over) {
        s->aside = true;
        MHD_suspend_connection(s->connection);
    }
    (void)pthread_mutex_unlock(&f->lock);
    return over ? MHD_CONTENT_READER_END_OF_STREAM : (ssize_t)n;
}
