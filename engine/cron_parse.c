#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "cron.h"
#include "quote.h"
#include "timezone.h"

enum { MINUTE, HOUR, DAY, MONTH, WEEKDAY, FIELD_COUNT };

struct field {
    const char *name;
    int low, high;
    int last;          /* where * and an open step end: Sunday is not counted twice */
    const char *names; /* of three letters each, from `low` on; NULL: has none */
    const char *hint;  /* about the names, for messages */
};

static const struct field fields[FIELD_COUNT] = {
    [MINUTE] = {"minute", 0, 59, 59, NULL, ""},
    [HOUR] = {"hour", 0, 23, 23, NULL, ""},
    [DAY] = {"day-of-month", 1, 31, 31, NULL, ""},
    [MONTH] = {"month", 1, 12, 12, "janfebmaraprmayjunjulaugsepoctnovdec", " or jan to dec"},
    [WEEKDAY] = {"day-of-week", 0, 7, 6, "sunmontuewedthufrisat", " or sun to sat"},
};

static const struct {
    const char *name, *text;
} descriptors[] = {
    {"@yearly", "0 0 1 1 *"}, {"@annually", "0 0 1 1 *"}, {"@monthly", "0 0 1 * *"},
    {"@weekly", "0 0 * * 0"}, {"@daily", "0 0 * * *"},    {"@midnight", "0 0 * * *"},
    {"@hourly", "0 * * * *"},
};

/* A piece of the text, or what is left of one. */
struct piece {
    const char *p;
    size_t len;
};

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static void advance(struct piece *t, size_t n)
{
    t->p += n;
    t->len -= n;
}

static bool take(struct piece *t, char c)
{
    if (t->len == 0 || *t->p != c)
        return false;
    advance(t, 1);
    return true;
}

/* Up to the next space, without those around it; empty at the end. */
static struct piece take_word(struct piece *text)
{
    while (text->len > 0 && is_space(*text->p))
        advance(text, 1);
    struct piece word = {text->p, 0};
    while (word.len < text->len && !is_space(text->p[word.len]))
        word.len++;
    advance(text, word.len);
    return word;
}

static struct piece take_list_item(struct piece *list)
{
    const char *comma = memchr(list->p, ',', list->len);
    struct piece item = {list->p, comma != NULL ? (size_t)(comma - list->p) : list->len};
    advance(list, item.len);
    return item;
}

static bool take_number(struct piece *t, int min, int max, int *ret)
{
    int n = 0;
    if (t->len == 0 || !isdigit((unsigned char)*t->p))
        return false;
    for (; t->len > 0 && isdigit((unsigned char)*t->p); advance(t, 1)) {
        n = n * 10 + (*t->p - '0');
        if (n > max)
            return false;
    }
    *ret = n;
    return n >= min;
}

static bool take_name(const struct field *f, struct piece *t, int *ret)
{
    if (f->names == NULL || t->len < 3 || (t->len > 3 && isalpha((unsigned char)t->p[3])))
        return false;
    for (int i = 0; f->names[i] != '\0'; i += 3) {
        if (strncasecmp(f->names + i, t->p, 3) == 0) {
            *ret = f->low + i / 3;
            advance(t, 3);
            return true;
        }
    }
    return false;
}

static bool take_value(const struct field *f, struct piece *t, int *ret)
{
    return take_number(t, f->low, f->high, ret) || take_name(f, t, ret);
}

static bool is_day(const struct field *f)
{
    return f == &fields[DAY] || f == &fields[WEEKDAY];
}

/* What other schedulers know and this one does not, by the letter that stands for it; NULL. */
static const char *find_extension(const struct field *f, struct piece item)
{
    for (size_t i = 0; is_day(f) && i < item.len; i++) {
        bool alone = (i == 0 || !isalpha((unsigned char)item.p[i - 1])) &&
                     (i + 1 == item.len || !isalpha((unsigned char)item.p[i + 1]));
        if (item.p[i] == '#')
            return "# (the n-th weekday) is not supported, ";
        if (alone && toupper((unsigned char)item.p[i]) == 'L')
            return "L (the last) is not supported, ";
        if (alone && toupper((unsigned char)item.p[i]) == 'W')
            return "W (the nearest working day) is not supported, ";
    }
    return NULL;
}

static bool refuse(const struct field *f, struct piece whole, const char *why, struct err *e)
{
    return err_set(e, ERR_INPUT, "%s field '%s': %smust be from %d to %d%s", f->name,
                   quote(whole.p, whole.len).text, why != NULL ? why : "", f->low, f->high,
                   f->hint);
}

struct range {
    int low, high, step;
    bool is_value; /* low alone was written */
};

/* A range may end on Sunday as on the seventh day: sat-sun. */
static bool take_range(const struct field *f, struct piece *item, struct range *ret)
{
    *ret = (struct range){f->low, f->last, 1, false};
    if (take(item, '*') || (is_day(f) && take(item, '?')))
        return true;
    if (!take_value(f, item, &ret->low))
        return false;
    if (!take(item, '-')) {
        ret->low = f == &fields[WEEKDAY] ? ret->low % 7 : ret->low;
        ret->high = ret->low;
        ret->is_value = true;
        return true;
    }
    if (!take_value(f, item, &ret->high))
        return false;
    if (f == &fields[WEEKDAY] && ret->high == 0 && ret->low > 0)
        ret->high = 7;
    return true;
}

