#include "manifest.h"

#include <ctype.h>
#include <string.h>

#include "buf.h"

/* Ids and step names become parts of keys and of COPY lines: one plain alphabet for all. */
static bool is_plain_name(const char *s)
{
    if (s == NULL || *s == '\0' || strlen(s) > 64)
        return false;
    for (; *s != '\0'; s++) {
        if (!isalnum((unsigned char)*s) && *s != '-' && *s != '_' && *s != '.')
            return false;
    }
    return true;
}

static bool check(const struct function *f, struct err *e)
{
    if (!is_plain_name(f->id))
        return err_set(e, ERR_BUG, "function '%s': id must be 1 to 64 of a-z 0-9 - _ .", f->id);
    if (f->on_event[0] == NULL)
        return err_set(e, ERR_BUG, "function %s: on_event is missing", f->id);
    if (f->steps == NULL || f->steps[0].name == NULL)
        return err_set(e, ERR_BUG, "function %s: steps are missing", f->id);
    if (f->retries < 0 || f->retries > 100)
        return err_set(e, ERR_BUG, "function %s: retries must be 0 to 100", f->id);
    for (const struct step_def *d = f->steps; d->name != NULL; d++) {
        if (!is_plain_name(d->name) || d->run == NULL)
            return err_set(e, ERR_BUG, "function %s: step '%s' needs a plain name and a function",
                           f->id, d->name);
        for (const struct step_def *other = f->steps; other < d; other++) {
            if (strcmp(other->name, d->name) == 0)
                return err_set(e, ERR_BUG, "function %s: two steps are named '%s'", f->id, d->name);
        }
    }
    return true;
}

static json_t *render_limits(const struct function *f, const struct conf *c, const char **ret_key,
                             struct err *e)
{
    json_t *limits = json_array();
    *ret_key = NULL;
    for (int i = 0; i < MAX_LIMITS && f->limits[i].max > 0; i++) {
        const struct limit_def *l = &f->limits[i];
        const char *name = l->shared != NULL ? l->shared : f->id;
        if (l->key != NULL && *ret_key != NULL && strcmp(*ret_key, l->key) != 0) {
            json_decref(limits);
            return err_null(e, ERR_BUG, "function %s: limits are counted by both %s and %s", f->id,
                            *ret_key, l->key);
        }
        if (l->key != NULL)
            *ret_key = l->key;
        char full[160];
        (void)snprintf(full, sizeof(full), "%s%s%s", l->shared != NULL ? "" : "fn/", name,
                       l->key != NULL ? ":$" : "");
        json_array_append_new(limits, js_pack("{s:s, s:I}", "name", full, "max",
                                              (json_int_t)conf_limit(c, name, l->max)));
    }
    return limits;
}

json_t *manifest_render(const struct function *f, const struct conf *c, struct err *e)
{
    const char *key;
    if (!check(f, e))
        return NULL;
    json_t *limits = render_limits(f, c, &key, e);
    if (limits == NULL)
        return NULL;
    json_t *triggers = json_array(), *steps = json_array();
    for (int i = 0; i < MAX_TRIGGERS && f->on_event[i] != NULL; i++)
        json_array_append_new(triggers, json_string(f->on_event[i]));
    for (const struct step_def *d = f->steps; d->name != NULL; d++)
        json_array_append_new(steps, js_pack("{s:s, s:b, s:b, s:b}", "name", d->name, "tx", d->tx,
                                             "each", d->each != NULL, "paid", d->paid));
    return js_pack("{s:s, s:s, s:i, s:o, s:s?, s:i, s:s?, s:o, s:o}", "id", f->id, "name",
                   f->name != NULL ? f->name : f->id, "version", f->version, "triggers", triggers,
                   "onFailureOf", f->on_failure_of, "retries", f->retries, "key", key, "limits",
                   limits, "steps", steps);
}

static char *copy(const char *s)
{
    char *c = s != NULL ? strdup(s) : NULL;
    if (s != NULL && c == NULL)
        abort();
    return c;
}

struct manifest *manifest_parse(const char *text, size_t len, struct err *e)
{
    auto_json *j = js_parse(text, len, e);
    if (j == NULL)
        return NULL;
    if (!is_plain_name(js_str(j, "id")))
        return err_null(e, ERR_INPUT, "manifest without a plain id");
    struct manifest *m = calloc(1, sizeof(*m));
    if (m == NULL)
        abort();
    m->id = copy(js_str(j, "id"));
    m->on_failure_of = copy(js_str(j, "onFailureOf"));
    m->key = copy(js_str(j, "key"));
    m->version = (int)js_int(j, "version", 0);
    m->json = js_dump(j, NULL);
    size_t i, n = 0;
    json_t *v;
    json_array_foreach (js_get(j, "triggers"), i, v) {
        if (n < MAX_TRIGGERS && json_string_length(v) > 0)
            m->triggers[n++] = copy(json_string_value(v));
    }
    struct buf limits = BUF_INIT(4096);
    bool ok = true;
    json_array_foreach (js_get(j, "limits"), i, v) {
        if (js_str(v, "name") != NULL)
            ok = ok && buf_addf(&limits, "%lld %s\n", js_int(v, "max", 1), js_str(v, "name"));
    }
    m->limits = buf_take(&limits);
    if (!ok) {
        manifest_free(m);
        return err_null(e, ERR_INPUT, "manifest with too long limits");
    }
    return m;
}

void manifest_free(struct manifest *m)
{
    if (m == NULL)
        return;
    for (int i = 0; i < MAX_TRIGGERS; i++)
        free(m->triggers[i]);
    free(m->id);
    free(m->on_failure_of);
    free(m->key);
    free(m->limits);
    free(m->json);
    free(m);
}
