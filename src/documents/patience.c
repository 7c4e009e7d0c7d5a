#include "documents/patience.h"

#include "base/check.h"
#include "base/clock.h"

#include <errno.h>
#include <sys/socket.h>

int64_t patience_left_ns(const struct patience *patience) {
    int64_t left = patience->until - clock_monotonic();
    return left > 0 ? left : 0;
}

enum wait_end patience_wait(const struct patience *patience, struct pollfd *fds, size_t count) {
    struct pollfd all[PATIENCE_MOST + 1];
    CHECK(count <= PATIENCE_MOST);
    for (size_t i = 0; i < count; i++)
        all[i] = fds[i];
    all[count] = (struct pollfd){.fd = patience->wake, .events = POLLIN};
    for (;;) {
        if (atomic_load(patience->cancelled))
            return WAIT_CANCELLED;
        int64_t left = patience_left_ns(patience);
        if (left == 0)
            return WAIT_LATE;
        struct timespec timeout = {.tv_sec = left / NS_PER_SECOND, .tv_nsec = left % NS_PER_SECOND};
        int ready = ppoll(all, count + 1, &timeout, NULL);
        if (ready < 0 && errno != EINTR)
            return WAIT_FAILED;
        bool any = false;
        for (size_t i = 0; i < count; i++) {
            fds[i].revents = ready > 0 ? all[i].revents : 0;
            any = any || fds[i].revents;
        }
        if (any)
            return WAIT_READY;
    }
}

static bool again(void) {
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

enum wait_end patience_send(const struct patience *patience, int fd, const void *bytes, size_t n) {
    const char *at = bytes;
    while (n > 0) {
        ssize_t put = send(fd, at, n, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (put > 0) {
            at += put;
            n -= (size_t)put;
            continue;
        }
        if (put < 0 && !again())
            return WAIT_FAILED;
        struct pollfd out = {.fd = fd, .events = POLLOUT};
        enum wait_end end = patience_wait(patience, &out, 1);
        if (end != WAIT_READY)
            return end;
    }
    return WAIT_READY;
}

enum wait_end patience_receive(const struct patience *patience, int fd, void *bytes, size_t n) {
    char *at = bytes;
    while (n > 0) {
        struct pollfd in = {.fd = fd, .events = POLLIN};
        enum wait_end end = patience_wait(patience, &in, 1);
        if (end != WAIT_READY)
            return end;
        ssize_t got = recv(fd, at, n, MSG_DONTWAIT);
        if (got == 0 || (got < 0 && !again()))
            return WAIT_FAILED;
        if (got > 0) {
            at += got;
            n -= (size_t)got;
        }
    }
    return WAIT_READY;
}

bool patience_fail(const struct patience *patience, enum wait_end end, struct error *err) {
    if (end == WAIT_CANCELLED)
        return fail(err, ERR_CANCELLED, "the document was no longer wanted");
    if (end == WAIT_LATE)
        return fail(
            err, ERR_DOCUMENT_TIMEOUT,
            "the document could not be read within %u ms; send a smaller or simpler file, or fewer pages",
            patience->allowed_ms);
    return fail(err, ERR_DOCUMENT_UNREADABLE, "the document could not be read: its parser process ended");
}
