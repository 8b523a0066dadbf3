/* fault.c: makes one call of a daemon fail, to be loaded before the C library (LD_PRELOAD).
 *
 *   CHRONOS_TEST_FAULT=memory:N   the Nth allocation gives NULL
 *   CHRONOS_TEST_FAULT=call:N     the Nth call at a seam (a socket to Redis, Postgres or a service; a file) fails
 *
 * Counting begins with SIGUSR2, when the daemon is ready, and goes over all threads and libraries. N = 0 only counts. What
 * happened is written into the file CHRONOS_TEST_FAULT_FILE: "failed <what>" and where at once, "counted <n>" at the end. */
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum kind { NO_FAULT, MEMORY, CALL };

static enum kind wanted;
static long long nth;
static char file[512];
static atomic_llong counted;
static atomic_bool armed;

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t size);

/* By system calls: the functions of the same names are ours. */
static void tell(const char *word, const char *what)
{
    char line[128];
    int n = snprintf(line, sizeof(line), "%s %s\n", word, what);
    long fd = syscall(SYS_openat, AT_FDCWD, file, O_WRONLY | O_CREAT | O_APPEND, 0600);
    (void)syscall(SYS_write, fd, line, (size_t)n);
    (void)syscall(SYS_close, fd);
}

/* The calls that led here, as addr2line takes them. */
static void tell_where(void)
{
    void *frames[24];
    int n = backtrace(frames, 24);
    int fd = (int)syscall(SYS_openat, AT_FDCWD, file, O_WRONLY | O_CREAT | O_APPEND, 0600);
    backtrace_symbols_fd(frames, n, fd);
    (void)syscall(SYS_close, fd);
}

static void arm(int sig)
{
    (void)sig;
    atomic_store(&armed, true);
}

__attribute__((constructor)) static void begin(void)
{
    const char *fault = getenv("CHRONOS_TEST_FAULT"), *to = getenv("CHRONOS_TEST_FAULT_FILE");
    if (fault == NULL || to == NULL || strncmp(program_invocation_short_name, "chronos-", 8) != 0)
        return; /* the shell that starts it */
    (void)snprintf(file, sizeof(file), "%s", to);
    wanted = strncmp(fault, "memory:", 7) == 0 ? MEMORY : CALL;
    nth = atoll(strchr(fault, ':') + 1);
    /* what the daemon starts (ffmpeg) is not concerned */
    (void)unsetenv("LD_PRELOAD");
    struct sigaction sa = {.sa_handler = arm, .sa_flags = SA_RESTART};
    (void)sigaction(SIGUSR2, &sa, NULL);
    void *frame;
    (void)backtrace(&frame, 1); /* the first one loads a library, which needs memory */
}

__attribute__((destructor)) static void end(void)
{
    char number[32];
    (void)snprintf(number, sizeof(number), "%lld", (long long)atomic_load(&counted));
    if (wanted != NO_FAULT)
        tell("counted", number);
}

/* Is it this call's turn? */
static bool fails(enum kind kind, const char *what)
{
    if (kind != wanted || !atomic_load_explicit(&armed, memory_order_relaxed) ||
        atomic_fetch_add(&counted, 1) + 1 != nth)
        return false;
    tell("failed", what);
    tell_where();
    return true;
}

/* ---- memory ---- */

static void *none(void)
{
    errno = ENOMEM;
    return NULL;
}

void *malloc(size_t size)
{
    return fails(MEMORY, "malloc") ? none() : __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
    return fails(MEMORY, "calloc") ? none() : __libc_calloc(n, size);
}

void *realloc(void *p, size_t size)
{
    return fails(MEMORY, "realloc") ? none() : __libc_realloc(p, size);
}

/* ---- the seams ---- */

#define REAL(name) ((__typeof__(&(name)))dlsym(RTLD_NEXT, #name))

/* Logs go to the standard streams and pipes; only sockets and regular files are seams. */
static bool is_seam(int fd)
{
    struct stat st;
    return fd > STDERR_FILENO && fstat(fd, &st) == 0 &&
           (S_ISSOCK(st.st_mode) || S_ISREG(st.st_mode));
}

static bool is_socket(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode);
}

/* A connection that fails is broken for good, in both directions. */
static int broken(int fd, int error)
{
    (void)shutdown(fd, SHUT_RDWR);
    errno = error;
    return -1;
}

static int failed(int error)
{
    errno = error;
    return -1;
}

int connect(int fd, const struct sockaddr *address, socklen_t len)
{
    return fails(CALL, "connect") ? failed(ECONNREFUSED) : REAL(connect)(fd, address, len);
}

ssize_t send(int fd, const void *p, size_t n, int flags)
{
    return fails(CALL, "send") ? broken(fd, EPIPE) : REAL(send)(fd, p, n, flags);
}

ssize_t recv(int fd, void *p, size_t n, int flags)
{
    return fails(CALL, "recv") ? broken(fd, ECONNRESET) : REAL(recv)(fd, p, n, flags);
}

ssize_t read(int fd, void *p, size_t n)
{
    if (is_seam(fd) && fails(CALL, "read"))
        return is_socket(fd) ? broken(fd, ECONNRESET) : failed(EIO);
    return REAL(read)(fd, p, n);
}

ssize_t write(int fd, const void *p, size_t n)
{
    if (is_seam(fd) && fails(CALL, "write"))
        return is_socket(fd) ? broken(fd, EPIPE) : failed(ENOSPC);
    return REAL(write)(fd, p, n);
}

int mkdir(const char *path, mode_t mode)
{
    return fails(CALL, "mkdir") ? failed(ENOSPC) : REAL(mkdir)(path, mode);
}

int open(const char *path, int flags, ...)
{
    mode_t mode = 0;
    if ((flags & O_CREAT) != 0) {
        va_list ap;
        va_start(ap, flags);
        mode = va_arg(ap, mode_t);
        va_end(ap);
    }
    return fails(CALL, "open") ? failed(EMFILE) : REAL(open)(path, flags, mode);
}
