#include "store/presence.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

static bool open_lock(const char *folder, int *fd, struct error *err) {
    char path[4096];
    snprintf(path, sizeof path, "%s/server.lock", folder);
    *fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    return *fd >= 0 || fail(err, ERR_STORE, "Cannot open %s: %s.", path, strerror(errno));
}

/* *fd: -1 when somebody else has it. */
static bool lock(const char *folder, int how, int *fd, struct error *err) {
    int opened;
    if (!open_lock(folder, &opened, err))
        return false;
    int done, why = 0;
    while ((done = flock(opened, how)) < 0 && (why = errno) == EINTR)
        continue;
    if (done < 0)
        close(opened);
    *fd = done < 0 ? -1 : opened;
    return done == 0 || why == EWOULDBLOCK ||
           fail(err, ERR_STORE, "Cannot lock %s/server.lock: %s.", folder, strerror(why));
}

bool presence_hold(const char *folder, int *fd, struct error *err) {
    /* A command that has it to itself is done within seconds. */
    return lock(folder, LOCK_SH, fd, err);
}

bool presence_exclude(const char *folder, int *fd, struct error *err) {
    return lock(folder, LOCK_EX | LOCK_NB, fd, err);
}
