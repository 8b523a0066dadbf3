#include "ask_order.h"

#include <stdlib.h>
#include <string.h>

struct ask_order {
    size_t count;
    size_t *list; /* who was asked longest ago first */
    size_t *next; /* what the last claim was made in */
    bool *busy;   /* had something when it was asked last */
};

static void *zeroed(size_t count, size_t size)
{
    void *p = calloc(count, size);
    if (p == NULL)
        abort();
    return p;
}

struct ask_order *ask_order_new(size_t count)
{
    struct ask_order *o = zeroed(1, sizeof(*o));
    *o = (struct ask_order){
        .count = count,
        .list = zeroed(count, sizeof(*o->list)),
        .next = zeroed(count, sizeof(*o->next)),
        .busy = zeroed(count, sizeof(*o->busy)),
    };
    for (size_t i = 0; i < count; i++)
        o->list[i] = i;
    return o;
}

void ask_order_free(struct ask_order *o)
{
    if (o == NULL)
        return;
    free(o->list);
    free(o->next);
    free(o->busy);
    free(o);
}

const size_t *ask_order_next(struct ask_order *o)
{
    size_t scout = 0, n = 0;
    while (scout < o->count && o->busy[o->list[scout]])
        scout++;
    if (scout < o->count)
        o->next[n++] = o->list[scout];
    for (size_t i = 0; i < o->count; i++) {
        if (o->busy[o->list[i]])
            o->next[n++] = o->list[i];
    }
    for (size_t i = scout + 1; i < o->count; i++) {
        if (!o->busy[o->list[i]])
            o->next[n++] = o->list[i];
    }
    return o->next;
}

void ask_order_learn(struct ask_order *o, const bool *gave, bool all)
{
    size_t asked = all ? o->count : 0;
    for (size_t i = 0; i < o->count; i++) {
        if (gave[o->next[i]] && asked <= i)
            asked = i + 1;
    }
    /* those that were not asked stay in their order, before those that were */
    size_t kept = 0;
    for (size_t i = 0; i < o->count; i++) {
        bool was_asked = false;
        for (size_t a = 0; a < asked && !was_asked; a++)
            was_asked = o->next[a] == o->list[i];
        if (!was_asked)
            o->list[kept++] = o->list[i];
    }
    for (size_t a = 0; a < asked; a++) {
        o->busy[o->next[a]] = gave[o->next[a]];
        o->list[kept++] = o->next[a];
    }
}
