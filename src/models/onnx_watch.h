/* Stops what runs for too long: one thread that sleeps until the earliest limit. For runs of ONNX Runtime,
 * which take no deadline but can be told to stop. Any thread. */
#pragma once

#include "base/attributes.h"

#include <stdbool.h>
#include <stdint.h>

struct watched {
    int64_t deadline;        /* monotonic ns */
    void (*stop)(void *ctx); /* on the watch's thread, once, never after onnx_watch_end */
    void *ctx;
    bool stopped;
    struct watched *next, **at; /* its own */
};

/* False: the thread cannot be made. */
bool onnx_watch_begin(struct watched *w) MUST_USE;
void onnx_watch_end(struct watched *w);
