#include "documents/sandbox_filter.h"

#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/types.h>
#include <unistd.h>

static const int always_allowed[] = {
    SCMP_SYS(read),
    SCMP_SYS(write),
    SCMP_SYS(readv),
    SCMP_SYS(writev),
    SCMP_SYS(close),
    SCMP_SYS(lseek),
    SCMP_SYS(fstat),
    SCMP_SYS(newfstatat),
    SCMP_SYS(brk),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    SCMP_SYS(futex),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(time),
    SCMP_SYS(clock_getres),
    SCMP_SYS(getrandom),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(getpid),
    SCMP_SYS(gettid),
    SCMP_SYS(sched_yield),
    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(sysinfo),
    SCMP_SYS(uname),
    SCMP_SYS(getrusage),
    SCMP_SYS(times),
    SCMP_SYS(restart_syscall),
};

/* What a dynamically linked program needs to start, to look for fonts and to read its input. */
static const int program_allowed[] = {
    SCMP_SYS(arch_prctl), SCMP_SYS(set_tid_address), SCMP_SYS(set_robust_list),
    SCMP_SYS(rseq),       SCMP_SYS(pread64),         SCMP_SYS(stat),
    SCMP_SYS(lstat),      SCMP_SYS(statx),           SCMP_SYS(access),
    SCMP_SYS(faccessat),  SCMP_SYS(faccessat2),      SCMP_SYS(readlink),
    SCMP_SYS(readlinkat), SCMP_SYS(getdents64),      SCMP_SYS(statfs),
    SCMP_SYS(fstatfs),    SCMP_SYS(getcwd),          SCMP_SYS(fcntl),
    SCMP_SYS(fadvise64),  SCMP_SYS(getuid),          SCMP_SYS(geteuid),
    SCMP_SYS(getgid),     SCMP_SYS(getegid),         SCMP_SYS(mmap),
    SCMP_SYS(mprotect),
};

static const int fatal[] = {
    SCMP_SYS(execveat),
    SCMP_SYS(fork),
    SCMP_SYS(vfork),
    SCMP_SYS(clone),
    SCMP_SYS(clone3),
    SCMP_SYS(socket),
    SCMP_SYS(socketpair),
    SCMP_SYS(connect),
    SCMP_SYS(bind),
    SCMP_SYS(listen),
    SCMP_SYS(accept),
    SCMP_SYS(accept4),
    SCMP_SYS(ptrace),
    SCMP_SYS(kill),
    SCMP_SYS(process_vm_readv),
    SCMP_SYS(process_vm_writev),
    SCMP_SYS(mount),
    SCMP_SYS(umount2),
    SCMP_SYS(pivot_root),
    SCMP_SYS(chroot),
    SCMP_SYS(unshare),
    SCMP_SYS(setns),
    SCMP_SYS(bpf),
    SCMP_SYS(keyctl),
    SCMP_SYS(io_uring_setup),
    SCMP_SYS(userfaultfd),
    SCMP_SYS(perf_event_open),
    SCMP_SYS(open_by_handle_at),
    SCMP_SYS(init_module),
    SCMP_SYS(finit_module),
    SCMP_SYS(kexec_load),
    SCMP_SYS(pidfd_getfd),
};

/* Numbers below zero stand for calls that this architecture does not have. */
static bool add_all(scmp_filter_ctx filter, uint32_t action, const int *calls, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (calls[i] >= 0 && seccomp_rule_add(filter, action, calls[i], 0) != 0)
            return false;
    return true;
}

/* A decoder never makes memory executable: injected code has nowhere to run. */
static bool allow_plain_memory(scmp_filter_ctx filter) {
    return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
                            SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)) == 0 &&
           seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
                            SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)) == 0;
}

/* A decoder serves many jobs and CPU time counts over its whole life, so it gives itself a limit for each;
 * the pool may lack the privilege to do it from outside (CAP_SYS_RESOURCE, as in containers). It could lift
 * that one limit again if a file took it over: the pool's clock ends it all the same. */
static bool allow_own_cpu_limit(scmp_filter_ctx filter) {
    return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 2, SCMP_A0(SCMP_CMP_EQ, 0),
                            SCMP_A1(SCMP_CMP_EQ, RLIMIT_CPU)) == 0;
}

/* abort() must still work, upon oneself. */
static bool allow_abort(scmp_filter_ctx filter) {
    return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
                            SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid())) == 0;
}

static bool allow_reading_files(scmp_filter_ctx filter) {
    const scmp_datum_t writing = O_ACCMODE | O_CREAT | O_TRUNC | O_APPEND | (O_TMPFILE & ~O_DIRECTORY);
    if (seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(openat), 1,
                         SCMP_A2(SCMP_CMP_MASKED_EQ, writing, O_RDONLY)) != 0)
        return false;
    /* Asking for limits is fine, setting them is not. */
    return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 1, SCMP_A2(SCMP_CMP_EQ, 0)) == 0;
}

/* The exec is known by its three pointers into this process's memory. They mean nothing in the image that
 * follows, unless it maps memory at the same place; and even then it would only start another program in
 * the same sandbox. */
static bool allow_the_exec(scmp_filter_ctx filter, const struct sandbox_request *request) {
    return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(execve), 3,
                            SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)(uintptr_t)request->program),
                            SCMP_A1(SCMP_CMP_EQ, (scmp_datum_t)(uintptr_t)request->arguments),
                            SCMP_A2(SCMP_CMP_EQ, (scmp_datum_t)(uintptr_t)request->environment)) == 0;
}

bool sandbox_filter_load(const struct sandbox_request *request) {
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    if (!filter)
        return false;
    bool ok = add_all(filter, SCMP_ACT_ALLOW, always_allowed, ARRAY_COUNT(always_allowed)) &&
              add_all(filter, SCMP_ACT_KILL_PROCESS, fatal, ARRAY_COUNT(fatal)) && allow_abort(filter);
    if (ok && request->kind == SANDBOX_DECODER)
        ok = allow_plain_memory(filter) && allow_own_cpu_limit(filter) &&
             seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS, SCMP_SYS(execve), 0) == 0;
    else if (ok)
        ok = add_all(filter, SCMP_ACT_ALLOW, program_allowed, ARRAY_COUNT(program_allowed)) &&
             allow_reading_files(filter) && allow_the_exec(filter, request);
    ok = ok && seccomp_load(filter) == 0;
    seccomp_release(filter);
    return ok;
}
