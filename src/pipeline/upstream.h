/* An upstream at work: an API of language models with what the process knows about it (its breaker, its
 * calls under way, how quick it is). Shared by all loops and by successive snapshots: one whose
 * configuration did not change goes on as it is. Reference counted; any thread. */
#pragma once

#include "chat/tokens.h"
#include "config/config.h"
#include "net/client.h"
#include "traffic/breaker.h"
#include "traffic/concurrency.h"
#include "traffic/latency.h"
#include "traffic/retry.h"

#include <stdatomic.h>

/* What was learned of one of its models: how its token counts compare with our estimates, and until when
 * there is no quota for it. Atomics. */
struct model_experience {
    struct model_experience *next;
    struct token_calibration counted; /* chat/count.h, text by text */
    struct token_calibration sized;   /* by bytes alone */
    _Atomic int64_t no_quota_until;   /* monotonic */
    char name[];
};

struct upstream {
    atomic_uint refs;
    const struct config *owner; /* keeps `config` alive */
    const struct config_upstream *config;
    struct http_origin *origin; /* NULL: the simulator */
    char *base;                 /* the beginning of its paths: "/v1", or "" */
    char *authorization;        /* the header that carries its key, or NULL */
    struct breaker_options breaker_options;
    struct breaker breaker;
    struct retry_options retry_options;
    struct retry_budget retry_budget;
    struct concurrency *concurrency;
    struct latency latency;                /* to the first byte */
    _Atomic int64_t complained_ns;         /* when its not taking our key was last logged; monotonic */
    _Atomic uint64_t calls[FAILURE_COUNT]; /* by how they ended */
    _Atomic(struct model_experience *) models;
};

/* `previous` (may be NULL): the one of that name in the snapshot before. NULL and *err when it cannot be
 * made: memory, or an authority's file that cannot be read. */
struct upstream *upstream_make(const struct config *owner, const struct config_upstream *config,
                               struct upstream *previous, struct error *err) MUST_USE;
struct upstream *upstream_ref(struct upstream *u);
void upstream_unref(struct upstream *u); /* NULL is fine */
/* It said that there is no quota left for that model: paying takes longer than a pause, so nobody asks for
 * the breaker's longest time, or as long as it said itself, if that is less. */
void upstream_has_no_quota(const struct upstream *u, struct model_experience *m, int64_t retry_after_ns,
                           int64_t now);
/* For how long; 0: it may be asked. */
static inline int64_t upstream_quota_wait(const struct model_experience *m, int64_t now) {
    int64_t until = atomic_load_explicit(&m->no_quota_until, memory_order_relaxed);
    return until > now ? until - now : 0;
}
/* Found, or begun. Lives as long as the upstream. Only where snapshots are built, one at a time. NULL: no
 * memory. */
struct model_experience *upstream_model(struct upstream *u, const char *name) MUST_USE;
