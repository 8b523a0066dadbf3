/* routes_stream.c: what changes, as server-sent events. No thread belongs to a stream: its connection is set aside until there is
 * something to tell. */
#include <string.h>

#include "console.h"
#include "feed.h"
#include "id.h"
#include "route.h"

enum { BLOCK_BYTES = 512 };

static ssize_t read_more(void *cls, uint64_t pos, char *buf, size_t max)
{
    return feed_read(cls, buf, max);
}

static void forget(void *cls)
{
    feed_close(cls);
}

/* false: a word is none of them, and that was answered. */
static bool read_topics(struct request *r, unsigned *ret)
{
    static const struct {
        const char *name;
        unsigned topic;
    } topics[] = {{"run", FEED_RUN},
                  {"event", FEED_EVENT},
                  {"workers", FEED_WORKERS},
                  {"overview", FEED_OVERVIEW}};
    const char *p = request_query(r, "topics");
    *ret = p == NULL ? FEED_ALL : 0;
    while (p != NULL && *p != '\0') {
        size_t n = strcspn(p, ",");
        unsigned topic = 0;
        for (size_t i = 0; i < ARRAY_LEN(topics); i++)
            topic |= strlen(topics[i].name) == n && strncmp(topics[i].name, p, n) == 0
                         ? topics[i].topic
                         : 0;
        if (topic == 0) {
            reply_error(r, 400, "invalid_input", "topics",
                        "topics must be some of run, event, workers, overview");
            return false;
        }
        *ret |= topic;
        p += n + (p[n] == ',');
    }
    return true;
}

static void stream(struct request *r)
{
    unsigned topics;
    const char *run = request_query(r, "run");
    if (!read_topics(r, &topics))
        return;
    if (run != NULL && (strlen(run) != ID_SIZE - 1 || id_ms(run) < 0)) {
        reply_error(r, 400, "invalid_input", "run", "run must be the id of a run");
        return;
    }
    struct feed_stream *s = feed_open(r->console->feed, r->connection, topics,
                                      run != NULL ? run : "", request_header(r, "Last-Event-ID"));
    if (s == NULL) {
        reply_error(
            r, 503, "busy", NULL,
            "there are %ld open streams (CHRONOS_CONSOLE_STREAMS), or the console is about to stop",
            r->console->conf->console_streams);
        reply_header(r, "Retry-After", "5");
        return;
    }
    r->reply.made =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_BYTES, read_more, s, forget);
    if (r->reply.made == NULL) {
        feed_close(s);
        reply_error(r, 503, "busy", NULL, "no memory for another stream");
        return;
    }
    r->reply.status = 200;
    reply_header(r, "Content-Type", "text/event-stream");
    reply_header(r, "X-Accel-Buffering", "no");
}

const struct route routes_stream[] = {
    {"GET", "/v1/stream", ACCESS_READ, stream,
     "Server-sent events: run (RunMessage), event (EventMessage), workers ([Worker]), overview "
     "(Overview), reset (what came "
     "before is lost: ask again)",
     .query = "topics, run", .quick = true},
    {0},
};
