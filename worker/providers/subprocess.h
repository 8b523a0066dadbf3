/* subprocess.h: runs one program on untrusted input and waits for it, within limits.
 *
 * No shell. The child gets its own process group, a bare environment, no descriptor of ours and ceilings on
 * processor time, memory, files; the whole group is killed when the time is over or the caller is cancelled, and
 * when our thread dies. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "err.h"

struct subprocess {
    const char *const
        *argv; /* NULL-terminated; argv[0] is looked up in PATH unless it holds a slash */
    int64_t timeout_ms;
    int cpu_seconds;
    uint64_t max_file_bytes;         /* of any file it writes */
    size_t max_out_bytes;            /* kept of standard output; the rest is read and dropped */
    bool (*is_cancelled)(void *arg); /* may be NULL */
    void *arg;
};

struct subprocess_result {
    int exit_code; /* -1 when a signal ended it */
    int signal;    /* 0 when it exited */
    bool timed_out;
    struct buf out;
    struct buf errors; /* standard error, at most 64 KiB */
};

/* True when the program ran to an end, whatever its exit code; the caller releases the result. ERR_STOPPING when
 * cancelled, ERR_STOP_PROVIDER when the program is not there, ERR_RETRY when no process could be made. */
bool subprocess_run(const struct subprocess *p, struct subprocess_result *ret,
                    struct err *e) MUST_CHECK;
void subprocess_release(struct subprocess_result *r);
