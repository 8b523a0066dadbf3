#include "confine.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "compiler.h"

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

#ifdef ARCHITECTURE
#define LOAD(field)                                                                                \
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (unsigned)offsetof(struct seccomp_data, field))
#define REFUSE     BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM)
#define DENY(name) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)(SYS_##name), 0, 1), REFUSE

/* A list of what is refused: a list of what is allowed would break with the next version of the C library. */
static void filter_calls(void)
{
    static struct sock_filter rules[] = {
        LOAD(arch),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0),
        REFUSE,
        LOAD(nr),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000u, 0, 1), /* the second ABI of x86-64 */
        REFUSE,
        DENY(socket),
        DENY(socketpair),
        DENY(connect),
        DENY(ptrace),
        DENY(process_vm_readv),
        DENY(process_vm_writev),
        DENY(mount),
        DENY(umount2),
        DENY(pivot_root),
        DENY(chroot),
        DENY(unshare),
        DENY(setns),
        DENY(add_key),
        DENY(request_key),
        DENY(keyctl),
        DENY(bpf),
        DENY(perf_event_open),
        DENY(userfaultfd),
        DENY(io_uring_setup),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog program = {.len = ARRAY_LEN(rules), .filter = rules};
    (void)prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program); /* a kernel without it */
}
#else
static void filter_calls(void)
{
}
#endif

void confine(void)
{
    if (unshare(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWIPC) != 0)
        (void)unshare(CLONE_NEWNET | CLONE_NEWIPC); /* root without user namespaces */
    (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    filter_calls();
}
