/* wire_load: sends requests that were made before, over connections that stay open, and measures their answers. One thread that does
 * next to nothing for a request, so that what is measured is the server.
 *
 *   wire_load <http|redis> <port> <connections> <requests> <per second> <file>
 *
 * 0 per second: each connection sends the next request as soon as it has the answer. Otherwise requests are due at that pace, whether or
 * not the server keeps up, and the time that one waits for a free connection is part of its latency.
 * The file has, for each request, a line "<bytes> <answers>" and then the bytes; the requests take turns. Any answer but a success (200
 * for HTTP, an id of XADD for Redis) ends the program.
 *
 * Prints the seconds that all took, the CPU seconds of this program, and p50, p95, p99 and the most of the latencies in ms. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"

enum { MOST_CONNECTIONS = 1024, HEAD_BYTES = 4096, READ_BYTES = 65536, PATIENCE_US = 30000000 };

struct wanted {
    const char *bytes;
    size_t len;
    int answers;
};

struct connection {
    int fd;
    int64_t began_us; /* of the request on its way */
    int left;         /* answers of it that are not there yet */
    char head[HEAD_BYTES];
    size_t head_len;
    size_t body_left;
    bool in_body;
};

struct load {
    struct wanted *wanted;
    size_t wanted_count;
    int port, epoll;
    long requests, per_second, sent, done;
    int64_t begin_us;
    struct connection *connections, **idle;
    int count, idle_count;
    void (*take)(struct connection *c, const char *p, size_t n);
    int64_t *latency_us;
};

static void fail(const char *what, const char *why)
{
    (void)fprintf(stderr, "wire_load: %s: %s\n", what, why);
    exit(1);
}

static void *zeroed(size_t n, size_t size)
{
    void *p = calloc(n, size);
    if (p == NULL)
        abort();
    return p;
}

/* ---- what is sent ---- */

static char *read_file(const char *path, size_t *ret_len)
{
    FILE *f = fopen(path, "rb");
    if (f == NULL)
        fail(path, strerror(errno));
    size_t cap = 1 << 20, len = 0, n;
    char *text = malloc(cap);
    while (text != NULL && (n = fread(text + len, 1, cap - len - 1, f)) > 0) {
        len += n;
        if (cap - len <= 1)
            text = realloc(text, cap *= 2);
    }
    (void)fclose(f);
    if (text == NULL)
        abort();
    text[len] = '\0';
    *ret_len = len;
    return text;
}

static void find_requests(struct load *l, const char *text, size_t len)
{
    const char *p = text, *end = text + len;
    l->wanted = zeroed(len / 4 + 1, sizeof(l->wanted[0])); /* "1 1\n" is the shortest line */
    while (p < end) {
        char *at;
        struct wanted *w = &l->wanted[l->wanted_count++];
        w->len = strtoul(p, &at, 10);
        w->answers = (int)strtol(at, &at, 10);
        w->bytes = at + 1;
        if (*at != '\n' || w->len == 0 || w->answers < 1 || w->len > (size_t)(end - w->bytes))
            fail("file", "a request is not as its line says");
        p = w->bytes + w->len;
    }
    if (l->wanted_count == 0)
        fail("file", "there is no request");
}

static void send_all(int fd, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);
        if (sent < 0)
            fail("send", strerror(errno));
        p += sent;
        n -= (size_t)sent;
    }
}

/* ---- what is answered ---- */

static void end_head(struct connection *c)
{
    c->head[c->head_len] = '\0';
    const char *length = strcasestr(c->head, "\r\nContent-Length:");
    if (strncmp(c->head, "HTTP/1.1 200 ", 13) != 0 || length == NULL)
        fail("answer", c->head);
    c->body_left = strtoul(length + 17, NULL, 10);
    c->in_body = true;
    c->head_len = 0;
}

static void take_http(struct connection *c, const char *p, size_t n)
{
    while (n > 0) {
        if (!c->in_body) {
            if (c->head_len == HEAD_BYTES - 1)
                fail("answer", "the head is too long");
            c->head[c->head_len++] = *p++;
            n--;
            if (c->head_len >= 4 && memcmp(c->head + c->head_len - 4, "\r\n\r\n", 4) == 0)
                end_head(c);
        }
        size_t of_body = c->in_body && n > c->body_left ? c->body_left : c->in_body ? n : 0;
        p += of_body;
        n -= of_body;
        c->body_left -= of_body;
        if (c->in_body && c->body_left == 0) {
            c->in_body = false;
            c->left--;
        }
    }
}

