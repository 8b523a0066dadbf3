/* test_http.c: the HTTP client against a small server that says exactly what a test wants, bytes and breaks. */
#include <setjmp.h>
#include <stdarg.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>

#include "clock.h"
#include "http.h"

/* ---- the server ---- */

enum ending { CLOSE, RESET, HANG, KEEP };

/* What the next request is answered with. */
static struct {
    const char *bytes;
    size_t len; /* 0 = strlen(bytes) */
    enum ending ending;
} answer;

static int connections; /* accepted so far */
static int listener;
static int port;
static char last_request[65536];
static char base[64];

static void read_request(int fd)
{
    size_t len = 0;
    while (len + 1 < sizeof(last_request)) {
        ssize_t n = read(fd, last_request + len, sizeof(last_request) - 1 - len);
        if (n <= 0)
            break;
        len += (size_t)n;
        last_request[len] = '\0';
        const char *end = strstr(last_request, "\r\n\r\n");
        const char *declared = strcasestr(last_request, "\r\nContent-Length:");
        size_t body = declared != NULL ? strtoul(declared + 17, NULL, 10) : 0;
        if (end != NULL && len >= (size_t)(end + 4 - last_request) + body)
            break;
    }
}

static void finish(int fd)
{
    if (answer.ending == HANG) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        (void)poll(&p, 1, 10000); /* until the client gives up */
    }
    if (answer.ending == RESET) {
        struct linger now = {.l_onoff = 1};
        (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    }
    (void)close(fd);
}

static void *serve(void *arg)
{
    (void)arg;
    int fd;
    while ((fd = accept(listener, NULL, NULL)) >= 0) {
        connections++;
        do {
            read_request(fd);
            size_t len = answer.len > 0 ? answer.len : strlen(answer.bytes);
            (void)!send(fd, answer.bytes, len, MSG_NOSIGNAL);
        } while (answer.ending == KEEP);
        if (strncmp(last_request, "GET /redirect", 13) == 0)
            answer.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nthen";
        finish(fd);
    }
    return NULL;
}

static pthread_t server;
static struct http *http;

static int start_server(void **state)
{
    (void)state;
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(a);
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(listener, (struct sockaddr *)&a, sizeof(a)) != 0 || listen(listener, 8) != 0 ||
        getsockname(listener, (struct sockaddr *)&a, &len) != 0)
        return -1;
    port = ntohs(a.sin_port);
    (void)snprintf(base, sizeof(base), "http://127.0.0.1:%d", port);
    http_trust_base(base);
    http = http_new();
    return pthread_create(&server, NULL, serve, NULL);
}

static int stop_server(void **state)
{
    (void)state;
    http_free(http);
    (void)shutdown(listener, SHUT_RDWR);
    (void)pthread_join(server, NULL);
    return close(listener);
}

/* ---- helpers ---- */

static char url[256];

static const char *at(const char *path)
{
    (void)snprintf(url, sizeof(url), "%s%s", base, path);
    return url;
}

static void say(const char *bytes)
{
    answer.bytes = bytes;
    answer.len = 0;
    answer.ending = CLOSE;
}

static struct http_response get(const char *path)
{
    struct http_request req = {.url = at(path), .timeout_ms = 5000};
    struct http_response r;
    struct err e;
    if (!http_send(http, &req, &r, &e))
        fail_msg("%s", e.msg);
    return r;
}

static struct err fails(struct http_request req)
{
    struct http_response r;
    struct err e = {0};
    if (req.timeout_ms == 0)
        req.timeout_ms = 5000;
    if (http_send(http, &req, &r, &e))
        fail_msg("answered %ld", r.status);
    return e;
}

/* ---- the transfer ---- */

static void test_an_answer_is_read_with_its_headers(void **state)
{
    (void)state;
    say("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nETag: \"abc\"\r\nX-Request-ID: r1\r\n"
        "X-Should-Retry: false\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}");
    struct http_response r = get("/a?key=v");
    assert_int_equal(r.status, 200);
    assert_string_equal(r.body.data, "{}");
    assert_string_equal(r.content_type, "application/json");
    assert_string_equal(r.etag, "\"abc\"");
    assert_string_equal(r.request_id, "r1");
    assert_int_equal(r.should_retry, 0);
    assert_int_equal(r.retry_after_ms, -1);
    assert_non_null(strstr(last_request, "GET /a?key=v HTTP/1.1\r\n"));
    assert_non_null(strstr(last_request, "User-Agent: chronos/"));
    assert_null(strstr(last_request, "Expect:"));
    http_response_release(&r);
}

