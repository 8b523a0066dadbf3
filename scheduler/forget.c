#include "forget.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "cancel.h"
#include "key.h"
#include "log.h"
#include "scan.h"

enum {
    KEYS_AT_ONCE = 1000,
    ENTRIES_AT_ONCE = 200,
    PATTERN_MAX_BYTES = 1024,
    ID_TEXT = 48,
};

struct forget {
    const struct conf *conf;
    struct kv *kv;
    struct db *db;
    const atomic_bool *stopping;
    char *id, *creator; /* the order */
    struct buf pattern; /* of names that the creator is in */
    long long removed;
};

/* ---- Redis ---- */

static bool write_pattern(struct forget *f, struct err *e)
{
    bool ok = buf_addc(&f->pattern, '*');
    for (const char *p = f->creator; *p != '\0'; p++)
        ok = ok && (strchr("*?[]\\", *p) == NULL || buf_addc(&f->pattern, '\\')) &&
             buf_addc(&f->pattern, *p);
    return (ok && buf_addc(&f->pattern, '*')) ||
           err_set(e, ERR_BUG, "the creator's id is too long");
}

/* What functions' rules remember for a while. All others go with the runs. */
static bool is_memory(const char *key)
{
    static const char *const kinds[] = {"spent", "once", "rate", "throttle"};
    char prefix[PREFIX_SIZE];
    if (strncmp(key, "chronos:seen:", 13) == 0)
        return true;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (scan_name(key, kinds[i], prefix) != NULL)
            return true;
    }
    return false;
}

static bool remove_keys(struct forget *f, struct err *e)
{
    struct scan s;
    scan_init(&s);
    while (!s.done) {
        auto_reply *page = scan_next(&s, f->kv, f->pattern.data, KEYS_AT_ONCE, e);
        if (page == NULL)
            return false;
        for (size_t i = 0; i < page->elements; i++) {
            const redisReply *key = page->element[i];
            if (!is_memory(key->str))
                continue;
            auto_reply *r = kv_cmd(f->kv, e, "UNLINK %b", key->str, key->len);
            if (r == NULL)
                return false;
            f->removed += r->integer;
        }
    }
    return true;
}

/* Fields of a hash of settings, which is small. */
static bool remove_fields(struct forget *f, const char *key, struct err *e)
{
    auto_reply *fields = kv_cmd(f->kv, e, "HKEYS %s", key);
    if (fields == NULL)
        return false;
    size_t len = strlen(f->creator);
    for (size_t i = 0; i < fields->elements; i++) {
        const redisReply *name = fields->element[i];
        if (name->len <= len || strcmp(name->str + name->len - len, f->creator) != 0 ||
            strchr("/:", name->str[name->len - len - 1]) == NULL)
            continue;
        auto_reply *r = kv_cmd(f->kv, e, "HDEL %s %b", key, name->str, name->len);
        if (r == NULL)
            return false;
        f->removed += r->integer;
    }
    return true;
}

static bool remove_settings(struct forget *f, struct err *e)
{
    for (int p = 0; p < f->conf->partitions; p++) {
        char prefix[PREFIX_SIZE], key[KEY_SIZE];
        key_prefix(p, prefix);
        if (!remove_fields(f, key2(key, prefix, "controls"), e))
            return false;
    }
    return remove_fields(f, KEY_MAXIMA, e);
}

static bool names_creator(const struct forget *f, const redisReply *entry)
{
    const redisReply *fields = entry->element[1];
    for (size_t i = 0; fields->type == REDIS_REPLY_ARRAY && i < fields->elements; i++) {
        const redisReply *v = fields->element[i];
        if (memmem(v->str, v->len, f->creator, strlen(f->creator)) != NULL)
            return true;
    }
    return false;
}

