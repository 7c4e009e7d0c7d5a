/* Asks a running server many things, some at once, and waits for all of them. Owns a loop with its thread and
 * the connections; callbacks come on that thread, one at a time, while asker_run waits. Every request has a
 * deadline; what may pass (429, 503, no connection) is tried again, a bounded number of times. */
#pragma once

#include "base/buf.h"
#include "base/error.h"

#include <stddef.h>

struct asker;

struct asker_options {
    struct str url; /* "http://127.0.0.1:8080" */
    struct str key; /* sent as a bearer; "" none. Borrowed */
    const char *ca_file;
    unsigned at_once;   /* 0: 4 */
    int64_t timeout_ns; /* of one request; 0: 120 s */
};

struct asker *asker_new(const struct asker_options *o, struct error *err) MUST_USE;
void asker_free(struct asker *a); /* NULL is fine */

struct asker_reply {
    int status;      /* 0: none, `problem` says why */
    struct str body; /* borrowed */
    double latency_ms;
    double cost_usd;  /* the server's word; NaN unknown */
    struct str model; /* "" unknown */
    const char *problem;
};

struct asker_question {
    struct buf path, body;
    const char *type; /* of the body; application/json unless said */
};

struct asker_job {
    size_t count;
    /* What is asked i-th, into empty buffers. False ends the job. */
    bool (*write)(void *ctx, size_t i, struct asker_question *q);
    /* False ends the job: nothing more is asked. */
    bool (*take)(void *ctx, size_t i, const struct asker_reply *reply);
    void *ctx;
};

struct progress {
    void (*tell)(void *ctx, size_t done, size_t all); /* any thread, one at a time */
    void *ctx;
};

/* Returns when all were answered or the job was ended. Replies that never came are told to `take`, too; after
 * ASKER_PATIENCE of them before any reply the rest is not asked. */
enum { ASKER_PATIENCE = 10 };
void asker_run(struct asker *a, const struct asker_job *job, const struct progress *progress);