static void test_a_body_is_posted_with_headers_and_basic_auth(void **state)
{
    (void)state;
    say("HTTP/1.1 201 Created\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    const struct http_header headers[] = {
        {"Content-Type", "application/json"}, {"X-One", "1"}, {0}};
    struct http_request req = {
        .method = "POST",
        .url = at("/p"),
        .body = "{\"a\":1}",
        .body_len = 7,
        .headers = headers,
        .basic_user = "user",
        .basic_password = "pass",
    };
    struct http_response r;
    struct err e;
    assert_true(http_send(http, &req, &r, &e));
    assert_int_equal(r.status, 201);
    assert_int_equal(r.body.len, 0);
    assert_non_null(strstr(last_request, "POST /p HTTP/1.1\r\n"));
    assert_non_null(strstr(last_request, "X-One: 1\r\n"));
    assert_non_null(strstr(last_request, "Authorization: Basic dXNlcjpwYXNz\r\n"));
    assert_non_null(strstr(last_request, "\r\n\r\n{\"a\":1}"));
    http_response_release(&r);
}

static void test_a_file_is_uploaded_as_a_form(void **state)
{
    (void)state;
    char path[] = "/tmp/test_http_XXXXXX";
    auto_close int fd = mkstemp(path);
    assert_int_equal(write(fd, "OggS", 4), 4);
    say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}");
    const struct http_header form[] = {{"model", "whisper-1"}, {0}};
    struct http_request req = {
        .method = "POST",
        .url = at("/upload"),
        .upload_path = path,
        .upload_filename = "part.ogg",
        .upload_mime_type = "audio/ogg",
        .form = form,
    };
    struct http_response r;
    struct err e;
    assert_true(http_send(http, &req, &r, &e));
    assert_non_null(strstr(last_request, "name=\"model\""));
    assert_non_null(strstr(last_request, "name=\"file\"; filename=\"part.ogg\""));
    assert_non_null(strstr(last_request, "Content-Type: audio/ogg"));
    assert_non_null(strstr(last_request, "OggS"));
    http_response_release(&r);
    (void)unlink(path);
    assert_int_equal(fails(req).code, ERR_RETRY); /* the file is gone */
}

static void test_a_download_goes_to_the_file_and_an_error_does_not(void **state)
{
    (void)state;
    char path[] = "/tmp/test_http_XXXXXX", bytes[16];
    auto_close int fd = mkstemp(path);
    (void)unlink(path);
    struct http_request req = {.url = at("/file"), .download_fd = fd};
    struct http_response r;
    struct err e;
    say("HTTP/1.1 200 OK\r\nContent-Length: 10\r\nConnection: close\r\n\r\n0123456789");
    assert_true(http_send(http, &req, &r, &e));
    assert_int_equal(r.body.len, 0);
    http_response_release(&r);
    say("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc");
    assert_true(http_send(http, &req, &r, &e)); /* replaces, does not append */
    http_response_release(&r);
    assert_int_equal(pread(fd, bytes, sizeof(bytes), 0), 3);
    say("HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\nConnection: close\r\n\r\nnope");
    assert_true(http_send(http, &req, &r, &e));
    assert_int_equal(r.status, 404);
    assert_string_equal(r.body.data, "nope");
    assert_int_equal(pread(fd, bytes, sizeof(bytes), 0), 0);
    http_response_release(&r);
}

/* 1 MiB of zeros, deflated to about a kilobyte: the cap counts what comes out. */
static void test_the_cap_counts_decompressed_bytes(void **state)
{
    (void)state;
    static char bytes[4096];
    FILE *p = popen("head -c 1048576 /dev/zero | gzip -9c", "re");
    char body[3000];
    size_t n = fread(body, 1, sizeof(body), p);
    assert_int_equal(pclose(p), 0);
    int head = snprintf(bytes, sizeof(bytes),
                        "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: "
                        "%zu\r\nConnection: close\r\n\r\n",
                        n);
    memcpy(bytes + head, body, n);
    say(bytes);
    answer.len = (size_t)head + n;
    struct http_response r;
    struct err e;
    struct http_request req = {.url = at("/gzip"), .max_bytes = 1 << 20};
    assert_true(http_send(http, &req, &r, &e));
    assert_int_equal(r.body.len, 1 << 20);
    http_response_release(&r);
    req.max_bytes = (1 << 20) - 1;
    assert_int_equal(fails(req).code, ERR_PERMANENT);
    req.download_fd = open("/dev/null", O_WRONLY);
    e = fails(req);
    assert_int_equal(e.code, ERR_PERMANENT);
    assert_non_null(strstr(e.msg, "larger than"));
    (void)close(req.download_fd);
}

