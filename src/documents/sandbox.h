/* Locks the calling process in before it touches a file from outside: limits, namespaces where the kernel
 * permits them, and a filter on system calls, from the outermost layer to the innermost. Linked into
 * `penstock-parser` and `penstock-sandbox` only; one call, early, single-threaded. */
#pragma once

#include "base/attributes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum sandbox_kind {
    SANDBOX_DECODER, /* talks over the descriptors it has; may open, start and create nothing */
    SANDBOX_PROGRAM, /* may exec the one program, once, which may open files for reading only */
};

struct sandbox_request {
    enum sandbox_kind kind;
    uint64_t memory_bytes; /* address space */
    unsigned cpu_seconds;  /* 0: no limit yet, the parent sets one for each job */
    /* SANDBOX_PROGRAM: the exec that is let through is told by these very pointers. */
    const char *program;
    char *const *arguments;
    char *const *environment;
};

/* Returns the layers that are on (enum sandbox_layer in documents.h), or -1 with a message in `why` when
 * even the filter or the limits could not be had: then nothing may be parsed. */
int sandbox_enter(const struct sandbox_request *request, char *why, size_t why_size) MUST_USE;
