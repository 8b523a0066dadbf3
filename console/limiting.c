#include "limiting.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "change.h"
#include "clock.h"
#include "describe.h"
#include "id.h"
#include "js.h"
#include "key.h"
#include "live.h"
#include "row.h"

enum { MOST_OWNERS = 500, HOUR_MINUTES = 61, NAME_SIZE = 300 };

#define LEAST_USD 1e-6 /* what is counted is millionths */

/* ---- reading ---- */

/* Limits while they are gathered: an array of openapi.json's Limit, and where each stands. */
struct table {
    json_t *list;   /* new reference */
    json_t *places; /* "<name> <owner>" → the row, borrowed from the list */
    json_t *set;    /* full name → maximum, by operators */
    int partitions;
};

static struct table new_table(void)
{
    return (struct table){.list = json_array(), .places = json_object(), .set = json_object()};
}

static void release(struct table *t)
{
    json_decref(t->list);
    json_decref(t->places);
    json_decref(t->set);
}

static const char *place_name(char out[NAME_SIZE], const char *name, const char *owner)
{
    (void)snprintf(out, NAME_SIZE, "%s %s", name, owner != NULL ? owner : "");
    return out;
}

/* "creator:$", "video:$2" → what it is counted by; NULL: all together. Cuts the name. */
static const char *cut_key(char *name)
{
    char *at = strstr(name, ":$");
    if (at == NULL)
        return NULL;
    const char *per = at[2] == '\0' ? "owner" : "key";
    *at = '\0';
    return per;
}

static json_t *find_row(const struct table *t, const char *name, const char *owner)
{
    char place[NAME_SIZE];
    return json_object_get(t->places, place_name(place, name, owner));
}

static json_t *set_by_operator(const struct table *t, const char *name, const char *owner, bool usd)
{
    char full[NAME_SIZE];
    (void)snprintf(full, sizeof(full), owner != NULL ? "%s:%s" : "%s", name, owner);
    const json_t *v = json_object_get(t->set, full);
    return v == NULL ? json_null() : json_real((double)json_integer_value(v) / (usd ? 1e6 : 1));
}

/* declared below 0: by nobody. */
static json_t *add_row(struct table *t, const char *name, const char *owner, const char *per,
                       double declared, bool usd)
{
    char place[NAME_SIZE];
    json_t *set = set_by_operator(t, name, owner, usd);
    double max = json_is_real(set) ? json_real_value(set) : declared;
    json_t *row = js_pack("{s:s, s:o, s:f, s:o, s:o, s:f, s:s, s:[], s:s?}", "name", name, "owner",
                          json_text(owner), "max", max > 0 ? max : 0.0, "declared",
                          declared >= 0 ? json_real(declared) : json_null(), "set", set, "used",
                          0.0, "unit", usd ? "usd" : "runs", "functions", "per", per);
    (void)json_array_append_new(t->list, row);
    (void)json_object_set(t->places, place_name(place, name, owner), row);
    return row;
}

static void declare(struct table *t, const char *function, const char *declared, double max,
                    bool usd)
{
    char name[NAME_SIZE];
    (void)snprintf(name, sizeof(name), "%s", declared);
    const char *per = cut_key(name);
    json_t *row = find_row(t, name, NULL);
    if (row == NULL)
        row = add_row(t, name, NULL, per, max, usd);
    (void)json_array_append_new(json_object_get(row, "functions"), json_string(function));
}

static bool read_declared(struct table *t, struct desk *d, struct err *e)
{
    auto_result *r = DB_QUERY(d->db, e, "list_functions");
    for (int i = 0; r != NULL && i < PQntuples(r); i++) {
        size_t k;
        json_t *limit;
        auto_json *manifest = row_json(r, i, "manifest");
        json_array_foreach (json_object_get(manifest, "limits"), k, limit) {
            if (js_str(limit, "name") != NULL)
                declare(t, db_text(r, i, "id"), js_str(limit, "name"), js_num(limit, "max", 0),
                        false);
        }
        if (js_get(manifest, "usd") != NULL)
            declare(t, db_text(r, i, "id"), "budget:$", js_num(manifest, "usd.cap", 0) / 1e6, true);
    }
    return r != NULL;
}

static bool read_set(struct table *t, struct desk *d, struct err *e)
{
    auto_result *r = DB_QUERY(d->db, e, "list_overrides");
    for (int i = 0; r != NULL && i < PQntuples(r); i++) {
        if (strcmp(db_text(r, i, "kind"), "limit") == 0)
            (void)json_object_set_new(t->set, db_text(r, i, "name"),
                                      json_integer(db_int(r, i, "value", 0)));
    }
    return r != NULL;
}

