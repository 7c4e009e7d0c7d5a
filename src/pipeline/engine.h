/* The process-wide parts that requests use, and each loop's own. The engine owns none of the parts that
 * it is given; it owns the current snapshot and the loops' states. */
#pragma once

#include "base/hash.h"
#include "cache/exact.h"
#include "cache/semantic.h"
#include "documents/documents.h"
#include "documents/scan.h"
#include "net/client.h"
#include "net/loop.h"
#include "pipeline/audit_pace.h"
#include "pipeline/snapshot.h"
#include "watch/metrics/metrics_window.h"
#include "watch/audit_watch.h"
#include "traffic/budget.h"
#include "watch/recorder.h"

struct engine_parts {
    struct recorder *recorder;
    struct metrics *metrics;
    struct monitors *monitors;       /* NULL: nobody watches */
    struct exact_cache *cache;       /* NULL: none */
    struct semantic_cache *semantic; /* NULL: none */
    struct parser_pool *parsers;     /* NULL: no endpoint accepts files */
    struct scanner *scanner;         /* NULL: off */
    struct work_pool *pool;
    struct budget *budget; /* NULL: none */
    struct session_table *sessions;
    struct arms *arms;             /* of the running rollouts */
    struct metrics_window *window; /* of `metrics` */
    struct audit_watch *audit;
    struct shadow_runner *shadows; /* NULL: nothing is mirrored */
    unsigned loops;
};

struct engine;

enum { ENGINE_AUDITS = 1024 };

/* A reply's headers and the memory for their numbers. */
enum { REPLY_HEADERS_MAX = 24, REPLY_TEXT_SIZE = 32 };

struct reply_headers {
    struct http_header list[REPLY_HEADERS_MAX];
    size_t count;
    char text[5][REPLY_TEXT_SIZE];
};

/* What one loop has. Only its own thread touches it. */
struct loop_state {
    struct engine *engine;
    const struct engine_parts *parts;
    struct loop *loop;
    struct http_client *client; /* to upstreams */
    unsigned index;
    struct snapshot *snapshot; /* for requests that begin now: engine_renew */
    struct metrics_shard *metrics;
    struct scratch *scratch; /* for predictions on the loop */
    struct buf reply;        /* reused, as `headers` are: good until the loop's next request */
    struct reply_headers headers;
    uint64_t requests_open;
    uint64_t chance;                         /* engine_chance */
    struct shadow_chat *shadows;             /* under way (pipeline/shadow.h) */
    struct audit_pace audits[ENGINE_AUDITS]; /* by the endpoint's metrics handle */
};

/* `first` becomes the engine's (its reference is taken). NULL when memory is out. */
struct engine *engine_new(const struct engine_parts *parts, struct snapshot *first) MUST_USE;
/* After the loops have ended. */
void engine_free(struct engine *e);

/* On the loop's thread, at its start. NULL when memory is out. */
struct loop_state *engine_loop_start(struct engine *e, struct loop *loop) MUST_USE;
void engine_loop_stop(struct loop_state *state);
/* 0 to below 1, another each time, of no use to adversaries. That loop's thread. */
static inline double engine_chance(struct loop_state *state) {
    state->chance += UINT64_C(0x9e3779b97f4a7c15);
    return (double)(hash64_u64(state->chance) >> 11) * 0x1p-53;
}

/* Every request that begins from now on, on whichever loop, sees `next` (its reference is taken). Main
 * thread. */
void engine_publish(struct engine *e, struct snapshot *next);
/* Before a request begins on the loop: its snapshot is the one last published. That loop's thread. */
void engine_renew(struct loop_state *state);
/* The one last published, with a reference for the caller. Any thread. */
struct snapshot *engine_snapshot(struct engine *e);

/* Work that another thread does for a request is counted, so that the process ends only when all of it has
 * come back. Any thread. */
void engine_outstanding_begin(struct engine *e);
void engine_outstanding_end(struct engine *e);
/* Waits until nothing is outstanding; false when `deadline` (monotonic ns) passed first. */
bool engine_wait_idle(struct engine *e, int64_t deadline);

/* Readiness. Any thread. */
void engine_set_draining(struct engine *e);
bool engine_draining(const struct engine *e);
