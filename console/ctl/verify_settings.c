/* verify_settings.c: what both stores have of functions, of operators' settings, and of each other's name. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "id.h"
#include "js.h"
#include "key.h"
#include "verify.h"

/* ---- functions ---- */

static bool check_functions(struct verify *v, struct err *e)
{
    auto_reply *redis = kv_cmd(v->c->kv, e, "HKEYS %s", KEY_FUNCTIONS);
    auto_result *rows = redis != NULL ? DB_QUERY(v->c->db, e, "stored_functions") : NULL;
    if (rows == NULL)
        return false;
    auto_json *here = json_object();
    verify_count(v, "functions", (long long)redis->elements);
    for (size_t i = 0; i < redis->elements; i++)
        (void)json_object_set_new(here, redis->element[i]->str, json_true());
    for (int i = 0; i < PQntuples(rows); i++) {
        const char *id = db_text(rows, i, "id");
        if (json_object_del(here, id) != 0)
            verify_note(v, "function_not_in_redis", KEY_FUNCTIONS, id,
                        "its events start nothing until a worker publishes it");
    }
    const char *id;
    json_t *value;
    json_object_foreach (here, id, value) {
        verify_note(v, "function_not_in_postgres", "chronos.functions", id,
                    "it would be missing after the loss of Redis");
    }
    return true;
}

/* ---- controls ---- */

/* `value` NULL: Redis should have none. */
static bool check_field(struct verify *v, const char *key, const char *field, const char *value,
                        const char *name, struct err *e)
{
    auto_reply *r = kv_cmd(v->c->kv, e, "HGET %s %s", key, field);
    if (r == NULL)
        return false;
    const char *there = r->type == REDIS_REPLY_STRING ? r->str : NULL;
    bool same = there == NULL || value == NULL
                    ? there == value
                    : strtod(there, NULL) == strtod(value, NULL) &&
                          (strtod(value, NULL) != 0 || strcmp(there, value) == 0);
    char detail[160];
    (void)snprintf(detail, sizeof(detail), "postgres says %s, redis %s",
                   value != NULL ? value : "nothing", there != NULL ? there : "nothing");
    if (!same)
        verify_note(v, "control_differs", key, name, detail);
    return true;
}

/* As scheduler/controls.c puts them there: a limit that partitions share has its maximum beside them, a weight is where its
 * owner's work is, everything else is in every partition. */
static bool check_control(struct verify *v, const PGresult *rows, int i, struct err *e)
{
    const char *kind = db_text(rows, i, "kind"), *name = db_text(rows, i, "name"),
               *value = db_text(rows, i, "value");
    bool is_limit = strcmp(kind, "limit") == 0, is_weight = strcmp(kind, "weight") == 0;
    char field[KEY_SIZE * 4];
    (void)snprintf(field, sizeof(field), "%s/%s", kind, name);
    verify_count(v, "controls", 1);
    if (is_limit && db_int(rows, i, "part", 0) != 1 && v->partitions > 1)
        return check_field(v, KEY_MAXIMA, name, value, field, e);
    for (int p = 0; p < v->partitions; p++) {
        char prefix[PREFIX_SIZE], key[KEY_SIZE];
        key_prefix(p, prefix);
        if (is_weight && p != id_partition(name, strlen(name), (int)v->partitions))
            continue;
        if (!check_field(v, key2(key, prefix, "controls"), field, value, field, e))
            return false;
    }
    return true;
}

static bool check_controls(struct verify *v, struct err *e)
{
    auto_result *rows = DB_QUERY(v->c->db, e, "list_controls");
    bool ok = rows != NULL;
    for (int i = 0; ok && i < PQntuples(rows); i++)
        ok = check_control(v, rows, i, e);
    return ok;
}

/* ---- epochs ---- */

/* The key of the epoch that chronos.meta has under this name. */
static void epoch_key(const char *name, char out[KEY_SIZE])
{
    const char *part = strchr(name, ':');
    if (part == NULL)
        (void)snprintf(out, KEY_SIZE, "{%s}:epoch", KEY_EVENTS);
    else if (strcmp(part, ":functions") == 0)
        (void)snprintf(out, KEY_SIZE, "{%s}:epoch", KEY_FUNCTIONS);
    else
        (void)snprintf(out, KEY_SIZE, "{c%s}:epoch", part + 1);
}

static bool check_epochs(struct verify *v, struct err *e)
{
    auto_result *rows = DB_QUERY(v->c->db, e, "stored_epochs");
    if (rows == NULL)
        return false;
    for (int i = 0; i < PQntuples(rows); i++) {
        const char *name = db_text(rows, i, "key"), *value = db_text(rows, i, "value");
        char key[KEY_SIZE];
        if (strcmp(name, "redis_epoch_began") == 0)
            continue;
        epoch_key(name, key);
        auto_reply *r = kv_cmd(v->c->kv, e, "GET %s", key);
        if (r == NULL)
            return false;
        if (r->type != REDIS_REPLY_STRING || strcmp(r->str, value) != 0)
            verify_note(
                v, "another_redis", key, value,
                "Redis has lost data, or is another one: a scheduler that starts rebuilds it");
    }
    return true;
}

bool verify_settings(struct verify *v, struct err *e)
{
    return check_functions(v, e) && check_controls(v, e) && check_epochs(v, e);
}
