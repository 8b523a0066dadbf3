#include "event.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "event_rules.h"
#include "id.h"
#include "js.h"
#include "waiter.h"

enum {
    INTERNAL_TIMES = 8, /* and it is larger: written out anew, with the spellings that were added */
    OWN_MAX_BYTES = 256 << 20, /* more than Postgres can hold */
    INPUT_MAX_BYTES = 512u << 20,
};

/* The old application writes snake_case, the documented API camelCase. Steps read camelCase; both are kept in what they see. */
static const struct {
    const char *snake, *camel;
} spellings[] = {
    {"video_id", "videoId"},
    {"video_ids", "videoIds"},
    {"creator_id", "creatorId"},
    {"source_type", "source"},
    {"sourceType", "source"},
    {"operation_id", "operationId"},
    {"skip_if_exists", "skipIfExists"},
    {"storage_path", "storagePath"},
    {"original_filename", "originalFilename"},
    {"youtube_video_id", "youtubeVideoId"},
    {"embed_id", "embedId"},
    {"mux_playback_id", "muxPlaybackId"},
};

/* What limits count by, and rows are found by. A UUID is the same in any case; text that is compared has to be, too. */
static const char *const ids[] = {"creatorId", "creator_id", "videoId",     "video_id",
                                  "videoIds",  "video_ids",  "operationId", "operation_id"};

/* true when it was changed */
static bool lower_uuid(json_t *v)
{
    char text[36];
    const char *s = json_string_value(v);
    if (s == NULL || json_string_length(v) != sizeof(text) || !is_uuid(s))
        return false;
    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = (char)tolower((unsigned char)s[i]);
    return memcmp(text, s, sizeof(text)) != 0 && json_string_setn(v, text, sizeof(text)) == 0;
}

static bool lower_ids(json_t *data)
{
    bool changed = false;
    for (size_t k = 0; k < ARRAY_LEN(ids); k++) {
        json_t *v = json_object_get(data, ids[k]), *item;
        size_t i;
        changed = lower_uuid(v) || changed;
        json_array_foreach (v, i, item)
            changed = lower_uuid(item) || changed;
    }
    return changed;
}

bool event_normalise(json_t *data)
{
    bool changed = lower_ids(data);
    for (size_t i = 0; i < ARRAY_LEN(spellings); i++) {
        json_t *v = json_object_get(data, spellings[i].snake);
        if (v != NULL && json_object_get(data, spellings[i].camel) == NULL) {
            (void)json_object_set(data, spellings[i].camel, v);
            changed = true;
        }
    }
    return changed;
}

/* Events of the engine's own may be larger and deeper, since they hold others. */
static bool is_own_name(const char *name)
{
    return strncmp(name, "inngest/", 8) == 0;
}

static bool is_of_user(const struct event *ev)
{
    return !ev->internal && !is_own_name(ev->name);
}

static const redisReply *field(const redisReply *fields, const char *name)
{
    for (size_t i = 0; i + 1 < fields->elements; i += 2) {
        const redisReply *k = fields->element[i];
        if (strlen(k->str) == k->len && strcmp(k->str, name) == 0)
            return fields->element[i + 1];
    }
    return NULL;
}

static const char *text_of(const redisReply *fields, const char *name)
{
    const redisReply *v = field(fields, name);
    return v != NULL && v->len > 0 ? v->str : NULL;
}

static bool has_nul(const redisReply *r)
{
    return memchr(r->str, '\0', r->len) != NULL;
}

static bool is_text(const redisReply *r)
{
    json_t *j = json_stringn(r->str, r->len); /* checks UTF-8 */
    json_decref(j);
    return j != NULL && !has_nul(r);
}

static bool read_name(struct event *ev, const redisReply *fields, struct err *e)
{
    const redisReply *name = field(fields, "name");
    if (name == NULL || name->len == 0)
        return err_set(e, ERR_INPUT,
                       "field name is missing: XADD chronos:events '*' name "
                       "video/transcript.extract data '{…}'");
    if (name->len > MAX_NAME_BYTES)
        return err_set(e, ERR_INPUT, "field name has %zu bytes; at most %d are allowed", name->len,
                       MAX_NAME_BYTES);
    if (!is_text(name))
        return err_set(e, ERR_INPUT, "field name is not UTF-8 text");
    ev->name = name->str;
    /* An operator may have the engine's events sent again, each for one function. */
    if (!ev->internal && ev->orders.fn == NULL && is_own_name(name->str))
        return err_set(e, ERR_INPUT,
                       "field name: names that begin with inngest/ are the engine's own");
    return true;
}

