/* compiler.h: attributes, cleanup types and banned calls that every file of the project shares. */
#pragma once

/* before the poison below: these headers declare the banned calls */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))
#define MUST_CHECK             __attribute__((warn_unused_result))
#define CLEANUP(fn)            __attribute__((cleanup(fn)))
#define ARRAY_LEN(a)           (sizeof(a) / sizeof((a)[0]))

static inline void cleanup_free(void *p)
{
    free(*(void **)p);
}

static inline void cleanup_close(const int *fd)
{
    if (*fd >= 0)
        (void)close(*fd); /* nothing useful can be done about a failed close of a read side */
}

/* Released when the variable goes out of scope. Hand the value on with steal(). */
#define auto_free  CLEANUP(cleanup_free)
#define auto_close CLEANUP(cleanup_close)

/* Gives the pointer on and leaves NULL behind, so that the cleanup has nothing to do. */
#define steal(p)                                                                                   \
    ({                                                                                             \
        __typeof__(*(p)) stolen_ = *(p);                                                           \
        *(p) = NULL;                                                                               \
        stolen_;                                                                                   \
    })

/* Calls without a bound on what they write. A fortified libc has some of them as macros under clang. */
#undef sprintf
#undef vsprintf
#pragma GCC poison strcpy strcat sprintf vsprintf gets strtok
