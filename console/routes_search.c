/* routes_search.c: search by meaning through what was said in videos. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "console.h"
#include "db.h"
#include "hash_embedder.h"
#include "http.h"
#include "js.h"
#include "provider.h"
#include "route.h"
#include "vector_text.h"

enum { MAX_FOUND = 100, MAX_QUESTION = 2000 };

static bool number_within(struct request *r, const char *name, double low, double high,
                          double *value)
{
    const char *text = request_query(r, name);
    char *end = NULL;
    if (text == NULL)
        return true;
    *value = strtod(text, &end);
    if (end != text && *end == '\0' && *value >= low && *value <= high)
        return true;
    reply_error(r, 400, "invalid_input", name, "%s must be a number from %g to %g", name, low,
                high);
    return false;
}

/* Searches wait for an outside service in threads that answer everything else, too: a service that hangs must not take them all. */
static atomic_int searching;

static bool begin_search(struct request *r)
{
    long most = r->console->conf->console_threads / 4;
    if (atomic_fetch_add(&searching, 1) < (most > 1 ? most : 1))
        return true;
    atomic_fetch_sub(&searching, 1);
    reply_error(r, 503, "busy", NULL, "other searches wait for the outside service; try again");
    reply_header(r, "Retry-After", "1");
    return false;
}

/* The vector of the question, as text; NULL (and answered) on failure. The caller frees. */
static char *vector_of(struct request *r, const char *question)
{
    float *v = calloc(EMBED_DIMENSIONS, sizeof(*v));
    auto_buf text = BUF_INIT((size_t)EMBED_DIMENSIONS * 24);
    struct err e;
    long tokens;
    double cost;
    char model[128];
    if (v == NULL)
        abort();
    struct http *http = http_new();
    bool ok = embed_texts(http, &r->console->conf->services, &question, 1, v, &tokens, &cost, model,
                          sizeof(model), &e);
    http_free(http);
    bool fits = ok && vector_add_text(&text, v, EMBED_DIMENSIONS);
    free(v);
    if (fits)
        return buf_take(&text);
    reply_error(r, 503, "search_unavailable", "q", "the question cannot be read now: %s",
                ok ? "its vector is too long" : e.msg);
    return NULL;
}

static json_t *found_chunk(const PGresult *found, int i)
{
    return js_pack("{s:s, s:s, s:s, s:s?, s:s, s:f, s:f, s:f}", "chunk_id",
                   db_text(found, i, "chunk_id"), "video_id", db_text(found, i, "video_id"),
                   "title", db_text(found, i, "title"), "source_type",
                   db_text(found, i, "source_type"), "chunk_text", db_text(found, i, "chunk_text"),
                   "start_time_seconds", atof(db_text(found, i, "start_time_seconds")),
                   "end_time_seconds", atof(db_text(found, i, "end_time_seconds")), "similarity",
                   atof(db_text(found, i, "similarity")));
}

static void search(struct request *r)
{
    const char *question = request_query(r, "q"), *creator;
    long long most;
    double threshold = 0;
    if (question == NULL || strspn(question, " \t") == strlen(question) ||
        strlen(question) > MAX_QUESTION) {
        reply_error(r, 400, "invalid_input", "q", "q must hold a question of at most %d bytes",
                    MAX_QUESTION);
        return;
    }
    if (!request_number(r, "limit", 1, MAX_FOUND, 10, &most) ||
        !number_within(r, "threshold", -1, 1, &threshold) ||
        !request_uuid(r, "creator_id", &creator))
        return;
    if (!begin_search(r))
        return;
    auto_free char *vector = vector_of(r, question);
    atomic_fetch_sub(&searching, 1);
    if (vector == NULL)
        return;
    char count[24], least[32];
    (void)snprintf(count, sizeof(count), "%lld", most);
    (void)snprintf(least, sizeof(least), "%.9g", threshold);
    struct err e;
    auto_result *found = DB_QUERY(r->db, &e, "search_chunks", vector, count, least, creator);
    if (found == NULL) {
        reply_failure(r, &e);
        return;
    }
    json_t *list = json_array();
    for (int i = 0; i < PQntuples(found); i++)
        (void)json_array_append_new(list, found_chunk(found, i));
    reply_json(r, 200, js_pack("{s:b, s:o}", "success", true, "data", list));
}

const struct route routes_search[] = {
    {"GET", "/api/video/search", ACCESS_READ, search, "Searches by meaning through what was said",
     .name_of_data = "SearchResults"},
    {0},
};