static void test_broken_transfers_may_be_tried_again(void **state)
{
    (void)state;
    say("HTTP/1.1 200 OK\r\nContent-Length: 100\r\nConnection: close\r\n\r\nhalf");
    struct err e = fails((struct http_request){.url = at("/cut?token=hidden")});
    assert_int_equal(e.code, ERR_RETRY);
    assert_null(strstr(e.msg, "hidden"));
    assert_non_null(strstr(e.msg, "127.0.0.1/cut"));
    say("");
    answer.ending = RESET;
    assert_int_equal(fails((struct http_request){.url = at("/reset")}).code, ERR_RETRY);
    say("nonsense\r\n\r\n");
    assert_int_equal(fails((struct http_request){.url = at("/nonsense")}).code, ERR_RETRY);
    assert_int_equal(fails((struct http_request){.url = "http://127.0.0.1:1/"}).code, ERR_RETRY);
    assert_int_equal(fails((struct http_request){.url = "https://name.invalid/"}).code, ERR_RETRY);
}

static void test_an_early_refusal_of_an_upload_counts(void **state)
{
    (void)state;
    say("HTTP/1.1 413 Too Large\r\nContent-Length: 1000\r\nConnection: close\r\n\r\ntoo large");
    struct http_response r = get("/early");
    assert_int_equal(r.status, 413);
    http_response_release(&r);
}

static void test_the_deadline_ends_a_slow_answer(void **state)
{
    (void)state;
    say("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nslow");
    answer.ending = HANG;
    int64_t from = mono_ms();
    struct err e = fails((struct http_request){.url = at("/slow"), .timeout_ms = 300});
    assert_int_equal(e.code, ERR_RETRY);
    assert_in_range(mono_ms() - from, 250, 2000);
}

static void test_the_first_byte_has_a_deadline_of_its_own(void **state)
{
    (void)state;
    say("");
    answer.ending = HANG;
    const struct http_request slow = {.url = at("/slow"), .timeout_ms = 8000, .first_byte_ms = 300};
    int64_t from = mono_ms();
    struct err e = fails(slow);
    assert_int_equal(e.code, ERR_RETRY);
    assert_non_null(strstr(e.msg, "no answer within 300 ms"));
    assert_in_range(mono_ms() - from, 250, 2500);
    struct http_request posted = slow;
    posted.body = "a question";
    posted.body_len = strlen(posted.body);
    e = fails(posted);
    assert_non_null(strstr(e.msg, "no answer within 300 ms"));
    /* what has begun to answer may take its time */
    say("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nslow");
    answer.ending = HANG;
    struct http_request whole = slow;
    whole.timeout_ms = 1200;
    e = fails(whole);
    assert_non_null(strstr(e.msg, "no complete answer in time"));
}

/* It takes the connection and says nothing: connected means that TLS is done. */
static void test_connecting_has_a_deadline_of_its_own(void **state)
{
    (void)state;
    say("");
    answer.ending = HANG;
    char secure[64];
    (void)snprintf(secure, sizeof(secure), "https://127.0.0.1:%d/", port);
    int64_t from = mono_ms();
    struct err e =
        fails((struct http_request){.url = secure, .timeout_ms = 8000, .connect_timeout_ms = 300});
    assert_int_equal(e.code, ERR_RETRY);
    assert_in_range(mono_ms() - from, 250, 2500);
}

static void test_headers_without_end_are_refused(void **state)
{
    (void)state;
    const size_t size = 400 * 1024;
    char *bytes = malloc(size);
    size_t len = (size_t)snprintf(bytes, size, "HTTP/1.1 200 OK\r\n");
    while (len + 1200 < size)
        len += (size_t)snprintf(bytes + len, size - len, "X-More: %01000d\r\n", 0);
    say(bytes);
    struct err e = fails((struct http_request){.url = at("/headers")});
    assert_int_equal(e.code, ERR_PERMANENT);
    assert_non_null(strstr(e.msg, "larger than"));
    say("");
    free(bytes);
}

