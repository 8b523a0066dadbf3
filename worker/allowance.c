#include "allowance.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "compiler.h"

enum {
    MAX_KEYS = 32, /* services that a worker talks to: a handful */
    KEY_BYTES = 96,
    LONGEST_MS = 60 * 1000, /* whatever the service says: then it is asked again */
};

/* Of requests or of tokens. */
struct left {
    int64_t remaining;  /* -1 = not known */
    int64_t renewed_ms; /* monotonic */
};

struct allowance {
    char key[KEY_BYTES];
    int under_way; /* requests that were taken and have not ended: an answer may not count them yet */
    struct left requests, tokens;
};

struct allowances {
    pthread_mutex_t lock;
    struct allowance of[MAX_KEYS];
    size_t count;
};

struct allowances *allowances_new(void)
{
    struct allowances *all = calloc(1, sizeof(*all));
    if (all == NULL)
        abort();
    (void)pthread_mutex_init(&all->lock, NULL);
    return all;
}

void allowances_free(struct allowances *all)
{
    if (all == NULL)
        return;
    (void)pthread_mutex_destroy(&all->lock);
    free(all);
}

/* NULL when there are more services than places: those are not watched. */
static struct allowance *find(struct allowances *all, const char *key)
{
    for (size_t i = 0; i < all->count; i++)
        if (strncmp(all->of[i].key, key, KEY_BYTES - 1) == 0)
            return &all->of[i];
    if (all->count == MAX_KEYS)
        return NULL;
    struct allowance *a = &all->of[all->count++];
    *a = (struct allowance){.requests.remaining = -1, .tokens.remaining = -1};
    (void)strncpy(a->key, key, KEY_BYTES - 1);
    return a;
}

static int64_t wait_of(struct left *l, int64_t now)
{
    if (l->remaining >= 0 && now >= l->renewed_ms)
        l->remaining = -1;
    return l->remaining == 0 ? l->renewed_ms - now : 0;
}

int64_t allowance_take(struct allowances *all, const char *key)
{
    int64_t now = mono_ms(), wait_ms = 0;
    (void)pthread_mutex_lock(&all->lock);
    struct allowance *a = find(all, key);
    if (a != NULL) {
        int64_t requests = wait_of(&a->requests, now), tokens = wait_of(&a->tokens, now);
        wait_ms = requests > tokens ? requests : tokens;
        if (wait_ms == 0) {
            a->under_way++;
            if (a->requests.remaining > 0)
                a->requests.remaining--;
        }
    }
    (void)pthread_mutex_unlock(&all->lock);
    return wait_ms;
}

/* `pending` requests may not be counted in what was said. */
static void note(struct left *l, const struct http_allowance *said, int64_t pending)
{
    if (said->remaining < 0 || said->reset_ms < 0)
        return;
    int64_t left = said->remaining - pending;
    l->remaining = left > 0 ? left : 0;
    l->renewed_ms = mono_ms() + (said->reset_ms < LONGEST_MS ? said->reset_ms : LONGEST_MS);
}

void allowance_note(struct allowances *all, const char *key, const struct http_response *r)
{
    (void)pthread_mutex_lock(&all->lock);
    struct allowance *a = find(all, key);
    if (a != NULL) {
        if (a->under_way > 0)
            a->under_way--;
        if (r != NULL) {
            note(&a->requests, &r->requests, a->under_way);
            note(&a->tokens, &r->tokens, 0);
        }
    }
    (void)pthread_mutex_unlock(&all->lock);
}
