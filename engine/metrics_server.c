#include "metrics_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>

#include "daemon.h"
#include "listen.h"
#include "log.h"
#include "metrics.h"

enum {
    MAX_BYTES = 64 << 20,
    CONNECTIONS = 32,
    IDLE_S = 30,
    BACKLOG = 64,
};

static _Atomic(const char *) not_ready = "it is starting";
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards the question */
static bool (*ask)(void *arg, char *why, size_t size);
static void *ask_arg;

void metrics_say_ready(const char *why_not)
{
    atomic_store(&not_ready, why_not);
}

void metrics_ask_ready(bool (*is_ready)(void *arg, char *why, size_t size), void *arg)
{
    (void)pthread_mutex_lock(&lock);
    ask = is_ready;
    ask_arg = arg;
    (void)pthread_mutex_unlock(&lock);
}

static bool find_ready(char *why, size_t size)
{
    const char *said = atomic_load(&not_ready);
    if (said != NULL) {
        (void)snprintf(why, size, "%s", said);
        return false;
    }
    (void)pthread_mutex_lock(&lock);
    bool ready = ask == NULL || ask(ask_arg, why, size);
    (void)pthread_mutex_unlock(&lock);
    return ready;
}

static enum MHD_Result answer(struct MHD_Connection *c, unsigned status, const char *type,
                              const char *text, size_t len)
{
    struct MHD_Response *r =
        MHD_create_response_from_buffer(len, (void *)text, MHD_RESPMEM_MUST_COPY);
    if (r == NULL)
        return MHD_NO;
    (void)MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    enum MHD_Result ok = MHD_queue_response(c, status, r);
    MHD_destroy_response(r);
    return ok;
}

static enum MHD_Result say(struct MHD_Connection *c, unsigned status, const char *text)
{
    char line[320];
    int n = snprintf(line, sizeof(line), "%s\n", text);
    return answer(c, status, "text/plain; charset=utf-8", line,
                  n < (int)sizeof(line) ? (size_t)n : sizeof(line) - 1);
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *c, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *len, void **context)
{
    static int begun;
    if (*context == NULL) { /* the head is there; the answer comes with the next call */
        *context = &begun;
        return MHD_YES;
    }
    *len = 0;
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
        return say(c, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET");
    if (strcmp(url, "/health") == 0)
        return say(c, MHD_HTTP_OK, "ok");
    if (strcmp(url, "/ready") == 0) {
        char why[256] = "";
        return find_ready(why, sizeof(why)) ? say(c, MHD_HTTP_OK, "ready")
                                            : say(c, MHD_HTTP_SERVICE_UNAVAILABLE, why);
    }
    if (strcmp(url, "/metrics") != 0)
        return say(c, MHD_HTTP_NOT_FOUND, "there are /metrics, /health and /ready");
    auto_buf out = BUF_INIT(MAX_BYTES);
    if (!metrics_render(&out))
        return say(c, MHD_HTTP_INTERNAL_SERVER_ERROR, "there is too much to say");
    return answer(c, MHD_HTTP_OK, "text/plain; version=0.0.4; charset=utf-8", out.data, out.len);
}

static int open_socket(const char *address, int port, struct err *e)
{
    bool bad_address;
    int fd = listen_at(address, port, BACKLOG, &bad_address);
    if (bad_address)
        (void)err_set(
            e, ERR_INPUT,
            "CHRONOS_METRICS_ADDRESS=%.64s: must be an IP address, as 127.0.0.1 or ::", address);
    else if (fd < 0)
        (void)err_set(e, ERR_INPUT,
                      "cannot listen at %.64s port %d (CHRONOS_METRICS_ADDRESS, "
                      "CHRONOS_METRICS_PORT; each daemon needs a port of its own, 0 = none): %s",
                      address, port, strerror(errno));
    return fd;
}

bool metrics_serve(const struct conf *c, enum metric_daemon daemon, struct err *e)
{
    if (c->metrics_port == 0)
        return true;
    int fd = open_socket(c->metrics_address, (int)c->metrics_port, e);
    if (fd < 0)
        return false;
    metrics_init(daemon, daemon_version);
    metric_show(METRIC_REDIS_ERRORS, err_name(ERR_UNAVAILABLE));
    metric_show(METRIC_POSTGRES_ERRORS, err_name(ERR_UNAVAILABLE));
    struct MHD_Daemon *d = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD, 0, NULL, NULL, on_request, NULL, MHD_OPTION_LISTEN_SOCKET,
        fd, MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)IDLE_S, MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_END);
    if (d == NULL) {
        (void)close(fd);
        return err_set(e, ERR_UNAVAILABLE, "the metrics' server could not be started");
    }
    char port[16];
    (void)snprintf(port, sizeof(port), "%ld", c->metrics_port);
    log_info("metrics, health and readiness can be asked for", "address", c->metrics_address,
             "port", port, LOG_END);
    return true;
}
