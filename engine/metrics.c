#include "metrics.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "process_metrics.h"

enum { MAX_BUCKETS = 16, MAX_COLLECTORS = 8, FIRST_TABLE = 64 };

struct metric_def {
    const char *name, *help, *labels;
    enum metric_kind kind;
    int daemons;
    const double *edges; /* of a histogram, growing */
    size_t edge_count;
};

static const double edges_NONE[] = METRIC_BUCKETS_NONE, edges_WAIT[] = METRIC_BUCKETS_WAIT,
                    edges_SPAN[] = METRIC_BUCKETS_SPAN, edges_CALL[] = METRIC_BUCKETS_CALL,
                    edges_LATE[] = METRIC_BUCKETS_LATE;

static const struct metric_def defs[METRIC_COUNT] = {
#define X(id, name_, kind_, buckets, daemons_, labels_, help_)                                     \
    {.name = "chronos_" name_,                                                                     \
     .help = help_,                                                                                \
     .labels = labels_,                                                                            \
     .kind = METRIC_##kind_,                                                                       \
     .daemons = METRIC_OF_##daemons_,                                                              \
     .edges = edges_##buckets,                                                                     \
     .edge_count = METRIC_##kind_ == METRIC_HISTOGRAM ? ARRAY_LEN(edges_##buckets) : 0},
    METRICS(X)
#undef X
};

/* What one thread has counted of a series. Only that thread writes; whoever renders reads. */
struct cell {
    struct series *series;
    struct cell *next_of_series, *next_of_thread;
    _Atomic double sum;
    _Atomic uint64_t counts[]; /* of a histogram: per bucket, the last one without an edge */
};

struct series {
    struct series *next;
    enum metric metric;
    uint64_t hash;
    char *labels[METRIC_LABELS];
    struct cell *cells;
    double sum;       /* of threads that have ended; a gauge's value */
    uint64_t *counts; /* likewise */
    bool is_set;      /* of a gauge: since the last metric_drop_stale, */
    bool is_shown;    /* and whether it has a value */
};

/* A thread's cells, found by hash. */
struct local {
    struct cell **table; /* open addressing; NULL = free */
    size_t cap, count;
    struct cell *cells;
};

static atomic_bool on;
static pthread_key_t local_key;
static __thread struct local *local;

static pthread_mutex_t lock =
    PTHREAD_MUTEX_INITIALIZER; /* guards what follows, not cells' values */
static struct series *series_of[METRIC_COUNT];
static size_t series_count[METRIC_COUNT];
static struct {
    void (*collect)(void *arg);
    void *arg;
} collectors[MAX_COLLECTORS];
static pthread_mutex_t scrape_lock = PTHREAD_MUTEX_INITIALIZER; /* guards collectors */

static void *allocate(size_t size)
{
    void *p = calloc(1, size);
    if (p == NULL)
        abort(); /* a few kilobytes */
    return p;
}

/* ---- finding ---- */

static uint64_t hash_of(enum metric m, const char *const labels[METRIC_LABELS])
{
    uint64_t h = 14695981039346656037u ^ (uint64_t)m;
    for (int i = 0; i < METRIC_LABELS && labels[i] != NULL; i++) {
        for (const unsigned char *p = (const unsigned char *)labels[i]; *p != '\0'; p++)
            h = (h ^ *p) * 1099511628211u;
        h = (h ^ 0xff) * 1099511628211u;
    }
    return h ^ h >> 29;
}

static bool is_series(const struct series *s, enum metric m, uint64_t hash,
                      const char *const labels[METRIC_LABELS])
{
    if (s->hash != hash || s->metric != m)
        return false;
    for (int i = 0; i < METRIC_LABELS; i++) {
        bool ends = s->labels[i] == NULL || labels[i] == NULL;
        if (ends)
            return s->labels[i] == labels[i];
        if (strcmp(s->labels[i], labels[i]) != 0)
            return false;
    }
    return true;
}

/* Under the lock. NULL when there are too many. */
static struct series *find_series(enum metric m, uint64_t hash,
                                  const char *const labels[METRIC_LABELS])
{
    struct series *s;
    for (s = series_of[m]; s != NULL; s = s->next) {
        if (is_series(s, m, hash, labels))
            return s;
    }
    if (series_count[m] >= METRIC_MAX_SERIES)
        return NULL;
    s = allocate(sizeof(*s));
    s->metric = m;
    s->hash = hash;
    for (int i = 0; i < METRIC_LABELS && labels[i] != NULL; i++) {
        s->labels[i] = strdup(labels[i]);
        if (s->labels[i] == NULL)
            abort();
    }
    s->counts = allocate((defs[m].edge_count + 1) * sizeof(*s->counts));
    s->next = series_of[m];
    series_of[m] = s;
    series_count[m]++;
    return s;
}

/* ---- a thread's cells ---- */

/* What the thread has counted stays with the series. */
static void end_local(void *arg)
{
    struct local *l = arg;
    (void)pthread_mutex_lock(&lock);
    for (struct cell *c = l->cells, *next; c != NULL; c = next) {
        struct series *s = c->series;
        struct cell **at = &s->cells;
        next = c->next_of_thread;
        while (*at != c)
            at = &(*at)->next_of_series;
        *at = c->next_of_series;
        s->sum += atomic_load_explicit(&c->sum, memory_order_relaxed);
        for (size_t i = 0; defs[s->metric].edge_count > 0 && i <= defs[s->metric].edge_count; i++)
            s->counts[i] += atomic_load_explicit(&c->counts[i], memory_order_relaxed);
        free(c);
    }
    (void)pthread_mutex_unlock(&lock);
    free(l->table);
    free(l);
    local = NULL;
}

static void place(struct local *l, struct cell *c)
{
    size_t i = c->series->hash & (l->cap - 1);
    while (l->table[i] != NULL)
        i = (i + 1) & (l->cap - 1);
    l->table[i] = c;
}

static void add_local(struct local *l, struct cell *c)
{
    if (l->table == NULL || 2 * (l->count + 1) > l->cap) {
        free(l->table);
        l->cap = l->cap > 0 ? 2 * l->cap : FIRST_TABLE;
        l->table = allocate(l->cap * sizeof(struct cell *));
        for (struct cell *old = l->cells; old != NULL; old = old->next_of_thread)
            place(l, old);
    }
    c->next_of_thread = l->cells;
    l->cells = c;
    l->count++;
    place(l, c);
}

static struct cell *new_cell(enum metric m, uint64_t hash, const char *const labels[METRIC_LABELS])
{
    if (local == NULL) {
        local = allocate(sizeof(*local));
        (void)pthread_setspecific(local_key, local);
    }
    struct cell *c = NULL;
    (void)pthread_mutex_lock(&lock);
    struct series *s = find_series(m, hash, labels);
    if (s != NULL) {
        c = allocate(sizeof(*c) + (defs[m].edge_count + 1) * sizeof(c->counts[0]));
        c->series = s;
        c->next_of_series = s->cells;
        s->cells = c;
    }
    (void)pthread_mutex_unlock(&lock);
    if (c != NULL)
        add_local(local, c);
    return c;
}

static struct cell *find_cell(enum metric m, const char *const labels[METRIC_LABELS])
{
    uint64_t hash = hash_of(m, labels);
    const struct local *l = local;
    for (size_t i = hash; l != NULL && l->table != NULL; i++) {
        struct cell *c = l->table[i & (l->cap - 1)];
        if (c == NULL)
            break;
        if (is_series(c->series, m, hash, labels))
            return c;
    }
    struct cell *c = new_cell(m, hash, labels);
    if (c == NULL && m != METRIC_METRICS_DROPPED)
        metric_add(METRIC_METRICS_DROPPED, 1);
    return c;
}

/* The thread is the only one that writes, so a load and a store are enough. */
static void grow(struct cell *c, double value)
{
    double sum = atomic_load_explicit(&c->sum, memory_order_relaxed);
    atomic_store_explicit(&c->sum, sum + value, memory_order_relaxed);
}

void metric_add_labels(enum metric m, double value, const char *const labels[METRIC_LABELS])
{
    if (!atomic_load_explicit(&on, memory_order_relaxed))
        return;
    struct cell *c = find_cell(m, labels);
    if (c != NULL)
        grow(c, value);
}

void metric_observe_labels(enum metric m, double value, const char *const labels[METRIC_LABELS])
{
    if (!atomic_load_explicit(&on, memory_order_relaxed))
        return;
    struct cell *c = find_cell(m, labels);
    if (c == NULL)
        return;
    size_t i = 0;
    value = value > 0 ? value : 0; /* clocks of two machines differ a little */
    while (i < defs[m].edge_count && value > defs[m].edges[i])
        i++;
    uint64_t n = atomic_load_explicit(&c->counts[i], memory_order_relaxed);
    atomic_store_explicit(&c->counts[i], n + 1, memory_order_relaxed);
    grow(c, value);
}

/* In the list of series, without a cell: those are for threads that note something. */
void metric_show_labels(enum metric m, const char *const labels[METRIC_LABELS])
{
    if (!atomic_load_explicit(&on, memory_order_relaxed))
        return;
    (void)pthread_mutex_lock(&lock);
    bool is_full = find_series(m, hash_of(m, labels), labels) == NULL;
    (void)pthread_mutex_unlock(&lock);
    if (is_full)
        metric_add(METRIC_METRICS_DROPPED, 1);
}

/* ---- gauges ---- */

void metric_set_labels(enum metric m, double value, const char *const labels[METRIC_LABELS])
{
    if (!atomic_load_explicit(&on, memory_order_relaxed))
        return;
    (void)pthread_mutex_lock(&lock);
    struct series *s = find_series(m, hash_of(m, labels), labels);
    if (s != NULL) {
        s->sum = value;
        s->is_set = s->is_shown = true;
    }
    (void)pthread_mutex_unlock(&lock);
    if (s == NULL)
        metric_add(METRIC_METRICS_DROPPED, 1);
}

void metric_drop_stale(enum metric m)
{
    (void)pthread_mutex_lock(&lock);
    for (struct series *s = series_of[m]; s != NULL; s = s->next) {
        s->is_shown = s->is_shown && s->is_set;
        s->is_set = false;
    }
    (void)pthread_mutex_unlock(&lock);
}

/* ---- start ---- */

void metrics_init(enum metric_daemon daemon, const char *version)
{
    static const char *const none[METRIC_LABELS] = {NULL};
    if (atomic_load(&on))
        return;
    if (pthread_key_create(&local_key, end_local) != 0)
        abort(); /* at start */
    (void)pthread_mutex_lock(&lock);
    for (int m = 0; m < METRIC_COUNT; m++) {
        if ((defs[m].daemons & (int)daemon) != 0 && *defs[m].labels == '\0')
            find_series((enum metric)m, hash_of((enum metric)m, none), none)->is_shown =
                defs[m].kind == METRIC_GAUGE;
    }
    (void)pthread_mutex_unlock(&lock);
    atomic_store(&on, true);
    metric_set(METRIC_BUILD_INFO, 1, version);
}

bool metrics_are_on(void)
{
    return atomic_load_explicit(&on, memory_order_relaxed);
}

void metrics_on_scrape(void (*collect)(void *arg), void *arg)
{
    (void)pthread_mutex_lock(&scrape_lock);
    for (size_t i = 0; i < MAX_COLLECTORS; i++) {
        if (collectors[i].collect == NULL) {
            collectors[i].collect = collect;
            collectors[i].arg = arg;
            break;
        }
    }
    (void)pthread_mutex_unlock(&scrape_lock);
}

void metrics_off_scrape(void (*collect)(void *arg))
{
    (void)pthread_mutex_lock(&scrape_lock);
    for (size_t i = 0; i < MAX_COLLECTORS; i++) {
        if (collectors[i].collect == collect)
            collectors[i].collect = NULL;
    }
    (void)pthread_mutex_unlock(&scrape_lock);
}

/* ---- rendering ---- */

static bool add_escaped(struct buf *out, const char *text)
{
    bool ok = true;
    for (; *text != '\0' && ok; text++) {
        if (*text == '\n')
            ok = buf_adds(out, "\\n");
        else
            ok = (*text != '"' && *text != '\\' ? true : buf_addc(out, '\\')) &&
                 buf_addc(out, *text);
    }
    return ok;
}

/* {name="value",…} with `le` last when it is not NULL. */
static bool add_labels(struct buf *out, const struct series *s, const char *le)
{
    const char *name = defs[s->metric].labels;
    bool ok = true, any = false;
    for (int i = 0; i < METRIC_LABELS && s->labels[i] != NULL && ok; i++) {
        int n = (int)strcspn(name, ",");
        ok = buf_addf(out, "%s%.*s=\"", any ? "," : "{", n, name) &&
             add_escaped(out, s->labels[i]) && buf_addc(out, '"');
        name += name[n] == ',' ? n + 1 : n;
        any = true;
    }
    if (le != NULL) {
        ok = ok && buf_addf(out, "%sle=\"%s\"", any ? "," : "{", le);
        any = true;
    }
    return ok && (!any || buf_addc(out, '}'));
}

static bool add_sample(struct buf *out, const struct series *s, const char *suffix, const char *le,
                       double value)
{
    return buf_adds(out, defs[s->metric].name) && buf_adds(out, suffix) && add_labels(out, s, le) &&
           buf_addf(out, " %.16g\n", value);
}

static double sum_of(const struct series *s)
{
    double sum = s->sum;
    for (const struct cell *c = s->cells; c != NULL; c = c->next_of_series)
        sum += atomic_load_explicit(&c->sum, memory_order_relaxed);
    return sum;
}

static uint64_t count_of(const struct series *s, size_t bucket)
{
    uint64_t n = s->counts[bucket];
    for (const struct cell *c = s->cells; c != NULL; c = c->next_of_series)
        n += atomic_load_explicit(&c->counts[bucket], memory_order_relaxed);
    return n;
}

static bool add_histogram(struct buf *out, const struct series *s)
{
    const struct metric_def *d = &defs[s->metric];
    uint64_t total = 0;
    bool ok = true;
    for (size_t i = 0; i <= d->edge_count && ok; i++) {
        char le[24] = "+Inf";
        if (i < d->edge_count)
            (void)snprintf(le, sizeof(le), "%g", d->edges[i]);
        total += count_of(s, i);
        ok = add_sample(out, s, "_bucket", le, (double)total);
    }
    return ok && add_sample(out, s, "_sum", NULL, sum_of(s)) &&
           add_sample(out, s, "_count", NULL, (double)total);
}

static bool add_metric(struct buf *out, enum metric m)
{
    static const char *const kinds[] = {"counter", "gauge", "histogram"};
    const struct metric_def *d = &defs[m];
    bool ok = true, any = false;
    for (const struct series *s = series_of[m]; s != NULL && ok; s = s->next) {
        if (d->kind == METRIC_GAUGE && !s->is_shown)
            continue;
        if (!any)
            ok = buf_addf(out, "# HELP %s %s\n# TYPE %s %s\n", d->name, d->help, d->name,
                          kinds[d->kind]);
        any = true;
        ok = ok && (d->kind == METRIC_HISTOGRAM ? add_histogram(out, s)
                                                : add_sample(out, s, "", NULL, sum_of(s)));
    }
    return ok;
}

bool metrics_render(struct buf *out)
{
    (void)pthread_mutex_lock(&scrape_lock);
    for (size_t i = 0; i < MAX_COLLECTORS; i++) {
        if (collectors[i].collect != NULL)
            collectors[i].collect(collectors[i].arg);
    }
    (void)pthread_mutex_unlock(&scrape_lock);
    bool ok = true;
    (void)pthread_mutex_lock(&lock);
    for (int m = 0; m < METRIC_COUNT && ok; m++)
        ok = add_metric(out, (enum metric)m);
    (void)pthread_mutex_unlock(&lock);
    return ok && process_metrics_render(out);
}
