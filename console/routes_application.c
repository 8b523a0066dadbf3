/* routes_application.c: what the application's own front end asks for: bulk operations, dashboards, videos.
 *
 * The answers are made by Postgres, one function each (sql/queries/application.sql); their shapes are those that the front
 * end knows. Whoever calls with an admin key acts for any creator: the application stands in front and knows its users. */
#include <stdio.h>
#include <string.h>

#include "api.h"
#include "change.h"
#include "clock.h"
#include "console.h"
#include "db.h"
#include "js.h"
#include "route.h"
#include "when.h"

enum { SLOW_HEALTH_MS = 5000, MAX_PAGE = 500 };

/* ---- answers that are made by Postgres ---- */

/* What was found, as JSON; NULL (and answered) when it is a refusal, or there is none: then `e` says why. */
static json_t *body_of(struct request *r, const PGresult *found, struct err *e)
{
    const char *body = found != NULL ? db_text(found, 0, "body") : NULL;
    if (found != NULL && body == NULL) {
        const char *message = db_text(found, 0, "message");
        reply_error(r, (int)db_int(found, 0, "status", 500), db_text(found, 0, "code"),
                    db_text(found, 0, "field"), "%s", message != NULL ? message : "");
        return NULL;
    }
    json_t *j = found != NULL ? js_parse_own(body, strlen(body), e) : NULL;
    if (j == NULL)
        reply_failure(r, e);
    return j;
}

static void answer(struct request *r, const PGresult *found, struct err *e)
{
    json_t *j = body_of(r, found, e);
    if (j != NULL)
        reply_json(r, (int)db_int(found, 0, "status", 500), j);
}

