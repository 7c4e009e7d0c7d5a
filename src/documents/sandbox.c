#include "documents/sandbox.h"

#include "documents/sandbox_filter.h"
#include "documents/sandbox_layer.h"
#include "documents/sandbox_root.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

enum { NOBODY = 65534, FIRST_FOREIGN_DESCRIPTOR = 4 };

static bool refuse(char *why, size_t size, const char *what) {
    snprintf(why, size, "the sandbox could not be set up: %s: %s", what, strerror(errno));
    return false;
}

/* A server that runs as root must not hand root to a decoder. Outside a user namespace this is the one
 * chance to leave root, since inside one only mapped users exist. */
static unsigned leave_root(void) {
    if (geteuid() != 0)
        return SANDBOX_NOT_ROOT;
    if (setgroups(0, NULL) != 0 || setresgid(NOBODY, NOBODY, NOBODY) != 0 ||
        setresuid(NOBODY, NOBODY, NOBODY) != 0)
        return 0;
    /* Changing user hides /proc/self from us, and the user map is written there. */
    prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
    return SANDBOX_NOT_ROOT;
}

static bool write_file(const char *path, const char *text) {
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t put = write(fd, text, strlen(text));
    close(fd);
    return put == (ssize_t)strlen(text);
}

/* Maps the user and group onto themselves: without a map, mount points cannot be made. */
static void map_self(uid_t user, gid_t group) {
    char line[64];
    snprintf(line, sizeof line, "%u %u 1\n", (unsigned)user, (unsigned)user);
    write_file("/proc/self/uid_map", line);
    write_file("/proc/self/setgroups", "deny");
    snprintf(line, sizeof line, "%u %u 1\n", (unsigned)group, (unsigned)group);
    write_file("/proc/self/gid_map", line);
}

/* Containers and hardened kernels may forbid namespaces: then we go on without, and say so. */
static unsigned enter_namespaces(enum sandbox_kind kind) {
    uid_t user = geteuid();
    gid_t group = getegid();
    unsigned layers = SANDBOX_OWN_USER | SANDBOX_NO_NETWORK | SANDBOX_OWN_IPC;
    int flags = CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS;
    if (kind == SANDBOX_PROGRAM)
        flags |= CLONE_NEWNS;
    if (unshare(flags) != 0)
        return 0;
    map_self(user, group);
    if (kind == SANDBOX_PROGRAM && sandbox_root_enter())
        layers |= SANDBOX_FILES_READ_ONLY;
    return layers;
}

static bool limit(int what, rlim_t soft, rlim_t hard) {
    struct rlimit now;
    if (getrlimit(what, &now) != 0)
        return false;
    /* A limit inherited from outside may be stricter than ours already. */
    if (hard > now.rlim_max)
        hard = now.rlim_max;
    if (soft > hard)
        soft = hard;
    return setrlimit(what, &(struct rlimit){soft, hard}) == 0;
}

/* CPU is a soft limit, for a decoder to set anew for each job; the filter lets nobody inside change the
 * others. */
static bool set_limits(const struct sandbox_request *request) {
    rlim_t files = request->kind == SANDBOX_DECODER ? 16 : 64;
    rlim_t cpu = request->cpu_seconds ? request->cpu_seconds : RLIM_INFINITY;
    return limit(RLIMIT_AS, request->memory_bytes, RLIM_INFINITY) && limit(RLIMIT_CPU, cpu, RLIM_INFINITY) &&
           limit(RLIMIT_FSIZE, 0, 0) && limit(RLIMIT_CORE, 0, 0) && limit(RLIMIT_NOFILE, files, files) &&
           limit(RLIMIT_MEMLOCK, 0, 0);
}

int sandbox_enter(const struct sandbox_request *request, char *why, size_t why_size) {
    unsigned layers = 0;
    if (close_range(FIRST_FOREIGN_DESCRIPTOR, ~0U, 0) != 0)
        return refuse(why, why_size, "close_range"), -1;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return refuse(why, why_size, "no_new_privs"), -1;
    layers |= SANDBOX_NO_NEW_PRIVILEGES;
    layers |= leave_root();
    layers |= enter_namespaces(request->kind);
    /* Cleared by the change of user, so set after it. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
        return refuse(why, why_size, "prctl"), -1;
    if (!set_limits(request))
        return refuse(why, why_size, "setrlimit"), -1;
    layers |= SANDBOX_LIMITS;
    if (!sandbox_filter_load(request))
        return refuse(why, why_size, "seccomp"), -1;
    layers |= SANDBOX_SYSTEM_CALLS;
    if (request->kind == SANDBOX_DECODER)
        layers |= SANDBOX_FILES_READ_ONLY;
    return (int)layers;
}