static bool parse_item(const struct field *f, struct piece item, struct piece whole, uint64_t *set,
                       struct err *e)
{
    struct range r;
    struct piece t = item;
    if (!take_range(f, &t, &r))
        return refuse(f, whole, find_extension(f, item), e);
    if (r.low > r.high)
        return refuse(f, whole, "a range must rise, ", e);
    if (take(&t, '/')) {
        if (!take_number(&t, 1, f->high, &r.step) || t.len > 0)
            return err_set(e, ERR_INPUT, "%s field '%s': the step must be from 1 to %d", f->name,
                           quote(whole.p, whole.len).text, f->high);
        if (r.is_value)
            r.high = f->last;
    }
    if (t.len > 0)
        return refuse(f, whole, find_extension(f, item), e);
    for (int v = r.low; v <= r.high; v += r.step)
        *set |= UINT64_C(1) << v;
    return true;
}

static bool parse_field(const struct field *f, struct piece whole, uint64_t *set, struct err *e)
{
    struct piece list = whole;
    do {
        if (!parse_item(f, take_list_item(&list), whole, set, e))
            return false;
    } while (take(&list, ','));
    return true;
}

static bool begins_with_star(const struct field *f, struct piece whole)
{
    return *whole.p == '*' || (is_day(f) && *whole.p == '?');
}

/* Any weekday comes to any date sooner or later, so only the date can be impossible. */
static bool ever_fires(const struct cron *c)
{
    static const int longest[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (c->either_day)
        return true;
    for (int month = 1; month <= 12; month++)
        if ((c->months >> month & 1) != 0 &&
            (c->days & ((UINT64_C(2) << longest[month - 1]) - 1)) != 0)
            return true;
    return false;
}

static bool fill(struct cron *c, const struct piece *words, struct err *e)
{
    uint64_t sets[FIELD_COUNT] = {0};
    bool star[FIELD_COUNT];
    for (int i = 0; i < FIELD_COUNT; i++) {
        if (!parse_field(&fields[i], words[i], &sets[i], e))
            return false;
        star[i] = begins_with_star(&fields[i], words[i]);
    }
    *c = (struct cron){
        .minutes = sets[MINUTE],
        .hours = (uint32_t)sets[HOUR],
        .days = (uint32_t)sets[DAY],
        .months = (uint32_t)sets[MONTH],
        .weekdays = (uint32_t)((sets[WEEKDAY] | sets[WEEKDAY] >> 7) & 0x7F),
        .either_day = !star[DAY] && !star[WEEKDAY],
        .every_hour = star[HOUR],
        .catches_up = !star[HOUR] && !star[MINUTE],
    };
    if (!ever_fires(c))
        return err_set(e, ERR_INPUT, "day-of-month field '%s': never comes in month '%s'",
                       quote(words[DAY].p, words[DAY].len).text,
                       quote(words[MONTH].p, words[MONTH].len).text);
    return true;
}

static bool parse_fields(struct cron *c, struct piece text, struct err *e)
{
    struct piece words[FIELD_COUNT], rest = text, word;
    int n = 0;
    for (; (word = take_word(&rest)).len > 0; n++)
        if (n < FIELD_COUNT)
            words[n] = word;
    if (n != FIELD_COUNT)
        return err_set(e, ERR_INPUT,
                       "'%s': has %d field%s, must have 5: minute hour day-of-month month "
                       "day-of-week",
                       quote(text.p, text.len).text, n, n == 1 ? "" : "s");
    return fill(c, words, e);
}

static bool parse_descriptor(struct cron *c, struct piece text, struct err *e)
{
    for (size_t i = 0; i < ARRAY_LEN(descriptors); i++) {
        const char *name = descriptors[i].name, *same = descriptors[i].text;
        if (text.len == strlen(name) && strncasecmp(text.p, name, text.len) == 0)
            return parse_fields(c, (struct piece){same, strlen(same)}, e);
    }
    return err_set(e, ERR_INPUT,
                   "'%s': must be @yearly, @annually, @monthly, @weekly, @daily, @midnight or "
                   "@hourly",
                   quote(text.p, text.len).text);
}

static struct piece trim(struct piece text)
{
    while (text.len > 0 && is_space(text.p[text.len - 1]))
        text.len--;
    while (text.len > 0 && is_space(*text.p))
        advance(&text, 1);
    return text;
}

/* Takes TZ=… off the text. The name is cut where it is too long to be one. */
static bool take_zone_name(struct piece *text, char *name, size_t size)
{
    static const char *const prefixes[] = {"TZ=", "CRON_TZ="};
    for (size_t i = 0; i < ARRAY_LEN(prefixes); i++) {
        size_t n = strlen(prefixes[i]);
        if (text->len >= n && memcmp(text->p, prefixes[i], n) == 0) {
            struct piece word = take_word(text);
            advance(&word, n);
            (void)snprintf(name, size, "%.*s", (int)(word.len < size ? word.len : size), word.p);
            return true;
        }
    }
    return false;
}

bool cron_parse_in(struct cron *c, const char *text, const char *zone_dir, struct err *e)
{
    char name[ZONE_NAME_MAX + 2];
    struct cron parsed;
    struct zone *zone = NULL;
    struct piece rest = trim((struct piece){text, strlen(text)});
    if (take_zone_name(&rest, name, sizeof(name)) && (zone = zone_load(name, zone_dir, e)) == NULL)
        return false;
    rest = trim(rest);
    bool described = rest.len > 0 && *rest.p == '@';
    if (!(described ? parse_descriptor(&parsed, rest, e) : parse_fields(&parsed, rest, e))) {
        zone_free(zone);
        return false;
    }
    parsed.zone = zone;
    *c = parsed;
    return true;
}

bool cron_parse(struct cron *c, const char *text, struct err *e)
{
    return cron_parse_in(c, text, NULL, e);
}
