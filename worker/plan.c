#include "plan.h"

#include <stdio.h>

/* Whether error:<the work's name> stands where a result should. */
static bool has_failed(const struct run *r, struct work *w)
{
    char name[NAME_SIZE];
    if (!r->has_error)
        return false;
    name_of_error(name, w->name);
    w->error = json_object_get(r->results, name);
    return w->error != NULL;
}

static bool is_stored(const struct run *r, const char *name)
{
    return json_object_get(r->results, name) != NULL;
}

/* The row's list; NULL, with the work to make it, when it is not there yet. */
static const json_t *find_list(const struct run *r, struct work *w)
{
    name_of_list(w->name, w->def->name);
    const json_t *items = json_object_get(r->results, w->name);
    if (items == NULL)
        w->kind = WORK_LIST;
    return items;
}

/* An .each row: its first item without a result. false when all are done. */
static bool find_item(const struct run *r, struct work *w)
{
    const json_t *items = find_list(r, w), *item;
    if (items == NULL)
        return true;
    size_t i;
    json_array_foreach (items, i, item) {
        name_of_item(w->name, w->def->name, item, i);
        if (is_stored(r, w->name))
            continue;
        w->item = item;
        w->kind = has_failed(r, w) ? WORK_LOST : WORK_STEP;
        return true;
    }
    return false;
}

/* A .parallel row: the first item that failed, else all items as long as one of them has no result. */
static bool find_fan(const struct run *r, struct work *w)
{
    const json_t *items = find_list(r, w), *item;
    if (items == NULL)
        return true;
    size_t i;
    json_array_foreach (items, i, item) {
        name_of_item(w->name, w->def->name, item, i);
        if (is_stored(r, w->name))
            continue;
        w->kind = WORK_FAN;
        if (!has_failed(r, w))
            continue;
        w->item = item;
        w->kind = WORK_LOST;
        return true;
    }
    (void)snprintf(w->name, sizeof(w->name), "%s", w->def->name);
    w->count = json_array_size(items);
    return w->kind == WORK_FAN;
}

/* A plain row, which may have asked to be run again: <name> is stored once it is over, <name>-<n> before. */
static bool find_turn(const struct run *r, struct work *w)
{
    const struct step_def *d = w->def;
    w->kind = WORK_STEP;
    if (is_stored(r, d->name))
        return false;
    for (w->index = 0;; w->index++) {
        name_of_turn(w->name, d->name, w->index);
        if (!is_stored(r, w->name))
            break;
    }
    if (w->index > 0) {
        char cursor[NAME_SIZE];
        name_of_cursor(cursor, d->name, w->index);
        w->cursor = json_object_get(r->results, cursor);
        /* The turn before was the last one when it left no cursor. */
        if (w->cursor == NULL)
            return false;
    } else {
        (void)snprintf(w->name, sizeof(w->name), "%s", d->name);
    }
    if (has_failed(r, w))
        w->kind = WORK_LOST;
    return true;
}

static bool find_in_row(const struct run *r, struct work *w)
{
    if (w->def->each == NULL)
        return find_turn(r, w);
    return w->def->parallel > 0 ? find_fan(r, w) : find_item(r, w);
}

/* The item that the branch is for, of the first .parallel row that is not complete. */
static bool find_branch(const struct run *r, struct work *w)
{
    struct work row = *w;
    if (w->def->parallel <= 0 || !find_fan(r, &row) || row.kind == WORK_LIST)
        return false;
    name_of_list(w->name, w->def->name);
    const json_t *items = json_object_get(r->results, w->name);
    w->item = json_array_get(items, (size_t)r->branch);
    name_of_item(w->name, w->def->name, w->item, (size_t)r->branch);
    w->kind =
        w->item != NULL && !is_stored(r, w->name) && !has_failed(r, w) ? WORK_STEP : WORK_NONE;
    return true;
}

void plan_next(const struct run *r, struct work *w)
{
    for (const struct step_def *d = r->fn->steps; d->name != NULL; d++) {
        *w = (struct work){.def = d, .index = -1};
        if (r->branch >= 0 ? find_branch(r, w) : find_in_row(r, w))
            return;
    }
    *w = (struct work){.kind = WORK_NONE, .index = -1};
}

bool plan_is_last(const struct run *r, const struct work *w)
{
    return r->branch >= 0 || (w->def[1].name == NULL && w->def->each == NULL);
}
