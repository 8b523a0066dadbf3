#include "memory.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The linker's names: __wrap_x is what our calls of x reach, __real_x the function itself. */
void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void *__real_reallocarray(void *p, size_t n, size_t size);
char *__real_strdup(const char *s);
char *__real_strndup(const char *s, size_t n);

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);
void *__wrap_reallocarray(void *p, size_t n, size_t size);
char *__wrap_strdup(const char *s);
char *__wrap_strndup(const char *s, size_t n);
int __real_vasprintf(char **ret, const char *fmt, va_list ap);
int __wrap_vasprintf(char **ret, const char *fmt, va_list ap);
int __wrap_asprintf(char **ret, const char *fmt, ...);

/* Not through the log, which may need memory. */
static void *or_end(void *p)
{
    static const char line[] = "out of memory: this process ends, its runs are taken over\n";
    if (p == NULL) {
        (void)!write(STDERR_FILENO, line, sizeof(line) - 1);
        abort();
    }
    return p;
}

void *__wrap_malloc(size_t size)
{
    return or_end(__real_malloc(size > 0 ? size : 1));
}

void *__wrap_calloc(size_t n, size_t size)
{
    return or_end(__real_calloc(n > 0 ? n : 1, size > 0 ? size : 1));
}

void *__wrap_realloc(void *p, size_t size)
{
    return or_end(__real_realloc(p, size > 0 ? size : 1));
}

void *__wrap_reallocarray(void *p, size_t n, size_t size)
{
    return or_end(__real_reallocarray(p, n > 0 ? n : 1, size > 0 ? size : 1));
}

char *__wrap_strdup(const char *s)
{
    return or_end(__real_strdup(s));
}

char *__wrap_strndup(const char *s, size_t n)
{
    return or_end(__real_strndup(s, n));
}

int __wrap_vasprintf(char **ret, const char *fmt, va_list ap)
{
    int n = __real_vasprintf(ret, fmt, ap);
    if (n < 0)
        (void)or_end(NULL);
    return n;
}

int __wrap_asprintf(char **ret, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = __wrap_vasprintf(ret, fmt, ap);
    va_end(ap);
    return n;
}

void memory_init(void)
{
    json_set_alloc_funcs(__wrap_malloc, free);
}
