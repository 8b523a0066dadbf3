#include "video.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "js.h"

static const char *const source_names[SOURCE_COUNT] = {
    [SOURCE_YOUTUBE] = "youtube",
    [SOURCE_LOOM] = "loom",
    [SOURCE_MUX] = "mux",
    [SOURCE_UPLOAD] = "upload",
};

const char *video_source_name(enum video_source source)
{
    return source_names[source];
}

bool video_source_parse(const char *name, enum video_source *ret)
{
    for (int i = 0; i < SOURCE_COUNT; i++) {
        if (strcmp(name, source_names[i]) == 0) {
            *ret = (enum video_source)i;
            return true;
        }
    }
    return false;
}

/* ---- what the event says ---- */

/* The table that has the ids of a field; NULL: who knows. */
static const char *table_of(const char *field)
{
    static const struct {
        const char *field, *table;
    } known[] = {
        {"videoId", "public.videos"},
        {"creatorId", "public.creators"},
        {"operationId", "public.bulk_operations"},
    };
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        if (strcmp(known[i].field, field) == 0)
            return known[i].table;
    }
    return NULL;
}

const char *event_uuid(const json_t *data, const char *field, struct err *e)
{
    const json_t *v = js_get(data, field);
    const char *text = json_string_value(v), *table = table_of(field);
    bool missing = v == NULL || (text != NULL && *text == '\0');
    if (!missing && text != NULL && is_uuid(text))
        return text;
    char where[64] = "";
    if (table != NULL)
        (void)snprintf(where, sizeof(where), ": %s the id of a row of %s",
                       missing ? "send" : "take", table);
    if (missing)
        return err_null(e, ERR_INPUT, "%s is missing%s", field, where);
    auto_free char *sent = js_dump(v, NULL);
    return err_null(e, ERR_INPUT, "%s %.60s is not a UUID%s", field, sent != NULL ? sent : "",
                    where);
}

bool video_ids(const json_t *data, struct video_ids *ret, struct err *e)
{
    const char *video = event_uuid(data, "videoId", e);
    const char *creator = video != NULL ? event_uuid(data, "creatorId", e) : NULL;
    if (creator == NULL)
        return false;
    *ret = (struct video_ids){.video = video, .creator = creator};
    return true;
}

/* ---- the row ---- */

static bool fill(struct video *v, const struct video_ids *ids, struct err *e)
{
    const PGresult *r = v->row;
    if (PQntuples(r) == 0)
        return err_set(e, ERR_PERMANENT, "there is no video %s", ids->video);
    v->id = db_text(r, 0, "id");
    v->creator_id = db_text(r, 0, "creator_id");
    /* first of all: what else is wrong with it is none of another creator's business */
    if (strcasecmp(v->creator_id, ids->creator) != 0)
        return err_set(e, ERR_PERMANENT, "video %s does not belong to creator %s", ids->video,
                       ids->creator);
    if (db_is_true(r, 0, "is_deleted"))
        return err_set(e, ERR_PERMANENT, "video %s was deleted", ids->video);
    const char *source = db_text(r, 0, "source_type");
    if (!video_source_parse(source, &v->source))
        return err_set(e, ERR_PERMANENT, "video %s has the unknown source \"%.40s\"", ids->video,
                       source);
    v->title = db_text(r, 0, "title");
    v->status = db_text(r, 0, "status");
    v->url = db_text(r, 0, "url");
    v->storage_path = db_text(r, 0, "storage_path");
    v->youtube_video_id = db_text(r, 0, "youtube_video_id");
    v->mux_asset_id = db_text(r, 0, "mux_asset_id");
    v->mux_playback_id = db_text(r, 0, "mux_playback_id");
    v->embed_type = db_text(r, 0, "embed_type");
    v->embed_id = db_text(r, 0, "embed_id");
    v->whop_lesson_id = db_text(r, 0, "whop_lesson_id");
    v->language = db_text(r, 0, "transcript_language");
    v->duration_seconds = (int)db_int(r, 0, "duration_seconds", 0);
    return true;
}

