#include "timezone.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "quote.h"
#include "timezone_rule.h"

/* The largest file of tzdata has 3.5 KB and some 240 changes. */
enum { MAX_FILE = 64 << 10, MAX_CHANGES = 2048, MAX_TYPES = 256, MAX_FOOTER = 128 };

/* "No earlier than the universe": what the format's own tools write for "always so far". */
#define EDGE_OF_TIME (INT64_C(1) << 59)

struct change {
    int64_t at;
    int32_t offset; /* from then on */
};

struct zone {
    int32_t initial; /* before the first change */
    bool has_rule;
    struct zone_rule rule; /* after the last change */
    size_t n_changes;
    struct change changes[]; /* rising */
};

/* What is left of a file. */
struct reader {
    const unsigned char *p;
    size_t left;
};

struct header {
    char version;
    uint32_t utc_flags, standard_flags, leaps, times, types, chars;
};

static const unsigned char *take(struct reader *r, size_t n)
{
    if (n > r->left)
        return NULL;
    const unsigned char *p = r->p;
    r->p += n;
    r->left -= n;
    return p;
}

static uint32_t load4(const unsigned char *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static int64_t load8(const unsigned char *p)
{
    return (int64_t)((uint64_t)load4(p) << 32 | load4(p + 4));
}

static bool take_header(struct reader *r, struct header *ret, struct err *e)
{
    const unsigned char *p = take(r, 44);
    if (p == NULL || memcmp(p, "TZif", 4) != 0)
        return err_set(e, ERR_INPUT, "not a time zone file");
    *ret = (struct header){
        .version = (char)p[4],
        .utc_flags = load4(p + 20),
        .standard_flags = load4(p + 24),
        .leaps = load4(p + 28),
        .times = load4(p + 32),
        .types = load4(p + 36),
        .chars = load4(p + 40),
    };
    if (ret->version < '2')
        return err_set(e, ERR_INPUT, "the file's format is older than version 2");
    return true;
}

/* The data that follow a header; the counts have 32 bits, so 64 are enough for any of them. */
static uint64_t block_size(const struct header *h, unsigned time_size)
{
    return (uint64_t)h->times * (time_size + 1) + (uint64_t)h->types * 6 + h->chars +
           (uint64_t)h->leaps * (time_size + 4) + h->standard_flags + h->utc_flags;
}

static const unsigned char *take_block(struct reader *r, const struct header *h, unsigned time_size,
                                       struct err *e)
{
    uint64_t size = block_size(h, time_size);
    const unsigned char *p = size <= r->left ? take(r, (size_t)size) : NULL;
    return p != NULL ? p : err_null(e, ERR_INPUT, "the file is damaged: it is too short");
}

static bool check_counts(const struct header *h, struct err *e)
{
    if (h->leaps > 0) /* the zones in right/: their seconds are not those of our clocks */
        return err_set(e, ERR_INPUT, "a zone that counts leap seconds is not supported");
    if (h->types == 0 || h->types > MAX_TYPES || h->times > MAX_CHANGES)
        return err_set(e, ERR_INPUT, "the file is damaged: %u offsets and %u changes", h->types,
                       h->times);
    return true;
}

static bool read_offsets(const unsigned char *p, size_t n, int32_t *offsets, struct err *e)
{
    for (size_t i = 0; i < n; i++) {
        offsets[i] = (int32_t)load4(p + i * 6);
        if (offsets[i] < ZONE_OFFSET_MIN || offsets[i] > ZONE_OFFSET_MAX)
            return err_set(e, ERR_INPUT, "the file is damaged: an offset of %d seconds",
                           offsets[i]);
    }
    return true;
}

/* times, the type of each, then the types: the order of a block. */
static bool read_changes(struct zone *z, const unsigned char *block, const struct header *h,
                         struct err *e)
{
    int32_t offsets[MAX_TYPES] = {0};
    const unsigned char *types = block + (size_t)h->times * 8;
    if (!read_offsets(types + h->times, h->types, offsets, e))
        return false;
    z->initial = offsets[0];
    z->n_changes = h->times;
    for (size_t i = 0; i < h->times; i++) {
        int64_t at = load8(block + i * 8);
        bool rises = i == 0 ? at >= -EDGE_OF_TIME : at > z->changes[i - 1].at;
        if (!rises || at > EDGE_OF_TIME || types[i] >= h->types)
            return err_set(e, ERR_INPUT, "the file is damaged at change %zu", i);
        z->changes[i] = (struct change){at, offsets[types[i]]};
    }
    return true;
}

/* "\n<rule>\n"; an empty rule says that nothing is known beyond the last change. */
static bool read_rule(struct zone *z, struct reader *r, struct err *e)
{
    char text[MAX_FOOTER];
    const unsigned char *end = r->left > 0 ? memchr(r->p + 1, '\n', r->left - 1) : NULL;
    if (end == NULL || r->p[0] != '\n' || (size_t)(end - r->p) > sizeof(text))
        return err_set(e, ERR_INPUT, "the file is damaged: it has no last line");
    size_t n = (size_t)(end - r->p) - 1;
    memcpy(text, r->p + 1, n);
    text[n] = '\0';
    z->has_rule = n > 0;
    if (memchr(text, '\0', n) != NULL || (n > 0 && !zone_rule_parse(&z->rule, text)))
        return err_set(e, ERR_INPUT, "the file is damaged: its last line is no rule");
    return true;
}

static struct zone *zone_new(size_t n_changes)
{
    struct zone *z = calloc(1, sizeof(*z) + n_changes * sizeof(z->changes[0]));
    if (z == NULL)
        abort();
    return z;
}

struct zone *zone_parse(const void *bytes, size_t n, struct err *e)
{
    struct reader r = {bytes, n};
    struct header old, h;
    /* every file begins with a block of 32-bit times for readers of 1986 */
    if (!take_header(&r, &old, e) || take_block(&r, &old, 4, e) == NULL || !take_header(&r, &h, e))
        return NULL;
    const unsigned char *block = take_block(&r, &h, 8, e);
    if (block == NULL || !check_counts(&h, e))
        return NULL;
    struct zone *z = zone_new(h.times);
    if (!read_changes(z, block, &h, e) || !read_rule(z, &r, e)) {
        zone_free(z);
        return NULL;
    }
    return z;
}

void zone_free(struct zone *z)
{
    free(z);
}

/* Area/City. Without dots a name cannot lead out of the directory, and no other file in there is one. */
static bool is_zone_name(const char *name)
{
    size_t n = strlen(name);
    size_t plain =
        strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+/");
    return n > 0 && n <= ZONE_NAME_MAX && plain == n && name[0] != '/' && name[n - 1] != '/' &&
           strstr(name, "//") == NULL;
}

static bool read_whole(int fd, unsigned char *bytes, size_t *ret_n, struct err *e)
{
    size_t n = 0;
    for (;;) {
        ssize_t got = read(fd, bytes + n, MAX_FILE - n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return err_set(e, ERR_RETRY, "cannot read it: %s", strerror(errno));
        n += (size_t)got;
        if (got == 0 || n == MAX_FILE)
            break;
    }
    *ret_n = n;
    return true;
}

static bool open_error(const char *dir, int error, struct err *e)
{
    if (error == ENOENT || error == ENOTDIR || error == ENAMETOOLONG) {
        if (access(dir, X_OK) != 0)
            return err_set(e, ERR_RETRY, "cannot look into %s: %s", dir, strerror(errno));
        return err_set(e, ERR_INPUT, "unknown");
    }
    return err_set(e, ERR_RETRY, "cannot open it: %s", strerror(error));
}

static struct zone *load_file(const char *name, const char *dir, struct err *e)
{
    char path[4096];
    struct stat st;
    int len = snprintf(path, sizeof(path), "%s/%s", dir, name);
    if (len < 0 || (size_t)len >= sizeof(path))
        return err_null(e, ERR_INPUT, "the path of the zone files is too long");
    auto_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        (void)open_error(dir, errno, e);
        return NULL;
    }
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) /* Europe is a directory */
        return err_null(e, ERR_INPUT, "unknown");
    auto_free unsigned char *bytes = malloc(MAX_FILE);
    if (bytes == NULL)
        abort();
    size_t n = 0;
    return read_whole(fd, bytes, &n, e) ? zone_parse(bytes, n, e) : NULL;
}

