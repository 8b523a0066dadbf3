/* bulk_export_videos.c: writes a list of videos as CSV and leaves a link to it that expires.
 *
 * Triggered by videos/bulk.export {operationId, creatorId, videoIds?}; a list that is too long for an event is in the row.
 * A page of videos at a time goes from Postgres into a file on the worker's disk and from there into the storage, so memory
 * does not grow with the list. Making and storing the file is one step: what one worker has on its disk is no use to
 * another. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bulk.h"
#include "csv.h"
#include "storage.h"
#include "workdir.h"

enum { PAGE = 500, LINK_SECONDS = 24 * 60 * 60, MAX_PAGE_BYTES = 64 << 20 };

/* Videos and pictures have buckets that take nothing else. */
static const char BUCKET[] = "user-uploads";

static const struct {
    const char *column, *title;
    bool quoted;
} fields[] = {
    {"id", "ID", false},
    {"title", "Title", true},
    {"description", "Description", true},
    {"status", "Status", false},
    {"duration_seconds", "Duration (seconds)", false},
    {"file_size_bytes", "File Size (bytes)", false},
    {"source_type", "Source Type", false},
    {"created_at", "Created At", false},
    {"updated_at", "Updated At", false},
    {"transcript_language", "Transcript Language", false},
};

static json_t *update_status_in_progress(struct step *s)
{
    return bulk_claim(s, "export", BULK_MAX_EXPORT);
}

/* ---- the file ---- */

struct export
{
    struct bulk bulk;
    char *firsts; /* of the row's ids; see bulk_firsts */
    struct workdir dir;
    char path[PATH_MAX + 16];
    int fd;
    size_t at, exported, failed;
    json_t *errors; /* the first BULK_MAX_ERRORS */
};

static bool add_row(struct buf *b, const PGresult *r, int row)
{
    bool ok = true;
    for (size_t i = 0; ok && i < ARRAY_LEN(fields); i++) {
        const char *value = r != NULL ? db_text(r, row, fields[i].column) : fields[i].title;
        ok = (i == 0 || csv_next(b)) && csv_add(b, value, r != NULL && fields[i].quoted);
    }
    return ok && csv_end_row(b);
}

static bool write_all(struct export *x, const struct buf *b, struct err *e)
{
    for (size_t done = 0; done < b->len;) {
        ssize_t n = write(x->fd, b->data + done, b->len - done);
        if (n < 0 && errno != EINTR)
            return err_set(e, ERR_UNAVAILABLE, "worker: cannot write the export: %s",
                           strerror(errno));
        done += n > 0 ? (size_t)n : 0;
    }
    return true;
}

static void note_error(struct export *x, const char *id, const char *error)
{
    x->failed++;
    if (json_array_size(x->errors) < BULK_MAX_ERRORS)
        bulk_add_error(x->errors, id, error);
}

/* Ids that gave no row; both lists are in the same order. */
static void note_missing(struct export *x, const json_t *ids, const PGresult *r)
{
    size_t i;
    const json_t *id;
    int row = 0;
    json_array_foreach (ids, i, id) {
        const char *text = json_string_value(id);
        if (row < PQntuples(r) && strcasecmp(db_text(r, row, "id"), text) == 0)
            row++;
        else
            note_error(x, text, "not found or already deleted");
    }
}

static bool write_page(struct step *s, struct export *x)
{
    auto_page page = {0};
    if (!bulk_page_of_operation(s, &x->bulk, x->firsts, x->at, PAGE, &page, &s->err))
        return false;
    auto_free char *ids = js_dump(page.ids, NULL);
    auto_result *r = DB_QUERY(s->db, &s->err, "export_page", ids, x->bulk.creator);
    if (r == NULL)
        return false;
    auto_buf b = BUF_INIT(MAX_PAGE_BYTES);
    for (int i = 0; i < PQntuples(r); i++)
        if (!add_row(&b, r, i))
            return err_set(&s->err, ERR_PERMANENT,
                           "the texts of the videos are too long to export");
    size_t i;
    const json_t *error;
    json_array_foreach (page.errors, i, error)
        note_error(x, js_str(error, "video_id"), js_str(error, "error"));
    note_missing(x, page.ids, r);
    x->exported += (size_t)PQntuples(r);
    x->at += PAGE;
    return write_all(x, &b, &s->err);
}

static bool write_file(struct step *s, struct export *x, size_t total)
{
    auto_buf header = BUF_INIT(4096);
    if (!add_row(&header, NULL, 0) || !write_all(x, &header, &s->err))
        return false;
    while (x->at < total) {
        if (step_is_cancelled(s))
            return err_set(&s->err, ERR_STOPPING, "the export was interrupted");
        if (!write_page(s, x) ||
            !bulk_set_progress(s, &x->bulk, x->at < total ? x->at : total, &s->err))
            return false;
    }
    return true;
}

