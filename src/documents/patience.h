/* How long one job's thread may wait, and who may wake it early. Every wait for a child process goes
 * through here, so that each has a deadline and can be cancelled. One thread of the pool each. */
#pragma once

#include "base/attributes.h"
#include "base/error.h"

#include <poll.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct patience {
    int64_t until;                /* clock_monotonic ns */
    int wake;                     /* an eventfd that becomes readable when somebody cancels */
    const atomic_bool *cancelled; /* whether it was this job that they meant */
    unsigned allowed_ms;          /* for the message: how long the job was given */
};

enum wait_end { WAIT_READY, WAIT_LATE, WAIT_CANCELLED, WAIT_FAILED };

int64_t patience_left_ns(const struct patience *patience);

/* Waits for one of up to PATIENCE_MOST descriptors; their revents are set as by poll. */
enum { PATIENCE_MOST = 4 };
enum wait_end patience_wait(const struct patience *patience, struct pollfd *fds, size_t count) MUST_USE;

/* Exactly n bytes, to or from a socket whose other side is not trusted to answer. WAIT_FAILED when it
 * closed. */
enum wait_end patience_send(const struct patience *patience, int fd, const void *bytes, size_t n) MUST_USE;
enum wait_end patience_receive(const struct patience *patience, int fd, void *bytes, size_t n) MUST_USE;

/* The error for a wait that ended late or cancelled; returns false. */
bool patience_fail(const struct patience *patience, enum wait_end end, struct error *err);