struct zone *zone_load(const char *name, const char *dir, struct err *e)
{
    if (!is_zone_name(name))
        return err_null(e, ERR_INPUT, "time zone '%s': must be a name like Europe/Paris",
                        quote(name, strlen(name)).text);
    /* it is what each machine says it is */
    if (strcmp(name, "localtime") == 0)
        return err_null(e, ERR_INPUT, "time zone '%s': differs by machine, name a place", name);
    struct zone *z =
        strcmp(name, "UTC") == 0 ? zone_new(0) : load_file(name, dir != NULL ? dir : ZONE_DIR, e);
    if (z == NULL)
        (void)err_wrap(e, "time zone '%s'", name);
    return z;
}

static size_t count_until(const struct zone *z, int64_t utc)
{
    size_t low = 0, high = z->n_changes;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (z->changes[middle].at <= utc)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct zone_span zone_span_at(const struct zone *z, int64_t utc)
{
    if (z == NULL)
        return (struct zone_span){INT64_MIN, INT64_MAX, 0};
    size_t n = count_until(z, utc);
    int64_t from = n > 0 ? z->changes[n - 1].at : INT64_MIN;
    if (n < z->n_changes || !z->has_rule)
        return (struct zone_span){
            .from = from,
            .until = n < z->n_changes ? z->changes[n].at : INT64_MAX,
            .offset = n > 0 ? z->changes[n - 1].offset : z->initial,
        };
    struct zone_span s = zone_rule_span_at(&z->rule, utc);
    if (s.from < from)
        s.from = from;
    return s;
}

int32_t zone_offset(const struct zone *z, int64_t utc)
{
    return zone_span_at(z, utc).offset;
}