/* The server's thread serves one connection until it ends, so a second one would wait for ever. */
static void test_a_connection_is_used_again(void **state)
{
    (void)state;
    say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    answer.ending = KEEP;
    struct http_response r = get("/1");
    http_response_release(&r);
    int before = connections;
    for (int i = 0; i < 5; i++) {
        r = get("/2");
        assert_string_equal(r.body.data, "ok");
        http_response_release(&r);
    }
    assert_int_equal(connections, before);
    say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
    r = get("/last");
    http_response_release(&r);
}

static bool after_a_while(void *arg)
{
    return mono_ms() > *(int64_t *)arg;
}

static void test_cancelling_ends_a_slow_answer_at_once(void **state)
{
    (void)state;
    say("");
    answer.ending = HANG;
    int64_t from = mono_ms(), when = from + 200;
    http_set_cancel(http, after_a_while, &when);
    struct err e = fails((struct http_request){.url = at("/slow"), .timeout_ms = 8000});
    http_set_cancel(http, NULL, NULL);
    assert_int_equal(e.code, ERR_STOPPING);
    assert_in_range(mono_ms() - from, 150, 900); /* libcurl by itself would look after a second */
}

/* ---- who may be asked ---- */

static void test_a_private_address_behind_a_name_is_refused(void **state)
{
    (void)state;
    struct err e =
        fails((struct http_request){.url = "https://localhost/secret", .untrusted_url = true});
    assert_int_equal(e.code, ERR_PERMANENT);
    assert_non_null(strstr(e.msg, "private address"));
    say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
    struct http_request req = {.url = at("/own"), .untrusted_url = true};
    struct http_response r;
    assert_true(http_send(http, &req, &r, &e));
    http_response_release(&r);
}

