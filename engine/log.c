#include "log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "compiler.h"
#include "metrics.h"

enum { MAX_LINE = 8192, MAX_VALUE = 1024, MAX_SECRETS = 32 };

static const char *const level_names[] = {"error", "warn", "info", "debug"};
static const char *program_name = "chronos";
static enum log_level threshold = LOG_INFO;
static char *secrets[MAX_SECRETS];
static size_t secret_count;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards standard error */

void log_init(const char *program, enum log_level level)
{
    program_name = program;
    threshold = level;
}

bool log_level_parse(const char *name, enum log_level *ret)
{
    for (size_t i = 0; i < ARRAY_LEN(level_names); i++) {
        if (strcmp(name, level_names[i]) == 0) {
            *ret = (enum log_level)i;
            return true;
        }
    }
    return false;
}

bool log_enabled(enum log_level level)
{
    return level <= threshold;
}

void log_hide(const char *secret)
{
    if (secret == NULL || strlen(secret) < 6 || secret_count == MAX_SECRETS)
        return;
    secrets[secret_count] = strdup(secret);
    if (secrets[secret_count] != NULL)
        secret_count++;
}

struct line {
    char text[MAX_LINE];
    size_t len;
};

static void put(struct line *l, const char *s, size_t n)
{
    size_t room = sizeof(l->text) - 2 - l->len; /* the newline always fits */
    if (n > room)
        n = room;
    memcpy(l->text + l->len, s, n);
    l->len += n;
}

/* The length of the longest secret that begins here: one may be the beginning of another. */
static size_t secret_at(const char *s)
{
    size_t longest = 0;
    for (size_t i = 0; i < secret_count; i++) {
        size_t n = strlen(secrets[i]);
        if (n > longest && strncmp(s, secrets[i], n) == 0)
            longest = n;
    }
    return longest;
}

void log_mask(char *text)
{
    for (char *p = text; *p != '\0'; p++) {
        size_t n = secret_at(p);
        if (n == 0)
            continue;
        memcpy(p, "***", 3); /* a secret is longer */
        memmove(p + 3, p + n, strlen(p + n) + 1);
        p += 2;
    }
}

static void put_value(struct line *l, const char *v)
{
    bool plain = *v != '\0';
    for (const char *p = v; *p != '\0' && plain; p++)
        plain = (unsigned char)*p > ' ' && *p != '"' && *p != '=' && *p != '\\' && *p != 127;
    if (!plain)
        put(l, "\"", 1);
    size_t used = 0;
    for (const char *p = v; *p != '\0'; used++) {
        if (used >= MAX_VALUE + 3 || (used >= MAX_VALUE && ((unsigned char)*p & 0xC0) != 0x80)) {
            /* never inside a character */
            put(l, "...", 3);
            break;
        }
        size_t hidden = secret_at(p);
        if (hidden > 0) {
            put(l, "***", 3);
            p += hidden;
            continue;
        }
        unsigned char c = (unsigned char)*p++;
        char esc[8];
        if (c == '\n')
            put(l, "\\n", 2);
        else if (c == '"' || c == '\\')
            put(l, (char[]){'\\', (char)c}, 2);
        else if (c < ' ' || c == 127)
            put(l, esc, (size_t)snprintf(esc, sizeof(esc), "\\x%02x", c));
        else
            put(l, (char *)&c, 1);
    }
    if (!plain)
        put(l, "\"", 1);
}

void log_line(enum log_level level, const char *msg, ...)
{
    if (!log_enabled(level))
        return;
    metric_add(METRIC_LOG_LINES, 1, level_names[level]);
    struct line l = {.len = 0};
    struct timespec now;
    struct tm tm;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    (void)gmtime_r(&now.tv_sec, &tm);
    char when[80];
    int n = snprintf(when, sizeof(when), "ts=%04d-%02d-%02dT%02d:%02d:%02d.%03ldZ",
                     tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
                     now.tv_nsec / 1000000);
    put(&l, when, (size_t)n);
    put(&l, " level=", 7);
    put(&l, level_names[level], strlen(level_names[level]));
    put(&l, " prog=", 6);
    put_value(&l, program_name);
    put(&l, " msg=", 5);
    put_value(&l, msg);
    va_list ap;
    va_start(ap, msg);
    for (const char *k = va_arg(ap, const char *); k != NULL; k = va_arg(ap, const char *)) {
        const char *v = va_arg(ap, const char *);
        put(&l, " ", 1);
        put(&l, k, strlen(k));
        put(&l, "=", 1);
        put_value(&l, v != NULL ? v : "");
    }
    va_end(ap);
    l.text[l.len++] = '\n';
    (void)pthread_mutex_lock(&lock);
    (void)fwrite(l.text, 1, l.len, stderr);
    (void)pthread_mutex_unlock(&lock);
}