/* Of one owner, or of one value of a key: the row is made of the rule's. */
static json_t *row_for(struct table *t, const json_t *rule, const char *owner)
{
    const char *name = js_str(rule, "name");
    json_t *row = find_row(t, name, owner);
    if (row != NULL)
        return row;
    row = add_row(t, name, owner, js_str(rule, "per"), js_num(rule, "declared", -1),
                  strcmp(js_str(rule, "unit"), "usd") == 0);
    (void)json_object_set(row, "functions", json_object_get(rule, "functions"));
    return row;
}

static size_t count_rules(const struct table *t)
{
    return json_array_size(t->list);
}

/* What operators have set for somebody is shown, whether it is used or not. */
static void add_set_rows(struct table *t)
{
    const char *full;
    json_t *value;
    size_t rules = count_rules(t);
    json_object_foreach (t->set, full, value) {
        for (size_t i = 0; i < rules; i++) {
            const json_t *rule = json_array_get(t->list, i);
            const char *name = js_str(rule, "name");
            size_t n = strlen(name);
            if (js_str(rule, "per") != NULL && strncmp(full, name, n) == 0 && full[n] == ':')
                (void)row_for(t, rule, full + n + 1);
        }
    }
}

static bool has_function(const json_t *rule, const char *function)
{
    size_t i;
    json_t *v;
    json_array_foreach (json_object_get(rule, "functions"), i, v) {
        if (strcmp(json_string_value(v), function) == 0)
            return true;
    }
    return false;
}

/* Owners whose runs are admitted at this moment. */
static void add_owners(struct table *t, const struct live *l, size_t rules)
{
    size_t most =
        json_array_size(t->list) + MOST_OWNERS; /* beside those with a maximum of their own */
    for (size_t i = 0; i < l->count && json_array_size(t->list) < most; i++) {
        const struct live_run *r = &l->runs[i];
        const char *owner = live_name(l, r->creator);
        if ((r->state != RUN_RUNNING && r->state != RUN_READY) || *owner == '\0')
            continue;
        for (size_t k = 0; k < rules; k++) {
            const json_t *rule = json_array_get(t->list, k);
            const char *per = js_str(rule, "per");
            if (per != NULL && strcmp(per, "owner") == 0 &&
                has_function(rule, live_name(l, r->function)))
                (void)row_for(t, rule, owner);
        }
    }
}

/* ---- what is used ---- */

/* An owner's is in its partition; what all share, or what is counted by another key, may be in any. */
static void partitions_of(const struct table *t, const json_t *row, int *from, int *to)
{
    const char *owner = js_str(row, "owner"), *per = js_str(row, "per");
    bool is_owners = owner != NULL && per != NULL && strcmp(per, "owner") == 0;
    *from = is_owners ? id_partition(owner, strlen(owner), t->partitions) : 0;
    *to = is_owners ? *from : t->partitions - 1;
}

/* The rule of what is counted for each is held by nobody. */
static bool is_held(const json_t *row)
{
    return js_str(row, "owner") != NULL || js_str(row, "per") == NULL;
}

static bool push_used(struct desk *d, const json_t *row, int partition, struct err *e)
{
    char prefix[PREFIX_SIZE], full[NAME_SIZE], key[KEY_SIZE];
    const char *name = js_str(row, "name"), *owner = js_str(row, "owner");
    bool usd = strcmp(js_str(row, "unit"), "usd") == 0;
    key_prefix(partition, prefix);
    (void)snprintf(full, sizeof(full), owner != NULL ? "%s:%s" : "%s", name, owner);
    return usd ? kv_pushf(d->kv, e, "HGETALL %s", key3(key, prefix, "spent", owner))
               : kv_pushf(d->kv, e, "SCARD %s", key3(key, prefix, "slots", full));
}

/* µUSD of the minutes that count. */
static double spent_in(const redisReply *r)
{
    double sum = 0;
    long long oldest = wall_ms() / 60000 - HOUR_MINUTES;
    for (size_t i = 0; i + 1 < r->elements; i += 2) {
        if (strtoll(r->element[i]->str, NULL, 10) > oldest)
            sum += strtod(r->element[i + 1]->str, NULL);
    }
    return sum;
}

static bool pull_used(struct desk *d, json_t *row, struct err *e)
{
    auto_reply *r = kv_pull(d->kv, e);
    if (r == NULL)
        return false;
    double more = r->type == REDIS_REPLY_ARRAY ? spent_in(r) / 1e6 : (double)r->integer;
    json_t *used = json_object_get(row, "used");
    (void)json_real_set(used, json_real_value(used) + more);
    return true;
}