/* An id of XADD is two lines, "$15" and the id. */
static void take_redis(struct connection *c, const char *p, size_t n)
{
    for (; n > 0; p++, n--) {
        if (c->head_len == 0 && !c->in_body && *p != '$')
            fail("answer", p);
        c->head_len++;
        if (*p != '\n')
            continue;
        c->left -= c->in_body;
        c->in_body = !c->in_body;
        c->head_len = 0;
    }
}

/* ---- the whole ---- */

static void open_connection(struct load *l, struct connection *c)
{
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons((uint16_t)l->port),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = c};
    int on = 1;
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&a, sizeof(a)) != 0)
        fail("connect", strerror(errno));
    (void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, c->fd, &ev) != 0)
        fail("epoll_ctl", strerror(errno));
    l->idle[l->idle_count++] = c;
}

/* Of the request that is sent next. */
static int64_t due_us(const struct load *l)
{
    return l->per_second > 0 ? l->begin_us + l->sent * 1000000 / l->per_second : 0;
}

static void send_due(struct load *l)
{
    while (l->idle_count > 0 && l->sent < l->requests && due_us(l) <= mono_us()) {
        struct connection *c = l->idle[--l->idle_count];
        const struct wanted *w = &l->wanted[(size_t)l->sent % l->wanted_count];
        c->left = w->answers;
        c->began_us = l->per_second > 0 ? due_us(l) : mono_us();
        l->sent++;
        send_all(c->fd, w->bytes, w->len);
    }
}

static void receive(struct load *l, struct connection *c)
{
    static char text[READ_BYTES + 1];
    ssize_t n = recv(c->fd, text, READ_BYTES, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0)
        fail("receive", n == 0 ? "the server has closed a connection" : strerror(errno));
    text[n] = '\0';
    l->take(c, text, (size_t)n);
    if (c->left > 0)
        return;
    l->latency_us[l->done++] = mono_us() - c->began_us;
    l->idle[l->idle_count++] = c;
}

static void wait_for_answers(struct load *l)
{
    struct epoll_event ready[MOST_CONNECTIONS];
    bool waits = l->idle_count > 0 && l->sent < l->requests;
    int64_t us = waits ? due_us(l) - mono_us() : PATIENCE_US;
    us = us > 0 ? us : 0;
    struct timespec t = {.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};
    int n = epoll_pwait2(l->epoll, ready, l->count, &t, NULL);
    if (n < 0 && errno != EINTR)
        fail("epoll_pwait2", strerror(errno));
    if (n == 0 && !waits)
        fail("receive", "no answer for half a minute");
    for (int i = 0; i < n; i++)
        receive(l, ready[i].data.ptr);
}

static int by_size(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void print(struct load *l, double seconds, double cpu)
{
    size_t n = (size_t)l->requests;
    qsort(l->latency_us, n, sizeof(l->latency_us[0]), by_size);
    (void)printf("%.6f %.6f", seconds, cpu);
    static const size_t percents[] = {50, 95, 99};
    for (size_t i = 0; i < sizeof(percents) / sizeof(percents[0]); i++) {
        size_t at = n * percents[i] / 100;
        (void)printf(" %.3f", (double)l->latency_us[at] / 1000);
    }
    (void)printf(" %.3f\n", (double)l->latency_us[n - 1] / 1000);
}

static double cpu_seconds(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
    size_t len;
    if (argc != 7)
        fail("usage", "wire_load <http|redis> <port> <connections> <requests> <per second> <file>");
    struct load l = {.port = atoi(argv[2]),
                     .count = atoi(argv[3]),
                     .requests = atol(argv[4]),
                     .per_second = atol(argv[5]),
                     .take = strcmp(argv[1], "http") == 0 ? take_http : take_redis,
                     .epoll = epoll_create1(EPOLL_CLOEXEC)};
    if (l.count < 1 || l.count > MOST_CONNECTIONS || l.requests < 1 || l.per_second < 0)
        fail("arguments", "out of range");
    char *text = read_file(argv[6], &len);
    find_requests(&l, text, len);
    l.connections = zeroed((size_t)l.count, sizeof(l.connections[0]));
    l.idle = zeroed((size_t)l.count, sizeof(l.idle[0]));
    l.latency_us = zeroed((size_t)l.requests, sizeof(l.latency_us[0]));
    for (int i = 0; i < l.count; i++)
        open_connection(&l, &l.connections[i]);
    double cpu = cpu_seconds();
    l.begin_us = mono_us();
    while (l.done < l.requests) {
        send_due(&l);
        wait_for_answers(&l);
    }
    print(&l, (double)(mono_us() - l.begin_us) / 1e6, cpu_seconds() - cpu);
    for (int i = 0; i < l.count; i++)
        (void)close(l.connections[i].fd);
    free(l.latency_us);
    free(l.idle);
    free(l.connections);
    free(l.wanted);
    free(text);
    return 0;
}
