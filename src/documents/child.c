#include "documents/child.h"

#include "base/check.h"
#include "base/log.h"
#include "documents/frame.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Copies above the numbers that children get, so that dup2 never overwrites a source still needed. */
enum { ABOVE = 16 };

static bool lift(const int from[CHILD_DESCRIPTORS], int to[CHILD_DESCRIPTORS]) {
    bool ok = true;
    for (int i = 0; i < CHILD_DESCRIPTORS; i++) {
        to[i] = from[i] < 0 ? -1 : fcntl(from[i], F_DUPFD_CLOEXEC, ABOVE);
        ok = ok && (from[i] < 0 || to[i] >= 0);
    }
    return ok;
}

static bool add_descriptors(posix_spawn_file_actions_t *actions, const int lifted[CHILD_DESCRIPTORS]) {
    for (int i = 0; i < CHILD_DESCRIPTORS; i++) {
        if (lifted[i] >= 0) {
            if (posix_spawn_file_actions_adddup2(actions, lifted[i], i) != 0)
                return false;
        } else if (i < CHILD_DESCRIPTORS - 1) {
            if (posix_spawn_file_actions_addopen(actions, i, "/dev/null", O_RDWR, 0) != 0)
                return false;
        }
    }
    return true;
}

/* The child starts with no signal blocked or ignored, whatever the server does with its own. */
static bool set_signals(posix_spawnattr_t *attributes) {
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    return posix_spawnattr_setsigmask(attributes, &none) == 0 &&
           posix_spawnattr_setsigdefault(attributes, &all) == 0 &&
           posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF) == 0;
}

bool child_spawn(const char *program, char *const arguments[], char *const environment[],
                 const int descriptors[CHILD_DESCRIPTORS], pid_t *pid, struct error *err) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int lifted[CHILD_DESCRIPTORS];
    int code = ENOMEM;
    bool ready = lift(descriptors, lifted);
    if (posix_spawn_file_actions_init(&actions) == 0) {
        if (posix_spawnattr_init(&attributes) == 0) {
            if (ready && add_descriptors(&actions, lifted) && set_signals(&attributes))
                code = posix_spawn(pid, program, &actions, &attributes, arguments, environment);
            posix_spawnattr_destroy(&attributes);
        }
        posix_spawn_file_actions_destroy(&actions);
    }
    for (int i = 0; i < CHILD_DESCRIPTORS; i++)
        if (lifted[i] >= 0)
            close(lifted[i]);
    if (code != 0)
        return fail(err, ERR_INTERNAL, "%s could not be started: %s", program, strerror(code));
    return true;
}

static enum child_end reap(pid_t pid, int *status) {
    int raw = 0;
    *status = 0;
    while (waitpid(pid, &raw, 0) < 0)
        if (errno != EINTR)
            return CHILD_CRASHED;
    if (WIFEXITED(raw)) {
        *status = WEXITSTATUS(raw);
        return *status == FRAME_EXIT_MEMORY ? CHILD_OUT_OF_MEMORY : CHILD_EXITED;
    }
    *status = WTERMSIG(raw);
    switch (*status) {
    case SIGXCPU: return CHILD_OUT_OF_CPU;
    case SIGSYS: return CHILD_FORBIDDEN;
    case SIGKILL: return CHILD_OUT_OF_MEMORY;
    default: return CHILD_CRASHED;
    }
}

enum child_end child_kill(pid_t pid, int *status) {
    /* 0 and below would mean whole groups of processes. */
    CHECK(pid > 0);
    kill(pid, SIGKILL);
    return reap(pid, status);
}

bool child_fail(enum child_end end, int status, struct error *err) {
    switch (end) {
    case CHILD_OUT_OF_MEMORY:
        return fail(err, ERR_DOCUMENT_TOO_COMPLEX,
                    "the document needs more memory to read than is allowed; send a smaller or simpler file");
    case CHILD_OUT_OF_CPU:
        return fail(
            err, ERR_DOCUMENT_TOO_COMPLEX,
            "the document needs more computing time to read than is allowed; send a smaller or simpler "
            "file");
    case CHILD_FORBIDDEN:
        log_event(
            LOG_ERROR, "parser.forbidden_call",
            "a document made its parser attempt a forbidden system call; the sandbox ended the process");
        return fail(err, ERR_DOCUMENT_UNREADABLE,
                    "the document made its parser attempt something forbidden and was rejected");
    case CHILD_EXITED:
    case CHILD_CRASHED: break;
    }
    return fail(err, ERR_DOCUMENT_UNREADABLE,
                "the document broke its parser (%s %d); it may be damaged: save it anew and send it again",
                end == CHILD_EXITED ? "exit status" : "signal", status);
}
