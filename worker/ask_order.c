#include "ask_order.h"

#include <stdlib.h>
#include <string.h>

struct ask_order {
    size_t count, asked; /* asked: places up to the last that gave */
    size_t
        *list; /* of those that had something, as of the others, who was asked longest ago first */
    size_t *next; /* what the last claim was made in */
    bool *busy;   /* by function: had something when it was asked last */
    bool *gave;   /* by place */
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
        .gave = zeroed(count, sizeof(*o->gave)),
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
    free(o->gave);
    free(o);
}

const size_t *ask_order_next(struct ask_order *o)
{
    size_t scout = 0, n = 0;
    o->asked = 0;
    memset(o->gave, 0, o->count * sizeof(*o->gave));
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

void ask_order_gave(struct ask_order *o, size_t place)
{
    o->gave[place] = true;
    if (o->asked <= place)
        o->asked = place + 1;
}

void ask_order_learn(struct ask_order *o, bool all)
{
    size_t asked = all ? o->count : o->asked, left = o->count - asked;
    for (size_t i = 0; i < asked; i++)
        o->busy[o->next[i]] = o->gave[i];
    memcpy(o->list, o->next + asked, left * sizeof(*o->list));
    memcpy(o->list + left, o->next, asked * sizeof(*o->list));
}