/* What comes through an engine's stream was checked when it was sent, and may have been written by Postgres since. */
static json_t *parse(const char *text, size_t len, bool internal, struct err *e)
{
    return internal ? js_parse(text, len, e) : js_parse_sent(text, len, NULL, e);
}

/* What tells of a run's end holds all the events that the run began with, which is no multiple of what one may have, and more when a
 * handler's run ends in turn. It was bounded where it was made (end_event.h, collect.lua): refused here, its handlers would
 * never hear it. */
static long most_bytes(const struct event *ev, long max_bytes)
{
    if (is_of_user(ev))
        return max_bytes;
    return ev->internal && is_own_name(ev->name) ? OWN_MAX_BYTES
                                                 : INTERNAL_TIMES * max_bytes + (1 << 20);
}

static bool read_data(struct event *ev, const redisReply *fields, bool internal, long max_bytes,
                      struct err *e)
{
    const redisReply *data = field(fields, "data");
    ev->data_text = "{}";
    ev->data_len = 2;
    if (data != NULL && data->len > 0) {
        ev->data_text = data->str;
        ev->data_len = data->len;
    }
    max_bytes = most_bytes(ev, max_bytes);
    if ((long)ev->data_len > max_bytes)
        return err_set(
            e, ERR_INPUT,
            "field data has %zu bytes; at most %ld are allowed: store it and send its id",
            ev->data_len, max_bytes);
    struct err why;
    ev->data = parse(ev->data_text, ev->data_len, internal, &why);
    if (ev->data == NULL)
        return err_set(e, ERR_INPUT, "field data is not JSON: %.200s", why.msg);
    if (!json_is_object(ev->data))
        return err_set(e, ERR_INPUT, "field data must be a JSON object, as in {\"videoId\":\"…\"}");
    if (is_of_user(ev) && js_levels(ev->data) > MAX_LEVELS)
        return err_set(e, ERR_INPUT, "field data is nested deeper than %d levels", MAX_LEVELS);
    bool stripped = is_of_user(ev) &&
                    json_object_del(ev->data, "_inngest") == 0; /* the engine's own namespace */
    ev->normalised = event_normalise(ev->data) || stripped;
    return true;
}

static bool read_ts(struct event *ev, const redisReply *fields, struct err *e)
{
    const redisReply *ts = field(fields, "ts");
    ev->ts_ms = ev->came_ms;
    if (ts == NULL || ts->len == 0)
        return true;
    char *end;
    errno = 0;
    long long v = strtoll(ts->str, &end, 10);
    if (errno != 0 || end != ts->str + ts->len || v < FIRST_TS_MS || v > LAST_TS_MS)
        return err_set(e, ERR_INPUT,
                       "field ts must be milliseconds since 1970, between the years 1980 and 2100");
    ev->ts_ms = v;
    return true;
}

static bool read_optional(struct event *ev, const redisReply *fields, bool internal, struct err *e)
{
    const redisReply *id = field(fields, "id"), *user = field(fields, "user"),
                     *v = field(fields, "v");
    if (id != NULL && id->len > 0) {
        if (id->len > MAX_KEY_BYTES || !is_text(id))
            return err_set(e, ERR_INPUT, "field id must be UTF-8 text of at most %d bytes",
                           MAX_KEY_BYTES);
        ev->key = id->str;
    }
    if (user != NULL && user->len > 0) {
        struct err why;
        json_t *j =
            user->len <= MAX_USER_BYTES ? parse(user->str, user->len, internal, &why) : NULL;
        json_decref(j);
        if (j == NULL)
            return err_set(e, ERR_INPUT, "field user must be JSON of at most %d bytes",
                           MAX_USER_BYTES);
        ev->user = user->str;
    }
    if (v != NULL && v->len > 0) {
        if (v->len > MAX_NAME_BYTES || !is_text(v))
            return err_set(e, ERR_INPUT, "field v must be UTF-8 text of at most %d bytes",
                           MAX_NAME_BYTES);
        ev->version = v->str;
    }
    return true;
}

