#include "subprocess.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "clock.h"
#include "confine.h"

enum {
    MAX_ERROR_BYTES = 64 * 1024,
    POLL_MS = 200,
    GRACE_MS = 2000, /* between the polite signal and the other one */
    MAX_OPEN_FILES = 64,
};

static const uint64_t max_memory = 2ULL << 30;

struct child {
    pid_t pid;
    int out;
    int err;
    int64_t deadline_ms;
    int64_t kill_ms; /* when SIGKILL follows SIGTERM; 0 = not asked to end yet */
    bool cancelled;
    bool timed_out;
};

void subprocess_release(struct subprocess_result *r)
{
    buf_release(&r->out);
    buf_release(&r->errors);
}

/* ---- in the child: only calls that are safe after fork in a threaded program ---- */

static void limit(int resource, uint64_t value)
{
    struct rlimit l = {.rlim_cur = value, .rlim_max = value};
    (void)setrlimit((__rlimit_resource_t)resource, &l); /* lowering cannot be refused */
}

static void set_limits(const struct subprocess *p)
{
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_CPU, (uint64_t)p->cpu_seconds);
    limit(RLIMIT_FSIZE, p->max_file_bytes);
    limit(RLIMIT_NOFILE, MAX_OPEN_FILES);
    limit(RLIMIT_AS, max_memory);
}

/* Worker threads block signals and ignore SIGPIPE; both would be inherited through exec. */
static void reset_signals(void)
{
    sigset_t none;
    struct sigaction by_default = {.sa_handler = SIG_DFL};
    (void)sigemptyset(&none);
    (void)sigaction(SIGPIPE, &by_default, NULL);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

__attribute__((noreturn)) static void become(const struct subprocess *p, const char *program,
                                             pid_t parent, int null, int out, int err,
                                             char *const *env)
{
    (void)setpgid(0, 0);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(127); /* the parent died before the line above */
    reset_signals();
    if (dup2(null, 0) < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0)
        _exit(127);
    (void)close_range(3, ~0U, 0);
    set_limits(p);
    confine();
    (void)execve(program, (char *const *)p->argv, env);
    _exit(127);
}

/* ---- the parent ---- */

static bool is_program(const char *path)
{
    return access(path, X_OK) == 0;
}

/* Done before the fork, since searching PATH allocates. */
static bool find_program(const char *name, char *out, size_t out_size)
{
    if (strchr(name, '/') != NULL)
        return (size_t)snprintf(out, out_size, "%s", name) < out_size && is_program(out);
    const char *path = getenv("PATH");
    if (path == NULL || *path == '\0')
        path = "/usr/local/bin:/usr/bin:/bin";
    while (true) {
        size_t n = strcspn(path, ":");
        if (n > 0 && (size_t)snprintf(out, out_size, "%.*s/%s", (int)n, path, name) < out_size &&
            is_program(out))
            return true;
        if (path[n] == '\0')
            return false;
        path += n + 1;
    }
}

static bool open_pipes(int out[2], int err[2])
{
    if (pipe2(out, O_CLOEXEC) != 0)
        return false;
    if (pipe2(err, O_CLOEXEC) == 0)
        return true;
    (void)close(out[0]);
    (void)close(out[1]);
    return false;
}

static bool start(const struct subprocess *p, const char *program, struct child *c)
{
    int out[2], err[2];
    char path[1100] = "PATH=/usr/local/bin:/usr/bin:/bin", lang[] = "LANG=C";
    char *const env[] = {path, lang, NULL};
    auto_close int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (null < 0 || !open_pipes(out, err))
        return false;
    pid_t parent = getpid();
    c->pid = fork();
    if (c->pid == 0)
        become(p, program, parent, null, out[1], err[1], env);
    (void)close(out[1]);
    (void)close(err[1]);
    if (c->pid < 0) {
        (void)close(out[0]);
        (void)close(err[0]);
        return false;
    }
    (void)setpgid(c->pid, c->pid); /* both sides do it, so that neither can be too late */
    c->out = out[0];
    c->err = err[0];
    return true;
}

/* Reads what is there; closes and forgets the descriptor at its end. */
static void drain(int *fd, struct buf *b)
{
    char chunk[16384];
    ssize_t n = read(*fd, chunk, sizeof(chunk));
    if (n > 0) {
        size_t room = b->max_bytes - b->len;
        (void)!buf_add(b, chunk, (size_t)n < room ? (size_t)n : room); /* always fits */
    } else if (n == 0 || errno != EINTR) {
        (void)close(*fd);
        *fd = -1;
    }
}

static void signal_group(const struct child *c, int sig)
{
    (void)kill(-c->pid, sig); /* may be gone already */
}

static void watch(const struct subprocess *p, struct child *c)
{
    int64_t now = mono_ms();
    if (c->kill_ms > 0) {
        if (now >= c->kill_ms)
            signal_group(c, SIGKILL);
        return;
    }
    c->cancelled = p->is_cancelled != NULL && p->is_cancelled(p->arg);
    c->timed_out = !c->cancelled && now >= c->deadline_ms;
    if (c->cancelled || c->timed_out) {
        signal_group(c, SIGTERM);
        c->kill_ms = now + GRACE_MS;
    }
}

/* Until the child has ended. Its pipes may stay open beyond that in a grandchild, which is killed with the group. */
static int wait_child(const struct subprocess *p, struct child *c, struct subprocess_result *r)
{
    int status = 0;
    bool ended = false;
    while (!ended || c->out >= 0 || c->err >= 0) {
        struct pollfd fds[] = {{.fd = c->out, .events = POLLIN}, {.fd = c->err, .events = POLLIN}};
        bool pipes = c->out >= 0 || c->err >= 0;
        (void)poll(fds, ARRAY_LEN(fds), pipes ? POLL_MS : 10);
        if (fds[0].revents != 0)
            drain(&c->out, &r->out);
        if (fds[1].revents != 0)
            drain(&c->err, &r->errors);
        if (!ended && waitpid(c->pid, &status, WNOHANG) == c->pid) {
            ended = true;
            signal_group(c, SIGKILL);
        }
        if (!ended)
            watch(p, c);
    }
    return status;
}

bool subprocess_run(const struct subprocess *p, struct subprocess_result *ret, struct err *e)
{
    char program[1024];
    if (!find_program(p->argv[0], program, sizeof(program)))
        return err_set(e, ERR_STOP_PROVIDER, "%s is not installed", p->argv[0]);
    struct child c = {.out = -1, .err = -1, .deadline_ms = mono_ms() + p->timeout_ms};
    if (!start(p, program, &c))
        return err_set(e, ERR_RETRY, "%s cannot be started: %s", p->argv[0], strerror(errno));
    struct subprocess_result r = {.exit_code = -1};
    buf_init(&r.out, p->max_out_bytes);
    buf_init(&r.errors, MAX_ERROR_BYTES);
    int status = wait_child(p, &c, &r);
    if (c.cancelled) {
        subprocess_release(&r);
        return err_set(e, ERR_STOPPING, "%s: stopped before it was done", p->argv[0]);
    }
    r.timed_out = c.timed_out;
    if (WIFEXITED(status))
        r.exit_code = WEXITSTATUS(status);
    else
        r.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    *ret = r;
    return true;
}
