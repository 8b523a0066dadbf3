#include "shared_limits.h"

#include <stdlib.h>
#include <string.h>

#include "js.h"
#include "key.h"

static char *copy(const char *s, size_t len)
{
    char *c = strndup(s, len);
    if (c == NULL)
        abort();
    return c;
}

static void release_declared(struct shared_limits *s)
{
    for (size_t i = 0; i < s->declared_len; i++)
        free(s->declared[i].name);
    free(s->declared);
    s->declared = NULL;
    s->declared_len = 0;
}

void shared_limits_release(struct shared_limits *s)
{
    for (size_t i = 0; i < s->len; i++)
        free(s->items[i].name);
    free(s->items);
    release_declared(s);
    free(s->manifests);
    *s = (struct shared_limits){0};
}

/* ---- what functions declare ---- */

/* As manifest_parse has it. A name ends in ":$" when it is counted by owner, whose work is in one partition: nothing is
 * shared. In ":$2" and so on: by another part of the key. */
static bool is_shared(const json_t *limit, const char *name, size_t *ret_len, bool *ret_keyed)
{
    const char *part = strstr(name, ":$");
    *ret_keyed = part != NULL;
    *ret_len = part != NULL ? (size_t)(part - name) : strlen(name);
    return js_bool(limit, "share", part == NULL || part[2] != '\0');
}

/* Functions that share a limit give it the same maximum; while they are being replaced the smaller one holds. */
static void declare(struct shared_limits *s, const char *name, size_t len, bool keyed, long max)
{
    for (size_t i = 0; i < s->declared_len; i++) {
        struct declared *d = &s->declared[i];
        if (strlen(d->name) == len && strncmp(d->name, name, len) == 0) {
            d->max = max < d->max ? max : d->max;
            return;
        }
    }
    struct declared *grown = realloc(s->declared, (s->declared_len + 1) * sizeof(*grown));
    if (grown == NULL)
        abort();
    s->declared = grown;
    s->declared[s->declared_len++] =
        (struct declared){.name = copy(name, len), .max = max, .keyed = keyed};
}

static void declare_all(struct shared_limits *s, const redisReply *manifest)
{
    struct err e;
    size_t i, len;
    bool keyed;
    json_t *limit;
    auto_json *j = js_parse(manifest->str, manifest->len, &e);
    json_array_foreach (js_get(j, "limits"), i, limit) {
        const char *name = js_str(limit, "name");
        if (name != NULL && is_shared(limit, name, &len, &keyed))
            declare(s, name, len, keyed, (long)js_int(limit, "max", 0));
    }
}

static char *text_of(const redisReply *functions)
{
    size_t size = 1, at = 0;
    for (size_t i = 0; i < functions->elements; i++)
        size += functions->element[i]->len + 1;
    char *text = calloc(1, size);
    if (text == NULL)
        abort();
    for (size_t i = 0; i < functions->elements; i++) {
        memcpy(text + at, functions->element[i]->str, functions->element[i]->len);
        at += functions->element[i]->len;
        text[at++] = '\n';
    }
    return text;
}

static void read_functions(struct shared_limits *s, const redisReply *functions)
{
    char *text = text_of(functions);
    if (s->manifests != NULL && strcmp(s->manifests, text) == 0) {
        free(text);
        return;
    }
    free(s->manifests);
    s->manifests = text;
    release_declared(s);
    for (size_t i = 1; i < functions->elements; i += 2)
        declare_all(s, functions->element[i]);
}

/* ---- the limits ---- */

/* The declaration that a full name belongs to; of "fn/x" and "fn/x/2" the longer one. */
static const struct declared *find_declared(const struct shared_limits *s, const char *name)
{
    const struct declared *best = NULL;
    for (size_t i = 0; i < s->declared_len; i++) {
        const struct declared *d = &s->declared[i];
        size_t len = strlen(d->name);
        if (strncmp(name, d->name, len) == 0 && name[len] == (d->keyed ? ':' : '\0') &&
            (best == NULL || len > strlen(best->name)))
            best = d;
    }
    return best;
}

struct share_limit *shared_limits_add(struct shared_limits *s, const char *name)
{
    for (size_t i = 0; i < s->len; i++) {
        if (strcmp(s->items[i].name, name) == 0)
            return &s->items[i];
    }
    if (s->len == s->cap) {
        s->cap = s->cap > 0 ? 2 * s->cap : 16;
        s->items = realloc(s->items, s->cap * sizeof(*s->items));
        if (s->items == NULL)
            abort();
    }
    const struct declared *d = find_declared(s, name);
    s->items[s->len] = (struct share_limit){.name = copy(name, strlen(name)),
                                            .max = d != NULL ? d->max : 0,
                                            .keyed = d == NULL || d->keyed};
    return &s->items[s->len++];
}

/* A limit that nobody declares any more has a maximum of 0: what is left of it is taken in. */
static void set_maxima(struct shared_limits *s, const redisReply *maxima)
{
    for (size_t i = 0; i < s->len; i++) {
        struct share_limit *l = &s->items[i];
        const struct declared *d = find_declared(s, l->name);
        const redisReply *set = kv_field(maxima, l->name);
        l->keyed = d == NULL || d->keyed;
        l->max = d == NULL ? 0 : set != NULL ? strtol(set->str, NULL, 10) : d->max;
    }
}

bool shared_limits_refresh(struct shared_limits *s, struct kv *kv, struct err *e)
{
    auto_reply *functions = kv_cmd(kv, e, "HGETALL %s", KEY_FUNCTIONS);
    if (functions == NULL)
        return false;
    auto_reply *maxima = kv_cmd(kv, e, "HGETALL %s", KEY_MAXIMA);
    if (maxima == NULL)
        return false;
    auto_reply *shared = kv_cmd(kv, e, "SMEMBERS %s", KEY_SHARED);
    if (shared == NULL)
        return false;
    read_functions(s, functions);
    for (size_t i = 0; i < s->len; i++)
        s->items[i].known = false;
    for (size_t i = 0; i < shared->elements; i++)
        shared_limits_add(s, shared->element[i]->str)->known = true;
    for (size_t i = 0; i < s->declared_len; i++) {
        if (!s->declared[i].keyed)
            (void)shared_limits_add(s, s->declared[i].name);
    }
    set_maxima(s, maxima);
    return true;
}

bool shared_limits_note(struct shared_limits *s, struct kv *kv, size_t i, struct err *e)
{
    struct share_limit *l = &s->items[i];
    if (l->known)
        return true;
    auto_reply *r = kv_cmd(kv, e, "SADD %s %s", KEY_SHARED, l->name);
    l->known = r != NULL;
    return l->known;
}

bool shared_limits_drop(struct shared_limits *s, struct kv *kv, size_t i, struct err *e)
{
    auto_reply *r = kv_cmd(kv, e, "SREM %s %s", KEY_SHARED, s->items[i].name);
    if (r == NULL)
        return false;
    free(s->items[i].name);
    s->items[i] = s->items[--s->len];
    return true;
}
