#include "ingest.h"

#include <math.h>
#include <nettle/base64.h>
#include <nettle/sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "clock.h"
#include "event_rules.h"
#include "js.h"
#include "key.h"

enum {
    ENTROPY = 10,
    DAY_MS = 24 * 3600 * 1000,
};

/* ---- reading ---- */

static bool refuse(struct ingest *in, size_t i, const char *field, struct err *e)
{
    (void)snprintf(in->field, sizeof(in->field), "[%zu].%s", i, field);
    return err_wrap(e, "event %zu: %s", i, field);
}

static bool fits(const json_t *v, size_t max)
{
    return json_is_string(v) && json_string_length(v) > 0 && json_string_length(v) <= max &&
           strlen(json_string_value(v)) == json_string_length(v);
}

static bool read_name(struct incoming *ev, const json_t *j, struct err *e)
{
    const json_t *v = json_object_get(j, "name");
    if (!fits(v, MAX_NAME_BYTES))
        return err_set(e, ERR_INPUT, "must be text of 1 to %d bytes, as video/transcript.extract",
                       MAX_NAME_BYTES);
    ev->name = json_string_value(v);
    if (strncmp(ev->name, "inngest/", 8) == 0)
        return err_set(e, ERR_INPUT, "names that begin with inngest/ are the engine's own");
    return true;
}

/* NULL and absent are the same. */
static json_t *optional(const json_t *j, const char *name)
{
    json_t *v = json_object_get(j, name);
    return json_is_null(v) ? NULL : v;
}

static bool read_text(const char **ret, const json_t *v, size_t max, struct err *e)
{
    if (v != NULL && !(json_is_string(v) && json_string_length(v) == 0) && !fits(v, max))
        return err_set(e, ERR_INPUT, "must be text of at most %zu bytes", max);
    *ret = v != NULL && json_string_length(v) > 0 ? json_string_value(v) : NULL;
    return true;
}

static bool read_data(struct incoming *ev, json_t *v, long max, struct err *e)
{
    size_t len = 2;
    if (v != NULL && !json_is_object(v))
        return err_set(e, ERR_INPUT, "must be a JSON object, as {\"videoId\": \"…\"}");
    if (js_levels(v) > MAX_LEVELS)
        return err_set(e, ERR_INPUT, "is nested deeper than %d levels", MAX_LEVELS);
    (void)json_object_del(v, "_inngest"); /* the engine's own namespace */
    ev->data = v != NULL ? js_dump(v, &len) : strdup("{}");
    if (ev->data == NULL)
        abort();
    if ((long)len > max)
        return err_set(e, ERR_INPUT,
                       "has %zu bytes; at most %ld are allowed: store it and send its id", len,
                       max);
    return true;
}

static bool read_user(struct incoming *ev, const json_t *v, struct err *e)
{
    size_t len = 0;
    if (v != NULL)
        ev->user = js_dump(v, &len);
    return len <= MAX_USER_BYTES ||
           err_set(e, ERR_INPUT, "must be JSON of at most %d bytes", MAX_USER_BYTES);
}

static bool read_ts(struct incoming *ev, const json_t *v, struct err *e)
{
    if (v == NULL)
        return true;
    double ms = json_number_value(v);
    if (!json_is_number(v) || ms < (double)FIRST_TS_MS || ms > (double)LAST_TS_MS)
        return err_set(e, ERR_INPUT,
                       "must be milliseconds since 1970, between the years 1980 and 2100");
    ev->ts_ms = (int64_t)ms;
    return true;
}

static bool read_event(struct ingest *in, size_t i, const json_t *j, long max, struct err *e)
{
    struct incoming *ev = &in->events[i];
    if (!json_is_object(j)) {
        (void)snprintf(in->field, sizeof(in->field), "[%zu]", i);
        return err_set(e, ERR_INPUT,
                       "event %zu must be a JSON object: {\"name\": \"…\", \"data\": {…}}", i);
    }
    return (read_name(ev, j, e) || refuse(in, i, "name", e)) &&
           (read_data(ev, optional(j, "data"), max, e) || refuse(in, i, "data", e)) &&
           (read_text(&ev->id, optional(j, "id"), MAX_KEY_BYTES, e) || refuse(in, i, "id", e)) &&
           (read_ts(ev, optional(j, "ts"), e) || refuse(in, i, "ts", e)) &&
           (read_user(ev, optional(j, "user"), e) || refuse(in, i, "user", e)) &&
           (read_text(&ev->v, optional(j, "v"), MAX_NAME_BYTES, e) || refuse(in, i, "v", e));
}