static void test_redirects_are_followed_only_on_request_and_checked(void **state)
{
    (void)state;
    say("HTTP/1.1 302 Found\r\nLocation: /next\r\nContent-Length: 5\r\nConnection: "
        "close\r\n\r\nfirst");
    struct http_response r = get("/stay");
    assert_int_equal(r.status, 302);
    http_response_release(&r);
    const struct http_header headers[] = {{"X-Mine", "1"}, {0}};
    struct http_request req = {
        .url = at("/redirect"), .follow_redirects = true, .headers = headers};
    struct err e;
    assert_true(http_send(http, &req, &r, &e));
    assert_int_equal(r.status, 200);
    assert_string_equal(r.body.data, "then");
    assert_non_null(strstr(last_request, "GET /next "));
    assert_null(strstr(last_request, "X-Mine"));
    http_response_release(&r);
    say("HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/latest\r\nContent-Length: "
        "0\r\nConnection: close\r\n\r\n");
    req.url = at("/metadata");
    req.untrusted_url = true;
    assert_int_equal(fails(req).code, ERR_PERMANENT);
    say("HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\nConnection: "
        "close\r\n\r\n");
    req.untrusted_url = false;
    assert_int_equal(fails(req).code, ERR_PERMANENT);
    /* our own base sent us to a name of the private network: that was not our choice */
    say("HTTP/1.1 302 Found\r\nLocation: https://localhost/\r\nContent-Length: 0\r\nConnection: "
        "close\r\n\r\n");
    e = fails(req);
    assert_int_equal(e.code, ERR_PERMANENT);
    assert_non_null(strstr(e.msg, "private address"));
    say("HTTP/1.1 302 Found\r\nLocation: http://10.0.0.1/\r\nContent-Length: 0\r\nConnection: "
        "close\r\n\r\n");
    assert_int_equal(fails(req).code, ERR_PERMANENT);
    /* what we send goes to nobody else */
    say("HTTP/1.1 307 Other\r\nLocation: /other\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    struct http_request post = {
        .url = at("/post"), .body = "secret", .body_len = 6, .follow_redirects = true};
    assert_true(http_send(http, &post, &r, &e));
    assert_int_equal(r.status, 307);
    http_response_release(&r);
    say("HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    req.url = at("/metadata");
    e = fails(req);
    assert_int_equal(e.code, ERR_PERMANENT);
    assert_non_null(strstr(e.msg, "redirects"));
}

static void test_the_trace_goes_to_configured_hosts_and_no_further(void **state)
{
    (void)state;
    struct trace t;
    assert_true(trace_read("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", &t));
    answer.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
    answer.ending = CLOSE;
    struct http_response r;
    struct err e;
    struct http_request req = {.url = at("/mine")};
    http_set_trace(http, &t, t.parent);
    assert_true(http_send(http, &req, &r, &e));
    http_response_release(&r);
    const char *sent = strstr(last_request, "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-");
    assert_non_null(sent);
    assert_null(strstr(sent, "00f067aa0ba902b7")); /* the call is a span of its own */

    char other[64];
    (void)snprintf(other, sizeof(other), "http://localhost:%d/theirs", port);
    req.url = other; /* the same server by a name that nobody has configured */
    assert_true(http_send(http, &req, &r, &e));
    http_response_release(&r);
    assert_non_null(strstr(last_request, "GET /theirs "));
    assert_null(strstr(last_request, "traceparent"));

    http_set_trace(http, NULL, NULL);
    req.url = at("/none");
    assert_true(http_send(http, &req, &r, &e));
    http_response_release(&r);
    assert_null(strstr(last_request, "traceparent"));
}

static bool at_once(void *arg)
{
    (void)arg;
    return true;
}

static void test_a_helper_belongs_to_the_same_work(void **state)
{
    (void)state;
    struct trace t;
    assert_true(trace_read("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", &t));
    say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
    struct http_response r;
    struct err e;
    struct http_request req = {.url = at("/part")};
    http_set_trace(http, &t, t.parent);
    struct http *helper = http_split(http);
    assert_true(http_send(helper, &req, &r, &e));
    http_response_release(&r);
    assert_non_null(strstr(last_request, "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-"));
    http_charge(helper, 0.25);
    http_settle(helper, NULL);
    (void)http_take_charges(http);
    http_merge(http, helper, false);
    assert_true(http_take_charges(http) == 0.25);

    http_set_cancel(http, at_once, NULL);
    helper = http_split(http);
    assert_false(http_send(helper, &req, &r, &e));
    assert_int_equal(e.code, ERR_STOPPING);
    http_settle(helper, &e);
    http_merge(http, helper, true);
    http_set_cancel(http, NULL, NULL);
    http_set_trace(http, NULL, NULL);
}

static void test_a_header_with_a_line_break_is_not_sent(void **state)
{
    (void)state;
    const struct http_header headers[] = {{"X-One", "1\r\nX-Two: 2"}, {0}};
    struct err e = fails((struct http_request){.url = at("/"), .headers = headers});
    assert_int_equal(e.code, ERR_BUG);
}

/* ---- retry-after ---- */

static int64_t delay_of(const char *headers)
{
    static char bytes[512];
    (void)snprintf(bytes, sizeof(bytes),
                   "HTTP/1.1 429 Slow\r\n%sContent-Length: 0\r\nConnection: close\r\n\r\n",
                   headers);
    say(bytes);
    struct http_response r = get("/429");
    int64_t ms = r.retry_after_ms;
    http_response_release(&r);
    return ms;
}

static void test_every_form_of_retry_after(void **state)
{
    (void)state;
    assert_int_equal(delay_of("Retry-After: 7\r\n"), 7000);
    assert_int_equal(delay_of("retry-after: 1.5\r\n"), 1500);
    assert_int_equal(delay_of("retry-after-ms: 250.4\r\n"), 251);
    assert_int_equal(delay_of("retry-after-ms: 250\r\nRetry-After: 7\r\n"), 250);
    assert_int_equal(delay_of("Retry-After: 7\r\nretry-after-ms: 250\r\n"), 250);
    assert_int_equal(delay_of("Retry-After: -3\r\n"), -1);
    assert_int_equal(delay_of("Retry-After: soon\r\n"), -1);
    assert_int_equal(delay_of("Retry-After: nan\r\n"), -1);
    assert_int_equal(delay_of("Retry-After: 1e99\r\n"), -1);
    assert_int_equal(delay_of(""), -1);
    assert_int_equal(delay_of("Retry-After: Sun, 06 Nov 1994 08:49:37 GMT\r\n"), -1);
    char header[128];
    time_t then = time(NULL) + 60;
    struct tm tm;
    (void)strftime(header, sizeof(header), "Retry-After: %a, %d %b %Y %H:%M:%S GMT\r\n",
                   gmtime_r(&then, &tm));
    assert_in_range(delay_of(header), 57000, 60000);
}

/* ---- classes and messages ---- */

static struct http_response made(long status, const char *body)
{
    struct http_response r = {.status = status, .retry_after_ms = -1, .should_retry = -1};
    buf_init(&r.body, 1 << 20);
    if (!buf_adds(&r.body, body))
        abort();
    return r;
}

static enum err_code class_of(long status, int64_t retry_after_ms, int should_retry)
{
    struct http_response r = made(status, "");
    struct err e;
    r.retry_after_ms = retry_after_ms;
    r.should_retry = should_retry;
    assert_false(http_status_err(&r, "svc", &e));
    return e.code;
}

static void test_what_is_left_of_an_allowance(void **state)
{
    (void)state;
    say("HTTP/1.1 200 OK\r\nx-ratelimit-remaining-requests: 0\r\nX-RateLimit-Remaining-Tokens: "
        "149984\r\n"
        "x-ratelimit-reset-requests: 1m2.5s\r\nx-ratelimit-reset-tokens: 6ms\r\nContent-Length: "
        "0\r\n"
        "Connection: close\r\n\r\n");
    struct http_response r = get("/limits");
    assert_int_equal(r.requests.remaining, 0);
    assert_int_equal(r.requests.reset_ms, 62500);
    assert_int_equal(r.tokens.remaining, 149984);
    assert_int_equal(r.tokens.reset_ms, 6);
    http_response_release(&r);
    say("HTTP/1.1 200 OK\r\nx-ratelimit-remaining-requests: -\r\nx-ratelimit-reset-tokens: soon\r\n"
        "Content-Length: 0\r\nConnection: close\r\n\r\n");
    r = get("/nonsense");
    assert_int_equal(r.requests.remaining, -1);
    assert_int_equal(r.requests.reset_ms, -1);
    assert_int_equal(r.tokens.remaining, -1);
    assert_int_equal(r.tokens.reset_ms, -1);
    http_response_release(&r);
}

static void test_lengths_of_time(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ms;
    } all[] = {
        {"20ms", 20},     {"1s", 1000}, {"6m0s", 360000}, {"1h2m3.4s", 3723400},
        {"0.2ms", 1},     {"7", 7000},  {"0s", 0},        {"2 minutes", 120000},
        {"1d", 86400000}, {"", -1},     {"-1s", -1},      {"1x", -1},
        {"1m 30", -1},    {"s", -1},    {"1s later", -1}, {"999999999999h", -1},
    };
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        assert_int_equal(http_read_duration(all[i].text, NULL), all[i].ms);
}