static bool make_file(struct step *s, struct export *x, size_t total)
{
    (void)snprintf(x->path, sizeof(x->path), "%s/export.csv", x->dir.path);
    x->fd = open(x->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (x->fd < 0)
        return err_set(&s->err, ERR_UNAVAILABLE, "worker: cannot make the export: %s",
                       strerror(errno));
    bool ok = write_file(s, x, total);
    if (close(x->fd) != 0 && ok)
        ok = err_set(&s->err, ERR_UNAVAILABLE, "worker: cannot write the export: %s",
                     strerror(errno));
    return ok;
}

static void object_path(const struct bulk *b, char *out, size_t out_size)
{
    (void)snprintf(out, out_size, "%s/exports/%s.csv", b->creator, b->operation);
}

/* Nothing to store when no video was found. */
static bool store_file(struct step *s, const struct export *x)
{
    char path[128];
    object_path(&x->bulk, path, sizeof(path));
    return x->exported == 0 ||
           storage_put_file(s->http, s->services, BUCKET, path, "text/csv", x->path, &s->err);
}

/* Running twice is harmless: the object is replaced by the same one. */
static json_t *export_csv(struct step *s)
{
    struct export x = {.fd = -1};
    if (!bulk_of_event(s->data, BULK_MAX_EXPORT, &x.bulk, &s->err) ||
        !workdir_open(&x.dir, s->services->work_dir, &s->err))
        return step_error(s);
    x.errors = json_array();
    size_t total = (size_t)js_int(step_result(s, "update-status-in-progress"), "total", 0);
    bool ok =
        bulk_firsts(s, &x.bulk, &x.firsts, &s->err) && make_file(s, &x, total) && store_file(s, &x);
    free(x.firsts);
    workdir_release(&x.dir);
    if (!ok) {
        json_decref(x.errors);
        return step_error(s);
    }
    return js_pack("{s:I, s:I, s:o}", "exported", (json_int_t)x.exported, "failed",
                   (json_int_t)x.failed, "errors", x.errors);
}

/* ---- the link ---- */

/* As in videos-export-2025-11-20T12-34-56-789Z.csv. */
static void file_name(int64_t now_ms, char *out, size_t out_size)
{
    time_t seconds = (time_t)(now_ms / 1000);
    struct tm t;
    char text[64];
    (void)gmtime_r(&seconds, &t);
    (void)strftime(text, sizeof(text), "%Y-%m-%dT%H-%M-%S", &t);
    (void)snprintf(out, out_size, "videos-export-%s-%03dZ.csv", text, (int)(now_ms % 1000));
}

/* Running twice is harmless: there are two links then, and one is kept. */
static json_t *sign_link(struct step *s)
{
    struct bulk b;
    char path[128], name[96], url[STORAGE_URL_SIZE];
    if (js_int(step_result(s, "export-csv"), "exported", 0) == 0)
        return step_ok();
    if (!bulk_of_event(s->data, BULK_MAX_EXPORT, &b, &s->err))
        return step_error(s);
    object_path(&b, path, sizeof(path));
    file_name(s->now_ms, name, sizeof(name));
    if (!storage_sign(s->http, s->services, BUCKET, path, LINK_SECONDS, name, url, &s->err))
        return step_error(s);
    return js_pack("{s:s, s:s, s:I}", "url", url, "file_name", name, "expires_at_ms",
                   (json_int_t)(s->now_ms + LINK_SECONDS * 1000LL));
}

static json_t *update_final_status(struct step *s)
{
    const json_t *done = step_result(s, "export-csv"), *link = step_result(s, "sign-link");
    long long exported = js_int(done, "exported", 0), failed = js_int(done, "failed", 0);
    json_t *result = js_pack(
        "{s:I, s:I, s:O, s:s?, s:s?, s:O?}", "exported", (json_int_t)exported, "failed",
        (json_int_t)failed, "errors", js_get(done, "errors"), "download_url", js_str(link, "url"),
        "file_name", js_str(link, "file_name"), "expires_at_ms", js_get(link, "expires_at_ms"));
    return bulk_finish(s, bulk_status(exported, failed), result,
                       exported == 0 ? "none of the videos could be exported" : NULL);
}

static const struct step_def steps[] = {
    {"update-status-in-progress", update_status_in_progress, .tx = true},
    {"export-csv", export_csv, .timeout_ms = 60 * 60 * 1000},
    {"sign-link", sign_link},
    {"update-final-status", update_final_status, .tx = true},
    {0},
};

const struct function fn_bulk_export_videos = {
    .id = "bulk-export-videos",
    .name = "Bulk Export Videos",
    .version = 1,
    .on_event = {"videos/bulk.export"},
    .retries = 2,
    .limits = {{.key = "data.creatorId", .shared = "creator", .max = 20},
               {.shared = "global", .max = 100}},
    .steps = steps,
};