bool ingest_read(struct ingest *in, const json_t *body, long max_event_bytes, struct err *e)
{
    size_t n = json_is_array(body) ? json_array_size(body) : 1;
    *in = (struct ingest){0};
    if (n > MOST_EVENTS) {
        (void)snprintf(in->field, sizeof(in->field), "body");
        return err_set(e, ERR_INPUT, "the request has %zu events; at most %d are allowed", n,
                       MOST_EVENTS);
    }
    in->count = n;
    in->events = calloc(n > 0 ? n : 1, sizeof(in->events[0]));
    if (in->events == NULL)
        abort();
    for (size_t i = 0; i < n; i++) {
        if (!read_event(in, i, json_is_array(body) ? json_array_get(body, i) : body,
                        max_event_bytes, e))
            return false;
    }
    return true;
}

/* chronos.send takes no number beyond 64 bits, however it was written: Postgres writes 1e22 as a whole number. */
static bool is_beyond_64_bits(const json_t *v)
{
    size_t i;
    const char *key;
    json_t *part;
    json_array_foreach (v, i, part) {
        if (is_beyond_64_bits(part))
            return true;
    }
    json_object_foreach ((json_t *)v, key, part) {
        if (is_beyond_64_bits(part))
            return true;
    }
    return json_is_real(v) && !(fabs(json_real_value(v)) < 0x1p63);
}

bool ingest_fits_postgres(struct ingest *in, const json_t *body, struct err *e)
{
    for (size_t i = 0; i < in->count; i++) {
        const json_t *event = json_is_array(body) ? json_array_get(body, i) : body;
        if (is_beyond_64_bits(json_object_get(event, "data")))
            return err_set(e, ERR_INPUT,
                           "holds a number that does not fit into 64 bits, which is not for "
                           "durable=postgres: send it as text") ||
                   refuse(in, i, "data", e);
    }
    return true;
}

void ingest_release(struct ingest *in)
{
    for (size_t i = 0; i < in->count; i++) {
        free(in->events[i].data);
        free(in->events[i].user);
    }
    free(in->events);
    *in = (struct ingest){0};
}

/* ---- names ---- */

/* A ULID of these bits. */
static void write_id(int64_t ms, const uint8_t bits[ENTROPY], char out[ID_SIZE])
{
    static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    for (int i = 9; i >= 0; i--, ms >>= 5)
        out[i] = digits[ms & 31];
    for (int i = 0; i < 16; i++) {
        int bit = i * 5,
            value = bits[bit / 8] << 8 | (bit / 8 + 1 < ENTROPY ? bits[bit / 8 + 1] : 0);
        out[10 + i] = digits[value >> (11 - bit % 8) & 31];
    }
    out[26] = '\0';
}

static bool read_seed(const char *seed, int64_t now, int64_t *ret_ms, uint8_t bits[ENTROPY])
{
    char *end;
    uint8_t bytes[BASE64_DECODE_LENGTH(64)];
    size_t n = sizeof(bytes);
    struct base64_decode_ctx ctx;
    *ret_ms = strtoll(seed, &end, 10);
    if (end == seed || *end != ',' || strlen(end + 1) > 64 || *ret_ms < now - DAY_MS ||
        *ret_ms > now + DAY_MS)
        return false;
    base64_decode_init(&ctx);
    if (!base64_decode_update(&ctx, &n, bytes, strlen(end + 1), end + 1) ||
        !base64_decode_final(&ctx) || n != ENTROPY)
        return false;
    memcpy(bits, bytes, ENTROPY);
    return true;
}

static void add_text(struct sha256_ctx *ctx, const char *text)
{
    const char *given = text != NULL ? text : "";
    sha256_update(ctx, strlen(given) + 1, (const uint8_t *)given);
}

