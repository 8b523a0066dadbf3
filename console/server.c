#include "server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "admit.h"
#include "answer.h"
#include "clock.h"
#include "feed.h"
#include "id.h"
#include "listen.h"
#include "log.h"
#include "request.h"
#include "route.h"
#include "threads.h"

enum {
    HEAD_BYTES = 32768, /* request line and header fields */
    MOST_DROPPED =
        64 << 20, /* of a body that is too large: read and forgotten, so that the answer arrives */
    /* What the thread that reads for everybody may be asked to parse, and what is kept of who has shown no key. */
    QUICK_BODY_BYTES = 4096,
    UNREAD_BODY_BYTES = 4096, /* of a body that no handler reads: forgotten without a word */
    IDLE_MS = 75000,          /* a connection that is kept open for another request */
    WATCH_MS = 100,
    LOOKS_APART = 10, /* in which of them idle connections are asked whether a request has begun */
    STRAY_MS = 50,    /* what came so shortly before a connection was idle may be of the last one */
    QUIET_MS = 100,
    BACKLOG = 1024,
};

/* A connection, for who watches the time, and for its requests. */
struct peer {
    struct peer *next, **back;
    int fd;
    char address[ADDRESS_SIZE]; /* of the client */
    int64_t until_ms;           /* monotonic; 0 = no end */
    int64_t idle_since_ms;      /* nothing of a request has come; 0 = it has */
    bool long_query;            /* its request has one that was not read */
};

enum stage { READING, ANSWERING, ANSWERED };

/* A request and its connection. */
struct exchange {
    struct request request; /* first: what threads know is the request */
    struct server *server;
    struct peer *peer;
    size_t dropped;
    _Atomic enum stage stage;
};

struct server {
    struct console *console;
    struct MHD_Daemon *daemon;
    struct threads *threads;
    int port;
    atomic_int busy; /* requests that have come and are not fetched */
    pthread_t watcher;
    atomic_bool stopping;
    size_t bodies;        /* bytes of them that are kept; only the thread that reads knows */
    pthread_mutex_t lock; /* guards the peers */
    struct peer *peers;
};

/* ---- time ---- */

static void set_end(struct server *s, struct peer *p, int64_t after_ms)
{
    (void)pthread_mutex_lock(&s->lock);
    p->until_ms = after_ms > 0 ? mono_ms() + after_ms : 0;
    (void)pthread_mutex_unlock(&s->lock);
}

static void set_idle(struct peer *p, int64_t for_ms)
{
    p->idle_since_ms = mono_ms();
    p->until_ms = p->idle_since_ms + for_ms;
}

/* From its first byte on: its end is not moved when all of its head is here, else a client could take this long for each part. */
static void set_begun(struct server *s, struct peer *p)
{
    if (p->idle_since_ms != 0)
        p->until_ms = mono_ms() + s->console->conf->console_request_ms;
    p->idle_since_ms = 0;
}

/* libmicrohttpd tells of a request when its first line is whole; only the kernel knows of what is shorter. */
static bool has_begun(const struct peer *p, int64_t now)
{
    struct tcp_info info;
    socklen_t n = sizeof(info);
    return p->idle_since_ms != 0 && getsockopt(p->fd, IPPROTO_TCP, TCP_INFO, &info, &n) == 0 &&
           now - p->idle_since_ms > (int64_t)info.tcpi_last_data_recv + STRAY_MS;
}

static void name_peer(struct peer *p, struct MHD_Connection *connection)
{
    const struct sockaddr *a =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr;
    if (getnameinfo(
            a, a->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in),
            p->address, sizeof(p->address), NULL, 0, NI_NUMERICHOST) != 0)
        (void)snprintf(p->address, sizeof(p->address), "unknown");
    if (strncmp(p->address, "::ffff:", 7) == 0)
        memmove(p->address, p->address + 7, strlen(p->address + 7) + 1);
}

static void on_connection(void *cls, struct MHD_Connection *connection, void **context,
                          enum MHD_ConnectionNotificationCode code)
{
    struct server *s = cls;
    struct peer *p = *context;
    (void)pthread_mutex_lock(&s->lock);
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        p = calloc(1, sizeof(*p));
        if (p == NULL)
            abort();
        p->fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
        name_peer(p, connection);
        set_idle(p, s->console->conf->console_request_ms);
        p->next = s->peers;
        p->back = &s->peers;
        if (p->next != NULL)
            p->next->back = &p->next;
        s->peers = p;
        *context = p;
    } else if (p != NULL) {
        *p->back = p->next;
        if (p->next != NULL)
            p->next->back = p->back;
        free(p);
        *context = NULL;
    }
    (void)pthread_mutex_unlock(&s->lock);
}

