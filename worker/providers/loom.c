/* loom.c: transcripts as Loom's own web player gets them.
 *
 * One GraphQL query gives a signed caption URL that lives about an hour, so it is fetched at once and never kept.
 * Loom answers 200 to nearly everything; the type name inside decides. Public videos only, no key. */
#include "provider.h"

#include <ctype.h>
#include <strings.h>

#include "answer.h"
#include "js.h"
#include "reason.h"

enum {
    ID_LENGTH = 32,
    CALL_TIMEOUT_MS = 30000,
    CAPTION_TIMEOUT_MS = 60000,
    NOT_READY_MS = 30000,
    MAX_DELAY_MS = 15 * 60 * 1000,
    URL_SIZE = 4096
};

static const char SERVICE[] = "Loom";

#define BROWSER                                                                                    \
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "            \
    "Chrome/149.0.0.0 Safari/537.36"
#define WEB_VERSION "45a5bd4"

static const char query[] =
    "query FetchVideoTranscript($videoId: ID!, $password: String) { fetchVideoTranscript(videoId: "
    "$videoId, password: $password) { __typename ... on VideoTranscriptDetails { id video_id "
    "source_url captions_source_url language transcription_status } ... on GenericError { message "
    "} "
    "... on InvalidRequestWarning { message } } }";

/* ---- the id ---- */

/* The last 32 hex digits of a path segment, which may carry a title before them: "My-Talk-<id>". */
static bool id_at_end(const char *segment, size_t n, char *ret_id)
{
    if (n < ID_LENGTH)
        return false;
    const char *id = segment + n - ID_LENGTH;
    if (id > segment && isalnum((unsigned char)id[-1]))
        return false;
    for (size_t i = 0; i < ID_LENGTH; i++)
        if (!isxdigit((unsigned char)id[i]))
            return false;
    for (size_t i = 0; i < ID_LENGTH; i++)
        ret_id[i] = (char)tolower((unsigned char)id[i]);
    ret_id[ID_LENGTH] = '\0';
    return true;
}

static const char *after_host(const char *s)
{
    static const char *const hosts[] = {"loom.com/", "www.loom.com/"};
    if (strncasecmp(s, "https:", 6) == 0)
        s += 6;
    else if (strncasecmp(s, "http:", 5) == 0)
        s += 5;
    s += strncmp(s, "//", 2) == 0 ? 2 : 0;
    for (size_t i = 0; i < ARRAY_LEN(hosts); i++)
        if (strncasecmp(s, hosts[i], strlen(hosts[i])) == 0)
            return s + strlen(hosts[i]);
    return NULL;
}

bool loom_video_id(const char *input, char *ret_id)
{
    static const char *const folders[] = {"share/", "embed/", "v/"};
    if (input == NULL)
        return false;
    while (isspace((unsigned char)*input))
        input++;
    size_t n = strcspn(input, " \t\r\n");
    if (n == ID_LENGTH)
        return id_at_end(input, n, ret_id);
    const char *path = after_host(input);
    if (path == NULL)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
        size_t len = strlen(folders[i]);
        if (strncasecmp(path, folders[i], len) == 0)
            return id_at_end(path + len, strcspn(path + len, "/?#& \t\r\n"), ret_id);
    }
    return false;
}

/* ---- the query ---- */

static bool send_query(struct http *h, const struct services *svc, const char *id, bool name_source,
                       struct http_response *ret, struct err *e)
{
    char url[URL_SIZE], referer[96];
    if (!http_join(url, sizeof(url), svc->loom_url, "graphql"))
        return reason_set(e, REASON_OPERATOR, SERVICE, "CHRONOS_LOOM_URL is too long");
    (void)snprintf(referer, sizeof(referer), "https://www.loom.com/share/%s", id);
    const struct http_header headers[] = {
        {"Content-Type", "application/json"},
        {"Accept", "application/json"},
        {"User-Agent", BROWSER},
        {"apollographql-client-name", "web"},
        {"apollographql-client-version", WEB_VERSION},
        {"Origin", "https://www.loom.com"},
        {"Referer", referer},
        {name_source ? "x-loom-request-source" : NULL, "loom_web_" WEB_VERSION},
        {0},
    };
    auto_json *body = js_pack("{s:s s:{s:s s:n} s:s}", "operationName", "FetchVideoTranscript",
                              "variables", "videoId", id, "password", "query", query);
    size_t len = 0;
    auto_free char *text = js_dump(body, &len);
    struct http_request req = {
        .service = "loom",
        .method = "POST",
        .url = url,
        .body = text,
        .body_len = len,
        .headers = headers,
        .timeout_ms = CALL_TIMEOUT_MS,
    };
    return http_send(h, &req, ret, e) || reason_explain(e, SERVICE);
}