static void test_statuses_have_their_class(void **state)
{
    (void)state;
    static const struct {
        long status;
        enum err_code code;
    } rows[] = {
        {200, ERR_RETRY},         {302, ERR_PERMANENT},     {400, ERR_PERMANENT},
        {401, ERR_STOP_PROVIDER}, {402, ERR_STOP_PROVIDER}, {403, ERR_STOP_PROVIDER},
        {404, ERR_PERMANENT},     {408, ERR_RETRY},         {409, ERR_RETRY},
        {413, ERR_PERMANENT},     {422, ERR_PERMANENT},     {425, ERR_RETRY},
        {429, ERR_RATE_LIMITED},  {500, ERR_RETRY},         {501, ERR_PERMANENT},
        {503, ERR_RETRY},         {505, ERR_PERMANENT},     {522, ERR_RETRY},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (class_of(rows[i].status, -1, -1) != rows[i].code)
            fail_msg("%ld is %s", rows[i].status, err_name(class_of(rows[i].status, -1, -1)));
    assert_int_equal(class_of(503, 1000, -1), ERR_RATE_LIMITED);
    assert_int_equal(class_of(400, -1, 1), ERR_RETRY);
    assert_int_equal(class_of(500, -1, 0), ERR_PERMANENT);
    assert_int_equal(class_of(401, -1, 1), ERR_STOP_PROVIDER);
    assert_int_equal(class_of(413, -1, 1), ERR_PERMANENT);
}

static void test_a_delay_is_capped(void **state)
{
    (void)state;
    struct http_response r = made(429, "");
    struct err e;
    r.retry_after_ms = 3600000;
    assert_false(http_status_err(&r, "svc", &e));
    assert_int_equal(e.retry_after_ms, 900000);
    assert_string_equal(e.msg, "svc: HTTP 429");
    http_response_release(&r);
}

static void says(long status, const char *body, const char *expected)
{
    char out[256];
    struct http_response r = made(status, body);
    http_error_message(&r, out, sizeof(out));
    assert_string_equal(out, expected);
    http_response_release(&r);
}

static void test_the_message_is_found_in_any_shape(void **state)
{
    (void)state;
    says(400, "{\"error\":{\"message\":\"a\",\"code\":null}}", "a");
    says(400, "{\"error\":\"b\"}", "b");
    says(400, "{\"message\":\"c\",\"code\":429}", "c");
    says(400, "{\"detail\":\"d\"}", "d");
    says(422, "{\"detail\":[{\"loc\":[],\"msg\":\"e\"}]}", "e");
    says(404, "{\"error\":{\"type\":\"not_found\",\"messages\":[\"f\"]}}", "f");
    says(429, "{\"errors\":[\"g\"]}", "g");
    says(200, "{\"errors\":[{\"message\":\"h\"}]}", "h");
    says(400, "{\"statusCode\":\"404\",\"error\":\"not_found\",\"message\":\"Object not found\"}",
         "not_found");
    says(502, "<html><head><title>502 Bad\n Gateway</title></head>", "502 Bad Gateway");
    says(502, "<html>", "HTTP 502");
    says(500, "plain\ttext\n", "plain text");
    says(500, "", "HTTP 500");
    says(500, "{}", "{}");
    says(500, "half \xc3", "half ?");
    says(500, "long \xe0\x93\x96 \xed\xa0\x80", "long ??? ???");
}

static void test_keys_in_a_message_are_hidden(void **state)
{
    (void)state;
    says(401, "{\"error\":{\"message\":\"Incorrect API key provided: sk-proj-abcdef123456.\"}}",
         "Incorrect API key provided: ***");
    says(401, "bad token \"eyJhbGciOiJIUzI1NiJ9.e30.x\" given", "bad token \"***\" given");
    says(400, "skip sk-short and sketch", "skip sk-short and sketch");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_answer_is_read_with_its_headers),
        cmocka_unit_test(test_a_body_is_posted_with_headers_and_basic_auth),
        cmocka_unit_test(test_a_file_is_uploaded_as_a_form),
        cmocka_unit_test(test_a_download_goes_to_the_file_and_an_error_does_not),
        cmocka_unit_test(test_the_cap_counts_decompressed_bytes),
        cmocka_unit_test(test_broken_transfers_may_be_tried_again),
        cmocka_unit_test(test_an_early_refusal_of_an_upload_counts),
        cmocka_unit_test(test_the_deadline_ends_a_slow_answer),
        cmocka_unit_test(test_the_first_byte_has_a_deadline_of_its_own),
        cmocka_unit_test(test_connecting_has_a_deadline_of_its_own),
        cmocka_unit_test(test_headers_without_end_are_refused),
        cmocka_unit_test(test_a_connection_is_used_again),
        cmocka_unit_test(test_cancelling_ends_a_slow_answer_at_once),
        cmocka_unit_test(test_a_private_address_behind_a_name_is_refused),
        cmocka_unit_test(test_redirects_are_followed_only_on_request_and_checked),
        cmocka_unit_test(test_the_trace_goes_to_configured_hosts_and_no_further),
        cmocka_unit_test(test_a_helper_belongs_to_the_same_work),
        cmocka_unit_test(test_a_header_with_a_line_break_is_not_sent),
        cmocka_unit_test(test_every_form_of_retry_after),
        cmocka_unit_test(test_what_is_left_of_an_allowance),
        cmocka_unit_test(test_lengths_of_time),
        cmocka_unit_test(test_statuses_have_their_class),
        cmocka_unit_test(test_a_delay_is_capped),
        cmocka_unit_test(test_the_message_is_found_in_any_shape),
        cmocka_unit_test(test_keys_in_a_message_are_hidden),
    };
    return cmocka_run_group_tests(tests, start_server, stop_server);
}