static bool remove_rejected(struct forget *f, struct err *e)
{
    char after[ID_TEXT] = "-";
    while (!atomic_load(f->stopping)) {
        auto_reply *page =
            kv_cmd(f->kv, e, "XRANGE %s %s + COUNT %d", KEY_REJECTED, after, ENTRIES_AT_ONCE);
        if (page == NULL)
            return false;
        if (page->elements == 0)
            return true;
        for (size_t i = 0; i < page->elements; i++) {
            const redisReply *entry = page->element[i];
            (void)snprintf(after, sizeof(after), "(%s", entry->element[0]->str);
            if (!names_creator(f, entry))
                continue;
            auto_reply *r = kv_cmd(f->kv, e, "XDEL %s %s", KEY_REJECTED, entry->element[0]->str);
            if (r == NULL)
                return false;
            f->removed += r->integer;
        }
    }
    return err_set(e, ERR_STOPPING, "stopped while forgetting a creator");
}

static bool erase_in_redis(struct forget *f, struct err *e)
{
    char removed[24];
    if (!remove_keys(f, e) || !remove_settings(f, e) || !remove_rejected(f, e))
        return false;
    (void)snprintf(removed, sizeof(removed), "%lld", f->removed);
    return f->removed == 0 || DB_EXEC(f->db, e, "count_erased_keys", f->id, removed);
}

/* ---- Postgres ---- */

static bool erase_in_postgres(struct forget *f, long long *ret_erased, struct err *e)
{
    if (!db_begin(f->db, e))
        return false;
    auto_result *r = NULL;
    if (DB_EXEC(f->db, e, "bound_erasure"))
        r = DB_QUERY(f->db, e, "erase_creator", f->id);
    *ret_erased = r != NULL ? db_int(r, 0, "erased", 0) : 0;
    if (r != NULL && db_commit(f->db, e))
        return true;
    db_rollback(f->db);
    return false;
}

/* ---- the whole ---- */

static bool is_wanted(void *ctx, struct err *e)
{
    const struct forget *f = ctx;
    return !atomic_load(f->stopping) ||
           err_set(e, ERR_STOPPING, "stopped while forgetting a creator");
}

/* *ret_live: a worker is at a step of some, or they are not archived yet. */
static bool end_runs(struct forget *f, bool *ret_live, struct err *e)
{
    const struct cancel_filter filter = {.owner = f->creator, .since_ms = -1, .until_ms = -1};
    struct cancel_count count;
    if (!cancel_where(f->kv, &filter, "the creator's data are deleted", is_wanted, f, &count, e))
        return false;
    auto_result *r = DB_QUERY(f->db, e, "count_live_of_creator", f->creator);
    *ret_live = r == NULL || count.done + count.begun > 0 || db_int(r, 0, "live", 0) > 0;
    return r != NULL;
}

static bool work_at(struct forget *f, struct err *e)
{
    bool live;
    long long erased;
    if (!write_pattern(f, e) || !end_runs(f, &live, e))
        return false;
    if (live)
        return true;
    if (!erase_in_postgres(f, &erased, e) || !erase_in_redis(f, e))
        return false;
    if (erased > 0 || f->removed > 0)
        return true;
    log_info("the data of a creator are deleted", "order", f->id, LOG_END);
    return DB_EXEC(f->db, e, "finish_forgotten", f->id);
}

bool forget_creators(const struct conf *c, struct kv *kv, struct db *db,
                     const atomic_bool *stopping, struct err *e)
{
    char after[24] = "0";
    bool ok = true;
    while (ok && !atomic_load(stopping)) {
        auto_result *r = DB_QUERY(db, e, "next_forgotten", after);
        if (r == NULL || PQntuples(r) == 0)
            return r != NULL;
        (void)snprintf(after, sizeof(after), "%s", db_text(r, 0, "id"));
        struct forget f = {.conf = c, .kv = kv, .db = db, .stopping = stopping};
        f.id = strdup(db_text(r, 0, "id"));
        f.creator = strdup(db_text(r, 0, "creator"));
        if (f.id == NULL || f.creator == NULL)
            abort();
        buf_init(&f.pattern, PATTERN_MAX_BYTES);
        ok = work_at(&f, e);
        buf_release(&f.pattern);
        free(f.id);
        free(f.creator);
    }
    return ok;
}