static bool query_status_err(const struct http_response *r, struct err *e)
{
    if (r->status == 403 ||
        r->status == 429) { /* no key of ours can be wrong: a wall against bots */
        int64_t delay = r->retry_after_ms > 0 ? r->retry_after_ms : 0;
        return reason_set_after(e, REASON_ADDRESS_LIMITED, SERVICE, NULL,
                                delay < MAX_DELAY_MS ? delay : MAX_DELAY_MS);
    }
    if (r->status == 401)
        return reason_set(e, REASON_PRIVATE, SERVICE, NULL);
    (void)http_status_err(r, SERVICE, e);
    if (r->status == 400 && e->code == ERR_PERMANENT)
        e->code = ERR_NEXT_SOURCE;
    return reason_explain(e, SERVICE);
}

static bool graphql_err(const json_t *error, struct err *e)
{
    const char *code = js_str(error, "extensions.code"), *message = js_str(error, "message");
    if (code == NULL)
        code = "";
    if (message == NULL)
        message = code;
    if (strcmp(code, "GRAPHQL_VALIDATION_FAILED") == 0 || strcmp(code, "BAD_USER_INPUT") == 0 ||
        TEXT_HAS(message, "Cannot query field"))
        return reason_set(e, REASON_INTERFACE_CHANGED, SERVICE, message);
    if (strcmp(code, "UNAUTHENTICATED") == 0 || strcmp(code, "FORBIDDEN") == 0)
        return reason_set(e, REASON_PRIVATE, SERVICE, NULL);
    if (strcmp(code, "INTERNAL_SERVER_ERROR") == 0)
        return reason_set(e, REASON_DOWN, SERVICE, message);
    (void)err_set(e, ERR_NEXT_SOURCE, "%.200s", message);
    return reason_explain(e, SERVICE);
}

static bool refusal_err(const char *message, struct err *e)
{
    if (TEXT_HAS(message, "password"))
        return reason_set(e, REASON_PASSWORD, SERVICE, NULL);
    if (TEXT_HAS(message, "permission", "private", "access"))
        return reason_set(e, REASON_PRIVATE, SERVICE, NULL);
    if (TEXT_HAS(message, "not found", "deleted"))
        return reason_set(e, REASON_GONE, SERVICE, NULL);
    (void)err_set(e, ERR_NEXT_SOURCE, "%.200s", message != NULL ? message : "no reason given");
    return reason_explain(e, SERVICE);
}

static bool no_url_err(const char *status, struct err *e)
{
    if (status == NULL || strcasecmp(status, "success") == 0)
        return reason_set(e, REASON_NO_CAPTIONS, SERVICE, NULL);
    if (TEXT_HAS(status, "fail"))
        return reason_set(e, REASON_TRANSCRIPTION_FAILED, SERVICE, NULL);
    return reason_set_after(e, REASON_TRANSCRIPT_PENDING, SERVICE, NULL, NOT_READY_MS);
}

/* The details object of an answer, borrowed; NULL with the reason. */
static const json_t *details_in(const json_t *answer, struct err *e)
{
    const json_t *d = js_get(answer, "data.fetchVideoTranscript");
    const json_t *error = json_array_get(js_get(answer, "errors"), 0);
    const char *type = js_str(d, "__typename");
    if (d == NULL && error != NULL) {
        (void)graphql_err(error, e);
        return NULL;
    }
    if (d == NULL)
        return reason_null(e, REASON_NO_CAPTIONS, SERVICE, NULL);
    if (type != NULL && strcmp(type, "VideoTranscriptDetails") != 0) {
        (void)refusal_err(js_str(d, "message"), e);
        return NULL;
    }
    if (js_str(d, "captions_source_url") == NULL && js_str(d, "source_url") == NULL) {
        (void)no_url_err(js_str(d, "transcription_status"), e);
        return NULL;
    }
    return d;
}

/* The whole answer, a new reference, with details inside. */
static json_t *ask(struct http *h, const struct services *svc, const char *id, struct err *e)
{
    struct http_response r = {0};
    if (!send_query(h, svc, id, false, &r, e))
        return NULL;
    if (r.status == 400) { /* some of its servers insist on the header, others refuse it */
        http_response_release(&r);
        if (!send_query(h, svc, id, true, &r, e))
            return NULL;
    }
    json_t *answer = NULL;
    if (answer_is_ok(&r))
        answer = answer_object(&r, SERVICE, e);
    else
        (void)query_status_err(&r, e);
    if (answer_is_ok(&r) && answer == NULL)
        (void)reason_explain(e, SERVICE);
    http_response_release(&r);
    if (answer != NULL && details_in(answer, e) == NULL) {
        json_decref(answer);
        return NULL;
    }
    return answer;
}

