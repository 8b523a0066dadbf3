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

static void make_name(char out[NAME_SIZE], const char *fn, const char *entry)
{
    (void)snprintf(out, NAME_SIZE, "%s/%s", fn, entry);
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

void inhand_add(struct inhand *h, const char *fn, const char *entry)
{
    (void)pthread_mutex_lock(&h->lock);
    if (h->all.len == h->all.cap) {
        h->all.cap = h->all.cap > 0 ? h->all.cap * 2 : 64;
        h->all.names = realloc(h->all.names, h->all.cap * sizeof(*h->all.names));
        if (h->all.names == NULL)
            abort();
    }
    make_name(h->all.names[h->all.len++], fn, entry);
    (void)pthread_mutex_unlock(&h->lock);
}

void inhand_remove(struct inhand *h, const char *fn, const char *entry)
{
    char name[NAME_SIZE];
    make_name(name, fn, entry);
    (void)pthread_mutex_lock(&h->lock);
    for (size_t i = 0; i < h->all.len; i++) {
        if (strcmp(h->all.names[i], name) == 0) {
            memmove(h->all.names[i], h->all.names[--h->all.len], NAME_SIZE);
            break;
        }
    }
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

bool inhand_has(const struct inhand_snapshot *s, const char *fn, const char *entry)
{
    char name[NAME_SIZE];
    make_name(name, fn, entry);
    for (size_t i = 0; i < s->len; i++) {
        if (strcmp(s->names[i], name) == 0)
            return true;
    }
    return false;
}

void inhand_snapshot_free(struct inhand_snapshot *s)
{
    free(s->names);
    free(s);
}