#define ANSWER(r, query, ...)                                                                      \
    do {                                                                                           \
        struct err failure;                                                                        \
        auto_result *found = DB_QUERY((r)->db, &failure, query, ##__VA_ARGS__);                    \
        answer((r), found, &failure);                                                              \
    } while (0)

/* ---- changes, which leave a row that says who made them ---- */

/* What that row says. The target is borrowed of what was asked or told; details are owned. */
struct entry {
    char action[32]; /* "": nothing was changed */
    const char *target;
    json_t *details;
};

typedef struct entry entry_fn(const struct request *r, const json_t *asked, const json_t *told);

/* Ends the transaction that `found` is of; one that is still open after the answer is undone. */
static void answer_change(struct request *r, const PGresult *found, entry_fn *entry,
                          const json_t *asked, struct err *e)
{
    long long id;
    struct desk d = api_desk(r);
    json_t *told = body_of(r, found, e);
    if (told == NULL)
        return;
    struct entry t = entry(r, asked, told);
    bool ok = change_end(&d, t.action, t.target, t.details, &id, e);
    json_decref(t.details);
    if (ok) {
        reply_json(r, (int)db_int(found, 0, "status", 500), told);
        return;
    }
    json_decref(told);
    reply_failure(r, e);
}

#define CHANGE(r, entry, asked, query, ...)                                                        \
    do {                                                                                           \
        struct err failure;                                                                        \
        auto_result *found = db_begin((r)->db, &failure)                                           \
                                 ? DB_QUERY((r)->db, &failure, query, ##__VA_ARGS__)               \
                                 : NULL;                                                           \
        answer_change((r), found, (entry), (asked), &failure);                                     \
    } while (0)

/* "limit" of the query as text; false (and answered) when it is not one. */
static bool page_size(struct request *r, char text[24])
{
    long long most;
    if (!request_number(r, "limit", 1, MAX_PAGE, 100, &most))
        return false;
    (void)snprintf(text, 24, "%lld", most);
    return true;
}

/* ---- bulk operations ---- */

/* The ids of the videos are in the operation's row. */
static struct entry entry_of_bulk(const struct request *r, const json_t *asked, const json_t *told)
{
    const json_t *data = json_object_get(told, "data");
    struct entry t = {.target = js_str(data, "operation_id"),
                      .details = js_pack("{s:s, s:O}", "creator_id", js_str(asked, "creator_id"),
                                         "video_count", json_object_get(data, "video_count"))};
    (void)snprintf(t.action, sizeof(t.action), "bulk.%s", strrchr(r->route->pattern, '/') + 1);
    return t;
}

static void start_bulk(struct request *r)
{
    auto_json *asked = request_object(r);
    auto_free char *text = js_dump(asked, NULL);
    if (asked != NULL)
        CHANGE(r, entry_of_bulk, asked, "api_start_bulk", strrchr(r->route->pattern, '/') + 1,
               text);
}

static void bulk_status(struct request *r)
{
    ANSWER(r, "api_bulk_status", r->parts[0]);
}

static void bulk_list(struct request *r)
{
    char most[24], when[WHEN_SIZE];
    const char *creator, *before;
    if (page_size(r, most) && request_uuid(r, "creator_id", &creator) &&
        api_place(r, "before", when, &before))
        ANSWER(r, "api_bulk_list", creator, before, most);
}

/* ---- dashboards ---- */

static void dashboard(struct request *r)
{
    ANSWER(r, "api_dashboard", request_query(r, "creator_id"), request_query(r, "start"),
           request_query(r, "end"));
}

/* ---- videos ---- */

static void video_list(struct request *r)
{
    char most[24], when[WHEN_SIZE];
    const char *creator, *before;
    if (page_size(r, most) && request_uuid(r, "creatorId", &creator) &&
        api_place(r, "before", when, &before))
        ANSWER(r, "api_video_list", creator, request_query(r, "status"), request_query(r, "search"),
               before, most);
}

static void video_status(struct request *r)
{
    ANSWER(r, "api_video_status", r->parts[0]);
}

static struct entry entry_of_retry(const struct request *r, const json_t *asked, const json_t *told)
{
    return (struct entry){.action = "video.retry",
                          .target = js_str(told, "video.id"),
                          .details = js_pack("{s:s}", "event", js_str(told, "video.eventSent"))};
}

static void retry_video(struct request *r)
{
    CHANGE(r, entry_of_retry, NULL, "api_retry_video", r->parts[0]);
}

static struct entry entry_of_retry_stuck(const struct request *r, const json_t *asked,
                                         const json_t *told)
{
    size_t i;
    const json_t *one;
    json_t *ids = json_array();
    json_array_foreach (json_object_get(told, "results"), i, one)
        (void)json_array_append(ids, json_object_get(one, "videoId"));
    struct entry t = {.details = js_pack("{s:o}", "videos", ids)};
    if (json_array_size(ids) > 0)
        (void)snprintf(t.action, sizeof(t.action), "videos.retry_stuck");
    return t;
}

static void retry_stuck(struct request *r)
{
    CHANGE(r, entry_of_retry_stuck, NULL, "api_retry_stuck");
}

static void stuck_videos(struct request *r)
{
    ANSWER(r, "api_stuck_videos");
}

static void diagnostics(struct request *r)
{
    ANSWER(r, "api_diagnostics", r->parts[0]);
}

/* Of a creator whose videos were not named it is the creator. */
static struct entry entry_of_reprocess(const struct request *r, const json_t *asked,
                                       const json_t *told)
{
    const json_t *ids = json_object_get(asked, "videoIds");
    struct entry t = {.action = "videos.reprocess",
                      .target = ids == NULL ? js_str(asked, "creatorId") : NULL,
                      .details =
                          js_pack("{s:O}", "video_count", json_object_get(told, "video_count"))};
    if (ids != NULL)
        (void)json_object_set(t.details, "videos", (json_t *)ids);
    return t;
}

static void reprocess(struct request *r)
{
    auto_json *asked = request_object(r);
    auto_free char *text = js_dump(asked, NULL);
    if (asked != NULL)
        CHANGE(r, entry_of_reprocess, asked, "api_reprocess", text);
}

/* ---- health ---- */

/* Can work be accepted, and how long does it take? */
static void health(struct request *r)
{
    struct err e;
    int64_t began = mono_ms();
    bool ok = DB_EXEC(r->db, &e, "api_send_check");
    int64_t ms = mono_ms() - began;
    const char *status = !ok ? "unhealthy" : ms > SLOW_HEALTH_MS ? "degraded" : "healthy";
    const char *message = !ok                   ? "events cannot be accepted"
                          : ms > SLOW_HEALTH_MS ? "events are accepted slowly"
                                                : "events are accepted";
    reply_json(r, ok ? 200 : 503,
               js_pack("{s:b, s:s, s:s, s:I, s:{s:I, s:b, s:b, s:s?}}", "healthy", ok, "status",
                       status, "message", message, "timestamp", (json_int_t)wall_ms(), "details",
                       "responseTimeMs", (json_int_t)ms, "clientConfigured", true, "testEventSent",
                       ok, "error", ok ? NULL : "the store of events is away"));
}

const struct route routes_application[] = {
    {"POST", "/api/bulk/delete", ACCESS_ADMIN, start_bulk, "Deletes videos of one creator",
     .name_of_data = "BulkStarted"},
    {"POST", "/api/bulk/export", ACCESS_ADMIN, start_bulk, "Exports videos of one creator as CSV",
     .name_of_data = "BulkStarted"},
    {"POST", "/api/bulk/reprocess", ACCESS_ADMIN, start_bulk,
     "Makes videos of one creator searchable anew", .name_of_data = "BulkStarted"},
    {"GET", "/api/bulk/status/{id}", ACCESS_READ, bulk_status, "How far a bulk operation is",
     .name_of_data = "BulkStatus"},
    {"GET", "/api/bulk", ACCESS_READ, bulk_list, "Bulk operations, the newest first",
     .name_of_data = "BulkList"},
    {"GET", "/api/analytics/videos/dashboard", ACCESS_READ, dashboard,
     "A creator's dashboard, from the cache while that is fresh", .name_of_data = "Dashboard"},
    {"GET", "/api/video/list", ACCESS_READ, video_list, "Videos, the newest first",
     .name_of_data = "VideoList"},
    {"GET", "/api/video/{id}/status", ACCESS_READ, video_status, "Where a video is",
     .name_of_data = "VideoStatus"},
    {"POST", "/api/video/{id}/retry", ACCESS_ADMIN, retry_video, "Starts one video again",
     .name_of_data = "VideoRetried"},
    {"GET", "/api/admin/stuck-videos", ACCESS_READ, stuck_videos,
     "Videos that nobody works on though their status says so", .name_of_data = "StuckVideos"},
    {"POST", "/api/admin/retry-all-stuck", ACCESS_ADMIN, retry_stuck, "Starts all of them again",
     .name_of_data = "StuckRetried"},
    {"GET", "/api/admin/video-diagnostics/{id}", ACCESS_READ, diagnostics,
     "All that tells why a video does not get on", .name_of_data = "Diagnostics"},
    {"POST", "/api/admin/reprocess-embeddings", ACCESS_ADMIN, reprocess,
     "Makes any videos searchable anew", .name_of_data = "Reprocessing"},
    {"GET", "/api/health/inngest", ACCESS_READ, health, "Whether events are accepted, and how fast",
     .name_of_data = "ApplicationHealth"},
    {0},
};