/* ---- the caption file ---- */

/* *ret_expired: the signed URL was refused, a new one may work. */
static bool fetch_captions(struct http *h, const char *url, struct captions *ret, bool *ret_expired,
                           struct err *e)
{
    static const char *const hosts[] = {"loom.com", NULL};
    struct http_request req = {
        .url = url,
        .timeout_ms = CAPTION_TIMEOUT_MS,
        .follow_redirects = true,
        .untrusted_url = true,
        .allowed_hosts = hosts,
    };
    struct http_response r = {0};
    if (!http_send(h, &req, &r, e))
        return reason_explain(e, SERVICE);
    bool ok = false;
    struct err why;
    *ret_expired = r.status == 403;
    if (r.status == 403) {
        (void)reason_set(e, REASON_LINK_EXPIRED, SERVICE, NULL);
    } else if (!answer_is_ok(&r)) {
        (void)http_status_err(&r, SERVICE, e);
        if (r.status == 401) /* about this file: we have no key that could be wrong */
            e->code = ERR_PERMANENT;
        (void)reason_explain(e, SERVICE);
    } else if (r.body.len == 0 || answer_is_html(&r)) {
        (void)reason_set(e, REASON_UNREADABLE, SERVICE, "no captions came");
    } else if (!captions_parse(r.body.data, r.body.len, CAPTION_SNIFF, true, ret, &why)) {
        (void)reason_set(e, REASON_UNREADABLE, SERVICE, why.msg);
    } else {
        ok = true;
    }
    http_response_release(&r);
    return ok;
}

static bool transcript_in(struct http *h, const json_t *answer, struct transcript *t,
                          bool *ret_expired, struct err *e)
{
    const json_t *d = js_get(answer, "data.fetchVideoTranscript");
    const char *url = js_str(d, "captions_source_url"), *language = js_str(d, "language");
    if (!fetch_captions(h, url != NULL ? url : js_str(d, "source_url"), &t->captions, ret_expired,
                        e))
        return false;
    if (t->captions.len == 0) {
        captions_release(&t->captions);
        return reason_set(e, REASON_EMPTY_CAPTIONS, SERVICE, NULL);
    }
    copy_plain(t->language, sizeof(t->language), language != NULL ? language : "");
    return true;
}

/* ---- title and duration ---- */

/* Nice to have: without it the transcript is still good. Only stopping is passed on. */
static bool add_metadata(struct http *h, const struct services *svc, const char *id,
                         struct transcript *t, struct err *e)
{
    char url[URL_SIZE], path[160];
    (void)snprintf(path, sizeof(path), "v1/oembed?url=https%%3A%%2F%%2Fwww.loom.com%%2Fshare%%2F%s",
                   id);
    if (!http_join(url, sizeof(url), svc->loom_url, path))
        return true;
    const struct http_header headers[] = {{"User-Agent", BROWSER}, {0}};
    struct http_request req = {.url = url, .headers = headers, .timeout_ms = CALL_TIMEOUT_MS};
    struct http_response r = {0};
    struct err why;
    if (!http_send(h, &req, &r, &why)) {
        if (why.code == ERR_STOPPING)
            *e = why;
        return why.code != ERR_STOPPING;
    }
    json_t *j = answer_is_ok(&r) ? answer_object(&r, "loom", &why) : NULL;
    const char *title = js_str(j, "title");
    double seconds = js_num(j, "duration", 0);
    if (title != NULL)
        t->title = strdup(title);
    if (seconds > 0)
        t->duration_seconds = seconds;
    json_decref(j);
    http_response_release(&r);
    return true;
}

bool loom_transcript(struct http *h, const struct services *svc, const char *video,
                     struct transcript *ret, struct err *e)
{
    char id[ID_LENGTH + 1];
    if (!loom_video_id(video, id))
        return reason_set(e, REASON_BAD_LINK, SERVICE,
                          "https://www.loom.com/share/… with the 32 digits of its id");
    struct transcript t = {.method = "loom_api"};
    bool ok = false, expired = false;
    for (int attempt = 0; attempt < 2 && !ok; attempt++) {
        auto_json *answer = ask(h, svc, id, e);
        if (answer == NULL)
            return false;
        ok = transcript_in(h, answer, &t, &expired, e);
        if (!ok && !expired)
            return false;
    }
    if (!ok)
        return false;
    if (!add_metadata(h, svc, id, &t, e)) {
        transcript_release(&t);
        return false;
    }
    t.text = captions_text(&t.captions);
    *ret = t;
    return true;
}