/* ---- the trace ---- */

static bool keep_trace(struct event *ev, const char *traceparent)
{
    struct trace t;
    if (!trace_read(traceparent, &t))
        return false;
    (void)snprintf(ev->traceparent, sizeof(ev->traceparent), "%s", traceparent);
    if (traceparent[0] != '0' ||
        traceparent[1] != '0') /* what a later version adds is not ours to pass on */
        trace_write(&t, t.parent, ev->traceparent);
    return true;
}

/* As a field of the entry, or in its data for those whose way of sending knows no other fields. An event that tells of a
 * run's end is a part of that run's trace. What is malformed is as good as none: it is no reason to refuse work. */
static void read_trace(struct event *ev, const redisReply *fields)
{
    if (keep_trace(ev, text_of(fields, "traceparent")) ||
        keep_trace(ev, js_str(ev->data, "traceparent")))
        return;
    const json_t *within = event_within(ev);
    const char *id = js_str(within, "id"), *run = js_str(ev->data, "run_id");
    if (id != NULL && run != NULL)
        trace_after(js_str(within, "traceparent"), id, run, ev->traceparent);
}

const char *event_trace_id(const struct event *ev, char out[TRACE_ID_SIZE])
{
    struct trace t;
    if (!trace_read(ev->traceparent, &t))
        trace_begin(ev->id, &t);
    memcpy(out, t.id, TRACE_ID_SIZE);
    return out;
}

/* ---- what the engine adds ---- */

static void read_orders(struct event *ev, const redisReply *fields)
{
    const char *from = text_of(fields, "from");
    ev->internal = from == NULL || strcmp(from, "outbox") != 0;
    ev->orders = (struct event_orders){
        .fn = text_of(fields, "fn"),
        .parent = text_of(fields, "parent"),
        .to = text_of(fields, "to"),
        .ok = text_of(fields, "ok"),
        .error = text_of(fields, "error"),
        .retry_of = text_of(fields, "retry_of"),
        .replay_of = text_of(fields, "replay_of"),
        .skip = text_of(fields, "skip"),
        .again = text_of(fields, "again"),
    };
}

/* An invocation has the id that its step gives it: a step that runs again, as after a loss of Redis, finds the run that it
 * started before. All branches of a run count as the run, as the names of their steps differ. */
static bool id_of_invocation(struct event *ev, struct err *e)
{
    struct waiter w;
    if (!waiter_read(&w, ev->orders.parent))
        return err_set(e, ERR_INPUT, "field parent names no step of a run");
    char root[ID_SIZE];
    run_root(w.run, root);
    ev->received_ms = id_ms(root);
    id_derive(ev->received_ms, root, w.step, ev->id);
    return true;
}

static bool read_id(struct event *ev, const redisReply *fields, struct err *e)
{
    const char *id = text_of(fields, "eid"), *at = text_of(fields, "at");
    if (id == NULL)
        return ev->orders.parent == NULL || id_of_invocation(ev, e);
    if (id_ms(id) < 0)
        return err_set(e, ERR_INPUT, "field eid is no id of an event");
    ev->named = true;
    memcpy(ev->id, id, ID_SIZE);
    ev->received_ms = at != NULL ? strtoll(at, NULL, 10) : id_ms(id);
    return true;
}

static bool tells_an_end(const struct event *ev)
{
    return strcmp(ev->name, EVENT_FAILED) == 0 || strcmp(ev->name, EVENT_CANCELLED) == 0;
}

bool event_id_of_end(const char *name, const char *run, char out[ID_SIZE])
{
    if (id_ms(run) < 0)
        return false;
    id_derive(id_ms(run), run, name, out);
    return true;
}

/* Of a run's end there is one event, however often it is sent. */
static void name_end(struct event *ev)
{
    const char *run = js_str(ev->data, "run_id");
    if (ev->internal && !ev->named && ev->orders.fn == NULL && tells_an_end(ev) && run != NULL &&
        event_id_of_end(ev->name, run, ev->id)) {
        ev->named = true;
        ev->received_ms = id_ms(run);
    }
}