/* The socket is not closed here, as it belongs to the thread that reads: it finds that the client has gone. */
static void *watch_time(void *arg)
{
    struct server *s = arg;
    for (int look = 0; !atomic_load(&s->stopping); look = (look + 1) % LOOKS_APART) {
        int64_t now = mono_ms();
        (void)pthread_mutex_lock(&s->lock);
        for (struct peer *p = s->peers; p != NULL; p = p->next) {
            if (look == 0 && has_begun(p, now))
                set_begun(s, p);
            if (p->until_ms != 0 && now >= p->until_ms) {
                (void)shutdown(p->fd, SHUT_RDWR);
                p->until_ms = 0;
            }
        }
        (void)pthread_mutex_unlock(&s->lock);
        sleep_ms(WATCH_MS);
    }
    return NULL;
}

/* ---- one request ---- */

static struct peer *peer_of(struct MHD_Connection *connection)
{
    return MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

/* Before libmicrohttpd splits the query: each value takes of the memory that the head and the answer share, and when that is used up
 * there is no answer. A query with more values than are read is cut here, in libmicrohttpd's own buffer, and refused afterwards. */
static void *on_first_line(void *cls, const char *uri, struct MHD_Connection *connection)
{
    char *query = uri != NULL ? strchr(uri, '?') : NULL;
    int values = 1;
    for (const char *p = query; p != NULL && (p = strchr(p, '&')) != NULL; p++)
        values++;
    struct peer *p = peer_of(connection);
    p->long_query = values > MAX_QUERY;
    if (p->long_query)
        query[1] = '\0';
    return NULL;
}

static struct exchange *begin(struct server *s, struct MHD_Connection *connection, const char *url,
                              const char *method)
{
    struct exchange *x = calloc(1, sizeof(*x));
    char random[24];
    if (x == NULL)
        abort();
    x->server = s;
    x->peer = peer_of(connection);
    struct request *r = &x->request;
    r->console = s->console;
    r->connection = connection;
    r->method = method;
    r->path = strdup(url);
    r->began_us = mono_us();
    r->long_query = x->peer->long_query;
    if (r->path == NULL)
        abort();
    buf_init(&r->body, (size_t)s->console->conf->console_max_body_bytes);
    (void)snprintf(random, sizeof(random), "%llx", (unsigned long long)id_random());
    id_derive(wall_ms(), "request", random, r->id);
    memcpy(r->address, x->peer->address, sizeof(r->address));
    atomic_fetch_add(&s->busy, 1);
    (void)pthread_mutex_lock(&s->lock);
    set_begun(s, x->peer);
    (void)pthread_mutex_unlock(&s->lock);
    return x;
}

static void forget_body(struct exchange *x)
{
    x->server->bodies -= x->request.body.len;
    buf_release(&x->request.body);
}

static void on_completed(void *cls, struct MHD_Connection *connection, void **context,
                         enum MHD_RequestTerminationCode code)
{
    struct exchange *x = *context;
    if (x == NULL)
        return;
    answer_log(&x->request);
    (void)pthread_mutex_lock(&x->server->lock);
    set_idle(x->peer, IDLE_MS);
    (void)pthread_mutex_unlock(&x->server->lock);
    atomic_fetch_sub(&x->server->busy, 1);
    forget_body(x);
    request_release(&x->request);
    free(x);
    *context = NULL;
}

/* In a thread that answers. */
static void on_answer(struct request *r)
{
    struct exchange *x = (struct exchange *)r;
    if (r->reply.status == 0)
        reply_error(r, 500, "bug", NULL, "the request was not answered");
    atomic_store(&x->stage, ANSWERED);
    MHD_resume_connection(r->connection);
}

static enum MHD_Result send_answer(struct exchange *x)
{
    forget_body(x);
    /* a stream goes on for as long as somebody reads it */
    set_end(x->server, x->peer,
            x->request.reply.made != NULL ? 0 : x->server->console->conf->console_request_ms);
    return answer_send(&x->request);
}

/* One of the largest size fits in any case. */
static size_t most_of_all_bodies(const struct conf *c)
{
    return (size_t)(c->console_bodies_bytes > c->console_max_body_bytes
                        ? c->console_bodies_bytes
                        : c->console_max_body_bytes);
}

/* Who has no key where one is needed has an answer already, so nothing of theirs comes here. */
static void keep_body(struct exchange *x, const char *data, size_t len)
{
    struct request *r = &x->request;
    struct server *s = x->server;
    if (strcmp(r->route->method, "POST") != 0) {
        x->dropped += len;
        if (x->dropped > UNREAD_BODY_BYTES)
            reply_error(r, 413, "too_large", "body",
                        "%s takes no body here, and this one has more than %d bytes", r->method,
                        UNREAD_BODY_BYTES);
    } else if (len > r->body.max_bytes - r->body.len) {
        reply_error(r, 413, "too_large", "body", "the body has more than %ld bytes",
                    (long)r->body.max_bytes);
    } else if (s->bodies + len > most_of_all_bodies(s->console->conf) ||
               !buf_add(&r->body, data, len)) {
        reply_error(r, 503, "busy", NULL,
                    "the bodies of other requests take all that is kept of them "
                    "(CHRONOS_CONSOLE_BODIES_BYTES); try again");
        reply_header(r, "Retry-After", "1");
    } else {
        s->bodies += len;
    }
}

/* What is read of a body after the answer is known is forgotten. */
static enum MHD_Result take_body(struct exchange *x, const char *data, size_t *len)
{
    struct request *r = &x->request;
    if (r->reply.status == 0)
        keep_body(x, data, *len);
    if (r->reply.status != 0) {
        forget_body(x);
        x->dropped += *len;
    }
    *len = 0;
    return x->dropped > MOST_DROPPED ? MHD_NO : MHD_YES;
}

static void refuse(struct request *r)
{
    if (atomic_load(&r->console->draining))
        reply_error(r, 503, "shutting_down", NULL, "the console is shutting down");
    else
        reply_error(r, 503, "busy", NULL, "too many requests are waiting; try again");
    reply_header(r, "Retry-After", "1");
}

static enum MHD_Result handle(struct exchange *x)
{
    struct request *r = &x->request;
    if (r->reply.status == 0 && r->route->quick)
        r->route->handle(r);
    if (r->reply.status != 0)
        return send_answer(x);
    set_end(x->server, x->peer, 0);
    atomic_store(&x->stage, ANSWERING);
    MHD_suspend_connection(r->connection);
    if (!threads_submit(x->server->threads, r)) {
        refuse(r);
        on_answer(r);
    }
    return MHD_YES;
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *len, void **context)
{
    struct server *s = cls;
    struct exchange *x = *context;
    if (x == NULL) {
        x = *context = begin(s, connection, url, method);
        if (!admit_framing(&x->request))
            return send_answer(x); /* at once: its body has no end that can be waited for */
        if (route_find(&x->request) &&
            (x->request.route->quick || x->request.route->access == ACCESS_PUBLIC))
            buf_init(&x->request.body, QUICK_BODY_BYTES);
        if (x->request.reply.status == 0 && request_decode_query(&x->request) && admit(&x->request))
            (void)request_check_query(&x->request);
        return MHD_YES;
    }
    if (atomic_load(&x->stage) == ANSWERED)
        return send_answer(x);
    return *len > 0 ? take_body(x, data, len) : handle(x);
}

/* Not here: a path is split into its parts before they are decoded, else an escaped slash would divide. request_query
 * decodes values. */
static size_t unescape(void *cls, struct MHD_Connection *connection, char *s)
{
    return strlen(s);
}

/* ---- the whole ---- */

static int open_socket(const char *address, int port, struct err *e)
{
    bool bad_address;
    int fd = listen_at(address, port, BACKLOG, &bad_address);
    if (bad_address)
        (void)err_set(
            e, ERR_INPUT,
            "CHRONOS_CONSOLE_ADDRESS=%.64s: must be an IP address, as 127.0.0.1 or ::", address);
    else if (fd < 0)
        (void)err_set(
            e, ERR_UNAVAILABLE,
            "cannot listen at %.64s port %d (CHRONOS_CONSOLE_ADDRESS, CHRONOS_CONSOLE_PORT): %s",
            address, port, strerror(errno));
    return fd;
}

static int port_of(int fd)
{
    struct sockaddr_storage a;
    socklen_t n = sizeof(a);
    if (getsockname(fd, (struct sockaddr *)&a, &n) != 0)
        return 0;
    return ntohs(a.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&a)->sin6_port
                                         : ((struct sockaddr_in *)&a)->sin_port);
}