bool video_find(struct db *db, const struct video_ids *ids, struct video *ret, struct err *e)
{
    struct video v = {.row = DB_QUERY(db, e, "find_video", ids->video)};
    if (v.row == NULL)
        return false;
    if (!fill(&v, ids, e)) {
        video_release(&v);
        return false;
    }
    *ret = v;
    return true;
}

void video_release(struct video *v)
{
    PQclear(v->row);
    v->row = NULL;
}

bool video_of_step(struct step *s, struct video *ret)
{
    struct video_ids ids;
    return video_ids(s->data, &ids, &s->err) && video_find(s->db, &ids, ret, &s->err);
}

bool video_check_source(const struct video *v, const json_t *data, struct err *e)
{
    const json_t *named = js_get(data, "source");
    if (named == NULL)
        return true;
    enum video_source source;
    if (!json_is_string(named))
        return err_set(e, ERR_INPUT, "source is not a text");
    const char *name = json_string_value(named);
    if (!video_source_parse(name, &source))
        return err_set(e, ERR_INPUT,
                       "unknown source \"%.40s\": known are youtube, loom, mux and upload", name);
    if (source != v->source)
        return err_set(e, ERR_INPUT,
                       "the event says the source is %s, but the video's source is %s", name,
                       video_source_name(v->source));
    return true;
}

static bool has_text(const char *s)
{
    return s != NULL && *s != '\0';
}

bool video_public_url(const struct video *v, char *out, size_t out_size)
{
    int n = -1;
    if (has_text(v->url))
        n = snprintf(out, out_size, "%s", v->url);
    else if (v->source == SOURCE_YOUTUBE && has_text(v->youtube_video_id))
        n = snprintf(out, out_size, "https://www.youtube.com/watch?v=%s", v->youtube_video_id);
    else if (v->source == SOURCE_LOOM && has_text(v->embed_id))
        n = snprintf(out, out_size, "https://www.loom.com/share/%s", v->embed_id);
    return n >= 0 && (size_t)n < out_size;
}

/* ---- writing ---- */

bool video_update(struct db *db, const char *query, const char *const *params, int nparams,
                  bool *ret_touched, struct err *e)
{
    long rows;
    if (!db_exec(db, query, params, nparams, &rows, e))
        return false;
    *ret_touched = rows > 0;
    return true;
}

long cost_credits(double cost_usd)
{
    double credits = ceil(cost_usd * 1000);
    return credits > 0 && credits < 1e9 ? (long)credits : 0;
}

bool video_add_usage(struct db *db, const char *creator_id, double cost_usd, double minutes,
                     const char *list, const json_t *entry, struct err *e)
{
    char credits[32], minutes_text[64];
    (void)snprintf(credits, sizeof(credits), "%ld", cost_credits(cost_usd));
    (void)snprintf(minutes_text, sizeof(minutes_text), "%.6f", minutes);
    auto_free char *entry_text = js_dump(entry, NULL);
    return DB_EXEC(db, e, "add_usage", creator_id, credits, minutes_text, list, entry_text);
}

bool video_log_event(struct db *db, const struct video_ids *ids, const char *type,
                     const json_t *metadata, struct err *e)
{
    auto_free char *text = js_dump(metadata, NULL);
    return DB_EXEC(db, e, "log_video_event", ids->video, ids->creator, type, text);
}

/* ---- small things ---- */

/* Characters beyond the 16-bit plane, four bytes in UTF-8, are two units; continuation bytes are none. */
size_t utf16_length(const char *utf8)
{
    size_t units = 0;
    for (const unsigned char *p = (const unsigned char *)utf8; *p != '\0'; p++)
        units += (*p & 0xC0) == 0x80 ? 0 : *p >= 0xF0 ? 2 : 1;
    return units;
}
