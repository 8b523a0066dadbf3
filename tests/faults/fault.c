/* fault.c: makes one call of a daemon fail, to be loaded before the C library (LD_PRELOAD).
 *
 *   CHRONOS_TEST_FAULT=memory:N   the Nth allocation gives NULL
 *   CHRONOS_TEST_FAULT=call:N     the Nth call at a seam (a socket to Redis, Postgres or a service; a file or folder; the start
 *                                 of a program or a thread) fails
 *
 * Counting begins with SIGUSR2, when the daemon is ready, and goes over all threads and libraries. N = 0 only counts. What
 * happened is written into the file CHRONOS_TEST_FAULT_FILE: "failed <what>" and where at once, "counted <n>" at the end. */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum kind { NO_FAULT, MEMORY, CALL };

static enum kind wanted;
static long long nth;
static char file[512];
static atomic_llong counted;
static atomic_bool armed;

/* What would be called without us: the C library's, or the sanitizer's that was loaded after us. */
#define REAL(name) ((__typeof__(&(name)))dlsym(RTLD_NEXT, #name))

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

/* Looked up once: it is called all the time. */
#define REAL_ONCE(name)                                                                            \
    static _Atomic(__typeof__(&(name))) found;                                                     \
    __typeof__(&(name)) real = atomic_load_explicit(&found, memory_order_relaxed);                 \
    if (real == NULL)                                                                              \
    atomic_store_explicit(&found, real = REAL(name), memory_order_relaxed)

void *malloc(size_t size)
{
    REAL_ONCE(malloc);
    return fails(MEMORY, "malloc") ? none() : real(size);
}

void *calloc(size_t n, size_t size)
{
    REAL_ONCE(calloc);
    return fails(MEMORY, "calloc") ? none() : real(n, size);
}

void *realloc(void *p, size_t size)
{
    REAL_ONCE(realloc);
    return fails(MEMORY, "realloc") ? none() : real(p, size);
}

/* ---- the seams ---- */

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

int socket(int domain, int type, int protocol)
{
    return fails(CALL, "socket") ? failed(EMFILE) : REAL(socket)(domain, type, protocol);
}

int getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
                struct addrinfo **ret)
{
    return fails(CALL, "getaddrinfo") ? EAI_AGAIN : REAL(getaddrinfo)(host, port, hints, ret);
}

/* ---- files and folders: each name as it is called with and without large file support ---- */

#define OPEN(name, ...)                                                                            \
    mode_t mode = 0;                                                                               \
    if ((flags & O_CREAT) != 0) {                                                                  \
        va_list ap;                                                                                \
        va_start(ap, flags);                                                                       \
        mode = va_arg(ap, mode_t);                                                                 \
        va_end(ap);                                                                                \
    }                                                                                              \
    return fails(CALL, #name) ? failed(EMFILE) : REAL(name)(__VA_ARGS__, flags, mode)

int open(const char *path, int flags, ...)
{
    OPEN(open, path);
}

int open64(const char *path, int flags, ...)
{
    OPEN(open64, path);
}

int openat(int folder, const char *path, int flags, ...)
{
    OPEN(openat, folder, path);
}

int openat64(int folder, const char *path, int flags, ...)
{
    OPEN(openat64, folder, path);
}

static void *failed_null(int error)
{
    errno = error;
    return NULL;
}

FILE *fopen(const char *path, const char *mode)
{
    return fails(CALL, "fopen") ? failed_null(EMFILE) : REAL(fopen)(path, mode);
}

FILE *fopen64(const char *path, const char *mode)
{
    return fails(CALL, "fopen64") ? failed_null(EMFILE) : REAL(fopen64)(path, mode);
}

DIR *opendir(const char *path)
{
    return fails(CALL, "opendir") ? failed_null(EMFILE) : REAL(opendir)(path);
}

/* What is read from a stream comes from its buffer; from now on that cannot be filled any more. */
static void break_stream(FILE *f)
{
    int folder = (int)syscall(SYS_openat, AT_FDCWD, "/", O_RDONLY | O_DIRECTORY);
    (void)dup2(folder, fileno(f));
    (void)syscall(SYS_close, folder);
}

size_t fread(void *p, size_t size, size_t n, FILE *f)
{
    if (is_seam(fileno(f)) && fails(CALL, "fread"))
        break_stream(f);
    return REAL(fread)(p, size, n, f);
}

char *fgets(char *s, int size, FILE *f)
{
    if (is_seam(fileno(f)) && fails(CALL, "fgets"))
        break_stream(f);
    return REAL(fgets)(s, size, f);
}

/* The kernel gives the descriptor free, and says that what was written is lost. */
int close(int fd)
{
    bool fault = is_seam(fd) && !is_socket(fd) && fails(CALL, "close");
    int result = REAL(close)(fd);
    return fault ? failed(EIO) : result;
}

int stat(const char *path, struct stat *ret)
{
    return fails(CALL, "stat") ? failed(EIO) : REAL(stat)(path, ret);
}

int stat64(const char *path, struct stat64 *ret)
{
    return fails(CALL, "stat64") ? failed(EIO) : REAL(stat64)(path, ret);
}

int ftruncate64(int fd, off64_t length)
{
    return fails(CALL, "ftruncate64") ? failed(EIO) : REAL(ftruncate64)(fd, length);
}

off64_t lseek64(int fd, off64_t offset, int whence)
{
    return fails(CALL, "lseek64") ? failed(EIO) : REAL(lseek64)(fd, offset, whence);
}

int fsync(int fd)
{
    return fails(CALL, "fsync") ? failed(EIO) : REAL(fsync)(fd);
}

int flock(int fd, int operation)
{
    return fails(CALL, "flock") ? failed(ENOLCK) : REAL(flock)(fd, operation);
}

int mkdir(const char *path, mode_t mode)
{
    return fails(CALL, "mkdir") ? failed(ENOSPC) : REAL(mkdir)(path, mode);
}

char *mkdtemp(char *template)
{
    return fails(CALL, "mkdtemp") ? failed_null(ENOSPC) : REAL(mkdtemp)(template);
}

int renameat(int from_folder, const char *from, int to_folder, const char *to)
{
    return fails(CALL, "renameat") ? failed(ENOSPC)
                                   : REAL(renameat)(from_folder, from, to_folder, to);
}

int unlink(const char *path)
{
    return fails(CALL, "unlink") ? failed(EIO) : REAL(unlink)(path);
}

int unlinkat(int folder, const char *path, int flags)
{
    return fails(CALL, "unlinkat") ? failed(EIO) : REAL(unlinkat)(folder, path, flags);
}

int rmdir(const char *path)
{
    return fails(CALL, "rmdir") ? failed(EIO) : REAL(rmdir)(path);
}

/* ---- programs and threads ---- */

int pipe2(int ends[2], int flags)
{
    return fails(CALL, "pipe2") ? failed(EMFILE) : REAL(pipe2)(ends, flags);
}

pid_t fork(void)
{
    return fails(CALL, "fork") ? failed(EAGAIN) : REAL(fork)();
}

int pthread_create(pthread_t *id, const pthread_attr_t *attr, void *(*run)(void *), void *arg)
{
    return fails(CALL, "pthread_create") ? EAGAIN : REAL(pthread_create)(id, attr, run, arg);
}