static PRINTF_LIKE(2, 0) void log_daemon(void *cls, const char *fmt, va_list ap)
{
    char text[256];
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    log_debug("libmicrohttpd", "said", text, LOG_END);
}

/* How long libmicrohttpd leaves a silent connection open: the time is watched here, so it comes after both ends that are set here. */
static unsigned silence_s(const struct conf *c)
{
    long ms = c->console_request_ms > IDLE_MS ? c->console_request_ms : IDLE_MS;
    return (unsigned)(ms / 1000 + 10);
}

/* libmicrohttpd closes at once what is more. */
static unsigned most_of_one_address(const struct conf *c)
{
    long set = c->console_connections_per_address;
    return (unsigned)(set >= 0 ? set : c->console_connections - c->console_connections / 4);
}

static bool start_daemon(struct server *s, int fd)
{
    const struct conf *c = s->console->conf;
    s->daemon = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL, NULL,
        on_request, s, MHD_OPTION_EXTERNAL_LOGGER, log_daemon, NULL, MHD_OPTION_LISTEN_SOCKET, fd,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)c->console_connections,
        MHD_OPTION_PER_IP_CONNECTION_LIMIT, most_of_one_address(c),
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HEAD_BYTES, MHD_OPTION_CONNECTION_TIMEOUT,
        silence_s(c), MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_NOTIFY_CONNECTION, on_connection,
        s, MHD_OPTION_NOTIFY_COMPLETED, on_completed, s, MHD_OPTION_URI_LOG_CALLBACK, on_first_line,
        NULL, MHD_OPTION_UNESCAPE_CALLBACK, unescape, NULL, MHD_OPTION_END);
    return s->daemon != NULL;
}

