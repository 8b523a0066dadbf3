#include "inhand.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* At most a few hundred entries are in hand at once: threads, and outcomes on their way. */
enum { NAME_SIZE = 128 };

struct inhand_snapshot {
    size_t len, cap;
    char (*names)[NAME_SIZE];
};

struct inhand {
    pthread_mutex_t lock; /* guards all */
    struct inhand_snapshot all;
};

static void make_name(char out[NAME_SIZE], int partition, const char *fn, const char *entry)
{
    (void)snprintf(out, NAME_SIZE, "%d/%s/%s", partition, fn, entry);
}

struct inhand *inhand_new(void)
{
    struct inhand *h = calloc(1, sizeof(*h));
    if (h == NULL)
        abort();
    (void)pthread_mutex_init(&h->lock, NULL);
    return h;
}

void inhand_free(struct inhand *h)
{
    (void)pthread_mutex_destroy(&h->lock);
    free(h->all.names);
    free(h);
}

/* Where it is; -1 when it is not there. */
static ssize_t find(const struct inhand_snapshot *s, const char *name)
{
    for (size_t i = 0; i < s->len; i++) {
        if (strcmp(s->names[i], name) == 0)
            return (ssize_t)i;
    }
    return -1;
}

static char *new_place(struct inhand_snapshot *s)
{
    if (s->len == s->cap) {
        s->cap = s->cap > 0 ? s->cap * 2 : 64;
        s->names = realloc(s->names, s->cap * sizeof(*s->names));
        if (s->names == NULL)
            abort();
    }
    return s->names[s->len++];
}

bool inhand_add(struct inhand *h, int partition, const char *fn, const char *entry, bool once)
{
    char name[NAME_SIZE];
    make_name(name, partition, fn, entry);
    (void)pthread_mutex_lock(&h->lock);
    bool add = !once || find(&h->all, name) < 0;
    if (add)
        memcpy(new_place(&h->all), name, NAME_SIZE);
    (void)pthread_mutex_unlock(&h->lock);
    return add;
}

void inhand_remove(struct inhand *h, int partition, const char *fn, const char *entry)
{
    char name[NAME_SIZE];
    make_name(name, partition, fn, entry);
    (void)pthread_mutex_lock(&h->lock);
    ssize_t at = find(&h->all, name);
    if (at >= 0 && (size_t)at != --h->all.len)
        memcpy(h->all.names[at], h->all.names[h->all.len], NAME_SIZE);
    (void)pthread_mutex_unlock(&h->lock);
}

struct inhand_snapshot *inhand_snapshot(struct inhand *h)
{
    struct inhand_snapshot *s = calloc(1, sizeof(*s));
    if (s == NULL)
        abort();
    (void)pthread_mutex_lock(&h->lock);
    s->len = h->all.len;
    s->names = calloc(s->len + 1, sizeof(*s->names));
    if (s->names == NULL)
        abort();
    if (s->len > 0)
        memcpy(s->names, h->all.names, s->len * sizeof(*s->names));
    (void)pthread_mutex_unlock(&h->lock);
    return s;
}

bool inhand_has(const struct inhand_snapshot *s, int partition, const char *fn, const char *entry)
{
    char name[NAME_SIZE];
    make_name(name, partition, fn, entry);
    return find(s, name) >= 0;
}

void inhand_snapshot_free(struct inhand_snapshot *s)
{
    free(s->names);
    free(s);
}