/* Whoever uses a seed for other events gets other ids: else those would be taken for the first ones, and dropped. */
static void mix_events(const struct ingest *in, uint8_t bits[ENTROPY])
{
    struct sha256_ctx ctx;
    sha256_init(&ctx);
    sha256_update(&ctx, ENTROPY, bits);
    for (size_t i = 0; i < in->count; i++) {
        const struct incoming *ev = &in->events[i];
        add_text(&ctx, ev->name);
        add_text(&ctx, ev->data);
        add_text(&ctx, ev->id);
        add_text(&ctx, ev->user);
        add_text(&ctx, ev->v);
        sha256_update(&ctx, sizeof(ev->ts_ms), (const uint8_t *)&ev->ts_ms);
    }
    sha256_digest(&ctx, ENTROPY, bits);
}

void ingest_name(struct ingest *in, const char *seed)
{
    uint8_t bits[ENTROPY];
    int64_t now = wall_ms();
    in->seed = seed != NULL && read_seed(seed, now, &in->at_ms, bits) ? seed : NULL;
    if (in->seed != NULL) {
        mix_events(in, bits);
    } else {
        in->at_ms = now;
        if (getrandom(bits, sizeof(bits), 0) != sizeof(bits))
            abort(); /* two events would be one */
    }
    uint32_t last =
        (uint32_t)bits[6] << 24 | (uint32_t)bits[7] << 16 | (uint32_t)bits[8] << 8 | bits[9];
    for (size_t i = 0; i < in->count; i++) {
        uint32_t v = last + (uint32_t)i + 1;
        for (int b = 9; b >= 6; b--, v >>= 8)
            bits[b] = (uint8_t)v;
        write_id(in->at_ms, bits, in->events[i].eid);
    }
}

/* ---- keeping ---- */

static void add_args(struct kv_args *a, const struct ingest *in)
{
    for (size_t i = 0; i < in->count; i++) {
        const struct incoming *ev = &in->events[i];
        kv_adds(a, ev->eid);
        kv_addi(a, in->at_ms);
        kv_adds(a, ev->name);
        kv_adds(a, ev->data);
        kv_adds(a, ev->id != NULL ? ev->id : "");
        if (ev->ts_ms != 0)
            kv_addi(a, ev->ts_ms);
        else
            kv_adds(a, "");
        kv_adds(a, ev->user != NULL ? ev->user : "");
        kv_adds(a, ev->v != NULL ? ev->v : "");
    }
}

bool ingest_to_redis(const struct ingest *const all[], size_t count, struct kv *kv, struct err *e)
{
    char prefix[PREFIX_SIZE], stream[KEY_SIZE];
    struct kv_args a;
    key_prefix(0, prefix);
    kv_args_init(&a);
    for (size_t i = 0; i < count; i++)
        add_args(&a, all[i]);
    bool ok = a.n == 0;
    if (!ok) {
        auto_reply *r = kv_script(kv, "accept_events", key2(stream, prefix, "events"), &a, e);
        ok = r != NULL;
    }
    kv_args_release(&a);
    return ok;
}

static json_t *as_rows(const struct ingest *in, struct err *e)
{
    json_t *list = json_array();
    for (size_t i = 0; i < in->count; i++) {
        const struct incoming *ev = &in->events[i];
        json_t *row = js_pack("{s:s, s:s, s:s?, s:s?, s:s?}", "name", ev->name, "data", ev->data,
                              "id", ev->id, "user", ev->user, "v", ev->v);
        if (row != NULL && ev->ts_ms != 0)
            (void)json_object_set_new(row, "ts", json_integer(ev->ts_ms));
        if (row == NULL || json_array_append_new(list, row) != 0) {
            json_decref(list);
            return err_null(e, ERR_BUG, "an event could not be written");
        }
    }
    return list;
}

bool ingest_to_postgres(struct ingest *in, struct db *db, struct err *e)
{
    auto_json *rows = as_rows(in, e);
    if (rows == NULL)
        return false;
    auto_free char *text = js_dump(rows, NULL);
    auto_result *r = DB_QUERY(db, e, "send_all", in->seed, text);
    if (r == NULL)
        return false;
    if ((size_t)PQntuples(r) != in->count) {
        (void)snprintf(in->field, sizeof(in->field), SEED_HEADER);
        return err_set(e, ERR_INPUT,
                       "send_all: other events were sent with this seed before; a seed is for "
                       "one request and its repetitions");
    }
    for (int i = 0; i < PQntuples(r); i++)
        id_derive(db_int(r, i, "created_ms", 0), "outbox", db_text(r, i, "row_id"),
                  in->events[i].eid);
    return true;
}