/* The time in the entry's id, which Redis has made of its clock, unless a sender chose it: then it may be anything, and the ids of all
 * that come later follow it (lua/rewind_stream.lua ends that). What ids and Postgres cannot hold is the last moment that they can. */
static int64_t time_of_entry(const char *id)
{
    long long ms = strtoll(id, NULL, 10); /* beyond its range: the largest */
    return ms < LAST_TS_MS ? ms : LAST_TS_MS;
}

bool event_read(struct event *ev, const redisReply *entry, const char *stream, bool internal,
                const char *epoch, long max_bytes, struct err *e)
{
    *ev = (struct event){.entry = entry, .stream = stream};
    ev->entry_id = entry->element[0]->str;
    ev->came_ms = ev->received_ms = time_of_entry(ev->entry_id);
    char source[256];
    (void)snprintf(source, sizeof(source), "%s/%s", epoch, stream);
    id_derive(ev->received_ms, source, ev->entry_id, ev->id);
    const redisReply *fields = entry->element[1];
    if (fields->type != REDIS_REPLY_ARRAY)
        return err_set(e, ERR_INPUT, "the entry was deleted");
    if (internal)
        read_orders(ev, fields);
    if (event_is_outcome(ev))
        return true;
    if (!((!internal || read_id(ev, fields, e)) && read_name(ev, fields, e) &&
          read_data(ev, fields, internal, max_bytes, e) && read_ts(ev, fields, e) &&
          read_optional(ev, fields, internal, e)))
        return false;
    name_end(ev);
    read_trace(ev, fields);
    return true;
}

void event_release(struct event *ev)
{
    json_decref(ev->json);
    json_decref(ev->data);
    ev->json = ev->data = NULL;
}

static json_t *user_of(const struct event *ev)
{
    struct err e; /* it was parsed when it was read */
    return ev->user != NULL ? js_parse(ev->user, strlen(ev->user), &e) : NULL;
}

const json_t *event_json(struct event *ev)
{
    if (ev->json == NULL)
        ev->json =
            js_pack("{s:s, s:s, s:I, s:s*, s:o*, s:s*, s:O}", "id", ev->id, "name", ev->name, "ts",
                    (json_int_t)ev->ts_ms, "v", ev->version, "user", user_of(ev), "traceparent",
                    ev->traceparent[0] != '\0' ? ev->traceparent : NULL, "data", ev->data);
    return ev->json;
}

const json_t *event_within(const struct event *ev)
{
    if (!tells_an_end(ev))
        return NULL;
    const json_t *events = json_object_get(ev->data, "events"),
                 *event = json_object_get(ev->data, "event");
    if (event == NULL)
        event = json_array_get(events, 0);
    return json_is_object(event) ? event : NULL;
}

char *event_input(const struct event *ev, size_t *ret_len)
{
    struct buf b;
    buf_init(&b, INPUT_MAX_BYTES);
    auto_json *name = json_string(ev->name);
    auto_free char *name_text = js_dump(name, NULL);
    auto_free char *data = ev->normalised ? js_dump(ev->data, NULL) : NULL;
    bool ok = buf_addf(&b, "{\"id\":\"%s\",\"name\":%s,\"ts\":%lld", ev->id, name_text,
                       (long long)ev->ts_ms);
    if (ok && ev->version != NULL) {
        auto_json *v = json_string(ev->version);
        auto_free char *text = js_dump(v, NULL);
        ok = buf_addf(&b, ",\"v\":%s", text);
    }
    if (ok && ev->user != NULL)
        ok = buf_adds(&b, ",\"user\":") && buf_adds(&b, ev->user);
    if (ok && ev->traceparent[0] != '\0')
        ok = buf_addf(&b, ",\"traceparent\":\"%s\"", ev->traceparent);
    ok = ok && buf_adds(&b, ",\"data\":") &&
         (data != NULL ? buf_adds(&b, data) : buf_add(&b, ev->data_text, ev->data_len)) &&
         buf_addc(&b, '}');
    if (!ok)
        abort(); /* every part was bounded when it was read */
    *ret_len = b.len;
    return buf_take(&b);
}