static bool ask_used(struct table *t, struct desk *d, struct err *e)
{
    size_t i;
    int from, to;
    json_t *row;
    bool ok = true;
    json_array_foreach (t->list, i, row) {
        partitions_of(t, row, &from, &to);
        for (int p = from; is_held(row) && p <= to; p++) {
            if (!push_used(d, row, p, e))
                return false;
        }
    }
    json_array_foreach (t->list, i, row) {
        partitions_of(t, row, &from, &to);
        for (int p = from; is_held(row) && p <= to; p++)
            ok = pull_used(d, row, e) && ok;
    }
    return ok;
}

static bool gather(struct table *t, struct desk *d, struct err *e)
{
    if (!desk_partitions(d, &t->partitions, e) || !read_set(t, d, e) || !read_declared(t, d, e))
        return false;
    size_t rules = count_rules(t);
    struct live *l = live_take(d, e);
    if (l == NULL)
        return false;
    add_set_rows(t);
    add_owners(t, l, rules);
    live_release(l);
    return ask_used(t, d, e);
}

static const char *shown_name(const struct table *t, const char *name)
{
    return strncmp(name, "fn/", 3) == 0 && find_row(t, name + 3, NULL) == NULL ? name + 3 : name;
}

static void show_names(const struct table *t)
{
    size_t i;
    json_t *row;
    json_array_foreach (t->list, i, row) {
        const char *name = js_str(row, "name");
        (void)json_object_set_new(row, "name", json_string(shown_name(t, name)));
    }
}

json_t *limits_list(struct desk *d, struct err *e)
{
    struct table t = new_table();
    bool ok = gather(&t, d, e);
    show_names(&t);
    json_t *list = ok ? json_incref(t.list) : NULL;
    release(&t);
    return list;
}

bool limit_shown(struct desk *d, const char *name, char out[LIMIT_SHOWN_SIZE], struct err *e)
{
    char whole[NAME_SIZE];
    struct table t = new_table();
    bool ok = read_declared(&t, d, e);
    (void)snprintf(whole, sizeof(whole), "%.*s", (int)strcspn(name, ":"), name); /* none has one */
    (void)snprintf(out, LIMIT_SHOWN_SIZE, "%s", shown_name(&t, whole));
    release(&t);
    return ok;
}

json_t *weights_list(struct desk *d, struct err *e)
{
    auto_result *r = DB_QUERY(d->db, e, "list_overrides");
    json_t *list = r != NULL ? json_array() : NULL;
    for (int i = 0; r != NULL && i < PQntuples(r); i++) {
        if (strcmp(db_text(r, i, "kind"), "weight") == 0)
            (void)json_array_append_new(list, js_pack("{s:o, s:o}", "owner", row_text(r, i, "name"),
                                                      "weight", row_number(r, i, "value")));
    }
    return list;
}

/* ---- changing ---- */

struct order {
    const char *query, *params[3];
    int count;
};

static bool set(struct desk *d, const void *what, struct carrier *ret, struct err *e)
{
    const struct order *o = what;
    return db_exec(d->db, o->query, o->params, o->count, NULL, e);
}

json_t *limit_set(struct desk *d, const char *name, const char *owner, long long max, struct err *e)
{
    char text[24], shown[LIMIT_SHOWN_SIZE];
    if (!limit_shown(d, name, shown, e)) /* the audit has one name of it, however it was told */
        return NULL;
    (void)snprintf(text, sizeof(text), "%lld", max);
    struct order o = {
        max >= 0 ? "set_limit" : "clear_limit", {name, owner, text}, max >= 0 ? 3 : 2};
    return change_make(
        d, set, &o, max >= 0 ? "limit.set" : "limit.clear", shown,
        js_pack("{s:s*, s:o}", "owner", owner, "max", max >= 0 ? json_integer(max) : json_null()),
        max >= 0 ? "the limit is set" : "the limit is as its functions declare it", e);
}

static json_t *set_number(struct desk *d, const char *query, const char *action, const char *owner,
                          const char *name, double v, const char *done, struct err *e)
{
    char text[40];
    (void)snprintf(text, sizeof(text), "%.6f", v);
    struct order o = {query, {owner, v >= 0 ? text : NULL}, 2};
    return change_make(d, set, &o, action, owner,
                       js_pack("{s:o}", name, v >= 0 ? json_real(v) : json_null()), done, e);
}

json_t *budget_set(struct desk *d, const char *owner, double usd, struct err *e)
{
    if (usd > 0 && usd < LEAST_USD) /* which would be kept as 0, and 0 admits nobody */
        return desk_refuse(d, "usd", e, "usd must be 0, or at least %g", LEAST_USD);
    return set_number(d, "set_budget", "budget.set", owner, "usd", usd,
                      usd >= 0 ? "the budget is set" : "the budget is as it is set for all", e);
}

json_t *weight_set(struct desk *d, const char *owner, double weight, struct err *e)
{
    return set_number(d, "set_weight", "weight.set", owner, "weight", weight,
                      weight >= 0 ? "the weight is set" : "the weight is 1 again", e);
}