struct server *server_start(struct console *c, const char *address, struct err *e)
{
    struct server *s = calloc(1, sizeof(*s));
    if (s == NULL)
        abort();
    s->console = c;
    (void)pthread_mutex_init(&s->lock, NULL);
    int fd = open_socket(address, (int)c->conf->console_port, e);
    if (fd >= 0) {
        s->port = port_of(fd);
        s->threads = threads_start(c->conf, on_answer, e);
    }
    if (s->threads != NULL)
        c->feed = feed_start(c->conf, e);
    if (c->feed != NULL && !start_daemon(s, fd))
        (void)err_set(e, ERR_UNAVAILABLE, "libmicrohttpd could not be started: %s",
                      strerror(errno));
    if (s->daemon == NULL) {
        if (s->threads != NULL)
            threads_end(s->threads);
        threads_free(s->threads);
        if (c->feed != NULL)
            feed_end(c->feed);
        feed_free(c->feed);
        if (fd >= 0)
            (void)close(fd);
        free(s);
        return NULL;
    }
    if (pthread_create(&s->watcher, NULL, watch_time, s) != 0)
        abort(); /* at start: nothing was answered yet */
    return s;
}

int server_port(const struct server *s)
{
    return s->port;
}

/* Until nothing has been in work for a moment: what a client has sent may still be on its way to the thread that reads. */
static void wait_idle(struct server *s, int64_t until_ms)
{
    int64_t idle_since = mono_ms();
    while (mono_ms() < until_ms && mono_ms() - idle_since < QUIET_MS) {
        sleep_ms(10);
        if (atomic_load(&s->busy) > 0)
            idle_since = mono_ms();
    }
}

void server_stop(struct server *s, int64_t drain_ms)
{
    int64_t end = mono_ms() + drain_ms;
    atomic_store(&s->console->draining, true);
    feed_end(s->console->feed); /* who watches connects to another console */
    wait_idle(s, end);
    int fd = MHD_quiesce_daemon(s->daemon);
    if (fd >= 0)
        (void)close(fd);
    wait_idle(s, end);
    /* Whatever was handed to them is answered: no connection stays set aside. What comes after is refused. */
    threads_end(s->threads);
    MHD_stop_daemon(s->daemon);
    threads_free(s->threads);
    feed_free(s->console->feed);
    atomic_store(&s->stopping, true);
    (void)pthread_join(s->watcher, NULL);
    (void)pthread_mutex_destroy(&s->lock);
    free(s);
}
